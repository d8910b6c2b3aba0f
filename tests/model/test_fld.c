/* SPDX-License-Identifier: BSD-2-Clause */
/* The field store: transactions, images, indexes, batches. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

/* Own */
#include "tests/model/help_fld.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct help_fld h;
static struct failure why;

static void
open_empty(void)
{
	cr_assert_eq(help_fld_open(&h, NULL, &help_fld_lax, &why), ERR_NONE);
}

/* close_audited - nothing is left over */
static void
close_audited(void)
{
	const struct fld_view *v = fld_pin(h.r);

	cr_expect_null(help_fld_audit(v));
	fld_unpin(h.r, v);
	cr_expect_eq(fld_collect(h.s), 0);
	help_fld_close(&h);
}

/* add_vms - VMs first..last-1 of one name, committed */
static void
add_vms(uint64_t first, uint64_t last, const char *name)
{
	uint64_t n;

	(void)help_fld_begin(&h);
	for (n = first; n < last; n++)
		cr_assert_not_null(help_fld_vm(&h, n, name));
	help_fld_commit(&h);
}

/* named - how many VMs of a view have a name */
static size_t
named(const struct fld_view *v, const char *name)
{
	const struct idl_vm *vm = NULL;
	size_t n = 0;

	while ((vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_NAME_LABEL, &name,
		    vm == NULL ? NULL : &vm->h.ref)) != NULL) {
		cr_assert_str_eq(vm->name_label, name);
		n++;
	}
	return n;
}

/* now_named - the same in the published image */
static size_t
now_named(const char *name)
{
	const struct fld_view *v = fld_pin(h.r);
	size_t n = named(v, name);

	fld_unpin(h.r, v);
	return n;
}

Test(fld, readers_see_a_record_only_when_it_is_committed)
{
	const struct fld_view *v, *tv;
	const struct idl_vm *vm;
	uint64_t before;

	open_empty();
	v = fld_pin(h.r);
	before = fld_generation(v);
	fld_unpin(h.r, v);

	tv = help_fld_begin(&h);
	cr_assert_eq(fld_generation(tv), before + 1);
	cr_assert_not_null(help_fld_vm(&h, 1, "one"));
	cr_assert_not_null(help_fld_get(tv, 1), "its own transaction sees it");
	cr_assert_eq(help_fld_end(&h, &why), ERR_NONE);

	tv = help_fld_begin(&h);
	cr_assert_not_null(help_fld_get(tv, 1), "so does the next one");
	cr_assert_eq(named(tv, "one"), 1);
	fld_tx_abort(&h.tx);
	v = fld_pin(h.r);
	cr_assert_null(help_fld_get(v, 1), "no reader does");
	help_fld_commit(&h);
	cr_assert_null(help_fld_get(v, 1), "not even now, while it is pinned");
	fld_unpin(h.r, v);

	v = fld_pin(h.r);
	vm = help_fld_get(v, 1);
	cr_assert_not_null(vm, "but with the next pin");
	cr_assert_eq(fld_generation(v), before + 1);
	cr_assert_eq(vm->h.created, before + 1);
	cr_assert_eq(vm->h.modified, before + 1);
	fld_unpin(h.r, v);
	close_audited();
}

Test(fld, a_record_is_edited_in_private)
{
	const struct fld_view *v;
	struct idl_vm *vm;
	uint64_t at;

	open_empty();
	add_vms(1, 2, "one");
	v = fld_pin(h.r);
	at = fld_generation(v);
	fld_unpin(h.r, v);

	(void)help_fld_begin(&h);
	vm = help_fld_edit(&h, 1);
	cr_assert_eq(help_fld_edit(&h, 1), vm, "the same copy at each call");
	vm->memory_static_max = 4096;
	v = fld_pin(h.r);
	cr_assert_eq(help_fld_get(v, 1)->memory_static_max, 0);
	fld_unpin(h.r, v);
	cr_assert_null(help_fld_edit(&h, 2), "what is not there is not made");
	help_fld_commit(&h);

	v = fld_pin(h.r);
	cr_assert_eq(help_fld_get(v, 1)->memory_static_max, 4096);
	cr_assert_str_eq(help_fld_get(v, 1)->name_label, "one");
	cr_assert_eq(help_fld_get(v, 1)->h.created, at);
	cr_assert_eq(help_fld_get(v, 1)->h.modified, at + 1);
	fld_unpin(h.r, v);
	close_audited();
}

