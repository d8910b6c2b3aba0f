/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_expand - the messages that classes and fields imply
 *
 * Every field of a listed or private class has get_<field>; a RW field has
 * set_<field>, or a pair of add and remove as well when it is a set or map.
 * Both kinds of class have get_record; listed ones also get_all,
 * get_all_records, get_all_records_where, and get_by_<field> for what is
 * unique or lookup.  Internal fields have nothing.
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_pass.h"

#include <stdlib.h>
#include <string.h>

/* add - a generic message of a class; parameters are appended by the caller */
static struct idlc_message *
add(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f,
    const char *name, const char *handler)
{
	struct idlc_message *m = idlc_alloc(sizeof(*m));

	m->line = f != NULL ? f->line : c->line;
	m->cls = c;
	m->name = idlc_text("%s.%s", c->name, name);
	m->c_name = idlc_lower(m->name);
	m->result = idlc_type_plain(t, "void");
	m->run = "read";
	m->role_index = t->nroles - 1;
	m->extension = c->extension || (f != NULL && f->extension);
	m->deprecated = f != NULL && f->deprecated;
	m->generic = handler;
	m->field = f;
	idlc_append(&c->messages, m);
	return m;
}

/* add_param - a ref may be null here: that is how a ref field is emptied */
static void
add_param(struct idlc_message *m, const char *name, struct idlc_type *ty)
{
	struct idlc_param *p = idlc_alloc(sizeof(*p));

	p->line = m->line;
	p->name = name;
	p->type = ty;
	p->nullable = ty->kind == IDLC_T_REF;
	idlc_append(&m->params, p);
}

static void
add_self(struct idlc_tree *t, struct idlc_message *m)
{
	add_param(
	    m, "self", idlc_type_class(t, IDLC_T_REF, m->cls->name, m->line));
	m->params->nullable = false;
}

/* add_writer - a message that changes a field */
static struct idlc_message *
add_writer(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f,
    const char *prefix, const char *handler)
{
	struct idlc_message *m;

	m = add(t, c, f, idlc_text("%s%s", prefix, f->name), handler);
	m->run = "write";
	m->role_index = f->writer_index;
	add_self(t, m);
	return m;
}

static void
expand_writers(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f)
{
	struct idlc_message *m;

	m = add_writer(
	    t, c, f, "set_", f->setter ? NULL : "api_generic_set_field");
	add_param(m, "value", f->type);
	m->doc = idlc_text("Sets the field %s.", f->name);
	if (f->type->kind == IDLC_T_MAP) {
		m = add_writer(t, c, f, "add_to_", "api_generic_add_to_map");
		add_param(m, "key", f->type->key);
		add_param(m, "value", f->type->elem);
		m->doc = idlc_text("Adds a pair to the field %s.", f->name);
		m = add_writer(
		    t, c, f, "remove_from_", "api_generic_remove_from_map");
		add_param(m, "key", f->type->key);
		m->doc = idlc_text("Removes the pair with a key from the "
				   "field %s, if it is there.",
		    f->name);
	}
	if (f->type->kind == IDLC_T_SET) {
		m = add_writer(t, c, f, "add_", "api_generic_add_to_set");
		add_param(m, "value", f->type->elem);
		m->doc = idlc_text("Adds a value to the field %s, unless it "
				   "is there.",
		    f->name);
		m = add_writer(
		    t, c, f, "remove_", "api_generic_remove_from_set");
		add_param(m, "value", f->type->elem);
		m->doc = idlc_text("Removes a value from the field %s, if it "
				   "is there.",
		    f->name);
	}
}

static void
expand_field(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f)
{
	struct idlc_type *ref;
	struct idlc_message *m;

	m = add(t, c, f, idlc_text("get_%s", f->name), "api_generic_get_field");
	add_self(t, m);
	m->result = f->type;
	m->doc = idlc_text("Returns the field %s.", f->name);
	if (f->qualifier == IDLC_RW)
		expand_writers(t, c, f);
	if (!c->listed || (!f->unique && !f->lookup))
		return;
	ref = idlc_type_class(t, IDLC_T_REF, c->name, c->line);
	m = add(t, c, f, idlc_text("get_by_%s", f->name),
	    f->unique ? "api_generic_get_by_unique"
		      : "api_generic_get_by_lookup");
	add_param(m, f->name, f->type);
	m->result = f->unique ? ref : idlc_type_set(t, ref);
	m->doc = idlc_text("Returns the %s whose %s is the given one.",
	    f->unique ? "object" : "objects", f->name);
}

