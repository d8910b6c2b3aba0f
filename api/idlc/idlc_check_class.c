/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_check_class - classes, fields, messages and literals
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_pass.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *
int_init(const struct idlc_value *v, const struct idlc_type *ty)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(v->text, &end, 10);
	if (v->kind != IDLC_NUMBER || *end != '\0' || errno != 0)
		return NULL;
	if (n < 0 && strcmp(ty->unit, "IDL_UNIT_NONE") != 0)
		return NULL;
	/* INT64_MIN has no literal of its own in C. */
	return n < -9223372036854775807LL ? "INT64_MIN"
					  : idlc_text("INT64_C(%lld)", n);
}

static const char *
float_init(const struct idlc_value *v)
{
	char *end;
	double d;

	if (v->kind != IDLC_NUMBER)
		return NULL;
	d = strtod(v->text, &end);
	return *end == '\0' && isfinite(d) ? v->text : NULL;
}

static const char *
enum_init(const struct idlc_value *v, const struct idlc_type *ty)
{
	if (ty->en == NULL || (v->kind != IDLC_WORD && v->kind != IDLC_STRING))
		return NULL;
	if (idlc_enum_value(ty->en, v->text) < 0)
		return NULL;
	return idlc_text(
	    "IDL_%s_%s", idlc_upper(ty->en->name), idlc_upper(v->text));
}

static const char *
word_init(const struct idlc_value *v, const char *word, const char *init)
{
	if (v->kind != IDLC_WORD || strcmp(v->text, word) != 0)
		return NULL;
	return init;
}

/* given_init - C initialiser of a literal; NULL: not of that type */
static const char *
given_init(const struct idlc_value *v, const struct idlc_type *ty)
{
	const char *init;

	switch (ty->kind) {
	case IDLC_T_STRING:
		return v->kind == IDLC_STRING ? idlc_quoted(v->text) : NULL;
	case IDLC_T_INT:
	case IDLC_T_DATETIME:
		return int_init(v, ty);
	case IDLC_T_FLOAT:
		return float_init(v);
	case IDLC_T_BOOL:
		init = word_init(v, "true", "true");
		return init != NULL ? init : word_init(v, "false", "false");
	case IDLC_T_REF:
		return word_init(v, "null", "{ 0, 0 }");
	case IDLC_T_ENUM:
		return enum_init(v, ty);
	case IDLC_T_SET:
		return v->kind == IDLC_PUNCT ? "&idl_set_none" : NULL;
	case IDLC_T_MAP:
		return v->kind == IDLC_PUNCT ? "&idl_map_none" : NULL;
	case IDLC_T_VOID:
	case IDLC_T_RECORD:
		break;
	}
	return NULL;
}

/* natural_init - what a field without a default starts as */
static const char *
natural_init(const struct idlc_type *ty)
{
	switch (ty->kind) {
	case IDLC_T_STRING:
		return "\"\"";
	case IDLC_T_BOOL:
		return "false";
	case IDLC_T_REF:
		return "{ 0, 0 }";
	case IDLC_T_SET:
		return "&idl_set_none";
	case IDLC_T_MAP:
		return "&idl_map_none";
	default:
		return "0";
	}
}

void
idlc_check_value(struct idlc_value *v, const struct idlc_type *ty)
{
	if (v->kind == IDLC_EOF) {
		v->c_init = natural_init(ty);
		return;
	}
	v->c_init = given_init(v, ty);
	if (v->c_init == NULL)
		idlc_complain(v->line, "\"%s\" is no value of type %s",
		    v->kind == IDLC_PUNCT ? "{}" : v->text, ty->shown);
}

/* check_index - what kinds of field an index can be on */
static void
check_index(const struct idlc_field *f)
{
	if ((f->unique || f->lookup) && f->type->kind != IDLC_T_STRING)
		idlc_complain(f->line,
		    "field %s: only a string can be unique or lookup", f->name);
	if (f->indexed && f->type->kind != IDLC_T_REF)
		idlc_complain(
		    f->line, "field %s: only a ref can be indexed", f->name);
}

