/* SPDX-License-Identifier: BSD-2-Clause */

/* VMs are made, start, stop, move and go: through the dispatch door, against
 * the simulator. */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* own */
#include "tests/api/help_suite.h"

PLAIN_SUITE(lifecycle);

/* fixed - a VM with one amount of memory */
static struct idl_ref
fixed(const char *name, int64_t mib)
{
	struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, mib, mib, mib, mib, 2, 1.0, NULL};

	return world_new_vm(&w, &s);
}

/* ranged - a VM that may shrink to a quarter */
static struct idl_ref
ranged(const char *name, int64_t mib, const char *sim)
{
	struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, mib / 8, mib / 4, mib, mib, 2, 1.0, sim};

	return world_new_vm(&w, &s);
}

static const char *
ref_text(const struct idl_ref *ref)
{
	static char text[IDL_REF_TEXT];

	idl_ref_write(ref, text);
	return text;
}

static const char *
bad_state(const struct idl_ref *vm, const char *expected, const char *actual)
{
	static char text[300];

	(void)snprintf(text, sizeof(text), "VM_BAD_POWER_STATE %s %s %s",
	    ref_text(vm), expected, actual);
	return text;
}

Test(lifecycle, a_vm_starts_and_its_memory_is_counted_exactly)
{
	struct idl_ref host = world_first_host(&w), vm = fixed("a", 1024);
	int64_t before = world_free(&w, &host), needed;
	struct failure why;

	cr_assert_eq(mem_needed(world_vm(&w, &vm), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	works("VM.start", &vm, 0, 0);
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect(idl_ref_equal(&world_vm(&w, &vm)->resident_on, &host));
	cr_expect(
	    idl_ref_is_null(&world_vm(&w, &vm)->scheduled_to_be_resident_on));
	cr_expect_gt(world_vm(&w, &vm)->domid, 0);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 1024 * MIB);
	cr_expect_eq(world_metrics(&w, &vm)->VCPUs_number, 2);
	cr_expect_eq(world_free(&w, &host), before - needed);
	works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect(idl_ref_is_null(&world_vm(&w, &vm)->resident_on));
	cr_expect_eq(world_vm(&w, &vm)->domid, -1);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(lifecycle, a_guest_starts_at_dynamic_min)
{
	struct idl_ref vm = ranged("a", 4096, NULL);

	works("VM.start", &vm, 0, 0);
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 1024 * MIB);
	cr_expect_eq(world_vm(&w, &vm)->memory_target, 1024 * MIB);
}

Test(lifecycle, paused_and_back)
{
	struct idl_ref vm = fixed("a", 512);

	works("VM.start", &vm, 1, 0);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_PAUSED);
	refused(bad_state(&vm, "running", "paused"), "VM.pause", &vm);
	works("VM.unpause", &vm);
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	works("VM.pause", &vm);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_PAUSED);
	refused(bad_state(&vm, "halted", "paused"), "VM.start", &vm, 0, 0);
}

Test(lifecycle, reboots_keep_the_memory_and_change_the_domid)
{
	struct idl_ref vm = fixed("a", 512), host = world_first_host(&w);
	int64_t domid, left;

	works("VM.start", &vm, 0, 0);
	domid = world_vm(&w, &vm)->domid;
	left = world_free(&w, &host);
	works("VM.clean_reboot", &vm);
	cr_expect_neq(world_vm(&w, &vm)->domid, domid);
	domid = world_vm(&w, &vm)->domid;
	works("VM.hard_reboot", &vm);
	cr_expect_neq(world_vm(&w, &vm)->domid, domid);
	cr_expect_eq(world_free(&w, &host), left);
	works("VM.clean_shutdown", &vm);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
}

Test(lifecycle, suspend_gives_the_memory_back_and_resume_takes_it_again)
{
	struct idl_ref vm = ranged("a", 4096, NULL),
		       host = world_first_host(&w);
	int64_t before = world_free(&w, &host), left;

	works("VM.start", &vm, 0, 0);
	left = world_free(&w, &host);
	works("VM.suspend", &vm);
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_SUSPENDED);
	cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 1024 * MIB);
	cr_expect_eq(world_free(&w, &host), before);
	works("VM.resume", &vm, 0, 0);
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 0);
	cr_expect_eq(world_free(&w, &host), left);
	works("VM.suspend", &vm);
	works("VM.resume_on", &vm, &host, 1, 0);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_PAUSED);
}

