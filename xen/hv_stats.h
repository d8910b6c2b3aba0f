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

#endif
