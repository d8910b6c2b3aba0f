/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_create - VM records come, are copied and go
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/vm_priv.h"
#include "api_handlers.h"

/* uuid_text - a fresh uuid in the arena; NULL: arena full */
static const char *
uuid_text(struct api_env *env, struct arena *a)
{
	struct idl_ref uuid = api_new_ref(env);
	char *text = arena_alloc(a, IDL_UUID_TEXT);

	if (text != NULL)
		idl_uuid_write(&uuid, text);
	return text;
}

/* check_new - what VM.create refuses (design 8.5) */
static enum err
check_new(const struct idl_vm *vm, struct failure *why)
{
	enum err rc = mem_check_limits(vm, MEM_DMC_ON, MEM_NOT_NESTED, why);

	if (rc != ERR_NONE)
		return rc;
	/* The one that is out of its own range is named. */
	rc = api_vm_check_vcpus(1, vm->VCPUs_max, vm->VCPUs_max, why);
	if (rc == ERR_NONE)
		rc = api_vm_check_vcpus(vm->VCPUs_at_startup, vm->VCPUs_max,
		    vm->VCPUs_at_startup, why);
	if (rc != ERR_NONE)
		return rc;
	return api_vm_check_multiplier(
	    "HVM_shadow_multiplier", vm->HVM_shadow_multiplier, why);
}

/* make_metrics - the metrics record of a new VM */
static enum err
make_metrics(struct api_env *env, struct fld_tx *tx, struct idl_vm *vm,
    const struct idl_vm_metrics *like, struct failure *why)
{
	struct idl_vm_metrics *m;
	struct idl_hdr h;

	vm->metrics = api_new_ref(env);
	m = fld_tx_create(tx, IDL_CLASS_VM_METRICS, &vm->metrics);
	if (m == NULL)
		return err_internal(why, "out of memory");
	h = m->h;
	if (like != NULL)
		*m = *like;
	m->h = h;
	m->uuid = uuid_text(env, fld_tx_arena(tx));
	if (m->uuid == NULL)
		return err_internal(why, "out of memory");
	m->VCPUs_number = vm->VCPUs_at_startup;
	m->install_time = env->wall_s(env->ctx);
	return ERR_NONE;
}

/* complete - what a proposal leaves open */
static enum err
complete(struct api_env *env, struct fld_tx *tx, struct idl_vm *vm,
    struct failure *why)
{
	struct arena *a = fld_tx_arena(tx);

	if (vm->uuid[0] == '\0')
		vm->uuid = uuid_text(env, a);
	if (api_vm_map_get(vm->other_config, "mac_seed") == NULL) {
		const char *seed = uuid_text(env, a);

		vm->other_config =
		    seed == NULL
			? NULL
			: api_vm_map_put(vm->other_config, "mac_seed", seed, a);
	}
	if (vm->uuid == NULL || vm->other_config == NULL)
		return err_internal(why, "out of memory");
	if (vm->domain_type == IDL_DOMAIN_TYPE_UNSPECIFIED)
		vm->domain_type = vm->HVM_boot_policy[0] == '\0'
				      ? IDL_DOMAIN_TYPE_PV
				      : IDL_DOMAIN_TYPE_HVM;
	/* A ref to nothing becomes null, as the reference's cleaner does. */
	if (fld_get(fld_tx_view(tx), IDL_CLASS_HOST, &vm->affinity) == NULL)
		memset(&vm->affinity, 0, sizeof(vm->affinity));
	return ERR_NONE;
}

enum err
api_vm_make(struct api_env *env, struct fld_tx *tx, const struct idl_vm *from,
    const struct idl_vm_metrics *like, struct idl_ref *ref_out,
    struct failure *why)
{
	struct idl_ref ref = api_new_ref(env);
	struct idl_vm *vm;
	struct idl_hdr h;
	enum err rc = check_new(from, why);

	if (rc != ERR_NONE)
		return rc;
	vm = fld_tx_create(tx, IDL_CLASS_VM, &ref);
	if (vm == NULL)
		return err_internal(why, "out of memory");
	h = vm->h;
	*vm = *from;
	vm->h = h;
	rc = complete(env, tx, vm, why);
	if (rc == ERR_NONE)
		rc = make_metrics(env, tx, vm, like, why);
	if (rc == ERR_NONE)
		*ref_out = ref;
	return rc;
}

