/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/units.h"
#include "tests/xen/help_loop.h"
#include "xen/gst.h"
#include "xen/hv_uuid.h"

#define DOM0_KIB GIB
#define XEN_KIB (64 * MIB)
#define OFFSET_KIB 4096 /* the most that a test's guest has beside its RAM */

/* die - what cannot go on ends the program; Criterion shows the line */
_Noreturn __attribute__((format(printf, 1, 2))) static void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("help_loop: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	abort();
}

static struct hv_uuid
uuid_of(uint64_t vm)
{
	return (struct hv_uuid){vm, ~vm};
}

/* check_move - may a guest have gone from what it had to what it has? */
static void
check_move(const struct hv_domain *d, uint64_t had_kib)
{
	uint64_t top_kib = d->maxmem_kib + PAGE_KIB - 1;

	top_kib +=
	    d->flags & HV_D_OFFSET ? (uint64_t)d->offset_kib : OFFSET_KIB;
	if (d->actual_kib < had_kib && d->actual_kib < d->dynamic_min_kib)
		die("domain %d: below its dynamic_min", (int)d->domid);
	if (d->actual_kib > had_kib && d->actual_kib > top_kib)
		die("domain %d: above its maxmem", (int)d->domid);
}

/* remember - the newest report of each host and domain */
static void
remember(struct help_loop *h, const struct hv_msg *m)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		const struct hv_msg *was = &h->log[i];

		if (m->type == HV_HOST && was->type == HV_HOST)
			break;
		if (was->type == HV_DOMAIN && m->type != HV_HOST &&
		    was->u.domain.uuid.hi == m->u.domain.uuid.hi)
			break;
	}
	if (i == h->n && h->n == h->room) {
		h->room = h->room * 2 + 16;
		h->log = realloc(h->log, h->room * sizeof(*h->log));
		if (h->log == NULL)
			die("out of memory");
	}
	if (i < h->n && m->type == HV_DOMAIN && m->u.domain.domid > 0 &&
	    h->log[i].u.domain.domid == m->u.domain.domid)
		check_move(&m->u.domain, h->log[i].u.domain.actual_kib);
	h->n += i == h->n;
	h->log[i] = *m;
}

/* hear_stats - what guests say of their memory */
static void
hear_stats(struct help_loop *h, const struct hv_stats *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->reading[i].uuid.hi < LOOP_SAID_MAX)
			h->said[s->reading[i].uuid.hi] = s->reading[i];
}

/* up - what the world says: to the loop, as the daemon's glue would */
static void
up(void *ctx, const struct hv_msg *m)
{
	struct help_loop *h = ctx;
	struct hv_msg gone, claimed;

	if (m->type == HV_HOST || m->type == HV_DOMAIN)
		remember(h, m);
	if (m->type == HV_GONE) {
		hv_msg_init(&gone, HV_DOMAIN);
		gone.u.domain.uuid = m->u.gone.uuid;
		gone.u.domain.domid = -1;
		remember(h, &gone);
	}
	if (m->type == HV_STATS) {
		hear_stats(h, &m->u.stats);
		return;
	}
	if (m->type == HV_RESULT)
		h->result = m->u.result;
	if (m->type == HV_HOST) {
		claimed = *m;
		claimed.u.host.claimed_kib = h->claimed_kib;
		m = &claimed;
	}
	if (!bal_loop_hear(h->loop, m, h->now_ms))
		die("out of memory");
	h->wait_ms = 0;
}

static void
lost(void *ctx, const char *text)
{
	(void)ctx;
	(void)text; /* the world ends with the test */
}

static uint64_t
held_kib(void *ctx, const struct hv_uuid *host)
{
	(void)host;
	return ((struct help_loop *)ctx)->held_kib;
}

static int64_t
used_kib(void *ctx, const struct hv_uuid *vm)
{
	const struct help_loop *h = ctx;

	if (!h->believes || vm->hi >= LOOP_SAID_MAX ||
	    h->said[vm->hi].read_s == 0)
		return -1;
	return gst_used_kib(&h->said[vm->hi]);
}

static bool
command(void *ctx, const struct hv_command *cmd)
{
	struct help_loop *h = ctx;
	struct hv_msg m;

	h->commands[cmd->verb]++;
	if (h->deaf)
		return false;
	if (cmd->verb == h->refuses) {
		hv_msg_init(&m, HV_RESULT);
		m.u.result.id = cmd->id;
		m.u.result.status = HV_REFUSED;
		memcpy(m.u.result.text, "no", sizeof("no"));
		return bal_loop_hear(h->loop, &m, h->now_ms);
	}
	hv_msg_init(&m, HV_COMMAND);
	m.u.command = *cmd;
	if (!hv_msg_check(&m, m.bytes))
		die("a command that is none: verb %d", (int)cmd->verb);
	return hv_link_send(h->link, &m);
}

