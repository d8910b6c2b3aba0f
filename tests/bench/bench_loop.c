/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bench_loop - the balancing loop over a simulated host
 *
 * How long somebody who asks for memory waits, beside the time that the guests
 * need by themselves: both in the world's own time, so the machine does not
 * count.  Then the CPU time of the loop at rest: an hour with quiet guests.
 * What the daemon around it costs is not in it.
 *
 * Exits with 1 when a grant comes more than 100 ms late, when a stuck guest
 * costs the others more than 500 ms, or when the loop at rest takes 0.1 % of a
 * core or more.
 */

/* System */
#include <stdio.h>
#include <time.h>

/* Own */
#include "tests/xen/help_loop.h"

#define RATE_KIB_S (200 * MIB)
#define MIN_KIB (256 * MIB)
#define MAX_KIB GIB
#define SHARE_KIB (512 * MIB) /* each gives */
#define LATE_MS 100
#define STUCK_LATE_MS 500
#define HOUR_MS 3600000

/* cpu_s - of this process */
static double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* fill - a host that n guests use up; the first may be stuck */
static void
fill(struct help_loop *h, uint64_t n, bool stuck)
{
	char rate[40];

	(void)snprintf(rate, sizeof(rate), "rate_kib_s=%llu",
	    (unsigned long long)RATE_KIB_S);
	/* dom0, Xen, the reserve, and everybody's inaccuracy */
	loop_open(h, (n + 1) * GIB + 136 * MIB + 4 * MIB);
	for (uint64_t vm = 1; vm <= n; vm++)
		loop_build(h, vm, MIN_KIB, MAX_KIB, MAX_KIB - 4 * MIB,
		    vm == 1 && stuck ? "stuck" : rate);
	loop_pass(h, 60000);
}

/* measure - a row; false: later than it may be */
static bool
measure(uint64_t n, bool stuck)
{
	uint64_t giving = stuck ? n - 1 : n, need_kib = giving * SHARE_KIB;
	int64_t ms, least_ms, late_ms = stuck ? STUCK_LATE_MS : LATE_MS;
	struct help_loop h;
	struct bal_ask ask;

	fill(&h, n, stuck);
	/* What is free above the reserve need not be moved. */
	need_kib += loop_free(&h) - BAL_RESERVED_KIB;
	loop_ask(&h, &ask, need_kib, need_kib, 0);
	ms = loop_until(&h, &ask, HOUR_MS);
	least_ms = (int64_t)(SHARE_KIB * 1000 / RATE_KIB_S);
	(void)printf("%3llu guests%-17s %6llu MiB to move: %5lld ms, the "
		     "guests' own %5lld ms, %3lld ms more\n",
	    (unsigned long long)n, stuck ? ", one stuck:" : ":",
	    (unsigned long long)(giving * SHARE_KIB / MIB), (long long)ms,
	    (long long)least_ms, (long long)(ms - least_ms));
	bal_loop_drop(h.loop, &ask);
	loop_close(&h);
	return ask.status == BAL_ASK_GRANTED && ms <= least_ms + late_ms;
}

/* rest - an hour in which nothing happens; false: it costs too much */
static bool
rest(uint64_t n)
{
	struct help_loop h;
	unsigned steps;
	double s;

	fill(&h, n, false);
	steps = h.steps;
	s = cpu_s();
	loop_pass(&h, HOUR_MS);
	s = cpu_s() - s;
	(void)printf("%3llu guests at rest: %u looks in an hour, %.2f ms of "
		     "CPU, %.6f %% of a core\n",
	    (unsigned long long)n, h.steps - steps, s * 1e3, s / 3600 * 100);
	loop_close(&h);
	return s / 3600 < 0.001;
}

int
main(void)
{
	bool ok = measure(1, false);

	ok &= measure(10, false);
	ok &= measure(100, false);
	ok &= measure(10, true);
	ok &= rest(100);
	return ok ? 0 : 1;
}
