/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bench_bal - one step of the balancer (who is stuck, and the plan) beside one
 * plain pass that sums the same arrays, in turns; medians
 *
 * The guests move at every step, as they do while one waits for them.
 * Exits with 1 when the step takes more than 10 passes.
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Model */
#include "model/bal.h"

#define MOST 10.0
#define ROUNDS 1500
#define REFILL 150 /* rounds until all would have come to rest */

struct world {
	struct bal_domain *d;
	struct bal_past *past;
	size_t n;
	uint64_t free_kib;
	int64_t now_ms;
};

/* now_ns - of a clock that does not go back */
static int64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* fill - n guests of many sizes, all with too much */
static void
fill(struct world *w)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		w->past[i] = (struct bal_past){0};
		w->d[i] =
		    (struct bal_domain){.min_kib = 262144 + i * 7919 % 1048576,
			.inaccuracy_kib = 4,
			.state = BAL_ACTIVE};
		w->d[i].max_kib = w->d[i].min_kib + i * 104729 % 4194304;
		w->d[i].target_kib = w->d[i].actual_kib = w->d[i].max_kib;
	}
	w->free_kib = 0;
	w->now_ms = 1;
}

/* move - every guest a little further, and what it gives is free */
static void
move(struct world *w)
{
	uint64_t give;
	size_t i;

	w->now_ms += 20;
	for (i = 0; i < w->n; i++) {
		if (w->d[i].selected)
			w->d[i].target_kib = w->d[i].new_kib;
		if (w->d[i].actual_kib <= w->d[i].target_kib)
			continue;
		give = (w->d[i].actual_kib - w->d[i].target_kib) / 64;
		w->d[i].actual_kib -= give;
		w->free_kib += give;
	}
}

/* step - what the loop does at every sample */
static uint64_t
step(struct world *w)
{
	struct bal_sums sums;
	size_t i;

	for (i = 0; i < w->n; i++) {
		(void)bal_watch(&w->past[i], &w->d[i], w->now_ms);
		w->d[i].state = w->past[i].stuck      ? BAL_INACTIVE
				: w->past[i].doubtful ? BAL_DOUBTFUL
						      : BAL_ACTIVE;
	}
	return (uint64_t)bal_plan(
	    w->d, w->n, w->free_kib, BAL_RESERVED_KIB + w->n * 131072, &sums);
}

/* pass - sums of the same arrays */
static uint64_t
pass(const struct world *w)
{
	uint64_t s[9] = {0};
	size_t i;

	for (i = 0; i < w->n; i++) {
		s[0] += w->d[i].min_kib;
		s[1] += w->d[i].max_kib;
		s[2] += w->d[i].target_kib;
		s[3] += w->d[i].actual_kib;
		s[4] += w->d[i].inaccuracy_kib;
		s[5] += w->past[i].actual_kib;
		s[6] += w->past[i].target_kib;
		s[7] += (uint64_t)w->past[i].progress_ms;
		s[8] += w->past[i].kib_per_s;
	}
	return s[0] ^ s[1] ^ s[2] ^ s[3] ^ s[4] ^ s[5] ^ s[6] ^ s[7] ^ s[8];
}

/* by_time - for qsort */
static int
by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* median_us - of one kind */
static double
median_us(int64_t *ns)
{
	qsort(ns, ROUNDS, sizeof *ns, by_time);
	return (double)ns[ROUNDS / 2] / 1e3;
}

/* measure - n domains; false if over the limit */
static bool
measure(size_t n)
{
	struct world w = {.n = n};
	static int64_t steps[ROUNDS], passes[ROUNDS];
	volatile uint64_t sink = 0;
	int64_t at;
	double ratio;

	w.d = calloc(n, sizeof *w.d);
	w.past = calloc(n, sizeof *w.past);
	if (w.d == NULL || w.past == NULL)
		exit(2);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % REFILL == 0)
			fill(&w);
		at = now_ns();
		sink ^= pass(&w);
		passes[i] = now_ns() - at;
		at = now_ns();
		sink ^= step(&w);
		steps[i] = now_ns() - at;
		move(&w);
	}
	free(w.d);
	free(w.past);
	ratio = median_us(steps) / median_us(passes);
	printf("%6zu domains: step %.1f us, pass %.1f us; ratio %.1f "
	       "(budget %.0f)\n",
	    n, median_us(steps), median_us(passes), ratio, MOST);
	return ratio <= MOST;
}

int
main(void)
{
	bool ok = measure(1000);

	return measure(10000) && ok ? 0 : 1;
}
