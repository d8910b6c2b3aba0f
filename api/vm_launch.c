/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_launch - a VM starts, or goes on after a suspend
 *
 * Its memory is promised (scheduled_to_be_resident_on) in the very transaction
 * that found the room, or passes to it there from a reservation that was held
 * for it.  Then the loop makes it free, and it is kept (grant_bytes) until the
 * domain is built with as much as was granted.  The fact that the domain exists
 * turns the promise into residence; a failure takes all of it back, and what
 * dies with the daemon goes when everything that runs has been reported.
 */

/* System */
#include <string.h>
#include <strings.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Api */
#include "api/ask.h"
#include "api/op.h"
#include "api/place.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* A fact that was refused is reported anew long before. */
#define FACT_WAIT_MS 10000

/* What the stages have to know. */
struct launch {
	enum hv_verb verb; /* HV_BUILD, HV_RESTORE */
	bool paused;
	bool anywhere; /* no host was named: another will do */
	struct idl_ref host;
	struct api_place_tried tried;
};

/* ---- the end ---- */

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

bool
api_vm_awaits_fact(struct api_call *c)
{
	const struct idl_vm *vm = api_vm_held(c);

	return c->hv.status == HV_OK && vm != NULL &&
	       !idl_ref_is_null(&vm->scheduled_to_be_resident_on) &&
	       api_park(c, &c->op_vm, NULL, FACT_WAIT_MS);
}

struct idl_vm *
api_vm_came(struct api_call *c, enum err rc)
{
	struct idl_vm *vm;

	if (api_vm_held(c) == NULL)
		return NULL; /* destroyed meanwhile */
	vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
	if (vm == NULL)
		return NULL; /* out of memory: fld_tx_close says so */
	/* A success without its fact keeps the promise until HV_SYNCED. */
	if (rc != ERR_NONE)
		memset(&vm->scheduled_to_be_resident_on, 0,
		    sizeof(vm->scheduled_to_be_resident_on));
	else if (idl_ref_is_null(&vm->scheduled_to_be_resident_on))
		vm->grant_bytes = 0; /* it has all that it was built with */
	return vm;
}

/* arrived - the command that brings a VM to a host was answered */
static enum err
arrived(struct api_call *c, void *result, struct failure *why)
{
	const struct idl_vm *vm;
	enum err rc;

	if (api_vm_awaits_fact(c))
		return ERR_NONE;
	rc = api_vm_ended(c, result, why);
	vm = api_vm_held(c);
	/* Its image was thrown away while the command was on its way. */
	if (c->hv.status == HV_REFUSED && c->command.verb == HV_RESTORE &&
	    vm != NULL && vm->power_state != IDL_VM_POWER_STATE_SUSPENDED)
		rc = api_op_bad_state(vm, "suspended", why);
	vm = api_vm_came(c, rc);
	if (vm != NULL && rc == ERR_NONE && c->command.verb == HV_BUILD)
		note_start(c, &vm->metrics);
	return rc;
}

enum err
api_vm_not_coming(struct api_call *c, enum err rc, struct failure *why)
{
	if (!api_op_release(c))
		return err_internal(why, "out of memory");
	c->commit_failure = true;
	(void)api_vm_came(c, rc); /* a VM that is gone wants nothing */
	return rc;
}

/* ---- memory, then a domain ---- */

/*
 * target_of - what a domain is built with, of so much granted to it
 *
 * In whole pages, because a domain has no others: a part of one would be taken
 * from somebody else.
 */
static uint64_t
target_of(const struct idl_vm *vm, const struct launch *l, int64_t granted)
{
	int64_t bytes = granted - vm->memory_overhead;
	uint64_t kib, least;

	if (l->verb == HV_RESTORE) /* the image has what it has */
		return kib_of_bytes_used((uint64_t)vm->suspended_bytes);
	if (bytes > vm->memory_dynamic_max)
		bytes = vm->memory_dynamic_max;
	least = kib_of_bytes_free((uint64_t)vm->memory_dynamic_min);
	kib = bytes < 0 ? 0 : kib_of_bytes_free((uint64_t)bytes);
	kib -= kib % PAGE_KIB;
	return kib < least ? least : kib;
}

/* build - the memory is free: have the domain made */
static enum err
build(struct api_call *c, const struct idl_vm *vm, int64_t granted,
    struct failure *why)
{
	const struct launch *l = c->keep;
	enum err rc = api_vm_command(c, vm, &l->host, l->verb, why);

	if (rc != ERR_NONE)
		return rc;
	c->command.target_kib = target_of(vm, l, granted);
	c->command.paused = l->paused;
	c->then = arrived;
	return ERR_NONE;
}

/*
 * amount - so much is to be free for a VM
 *
 * Its least, though there may be more: until it has booted it can give nothing
 * back to those who were admitted beside it.  Then the loop gives it its part.
 */
static enum err
amount(const struct idl_vm *vm, int64_t *bytes_out, struct failure *why)
{
	int64_t floor = api_vm_floor(vm);

	return floor > 0
		   ? mem_needed_for(vm, floor, bytes_out, why)
		   : mem_needed(vm, MEM_POLICY_DYNAMIC_MIN, bytes_out, why);
}

