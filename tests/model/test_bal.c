/* SPDX-License-Identifier: BSD-2-Clause */
/* The balancing policy: worked examples I.4, a judge with doubles, laws. */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>

/* Model */
#include "model/bal.h"

/* Own */
#include "tests/model/help_bal.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define R BAL_RESERVED_KIB
#define MANY 40

/* A domain as I.4 writes it, with what follows. */
#define D(min, target, max, actual, inaccuracy)                                \
	{                                                                      \
		.min_kib = (min), .target_kib = (target), .max_kib = (max),    \
		.actual_kib = (actual), .inaccuracy_kib = (inaccuracy),        \
		.state = BAL_ACTIVE                                            \
	}
#define DOMAIN(s, min, target, max, actual)                                    \
	{                                                                      \
		.min_kib = (min), .target_kib = (target), .max_kib = (max),    \
		.actual_kib = (actual), .inaccuracy_kib = 4, .state = (s)      \
	}

Test(bal, worked_examples_I_4)
{
	static const struct {
		uint64_t free_kib, want_kib;
		struct bal_domain d[3];
		size_t n;
		uint64_t max_free, surplus, range, aim_kib[3];
	} rows[] = {
	    {73728, R, {D(524288, 1048576, 1048576, 1048576, 4)}, 1, 598008,
		524280, 524288, {1048568}},
	    {598016, R, {D(524288, 524288, 1048576, 524288, 4)}, 1, 598016,
		524288, 524288, {1048576}},
	    {0, R,
		{D(262144, 524288, 524288, 524288, 4),
		    D(524288, 1048576, 1048576, 1048576, 4)},
		2, 786416, 712688, 786432, {499706, 999413}},
	    {1000000, R,
		{D(262144, 262144, 524288, 262144, 4),
		    D(524288, 524288, 1572864, 524288, 4)},
		2, 1000000, 926272, 1310720, {447398, 1265305}},
	    {73728, 597016,
		{D(262144, 1048576, 1048576, 1048576, 4),
		    D(262144, 524288, 524288, 524288, 4)},
		2, 1122288, 525272, 1048576, {656098, 393462}},
	    {100, R, {D(262144, 262144, 262144, 262144, 4)}, 1, 100, 0, 0,
		{262144}},
	    {200000, R, {D(262144, 262144, 262144, 262144, 4)}, 1, 200000,
		126272, 0, {262144}},
	    {0, 900000,
		{D(262144, 524288, 1048576, 400000, 4),
		    D(262144, 524288, 786432, 300000, 4)},
		2, 175696, 0, 1310720, {262144, 262144}},
	    {7000, 2048,
		{D(3000, 3300, 4200, 3400, 0), D(4100, 5000, 5200, 4800, 2)}, 2,
		8096, 6048, 2300, {4200, 5200}},
	    {73728, R,
		{D(131072, 262144, 524288, 262144, 4),
		    D(131072, 393216, 524288, 393300, 4),
		    D(65536, 65536, 65536, 65536, 4)},
		3, 467012, 393284, 786432, {327714, 327714, 65536}},
	};
	struct bal_domain d[3];
	struct bal_sums sums;
	size_t i, k;

	for (i = 0; i < N(rows); i++) {
		for (k = 0; k < rows[i].n; k++)
			d[k] = rows[i].d[k];
		(void)bal_plan(
		    d, rows[i].n, rows[i].free_kib, rows[i].want_kib, &sums);
		cr_expect_eq(sums.max_free_kib, rows[i].max_free, "row %zu", i);
		cr_expect_eq(sums.surplus_kib, rows[i].surplus, "row %zu", i);
		cr_expect_eq(sums.range_kib, rows[i].range, "row %zu", i);
		for (k = 0; k < rows[i].n; k++)
			cr_expect_eq(d[k].aim_kib, rows[i].aim_kib[k],
			    "row %zu: domain %zu: %ju", i, k,
			    (uintmax_t)d[k].aim_kib);
	}
}

