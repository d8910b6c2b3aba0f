/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_BAL_H
#define MODEL_BAL_H

/*
 * bal - how memory is shared out between the guests of one host
 *
 * Snapshot in, plan out: no clock, no memory of its own beyond what the caller
 * keeps for each domain.  Every active guest gets the same fraction of its
 * dynamic range (spec E.3), in integers: target = min + floor(surplus x range
 * / sum of ranges), so that the sum of targets never exceeds what there is.
 *
 * Units: KiB; times in ms on any clock that does not go back.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BAL_RESERVED_KIB 73728ull /* never given away; spec D.7 */
#define BAL_STUCK_MS 5000	  /* no progress, when nothing is known */

enum bal_state {
	BAL_FIXED,    /* has no balloon driver, or has not booted */
	BAL_ACTIVE,   /* obeys, as far as is known */
	BAL_INACTIVE, /* has a driver, but is stuck or paused */
};

/* A domain as it was sampled, and what its past tells. */
struct bal_domain {
	uint64_t min_kib, max_kib; /* dynamic range */
	uint64_t target_kib;	   /* it has now */
	uint64_t actual_kib;	   /* less its offset */
	uint64_t inaccuracy_kib;   /* this near counts as there */
	enum bal_state state;
	uint64_t new_kib; /* out: the target that the plan gives it */
	bool selected;	  /* out: to be set now, in this phase */
};

enum bal_outcome {
	BAL_ADJUST,   /* set the selected targets, or wait for what moves */
	BAL_BALANCED, /* everybody is where he should be */
	BAL_FAILED,   /* nothing moves any more, and it is not enough */
};

struct bal_sums {
	uint64_t max_free_kib; /* free once every active guest is at its min */
	uint64_t surplus_kib;  /* to be shared out */
	uint64_t range_kib;    /* sum over active guests */
};

/*
 * bal_plan - the targets that share a host's memory out
 *
 * in      d[0..n)   sampled
 *         free_kib  what Xen could give now, net of what is promised elsewhere
 *         want_kib  to be left free, BAL_RESERVED_KIB included
 * out     d[].new_kib, selected; sums_out
 * returns BAL_ADJUST, BAL_BALANCED (all hit, free_kib >= want_kib) or
 *         BAL_FAILED
 * note    frees before it gives: while anyone must shrink, only those who must
 *         are selected
 * source  spec E.3, worked examples I.4
 */
enum bal_outcome bal_plan(struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, struct bal_sums *sums_out);

/* What is remembered of a domain between samples; zeroed: nothing. */
struct bal_past {
	uint64_t actual_kib, target_kib; /* last seen */
	int64_t seen_ms;		 /* when; 0: never */
	int64_t progress_ms; /* it last came nearer, or was on target */
	uint64_t kib_per_s;  /* its speed when it moves; 0: not known */
	bool stuck;
};

/*
 * bal_watch - note a sample; is the domain stuck?
 *
 * in      d       actual, target, inaccuracy
 *         now_ms  > 0
 * inout   past    its stuck says so; any progress forgives
 * returns ms until it will count as stuck if nothing moves; -1: it is on its
 *         target, or stuck already
 * note    how long it may stand still follows its own past speed; BAL_STUCK_MS
 *         when nothing is known
 */
int64_t bal_watch(
    struct bal_past *past, const struct bal_domain *d, int64_t now_ms);

#endif
