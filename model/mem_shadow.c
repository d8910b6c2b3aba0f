/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_shadow - from shadow memory back to the multiplier
 */

/* System */
#include <math.h>

/* Model */
#include "model/mem.h"

double
mem_multiplier_of_shadow(const struct idl_vm *vm, uint64_t shadow_mib)
{
	struct mem_footprint fp;
	double at_one, m;

	if (mem_footprint(vm->domain_type, (uint64_t)vm->memory_static_max,
		(uint64_t)vm->memory_dynamic_min, (uint64_t)vm->VCPUs_max, 1.0,
		&fp, NULL) != ERR_NONE)
		return 1.0;
	at_one = (double)fp.shadow_mib;
	m = (double)shadow_mib / at_one;
	/* The quotient may be a hair short, and the product is truncated. */
	if ((uint64_t)(at_one * m) < shadow_mib)
		m = nextafter(m, HUGE_VAL);
	if (m < 1.0)
		return 1.0;
	return m > MEM_MULTIPLIER_MAX ? MEM_MULTIPLIER_MAX : m;
}
