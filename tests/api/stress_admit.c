/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_admit - many want at once what only some of them can have
 *
 * As many VMs start, and as many ranges rise, as the free memory of the host
 * holds: not one more, not one less, however the callers race.  Made for
 * ThreadSanitizer too; exits 1 when anything is not so.
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/journal/jrn_memory.h"
#include "model/mem.h"

/* Own */
#include "tests/api/help_calls.h"
#include "tests/api/help_rig.h"

#define CALLERS 64
#define ROUNDS 5
#define MIB 1048576LL
#define RISE_BYTES (512 * MIB)

/* What all callers do in a round. */
enum deed { START, START_ON, RISE, SHUTDOWN };

static struct rig rig;
static struct fld_reader *reader; /* the main thread's; none in a rush */
static struct idl_ref host;
static pthread_barrier_t barrier;
static enum deed deed;

struct caller {
	struct idl_ref vm;
	enum err rc; /* of its last call */
};

static struct caller caller[CALLERS];

static struct fld_reader *
new_reader(void)
{
	struct fld_reader *rd = fld_reader_new(rig.store);

	if (rd == NULL)
		rig_die("no reader");
	return rd;
}

/* prepare - a call of a message */
static void
prepare(struct api_call *c, const char *method)
{
	if (!calls_prepare(c, &rig.env, api_msg_find(method, strlen(method))))
		rig_die("out of memory");
}

/* ---- what a caller does ---- */

static void
prepare_start(struct api_call *c, const struct caller *me)
{
	struct idl_vm_start_args *a;

	prepare(c, "VM.start");
	a = c->args;
	a->vm = me->vm;
}

static void
prepare_start_on(struct api_call *c, const struct caller *me)
{
	struct idl_vm_start_on_args *a;

	prepare(c, "VM.start_on");
	a = c->args;
	a->vm = me->vm;
	a->host = host;
}

static void
prepare_rise(struct api_call *c, const struct caller *me)
{
	struct idl_vm_set_memory_dynamic_min_args *a;

	prepare(c, "VM.set_memory_dynamic_min");
	a = c->args;
	a->self = me->vm;
	a->value = 64 * MIB + RISE_BYTES;
}

static void
prepare_shutdown(struct api_call *c, const struct caller *me)
{
	struct idl_vm_hard_shutdown_args *a;

	prepare(c, "VM.hard_shutdown");
	a = c->args;
	a->vm = me->vm;
}

static void *
run_caller(void *arg)
{
	static void (*const prepare_deed[])(
	    struct api_call * c, const struct caller *me) = {
	    [START] = prepare_start,
	    [START_ON] = prepare_start_on,
	    [RISE] = prepare_rise,
	    [SHUTDOWN] = prepare_shutdown,
	};
	struct caller *me = arg;
	struct fld_reader *rd = new_reader();
	struct api_call c;

	prepare_deed[deed](&c, me);
	(void)pthread_barrier_wait(&barrier); /* all at once */
	rig_call(&c, rd);
	me->rc = c.err;
	api_call_fini(&c);
	fld_reader_free(&rd);
	return NULL;
}

/* rush - everybody does it at once; how many could */
static int64_t
rush(enum deed what)
{
	pthread_t thread[CALLERS];
	int64_t n = 0;

	/* The store has a place for each caller, and no more. */
	fld_reader_free(&reader);
	deed = what;
	for (int i = 0; i < CALLERS; i++)
		if (pthread_create(&thread[i], NULL, run_caller, &caller[i]) !=
		    0)
			rig_die("no thread");
	for (int i = 0; i < CALLERS; i++) {
		(void)pthread_join(thread[i], NULL);
		n += caller[i].rc == ERR_NONE;
	}
	reader = new_reader();
	return n;
}

/* losers - all who could not were told so */
static void
losers(enum err code)
{
	for (int i = 0; i < CALLERS; i++)
		if (caller[i].rc != ERR_NONE && caller[i].rc != code)
			rig_die(
			    "a caller got %s", idl_errors[caller[i].rc].code);
}

/* ---- what there is ---- */