static const struct {
	const char *sentence;
	uint64_t free_kib, want_kib;
	struct bal_domain d[3];
	size_t n;
	enum bal_outcome outcome;
	uint64_t told[3]; /* 0: nothing */
} told[] = {
    {"a host without guests is balanced", R, R, {{0}}, 0, BAL_BALANCED, {0}},
    {"a host without guests cannot give what it has not", R, R + 1, {{0}}, 0,
	BAL_FAILED, {0}},
    {"free memory goes to who may have it", R + 1000, R,
	{D(10000, 10000, 20000, 10000, 4)}, 1, BAL_ADJUST, {11000}},
    {"nobody is told to grow while another must shrink", R, R,
	{D(10000, 10000, 50000, 10000, 4), D(10000, 50000, 50000, 50000, 4)}, 2,
	BAL_ADJUST, {0, 29996}},
    {"one who is growing too far is stopped in the same phase", R, R,
	{D(10000, 50000, 50000, 12000, 4), D(10000, 50000, 50000, 50000, 4)}, 2,
	BAL_ADJUST, {30992, 30992}},
    {"told already: the plan waits", R, R,
	{D(10000, 10000, 50000, 10000, 4), D(10000, 29996, 50000, 50000, 4)}, 2,
	BAL_ADJUST, {0, 0}},
    {"a reservation pushes all down by the same fraction", R, R + 40000,
	{D(10000, 50000, 50000, 50000, 4), D(20000, 60000, 60000, 60000, 4)}, 2,
	BAL_ADJUST, {29992, 39992}},
    {"what cannot be had fails when all are at their minimum", R, R + 40000,
	{D(10000, 10000, 50000, 10000, 4)}, 1, BAL_FAILED, {0}},
    {"inaccuracy does not start anybody moving", R, R,
	{D(524288, 1048576, 1048576, 1048576, 4)}, 1, BAL_BALANCED, {0}},
    {"but it does where free memory is missing", R - 4, R,
	{D(524288, 1048576, 1048576, 1048576, 4)}, 1, BAL_ADJUST, {1048564}},
    {"a stuck one is not counted on; the other gives it all", R, R + 20000,
	{DOMAIN(BAL_INACTIVE, 10000, 30000, 50000, 50000),
	    D(10000, 50000, 50000, 50000, 4)},
	2, BAL_ADJUST, {0, 29992}},
    {"a stuck one is offered little, and the rest goes to others", R + 20000, R,
	{DOMAIN(BAL_INACTIVE, 10000, 10000, 50000, 10000),
	    D(10000, 10000, 50000, 10000, 4)},
	2, BAL_ADJUST, {10072, 29928}},
    {"a stuck one at rest makes nobody move", R + 72, R,
	{DOMAIN(BAL_INACTIVE, 10000, 10072, 50000, 10000),
	    D(10000, 29928, 50000, 29928, 4)},
	2, BAL_BALANCED, {0, 0}},
    {"it does not keep a target far above what it has", R + 100000, R,
	{DOMAIN(BAL_INACTIVE, 10000, 90000, 110000, 10000)}, 1, BAL_ADJUST,
	{10072}},
    {"a stuck one alone is left alone while nothing is missing", R + 52, R,
	{DOMAIN(BAL_INACTIVE, 10000, 50044, 90000, 50000)}, 1, BAL_BALANCED,
	{0}},
    {"and is asked when something is", R + 52, R + 1000,
	{DOMAIN(BAL_INACTIVE, 10000, 50044, 90000, 50000)}, 1, BAL_ADJUST,
	{10000}},
    {"not even where others may be off by all of their range", R + 80000, R,
	{DOMAIN(BAL_INACTIVE, 10000, 90000, 110000, 10000),
	    D(10000, 10004, 10004, 10004, 4)},
	2, BAL_ADJUST, {10072, 0}},
    {"a stuck one may be all that is missing", R, R + 20000,
	{DOMAIN(BAL_INACTIVE, 10000, 10000, 50000, 50000)}, 1, BAL_FAILED, {0}},
    {"it is asked once more before that", R, R + 20000,
	{DOMAIN(BAL_INACTIVE, 10000, 50000, 50000, 50000)}, 1, BAL_ADJUST,
	{10000}},
    {"a doubtful one is worked around where the others suffice", R, R + 20000,
	{DOMAIN(BAL_DOUBTFUL, 10000, 20000, 50000, 50000),
	    D(10000, 50000, 50000, 50000, 4)},
	2, BAL_ADJUST, {0, 29992}},
    {"and counted on where they do not", R, R + 60000,
	{DOMAIN(BAL_DOUBTFUL, 10000, 20000, 50000, 50000),
	    D(10000, 50000, 50000, 50000, 4)},
	2, BAL_ADJUST, {0, 19992}},
    {"a fixed one is left as it is", R + 1000, R,
	{DOMAIN(BAL_FIXED, 10000, 10000, 50000, 10000),
	    D(10000, 10000, 50000, 10000, 4)},
	2, BAL_ADJUST, {0, 11000}},
    {"one below its minimum is owed the rest before others get any", R + 6000,
	R, {D(10000, 10000, 50000, 5000, 4), D(10000, 10000, 50000, 10000, 4)},
	2, BAL_ADJUST, {10500, 10500}},
    {"nobody grows into what is never given away", R + 1000, R,
	{D(10000, 6000, 50000, 6000, 4)}, 1, BAL_FAILED, {0}},
    {"a range upside down is no range", R + 1000, R,
	{D(50000, 50000, 10000, 50000, 4)}, 1, BAL_BALANCED, {0}},
};

