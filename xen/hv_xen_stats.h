/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_STATS_H
#define XEN_HV_XEN_STATS_H

/*
 * hv_xen_stats - what guests of a Xen host say of their memory, and write to it
 *
 * A guest is asked by a number in its control/memory-stats-request and answers
 * in data/memory-stats (xen/agent/agt.h).  A guest without our agent may have
 * another that tells some of it unasked, in data/meminfo_total and _free, or
 * memory/meminfo: then that is its answer.
 *
 * What a guest writes is counted by Xen's log-dirty mode, which slows the
 * guest: one count per domain, for a bounded time, and a mark in xenstore while
 * it is on, so that the next process ends it if this one is killed.
 *
 * DIAGNOSTICS none.
 * BUGS a migration by others that begins while writes are counted takes the log
 * over, and the end of the count ends it.
 */

#include "xen/hv_xen_priv.h"

/*
 * hv_xen_stats_open - nobody is asked; counts that were left on are ended
 * hv_xen_stats_close - what is counted is counted no more
 *
 * errors  false: out of memory
 */
bool hv_xen_stats_open(struct hv_xen *x);
void hv_xen_stats_close(struct hv_xen *x);

/*
 * hv_xen_stats_poll - HV_POLL; an enum hv_status
 * hv_xen_stats_count - HV_DIRTY begins; HV_OK: its end will answer it
 */
int32_t hv_xen_stats_poll(
    struct hv_xen *x, struct hv_xen_dom *d, uint32_t interval_s);
int32_t hv_xen_stats_count(struct hv_xen *x, struct hv_xen_dom *d,
    const struct hv_command *c, struct hv_result *r);

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
 * hv_xen_stats_step - read answers, ask who is due, end counts
 * hv_xen_stats_next_ms - ms until it needs a step; UINT64_MAX: never
 */
void hv_xen_stats_step(struct hv_xen *x);
uint64_t hv_xen_stats_next_ms(const struct hv_xen *x);

#endif
