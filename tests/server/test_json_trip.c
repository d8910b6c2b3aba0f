/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_json_trip - what we write jansson reads and we read back equal
 */

/* System */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/model/help_alloc.h"
#include "tests/server/help_jsn.h"

#define ARENA ((size_t)1 << 20)
#define ROUNDS 100
#define MAX_ALLOCATIONS 10000

/* trip - random values of one type, there and back */
static void
trip(const struct idl_type *t)
{
	_Alignas(16) char native[16];
	struct help_jsn h;
	struct arena a;
	uint64_t seed = 88172645463325252u;
	char *sent;

	if (t->kind == IDL_VOID)
		return;
	help_jsn_open(&h, t, ARENA);
	arena_init(&a, ARENA);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		help_xml_random(t, native, &a, &seed);
		sent = strdup(help_jsn_write(&h, t, native));
		cr_assert_not_null(sent);
		help_jsn_read_value(&h, sent);
		cr_assert(h.ok && h.call.bad.code == ERR_NONE, "%s: %s",
		    help_jsn_outcome(&h), sent);
		cr_assert(help_xml_equal(t, native, h.call.args),
		    "%s came back as %s", sent, help_jsn_outcome(&h));
		free(sent);
	}
	arena_fini(&a);
	help_jsn_close(&h);
}

Test(json_trip, every_type_of_the_idl)
{
	help_xml_each_type(trip);
}

Test(json_trip, types_the_idl_may_have_one_day)
{
	const struct idl_type *const types[] = {&help_xml_datetime,
	    &help_xml_any, &help_xml_enum, &help_xml_ints, &help_xml_sets,
	    &help_xml_int_map, &help_xml_ref_map, &help_xml_vm};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		trip(types[i]);
}

Test(json_trip, a_double_keeps_all_its_bits)
{
	struct help_jsn h;
	uint64_t bits = 88172645463325252u;
	double v, back;
	char sent[100];

	help_jsn_open(&h, &help_xml_float, ARENA);
	for (int i = 0; i < 10000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		if ((bits >> 52 & 0x7ff) == 0x7ff)
			continue; /* no number */
		memcpy(&v, &bits, sizeof v);
		(void)snprintf(sent, sizeof sent, "%s",
		    help_jsn_write(&h, &help_xml_float, &v));
		help_jsn_read_value(&h, sent);
		cr_assert(h.ok && h.call.bad.code == ERR_NONE, "%s", sent);
		memcpy(&back, h.call.args, sizeof back);
		cr_assert_eq(memcmp(&v, &back, sizeof v), 0, "%s", sent);
	}
	help_jsn_close(&h);
}

/* ---- records ---- */

/* required - an object of all required fields but one, with random values */
static char *
required(const struct idl_class *c, int but)
{
	_Alignas(16) char native[16];
	struct http_buf out;
	struct arena a;
	uint64_t seed = 7;

	http_buf_init(&out, ARENA);
	arena_init(&a, ARENA);
	http_buf_text(&out, "{");
	for (int i = 0; i < c->nfields; i++) {
		if (!(c->fields[i].flags & IDL_F_REQUIRED) || i == but)
			continue;
		help_xml_random(c->fields[i].type, native, &a, &seed);
		http_buf_printf(&out, "\"%s\":", c->fields[i].name);
		jsn_write_value(&out, c->fields[i].type, native);
		http_buf_text(&out, ",");
	}
	http_buf_text(&out, "\"no_such_field\":null,\"uuid\":\"ours\"}");
	http_buf_add(&out, "", 1);
	arena_fini(&a);
	return out.p;
}

Test(json_trip, a_record_needs_its_required_members_and_no_others)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	const struct idl_vm *vm;
	struct help_jsn h;
	char want[200], *value;

	help_jsn_open(&h, &help_xml_vm, ARENA);
	for (int i = -1; i < c->nfields; i++) {
		if (i >= 0 && !(c->fields[i].flags & IDL_F_REQUIRED))
			continue;
		value = required(c, i);
		help_jsn_read_value(&h, value);
		free(value);
		cr_assert(h.ok, "%s", h.text);
		if (i < 0) {
			cr_assert_eq(h.call.bad.code, ERR_NONE, "%s",
			    help_jsn_outcome(&h));
			vm = *(const struct idl_vm *const *)h.call.args;
			cr_expect_eq(vm->h.cls, IDL_CLASS_VM);
			cr_expect_str_eq(vm->uuid, "",
			    "a field that is ours to set is ignored");
			continue;
		}
		(void)snprintf(want, sizeof want, "FIELD_TYPE_ERROR %s",
		    c->fields[i].name);
		cr_expect_str_eq(help_jsn_outcome(&h), want);
	}
	help_jsn_close(&h);
}

