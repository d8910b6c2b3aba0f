/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Own */
#include "tests/xen/help_loop.h"

/* actual - what a guest has */
static uint64_t
actual(const struct help_loop *h, uint64_t vm)
{
	const struct hv_domain *d = loop_dom(h, vm);

	cr_assert_not_null(d);
	return d->actual_kib;
}

/* expect_even - two guests have the same, but for their inaccuracy */
static void
expect_even(uint64_t a_kib, uint64_t b_kib)
{
	cr_expect_leq(a_kib, b_kib + 16);
	cr_expect_geq(a_kib + 16, b_kib);
}

/* is_marked - does it look uncooperative? */
static bool
is_marked(const struct help_loop *h, uint64_t vm)
{
	return loop_dom(h, vm)->flags & HV_D_UNCOOPERATIVE;
}

Test(loop, free_memory_is_shared_out_by_equal_fraction)
{
	struct help_loop h;
	uint64_t a, b;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 512 * MIB, 2 * GIB, 512 * MIB, "");
	cr_expect_eq(actual(&h, 1), 2 * GIB, "alone it has all it may");
	loop_build(&h, 2, 256 * MIB, 4 * GIB, 256 * MIB, "");
	loop_pass(&h, 1000);
	cr_expect(loop_is_full(&h, 0));
	a = actual(&h, 1) - 512 * MIB;
	b = actual(&h, 2) - 256 * MIB;
	cr_expect_leq(a * 3840 / 1536, b + 64);
	cr_expect_geq(a * 3840 / 1536 + 64, b);
	loop_verb(&h, HV_DESTROY, 2);
	loop_pass(&h, 100);
	cr_expect_eq(actual(&h, 1), 2 * GIB);
	loop_close(&h);
}

Test(loop, an_ask_is_granted_when_guests_have_shrunk)
{
	struct help_loop h;
	struct bal_ask ask;
	int64_t ms;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 512 * MIB, 2 * GIB, 512 * MIB, "rate_kib_s=102400");
	loop_build(&h, 2, 512 * MIB, 2 * GIB, 512 * MIB, "rate_kib_s=102400");
	loop_pass(&h, 60000);
	cr_expect(loop_is_full(&h, 0));
	loop_ask(&h, &ask, 1 * GIB, 1 * GIB, 0);
	cr_expect_eq(ask.status, BAL_ASK_PENDING);
	ms = loop_until(&h, &ask, 60000);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED);
	cr_expect_leq(ms, 1024 * 1000 / 200 + 100);
	cr_expect_geq(loop_free(&h), BAL_RESERVED_KIB + 1 * GIB);
	loop_pass(&h, 60000);
	cr_expect_geq(loop_free(&h), BAL_RESERVED_KIB + 1 * GIB, "it is held");
	bal_loop_drop(h.loop, &ask);
	loop_pass(&h, 60000);
	cr_expect(loop_is_full(&h, 0));
	loop_close(&h);
}

Test(loop, an_ask_for_too_much_moves_nothing)
{
	struct help_loop h;
	struct bal_ask ask;
	unsigned before;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 512 * MIB, 4 * GIB, 512 * MIB, "rate_kib_s=1024");
	loop_pass(&h, 4000000);
	before = h.commands[HV_SET_TARGET];
	loop_ask(&h, &ask, 3 * GIB, 3 * GIB, 0);
	cr_expect_eq(ask.status, BAL_ASK_NO_MEMORY);
	cr_expect_eq(ask.needed_kib, 3 * GIB);
	cr_expect_leq(ask.free_kib, 3 * GIB - 512 * MIB);
	cr_expect_geq(ask.free_kib, 3 * GIB - 512 * MIB - 200 * MIB);
	cr_expect_eq(h.commands[HV_SET_TARGET], before);
	loop_close(&h);
}

Test(loop, one_that_is_stuck_does_not_delay_what_the_others_can_give)
{
	struct help_loop h;
	struct bal_ask ask;
	int64_t ms;

	loop_open(&h, 12 * GIB);
	for (uint64_t vm = 1; vm <= 10; vm++)
		loop_build(&h, vm, 256 * MIB, 1 * GIB, 1 * GIB,
		    vm == 4 ? "stuck" : "rate_kib_s=102400");
	loop_pass(&h, 20000);
	loop_ask(&h, &ask, 4 * GIB, 4 * GIB, 0);
	ms = loop_until(&h, &ask, 60000);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED);
	cr_expect_leq(ms, 4096 * 1000 / 900 + 500, "%lld ms", (long long)ms);
	loop_close(&h);
}

