/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Random worlds: guests of every manner, requests, reservations, builds, ends,
 * pauses, new ranges, and a loop that is killed now and then.
 *
 * BAL_WORLDS in the environment says how many; TEST_SEED repeats a run.
 */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/model/help_random.h"
#include "tests/xen/help_loop.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define WORLDS 2000
#define EVENTS 150
#define GUESTS 12
#define ASKS 4

static const struct manner {
	const char *behaviour;
	bool obeys; /* whatever it is asked, fast enough to be called so */
	bool quiet; /* comes to rest */
} manners[] = {
    {"", true, true},
    {"rate_kib_s=1048576", true, true},
    {"rate_kib_s=262144", true, true},
    {"rate_kib_s=8192", false, true},
    {"limit_kib=524288", false, true},
    {"stuck", false, true},
    {"stuck_ms=3000/10000", false, false},
    {"lying", false, true},
    {"growing", false, true},
    {"vanish_ms=20000", false, true},
    {"boot_ms=7000", false, true},
    {"boot_ms=3000 rate_kib_s=524288", false, true},
    {"no_balloon", false, true},
};

struct guest {
	uint64_t vm;
	const struct manner *manner;
	bool paused; /* or was not long ago */
};

struct world {
	struct help_loop h;
	struct help_random *r;
	uint64_t memory_kib, next_vm;
	struct guest guests[GUESTS];
	size_t n;
	struct bal_ask asks[ASKS];
	bool used[ASKS];
	unsigned granted, refused, denied, built;
};

static uint64_t
below(struct world *w, uint64_t n)
{
	return help_random_below(w->r, n);
}

/* pass - time, with what is promised as the floor */
static void
pass(struct world *w, int64_t ms)
{
	uint64_t kib = BAL_RESERVED_KIB + w->h.held_kib;

	for (size_t i = 0; i < ASKS; i++)
		if (w->used[i] && w->asks[i].status == BAL_ASK_GRANTED)
			kib += w->asks[i].granted_kib;
	w->h.floor_kib = kib;
	w->h.wait_ms = 0;
	/* who is granted more meanwhile raises the floor at the next call */
	loop_pass(&w->h, ms);
}

/* guest_of - by what the loop calls it; NULL: none of ours */
static struct guest *
guest_of(struct world *w, uint64_t vm)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->guests[i].vm == vm)
			return &w->guests[i];
	return NULL;
}

/* check_refusal - nobody who obeys is named */
static void
check_refusal(struct world *w, const struct bal_ask *ask)
{
	const struct guest *g;

	cr_assert_gt(ask->nrefused, 0);
	for (unsigned i = 0; i < ask->nrefused; i++) {
		g = guest_of(w, ask->refused[i].hi);
		cr_assert(g == NULL || g->paused || !g->manner->obeys,
		    "guest %d obeys, and is named", (int)ask->refused[i].hi);
	}
}

/* check_denial - not even with all of them at their minimum */
static void
check_denial(struct world *w, const struct bal_ask *ask)
{
	uint64_t kib = loop_free(&w->h), need;
	const struct hv_domain *d;

	for (size_t i = 0; i < w->n; i++) {
		d = loop_dom(&w->h, w->guests[i].vm);
		if (d != NULL && (d->flags & HV_D_BALLOON) &&
		    d->actual_kib > d->dynamic_min_kib)
			kib += d->actual_kib - d->dynamic_min_kib;
	}
	need = BAL_RESERVED_KIB + w->h.held_kib + ask->min_kib;
	/* others may have ended meanwhile, but they came first */
	for (size_t i = 0; i < ASKS; i++)
		if (w->used[i] && &w->asks[i] != ask)
			need += w->asks[i].max_kib;
	cr_assert_gt(need + 16 * GUESTS, kib,
	    "denied, and all at their minimum would do");
}

/* look - at the asks that have ended */
static void
look(struct world *w)
{
	for (size_t i = 0; i < ASKS; i++) {
		struct bal_ask *ask = &w->asks[i];

		if (!w->used[i] || ask->status == BAL_ASK_PENDING)
			continue;
		if (ask->status == BAL_ASK_GRANTED) {
			cr_assert(ask->granted_kib >= ask->min_kib &&
				  ask->granted_kib <= ask->max_kib);
			continue; /* until somebody takes or drops it */
		}
		if (ask->status == BAL_ASK_REFUSED) {
			check_refusal(w, ask);
			w->refused++;
		} else {
			cr_assert_eq(ask->status, BAL_ASK_NO_MEMORY);
			w->denied++;
		}
		w->used[i] = false;
	}
}

