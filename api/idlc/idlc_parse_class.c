/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_parse_class - classes, fields and messages
 *
 *   class NAME [listed|private|internal|live|extension]... "doc" {
 *       [writer ROLE]                      default role of its setters
 *       field NAME: type QUALIFIER [attribute]... "doc"
 *       message NAME(params) -> type { attribute... "doc" }
 *   }
 *
 * Field attributes: live internal required create default VALUE unique lookup
 * indexed inverse CLASS.FIELD writer ROLE extension deprecated setter.
 * Message attributes: role ROLE, run read|write|work, async, operation OP,
 * errors CODE..., nosession bare extension deprecated surplus.
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_pass.h"

#include <string.h>

/* An attribute without a value: its word and where its bool lies. */
struct flag {
	const char *word;
	size_t offset;
};

/* accept_flag - take the word ahead if it is one of the flags of an object */
static bool
accept_flag(const struct flag *flags, void *object)
{
	for (; flags->word != NULL; flags++) {
		if (!idlc_lex_accept(flags->word))
			continue;
		*(bool *)((char *)object + flags->offset) = true;
		return true;
	}
	return false;
}

/* once - an attribute that is given a second time is an error */
static void
once(const char *already, const char *what, int line)
{
	if (already != NULL)
		idlc_die(line, "%s is given twice", what);
}

static void
parse_qualifier(struct idlc_field *f)
{
	if (idlc_lex_accept("RW"))
		f->qualifier = IDLC_RW;
	else if (idlc_lex_accept("SRO"))
		f->qualifier = IDLC_SRO;
	else if (idlc_lex_accept("DRO"))
		f->qualifier = IDLC_DRO;
	else
		idlc_die(idlc_lex_peek()->line,
		    "RW, SRO or DRO expected, not \"%s\"",
		    idlc_lex_peek()->text);
}

static void
parse_field_attributes(struct idlc_field *f)
{
	static const struct flag flags[] = {
	    {"live", offsetof(struct idlc_field, live)},
	    {"internal", offsetof(struct idlc_field, internal)},
	    {"required", offsetof(struct idlc_field, required)},
	    {"create", offsetof(struct idlc_field, create)},
	    {"unique", offsetof(struct idlc_field, unique)},
	    {"lookup", offsetof(struct idlc_field, lookup)},
	    {"indexed", offsetof(struct idlc_field, indexed)},
	    {"extension", offsetof(struct idlc_field, extension)},
	    {"deprecated", offsetof(struct idlc_field, deprecated)},
	    {"setter", offsetof(struct idlc_field, setter)},
	    {NULL, 0},
	};

	while (idlc_lex_peek()->kind == IDLC_WORD) {
		int line = idlc_lex_peek()->line;

		if (accept_flag(flags, f))
			continue;
		if (idlc_lex_accept("default")) {
			once(f->initial.text, "default", line);
			f->initial = idlc_parse_value();
		} else if (idlc_lex_accept("writer")) {
			once(f->writer, "writer", line);
			f->writer = idlc_lex_word("a role");
		} else if (idlc_lex_accept("inverse")) {
			once(f->inverse_class, "inverse", line);
			f->inverse_class = idlc_lex_word("a class");
			idlc_lex_expect(".");
			f->inverse_field = idlc_lex_word("a field");
		} else {
			idlc_die(line, "unknown attribute \"%s\" of field %s",
			    idlc_lex_peek()->text, f->name);
		}
	}
}

static void
parse_field(struct idlc_tree *t, struct idlc_class *c)
{
	struct idlc_field *f = idlc_alloc(sizeof(*f));
	struct idlc_field *last = c->fields;

	f->line = idlc_lex_peek()->line;
	f->name = idlc_lex_word("the name of a field");
	idlc_lex_expect(":");
	f->type = idlc_type_parse(t);
	parse_qualifier(f);
	parse_field_attributes(f);
	f->doc = idlc_lex_doc(idlc_text("the doc of field %s", f->name));
	while (last != NULL && last->next != NULL)
		last = last->next;
	f->index = last == NULL ? 0 : last->index + 1;
	idlc_append(&c->fields, f);
}

