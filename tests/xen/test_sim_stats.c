/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Own */
#include "help_sim.h"
#include "xen/gst.h"

/* poll_it - HV_POLL of a VM, which must succeed */
static void
poll_it(struct help_sim *h, uint64_t vm, uint32_t seconds)
{
	struct hv_msg m = help_command(h, HV_POLL, vm);

	m.u.command.seconds = seconds;
	cr_assert_eq(help_do(h, &m).status, HV_OK);
}

/* readings - how many of a VM came up; *last_out: the last */
static size_t
readings(struct help_sim *h, uint64_t vm, struct hv_reading *last_out)
{
	struct hv_uuid uuid = help_command(h, HV_POLL, vm).u.command.uuid;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct hv_stats *s = &h->log[i].u.stats;

		if (h->log[i].type != HV_STATS)
			continue;
		for (uint32_t k = 0; k < s->n; k++) {
			if (s->reading[k].uuid.hi != uuid.hi ||
			    s->reading[k].uuid.lo != uuid.lo)
				continue;
			n++;
			*last_out = s->reading[k];
		}
	}
	return n;
}

static const struct {
	const char *sentence;
	const char *behaviour;
	size_t readings; /* in 20 s at every 5 s */
	int64_t free_kib, swap_out_kib;
	bool ignores;
} cases[] = {
    {"an idle guest has all of its memory free", "", 5, 128 * MIB, 0, false},
    {"a busy one has the rest", "used_kib=100000", 5, 128 * MIB - 100000, 0,
	false},
    {"one that needs more than it has swaps", "used_kib=200000", 5, 0,
	200000 - 128 * MIB, false},
    {"a silent one is asked once", "silent", 0, 0, 0, false},
    {"a lying one says nothing that is believed", "lies", 5, -1, -1, true},
    {"one that boots late answers when it can", "boot_ms=7000", 3, 128 * MIB, 0,
	false},
};

Test(hv_sim_stats, guests)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *s = cases[i].sentence;
		struct hv_reading r;
		struct help_sim h;
		size_t n;

		help_open(&h, NULL, 0);
		help_build(&h, 1, cases[i].behaviour);
		poll_it(&h, 1, 5);
		for (int ms = 0; ms <= 20000; ms += 100)
			hv_sim_step(h.world, 100);
		n = readings(&h, 1, &r);
		cr_expect_eq(n, cases[i].readings, "%s: %zu", s, n);
		if (n > 0) {
			int64_t free = r.value[HV_STAT_FREE];
			int64_t out = r.value[HV_STAT_SWAP_OUT];

			cr_expect_eq(free < 0 ? -1 : free / 1024,
			    cases[i].free_kib, "%s: %lld", s, (long long)free);
			cr_expect_eq(out < 0 ? -1 : out / 1024,
			    cases[i].swap_out_kib, "%s", s);
			cr_expect_eq(r.ignored > 0, cases[i].ignores, "%s", s);
			cr_expect_gt(r.read_s, 1500000000, "%s", s);
		}
		help_close(&h);
	}
}

Test(hv_sim_stats, a_pause_delays_the_answer)
{
	struct hv_reading r;
	struct help_sim h;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	help_ok(&h, HV_PAUSE, 1);
	poll_it(&h, 1, 5);
	hv_sim_step(h.world, 60000);
	cr_expect_eq(readings(&h, 1, &r), 0);
	help_ok(&h, HV_UNPAUSE, 1);
	hv_sim_step(h.world, 100);
	cr_expect_eq(readings(&h, 1, &r), 1, "it answers what waited");
	help_close(&h);
}

Test(hv_sim_stats, polling_ends_with_the_domain)
{
	struct hv_reading r;
	struct help_sim h;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	poll_it(&h, 1, 1);
	hv_sim_step(h.world, 100);
	help_ok(&h, HV_DESTROY, 1);
	cr_expect_eq(hv_sim_next_ms(h.world), -1, "nothing is left to do");
	help_build(&h, 1, "");
	hv_sim_step(h.world, 5000);
	cr_expect_eq(readings(&h, 1, &r), 1, "a new one is asked if told so");
	help_close(&h);
}

Test(hv_sim_stats, many_readings_share_messages)
{
	enum { MANY = 100 };
	struct hv_reading r;
	struct help_sim h;

	help_open(&h, NULL, 0);
	for (uint64_t vm = 1; vm <= MANY; vm++) {
		help_build(&h, vm, "");
		poll_it(&h, vm, 5);
	}
	hv_sim_step(h.world, 100);
	for (uint64_t vm = 1; vm <= MANY; vm++)
		cr_expect_eq(readings(&h, vm, &r), 1, "each once");
	cr_expect_eq(
	    help_count(&h, HV_STATS), (MANY + HV_READINGS - 1) / HV_READINGS);
	help_close(&h);
}
