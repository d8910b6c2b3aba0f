/* SPDX-License-Identifier: BSD-2-Clause */

/* Domains that others make: records for them, and whose they are. */

/* System */
#include <stdio.h>
#include <string.h>

/* own */
#include "tests/api/help_suite.h"
#include "tests/api/help_xen.h"

static struct world w;
static uint64_t nvms; /* when the test begins */

static void
open_world(void)
{
	suite_open(&w, NULL, 0);
	xen_feed(&w);
	xen_report(&w, 0, NULL, 0);
	world_find_vm(&w, "Control domain on host: sim");
	nvms = fld_count(w.pin, IDL_CLASS_VM);
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(found, .init = open_world, .fini = close_world);

/* appear - a domain is there, or has changed */
static struct hv_msg
appear(uint64_t n, int32_t domid, const char *name)
{
	struct hv_msg m = xen_domain(&w, n, domid, name);

	world_fact(&w, &m);
	return m;
}

static void
go(uint64_t n, int32_t domid)
{
	struct hv_msg m = xen_gone(&w, n, domid);

	world_fact(&w, &m);
}

/* count - VMs beside dom0 */
static uint64_t
count(void)
{
	(void)world_first_host(&w); /* the newest image */
	return fld_count(w.pin, IDL_CLASS_VM) - nvms;
}

static bool
is_of(const struct idl_vm *vm, uint64_t n)
{
	return strcmp(vm->uuid, xen_uuid_text(n)) == 0;
}

/* expect_range - the last command set this domain's range, in MiB */
static void
expect_range(uint64_t n, uint64_t min, uint64_t max, uint64_t target)
{
	struct hv_uuid u = xen_uuid(n);

	cr_assert_eq(w.last.verb, HV_SET_RANGE);
	cr_expect_eq(w.last.uuid.lo, u.lo);
	cr_expect_eq(w.last.dynamic_min_kib, min * 1024);
	cr_expect_eq(w.last.dynamic_max_kib, max * 1024);
	cr_expect_eq(w.last.target_kib, target * 1024);
	memset(&w.last, 0, sizeof(w.last));
}

Test(found, a_domain_becomes_a_vm_and_is_forgotten_with_it)
{
	const struct idl_vm *vm;
	const struct idl_vm_metrics *m;
	struct idl_ref ref;
	uint64_t metrics;

	(void)world_first_host(&w);
	metrics = fld_count(w.pin, IDL_CLASS_VM_METRICS);
	(void)appear(1, 5, "web");
	ref = world_find_vm(&w, "web");
	vm = world_vm(&w, &ref);
	cr_expect(is_of(vm, 1));
	cr_expect_eq(vm->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_eq(vm->domid, 5);
	cr_expect_eq(vm->domain_type, IDL_DOMAIN_TYPE_PVH);
	cr_expect_eq(vm->VCPUs_max, 2);
	cr_expect_eq(vm->memory_static_max, 512 * MIB);
	cr_expect_eq(vm->memory_dynamic_max, 256 * MIB);
	cr_expect_eq(vm->memory_dynamic_min, 256 * MIB);
	cr_expect_eq(vm->memory_static_min, 0);
	m = world_metrics(&w, &ref);
	cr_expect_eq(m->memory_actual, 256 * MIB);
	cr_expect_eq(m->start_time, w.env.wall_s(&w));
	world_check(&w);
	cr_expect_eq(w.commands, 0, "it has its own limits");
	go(1, 5);
	cr_expect_eq(count(), 0);
	cr_expect_eq(fld_count(w.pin, IDL_CLASS_VM_METRICS), metrics);
	world_check(&w);
}

Test(found, until_somebody_changes_it_the_record_follows)
{
	struct hv_msg m = appear(1, 5, "web");
	struct idl_ref ref = world_find_vm(&w, "web");

	m.u.domain.static_max_kib = 0; /* from maxmem, then */
	m.u.domain.maxmem_kib = 768 * 1024;
	m.u.domain.dynamic_max_kib = 700 * 1024;
	m.u.domain.vcpus = 3;
	(void)snprintf(m.u.domain.name, sizeof(m.u.domain.name), "renamed");
	world_fact(&w, &m);
	cr_expect_eq(world_vm(&w, &ref)->memory_static_max, 768 * MIB);
	cr_expect_eq(world_vm(&w, &ref)->memory_dynamic_max, 700 * MIB);
	cr_expect_eq(world_vm(&w, &ref)->VCPUs_max, 3);
	cr_expect_str_eq(world_vm(&w, &ref)->name_label, "renamed");
	works("VM.set_memory_dynamic_range", &ref, 100 * MIB, 200 * MIB);
	works("VM.set_name_label", &ref, "mine");
	world_fact(&w, &m);
	cr_expect_eq(world_vm(&w, &ref)->memory_dynamic_max, 200 * MIB);
	cr_expect_str_eq(world_vm(&w, &ref)->name_label, "mine");
}

static const struct {
	const char *must, *method;
	int64_t number; /* 0: no further parameter */
	bool stays;
} changes[] = {
    {"a description is worth keeping", "VM.set_name_description", -1, true},
    {"and a word to find it by", "VM.add_tags", -1, true},
    {"and a limit", "VM.set_memory_dynamic_max", 300 * MIB, true},
    {"reading is no change", "VM.get_record", 0, false},
    {"nor is the value that it has", "VM.set_memory_dynamic_max", 256 * MIB,
	false},
    {"nor is a pause", "VM.pause", 0, false},
    {"nor is its end", "VM.hard_shutdown", 0, false},
};

Test(found, changing_is_what_keeps_it)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct world_call call;
		struct idl_ref ref;

		(void)appear(1, 5, "web");
		ref = world_find_vm(&w, "web");
		if (changes[i].number < 0)
			world_begin(&w, &call, changes[i].method, &ref, "text");
		else if (changes[i].number == 0)
			world_begin(&w, &call, changes[i].method, &ref);
		else
			world_begin(&w, &call, changes[i].method, &ref,
			    changes[i].number);
		go(1, 5);
		(void)world_end(&call);
		cr_expect_eq(
		    count(), changes[i].stays ? 1 : 0, "%s", changes[i].must);
		if (count() > 0) {
			cr_expect_eq(world_vm(&w, &ref)->power_state,
			    IDL_VM_POWER_STATE_HALTED);
			works("VM.destroy", &ref);
		}
	}
}

