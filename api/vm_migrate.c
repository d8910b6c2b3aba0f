/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_migrate - a running VM moves to another host
 *
 * There it is promised what it needs when it is as small as it may be; then it
 * is made so small where it is, for a while at most.  What it fails to give is
 * needed on its new host as well, and the promise follows.  Its memory is made
 * free there before it is sent.  At the end its domain gets the VM's range
 * again, wherever it is.
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Api */
#include "api/ask.h"
#include "api/op.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* So long it may take to shrink (spec D.10); then it moves as it is. */
#define SHRINK_WAIT_MS 120000
/* ... and for so long while nobody tells it to. */
#define TELL_WAIT_MS 2000

/* So near its dynamic_min it is small enough. */
#define NEAR_BYTES ((int64_t)MIB_BYTES)

/* What the stages have to know. */
struct trip {
	struct idl_ref from, to;
	int64_t shrunk_ms; /* it is waited for until then */
	bool is_told;	   /* its target is where it is to shrink to */
	enum err rc;	   /* how it went, while the range is restored */
	struct failure why;
};

/* ---- the end ---- */

/* back_in_range - the domain has its VM's range again, or is gone */
static enum err
back_in_range(struct api_call *c, void *result, struct failure *why)
{
	struct trip *t = c->keep;
	struct idl_vm *vm;

	(void)result; /* void */
	if (!api_op_release(c))
		return err_internal(why, "out of memory");
	c->commit_failure = true;
	if (api_vm_held(c) != NULL && c->hv.status != HV_LOST) {
		vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
		if (vm != NULL)
			vm->is_shrunk = false;
	}
	if (t->rc != ERR_NONE)
		err_copy(why, &t->why);
	return t->rc;
}

/* finish - it has come, or it stays: let its domain have its range again */
static enum err
finish(struct api_call *c, enum err rc, struct failure *why)
{
	struct trip *t = c->keep;
	const struct idl_vm *vm = api_vm_came(c, rc);
	const struct idl_ref *on = rc == ERR_NONE ? &t->to : &t->from;

	t->rc = rc;
	if (rc != ERR_NONE)
		err_copy(&t->why, why);
	c->then = back_in_range;
	c->hv.status = HV_OK;
	if (vm == NULL || !vm->is_shrunk || idl_ref_is_null(&vm->resident_on))
		return ERR_NONE;
	rc = api_vm_command(c, vm, on, HV_SET_RANGE, why);
	c->command.target_kib = 0; /* what is free may be somebody's */
	return rc;
}

/* moved - the hypervisor has answered */
static enum err
moved(struct api_call *c, void *result, struct failure *why)
{
	(void)result; /* void */
	if (api_vm_awaits_fact(c))
		return ERR_NONE;
	return finish(c, api_vm_hv_failure(c, why), why);
}

/* ---- off it goes ---- */

/* send - the memory is free on its new host */
static enum err
send(struct api_call *c, const struct idl_vm *vm, struct failure *why)
{
	const struct trip *t = c->keep;
	enum err rc = api_vm_command(c, vm, &t->from, HV_MIGRATE, why);

	if (rc == ERR_NONE)
		rc = api_vm_command_dest(c, &t->to, why);
	c->then = moved;
	return rc;
}

