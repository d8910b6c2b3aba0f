/* SPDX-License-Identifier: BSD-2-Clause */
/* Native values: refs, equality, copies, packed records. */

/* System */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "idl_types.h"
#include "model/arena.h"
#include "model/idl.h"

/* Own */
#include "tests/model/help_alloc.h"
#include "tests/model/help_random.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ARENA_BYTES ((size_t)16 << 20)

static const char *const colours[] = {"red", "green", "re"};
static const struct idl_enum colour = {"colour", colours, 3};

static const struct idl_type t_string = {.kind = IDL_STRING, .cls = -1};
static const struct idl_type t_int = {.kind = IDL_INT, .cls = -1};
static const struct idl_type t_float = {.kind = IDL_FLOAT, .cls = -1};
static const struct idl_type t_bool = {.kind = IDL_BOOL, .cls = -1};
static const struct idl_type t_date = {.kind = IDL_DATETIME, .cls = -1};
static const struct idl_type t_ref = {.kind = IDL_REF, .cls = IDL_CLASS_VM};
static const struct idl_type t_enum = {
    .kind = IDL_ENUM, .en = &colour, .cls = -1};
static const struct idl_type t_strings = {
    .kind = IDL_SET, .elem = &t_string, .cls = -1};
static const struct idl_type t_floats = {
    .kind = IDL_SET, .elem = &t_float, .cls = -1};
static const struct idl_type t_map = {
    .kind = IDL_MAP, .key = &t_string, .elem = &t_strings, .cls = -1};
static const struct idl_type t_void = {.kind = IDL_VOID, .cls = -1};
static const struct idl_type t_vm = {.kind = IDL_RECORD, .cls = IDL_CLASS_VM};

Test(idl_value, refs_read_back_as_written)
{
	static const struct {
		struct idl_ref ref;
		const char *text;
	} rows[] = {
	    {{0, 0}, "OpaqueRef:NULL"},
	    {{0, 1}, "OpaqueRef:00000000-0000-0000-0000-000000000001"},
	    {{0x0123456789abcdef, 0xfedcba9876543210},
		"OpaqueRef:01234567-89ab-cdef-fedc-ba9876543210"},
	    {{UINT64_MAX, UINT64_MAX},
		"OpaqueRef:ffffffff-ffff-ffff-ffff-ffffffffffff"},
	};
	char text[IDL_REF_TEXT];
	struct idl_ref ref;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		idl_ref_write(&rows[i].ref, text);
		cr_expect_str_eq(text, rows[i].text);
		cr_assert(idl_ref_parse(text, strlen(text), &ref));
		cr_expect(idl_ref_equal(&ref, &rows[i].ref));
		idl_uuid_write(&rows[i].ref, text);
		cr_expect_eq(strlen(text), IDL_UUID_TEXT - 1);
		cr_assert(idl_uuid_parse(text, strlen(text), &ref));
		cr_expect(idl_ref_equal(&ref, &rows[i].ref));
	}
}

Test(idl_value, what_is_no_ref_is_refused)
{
	static const struct {
		const char *sentence, *text;
		bool ok;
	} rows[] = {
	    {"nothing is the null ref", "", true},
	    {"so is OpaqueRef:NULL", "OpaqueRef:NULL", true},
	    {"digits may be capitals",
		"OpaqueRef:ABCDEF01-2345-6789-ABCD-EF0123456789", true},
	    {"a bare uuid is no ref", "abcdef01-2345-6789-abcd-ef0123456789",
		false},
	    {"the prefix is spelled so",
		"opaqueref:abcdef01-2345-6789-abcd-ef0123456789", false},
	    {"a digit is missing",
		"OpaqueRef:abcdef01-2345-6789-abcd-ef012345678", false},
	    {"a digit is too many",
		"OpaqueRef:abcdef01-2345-6789-abcd-ef01234567890", false},
	    {"a dash is elsewhere",
		"OpaqueRef:abcdef0-12345-6789-abcd-ef0123456789", false},
	    {"g is no digit", "OpaqueRef:gbcdef01-2345-6789-abcd-ef0123456789",
		false},
	    {"null in small letters", "OpaqueRef:null", false},
	    {"only the prefix", "OpaqueRef:", false},
	};
	struct idl_ref ref;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		ref = (struct idl_ref){4, 2};
		cr_expect_eq(
		    idl_ref_parse(rows[i].text, strlen(rows[i].text), &ref),
		    rows[i].ok, "%s", rows[i].sentence);
		if (!rows[i].ok)
			cr_expect(ref.hi == 4 && ref.lo == 2, "%s: untouched",
			    rows[i].sentence);
	}
	cr_expect_not(idl_uuid_parse("", 0, &ref), "no uuid is empty");
}

