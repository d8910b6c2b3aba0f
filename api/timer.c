/* SPDX-License-Identifier: BSD-2-Clause */

/* timer - what is done every now and then, in the writer */

/* System */
#include <stdlib.h>

/* Api */
#include "api/timer.h"

struct timer {
	struct wrq_job job; /* first */
	struct api_env *env;
	int64_t period_ms;
	api_timer_f *work;
};

/* timer_run - wait for its time, or it has come */
static enum wrq_verdict
timer_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct timer *t = (struct timer *)(void *)job;

	if (atomic_load(&t->env->is_stopping))
		return WRQ_ABORT;
	if (!job->expired)
		return WRQ_PARK;
	t->work(t->env, tx);
	return WRQ_COMMIT;
}

/* timer_done - from the beginning */
static void
timer_done(struct wrq_job *job)
{
	struct timer *t = (struct timer *)(void *)job;

	if (atomic_load(&t->env->is_stopping)) {
		free(t);
		return;
	}
	job->deadline_ms = t->env->now_ms(t->env->ctx) + t->period_ms;
	wrq_push(t->env->writer, job);
}

static void
timer_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* next time, perhaps */
	timer_done(job);
}

bool
api_timer_start(struct api_env *env, int64_t period_ms, api_timer_f *work)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return false;
	t->job.run = timer_run;
	t->job.done = timer_done;
	t->job.failed = timer_failed;
	t->job.is_timer = true;
	t->env = env;
	t->period_ms = period_ms;
	t->work = work;
	timer_done(&t->job); /* waits from now on */
	return true;
}

void
api_timers_stop(struct api_env *env)
{
	atomic_store(&env->is_stopping, true);
}
