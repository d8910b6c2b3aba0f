/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal_plan - the equal fraction of everybody's dynamic range, in integers
 *
 * Three passes: sums, fractions, selection.  The one division is made once
 * for all domains.
 */

/* Model */
#include "model/bal.h"
#include "model/units.h"

typedef unsigned __int128 wide;

/* So much more than is wanted may lie idle. */
#define IDLE_KIB (8 * BAL_KNOCK_KIB)

/* Sums over the domains of one state. */
struct tally {
	wide gain;   /* above their min, less what they may be off by */
	wide owed;   /* missing to their min */
	wide range;  /* of their dynamic ranges */
	wide slack;  /* twice what they may be off by */
	size_t says; /* how many say what they need */
	wide knock;  /* what they may take if nothing is counted on them */
};

/* num/den of a range; num < den unless whole. */
struct fraction {
	uint64_t num, den;
	uint64_t inverse; /* floor(num x 2^64 / den) */
	bool whole;
};

struct plan {
	uint64_t free_kib, want_kib;
	struct bal_sums sums;
	struct fraction part;  /* of each range */
	struct fraction slack; /* how far everybody's inaccuracy moves that */
	struct fraction knock; /* ... and those on whom nothing is counted */
	wide growth, need;     /* under way; and beyond what was told */
	struct fraction given; /* of each need, while others still shrink */
	struct fraction comfort, beyond; /* of those who say what they need */
	bool doubt_counts;		 /* the doubtful are needed */
	bool freeing;			 /* somebody must shrink */
	bool moving;			 /* somebody is not on his target yet */
	bool unsettled; /* a target is off by more than inaccuracy */
	bool changed;	/* something is selected */
	bool denied;	/* somebody's min is not there */
};

