/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal_loop - what was heard, and who asks
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/bal_loop_priv.h"

/* ---- finding ---- */

struct bal_loop_host *
bal_loop_host_of(const struct bal_loop *l, const struct hv_uuid *uuid)
{
	for (size_t i = 0; i < l->nhosts; i++)
		if (hv_uuid_equal(&l->hosts[i]->uuid, uuid))
			return l->hosts[i];
	return NULL;
}

/* place_of - where a domain is among its host's, or is to be */
static size_t
place_of(const struct bal_loop_host *h, const struct hv_uuid *uuid)
{
	size_t lo = 0, hi = h->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct hv_uuid *at = &h->doms[mid]->fact.uuid;

		if (at->hi < uuid->hi ||
		    (at->hi == uuid->hi && at->lo < uuid->lo))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct bal_loop_dom *
bal_loop_dom_of(const struct bal_loop_host *h, const struct hv_uuid *uuid)
{
	size_t i = place_of(h, uuid);

	return i < h->n && hv_uuid_equal(&h->doms[i]->fact.uuid, uuid)
		   ? h->doms[i]
		   : NULL;
}

/* room_for - how much room there is to be for one more than n */
static size_t
room_for(size_t n, size_t room)
{
	if (n < room)
		return room;
	return room == 0 ? 16 : room * 2;
}

/* grow_hosts - space for one more; false: out of memory */
static bool
grow_hosts(struct bal_loop *l)
{
	size_t room = room_for(l->nhosts, l->room);
	struct bal_loop_host **hosts;

	if (room == l->room)
		return true;
	hosts = realloc(l->hosts, room * sizeof(struct bal_loop_host *));
	if (hosts == NULL)
		return false;
	l->hosts = hosts;
	l->room = room;
	return true;
}

/* grow_doms - the same for the domains of a host */
static bool
grow_doms(struct bal_loop_host *h)
{
	size_t room = room_for(h->n, h->room);
	struct bal_loop_dom **doms;
	struct bal_domain *plan;

	if (room == h->room)
		return true;
	doms = realloc(h->doms, room * sizeof(struct bal_loop_dom *));
	if (doms == NULL)
		return false;
	h->doms = doms;
	plan = realloc(h->plan, room * sizeof(*plan));
	if (plan == NULL)
		return false;
	h->plan = plan;
	h->room = room;
	return true;
}

/* host_new - a host that was never reported; NULL: out of memory */
static struct bal_loop_host *
host_new(struct bal_loop *l, const struct hv_uuid *uuid)
{
	struct bal_loop_host *h;

	if (!grow_hosts(l))
		return NULL;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->uuid = *uuid;
	h->due_ms = BAL_LOOP_NEVER;
	h->new_ms = INT64_MIN / 2;
	l->hosts[l->nhosts++] = h;
	return h;
}

/* dom_new - a domain that was never reported; NULL: out of memory */
static struct bal_loop_dom *
dom_new(struct bal_loop_host *h, const struct hv_uuid *uuid)
{
	size_t at = place_of(h, uuid);
	struct bal_loop_dom *d;

	if (!grow_doms(h))
		return NULL;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	memmove(&h->doms[at + 1], &h->doms[at],
	    (h->n - at) * sizeof(struct bal_loop_dom *));
	h->doms[at] = d;
	h->n++;
	d->fact.uuid = *uuid;
	return d;
}

/* dom_drop - a domain has gone */
static void
dom_drop(struct bal_loop_host *h, struct bal_loop_dom *d)
{
	size_t at = place_of(h, &d->fact.uuid);

	h->n--;
	memmove(&h->doms[at], &h->doms[at + 1],
	    (h->n - at) * sizeof(struct bal_loop_dom *));
	free(d);
}

/* host_drop - a host is there no more; so are its asks' chances */
static void
host_drop(struct bal_loop *l, size_t i)
{
	struct bal_loop_host *h = l->hosts[i];

	for (size_t k = 0; k < h->n; k++)
		free(h->doms[k]);
	free(h->doms);
	free(h->plan);
	free(h);
	l->hosts[i] = l->hosts[--l->nhosts];
}

/* ---- hearing ---- */

/* hello - a world begins to report itself */
static void
hello(struct bal_loop *l, const struct hv_hello *m)
{
	while (!hv_uuid_equal(&l->epoch, &m->epoch) && l->nhosts > 0)
		host_drop(l, l->nhosts - 1); /* another boot: nothing is left */
	l->epoch = m->epoch;
	l->flags = m->flags;
	l->syncing = true;
	for (size_t i = 0; i < l->nhosts; i++) {
		struct bal_loop_host *h = l->hosts[i];

		h->seen = false;
		for (size_t k = 0; k < h->n; k++) {
			h->doms[k]->seen = false;
			/* Who was to answer may be gone. */
			h->doms[k]->command_id = 0;
		}
	}
}

/* synced - who was not reported is no more */
static void
synced(struct bal_loop *l, int64_t now_ms)
{
	l->syncing = false;
	for (size_t i = l->nhosts; i-- > 0;) {
		struct bal_loop_host *h = l->hosts[i];

		for (size_t k = h->n; k-- > 0;)
			if (!h->doms[k]->seen)
				dom_drop(h, h->doms[k]);
		h->stale_ms = 0;
		bal_loop_due(h, now_ms);
		if (!h->seen)
			host_drop(l, i);
	}
}

/* host - a machine was reported */
static bool
host(struct bal_loop *l, const struct hv_host *m, int64_t now_ms)
{
	struct bal_loop_host *h = bal_loop_host_of(l, &m->uuid);

	if (h == NULL)
		h = host_new(l, &m->uuid);
	if (h == NULL)
		return false;
	h->fact = *m;
	h->known = h->seen = true;
	h->stale_ms = 0;
	bal_loop_due(h, now_ms);
	return true;
}

/* domain - a domain was reported */
static bool
domain(struct bal_loop *l, const struct hv_domain *m, int64_t now_ms)
{
	struct bal_loop_host *h = bal_loop_host_of(l, &m->host);
	struct bal_loop_dom *d;

	if (m->flags & HV_D_SUSPENDED)
		return true; /* only an image */
	if (h == NULL)
		h = host_new(l, &m->host);
	if (h == NULL)
		return false;
	d = bal_loop_dom_of(h, &m->uuid);
	if (d == NULL)
		d = dom_new(h, &m->uuid);
	if (d == NULL)
		return false;
	if (d->fact.domid != m->domid) {
		memset(d, 0, sizeof(*d)); /* it was restarted */
		h->new_ms = now_ms;
	}
	/* It is told, or can obey, from now on: it may be about to move. */
	if (d->fact.target_kib != m->target_kib ||
	    ((d->fact.flags ^ m->flags) & (HV_D_RUNNING | HV_D_BALLOON)))
		d->moved_ms = now_ms;
	if (d->fact.actual_kib != m->actual_kib) {
		d->moved_ms = now_ms;
		/* Its host's free pages of the same instant come next. */
		if (h->stale_ms == 0)
			h->stale_ms = now_ms + BAL_LOOP_STALE_MS;
	}
	d->fact = *m;
	d->seen = true;
	bal_loop_due(h, now_ms);
	return true;
}

/* gone - a domain has ended; not if it is an earlier one of the same VM */
static void
gone(struct bal_loop *l, const struct hv_gone *m, int64_t now_ms)
{
	struct bal_loop_host *h = bal_loop_host_of(l, &m->host);
	struct bal_loop_dom *d =
	    h != NULL ? bal_loop_dom_of(h, &m->uuid) : NULL;

	if (d == NULL || d->fact.domid != m->domid)
		return;
	dom_drop(h, d);
	if (h->stale_ms == 0)
		h->stale_ms = now_ms + BAL_LOOP_STALE_MS;
	bal_loop_due(h, now_ms);
}

bool
bal_loop_hear(struct bal_loop *l, const struct hv_msg *m, int64_t now_ms)
{
	switch (m->type) {
	case HV_HELLO:
		hello(l, &m->u.hello);
		return true;
	case HV_HOST:
		return host(l, &m->u.host, now_ms);
	case HV_DOMAIN:
		return domain(l, &m->u.domain, now_ms);
	case HV_GONE:
		gone(l, &m->u.gone, now_ms);
		return true;
	case HV_SYNCED:
		synced(l, now_ms);
		return true;
	case HV_RESULT:
		bal_loop_result(l, &m->u.result, now_ms);
		return true;
	default:
		return true;
	}
}

/* ---- asking ---- */

void
bal_loop_ask(struct bal_loop *l, struct bal_ask *ask)
{
	ask->status = BAL_ASK_PENDING;
	ask->known = true;
	TAILQ_INSERT_TAIL(&l->waiting, ask, link);
	bal_loop_touch(l, &ask->host);
}

void
bal_loop_drop(struct bal_loop *l, struct bal_ask *ask)
{
	if (!ask->known)
		return;
	ask->known = false;
	if (ask->status == BAL_ASK_PENDING) {
		ask->status = BAL_ASK_CANCELLED;
		TAILQ_REMOVE(&l->waiting, ask, link);
	} else {
		TAILQ_REMOVE(&l->granted, ask, link);
	}
	bal_loop_touch(l, &ask->host);
}

void
bal_loop_end(
    struct bal_loop *l, struct bal_ask *ask, enum bal_ask_status status)
{
	TAILQ_REMOVE(&l->waiting, ask, link);
	ask->status = status;
	ask->known = status == BAL_ASK_GRANTED;
	if (ask->known)
		TAILQ_INSERT_TAIL(&l->granted, ask, link);
	l->calls.ended(l->calls.ctx, ask);
}

void
bal_loop_lost(struct bal_loop *l)
{
	struct bal_ask *ask;

	l->syncing = true;
	while ((ask = TAILQ_FIRST(&l->waiting)) != NULL)
		bal_loop_end(l, ask, BAL_ASK_CANCELLED);
}

void
bal_loop_due(struct bal_loop_host *h, int64_t ms)
{
	if (ms < h->due_ms)
		h->due_ms = ms;
}

void
bal_loop_touch(struct bal_loop *l, const struct hv_uuid *uuid)
{
	struct bal_loop_host *h = bal_loop_host_of(l, uuid);

	if (h != NULL)
		bal_loop_due(h, 0);
}

/* less - a - b, or 0 */
static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* spare - what is certainly free on a host and nobody's; 0: that is not known
 */
static uint64_t
spare(const struct bal_loop *l, const struct hv_uuid *uuid)
{
	const struct bal_loop_host *h = bal_loop_host_of(l, uuid);
	const struct bal_ask *ask;
	uint64_t kib;

	if (h == NULL || !h->known || h->stale_ms != 0 || l->syncing)
		return 0;
	kib = less(h->fact.free_kib + h->fact.scrub_kib, BAL_RESERVED_KIB);
	kib = less(kib, l->calls.held_kib(l->calls.ctx, uuid));
	TAILQ_FOREACH(ask, &l->granted, link)
	if (hv_uuid_equal(&ask->host, uuid))
		kib = less(kib, ask->granted_kib);
	TAILQ_FOREACH(ask, &l->waiting, link)
	if (hv_uuid_equal(&ask->host, uuid))
		kib = less(kib, ask->max_kib);
	for (size_t i = 0; i < h->n; i++) {
		const struct bal_loop_dom *d = h->doms[i];

		if (d->command_id != 0)
			return 0; /* it may be told to grow */
		kib =
		    less(kib, less(d->fact.target_kib, bal_loop_actual_kib(d)));
	}
	return kib;
}

bool
bal_loop_take(struct bal_loop *l, struct bal_ask *ask)
{
	if (spare(l, &ask->host) < ask->max_kib)
		return false;
	ask->status = BAL_ASK_GRANTED;
	ask->granted_kib = ask->max_kib;
	ask->known = true;
	TAILQ_INSERT_TAIL(&l->granted, ask, link);
	return true;
}

/* end_lost - nobody has heard of the host that is asked for memory */
static void
end_lost(struct bal_loop *l)
{
	struct bal_ask *ask, *next;

	for (ask = TAILQ_FIRST(&l->waiting); ask != NULL; ask = next) {
		next = TAILQ_NEXT(ask, link);
		if (bal_loop_host_of(l, &ask->host) != NULL)
			continue;
		ask->needed_kib = ask->min_kib;
		bal_loop_end(l, ask, BAL_ASK_NO_MEMORY);
	}
}

/* look - at a host, when all of its facts are there */
static void
look(struct bal_loop *l, struct bal_loop_host *h, int64_t now_ms)
{
	if (h->stale_ms > now_ms) {
		h->due_ms = h->stale_ms;
		return;
	}
	h->stale_ms = 0;
	h->due_ms = now_ms + BAL_LOOP_TICK_MS;
	bal_loop_look(l, h, now_ms);
}

int64_t
bal_loop_step(struct bal_loop *l, int64_t now_ms)
{
	int64_t due_ms = BAL_LOOP_NEVER;

	if (l->syncing)
		return -1; /* HV_SYNCED comes */
	end_lost(l);
	for (size_t i = 0; i < l->nhosts; i++) {
		struct bal_loop_host *h = l->hosts[i];

		if (!h->known)
			continue; /* only its domains were reported */
		if (h->due_ms <= now_ms)
			look(l, h, now_ms);
		if (h->due_ms < due_ms)
			due_ms = h->due_ms;
	}
	if (due_ms == BAL_LOOP_NEVER)
		return -1;
	return due_ms > now_ms ? due_ms - now_ms : 0;
}

/* ---- the loop itself ---- */

struct bal_loop *
bal_loop_new(const struct bal_loop_calls *calls, enum bal_loop_mode mode,
    uint64_t first_id)
{
	struct bal_loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->calls = *calls;
	l->mode = mode;
	l->next_id = first_id;
	l->syncing = true;
	TAILQ_INIT(&l->waiting);
	TAILQ_INIT(&l->granted);
	return l;
}

void
bal_loop_free(struct bal_loop **lp)
{
	struct bal_loop *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	while (l->nhosts > 0)
		host_drop(l, l->nhosts - 1);
	free(l->hosts);
	free(l);
}
