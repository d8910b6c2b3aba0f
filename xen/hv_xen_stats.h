/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_STATS_H
#define XEN_HV_XEN_STATS_H

/*
 * hv_xen_stats - what guests of a Xen host say of their memory
 *
 * A guest is asked by a number in its control/memory-stats-request and answers
 * in data/memory-stats (xen/agent/agt.h).  A guest without our agent may have
 * another that tells some of it unasked, in data/meminfo_total and _free, or
 * memory/meminfo: then that is its answer.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "xen/hv_xen_priv.h"

/*
 * hv_xen_stats_open, hv_xen_stats_close - nobody is asked
 *
 * errors  false: out of memory
 */
bool hv_xen_stats_open(struct hv_xen *x);
void hv_xen_stats_close(struct hv_xen *x);

/*
 * hv_xen_stats_poll - HV_POLL; an enum hv_status
 */
int32_t hv_xen_stats_poll(
    struct hv_xen *x, struct hv_xen_dom *d, uint32_t interval_s);

/*
 * hv_xen_stats_heard - was this a watch of ours?  Its domain has answered
 */
bool hv_xen_stats_heard(struct hv_xen *x, const char *token);

/*
 * hv_xen_stats_lost - the connection to xenstored is new: no watch is left
 * hv_xen_stats_drop - a domain has gone
 */
void hv_xen_stats_lost(struct hv_xen *x);
void hv_xen_stats_drop(struct hv_xen *x, struct hv_xen_dom *d);

/*
 * hv_xen_stats_step - read answers, ask who is due
 * hv_xen_stats_next_ms - ms until it needs a step; UINT64_MAX: never
 */
void hv_xen_stats_step(struct hv_xen *x);
uint64_t hv_xen_stats_next_ms(const struct hv_xen *x);

#endif
