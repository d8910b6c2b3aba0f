/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_read - readers, pins and views
 */

/* System */
#include <assert.h>
#include <stdlib.h>

/* Model */
#include "model/fld_priv.h"

/* One image that a reader holds; the view comes first. */
struct pin {
	struct fld_view view;
	unsigned uses;
	struct pin *next; /* newer; or in the free list */
};

struct fld_reader {
	struct fld_store *store;
	struct fld_place *place;
	struct pin *oldest, *newest; /* in order of generation */
	struct pin *spare;
};

struct fld_reader *
fld_reader_new(struct fld_store *s)
{
	struct fld_reader *r = calloc(1, sizeof *r);
	struct fld_place *p;

	if (r == NULL)
		return NULL;
	r->store = s;
	for (p = s->place; p < s->place + FLD_READERS_MAX; p++) {
		if (!atomic_exchange(&p->taken, true)) {
			r->place = p;
			return r;
		}
	}
	free(r);
	return NULL;
}

void
fld_reader_free(struct fld_reader **r)
{
	struct pin *p, *next;

	if (*r == NULL)
		return;
	assert((*r)->oldest == NULL);
	for (p = (*r)->spare; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	atomic_store(&(*r)->place->taken, false);
	free(*r);
	*r = NULL;
}

/* announce - from now on nothing of this or a later generation is freed */
static void
announce(struct fld_reader *r)
{
	atomic_store(&r->place->lowest, atomic_load(&r->store->generation));
}

/* silence - nothing is held any more */
static void
silence(struct fld_reader *r)
{
	atomic_store_explicit(
	    &r->place->lowest, FLD_READER_IDLE, memory_order_release);
}

const struct fld_view *
fld_pin(struct fld_reader *r)
{
	const struct fld_image *image;
	struct pin *p;

	if (r->oldest == NULL)
		announce(r);
	image = atomic_load(&r->store->image);
	p = r->newest;
	if (p != NULL && p->view.image == image) {
		p->uses++;
		return &p->view;
	}
	p = r->spare;
	if (p != NULL)
		r->spare = p->next;
	else
		p = malloc(sizeof *p);
	if (p == NULL) {
		if (r->oldest == NULL)
			silence(r);
		return NULL;
	}
	*p = (struct pin){{r->store, image, NULL}, 1, NULL};
	if (r->newest != NULL)
		r->newest->next = p;
	else
		r->oldest = p;
	r->newest = p;
	return &p->view;
}

void
fld_unpin(struct fld_reader *r, const struct fld_view *v)
{
	struct pin *p, *before = NULL;

	for (p = r->oldest; &p->view != v; p = p->next) {
		assert(p->next != NULL);
		before = p;
	}
	if (--p->uses > 0)
		return;
	if (before != NULL)
		before->next = p->next;
	else
		r->oldest = p->next;
	if (r->newest == p)
		r->newest = before;
	p->next = r->spare;
	r->spare = p;
	if (before != NULL)
		return;
	if (r->oldest == NULL)
		silence(r);
	else
		atomic_store_explicit(&r->place->lowest,
		    r->oldest->view.image->generation, memory_order_release);
}

uint64_t
fld_generation(const struct fld_view *v)
{
	return v->image->generation;
}

uint64_t
fld_newest(const struct fld_store *s)
{
	return atomic_load(&s->generation);
}

/* seen - the version of a record that a view shows; NULL: deleted */
static const void *
seen(const struct fld_view *v, int cls, const void *rec)
{
	const struct idl_hdr *h = rec;
	const struct fld_edit *e;

	if (v->tx == NULL || v->tx->n == 0)
		return rec;
	e = fld_tx_find(v->tx, cls, &h->ref);
	return e == NULL ? rec : e->now;
}

const void *
fld_get(const struct fld_view *v, int cls, const struct idl_ref *ref)
{
	const struct fld_edit *e;

	if (v->tx != NULL && v->tx->n > 0) {
		e = fld_tx_find(v->tx, cls, ref);
		if (e != NULL)
			return e->now;
	}
	return fld_record(v->image, cls, ref);
}

uint64_t
fld_count(const struct fld_view *v, int cls)
{
	return v->image->root[cls].n;
}

const void *
fld_next(const struct fld_view *v, int cls, const struct idl_ref *after)
{
	struct trie_key key = {0, 0};
	const struct trie_leaf *l;
	const void *rec;

	if (after != NULL) {
		key = fld_key(after);
		if (!trie_key_next(&key))
			return NULL;
	}
	for (;;) {
		l = trie_seek(v->image->root[cls].node, key);
		if (l == NULL)
			return NULL;
		rec = seen(v, cls, l->v.ptr);
		if (rec != NULL)
			return rec;
		key = l->key;
		if (!trie_key_next(&key))
			return NULL;
	}
}

const void *
fld_find(const struct fld_view *v, int cls, int field, const void *value,
    const struct idl_ref *after)
{
	const struct fld_index *ix = fld_index_of(v->store, cls, field);
	const struct idl_field *f = ix->field;
	const struct trie_leaf *l;
	uint64_t from_hi = 0;
	struct idl_ref ref;
	const void *rec;

	if (after != NULL) {
		if (after->hi == UINT64_MAX)
			return NULL;
		from_hi = after->hi + 1;
	}
	for (;;) {
		l = fld_index_seek(v->store, v->image, ix, value, from_hi);
		if (l == NULL)
			return NULL;
		ref = (struct idl_ref){l->key.lo, l->v.word};
		rec = fld_get(v, cls, &ref);
		if (rec != NULL &&
		    idl_equal(f->type, (const char *)rec + f->offset, value))
			return rec;
		if (l->key.lo == UINT64_MAX)
			return NULL;
		from_hi = l->key.lo + 1;
	}
}