static api_stage_f asked;

/* promise - count the VM on its host, and have its memory made free there */
static enum err
promise(struct api_call *c, struct failure *why)
{
	const struct launch *l = c->keep;
	const struct idl_memory_reservation *own;
	int64_t bytes = 0, granted = 0;
	bool at_once = false;
	struct idl_vm *vm;
	enum err rc = api_vm_edit(c, &c->op_vm, &vm, why);

	if (rc == ERR_NONE)
		rc = amount(vm, &bytes, why);
	if (rc != ERR_NONE)
		return rc;
	own = mem_own_reservation(c->view, vm, &l->host);
	if (own != NULL && own->granted >= bytes)
		granted = own->granted; /* passes to the VM by itself */
	vm->scheduled_to_be_resident_on = l->host;
	vm->arriving_bytes = api_vm_floor(vm);
	if (granted > 0)
		return build(c, vm, granted, why);
	rc = api_ask_for(c, &l->host, vm, bytes, bytes, asked, &at_once, why);
	if (rc != ERR_NONE || !at_once)
		return rc;
	vm->grant_bytes = bytes;
	return build(c, vm, bytes, why);
}

/* elsewhere - it cannot be had there: is there another host? */
static bool
elsewhere(struct api_call *c, struct failure *why)
{
	struct launch *l = c->keep;
	const struct idl_vm *vm = api_vm_held(c);

	if (!l->anywhere || c->ask.status == BAL_ASK_CANCELLED || vm == NULL ||
	    l->tried.n == API_PLACE_TRIED_MAX)
		return false;
	l->tried.host[l->tried.n++] = l->host;
	return api_place_find(c->view, vm, api_vm_floor(vm), &l->tried,
		   &l->host, why) == ERR_NONE;
}

/* asked - the loop has answered */
static enum err
asked(struct api_call *c, void *result, struct failure *why)
{
	const struct launch *l = c->keep;
	struct idl_vm *vm;
	enum err rc;

	(void)result; /* void */
	if (api_ask_again(c, &l->host, asked))
		return ERR_NONE;
	rc = api_ask_failure(c, why);
	if (rc != ERR_NONE) {
		struct failure other;

		if (elsewhere(c, &other))
			return promise(c, why);
		if (l->anywhere && rc == ERR_HOST_NOT_ENOUGH_FREE_MEMORY)
			rc = err_fail(why, ERR_NO_HOSTS_AVAILABLE, "");
		return api_vm_not_coming(c, rc, why);
	}
	rc = api_vm_edit(c, &c->op_vm, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->grant_bytes = api_ask_granted(c);
	return build(c, vm, vm->grant_bytes, why);
}

/* launch - from the call to its first stage */
static enum err
launch(struct api_call *c, const struct launch *from, struct failure *why)
{
	struct launch *l = c->keep = arena_alloc(&c->arena, sizeof(*l));
	enum err rc;

	if (l == NULL)
		return err_internal(why, "out of memory");
	*l = *from;
	rc = api_op_hold(c, why);
	return rc == ERR_NONE ? promise(c, why) : rc;
}

/* ---- messages ---- */

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

/* anywhere - on the best host */
static enum err
anywhere(
    struct api_call *c, enum hv_verb verb, bool paused, struct failure *why)
{
	struct launch l = {.verb = verb, .paused = paused, .anywhere = true};
	enum err rc = api_place_find(
	    c->view, c->self, api_vm_floor(c->self), &l.tried, &l.host, why);

	return rc == ERR_NONE ? launch(c, &l, why) : rc;
}

/* there - on the host that was named */
static enum err
there(struct api_call *c, enum hv_verb verb, const struct idl_ref *host,
    bool paused, struct failure *why)
{
	struct launch l = {.verb = verb, .paused = paused, .host = *host};
	enum err rc = api_vm_check_boot(
	    c->view, c->self, host, api_vm_floor(c->self), why);

	return rc == ERR_NONE ? launch(c, &l, why) : rc;
}

enum err
api_vm_start(
    struct api_call *c, const struct idl_vm_start_args *a, struct failure *why)
{
	enum err rc = check_start(c, a->force, why);

	if (rc != ERR_NONE)
		return rc;
	return anywhere(c, HV_BUILD, a->start_paused, why);
}

enum err
api_vm_start_on(struct api_call *c, const struct idl_vm_start_on_args *a,
    struct failure *why)
{
	enum err rc = check_start(c, a->force, why);

	if (rc != ERR_NONE)
		return rc;
	return there(c, HV_BUILD, &a->host, a->start_paused, why);
}

enum err
api_vm_resume(
    struct api_call *c, const struct idl_vm_resume_args *a, struct failure *why)
{
	enum err rc = api_vm_check_world(c, HV_RESTORE, why);

	if (rc != ERR_NONE)
		return rc;
	return anywhere(c, HV_RESTORE, a->start_paused, why);
}

enum err
api_vm_resume_on(struct api_call *c, const struct idl_vm_resume_on_args *a,
    struct failure *why)
{
	enum err rc = api_vm_check_world(c, HV_RESTORE, why);

	if (rc != ERR_NONE)
		return rc;
	return there(c, HV_RESTORE, &a->host, a->start_paused, why);
}
