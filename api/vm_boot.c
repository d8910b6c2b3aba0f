/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_boot - could this VM run there?  The questions that reserve nothing
 */

/* System */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/op.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

int64_t
api_vm_floor(const struct idl_vm *vm)
{
	return vm->power_state == IDL_VM_POWER_STATE_SUSPENDED
		   ? vm->suspended_bytes
		   : 0;
}

/* check_shape - what is wrong with the VM wherever it runs */
static enum err
check_shape(const struct idl_vm *vm, struct failure *why)
{
	struct idl_vm copy = *vm;

	if (vm->VCPUs_max < 1)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", "VCPUs_max", vm->VCPUs_max);
	if (vm->VCPUs_at_startup < 1)
		return err_fail(why, ERR_INVALID_VALUE, "sd",
		    "VCPUs-at-startup", vm->VCPUs_at_startup);
	if (vm->VCPUs_at_startup > vm->VCPUs_max)
		return err_fail(why, ERR_VALUE_NOT_SUPPORTED, "sds",
		    "VCPUs-at-startup", vm->VCPUs_at_startup,
		    "value must be at most VCPUs_max");
	if (!mem_transform(&copy))
		return err_fail(why, ERR_MEMORY_CONSTRAINT_VIOLATION, "");
	return api_vm_check_multiplier(
	    "HVM_shadow_multiplier", vm->HVM_shadow_multiplier, why);
}

/* check_host - is the host there for this VM? */
static enum err
check_host(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_host *host, struct failure *why)
{
	const struct idl_host_metrics *m =
	    fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics);
	bool here = vm->power_state == IDL_VM_POWER_STATE_RUNNING &&
		    idl_ref_equal(&vm->resident_on, &host->h.ref);

	if (m == NULL || !m->live)
		return err_fail(why, ERR_HOST_NOT_LIVE, "");
	if (vm->is_control_domain && !idl_ref_is_null(&vm->affinity) &&
	    !idl_ref_equal(&vm->affinity, &host->h.ref))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "A control domain can only run on its own host");
	if (!host->enabled && !vm->is_control_domain && !here)
		return err_fail(why, ERR_HOST_DISABLED, "r", &host->h.ref);
	return ERR_NONE;
}

/* has_hvm - does a capability of the host contain "hvm"? */
static bool
has_hvm(const struct idl_host *host)
{
	const char *const *items = host->capabilities->items;

	for (uint32_t i = 0; i < host->capabilities->n; i++)
		if (strstr(items[i], "hvm") != NULL)
			return true;
	return false;
}

/* check_cpus - as many CPUs as the VM may have? unknown: not checked */
static enum err
check_cpus(
    const struct idl_vm *vm, const struct idl_host *host, struct failure *why)
{
	const char *text = api_vm_map_get(host->cpu_info, "cpu_count");
	const char *any = api_vm_map_get(vm->platform, "vcpu-unrestricted");
	long long count = text == NULL ? 0 : strtoll(text, NULL, 10);

	if (count <= 0 || vm->VCPUs_max <= count ||
	    (any != NULL && strcasecmp(any, "true") == 0))
		return ERR_NONE;
	return err_fail(why, ERR_HOST_NOT_ENOUGH_PCPUS, "dd", vm->VCPUs_max,
	    (int64_t)count);
}

enum err
api_vm_check_boot(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host_ref, int64_t floor_bytes, struct failure *why)
{
	const struct idl_host *host = fld_get(v, IDL_CLASS_HOST, host_ref);
	enum err rc;

	rc = check_shape(vm, why);
	if (rc != ERR_NONE)
		return rc;
	if (host == NULL)
		return err_fail(why, ERR_HOST_NOT_LIVE, "");
	rc = check_host(v, vm, host, why);
	if (rc != ERR_NONE)
		return rc;
	if (vm->domain_type != IDL_DOMAIN_TYPE_PV && !has_hvm(host))
		return err_fail(why, ERR_VM_HVM_REQUIRED, "r", &vm->h.ref);
	rc = mem_admit(v, vm, host_ref, floor_bytes, why);
	if (rc != ERR_NONE)
		return rc;
	return check_cpus(vm, host, why);
}

enum err
api_vm_assert_can_boot_here(struct api_call *c,
    const struct idl_vm_assert_can_boot_here_args *a, struct failure *why)
{
	return api_vm_check_boot(
	    c->view, c->self, &a->host, api_vm_floor(c->self), why);
}

enum err
api_vm_assert_operation_valid(struct api_call *c,
    const struct idl_vm_assert_operation_valid_args *a, struct failure *why)
{
	return api_op_check(c->view, c->self, a->op, why);
}

enum err
api_vm_update_allowed_operations(struct api_call *c,
    const struct idl_vm_update_allowed_operations_args *a, struct failure *why)
{
	(void)c;   /* allowed_operations is computed where it is shown */
	(void)a;   /* a VM, as dispatch has checked */
	(void)why; /* cannot fail */
	return ERR_NONE;
}

enum err
api_vm_get_possible_hosts(struct api_call *c,
    const struct idl_vm_get_possible_hosts_args *a,
    const struct idl_set **result_out, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	const struct idl_host *host = NULL;
	uint64_t n = fld_count(c->view, IDL_CLASS_HOST);
	struct idl_ref *items =
	    arena_alloc(&c->arena, (n + 1) * sizeof(*items));
	struct idl_set *set = arena_alloc(&c->arena, sizeof(*set));

	(void)a; /* c->self is its record */
	if (items == NULL || set == NULL)
		return err_internal(why, "reply too large");
	set->items = items;
	*result_out = set;
	if (!idl_ref_is_null(&vm->scheduled_to_be_resident_on)) {
		items[set->n++] = vm->scheduled_to_be_resident_on;
		return ERR_NONE;
	}
	while ((host = fld_next(c->view, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL)
		if (api_vm_check_boot(c->view, vm, &host->h.ref,
			api_vm_floor(vm), NULL) == ERR_NONE)
			items[set->n++] = host->h.ref;
	return ERR_NONE;
}
