/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_COMMAND_H
#define XEN_HV_COMMAND_H

/*
 * hv_command - what a hypervisor process can be told, and what it answers
 *
 * A part of hv.h, which says how it travels.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdint.h>

#define HV_NAME_BYTES 256
#define HV_BEHAVIOUR_BYTES 256
#define HV_TEXT_BYTES 256
#define HV_SECONDS_MAX 86400u
#define HV_DIRTY_MAX_S 60u /* writes are logged no longer, but for stalls */

struct hv_uuid {
	uint64_t hi, lo; /* same layout as struct idl_ref */
};

enum hv_verb {
	HV_BUILD = 1,	 /* make and start a domain */
	HV_RESTORE,	 /* the same from a suspend image */
	HV_SHUTDOWN,	 /* ask the guest */
	HV_DESTROY,	 /* do not ask */
	HV_CLEAN_REBOOT, /* the domain restarts in place, new domid */
	HV_HARD_REBOOT,
	HV_PAUSE,
	HV_UNPAUSE,
	HV_SUSPEND,
	HV_MIGRATE,   /* to host dest */
	HV_SET_RANGE, /* dynamic_min/max, target, maxmem in a safe order */
	HV_SET_SHADOW,
	HV_SET_VCPUS,
	HV_FORGET,     /* drop a suspend image (VM destroyed) */
	HV_SET_TARGET, /* target alone; maxmem in a safe order, see below */
	HV_SET_MAXMEM, /* maxmem alone */
	HV_SET_OFFSET, /* memory-offset, once calibrated */
	HV_MARK,       /* flag: the domain is uncooperative, or not */
	HV_CLAIM,      /* pages for a domain that is being built; 0: none */
	HV_POLL,       /* ask the guest for statistics every seconds; 0: no */
	HV_DIRTY,      /* count what it writes for seconds; 0: no more */
};

enum hv_status {
	HV_OK,
	HV_NO_MEMORY, /* needed_kib, free_kib say how far */
	HV_NO_DOMAIN,
	HV_NO_HOST,
	HV_REFUSED,	/* text says why */
	HV_UNSUPPORTED, /* this hypervisor process cannot do that */
	HV_BUSY,	/* somebody else does it to that domain */
	HV_LOST,	/* made by the link: the process went away */
};

struct hv_command {
	uint64_t id; /* chosen by the daemon, echoed in the result */
	int32_t verb;
	int32_t domid; /* informative; uuid decides */
	struct hv_uuid host;
	struct hv_uuid uuid;
	struct hv_uuid dest;		    /* MIGRATE */
	char name[HV_NAME_BYTES];	    /* BUILD, RESTORE */
	char behaviour[HV_BEHAVIOUR_BYTES]; /* simulator only; see hv_sim.h */
	char domain_type[16];
	uint32_t vcpus;
	uint32_t paused; /* BUILD, RESTORE: leave paused */
	uint64_t static_max_kib;
	uint64_t dynamic_min_kib;
	uint64_t dynamic_max_kib;
	uint64_t target_kib;
	uint64_t shadow_kib;   /* BUILD, RESTORE, SET_SHADOW */
	uint64_t overhead_kib; /* beside the guest's RAM, shadow included */
	uint64_t maxmem_kib;   /* SET_MAXMEM; without Xen's own extra */
	uint64_t claim_kib;    /* CLAIM: all that the domain will have */
	int64_t offset_kib;    /* SET_OFFSET */
	uint32_t flag;	       /* MARK */
	uint32_t seconds;      /* POLL, DIRTY */
	uint32_t interval_s;   /* DIRTY: 1 .. seconds */
};

struct hv_result {
	uint64_t id;
	int32_t status; /* enum hv_status */
	int32_t domid;
	uint64_t needed_kib;
	uint64_t free_kib;
	char text[HV_TEXT_BYTES];
};

#endif
