/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_calls - a crowd of callers at the dispatch door
 *
 * usage: stress_calls [SEED [CALLS]]
 *
 * Threads issue any calls with any arguments at once, while others look at
 * images; first on a healthy journal, then on one that fails now and then,
 * then on SQLite.  Every image keeps every law, every call is answered, and
 * when all VMs are gone all memory is back.  Made for ThreadSanitizer too;
 * exits 1 when anything is not so.
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Model */
#include "model/journal/jrn_memory.h"
#include "model/journal/jrn_sqlite.h"
#include "model/mem.h"

/* Own */
#include "tests/api/help_calls.h"
#include "tests/api/help_rig.h"

#define CALLERS 8
#define VMS_MAX 200 /* more than there are ever */
#define TRIES 20000 /* naps until something must have come true */

/* A crowd at one service. */
struct crowd {
	struct rig rig;
	struct jrn *memory; /* its journal when that can fail; or NULL */
	uint64_t seed;
	unsigned calls; /* of each caller */
	enum calls_ceiling ceiling;
	atomic_bool is_over;
	atomic_ulong good, bad, images;
};

struct caller {
	struct crowd *crowd;
	uint64_t number;
};

static struct fld_reader *
new_reader(struct rig *r)
{
	struct fld_reader *rd = fld_reader_new(r->store);

	if (rd == NULL)
		rig_die("no reader");
	return rd;
}

static const struct fld_view *
pin(struct fld_reader *rd)
{
	const struct fld_view *v = fld_pin(rd);

	if (v == NULL)
		rig_die("no pin");
	return v;
}

/* ---- callers ---- */

/* walk - read a whole class, as a protocol writes it out */
static void
walk(struct api_call *c)
{
	const struct idl_hdr *rec = NULL;

	while ((rec = fld_next(c->view, c->msg->cls,
		    rec != NULL ? &rec->ref : NULL)) != NULL)
		if (api_record_view(
			c->env, c->view, c->msg->cls, rec, &c->arena) == NULL)
			return; /* arena full */
}

/* one_call - any call; *last is the generation that was seen last */
static void
one_call(struct crowd *w, struct fld_reader *rd, struct help_random *r,
    uint64_t *last)
{
	const struct fld_view *v = pin(rd);
	struct api_call c;

	if (fld_generation(v) < *last)
		rig_die("time went back");
	*last = fld_generation(v);
	if (!calls_prepare(&c, &w->rig.env, calls_pick(r, v)) ||
	    !calls_fill(&c, v, r))
		rig_die("out of memory");
	fld_unpin(rd, v);
	rig_call(&c, rd);
	if (c.err == ERR_NONE && c.rows != API_ROWS_NONE)
		walk(&c);
	atomic_fetch_add(c.err == ERR_NONE ? &w->good : &w->bad, 1);
	api_call_fini(&c);
}

static void *
run_caller(void *arg)
{
	struct caller *me = arg;
	struct crowd *w = me->crowd;
	struct fld_reader *rd = new_reader(&w->rig);
	struct help_random r = {w->seed * 1000 + me->number};
	uint64_t last = 0;

	for (unsigned i = 0; i < w->calls; i++)
		one_call(w, rd, &r, &last);
	fld_reader_free(&rd);
	return NULL;
}

/* ---- onlookers ---- */

static void *
run_checker(void *arg)
{
	struct crowd *w = arg;
	struct fld_reader *rd = new_reader(&w->rig);
	uint64_t last = 0;
	char text[300];

	while (!atomic_load(&w->is_over)) {
		const struct fld_view *v = pin(rd);

		if (fld_generation(v) < last)
			rig_die("time went back");
		last = fld_generation(v);
		if (!calls_laws(v, w->ceiling, text, sizeof(text)))
			rig_die("generation %" PRIu64 ": %s", last, text);
		if (!hv_sim_conserves(w->rig.sim, text, sizeof(text)))
			rig_die("%s", text);
		fld_unpin(rd, v);
		atomic_fetch_add(&w->images, 1);
	}
	fld_reader_free(&rd);
	return NULL;
}