/* keep - a found VM that somebody has changed, and that has ended since */
static struct idl_ref
keep(uint64_t n, const char *name, int64_t min, int64_t max)
{
	struct idl_ref ref;

	(void)appear(n, (int32_t)n, name);
	ref = world_find_vm(&w, name);
	works("VM.set_memory_dynamic_range", &ref, min * MIB, max * MIB);
	go(n, (int32_t)n);
	cr_assert_eq(
	    world_vm(&w, &ref)->power_state, IDL_VM_POWER_STATE_HALTED);
	memset(&w.last, 0, sizeof(w.last));
	return ref;
}

Test(found, made_anew_under_its_name_it_is_the_same_vm)
{
	struct idl_ref ref = keep(1, "web", 128, 400);

	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 1);
	cr_expect(is_of(world_vm(&w, &ref), 2), "the uuid is the domain's");
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	cr_expect_eq(
	    world_vm(&w, &ref)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_eq(world_vm(&w, &ref)->memory_dynamic_max, 400 * MIB);
	cr_expect_eq(world_metrics(&w, &ref)->memory_actual, 256 * MIB);
	expect_range(2, 128, 400, 256);
	world_check(&w);
	/* Reported again it is known, and not told again. */
	w.commands = 0;
	(void)appear(2, 6, "web");
	cr_expect_eq(w.commands, 0);
	go(2, 6);
	cr_expect_eq(
	    world_vm(&w, &ref)->power_state, IDL_VM_POWER_STATE_HALTED);
}

Test(found, the_target_waits_for_the_balloon_driver)
{
	struct idl_ref ref = keep(1, "web", 128, 144);
	struct hv_msg m = xen_domain(&w, 2, 6, "web");

	m.u.domain.flags &= ~HV_D_BALLOON;
	world_fact(&w, &m);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	expect_range(2, 128, 144, 144);
	/* It is told no target: the range alone is in the store. */
	m.u.domain.dynamic_min_kib = 128 * 1024;
	m.u.domain.dynamic_max_kib = 144 * 1024;
	w.commands = 0;
	world_fact(&w, &m);
	cr_expect_eq(w.commands, 0);
	m.u.domain.flags |= HV_D_BALLOON;
	world_fact(&w, &m);
	expect_range(2, 128, 144, 144);
	m.u.domain.target_kib = 130 * 1024;
	w.commands = 0;
	world_fact(&w, &m);
	cr_expect_eq(w.commands, 0, "any target in its range will do");
}

