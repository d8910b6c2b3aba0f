/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory model: worked examples I.1 and I.2, and the ends of the range. */

/* System */
#include <criterion/criterion.h>
#include <math.h>

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

Test(footprint, overhead_of_worked_examples_I_1)
{
	static const struct {
		int32_t type;
		int64_t static_max;
		int64_t vcpus;
		double multiplier;
		uint64_t shadow, vcpu_extra, shim, overhead;
		int64_t memory_overhead;
	} rows[] = {
	    {HVM, 536870912, 1, 1.0, 5, 1, 0, 8, 8388608},
	    {HVM, 1073741824, 2, 1.0, 10, 1, 0, 13, 13631488},
	    {HVM, 1073741825, 2, 1.0, 11, 1, 0, 14, 14680064},
	    {HVM, 4294967296, 4, 1.0, 36, 1, 0, 39, 40894464},
	    {HVM, 4294967296, 4, 1.5, 54, 1, 0, 57, 59768832},
	    {HVM, 17179869184, 8, 1.1, 149, 2, 0, 153, 160432128},
	    {PVH, 4294967296, 4, 1.0, 36, 1, 0, 39, 40894464},
	    {HVM, 68719476736, 32, 1.0, 544, 5, 0, 551, 577765376},
	    {PV, 1073741824, 1, 1.0, 9, 1, 0, 11, 11534336},
	    /* ours: a multiplier counts as 1.0 for pv (design 8.2) */
	    {PV, 1073741824, 1, 4.0, 9, 1, 0, 11, 11534336},
	    {PV, 8589934592, 16, 1.0, 80, 3, 0, 84, 88080384},
	    {PIP, 1073741824, 1, 1.0, 9, 1, 34, 46, 48234496},
	    {PIP, 8589934592, 7, 2.0, 142, 2, 114, 260, 272629760},
	    {PIP, 94371840, 1, 1.0, 2, 1, 24, 29, 30408704},
	    {HVM, 1, 1, 1.0, 2, 1, 0, 5, 5242880},
	};
	struct mem_footprint fp;
	struct idl_vm vm = {0};
	int64_t bytes;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		cr_assert_eq(
		    mem_footprint(rows[i].type, (uint64_t)rows[i].static_max, 0,
			(uint64_t)rows[i].vcpus, rows[i].multiplier, &fp, NULL),
		    ERR_NONE);
		cr_expect_eq(fp.shadow_mib, rows[i].shadow, "row %zu", i);
		cr_expect_eq(
		    fp.vcpu_extra_mib, rows[i].vcpu_extra, "row %zu", i);
		cr_expect_eq(fp.shim_static_mib, rows[i].shim, "row %zu", i);
		cr_expect_eq(fp.overhead_mib, rows[i].overhead, "row %zu", i);
		vm.domain_type = rows[i].type;
		vm.memory_static_max = rows[i].static_max;
		vm.VCPUs_max = rows[i].vcpus;
		vm.HVM_shadow_multiplier = rows[i].multiplier;
		cr_assert_eq(mem_overhead(&vm, &bytes, NULL), ERR_NONE);
		cr_expect_eq(bytes, rows[i].memory_overhead, "row %zu", i);
	}
}