/* ---- what happens ---- */

/* slot - an ask that is used or not, and where it stands; ASKS: none */
static size_t
slot(const struct world *w, bool used, enum bal_ask_status status)
{
	for (size_t i = 0; i < ASKS; i++)
		if (w->used[i] == used &&
		    (!used || w->asks[i].status == status))
			return i;
	return ASKS;
}

static void
ask(struct world *w)
{
	size_t i = slot(w, false, BAL_ASK_PENDING);
	uint64_t kib = 4 * (1 + below(w, w->memory_kib / 6));

	if (i == ASKS)
		return;
	pass(w, 0);
	w->used[i] = true;
	loop_ask(&w->h, &w->asks[i], kib, kib + 4 * below(w, 65536), 0);
	if (w->asks[i].status == BAL_ASK_NO_MEMORY)
		check_denial(w, &w->asks[i]);
}

/* drop - an ask, granted or not */
static void
drop(struct world *w)
{
	size_t i = below(w, ASKS);

	if (!w->used[i])
		return;
	bal_loop_drop(w->h.loop, &w->asks[i]);
	w->used[i] = false;
}

/* hold - a granted ask becomes a reservation */
static void
hold(struct world *w)
{
	size_t i = slot(w, true, BAL_ASK_GRANTED);

	if (i == ASKS)
		return;
	w->h.held_kib += w->asks[i].granted_kib;
	bal_loop_drop(w->h.loop, &w->asks[i]);
	w->used[i] = false;
	w->granted++;
}

/* build - a guest in a part of what is held */
static void
build(struct world *w)
{
	uint64_t min_kib, target_kib;
	struct guest *g = &w->guests[w->n];

	if (w->n == GUESTS || w->h.held_kib < 128 * MIB)
		return;
	g->vm = ++w->next_vm;
	g->manner = &manners[below(w, N(manners))];
	g->paused = false;
	target_kib = 64 * MIB + 4 * below(w, (w->h.held_kib - 64 * MIB) / 4);
	min_kib = 4 * (1 + below(w, target_kib / 4));
	w->h.held_kib -= target_kib;
	w->h.floor_kib -= target_kib;
	w->n++;
	w->built++;
	loop_make(&w->h, g->vm, min_kib,
	    target_kib + 4 * below(w, w->memory_kib / 4), target_kib,
	    g->manner->behaviour);
}

/* one_of - some guest that lives; NULL: none */
static struct guest *
one_of(struct world *w)
{
	struct guest *g = w->n == 0 ? NULL : &w->guests[below(w, w->n)];

	return g == NULL || loop_dom(&w->h, g->vm) == NULL ? NULL : g;
}

static void
end(struct world *w)
{
	struct guest *g = one_of(w);

	if (g == NULL)
		return;
	loop_verb(&w->h, HV_DESTROY, g->vm);
	*g = w->guests[--w->n];
}

static void
toggle(struct world *w)
{
	struct guest *g = one_of(w);
	bool runs;

	if (g == NULL)
		return;
	runs = loop_dom(&w->h, g->vm)->flags & HV_D_RUNNING;
	g->paused = true; /* it may still be named for a while */
	loop_verb(&w->h, runs ? HV_PAUSE : HV_UNPAUSE, g->vm);
}

/* range - another dynamic_max; the minimum stays, for it was admitted */
static void
range(struct world *w)
{
	struct guest *g = one_of(w);
	const struct hv_domain *d;

	if (g == NULL)
		return;
	d = loop_dom(&w->h, g->vm);
	if (!(d->flags & HV_D_BALLOON))
		return;
	loop_range(&w->h, g->vm, d->dynamic_min_kib,
	    d->dynamic_min_kib +
		4 * below(w, (d->static_max_kib - d->dynamic_min_kib) / 4 + 1));
}

/* crash - asks go, what is held stays */
static void
crash(struct world *w)
{
	memset(w->used, 0, sizeof w->used);
	pass(w, 0);
	loop_restart(&w->h);
}

/* cut - for a while nobody hears what the loop says */
static void
cut(struct world *w)
{
	w->h.deaf = true;
	pass(w, (int64_t)below(w, 500));
	w->h.deaf = false;
}

