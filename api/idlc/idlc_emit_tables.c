/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_tables - idl_tables.c: types, classes, errors, operations
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

#include <string.h>

static void
emit_enums(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_enum *e;
	const struct idlc_name *v;

	for (e = t->enums; e != NULL; e = e->next) {
		fprintf(
		    f, "static const char *const values_%s[] = {\n", e->name);
		for (v = e->values; v != NULL; v = v->next)
			fprintf(f, "\t%s,\n", idlc_quoted(v->text));
		fprintf(f,
		    "};\nstatic const struct idl_enum enum_%s = {\n"
		    "\t\"%s\", values_%s, %d };\n\n",
		    e->name, e->name, e->name, e->nvalues);
	}
}

static void
emit_type(const struct idlc_type *ty, FILE *f)
{
	fprintf(f, "const struct idl_type idl_type_%s = { %s, %s, ", ty->c_name,
	    idlc_type_kind(ty), ty->unit);
	if (ty->key != NULL)
		fprintf(f, "&idl_type_%s, ", ty->key->c_name);
	else
		fprintf(f, "NULL, ");
	if (ty->elem != NULL)
		fprintf(f, "&idl_type_%s, ", ty->elem->c_name);
	else
		fprintf(f, "NULL, ");
	if (ty->en != NULL)
		fprintf(f, "&enum_%s, ", ty->en->name);
	else
		fprintf(f, "NULL, ");
	fprintf(f, "%d };\n", ty->cls != NULL ? ty->cls->index : -1);
}

static void
emit_types(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_type *ty;
	int n = 0;

	for (ty = t->types; ty != NULL; ty = ty->next, n++)
		emit_type(ty, f);
	fprintf(f, "\nconst struct idl_type *const idl_types[] = {\n");
	for (ty = t->types; ty != NULL; ty = ty->next)
		fprintf(f, "\t&idl_type_%s,\n", ty->c_name);
	fprintf(f, "};\nconst int idl_ntypes = %d;\n\n", n);
}

static void
emit_errors(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_error *e;
	const struct idlc_param *p;
	int n = 1;

	for (e = t->errors; e != NULL; e = e->next, n++) {
		if (e->params == NULL)
			continue;
		fprintf(
		    f, "static const char *const params_%s[] = {\n", e->code);
		for (p = e->params; p != NULL; p = p->next)
			fprintf(f, "\t\"%s\",\n", p->name);
		fprintf(f, "};\n");
	}
	fprintf(f, "\nconst struct idl_error idl_errors[] = {\n"
		   "\t{ \"\", NULL, 0, false, \"\" },\n");
	for (e = t->errors; e != NULL; e = e->next) {
		fprintf(f, "\t{ \"%s\", ", e->printed);
		if (e->params != NULL)
			fprintf(f, "params_%s, ", e->code);
		else
			fprintf(f, "NULL, ");
		fprintf(f, "%d, %s,\n\t    %s },\n", e->nparams,
		    e->variadic ? "true" : "false", idlc_quoted(e->sentence));
	}
	fprintf(f, "};\nconst int idl_nerrors = %d;\n\n", n);
}

static void
emit_roles(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_role *r;

	fprintf(f, "const char *const idl_roles[] = {\n");
	for (r = t->roles; r != NULL; r = r->next)
		fprintf(f, "\t\"%s\",\n", r->name);
	fprintf(f, "};\nconst int idl_nroles = %d;\n\n", t->nroles);
}

/* holds - is a state in a list? */
static bool
holds(const struct idlc_name *list, const char *state)
{
	for (; list != NULL; list = list->next)
		if (strcmp(list->text, state) == 0)
			return true;
	return false;
}

/* state_mask - "1u << A | 1u << B" of the states that a list holds */
static const char *
state_mask(const struct idlc_tree *t, const struct idlc_name *list)
{
	const char *mask = "0";

	for (; list != NULL; list = list->next)
		mask = idlc_text("%s | 1u << IDL_%s_%s", mask,
		    idlc_upper(t->states_enum), idlc_upper(list->text));
	return mask;
}

/* state_text - "halted, running": the states of two lists as written */
static const char *
state_text(const struct idlc_name *a, const struct idlc_name *b)
{
	const char *text = "";

	for (const struct idlc_name *s = a; s != NULL; s = s->next)
		text = idlc_text("%s%s%s", text, *text != '\0' ? ", " : "",
		    idlc_lower(s->text));
	for (const struct idlc_name *s = b; s != NULL; s = s->next)
		if (!holds(a, s->text))
			text = idlc_text("%s%s%s", text,
			    *text != '\0' ? ", " : "", idlc_lower(s->text));
	return text;
}

static void
emit_operations(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_operation *o;
	int n = 0;

	fprintf(f, "const struct idl_operation idl_operations[] = {\n");
	for (o = t->operations; o != NULL; o = o->next, n++) {
		fprintf(f, "\t{ \"%s\", %s,\n\t    %s,\n\t    %s,\n\t    0",
		    o->name, idlc_quoted(o->printed), state_mask(t, o->states),
		    state_mask(t, o->control));
		if (o->is_template)
			fprintf(f, " | IDL_O_TEMPLATE");
		if (o->is_snapshot)
			fprintf(f, " | IDL_O_SNAPSHOT");
		if (o->is_control)
			fprintf(f, " | IDL_O_CONTROL");
		if (o->is_listed)
			fprintf(f, " | IDL_O_LISTED");
		if (o->is_builder)
			fprintf(f, " | IDL_O_BUILDER");
		fprintf(f, ",\n\t    \"%s\", \"%s\" },\n",
		    state_text(o->states, NULL),
		    state_text(o->states, o->control));
	}
	if (n == 0)
		fprintf(f, "\t{ 0 },\n");
	fprintf(f, "};\nconst int idl_noperations = %d;\n", n);
}

void
idlc_emit_tables_c(const struct idlc_tree *t, FILE *f)
{
	fprintf(f, "#include \"idl_types.h\"\n\n");
	emit_enums(t, f);
	emit_types(t, f);
	idlc_emit_classes(t, f);
	emit_errors(t, f);
	emit_roles(t, f);
	emit_operations(t, f);
}
