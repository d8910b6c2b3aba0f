/* SPDX-License-Identifier: BSD-2-Clause */

/* Who swaps when a reservation arrives, by policy: what guests say they have
 * available counts, or it does not. */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/xen/help_loop.h"

/* Two guests of 1 to 4 GiB on a host where 5 GiB are left when 1.5 GiB have
 * been reserved. */
static const struct {
	const char *sentence;
	const char *a, *b; /* behaviours */
	bool swaps[2][2];  /* proportional, available: a, b */
} cases[] = {
    {"one is busy, one idle: only equal parts make the busy one swap",
	"used_kib=3145728", "used_kib=524288", {{true, false}, {false, false}}},
    {"both are idle: nobody swaps", "used_kib=1048576", "used_kib=1048576",
	{{false, false}, {false, false}}},
    {"both need too much: both swap", "used_kib=4194304", "used_kib=4194304",
	{{true, true}, {true, true}}},
    {"the idle one lies: its part is as without", "used_kib=3145728",
	"lies used_kib=524288", {{true, false}, {true, false}}},
    {"the idle one says nothing: its part is as without", "used_kib=3145728",
	"silent used_kib=524288", {{true, false}, {true, false}}},
    {"the busy one says nothing: it gets no more", "silent used_kib=3145728",
	"used_kib=524288", {{true, false}, {true, false}}},
};

/* swaps - has the guest less than its programs need? */
static bool
swaps(const struct help_loop *h, uint64_t vm, const char *behaviour)
{
	const char *used = strstr(behaviour, "used_kib=");
	const struct hv_domain *d = loop_dom(h, vm);

	cr_assert_not_null(used);
	cr_assert_not_null(d);
	return d->actual_kib < strtoull(used + 9, NULL, 10);
}

Test(loop_need, who_swaps_when_a_reservation_arrives)
{
	for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
		const char *s = cases[i / 2].sentence;
		const bool *want = cases[i / 2].swaps[i % 2];
		struct bal_ask ask;
		struct help_loop h;

		loop_open(&h, 7 * GIB + 512 * MIB);
		h.believes = i % 2 == 1;
		loop_build(&h, 1, GIB, 4 * GIB, GIB, cases[i / 2].a);
		loop_build(&h, 2, GIB, 4 * GIB, GIB, cases[i / 2].b);
		loop_poll(&h, 1);
		loop_poll(&h, 2);
		loop_pass(&h, 30000);
		loop_ask(&h, &ask, 3 * GIB / 2, 3 * GIB / 2, 0);
		(void)loop_until(&h, &ask, 60000);
		cr_expect_eq(ask.status, BAL_ASK_GRANTED, "%s", s);
		loop_pass(&h, 30000);
		cr_expect_eq(swaps(&h, 1, cases[i / 2].a), want[0],
		    "%s: a, %s: %llu", s, h.believes ? "believed" : "not",
		    (unsigned long long)loop_dom(&h, 1)->actual_kib);
		cr_expect_eq(swaps(&h, 2, cases[i / 2].b), want[1],
		    "%s: b, %s: %llu", s, h.believes ? "believed" : "not",
		    (unsigned long long)loop_dom(&h, 2)->actual_kib);
		loop_close(&h);
	}
}

/* say - what guest 1 says that it uses */
static void
say(struct help_loop *h, int64_t used_kib)
{
	h->said[1].read_s = 1;
	h->said[1].value[HV_STAT_TOTAL] = (int64_t)(4 * GIB * 1024);
	h->said[1].value[HV_STAT_AVAILABLE] =
	    ((int64_t)(4 * GIB) - used_kib) * 1024;
}

Test(loop_need, small_changes_of_what_is_used_move_nobody)
{
	const int64_t used_kib = 2 * GIB;
	struct help_loop h;
	unsigned before;

	loop_open(&h, 6 * GIB);
	h.believes = true;
	loop_build(&h, 1, GIB, 4 * GIB, GIB, "silent");
	loop_build(&h, 2, GIB, 4 * GIB, GIB, "used_kib=524288");
	loop_poll(&h, 2);
	say(&h, used_kib);
	loop_pass(&h, 60000);
	cr_expect_gt(loop_dom(&h, 1)->actual_kib, loop_dom(&h, 2)->actual_kib);
	before = h.commands[HV_SET_TARGET];
	for (int i = 0; i < 100; i++) {
		say(&h, used_kib + (i % 2 == 0 ? 1 : -1) * (int64_t)(64 * MIB));
		loop_pass(&h, 10000);
	}
	cr_expect_eq(h.commands[HV_SET_TARGET], before);
	say(&h, used_kib / 4);
	loop_pass(&h, 20000);
	cr_expect_gt(h.commands[HV_SET_TARGET], before, "large ones do");
	loop_close(&h);
}
