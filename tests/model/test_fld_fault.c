/* SPDX-License-Identifier: BSD-2-Clause */
/* The field store: journals that fail, memory that runs out, random lives. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/model/help_alloc.h"
#include "tests/model/help_fld.h"
#include "tests/model/help_random.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct help_fld h;
static struct failure why;

/* target_of - memory_target of a VM in the published image; -1: no VM */
static int64_t
target_of(uint64_t n)
{
	const struct fld_view *v = fld_pin(h.r);
	const struct idl_vm *vm = help_fld_get(v, n);
	int64_t target = vm == NULL ? -1 : vm->memory_target;

	cr_expect_null(help_fld_audit(v));
	fld_unpin(h.r, v);
	return target;
}

Test(fld_fault, journals_that_fail)
{
	static const struct {
		const char *sentence;
		enum jrn_result answer, resolve;
		enum fld_outcome outcome;
		const char *said;
		int64_t target; /* of VM 1 afterwards */
	} rows[] = {
	    {"refused", JRN_REFUSED, JRN_FATAL, FLD_REFUSED,
		"not stored: fault 1", 1},
	    {"unknown, but it is there", JRN_UNKNOWN, JRN_COMMITTED,
		FLD_COMMITTED, NULL, 2},
	    {"unknown, and it is not", JRN_UNKNOWN, JRN_REFUSED, FLD_REFUSED,
		"not stored: fault 1, read back", 1},
	    {"unknown for good", JRN_UNKNOWN, JRN_FATAL, FLD_FATAL,
		"not stored: fault 1, read back", 1},
	    {"unknown twice", JRN_UNKNOWN, JRN_UNKNOWN, FLD_FATAL,
		"not stored: fault 1, read back", 1},
	    {"fatal at once", JRN_FATAL, JRN_FATAL, FLD_FATAL,
		"not stored: fault 1", 1},
	};
	enum fld_outcome outcome;
	const struct fld_view *tv;
	size_t i, n;

	for (i = 0; i < N(rows); i++) {
		cr_assert_eq(
		    help_fld_open(&h, NULL, &help_fld_lax, &why), ERR_NONE);
		(void)help_fld_begin(&h);
		help_fld_vm(&h, 1, "one")->memory_target = 1;
		help_fld_commit(&h);
		jrn_memory_fail(h.j, (struct jrn_memory_fault){
					 1, rows[i].answer, rows[i].resolve});
		(void)help_fld_begin(&h);
		help_fld_edit(&h, 1)->memory_target = 2;
		help_fld_edit(&h, 1)->name_label = "two";
		(void)help_fld_vm(&h, 2, "new");
		cr_assert_eq(help_fld_end(&h, &why), ERR_NONE);
		outcome = fld_batch_commit(h.s, &why);
		cr_expect_eq(outcome, rows[i].outcome, "%s", rows[i].sentence);
		if (rows[i].said != NULL)
			cr_expect_str_eq(why.param[0], rows[i].said);
		cr_expect_eq(
		    target_of(1), rows[i].target, "%s", rows[i].sentence);
		(void)fld_batch_changes(h.s, &n);
		cr_expect_eq(n, rows[i].target == 1 ? 0 : 2);
		if (outcome != FLD_FATAL) {
			/* The working image is the committed one. */
			tv = help_fld_begin(&h);
			cr_expect_eq(
			    help_fld_get(tv, 1)->memory_target, rows[i].target);
			help_fld_edit(&h, 1)->memory_target = 3;
			help_fld_commit(&h);
			cr_expect_eq(target_of(1), 3);
		}
		help_fld_close(&h);
	}
}

/* A transaction with some of everything; says whether it was stored. */
static enum err
busy(struct failure *w)
{
	struct idl_ref two = help_fld_ref(2);
	struct idl_vm *vm;
	uint64_t n;

	if (help_fld_begin(&h) == NULL)
		return err_internal(w, "out of memory");
	vm = help_fld_edit(&h, 1);
	if (vm != NULL) {
		vm->memory_target = 2;
		vm->name_label = "renamed, and longer than it was";
	}
	fld_tx_delete(h.tx, IDL_CLASS_VM, &two);
	for (n = 100; n < 140; n++)
		(void)help_fld_vm(&h, n, "same");
	return help_fld_end(&h, w);
}

/* fill - what is there before busy */
static void
fill(void)
{
	uint64_t n;

	cr_assert_eq(help_fld_open(&h, NULL, &help_fld_lax, &why), ERR_NONE);
	(void)help_fld_begin(&h);
	for (n = 1; n < 40; n++)
		help_fld_vm(&h, n, "same")->memory_target = 1;
	help_fld_commit(&h);
}

