/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * generic - the messages that need no code of their own
 *
 * Getters, setters, map and set messages and the get_* of classes: all work
 * from the row (which class, which field) and the field's descriptor.
 */

/* System */
#include <string.h>

/* Api */
#include "api/api.h"
#include "api/call.h"
#include "api/op.h"
#include "api/stats.h"

/* A map or set field never grows beyond this by add_to_ and add_. */
#define MEMBERS_MAX 1000u

/* field_of - the field that a generic message is about */
static const struct idl_field *
field_of(const struct api_call *c)
{
	return &idl_classes[c->msg->cls]->fields[c->msg->field];
}

/* arg - native value of parameter i */
static const void *
arg(const struct api_call *c, const void *args, int i)
{
	return (const char *)args + c->msg->params[i].offset;
}

/* edit_self - a mutable copy of the record that the message is about */
static void *
edit_self(struct api_call *c, const void *args, struct failure *why)
{
	void *rec = fld_tx_edit(c->tx, c->msg->cls, arg(c, args, 0));

	if (rec == NULL)
		(void)err_internal(why, "out of memory"); /* code known */
	return rec;
}

/* allowed_operations - what the VM could do now (spec B.2) */
static const void *
allowed_operations(struct api_env *env, const struct fld_view *v,
    const void *rec, struct arena *a)
{
	return api_op_allowed(atomic_load(&env->world), v, rec, a);
}

/* permissions - what the session may call */
static const void *
permissions(struct api_env *env, const struct fld_view *v, const void *rec,
    struct arena *a)
{
	(void)env; /* a function of the records */
	return api_session_permissions(v, rec, a);
}

const struct idl_set *
api_inverse(const struct fld_view *v, const struct idl_field *f,
    const struct idl_ref *ref, struct arena *a)
{
	const struct idl_hdr *rec = NULL;
	uint32_t n = 0, cap = 0;
	struct idl_ref *items = NULL, *grown;
	struct idl_set *set;

	while ((rec = fld_find(v, f->inverse_cls, f->inverse_field, ref,
		    rec != NULL ? &rec->ref : NULL)) != NULL) {
		if (n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			grown = arena_alloc(a, cap * sizeof(*items));
			if (grown == NULL)
				return NULL;
			if (n > 0)
				memcpy(grown, items, n * sizeof(*items));
			items = grown;
		}
		items[n++] = rec->ref;
	}
	if (n == 0)
		return &idl_set_none;
	set = arena_alloc(a, sizeof(*set));
	if (set == NULL)
		return NULL;
	set->n = n;
	set->items = items;
	return set;
}

/* Sets and maps that are not stored, computed where a record is shown. */
static const struct computed {
	int cls;
	int field;
	const void *(*compute)(struct api_env *env, const struct fld_view *v,
	    const void *rec, struct arena *a);
} computed[] = {
    {IDL_CLASS_VM, IDL_VM_F_ALLOWED_OPERATIONS, allowed_operations},
    {IDL_CLASS_SESSION, IDL_SESSION_F_RBAC_PERMISSIONS, permissions},
    {IDL_CLASS_VM_GUEST_METRICS, IDL_VM_GUEST_METRICS_F_MEMORY,
	api_stats_memory},
};

/* computed_find - the row of a computed field; NULL: it is stored */
static const struct computed *
computed_find(int cls, int field)
{
	for (size_t i = 0; i < sizeof(computed) / sizeof(computed[0]); i++)
		if (computed[i].cls == cls && computed[i].field == field)
			return &computed[i];
	return NULL;
}

/*
 * show - a set or map that is not stored; *value_out NULL: it is stored
 *
 * returns false: arena full
 */
static bool
show(struct api_env *env, const struct fld_view *v, int cls, int field,
    const void *rec, struct arena *a, const void **value_out)
{
	const struct idl_field *f = &idl_classes[cls]->fields[field];
	const struct idl_hdr *h = rec;
	const struct computed *k;

	*value_out = NULL;
	if (f->flags & IDL_F_INVERSE) {
		*value_out = api_inverse(v, f, &h->ref, a);
		return *value_out != NULL;
	}
	if ((f->type->kind != IDL_SET && f->type->kind != IDL_MAP) ||
	    !(f->flags & IDL_F_LIVE))
		return true;
	k = computed_find(cls, field);
	if (k == NULL)
		return true;
	*value_out = k->compute(env, v, rec, a);
	return *value_out != NULL;
}

const void *
api_record_view(struct api_env *env, const struct fld_view *v, int cls,
    const void *rec, struct arena *a)
{
	const struct idl_class *k = idl_classes[cls];
	char *copy = NULL;

	for (int i = 0; i < k->nfields; i++) {
		const void *value;

		if (!show(env, v, cls, i, rec, a, &value))
			return NULL;
		if (value == NULL)
			continue;
		if (copy == NULL) {
			copy = arena_alloc(a, k->struct_bytes);
			if (copy == NULL)
				return NULL;
			memcpy(copy, rec, k->struct_bytes);
		}
		memcpy(copy + k->fields[i].offset, &value, sizeof(value));
	}
	return copy != NULL ? copy : rec;
}

