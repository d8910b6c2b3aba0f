/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_facts_found - VMs whose domains others make, and what is theirs again
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/units.h"

/* Xen */
#include "xen/hv_facts_priv.h"

/* ---- the record of an earlier domain ---- */

/* Whose name it is. */
struct claim {
	const struct idl_vm *vm;
	unsigned n;
	bool is_taken; /* one of them cannot be the one that is found */
};

/* consider - a VM of the name */
static void
consider(struct claim *c, const struct idl_vm *found, const struct idl_vm *vm)
{
	if (idl_ref_equal(&vm->h.ref, &found->h.ref) || vm->is_a_template ||
	    vm->is_a_snapshot || vm->is_control_domain)
		return;
	if (vm->power_state == IDL_VM_POWER_STATE_HALTED &&
	    vm->current_operations->n == 0 && !vm->discovered)
		c->vm = vm;
	else
		c->is_taken = true;
	c->n++;
}

/*
 * claimant - the only VM of a found one's name, and halted; NULL: none
 *
 * By the name that its last domain had; by its own, if it never had one.
 */
static const struct idl_vm *
claimant(const struct fld_view *v, const struct idl_vm *found)
{
	const char *name = found->domain_name;
	struct claim c = {NULL, 0, false};
	const struct idl_vm *vm = NULL;

	if (name[0] == '\0')
		return NULL;
	while ((vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_DOMAIN_NAME, &name,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		consider(&c, found, vm);
	while ((vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_NAME_LABEL, &name,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		if (vm->domain_name[0] == '\0')
			consider(&c, found, vm);
	return c.n == 1 && !c.is_taken ? c.vm : NULL;
}

/* move_metrics - what is measured of the one is measured of the other */
static enum err
move_metrics(struct fld_tx *tx, const struct idl_ref *to_ref,
    const struct idl_ref *from_ref, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_vm_metrics *from =
	    fld_get(v, IDL_CLASS_VM_METRICS, from_ref);
	struct idl_vm_metrics *to;

	if (from == NULL || fld_get(v, IDL_CLASS_VM_METRICS, to_ref) == NULL)
		return ERR_NONE;
	to = fld_tx_edit(tx, IDL_CLASS_VM_METRICS, to_ref);
	if (to == NULL)
		return hv_facts_oom(why);
	to->memory_actual = from->memory_actual;
	to->VCPUs_number = from->VCPUs_number;
	to->hvm = from->hvm;
	to->nested_virt = from->nested_virt;
	to->current_domain_type = from->current_domain_type;
	to->start_time = from->start_time;
	to->last_updated = from->last_updated;
	return ERR_NONE;
}

/* move_domain - the domain of the one is the other's; the one is no more */
static void
move_domain(struct idl_vm *to, const struct idl_vm *from)
{
	to->uuid = from->uuid;
	to->domain_name = from->domain_name;
	to->domain_type = from->domain_type;
	to->HVM_boot_policy = from->HVM_boot_policy;
	to->HVM_shadow_multiplier = from->HVM_shadow_multiplier;
	to->VCPUs_max = from->VCPUs_max;
	to->VCPUs_at_startup = from->VCPUs_at_startup;
	to->power_state = from->power_state;
	to->resident_on = from->resident_on;
	to->domid = from->domid;
	to->memory_target = from->memory_target;
	to->uncooperative = from->uncooperative;
	memset(&to->scheduled_to_be_resident_on, 0,
	    sizeof(to->scheduled_to_be_resident_on));
}

enum err
hv_facts_adopt(struct hv_facts *f, struct fld_tx *tx,
    const struct idl_vm *found, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_vm *old;
	const struct hv_facts_bounds has = {
	    .min_kib = kib_of_bytes_free((uint64_t)found->memory_dynamic_min),
	    .max_kib = kib_of_bytes_free((uint64_t)found->memory_dynamic_max),
	    .static_max_kib =
		kib_of_bytes_free((uint64_t)found->memory_static_max),
	    .target_kib = kib_of_bytes_free((uint64_t)found->memory_target),
	};
	struct idl_vm *vm;
	enum err rc;

	if (!found->discovered || !hv_facts_is_live(found) ||
	    (f->world & HV_W_BUILDS) || found->is_control_domain ||
	    found->current_operations->n > 0)
		return ERR_NONE;
	old = claimant(v, found);
	if (old == NULL)
		return ERR_NONE;
	rc = move_metrics(tx, &old->metrics, &found->metrics, why);
	if (rc != ERR_NONE)
		return rc;
	/* It was changed by nobody: nothing is lost with it. */
	hv_facts_forget(tx, found);
	vm = fld_tx_edit(tx, IDL_CLASS_VM, &old->h.ref);
	if (vm == NULL)
		return hv_facts_oom(why);
	move_domain(vm, found);
	return hv_facts_bind(f, v, vm, &has, why);
}

/* ---- limits that bind at the start ---- */

/* range_room - for one more; NULL: out of memory */
static struct hv_facts_range *
range_room(struct hv_facts *f)
{
	struct hv_facts_range *ranges;
	size_t room;

	if (f->nranges == f->ranges_room) {
		room = f->ranges_room == 0 ? 4 : f->ranges_room * 2;
		ranges = realloc(f->ranges, room * sizeof(*ranges));
		if (ranges == NULL)
			return NULL;
		f->ranges = ranges;
		f->ranges_room = room;
	}
	return memset(&f->ranges[f->nranges++], 0, sizeof(*ranges));
}

/* cut - bytes of a record in KiB, but no more than a domain can have */
static uint64_t
cut(int64_t bytes, uint64_t most_kib)
{
	/* Down to the KiB, as a command about the record would say it. */
	uint64_t kib = kib_of_bytes_free((uint64_t)bytes);

	return kib < most_kib ? kib : most_kib;
}

/* target - where it is to be in its VM's range; 0: it is left to another */
static uint64_t
target(const struct hv_facts *f, const struct hv_facts_range *want,
    uint64_t has_kib)
{
	if (f->target == HV_FACTS_LEAVES)
		return 0;
	if (has_kib < want->min_kib)
		return want->min_kib;
	return has_kib > want->max_kib ? want->max_kib : has_kib;
}

/* is_bound - has the domain the range, and a target in it if it obeys? */
static bool
is_bound(const struct hv_facts_range *want, const struct hv_facts_bounds *has)
{
	bool is_well = want->target_kib == 0
			   ? has->target_kib <= want->max_kib
			   : has->target_kib == want->target_kib;

	return want->min_kib == has->min_kib && want->max_kib == has->max_kib &&
	       (!has->has_balloon || is_well);
}

/* uuid_of - of a record, as the protocol has it; false: it is none */
static bool
uuid_of(const char *text, struct hv_uuid *uuid_out)
{
	struct idl_ref uuid;

	if (!idl_uuid_parse(text, strlen(text), &uuid))
		return false;
	*uuid_out = (struct hv_uuid){uuid.hi, uuid.lo};
	return true;
}

/*
 * is_ours - are we to see to the range of this VM's domain?
 *
 * Who builds domains gives them their range; but one that was to shrink for a
 * migration, and whose daemon died then, has it from nobody else.
 */
static bool
is_ours(const struct hv_facts *f, const struct idl_vm *vm)
{
	if (f->world & HV_W_OBSERVES)
		return false;
	return !(f->world & HV_W_BUILDS) ||
	       (vm->is_shrunk && vm->current_operations->n == 0);
}

enum err
hv_facts_bind(struct hv_facts *f, const struct fld_view *v,
    const struct idl_vm *vm, const struct hv_facts_bounds *from,
    struct failure *why)
{
	const struct idl_host *host =
	    fld_get(v, IDL_CLASS_HOST, &vm->resident_on);
	struct hv_facts_range *r;
	struct hv_facts_range want = {
	    .domid = (int32_t)vm->domid,
	    .min_kib = cut(vm->memory_dynamic_min, from->static_max_kib),
	    .max_kib = cut(vm->memory_dynamic_max, from->static_max_kib),
	    .static_max_kib = from->static_max_kib,
	};

	want.target_kib = target(f, &want, from->target_kib);
	if (!is_ours(f, vm) || vm->is_control_domain || vm->discovered ||
	    want.max_kib == 0 || is_bound(&want, from))
		return ERR_NONE;
	if (host == NULL || !uuid_of(host->uuid, &want.host) ||
	    !uuid_of(vm->uuid, &want.uuid))
		return err_internal(why, "a VM's host or uuid is none");
	r = range_room(f);
	if (r == NULL)
		return hv_facts_oom(why);
	*r = want;
	return ERR_NONE;
}
