/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_reserve - reservations: who has the memory, and how many there are
 *
 * A reservation that is held counts by itself.  When its VM is scheduled for
 * its host, or is found there, the VM counts instead, in the same transaction:
 * so the memory is never promised twice, and never to nobody.  It all follows
 * from what the VM's record says of its hosts, whoever writes that.
 */

/* System */
#include <assert.h>
#include <stdlib.h>

/* Model */
#include "model/err.h"
#include "model/mem.h"
#include "model/mem_priv.h"

static const struct idl_ref none;

/* The first reservation_count: of all owners. */
static const struct idl_ref in_all = {0, 1};

/* ---- a VM on its way ---- */

/* A VM as it was and as it will be. */
struct change {
	struct fld_tx *tx;
	const struct idl_vm *was; /* NULL: it is new */
	struct idl_vm *now;
	struct idl_ref from, to;	  /* resident_on */
	struct idl_ref soon_was, soon;	  /* scheduled_to_be_resident_on */
	int64_t back_bytes, back_granted; /* what it gives back in all */
};

typedef enum err each_f(struct change *c,
    const struct idl_memory_reservation *r, struct failure *why);

/* each - do something about every reservation of a VM */
static enum err
each(struct change *c, const struct idl_ref *vm, each_f *what,
    struct failure *why)
{
	const struct fld_view *v = fld_tx_view(c->tx);
	const struct idl_memory_reservation *r = NULL;
	struct idl_ref after;
	enum err rc = ERR_NONE;

	while (rc == ERR_NONE && (r = fld_find(v, IDL_CLASS_MEMORY_RESERVATION,
				      IDL_MEMORY_RESERVATION_F_VM, vm,
				      r == NULL ? NULL : &after)) != NULL) {
		after = r->h.ref;
		rc = what(c, r, why);
	}
	return rc;
}

/* edit - a reservation to change */
static enum err
edit(struct change *c, const struct idl_memory_reservation *r,
    struct idl_memory_reservation **r_out, struct failure *why)
{
	*r_out = fld_tx_edit(c->tx, IDL_CLASS_MEMORY_RESERVATION, &r->h.ref);
	return *r_out != NULL ? ERR_NONE : err_internal(why, "out of memory");
}

/*
 * left - of what was granted, what a domain that is there has not taken
 *
 * All of it while an operation is under way: its end says that it has all, and
 * until then what the hypervisor has free may not be known anew.
 */
static int64_t
left(struct change *c, int64_t granted)
{
	const struct idl_vm_metrics *m =
	    fld_get(fld_tx_view(c->tx), IDL_CLASS_VM_METRICS, &c->now->metrics);
	int64_t taken =
	    m == NULL || m->memory_actual < 0 ? 0 : m->memory_actual;

	if (c->now->current_operations->n > 0)
		return granted;
	if (__builtin_add_overflow(taken, c->now->memory_overhead, &taken))
		return 0;
	return granted > taken ? granted - taken : 0;
}

