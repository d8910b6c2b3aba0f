/* SPDX-License-Identifier: BSD-2-Clause */
/* Host memory and admission: worked examples I.5 and I.6, law of admission. */

/* System */
#include <criterion/criterion.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Own */
#include "tests/model/help_random.h"
#include "tests/model/help_world.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define GIB ((int64_t)1 << 30)
#define HVM IDL_DOMAIN_TYPE_HVM
#define PV IDL_DOMAIN_TYPE_PV
#define PIP IDL_DOMAIN_TYPE_PV_IN_PVH

enum { HOST = 1, OTHER_HOST = 2, DOM0 = 10, VM1, VM2, VM3, VM5 };

Test(admit, host_sampling_of_worked_examples_I_5)
{
	static const struct {
		uint64_t total_pages, free_pages, scrub_pages, dom0_pages;
		int64_t memory_total, boot_free, memory_overhead, ceiling;
	} rows[] = {
	    {2097152, 1800000, 0, 262144, 8589934592, 8446541824, 218890240,
		8371044352},
	    {8388608, 7900000, 12000, 400000, 34359738368, 34045952000,
		389283840, 33970454528},
	    {4194304, 3800000, 0, 327680, 17179869184, 16906977280, 348389376,
		16831479808},
	    {2097200, 1800000, 256, 262144, 8589934592, 8447590400, 217841664,
		8372092928},
	};
	uint64_t boot_free_kib;
	struct help_world w;
	int64_t overhead;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		boot_free_kib = (rows[i].free_pages + rows[i].scrub_pages +
				    rows[i].dom0_pages) *
				PAGE_KIB;
		cr_expect_eq((int64_t)boot_free_kib * 1024, rows[i].boot_free);
		overhead = mem_host_overhead(
		    rows[i].total_pages * PAGE_KIB, boot_free_kib);
		cr_expect_eq(overhead, rows[i].memory_overhead, "row %zu", i);
		cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
		help_begin(&w);
		help_host(&w, HOST, rows[i].memory_total, overhead);
		cr_assert_eq(help_end(&w, NULL), ERR_NONE);
		cr_expect_eq(
		    help_free(&w, HOST), rows[i].ceiling, "row %zu", i);
		help_world_close(&w);
	}
}

Test(admit, host_overhead_survives_a_hypervisor_that_lies)
{
	static const struct {
		const char *sentence;
		uint64_t total_kib, boot_free_kib;
		int64_t bytes;
	} rows[] = {
	    {"nothing sampled", 0, 0, 75497472},
	    {"all memory free", 1048576, 1048576, 75497472},
	    {"more free than there is", 1048576, 1048576 + 73728, 0},
	    {"much more free than there is", 1024, UINT64_MAX, 0},
	    {"more than 2^63-1 in all", UINT64_MAX, 0, INT64_MAX},
	    {"both beyond", UINT64_MAX, UINT64_MAX, 0},
	};
	size_t i;

	for (i = 0; i < N(rows); i++)
		cr_expect_eq(
		    mem_host_overhead(rows[i].total_kib, rows[i].boot_free_kib),
		    rows[i].bytes, "%s", rows[i].sentence);
}

