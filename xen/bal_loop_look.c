/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal_loop_look - one look at a host: sample, plan, answer
 *
 * Asks are part of the plan: what they need is wanted free, beside the
 * reserve.  One that can never be met, with every guest at its minimum, ends
 * at once.  The others are granted as memory comes free, in the order they
 * came, but one that has to wait does not keep back those behind it.  Only
 * when nothing moves any more is what is left of them refused.
 */

/* Own */
#include "xen/bal_loop_priv.h"

/* A page: the least that anything can be off by (spec E.2.6). */
#define INACCURACY_KIB 4

/*
 * When a domain is new, what it was promised may be counted twice: as still
 * held for it, and as pages that it has.  Nobody is denied because of that.
 */
#define NEW_MS 1000

/* What a look finds out about a host. */
struct sight {
	uint64_t free_kib;  /* Xen's, less what is promised */
	uint64_t short_kib; /* promised, and not even there */
	uint64_t want_kib;  /* to be free, for the reserve and all asks */
	int64_t now_ms;
	bool holds; /* something is held */
	bool waits; /* somebody asks for memory */
	bool ended; /* an ask has ended since the plan was made */
	struct bal_sums sums;
};

/* above - a - b, or 0 */
static uint64_t
above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* plus - a + b, or the greatest */
static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* ---- domains ---- */

/* moves - may this loop change a target in its world? */
static bool
moves(const struct bal_loop *l)
{
	return l->mode == BAL_LOOP_SHARES && !(l->flags & HV_W_OBSERVES);
}

bool
bal_loop_can_obey(const struct bal_loop_dom *d)
{
	const uint32_t needs = HV_D_BALLOON | HV_D_RANGE;

	return (d->fact.flags & (needs | HV_D_CONTROL)) == needs;
}

uint64_t
bal_loop_actual_kib(const struct bal_loop_dom *d)
{
	int64_t offset_kib =
	    d->fact.flags & HV_D_OFFSET ? d->fact.offset_kib : 0;

	return offset_kib < 0 ? plus(d->fact.actual_kib, (uint64_t)-offset_kib)
			      : above(d->fact.actual_kib, (uint64_t)offset_kib);
}

bool
bal_loop_is_off(const struct bal_loop_dom *d)
{
	uint64_t actual_kib = bal_loop_actual_kib(d);
	uint64_t target_kib = d->fact.target_kib;

	return (d->fact.flags & HV_D_BALLOON) &&
	       (above(actual_kib, target_kib) > INACCURACY_KIB ||
		   above(target_kib, actual_kib) > INACCURACY_KIB);
}

/*
 * watch - how a domain that can be moved behaves
 *
 * While somebody waits for memory, who has once stood still is in doubt until
 * it is where it should be: a guest that moves a little whenever it is told to
 * must not have the others wait for it each time.
 */
static enum bal_state
watch(struct bal_loop_host *h, struct bal_loop_dom *d,
    const struct bal_domain *p, bool waits, int64_t now_ms)
{
	int64_t doubt_ms, left_ms = bal_watch(&d->past, p, now_ms);

	if (left_ms >= 0)
		bal_loop_due(h, now_ms + left_ms);
	if (d->past.stuck)
		return BAL_INACTIVE;
	if (left_ms < 0 || !waits)
		d->doubted = false;
	if (d->doubted || d->past.doubtful)
		return BAL_DOUBTFUL;
	if (left_ms < 0 || !waits)
		return BAL_ACTIVE;
	doubt_ms = d->past.progress_ms + BAL_LOOP_DOUBT_MS;
	d->doubted = doubt_ms <= now_ms;
	if (d->doubted)
		return BAL_DOUBTFUL;
	bal_loop_due(h, doubt_ms);
	return BAL_ACTIVE;
}

/* state_of - can it be counted on? */
static enum bal_state
state_of(struct bal_loop *l, struct bal_loop_host *h, struct bal_loop_dom *d,
    const struct bal_domain *p, bool waits, int64_t now_ms)
{
	static const struct bal_past nothing;

	if (!moves(l) || !bal_loop_can_obey(d) || d->retry_ms > now_ms) {
		d->past = nothing;
		return BAL_FIXED;
	}
	if ((d->fact.flags & HV_D_RUNNING) && (d->fact.flags & HV_D_OFFSET))
		return watch(h, d, p, waits, now_ms);
	d->past = nothing; /* when it goes on it has a new chance */
	/* until its offset is known nobody is denied what it could give */
	return d->fact.flags & HV_D_RUNNING ? BAL_DOUBTFUL : BAL_INACTIVE;
}

