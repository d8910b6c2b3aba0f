/* SPDX-License-Identifier: BSD-2-Clause */

/* What can be asked of a world that others build, or that is not ours. */

/* own */
#include "tests/api/help_suite.h"
#include "tests/api/help_xen.h"

PLAIN_SUITE(worlds);

/* unmoved - the call fails so, and nothing of the VM has changed */
#define unmoved(expected, vm, ...)                                             \
	do {                                                                   \
		uint64_t was_ = world_vm(&w, vm)->h.modified;                  \
		unsigned sent_ = w.commands;                                   \
                                                                               \
		(void)world_call(&w, __VA_ARGS__);                             \
		cr_expect_str_eq(world_why(&w), expected);                     \
		cr_expect_eq(world_vm(&w, vm)->h.modified, was_,               \
		    "%s changed the record", expected);                        \
		cr_expect_eq(                                                  \
		    w.commands, sent_, "%s sent a command", expected);         \
	} while (0)

static struct idl_ref
make(const char *name, int64_t dynamic_min)
{
	struct world_shape s = {name, IDL_DOMAIN_TYPE_PVH, 128, dynamic_min,
	    1 << 30, 1 << 30, 2, 1.0, NULL};

	return world_new_vm(&w, &s);
}

Test(worlds, who_builds_nothing_promises_nothing)
{
	struct idl_ref vm = make("vm", 256), host = world_first_host(&w);
	struct idl_ref huge = make("huge", 1 << 29);
	int64_t before = world_free(&w, &host);

	xen_report(&w, 0, NULL, 0);
	unmoved("NOT_IMPLEMENTED VM.start", &vm, "VM.start", &vm, 0, 0);
	unmoved("NOT_IMPLEMENTED VM.start", &huge, "VM.start", &huge, 0, 1);
	unmoved("NOT_IMPLEMENTED VM.start_on", &vm, "VM.start_on", &vm, &host,
	    0, 0);
	cr_expect(
	    idl_ref_is_null(&world_vm(&w, &vm)->scheduled_to_be_resident_on));
	cr_expect_eq(world_free(&w, &host), before);
}

Test(worlds, nor_does_it_rebuild)
{
	struct idl_ref host = world_first_host(&w), vm;
	struct hv_msg d = xen_domain(&w, 1, 7, "made by xl");

	xen_report(&w, 0, &d, 1);
	vm = world_find_vm(&w, "made by xl");
	unmoved("NOT_IMPLEMENTED VM.clean_reboot", &vm, "VM.clean_reboot", &vm);
	unmoved("NOT_IMPLEMENTED VM.hard_reboot", &vm, "VM.hard_reboot", &vm);
	unmoved("NOT_IMPLEMENTED VM.suspend", &vm, "VM.suspend", &vm);
	unmoved("NOT_IMPLEMENTED VM.pool_migrate", &vm, "VM.pool_migrate", &vm,
	    &host, &idl_map_none);
}

Test(worlds, an_observed_one_is_not_touched)
{
	static const char sentence[] =
	    "OPERATION_NOT_ALLOWED Another service manages the memory of this "
	    "host; xenapi-memoryd only observes it, unless it is started with "
	    "--take-over";
	struct hv_msg d = xen_domain(&w, 1, 7, "theirs");
	struct idl_ref vm, halted = make("ours", 256);

	xen_report(&w, HV_W_OBSERVES, &d, 1);
	vm = world_find_vm(&w, "theirs");
	unmoved(sentence, &vm, "VM.set_memory_dynamic_range", &vm, 200 * MIB,
	    300 * MIB);
	unmoved(sentence, &vm, "VM.set_memory_target_live", &vm, 200 * MIB);
	unmoved(sentence, &vm, "VM.set_shadow_multiplier_live", &vm, 2.0);
	unmoved(sentence, &vm, "VM.set_VCPUs_number_live", &vm, INT64_C(1));
	unmoved(sentence, &vm, "VM.pause", &vm);
	unmoved(sentence, &vm, "VM.hard_shutdown", &vm);
	/* What binds at the next start is a record, and records are ours. */
	works("VM.set_memory_dynamic_range", &halted, 200 * MIB, 300 * MIB);
	cr_expect_eq(world_vm(&w, &halted)->memory_dynamic_min, 200 * MIB);
	works("VM.set_memory_limits", &halted, 1 * MIB, 1024 * MIB, 2 * MIB,
	    3 * MIB);
	works("VM.destroy", &halted);
}
