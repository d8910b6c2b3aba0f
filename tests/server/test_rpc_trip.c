/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rpc_trip - what a protocol writes it reads back equal, whatever memory
 * does; each property over every protocol
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/model/help_alloc.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)
#define ROUNDS 100
#define MAX_ALLOCATIONS 10000

/* each_protocol - a property of every one */
static void
each_protocol(void (*holds)(enum help_rpc p))
{
	for (enum help_rpc p = 0; p < HELP_RPC_N; p++)
		holds(p);
}

/* trip - random values of one type, there and back */
static void
trip(enum help_rpc p, const struct idl_type *t)
{
	_Alignas(16) char native[16];
	struct help_rpc_call h;
	struct arena a;
	uint64_t seed = 88172645463325252u;
	char *sent;

	help_rpc_open(&h, p, t, ARENA);
	arena_init(&a, ARENA);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		help_value_random(t, native, &a, &seed);
		sent = strdup(help_rpc_write(&h, t, native));
		cr_assert_not_null(sent);
		help_rpc_read_value(&h, sent);
		cr_assert(h.ok && h.call.bad.code == ERR_NONE, "%s: %s",
		    help_rpc_outcome(&h), sent);
		cr_assert(help_value_equal(t, native, h.call.args),
		    "%s came back as %s", sent, help_rpc_outcome(&h));
		free(sent);
	}
	arena_fini(&a);
	help_rpc_close(&h);
}

/* trip_each - a type through every protocol; void is no parameter */
static void
trip_each(const struct idl_type *t)
{
	for (enum help_rpc p = 0; p < HELP_RPC_N && t->kind != IDL_VOID; p++)
		trip(p, t);
}

Test(rpc_trip, every_type_of_the_idl)
{
	help_value_each_type(trip_each);
}

Test(rpc_trip, types_the_idl_may_have_one_day)
{
	const struct idl_type *const types[] = {&help_value_datetime,
	    &help_value_any, &help_value_enum, &help_value_ints,
	    &help_value_sets, &help_value_int_map, &help_value_ref_map,
	    &help_value_vm};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		trip_each(types[i]);
}

/* ---- records ---- */

/* member_open - all of a member but its value */
static void
member_open(const struct rpc_marks *m, struct http_buf *out, const char *name)
{
	http_buf_printf(out, "%s%s%s", m->name_open.p, name, m->name_close.p);
}

/*
 * required - a record of all required fields but one, with random values, and
 * of two members that are not for the caller to set
 */
static char *
required(enum help_rpc p, const struct idl_class *c, int but)
{
	const struct rpc_marks *m = help_rpc_protocols[p].codec->marks;
	static const char *const uuid = "ours";
	_Alignas(16) char native[16];
	struct http_buf out;
	struct arena a;
	uint64_t seed = 7;

	http_buf_init(&out, ARENA);
	arena_init(&a, ARENA);
	http_buf_text(&out, m->map_open.p);
	for (int i = 0; i < c->nfields; i++) {
		if (!(c->fields[i].flags & IDL_F_REQUIRED) || i == but)
			continue;
		help_value_random(c->fields[i].type, native, &a, &seed);
		member_open(m, &out, c->fields[i].name);
		rpc_walk_value(m, &out, c->fields[i].type, native);
		http_buf_printf(&out, "%s%s", m->member_close.p, m->between.p);
	}
	member_open(m, &out, "no_such_field");
	http_buf_printf(&out, "%s%s%s", help_rpc_protocols[p].nothing,
	    m->member_close.p, m->between.p);
	member_open(m, &out, "uuid");
	rpc_walk_value(m, &out, &help_value_string, &uuid);
	http_buf_printf(&out, "%s%s", m->member_close.p, m->map_close.p);
	http_buf_add(&out, "", 1);
	cr_assert(!out.failed);
	arena_fini(&a);
	return out.p;
}

