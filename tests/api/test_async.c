/* SPDX-License-Identifier: BSD-2-Clause */

/* Async calls: answered at once, ended in their task. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Api */
#include "api/task.h"
#include "api_handlers.h"

/* own */
#include "tests/api/help_world.h"

static struct world w;
static struct idl_ref vm;

static void
open_world(void)
{
	const struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_HVM, 64, 256, 1024, 1024, 1, 1.0, "stuck"};

	world_open(&w, NULL, 0, NULL);
	vm = world_new_vm(&w, &s);
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(async, .init = open_world, .fini = close_world);

static const struct idl_task *
task_of(const struct idl_ref *ref)
{
	const struct idl_task *t;

	(void)world_first_host(&w); /* pins the newest image */
	t = fld_get(w.pin, IDL_CLASS_TASK, ref);
	cr_assert_not_null(t);
	return t;
}

/* outcome - status, result and error of a task: "success <value>..." */
static const char *
outcome(const struct idl_ref *ref)
{
	static const char *const names[] = {
	    "pending", "success", "failure", "cancelling", "cancelled"};
	static char text[1000];
	const struct idl_task *t = task_of(ref);
	const char *const *info = t->error_info->items;
	size_t n;

	n = (size_t)snprintf(
	    text, sizeof(text), "%s %s", names[t->status], t->result);
	for (uint32_t i = 0; i < t->error_info->n; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s ", info[i]);
	return text;
}

Test(async, a_read_ends_with_its_value)
{
	cr_assert_eq(world_call(&w, "Async.VM.get_cooperative", &vm), ERR_NONE);
	cr_expect_str_eq(outcome(&w.result.ref),
	    "success <value><boolean>1</boolean></value>");
	cr_expect_str_eq(
	    task_of(&w.result.ref)->name_label, "Async.VM.get_cooperative");
	cr_expect_float_eq(task_of(&w.result.ref)->progress, 1.0, 0.0001);
	cr_expect_gt(task_of(&w.result.ref)->finished, 0);
}

Test(async, a_write_without_value)
{
	cr_assert_eq(world_call(&w, "Async.VM.set_memory_limits", &vm, 64 * MIB,
			 512 * MIB, 64 * MIB, 512 * MIB),
	    ERR_NONE);
	cr_expect_str_eq(outcome(&w.result.ref), "success <value></value>");
	cr_expect_eq(world_vm(&w, &vm)->memory_static_max, 512 * MIB);
}

Test(async, a_write_with_a_ref)
{
	cr_assert_eq(world_call(&w, "Async.VM.clone", &vm, "copy"), ERR_NONE);
	cr_expect_eq(
	    strncmp(outcome(&w.result.ref), "success <value>OpaqueRef:", 25),
	    0);
}

Test(async, a_failure_is_in_the_task)
{
	struct idl_ref nobody = {7, 7};

	cr_assert_eq(world_call(&w, "Async.VM.set_memory_limits", &vm, 64 * MIB,
			 32 * MIB, 64 * MIB, 64 * MIB),
	    ERR_NONE);
	cr_expect_str_eq(outcome(&w.result.ref),
	    "failure MEMORY_CONSTRAINT_VIOLATION_ORDER ");
	cr_assert_eq(world_call(&w, "Async.VM.start", &nobody, 0, 0), ERR_NONE);
	cr_expect_str_eq(outcome(&w.result.ref),
	    "failure HANDLE_INVALID VM "
	    "OpaqueRef:00000000-0000-0007-0000-000000000007 ");
}

Test(async, stages_end_in_the_same_task)
{
	struct idl_ref task;

	w.hangs = true;
	cr_assert_eq(world_call(&w, "Async.VM.start", &vm, 0, 0), ERR_NONE);
	task = w.result.ref;
	cr_expect_str_eq(outcome(&task), "pending ");
	cr_assert_eq(world_vm(&w, &vm)->current_operations->n, 1);
	cr_expect(
	    idl_ref_equal(world_vm(&w, &vm)->current_operations->keys, &task));
	api_hv_lost(&w.env);
	world_pass(&w, 1);
	cr_expect_eq(strncmp(outcome(&task), "failure ", 8), 0);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
}

Test(async, one_command_without_answer_ends_its_call_alone)
{
	const struct world_shape s = {
	    "b", IDL_DOMAIN_TYPE_HVM, 64, 256, 1024, 1024, 1, 1.0, ""};
	struct idl_ref task, other = world_new_vm(&w, &s);

	w.env.command_ms = 60000;
	w.hangs = true;
	cr_assert_eq(world_call(&w, "Async.VM.start", &vm, 0, 0), ERR_NONE);
	task = w.result.ref;
	w.now_ms += 30000;
	cr_assert_eq(world_call(&w, "Async.VM.start", &other, 0, 0), ERR_NONE);
	other = w.result.ref;
	w.now_ms += 29999;
	api_hv_late(&w.env);
	world_pass(&w, 0);
	cr_expect_str_eq(outcome(&task), "pending ", "it has its time");
	w.now_ms += 1;
	api_hv_late(&w.env);
	world_pass(&w, 0);
	cr_expect_str_eq(outcome(&task),
	    "failure INTERNAL_ERROR the hypervisor process does not answer ");
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	cr_expect_str_eq(outcome(&other), "pending ", "the other has its own");
	w.now_ms += 30000;
	api_hv_late(&w.env);
	world_pass(&w, 0);
	cr_expect_eq(strncmp(outcome(&other), "failure ", 8), 0);
}

Test(async, an_interval_is_no_time_to_answer_in)
{
	struct world_call call;

	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	w.env.command_ms = 60000;
	w.hangs = true;
	world_begin(&w, &call, "VM.set_memory_stats_polling_interval", &vm,
	    (int64_t)86400);
	cr_assert(!call.ended);
	w.now_ms += 60000;
	api_hv_late(&w.env);
	world_pass(&w, 0);
	(void)world_end(&call);
}

Test(async, a_start_that_works)
{
	cr_assert_eq(world_call(&w, "Async.VM.start", &vm, 0, 0), ERR_NONE);
	cr_expect_str_eq(outcome(&w.result.ref), "success <value></value>");
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
}

Test(async, a_wait_is_cancelled_at_once)
{
	struct idl_ref task;

	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	cr_assert_eq(world_call(&w, "VM.set_memory_dynamic_range", &vm,
			 (int64_t)1024 * MIB, (int64_t)1024 * MIB),
	    ERR_NONE);
	cr_assert_eq(
	    world_call(&w, "Async.VM.wait_memory_target_live", &vm), ERR_NONE);
	task = w.result.ref;
	cr_expect_str_eq(outcome(&task), "pending ");
	cr_expect_eq(task_of(&task)->allowed_operations->n, 1);
	cr_expect_eq(world_call(&w, "task.cancel", &task), ERR_NONE);
	cr_expect_str_eq(outcome(&task), "cancelled ");
	cr_expect_eq(task_of(&task)->allowed_operations->n, 0);
}

Test(async, destroyed_while_pending_it_goes_in_the_end)
{
	struct idl_ref task;

	w.hangs = true;
	cr_assert_eq(world_call(&w, "Async.VM.start", &vm, 0, 0), ERR_NONE);
	task = w.result.ref;
	cr_expect_eq(world_call(&w, "task.destroy", &task), ERR_NONE);
	cr_expect_str_eq(outcome(&task), "pending ");
	api_hv_lost(&w.env);
	world_pass(&w, 1);
	(void)world_first_host(&w);
	cr_expect_null(fld_get(w.pin, IDL_CLASS_TASK, &task));
}

Test(async, what_has_no_async_form)
{
	cr_expect_eq(world_call(&w, "Async.VM.get_record", &vm), ERR_FAULT);
	cr_expect_str_eq(idl_errors[ERR_FAULT].code, "Fault");
	cr_expect_null(api_msg_find("Async.VM.nothing", 16));
	cr_expect_null(api_msg_find("Async.", 6));
	cr_expect_null(api_msg_find("Async.Async.VM.start", 20));
}
