/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * explain - where every byte of a host is
 *
 * Two accounts of the same memory, side by side.  What is there now: the
 * hypervisor says what is free, each domain what it has; what is left is the
 * hypervisor's own.  And what is promised: admission's sums, VM by VM.  Each
 * adds up to all of it, so what one row has too much another one lacks.
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api_handlers.h"

/* The rows while they are made. */
struct table {
	struct api_call *c;
	const struct idl_host *host;
	const struct idl_memory_share **row;
	uint32_t n;
	int64_t needed, actual, kept; /* sums of the rows so far */
};

/* add - a row; NULL: the arena is full */
static struct idl_memory_share *
add(struct table *t, int32_t kind, const struct idl_ref *object,
    const char *name)
{
	struct idl_memory_share *s = arena_alloc(&t->c->arena, sizeof(*s));

	if (s == NULL)
		return NULL;
	idl_record_init(idl_classes[IDL_CLASS_MEMORY_SHARE], s);
	s->h.cls = IDL_CLASS_MEMORY_SHARE;
	s->kind = kind;
	if (object != NULL)
		s->object = *object;
	s->name = name != NULL
		      ? name
		      : idl_type_enum_memory_share_kind.en->values[kind];
	t->row[t->n++] = s;
	return s;
}

/* sum - the row is complete */
static void
sum(struct table *t, const struct idl_memory_share *s)
{
	t->needed += s->needed;
	t->actual += s->actual;
	t->kept += s->kept;
}

/* has - what a domain has now; a control domain has no overhead of its own */
static int64_t
has(const struct fld_view *v, const struct idl_vm *vm)
{
	const struct idl_vm_metrics *m =
	    fld_get(v, IDL_CLASS_VM_METRICS, &vm->metrics);

	return (m != NULL ? m->memory_actual : 0) +
	       (vm->is_control_domain ? 0 : vm->memory_overhead);
}

/* add_vm - a VM that is there, or on its way */
static enum err
add_vm(struct table *t, const struct idl_vm *vm, bool is_there,
    struct failure *why)
{
	int32_t kind = !is_there ? IDL_MEMORY_SHARE_KIND_ARRIVING_VM
		       : vm->is_control_domain
			   ? IDL_MEMORY_SHARE_KIND_CONTROL_DOMAIN
			   : IDL_MEMORY_SHARE_KIND_VM;
	struct idl_memory_share *s = add(t, kind, &vm->h.ref, vm->name_label);
	bool goes =
	    is_there && !idl_ref_is_null(&vm->scheduled_to_be_resident_on) &&
	    !idl_ref_equal(&vm->scheduled_to_be_resident_on, &t->host->h.ref);
	enum err rc;

	if (s == NULL)
		return err_internal(why, "reply too large");
	rc = mem_counted(vm, is_there ? vm->held_bytes : vm->arriving_bytes,
	    &s->needed, why);
	s->dynamic_min = vm->memory_dynamic_min;
	s->dynamic_max = vm->memory_dynamic_max;
	if (is_there) {
		s->target = vm->memory_target;
		s->actual = has(t->c->view, vm);
	}
	if (!goes) /* else it is kept where it goes to */
		s->kept = vm->grant_bytes;
	sum(t, s);
	return rc;
}

