/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_judge - xmlrpc-c, which we did not write, judges our codec
 *
 * What its client serialises we accept and read as the same values; what we
 * reply it parses and finds the same values in; for every type of the IDL.
 */

/* System */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xmlrpc-c/base.h>

/* Own */
#include <criterion/criterion.h>

#include "server/xml.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)
#define ROUNDS 50

/* check - nothing went wrong at the judge's */
static void
check(const xmlrpc_env *env)
{
	cr_assert(!env->fault_occurred, "%s", env->fault_string);
}

/* ---- what its client sends ---- */

/* text_of - the text of a string-like scalar or int, in scratch */
static const char *
text_of(const struct idl_type *t, const void *native, char *scratch)
{
	if (t->kind == IDL_STRING)
		return *(const char *const *)native;
	if (t->kind == IDL_ENUM)
		return t->en->values[*(const int32_t *)native];
	if (t->kind == IDL_REF)
		idl_ref_write(native, scratch);
	else
		(void)snprintf(scratch, IDL_REF_TEXT, "%" PRId64,
		    *(const int64_t *)native);
	return scratch;
}

/* make_int - as string, int or i8: clients differ */
static xmlrpc_value *
make_int(xmlrpc_env *env, int64_t v, const char *text)
{
	static unsigned turn;

	turn++;
	if (turn % 3 == 0)
		return xmlrpc_i8_new(env, v);
	if (turn % 3 == 1 && v >= INT32_MIN && v <= INT32_MAX)
		return xmlrpc_int_new(env, (int)v);
	return xmlrpc_string_new(env, text);
}

static xmlrpc_value *make(
    xmlrpc_env *env, const struct idl_type *t, const void *native);

/* make_array, make_map, make_record - by elements */
static xmlrpc_value *
make_array(xmlrpc_env *env, const struct idl_type *t, const struct idl_set *set)
{
	size_t step = idl_native_bytes(t->elem);
	xmlrpc_value *array = xmlrpc_array_new(env), *item;

	for (uint32_t i = 0; i < set->n; i++) {
		item = make(env, t->elem, (const char *)set->items + i * step);
		xmlrpc_array_append_item(env, array, item);
		xmlrpc_DECREF(item);
	}
	return array;
}

/* add - a member of a struct */
static void
add(xmlrpc_env *env, xmlrpc_value *to, const char *name,
    const struct idl_type *t, const void *native)
{
	xmlrpc_value *item = make(env, t, native);

	xmlrpc_struct_set_value_n(env, to, name, strlen(name), item);
	xmlrpc_DECREF(item);
}

static xmlrpc_value *
make_map(xmlrpc_env *env, const struct idl_type *t, const struct idl_map *map)
{
	size_t key_step = idl_native_bytes(t->key);
	size_t step = idl_native_bytes(t->elem);
	xmlrpc_value *to = xmlrpc_struct_new(env);
	char scratch[IDL_REF_TEXT];

	for (uint32_t i = 0; i < map->n; i++)
		add(env, to,
		    text_of(t->key, (const char *)map->keys + i * key_step,
			scratch),
		    t->elem, (const char *)map->values + i * step);
	return to;
}

static xmlrpc_value *
make_record(xmlrpc_env *env, const struct idl_class *c, const char *rec)
{
	xmlrpc_value *to = xmlrpc_struct_new(env);
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (!(f->flags & IDL_F_INTERNAL))
			add(env, to, f->name, f->type, rec + f->offset);
	return to;
}

