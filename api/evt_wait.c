/* SPDX-License-Identifier: BSD-2-Clause */

/* evt_wait - who is parked, and for how long */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Api */
#include "api/evt_priv.h"
#include "api/flight.h"

/* now - on the clock of the service */
static int64_t
now(const struct api_evt *e)
{
	return e->env->now_ms(e->env->ctx);
}

/* bucket_of - where those are who wait for an object */
static struct evt_watches *
bucket_of(struct api_evt *e, const struct idl_ref *ref)
{
	return &e->bucket[(ref->hi ^ ref->lo) % EVT_BUCKETS];
}

/* is_hasty - only tasks are asked for: somebody waits for a result */
static bool
is_hasty(const struct evt_waiter *w)
{
	if (w->subs.classes & ~(1u << IDL_CLASS_TASK))
		return false;
	for (uint32_t i = 0; i < w->subs.n; i++)
		if (w->subs.one[i].cls != IDL_CLASS_TASK)
			return false;
	return true;
}

/* unlist - out of the lists of what it waits for */
static void
unlist(struct evt_waiter *w)
{
	for (size_t i = 0; i < w->nwatches; i++)
		LIST_REMOVE(&w->watch[i], link);
	w->nwatches = 0;
}

/* make_due - something came: resumed a little later */
static void
make_due(struct api_evt *e, struct evt_waiter *w)
{
	bool first = TAILQ_EMPTY(&e->due), hasty = is_hasty(w);

	w->state = EVT_DUE;
	w->resume_ms = now(e) + (hasty ? 0 : EVT_BATCH_MS);
	if (hasty) /* nobody is due earlier than now */
		TAILQ_INSERT_HEAD(&e->due, w, link);
	else
		TAILQ_INSERT_TAIL(&e->due, w, link);
	if (first || hasty)
		(void)pthread_cond_signal(&e->cond); /* cannot fail */
}

/* wake - out of its lists, due; the log may forget what is before since */
static void
wake(struct api_evt *e, struct evt_waiter *w, uint64_t since)
{
	unlist(w);
	if (since > w->since)
		w->since = since;
	TAILQ_REMOVE(&e->waiting, w, link);
	make_due(e, w);
}

void
evt_wait_wake(struct api_evt *e, int cls, const struct idl_ref *ref)
{
	/* Whoever still waits knows everything before this commit. */
	uint64_t since = e->log.newest - 1;
	struct evt_watch *w;
	struct evt_watches *b = bucket_of(e, ref);

	while ((w = LIST_FIRST(&e->class_list[cls])) != NULL)
		wake(e, w->owner, since);
	w = LIST_FIRST(b);
	while (w != NULL) {
		if (w->of.cls != cls || !idl_ref_equal(&w->of.ref, ref)) {
			w = LIST_NEXT(w, link);
			continue;
		}
		wake(e, w->owner, since);
		w = LIST_FIRST(b); /* others of its watches may be here */
	}
}

/* watch - one more thing to wait for */
static void
watch(
    struct api_evt *e, struct evt_waiter *w, int cls, const struct idl_ref *ref)
{
	struct evt_watch *to = &w->watch[w->nwatches++];

	to->owner = w;
	to->of.cls = cls;
	if (ref == NULL) {
		to->of.ref = (struct idl_ref){0, 0};
		LIST_INSERT_HEAD(&e->class_list[cls], to, link);
	} else {
		to->of.ref = *ref;
		LIST_INSERT_HEAD(bucket_of(e, ref), to, link);
	}
}

