/* SPDX-License-Identifier: BSD-2-Clause */

/* Own */
#include "xen/hv_sim_priv.h"

/* Longest slice in which guests that move at a rate take turns. */
#define RATED_SLICE_MS 100u

/* A KiB in the unit of carries: KiB/s * ms. */
#define KIB_CARRY 1000u
#define PAGE_CARRY (PAGE_KIB * KIB_CARRY)

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* wants - does it want to balloon, and can it while its time goes on? */
static bool
wants(const struct hv_sim_dom *d)
{
	return d->running && hv_sim_can_balloon(d) &&
	       hv_sim_goal_pages(d) != d->pages;
}

/* move - towards the goal by up to so many pages; pages that moved */
static uint64_t
move(struct hv_sim *w, struct hv_sim_dom *d, uint64_t pages)
{
	uint64_t goal = hv_sim_goal_pages(d), n;

	if (goal < d->pages) {
		n = least(pages, d->pages - goal);
		d->pages -= n;
		hv_sim_give_pages(d->host, n);
	} else {
		n = least(least(pages, goal - d->pages), hv_sim_avail(d->host));
		d->pages += n;
		hv_sim_take_pages(d->host, n);
	}
	if (n > 0)
		hv_sim_dirty(w, d);
	return n;
}

/* ---- what happens at an instant ---- */

/* settle_one - true when pages may have become free; d may be gone then */
static bool
settle_one(struct hv_sim *w, struct hv_sim_dom *d)
{
	uint64_t age_ms = hv_sim_age_ms(d, w->now_ms), until_ms, had;

	if (d->running && !d->booted && age_ms >= d->manner.boot_ms) {
		d->booted = true;
		hv_sim_dirty(w, d);
	}
	if (d->running && d->manner.vanish_ms != 0 &&
	    age_ms >= d->manner.vanish_ms) {
		hv_sim_end(w, d, HV_END_HALTED);
		return true;
	}
	hv_sim_count_step(w, d);
	hv_sim_stats_answer(w, d);
	if (d->ask.verb != 0 && d->ask.left_ms == 0 && hv_sim_hears(d)) {
		hv_sim_ask_done(w, d);
		return true;
	}
	had = d->pages;
	if (d->manner.rate_kib_s == 0 && wants(d) &&
	    !hv_sim_stuck(d, w->now_ms, &until_ms))
		(void)move(w, d, UINT64_MAX); /* as far as it goes */
	return d->pages < had;
}

/* event_ms - ms until time changes something about a settled domain */
static uint64_t
event_ms(const struct hv_sim *w, const struct hv_sim_dom *d)
{
	uint64_t e = SIM_NEVER, until, age = hv_sim_age_ms(d, w->now_ms);

	if (d->count.said.is_on)
		e = least(e, hv_dirty_left_ms(&d->count, w->now_ms));
	if (!d->running)
		return e;
	if (!d->booted)
		e = least(e, d->manner.boot_ms - age);
	if (d->manner.vanish_ms != 0)
		e = least(e, d->manner.vanish_ms - age);
	if (d->ask.verb != 0 && hv_sim_hears(d))
		e = least(e, d->ask.left_ms);
	if (!wants(d))
		return e;
	if (hv_sim_stuck(d, w->now_ms, &until))
		return least(e, until);
	if (d->manner.rate_kib_s == 0)
		return e; /* blocked: it is memory that is missing */
	if (hv_sim_goal_pages(d) < d->pages || hv_sim_avail(d->host) > 0)
		e = least(e, least(until, RATED_SLICE_MS));
	return e;
}

/* settle - until nothing more happens at this instant */
static void
settle(struct hv_sim *w)
{
	struct hv_sim_dom *d, *next;
	bool again = true;

	while (again) {
		again = false;
		for (d = TAILQ_FIRST(&w->busy); d != NULL; d = next) {
			next = TAILQ_NEXT(d, on_busy);
			again |= settle_one(w, d);
		}
	}
	for (d = TAILQ_FIRST(&w->busy); d != NULL; d = next) {
		next = TAILQ_NEXT(d, on_busy);
		if (event_ms(w, d) == SIM_NEVER && d->ask.verb == 0 &&
		    (!wants(d) || d->manner.stuck))
			hv_sim_rest(w, d);
	}
}

