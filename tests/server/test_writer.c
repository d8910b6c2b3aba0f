/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer: order, one commit for many, waiting, neighbours. */

/* System */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "idl_types.h"
#include "model/arena.h"
#include "model/fld.h"
#include "model/journal/jrn_memory.h"

/* Own */
#include "server/writer.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define JOBS_MAX 1200
#define POISON (-13) /* a memory_target that `rules` refuse */

/* A job that sets memory_target of one VM, or waits, or gives up. */
struct task {
	struct wrq_job job; /* first */
	uint64_t vm;
	int64_t target;
	enum wrq_verdict verdict;
	bool until_expired; /* parks until its time has passed */
	bool again;	    /* done() pushes it once more */
	struct idl_ref wait[2];
	int64_t deadline_ms;
	int runs, seen_expired, done, failed;
	int64_t seen_target; /* of VM 0, at the last run */
	struct failure why;
};

static struct fld_store *store;
static struct jrn *journal;
static struct fld_reader *reader;
static struct wrq *q;
static int64_t clock_ms;
static int fatals;
static struct task task[JOBS_MAX];
static char order[64]; /* letters of jobs as they are answered */
static struct failure why;

static int64_t
now_ms(void *ctx)
{
	(void)ctx;
	return clock_ms;
}

static void
fatal(void *ctx, const struct failure *w)
{
	(void)ctx;
	cr_expect_eq(w->code, ERR_INTERNAL_ERROR);
	fatals++;
}

static enum err
check(const struct fld_view *v, int cls, const void *rec, struct failure *w)
{
	const struct idl_vm *vm = rec;

	(void)v;
	if (cls == IDL_CLASS_VM && vm->memory_target == POISON)
		return err_fail(w, ERR_INVALID_VALUE, "sd", "memory_target",
		    vm->memory_target);
	return ERR_NONE;
}

static const struct fld_rules rules = {NULL, check, NULL};
static const struct wrq_config config = {.now_ms = now_ms, .fatal = fatal};

/* ref_of - of VM n */
static struct idl_ref
ref_of(uint64_t n)
{
	return (struct idl_ref){0x1000 + n, n};
}

static enum wrq_verdict
task_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct task *t = (struct task *)(void *)job;
	struct idl_ref zero = ref_of(0), ref = ref_of(t->vm);
	const struct idl_vm *vm;
	struct idl_vm *mine;

	t->runs++;
	t->seen_expired += job->expired;
	vm = fld_get(fld_tx_view(tx), IDL_CLASS_VM, &zero);
	t->seen_target = vm->memory_target;
	mine = fld_tx_edit(tx, IDL_CLASS_VM, &ref);
	if (mine != NULL)
		mine->memory_target = t->target;
	if (t->until_expired && !job->expired) {
		job->wait[0] = t->wait[0];
		job->wait[1] = t->wait[1];
		job->deadline_ms = t->deadline_ms;
		return WRQ_PARK;
	}
	return t->verdict;
}

static void
note(const struct task *t)
{
	size_t n = strlen(order);

	if (n + 1 < sizeof order) {
		order[n] = (char)('a' + (t - task));
		order[n + 1] = '\0';
	}
}

static void
task_done(struct wrq_job *job)
{
	struct task *t = (struct task *)(void *)job;

	t->done++;
	note(t);
	if (t->again) {
		t->again = false;
		wrq_push(q, job);
	}
}

static void
task_failed(struct wrq_job *job, const struct failure *w)
{
	struct task *t = (struct task *)(void *)job;

	t->failed++;
	note(t);
	err_copy(&t->why, w);
}

/* task_init - job number i: sets VM vm to target */
static struct task *
task_init(size_t i, uint64_t vm, int64_t target)
{
	struct task *t = &task[i];

	memset(t, 0, sizeof *t);
	t->job.run = task_run;
	t->job.done = task_done;
	t->job.failed = task_failed;
	t->vm = vm;
	t->target = target;
	return t;
}

