/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_H
#define XEN_HV_H

/*
 * hv - the messages between the daemon and its hypervisor process
 *
 * The hypervisor side (hv_sim or hv_xen) is a process of its own.  It
 * listens on a Unix SOCK_SEQPACKET socket in the state directory; one message
 * is one packet: a struct hv_msg.  Facts come up, commands go down.
 *
 * After connecting the daemon sends HV_SYNC; the hypervisor answers HV_HELLO,
 * an HV_HOST for each host, an HV_DOMAIN for each domain (dom0 included), then
 * HV_SYNCED.  From then on every change of a host or domain sends that
 * message again, whole; of what changed together, the domains first and then
 * their host.  A domain that ends sends HV_GONE.  A command is
 * answered by one HV_RESULT, sent after the facts that it caused.  HV_MARK of
 * the nil uuid is how the daemon asks whether anybody is there.
 *
 * SET_RANGE and SET_TARGET keep the order of spec E.3: raising, maxmem first;
 * lowering, target first; maxmem follows the target, but for a domain without
 * a balloon driver it never falls and no target is written.  SET_RANGE with
 * target 0 leaves it where it is, or takes it down to dynamic_max: what a guest
 * lacks to a new dynamic_min is given when it is there, by who moves memory.
 *
 * Both ends treat the other as hostile: lengths, strings and enums are checked
 * by hv_msg_check before anything is read.
 *
 * Units: KiB.  Pages never leave xen/.
 */

#include <stdbool.h>
#include <stddef.h>

#include "xen/hv_command.h"
#include "xen/hv_stats.h"

#define HV_PROTOCOL 3

enum hv_type {
	/* up */
	HV_HELLO = 1,
	HV_HOST,
	HV_DOMAIN,
	HV_GONE,
	HV_SYNCED,
	HV_RESULT,
	HV_HEALTH,  /* what the process itself lacks; when that changes */
	HV_STATS,   /* readings of guests that are polled */
	HV_DIRTIED, /* how HV_DIRTY goes on: begun, an interval, the end */
	/* down */
	HV_SYNC = 64,
	HV_COMMAND,
	HV_QUIT, /* end at once (SIGTERM of the daemon) */
};

enum hv_end { HV_END_HALTED, HV_END_SUSPENDED, HV_END_MIGRATED };

#define HV_D_RUNNING 0x01u /* not paused */
#define HV_D_CONTROL 0x02u
#define HV_D_BALLOON 0x04u   /* its balloon driver is there */
#define HV_D_SUSPENDED 0x08u /* no domain: only a suspend image */
#define HV_D_UNCOOPERATIVE 0x10u
#define HV_D_AGENT 0x20u  /* its agent is there: booted even without balloon */
#define HV_D_RANGE 0x40u  /* dynamic_min and _max are its own, not defaults */
#define HV_D_OFFSET 0x80u /* offset_kib is known */

#define HV_H_HVM 0x01u
#define HV_H_SAMPLED 0x02u   /* boot_free_kib is good */
#define HV_H_ESTIMATED 0x04u /* ... but guests ran when it was made */
#define HV_H_SAMPLING 0x08u  /* ... or it is still being made */

#define HV_W_BUILDS 0x01u   /* can make domains: lifecycle verbs work */
#define HV_W_OBSERVES 0x02u /* another owns this memory: nothing is changed */

struct hv_hello {
	uint32_t protocol;
	uint32_t flags;	      /* HV_W_* */
	char backend[16];     /* "sim", "xen" */
	struct hv_uuid epoch; /* of this world (host boot) */
};

struct hv_host {
	struct hv_uuid uuid;
	char name[HV_NAME_BYTES];
	char address[64];
	uint64_t total_kib;   /* all of the machine's memory */
	uint64_t free_kib;    /* Xen's free pages, scrub excluded */
	uint64_t scrub_kib;   /* freed, not yet clean; usable all the same */
	uint64_t claimed_kib; /* of what is free: others are building with it */
	uint64_t boot_free_kib; /* free + scrub + dom0 before any guest ran */
	uint32_t cpus;
	uint32_t flags; /* HV_H_* */
};

struct hv_domain {
	struct hv_uuid host;
	struct hv_uuid uuid;
	int32_t domid;	/* -1 for a suspend image */
	uint32_t flags; /* HV_D_* */
	char name[HV_NAME_BYTES];
	char domain_type[16]; /* IDL spelling: hvm pv pv_in_pvh pvh */
	uint32_t vcpus;	      /* online */
	uint32_t vcpus_max;   /* it can have; 0: what is online is all */
	uint64_t actual_kib;  /* RAM pages it holds now (image: then) */
	uint64_t maxmem_kib;
	uint64_t target_kib;
	uint64_t dynamic_min_kib;
	uint64_t dynamic_max_kib;
	uint64_t static_max_kib;
	uint64_t shadow_kib;
	int64_t offset_kib; /* what actual is above target when it obeys */
};

struct hv_gone {
	struct hv_uuid host;
	struct hv_uuid uuid;
	int32_t domid;
	int32_t end; /* enum hv_end */
};

/* Empty text: all is well. */
struct hv_health {
	char text[HV_TEXT_BYTES];
};

struct hv_msg {
	uint32_t type;	/* enum hv_type */
	uint32_t bytes; /* of the whole packet */
	union {
		struct hv_hello hello;
		struct hv_host host;
		struct hv_domain domain;
		struct hv_gone gone;
		struct hv_command command;
		struct hv_result result;
		struct hv_health health;
		struct hv_stats stats;
		struct hv_dirtied dirtied;
	} u;
};

/*
 * hv_msg_bytes - packet length of a message type; 0 for an unknown type
 */
size_t hv_msg_bytes(uint32_t type);

/*
 * hv_msg_check - may this packet be read as what it says it is?
 *
 * in      m, n  the packet as received, in a whole struct hv_msg
 * returns false for a wrong length or type, an unterminated or non-UTF-8
 *         string, an enum out of range, an amount above 2^53 KiB
 */
bool hv_msg_check(const struct hv_msg *m, size_t n);

/*
 * hv_msg_init - an empty message of a type: all bytes zero but type and bytes
 */
void hv_msg_init(struct hv_msg *m, uint32_t type);

/*
 * hv_offset_kib - what a domain that is at rest holds above its target
 *
 * One that is far off is still on its way: that is no offset, and 0 (spec
 * E.2.4 would take it for one, and never get that memory back).
 */
int64_t hv_offset_kib(uint64_t actual_kib, uint64_t target_kib);

/*
 * hv_utf8_ok - are these n bytes valid UTF-8?
 */
bool hv_utf8_ok(const char *s, size_t n);

#endif
