/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDLC_TREE_H
#define IDLC_TREE_H

/*
 * idlc_tree - what an IDL says
 *
 * Made of singly linked lists in IDL order.  The parser leaves names as they
 * were written; what the check puts in their place is marked "resolved".
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>

#include "api/idlc/idlc_lex.h"

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
	bool is_builder;
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
	const char *code, *printed, *sentence;
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

#endif
