/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of the store: derived fields, sums of hosts, what is refused. */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "tests/model/help_alloc.h"
#include "tests/model/help_random.h"
#include "tests/model/help_world.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define GIB ((int64_t)1 << 30)
#define HVM IDL_DOMAIN_TYPE_HVM

enum { HOST = 1, OTHER_HOST = 2, VM = 100 };

static const struct idl_ref none;

/* account_of - a host's account as committed; the copy is the caller's */
static struct idl_host_account
account_of(struct help_world *w, uint64_t host)
{
	const struct fld_view *v = fld_pin(w->reader);
	struct idl_ref ref = help_ref(host);
	const struct idl_host_account *p =
	    fld_get(v, IDL_CLASS_HOST_ACCOUNT, &ref);
	struct idl_host_account account;

	cr_assert_not_null(p, "host %d has no account", (int)host);
	account = *p;
	fld_unpin(w->reader, v);
	return account;
}

/* expect_sound - every rule holds of what is committed */
static void
expect_sound(struct help_world *w)
{
	const struct fld_view *v = fld_pin(w->reader);
	const struct idl_vm *vm = NULL;
	struct failure why = {0};
	int64_t bytes;

	cr_assert_eq(mem_rules.verify(v, &why), ERR_NONE, "%s", why.param[0]);
	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm == NULL ? NULL : &vm->h.ref)) != NULL) {
		cr_assert_eq(
		    mem_rules.check(v, IDL_CLASS_VM, vm, &why), ERR_NONE);
		cr_assert_eq(mem_overhead(vm, &bytes, &why), ERR_NONE);
		cr_assert_eq(bytes, vm->memory_overhead);
	}
	fld_unpin(w->reader, v);
}

/* two_hosts - a world with two hosts and one halted VM */
static void
two_hosts(struct help_world *w)
{
	cr_assert_eq(help_world_open(w, NULL, 0, NULL), ERR_NONE);
	help_begin(w);
	help_host(w, HOST, 64 * GIB, 0);
	help_host(w, OTHER_HOST, 32 * GIB, 0);
	help_vm(w, VM, HVM, GIB, 4 * GIB, 4);
	cr_assert_eq(help_end(w, NULL), ERR_NONE);
}

Test(account, sums_follow_the_vm)
{
	static const struct {
		const char *sentence;
		uint64_t resident, scheduled; /* 0: null */
		int64_t dynamic_min;
		int64_t here_resident, here_scheduled, there_scheduled;
	} rows[] = {
	    /* needed = dynamic_min + 39 MiB */
	    {"a halted VM counts nowhere", 0, 0, GIB, 0, 0, 0},
	    {"scheduled", 0, HOST, GIB, 0, 1114636288, 0},
	    {"started: scheduled becomes resident", HOST, 0, GIB, 1114636288, 0,
		0},
	    {"a new dynamic_min moves the sum", HOST, 0, 2 * GIB, 2188378112, 0,
		0},
	    {"an odd byte takes a MiB", HOST, 0, 2 * GIB + 1, 2189426688, 0, 0},
	    {"migrating: counted on both", HOST, OTHER_HOST, GIB, 1114636288, 0,
		1114636288},
	    {"within one host it is counted once", HOST, HOST, GIB, 1114636288,
		0, 0},
	    {"shut down", 0, 0, GIB, 0, 0, 0},
	};
	struct help_world w;
	struct idl_vm *vm;
	size_t i;

	two_hosts(&w);
	for (i = 0; i < N(rows); i++) {
		help_begin(&w);
		vm = help_vm_edit(&w, VM);
		vm->memory_dynamic_min = rows[i].dynamic_min;
		vm->resident_on =
		    rows[i].resident ? help_ref(rows[i].resident) : none;
		vm->scheduled_to_be_resident_on =
		    rows[i].scheduled ? help_ref(rows[i].scheduled) : none;
		cr_assert_eq(help_end(&w, NULL), ERR_NONE);
		cr_expect_eq(account_of(&w, HOST).resident_bytes,
		    rows[i].here_resident, "%s", rows[i].sentence);
		cr_expect_eq(account_of(&w, HOST).scheduled_bytes,
		    rows[i].here_scheduled, "%s", rows[i].sentence);
		cr_expect_eq(account_of(&w, OTHER_HOST).scheduled_bytes,
		    rows[i].there_scheduled, "%s", rows[i].sentence);
		expect_sound(&w);
	}
	help_world_close(&w);
}

