/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_sim_stats - what simulated guests say of their memory, and write to it
 *
 * A guest's programs need used_kib, from its boot on; what it has above that
 * is free, what it has less is in its swap.  It writes over and over to
 * wss_kib of what it has, in a place that moves by walk_kib_s.
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Own */
#include "xen/hv_sim_priv.h"

#define KIB 1024u

/* flush - the readings that have gathered go up */
static void
flush(struct hv_sim *w)
{
	if (w->stats->u.stats.n > 0)
		hv_sim_say(w, w->stats);
	hv_msg_init(w->stats, HV_STATS);
}

/* line - the answer of a guest; bytes of it */
static size_t
line(struct hv_sim_dom *d, char *text, size_t bytes)
{
	uint64_t has_kib = d->pages * PAGE_KIB, used_kib = d->manner.used_kib;
	uint64_t out_kib = used_kib > has_kib ? used_kib - has_kib : 0;
	uint64_t free_kib = has_kib - (used_kib - out_kib);

	if (out_kib > d->swapped_kib)
		d->swapped_kib = out_kib;
	if (d->manner.lies)
		return (size_t)snprintf(text, bytes,
		    "total=-1 free=99999999999999999999 available=many "
		    "beer=1 swap_in=9223372036854775807 request=%llu",
		    (unsigned long long)d->request);
	return (size_t)snprintf(text, bytes,
	    "total=%llu free=%llu available=%llu disk_caches=0 swap_in=0 "
	    "swap_out=%llu major_faults=%llu minor_faults=%llu request=%llu",
	    (unsigned long long)has_kib * KIB,
	    (unsigned long long)free_kib * KIB,
	    (unsigned long long)free_kib * KIB,
	    (unsigned long long)d->swapped_kib * KIB,
	    (unsigned long long)(d->swapped_kib / PAGE_KIB),
	    (unsigned long long)(used_kib / PAGE_KIB),
	    (unsigned long long)d->request);
}

void
hv_sim_stats_answer(struct hv_sim *w, struct hv_sim_dom *d)
{
	struct hv_stats *s = &w->stats->u.stats;
	char text[GST_LINE_BYTES];
	size_t n;

	if (d->request == 0 || !d->running || !d->booted || d->control ||
	    d->manner.silent)
		return;
	n = line(d, text, sizeof text);
	d->request = 0;
	if (!gst_poll_answer(w->poll, &d->uuid, text, n, (int64_t)w->now_ms,
		time(NULL), &s->reading[s->n]))
		return;
	if (++s->n == HV_READINGS)
		flush(w);
}

void
hv_sim_stats_run(struct hv_sim *w)
{
	struct gst_due due;
	struct hv_sim_dom *d;

	while (gst_poll_due(w->poll, (int64_t)w->now_ms, &due)) {
		d = hv_sim_find(w, &due.uuid);
		if (d == NULL)
			continue; /* it went, and its polling with it */
		d->request = due.request;
		hv_sim_stats_answer(w, d);
	}
	flush(w);
}

uint64_t
hv_sim_stats_next_ms(const struct hv_sim *w)
{
	int64_t ms = gst_poll_next_ms(w->poll, (int64_t)w->now_ms);

	return ms < 0 ? SIM_NEVER : (uint64_t)ms;
}

bool
hv_sim_stats_init(struct hv_sim *w)
{
	w->stats = calloc(1, sizeof *w->stats);
	w->poll = gst_poll_new(0);
	if (w->stats == NULL || w->poll == NULL)
		return false;
	hv_msg_init(w->stats, HV_STATS);
	return true;
}

void
hv_sim_stats_fini(struct hv_sim *w)
{
	gst_poll_free(&w->poll);
	free(w->stats);
	w->stats = NULL;
}

void
hv_sim_stats_drop(struct hv_sim *w, const struct hv_sim_dom *d)
{
	/* Dropping needs no memory. */
	(void)gst_poll_set(w->poll, &d->uuid, 0, 0);
}

/* ---- commands ---- */

int32_t
hv_sim_stats_poll(struct hv_sim *w, struct hv_sim_dom *d, uint32_t interval_s)
{
	d->request = 0;
	return gst_poll_set(w->poll, &d->uuid, interval_s, (int64_t)w->now_ms)
		   ? HV_OK
		   : HV_REFUSED;
}

/* ---- what it writes ---- */

/* say_count - how a count goes on */
static void
say_count(struct hv_sim *w, const struct hv_sim_dom *d)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_DIRTIED);
	m.u.dirtied = d->count.said;
	hv_sim_say(w, &m);
}

int32_t
hv_sim_count(struct hv_sim *w, struct hv_sim_dom *d, const struct hv_command *c)
{
	if (c->seconds == 0) {
		hv_sim_count_end(w, d, HV_OK);
		return HV_OK;
	}
	if (d->count.said.is_on)
		return HV_BUSY;
	hv_dirty_begin(&d->count, c, d->domid, w->now_ms);
	d->count_age_ms = hv_sim_age_ms(d, w->now_ms);
	say_count(w, d);
	hv_sim_dirty(w, d); /* the clock is to look at it */
	return HV_OK;
}

/* least - of two amounts */
static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* moved - how far the place that it writes to has come in ms, in KiB */
static uint64_t
moved(const struct hv_sim_dom *d, uint64_t has_kib, uint64_t ms)
{
	uint64_t kib_s = least(d->manner.walk_kib_s, has_kib);

	return least(kib_s / 1000 * ms + kib_s % 1000 * ms / 1000, has_kib);
}

void
hv_sim_count_step(struct hv_sim *w, struct hv_sim_dom *d)
{
	uint64_t has_kib = d->pages * PAGE_KIB, kib = 0, fresh_kib = 0;
	uint64_t age_ms = hv_sim_age_ms(d, w->now_ms);
	uint64_t ms = age_ms - d->count_age_ms, ever_kib;

	if (hv_dirty_left_ms(&d->count, w->now_ms) > 0)
		return;
	if (ms > 0) { /* it was not paused all the time */
		fresh_kib = moved(d, has_kib, ms);
		kib = least(
		    least(d->manner.wss_kib, has_kib) + fresh_kib, has_kib);
	}
	/* It walks in a circle: in the end it was everywhere. */
	ever_kib = least(d->count.said.ever_kib + fresh_kib, has_kib);
	hv_dirty_note(
	    &d->count, w->now_ms, kib, ever_kib > kib ? ever_kib : kib);
	d->count_age_ms = age_ms;
	say_count(w, d);
}

void
hv_sim_count_end(struct hv_sim *w, struct hv_sim_dom *d, enum hv_status status)
{
	if (!d->count.said.is_on)
		return;
	hv_dirty_end(&d->count, status);
	say_count(w, d);
}
