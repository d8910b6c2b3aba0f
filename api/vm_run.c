/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_run - starting, stopping and moving VMs
 *
 * Each message holds its operation, sends one command after the commit and
 * lets go when the answer is there.  A VM on its way to a host is promised its
 * memory there (scheduled_to_be_resident_on) in the very transaction that
 * found the room; the fact that its domain exists turns the promise into
 * residence, and a failure takes it back.
 */

/* System */
#include <string.h>
#include <strings.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/op.h"
#include "api/place.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* A fact that was refused is reported anew long before. */
#define FACT_WAIT_MS 10000

/* ---- on the way to a host ---- */

/* note_start - when the VM was started last */
static void
note_start(struct api_call *c, const struct idl_ref *metrics)
{
	struct idl_vm_metrics *m;

	if (fld_get(c->view, IDL_CLASS_VM_METRICS, metrics) == NULL)
		return;
	m = fld_tx_edit(c->tx, IDL_CLASS_VM_METRICS, metrics);
	if (m != NULL)
		m->start_time = c->env->wall_s(c->env->ctx);
}

/*
 * awaits_fact - the domain is there, but that could not be stored
 *
 * The fact comes before the answer and turns the promise into residence.  If
 * the journal refused it, everything is reported anew; until then the
 * operation is held, or a VM that runs could be destroyed as a halted one.
 */
static bool
awaits_fact(struct api_call *c)
{
	const struct idl_vm *vm = api_vm_held(c);

	return c->hv.status == HV_OK && vm != NULL &&
	       !idl_ref_is_null(&vm->scheduled_to_be_resident_on) &&
	       api_park(c, &c->op_vm, NULL, FACT_WAIT_MS);
}

/* arrived - the command that brings a VM to a host was answered */
static enum err
arrived(struct api_call *c, void *result, struct failure *why)
{
	struct idl_vm *vm;
	enum err rc;

	if (awaits_fact(c))
		return ERR_NONE;
	rc = api_vm_ended(c, result, why);
	if (api_vm_held(c) == NULL)
		return rc; /* destroyed meanwhile */
	vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
	if (vm == NULL)
		return rc; /* out of memory: fld_tx_close says so */
	/* A success without its fact keeps the promise until HV_SYNCED. */
	if (rc != ERR_NONE)
		memset(&vm->scheduled_to_be_resident_on, 0,
		    sizeof(vm->scheduled_to_be_resident_on));
	else if (c->command.verb == HV_BUILD)
		note_start(c, &vm->metrics);
	return rc;
}

/* send_to - promise memory on a host, then have the VM brought there */
static enum err
send_to(struct api_call *c, const struct idl_ref *on, enum hv_verb verb,
    const struct idl_ref *to, struct failure *why)
{
	struct idl_vm *vm;
	enum err rc = api_vm_begin(c, on, verb, arrived, why);

	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &c->op_vm, &vm, why);
	if (rc == ERR_NONE)
		vm->scheduled_to_be_resident_on = *to;
	return rc;
}

/* check_pinned - nested virtualisation needs fixed memory (spec C.4) */
static enum err
check_pinned(const struct idl_vm *vm, struct failure *why)
{
	const char *nested = api_vm_map_get(vm->platform, "nested-virt");

	if (nested == NULL ||
	    (strcmp(nested, "1") != 0 && strcasecmp(nested, "true") != 0))
		return ERR_NONE;
	return mem_check_limits(vm, MEM_DMC_ON, MEM_NESTED, why);
}

/* check_start - what is looked at before a place is looked for */
static enum err
check_start(const struct api_call *c, bool force, struct failure *why)
{
	enum err rc = api_vm_check_world(c, HV_BUILD, why);

	return rc != ERR_NONE || force ? rc : check_pinned(c->self, why);
}

/* launch - build or restore a domain on a host that has room */
static enum err
launch(struct api_call *c, enum hv_verb verb, const struct idl_ref *host,
    bool paused, struct failure *why)
{
	enum err rc = send_to(c, host, verb, host, why);

	c->command.paused = paused;
	return rc;
}

enum err
api_vm_start(
    struct api_call *c, const struct idl_vm_start_args *a, struct failure *why)
{
	struct idl_ref host;
	enum err rc = check_start(c, a->force, why);

	if (rc == ERR_NONE)
		rc = api_place_find(c->view, c->self, 0, &host, why);
	if (rc != ERR_NONE)
		return rc;
	return launch(c, HV_BUILD, &host, a->start_paused, why);
}

enum err
api_vm_start_on(struct api_call *c, const struct idl_vm_start_on_args *a,
    struct failure *why)
{
	enum err rc = check_start(c, a->force, why);

	if (rc == ERR_NONE)
		rc = api_vm_check_boot(c->view, c->self, &a->host, 0, why);
	if (rc != ERR_NONE)
		return rc;
	return launch(c, HV_BUILD, &a->host, a->start_paused, why);
}

enum err
api_vm_resume(
    struct api_call *c, const struct idl_vm_resume_args *a, struct failure *why)
{
	struct idl_ref host;
	enum err rc = api_vm_check_world(c, HV_RESTORE, why);

	if (rc == ERR_NONE)
		rc = api_place_find(
		    c->view, c->self, api_vm_floor(c->self), &host, why);
	if (rc != ERR_NONE)
		return rc;
	return launch(c, HV_RESTORE, &host, a->start_paused, why);
}

enum err
api_vm_resume_on(struct api_call *c, const struct idl_vm_resume_on_args *a,
    struct failure *why)
{
	enum err rc = api_vm_check_world(c, HV_RESTORE, why);

	if (rc == ERR_NONE)
		rc = api_vm_check_boot(
		    c->view, c->self, &a->host, api_vm_floor(c->self), why);

	if (rc != ERR_NONE)
		return rc;
	return launch(c, HV_RESTORE, &a->host, a->start_paused, why);
}

enum err
api_vm_pool_migrate(struct api_call *c,
    const struct idl_vm_pool_migrate_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	const struct idl_ref from = vm->resident_on;
	const struct idl_vm_metrics *m =
	    fld_get(c->view, IDL_CLASS_VM_METRICS, &vm->metrics);
	enum err rc = api_vm_check_world(c, HV_MIGRATE, why);

	if (rc != ERR_NONE)
		return rc;
	if (idl_ref_equal(&from, &a->host))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "The VM runs on this host already");
	rc = api_vm_check_boot(
	    c->view, vm, &a->host, m != NULL ? m->memory_actual : 0, why);
	if (rc == ERR_NONE)
		rc = send_to(c, &from, HV_MIGRATE, &a->host, why);
	if (rc == ERR_NONE)
		rc = api_vm_command_dest(c, &a->host, why);
	return rc;
}

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
