/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of the arena. */

/* System */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

/* Model */
#include "model/arena.h"

/* Own */
#include "tests/model/help_alloc.h"
#include "tests/model/help_random.h"

Test(arena, hands_out_zeroed_bytes_aligned_for_any_type)
{
	static const size_t sizes[] = {
	    0, 1, 3, 8, 17, 100, 4095, 4096, 20000, 65536, 1000000};
	struct arena a;
	size_t i, round, k;
	char *p;

	arena_init(&a, 10000000);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			cr_assert_not_null(arena_strndup(&a, "x", 1));
			p = arena_alloc(&a, sizes[i]);
			cr_assert_not_null(p);
			cr_expect_eq((uintptr_t)p % _Alignof(max_align_t), 0);
			for (k = 0; k < sizes[i]; k++)
				cr_assert_eq(p[k], 0);
			memset(p, 0xff, sizes[i]);
		}
		arena_reset(&a); /* the kept block is dirty now */
	}
	arena_fini(&a);
}

Test(arena, limit_counts_what_was_handed_out)
{
	static const struct {
		const char *sentence;
		size_t limit, first, second;
		bool first_ok, second_ok;
	} rows[] = {
	    {"all of the limit may be used", 100, 60, 40, true, true},
	    {"one byte more is refused", 100, 60, 41, true, false},
	    {"a refusal takes nothing", 100, 101, 100, false, true},
	    {"a limit of 0 refuses all", 0, 1, 1, false, false},
	    {"large requests count too", 200000, 150000, 50001, true, false},
	    {"the largest size is refused", SIZE_MAX, SIZE_MAX, 1, false, true},
	    {"a size that wraps with its header is refused", SIZE_MAX,
		SIZE_MAX - 8, 1, false, true},
	};
	struct arena a;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		arena_init(&a, rows[i].limit);
		cr_expect_eq(arena_alloc(&a, rows[i].first) != NULL,
		    rows[i].first_ok, "%s", rows[i].sentence);
		cr_expect_eq(arena_alloc(&a, rows[i].second) != NULL,
		    rows[i].second_ok, "%s", rows[i].sentence);
		cr_expect_leq(a.used_bytes, rows[i].limit);
		arena_fini(&a);
	}
}

Test(arena, strings_end_where_they_should)
{
	struct arena a;
	char *s;

	arena_init(&a, 100);
	cr_expect_str_eq(arena_strndup(&a, "memory", 3), "mem");
	cr_expect_str_eq(arena_strndup(&a, "", 0), "");
	cr_expect_str_eq(arena_strndup(&a, NULL, 0), "");
	s = arena_printf(&a, "%d of %s", 7, "nine");
	cr_expect_str_eq(s, "7 of nine");
	cr_expect_null(arena_printf(&a, "%100d", 7));
	cr_expect_null(arena_strndup(&a, "x", SIZE_MAX));
	cr_expect_eq(a.used_bytes, 4 + 1 + 1 + 10);
	arena_fini(&a);
}

Test(arena, a_big_request_leaves_the_open_block_open)
{
	struct arena a;
	char *p, *q;

	arena_init(&a, 10000000);
	p = arena_strndup(&a, "a", 1);
	cr_assert_not_null(arena_alloc(&a, 1000000));
	q = arena_strndup(&a, "b", 1);
	cr_expect_eq(q, p + 2);
	arena_fini(&a);
}

Test(arena, reset_gives_the_whole_limit_back)
{
	struct arena a;
	int i;

	arena_init(&a, 300000);
	for (i = 0; i < 5; i++) {
		cr_assert_not_null(arena_alloc(&a, i % 2 ? 300000 : 300));
		arena_reset(&a);
		cr_expect_eq(a.used_bytes, 0);
	}
	cr_expect_not_null(arena_alloc(&a, 300000));
	arena_fini(&a);
	arena_fini(&a); /* and twice is once */
	cr_expect_null(a.blocks);
}

Test(arena, pieces_do_not_overlap)
{
	static char *piece[2000];
	static size_t size[2000];
	struct help_random r;
	struct arena a;
	size_t i, k;

	help_random_init(&r, "arena");
	arena_init(&a, 100000000);
	for (i = 0; i < 2000; i++) {
		size[i] = 1 + help_random_below(&r, i % 50 ? 300 : 40000);
		piece[i] =
		    i % 3 ? arena_alloc(&a, size[i]) : arena_strndup(&a, "", 0);
		if (i % 3 == 0)
			size[i] = 1;
		memset(piece[i], (int)(i % 251), size[i]);
	}
	for (i = 0; i < 2000; i++)
		for (k = 0; k < size[i]; k++)
			cr_assert_eq((unsigned char)piece[i][k], i % 251);
	arena_fini(&a);
}

/* work - some requests; how many were served */
static int
work(struct arena *a)
{
	int n = 0;

	n += arena_alloc(a, 100) != NULL;
	n += arena_alloc(a, 5000) != NULL;
	n += arena_alloc(a, 100000) != NULL;
	n += arena_printf(a, "%s", "text") != NULL;
	return n;
}

Test(arena, out_of_memory_refuses_one_request_only)
{
	struct arena a;
	bool failed = true;
	size_t n;
	int served;

	for (n = 1; failed; n++) {
		arena_init(&a, 1000000);
		help_alloc_fail_nth(n);
		served = work(&a);
		failed = help_alloc_stop();
		cr_expect_eq(served, failed ? 3 : 4);
		arena_fini(&a);
	}
	cr_expect_gt(n, 3);
}
