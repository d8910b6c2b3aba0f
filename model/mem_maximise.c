/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_maximise - the largest static_max that fits
 */

/* Model */
#include "model/err.h"
#include "model/mem.h"
#include "model/units.h"

#define APPROXIMATE_VCPUS 64 /* room for vCPUs to come; spec D.9 */

/* fits - would a guest that is all of x bytes take at most total? */
static bool
fits(const struct idl_vm *vm, uint64_t vcpus_max, uint64_t x, uint64_t total)
{
	struct mem_footprint fp;

	if (mem_footprint(vm->domain_type, x, x, vcpus_max,
		vm->HVM_shadow_multiplier, &fp, NULL) != ERR_NONE)
		return false; /* more than any host can have */
	return fp.total_mib * MIB_BYTES <= total;
}

enum err
mem_maximise(const struct idl_vm *vm, int64_t total_bytes, bool approximate,
    int64_t *bytes_out, struct failure *why)
{
	uint64_t lo = 0, hi, mid, total, vcpus;
	struct mem_footprint fp;
	enum err rc;

	if (total_bytes < 0)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", "total", total_bytes);
	if (vm->VCPUs_max < 0)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", "VCPUs_max", vm->VCPUs_max);
	vcpus = approximate ? APPROXIMATE_VCPUS : (uint64_t)vm->VCPUs_max;
	/* What no size can mend is told now, not taken for "too big" below. */
	rc = mem_footprint(
	    vm->domain_type, 0, 0, vcpus, vm->HVM_shadow_multiplier, &fp, why);
	if (rc != ERR_NONE)
		return rc;
	total = (uint64_t)total_bytes;
	hi = total;
	while (hi - lo >= 2) {
		mid = lo + (hi - lo) / 2;
		if (fits(vm, vcpus, mid, total))
			lo = mid;
		else
			hi = mid;
	}
	if (fits(vm, vcpus, hi, total))
		lo = hi;
	*bytes_out = (int64_t)(mib_of_bytes_free(lo) * MIB_BYTES);
	return ERR_NONE;
}
