/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_MODEL_HELP_BAL_H
#define TESTS_MODEL_HELP_BAL_H

/*
 * help_bal - the balancing policy of the specification, a second time
 *
 * Written from spec E.3 with doubles and without care for speed, so that the
 * integers of model/bal_plan.c have a judge.
 */

/* Model */
#include "model/bal.h"

/* Tests */
#include "tests/model/help_random.h"

/*
 * help_bal_double - new targets by the text of spec E.3
 *
 * in      d[0..n) active or fixed ones only; free_kib, want_kib
 * out     new_out[0..n)
 * returns the fraction that everybody gets
 */
double help_bal_double(const struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, uint64_t *new_out);

/*
 * help_bal_world - n domains as a host could have them
 *
 * in      states  how many of enum bal_state to choose from (2: no inactive)
 * out     d[0..n)
 * returns free memory, KiB
 */
uint64_t help_bal_world(
    struct help_random *r, struct bal_domain *d, size_t n, unsigned states);

/*
 * help_bal_obey - every guest with a driver goes where its selected target is
 *
 * inout   d[0..n), free_kib  the difference goes here
 * returns false if free memory went below floor_kib on the way, growing ones
 *         first; or something would have gone below nothing
 */
bool help_bal_obey(
    struct bal_domain *d, size_t n, uint64_t *free_kib, uint64_t floor_kib);

#endif