Test(account, revision_moves_only_with_the_sums)
{
	struct help_world w;
	int64_t before;

	two_hosts(&w);
	help_begin(&w);
	help_vm_edit(&w, VM)->resident_on = help_ref(HOST);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	before = account_of(&w, HOST).revision;
	cr_expect_gt(before, 0);
	help_begin(&w);
	help_vm_edit(&w, VM)->name_label = "renamed";
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_eq(account_of(&w, HOST).revision, before);
	cr_expect_eq(account_of(&w, OTHER_HOST).revision, 0);
	help_begin(&w);
	help_vm_edit(&w, VM)->memory_dynamic_min = 2 * GIB;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_gt(account_of(&w, HOST).revision, before);
	help_world_close(&w);
}

Test(account, a_deleted_vm_leaves_the_sums)
{
	struct help_world w;
	struct idl_ref ref = help_ref(VM);

	two_hosts(&w);
	help_begin(&w);
	help_vm_edit(&w, VM)->resident_on = help_ref(HOST);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	help_begin(&w);
	fld_tx_delete(w.tx, IDL_CLASS_VM, &ref);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_eq(account_of(&w, HOST).resident_bytes, 0);
	expect_sound(&w);
	help_world_close(&w);
}

Test(account, comes_and_goes_with_its_host)
{
	struct help_world w;
	struct idl_ref ref = help_ref(OTHER_HOST);
	struct idl_host_account account;
	const struct fld_view *v;

	two_hosts(&w);
	account = account_of(&w, OTHER_HOST);
	cr_expect(idl_ref_equal(&account.host, &ref));
	help_begin(&w);
	fld_tx_delete(w.tx, IDL_CLASS_HOST, &ref);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	v = fld_pin(w.reader);
	cr_expect_null(fld_get(v, IDL_CLASS_HOST_ACCOUNT, &ref));
	fld_unpin(w.reader, v);
	expect_sound(&w);
	help_world_close(&w);
}

Test(account, a_host_with_vms_cannot_go_alone)
{
	struct help_world w;
	struct idl_ref ref = help_ref(HOST);

	two_hosts(&w);
	help_begin(&w);
	help_vm_edit(&w, VM)->resident_on = ref;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	help_begin(&w);
	fld_tx_delete(w.tx, IDL_CLASS_HOST, &ref);
	cr_expect_eq(help_end(&w, NULL), ERR_INTERNAL_ERROR);
	expect_sound(&w);
	help_begin(&w);
	help_vm_edit(&w, VM)->resident_on = none;
	fld_tx_delete(w.tx, IDL_CLASS_HOST, &ref);
	cr_expect_eq(help_end(&w, NULL), ERR_NONE, "with its VMs it can");
	expect_sound(&w);
	help_world_close(&w);
}

Test(account, host_and_guest_may_be_born_together_in_any_order)
{
	struct help_world w;

	cr_assert_eq(help_world_open(&w, NULL, 0, NULL), ERR_NONE);
	help_begin(&w);
	help_vm(&w, VM, HVM, GIB, GIB, 1)->resident_on = help_ref(HOST);
	help_host(&w, HOST, 64 * GIB, 0);
	help_vm(&w, VM + 1, HVM, GIB, GIB, 1)->resident_on = help_ref(HOST);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_gt(account_of(&w, HOST).resident_bytes, 2 * GIB);
	expect_sound(&w);
	help_world_close(&w);
}

Test(account, overhead_and_domain_type_are_derived)
{
	struct help_world w;
	struct idl_vm *vm;

	two_hosts(&w);
	help_begin(&w);
	vm = help_vm(&w, VM + 1, IDL_DOMAIN_TYPE_UNSPECIFIED, GIB, GIB, 1);
	vm->HVM_boot_policy = "";
	vm = help_vm(&w, VM + 2, IDL_DOMAIN_TYPE_UNSPECIFIED, GIB, GIB, 1);
	vm->HVM_boot_policy = "BIOS order";
	vm->memory_overhead = 12345;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	help_begin(&w);
	vm = help_vm_edit(&w, VM + 1);
	cr_expect_eq(vm->domain_type, IDL_DOMAIN_TYPE_PV);
	cr_expect_eq(vm->memory_overhead, 11534336);
	vm = help_vm_edit(&w, VM + 2);
	cr_expect_eq(vm->domain_type, HVM);
	cr_expect_eq(vm->memory_overhead, 12582912);
	vm->VCPUs_max = 64;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	expect_sound(&w);
	help_world_close(&w);
}

