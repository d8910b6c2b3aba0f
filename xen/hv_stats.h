/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_STATS_H
#define XEN_HV_STATS_H

/*
 * hv_stats - what guests say of their own memory, on its way to the daemon
 *
 * A part of hv.h.  Readings of several guests travel in one message: ten
 * thousand of them must cost next to nothing.  They never become facts: a
 * guest may say what it likes, and nothing is stored of it.
 *
 * What a guest writes to is counted by the hypervisor instead.  HV_DIRTY is
 * answered when that has begun; the rest is told by HV_DIRTIED: once before the
 * answer with n 0, then at the end of each interval, the last of them with the
 * log off.  If it ends early the last one may repeat n, and says why.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdint.h>

#include "xen/hv_command.h"

/* What a guest alone knows; the order in a reading. */
enum hv_stat {
	HV_STAT_SWAP_IN,	 /* bytes since boot */
	HV_STAT_SWAP_OUT,	 /* bytes since boot */
	HV_STAT_MAJOR_FAULTS,	 /* count */
	HV_STAT_MINOR_FAULTS,	 /* count */
	HV_STAT_FREE,		 /* bytes */
	HV_STAT_TOTAL,		 /* bytes */
	HV_STAT_AVAILABLE,	 /* bytes */
	HV_STAT_DISK_CACHES,	 /* bytes */
	HV_STAT_HUGETLB_PGALLOC, /* count */
	HV_STAT_HUGETLB_PGFAIL,	 /* count */
	HV_STATS_GUEST,
};

/* One answer of one guest. */
struct hv_reading {
	struct hv_uuid uuid;
	int64_t read_s;		       /* the host's clock, when it came */
	int64_t value[HV_STATS_GUEST]; /* 0 .. 2^63-1; -1: not said */
	uint64_t ignored; /* of what it said, thrown away since it was polled */
};

#define HV_READINGS 8 /* in one message */

struct hv_stats {
	uint32_t n; /* 1 .. HV_READINGS */
	uint32_t pad;
	struct hv_reading reading[HV_READINGS];
};

struct hv_dirtied {
	struct hv_uuid uuid;
	uint64_t id; /* of the HV_DIRTY that began it */
	int32_t domid;
	int32_t status;	  /* enum hv_status; not HV_OK: why it has ended */
	uint32_t is_on;	  /* the log is on: more will come */
	uint32_t n;	  /* intervals so far, 0 .. HV_DIRTY_MAX_S */
	uint32_t seconds; /* as it was told */
	uint32_t interval_s;
	uint32_t pad;
	uint64_t written_kib; /* in the last of them */
	uint64_t ever_kib;    /* since the log is on, each page once */
};

#endif
