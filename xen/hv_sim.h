/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_SIM_H
#define XEN_HV_SIM_H

/*
 * hv_sim - a simulated world of Xen hosts behind the messages of hv.h
 *
 * Hosts have real page arithmetic.  At every moment, for every host,
 *
 *   total = xen + sum over domains (RAM + overhead pages) + free + scrub
 *
 * Pages that are given back are scrubbed first, at the host's rate (at once by
 * default); pages still to be scrubbed can be used all the same, as in Xen,
 * and are taken last.  Dom0 is a domain with id 0 and no overhead of its own.
 *
 * Guests boot and balloon at once, by default, and are asked in vain only
 * where a test wants it.  hv_command.behaviour (VM.other_config:sim) is a list
 * of words separated by spaces:
 *
 *   boot_ms=N      has no balloon driver and does not hear requests until then
 *   rate_kib_s=N   balloons at this speed
 *   limit_kib=N    refuses to go below
 *   offset_kib=N   has so much more than its target says
 *   growing        takes all that maxmem lets it have, and gives nothing back
 *   lying          begins to shrink whenever it is told to, stops after 1 MiB
 *   stuck          never balloons
 *   stuck_ms=A/B   stuck for A out of every B ms, from its start on
 *   no_balloon     has no balloon driver at all
 *   vanish_ms=N    dies after
 *   shutdown_ms=N  takes so long to shut down or reboot when asked to
 *   deaf           never does what it is asked to (shutdown, reboot)
 *   used_kib=N     its programs need so much: it swaps when it has less
 *   wss_kib=N      it writes to so much of its memory, over and over
 *   walk_kib_s=N   ... and the place moves so much every second
 *   silent         has no agent that tells statistics
 *   lies           tells statistics that cannot be
 *
 * Guest time stands still while the domain is paused.  A guest is uncooperative
 * when it was marked so (HV_MARK).  Guests only grow into memory that is there,
 * and never above maxmem.
 *
 * The clock is virtual, in ms, and moves only by hv_sim_step.
 *
 * Threads: every function may be called from any thread.
 *
 * DIAGNOSTICS none; refusals are sentences in hv_result.text.
 * BUGS suspend images are kept by the world, not by a host's storage: they
 * go with it.  Migration and building take no time, so HV_CLAIM only says
 * whether there is room.
 */

#include "xen/hv.h"
#include "xen/hv_link.h"

/* A host as it is when the world begins. */
struct hv_sim_host {
	struct hv_uuid uuid; /* zero: made from the name */
	char name[HV_NAME_BYTES];
	char address[64];
	uint64_t memory_kib;  /* all of the machine's */
	uint64_t dom0_kib;    /* RAM of dom0 */
	uint64_t xen_kib;     /* Xen's own; 0: 32 MiB and 1/128 of memory */
	uint64_t scrub_kib_s; /* speed of scrubbing; 0: at once */
	uint32_t cpus;
	uint32_t dom0_vcpus;
	uint32_t flags; /* HV_H_HVM */
};

struct hv_sim;

/*
 * hv_sim_host_init - the host that is meant when nothing is said
 *
 * out     h  "sim": 64 GiB, 1 GiB and 4 vCPUs in dom0, 16 cpus, hvm
 */
void hv_sim_host_init(struct hv_sim_host *h);

/*
 * hv_sim_host_check - can such a host be?
 *
 * returns true, or false with a sentence in text
 */
bool hv_sim_host_check(const struct hv_sim_host *h, char *text, size_t bytes);

/*
 * hv_sim_new - a world with a new epoch
 *
 * in      hosts[0..n)  checked ones; n == 0: the default host
 * errors  NULL: out of memory, or two hosts with one uuid
 */
struct hv_sim *hv_sim_new(const struct hv_sim_host *hosts, size_t n);

/*
 * hv_sim_free - end the world; its link, if any, is told so
 */
void hv_sim_free(struct hv_sim **w);

/*
 * hv_sim_attach - who hears what comes up; replaces who did before
 *
 * in      up     called with the world locked: it must not call back
 *         flush  called after a batch, unlocked; may be NULL
 *         lost   called, locked, when another takes the place or the world
 *                ends; may be NULL
 *         NULL for the whole: nobody
 * note    facts come after the first HV_SYNC of this peer
 */
enum hv_sim_loss { HV_SIM_REPLACED, HV_SIM_ENDED };
struct hv_sim_peer {
	void *ctx;
	void (*up)(void *ctx, const struct hv_msg *m);
	void (*flush)(void *ctx);
	void (*lost)(void *ctx, enum hv_sim_loss how);
};
void hv_sim_attach(struct hv_sim *w, const struct hv_sim_peer *peer);

/*
 * hv_sim_detach - stop hearing, if it is still ctx that hears
 *
 * note    no flush runs when this returns, so it must not be called from one
 */
void hv_sim_detach(struct hv_sim *w, const void *ctx);

/*
 * hv_sim_take - do what a message that came down says
 *
 * in      m  checked by hv_msg_check; HV_QUIT does nothing here
 */
void hv_sim_take(struct hv_sim *w, const struct hv_msg *m);

/*
 * hv_sim_step - let ms of the world's time pass
 *
 * note    what changed is reported once, at the end
 */
void hv_sim_step(struct hv_sim *w, uint64_t ms);

/*
 * hv_sim_next_ms - ms until the world next needs a step; -1: never by itself
 */
int64_t hv_sim_next_ms(struct hv_sim *w);

/*
 * hv_sim_now_ms - the world's time
 */
uint64_t hv_sim_now_ms(struct hv_sim *w);

/*
 * hv_sim_conserves - does the law of conservation hold, for every host?
 *
 * out     text  which host breaks it and how, when false
 */
bool hv_sim_conserves(struct hv_sim *w, char *text, size_t bytes);

/*
 * hv_sim_link - a link to a world in the same process
 *
 * What comes up is handed over in the thread that sends or steps, after that
 * has let go of the world, one message at a time: up() may call hv_link_send,
 * is never entered twice, and hears the facts of a command before its result.
 *
 * errors  NULL: out of memory
 * note    the calls are copied; hv_link_close leaves the world as it is
 */
struct hv_link *hv_sim_link(
    struct hv_sim *w, const struct hv_link_calls *calls);

#endif
