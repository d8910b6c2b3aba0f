/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal_watch - who is stuck, by each one's own measure
 */

/* Model */
#include "model/bal.h"

#define STRETCH_KIB 65536 /* to move this, one may take what it ever took */
#define LEARN_KIB 1024	  /* a first speed is learnt from this much, */
#define LEARN_MS 1000	  /* later ones from what was moved in this time */
#define RELAPSES_FREE 3	  /* so often any progress forgives; then only */
#define RELAPSE_KIB 1024  /* this, doubled with each */
#define RELAPSES_MOST 30

/* side - is it to grow (1), to shrink (-1), or there? */
static int
side(uint64_t at_kib, uint64_t target_kib, uint64_t inaccuracy_kib)
{
	if (at_kib < target_kib)
		return target_kib - at_kib > inaccuracy_kib ? 1 : 0;
	return at_kib - target_kib > inaccuracy_kib ? -1 : 0;
}

/* patience_ms - how long one of that speed may stand still */
static int32_t
patience_ms(uint64_t kib_per_s)
{
	uint64_t ms = STRETCH_KIB * 1000ull / kib_per_s;

	if (ms < BAL_STUCK_LEAST_MS)
		return BAL_STUCK_LEAST_MS;
	return ms > BAL_STUCK_MOST_MS ? BAL_STUCK_MOST_MS : (int32_t)ms;
}

/* restart - from here on it is on time, and its speed is measured anew */
static void
restart(struct bal_past *past, uint64_t actual_kib, int64_t now_ms)
{
	past->actual_kib = past->run_kib = actual_kib;
	past->progress_ms = past->run_ms = now_ms;
}

/* learn - its speed, once a stretch is long enough to tell */
static void
learn(struct bal_past *past, uint64_t actual_kib, int64_t now_ms)
{
	uint64_t moved, ms = (uint64_t)(now_ms - past->run_ms), speed;

	moved = actual_kib > past->run_kib ? actual_kib - past->run_kib
					   : past->run_kib - actual_kib;
	if (ms < LEARN_MS &&
	    (ms == 0 || moved < LEARN_KIB || past->kib_per_s != 0))
		return;
	if (moved > UINT64_MAX / 4000)
		moved = UINT64_MAX / 4000;
	speed = moved * 1000 / ms;
	if (past->kib_per_s != 0)
		speed = (past->kib_per_s * 3 + speed) / 4;
	past->kib_per_s = speed != 0 ? speed : 1;
	past->limit_ms = patience_ms(past->kib_per_s);
	past->run_kib = actual_kib;
	past->run_ms = now_ms;
}

/*
 * has_advanced - nearer to the target than ever for this request
 *
 * From one that got stuck again and again a little is not enough: it may stir
 * at every word, and stop.
 */
static bool
has_advanced(const struct bal_past *past, const struct bal_domain *d, int asked)
{
	uint64_t least = d->inaccuracy_kib;

	if (past->stuck && past->relapses >= RELAPSES_FREE &&
	    least < (uint64_t)RELAPSE_KIB << past->relapses)
		least = (uint64_t)RELAPSE_KIB << past->relapses;
	return asked != 0 &&
	       side(past->actual_kib, d->actual_kib, least) == asked;
}

/* limit_ms - how long it may stand still; shorter after each relapse */
static int64_t
limit_ms(const struct bal_past *past)
{
	int64_t ms = past->limit_ms;

	ms >>= past->relapses < RELAPSES_FREE ? past->relapses : RELAPSES_FREE;
	return ms > BAL_STUCK_LEAST_MS ? ms : BAL_STUCK_LEAST_MS;
}

/* judge - by how long it has stood still; as bal_watch returns */
static int64_t
judge(struct bal_past *past, int64_t now_ms)
{
	int64_t limit = limit_ms(past), still_ms = now_ms - past->progress_ms;

	if (still_ms >= limit / 4)
		past->doubtful = true;
	if (still_ms >= limit && !past->stuck) {
		past->stuck = true;
		if (past->relapses < RELAPSES_MOST)
			past->relapses++;
	}
	if (past->stuck)
		return -1;
	return (past->doubtful ? limit : limit / 4) - still_ms;
}

int64_t
bal_watch(struct bal_past *past, const struct bal_domain *d, int64_t now_ms)
{
	int before, asked, after;

	if (past->seen_ms == 0) {
		restart(past, d->actual_kib, now_ms);
		past->target_kib = d->target_kib;
		past->limit_ms = BAL_STUCK_MS;
	}
	before = side(past->actual_kib, past->target_kib, d->inaccuracy_kib);
	asked = side(past->actual_kib, d->target_kib, d->inaccuracy_kib);
	after = side(d->actual_kib, d->target_kib, d->inaccuracy_kib);
	past->seen_ms = now_ms;
	past->target_kib = d->target_kib;
	if ((asked == before || before == 0) && has_advanced(past, d, asked)) {
		learn(past, d->actual_kib, now_ms);
		past->actual_kib = d->actual_kib;
		past->progress_ms = now_ms;
		past->stuck = past->doubtful = false;
	}
	if (after == 0) {
		restart(past, d->actual_kib, now_ms);
		past->doubtful = false;
		if (!past->stuck)
			past->relapses = 0;
		return -1;
	}
	if (after != before || asked != before) {
		restart(past, d->actual_kib, now_ms);
		past->doubtful |= past->stuck;
		past->stuck = false;
	}
	return judge(past, now_ms);
}
