/* SPDX-License-Identifier: BSD-2-Clause */

/* Memory is short at the dispatch door: at every allocation of a call, one
 * after the other, once or from then on. */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/api/help_calls.h"
#include "tests/api/help_suite.h"
#include "tests/model/help_alloc.h"

/* Longer than anything that is tried again waits. */
#define MEND_MS 1200
#define TRIES_MAX 3000

static struct world w;
static bool (*send_command)(void *ctx, const struct hv_command *cmd);

/* spare_command - what the hypervisor needs is not what is tested here */
static bool
spare_command(void *ctx, const struct hv_command *cmd)
{
	bool ok;

	help_alloc_hold();
	ok = send_command(ctx, cmd);
	help_alloc_go_on();
	return ok;
}

static void
open_world(void)
{
	struct hv_sim_host hosts[2];

	for (int i = 0; i < 2; i++) {
		hv_sim_host_init(&hosts[i]);
		(void)snprintf(
		    hosts[i].name, sizeof(hosts[i].name), "host %d", i);
	}
	suite_open(&w, hosts, 2);
	send_command = w.env.command;
	w.env.command = spare_command;
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(door_memory, .init = open_world, .fini = close_world);

/* A call whose every allocation fails once; state is before it. */
enum state { NONE, HALTED, RUNNING, PAUSED, SUSPENDED };

static const struct row {
	const char *method;
	enum state state;
} rows[] = {
    {"VM.get_record", RUNNING},
    {"VM.get_allowed_operations", RUNNING},
    {"VM.get_all", RUNNING},
    {"VM.get_by_name_label", RUNNING},
    {"VM.get_possible_hosts", HALTED},
    {"VM.assert_can_boot_here", HALTED},
    {"host.get_resident_VMs", RUNNING},
    {"VM.create", NONE},
    {"VM.clone", HALTED},
    {"VM.destroy", HALTED},
    {"VM.destroy", SUSPENDED},
    {"VM.set_name_label", HALTED},
    {"VM.add_to_other_config", HALTED},
    {"VM.remove_from_other_config", HALTED},
    {"VM.add_tags", HALTED},
    {"VM.set_memory_limits", HALTED},
    {"VM.set_memory_dynamic_range", RUNNING},
    {"VM.set_HVM_shadow_multiplier", HALTED},
    {"VM.set_shadow_multiplier_live", RUNNING},
    {"VM.set_VCPUs_number_live", RUNNING},
    {"VM.start", HALTED},
    {"VM.start_on", HALTED},
    {"VM.pause", RUNNING},
    {"VM.unpause", PAUSED},
    {"VM.clean_reboot", RUNNING},
    {"VM.clean_shutdown", RUNNING},
    {"VM.hard_shutdown", RUNNING},
    {"VM.hard_shutdown", SUSPENDED},
    {"VM.suspend", RUNNING},
    {"VM.resume", SUSPENDED},
    {"VM.pool_migrate", RUNNING},
    {"memory_reservation.create_for_VM", HALTED},
    {"host.explain_memory", RUNNING},
};

/* ---- one call ---- */

/* What is called, and about what. */
struct
try {
	struct world_call call; /* .c first: what done() is given */
	struct idl_ref vm, here, other;
	struct idl_vm rec;
};

static void
done(struct api_call *c)
{
	((struct try *)c->owner)->call.ended = true;
}

/* make_vm - a VM in the state that a row asks for */
static void
make_vm(struct try *t, enum state state)
{
	struct world_shape s = {
	    "v", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 512, 2, 1.0, NULL};

	world_record(&t->rec, &s);
	t->vm = world_new_vm(&w, &s);
	if (state >= RUNNING)
		cr_assert_eq(world_call(&w, "VM.start", &t->vm, 0, 0), 0);
	if (state == PAUSED)
		cr_assert_eq(world_call(&w, "VM.pause", &t->vm), 0);
	t->here = world_vm(&w, &t->vm)->resident_on;
	if (state == SUSPENDED)
		cr_assert_eq(world_call(&w, "VM.suspend", &t->vm), 0);
	t->other = world_first_host(&w);
	if (idl_ref_equal(&t->other, &t->here)) {
		const struct idl_host *host =
		    fld_next(w.pin, IDL_CLASS_HOST, &t->here);

		cr_assert_not_null(host);
		t->other = host->h.ref;
	}
	if (idl_ref_is_null(&t->here))
		t->here = t->other;
}

/* fill - arguments that work */
static void
fill(struct try *t)
{
	struct api_call *c = &t->call.c;
	const struct idl_vm *rec = &t->rec;
	const char *text = strncmp(c->method, "VM.remove_", 10) == 0
			       ? "mac_seed" /* every VM has one */
			       : "sim";
	double d = 4.0;
	int64_t n;

	for (int i = 0; i < c->msg->nparams; i++) {
		const struct idl_param *p = &c->msg->params[i];
		char *to = (char *)c->args + p->offset;

		n = p->type->unit == IDL_UNIT_NONE	? 1
		    : p->type->unit == IDL_UNIT_SECONDS ? 60
							: 256 * MIB;
		if (p->type->kind == IDL_INT)
			memcpy(to, &n, sizeof(n));
		else if (p->type->kind == IDL_FLOAT)
			memcpy(to, &d, sizeof(d));
		else if (p->type->kind == IDL_STRING)
			memcpy(to, &text, sizeof(text));
		else if (p->type->kind == IDL_RECORD)
			memcpy(to, &rec, sizeof(rec));
		else if (p->type->kind == IDL_MAP)
			memcpy(
			    to, &(const void *){&idl_map_none}, sizeof(void *));
		else if (p->type->kind == IDL_REF)
			memcpy(to,
			    p->type->cls == IDL_CLASS_VM    ? &t->vm
			    : c->msg->cls == IDL_CLASS_HOST ? &t->here
							    : &t->other,
			    sizeof(t->vm));
	}
}

/* begin - a call ready to be dispatched */
static void
begin(struct try *t, const char *method)
{
	memset(&t->call, 0, sizeof(t->call));
	cr_assert(calls_prepare(
	    &t->call.c, &w.env, api_msg_find(method, strlen(method))));
	t->call.c.done = done;
	t->call.c.owner = t;
	t->call.w = &w;
	fill(t);
}

/* check - all laws; when all has been mended, nothing under way */
static void
check(const char *method, size_t n)
{
	const struct fld_view *v = fld_pin(w.reader);
	char text[300];

	cr_assert_not_null(v);
	cr_assert(calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)),
	    "%s, allocation %zu: %s", method, n, text);
	cr_assert_eq(calls_ops(v), 0, "%s, allocation %zu: an operation stays",
	    method, n);
	cr_assert_eq(
	    wrq_parked(w.writer), 0, "%s, allocation %zu: parked", method, n);
	fld_unpin(w.reader, v);
}

