/* SPDX-License-Identifier: BSD-2-Clause */

/* host.explain_memory and pool.plan_placement: answers that change nothing. */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* own */
#include "tests/api/help_suite.h"

static struct world w;
static struct idl_ref host, other;

static void
open_world(void)
{
	struct hv_sim_host hosts[2];

	suite_two(hosts);
	suite_open(&w, hosts, 2);
	suite_find_two(&w, &host, &other);
}

static void
close_world(void)
{
	suite_close(&w);
}

TestSuite(explain, .init = open_world, .fini = close_world);

/* sized - a VM of one size, not started */
static struct idl_ref
sized(const char *name, int64_t mib)
{
	struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, mib, mib, mib, mib, 1, 1.0, NULL};

	return world_new_vm(&w, &s);
}

/* The rows of one answer; it lives as long as the call. */
struct answer {
	struct world_call p;
	const struct idl_memory_share *const *row;
	uint32_t n;
};

static void
explain(struct answer *a, const struct idl_ref *of)
{
	const struct idl_set *set;

	world_begin(&w, &a->p, "host.explain_memory", of);
	cr_assert(a->p.ended);
	cr_assert_eq(a->p.c.err, ERR_NONE);
	memcpy(&set, a->p.c.result, sizeof(set));
	a->row = (const struct idl_memory_share *const *)set->items;
	a->n = set->n;
}

/* of_kind - the sum over the rows of a kind, by column */
enum column { NEEDED, ACTUAL, KEPT };
static int64_t
of_kind(const struct answer *a, int32_t kind, enum column column)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < a->n; i++)
		if (kind < 0 || a->row[i]->kind == kind)
			sum += column == NEEDED	  ? a->row[i]->needed
			       : column == ACTUAL ? a->row[i]->actual
						  : a->row[i]->kept;
	return sum;
}

/* expect_exact - every byte is somewhere, in both accounts */
static void
expect_exact(const struct idl_ref *of, const char *when)
{
	const struct idl_host *h = world_host(&w, of);
	const struct idl_host_metrics *m =
	    fld_get(w.pin, IDL_CLASS_HOST_METRICS, &h->metrics);
	int64_t total = m->memory_total, free_bytes = world_free(&w, of);
	struct answer a;

	explain(&a, of);
	cr_expect_eq(
	    of_kind(&a, -1, ACTUAL) + of_kind(&a, -1, KEPT), total, "%s", when);
	cr_expect_eq(of_kind(&a, -1, NEEDED), total, "%s", when);
	cr_expect_eq(of_kind(&a, IDL_MEMORY_SHARE_KIND_FREE, NEEDED),
	    free_bytes, "%s", when);
	cr_expect_eq(of_kind(&a, IDL_MEMORY_SHARE_KIND_EMERGENCY_POOL, ACTUAL),
	    (int64_t)MEM_RESERVED_BYTES, "%s", when);
	/* Whatever runs, the hypervisor's own is the same. */
	cr_expect_eq(of_kind(&a, IDL_MEMORY_SHARE_KIND_XEN, ACTUAL),
	    of_kind(&a, IDL_MEMORY_SHARE_KIND_XEN, NEEDED), "%s", when);
	(void)world_end(&a.p);
}

Test(explain, every_byte_is_somewhere_at_every_step)
{
	struct world_shape s = {"b", IDL_DOMAIN_TYPE_HVM, 256, 512, 2048, 2048,
	    2, 1.0, "rate_kib_s=1024"};
	struct idl_ref a = sized("a", 1000), b, c = sized("c", 333);
	struct world_call p;

	expect_exact(&host, "an empty host");
	works("VM.start_on", &a, &host, 0, 0);
	expect_exact(&host, "a VM");
	works("memory_reservation.create", &host, 100 * MIB + 1,
	    200 * MIB + 5000, (int64_t)60, "me");
	expect_exact(&host, "a reservation");
	works("memory_reservation.create_for_VM", &c, &host,
	    IDL_MEMORY_RESERVATION_OPERATION_START, (int64_t)60);
	expect_exact(&host, "another, for a VM");
	b = world_new_vm(&w, &s);
	works("VM.start_on", &b, &host, 0, 0);
	w.hangs = true;
	world_begin(&w, &p, "VM.start_on", &c, &host, 0, 0);
	expect_exact(&host, "a VM on its way");
	expect_exact(&other, "a host where nothing is");
	w.hangs = false;
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&p.c);
	expect_exact(&host, "after a restart");
}

