/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_evt - many follow all VMs by events while others change them
 *
 * Each follower keeps a set of VMs by what event.from tells it, parked in
 * between; in the end every set is what the store has.  Meanwhile Async calls
 * go on in the background, and all of them end.  Made for ThreadSanitizer too;
 * exits 1 when anything is not so.
 */

/* System */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/journal/jrn_memory.h"

/* Api */
#include "api/evt.h"
#include "api_handlers.h"

/* Own */
#include "tests/api/help_calls.h"
#include "tests/api/help_rig.h"

#define FOLLOWERS 24
#define WRITERS 4
#define ROUNDS 60
#define VMS_MAX 4096
#define TOKEN_BYTES 64

static struct rig rig;
static atomic_bool is_over;

/* One who follows; its thread runs its calls, as a net thread does. */
struct follower {
	pthread_t thread;
	sem_t sem;
	atomic_bool is_done; /* else: to be resumed */
	char token[TOKEN_BYTES];
	struct idl_ref vm[VMS_MAX];
	size_t n;
	unsigned answers;
};

static struct follower follower[FOLLOWERS];

static const struct idl_msg *
message(const char *name)
{
	const struct idl_msg *m = api_msg_find(name, strlen(name));

	if (m == NULL)
		rig_die("%s is not served", name);
	return m;
}

static struct fld_reader *
new_reader(void)
{
	struct fld_reader *rd = fld_reader_new(rig.store);

	if (rd == NULL)
		rig_die("no reader");
	return rd;
}

/* ---- following ---- */

static void
done(struct api_call *c)
{
	struct follower *f = c->owner;

	atomic_store(&f->is_done, true);
	(void)sem_post(&f->sem); /* cannot overflow */
}

static void
resume(struct api_call *c)
{
	(void)sem_post(&((struct follower *)c->owner)->sem);
}

/* place - where a VM is in the follower's set; n when it is not */
static size_t
place(const struct follower *f, const struct idl_ref *vm)
{
	size_t i = 0;

	while (i < f->n && !idl_ref_equal(&f->vm[i], vm))
		i++;
	return i;
}

/* hear - one event */
static void
hear(struct follower *f, const struct idl_event *e)
{
	const struct idl_vm *vm = e->snapshot;
	struct idl_ref ref;
	size_t i;

	if (!idl_ref_parse(e->ref, strlen(e->ref), &ref))
		rig_die("an event of no object: %s", e->ref);
	i = place(f, &ref);
	if (e->operation == IDL_EVENT_OPERATION_DEL) {
		if (i < f->n)
			f->vm[i] = f->vm[--f->n];
		return;
	}
	if (vm == NULL || !idl_ref_equal(&vm->h.ref, &ref))
		rig_die("a snapshot of something else");
	if (i < f->n)
		return;
	if (e->operation == IDL_EVENT_OPERATION_MOD)
		rig_die("a change of what was never added");
	if (f->n == VMS_MAX)
		rig_die("too many VMs");
	f->vm[f->n++] = ref;
}

/* ask - one event.from; returns how many events it brought */
static uint32_t
ask(struct follower *f, struct fld_reader *rd, double timeout_s)
{
	static const char *const names[] = {"vm"};
	static const struct idl_set classes = {1, names};
	const struct idl_event_batch *b;
	struct idl_event_from_args *a;
	struct api_call c;
	uint32_t n;

	if (!calls_prepare(&c, &rig.env, message("event.from")))
		rig_die("out of memory");
	a = c.args;
	a->classes = &classes;
	a->token = f->token;
	a->timeout = timeout_s;
	c.done = done;
	c.resume = resume;
	c.owner = f;
	atomic_store(&f->is_done, false);
	api_dispatch(&c, rd);
	for (;;) {
		while (sem_wait(&f->sem) != 0)
			if (errno != EINTR)
				rig_die("cannot wait");
		if (atomic_load(&f->is_done))
			break;
		api_resume(&c, rd);
	}
	if (c.err != ERR_NONE)
		rig_die("event.from: %s", idl_errors[c.err].code);
	memcpy(&b, c.result, sizeof(b));
	n = b->events->n;
	for (uint32_t i = 0; i < n; i++)
		hear(f, ((const struct idl_event *const *)b->events->items)[i]);
	(void)snprintf(f->token, sizeof(f->token), "%s", b->token);
	f->answers++;
	api_call_fini(&c);
	return n;
}

static void *
follow(void *arg)
{
	struct follower *f = arg;
	struct fld_reader *rd = new_reader();

	while (!atomic_load(&is_over))
		(void)ask(f, rd, 0.05);
	/* What came before this is there without waiting. */
	while (ask(f, rd, 0.0) > 0)
		;
	fld_reader_free(&rd);
	return NULL;
}

/* ---- changing ---- */

