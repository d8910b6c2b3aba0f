/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_BAL_LOOP_H
#define XEN_BAL_LOOP_H

/*
 * bal_loop - moves memory between the guests of every host until all is well
 *
 * Hears what the hypervisor reports, asks the policy (model/bal.h) for a plan,
 * and sends the commands that bring it about: targets, maxmem, offsets, marks.
 * It is the same for the simulator and for Xen.  Nothing here waits: it is
 * stepped when something was heard and when the time it named has come.  What
 * it knows comes from the facts alone, so a new one continues where a killed
 * one was.
 *
 * Whoever needs memory asks.  All asks of a host are served from one plan;
 * memory that has become free is granted the moment it is there, to whomever
 * it is enough for.  What was granted is held back from the guests until it is
 * dropped: by then it must be a domain's, or be held otherwise (held_kib).
 *
 * Units: KiB; ms on any clock that does not go back.
 * Threads: one at a time; in the daemon the writer's.
 * DIAGNOSTICS one line through calls.warn when a command fails, and no more
 *         until that domain has obeyed one.
 * BUGS none known.
 */

#include <sys/queue.h>

#include "xen/hv.h"

#define BAL_ASK_REFUSERS 16

enum bal_ask_status {
	BAL_ASK_PENDING,
	BAL_ASK_GRANTED,   /* granted_kib is free, and held until dropped */
	BAL_ASK_NO_MEMORY, /* not even with every guest at its dynamic_min */
	BAL_ASK_REFUSED,   /* guests that could give did not: refused[] */
	BAL_ASK_CANCELLED, /* nobody waits for it, or nobody can say */
};

/*
 * Memory that somebody needs on a host; all zero but what is set.
 *
 * With min_kib and max_kib both 0 nothing is granted: the ask ends when vm is
 * where the plan wants it, or the whole host is balanced (GRANTED), or vm is
 * known not to obey (REFUSED).
 */
struct bal_ask {
	struct hv_uuid host;
	struct hv_uuid vm;	   /* for whom; may be zero */
	uint64_t min_kib, max_kib; /* at least, at most */

	/* The answer. */
	enum bal_ask_status status;
	uint64_t granted_kib;	       /* min_kib .. max_kib */
	uint64_t needed_kib, free_kib; /* NO_MEMORY: net of the reserve */
	unsigned nrefused;	       /* in refused[]; there may be more */
	struct hv_uuid refused[BAL_ASK_REFUSERS];

	/* The loop's own. */
	TAILQ_ENTRY(bal_ask) link;
	bool known; /* the loop has it: it waits, or it holds memory */
	uint64_t ideal_kib;
	bool is_doomed; /* it seems impossible, as of the last look */
};

struct bal_loop_calls {
	void *ctx;
	/* Reservations hold so much on a host beyond what their domains
	 * already have. */
	uint64_t (*held_kib)(void *ctx, const struct hv_uuid *host);
	/* What a guest says that it uses; less than 0: it says nothing, or
	 * not lately.  NULL: nobody is believed. */
	int64_t (*used_kib)(void *ctx, const struct hv_uuid *vm);
	/* Send a command; its id is set.  false: nobody to send it to. */
	bool (*command)(void *ctx, const struct hv_command *cmd);
	/* An ask has ended; from within bal_loop_step or bal_loop_lost. */
	void (*ended)(void *ctx, struct bal_ask *ask);
	/* A line for the log. */
	void (*warn)(void *ctx, const char *text);
};

/* Does it move memory by itself, or only look after asks? */
enum bal_loop_mode {
	BAL_LOOP_RESTS,	 /* no target is moved; asks get what is free */
	BAL_LOOP_SHARES, /* what is free is shared out; asks make guests give */
};

struct bal_loop;

/*
 * bal_loop_new - knows nothing yet
 *
 * in      first_id  of its commands; it counts up from there
 * errors  NULL: out of memory
 */
struct bal_loop *bal_loop_new(const struct bal_loop_calls *calls,
    enum bal_loop_mode mode, uint64_t first_id);

/*
 * bal_loop_free - asks that are known are forgotten, not ended
 */
void bal_loop_free(struct bal_loop **l);

/*
 * bal_loop_hear - a message from the hypervisor, results included
 *
 * in      m  checked by hv_msg_check
 * returns false: out of memory; everything must be reported again
 */
bool bal_loop_hear(struct bal_loop *l, const struct hv_msg *m, int64_t now_ms);

/*
 * bal_loop_lost - the hypervisor process has gone: asks that wait are ended as
 *         CANCELLED; nothing more happens until another reports
 */
void bal_loop_lost(struct bal_loop *l);

/*
 * bal_loop_ask - an ask joins; a later step ends it, or bal_loop_lost
 *
 * in      ask  stays where it is until it has ended and was dropped
 * out     ask  status PENDING
 */
void bal_loop_ask(struct bal_loop *l, struct bal_ask *ask);

/*
 * bal_loop_drop - forget an ask: one that waits, or what it was granted
 *
 * note    a pending one gets status CANCELLED; calls.ended is not called;
 *         nothing happens when the loop does not know it (any more)
 */
void bal_loop_drop(struct bal_loop *l, struct bal_ask *ask);

/*
 * bal_loop_touch - a host is to be looked at: what held_kib says has changed
 */
void bal_loop_touch(struct bal_loop *l, const struct hv_uuid *host);

/*
 * bal_loop_take - grant an ask all that it wants, here and now
 *
 * in      ask  as for bal_loop_ask
 * out     ask  status GRANTED, until it is dropped
 * returns false when so much is not certainly free above the reserve, beside
 *         what is held, granted, asked for, or a guest is told to grow into
 * note    calls.ended is not called; calls.held_kib is
 */
bool bal_loop_take(struct bal_loop *l, struct bal_ask *ask);

/*
 * bal_loop_step - do what is to be done now
 *
 * returns ms until it wants to be stepped though nothing was heard; -1: never
 */
int64_t bal_loop_step(struct bal_loop *l, int64_t now_ms);

#endif
