/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What users of other balloon managers met, each as a scenario that must come
 * out right.
 */

/* System */
#include <criterion/criterion.h>

/* Own */
#include "tests/xen/help_loop.h"

/* expect_quiet - so much time passes, and nobody is told anything */
static void
expect_quiet(struct help_loop *h, int64_t ms)
{
	unsigned before = h->commands[HV_SET_TARGET];

	loop_pass(h, ms);
	cr_expect_eq(h->commands[HV_SET_TARGET], before);
}

/* open - a host in which nothing may touch the reserve */
static void
open(struct help_loop *h, uint64_t memory_kib)
{
	loop_open(h, memory_kib);
	h->floor_kib = BAL_RESERVED_KIB;
}

/* QubesOS/qubes-issues #8087 */
Test(failures, a_vm_starts_where_memory_can_be_reclaimed)
{
	struct help_loop h;
	unsigned vm;

	open(&h, 9 * GIB);
	for (vm = 1; vm <= 25; vm++) {
		/* each finds a full host; loop_build fails when it is refused
		 */
		loop_build(&h, vm, 256 * MIB, 4 * GIB, 256 * MIB,
		    vm % 2 ? "rate_kib_s=51200" : "");
		loop_pass(&h, 60000);
		if (vm >= 3)
			cr_expect(loop_is_full(&h, 0));
	}
	cr_expect_eq(h.warnings, 0);
	loop_close(&h);
}

/* QubesOS/qubes-issues #9627 */
Test(failures, one_with_a_large_range_does_not_starve_the_others)
{
	struct help_loop h;
	const struct hv_domain *d;

	open(&h, 8 * GIB);
	loop_build(&h, 1, 256 * MIB, 60 * GIB, 256 * MIB, "");
	for (uint64_t vm = 2; vm <= 5; vm++)
		loop_build(&h, vm, 512 * MIB, 1536 * MIB, 512 * MIB, "");
	loop_pass(&h, 3600000);
	cr_expect(loop_is_full(&h, 0));
	for (uint64_t vm = 2; vm <= 5; vm++) {
		d = loop_dom(&h, vm);
		/* 6.9 GiB less 2.25 of minima, over 63.75 of ranges */
		cr_expect_geq(d->actual_kib, 512 * MIB + 1024 * MIB * 7 / 100);
	}
	expect_quiet(&h, 3600000);
	loop_close(&h);
}

/* QubesOS/qubes-issues #9227, xapi-project/squeezed PR #56: help_loop looks
 * at every step whether a maxmem is below its target. */
Test(failures, obedient_guests_never_look_uncooperative)
{
	struct help_loop h;
	struct bal_ask ask;

	open(&h, 8 * GIB);
	for (uint64_t vm = 1; vm <= 4; vm++)
		loop_build(
		    &h, vm, 256 * MIB, 3 * GIB, 256 * MIB, "rate_kib_s=102400");
	for (unsigned i = 1; i <= 50; i++) {
		loop_ask(&h, &ask, i * 64 * MIB, i * 64 * MIB, 0);
		(void)loop_until(&h, &ask, 30000);
		cr_assert_eq(ask.status, BAL_ASK_GRANTED);
		loop_pass(&h, i * 37);
		bal_loop_drop(h.loop, &ask);
		loop_range(&h, 1 + i % 4, (256 + i) * MIB, (3072 - i) * MIB);
		loop_pass(&h, i * 11);
	}
	loop_pass(&h, 60000);
	cr_expect_eq(h.commands[HV_MARK], 0, "nobody was ever marked");
	cr_expect(loop_is_full(&h, 0));
	loop_close(&h);
}

/* xapi-project/xen-api PR #1847 */
Test(failures, memory_does_not_slosh_when_one_guest_is_stuck)
{
	static const char *const manners[] = {
	    "stuck", "limit_kib=1800000", "lying", "growing", "no_balloon"};
	struct help_loop h;

	for (unsigned i = 0; i < sizeof manners / sizeof manners[0]; i++) {
		open(&h, 8 * GIB);
		loop_build(&h, 1, 256 * MIB, 3 * GIB, 2 * GIB, manners[i]);
		loop_build(
		    &h, 2, 256 * MIB, 3 * GIB, 256 * MIB, "rate_kib_s=102400");
		loop_build(&h, 3, 256 * MIB, 4 * GIB, 256 * MIB, "");
		loop_pass(&h, 300000);
		expect_quiet(&h, 3600000);
		loop_close(&h);
	}
}

