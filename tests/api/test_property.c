/* SPDX-License-Identifier: BSD-2-Clause */

/* Any sequence of any calls, one step at a time: every law holds after each,
 * what fails has changed nothing, what is admitted costs what was said. */

/* System */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "tests/api/help_play.h"

#define STEPS 10000

/* What runs, and how far it has come. */
static struct play play;
static uint64_t last; /* generation */

/* ---- one image against the one before ---- */

/* same_records - is every record of a class what it was? */
static bool
same_records(const struct fld_view *a, const struct fld_view *b, int cls)
{
	const struct idl_hdr *x = NULL, *y = NULL;

	do {
		x = fld_next(a, cls, x != NULL ? &x->ref : NULL);
		y = fld_next(b, cls, y != NULL ? &y->ref : NULL);
		if ((x == NULL) != (y == NULL))
			return false;
		if (x != NULL && (!idl_ref_equal(&x->ref, &y->ref) ||
				     !calls_record_equal(cls, x, y)))
			return false;
	} while (x != NULL);
	return true;
}

/* same_image - has nothing changed, down to the last field? */
static bool
same_image(const struct fld_view *a, const struct fld_view *b)
{
	if (fld_generation(a) != fld_generation(b))
		return false;
	for (int cls = 0; cls < idl_nclasses; cls++)
		if (!same_records(a, b, cls))
			return false;
	return true;
}

/* ---- laws ---- */

/* is_alone - nothing else is under way that could change an image */
static bool
is_alone(const struct play *p, const struct play_call *but)
{
	for (int i = 0; i < PLAY_CALLS; i++)
		if (p->call[i].busy && &p->call[i] != but)
			return false;
	return true;
}

/* is_one_stage - does the message change nothing but in its one transaction? */
static bool
is_one_stage(const struct play_call *s)
{
	return s->c.stage == NULL;
}

/* check - every law of the image, of the simulated world, of time */
static void
check(struct play *p, const struct fld_view *v)
{
	char text[300];

	cr_assert(calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)),
	    "%s after %s", text, p->said);
	cr_assert(hv_sim_conserves(p->w.sim, text, sizeof(text)), "%s", text);
	cr_assert_geq(fld_generation(v), last, "time went back");
	last = fld_generation(v);
}

/* check_failed - what failed in one stage left everything as it was */
static void
check_failed(struct play *p, const struct play_call *s,
    const struct fld_view *was, const struct fld_view *now)
{
	if (!s->ended || s->c.err == ERR_NONE || !is_one_stage(s) ||
	    !is_alone(p, s))
		return;
	cr_assert(same_image(was, now), "%s failed, and changed something",
	    s->c.method);
}

/* check_admission - free memory moved by what is needed, host by host */
static void
check_admission(
    struct play *p, const struct fld_view *was, const struct fld_view *now)
{
	const struct idl_host *host = NULL;
	int64_t free_was, free_now, sum_was[MEM_SUMS], sum_now[MEM_SUMS];
	int64_t needed;
	struct failure why;

	while ((host = fld_next(now, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		const struct idl_ref *r = &host->h.ref;

		cr_assert_eq(mem_free(was, r, NULL, &free_was, &why), 0);
		cr_assert_eq(mem_free(now, r, NULL, &free_now, &why), 0);
		cr_assert_eq(mem_recount(was, r, sum_was, &why), 0);
		cr_assert_eq(mem_recount(now, r, sum_now, &why), 0);
		needed = 0;
		for (int i = MEM_RESIDENT; i <= MEM_RESERVED; i++)
			needed += sum_now[i] - sum_was[i];
		cr_assert_eq(free_was - free_now, needed, "after %s", p->said);
	}
}

/* ---- a play ---- */

/* step - one random call, or time goes by */
static void
step(struct play *p)
{
	struct play_call *s = &p->call[help_random_below(&p->r, PLAY_CALLS)];
	const struct fld_view *was = fld_pin(p->w.reader), *now;

	cr_assert_not_null(was);
	if (s->busy)
		world_pass(&p->w, 1 + (int64_t)help_random_below(&p->r, 300));
	else
		play_begin(p, s, was);
	now = fld_pin(p->w.reader);
	cr_assert_not_null(now);
	if (s->busy)
		play_say(p, &s->c);
	check_failed(p, s, was, now);
	check_admission(p, was, now);
	check(p, now);
	fld_unpin(p->w.reader, was);
	fld_unpin(p->w.reader, now);
	play_reap(p);
}

/* open_play - two hosts, of which one has no hardware virtualisation */
static void
open_play(enum mem_policy policy)
{
	struct hv_sim_host hosts[3];

	mem_set_policy(policy);
	for (int i = 0; i < 3; i++) {
		hv_sim_host_init(&hosts[i]);
		(void)snprintf(
		    hosts[i].name, sizeof(hosts[i].name), "host %d", i);
		hosts[i].memory_kib = (uint64_t)(6 + i) << 20;
	}
	hosts[2].flags = 0;
	help_random_init(&play.r, "test_property");
	world_open(&play.w, hosts, 3, NULL);
	play.w.random = help_random_next(&play.r);
	cr_assert(play.w.ready, "%s", play.w.text);
}

/* run - a whole play under a policy */
static void
run(enum mem_policy policy)
{
	int64_t free_bytes;

	open_play(policy);
	free_bytes = play_free_bytes(&play);
	for (int i = 0; i < STEPS; i++)
		step(&play);
	play_end_all(&play);
	play_clear(&play);
	cr_assert_eq(play_free_bytes(&play), free_bytes, "not all came back");
	cr_expect_gt(play.good, STEPS / 10, "%" PRIu64, play.good);
	cr_expect_gt(play.bad, STEPS / 10, "%" PRIu64, play.bad);
	world_check(&play.w);
	world_close(&play.w);
}

Test(property, any_calls_when_dynamic_min_is_counted)
{
	run(MEM_POLICY_DYNAMIC_MIN);
}

Test(property, any_calls_when_dynamic_max_is_counted)
{
	run(MEM_POLICY_DYNAMIC_MAX);
}

Test(property, any_calls_when_static_max_is_counted)
{
	run(MEM_POLICY_STATIC_MAX);
}
