/* SPDX-License-Identifier: BSD-2-Clause */

/* Any sequence of domains made and ended, seen or not, beside any changes by
 * clients: what anybody changed is there for ever, and every domain is the VM
 * that it should be. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* own */
#include "tests/api/help_xen.h"
#include "tests/model/help_random.h"

#define STEPS 1500
#define DOMAINS 8
#define NAMES 5
#define KEPT_MAX 40

/* What there is, as this test knows it. */
struct life {
	uint64_t n; /* of its uuid; 0: nobody */
	int32_t domid;
	char name[8];
};
struct kept {
	struct idl_ref ref;
	char tag[24];
};
static struct {
	struct world w;
	struct help_random r;
	struct life live[DOMAINS];
	struct kept kept[KEPT_MAX];
	size_t nkept;
	uint64_t last_n;
	int32_t last_domid;
	char said[100];
} g;

static uint64_t
below(uint64_t n)
{
	return help_random_below(&g.r, n);
}

/* ---- the world as it should be shown ---- */

static bool
is_on(const struct idl_vm *vm)
{
	return vm->power_state == IDL_VM_POWER_STATE_RUNNING;
}

/* vm_of - the VM with a domain's uuid */
static const struct idl_vm *
vm_of(const struct life *d)
{
	const char *uuid = xen_uuid_text(d->n);

	(void)world_first_host(&g.w);
	return fld_find(g.w.pin, IDL_CLASS_VM, IDL_VM_F_UUID, &uuid, NULL);
}

/* named - live domains of a name */
static unsigned
named(const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < DOMAINS; i++)
		n += g.live[i].n != 0 && strcmp(g.live[i].name, name) == 0;
	return n;
}

