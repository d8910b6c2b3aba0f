/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_manual_class - classes, fields and messages in manual.md
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

/* put_default - what a field or parameter is when nobody says */
static void
put_default(const struct idlc_value *v, FILE *f)
{
	if (v->kind == IDLC_EOF)
		return;
	if (v->kind == IDLC_PUNCT)
		fprintf(f, "{}");
	else if (v->kind == IDLC_STRING)
		fprintf(f, "`\"%s\"`", v->text);
	else
		fprintf(f, "`%s`", v->text);
}

/* put_word - one of the marks of a field */
static void
put_word(bool set, const char *word, FILE *f)
{
	if (set)
		fprintf(f, ", %s", word);
}

static void
emit_field(const struct idlc_tree *t, const struct idlc_class *c,
    const struct idlc_field *fl, FILE *f)
{
	static const char *const qualifiers[] = {"RW", "SRO", "DRO"};
	const struct idlc_role *r = t->roles;

	while (r->index != fl->writer_index)
		r = r->next;
	fprintf(f, "| %s | %s | %s", fl->name, fl->type->shown,
	    qualifiers[fl->qualifier]);
	if (fl->qualifier == IDLC_RW)
		fprintf(f, " (%s)", r->name);
	put_word(fl->live && !c->live, "live", f);
	put_word(fl->required, "required", f);
	put_word(fl->unique, "unique", f);
	put_word(fl->extension, "extension", f);
	put_word(fl->deprecated, "deprecated", f);
	fprintf(f, " | ");
	put_default(&fl->initial, f);
	fprintf(f, " | %s |\n", fl->doc);
}

/* put_signature - "VM.set_memory(self: ref VM, value: bytes) -> void" */
static void
put_signature(const struct idlc_message *m, FILE *f)
{
	const struct idlc_param *p;

	fprintf(f, "%s(", m->name);
	for (p = m->params; p != NULL; p = p->next) {
		fprintf(f, "%s: %s%s", p->name, p->nullable ? "nullable " : "",
		    p->type->shown);
		if (p->initial.kind == IDLC_STRING)
			fprintf(f, " = \"%s\"", p->initial.text);
		else if (p->initial.kind != IDLC_EOF)
			fprintf(f, " = %s",
			    p->initial.kind == IDLC_PUNCT ? "{}"
							  : p->initial.text);
		fprintf(f, "%s", p->next != NULL ? ", " : "");
	}
	fprintf(f, ") -> %s", m->result->shown);
}

static void
put_states(const struct idlc_operation *o, FILE *f)
{
	const struct idlc_name *s;

	fprintf(f, " Operation %s: ", o->name);
	for (s = o->states; s != NULL; s = s->next)
		fprintf(f, "%s%s", s->text, s->next != NULL ? ", " : "");
	if (o->control != NULL)
		fprintf(f, "; a control domain also ");
	for (s = o->control; s != NULL; s = s->next)
		fprintf(f, "%s%s", s->text, s->next != NULL ? ", " : "");
	fprintf(f, ".");
}

void
idlc_emit_manual_message(
    const struct idlc_tree *t, const struct idlc_message *m, FILE *f)
{
	const struct idlc_role *r = t->roles;
	const struct idlc_name *e;

	while (r->index != m->role_index)
		r = r->next;
	fprintf(f, "### %s\n\n`", m->name);
	put_signature(m, f);
	fprintf(f, "`\n\n%s\n\n", m->doc);
	if (m->nosession)
		fprintf(f, "No session.");
	else
		fprintf(f, "Role %s.", r->name);
	fprintf(f, m->async ? " Also as Async." : " Not as Async.");
	if (m->bare)
		fprintf(f, " The XML-RPC reply is the bare value.");
	if (m->extension)
		fprintf(f, " Extension: other servers do not have it.");
	if (m->deprecated)
		fprintf(f, " Deprecated.");
	if (m->op != NULL)
		put_states(m->op, f);
	for (e = m->errors; e != NULL; e = e->next)
		fprintf(f, "%s%s%s", e == m->errors ? " Errors: " : "", e->text,
		    e->next != NULL ? ", " : ".");
	fprintf(f, "\n\n");
}

/* emit_generic - the messages that the fields imply, as one list */
static void
emit_generic(const struct idlc_tree *t, const struct idlc_class *c, FILE *f)
{
	const struct idlc_role *weakest = t->roles;
	const struct idlc_message *m;
	bool any = false;

	while (weakest->next != NULL)
		weakest = weakest->next;
	for (m = c->messages; m != NULL; m = m->next) {
		if (m->generic == NULL)
			continue;
		if (!any)
			fprintf(f,
			    "### %s: messages about records and fields\n\n"
			    "Getters need the role %s; none of these has an "
			    "Async form.\n\n",
			    c->name, weakest->name);
		any = true;
		fprintf(f, "* `");
		put_signature(m, f);
		fprintf(f, "`\n");
	}
	if (any)
		fprintf(f, "\n");
}

void
idlc_emit_manual_class(
    const struct idlc_tree *t, const struct idlc_class *c, FILE *f)
{
	const struct idlc_field *fl;
	const struct idlc_message *m;

	fprintf(f, "## Class %s\n\n%s", c->name, c->doc);
	if (c->is_private)
		fprintf(f, " A caller can ask only about its own.");
	if (c->live)
		fprintf(f, " Not kept across a restart of the daemon.");
	if (c->extension)
		fprintf(f, " Extension: other servers do not have it.");
	fprintf(f, "\n\n| field | type | | default | |\n"
		   "|---|---|---|---|---|\n");
	for (fl = c->fields; fl != NULL; fl = fl->next)
		if (!fl->internal)
			emit_field(t, c, fl, f);
	fprintf(f, "\n");
	for (m = c->messages; m != NULL; m = m->next)
		if (m->generic == NULL)
			idlc_emit_manual_message(t, m, f);
	emit_generic(t, c, f);
}