/* ---- what happens over time ---- */

/* scrub_ms - until a host has scrubbed everything */
static uint64_t
scrub_ms(const struct hv_sim_machine *h)
{
	uint64_t left = h->scrub_pages * PAGE_CARRY;

	if (left == 0)
		return SIM_NEVER;
	left -= least(left, h->scrub_carry);
	return left / h->conf.scrub_kib_s + 1;
}

static void
scrub(struct hv_sim_machine *h, uint64_t ms)
{
	uint64_t done, n;

	if (h->scrub_pages == 0)
		return;
	done = h->conf.scrub_kib_s * ms + h->scrub_carry;
	n = least(done / PAGE_CARRY, h->scrub_pages);
	h->scrub_pages -= n;
	h->free_pages += n;
	h->scrub_carry = h->scrub_pages == 0 ? 0 : done % PAGE_CARRY;
	h->dirty |= n > 0;
}

/* creep - a guest that balloons at a rate does so for ms */
static void
creep(struct hv_sim *w, struct hv_sim_dom *d, uint64_t ms)
{
	uint64_t done = d->manner.rate_kib_s * ms + d->rate_carry;
	uint64_t due = done / PAGE_CARRY;

	d->rate_carry = move(w, d, due) == due ? done % PAGE_CARRY : 0;
}

/* creeps - does it move at a rate now, downwards or upwards? */
static bool
creeps(const struct hv_sim *w, const struct hv_sim_dom *d, bool down)
{
	uint64_t until;

	return d->manner.rate_kib_s != 0 && wants(d) &&
	       (hv_sim_goal_pages(d) < d->pages) == down &&
	       !hv_sim_stuck(d, w->now_ms, &until);
}

/* elapse - no event lies within these ms; those who give go first */
static void
elapse(struct hv_sim *w, uint64_t ms)
{
	struct hv_sim_dom *d;

	for (size_t i = 0; i < w->nhosts; i++)
		scrub(&w->hosts[i], ms);
	TAILQ_FOREACH(d, &w->busy, on_busy)
	{
		if (d->ask.verb != 0 && hv_sim_hears(d))
			d->ask.left_ms -= ms;
		if (creeps(w, d, true))
			creep(w, d, ms);
	}
	TAILQ_FOREACH(d, &w->busy, on_busy)
	if (creeps(w, d, false))
		creep(w, d, ms);
	w->now_ms += ms;
}

/* next_ms - until the next event of all; *moving: something creeps, scrubs */
static uint64_t
next_ms(const struct hv_sim *w, bool *moving)
{
	struct hv_sim_dom *d;
	uint64_t e = SIM_NEVER, until;

	*moving = false;
	TAILQ_FOREACH(d, &w->busy, on_busy)
	{
		until = event_ms(w, d);
		e = least(e, until);
		*moving |= until <= RATED_SLICE_MS;
	}
	for (size_t i = 0; i < w->nhosts; i++) {
		until = scrub_ms(&w->hosts[i]);
		e = least(e, until);
		*moving |= until != SIM_NEVER;
	}
	return e;
}

void
hv_sim_run(struct hv_sim *w, uint64_t ms)
{
	uint64_t slice;
	bool moving;

	settle(w);
	while (ms > 0) {
		slice = least(ms, next_ms(w, &moving));
		elapse(w, slice);
		ms -= slice;
		settle(w);
	}
}

int64_t
hv_sim_next_ms(struct hv_sim *w)
{
	uint64_t e;
	bool moving;
	int r = pthread_mutex_lock(&w->lock);

	(void)r; /* a plain mutex of ours: cannot fail */
	e = least(next_ms(w, &moving), hv_sim_stats_next_ms(w));
	(void)pthread_mutex_unlock(&w->lock);
	if (e == SIM_NEVER)
		return -1;
	return (int64_t)least(moving ? least(e, SIM_TICK_MS) : e, INT64_MAX);
}
