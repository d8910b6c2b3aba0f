/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_BAL_LOOP_PRIV_H
#define XEN_BAL_LOOP_PRIV_H

/*
 * bal_loop_priv - what the files of the balancing loop share
 *
 * bal_loop.c       what was heard, who asks
 * bal_loop_look.c  one look at a host: sample, plan, answer
 * bal_loop_send.c  commands, and what became of them
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "model/bal.h"
#include "xen/bal_loop.h"
#include "xen/hv_uuid.h"

/* Off its target for longer, a domain is uncooperative (spec E.5). */
#define BAL_LOOP_UNCOOP_MS 20000

/* Others' facts of the same instant come within this. */
#define BAL_LOOP_STALE_MS 20

/* While somebody waits for memory, who stands still so long is in doubt. */
#define BAL_LOOP_DOUBT_MS 250

/* All is looked at so often, whatever was heard. */
#define BAL_LOOP_TICK_MS 10000

/* A domain, and what the loop knows of it. */
struct bal_loop_dom {
	struct hv_domain fact; /* as reported last */
	struct bal_past past;
	int64_t moved_ms;     /* when its size was last seen to change,
			 or it was told to change it */
	enum bal_state state; /* at the last look */
	int64_t off_ms;	     /* since when it is off its target; 0: it is not */
	uint64_t command_id; /* not answered yet; 0: none */
	int64_t sent_ms;     /* when it was sent */
	int64_t retry_ms;    /* after a failure: not before this */
	unsigned failures;   /* in a row */
	int32_t told;	     /* targets lately; see bal_loop_send.c */
	int64_t told_ms;
	uint64_t comfort_kib; /* as it said; 0: nothing */
	bool doubted;	      /* stood still while somebody waited */
	bool seen;	      /* since HV_HELLO */
};

/* A machine. */
struct bal_loop_host {
	struct hv_uuid uuid;
	struct hv_host fact;	    /* as reported last */
	struct bal_loop_dom **doms; /* sorted by uuid */
	struct bal_domain *plan;    /* doms, as the policy sees them */
	size_t n, room;
	int64_t due_ms;	  /* to be looked at then */
	int64_t new_ms;	  /* a domain was new then */
	int64_t stale_ms; /* facts are of two instants until then; 0: not */
	bool known;	  /* fact is there */
	bool seen;	  /* since HV_HELLO */
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

/*
 * bal_loop_due - a host is to be looked at then, at the latest
 */
void bal_loop_due(struct bal_loop_host *h, int64_t ms);

/*
 * bal_loop_can_obey - has it a driver, and a range to be moved in?
 * bal_loop_is_off - is it not where its target says, though it can obey?
 */
bool bal_loop_can_obey(const struct bal_loop_dom *d);
bool bal_loop_is_off(const struct bal_loop_dom *d);

/*
 * bal_loop_actual_kib - what it has, less its offset
 */
uint64_t bal_loop_actual_kib(const struct bal_loop_dom *d);

/*
 * bal_loop_send - the commands that a look has led to
 *
 * in      h  plan: selected ones get their new targets
 */
void bal_loop_send(struct bal_loop *l, struct bal_loop_host *h, int64_t now_ms);

/*
 * bal_loop_result - a command was answered
 */
void bal_loop_result(
    struct bal_loop *l, const struct hv_result *r, int64_t now_ms);

#endif
