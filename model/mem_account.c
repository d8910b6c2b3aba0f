/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_account - the sums of each host, kept right on every change
 *
 * A host_account has the ref of its host.  A VM contributes what it needs (by
 * the policy in force) to the resident sum of the host it is on, and to the
 * scheduled sum of the host it is scheduled for; when both are one host, it is
 * counted once.  Guest memory that it certainly has counts where it is more
 * than the policy's: a resumed VM has what it was suspended with, and a
 * migrated one what it did not give back, until their balloons have answered.
 * A held reservation contributes its amount.  What is changed moves the sums by
 * the difference between what it contributed and what it contributes now, so
 * admission never counts.
 */

/* Model */
#include "model/err.h"
#include "model/mem.h"
#include "model/mem_priv.h"

static enum mem_policy policy_now = MEM_POLICY_DYNAMIC_MIN;

void
mem_set_policy(enum mem_policy policy)
{
	policy_now = policy;
}

enum mem_policy
mem_get_policy(void)
{
	return policy_now;
}

/* ---- derive ---- */

/*
 * account_edit - the account of a host, made with its host if need be
 *
 * returns NULL on failure, with the code in rc_out
 */
static struct idl_host_account *
account_edit(struct fld_tx *tx, const struct idl_ref *host, enum err *rc_out,
    struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	struct idl_host_account *account;

	if (fld_get(v, IDL_CLASS_HOST_ACCOUNT, host) != NULL) {
		account = fld_tx_edit(tx, IDL_CLASS_HOST_ACCOUNT, host);
	} else if (fld_get(v, IDL_CLASS_HOST, host) != NULL) {
		account = fld_tx_create(tx, IDL_CLASS_HOST_ACCOUNT, host);
	} else {
		*rc_out = err_fail(why, ERR_HANDLE_INVALID, "sr", "host", host);
		return NULL;
	}
	if (account == NULL) {
		*rc_out = err_internal(why, "out of memory");
		return NULL;
	}
	account->host = *host;
	return account;
}

/* add - to a sum of an account, which is one of its revisions further */
static enum err
add(struct idl_host_account *account, enum mem_sum which, int64_t by_bytes,
    struct failure *why)
{
	int64_t *sum = mem_sum_of(account, which), now;

	if (__builtin_add_overflow(*sum, by_bytes, &now) || now < 0)
		return err_internal(why,
		    "memory promised by a host is out of range: %lld%+lld",
		    (long long)*sum, (long long)by_bytes);
	*sum = now;
	account->revision++;
	return ERR_NONE;
}

/* part_equal - the same amount to the same host? */
static bool
part_equal(const struct mem_part *a, const struct mem_part *b)
{
	return idl_ref_equal(&a->host, &b->host) && a->bytes == b->bytes;
}

/* give - one part of a share, or with sign -1 take it back */
static enum err
give(struct fld_tx *tx, enum mem_sum which, const struct mem_part *p, int sign,
    struct failure *why)
{
	struct idl_host_account *account;
	enum err rc = ERR_NONE;

	if (idl_ref_is_null(&p->host))
		return ERR_NONE;
	account = account_edit(tx, &p->host, &rc, why);
	if (account == NULL)
		return rc;
	return add(account, which, sign * p->bytes, why);
}

enum err
mem_share_move(struct fld_tx *tx, const struct mem_share *from,
    const struct mem_share *to, struct failure *why)
{
	enum err rc = ERR_NONE;

	for (int i = 0; rc == ERR_NONE && i < MEM_SUMS; i++) {
		if (part_equal(&from->part[i], &to->part[i]))
			continue;
		rc = give(tx, (enum mem_sum)i, &from->part[i], -1, why);
		if (rc == ERR_NONE)
			rc = give(tx, (enum mem_sum)i, &to->part[i], 1, why);
	}
	return rc;
}

int64_t *
mem_sum_of(struct idl_host_account *account, enum mem_sum sum)
{
	switch (sum) {
	case MEM_RESIDENT:
		return &account->resident_bytes;
	case MEM_SCHEDULED:
		return &account->scheduled_bytes;
	case MEM_RESERVED:
		return &account->reserved_bytes;
	default:
		return &account->granted_bytes;
	}
}

/* ---- shares ---- */

/* at - a part of so much */
static struct mem_part
at(const struct idl_ref *host, int64_t bytes)
{
	return (struct mem_part){*host, bytes};
}

enum err
mem_share_of_vm(
    const struct idl_vm *vm, struct mem_share *share_out, struct failure *why)
{
	static const struct mem_share nothing;
	struct mem_share s = nothing;
	const struct idl_ref *on, *to;
	int64_t here = 0, there = 0;
	enum err rc = ERR_NONE;

	*share_out = nothing;
	if (vm == NULL)
		return ERR_NONE;
	on = &vm->resident_on;
	to = &vm->scheduled_to_be_resident_on;
	if (!idl_ref_is_null(on))
		rc = mem_counted(vm, vm->held_bytes, &here, why);
	if (rc == ERR_NONE && !idl_ref_is_null(to))
		rc = mem_counted(vm, vm->arriving_bytes, &there, why);
	if (rc != ERR_NONE)
		return rc;
	/* Within one host it is there already: only what is more counts. */
	if (idl_ref_equal(on, to))
		there = there > here ? there - here : 0;
	s.part[MEM_RESIDENT] = at(on, here);
	s.part[MEM_SCHEDULED] = at(to, there);
	if (vm->grant_bytes > 0)
		s.part[MEM_GRANTED] =
		    at(idl_ref_is_null(to) ? on : to, vm->grant_bytes);
	*share_out = s;
	return ERR_NONE;
}