/* create - one VM more, a copy of another */
static struct idl_ref
create(struct fld_reader *rd, const struct idl_ref *like)
{
	struct idl_vm_clone_args *a;
	struct api_call c;
	struct idl_ref ref;

	if (!calls_prepare(&c, &rig.env, message("VM.clone")))
		rig_die("out of memory");
	a = c.args;
	a->vm = *like;
	a->new_name = "copy";
	rig_call(&c, rd);
	if (c.err != ERR_NONE)
		rig_die("VM.clone: %s", idl_errors[c.err].code);
	memcpy(&ref, c.result, sizeof(ref));
	api_call_fini(&c);
	return ref;
}

/* begin - an Async call that nobody waits for */
static void
begin(struct fld_reader *rd, const struct idl_ref *vm)
{
	struct api_call c;

	if (!calls_prepare(&c, &rig.env, message("VM.get_cooperative")))
		rig_die("out of memory");
	memcpy(c.args, vm, sizeof(*vm));
	c.method = "Async.VM.get_cooperative";
	rig_call(&c, rd);
	if (c.err != ERR_NONE)
		rig_die("Async: %s", idl_errors[c.err].code);
	api_call_fini(&c);
}

static struct idl_ref first_vm;

static void *
change(void *arg)
{
	struct fld_reader *rd = new_reader();
	struct idl_ref vm;

	(void)arg; /* all are the same */
	for (int i = 0; i < ROUNDS; i++) {
		vm = create(rd, &first_vm);
		begin(rd, &vm);
		if (i % 3 != 0)
			(void)rig_vm(&rig, rd, "VM.destroy", &vm);
		rig_nap();
	}
	fld_reader_free(&rd);
	return NULL;
}

/* ---- in the end ---- */

/* compare - what a follower knows is what there is */
static void
compare(const struct fld_view *v, const struct follower *f)
{
	if (f->n != fld_count(v, IDL_CLASS_VM))
		rig_die("%zu VMs known, %llu there", f->n,
		    (unsigned long long)fld_count(v, IDL_CLASS_VM));
	for (size_t i = 0; i < f->n; i++)
		if (fld_get(v, IDL_CLASS_VM, &f->vm[i]) == NULL)
			rig_die("a VM is known that is gone");
}

/* pending - tasks that have not ended */
static unsigned
pending(struct fld_reader *rd)
{
	const struct fld_view *v = fld_pin(rd);
	const struct idl_task *t = NULL;
	unsigned n = 0;

	if (v == NULL)
		rig_die("no pin");
	while ((t = fld_next(
		    v, IDL_CLASS_TASK, t != NULL ? &t->h.ref : NULL)) != NULL)
		n += t->status == IDL_TASK_STATUS_TYPE_PENDING;
	fld_unpin(rd, v);
	return n;
}

/* first - a VM to copy: made of nothing but defaults */
static void
first(struct fld_reader *rd)
{
	struct idl_vm rec;
	struct api_call c;
	const void *p = &rec;

	if (!calls_prepare(&c, &rig.env, message("VM.create")))
		rig_die("out of memory");
	idl_record_init(idl_classes[IDL_CLASS_VM], &rec);
	rec.name_label = "first";
	rec.memory_static_min = rec.memory_dynamic_min = 1 << 28;
	rec.memory_static_max = rec.memory_dynamic_max = 1 << 28;
	rec.VCPUs_max = rec.VCPUs_at_startup = 1;
	rec.HVM_shadow_multiplier = 1.0;
	memcpy(c.args, &p, sizeof(p));
	rig_call(&c, rd);
	if (c.err != ERR_NONE)
		rig_die("VM.create: %s", idl_errors[c.err].code);
	memcpy(&first_vm, c.result, sizeof(first_vm));
	api_call_fini(&c);
}

int
main(void)
{
	struct jrn *journal = jrn_memory_new();
	pthread_t writer[WRITERS];
	struct fld_reader *rd;
	const struct fld_view *v;
	struct hv_sim_host h;
	unsigned answers = 0;

	if (journal == NULL)
		rig_die("out of memory");
	hv_sim_host_init(&h);
	rig_open(&rig, journal, &h, 1);
	rd = new_reader();
	first(rd);
	for (int i = 0; i < FOLLOWERS; i++) {
		(void)sem_init(&follower[i].sem, 0, 0); /* cannot fail */
		if (pthread_create(
			&follower[i].thread, NULL, follow, &follower[i]) != 0)
			rig_die("no thread");
	}
	for (int i = 0; i < WRITERS; i++)
		if (pthread_create(&writer[i], NULL, change, NULL) != 0)
			rig_die("no thread");
	for (int i = 0; i < WRITERS; i++)
		(void)pthread_join(writer[i], NULL); /* it is ours */
	while (pending(rd) > 0)
		rig_nap();
	atomic_store(&is_over, true);
	v = fld_pin(rd);
	for (int i = 0; i < FOLLOWERS; i++) {
		(void)pthread_join(follower[i].thread, NULL); /* ours */
		compare(v, &follower[i]);
		answers += follower[i].answers;
	}
	(void)printf("%d followers, %u answers, %llu VMs\n", FOLLOWERS, answers,
	    (unsigned long long)fld_count(v, IDL_CLASS_VM));
	fld_unpin(rd, v);
	api_evt_stop(&rig.env);
	fld_reader_free(&rd);
	rig_close(&rig, NULL);
	return 0;
}
