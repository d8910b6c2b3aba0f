/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_facts_domain - a domain as the hypervisor reports it
 *
 * A domain's VM is found by uuid.  A domain that nobody knows gets a record:
 * control domains always come that way.
 */

/* System */
#include <string.h>
#include <strings.h>

/* Model */
#include "model/arena.h"
#include "model/mem.h"
#include "model/units.h"

/* Xen */
#include "xen/hv_facts_priv.h"

/* ---- records for domains that nobody knows ---- */

/* type_of - the domain_type a domain reports; unreadable: hvm, the costliest */
static int32_t
type_of(const struct hv_domain *d)
{
	int type = idl_enum_index(idl_type_enum_domain_type.en, d->domain_type,
	    strnlen(d->domain_type, sizeof(d->domain_type)));

	return type < 0 || type == IDL_DOMAIN_TYPE_UNSPECIFIED
		   ? IDL_DOMAIN_TYPE_HVM
		   : (int32_t)type;
}

/* pin - all bounds at what a control domain has; static_min may be lower */
static void
pin(struct idl_vm *vm, const struct hv_domain *d)
{
	int64_t bytes = hv_facts_bytes(d->actual_kib);

	if (vm->memory_static_min == 0 || vm->memory_static_min > bytes)
		vm->memory_static_min = bytes;
	vm->memory_dynamic_min = bytes;
	vm->memory_dynamic_max = bytes;
	vm->memory_static_max = bytes;
}

/*
 * bound - the range that a found domain is run with, put in order
 *
 * Nobody has said how little the guest can work with: static_min is 0, or its
 * range could never be lowered.
 */
static void
bound(struct idl_vm *vm, const struct hv_domain *d)
{
	uint64_t max = d->static_max_kib, lo = d->dynamic_min_kib;
	uint64_t hi = d->dynamic_max_kib;

	if (max == 0)
		max = d->maxmem_kib;
	lo = lo < max ? lo : max;
	hi = hi < lo ? lo : hi < max ? hi : max;
	vm->memory_static_min = 0;
	vm->memory_dynamic_min = hv_facts_bytes(lo);
	vm->memory_dynamic_max = hv_facts_bytes(hi);
	vm->memory_static_max = hv_facts_bytes(max);
}

/* name_of - how people will see it; NULL: arena full */
static const char *
name_of(struct arena *a, const struct idl_host *host, const struct hv_domain *d)
{
	if (d->flags & HV_D_CONTROL)
		return arena_printf(
		    a, "Control domain on host: %s", host->name_label);
	return arena_strndup(a, d->name, strlen(d->name));
}

/* create - records of a domain that was never seen; NULL: out of memory */
static struct idl_vm *
create(struct hv_facts *f, struct fld_tx *tx, const struct idl_host *host,
    const struct hv_domain *d)
{
	struct idl_ref ref = f->new_ref(f->ctx), mref = f->new_ref(f->ctx);
	struct idl_ref muuid = f->new_ref(f->ctx);
	struct hv_uuid uuid = {muuid.hi, muuid.lo};
	struct idl_vm *vm = fld_tx_create(tx, IDL_CLASS_VM, &ref);
	struct idl_vm_metrics *m =
	    fld_tx_create(tx, IDL_CLASS_VM_METRICS, &mref);

	if (vm == NULL || m == NULL)
		return NULL;
	m->uuid = hv_facts_uuid(tx, &uuid);
	vm->uuid = hv_facts_uuid(tx, &d->uuid);
	vm->name_label = name_of(fld_tx_arena(tx), host, d);
	if (m->uuid == NULL || vm->uuid == NULL || vm->name_label == NULL)
		return NULL;
	vm->metrics = mref;
	vm->domain_type = type_of(d);
	vm->HVM_boot_policy =
	    vm->domain_type == IDL_DOMAIN_TYPE_HVM ? "BIOS order" : "";
	vm->VCPUs_max = d->vcpus_max > d->vcpus ? d->vcpus_max : d->vcpus;
	if (vm->VCPUs_max == 0)
		vm->VCPUs_max = 1;
	vm->VCPUs_at_startup = vm->VCPUs_max;
	vm->is_control_domain = (d->flags & HV_D_CONTROL) != 0;
	if (vm->is_control_domain) {
		vm->affinity = host->h.ref;
		pin(vm, d);
	} else {
		bound(vm, d);
	}
	return vm;
}