/* note_off - since when it is off its target, and when that is too long */
static void
note_off(struct bal_loop_host *h, struct bal_loop_dom *d, int64_t now_ms)
{
	if (!bal_loop_is_off(d))
		d->off_ms = 0;
	else if (d->off_ms == 0)
		d->off_ms = now_ms;
	if (d->off_ms != 0 && now_ms - d->off_ms <= BAL_LOOP_UNCOOP_MS)
		bal_loop_due(h, d->off_ms + BAL_LOOP_UNCOOP_MS + 1);
}

/*
 * comfort - what it says it needs; what it said last while that is near
 *
 * What a guest uses changes all the time.  Targets are to follow only where it
 * matters.
 */
static uint64_t
comfort(struct bal_loop *l, struct bal_loop_dom *d)
{
	uint64_t kib, was = d->comfort_kib;

	if (l->calls.used_kib == NULL)
		return 0;
	kib = bal_comfort(l->calls.used_kib(l->calls.ctx, &d->fact.uuid));
	if (kib == 0 || above(kib, was) > was / 8 || above(was, kib) > was / 8)
		d->comfort_kib = kib;
	return d->comfort_kib;
}

/* sample - the domains as the policy sees them */
static void
sample(struct bal_loop *l, struct bal_loop_host *h, bool waits, int64_t now_ms)
{
	for (size_t i = 0; i < h->n; i++) {
		struct bal_loop_dom *d = h->doms[i];
		struct bal_domain *p = &h->plan[i];

		*p = (struct bal_domain){
		    .min_kib = d->fact.dynamic_min_kib,
		    .max_kib = d->fact.dynamic_max_kib,
		    .target_kib = d->fact.target_kib,
		    .actual_kib = bal_loop_actual_kib(d),
		    .inaccuracy_kib = INACCURACY_KIB,
		};
		p->comfort_kib = comfort(l, d);
		d->state = p->state = state_of(l, h, d, p, waits, now_ms);
		note_off(h, d, now_ms);
	}
}

/* ---- the sums ---- */

/* is_of - does the ask concern this host? */
static bool
is_of(const struct bal_ask *ask, const struct bal_loop_host *h)
{
	return hv_uuid_equal(&ask->host, &h->uuid);
}

/* wants_balance - is it no memory that is asked for? */
static bool
wants_balance(const struct bal_ask *ask)
{
	return ask->min_kib == 0 && ask->max_kib == 0;
}

/* next_of - the first ask of a host behind another; NULL: none */
static struct bal_ask *
next_of(const struct bal_loop *l, const struct bal_loop_host *h,
    const struct bal_ask *behind)
{
	struct bal_ask *ask = behind != NULL ? TAILQ_NEXT(behind, link)
					     : TAILQ_FIRST(&l->waiting);

	while (ask != NULL && !is_of(ask, h))
		ask = TAILQ_NEXT(ask, link);
	return ask;
}

/*
 * growing - what domains will take that the policy does not look at
 *
 * They have a driver and a target, but are not to be moved now: nobody knows
 * their offset yet, or commands to them fail.
 */
static uint64_t
growing(const struct bal_loop_host *h)
{
	uint64_t kib = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct bal_domain *p = &h->plan[i];

		if (p->state == BAL_FIXED && bal_loop_can_obey(h->doms[i]))
			kib = plus(kib, above(p->target_kib, p->actual_kib));
	}
	return kib;
}

/*
 * count_free - what is free, and not promised to anybody
 *
 * What Xen keeps for a domain that is being built is most often what a
 * reservation is kept for: the greater of the two counts, not both.
 */
static void
count_free(struct bal_loop *l, const struct bal_loop_host *h, struct sight *s)
{
	uint64_t kib = plus(h->fact.free_kib, h->fact.scrub_kib), promised;
	const struct bal_ask *ask;

	promised = l->calls.held_kib(l->calls.ctx, &h->uuid);
	s->holds = promised != 0;
	if (promised < h->fact.claimed_kib)
		promised = h->fact.claimed_kib;
	promised = plus(promised, growing(h));
	TAILQ_FOREACH(ask, &l->granted, link)
	if (is_of(ask, h))
		promised = plus(promised, ask->granted_kib);
	s->free_kib = above(kib, promised);
	s->short_kib = above(promised, kib);
}

