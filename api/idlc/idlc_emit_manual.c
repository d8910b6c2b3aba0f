/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_manual - manual.md: the reference for people, in IDL order
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

#include <string.h>

static void
emit_head(FILE *f)
{
	fprintf(f,
	    "\n# Reference\n\n"
	    "Every class, field, message and error that this server has.\n\n"
	    "Memory is in bytes everywhere (type `bytes`). A field is "
	    "**RW** (it has setters), **SRO** (given when the object is "
	    "made, changed by messages only) or **DRO** (kept by the "
	    "server). *live*: not kept across a restart of the daemon. "
	    "*required*: the record given to `create` must have it. "
	    "*extension*: other servers do not have it.\n\n"
	    "Every message takes the session as its first parameter, before "
	    "those shown, unless it says otherwise. A parameter with a value "
	    "may be left out, together with all that follow it.\n\n");
}

static void
emit_roles(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_role *r;

	fprintf(f, "## Roles\n\nStrongest first; each may do all that the "
		   "ones below it may.\n\n| role | |\n|---|---|\n");
	for (r = t->roles; r != NULL; r = r->next)
		fprintf(f, "| %s | %s |\n", r->name, r->doc);
	fprintf(f, "\n");
}

static void
emit_enums(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_enum *e;
	const struct idlc_name *v;

	fprintf(f, "## Enums\n\n| enum | values | |\n|---|---|---|\n");
	for (e = t->enums; e != NULL; e = e->next) {
		if (t->operations_enum != NULL &&
		    strcmp(e->name, t->operations_enum) == 0)
			continue;
		fprintf(f, "| %s |", e->name);
		for (v = e->values; v != NULL; v = v->next)
			fprintf(f, " `%s`", v->text);
		fprintf(f, " | %s |\n", e->doc);
	}
	fprintf(f, "\n");
}

static void
put_states(const struct idlc_name *states, FILE *f)
{
	for (; states != NULL; states = states->next)
		fprintf(f, " %s", states->text);
}

static void
emit_operations(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_operation *o;

	if (t->operations_enum == NULL)
		return;
	fprintf(f,
	    "## Operations\n\nEnum %s. %s\n\n"
	    "An operation marked *listed* may appear in "
	    "allowed_operations.\n\n"
	    "| operation | power states | control domains | templates | "
	    "snapshots | listed | |\n|---|---|---|---|---|---|---|\n",
	    t->operations_enum, t->operations_doc);
	for (o = t->operations; o != NULL; o = o->next) {
		fprintf(f, "| %s |", o->name);
		put_states(o->states, f);
		fprintf(f, " |%s", o->is_control ? " yes" : " no");
		if (o->control != NULL) {
			fprintf(f, ", also");
			put_states(o->control, f);
		}
		fprintf(f, " | %s | %s | %s | %s |\n",
		    o->is_template ? "yes" : "no",
		    o->is_snapshot ? "yes" : "no", o->is_listed ? "yes" : "no",
		    o->doc);
	}
	fprintf(f, "\n");
}

static void
emit_errors(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_error *e;
	const struct idlc_param *p;

	fprintf(f, "## Errors\n\n| code | parameters | |\n|---|---|---|\n");
	for (e = t->errors; e != NULL; e = e->next) {
		fprintf(f, "| %s |", e->printed);
		for (p = e->params; p != NULL; p = p->next)
			fprintf(f, " %s: %s%s", p->name, p->type->shown,
			    p->next != NULL ? "," : "");
		fprintf(
		    f, "%s | %s |\n", e->variadic ? " ..." : "", e->sentence);
	}
}

void
idlc_emit_manual_md(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_class *c;
	const struct idlc_message *m;

	emit_head(f);
	for (c = t->classes; c != NULL; c = c->next)
		if (!c->internal)
			idlc_emit_manual_class(t, c, f);
	fprintf(f, "## Messages of no class\n\n");
	for (m = t->messages; m != NULL; m = m->next)
		idlc_emit_manual_message(t, m, f);
	emit_roles(t, f);
	emit_enums(t, f);
	emit_operations(t, f);
	emit_errors(t, f);
}
