/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal_loop_step - one look at a host, and what follows from it
 */

/* Own */
#include "xen/bal_loop_priv.h"

/* less - a - b, or 0 */
static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* spare - what could be granted now: net of the reserve and of promises */
static uint64_t
spare(struct bal_loop *l, const struct bal_loop_host *h)
{
	uint64_t kib = h->fact.free_kib + h->fact.scrub_kib;
	const struct bal_ask *ask;

	kib = less(kib, BAL_RESERVED_KIB);
	kib = less(kib, l->calls.held_kib(l->calls.ctx, &h->uuid));
	TAILQ_FOREACH(ask, &l->granted, link)
	if (bal_loop_same(&ask->host, &h->uuid))
		kib = less(kib, ask->granted_kib);
	return kib;
}

/* answer - what an ask gets now */
static void
answer(struct bal_loop *l, const struct bal_loop_host *h, struct bal_ask *ask)
{
	uint64_t kib = spare(l, h);

	if (kib >= ask->min_kib) {
		ask->granted_kib = kib < ask->max_kib ? kib : ask->max_kib;
		bal_loop_end(l, ask, BAL_ASK_GRANTED);
		return;
	}
	ask->needed_kib = ask->min_kib;
	ask->free_kib = kib;
	bal_loop_end(l, ask, BAL_ASK_NO_MEMORY);
}

void
bal_loop_look(struct bal_loop *l, struct bal_loop_host *h, int64_t now_ms)
{
	struct bal_ask *ask, *next;

	(void)now_ms;
	h->due_ms = BAL_LOOP_NEVER;
	for (ask = TAILQ_FIRST(&l->waiting); ask != NULL; ask = next) {
		next = TAILQ_NEXT(ask, link);
		if (bal_loop_same(&ask->host, &h->uuid))
			answer(l, h, ask);
	}
}