/* above - a - b, or 0 */
static uint64_t
above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* narrow - the number, or the greatest that 64 bits hold */
static uint64_t
narrow(wide v)
{
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

/* plus - a + b, or the greatest that 64 bits hold */
static uint64_t
plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* is_near - no further apart than that */
static bool
is_near(uint64_t a, uint64_t b, uint64_t kib)
{
	return (a > b ? a - b : b - a) <= kib;
}

/* knock_top - how far one is let grow on whom nothing is counted */
static uint64_t
knock_top(const struct bal_domain *d)
{
	uint64_t top;

	top = plus(d->actual_kib, BAL_KNOCK_KIB);
	top = plus(top, plus(d->inaccuracy_kib, d->inaccuracy_kib));
	if (top > d->max_kib)
		top = d->max_kib;
	return top > d->min_kib ? top : d->min_kib;
}

/* tally_add - one domain into the sums of its state */
static void
tally_add(struct tally *t, const struct bal_domain *d)
{
	uint64_t twice = plus(d->inaccuracy_kib, d->inaccuracy_kib);

	t->gain += above(d->actual_kib, plus(d->min_kib, twice));
	t->owed += above(d->min_kib, d->actual_kib);
	t->range += above(d->max_kib, d->min_kib);
	t->slack += twice;
	t->says += d->comfort_kib != 0;
	if (d->state != BAL_ACTIVE)
		t->knock += above(knock_top(d), d->actual_kib);
}

/* tally_free - free memory once those gave and took what they can */
static uint64_t
tally_free(uint64_t free_kib, wide gain, wide cost)
{
	wide all = free_kib + gain;

	return all > cost ? narrow(all - cost) : 0;
}

/* tally_all - the sums of every state; t[BAL_FIXED] stays unused */
static void
tally_all(struct tally *t, const struct bal_domain *d, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (d[i].state != BAL_FIXED)
			tally_add(&t[d[i].state], &d[i]);
}

/* anyone_says - does anybody say what it needs? */
static bool
anyone_says(const struct tally *t)
{
	return t[BAL_ACTIVE].says + t[BAL_DOUBTFUL].says != 0;
}

/*
 * inverse_of - floor(num x 2^64 / den), num < den; bit by bit, because
 * compilers leave this division to a library, and it is made once a plan
 */
static uint64_t
inverse_of(uint64_t num, uint64_t den)
{
	uint64_t quotient = 0;
	bool carry;
	unsigned i;

	for (i = 0; i < 64; i++) {
		carry = num >> 63 != 0;
		num <<= 1;
		quotient <<= 1;
		if (carry || num >= den) {
			num -= den;
			quotient |= 1;
		}
	}
	return quotient;
}

/*
 * fraction_of - num/den; a den beyond 64 bits is scaled down together with
 * num, such that no share grows
 */
static struct fraction
fraction_of(uint64_t num, wide den)
{
	struct fraction f = {.whole = num >= den && num != 0};
	unsigned shift = 0;

	if (f.whole || num == 0)
		return f;
	while (den >> shift >= UINT64_MAX)
		shift++;
	f.num = num >> shift;
	f.den = (uint64_t)(den >> shift) + (shift != 0);
	f.inverse = inverse_of(f.num, f.den);
	return f;
}

/* fraction_share - floor(range x num / den), without dividing */
static uint64_t
fraction_share(const struct fraction *f, uint64_t range)
{
	uint64_t share;
	wide rest;

	if (f->whole)
		return range;
	/* the true share is this or one more */
	share = (uint64_t)((wide)f->inverse * range >> 64);
	rest = (wide)f->num * range - (wide)share * f->den;
	return share + (f->num != 0 && rest >= f->den);
}

/* sum_up - what there is, and what part of its range everybody gets */
static void
sum_up(struct plan *p, const struct tally *t)
{
	const struct tally *active = &t[BAL_ACTIVE], *idle = &t[BAL_INACTIVE],
			   *doubt = &t[BAL_DOUBTFUL];
	wide range = active->range, slack = active->slack, knock;
	uint64_t most;

	most = tally_free(p->free_kib, active->gain,
	    active->owed + idle->knock + doubt->knock);
	p->doubt_counts = most < p->want_kib && doubt->gain != 0;
	if (p->doubt_counts) {
		most = tally_free(p->free_kib, active->gain + doubt->gain,
		    active->owed + doubt->owed + idle->knock);
		range += doubt->range;
		slack += doubt->slack;
	}
	p->sums.max_free_kib = most;
	p->sums.all_free_kib =
	    tally_free(p->free_kib, active->gain + doubt->gain + idle->gain,
		active->owed + doubt->owed + idle->owed);
	p->sums.surplus_kib = above(most, p->want_kib);
	p->sums.range_kib = narrow(range);
	p->part = fraction_of(p->sums.surplus_kib, range);
	p->slack = fraction_of(narrow(slack), range);
	knock = idle->knock + (p->doubt_counts ? 0 : doubt->knock);
	if (knock < range)
		p->knock = fraction_of(narrow(knock), range);
}

/* is_counted - the plan builds on it */
static bool
is_counted(const struct plan *p, const struct bal_domain *d)
{
	return d->state == BAL_ACTIVE ||
	       (d->state == BAL_DOUBTFUL && p->doubt_counts);
}

/* says_need - is it one of those who share by need? */
static bool
says_need(const struct plan *p, const struct bal_domain *d)
{
	return d->comfort_kib != 0 && is_counted(p, d);
}

/* comfort_of - what it says it needs, within its range */
static uint64_t
comfort_of(const struct bal_domain *d)
{
	if (d->comfort_kib < d->min_kib)
		return d->min_kib;
	return d->comfort_kib > d->max_kib && d->max_kib > d->min_kib
		   ? d->max_kib
		   : d->comfort_kib;
}

/*
 * sum_needs - how far those who say what they need get with what is theirs
 *
 * It is theirs by their ranges, so that nobody gains by saying nothing, or
 * loses by others' saying something.
 */
static void
sum_needs(struct plan *p, const struct bal_domain *d, size_t n)
{
	wide theirs = 0, comfort = 0, beyond = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!says_need(p, &d[i]) || d[i].max_kib <= d[i].min_kib)
			continue;
		theirs += fraction_share(&p->part, d[i].max_kib - d[i].min_kib);
		comfort += comfort_of(&d[i]) - d[i].min_kib;
		beyond += d[i].max_kib - comfort_of(&d[i]);
	}
	p->comfort = fraction_of(narrow(theirs), comfort);
	p->beyond = fraction_of(
	    theirs > comfort ? narrow(theirs - comfort) : 0, beyond);
}