/* without - a record of all required fields is read; all but one is refused */
static void
without(enum help_rpc p, const struct idl_class *c, int but)
{
	const struct idl_vm *vm;
	struct help_rpc_call h;
	char want[200], *value = required(p, c, but);

	help_rpc_open(&h, p, &help_value_vm, ARENA);
	help_rpc_read_value(&h, value);
	free(value);
	cr_assert(h.ok, "%s", h.text);
	if (but >= 0) {
		(void)snprintf(want, sizeof want, "FIELD_TYPE_ERROR %s",
		    c->fields[but].name);
		cr_expect_str_eq(help_rpc_outcome(&h), want);
	} else {
		cr_assert_eq(
		    h.call.bad.code, ERR_NONE, "%s", help_rpc_outcome(&h));
		vm = *(const struct idl_vm *const *)h.call.args;
		cr_expect_eq(vm->h.cls, IDL_CLASS_VM);
		cr_expect_str_eq(
		    vm->uuid, "", "a field that is ours to set is ignored");
	}
	help_rpc_close(&h);
}

/* needs_required - once with all required fields, and without each */
static void
needs_required(enum help_rpc p)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];

	without(p, c, -1);
	for (int i = 0; i < c->nfields; i++)
		if (c->fields[i].flags & IDL_F_REQUIRED)
			without(p, c, i);
}

Test(rpc_trip, a_record_needs_its_required_members_and_no_others)
{
	each_protocol(needs_required);
}

/* ---- memory that runs out ---- */

/* attempt - a reader, a call and its reply; every allocation may fail */
static bool
attempt(const struct help_rpc_call *h, struct http_buf *out)
{
	const struct rpc_codec *codec = h->protocol->codec;
	void *reader = help_rpc_reader(h->protocol);
	struct api_call c = {.err = ERR_NONE};
	char text[100];
	bool ok = false;

	if (reader == NULL)
		return false;
	arena_init(&c.arena, ARENA);
	if (codec->read(
		reader, h->body.p, h->body.len - 1, &c, text, sizeof text)) {
		cr_assert_eq(c.msg, &h->msg);
		cr_assert_eq(c.bad.code, ERR_NONE);
		c.result = c.args;
		ok = rpc_write_reply(codec, &c, out);
	}
	arena_fini(&c.arena);
	codec->reader_free(reader);
	return ok;
}

/* survives_failures - the first allocation fails, then the second, ... */
static void
survives_failures(enum help_rpc p)
{
	struct help_rpc_call h;
	struct http_buf out;
	char *value = required(p, idl_classes[IDL_CLASS_VM], -1);
	bool ok = false, failed = true;
	size_t n;

	help_rpc_open(&h, p, &help_value_vm, ARENA);
	help_rpc_read_value(&h, value); /* its body is tried again and again */
	free(value);
	for (n = 1; failed && n < MAX_ALLOCATIONS; n++) {
		http_buf_init(&out, ARENA);
		help_alloc_fail_nth(n);
		ok = attempt(&h, &out);
		failed = help_alloc_stop();
		http_buf_fini(&out);
	}
	cr_assert(ok && !failed, "in the end nothing fails");
	cr_assert(n > 5, "%zu allocations were tried", n);
	help_rpc_close(&h);
}

Test(rpc_trip, each_allocation_may_fail)
{
	each_protocol(survives_failures);
}

/* refuses_large - an arena is too small, until it is not */
static void
refuses_large(enum help_rpc p)
{
	struct help_rpc_call h;
	char *value = required(p, idl_classes[IDL_CLASS_VM], -1);
	size_t limit;
	bool ok = false;

	for (limit = 0; !ok; limit += 61) {
		help_rpc_open(&h, p, &help_value_vm, limit);
		help_rpc_read_value(&h, value);
		ok = h.ok;
		if (!ok)
			cr_assert_not_null(strstr(h.text, "call too large"));
		help_rpc_close(&h);
	}
	cr_assert(limit > sizeof(struct idl_vm));
	free(value);
}

Test(rpc_trip, a_call_too_large_for_its_arena_is_refused)
{
	each_protocol(refuses_large);
}