/* xapi-project/xen-api PR #305 */
Test(failures, memory_does_not_leak_to_guests_without_a_driver)
{
	struct help_loop h;
	struct bal_ask ask;

	open(&h, 5 * GIB);
	for (uint64_t vm = 1; vm <= 3; vm++)
		loop_build(&h, vm, 256 * MIB, 3 * GIB, 256 * MIB, "no_balloon");
	loop_build(&h, 4, 256 * MIB, 4 * GIB, 256 * MIB, "");
	loop_pass(&h, 60000);
	cr_expect(loop_is_full(&h, 0));
	for (unsigned i = 0; i < 20; i++) {
		loop_ask(&h, &ask, 2 * GIB, 2 * GIB, 0);
		(void)loop_until(&h, &ask, 1000);
		cr_assert_eq(ask.status, BAL_ASK_GRANTED, "round %u", i);
		bal_loop_drop(h.loop, &ask);
		h.wait_ms = 0;
		loop_pass(&h, 1000);
		cr_expect(loop_is_full(&h, 0));
	}
	for (uint64_t vm = 1; vm <= 3; vm++) {
		cr_expect_eq(loop_dom(&h, vm)->actual_kib, 256 * MIB);
		cr_expect_eq(loop_dom(&h, vm)->maxmem_kib, 256 * MIB);
	}
	loop_close(&h);
}

/* QubesOS/qubes-issues #6557 */
Test(failures, nothing_fails_while_memory_is_plentiful)
{
	struct help_loop h;
	struct bal_ask ask;
	unsigned before;

	open(&h, 64 * GIB);
	loop_build(&h, 1, 256 * MIB, 2 * GIB, 256 * MIB, "stuck");
	loop_build(&h, 2, 256 * MIB, 2 * GIB, 256 * MIB, "growing");
	loop_build(&h, 3, 256 * MIB, 2 * GIB, 256 * MIB, "no_balloon");
	loop_build(&h, 4, 256 * MIB, 2 * GIB, 256 * MIB, "boot_ms=600000");
	loop_pass(&h, 60000);
	before = h.commands[HV_SET_TARGET];
	for (unsigned i = 0; i < 50; i++) {
		loop_ask(&h, &ask, 1 * GIB, 1 * GIB, 0);
		cr_assert_eq(ask.status, BAL_ASK_GRANTED, "at once");
		bal_loop_drop(h.loop, &ask);
		h.wait_ms = 0;
		loop_pass(&h, 10000);
	}
	cr_expect_eq(h.commands[HV_SET_TARGET], before, "nobody is bothered");
	cr_expect_eq(h.warnings, 0, "%s", h.text);
	loop_close(&h);
}

/* Ours, found by the Spin model (tests/model-check, BROKEN=7). */
Test(failures, what_guests_still_grow_by_is_not_granted)
{
	struct help_loop h;
	struct bal_ask ask;

	open(&h, 6 * GIB);
	loop_build(&h, 1, 256 * MIB, 4 * GIB, 256 * MIB, "rate_kib_s=512000");
	loop_pass(&h, 500); /* on its way up; most is free still */
	h.deaf = true;	    /* it does not hear at once that it is to stop */
	loop_ask(&h, &ask, 4 * GIB, 4 * GIB, 0);
	cr_assert_eq(ask.status, BAL_ASK_PENDING);
	loop_pass(&h, 200);
	cr_assert_eq(ask.status, BAL_ASK_PENDING);
	h.deaf = false;
	(void)loop_until(&h, &ask, 60000);
	cr_assert_eq(ask.status, BAL_ASK_GRANTED);
	h.floor_kib = BAL_RESERVED_KIB + ask.granted_kib;
	loop_pass(&h, 60000);
	loop_close(&h);
}

/* Ours: for hours it tells falsehoods about its balloon. */
Test(failures, a_liar_costs_nobody_anything_and_is_told_little)
{
	const struct hv_domain *liar;
	struct help_loop h;
	struct bal_ask ask;
	unsigned before;
	int64_t ms;

	open(&h, 8 * GIB);
	loop_build(&h, 1, 256 * MIB, 3 * GIB, 256 * MIB, "lying");
	for (uint64_t vm = 2; vm <= 3; vm++)
		loop_build(&h, vm, 256 * MIB, 3 * GIB, 256 * MIB,
		    "rate_kib_s=1048576");
	loop_pass(&h, 60000);
	cr_expect(loop_is_full(&h, 0));
	for (unsigned i = 0; i < 100; i++) {
		before = h.commands[HV_SET_TARGET];
		loop_ask(&h, &ask, 2 * GIB, 2 * GIB, 0);
		ms = loop_until(&h, &ask, 60000);
		/* The two others give it, as fast as they can. */
		cr_assert_eq(ask.status, BAL_ASK_GRANTED, "round %u", i);
		cr_assert_leq(ms, 1100, "round %u", i);
		loop_pass(&h, 30000);
		bal_loop_drop(h.loop, &ask);
		h.wait_ms = 0;
		loop_pass(&h, 60000);
		cr_expect(loop_is_full(&h, 0), "round %u", i);
		/* down and up again, the two of them; now and then it, too */
		cr_assert_leq(h.commands[HV_SET_TARGET] - before, 8,
		    "round %u: %u commands", i,
		    h.commands[HV_SET_TARGET] - before);
		liar = loop_dom(&h, 1);
		cr_assert(liar->target_kib >= liar->dynamic_min_kib &&
			      liar->target_kib <= liar->actual_kib &&
			      liar->actual_kib <= liar->dynamic_max_kib,
		    "round %u", i);
	}
	expect_quiet(&h, 3600000);
	loop_close(&h);
}
