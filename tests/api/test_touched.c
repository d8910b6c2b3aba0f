/* SPDX-License-Identifier: BSD-2-Clause */

/* What guests write to: through the door, with the simulator. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* own */
#include "tests/api/help_suite.h"
#include "tests/model/help_random.h"

PLAIN_SUITE(touched);

#define GUEST_MIB 64

/* guest - a running VM */
static struct idl_ref
guest(const char *name, const char *sim)
{
	struct world_shape s = {name, IDL_DOMAIN_TYPE_PVH, GUEST_MIB, GUEST_MIB,
	    GUEST_MIB, GUEST_MIB, 2, 1.0, sim};
	struct idl_ref vm = world_new_vm(&w, &s);

	works("VM.start", &vm, 0, 0);
	return vm;
}

/* tag - one of get_touched_memory; -2: it is not there */
static int64_t
tag(const struct idl_ref *vm, const char *name)
{
	return suite_member(&w, "VM.get_touched_memory", vm, name);
}

/* written - of the n'th interval; -2: it has not ended */
static int64_t
written(const struct idl_ref *vm, int64_t n)
{
	char name[40];

	(void)snprintf(name, sizeof name, "written_%lld", (long long)n);
	return tag(vm, name);
}

Test(touched, nothing_is_known_before)
{
	struct idl_ref vm = guest("a", "wss_kib=10240");

	world_pass(&w, 60000);
	cr_expect_eq(tag(&vm, "ever_written"), -1);
	cr_expect_eq(tag(&vm, "is_on"), 0);
	cr_expect_eq(tag(&vm, "started"), 0);
	cr_expect_eq(tag(&vm, "intervals"), 0);
	cr_expect_eq(written(&vm, 1), -2);
}

Test(touched, a_working_set)
{
	struct idl_ref vm = guest("a", "wss_kib=10240");
	struct world_call p, second;

	world_begin(&w, &p, "VM.estimate_working_set", &vm, (int64_t)5);
	world_pass(&w, 4000);
	cr_expect_not(p.ended, "it takes its time");
	world_begin(&w, &second, "VM.estimate_working_set", &vm, (int64_t)5);
	cr_expect_eq(world_end(&second), ERR_OTHER_OPERATION_IN_PROGRESS);
	world_pass(&w, 1100);
	cr_assert(p.ended);
	cr_expect_eq(*(const int64_t *)p.c.result, 10 * MIB);
	cr_expect_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(tag(&vm, "ever_written"), 10 * MIB);
	cr_expect_eq(tag(&vm, "intervals"), 1);
}

Test(touched, it_is_told_while_it_goes_on_and_afterwards)
{
	struct idl_ref vm = guest("a", "wss_kib=10240 walk_kib_s=1024");
	struct world_call p;

	world_begin(
	    &w, &p, "VM.track_touched_memory", &vm, (int64_t)10, (int64_t)4);
	cr_expect_eq(tag(&vm, "is_on"), 1);
	cr_expect_eq(tag(&vm, "ever_written"), 0);
	cr_expect_gt(tag(&vm, "started"), 1500000000);
	cr_expect_eq(tag(&vm, "seconds"), 10);
	cr_expect_eq(tag(&vm, "interval"), 4);
	world_pass(&w, 8100);
	cr_expect_not(p.ended);
	cr_expect_eq(tag(&vm, "intervals"), 2);
	cr_expect_eq(written(&vm, 1), 14 * MIB);
	cr_expect_eq(written(&vm, 2), 14 * MIB);
	cr_expect_eq(tag(&vm, "ever_written"), 18 * MIB);
	world_pass(&w, 1950);
	cr_assert(p.ended);
	cr_expect_eq(*(const int64_t *)p.c.result, 20 * MIB);
	cr_expect_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(tag(&vm, "is_on"), 0);
	cr_expect_eq(written(&vm, 3), 12 * MIB, "the last one is shorter");
	cr_expect_eq(world_call(&w, "VM.hard_shutdown", &vm), ERR_NONE);
	cr_expect_eq(tag(&vm, "ever_written"), 20 * MIB, "it stays");
}

