/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * stress_timed - calls that end just before, at and just after their limit
 *
 * For ThreadSanitizer.  A call that came in time has its result; one that was
 * given up leaves the argument as it was; closing is safe at every moment.
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Own */
#include "xen/hv_timed.h"

#define ROUNDS 40
#define CALLS 40
#define LIMIT_MS 2

struct sum {
	unsigned in, out;
	long nap_us;
	char filler[3000]; /* as large as a real one */
};

/* nap - sleep about as long as the limit */
static void
nap(long us)
{
	const struct timespec t = {.tv_nsec = us * 1000};

	(void)nanosleep(&t, NULL);
}

/* twice - the call: it takes its time */
static void
twice(void *ctx, void *arg)
{
	struct sum *s = arg;
	unsigned *calls = ctx;

	nap(s->nap_us);
	if (hv_timed_is_unwanted())
		s->nap_us = 0;
	++*calls;
	s->out = 2 * s->in;
	memset(s->filler, (int)s->in, sizeof s->filler);
}

/* round_of - one thread and its calls; returns how many came in time */
static unsigned
round_of(unsigned seed, unsigned *calls)
{
	struct hv_timed *t = NULL;
	struct sum s;
	unsigned n = 0;

	if (hv_timed_open(&t) != 0)
		abort();
	for (unsigned i = 0; i < CALLS; i++) {
		memset(&s, 0, sizeof s);
		s.in = i + 1;
		s.nap_us = (long)((seed * 37 + i * 101) % 40) * 100;
		if (!hv_timed_call(t, twice, calls, &s, sizeof s, LIMIT_MS)) {
			if (s.out != 0 || s.filler[0] != 0)
				abort();
			while (i % 2 == 0 && hv_timed_is_late(t))
				nap(100);
			continue;
		}
		if (s.out != 2 * s.in || s.filler[2999] != (char)s.in)
			abort();
		n++;
	}
	hv_timed_close(&t);
	return n;
}

int
main(void)
{
	/* each thread has its own: one that was left behind may still count */
	static unsigned calls[ROUNDS];
	unsigned n = 0, all = ROUNDS * CALLS;

	for (unsigned i = 0; i < ROUNDS; i++)
		n += round_of(i, &calls[i]);
	nap(10000); /* those left behind end */
	printf("%u of %u calls in time\n", n, all);
	return n == 0 || n == all; /* both must have happened */
}
