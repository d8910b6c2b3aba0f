/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_account - the sums of each host, kept right on every change
 *
 * A host_account has the ref of its host.  A VM contributes what it needs (by
 * the policy in force) to the resident sum of the host it is on, and to the
 * scheduled sum of the host it is scheduled for; to both of one host when it
 * is both (spec D.4).  A changed VM moves the sums by the difference between
 * what it contributed and what it contributes now, so admission never counts.
 */

/* System */
#include <assert.h>
#include <stdlib.h>

/* Model */
#include "model/err.h"
#include "model/mem.h"

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

/* move - add to a sum of an account, one of its revisions further */
static enum err
move(struct idl_host_account *account, int64_t *sum, int64_t by_bytes,
    struct failure *why)
{
	int64_t now;

	if (__builtin_add_overflow(*sum, by_bytes, &now) || now < 0)
		return err_internal(why,
		    "memory of the VMs of a host is out of range: %lld%+lld",
		    (long long)*sum, (long long)by_bytes);
	*sum = now;
	account->revision++;
	return ERR_NONE;
}

/* What one VM record contributes. */
struct share {
	struct idl_ref resident;
	struct idl_ref scheduled;
	int64_t needed_bytes;
};

/* share_of - what a VM contributes to whom; vm may be NULL: nothing */
static enum err
share_of(const struct idl_vm *vm, struct share *share_out, struct failure *why)
{
	struct share s = {{0, 0}, {0, 0}, 0};
	enum err rc;

	if (vm != NULL) {
		s.resident = vm->resident_on;
		s.scheduled = vm->scheduled_to_be_resident_on;
	}
	if (!idl_ref_is_null(&s.resident) || !idl_ref_is_null(&s.scheduled)) {
		rc = mem_needed(vm, policy_now, &s.needed_bytes, why);
		if (rc != ERR_NONE)
			return rc;
	}
	*share_out = s;
	return ERR_NONE;
}

/* give - add a share, or with sign -1 take it away */
static enum err
give(struct fld_tx *tx, const struct share *s, int sign, struct failure *why)
{
	struct idl_host_account *account;
	int64_t by_bytes = sign * s->needed_bytes;
	enum err rc = ERR_NONE;

	if (!idl_ref_is_null(&s->resident)) {
		account = account_edit(tx, &s->resident, &rc, why);
		if (account == NULL)
			return rc;
		rc = move(account, &account->resident_bytes, by_bytes, why);
		if (rc != ERR_NONE)
			return rc;
	}
	if (!idl_ref_is_null(&s->scheduled)) {
		account = account_edit(tx, &s->scheduled, &rc, why);
		if (account == NULL)
			return rc;
		rc = move(account, &account->scheduled_bytes, by_bytes, why);
	}
	return rc;
}

/* share_equal - the same amounts to the same hosts? */
static bool
share_equal(const struct share *a, const struct share *b)
{
	return idl_ref_equal(&a->resident, &b->resident) &&
	       idl_ref_equal(&a->scheduled, &b->scheduled) &&
	       a->needed_bytes == b->needed_bytes;
}

/* derive_vm - memory_overhead of the VM, sums of its hosts */
static enum err
derive_vm(struct fld_tx *tx, const struct idl_vm *was, struct idl_vm *now,
    struct failure *why)
{
	struct share before, after;
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
	rc = share_of(was, &before, why);
	if (rc == ERR_NONE)
		rc = share_of(now, &after, why);
	if (rc != ERR_NONE)
		return rc;
	if (share_equal(&before, &after))
		return ERR_NONE;
	rc = give(tx, &before, -1, why);
	if (rc != ERR_NONE)
		return rc;
	return give(tx, &after, 1, why);
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
	if (account->resident_bytes != 0 || account->scheduled_bytes != 0)
		return err_internal(why, "a host with VMs cannot go");
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

static enum err
check(const struct fld_view *v, int cls, const void *rec, struct failure *why)
{
	const struct idl_host_account *account = rec;

	(void)v; /* the rules need the record alone */
	if (cls == IDL_CLASS_VM)
		return check_vm(rec, why);
	if (cls == IDL_CLASS_HOST_ACCOUNT &&
	    (account->resident_bytes < 0 || account->scheduled_bytes < 0 ||
		account->reserved_bytes < 0))
		return err_internal(why, "a sum of a host_account is negative");
	return ERR_NONE;
}

/* ---- recount ---- */

/* The sums of one host, counted anew. */
struct tally {
	struct idl_ref host;
	int64_t resident_bytes;
	int64_t scheduled_bytes;
};

/* tally_compare - by ref, for bsearch */
static int
tally_compare(const void *key, const void *item)
{
	const struct idl_ref *a = key;
	const struct idl_ref *b = &((const struct tally *)item)->host;

	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return 0;
}

/* tally_find - the tally of a host; NULL: not one of t[0..n) */
static struct tally *
tally_find(struct tally *t, size_t n, const struct idl_ref *host)
{
	return bsearch(host, t, n, sizeof *t, tally_compare);
}

/* tally_add - one sum; more than INT64_MAX is refused */
static enum err
tally_add(int64_t *sum, int64_t bytes, struct failure *why)
{
	if (__builtin_add_overflow(*sum, bytes, sum))
		return err_internal(
		    why, "the VMs of a host need more than 2^63-1 bytes");
	return ERR_NONE;
}

/* tally_vm - count one VM where it belongs; strict: its hosts must exist */
static enum err
tally_vm(struct tally *t, size_t n, const struct idl_vm *vm, bool strict,
    struct failure *why)
{
	struct tally *at;
	struct share s;
	enum err rc = share_of(vm, &s, why);