/* fair - its part of what is shared out, above its min */
static uint64_t
fair(const struct plan *p, const struct bal_domain *d)
{
	uint64_t range = above(d->max_kib, d->min_kib), comfort;

	if (!says_need(p, d) || range == 0)
		return fraction_share(&p->part, range);
	comfort = comfort_of(d) - d->min_kib;
	return fraction_share(&p->comfort, comfort) +
	       fraction_share(&p->beyond, range - comfort);
}

/* need_of - growth beyond what it was told already */
static uint64_t
need_of(const struct bal_domain *d)
{
	return above(d->aim_kib,
	    d->target_kib > d->actual_kib ? d->target_kib : d->actual_kib);
}

/*
 * knocked - the aim of one on whom nothing is counted
 *
 * Each time that it takes a little the others' part becomes less, and so does
 * its own by as much as their ranges are smaller.  Within that it stays where
 * it is, or it would go up and down with them for ever; unless there is memory
 * that nobody else takes.  And it stays when nothing is missing, and nobody has
 * a range to take what it would give.
 */
static uint64_t
knocked(const struct plan *p, const struct bal_domain *d, uint64_t fair_kib)
{
	uint64_t range = above(d->max_kib, d->min_kib), most = knock_top(d);
	uint64_t rest = plus(fraction_share(&p->knock, range), BAL_KNOCK_KIB);

	if (p->sums.range_kib == 0 && p->free_kib >= p->want_kib &&
	    fair_kib < d->target_kib && d->target_kib <= most)
		return d->target_kib;
	rest = plus(rest, plus(d->inaccuracy_kib, d->inaccuracy_kib));
	if (rest > range / 8)
		rest = range / 8;
	if (is_near(d->actual_kib, d->target_kib, d->inaccuracy_kib) &&
	    is_near(fair_kib, d->target_kib, rest) &&
	    d->target_kib >= d->min_kib && d->target_kib <= d->max_kib &&
	    (fair_kib < d->target_kib ||
		above(p->free_kib, p->want_kib) <= IDLE_KIB))
		return d->target_kib;
	return fair_kib > most ? most : fair_kib;
}

/*
 * drift - so far its target may be off though nothing has changed
 *
 * One on whom nothing is counted is not to keep a target far above what it has:
 * memory would be kept for it that it does not take.
 */
static uint64_t
drift(const struct plan *p, const struct bal_domain *d)
{
	uint64_t kib = fraction_share(&p->slack, above(d->max_kib, d->min_kib));

	if (!is_counted(p, d) && kib > BAL_KNOCK_KIB)
		kib = BAL_KNOCK_KIB;
	return plus(kib, 1);
}

/* propose - one domain's new target, and what it tells about the whole */
static void
propose(struct plan *p, struct bal_domain *d)
{
	uint64_t twice;

	d->selected = false;
	if (d->state == BAL_FIXED) {
		d->aim_kib = d->target_kib;
		return;
	}
	d->aim_kib = d->min_kib + fair(p, d);
	if (is_counted(p, d)) {
		if (!is_near(d->actual_kib, d->target_kib, d->inaccuracy_kib))
			p->moving = true;
		if (d->aim_kib < d->actual_kib &&
		    !is_near(d->aim_kib, d->actual_kib, d->inaccuracy_kib))
			p->freeing = true;
	} else {
		d->aim_kib = knocked(p, d, d->aim_kib);
	}
	p->growth += above(d->target_kib, d->actual_kib);
	p->need += need_of(d);
	twice = plus(d->inaccuracy_kib, d->inaccuracy_kib);
	if (is_near(d->aim_kib, d->target_kib, twice))
		return;
	twice = plus(twice, drift(p, d));
	if (d->target_kib < d->aim_kib ||
	    !is_near(d->aim_kib, d->target_kib, twice))
		p->unsettled = true;
}

/*
 * share_free - while some still shrink, the others get what is free already
 *
 * What is wanted free stays so; so does what those who are on their way up
 * were told that they may have: they may not hear in time that it is less now.
 */
static void
share_free(struct plan *p)
{
	uint64_t spare_kib = above(p->free_kib, p->want_kib);

	spare_kib = above(spare_kib, narrow(p->growth));
	p->given = fraction_of(spare_kib, p->need);
}