/* check_laws - of what is told now; was: ever_written before; returns it now */
static int64_t
check_laws(const struct idl_ref *vm, int64_t was)
{
	int64_t ever = tag(vm, "ever_written"), n = tag(vm, "intervals");
	int64_t sum = 0, most = 0, v;

	for (int64_t i = 1; i <= n; i++) {
		v = written(vm, i);
		cr_assert_geq(v, 0);
		sum += v;
		most = v > most ? v : most;
	}
	cr_assert_eq(written(vm, n + 1), -2);
	cr_assert_geq(ever, was, "it never falls");
	cr_assert_geq(ever, most);
	cr_assert_leq(ever, sum);
	cr_assert_leq(ever, GUEST_MIB * MIB);
	return ever;
}

Test(touched, laws)
{
	struct help_random r;

	help_random_init(&r, "touched");
	for (int round = 0; round < 20; round++) {
		int64_t seconds = 1 + (int64_t)help_random_below(&r, 60),
			ever = 0;
		int64_t interval =
		    1 + (int64_t)help_random_below(&r, (uint64_t)seconds);
		struct world_call p;
		struct idl_ref vm;
		char sim[100], name[20];

		(void)snprintf(sim, sizeof sim, "wss_kib=%llu walk_kib_s=%llu",
		    (unsigned long long)help_random_below(&r, 80000),
		    (unsigned long long)help_random_below(&r, 3000));
		(void)snprintf(name, sizeof name, "vm%d", round);
		vm = guest(name, sim);
		world_begin(
		    &w, &p, "VM.track_touched_memory", &vm, seconds, interval);
		while (!p.ended) {
			ever = check_laws(&vm, ever);
			if (help_random_below(&r, 10) == 0)
				(void)world_call(&w, "VM.pause", &vm);
			if (help_random_below(&r, 3) == 0)
				(void)world_call(&w, "VM.unpause", &vm);
			world_pass(&w, (int64_t)help_random_below(&r, 2500));
		}
		cr_assert_eq(
		    *(const int64_t *)p.c.result, check_laws(&vm, ever));
		cr_assert_eq(
		    tag(&vm, "intervals"), (seconds + interval - 1) / interval);
		cr_assert_eq(world_end(&p), ERR_NONE);
		cr_assert_eq(world_call(&w, "VM.hard_shutdown", &vm), ERR_NONE);
	}
}

Test(touched, a_count_of_which_nothing_is_heard_is_not_waited_for)
{
	struct idl_ref vm = guest("a", NULL);
	struct world_call p;

	w.env.command_ms = 60000;
	world_begin(&w, &p, "VM.estimate_working_set", &vm, (int64_t)2);
	w.mute = true;
	world_pass(&w, 61000);
	cr_assert(!p.ended);
	for (int i = 0; i < 5 && !p.ended; i++)
		world_pass(&w, 1000);
	cr_assert_eq(world_end(&p), ERR_INTERNAL_ERROR);
	cr_expect_not_null(strstr(world_why(&w), "no more of the count"));
	cr_expect_eq(w.last.verb, HV_DIRTY);
	cr_expect_eq(w.last.seconds, 0, "it is ended, in case it goes on");
}

static const struct {
	const char *method, *text;
	int64_t seconds, interval;
} bad_cases[] = {
    {"VM.estimate_working_set", "INVALID_VALUE seconds 0", 0, 0},
    {"VM.estimate_working_set", "INVALID_VALUE seconds -1", -1, 0},
    {"VM.estimate_working_set", "INVALID_VALUE seconds 3600", 3600, 0},
    {"VM.track_touched_memory", "INVALID_VALUE seconds 0", 0, 1},
    {"VM.track_touched_memory", "INVALID_VALUE seconds 61", 61, 1},
    {"VM.track_touched_memory", "INVALID_VALUE interval 0", 10, 0},
    {"VM.track_touched_memory", "INVALID_VALUE interval -5", 10, -5},
    {"VM.track_touched_memory", "INVALID_VALUE interval 11", 10, 11},
};