static void
unhold(struct world *w)
{
	if (below(w, 8) != 0)
		return;
	w->h.held_kib = 0;
	bal_loop_touch(w->h.loop, &w->h.host);
}

static void
happen(struct world *w)
{
	static void (*const what[])(struct world *) = {ask, ask, ask, hold,
	    hold, build, build, build, drop, end, toggle, range, range, crash,
	    unhold, cut, cut};

	what[below(w, N(what))](w);
	look(w);
	pass(w, (int64_t)below(w, 1 << below(w, 15)));
	look(w);
}

/* ---- how it ends ---- */

/* settle - everybody may go on, nobody wants anything */
static void
settle(struct world *w)
{
	const struct hv_domain *d;

	for (size_t i = 0; i < w->n; i++) {
		d = loop_dom(&w->h, w->guests[i].vm);
		if (d != NULL && !(d->flags & HV_D_RUNNING))
			loop_verb(&w->h, HV_UNPAUSE, w->guests[i].vm);
	}
	pass(w, 900000);
	look(w);
	for (size_t i = 0; i < ASKS; i++) {
		cr_assert(!w->used[i] || w->asks[i].status != BAL_ASK_PENDING,
		    "an ask that never ends");
		if (w->used[i])
			bal_loop_drop(w->h.loop, &w->asks[i]);
		w->used[i] = false;
	}
	w->h.held_kib = 0;
	bal_loop_touch(w->h.loop, &w->h.host);
	pass(w, 1800000);
}

/* fraction - of its range that a guest has, in millionths; -1: no range */
static int64_t
fraction(const struct hv_domain *d)
{
	int64_t range_kib = (int64_t)(d->dynamic_max_kib - d->dynamic_min_kib);

	if (range_kib < (int64_t)(256 * MIB))
		return -1;
	return ((int64_t)d->actual_kib - (int64_t)d->dynamic_min_kib) *
	       1000000 / range_kib;
}

/* check_end - equal parts for who obeys; nothing left over; silence */
static void
check_end(struct world *w)
{
	int64_t least = INT64_MAX, most = -1, f;
	bool quiet = true, all_full = true;
	const struct hv_domain *d;
	unsigned before;

	for (size_t i = 0; i < w->n; i++) {
		d = loop_dom(&w->h, w->guests[i].vm);
		quiet &= w->guests[i].manner->quiet;
		if (d == NULL || !w->guests[i].manner->obeys)
			continue;
		all_full &= d->target_kib + 8 >= d->dynamic_max_kib;
		cr_assert_leq(
		    llabs((int64_t)d->actual_kib - (int64_t)d->target_kib), 4);
		cr_assert_eq(d->flags & HV_D_UNCOOPERATIVE, 0);
		f = fraction(d);
		if (f < 0)
			continue;
		least = f < least ? f : least;
		most = f > most ? f : most;
	}
	before = w->h.commands[HV_SET_TARGET];
	pass(w, 600000);
	if (!quiet)
		return;
	cr_assert(most < 0 || most - least <= 2000, "%d to %d millionths",
	    (int)least, (int)most);
	cr_assert_eq(w->h.commands[HV_SET_TARGET], before, "it is not silent");
	cr_assert(all_full || loop_free(&w->h) < BAL_RESERVED_KIB + 2048,
	    "%d KiB lie idle", (int)(loop_free(&w->h) - BAL_RESERVED_KIB));
}

Test(random_worlds, what_must_hold_holds_in_all)
{
	const char *number = getenv("BAL_WORLDS");
	long worlds = number != NULL ? atol(number) : WORLDS;
	unsigned granted = 0, refused = 0, denied = 0, built = 0;
	struct help_random r;
	struct world w;

	help_random_init(&r, "random_worlds");
	for (long i = 0; i < worlds; i++) {
		memset(&w, 0, sizeof w);
		w.r = &r;
		w.memory_kib = 2 * GIB + 4 * below(&w, 4 * MIB);
		loop_open(&w.h, w.memory_kib);
		for (unsigned k = 0; k < EVENTS; k++)
			happen(&w);
		settle(&w);
		check_end(&w);
		loop_close(&w.h);
		granted += w.granted;
		refused += w.refused;
		denied += w.denied;
		built += w.built;
	}
	fprintf(stderr,
	    "%ld worlds: %u guests, %u grants, %u refusals, %u denials\n",
	    worlds, built, granted, refused, denied);
	cr_expect(worlds < 100 || (granted > 0 && refused > 0 && denied > 0));
}
