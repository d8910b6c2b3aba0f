/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_RESERVE_H
#define API_RESERVE_H

/*
 * reserve - reservations that are held go when their time has come
 *
 * One writer job waits for the earliest deadline; while nothing is held, it
 * waits for nothing.  A deadline is wall clock, and the daemon's own clock is
 * watched too: a reservation goes at the earlier of both, so setting the clock
 * back does not keep memory for ever.  After a restart what remains is the
 * smaller of what was left and of what the wall clock says.
 *
 * A domain that was begun in time wins against expiry, even if nobody here has
 * heard of it yet: before anything goes the hypervisor process is asked whether
 * it is there, and its answer comes after all that it had to report.  While it
 * does not answer, nothing goes.  (tests/model-check/reservation.pml, BROKEN=4)
 *
 * What has passed to a VM never goes here.  At the first look after a start
 * those go too whose memory was never granted: their calls died with the
 * daemon, and nobody was told of them.
 *
 * Threads: the writer's.
 * DIAGNOSTICS none.
 * BUGS a reservation may live up to RESERVE_LOOK_MS longer; what was left is
 * known as of the last start of the daemon, or of the grant.
 */

#include "api/api.h"

#define RESERVE_TTL_MAX_S 86400 /* 24 h */
#define RESERVE_LOOK_MS 1000	/* between two looks through all, at least */

/* Id of the question; those of the loop's commands are below. */
#define API_RESERVE_ID (UINT64_MAX - 1)

struct api_reserve;

/*
 * api_reserve_start - all that runs has been reported: from here on they go
 *
 * errors  false: out of memory
 */
bool api_reserve_start(struct api_env *env);

/*
 * api_reserve_stop - the writer has been stopped; nothing if never started
 */
void api_reserve_stop(struct api_env *env);

/*
 * api_reserve_heard - the question was answered, and what was reported before
 *         is in the records
 */
void api_reserve_heard(struct api_env *env);

/*
 * api_reserve_until - how long a reservation is to live from now on
 *
 * in      r  in the transaction
 */
void api_reserve_until(
    struct api_env *env, struct idl_memory_reservation *r, int64_t left_s);

/*
 * api_reserve_note - what a commit has changed: one that came back from a VM
 *         which did not arrive has its old time, and that may be over
 */
void api_reserve_note(
    struct api_env *env, const struct fld_change *change, size_t n);

#endif