/* ---- what changes while it runs ---- */

/* shadow_follows - the multiplier that the domain's shadow memory means */
static double
shadow_follows(const struct idl_vm *vm, const struct hv_domain *d)
{
	struct mem_footprint fp;
	const int32_t *ops = vm->current_operations->values;

	if (vm->is_control_domain || vm->domain_type == IDL_DOMAIN_TYPE_PV ||
	    d->shadow_kib == 0)
		return vm->HVM_shadow_multiplier;
	for (uint32_t i = 0; i < vm->current_operations->n; i++)
		if (ops[i] == IDL_OP_CHANGING_SHADOW_MEMORY_LIVE)
			return vm->HVM_shadow_multiplier; /* on its way */
	if (mem_footprint(vm->domain_type, (uint64_t)vm->memory_static_max, 0,
		(uint64_t)vm->VCPUs_max, vm->HVM_shadow_multiplier, &fp,
		NULL) != ERR_NONE ||
	    fp.shadow_mib == mib_of_kib_used(d->shadow_kib))
		return vm->HVM_shadow_multiplier;
	return mem_multiplier_of_shadow(vm, mib_of_kib_used(d->shadow_kib));
}

/* become - what the VM's record says when this is reported */
static void
become(struct idl_vm *vm, const struct idl_ref *host, const struct hv_domain *d)
{
	vm->power_state = d->flags & HV_D_RUNNING ? IDL_VM_POWER_STATE_RUNNING
						  : IDL_VM_POWER_STATE_PAUSED;
	vm->resident_on = *host;
	if (idl_ref_equal(&vm->scheduled_to_be_resident_on, host))
		memset(&vm->scheduled_to_be_resident_on, 0,
		    sizeof(vm->scheduled_to_be_resident_on));
	vm->domid = d->domid;
	vm->memory_target = hv_facts_bytes(d->target_kib);
	vm->suspended_bytes = 0;
	vm->uncooperative = (d->flags & HV_D_UNCOOPERATIVE) != 0;
	vm->HVM_shadow_multiplier = shadow_follows(vm, d);
	if (vm->is_control_domain && !vm->requires_reboot)
		pin(vm, d);
}

/* is_same - do two versions agree in all that become touches? */
static bool
is_same(const struct idl_vm *a, const struct idl_vm *b)
{
	return a->power_state == b->power_state &&
	       idl_ref_equal(&a->resident_on, &b->resident_on) &&
	       idl_ref_equal(&a->scheduled_to_be_resident_on,
		   &b->scheduled_to_be_resident_on) &&
	       a->domid == b->domid && a->memory_target == b->memory_target &&
	       a->suspended_bytes == b->suspended_bytes &&
	       a->uncooperative == b->uncooperative &&
	       !(a->HVM_shadow_multiplier < b->HVM_shadow_multiplier) &&
	       !(a->HVM_shadow_multiplier > b->HVM_shadow_multiplier) &&
	       a->memory_static_min == b->memory_static_min &&
	       a->memory_static_max == b->memory_static_max;
}

/* wants_nested - is nested virtualisation asked for on the platform? */
static bool
wants_nested(const struct idl_vm *vm)
{
	const char *const *keys = vm->platform->keys;
	const char *const *values = vm->platform->values;

	for (uint32_t i = 0; i < vm->platform->n; i++)
		if (strcmp(keys[i], "nested-virt") == 0)
			return strcmp(values[i], "1") == 0 ||
			       strcasecmp(values[i], "true") == 0;
	return false;
}

