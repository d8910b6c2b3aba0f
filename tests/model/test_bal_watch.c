/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is stuck, and who only slow. */

/* System */
#include <criterion/criterion.h>

/* Model */
#include "model/bal.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define OK 0
#define DOUBT 1
#define STUCK 2
#define STEPS 8

/* one sample, and what it must tell */
struct step {
	int64_t ms;
	uint64_t target_kib, actual_kib;
	int told;
	int64_t left_ms;
};

/* verdict - in one number */
static int
verdict(const struct bal_past *past)
{
	return past->stuck ? STUCK : past->doubtful ? DOUBT : OK;
}

Test(bal_watch, sentences)
{
	static const struct {
		const char *sentence;
		struct step step[STEPS];
	} rows[] = {
	    {"one on its target is never stuck",
		{{1, 5000, 5000, OK, -1}, {90000, 5000, 5000, OK, -1}}},
	    {"nothing known: five seconds, and doubt before that",
		{{1000, 9000, 5000, OK, 1250}, {2249, 9000, 5000, OK, 1},
		    {2250, 9000, 5000, DOUBT, 3750},
		    {5999, 9000, 5000, DOUBT, 1}, {6000, 9000, 5000, STUCK, -1},
		    {9000, 9000, 5000, STUCK, -1}}},
	    {"time counts from when it was asked, not from when it was seen",
		{{1000, 5000, 5000, OK, -1}, {60000, 9000, 5000, OK, 1250},
		    {64999, 9000, 5000, DOUBT, 1},
		    {65000, 9000, 5000, STUCK, -1}}},
	    {"what is within its inaccuracy is no progress",
		{{1000, 9000, 5000, OK, 1250}, {5000, 9000, 5004, DOUBT, 1000},
		    {6000, 9000, 5003, STUCK, -1}}},
	    {"little by little is progress",
		{{1000, 9000, 5000, OK, 1250}, {2000, 9000, 5003, OK, 250},
		    {3000, 9000, 5006, OK, 5000}, {4000, 9000, 5009, OK, 4000},
		    {7000, 9000, 5012, OK, 5000}}},
	    {"any progress forgives",
		{{1000, 9000, 5000, OK, 1250}, {9000, 9000, 5000, STUCK, -1},
		    {9100, 9000, 5100, OK, 2500}}},
	    {"growing when it should shrink is no progress",
		{{1000, 5000, 9000, OK, 1250}, {3000, 5000, 9500, DOUBT, 3000},
		    {4000, 5000, 9300, DOUBT, 2000},
		    {6000, 5000, 9800, STUCK, -1},
		    {6500, 5000, 9100, STUCK, -1},
		    {7000, 5000, 8900, OK, 2500}}},
	    {"asking for more of the same gives no new time",
		{{1000, 9000, 5000, OK, 1250}, {5000, 9500, 5000, DOUBT, 1000},
		    {6000, 9600, 5000, STUCK, -1}}},
	    {"asking for the contrary does, and is a new chance",
		{{1000, 9000, 5000, OK, 1250}, {7000, 9000, 5000, STUCK, -1},
		    {8000, 3000, 5000, DOUBT, 2500},
		    {10499, 3000, 5000, DOUBT, 1},
		    {10500, 3000, 5000, STUCK, -1}}},
	    {"a target that comes to meet it does not forgive",
		{{1000, 9000, 5000, OK, 1250}, {7000, 9000, 5000, STUCK, -1},
		    {8000, 5000, 5000, STUCK, -1},
		    {90000, 5000, 5000, STUCK, -1},
		    {90001, 5072, 5000, DOUBT, 2500},
		    {90100, 5072, 5012, OK, 625}}},
	    {"one that follows at once is forgiven, though never seen off "
	     "target",
		{{1000, 9000, 5000, OK, 1250}, {7000, 9000, 5000, STUCK, -1},
		    {8000, 5000, 5000, STUCK, -1}, {8100, 5072, 5072, OK, -1}}},
	    {"one on its target that falls off it has time again",
		{{1000, 5000, 5000, OK, -1}, {9000, 5000, 6000, OK, 1250}}},
	    {"who only stirs at every word is not forgiven for ever",
		{{1000, 0, 1 << 20, OK, 1250}, {6000, 0, 1 << 20, STUCK, -1},
		    {6100, 0, (1 << 20) - 20, OK, 2500},
		    {16100, 0, (1 << 20) - 20, STUCK, -1},
		    {16200, 0, (1 << 20) - 40, OK, 1250},
		    {26200, 0, (1 << 20) - 40, STUCK, -1},
		    {26300, 0, (1 << 20) - 8000, STUCK, -1},
		    {26400, 0, (1 << 20) - 9000, OK, 625}}},
	    {"the fast are missed soon",
		{{1000, 1 << 21, 0, OK, 1250}, {1100, 1 << 21, 102400, OK, 500},
		    {2000, 1 << 21, 102400, DOUBT, 1100},
		    {3100, 1 << 21, 102400, STUCK, -1}}},
	    {"the slow have time",
		{{1000, 1 << 21, 0, OK, 1250}, {2000, 1 << 21, 1000, OK, 5000},
		    {21999, 1 << 21, 1000, DOUBT, 1},
		    {22000, 1 << 21, 1000, STUCK, -1}}},
	    {"a speed is not learnt from crumbs",
		{{1000, 1 << 21, 0, OK, 1250}, {1020, 1 << 21, 8, OK, 1250},
		    {1040, 1 << 21, 2048, OK, 500}}},
	};
	struct bal_past past;
	struct bal_domain d = {.inaccuracy_kib = 4};
	const struct step *s;
	int64_t left_ms;
	size_t i, k;

	for (i = 0; i < N(rows); i++) {
		past = (struct bal_past){0};
		for (k = 0; k < STEPS && rows[i].step[k].ms != 0; k++) {
			s = &rows[i].step[k];
			d.target_kib = s->target_kib;
			d.actual_kib = s->actual_kib;
			left_ms = bal_watch(&past, &d, s->ms);
			cr_expect_eq(verdict(&past), s->told,
			    "%s: step %zu: %d", rows[i].sentence, k,
			    verdict(&past));
			cr_expect_eq(left_ms, s->left_ms, "%s: step %zu: %jd",
			    rows[i].sentence, k, (intmax_t)left_ms);
		}
	}
}

Test(bal_watch, hostile_numbers_do_not_trap)
{
	static const uint64_t odd[] = {
	    0, 1, 1ull << 53, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
	struct bal_past past = {0};
	struct bal_domain d;
	size_t i, k, m;
	int64_t now_ms = 1;

	for (i = 0; i < N(odd); i++)
		for (k = 0; k < N(odd); k++)
			for (m = 0; m < N(odd); m++) {
				d = (struct bal_domain){.target_kib = odd[i],
				    .actual_kib = odd[k],
				    .inaccuracy_kib = odd[m]};
				now_ms += (int64_t)(i * k * 500);
				cr_assert_leq(bal_watch(&past, &d, now_ms),
				    BAL_STUCK_MOST_MS);
			}
}
