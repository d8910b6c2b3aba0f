/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_DIRTY_H
#define XEN_HV_DIRTY_H

/*
 * hv_dirty - what a guest writes to, counted in intervals
 *
 * The two things that every hypervisor process needs for HV_DIRTY: when the
 * next interval ends and what is said of it, and, where the hypervisor tells
 * the pages of one interval alone, a bitmap of those that were ever written.
 *
 * An interval ends at a whole number of interval_s after the beginning, the
 * last one when the time is over, so it may be shorter.  Who comes so late for
 * an end that the next has passed as well moves all that follows, so that no
 * number is of two intervals: there are as many as were asked for.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xen/hv.h"

/* One count of one domain; all zero: none yet. */
struct hv_dirty {
	struct hv_dirtied said; /* last; is_on: it is under way */
	uint64_t next_ms;	/* the end of this interval */
	uint64_t end_ms;	/* of the last */
};

/*
 * hv_dirty_begin - a count begins now; said is to be sent
 */
void hv_dirty_begin(struct hv_dirty *d, const struct hv_command *c,
    int32_t domid, uint64_t now_ms);

/*
 * hv_dirty_left_ms - until this interval ends; 0: it has; UINT64_MAX: no count
 */
uint64_t hv_dirty_left_ms(const struct hv_dirty *d, uint64_t now_ms);

/*
 * hv_dirty_note - an interval has ended; said is to be sent
 *
 * in      written_kib  in this interval
 *         ever_kib     since the beginning; less than before counts as before
 * note    with the last one said.is_on is 0
 */
void hv_dirty_note(struct hv_dirty *d, uint64_t now_ms, uint64_t written_kib,
    uint64_t ever_kib);

/*
 * hv_dirty_shift - what is left begins so much later
 */
void hv_dirty_shift(struct hv_dirty *d, uint64_t ms);

/*
 * hv_dirty_end - the count ends early; said is to be sent
 */
void hv_dirty_end(struct hv_dirty *d, enum hv_status status);

/* Pages by their number in the guest: bit n % 64 of word n / 64. */
struct hv_dirty_map {
	uint64_t *ever; /* NULL: none */
	size_t words;
	uint64_t ever_pages; /* bits that are set */
};

/*
 * hv_dirty_map_init - nothing was ever written; 32 KiB for each GiB
 * hv_dirty_map_fini - all zero is fine
 *
 * errors  false: out of memory
 */
bool hv_dirty_map_init(struct hv_dirty_map *m, uint64_t pages);
void hv_dirty_map_fini(struct hv_dirty_map *m);

/*
 * hv_dirty_map_add - what was written in one more interval
 *
 * in      written[0..m->words)
 * out     m  ever_pages too
 * returns pages that were written in it
 */
uint64_t hv_dirty_map_add(struct hv_dirty_map *m, const uint64_t *written);

#endif