/* parse_codes - error codes: words in capitals */
static void
parse_codes(struct idlc_message *m)
{
	do {
		struct idlc_name *n = idlc_alloc(sizeof(*n));

		n->line = idlc_lex_peek()->line;
		n->text = idlc_lex_word("an error code");
		idlc_append(&m->errors, n);
	} while (idlc_lex_peek()->kind == IDLC_WORD &&
		 strcmp(idlc_lex_peek()->text,
		     idlc_upper(idlc_lex_peek()->text)) == 0);
}

static void
parse_message_attributes(struct idlc_message *m)
{
	static const struct flag flags[] = {
	    {"async", offsetof(struct idlc_message, async)},
	    {"nosession", offsetof(struct idlc_message, nosession)},
	    {"bare", offsetof(struct idlc_message, bare)},
	    {"extension", offsetof(struct idlc_message, extension)},
	    {"deprecated", offsetof(struct idlc_message, deprecated)},
	    {"surplus", offsetof(struct idlc_message, surplus)},
	    {NULL, 0},
	};

	while (idlc_lex_peek()->kind == IDLC_WORD) {
		int line = idlc_lex_peek()->line;

		if (accept_flag(flags, m))
			continue;
		if (idlc_lex_accept("role")) {
			once(m->role, "role", line);
			m->role = idlc_lex_word("a role");
		} else if (idlc_lex_accept("run")) {
			once(m->run, "run", line);
			m->run = idlc_lex_word("read, write or work");
		} else if (idlc_lex_accept("operation")) {
			once(m->operation, "operation", line);
			m->operation = idlc_lex_word("an operation");
		} else if (idlc_lex_accept("errors")) {
			parse_codes(m);
		} else {
			idlc_die(line, "unknown attribute \"%s\" of message %s",
			    idlc_lex_peek()->text, m->name);
		}
	}
}

void
idlc_parse_message(struct idlc_tree *t, struct idlc_class *cls)
{
	struct idlc_message *m = idlc_alloc(sizeof(*m));
	const char *name;

	m->line = idlc_lex_peek()->line;
	m->cls = cls;
	name = idlc_lex_word("the name of a message");
	if (cls != NULL) {
		m->name = idlc_text("%s.%s", cls->name, name);
	} else {
		idlc_lex_expect(".");
		m->name = idlc_text(
		    "%s.%s", name, idlc_lex_word("the name of a message"));
	}
	m->c_name = idlc_lower(m->name);
	idlc_lex_expect("(");
	m->params = idlc_parse_params(t);
	idlc_lex_expect("->");
	m->result = idlc_type_parse(t);
	idlc_lex_expect("{");
	parse_message_attributes(m);
	m->doc = idlc_lex_doc(idlc_text("the doc of message %s", m->name));
	idlc_lex_expect("}");
	idlc_append(cls != NULL ? &cls->messages : &t->messages, m);
}

void
idlc_parse_class(struct idlc_tree *t)
{
	static const struct flag flags[] = {
	    {"listed", offsetof(struct idlc_class, listed)},
	    {"private", offsetof(struct idlc_class, is_private)},
	    {"internal", offsetof(struct idlc_class, internal)},
	    {"live", offsetof(struct idlc_class, live)},
	    {"extension", offsetof(struct idlc_class, extension)},
	    {NULL, 0},
	};
	struct idlc_class *c = idlc_alloc(sizeof(*c));

	c->line = idlc_lex_peek()->line;
	c->name = idlc_lex_word("the name of a class");
	c->c_name = idlc_lower(c->name);
	while (idlc_lex_peek()->kind == IDLC_WORD)
		if (!accept_flag(flags, c))
			idlc_die(idlc_lex_peek()->line,
			    "unknown attribute \"%s\" of class %s",
			    idlc_lex_peek()->text, c->name);
	c->doc = idlc_lex_doc(idlc_text("the doc of class %s", c->name));
	idlc_lex_expect("{");
	while (!idlc_lex_accept("}")) {
		if (idlc_lex_accept("writer"))
			c->writer = idlc_lex_word("a role");
		else if (idlc_lex_accept("field"))
			parse_field(t, c);
		else if (idlc_lex_accept("message"))
			idlc_parse_message(t, c);
		else
			idlc_die(idlc_lex_peek()->line,
			    "writer, field, message or \"}\" expected, "
			    "not \"%s\"",
			    idlc_lex_peek()->text);
	}
	idlc_append(&t->classes, c);
}
