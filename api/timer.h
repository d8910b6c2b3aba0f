/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_TIMER_H
#define API_TIMER_H

/*
 * timer - what is done every now and then, in the writer, as a transaction
 *
 * A timer is a writer job that waits for its time, does its work, and waits
 * again.  It has a place of its own among those who wait, so it neither spins
 * nor is forgotten when callers have taken all others.  The clock is the
 * writer's, so tests step it.
 *
 * Threads: api_timer_start and api_timers_stop anywhere; the work in the
 * writer. DIAGNOSTICS none.  BUGS none known.
 */

#include "api/api.h"

/* The work; its changes are committed. */
typedef void api_timer_f(struct api_env *env, struct fld_tx *tx);

/*
 * api_timer_start - do the work every period_ms, first after one period
 *
 * returns false: out of memory, it is never done
 * note    a period in which its changes cannot be stored is passed over
 */
bool api_timer_start(struct api_env *env, int64_t period_ms, api_timer_f *work);

/*
 * api_timers_stop - no timer works from here on; the writer's end frees them
 */
void api_timers_stop(struct api_env *env);

#endif