/* measure - what the domain has now; booted: it was not there before */
static void
measure(struct idl_vm_metrics *m, const struct idl_vm *vm,
    const struct hv_domain *d, bool booted)
{
	m->memory_actual = hv_facts_bytes(d->actual_kib);
	m->VCPUs_number = d->vcpus;
	m->hvm = vm->domain_type == IDL_DOMAIN_TYPE_HVM;
	m->current_domain_type = vm->domain_type;
	if (booted)
		m->nested_virt = wants_nested(vm);
}

/* update - a domain of a VM that we know */
static enum err
update(struct fld_tx *tx, const struct idl_vm *was, const struct idl_ref *host,
    const struct hv_domain *d, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	bool booted = was->power_state == IDL_VM_POWER_STATE_HALTED;
	struct idl_vm now = *was, *vm;
	struct idl_vm_metrics *m;

	become(&now, host, d);
	if (!is_same(was, &now)) {
		vm = fld_tx_edit(tx, IDL_CLASS_VM, &now.h.ref);
		if (vm == NULL)
			return hv_facts_oom(why);
		become(vm, host, d);
	}
	if (fld_get(v, IDL_CLASS_VM_METRICS, &now.metrics) == NULL)
		return ERR_NONE;
	m = fld_tx_edit(tx, IDL_CLASS_VM_METRICS, &now.metrics);
	if (m == NULL)
		return hv_facts_oom(why);
	measure(m, &now, d, booted);
	return ERR_NONE;
}

/* image - a VM whose memory is in a suspend image */
static enum err
image(struct fld_tx *tx, const struct idl_vm *was, const struct hv_domain *d,
    struct failure *why)
{
	int64_t bytes = hv_facts_bytes(d->actual_kib);
	struct idl_ref ref;
	struct idl_vm *vm;
	enum err rc;

	if (was == NULL || (was->power_state == IDL_VM_POWER_STATE_SUSPENDED &&
			       was->suspended_bytes == bytes))
		return ERR_NONE;
	ref = was->h.ref;
	if (was->power_state != IDL_VM_POWER_STATE_SUSPENDED) {
		rc = hv_facts_halt(tx, &ref, why);
		if (rc != ERR_NONE)
			return rc;
	}
	vm = fld_tx_edit(tx, IDL_CLASS_VM, &ref);
	if (vm == NULL)
		return hv_facts_oom(why);
	vm->power_state = IDL_VM_POWER_STATE_SUSPENDED;
	vm->suspended_bytes = bytes;
	return ERR_NONE;
}

/* discover - a domain that nobody knows */
static enum err
discover(struct hv_facts *f, struct fld_tx *tx, const struct idl_host *host,
    const struct hv_domain *d, struct failure *why)
{
	const struct idl_ref on = host->h.ref;
	struct idl_vm *vm = create(f, tx, host, d);
	struct idl_vm_metrics *m;
	struct idl_host *now;

	if (vm == NULL)
		return hv_facts_oom(why);
	m = fld_tx_edit(tx, IDL_CLASS_VM_METRICS, &vm->metrics);
	if (m == NULL)
		return hv_facts_oom(why);
	become(vm, &on, d);
	measure(m, vm, d, true);
	if (!vm->is_control_domain || d->domid != 0)
		return ERR_NONE;
	now = fld_tx_edit(tx, IDL_CLASS_HOST, &on);
	if (now == NULL)
		return hv_facts_oom(why);
	now->control_domain = vm->h.ref;
	return ERR_NONE;
}

enum err
hv_facts_domain(struct hv_facts *f, struct fld_tx *tx,
    const struct hv_domain *d, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_vm *vm =
	    hv_facts_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &d->uuid);
	const struct idl_host *host;

	if (d->flags & HV_D_SUSPENDED)
		return image(tx, vm, d, why);
	host = hv_facts_find(v, IDL_CLASS_HOST, IDL_HOST_F_UUID, &d->host);
	if (host == NULL)
		return err_internal(
		    why, "domain %d is on an unknown host", (int)d->domid);
	if (vm == NULL)
		return discover(f, tx, host, d, why);
	return update(tx, vm, &host->h.ref, d, why);
}
