/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xml_trip - what we write we read back equal, whatever memory does
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/model/help_alloc.h"
#include "tests/server/help_xml.h"

#define ARENA ((size_t)1 << 20)
#define ROUNDS 100
#define MAX_ALLOCATIONS 10000
#define V(s) "<value>" s "</value>"
#define M(n, v) "<member><name>" n "</name>" v "</member>"

/* trip - random values of one type, there and back */
static void
trip(const struct idl_type *t)
{
	_Alignas(16) char native[16];
	struct help_xml h;
	struct arena a;
	uint64_t seed = 88172645463325252u;
	char *sent;

	if (t->kind == IDL_VOID)
		return;
	help_xml_open(&h, t, ARENA);
	arena_init(&a, ARENA);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		help_xml_random(t, native, &a, &seed);
		sent = strdup(help_xml_write(&h, t, native));
		cr_assert_not_null(sent);
		help_xml_read_value(&h, sent);
		cr_assert(h.status == XML_OK && h.call.bad.code == ERR_NONE,
		    "%s: %s", help_xml_outcome(&h), sent);
		cr_assert(help_xml_equal(t, native, h.call.args),
		    "%s came back as %s", sent, help_xml_outcome(&h));
		free(sent);
	}
	arena_fini(&a);
	help_xml_close(&h);
}

Test(xml_trip, every_type_of_the_idl)
{
	help_xml_each_type(trip);
}

Test(xml_trip, types_the_idl_may_have_one_day)
{
	const struct idl_type *const types[] = {&help_xml_datetime,
	    &help_xml_any, &help_xml_enum, &help_xml_ints, &help_xml_sets,
	    &help_xml_int_map, &help_xml_ref_map, &help_xml_vm};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		trip(types[i]);
}

/* ---- records ---- */

/* required - members for all required fields but one, with random values */
static char *
required(const struct idl_class *c, int but)
{
	_Alignas(16) char native[16];
	struct http_buf out;
	struct arena a;
	uint64_t seed = 7;

	http_buf_init(&out, ARENA);
	arena_init(&a, ARENA);
	http_buf_text(&out, "<value><struct>");
	for (int i = 0; i < c->nfields; i++) {
		if (!(c->fields[i].flags & IDL_F_REQUIRED) || i == but)
			continue;
		help_xml_random(c->fields[i].type, native, &a, &seed);
		http_buf_printf(
		    &out, "<member><name>%s</name>", c->fields[i].name);
		xml_write_value(&out, c->fields[i].type, native);
		http_buf_text(&out, "</member>");
	}
	http_buf_text(&out,
	    "<member><name>no_such_field</name><value><nil/></value></member>"
	    "<member><name>uuid</name><value>ours</value></member>"
	    "</struct></value>");
	http_buf_add(&out, "", 1);
	arena_fini(&a);
	return out.p;
}

Test(xml_trip, a_record_needs_its_required_members_and_no_others)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	const struct idl_vm *vm;
	struct help_xml h;
	char want[200], *value;

	help_xml_open(&h, &help_xml_vm, ARENA);
	for (int i = -1; i < c->nfields; i++) {
		if (i >= 0 && !(c->fields[i].flags & IDL_F_REQUIRED))
			continue;
		value = required(c, i);
		help_xml_read_value(&h, value);
		free(value);
		cr_assert_eq(h.status, XML_OK);
		if (i < 0) {
			cr_assert_eq(h.call.bad.code, ERR_NONE, "%s",
			    help_xml_outcome(&h));
			vm = *(const struct idl_vm *const *)h.call.args;
			cr_expect_eq(vm->h.cls, IDL_CLASS_VM);
			cr_expect_str_eq(vm->uuid, "",
			    "a field that is ours to set is ignored");
			continue;
		}
		(void)snprintf(want, sizeof want, "FIELD_TYPE_ERROR %s",
		    c->fields[i].name);
		cr_expect_str_eq(help_xml_outcome(&h), want);
	}
	help_xml_close(&h);
}

