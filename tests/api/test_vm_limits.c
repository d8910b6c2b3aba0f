/* SPDX-License-Identifier: BSD-2-Clause */

/* The messages that change or watch memory, row by row. */

/* System */
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* own */
#include "tests/api/help_suite.h"

PLAIN_SUITE(limits);

/* make - an hvm VM with limits 128, 256, 512, 1024 MiB */
static struct idl_ref
make(int32_t type, const char *sim)
{
	struct world_shape s = {"a", type, 128, 256, 512, 1024, 2, 1.0, sim};

	return world_new_vm(&w, &s);
}

/* expect_limits - what the record says, MiB */
static void
expect_limits(const struct idl_ref *ref, int64_t static_min,
    int64_t dynamic_min, int64_t dynamic_max, int64_t static_max)
{
	const struct idl_vm *vm = world_vm(&w, ref);

	cr_expect_eq(vm->memory_static_min, static_min * MIB);
	cr_expect_eq(vm->memory_dynamic_min, dynamic_min * MIB);
	cr_expect_eq(vm->memory_dynamic_max, dynamic_max * MIB);
	cr_expect_eq(vm->memory_static_max, static_max * MIB);
}

/* ---- halted ---- */

/* One call with up to four amounts in MiB, and what it does. */
static const struct setter_row {
	const char *sentence;
	const char *method;
	int64_t a, b, c, d;
	const char *failure; /* NULL: it works */
	int64_t after[4]; /* static_min, dynamic_min, dynamic_max, static_max */
} setter_rows[] = {
    {"set_memory pins three bounds and keeps static_min", "VM.set_memory", 700,
	0, 0, 0, NULL, {128, 700, 700, 700}},
    {"set_memory below static_min breaks the order", "VM.set_memory", 100, 0, 0,
	0, "MEMORY_CONSTRAINT_VIOLATION_ORDER", {0, 0, 0, 0}},
    {"limits take static_min, static_max, dynamic_min, dynamic_max",
	"VM.set_memory_limits", 1, 4, 2, 3, NULL, {1, 2, 3, 4}},
    {"limits may all be zero", "VM.set_memory_limits", 0, 0, 0, 0, NULL,
	{0, 0, 0, 0}},
    {"limits out of order change nothing", "VM.set_memory_limits", 1, 2, 3, 4,
	"MEMORY_CONSTRAINT_VIOLATION_ORDER", {0, 0, 0, 0}},
    {"a negative limit is named", "VM.set_memory_limits", -1, 4, 2, 3,
	"INVALID_VALUE memory_static_min -1048576", {0, 0, 0, 0}},
    {"a negative amount of memory is named", "VM.set_memory", -1, 0, 0, 0,
	"INVALID_VALUE memory_dynamic_min -1048576", {0, 0, 0, 0}},
    {"the static range may widen", "VM.set_memory_static_range", 64, 2048, 0, 0,
	NULL, {64, 256, 512, 2048}},
    {"the static range does not clamp the dynamic one",
	"VM.set_memory_static_range", 128, 511, 0, 0,
	"MEMORY_CONSTRAINT_VIOLATION_ORDER", {0, 0, 0, 0}},
    {"static_max alone", "VM.set_memory_static_max", 512, 0, 0, 0, NULL,
	{128, 256, 512, 512}},
    {"static_min alone", "VM.set_memory_static_min", 256, 0, 0, 0, NULL,
	{256, 256, 512, 1024}},
    {"static_min above dynamic_min", "VM.set_memory_static_min", 257, 0, 0, 0,
	"MEMORY_CONSTRAINT_VIOLATION_ORDER", {0, 0, 0, 0}},
    {"the dynamic range", "VM.set_memory_dynamic_range", 128, 1024, 0, 0, NULL,
	{128, 128, 1024, 1024}},
    {"the dynamic range may be one point", "VM.set_memory_dynamic_range", 300,
	300, 0, 0, NULL, {128, 300, 300, 1024}},
    {"dynamic_min above dynamic_max", "VM.set_memory_dynamic_range", 400, 300,
	0, 0, "MEMORY_CONSTRAINT_VIOLATION_ORDER", {0, 0, 0, 0}},
    {"dynamic_max above static_max", "VM.set_memory_dynamic_max", 1025, 0, 0, 0,
	"MEMORY_CONSTRAINT_VIOLATION_ORDER", {0, 0, 0, 0}},
    {"dynamic_max alone", "VM.set_memory_dynamic_max", 1024, 0, 0, 0, NULL,
	{128, 256, 1024, 1024}},
    {"dynamic_min alone", "VM.set_memory_dynamic_min", 128, 0, 0, 0, NULL,
	{128, 128, 512, 1024}},
    {"a negative dynamic_min is named", "VM.set_memory_dynamic_min", -5, 0, 0,
	0, "INVALID_VALUE memory_dynamic_min -5242880", {0, 0, 0, 0}},
};