/* expect_refused - HOST_NOT_ENOUGH_FREE_MEMORY with these amounts */
static void
expect_refused(enum err rc, const struct failure *why, const char *needed,
    const char *available)
{
	cr_assert_eq(rc, ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	cr_assert_eq(why->n, 2);
	cr_expect_str_eq(why->param[0], needed);
	cr_expect_str_eq(why->param[1], available);
}

/* run_on_host - admit a VM of the open transaction's past, then put it there */
static enum err
run_on_host(struct help_world *w, uint64_t n, struct failure *why)
{
	const struct fld_view *v = help_begin(w);
	struct idl_ref host = help_ref(HOST), ref = help_ref(n);
	const struct idl_vm *vm = fld_get(v, IDL_CLASS_VM, &ref);
	enum err rc = mem_admit(v, vm, &host, 0, why);

	if (rc == ERR_NONE)
		help_vm_edit(w, n)->resident_on = host;
	cr_assert_eq(help_end(w, NULL), ERR_NONE);
	return rc;
}

Test(admit, arithmetic_of_worked_examples_I_6)
{
	struct help_world w;
	struct failure why;
	struct idl_vm *vm, was;
	const struct fld_view *v;
	enum err rc;

	cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
	help_begin(&w);
	help_host(&w, HOST, 8589934592, 218890240);
	vm = help_vm(&w, DOM0, PV, GIB, GIB, 4);
	vm->is_control_domain = true;
	vm->resident_on = help_ref(HOST);
	help_vm(&w, VM1, HVM, 4 * GIB, 4 * GIB, 4);
	help_vm(&w, VM2, HVM, 2 * GIB, 4 * GIB, 4);
	help_vm(&w, VM3, HVM, GIB, GIB, 2);
	help_vm(&w, VM5, PIP, GIB / 4, GIB, 1);
	cr_assert_eq(help_end(&w, &why), ERR_NONE);
	cr_expect_eq(help_free(&w, HOST), 7282622464);

	cr_expect_eq(run_on_host(&w, VM1, &why), ERR_NONE, "step 1");
	cr_expect_eq(help_free(&w, HOST), 2946760704);
	cr_expect_eq(run_on_host(&w, VM2, &why), ERR_NONE, "step 2");
	cr_expect_eq(help_free(&w, HOST), 758382592);
	rc = run_on_host(&w, VM3, &why);
	expect_refused(rc, &why, "1087373312", "758382592");

	v = help_begin(&w);
	was = *help_vm_edit(&w, VM2);
	vm = help_vm_edit(&w, VM2);
	vm->memory_dynamic_min = 3 * GIB;
	rc = mem_admit_rise(v, &was, vm, &why);
	expect_refused(rc, &why, "1073741824", "758382592");
	vm->memory_dynamic_min = was.memory_dynamic_min + 758382592;
	vm->memory_dynamic_min -= vm->memory_dynamic_min % (1 << 20);
	cr_expect_eq(mem_admit_rise(v, &was, vm, &why), ERR_NONE);
	fld_tx_abort(&w.tx);

	rc = run_on_host(&w, VM5, &why);
	expect_refused(rc, &why, "1121976320", "758382592");
	help_world_close(&w);
}

Test(admit, unknown_host_is_a_bad_handle)
{
	struct help_world w;
	struct failure why;
	struct idl_ref nowhere = help_ref(77);
	struct idl_vm vm = {.domain_type = HVM, .HVM_shadow_multiplier = 1.0};
	const struct fld_view *v;
	int64_t bytes = -42;

	cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
	v = help_begin(&w);
	cr_expect_eq(
	    mem_free(v, &nowhere, NULL, &bytes, &why), ERR_HANDLE_INVALID);
	cr_expect_str_eq(why.param[0], "host");
	cr_expect_eq(bytes, -42);
	cr_expect_eq(mem_admit(v, &vm, &nowhere, 0, &why), ERR_HANDLE_INVALID);
	help_world_close(&w);
}

Test(admit, free_memory_is_never_negative)
{
	static const struct {
		const char *sentence;
		int64_t total, overhead, free;
	} rows[] = {
	    {"an overhead above the total", 5 * GIB, 6 * GIB, 0},
	    {"a host that was never sampled", 0, 0, 0},
	    {"a negative total", -1, 0, 0},
	    {"a negative overhead counts as none", GIB, -5, GIB},
	    {"the greatest total", INT64_MAX, 1, INT64_MAX - 1},
	    {"the ends of the range", INT64_MIN, INT64_MAX, 0},
	    {"all of it", GIB, 0, GIB},
	};
	struct help_world w;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
		help_begin(&w);
		help_host(&w, HOST, rows[i].total, rows[i].overhead);
		cr_assert_eq(help_end(&w, NULL), ERR_NONE);
		cr_expect_eq(
		    help_free(&w, HOST), rows[i].free, "%s", rows[i].sentence);
		help_world_close(&w);
	}
}

Test(admit, a_vm_already_scheduled_here_does_not_stand_in_its_own_way)
{
	struct help_world w;
	struct failure why;
	struct idl_ref host = help_ref(HOST), ref = help_ref(VM1);
	const struct idl_vm *vm;
	const struct fld_view *v;
	int64_t bytes;

	cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
	help_begin(&w);
	help_host(&w, HOST, 3 * GIB, 0);
	help_vm(&w, VM1, HVM, 2 * GIB, 2 * GIB, 1)
	    ->scheduled_to_be_resident_on = host;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	v = help_begin(&w);
	vm = fld_get(v, IDL_CLASS_VM, &ref);
	cr_expect_eq(mem_admit(v, vm, &host, 0, &why), ERR_NONE);
	cr_assert_eq(mem_free(v, &host, vm, &bytes, &why), ERR_NONE);
	cr_expect_eq(bytes, 3 * GIB);
	cr_assert_eq(mem_free(v, &host, NULL, &bytes, &why), ERR_NONE);
	cr_expect_lt(bytes, GIB);
	help_world_close(&w);
}

Test(admit, a_guest_that_holds_more_needs_more)
{
	struct help_world w;
	struct failure why;
	struct idl_ref host = help_ref(HOST), ref = help_ref(VM1);
	const struct idl_vm *vm;
	const struct fld_view *v;
	enum err rc;

	cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
	help_begin(&w);
	help_host(&w, HOST, 2 * GIB, 0);
	help_vm(&w, VM1, HVM, GIB, 4 * GIB, 4);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	v = help_begin(&w);
	vm = fld_get(v, IDL_CLASS_VM, &ref);
	cr_expect_eq(mem_admit(v, vm, &host, 0, &why), ERR_NONE);
	cr_expect_eq(mem_admit(v, vm, &host, GIB / 2, &why), ERR_NONE,
	    "less than it is admitted with anyway");
	rc = mem_admit(v, vm, &host, 2 * GIB, &why);
	expect_refused(rc, &why, "2188378112", "2147483648");
	help_world_close(&w);
}

