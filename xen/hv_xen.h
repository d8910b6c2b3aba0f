/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_H
#define XEN_HV_XEN_H

/*
 * hv_xen - a Xen host behind the messages of hv.h
 *
 * Keeps a picture of the domains: what Xen says of them (hv_xc.h) and what
 * xenstore says (hv_xs.h).  It looks when a watch fires, often while something
 * moves, and once a second when all is quiet.  Commands are done at once: the
 * answer follows the facts that they caused.
 *
 * A library call that hangs costs its time limit once; from then on what it is
 * about stays as it was last seen, commands that need it are refused, and
 * HV_HEALTH says so until it answers again.
 *
 * Values in xenstore may come from a guest.  What is no plain number in range
 * counts as missing, a domain's keys are read a few times a second however
 * often they change, and none of it is ever logged.
 *
 * DIAGNOSTICS one line on standard error when Xen or xenstored stop or begin
 *         to answer, and when somebody else begins to manage memory.
 * BUGS a domain that dies while its save or migration is under way counts as
 * halted: Xen does not say which it was.
 */

#include "xen/hv_timed.h"
#include "xen/hv_xc.h"
#include "xen/hv_xs.h"

struct hv_xen;

/* Who this host is; see hv_xen_id.h. */
struct hv_xen_names {
	struct hv_uuid epoch; /* of this boot of Xen */
	struct hv_uuid host;
	struct hv_uuid dom0; /* for a dom0 that has none from Xen */
	char name[HV_NAME_BYTES];
};

struct hv_xen_conf {
	struct hv_xc xc;
	struct hv_xs xs;
	struct hv_timed *xc_thread; /* NULL: xc is called directly (tests) */
	struct hv_timed *xs_thread;
	struct hv_xen_names names;
	const char *state_dir; /* where boot memory is kept; NULL: nowhere */
	/* Who else manages this host's memory; NULL: nobody, or do not care. */
	const char *(*rival)(void *ctx);
	void *rival_ctx;
};

/* What comes up; the message is the callee's for the call. */
typedef void hv_xen_up_f(void *ctx, const struct hv_msg *m);

/*
 * hv_xen_open - the first look at the host
 *
 * out     x_out
 *         why, why_bytes  one sentence when it fails
 * returns 0, or -1: xenstored or Xen do not answer, or no memory
 */
int hv_xen_open(struct hv_xen **x_out, const struct hv_xen_conf *conf,
    char *why, size_t why_bytes);

/*
 * hv_xen_close - free it; NULL is fine
 *
 * note    the threads and what they call remain the caller's
 */
void hv_xen_close(struct hv_xen **xp);

/*
 * hv_xen_attach - who hears what comes up; up NULL: nobody
 *
 * note    facts come after the first HV_SYNC
 */
void hv_xen_attach(struct hv_xen *x, hv_xen_up_f *up, void *ctx);

/*
 * hv_xen_take - do what a message that came down says
 *
 * in      m  checked by hv_msg_check; HV_QUIT does nothing here
 */
void hv_xen_take(struct hv_xen *x, const struct hv_msg *m);

/*
 * hv_xen_step - ms have passed, or hv_xen_fd is readable
 */
void hv_xen_step(struct hv_xen *x, uint64_t ms);

/*
 * hv_xen_next_ms - ms until a step is needed
 */
int64_t hv_xen_next_ms(const struct hv_xen *x);

/*
 * hv_xen_fd - readable when a watch has fired
 */
int hv_xen_fd(const struct hv_xen *x);

#endif
