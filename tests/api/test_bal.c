/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

/* Own */
#include "tests/api/help_suite.h"

static struct world w;

static void
open_full(void)
{
	world_open_balanced(&w, NULL, 0);
}

static void
close_it(void)
{
	suite_close(&w);
}

TestSuite(bal, .init = open_full, .fini = close_it);

/* guest - a running VM of 256 MiB to 1 GiB, and a behaviour */
static struct idl_ref
guest(const char *name, const char *sim)
{
	const struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, 64, 256, 1024, 1024, 1, 1.0, sim};
	struct idl_ref vm = world_new_vm(&w, &s);

	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE, "%s",
	    world_why(&w));
	return vm;
}

static int64_t
actual_mib(const struct idl_ref *vm)
{
	return world_metrics(&w, vm)->memory_actual / MIB;
}

/* begin_range - a call that waits for the balance */
static void
begin_range(struct world_call *p, const struct idl_ref *vm, int64_t min_mib,
    int64_t max_mib)
{
	world_begin(&w, p, "VM.set_memory_dynamic_range", vm, min_mib * MIB,
	    max_mib * MIB);
}

/* the_task - the only task there is; NULL: none */
static const struct idl_task *
the_task(void)
{
	const struct fld_view *v;

	(void)world_first_host(&w); /* the newest image */
	v = w.pin;
	cr_assert_leq(fld_count(v, IDL_CLASS_TASK), 1u);
	return fld_next(v, IDL_CLASS_TASK, NULL);
}

Test(bal, guests_have_what_is_free_and_the_records_say_so)
{
	struct idl_ref vm = guest("a", NULL);

	cr_expect_eq(actual_mib(&vm), 1024);
	cr_expect_eq(world_vm(&w, &vm)->memory_target, 1024 * MIB);
}

Test(bal, the_target_is_dynamic_min_until_xen_says_otherwise)
{
	struct idl_ref vm = guest("a", NULL);
	struct world_call p;
	struct hv_msg m;

	w.hangs = true;
	begin_range(&p, &vm, 300, 400);
	cr_expect_eq(world_vm(&w, &vm)->memory_target, 300 * MIB);
	api_boot_lost(w.boot);
	w.hangs = false;
	hv_msg_init(&m, HV_SYNC);
	cr_assert(hv_link_send(w.link, &m), "it is there again");
	world_pass(&w, 0);
	cr_expect_eq(world_end(&p), ERR_NONE, "the change stands");
	cr_expect_eq(world_call(&w, "VM.set_memory_dynamic_range", &vm,
			 300 * MIB, 400 * MIB),
	    ERR_NONE);
	cr_expect_eq(world_vm(&w, &vm)->memory_target, 400 * MIB);
}

Test(bal, a_new_range_is_waited_for_and_holds_no_lock)
{
	struct idl_ref vm = guest("a", "rate_kib_s=102400");
	struct world_call p;

	world_pass(&w, 60000);
	cr_expect_eq(actual_mib(&vm), 1024);
	begin_range(&p, &vm, 512, 512);
	for (int i = 0; i < 51; i++) {
		cr_assert_not(p.ended, "after %d00 ms", i);
		world_pass(&w, 100);
	}
	cr_expect_eq(world_call(&w, "VM.pause", &vm), ERR_NONE);
	cr_expect_eq(world_call(&w, "VM.unpause", &vm), ERR_NONE);
	world_pass(&w, 100);
	cr_expect_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(actual_mib(&vm), 512);
	cr_expect_null(the_task());
}

/* run_on - so many seconds of a machine that does not stand still */
static void
run_on(int seconds)
{
	for (int i = 0; i < 2 * seconds; i++)
		world_pass(&w, 500);
}

Test(bal, the_wait_for_a_stuck_guest_ends_when_it_is_known_to_be)
{
	struct idl_ref vm = guest("a", "stuck");
	struct world_call p;

	run_on(60);
	begin_range(&p, &vm, 512, 512);
	cr_expect_eq(world_end(&p), ERR_NONE, "it does not grow, as is known");
	begin_range(&p, &vm, 128, 128);
	cr_expect_not(p.ended, "perhaps it shrinks");
	run_on(6);
	cr_expect_eq(world_end(&p), ERR_NONE, "the change stands");
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_max, 128 * MIB);
	run_on(20);
	cr_expect_eq(world_call(&w, "VM.get_cooperative", &vm), ERR_NONE);
	cr_expect_not(w.result.yes);
}

Test(bal, a_machine_that_stood_still_has_no_stuck_guest)
{
	struct idl_ref vm = guest("a", "rate_kib_s=10240");
	struct world_call p;

	world_pass(&w, 60000);
	begin_range(&p, &vm, 512, 512);
	for (int i = 0; i < 9; i++) {
		if (i % 3 == 0) /* it moves a little; then not even that */
			world_pass(&w, 1000);
		w.now_ms += 30000; /* and nobody else's clock */
		world_pass(&w, 0);
		cr_assert_not(p.ended, "%d", i);
	}
	world_pass(&w, 60000);
	cr_expect_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(actual_mib(&vm), 512);
	cr_expect_eq(world_call(&w, "VM.get_cooperative", &vm), ERR_NONE);
	cr_expect(w.result.yes);
}