/* ---- answers ---- */

/* deny - not even with every guest at its minimum */
static void
deny(struct bal_loop *l, struct bal_ask *ask, uint64_t free_kib)
{
	ask->needed_kib = ask->min_kib;
	ask->free_kib = free_kib;
	bal_loop_end(l, ask, BAL_ASK_NO_MEMORY);
}

/* inaccuracy - so much the policy takes off, for guests that are not exact */
static uint64_t
inaccuracy(const struct bal_loop_host *h)
{
	uint64_t kib = 0;

	for (size_t i = 0; i < h->n; i++)
		if (h->plan[i].state != BAL_FIXED)
			kib += 2 * h->plan[i].inaccuracy_kib;
	return kib;
}

/* doom - an ask seems impossible: end it, unless it may only seem so */
static void
doom(struct bal_loop *l, struct bal_loop_host *h, const struct sight *s,
    struct bal_ask *ask, uint64_t free_kib)
{
	ask->is_doomed = true;
	if (!s->holds || s->now_ms >= h->new_ms + NEW_MS)
		deny(l, ask, free_kib);
	else
		bal_loop_due(h, h->new_ms + NEW_MS);
}

/*
 * weed - end those asks that can never be met; nothing moves for them
 *
 * What is asked for first has the better claim.  What guests may be off by is
 * not held against anybody: an ask for the last page is right as long as they
 * are not.
 */
static void
weed(struct bal_loop *l, struct bal_loop_host *h, struct sight *s)
{
	uint64_t most, used = plus(BAL_RESERVED_KIB, s->short_kib);
	struct bal_ask *ask, *next;

	s->want_kib = used;
	if (!s->waits)
		return;
	(void)bal_plan(h->plan, h->n, s->free_kib, used, &s->sums);
	most = plus(s->sums.all_free_kib, inaccuracy(h));
	for (ask = next_of(l, h, NULL); ask != NULL; ask = next) {
		next = next_of(l, h, ask);
		if (above(most, used) < ask->min_kib) {
			doom(l, h, s, ask, above(most, used));
			continue;
		}
		ask->is_doomed = false;
		used += ask->min_kib;
	}
	s->want_kib = used;
}

/* want - how much each ask is to get, its fair share beside the guests' */
static void
want(struct bal_loop *l, const struct bal_loop_host *h, struct sight *s)
{
	struct bal_ask *ask;

	for (ask = next_of(l, h, NULL); ask != NULL; ask = next_of(l, h, ask)) {
		if (ask->is_doomed)
			continue;
		ask->ideal_kib = ask->min_kib;
		if (ask->max_kib > ask->min_kib)
			ask->ideal_kib = bal_ideal(h->plan, h->n, s->free_kib,
			    s->want_kib - ask->min_kib, ask->min_kib,
			    ask->max_kib);
		s->want_kib = plus(s->want_kib, ask->ideal_kib - ask->min_kib);
	}
}

/* grant - the ask has its memory */
static void
grant(struct bal_loop *l, struct sight *s, struct bal_ask *ask, uint64_t kib)
{
	ask->granted_kib = kib;
	s->free_kib -= kib;
	s->want_kib -= ask->ideal_kib;
	s->ended = true;
	bal_loop_end(l, ask, BAL_ASK_GRANTED);
}

/*
 * serve - grant what there is memory for
 *
 * in      all  nothing more comes: less than the ideal has to do
 */
static void
serve(struct bal_loop *l, const struct bal_loop_host *h, struct sight *s,
    bool all)
{
	struct bal_ask *ask, *next;
	uint64_t kib;

	for (ask = next_of(l, h, NULL); ask != NULL; ask = next) {
		next = next_of(l, h, ask);
		if (ask->is_doomed)
			continue;
		/* some are on their way up, and may not hear in time to stop */
		kib = above(
		    s->free_kib, plus(BAL_RESERVED_KIB, s->sums.growth_kib));
		if (kib > ask->ideal_kib)
			kib = ask->ideal_kib;
		if (kib >= (all ? ask->min_kib : ask->ideal_kib) &&
		    !wants_balance(ask))
			grant(l, s, ask, kib);
	}
}

