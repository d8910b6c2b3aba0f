/* SPDX-License-Identifier: BSD-2-Clause */

/* evt_log - the log of changes, the hook that fills it, and the heartbeat */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/evt_priv.h"
#include "api/timer.h"

/* at - entry i, oldest first */
static struct evt_entry *
at(const struct evt_log *l, size_t i)
{
	return &l->entry[(l->first + i) % EVT_LOG_MAX];
}

void
evt_log_add(struct api_evt *e, int cls, const struct idl_ref *ref,
    uint64_t deleted_created)
{
	struct evt_log *l = &e->log;

	if (l->n == EVT_LOG_MAX) {
		l->floor = at(l, 0)->generation;
		l->first = (l->first + 1) % EVT_LOG_MAX;
		l->n--;
	}
	*at(l, l->n++) = (struct evt_entry){
	    .generation = l->newest,
	    .created = deleted_created,
	    .ref = *ref,
	    .cls = cls,
	};
}

/* after - index of the first entry after a generation */
static size_t
after(const struct evt_log *l, uint64_t since)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (at(l, mid)->generation <= since)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
evt_log_has(const struct api_evt *e, const struct evt_subs *s, uint64_t since)
{
	const struct evt_log *l = &e->log;

	for (size_t i = after(l, since); i < l->n; i++)
		if (evt_subs_want(s, at(l, i)->cls, &at(l, i)->ref))
			return true;
	return false;
}

bool
evt_log_copy(const struct api_evt *e, const struct evt_subs *s, uint64_t since,
    uint64_t upto, struct evt_entry **list_out, size_t *n_out)
{
	const struct evt_log *l = &e->log;
	struct evt_entry *list;
	size_t from = after(l, since), to = after(l, upto), n = 0;

	*list_out = NULL;
	*n_out = 0;
	for (size_t i = from; i < to; i++)
		if (evt_subs_want(s, at(l, i)->cls, &at(l, i)->ref))
			n++;
	if (n == 0)
		return true;
	list = malloc(n * sizeof(*list));
	if (list == NULL)
		return false;
	*list_out = list;
	*n_out = n;
	for (size_t i = from; i < to; i++)
		if (evt_subs_want(s, at(l, i)->cls, &at(l, i)->ref))
			*list++ = *at(l, i);
	return true;
}

/* ---- what a commit changed ---- */

/* happen - something happened to an object */
static void
happen(struct api_evt *e, int cls, const struct idl_ref *ref,
    uint64_t deleted_created)
{
	evt_log_add(e, cls, ref, deleted_created);
	evt_wait_wake(e, cls, ref);
}

/* ref_of - a REF field of a record; null when there is no record */
static struct idl_ref
ref_of(const void *rec, const struct idl_field *f)
{
	struct idl_ref ref = {0, 0};

	if (rec != NULL)
		memcpy(&ref, (const char *)rec + f->offset, sizeof(ref));
	return ref;
}

/* shown_in - an object that shows refs of those that point at it */
static void
shown_in(struct api_evt *e, int cls, const struct idl_ref *ref)
{
	if ((e->listed & (1u << cls)) && !idl_ref_is_null(ref))
		happen(e, cls, ref, 0);
}

/* pointed_at - who shows the changed record in an inverse field? */
static void
pointed_at(struct api_evt *e, const struct fld_change *c)
{
	for (int k = 0; k < idl_nclasses; k++) {
		const struct idl_class *to = idl_classes[k];

		for (int i = 0; i < to->nfields; i++) {
			const struct idl_field *f = &to->fields[i];
			struct idl_ref was, now;

			if (!(f->flags & IDL_F_INVERSE) ||
			    f->inverse_cls != c->cls)
				continue;
			was = ref_of(c->was,
			    &idl_classes[c->cls]->fields[f->inverse_field]);
			now = ref_of(c->now,
			    &idl_classes[c->cls]->fields[f->inverse_field]);
			if (idl_ref_equal(&was, &now))
				continue;
			shown_in(e, k, &was);
			shown_in(e, k, &now);
		}
	}
}

/* drop_reg - what a session has registered for goes with it */
static void
drop_reg(struct api_evt *e, const struct idl_ref *session)
{
	struct evt_reg *r, *next;

	for (r = LIST_FIRST(&e->regs); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		if (!idl_ref_equal(&r->session, session))
			continue;
		LIST_REMOVE(r, link);
		e->nregs--;
		free(r->subs.one);
		free(r);
	}
}

/* note - one changed record */
static void
note(struct api_evt *e, const struct fld_change *c)
{
	const struct idl_hdr *was = c->was;

	if (c->cls == IDL_CLASS_SESSION && c->now == NULL) {
		drop_reg(e, &c->ref);
		evt_wait_wake(e, c->cls, &c->ref);
	}
	if (e->listed & (1u << c->cls))
		happen(e, c->cls, &c->ref,
		    c->now == NULL && was != NULL ? was->created : 0);
	pointed_at(e, c);
}

void
api_evt_note(struct api_env *env, const struct fld_change *change, size_t n)
{
	struct api_evt *e = env->evt;

	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->log.newest = fld_newest(env->store);
	for (size_t i = 0; i < n; i++)
		note(e, &change[i]);
	pthread_mutex_unlock(&e->lock);
}

/* ---- the heartbeat ---- */

/* beat - the pool has changed, as far as those know who follow it */
static void
beat(struct api_env *env, struct fld_tx *tx)
{
	const struct idl_hdr *pool =
	    fld_next(fld_tx_view(tx), IDL_CLASS_POOL, NULL);

	(void)env;
	if (pool != NULL) /* without memory this beat is left out */
		(void)fld_tx_touch(tx, IDL_CLASS_POOL, &pool->ref);
}

void
api_evt_start(struct api_env *env)
{
	/* Without memory: clients know an answer without events as well. */
	(void)api_timer_start(env, EVT_BEAT_MS, beat);
}