Test(idl_value, enum_index_is_exact)
{
	cr_expect_eq(idl_enum_index(&colour, "red", 3), 0);
	cr_expect_eq(idl_enum_index(&colour, "green", 5), 1);
	cr_expect_eq(idl_enum_index(&colour, "re", 2), 2);
	cr_expect_eq(idl_enum_index(&colour, "redder", 2), 2, "n counts");
	cr_expect_eq(idl_enum_index(&colour, "Red", 3), -1);
	cr_expect_eq(idl_enum_index(&colour, "", 0), -1);
	cr_expect_eq(idl_enum_index(&colour, "red\0x", 5), -1);
}

Test(idl_value, fields_are_found_by_name)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	int i;

	for (i = 0; i < c->nfields; i++)
		cr_expect_eq(
		    idl_field_find(c, c->fields[i].name), &c->fields[i]);
	cr_expect_null(idl_field_find(c, "memory_static"));
	cr_expect_null(idl_field_find(c, ""));
}

Test(idl_value, scalars_are_equal_by_value)
{
	int64_t i1 = 5, i2 = 5, i3 = 6;
	double d[] = {0.0, -0.0, NAN, NAN, 1.5};
	const char *s1 = "one", *s2 = (const char[]){"one"}, *s3 = "two";
	struct idl_ref r1 = {1, 2}, r2 = {1, 3};
	int32_t e1 = 0, e2 = 1;
	bool b1 = true, b2 = false;

	cr_expect(idl_equal(&t_int, &i1, &i2));
	cr_expect_not(idl_equal(&t_int, &i1, &i3));
	cr_expect_not(idl_equal(&t_date, &i1, &i3));
	cr_expect(idl_equal(&t_float, &d[0], &d[1]));
	cr_expect(idl_equal(&t_float, &d[2], &d[3]));
	cr_expect_not(idl_equal(&t_float, &d[0], &d[4]));
	cr_expect(idl_equal(&t_string, &s1, &s2));
	cr_expect_not(idl_equal(&t_string, &s1, &s3));
	cr_expect_not(idl_equal(&t_ref, &r1, &r2));
	cr_expect(idl_equal(&t_ref, &r1, &r1));
	cr_expect_not(idl_equal(&t_enum, &e1, &e2));
	cr_expect_not(idl_equal(&t_bool, &b1, &b2));
	cr_expect(idl_equal(&t_void, NULL, NULL));
	cr_expect_eq(idl_native_bytes(&t_void), 0);
}

Test(idl_value, containers_are_equal_by_their_members)
{
	const char *ab[] = {"a", "b"}, *ab2[] = {"a", "b"};
	const char *ac[] = {"a", "c"};
	double f1[] = {0.0}, f2[] = {-0.0};
	struct idl_set set_ab = {2, ab}, set_ab2 = {2, ab2};
	struct idl_set set_ac = {2, ac}, set_a = {1, ab};
	struct idl_set set_f1 = {1, f1}, set_f2 = {1, f2};
	const struct idl_set *none = &idl_set_none, *empty;
	const struct idl_set *p[] = {
	    &set_ab, &set_ab2, &set_ac, &set_a, &set_f1, &set_f2};
	struct idl_map m1 = {2, ab, &p[0]}, m2 = {2, ab2, &p[0]};
	struct idl_map m3 = {2, ac, &p[0]}, m4 = {2, ab, &p[1]};
	const struct idl_map *m[] = {&m1, &m2, &m3, &m4};
	struct idl_set another_empty = {0, NULL};

	empty = &another_empty;
	cr_expect(idl_equal(&t_strings, &none, &empty));
	cr_expect_not(idl_equal(&t_strings, &none, &p[0]));
	cr_expect(idl_equal(&t_strings, &p[0], &p[1]));
	cr_expect_not(idl_equal(&t_strings, &p[0], &p[2]));
	cr_expect_not(idl_equal(&t_strings, &p[0], &p[3]));
	cr_expect(idl_equal(&t_floats, &p[4], &p[5]));
	cr_expect(idl_equal(&t_map, &m[0], &m[1]));
	cr_expect_not(idl_equal(&t_map, &m[0], &m[2]), "other keys");
	cr_expect_not(idl_equal(&t_map, &m[0], &m[3]), "other values");
}

