/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_batch - what has gathered goes to the journal, then to the readers
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

#define ROOM_FIRST 64
#define ROOM_KEPT 4096 /* a bigger table is not kept for the next batch */
#define REASON_BYTES 400

void
fld_free_record(const void *rec)
{
	free((void *)(uintptr_t)rec); /* const for all but its owner */
}

struct fld_image *
fld_image_of(struct fld_store *s)
{
	return atomic_load_explicit(&s->image, memory_order_relaxed);
}

/* ---- noting changes ---- */

/* slot_of - where the entry of a record is, or would go */
static uint32_t *
slot_of(const struct fld_batch *b, int cls, const struct idl_ref *ref)
{
	size_t i = (size_t)((ref->hi ^ ref->lo) + (uint64_t)cls);
	const struct fld_change *c;

	for (;; i++) {
		i &= b->nslots - 1;
		if (b->slot[i] == 0)
			return &b->slot[i];
		c = &b->change[b->slot[i] - 1];
		if (c->cls == cls && idl_ref_equal(&c->ref, ref))
			return &b->slot[i];
	}
}

/* rehash - a slot table that fits the room; false: out of memory */
static bool
rehash(struct fld_batch *b)
{
	uint32_t *slot, *old = b->slot;
	size_t i, n = ROOM_FIRST * 2;

	while (n < b->room * 2)
		n *= 2;
	if (n <= b->nslots)
		return true;
	slot = calloc(n, sizeof *slot);
	if (slot == NULL)
		return false;
	b->slot = slot;
	b->nslots = n;
	for (i = 0; i < b->n; i++)
		*slot_of(b, b->change[i].cls, &b->change[i].ref) =
		    (uint32_t)(i + 1);
	free(old);
	return true;
}

bool
fld_batch_reserve(struct fld_store *s, size_t n)
{
	struct fld_batch *b = &s->batch;
	struct fld_change *change;
	size_t room = b->room > 0 ? b->room : ROOM_FIRST;

	if (n > UINT32_MAX / 4 - b->n)
		return false;
	while (room < b->n + n)
		room *= 2;
	if (room > b->room) {
		change = realloc(b->change, room * sizeof *change);
		if (change == NULL)
			return false;
		b->change = change;
		b->room = room;
	}
	return rehash(b);
}

void
fld_batch_note(struct fld_store *s, int cls, const struct idl_ref *ref,
    const void *was, const void *now)
{
	struct fld_batch *b = &s->batch;
	uint32_t *slot = slot_of(b, cls, ref);
	struct fld_change *c;

	if (*slot == 0) {
		assert(b->n < b->room);
		b->change[b->n++] = (struct fld_change){cls, *ref, was, now};
		*slot = (uint32_t)b->n;
		return;
	}
	c = &b->change[*slot - 1];
	assert(c->now == was);
	fld_free_record(was); /* never published */
	c->now = now;
}

/* ---- the end of a batch ---- */

/* batch_reset - an empty batch; the changes are somebody else's now */
static void
batch_reset(struct fld_store *s)
{
	struct fld_batch *b = &s->batch;

	b->n = 0;
	b->edit = s->edit + 1;
	if (b->nslots > ROOM_KEPT * 2) {
		free(b->slot);
		b->slot = NULL;
		b->nslots = 0;
	} else if (b->nslots > 0) {
		memset(b->slot, 0, b->nslots * sizeof *b->slot);
	}
}

void
fld_batch_fini(struct fld_store *s)
{
	free(s->batch.change);
	free(s->batch.slot);
	s->batch = (struct fld_batch){0};
}

void
fld_batch_drop(struct fld_store *s)
{
	const struct fld_image *kept = fld_image_of(s);
	struct trie_waste waste = {NULL, 0};
	struct fld_batch *b = &s->batch;
	size_t k;
	int i;

	for (i = 0; i < s->nroots; i++)
		trie_diff(
		    s->work->root[i].node, kept->root[i].node, b->edit, &waste);
	trie_free(&waste);
	for (k = 0; k < b->n; k++)
		fld_free_record(b->change[k].now);
	memcpy(s->work, kept, s->image_bytes);
	s->work->generation = kept->generation + 1;
	batch_reset(s);
}

/* drop_void - forget entries of records that came and went in the batch */
static void
drop_void(struct fld_batch *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++)
		if (b->change[i].was != NULL || b->change[i].now != NULL)
			b->change[n++] = b->change[i];
	b->n = n; /* the slots are stale from here to batch_reset */
}

/* is_durable - does the journal have to know of a change? */
static bool
is_durable(const struct fld_store *s, const struct fld_change *change)
{
	const struct idl_class *c = s->cls[change->cls].c;
	const char *was = change->was, *now = change->now;
	const struct idl_field *f;

	if ((c->flags & IDL_C_LIVE) != 0)
		return false;
	if (was == NULL || now == NULL)
		return true;
	for (f = c->fields; f < c->fields + c->nfields; f++)
		if ((f->flags & (IDL_F_LIVE | IDL_F_INVERSE)) == 0 &&
		    !idl_equal(f->type, was + f->offset, now + f->offset))
			return true;
	return false;
}

