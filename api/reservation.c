/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * reservation - memory that is kept for something still to come
 *
 * A reservation is counted from the transaction that admits it; if guests have
 * to shrink first, it is there with nothing granted, and the call goes on when
 * the loop has the memory free.  So of many callers as many win as fit, however
 * long their guests take.
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/ask.h"
#include "api/op.h"
#include "api/reservation.h"
#include "api/reserve.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* Who has not been told of a reservation may have an hour to fail. */
#define GRANT_S 3600

/* What is to be reserved. */
struct want {
	const struct idl_ref *host;
	const struct idl_vm *vm; /* NULL: nobody in particular */
	const char *owner;
	int64_t amount, max; /* bytes; 0 < amount <= max */
	int64_t guest_bytes; /* that the VM certainly has */
	int64_t ttl_s;
};

/* What the next stage has to know. */
struct wait {
	struct idl_ref ref, host;
	int64_t ttl_s;
};

/* ---- checks ---- */

/* check_ttl - from a second to a day */
static enum err
check_ttl(int64_t ttl_s, struct failure *why)
{
	if (ttl_s >= 1 && ttl_s <= RESERVE_TTL_MAX_S)
		return ERR_NONE;
	return err_fail(why, ERR_INVALID_VALUE, "sd", "ttl", ttl_s);
}

/* check_range - 0 < min <= max */
static enum err
check_range(int64_t min, int64_t max, struct failure *why)
{
	if (min <= 0)
		return err_fail(why, ERR_INVALID_VALUE, "sd", "min", min);
	if (max < min)
		return err_fail(why, ERR_INVALID_VALUE, "sd", "max", max);
	return ERR_NONE;
}

/* check_owner - a name that is not too long */
static enum err
check_owner(const char *owner, struct failure *why)
{
	if (strnlen(owner, RESERVATION_OWNER_MAX + 1) <= RESERVATION_OWNER_MAX)
		return ERR_NONE;
	return err_fail(why, ERR_INVALID_VALUE, "ss", "owner", owner);
}

/* check_host - does it run, and take VMs? */
static enum err
check_host(
    const struct fld_view *v, const struct idl_host *host, struct failure *why)
{
	const struct idl_host_metrics *m =
	    fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics);

	if (m == NULL || !m->live)
		return err_fail(why, ERR_HOST_NOT_LIVE, "");
	if (!host->enabled)
		return err_fail(why, ERR_HOST_DISABLED, "r", &host->h.ref);
	return ERR_NONE;
}

/* check_limits - not too many already */
static enum err
check_limits(const struct fld_view *v, const char *owner, struct failure *why)
{
	if (mem_held_count(v, owner) >= RESERVATION_OWNED_MAX)
		return err_fail(why, ERR_TOO_MANY_RESERVATIONS, "d",
		    (int64_t)RESERVATION_OWNED_MAX);
	if (mem_held_count(v, NULL) >= RESERVATION_ALL_MAX)
		return err_fail(why, ERR_TOO_MANY_RESERVATIONS, "d",
		    (int64_t)RESERVATION_ALL_MAX);
	return ERR_NONE;
}

/* owner_of - the name given, or else the user's */
static const char *
owner_of(const struct api_call *c, const char *given)
{
	if (given[0] != '\0')
		return given;
	return c->user != NULL && c->user[0] != '\0' ? c->user : "root";
}

/* refuse_state - the failure of what is not held any more */
static enum err
refuse_state(const struct idl_ref *self, const char *state, struct failure *why)
{
	return err_fail(why, ERR_RESERVATION_NOT_HELD, "rs", self, state);
}

/* ---- making one ---- */

/* record - the reservation as it is counted from now on */
static enum err
record(struct api_call *c, const struct want *w, const struct idl_ref *ref,
    int64_t granted, struct failure *why)
{
	struct idl_ref uuid = api_new_ref(c->env);
	char *text = arena_alloc(fld_tx_arena(c->tx), IDL_UUID_TEXT);
	struct idl_memory_reservation *r =
	    fld_tx_create(c->tx, IDL_CLASS_MEMORY_RESERVATION, ref);

	if (r == NULL || text == NULL)
		return err_internal(why, "out of memory");
	idl_uuid_write(&uuid, text);
	r->uuid = text;
	r->host = *w->host;
	r->owner = w->owner;
	if (w->vm != NULL)
		r->VM = w->vm->h.ref;
	r->amount = w->amount;
	r->granted = granted;
	r->guest_bytes = w->guest_bytes;
	r->created = c->env->wall_s(c->env->ctx);
	api_reserve_until(
	    c->env, r, granted > 0 ? w->ttl_s : w->ttl_s + GRANT_S);
	return ERR_NONE;
}