/* name_refusers - the guests that could have given, and did not */
static void
name_refusers(const struct bal_loop_host *h, struct bal_ask *ask)
{
	const uint64_t near_kib = 2 * INACCURACY_KIB;

	ask->nrefused = 0;
	for (size_t i = 0; i < h->n; i++) {
		const struct bal_domain *p = &h->plan[i];

		if (ask->nrefused < BAL_ASK_REFUSERS &&
		    p->state == BAL_INACTIVE &&
		    above(p->actual_kib, p->min_kib) > near_kib)
			ask->refused[ask->nrefused++] = h->doms[i]->fact.uuid;
	}
}

/* refuse - nothing moves any more, and it is not enough */
static void
refuse(struct bal_loop *l, const struct bal_loop_host *h, struct sight *s)
{
	struct bal_ask *ask, *next;

	for (ask = next_of(l, h, NULL); ask != NULL; ask = next) {
		next = next_of(l, h, ask);
		if (wants_balance(ask) || ask->is_doomed)
			continue;
		s->ended = true;
		name_refusers(h, ask);
		if (ask->nrefused > 0)
			bal_loop_end(l, ask, BAL_ASK_REFUSED);
		else
			deny(l, ask, above(s->free_kib, BAL_RESERVED_KIB));
	}
}

/* is_moving - is it on its way, as far as is known? */
static bool
is_moving(const struct bal_loop_dom *d)
{
	return d != NULL && bal_loop_is_off(d) &&
	       (d->state == BAL_ACTIVE || d->state == BAL_DOUBTFUL);
}

/* is_lame - is it known that it does not obey? */
static bool
is_lame(const struct bal_loop_dom *d)
{
	return d == NULL || d->state == BAL_FIXED || d->state == BAL_INACTIVE;
}

/*
 * is_there - is it where the plan wants it?
 *
 * Another guest may take an hour to get where it is to be: nobody waits for it
 * whose own VM has arrived.
 */
static bool
is_there(const struct bal_loop_host *h, const struct bal_loop_dom *d)
{
	const uint64_t near_kib = 2 * INACCURACY_KIB;

	if (d == NULL || d->command_id != 0 || bal_loop_is_off(d))
		return false;
	for (size_t i = 0; i < h->n; i++) {
		const struct bal_domain *p = &h->plan[i];

		if (h->doms[i] == d)
			return !p->selected &&
			       above(p->aim_kib, p->target_kib) <= near_kib &&
			       above(p->target_kib, p->aim_kib) <= near_kib;
	}
	return false;
}

/* settle - who waits for the balance: his VM has moved, or all, or it does not
 */
static void
settle(struct bal_loop *l, const struct bal_loop_host *h, bool is_balanced)
{
	struct bal_ask *ask, *next;

	for (ask = next_of(l, h, NULL); ask != NULL; ask = next) {
		const struct bal_loop_dom *d = bal_loop_dom_of(h, &ask->vm);

		next = next_of(l, h, ask);
		if (!wants_balance(ask))
			continue;
		if ((is_balanced && !is_moving(d)) || is_there(h, d)) {
			bal_loop_end(l, ask, BAL_ASK_GRANTED);
		} else if (is_lame(d) && !hv_uuid_is_null(&ask->vm)) {
			ask->nrefused = 1;
			ask->refused[0] = ask->vm;
			bal_loop_end(l, ask, BAL_ASK_REFUSED);
		}
	}
}

/* ---- a look ---- */

/* has_asks - does anybody wait for memory here? */
static bool
has_asks(const struct bal_loop *l, const struct bal_loop_host *h)
{
	const struct bal_ask *ask;

	for (ask = next_of(l, h, NULL); ask != NULL; ask = next_of(l, h, ask))
		if (!wants_balance(ask))
			return true;
	return false;
}

void
bal_loop_look(struct bal_loop *l, struct bal_loop_host *h, int64_t now_ms)
{
	struct sight s = {.now_ms = now_ms, .waits = has_asks(l, h)};
	enum bal_outcome outcome;

	sample(l, h, s.waits, now_ms);
	count_free(l, h, &s);
	weed(l, h, &s);
	want(l, h, &s);
	serve(l, h, &s, false);
	outcome = bal_plan(h->plan, h->n, s.free_kib, s.want_kib, &s.sums);
	s.ended = false;
	if (outcome != BAL_ADJUST) {
		serve(l, h, &s, true);
		/* what is free may be kept for one that does not take it */
		refuse(l, h, &s);
	}
	if (s.ended) {
		bal_loop_due(h, now_ms); /* less is wanted now */
		return;
	}
	settle(l, h, outcome != BAL_ADJUST);
	bal_loop_send(l, h, now_ms);
}