Test(explain, a_start_is_shown_from_the_grant_on)
{
	struct idl_ref vm = sized("a", 1000);
	int64_t free_bytes = world_free(&w, &host);
	struct world_call p;
	struct answer a;

	w.hangs = true;
	world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	expect_exact(&host, "a start");
	explain(&a, &host);
	/* As much is kept for it in Xen as it counts. */
	cr_expect_eq(of_kind(&a, IDL_MEMORY_SHARE_KIND_ARRIVING_VM, NEEDED),
	    free_bytes - world_free(&w, &host));
	cr_expect_eq(of_kind(&a, IDL_MEMORY_SHARE_KIND_ARRIVING_VM, KEPT),
	    of_kind(&a, IDL_MEMORY_SHARE_KIND_ARRIVING_VM, NEEDED));
	cr_expect_gt(
	    of_kind(&a, IDL_MEMORY_SHARE_KIND_ARRIVING_VM, KEPT), 1000 * MIB);
	(void)world_end(&a.p);
	w.hangs = false;
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&p.c);
	explain(&a, &host);
	cr_expect_eq(of_kind(&a, IDL_MEMORY_SHARE_KIND_ARRIVING_VM, KEPT), 0);
	(void)world_end(&a.p);
}

Test(explain, a_vm_says_what_it_has_and_may_have)
{
	struct world_shape s = {
	    "b", IDL_DOMAIN_TYPE_HVM, 256, 512, 2048, 2048, 2, 1.0, NULL};
	struct idl_ref vm = world_new_vm(&w, &s);
	const struct idl_memory_share *r = NULL;
	struct answer a;

	works("VM.start_on", &vm, &host, 0, 0);
	explain(&a, &host);
	for (uint32_t i = 0; i < a.n; i++)
		if (idl_ref_equal(&a.row[i]->object, &vm))
			r = a.row[i];
	cr_assert_not_null(r);
	cr_expect_eq(r->kind, IDL_MEMORY_SHARE_KIND_VM);
	cr_expect_str_eq(r->name, "b");
	cr_expect_eq(r->dynamic_min, 512 * MIB);
	cr_expect_eq(r->dynamic_max, 2048 * MIB);
	cr_expect_eq(r->target, 512 * MIB);
	cr_expect_eq(r->actual, r->needed, "it is as small as it may be");
	(void)world_end(&a.p);
}

/* ---- plans ---- */

static const struct idl_map *
policy(const char *key, const char *value)
{
	static const char *keys[1], *values[1];
	static const struct idl_map m = {1, keys, values};

	keys[0] = key;
	values[0] = value;
	return &m;
}

/* plan - plan_placement; how many VMs it places on the first host */
static uint32_t
plan(const struct idl_ref *vms, uint32_t n, const struct idl_map *options)
{
	const struct idl_set set = {n, vms};
	const struct idl_map *m;
	const struct idl_ref *on;
	struct world_call p;
	uint32_t here = 0;

	world_begin(&w, &p, "pool.plan_placement", &set, options);
	cr_assert(p.ended);
	cr_assert_eq(p.c.err, ERR_NONE, "%s", idl_errors[p.c.err].code);
	memcpy(&m, p.c.result, sizeof(m));
	cr_expect_eq(m->n, n);
	on = m->values;
	for (uint32_t i = 0; i < m->n; i++)
		here += idl_ref_equal(&on[i], &host);
	(void)world_end(&p);
	return here;
}

Test(explain, a_plan_spreads_or_packs_and_can_be_carried_out)
{
	struct idl_ref vms[4];
	int64_t before = world_free(&w, &host);

	for (int i = 0; i < 4; i++)
		vms[i] = sized("a", 100);
	cr_expect_eq(plan(vms, 4, &idl_map_none), 2);
	cr_expect_eq(plan(vms, 4, policy("policy", "spread")), 2);
	cr_expect_eq(plan(vms, 4, policy("policy", "pack")) % 4, 0);
	cr_expect_eq(plan(vms, 0, &idl_map_none), 0);
	cr_expect_eq(world_free(&w, &host), before, "nothing is promised");
}

Test(explain, what_only_fits_together_in_one_way_is_found)
{
	/* Of each host 10 parts are free: 6+4 and 5+5, by size 6 5 5 4. */
	static const int64_t parts[] = {6, 5, 5, 4};
	int64_t part = world_free(&w, &host) / 10 / MIB;
	struct idl_ref vms[4], set_order[4];

	for (int i = 0; i < 4; i++)
		vms[i] = sized("a", parts[i] * part * 98 / 100);
	cr_expect_eq(plan(vms, 4, &idl_map_none), 2);
	for (int i = 0; i < 4; i++)
		set_order[i] = vms[3 - i];
	cr_expect_eq(plan(set_order, 4, policy("policy", "pack")), 2);
}