	if (rc == ERR_NONE && !idl_ref_is_null(&s.resident)) {
		at = tally_find(t, n, &s.resident);
		if (at != NULL)
			rc =
			    tally_add(&at->resident_bytes, s.needed_bytes, why);
		else if (strict)
			rc = err_fail(
			    why, ERR_HANDLE_INVALID, "sr", "host", &s.resident);
	}
	if (rc == ERR_NONE && !idl_ref_is_null(&s.scheduled)) {
		at = tally_find(t, n, &s.scheduled);
		if (at != NULL)
			rc = tally_add(
			    &at->scheduled_bytes, s.needed_bytes, why);
		else if (strict)
			rc = err_fail(why, ERR_HANDLE_INVALID, "sr", "host",
			    &s.scheduled);
	}
	return rc;
}

/* tally_all - one pass over every VM */
static enum err
tally_all(const struct fld_view *v, struct tally *t, size_t n, bool strict,
    struct failure *why)
{
	const struct idl_vm *vm = NULL;
	enum err rc = ERR_NONE;

	while (rc == ERR_NONE && (vm = fld_next(v, IDL_CLASS_VM,
				      vm == NULL ? NULL : &vm->h.ref)) != NULL)
		rc = tally_vm(t, n, vm, strict, why);
	return rc;
}

enum err
mem_recount(const struct fld_view *v, const struct idl_ref *host,
    int64_t *resident_bytes_out, int64_t *scheduled_bytes_out,
    struct failure *why)
{
	struct tally t = {*host, 0, 0};
	enum err rc = tally_all(v, &t, 1, false, why);

	if (rc != ERR_NONE)
		return rc;
	*resident_bytes_out = t.resident_bytes;
	*scheduled_bytes_out = t.scheduled_bytes;
	return ERR_NONE;
}

/* verify_account - does a host's account say what was counted? */
static enum err
verify_account(
    const struct fld_view *v, const struct tally *t, struct failure *why)
{
	const struct idl_host_account *account;
	char text[IDL_REF_TEXT];

	idl_ref_write(&t->host, text);
	account = fld_get(v, IDL_CLASS_HOST_ACCOUNT, &t->host);
	if (account == NULL)
		return err_internal(why, "host %s has no host_account", text);
	if (account->resident_bytes != t->resident_bytes ||
	    account->scheduled_bytes != t->scheduled_bytes)
		return err_internal(why,
		    "host_account %s says resident %lld scheduled %lld, "
		    "its VMs need %lld and %lld",
		    text, (long long)account->resident_bytes,
		    (long long)account->scheduled_bytes,
		    (long long)t->resident_bytes,
		    (long long)t->scheduled_bytes);
	return ERR_NONE;
}

static enum err
verify(const struct fld_view *v, struct failure *why)
{
	uint64_t i, n = fld_count(v, IDL_CLASS_HOST);
	const struct idl_host *host = NULL;
	struct tally *t = calloc(n == 0 ? 1 : n, sizeof *t);
	enum err rc;

	if (t == NULL)
		return err_internal(why, "out of memory");
	for (i = 0; i < n; i++) {
		host = fld_next(
		    v, IDL_CLASS_HOST, host == NULL ? NULL : &host->h.ref);
		assert(host != NULL);
		t[i].host = host->h.ref;
	}
	rc = tally_all(v, t, n, true, why);
	for (i = 0; rc == ERR_NONE && i < n; i++)
		rc = verify_account(v, &t[i], why);
	if (rc == ERR_NONE && fld_count(v, IDL_CLASS_HOST_ACCOUNT) != n)
		rc = err_internal(why, "a host_account has no host");
	free(t);
	return rc;
}

const struct fld_rules mem_rules = {
    .derive = derive,
    .check = check,
    .verify = verify,
};
