/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * event - the messages of class event
 *
 * event.from and event.next look at once; who is told nothing is parked and
 * looks again when resumed.  Both ask for a little patience when something has
 * just happened: more may be on its way, and one answer is cheaper than five.
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/evt_priv.h"
#include "api_handlers.h"

#define REGS_MAX 10000u

static api_stage_f look;

/* ---- waiting, for both ---- */

/* may_wait - is there anybody to hand the call back to, and time left? */
static bool
may_wait(const struct api_call *c, const struct evt_waiter *w)
{
	return c->resume != NULL &&
	       c->env->now_ms(c->env->ctx) < w->deadline_ms;
}

/* answer_from - the result of event.from */
static enum err
answer_from(struct api_call *c, const struct evt_entry *list, size_t n,
    uint64_t upto, void *result, struct failure *why)
{
	struct idl_event_batch *b = arena_alloc(&c->arena, sizeof(*b));
	char *token = arena_alloc(&c->arena, EVT_TOKEN_BYTES);
	enum err rc;

	if (b == NULL || token == NULL)
		return err_internal(why, "out of memory");
	b->h.cls = IDL_CLASS_EVENT_BATCH;
	b->valid_ref_counts = evt_batch_counts(c);
	if (b->valid_ref_counts == NULL)
		return err_internal(why, "out of memory");
	rc = evt_batch_events(c, list, n, "0.0", &b->events, why);
	if (rc != ERR_NONE)
		return rc;
	evt_token_write(c->env->evt, upto, token);
	b->token = token;
	memcpy(result, &b, sizeof(b));
	return ERR_NONE;
}

/* find_reg - what a session registered for; under the lock */
static struct evt_reg *
find_reg(struct api_evt *e, const struct idl_ref *session)
{
	struct evt_reg *r;

	LIST_FOREACH(r, &e->regs, link)
	{
		if (idl_ref_equal(&r->session, session))
			return r;
	}
	return NULL;
}

/* answer_next - the result of event.next; its session goes on from there */
static enum err
answer_next(struct api_call *c, const struct evt_entry *list, size_t n,
    uint64_t upto, void *result, struct failure *why)
{
	struct api_evt *e = c->env->evt;
	const char *now = arena_printf(
	    &c->arena, "%" PRId64 ".0", c->env->wall_s(c->env->ctx));
	const struct idl_set *set;
	struct evt_reg *r;
	enum err rc;

	if (now == NULL)
		return err_internal(why, "out of memory");
	rc = evt_batch_events(c, list, n, now, &set, why);
	if (rc != ERR_NONE)
		return rc;
	pthread_mutex_lock(&e->lock);
	r = find_reg(e, &c->session_ref);
	if (r != NULL && upto > r->since)
		r->since = upto;
	pthread_mutex_unlock(&e->lock);
	memcpy(result, &set, sizeof(set));
	return ERR_NONE;
}

/* park - look again when there is something, or when the time has come */
static enum err
park(struct api_call *c)
{
	c->stage = look;
	c->parked = true;
	return ERR_NONE;
}

/* look - is there anything to tell? */
static enum err
look(struct api_call *c, void *result, struct failure *why)
{
	struct evt_waiter *w = c->keep;
	struct evt_entry *list;
	uint64_t upto;
	size_t n;
	enum err rc;

	if (w->is_refused)
		return err_fail(why, ERR_TOO_MANY_PENDING_TASKS, "");
	rc = evt_batch_collect(c->env->evt, w, c->view, &list, &n, &upto, why);
	if (rc == ERR_NONE && n == 0 && may_wait(c, w)) {
		free(list);
		w->is_all = false;
		w->since = upto;
		return park(c);
	}
	if (rc == ERR_NONE)
		rc = w->is_next ? answer_next(c, list, n, upto, result, why)
				: answer_from(c, list, n, upto, result, why);
	free(list);
	return rc;
}