Test(admit, a_rise_counts_wherever_the_vm_counts)
{
	static const struct {
		const char *sentence;
		uint64_t resident, scheduled; /* 0: null */
		int64_t rise;
		enum err err;
	} rows[] = {
	    {"a VM on no host may rise", 0, 0, 100 * GIB, ERR_NONE},
	    {"what fits on its host", HOST, 0, 3 * GIB, ERR_NONE},
	    {"what does not fit on its host", HOST, 0, 4 * GIB,
		ERR_HOST_NOT_ENOUGH_FREE_MEMORY},
	    {"what the next host lacks", HOST, OTHER_HOST, 2 * GIB,
		ERR_HOST_NOT_ENOUGH_FREE_MEMORY},
	    {"what both hosts have", HOST, OTHER_HOST, GIB, ERR_NONE},
	    {"within one host it rises once", HOST, HOST, 3 * GIB, ERR_NONE},
	    {"once is too much", HOST, HOST, 4 * GIB,
		ERR_HOST_NOT_ENOUGH_FREE_MEMORY},
	    {"falling always fits", OTHER_HOST, OTHER_HOST, -GIB / 2, ERR_NONE},
	};
	struct help_world w;
	struct idl_vm *vm, now;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
		help_begin(&w);
		help_host(&w, HOST, 9 * GIB / 2, 0);
		help_host(&w, OTHER_HOST, 5 * GIB / 2, 0);
		vm = help_vm(&w, VM1, HVM, GIB, GIB, 1);
		if (rows[i].resident != 0)
			vm->resident_on = help_ref(rows[i].resident);
		if (rows[i].scheduled != 0)
			vm->scheduled_to_be_resident_on =
			    help_ref(rows[i].scheduled);
		cr_assert_eq(help_end(&w, NULL), ERR_NONE);
		help_begin(&w);
		vm = help_vm_edit(&w, VM1);
		now = *vm;
		now.memory_dynamic_min += rows[i].rise;
		cr_expect_eq(mem_admit_rise(fld_tx_view(w.tx), vm, &now, NULL),
		    rows[i].err, "%s", rows[i].sentence);
		help_world_close(&w);
	}
}

/* law - admitting and removing random VMs under one policy */
static void
law(enum mem_policy policy)
{
	static const int32_t types[] = {HVM, PV, IDL_DOMAIN_TYPE_PVH, PIP};
	struct help_world w;
	struct help_random r;
	struct failure why;
	struct idl_vm *vm;
	int64_t free_before[40], needed, dmin, smax;
	uint64_t i, n = 0;
	enum err rc;

	mem_set_policy(policy);
	help_random_init(&r, "admit.law");
	cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
	help_begin(&w);
	help_host(&w, HOST, 64 * GIB, GIB / 3);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	for (i = 0; i < N(free_before); i++) {
		free_before[i] = help_free(&w, HOST);
		help_begin(&w);
		smax = (int64_t)help_random_below(&r, 5 * (uint64_t)GIB);
		dmin = (int64_t)help_random_below(&r, (uint64_t)smax + 1);
		vm = help_vm(&w, 100 + i, types[i % 4], dmin, smax,
		    (int64_t)help_random_below(&r, 20));
		vm->HVM_shadow_multiplier =
		    1.0 + (double)help_random_below(&r, 3000) / 1000;
		cr_assert_eq(mem_needed(vm, policy, &needed, &why), ERR_NONE);
		cr_assert_eq(help_end(&w, &why), ERR_NONE);
		cr_expect_eq(help_free(&w, HOST), free_before[i],
		    "a halted VM takes nothing");
		rc = run_on_host(&w, 100 + i, &why);
		cr_assert_eq(rc, needed <= free_before[i]
				     ? ERR_NONE
				     : ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
		if (rc != ERR_NONE)
			break;
		cr_assert_eq(help_free(&w, HOST), free_before[i] - needed);
		n++;
	}
	cr_assert_gt(n, 5);
	while (n-- > 0) {
		help_begin(&w);
		help_vm_edit(&w, 100 + n)->resident_on = (struct idl_ref){0, 0};
		cr_assert_eq(help_end(&w, &why), ERR_NONE);
		cr_assert_eq(help_free(&w, HOST), free_before[n]);
	}
	help_world_close(&w);
}

Test(admit, law_under_dynamic_min)
{
	law(MEM_POLICY_DYNAMIC_MIN);
}

Test(admit, law_under_dynamic_max)
{
	law(MEM_POLICY_DYNAMIC_MAX);
}

Test(admit, law_under_static_max)
{
	law(MEM_POLICY_STATIC_MAX);
}