Test(footprint, start_memory_of_worked_examples_I_2)
{
	static const struct {
		int32_t type;
		int64_t static_max, guest;
		int64_t vcpus;
		double multiplier;
		uint64_t build_max, build_start, xen_max, shadow, footprint;
		int64_t required;
	} rows[] = {
	    {HVM, 1073741824, 536870912, 2, 1.0, 1024, 512, 1025, 10, 525,
		550502400},
	    {HVM, 1073741824, 1073741824, 2, 1.0, 1024, 1024, 1025, 10, 1037,
		1087373312},
	    {HVM, 4294967296, 2147483648, 4, 2.0, 4096, 2048, 4097, 72, 2123,
		2226126848},
	    {HVM, 4294967296, 2147483649, 4, 2.0, 4096, 2049, 4097, 72, 2124,
		2227175424},
	    {PVH, 2147483648, 1073741824, 1, 1.0, 2048, 1024, 2049, 17, 1044,
		1094713344},
	    {PV, 1073741824, 268435456, 1, 1.0, 1024, 256, 1024, 9, 267,
		279969792},
	    {PV, 1073741824, 268435456, 1, 3.0, 1024, 256, 1024, 9, 267,
		279969792},
	    {PV, 3145733, 1048577, 1, 1.0, 4, 2, 4, 2, 6, 6291456},
	    {PIP, 1073741824, 1073741824, 1, 1.0, 1058, 1058, 1059, 9, 1070,
		1121976320},
	    {PIP, 4294967296, 1073741824, 4, 1.0, 4164, 1058, 4165, 36, 1131,
		1185939456},
	    {HVM, 68719476736, 68719476736, 16, 1.0, 65536, 65536, 65537, 528,
		66069, 69278367744},
	};
	struct mem_footprint fp;
	struct idl_vm vm = {0};
	int64_t bytes;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		cr_assert_eq(
		    mem_footprint(rows[i].type, (uint64_t)rows[i].static_max,
			(uint64_t)rows[i].guest, (uint64_t)rows[i].vcpus,
			rows[i].multiplier, &fp, NULL),
		    ERR_NONE);
		cr_expect_eq(fp.build_max_mib, rows[i].build_max, "row %zu", i);
		cr_expect_eq(
		    fp.build_start_mib, rows[i].build_start, "row %zu", i);
		cr_expect_eq(fp.xen_max_mib, rows[i].xen_max, "row %zu", i);
		cr_expect_eq(fp.shadow_mib, rows[i].shadow, "row %zu", i);
		cr_expect_eq(fp.total_mib, rows[i].footprint, "row %zu", i);
		vm.domain_type = rows[i].type;
		vm.memory_static_max = rows[i].static_max;
		vm.memory_dynamic_min = rows[i].guest;
		vm.VCPUs_max = rows[i].vcpus;
		vm.HVM_shadow_multiplier = rows[i].multiplier;
		cr_assert_eq(
		    mem_needed_for(&vm, rows[i].guest, &bytes, NULL), ERR_NONE);
		cr_expect_eq(bytes, rows[i].required, "row %zu", i);
		if (rows[i].type == PIP)
			continue;
		cr_assert_eq(
		    mem_needed(&vm, MEM_POLICY_DYNAMIC_MIN, &bytes, NULL),
		    ERR_NONE);
		cr_expect_eq(bytes, rows[i].required,
		    "row %zu: used equals required (design 8.2)", i);
	}
}

Test(footprint, policy_chooses_the_bound)
{
	static const struct {
		const char *sentence;
		int32_t type;
		enum mem_policy policy;
		uint64_t guest_mib;
	} rows[] = {
	    {"hvm by dynamic_min", HVM, MEM_POLICY_DYNAMIC_MIN, 1000},
	    {"hvm by dynamic_max", HVM, MEM_POLICY_DYNAMIC_MAX, 2000},
	    {"hvm by static_max", HVM, MEM_POLICY_STATIC_MAX, 3000},
	    {"pvh by dynamic_min", PVH, MEM_POLICY_DYNAMIC_MIN, 1000},
	    {"pv by dynamic_max", PV, MEM_POLICY_DYNAMIC_MAX, 2000},
	    {"pv_in_pvh is always taken at static_max", PIP,
		MEM_POLICY_DYNAMIC_MIN, 3000},
	    {"under dynamic_max too", PIP, MEM_POLICY_DYNAMIC_MAX, 3000},
	};
	struct idl_vm vm = {.memory_dynamic_min = 1000ll << 20,
	    .memory_dynamic_max = 2000ll << 20,
	    .memory_static_max = 3000ll << 20,
	    .VCPUs_max = 1,
	    .HVM_shadow_multiplier = 1.0};
	int64_t needed, overhead;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm.domain_type = rows[i].type;
		cr_assert_eq(
		    mem_needed(&vm, rows[i].policy, &needed, NULL), ERR_NONE);
		cr_assert_eq(mem_overhead(&vm, &overhead, NULL), ERR_NONE);
		cr_expect_eq(needed - overhead,
		    (int64_t)(rows[i].guest_mib << 20), "%s", rows[i].sentence);
	}
}

