/* SPDX-License-Identifier: BSD-2-Clause */

/* What the hypervisor reports, in any order, after any crash. */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* own */
#include "tests/api/help_suite.h"

PLAIN_SUITE(facts);

static struct idl_ref
make(const char *name)
{
	struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 1024, 2, 1.0, NULL};

	return world_new_vm(&w, &s);
}

static struct hv_uuid
uuid_of(const char *text)
{
	struct idl_ref r;

	cr_assert(idl_uuid_parse(text, strlen(text), &r));
	return (struct hv_uuid){r.hi, r.lo};
}

/* domain - a report about a running domain of a VM on the first host */
static struct hv_msg
domain(const char *uuid)
{
	struct idl_ref host = world_first_host(&w);
	struct hv_msg m;
	struct hv_domain *d = &m.u.domain;

	hv_msg_init(&m, HV_DOMAIN);
	d->host = uuid_of(world_host(&w, &host)->uuid);
	d->uuid = uuid_of(uuid);
	d->domid = 77;
	d->flags = HV_D_RUNNING;
	(void)snprintf(d->name, sizeof(d->name), "found");
	(void)snprintf(d->domain_type, sizeof(d->domain_type), "hvm");
	d->vcpus = 2;
	d->actual_kib = 256 * 1024;
	d->maxmem_kib = 256 * 1024;
	d->target_kib = 256 * 1024;
	d->dynamic_min_kib = 256 * 1024;
	d->dynamic_max_kib = 512 * 1024;
	d->static_max_kib = 1024 * 1024;
	d->shadow_kib = 10 * 1024;
	return m;
}

static struct hv_msg
gone(const char *uuid, int32_t domid, enum hv_end end)
{
	struct idl_ref host = world_first_host(&w);
	struct hv_msg m;

	hv_msg_init(&m, HV_GONE);
	m.u.gone.host = uuid_of(world_host(&w, &host)->uuid);
	m.u.gone.uuid = uuid_of(uuid);
	m.u.gone.domid = domid;
	m.u.gone.end = (int32_t)end;
	return m;
}

Test(facts, a_host_is_sampled_as_the_worked_examples_say)
{
	struct idl_ref ref = world_first_host(&w);
	const struct idl_host *host = world_host(&w, &ref);
	const struct idl_host_metrics *m =
	    fld_get(w.pin, IDL_CLASS_HOST_METRICS, &host->metrics);
	const struct idl_pool *pool = fld_next(w.pin, IDL_CLASS_POOL, NULL);

	cr_expect_eq(m->memory_total, 64 * GIB);
	cr_expect_eq(
	    host->memory_overhead, mem_host_overhead(64 << 20,
				       (uint64_t)host->boot_free_bytes / 1024));
	cr_expect_gt(host->memory_overhead, 72 * MIB);
	cr_expect(m->live);
	cr_expect(host->enabled);
	cr_expect(idl_ref_equal(&pool->master, &ref));
	cr_expect_not(idl_ref_is_null(&host->control_domain));
	/* dom0 is a guest like any other for the ceiling (spec D.7). */
	cr_expect_eq(world_free(&w, &ref),
	    64 * GIB - host->memory_overhead - 1 * GIB - 14680064);
}

