/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * reserve - reservations that are held go when their time has come
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/reserve.h"

struct api_reserve {
	struct wrq_job job; /* first */
	struct api_env *env;
	struct idl_ref ref; /* the job is parked on it */
	int64_t next_ms;    /* to be looked through then */
	int64_t known_ms;   /* what was begun before then is in the records */
	int64_t asked_ms;   /* the open question was asked then; 0: none is */
	bool asks;	    /* something is over, but not known to be unused */
	bool has_looked;    /* since the start */
	bool idle;	    /* the job is nowhere: nothing is held */
};

/* until - when a reservation goes, on the daemon's clock */
static int64_t
until(const struct api_env *env, const struct idl_memory_reservation *r)
{
	int64_t left_s = r->expires - env->wall_s(env->ctx);
	int64_t wall_ms;

	if (left_s > RESERVE_TTL_MAX_S)
		left_s = RESERVE_TTL_MAX_S; /* the clock was set back */
	wall_ms = env->now_ms(env->ctx) + left_s * 1000;
	return wall_ms < r->due_ms ? wall_ms : r->due_ms;
}

/* due - there is something to look at by then */
static void
due(struct api_reserve *t, int64_t ms)
{
	if (t == NULL || ms >= t->next_ms)
		return;
	t->next_ms = ms;
	/* If it has run in this round, it is still to be parked: until then. */
	if (t->job.deadline_ms > ms)
		t->job.deadline_ms = ms;
	if (t->idle)
		wrq_push(t->env->writer, &t->job);
	else
		wrq_wake(t->env->writer, &t->ref);
	t->idle = false;
}

void
api_reserve_until(
    struct api_env *env, struct idl_memory_reservation *r, int64_t left_s)
{
	r->left_s = left_s;
	r->expires = env->wall_s(env->ctx) + left_s;
	r->due_ms = env->now_ms(env->ctx) + left_s * 1000;
	/* If this is not stored, the look was for nothing. */
	due(env->reserve, r->due_ms);
}

void
api_reserve_note(struct api_env *env, const struct fld_change *change, size_t n)
{
	const struct idl_memory_reservation *was, *now;

	for (size_t i = 0; i < n; i++) {
		if (change[i].cls != IDL_CLASS_MEMORY_RESERVATION)
			continue;
		was = change[i].was;
		now = change[i].now;
		if (was != NULL && now != NULL && was->state != now->state &&
		    now->state == IDL_MEMORY_RESERVATION_STATE_HELD)
			due(env->reserve, now->due_ms);
	}
}

/* ---- looking through all ---- */

/*
 * revive - a reservation that an earlier daemon held
 *
 * returns false: it goes
 */
static bool
revive(struct api_env *env, struct fld_tx *tx,
    const struct idl_memory_reservation *r)
{
	int64_t left_s = r->expires - env->wall_s(env->ctx);
	struct idl_memory_reservation *now;

	if (left_s > r->left_s)
		left_s = r->left_s;
	if (left_s <= 0 || r->granted == 0)
		return false;
	now = fld_tx_edit(tx, IDL_CLASS_MEMORY_RESERVATION, &r->h.ref);
	if (now != NULL) /* else the transaction fails, and is made again */
		api_reserve_until(env, now, left_s);
	return true;
}

/* look - what is over goes; when is the next? */
static void
look(struct api_reserve *t, struct fld_tx *tx)
{
	const struct fld_view *v = fld_tx_view(tx);
	struct api_env *env = t->env;
	const struct idl_memory_reservation *r = NULL;
	int64_t now_ms = env->now_ms(env->ctx), first_ms = INT64_MAX, ms;
	struct idl_ref at;

	t->asks = false;
	while ((r = fld_next(v, IDL_CLASS_MEMORY_RESERVATION,
		    r != NULL ? &at : NULL)) != NULL) {
		at = r->h.ref;
		if (r->state != IDL_MEMORY_RESERVATION_STATE_HELD)
			continue;
		if (!t->has_looked && !revive(env, tx, r)) {
			fld_tx_delete(tx, IDL_CLASS_MEMORY_RESERVATION, &at);
			continue;
		}
		r = fld_get(v, IDL_CLASS_MEMORY_RESERVATION, &at);
		if (r == NULL)
			break; /* no memory: this is done again */
		ms = until(env, r);
		if (ms <= t->known_ms)
			fld_tx_delete(tx, IDL_CLASS_MEMORY_RESERVATION, &at);
		else if (ms < first_ms)
			first_ms = ms;
		t->asks |= ms > t->known_ms && ms <= now_ms;
	}
	if (first_ms != INT64_MAX && first_ms < now_ms + RESERVE_LOOK_MS)
		first_ms = now_ms + RESERVE_LOOK_MS;
	t->next_ms = first_ms;
}

/* ---- the job ---- */

static enum wrq_verdict
reserve_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct api_reserve *t = (struct api_reserve *)(void *)job;

	if (atomic_load(&t->env->is_stopping))
		return WRQ_ABORT;
	if (t->next_ms <= t->env->now_ms(t->env->ctx)) {
		look(t, tx);
		return WRQ_COMMIT;
	}
	if (job->expired)
		return WRQ_ABORT; /* comes again */
	memset(job->wait, 0, sizeof(job->wait));
	job->wait[0] = t->ref;
	job->deadline_ms = t->next_ms;
	return WRQ_PARK;
}

/* again - wait for the next */
static void
again(struct api_reserve *t)
{
	t->idle = t->next_ms == INT64_MAX || atomic_load(&t->env->is_stopping);
	if (!t->idle)
		wrq_push(t->env->writer, &t->job);
}

/* ask - is the world there?  Asked again at each look until it answers */
static void
ask(struct api_reserve *t)
{
	const struct hv_command cmd = {.id = API_RESERVE_ID, .verb = HV_MARK};

	if (!t->asks)
		return;
	t->asks = false;
	/* an answer may be to the first of several questions */
	if (t->asked_ms == 0)
		t->asked_ms = t->env->now_ms(t->env->ctx);
	if (!t->env->command(t->env->ctx, &cmd))
		t->asked_ms = 0; /* no process: nothing goes */
}

void
api_reserve_heard(struct api_env *env)
{
	struct api_reserve *t = env->reserve;

	if (t == NULL || t->asked_ms == 0)
		return;
	t->known_ms = t->asked_ms;
	t->asked_ms = 0;
	due(t, env->now_ms(env->ctx));
}

static void
reserve_done(struct wrq_job *job)
{
	struct api_reserve *t = (struct api_reserve *)(void *)job;

	t->has_looked = true;
	ask(t);
	again(t);
}

static void
reserve_failed(struct wrq_job *job, const struct failure *why)
{
	struct api_reserve *t = (struct api_reserve *)(void *)job;

	(void)why; /* nothing has gone: the next look finds it */
	t->next_ms = t->env->now_ms(t->env->ctx) + RESERVE_LOOK_MS;
	again(t);
}

bool
api_reserve_start(struct api_env *env)
{
	struct api_reserve *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return false;
	t->job.run = reserve_run;
	t->job.done = reserve_done;
	t->job.failed = reserve_failed;
	t->job.is_timer = true;
	t->env = env;
	t->ref = api_new_ref(env);
	t->known_ms = env->now_ms(env->ctx);
	env->reserve = t;
	wrq_push(env->writer, &t->job);
	return true;
}

void
api_reserve_stop(struct api_env *env)
{
	free(env->reserve);
	env->reserve = NULL;
}