Test(limits, setters_of_a_halted_vm_change_all_or_nothing)
{
	for (size_t i = 0; i < sizeof(setter_rows) / sizeof(*setter_rows);
	     i++) {
		const struct setter_row *r = &setter_rows[i];
		struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);
		enum err rc = world_call(&w, r->method, &vm, r->a * MIB,
		    r->b * MIB, r->c * MIB, r->d * MIB);

		if (r->failure != NULL) {
			cr_expect_neq(rc, ERR_NONE, "%s", r->sentence);
			cr_expect_str_eq(
			    world_why(&w), r->failure, "%s", r->sentence);
			expect_limits(&vm, 128, 256, 512, 1024);
		} else {
			cr_expect_eq(
			    rc, ERR_NONE, "%s: %s", r->sentence, world_why(&w));
			expect_limits(&vm, r->after[0], r->after[1],
			    r->after[2], r->after[3]);
		}
	}
	cr_expect_eq(w.commands, 0, "nobody tells a hypervisor");
}

Test(limits, the_overhead_follows_every_change)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	/* Spec I.1: 1024 MiB and 2 vCPUs take 13 MiB, 4096 and 4 take 39. */
	cr_expect_eq(world_vm(&w, &vm)->memory_overhead, 13 * MIB);
	works("VM.set_memory", &vm, 4 * GIB);
	works("VM.set_VCPUs_max", &vm, 4LL);
	cr_expect_eq(world_vm(&w, &vm)->memory_overhead, 39 * MIB);
	works("VM.set_HVM_shadow_multiplier", &vm, 1.5);
	cr_expect_eq(world_vm(&w, &vm)->memory_overhead, 57 * MIB);
	works("VM.compute_memory_overhead", &vm);
	cr_expect_eq(w.result.number, 57 * MIB);
}

Test(limits, what_cannot_be_counted_is_refused)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	cr_expect_eq(
	    world_call(&w, "VM.set_memory_static_max", &vm, (int64_t)INT64_MAX),
	    ERR_INVALID_VALUE);
	cr_expect_str_eq(w.why.param[0], "memory_static_max");
	expect_limits(&vm, 128, 256, 512, 1024);
}

Test(limits, shadow_multipliers_and_vcpus_have_their_bounds)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	refused("INVALID_VALUE multiplier 0.999",
	    "VM.set_HVM_shadow_multiplier", &vm, 0.999);
	refused("INVALID_VALUE multiplier 1000.5",
	    "VM.set_HVM_shadow_multiplier", &vm, 1000.5);
	cr_expect_eq(world_call(&w, "VM.set_HVM_shadow_multiplier", &vm, NAN),
	    ERR_INVALID_VALUE);
	works("VM.set_HVM_shadow_multiplier", &vm, 1000.0);
	cr_expect_eq(
	    world_call(&w, "VM.set_VCPUs_max", &vm, 1LL), ERR_INVALID_VALUE);
	cr_expect_str_eq(w.why.param[1], "1");
	works("VM.set_VCPUs_at_startup", &vm, 1LL);
	works("VM.set_VCPUs_max", &vm, 1LL);
	cr_expect_eq(world_call(&w, "VM.set_VCPUs_at_startup", &vm, 2LL),
	    ERR_INVALID_VALUE);
	cr_expect_eq(world_call(&w, "VM.set_VCPUs_at_startup", &vm, 0LL),
	    ERR_INVALID_VALUE);
}

/* ---- running ---- */

