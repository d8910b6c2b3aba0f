/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml_gather - sets, maps and records while their elements arrive
 *
 * How many elements come is known at the end only: arrays double in the call's
 * arena, whose bound is the bound on what a caller can make us hold.
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/xml_priv.h"

#define FIRST_ITEMS 8

/* ---- failures ---- */

/* out_of_arena - the call asks for more than a call may have */
static void
out_of_arena(struct xml_parser *p)
{
	xml_bad(p, "call too large");
}

void
xml_fail_type(struct xml_parser *p, const char *where)
{
	if (p->call->bad.code == ERR_NONE)
		(void)err_fail(/* kept in the call */
		    &p->call->bad, ERR_FIELD_TYPE_ERROR, "s", where);
}

void
xml_fail_scalar(struct xml_parser *p, enum xml_scalar reason,
    const struct idl_type *t, const char *where, const char *text)
{
	struct failure *bad = &p->call->bad;

	if (reason == XML_SCALAR_NOMEM) {
		out_of_arena(p);
		return;
	}
	if (bad->code != ERR_NONE)
		return;
	/* dispatch reads the failure from the call */
	if (reason == XML_SCALAR_VALUE)
		(void)err_fail(bad, ERR_INVALID_VALUE, "ss", where, text);
	else if (reason == XML_SCALAR_REF && t->cls >= 0)
		(void)err_fail(bad, ERR_HANDLE_INVALID, "ss",
		    idl_classes[t->cls]->name, text);
	else
		xml_fail_type(p, where);
}

/* ---- arrays that grow ---- */

/* grow_array - a copy with more room; NULL: the arena is full */
static char *
grow_array(
    struct arena *a, const char *from, size_t step, uint32_t n, uint32_t cap)
{
	char *to = arena_alloc(a, step * cap);

	if (to != NULL && n > 0)
		memcpy(to, from, step * n);
	return to;
}

/* grow - room for at least one more element */
static bool
grow(struct xml_parser *p, struct xml_frame *f)
{
	struct arena *a = &p->call->arena;
	uint32_t cap = f->cap == 0 ? FIRST_ITEMS : f->cap * 2;

	if (f->n < f->cap)
		return true;
	f->items = grow_array(
	    a, f->items, idl_native_bytes(f->slot.type->elem), f->n, cap);
	if (f->items != NULL && f->slot.type->kind == IDL_MAP)
		f->keys = grow_array(
		    a, f->keys, idl_native_bytes(f->slot.type->key), f->n, cap);
	if (f->items == NULL ||
	    (f->slot.type->kind == IDL_MAP && f->keys == NULL)) {
		out_of_arena(p);
		return false;
	}
	f->cap = cap;
	return true;
}

/* ---- open ---- */

/* open_record - a record with every field at its default */
static bool
open_record(struct xml_parser *p, struct xml_frame *f)
{
	const struct idl_class *c = idl_classes[f->slot.type->cls];

	f->items = arena_alloc(&p->call->arena, c->struct_bytes);
	f->given =
	    arena_alloc(&p->call->arena, (size_t)c->nfields * sizeof *f->given);
	if (f->items == NULL || f->given == NULL) {
		out_of_arena(p);
		return false;
	}
	idl_record_init(c, f->items);
	return true;
}

void
xml_open_struct(struct xml_parser *p, struct xml_frame *f)
{
	f->n = f->cap = 0;
	f->keys = f->items = NULL;
	f->given = NULL;
	if (f->slot.type == NULL)
		return;
	if (f->slot.type->kind == IDL_MAP ||
	    (f->slot.type->kind == IDL_RECORD && open_record(p, f)))
		return;
	if (f->slot.type->kind != IDL_RECORD)
		xml_fail_type(p, f->slot.where);
	f->slot.type = NULL;
}

void
xml_open_array(struct xml_parser *p, struct xml_frame *f)
{
	f->n = f->cap = 0;
	f->items = NULL;
	if (f->slot.type == NULL || f->slot.type->kind == IDL_SET)
		return;
	xml_fail_type(p, f->slot.where);
	f->slot.type = NULL;
}

/* ---- elements ---- */

/* A value that goes nowhere. */
static const struct xml_slot skip = {NULL, NULL, ""};

/* item_slot - element n of what a frame gathers */
static struct xml_slot
item_slot(const struct xml_frame *f, uint32_t n)
{
	const struct idl_type *t = f->slot.type->elem;

	return (struct xml_slot){
	    t, f->items + n * idl_native_bytes(t), f->slot.where};
}

struct xml_slot
xml_next_item(struct xml_parser *p, struct xml_frame *f)
{
	if (f->slot.type == NULL || !grow(p, f))
		return skip;
	return item_slot(f, f->n++);
}

