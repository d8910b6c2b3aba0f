/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * writer - the thread behind model/wrq.h
 *
 * Pushing is one compare-and-swap onto a stack, which the writer takes whole
 * and turns round.  A writer with nothing to do says so in `asleep` and waits
 * on that word (futex); whoever pushes looks at it after the push, and the
 * writer looks at the stack after it said so, both in sequentially consistent
 * order: one of the two sees the other, and no wake-up is lost.
 */

/* System */
#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Model */
#include "model/arena.h"
#include "model/fld.h"

/* Own */
#include "server/writer.h"

#define ARENA_BYTES ((size_t)64 << 20) /* most one job may use */
#define BUCKETS 512		       /* of the table of parked jobs */
#define GARBAGE_MS 50 /* look again at what readers held that long */

struct parked;

/* One ref that a parked job waits for. */
struct watch {
	LIST_ENTRY(watch) link;
	struct parked *owner;
	struct idl_ref ref;
};
LIST_HEAD(bucket, watch);

struct parked {
	TAILQ_ENTRY(parked) link; /* by arrival; or in the list of spares */
	struct wrq_job *job;	  /* not NULL while parked */
	struct watch watch[WRQ_WAITS];
};
TAILQ_HEAD(parked_list, parked);

/* One job of the round that runs, and how it went so far. */
struct entry {
	struct wrq_job *job;
	enum wrq_verdict verdict;
	bool is_failed; /* its transaction did not close: why */
	bool is_last;	/* the job's */
	struct failure why;
};

struct wrq {
	/* Anybody's, and what hardly ever changes. */
	_Alignas(64) _Atomic(struct wrq_job *) pushed; /* newest first */
	_Atomic uint32_t asleep;		       /* 1: wake it */
	atomic_bool is_stopping;
	bool has_thread;
	bool is_dead;	  /* after FLD_FATAL; the writer's */
	uint32_t ntimers; /* the writer's: of nparked */
	pthread_t thread;
	struct wrq_config config;

	/* The writer's. */
	_Alignas(64) struct wrq_job *ready, **end; /* in order */
	struct arena arena;
	size_t n;
	struct entry entry[WRQ_ROUND_MAX];

	size_t nparked;
	int64_t next_ms; /* no deadline is before this */
	struct parked_list waiting, spare;
	struct bucket bucket[BUCKETS];
	struct parked parked[WRQ_PARKED_MAX + WRQ_TIMERS_MAX];
};

/* ---- the queue ---- */