Test(limits, a_running_vm_has_a_dynamic_range_and_nothing_else)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);
	static const char *const not_running[] = {"VM.set_memory",
	    "VM.set_memory_static_max", "VM.set_memory_static_min"};
	char text[IDL_REF_TEXT + 64], ref[IDL_REF_TEXT];

	works("VM.start", &vm, 0, 0);
	idl_ref_write(&vm, ref);
	(void)snprintf(
	    text, sizeof(text), "VM_BAD_POWER_STATE %s halted running", ref);
	for (int i = 0; i < 3; i++)
		refused(text, not_running[i], &vm, 512 * MIB);
	refused(text, "VM.set_memory_limits", &vm, 0LL, 1 * GIB, 0LL, 1 * GIB);
	refused(text, "VM.set_memory_static_range", &vm, 0LL, 1 * GIB);
	refused(text, "VM.set_HVM_shadow_multiplier", &vm, 2.0);
	refused(text, "VM.set_VCPUs_max", &vm, 2LL);
	works("VM.set_memory_dynamic_range", &vm, 384 * MIB, 640 * MIB);
	expect_limits(&vm, 128, 384, 640, 1024);
	cr_expect_eq(w.last.verb, HV_SET_RANGE);
	cr_expect_eq(w.last.dynamic_min_kib, 384 * 1024);
	cr_expect_eq(w.last.dynamic_max_kib, 640 * 1024);
	cr_expect_eq(world_metrics(&w, &vm)->memory_actual, 384 * MIB);
	cr_expect_eq(world_vm(&w, &vm)->memory_target, 384 * MIB);
	works("VM.set_memory_dynamic_min", &vm, 128 * MIB);
	works("VM.set_memory_dynamic_max", &vm, 1024 * MIB);
	expect_limits(&vm, 128, 128, 1024, 1024);
	works("VM.pause", &vm);
	(void)snprintf(text, sizeof(text),
	    "VM_BAD_POWER_STATE %s halted, running paused", ref);
	refused(text, "VM.set_memory_dynamic_range", &vm, 1 * MIB, 1 * MIB);
}

Test(limits, a_rise_is_admitted_and_a_fall_gives_back_exactly)
{
	struct world_shape big = {"big", IDL_DOMAIN_TYPE_HVM, 0, 1024,
	    62 * 1024, 62 * 1024, 1, 1.0, NULL};
	struct idl_ref vm = world_new_vm(&w, &big);
	struct idl_ref host = world_first_host(&w);
	int64_t left, rise;
	char text[100];

	works("VM.start", &vm, 0, 0);
	left = world_free(&w, &host);
	rise = left / MIB * MIB;
	refused("MEMORY_CONSTRAINT_VIOLATION_ORDER",
	    "VM.set_memory_dynamic_range", &vm, 70 * GIB, 70 * GIB);
	(void)snprintf(text, sizeof(text),
	    "HOST_NOT_ENOUGH_FREE_MEMORY %lld %lld", (long long)(rise + MIB),
	    (long long)left);
	if (1024 * MIB + rise + MIB <= 62 * GIB)
		refused(text, "VM.set_memory_dynamic_min", &vm,
		    1024 * MIB + rise + MIB);
	cr_expect_eq(world_free(&w, &host), left, "a refusal takes nothing");
	works("VM.set_memory_dynamic_min", &vm, 2048 * MIB);
	cr_expect_eq(world_free(&w, &host), left - 1024 * MIB);
	works("VM.set_memory_dynamic_min", &vm, 512 * MIB);
	cr_expect_eq(world_free(&w, &host), left + 512 * MIB);
}

Test(limits, two_that_want_the_same_memory_do_not_both_get_it)
{
	struct world_shape s = {"one", IDL_DOMAIN_TYPE_HVM, 0, 1024, 60 * 1024,
	    60 * 1024, 1, 1.0, NULL};
	struct idl_ref one = world_new_vm(&w, &s), two, host;
	char text[100];
	int64_t left;

	s.name = "two";
	two = world_new_vm(&w, &s);
	host = world_first_host(&w);
	works("VM.start", &one, 0, 0);
	works("VM.start", &two, 0, 0);
	works("VM.set_memory_dynamic_min", &one, 40 * GIB);
	left = world_free(&w, &host);
	cr_assert_lt(left, 39 * GIB);
	(void)snprintf(text, sizeof(text),
	    "HOST_NOT_ENOUGH_FREE_MEMORY %lld %lld", 39 * GIB, (long long)left);
	refused(text, "VM.set_memory_dynamic_min", &two, 40 * GIB);
}

Test(limits, a_change_stands_although_the_hypervisor_is_gone)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	works("VM.start", &vm, 0, 0);
	w.deaf = true;
	works("VM.set_memory_dynamic_range", &vm, 384 * MIB, 640 * MIB);
	expect_limits(&vm, 128, 384, 640, 1024);
	w.deaf = false;
}

Test(limits, target_live_is_a_range_of_one_point)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	cr_expect_eq(world_call(&w, "VM.set_memory_target_live", &vm, 1 * MIB),
	    ERR_VM_BAD_POWER_STATE);
	works("VM.start", &vm, 0, 0);
	works("VM.set_memory_target_live", &vm, 700 * MIB);
	expect_limits(&vm, 128, 700, 700, 1024);
	refused("MEMORY_CONSTRAINT_VIOLATION_ORDER",
	    "VM.set_memory_target_live", &vm, 100 * MIB);
	refused("INVALID_VALUE memory_dynamic_min -1",
	    "VM.set_memory_target_live", &vm, -1LL);
	works("VM.wait_memory_target_live", &vm);
}