/* new_waiter - in the call's arena; NULL: it is full */
static struct evt_waiter *
new_waiter(struct api_call *c, const struct evt_subs *subs, int64_t wait_ms)
{
	struct evt_waiter *w = arena_alloc(&c->arena, sizeof(*w));
	size_t n = subs->n + 1; /* and the session */

	for (uint32_t bits = subs->classes; bits != 0; bits &= bits - 1)
		n++;
	if (w == NULL)
		return NULL;
	w->watch = arena_alloc(&c->arena, n * sizeof(*w->watch));
	if (w->watch == NULL)
		return NULL;
	w->call = c;
	w->subs = *subs;
	/* Rounded, so that many callers' deadlines are few moments. */
	w->deadline_ms = c->started_ms + wait_ms;
	if (wait_ms > EVT_TICK_MS)
		w->deadline_ms += EVT_TICK_MS - w->deadline_ms % EVT_TICK_MS;
	c->keep = w;
	return w;
}

/*
 * begin - look now, or a little later
 *
 * A caller who goes on from a token and may wait parks unseen: if something
 * has happened already, it is resumed when a little more may have come.
 */
static enum err
begin(
    struct api_call *c, struct evt_waiter *w, void *result, struct failure *why)
{
	if (w->is_all || !may_wait(c, w))
		return look(c, result, why);
	return park(c);
}

/* ---- messages ---- */

/* wait_of - ms that a caller wants to wait; nonsense is a day (spec H.3) */
static int64_t
wait_of(double timeout_s)
{
	if (!(timeout_s >= 0.0) || timeout_s > EVT_WAIT_MAX_MS / 1000.0)
		return EVT_WAIT_MAX_MS;
	return (int64_t)(timeout_s * 1000.0);
}

enum err
api_event_from(struct api_call *c, const struct idl_event_from_args *a,
    const struct idl_event_batch **result_out, struct failure *why)
{
	struct api_evt *e = c->env->evt;
	struct evt_subs subs;
	struct evt_waiter *w;
	uint64_t since = 0;
	enum err rc;

	rc = evt_subs_parse(e, a->classes, &c->arena, &subs, why);
	if (rc == ERR_NONE)
		rc = evt_token_read(e, a->token, &since, why);
	if (rc != ERR_NONE)
		return rc;
	w = new_waiter(c, &subs, wait_of(a->timeout));
	if (w == NULL)
		return err_internal(why, "out of memory");
	w->since = since;
	w->is_all = since == 0;
	return begin(c, w, result_out, why);
}

enum err
api_event_inject(struct api_call *c, const struct idl_event_inject_args *a,
    const char **result_out, struct failure *why)
{
	struct api_evt *e = c->env->evt;
	char *token = arena_alloc(&c->arena, EVT_TOKEN_BYTES);
	struct idl_ref ref;
	int cls = 0;

	while (cls < idl_nclasses &&
	       (!(e->listed & (1u << cls)) ||
		   strcmp(idl_classes[cls]->name, a->class) != 0))
		cls++;
	if (cls == idl_nclasses ||
	    !idl_ref_parse(a->ref, strlen(a->ref), &ref) ||
	    fld_get(c->view, cls, &ref) == NULL)
		return err_fail(
		    why, ERR_HANDLE_INVALID, "ss", a->class, a->ref);
	if (token == NULL || fld_tx_touch(c->tx, cls, &ref) == NULL)
		return err_internal(why, "out of memory");
	evt_token_write(e, fld_generation(c->view), token);
	*result_out = token;
	return ERR_NONE;
}

enum err
api_event_get_current_id(struct api_call *c,
    const struct idl_event_get_current_id_args *a, int64_t *result_out,
    struct failure *why)
{
	(void)a;   /* none */
	(void)why; /* cannot fail */
	*result_out = (int64_t)fld_generation(c->view);
	return ERR_NONE;
}

