/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_parse - roles, enums, operations, errors and parameters
 *
 *   role NAME "doc"                                      strongest first
 *   enum NAME "doc" { value value ... }
 *   operations ENUM of STATES "doc"      the enum that operations make up
 *   operation NAME { states S ... [control S ...] [print "text"]
 *       [template] [snapshot] [oncontrol] [listed] [builder]
 *       "doc" }
 *   error CODE(param: type, ... [...]) [print "Code"] "sentence"
 *   class ...                                            idlc_parse_class.c
 *   message name.name(params) -> type { ... }            idlc_parse_class.c
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_pass.h"

#include <string.h>

/* parse_names - words as long as they name no attribute that may follow */
static struct idlc_name *
parse_names(const char *what, const char *const *stop)
{
	struct idlc_name *list = NULL, *n;
	const struct idlc_token *tok = idlc_lex_peek();
	int i;

	do {
		n = idlc_alloc(sizeof(*n));
		n->line = tok->line;
		n->text = idlc_lex_word(what);
		idlc_append(&list, n);
		if (tok->kind != IDLC_WORD)
			return list;
		for (i = 0; stop[i] != NULL; i++)
			if (strcmp(tok->text, stop[i]) == 0)
				return list;
	} while (true);
}

/* take_string - one string, not joined with a doc that follows */
static const char *
take_string(const char *what)
{
	if (idlc_lex_peek()->kind != IDLC_STRING)
		idlc_die(idlc_lex_peek()->line, "%s expected", what);
	return idlc_lex_next().text;
}

static void
parse_role(struct idlc_tree *t)
{
	struct idlc_role *r = idlc_alloc(sizeof(*r));

	r->line = idlc_lex_peek()->line;
	r->name = idlc_lex_word("the name of a role");
	r->doc = idlc_lex_doc("the doc of the role");
	idlc_append(&t->roles, r);
}

static void
parse_enum(struct idlc_tree *t)
{
	struct idlc_enum *e = idlc_alloc(sizeof(*e));
	struct idlc_name *v;

	e->line = idlc_lex_peek()->line;
	e->name = idlc_lex_word("the name of an enum");
	e->doc = idlc_lex_doc("the doc of the enum");
	idlc_lex_expect("{");
	do {
		v = idlc_alloc(sizeof(*v));
		v->line = idlc_lex_peek()->line;
		if (idlc_lex_peek()->kind == IDLC_STRING)
			v->text = idlc_lex_next().text;
		else
			v->text = idlc_lex_word("a value");
		idlc_append(&e->values, v);
		e->nvalues++;
	} while (!idlc_lex_accept("}"));
	idlc_append(&t->enums, e);
}

static void
parse_operations(struct idlc_tree *t)
{
	int line = idlc_lex_peek()->line;

	if (t->operations_enum != NULL)
		idlc_die(line, "operations is given twice");
	t->operations_line = line;
	t->operations_enum = idlc_lex_word("the name of an enum");
	idlc_lex_expect("of");
	t->states_enum = idlc_lex_word("the enum of the states");
	t->operations_doc = idlc_lex_doc("the doc of the enum");
}

static void
parse_operation(struct idlc_tree *t)
{
	static const char *const stop[] = {"control", "print", "template",
	    "snapshot", "oncontrol", "listed", "builder", NULL};
	struct idlc_operation *o = idlc_alloc(sizeof(*o));

	o->line = idlc_lex_peek()->line;
	o->name = o->printed = idlc_lex_word("the name of an operation");
	idlc_lex_expect("{");
	while (idlc_lex_peek()->kind == IDLC_WORD) {
		int line = idlc_lex_peek()->line;

		if (idlc_lex_accept("states"))
			o->states = parse_names("a state", stop);
		else if (idlc_lex_accept("control"))
			o->control = parse_names("a state", stop);
		else if (idlc_lex_accept("print"))
			o->printed = take_string("the printed name");
		else if (idlc_lex_accept("template"))
			o->is_template = true;
		else if (idlc_lex_accept("snapshot"))
			o->is_snapshot = true;
		else if (idlc_lex_accept("oncontrol"))
			o->is_control = true;
		else if (idlc_lex_accept("builder"))
			o->is_builder = true;
		else if (idlc_lex_accept("listed"))
			o->is_listed = true;
		else
			idlc_die(line, "unknown attribute \"%s\" of operation",
			    idlc_lex_peek()->text);
	}
	o->doc = idlc_lex_doc("the doc of the operation");
	idlc_lex_expect("}");
	idlc_append(&t->operations, o);
}

