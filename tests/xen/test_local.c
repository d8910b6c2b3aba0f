/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/xen/help_sim.h"

Test(hv_local, facts_come_before_their_result)
{
	struct help_sim h;
	size_t n;

	help_open(&h, NULL, 0);
	n = h.n;
	help_build(&h, 1, "");
	cr_assert_eq(h.n, n + 3);
	cr_expect_eq(h.log[n].type, HV_DOMAIN);
	cr_expect_eq(h.log[n + 1].type, HV_HOST);
	cr_expect_eq(h.log[n + 2].type, HV_RESULT);
	n = h.n;
	help_ok(&h, HV_SUSPEND, 1);
	cr_assert_eq(h.n, n + 4);
	cr_expect_eq(h.log[n].type, HV_GONE);
	cr_expect_eq(h.log[n].u.gone.end, HV_END_SUSPENDED);
	cr_expect_eq(h.log[n + 1].type, HV_DOMAIN);
	cr_expect_eq(h.log[n + 2].type, HV_HOST);
	cr_expect_eq(h.log[n + 3].type, HV_RESULT);
	help_close(&h);
}

Test(hv_local, no_facts_before_sync_but_results)
{
	struct help_sim h;
	struct hv_link_calls calls = help_listen(&h);
	struct hv_msg m;

	h.world = hv_sim_new(NULL, 0);
	cr_assert_not_null(h.world);
	h.link = hv_sim_link(h.world, &calls);
	cr_assert_not_null(h.link);
	hv_msg_init(&m, HV_COMMAND);
	m.u.command.verb = HV_FORGET;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(h.n, 1);
	help_close(&h);
}

/* A listener that sends a command from within up(). */
struct eager {
	struct hv_link *link;
	int depth, deepest, results;
};

static void
eager_up(void *ctx, const struct hv_msg *m)
{
	struct eager *e = ctx;
	struct hv_msg cmd;

	if (++e->depth > e->deepest)
		e->deepest = e->depth;
	if (m->type == HV_RESULT && ++e->results < 5) {
		hv_msg_init(&cmd, HV_COMMAND);
		cmd.u.command.verb = HV_FORGET;
		cr_expect(hv_link_send(e->link, &cmd));
	}
	e->depth--;
}

static void
eager_lost(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

Test(hv_local, up_may_send_and_is_never_entered_twice)
{
	struct eager e = {.depth = 0};
	struct hv_sim *w = hv_sim_new(NULL, 0);
	struct hv_msg cmd;

	cr_assert_not_null(w);
	e.link =
	    hv_sim_link(w, &(struct hv_link_calls){
			       .ctx = &e, .up = eager_up, .lost = eager_lost});
	cr_assert_not_null(e.link);
	hv_msg_init(&cmd, HV_COMMAND);
	cmd.u.command.verb = HV_FORGET;
	cr_assert(hv_link_send(e.link, &cmd));
	cr_expect_eq(e.results, 5);
	cr_expect_eq(e.deepest, 1);
	hv_link_close(&e.link, HV_LEAVE_RUNNING);
	cr_expect_null(e.link);
	hv_link_close(&e.link, HV_LEAVE_RUNNING);
	hv_sim_free(&w);
}

Test(hv_local, a_new_link_takes_the_place_of_the_old)
{
	struct help_sim a, b;
	struct hv_link_calls calls;
	struct hv_msg m;

	help_open(&a, NULL, 0);
	calls = help_listen(&b);
	b.world = a.world;
	b.link = hv_sim_link(b.world, &calls);
	cr_assert_not_null(b.link);
	cr_expect(a.lost);
	hv_msg_init(&m, HV_SYNC);
	cr_expect(!hv_link_send(a.link, &m));
	help_sync(&b);
	hv_link_close(&a.link, HV_LEAVE_RUNNING);
	help_sync(&b);
	free(a.log);
	help_close(&b);
}

Test(hv_local, the_end_of_the_world_is_told)
{
	struct help_sim h;

	help_open(&h, NULL, 0);
	hv_sim_free(&h.world);
	cr_expect(h.lost);
	help_close(&h);
}

/* Many threads send at once: each gets its answers, none meets another. */
#define THREADS 4
#define ROUNDS 300

struct crowd {
	struct hv_link *link;
	atomic_int inside, most;
	atomic_int results;
};

static void
crowd_up(void *ctx, const struct hv_msg *m)
{
	struct crowd *c = ctx;
	int now = atomic_fetch_add(&c->inside, 1) + 1;

	if (now > atomic_load(&c->most))
		atomic_store(&c->most, now);
	if (m->type == HV_RESULT)
		atomic_fetch_add(&c->results, 1);
	atomic_fetch_sub(&c->inside, 1);
}

static void *
crowd_main(void *arg)
{
	struct crowd *c = arg;
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command.verb = HV_FORGET;
	for (int i = 0; i < ROUNDS; i++)
		if (!hv_link_send(c->link, &m))
			break;
	return NULL;
}

Test(hv_local, one_message_at_a_time_whoever_sends)
{
	struct crowd c = {.link = NULL};
	struct hv_sim *w = hv_sim_new(NULL, 0);
	pthread_t t[THREADS];

	cr_assert_not_null(w);
	c.link =
	    hv_sim_link(w, &(struct hv_link_calls){
			       .ctx = &c, .up = crowd_up, .lost = eager_lost});
	cr_assert_not_null(c.link);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, crowd_main, &c), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	hv_link_close(&c.link, HV_LEAVE_RUNNING);
	cr_expect_eq(atomic_load(&c.results), THREADS * ROUNDS);
	cr_expect_eq(atomic_load(&c.most), 1);
	hv_sim_free(&w);
}