Test(found, an_odd_number_of_bytes_is_told_once)
{
	struct idl_ref ref = keep(1, "web", 128, 400);
	struct hv_msg d = xen_domain(&w, 2, 6, "web");

	works("VM.set_memory_dynamic_range", &ref, 128 * MIB + 1,
	    400 * MIB + 1023);
	d.u.domain.dynamic_min_kib = 128 * 1024;
	d.u.domain.dynamic_max_kib = 400 * 1024;
	w.commands = 0;
	xen_report(&w, 0, &d, 1);
	xen_report(&w, 0, &d, 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	cr_expect_eq(w.commands, 0);
}

Test(found, with_a_uuid_of_its_own_the_name_does_not_matter)
{
	struct idl_ref ref = keep(1, "web", 128, 400);

	(void)appear(1, 6, "quite another");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	expect_range(1, 128, 400, 256);
}

Test(found, limits_of_a_halted_record_bind_at_the_next_start)
{
	struct idl_ref ref = keep(1, "web", 128, 400);

	works("VM.set_memory_limits", &ref, 16 * MIB, 1024 * MIB, 600 * MIB,
	    800 * MIB);
	(void)appear(2, 6, "web");
	/* As far up as its domain can go at all. */
	expect_range(2, 512, 512, 512);
	cr_expect_eq(world_vm(&w, &ref)->memory_dynamic_min, 600 * MIB);
}

Test(found, a_name_of_ours_does_not_hide_it)
{
	struct idl_ref ref = keep(1, "web", 128, 400);

	works("VM.set_name_label", &ref, "The web server");
	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	cr_expect_str_eq(world_vm(&w, &ref)->name_label, "The web server");
}

Test(found, a_record_made_beforehand_waits_for_its_domain)
{
	struct world_shape s = {
	    "web", IDL_DOMAIN_TYPE_HVM, 16, 128, 400, 512, 1, 1.0, NULL};
	struct idl_ref ref = world_new_vm(&w, &s);

	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &ref)->domain_type, IDL_DOMAIN_TYPE_PVH,
	    "it is what xl made it");
	cr_expect_eq(world_vm(&w, &ref)->VCPUs_max, 2);
	expect_range(2, 128, 400, 256);
	go(2, 6);
	cr_expect_eq(count(), 1);
}

Test(found, of_two_that_live_none_is_taken_for_the_other)
{
	struct idl_ref ref = keep(1, "web", 128, 400);
	struct hv_msg d[2] = {
	    xen_domain(&w, 2, 6, "web"), xen_domain(&w, 3, 7, "web")};

	/* Told in one report, neither is the one. */
	xen_report(&w, 0, d, 2);
	cr_expect_eq(count(), 3);
	cr_expect_eq(
	    world_vm(&w, &ref)->power_state, IDL_VM_POWER_STATE_HALTED);
	/* When one is left, it is. */
	go(2, 6);
	(void)appear(3, 7, "web");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 7);
	/* The next of the name is another while this one lives. */
	(void)appear(4, 8, "web");
	cr_expect_eq(count(), 2);
	cr_expect_eq(world_vm(&w, &ref)->domid, 7);
	world_check(&w);
}

Test(found, of_two_records_none_is_taken)
{
	struct idl_ref one = keep(1, "web", 128, 400);
	struct world_shape s = {
	    "web", IDL_DOMAIN_TYPE_PVH, 16, 64, 300, 512, 1, 1.0, NULL};
	struct idl_ref other = world_new_vm(&w, &s);

	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 3);
	cr_expect_eq(
	    world_vm(&w, &one)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(
	    world_vm(&w, &other)->power_state, IDL_VM_POWER_STATE_HALTED);
	works("VM.destroy", &other);
	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &one)->domid, 6);
}

