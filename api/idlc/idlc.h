/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDLC_H
#define IDLC_H

/*
 * idlc - compiles xenapi-memory.idl into C tables, a schema and a manual
 *
 *   idlc FILE.idl DIR
 *
 * Four passes, in this order: idlc_lex.c cuts the text into tokens,
 * idlc_parse*.c build the tree below, idlc_check*.c resolve names and judge
 * it, idlc_expand.c adds the messages that fields imply (getters, setters,
 * ...), idlc_emit_*.c print it.  Nothing here knows a class, field or message
 * by name: everything it must know stands in the IDL.
 *
 * The tree is made of singly linked lists in IDL order; it lives until exit
 * and is never freed (the program runs for some milliseconds).
 *
 * DIAGNOSTICS "file:line: what is wrong" on standard error, exit 1, no output.
 * A syntax error ends the run; errors of meaning are all listed.
 * BUGS one input file; sets and maps have only the empty default.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* ---- diagnostics and memory (idlc_main.c) ---- */

/*
 * idlc_die - report an error of the IDL and exit; nothing was written yet
 * idlc_complain - report one and go on; idlc_errors counts them
 */
_Noreturn void idlc_die(int line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void idlc_complain(int line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
extern int idlc_errors;

/*
 * idlc_alloc - n zeroed bytes, or exit
 * idlc_text - a printf-formatted string in memory of its own, or exit
 * idlc_lower, idlc_upper - the same text as part of a C name: other case,
 *         whatever is no letter or digit as '_'
 */
void *idlc_alloc(size_t n);
char *idlc_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *idlc_lower(const char *s);
const char *idlc_upper(const char *s);

/* ---- tokens (idlc_lex.c) ---- */

enum idlc_token_kind {
	IDLC_EOF,
	IDLC_WORD,   /* vm_power_state, read-only */
	IDLC_NUMBER, /* 12, -1, 1.0 */
	IDLC_STRING, /* the text without its quotes, escapes done */
	IDLC_PUNCT,  /* one of { } ( ) : , = . or -> or ... */
};

struct idlc_token {
	enum idlc_token_kind kind;
	const char *text;
	int line;
};

/*
 * idlc_lex_open - start on a text; it must outlive the run
 * idlc_lex_peek - the token ahead
 * idlc_lex_next - take the token ahead
 */
void idlc_lex_open(const char *text);
const struct idlc_token *idlc_lex_peek(void);
struct idlc_token idlc_lex_next(void);

/*
 * idlc_lex_accept - take the token ahead if it is this word or sign
 * idlc_lex_expect - the same, but anything else is a syntax error
 * idlc_lex_word, idlc_lex_doc - take a word; take adjacent strings as one,
 *         joined with a space; what says in the error what was wanted
 */
bool idlc_lex_accept(const char *text);
void idlc_lex_expect(const char *text);
const char *idlc_lex_word(const char *what);
const char *idlc_lex_doc(const char *what);

/* ---- the tree ---- */

enum idlc_kind {
	IDLC_T_VOID,
	IDLC_T_STRING,
	IDLC_T_INT,
	IDLC_T_FLOAT,
	IDLC_T_BOOL,
	IDLC_T_DATETIME,
	IDLC_T_REF,
	IDLC_T_ENUM,
	IDLC_T_SET,
	IDLC_T_MAP,
	IDLC_T_RECORD,
};

struct idlc_type {
	struct idlc_type *next;
	int line; /* where it is first used */
	enum idlc_kind kind;
	const char *unit;	/* enum idl_unit by name */
	const char *shown;	/* as written: "map(string, bytes)" */
	const char *c_name;	/* idl_type_<c_name> */
	struct idlc_type *key;	/* MAP */
	struct idlc_type *elem; /* SET, MAP */
	const char *name;	/* REF, RECORD: class; ENUM: enum */
	struct idlc_class *cls; /* resolved; NULL for "any" */
	struct idlc_enum *en;	/* resolved */
};

/* A literal after "default" or "=". */
struct idlc_value {
	enum idlc_token_kind kind; /* PUNCT: the empty {}; EOF: none given */
	const char *text;
	int line;
	const char *c_init; /* filled in by the check: C initialiser */
};

/* A name that the check resolves. */
struct idlc_name {
	struct idlc_name *next;
	const char *text;
	int line;
};

struct idlc_role {
	struct idlc_role *next;
	int line, index;
	const char *name, *doc;
};

struct idlc_enum {
	struct idlc_enum *next;
	int line, nvalues;
	const char *name, *doc;
	struct idlc_name *values;
};

struct idlc_operation {
	struct idlc_operation *next;
	int line, index;
	const char *name, *printed, *doc;
	struct idlc_name *states, *control;
	bool is_template, is_snapshot, is_control, is_listed;
};

struct idlc_param {
	struct idlc_param *next;
	int line;
	const char *name;
	struct idlc_type *type;
	struct idlc_value initial;
	bool nullable;
};

struct idlc_error {
	struct idlc_error *next;
	int line, nparams;
	const char *code, *sentence;
	struct idlc_param *params;
	bool variadic;
};

enum idlc_qualifier { IDLC_RW, IDLC_SRO, IDLC_DRO };

struct idlc_field {
	struct idlc_field *next;
	int line, index;
	const char *name, *doc;
	struct idlc_type *type;
	enum idlc_qualifier qualifier;
	bool live, internal, required, create, unique, lookup, indexed,
	    extension, deprecated, setter;
	struct idlc_value initial;
	const char *writer;			   /* NULL: the class's */
	int writer_index;			   /* resolved */
	const char *inverse_class, *inverse_field; /* NULL: no inverse */
	struct idlc_class *inverse_cls;		   /* resolved */
	struct idlc_field *inverse_fld;		   /* resolved */
};

struct idlc_message {
	struct idlc_message *next;
	int line;
	struct idlc_class *cls; /* NULL: belongs to no class */
	const char *name;	/* "VM.set_memory" */
	const char *c_name;	/* "vm_set_memory" */
	const char *doc;
	struct idlc_param *params;
	struct idlc_type *result;
	const char *role, *run, *operation; /* NULL: not given */
	int role_index;			    /* resolved */
	struct idlc_operation *op;	    /* resolved */
	struct idlc_name *errors;
	bool async, nosession, bare, extension, deprecated, surplus;
	const char *generic; /* its handler if it is one of api_generic_* */
	struct idlc_field *field; /* of messages that a field implies */
};

struct idlc_class {
	struct idlc_class *next;
	int line, index;
	const char *name, *c_name, *doc;
	bool listed, is_private, internal, live, extension;
	const char *writer;
	struct idlc_field *fields;
	struct idlc_message *messages;
};

/* All of it. */
struct idlc_tree {
	const char *file;
	struct idlc_role *roles;
	struct idlc_enum *enums;
	const char *operations_enum; /* name of the enum the operations make */
	const char *states_enum;     /* the enum that their states are of */
	const char *operations_doc;
	int operations_line;
	struct idlc_operation *operations;
	struct idlc_error *errors;
	struct idlc_class *classes;
	struct idlc_message *messages; /* of no class */
	struct idlc_type *types;
	/* filled in by idlc_expand */
	struct idlc_message **sorted; /* every message, by name */
	int nsorted;
	int nroles;
};

/*
 * idlc_append - put an item (whose first member is its next) last in a list
 */
void idlc_append(void *list, void *item);

/* ---- passes ---- */

/*
 * idlc_parse - the tree of an IDL text
 * idlc_parse_class - "class" has been taken: the rest of it
 * idlc_parse_message - "message" has been taken; cls NULL: of no class
 * idlc_parse_params - "(" has been taken: parameters up to ")"
 * idlc_parse_value - a literal
 */
void idlc_parse(struct idlc_tree *t, const char *text);
void idlc_parse_class(struct idlc_tree *t);
void idlc_parse_message(struct idlc_tree *t, struct idlc_class *cls);
struct idlc_param *idlc_parse_params(struct idlc_tree *t);
struct idlc_value idlc_parse_value(void);

/*
 * idlc_type_parse - a type as written; one object for each distinct type
 * idlc_type_make - the set or ref type that a generic message needs
 * idlc_type_c - its C type in structs, with a blank unless it ends in '*'
 * idlc_type_kind - its enum idl_kind by name
 */
struct idlc_type *idlc_type_parse(struct idlc_tree *t);
struct idlc_type *idlc_type_set(struct idlc_tree *t, struct idlc_type *elem);
struct idlc_type *idlc_type_map(
    struct idlc_tree *t, struct idlc_type *key, struct idlc_type *elem);
struct idlc_type *idlc_type_class(
    struct idlc_tree *t, enum idlc_kind kind, const char *cls, int line);
struct idlc_type *idlc_type_plain(struct idlc_tree *t, const char *word);
const char *idlc_type_c(const struct idlc_type *ty);
const char *idlc_type_kind(const struct idlc_type *ty);

/*
 * idlc_check - resolve names, fill in what is implied, complain
 * idlc_check_value - judge a literal against its type; fills in c_init
 * idlc_check_class, idlc_check_message - parts of it, in files of their own
 * idlc_role_find, ... - by name; NULL when there is none
 */
void idlc_check(struct idlc_tree *t);
void idlc_check_value(struct idlc_value *v, const struct idlc_type *ty);
void idlc_check_class(struct idlc_tree *t, struct idlc_class *c);
void idlc_check_message(struct idlc_tree *t, struct idlc_message *m);
struct idlc_role *idlc_role_find(struct idlc_tree *t, const char *name);
struct idlc_enum *idlc_enum_find(struct idlc_tree *t, const char *name);
struct idlc_class *idlc_class_find(struct idlc_tree *t, const char *name);
int idlc_enum_value(const struct idlc_enum *e, const char *value);

/*
 * idlc_expand - add the generic messages, sort all of them by name
 */
void idlc_expand(struct idlc_tree *t);

/* ---- output ---- */

/*
 * idlc_quoted - a string as a C literal
 */
const char *idlc_quoted(const char *s);

/*
 * idlc_args_name - the struct that holds the arguments of a message
 */
const char *idlc_args_name(const struct idlc_message *m);
/*
 * idlc_emit_* - one output file, or a part of one
 */
void idlc_emit_errors_h(const struct idlc_tree *t, FILE *f);
void idlc_emit_types_h(const struct idlc_tree *t, FILE *f);
void idlc_emit_tables_c(const struct idlc_tree *t, FILE *f);
void idlc_emit_classes(const struct idlc_tree *t, FILE *f);
void idlc_emit_handlers_h(const struct idlc_tree *t, FILE *f);
void idlc_emit_rows_c(const struct idlc_tree *t, FILE *f);
void idlc_emit_schema_sql(const struct idlc_tree *t, FILE *f);
void idlc_emit_manual_md(const struct idlc_tree *t, FILE *f);

#endif
