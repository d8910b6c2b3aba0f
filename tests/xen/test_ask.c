/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Model */
#include "model/bal.h"

/* Xen */
#include "xen/bal_loop.h"

#define FREE_KIB (1024ull * 1024)

/* A loop over one host, and what it said. */
struct heard {
	struct bal_loop *loop;
	uint64_t held_kib;
	unsigned ended, commands;
};

static const struct hv_uuid machine = {1, 2};

static uint64_t
held_kib(void *ctx, const struct hv_uuid *host)
{
	(void)host;
	return ((struct heard *)ctx)->held_kib;
}

static bool
command(void *ctx, const struct hv_command *cmd)
{
	(void)cmd;
	((struct heard *)ctx)->commands++;
	return true;
}

static void
ended(void *ctx, struct bal_ask *ask)
{
	(void)ask;
	((struct heard *)ctx)->ended++;
}

static void
warn(void *ctx, const char *text)
{
	(void)ctx;
	cr_assert_fail("%s", text);
}

/* open_host - a machine with FREE_KIB above the reserve, and no guests */
static void
open_host(struct heard *h)
{
	const struct bal_loop_calls calls = {.ctx = h,
	    .held_kib = held_kib,
	    .command = command,
	    .ended = ended,
	    .warn = warn};
	struct hv_msg m;

	memset(h, 0, sizeof(*h));
	h->loop = bal_loop_new(&calls, BAL_LOOP_SHARES, 1);
	cr_assert_not_null(h->loop);
	hv_msg_init(&m, HV_HELLO);
	cr_assert(bal_loop_hear(h->loop, &m, 1));
	hv_msg_init(&m, HV_HOST);
	m.u.host.uuid = machine;
	m.u.host.total_kib = 2 * FREE_KIB;
	m.u.host.free_kib = FREE_KIB;
	m.u.host.scrub_kib = BAL_RESERVED_KIB;
	cr_assert(bal_loop_hear(h->loop, &m, 1));
	hv_msg_init(&m, HV_SYNCED);
	cr_assert(bal_loop_hear(h->loop, &m, 1));
}

/* ask - what a new ask is answered at once */
static enum bal_ask_status
ask(struct heard *h, struct bal_ask *a, uint64_t min_kib, uint64_t max_kib)
{
	memset(a, 0, sizeof(*a));
	a->host = machine;
	a->min_kib = min_kib;
	a->max_kib = max_kib;
	bal_loop_ask(h->loop, a);
	(void)bal_loop_step(h->loop, 2);
	return a->status;
}

Test(ask, what_is_free_is_granted_once_and_comes_back)
{
	struct heard h;
	struct bal_ask a, b, c;

	open_host(&h);
	cr_expect_eq(ask(&h, &a, 600 * 1024, 600 * 1024), BAL_ASK_GRANTED);
	cr_expect_eq(a.granted_kib, 600u * 1024);
	cr_expect_eq(ask(&h, &b, 600 * 1024, 600 * 1024), BAL_ASK_NO_MEMORY,
	    "the same memory twice");
	cr_expect_eq(b.needed_kib, 600u * 1024);
	cr_expect_eq(b.free_kib, FREE_KIB - 600 * 1024);
	cr_expect_eq(ask(&h, &c, 100 * 1024, FREE_KIB), BAL_ASK_GRANTED);
	cr_expect_eq(c.granted_kib, FREE_KIB - 600 * 1024, "up to max");
	bal_loop_drop(h.loop, &a);
	bal_loop_drop(h.loop, &c);
	cr_expect_eq(ask(&h, &b, FREE_KIB, FREE_KIB), BAL_ASK_GRANTED);
	cr_expect_eq(h.ended, 4);
	bal_loop_free(&h.loop);
}

Test(ask, what_reservations_hold_and_the_reserve_are_not_granted)
{
	struct heard h;
	struct bal_ask a;

	open_host(&h);
	h.held_kib = 1024;
	cr_expect_eq(ask(&h, &a, FREE_KIB - 1023, FREE_KIB), BAL_ASK_NO_MEMORY);
	cr_expect_eq(a.free_kib, FREE_KIB - 1024);
	cr_expect_eq(ask(&h, &a, FREE_KIB - 1024, FREE_KIB), BAL_ASK_GRANTED);
	cr_expect_eq(a.granted_kib, FREE_KIB - 1024);
	bal_loop_free(&h.loop);
}

Test(ask, nobody_is_denied_because_a_new_domain_is_counted_twice)
{
	struct heard h;
	struct bal_ask a;
	struct hv_msg m;

	open_host(&h);
	hv_msg_init(&m, HV_DOMAIN);
	m.u.domain.host = machine;
	m.u.domain.domid = 7;
	cr_assert(bal_loop_hear(h.loop, &m, 1));
	h.held_kib = 1024; /* the domain has it already */
	cr_expect_eq(ask(&h, &a, FREE_KIB, FREE_KIB), BAL_ASK_PENDING);
	h.held_kib = 0;
	bal_loop_touch(h.loop, &machine);
	(void)bal_loop_step(h.loop, 500);
	cr_expect_eq(a.status, BAL_ASK_GRANTED);
	bal_loop_drop(h.loop, &a);
	h.held_kib = 1024; /* it is somebody else's */
	cr_expect_eq(ask(&h, &a, FREE_KIB, FREE_KIB), BAL_ASK_PENDING);
	(void)bal_loop_step(h.loop, 1001);
	cr_expect_eq(a.status, BAL_ASK_NO_MEMORY);
	bal_loop_free(&h.loop);
}

Test(ask, a_host_that_is_not_there_has_no_memory)
{
	struct heard h;
	struct bal_ask a = {.host = {7, 7}, .min_kib = 1, .max_kib = 1};

	open_host(&h);
	bal_loop_ask(h.loop, &a);
	(void)bal_loop_step(h.loop, 2);
	cr_expect_eq(a.status, BAL_ASK_NO_MEMORY);
	cr_expect_eq(a.needed_kib, 1);
	bal_loop_free(&h.loop);
}

Test(ask, a_dropped_ask_is_cancelled_and_never_ends)
{
	struct heard h;
	struct bal_ask a = {.host = machine, .min_kib = 1, .max_kib = 1};

	open_host(&h);
	bal_loop_ask(h.loop, &a);
	bal_loop_drop(h.loop, &a);
	cr_expect_eq(a.status, BAL_ASK_CANCELLED);
	(void)bal_loop_step(h.loop, 2);
	cr_expect_eq(h.ended, 0);
	bal_loop_drop(h.loop, &a); /* twice does nothing */
	bal_loop_free(&h.loop);
}