Test(bal, what_is_told_and_when)
{
	struct bal_domain d[3];
	struct bal_sums sums;
	enum bal_outcome outcome;
	size_t i, k;

	for (i = 0; i < N(told); i++) {
		for (k = 0; k < told[i].n; k++)
			d[k] = told[i].d[k];
		outcome = bal_plan(
		    d, told[i].n, told[i].free_kib, told[i].want_kib, &sums);
		cr_expect_eq(outcome, told[i].outcome, "%s: outcome %d",
		    told[i].sentence, outcome);
		for (k = 0; k < told[i].n; k++)
			cr_expect_eq(d[k].selected ? d[k].new_kib : 0,
			    told[i].told[k], "%s: domain %zu: %ju",
			    told[i].sentence, k,
			    d[k].selected ? (uintmax_t)d[k].new_kib : 0);
	}
}

/* differs_by_rounding - the product is whole, or all but: a double may miss */
static bool
differs_by_rounding(const struct bal_sums *s, const struct bal_domain *d)
{
	unsigned __int128 product =
	    (unsigned __int128)s->surplus_kib * (d->max_kib - d->min_kib);
	uint64_t rest = (uint64_t)(product % s->range_kib);

	return rest < 4 || s->range_kib - rest < 4;
}

Test(bal, integers_equal_doubles)
{
	struct help_random r;
	struct bal_domain d[MANY];
	struct bal_sums sums;
	uint64_t want_kib, free_kib, by_double[MANY];
	unsigned same = 0, rounded = 0;
	size_t i, n, round;

	help_random_init(&r, "bal integers_equal_doubles");
	for (round = 0; round < 20000; round++) {
		n = help_random_below(&r, MANY + 1);
		free_kib = help_bal_world(&r, d, n, 2);
		want_kib = R + help_random_below(&r, 1 << 25);
		(void)bal_plan(d, n, free_kib, want_kib, &sums);
		(void)help_bal_double(d, n, free_kib, want_kib, by_double);
		for (i = 0; i < n; i++) {
			if (d[i].aim_kib == by_double[i]) {
				same++;
				continue;
			}
			rounded++;
			cr_assert(differs_by_rounding(&sums, &d[i]) &&
				      (d[i].aim_kib == by_double[i] + 1 ||
					  d[i].aim_kib + 1 == by_double[i]),
			    "round %zu: %ju, not %ju", round,
			    (uintmax_t)d[i].aim_kib, (uintmax_t)by_double[i]);
		}
	}
	cr_expect_lt(rounded, same / 1000, "%u of %u", rounded, same);
}

