/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * plan - on which hosts could these VMs start, all of them?
 *
 * The largest VMs are placed first, each where the policy likes it best.  When
 * one finds no room, earlier choices are taken back, one after the other, as
 * long as that does not take too many steps: so a small set that fits is
 * placed, and a large one nearly always.  Nothing is promised by a plan; who
 * wants that reserves.
 *
 * It is made in one go, in a thread that has other calls to answer: so there
 * is a limit to how many VMs and hosts are looked at, and who asks for more is
 * told so.
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/op.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

#define PLAN_VMS_MAX 1000
#define PLAN_HOSTS_MAX 64
#define PLAN_STEPS_MAX 20000 /* choices looked at, those taken back too */

enum policy { SPREAD, PACK };

/* A VM to be placed; hosts as bits. */
struct guest {
	const struct idl_vm *vm;
	int64_t needed;
	int chosen;	 /* index of a host; -1: none yet */
	uint64_t tried;	 /* and in vain */
	uint64_t barred; /* it could not run there at all */
	int own_host;	 /* where a reservation is held for it; -1: nowhere */
	int64_t own;	 /* what that one reserves */
};

struct plan {
	const struct fld_view *v;
	enum policy policy;
	const struct idl_host *host[PLAN_HOSTS_MAX];
	int64_t left[PLAN_HOSTS_MAX]; /* not promised yet */
	int nhosts;
	struct guest *guest;
	size_t n;
};

/* bit - of a host */
static uint64_t
bit(int host)
{
	return 1ull << host;
}

/* ---- the question ---- */

/* read_options - policy=spread or pack, nothing else */
static enum err
read_options(
    const struct idl_map *m, enum policy *policy_out, struct failure *why)
{
	const char *const *keys = m->keys;
	const char *value = api_vm_map_get(m, "policy");

	for (uint32_t i = 0; i < m->n; i++)
		if (strcmp(keys[i], "policy") != 0)
			return err_fail(
			    why, ERR_INVALID_VALUE, "ss", "options", keys[i]);
	*policy_out =
	    value != NULL && strcmp(value, "pack") == 0 ? PACK : SPREAD;
	if (value == NULL || *policy_out == PACK ||
	    strcmp(value, "spread") == 0)
		return ERR_NONE;
	return err_fail(why, ERR_INVALID_VALUE, "ss", "policy", value);
}

/* check_number - is it one that can be planned for? */
static enum err
check_number(const char *of, uint64_t n, int64_t most, struct failure *why)
{
	char reason[50];

	if (n <= (uint64_t)most)
		return ERR_NONE;
	(void)snprintf(reason, sizeof(reason), "at most %" PRId64, most);
	return err_fail(
	    why, ERR_VALUE_NOT_SUPPORTED, "sds", of, (int64_t)n, reason);
}