/* fail_soon - in the writer: a commit, or two, will fail */
static void
fail_soon(struct rig *r, void *arg)
{
	static const struct jrn_memory_fault fault[] = {
	    {1, JRN_REFUSED, JRN_REFUSED},
	    {2, JRN_UNKNOWN, JRN_COMMITTED},
	    {3, JRN_UNKNOWN, JRN_REFUSED},
	};
	uint64_t n = help_random_next(arg);

	jrn_memory_fail(r->journal, fault[n % 3]);
	if (n % 2 == 0)
		jrn_memory_fail_also(r->journal, fault[n % 3].nth + 1);
}

/* fail_no_more - in the writer */
static void
fail_no_more(struct rig *r, void *arg)
{
	(void)arg;
	jrn_memory_fail(r->journal, (struct jrn_memory_fault){.nth = 0});
}

static void *
run_saboteur(void *arg)
{
	struct crowd *w = arg;
	struct help_random r = {w->seed};

	while (!atomic_load(&w->is_over)) {
		for (int i = 0; i < 20; i++)
			rig_nap();
		rig_in_writer(&w->rig, fail_soon, &r);
	}
	rig_in_writer(&w->rig, fail_no_more, NULL);
	return NULL;
}

/* ---- the end of a crowd ---- */

static void
look_parked(struct rig *r, void *arg)
{
	*(size_t *)arg = wrq_parked(r->writer);
}

/* vms - VMs that are no control domains, in list; how many */
static size_t
vms(struct fld_reader *rd, struct idl_ref *list)
{
	const struct fld_view *v = pin(rd);
	const struct idl_vm *vm = NULL;
	size_t n = 0;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		if (!vm->is_control_domain && n < VMS_MAX)
			list[n++] = vm->h.ref;
	fld_unpin(rd, v);
	return n;
}

/* sum_free - what all hosts could still promise */
static int64_t
sum_free(struct fld_reader *rd)
{
	const struct fld_view *v = pin(rd);
	const struct idl_host *host = NULL;
	int64_t sum = 0, one;
	struct failure why;

	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		if (mem_free(v, &host->h.ref, NULL, &one, &why) != ERR_NONE)
			rig_die("no free memory");
		sum += one;
	}
	fld_unpin(rd, v);
	return sum;
}

/* clear - end and delete every VM: that has to be possible */
static void
clear(struct rig *r, struct fld_reader *rd)
{
	struct idl_ref list[VMS_MAX];
	size_t n = vms(rd, list);
	enum err rc = ERR_NONE;

	for (size_t i = 0; i < n; i++) {
		for (int tries = 0; tries < TRIES; tries++) {
			(void)rig_vm(r, rd, "VM.hard_shutdown", &list[i]);
			rc = rig_vm(r, rd, "VM.destroy", &list[i]);
			if (rc == ERR_NONE || rc == ERR_HANDLE_INVALID)
				break;
			rig_nap();
		}
		if (rc != ERR_NONE && rc != ERR_HANDLE_INVALID)
			rig_die("a VM cannot go: %s", idl_errors[rc].code);
	}
}

/* settle - all memory is back, and nobody waits for anything */
static void
settle(struct crowd *w, int64_t free_bytes)
{
	struct fld_reader *rd = new_reader(&w->rig);
	const struct fld_view *v;
	size_t parked = 0;
	char text[300];

	rig_sync(&w->rig);
	clear(&w->rig, rd);
	for (int i = 0; i < TRIES && sum_free(rd) != free_bytes; i++)
		rig_nap();
	if (sum_free(rd) != free_bytes)
		rig_die("%lld bytes are not back",
		    (long long)(free_bytes - sum_free(rd)));
	/* What was refused is asked for again after a while. */
	for (int i = 0; i < TRIES; i++) {
		rig_in_writer(&w->rig, look_parked, &parked);
		if (parked == 0)
			break;
		rig_nap();
	}
	if (parked != 0)
		rig_die("%zu calls wait for nothing", parked);
	v = pin(rd);
	if (calls_ops(v) != 0)
		rig_die("an operation is held");
	if (!calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)))
		rig_die("at the end: %s", text);
	fld_unpin(rd, v);
	fld_reader_free(&rd);
}

/* reopen - a daemon that starts again finds everything sound */
static void
reopen(struct jrn *journal)
{
	struct fld_store *store;
	struct failure why;

	if (fld_open(&store, journal, &mem_rules, &why) != ERR_NONE)
		rig_die("not sound: %s", why.param[0]);
	fld_close(&store);
}

