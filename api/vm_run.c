/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_run - pausing, suspending and stopping VMs
 *
 * Each message holds its operation, sends one command after the commit and
 * lets go when the answer is there.  How a VM comes to a host: vm_launch.c,
 * vm_migrate.c.
 */

/* Api */
#include "api/op.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* ---- where it is ---- */

/* begin_here - a command to the VM's domain on its host */
static enum err
begin_here(struct api_call *c, enum hv_verb verb, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	const struct idl_ref host = vm->resident_on;

	return api_vm_begin(c, &host, verb, api_vm_ended, why);
}

enum err
api_vm_pause(
    struct api_call *c, const struct idl_vm_pause_args *a, struct failure *why)
{
	(void)a; /* c->self is its record */
	return begin_here(c, HV_PAUSE, why);
}

enum err
api_vm_unpause(struct api_call *c, const struct idl_vm_unpause_args *a,
    struct failure *why)
{
	(void)a; /* c->self is its record */
	return begin_here(c, HV_UNPAUSE, why);
}

enum err
api_vm_clean_reboot(struct api_call *c,
    const struct idl_vm_clean_reboot_args *a, struct failure *why)
{
	(void)a; /* c->self is its record */
	return begin_here(c, HV_CLEAN_REBOOT, why);
}

enum err
api_vm_hard_reboot(struct api_call *c, const struct idl_vm_hard_reboot_args *a,
    struct failure *why)
{
	(void)a; /* c->self is its record */
	return begin_here(c, HV_HARD_REBOOT, why);
}

enum err
api_vm_suspend(struct api_call *c, const struct idl_vm_suspend_args *a,
    struct failure *why)
{
	(void)a; /* c->self is its record */
	return begin_here(c, HV_SUSPEND, why);
}

/* ---- the end ---- */

static enum err destroyed(
    struct api_call *c, void *result, struct failure *why);

/* shut - the VM was told to end; if it has ended, nothing else matters */
static enum err
shut(struct api_call *c, void *result, struct failure *why)
{
	const struct idl_vm *vm = api_vm_held(c);

	if (vm == NULL || vm->power_state == IDL_VM_POWER_STATE_HALTED)
		c->hv.status = HV_OK;
	return api_vm_ended(c, result, why);
}

/* forgotten - the image of a suspended VM is gone, and with it its state */
static enum err
forgotten(struct api_call *c, void *result, struct failure *why)
{
	const struct idl_vm *held = api_vm_held(c);
	struct idl_vm *vm;

	if (c->hv.status == HV_NO_DOMAIN)
		c->hv.status = HV_OK; /* it was gone already */
	if (c->hv.status == HV_OK && held != NULL &&
	    held->power_state == IDL_VM_POWER_STATE_SUSPENDED) {
		vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
		if (vm == NULL)
			return err_internal(why, "out of memory");
		vm->power_state = IDL_VM_POWER_STATE_HALTED;
		vm->suspended_bytes = 0;
	}
	return api_vm_ended(c, result, why);
}

enum err
api_vm_clean_shutdown(struct api_call *c,
    const struct idl_vm_clean_shutdown_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	const struct idl_ref host = vm->resident_on;

	(void)a; /* c->self is its record */
	return api_vm_begin(c, &host, HV_SHUTDOWN, shut, why);
}

/* end_now - whatever the VM is, its end */
static enum err
end_now(struct api_call *c, const struct idl_vm *vm, struct failure *why)
{
	const struct idl_ref host = vm->resident_on;
	bool is_image = vm->power_state == IDL_VM_POWER_STATE_SUSPENDED;

	c->then = is_image ? forgotten : destroyed;
	return api_vm_command(
	    c, vm, &host, is_image ? HV_FORGET : HV_DESTROY, why);
}

/*
 * destroyed - a domain was to end at once
 *
 * What was under way before may have been quicker: after a reboot, a suspend or
 * a migration the VM is there still, as another domain.  That one is ended.
 */
static enum err
destroyed(struct api_call *c, void *result, struct failure *why)
{
	const struct hv_command was = c->command;
	const struct hv_command *now = &c->command;
	const struct idl_vm *vm = api_vm_held(c);

	if (c->hv.status == HV_NO_DOMAIN && vm != NULL &&
	    vm->power_state != IDL_VM_POWER_STATE_HALTED &&
	    end_now(c, vm, why) == ERR_NONE &&
	    (now->verb != was.verb || now->domid != was.domid ||
		now->host.hi != was.host.hi || now->host.lo != was.host.lo))
		return ERR_NONE;
	c->then = NULL;
	c->has_command = false;
	return shut(c, result, why);
}

enum err
api_vm_hard_shutdown(struct api_call *c,
    const struct idl_vm_hard_shutdown_args *a, struct failure *why)
{
	enum err rc = end_now(c, c->self, why);

	(void)a; /* c->self is its record */
	return rc == ERR_NONE ? api_op_hold(c, why) : rc;
}