/* ---- waiting for the guest ---- */

Test(limits, a_wait_ends_when_the_guest_is_within_a_mebibyte)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, "rate_kib_s=1024");
	struct world_call wait;

	works("VM.start", &vm, 0, 0);
	works("VM.wait_memory_target_live", &vm);
	works("VM.set_memory_dynamic_range", &vm, 266 * MIB, 512 * MIB);
	world_begin(&w, &wait, "VM.wait_memory_target_live", &vm);
	cr_assert_not(wait.ended);
	/* It holds no lock: others may go on. */
	works("VM.pause", &vm);
	cr_expect_eq(world_end(&wait), ERR_VM_BAD_POWER_STATE);
	works("VM.unpause", &vm);
	world_begin(&w, &wait, "VM.wait_memory_target_live", &vm);
	for (int s = 0; s < 8; s++) {
		world_pass(&w, 1000);
		cr_assert_not(wait.ended, "after %d s", s + 1);
	}
	world_pass(&w, 1000);
	cr_expect_eq(world_end(&wait), ERR_NONE);
	cr_expect_geq(world_metrics(&w, &vm)->memory_actual, 265 * MIB);
}

Test(limits, a_stuck_guest_times_out_and_is_not_cooperative)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, "stuck");
	struct world_call wait;

	works("VM.start", &vm, 0, 0);
	works("VM.get_cooperative", &vm);
	cr_expect(w.result.yes);
	works("VM.set_memory_dynamic_range", &vm, 128 * MIB, 128 * MIB);
	world_begin(&w, &wait, "VM.wait_memory_target_live", &vm);
	for (int s = 0; s < 256; s++)
		world_pass(&w, 1000);
	cr_expect_eq(world_end(&wait), ERR_VM_MEMORY_TARGET_WAIT_TIMEOUT);
	cr_expect_eq(strncmp(w.why.param[0], "OpaqueRef:", 10), 0);
	works("VM.get_cooperative", &vm);
	cr_expect_not(w.result.yes);
	cr_expect_eq(w.env.op_waiters, 0);
}

/* ---- live shadow memory and virtual CPUs ---- */

Test(limits, a_live_shadow_multiplier_is_what_the_domain_really_gets)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);
	struct idl_ref host = world_first_host(&w);
	int64_t left;

	works("VM.start", &vm, 0, 0);
	left = world_free(&w, &host);
	/* 1024 MiB, 2 vCPUs: 10 MiB at 1.0; at 1.57 it is 15, so 1.5. */
	works("VM.set_shadow_multiplier_live", &vm, 1.57);
	cr_expect_float_eq(world_vm(&w, &vm)->HVM_shadow_multiplier, 1.5, 1e-9);
	cr_expect_eq(world_vm(&w, &vm)->memory_overhead, 18 * MIB);
	cr_expect_eq(world_free(&w, &host), left - 5 * MIB);
	refused("INVALID_VALUE multiplier 0.5", "VM.set_shadow_multiplier_live",
	    &vm, 0.5);
	w.deaf = true;
	refused("INTERNAL_ERROR hypervisor process lost",
	    "VM.set_shadow_multiplier_live", &vm, 3.0);
	cr_expect_float_eq(world_vm(&w, &vm)->HVM_shadow_multiplier, 1.5, 1e-9);
	cr_expect_eq(world_free(&w, &host), left - 5 * MIB);
	w.deaf = false;
	works("VM.set_shadow_multiplier_live", &vm, 1.0);
	cr_expect_eq(world_free(&w, &host), left);
}

Test(limits, pv_ignores_a_live_shadow_multiplier)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_PV, NULL);

	works("VM.start", &vm, 0, 0);
	w.commands = 0;
	works("VM.set_shadow_multiplier_live", &vm, 4.0);
	cr_expect_eq(w.commands, 0);
	cr_expect_float_eq(world_vm(&w, &vm)->HVM_shadow_multiplier, 1.0, 1e-9);
}

Test(limits, virtual_cpus_change_while_it_runs)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	works("VM.start", &vm, 0, 0);
	works("VM.set_VCPUs_number_live", &vm, 1LL);
	cr_expect_eq(world_metrics(&w, &vm)->VCPUs_number, 1);
	cr_expect_eq(world_call(&w, "VM.set_VCPUs_number_live", &vm, 3LL),
	    ERR_INVALID_VALUE);
	cr_expect_eq(world_vm(&w, &vm)->VCPUs_max, 2);
}