/* take_create - the fields that a constructor record may set */
static void
take_create(struct idl_vm *to, const struct idl_vm *from)
{
	const struct idl_class *k = idl_classes[IDL_CLASS_VM];

	idl_record_init(k, to);
	for (int i = 0; i < k->nfields; i++) {
		const struct idl_field *f = &k->fields[i];

		if (f->flags & (IDL_F_CREATE | IDL_F_REQUIRED))
			memcpy((char *)to + f->offset,
			    (const char *)from + f->offset,
			    idl_native_bytes(f->type));
	}
}

/* settle_state - Suspended with all that belongs to it, else Halted */
static enum err
settle_state(struct api_env *env, struct idl_vm *vm, struct failure *why)
{
	struct idl_ref ref;

	if (vm->power_state != IDL_VM_POWER_STATE_SUSPENDED) {
		vm->power_state = IDL_VM_POWER_STATE_HALTED;
		return ERR_NONE;
	}
	if (vm->last_boot_CPU_flags->n > 0 &&
	    vm->last_booted_record[0] != '\0' &&
	    !idl_ref_is_null(&vm->suspend_VDI))
		return ERR_NONE;
	ref = api_new_ref(env);
	return err_fail(
	    why, ERR_VM_BAD_POWER_STATE, "rss", &ref, "halted", "suspended");
}

enum err
api_vm_create(struct api_call *c, const struct idl_vm_create_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	struct idl_vm vm;
	enum err rc;

	take_create(&vm, a->args);
	rc = settle_state(c->env, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	return api_vm_make(c->env, c->tx, &vm, NULL, result_out, why);
}

/* forgot - the image is gone, or will be forgotten with its world */
static enum err
forgot(struct api_call *c, void *result, struct failure *why)
{
	(void)c;      /* the VM is gone whatever the answer is */
	(void)result; /* void */
	(void)why;    /* cannot fail */
	return ERR_NONE;
}

enum err
api_vm_destroy(struct api_call *c, const struct idl_vm_destroy_args *a,
    struct failure *why)
{
	const struct idl_vm *vm = c->self;
	enum err rc;

	if (vm->is_default_template)
		return err_fail(why, ERR_VM_CANNOT_DELETE_DEFAULT_TEMPLATE, "");
	if (vm->power_state == IDL_VM_POWER_STATE_SUSPENDED) {
		rc = api_vm_command(c, vm, &vm->resident_on, HV_FORGET, why);
		if (rc != ERR_NONE)
			return rc;
		c->then = forgot;
	}
	fld_tx_delete(c->tx, IDL_CLASS_VM_METRICS, &vm->metrics);
	fld_tx_delete(c->tx, IDL_CLASS_VM_GUEST_METRICS, &vm->guest_metrics);
	fld_tx_delete(c->tx, IDL_CLASS_VM, &a->self);
	return ERR_NONE;
}

/* clear_life - a copy is halted, on no host, and nobody's operation */
static void
clear_life(struct idl_vm *vm)
{
	static const struct idl_ref none;

	vm->uuid = "";
	vm->power_state = IDL_VM_POWER_STATE_HALTED;
	vm->current_operations = &idl_map_none;
	vm->resident_on = none;
	vm->scheduled_to_be_resident_on = none;
	vm->guest_metrics = none;
	vm->suspend_VDI = none;
	vm->domid = -1;
	vm->suspended_bytes = 0;
	vm->uncooperative = false;
	vm->memory_offset = 0;
	vm->requires_reboot = false;
	vm->domain_name = "";
	vm->discovered = false;
	vm->is_default_template = false;
	vm->ha_always_run = false;
	vm->ha_restart_priority = "";
	if (vm->is_a_snapshot)
		vm->is_a_template = false;
	vm->is_a_snapshot = false;
}

enum err
api_vm_clone(struct api_call *c, const struct idl_vm_clone_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	const struct idl_vm *from = c->self;
	const struct idl_vm_metrics *like =
	    fld_get(c->view, IDL_CLASS_VM_METRICS, &from->metrics);
	const char *seed = uuid_text(c->env, &c->arena);
	struct idl_vm vm = *from;

	clear_life(&vm);
	vm.name_label = a->new_name;
	if (seed != NULL)
		vm.other_config = api_vm_map_put(
		    vm.other_config, "mac_seed", seed, &c->arena);
	if (seed == NULL || vm.other_config == NULL)
		return err_internal(why, "out of memory");
	return api_vm_make(c->env, c->tx, &vm, like, result_out, why);
}