Test(fld, what_is_aborted_never_was)
{
	const struct fld_view *tv;
	struct idl_ref ref = help_fld_ref(1);

	open_empty();
	add_vms(1, 3, "one");
	(void)help_fld_begin(&h);
	help_fld_edit(&h, 1)->memory_target = 7;
	help_fld_edit(&h, 1)->name_label = "other";
	ref = help_fld_ref(2);
	fld_tx_delete(h.tx, IDL_CLASS_VM, &ref);
	(void)help_fld_vm(&h, 3, "three");
	fld_tx_abort(&h.tx);
	tv = help_fld_begin(&h);
	cr_assert_eq(help_fld_get(tv, 1)->memory_target, 0);
	cr_assert_not_null(help_fld_get(tv, 2));
	cr_assert_null(help_fld_get(tv, 3));
	cr_assert_eq(named(tv, "one"), 2);
	fld_tx_abort(&h.tx);
	close_audited();
}

Test(fld, an_edit_that_changes_nothing_is_no_change)
{
	const struct fld_view *v;
	uint64_t at;
	size_t n;

	open_empty();
	add_vms(1, 2, "one");
	v = fld_pin(h.r);
	at = fld_generation(v);
	fld_unpin(h.r, v);
	jrn_memory_fail(h.j, (struct jrn_memory_fault){0});

	(void)help_fld_begin(&h);
	help_fld_edit(&h, 1)->name_label = "one";
	help_fld_commit(&h);
	cr_assert_eq(jrn_memory_commits(h.j), 0);
	(void)fld_batch_changes(h.s, &n);
	cr_assert_eq(n, 0);
	v = fld_pin(h.r);
	cr_assert_eq(fld_generation(v), at);
	fld_unpin(h.r, v);
	close_audited();
}

Test(fld, records_go)
{
	struct idl_ref one = help_fld_ref(1);
	const struct fld_view *tv;

	open_empty();
	add_vms(1, 4, "vm");
	tv = help_fld_begin(&h);
	fld_tx_delete(h.tx, IDL_CLASS_VM, &one);
	fld_tx_delete(h.tx, IDL_CLASS_VM, &one); /* no error */
	cr_assert_null(help_fld_get(tv, 1));
	cr_assert_null(help_fld_edit(&h, 1));
	cr_assert_eq(named(tv, "vm"), 2, "deleted ones are not found");
	cr_assert_not_null(help_fld_vm(&h, 1, "again"), "it may come back");
	fld_tx_delete(h.tx, IDL_CLASS_VM, &one);
	help_fld_commit(&h);
	cr_assert_eq(now_named("vm"), 2);
	cr_assert_eq(now_named("again"), 0);
	cr_assert_eq(jrn_memory_records(h.j), 2);
	close_audited();
}

Test(fld, a_ref_is_given_once)
{
	open_empty();
	add_vms(1, 2, "one");
	(void)help_fld_begin(&h);
	cr_assert_null(help_fld_vm(&h, 1, "two"));
	cr_assert_eq(help_fld_end(&h, &why), ERR_INTERNAL_ERROR);
	cr_assert_not_null(strstr(why.param[0], "exists already"));
	cr_assert_eq(now_named("one"), 1);
	close_audited();
}

