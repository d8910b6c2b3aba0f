/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/http_buf.h"

static bool
holds(const struct http_buf *b, const char *text)
{
	return b->len == strlen(text) && memcmp(b->p, text, b->len) == 0;
}

Test(http_buf, appends_in_order)
{
	struct http_buf b;

	http_buf_init(&b, 100);
	http_buf_text(&b, "HTTP");
	http_buf_add(&b, "/1.1 ", 5);
	http_buf_printf(&b, "%d", 200);
	cr_assert(!b.failed);
	cr_assert(holds(&b, "HTTP/1.1 200"));
	http_buf_fini(&b);
	cr_assert_null(b.p);
}

Test(http_buf, bound_is_exact_and_failure_is_sticky)
{
	struct http_buf b;

	http_buf_init(&b, 4);
	http_buf_text(&b, "abcd");
	cr_assert(!b.failed, "exactly max bytes fit");
	http_buf_add(&b, "", 0);
	cr_assert(!b.failed, "nothing fits always");
	http_buf_text(&b, "e");
	cr_assert(b.failed, "one more does not");
	cr_assert(holds(&b, "abcd"), "what was there stays");
	http_buf_reset(&b, 0);
	cr_assert(!b.failed && b.len == 0 && b.p == NULL);
	http_buf_text(&b, "wxyz");
	cr_assert(holds(&b, "wxyz"));
	http_buf_fini(&b);
}

Test(http_buf, grows_past_its_first_block)
{
	struct http_buf b;

	http_buf_init(&b, 1 << 20);
	for (int i = 0; i < 10000; i++)
		http_buf_text(&b, "0123456789");
	cr_assert(!b.failed);
	cr_assert_eq(b.len, 100000);
	cr_assert(memcmp(b.p + 99990, "0123456789", 10) == 0);
	http_buf_reset(&b, 1 << 20);
	cr_assert(b.cap >= 100000, "kept for the next reply");
	http_buf_reset(&b, 4096);
	cr_assert_eq(b.cap, 0, "too big to be kept");
	http_buf_fini(&b);
}

Test(http_buf, hostile_sizes_fail_cleanly)
{
	struct http_buf b;

	http_buf_init(&b, 64);
	http_buf_text(&b, "x");
	cr_assert_null(http_buf_reserve(&b, (size_t)-1));
	cr_assert(b.failed);
	http_buf_fini(&b);
}
