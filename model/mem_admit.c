/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_admit - what a host can still promise, and who may come
 *
 * Everything is read from the host_account, so an answer costs the same with
 * ten VMs and with a hundred thousand.
 */

/* System */
#include <assert.h>

/* Model */
#include "model/err.h"
#include "model/mem.h"
#include "model/units.h"

int64_t
mem_host_overhead(uint64_t total_kib, uint64_t boot_free_kib)
{
	uint64_t total, boot_free;

	if (!bytes_of_mib(mib_of_kib_free(total_kib), &total))
		total = BYTES_MAX / MIB_BYTES * MIB_BYTES;
	if (!bytes_of_kib(boot_free_kib, &boot_free))
		boot_free = BYTES_MAX;
	if (total > BYTES_MAX - MEM_RESERVED_BYTES)
		total = BYTES_MAX - MEM_RESERVED_BYTES;
	if (boot_free > total + MEM_RESERVED_BYTES)
		return 0; /* a hypervisor that contradicts itself */
	return (int64_t)(total + MEM_RESERVED_BYTES - boot_free);
}

/* less - what is left of an amount, never below 0; both >= 0 */
static int64_t
less(int64_t amount, int64_t by)
{
	return amount > by ? amount - by : 0;
}

/* ceiling - what the guests of a host, dom0 included, may have in all */
static int64_t
ceiling(const struct idl_host *host, const struct idl_host_metrics *metrics)
{
	int64_t total = metrics == NULL ? 0 : metrics->memory_total;

	assert(host != NULL);
	if (host->memory_overhead < 0)
		return total; /* never sampled */
	return less(total, host->memory_overhead);
}

enum err
mem_free(const struct fld_view *v, const struct idl_ref *host_ref,
    const struct idl_vm *ignore, int64_t *bytes_out, struct failure *why)
{
	const struct idl_host *host = fld_get(v, IDL_CLASS_HOST, host_ref);
	const struct idl_host_account *account =
	    fld_get(v, IDL_CLASS_HOST_ACCOUNT, host_ref);
	int64_t bytes, scheduled, ignored;
	enum err rc;

	if (host == NULL || account == NULL)
		return err_fail(
		    why, ERR_HANDLE_INVALID, "sr", "host", host_ref);
	scheduled = account->scheduled_bytes;
	if (ignore != NULL &&
	    idl_ref_equal(&ignore->scheduled_to_be_resident_on, host_ref)) {
		rc = mem_needed(ignore, mem_get_policy(), &ignored, why);
		if (rc != ERR_NONE)
			return rc;
		scheduled = less(scheduled, ignored);
	}
	bytes =
	    ceiling(host, fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics));
	bytes = less(bytes, account->resident_bytes);
	bytes = less(bytes, scheduled);
	*bytes_out = less(bytes, account->reserved_bytes);
	return ERR_NONE;
}

enum err
mem_admit(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host, int64_t floor_bytes, struct failure *why)
{
	int64_t needed = 0, at_least = 0, available = 0;
	enum err rc;

	rc = mem_needed(vm, mem_get_policy(), &needed, why);
	if (rc != ERR_NONE)
		return rc;
	if (floor_bytes > 0) {
		rc = mem_needed_for(vm, floor_bytes, &at_least, why);
		if (rc != ERR_NONE)
			return rc;
		if (at_least > needed)
			needed = at_least;
	}
	rc = mem_free(v, host, vm, &available, why);
	if (rc != ERR_NONE)
		return rc;
	if (available < needed)
		return err_fail(why, ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "dd",
		    needed, available);
	return ERR_NONE;
}

/* admit_more - has a host rise bytes more? */
static enum err
admit_more(const struct fld_view *v, const struct idl_ref *host, int64_t rise,
    struct failure *why)
{
	int64_t available = 0;
	enum err rc = mem_free(v, host, NULL, &available, why);

	if (rc != ERR_NONE)
		return rc;
	if (available < rise)
		return err_fail(why, ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "dd",
		    rise, available);
	return ERR_NONE;
}

enum err
mem_admit_rise(const struct fld_view *v, const struct idl_vm *was,
    const struct idl_vm *now, struct failure *why)
{
	const struct idl_ref *resident = &was->resident_on;
	const struct idl_ref *scheduled = &was->scheduled_to_be_resident_on;
	int64_t before, after, rise;
	enum err rc;

	rc = mem_needed(was, mem_get_policy(), &before, why);
	if (rc != ERR_NONE)
		return rc;
	rc = mem_needed(now, mem_get_policy(), &after, why);
	if (rc != ERR_NONE)
		return rc;
	rise = after - before; /* both 0..2^63-1 */
	if (rise <= 0)
		return ERR_NONE;
	if (!idl_ref_is_null(resident) && idl_ref_equal(resident, scheduled)) {
		if (__builtin_mul_overflow(rise, 2, &rise))
			rise = INT64_MAX;
		return admit_more(v, resident, rise, why);
	}
	if (!idl_ref_is_null(resident)) {
		rc = admit_more(v, resident, rise, why);
		if (rc != ERR_NONE)
			return rc;
	}
	if (!idl_ref_is_null(scheduled))
		return admit_more(v, scheduled, rise, why);
	return ERR_NONE;
}