Test(fld, thousands_may_have_one_name)
{
	const struct fld_view *v;
	uint64_t n;

	open_empty();
	add_vms(0, 3000, "same");
	add_vms(3000, 3010, "other");
	cr_assert_eq(now_named("same"), 3000);
	(void)help_fld_begin(&h);
	for (n = 0; n < 1000; n++)
		help_fld_edit(&h, n)->name_label = "renamed";
	help_fld_commit(&h);
	cr_assert_eq(now_named("same"), 2000);
	cr_assert_eq(now_named("renamed"), 1000);
	cr_assert_eq(now_named("other"), 10);
	cr_assert_eq(now_named("none"), 0);
	v = fld_pin(h.r);
	cr_assert_eq(fld_count(v, IDL_CLASS_VM), 3010);
	fld_unpin(h.r, v);
	close_audited();
}

/* forge - enter VM n in the index of names under another's name */
static void
forge(uint64_t n, const char *name)
{
	const struct fld_index *ix =
	    fld_index_of(h.s, IDL_CLASS_VM, IDL_VM_F_NAME_LABEL);
	struct fld_root *root = &fld_image_of(h.s)->root[ix->root];
	struct trie_node *old = root->node;
	struct trie_waste waste = {NULL, 0};
	struct trie_key key;
	struct idl_vm vm;

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = help_fld_ref(n);
	vm.name_label = name;
	cr_assert(fld_index_key(h.s, ix, &vm, &key));
	cr_assert(trie_put(&root->node, ++h.s->edit, key,
	    (union trie_value){.word = vm.h.ref.lo}));
	trie_diff(old, root->node, 0, &waste);
	trie_free(&waste);
	h.s->work->root[ix->root] = *root;
}

Test(fld, names_that_share_a_hash_are_told_apart)
{
	uint64_t n;

	open_empty();
	add_vms(0, 10, "one");
	add_vms(10, 30, "two");
	for (n = 10; n < 30; n++)
		forge(n, "one"); /* as if both had one hash */
	cr_assert_eq(now_named("one"), 10);
	cr_assert_eq(now_named("two"), 20);
	help_fld_close(&h);
}

Test(fld, unique_means_unique)
{
	const char *uuid;
	struct idl_ref two = help_fld_ref(2);
	const struct fld_view *v;
	const struct idl_vm *vm;
	struct idl_vm *a, *b;

	open_empty();
	add_vms(1, 3, "vm");
	(void)help_fld_begin(&h);
	a = help_fld_edit(&h, 1);
	b = help_fld_edit(&h, 2);
	a->uuid = b->uuid;
	cr_assert_eq(help_fld_end(&h, &why), ERR_INTERNAL_ERROR);
	cr_assert_not_null(strstr(why.param[0], "uuid"), "%s", why.param[0]);

	(void)help_fld_begin(&h);
	a = help_fld_edit(&h, 1);
	b = help_fld_edit(&h, 2);
	uuid = a->uuid;
	a->uuid = b->uuid;
	b->uuid = uuid;
	help_fld_commit(&h); /* two may change places */
	v = fld_pin(h.r);
	uuid = help_fld_get(v, 1)->uuid;
	vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &uuid, NULL);
	cr_assert_eq(vm, help_fld_get(v, 1));
	cr_assert_null(
	    fld_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &uuid, &vm->h.ref));
	uuid = "";
	cr_assert_null(fld_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &uuid, NULL));
	fld_unpin(h.r, v);

	(void)help_fld_begin(&h); /* one goes, its uuid is free */
	uuid = help_fld_edit(&h, 2)->uuid;
	fld_tx_delete(h.tx, IDL_CLASS_VM, &two);
	help_fld_edit(&h, 1)->uuid = uuid;
	help_fld_commit(&h);
	close_audited();
}