/* make - any value as the judge's client has it */
static xmlrpc_value *
make(xmlrpc_env *env, const struct idl_type *t, const void *native)
{
	char scratch[IDL_REF_TEXT];

	switch (t->kind) {
	case IDL_STRING:
	case IDL_REF:
	case IDL_ENUM:
		return xmlrpc_string_new(env, text_of(t, native, scratch));
	case IDL_INT:
		return make_int(
		    env, *(const int64_t *)native, text_of(t, native, scratch));
	case IDL_FLOAT:
		return xmlrpc_double_new(env, *(const double *)native);
	case IDL_BOOL:
		return xmlrpc_bool_new(env, *(const bool *)native);
	case IDL_DATETIME:
		return xmlrpc_datetime_new_sec(
		    env, (time_t) * (const int64_t *)native);
	case IDL_SET:
		return make_array(
		    env, t, *(const struct idl_set *const *)native);
	case IDL_MAP:
		return make_map(env, t, *(const struct idl_map *const *)native);
	case IDL_RECORD:
		return make_record(
		    env, idl_classes[t->cls], *(const char *const *)native);
	case IDL_VOID:
		break;
	}
	return xmlrpc_nil_new(env);
}

/* send - serialise a call with the value, read it with our codec */
static void
send(xmlrpc_env *env, struct help_rpc_call *h, const struct idl_type *t,
    const void *native)
{
	xmlrpc_value *params = xmlrpc_array_new(env);
	xmlrpc_value *session = xmlrpc_string_new(env, "session");
	xmlrpc_value *value = make(env, t, native);
	xmlrpc_mem_block *body = XMLRPC_MEMBLOCK_NEW(char, env, 0);

	check(env);
	xmlrpc_array_append_item(env, params, session);
	xmlrpc_array_append_item(env, params, value);
	xmlrpc_serialize_call2(env, body, "t.call", params, xmlrpc_dialect_i8);
	check(env);
	help_rpc_read(h, XMLRPC_MEMBLOCK_CONTENTS(char, body),
	    XMLRPC_MEMBLOCK_SIZE(char, body));
	cr_assert(h->ok && h->call.bad.code == ERR_NONE &&
		      help_value_equal(t, native, h->call.args),
	    "%.*s came as %s", (int)XMLRPC_MEMBLOCK_SIZE(char, body),
	    XMLRPC_MEMBLOCK_CONTENTS(char, body), help_rpc_outcome(h));
	XMLRPC_MEMBLOCK_FREE(char, body);
	xmlrpc_DECREF(value);
	xmlrpc_DECREF(session);
	xmlrpc_DECREF(params);
}

/* ---- what it reads of ours ---- */

static void same(xmlrpc_env *env, const struct idl_type *t, const void *native,
    xmlrpc_value *got);

/* same_text - a string with exactly this text */
static void
same_text(xmlrpc_env *env, const char *want, xmlrpc_value *got)
{
	const char *text;
	size_t n;

	xmlrpc_read_string_lp(env, got, &n, &text);
	check(env);
	cr_assert(n == strlen(want) && memcmp(text, want, n) == 0,
	    "%s is not %s", text, want);
	free((void *)(uintptr_t)text); /* the judge gives it as const */
}

/* same_member - a member of a struct */
static void
same_member(xmlrpc_env *env, const char *name, const struct idl_type *t,
    const void *native, xmlrpc_value *got)
{
	xmlrpc_value *member;

	xmlrpc_struct_find_value(env, got, name, &member);
	check(env);
	cr_assert_not_null(member, "%s", name);
	same(env, t, native, member);
	xmlrpc_DECREF(member);
}

static void
same_set(xmlrpc_env *env, const struct idl_type *t, const struct idl_set *set,
    xmlrpc_value *got)
{
	size_t step = idl_native_bytes(t->elem);
	xmlrpc_value *item;

	cr_assert_eq(xmlrpc_array_size(env, got), (int)set->n);
	for (uint32_t i = 0; i < set->n; i++) {
		xmlrpc_array_read_item(env, got, i, &item);
		check(env);
		same(env, t->elem, (const char *)set->items + i * step, item);
		xmlrpc_DECREF(item);
	}
}

