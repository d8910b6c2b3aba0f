/* SPDX-License-Identifier: BSD-2-Clause */

/* Tasks: one's own, those of waits, and who may do what with them. */

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

static void
open_world(void)
{
	world_open(&w, NULL, 0, NULL);
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(task, .init = open_world, .fini = close_world);

/* new_task - one's own */
static struct idl_ref
new_task(void)
{
	cr_assert_eq(world_call(&w, "task.create", "label", "notes"), ERR_NONE);
	return w.result.ref;
}

/* task_of - the record as readers see it; NULL: there is none */
static const struct idl_task *
task_of(const struct idl_ref *ref)
{
	(void)world_first_host(&w); /* pins the newest image */
	return fld_get(w.pin, IDL_CLASS_TASK, ref);
}

/* waiting - the only task; asserts that there is one */
static const struct idl_task *
waiting(void)
{
	const struct idl_task *t;

	(void)world_first_host(&w);
	t = fld_next(w.pin, IDL_CLASS_TASK, NULL);
	cr_assert_not_null(t);
	return t;
}

/* stuck_vm - runs, and never reaches the target it now has */
static struct idl_ref
stuck_vm(void)
{
	const struct world_shape s = {
	    "stuck", IDL_DOMAIN_TYPE_HVM, 64, 256, 1024, 1024, 1, 1.0, "stuck"};
	struct idl_ref vm = world_new_vm(&w, &s);

	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	cr_assert_eq(world_call(&w, "VM.set_memory_dynamic_range", &vm,
			 (int64_t)1024 * MIB, (int64_t)1024 * MIB),
	    ERR_NONE);
	return vm;
}

Test(task, a_new_one_is_pending)
{
	struct idl_ref ref = new_task();
	const struct idl_task *t = task_of(&ref);

	cr_assert_not_null(t);
	cr_expect_str_eq(t->name_label, "label");
	cr_expect_str_eq(t->name_description, "notes");
	cr_expect_str_eq(t->type, "<none/>");
	cr_expect_eq(t->status, IDL_TASK_STATUS_TYPE_PENDING);
	cr_expect_eq(t->finished, 0);
	cr_expect_eq(t->allowed_operations->n, 0);
}

Test(task, a_pending_one_is_destroyed_when_it_ends)
{
	struct idl_ref ref = new_task();

	cr_expect_eq(world_call(&w, "task.destroy", &ref), ERR_NONE);
	cr_assert_not_null(task_of(&ref));
	cr_expect_eq(world_call(&w, "task.set_status", &ref,
			 IDL_TASK_STATUS_TYPE_SUCCESS),
	    ERR_NONE);
	cr_expect_null(task_of(&ref));
	cr_expect_eq(world_call(&w, "task.destroy", &ref), ERR_HANDLE_INVALID);
}

Test(task, an_ended_one_stays_as_it_is_and_goes_at_once)
{
	struct idl_ref ref = new_task();

	cr_expect_eq(world_call(&w, "task.set_status", &ref,
			 IDL_TASK_STATUS_TYPE_FAILURE),
	    ERR_NONE);
	cr_expect_eq(world_call(&w, "task.set_status", &ref,
			 IDL_TASK_STATUS_TYPE_SUCCESS),
	    ERR_NONE);
	cr_expect_eq(task_of(&ref)->status, IDL_TASK_STATUS_TYPE_FAILURE);
	cr_expect_gt(task_of(&ref)->finished, 0);
	cr_expect_eq(world_call(&w, "task.cancel", &ref), ERR_NONE);
	cr_expect_eq(task_of(&ref)->current_operations->n, 0);
	cr_expect_eq(world_call(&w, "task.destroy", &ref), ERR_NONE);
	cr_expect_null(task_of(&ref));
}

Test(task, progress_is_between_0_and_1)
{
	struct idl_ref ref = new_task();

	cr_expect_eq(world_call(&w, "task.set_progress", &ref, 0.25), ERR_NONE);
	cr_expect_eq(
	    world_call(&w, "task.set_progress", &ref, 1.25), ERR_INVALID_VALUE);
	cr_expect_str_eq(world_why(&w), "INVALID_VALUE progress 1.25");
	cr_expect_float_eq(task_of(&ref)->progress, 0.25, 0.0001);
}

Test(task, a_wait_is_a_task_that_can_be_cancelled)
{
	struct idl_ref vm = stuck_vm(), ref;
	struct world_call p;

	world_begin(&w, &p, "VM.wait_memory_target_live", &vm);
	cr_assert(!p.ended);
	ref = waiting()->h.ref;
	cr_expect_str_eq(waiting()->name_label, "VM.wait_memory_target_live");
	cr_assert_eq(waiting()->allowed_operations->n, 1);
	cr_expect_eq(world_call(&w, "task.cancel", &ref), ERR_NONE);
	cr_expect_eq(world_end(&p), ERR_TASK_CANCELLED);
	cr_expect_null(task_of(&ref));
}

Test(task, a_wait_for_an_operation_can_be_cancelled)
{
	const struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_HVM, 64, 64, 64, 64, 1, 1.0, NULL};
	struct idl_ref vm = world_new_vm(&w, &s), ref = {0, 0};
	const struct idl_task *t = NULL;
	struct world_call start, p;

	w.hangs = true;
	world_begin(&w, &start, "VM.start", &vm, 0, 0);
	cr_assert(!start.ended);
	world_begin(&w, &p, "VM.destroy", &vm);
	if (p.ended) { /* it is running already, as far as that goes */
		(void)world_end(&p);
	} else {
		(void)world_first_host(&w);
		while ((t = fld_next(w.pin, IDL_CLASS_TASK,
			    t != NULL ? &t->h.ref : NULL)) != NULL)
			if (strcmp(t->name_label, "VM.destroy") == 0)
				ref = t->h.ref;
		cr_expect_eq(world_call(&w, "task.cancel", &ref), ERR_NONE);
		cr_expect_eq(world_end(&p), ERR_TASK_CANCELLED);
		cr_expect_eq(w.env.op_waiters, 0);
	}
	api_hv_lost(&w.env);
	world_pass(&w, 1);
	(void)world_end(&start);
}

