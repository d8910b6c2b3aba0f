/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <string.h>

/* Own */
#include "tests/server/help_value.h"

static const char *const colours[] = {"red", "green", "<&>"};
static const struct idl_enum colour = {"colour", colours, 3};

#define SCALAR(k)                                                              \
	{                                                                      \
		.kind = (k), .cls = -1                                         \
	}
const struct idl_type help_value_string = SCALAR(IDL_STRING);
const struct idl_type help_value_int = SCALAR(IDL_INT);
const struct idl_type help_value_float = SCALAR(IDL_FLOAT);
const struct idl_type help_value_bool = SCALAR(IDL_BOOL);
const struct idl_type help_value_datetime = SCALAR(IDL_DATETIME);
const struct idl_type help_value_any = SCALAR(IDL_REF);
const struct idl_type help_value_void = SCALAR(IDL_VOID);
const struct idl_type help_value_ref = {.kind = IDL_REF, .cls = IDL_CLASS_VM};
const struct idl_type help_value_vm = {.kind = IDL_RECORD, .cls = IDL_CLASS_VM};
const struct idl_type help_value_enum = {
    .kind = IDL_ENUM, .en = &colour, .cls = -1};
const struct idl_type help_value_strings = {
    .kind = IDL_SET, .elem = &help_value_string, .cls = -1};
const struct idl_type help_value_ints = {
    .kind = IDL_SET, .elem = &help_value_int, .cls = -1};
const struct idl_type help_value_sets = {
    .kind = IDL_SET, .elem = &help_value_strings, .cls = -1};
const struct idl_type help_value_map = {.kind = IDL_MAP,
    .key = &help_value_string,
    .elem = &help_value_string,
    .cls = -1};
const struct idl_type help_value_int_map = {.kind = IDL_MAP,
    .key = &help_value_int,
    .elem = &help_value_float,
    .cls = -1};
const struct idl_type help_value_ref_map = {.kind = IDL_MAP,
    .key = &help_value_ref,
    .elem = &help_value_enum,
    .cls = -1};

bool help_value_plain;

/* next - xorshift64 */
static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* random_string - words that a protocol must treat with care among them */
static const char *
random_string(struct arena *a, uint64_t *seed)
{
	static const char *const words[] = {"", "a", "<&>\"'", "]]>", " b ",
	    "\t\n", "\xc3\xa9", "\xe2\x82\xac", "value", "&amp;", "0", "\x7f",
	    "\r", "\xf0\x9f\x98\x80"};
	const size_t nwords =
	    sizeof words / sizeof *words - (help_value_plain ? 2 : 0);
	const char *s = "";

	for (uint64_t n = next(seed) % 5; n > 0; n--)
		s = arena_printf(a, "%s%s", s, words[next(seed) % nwords]);
	return s;
}

/* random_scalar - anything but set, map and record */
static void
random_scalar(
    const struct idl_type *t, void *to, struct arena *a, uint64_t *seed)
{
	uint64_t r = next(seed);

	if (t->kind == IDL_STRING)
		*(const char **)to = random_string(a, seed);
	else if (t->kind == IDL_INT)
		*(int64_t *)to = (int64_t)(r >> next(seed) % 64);
	else if (t->kind == IDL_FLOAT) /* what 16 digits can say */
		*(double *)to = (double)(int32_t)(r >> 8) / 64;
	else if (t->kind == IDL_BOOL)
		*(bool *)to = r % 2;
	else if (t->kind == IDL_DATETIME)
		*(int64_t *)to = (int64_t)(r % 253402300800);
	else if (t->kind == IDL_REF && r % 8 > 0)
		*(struct idl_ref *)to = (struct idl_ref){r, next(seed)};
	else if (t->kind == IDL_ENUM)
		*(int32_t *)to = (int32_t)(r % (uint64_t)t->en->n);
}

/* random_items - n values side by side */
static char *
random_items(
    const struct idl_type *t, uint32_t n, struct arena *a, uint64_t *seed)
{
	size_t step = idl_native_bytes(t);
	char *items = arena_alloc(a, n * step);

	for (uint32_t i = 0; i < n; i++)
		help_value_random(t, items + i * step, a, seed);
	return items;
}

/* has_key - is the last of n keys already among the others? */
static bool
has_key(const struct idl_type *t, const char *keys, uint32_t n)
{
	size_t step = idl_native_bytes(t);

	for (uint32_t i = 0; i + 1 < n; i++)
		if (idl_equal(t, keys + i * step, keys + (n - 1) * step))
			return true;
	return false;
}

/* random_map - up to five pairs, keys all different */
static const struct idl_map *
random_map(const struct idl_type *t, struct arena *a, uint64_t *seed)
{
	struct idl_map *map = arena_alloc(a, sizeof *map);
	uint32_t n = (uint32_t)(next(seed) % 6);
	char *keys = random_items(t->key, n, a, seed);

	while (map->n < n && !has_key(t->key, keys, map->n + 1))
		map->n++;
	map->keys = keys;
	map->values = random_items(t->elem, map->n, a, seed);
	return map->n == 0 ? &idl_map_none : map;
}

