/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Own */
#include "xen/hv_xen_count.h"
#include "xen/hv_xen_stats.h"

#define RIVAL_MS 10000

/* ---- who else manages memory ---- */

/* log_rival - who manages memory now */
static void
log_rival(const struct hv_xen *x)
{
	if (x->rival != NULL)
		(void)fprintf(stderr,
		    "hv-xen: %s manages the memory of this host: we only "
		    "observe (--take-over to manage it here)\n",
		    x->rival);
	else
		(void)fprintf(stderr,
		    "hv-xen: nobody else manages the memory of this host any "
		    "more: we do\n");
}

/* see_rival - look for one; returns has that changed? */
static bool
see_rival(struct hv_xen *x)
{
	const char *was = x->rival;

	x->rival_ms = x->now_ms + RIVAL_MS;
	x->rival =
	    x->conf.rival != NULL ? x->conf.rival(x->conf.rival_ctx) : NULL;
	if ((was == NULL) == (x->rival == NULL))
		return false;
	if (x->runs)
		log_rival(x);
	return true;
}

/* ---- opening ---- */

/* refuse_xs - why there is no xenstore; -1 */
static int
refuse_xs(const struct hv_xen *x, char *why, size_t why_bytes)
{
	const char *trouble = x->xs_trouble;

	(void)snprintf(why, why_bytes, "%s%s",
	    trouble != NULL ? trouble : "xenstored does not answer",
	    x->xs_is_missing
		? ": on Debian, install xen-utils-common and start it "
		  "(systemctl start xen)"
		: "");
	return -1;
}

/* first - connect, and see what is there; 0 or -1 with the text set */
static int
first(struct hv_xen *x, char *why, size_t why_bytes)
{
	int e;

	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll < 0) {
		(void)snprintf(
		    why, why_bytes, "epoll: %s", strerrordesc_np(errno));
		return -1;
	}
	hv_xen_xs_open(x);
	if (!x->xs_up)
		return refuse_xs(x, why, why_bytes);
	(void)see_rival(x);
	e = hv_xen_look(x);
	if (e == 0 && hv_xen_stats_open(x)) {
		hv_xen_count_open(x);
		return 0;
	}
	(void)snprintf(why, why_bytes, "Xen does not list its domains: %s",
	    strerrordesc_np(e != 0 ? e : ENOMEM));
	return -1;
}

int
hv_xen_open(struct hv_xen **x_out, const struct hv_xen_conf *conf, char *why,
    size_t why_bytes)
{
	struct hv_xen *x = calloc(1, sizeof *x);

	if (x == NULL) {
		(void)snprintf(why, why_bytes, "out of memory");
		return -1;
	}
	x->conf = *conf;
	x->epoll = x->watch_fd = -1;
	TAILQ_INIT(&x->doms);
	if (first(x, why, why_bytes) != 0) {
		hv_xen_close(&x);
		return -1;
	}
	*x_out = x;
	return 0;
}

void
hv_xen_close(struct hv_xen **xp)
{
	struct hv_xen *x = *xp;
	struct hv_xen_dom *d;

	if (x == NULL)
		return;
	*xp = NULL;
	hv_xen_count_close(x);
	hv_xen_stats_close(x);
	while ((d = TAILQ_FIRST(&x->doms)) != NULL) {
		TAILQ_REMOVE(&x->doms, d, link);
		free(d);
	}
	if (x->watch_fd >= 0)
		(void)close(x->watch_fd);
	if (x->epoll >= 0)
		(void)close(x->epoll);
	free(x);
}

/* ---- messages ---- */

void
hv_xen_attach(struct hv_xen *x, hv_xen_up_f *up, void *ctx)
{
	hv_xen_count_close(x); /* nobody waits for what is counted */
	x->up = up;
	x->up_ctx = ctx;
	x->synced = false;
}

void
hv_xen_take(struct hv_xen *x, const struct hv_msg *m)
{
	switch (m->type) {
	case HV_SYNC:
		x->synced = false; /* what it hears is the new picture */
		(void)hv_xen_look(x);
		hv_xen_say_all(x);
		return;
	case HV_COMMAND:
		hv_xen_command(x, &m->u.command);
		return;
	default:
		return;
	}
}

/* ---- time ---- */

void
hv_xen_step(struct hv_xen *x, uint64_t ms)
{
	x->now_ms += ms;
	if (!x->runs) { /* until now standard error was for one sentence */
		x->runs = true;
		if (x->rival != NULL)
			log_rival(x);
	}
	hv_xen_xs_open(x);
	hv_xen_xs_events(x);
	if (x->now_ms >= x->rival_ms && see_rival(x) && x->synced)
		hv_xen_say_all(x);
	if (x->now_ms >= x->look_ms)
		(void)hv_xen_look(x);
	hv_xen_stats_step(x);
	hv_xen_count_step(x);
}

int64_t
hv_xen_next_ms(const struct hv_xen *x)
{
	uint64_t at = x->look_ms, stats_ms = hv_xen_stats_next_ms(x);
	uint64_t count_ms = hv_xen_count_next_ms(x);

	if (x->rival_ms < at)
		at = x->rival_ms;
	if (!x->xs_up && x->xs_retry_ms < at)
		at = x->xs_retry_ms;
	if (x->fired && x->drain_ms < at)
		at = x->drain_ms;
	at = at > x->now_ms ? at - x->now_ms : 0;
	at = at < stats_ms ? at : stats_ms;
	return (int64_t)(at < count_ms ? at : count_ms);
}

int
hv_xen_fd(const struct hv_xen *x)
{
	return x->epoll;
}
