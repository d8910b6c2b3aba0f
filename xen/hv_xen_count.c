/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/units.h"

/* Own */
#include "xen/hv_xen_count.h"

#define MARK "/tool/xenapi-memory/log-dirty/%u"

/*
 * A guest's pages need not be numbered from 0 on, and how far the numbers go it
 * has a say in: but they are believed up to so many more than the host has.
 */
#define PAGES_APART (1u << 20)

/* A log that could not be ended is tried again after so long. */
#define RETRY_MS 1000

/* ---- Xen's log ---- */

/* ask - one step of it; 0 or errno */
static int
ask(struct hv_xen *x, const struct hv_xen_dom *d, enum hv_xc_what what,
    struct hv_xc_call *c)
{
	memset(c, 0, sizeof *c);
	c->what = (int32_t)what;
	c->domid = d->xen.domid;
	c->amount = x->host.total_pages + PAGES_APART;
	return hv_xen_xc(x, c);
}

/* mark - leave word that a domain's writes are counted, or no more */
static int
mark(struct hv_xen *x, uint32_t domid, enum hv_xs_kind kind)
{
	struct hv_xs_batch b;
	struct hv_xs_op *op;

	hv_xs_begin(&b, HV_XS_DO);
	op = hv_xs_add(&b, kind, MARK, domid);
	if (op != NULL)
		(void)snprintf(op->value, sizeof op->value, "on");
	return hv_xen_xs(x, &b);
}

/* log_off - end a domain's log, now or, if Xen does not answer, later */
static void
log_off(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xc_call c;

	if (ask(x, d, HV_XC_DIRTY_OFF, &c) == ETIMEDOUT) {
		d->log_off_ms = x->now_ms + RETRY_MS;
		return;
	}
	/* A domain that has gone took its log with it. */
	d->logs = false;
	(void)mark(x, d->xen.domid, HV_XS_DROP);
}

/* ---- counts ---- */

/* say - how a count goes on */
static void
say(struct hv_xen *x, const struct hv_xen_dom *d)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_DIRTIED);
	m.u.dirtied = d->count.said;
	hv_xen_say(x, &m);
}

/* end - a count ends early, if there is one */
static void
end(struct hv_xen *x, struct hv_xen_dom *d, enum hv_status status)
{
	if (!d->count.said.is_on)
		return;
	hv_dirty_end(&d->count, status);
	log_off(x, d);
	say(x, d);
}

/* begin - 0, or why Xen does not log */
static int
begin(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xc_call c;
	int e;

	/* The mark first: a kill in between leaves one too many, not too few */
	if (mark(x, d->xen.domid, HV_XS_SET) != 0)
		return ECONNRESET;
	e = ask(x, d, HV_XC_DIRTY_ON, &c);
	d->logs = e == 0 || e == ETIMEDOUT; /* it may be on a little later */
	if (e == ETIMEDOUT)
		d->log_off_ms = x->now_ms + RETRY_MS;
	if (!d->logs)
		(void)mark(x, d->xen.domid, HV_XS_DROP);
	return e;
}

void
hv_xen_count(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	int e;

	if (c->seconds == 0) {
		end(x, d, HV_OK);
		return;
	}
	e = d->logs ? EBUSY : begin(x, d);
	switch (e) {
	case EINVAL: /* a migration has it on */
	case EBUSY:
		r->status = HV_BUSY;
		return;
	case EOPNOTSUPP: /* PV, and no shadow paging built in */
		r->status = HV_UNSUPPORTED;
		return;
	default:
		if (!hv_xen_settle(r, e, "log-dirty"))
			return;
	}
	hv_dirty_begin(&d->count, c, (int32_t)d->xen.domid, x->now_ms);
	d->count_ms = x->now_ms;
	d->counted = true;
	say(x, d);
}

/* read_interval - an interval has ended: what was written in it */
static void
read_interval(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xc_call c;
	int e = ask(x, d, HV_XC_DIRTY_COUNT, &c);

	if (e != 0) {
		end(x, d, e == ESRCH ? HV_NO_DOMAIN : HV_REFUSED);
		return;
	}
	hv_dirty_note(
	    &d->count, x->now_ms, c.amount * PAGE_KIB, c.ever * PAGE_KIB);
	d->count_ms = x->now_ms;
	d->counted = true;
	if (!d->count.said.is_on)
		log_off(x, d);
	say(x, d);
}

/*
 * catch_up - the next interval begins when Xen has answered, not when it was
 *            asked; if that took long, what follows is moved
 */
static void
catch_up(const struct hv_xen *x, struct hv_xen_dom *d)
{
	if (d->counted && (d->count.said.n == 0 ||
			      hv_dirty_left_ms(&d->count, x->now_ms) == 0))
		hv_dirty_shift(&d->count, x->now_ms - d->count_ms);
	d->counted = false;
}

/* ---- the whole ---- */

/* end_old - a process before us was killed while it counted */
static void
end_old(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xs_batch b;

	hv_xs_begin(&b, HV_XS_DO);
	(void)hv_xs_add(&b, HV_XS_GET, MARK, d->xen.domid);
	if (hv_xen_xs(x, &b) != 0 || b.op[0].status != HV_XS_OK)
		return;
	/* The mark may be of a domain before this one: then it is off. */
	d->logs = true;
	log_off(x, d);
}

void
hv_xen_count_open(struct hv_xen *x)
{
	struct hv_xen_dom *d;

	TAILQ_FOREACH(d, &x->doms, link)
	end_old(x, d);
}

void
hv_xen_count_close(struct hv_xen *x)
{
	struct hv_xen_dom *d;

	TAILQ_FOREACH(d, &x->doms, link)
	{
		hv_dirty_end(&d->count, HV_LOST);
		if (d->logs)
			log_off(x, d);
	}
}

void
hv_xen_count_drop(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xc_call c;

	end(x, d, HV_NO_DOMAIN);
	if (!d->logs)
		return;
	/* Xen has forgotten it; who keeps its pages is to do so as well. */
	(void)ask(x, d, HV_XC_DIRTY_OFF, &c);
	(void)mark(x, d->xen.domid, HV_XS_DROP);
}

void
hv_xen_count_step(struct hv_xen *x)
{
	struct hv_xen_dom *d;

	TAILQ_FOREACH(d, &x->doms, link)
	{
		catch_up(x, d);
		if (hv_dirty_left_ms(&d->count, x->now_ms) == 0)
			read_interval(x, d);
		else if (d->logs && !d->count.said.is_on &&
			 x->now_ms >= d->log_off_ms)
			log_off(x, d);
	}
}

uint64_t
hv_xen_count_next_ms(const struct hv_xen *x)
{
	const struct hv_xen_dom *d;
	uint64_t at = UINT64_MAX, ms;

	TAILQ_FOREACH(d, &x->doms, link)
	{
		ms = d->counted ? 0 : hv_dirty_left_ms(&d->count, x->now_ms);
		if (d->logs && !d->count.said.is_on)
			ms = d->log_off_ms > x->now_ms
				 ? d->log_off_ms - x->now_ms
				 : 0;
		if (ms < at)
			at = ms;
	}
	return at;
}
