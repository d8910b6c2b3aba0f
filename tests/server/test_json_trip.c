/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_json_trip - what JSON-RPC alone promises: whole doubles, and a jansson
 * that others use as well
 */

/* System */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/jsn.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)

Test(json_trip, a_double_keeps_all_its_bits)
{
	struct help_rpc_call h;
	uint64_t bits = 88172645463325252u;
	double v, back;
	char sent[100];

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_float, ARENA);
	for (int i = 0; i < 10000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		if ((bits >> 52 & 0x7ff) == 0x7ff)
			continue; /* no number */
		memcpy(&v, &bits, sizeof v);
		(void)snprintf(sent, sizeof sent, "%s",
		    help_rpc_write(&h, &help_value_float, &v));
		help_rpc_read_value(&h, sent);
		cr_assert(h.ok && h.call.bad.code == ERR_NONE, "%s", sent);
		memcpy(&back, h.call.args, sizeof back);
		cr_assert_eq(memcmp(&v, &back, sizeof v), 0, "%s", sent);
	}
	help_rpc_close(&h);
}

Test(json_trip, no_text_stays_in_the_reader)
{
	const struct jsn_reader *r;
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_string, ARENA);
	help_rpc_read_value(&h, "\"correct horse\"");
	cr_assert_str_eq(help_rpc_outcome(&h), "\"correct horse\"");
	r = h.reader;
	cr_assert_not_null(r->tree);
	cr_expect_null(memmem(r->tree, r->tree_cap_bytes, "horse", 5));
	help_rpc_close(&h);
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
	struct help_rpc_call h;
	pthread_t thread;
	void *ok;
	json_t *ours = json_loads("[1]", 0, NULL);

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_ints, ARENA);
	cr_assert_eq(pthread_create(&thread, NULL, elsewhere, NULL), 0);
	for (int i = 0; i < 1000; i++)
		help_rpc_read_value(&h, "[1,2,3]");
	cr_assert_eq(pthread_join(thread, &ok), 0);
	cr_expect_not_null(ok);
	cr_expect_str_eq(help_rpc_outcome(&h), "[1,2,3]");
	json_decref(ours);
	help_rpc_close(&h);
}
