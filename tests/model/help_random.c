/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_random - numbers for property tests, repeatable from a printed seed
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Own */
#include "tests/model/help_random.h"

void
help_random_init(struct help_random *r, const char *what)
{
	const char *seed = getenv("TEST_SEED");
	struct timespec now;

	if (seed != NULL) {
		r->state = strtoull(seed, NULL, 10);
	} else {
		(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
		r->state =
		    (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	}
	(void)fprintf(stderr, "%s: TEST_SEED=%" PRIu64 "\n", what, r->state);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t
help_random_next(struct help_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t
help_random_below(struct help_random *r, uint64_t n)
{
	return help_random_next(r) % n;
}

int64_t
help_random_bytes(struct help_random *r)
{
	uint64_t x = help_random_next(r) >> (1 + help_random_below(r, 63));
	uint64_t round = help_random_below(r, 4);

	if (round == 1)
		x &= ~(uint64_t)0xfffff; /* whole MiB */
	else if (round == 2)
		x = (x | 0xfffff) & INT64_MAX; /* one byte less */
	else if (round == 3 && x > 0)
		x &= x - 1; /* fewer bits */
	return (int64_t)x;
}
