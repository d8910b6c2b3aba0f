/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal - the balancing loop in the daemon
 *
 * One job steps the loop.  It is parked until the time that the loop named, on
 * a ref that is nobody's; whatever is heard wakes it.  It steps when all others
 * of its round have been answered: facts and grants that the records show by
 * then have reached the loop too, and nothing is counted twice or not at all.
 * When the daemon stops it waits no more, and lies idle.
 *
 * The loop has a clock of its own, which stands still when the daemon or the
 * whole machine does: who did nothing in that time is not stuck.
 */

/* System */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/units.h"

/* Xen */
#include "xen/gst.h"

/* Api */
#include "api/bal.h"
#include "api/stats.h"
#include "api/task.h"
#include "api/vm_priv.h"

/* What a guest said longer ago is not believed any more. */
#define SAID_LATELY_S 300

/* Who steps so much later than it was to did not run in between. */
#define LATE_MS 1000

struct api_bal {
	struct wrq_job job; /* first */
	struct wrq_job lost_job;
	atomic_bool is_losing; /* lost_job is under way */
	struct api_env *env;
	struct bal_loop *loop;
	struct fld_reader *reader;   /* what the records say when it steps */
	const struct fld_view *view; /* in a step */
	struct idl_ref ref;	     /* the job is parked on it */
	int64_t due_ms;
	int64_t ran_ms;	 /* the loop was last asked something */
	int64_t next_ms; /* ... and is again by then, if the machine runs */
	int64_t lost_ms; /* in which it did not */
	bool idle;	 /* the job is nowhere */
	void (*warn)(void *ctx, const char *text);
	void *warn_ctx;
};

static int64_t
now(const struct api_bal *b)
{
	return b->env->now_ms(b->env->ctx);
}

/*
 * loop_now - by the loop's own clock
 *
 * When in a wait the machine stopped nobody knows.  Half of what was waited for
 * is taken to have passed: a verdict that is due at the end of it has to wait
 * for facts that are newer, and one who is always late still gets there.
 */
static int64_t
loop_now(struct api_bal *b)
{
	int64_t ms = now(b);

	if (ms - LATE_MS > b->next_ms)
		b->lost_ms += ms - b->next_ms + (b->next_ms - b->ran_ms) / 2;
	if (ms > b->next_ms)
		b->next_ms = ms; /* it runs */
	b->ran_ms = ms;
	return ms - b->lost_ms;
}

/* ---- the job ---- */

static enum wrq_verdict
step_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct api_bal *b = (struct api_bal *)(void *)job;

	(void)tx; /* stores nothing */
	if (job->expired || b->due_ms <= now(b))
		return WRQ_ABORT;
	memset(job->wait, 0, sizeof(job->wait));
	job->wait[0] = b->ref;
	job->deadline_ms = b->due_ms;
	return WRQ_PARK;
}

static void
step_done(struct wrq_job *job)
{
	struct api_bal *b = (struct api_bal *)(void *)job;
	int64_t ms;

	if (b->due_ms > now(b)) { /* it could not wait so long */
		b->idle = true;
		return;
	}
	b->view = fld_pin(b->reader);
	if (b->view != NULL) {
		ms = bal_loop_step(b->loop, loop_now(b));
		fld_unpin(b->reader, b->view);
	} else {
		ms = 1000; /* there may be memory then */
	}
	b->view = NULL;
	b->due_ms = b->next_ms = ms < 0 ? INT64_MAX : now(b) + ms;
	b->idle = b->due_ms == INT64_MAX;
	if (!b->idle)
		wrq_push(b->env->writer, job);
}

static void
step_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* stores nothing: only others' changes can be refused */
	step_done(job);
}

/* stir - something has happened: the loop is to look */
static void
stir(struct api_bal *b)
{
	b->due_ms = 0;
	if (!b->idle) {
		/* If it has run in this round, it is still to be parked. */
		b->job.deadline_ms = 0;
		wrq_wake(b->env->writer, &b->ref);
		return;
	}
	b->idle = false;
	wrq_push(b->env->writer, &b->job);
}

