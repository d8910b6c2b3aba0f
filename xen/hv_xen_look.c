/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_uuid.h"
#include "xen/hv_xen_count.h"
#include "xen/hv_xen_stats.h"

/* A domain's keys, when they change all the time: twice as long a pause after
 * each time, between these. */
#define GAP_FIRST_MS 50
#define GAP_LAST_MS 500

#define SHADOW_MS 1000

/* ---- finding ---- */

struct hv_xen_dom *
hv_xen_find(struct hv_xen *x, const struct hv_uuid *uuid, int32_t domid)
{
	struct hv_xen_dom *d, *found = NULL;

	TAILQ_FOREACH(d, &x->doms, link)
	{
		if (!hv_uuid_equal(&d->uuid, uuid))
			continue;
		if (found == NULL || (int32_t)d->xen.domid == domid)
			found = d;
	}
	return found;
}

/* uuid_of - Xen's handle, or one that is as stable as the domain */
static struct hv_uuid
uuid_of(const struct hv_xen *x, const struct hv_xc_domain *xen)
{
	char text[64];

	if (!hv_uuid_is_null(&xen->uuid))
		return xen->uuid;
	if (xen->domid == 0)
		return x->conf.names.dom0;
	(void)snprintf(text, sizeof text, "%016llx %u",
	    (unsigned long long)x->conf.names.epoch.hi, xen->domid);
	return hv_uuid_of_name("domain", text);
}

/* ---- coming and going ---- */

void
hv_xen_drop(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xs_batch b;

	hv_xen_say_gone(x, d);
	hv_xen_count_drop(x, d);
	hv_xen_stats_drop(x, d);
	TAILQ_REMOVE(&x->doms, d, link);
	if (d->watched) {
		hv_xen_keys_unwatch(&b, d->xen.domid);
		(void)hv_xen_xs(x, &b); /* lost with the connection else */
	}
	free(d);
}

/* add - a domain that was not there; before keeps the order; NULL: no memory */
static struct hv_xen_dom *
add(struct hv_xen *x, const struct hv_xc_domain *xen, struct hv_xen_dom *before)
{
	struct hv_xen_dom *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->xen = *xen;
	d->uuid = uuid_of(x, xen);
	d->grown_ms = x->now_ms;
	d->dirty = true;
	if (before != NULL)
		TAILQ_INSERT_BEFORE(before, d, link);
	else
		TAILQ_INSERT_TAIL(&x->doms, d, link);
	return d;
}

/*
 * meet - a domain that Xen lists; 0 or ENOMEM
 *
 * at is the first that may be it: Xen lists them by id, as we keep them.
 */
static int
meet(struct hv_xen *x, const struct hv_xc_domain *xen, struct hv_xen_dom **at)
{
	struct hv_uuid uuid = uuid_of(x, xen);
	struct hv_xen_dom *d = *at, *next;

	while (d != NULL && d->xen.domid < xen->domid)
		d = TAILQ_NEXT(d, link);
	if (d != NULL && d->xen.domid == xen->domid &&
	    !hv_uuid_equal(&d->uuid, &uuid)) {
		/* the id is used again, or it was given another uuid */
		next = TAILQ_NEXT(d, link);
		hv_xen_drop(x, d);
		d = next;
	}
	if (d == NULL || d->xen.domid != xen->domid)
		d = add(x, xen, d);
	if (d == NULL)
		return ENOMEM;
	if (d->xen.pages != xen->pages) {
		x->pause_ms = 0;
		d->grown_ms = x->now_ms;
	}
	d->xen = *xen;
	d->seen = true;
	*at = d;
	return 0;
}

/* count - into the sums of all domains */
static void
count(struct hv_xen *x, const struct hv_xc_domain *xen)
{
	x->all_pages += xen->pages;
	if (xen->domid == 0)
		x->dom0_pages = xen->pages;
	else
		x->has_guests = true;
}

/* list - every domain that Xen has; 0 or errno */
static int
list(struct hv_xen *x)
{
	struct hv_xen_dom *at = TAILQ_FIRST(&x->doms);
	struct hv_xc_call c;
	uint32_t from = 0;
	int e;

	do {
		memset(&c, 0, sizeof c);
		c.what = HV_XC_DOMAINS;
		c.domid = from;
		e = hv_xen_xc(x, &c);
		if (e != 0)
			return e;
		for (uint32_t i = 0; i < c.n; i++) {
			count(x, &c.domain[i]);
			from = c.domain[i].domid + 1;
			if ((c.domain[i].flags & HV_XC_D_DYING) != 0)
				continue;
			e = meet(x, &c.domain[i], &at);
			if (e != 0)
				return e;
		}
	} while (c.n == HV_XC_DOMAINS_MAX);
	return 0;
}