static struct task *
task_push(size_t i, uint64_t vm, int64_t target)
{
	struct task *t = task_init(i, vm, target);

	wrq_push(q, &t->job);
	return t;
}

/* task_wait - a job that waits for VM n until a time */
static struct task *
task_wait(size_t i, uint64_t n, int64_t deadline_ms)
{
	struct task *t = task_init(i, 999, 0);

	t->until_expired = true;
	t->wait[0] = ref_of(n);
	t->deadline_ms = deadline_ms;
	t->verdict = WRQ_ABORT;
	wrq_push(q, &t->job);
	return t;
}

/* open_store - VMs 0..9 */
static void
open_store(void)
{
	struct fld_tx *tx;
	struct arena a;
	struct idl_ref ref;
	uint64_t n;

	journal = jrn_memory_new();
	cr_assert_eq(fld_open(&store, journal, &rules, &why), ERR_NONE);
	arena_init(&a, 1 << 20);
	tx = fld_tx_begin(store, &a);
	for (n = 0; n < 10; n++) {
		ref = ref_of(n);
		cr_assert_not_null(fld_tx_create(tx, IDL_CLASS_VM, &ref));
	}
	cr_assert_eq(fld_tx_close(&tx, &why), ERR_NONE);
	cr_assert_eq(fld_batch_commit(store, &why), FLD_COMMITTED);
	arena_fini(&a);
	reader = fld_reader_new(store);
	jrn_memory_fail(journal, (struct jrn_memory_fault){0});
}

static void
start(void)
{
	struct wrq_config c = config;

	open_store();
	c.store = store;
	q = wrq_new(&c);
	cr_assert_not_null(q);
}

static void
finish(void)
{
	wrq_stop(&q);
	fld_reader_free(&reader);
	fld_close(&store);
}

/* run_all - until nothing is left to run */
static void
run_all(void)
{
	while (wrq_run_once(q))
		;
}

/* target - of a VM, as readers see it */
static int64_t
target(uint64_t n)
{
	struct idl_ref ref = ref_of(n);
	const struct fld_view *v = fld_pin(reader);
	const struct idl_vm *vm = fld_get(v, IDL_CLASS_VM, &ref);
	int64_t bytes = vm->memory_target;

	fld_unpin(reader, v);
	return bytes;
}

Test(writer, jobs_run_in_order_and_share_a_commit)
{
	start();
	cr_assert_not(wrq_run_once(q), "nothing to do");
	(void)task_push(0, 0, 1);
	(void)task_push(1, 0, 2);
	(void)task_push(2, 1, 3);
	task_push(3, 1, 99)->verdict = WRQ_ABORT;
	(void)task_push(4, 0, 4);
	cr_assert(wrq_run_once(q));
	cr_assert_str_eq(order, "abcde");
	cr_assert_eq(jrn_memory_commits(journal), 1);
	cr_assert_eq(task[1].seen_target, 1, "a job sees those before it");
	cr_assert_eq(task[4].seen_target, 2);
	cr_assert_eq(target(0), 4);
	cr_assert_eq(target(1), 3, "the aborted one left nothing");
	cr_assert_eq(task[3].done, 1, "and is done all the same");
	finish();
}

Test(writer, some_are_told_last)
{
	start();
	task_push(0, 0, 1)->job.is_last = true;
	(void)task_push(1, 0, 2);
	task_push(2, 0, 3)->job.is_last = true;
	(void)task_push(3, 0, 4);
	cr_assert(wrq_run_once(q));
	cr_assert_str_eq(order, "bdac");
	cr_assert_eq(target(0), 4, "though all ran in order");
	finish();
}

Test(writer, a_round_is_bounded)
{
	size_t i;

	start();
	for (i = 0; i < 600; i++)
		(void)task_push(i, i % 10, (int64_t)i);
	cr_assert(wrq_run_once(q));
	cr_assert_eq(task[WRQ_ROUND_MAX - 1].done, 1);
	cr_assert_eq(task[WRQ_ROUND_MAX].runs, 0);
	run_all();
	cr_assert_eq(jrn_memory_commits(journal), 3);
	cr_assert_eq(task[599].done, 1);
	finish();
}