Test(bal, the_wait_can_be_cancelled_at_once)
{
	struct idl_ref vm = guest("a", "rate_kib_s=1024"), task;
	struct world_call p;

	begin_range(&p, &vm, 512, 512);
	cr_assert_not(p.ended);
	cr_assert_not_null(the_task());
	cr_expect_eq(the_task()->allowed_operations->n, 1);
	task = the_task()->h.ref;
	cr_expect_eq(world_call(&w, "task.cancel", &task), ERR_NONE);
	cr_expect_eq(world_end(&p), ERR_TASK_CANCELLED);
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_max, 512 * MIB);
	cr_expect_null(the_task());
}

Test(bal, an_async_wait_can_be_cancelled_too)
{
	struct idl_ref vm = guest("a", "rate_kib_s=1024"), task;

	cr_assert_eq(world_call(&w, "Async.VM.set_memory_dynamic_range", &vm,
			 512 * MIB, 512 * MIB),
	    ERR_NONE);
	task = w.result.ref;
	cr_assert_not_null(the_task());
	cr_expect_eq(the_task()->status, IDL_TASK_STATUS_TYPE_PENDING);
	cr_expect_eq(world_call(&w, "task.cancel", &task), ERR_NONE);
	cr_expect_eq(the_task()->status, IDL_TASK_STATUS_TYPE_CANCELLED);
}

Test(bal, a_lost_hypervisor_ends_the_wait)
{
	struct idl_ref vm = guest("a", "rate_kib_s=1024");
	struct world_call p;

	begin_range(&p, &vm, 512, 512);
	cr_assert_not(p.ended);
	world_reboot(&w);
	cr_expect_eq(world_end(&p), ERR_NONE, "the change stands");
}

Test(bal, nobody_cancelled_what_a_lost_hypervisor_ends)
{
	struct idl_ref vm = guest("a", "rate_kib_s=102400");
	struct idl_ref host = world_first_host(&w);
	int64_t all = world_free(&w, &host);
	struct world_call p;

	world_pass(&w, 60000);
	cr_assert_eq(actual_mib(&vm), 1024);
	world_begin(&w, &p, "memory_reservation.create", &host, all, all,
	    (int64_t)60, "x");
	cr_assert_not(p.ended);
	world_reboot(&w);
	cr_expect_eq(world_end(&p), ERR_INTERNAL_ERROR);
	cr_expect_not_null(strstr(world_why(&w), "process is lost"));
}

Test(bal, a_killed_daemon_goes_on_from_the_facts)
{
	struct idl_ref vm = guest("a", "rate_kib_s=102400");
	struct world_call p;

	begin_range(&p, &vm, 256, 256);
	world_pass(&w, 10000);
	cr_expect_eq(world_end(&p), ERR_NONE);
	begin_range(&p, &vm, 256, 1024);
	world_pass(&w, 3000);
	cr_expect_lt(actual_mib(&vm), 600);
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&p.c); /* it died with its daemon */
	world_pass(&w, 5000);
	cr_expect_eq(actual_mib(&vm), 1024);
}

Test(bal, the_end_of_the_daemon_ends_a_wait)
{
	struct idl_ref vm = guest("a", "rate_kib_s=1024");
	struct world_call p;

	begin_range(&p, &vm, 512, 512);
	cr_assert_not(p.ended);
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_eq(world_end(&p), ERR_NONE, "the change stands");
}

Test(bal, a_wait_for_the_target_knows_the_offset)
{
	struct idl_ref vm = guest("a", "offset_kib=8192");

	world_pass(&w, 2000);
	cr_expect_eq(actual_mib(&vm), 1032);
	cr_expect_eq(world_call(&w, "VM.wait_memory_target_live", &vm),
	    ERR_NONE, "%s", world_why(&w));
	cr_expect_eq(world_call(&w, "VM.get_cooperative", &vm), ERR_NONE);
	cr_expect(w.result.yes);
}

Test(bal, a_range_can_change_while_another_waits)
{
	struct idl_ref a = guest("a", "rate_kib_s=1024");
	struct idl_ref b = guest("b", "rate_kib_s=102400");
	struct world_call p, q;

	world_pass(&w, 1000);
	begin_range(&p, &a, 512, 512);
	begin_range(&q, &b, 300, 300);
	world_pass(&w, 8000);
	cr_expect_eq(actual_mib(&b), 300);
	cr_expect_eq(world_end(&q), ERR_NONE, "the other one is slow");
	cr_expect_not(p.ended);
	world_pass(&w, 700000);
	cr_expect_eq(world_end(&p), ERR_NONE);
}