/* futex - the two calls that are needed */
static void
futex(_Atomic uint32_t *word, int op, uint32_t value,
    const struct timespec *timeout)
{
	/* A wake-up without cause or a failure only costs a look around. */
	(void)syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* wake - the writer, if it sleeps */
static void
wake(struct wrq *q)
{
	if (atomic_load(&q->asleep) != 0 && atomic_exchange(&q->asleep, 0) != 0)
		futex(&q->asleep, FUTEX_WAKE_PRIVATE, 1, NULL);
}

void
wrq_push(struct wrq *q, struct wrq_job *job)
{
	struct wrq_job *top;

	job->expired = false;
	top = atomic_load_explicit(&q->pushed, memory_order_relaxed);
	do
		job->next = top;
	while (!atomic_compare_exchange_weak(&q->pushed, &top, job));
	wake(q);
}

/* enqueue - behind all that are ready */
static void
enqueue(struct wrq *q, struct wrq_job *job)
{
	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
}

/* gather - what was pushed since, in the order it was */
static void
gather(struct wrq *q)
{
	struct wrq_job *job, *next, *first = NULL;

	if (atomic_load_explicit(&q->pushed, memory_order_relaxed) == NULL)
		return;
	for (job = atomic_exchange(&q->pushed, NULL); job != NULL; job = next) {
		next = job->next;
		job->next = first;
		first = job;
	}
	for (job = first; job != NULL; job = next) {
		next = job->next;
		enqueue(q, job);
	}
}

/* dequeue - the next job; NULL: none */
static struct wrq_job *
dequeue(struct wrq *q)
{
	struct wrq_job *job = q->ready;

	if (job == NULL)
		return NULL;
	q->ready = job->next;
	if (q->ready == NULL)
		q->end = &q->ready;
	return job;
}

/* ---- parking ---- */

/* bucket_of - where those who wait for a ref are */
static struct bucket *
bucket_of(struct wrq *q, const struct idl_ref *ref)
{
	return &q->bucket[(ref->hi ^ ref->lo) % BUCKETS];
}

/* unpark - ready again */
static void
unpark(struct wrq *q, struct parked *p)
{
	int i;

	for (i = 0; i < WRQ_WAITS; i++)
		if (!idl_ref_is_null(&p->watch[i].ref))
			LIST_REMOVE(&p->watch[i], link);
	TAILQ_REMOVE(&q->waiting, p, link);
	TAILQ_INSERT_HEAD(&q->spare, p, link);
	q->nparked--;
	q->ntimers -= p->job->is_timer;
	enqueue(q, p->job);
	p->job = NULL;
}

/* park - a job waits; or its time has passed, if no more may wait */
static void
park(struct wrq *q, struct wrq_job *job)
{
	struct parked *p = TAILQ_FIRST(&q->spare);
	int i;

	if (p == NULL || atomic_load(&q->is_stopping) ||
	    (wrq_parked(q) >= WRQ_PARKED_MAX && !job->is_timer)) {
		job->expired = true;
		enqueue(q, job);
		return;
	}
	TAILQ_REMOVE(&q->spare, p, link);
	TAILQ_INSERT_TAIL(&q->waiting, p, link);
	q->nparked++;
	q->ntimers += job->is_timer;
	p->job = job;
	for (i = 0; i < WRQ_WAITS; i++) {
		p->watch[i].ref = job->wait[i];
		if (!idl_ref_is_null(&job->wait[i]))
			LIST_INSERT_HEAD(
			    bucket_of(q, &job->wait[i]), &p->watch[i], link);
	}
	if (q->nparked == 1 || job->deadline_ms < q->next_ms)
		q->next_ms = job->deadline_ms;
}

/* wake_watchers - one who waits for a changed record is ready */
static void
wake_watchers(struct wrq *q, const struct idl_ref *ref)
{
	struct bucket *b = bucket_of(q, ref);
	struct watch *w = LIST_FIRST(b);

	while (w != NULL) {
		if (!idl_ref_equal(&w->ref, ref)) {
			w = LIST_NEXT(w, link);
			continue;
		}
		unpark(q, w->owner);
		w = LIST_FIRST(b); /* its other watch may have been next */
	}
}

void
wrq_wake(struct wrq *q, const struct idl_ref *ref)
{
	wake_watchers(q, ref);
}

/* wake_changed - all who wait for what the last commit changed */
static void
wake_changed(struct wrq *q)
{
	const struct fld_change *c;
	size_t n;

	if (q->nparked == 0)
		return;
	c = fld_batch_changes(q->config.store, &n);
	for (; n > 0 && q->nparked > 0; n--, c++)
		wake_watchers(q, &c->ref);
}

/* expire - those whose time has passed are ready, and know it */
static void
expire(struct wrq *q)
{
	bool all = atomic_load(&q->is_stopping);
	struct parked *p, *next;
	int64_t now_ms;

	if (q->nparked == 0)
		return;
	now_ms = q->config.now_ms(q->config.ctx);
	if (!all && now_ms < q->next_ms)
		return;
	q->next_ms = INT64_MAX;
	for (p = TAILQ_FIRST(&q->waiting); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (all || p->job->deadline_ms <= now_ms) {
			p->job->expired = true;
			unpark(q, p);
		} else if (p->job->deadline_ms < q->next_ms) {
			q->next_ms = p->job->deadline_ms;
		}
	}
}

/* ---- a round ---- */

/* run_job - a job in its transaction, up to closing it */
static void
run_job(struct wrq *q, struct entry *e)
{
	struct fld_tx *tx;

	e->is_failed = true;
	e->is_last = e->job->is_last;
	arena_reset(&q->arena);
	tx = fld_tx_begin(q->config.store, &q->arena);
	if (tx == NULL) {
		(void)err_internal(&e->why, "out of memory");
		return;
	}
	e->verdict = e->job->run(e->job, tx);
	if (e->verdict == WRQ_PARK && e->job->expired) {
		fld_tx_abort(&tx);
		(void)err_internal(&e->why, "waited again after its deadline");
		return;
	}
	if (e->verdict == WRQ_COMMIT) {
		e->is_failed = fld_tx_close(&tx, &e->why) != ERR_NONE;
		return;
	}
	fld_tx_abort(&tx);
	e->is_failed = false;
}

/* tell - whoever listens what the last commit changed */
static void
tell(struct wrq *q)
{
	const struct fld_change *c;
	size_t n;

	if (q->config.committed == NULL)
		return;
	c = fld_batch_changes(q->config.store, &n);
	if (n > 0)
		q->config.committed(q->config.ctx, c, n);
}

/* answer_some - those that come last, or the others; they may be freed */
static void
answer_some(struct entry *e, size_t n, bool last)
{
	for (size_t i = 0; i < n; i++) {
		if (e[i].is_last != last)
			continue;
		if (e[i].is_failed)
			e[i].job->failed(e[i].job, &e[i].why);
		else if (e[i].verdict != WRQ_PARK)
			e[i].job->done(e[i].job);
	}
}

/*
 * answer_all - what has become of the jobs, now that it is certain
 *
 * Those that park go first: what they wait for may have changed in this very
 * round, after they looked.
 */
static void
answer_all(struct wrq *q, struct entry *e, size_t n)
{
	size_t i;

	tell(q);
	for (i = 0; i < n; i++)
		if (!e[i].is_failed && e[i].verdict == WRQ_PARK)
			park(q, e[i].job);
	wake_changed(q);
	answer_some(e, n, false);
	answer_some(e, n, true);
}

/*
 * die - nobody knows what is stored
 *
 * The jobs go back unanswered: they are failed by wrq_stop, if it comes to
 * that.
 */
static void
die(struct wrq *q, const struct failure *why)
{
	size_t i;

	q->is_dead = true;
	for (i = 0; i < q->n; i++)
		enqueue(q, q->entry[i].job);
	q->config.fatal(q->config.ctx, why);
}

/* run_alone - a job of a refused round, with nothing but itself to blame */
static bool
run_alone(struct wrq *q, struct entry *e, struct failure *why)
{
	enum fld_outcome outcome;

	run_job(q, e);
	outcome = fld_batch_commit(q->config.store, why);
	if (outcome == FLD_FATAL)
		return false;
	if (outcome == FLD_REFUSED && !e->is_failed) {
		e->is_failed = true;
		err_copy(&e->why, why);
	}
	answer_all(q, e, 1);
	return true;
}

/* run_each - the jobs of a refused round, one by one */
static void
run_each(struct wrq *q, struct failure *why)
{
	size_t i, k;

	for (i = 0; i < q->n; i++) {
		if (run_alone(q, &q->entry[i], why))
			continue;
		for (k = i; k < q->n; k++)
			q->entry[k - i].job = q->entry[k].job;
		q->n -= i;
		die(q, why);
		return;
	}
}

/* take - what has been pushed joins the round, as far as there is room */
static void
take(struct wrq *q)
{
	struct wrq_job *job;

	gather(q);
	while (q->n < WRQ_ROUND_MAX && (job = dequeue(q)) != NULL)
		q->entry[q->n++].job = job;
}

/* run_round - q->entry[0..n): run, commit, answer */
static void
run_round(struct wrq *q)
{
	enum fld_outcome outcome;
	struct failure why;
	size_t i;

	for (i = 0; i < q->n; i++) {
		run_job(q, &q->entry[i]);
		/* Who came meanwhile shares this commit. */
		if (i + 1 == q->n)
			take(q);
	}
	outcome = fld_batch_commit(q->config.store, &why);
	if (outcome == FLD_FATAL) {
		die(q, &why);
		return;
	}
	if (outcome == FLD_REFUSED && q->n > 1) {
		run_each(q, &why);
		return;
	}
	if (outcome == FLD_REFUSED && !q->entry[0].is_failed) {
		q->entry[0].is_failed = true;
		err_copy(&q->entry[0].why, &why);
	}
	answer_all(q, q->entry, q->n);
}

bool
wrq_run_once(struct wrq *q)
{
	if (q->is_dead)
		return false;
	gather(q); /* first: what ends a wait in time goes before its expiry */
	expire(q);
	q->n = 0;
	take(q);
	if (q->n == 0)
		return false;
	run_round(q);
	return true;
}

int64_t
wrq_wait_ms(const struct wrq *q)
{
	int64_t now_ms;

	if (q->nparked == 0)
		return -1;
	now_ms = q->config.now_ms(q->config.ctx);
	return q->next_ms > now_ms ? q->next_ms - now_ms : 0;
}

size_t
wrq_parked(const struct wrq *q)
{
	return q->nparked - q->ntimers;
}

/* ---- the thread ---- */

/* doze - until somebody pushes, a deadline comes, or garbage may be free */
static void
doze(struct wrq *q)
{
	int64_t ms = wrq_wait_ms(q);
	struct timespec ts;

	if (fld_collect(q->config.store) > 0 && (ms < 0 || ms > GARBAGE_MS))
		ms = GARBAGE_MS;
	atomic_store(&q->asleep, 1);
	if (atomic_load(&q->pushed) == NULL && !atomic_load(&q->is_stopping)) {
		ts.tv_sec = (time_t)(ms / 1000);
		ts.tv_nsec = (long)(ms % 1000) * 1000000;
		futex(&q->asleep, FUTEX_WAIT_PRIVATE, 1, ms < 0 ? NULL : &ts);
	}
	atomic_store(&q->asleep, 0);
}

/* thread - the writer */
static void *
thread(void *arg)
{
	struct wrq *q = arg;

	while (!q->is_dead) {
		if (wrq_run_once(q))
			continue;
		if (atomic_load(&q->is_stopping))
			break;
		doze(q);
	}
	return NULL;
}

struct wrq *
wrq_new(const struct wrq_config *config)
{
	struct wrq *q = NULL;
	size_t i;

	/* Not zeroed: pages of entry[] cost nothing until they are used. */
	if (posix_memalign((void **)&q, _Alignof(struct wrq), sizeof *q) != 0)
		return NULL;
	q->config = *config;
	atomic_init(&q->pushed, NULL);
	atomic_init(&q->asleep, 0);
	atomic_init(&q->is_stopping, false);
	q->has_thread = false;
	q->is_dead = false;
	q->ready = NULL;
	q->end = &q->ready;
	q->n = 0;
	q->nparked = 0;
	q->ntimers = 0;
	q->next_ms = INT64_MAX;
	arena_init(&q->arena, ARENA_BYTES);
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->spare);
	for (i = 0; i < BUCKETS; i++)
		LIST_INIT(&q->bucket[i]);
	for (i = 0; i < WRQ_PARKED_MAX + WRQ_TIMERS_MAX; i++) {
		q->parked[i].job = NULL;
		for (int k = 0; k < WRQ_WAITS; k++)
			q->parked[i].watch[k].owner = &q->parked[i];
		TAILQ_INSERT_TAIL(&q->spare, &q->parked[i], link);
	}
	return q;
}

