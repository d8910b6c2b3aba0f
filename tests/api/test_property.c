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

/* Api */
#include "api/reserve.h"

/* Own */
#include "tests/api/help_calls.h"
#include "tests/api/help_world.h"

#define STEPS 10000
#define PENDING 6  /* calls under way at a time */
#define VMS_MAX 80 /* more than there are ever */

/* A call, and what was there before it. */
struct step {
	struct api_call c;
	bool busy, ended;
};

/* The service, what runs in it, and how much came of it. */
struct play {
	struct world w;
	struct help_random r;
	struct step pending[PENDING];
	uint64_t good, bad, last;
	char said[200]; /* the last step, for whoever reads a failure */
};

static struct play play;

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

/* ---- one call ---- */

static void
done(struct api_call *c)
{
	((struct step *)c->owner)->ended = true;
}

/* say - remember a step in words */
static void
say(struct play *p, const struct api_call *c)
{
	char why[120] = "works";

	if (c->err != ERR_NONE)
		calls_why(&c->why, why, sizeof(why));
	(void)snprintf(p->said, sizeof(p->said), "%s -> %s", c->method, why);
}

/* check_internal - nothing goes wrong inside but what the hypervisor refused */
static void
check_internal(const struct play *p, const struct step *s)
{
	if (s->ended && s->c.err == ERR_INTERNAL_ERROR)
		cr_assert(s->c.stage != NULL && s->c.hv.status != HV_OK, "%s",
		    p->said);
}

/* finish - an ended call goes */
static void
finish(struct play *p, struct step *s)
{
	say(p, &s->c);
	check_internal(p, s);
	if (s->c.err == ERR_NONE)
		p->good++;
	else
		p->bad++;
	api_call_fini(&s->c);
	s->busy = false;
}

/* begin - send a random call; it may end at once */
static void
begin(struct play *p, struct step *s, const struct fld_view *v)
{
	memset(s, 0, sizeof(*s));
	s->busy = true;
	cr_assert(calls_prepare(&s->c, &p->w.env, calls_pick(&p->r, v)));
	cr_assert(calls_fill(&s->c, v, &p->r));
	s->c.done = done;
	s->c.owner = s;
	api_dispatch(&s->c, p->w.reader);
	world_pass(&p->w, 0);
}

/* is_alone - nothing else is under way that could change an image */
static bool
is_alone(const struct play *p, const struct step *but)
{
	for (int i = 0; i < PENDING; i++)
		if (p->pending[i].busy && &p->pending[i] != but)
			return false;
	return true;
}

/* is_one_stage - does the message change nothing but in its one transaction? */
static bool
is_one_stage(const struct step *s)
{
	return s->c.stage == NULL;
}

/* ---- laws ---- */

/* check - every law of the image, of the simulated world, of time */
static void
check(struct play *p, const struct fld_view *v)
{
	char text[300];

	cr_assert(calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)),
	    "%s after %s", text, p->said);
	cr_assert(hv_sim_conserves(p->w.sim, text, sizeof(text)), "%s", text);
	cr_assert_geq(fld_generation(v), p->last, "time went back");
	p->last = fld_generation(v);
}

/* check_failed - what failed in one stage left everything as it was */
static void
check_failed(struct play *p, const struct step *s, const struct fld_view *was,
    const struct fld_view *now)
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
	struct step *s = &p->pending[help_random_below(&p->r, PENDING)];
	const struct fld_view *was = fld_pin(p->w.reader), *now;

	cr_assert_not_null(was);
	if (s->busy)
		world_pass(&p->w, 1 + (int64_t)help_random_below(&p->r, 300));
	else
		begin(p, s, was);
	now = fld_pin(p->w.reader);
	cr_assert_not_null(now);
	if (s->busy)
		say(p, &s->c);
	check_failed(p, s, was, now);
	check_admission(p, was, now);
	check(p, now);
	fld_unpin(p->w.reader, was);
	fld_unpin(p->w.reader, now);
	for (int i = 0; i < PENDING; i++)
		if (p->pending[i].busy && p->pending[i].ended)
			finish(p, &p->pending[i]);
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

/* end_all - let everything under way end */
static void
end_all(struct play *p)
{
	bool busy = true;

	for (int i = 0; busy && i < 10000; i++) {
		world_pass(&p->w, 1000);
		busy = false;
		for (int k = 0; k < PENDING; k++) {
			struct step *s = &p->pending[k];

			if (s->busy && s->ended)
				finish(p, s);
			busy |= s->busy;
		}
	}
	cr_assert(!busy, "a call is never answered");
	cr_assert_eq(wrq_parked(p->w.writer), 0);
	cr_assert_eq(p->w.env.op_waiters, 0);
}

/* others - VMs that are no control domains, in list; how many */
static size_t
others(struct play *p, struct idl_ref *list)
{
	const struct fld_view *v = fld_pin(p->w.reader);
	const struct idl_vm *vm = NULL;
	size_t n = 0;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		if (!vm->is_control_domain && n < VMS_MAX)
			list[n++] = vm->h.ref;
	fld_unpin(p->w.reader, v);
	return n;
}

/* clear - end and delete every VM; it has to be possible, whatever was */
static void
clear(struct play *p)
{
	struct idl_ref list[VMS_MAX];
	size_t n = others(p, list);

	for (size_t i = 0; i < n; i++) {
		const struct idl_vm *vm = world_vm(&p->w, &list[i]);
		enum err rc = ERR_NONE;

		if (vm->power_state != IDL_VM_POWER_STATE_HALTED)
			rc = world_call(&p->w, "VM.hard_shutdown", &list[i]);
		cr_assert_eq(rc, ERR_NONE, "%s", world_why(&p->w));
		rc = world_call(&p->w, "VM.destroy", &list[i]);
		cr_assert_eq(rc, ERR_NONE, "%s", world_why(&p->w));
	}
}

/* sum_free - what all hosts could still promise */
static int64_t
sum_free(struct play *p)
{
	const struct fld_view *v = fld_pin(p->w.reader);
	const struct idl_host *host = NULL;
	int64_t sum = 0, one = 0;
	struct failure why;

	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		cr_assert_eq(mem_free(v, &host->h.ref, NULL, &one, &why), 0);
		sum += one;
	}
	fld_unpin(p->w.reader, v);
	return sum;
}

/* count_reservations - in any state */
static uint64_t
count_reservations(struct play *p)
{
	const struct fld_view *v = fld_pin(p->w.reader);
	uint64_t n = fld_count(v, IDL_CLASS_MEMORY_RESERVATION);

	fld_unpin(p->w.reader, v);
	return n;
}

/* run - a whole play under a policy */
static void
run(enum mem_policy policy)
{
	int64_t free_bytes;

	open_play(policy);
	free_bytes = sum_free(&play);
	for (int i = 0; i < STEPS; i++)
		step(&play);
	end_all(&play);
	clear(&play);
	/* Nothing is held for ever. */
	world_pass(&play.w, (int64_t)RESERVE_TTL_MAX_S * 1000);
	world_pass(&play.w, RESERVE_LOOK_MS);
	cr_assert_eq(count_reservations(&play), 0);
	cr_assert_eq(sum_free(&play), free_bytes, "not all came back");
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