enum err
api_generic_get_field(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const struct idl_field *f = field_of(c);
	const void *value;

	(void)args; /* c->self is its record */
	if (!show(c->env, c->view, c->msg->cls, c->msg->field, c->self,
		&c->arena, &value))
		return err_internal(why, "reply too large");
	if (value != NULL)
		memcpy(result, &value, sizeof(value));
	else
		memcpy(result, (const char *)c->self + f->offset,
		    idl_native_bytes(f->type));
	return ERR_NONE;
}

enum err
api_generic_set_field(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const struct idl_field *f = field_of(c);
	char *rec = edit_self(c, args, why);

	(void)result; /* void */
	if (rec == NULL)
		return why->code;
	memcpy(rec + f->offset, arg(c, args, 1), idl_native_bytes(f->type));
	return ERR_NONE;
}

/* map_of - the map that a field of a record holds now */
static const struct idl_map *
map_of(const void *rec, const struct idl_field *f)
{
	const struct idl_map *m;

	memcpy(&m, (const char *)rec + f->offset, sizeof(m));
	return m;
}

/* map_find - index of a key in a map; -1 when it is not there */
static int64_t
map_find(const struct idl_map *m, const struct idl_type *t, const void *key)
{
	size_t step = idl_native_bytes(t->key);

	for (uint32_t i = 0; i < m->n; i++)
		if (idl_equal(t->key, (const char *)m->keys + i * step, key))
			return i;
	return -1;
}

/* copy_without - n items into to, leaving out item skip (-1: none) */
static void
copy_without(void *to, const void *from, uint32_t n, size_t step, int64_t skip)
{
	char *at = to;

	for (uint32_t i = 0; i < n; i++) {
		if (i == skip)
			continue;
		memcpy(at, (const char *)from + i * step, step);
		at += step;
	}
}

/* map_replace - a map like m, less entry skip, with room for extra more */
static struct idl_map *
map_replace(struct arena *a, const struct idl_map *m, const struct idl_type *t,
    int64_t skip, uint32_t extra)
{
	size_t ks = idl_native_bytes(t->key), vs = idl_native_bytes(t->elem);
	uint32_t n = m->n - (skip >= 0 ? 1 : 0);
	struct idl_map *to = arena_alloc(a, sizeof(*to));
	void *keys = arena_alloc(a, (n + extra + 1) * ks);
	void *values = arena_alloc(a, (n + extra + 1) * vs);

	if (to == NULL || keys == NULL || values == NULL)
		return NULL;
	copy_without(keys, m->keys, m->n, ks, skip);
	copy_without(values, m->values, m->n, vs, skip);
	to->n = n;
	to->keys = keys;
	to->values = values;
	return to;
}

/* too_many - the failure for a field that is full */
static enum err
too_many(const struct idl_field *f, struct failure *why)
{
	return err_fail(why, ERR_INVALID_VALUE, "ss", f->name,
	    "it already has 1000 members, the most it may have");
}

/* has_key - the failure for a key that a map has already */
static enum err
has_key(const struct api_call *c, const struct idl_field *f, const void *key,
    struct failure *why)
{
	const struct idl_class *k = idl_classes[c->msg->cls];
	const struct idl_field *uuid = idl_field_find(k, "uuid");
	const char *uuid_text = "", *key_text = "";

	if (uuid != NULL)
		memcpy(&uuid_text, (const char *)c->self + uuid->offset,
		    sizeof(uuid_text));
	if (f->type->key->kind == IDL_STRING)
		memcpy(&key_text, key, sizeof(key_text));
	return err_fail(why, ERR_MAP_DUPLICATE_KEY, "ssss", k->name, f->name,
	    uuid_text, key_text);
}

enum err
api_generic_add_to_map(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const struct idl_field *f = field_of(c);
	const struct idl_map *m = map_of(c->self, f);
	size_t ks = idl_native_bytes(f->type->key);
	size_t vs = idl_native_bytes(f->type->elem);
	const void *key = arg(c, args, 1);
	struct idl_map *to;
	char *rec;

	(void)result; /* void */
	if (map_find(m, f->type, key) >= 0)
		return has_key(c, f, key, why);
	if (m->n >= MEMBERS_MAX)
		return too_many(f, why);
	rec = edit_self(c, args, why);
	if (rec == NULL)
		return why->code;
	to = map_replace(&c->arena, m, f->type, -1, 1);
	if (to == NULL)
		return err_internal(why, "out of memory");
	memcpy((char *)(uintptr_t)to->keys + to->n * ks, key, ks);
	memcpy((char *)(uintptr_t)to->values + to->n * vs, arg(c, args, 2), vs);
	to->n++;
	memcpy(rec + f->offset, &to, sizeof(to));
	return ERR_NONE;
}

