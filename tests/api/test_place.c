/* SPDX-License-Identifier: BSD-2-Clause */

/* Several hosts: where VMs start, and how they move. */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* own */
#include "tests/api/help_suite.h"

#define GIB_KIB (1024ull * 1024)

static struct world w;
static struct idl_ref small, large, plain; /* hosts */

/* host_named - the host of a name */
static struct idl_ref
host_named(const char *name)
{
	const struct idl_host *host;

	(void)world_first_host(&w);
	host =
	    fld_find(w.pin, IDL_CLASS_HOST, IDL_HOST_F_NAME_LABEL, &name, NULL);
	cr_assert_not_null(host);
	return host->h.ref;
}

static void
set_host(struct hv_sim_host *h, const char *name, uint64_t gib, uint32_t cpus)
{
	hv_sim_host_init(h);
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	h->memory_kib = gib * GIB_KIB;
	h->cpus = cpus;
}

static void
open_world(void)
{
	struct hv_sim_host hosts[3];

	set_host(&hosts[0], "small", 8, 4);
	set_host(&hosts[1], "large", 16, 16);
	set_host(&hosts[2], "plain", 32, 2);
	hosts[2].flags = 0; /* no hvm */
	suite_open(&w, hosts, 3);
	small = host_named("small");
	large = host_named("large");
	plain = host_named("plain");
}

static void
close_world(void)
{
	suite_close(&w);
}

TestSuite(place, .init = open_world, .fini = close_world);

static struct idl_ref
make(const char *name, int32_t type, int64_t min, int64_t max)
{
	struct world_shape s = {name, type, min, min, max, max, 2, 1.0, NULL};

	return world_new_vm(&w, &s);
}

static bool
is_on(const struct idl_ref *vm, const struct idl_ref *host)
{
	return idl_ref_equal(&world_vm(&w, vm)->resident_on, host);
}

Test(place, a_vm_starts_where_most_is_left)
{
	struct idl_ref vm = make("a", IDL_DOMAIN_TYPE_HVM, 1024, 1024);

	works("VM.start", &vm, 0, 0);
	cr_expect(is_on(&vm, &large));
	works("VM.get_possible_hosts", &vm);
}

Test(place, affinity_comes_first)
{
	struct idl_ref vm = make("a", IDL_DOMAIN_TYPE_HVM, 1024, 1024);

	works("VM.set_affinity", &vm, &small);
	works("VM.start", &vm, 0, 0);
	cr_expect(is_on(&vm, &small));
}

Test(place, affinity_is_only_a_wish)
{
	struct idl_ref vm = make("a", IDL_DOMAIN_TYPE_HVM, 10240, 10240);

	works("VM.set_affinity", &vm, &small);
	works("VM.start", &vm, 0, 0);
	cr_expect(is_on(&vm, &large));
}

Test(place, a_host_where_nobody_must_shrink_is_better)
{
	struct idl_ref a = make("a", IDL_DOMAIN_TYPE_HVM, 1024, 13 * 1024);
	struct idl_ref b = make("b", IDL_DOMAIN_TYPE_HVM, 1024, 4 * 1024);

	works("VM.start", &a, 0, 0);
	cr_expect(is_on(&a, &large));
	works("VM.start", &b, 0, 0);
	cr_expect(is_on(&b, &small), "large has more free, but is spoken for");
}

Test(place, hvm_guests_need_hvm_and_pv_guests_do_not)
{
	struct idl_ref pv = make("a", IDL_DOMAIN_TYPE_PV, 1024, 1024);
	struct idl_ref hvm = make("b", IDL_DOMAIN_TYPE_HVM, 1024, 1024);
	struct idl_ref pvh = make("c", IDL_DOMAIN_TYPE_PVH, 1024, 1024);

	cr_expect_eq(world_call(&w, "VM.assert_can_boot_here", &hvm, &plain),
	    ERR_VM_HVM_REQUIRED);
	cr_expect_eq(world_call(&w, "VM.start_on", &pvh, &plain, 0, 0),
	    ERR_VM_HVM_REQUIRED);
	works("VM.get_possible_hosts", &hvm);
	cr_expect_eq(w.members, 2);
	works("VM.get_possible_hosts", &pv);
	cr_expect_eq(w.members, 3);
	works("VM.start", &pv, 0, 0);
	cr_expect(is_on(&pv, &plain), "it has the most left");
}

Test(place, more_vcpus_than_cpus_are_refused)
{
	struct idl_ref vm = make("a", IDL_DOMAIN_TYPE_PV, 64, 64);

	works("VM.set_VCPUs_max", &vm, 3LL);
	cr_expect_eq(world_call(&w, "VM.assert_can_boot_here", &vm, &plain),
	    ERR_HOST_NOT_ENOUGH_PCPUS);
	cr_expect_str_eq(world_why(&w), "HOST_NOT_ENOUGH_PCPUS 3 2");
	works("VM.assert_can_boot_here", &vm, &small);
}

