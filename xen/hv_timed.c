/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Own */
#include "xen/hv_timed.h"

/* A limit is waited for in parts of so long. */
#define PART_MS 250

struct job {
	hv_timed_f *f;
	void *ctx;
	bool done;
	bool given_up; /* nobody waits: whoever did it frees it */
	max_align_t arg[];
};

struct hv_timed {
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;  /* a job is there, or the end; a job is done */
	struct job *job;      /* the one on its way */
	bool ending;
	bool orphan; /* with ending: nobody joins, the thread frees it all */
	pthread_t thread;
};

/* What this thread is for, in its own. */
static _Thread_local struct hv_timed *mine;

/* destroy - when the thread has ended, or never was */
static void
destroy(struct hv_timed *t)
{
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_mutex_destroy(&t->lock);
	free(t->job);
	free(t);
}

/* work - the thread: one job after the other */
static void *
work(void *arg)
{
	struct hv_timed *t = arg;
	struct job *job;
	bool orphan;

	mine = t;
	(void)pthread_mutex_lock(&t->lock);
	for (;;) {
		while (!t->ending && (t->job == NULL || t->job->done))
			(void)pthread_cond_wait(&t->wake, &t->lock);
		if (t->ending)
			break;
		job = t->job;
		(void)pthread_mutex_unlock(&t->lock);
		job->f(job->ctx, job->arg);
		(void)pthread_mutex_lock(&t->lock);
		job->done = true;
		if (job->given_up) {
			free(job);
			t->job = NULL;
		}
		(void)pthread_cond_broadcast(&t->wake);
	}
	orphan = t->orphan;
	(void)pthread_mutex_unlock(&t->lock);
	if (orphan)
		destroy(t);
	return NULL;
}

/* prepare - lock and condition, by the clock that never jumps; 0 or errno */
static int
prepare(struct hv_timed *t)
{
	pthread_condattr_t attr;
	int e;

	e = pthread_condattr_init(&attr);
	if (e != 0)
		return e;
	e = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (e == 0)
		e = pthread_cond_init(&t->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (e != 0)
		return e;
	e = pthread_mutex_init(&t->lock, NULL);
	if (e != 0)
		(void)pthread_cond_destroy(&t->wake);
	return e;
}

int
hv_timed_open(struct hv_timed **t_out)
{
	struct hv_timed *t = calloc(1, sizeof *t);
	int e;

	if (t == NULL)
		return ENOMEM;
	e = prepare(t);
	if (e != 0) {
		free(t);
		return e;
	}
	e = pthread_create(&t->thread, NULL, work, t);
	if (e != 0) {
		destroy(t);
		return e;
	}
	*t_out = t;
	return 0;
}

/* deadline - the moment so many ms from now */
static struct timespec
deadline(unsigned ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at); /* cannot fail */
	at.tv_sec += (time_t)(ms / 1000);
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* await - until it is done or its time is over; locked */
static bool
await(struct hv_timed *t, const struct job *job, unsigned limit_ms)
{
	struct timespec at;
	unsigned part_ms;
	int e;

	while (!job->done && limit_ms > 0) {
		part_ms = limit_ms < PART_MS ? limit_ms : PART_MS;
		at = deadline(part_ms);
		e = 0;
		while (!job->done && e != ETIMEDOUT)
			e = pthread_cond_timedwait(&t->wake, &t->lock, &at);
		limit_ms -= part_ms;
	}
	return job->done;
}

bool
hv_timed_call(struct hv_timed *t, hv_timed_f *f, void *ctx, void *arg,
    size_t bytes, unsigned limit_ms)
{
	struct job *job;
	bool done;

	job = calloc(1, sizeof *job + bytes);
	if (job == NULL)
		return false;
	job->f = f;
	job->ctx = ctx;
	memcpy(job->arg, arg, bytes);
	(void)pthread_mutex_lock(&t->lock);
	if (t->job != NULL) {
		(void)pthread_mutex_unlock(&t->lock);
		free(job);
		return false;
	}
	t->job = job;
	(void)pthread_cond_broadcast(&t->wake);
	done = await(t, job, limit_ms);
	if (done)
		t->job = NULL;
	else
		job->given_up = true;
	(void)pthread_mutex_unlock(&t->lock);
	if (!done)
		return false;
	memcpy(arg, job->arg, bytes);
	free(job);
	return true;
}

bool
hv_timed_is_late(struct hv_timed *t)
{
	bool late;

	(void)pthread_mutex_lock(&t->lock);
	late = t->job != NULL;
	(void)pthread_mutex_unlock(&t->lock);
	return late;
}

bool
hv_timed_is_unwanted(void)
{
	bool unwanted;

	if (mine == NULL)
		return false;
	(void)pthread_mutex_lock(&mine->lock);
	unwanted = mine->job == NULL || mine->job->given_up;
	(void)pthread_mutex_unlock(&mine->lock);
	return unwanted;
}

void
hv_timed_close(struct hv_timed **tp)
{
	struct hv_timed *t = *tp;
	pthread_t thread;
	bool orphan;

	if (t == NULL)
		return;
	*tp = NULL;
	(void)pthread_mutex_lock(&t->lock);
	thread = t->thread;
	orphan = t->orphan = t->job != NULL;
	t->ending = true;
	(void)pthread_cond_broadcast(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
	if (orphan) {
		(void)pthread_detach(thread); /* it may hang for ever */
		return;
	}
	(void)pthread_join(thread, NULL);
	destroy(t);
}