/* give_up - the memory could not be made free: nothing is promised any more */
static enum err
give_up(struct api_call *c, const struct idl_memory_reservation *r, enum err rc)
{
	if (r->state == IDL_MEMORY_RESERVATION_STATE_HELD)
		fld_tx_delete(c->tx, IDL_CLASS_MEMORY_RESERVATION, &r->h.ref);
	c->commit_failure = true;
	return rc;
}

/* granted - the loop has answered */
static enum err
granted(struct api_call *c, void *result, struct failure *why)
{
	const struct wait *w = c->keep;
	const struct idl_memory_reservation *r =
	    fld_get(c->view, IDL_CLASS_MEMORY_RESERVATION, &w->ref);
	struct idl_memory_reservation *now;
	int64_t bytes = api_ask_granted(c);
	enum err rc;

	if (r == NULL)
		return refuse_state(&w->ref, "destroyed", why);
	if (api_ask_again(c, &w->host, granted))
		return ERR_NONE;
	rc = api_ask_failure(c, why);
	if (rc != ERR_NONE)
		return give_up(c, r, rc);
	memcpy(result, &w->ref, sizeof(w->ref));
	if (r->state != IDL_MEMORY_RESERVATION_STATE_HELD)
		return ERR_NONE; /* its VM did not wait for it */
	now = fld_tx_edit(c->tx, IDL_CLASS_MEMORY_RESERVATION, &w->ref);
	if (now == NULL)
		return err_internal(why, "out of memory");
	now->granted = bytes > now->amount ? bytes : now->amount;
	api_reserve_until(c->env, now, w->ttl_s);
	return ERR_NONE;
}

/* reserve - count it; grant it now if the memory is free, else wait for it */
static enum err
reserve(struct api_call *c, const struct want *want, struct idl_ref *result_out,
    struct failure *why)
{
	struct idl_ref ref = api_new_ref(c->env);
	struct wait *w;
	bool is_free;
	enum err rc;

	rc = check_limits(c->view, want->owner, why);
	if (rc == ERR_NONE)
		rc = mem_admit_bytes(c->view, want->host, want->amount, why);
	if (rc != ERR_NONE)
		return rc;
	rc = api_ask_for(c, want->host, want->vm, want->amount, want->max,
	    granted, &is_free, why);
	if (rc == ERR_NONE)
		rc = record(c, want, &ref, is_free ? want->max : 0, why);
	if (rc != ERR_NONE)
		return rc;
	if (is_free) {
		*result_out = ref;
		return ERR_NONE;
	}
	w = c->keep = arena_alloc(&c->arena, sizeof(*w));
	if (w == NULL)
		return err_internal(why, "out of memory");
	*w = (struct wait){ref, *want->host, want->ttl_s};
	return ERR_NONE;
}

enum err
api_memory_reservation_create(struct api_call *c,
    const struct idl_memory_reservation_create_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	struct want w = {.host = &a->host,
	    .owner = owner_of(c, a->owner),
	    .amount = a->min,
	    .max = a->max,
	    .ttl_s = a->ttl};
	enum err rc = check_range(a->min, a->max, why);

	if (rc == ERR_NONE)
		rc = check_ttl(a->ttl, why);
	if (rc == ERR_NONE)
		rc = check_owner(a->owner, why);
	if (rc == ERR_NONE)
		rc = check_host(c->view, c->self, why);
	return rc == ERR_NONE ? reserve(c, &w, result_out, why) : rc;
}

/* certain - guest memory that a VM will have however far it shrinks */
static int64_t
certain(const struct fld_view *v, const struct idl_vm *vm, int operation)
{
	const struct idl_vm_metrics *m =
	    fld_get(v, IDL_CLASS_VM_METRICS, &vm->metrics);

	switch (operation) {
	case IDL_MEMORY_RESERVATION_OPERATION_RESUME:
		return api_vm_floor(vm);
	case IDL_MEMORY_RESERVATION_OPERATION_MIGRATE:
		return m != NULL && m->memory_actual > 0 ? m->memory_actual : 0;
	default:
		return 0;
	}
}