/* sum_is_there - targets that are counted on, and want, fit in what there is */
static void
sum_is_there(const struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, const struct bal_sums *sums, size_t round)
{
	uint64_t targets = 0, there = free_kib;
	size_t i;

	if (sums->max_free_kib < want_kib)
		return; /* all at their minimum, and it is not enough */
	for (i = 0; i < n; i++) {
		if (d[i].state == BAL_FIXED)
			continue;
		there += d[i].actual_kib;
		/* an inactive one keeps what it has, or takes what it may */
		targets +=
		    d[i].state == BAL_ACTIVE || d[i].aim_kib > d[i].actual_kib
			? d[i].aim_kib
			: d[i].actual_kib;
	}
	cr_assert_leq(targets + want_kib, there, "round %zu", round);
}

Test(bal, targets_fit_and_stay_in_range)
{
	struct help_random r;
	struct bal_domain d[MANY];
	struct bal_sums sums;
	uint64_t free_kib, want_kib;
	size_t i, n, round;

	help_random_init(&r, "bal targets_fit_and_stay_in_range");
	for (round = 0; round < 20000; round++) {
		n = help_random_below(&r, MANY + 1);
		free_kib = help_bal_world(&r, d, n, 3);
		want_kib = R + help_random_below(&r, 1 << 25);
		if (n != 0 && round % 4 == 0) /* below its minimum */
			d[0].actual_kib =
			    help_random_below(&r, d[0].min_kib + 1);
		(void)bal_plan(d, n, free_kib, want_kib, &sums);
		for (i = 0; i < n; i++)
			cr_assert(d[i].aim_kib >= d[i].min_kib &&
				      d[i].aim_kib <= d[i].max_kib,
			    "round %zu", round);
		sum_is_there(d, n, free_kib, want_kib, &sums, round);
	}
}

Test(bal, more_memory_lowers_nobody)
{
	struct help_random r;
	struct bal_domain d[MANY], more[MANY];
	struct bal_sums sums;
	uint64_t free_kib, want_kib, add;
	size_t i, n, round;

	help_random_init(&r, "bal more_memory_lowers_nobody");
	for (round = 0; round < 10000; round++) {
		n = help_random_below(&r, MANY + 1);
		free_kib = help_bal_world(&r, d, n, 3);
		for (i = 0; i < n; i++)
			more[i] = d[i];
		want_kib = R + help_random_below(&r, 1 << 24);
		add = help_random_below(&r, 1 << 20);
		(void)bal_plan(d, n, free_kib, want_kib, &sums);
		(void)bal_plan(more, n, free_kib + add, want_kib, &sums);
		for (i = 0; i < n; i++)
			cr_assert_geq(more[i].aim_kib, d[i].aim_kib,
			    "round %zu: domain %zu", round, i);
	}
}

Test(bal, obedient_guests_come_to_rest_and_stay)
{
	struct help_random r;
	struct bal_domain d[MANY];
	struct bal_sums sums;
	enum bal_outcome outcome;
	uint64_t free_kib, want_kib, floor_kib;
	size_t n, round, step;

	help_random_init(&r, "bal obedient_guests_come_to_rest_and_stay");
	for (round = 0; round < 10000; round++) {
		n = help_random_below(&r, MANY + 1);
		free_kib = help_bal_world(&r, d, n, 2);
		for (step = 0; step < n; step++) /* nothing under way */
			d[step].target_kib = d[step].actual_kib;
		want_kib = R + help_random_below(&r, 1 << 24);
		floor_kib = want_kib < free_kib ? want_kib : R;
		for (step = 0; step < 8; step++) {
			outcome = bal_plan(d, n, free_kib, want_kib, &sums);
			if (outcome != BAL_ADJUST)
				break;
			cr_assert(help_bal_obey(d, n, &free_kib, floor_kib),
			    "round %zu: below what is to be left", round);
		}
		/* shrink, grow; what inaccuracy hid once more; rest */
		cr_assert_leq(step, 4, "round %zu: %zu steps", round, step);
		cr_assert_eq(
		    outcome, free_kib >= want_kib ? BAL_BALANCED : BAL_FAILED);
		cr_assert_eq(
		    bal_plan(d, n, free_kib, want_kib, &sums), outcome);
		for (step = 0; step < n; step++)
			cr_assert_not(d[step].selected, "round %zu", round);
	}
}