static void
ended(void *ctx, struct bal_ask *ask)
{
	(void)ask;
	((struct help_loop *)ctx)->ended++;
}

static void
warn(void *ctx, const char *text)
{
	struct help_loop *h = ctx;

	h->warnings++;
	(void)snprintf(h->text, sizeof(h->text), "%s", text);
}

/* start - a loop that knows nothing, and everything is reported to it */
static void
start(struct help_loop *h)
{
	const struct bal_loop_calls calls = {.ctx = h,
	    .held_kib = held_kib,
	    .used_kib = used_kib,
	    .command = command,
	    .ended = ended,
	    .warn = warn};
	struct hv_msg m;

	h->loop = bal_loop_new(&calls, BAL_LOOP_SHARES, h->next_id);
	h->next_id += 1ull << 32;
	hv_msg_init(&m, HV_SYNC);
	if (h->loop == NULL || !hv_link_send(h->link, &m))
		die("no loop");
}

void
loop_open(struct help_loop *h, uint64_t memory_kib)
{
	const struct hv_link_calls calls = {.ctx = h, .up = up, .lost = lost};
	struct hv_sim_host c;

	memset(h, 0, sizeof(*h));
	h->now_ms = 1000;
	h->next_id = 1ull << 40;
	hv_sim_host_init(&c);
	c.memory_kib = memory_kib;
	c.dom0_kib = DOM0_KIB;
	c.xen_kib = XEN_KIB;
	h->sim = hv_sim_new(&c, 1);
	h->host = hv_uuid_of_name("host", c.name);
	h->link = h->sim != NULL ? hv_sim_link(h->sim, &calls) : NULL;
	if (h->link == NULL)
		die("no world");
	start(h);
	loop_pass(h, 0);
}

void
loop_close(struct help_loop *h)
{
	hv_link_close(&h->link, HV_TELL_QUIT);
	bal_loop_free(&h->loop);
	hv_sim_free(&h->sim);
	free(h->log);
}

void
loop_restart(struct help_loop *h)
{
	bal_loop_free(&h->loop);
	start(h);
	loop_pass(h, 0);
}

/* send - a command as a toolstack gives it */
static void
send(struct help_loop *h, struct hv_msg *m)
{
	m->u.command.id = 1;
	m->u.command.host = h->host;
	if (!hv_msg_check(m, m->bytes) || !hv_link_send(h->link, m))
		die("verb %d is not sent", (int)m->u.command.verb);
	if (h->result.status != HV_OK)
		die("verb %d: status %d: %s", (int)m->u.command.verb,
		    (int)h->result.status, h->result.text);
	loop_pass(h, 0);
}

void
loop_make(struct help_loop *h, uint64_t vm, uint64_t min_kib, uint64_t max_kib,
    uint64_t target_kib, const char *behaviour)
{
	struct hv_command *c;
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	c = &m.u.command;
	c->verb = HV_BUILD;
	c->uuid = uuid_of(vm);
	memcpy(c->name, "guest", sizeof("guest"));
	memcpy(c->domain_type, "pv", sizeof("pv"));
	c->vcpus = 1;
	c->static_max_kib = max_kib;
	c->dynamic_min_kib = min_kib;
	c->dynamic_max_kib = max_kib;
	c->target_kib = target_kib;
	strncpy(c->behaviour, behaviour, sizeof(c->behaviour) - 1);
	send(h, &m);
}

void
loop_build(struct help_loop *h, uint64_t vm, uint64_t min_kib, uint64_t max_kib,
    uint64_t target_kib, const char *behaviour)
{
	struct bal_ask ask;

	loop_ask(h, &ask, target_kib + OFFSET_KIB, target_kib + OFFSET_KIB, 0);
	(void)loop_until(h, &ask, 600000);
	if (ask.status != BAL_ASK_GRANTED)
		die("no room for guest %llu", (unsigned long long)vm);
	loop_make(h, vm, min_kib, max_kib, target_kib, behaviour);
	bal_loop_drop(h->loop, &ask);
	h->wait_ms = 0;
	loop_pass(h, 0);
}

void
loop_verb(struct help_loop *h, enum hv_verb verb, uint64_t vm)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command.verb = (int32_t)verb;
	m.u.command.uuid = uuid_of(vm);
	send(h, &m);
}

void
loop_range(struct help_loop *h, uint64_t vm, uint64_t min_kib, uint64_t max_kib)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command.verb = HV_SET_RANGE;
	m.u.command.uuid = uuid_of(vm);
	m.u.command.dynamic_min_kib = min_kib;
	m.u.command.dynamic_max_kib = max_kib;
	send(h, &m);
}