/* What a caller may try to store: changes one VM that is fine. */
typedef void spoil_f(struct idl_vm *vm);

static void
order(struct idl_vm *vm)
{
	vm->memory_dynamic_min = vm->memory_dynamic_max + 1;
}

static void
negative(struct idl_vm *vm)
{
	vm->memory_static_min = -1;
}

static void
too_large(struct idl_vm *vm)
{
	vm->memory_static_max = INT64_MAX;
}

static void
no_vcpus(struct idl_vm *vm)
{
	vm->VCPUs_max = -1;
}

static void
multiplier(struct idl_vm *vm)
{
	vm->HVM_shadow_multiplier = 0.99;
}

static void
nowhere(struct idl_vm *vm)
{
	vm->resident_on = help_ref(77);
}

static void
template_too(struct idl_vm *vm)
{
	vm->is_a_template = true;
	vm->memory_static_max = vm->memory_dynamic_max - 1;
}

static void
running_too(struct idl_vm *vm)
{
	vm->resident_on = help_ref(HOST);
	vm->memory_dynamic_max = vm->memory_dynamic_min - 1;
}

Test(account, unsound_records_are_not_stored)
{
	static const struct {
		const char *sentence;
		spoil_f *spoil;
		enum err err;
		const char *param;
	} rows[] = {
	    {"bounds out of order", order,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER, NULL},
	    {"a negative bound", negative, ERR_INVALID_VALUE,
		"memory_static_min"},
	    {"more than an amount can say", too_large, ERR_INVALID_VALUE,
		"memory_static_max"},
	    {"negative vCPUs", no_vcpus, ERR_INVALID_VALUE, "VCPUs_max"},
	    {"a multiplier below 1", multiplier, ERR_INVALID_VALUE,
		"HVM_shadow_multiplier"},
	    {"a host that does not exist", nowhere, ERR_HANDLE_INVALID, "host"},
	    {"a template out of order", template_too,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER, NULL},
	    {"sums do not move for a refused change", running_too,
		ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER, NULL},
	};
	struct help_world w;
	struct failure why;
	size_t i;

	two_hosts(&w);
	for (i = 0; i < N(rows); i++) {
		help_begin(&w);
		rows[i].spoil(help_vm_edit(&w, VM));
		cr_expect_eq(
		    help_end(&w, &why), rows[i].err, "%s", rows[i].sentence);
		if (rows[i].param != NULL)
			cr_expect_str_eq(why.param[0], rows[i].param);
		cr_expect_eq(account_of(&w, HOST).resident_bytes, 0);
		expect_sound(&w);
	}
	help_world_close(&w);
}

Test(account, a_sum_does_not_wrap)
{
	struct help_world w;
	struct failure why;
	uint64_t i;

	two_hosts(&w);
	for (i = 0; i < 3; i++) {
		help_begin(&w);
		help_vm(&w, 200 + i, HVM, GIB << 32, GIB << 32, 1)
		    ->resident_on = help_ref(HOST);
		cr_expect_eq(
		    help_end(&w, &why), i == 0 ? ERR_NONE : ERR_INTERNAL_ERROR);
	}
	cr_expect_eq(help_free(&w, HOST), 0);
	expect_sound(&w);
	help_world_close(&w);
}

/* loaded_world - the records of a sound journal, to be spoiled one by one */
struct loaded_world {
	struct idl_host host;
	struct idl_host_account account;
	struct idl_vm vm;
};

static void
loaded_world(struct loaded_world *l)
{
	idl_record_init(idl_classes[IDL_CLASS_HOST], &l->host);
	l->host.h.ref = help_ref(HOST);
	l->host.uuid = "00000000-0000-0001-8000-000000000001";
	idl_record_init(idl_classes[IDL_CLASS_HOST_ACCOUNT], &l->account);
	l->account.h.ref = help_ref(HOST);
	l->account.host = help_ref(HOST);
	l->account.resident_bytes = 1114636288;
	idl_record_init(idl_classes[IDL_CLASS_VM], &l->vm);
	l->vm.h.ref = help_ref(VM);
	l->vm.uuid = "00000000-0000-0064-8000-000000000064";
	l->vm.domain_type = HVM;
	l->vm.memory_static_max = 4 * GIB;
	l->vm.memory_dynamic_max = 4 * GIB;
	l->vm.memory_dynamic_min = GIB;
	l->vm.VCPUs_max = 4;
	l->vm.HVM_shadow_multiplier = 1.0;
	l->vm.memory_overhead = 40894464;
	l->vm.resident_on = help_ref(HOST);
}

