/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/server/help_rpc_check.h"

#define ARENA ((size_t)1 << 20)

void
help_rpc_check_values(
    enum help_rpc protocol, const struct help_rpc_value *rows, size_t n)
{
	struct help_rpc_call h;
	const char *got;

	for (const struct help_rpc_value *r = rows; r < rows + n; r++) {
		help_rpc_open(&h, protocol, r->type, ARENA);
		help_rpc_read_value(&h, r->value);
		got = help_rpc_outcome(&h);
		cr_expect_str_eq(got, r->want, "%s: %s gives %s, not %s",
		    r->sentence, r->value, got, r->want);
		help_rpc_close(&h);
	}
}

void
help_rpc_check_bad(enum help_rpc protocol, const struct idl_type *t,
    const struct help_rpc_bad *rows, size_t n)
{
	struct help_rpc_call h;

	help_rpc_open(&h, protocol, t, ARENA);
	for (const struct help_rpc_bad *r = rows; r < rows + n; r++) {
		help_rpc_read(&h, r->body, r->n > 0 ? r->n : strlen(r->body));
		cr_expect(!h.ok, "%s", r->sentence);
		cr_expect(strstr(h.text, r->want) != NULL, "%s: %s",
		    r->sentence, h.text);
		help_rpc_read(&h, h.protocol->least, strlen(h.protocol->least));
		cr_expect(h.ok, "after %s", r->sentence);
	}
	help_rpc_close(&h);
}
