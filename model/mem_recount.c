/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_recount - the sums of hosts counted anew, to judge the kept ones by
 */

/* System */
#include <assert.h>
#include <stdlib.h>

/* Model */
#include "model/err.h"
#include "model/mem_priv.h"

/* The sums of one host, counted anew. */
struct tally {
	struct idl_ref host;
	int64_t sum[MEM_SUMS];
};

/* All hosts that are counted for. */
struct tallies {
	struct tally *t; /* sorted by ref */
	size_t n;
	bool all; /* every host there is: another one must not be named */
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

/* tally_part - count one part where it belongs */
static enum err
tally_part(struct tallies *ts, enum mem_sum sum, const struct mem_part *p,
    struct failure *why)
{
	struct tally *at;

	if (idl_ref_is_null(&p->host))
		return ERR_NONE;
	at = bsearch(&p->host, ts->t, ts->n, sizeof(*ts->t), tally_compare);
	if (at == NULL)
		return ts->all ? err_fail(why, ERR_HANDLE_INVALID, "sr", "host",
				     &p->host)
			       : ERR_NONE;
	if (__builtin_add_overflow(at->sum[sum], p->bytes, &at->sum[sum]))
		return err_internal(
		    why, "a host has promised more than 2^63-1 bytes");
	return ERR_NONE;
}

/* tally_share - count one record's share */
static enum err
tally_share(
    struct tallies *ts, const struct mem_share *share, struct failure *why)
{
	enum err rc = ERR_NONE;

	for (int i = 0; rc == ERR_NONE && i < MEM_SUMS; i++)
		rc = tally_part(ts, (enum mem_sum)i, &share->part[i], why);
	return rc;
}

/* tally_all - one pass over every VM and reservation */
static enum err
tally_all(const struct fld_view *v, struct tallies *ts, struct failure *why)
{
	const struct idl_vm *vm = NULL;
	const struct idl_memory_reservation *r = NULL;
	struct mem_share share;
	enum err rc = ERR_NONE;

	while (
	    rc == ERR_NONE && (vm = fld_next(v, IDL_CLASS_VM,
				   vm == NULL ? NULL : &vm->h.ref)) != NULL) {
		rc = mem_share_of_vm(vm, &share, why);
		if (rc == ERR_NONE)
			rc = tally_share(ts, &share, why);
	}
	while (rc == ERR_NONE && (r = fld_next(v, IDL_CLASS_MEMORY_RESERVATION,
				      r == NULL ? NULL : &r->h.ref)) != NULL) {
		mem_share_of_reservation(r, &share);
		rc = tally_share(ts, &share, why);
	}
	return rc;
}

enum err
mem_recount(const struct fld_view *v, const struct idl_ref *host,
    int64_t *sums_out, struct failure *why)
{
	struct tally t = {*host, {0}};
	struct tallies ts = {&t, 1, false};
	enum err rc = tally_all(v, &ts, why);

	for (int i = 0; rc == ERR_NONE && i < MEM_SUMS; i++)
		sums_out[i] = t.sum[i];
	return rc;
}

/* verify_account - does a host's account say what was counted? */
static enum err
verify_account(
    const struct fld_view *v, const struct tally *t, struct failure *why)
{
	static const char *const names[MEM_SUMS] = {
	    "resident", "scheduled", "reserved", "granted"};
	const struct idl_host_account *account;
	struct idl_host_account copy;
	char text[IDL_REF_TEXT];

	idl_ref_write(&t->host, text);
	account = fld_get(v, IDL_CLASS_HOST_ACCOUNT, &t->host);
	if (account == NULL)
		return err_internal(why, "host %s has no host_account", text);
	copy = *account;
	for (int i = 0; i < MEM_SUMS; i++) {
		int64_t kept = *mem_sum_of(&copy, (enum mem_sum)i);

		if (kept != t->sum[i])
			return err_internal(why,
			    "host_account %s says %s %lld, counted anew it is "
			    "%lld",
			    text, names[i], (long long)kept,
			    (long long)t->sum[i]);
	}
	return ERR_NONE;
}

enum err
mem_verify_accounts(const struct fld_view *v, struct failure *why)
{
	uint64_t n = fld_count(v, IDL_CLASS_HOST);
	const struct idl_host *host = NULL;
	struct tallies ts = {NULL, n, true};
	enum err rc;

	ts.t = calloc(n == 0 ? 1 : n, sizeof(*ts.t));
	if (ts.t == NULL)
		return err_internal(why, "out of memory");
	for (uint64_t i = 0; i < n; i++) {
		host = fld_next(
		    v, IDL_CLASS_HOST, host == NULL ? NULL : &host->h.ref);
		assert(host != NULL);
		ts.t[i].host = host->h.ref;
	}
	rc = tally_all(v, &ts, why);
	for (uint64_t i = 0; rc == ERR_NONE && i < n; i++)
		rc = verify_account(v, &ts.t[i], why);
	if (rc == ERR_NONE && fld_count(v, IDL_CLASS_HOST_ACCOUNT) != n)
		rc = err_internal(why, "a host_account has no host");
	free(ts.t);
	return rc;
}