/* take_repeat - "..." after the last parameter of an error */
static bool
take_repeat(const struct idlc_error *e)
{
	if (!idlc_lex_accept("..."))
		return false;
	if (e->params == NULL)
		idlc_die(e->line, "\"...\" repeats nothing");
	return true;
}

static void
parse_error(struct idlc_tree *t)
{
	struct idlc_error *e = idlc_alloc(sizeof(*e));
	struct idlc_param *p;

	e->line = idlc_lex_peek()->line;
	e->code = e->printed = idlc_lex_word("an error code");
	if (idlc_lex_accept("(") && !idlc_lex_accept(")")) {
		do {
			p = idlc_alloc(sizeof(*p));
			p->line = idlc_lex_peek()->line;
			p->name = idlc_lex_word("the name of a parameter");
			idlc_lex_expect(":");
			p->type = idlc_type_parse(t);
			idlc_append(&e->params, p);
			e->nparams++;
			e->variadic = take_repeat(e);
		} while (!e->variadic && idlc_lex_accept(","));
		idlc_lex_expect(")");
	}
	if (idlc_lex_accept("print"))
		e->printed = take_string("the printed code");
	e->sentence = idlc_lex_doc("the sentence of the error");
	idlc_append(&t->errors, e);
}

struct idlc_value
idlc_parse_value(void)
{
	struct idlc_token tok = idlc_lex_next();
	struct idlc_value v = {tok.kind, tok.text, tok.line, NULL};

	if (tok.kind == IDLC_EOF)
		idlc_die(tok.line, "a value is missing");
	if (tok.kind != IDLC_PUNCT)
		return v;
	if (strcmp(tok.text, "{") != 0)
		idlc_die(tok.line, "\"%s\" is no value", tok.text);
	idlc_lex_expect("}");
	return v;
}

struct idlc_param *
idlc_parse_params(struct idlc_tree *t)
{
	struct idlc_param *list = NULL, *p;

	if (idlc_lex_accept(")"))
		return NULL;
	do {
		p = idlc_alloc(sizeof(*p));
		p->line = idlc_lex_peek()->line;
		p->name = idlc_lex_word("the name of a parameter");
		idlc_lex_expect(":");
		p->nullable = idlc_lex_accept("nullable");
		p->type = idlc_type_parse(t);
		if (idlc_lex_accept("="))
			p->initial = idlc_parse_value();
		idlc_append(&list, p);
	} while (idlc_lex_accept(","));
	idlc_lex_expect(")");
	return list;
}

void
idlc_parse(struct idlc_tree *t, const char *text)
{
	idlc_lex_open(text);
	while (idlc_lex_peek()->kind != IDLC_EOF) {
		if (idlc_lex_accept("role"))
			parse_role(t);
		else if (idlc_lex_accept("enum"))
			parse_enum(t);
		else if (idlc_lex_accept("operations"))
			parse_operations(t);
		else if (idlc_lex_accept("operation"))
			parse_operation(t);
		else if (idlc_lex_accept("error"))
			parse_error(t);
		else if (idlc_lex_accept("class"))
			idlc_parse_class(t);
		else if (idlc_lex_accept("message"))
			idlc_parse_message(t, NULL);
		else
			idlc_die(idlc_lex_peek()->line,
			    "role, enum, operations, operation, error, class "
			    "or message expected, not \"%s\"",
			    idlc_lex_peek()->text);
	}
}