/* read_hosts - all of them, with what they can still promise */
static enum err
read_hosts(struct plan *p, struct failure *why)
{
	const struct idl_host *host = NULL;
	enum err rc = check_number(
	    "hosts", fld_count(p->v, IDL_CLASS_HOST), PLAN_HOSTS_MAX, why);

	while (rc == ERR_NONE &&
	       (host = fld_next(p->v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		p->host[p->nhosts] = host;
		rc = mem_free(
		    p->v, &host->h.ref, NULL, &p->left[p->nhosts++], why);
	}
	return rc;
}

/* add - one VM, if it is not there yet */
static enum err
add(struct plan *p, const struct idl_ref *ref, struct failure *why)
{
	const struct idl_vm *vm = fld_get(p->v, IDL_CLASS_VM, ref);
	struct guest *g = &p->guest[p->n];

	if (vm == NULL)
		return err_fail(why, ERR_HANDLE_INVALID, "sr", "VM", ref);
	for (size_t i = 0; i < p->n; i++)
		if (p->guest[i].vm == vm)
			return ERR_NONE;
	if (vm->power_state != IDL_VM_POWER_STATE_HALTED &&
	    vm->power_state != IDL_VM_POWER_STATE_SUSPENDED)
		return api_op_bad_state(vm, "halted, suspended", why);
	g->vm = vm;
	g->chosen = -1;
	g->own_host = -1;
	p->n++;
	return mem_counted(vm, api_vm_floor(vm), &g->needed, why);
}

/* survey - where could a VM run, and what is reserved for it there? */
static void
survey(const struct plan *p, struct guest *g)
{
	const struct idl_memory_reservation *r;

	for (int h = 0; h < p->nhosts; h++) {
		const struct idl_ref *host = &p->host[h]->h.ref;

		if (api_vm_check_boot(p->v, g->vm, host, api_vm_floor(g->vm),
			NULL) != ERR_NONE)
			g->barred |= bit(h);
		r = mem_own_reservation(p->v, g->vm, host);
		if (r == NULL)
			continue;
		g->own_host = h;
		g->own = r->amount;
	}
}

/* by_size - the largest first; among equals by ref */
static int
by_size(const void *a, const void *b)
{
	const struct guest *x = a, *y = b;

	if (x->needed != y->needed)
		return x->needed > y->needed ? -1 : 1;
	if (x->vm->h.ref.hi != y->vm->h.ref.hi)
		return x->vm->h.ref.hi < y->vm->h.ref.hi ? -1 : 1;
	return x->vm->h.ref.lo < y->vm->h.ref.lo ? -1 : 1;
}

/* read_vms - the set, surveyed and sorted */
static enum err
read_vms(struct plan *p, const struct idl_set *set, struct arena *a,
    struct failure *why)
{
	const struct idl_ref *refs = set->items;
	enum err rc = check_number("vms", set->n, PLAN_VMS_MAX, why);

	if (rc != ERR_NONE)
		return rc;
	p->guest = arena_alloc(a, (set->n + 1) * sizeof(*p->guest));
	if (p->guest == NULL)
		return err_internal(why, "out of memory");
	for (uint32_t i = 0; rc == ERR_NONE && i < set->n; i++)
		rc = add(p, &refs[i], why);
	if (rc != ERR_NONE)
		return rc;
	qsort(p->guest, p->n, sizeof(*p->guest), by_size);
	for (size_t i = 0; i < p->n; i++)
		survey(p, &p->guest[i]);
	return ERR_NONE;
}

/* ---- the answer ---- */

/* takes - what a VM takes of what is left on a host */
static int64_t
takes(const struct guest *g, int h)
{
	int64_t own = g->own_host == h ? g->own : 0;

	return g->needed > own ? g->needed - own : 0;
}

/* is_better - is host a to be preferred to b for this VM? */
static bool
is_better(const struct plan *p, const struct guest *g, int a, int b)
{
	const struct idl_ref *liked = &g->vm->affinity;

	if (g->own_host == a || g->own_host == b)
		return g->own_host == a;
	if (idl_ref_equal(liked, &p->host[a]->h.ref))
		return true;
	if (idl_ref_equal(liked, &p->host[b]->h.ref))
		return false;
	return p->policy == SPREAD ? p->left[a] > p->left[b]
				   : p->left[a] < p->left[b];
}

/* choose - the best host that was not tried; -1: none has room */
static int
choose(const struct plan *p, const struct guest *g)
{
	int best = -1;

	for (int h = 0; h < p->nhosts; h++) {
		if (((g->barred | g->tried) & bit(h)) ||
		    takes(g, h) > p->left[h])
			continue;
		if (best < 0 || is_better(p, g, h, best))
			best = h;
	}
	return best;
}

/* take_back - the choice made for a VM was in vain */
static void
take_back(struct plan *p, struct guest *g)
{
	p->left[g->chosen] += takes(g, g->chosen);
	g->chosen = -1;
}

/*
 * solve - a host for each, or the first that found none
 *
 * returns NULL: all are placed
 */
static const struct guest *
solve(struct plan *p)
{
	const struct guest *failed = NULL;
	size_t i = 0;

	for (int steps = 0; i < p->n; steps++) {
		struct guest *g = &p->guest[i];

		if (g->chosen >= 0)
			take_back(p, g);
		g->chosen = choose(p, g);
		if (g->chosen >= 0) {
			g->tried |= bit(g->chosen);
			p->left[g->chosen] -= takes(g, g->chosen);
			i++;
			continue;
		}
		if (failed == NULL)
			failed = g;
		if (i == 0 || steps >= PLAN_STEPS_MAX)
			return failed;
		g->tried = 0;
		i--;
	}
	return NULL;
}

/* nearest - why the host with most left does not take a VM */
static void
nearest(const struct plan *p, const struct guest *g, struct failure *why)
{
	int best = -1;

	for (int h = 0; h < p->nhosts; h++)
		if (!(g->barred & bit(h)) &&
		    (best < 0 || p->left[h] > p->left[best]))
			best = h;
	if (best >= 0) {
		(void)err_fail(why, ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "dd",
		    takes(g, best), p->left[best]);
		return;
	}
	for (int h = 0; h < p->nhosts; h++)
		if (best < 0 || p->left[h] > p->left[best])
			best = h;
	if (best < 0 || api_vm_check_boot(p->v, g->vm, &p->host[best]->h.ref,
			    api_vm_floor(g->vm), why) == ERR_NONE)
		(void)err_fail(why, ERR_NO_HOSTS_AVAILABLE, "");
}

/* refuse - the failure that says which VM, and why */
static enum err
refuse(struct plan *p, const struct guest *failed, struct failure *why)
{
	static const char kinds[] = "rsss";
	struct failure one;
	const char *code;
	unsigned n;

	/* As it was before anything was taken back: the greedy choices. */
	for (size_t i = 0; i < p->n; i++) {
		struct guest *g = &p->guest[i];

		if (g->chosen >= 0)
			take_back(p, g);
		g->tried = 0;
	}
	for (struct guest *g = p->guest; g != failed; g++) {
		g->chosen = choose(p, g);
		if (g->chosen >= 0)
			p->left[g->chosen] -= takes(g, g->chosen);
	}
	nearest(p, failed, &one);
	code = idl_errors[one.code].code;
	n = one.n < 2 ? one.n : 2;
	return err_fail(why, ERR_VM_CANNOT_BE_PLACED,
	    n == 2   ? kinds
	    : n == 1 ? "rss"
		     : "rs",
	    &failed->vm->h.ref, code, n > 0 ? one.param[0] : "",
	    n > 1 ? one.param[1] : "");
}

/* write - the plan as a map; NULL: arena full */
static const struct idl_map *
write_map(const struct plan *p, struct arena *a)
{
	struct idl_map *m = arena_alloc(a, sizeof(*m));
	struct idl_ref *keys = arena_alloc(a, (p->n + 1) * sizeof(*keys));
	struct idl_ref *values = arena_alloc(a, (p->n + 1) * sizeof(*values));

	if (m == NULL || keys == NULL || values == NULL)
		return NULL;
	for (size_t i = 0; i < p->n; i++) {
		keys[i] = p->guest[i].vm->h.ref;
		values[i] = p->host[p->guest[i].chosen]->h.ref;
	}
	m->n = (uint32_t)p->n;
	m->keys = keys;
	m->values = values;
	return m;
}

enum err
api_pool_plan_placement(struct api_call *c,
    const struct idl_pool_plan_placement_args *a,
    const struct idl_map **result_out, struct failure *why)
{
	struct plan *p = arena_alloc(&c->arena, sizeof(*p));
	const struct guest *failed;
	enum err rc;

	if (p == NULL)
		return err_internal(why, "out of memory");
	p->v = c->view;
	rc = read_options(a->options, &p->policy, why);
	if (rc == ERR_NONE)
		rc = read_hosts(p, why);
	if (rc == ERR_NONE)
		rc = read_vms(p, a->vms, &c->arena, why);
	if (rc != ERR_NONE)
		return rc;
	failed = solve(p);
	if (failed != NULL)
		return refuse(p, failed, why);
	*result_out = write_map(p, &c->arena);
	return *result_out != NULL ? ERR_NONE
				   : err_internal(why, "reply too large");
}