Test(facts, a_killed_daemon_finds_everything_again)
{
	struct idl_ref running = make("r"), paused = make("p");
	struct idl_ref halted = make("h"), suspended = make("s"), host;
	int64_t left, overhead;

	works("VM.start", &running, 0, 0);
	works("VM.start", &paused, 1, 0);
	works("VM.start", &suspended, 0, 0);
	works("VM.suspend", &suspended);
	host = world_first_host(&w);
	left = world_free(&w, &host);
	overhead = world_host(&w, &host)->memory_overhead;
	world_restart(&w, WORLD_GOES_ON);
	cr_assert(w.ready, "%s", w.text);
	cr_expect_eq(
	    world_vm(&w, &running)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_gt(world_vm(&w, &running)->domid, 0, "live fields are back");
	cr_expect_eq(world_metrics(&w, &running)->memory_actual, 256 * MIB);
	cr_expect_eq(
	    world_vm(&w, &paused)->power_state, IDL_VM_POWER_STATE_PAUSED);
	cr_expect_eq(
	    world_vm(&w, &halted)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_vm(&w, &suspended)->power_state,
	    IDL_VM_POWER_STATE_SUSPENDED);
	cr_expect_eq(world_first_host(&w).lo, host.lo, "the same host record");
	cr_expect_eq(world_free(&w, &host), left);
	cr_expect_eq(world_host(&w, &host)->memory_overhead, overhead);
	works("VM.resume", &suspended, 0, 0);
}

Test(facts, what_ended_while_nobody_looked_is_halted)
{
	struct world_shape s = {"a", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 1024,
	    2, 1.0, "vanish_ms=5000"};
	struct idl_ref vm = world_new_vm(&w, &s), host = world_first_host(&w);
	int64_t before = world_free(&w, &host);

	works("VM.start", &vm, 0, 0);
	hv_link_close(&w.link, HV_LEAVE_RUNNING);
	hv_sim_step(w.sim, 6000);
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(facts, a_new_epoch_halts_what_ran)
{
	struct idl_ref vm = make("a"), other = make("b"), host;
	int64_t before;

	host = world_first_host(&w);
	before = world_free(&w, &host);
	works("VM.start", &vm, 0, 0);
	works("VM.start", &other, 0, 0);
	works("VM.suspend", &other);
	world_restart(&w, WORLD_REBOOTS);
	cr_assert(w.ready, "%s", w.text);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(
	    world_vm(&w, &other)->power_state, IDL_VM_POWER_STATE_SUSPENDED);
	cr_expect_eq(world_free(&w, &host), before);
	/* Its image went with the world. */
	cr_expect_neq(world_call(&w, "VM.resume", &other, 0, 0), ERR_NONE);
	works("VM.hard_shutdown", &other);
	works("VM.start", &other, 0, 0);
}

Test(facts, dom0_follows_its_domain_unless_a_reboot_is_due)
{
	struct idl_ref host = world_first_host(&w);
	struct idl_ref dom0 = world_host(&w, &host)->control_domain;

	works("VM.set_memory", &dom0, 2 * GIB);
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_eq(world_vm(&w, &dom0)->memory_static_max, 2 * GIB);
	cr_expect(world_vm(&w, &dom0)->requires_reboot);
	world_restart(&w, WORLD_REBOOTS);
	cr_expect_not(world_vm(&w, &dom0)->requires_reboot);
	cr_expect_eq(world_vm(&w, &dom0)->memory_static_max, 1 * GIB);
	cr_expect_eq(
	    world_vm(&w, &dom0)->power_state, IDL_VM_POWER_STATE_RUNNING);
}

Test(facts, a_domain_that_nobody_knows_gets_a_record)
{
	struct hv_msg m = domain("01234567-89ab-4def-8123-456789abcdef");
	struct idl_ref host = world_first_host(&w), vm;
	int64_t before = world_free(&w, &host), needed;
	struct failure why;

	world_fact(&w, &m);
	vm = world_find_vm(&w, "found");
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_max, 512 * MIB);
	cr_expect_eq(world_vm(&w, &vm)->memory_static_max, 1 * GIB);
	cr_expect_float_eq(world_vm(&w, &vm)->HVM_shadow_multiplier, 1.0, 1e-9);
	cr_expect_eq(mem_needed(world_vm(&w, &vm), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	cr_expect_eq(world_free(&w, &host), before - needed);
	m = gone("01234567-89ab-4def-8123-456789abcdef", 77, HV_END_HALTED);
	world_fact(&w, &m);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(facts, bounds_that_contradict_each_other_are_put_in_order)
{
	struct hv_msg m = domain("01234567-89ab-4def-8123-456789abcdef");
	struct idl_ref vm;

	m.u.domain.dynamic_min_kib = 4096 * 1024;
	m.u.domain.dynamic_max_kib = 1;
	world_fact(&w, &m);
	vm = world_find_vm(&w, "found");
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_min, 1 * GIB);
	m = gone("01234567-89ab-4def-8123-456789abcdef", 77, HV_END_HALTED);
	world_fact(&w, &m);
}

Test(facts, facts_beyond_the_ceiling_are_accepted_and_shown)
{
	struct hv_msg m = domain("01234567-89ab-4def-8123-456789abcdef");
	struct idl_ref host = world_first_host(&w), vm = make("a");

	m.u.domain.static_max_kib = 1ull << 40;
	m.u.domain.dynamic_max_kib = 1ull << 40;
	m.u.domain.dynamic_min_kib = 1ull << 40;
	world_fact(&w, &m);
	cr_expect_eq(world_free(&w, &host), 0);
	cr_expect_eq(
	    world_call(&w, "VM.start", &vm, 0, 0), ERR_NO_HOSTS_AVAILABLE);
	m = gone("01234567-89ab-4def-8123-456789abcdef", 77, HV_END_HALTED);
	world_fact(&w, &m);
	world_pass(&w, 100); /* its host is not reported */
	works("VM.start", &vm, 0, 0);
}

Test(facts, the_end_of_an_earlier_domain_does_not_halt_the_vm)
{
	struct idl_ref vm = make("a");
	struct hv_msg m;
	int32_t domid;

	works("VM.start", &vm, 0, 0);
	domid = (int32_t)world_vm(&w, &vm)->domid;
	m = gone(world_vm(&w, &vm)->uuid, domid + 1, HV_END_HALTED);
	world_fact(&w, &m);
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	m = gone(world_vm(&w, &vm)->uuid, domid, HV_END_MIGRATED);
	world_fact(&w, &m);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING,
	    "its new host will tell");
	m = gone(world_vm(&w, &vm)->uuid, domid, HV_END_SUSPENDED);
	world_fact(&w, &m);
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_SUSPENDED);
	cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 256 * MIB);
}

