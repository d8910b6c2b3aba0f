/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * gst_poll - a heap of who is to be asked next, and a table of who is known
 *
 * A domain that has been asked and has not answered is in the table alone.
 * Times are rounded up to whole ticks, so that many domains are asked, and
 * their readings sent, at once.
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/gst.h"
#include "xen/gst_map.h"

#define TICK_MS 100
#define FIRST_ROOM 16
#define RESTING SIZE_MAX /* not in the heap */

struct entry {
	struct gst_node node; /* first */
	int64_t interval_ms;
	int64_t due_ms;
	size_t at;	  /* in the heap; RESTING */
	uint64_t request; /* asked with last */
	bool asked;	  /* ... and not answered */
	uint64_t ignored;
};

struct gst_poll {
	struct gst_map known;
	struct entry **heap; /* by due_ms; room for all */
	size_t nheap, room;
	uint64_t base; /* of requests */
};

/* ---- the heap ---- */

/* put - an entry at a place of the heap */
static void
put(struct gst_poll *p, size_t i, struct entry *e)
{
	p->heap[i] = e;
	e->at = i;
}

/* rise - an entry at i goes up to where it belongs */
static void
rise(struct gst_poll *p, size_t i, struct entry *e)
{
	while (i > 0 && p->heap[(i - 1) / 2]->due_ms > e->due_ms) {
		put(p, i, p->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(p, i, e);
}

/* sink - an entry at i goes down to where it belongs */
static void
sink(struct gst_poll *p, size_t i, struct entry *e)
{
	for (;;) {
		size_t kid = 2 * i + 1;

		if (kid + 1 < p->nheap &&
		    p->heap[kid + 1]->due_ms < p->heap[kid]->due_ms)
			kid++;
		if (kid >= p->nheap || p->heap[kid]->due_ms >= e->due_ms)
			break;
		put(p, i, p->heap[kid]);
		i = kid;
	}
	put(p, i, e);
}

/* rest - an entry leaves the heap */
static void
rest(struct gst_poll *p, struct entry *e)
{
	size_t i = e->at;
	struct entry *last;

	if (i == RESTING)
		return;
	e->at = RESTING;
	last = p->heap[--p->nheap];
	if (last == e)
		return;
	sink(p, i, last);
	rise(p, last->at, last);
}

/* wake - an entry is to be asked at a time, rounded up */
static void
wake(struct gst_poll *p, struct entry *e, int64_t due_ms)
{
	rest(p, e);
	e->due_ms = (due_ms + TICK_MS - 1) / TICK_MS * TICK_MS;
	p->nheap++;
	rise(p, p->nheap - 1, e);
}

/* ---- the table ---- */

/* make_room - for one more in the heap */
static bool
make_room(struct gst_poll *p)
{
	size_t room = p->room * 2;
	struct entry **heap;

	if (p->known.n < p->room)
		return true;
	heap = realloc(p->heap, room * sizeof(struct entry *));
	if (heap == NULL)
		return false;
	p->heap = heap;
	p->room = room;
	return true;
}

/* add - an entry that rests; NULL: out of memory */
static struct entry *
add(struct gst_poll *p, const struct hv_uuid *uuid)
{
	struct entry *e;

	if (!make_room(p))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->node.uuid = *uuid;
	e->request = p->base;
	e->at = RESTING;
	gst_map_add(&p->known, &e->node);
	return e;
}

/* find - the entry of a domain; NULL: not polled */
static struct entry *
find(const struct gst_poll *p, const struct hv_uuid *uuid)
{
	return (struct entry *)(void *)gst_map_find(&p->known, uuid);
}

/* drop - an entry is not known any more */
static void
drop(struct gst_poll *p, struct entry *e)
{
	rest(p, e);
	gst_map_remove(&p->known, &e->node);
	free(e);
}

struct gst_poll *
gst_poll_new(uint64_t base)
{
	struct gst_poll *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->base = base;
	p->room = FIRST_ROOM;
	p->heap = calloc(p->room, sizeof(struct entry *));
	if (!gst_map_init(&p->known) || p->heap == NULL)
		gst_poll_free(&p);
	return p;
}

void
gst_poll_free(struct gst_poll **pp)
{
	struct gst_poll *p = *pp;
	struct gst_node *n;

	*pp = NULL;
	if (p == NULL)
		return;
	while (p->known.bucket != NULL &&
	       (n = gst_map_next(&p->known, NULL)) != NULL) {
		gst_map_remove(&p->known, n);
		free(n);
	}
	gst_map_fini(&p->known);
	free(p->heap);
	free(p);
}

/* ---- asking and being answered ---- */

bool
gst_poll_set(struct gst_poll *p, const struct hv_uuid *uuid,
    uint32_t interval_s, int64_t now_ms)
{
	struct entry *e = find(p, uuid);

	if (interval_s == 0) {
		if (e != NULL)
			drop(p, e);
		return true;
	}
	if (e == NULL)
		e = add(p, uuid);
	if (e == NULL)
		return false;
	e->interval_ms = (int64_t)interval_s * 1000;
	wake(p, e, now_ms);
	return true;
}

int64_t
gst_poll_next_ms(const struct gst_poll *p, int64_t now_ms)
{
	if (p->nheap == 0)
		return -1;
	return p->heap[0]->due_ms > now_ms ? p->heap[0]->due_ms - now_ms : 0;
}

bool
gst_poll_due(struct gst_poll *p, int64_t now_ms, struct gst_due *due_out)
{
	struct entry *e;

	if (p->nheap == 0 || p->heap[0]->due_ms > now_ms)
		return false;
	e = p->heap[0];
	rest(p, e);
	e->request++;
	e->asked = true;
	due_out->uuid = e->node.uuid;
	due_out->request = e->request;
	return true;
}

bool
gst_poll_answer(struct gst_poll *p, const struct hv_uuid *uuid,
    const char *line, size_t n, int64_t now_ms, int64_t wall_s,
    struct hv_reading *r_out)
{
	struct entry *e = find(p, uuid);
	struct hv_reading r;
	uint64_t request;

	if (e == NULL)
		return false;
	if (!e->asked) {
		e->ignored++;
		return false;
	}
	r.uuid = *uuid;
	r.read_s = wall_s;
	r.ignored = e->ignored;
	if (!gst_parse(line, n, &r, &request) || request != e->request) {
		e->ignored++;
		return false;
	}
	e->ignored = r.ignored;
	e->asked = false;
	wake(p, e, now_ms + e->interval_ms);
	*r_out = r;
	return true;
}
