/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_footprint - what a guest takes from its host
 *
 * The memory model of spec D.1, in whole MiB.  Amounts of bytes come in
 * rounded up, so a footprint never promises less than the guest will take.
 */

/* Model */
#include "model/err.h"
#include "model/mem.h"
#include "model/units.h"

#define MIB_MAX (BYTES_MAX / MIB_BYTES)
#define VCPU_PAGES 256u	     /* shadow pages for each vCPU */
#define VCPU_EXTRA_PAGES 38u /* other pages that Xen takes for each */

/* What sets the domain types apart, MiB. */
struct model {
	bool known;
	bool multiplied;     /* does the shadow multiplier count? */
	uint64_t intern_mib; /* inside Xen's ceiling for the domain */
	uint64_t extern_mib; /* outside it */
	uint64_t shim_mib;   /* the shim's own size; 0: no shim */
};

static const struct model models[] = {
    [IDL_DOMAIN_TYPE_HVM] = {true, true, 1, 1, 0},
    [IDL_DOMAIN_TYPE_PVH] = {true, true, 1, 1, 0},
    [IDL_DOMAIN_TYPE_PV] = {true, false, 0, 1, 0},
    [IDL_DOMAIN_TYPE_PV_IN_PVH] = {true, true, 1, 1, 23},
};

/* model_of - NULL for a type that no domain can have */
static const struct model *
model_of(int32_t type)
{
	if (type < 0 || (size_t)type >= sizeof models / sizeof models[0] ||
	    !models[type].known)
		return NULL;
	return &models[type];
}

/* shim_mib - the shim and its tables for a guest of that size */
static uint64_t
shim_mib(const struct model *m, uint64_t guest_mib)
{
	return m->shim_mib == 0 ? 0 : m->shim_mib + guest_mib / 90;
}

/* shadow_mib - shadow memory; the product is a double, cut off (spec D.1) */
static uint64_t
shadow_mib(uint64_t static_max_mib, uint64_t vcpus_max, double multiplier)
{
	uint64_t pages = VCPU_PAGES * vcpus_max + 2 * static_max_mib;
	uint64_t mib = mib_of_pages_used(pages);

	mib = (uint64_t)((double)mib * multiplier);
	return mib == 0 ? 1 : mib;
}

enum err
mem_footprint(int32_t type, uint64_t static_max_bytes, uint64_t guest_bytes,
    uint64_t vcpus_max, double multiplier, struct mem_footprint *fp_out,
    struct failure *why)
{
	const struct model *m = model_of(type);
	uint64_t s = mib_of_bytes_used(static_max_bytes);
	uint64_t t = mib_of_bytes_used(guest_bytes);
	struct mem_footprint fp;

	if (m == NULL)
		return err_internal(
		    why, "domain_type %d has no memory model", (int)type);
	if (!(multiplier >= 1.0 && multiplier <= MEM_MULTIPLIER_MAX))
		return err_fail(why, ERR_INVALID_VALUE, "sf",
		    "HVM_shadow_multiplier", multiplier);
	/* A vCPU costs more than a MiB, so this many cannot fit. */
	if (vcpus_max > MIB_MAX)
		return err_fail(why, ERR_INVALID_VALUE, "sd", "VCPUs_max",
		    (int64_t)vcpus_max);
	if (!m->multiplied)
		multiplier = 1.0;
	fp.shadow_mib = shadow_mib(s, vcpus_max, multiplier);
	fp.vcpu_extra_mib = mib_of_pages_used(VCPU_EXTRA_PAGES * vcpus_max);
	fp.shim_mib = shim_mib(m, t);
	fp.shim_static_mib = shim_mib(m, s);
	fp.overhead_mib = m->intern_mib + m->extern_mib + fp.shadow_mib +
			  fp.vcpu_extra_mib + fp.shim_static_mib;
	fp.total_mib = t + fp.overhead_mib;
	fp.build_max_mib = s + fp.shim_static_mib;
	fp.build_start_mib = t + fp.shim_mib;
	fp.xen_max_mib = s + m->intern_mib + fp.shim_static_mib;
	if (fp.total_mib > MIB_MAX)
		return err_fail(why, ERR_INVALID_VALUE, "sd",
		    "memory_static_max", (int64_t)static_max_bytes);
	*fp_out = fp;
	return ERR_NONE;
}

/* footprint_of - a VM's footprint with a guest size; name is whose size it is
 */
static enum err
footprint_of(const struct idl_vm *vm, int64_t guest_bytes, const char *name,
    struct mem_footprint *fp_out, struct failure *why)
{
	if (vm->memory_static_max < 0)
		return err_fail(why, ERR_INVALID_VALUE, "sd",
		    "memory_static_max", vm->memory_static_max);
	if (vm->VCPUs_max < 0)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", "VCPUs_max", vm->VCPUs_max);
	if (guest_bytes < 0)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", name, guest_bytes);
	return mem_footprint(vm->domain_type, (uint64_t)vm->memory_static_max,
	    (uint64_t)guest_bytes, (uint64_t)vm->VCPUs_max,
	    vm->HVM_shadow_multiplier, fp_out, why);
}

enum err
mem_overhead(const struct idl_vm *vm, int64_t *bytes_out, struct failure *why)
{
	struct mem_footprint fp = {0};
	enum err rc;

	rc = footprint_of(vm, 0, "", &fp, why);
	if (rc != ERR_NONE)
		return rc;
	*bytes_out = (int64_t)(fp.overhead_mib * MIB_BYTES);
	return ERR_NONE;
}

enum err
mem_needed(const struct idl_vm *vm, enum mem_policy policy, int64_t *bytes_out,
    struct failure *why)
{
	const char *name = "memory_static_max";
	int64_t guest_bytes = vm->memory_static_max;
	struct mem_footprint fp = {0};
	enum err rc;

	if (vm->domain_type != IDL_DOMAIN_TYPE_PV_IN_PVH) {
		if (policy == MEM_POLICY_DYNAMIC_MIN) {
			name = "memory_dynamic_min";
			guest_bytes = vm->memory_dynamic_min;
		} else if (policy == MEM_POLICY_DYNAMIC_MAX) {
			name = "memory_dynamic_max";
			guest_bytes = vm->memory_dynamic_max;
		}
	}
	rc = footprint_of(vm, guest_bytes, name, &fp, why);
	if (rc != ERR_NONE)
		return rc;
	*bytes_out = (int64_t)(fp.total_mib * MIB_BYTES);
	return ERR_NONE;
}

enum err
mem_needed_for(const struct idl_vm *vm, int64_t guest_bytes, int64_t *bytes_out,
    struct failure *why)
{
	struct mem_footprint fp = {0};
	enum err rc;

	rc = footprint_of(vm, guest_bytes, "memory_actual", &fp, why);
	if (rc != ERR_NONE)
		return rc;
	*bytes_out = (int64_t)(fp.total_mib * MIB_BYTES);
	return ERR_NONE;
}