Test(lifecycle, a_suspended_vm_can_be_shut_down_and_destroyed)
{
	struct idl_ref vm = fixed("a", 512), other = fixed("b", 512);
	struct idl_ref metrics;

	works("VM.start", &vm, 0, 0);
	works("VM.suspend", &vm);
	works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 0);
	works("VM.start", &other, 0, 0);
	works("VM.suspend", &other);
	metrics = world_vm(&w, &other)->metrics;
	works("VM.destroy", &other);
	cr_expect_eq(w.last.verb, HV_FORGET);
	(void)world_vm(&w, &vm);
	cr_expect_null(fld_get(w.pin, IDL_CLASS_VM, &other));
	cr_expect_null(fld_get(w.pin, IDL_CLASS_VM_METRICS, &metrics));
}

Test(lifecycle, nothing_fits_is_said_with_the_right_code)
{
	struct idl_ref host = world_first_host(&w);
	struct idl_ref vm = fixed("big", 61 * 1024), small = fixed("b", 2048);
	struct failure why;
	int64_t needed;
	char text[200];

	works("VM.start", &vm, 0, 0);
	refused("NO_HOSTS_AVAILABLE", "VM.start", &small, 0, 0);
	cr_expect_eq(mem_needed(world_vm(&w, &small), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	(void)snprintf(text, sizeof(text),
	    "HOST_NOT_ENOUGH_FREE_MEMORY %lld %lld", (long long)needed,
	    (long long)world_free(&w, &host));
	refused(text, "VM.start_on", &small, &host, 0, 0);
	refused(text, "VM.assert_can_boot_here", &small, &host);
	works("VM.get_possible_hosts", &small);
	cr_expect_eq(w.members, 0);
	cr_expect_eq(world_vm(&w, &small)->current_operations->n, 0);
	works("VM.hard_shutdown", &vm);
	works("VM.get_possible_hosts", &small);
	cr_expect_eq(w.members, 1);
	works("VM.assert_can_boot_here", &small, &host);
	works("VM.start_on", &small, &host, 0, 0);
}

Test(lifecycle, a_failed_start_takes_its_promise_back)
{
	struct idl_ref vm = fixed("a", 512), host = world_first_host(&w);
	int64_t before = world_free(&w, &host);

	w.deaf = true;
	refused(
	    "INTERNAL_ERROR hypervisor process lost", "VM.start", &vm, 0, 0);
	cr_expect_eq(world_free(&w, &host), before);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	w.deaf = false;
	works("VM.start", &vm, 0, 0);
}

Test(lifecycle, nobody_else_gets_in_while_a_guest_shuts_down)
{
	struct idl_ref vm = ranged("a", 1024, "shutdown_ms=5000");
	struct world_call shutdown, wait;

	works("VM.start", &vm, 0, 0);
	world_begin(&w, &shutdown, "VM.clean_shutdown", &vm);
	cr_assert_not(shutdown.ended);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 1);
	world_begin(&w, &wait, "VM.set_memory_dynamic_range", &vm, 300 * MIB,
	    400 * MIB);
	cr_assert_not(wait.ended, "it waits for the operation to end");
	world_pass(&w, 1999);
	cr_assert_not(wait.ended);
	world_pass(&w, 2);
	cr_expect_eq(world_end(&wait), ERR_OTHER_OPERATION_IN_PROGRESS);
	cr_expect_str_eq(w.why.param[0], "VM");
	cr_expect_str_eq(w.why.param[1], ref_text(&vm));
	cr_expect_str_eq(w.why.param[2], "clean_shutdown");
	cr_expect_eq(strncmp(w.why.param[3], "OpaqueRef:", 10), 0);
	world_begin(&w, &wait, "VM.set_memory_dynamic_range", &vm, 300 * MIB,
	    400 * MIB);
	world_pass(&w, 1000);
	world_pass(&w, 2500);
	cr_expect_eq(world_end(&shutdown), ERR_NONE);
	/* Its turn came with its deadline: what it wants is possible. */
	cr_expect_eq(world_end(&wait), ERR_NONE);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(w.env.op_waiters, 0);
}

Test(lifecycle, a_waiter_goes_on_as_soon_as_the_operation_ends)
{
	struct idl_ref vm = ranged("a", 1024, "shutdown_ms=500");
	struct world_call shutdown, wait;

	works("VM.start", &vm, 0, 0);
	world_begin(&w, &shutdown, "VM.clean_shutdown", &vm);
	world_begin(&w, &wait, "VM.set_memory", &vm, 512 * MIB);
	/* Running is not allowed for it whoever is in progress. */
	cr_expect_eq(world_end(&wait), ERR_VM_BAD_POWER_STATE);
	world_begin(&w, &wait, "VM.set_memory_dynamic_range", &vm, 300 * MIB,
	    400 * MIB);
	cr_assert_not(wait.ended);
	world_pass(&w, 500);
	cr_expect_eq(world_end(&shutdown), ERR_NONE);
	cr_expect_eq(world_end(&wait), ERR_NONE, "%s", world_why(&w));
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_min, 300 * MIB);
}