Test(explain, the_vm_that_finds_no_room_is_named_with_the_reason)
{
	int64_t all = world_free(&w, &host);
	struct idl_ref vms[3], nobody = {7, 7}, running = sized("r", 64);
	struct idl_set set = {3, vms};
	const struct idl_ref *bad;
	char text[200], ref[IDL_REF_TEXT];
	int64_t needed;
	struct failure why;

	for (int i = 0; i < 3; i++)
		vms[i] = sized("a", all / MIB * 9 / 10 - i);
	cr_assert_eq(world_call(&w, "pool.plan_placement", &set, &idl_map_none),
	    ERR_VM_CANNOT_BE_PLACED);
	bad = &vms[2];
	idl_ref_write(bad, ref);
	cr_assert_eq(mem_needed(world_vm(&w, bad), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	(void)snprintf(text, sizeof(text),
	    "VM_CANNOT_BE_PLACED %s HOST_NOT_ENOUGH_FREE_MEMORY %lld ", ref,
	    (long long)needed);
	cr_expect_eq(
	    strncmp(world_why(&w), text, strlen(text)), 0, "%s", world_why(&w));
	cr_expect_eq(world_call(&w, "pool.plan_placement", &set,
			 policy("policy", "best")),
	    ERR_INVALID_VALUE);
	cr_expect_eq(world_call(&w, "pool.plan_placement", &set,
			 policy("colour", "red")),
	    ERR_INVALID_VALUE);
	vms[0] = nobody;
	cr_expect_eq(world_call(&w, "pool.plan_placement", &set, &idl_map_none),
	    ERR_HANDLE_INVALID);
	works("VM.start", &running, 0, 0);
	vms[0] = running;
	cr_expect_eq(world_call(&w, "pool.plan_placement", &set, &idl_map_none),
	    ERR_VM_BAD_POWER_STATE);
}

Test(explain, a_plan_goes_where_it_is_reserved)
{
	struct idl_ref vm = sized("a", 100), rest;
	int64_t left;

	works("memory_reservation.create_for_VM", &vm, &other,
	    IDL_MEMORY_RESERVATION_OPERATION_START, (int64_t)60);
	cr_expect_eq(plan(&vm, 1, &idl_map_none), 0);
	left = world_free(&w, &other);
	works(
	    "memory_reservation.create", &other, left, left, (int64_t)60, "x");
	rest = w.result.ref;
	cr_expect_eq(plan(&vm, 1, &idl_map_none), 0, "it has what is reserved");
	works("memory_reservation.destroy", &rest);
}

/* plan_many - the answer for n VMs, of which all are one, in another world */
static const char *
plan_many(uint32_t n, size_t nhosts)
{
	static struct hv_sim_host hosts[WORLD_HOSTS_MAX];
	static struct idl_ref refs[1001];
	static struct world big;
	struct idl_set set = {n, refs};
	static char text[200];
	struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_HVM, 64, 64, 64, 64, 1, 1.0, NULL};

	for (size_t i = 0; i < nhosts; i++) {
		hv_sim_host_init(&hosts[i]);
		(void)snprintf(hosts[i].name, sizeof(hosts[i].name), "h%zu", i);
	}
	world_open(&big, hosts, nhosts, NULL);
	cr_assert(big.ready, "%s", big.text);
	refs[0] = world_new_vm(&big, &s);
	for (uint32_t i = 1; i < n; i++)
		refs[i] = refs[0];
	text[0] = '\0';
	if (world_call(&big, "pool.plan_placement", &set, &idl_map_none) !=
	    ERR_NONE)
		(void)snprintf(text, sizeof(text), "%s", world_why(&big));
	world_close(&big);
	return text;
}

Test(explain, more_than_can_be_planned_for_is_refused)
{
	cr_expect_str_eq(plan_many(1000, 1), "");
	cr_expect_str_eq(
	    plan_many(1001, 1), "VALUE_NOT_SUPPORTED vms 1001 at most 1000");
	cr_expect_str_eq(plan_many(1, 64), "");
	cr_expect_str_eq(
	    plan_many(1, 65), "VALUE_NOT_SUPPORTED hosts 65 at most 64");
}