/* next_pair - a member of a map: its key now, its value to come */
static struct xml_slot
next_pair(struct xml_parser *p, struct xml_frame *f, const char *name, size_t n)
{
	const struct idl_type *key = f->slot.type->key;
	enum xml_scalar rc;

	if (!grow(p, f))
		return skip;
	rc = xml_read_scalar(key, XML_EL_STRING, name, n,
	    f->keys + f->n * idl_native_bytes(key), &p->call->arena);
	if (rc == XML_SCALAR_OK)
		return item_slot(f, f->n++);
	xml_fail_scalar(p, rc, key, f->slot.where, name);
	return skip;
}

struct xml_slot
xml_next_member(
    struct xml_parser *p, struct xml_frame *f, const char *name, size_t n)
{
	const struct idl_class *c;
	const struct idl_field *field;

	if (f->slot.type == NULL)
		return skip;
	if (f->slot.type->kind == IDL_MAP)
		return next_pair(p, f, name, n);
	c = idl_classes[f->slot.type->cls];
	field = idl_field_find(c, name);
	if (field == NULL ||
	    !(field->flags & (IDL_F_CREATE | IDL_F_REQUIRED)) ||
	    (field->flags & IDL_F_INTERNAL))
		return skip;
	f->given[field - c->fields] = true;
	return (struct xml_slot){
	    field->type, f->items + field->offset, field->name};
}

/* ---- close ---- */

/* What sort_compare reads. */
struct sort {
	const struct idl_type *key;
	const char *keys;
};

/* key_compare - any total order of keys */
static int
key_compare(const struct sort *s, uint32_t a, uint32_t b)
{
	size_t step = idl_native_bytes(s->key);
	const void *ka = s->keys + a * step, *kb = s->keys + b * step;

	if (s->key->kind == IDL_STRING)
		return strcmp(
		    *(const char *const *)ka, *(const char *const *)kb);
	return memcmp(ka, kb, step);
}

/* sort_compare - by key, then by place */
static int
sort_compare(const void *a, const void *b, void *ctx)
{
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	int r = key_compare(ctx, ia, ib);

	return r != 0 ? r : ia < ib ? -1 : 1;
}

/* move_pair - element `from` of a map to place `to` */
static void
move_pair(struct xml_frame *f, uint32_t to, uint32_t from)
{
	size_t key_step = idl_native_bytes(f->slot.type->key);
	size_t step = idl_native_bytes(f->slot.type->elem);

	if (to == from)
		return;
	memcpy(f->keys + to * key_step, f->keys + from * key_step, key_step);
	memcpy(f->items + to * step, f->items + from * step, step);
}

/* drop_duplicates - of pairs with the same key keep the last */
static bool
drop_duplicates(struct arena *a, struct xml_frame *f)
{
	struct sort s = {f->slot.type->key, f->keys};
	uint32_t *order, i, n = 0;
	bool *drop;

	if (f->n < 2)
		return true;
	order = arena_alloc(a, f->n * sizeof *order);
	drop = arena_alloc(a, f->n * sizeof *drop);
	if (order == NULL || drop == NULL)
		return false;
	for (i = 0; i < f->n; i++)
		order[i] = i;
	qsort_r(order, f->n, sizeof *order, sort_compare, &s);
	for (i = 0; i + 1 < f->n; i++)
		drop[order[i]] = key_compare(&s, order[i], order[i + 1]) == 0;
	for (i = 0; i < f->n; i++)
		if (!drop[i])
			move_pair(f, n++, i);
	f->n = n;
	return true;
}

/* close_map - a map at dest */
static void
close_map(struct xml_parser *p, struct xml_frame *f, const struct idl_map **to)
{
	struct idl_map *map;

	*to = &idl_map_none;
	if (f->n == 0)
		return;
	map = arena_alloc(&p->call->arena, sizeof *map);
	if (map == NULL || !drop_duplicates(&p->call->arena, f)) {
		out_of_arena(p);
		return;
	}
	map->n = f->n;
	map->keys = f->keys;
	map->values = f->items;
	*to = map;
}

/* close_record - a record at dest, unless a required field is missing */
static void
close_record(struct xml_parser *p, struct xml_frame *f, const void **to)
{
	const struct idl_class *c = idl_classes[f->slot.type->cls];

	*to = f->items;
	for (int i = 0; i < c->nfields; i++) {
		if (!(c->fields[i].flags & IDL_F_REQUIRED) || f->given[i])
			continue;
		xml_fail_type(p, c->fields[i].name);
		return;
	}
}

void
xml_close_struct(struct xml_parser *p, struct xml_frame *f)
{
	if (f->slot.type == NULL)
		return;
	if (f->slot.type->kind == IDL_MAP)
		close_map(p, f, f->slot.dest);
	else
		close_record(p, f, f->slot.dest);
}

void
xml_close_array(struct xml_parser *p, struct xml_frame *f)
{
	const struct idl_set **to = f->slot.dest;
	struct idl_set *set;

	if (f->slot.type == NULL)
		return;
	*to = &idl_set_none;
	if (f->n == 0)
		return;
	set = arena_alloc(&p->call->arena, sizeof *set);
	if (set == NULL) {
		out_of_arena(p);
		return;
	}
	set->n = f->n;
	set->items = f->items;
	*to = set;
}
