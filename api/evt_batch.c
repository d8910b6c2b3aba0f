/* SPDX-License-Identifier: BSD-2-Clause */

/* evt_batch - from what the log says to what a caller is told */

/* System */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/evt_priv.h"
#include "api_handlers.h"

#define NUMBER_DIGITS 20

/* ---- tokens ---- */

void
evt_token_write(const struct api_evt *e, uint64_t generation, char *text)
{
	(void)snprintf(text, EVT_TOKEN_BYTES, "%020" PRIu64 ",%020" PRIu64,
	    generation, e->epoch); /* 41 characters */
}

/* read_number - up to 20 digits; where they end, or NULL */
static const char *
read_number(const char *p, uint64_t *v_out)
{
	const char *from = p;
	uint64_t v = 0;

	for (; isdigit((unsigned char)*p); p++) {
		uint64_t d = (uint64_t)(*p - '0');

		if (v > (UINT64_MAX - d) / 10)
			return NULL;
		v = v * 10 + d;
	}
	*v_out = v;
	return p != from && p - from <= NUMBER_DIGITS ? p : NULL;
}

enum err
evt_token_read(const struct api_evt *e, const char *text,
    uint64_t *generation_out, struct failure *why)
{
	uint64_t generation = 0, epoch = 0;
	const char *p = text;

	*generation_out = 0;
	if (*text == '\0')
		return ERR_NONE;
	p = read_number(p, &generation);
	if (p != NULL && *p == ',')
		p = read_number(p + 1, &epoch);
	else
		p = NULL;
	if (p == NULL || *p != '\0')
		return err_fail(
		    why, ERR_EVENT_FROM_TOKEN_PARSE_FAILURE, "s", text);
	if (generation == 0 && epoch == 0)
		return ERR_NONE;
	if (epoch != e->epoch)
		return err_fail(why, ERR_EVENTS_LOST, "");
	*generation_out = generation;
	return ERR_NONE;
}

/* ---- collecting ---- */

/* by_object - all that happened to an object together, the last thing last */
static int
by_object(const void *a, const void *b)
{
	const struct evt_entry *x = a, *y = b;
	const struct evt_one one = {x->cls, x->ref}, other = {y->cls, y->ref};
	int r = evt_one_order(&one, &other);

	if (r != 0 || x->generation == y->generation)
		return r;
	return x->generation < y->generation ? -1 : 1;
}

/* by_operation - adds, mods, dels; within these by time */
static int
by_operation(const void *a, const void *b)
{
	static const int rank[] = {
	    [IDL_EVENT_OPERATION_ADD] = 0,
	    [IDL_EVENT_OPERATION_MOD] = 1,
	    [IDL_EVENT_OPERATION_DEL] = 2,
	};
	const struct evt_entry *x = a, *y = b;

	if (x->operation != y->operation)
		return rank[x->operation] - rank[y->operation];
	if (x->generation != y->generation)
		return x->generation < y->generation ? -1 : 1;
	return 0;
}

/* classify - what is to be said of an object; false: nothing */
static bool
classify(const struct evt_entry *first, size_t n, uint64_t since,
    const struct fld_view *v, struct evt_entry *out)
{
	const struct idl_hdr *rec = fld_get(v, first->cls, &first->ref);

	*out = first[n - 1];
	if (rec != NULL) {
		out->operation = rec->created > since ? IDL_EVENT_OPERATION_ADD
						      : IDL_EVENT_OPERATION_MOD;
		return true;
	}
	out->operation = IDL_EVENT_OPERATION_DEL;
	for (size_t i = 0; i < n; i++)
		if (first[i].created != 0)
			return first[i].created <= since;
	return false; /* it went later: said then */
}

/* merge - one entry for each object; returns how many are left */
static size_t
merge(
    struct evt_entry *list, size_t n, uint64_t since, const struct fld_view *v)
{
	size_t left = 0;