/* expand_listed - messages that answer with all records of a class */
static void
expand_listed(struct idlc_tree *t, struct idlc_class *c)
{
	struct idlc_type *ref, *all;
	struct idlc_message *m;

	ref = idlc_type_class(t, IDLC_T_REF, c->name, c->line);
	all = idlc_type_map(
	    t, ref, idlc_type_class(t, IDLC_T_RECORD, c->name, c->line));
	m = add(t, c, NULL, "get_all", "api_generic_get_all");
	m->result = idlc_type_set(t, ref);
	m->doc = "Returns the refs of all objects of the class.";
	m = add(t, c, NULL, "get_all_records", "api_generic_get_all_records");
	m->result = all;
	m->doc = "Returns all objects of the class with their records.";
	m = add(t, c, NULL, "get_all_records_where",
	    "api_generic_get_all_records_where");
	add_param(m, "expr", idlc_type_plain(t, "string"));
	m->result = all;
	m->doc = "Returns the objects for which the expression holds, with "
		 "their records.";
}

static void
expand_class(struct idlc_tree *t, struct idlc_class *c)
{
	struct idlc_message *m;
	struct idlc_field *f;

	if (!c->listed && !c->is_private)
		return;
	if (c->listed)
		expand_listed(t, c);
	m = add(t, c, NULL, "get_record", "api_generic_get_record");
	add_self(t, m);
	m->result = idlc_type_class(t, IDLC_T_RECORD, c->name, c->line);
	m->doc = "Returns the whole record.";
	for (f = c->fields; f != NULL; f = f->next)
		if (!f->internal)
			expand_field(t, c, f);
}

static int
by_name(const void *a, const void *b)
{
	const struct idlc_message *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* gather - the messages of a list, put into t->sorted if there is room */
static void
gather(struct idlc_tree *t, struct idlc_message *m)
{
	for (; m != NULL; m = m->next) {
		if (t->sorted != NULL)
			t->sorted[t->nsorted] = m;
		t->nsorted++;
	}
}

static void
gather_all(struct idlc_tree *t)
{
	struct idlc_class *c;

	t->nsorted = 0;
	gather(t, t->messages);
	for (c = t->classes; c != NULL; c = c->next)
		gather(t, c->messages);
}

/* resolve_new - types that only generic messages use know their class */
static void
resolve_new(struct idlc_tree *t)
{
	struct idlc_type *ty;

	for (ty = t->types; ty != NULL; ty = ty->next)
		if (ty->kind == IDLC_T_REF || ty->kind == IDLC_T_RECORD)
			ty->cls = idlc_class_find(t, ty->name);
}

/* check_names - no two messages of one name, in C neither */
static void
check_names(const struct idlc_tree *t)
{
	const struct idlc_message *a, *b;
	int i, k;

	for (i = 0; i < t->nsorted; i++) {
		for (k = 0; k < i; k++) {
			a = t->sorted[i];
			b = t->sorted[k];
			if (strcmp(a->c_name, b->c_name) == 0)
				idlc_complain(
				    a->line > b->line ? a->line : b->line,
				    "message %s is there already", a->name);
		}
	}
}

void
idlc_expand(struct idlc_tree *t)
{
	struct idlc_class *c;

	for (c = t->classes; c != NULL; c = c->next)
		expand_class(t, c);
	resolve_new(t);
	gather_all(t);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are sorted */
	t->sorted = idlc_alloc((size_t)(t->nsorted + 1) * sizeof(*t->sorted));
	gather_all(t);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression) */
	qsort(t->sorted, (size_t)t->nsorted, sizeof(*t->sorted), by_name);
	check_names(t);
}
