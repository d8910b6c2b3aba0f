/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_limits - the messages that change or watch a VM's memory range
 *
 * One shape: read, propose a copy, check it, store it; a running domain is
 * told after the commit.  When the hypervisor then refuses, the change stands
 * (design 3): the record is what was asked for, the facts are what is.
 */

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Api */
#include "api/ask.h"
#include "api/bal.h"
#include "api/op.h"
#include "api/task.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* wait_memory_target_live: this near is there (spec B.3) */
#define TARGET_NEAR_BYTES ((int64_t)MIB_BYTES)

/* ... and so much more done is worth telling */
#define PROGRESS_STEP 0.01

/* How far a wait has come; c->keep of wait_memory_target_live. */
struct wait {
	int64_t from_bytes; /* away from the target, when it began */
	double progress;    /* told last */
};

/* store_limits - the four bounds and the target of a proposal, checked */
static enum err
store_limits(struct api_call *c, const struct idl_vm *now, struct failure *why)
{
	struct idl_vm *vm;
	enum err rc;

	rc =
	    mem_check_limits(now, MEM_DMC_ON, mem_is_nested(c->view, now), why);
	if (rc != ERR_NONE)
		return rc;
	rc = api_vm_edit(c, &now->h.ref, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->memory_static_min = now->memory_static_min;
	vm->memory_dynamic_min = now->memory_dynamic_min;
	vm->memory_dynamic_max = now->memory_dynamic_max;
	vm->memory_static_max = now->memory_static_max;
	vm->memory_target = now->memory_target;
	return ERR_NONE;
}

/* store_static - new static bounds, which bind a running VM at its next boot */
static enum err
store_static(struct api_call *c, const struct idl_vm *now, struct failure *why)
{
	struct idl_vm *vm;
	enum err rc = store_limits(c, now, why);

	if (rc != ERR_NONE)
		return rc;
	rc = api_vm_edit(c, &now->h.ref, &vm, why);
	if (rc == ERR_NONE && vm->is_control_domain &&
	    vm->power_state == IDL_VM_POWER_STATE_RUNNING)
		vm->requires_reboot = true;
	return rc;
}

/* propose - a copy of the call's VM to be altered */
static struct idl_vm
propose(const struct api_call *c)
{
	return *(const struct idl_vm *)c->self;
}

/* set_limits - all four bounds */
static enum err
set_limits(struct api_call *c, struct idl_vm *now, int64_t static_min,
    int64_t static_max, int64_t dynamic_min, int64_t dynamic_max,
    struct failure *why)
{
	now->memory_static_min = static_min;
	now->memory_static_max = static_max;
	now->memory_dynamic_min = dynamic_min;
	now->memory_dynamic_max = dynamic_max;
	now->memory_target = dynamic_min;
	return store_static(c, now, why);
}

enum err
api_vm_set_memory_limits(struct api_call *c,
    const struct idl_vm_set_memory_limits_args *a, struct failure *why)
{
	struct idl_vm now = propose(c);

	return set_limits(c, &now, a->static_min, a->static_max, a->dynamic_min,
	    a->dynamic_max, why);
}

enum err
api_vm_set_memory(struct api_call *c, const struct idl_vm_set_memory_args *a,
    struct failure *why)
{
	struct idl_vm now = propose(c);

	return set_limits(
	    c, &now, now.memory_static_min, a->value, a->value, a->value, why);
}

enum err
api_vm_set_memory_static_range(struct api_call *c,
    const struct idl_vm_set_memory_static_range_args *a, struct failure *why)
{
	struct idl_vm now = propose(c);

	now.memory_static_min = a->min;
	now.memory_static_max = a->max;
	return store_static(c, &now, why);
}

enum err
api_vm_set_memory_static_min(struct api_call *c,
    const struct idl_vm_set_memory_static_min_args *a, struct failure *why)
{
	struct idl_vm now = propose(c);

	now.memory_static_min = a->value;
	return store_static(c, &now, why);
}

enum err
api_vm_set_memory_static_max(struct api_call *c,
    const struct idl_vm_set_memory_static_max_args *a, struct failure *why)
{
	struct idl_vm now = propose(c);

	now.memory_static_max = a->value;
	return store_static(c, &now, why);
}

/* ---- the dynamic range ---- */

/* balanced - the guests have followed, or ours does not; the change stands */
static enum err
balanced(struct api_call *c, void *result, struct failure *why)
{
	(void)result; /* void */
	return c->ask.status == BAL_ASK_CANCELLED ? api_bal_cancelled(c, why)
						  : ERR_NONE;
}

/* pushed - the hypervisor has answered; whatever it said, the change stands */
static enum err
pushed(struct api_call *c, void *result, struct failure *why)
{
	(void)result; /* void */
	(void)why;    /* cannot fail */
	if (c->hv.status != HV_OK)
		return ERR_NONE; /* nothing moves because of us */
	c->ask =
	    (struct bal_ask){.host = c->command.host, .vm = c->command.uuid};
	c->has_ask = true;
	c->then = balanced;
	return ERR_NONE;
}

/* A range that waits for its memory. */
struct range {
	struct idl_ref vm;
	int64_t min, max;
};

static api_stage_f ranged;

/*
 * lacks - what a VM has less than it is to have at least, bytes; <= 0: none
 *
 * One that is on its way down has only what it is going down to: the rest may
 * be somebody else's before it turns round.
 */
static int64_t
lacks(const struct fld_view *v, const struct idl_vm *was, int64_t min)
{
	const struct idl_vm_metrics *m =
	    fld_get(v, IDL_CLASS_VM_METRICS, &was->metrics);
	int64_t bytes = m == NULL ? 0 : m->memory_actual;

	if (__builtin_sub_overflow(bytes, was->memory_offset, &bytes))
		return 0;
	if (bytes > was->memory_target)
		bytes = was->memory_target;
	return __builtin_sub_overflow(min, bytes, &bytes) ? 0 : bytes;
}

/*
 * has_room - is what the guest is about to take free, and nobody's?
 *
 * Where the loop moves memory it sees to that.  Else the guest is told its new
 * target here, and takes what it finds: that may be kept for another.
 *
 * out     is_there_out  false: the loop is asked, ranged comes next
 */
static enum err
has_room(struct api_call *c, const struct idl_vm *now, bool *is_there_out,
    struct failure *why)
{
	int64_t bytes = lacks(c->view, c->self, now->memory_dynamic_min);
	struct range *r = c->keep;

	*is_there_out = true;
	if (c->env->balance == BAL_LOOP_SHARES || bytes <= 0)
		return ERR_NONE;
	/* It may have given something back while this waited. */
	if (c->stage == ranged && bytes <= api_ask_granted(c))
		return ERR_NONE;
	if (r == NULL)
		r = c->keep = arena_alloc(&c->arena, sizeof(*r));
	if (r == NULL)
		return err_internal(why, "out of memory");
	*r = (struct range){
	    now->h.ref, now->memory_dynamic_min, now->memory_dynamic_max};
	return api_ask_for(
	    c, &now->resident_on, now, bytes, bytes, ranged, is_there_out, why);
}

/* set_range - store a dynamic range; a running domain is told */
static enum err
set_range(struct api_call *c, int64_t min, int64_t max, struct failure *why)
{
	const struct idl_vm *was = c->self;
	struct idl_vm now = *was;
	bool is_there;
	enum err rc;

	now.memory_dynamic_min = min;
	now.memory_dynamic_max = max;
	now.memory_target = min;
	rc = mem_check_limits(
	    &now, MEM_DMC_ON, mem_is_nested(c->view, &now), why);
	if (rc != ERR_NONE)
		return rc;
	if (now.power_state != IDL_VM_POWER_STATE_RUNNING)
		return store_limits(c, &now, why);
	rc = mem_admit_rise(c->view, was, &now, why);
	if (rc != ERR_NONE)
		return rc;
	if (now.is_control_domain)
		return store_limits(c, &now, why);
	rc = has_room(c, &now, &is_there, why);
	if (rc != ERR_NONE || !is_there)
		return rc;
	rc = store_limits(c, &now, why);
	if (rc != ERR_NONE)
		return rc;
	c->holds_ask = true;
	c->then = pushed;
	rc = api_vm_command(c, &now, &now.resident_on, HV_SET_RANGE, why);
	if (c->env->balance == BAL_LOOP_SHARES)
		c->command.target_kib = 0; /* the loop knows better */
	return rc;
}

/* ranged - the loop has answered: begin again, with the VM as it is now */
static enum err
ranged(struct api_call *c, void *result, struct failure *why)
{
	const struct range *r = c->keep;
	enum err rc = api_ask_failure(c, why);

	(void)result; /* void */
	if (rc != ERR_NONE)
		return rc;
	c->self = fld_get(c->view, IDL_CLASS_VM, &r->vm);
	if (c->self == NULL)
		return err_fail(why, ERR_HANDLE_INVALID, "sr", "VM", &r->vm);
	rc = api_op_check(c->view, c->self, IDL_OP_CHANGING_DYNAMIC_RANGE, why);
	return rc == ERR_NONE ? set_range(c, r->min, r->max, why) : rc;
}

enum err
api_vm_set_memory_dynamic_range(struct api_call *c,
    const struct idl_vm_set_memory_dynamic_range_args *a, struct failure *why)
{
	return set_range(c, a->min, a->max, why);
}

enum err
api_vm_set_memory_dynamic_min(struct api_call *c,
    const struct idl_vm_set_memory_dynamic_min_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;

	return set_range(c, a->value, vm->memory_dynamic_max, why);
}

enum err
api_vm_set_memory_dynamic_max(struct api_call *c,
    const struct idl_vm_set_memory_dynamic_max_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;

	return set_range(c, vm->memory_dynamic_min, a->value, why);
}

enum err
api_vm_set_memory_target_live(struct api_call *c,
    const struct idl_vm_set_memory_target_live_args *a, struct failure *why)
{
	enum err rc =
	    api_op_check(c->view, c->self, IDL_OP_CHANGING_DYNAMIC_RANGE, why);

	if (rc != ERR_NONE)
		return rc;
	return set_range(c, a->target, a->target, why);
}

/* ---- what the guest does about it ---- */

/* away - how far the guest is from its target; amounts are below 2^63 - 1 */
static int64_t
away(const struct idl_vm *vm, const struct idl_vm_metrics *m)
{
	int64_t bytes = m->memory_actual - vm->memory_target;

	if (__builtin_sub_overflow(bytes, vm->memory_offset, &bytes) ||
	    bytes == INT64_MIN)
		return INT64_MAX;
	return bytes < 0 ? -bytes : bytes;
}

/* report - how far the wait has come, as a part of where it began */
static void
report(
    struct api_call *c, const struct idl_vm *vm, const struct idl_vm_metrics *m)
{
	int64_t left = away(vm, m);
	struct wait *w = c->keep;
	double progress;

	if (w == NULL) {
		w = c->keep = arena_alloc(&c->arena, sizeof(*w));
		if (w != NULL)
			w->from_bytes = left;
		return;
	}
	progress = 1.0 - (double)left / (double)w->from_bytes;
	if (left >= w->from_bytes || progress - w->progress < PROGRESS_STEP)
		return;
	w->progress = progress;
	api_task_progress(c, progress);
}

enum err
api_vm_wait_memory_target_live(struct api_call *c,
    const struct idl_vm_wait_memory_target_live_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	const struct idl_vm_metrics *m =
	    fld_get(c->view, IDL_CLASS_VM_METRICS, &vm->metrics);

	(void)a; /* c->self is its record */
	if (vm->power_state != IDL_VM_POWER_STATE_RUNNING) {
		enum err rc =
		    api_op_check(c->view, vm, IDL_OP_AWAITING_MEMORY_LIVE, why);

		/* Other operations do not stop a wait; a state does. */
		if (rc != ERR_NONE)
			return rc;
	}
	/* memory_actual is kept by the facts: nothing to store. */
	if (m != NULL && away(vm, m) <= TARGET_NEAR_BYTES)
		return ERR_NONE;
	if (m != NULL)
		report(c, vm, m);
	if (api_park(c, &vm->h.ref, &vm->metrics, c->env->target_wait_ms))
		return ERR_NONE;
	return err_fail(why, ERR_VM_MEMORY_TARGET_WAIT_TIMEOUT, "r", &c->task);
}

enum err
api_vm_get_cooperative(struct api_call *c,
    const struct idl_vm_get_cooperative_args *a, bool *result_out,
    struct failure *why)
{
	const struct idl_vm *vm = c->self;

	(void)a;   /* c->self is its record */
	(void)why; /* cannot fail */
	*result_out = !vm->uncooperative;
	return ERR_NONE;
}

/* ---- sums ---- */

enum err
api_vm_compute_memory_overhead(struct api_call *c,
    const struct idl_vm_compute_memory_overhead_args *a, int64_t *result_out,
    struct failure *why)
{
	(void)a; /* c->self is its record */
	return mem_overhead(c->self, result_out, why);
}

enum err
api_vm_maximise_memory(struct api_call *c,
    const struct idl_vm_maximise_memory_args *a, int64_t *result_out,
    struct failure *why)
{
	return mem_maximise(c->self, a->total, a->approximate, result_out, why);
}
