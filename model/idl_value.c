/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idl_value - native values: text of refs, sizes, equality, copies, packing
 *
 * A packed record is one malloc'd block: the struct, then the arrays it points
 * to (8-byte aligned), then the strings.  Packing walks the record twice, once
 * to measure and once to fill, and so calls malloc once.
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/arena.h"
#include "model/idl.h"

#define REF_PREFIX "OpaqueRef:"
#define REF_PREFIX_BYTES (sizeof REF_PREFIX - 1)
#define REF_NULL REF_PREFIX "NULL"
#define UUID_BYTES ((size_t)36)

/* Every array in a packed block starts at a multiple of this. */
#define PACK_ALIGN ((size_t)8)

const struct idl_set idl_set_none = {0, NULL};
const struct idl_map idl_map_none = {0, NULL, NULL};

/* ---- refs ---- */

/* hex_write - n_digits of v, most significant first; returns the end */
static char *
hex_write(char *p, uint64_t v, int n_digits)
{
	int i;

	for (i = n_digits - 1; i >= 0; i--)
		*p++ = "0123456789abcdef"[v >> (4 * i) & 0xf];
	return p;
}

void
idl_uuid_write(const struct idl_ref *ref, char *text)
{
	char *p = text;

	p = hex_write(p, ref->hi >> 32, 8);
	*p++ = '-';
	p = hex_write(p, ref->hi >> 16, 4);
	*p++ = '-';
	p = hex_write(p, ref->hi, 4);
	*p++ = '-';
	p = hex_write(p, ref->lo >> 48, 4);
	*p++ = '-';
	p = hex_write(p, ref->lo, 12);
	*p = '\0';
}

void
idl_ref_write(const struct idl_ref *ref, char *text)
{
	if (idl_ref_is_null(ref)) {
		memcpy(text, REF_NULL, sizeof REF_NULL);
		return;
	}
	memcpy(text, REF_PREFIX, REF_PREFIX_BYTES);
	idl_uuid_write(ref, text + REF_PREFIX_BYTES);
}

/* Value of a hexadecimal digit of either case, plus 1; 0: it is none. */
static const unsigned char hex_value[256] = {
    ['0'] = 1,
    ['1'] = 2,
    ['2'] = 3,
    ['3'] = 4,
    ['4'] = 5,
    ['5'] = 6,
    ['6'] = 7,
    ['7'] = 8,
    ['8'] = 9,
    ['9'] = 10,
    ['a'] = 11,
    ['b'] = 12,
    ['c'] = 13,
    ['d'] = 14,
    ['e'] = 15,
    ['f'] = 16,
    ['A'] = 11,
    ['B'] = 12,
    ['C'] = 13,
    ['D'] = 14,
    ['E'] = 15,
    ['F'] = 16,
};

/* hex_read - add n digits to a number; false: one of them is none */
static bool
hex_read(const char *text, int n, uint64_t *v)
{
	unsigned all = 1;

	for (int i = 0; i < n; i++) {
		unsigned d = hex_value[(unsigned char)text[i]];

		all &= d != 0;
		*v = *v << 4 | (d - 1);
	}
	return all != 0;
}

bool
idl_uuid_parse(const char *text, size_t n, struct idl_ref *uuid_out)
{
	struct idl_ref r = {0, 0};

	/* 8-4-4-4-12 digits */
	if (n != UUID_BYTES || text[8] != '-' || text[13] != '-' ||
	    text[18] != '-' || text[23] != '-')
		return false;
	if (!hex_read(text, 8, &r.hi) || !hex_read(text + 9, 4, &r.hi) ||
	    !hex_read(text + 14, 4, &r.hi) || !hex_read(text + 19, 4, &r.lo) ||
	    !hex_read(text + 24, 12, &r.lo))
		return false;
	*uuid_out = r;
	return true;
}

bool
idl_ref_parse(const char *text, size_t n, struct idl_ref *ref_out)
{
	if (n == 0 ||
	    (n == sizeof REF_NULL - 1 && memcmp(text, REF_NULL, n) == 0)) {
		*ref_out = (struct idl_ref){0, 0};
		return true;
	}
	if (n != REF_PREFIX_BYTES + UUID_BYTES ||
	    memcmp(text, REF_PREFIX, REF_PREFIX_BYTES) != 0)
		return false;
	return idl_uuid_parse(text + REF_PREFIX_BYTES, UUID_BYTES, ref_out);
}

