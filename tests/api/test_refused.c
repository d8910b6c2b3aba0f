/* SPDX-License-Identifier: BSD-2-Clause */

/* The journal refuses a commit (full disk), once, at every point of every
 * lifecycle message: nothing is stuck, nothing is lost, nothing is counted
 * twice, and when there is room again all goes on. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* own */
#include "tests/api/help_world.h"

static struct world w;

/* ready_vm - a VM in a power state */
static struct idl_ref
ready_vm(int32_t state, const char *sim)
{
	struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_HVM, 128, 256, 1024, 1024, 2, 1.0, sim};
	struct idl_ref vm = world_new_vm(&w, &s);

	if (state == IDL_VM_POWER_STATE_HALTED)
		return vm;
	cr_assert_eq(world_call(&w, "VM.start", &vm,
			 state == IDL_VM_POWER_STATE_PAUSED, 0),
	    ERR_NONE);
	if (state == IDL_VM_POWER_STATE_SUSPENDED)
		cr_assert_eq(world_call(&w, "VM.suspend", &vm), ERR_NONE);
	return vm;
}

/* settle - time for the daemon to ask again; then everything is right */
static void
settle(const struct idl_ref *ref, const char *what, size_t nth)
{
	const struct idl_vm *vm;

	for (int i = 0; i < 4; i++)
		world_pass(&w, 600);
	world_check(&w);
	vm = world_vm(&w, ref);
	cr_expect_eq(vm->current_operations->n, 0, "%s, commit %zu", what, nth);
	cr_expect(idl_ref_is_null(&vm->scheduled_to_be_resident_on),
	    "%s, commit %zu: promised for nobody", what, nth);
	cr_expect_eq(
	    fld_count(w.pin, IDL_CLASS_TASK), 0, "%s, commit %zu", what, nth);
}

/* A message, the state it begins in, and the one it leads to. */
static const struct row {
	const char *method;
	int32_t from, to;
	const char *sim;
} rows[] = {
    {"VM.start", IDL_VM_POWER_STATE_HALTED, IDL_VM_POWER_STATE_RUNNING, NULL},
    {"VM.start", IDL_VM_POWER_STATE_HALTED, IDL_VM_POWER_STATE_HALTED,
	"no such behaviour"},
    {"VM.pause", IDL_VM_POWER_STATE_RUNNING, IDL_VM_POWER_STATE_PAUSED, NULL},
    {"VM.unpause", IDL_VM_POWER_STATE_PAUSED, IDL_VM_POWER_STATE_RUNNING, NULL},
    {"VM.suspend", IDL_VM_POWER_STATE_RUNNING, IDL_VM_POWER_STATE_SUSPENDED,
	NULL},
    {"VM.resume", IDL_VM_POWER_STATE_SUSPENDED, IDL_VM_POWER_STATE_RUNNING,
	NULL},
    {"VM.clean_reboot", IDL_VM_POWER_STATE_RUNNING, IDL_VM_POWER_STATE_RUNNING,
	NULL},
    {"VM.clean_shutdown", IDL_VM_POWER_STATE_RUNNING, IDL_VM_POWER_STATE_HALTED,
	NULL},
    {"VM.hard_shutdown", IDL_VM_POWER_STATE_PAUSED, IDL_VM_POWER_STATE_HALTED,
	NULL},
    {"VM.hard_shutdown", IDL_VM_POWER_STATE_SUSPENDED,
	IDL_VM_POWER_STATE_HALTED, NULL},
};

/* one - a row with commit nth refused; false: there was no such commit */
static bool
one(const struct row *r, size_t nth)
{
	struct jrn_memory_fault fault = {nth, JRN_REFUSED, JRN_REFUSED};
	struct idl_ref vm;
	int32_t state;
	bool hit;

	world_open(&w, NULL, 0, NULL);
	vm = ready_vm(r->from, r->sim);
	jrn_memory_fail(w.journal, fault);
	(void)world_call(&w, r->method, &vm, 0, 0); /* may well fail */
	hit = jrn_memory_commits(w.journal) >= nth;
	settle(&vm, r->method, nth);
	state = world_vm(&w, &vm)->power_state;
	cr_expect(state == r->from || state == r->to, "%s, commit %zu",
	    r->method, nth);
	if (state != r->to)
		cr_expect_eq(world_call(&w, r->method, &vm, 0, 0), ERR_NONE,
		    "%s, commit %zu: %s", r->method, nth, world_why(&w));
	settle(&vm, r->method, nth);
	cr_expect_eq(world_vm(&w, &vm)->power_state, r->to, "%s, commit %zu",
	    r->method, nth);
	world_close(&w);
	return hit;
}