Test(fld_fault, no_memory_for_a_transaction)
{
	const struct fld_view *tv;
	enum err rc;
	size_t n;

	fill();
	for (n = 1;; n++) {
		help_alloc_fail_nth(n);
		rc = busy(&why);
		if (!help_alloc_stop())
			break;
		cr_assert_eq(rc, ERR_INTERNAL_ERROR, "allocation %zu", n);
		cr_assert_str_eq(why.param[0], "out of memory");
		cr_assert_eq(fld_batch_commit(h.s, &why), FLD_COMMITTED);
		cr_assert_eq(target_of(1), 1);
		cr_assert_eq(target_of(2), 1);
		cr_assert_eq(target_of(100), -1);
		tv = help_fld_begin(&h);
		cr_assert_null(help_fld_audit(tv));
		fld_tx_abort(&h.tx);
	}
	cr_assert_eq(rc, ERR_NONE);
	cr_assert_gt(n, 50);
	cr_assert_eq(fld_batch_commit(h.s, &why), FLD_COMMITTED);
	cr_assert_eq(target_of(1), 2);
	cr_assert_eq(target_of(2), -1);
	cr_assert_eq(target_of(139), 0);
	cr_assert_eq(fld_collect(h.s), 0);
	help_fld_close(&h);
}

Test(fld_fault, no_memory_for_a_second_transaction_of_a_batch)
{
	enum err rc;
	size_t n;

	fill();
	for (n = 1;; n++) {
		cr_assert_eq(busy(&why), ERR_NONE);
		(void)help_fld_begin(&h);
		help_fld_edit(&h, 1)->memory_target = 3;
		help_alloc_fail_nth(n);
		rc = help_fld_end(&h, &why);
		if (!help_alloc_stop())
			break;
		cr_assert_eq(rc, ERR_INTERNAL_ERROR);
		cr_assert_eq(fld_batch_commit(h.s, &why), FLD_COMMITTED);
		cr_assert_eq(target_of(1), 2, "the first is stored");
		help_fld_close(&h);
		fill();
	}
	cr_assert_eq(fld_batch_commit(h.s, &why), FLD_COMMITTED);
	cr_assert_eq(target_of(1), 3);
	help_fld_close(&h);
}

Test(fld_fault, no_memory_for_a_commit)
{
	enum fld_outcome outcome;
	size_t n;

	fill();
	for (n = 1;; n++) {
		cr_assert_eq(busy(&why), ERR_NONE);
		help_alloc_fail_nth(n);
		outcome = fld_batch_commit(h.s, &why);
		if (!help_alloc_stop())
			break;
		cr_assert_eq(outcome, FLD_REFUSED);
		cr_assert_str_eq(why.param[0], "not stored: out of memory");
		cr_assert_eq(target_of(1), 1);
		cr_assert_eq(target_of(100), -1);
	}
	cr_assert_eq(outcome, FLD_COMMITTED);
	cr_assert_eq(target_of(1), 2);
	help_fld_close(&h);
}

Test(fld_fault, no_memory_to_open_or_to_read)
{
	const struct fld_view *v;
	struct jrn *j = NULL;
	enum err rc;
	size_t n;

	fill();
	for (n = 1;; n++) {
		if (j == NULL)
			j = jrn_memory_copy(h.j);
		help_fld_close(&h);
		help_alloc_fail_nth(n);
		rc = help_fld_open(&h, j, &help_fld_lax, &why);
		if (!help_alloc_stop())
			break;
		cr_assert_eq(rc, ERR_INTERNAL_ERROR);
		j = NULL;
		fill();
	}
	cr_assert_eq(rc, ERR_NONE);
	cr_assert_eq(target_of(39), 1);
	help_fld_close(&h);

	fill();
	help_alloc_fail_nth(1);
	v = fld_pin(h.r);
	(void)help_alloc_stop();
	cr_assert_null(v);
	help_alloc_fail_nth(1);
	cr_assert_null(fld_reader_new(h.s));
	(void)help_alloc_stop();
	cr_assert_eq(target_of(1), 1);
	cr_assert_eq(busy(&why), ERR_NONE);
	cr_assert_eq(fld_batch_commit(h.s, &why), FLD_COMMITTED);
	cr_assert_eq(fld_collect(h.s), 0, "a failed pin holds nothing");
	help_alloc_fail_nth(1);
	v = fld_pin(h.r);
	cr_assert_not_null(v, "pins are used again");
	(void)help_alloc_stop();
	fld_unpin(h.r, v);
	help_fld_close(&h);
}

/* ---- random lives, against plain arrays ---- */

#define VMS 60
#define PINS 4

struct vm {
	bool is_there;
	int name;     /* 0 .. 4 */
	int64_t host; /* 0: none */
	int64_t target;
};

struct world {
	struct vm vm[VMS];
};