/* tidy - the VM of a try goes, in whatever state it is */
static void
tidy(struct try *t)
{
	const struct fld_view *v = fld_pin(w.reader);
	const struct idl_vm *vm = fld_get(v, IDL_CLASS_VM, &t->vm);
	bool runs = vm != NULL && vm->power_state != IDL_VM_POWER_STATE_HALTED;
	bool is_there = vm != NULL;

	fld_unpin(w.reader, v);
	if (runs)
		cr_assert_eq(world_call(&w, "VM.hard_shutdown", &t->vm), 0,
		    "%s", world_why(&w));
	if (is_there)
		cr_assert_eq(world_call(&w, "VM.destroy", &t->vm), 0, "%s",
		    world_why(&w));
}

/* run - dispatch, and all that can happen without time going by */
static void
run(struct try *t)
{
	api_dispatch(&t->call.c, w.reader);
	for (int i = 0; i < TRIES_MAX && wrq_run_once(w.writer); i++)
		;
}

/* mend - what was tried in vain is tried again, and what waits for that */
static void
mend(void)
{
	for (int i = 0; i < 6; i++)
		world_pass(&w, MEND_MS / 3);
}

/* end - then there is an answer */
static void
end(struct try *t, size_t n)
{
	mend();
	cr_assert(t->call.ended, "%s, %zu: no answer", t->call.c.method, n);
}