Test(account, a_damaged_journal_is_refused)
{
	enum {
		SOUND,
		SUM,
		SCHEDULED,
		LIMITS,
		HOST_GONE,
		ACCOUNT_GONE,
		NEGATIVE
	};
	static const struct {
		const char *sentence;
		int damage;
		bool ok;
	} rows[] = {
	    {"a sound one opens", SOUND, true},
	    {"a sum that is off by a byte", SUM, false},
	    {"a sum of nobody", SCHEDULED, false},
	    {"bounds out of order", LIMITS, false},
	    {"a VM on no known host", HOST_GONE, false},
	    {"a host without account", ACCOUNT_GONE, false},
	    {"a negative reserve", NEGATIVE, false},
	};
	struct loaded_world l;
	struct help_world w;
	struct failure why;
	const void *rec[3];
	enum err rc;
	size_t i, n;

	for (i = 0; i < N(rows); i++) {
		loaded_world(&l);
		if (rows[i].damage == SUM)
			l.account.resident_bytes--;
		if (rows[i].damage == SCHEDULED)
			l.account.scheduled_bytes = 1;
		if (rows[i].damage == LIMITS)
			l.vm.memory_static_min = 2 * GIB;
		if (rows[i].damage == NEGATIVE)
			l.account.reserved_bytes = -1;
		n = 0;
		rec[n++] = &l.vm;
		if (rows[i].damage != HOST_GONE)
			rec[n++] = &l.host;
		if (rows[i].damage != ACCOUNT_GONE)
			rec[n++] = &l.account;
		rc = help_world_open(&w, rec, n, &why);
		cr_expect_eq(
		    rc == ERR_NONE, rows[i].ok, "%s", rows[i].sentence);
		if (rc != ERR_NONE)
			continue;
		expect_sound(&w);
		help_world_close(&w);
	}
}

Test(account, recount_is_per_host)
{
	struct help_world w;
	struct idl_ref here = help_ref(HOST), there = help_ref(OTHER_HOST);
	int64_t sums[MEM_SUMS];
	const struct fld_view *v;
	struct idl_vm *vm;

	two_hosts(&w);
	help_begin(&w);
	vm = help_vm_edit(&w, VM);
	vm->resident_on = here;
	vm->scheduled_to_be_resident_on = there;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	v = fld_pin(w.reader);
	cr_assert_eq(mem_recount(v, &here, sums, NULL), ERR_NONE);
	cr_expect(sums[MEM_RESIDENT] == 1114636288 && sums[MEM_SCHEDULED] == 0);
	cr_assert_eq(mem_recount(v, &there, sums, NULL), ERR_NONE);
	cr_expect(sums[MEM_RESIDENT] == 0 && sums[MEM_SCHEDULED] == 1114636288);
	fld_unpin(w.reader, v);
	help_world_close(&w);
}

Test(account, nesting_is_what_the_metrics_say_else_the_platform)
{
	static const struct {
		const char *sentence;
		const char *platform; /* NULL: no such key */
		int metrics;	      /* -1: no record */
		enum mem_nested nested;
	} rows[] = {
	    {"nothing said", NULL, -1, MEM_NOT_NESTED},
	    {"platform true", "true", -1, MEM_NESTED},
	    {"platform TRUE", "TRUE", -1, MEM_NESTED},
	    {"platform 1", "1", -1, MEM_NESTED},
	    {"platform 0", "0", -1, MEM_NOT_NESTED},
	    {"platform yes is not a yes", "yes", -1, MEM_NOT_NESTED},
	    {"metrics hide the platform", "true", 0, MEM_NOT_NESTED},
	    {"metrics say so", NULL, 1, MEM_NESTED},
	};
	const char *keys[] = {"viridian", "nested-virt"};
	const char *values[] = {"true", NULL};
	struct idl_map map = {2, keys, values};
	struct idl_ref ref = help_ref(500);
	struct idl_vm_metrics *metrics;
	const struct fld_view *v;
	struct help_world w;
	struct idl_vm *vm;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		two_hosts(&w);
		v = help_begin(&w);
		vm = help_vm_edit(&w, VM);
		values[1] = rows[i].platform;
		map.n = rows[i].platform == NULL ? 1 : 2;
		vm->platform = &map;
		if (rows[i].metrics >= 0) {
			metrics =
			    fld_tx_create(w.tx, IDL_CLASS_VM_METRICS, &ref);
			metrics->nested_virt = rows[i].metrics;
			vm->metrics = ref;
		}
		cr_expect_eq(mem_is_nested(v, vm), rows[i].nested, "%s",
		    rows[i].sentence);
		help_world_close(&w);
	}
}

