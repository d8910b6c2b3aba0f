/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_shape - virtual CPUs, shadow memory, template or not
 */

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Api */
#include "api/ask.h"
#include "api/op.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

enum err
api_vm_set_is_a_template(struct api_call *c,
    const struct idl_vm_set_is_a_template_args *a, struct failure *why)
{
	const struct idl_vm *was = c->self;
	struct idl_vm *vm;
	enum err rc = ERR_NONE;

	if (a->value && !was->is_a_template)
		rc = api_op_check(c->view, was, IDL_OP_MAKE_INTO_TEMPLATE, why);
	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &a->self, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->is_a_template = a->value;
	/* What can be started did not come with the product. */
	vm->is_default_template = vm->is_default_template && a->value;
	return ERR_NONE;
}

/* ---- virtual CPUs ---- */

enum err
api_vm_set_vcpus_max(struct api_call *c,
    const struct idl_vm_set_vcpus_max_args *a, struct failure *why)
{
	const struct idl_vm *was = c->self;
	struct idl_vm *vm;
	enum err rc =
	    api_vm_check_vcpus(was->VCPUs_at_startup, a->value, a->value, why);

	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &a->self, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->VCPUs_max = a->value;
	if (vm->power_state == IDL_VM_POWER_STATE_RUNNING)
		vm->requires_reboot = true; /* only a control domain runs */
	return ERR_NONE;
}

enum err
api_vm_set_vcpus_at_startup(struct api_call *c,
    const struct idl_vm_set_vcpus_at_startup_args *a, struct failure *why)
{
	const struct idl_vm *was = c->self;
	struct idl_vm *vm;
	enum err rc;

	if (api_op_is_dom0(c->view, was))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "This operation is not allowed on dom0");
	rc = api_vm_check_vcpus(a->value, was->VCPUs_max, a->value, why);
	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &a->self, &vm, why);
	if (rc == ERR_NONE)
		vm->VCPUs_at_startup = a->value;
	return rc;
}

enum err
api_vm_set_vcpus_number_live(struct api_call *c,
    const struct idl_vm_set_vcpus_number_live_args *a, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	const struct idl_ref host = vm->resident_on;
	enum err rc =
	    api_vm_check_vcpus(a->nvcpu, vm->VCPUs_max, a->nvcpu, why);

	if (rc == ERR_NONE)
		rc = api_vm_begin(c, &host, HV_SET_VCPUS, api_vm_ended, why);
	if (rc == ERR_NONE)
		c->command.vcpus = (uint32_t)a->nvcpu;
	return rc;
}

/* ---- shadow memory ---- */

enum err
api_vm_set_hvm_shadow_multiplier(struct api_call *c,
    const struct idl_vm_set_hvm_shadow_multiplier_args *a, struct failure *why)
{
	struct idl_vm *vm;
	enum err rc = api_vm_check_multiplier("multiplier", a->value, why);

	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &a->self, &vm, why);
	if (rc == ERR_NONE)
		vm->HVM_shadow_multiplier = a->value;
	return rc;
}

/* A live change, kept between its stages. */
struct reshadow {
	struct idl_ref host;
	double was, now; /* multipliers */
};

/* settle - the domain has its new shadow memory, or has not */
static void
settle(struct api_call *c, enum err rc)
{
	const struct reshadow *keep = c->keep;
	struct idl_vm *vm;

	if (api_vm_held(c) == NULL)
		return; /* destroyed meanwhile */
	vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
	if (vm != NULL)
		vm->HVM_shadow_multiplier =
		    rc == ERR_NONE ? keep->now : keep->was;
}

/* reshadowed - the hypervisor has answered */
static enum err
reshadowed(struct api_call *c, void *result, struct failure *why)
{
	enum err rc = api_vm_ended(c, result, why);

	settle(c, rc);
	return rc;
}

/* tell - what is needed is free: have the domain follow */
static enum err
tell(struct api_call *c, const struct idl_vm *vm, struct failure *why)
{
	const struct reshadow *keep = c->keep;
	struct idl_vm copy = *vm;

	copy.HVM_shadow_multiplier = keep->now;
	c->then = reshadowed;
	c->holds_ask = true;
	return api_vm_command(c, &copy, &keep->host, HV_SET_SHADOW, why);
}

/* asked - the loop has answered */
static enum err
asked(struct api_call *c, void *result, struct failure *why)
{
	const struct reshadow *keep = c->keep;
	const struct idl_vm *vm = api_vm_held(c);
	enum err rc;

	(void)result; /* void */
	if (api_ask_again(c, &keep->host, asked))
		return ERR_NONE;
	rc = api_ask_failure(c, why);
	if (rc == ERR_NONE && vm != NULL)
		return tell(c, vm, why);
	if (rc == ERR_NONE)
		rc = api_vm_gone(c, why);
	if (!api_op_release(c))
		return err_internal(why, "out of memory");
	c->commit_failure = true;
	settle(c, rc);
	return rc;
}

/* quantise - the multiplier that really comes of one (spec B.3) */
static enum err
quantise(const struct idl_vm *vm, double multiplier, double *m_out,
    struct failure *why)
{
	struct mem_footprint fp;
	enum err rc = mem_footprint(vm->domain_type,
	    (uint64_t)vm->memory_static_max, (uint64_t)vm->memory_dynamic_min,
	    (uint64_t)vm->VCPUs_max, multiplier, &fp, why);

	if (rc == ERR_NONE)
		*m_out = mem_multiplier_of_shadow(vm, fp.shadow_mib);
	return rc;
}

/*
 * reshadow - count the larger of the two, have the domain follow
 *
 * What it needs more is made free first, so that it takes nothing that was
 * promised to another.
 */
static enum err
reshadow(struct api_call *c, const struct idl_vm *now, struct failure *why)
{
	const struct idl_vm *was = c->self;
	struct reshadow *keep = arena_alloc(&c->arena, sizeof(*keep));
	int64_t rise = 0;
	struct idl_vm *vm;
	bool is_free;
	enum err rc;

	if (keep == NULL)
		return err_internal(why, "out of memory");
	*keep = (struct reshadow){was->resident_on, was->HVM_shadow_multiplier,
	    now->HVM_shadow_multiplier};
	c->keep = keep;
	rc = mem_overhead(now, &rise, why);
	if (rc == ERR_NONE)
		rc = api_op_hold(c, why);
	if (rc == ERR_NONE)
		rc = api_vm_edit(c, &c->op_vm, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	rise -= vm->memory_overhead;
	/* What is to be given back can be promised only when it is back. */
	if (rise <= 0)
		return tell(c, vm, why);
	vm->HVM_shadow_multiplier = keep->now;
	rc = api_ask_for(c, &keep->host, vm, rise, rise, asked, &is_free, why);
	return rc == ERR_NONE && is_free ? tell(c, vm, why) : rc;
}

enum err
api_vm_set_shadow_multiplier_live(struct api_call *c,
    const struct idl_vm_set_shadow_multiplier_live_args *a, struct failure *why)
{
	const struct idl_vm *was = c->self;
	struct idl_vm now = *was;
	enum err rc = api_vm_check_multiplier("multiplier", a->multiplier, why);

	if (rc != ERR_NONE)
		return rc;
	if (was->domain_type == IDL_DOMAIN_TYPE_PV)
		return ERR_NONE; /* pv has no shadow memory of this kind */
	rc = quantise(was, a->multiplier, &now.HVM_shadow_multiplier, why);
	if (rc == ERR_NONE)
		rc = mem_admit_rise(c->view, was, &now, why);
	return rc == ERR_NONE ? reshadow(c, &now, why) : rc;
}