Test(bal, hostile_numbers_stay_in_range)
{
	static const uint64_t odd[] = {0, 1, 4, 1ull << 31, 1ull << 53,
	    (1ull << 53) + 1, 1ull << 62, 1ull << 63, UINT64_MAX - 4,
	    UINT64_MAX};
	struct help_random r;
	struct bal_domain d[MANY];
	struct bal_sums sums;
	unsigned __int128 given;
	size_t i, n, round;

	help_random_init(&r, "bal hostile_numbers_stay_in_range");
	for (round = 0; round < 50000; round++) {
		n = 1 + help_random_below(&r, MANY);
		for (i = 0; i < n; i++)
			d[i] = (struct bal_domain){
			    .min_kib = odd[help_random_below(&r, N(odd))],
			    .max_kib = odd[help_random_below(&r, N(odd))],
			    .target_kib = odd[help_random_below(&r, N(odd))],
			    .actual_kib = odd[help_random_below(&r, N(odd))],
			    .inaccuracy_kib =
				odd[help_random_below(&r, N(odd))],
			    .state = (enum bal_state)help_random_below(&r, 4)};
		(void)bal_plan(d, n, odd[help_random_below(&r, N(odd))],
		    odd[help_random_below(&r, N(odd))], &sums);
		given = 0;
		for (i = 0; i < n; i++) {
			if (d[i].state == BAL_FIXED)
				continue;
			cr_assert_geq(d[i].aim_kib, d[i].min_kib);
			cr_assert(d[i].aim_kib <= d[i].max_kib ||
				  d[i].aim_kib == d[i].min_kib);
			if (d[i].state == BAL_ACTIVE)
				given += d[i].aim_kib - d[i].min_kib;
		}
		cr_assert_leq(given, sums.surplus_kib);
	}
}

Test(bal, ideal_is_where_the_guest_will_be)
{
	struct help_random r;
	struct bal_domain d[MANY + 1], *guest;
	struct bal_sums sums;
	uint64_t free_kib, ideal_kib;
	size_t i, n, round, exact = 0;

	help_random_init(&r, "bal ideal_is_where_the_guest_will_be");
	for (round = 0; round < 10000; round++) {
		n = help_random_below(&r, MANY);
		free_kib = help_bal_world(&r, d, n, 2);
		guest = &d[n];
		*guest = (struct bal_domain){
		    .min_kib = help_random_below(&r, 1 << 22),
		    .inaccuracy_kib = 4,
		    .state = BAL_ACTIVE};
		guest->max_kib =
		    guest->min_kib + help_random_below(&r, 1 << 24);
		ideal_kib = bal_ideal(
		    d, n, free_kib, R, guest->min_kib, guest->max_kib);
		cr_assert(
		    ideal_kib >= guest->min_kib && ideal_kib <= guest->max_kib);
		(void)bal_plan(d, n, free_kib, R + ideal_kib, &sums);
		if (sums.max_free_kib < R + ideal_kib) {
			cr_assert_eq(ideal_kib, guest->min_kib);
			continue;
		}
		/* it takes its place: who is there has nothing to move */
		free_kib -= ideal_kib;
		for (i = 0; i < n; i++) {
			free_kib += d[i].actual_kib - d[i].aim_kib;
			d[i].actual_kib = d[i].target_kib = d[i].aim_kib;
		}
		guest->target_kib = guest->actual_kib = ideal_kib;
		cr_assert_eq(bal_plan(d, n + 1, free_kib, R, &sums),
		    BAL_BALANCED, "round %zu", round);
		exact++;
	}
	cr_expect_gt(exact, 1000);
}
