/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Model */
#include "model/units.h"

/* Own */
#include "xen/hv_uuid.h"
#include "xen/hv_xen_stats.h"

#define REQUEST "/local/domain/%u/control/memory-stats-request"
#define ANSWER "/local/domain/%u/data/memory-stats"
#define TOKEN "stats %u"

/* A guest's answers are read no more often than this. */
#define READ_MS 100

/* ---- readings ---- */

/* flush - the readings that have gathered go up */
static void
flush(struct hv_xen *x)
{
	if (x->stats.u.stats.n > 0)
		hv_xen_say(x, &x->stats);
	hv_msg_init(&x->stats, HV_STATS);
}

/* take - a domain's words, as an answer */
static void
take(struct hv_xen *x, struct hv_xen_dom *d, const char *text)
{
	struct hv_stats *s = &x->stats.u.stats;

	if (!gst_poll_answer(x->poll, &d->uuid, text, strlen(text),
		(int64_t)x->now_ms, time(NULL), &s->reading[s->n]))
		return;
	d->request = 0;
	if (++s->n == HV_READINGS)
		flush(x);
}

/* watch_stats - hear of a domain's answers, or no more */
static void
watch_stats(struct hv_xen *x, struct hv_xen_dom *d, enum hv_xs_kind kind)
{
	struct hv_xs_batch b;
	struct hv_xs_op *op;

	hv_xs_begin(&b, HV_XS_DO);
	op = hv_xs_add(&b, kind, ANSWER, d->xen.domid);
	if (op != NULL)
		(void)snprintf(
		    op->value, sizeof op->value, TOKEN, d->xen.domid);
	d->stats_watched = hv_xen_xs(x, &b) == 0 && kind == HV_XS_WATCH;
	d->stats_echo = d->stats_watched; /* one that is set fires once */
}

/* others - what agents of others tell, as the answer of ours would be */
static bool
others(const struct hv_xs_op *op, uint64_t request, char *text, size_t bytes)
{
	uint64_t total, free_kib, used;
	bool has_total = op[0].status == HV_XS_OK &&
			 hv_xen_kib_parse(op[0].value, &total) &&
			 bytes_of_kib(total, &total);
	bool has_free = op[1].status == HV_XS_OK &&
			hv_xen_kib_parse(op[1].value, &free_kib) &&
			bytes_of_kib(free_kib, &free_kib);
	bool has_used = op[2].status == HV_XS_OK &&
			hv_xen_kib_parse(op[2].value, &used) &&
			bytes_of_kib(used, &used);
	int n = 0;

	if (!has_total && !has_free && !has_used)
		return false;
	if (has_total)
		n += snprintf(text + n, bytes - (size_t)n, "total=%llu ",
		    (unsigned long long)total);
	if (has_free)
		n += snprintf(text + n, bytes - (size_t)n, "free=%llu ",
		    (unsigned long long)free_kib);
	if (has_total && has_used && used <= total)
		n += snprintf(text + n, bytes - (size_t)n, "available=%llu ",
		    (unsigned long long)(total - used));
	(void)snprintf(text + n, bytes - (size_t)n, "request=%llu",
	    (unsigned long long)request);
	return true;
}

/* ask_again - a question that a lost connection may have swallowed */
static void
ask_again(struct hv_xen *x, const struct hv_xen_dom *d)
{
	struct hv_xs_batch b;
	struct hv_xs_op *op;

	hv_xs_begin(&b, HV_XS_DO);
	/* A store that started empty has no place for it, nor a guest. */
	(void)hv_xs_add(
	    &b, HV_XS_NEED, "/local/domain/%u/control", d->xen.domid);
	op = hv_xs_add(&b, HV_XS_SET, REQUEST, d->xen.domid);
	if (op != NULL)
		(void)snprintf(op->value, sizeof op->value, "%llu",
		    (unsigned long long)d->request);
	(void)hv_xen_xs(x, &b); /* lost anew: then again */
}

/* ask - a domain is due: put the question, and see who else answers it */
static void
ask(struct hv_xen *x, struct hv_xen_dom *d, uint64_t request)
{
	char text[GST_LINE_BYTES];
	struct hv_xs_batch b;
	struct hv_xs_op *op;
	uint32_t id = d->xen.domid;

	d->request = request;
	if (!d->stats_watched)
		watch_stats(x, d, HV_XS_WATCH);
	hv_xs_begin(&b, HV_XS_DO);
	(void)hv_xs_add(
	    &b, HV_XS_GET, "/local/domain/%u/data/meminfo_total", id);
	(void)hv_xs_add(
	    &b, HV_XS_GET, "/local/domain/%u/data/meminfo_free", id);
	(void)hv_xs_add(&b, HV_XS_GET, "/local/domain/%u/memory/meminfo", id);
	(void)hv_xs_add(&b, HV_XS_GET, ANSWER, id);
	/* a key of a domain that has just died would be there for ever */
	(void)hv_xs_add(&b, HV_XS_NEED, "/local/domain/%u", id);
	op = hv_xs_add(&b, HV_XS_SET, REQUEST, id);
	if (op != NULL)
		(void)snprintf(op->value, sizeof op->value, "%llu",
		    (unsigned long long)request);
	if (hv_xen_xs(x, &b) != 0 || b.op[3].status != HV_XS_MISSING)
		return; /* our agent is there: it will answer */
	if (others(b.op, request, text, sizeof text))
		take(x, d, text);
}