Test(loop, guests_that_refuse_are_named_and_the_others_get_theirs_back)
{
	struct help_loop h;
	struct bal_ask ask;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 2 * GIB, 2 * GIB, "stuck");
	loop_build(&h, 2, 256 * MIB, 1 * GIB, 256 * MIB, "");
	loop_pass(&h, 1000);
	loop_ask(&h, &ask, 2 * GIB, 2 * GIB, 0);
	(void)loop_until(&h, &ask, 10000);
	cr_assert_eq(ask.status, BAL_ASK_REFUSED);
	cr_assert_eq(ask.nrefused, 1);
	cr_expect_eq(ask.refused[0].hi, 1);
	loop_pass(&h, 1000);
	cr_expect(loop_is_full(&h, 0));
	loop_close(&h);
}

Test(loop, two_asks_are_served_from_one_plan_and_the_small_one_first)
{
	struct help_loop h;
	struct bal_ask large, small;
	int64_t ms;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "rate_kib_s=102400");
	loop_pass(&h, 60000);
	loop_ask(&h, &large, 2 * GIB, 2 * GIB, 0);
	loop_ask(&h, &small, 100 * MIB, 100 * MIB, 0);
	ms = loop_until(&h, &small, 60000);
	cr_expect_eq(small.status, BAL_ASK_GRANTED);
	cr_expect_leq(ms, 1100, "%lld ms", (long long)ms);
	cr_expect_eq(large.status, BAL_ASK_PENDING);
	ms += loop_until(&h, &large, 60000);
	cr_expect_eq(large.status, BAL_ASK_GRANTED);
	cr_expect_leq(ms, 2148 * 10 + 100);
	loop_close(&h);
}

Test(loop, a_range_is_granted_its_fair_share)
{
	struct help_loop h;
	struct bal_ask ask;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 512 * MIB, 2 * GIB, 512 * MIB, "");
	loop_build(&h, 2, 512 * MIB, 2 * GIB, 512 * MIB, "");
	loop_pass(&h, 1000);
	loop_ask(&h, &ask, 512 * MIB, 2 * GIB, 0);
	(void)loop_until(&h, &ask, 1000);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED);
	expect_even(ask.granted_kib, actual(&h, 1));
	loop_close(&h);
}

Test(loop, what_a_paused_guest_is_owed_is_not_waited_for)
{
	struct help_loop h;
	struct bal_ask ask;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 2 * GIB, 256 * MIB, "rate_kib_s=1");
	loop_verb(&h, HV_PAUSE, 1);
	loop_build(
	    &h, 2, 256 * MIB, 1400 * MIB, 1400 * MIB, "limit_kib=1433600");
	loop_pass(&h, 30000);
	/* It may have so much more, and does not take it; 1200 MiB are free. */
	loop_range(&h, 1, 1024 * MIB, 2048 * MIB);
	loop_pass(&h, 1000);
	cr_assert_geq(loop_free(&h), BAL_RESERVED_KIB + 1000 * MIB);
	loop_ask(&h, &ask, 1000 * MIB, 1000 * MIB, 0);
	(void)loop_until(&h, &ask, 60000);
	cr_expect_eq(ask.status, BAL_ASK_REFUSED);
	cr_expect(ask.nrefused == 1 && ask.refused[0].hi == 2,
	    "the other could give it");
	loop_ask(&h, &ask, 400 * MIB, 400 * MIB, 0);
	(void)loop_until(&h, &ask, 1000);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED, "so much is nobody's");
	loop_close(&h);
}

Test(loop, a_paused_guest_is_worked_around_and_marked_until_it_goes_on)
{
	struct help_loop h;
	struct bal_ask ask;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 2 * GIB, 256 * MIB, "");
	loop_build(&h, 2, 256 * MIB, 2 * GIB, 256 * MIB, "");
	loop_verb(&h, HV_PAUSE, 1);
	loop_ask(&h, &ask, 700 * MIB, 700 * MIB, 0);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED, "at once, by the other");
	loop_pass(&h, 20000);
	cr_expect_not(is_marked(&h, 1));
	loop_pass(&h, 1001);
	cr_expect(is_marked(&h, 1));
	cr_expect_not(is_marked(&h, 2));
	loop_verb(&h, HV_UNPAUSE, 1);
	loop_pass(&h, 100);
	cr_expect_not(is_marked(&h, 1));
	expect_even(actual(&h, 1), actual(&h, 2)); /* fair again */
	loop_close(&h);
}