	qsort(list, n, sizeof(*list), by_object);
	for (size_t i = 0, k; i < n; i = k) {
		struct evt_entry e;

		for (k = i + 1; k < n && list[k].cls == list[i].cls &&
				idl_ref_equal(&list[k].ref, &list[i].ref);
		     k++)
			;
		if (classify(&list[i], k - i, since, v, &e))
			list[left++] = e;
	}
	qsort(list, left, sizeof(*list), by_operation);
	return left;
}

/* A list that grows. */
struct all {
	struct evt_entry *list;
	size_t n, room;
	uint64_t upto;
	bool failed;
};

/* all_add - an object that exists */
static void
all_add(struct all *a, const struct idl_hdr *rec)
{
	struct evt_entry *grown;

	if (rec == NULL || rec->created > a->upto || a->failed)
		return; /* made since: it comes next time */
	if (a->n == a->room) {
		a->room = a->room == 0 ? 64 : a->room * 2;
		grown = realloc(a->list, a->room * sizeof(*grown));
		if (grown == NULL) {
			a->failed = true;
			return;
		}
		a->list = grown;
	}
	a->list[a->n++] = (struct evt_entry){
	    .generation = rec->modified,
	    .ref = rec->ref,
	    .cls = rec->cls,
	    .operation = IDL_EVENT_OPERATION_ADD,
	};
}

/* collect_all - everything asked for that exists; false: out of memory */
static bool
collect_all(const struct evt_subs *s, const struct fld_view *v, uint64_t upto,
    struct evt_entry **list_out, size_t *n_out)
{
	struct all a = {.upto = upto};

	for (int cls = 0; cls < idl_nclasses; cls++) {
		const struct idl_hdr *rec = NULL;

		if (!(s->classes & (1u << cls)))
			continue;
		while ((rec = fld_next(
			    v, cls, rec != NULL ? &rec->ref : NULL)) != NULL)
			all_add(&a, rec);
	}
	for (uint32_t i = 0; i < s->n; i++)
		if (!(s->classes & (1u << s->one[i].cls)) &&
		    (i == 0 || evt_one_order(&s->one[i - 1], &s->one[i]) != 0))
			all_add(&a, fld_get(v, s->one[i].cls, &s->one[i].ref));
	if (a.failed) {
		free(a.list);
		return false;
	}
	*list_out = a.list;
	*n_out = a.n;
	return true;
}

enum err
evt_batch_collect(struct api_evt *e, const struct evt_waiter *w,
    const struct fld_view *v, struct evt_entry **list_out, size_t *n_out,
    uint64_t *upto_out, struct failure *why)
{
	uint64_t upto = fld_generation(v);
	bool is_lost, ok = true;

	*list_out = NULL;
	*n_out = 0;
	pthread_mutex_lock(&e->lock);
	/* An image is published before its changes are in the log. */
	if (e->log.newest < upto)
		upto = e->log.newest;
	is_lost = w->since < e->log.floor || w->since > e->log.newest;
	if (!w->is_all && !is_lost)
		ok = evt_log_copy(e, &w->subs, w->since, upto, list_out, n_out);
	pthread_mutex_unlock(&e->lock);
	if (w->is_all)
		ok = collect_all(&w->subs, v, upto, list_out, n_out);
	else if (is_lost)
		return err_fail(why, ERR_EVENTS_LOST, "");
	if (!ok)
		return err_internal(why, "out of memory");
	if (!w->is_all && *n_out > 0)
		*n_out = merge(*list_out, *n_out, w->since, v);
	*upto_out = upto > w->since ? upto : w->since;
	return ERR_NONE;
}

/* ---- the answer ---- */