/* random_set - up to nine, so that gathering has to grow */
static const struct idl_set *
random_set(const struct idl_type *t, struct arena *a, uint64_t *seed)
{
	struct idl_set *set = arena_alloc(a, sizeof *set);

	set->n = (uint32_t)(next(seed) % 10);
	set->items = random_items(t->elem, set->n, a, seed);
	return set->n == 0 ? &idl_set_none : set;
}

/* random_record - every field random */
static const void *
random_record(const struct idl_class *c, struct arena *a, uint64_t *seed)
{
	char *rec = arena_alloc(a, c->struct_bytes);

	idl_record_init(c, rec);
	for (int i = 0; i < c->nfields; i++)
		help_value_random(
		    c->fields[i].type, rec + c->fields[i].offset, a, seed);
	return rec;
}

void
help_value_random(
    const struct idl_type *t, void *to, struct arena *a, uint64_t *seed)
{
	memset(to, 0, idl_native_bytes(t));
	if (t->kind == IDL_SET)
		*(const struct idl_set **)to = random_set(t, a, seed);
	else if (t->kind == IDL_MAP)
		*(const struct idl_map **)to = random_map(t, a, seed);
	else if (t->kind == IDL_RECORD)
		*(const void **)to =
		    random_record(idl_classes[t->cls], a, seed);
	else
		random_scalar(t, to, a, seed);
}

/* created_equal - the fields of two records that a constructor takes */
static bool
created_equal(const struct idl_class *c, const char *a, const char *b)
{
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if ((f->flags & (IDL_F_CREATE | IDL_F_REQUIRED)) &&
		    !(f->flags & IDL_F_INTERNAL) &&
		    !idl_equal(f->type, a + f->offset, b + f->offset))
			return false;
	return true;
}

/* items_equal - n values side by side */
static bool
items_equal(const struct idl_type *t, uint32_t n, const char *a, const char *b)
{
	size_t step = idl_native_bytes(t);

	for (uint32_t i = 0; i < n; i++)
		if (!help_value_equal(t, a + i * step, b + i * step))
			return false;
	return true;
}

bool
help_value_equal(const struct idl_type *t, const void *a, const void *b)
{
	const struct idl_set *sa, *sb;
	const struct idl_map *ma, *mb;

	if (t->kind == IDL_RECORD)
		return created_equal(idl_classes[t->cls],
		    *(const char *const *)a, *(const char *const *)b);
	if (t->kind == IDL_SET) {
		sa = *(const struct idl_set *const *)a;
		sb = *(const struct idl_set *const *)b;
		return sa->n == sb->n &&
		       items_equal(t->elem, sa->n, sa->items, sb->items);
	}
	if (t->kind == IDL_MAP) {
		ma = *(const struct idl_map *const *)a;
		mb = *(const struct idl_map *const *)b;
		return ma->n == mb->n &&
		       items_equal(t->key, ma->n, ma->keys, mb->keys) &&
		       items_equal(t->elem, ma->n, ma->values, mb->values);
	}
	return idl_equal(t, a, b);
}

/* type_equal - the same on the wire? */
static bool
type_equal(const struct idl_type *a, const struct idl_type *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL)
		return false;
	return a->kind == b->kind && a->en == b->en && a->cls == b->cls &&
	       type_equal(a->key, b->key) && type_equal(a->elem, b->elem);
}

#define TYPES_MAX 500

static const struct idl_type *seen[TYPES_MAX];
static size_t nseen;

/*
 * is_answer_only - does a type hold what only answers hold: records of any
 * class, 32 bit numbers?
 */
static bool
is_answer_only(const struct idl_type *t)
{
	const struct idl_class *c;

	if (t->unit == IDL_UNIT_INT32)
		return true;
	if (t->kind == IDL_SET || t->kind == IDL_MAP)
		return is_answer_only(t->elem);
	if (t->kind != IDL_RECORD || t->cls < 0)
		return t->kind == IDL_RECORD;
	c = idl_classes[t->cls];
	for (int i = 0; i < c->nfields; i++)
		if (is_answer_only(c->fields[i].type))
			return true;
	return false;
}

/* note_type - remember a type unless it is known */
static void
note_type(const struct idl_type *t)
{
	if (is_answer_only(t))
		return;
	for (size_t i = 0; i < nseen; i++)
		if (type_equal(seen[i], t))
			return;
	assert(nseen < TYPES_MAX);
	seen[nseen++] = t;
}

void
help_value_each_type(void (*each)(const struct idl_type *t))
{
	nseen = 0;
	for (int c = 0; c < idl_nclasses; c++)
		for (int f = 0; f < idl_classes[c]->nfields; f++)
			note_type(idl_classes[c]->fields[f].type);
	for (int m = 0; m < api_nmsgs; m++) {
		note_type(api_msgs[m]->result);
		for (int i = 0; i < api_msgs[m]->nparams; i++)
			note_type(api_msgs[m]->params[i].type);
	}
	for (size_t i = 0; i < nseen; i++)
		each(seen[i]);
}
