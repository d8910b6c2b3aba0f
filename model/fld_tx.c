/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_tx - transactions: what a handler edits, until it closes or aborts
 *
 * Everything here lives in the transaction's arena; fld_close.c turns it into
 * new record versions.
 */

/* System */
#include <assert.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

#define BUCKETS_FIRST 16

/* bucket_of - where the edit of a record is chained */
static struct fld_edit **
bucket_of(const struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	uint64_t hash = ref->hi ^ ref->lo ^ (uint64_t)cls;

	return &tx->bucket[(size_t)hash & (tx->nbuckets - 1)];
}

struct fld_edit *
fld_tx_find(const struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	struct fld_edit *e = *bucket_of(tx, cls, ref);

	while (e != NULL && (e->cls != cls || !idl_ref_equal(&e->ref, ref)))
		e = e->chain;
	return e;
}

/* spread - twice the buckets; false: out of memory */
static bool
spread(struct fld_tx *tx)
{
	struct fld_edit **bucket, **at, *e;
	size_t n = tx->nbuckets * 2;

	bucket = arena_alloc(tx->arena, n * sizeof(struct fld_edit *));
	if (bucket == NULL)
		return false;
	tx->bucket = bucket;
	tx->nbuckets = n;
	for (e = tx->first; e != NULL; e = e->next) {
		at = bucket_of(tx, e->cls, &e->ref);
		e->chain = *at;
		*at = e;
	}
	return true;
}

/* edit_new - note a record that was not touched before; NULL: no memory */
static struct fld_edit *
edit_new(struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	struct fld_edit *e, **at;

	if (tx->n >= tx->nbuckets * 2 && !spread(tx))
		return NULL;
	e = arena_alloc(tx->arena, sizeof *e);
	if (e == NULL)
		return NULL;
	e->ref = *ref;
	e->cls = cls;
	e->is_derived = tx->is_deriving;
	e->was = fld_record(tx->view.image, cls, ref);
	at = bucket_of(tx, cls, ref);
	e->chain = *at;
	*at = e;
	*tx->last = e;
	tx->last = &e->next;
	tx->n++;
	return e;
}

struct fld_tx *
fld_tx_begin(struct fld_store *s, struct arena *a)
{
	struct fld_tx *tx = arena_alloc(a, sizeof *tx);

	if (tx == NULL)
		return NULL;
	tx->bucket = arena_alloc(a, BUCKETS_FIRST * sizeof(struct fld_edit *));
	if (tx->bucket == NULL)
		return NULL;
	if (s->shown != NULL)
		(void)fld_collect(s); /* what still waits is no concern */
	tx->nbuckets = BUCKETS_FIRST;
	tx->arena = a;
	tx->last = &tx->first;
	tx->view = (struct fld_view){s, s->work, tx};
	return tx;
}

const struct fld_view *
fld_tx_view(struct fld_tx *tx)
{
	return &tx->view;
}

struct arena *
fld_tx_arena(struct fld_tx *tx)
{
	return tx->arena;
}

/* record_room - a record struct of a class in the arena; NULL: no memory */
static void *
record_room(struct fld_tx *tx, int cls)
{
	void *rec =
	    arena_alloc(tx->arena, tx->view.store->cls[cls].c->struct_bytes);

	if (rec == NULL)
		tx->is_starved = true;
	return rec;
}

void *
fld_tx_edit(struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	struct fld_edit *e = fld_tx_find(tx, cls, ref);
	const void *was;
	void *now;

	if (e != NULL)
		return e->now;
	was = fld_record(tx->view.image, cls, ref);
	if (was == NULL)
		return NULL;
	now = record_room(tx, cls);
	if (now == NULL)
		return NULL;
	memcpy(now, was, tx->view.store->cls[cls].c->struct_bytes);
	e = edit_new(tx, cls, ref);
	if (e == NULL) {
		tx->is_starved = true;
		return NULL;
	}
	e->now = now;
	return now;
}

void *
fld_tx_touch(struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	void *now = fld_tx_edit(tx, cls, ref);

	if (now != NULL)
		fld_tx_find(tx, cls, ref)->is_touched = true;
	return now;
}

void *
fld_tx_create(struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	struct idl_hdr *now;
	struct fld_edit *e;

	assert(!idl_ref_is_null(ref));
	if (fld_get(&tx->view, cls, ref) != NULL) {
		tx->is_twice = true;
		tx->twice_cls = cls;
		tx->twice = *ref;
		return NULL;
	}
	now = record_room(tx, cls);
	if (now == NULL)
		return NULL;
	idl_record_init(tx->view.store->cls[cls].c, now);
	now->ref = *ref;
	e = fld_tx_find(tx, cls, ref); /* deleted before in here */
	if (e == NULL)
		e = edit_new(tx, cls, ref);
	if (e == NULL) {
		tx->is_starved = true;
		return NULL;
	}
	e->now = now;
	return now;
}

void
fld_tx_delete(struct fld_tx *tx, int cls, const struct idl_ref *ref)
{
	struct fld_edit *e = fld_tx_find(tx, cls, ref);

	if (e == NULL) {
		if (fld_record(tx->view.image, cls, ref) == NULL)
			return;
		e = edit_new(tx, cls, ref);
	}
	if (e == NULL) {
		tx->is_starved = true;
		return;
	}
	e->now = NULL;
}

void
fld_tx_abort(struct fld_tx **tx)
{
	*tx = NULL; /* all of it is in the arena */
}