Test(loop, memory_is_not_sloshed_when_one_guest_is_stuck)
{
	struct help_loop h;
	unsigned before;

	loop_open(&h, 8 * GIB);
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "stuck");
	loop_build(&h, 2, 256 * MIB, 3 * GIB, 256 * MIB, "rate_kib_s=102400");
	loop_build(&h, 3, 256 * MIB, 4 * GIB, 256 * MIB, "");
	loop_pass(&h, 120000);
	before = h.commands[HV_SET_TARGET];
	loop_pass(&h, 3600000);
	cr_expect_eq(h.commands[HV_SET_TARGET], before, "all has been said");
	cr_expect(
	    loop_is_full(&h, 0)); /* what it does not take the others have */
	loop_close(&h);
}

Test(loop, guests_without_a_driver_are_given_nothing)
{
	struct help_loop h;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "no_balloon");
	loop_build(&h, 2, 256 * MIB, 3 * GIB, 256 * MIB, "");
	loop_pass(&h, 60000);
	cr_expect_eq(loop_dom(&h, 1)->target_kib, 256 * MIB);
	cr_expect_eq(loop_dom(&h, 1)->maxmem_kib, 256 * MIB);
	cr_expect_not(is_marked(&h, 1));
	cr_expect(loop_is_full(&h, 0));
	loop_close(&h);
}

Test(loop, the_offset_is_found_once_and_counted)
{
	struct help_loop h;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 1 * GIB, 512 * MIB, "offset_kib=4096");
	loop_pass(&h, 1000);
	cr_expect_eq(h.commands[HV_SET_OFFSET], 1);
	cr_expect_eq(loop_dom(&h, 1)->offset_kib, 4096);
	cr_expect_eq(actual(&h, 1), 1 * GIB + 4096);
	loop_pass(&h, 60000);
	cr_expect_not(is_marked(&h, 1));
	loop_restart(&h);
	cr_expect_eq(h.commands[HV_SET_OFFSET], 1, "Xen remembers it");
	loop_close(&h);
}

Test(loop, what_is_still_to_be_given_back_is_no_offset)
{
	struct help_loop h;

	for (int i = 0; i < 2; i++) {
		loop_open(&h, 4 * GIB);
		h.deaf = true; /* nobody has said its offset */
		loop_make(
		    &h, 1, 64 * MIB, 512 * MIB, 512 * MIB, "rate_kib_s=102400");
		loop_pass(&h, 5000);
		if (i == 1)
			loop_verb(&h, HV_PAUSE, 1);
		/* It has stood still for long, and is told now. */
		h.deaf = false;
		h.wait_ms = 0; /* it is looked at before it can move */
		loop_range(&h, 1, 64 * MIB, 480 * MIB);
		loop_pass(&h, 0);
		loop_pass(&h, 20000);
		if (i == 1)
			loop_verb(&h, HV_UNPAUSE, 1);
		loop_pass(&h, 10000);
		cr_expect_eq(loop_dom(&h, 1)->offset_kib, 0);
		cr_expect_eq(actual(&h, 1), 480 * MIB);
		loop_close(&h);
	}
}

Test(loop, a_lying_or_growing_guest_is_found_out)
{
	struct help_loop h;
	struct bal_ask ask;

	loop_open(&h, 8 * GIB);
	loop_build(&h, 1, 256 * MIB, 2 * GIB, 2 * GIB, "lying");
	loop_build(&h, 2, 256 * MIB, 2 * GIB, 2 * GIB, "growing");
	loop_build(&h, 3, 256 * MIB, 2 * GIB, 256 * MIB, "rate_kib_s=524288");
	loop_pass(&h, 20000);
	loop_ask(&h, &ask, 2 * GIB, 2 * GIB, 0);
	(void)loop_until(&h, &ask, 10000);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED);
	cr_expect_leq(h.commands[HV_SET_TARGET], 100, "they are not nagged");
	loop_pass(&h, 30000);
	cr_expect(is_marked(&h, 1));
	cr_expect(is_marked(&h, 2));
	cr_expect_leq(loop_dom(&h, 2)->maxmem_kib, 2 * GIB);
	loop_close(&h);
}

Test(loop, one_that_boots_late_takes_part_then)
{
	struct help_loop h;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "");
	loop_build(&h, 2, 256 * MIB, 3 * GIB, 256 * MIB, "boot_ms=5000");
	loop_pass(&h, 4900);
	cr_expect_eq(actual(&h, 2), 256 * MIB);
	loop_pass(&h, 200);
	expect_even(actual(&h, 1), actual(&h, 2));
	loop_close(&h);
}