/* ---- values ---- */

size_t
idl_native_bytes(const struct idl_type *t)
{
	switch (t->kind) {
	case IDL_VOID:
		return 0;
	case IDL_INT:
	case IDL_DATETIME:
		return sizeof(int64_t);
	case IDL_FLOAT:
		return sizeof(double);
	case IDL_BOOL:
		return sizeof(bool);
	case IDL_REF:
		return sizeof(struct idl_ref);
	case IDL_ENUM:
		return sizeof(int32_t);
	case IDL_STRING:
	case IDL_SET:
	case IDL_MAP:
	case IDL_RECORD:
		break;
	}
	return sizeof(void *);
}

/* has_pointer - does a native value of the type point to anything? */
static bool
has_pointer(const struct idl_type *t)
{
	return t->kind == IDL_STRING || t->kind == IDL_SET ||
	       t->kind == IDL_MAP || t->kind == IDL_RECORD;
}

/* load_ptr - the pointer that a STRING, SET, MAP or RECORD value is */
static const void *
load_ptr(const void *value)
{
	return *(const void *const *)value;
}

/* array_equal - n values of one type, side by side */
static bool
array_equal(const struct idl_type *t, uint32_t n, const void *a, const void *b)
{
	size_t step = idl_native_bytes(t);
	const char *pa = a, *pb = b;

	if (n == 0)
		return true;
	if (!has_pointer(t) && t->kind != IDL_FLOAT)
		return memcmp(a, b, n * step) == 0;
	for (; n > 0; n--, pa += step, pb += step)
		if (!idl_equal(t, pa, pb))
			return false;
	return true;
}

/* record_equal - two records of a class, headers aside */
static bool
record_equal(const struct idl_class *c, const char *a, const char *b)
{
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (!idl_equal(f->type, a + f->offset, b + f->offset))
			return false;
	return true;
}

/* pointed_equal - what two STRING, SET, MAP or RECORD values point to */
static bool
pointed_equal(const struct idl_type *t, const void *a, const void *b)
{
	const struct idl_set *sa = a, *sb = b;
	const struct idl_map *ma = a, *mb = b;

	if (a == b)
		return true;
	if (t->kind == IDL_STRING)
		return strcmp(a, b) == 0;
	if (t->kind == IDL_SET)
		return sa->n == sb->n &&
		       array_equal(t->elem, sa->n, sa->items, sb->items);
	if (t->kind == IDL_MAP)
		return ma->n == mb->n &&
		       array_equal(t->key, ma->n, ma->keys, mb->keys) &&
		       array_equal(t->elem, ma->n, ma->values, mb->values);
	if (a == NULL || b == NULL)
		return false;
	return record_equal(idl_record_class(t, a), a, b);
}

bool
idl_equal(const struct idl_type *t, const void *a, const void *b)
{
	if (t->kind == IDL_VOID)
		return true;
	if (has_pointer(t))
		return pointed_equal(t, load_ptr(a), load_ptr(b));
	if (memcmp(a, b, idl_native_bytes(t)) == 0)
		return true;
	return t->kind == IDL_FLOAT &&
	       *(const double *)a == *(const double *)b; /* 0.0 and -0.0 */
}

/* array_copy - n values into the arena; NULL: it is full */
static const void *
array_copy(
    const struct idl_type *t, uint32_t n, const void *from, struct arena *a)
{
	size_t step = idl_native_bytes(t);
	const char *p = from;
	char *to, *q;

	if (step > 0 && n > SIZE_MAX / step)
		return NULL;
	to = arena_alloc(a, n * step);
	if (to == NULL)
		return NULL;
	if (!has_pointer(t))
		return memcpy(to, from, n * step);
	for (q = to; n > 0; n--, p += step, q += step)
		if (!idl_copy(t, p, q, a))
			return NULL;
	return to;
}