/* add_subs - both sets of subscriptions in one; false: out of memory */
static bool
add_subs(struct evt_subs *to, const struct evt_subs *more)
{
	struct evt_one *grown;
	uint32_t n = to->n;

	grown = realloc(to->one, (n + more->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return false;
	to->one = grown;
	to->classes |= more->classes;
	for (uint32_t i = 0; i < more->n; i++) {
		if (evt_subs_want(to, more->one[i].cls, &more->one[i].ref) ||
		    n == EVT_SUBS_MAX)
			continue;
		grown[n++] = more->one[i];
	}
	to->n = n;
	qsort(grown, n, sizeof(*grown), evt_one_order);
	return true;
}

/* take_subs - without those of another set */
static void
take_subs(struct evt_subs *from, const struct evt_subs *less)
{
	uint32_t n = 0;

	from->classes &= ~less->classes;
	for (uint32_t i = 0; i < from->n; i++)
		if (!evt_subs_want(less, from->one[i].cls, &from->one[i].ref))
			from->one[n++] = from->one[i];
	from->n = n;
}

/* new_reg - a session that has registered for nothing yet; NULL: no memory */
static struct evt_reg *
new_reg(struct api_evt *e, const struct idl_ref *session)
{
	struct evt_reg *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->session = *session;
	r->since = e->log.newest;
	LIST_INSERT_HEAD(&e->regs, r, link);
	e->nregs++;
	return r;
}

enum err
api_event_register(struct api_call *c, const struct idl_event_register_args *a,
    struct failure *why)
{
	struct api_evt *e = c->env->evt;
	struct evt_subs subs;
	struct evt_reg *r;
	enum err rc = evt_subs_parse(e, a->classes, &c->arena, &subs, why);

	if (rc != ERR_NONE)
		return rc;
	pthread_mutex_lock(&e->lock);
	r = find_reg(e, &c->session_ref);
	if (r == NULL && e->nregs == REGS_MAX)
		rc = err_fail(why, ERR_TOO_MANY_PENDING_TASKS, "");
	else if (r == NULL)
		r = new_reg(e, &c->session_ref);
	if (rc == ERR_NONE && (r == NULL || !add_subs(&r->subs, &subs)))
		rc = err_internal(why, "out of memory");
	pthread_mutex_unlock(&e->lock);
	return rc;
}

enum err
api_event_unregister(struct api_call *c,
    const struct idl_event_unregister_args *a, struct failure *why)
{
	struct api_evt *e = c->env->evt;
	struct evt_subs subs;
	struct evt_reg *r;
	enum err rc = evt_subs_parse(e, a->classes, &c->arena, &subs, why);

	if (rc != ERR_NONE)
		return rc;
	pthread_mutex_lock(&e->lock);
	r = find_reg(e, &c->session_ref);
	if (r != NULL)
		take_subs(&r->subs, &subs);
	if (r != NULL && r->subs.classes == 0 && r->subs.n == 0) {
		LIST_REMOVE(r, link);
		e->nregs--;
		free(r->subs.one);
		free(r);
	}
	pthread_mutex_unlock(&e->lock);
	return ERR_NONE;
}

/* copy_reg - what the caller registered for, in its arena */
static enum err
copy_reg(struct api_call *c, struct evt_subs *subs, uint64_t *since,
    struct failure *why)
{
	struct api_evt *e = c->env->evt;
	const struct evt_reg *r;
	enum err rc = ERR_NONE;

	*subs = (struct evt_subs){0};
	pthread_mutex_lock(&e->lock);
	r = find_reg(e, &c->session_ref);
	if (r == NULL) {
		rc = err_fail(
		    why, ERR_SESSION_NOT_REGISTERED, "s", c->session_text);
	} else {
		*subs = r->subs;
		*since = r->since;
		subs->one =
		    arena_alloc(&c->arena, (subs->n + 1) * sizeof(*subs->one));
		if (subs->one == NULL)
			rc = err_internal(why, "out of memory");
		else if (subs->n > 0)
			memcpy(subs->one, r->subs.one,
			    subs->n * sizeof(*subs->one));
	}
	pthread_mutex_unlock(&e->lock);
	return rc;
}

enum err
api_event_next(struct api_call *c, const struct idl_event_next_args *a,
    const struct idl_set **result_out, struct failure *why)
{
	struct evt_subs subs;
	struct evt_waiter *w;
	uint64_t since = 0;
	enum err rc = copy_reg(c, &subs, &since, why);

	(void)a; /* none */
	if (rc != ERR_NONE)
		return rc;
	w = new_waiter(c, &subs, EVT_WAIT_MAX_MS);
	if (w == NULL)
		return err_internal(why, "out of memory");
	w->since = since;
	w->is_next = true;
	return begin(c, w, result_out, why);
}
