/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_check_message - signatures and attributes of messages
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_pass.h"

#include <string.h>

static void
check_param(const struct idlc_message *m, struct idlc_param *p)
{
	const struct idlc_param *q;

	for (q = m->params; q != p; q = q->next)
		if (strcmp(q->name, p->name) == 0)
			idlc_complain(p->line,
			    "%s: parameter %s is there already", m->name,
			    p->name);
	idlc_check_name(p->name, p->line);
	if (p->type->kind == IDLC_T_VOID)
		idlc_complain(p->line, "void is only a result");
	if (p->type->kind == IDLC_T_RECORD && p->type->cls == NULL)
		idlc_complain(
		    p->line, "a record of any class is only a result");
	if (p->nullable && p->type->kind != IDLC_T_REF)
		idlc_complain(
		    p->line, "parameter %s: only a ref is nullable", p->name);
	if (p->initial.kind != IDLC_EOF)
		idlc_check_value(&p->initial, p->type);
	else if (p != m->params) {
		for (q = m->params; q->next != p; q = q->next)
			;
		if (q->initial.kind != IDLC_EOF)
			idlc_complain(p->line,
			    "%s: parameter %s has no default but the one "
			    "before it has",
			    m->name, p->name);
	}
}

static void
check_role(struct idlc_tree *t, struct idlc_message *m)
{
	struct idlc_role *r;

	m->role_index = t->nroles - 1;
	if (m->role == NULL) {
		if (!m->nosession)
			idlc_complain(
			    m->line, "%s: the role is missing", m->name);
		return;
	}
	r = idlc_role_find(t, m->role);
	if (r == NULL)
		idlc_complain(m->line, "%s: unknown role %s", m->name, m->role);
	else
		m->role_index = r->index;
}

static void
check_run(struct idlc_message *m)
{
	if (m->run == NULL)
		idlc_complain(
		    m->line, "%s: run read, write or work is missing", m->name);
	else if (strcmp(m->run, "read") != 0 && strcmp(m->run, "write") != 0 &&
		 strcmp(m->run, "work") != 0)
		idlc_complain(m->line, "%s: run is read, write or work, not %s",
		    m->name, m->run);
}

/* check_operation - it exists, and the first parameter says of which object */
static void
check_operation(struct idlc_tree *t, struct idlc_message *m)
{
	struct idlc_operation *o = t->operations;

	if (m->operation == NULL)
		return;
	while (o != NULL && strcmp(o->name, m->operation) != 0)
		o = o->next;
	if (o == NULL)
		idlc_complain(
		    m->line, "%s: unknown operation %s", m->name, m->operation);
	if (m->cls == NULL || m->params == NULL ||
	    m->params->type->kind != IDLC_T_REF ||
	    m->params->type->cls != m->cls)
		idlc_complain(m->line,
		    "%s: the first parameter of an operation is a ref of "
		    "its class",
		    m->name);
	m->op = o;
}

static void
check_codes(struct idlc_tree *t, const struct idlc_message *m)
{
	const struct idlc_name *n;
	const struct idlc_error *e;

	for (n = m->errors; n != NULL; n = n->next) {
		e = t->errors;
		while (e != NULL && strcmp(e->code, n->text) != 0)
			e = e->next;
		if (e == NULL)
			idlc_complain(
			    n->line, "%s: unknown error %s", m->name, n->text);
	}
}

void
idlc_check_message(struct idlc_tree *t, struct idlc_message *m)
{
	struct idlc_param *p;

	for (p = m->params; p != NULL; p = p->next) {
		check_param(m, p);
		if (p->initial.kind != IDLC_EOF)
			m->surplus = true;
	}
	check_role(t, m);
	check_run(m);
	check_operation(t, m);
	check_codes(t, m);
	if (m->async && m->nosession)
		idlc_complain(m->line,
		    "%s: without a session there is no async", m->name);
}
