/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * place - on which host should this VM start?
 */

/* Model */
#include "model/mem.h"

/* Api */
#include "api/place.h"
#include "api/vm_priv.h"

/* Sums over the guests of a host and the candidate; doubles cannot overflow
 * and only rank hosts: nothing is promised by them. */
struct sums {
	double overhead;
	double dynamic_min;
	double dynamic_max;
	double static_max;
};

enum category { RESERVED, AFFINITY, DEFINITE, PROBABLE, POSSIBLE, NOWHERE };

/* A host and how good it is: lower category first, then higher value. */
struct rank {
	enum category category;
	double value;
};

static void
add_vm(struct sums *s, const struct idl_vm *vm)
{
	s->overhead += (double)vm->memory_overhead;
	s->dynamic_min += (double)vm->memory_dynamic_min;
	s->dynamic_max += (double)vm->memory_dynamic_max;
	s->static_max += (double)vm->memory_static_max;
}

/* add_vms - every VM whose host field is this host */
static void
add_vms(struct sums *s, const struct fld_view *v, enum idl_vm_field field,
    const struct idl_ref *host)
{
	const struct idl_vm *vm = NULL;

	while ((vm = fld_find(v, IDL_CLASS_VM, (int)field, host,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		add_vm(s, vm);
}

/* is_coordinator - the host that the others would rather spare */
static bool
is_coordinator(const struct fld_view *v, const struct idl_host *host)
{
	const struct idl_pool *pool = fld_next(v, IDL_CLASS_POOL, NULL);

	return pool != NULL && pool->coordinator_bias &&
	       idl_ref_equal(&pool->master, &host->h.ref);
}

/* rank_host - category and value of a host that passes (spec D.8) */
static struct rank
rank_host(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_host *host)
{
	const struct idl_host_metrics *m =
	    fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics);
	struct sums s = {0, 0, 0, 0};
	struct rank r = {POSSIBLE, 0};
	double available;

	add_vm(&s, vm);
	add_vms(&s, v, IDL_VM_F_RESIDENT_ON, &host->h.ref);
	add_vms(&s, v, IDL_VM_F_SCHEDULED_TO_BE_RESIDENT_ON, &host->h.ref);
	available = (m != NULL ? (double)m->memory_total : 0) -
		    (double)host->memory_overhead - s.overhead;
	if (available >= s.static_max) {
		r.category = DEFINITE;
		r.value = available - s.static_max;
	} else if (available >= s.dynamic_max) {
		r.category = PROBABLE;
		r.value = available - s.dynamic_max;
	} else if (s.dynamic_max > s.dynamic_min) {
		r.value = 1000 * (available - s.dynamic_min) /
			  (s.dynamic_max - s.dynamic_min);
	}
	if (r.category != POSSIBLE && is_coordinator(v, host))
		r.value = (r.value - 1) / 2;
	if (idl_ref_equal(&vm->affinity, &host->h.ref))
		r.category = AFFINITY;
	if (mem_own_reservation(v, vm, &host->h.ref) != NULL)
		r.category = RESERVED;
	return r;
}

/* is_better - should a be tried before b? */
static bool
is_better(const struct rank *a, const struct rank *b)
{
	if (a->category != b->category)
		return a->category < b->category;
	return a->value > b->value;
}

/* was_tried - is the host one of them? */
static bool
was_tried(const struct api_place_tried *tried, const struct idl_ref *host)
{
	for (size_t i = 0; i < tried->n; i++)
		if (idl_ref_equal(&tried->host[i], host))
			return true;
	return false;
}

enum err
api_place_find(const struct fld_view *v, const struct idl_vm *vm,
    int64_t floor_bytes, const struct api_place_tried *tried,
    struct idl_ref *host_out, struct failure *why)
{
	bool alone = fld_count(v, IDL_CLASS_HOST) <= 1;
	const struct idl_host *host = NULL, *found = NULL;
	struct rank best = {NOWHERE, 0}, r = {POSSIBLE, 0};

	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		if (was_tried(tried, &host->h.ref) ||
		    api_vm_check_boot(v, vm, &host->h.ref, floor_bytes, NULL) !=
			ERR_NONE)
			continue;
		if (!alone)
			r = rank_host(v, vm, host);
		if (!is_better(&r, &best))
			continue;
		best = r;
		found = host;
	}
	if (found == NULL)
		return err_fail(why, ERR_NO_HOSTS_AVAILABLE, "");
	*host_out = found->h.ref;
	return ERR_NONE;
}