/* ---- memory that runs out ---- */

/* attempt - a reader, a call and its reply; every allocation may fail */
static bool
attempt(const struct idl_msg *msg, const char *body, struct http_buf *out)
{
	struct jsn_reader *r = jsn_reader_new();
	struct api_call c = {.err = ERR_NONE};
	char text[100];
	bool ok = false;

	if (r == NULL)
		return false;
	arena_init(&c.arena, ARENA);
	r->find = help_jsn_find;
	if (jsn_read_call(r, body, strlen(body), &c, text, sizeof text)) {
		cr_assert_eq(c.msg, msg);
		cr_assert_eq(c.bad.code, ERR_NONE);
		c.result = c.args;
		ok = rpc_write_reply(&jsn_codec, &c, out);
	}
	arena_fini(&c.arena);
	jsn_reader_free(&r);
	return ok;
}

Test(json_trip, each_allocation_may_fail)
{
	struct help_jsn h;
	struct http_buf out;
	char *value, *body;
	bool ok = false, failed = true;
	size_t n;

	help_jsn_open(&h, &help_xml_vm, ARENA);
	value = required(idl_classes[IDL_CLASS_VM], -1);
	cr_assert(asprintf(&body,
		      "{\"method\":\"t.call\",\"params\":[\"s\",%s],"
		      "\"id\":\"i\"}",
		      value) > 0);
	http_buf_init(&out, ARENA);
	for (n = 1; failed && n < MAX_ALLOCATIONS; n++) {
		http_buf_fini(&out);
		http_buf_init(&out, ARENA);
		help_alloc_fail_nth(n);
		ok = attempt(&h.msg, body, &out);
		failed = help_alloc_stop();
	}
	cr_assert(ok && !failed, "in the end nothing fails");
	cr_assert(n > 5, "%zu allocations were tried", n);
	http_buf_fini(&out);
	free(value);
	free(body);
	help_jsn_close(&h);
}

Test(json_trip, a_call_too_large_for_its_arena_is_refused)
{
	struct help_jsn h;
	char *value = required(idl_classes[IDL_CLASS_VM], -1);
	size_t limit;
	bool ok = false;

	for (limit = 0; !ok; limit += 61) {
		help_jsn_open(&h, &help_xml_vm, limit);
		help_jsn_read_value(&h, value);
		ok = h.ok;
		if (!ok)
			cr_assert_not_null(strstr(h.text, "call too large"));
		help_jsn_close(&h);
	}
	cr_assert(limit > sizeof(struct idl_vm));
	free(value);
}

Test(json_trip, no_text_stays_in_the_reader)
{
	struct help_jsn h;

	help_jsn_open(&h, &help_xml_string, ARENA);
	help_jsn_read_value(&h, "\"correct horse\"");
	cr_assert_str_eq(help_jsn_outcome(&h), "\"correct horse\"");
	cr_assert_not_null(h.reader->tree);
	cr_expect_null(
	    memmem(h.reader->tree, h.reader->tree_cap_bytes, "horse", 5));
	help_jsn_close(&h);
}

/* ---- others that use jansson ---- */

/* elsewhere - a thread that never reads a call */
static void *
elsewhere(void *arg)
{
	(void)arg; /* nothing */
	for (int i = 0; i < 1000; i++) {
		json_t *j = json_loads("{\"a\":[1,2,{}]}", 0, NULL);

		if (j == NULL)
			return NULL;
		json_decref(j);
	}
	return (void *)1;
}

Test(json_trip, others_keep_their_jansson)
{
	struct help_jsn h;
	pthread_t thread;
	void *ok;
	json_t *ours = json_loads("[1]", 0, NULL);

	help_jsn_open(&h, &help_xml_ints, ARENA);
	cr_assert_eq(pthread_create(&thread, NULL, elsewhere, NULL), 0);
	for (int i = 0; i < 1000; i++)
		help_jsn_read_value(&h, "[1,2,3]");
	cr_assert_eq(pthread_join(thread, &ok), 0);
	cr_expect_not_null(ok);
	cr_expect_str_eq(help_jsn_outcome(&h), "[1,2,3]");
	json_decref(ours);
	help_jsn_close(&h);
}