static void
same_map(xmlrpc_env *env, const struct idl_type *t, const struct idl_map *map,
    xmlrpc_value *got)
{
	size_t key_step = idl_native_bytes(t->key);
	size_t step = idl_native_bytes(t->elem);
	char scratch[IDL_REF_TEXT];

	cr_assert_eq(xmlrpc_struct_size(env, got), (int)map->n);
	for (uint32_t i = 0; i < map->n; i++)
		same_member(env,
		    text_of(t->key, (const char *)map->keys + i * key_step,
			scratch),
		    t->elem, (const char *)map->values + i * step, got);
}

static void
same_record(xmlrpc_env *env, const struct idl_class *c, const char *rec,
    xmlrpc_value *got)
{
	const struct idl_field *f;
	int n = 0;

	for (f = c->fields; f < c->fields + c->nfields; f++) {
		if (f->flags & IDL_F_INTERNAL)
			continue;
		same_member(env, f->name, f->type, rec + f->offset, got);
		n++;
	}
	cr_assert_eq(xmlrpc_struct_size(env, got), n);
}

/* same_date - by its parts; the judge's seconds end with the year 2038 */
static void
same_date(xmlrpc_env *env, time_t want, xmlrpc_value *got)
{
	xmlrpc_datetime part;
	struct tm tm;

	cr_assert_not_null(gmtime_r(&want, &tm));
	xmlrpc_read_datetime(env, got, &part);
	check(env);
	cr_assert(part.Y == (unsigned)tm.tm_year + 1900 &&
		      part.M == (unsigned)tm.tm_mon + 1 &&
		      part.D == (unsigned)tm.tm_mday &&
		      part.h == (unsigned)tm.tm_hour &&
		      part.m == (unsigned)tm.tm_min &&
		      part.s == (unsigned)tm.tm_sec && part.u == 0,
	    "%lld", (long long)want);
}

/* same_number - doubles, bools and dates */
static void
same_number(xmlrpc_env *env, const struct idl_type *t, const void *native,
    xmlrpc_value *got)
{
	double want, number;
	xmlrpc_bool yes;

	if (t->kind == IDL_BOOL) {
		xmlrpc_read_bool(env, got, &yes);
		cr_assert_eq((bool)yes, *(const bool *)native);
	} else if (t->kind == IDL_DATETIME) {
		same_date(env, *(const int64_t *)native, got);
	} else {
		/* The judge does not round doubles correctly. */
		want = *(const double *)native;
		xmlrpc_read_double(env, got, &number);
		check(env);
		cr_assert(fabs(number - want) <= 1e-9 * fabs(want));
	}
	check(env);
}

/* same - does the judge hold the value that we wrote? */
static void
same(xmlrpc_env *env, const struct idl_type *t, const void *native,
    xmlrpc_value *got)
{
	char scratch[IDL_REF_TEXT];

	switch (t->kind) {
	case IDL_STRING:
	case IDL_REF:
	case IDL_ENUM:
	case IDL_INT:
		same_text(env, text_of(t, native, scratch), got);
		return;
	case IDL_FLOAT:
	case IDL_BOOL:
	case IDL_DATETIME:
		same_number(env, t, native, got);
		return;
	case IDL_SET:
		same_set(env, t, *(const struct idl_set *const *)native, got);
		return;
	case IDL_MAP:
		same_map(env, t, *(const struct idl_map *const *)native, got);
		return;
	case IDL_RECORD:
		same_record(env, idl_classes[t->cls],
		    *(const char *const *)native, got);
		return;
	case IDL_VOID:
		same_text(env, "", got);
	}
}

/* parse - our reply as the judge reads it */
static xmlrpc_value *
parse(xmlrpc_env *env, struct help_rpc_call *h)
{
	xmlrpc_value *result = NULL;
	const char *fault = NULL;
	int code;

	http_buf_reset(&h->out, h->out.max);
	cr_assert(rpc_write_reply(&xml_codec, &h->call, &h->out));
	xmlrpc_parse_response2(
	    env, h->out.p, h->out.len, &result, &code, &fault);
	check(env);
	cr_assert_null(fault);
	return result;
}