/* add_vms - every VM whose field is this host */
static enum err
add_vms(struct table *t, enum idl_vm_field field, struct failure *why)
{
	bool is_there = field == IDL_VM_F_RESIDENT_ON;
	const struct idl_vm *vm = NULL;
	enum err rc = ERR_NONE;

	while (rc == ERR_NONE &&
	       (vm = fld_find(t->c->view, IDL_CLASS_VM, (int)field,
		    &t->host->h.ref, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		/* Within the host it is counted once. */
		if (is_there || !idl_ref_equal(&vm->resident_on,
				    &vm->scheduled_to_be_resident_on))
			rc = add_vm(t, vm, is_there, why);
	return rc;
}

/* add_reservations - those that are held */
static enum err
add_reservations(struct table *t, struct failure *why)
{
	const struct idl_memory_reservation *r = NULL;
	struct idl_memory_share *s;

	while ((r = fld_find(t->c->view, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_HOST, &t->host->h.ref,
		    r != NULL ? &r->h.ref : NULL)) != NULL) {
		if (r->state != IDL_MEMORY_RESERVATION_STATE_HELD)
			continue;
		s = add(
		    t, IDL_MEMORY_SHARE_KIND_RESERVATION, &r->h.ref, r->owner);
		if (s == NULL)
			return err_internal(why, "reply too large");
		s->needed = r->amount;
		s->kept = r->granted;
		sum(t, s);
	}
	return ERR_NONE;
}

/* add_rest - the pool that is never given away, what is free, and Xen itself */
static enum err
add_rest(struct table *t, struct failure *why)
{
	const struct idl_host_metrics *m =
	    fld_get(t->c->view, IDL_CLASS_HOST_METRICS, &t->host->metrics);
	struct idl_memory_share *pool, *unused, *xen;
	int64_t total = m != NULL ? m->memory_total : 0;
	int64_t idle = m != NULL ? m->memory_free + m->memory_scrub : 0;
	int64_t overhead = t->host->memory_overhead;
	const int64_t reserve = (int64_t)MEM_RESERVED_BYTES;

	pool = add(t, IDL_MEMORY_SHARE_KIND_EMERGENCY_POOL, NULL, NULL);
	unused = add(t, IDL_MEMORY_SHARE_KIND_FREE, NULL, NULL);
	xen = add(t, IDL_MEMORY_SHARE_KIND_XEN, NULL, NULL);
	if (pool == NULL || unused == NULL || xen == NULL)
		return err_internal(why, "reply too large");
	if (overhead < 0)
		overhead = 0; /* never sampled */
	pool->needed = overhead < reserve ? overhead : reserve;
	xen->needed = overhead - pool->needed;
	unused->needed = total - overhead - t->needed;
	idle -= t->kept;
	pool->actual = idle < 0 ? 0 : idle < reserve ? idle : reserve;
	unused->actual = idle - pool->actual;
	xen->actual = total - t->actual - t->kept - idle;
	return ERR_NONE;
}

/* count - the most rows there can be */
static uint64_t
count(const struct fld_view *v, const struct idl_ref *host)
{
	static const struct {
		int cls, field;
	} by[] = {
	    {IDL_CLASS_VM, IDL_VM_F_RESIDENT_ON},
	    {IDL_CLASS_VM, IDL_VM_F_SCHEDULED_TO_BE_RESIDENT_ON},
	    {IDL_CLASS_MEMORY_RESERVATION, IDL_MEMORY_RESERVATION_F_HOST},
	};
	uint64_t n = 3;

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		const struct idl_hdr *h = NULL;

		while ((h = fld_find(v, by[i].cls, by[i].field, host,
			    h != NULL ? &h->ref : NULL)) != NULL)
			n++;
	}
	return n;
}

enum err
api_host_explain_memory(struct api_call *c,
    const struct idl_host_explain_memory_args *a,
    const struct idl_set **result_out, struct failure *why)
{
	struct table t = {.c = c, .host = c->self};
	struct idl_set *set = arena_alloc(&c->arena, sizeof(*set));
	enum err rc;

	t.row =
	    arena_alloc(&c->arena, count(c->view, &a->host) * sizeof(*t.row));
	if (set == NULL || t.row == NULL)
		return err_internal(why, "reply too large");
	rc = add_vms(&t, IDL_VM_F_RESIDENT_ON, why);
	if (rc == ERR_NONE)
		rc = add_vms(&t, IDL_VM_F_SCHEDULED_TO_BE_RESIDENT_ON, why);
	if (rc == ERR_NONE)
		rc = add_reservations(&t, why);
	if (rc == ERR_NONE)
		rc = add_rest(&t, why);
	if (rc != ERR_NONE)
		return rc;
	set->n = t.n;
	set->items = t.row;
	*result_out = set;
	return ERR_NONE;
}