/* answers - is a text the answer to the question that a domain was asked? */
static bool
answers(const struct hv_xen_dom *d, const char *text)
{
	struct hv_reading r = {.ignored = 0};
	uint64_t request;

	return d->request != 0 && gst_parse(text, strlen(text), &r, &request) &&
	       request == d->request;
}

/* read_answer - what is there; NULL: nothing */
static const char *
read_answer(struct hv_xen *x, const struct hv_xen_dom *d, struct hv_xs_batch *b)
{
	if (d->request == 0)
		return ""; /* unasked: not even read */
	hv_xs_begin(b, HV_XS_DO);
	(void)hv_xs_add(b, HV_XS_GET_TEXT, ANSWER, d->xen.domid);
	if (hv_xen_xs(x, b) != 0 || b->op[0].status == HV_XS_MISSING)
		return NULL;
	return b->op[0].status == HV_XS_OK ? b->text : ""; /* too long */
}

/* listen - a watch fired: the answer to our question, or noise */
static void
listen(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_xs_batch b;
	const char *text = read_answer(x, d, &b);

	d->stats_fired = false;
	d->stats_ms = x->now_ms;
	if (d->stats_echo && (text == NULL || !answers(d, text)))
		d->stats_echo = false; /* of before, or taken early: no noise */
	else if (text != NULL)
		take(x, d, text);
}

bool
hv_xen_stats_heard(struct hv_xen *x, const char *token)
{
	struct hv_xen_dom *d;
	char mine[32];

	if (strncmp(token, "stats ", strlen("stats ")) != 0)
		return false;
	TAILQ_FOREACH(d, &x->doms, link)
	{
		(void)snprintf(mine, sizeof mine, TOKEN, d->xen.domid);
		if (strcmp(mine, token) == 0)
			d->stats_fired = true;
	}
	return true;
}

void
hv_xen_stats_lost(struct hv_xen *x)
{
	struct hv_xen_dom *d;

	TAILQ_FOREACH(d, &x->doms, link)
	{
		/* the watch may be what a question lost the connection with */
		if (d->stats_watched || d->request != 0)
			watch_stats(x, d, HV_XS_WATCH);
		if (d->request != 0)
			ask_again(x, d);
	}
}

int32_t
hv_xen_stats_poll(struct hv_xen *x, struct hv_xen_dom *d, uint32_t interval_s)
{
	d->request = 0;
	d->polled = interval_s != 0;
	if (interval_s == 0 && d->stats_watched)
		watch_stats(x, d, HV_XS_UNWATCH);
	return gst_poll_set(x->poll, &d->uuid, interval_s, (int64_t)x->now_ms)
		   ? HV_OK
		   : HV_REFUSED;
}

/* ---- the whole ---- */

bool
hv_xen_stats_open(struct hv_xen *x)
{
	hv_msg_init(&x->stats, HV_STATS);
	/* A guest may still know the last number of a process before us. */
	x->poll = gst_poll_new((uint64_t)time(NULL));
	return x->poll != NULL;
}

void
hv_xen_stats_close(struct hv_xen *x)
{
	gst_poll_free(&x->poll);
}

/*
 * polled - the domain of a uuid that is asked; NULL: none is
 *
 * The last: one that restarts may still be there with the id it had.
 */
static struct hv_xen_dom *
polled(struct hv_xen *x, const struct hv_uuid *uuid)
{
	struct hv_xen_dom *d, *last = NULL;

	TAILQ_FOREACH(d, &x->doms, link)
	if (d->polled && hv_uuid_equal(&d->uuid, uuid))
		last = d;
	return last;
}

void
hv_xen_stats_drop(struct hv_xen *x, struct hv_xen_dom *d)
{
	if (x->poll == NULL)
		return;
	if (d->stats_watched)
		watch_stats(x, d, HV_XS_UNWATCH);
	d->polled = false;
	/* Its next domain may be there already, and polled. */
	if (polled(x, &d->uuid) == NULL) /* needs no memory */
		(void)gst_poll_set(x->poll, &d->uuid, 0, 0);
}

void
hv_xen_stats_step(struct hv_xen *x)
{
	struct hv_xen_dom *d;
	struct gst_due due;

	if (x->poll == NULL)
		return;
	TAILQ_FOREACH(d, &x->doms, link)
	{
		if (d->stats_fired && x->now_ms - d->stats_ms >= READ_MS)
			listen(x, d);
	}
	while (x->xs_up && gst_poll_due(x->poll, (int64_t)x->now_ms, &due)) {
		d = polled(x, &due.uuid);
		if (d != NULL)
			ask(x, d, due.request);
	}
	flush(x);
}

uint64_t
hv_xen_stats_next_ms(const struct hv_xen *x)
{
	const struct hv_xen_dom *d;
	uint64_t at = UINT64_MAX;
	int64_t ms;

	if (x->poll == NULL)
		return at;
	ms = gst_poll_next_ms(x->poll, (int64_t)x->now_ms);
	if (ms >= 0 && x->xs_up)
		at = x->now_ms + (uint64_t)ms;
	TAILQ_FOREACH(d, &x->doms, link)
	{
		if (d->stats_fired && d->stats_ms + READ_MS < at)
			at = d->stats_ms + READ_MS;
	}
	return at <= x->now_ms ? 0 : at == UINT64_MAX ? at : at - x->now_ms;
}