Test(lifecycle, hard_shutdown_gets_in_anyway)
{
	struct idl_ref vm = ranged("a", 1024, "shutdown_ms=1000000");
	struct world_call shutdown;

	works("VM.start", &vm, 0, 0);
	world_begin(&w, &shutdown, "VM.clean_shutdown", &vm);
	cr_assert_not(shutdown.ended);
	works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_end(&shutdown), ERR_NONE);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
}

/* deliver - a command that was held back, to the hypervisor */
static void
deliver(const struct hv_command *cmd)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command = *cmd;
	cr_assert(hv_link_send(w.link, &m));
}

Test(lifecycle, hard_shutdown_ends_what_a_change_before_it_left)
{
	static const char *const first[] = {"VM.hard_reboot", "VM.suspend"};

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
		struct idl_ref vm = ranged(first[i], 1024, "");
		struct world_call change, shutdown;
		struct hv_command sent[2];

		works("VM.start", &vm, 0, 0);
		/* Both are on their way before the first is carried out. */
		w.hangs = true;
		world_begin(&w, &change, first[i], &vm);
		sent[0] = w.last;
		world_begin(&w, &shutdown, "VM.hard_shutdown", &vm);
		sent[1] = w.last;
		w.hangs = false;
		deliver(&sent[0]);
		deliver(&sent[1]);
		world_pass(&w, 0);
		cr_expect_eq(world_end(&change), ERR_NONE, "%s", first[i]);
		cr_expect_eq(world_end(&shutdown), ERR_NONE, "%s: %s", first[i],
		    world_why(&w));
		cr_expect_eq(world_vm(&w, &vm)->power_state,
		    IDL_VM_POWER_STATE_HALTED, "%s", first[i]);
		cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 0);
		cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	}
}

Test(lifecycle, at_most_a_hundred_wait)
{
	struct idl_ref vm = ranged("a", 1024, "shutdown_ms=1000000");
	static struct world_call waits[101];
	struct world_call shutdown;

	works("VM.start", &vm, 0, 0);
	world_begin(&w, &shutdown, "VM.clean_shutdown", &vm);
	for (int i = 0; i < 101; i++)
		world_begin(&w, &waits[i], "VM.pause", &vm);
	cr_expect_eq(world_end(&waits[100]), ERR_TOO_MANY_PENDING_TASKS);
	world_pass(&w, 3000);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(
		    world_end(&waits[i]), ERR_OTHER_OPERATION_IN_PROGRESS);
	cr_expect_eq(w.env.op_waiters, 0);
	works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_end(&shutdown), ERR_NONE);
}

Test(lifecycle, templates_do_not_start_but_clone)
{
	struct idl_ref vm = fixed("t", 512), copy;
	const char *seed, *uuid;
	char text[300];

	works("VM.set_is_a_template", &vm, 1);
	(void)snprintf(
	    text, sizeof(text), "VM_IS_TEMPLATE %s start", ref_text(&vm));
	refused(text, "VM.start", &vm, 0, 0);
	works("VM.set_memory_limits", &vm, 0LL, 2 * GIB, 1 * GIB, 2 * GIB);
	works("VM.clone", &vm, "copy");
	copy = w.result.ref;
	cr_expect_str_eq(world_vm(&w, &copy)->name_label, "copy");
	cr_expect(world_vm(&w, &copy)->is_a_template);
	cr_expect_eq(world_vm(&w, &copy)->memory_dynamic_min, 1 * GIB);
	cr_expect_eq(world_vm(&w, &copy)->memory_overhead,
	    world_vm(&w, &vm)->memory_overhead);
	uuid = world_vm(&w, &copy)->uuid;
	cr_expect_str_neq(uuid, world_vm(&w, &vm)->uuid);
	seed = *(const char *const *)world_vm(&w, &copy)->other_config->values;
	cr_expect_str_neq(seed,
	    *(const char *const *)world_vm(&w, &vm)->other_config->values);
	works("VM.set_is_a_template", &copy, 0);
	works("VM.start", &copy, 0, 0);
	refused(bad_state(&copy, "halted", "running"), "VM.set_is_a_template",
	    &copy, 1);
}

