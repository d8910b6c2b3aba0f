/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What guests write to, whatever they write and whenever it is looked at: the
 * bitmap against a set that is kept in the plainest way, and the simulator.
 */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Own */
#include "tests/model/help_random.h"
#include "tests/xen/help_sim.h"
#include "xen/hv_dirty.h"

#define PAGES 1000 /* no whole number of words */
#define WORDS ((PAGES + 63) / 64)

Test(hv_dirty, the_bitmap_is_the_set_of_pages_written)
{
	struct help_random r;
	bool ever[PAGES];

	help_random_init(&r, "hv_dirty");
	for (int round = 0; round < 50; round++) {
		struct hv_dirty_map m;
		uint64_t was = 0, sum = 0, most = 0;

		memset(ever, 0, sizeof ever);
		cr_assert(hv_dirty_map_init(&m, PAGES));
		cr_assert_eq(m.words, WORDS);
		for (int k = 0; k < 20; k++) {
			uint64_t written[WORDS] = {0}, n = 0, all = 0, got;
			uint64_t writes = help_random_below(&r, PAGES);

			for (uint64_t i = 0; i < writes; i++) {
				uint64_t at = help_random_below(&r, PAGES);

				written[at / 64] |= 1ull << at % 64;
				ever[at] = true;
			}
			for (uint64_t at = 0; at < PAGES; at++) {
				n += written[at / 64] >> at % 64 & 1;
				all += ever[at];
			}
			got = hv_dirty_map_add(&m, written);
			cr_assert_eq(got, n);
			cr_assert_eq(m.ever_pages, all);
			sum += got;
			most = got > most ? got : most;
			cr_assert_geq(m.ever_pages, was, "never less");
			cr_assert_geq(m.ever_pages, most);
			cr_assert_leq(m.ever_pages, sum);
			cr_assert_leq(m.ever_pages, PAGES);
			was = m.ever_pages;
		}
		hv_dirty_map_fini(&m);
	}
}

static const struct {
	const char *sentence;
	uint32_t seconds, interval_s, late_ms; /* at each look */
	uint32_t intervals;
} pace_cases[] = {
    {"one", 10, 10, 0, 1},
    {"as many as fit", 10, 2, 0, 5},
    {"the last one is shorter", 10, 3, 0, 4},
    {"late looks make no more of them", 60, 1, 90, 60},
    {"nor do those that come too late make fewer", 10, 1, 1500, 10},
    {"nor one as late as an interval is long", 10, 5, 5000, 2},
    {"the shorter one at the end is not lost", 10, 3, 1000, 4},
};

Test(hv_dirty, intervals_end_in_time)
{
	for (size_t i = 0; i < sizeof pace_cases / sizeof *pace_cases; i++) {
		const char *s = pace_cases[i].sentence;
		struct hv_command c = {.seconds = pace_cases[i].seconds,
		    .interval_s = pace_cases[i].interval_s};
		uint64_t now = 5000, end = now + c.seconds * 1000ull;
		struct hv_dirty d;

		hv_dirty_begin(&d, &c, 1, now);
		while (d.said.is_on) {
			uint64_t left = hv_dirty_left_ms(&d, now);

			cr_assert_leq(left, c.interval_s * 1000ull, "%s", s);
			cr_assert_gt(left, 0, "%s", s);
			now += left + pace_cases[i].late_ms;
			hv_dirty_note(&d, now, 4, 4);
		}
		cr_expect_eq(
		    d.said.n, pace_cases[i].intervals, "%s: %u", s, d.said.n);
		cr_expect_geq(now, end, "%s", s);
		cr_expect_leq(now,
		    end + pace_cases[i].late_ms * (uint64_t)d.said.n, "%s", s);
		cr_expect_eq(hv_dirty_left_ms(&d, now), UINT64_MAX, "%s", s);
	}
}

/* ---- the simulator ---- */

/* count - HV_DIRTY of VM 1; its id */
static uint64_t
count(struct help_sim *h, uint32_t seconds, uint32_t interval_s)
{
	struct hv_msg m = help_command(h, HV_DIRTY, 1);

	m.u.command.seconds = seconds;
	m.u.command.interval_s = interval_s;
	return help_send(h, &m);
}