/* ---- the process has gone ---- */

static enum wrq_verdict
lost_run(struct wrq_job *job, struct fld_tx *tx)
{
	(void)job;
	(void)tx; /* stores nothing */
	return WRQ_ABORT;
}

static void
lost_done(struct wrq_job *job)
{
	struct api_bal *b =
	    (struct api_bal *)(void *)((char *)job -
				       offsetof(struct api_bal, lost_job));

	atomic_store(&b->is_losing, false);
	bal_loop_lost(b->loop);
}

static void
lost_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* stores nothing: only others' changes can be refused */
	lost_done(job);
}

void
api_bal_lost(struct api_bal *b)
{
	if (!atomic_exchange(&b->is_losing, true))
		wrq_push(b->env->writer, &b->lost_job);
}

/* ---- what the loop calls ---- */

/* host_of - the record of a host; NULL: none */
static const struct idl_host *
host_of(const struct fld_view *v, const struct hv_uuid *host)
{
	struct idl_ref uuid = {host->hi, host->lo};
	char buf[IDL_UUID_TEXT];
	const char *text = buf;

	idl_uuid_write(&uuid, buf);
	return fld_find(v, IDL_CLASS_HOST, IDL_HOST_F_UUID, &text, NULL);
}

/* held - what is kept on a host for reservations and VMs on their way */
static uint64_t
held(void *ctx, const struct hv_uuid *uuid)
{
	struct api_bal *b = ctx;
	const struct idl_host *host = host_of(b->view, uuid);
	const struct idl_host_account *account =
	    host == NULL
		? NULL
		: fld_get(b->view, IDL_CLASS_HOST_ACCOUNT, &host->h.ref);

	return account == NULL
		   ? 0
		   : kib_of_bytes_used((uint64_t)account->granted_bytes);
}

/* used_kib - what a guest says that it uses, if it said so lately */
static int64_t
used_kib(void *ctx, const struct hv_uuid *vm)
{
	const struct api_bal *b = ctx;
	struct idl_ref ref = {vm->hi, vm->lo};
	char uuid[IDL_UUID_TEXT];
	struct hv_reading r;

	idl_uuid_write(&ref, uuid);
	api_stats_read(b->env->stats, uuid, &r);
	if (b->env->wall_s(b->env->ctx) - r.read_s > SAID_LATELY_S)
		return -1;
	return gst_used_kib(&r);
}

static bool
command(void *ctx, const struct hv_command *cmd)
{
	struct api_bal *b = ctx;

	return b->env->command(b->env->ctx, cmd);
}

/* call_of - whose ask it is */
static struct api_call *
call_of(struct bal_ask *ask)
{
	return (struct api_call *)(void *)((char *)ask -
					   offsetof(struct api_call, asked));
}

static void
ended(void *ctx, struct bal_ask *ask)
{
	struct api_bal *b = ctx;

	wrq_wake(b->env->writer, &call_of(ask)->ask_ref);
}

static void
warn_of(void *ctx, const char *text)
{
	struct api_bal *b = ctx;

	b->warn(b->warn_ctx, text);
}

/* ---- for the daemon ---- */

struct api_bal *
api_bal_new(
    struct api_env *env, void (*warn)(void *ctx, const char *text), void *ctx)
{
	struct api_bal *b = calloc(1, sizeof(*b));
	struct bal_loop_calls calls = {.held_kib = held,
	    .command = command,
	    .ended = ended,
	    .warn = warn_of};
	uint64_t first_id;

	if (b == NULL)
		return NULL;
	b->env = env;
	b->warn = warn;
	b->warn_ctx = ctx;
	b->job.is_timer = true;
	b->job.is_last = true; /* it knows as much as the records then */
	b->job.run = step_run;
	b->job.done = step_done;
	b->job.failed = step_failed;
	b->lost_job.run = lost_run;
	b->lost_job.done = lost_done;
	b->lost_job.failed = lost_failed;
	b->ref = api_new_ref(env);
	b->next_ms = INT64_MAX;
	b->idle = true;
	calls.ctx = b;
	if (env->by_need)
		calls.used_kib = used_kib;
	/* An earlier daemon's commands may still be answered. */
	env->random(env->ctx, &first_id, sizeof(first_id));
	first_id = API_BAL_ID | (first_id & (API_BAL_ID / 2 - 1));
	b->loop = bal_loop_new(&calls, env->balance, first_id);
	b->reader = fld_reader_new(env->store);
	if (b->loop == NULL || b->reader == NULL)
		api_bal_free(&b);
	return b;
}

