/* SPDX-License-Identifier: BSD-2-Clause */
/* The field store: rules, what a restart finds, and what it refuses. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "tests/model/help_fld.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct help_fld h;
static struct failure why;

/* What the rules below were told. */
static size_t n_vm, n_account, n_verify;

/*
 * derive - each VM's overhead is a tenth of its static_max, and the account
 * with the same ref counts its changes
 */
static enum err
derive(
    struct fld_tx *tx, int cls, const void *was, void *now, struct failure *w)
{
	struct idl_host_account *account;
	const struct idl_vm *before = was;
	struct idl_vm *vm = now;
	const struct idl_ref *ref = vm != NULL ? &vm->h.ref : &before->h.ref;

	if (cls == IDL_CLASS_HOST_ACCOUNT)
		n_account++;
	if (cls != IDL_CLASS_VM)
		return ERR_NONE;
	n_vm++;
	if (vm == NULL) {
		fld_tx_delete(tx, IDL_CLASS_HOST_ACCOUNT, ref);
		return ERR_NONE;
	}
	if (vm->memory_static_max == 13)
		return err_internal(w, "13 is unlucky");
	vm->memory_overhead = vm->memory_static_max / 10;
	if (fld_get(fld_tx_view(tx), IDL_CLASS_HOST_ACCOUNT, ref) != NULL)
		account = fld_tx_edit(tx, IDL_CLASS_HOST_ACCOUNT, ref);
	else
		account = fld_tx_create(tx, IDL_CLASS_HOST_ACCOUNT, ref);
	if (account == NULL)
		return err_internal(w, "out of memory");
	account->resident_bytes++;
	return ERR_NONE;
}

static enum err
check(const struct fld_view *v, int cls, const void *rec, struct failure *w)
{
	const struct idl_vm *vm = rec;

	(void)v;
	if (cls == IDL_CLASS_VM && vm->memory_static_max < 0)
		return err_fail(w, ERR_INVALID_VALUE, "sd", "memory_static_max",
		    vm->memory_static_max);
	return ERR_NONE;
}

static enum err
verify(const struct fld_view *v, struct failure *w)
{
	n_verify++;
	if (fld_count(v, IDL_CLASS_VM) == 3)
		return err_internal(w, "three is a crowd");
	return ERR_NONE;
}

static const struct fld_rules rules = {derive, check, verify};

static void
open_ruled(void)
{
	n_vm = n_account = n_verify = 0;
	cr_assert_eq(help_fld_open(&h, NULL, &rules, &why), ERR_NONE);
	cr_assert_eq(n_verify, 1);
}

/* static_max_of - VM 1 in the published image; -1: none */
static int64_t
static_max_of(uint64_t n)
{
	const struct fld_view *v = fld_pin(h.r);
	const struct idl_vm *vm = help_fld_get(v, n);
	int64_t bytes = vm == NULL ? -1 : vm->memory_static_max;

	cr_expect_null(help_fld_audit(v));
	fld_unpin(h.r, v);
	return bytes;
}

Test(fld_open, rules_add_to_every_transaction)
{
	struct idl_ref ref = help_fld_ref(1);
	const struct idl_host_account *account;
	const struct fld_view *v;

	open_ruled();
	(void)help_fld_begin(&h);
	help_fld_vm(&h, 1, "one")->memory_static_max = 1000;
	help_fld_commit(&h);
	(void)help_fld_begin(&h);
	help_fld_edit(&h, 1)->memory_static_max = 2000;
	help_fld_commit(&h);
	v = fld_pin(h.r);
	cr_assert_eq(help_fld_get(v, 1)->memory_overhead, 200);
	account = fld_get(v, IDL_CLASS_HOST_ACCOUNT, &ref);
	cr_assert_eq(account->resident_bytes, 2);
	fld_unpin(h.r, v);
	cr_assert_eq(n_vm, 2);
	cr_assert_eq(n_account, 0, "internal records of its own come not back");
	(void)help_fld_begin(&h);
	fld_tx_delete(h.tx, IDL_CLASS_VM, &ref);
	help_fld_commit(&h);
	v = fld_pin(h.r);
	cr_assert_eq(fld_count(v, IDL_CLASS_HOST_ACCOUNT), 0);
	fld_unpin(h.r, v);
	cr_assert_eq(jrn_memory_records(h.j), 0);
	help_fld_close(&h);
}

