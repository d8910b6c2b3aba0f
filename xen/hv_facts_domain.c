/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_facts_domain - a domain as the hypervisor reports it
 *
 * A domain's VM is found by uuid.  A domain that nobody knows gets a record:
 * control domains always come that way.  What others made under a name that we
 * know is looked at after that (hv_facts_found.c).
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

/* So near its target a balloon has followed it. */
#define ANSWERED_KIB 1024

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

/* take_shape - the kind of domain that others made */
static void
take_shape(struct idl_vm *vm, const struct hv_domain *d)
{
	vm->domain_type = type_of(d);
	vm->HVM_boot_policy =
	    vm->domain_type == IDL_DOMAIN_TYPE_HVM ? "BIOS order" : "";
	vm->VCPUs_max = d->vcpus_max > d->vcpus ? d->vcpus_max : d->vcpus;
	if (vm->VCPUs_max == 0)
		vm->VCPUs_max = 1;
	vm->VCPUs_at_startup = vm->VCPUs_max;
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
	take_shape(vm, d);
	vm->is_control_domain = (d->flags & HV_D_CONTROL) != 0;
	if (vm->is_control_domain) {
		vm->affinity = host->h.ref;
		pin(vm, d);
	} else {
		/* Where we build, a VM can be started again. */
		vm->discovered = !(f->world & HV_W_BUILDS);
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

/*
 * follow - what a VM's record takes over from a domain that others made
 *
 * in      name  the domain's, to be kept
 */
static void
follow(struct idl_vm *vm, const struct hv_domain *d, const char *name)
{
	if (vm->is_control_domain)
		return;
	if (name[0] != '\0')
		vm->domain_name = name;
	if (vm->discovered || !hv_facts_is_live(vm))
		take_shape(vm, d);
	if (!vm->discovered)
		return; /* from then on it is the record that says */
	if (name[0] != '\0')
		vm->name_label = name;
	bound(vm, d);
}

/* offset_of - what it has above its target when it obeys, as far as known */
static int64_t
offset_of(const struct hv_domain *d)
{
	if (!(d->flags & HV_D_OFFSET))
		return 0;
	return d->offset_kib < 0 ? -hv_facts_bytes((uint64_t)-d->offset_kib)
				 : hv_facts_bytes((uint64_t)d->offset_kib);
}

/* become - what the VM's record says when this is reported */
static void
become(const struct hv_facts *f, struct idl_vm *vm, const struct idl_ref *host,
    const struct hv_domain *d, const char *name)
{
	if (!(f->world & HV_W_BUILDS))
		follow(vm, d, name);
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
	vm->memory_offset = offset_of(d);
	vm->HVM_shadow_multiplier = shadow_follows(vm, d);
	if (vm->is_control_domain && !vm->requires_reboot)
		pin(vm, d);
}

/* is_same_shape - do two versions agree in all that follow touches? */
static bool
is_same_shape(const struct idl_vm *a, const struct idl_vm *b)
{
	return strcmp(a->domain_name, b->domain_name) == 0 &&
	       strcmp(a->name_label, b->name_label) == 0 &&
	       a->domain_type == b->domain_type &&
	       a->VCPUs_max == b->VCPUs_max &&
	       a->VCPUs_at_startup == b->VCPUs_at_startup &&
	       a->memory_static_min == b->memory_static_min &&
	       a->memory_dynamic_min == b->memory_dynamic_min &&
	       a->memory_dynamic_max == b->memory_dynamic_max &&
	       a->memory_static_max == b->memory_static_max;
}

/* near - are two amounts one, as far as a balloon is concerned? */
static bool
near(int64_t a_kib, int64_t b_kib)
{
	return a_kib - b_kib <= ANSWERED_KIB && b_kib - a_kib <= ANSWERED_KIB;
}

/* has_answered - is there a balloon that is where it was told to be? */
static bool
has_answered(const struct idl_vm *vm, const struct hv_domain *d)
{
	const uint32_t alive = HV_D_BALLOON | HV_D_RUNNING;
	int64_t actual_kib = (int64_t)d->actual_kib;

	if (d->flags & HV_D_OFFSET)
		actual_kib -= d->offset_kib;
	if (vm->is_unmoved &&
	    near((int64_t)d->actual_kib, vm->held_bytes / (int64_t)KIB_BYTES))
		return false;
	return (d->flags & alive) == alive &&
	       near(actual_kib, (int64_t)d->target_kib);
}

/*
 * settle - what is still kept for a domain, or counted because it came with it
 *
 * The first report of a domain tells only that it is there.
 */
static void
settle(struct idl_vm *vm, const struct idl_vm *was,
    const struct idl_vm_metrics *had, const struct hv_domain *d)
{
	int64_t more_bytes = hv_facts_bytes(d->actual_kib);

	if (!idl_ref_equal(&vm->resident_on, &was->resident_on) ||
	    vm->domid != was->domid)
		return;
	if (had != NULL)
		more_bytes -= had->memory_actual;
	if (vm->held_bytes > 0 && has_answered(vm, d)) {
		vm->held_bytes = 0;
		vm->is_unmoved = false;
	}
	if (vm->current_operations->n > 0)
		return; /* who builds or moves it says when that is done */
	if (vm->is_shrunk &&
	    hv_facts_bytes(d->dynamic_max_kib) == vm->memory_dynamic_max)
		vm->is_shrunk = false;
	if (vm->grant_bytes > 0 && more_bytes > 0)
		vm->grant_bytes = vm->grant_bytes > more_bytes
				      ? vm->grant_bytes - more_bytes
				      : 0;
	if (d->flags & (HV_D_BALLOON | HV_D_AGENT))
		vm->grant_bytes = 0; /* it has booted */
}

/* is_same - do two versions agree in all that become and settle touch? */
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
	       a->memory_offset == b->memory_offset &&
	       a->grant_bytes == b->grant_bytes &&
	       a->held_bytes == b->held_bytes && a->is_shrunk == b->is_shrunk &&
	       !(a->HVM_shadow_multiplier < b->HVM_shadow_multiplier) &&
	       !(a->HVM_shadow_multiplier > b->HVM_shadow_multiplier) &&
	       is_same_shape(a, b);
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

/* is_measured - does a measurement say nothing new? */
static bool
is_measured(const struct idl_vm_metrics *a, const struct idl_vm_metrics *b)
{
	return a->memory_actual == b->memory_actual &&
	       a->VCPUs_number == b->VCPUs_number && a->hvm == b->hvm &&
	       a->current_domain_type == b->current_domain_type &&
	       a->nested_virt == b->nested_virt;
}

/* update_metrics - what is measured of the VM, with the time of it */
static enum err
update_metrics(struct hv_facts *f, struct fld_tx *tx, const struct idl_vm *vm,
    const struct hv_domain *d, bool booted, struct failure *why)
{
	const struct idl_vm_metrics *was =
	    fld_get(fld_tx_view(tx), IDL_CLASS_VM_METRICS, &vm->metrics);
	struct idl_vm_metrics now, *m;

	if (was == NULL)
		return ERR_NONE;
	now = *was;
	measure(&now, vm, d, booted);
	if (is_measured(was, &now))
		return ERR_NONE;
	m = fld_tx_edit(tx, IDL_CLASS_VM_METRICS, &now.h.ref);
	if (m == NULL)
		return hv_facts_oom(why);
	measure(m, vm, d, booted);
	m->last_updated = f->now_s;
	return ERR_NONE;
}

/*
 * bind - a domain that has started, or may have, has its record's range
 *
 * One without a balloon driver is told no target: when the driver is there,
 * its target is brought into the range.
 */
static enum err
bind(struct hv_facts *f, struct fld_tx *tx, const struct idl_vm *vm,
    const struct hv_domain *d, bool booted, struct failure *why)
{
	const struct hv_facts_bounds has = {
	    .min_kib = d->dynamic_min_kib,
	    .max_kib = d->dynamic_max_kib,
	    .static_max_kib =
		d->static_max_kib != 0 ? d->static_max_kib : d->maxmem_kib,
	    .target_kib = d->target_kib,
	    .has_balloon = (d->flags & HV_D_BALLOON) != 0,
	};
	bool is_off =
	    has.has_balloon && (d->target_kib < d->dynamic_min_kib ||
				   d->target_kib > d->dynamic_max_kib);

	if (!booted && !f->syncing && !is_off)
		return ERR_NONE;
	return hv_facts_bind(f, fld_tx_view(tx), vm, &has, why);
}

/* update - a domain of a VM that we know */
static enum err
update(struct hv_facts *f, struct fld_tx *tx, const struct idl_vm *was,
    const struct idl_ref *host, const struct hv_domain *d, struct failure *why)
{
	bool booted = was->power_state == IDL_VM_POWER_STATE_HALTED;
	struct idl_vm now = *was, *vm;
	const char *name;
	enum err rc;

	become(f, &now, host, d, d->name);
	settle(&now, was,
	    fld_get(fld_tx_view(tx), IDL_CLASS_VM_METRICS, &was->metrics), d);
	if (!is_same(was, &now)) {
		name =
		    arena_strndup(fld_tx_arena(tx), d->name, strlen(d->name));
		vm = fld_tx_edit(tx, IDL_CLASS_VM, &now.h.ref);
		if (vm == NULL || name == NULL)
			return hv_facts_oom(why);
		become(f, vm, host, d, name);
		vm->grant_bytes = now.grant_bytes;
		vm->held_bytes = now.held_bytes;
		vm->is_shrunk = now.is_shrunk;
		vm->is_unmoved = now.is_unmoved;
	}
	rc = update_metrics(f, tx, &now, d, booted, why);
	if (rc == ERR_NONE)
		rc = bind(f, tx, &now, d, booted, why);
	if (rc != ERR_NONE || f->syncing)
		return rc;
	/* The one that had its name may have ended since. */
	return hv_facts_adopt(
	    f, tx, fld_get(fld_tx_view(tx), IDL_CLASS_VM, &now.h.ref), why);
}

/* image - a VM whose memory is in a suspend image */
static enum err
image(struct fld_tx *tx, const struct idl_vm *was, const struct hv_domain *d,
    struct failure *why)
{
	int64_t bytes = hv_facts_bytes(d->actual_kib);

	if (was == NULL || (was->power_state == IDL_VM_POWER_STATE_SUSPENDED &&
			       was->suspended_bytes == bytes))
		return ERR_NONE;
	return hv_facts_suspend(tx, was, bytes, why);
}

/* discover - a domain that nobody knows */
static enum err
discover(struct hv_facts *f, struct fld_tx *tx, const struct idl_host *host,
    const struct hv_domain *d, struct failure *why)
{
	const struct idl_ref on = host->h.ref;
	const char *name =
	    arena_strndup(fld_tx_arena(tx), d->name, strlen(d->name));
	struct idl_vm *vm = create(f, tx, host, d);
	struct idl_vm_metrics *m;
	struct idl_host *now;

	if (vm == NULL || name == NULL)
		return hv_facts_oom(why);
	m = fld_tx_edit(tx, IDL_CLASS_VM_METRICS, &vm->metrics);
	if (m == NULL)
		return hv_facts_oom(why);
	become(f, vm, &on, d, name);
	measure(m, vm, d, true);
	m->last_updated = f->now_s;
	if (!f->syncing)
		m->start_time = f->now_s;
	if (!vm->is_control_domain)
		return f->syncing ? ERR_NONE : hv_facts_adopt(f, tx, vm, why);
	if (d->domid != 0)
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
	return update(f, tx, vm, &host->h.ref, d, why);
}
