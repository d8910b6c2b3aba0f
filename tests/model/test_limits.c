/* SPDX-License-Identifier: BSD-2-Clause */
/* The constraints between the bounds of a VM's memory. */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "tests/model/help_random.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* vm_of - a VM with these bounds */
static struct idl_vm
vm_of(int64_t smin, int64_t dmin, int64_t dmax, int64_t smax)
{
	struct idl_vm vm = {.memory_static_min = smin,
	    .memory_dynamic_min = dmin,
	    .memory_dynamic_max = dmax,
	    .memory_static_max = smax};

	return vm;
}

Test(limits, order_of_the_bounds)
{
	static const struct {
		const char *sentence;
		int64_t smin, dmin, dmax, smax;
		enum err err;
		const char *explained;
	} rows[] = {
	    {"rising bounds are in order", 1, 2, 3, 4, ERR_NONE, ""},
	    {"equal bounds are in order", 7, 7, 7, 7, ERR_NONE, ""},
	    {"no memory at all is in order", 0, 0, 0, 0, ERR_NONE, ""},
	    {"the greatest amounts are in order", 0, 0, INT64_MAX, INT64_MAX,
		ERR_NONE, ""},
	    {"unaligned bytes are in order", 1, 3, 5, 1048577, ERR_NONE, ""},
	    {"dynamic_min below static_min", 5, 4, 6, 7,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER,
		"memory_static_min 5 is above memory_dynamic_min 4"},
	    {"dynamic_max below dynamic_min", 1, 5, 4, 7,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER,
		"memory_dynamic_min 5 is above memory_dynamic_max 4"},
	    {"static_max below dynamic_max", 1, 2, 9, 8,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER,
		"memory_dynamic_max 9 is above memory_static_max 8"},
	    {"the first broken pair is told", 4, 3, 2, 1,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER,
		"memory_static_min 4 is above memory_dynamic_min 3"},
	    {"negative static_min", -1, 2, 3, 4, ERR_INVALID_VALUE, ""},
	    {"all negative, in order", -4, -3, -2, -1, ERR_INVALID_VALUE, ""},
	    {"negative comes before order", 1, 2, -3, 4, ERR_INVALID_VALUE,
		"memory_dynamic_min 2 is above memory_dynamic_max -3"},
	};
	struct failure why;
	struct idl_vm vm;
	char text[200];
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm = vm_of(
		    rows[i].smin, rows[i].dmin, rows[i].dmax, rows[i].smax);
		cr_expect_eq(
		    mem_check_limits(&vm, MEM_DMC_ON, MEM_NOT_NESTED, &why),
		    rows[i].err, "%s", rows[i].sentence);
		cr_expect_eq(mem_check_order(&vm, NULL), rows[i].err, "%s",
		    rows[i].sentence);
		if (rows[i].err == ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER)
			cr_expect_eq(why.n, 0);
		mem_explain_limits(&vm, text, sizeof text);
		cr_expect_str_eq(
		    text, rows[i].explained, "%s", rows[i].sentence);
	}
}

Test(limits, negative_bound_is_named_with_its_value)
{
	struct idl_vm vm = vm_of(0, 0, -9, -8);
	struct failure why;

	cr_expect_eq(mem_check_order(&vm, &why), ERR_INVALID_VALUE);
	cr_expect_str_eq(why.param[0], "memory_dynamic_max");
	cr_expect_str_eq(why.param[1], "-9");
}

Test(limits, explanation_is_cut_to_its_buffer)
{
	struct idl_vm vm = vm_of(4, 3, 2, 1);
	char text[12] = "............";

	mem_explain_limits(&vm, text, 0);
	cr_expect_eq(text[0], '.');
	mem_explain_limits(&vm, text, 11);
	cr_expect_str_eq(text, "memory_sta");
	cr_expect_eq(text[11], '.');
}

Test(limits, pinning_and_its_reasons)
{
	static const struct {
		const char *sentence;
		int64_t smin, dmin, dmax, smax;
		enum mem_dmc dmc;
		bool control;
		enum mem_nested nested;
		const char *reason; /* NULL: allowed */
	} rows[] = {
	    {"pinned at static_max passes everywhere", 1, 4, 4, 4, MEM_DMC_OFF,
		true, MEM_NESTED, NULL},
	    {"a range needs DMC", 1, 2, 4, 4, MEM_DMC_OFF, false,
		MEM_NOT_NESTED, "DMC disabled"},
	    {"pinned below static_max is not enough", 1, 2, 2, 4, MEM_DMC_OFF,
		false, MEM_NOT_NESTED, "DMC disabled"},
	    {"a control domain is pinned", 1, 2, 4, 4, MEM_DMC_ON, true,
		MEM_NOT_NESTED, "control domain"},
	    {"a nested host is pinned", 1, 2, 4, 4, MEM_DMC_ON, false,
		MEM_NESTED, "nested virt"},
	    {"DMC comes before the control domain", 1, 2, 4, 4, MEM_DMC_OFF,
		true, MEM_NESTED, "DMC disabled"},
	    {"the control domain comes before nesting", 1, 2, 4, 4, MEM_DMC_ON,
		true, MEM_NESTED, "control domain"},
	    {"wrong order is told as pinning there", 5, 4, 4, 4, MEM_DMC_ON,
		true, MEM_NOT_NESTED, "control domain"},
	};
	struct failure why;
	struct idl_vm vm;
	enum err rc;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm = vm_of(
		    rows[i].smin, rows[i].dmin, rows[i].dmax, rows[i].smax);
		vm.is_control_domain = rows[i].control;
		rc = mem_check_limits(&vm, rows[i].dmc, rows[i].nested, &why);
		if (rows[i].reason == NULL) {
			cr_expect_eq(rc, ERR_NONE, "%s", rows[i].sentence);
			continue;
		}
		cr_expect_eq(rc, ERR_MEMORY_CONSTRAINT_VIOLATION_MAXPIN, "%s",
		    rows[i].sentence);
		cr_expect_str_eq(
		    why.param[0], rows[i].reason, "%s", rows[i].sentence);
	}
}

