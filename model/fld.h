/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_FLD_H
#define MODEL_FLD_H

/*
 * fld - the field store: typed records, transactions, one shared image
 *
 * An image is an immutable state of every record: persistent tries from ref,
 * uuid and indexed fields to packed records.  Any number of threads read the
 * committed image without a lock; one thread, the writer, makes the next.
 *
 * The writer opens transactions one after the other against the working image
 * (committed image + the transactions closed since), and commits what has
 * gathered as one batch: journal first, then publication.  A reader therefore
 * never sees what a power cut could still take away.
 *
 * Threads: everything with a struct fld_tx or named fld_batch_* belongs to the
 * writer thread alone.  A struct fld_reader belongs to one thread.  Memory of
 * replaced versions is freed by the writer once no reader pins an image that
 * holds them.  (C11 atomics; no threads are made here.)
 *
 * DIAGNOSTICS none; failures are returned with their reason.
 * BUGS a reader that keeps an image pinned keeps its garbage alive: callers
 * bound the time they pin.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/idl.h"
#include "model/jrn.h"

struct fld_store;
struct fld_reader;
struct fld_tx;
struct fld_view; /* what can be read: a pinned image, or a transaction */

/*
 * What the memory model adds to every transaction; called by the store.  Each
 * may be NULL.
 */
struct fld_rules {
	/*
	 * A record changes: was (NULL: new) becomes now (NULL: deleted; else
	 * mutable, derived fields may be set).  May edit other records: those
	 * are passed as well, once, except records of internal classes that
	 * no one but derive touched.
	 */
	enum err (*derive)(struct fld_tx *tx, int cls, const void *was,
	    void *now, struct failure *why);
	/* Is a loaded or about-to-be-stored record sound? */
	enum err (*check)(const struct fld_view *v, int cls, const void *rec,
	    struct failure *why);
	/* After load: does everything add up (sums against a recount)? */
	enum err (*verify)(const struct fld_view *v, struct failure *why);
};

/*
 * fld_open - a store with all records that the journal holds
 *
 * in      journal  owned by the store from success on
 *         rules    borrowed for the store's life
 * out     store_out
 *         why      INTERNAL_ERROR [what is wrong with which record]
 * note    checks every record, every reference index and rules->verify
 */
enum err fld_open(struct fld_store **store_out, struct jrn *journal,
    const struct fld_rules *rules, struct failure *why);

/*
 * fld_close - free everything, close the journal; no reader may be left
 */
void fld_close(struct fld_store **store);

/*
 * fld_reader_new - a reading thread's membership; NULL: out of memory/places
 * fld_reader_free - leave; nothing may be pinned
 */
struct fld_reader *fld_reader_new(struct fld_store *s);
void fld_reader_free(struct fld_reader **r);

/*
 * fld_pin - the committed image as of now, kept until fld_unpin
 *
 * note    several pins of one reader may be held at a time (a long reply keeps
 *         its own); pinning costs no lock and no shared write.  NULL when out
 *         of memory.
 */
const struct fld_view *fld_pin(struct fld_reader *r);
void fld_unpin(struct fld_reader *r, const struct fld_view *v);

/*
 * fld_generation - the generation that a view shows; in a transaction, the one
 * that will show its changes
 */
uint64_t fld_generation(const struct fld_view *v);

/*
 * fld_newest - the generation that fld_pin would show now; any thread
 */
uint64_t fld_newest(const struct fld_store *s);

/*
 * fld_get - the record of a class that a ref names; NULL when there is none
 *
 * note    the pointer lives as long as the view (in a transaction: until the
 *         record is edited or the transaction ends)
 */
const void *fld_get(
    const struct fld_view *v, int cls, const struct idl_ref *ref);

/*
 * fld_count - records of a class
 * fld_next - the record with the next greater ref; after NULL: the first
 *
 * note    in a transaction: of the records that were there when it began, and
 *         not deleted since (fld_count: when it began), as now edited
 */