enum err
api_generic_remove_from_map(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const struct idl_field *f = field_of(c);
	const struct idl_map *m = map_of(c->self, f), *to;
	int64_t i = map_find(m, f->type, arg(c, args, 1));
	char *rec;

	(void)result; /* void */
	if (i < 0)
		return ERR_NONE;
	rec = edit_self(c, args, why);
	if (rec == NULL)
		return why->code;
	to = map_replace(&c->arena, m, f->type, i, 0);
	if (to == NULL)
		return err_internal(why, "out of memory");
	if (to->n == 0)
		to = &idl_map_none;
	memcpy(rec + f->offset, &to, sizeof(to));
	return ERR_NONE;
}

/* set_without - the set a field holds less one value, and room for one more */
static struct idl_set *
set_without(struct arena *a, const struct idl_set *s, const struct idl_type *t,
    const void *value)
{
	size_t step = idl_native_bytes(t->elem);
	struct idl_set *to = arena_alloc(a, sizeof(*to));
	char *items = arena_alloc(a, (s->n + 1) * step);

	if (to == NULL || items == NULL)
		return NULL;
	for (uint32_t i = 0; i < s->n; i++) {
		const char *item = (const char *)s->items + i * step;

		if (!idl_equal(t->elem, item, value))
			memcpy(items + to->n++ * step, item, step);
	}
	to->items = items;
	return to;
}

/* set_change - add (again) or only remove a value of a set field */
enum set_change { SET_ADD, SET_REMOVE };
static enum err
set_change(struct api_call *c, const void *args, enum set_change how,
    struct failure *why)
{
	const struct idl_field *f = field_of(c);
	size_t step = idl_native_bytes(f->type->elem);
	const struct idl_set *s;
	struct idl_set *to;
	char *rec = edit_self(c, args, why);

	if (rec == NULL)
		return why->code;
	memcpy(&s, rec + f->offset, sizeof(s));
	to = set_without(&c->arena, s, f->type, arg(c, args, 1));
	if (to == NULL)
		return err_internal(why, "out of memory");
	if (how == SET_ADD) {
		if (to->n >= MEMBERS_MAX)
			return too_many(f, why);
		memcpy((char *)(uintptr_t)to->items + to->n++ * step,
		    arg(c, args, 1), step);
	}
	s = to->n > 0 ? to : &idl_set_none;
	memcpy(rec + f->offset, &s, sizeof(s));
	return ERR_NONE;
}

enum err
api_generic_add_to_set(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	(void)result; /* void */
	return set_change(c, args, SET_ADD, why);
}

enum err
api_generic_remove_from_set(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	(void)result; /* void */
	return set_change(c, args, SET_REMOVE, why);
}

enum err
api_generic_get_all(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	(void)args;   /* none */
	(void)result; /* rows instead */
	(void)why;    /* cannot fail */
	c->rows = API_ROWS_REFS;
	return ERR_NONE;
}

enum err
api_generic_get_all_records(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	(void)args;   /* none */
	(void)result; /* rows instead */
	(void)why;    /* cannot fail */
	c->rows = API_ROWS_RECORDS;
	return ERR_NONE;
}

enum err
api_generic_get_all_records_where(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const char *expr = *(const char *const *)arg(c, args, 0);

	(void)result; /* rows instead */
	if (strcmp(expr, "true") != 0)
		return err_fail(
		    why, ERR_INVALID_VALUE, "ss", c->msg->params[0].name, expr);
	c->rows = API_ROWS_RECORDS;
	return ERR_NONE;
}

enum err
api_generic_get_record(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const void *rec =
	    api_record_view(c->env, c->view, c->msg->cls, c->self, &c->arena);

	(void)args; /* c->self is its record */
	if (rec == NULL)
		return err_internal(why, "reply too large");
	memcpy(result, &rec, sizeof(rec));
	return ERR_NONE;
}

enum err
api_generic_get_by_unique(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	const void *value = arg(c, args, 0);
	const struct idl_hdr *rec =
	    fld_find(c->view, c->msg->cls, c->msg->field, value, NULL);

	if (rec == NULL)
		return err_fail(why, ERR_UUID_INVALID, "ss",
		    idl_classes[c->msg->cls]->name,
		    *(const char *const *)value);
	memcpy(result, &rec->ref, sizeof(rec->ref));
	return ERR_NONE;
}

enum err
api_generic_get_by_lookup(
    struct api_call *c, const void *args, void *result, struct failure *why)
{
	/* The same walk as for an inverse field, over the named field. */
	struct idl_field f = {
	    .inverse_cls = c->msg->cls, .inverse_field = c->msg->field};
	const struct idl_set *set =
	    api_inverse(c->view, &f, arg(c, args, 0), &c->arena);

	if (set == NULL)
		return err_internal(why, "reply too large");
	memcpy(result, &set, sizeof(set));
	return ERR_NONE;
}