Test(writer, done_may_push_again)
{
	start();
	task_push(0, 0, 1)->again = true;
	run_all();
	cr_assert_eq(task[0].done, 2);
	finish();
}

Test(writer, a_job_that_cannot_close_fails_alone)
{
	start();
	(void)task_push(0, 0, 1);
	(void)task_push(1, 1, POISON);
	(void)task_push(2, 2, 3);
	cr_assert(wrq_run_once(q));
	cr_assert_str_eq(order, "abc");
	cr_assert_eq(task[1].failed, 1);
	cr_assert_eq(task[1].why.code, ERR_INVALID_VALUE);
	cr_assert(task[0].done == 1 && task[2].done == 1);
	cr_assert_eq(target(1), 0);
	cr_assert_eq(target(2), 3);
	finish();
}

Test(writer, a_refused_commit_is_told_to_whom_it_concerns)
{
	static const struct {
		const char *sentence;
		size_t nth; /* commit that is refused besides the first */
		int failed[3];
	} rows[] = {
	    {"tried again one by one, all go", 0, {0, 0, 0}},
	    {"the first cannot be stored", 2, {1, 0, 0}},
	    {"the second cannot", 3, {0, 1, 0}},
	    {"the third cannot", 4, {0, 0, 1}},
	};
	size_t i, k;

	for (i = 0; i < N(rows); i++) {
		start();
		order[0] = '\0';
		for (k = 0; k < 3; k++)
			(void)task_push(k, k, (int64_t)k + 5);
		(void)task_wait(3, 0, 50);
		jrn_memory_fail(journal,
		    (struct jrn_memory_fault){1, JRN_REFUSED, JRN_FATAL});
		if (rows[i].nth != 0)
			jrn_memory_fail_also(journal, rows[i].nth);
		cr_assert(wrq_run_once(q));
		for (k = 0; k < 3; k++) {
			cr_expect_eq(task[k].failed, rows[i].failed[k], "%s",
			    rows[i].sentence);
			cr_expect_eq(task[k].done, !rows[i].failed[k]);
			cr_expect_eq(task[k].runs, 2);
			cr_expect_eq(
			    target(k), rows[i].failed[k] ? 0 : (int64_t)k + 5);
			if (task[k].failed)
				cr_expect_not_null(strstr(
				    task[k].why.param[0], "not stored: "));
		}
		cr_expect_str_eq(order, "abc");
		cr_expect_eq(wrq_parked(q), 1);
		finish();
	}
}

Test(writer, a_single_refused_job_is_not_run_again)
{
	start();
	jrn_memory_fail(
	    journal, (struct jrn_memory_fault){1, JRN_REFUSED, JRN_FATAL});
	(void)task_push(0, 0, 1);
	run_all();
	cr_assert_eq(task[0].runs, 1);
	cr_assert_eq(task[0].failed, 1);
	(void)task_push(1, 0, 2); /* and the service goes on */
	run_all();
	cr_assert_eq(task[1].done, 1);
	cr_assert_eq(target(0), 2);
	finish();
}

Test(writer, nobody_is_answered_when_nobody_knows)
{
	start();
	(void)task_wait(2, 5, 50);
	run_all();
	jrn_memory_fail(
	    journal, (struct jrn_memory_fault){1, JRN_UNKNOWN, JRN_FATAL});
	(void)task_push(0, 0, 1);
	(void)task_push(1, 0, 2);
	run_all();
	cr_assert_eq(fatals, 1);
	cr_assert(task[0].done == 0 && task[0].failed == 0);
	(void)task_push(3, 0, 3);
	cr_assert_not(wrq_run_once(q), "no job is run any more");
	wrq_stop(&q);
	cr_assert_eq(
	    task[0].failed + task[1].failed + task[2].failed + task[3].failed,
	    4, "each is let go in the end");
	fld_reader_free(&reader);
	fld_close(&store);
}

