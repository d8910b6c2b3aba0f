/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_BAL_H
#define API_BAL_H

/*
 * bal - the balancing loop (xen/bal_loop.h) in the daemon
 *
 * Owns the loop, has the writer step it, and connects it: facts come in after
 * they were applied to the records, commands go out through env->command, and
 * calls ask it for memory.
 *
 * A stage of a write that needs memory on a host sets c->has_ask, c->ask and
 * c->then.  After the commit the loop gets the ask; when it has ended, the
 * next stage runs with the answer in c->ask.  Meanwhile the call waits as a
 * parked one does: it has a task, and cancelling that ends the ask at once
 * (BAL_ASK_CANCELLED), as do the daemon's end and a lost hypervisor process.
 * What was granted is held until that next stage has been committed: its
 * records say from then on who has the memory.  With c->holds_ask it is held
 * until the stage after that, when the domain has it.
 *
 * Threads: the writer's, but for api_bal_new, _free and _lost.
 * DIAGNOSTICS the loop's.  BUGS none known.
 */

#include "api/api.h"

struct api_bal;

/* Ids of the loop's commands; those of calls are below. */
#define API_BAL_ID (1ull << 63)

/*
 * api_bal_new - a loop that has heard nothing; warn: a line for the log
 *
 * errors  NULL: out of memory
 */
struct api_bal *api_bal_new(
    struct api_env *env, void (*warn)(void *ctx, const char *text), void *ctx);

/*
 * api_bal_free - the writer has been stopped
 */
void api_bal_free(struct api_bal **b);

/*
 * api_bal_hear - a message whose facts are in the records now
 *
 * returns false: out of memory; everything must be reported again
 */
bool api_bal_hear(struct api_bal *b, const struct hv_msg *m);

/*
 * api_bal_lost - the hypervisor process has gone: who asks is told; any thread
 */
void api_bal_lost(struct api_bal *b);

/*
 * api_bal_ask - c->ask goes to the loop
 */
void api_bal_ask(struct api_call *c);

/*
 * api_bal_waits - is the call's ask still to be answered? in c's own run
 *
 * in      c  view set
 * out     c  true: parked until the ask ends or the call's task is cancelled
 */
bool api_bal_waits(struct api_call *c);

/*
 * api_bal_cancelled - why an ask ended as BAL_ASK_CANCELLED
 *
 * returns ERR_TASK_CANCELLED [task], or ERR_NONE: not by the caller's wish (the
 *         daemon ends, or too many calls wait)
 */
enum err api_bal_cancelled(struct api_call *c, struct failure *why);

/*
 * api_bal_release - the call needs no more what was granted to it
 */
void api_bal_release(struct api_call *c);

/*
 * api_bal_touch - what is held on a host by reservations has changed
 *
 * note    in the writer, after the commit
 */
void api_bal_touch(struct api_env *env, const struct hv_uuid *host);

/*
 * api_bal_note - what a commit has changed: hosts where more or less is held
 * are looked at
 */
void api_bal_note(
    struct api_env *env, const struct fld_change *change, size_t n);

/*
 * api_bal_take - has c->ask all that it wants, here and now? then it is granted
 *
 * note    as if the loop had been asked: held until the call's stage has been
 *         committed, or the call has ended
 */
bool api_bal_take(struct api_call *c);

#endif