Test(xml_trip, a_wrong_member_is_named_by_its_field)
{
	static const struct {
		const char *sentence, *value, *want;
	} rows[] = {
	    {"a member of the wrong type",
		V("<struct>" M("VCPUs_max", V("x")) "</struct>"),
		"FIELD_TYPE_ERROR VCPUs_max"},
	    {"inside of a map too",
		V("<struct>" M("other_config",
		    V("<struct>" M(
			"a", V("<int>1</int>")) "</struct>")) "</struct>"),
		"FIELD_TYPE_ERROR other_config"},
	    {"text is no record", V("x"), "FIELD_TYPE_ERROR p"},
	    {"nor is an array", V("<array><data/></array>"),
		"FIELD_TYPE_ERROR p"},
	};
	struct help_xml h;

	help_xml_open(&h, &help_xml_vm, ARENA);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		help_xml_read_value(&h, rows[i].value);
		cr_expect_str_eq(
		    help_xml_outcome(&h), rows[i].want, "%s", rows[i].sentence);
	}
	help_xml_close(&h);
}

Test(xml_trip, of_equal_members_the_last_counts)
{
	const struct idl_vm *vm;
	struct help_xml h;

	help_xml_open(&h, &help_xml_vm, ARENA);
	help_xml_read_value(&h, V("<struct>" M("VCPUs_max", V("1"))
					M("VCPUs_max", V("2")) "</struct>"));
	vm = *(const struct idl_vm *const *)h.call.args;
	cr_expect_eq(vm->VCPUs_max, 2);
	help_xml_close(&h);
}

/* ---- memory that runs out ---- */

/* once - a parser, a call and its reply; every allocation may fail */
static bool
once(const struct idl_msg *msg, const char *body, struct http_buf *out)
{
	struct xml_parser *p = xml_parser_new();
	struct api_call c = {.err = ERR_NONE};
	char text[100];
	bool ok = false;

	if (p == NULL)
		return false;
	arena_init(&c.arena, ARENA);
	p->find = help_xml_find;
	if (xml_read_call(p, body, strlen(body), &c, text, sizeof text) ==
	    XML_OK) {
		cr_assert_eq(c.msg, msg);
		cr_assert_eq(c.bad.code, ERR_NONE);
		c.result = c.args;
		ok = rpc_write_reply(&xml_codec, &c, out);
	}
	arena_fini(&c.arena);
	xml_parser_free(&p);
	return ok;
}

Test(xml_trip, each_allocation_may_fail)
{
	struct help_xml h;
	struct http_buf out;
	char *value, *body;
	bool ok = false, failed = true;
	size_t n;

	help_xml_open(&h, &help_xml_vm, ARENA);
	value = required(idl_classes[IDL_CLASS_VM], -1);
	cr_assert(asprintf(&body,
		      "<methodCall><methodName>t.call</methodName><params>"
		      "<param><value>s</value></param><param>%s</param>"
		      "</params></methodCall>",
		      value) > 0);
	http_buf_init(&out, ARENA);
	for (n = 1; failed && n < MAX_ALLOCATIONS; n++) {
		http_buf_fini(&out);
		http_buf_init(&out, ARENA);
		help_alloc_fail_nth(n);
		ok = once(&h.msg, body, &out);
		failed = help_alloc_stop();
	}
	cr_assert(ok && !failed, "in the end nothing fails");
	cr_assert(n > 10, "%zu allocations were tried", n);
	http_buf_fini(&out);
	free(value);
	free(body);
	help_xml_close(&h);
}

Test(xml_trip, a_call_too_large_for_its_arena_is_refused)
{
	struct help_xml h;
	char *value = required(idl_classes[IDL_CLASS_VM], -1);
	size_t limit;
	bool ok = false;

	for (limit = 0; !ok; limit += 61) {
		help_xml_open(&h, &help_xml_vm, limit);
		help_xml_read_value(&h, value);
		ok = h.status == XML_OK;
		if (!ok)
			cr_assert_not_null(strstr(h.text, "call too large"));
		help_xml_close(&h);
	}
	cr_assert(limit > sizeof(struct idl_vm));
	free(value);
}
