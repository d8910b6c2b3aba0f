/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Own */
#include "xen/hv_xen_stats.h"

/* What a call may take.  xenstored is one thread: it may have much to do. */
#define XC_LIMIT_MS 5000
#define XS_LIMIT_MS 3000

#define RETRY_MS 500
#define DRAIN_MS 20 /* watches are heard no more often */
#define PING_MS 1000

/* ---- trouble ---- */

/* note - a connection's trouble has changed: one line in the log */
static void
note(const struct hv_xen *x, const char **trouble, const char *now,
    const char *well)
{
	if (now == *trouble ||
	    (now != NULL && *trouble != NULL && strcmp(now, *trouble) == 0))
		return;
	*trouble = now;
	if (x->runs)
		(void)fprintf(stderr, "hv-xen: %s\n", now != NULL ? now : well);
}

void
hv_xen_health(struct hv_xen *x)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_HEALTH);
	(void)snprintf(m.u.health.text, sizeof m.u.health.text, "%s%s%s",
	    x->xc_trouble != NULL ? x->xc_trouble : "",
	    x->xc_trouble != NULL && x->xs_trouble != NULL ? "; " : "",
	    x->xs_trouble != NULL ? x->xs_trouble : "");
	if (strcmp(m.u.health.text, x->health_said.text) == 0)
		return;
	x->health_said = m.u.health;
	hv_xen_say(x, &m);
}

/* ---- Xen ---- */

int
hv_xen_xc(struct hv_xen *x, struct hv_xc_call *c)
{
	const struct hv_xc *xc = &x->conf.xc;

	if (x->conf.xc_thread == NULL)
		xc->call(xc->ctx, c);
	else if (!hv_timed_call(x->conf.xc_thread, xc->call, xc->ctx, c,
		     sizeof *c, XC_LIMIT_MS))
		return ETIMEDOUT;
	return c->error;
}

void
hv_xen_xc_is_well(struct hv_xen *x, int e)
{
	const char *trouble = NULL;

	if (e == ETIMEDOUT)
		trouble = "Xen does not answer";
	else if (e == ENOMEM)
		trouble = "there is no memory for what Xen says";
	else if (e != 0)
		trouble = "Xen does not list its domains";
	note(x, &x->xc_trouble, trouble, "Xen answers again");
}

/* ---- xenstore ---- */

/* xs_lost - there is no connection any more, and why */
static void
xs_lost(struct hv_xen *x, const char *trouble)
{
	note(x, &x->xs_trouble, trouble, "");
	x->xs_up = false;
	x->xs_retry_ms = x->now_ms + RETRY_MS;
	x->fired = false;
	if (x->watch_fd >= 0)
		(void)close(x->watch_fd); /* epoll forgets it with that */
	x->watch_fd = -1;
	x->armed = false;
}

/* xs_call - a batch, connected or not; 0 or errno */
static int
xs_call(struct hv_xen *x, struct hv_xs_batch *b)
{
	const struct hv_xs *xs = &x->conf.xs;

	if (x->conf.xs_thread == NULL)
		xs->call(xs->ctx, b);
	else if (!hv_timed_call(x->conf.xs_thread, xs->call, xs->ctx, b,
		     sizeof *b, XS_LIMIT_MS))
		return ETIMEDOUT;
	return b->error;
}

int
hv_xen_xs(struct hv_xen *x, struct hv_xs_batch *b)
{
	int e;

	if (!x->xs_up)
		return ECONNRESET;
	e = xs_call(x, b);
	x->xs_asked_ms = x->now_ms;
	if (e == ETIMEDOUT)
		xs_lost(x, "xenstored does not answer");
	else if (e == ECONNRESET)
		xs_lost(x, "the connection to xenstored has ended");
	return e;
}

/* watch_all - the watches that are about no domain in particular */
static int
watch_all(struct hv_xen *x)
{
	static const char *const special[] = {
	    "@introduceDomain", "@releaseDomain"};
	struct hv_xs_batch b;
	struct hv_xs_op *op;

	hv_xs_begin(&b, HV_XS_DO);
	for (size_t i = 0; i < 2; i++) {
		op = hv_xs_add(&b, HV_XS_WATCH, "%s", special[i]);
		if (op != NULL)
			(void)snprintf(op->value, sizeof op->value, "domains");
	}
	return hv_xen_xs(x, &b);
}

