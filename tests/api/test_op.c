/* SPDX-License-Identifier: BSD-2-Clause */

/* Which operation a VM may do now: the table of spec B.2, in its order. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Api */
#include "api/op.h"

/* own */
#include "tests/api/help_world.h"

static struct world w;
static struct idl_vm vm; /* a halted VM that is in no store */

static void
open_world(void)
{
	struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_HVM, 1, 1, 1, 1, 1, 1.0, NULL};

	world_open(&w, NULL, 0, NULL);
	(void)world_first_host(&w);
	world_record(&vm, &s);
	vm.h.ref = (struct idl_ref){1, 1};
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(op, .init = open_world, .fini = close_world);

#define VM "OpaqueRef:00000000-0000-0001-0000-000000000001"
#define T1 "OpaqueRef:00000000-0000-0002-0000-000000000001"
#define T2 "OpaqueRef:00000000-0000-0002-0000-000000000002"

/* check - what is said of an operation: "" or "CODE params" */
static const char *
check(int operation)
{
	w.why.code = ERR_NONE;
	w.why.n = 0;
	return api_op_check(w.pin, &vm, operation, &w.why) == ERR_NONE
		   ? ""
		   : world_why(&w);
}

Test(op, power_states)
{
	static const struct {
		int32_t state;
		int operation;
		const char *failure;
	} rows[] = {
	    {IDL_VM_POWER_STATE_HALTED, IDL_OP_START, ""},
	    {IDL_VM_POWER_STATE_RUNNING, IDL_OP_START,
		"VM_BAD_POWER_STATE " VM " halted running"},
	    {IDL_VM_POWER_STATE_PAUSED, IDL_OP_CHANGING_DYNAMIC_RANGE,
		"VM_BAD_POWER_STATE " VM " halted, running paused"},
	    {IDL_VM_POWER_STATE_SUSPENDED, IDL_OP_CHANGING_MEMORY_LIMITS,
		"VM_BAD_POWER_STATE " VM " halted suspended"},
	    {IDL_VM_POWER_STATE_SUSPENDED, IDL_OP_DESTROY, ""},
	    {IDL_VM_POWER_STATE_RUNNING, IDL_OP_DESTROY,
		"VM_BAD_POWER_STATE " VM " halted, suspended running"},
	    {IDL_VM_POWER_STATE_HALTED, IDL_OP_HARD_SHUTDOWN,
		"VM_BAD_POWER_STATE " VM " paused, suspended, running halted"},
	    {IDL_VM_POWER_STATE_PAUSED, IDL_OP_UNPAUSE, ""},
	    {IDL_VM_POWER_STATE_RUNNING, IDL_OP_POOL_MIGRATE, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vm.power_state = rows[i].state;
		cr_expect_str_eq(check(rows[i].operation), rows[i].failure);
	}
}

/* under_way - one or two operations are being done */
static void
under_way(int first, int second)
{
	static struct idl_ref tasks[2] = {{2, 1}, {2, 2}};
	static int32_t ops[2];
	static struct idl_map map = {0, tasks, ops};

	ops[0] = first;
	ops[1] = second;
	map.n = second < 0 ? 1 : 2;
	vm.current_operations = &map;
}

Test(op, what_is_under_way_keeps_others_out)
{
	vm.power_state = IDL_VM_POWER_STATE_RUNNING;
	under_way(IDL_OP_CHANGING_MEMORY_LIMITS, -1);
	cr_expect_str_eq(check(IDL_OP_CHANGING_DYNAMIC_RANGE),
	    "OTHER_OPERATION_IN_PROGRESS VM " VM " (unknown operation) " T1);
	under_way(IDL_OP_CLEAN_SHUTDOWN, IDL_OP_HARD_SHUTDOWN);
	cr_expect_str_eq(check(IDL_OP_PAUSE),
	    "OTHER_OPERATION_IN_PROGRESS VM " VM
	    " {clean_shutdown,hard_shutdown} {" T1 "," T2 "}");
	cr_expect_eq(strncmp(check(IDL_OP_HARD_SHUTDOWN), "OTHER_", 6), 0);
	under_way(IDL_OP_CLEAN_SHUTDOWN, -1);
	cr_expect_str_eq(check(IDL_OP_HARD_SHUTDOWN), "");
	cr_expect_str_eq(check(IDL_OP_HARD_REBOOT), "");
	under_way(IDL_OP_HARD_REBOOT, -1);
	cr_expect_eq(strncmp(check(IDL_OP_HARD_REBOOT), "OTHER_", 6), 0);
	vm.power_state = IDL_VM_POWER_STATE_HALTED;
	under_way(IDL_OP_CLONE, -1);
	cr_expect_str_eq(check(IDL_OP_CLONE), "");
	cr_expect_str_eq(check(IDL_OP_COPY), "");
	cr_expect_eq(strncmp(check(IDL_OP_START), "OTHER_", 6), 0);
	/* The state is looked at first. */
	cr_expect_eq(strncmp(check(IDL_OP_PAUSE), "VM_BAD_", 7), 0);
}

Test(op, blocked_operations_come_first)
{
	static int32_t ops[1] = {IDL_OP_START};
	static const char *codes[1] = {"MY_REASON"};
	static struct idl_map map = {1, ops, codes};

	vm.blocked_operations = &map;
	vm.power_state = IDL_VM_POWER_STATE_RUNNING;
	cr_expect_str_eq(
	    check(IDL_OP_START), "OPERATION_BLOCKED " VM " MY_REASON");
}

Test(op, templates_and_snapshots)
{
	vm.is_a_template = true;
	cr_expect_str_eq(check(IDL_OP_START), "VM_IS_TEMPLATE " VM " start");
	cr_expect_str_eq(check(IDL_OP_CHANGING_MEMORY_LIMITS), "");
	cr_expect_str_eq(check(IDL_OP_CHANGING_DYNAMIC_RANGE), "");
	cr_expect_str_eq(check(IDL_OP_CHANGING_SHADOW_MEMORY), "");
	cr_expect_str_eq(check(IDL_OP_CLONE), "");
	cr_expect_str_eq(check(IDL_OP_DESTROY), "");
	vm.is_default_template = true;
	cr_expect_str_eq(
	    check(IDL_OP_DESTROY), "VM_IS_TEMPLATE " VM " destroy");
	vm.is_a_snapshot = true;
	cr_expect_str_eq(check(IDL_OP_DESTROY), "");
	cr_expect_str_eq(check(IDL_OP_CHANGING_MEMORY_LIMITS),
	    "VM_IS_SNAPSHOT " VM " (unknown operation)");
	vm.power_state = IDL_VM_POWER_STATE_PAUSED;
	cr_expect_eq(strncmp(check(IDL_OP_CHANGING_STATIC_RANGE), "VM_BAD_", 7),
	    0, "the power state is looked at first");
}

Test(op, nested_virtualisation)
{
	static const char *keys[1] = {"nested-virt"}, *values[1] = {"TRUE"};
	static struct idl_map map = {1, keys, values};

	vm.platform = &map;
	vm.power_state = IDL_VM_POWER_STATE_RUNNING;
	cr_expect_str_eq(check(IDL_OP_SUSPEND), "VM_IS_IMMOBILE " VM);
	cr_expect_str_eq(check(IDL_OP_POOL_MIGRATE), "VM_IS_IMMOBILE " VM);
	cr_expect_str_eq(check(IDL_OP_CHANGING_DYNAMIC_RANGE),
	    "VM_IS_USING_NESTED_VIRT " VM);
	cr_expect_str_eq(check(IDL_OP_CHANGING_MEMORY_LIVE), "");
}

Test(op, control_domains)
{
	vm.is_control_domain = true;
	vm.power_state = IDL_VM_POWER_STATE_RUNNING;
	cr_expect_str_eq(check(IDL_OP_CHANGING_STATIC_RANGE), "");
	cr_expect_str_eq(check(IDL_OP_CHANGING_VCPUS), "", "not of dom0");
	cr_expect_eq(
	    strncmp(check(IDL_OP_HARD_SHUTDOWN), "OPERATION_NOT", 13), 0);
	vm.power_state = IDL_VM_POWER_STATE_PAUSED;
	cr_expect_str_eq(check(IDL_OP_CHANGING_STATIC_RANGE),
	    "VM_BAD_POWER_STATE " VM " halted, running paused");
}

/* allows - is an operation in a set of operations? */
static bool
allows(const struct idl_set *s, int operation)
{
	const int32_t *ops = s->items;

	for (uint32_t i = 0; i < s->n; i++)
		if (ops[i] == operation)
			return true;
	return false;
}

Test(op, allowed_operations_list_what_would_pass)
{
	const struct idl_set *s;
	struct arena a;

	arena_init(&a, 10000);
	s = api_op_allowed(HV_W_BUILDS, w.pin, &vm, &a);
	cr_assert_not_null(s);
	cr_expect(allows(s, IDL_OP_START));
	cr_expect(allows(s, IDL_OP_CHANGING_STATIC_RANGE));
	cr_expect(allows(s, IDL_OP_CHANGING_SHADOW_MEMORY));
	cr_expect_not(allows(s, IDL_OP_CHANGING_MEMORY_LIMITS), "never listed");
	cr_expect_not(allows(s, IDL_OP_CLEAN_SHUTDOWN));
	s = api_op_allowed(0, w.pin, &vm, &a);
	cr_assert_not_null(s);
	cr_expect_not(allows(s, IDL_OP_START), "nobody builds domains here");
	cr_expect(allows(s, IDL_OP_CHANGING_STATIC_RANGE));
	vm.power_state = IDL_VM_POWER_STATE_RUNNING;
	s = api_op_allowed(HV_W_BUILDS, w.pin, &vm, &a);
	cr_assert_not_null(s);
	cr_expect(allows(s, IDL_OP_CLEAN_SHUTDOWN));
	cr_expect_not(allows(s, IDL_OP_START));
	cr_expect_not(allows(s, IDL_OP_CHANGING_MEMORY_LIVE), "never listed");
	arena_fini(&a);
	arena_init(&a, 8);
	cr_expect_null(
	    api_op_allowed(HV_W_BUILDS, w.pin, &vm, &a), "the arena is full");
	arena_fini(&a);
}

Test(op, who_waits_for_a_vm_that_goes_waits_no_more)
{
	struct world_shape s = {
	    "v", IDL_DOMAIN_TYPE_HVM, 64, 64, 64, 64, 1, 1.0, NULL};
	struct idl_ref ref = world_new_vm(&w, &s);
	struct world_call start, destroy, wait;

	w.hangs = true;
	world_begin(&w, &start, "VM.start", &ref, 0, 0);
	world_begin(&w, &wait, "VM.set_memory", &ref, 128 * MIB);
	world_begin(&w, &destroy, "VM.destroy", &ref); /* wakes first */
	cr_assert_eq(w.env.op_waiters, 2);
	w.hangs = false;
	api_hv_lost(&w.env); /* the start ends, and the VM with it */
	world_pass(&w, 0);
	cr_expect_neq(world_end(&start), ERR_NONE);
	cr_expect_eq(world_end(&destroy), ERR_NONE, "%s", world_why(&w));
	cr_expect_eq(world_end(&wait), ERR_HANDLE_INVALID, "%s", world_why(&w));
	cr_expect_eq(w.env.op_waiters, 0);
}
