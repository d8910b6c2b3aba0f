/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * help_rig - the service as it runs: a writer thread, a clock, any callers
 */

/* System */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Model */
#include "model/journal/jrn_memory.h"
#include "model/mem.h"

/* Own */
#include "api/bal.h"
#include "api/evt.h"
#include "api/reserve.h"
#include "api/timer.h"
#include "tests/api/help_calls.h"
#include "tests/api/help_rig.h"

#define NAP_NS 1000000
#define STEP_MS 100 /* of the world's time in one nap */

void
rig_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("stress: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	_Exit(1); /* other threads go on: nothing may be torn down */
}

void
rig_nap(void)
{
	const struct timespec t = {0, NAP_NS};

	(void)nanosleep(&t, NULL); /* shorter is fine */
}

/* ---- what the daemon has ---- */

static int64_t
now_ms(void *ctx)
{
	struct timespec t;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
wall_s(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

static void
fill_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	if (getrandom(buf, n, 0) != (ssize_t)n)
		rig_die("no randomness");
}

static bool
command(void *ctx, const struct hv_command *cmd)
{
	struct rig *r = ctx;
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command = *cmd;
	if (!hv_msg_check(&m, m.bytes))
		rig_die("a command that is none: verb %d", (int)cmd->verb);
	return hv_link_send(r->link, &m);
}

static void
up(void *ctx, const struct hv_msg *m)
{
	api_boot_up(((struct rig *)ctx)->boot, m);
}

static void
lost(void *ctx, const char *text)
{
	(void)ctx;
	rig_die("the world is gone: %s", text);
}

static void
ready(void *ctx)
{
	atomic_store(&((struct rig *)ctx)->is_ready, true);
}

static void
hopeless(void *ctx, const char *text)
{
	(void)ctx;
	rig_die("hopeless: %s", text);
}

static void
warn(void *ctx, const char *text)
{
	(void)ctx;
	(void)text; /* faults are what is wanted here */
}

static void
fatal(void *ctx, const struct failure *why)
{
	(void)ctx;
	rig_die("fatal: %s", why->param[0]);
}

static void
sync_up(void *ctx)
{
	rig_sync(ctx);
}

void
rig_sync(struct rig *r)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_SYNC);
	if (!hv_link_send(r->link, &m))
		rig_die("no link");
}

static void *
run_clock(void *arg)
{
	struct rig *r = arg;

	while (!atomic_load(&r->is_over)) {
		rig_nap();
		hv_sim_step(r->sim, STEP_MS);
	}
	return NULL;
}

static void
committed(void *ctx, const struct fld_change *change, size_t n)
{
	api_evt_note(&((struct rig *)ctx)->env, change, n);
	api_bal_note(&((struct rig *)ctx)->env, change, n);
	api_reserve_note(&((struct rig *)ctx)->env, change, n);
}

/* ---- opening and closing ---- */

/* open_env - what handlers find */
static void
open_env(struct rig *r)
{
	r->env.store = r->store;
	r->env.writer = r->writer;
	r->env.ctx = r;
	r->env.command = command;
	r->env.now_ms = now_ms;
	r->env.wall_s = wall_s;
	r->env.random = fill_random;
	r->env.lock_wait_ms = 50;
	r->env.target_wait_ms = 100;
	r->env.sessions_max = 10;
	r->env.balance = BAL_LOOP_SHARES;
	if (api_env_init(&r->env) != 0)
		rig_die("out of memory");
}