Test(loop, killed_in_the_middle_it_goes_on)
{
	struct help_loop h;
	struct bal_ask ask;

	loop_open(&h, 4 * GIB);
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "rate_kib_s=102400");
	loop_pass(&h, 60000);
	loop_ask(&h, &ask, 1 * GIB, 1 * GIB, 0);
	loop_pass(&h, 3000);
	loop_restart(&h);
	loop_pass(&h, 60000);
	cr_expect(loop_is_full(&h, 0)); /* nobody asks any more */
	loop_close(&h);
}

Test(loop, an_ask_for_balance_ends_with_it)
{
	struct help_loop h;
	struct bal_ask ask;
	int64_t ms;

	loop_open(&h, 8 * GIB);
	loop_build(&h, 1, 512 * MIB, 2 * GIB, 512 * MIB, "rate_kib_s=102400");
	loop_pass(&h, 60000);
	loop_ask(&h, &ask, 0, 0, 1);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED, "it is balanced");
	bal_loop_drop(h.loop, &ask);
	loop_range(&h, 1, 512 * MIB, 1 * GIB);
	loop_ask(&h, &ask, 0, 0, 1);
	ms = loop_until(&h, &ask, 60000);
	cr_expect_eq(ask.status, BAL_ASK_GRANTED);
	cr_expect_geq(ms, 10000);
	cr_expect_leq(ms, 10340);
	loop_close(&h);
}

Test(loop, an_ask_for_balance_ends_when_that_guest_does_not_obey)
{
	struct help_loop h;
	struct bal_ask ask;
	int64_t ms;

	loop_open(&h, 8 * GIB);
	loop_build(&h, 1, 512 * MIB, 2 * GIB, 2 * GIB, "stuck");
	loop_build(&h, 2, 512 * MIB, 4 * GIB, 512 * MIB, "rate_kib_s=10240");
	loop_range(&h, 1, 512 * MIB, 1 * GIB);
	loop_ask(&h, &ask, 0, 0, 1);
	ms = loop_until(&h, &ask, 60000);
	cr_expect_eq(ask.status, BAL_ASK_REFUSED);
	cr_expect_eq(ask.refused[0].hi, 1);
	cr_expect_leq(ms, 6000);
	loop_close(&h);
}

Test(loop, a_command_that_fails_is_tried_again_later_and_logged_once)
{
	struct help_loop h;
	unsigned n;

	loop_open(&h, 4 * GIB);
	h.refuses = HV_SET_TARGET;
	loop_build(&h, 1, 256 * MIB, 1 * GIB, 256 * MIB, "");
	loop_pass(&h, 600000);
	n = h.commands[HV_SET_TARGET];
	cr_expect_geq(n, 10);
	cr_expect_leq(n, 20, "%u", n);
	cr_expect_eq(h.warnings, 1);
	cr_expect_str_eq(h.text,
	    "balancing: domain 1 (guest): refused: no; tried again later");
	h.refuses = 0;
	loop_pass(&h, 61000);
	cr_expect_eq(actual(&h, 1), 1 * GIB);
	loop_close(&h);
}

Test(loop, when_all_is_quiet_it_hardly_runs)
{
	struct help_loop h;
	unsigned before;

	loop_open(&h, 64 * GIB);
	for (uint64_t vm = 1; vm <= 100; vm++)
		loop_build(&h, vm, 256 * MIB, 1 * GIB, 256 * MIB, "");
	loop_pass(&h, 1000);
	before = h.steps;
	loop_pass(&h, 3600000);
	cr_expect_leq(h.steps - before, 361);
	loop_close(&h);
}

Test(loop, what_reservations_hold_is_not_shared_out)
{
	struct help_loop h;

	loop_open(&h, 4 * GIB);
	h.held_kib = 1 * GIB;
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "");
	loop_pass(&h, 1000);
	cr_expect(loop_is_full(&h, 1 * GIB));
	h.held_kib = 2 * GIB;
	bal_loop_touch(h.loop, &h.host);
	h.wait_ms = 0;
	loop_pass(&h, 1000);
	cr_expect_geq(loop_free(&h), BAL_RESERVED_KIB + 2 * GIB);
	loop_close(&h);
}

Test(loop, what_xen_keeps_for_a_domain_being_built_is_not_shared_out)
{
	struct help_loop h;

	loop_open(&h, 4 * GIB);
	h.claimed_kib = 1 * GIB;
	h.held_kib = 256 * MIB; /* a reservation: for that domain */
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "");
	loop_pass(&h, 1000);
	cr_expect(loop_is_full(&h, 1 * GIB));
	loop_close(&h);
}