Test(limits, transform_clamps_or_gives_up)
{
	static const struct {
		const char *sentence;
		int64_t smin, dmin, target, dmax, smax;
		bool ok;
		int64_t dmin_out, target_out, dmax_out;
	} rows[] = {
	    {"valid bounds stay", 1, 2, 3, 4, 5, true, 2, 3, 4},
	    {"dynamic_min rises to static_min", 3, 1, 4, 5, 6, true, 3, 4, 5},
	    {"dynamic_max falls to static_max", 1, 2, 9, 9, 5, true, 2, 5, 5},
	    {"the whole range moves up", 5, 1, 1, 2, 9, true, 5, 5, 5},
	    {"the whole range moves down", 1, 7, 7, 9, 5, true, 5, 5, 5},
	    {"target rises into the range", 1, 3, 0, 4, 5, true, 3, 3, 4},
	    {"static bounds crossed: none", 6, 2, 3, 4, 5, false, 2, 3, 4},
	    {"dynamic bounds crossed: none", 1, 4, 9, 3, 5, false, 4, 9, 3},
	};
	struct idl_vm vm;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		vm = vm_of(
		    rows[i].smin, rows[i].dmin, rows[i].dmax, rows[i].smax);
		vm.memory_target = rows[i].target;
		cr_expect_eq(
		    mem_transform(&vm), rows[i].ok, "%s", rows[i].sentence);
		cr_expect_eq(vm.memory_dynamic_min, rows[i].dmin_out, "%s",
		    rows[i].sentence);
		cr_expect_eq(vm.memory_target, rows[i].target_out, "%s",
		    rows[i].sentence);
		cr_expect_eq(vm.memory_dynamic_max, rows[i].dmax_out, "%s",
		    rows[i].sentence);
		cr_expect_eq(vm.memory_static_min, rows[i].smin);
		cr_expect_eq(vm.memory_static_max, rows[i].smax);
	}
}

/* small - often equal, sometimes negative */
static int64_t
small(struct help_random *r)
{
	return (int64_t)help_random_below(r, 7) - 1;
}

/* restated - the check in one expression, order of C.3 */
static enum err
restated(const struct idl_vm *vm, bool dmc, bool nested)
{
	int64_t a = vm->memory_static_min, b = vm->memory_dynamic_min;
	int64_t c = vm->memory_dynamic_max, d = vm->memory_static_max;
	bool must_pin = !dmc || vm->is_control_domain || nested;

	return a < 0 || b < 0 || c < 0 || d < 0 ? ERR_INVALID_VALUE
	       : must_pin && !(a <= b && b == c && c == d)
		   ? ERR_MEMORY_CONSTRAINT_VIOLATION_MAXPIN
	       : !must_pin && (a > b || b > c || c > d)
		   ? ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER
		   : ERR_NONE;
}

Test(limits, random_bounds_agree_with_a_plain_restatement)
{
	struct help_random r;
	struct idl_vm vm, before;
	bool dmc, nested;
	int i;

	help_random_init(&r, "limits");
	for (i = 0; i < 100000; i++) {
		vm = vm_of(small(&r), small(&r), small(&r), small(&r));
		vm.is_control_domain = help_random_below(&r, 4) == 0;
		dmc = help_random_below(&r, 4) != 0;
		nested = help_random_below(&r, 4) == 0;
		cr_assert_eq(
		    mem_check_limits(&vm, dmc ? MEM_DMC_ON : MEM_DMC_OFF,
			nested ? MEM_NESTED : MEM_NOT_NESTED, NULL),
		    restated(&vm, dmc, nested));
		before = vm;
		vm.memory_target = small(&r);
		if (!mem_transform(&vm))
			continue;
		cr_assert(vm.memory_static_min <= vm.memory_dynamic_min &&
			  vm.memory_dynamic_min <= vm.memory_target &&
			  vm.memory_target <= vm.memory_dynamic_max &&
			  vm.memory_dynamic_max <= vm.memory_static_max);
		if (restated(&before, true, false) == ERR_NONE)
			cr_assert(
			    vm.memory_dynamic_min ==
				before.memory_dynamic_min &&
			    vm.memory_dynamic_max == before.memory_dynamic_max);
	}
}
