/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_writer - many threads push, park and read at once
 *
 * Each pusher adds to a counter in a VM record and waits for the answer; then
 * it must see its own addition in the committed image (a reply is sent only
 * when the change is there).  Some jobs park until another pusher changes
 * their record.  In the end every addition is there, once: none was lost to a
 * wake-up that never came.  Made for ThreadSanitizer.
 */

/* System */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Model */
#include "idl_types.h"
#include "model/arena.h"
#include "model/fld.h"
#include "model/journal/jrn_memory.h"

/* Own */
#include "server/writer.h"

#define PUSHERS 4
#define EACH 1500
#define REFUSE_EVERY 97 /* commits */

struct add {
	struct wrq_job job; /* first */
	sem_t answered;
	uint64_t vm;
	int64_t total; /* of the VM, after this addition */
	bool parks;
	bool is_failed;
};

static struct fld_store *store;
static struct jrn *journal;
static struct wrq *q;
static const struct jrn_ops *memory_ops;
static struct jrn_ops refusing_ops;
static unsigned commits;
static _Atomic int64_t added[PUSHERS];
static atomic_int wrong;

static void
complain(const char *what)
{
	fprintf(stderr, "stress_writer: %s\n", what);
	atomic_store(&wrong, 1);
}

static int64_t
now_ms(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* it is there */
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
fatal(void *ctx, const struct failure *why)
{
	(void)ctx;
	complain(why->param[0]);
}

/* refuse - commit, but for every nth time */
static enum jrn_result
refuse(struct jrn *j, uint64_t generation, const struct jrn_change *changes,
    size_t n, char *reason, size_t reason_bytes)
{
	if (++commits % REFUSE_EVERY == 0) {
		(void)snprintf(reason, reason_bytes, "not today");
		return JRN_REFUSED;
	}
	return memory_ops->commit(
	    j, generation, changes, n, reason, reason_bytes);
}

static struct idl_ref
ref_of(uint64_t n)
{
	return (struct idl_ref){n + 1, n + 1};
}

static enum wrq_verdict
add_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct add *a = (struct add *)(void *)job;
	struct idl_ref ref = ref_of(a->vm);
	struct idl_vm *vm;

	if (a->parks && !job->expired) {
		a->parks = false;
		job->wait[0] = ref_of(a->vm);
		job->wait[1] = ref_of((a->vm + 1) % PUSHERS);
		job->deadline_ms = now_ms(NULL) + 2;
		return WRQ_PARK;
	}
	vm = fld_tx_edit(tx, IDL_CLASS_VM, &ref);
	if (vm == NULL)
		return WRQ_ABORT;
	vm->memory_target++;
	a->total = vm->memory_target;
	return WRQ_COMMIT;
}

static void
add_done(struct wrq_job *job)
{
	struct add *a = (struct add *)(void *)job;

	a->is_failed = false;
	(void)sem_post(&a->answered); /* cannot overflow */
}

static void
add_failed(struct wrq_job *job, const struct failure *why)
{
	struct add *a = (struct add *)(void *)job;

	(void)why;
	a->is_failed = true;
	(void)sem_post(&a->answered);
}

/* expect_seen - the committed image shows what was answered */
static void
expect_seen(struct fld_reader *r, const struct add *a)
{
	const struct fld_view *v = fld_pin(r);
	struct idl_ref ref = ref_of(a->vm);
	const struct idl_vm *vm = fld_get(v, IDL_CLASS_VM, &ref);

	if (vm->memory_target < a->total)
		complain("answered before it could be read");
	fld_unpin(r, v);
}

static void *
pusher(void *arg)
{
	uint64_t self = (uint64_t)(uintptr_t)arg, i;
	struct fld_reader *r = fld_reader_new(store);
	struct add a = {0};

	if (r == NULL || sem_init(&a.answered, 0, 0) != 0)
		abort();
	a.job.run = add_run;
	a.job.done = add_done;
	a.job.failed = add_failed;
	for (i = 0; i < EACH; i++) {
		a.vm = (self + i) % PUSHERS;
		a.parks = i % 16 == 0;
		wrq_push(q, &a.job);
		while (sem_wait(&a.answered) != 0)
			;
		if (a.is_failed)
			continue;
		atomic_fetch_add(&added[a.vm], 1);
		expect_seen(r, &a);
	}
	(void)sem_destroy(&a.answered);
	fld_reader_free(&r);
	return NULL;
}

/* setup - one VM for each pusher */
static void
setup(void)
{
	static const struct fld_rules lax = {NULL, NULL, NULL};
	struct failure why;
	struct idl_ref ref;
	struct fld_tx *tx;
	struct arena a;
	uint64_t n;

	journal = jrn_memory_new();
	if (journal == NULL ||
	    fld_open(&store, journal, &lax, &why) != ERR_NONE)
		abort();
	arena_init(&a, 1 << 20);
	tx = fld_tx_begin(store, &a);
	for (n = 0; n < PUSHERS; n++) {
		ref = ref_of(n);
		(void)fld_tx_create(tx, IDL_CLASS_VM, &ref);
	}
	if (fld_tx_close(&tx, &why) != ERR_NONE ||
	    fld_batch_commit(store, &why) != FLD_COMMITTED)
		abort();
	arena_fini(&a);
	memory_ops = journal->ops;
	refusing_ops = *memory_ops;
	refusing_ops.commit = refuse;
	journal->ops = &refusing_ops;
}

/* expect_sums - each addition that was answered is there, and no other */
static void
expect_sums(void)
{
	struct fld_reader *r = fld_reader_new(store);
	const struct fld_view *v = fld_pin(r);
	const struct idl_vm *vm;
	struct idl_ref ref;
	uint64_t n;

	for (n = 0; n < PUSHERS; n++) {
		ref = ref_of(n);
		vm = fld_get(v, IDL_CLASS_VM, &ref);
		if (vm->memory_target != atomic_load(&added[n]))
			complain("additions were lost or doubled");
	}
	fld_unpin(r, v);
	fld_reader_free(&r);
}

int
main(void)
{
	struct wrq_config config = {.now_ms = now_ms, .fatal = fatal};
	pthread_t thread[PUSHERS];
	struct failure why;
	size_t i;

	setup();
	config.store = store;
	if (wrq_start(&q, &config, &why) != ERR_NONE)
		return 1;
	for (i = 0; i < PUSHERS; i++)
		if (pthread_create(
			&thread[i], NULL, pusher, (void *)(uintptr_t)i) != 0)
			return 1;
	for (i = 0; i < PUSHERS; i++)
		(void)pthread_join(thread[i], NULL);
	wrq_stop(&q);
	expect_sums();
	fld_close(&store);
	return atomic_load(&wrong);
}
