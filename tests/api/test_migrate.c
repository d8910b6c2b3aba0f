/* SPDX-License-Identifier: BSD-2-Clause */

/* VMs that come with memory they do not need: by migration, by resume. */

/* Model */
#include "model/mem.h"

/* Api */
#include "api/vm_priv.h"

/* own */
#include "tests/api/help_suite.h"

static struct world w;
static struct idl_ref host, other;

/* open_world - two hosts that balance; the second has so much */
static void
open_world(int64_t other_mib)
{
	struct hv_sim_host hosts[2];
	const struct idl_hdr *next;

	suite_two(hosts);
	hosts[1].memory_kib = (uint64_t)other_mib << 10;
	world_open_balanced(&w, hosts, 2);
	cr_assert(w.ready, "%s", w.text);
	suite_find_two(&w, &host, &other);
	if (world_free(&w, &host) < world_free(&w, &other)) {
		next = fld_get(w.pin, IDL_CLASS_HOST, &host);
		host = other;
		other = next->ref;
	}
}

static void
open_large(void)
{
	open_world(32768);
}

static void
close_world(void)
{
	suite_close(&w);
}

TestSuite(migrate, .init = open_large, .fini = close_world);

/* guest - a running VM of 1 to 4 GiB, at 4 GiB, and a behaviour */
static struct idl_ref
guest(const char *sim)
{
	const struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_HVM, 512, 4096, 4096, 4096, 1, 1.0, sim};
	struct idl_ref vm = world_new_vm(&w, &s);

	works("VM.start_on", &vm, &host, 0, 0); /* with its least */
	works("VM.set_memory_dynamic_range", &vm, 1024 * MIB, 4096 * MIB);
	cr_assert_eq(world_metrics(&w, &vm)->memory_actual, 4096 * MIB);
	return vm;
}

/* needed - what the VM is counted as with so much guest memory */
static int64_t
needed(const struct idl_ref *vm, int64_t mib)
{
	int64_t bytes = 0;
	struct failure why;

	cr_assert_eq(
	    mem_counted(world_vm(&w, vm), mib * MIB, &bytes, &why), ERR_NONE);
	return bytes;
}

Test(migrate, it_shrinks_first_and_grows_again_where_it_is)
{
	struct idl_ref vm = guest("rate_kib_s=1048576");
	int64_t before = world_free(&w, &other);
	struct world_call p;

	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	cr_expect_eq(
	    before - world_free(&w, &other), needed(&vm, 0), "the least");
	world_pass(&w, 1000);
	cr_assert_not(p.ended, "3 GiB at 1 GiB a second");
	world_pass(&w, 2100);
	cr_assert_eq(world_end(&p), ERR_NONE, "%s", world_why(&w));
	cr_expect(idl_ref_equal(&world_vm(&w, &vm)->resident_on, &other));
	cr_expect_lt(world_metrics(&w, &vm)->memory_actual, 1200 * MIB);
	cr_expect_eq(before - world_free(&w, &other), needed(&vm, 0));
	world_pass(&w, 5000);
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 4096 * MIB);
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_max, 4096 * MIB);
	cr_expect_not(world_vm(&w, &vm)->is_shrunk);
}

Test(migrate, what_it_fails_to_give_is_needed_there_as_well)
{
	struct idl_ref vm = guest("stuck");
	int64_t here = world_free(&w, &host), there = world_free(&w, &other);
	struct world_call p;

	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	world_pass(&w, 1000);
	cr_assert_not(p.ended);
	world_pass(&w, 120000);
	cr_assert_eq(world_end(&p), ERR_NONE, "%s", world_why(&w));
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 4096 * MIB);
	cr_expect_eq(there - world_free(&w, &other), needed(&vm, 4096));
	world_pass(&w, 60000);
	cr_expect_eq(there - world_free(&w, &other), needed(&vm, 4096),
	    "until its balloon has answered");
	cr_expect_eq(world_free(&w, &host) - here, needed(&vm, 0));
}

Test(migrate, who_cannot_shrink_is_not_waited_for)
{
	struct idl_ref vm = guest("no_balloon");
	int64_t there = world_free(&w, &other);
	struct world_call p;

	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	for (int i = 0; i < 5; i++)
		world_pass(&w, 500);
	cr_assert_eq(world_end(&p), ERR_NONE, "%s", world_why(&w));
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 4096 * MIB);
	cr_expect_eq(there - world_free(&w, &other), needed(&vm, 4096));
}