Test(lifecycle, destroy_needs_a_vm_that_does_not_run)
{
	struct idl_ref vm = fixed("a", 512);

	works("VM.start", &vm, 0, 0);
	refused(
	    bad_state(&vm, "halted, suspended", "running"), "VM.destroy", &vm);
	works("VM.hard_shutdown", &vm);
	works("VM.destroy", &vm);
	cr_expect_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_HANDLE_INVALID);
}

Test(lifecycle, create_refuses_what_contradicts_itself)
{
	static const struct {
		const char *what;
		struct world_shape s;
		const char *failure;
	} rows[] = {
	    {"limits out of order",
		{"x", IDL_DOMAIN_TYPE_HVM, 1, 3, 2, 4, 1, 1.0, NULL},
		"MEMORY_CONSTRAINT_VIOLATION_ORDER"},
	    {"a negative limit",
		{"x", IDL_DOMAIN_TYPE_HVM, -1, 3, 3, 4, 1, 1.0, NULL},
		"INVALID_VALUE memory_static_min -1048576"},
	    {"no virtual CPU",
		{"x", IDL_DOMAIN_TYPE_HVM, 1, 3, 3, 4, 0, 1.0, NULL},
		"INVALID_VALUE VCPU values must satisfy: 0 < "
		"VCPUs_at_startup <= VCPUs_max 0"},
	    {"a multiplier below 1",
		{"x", IDL_DOMAIN_TYPE_HVM, 1, 3, 3, 4, 1, 0.5, NULL},
		"INVALID_VALUE HVM_shadow_multiplier 0.5"},
	    {"a multiplier above 1000",
		{"x", IDL_DOMAIN_TYPE_HVM, 1, 3, 3, 4, 1, 1001, NULL},
		"INVALID_VALUE HVM_shadow_multiplier 1001"},
	};
	struct idl_vm rec;
	uint64_t n;

	(void)world_first_host(&w);
	n = fld_count(w.pin, IDL_CLASS_VM);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_record(&rec, &rows[i].s);
		cr_expect_neq(world_call(&w, "VM.create", &rec), ERR_NONE, "%s",
		    rows[i].what);
		cr_expect_str_eq(
		    world_why(&w), rows[i].failure, "%s", rows[i].what);
	}
	(void)world_first_host(&w);
	cr_expect_eq(fld_count(w.pin, IDL_CLASS_VM), n, "nothing is made");
}

Test(lifecycle, create_fills_in_what_is_left_open)
{
	struct world_shape s = {
	    "x", IDL_DOMAIN_TYPE_UNSPECIFIED, 1, 2, 3, 4, 1, 1.0, NULL};
	const struct idl_vm *vm;
	struct idl_vm rec;
	struct idl_ref ref;

	world_record(&rec, &s);
	rec.power_state = IDL_VM_POWER_STATE_RUNNING;
	rec.domid = 7;
	rec.is_control_domain = true;
	rec.affinity = (struct idl_ref){1, 2};
	works("VM.create", &rec);
	ref = w.result.ref;
	vm = world_vm(&w, &ref);
	cr_expect_eq(vm->domain_type, IDL_DOMAIN_TYPE_PV);
	cr_expect_eq(vm->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(vm->domid, -1);
	cr_expect_not(vm->is_control_domain);
	cr_expect(idl_ref_is_null(&vm->affinity), "a ref to nothing");
	cr_expect_gt(vm->memory_overhead, 0);
	cr_expect_eq(strlen(vm->uuid), 36);
	cr_expect_eq(vm->other_config->n, 1, "mac_seed");
	cr_expect_eq(world_metrics(&w, &ref)->memory_actual, 0);
	rec.power_state = IDL_VM_POWER_STATE_SUSPENDED;
	cr_expect_eq(world_call(&w, "VM.create", &rec), ERR_VM_BAD_POWER_STATE);
	cr_expect_str_eq(w.why.param[1], "halted");
	cr_expect_str_eq(w.why.param[2], "suspended");
}

Test(lifecycle, the_guest_may_be_gone_before_anybody_asks)
{
	struct idl_ref vm = ranged("a", 1024, "vanish_ms=100");
	struct idl_ref host = world_first_host(&w);
	int64_t before = world_free(&w, &host);

	works("VM.start", &vm, 0, 0);
	world_pass(&w, 100);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(lifecycle, a_guest_that_does_not_answer_is_said_to_be_so)
{
	struct idl_ref vm = ranged("a", 1024, "deaf");

	works("VM.start", &vm, 0, 0);
	refused("INTERNAL_ERROR the guest does not answer", "VM.clean_shutdown",
	    &vm);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	works("VM.hard_shutdown", &vm);
}