static void
start(pthread_t *t, void *(*run)(void *arg), void *arg)
{
	if (pthread_create(t, NULL, run, arg) != 0)
		rig_die("no thread");
}

/* gather - a whole crowd, from its first call to the last VM's end */
static void
gather(struct crowd *w, bool sabotage)
{
	pthread_t thread[CALLERS], checker, saboteur;
	struct caller caller[CALLERS];
	struct fld_reader *rd = new_reader(&w->rig);
	int64_t free_bytes = sum_free(rd);

	fld_reader_free(&rd);
	start(&checker, run_checker, w);
	if (sabotage)
		start(&saboteur, run_saboteur, w);
	for (uint64_t i = 0; i < CALLERS; i++) {
		caller[i] = (struct caller){w, i};
		start(&thread[i], run_caller, &caller[i]);
	}
	for (int i = 0; i < CALLERS; i++)
		(void)pthread_join(thread[i], NULL);
	atomic_store(&w->is_over, true);
	(void)pthread_join(checker, NULL);
	if (sabotage)
		(void)pthread_join(saboteur, NULL);
	settle(w, free_bytes);
	printf("%lu calls worked, %lu failed, %lu images\n",
	    atomic_load(&w->good), atomic_load(&w->bad),
	    atomic_load(&w->images));
	(void)fflush(stdout); /* said before the next may end us */
}

/* hosts - two, small enough to be full now and then */
static void
hosts(struct hv_sim_host *h)
{
	for (int i = 0; i < 2; i++) {
		hv_sim_host_init(&h[i]);
		(void)snprintf(h[i].name, sizeof(h[i].name), "host %d", i);
		h[i].memory_kib = (uint64_t)(8 + i) << 20;
	}
}

/* on_memory - a crowd on a journal in memory, that may fail */
static void
on_memory(uint64_t seed, unsigned calls, bool sabotage)
{
	struct crowd w = {.seed = seed, .calls = calls};
	struct hv_sim_host h[2];
	struct jrn *journal = jrn_memory_new(), *copy;

	if (journal == NULL)
		rig_die("out of memory");
	w.ceiling = sabotage ? CALLS_CEILING_MAY_BREAK : CALLS_CEILING_HOLDS;
	hosts(h);
	rig_open(&w.rig, journal, h, 2);
	gather(&w, sabotage);
	rig_close(&w.rig, &copy);
	reopen(copy);
}

/* open_sqlite - the journal in a file of a folder */
static struct jrn *
open_sqlite(const char *dir, char *file, size_t bytes)
{
	struct failure why;
	struct jrn *j;

	(void)snprintf(file, bytes, "%s/db", dir);
	if (jrn_sqlite_open(&j, file, NULL, &why) != ERR_NONE)
		rig_die("no journal: %s", why.param[0]);
	return j;
}

/* on_sqlite - a crowd on the journal that daemons have */
static void
on_sqlite(uint64_t seed, unsigned calls)
{
	struct crowd w = {.seed = seed, .calls = calls};
	char dir[] = "/tmp/stress_calls.XXXXXX", file[100], more[110];
	struct hv_sim_host h[2];

	if (mkdtemp(dir) == NULL)
		rig_die("no folder");
	hosts(h);
	rig_open(&w.rig, open_sqlite(dir, file, sizeof(file)), h, 2);
	gather(&w, false);
	rig_close(&w.rig, NULL);
	reopen(open_sqlite(dir, file, sizeof(file)));
	for (int i = 0; i < 3; i++) {
		static const char *const ends[] = {"", "-wal", "-shm"};

		(void)snprintf(more, sizeof(more), "%s%s", file, ends[i]);
		(void)unlink(more); /* may not be there */
	}
	if (rmdir(dir) != 0)
		rig_die("something stays in %s", dir);
}

int
main(int argc, char **argv)
{
	struct help_random r;
	unsigned calls = 3000;

	if (argc > 1 && setenv("TEST_SEED", argv[1], 1) != 0)
		rig_die("out of memory");
	if (argc > 2)
		calls = (unsigned)strtoul(argv[2], NULL, 10);
	help_random_init(&r, "stress_calls");
	on_memory(help_random_next(&r), calls, false);
	on_memory(help_random_next(&r), calls, true);
	on_sqlite(help_random_next(&r), calls / 4);
	return 0;
}