Test(footprint, out_of_range_is_refused_by_name)
{
	static const struct {
		const char *sentence;
		int32_t type;
		int64_t dynamic_min, static_max, vcpus;
		double multiplier;
		enum err err;
		const char *field, *value;
	} rows[] = {
	    {"a guest that fits, but for its shadow memory", HVM,
		0x7f80000000000000, 0x7f80000000000000, 1, 1.0,
		ERR_INVALID_VALUE, "memory_static_max", "9187343239835811840"},
	    {"2^63-1 leaves no room for the overhead", HVM, INT64_MAX,
		INT64_MAX, 1, 1.0, ERR_INVALID_VALUE, "memory_static_max",
		"9223372036854775807"},
	    {"a static_max of 2^63-1 alone fits", HVM, 0, INT64_MAX, 1, 1.0,
		ERR_NONE, NULL, NULL},
	    {"but not with the greatest multiplier", HVM, 0, INT64_MAX, 1,
		1000.0, ERR_INVALID_VALUE, "memory_static_max",
		"9223372036854775807"},
	    {"the most vCPUs a number can say", HVM, 0, 0, INT64_MAX, 1.0,
		ERR_INVALID_VALUE, "VCPUs_max", "9223372036854775807"},
	    {"vCPUs that cost all there is", PV, 0, 0, 8796093022207, 1.0,
		ERR_INVALID_VALUE, "memory_static_max", "0"},
	    {"negative static_max", HVM, 0, -1, 1, 1.0, ERR_INVALID_VALUE,
		"memory_static_max", "-1"},
	    {"negative dynamic_min", HVM, -5, 0, 1, 1.0, ERR_INVALID_VALUE,
		"memory_dynamic_min", "-5"},
	    {"negative vCPUs", HVM, 0, 0, -1, 1.0, ERR_INVALID_VALUE,
		"VCPUs_max", "-1"},
	    {"multiplier below 1", HVM, 0, 0, 1, 0.5, ERR_INVALID_VALUE,
		"HVM_shadow_multiplier", "0.5"},
	    {"multiplier above 1000", PV, 0, 0, 1, 1000.5, ERR_INVALID_VALUE,
		"HVM_shadow_multiplier", "1000.5"},
	    {"multiplier of 1000", HVM, 0, 0, 1, 1000.0, ERR_NONE, NULL, NULL},
	    {"multiplier that is no number", HVM, 0, 0, 1, NAN,
		ERR_INVALID_VALUE, "HVM_shadow_multiplier", "nan"},
	    {"infinite multiplier", HVM, 0, 0, 1, INFINITY, ERR_INVALID_VALUE,
		"HVM_shadow_multiplier", "inf"},
	    {"no domain type", IDL_DOMAIN_TYPE_UNSPECIFIED, 0, 0, 1, 1.0,
		ERR_INTERNAL_ERROR, "domain_type 4 has no memory model", NULL},
	    {"a domain type from a broken record", -1, 0, 0, 1, 1.0,
		ERR_INTERNAL_ERROR, "domain_type -1 has no memory model", NULL},
	    {"no memory and no vCPU", HVM, 0, 0, 0, 1.0, ERR_NONE, NULL, NULL},
	};
	struct idl_vm vm = {0};
	struct failure why;
	int64_t bytes;
	enum err rc;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm.domain_type = rows[i].type;
		vm.memory_dynamic_min = rows[i].dynamic_min;
		vm.memory_static_max = rows[i].static_max;
		vm.VCPUs_max = rows[i].vcpus;
		vm.HVM_shadow_multiplier = rows[i].multiplier;
		bytes = -42;
		rc = mem_needed(&vm, MEM_POLICY_DYNAMIC_MIN, &bytes, &why);
		cr_expect_eq(rc, rows[i].err, "%s", rows[i].sentence);
		if (rc == ERR_NONE) {
			cr_expect_geq(bytes, 0, "%s", rows[i].sentence);
			continue;
		}
		cr_expect_eq(bytes, -42, "%s: untouched", rows[i].sentence);
		cr_expect_eq(why.code, rc);
		if (rows[i].field != NULL)
			cr_expect_str_eq(why.param[0], rows[i].field, "%s",
			    rows[i].sentence);
		if (rows[i].value != NULL)
			cr_expect_str_eq(why.param[1], rows[i].value, "%s",
			    rows[i].sentence);
	}
}

/* up - division that rounds up */
static unsigned __int128
up(unsigned __int128 a, unsigned __int128 b)
{
	return (a + b - 1) / b;
}

Test(footprint, random_guests_agree_with_the_formulas_in_wide_integers)
{
	static const int32_t types[] = {HVM, PV, PVH, PIP};
	struct help_random r;
	struct mem_footprint fp;
	unsigned __int128 s, t, v, shadow, total;
	uint64_t smax, guest;
	enum err rc;
	int i, type;
	double m;

	help_random_init(&r, "footprint");
	for (i = 0; i < 200000; i++) {
		type = types[help_random_below(&r, 4)];
		smax = (uint64_t)help_random_bytes(&r);
		guest = (uint64_t)help_random_bytes(&r);
		v = help_random_below(&r, 2) ? help_random_below(&r, 256)
					     : (uint64_t)help_random_bytes(&r);
		m = help_random_below(&r, 2)
			? 1.0
			: 1.0 + (double)help_random_below(&r, 999000) / 1000;
		s = up(smax, MIB_BYTES);
		t = up(guest, MIB_BYTES);
		shadow = up(256 * v + s + s, 256);
		if (type != PV)
			shadow = (unsigned __int128)((double)shadow * m);
		if (shadow < 1)
			shadow = 1;
		total = t + shadow + up(38 * v, 256) + (type == PV ? 1 : 2);
		if (type == PIP)
			total += 23 + s / 90;
		rc =
		    mem_footprint(type, smax, guest, (uint64_t)v, m, &fp, NULL);
		cr_assert_eq(rc, total * MIB_BYTES <= BYTES_MAX
				     ? ERR_NONE
				     : ERR_INVALID_VALUE);
		if (rc == ERR_NONE)
			cr_assert_eq(fp.total_mib, (uint64_t)total);
	}
}