/* random_value - any native value of a type; members live in the arena */
static void
random_value(
    struct help_random *r, const struct idl_type *t, void *to, struct arena *a)
{
	uint32_t i, n = (uint32_t)help_random_below(r, 5);
	size_t key_bytes, elem_bytes;
	struct idl_map *map;
	struct idl_set *set;
	char *keys, *items;
	int64_t number;
	double real;
	char *s;

	switch (t->kind) {
	case IDL_STRING:
		n = n == 0 ? 0 : (uint32_t)help_random_below(r, 40);
		s = arena_alloc(a, n + 1);
		for (i = 0; i < n; i++)
			s[i] = (char)('a' + help_random_below(r, 26));
		memcpy(to, &s, sizeof s);
		return;
	case IDL_FLOAT:
		real = (double)help_random_next(r) / 7;
		memcpy(to, &real, sizeof real);
		return;
	case IDL_BOOL:
		*(bool *)to = n & 1;
		return;
	case IDL_ENUM:
		*(int32_t *)to =
		    (int32_t)help_random_below(r, (uint64_t)t->en->n);
		return;
	case IDL_INT:
	case IDL_DATETIME:
		number = (int64_t)help_random_next(r);
		memcpy(to, &number, sizeof number);
		return;
	case IDL_REF:
		*(struct idl_ref *)to =
		    (struct idl_ref){help_random_next(r), help_random_next(r)};
		return;
	case IDL_SET:
		elem_bytes = idl_native_bytes(t->elem);
		set = arena_alloc(a, sizeof *set);
		items = arena_alloc(a, n * elem_bytes);
		for (i = 0; i < n; i++)
			random_value(r, t->elem, items + i * elem_bytes, a);
		*set = (struct idl_set){n, items};
		memcpy(to, &set, sizeof set);
		return;
	case IDL_MAP:
		key_bytes = idl_native_bytes(t->key);
		elem_bytes = idl_native_bytes(t->elem);
		map = arena_alloc(a, sizeof *map);
		keys = arena_alloc(a, n * key_bytes);
		items = arena_alloc(a, n * elem_bytes);
		for (i = 0; i < n; i++) {
			random_value(r, t->key, keys + i * key_bytes, a);
			random_value(r, t->elem, items + i * elem_bytes, a);
		}
		*map = (struct idl_map){n, keys, items};
		memcpy(to, &map, sizeof map);
		return;
	case IDL_RECORD:
	case IDL_VOID:
		break;
	}
	memset(to, 0, idl_native_bytes(t));
}

/* random_record - every field of a class at random */
static void *
random_record(struct help_random *r, const struct idl_class *c, struct arena *a)
{
	char *rec = arena_alloc(a, c->struct_bytes);
	int i;

	idl_record_init(c, rec);
	((struct idl_hdr *)(void *)rec)->ref = (struct idl_ref){7, 8};
	for (i = 0; i < c->nfields; i++)
		random_value(
		    r, c->fields[i].type, rec + c->fields[i].offset, a);
	return rec;
}

/* expect_same - all fields of two records equal */
static void
expect_same(const struct idl_class *c, const void *x, const void *y)
{
	const struct idl_field *f;
	int i;

	for (i = 0; i < c->nfields; i++) {
		f = &c->fields[i];
		cr_assert(idl_equal(f->type, (const char *)x + f->offset,
			      (const char *)y + f->offset),
		    "%s.%s", c->name, f->name);
	}
}

/* scribble - overwrite the blocks of an arena before they go */
static void
scribble(struct arena *a)
{
	arena_reset(a);
	if (a->left > 0)
		memset(a->at, 0x5a, a->left);
	arena_fini(a);
}

