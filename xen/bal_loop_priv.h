/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_BAL_LOOP_PRIV_H
#define XEN_BAL_LOOP_PRIV_H

/*
 * bal_loop_priv - what the files of the balancing loop share
 *
 * bal_loop.c       what was heard, who asks
 * bal_loop_step.c  one look at a host, and what follows from it
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "model/bal.h"
#include "xen/bal_loop.h"

/* A domain, and what the loop knows of it. */
struct bal_loop_dom {
	struct hv_domain fact; /* as reported last */
	struct bal_past past;
	bool seen; /* since HV_HELLO */
};

/* A machine. */
struct bal_loop_host {
	struct hv_uuid uuid;
	struct hv_host fact;	    /* as reported last */
	struct bal_loop_dom **doms; /* sorted by uuid */
	size_t n, room;
	int64_t due_ms; /* to be looked at then; BAL_LOOP_NEVER */
	bool known;	/* fact is there */
	bool seen;	/* since HV_HELLO */
};

#define BAL_LOOP_NEVER INT64_MAX

TAILQ_HEAD(bal_loop_asks, bal_ask);

struct bal_loop {
	struct bal_loop_calls calls;
	enum bal_loop_mode mode;
	uint64_t next_id;
	struct hv_uuid epoch;
	uint32_t flags; /* HV_W_* */
	bool syncing;	/* not everything has been reported yet */
	struct bal_loop_host **hosts;
	size_t nhosts, room;
	struct bal_loop_asks waiting, granted;
};

/*
 * bal_loop_same - are they the same uuid?
 */
bool bal_loop_same(const struct hv_uuid *a, const struct hv_uuid *b);

/*
 * bal_loop_host_of - a host by uuid; NULL: not reported
 */
struct bal_loop_host *bal_loop_host_of(
    const struct bal_loop *l, const struct hv_uuid *uuid);

/*
 * bal_loop_dom_of - a domain of a host by uuid; NULL: none
 */
struct bal_loop_dom *bal_loop_dom_of(
    const struct bal_loop_host *h, const struct hv_uuid *uuid);

/*
 * bal_loop_end - an ask has its answer
 *
 * note    one that was granted stays known
 */
void bal_loop_end(
    struct bal_loop *l, struct bal_ask *ask, enum bal_ask_status status);

/*
 * bal_loop_look - look at a host, and do what follows
 *
 * out     h  due_ms
 */
void bal_loop_look(struct bal_loop *l, struct bal_loop_host *h, int64_t now_ms);

#endif