/* said - what was said last of a count; NULL: nothing */
static const struct hv_dirtied *
said(const struct help_sim *h, uint64_t id)
{
	for (size_t i = h->n; i-- > 0;)
		if (h->log[i].type == HV_DIRTIED &&
		    h->log[i].u.dirtied.id == id)
			return &h->log[i].u.dirtied;
	return NULL;
}

static const struct {
	const char *sentence;
	const char *behaviour;		/* of a guest of 128 MiB */
	uint64_t written_kib, ever_kib; /* after 10 s of 2 s */
} sim_cases[] = {
    {"an idle guest writes nothing", "", 0, 0},
    {"a set that stays is the same in each interval", "wss_kib=30000", 30000,
	30000},
    {"one that moves is new in part", "wss_kib=30000 walk_kib_s=1000", 32000,
	40000},
    {"one that only moves is new each time", "walk_kib_s=1000", 2000, 10000},
    {"nobody writes to more than he has", "wss_kib=999999 walk_kib_s=9", 131072,
	131072},
    {"who walks far was everywhere", "walk_kib_s=40000", 80000, 131072},
};

Test(hv_dirty, simulated_guests)
{
	for (size_t i = 0; i < sizeof sim_cases / sizeof *sim_cases; i++) {
		const char *s = sim_cases[i].sentence;
		const struct hv_dirtied *d;
		struct help_sim h;
		uint64_t id;

		help_open(&h, NULL, 0);
		help_build(&h, 1, sim_cases[i].behaviour);
		id = count(&h, 10, 2);
		for (int ms = 0; ms < 10000; ms += 100)
			hv_sim_step(h.world, 100);
		d = said(&h, id);
		cr_assert_not_null(d, "%s", s);
		cr_expect_eq(d->n, 5, "%s", s);
		cr_expect_not(d->is_on, "%s", s);
		cr_expect_eq(d->written_kib, sim_cases[i].written_kib,
		    "%s: %llu", s, (unsigned long long)d->written_kib);
		cr_expect_eq(d->ever_kib, sim_cases[i].ever_kib, "%s: %llu", s,
		    (unsigned long long)d->ever_kib);
		help_close(&h);
	}
}

Test(hv_dirty, a_paused_guest_writes_nothing)
{
	struct help_sim h;
	uint64_t id;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "wss_kib=30000");
	id = count(&h, 10, 1);
	hv_sim_step(h.world, 1000);
	cr_expect_eq(said(&h, id)->written_kib, 30000);
	help_ok(&h, HV_PAUSE, 1);
	hv_sim_step(h.world, 1000);
	cr_expect_eq(said(&h, id)->written_kib, 0);
	cr_expect_eq(said(&h, id)->ever_kib, 30000);
	help_close(&h);
}

static const struct {
	const char *sentence;
	enum hv_verb verb;
} end_cases[] = {
    {"a domain that ends takes its count with it", HV_DESTROY},
    {"one that restarts too", HV_HARD_REBOOT},
    {"one that is suspended too", HV_SUSPEND},
};

Test(hv_dirty, one_at_a_time_until_it_ends)
{
	for (size_t i = 0; i < sizeof end_cases / sizeof *end_cases; i++) {
		const char *s = end_cases[i].sentence;
		struct help_sim h;
		uint64_t id;

		help_open(&h, NULL, 0);
		help_build(&h, 1, "wss_kib=30000");
		id = count(&h, 60, 60);
		cr_expect_eq(help_answer(&h, id)->status, HV_OK);
		hv_sim_step(h.world, 9900);
		cr_expect_eq(help_answer(&h, count(&h, 1, 1))->status, HV_BUSY);
		help_ok(&h, end_cases[i].verb, 1);
		cr_expect_not(said(&h, id)->is_on, "%s", s);
		cr_expect_eq(said(&h, id)->status, HV_NO_DOMAIN, "%s", s);
		help_close(&h);
	}
}

Test(hv_dirty, who_began_it_ends_it)
{
	struct help_sim h;
	uint64_t id;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	id = count(&h, 60, 1);
	hv_sim_step(h.world, 1500);
	cr_expect_eq(help_answer(&h, count(&h, 0, 0))->status, HV_OK);
	cr_expect_not(said(&h, id)->is_on);
	cr_expect_eq(said(&h, id)->n, 1);
	cr_expect_eq(help_answer(&h, count(&h, 1, 1))->status, HV_OK);
	help_close(&h);
}
