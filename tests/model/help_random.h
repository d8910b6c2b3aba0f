/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_MODEL_HELP_RANDOM_H
#define TESTS_MODEL_HELP_RANDOM_H

/*
 * help_random - numbers for property tests, repeatable from a printed seed
 *
 * TEST_SEED in the environment chooses the seed; else the clock does.
 */

#include <stdint.h>

struct help_random {
	uint64_t state;
};

/*
 * help_random_init - a generator; prints its seed on standard error
 *
 * in      what  name of the test, for the line printed
 */
void help_random_init(struct help_random *r, const char *what);

/*
 * help_random_next - 64 random bits
 */
uint64_t help_random_next(struct help_random *r);

/*
 * help_random_below - 0 .. n-1; n > 0
 */
uint64_t help_random_below(struct help_random *r, uint64_t n);

/*
 * help_random_bytes - an amount 0 .. 2^63-1 of any magnitude, often just
 * beside a power of two or a whole MiB, where mistakes live
 */
int64_t help_random_bytes(struct help_random *r);

#endif