/* ---- dom0 ---- */

Test(limits, dom0_stays_pinned_and_is_restarted_with_what_is_set)
{
	struct idl_ref host = world_first_host(&w);
	struct idl_ref dom0 = world_host(&w, &host)->control_domain;
	const struct idl_vm *vm = world_vm(&w, &dom0);
	int64_t x = vm->memory_static_max, left = world_free(&w, &host);

	cr_expect(vm->is_control_domain);
	cr_expect_eq(x, 1 * GIB);
	cr_expect_eq(vm->memory_overhead, 14680064, "spec I.6");
	refused("MEMORY_CONSTRAINT_VIOLATION_MAXPIN control domain",
	    "VM.set_memory_dynamic_range", &dom0, 1 * MIB, 1 * GIB);
	refused("MEMORY_CONSTRAINT_VIOLATION_MAXPIN control domain",
	    "VM.set_memory_static_max", &dom0, 2 * GIB);
	works("VM.set_memory_dynamic_range", &dom0, x, x);
	cr_expect_not(world_vm(&w, &dom0)->requires_reboot);
	works("VM.set_memory", &dom0, 2 * GIB);
	cr_expect(world_vm(&w, &dom0)->requires_reboot);
	cr_expect_eq(world_free(&w, &host),
	    left - 1 * GIB - (world_vm(&w, &dom0)->memory_overhead - 14680064));
	cr_expect_eq(world_call(&w, "VM.set_VCPUs_max", &dom0, 8LL),
	    ERR_OPERATION_NOT_ALLOWED);
	cr_expect_eq(world_call(&w, "VM.set_VCPUs_at_startup", &dom0, 1LL),
	    ERR_OPERATION_NOT_ALLOWED);
	cr_expect_eq(
	    world_call(&w, "VM.set_shadow_multiplier_live", &dom0, 2.0),
	    ERR_OPERATION_NOT_ALLOWED);
	cr_expect_eq(
	    world_call(&w, "VM.destroy", &dom0), ERR_VM_BAD_POWER_STATE);
	cr_expect_eq(world_call(&w, "VM.hard_shutdown", &dom0),
	    ERR_OPERATION_NOT_ALLOWED);
}

/* ---- nested virtualisation ---- */

Test(limits, nested_virtualisation_needs_fixed_memory)
{
	static const char *keys[1] = {"nested-virt"}, *values[1] = {"True"};
	static const struct idl_map platform = {1, keys, values};
	struct world_shape s = {
	    "n", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 1024, 1, 1.0, NULL};
	struct idl_ref vm;
	struct idl_vm rec;

	world_record(&rec, &s);
	rec.platform = &platform;
	works("VM.create", &rec);
	vm = w.result.ref;
	refused("MEMORY_CONSTRAINT_VIOLATION_MAXPIN nested virt", "VM.start",
	    &vm, 0, 0);
	works("VM.start", &vm, 0, 1);
	cr_expect(world_metrics(&w, &vm)->nested_virt);
	cr_expect_eq(world_call(&w, "VM.set_memory_dynamic_range", &vm,
			 256 * MIB, 256 * MIB),
	    ERR_VM_IS_USING_NESTED_VIRT);
	cr_expect_eq(
	    world_call(&w, "VM.set_memory_target_live", &vm, 256 * MIB),
	    ERR_VM_IS_USING_NESTED_VIRT);
	cr_expect_eq(world_call(&w, "VM.suspend", &vm), ERR_VM_IS_IMMOBILE);
	works("VM.hard_shutdown", &vm);
	refused("MEMORY_CONSTRAINT_VIOLATION_MAXPIN nested virt",
	    "VM.set_memory_static_max", &vm, 2 * GIB);
	works("VM.set_memory", &vm, 512 * MIB);
	works("VM.start", &vm, 0, 0);
}

/* ---- sums ---- */

Test(limits, maximise_memory_is_what_fits)
{
	struct idl_ref vm = make(IDL_DOMAIN_TYPE_HVM, NULL);

	/* Spec I.3, first two rows; and what is no amount. */
	works("VM.maximise_memory", &vm, 1 * GIB, 0);
	cr_expect_eq(w.result.number, 1060110336);
	works("VM.maximise_memory", &vm, 1 * GIB, 1);
	cr_expect_eq(w.result.number, 985661440);
	refused("INVALID_VALUE total -1", "VM.maximise_memory", &vm, -1LL, 0);
}