void
loop_poll(struct help_loop *h, uint64_t vm)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command.verb = HV_POLL;
	m.u.command.uuid = uuid_of(vm);
	m.u.command.seconds = 1;
	send(h, &m);
}

/* ---- looking ---- */

const struct hv_domain *
loop_dom(const struct help_loop *h, uint64_t vm)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->log[i].type == HV_DOMAIN &&
		    h->log[i].u.domain.uuid.hi == vm &&
		    h->log[i].u.domain.uuid.lo == ~vm)
			return h->log[i].u.domain.domid >= 0
				   ? &h->log[i].u.domain
				   : NULL;
	return NULL;
}

uint64_t
loop_free(const struct help_loop *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->log[i].type == HV_HOST)
			return h->log[i].u.host.free_kib +
			       h->log[i].u.host.scrub_kib;
	die("no host");
}

/* check - what holds at every step */
static void
check(struct help_loop *h)
{
	char text[200];

	if (!hv_sim_conserves(h->sim, text, sizeof(text)))
		die("%s", text);
	for (size_t i = 0; i < h->n; i++) {
		const struct hv_domain *d = &h->log[i].u.domain;

		if (h->log[i].type != HV_DOMAIN || d->domid <= 0)
			continue;
		if (d->target_kib < d->dynamic_min_kib ||
		    d->target_kib > d->dynamic_max_kib)
			die("domain %d has a target out of its range",
			    (int)d->domid);
		if (d->maxmem_kib < d->target_kib)
			die("domain %d: a maxmem below the target makes its "
			    "balloon spin",
			    (int)d->domid);
	}
	if (loop_free(h) < h->floor_kib)
		die("%llu KiB free, not %llu", (unsigned long long)loop_free(h),
		    (unsigned long long)h->floor_kib);
}

/* settle - step while the loop wants to be stepped at this instant */
static void
settle(struct help_loop *h)
{
	for (unsigned i = 0; h->wait_ms == 0; i++) {
		if (i == 10000)
			die("the loop never rests");
		h->wait_ms = -1; /* what it causes may be heard meanwhile */
		int64_t ms = bal_loop_step(h->loop, h->now_ms);

		h->steps++;
		if (h->wait_ms != 0)
			h->wait_ms = ms;
		check(h);
	}
}

/* slice - the time until something happens, and no more than ms */
static int64_t
slice(struct help_loop *h, int64_t ms)
{
	int64_t world_ms = hv_sim_next_ms(h->sim);

	if (h->wait_ms >= 0 && h->wait_ms < ms)
		ms = h->wait_ms;
	if (world_ms >= 0 && world_ms < ms)
		ms = world_ms > 0 ? world_ms : 1;
	return ms;
}

/* go - one slice of time */
static int64_t
go(struct help_loop *h, int64_t most_ms)
{
	int64_t ms = slice(h, most_ms);

	h->now_ms += ms;
	if (h->wait_ms > 0)
		h->wait_ms -= ms;
	hv_sim_step(h->sim, (uint64_t)ms);
	check(h);
	settle(h);
	return ms;
}

void
loop_pass(struct help_loop *h, int64_t ms)
{
	settle(h);
	while (ms > 0)
		ms -= go(h, ms);
}

int64_t
loop_until(struct help_loop *h, const struct bal_ask *ask, int64_t most_ms)
{
	int64_t ms = 0;

	settle(h);
	while (ask->status == BAL_ASK_PENDING && ms < most_ms)
		ms += go(h, most_ms - ms);
	if (ask->status == BAL_ASK_PENDING)
		die("no answer in %lld ms", (long long)most_ms);
	return ms;
}

void
loop_ask(struct help_loop *h, struct bal_ask *ask, uint64_t min_kib,
    uint64_t max_kib, uint64_t vm)
{
	memset(ask, 0, sizeof(*ask));
	ask->host = h->host;
	ask->min_kib = min_kib;
	ask->max_kib = max_kib;
	if (vm != 0)
		ask->vm = uuid_of(vm);
	bal_loop_ask(h->loop, ask);
	h->wait_ms = 0;
	loop_pass(h, 0);
}

bool
loop_is_full(const struct help_loop *h, uint64_t held_kib)
{
	uint64_t free_kib = loop_free(h), least = BAL_RESERVED_KIB + held_kib;

	if (free_kib >= least && free_kib <= least + LOOP_UNSHARED_KIB)
		return true;
	fprintf(stderr, "%llu KiB are free, not %llu\n",
	    (unsigned long long)free_kib, (unsigned long long)least);
	return false;
}
