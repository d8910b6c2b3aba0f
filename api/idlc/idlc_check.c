/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_check - names resolved, roles, enums, operations, errors and types
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_pass.h"

#include <string.h>

struct idlc_role *
idlc_role_find(struct idlc_tree *t, const char *name)
{
	struct idlc_role *r = t->roles;

	while (r != NULL && strcmp(r->name, name) != 0)
		r = r->next;
	return r;
}

struct idlc_enum *
idlc_enum_find(struct idlc_tree *t, const char *name)
{
	struct idlc_enum *e = t->enums;

	while (e != NULL && strcmp(e->name, name) != 0)
		e = e->next;
	return e;
}

struct idlc_class *
idlc_class_find(struct idlc_tree *t, const char *name)
{
	struct idlc_class *c = t->classes;

	while (c != NULL && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

int
idlc_enum_value(const struct idlc_enum *e, const char *value)
{
	const struct idlc_name *v;
	int i = 0;

	for (v = e->values; v != NULL; v = v->next, i++)
		if (strcmp(v->text, value) == 0)
			return i;
	return -1;
}

/* c_keyword - would this name be no member of a C struct? */
static bool
c_keyword(const char *name)
{
	static const char *const words[] = {"auto", "bool", "break", "case",
	    "char", "const", "continue", "default", "do", "double", "else",
	    "enum", "extern", "false", "float", "for", "goto", "if", "inline",
	    "int", "long", "register", "restrict", "return", "short", "signed",
	    "sizeof", "static", "struct", "switch", "true", "typedef", "union",
	    "unsigned", "void", "volatile", "while"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

void
idlc_check_name(const char *name, int line)
{
	if (c_keyword(name) || strchr(name, '-') != NULL)
		idlc_complain(line, "%s cannot be a name in C", name);
}

static void
check_roles(struct idlc_tree *t)
{
	struct idlc_role *r;

	for (r = t->roles; r != NULL; r = r->next) {
		if (idlc_role_find(t, r->name) != r)
			idlc_complain(
			    r->line, "role %s is there already", r->name);
		r->index = t->nroles++;
	}
	if (t->roles == NULL)
		idlc_complain(1, "there are no roles");
}

/* check_enum - one enum of its name, its values distinct in C as well */
static void
check_enum(struct idlc_tree *t, struct idlc_enum *e)
{
	const struct idlc_name *a, *b;

	idlc_check_name(e->name, e->line);
	if (idlc_enum_find(t, e->name) != e)
		idlc_complain(e->line, "enum %s is there already", e->name);
	if (idlc_type_plain(t, e->name) != NULL)
		idlc_complain(e->line, "%s is a type already", e->name);
	for (a = e->values; a != NULL; a = a->next)
		for (b = e->values; b != a; b = b->next)
			if (strcmp(idlc_upper(a->text), idlc_upper(b->text)) ==
			    0)
				idlc_complain(a->line,
				    "enum %s has the value %s already", e->name,
				    a->text);
}

static void
check_states(
    const struct idlc_name *states, const struct idlc_enum *e, const char *op)
{
	for (; states != NULL; states = states->next)
		if (e != NULL && idlc_enum_value(e, states->text) < 0)
			idlc_complain(states->line,
			    "%s: enum %s has no value %s", op, e->name,
			    states->text);
}

/* check_operations - they become an enum of their own */
static void
check_operations(struct idlc_tree *t)
{
	struct idlc_enum *e, *states;
	struct idlc_operation *o;

	if (t->operations_enum == NULL) {
		if (t->operations != NULL)
			idlc_complain(t->operations->line,
			    "\"operations ENUM of STATES\" is missing");
		return;
	}
	states = idlc_enum_find(t, t->states_enum);
	if (states == NULL)
		idlc_complain(
		    t->operations_line, "unknown enum %s", t->states_enum);
	else if (states->nvalues > 32)
		idlc_complain(states->line, "more than 32 states");
	e = idlc_alloc(sizeof(*e));
	e->line = t->operations_line;
	e->name = t->operations_enum;
	e->doc = t->operations_doc;
	for (o = t->operations; o != NULL; o = o->next) {
		struct idlc_name *v = idlc_alloc(sizeof(*v));

		v->line = o->line;
		v->text = o->name;
		idlc_append(&e->values, v);
		o->index = e->nvalues++;
		if (o->states == NULL)
			idlc_complain(
			    o->line, "operation %s has no states", o->name);
		check_states(o->states, states, o->name);
		check_states(o->control, states, o->name);
	}
	if (e->values == NULL)
		idlc_complain(e->line, "there are no operations");
	idlc_append(&t->enums, e);
}

static void
check_errors(struct idlc_tree *t)
{
	struct idlc_error *a, *b;
	struct idlc_param *p, *q;

	for (a = t->errors; a != NULL; a = a->next) {
		if (strcmp(a->code, idlc_upper(a->code)) != 0)
			idlc_complain(a->line,
			    "error code %s is not in capitals", a->code);
		if (strcmp(a->code, "NONE") == 0)
			idlc_complain(
			    a->line, "the error code NONE means no error");
		for (b = t->errors; b != a; b = b->next)
			if (strcmp(a->code, b->code) == 0)
				idlc_complain(a->line,
				    "error %s is there already", a->code);
		for (p = a->params; p != NULL; p = p->next)
			for (q = a->params; q != p; q = q->next)
				if (strcmp(p->name, q->name) == 0)
					idlc_complain(p->line,
					    "parameter %s is there already",
					    p->name);
	}
}

/* check_types - every class and enum that a type names exists */
static void
check_types(struct idlc_tree *t)
{
	struct idlc_type *ty;

	for (ty = t->types; ty != NULL; ty = ty->next) {
		if (ty->kind == IDLC_T_ENUM) {
			ty->en = idlc_enum_find(t, ty->name);
			if (ty->en == NULL)
				idlc_complain(
				    ty->line, "unknown type %s", ty->name);
		}
		if (ty->kind != IDLC_T_REF && ty->kind != IDLC_T_RECORD)
			continue;
		ty->cls = idlc_class_find(t, ty->name);
		if (ty->cls != NULL || strcmp(ty->name, "any") == 0)
			continue;
		idlc_complain(ty->line, "unknown class %s", ty->name);
	}
}

/* check_class_names - distinct, in C as well; numbers them */
static void
check_class_names(struct idlc_tree *t)
{
	struct idlc_class *a, *b;
	int n = 0;

	for (a = t->classes; a != NULL; a = a->next) {
		a->index = n++;
		if (strcmp(a->name, "any") == 0)
			idlc_complain(a->line, "no class can be named any");
		for (b = t->classes; b != a; b = b->next)
			if (strcmp(a->c_name, b->c_name) == 0)
				idlc_complain(a->line,
				    "class %s is there already", a->name);
	}
}

void
idlc_check(struct idlc_tree *t)
{
	struct idlc_class *c;
	struct idlc_enum *e;
	struct idlc_message *m;

	check_roles(t);
	check_operations(t);
	for (e = t->enums; e != NULL; e = e->next)
		check_enum(t, e);
	check_errors(t);
	check_class_names(t);
	check_types(t);
	for (c = t->classes; c != NULL; c = c->next)
		idlc_check_class(t, c);
	for (m = t->messages; m != NULL; m = m->next)
		idlc_check_message(t, m);
}