/* check_operation - could the VM do that, there? */
static enum err
check_operation(struct api_call *c, const struct idl_vm *vm,
    const struct idl_memory_reservation_create_for_vm_args *a,
    int64_t guest_bytes, struct failure *why)
{
	static const int ops[] = {
	    [IDL_MEMORY_RESERVATION_OPERATION_START] = IDL_OP_START,
	    [IDL_MEMORY_RESERVATION_OPERATION_RESUME] = IDL_OP_RESUME,
	    [IDL_MEMORY_RESERVATION_OPERATION_MIGRATE] = IDL_OP_POOL_MIGRATE,
	};
	enum err rc = api_op_check(c->view, vm, ops[a->operation], why);

	if (rc != ERR_NONE)
		return rc;
	if (a->operation == IDL_MEMORY_RESERVATION_OPERATION_MIGRATE &&
	    idl_ref_equal(&vm->resident_on, &a->host))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "The VM runs on this host already");
	return api_vm_check_boot(c->view, vm, &a->host, guest_bytes, why);
}

enum err
api_memory_reservation_create_for_vm(struct api_call *c,
    const struct idl_memory_reservation_create_for_vm_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	struct want w = {.host = &a->host,
	    .vm = vm,
	    .owner = owner_of(c, ""),
	    .guest_bytes = certain(c->view, vm, a->operation),
	    .ttl_s = a->ttl};
	enum err rc = check_ttl(a->ttl, why);

	if (rc == ERR_NONE)
		rc = check_operation(c, vm, a, w.guest_bytes, why);
	if (rc == ERR_NONE)
		rc = mem_counted(vm, w.guest_bytes, &w.amount, why);
	w.max = w.amount;
	if (rc == ERR_NONE && w.guest_bytes == 0)
		rc = mem_needed(vm, MEM_POLICY_DYNAMIC_MAX, &w.max, why);
	if (w.max < w.amount)
		w.max = w.amount;
	return rc == ERR_NONE ? reserve(c, &w, result_out, why) : rc;
}

/* ---- what becomes of it ---- */

/* check_held - can something be done with it? */
static enum err
check_held(const struct idl_memory_reservation *r, struct failure *why)
{
	if (r->state == IDL_MEMORY_RESERVATION_STATE_HELD)
		return ERR_NONE;
	return refuse_state(&r->h.ref, "transferred", why);
}

/* check_receiver - has the VM a domain there, and may it have the memory? */
static enum err
check_receiver(const struct idl_memory_reservation *r, const struct idl_vm *vm,
    struct failure *why)
{
	if (!idl_ref_is_null(&r->VM) && !idl_ref_equal(&r->VM, &vm->h.ref))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "The reservation is for another VM");
	if (vm->is_control_domain)
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "This operation is not allowed on a control domain");
	if (r->granted == 0)
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "The memory is not free yet");
	if (idl_ref_equal(&r->host, &vm->resident_on) ||
	    idl_ref_equal(&r->host, &vm->scheduled_to_be_resident_on))
		return ERR_NONE;
	if (idl_ref_is_null(&vm->resident_on))
		return api_op_bad_state(vm, "running, paused", why);
	return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
	    "The VM is not on the host of the reservation");
}

enum err
api_memory_reservation_transfer(struct api_call *c,
    const struct idl_memory_reservation_transfer_args *a, struct failure *why)
{
	const struct idl_memory_reservation *r = c->self;
	const struct idl_vm *vm = fld_get(c->view, IDL_CLASS_VM, &a->vm);
	enum err rc = check_held(r, why);

	if (rc == ERR_NONE)
		rc = check_receiver(r, vm, why);
	if (rc != ERR_NONE)
		return rc;
	return mem_transfer(c->tx, r, &a->vm, why);
}

enum err
api_memory_reservation_destroy(struct api_call *c,
    const struct idl_memory_reservation_destroy_args *a, struct failure *why)
{
	enum err rc = check_held(c->self, why);

	if (rc == ERR_NONE)
		fld_tx_delete(c->tx, IDL_CLASS_MEMORY_RESERVATION, &a->self);
	return rc;
}

enum err
api_memory_reservation_reset_owner(struct api_call *c,
    const struct idl_memory_reservation_reset_owner_args *a,
    struct failure *why)
{
	const struct idl_memory_reservation *r = NULL;
	const char *owner = owner_of(c, a->owner);
	struct idl_ref at;

	(void)why; /* want of memory shows when the transaction closes */
	while ((r = fld_find(c->view, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_OWNER, &owner,
		    r != NULL ? &at : NULL)) != NULL) {
		at = r->h.ref;
		if (r->state == IDL_MEMORY_RESERVATION_STATE_HELD)
			fld_tx_delete(c->tx, IDL_CLASS_MEMORY_RESERVATION, &at);
	}
	return ERR_NONE;
}
