/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_TASK_H
#define API_TASK_H

/*
 * task - calls that can be looked at, waited for and cancelled
 *
 * An Async call makes its task first, answers with its ref, and goes on as a
 * second call in the background: its end is one write of the task.  A write
 * that waits (for an operation to end, for a balloon) gets a task while it
 * waits, unless it has one, so that it can be seen and cancelled.
 *
 * Cancelling only notes the wish in current_operations; whoever waits in the
 * writer is woken by that, and ends.  What does not wait is not interrupted.
 *
 * Refs are random and never reused.  Old tasks go when new ones are made, and
 * by a timer: those that ended an hour ago, those that made no progress for a
 * day, the oldest ended ones when there are more than TASK_KEEP.
 *
 * Threads: api_task_async, api_task_finish_* anywhere; the rest in the writer.
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "api/api.h"

#define TASK_KEEP 200  /* ended ones are dropped above this */
#define TASK_MAX 2000u /* more than this there never are */

/*
 * api_task_note - what came with a call: its task, if it gets one, has it in
 *         other_config, as "http:<name>" (spec H.2)
 *
 * in      notes[0..n)  names and values in turn, each with its NUL; of one
 *         name the first counts
 * returns false: the arena is full
 */
bool api_task_note(struct api_call *c, const char *notes, size_t n);

/*
 * api_task_is_async - was the message called as Async.<name>?
 */
bool api_task_is_async(const struct api_call *c);

/*
 * api_task_async - turn a checked Async call into one that begins a task
 *
 * out     c  stage makes the task, next_call does the work after it; msg is
 *         task.create, whose result it has
 * errors  INTERNAL_ERROR
 */
enum err api_task_async(struct api_call *c, struct failure *why);

/*
 * api_task_begin, api_task_forget - c->next_call begins, or never will
 */
void api_task_begin(struct api_call *c);
void api_task_forget(struct api_call *c);

/*
 * api_task_new - a pending task in a transaction
 *
 * errors  NULL: out of memory
 */
struct idl_task *api_task_new(struct api_env *env, struct fld_tx *tx,
    const struct idl_ref *ref, const char *label, const struct idl_ref *session,
    const char *user);

/*
 * api_task_keep - before the view goes: the text of a background call's result
 *
 * errors  INTERNAL_ERROR
 */
enum err api_task_keep(struct api_call *c, struct failure *why);

/*
 * api_task_wait - a write is about to park: can it, and who can see it?
 *
 * out     c  task, shown, and one more record that wakes the job
 * returns false: it has been cancelled; why says so
 */
bool api_task_wait(struct api_call *c, struct failure *why);

/*
 * api_task_is_cancelled - was it wished that the call end? in its own run
 */
bool api_task_is_cancelled(const struct api_call *c);

/*
 * api_task_hide - a call has ended with rc; any thread
 *
 * returns false: it has no task of its waiting.  true: that goes now, and
 *         api_call_finish is called again: who has the answer sees no task
 */
bool api_task_hide(struct api_call *c, enum err rc);

/*
 * api_task_progress - how far a call that waits has come: 0.0 to 1.0
 */
void api_task_progress(struct api_call *c, double progress);

/*
 * api_task_start - look through the tasks now and then (api/timer.h)
 */
void api_task_start(struct api_env *env);

#endif