/* lower - a text in lower case, in the arena */
static const char *
lower(struct arena *a, const char *text)
{
	char *s = arena_strndup(a, text, strlen(text));

	for (char *p = s; p != NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* make_event - one entry as a record; false: arena full */
static bool
make_event(const struct api_call *c, const struct evt_entry *from,
    const char *timestamp, struct arena *a, struct idl_event *ev)
{
	char *ref = arena_alloc(a, IDL_REF_TEXT);
	const void *rec;

	ev->h.cls = IDL_CLASS_EVENT;
	ev->id = arena_printf(a, "%" PRIu64, from->generation);
	ev->class = lower(a, idl_classes[from->cls]->name);
	if (ref == NULL || ev->id == NULL || ev->class == NULL)
		return false;
	idl_ref_write(&from->ref, ref);
	ev->ref = ref;
	ev->timestamp = timestamp;
	ev->operation = from->operation;
	if (from->operation == IDL_EVENT_OPERATION_DEL)
		return true;
	/* It is there: the entry was made from the same view. */
	rec = fld_get(c->view, from->cls, &from->ref);
	ev->snapshot = api_record_view(c->env, c->view, from->cls, rec, a);
	return ev->snapshot != NULL;
}

/* keep_rows - many: each is made when it is written */
static enum err
keep_rows(struct api_call *c, const struct evt_entry *list, size_t n,
    const char *timestamp, struct failure *why)
{
	struct evt_rows *rows = malloc(sizeof(*rows) + n * sizeof(*list));

	if (rows == NULL)
		return err_internal(why, "out of memory");
	rows->timestamp = timestamp;
	rows->n = n;
	memcpy(rows->entry, list, n * sizeof(*list));
	c->events = rows;
	c->rows = API_ROWS_EVENTS;
	return ERR_NONE;
}

enum err
evt_batch_events(struct api_call *c, const struct evt_entry *list, size_t n,
    const char *timestamp, const struct idl_set **set_out, struct failure *why)
{
	struct idl_set *set;
	const void **items;
	struct idl_event *ev;

	*set_out = &idl_set_none;
	if (n > EVT_ROWS_MIN)
		return keep_rows(c, list, n, timestamp, why);
	set = arena_alloc(&c->arena, sizeof(*set));
	items = arena_alloc(&c->arena, (n + 1) * sizeof(*items));
	ev = arena_alloc(&c->arena, (n + 1) * sizeof(*ev));
	if (set == NULL || items == NULL || ev == NULL)
		return err_internal(why, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (!make_event(c, &list[i], timestamp, &c->arena, &ev[i]))
			return err_internal(why,
			    "reply longer than the daemon's limit call_bytes");
		items[i] = &ev[i];
	}
	set->n = (uint32_t)n;
	set->items = items;
	*set_out = set;
	return ERR_NONE;
}

size_t
api_evt_rows(const struct api_call *c)
{
	return c->events->n;
}

const struct idl_event *
api_evt_row(const struct api_call *c, size_t i, struct arena *a)
{
	const struct evt_rows *rows = c->events;
	struct idl_event *ev = arena_alloc(a, sizeof(*ev));

	if (ev == NULL ||
	    !make_event(c, &rows->entry[i], rows->timestamp, a, ev))
		return NULL;
	return ev;
}

const struct idl_map *
evt_batch_counts(struct api_call *c)
{
	const struct api_evt *e = c->env->evt;
	struct idl_map *map = arena_alloc(&c->arena, sizeof(*map));
	const char **keys =
	    arena_alloc(&c->arena, EVT_CLASSES_MAX * sizeof(*keys));
	int64_t *values =
	    arena_alloc(&c->arena, EVT_CLASSES_MAX * sizeof(*values));

	if (map == NULL || keys == NULL || values == NULL)
		return NULL;
	for (int i = 0; i < idl_nclasses; i++) {
		if (!(e->listed & (1u << i)))
			continue;
		keys[map->n] = lower(&c->arena, idl_classes[i]->name);
		if (keys[map->n] == NULL)
			return NULL;
		values[map->n++] = (int64_t)fld_count(c->view, i);
	}
	map->keys = keys;
	map->values = values;
	return map;
}