Test(fld, references_are_found_from_their_end)
{
	struct idl_ref here = help_fld_ref(900), there = help_fld_ref(901);
	struct idl_ref nowhere = {0, 0};
	const struct fld_view *v;
	const struct idl_vm *vm = NULL;
	uint64_t n, last = 0;

	open_empty();
	(void)help_fld_begin(&h);
	for (n = 0; n < 20; n++)
		help_fld_vm(&h, n, "vm")->resident_on = n < 12 ? here : nowhere;
	help_fld_commit(&h);
	(void)help_fld_begin(&h);
	for (n = 0; n < 5; n++)
		help_fld_edit(&h, n)->resident_on = n % 2 ? there : nowhere;
	help_fld_commit(&h);
	v = fld_pin(h.r);
	for (n = 0;; n++, last = vm->h.ref.hi) {
		vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_RESIDENT_ON, &here,
		    vm == NULL ? NULL : &vm->h.ref);
		if (vm == NULL)
			break;
		cr_assert_gt(vm->h.ref.hi, last, "in order");
	}
	cr_assert_eq(n, 7);
	cr_assert_null(
	    fld_find(v, IDL_CLASS_VM, IDL_VM_F_RESIDENT_ON, &nowhere, NULL));
	fld_unpin(h.r, v);
	close_audited();
}

Test(fld, a_pinned_image_stays_as_it_is)
{
	const struct fld_view *pin[6];
	struct idl_ref ref = help_fld_ref(1);
	size_t i, waiting = 0;

	open_empty();
	add_vms(0, 500, "vm");
	for (i = 0; i < N(pin); i++) {
		pin[i] = fld_pin(h.r);
		cr_assert_eq(fld_pin(h.r), pin[i], "one image, one view");
		fld_unpin(h.r, pin[i]);
		(void)help_fld_begin(&h);
		help_fld_edit(&h, 0)->memory_target = (int64_t)i + 1;
		if (i == 3)
			fld_tx_delete(h.tx, IDL_CLASS_VM, &ref);
		help_fld_commit(&h);
		(void)help_fld_begin(&h);
		fld_tx_abort(&h.tx);
		cr_assert_gt(fld_collect(h.s), waiting);
		waiting = fld_collect(h.s);
	}
	for (i = 0; i < N(pin); i++) {
		cr_expect_eq(
		    help_fld_get(pin[i], 0)->memory_target, (int64_t)i);
		cr_expect_eq(help_fld_get(pin[i], 1) != NULL, i <= 3);
		cr_expect_null(help_fld_audit(pin[i]));
	}
	fld_unpin(h.r, pin[2]); /* not the oldest: nothing can go */
	cr_assert_eq(fld_collect(h.s), waiting);
	fld_unpin(h.r, pin[0]);
	cr_assert_lt(fld_collect(h.s), waiting);
	cr_assert_eq(help_fld_get(pin[1], 0)->memory_target, 1);
	fld_unpin(h.r, pin[5]);
	fld_unpin(h.r, pin[1]);
	fld_unpin(h.r, pin[4]);
	cr_assert_not_null(help_fld_get(pin[3], 1));
	fld_unpin(h.r, pin[3]);
	close_audited();
}

Test(fld, places_for_readers_are_limited_and_come_back)
{
	struct fld_reader *r[128];
	size_t i;

	open_empty();
	for (i = 0; i < N(r); i++) {
		r[i] = fld_reader_new(h.s);
		if (r[i] == NULL)
			break;
	}
	cr_assert_eq(i, N(r) - 1, "one is the fixture's");
	fld_reader_free(&r[5]);
	r[5] = fld_reader_new(h.s);
	cr_assert_not_null(r[5]);
	for (i = 0; i < N(r) - 1; i++)
		fld_reader_free(&r[i]);
	close_audited();
}