/* try_nth - a row's call with allocation n failing; false: it has no nth */
static bool
try_nth(const struct row *row, size_t n, void (*fail)(size_t n))
{
	struct try t;
	bool failed;

	make_vm(&t, row->state);
	begin(&t, row->method);
	fail(n);
	api_dispatch(&t.call.c, w.reader);
	for (int i = 0; i < TRIES_MAX && wrq_run_once(w.writer); i++)
		;
	failed = help_alloc_stop();
	mend();
	cr_assert(
	    t.call.ended, "%s, allocation %zu: no answer", row->method, n);
	if (!failed)
		cr_assert_eq(t.call.c.err, ERR_NONE, "%s", row->method);
	api_call_fini(&t.call.c);
	check(row->method, n);
	tidy(&t);
	return failed;
}

/* try_arena - a row's call with n bytes left in its arena; false: enough */
static bool
try_arena(const struct row *row, size_t n)
{
	struct try t;
	bool failed;

	make_vm(&t, row->state);
	begin(&t, row->method);
	t.call.c.arena.limit_bytes = t.call.c.arena.used_bytes + n;
	run(&t);
	end(&t, n);
	failed = t.call.c.err != ERR_NONE;
	if (failed)
		cr_assert_eq(t.call.c.err, ERR_INTERNAL_ERROR, "%s",
		    idl_errors[t.call.c.err].code);
	api_call_fini(&t.call.c);
	check(row->method, n);
	tidy(&t);
	return failed;
}

/* is_write - does a row's message go to the writer? */
static bool
is_write(const struct row *row)
{
	return api_msg_find(row->method, strlen(row->method))->run ==
	       IDL_RUN_WRITE;
}

/* try_all - each row, one allocation further each time */
static void
try_all(void (*fail)(size_t n))
{
	struct idl_ref host = world_first_host(&w);
	int64_t free_bytes = world_free(&w, &host);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = 1;

		while (try_nth(&rows[i], n, fail))
			cr_assert_lt(++n, 1000, "%s", rows[i].method);
		/* Reads get along with what their call has already. */
		if (is_write(&rows[i]))
			cr_expect_gt(n, 3, "%s", rows[i].method);
	}
	cr_assert_eq(world_free(&w, &host), free_bytes);
}

Test(door_memory, any_allocation_fails_once)
{
	try_all(help_alloc_fail_nth);
}

Test(door_memory, from_any_allocation_on_all_fail)
{
	try_all(help_alloc_fail_from);
}

Test(door_memory, the_arena_of_a_call_is_full_at_any_byte)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = 0;

		while (try_arena(&rows[i], n)) {
			n += 16;
			cr_assert_lt(n, 100000, "%s", rows[i].method);
		}
	}
}

Test(door_memory, a_report_that_was_lost_is_no_end)
{
	struct idl_ref epoch, host = world_first_host(&w);
	const char *text = world_host(&w, &host)->boot_epoch;
	struct hv_msg hello, lost, synced;
	struct try t;

	make_vm(&t, RUNNING);
	cr_assert(idl_uuid_parse(text, strlen(text), &epoch));
	hv_msg_init(&hello, HV_HELLO);
	hello.u.hello.protocol = HV_PROTOCOL;
	hello.u.hello.epoch = (struct hv_uuid){epoch.hi, epoch.lo};
	hv_msg_init(&lost, HV_DOMAIN);
	hv_msg_init(&synced, HV_SYNCED);
	world_fact(&w, &hello);
	help_alloc_fail_nth(1);
	api_boot_up(w.boot, &lost);
	cr_assert(help_alloc_stop());
	world_fact(&w, &synced);
	cr_assert_eq(
	    world_vm(&w, &t.vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_assert(world_host(&w, &host)->enabled);
	world_pass(&w, MEND_MS);
	check("sync", 0);
	cr_assert_eq(
	    world_vm(&w, &t.vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_assert(world_host(&w, &host)->enabled);
	tidy(&t);
}