Test(found, what_is_no_vm_to_start_is_not_taken)
{
	struct idl_ref ref = keep(1, "web", 128, 400);

	works("VM.set_is_a_template", &ref, 1);
	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 2);
	/* Nor is anything taken by a domain that has no name. */
	(void)appear(3, 7, "");
	(void)appear(4, 8, "");
	cr_expect_eq(count(), 4);
}

Test(found, the_new_one_may_be_seen_before_the_old_one_has_gone)
{
	struct idl_ref ref;

	(void)appear(1, 5, "web");
	ref = world_find_vm(&w, "web");
	works("VM.set_memory_dynamic_range", &ref, 128 * MIB, 400 * MIB);
	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 2);
	go(1, 5);
	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	expect_range(2, 128, 400, 256);
}

Test(found, its_name_may_come_late)
{
	struct idl_ref ref = keep(1, "web", 128, 400);

	(void)appear(2, 6, "");
	cr_expect_eq(count(), 2);
	(void)appear(2, 6, "web");
	cr_expect_eq(count(), 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	expect_range(2, 128, 400, 256);
}

Test(found, made_anew_while_nobody_looked)
{
	struct hv_msg d = xen_domain(&w, 2, 6, "web");
	struct idl_ref ref;

	(void)appear(1, 5, "web");
	(void)appear(9, 3, "unchanged");
	ref = world_find_vm(&w, "web");
	works("VM.set_memory_dynamic_range", &ref, 128 * MIB, 400 * MIB);
	world_restart(&w, WORLD_GOES_ON);
	xen_report(&w, 0, &d, 1);
	cr_assert(w.ready);
	cr_expect_eq(count(), 1, "the other one has ended, and is forgotten");
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	cr_expect(is_of(world_vm(&w, &ref), 2));
	expect_range(2, 128, 400, 256);
	world_check(&w);
}

Test(found, a_restart_makes_the_same_picture)
{
	struct hv_msg d[3];
	struct idl_ref web, db, idle = keep(1, "idle", 128, 400);
	uint64_t generation;

	d[0] = appear(2, 6, "web");
	d[1] = appear(3, 7, "db");
	web = world_find_vm(&w, "web");
	db = world_find_vm(&w, "db");
	works("VM.set_memory_dynamic_range", &db, 100 * MIB, 300 * MIB);
	d[1].u.domain.dynamic_min_kib = 100 * 1024; /* as it was told */
	d[1].u.domain.dynamic_max_kib = 300 * 1024;
	world_fact(&w, &d[1]);
	for (int i = 0; i < 2; i++) {
		world_restart(&w, WORLD_GOES_ON);
		w.commands = 0;
		xen_report(&w, 0, d, 2);
		cr_expect_eq(count(), 3);
		cr_expect_eq(world_vm(&w, &web)->domid, 6);
		cr_expect_eq(world_vm(&w, &db)->domid, 7);
		cr_expect_eq(world_vm(&w, &db)->memory_dynamic_max, 300 * MIB);
		cr_expect_eq(world_vm(&w, &idle)->power_state,
		    IDL_VM_POWER_STATE_HALTED);
		cr_expect_eq(w.commands, 0, "everything is as it should be");
	}
	/* The same report once more changes no record of a VM at all. */
	generation = world_vm(&w, &web)->h.modified;
	xen_report(&w, 0, d, 2);
	cr_expect_eq(world_vm(&w, &web)->h.modified, generation);
	/* A range that somebody else has changed meanwhile is set again. */
	d[1].u.domain.dynamic_max_kib = 200 * 1024;
	world_restart(&w, WORLD_GOES_ON);
	xen_report(&w, 0, d, 2);
	expect_range(3, 100, 300, 256);
}

Test(found, an_observed_world_is_told_nothing)
{
	struct idl_ref ref = keep(1, "web", 128, 400);
	struct hv_msg d = xen_domain(&w, 2, 6, "web");

	w.commands = 0;
	xen_report(&w, HV_W_OBSERVES, &d, 1);
	cr_expect_eq(world_vm(&w, &ref)->domid, 6);
	cr_expect_eq(w.commands, 0);
}

Test(found, figures_say_when_they_moved)
{
	struct hv_msg m = appear(1, 5, "web"), h = xen_host(&w);
	struct idl_ref ref = world_find_vm(&w, "web");
	struct idl_ref host = world_first_host(&w);
	const struct idl_host_metrics *hm;
	int64_t then = world_metrics(&w, &ref)->last_updated, host_then;

	cr_expect_eq(then, w.env.wall_s(&w));
	world_fact(&w, &h);
	hm = fld_get(
	    w.pin, IDL_CLASS_HOST_METRICS, &world_host(&w, &host)->metrics);
	host_then = hm->last_updated;
	world_pass(&w, 5000);
	world_fact(&w, &m); /* nothing new */
	world_fact(&w, &h);
	cr_expect_eq(world_metrics(&w, &ref)->last_updated, then);
	m.u.domain.actual_kib -= 1024;
	h.u.host.free_kib += 1024;
	world_fact(&w, &m);
	world_fact(&w, &h);
	cr_expect_eq(world_metrics(&w, &ref)->last_updated, then + 5);
	cr_expect_eq(world_metrics(&w, &ref)->memory_actual, 255 * MIB);
	hm = fld_get(
	    w.pin, IDL_CLASS_HOST_METRICS, &world_host(&w, &host)->metrics);
	cr_expect_eq(hm->last_updated, host_then + 5);
}

Test(found, an_estimate_is_marked_until_there_is_a_sample)
{
	struct idl_ref ref = world_first_host(&w);
	struct hv_msg m = xen_host(&w), hello;
	int64_t overhead;

	m.u.host.flags |= HV_H_ESTIMATED;
	m.u.host.boot_free_kib -= 100 * 1024;
	hv_msg_init(&hello, HV_HELLO);
	hello.u.hello.protocol = HV_PROTOCOL;
	hello.u.hello.epoch = xen_uuid(77); /* the host was booted again */
	world_fact(&w, &hello);
	cr_assert_eq(world_host(&w, &ref)->boot_total_bytes, 0);
	world_fact(&w, &m);
	cr_expect(world_host(&w, &ref)->overhead_estimated);
	cr_expect_not_null(strstr(w.text, "estimate"), "%s", w.text);
	overhead = world_host(&w, &ref)->memory_overhead;
	m.u.host.boot_free_kib -= 1024;
	world_fact(&w, &m);
	cr_expect_eq(world_host(&w, &ref)->memory_overhead, overhead,
	    "one estimate is as good as the next");
	m.u.host.flags &= ~HV_H_ESTIMATED;
	world_fact(&w, &m);
	cr_expect_not(world_host(&w, &ref)->overhead_estimated);
	cr_expect_eq(world_host(&w, &ref)->memory_overhead, overhead + MIB);
	m.u.host.boot_free_kib -= 1024;
	world_fact(&w, &m);
	cr_expect_eq(world_host(&w, &ref)->memory_overhead, overhead + MIB,
	    "sampled once for each boot");
}

/* Some 15 MiB of a transaction; its arena holds 64. */
#define VERY_MANY 12000

Test(found, very_many_end_piece_by_piece, .timeout = 120)
{
	struct hv_msg m = xen_domain(&w, 1, 1, "many"), host = xen_host(&w);
	const struct idl_vm *vm = NULL;
	uint64_t halted = 0, before;

	/* Where domains are built their records stay. */
	xen_hello(&w, HV_W_BUILDS);
	for (uint64_t n = 1; n <= VERY_MANY; n++) {
		m.u.domain.uuid = xen_uuid(n);
		m.u.domain.domid = (int32_t)n;
		api_boot_up(w.boot, &m);
	}
	xen_synced(&w);
	cr_expect_eq(count(), VERY_MANY);
	xen_hello(&w, HV_W_BUILDS);
	world_fact(&w, &host);
	before = fld_newest(w.store);
	xen_synced(&w);
	cr_expect_geq(fld_newest(w.store) - before, 2);
	cr_expect_str_eq(w.text, "");
	cr_expect_eq(count(), VERY_MANY);
	while ((vm = fld_next(w.pin, IDL_CLASS_VM,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		halted += vm->power_state == IDL_VM_POWER_STATE_HALTED;
	cr_expect_eq(halted, VERY_MANY + 1, "dom0 was not reported either");
	world_check(&w);
}