void
rig_open(struct rig *r, struct jrn *journal, const struct hv_sim_host *hosts,
    size_t n)
{
	const struct hv_link_calls calls = {.ctx = r, .up = up, .lost = lost};
	const struct api_boot_calls boot = {.ctx = r,
	    .ready = ready,
	    .hopeless = hopeless,
	    .warn = warn,
	    .sync = sync_up};
	struct wrq_config q = {
	    .now_ms = now_ms, .fatal = fatal, .committed = committed, .ctx = r};
	struct failure why;

	memset(r, 0, sizeof(*r));
	r->journal = journal;
	if (fld_open(&r->store, journal, &mem_rules, &why) != ERR_NONE)
		rig_die("no store: %s", why.param[0]);
	q.store = r->store;
	if (wrq_start(&r->writer, &q, &why) != ERR_NONE)
		rig_die("no writer: %s", why.param[0]);
	open_env(r);
	r->sim = hv_sim_new(hosts, n);
	r->boot = api_boot_new(&r->env, NULL, &boot);
	if (r->sim == NULL || r->boot == NULL)
		rig_die("out of memory");
	r->link = hv_sim_link(r->sim, &calls);
	if (r->link == NULL ||
	    pthread_create(&r->clock, NULL, run_clock, r) != 0)
		rig_die("no world");
	rig_sync(r);
	while (!atomic_load(&r->is_ready))
		rig_nap();
}

void
rig_close(struct rig *r, struct jrn **copy_out)
{
	atomic_store(&r->is_over, true);
	(void)pthread_join(r->clock, NULL); /* it is ours */
	api_timers_stop(&r->env);
	wrq_stop(&r->writer);
	hv_link_close(&r->link, HV_LEAVE_RUNNING);
	api_boot_free(&r->boot);
	api_env_fini(&r->env);
	if (copy_out != NULL) {
		*copy_out = jrn_memory_copy(r->journal);
		if (*copy_out == NULL)
			rig_die("out of memory");
	}
	fld_close(&r->store);
	hv_sim_free(&r->sim);
}

/* ---- calls ---- */

static void
answered(struct api_call *c)
{
	(void)sem_post(c->owner); /* cannot overflow */
}

void
rig_call(struct api_call *c, struct fld_reader *rd)
{
	sem_t sem;

	(void)sem_init(&sem, 0, 0); /* cannot fail */
	c->done = answered;
	c->owner = &sem;
	api_dispatch(c, rd);
	while (sem_wait(&sem) != 0)
		if (errno != EINTR)
			rig_die("cannot wait");
	(void)sem_destroy(&sem); /* nobody waits */
}

enum err
rig_vm(struct rig *r, struct fld_reader *rd, const char *method,
    const struct idl_ref *vm)
{
	struct api_call c;
	enum err rc;

	if (!calls_prepare(&c, &r->env, api_msg_find(method, strlen(method))))
		rig_die("out of memory");
	memcpy(c.args, vm, sizeof(*vm));
	rig_call(&c, rd);
	rc = c.err;
	api_call_fini(&c);
	return rc;
}

/* A job that only wants to be in the writer's thread. */
struct errand {
	struct wrq_job job;
	struct rig *r;
	void (*what)(struct rig *r, void *arg);
	void *arg;
	sem_t sem;
};

static enum wrq_verdict
errand_run(struct wrq_job *job, struct fld_tx *tx)
{
	(void)job;
	(void)tx; /* nothing to store */
	return WRQ_ABORT;
}

static void
errand_done(struct wrq_job *job)
{
	struct errand *e = (struct errand *)(void *)job;

	e->what(e->r, e->arg);
	(void)sem_post(&e->sem); /* cannot overflow */
}

static void
errand_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* a refused commit of others */
	errand_done(job);
}

void
rig_in_writer(struct rig *r, void (*what)(struct rig *r, void *arg), void *arg)
{
	struct errand e = {.r = r, .what = what, .arg = arg};

	e.job.run = errand_run;
	e.job.done = errand_done;
	e.job.failed = errand_failed;
	(void)sem_init(&e.sem, 0, 0); /* cannot fail */
	wrq_push(r->writer, &e.job);
	while (sem_wait(&e.sem) != 0)
		if (errno != EINTR)
			rig_die("cannot wait");
	(void)sem_destroy(&e.sem); /* nobody waits */
}
