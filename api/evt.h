/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_EVT_H
#define API_EVT_H

/*
 * evt - who is told of which change
 *
 * After each commit the writer hands over what has changed (api_evt_note).  It
 * goes into a log of bounded length; callers of event.from and event.next find
 * there what happened since their token, and the records themselves in the
 * image.  A token is the generation of the store up to which its owner knows
 * everything, and the number of this run of the daemon: tokens of another run,
 * and those older than the log, get EVENTS_LOST.
 *
 * A caller for whom there is nothing is parked: no thread, no pinned image,
 * nothing but its call.  It stands in the list of each class (or the bucket of
 * each object) that it asked for; a change of these takes it out, and a little
 * later, when more may have come, it is handed back to its own thread
 * (c->resume), which looks again and answers.  The writer only moves list
 * links.
 *
 * A record with fields that are computed from others (host.resident_VMs) has
 * changed when one of the others has: the log gets an entry for it too.
 *
 * Sessions and internal classes have no events.
 *
 * Threads: note in the writer; all else anywhere.  A thread of our own, made
 * when the first caller parks, looks after time.
 *
 * evt_log.c    the log and what is in it for a caller; the heartbeat
 * evt_subs.c   subscriptions: "*", "vm", "vm/OpaqueRef:..."
 * evt_wait.c   parked callers, time
 * evt_batch.c  the answer, as records
 * event.c      the messages of class event
 *
 * DIAGNOSTICS none.
 * BUGS VM.allowed_operations also depends on the VM's metrics; their change
 * makes no event of the VM.
 */

#include "api/api.h"

/* Parked callers; one more gets TOO_MANY_PENDING_TASKS. */
#define EVT_PARKED_MAX 20000

#define EVT_BEAT_MS 30000 /* between two heartbeats (spec H.3) */

/*
 * api_evt_init, api_evt_fini - env->evt; nobody may be parked at the end
 *
 * returns -1: out of memory
 */
int api_evt_init(struct api_env *env);
void api_evt_fini(struct api_env *env);

/*
 * api_evt_note - a commit has changed records; in the writer
 */
void api_evt_note(
    struct api_env *env, const struct fld_change *change, size_t n);

/*
 * api_evt_wait - a call whose handler said c->parked waits from here on
 *
 * note    it may be resumed before this returns, in another thread
 */
void api_evt_wait(struct api_call *c);

/*
 * api_evt_step - hand back every caller whose time has come
 *
 * in      now_ms  on the clock of env->now_ms
 * returns when to look again; INT64_MAX: when somebody parks
 * note    for the thread, and for tests, which set env->evt_stepped
 */
int64_t api_evt_step(struct api_env *env, int64_t now_ms);

/*
 * api_evt_start - from here on the heart beats: every EVT_BEAT_MS the pool is
 *         said to have changed, which tells followers of everything that the
 *         service lives; nothing is written to disk
 */
void api_evt_start(struct api_env *env);

/*
 * api_evt_stop - answer all who are parked, and park nobody any more
 */
void api_evt_stop(struct api_env *env);

/*
 * api_evt_rows - how many events a call has, whose rows are API_ROWS_EVENTS
 * api_evt_row - one of them, made in an arena from the call's image
 *
 * errors  api_evt_row: NULL, the arena is full
 */
size_t api_evt_rows(const struct api_call *c);
const struct idl_event *api_evt_row(
    const struct api_call *c, size_t i, struct arena *a);

/*
 * api_evt_parked - how many wait
 */
unsigned api_evt_parked(struct api_env *env);

#endif