uint64_t fld_count(const struct fld_view *v, int cls);
const void *fld_next(
    const struct fld_view *v, int cls, const struct idl_ref *after);

/*
 * fld_find - the next record whose indexed field equals a value
 *
 * in      field  index of an UNIQUE, LOOKUP or INDEXED field of the class
 *         value  native value of the field's type
 *         after  NULL: the first; else the ref of the one before
 * returns NULL when there is no further one
 * note    a null ref, and "" in an UNIQUE field, are no values: nothing has
 *         them.  In a transaction: of the records that had the value when it
 *         began, those that still have it.
 */
const void *fld_find(const struct fld_view *v, int cls, int field,
    const void *value, const struct idl_ref *after);

/* ---- the writer thread ---- */

/*
 * fld_tx_begin - a transaction against the working image
 *
 * in      a  arena for its scratch copies, alive until close or abort
 * errors  NULL: out of memory
 */
struct fld_tx *fld_tx_begin(struct fld_store *s, struct arena *a);

/*
 * fld_tx_view - what the transaction reads: working image plus own edits
 */
const struct fld_view *fld_tx_view(struct fld_tx *tx);

/*
 * fld_tx_arena - the arena given at begin, for what edited records point to
 */
struct arena *fld_tx_arena(struct fld_tx *tx);

/*
 * fld_tx_edit - a record to change: a private copy, the same at each call
 *
 * note    members may point into the arena or to literals; packed at close.
 * errors  NULL when there is no such record, or out of memory (fld_tx_close
 *         then fails)
 */
void *fld_tx_edit(struct fld_tx *tx, int cls, const struct idl_ref *ref);

/*
 * fld_tx_touch - as fld_tx_edit, but a new version even if nothing differs
 */
void *fld_tx_touch(struct fld_tx *tx, int cls, const struct idl_ref *ref);

/*
 * fld_tx_create - a new record with IDL defaults and the given ref
 */
void *fld_tx_create(struct fld_tx *tx, int cls, const struct idl_ref *ref);

/*
 * fld_tx_delete - the record goes; no error when it is not there
 */
void fld_tx_delete(struct fld_tx *tx, int cls, const struct idl_ref *ref);

/*
 * fld_tx_close - derive, check, and make it part of the working image
 *
 * note    frees the transaction either way
 * errors  what rules->derive or ->check said, or INTERNAL_ERROR [out of
 *         memory; two records with one unique value; a record created that
 *         exists]; then the working image is as it was before begin
 */
enum err fld_tx_close(struct fld_tx **tx, struct failure *why);

/*
 * fld_tx_abort - drop it
 */
void fld_tx_abort(struct fld_tx **tx);

enum fld_outcome {
	FLD_COMMITTED, /* durable and published */
	FLD_REFUSED, /* nothing happened; the working image is the committed */
	FLD_FATAL,   /* nobody knows what is on disk: exit */
};

/* One record that a batch changed. */
struct fld_change {
	int cls;
	struct idl_ref ref;
	const void *was; /* NULL: created */
	const void *now; /* NULL: deleted */
};

/*
 * fld_batch_commit - make all closed transactions durable, then publish them
 *
 * note    an unknown outcome of the journal is resolved here by reading back.
 *         A batch of live changes alone does not touch the journal.
 * out     why  INTERNAL_ERROR ["not stored: <reason>"] unless committed
 */
enum fld_outcome fld_batch_commit(struct fld_store *s, struct failure *why);

/*
 * fld_batch_changes - what the last committed batch changed, each record once
 *
 * note    valid until the next fld_tx_begin or fld_collect
 */
const struct fld_change *fld_batch_changes(struct fld_store *s, size_t *n_out);

/*
 * fld_collect - free what no reader can hold any more; called now and then
 *
 * returns bytes still waiting for a reader
 */
size_t fld_collect(struct fld_store *s);

#endif