/* see_domains - who is there, who has gone */
static int
see_domains(struct hv_xen *x)
{
	struct hv_xen_dom *d, *next;
	int e;

	x->all_pages = x->dom0_pages = 0;
	x->has_guests = false;
	TAILQ_FOREACH(d, &x->doms, link)
	d->seen = false;
	e = list(x);
	if (e != 0)
		return e; /* nobody is declared dead */
	for (d = TAILQ_FIRST(&x->doms); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (!d->seen)
			hv_xen_drop(x, d);
	}
	return 0;
}

int
hv_xen_see_host(struct hv_xen *x)
{
	struct hv_xc_call c;
	int e;

	memset(&c, 0, sizeof c);
	c.what = HV_XC_HOST;
	e = hv_xen_xc(x, &c);
	if (e != 0)
		return e;
	if (c.host.free_pages != x->host.free_pages ||
	    c.host.scrub_pages != x->host.scrub_pages)
		x->pause_ms = 0;
	x->host = c.host;
	return 0;
}

/* ---- each domain's own ---- */

/* read_keys - what xenstore says of it now */
static void
read_keys(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xen_keys keys;
	struct hv_xs_batch b;

	if (!d->watched) {
		hv_xen_keys_watch(&b, d->xen.domid);
		if (hv_xen_xs(x, &b) != 0)
			return;
		d->watched = true;
	}
	d->dirty = false;
	hv_xen_keys_ask(&b, d->xen.domid);
	if (hv_xen_xs(x, &b) != 0) {
		d->dirty = true;
		return;
	}
	/* a xenstored that was restarted may know nothing: what we know stays
	 */
	if (!hv_xen_keys_read(&keys, &b) && d->keys.name[0] != '\0')
		return;
	d->keys = keys;
}

/* refresh_keys - read them if they changed and it is not too soon */
static void
refresh_keys(struct hv_xen *x, struct hv_xen_dom *d)
{
	uint64_t since = x->now_ms - d->read_ms;

	if (!d->dirty || !x->xs_up || since < d->gap_ms)
		return;
	if (d->gap_ms != 0 && since < 2 * d->gap_ms)
		d->gap_ms =
		    d->gap_ms < GAP_LAST_MS / 2 ? d->gap_ms * 2 : GAP_LAST_MS;
	else
		d->gap_ms = GAP_FIRST_MS;
	d->read_ms = x->now_ms;
	read_keys(x, d);
}

/* refresh_shadow - the pool changes only when it is told to */
static void
refresh_shadow(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xc_call c;

	if ((d->xen.flags & HV_XC_D_HVM) == 0 ||
	    (d->shadow_ms != 0 && x->now_ms - d->shadow_ms < SHADOW_MS))
		return;
	d->shadow_ms = x->now_ms;
	memset(&c, 0, sizeof c);
	c.what = HV_XC_SHADOW;
	c.domid = d->xen.domid;
	if (hv_xen_xc(x, &c) == 0)
		d->shadow_kib = c.amount;
}

/* ---- the whole ---- */

void
hv_xen_soon(struct hv_xen *x)
{
	x->pause_ms = 0;
	x->look_ms = x->now_ms;
}

/* plan - when to look again; pause_ms is 0 where something has moved */
static void
plan(struct hv_xen *x)
{
	const struct hv_xen_dom *d;
	uint64_t at;

	if (x->pause_ms == 0)
		x->pause_ms = XEN_LOOK_FAST_MS;
	else
		x->pause_ms = x->pause_ms < XEN_LOOK_SLOW_MS / 2
				  ? x->pause_ms * 2
				  : XEN_LOOK_SLOW_MS;
	x->look_ms = x->now_ms + x->pause_ms;
	if (!x->xs_up)
		return;
	TAILQ_FOREACH(d, &x->doms, link)
	{
		at = d->read_ms + d->gap_ms;
		if (d->dirty && at < x->look_ms)
			x->look_ms = at > x->now_ms ? at : x->now_ms + 1;
	}
}

int
hv_xen_look(struct hv_xen *x)
{
	struct hv_xen_dom *d;
	int e;

	e = hv_xen_see_host(x);
	if (e == 0)
		e = see_domains(x);
	hv_xen_xc_is_well(x, e);
	if (e != 0) {
		x->look_ms = x->now_ms + XEN_LOOK_SLOW_MS;
		hv_xen_health(x);
		return e;
	}
	TAILQ_FOREACH(d, &x->doms, link)
	{
		refresh_keys(x, d);
		refresh_shadow(x, d);
	}
	hv_xen_boot_look(x);
	if (hv_xen_say_news(x))
		x->pause_ms = 0;
	hv_xen_health(x);
	plan(x);
	return 0;
}
