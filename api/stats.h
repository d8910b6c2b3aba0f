/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_STATS_H
#define API_STATS_H

/*
 * stats - what guests say of their own memory, as last read
 *
 * Which VMs are polled, and how often, is in their records; the hypervisor
 * process does the asking.  Here it is told so, again after every start of a
 * domain or of the process, and the last reading of each VM is kept.  Readings
 * are in memory alone: they are no facts, and after a restart there are none.
 * Only VMs that are polled have a place here, so guests cannot make it grow.
 *
 * What a guest writes to is counted by the hypervisor process for a while, and
 * kept here in the same way, interval by interval (struct api_touched).
 *
 * Threads: any; a lock is held for a few instructions.
 * DIAGNOSTICS none.
 * BUGS a reading makes no event.
 */

#include "api/api.h"

struct api_stats;

/* Ids of the commands that tell the process whom to poll. */
#define API_STATS_ID (1ull << 62)

/*
 * api_stats_new, api_stats_free - nobody is polled; NULL: out of memory
 */
struct api_stats *api_stats_new(void);
void api_stats_free(struct api_stats **s);

/*
 * api_stats_hear - a fact that is in the records now
 *
 * in      interval_s  what the record of a domain's VM says; else 0
 */
void api_stats_hear(
    struct api_env *env, const struct hv_msg *m, int64_t interval_s);

/*
 * api_stats_note - readings came up
 */
void api_stats_note(struct api_stats *s, const struct hv_stats *readings);

/*
 * api_stats_set - a VM has a place from now on
 *
 * in      v      to find out whose places are not needed any more
 *         domid  of its domain, which was told; -1: tell it when there is one
 * returns false: out of memory; its readings are lost
 */
bool api_stats_set(struct api_stats *s, const struct fld_view *v,
    const struct hv_uuid *uuid, int32_t domid);

/*
 * api_stats_read - the last reading of a VM
 *
 * out     r_out  read_s 0 and all values -1 when there is none
 */
void api_stats_read(
    struct api_stats *s, const char *uuid, struct hv_reading *r_out);

/*
 * api_stats_memory - VM_guest_metrics.memory as the wire shows it
 *
 * in      rec  the VM_guest_metrics
 * returns a const struct idl_map *; NULL: arena full
 */
const void *api_stats_memory(struct api_env *env, const struct fld_view *v,
    const void *rec, struct arena *a);

/* ---- what guests write to ---- */

/* How the last count of a VM's writes went, or goes. */
struct api_touched {
	struct hv_dirtied said;		      /* all zero: there was none */
	int64_t started_s;		      /* since the epoch */
	uint64_t written_kib[HV_DIRTY_MAX_S]; /* said.n of them */
};

/*
 * api_stats_track - a VM's writes are going to be counted
 *
 * in      v  as for api_stats_set
 * returns false: out of memory, nobody would hear how it goes
 * note    says nothing yet: what was counted before stays until it begins
 */
bool api_stats_track(
    struct api_stats *s, const struct fld_view *v, const struct hv_uuid *uuid);

/*
 * api_stats_dirtied - a count goes on; who waits for that is woken
 * api_stats_lost - the hypervisor process has gone: no count goes on
 */
void api_stats_dirtied(struct api_env *env, const struct hv_dirtied *d);
void api_stats_lost(struct api_env *env);

/*
 * api_stats_touched - how a VM's last count went, or goes
 */
void api_stats_touched(
    struct api_stats *s, const struct hv_uuid *uuid, struct api_touched *t_out);

/*
 * api_stats_wakes - a ref that a call parks on to be woken when any count goes
 *         on
 */
const struct idl_ref *api_stats_wakes(const struct api_stats *s);

#endif
