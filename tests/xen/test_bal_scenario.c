/* SPDX-License-Identifier: BSD-2-Clause */
/* One guest that misbehaves, each in its way, among others that obey. */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>

/* Own */
#include "tests/xen/help_loop.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Who shares the host with the guest in question; all obey. */
static const struct {
	uint64_t min_mib, max_mib;
	const char *behaviour;
} others[] = {
    {256, 2048, "rate_kib_s=204800"},
    {512, 1024, "rate_kib_s=102400"},
    {128, 4096, ""},
};

/* What it has at the end: its part, something else, or its build size. */
enum end { FAIR, UNFAIR, AS_BUILT, GONE };

static const struct scenario {
	const char *sentence, *behaviour;
	uint64_t ask_mib; /* once all is at rest */
	enum bal_ask_status answer;
	int64_t most_ms; /* until then */
	enum end end;
	bool uncooperative; /* at the end */
} scenarios[] = {
    {"an obedient one is one of them", "rate_kib_s=204800", 2000,
	BAL_ASK_GRANTED, 6000, FAIR, false},
    {"a slow one makes others give more meanwhile", "rate_kib_s=4096", 1500,
	BAL_ASK_GRANTED, 10000, FAIR, false},
    {"a limited one keeps what it does not give", "limit_kib=1048576", 2000,
	BAL_ASK_GRANTED, 10000, FAIR, false},
    {"a stuck one keeps what it has", "stuck", 1500, BAL_ASK_GRANTED, 5000,
	AS_BUILT, true},
    {"one that is stuck now and then takes part when it is not",
	"stuck_ms=7000/9000 rate_kib_s=204800", 1500, BAL_ASK_GRANTED, 10000,
	FAIR, false},
    {"one that is stuck for long comes back", "stuck_ms=40000/100000", 1500,
	BAL_ASK_GRANTED, 10000, FAIR, false},
    {"a lying one is found out", "lying", 1500, BAL_ASK_REFUSED, 60000, UNFAIR,
	true},
    {"a vanishing one leaves what it had", "vanish_ms=62000", 1500,
	BAL_ASK_GRANTED, 10000, GONE, false},
    {"one that boots without a driver is left alone until it has one",
	"boot_ms=90000", 1500, BAL_ASK_GRANTED, 10000, FAIR, false},
    {"one that never has a driver is left alone", "no_balloon", 1500,
	BAL_ASK_GRANTED, 10000, AS_BUILT, false},
    {"one that grows when it should shrink is held down", "growing", 1500,
	BAL_ASK_REFUSED, 60000, UNFAIR, true},
};

/* fraction - of its range that a guest has, in millionths */
static int64_t
fraction(const struct hv_domain *d)
{
	int64_t range_kib = (int64_t)(d->dynamic_max_kib - d->dynamic_min_kib);

	return ((int64_t)d->actual_kib - (int64_t)d->dynamic_min_kib) *
	       1000000 / range_kib;
}

/* expect_fair - equal fractions, everyone on his target */
static void
expect_fair(const struct help_loop *h, const char *sentence, uint64_t first)
{
	const struct hv_domain *d, *one = loop_dom(h, 2);

	for (uint64_t vm = first; vm < 2 + N(others); vm++) {
		d = loop_dom(h, vm);
		cr_assert_not_null(d, "%s", sentence);
		cr_expect_leq(
		    llabs((int64_t)d->actual_kib - (int64_t)d->target_kib), 4,
		    "%s: guest %d is not on its target", sentence, (int)vm);
		cr_expect_leq(llabs(fraction(d) - fraction(one)), 1000,
		    "%s: guest %d has %d millionths, another %d", sentence,
		    (int)vm, (int)fraction(d), (int)fraction(one));
	}
}

/* expect_quiet - in an hour nobody is told anything */
static void
expect_quiet(struct help_loop *h, const char *sentence)
{
	unsigned before = h->commands[HV_SET_TARGET];

	loop_pass(h, 3600000);
	cr_expect_eq(h->commands[HV_SET_TARGET], before, "%s: %u commands",
	    sentence, h->commands[HV_SET_TARGET] - before);
}

/* expect_answer - the ask of the row ends as the row says */
static void
expect_answer(struct help_loop *h, const struct scenario *s)
{
	struct bal_ask ask;
	int64_t ms;

	loop_ask(h, &ask, s->ask_mib * MIB, s->ask_mib * MIB, 0);
	ms = loop_until(h, &ask, s->most_ms);
	cr_expect_eq(ask.status, s->answer, "%s: status %d after %d ms",
	    s->sentence, (int)ask.status, (int)ms);
	if (ask.status == BAL_ASK_REFUSED)
		cr_expect(ask.nrefused == 1 && ask.refused[0].hi == 1, "%s",
		    s->sentence);
	if (ask.status == BAL_ASK_GRANTED)
		h->floor_kib = BAL_RESERVED_KIB + ask.granted_kib;
	loop_pass(h, 30000);
	h->floor_kib = BAL_RESERVED_KIB;
	bal_loop_drop(h->loop, &ask);
	h->wait_ms = 0;
}

/* expect_end - how the guest in question fares */
static void
expect_end(const struct help_loop *h, const struct scenario *s)
{
	const struct hv_domain *d = loop_dom(h, 1);

	expect_fair(h, s->sentence, s->end == FAIR ? 1 : 2);
	cr_assert_eq(d == NULL, s->end == GONE, "%s", s->sentence);
	if (d == NULL)
		return;
	if (s->end == AS_BUILT)
		cr_expect_eq(d->actual_kib, 512 * MIB, "%s: %d MiB",
		    s->sentence, (int)(d->actual_kib / MIB));
	cr_expect_eq((d->flags & HV_D_UNCOOPERATIVE) != 0, s->uncooperative,
	    "%s: uncooperative or not", s->sentence);
}

/* play - one row */
static void
play(const struct scenario *s)
{
	struct help_loop h;

	loop_open(&h, 6 * GIB);
	h.floor_kib = BAL_RESERVED_KIB;
	loop_build(&h, 1, 512 * MIB, 3072 * MIB, 512 * MIB, s->behaviour);
	for (size_t i = 0; i < N(others); i++)
		loop_build(&h, 2 + i, others[i].min_mib * MIB,
		    others[i].max_mib * MIB, others[i].min_mib * MIB,
		    others[i].behaviour);
	loop_pass(&h, 60000);
	expect_answer(&h, s);
	loop_pass(&h, 600000);
	expect_end(&h, s);
	cr_expect_leq(loop_free(&h), BAL_RESERVED_KIB + 1024, "%s: %d KiB free",
	    s->sentence, (int)loop_free(&h));
	expect_quiet(&h, s->sentence);
	cr_expect_eq(h.warnings, 0, "%s: %s", s->sentence, h.text);
	loop_close(&h);
}

Test(scenario, every_behaviour)
{
	for (size_t i = 0; i < N(scenarios); i++)
		play(&scenarios[i]);
}