void
mem_share_of_reservation(
    const struct idl_memory_reservation *r, struct mem_share *share_out)
{
	static const struct mem_share nothing;

	*share_out = nothing;
	if (r == NULL || r->state != IDL_MEMORY_RESERVATION_STATE_HELD)
		return;
	share_out->part[MEM_RESERVED] = at(&r->host, r->amount);
	share_out->part[MEM_GRANTED] = at(&r->host, r->granted);
}

/* ---- derive ---- */

/* derive_vm - memory_overhead of the VM, sums of its hosts */
static enum err
derive_vm(struct fld_tx *tx, const struct idl_vm *was, struct idl_vm *now,
    struct failure *why)
{
	struct mem_share before, after;
	enum err rc;

	if (now != NULL) {
		if (now->domain_type == IDL_DOMAIN_TYPE_UNSPECIFIED)
			now->domain_type = now->HVM_boot_policy[0] == '\0'
					       ? IDL_DOMAIN_TYPE_PV
					       : IDL_DOMAIN_TYPE_HVM;
		rc = mem_overhead(now, &now->memory_overhead, why);
		if (rc != ERR_NONE)
			return rc;
	}
	rc = mem_arrive(tx, was, now, why);
	if (rc == ERR_NONE)
		rc = mem_share_of_vm(was, &before, why);
	if (rc == ERR_NONE)
		rc = mem_share_of_vm(now, &after, why);
	if (rc != ERR_NONE)
		return rc;
	return mem_share_move(tx, &before, &after, why);
}

/* derive_host - the account comes and goes with its host */
static enum err
derive_host(struct fld_tx *tx, const struct idl_host *was,
    const struct idl_host *now, struct failure *why)
{
	struct idl_host_account *account;
	enum err rc = ERR_NONE;

	if (was == NULL) {
		(void)account_edit(tx, &now->h.ref, &rc, why); /* rc tells */
		return rc;
	}
	if (now != NULL)
		return ERR_NONE;
	account = account_edit(tx, &was->h.ref, &rc, why);
	if (account == NULL)
		return rc;
	for (int i = 0; i < MEM_SUMS; i++)
		if (*mem_sum_of(account, (enum mem_sum)i) != 0)
			return err_internal(
			    why, "a host with VMs or reservations cannot go");
	fld_tx_delete(tx, IDL_CLASS_HOST_ACCOUNT, &was->h.ref);
	return ERR_NONE;
}

static enum err
derive(
    struct fld_tx *tx, int cls, const void *was, void *now, struct failure *why)
{
	if (cls == IDL_CLASS_VM)
		return derive_vm(tx, was, now, why);
	if (cls == IDL_CLASS_HOST)
		return derive_host(tx, was, now, why);
	if (cls == IDL_CLASS_MEMORY_RESERVATION)
		return mem_derive_reservation(tx, was, now, why);
	return ERR_NONE;
}

/* ---- check ---- */

/* check_vm - INV-1, and amounts that stay in range under every policy */
static enum err
check_vm(const struct idl_vm *vm, struct failure *why)
{
	int64_t bytes;
	enum err rc;

	rc = mem_check_order(vm, why);
	if (rc != ERR_NONE)
		return rc;
	return mem_needed(vm, MEM_POLICY_STATIC_MAX, &bytes, why);
}

/* check_account - what no sum can be */
static enum err
check_account(const struct idl_host_account *account, struct failure *why)
{
	struct idl_host_account copy = *account;

	for (int i = 0; i < MEM_SUMS; i++)
		if (*mem_sum_of(&copy, (enum mem_sum)i) < 0)
			return err_internal(
			    why, "a sum of a host_account is negative");
	return ERR_NONE;
}

/* check_reservation - amounts that can be */
static enum err
check_reservation(const struct idl_memory_reservation *r, struct failure *why)
{
	if (r->amount < 0 || r->granted < 0 || r->guest_bytes < 0)
		return err_internal(
		    why, "an amount of a reservation is negative");
	return ERR_NONE;
}

static enum err
check(const struct fld_view *v, int cls, const void *rec, struct failure *why)
{
	(void)v; /* the rules need the record alone */
	if (cls == IDL_CLASS_VM)
		return check_vm(rec, why);
	if (cls == IDL_CLASS_HOST_ACCOUNT)
		return check_account(rec, why);
	if (cls == IDL_CLASS_MEMORY_RESERVATION)
		return check_reservation(rec, why);
	return ERR_NONE;
}

static enum err
verify(const struct fld_view *v, struct failure *why)
{
	enum err rc = mem_verify_accounts(v, why);

	return rc == ERR_NONE ? mem_verify_counts(v, why) : rc;
}

const struct fld_rules mem_rules = {
    .derive = derive,
    .check = check,
    .verify = verify,
};