/* set_copy - a set into the arena; NULL: it is full */
static const struct idl_set *
set_copy(const struct idl_type *t, const struct idl_set *from, struct arena *a)
{
	struct idl_set *to;

	if (from->n == 0)
		return &idl_set_none;
	to = arena_alloc(a, sizeof *to);
	if (to == NULL)
		return NULL;
	to->n = from->n;
	to->items = array_copy(t->elem, from->n, from->items, a);
	return to->items == NULL ? NULL : to;
}

/* map_copy - a map into the arena; NULL: it is full */
static const struct idl_map *
map_copy(const struct idl_type *t, const struct idl_map *from, struct arena *a)
{
	struct idl_map *to;

	if (from->n == 0)
		return &idl_map_none;
	to = arena_alloc(a, sizeof *to);
	if (to == NULL)
		return NULL;
	to->n = from->n;
	to->keys = array_copy(t->key, from->n, from->keys, a);
	to->values = array_copy(t->elem, from->n, from->values, a);
	return to->keys == NULL || to->values == NULL ? NULL : to;
}

/* record_copy - a record struct into the arena; NULL: it is full */
static const void *
record_copy(const struct idl_class *c, const char *from, struct arena *a)
{
	char *to = arena_alloc(a, c->struct_bytes);
	const struct idl_field *f;

	if (to == NULL)
		return NULL;
	memcpy(to, from, c->struct_bytes);
	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (has_pointer(f->type) &&
		    !idl_copy(f->type, from + f->offset, to + f->offset, a))
			return NULL;
	return to;
}

bool
idl_copy(const struct idl_type *t, const void *from, void *to, struct arena *a)
{
	const void *p;

	if (t->kind == IDL_VOID)
		return true;
	if (!has_pointer(t)) {
		memcpy(to, from, idl_native_bytes(t));
		return true;
	}
	p = load_ptr(from);
	if (t->kind == IDL_STRING)
		p = arena_strndup(a, p, strlen(p));
	else if (t->kind == IDL_SET)
		p = set_copy(t, p, a);
	else if (t->kind == IDL_MAP)
		p = map_copy(t, p, a);
	else if (p != NULL)
		p = record_copy(idl_record_class(t, p), p, a);
	if (p == NULL && load_ptr(from) != NULL)
		return false;
	memcpy(to, &p, sizeof p);
	return true;
}

/* ---- records ---- */

void
idl_record_init(const struct idl_class *c, void *rec)
{
	const struct idl_field *f;
	struct idl_hdr *h = rec;

	memset(rec, 0, c->struct_bytes);
	h->cls = c->id;
	for (f = c->fields; f < c->fields + c->nfields; f++)
		memcpy((char *)rec + f->offset, f->initial,
		    idl_native_bytes(f->type));
}

/*
 * Where the next array and the next string of a packed block go.  Measuring
 * and filling run the same code: while measuring there is no block.
 */
struct pack {
	char *block;	    /* NULL: measuring */
	size_t array_bytes; /* from the block's start: struct, arrays */
	size_t
	    string_bytes; /* measuring: in all; filling: next string's place */
};

/* What every empty string of a packed record points to. */
static const char no_text[] = "";

static void pack_pointed(
    struct pack *k, const struct idl_type *t, const void **value);

/* pack_array - n values; returns their place in the block */
static const void *
pack_array(
    struct pack *k, const struct idl_type *t, uint32_t n, const void *from)
{
	size_t step = idl_native_bytes(t);
	size_t at = k->array_bytes;
	const void *const *p = from;
	const void *value;
	uint32_t i;

	k->array_bytes += (n * step + PACK_ALIGN - 1) & ~(PACK_ALIGN - 1);
	if (k->block != NULL)
		memcpy(k->block + at, from, n * step);
	if (has_pointer(t)) {
		for (i = 0; i < n; i++) {
			value = p[i];
			pack_pointed(k, t, &value);
			if (k->block != NULL)
				memcpy(k->block + at + i * step, &value,
				    sizeof value);
		}
	}
	return k->block == NULL ? NULL : k->block + at;
}

/* pack_string - a string; "" costs nothing */
static const char *
pack_string(struct pack *k, const char *s)
{
	size_t n = strlen(s) + 1;
	size_t at = k->string_bytes;

	if (n == 1)
		return no_text;
	k->string_bytes += n;
	return k->block == NULL ? NULL : memcpy(k->block + at, s, n);
}

