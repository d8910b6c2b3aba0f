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
 * A guest that does not obey is asked for the same fraction, but nothing is
 * counted on it: what it should give is not given to others, and what it
 * should get is offered in steps of BAL_KNOCK_KIB only.  So one that recovers
 * shows it by moving, and one that does not never makes the others move.
 *
 * Units: KiB; times in ms on any clock that does not go back.  Any value is
 * allowed anywhere; sums are 128 bits wide.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BAL_RESERVED_KIB 73728ull /* never given away; spec D.7 */
#define BAL_KNOCK_KIB 64ull	  /* offered to one that does not move */
#define BAL_STEP_KIB 16384ull	  /* a step up that is worth telling */
#define BAL_STUCK_MS 5000	  /* no progress, when nothing is known */
#define BAL_STUCK_LEAST_MS 2000	  /* the same, for the fastest */
#define BAL_STUCK_MOST_MS 20000	  /* and the slowest */

enum bal_state {
	BAL_FIXED,    /* has no balloon driver, or has not booted */
	BAL_ACTIVE,   /* obeys, as far as is known */
	BAL_INACTIVE, /* has a driver, but is stuck or paused */
	BAL_DOUBTFUL, /* stands still, though not for long enough to be stuck:
			 INACTIVE where the others suffice, else ACTIVE */
};

/* A domain as it was sampled, and what its past tells. */
struct bal_domain {
	uint64_t min_kib, max_kib; /* dynamic range */
	uint64_t target_kib;	   /* it has now */
	uint64_t actual_kib;	   /* less its offset */
	uint64_t inaccuracy_kib;   /* this near counts as there */
	uint64_t comfort_kib; /* it says it needs so much; 0: it says nothing */
	enum bal_state state;
	bool selected;	  /* out: to be set now, in this phase: */
	uint64_t new_kib; /* out: this target */
	uint64_t aim_kib; /* out: where it is to be in the end */
};

enum bal_outcome {
	BAL_ADJUST,   /* set the selected targets, or wait for what moves */
	BAL_BALANCED, /* everybody is where he should be */
	BAL_FAILED,   /* nothing moves any more, and it is not enough */
};

struct bal_sums {
	uint64_t max_free_kib; /* free once every active guest is at its min */
	uint64_t all_free_kib; /* once the inactive ones are, too */
	uint64_t surplus_kib;  /* to be shared out */
	uint64_t range_kib;    /* sum over active guests */
	uint64_t growth_kib;   /* some are on their way up by so much: it is
				  free still, but not to be had */
};

/*
 * bal_plan - the targets that share a host's memory out
 *
 * in      d[0..n)   sampled
 *         free_kib  what Xen could give now, net of what is promised elsewhere
 *         want_kib  to be left free, BAL_RESERVED_KIB included
 * out     d[].aim_kib (its target again for BAL_FIXED), new_kib, selected;
 *         sums_out
 * returns BAL_ADJUST, BAL_BALANCED (all hit, free_kib >= want_kib) or
 *         BAL_FAILED
 * note    new_kib means something where selected only; it is aim_kib, down to
 *         whole pages, because guests round up
 * note    frees before it gives: while anyone must shrink, the others get a
 *         part of what is free beyond want_kib already, in steps of an eighth
 *         of what each lacks or BAL_STEP_KIB
 * note    when all stand at their targets and want_kib is free, differences
 *         within everybody's inaccuracy are left alone: no drift
 * note    a guest below its min is owed the rest: it comes before others'
 *         surplus (the reference forgets it and promises more than there is)
 * note    what guests with a comfort_kib would get together, each by its range,
 *         is shared out among them by need: first each up to its comfort, the
 *         rest by what is left of their ranges; nobody else gets more or less
 * source  spec E.3, worked examples I.4
 */
enum bal_outcome bal_plan(struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, struct bal_sums *sums_out);

/*
 * bal_comfort - what a guest needs so as not to swap, as it says itself
 *
 * in      used_kib  its total less what it says it could give, of one reading:
 *         what it has now may be more or less by far; less than 0: says nothing
 * returns what it uses and three tenths more; 0: it says nothing
 * source  guest-stats 6 (Qubes keeps 1.3 times what is used)
 */
uint64_t bal_comfort(int64_t used_kib);

/*
 * bal_ideal - what a guest that is not there yet would get in equilibrium
 *
 * in      as bal_plan; min_kib, max_kib  its dynamic range
 * returns its target beside the others', in [min, max]; min when not even that
 *         is to be had
 * source  spec E.3, reserve_memory_range; its min is taken off first, so that
 *         nothing has to move again when it comes
 */
uint64_t bal_ideal(const struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, uint64_t min_kib, uint64_t max_kib);

/* What is remembered of a domain between samples; zeroed: nothing. */
struct bal_past {
	uint64_t actual_kib;  /* nearest that it came, for this request */
	uint64_t target_kib;  /* last seen */
	int64_t seen_ms;      /* when; 0: never */
	int64_t progress_ms;  /* it last came nearer, or was on target */
	uint64_t run_kib;     /* where its speed is being measured from */
	int64_t run_ms;	      /* and when that was */
	uint64_t kib_per_s;   /* its speed when it moves; 0: not known */
	int32_t limit_ms;     /* how long it may stand still, by its speed */
	bool stuck, doubtful; /* BAL_INACTIVE, BAL_DOUBTFUL */
	uint8_t relapses;     /* it got stuck so often without arriving */
};

/*
 * bal_watch - note a sample; is the domain stuck?
 *
 * in      d       actual, target, inaccuracy
 *         now_ms  > 0
 * inout   past    its stuck and doubtful say so; progress forgives
 * returns ms until one of them becomes true if nothing moves; -1: it is on its
 *         target, or stuck already
 * note    how long it may stand still follows its own past speed (the time
 *         for 64 MiB, within the limits above); BAL_STUCK_MS when nothing is
 *         known; a quarter of it makes it doubtful; half as long with each
 *         relapse, and from the third on it takes more than a little progress
 *         to be forgiven: some only stir at every word
 * note    being on a target that came to meet it does not forgive; a request
 *         in another direction gives a new chance, as doubtful
 */
int64_t bal_watch(
    struct bal_past *past, const struct bal_domain *d, int64_t now_ms);

#endif
