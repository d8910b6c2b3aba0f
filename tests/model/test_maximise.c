/* SPDX-License-Identifier: BSD-2-Clause */
/* maximise_memory: worked examples I.3, and that the answer is the largest. */

/* System */
#include <criterion/criterion.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Own */
#include "tests/model/help_random.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define HVM IDL_DOMAIN_TYPE_HVM
#define PV IDL_DOMAIN_TYPE_PV
#define PVH IDL_DOMAIN_TYPE_PVH
#define PIP IDL_DOMAIN_TYPE_PV_IN_PVH

Test(maximise, worked_examples_I_3)
{
	static const struct {
		int32_t type;
		int64_t vcpus;
		double multiplier;
		int64_t total;
		bool approximate;
		int64_t result;
	} rows[] = {
	    {HVM, 2, 1.0, 1073741824, false, 1060110336},
	    {HVM, 2, 1.0, 1073741824, true, 985661440},
	    {HVM, 1, 1.0, 4294967296, false, 4257218560},
	    {HVM, 4, 2.0, 17179869184, false, 16904093696},
	    {HVM, 4, 2.0, 17179869184, true, 16770924544},
	    {PV, 1, 1.0, 1073741824, false, 1062207488},
	    {PV, 1, 3.0, 1073741824, false, 1062207488},
	    {PV, 16, 1.0, 8589934592, true, 8445231104},
	    {PIP, 1, 1.0, 1073741824, false, 1026555904},
	    {PIP, 8, 1.0, 34359738368, false, 33686552576},
	    {PVH, 2, 1.25, 2000000000, false, 1974468608},
	    {HVM, 1, 1.0, 5242880, false, 0},
	    {HVM, 1, 1.0, 6291456, false, 1048576},
	    {HVM, 1, 1.0, 0, false, 0},
	};
	struct idl_vm vm = {0};
	int64_t bytes;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm.domain_type = rows[i].type;
		vm.VCPUs_max = rows[i].vcpus;
		vm.HVM_shadow_multiplier = rows[i].multiplier;
		cr_assert_eq(mem_maximise(&vm, rows[i].total,
				 rows[i].approximate, &bytes, NULL),
		    ERR_NONE);
		cr_expect_eq(bytes, rows[i].result, "row %zu", i);
	}
}

Test(maximise, what_cannot_be_asked_is_refused)
{
	static const struct {
		const char *sentence;
		int32_t type;
		int64_t vcpus, total;
		double multiplier;
		enum err err;
		const char *field;
	} rows[] = {
	    {"a negative total", HVM, 1, -1, 1.0, ERR_INVALID_VALUE, "total"},
	    {"negative vCPUs", HVM, -1, 1 << 30, 1.0, ERR_INVALID_VALUE,
		"VCPUs_max"},
	    {"more vCPUs than memory can carry", HVM, INT64_MAX, 1 << 30, 1.0,
		ERR_INVALID_VALUE, "VCPUs_max"},
	    {"a multiplier below 1", HVM, 1, 1 << 30, 0.9, ERR_INVALID_VALUE,
		"HVM_shadow_multiplier"},
	    {"no domain type", IDL_DOMAIN_TYPE_UNSPECIFIED, 1, 1 << 30, 1.0,
		ERR_INTERNAL_ERROR, NULL},
	};
	struct idl_vm vm = {0};
	struct failure why;
	int64_t bytes = -42;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm.domain_type = rows[i].type;
		vm.VCPUs_max = rows[i].vcpus;
		vm.HVM_shadow_multiplier = rows[i].multiplier;
		cr_expect_eq(
		    mem_maximise(&vm, rows[i].total, false, &bytes, &why),
		    rows[i].err, "%s", rows[i].sentence);
		cr_expect_eq(bytes, -42, "%s", rows[i].sentence);
		if (rows[i].field != NULL)
			cr_expect_str_eq(why.param[0], rows[i].field);
	}
}

/* takes_mib - what a guest takes that is all of x bytes; more than any: -1 */
static uint64_t
takes_mib(const struct idl_vm *vm, uint64_t x)
{
	struct mem_footprint fp;

	if (mem_footprint(vm->domain_type, x, x, (uint64_t)vm->VCPUs_max,
		vm->HVM_shadow_multiplier, &fp, NULL) != ERR_NONE)
		return UINT64_MAX;
	return fp.total_mib;
}

Test(maximise, result_fits_and_a_mib_more_does_not)
{
	static const int32_t types[] = {HVM, PV, PVH, PIP};
	struct idl_vm vm = {0};
	struct help_random r;
	int64_t total, bytes;
	int i;

	help_random_init(&r, "maximise");
	for (i = 0; i < 20000; i++) {
		vm.domain_type = types[help_random_below(&r, 4)];
		vm.VCPUs_max = (int64_t)help_random_below(&r, 65);
		vm.HVM_shadow_multiplier =
		    1.0 + (double)help_random_below(&r, 4000) / 1000;
		total = help_random_bytes(&r);
		cr_assert_eq(
		    mem_maximise(&vm, total, false, &bytes, NULL), ERR_NONE);
		cr_assert_eq(bytes % (int64_t)MIB_BYTES, 0);
		cr_assert_leq(bytes, total);
		cr_assert(bytes == 0 || takes_mib(&vm, (uint64_t)bytes) <=
					    (uint64_t)total / MIB_BYTES,
		    "type %d vcpus %lld m %g total %lld: %lld does not fit",
		    vm.domain_type, (long long)vm.VCPUs_max,
		    vm.HVM_shadow_multiplier, (long long)total,
		    (long long)bytes);
		cr_assert_gt(takes_mib(&vm, (uint64_t)bytes + MIB_BYTES),
		    (uint64_t)total / MIB_BYTES);
	}
}

Test(maximise, approximate_leaves_room_for_64_vcpus)
{
	struct idl_vm vm = {
	    .domain_type = HVM, .VCPUs_max = 64, .HVM_shadow_multiplier = 1.0};
	int64_t exact, approximate;

	cr_assert_eq(mem_maximise(&vm, 1ll << 36, false, &exact, NULL), 0);
	vm.VCPUs_max = 3;
	cr_assert_eq(mem_maximise(&vm, 1ll << 36, true, &approximate, NULL), 0);
	cr_expect_eq(exact, approximate);
}