/* random_host - one of two, or null */
static struct idl_ref
random_host(struct help_random *r)
{
	uint64_t n = help_random_below(r, 3);

	return n == 0 ? none : help_ref(n);
}

/* random_step - change, make or delete a VM; may be refused */
static void
random_step(struct help_world *w, struct help_random *r)
{
	uint64_t n = VM + help_random_below(r, 8);
	struct idl_ref ref = help_ref(n);
	struct idl_vm *vm;

	if (fld_get(fld_tx_view(w->tx), IDL_CLASS_VM, &ref) == NULL) {
		vm = help_vm(
		    w, n, (int32_t)help_random_below(r, 4), GIB, GIB, 1);
		vm->resident_on = random_host(r);
		return;
	}
	if (help_random_below(r, 8) == 0) {
		fld_tx_delete(w->tx, IDL_CLASS_VM, &ref);
		return;
	}
	vm = help_vm_edit(w, n);
	vm->domain_type = (int32_t)help_random_below(r, 5);
	vm->memory_dynamic_min = (int64_t)help_random_below(r, 1 << 30);
	vm->memory_static_min = vm->memory_dynamic_min / 2;
	vm->memory_dynamic_max = help_random_bytes(r) >> 20;
	vm->memory_static_max =
	    vm->memory_dynamic_max + help_random_bytes(r) / (1 << 20);
	vm->VCPUs_max = (int64_t)help_random_below(r, 100) - 2;
	vm->HVM_shadow_multiplier =
	    0.98 + (double)help_random_below(r, 300) / 100;
	vm->resident_on = random_host(r);
	vm->scheduled_to_be_resident_on = random_host(r);
}

/* random_life - many transactions of several steps under one policy */
static void
random_life(enum mem_policy policy)
{
	struct help_random r;
	struct help_world w;
	int i, committed = 0, steps;

	mem_set_policy(policy);
	help_random_init(&r, "account.random");
	two_hosts(&w);
	for (i = 0; i < 3000; i++) {
		help_begin(&w);
		for (steps = 1 + (int)help_random_below(&r, 4); steps > 0;
		     steps--)
			random_step(&w, &r);
		if (help_random_below(&r, 10) == 0)
			fld_tx_abort(&w.tx);
		else
			committed += help_end(&w, NULL) == ERR_NONE;
		arena_reset(&w.arena);
		expect_sound(&w);
	}
	cr_expect_gt(committed, 100);
	cr_expect_lt(committed, 2900);
	help_world_close(&w);
}

Test(account, random_life_under_dynamic_min)
{
	random_life(MEM_POLICY_DYNAMIC_MIN);
}

Test(account, random_life_under_dynamic_max)
{
	random_life(MEM_POLICY_DYNAMIC_MAX);
}

Test(account, random_life_under_static_max)
{
	random_life(MEM_POLICY_STATIC_MAX);
}

Test(account, out_of_memory_changes_nothing)
{
	struct help_world w;
	struct failure why;
	bool failed = true;
	enum err rc;
	size_t n;

	two_hosts(&w);
	for (n = 1; failed; n++) {
		help_begin(&w);
		help_vm_edit(&w, VM)->resident_on = help_ref(HOST);
		help_alloc_fail_nth(n);
		rc = fld_tx_close(&w.tx, &why);
		failed = help_alloc_stop();
		cr_expect(failed || rc == ERR_NONE);
		if (rc == ERR_NONE)
			break;
		cr_assert_eq(rc, ERR_INTERNAL_ERROR);
		cr_expect_eq(account_of(&w, HOST).resident_bytes, 0);
		expect_sound(&w);
	}
	cr_expect_eq(fld_batch_commit(w.store, &why), FLD_COMMITTED);
	cr_expect_eq(account_of(&w, HOST).resident_bytes, 1114636288);
	expect_sound(&w);
	help_world_close(&w);
}