/*
 * is_kept - the target that it has is near enough, and promises no more
 *
 * One on whom nothing is counted, and who was asked already to shrink, need not
 * hear by how much: what would be right changes with each doubt about it.
 */
static bool
is_kept(const struct plan *p, const struct bal_domain *d)
{
	uint64_t twice = plus(d->inaccuracy_kib, d->inaccuracy_kib);

	if (!is_counted(p, d) && plus(d->aim_kib, twice) < d->actual_kib &&
	    plus(d->target_kib, twice) < d->actual_kib)
		return true;
	return is_near(d->aim_kib, d->target_kib, twice) &&
	       (d->target_kib <= d->aim_kib ||
		   d->actual_kib >= plus(d->min_kib, twice));
}

/* grow_partly - a step on the way up, if it is one worth telling */
static void
grow_partly(const struct plan *p, struct bal_domain *d)
{
	uint64_t need = need_of(d), step = fraction_share(&p->given, need);

	if (step < need && step < need / 8 && step < BAL_STEP_KIB)
		return;
	if (step == 0 || d->aim_kib - need + step < d->min_kib)
		return;
	d->new_kib = d->aim_kib - need + step;
	d->selected = true;
}

/*
 * choose - is the new target to be set now?
 *
 * inout   room_kib  what may be promised to those who grow
 */
static void
choose(struct plan *p, struct bal_domain *d, uint64_t *room_kib)
{
	uint64_t need;

	d->new_kib = d->aim_kib;
	if (d->state == BAL_FIXED || is_kept(p, d))
		return;
	need = d->aim_kib > d->target_kib ? need_of(d) : 0;
	if (need != 0 && p->freeing) {
		grow_partly(p, d);
	} else if (need > *room_kib) {
		p->denied |= is_counted(p, d);
	} else {
		*room_kib -= need;
		d->selected = true;
	}
	if (d->new_kib - d->new_kib % PAGE_KIB >= d->min_kib)
		d->new_kib -= d->new_kib % PAGE_KIB;
	/* in whole pages it may be what it was told already */
	d->selected &= d->new_kib != d->target_kib;
	p->changed |= d->selected;
}

enum bal_outcome
bal_plan(struct bal_domain *d, size_t n, uint64_t free_kib, uint64_t want_kib,
    struct bal_sums *sums_out)
{
	struct plan p = {.free_kib = free_kib, .want_kib = want_kib};
	struct tally t[BAL_DOUBTFUL + 1] = {{0}};
	uint64_t room_kib;
	size_t i;

	tally_all(t, d, n);
	sum_up(&p, t);
	if (anyone_says(t))
		sum_needs(&p, d, n);
	for (i = 0; i < n; i++)
		propose(&p, &d[i]);
	p.sums.growth_kib = narrow(p.growth);
	*sums_out = p.sums;
	if (free_kib >= want_kib && !p.moving && !p.unsettled)
		return BAL_BALANCED;
	room_kib = above(free_kib,
	    want_kib < BAL_RESERVED_KIB ? want_kib : BAL_RESERVED_KIB);
	room_kib = above(room_kib, p.sums.growth_kib);
	share_free(&p);
	for (i = 0; i < n; i++)
		choose(&p, &d[i], &room_kib);
	if (p.changed || p.moving)
		return BAL_ADJUST;
	return p.denied || free_kib < want_kib ? BAL_FAILED : BAL_BALANCED;
}

uint64_t
bal_comfort(int64_t used_kib)
{
	uint64_t kib = (uint64_t)used_kib;

	return used_kib < 0 ? 0 : plus(plus(kib, kib / 10 * 3), 1);
}

uint64_t
bal_ideal(const struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, uint64_t min_kib, uint64_t max_kib)
{
	const struct bal_domain guest = {
	    .min_kib = min_kib, .max_kib = max_kib, .state = BAL_ACTIVE};
	struct plan p = {.free_kib = free_kib, .want_kib = want_kib};
	struct tally t[BAL_DOUBTFUL + 1] = {{0}};

	tally_all(t, d, n);
	tally_add(&t[BAL_ACTIVE], &guest);
	sum_up(&p, t);
	return min_kib + fraction_share(&p.part, above(max_kib, min_kib));
}
