/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_FLD_PRIV_H
#define MODEL_FLD_PRIV_H

/*
 * fld_priv - how the field store is made inside
 *
 * An image is a row of tries: first one for each class (ref -> packed record),
 * then one for each indexed field.  An index leaf has the key {hash of the
 * value, ref.hi} and the value ref.lo, so it need not change when a record
 * does; whoever reads it looks at the record, so two values with one hash do
 * no harm.  The hash is keyed, because names are chosen by strangers.
 *
 * There are three images: the published one, which readers share and nobody
 * changes; the working one, to which each closed transaction adds; and the
 * trial one, which exists while a transaction closes.  A step that fails is
 * undone by forgetting the newer image: trie_diff finds its own nodes.
 *
 * Garbage is what the published image g held and g+1 does not: trie nodes,
 * record versions and the image struct itself.  It waits in a queue until no
 * reader announces a generation <= g.  A reader announces, in a place of its
 * own, a generation not above that of any image it holds, and does so before
 * it loads the image pointer; the writer stores the pointer before it looks at
 * the places.  Both in sequentially consistent order, so one of the two sees
 * the other.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/arena.h"
#include "model/fld.h"
#include "model/trie.h"

#define FLD_READERS_MAX 128 /* net threads, workers, the loop */
#define FLD_READER_IDLE UINT64_MAX
#define FLD_LINE_BYTES 64 /* of a cache */

/* One trie of an image. */
struct fld_root {
	struct trie_node *node;
	uint64_t n; /* leaves */
};

struct fld_image {
	uint64_t generation;
	struct fld_root root[]; /* classes, then indexes */
};

struct fld_view {
	struct fld_store *store;
	const struct fld_image *image;
	struct fld_tx *tx; /* NULL: an image and nothing else */
};

/* A field with an index. */
struct fld_index {
	const struct idl_field *field;
	int root; /* its place in an image */
};

/* What the store knows of a class. */
struct fld_class {
	const struct idl_class *c;
	struct fld_index *index; /* into fld_store.index */
	int nindexes;
};

/* Where one reader announces what it holds. */
struct fld_place {
	_Alignas(FLD_LINE_BYTES) _Atomic uint64_t lowest; /* or IDLE */
	atomic_bool taken;
};

/* A record that one transaction touches; in its arena. */
struct fld_edit {
	struct fld_edit *next;	/* in the order of first touch */
	struct fld_edit *chain; /* same bucket */
	struct idl_ref ref;
	int cls;
	bool is_derived; /* touched first by rules->derive */
	bool is_touched; /* a new version even if nothing differs */
	const void *was; /* in the working image; NULL: none */
	void *now;	 /* the private copy; NULL: deleted */
	void *packed;	 /* at close: the new version; NULL: no change */
};

struct fld_tx {
	struct fld_view view;
	struct arena *arena;
	struct fld_edit *first, **last; /* in the order of first touch */
	struct fld_edit **bucket;
	size_t nbuckets; /* power of two */
	size_t n;
	bool is_deriving;
	bool is_starved; /* memory ran out: it cannot close */
	bool is_twice;	 /* a record made that exists: likewise */
	int twice_cls;	 /* which */
	struct idl_ref twice;
};

/*
 * What a batch changed so far, each record once.  `was` is the published
 * version, `now` one that nobody has seen yet; slot[] finds an entry.
 */
struct fld_batch {
	struct fld_change *change;
	size_t n, room;
	uint32_t *slot; /* open addressing; index + 1 */
	size_t nslots;	/* power of two, at least 2 * room; or 0 */
	uint64_t edit;	/* first edit number of the batch */
};

/* What one published image held and the next does not. */
struct fld_garbage {
	struct fld_garbage *next;
	uint64_t generation; /* the last that shows it */
	struct fld_image *image;
	struct trie_waste waste;
	struct fld_change *change; /* the `was` records are garbage */
	size_t n;
	size_t bytes;
};

struct fld_store {
	/* What readers load. */
	_Alignas(FLD_LINE_BYTES) _Atomic(struct fld_image *) image;
	_Atomic uint64_t generation; /* of image; stored after it */

	/* Fixed after open. */
	_Alignas(FLD_LINE_BYTES) struct jrn *journal;
	const struct fld_rules *rules;
	struct fld_class *cls; /* by class id */
	struct fld_index *index;
	int nroots;
	size_t image_bytes;
	uint64_t hash_key[2];