/* halted_of - records without a domain that had a name last */
static unsigned
halted_of(const char *name)
{
	const struct idl_vm *vm = NULL;
	unsigned n = 0;

	while ((vm = fld_next(g.w.pin, IDL_CLASS_VM,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		n += vm->power_state == IDL_VM_POWER_STATE_HALTED &&
		     strcmp(vm->domain_name, name) == 0;
	return n;
}

static void
check_domain(const struct life *d)
{
	const struct idl_vm *vm = vm_of(d);

	cr_assert_not_null(vm, "%s: no VM of %s", g.said, d->name);
	cr_assert_eq(vm->power_state, IDL_VM_POWER_STATE_RUNNING, "%s", g.said);
	cr_assert_eq(vm->domid, d->domid, "%s", g.said);
	cr_assert_str_eq(vm->domain_name, d->name, "%s", g.said);
	/* Who has but one record to be is that. */
	cr_assert_not(
	    vm->discovered && named(d->name) == 1 && halted_of(d->name) == 1,
	    "%s: %s is not taken for what it was", g.said, d->name);
}

static void
check(void)
{
	const struct idl_vm *vm = NULL;
	unsigned live = 0, running = 0;

	for (size_t i = 0; i < DOMAINS; i++)
		if (g.live[i].n != 0) {
			check_domain(&g.live[i]);
			live++;
		}
	(void)world_first_host(&g.w);
	while ((vm = fld_next(g.w.pin, IDL_CLASS_VM,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL) {
		if (vm->is_control_domain)
			continue;
		running += is_on(vm);
		cr_assert(is_on(vm) || !vm->discovered,
		    "%s: %s is not forgotten", g.said, vm->name_label);
	}
	cr_assert_eq(running, live, "%s", g.said);
	for (size_t i = 0; i < g.nkept; i++) {
		vm = world_vm(&g.w, &g.kept[i].ref);
		cr_assert_str_eq(
		    vm->name_description, g.kept[i].tag, "%s", g.said);
		cr_assert_not(vm->discovered, "%s", g.said);
	}
	world_check(&g.w);
}

/* ---- what can happen ---- */

/* report - everything, in any order, after a restart or not */
static void
report(bool restart)
{
	struct hv_msg m[DOMAINS];
	size_t from = below(DOMAINS), n = 0;

	if (restart)
		world_restart(&g.w, WORLD_GOES_ON);
	for (size_t i = 0; i < DOMAINS; i++) {
		const struct life *d = &g.live[(from + i) % DOMAINS];

		if (d->n != 0)
			m[n++] = xen_domain(&g.w, d->n, d->domid, d->name);
	}
	xen_report(&g.w, 0, m, n);
}

/* make - a domain; seen: the daemon looks */
static void
make(bool seen)
{
	struct life *d = &g.live[below(DOMAINS)];
	struct hv_msg m;

	if (d->n != 0)
		return;
	(void)snprintf(d->name, sizeof(d->name), "n%u", (unsigned)below(NAMES));
	/* xl allows no two of a name; others may. */
	if (named(d->name) > 0 && below(8) > 0)
		return;
	d->n = ++g.last_n;
	d->domid = ++g.last_domid;
	if (!seen)
		return;
	m = xen_domain(&g.w, d->n, d->domid, d->name);
	world_fact(&g.w, &m);
}

/* retell - a name is free: who waits for it takes it with its next fact */
static void
retell(void)
{
	struct hv_msg m;

	for (size_t i = 0; i < DOMAINS; i++) {
		const struct life *d = &g.live[i];

		if (d->n == 0)
			continue;
		m = xen_domain(&g.w, d->n, d->domid, d->name);
		world_fact(&g.w, &m);
	}
}

/* end - of a domain; seen: the daemon looks */
static void
end(bool seen)
{
	struct life *d = &g.live[below(DOMAINS)];
	struct hv_msg m;

	if (d->n == 0)
		return;
	m = xen_gone(&g.w, d->n, d->domid);
	d->n = 0;
	if (seen)
		world_fact(&g.w, &m);
	/* Whoever waited for its name hears of that with its next fact. */
	for (size_t i = 0; seen && i < DOMAINS; i++)
		if (g.live[i].n != 0) {
			m = xen_domain(
			    &g.w, g.live[i].n, g.live[i].domid, g.live[i].name);
			world_fact(&g.w, &m);
		}
}

/* change - a client gives a running VM a description, or one more limit */
static void
change(void)
{
	const struct life *d = &g.live[below(DOMAINS)];
	struct kept *k = &g.kept[g.nkept];
	const struct idl_vm *vm = d->n != 0 ? vm_of(d) : NULL;

	if (vm == NULL)
		return;
	for (size_t i = 0; i < g.nkept; i++)
		if (idl_ref_equal(&g.kept[i].ref, &vm->h.ref))
			k = &g.kept[i];
	if (k == &g.kept[KEPT_MAX])
		return;
	k->ref = vm->h.ref;
	(void)snprintf(k->tag, sizeof(k->tag), "tag %u", (unsigned)below(1000));
	cr_assert_eq(
	    world_call(&g.w, "VM.set_name_description", &k->ref, k->tag),
	    ERR_NONE, "%s", world_why(&g.w));
	if (k == &g.kept[g.nkept])
		g.nkept++;
}

/* discard - a client destroys what does not run */
static void
discard(void)
{
	size_t i = below(KEPT_MAX);

	if (i >= g.nkept ||
	    world_call(&g.w, "VM.destroy", &g.kept[i].ref) != ERR_NONE)
		return;
	g.kept[i] = g.kept[--g.nkept];
	retell();
}

/* away - things happen while no daemon runs */
static void
away(void)
{
	for (uint64_t n = below(6); n > 0; n--)
		if (below(2) == 0)
			make(false);
		else
			end(false);
	report(true);
}

static void
step(unsigned i)
{
	static const struct {
		const char *name;
		unsigned share;
	} kinds[] = {{"make", 30}, {"end", 25}, {"change", 15}, {"discard", 5},
	    {"report", 10}, {"away", 15}};
	uint64_t at = below(100);
	size_t k = 0;

	while (at >= kinds[k].share)
		at -= kinds[k++].share;
	(void)snprintf(g.said, sizeof(g.said), "step %u: %s", i, kinds[k].name);
	switch (k) {
	case 0:
		make(true);
		break;
	case 1:
		end(true);
		break;
	case 2:
		change();
		break;
	case 3:
		discard();
		break;
	case 4:
		report(false);
		break;
	default:
		away();
	}
}

Test(found_random, every_domain_is_the_vm_that_it_should_be, .timeout = 120)
{
	help_random_init(&g.r, "test_found_random");
	world_open(&g.w, NULL, 0, NULL);
	xen_feed(&g.w);
	report(false);
	for (unsigned i = 0; i < STEPS; i++) {
		step(i);
		check();
	}
	cr_expect_gt(g.nkept, 0);
	world_close(&g.w);
}