Test(idl_value, packed_records_of_every_class_equal_their_source)
{
	struct arena a, b;
	struct help_random r;
	const struct idl_class *c;
	void *rec, *packed, *again;
	uint64_t before;
	int k, i;

	help_random_init(&r, "idl_value");
	for (k = 0; k < idl_nclasses; k++) {
		c = idl_classes[k];
		cr_expect_eq(c->id, k);
		for (i = 0; i < 50; i++) {
			arena_init(&a, ARENA_BYTES);
			before = r.state;
			rec = random_record(&r, c, &a);
			packed = idl_record_pack(c, rec);
			cr_assert_not_null(packed);
			expect_same(c, rec, packed);
			scribble(&a); /* the block needs nothing of it */
			again = idl_record_pack(c, packed);
			cr_assert_not_null(again);
			cr_expect_eq(((struct idl_hdr *)again)->bytes,
			    ((struct idl_hdr *)packed)->bytes);
			cr_expect_eq(((struct idl_hdr *)again)->cls, k);
			cr_expect_eq(((struct idl_hdr *)again)->ref.lo, 8);
			free(packed);
			arena_init(&b, ARENA_BYTES);
			r.state = before;
			expect_same(c, random_record(&r, c, &b), again);
			arena_fini(&b);
			free(again);
		}
	}
}

Test(idl_value, empty_members_cost_nothing)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	struct idl_vm vm, *packed;
	struct idl_map empty = {0, NULL, NULL};

	idl_record_init(c, &vm);
	vm.other_config = &empty;
	vm.name_label = "";
	packed = idl_record_pack(c, &vm);
	cr_assert_not_null(packed);
	cr_expect_eq(packed->other_config, &idl_map_none);
	cr_expect_str_eq(packed->name_label, "");
	cr_expect_lt(packed->h.bytes, sizeof vm + 200);
	free(packed);
}

Test(idl_value, packing_without_memory_is_refused)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	struct idl_vm vm;
	void *packed;

	idl_record_init(c, &vm);
	help_alloc_fail_nth(1);
	packed = idl_record_pack(c, &vm);
	cr_expect(help_alloc_stop());
	cr_expect_null(packed);
	help_alloc_fail_nth(2);
	packed = idl_record_pack(c, &vm);
	cr_expect_not(help_alloc_stop(), "one allocation is all it takes");
	cr_expect_not_null(packed);
	free(packed);
}

Test(idl_value, copies_live_in_their_own_arena)
{
	struct arena a, b;
	struct help_random r;
	struct idl_vm *vm, *copy;
	int i;

	help_random_init(&r, "idl_copy");
	for (i = 0; i < 200; i++) {
		arena_init(&a, ARENA_BYTES);
		arena_init(&b, ARENA_BYTES);
		vm = random_record(&r, idl_classes[IDL_CLASS_VM], &a);
		cr_assert(idl_copy(&t_vm, &vm, &copy, &b));
		cr_expect_neq(copy, vm);
		expect_same(idl_classes[IDL_CLASS_VM], vm, copy);
		scribble(&a);
		cr_expect_geq(strlen(copy->name_label), 0);
		cr_assert(idl_equal(&t_vm, &copy, &copy));
		arena_fini(&b);
	}
}

Test(idl_value, a_copy_that_does_not_fit_changes_nothing)
{
	struct arena a, b;
	struct help_random r;
	struct idl_vm *vm, *copy;
	size_t limit;
	bool ok = false;

	help_random_init(&r, "idl_copy_limit");
	arena_init(&a, ARENA_BYTES);
	vm = random_record(&r, idl_classes[IDL_CLASS_VM], &a);
	for (limit = 0; !ok; limit += 13) {
		arena_init(&b, limit);
		copy = NULL;
		ok = idl_copy(&t_vm, &vm, &copy, &b);
		cr_expect_eq(copy != NULL, ok);
		arena_fini(&b);
	}
	arena_fini(&a);
}

Test(idl_value, records_start_with_the_defaults_of_the_idl)
{
	const struct idl_class *c;
	_Alignas(16) char rec[8192];
	int k, i;

	for (k = 0; k < idl_nclasses; k++) {
		c = idl_classes[k];
		cr_assert_leq(c->struct_bytes, sizeof rec);
		memset(rec, 0xff, sizeof rec);
		idl_record_init(c, rec);
		for (i = 0; i < c->nfields; i++)
			cr_expect(idl_equal(c->fields[i].type,
				      rec + c->fields[i].offset,
				      c->fields[i].initial),
			    "%s.%s", c->name, c->fields[i].name);
	}
}