/* more - a sum that stays where it is when it would be too large */
static int64_t
more(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* go - a reservation of a VM that is no more */
static enum err
go(struct change *c, const struct idl_memory_reservation *r,
    struct failure *why)
{
	(void)why; /* want of memory shows when the transaction closes */
	fld_tx_delete(c->tx, IDL_CLASS_MEMORY_RESERVATION, &r->h.ref);
	return ERR_NONE;
}

/* leave - the VM's domain is where it is now: what it had elsewhere goes */
static enum err
leave(struct change *c, const struct idl_memory_reservation *r,
    struct failure *why)
{
	if (r->state == IDL_MEMORY_RESERVATION_STATE_TRANSFERRED &&
	    idl_ref_equal(&r->host, &c->from) &&
	    !idl_ref_equal(&r->host, &c->soon))
		return go(c, r, why);
	return ERR_NONE;
}

/* part - of what is left of a sum, as much as is asked for */
static int64_t
part(int64_t *sum, int64_t bytes)
{
	if (bytes > *sum)
		bytes = *sum;
	*sum -= bytes;
	return bytes;
}

/*
 * give_back - the VM did not get there: held again, by who held it
 *
 * Of all of them together no more than the VM was counted as, and had granted:
 * the rest may be somebody else's by now.
 */
static enum err
give_back(struct change *c, const struct idl_memory_reservation *r,
    struct failure *why)
{
	struct idl_memory_reservation *now;
	int64_t amount, granted;
	enum err rc;

	if (r->state != IDL_MEMORY_RESERVATION_STATE_TRANSFERRED ||
	    !idl_ref_equal(&r->host, &c->soon_was))
		return ERR_NONE;
	amount = part(&c->back_bytes, r->amount);
	granted = part(&c->back_granted, r->granted);
	if (amount == 0 || granted == 0)
		return go(c, r, why); /* nothing is left for it */
	rc = edit(c, r, &now, why);
	if (rc != ERR_NONE)
		return rc;
	now->state = IDL_MEMORY_RESERVATION_STATE_HELD;
	now->amount = amount;
	now->granted = granted;
	return ERR_NONE;
}

/* take - a held reservation becomes the VM's, which counts from now on */
static enum err
take(struct change *c, const struct idl_memory_reservation *r, bool is_there,
    struct failure *why)
{
	struct idl_memory_reservation *now;
	int64_t *floor =
	    is_there ? &c->now->held_bytes : &c->now->arriving_bytes;
	enum err rc = edit(c, r, &now, why);

	if (rc != ERR_NONE)
		return rc;
	now->state = IDL_MEMORY_RESERVATION_STATE_TRANSFERRED;
	now->VM = c->now->h.ref;
	if (*floor < now->guest_bytes)
		*floor = now->guest_bytes;
	c->now->grant_bytes = more(c->now->grant_bytes,
	    is_there ? left(c, now->granted) : now->granted);
	return ERR_NONE;
}

/* pass - it is the VM's if that is there, or on its way there */
static enum err
pass(struct change *c, const struct idl_memory_reservation *r,
    struct failure *why)
{
	bool is_there = idl_ref_equal(&r->host, &c->to);

	if (r->state != IDL_MEMORY_RESERVATION_STATE_HELD ||
	    (!is_there && !idl_ref_equal(&r->host, &c->soon)))
		return ERR_NONE;
	return take(c, r, is_there, why);
}

enum err
mem_transfer(struct fld_tx *tx, const struct idl_memory_reservation *r,
    const struct idl_ref *vm, struct failure *why)
{
	struct change c = {.tx = tx, .now = fld_tx_edit(tx, IDL_CLASS_VM, vm)};

	if (c.now == NULL)
		return err_internal(why, "out of memory");
	return take(&c, r, idl_ref_equal(&r->host, &c.now->resident_on), why);
}

/* settle - what the VM keeps of what was promised to it on its way */
static void
settle(struct change *c)
{
	bool is_new = !idl_ref_equal(&c->from, &c->to);
	bool arrived = is_new && !idl_ref_is_null(&c->to) &&
		       idl_ref_equal(&c->soon_was, &c->to);

	if (is_new)
		c->now->held_bytes = arrived ? c->now->arriving_bytes : 0;
	if (!arrived)
		c->now->is_unmoved = false; /* it is on no way any more */
	if (!idl_ref_is_null(&c->soon))
		return;
	c->now->arriving_bytes = 0;
	c->now->grant_bytes = arrived ? left(c, c->now->grant_bytes) : 0;
}

enum err
mem_arrive(struct fld_tx *tx, const struct idl_vm *was, struct idl_vm *now,
    struct failure *why)
{
	struct change c = {.tx = tx, .was = was, .now = now};
	struct mem_share had;
	bool is_lost;
	enum err rc = ERR_NONE;

	if (now == NULL)
		return was == NULL ? ERR_NONE : each(&c, &was->h.ref, go, why);
	c.from = was == NULL ? none : was->resident_on;
	c.soon_was = was == NULL ? none : was->scheduled_to_be_resident_on;
	c.to = now->resident_on;
	c.soon = now->scheduled_to_be_resident_on;
	if (idl_ref_equal(&c.from, &c.to) &&
	    idl_ref_equal(&c.soon_was, &c.soon))
		return ERR_NONE;
	settle(&c);
	is_lost = !idl_ref_is_null(&c.soon_was) &&
		  !idl_ref_equal(&c.soon_was, &c.soon) &&
		  !idl_ref_equal(&c.soon_was, &c.to);
	if (!idl_ref_is_null(&c.from) && !idl_ref_equal(&c.from, &c.to))
		rc = each(&c, &now->h.ref, leave, why);
	if (rc == ERR_NONE && is_lost) {
		rc = mem_share_of_vm(was, &had, why);
		c.back_bytes = had.part[MEM_SCHEDULED].bytes;
		c.back_granted = was->grant_bytes;
		if (rc == ERR_NONE)
			rc = each(&c, &now->h.ref, give_back, why);
	}
	if (rc != ERR_NONE)
		return rc;
	if (idl_ref_is_null(&c.to) && idl_ref_is_null(&c.soon))
		return ERR_NONE;
	return each(&c, &now->h.ref, pass, why);
}

/* ---- how many ---- */

/* is_held - does it count as one? */
static bool
is_held(const struct idl_memory_reservation *r)
{
	return r != NULL && r->state == IDL_MEMORY_RESERVATION_STATE_HELD;
}

/*
 * count_ref - the reservation_count of an owner
 *
 * A hash: owners who share one share a count, and so a limit.
 */
static struct idl_ref
count_ref(const char *owner)
{
	struct idl_ref ref = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};

	for (const char *p = owner; *p != '\0'; p++) {
		ref.hi = (ref.hi ^ (unsigned char)*p) * 0x100000001b3u;
		ref.lo = (ref.lo ^ (unsigned char)*p) * 0x10000000233u;
	}
	ref.hi |= 1; /* never the one of all, nor null */
	return ref;
}