/* check_inverse - a set of refs to a class with a ref to this class */
static void
check_inverse(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f)
{
	struct idlc_class *from;
	struct idlc_field *there;

	from = idlc_class_find(t, f->inverse_class);
	if (from == NULL) {
		idlc_complain(f->line, "unknown class %s", f->inverse_class);
		return;
	}
	there = from->fields;
	while (there != NULL && strcmp(there->name, f->inverse_field) != 0)
		there = there->next;
	if (there == NULL) {
		idlc_complain(f->line, "class %s has no field %s", from->name,
		    f->inverse_field);
		return;
	}
	if (f->type->kind != IDLC_T_SET || f->type->elem->kind != IDLC_T_REF ||
	    f->type->elem->cls != from || there->type->kind != IDLC_T_REF ||
	    there->type->cls != c)
		idlc_complain(f->line,
		    "field %s: an inverse is a set(ref %s) of a ref %s",
		    f->name, from->name, c->name);
	if (f->qualifier != IDLC_DRO)
		idlc_complain(f->line, "field %s: an inverse is DRO", f->name);
	f->inverse_cls = from;
	f->inverse_fld = there;
	there->indexed = true;
}

/* holds_record - is there a record in a type? */
static bool
holds_record(const struct idlc_type *ty)
{
	if (ty->kind == IDLC_T_SET || ty->kind == IDLC_T_MAP)
		return holds_record(ty->elem);
	return ty->kind == IDLC_T_RECORD;
}

static void
check_writer(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f)
{
	const char *name = f->writer != NULL ? f->writer : c->writer;
	struct idlc_role *r = name != NULL ? idlc_role_find(t, name) : NULL;

	if (f->qualifier != IDLC_RW && (f->writer != NULL || f->setter))
		idlc_complain(
		    f->line, "field %s: only a RW field has a setter", f->name);
	if (f->qualifier != IDLC_RW)
		return;
	if (name == NULL)
		idlc_complain(
		    f->line, "field %s: the writer is missing", f->name);
	else if (r == NULL)
		idlc_complain(f->line, "unknown role %s", name);
	else
		f->writer_index = r->index;
}

static void
check_field(struct idlc_tree *t, struct idlc_class *c, struct idlc_field *f)
{
	struct idlc_field *other;

	idlc_check_name(f->name, f->line);
	if (strcmp(f->name, "h") == 0)
		idlc_complain(f->line, "h is the header of a record");
	for (other = c->fields; other != f; other = other->next)
		if (strcmp(idlc_upper(other->name), idlc_upper(f->name)) == 0)
			idlc_complain(f->line,
			    "class %s has a field %s already", c->name,
			    f->name);
	/* Records of such a class are only answers, never stored. */
	if (f->type->kind == IDLC_T_VOID ||
	    (holds_record(f->type) && (c->listed || !c->live)))
		idlc_complain(f->line, "field %s cannot be of type %s", f->name,
		    f->type->shown);
	if (f->required && f->initial.kind != IDLC_EOF)
		idlc_complain(f->line,
		    "field %s: a required field has no default", f->name);
	if (f->required)
		f->create = true;
	idlc_check_value(&f->initial, f->type);
	check_index(f);
	check_writer(t, c, f);
	if (f->inverse_class != NULL)
		check_inverse(t, c, f);
}

void
idlc_check_class(struct idlc_tree *t, struct idlc_class *c)
{
	struct idlc_field *f;
	struct idlc_message *m;

	if (c->listed + c->is_private + c->internal > 1)
		idlc_complain(c->line,
		    "class %s: only one of listed, private, internal", c->name);
	if (c->internal && c->messages != NULL)
		idlc_complain(c->messages->line,
		    "class %s is internal and has no messages", c->name);
	if (c->fields == NULL)
		idlc_complain(c->line, "class %s has no fields", c->name);
	for (f = c->fields; f != NULL; f = f->next)
		check_field(t, c, f);
	for (m = c->messages; m != NULL; m = m->next)
		idlc_check_message(t, m);
}
