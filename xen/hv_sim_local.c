/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_link_priv.h"
#include "xen/hv_sim.h"

struct item {
	struct item *next;
	struct hv_msg m;
};

struct local {
	struct hv_link link; /* first */
	struct hv_sim *world;
	struct hv_link_calls calls;
	pthread_mutex_t lock; /* below; taken with the world's lock held too */
	struct item *first, **last;
	bool handing; /* a thread is in the callbacks */
	bool lost, told;
	bool ended; /* world is a dangling pointer */
	const char *why;
};

static void
enter(struct local *l)
{
	int r = pthread_mutex_lock(&l->lock);

	assert(r == 0);
}

static void
leave(struct local *l)
{
	int r = pthread_mutex_unlock(&l->lock);

	assert(r == 0);
}

/* up - the world, locked, has something to say: remember it */
static void
up(void *ctx, const struct hv_msg *m)
{
	struct local *l = ctx;
	struct item *it = malloc(sizeof *it);

	enter(l);
	if (it == NULL) {
		l->lost = true;
		l->why = "out of memory";
	} else if (l->lost) {
		free(it);
	} else {
		it->next = NULL;
		memcpy(&it->m, m, m->bytes);
		*l->last = it;
		l->last = &it->next;
	}
	leave(l);
}

/* lost - another link took the place, or the world ends */
static void
lost(void *ctx, enum hv_sim_loss how)
{
	struct local *l = ctx;

	enter(l);
	l->lost = true;
	l->ended = how == HV_SIM_ENDED;
	l->why = l->ended ? "the world has ended"
			  : "the world is somebody else's now";
	leave(l);
}

/* hand_one - call back with what is next; false: nothing is */
static bool
hand_one(struct local *l)
{
	struct item *it = l->first;

	if (it != NULL) {
		l->first = it->next;
		if (l->first == NULL)
			l->last = &l->first;
		leave(l);
		l->calls.up(l->calls.ctx, &it->m);
		free(it);
		enter(l);
		return true;
	}
	if (!l->lost || l->told)
		return false;
	l->told = true;
	leave(l);
	l->calls.lost(l->calls.ctx, l->why);
	enter(l);
	return true;
}

/* flush - hand over what is queued, unless some thread is at it already */
static void
flush(void *ctx)
{
	struct local *l = ctx;

	enter(l);
	if (!l->handing) {
		l->handing = true;
		while (hand_one(l))
			;
		l->handing = false;
	}
	leave(l);
}

static bool
send_local(struct hv_link *link, const struct hv_msg *m)
{
	struct local *l = (struct local *)(void *)link;
	bool ok;

	enter(l);
	ok = !l->lost;
	leave(l);
	if (ok)
		hv_sim_take(l->world, m);
	return ok;
}

static void
close_local(struct hv_link *link, enum hv_close how)
{
	struct local *l = (struct local *)(void *)link;
	struct item *it;

	(void)how; /* the world is the test's */
	if (!l->ended)
		hv_sim_detach(l->world, l);
	while ((it = l->first) != NULL) {
		l->first = it->next;
		free(it);
	}
	(void)pthread_mutex_destroy(&l->lock); /* ours and free */
	free(l);
}

struct hv_link *
hv_sim_link(struct hv_sim *w, const struct hv_link_calls *calls)
{
	struct local *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	if (pthread_mutex_init(&l->lock, NULL) != 0) {
		free(l);
		return NULL;
	}
	l->link.send = send_local;
	l->link.close = close_local;
	l->world = w;
	l->calls = *calls;
	l->last = &l->first;
	hv_sim_attach(w, &(struct hv_sim_peer){
			     .ctx = l, .up = up, .flush = flush, .lost = lost});
	return &l->link;
}
