/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_WRQ_H
#define MODEL_WRQ_H

/*
 * wrq - the queue into the writer thread
 *
 * Any thread pushes jobs; the writer runs them in order, each in a transaction
 * of its own, commits what has gathered, and tells each job how it ended.  A
 * job may be run more than once before that (a neighbour's commit was refused,
 * or it waited), so run() has no effect but on its transaction and itself.
 *
 * Threads: wrq_push from anywhere; everything else in the writer.
 * The writer loop itself, which knows threads and clocks, is server/writer.c.
 */

#include <stdint.h>

#include "model/idl.h"

struct fld_tx;

enum wrq_verdict {
	WRQ_COMMIT, /* keep the transaction */
	WRQ_ABORT,  /* drop the transaction; the job is done all the same */
	WRQ_PARK,   /* drop it; run again when wait[] changes, or at deadline */
};

#define WRQ_WAITS 3

struct wrq_job {
	struct wrq_job *next;
	/* In the writer; may run again. */
	enum wrq_verdict (*run)(struct wrq_job *job, struct fld_tx *tx);
	/*
	 * In the writer, once, after the outcome is durable (or there was
	 * nothing to store).  The job may be freed or pushed again here.
	 */
	void (*done)(struct wrq_job *job);
	/*
	 * In the writer, once, instead of done: its changes could not be
	 * stored (or tx close failed); why says so.
	 */
	void (*failed)(struct wrq_job *job, const struct failure *why);

	/* For WRQ_PARK, set by run: */
	/* Records whose change wakes it; may be null. */
	struct idl_ref wait[WRQ_WAITS];
	int64_t deadline_ms; /* on the writer's clock; run again then */
	bool expired;	     /* set by the writer: deadline has passed */
	bool is_timer;	     /* one of few: may wait even if no more may */
	bool is_last; /* answered when all others of its round have been */
	struct wrq_job *park_next; /* the writer's own */
};

struct wrq;

/*
 * wrq_push - hand a job to the writer; never blocks, never fails
 */
void wrq_push(struct wrq *q, struct wrq_job *job);

/*
 * wrq_wake - who is parked on a ref is run again, as if its record had changed
 *
 * note    in the writer only
 */
void wrq_wake(struct wrq *q, const struct idl_ref *ref);

#endif