static uint64_t tasks_at_end;
static void (*old_done)(struct api_call *c);

/* done_looking - what a client could see when it has its answer */
static void
done_looking(struct api_call *c)
{
	(void)world_first_host(&w);
	tasks_at_end = fld_count(w.pin, IDL_CLASS_TASK);
	old_done(c);
}

Test(task, who_has_the_answer_sees_no_task)
{
	struct idl_ref vm = stuck_vm(), ref;
	struct world_call p;

	world_begin(&w, &p, "VM.wait_memory_target_live", &vm);
	ref = waiting()->h.ref;
	old_done = p.c.done;
	p.c.done = done_looking;
	tasks_at_end = 1;
	cr_expect_eq(world_call(&w, "task.cancel", &ref), ERR_NONE);
	cr_expect_eq(world_end(&p), ERR_TASK_CANCELLED);
	cr_expect_eq(tasks_at_end, 0);
}

Test(task, a_wait_that_ends_by_itself_leaves_no_task)
{
	struct idl_ref vm = stuck_vm();
	struct world_call p;

	world_begin(&w, &p, "VM.wait_memory_target_live", &vm);
	cr_assert_not_null(waiting());
	world_pass(&w, 256000);
	cr_expect_eq(world_end(&p), ERR_VM_MEMORY_TARGET_WAIT_TIMEOUT);
	(void)world_first_host(&w);
	cr_expect_eq(fld_count(w.pin, IDL_CLASS_TASK), 0);
}

/* ---- who may ---- */

/* as - a call by somebody of a role; the code */
static enum err
as(const char *user, int role, const char *method, const struct idl_ref *ref)
{
	struct idl_msg row = *api_msg_find(method, strlen(method));
	struct api_call c;
	enum err rc;

	api_call_init(&c, &w.env, 65536);
	c.msg = &row;
	c.role = role;
	c.user = user;
	c.session_ref = (struct idl_ref){5, 5};
	(void)world_first_host(&w);
	c.view = w.pin;
	c.self = fld_get(w.pin, IDL_CLASS_TASK, ref);
	c.tx = fld_tx_begin(w.store, &c.arena);
	cr_assert(c.self != NULL && c.tx != NULL);
	rc = row.handler(&c, ref, NULL, &c.why);
	err_copy(&w.why, &c.why);
	fld_tx_abort(&c.tx);
	c.view = NULL;
	api_call_fini(&c);
	return rc;
}

Test(task, others_tasks_take_a_pool_operator)
{
	struct idl_ref ref = new_task();

	cr_expect_eq(as("mary", IDL_ROLE_VM_ADMIN, "task.cancel", &ref),
	    ERR_RBAC_PERMISSION_DENIED);
	cr_expect_str_eq(w.why.param[0], "task.cancel/any");
	cr_expect_eq(as("mary", IDL_ROLE_READ_ONLY, "task.destroy", &ref),
	    ERR_RBAC_PERMISSION_DENIED);
	cr_expect_eq(
	    as("mary", IDL_ROLE_POOL_OPERATOR, "task.cancel", &ref), ERR_NONE);
}

/* ---- old ones ---- */

Test(task, ended_ones_go_after_an_hour_or_when_there_are_many)
{
	struct idl_ref first = new_task(), ref = first;

	cr_assert_eq(world_call(&w, "task.set_status", &first,
			 IDL_TASK_STATUS_TYPE_SUCCESS),
	    ERR_NONE);
	world_pass(&w, 3600 * 1000);
	(void)new_task();
	cr_expect_not_null(task_of(&first));
	world_pass(&w, 400 * 1000);
	(void)new_task();
	cr_expect_null(task_of(&first), "more than an hour");
	first = new_task();
	(void)world_call(
	    &w, "task.set_status", &first, IDL_TASK_STATUS_TYPE_SUCCESS);
	for (int i = 0; i < TASK_KEEP; i++) {
		world_pass(&w, 1000);
		ref = new_task();
		(void)world_call(
		    &w, "task.set_status", &ref, IDL_TASK_STATUS_TYPE_SUCCESS);
	}
	cr_expect_null(task_of(&first), "the oldest");
	cr_expect_not_null(task_of(&ref), "the newest");
	cr_expect_leq(fld_count(w.pin, IDL_CLASS_TASK), TASK_KEEP + 1);
}

Test(task, pending_ones_without_progress_go_after_a_day)
{
	struct idl_ref idle = new_task(), busy = new_task();

	world_pass(&w, 86401 * 1000LL);
	(void)world_call(&w, "task.set_progress", &busy, 0.5);
	(void)new_task(); /* looks through */
	cr_expect_null(task_of(&idle));
	cr_expect_not_null(task_of(&busy));
}

Test(task, there_are_never_too_many)
{
	enum err rc = ERR_NONE;
	unsigned n = 0;

	for (; rc == ERR_NONE && n <= TASK_MAX; n++)
		rc = world_call(&w, "task.create", "x", "");
	cr_expect_eq(rc, ERR_TOO_MANY_PENDING_TASKS);
	cr_expect_eq(n, TASK_MAX + 1);
}
