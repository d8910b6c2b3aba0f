/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_COUNT_H
#define XEN_HV_XEN_COUNT_H

/*
 * hv_xen_count - what guests of a Xen host write to
 *
 * That is counted by Xen's log-dirty mode, which slows the guest: one count per
 * domain, for a bounded time, and no longer than there is a daemon to hear of
 * it.  While it is on there is a mark in xenstore, so that the next process
 * ends it if this one is killed.
 *
 * DIAGNOSTICS none.
 * BUGS a migration by others that begins while writes are counted takes the log
 * over, and the end of the count ends it.  For a PV guest Xen takes shadow
 * memory from what is free on the host (1 MiB for one of 128 MiB) and gives it
 * back at the end, but for four pages that stay with the domain.
 */

#include "xen/hv_xen_priv.h"

/*
 * hv_xen_count_open - counts that were left on are ended
 * hv_xen_count_close - nothing is counted any more, and nobody is told
 */
void hv_xen_count_open(struct hv_xen *x);
void hv_xen_count_close(struct hv_xen *x);

/*
 * hv_xen_count - HV_DIRTY: begin a count, or end it
 */
void hv_xen_count(struct hv_xen *x, struct hv_xen_dom *d,
    const struct hv_command *c, struct hv_result *r_out);

/*
 * hv_xen_count_drop - a domain has gone
 */
void hv_xen_count_drop(struct hv_xen *x, struct hv_xen_dom *d);

/*
 * hv_xen_count_step - intervals that have ended are told
 * hv_xen_count_next_ms - ms until it needs a step; UINT64_MAX: never
 */
void hv_xen_count_step(struct hv_xen *x);
uint64_t hv_xen_count_next_ms(const struct hv_xen *x);

#endif