Test(place, migration_moves_the_memory_with_the_vm)
{
	struct idl_ref vm = make("a", IDL_DOMAIN_TYPE_HVM, 1024, 2048);
	int64_t on_small = world_free(&w, &small);
	int64_t on_large = world_free(&w, &large), needed;
	struct failure why;

	works("VM.start_on", &vm, &small, 0, 0);
	cr_assert_eq(mem_needed(world_vm(&w, &vm), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	works("VM.pool_migrate", &vm, &large, &idl_map_none);
	cr_expect(is_on(&vm, &large));
	cr_expect(
	    idl_ref_is_null(&world_vm(&w, &vm)->scheduled_to_be_resident_on));
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_eq(world_free(&w, &small), on_small);
	cr_expect_eq(world_free(&w, &large), on_large - needed);
	cr_expect_eq(
	    world_call(&w, "VM.pool_migrate", &vm, &large, &idl_map_none),
	    ERR_OPERATION_NOT_ALLOWED);
	world_restart(&w, WORLD_GOES_ON);
	cr_expect(is_on(&vm, &large));
}

Test(place, migration_to_a_full_host_changes_nothing)
{
	struct idl_ref vm =
	    make("a", IDL_DOMAIN_TYPE_HVM, 10 * 1024, 10 * 1024);
	int64_t on_large, on_small = world_free(&w, &small);

	works("VM.start_on", &vm, &large, 0, 0);
	on_large = world_free(&w, &large);
	cr_expect_eq(
	    world_call(&w, "VM.pool_migrate", &vm, &small, &idl_map_none),
	    ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	cr_expect(is_on(&vm, &large));
	cr_expect_eq(world_free(&w, &large), on_large);
	cr_expect_eq(world_free(&w, &small), on_small);
}

Test(place, a_suspended_vm_needs_what_it_holds)
{
	struct idl_ref vm = make("a", IDL_DOMAIN_TYPE_HVM, 1024, 12 * 1024);
	struct idl_ref full;

	works("VM.start_on", &vm, &large, 0, 0);
	works("VM.set_memory_dynamic_range", &vm, 9 * GIB, 12 * GIB);
	works("VM.suspend", &vm);
	cr_expect_eq(world_vm(&w, &vm)->suspended_bytes, 9 * GIB);
	/* Its range could be small again when it goes on: 9 GiB come first. */
	cr_expect_eq(world_call(&w, "VM.resume_on", &vm, &small, 0, 0),
	    ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	full = make("b", IDL_DOMAIN_TYPE_HVM, 10 * 1024, 10 * 1024);
	works("VM.start_on", &full, &large, 0, 0);
	cr_expect_eq(
	    world_call(&w, "VM.resume", &vm, 0, 0), ERR_NO_HOSTS_AVAILABLE);
	works("VM.hard_shutdown", &full);
	works("VM.resume", &vm, 0, 0);
	cr_expect(is_on(&vm, &large));
}

/* Spec I.6, with the differences of design 8.1, 8.2 and 8.12. */
Test(place_worked, example_of_admission)
{
	static const struct world_shape shapes[] = {
	    {"1", IDL_DOMAIN_TYPE_HVM, 0, 4096, 4096, 4096, 4, 1.0, NULL},
	    {"2", IDL_DOMAIN_TYPE_HVM, 0, 2048, 4096, 4096, 4, 1.0, NULL},
	    {"3", IDL_DOMAIN_TYPE_HVM, 0, 1024, 1024, 1024, 2, 1.0, NULL},
	    {"5", IDL_DOMAIN_TYPE_PV_IN_PVH, 0, 256, 1024, 1024, 1, 1.0, NULL},
	};
	struct hv_sim_host h;
	struct idl_ref host, vm[4];

	set_host(&h, "h", 8, 16);
	/* 2097152 pages, 1800000 free, 262144 of dom0 (I.5, first row) */
	h.xen_kib = 8 * GIB_KIB - 1800000ull * 4 - 262144ull * 4;
	world_open(&w, &h, 1, NULL);
	cr_assert(w.ready, "%s", w.text);
	host = world_first_host(&w);
	cr_expect_eq(world_host(&w, &host)->memory_overhead, 218890240);
	cr_expect_eq(world_free(&w, &host), 7282622464);
	for (int i = 0; i < 4; i++)
		vm[i] = world_new_vm(&w, &shapes[i]);
	works("VM.start", &vm[0], 0, 0);
	cr_expect_eq(world_free(&w, &host), 2946760704);
	works("VM.start", &vm[1], 0, 0);
	cr_expect_eq(world_free(&w, &host), 758382592);
	cr_expect_neq(
	    world_call(&w, "VM.start_on", &vm[2], &host, 0, 0), ERR_NONE);
	cr_expect_str_eq(
	    world_why(&w), "HOST_NOT_ENOUGH_FREE_MEMORY 1087373312 758382592");
	cr_expect_neq(
	    world_call(&w, "VM.set_memory_dynamic_min", &vm[1], 3 * GIB),
	    ERR_NONE);
	cr_expect_str_eq(
	    world_why(&w), "HOST_NOT_ENOUGH_FREE_MEMORY 1073741824 758382592");
	cr_expect_neq(
	    world_call(&w, "VM.start_on", &vm[3], &host, 0, 0), ERR_NONE);
	cr_expect_str_eq(
	    world_why(&w), "HOST_NOT_ENOUGH_FREE_MEMORY 1121976320 758382592");
	works("VM.hard_shutdown", &vm[0]);
	works("VM.start_on", &vm[3], &host, 0, 0);
	cr_expect_eq(world_free(&w, &host), 758382592 + 4335861760 - 1121976320,
	    "counted as admitted");
	suite_close(&w);
}
