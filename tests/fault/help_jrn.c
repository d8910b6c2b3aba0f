/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_jrn - records of any class, and what a journal gives back of them
 */

/* System */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Own */
#include "tests/fault/help_jrn.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char *const strings[] = {"", "plain", "it's \"quoted\"",
    "back\\slash", "line\nfeed\ttab\r\x01\x1f\x7f", "null", "OpaqueRef:NULL",
    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98", "\xed\x9f\xbf\xef\xbf\xbf",
    "'; DROP TABLE VM; --", "12", "1e5", " spaces ", "{\"a\":[1]}", "</x>",
    "\xf4\x8f\xbf\xbf"};
static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1,
    127, 128, -129, 32768, 8388608, INT32_MAX, INT32_MIN, (int64_t)1 << 47,
    (int64_t)1 << 53, ((int64_t)1 << 53) + 1};
static const double floats[] = {0.0, -0.0, 1.0, -1.5, 0.1, 1e300, -1e-300,
    DBL_MAX, DBL_MIN, 4.9e-324, 9007199254740993.0, 1e18, 3.0, HUGE_VAL,
    -HUGE_VAL, 1.0000000000000002};

struct idl_ref
help_ref(uint64_t n)
{
	if (n == 0)
		return (struct idl_ref){0, 0};
	return (struct idl_ref){n * 0x9e3779b97f4a7c15u, ~n << 7 | (n & 0x7f)};
}

static void fill_value(
    const struct idl_type *t, void *v, struct arena *a, uint64_t seed);

/* fill_array - n values of a type; strings made unique where asked for */
static const void *
fill_array(const struct idl_type *t, uint32_t n, struct arena *a, uint64_t seed,
    bool unique)
{
	size_t step = idl_native_bytes(t);
	char *items = arena_alloc(a, n * step + 1);
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (unique && t->kind == IDL_STRING)
			((const char **)(void *)items)[i] = arena_printf(
			    a, "%s%u", strings[(seed + i) % N(strings)], i);
		else if (unique && t->kind == IDL_REF)
			((struct idl_ref *)(void *)items)[i] =
			    help_ref(seed + i + 1);
		else if (unique && t->kind == IDL_ENUM)
			((int32_t *)(void *)items)[i] = (int32_t)i;
		else if (unique)
			((int64_t *)(void *)items)[i] = (int64_t)i - 2;
		else
			fill_value(t, items + i * step, a, seed + i);
	}
	return items;
}

/* count_of - how many members: none, few, or many */
static uint32_t
count_of(const struct idl_type *key, uint64_t seed)
{
	static const uint32_t counts[] = {0, 1, 2, 3, 20, 300};
	uint32_t n = counts[seed % N(counts)];

	if (key != NULL && key->kind == IDL_ENUM && n > (uint32_t)key->en->n)
		n = (uint32_t)key->en->n;
	return n;
}

/* fill_value - an awkward value of any type */
static void
fill_value(const struct idl_type *t, void *v, struct arena *a, uint64_t seed)
{
	struct idl_set set;
	struct idl_map map;

	switch (t->kind) {
	case IDL_STRING:
		*(const char **)v = strings[seed % N(strings)];
		return;
	case IDL_INT:
	case IDL_DATETIME:
		*(int64_t *)v = ints[seed % N(ints)];
		return;
	case IDL_FLOAT:
		*(double *)v = floats[seed % N(floats)];
		return;
	case IDL_BOOL:
		*(bool *)v = seed % 2 == 1;
		return;
	case IDL_REF:
		*(struct idl_ref *)v = help_ref(seed % 5);
		return;
	case IDL_ENUM:
		*(int32_t *)v = (int32_t)(seed % (uint64_t)t->en->n);
		return;
	case IDL_SET:
		set.n = count_of(NULL, seed);
		set.items = fill_array(t->elem, set.n, a, seed, false);
		*(struct idl_set **)v =
		    memcpy(arena_alloc(a, sizeof set), &set, sizeof set);
		return;
	case IDL_MAP:
		map.n = count_of(t->key, seed);
		map.keys = fill_array(t->key, map.n, a, seed, true);
		map.values = fill_array(t->elem, map.n, a, seed, false);
		*(struct idl_map **)v =
		    memcpy(arena_alloc(a, sizeof map), &map, sizeof map);
		return;
	case IDL_VOID:
	case IDL_RECORD:
		cr_assert_fail("no such field is persistent");
	}
}

/* is_kept - does a journal keep the field? */
static bool
is_kept(const struct idl_field *f)
{
	return (f->flags & (IDL_F_LIVE | IDL_F_INVERSE)) == 0;
}

