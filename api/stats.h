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

#endif
