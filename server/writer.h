/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_WRITER_H
#define SERVER_WRITER_H

/*
 * writer - the thread behind model/wrq.h
 *
 * Takes what has been pushed, up to a bound, runs each job in a transaction,
 * commits once for all of them, and then tells each how it ended.  When the
 * commit is refused, every job of the round is run again, alone, so that one
 * whose changes cannot be stored does not fail its neighbours.
 *
 * Parked jobs wait in a table by the refs they wait for; a committed change of
 * one of these, or the deadline, puts them back in the queue.  At most
 * WRQ_PARKED_MAX wait; one more is told at once that its time has passed,
 * unless it is a timer.
 *
 * DIAGNOSTICS none; FLD_FATAL goes to the callback given at start.
 * BUGS a job that runs long delays all others: there is one writer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/err.h"
#include "model/wrq.h"

struct fld_store;
struct fld_change;

#define WRQ_ROUND_MAX 256   /* jobs of one commit */
#define WRQ_PARKED_MAX 1000 /* jobs that wait */
#define WRQ_TIMERS_MAX 16   /* and so many of those that always may */

struct wrq_config {
	struct fld_store *store; /* borrowed until wrq_stop */
	/* Milliseconds that never go back; deadlines are on this clock. */
	int64_t (*now_ms)(void *ctx);
	/*
	 * Nobody knows what is on disk: the process is to end, and no job of
	 * this round is answered.  If this returns, no job is ever run again.
	 */
	void (*fatal)(void *ctx, const struct failure *why);
	/* A commit has changed records: published, nobody answered yet; in the
	 * writer.  NULL: nobody listens. */
	void (*committed)(void *ctx, const struct fld_change *change, size_t n);
	void *ctx;
};

/*
 * wrq_new - a queue without a thread: the caller steps it by wrq_run_once
 *
 * returns NULL: out of memory
 */
struct wrq *wrq_new(const struct wrq_config *config);

/*
 * wrq_start - a queue with a writer thread
 *
 * out     q_out
 * errors  INTERNAL_ERROR [out of memory, or no thread to be had]
 */
enum err wrq_start(
    struct wrq **q_out, const struct wrq_config *config, struct failure *why);

/*
 * wrq_run_once - one round, if there is anything to run
 *
 * returns whether there was
 * note    in the writer only; for tests, and the thread itself
 */
bool wrq_run_once(struct wrq *q);

/*
 * wrq_wait_ms - how long nothing will be due: until the next deadline
 *
 * returns -1: for ever
 */
int64_t wrq_wait_ms(const struct wrq *q);

/*
 * wrq_parked - jobs that wait now, timers not counted
 */
size_t wrq_parked(const struct wrq *q);

/*
 * wrq_stop - answer everything, end the thread, free the queue
 *
 * note    what is queued is run; parked jobs are run a last time, as expired.
 *         Nobody may push any more, but for jobs from their own done().  After
 *         a fatal outcome jobs are failed instead.
 */
void wrq_stop(struct wrq **q);

#endif