void
help_fill(const struct idl_class *c, void *rec, struct arena *a, uint64_t seed)
{
	struct idl_hdr *h = rec;
	int i;

	idl_record_init(c, rec);
	h->ref = help_ref(seed + 1);
	h->created = seed;
	h->modified = seed % 3 == 0 ? INT64_MAX : seed * seed;
	for (i = 0; i < c->nfields; i++)
		if (is_kept(&c->fields[i]))
			fill_value(c->fields[i].type,
			    (char *)rec + c->fields[i].offset, a,
			    seed + (uint64_t)i);
}

bool
help_same(const struct idl_class *c, const void *a, const void *b)
{
	const struct idl_hdr *ha = a, *hb = b;
	const struct idl_field *f;

	if (!idl_ref_equal(&ha->ref, &hb->ref) || ha->created != hb->created ||
	    ha->modified != hb->modified || ha->cls != hb->cls)
		return false;
	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (is_kept(f) &&
		    !idl_equal(f->type, (const char *)a + f->offset,
			(const char *)b + f->offset))
			return false;
	return true;
}

/* hold - a jrn_load_f that keeps a copy */
static enum err
hold(void *ctx, int cls, const void *rec, struct failure *why)
{
	struct help_held *held = ctx;
	void *copy;

	if (held->n == held->room) {
		held->room = held->room * 2 + 8;
		copy = realloc(held->rec, held->room * sizeof *held->rec);
		if (copy == NULL)
			return err_internal(why, "out of memory");
		held->rec = copy;
	}
	copy = idl_record_pack(idl_classes[cls], rec);
	if (copy == NULL)
		return err_internal(why, "out of memory");
	held->rec[held->n++] = copy;
	return ERR_NONE;
}

enum err
help_load(struct jrn *j, struct help_held *held, struct failure *why)
{
	memset(held, 0, sizeof *held);
	return j->ops->load(j, hold, held, &held->generation, why);
}

void
help_held_drop(struct help_held *held)
{
	while (held->n > 0)
		free(held->rec[--held->n]);
	free(held->rec);
	memset(held, 0, sizeof *held);
}

const void *
help_find(const struct help_held *held, int cls, const struct idl_ref *ref)
{
	const struct idl_hdr *h;
	size_t i;

	for (i = 0; i < held->n; i++) {
		h = held->rec[i];
		if (h->cls == cls && idl_ref_equal(&h->ref, ref))
			return h;
	}
	return NULL;
}

void
help_commit_one(struct jrn *j, uint64_t generation, const void *rec)
{
	const struct idl_hdr *h = rec;
	struct jrn_change change = {h->cls, h->ref, NULL, rec};
	char reason[300];

	cr_assert_eq(
	    j->ops->commit(j, generation, &change, 1, reason, sizeof reason),
	    JRN_COMMITTED, "%s", reason);
}

struct help_bytes
help_bytes_read(const char *path)
{
	struct help_bytes b = {NULL, 0};
	FILE *f = fopen(path, "rb");
	struct stat st;

	if (f == NULL)
		return b;
	cr_assert_eq(fstat(fileno(f), &st), 0);
	b.n = (size_t)st.st_size;
	b.p = malloc(b.n + 1);
	cr_assert_not_null(b.p);
	cr_assert_eq(fread(b.p, 1, b.n, f), b.n);
	(void)fclose(f); /* only read */
	return b;
}

void
help_bytes_write(const char *path, const struct help_bytes *b)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f);
	cr_assert_eq(fwrite(b->p, 1, b->n, f), b->n);
	cr_assert_eq(fclose(f), 0);
}

void
help_bytes_drop(struct help_bytes *b)
{
	free(b->p);
	b->p = NULL;
}

bool
help_bytes_same(const struct help_bytes *a, const struct help_bytes *b)
{
	if (a->p == NULL || b->p == NULL)
		return a->p == b->p;
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

char *
help_folder(void)
{
	char folder[] = "/tmp/unit-fault-XXXXXX";
	char *path = NULL;

	cr_assert_not_null(mkdtemp(folder));
	cr_assert_gt(asprintf(&path, "%s/memory.db", folder), 0);
	return path;
}

void
help_folder_drop(char **path)
{
	static const char *const suffixes[] = {
	    "", "-wal", "-shm", "-journal", ".new"};
	char name[300];
	size_t i;

	for (i = 0; i < N(suffixes); i++) {
		(void)snprintf(name, sizeof name, "%s%s", *path, suffixes[i]);
		(void)unlink(name); /* mostly not there */
	}
	*strrchr(*path, '/') = '\0';
	cr_assert_eq(rmdir(*path), 0, "a file was left behind");
	free(*path);
	*path = NULL;
}