/* asked - the loop has answered */
static enum err
asked(struct api_call *c, void *result, struct failure *why)
{
	const struct trip *t = c->keep;
	struct idl_vm *vm;
	enum err rc;

	(void)result; /* void */
	if (api_ask_again(c, &t->to, asked))
		return ERR_NONE;
	rc = api_ask_failure(c, why);
	if (rc != ERR_NONE)
		return finish(c, rc, why);
	rc = api_vm_edit(c, &c->op_vm, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->grant_bytes = api_ask_granted(c);
	return send(c, vm, why);
}

/* promise - what it really holds is needed on its new host */
static enum err
promise(struct api_call *c, int64_t actual, struct failure *why)
{
	const struct trip *t = c->keep;
	const struct idl_vm *was = api_vm_held(c);
	int64_t needed = 0, floor, was_min;
	bool at_once = false;
	struct idl_vm *vm;
	enum err rc;

	if (was == NULL)
		return finish(c, api_vm_gone(c, why), why);
	if (was->power_state != IDL_VM_POWER_STATE_RUNNING)
		return finish(c, api_op_bad_state(was, "running", why), why);
	was_min = was->memory_dynamic_min;
	floor = actual > was_min ? actual : 0;
	rc = mem_admit(c->view, was, &t->to, floor, why);
	if (rc == ERR_NONE)
		rc = mem_counted(was, floor, &needed, why);
	if (rc != ERR_NONE)
		return finish(c, rc, why);
	rc = api_vm_edit(c, &c->op_vm, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->arriving_bytes = floor;
	vm->is_unmoved = floor > was_min + NEAR_BYTES;
	if (vm->grant_bytes >= needed)
		return send(c, vm, why); /* a reservation had it */
	rc = api_ask_for(c, &t->to, vm, needed, needed, asked, &at_once, why);
	if (rc != ERR_NONE || !at_once)
		return rc;
	vm->grant_bytes = needed;
	return send(c, vm, why);
}

/* is_larger - could it be smaller, and will it perhaps? */
static bool
is_larger(const struct api_call *c, const struct idl_vm *vm,
    const struct idl_vm_metrics *m)
{
	return m != NULL && c->hv.status == HV_OK && !vm->uncooperative &&
	       vm->power_state == IDL_VM_POWER_STATE_RUNNING &&
	       m->memory_actual > vm->memory_dynamic_min + NEAR_BYTES;
}

/*
 * wait_more - false: for long enough
 *
 * One without a balloon driver has its target where it is.  So may another, for
 * the moment that the loop takes to hear of its new range.
 */
static bool
wait_more(struct api_call *c, const struct idl_vm *vm)
{
	struct trip *t = c->keep;
	int64_t now_ms = c->env->now_ms(c->env->ctx), wait_ms;
	bool is_told = vm->memory_target <= vm->memory_dynamic_min + NEAR_BYTES;

	if (t->shrunk_ms == 0)
		t->shrunk_ms = now_ms + SHRINK_WAIT_MS;
	wait_ms = t->shrunk_ms - now_ms;
	if (!is_told && wait_ms > TELL_WAIT_MS)
		wait_ms = TELL_WAIT_MS;
	if (is_told != t->is_told)
		c->deadline_ms = 0; /* another wait */
	t->is_told = is_told;
	return wait_ms > 0 && api_park(c, &c->op_vm, &vm->metrics, wait_ms);
}

/* shrunk - it has been told: wait until it has, but not for ever */
static enum err
shrunk(struct api_call *c, void *result, struct failure *why)
{
	const struct idl_vm *vm = api_vm_held(c);
	const struct idl_vm_metrics *m =
	    vm == NULL ? NULL
		       : fld_get(c->view, IDL_CLASS_VM_METRICS, &vm->metrics);

	(void)result; /* void */
	if (is_larger(c, vm, m) && wait_more(c, vm))
		return ERR_NONE;
	return promise(c, m == NULL ? 0 : m->memory_actual, why);
}

/* shrink - have the domain made as small as its VM may be */
static enum err
shrink(struct api_call *c, struct idl_vm *vm, struct failure *why)
{
	const struct trip *t = c->keep;
	enum err rc = api_vm_command(c, vm, &t->from, HV_SET_RANGE, why);

	if (rc != ERR_NONE)
		return rc;
	c->command.dynamic_max_kib = c->command.dynamic_min_kib;
	c->command.target_kib = 0; /* where it is, or down to that; never up */
	vm->is_shrunk = true;
	c->then = shrunk;
	return ERR_NONE;
}

/* depart - hold the VM, and promise it the least it can need */
static enum err
depart(struct api_call *c, const struct idl_ref *to, struct failure *why)
{
	const struct idl_vm *was = c->self;
	const struct idl_ref from = was->resident_on;
	struct trip *t = c->keep = arena_alloc(&c->arena, sizeof(*t));
	struct idl_vm *vm;
	enum err rc;

	if (t == NULL)
		return err_internal(why, "out of memory");
	memset(t, 0, sizeof(*t));
	t->from = from;
	t->to = *to;
	rc = api_op_hold(c, why);
	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &c->op_vm, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->scheduled_to_be_resident_on = *to;
	if (vm->memory_dynamic_min < vm->memory_dynamic_max)
		return shrink(c, vm, why);
	c->hv.status = HV_OK;
	c->then = shrunk;
	return ERR_NONE;
}

enum err
api_vm_pool_migrate(struct api_call *c,
    const struct idl_vm_pool_migrate_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	enum err rc = api_vm_check_world(c, HV_MIGRATE, why);

	if (rc != ERR_NONE)
		return rc;
	if (idl_ref_equal(&vm->resident_on, &a->host))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "The VM runs on this host already");
	rc = api_vm_check_boot(c->view, vm, &a->host, 0, why);
	return rc == ERR_NONE ? depart(c, &a->host, why) : rc;
}