/* receive - write a reply with the value, let the judge read it */
static void
receive(xmlrpc_env *env, struct help_rpc_call *h, void *native)
{
	const struct idl_type *t = h->msg.result;
	static const char *const success = "Success";
	xmlrpc_value *reply;

	h->call.msg = &h->msg;
	h->call.result = native;
	h->msg.flags = 0;
	reply = parse(env, h);
	cr_assert_eq(xmlrpc_struct_size(env, reply), 2);
	same_member(env, "Status", &help_value_string, &success, reply);
	same_member(env, "Value", t, native, reply);
	xmlrpc_DECREF(reply);
	h->msg.flags = IDL_M_BARE;
	reply = parse(env, h);
	same(env, t, native, reply);
	xmlrpc_DECREF(reply);
}

/* judge - random values of a type in both directions */
static void
judge(const struct idl_type *t)
{
	_Alignas(16) char native[16] = {0};
	uint64_t seed = 362436069362436069u;
	struct help_rpc_call h;
	struct arena a;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	help_value_plain = true; /* what the judge can keep */
	help_rpc_open(&h, HELP_RPC_XML, t, ARENA);
	arena_init(&a, ARENA);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		help_value_random(t, native, &a, &seed);
		if (t->kind != IDL_VOID)
			send(&env, &h, t, native);
		receive(&env, &h, native);
	}
	arena_fini(&a);
	help_rpc_close(&h);
	xmlrpc_env_clean(&env);
}

Test(judge, every_type_of_the_idl)
{
	xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, 16 << 20);
	help_value_each_type(judge);
}

Test(judge, types_the_idl_may_have_one_day)
{
	const struct idl_type *const types[] = {&help_value_datetime,
	    &help_value_any, &help_value_enum, &help_value_ints,
	    &help_value_sets, &help_value_int_map, &help_value_ref_map,
	    &help_value_vm, &help_value_void};

	xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, 16 << 20);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		judge(types[i]);
}

Test(judge, failures)
{
	static const char *const items[] = {
	    "HANDLE_INVALID", "VM", "a \"<b>\" & \xc3\xa9"};
	static const struct idl_set description = {3, items};
	static const struct idl_set *const want = &description;
	static const char *const failure = "Failure";
	xmlrpc_value *reply;
	struct help_rpc_call h;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	help_rpc_open(&h, HELP_RPC_XML, &help_value_int, ARENA);
	h.call.err =
	    err_fail(&h.call.why, ERR_HANDLE_INVALID, "ss", items[1], items[2]);
	reply = parse(&env, &h);
	cr_assert_eq(xmlrpc_struct_size(&env, reply), 2);
	same_member(&env, "Status", &help_value_string, &failure, reply);
	same_member(
	    &env, "ErrorDescription", &help_value_strings, &want, reply);
	xmlrpc_DECREF(reply);
	help_rpc_close(&h);
	xmlrpc_env_clean(&env);
}

Test(judge, faults)
{
	xmlrpc_value *result = NULL;
	const char *text = NULL;
	struct help_rpc_call h;
	xmlrpc_env env;
	int code = 0;

	xmlrpc_env_init(&env);
	help_rpc_open(&h, HELP_RPC_XML, NULL, ARENA);
	xml_codec.bad(&h.out, "line 1: <oops> & more");
	cr_assert(!h.out.failed);
	xmlrpc_parse_response2(&env, h.out.p, h.out.len, &result, &code, &text);
	check(&env);
	cr_assert_not_null(text);
	cr_expect_eq(code, 1);
	cr_expect_str_eq(text, "line 1: <oops> & more");
	free((void *)(uintptr_t)text); /* the judge gives it as const */
	help_rpc_close(&h);
	xmlrpc_env_clean(&env);
}