/* pack_set, pack_map - the struct and its arrays; empty ones cost nothing */
static const struct idl_set *
pack_set(struct pack *k, const struct idl_type *t, const struct idl_set *from)
{
	struct idl_set to;
	size_t at = k->array_bytes;

	if (from->n == 0)
		return &idl_set_none;
	k->array_bytes += sizeof to;
	to.n = from->n;
	to.items = pack_array(k, t->elem, from->n, from->items);
	return k->block == NULL ? NULL : memcpy(k->block + at, &to, sizeof to);
}

static const struct idl_map *
pack_map(struct pack *k, const struct idl_type *t, const struct idl_map *from)
{
	struct idl_map to;
	size_t at = k->array_bytes;

	if (from->n == 0)
		return &idl_map_none;
	k->array_bytes += sizeof to;
	to.n = from->n;
	to.keys = pack_array(k, t->key, from->n, from->keys);
	to.values = pack_array(k, t->elem, from->n, from->values);
	return k->block == NULL ? NULL : memcpy(k->block + at, &to, sizeof to);
}

/* pack_record - a record struct at the next array place, then its members */
static const void *
pack_record(struct pack *k, const struct idl_class *c, const char *from)
{
	size_t at = k->array_bytes;
	const struct idl_field *f;
	const void *value;

	k->array_bytes +=
	    (c->struct_bytes + PACK_ALIGN - 1) & ~(PACK_ALIGN - 1);
	if (k->block != NULL)
		memcpy(k->block + at, from, c->struct_bytes);
	for (f = c->fields; f < c->fields + c->nfields; f++) {
		if (!has_pointer(f->type))
			continue;
		value = load_ptr(from + f->offset);
		/* Most members of most records: already where they belong. */
		if (value == no_text || value == &idl_set_none ||
		    value == &idl_map_none)
			continue;
		pack_pointed(k, f->type, &value);
		if (k->block != NULL)
			memcpy(k->block + at + f->offset, &value, sizeof value);
	}
	return k->block == NULL ? NULL : k->block + at;
}

/* pack_pointed - move what a value points to into the block */
static void
pack_pointed(struct pack *k, const struct idl_type *t, const void **value)
{
	if (t->kind == IDL_STRING)
		*value = pack_string(k, *value);
	else if (t->kind == IDL_SET)
		*value = pack_set(k, t, *value);
	else if (t->kind == IDL_MAP)
		*value = pack_map(k, t, *value);
	else if (*value != NULL)
		*value = pack_record(k, idl_record_class(t, *value), *value);
}

void *
idl_record_pack(const struct idl_class *c, const void *rec)
{
	struct pack k = {NULL, 0, 0};
	size_t arrays, bytes;
	struct idl_hdr *h;

	(void)pack_record(&k, c, rec); /* measures only */
	arrays = k.array_bytes;
	bytes = arrays + k.string_bytes;
	if (bytes > UINT32_MAX)
		return NULL;
	k.block = malloc(bytes);
	if (k.block == NULL)
		return NULL;
	k.array_bytes = 0;
	k.string_bytes = arrays;
	(void)pack_record(&k, c, rec); /* the block's first struct */
	assert(k.array_bytes == arrays && k.string_bytes == bytes);
	h = (struct idl_hdr *)(void *)k.block;
	h->bytes = (uint32_t)bytes;
	return k.block;
}

int
idl_enum_index(const struct idl_enum *e, const char *text, size_t n)
{
	int i;

	for (i = 0; i < e->n; i++)
		if (strlen(e->values[i]) == n &&
		    memcmp(e->values[i], text, n) == 0)
			return i;
	return -1;
}

const struct idl_class *
idl_record_class(const struct idl_type *t, const void *rec)
{
	const struct idl_hdr *h = rec;

	return idl_classes[t->cls >= 0 ? t->cls : h->cls];
}

const struct idl_field *
idl_field_find(const struct idl_class *c, const char *name)
{
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

bool
idl_field_is_absent(const struct idl_field *f, const void *rec)
{
	return f->type->kind == IDL_RECORD &&
	       load_ptr((const char *)rec + f->offset) == NULL;
}