Test(migrate, who_is_told_otherwise_in_passing_shrinks_all_the_same)
{
	struct idl_ref vm = guest("rate_kib_s=524288");
	struct hv_command c = {.id = 1, .verb = HV_SET_TARGET};
	struct world_call p;

	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	world_pass(&w, 1000);
	cr_assert(api_vm_hv_uuid(world_vm(&w, &vm)->uuid, &c.uuid));
	c.domid = (int32_t)world_vm(&w, &vm)->domid;
	c.target_kib = 3000 * 1024;
	cr_assert(w.env.command(w.env.ctx, &c));
	world_pass(&w, 0);
	cr_assert_not(p.ended);
	for (int i = 0; i < 100 && !p.ended; i++)
		world_pass(&w, 100);
	cr_assert_eq(world_end(&p), ERR_NONE, "%s", world_why(&w));
	cr_expect_lt(world_metrics(&w, &vm)->memory_actual, 1200 * MIB);
}

Test(migrate, a_daemon_killed_meanwhile_gives_it_its_range_again)
{
	struct idl_ref vm = guest("rate_kib_s=1048576");
	int64_t there = world_free(&w, &other);
	struct world_call p;

	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	world_pass(&w, 2000);
	cr_assert_not(p.ended);
	cr_expect_lt(world_metrics(&w, &vm)->memory_actual, 3000 * MIB);
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&p.c);
	cr_expect_eq(world_free(&w, &other), there, "nothing is promised");
	cr_expect(idl_ref_equal(&world_vm(&w, &vm)->resident_on, &host));
	world_pass(&w, 10000);
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 4096 * MIB);
	cr_expect_not(world_vm(&w, &vm)->is_shrunk);
}

TestSuite(migrate_small, .fini = close_world);

Test(migrate_small, what_does_not_fit_there_stays_and_has_its_range_again)
{
	struct idl_ref vm;
	int64_t here, there;
	struct world_call p;

	open_world(4096);
	vm = guest("stuck");
	here = world_free(&w, &host);
	there = world_free(&w, &other);
	cr_assert_gt(there, needed(&vm, 0));
	cr_assert_lt(there, needed(&vm, 4096));
	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	world_pass(&w, 121000);
	cr_assert_eq(world_end(&p), ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	cr_expect(idl_ref_equal(&world_vm(&w, &vm)->resident_on, &host));
	cr_expect_eq(world_free(&w, &host), here);
	cr_expect_eq(world_free(&w, &other), there);
	cr_expect_not(world_vm(&w, &vm)->is_shrunk);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	world_pass(&w, 1000);
	cr_expect_eq(world_vm(&w, &vm)->memory_target, 4096 * MIB);
}

/* ---- resume ---- */

Test(migrate, a_resumed_vm_is_counted_with_what_it_has_until_it_answers)
{
	struct idl_ref vm = guest("no_balloon");
	int64_t before;

	works("VM.suspend", &vm);
	cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 4096 * MIB);
	world_pass(&w, 100);
	before = world_free(&w, &host);
	works("VM.resume_on", &vm, &host, 0, 0);
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 4096 * MIB);
	cr_expect_eq(before - world_free(&w, &host), needed(&vm, 4096));
	world_pass(&w, 60000);
	cr_expect_eq(before - world_free(&w, &host), needed(&vm, 4096),
	    "without a driver it never does");
	works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(migrate, a_resumed_vm_that_balloons_is_counted_as_any_other)
{
	struct idl_ref vm = guest("rate_kib_s=1048576");
	int64_t before;
	struct world_call p;

	works("VM.suspend", &vm);
	world_pass(&w, 100);
	before = world_free(&w, &host);
	works("VM.resume_on", &vm, &host, 0, 0);
	world_begin(
	    &w, &p, "VM.set_memory_dynamic_range", &vm, 1024 * MIB, 2048 * MIB);
	world_pass(&w, 5000);
	cr_assert_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(before - world_free(&w, &host), needed(&vm, 0));
}

/* One below its dynamic_min would take what is free, and may be promised. */
Test(migrate, nobody_is_told_to_grow_for_the_way)
{
	struct idl_ref vm = guest("");
	struct world_call p;

	w.hangs = true;
	world_begin(&w, &p, "VM.pool_migrate", &vm, &other, &idl_map_none);
	cr_assert_eq(w.last.verb, HV_SET_RANGE);
	cr_expect_eq(w.last.target_kib, 0);
	cr_expect_eq(w.last.dynamic_max_kib, 1024ull << 10);
	w.hangs = false;
	api_hv_lost(&w.env);
	world_pass(&w, 1000);
	cr_assert_eq(w.last.verb, HV_SET_RANGE, "it may be as large as before");
	cr_expect_eq(w.last.target_kib, 0);
	cr_expect_eq(w.last.dynamic_max_kib, 4096ull << 10);
	world_pass(&w, 10000);
	(void)world_end(&p);
}