/* enlist - in the lists of everything that it waits for */
static void
enlist(struct api_evt *e, struct evt_waiter *w)
{
	w->nwatches = 0;
	for (int cls = 0; cls < idl_nclasses; cls++)
		if (w->subs.classes & (1u << cls))
			watch(e, w, cls, NULL);
	for (uint32_t i = 0; i < w->subs.n; i++)
		watch(e, w, w->subs.one[i].cls, &w->subs.one[i].ref);
	if (!idl_ref_is_null(&w->call->session_ref))
		watch(e, w, IDL_CLASS_SESSION, &w->call->session_ref);
	w->state = EVT_WAITING;
	TAILQ_INSERT_TAIL(&e->waiting, w, link);
	if (w->deadline_ms < e->next_ms) {
		e->next_ms = w->deadline_ms;
		(void)pthread_cond_signal(&e->cond); /* cannot fail */
	}
}

/* ---- time ---- */

/* take_due - those whose little while has passed */
static void
take_due(struct api_evt *e, int64_t now_ms, struct evt_waiters *ready)
{
	struct evt_waiter *w;

	while ((w = TAILQ_FIRST(&e->due)) != NULL &&
	       (e->is_stopping || w->resume_ms <= now_ms)) {
		TAILQ_REMOVE(&e->due, w, link);
		TAILQ_INSERT_TAIL(ready, w, link);
	}
}

/* take_expired - those who have waited long enough: nothing has happened */
static void
take_expired(struct api_evt *e, int64_t now_ms, struct evt_waiters *ready)
{
	struct evt_waiter *w, *next;

	if (!e->is_stopping && now_ms < e->next_ms)
		return;
	e->next_ms = INT64_MAX;
	for (w = TAILQ_FIRST(&e->waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		if (!e->is_stopping && w->deadline_ms > now_ms) {
			if (w->deadline_ms < e->next_ms)
				e->next_ms = w->deadline_ms;
			continue;
		}
		unlist(w);
		if (e->log.newest > w->since)
			w->since = e->log.newest;
		TAILQ_REMOVE(&e->waiting, w, link);
		TAILQ_INSERT_TAIL(ready, w, link);
	}
}

/* next_ms - when somebody's time comes */
static int64_t
next_ms(const struct api_evt *e)
{
	const struct evt_waiter *w = TAILQ_FIRST(&e->due);

	return w != NULL && w->resume_ms < e->next_ms ? w->resume_ms
						      : e->next_ms;
}

int64_t
api_evt_step(struct api_env *env, int64_t now_ms)
{
	struct api_evt *e = env->evt;
	struct evt_waiters ready = TAILQ_HEAD_INITIALIZER(ready);
	struct evt_waiter *w, *next;
	int64_t again_ms;

	pthread_mutex_lock(&e->lock);
	take_due(e, now_ms, &ready);
	take_expired(e, now_ms, &ready);
	TAILQ_FOREACH(w, &ready, link)
	{
		w->state = EVT_RUNNING;
		e->nparked--;
	}
	again_ms = next_ms(e);
	pthread_mutex_unlock(&e->lock);
	for (w = TAILQ_FIRST(&ready); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link); /* it may be gone after this */
		w->call->resume(w->call);
	}
	return again_ms;
}

/* doze - until a time on the service's clock, or until somebody parks */
static void
doze(struct api_evt *e, int64_t until_ms)
{
	struct timespec t;
	int64_t ms = until_ms - now(e);

	if (until_ms == INT64_MAX) {
		(void)pthread_cond_wait(&e->cond, &e->lock);
		return;
	}
	if (ms <= 0)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(&e->cond, &e->lock, &t);
}