/* look - free memory of the host and what VM 0 needs; all laws hold */
static int64_t
look(int64_t *needed_out)
{
	const struct fld_view *v = fld_pin(reader);
	const struct idl_vm *vm;
	struct failure why;
	int64_t free_bytes;
	char text[300];

	if (v == NULL)
		rig_die("no pin");
	if (!calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)))
		rig_die("%s", text);
	if (mem_free(v, &host, NULL, &free_bytes, &why) != ERR_NONE)
		rig_die("no free memory");
	vm = fld_get(v, IDL_CLASS_VM, &caller[0].vm);
	if (vm != NULL && mem_needed(vm, MEM_POLICY_DYNAMIC_MIN, needed_out,
			      &why) != ERR_NONE)
		rig_die("no need");
	fld_unpin(reader, v);
	return free_bytes;
}

/* make_vms - one for each caller, all alike */
static void
make_vms(int64_t dynamic_min)
{
	struct idl_vm rec;

	for (int i = 0; i < CALLERS; i++) {
		struct idl_vm_create_args *a;
		struct api_call c;

		idl_record_init(idl_classes[IDL_CLASS_VM], &rec);
		rec.domain_type = IDL_DOMAIN_TYPE_HVM;
		rec.HVM_boot_policy = "BIOS order";
		rec.memory_static_min = 64 * MIB;
		rec.memory_dynamic_min = dynamic_min;
		rec.memory_dynamic_max = 1024 * MIB;
		rec.memory_static_max = 1024 * MIB;
		rec.VCPUs_max = 1;
		rec.VCPUs_at_startup = 1;
		prepare(&c, "VM.create");
		a = c.args;
		a->args = &rec;
		rig_call(&c, reader);
		if (c.err != ERR_NONE)
			rig_die("no VM: %s", idl_errors[c.err].code);
		memcpy(&caller[i].vm, c.result, sizeof(caller[i].vm));
		api_call_fini(&c);
	}
}

static void
destroy_vms(void)
{
	for (int i = 0; i < CALLERS; i++)
		if (rig_vm(&rig, reader, "VM.destroy", &caller[i].vm) !=
		    ERR_NONE)
			rig_die("a VM cannot go");
}

/* ---- the races ---- */

/* race_start - all start, exactly as many as fit do; and end again */
static void
race_start(enum deed what, enum err code)
{
	int64_t needed = 0, before = look(&needed), n, after;

	n = rush(what);
	losers(code);
	after = look(&needed);
	if (n != before / needed || before - after != n * needed)
		rig_die("%lld started in %lld bytes by %lld", (long long)n,
		    (long long)before, (long long)needed);
	(void)printf("%lld of %d started\n", (long long)n, CALLERS);
	if (rush(SHUTDOWN) != n || look(&needed) != before)
		rig_die("not all came back");
}

/* race_rise - all run, all want more, exactly as many as can get it */
static void
race_rise(void)
{
	int64_t needed = 0, before = look(&needed), room, n;

	if (rush(START) != CALLERS)
		rig_die("not all could start");
	room = look(&needed);
	n = rush(RISE);
	losers(ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	if (n != room / RISE_BYTES || look(&needed) != room - n * RISE_BYTES)
		rig_die(
		    "%lld rose in %lld bytes", (long long)n, (long long)room);
	(void)printf("%lld of %d rose\n", (long long)n, CALLERS);
	if (rush(SHUTDOWN) != CALLERS || look(&needed) != before)
		rig_die("not all came back");
}

int
main(void)
{
	struct jrn *journal = jrn_memory_new();
	struct hv_sim_host h;
	const struct fld_view *v;

	if (journal == NULL || pthread_barrier_init(&barrier, NULL, CALLERS))
		rig_die("out of memory");
	hv_sim_host_init(&h);
	h.memory_kib = 16ull << 20;
	rig_open(&rig, journal, &h, 1);
	reader = new_reader();
	v = fld_pin(reader);
	if (v == NULL)
		rig_die("no pin");
	host =
	    ((const struct idl_host *)fld_next(v, IDL_CLASS_HOST, NULL))->h.ref;
	fld_unpin(reader, v);
	for (int i = 0; i < ROUNDS; i++) {
		make_vms((400 + 40 * i) * MIB);
		race_start(START, ERR_NO_HOSTS_AVAILABLE);
		race_start(START_ON, ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
		destroy_vms();
		make_vms(64 * MIB);
		race_rise();
		destroy_vms();
	}
	fld_reader_free(&reader);
	rig_close(&rig, NULL);
	(void)pthread_barrier_destroy(&barrier);
	return 0;
}