Test(refused, every_commit_of_every_lifecycle_message)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t nth = 1; nth < 20 && one(&rows[i], nth); nth++)
			;
}

Test(refused, a_live_shadow_change_ends_as_what_the_domain_has)
{
	for (size_t nth = 1; nth < 6; nth++) {
		struct jrn_memory_fault fault = {nth, JRN_REFUSED, JRN_REFUSED};
		const struct idl_vm *now;
		struct idl_ref vm;

		world_open(&w, NULL, 0, NULL);
		vm = ready_vm(IDL_VM_POWER_STATE_RUNNING, NULL);
		jrn_memory_fail(w.journal, fault);
		(void)world_call(&w, "VM.set_shadow_multiplier_live", &vm, 2.0);
		settle(&vm, "shadow", nth);
		now = world_vm(&w, &vm);
		/* 10 MiB at 1.0: overhead 13 or 23. */
		cr_expect_eq(now->memory_overhead,
		    w.last.verb == HV_SET_SHADOW ? 23 * MIB : 13 * MIB,
		    "commit %zu", nth);
		world_close(&w);
	}
}

Test(refused, a_domain_that_has_gone_is_a_matter_of_its_power_state)
{
	static const char *const methods[] = {"VM.pause", "VM.suspend",
	    "VM.clean_reboot", "VM.clean_shutdown", "VM.hard_shutdown",
	    "VM.set_shadow_multiplier_live"};
	char text[200], ref[IDL_REF_TEXT];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct hv_result gone = {.status = HV_NO_DOMAIN};
		struct world_call call;
		struct idl_ref vm;

		world_open(&w, NULL, 0, NULL);
		vm = ready_vm(IDL_VM_POWER_STATE_RUNNING, NULL);
		w.hangs = true;
		world_begin(&w, &call, methods[i], &vm, 2.0);
		cr_assert(!call.ended, "%s", methods[i]);
		gone.id = w.last.id;
		api_hv_result(&w.env, &gone);
		world_pass(&w, 0);
		cr_expect_eq(world_end(&call), ERR_VM_BAD_POWER_STATE);
		idl_ref_write(&vm, ref);
		(void)snprintf(text, sizeof(text),
		    "VM_BAD_POWER_STATE %s running halted", ref);
		cr_expect_str_eq(world_why(&w), text, "%s", methods[i]);
		cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
		w.hangs = false;
		world_close(&w);
	}
}

Test(refused, an_image_thrown_away_meanwhile_is_one_as_well)
{
	struct hv_result gone = {.status = HV_REFUSED, .text = "no image"};
	char text[200], ref[IDL_REF_TEXT];
	struct world_call call;
	struct idl_ref vm;

	world_open(&w, NULL, 0, NULL);
	vm = ready_vm(IDL_VM_POWER_STATE_SUSPENDED, NULL);
	w.hangs = true;
	world_begin(&w, &call, "VM.resume", &vm, 0, 0);
	cr_assert_eq(w.last.verb, HV_RESTORE);
	gone.id = w.last.id;
	w.hangs = false;
	cr_assert_eq(world_call(&w, "VM.hard_shutdown", &vm), ERR_NONE);
	api_hv_result(&w.env, &gone);
	world_pass(&w, 0);
	cr_expect_eq(world_end(&call), ERR_VM_BAD_POWER_STATE);
	idl_ref_write(&vm, ref);
	(void)snprintf(
	    text, sizeof(text), "VM_BAD_POWER_STATE %s suspended halted", ref);
	cr_expect_str_eq(world_why(&w), text);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	world_close(&w);
}

Test(refused, a_setter_that_is_not_stored_changes_nothing)
{
	struct jrn_memory_fault fault = {1, JRN_REFUSED, JRN_REFUSED};
	struct idl_ref vm;

	world_open(&w, NULL, 0, NULL);
	vm = ready_vm(IDL_VM_POWER_STATE_RUNNING, NULL);
	w.commands = 0;
	/* The round is refused, then the job alone: two commits. */
	jrn_memory_fail(w.journal, fault);
	(void)world_call(
	    &w, "VM.set_memory_dynamic_range", &vm, 300 * MIB, 400 * MIB);
	if (w.why.code != ERR_NONE) {
		cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_min, 256 * MIB);
		cr_expect_eq(w.commands, 0, "and nobody is told");
	}
	settle(&vm, "set_memory_dynamic_range", 1);
	world_close(&w);
}