void
api_bal_free(struct api_bal **bp)
{
	struct api_bal *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	bal_loop_free(&b->loop);
	fld_reader_free(&b->reader);
	free(b);
}

bool
api_bal_hear(struct api_bal *b, const struct hv_msg *m)
{
	bool ok = bal_loop_hear(b->loop, m, loop_now(b));

	stir(b);
	return ok;
}

void
api_bal_touch(struct api_env *env, const struct hv_uuid *host)
{
	if (env->bal == NULL)
		return;
	bal_loop_touch(env->bal->loop, host);
	stir(env->bal);
}

void
api_bal_note(struct api_env *env, const struct fld_change *change, size_t n)
{
	const struct idl_host_account *was, *now;
	const struct idl_host *host;
	const struct fld_view *v;
	struct hv_uuid uuid;

	if (env->bal == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		if (change[i].cls != IDL_CLASS_HOST_ACCOUNT)
			continue;
		was = change[i].was;
		now = change[i].now;
		if (was == NULL || now == NULL ||
		    was->granted_bytes == now->granted_bytes)
			continue;
		v = fld_pin(env->bal->reader);
		if (v == NULL)
			continue; /* what moves next has the host looked at */
		host = fld_get(v, IDL_CLASS_HOST, &now->host);
		if (host != NULL && api_vm_hv_uuid(host->uuid, &uuid))
			api_bal_touch(env, &uuid);
		fld_unpin(env->bal->reader, v);
	}
}

/* ---- for calls ---- */

void
api_bal_ask(struct api_call *c)
{
	struct api_bal *b = c->env->bal;

	assert(!c->asking && !c->has_command);
	c->ask.status = BAL_ASK_CANCELLED;
	if (b == NULL)
		return; /* without a world there is no memory */
	c->asked = c->ask;
	c->asking = true;
	c->ask_ref = api_new_ref(c->env);
	bal_loop_ask(b->loop, &c->asked);
	stir(b);
}

bool
api_bal_take(struct api_call *c)
{
	struct api_bal *b = c->env->bal;

	if (b == NULL)
		return false; /* without a world there is no memory */
	api_bal_release(c);   /* of an earlier run */
	b->view = fld_pin(b->reader);
	if (b->view == NULL)
		return false;
	c->asked = c->ask;
	c->asking = bal_loop_take(b->loop, &c->asked);
	fld_unpin(b->reader, b->view);
	b->view = NULL;
	return c->asking;
}

bool
api_bal_waits(struct api_call *c)
{
	struct api_bal *b = c->env->bal;
	struct failure why;

	if (c->asked.status == BAL_ASK_PENDING) {
		memset(c->job.wait, 0, sizeof(c->job.wait));
		c->job.wait[0] = c->ask_ref;
		c->job.deadline_ms = INT64_MAX;
		/* Expired without a deadline: the daemon stops, or too many
		 * wait. */
		if (!c->job.expired && api_task_wait(c, &why))
			return true;
		bal_loop_drop(b->loop, &c->asked);
		stir(b);
	}
	c->ask = c->asked;
	return false;
}

enum err
api_bal_cancelled(struct api_call *c, struct failure *why)
{
	return api_task_is_cancelled(c)
		   ? err_fail(why, ERR_TASK_CANCELLED, "r", &c->task)
		   : ERR_NONE;
}

void
api_bal_release(struct api_call *c)
{
	if (!c->asking)
		return;
	c->asking = false;
	bal_loop_drop(c->env->bal->loop, &c->asked);
	stir(c->env->bal);
}