static const char *const names[] = {"", "a", "b", "a longer name", "e"};

/* expect_world - an image is what an array says, indexes too */
static void
expect_world(const struct fld_view *v, const struct world *w)
{
	const struct idl_vm *vm;
	size_t named[N(names)] = {0}, found;
	uint64_t n, there = 0;
	size_t i;

	for (n = 0; n < VMS; n++) {
		vm = help_fld_get(v, n);
		cr_assert_eq(vm != NULL, w->vm[n].is_there);
		if (vm == NULL)
			continue;
		there++;
		named[w->vm[n].name]++;
		cr_assert_str_eq(vm->name_label, names[w->vm[n].name]);
		cr_assert_eq(vm->memory_target, w->vm[n].target);
		cr_assert_eq(vm->resident_on.lo, (uint64_t)w->vm[n].host);
	}
	cr_assert_eq(fld_count(v, IDL_CLASS_VM), there);
	for (i = 0; i < N(names); i++) {
		vm = NULL;
		for (found = 0;; found++) {
			vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_NAME_LABEL,
			    &names[i], vm == NULL ? NULL : &vm->h.ref);
			if (vm == NULL)
				break;
		}
		cr_assert_eq(found, named[i]);
	}
	cr_assert_null(help_fld_audit(v));
}

/* random_edit - one VM comes, changes or goes, in the transaction and in w */
static void
random_edit(struct help_random *r, struct world *w)
{
	uint64_t n = help_random_below(r, VMS);
	struct idl_ref ref = help_fld_ref(n);
	struct vm *at = &w->vm[n];
	struct idl_vm *vm;

	if (at->is_there && help_random_below(r, 4) == 0) {
		fld_tx_delete(h.tx, IDL_CLASS_VM, &ref);
		at->is_there = false;
		return;
	}
	vm = at->is_there ? help_fld_edit(&h, n) : help_fld_vm(&h, n, "");
	if (!at->is_there)
		*at = (struct vm){.is_there = true};
	at->name =
	    help_random_below(r, 2) ? at->name : (int)help_random_below(r, 5);
	at->host = help_random_below(r, 2) ? at->host
					   : (int64_t)help_random_below(r, 3);
	at->target = (int64_t)help_random_below(r, 3);
	vm->name_label = names[at->name];
	vm->resident_on = (struct idl_ref){0, (uint64_t)at->host};
	vm->memory_target = at->target;
}

/* random_tx - one transaction: kept, aborted, or refused by failing memory */
static void
random_tx(struct help_random *r, struct world *work)
{
	struct world before = *work;
	size_t i;
	enum err rc;

	(void)help_fld_begin(&h);
	for (i = help_random_below(r, 8); i > 0; i--)
		random_edit(r, work);
	switch (help_random_below(r, 6)) {
	case 0:
		fld_tx_abort(&h.tx);
		*work = before;
		return;
	case 1:
		help_alloc_fail_nth(1 + help_random_below(r, 60));
		rc = help_fld_end(&h, &why);
		(void)help_alloc_stop();
		if (rc != ERR_NONE)
			*work = before;
		return;
	default:
		cr_assert_eq(help_fld_end(&h, &why), ERR_NONE);
	}
}

Test(fld_fault, random_lives_agree_with_plain_arrays)
{
	static struct world work, published, seen[PINS];
	const struct fld_view *pin[PINS] = {NULL}, *v;
	struct help_random r;
	int step;
	size_t i;

	help_random_init(&r, "fld lives");
	cr_assert_eq(help_fld_open(&h, NULL, &help_fld_lax, &why), ERR_NONE);
	for (step = 0; step < 1500; step++) {
		for (i = help_random_below(&r, 4); i > 0; i--)
			random_tx(&r, &work);
		if (help_random_below(&r, 4) == 0)
			jrn_memory_fail(h.j, (struct jrn_memory_fault){
						 1, JRN_REFUSED, JRN_FATAL});
		if (fld_batch_commit(h.s, &why) == FLD_COMMITTED)
			published = work;
		else
			work = published;
		jrn_memory_fail(h.j, (struct jrn_memory_fault){0});
		i = help_random_below(&r, PINS);
		if (pin[i] != NULL) {
			expect_world(pin[i], &seen[i]);
			fld_unpin(h.r, pin[i]);
			pin[i] = NULL;
		} else {
			pin[i] = fld_pin(h.r);
			seen[i] = published;
		}
		v = fld_pin(h.r);
		expect_world(v, &published);
		fld_unpin(h.r, v);
	}
	for (i = 0; i < PINS; i++)
		if (pin[i] != NULL)
			fld_unpin(h.r, pin[i]);
	cr_assert_eq(fld_collect(h.s), 0);
	help_fld_close(&h);
}
