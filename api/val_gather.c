/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * val_gather - sets, maps and records while their elements arrive
 *
 * How many elements come is known at the end only: arrays double in the call's
 * arena, whose bound is the bound on what a caller can make us hold.
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/val.h"

#define FIRST_ITEMS 8

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
grow(struct api_call *c, struct api_gather *g)
{
	struct arena *a = &c->arena;
	uint32_t cap = g->cap == 0 ? FIRST_ITEMS : g->cap * 2;

	if (g->n < g->cap)
		return true;
	g->items = grow_array(
	    a, g->items, idl_native_bytes(g->slot.type->elem), g->n, cap);
	if (g->items != NULL && g->slot.type->kind == IDL_MAP)
		g->keys = grow_array(
		    a, g->keys, idl_native_bytes(g->slot.type->key), g->n, cap);
	if (g->items == NULL ||
	    (g->slot.type->kind == IDL_MAP && g->keys == NULL))
		return false;
	g->cap = cap;
	return true;
}

/* ---- open ---- */

/* open_record - a record with every field at its default */
static bool
open_record(struct api_call *c, struct api_gather *g)
{
	const struct idl_class *cls = idl_classes[g->slot.type->cls];

	g->items = arena_alloc(&c->arena, cls->struct_bytes);
	g->given =
	    arena_alloc(&c->arena, (size_t)cls->nfields * sizeof *g->given);
	if (g->items == NULL || g->given == NULL)
		return false;
	idl_record_init(cls, g->items);
	return true;
}

/* refuse - the value does not fit: skip it */
static bool
refuse(struct api_call *c, struct api_gather *g)
{
	api_val_fail_type(c, g->slot.where);
	g->slot.type = NULL;
	return true;
}

bool
api_val_open_object(struct api_call *c, struct api_gather *g)
{
	g->n = g->cap = 0;
	g->keys = g->items = NULL;
	g->given = NULL;
	if (g->slot.type == NULL || g->slot.type->kind == IDL_MAP)
		return true;
	if (g->slot.type->kind == IDL_RECORD)
		return open_record(c, g);
	return refuse(c, g);
}

bool
api_val_open_array(struct api_call *c, struct api_gather *g)
{
	g->n = g->cap = 0;
	g->items = NULL;
	if (g->slot.type == NULL || g->slot.type->kind == IDL_SET)
		return true;
	return refuse(c, g);
}

/* ---- elements ---- */

/* A value that goes nowhere. */
static const struct api_slot skip = {NULL, NULL, ""};

/* item_slot - element n of what is gathered */
static struct api_slot
item_slot(const struct api_gather *g, uint32_t n)
{
	const struct idl_type *t = g->slot.type->elem;

	return (struct api_slot){
	    t, g->items + n * idl_native_bytes(t), g->slot.where};
}

bool
api_val_item(
    struct api_call *c, struct api_gather *g, struct api_slot *slot_out)
{
	*slot_out = skip;
	if (g->slot.type == NULL)
		return true;
	if (!grow(c, g))
		return false;
	*slot_out = item_slot(g, g->n++);
	return true;
}

/* next_pair - a member of a map: its key now, its value to come */
static bool
next_pair(struct api_call *c, struct api_gather *g, const char *name, size_t n,
    struct api_slot *slot_out)
{
	const struct idl_type *t = g->slot.type->key;
	enum err before = c->bad.code;
	struct api_slot key;

	if (!grow(c, g))
		return false;
	key = (struct api_slot){
	    t, g->keys + g->n * idl_native_bytes(t), g->slot.where};
	if (!api_val_scalar(c, &key, API_VAL_TEXT, name, n))
		return false;
	/* After a failure the arguments are not used: any key will do. */
	if (c->bad.code == before)
		*slot_out = item_slot(g, g->n++);
	return true;
}

bool
api_val_member(struct api_call *c, struct api_gather *g, const char *name,
    size_t n, struct api_slot *slot_out)
{
	const struct idl_class *cls;
	const struct idl_field *field;

	*slot_out = skip;
	if (g->slot.type == NULL)
		return true;
	if (g->slot.type->kind == IDL_MAP)
		return next_pair(c, g, name, n, slot_out);
	cls = idl_classes[g->slot.type->cls];
	field = idl_field_find(cls, name);
	if (field == NULL ||
	    !(field->flags & (IDL_F_CREATE | IDL_F_REQUIRED)) ||
	    (field->flags & IDL_F_INTERNAL))
		return true;
	g->given[field - cls->fields] = true;
	*slot_out = (struct api_slot){
	    field->type, g->items + field->offset, field->name};
	return true;
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
move_pair(struct api_gather *g, uint32_t to, uint32_t from)
{
	size_t key_step = idl_native_bytes(g->slot.type->key);
	size_t step = idl_native_bytes(g->slot.type->elem);

	if (to == from)
		return;
	memcpy(g->keys + to * key_step, g->keys + from * key_step, key_step);
	memcpy(g->items + to * step, g->items + from * step, step);
}

/* drop_duplicates - of pairs with the same key keep the last */
static bool
drop_duplicates(struct arena *a, struct api_gather *g)
{
	struct sort s = {g->slot.type->key, g->keys};
	uint32_t *order, i, n = 0;
	bool *drop;

	if (g->n < 2)
		return true;
	order = arena_alloc(a, g->n * sizeof *order);
	drop = arena_alloc(a, g->n * sizeof *drop);
	if (order == NULL || drop == NULL)
		return false;
	for (i = 0; i < g->n; i++)
		order[i] = i;
	qsort_r(order, g->n, sizeof *order, sort_compare, &s);
	for (i = 0; i + 1 < g->n; i++)
		drop[order[i]] = key_compare(&s, order[i], order[i + 1]) == 0;
	for (i = 0; i < g->n; i++)
		if (!drop[i])
			move_pair(g, n++, i);
	g->n = n;
	return true;
}

/* close_map - a map at its place */
static bool
close_map(struct api_call *c, struct api_gather *g, const struct idl_map **to)
{
	struct idl_map *map;

	*to = &idl_map_none;
	if (g->n == 0)
		return true;
	map = arena_alloc(&c->arena, sizeof *map);
	if (map == NULL || !drop_duplicates(&c->arena, g))
		return false;
	map->n = g->n;
	map->keys = g->keys;
	map->values = g->items;
	*to = map;
	return true;
}

/* close_record - a record at its place, unless a required field is missing */
static bool
close_record(struct api_call *c, struct api_gather *g, const void **to)
{
	const struct idl_class *cls = idl_classes[g->slot.type->cls];

	*to = g->items;
	for (int i = 0; i < cls->nfields; i++) {
		if (!(cls->fields[i].flags & IDL_F_REQUIRED) || g->given[i])
			continue;
		api_val_fail_type(c, cls->fields[i].name);
		break;
	}
	return true;
}

bool
api_val_close_object(struct api_call *c, struct api_gather *g)
{
	if (g->slot.type == NULL)
		return true;
	if (g->slot.type->kind == IDL_MAP)
		return close_map(c, g, g->slot.dest);
	return close_record(c, g, g->slot.dest);
}

bool
api_val_close_array(struct api_call *c, struct api_gather *g)
{
	const struct idl_set **to = g->slot.dest;
	struct idl_set *set;

	if (g->slot.type == NULL)
		return true;
	*to = &idl_set_none;
	if (g->n == 0)
		return true;
	set = arena_alloc(&c->arena, sizeof *set);
	if (set == NULL)
		return false;
	set->n = g->n;
	set->items = g->items;
	*to = set;
	return true;
}