/* run - body of the thread that looks after time */
static void *
run(void *arg)
{
	struct api_evt *e = arg;

	pthread_mutex_lock(&e->lock);
	while (!e->is_ending) {
		doze(e, next_ms(e));
		pthread_mutex_unlock(&e->lock);
		(void)api_evt_step(e->env, now(e));
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* start - the thread, when it is needed; false: there is none to be had */
static bool
start(struct api_evt *e)
{
	if (!e->has_thread && !e->env->evt_stepped)
		e->has_thread = pthread_create(&e->thread, NULL, run, e) == 0;
	return e->has_thread || e->env->evt_stepped;
}

void
api_evt_wait(struct api_call *c)
{
	struct api_evt *e = c->env->evt;
	struct evt_waiter *w = c->keep;
	bool may = api_flight_wait(c), stays;

	pthread_mutex_lock(&e->lock);
	w->is_refused = !may || e->nparked == EVT_PARKED_MAX;
	stays = !e->is_stopping && !w->is_refused && start(e);
	if (stays) {
		e->nparked++;
		/* What came since it looked is not announced again. */
		if (w->since < e->log.floor ||
		    evt_log_has(e, &w->subs, w->since))
			make_due(e, w);
		else
			enlist(e, w);
	}
	pthread_mutex_unlock(&e->lock);
	if (!stays) {
		w->deadline_ms = 0;
		c->resume(c);
	}
}

unsigned
api_evt_parked(struct api_env *env)
{
	struct api_evt *e = env->evt;
	unsigned n;

	pthread_mutex_lock(&e->lock);
	n = e->nparked;
	pthread_mutex_unlock(&e->lock);
	return n;
}

/* ---- beginning and end ---- */

/* new_lock - lock and condition; false: out of memory */
static bool
new_lock(struct api_evt *e)
{
	pthread_condattr_t attr;
	bool ok;

	if (pthread_mutex_init(&e->lock, NULL) != 0)
		return false;
	ok = pthread_condattr_init(&attr) == 0 &&
	     pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	     pthread_cond_init(&e->cond, &attr) == 0;
	(void)pthread_condattr_destroy(&attr); /* frees nothing */
	if (!ok)
		(void)pthread_mutex_destroy(&e->lock); /* nobody holds it */
	return ok;
}

int
api_evt_init(struct api_env *env)
{
	struct api_evt *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return -1;
	/* Pages of the log cost nothing until they are used. */
	e->log.entry = calloc(EVT_LOG_MAX, sizeof(*e->log.entry));
	if (e->log.entry == NULL || !new_lock(e)) {
		free(e->log.entry);
		free(e);
		return -1;
	}
	e->env = env;
	env->random(env->ctx, &e->epoch, sizeof(e->epoch));
	e->epoch = (e->epoch >> 1) | 1; /* never 0, fits a signed number */
	assert(idl_nclasses <= EVT_CLASSES_MAX);
	for (int i = 0; i < idl_nclasses; i++)
		if (idl_classes[i]->flags & IDL_C_LISTED)
			e->listed |= 1u << i;
	e->log.newest = env->store != NULL ? fld_newest(env->store) : 0;
	e->log.floor = e->log.newest;
	e->next_ms = INT64_MAX;
	TAILQ_INIT(&e->waiting);
	TAILQ_INIT(&e->due);
	LIST_INIT(&e->regs);
	env->evt = e;
	return 0;
}

void
api_evt_stop(struct api_env *env)
{
	struct api_evt *e = env->evt;

	pthread_mutex_lock(&e->lock);
	e->is_stopping = true;
	pthread_mutex_unlock(&e->lock);
	(void)api_evt_step(env, now(e));
}

/* free_regs - what sessions had registered for */
static void
free_regs(struct api_evt *e)
{
	struct evt_reg *r, *next;

	for (r = LIST_FIRST(&e->regs); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		free(r->subs.one);
		free(r);
	}
}

void
api_evt_fini(struct api_env *env)
{
	struct api_evt *e = env->evt;

	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->is_ending = true;
	(void)pthread_cond_signal(&e->cond); /* cannot fail */
	pthread_mutex_unlock(&e->lock);
	if (e->has_thread)
		(void)pthread_join(e->thread, NULL); /* it is ours */
	assert(e->nparked == 0);
	free_regs(e);
	(void)pthread_cond_destroy(&e->cond);  /* nobody waits */
	(void)pthread_mutex_destroy(&e->lock); /* nobody holds it */
	free(e->log.entry);
	free(e);
	env->evt = NULL;
}