/* journal_commit - make the durable part durable */
static enum jrn_result
journal_commit(struct fld_store *s, char *reason)
{
	const struct jrn_ops *ops = s->journal->ops;
	uint64_t generation = s->work->generation;
	const struct fld_batch *b = &s->batch;
	const struct fld_change *c;
	struct jrn_change *list;
	enum jrn_result r;
	size_t n = 0;

	list = malloc(b->n * sizeof *list);
	if (list == NULL) {
		memcpy(reason, "out of memory", sizeof "out of memory");
		return JRN_REFUSED;
	}
	for (c = b->change; c < b->change + b->n; c++)
		if (is_durable(s, c))
			list[n++] =
			    (struct jrn_change){c->cls, c->ref, c->was, c->now};
	r = JRN_COMMITTED;
	if (n > 0)
		r = ops->commit(
		    s->journal, generation, list, n, reason, REASON_BYTES);
	free(list);
	if (r == JRN_UNKNOWN)
		r = ops->resolve(s->journal, generation, reason, REASON_BYTES);
	return r;
}

/* garbage_fill - what the published image has and the working one has not */
static void
garbage_fill(struct fld_store *s, struct fld_garbage *g)
{
	struct fld_image *old = fld_image_of(s);
	struct fld_batch *b = &s->batch;
	const struct idl_hdr *h;
	size_t k;
	int i;

	g->next = NULL;
	g->image = old;
	g->generation = old->generation;
	g->waste = (struct trie_waste){NULL, 0};
	for (i = 0; i < s->nroots; i++)
		trie_diff(
		    old->root[i].node, s->work->root[i].node, 0, &g->waste);
	g->change = b->change;
	g->n = b->n;
	b->change = NULL;
	b->room = 0;
	g->bytes =
	    g->waste.bytes + s->image_bytes + g->n * sizeof(struct fld_change);
	for (k = 0; k < g->n; k++) {
		h = g->change[k].was;
		g->bytes += h != NULL ? h->bytes : 0;
	}
}

/* publish - readers see the working image from here on; cannot fail */
static void
publish(struct fld_store *s, struct fld_image *fresh, struct fld_garbage *g)
{
	garbage_fill(s, g);
	memcpy(fresh, s->work, s->image_bytes);
	atomic_store(&s->image, fresh);
	atomic_store(&s->generation, fresh->generation);
	*s->newest = g;
	s->newest = &g->next;
	s->garbage_bytes += g->bytes;
	s->shown = g->change;
	s->nshown = g->n;
	s->work->generation++;
	batch_reset(s);
}

enum fld_outcome
fld_batch_commit(struct fld_store *s, struct failure *why)
{
	char reason[REASON_BYTES] = "no reason given";
	enum jrn_result r = JRN_REFUSED;
	struct fld_image *fresh;
	struct fld_garbage *g;

	s->shown = NULL;
	s->nshown = 0;
	drop_void(&s->batch);
	if (s->batch.n == 0) {
		fld_batch_drop(s);
		return FLD_COMMITTED;
	}
	fresh = malloc(s->image_bytes);
	g = malloc(sizeof *g);
	if (fresh == NULL || g == NULL)
		memcpy(reason, "out of memory", sizeof "out of memory");
	else
		r = journal_commit(s, reason);
	if (r == JRN_COMMITTED) {
		publish(s, fresh, g);
		return FLD_COMMITTED;
	}
	free(fresh);
	free(g);
	fld_batch_drop(s);
	(void)err_internal(why, "not stored: %s", reason); /* outcome says so */
	return r == JRN_REFUSED ? FLD_REFUSED : FLD_FATAL;
}

const struct fld_change *
fld_batch_changes(struct fld_store *s, size_t *n_out)
{
	*n_out = s->nshown;
	return s->shown;
}

/* ---- garbage ---- */

/* lowest_pinned - no reader holds anything older */
static uint64_t
lowest_pinned(struct fld_store *s)
{
	uint64_t lowest = FLD_READER_IDLE, at;
	int i;

	for (i = 0; i < FLD_READERS_MAX; i++) {
		at = atomic_load(&s->place[i].lowest);
		if (at < lowest)
			lowest = at;
	}
	return lowest;
}

/* sweep - free the oldest garbage */
static void
sweep(struct fld_store *s)
{
	struct fld_garbage *g = s->oldest;
	size_t i;

	s->oldest = g->next;
	if (s->oldest == NULL)
		s->newest = &s->oldest;
	s->garbage_bytes -= g->bytes;
	for (i = 0; i < g->n; i++)
		fld_free_record(g->change[i].was);
	free(g->change);
	trie_free(&g->waste);
	free(g->image);
	free(g);
}

size_t
fld_collect(struct fld_store *s)
{
	uint64_t lowest = lowest_pinned(s);

	s->shown = NULL; /* it may go now */
	s->nshown = 0;
	while (s->oldest != NULL && s->oldest->generation < lowest)
		sweep(s);
	return s->garbage_bytes;
}

void
fld_collect_all(struct fld_store *s)
{
	while (s->oldest != NULL)
		sweep(s);
}

void
fld_free_all(struct fld_store *s, struct fld_image *image)
{
	struct trie_waste waste = {NULL, 0};
	const struct trie_leaf *l;
	struct trie_key key;
	int i;

	for (i = 0; i < idl_nclasses; i++) {
		key = (struct trie_key){0, 0};
		while ((l = trie_seek(image->root[i].node, key)) != NULL) {
			fld_free_record(l->v.ptr);
			key = l->key;
			if (!trie_key_next(&key))
				break;
		}
	}
	for (i = 0; i < s->nroots; i++)
		trie_diff(image->root[i].node, NULL, 0, &waste);
	trie_free(&waste);
	free(image);
}