Test(facts, shadow_memory_that_was_lost_on_the_way_is_corrected)
{
	struct idl_ref vm = make("a");
	struct hv_msg m;

	works("VM.start", &vm, 0, 0);
	m = domain(world_vm(&w, &vm)->uuid);
	m.u.domain.domid = (int32_t)world_vm(&w, &vm)->domid;
	m.u.domain.shadow_kib = 23 * 1024;
	world_fact(&w, &m);
	cr_expect_float_eq(world_vm(&w, &vm)->HVM_shadow_multiplier, 2.3, 1e-9);
	cr_expect_eq(world_vm(&w, &vm)->memory_overhead, 26 * MIB);
}

Test(facts, the_same_fact_twice_changes_nothing)
{
	struct idl_ref vm = make("a");
	struct hv_msg m;
	uint64_t modified;

	works("VM.start", &vm, 0, 0);
	m = domain(world_vm(&w, &vm)->uuid);
	world_fact(&w, &m);
	modified = world_vm(&w, &vm)->h.modified;
	world_fact(&w, &m);
	cr_expect_eq(world_vm(&w, &vm)->h.modified, modified);
	m.u.domain.domid = -5;
	m.u.domain.flags = 0xffffffffu & ~HV_D_SUSPENDED;
	if (hv_msg_check(&m, m.bytes))
		world_fact(&w, &m);
}

Test(facts, a_domain_on_an_unknown_host_is_refused_not_fatal)
{
	struct hv_msg m = domain("01234567-89ab-4def-8123-456789abcdef");

	m.u.domain.host.lo ^= 1;
	world_fact(&w, &m);
	cr_expect_neq(strstr(w.text, "unknown host"), NULL, "%s", w.text);
}

Test(facts, a_promise_without_a_call_is_dropped)
{
	struct idl_ref vm = make("a"), host = world_first_host(&w);
	int64_t before = world_free(&w, &host);
	struct world_call start;

	/* The command leaves, and nobody answers. */
	w.hangs = true;
	world_begin(&w, &start, "VM.start", &vm, 0, 0);
	cr_assert_not(start.ended);
	cr_expect(idl_ref_equal(
	    &world_vm(&w, &vm)->scheduled_to_be_resident_on, &host));
	cr_expect_lt(world_free(&w, &host), before, "it is promised");
	w.hangs = false;
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&start.c);
	cr_expect(
	    idl_ref_is_null(&world_vm(&w, &vm)->scheduled_to_be_resident_on));
	cr_expect_eq(world_free(&w, &host), before);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
}

Test(facts, a_hypervisor_that_begins_anew_ends_what_was_under_way)
{
	struct world_shape s = {"a", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 1024,
	    2, 1.0, "shutdown_ms=1000000"};
	struct idl_ref vm = world_new_vm(&w, &s), host = world_first_host(&w);
	struct idl_ref start = make("b");
	struct world_call shutdown, started;
	int64_t before = world_free(&w, &host);

	works("VM.start", &vm, 0, 0);
	world_begin(&w, &shutdown, "VM.clean_shutdown", &vm);
	w.hangs = true;
	world_begin(&w, &started, "VM.start", &start, 0, 0);
	w.hangs = false;
	cr_assert_not(shutdown.ended || started.ended);
	world_reboot(&w);
	cr_expect_eq(world_end(&shutdown), ERR_INTERNAL_ERROR);
	cr_expect_eq(world_end(&started), ERR_INTERNAL_ERROR);
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
	cr_expect_eq(world_vm(&w, &start)->current_operations->n, 0);
	cr_expect_eq(world_free(&w, &host), before);
	works("VM.start", &vm, 0, 0);
	works("VM.start", &start, 0, 0);
}
