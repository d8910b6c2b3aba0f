/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_GST_H
#define XEN_GST_H

/*
 * gst - guests are asked what they know of their own memory
 *
 * The half of the statistics that a hypervisor process does, the same for Xen
 * and for the simulator: who is to be asked when, and what may be believed of
 * an answer.  A domain is asked with a growing number; only an answer to that
 * number counts, once.  It is asked again an interval after it has answered: a
 * guest that never answers is never asked again and costs nothing.
 *
 * Everything a guest says is hostile: an unknown tag, a value that is no
 * number from 0 to 2^63-1, a line that is too long or was not asked for is
 * ignored and counted, and takes no memory.
 *
 * Threads: one at a time.
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xen/hv_stats.h"

#define GST_LINE_BYTES 1024 /* longest answer that is looked at */

/*
 * gst_tag_name - a tag of a reading as guests and clients spell it
 */
const char *gst_tag_name(enum hv_stat tag);

/*
 * gst_parse - a guest's answer
 *
 * in      line, n   "tag=value" pairs and "request=<n>", separated by blanks
 * out     r         value[] of what it says, -1 for what not; ignored is
 *                   raised by what was thrown away; the rest as it was
 *         request_out  0: none, or not a number
 * returns false: too long, nothing of it was read
 */
bool gst_parse(
    const char *line, size_t n, struct hv_reading *r, uint64_t *request_out);

/*
 * gst_used_kib - what a guest uses, by one reading: its total less what it
 *         could give; -1: it does not say, or what cannot be
 */
int64_t gst_used_kib(const struct hv_reading *r);

/* ---- who is asked when ---- */

struct gst_poll;

/* A domain that is to be asked now. */
struct gst_due {
	struct hv_uuid uuid;
	uint64_t request; /* 1 .. 2^63-1 */
};

/*
 * gst_poll_new, gst_poll_free - nobody is asked; free takes NULL
 *
 * in      base  requests are numbered from there on: more than those of an
 *         earlier poller, which a guest may still know
 * errors  NULL: out of memory
 */
struct gst_poll *gst_poll_new(uint64_t base);
void gst_poll_free(struct gst_poll **p);

/*
 * gst_poll_set - ask a domain every interval_s from now on; 0: no more
 *
 * note    setting it anew asks anew, even one that has never answered
 * errors  false: out of memory; as it was
 */
bool gst_poll_set(struct gst_poll *p, const struct hv_uuid *uuid,
    uint32_t interval_s, int64_t now_ms);

/*
 * gst_poll_next_ms - ms until somebody is to be asked; -1: nobody
 */
int64_t gst_poll_next_ms(const struct gst_poll *p, int64_t now_ms);

/*
 * gst_poll_due - one that is to be asked now; false: nobody (left)
 */
bool gst_poll_due(struct gst_poll *p, int64_t now_ms, struct gst_due *due_out);

/*
 * gst_poll_answer - a domain said something
 *
 * in      wall_s  the host's clock
 * out     r_out   a whole reading, when it was an answer
 * returns false: it was not; counted
 */
bool gst_poll_answer(struct gst_poll *p, const struct hv_uuid *uuid,
    const char *line, size_t n, int64_t now_ms, int64_t wall_s,
    struct hv_reading *r_out);

#endif
