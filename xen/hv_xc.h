/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XC_H
#define XEN_HV_XC_H

/*
 * hv_xc - what we ask of the hypervisor itself, libxenctrl kept behind it
 *
 * One question is one struct hv_xc_call, answered by one function: the library
 * (hv_xc_lib.c, in the product), or a table of domains (in tests).  It is plain
 * data, so that a thread can do it with a time limit (hv_timed.h).
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "xen/hv.h"

#define HV_XC_DOMAINS_MAX 64 /* in one answer */

enum hv_xc_what {
	HV_XC_HOST = 1,	   /* -> host */
	HV_XC_DOMAINS,	   /* from domid on -> domain[0..n), by domid */
	HV_XC_SHADOW,	   /* domid -> amount, KiB */
	HV_XC_SET_SHADOW,  /* domid, amount: MiB */
	HV_XC_SET_MAXMEM,  /* domid, amount: KiB */
	HV_XC_CLAIM,	   /* domid, amount: pages, those it has included */
	HV_XC_PAUSE,	   /* domid */
	HV_XC_UNPAUSE,	   /* domid */
	HV_XC_DIRTY_ON,	   /* domid, amount: pages to log at most; it begins */
	HV_XC_DIRTY_COUNT, /* domid -> amount: pages written since the last one
			    * of these; ever: since it is on */
	HV_XC_DIRTY_OFF,   /* domid */
};

#define HV_XC_H_HVM 0x01u /* hardware virtualisation can be used */

struct hv_xc_host {
	uint64_t total_pages;
	uint64_t free_pages; /* scrub excluded */
	uint64_t scrub_pages;
	uint64_t claimed_pages; /* of those, for domains being built */
	uint32_t cpus;
	uint32_t flags; /* HV_XC_H_* */
};

#define HV_XC_D_HVM 0x01u     /* it is not PV */
#define HV_XC_D_DEVICES 0x02u /* ... and has an emulated machine's devices */
#define HV_XC_D_PAUSED 0x04u
#define HV_XC_D_DYING 0x08u
#define HV_XC_D_SHUTDOWN 0x10u /* its guest has ended, or crashed */

struct hv_xc_domain {
	uint32_t domid;
	uint32_t flags;	     /* HV_XC_D_* */
	struct hv_uuid uuid; /* its handle; dom0's is often null */
	uint64_t pages;	     /* RAM it holds */
	uint64_t max_pages;
	uint32_t vcpus;	    /* online */
	uint32_t vcpus_max; /* it can have */
};

struct hv_xc_call {
	int32_t what; /* enum hv_xc_what */
	uint32_t domid;
	uint64_t amount;
	uint64_t ever;
	int32_t error; /* out: 0 or an errno */
	uint32_t n;
	struct hv_xc_host host;
	struct hv_xc_domain domain[HV_XC_DOMAINS_MAX];
};

/* Who answers. */
struct hv_xc {
	/* ctx is the first argument, a struct hv_xc_call * the second. */
	void (*call)(void *ctx, void *call);
	void *ctx;
};

/*
 * hv_xc_lib_open - the hypervisor through libxenctrl
 *
 * out     xc_out    for one thread at a time; lives as long as the process
 *         why, why_bytes  when it fails: one sentence, what is missing and how
 *         to get it
 * returns 0, or -1
 */
int hv_xc_lib_open(struct hv_xc *xc_out, char *why, size_t why_bytes);

#endif