/* count - one more, or with by -1 one less */
static enum err
count(struct fld_tx *tx, const struct idl_ref *ref, const char *owner, int by,
    struct failure *why)
{
	struct idl_reservation_count *n;
	bool is_there =
	    fld_get(fld_tx_view(tx), IDL_CLASS_RESERVATION_COUNT, ref) != NULL;

	if (is_there)
		n = fld_tx_edit(tx, IDL_CLASS_RESERVATION_COUNT, ref);
	else
		n = fld_tx_create(tx, IDL_CLASS_RESERVATION_COUNT, ref);
	if (n == NULL)
		return err_internal(why, "out of memory");
	if (!is_there)
		n->owner = owner;
	n->held += by;
	if (n->held < 0)
		return err_internal(why, "fewer reservations than none");
	if (n->held == 0)
		fld_tx_delete(tx, IDL_CLASS_RESERVATION_COUNT, ref);
	return ERR_NONE;
}

/* count_both - of all, and of the owner */
static enum err
count_both(struct fld_tx *tx, const char *owner, int by, struct failure *why)
{
	const struct idl_ref ref = count_ref(owner);
	enum err rc = count(tx, &in_all, "", by, why);

	return rc == ERR_NONE ? count(tx, &ref, owner, by, why) : rc;
}

enum err
mem_derive_reservation(struct fld_tx *tx,
    const struct idl_memory_reservation *was,
    const struct idl_memory_reservation *now, struct failure *why)
{
	struct mem_share before, after;
	enum err rc;

	mem_share_of_reservation(was, &before);
	mem_share_of_reservation(now, &after);
	rc = mem_share_move(tx, &before, &after, why);
	if (rc == ERR_NONE && is_held(was) && !is_held(now))
		rc = count_both(tx, was->owner, -1, why);
	if (rc == ERR_NONE && !is_held(was) && is_held(now))
		rc = count_both(tx, now->owner, 1, why);
	return rc;
}

int64_t
mem_held_count(const struct fld_view *v, const char *owner)
{
	struct idl_ref ref = owner == NULL ? in_all : count_ref(owner);
	const struct idl_reservation_count *n =
	    fld_get(v, IDL_CLASS_RESERVATION_COUNT, &ref);

	return n == NULL ? 0 : n->held;
}

const struct idl_memory_reservation *
mem_own_reservation(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host)
{
	const struct idl_memory_reservation *r = NULL;

	do {
		r = fld_find(v, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_VM, &vm->h.ref,
		    r == NULL ? NULL : &r->h.ref);
	} while (r != NULL && (!is_held(r) || !idl_ref_equal(&r->host, host)));
	return r;
}

/* A reservation_count, counted anew. */
struct recount {
	struct idl_ref ref;
	int64_t held;
};

/* recount_compare - by ref, for bsearch */
static int
recount_compare(const void *key, const void *item)
{
	const struct idl_ref *a = key;
	const struct idl_ref *b = &((const struct recount *)item)->ref;

	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return 0;
}

/* recount_all - one pass over every reservation; false: one has no count */
static bool
recount_all(const struct fld_view *v, struct recount *t, size_t n)
{
	const struct idl_memory_reservation *r = NULL;

	while ((r = fld_next(v, IDL_CLASS_MEMORY_RESERVATION,
		    r == NULL ? NULL : &r->h.ref)) != NULL) {
		struct idl_ref ref = count_ref(r->owner);
		struct recount *of, *all;

		if (!is_held(r))
			continue;
		of = bsearch(&ref, t, n, sizeof(*t), recount_compare);
		all = bsearch(&in_all, t, n, sizeof(*t), recount_compare);
		if (of == NULL || all == NULL)
			return false;
		of->held++;
		all->held++;
	}
	return true;
}

enum err
mem_verify_counts(const struct fld_view *v, struct failure *why)
{
	size_t n = fld_count(v, IDL_CLASS_RESERVATION_COUNT);
	const struct idl_reservation_count *at = NULL;
	struct recount *t = calloc(n + 1, sizeof(*t));
	bool ok;

	if (t == NULL)
		return err_internal(why, "out of memory");
	for (size_t i = 0; i < n; i++) {
		at = fld_next(v, IDL_CLASS_RESERVATION_COUNT,
		    at == NULL ? NULL : &at->h.ref);
		assert(at != NULL);
		t[i].ref = at->h.ref;
	}
	ok = recount_all(v, t, n);
	at = NULL;
	for (size_t i = 0; ok && i < n; i++) {
		at = fld_get(v, IDL_CLASS_RESERVATION_COUNT, &t[i].ref);
		ok = at->held == t[i].held;
	}
	free(t);
	return ok ? ERR_NONE
		  : err_internal(why,
			"a reservation_count%s%s is not what a recount says",
			at == NULL ? "" : " of ", at == NULL ? "" : at->owner);
}