Test(fld_open, what_the_rules_refuse_does_not_happen)
{
	static const struct {
		const char *sentence;
		int64_t static_max;
		enum err err;
	} rows[] = {
	    {"derive refuses", 13, ERR_INTERNAL_ERROR},
	    {"check refuses", -5, ERR_INVALID_VALUE},
	    {"nobody refuses", 77, ERR_NONE},
	};
	size_t i;

	open_ruled();
	(void)help_fld_begin(&h);
	help_fld_vm(&h, 1, "one")->memory_static_max = 50;
	help_fld_vm(&h, 2, "two")->memory_static_max = 50;
	help_fld_commit(&h);
	for (i = 0; i < N(rows); i++) {
		(void)help_fld_begin(&h);
		help_fld_edit(&h, 1)->memory_static_max = 60;
		help_fld_edit(&h, 1)->name_label = "renamed";
		help_fld_edit(&h, 2)->memory_static_max = rows[i].static_max;
		cr_expect_eq(help_fld_end(&h, &why), rows[i].err, "%s",
		    rows[i].sentence);
		help_fld_commit(&h);
		cr_expect_eq(static_max_of(1), rows[i].err ? 50 : 60, "%s",
		    rows[i].sentence);
	}
	help_fld_close(&h);
}

/* reopened - a second store on what the journal holds */
static enum err
reopened(void)
{
	struct jrn *j = jrn_memory_copy(h.j);

	cr_assert_not_null(j);
	help_fld_close(&h);
	n_verify = 0;
	return help_fld_open(&h, j, &rules, &why);
}

Test(fld_open, a_restart_finds_what_was_committed)
{
	struct idl_ref ref = help_fld_ref(5), task = help_fld_ref(6);
	struct idl_vm_metrics *metrics;
	const struct idl_vm_metrics *found;
	const struct fld_view *v;

	open_ruled();
	(void)help_fld_begin(&h);
	help_fld_vm(&h, 1, "one")->memory_static_max = 50;
	metrics = fld_tx_create(h.tx, IDL_CLASS_VM_METRICS, &ref);
	metrics->memory_actual = 4711;
	(void)fld_tx_create(h.tx, IDL_CLASS_TASK, &task);
	help_fld_commit(&h);
	cr_assert_eq(reopened(), ERR_NONE);
	cr_assert_eq(n_verify, 1);
	cr_assert_eq(static_max_of(1), 50);
	v = fld_pin(h.r);
	cr_assert_eq(fld_generation(v), 1);
	found = fld_get(v, IDL_CLASS_VM_METRICS, &ref);
	cr_assert_not_null(found);
	cr_assert_eq(found->memory_actual, 0, "live fields start anew");
	cr_assert_eq(fld_count(v, IDL_CLASS_TASK), 0);
	fld_unpin(h.r, v);
	(void)help_fld_begin(&h);
	help_fld_edit(&h, 1)->memory_static_max = 51;
	help_fld_commit(&h);
	cr_assert_eq(reopened(), ERR_NONE);
	cr_assert_eq(static_max_of(1), 51);
	help_fld_close(&h);
}

/* put - a VM straight into a journal */
static void
put(struct jrn *j, uint64_t ref, const char *uuid, int64_t static_max)
{
	struct idl_vm vm;

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	if (ref != 0)
		vm.h.ref = help_fld_ref(ref);
	vm.uuid = uuid;
	vm.memory_static_max = static_max;
	cr_assert_eq(jrn_memory_put(j, &vm), 0);
}

Test(fld_open, a_wrong_store_is_refused_by_name)
{
	static const struct {
		const char *sentence;
		uint64_t ref[3];
		const char *uuid[3];
		int64_t static_max;
		const char *said;
	} rows[] = {
	    {"all well", {1, 2}, {"a", "b"}, 1, NULL},
	    {"two with one ref", {1, 1}, {"a", "b"}, 1, "there are two of it"},
	    {"two with one uuid", {1, 2}, {"a", "a"}, 1,
		"ed: uuid: OpaqueRef:3c6ef372-fe94-f82a"},
	    {"several without uuid", {1, 2}, {"", ""}, 1, NULL},
	    {"no ref", {1, 0}, {"a", "b"}, 1, "without a ref"},
	    {"a rule broken", {1, 2}, {"a", "b"}, -3,
		"INVALID_VALUE: memory_static_max, -3"},
	    {"it does not add up", {1, 2, 3}, {"a", "b", "c"}, 1,
		"three is a crowd"},
	};
	struct jrn *j;
	enum err rc;
	size_t i, k;

	for (i = 0; i < N(rows); i++) {
		j = jrn_memory_new();
		for (k = 0; k < 3 && rows[i].uuid[k] != NULL; k++)
			put(j, rows[i].ref[k], rows[i].uuid[k],
			    k == 0 ? 1 : rows[i].static_max);
		rc = help_fld_open(&h, j, &rules, &why);
		cr_expect_eq(rc != ERR_NONE, rows[i].said != NULL, "%s",
		    rows[i].sentence);
		if (rc == ERR_NONE) {
			help_fld_close(&h);
			continue;
		}
		cr_expect_not_null(strstr(why.param[0], rows[i].said), "%s: %s",
		    rows[i].sentence, why.param[0]);
		if (rows[i].uuid[2] == NULL)
			cr_expect_not_null(
			    strstr(why.param[0], "VM OpaqueRef:"), "%s: %s",
			    rows[i].sentence, why.param[0]);
	}
}