Test(touched, counts_that_cannot_be)
{
	struct idl_ref vm = guest("a", "vanish_ms=500");
	struct idl_ref host = world_first_host(&w);
	struct idl_ref dom0 = world_host(&w, &host)->control_domain;
	struct world_call p;
	char text[200], ref[IDL_REF_TEXT];

	for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++)
		if (bad_cases[i].method[3] == 'e')
			refused(bad_cases[i].text, bad_cases[i].method, &vm,
			    bad_cases[i].seconds);
		else
			refused(bad_cases[i].text, bad_cases[i].method, &vm,
			    bad_cases[i].seconds, bad_cases[i].interval);
	cr_expect_eq(
	    world_call(&w, "VM.estimate_working_set", &dom0, (int64_t)5),
	    ERR_OPERATION_NOT_ALLOWED);
	world_begin(
	    &w, &p, "VM.track_touched_memory", &vm, (int64_t)5, (int64_t)1);
	world_pass(&w, 1000);
	cr_expect(p.ended, "a VM that vanishes ends it");
	cr_expect_eq(world_end(&p), ERR_VM_BAD_POWER_STATE);
	cr_expect_eq(tag(&vm, "is_on"), 0);
	idl_ref_write(&vm, ref);
	(void)snprintf(
	    text, sizeof text, "VM_BAD_POWER_STATE %s running halted", ref);
	refused(text, "VM.estimate_working_set", &vm, (int64_t)5);
}

/* task_of - the task of an Async call that has begun */
static struct idl_ref
task_of(const struct idl_ref *vm)
{
	cr_assert_eq(world_call(&w, "Async.VM.track_touched_memory", vm,
			 (int64_t)60, (int64_t)5),
	    ERR_NONE);
	return w.result.ref;
}

/* task_now - as it is */
static const struct idl_task *
task_now(const struct idl_ref *ref)
{
	const struct idl_task *t;

	(void)world_first_host(&w); /* what is committed by now */
	t = fld_get(w.pin, IDL_CLASS_TASK, ref);
	cr_assert_not_null(t);
	return t;
}

Test(touched, its_task_shows_progress_and_can_be_cancelled)
{
	struct idl_ref vm = guest("a", "wss_kib=10240"), task = task_of(&vm);

	world_pass(&w, 31000);
	cr_expect_float_eq(task_now(&task)->progress, 0.5, 0.05);
	cr_expect_eq(w.last.seconds, 60);
	cr_expect_eq(world_call(&w, "task.cancel", &task), ERR_NONE);
	cr_expect_eq(task_now(&task)->status, IDL_TASK_STATUS_TYPE_CANCELLED);
	cr_expect_eq(w.last.verb, HV_DIRTY, "the process was told,");
	cr_expect_eq(w.last.seconds, 0, "and the log is off");
	cr_expect_eq(tag(&vm, "is_on"), 0);
	cr_expect_eq(tag(&vm, "intervals"), 6, "what was counted stays");
	cr_expect_eq(tag(&vm, "ever_written"), 10 * MIB);
	task = task_of(&vm);
	world_pass(&w, 61000);
	cr_expect_eq(task_now(&task)->status, IDL_TASK_STATUS_TYPE_SUCCESS);
}

Test(touched, a_count_that_takes_longer_is_waited_for)
{
	struct idl_ref vm = guest("a", "wss_kib=10240"), task = task_of(&vm);

	w.env.command_ms = 60000;
	for (int i = 1; i <= 4; i++) {
		world_pass(&w, 5100);
		w.now_ms += 50000; /* of which the count knows nothing */
		world_pass(&w, 0);
		cr_expect_float_eq(
		    task_now(&task)->progress, (i + 1) / 12.0, 0.01, "%d", i);
	}
	world_pass(&w, 45000);
	cr_expect_eq(task_now(&task)->status, IDL_TASK_STATUS_TYPE_SUCCESS);
}

Test(touched, the_process_goes_while_it_counts)
{
	struct idl_ref vm = guest("a", "wss_kib=10240"), task = task_of(&vm);

	world_pass(&w, 6000);
	world_reboot(&w);
	world_pass(&w, 2000);
	cr_expect_eq(task_now(&task)->status, IDL_TASK_STATUS_TYPE_FAILURE);
	cr_expect_eq(tag(&vm, "is_on"), 0);
	cr_expect_eq(tag(&vm, "intervals"), 1);
}

Test(touched, the_daemon_goes_while_it_counts)
{
	struct idl_ref vm = guest("a", "wss_kib=10240");
	struct world_call p;

	(void)task_of(&vm);
	world_pass(&w, 6000);
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_eq(tag(&vm, "ever_written"), -1, "counts are not kept");
	world_begin(&w, &p, "VM.estimate_working_set", &vm, (int64_t)1);
	world_pass(&w, 1100);
	cr_expect(p.ended);
	cr_expect_eq(world_end(&p), ERR_NONE, "nobody counts any more");
}