	/* The writer's. */
	struct fld_image *work;
	struct fld_image *trial;
	uint64_t edit; /* newest edit number */
	struct fld_batch batch;
	struct fld_garbage *oldest, **newest;
	size_t garbage_bytes;
	/* What fld_batch_changes shows: part of the newest garbage. */
	const struct fld_change *shown;
	size_t nshown;

	struct fld_place place[FLD_READERS_MAX];
};

/* ---- fld_index.c ---- */

/*
 * fld_key - the key of a record in the trie of its class
 */
struct trie_key fld_key(const struct idl_ref *ref);

/*
 * fld_record - the version of a record that an image holds; NULL: none
 */
const void *fld_record(
    const struct fld_image *image, int cls, const struct idl_ref *ref);

/*
 * fld_index_of - the index of a field of a class; it must have one
 */
const struct fld_index *fld_index_of(
    const struct fld_store *s, int cls, int field);

/*
 * fld_index_seek - the first leaf of a value whose ref.hi is not below from_hi
 *
 * returns NULL: none; else the leaf of the record with ref {key.lo, v.word},
 *         which may have another value with the same hash
 */
const struct trie_leaf *fld_index_seek(const struct fld_store *s,
    const struct fld_image *image, const struct fld_index *ix,
    const void *value, uint64_t from_hi);

/*
 * fld_index_key - the key of a record in an index
 *
 * returns false when the record has no value there: it is not entered
 */
bool fld_index_key(const struct fld_store *s, const struct fld_index *ix,
    const void *rec, struct trie_key *key_out);

/*
 * fld_index_clash - the failure of a record whose value another one has
 */
enum err fld_index_clash(const struct idl_class *c, const struct idl_field *f,
    const void *rec, const struct idl_ref *other, struct failure *why);

/*
 * fld_index_drop - forget the indexed values of a version that is replaced
 * fld_index_add - enter those of its successor
 *
 * in      was, now  NULL: there is none; equal values are left alone
 *         image  changed under s->edit
 * note    drop all of a transaction, put the records, then add all
 * errors  INTERNAL_ERROR [out of memory, or the record and what it clashes
 *         with]; the image is then only good for forgetting
 */
enum err fld_index_drop(struct fld_store *s, struct fld_image *image, int cls,
    const void *was, const void *now, struct failure *why);
enum err fld_index_add(struct fld_store *s, struct fld_image *image, int cls,
    const void *was, const void *now, struct failure *why);

/* ---- fld_batch.c ---- */

/*
 * fld_batch_reserve - make sure that n more changes can be noted
 *
 * errors  false: out of memory
 */
bool fld_batch_reserve(struct fld_store *s, size_t n);

/*
 * fld_batch_note - a record has a new version in the working image
 *
 * in      was  version before, in the working image; freed if never published
 *         now  NULL: deleted
 */
void fld_batch_note(struct fld_store *s, int cls, const struct idl_ref *ref,
    const void *was, const void *now);

/*
 * fld_batch_drop - forget every closed transaction since the last publication
 */
void fld_batch_drop(struct fld_store *s);

/*
 * fld_batch_fini - free what the batch keeps for itself
 */
void fld_batch_fini(struct fld_store *s);

/*
 * fld_image_of - the published image, for the writer
 */
struct fld_image *fld_image_of(struct fld_store *s);

/*
 * fld_free_all - free an image with every node and record of it
 */
void fld_free_all(struct fld_store *s, struct fld_image *image);

/*
 * fld_collect_all - free all garbage; no reader is left
 */
void fld_collect_all(struct fld_store *s);

/* ---- fld_load.c ---- */

/*
 * fld_load - every record of the journal into an image
 *
 * in      image  empty; changed under s->edit
 * errors  INTERNAL_ERROR [what is wrong with which record]
 */
enum err fld_load(
    struct fld_store *s, struct fld_image *image, struct failure *why);

/*
 * fld_load_check - is every record of an image sound, and do they add up?
 *
 * errors  INTERNAL_ERROR [what is wrong with which record]
 */
enum err fld_load_check(
    struct fld_store *s, const struct fld_image *image, struct failure *why);

/* ---- fld_tx.c ---- */

/*
 * fld_tx_find - the transaction's own edit of a record; NULL: none
 */
struct fld_edit *fld_tx_find(
    const struct fld_tx *tx, int cls, const struct idl_ref *ref);

/*
 * fld_free_record - free a packed record of the store's own; NULL is fine
 */
void fld_free_record(const void *rec);

#endif
