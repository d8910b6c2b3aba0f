/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rpc_write - records and whole replies; each property over every protocol
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)

/* fields_in_order - every field but the internal ones, and no white space */
static void
fields_in_order(enum help_rpc p, const struct idl_class *c, const char *got)
{
	const struct rpc_marks *m = help_rpc_protocols[p].codec->marks;
	const char *at = got;
	char name[100];

	for (int i = 0; i < c->nfields; i++) {
		(void)snprintf(name, sizeof name, "%s%s%s%s",
		    i == 0 ? m->map_open.p : m->between.p, m->name_open.p,
		    c->fields[i].name, m->name_close.p);
		if (c->fields[i].flags & IDL_F_INTERNAL) {
			cr_expect_null(strstr(got, name));
			continue;
		}
		at = strstr(at, name);
		cr_assert_not_null(at, "%s, in order", name);
	}
	cr_expect_null(strpbrk(got, " \t\r\n"), "%s", got);
}

Test(rpc_write, records_have_every_field_but_the_internal)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	struct arena a;
	void *rec;

	arena_init(&a, ARENA);
	rec = arena_alloc(&a, c->struct_bytes);
	cr_assert_not_null(rec);
	idl_record_init(c, rec);
	for (enum help_rpc p = 0; p < HELP_RPC_N; p++)
		fields_in_order(p, c, help_rpc_text(p, &help_value_vm, &rec));
	arena_fini(&a);
}

/* fills - a buffer is too small until it has the size of the reply */
static void
fills(enum help_rpc p, void *result)
{
	struct help_rpc_call h;
	struct http_buf out;
	size_t whole, n = 0;
	bool ok = false;

	help_rpc_open(&h, p, &help_value_vm, ARENA);
	help_rpc_read(&h, h.protocol->least, strlen(h.protocol->least));
	cr_assert(h.ok);
	h.call.result = result;
	whole = strlen(help_rpc_reply(&h));
	for (size_t max = 0; !ok; max++) {
		http_buf_init(&out, max);
		ok = rpc_write_reply(h.protocol->codec, &h.call, &out);
		cr_assert(out.len <= max);
		cr_assert(ok != out.failed);
		n = out.len;
		http_buf_fini(&out);
	}
	cr_expect_eq(n, whole, "in the end all of it is there");
	help_rpc_close(&h);
}

Test(rpc_write, a_full_buffer_is_said_and_nothing_worse)
{
	struct arena a;
	const void *rec;
	uint64_t seed = 1;

	arena_init(&a, ARENA);
	help_value_random(&help_value_vm, &rec, &a, &seed);
	for (enum help_rpc p = 0; p < HELP_RPC_N; p++)
		fills(p, &rec);
	arena_fini(&a);
}
