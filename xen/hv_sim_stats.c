/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_sim_stats - what simulated guests say of their memory, and write to it
 *
 * A guest's programs need used_kib, from its boot on; what it has above that
 * is free, what it has less is in its swap.  It writes over and over to
 * wss_kib of what it has.
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

int32_t
hv_sim_count(
    struct hv_sim *w, struct hv_sim_dom *d, uint64_t id, uint32_t seconds)
{
	if (d->count_id != 0)
		return HV_BUSY;
	d->count_id = id;
	d->count_end_ms = w->now_ms + (uint64_t)seconds * 1000;
	hv_sim_dirty(w, d); /* the clock is to look at it */
	return HV_OK;
}

void
hv_sim_count_end(struct hv_sim *w, struct hv_sim_dom *d, int32_t status)
{
	uint64_t has_kib = d->pages * PAGE_KIB;
	struct hv_result r;

	if (d->count_id == 0)
		return;
	memset(&r, 0, sizeof r);
	r.id = d->count_id;
	r.status = status;
	r.domid = d->domid;
	r.dirty_kib = d->manner.wss_kib < has_kib ? d->manner.wss_kib : has_kib;
	d->count_id = 0;
	hv_sim_say_result(w, &r);
}
