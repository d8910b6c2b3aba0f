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
#include "model/mem_priv.h"
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

/*
 * own_of - what a VM has been promised on a host already, coming there
 *
 * out     bytes_out  scheduled, or held by reservations for it
 */
static enum err
own_of(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host, int64_t *bytes_out, struct failure *why)
{
	const struct idl_memory_reservation *r = NULL;
	struct mem_share share;
	int64_t bytes = 0;
	enum err rc;

	rc = mem_share_of_vm(vm, &share, why);
	if (rc != ERR_NONE)
		return rc;
	if (idl_ref_equal(&share.part[MEM_SCHEDULED].host, host))
		bytes = share.part[MEM_SCHEDULED].bytes;
	while ((r = fld_find(v, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_VM, &vm->h.ref,
		    r == NULL ? NULL : &r->h.ref)) != NULL) {
		mem_share_of_reservation(r, &share);
		if (idl_ref_equal(&share.part[MEM_RESERVED].host, host))
			bytes += share.part[MEM_RESERVED].bytes; /* no overflow:
				part of what mem_free has added up */
	}
	*bytes_out = bytes;
	return ERR_NONE;
}

enum err
mem_free(const struct fld_view *v, const struct idl_ref *host_ref,
    const struct idl_vm *ignore, int64_t *bytes_out, struct failure *why)
{
	const struct idl_host *host = fld_get(v, IDL_CLASS_HOST, host_ref);
	const struct idl_host_account *account =
	    fld_get(v, IDL_CLASS_HOST_ACCOUNT, host_ref);
	int64_t bytes, promised, own = 0;
	enum err rc;

	if (host == NULL || account == NULL)
		return err_fail(
		    why, ERR_HANDLE_INVALID, "sr", "host", host_ref);
	if (ignore != NULL) {
		rc = own_of(v, ignore, host_ref, &own, why);
		if (rc != ERR_NONE)
			return rc;
	}
	if (__builtin_add_overflow(
		account->scheduled_bytes, account->reserved_bytes, &promised))
		promised = INT64_MAX;
	bytes =
	    ceiling(host, fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics));
	bytes = less(bytes, account->resident_bytes);
	*bytes_out = less(bytes, less(promised, own));
	return ERR_NONE;
}

enum err
mem_counted(const struct idl_vm *vm, int64_t floor_bytes, int64_t *bytes_out,
    struct failure *why)
{
	int64_t needed = 0, at_least = 0;
	enum err rc = mem_needed(vm, mem_get_policy(), &needed, why);

	if (rc == ERR_NONE && floor_bytes > 0)
		rc = mem_needed_for(vm, floor_bytes, &at_least, why);
	if (rc != ERR_NONE)
		return rc;
	*bytes_out = at_least > needed ? at_least : needed;
	return ERR_NONE;
}

/* admit_bytes - has a host so much for a VM, or NULL, that comes there? */
static enum err
admit_bytes(const struct fld_view *v, const struct idl_ref *host,
    const struct idl_vm *vm, int64_t needed, struct failure *why)
{
	int64_t available = 0;
	enum err rc = mem_free(v, host, vm, &available, why);

	if (rc != ERR_NONE)
		return rc;
	if (available < needed)
		return err_fail(why, ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "dd",
		    needed, available);
	return ERR_NONE;
}

enum err
mem_admit(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host, int64_t floor_bytes, struct failure *why)
{
	int64_t needed = 0;
	enum err rc = mem_counted(vm, floor_bytes, &needed, why);

	return rc == ERR_NONE ? admit_bytes(v, host, vm, needed, why) : rc;
}

enum err
mem_admit_bytes(const struct fld_view *v, const struct idl_ref *host,
    int64_t needed_bytes, struct failure *why)
{
	return admit_bytes(v, host, NULL, needed_bytes, why);
}

enum err
mem_admit_rise(const struct fld_view *v, const struct idl_vm *was,
    const struct idl_vm *now, struct failure *why)
{
	const struct idl_ref *resident = &was->resident_on;
	const struct idl_ref *scheduled = &was->scheduled_to_be_resident_on;
	struct mem_share before, after;
	int64_t here, there;
	enum err rc;

	rc = mem_share_of_vm(was, &before, why);
	if (rc == ERR_NONE)
		rc = mem_share_of_vm(now, &after, why);
	if (rc != ERR_NONE)
		return rc;
	/* Each 0..2^63-1. */
	here = after.part[MEM_RESIDENT].bytes - before.part[MEM_RESIDENT].bytes;
	there =
	    after.part[MEM_SCHEDULED].bytes - before.part[MEM_SCHEDULED].bytes;
	if (idl_ref_equal(resident, scheduled)) {
		here += there;
		there = 0;
	}
	if (here > 0)
		rc = admit_bytes(v, resident, NULL, here, why);
	if (rc == ERR_NONE && there > 0)
		rc = admit_bytes(v, scheduled, NULL, there, why);
	return rc;
}