Test(fld, a_batch_tells_each_change_once)
{
	const struct fld_change *c;
	struct idl_ref two = help_fld_ref(2), five = help_fld_ref(5);
	size_t n, i;
	int64_t k;

	open_empty();
	add_vms(1, 4, "vm");
	for (k = 1; k <= 3; k++) {
		(void)help_fld_begin(&h);
		help_fld_edit(&h, 1)->memory_target = k;
		if (k == 1)
			(void)help_fld_vm(&h, 4, "new");
		if (k == 1)
			(void)help_fld_vm(&h, 5, "short-lived");
		if (k == 2)
			fld_tx_delete(h.tx, IDL_CLASS_VM, &two);
		if (k == 2)
			fld_tx_delete(h.tx, IDL_CLASS_VM, &five);
		if (k == 3)
			help_fld_edit(&h, 4)->memory_target = k;
		cr_assert_eq(help_fld_end(&h, &why), ERR_NONE);
	}
	jrn_memory_fail(h.j, (struct jrn_memory_fault){0});
	cr_assert_eq(fld_batch_commit(h.s, &why), FLD_COMMITTED);
	cr_assert_eq(jrn_memory_commits(h.j), 1);
	cr_assert_eq(jrn_memory_changes(h.j), 3);
	c = fld_batch_changes(h.s, &n);
	cr_assert_eq(n, 3);
	for (i = 0; i < n; i++) {
		cr_assert_eq(c[i].cls, IDL_CLASS_VM);
		cr_assert_not(idl_ref_equal(&c[i].ref, &five));
		cr_assert_eq(c[i].now == NULL, idl_ref_equal(&c[i].ref, &two));
		if (c[i].was == NULL)
			cr_assert_str_eq(
			    ((const struct idl_vm *)c[i].now)->name_label,
			    "new");
		if (c[i].now != NULL)
			cr_assert_eq(
			    ((const struct idl_vm *)c[i].now)->memory_target,
			    3);
	}
	(void)help_fld_begin(&h);
	(void)fld_batch_changes(h.s, &n);
	cr_assert_eq(n, 0, "until the next transaction begins");
	fld_tx_abort(&h.tx);
	close_audited();
}

Test(fld, live_changes_do_not_touch_the_journal)
{
	struct idl_ref task = help_fld_ref(77);
	struct idl_task *t;
	const struct fld_view *v;

	open_empty();
	jrn_memory_fail(h.j, (struct jrn_memory_fault){0});
	(void)help_fld_begin(&h);
	t = fld_tx_create(h.tx, IDL_CLASS_TASK, &task);
	t->name_label = "VM.start";
	help_fld_commit(&h);
	cr_assert_eq(jrn_memory_commits(h.j), 0);
	add_vms(1, 2, "vm");
	cr_assert_eq(jrn_memory_commits(h.j), 1);
	(void)help_fld_begin(&h);
	t = fld_tx_edit(h.tx, IDL_CLASS_TASK, &task);
	t->progress = 0.5;
	help_fld_edit(&h, 1)->memory_target = 3;
	help_fld_commit(&h);
	cr_assert_eq(jrn_memory_changes(h.j), 1, "of two only the VM's");
	v = fld_pin(h.r);
	cr_assert_eq(fld_generation(v), 3, "each was published all the same");
	fld_unpin(h.r, v);
	close_audited();
}

Test(fld, a_transaction_walks_what_was_there_as_it_is_now)
{
	const struct fld_view *tv;
	const struct idl_vm *vm = NULL;
	struct idl_ref ref;
	uint64_t n;
	size_t seen = 0, edited = 0;

	open_empty();
	add_vms(0, 300, "vm");
	tv = help_fld_begin(&h);
	for (n = 0; n < 300; n += 3) {
		help_fld_edit(&h, n)->memory_target = 9;
		ref = help_fld_ref(n + 1);
		fld_tx_delete(h.tx, IDL_CLASS_VM, &ref);
		(void)help_fld_vm(&h, 1000 + n, "new");
	}
	while ((vm = fld_next(tv, IDL_CLASS_VM,
		    vm == NULL ? NULL : &vm->h.ref)) != NULL) {
		seen++;
		edited += vm->memory_target == 9;
	}
	cr_assert_eq(seen, 200);
	cr_assert_eq(edited, 100);
	help_fld_commit(&h);
	cr_assert_eq(now_named("new"), 100);
	cr_assert_eq(now_named("vm"), 200);
	close_audited();
}