Test(writer, a_parked_job_wakes_by_change_or_by_time)
{
	struct task *t;

	start();
	clock_ms = 1000;
	t = task_wait(0, 3, 1500);
	run_all();
	cr_assert_eq(wrq_parked(q), 1);
	cr_assert_eq(t->runs, 1);
	cr_assert_eq(wrq_wait_ms(q), 500);

	(void)task_push(1, 4, 1);
	run_all();
	cr_assert_eq(t->runs, 1, "another record does not concern it");
	(void)task_push(1, 3, 1);
	run_all();
	cr_assert_eq(t->runs, 2, "its record does");
	cr_assert_eq(t->seen_expired, 0);
	cr_assert_eq(wrq_parked(q), 1, "it waits again");

	clock_ms = 1499;
	run_all();
	cr_assert_eq(t->runs, 2);
	clock_ms = 1500;
	run_all();
	cr_assert_eq(t->runs, 3);
	cr_assert_eq(t->seen_expired, 1);
	cr_assert_eq(t->done, 1);
	cr_assert_eq(wrq_parked(q), 0);
	cr_assert_eq(wrq_wait_ms(q), -1);

	t->until_expired = true; /* a new push is a new life */
	t->deadline_ms = 9000;
	wrq_push(q, &t->job);
	run_all();
	cr_assert_eq(wrq_parked(q), 1);
	t->until_expired = false;
	(void)task_push(1, 3, 8);
	run_all();
	cr_assert_eq(t->seen_expired, 1);
	finish();
}

Test(writer, a_change_of_the_same_round_wakes)
{
	struct task *t;

	start();
	t = task_wait(0, 3, 1000);
	(void)task_push(1, 3, 1); /* after it looked, before it is parked */
	cr_assert(wrq_run_once(q));
	t->until_expired = false;
	cr_assert(wrq_run_once(q), "it is ready at once");
	cr_assert_eq(t->done, 1);
	finish();
}

Test(writer, either_of_two_records_wakes)
{
	struct task *t;
	uint64_t n;

	start();
	t = task_init(0, 999, 0);
	t->until_expired = true;
	t->deadline_ms = 1000;
	for (n = 1; n <= 3; n++) {
		t->wait[0] = ref_of(1);
		t->wait[1] = n == 3 ? ref_of(1) : ref_of(2);
		if (n == 1)
			wrq_push(q, &t->job);
		run_all();
		cr_assert_eq(t->runs, (int)n);
		(void)task_push(1, n == 2 ? 2 : 1, (int64_t)n);
		(void)task_push(2, n == 2 ? 1 : 2, (int64_t)n);
		t->wait[1] = n == 2 ? ref_of(1) : ref_of(2);
	}
	run_all();
	cr_assert_eq(t->runs, 4);
	cr_assert_eq(wrq_parked(q), 1);
	finish();
}

Test(writer, parking_is_bounded)
{
	size_t i;

	start();
	for (i = 0; i < WRQ_PARKED_MAX + 5; i++)
		(void)task_wait(i, 3, 1000);
	run_all();
	cr_assert_eq(wrq_parked(q), WRQ_PARKED_MAX);
	for (i = 0; i < WRQ_PARKED_MAX + 5; i++) {
		cr_assert_eq(task[i].done, i >= WRQ_PARKED_MAX, "%zu", i);
		cr_assert_eq(task[i].seen_expired, i >= WRQ_PARKED_MAX);
	}
	clock_ms = 1000;
	run_all();
	for (i = 0; i < WRQ_PARKED_MAX; i++)
		cr_assert_eq(task[i].done, 1);
	finish();
	clock_ms = 0;
}

Test(writer, a_timer_waits_when_nobody_else_may)
{
	size_t i;

	start();
	for (i = 0; i < WRQ_PARKED_MAX + 1; i++)
		(void)task_wait(i, 3, 1000);
	task[WRQ_PARKED_MAX].job.is_timer = true;
	run_all();
	cr_assert_eq(wrq_parked(q), WRQ_PARKED_MAX);
	cr_assert_eq(task[WRQ_PARKED_MAX].done, 0);
	clock_ms = 1000;
	run_all();
	cr_assert_eq(task[WRQ_PARKED_MAX].done, 1);
	finish();
	clock_ms = 0;
}