/* queue_free - nothing is in it any more */
static void
queue_free(struct wrq *q)
{
	arena_fini(&q->arena);
	free(q);
}

enum err
wrq_start(
    struct wrq **q_out, const struct wrq_config *config, struct failure *why)
{
	struct wrq *q = wrq_new(config);
	sigset_t all, before;
	int r;

	if (q == NULL)
		return err_internal(why, "out of memory");
	(void)sigfillset(&all); /* cannot fail */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&q->thread, NULL, thread, q);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0) {
		queue_free(q);
		return err_internal(why, "no thread for the writer");
	}
	q->has_thread = true;
	*q_out = q;
	return ERR_NONE;
}

/* fail_rest - after a fatal outcome: let go of every job */
static void
fail_rest(struct wrq *q)
{
	struct parked *p;
	struct wrq_job *job;
	struct failure why;

	(void)err_internal(&why, "the store has failed");
	for (;;) {
		gather(q);
		while ((p = TAILQ_FIRST(&q->waiting)) != NULL)
			unpark(q, p);
		job = dequeue(q);
		if (job == NULL)
			return;
		job->failed(job, &why);
	}
}

void
wrq_stop(struct wrq **qp)
{
	struct wrq *q = *qp;

	if (q == NULL)
		return;
	atomic_store(&q->is_stopping, true);
	if (q->has_thread) {
		wake(q);
		(void)pthread_join(q->thread, NULL); /* it is ours */
	}
	while (wrq_run_once(q))
		;
	if (q->is_dead)
		fail_rest(q);
	assert(q->nparked == 0 && q->ready == NULL);
	queue_free(q);
	*qp = NULL;
}
