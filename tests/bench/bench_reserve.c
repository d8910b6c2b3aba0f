/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bench_reserve DIR - admission: memory_reservation.create_for_VM on a host
 * where the memory is free, at 64 callers, durable.
 *
 * CPU seconds are those of the whole process: callers, dispatch, admission,
 * the loop and the journal.
 */

/* System */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Server */
#include "server/writer.h"

/* Api */
#include "api/bal.h"
#include "api/vm_priv.h"

/* own */
#include "tests/bench/help_door.h"
#include "tests/bench/help_store.h"

#define CALLERS 64
#define AT_ONCE 960 /* held at a time: under the limit of one owner */
#define TIMES 10
#define ROUNDS 5

static struct api_env env;
static struct api_call call[CALLERS];
static _Atomic(struct api_call *) answered; /* by ops_next */
static sem_t some;
static struct hv_uuid host_uuid;

/* ---- calls ---- */

static void
on_done(struct api_call *c)
{
	c->ops_next = atomic_load(&answered);
	while (!atomic_compare_exchange_weak(&answered, &c->ops_next, c))
		;
	sem_post(&some);
}

/* submit - caller i's next decision */
static void
submit(struct api_call *c, struct fld_reader *rd, unsigned i)
{
	help_reserve_call(c, &env, help_vm_ref(i), help_host_ref());
	c->done = on_done;
	api_dispatch(c, rd);
}

/* decide - so many decisions by all callers */
static void
decide(struct fld_reader *rd)
{
	struct api_call *c, *next;
	unsigned sent = 0, done = 0;

	for (; sent < CALLERS; sent++)
		submit(&call[sent], rd, sent);
	while (done < AT_ONCE) {
		while (sem_wait(&some) != 0)
			;
		for (c = atomic_exchange(&answered, NULL); c != NULL;
		     c = next) {
			next = c->ops_next;
			if (c->err != ERR_NONE)
				help_die("create_for_VM", &c->why);
			api_call_fini(c);
			done++;
			if (sent++ < AT_ONCE)
				submit(c, rd, (unsigned)(c - call));
		}
	}
	while (sem_trywait(&some) == 0)
		;
}

/* forget - none is held any more */
static void
forget(struct fld_reader *rd)
{
	help_reset_call(&call[0], &env);
	call[0].done = on_done;
	api_dispatch(&call[0], rd);
	while (atomic_exchange(&answered, NULL) == NULL)
		while (sem_wait(&some) != 0)
			;
	if (call[0].err != ERR_NONE)
		help_die("reset_owner", &call[0].why);
	api_call_fini(&call[0]);
	while (sem_trywait(&some) == 0)
		;
}

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- a world with one host ---- */

static enum wrq_verdict
tell_run(struct wrq_job *job, struct fld_tx *tx)
{
	(void)job;
	(void)tx; /* stores nothing */
	return WRQ_ABORT;
}

/* tell_done - the loop hears of a host with much free memory */
static void
tell_done(struct wrq_job *job)
{
	static const enum hv_type order[] = {HV_HELLO, HV_HOST, HV_SYNCED};
	struct hv_msg m;

	(void)job;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		hv_msg_init(&m, order[i]);
		if (order[i] == HV_HOST) {
			m.u.host.uuid = host_uuid;
			m.u.host.total_kib = m.u.host.free_kib = 1ull << 40;
		}
		if (!api_bal_hear(env.bal, &m))
			abort();
	}
	sem_post(&some);
}

static void
tell_failed(struct wrq_job *job, const struct failure *why)
{
	(void)job;
	help_die("tell", why);
}

static void
on_committed(void *ctx, const struct fld_change *change, size_t n)
{
	(void)ctx;
	api_bal_note(&env, change, n);
}

static void
warn(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s\n", text);
}

/* read_uuid - what the host is called in the hypervisor's world */
static void
read_uuid(struct fld_reader *rd)
{
	const struct idl_ref ref = help_host_ref();
	const struct fld_view *v = fld_pin(rd);
	const struct idl_host *host = fld_get(v, IDL_CLASS_HOST, &ref);

	if (host == NULL || !api_vm_hv_uuid(host->uuid, &host_uuid))
		abort();
	fld_unpin(rd, v);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* measure - decisions a CPU second: the median of some rounds */
static double
measure(struct fld_reader *rd)
{
	double rate[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double used = 0, begin;

		for (int k = 0; k < TIMES; k++) {
			begin = cpu_s();
			decide(rd);
			used += cpu_s() - begin;
			forget(rd);
		}
		rate[i] = (double)AT_ONCE * TIMES / used;
	}
	qsort(rate, ROUNDS, sizeof(rate[0]), by_value);
	return rate[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
	struct wrq_job tell = {
	    .run = tell_run, .done = tell_done, .failed = tell_failed};
	struct wrq_config config = {.committed = on_committed};
	struct fld_reader *rd;
	struct fld_store *s;
	struct failure why;
	char path[4096];

	if (argc != 2 || sem_init(&some, 0, 0) != 0)
		return 2;
	(void)snprintf(path, sizeof(path), "%s/reserve.db", argv[1]);
	s = help_store_open(path);
	help_store_fill(s, CALLERS);
	help_env(&env, s);
	config.store = s;
	config.now_ms = env.now_ms;
	env.bal = api_bal_new(&env, warn, NULL);
	if (env.bal == NULL ||
	    wrq_start(&env.writer, &config, &why) != ERR_NONE)
		return 1;
	rd = fld_reader_new(s);
	read_uuid(rd);
	wrq_push(env.writer, &tell);
	while (sem_wait(&some) != 0)
		;
	printf("%d callers: %.0f durable decisions a CPU second "
	       "(budget 20000)\n",
	    CALLERS, measure(rd));
	fld_reader_free(&rd);
	wrq_stop(&env.writer);
	api_bal_free(&env.bal);
	api_env_fini(&env);
	fld_close(&s);
	return 0;
}