Test(writer, as_many_timers_wait_as_there_are_places)
{
	const size_t places = WRQ_PARKED_MAX + WRQ_TIMERS_MAX;

	start();
	for (size_t i = 0; i < places + 2; i++) {
		(void)task_wait(i, 3, 1000);
		task[i].job.is_timer = i <= places;
	}
	run_all();
	cr_assert_eq(wrq_parked(q), 0, "timers are not counted");
	for (size_t i = 0; i < places; i++)
		cr_assert_eq(task[i].done, 0, "%zu waits", i);
	for (size_t i = places; i < places + 2; i++) {
		cr_assert_eq(task[i].done, 1, "%zu has no place", i);
		cr_assert_eq(task[i].seen_expired, 1, "and is told so");
	}
	clock_ms = 1000;
	run_all();
	for (size_t i = 0; i < places; i++)
		cr_assert_eq(task[i].done, 1, "%zu", i);
	(void)task_wait(0, 3, 2000);
	run_all();
	cr_assert_eq(wrq_parked(q), 1, "their places are free again");
	finish();
	clock_ms = 0;
}

static enum wrq_verdict
stubborn_run(struct wrq_job *job, struct fld_tx *tx)
{
	(void)tx;
	((struct task *)(void *)job)->runs++;
	return WRQ_PARK;
}

Test(writer, a_job_does_not_wait_for_ever)
{
	start();
	task_init(0, 0, 0)->job.run = stubborn_run;
	wrq_push(q, &task[0].job);
	run_all();
	cr_assert_eq(task[0].failed, 1, "its deadline was 0");
	cr_assert_eq(task[0].runs, 2);
	finish();
}

Test(writer, stop_answers_everyone)
{
	start();
	(void)task_wait(0, 3, 100000);
	(void)task_wait(1, 3, 200000);
	run_all();
	(void)task_wait(2, 3, 300000);
	task_push(3, 0, 7)->again = true;
	wrq_stop(&q);
	cr_assert_eq(task[0].done + task[1].done + task[2].done, 3);
	cr_assert_eq(task[2].seen_expired, 1);
	cr_assert_eq(task[3].done, 2);
	cr_assert_eq(target(0), 7);
	fld_reader_free(&reader);
	fld_close(&store);
}

/* ---- with its thread ---- */

#define PUSHERS 3
#define EACH 300

static _Atomic int answered;

static void
count_done(struct wrq_job *job)
{
	(void)job;
	atomic_fetch_add(&answered, 1);
}

static void
count_failed(struct wrq_job *job, const struct failure *w)
{
	(void)w;
	count_done(job);
}

static void *
pusher(void *arg)
{
	size_t first = (size_t)(uintptr_t)arg * EACH, i;
	struct task *t;

	for (i = first; i < first + EACH; i++) {
		t = task_init(i, i % 10, (int64_t)i);
		t->job.done = count_done;
		t->job.failed = count_failed;
		wrq_push(q, &t->job);
	}
	return NULL;
}

Test(writer, its_thread_answers_every_push_once)
{
	struct wrq_config c = config;
	pthread_t thread[PUSHERS];
	size_t i;

	open_store();
	c.store = store;
	cr_assert_eq(wrq_start(&q, &c, &why), ERR_NONE);
	for (i = 0; i < PUSHERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, pusher,
				 (void *)(uintptr_t)i),
		    0);
	for (i = 0; i < PUSHERS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	wrq_stop(&q);
	cr_assert_eq(atomic_load(&answered), PUSHERS * EACH);
	for (i = 0; i < PUSHERS * EACH; i++)
		cr_assert_eq(task[i].runs, 1);
	fld_reader_free(&reader);
	fld_close(&store);
}