/* listen_on - wake up when this is readable; -1: there is nothing to wait on */
static void
listen_on(struct hv_xen *x, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT};

	x->watch_fd = fd;
	x->armed = fd >= 0 && epoll_ctl(x->epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* why_not - there is no connection, because of errno e */
static const char *
why_not(struct hv_xen *x, int e)
{
	switch (e) {
	case ETIMEDOUT:
		return "xenstored does not answer";
	case EACCES:
	case EPERM:
		return "no right to connect to xenstored";
	default:
		x->xs_is_missing = true;
		return "xenstored is not running";
	}
}

void
hv_xen_xs_open(struct hv_xen *x)
{
	struct hv_xs_batch b;
	struct hv_xen_dom *d;
	int e;

	if (x->xs_up || x->now_ms < x->xs_retry_ms)
		return;
	x->xs_retry_ms = x->now_ms + RETRY_MS;
	hv_xs_begin(&b, HV_XS_OPEN);
	e = xs_call(x, &b);
	if (e != 0) {
		x->xs_is_missing = false;
		note(x, &x->xs_trouble, why_not(x, e), "");
		return;
	}
	x->xs_up = true;
	listen_on(x, b.fd);
	if (watch_all(x) != 0)
		return;
	TAILQ_FOREACH(d, &x->doms, link)
	{
		d->watched = false;
		d->dirty = true;
		d->gap_ms = 0;
	}
	hv_xen_stats_lost(x);
	if (!x->xs_up)
		return; /* lost again with what it was asked for them */
	note(x, &x->xs_trouble, NULL, "xenstored answers again");
	hv_xen_soon(x);
}

/* heard - one of our tokens; has the picture changed? */
static bool
heard(struct hv_xen *x, const char *token)
{
	int32_t domid = hv_xen_keys_token(token);
	struct hv_xen_dom *d;

	if (hv_xen_stats_heard(x, token))
		return false;
	TAILQ_FOREACH(d, &x->doms, link)
	if ((int32_t)d->xen.domid == domid)
		d->dirty = true;
	return true;
}

/* is_firing - has a watch fired?  It is not asked again until rearmed. */
static bool
is_firing(struct hv_xen *x)
{
	struct epoll_event ev;

	if (x->watch_fd < 0)
		return x->xs_up; /* no way to know */
	if (x->armed && epoll_wait(x->epoll, &ev, 1, 0) == 1) {
		x->armed = false;
		x->fired = true;
	}
	return x->fired;
}

/* rearm - wait for the next */
static void
rearm(struct hv_xen *x)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT};

	x->fired = false;
	if (x->watch_fd >= 0)
		x->armed =
		    epoll_ctl(x->epoll, EPOLL_CTL_MOD, x->watch_fd, &ev) == 0;
}

/*
 * ping - ask something when nothing was asked for a while
 *
 * The library reads in a thread of its own: when xenstored has died or hangs,
 * the descriptor for watches never says so.
 */
static void
ping(struct hv_xen *x)
{
	struct hv_xs_batch b;

	if (!x->xs_up || x->now_ms - x->xs_asked_ms < PING_MS)
		return;
	hv_xs_begin(&b, HV_XS_DO);
	if (hv_xs_add(&b, HV_XS_GET, "%s", "/") != NULL)
		(void)hv_xen_xs(x, &b); /* it notes what is wrong */
}

void
hv_xen_xs_events(struct hv_xen *x)
{
	struct hv_xs_batch b;
	bool news = false;

	ping(x);
	if (x->now_ms < x->drain_ms || !is_firing(x))
		return;
	x->drain_ms = x->now_ms + DRAIN_MS;
	hv_xs_begin(&b, HV_XS_EVENTS);
	if (hv_xen_xs(x, &b) != 0)
		return;
	for (uint32_t i = 0; i < b.n && i < HV_XS_OPS_MAX; i++)
		news |= heard(x, b.op[i].value);
	if (news) /* at once; often, only if that finds a change */
		x->look_ms = x->now_ms;
	rearm(x);
}
