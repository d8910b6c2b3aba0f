/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_MODEL_HELP_FLD_H
#define TESTS_MODEL_HELP_FLD_H

/*
 * help_fld - a field store on a journal in memory, and an audit of its images
 */

#include "idl_types.h"
#include "model/arena.h"
#include "model/fld.h"
#include "model/journal/jrn_memory.h"

struct help_fld {
	struct fld_store *s;
	struct jrn *j; /* the store's; to look at and to let fail */
	struct fld_reader *r;
	struct arena a;
	struct fld_tx *tx; /* open since help_fld_begin */
};

/* Rules that say nothing. */
extern const struct fld_rules help_fld_lax;

/*
 * help_fld_open - a store on a journal (taken over); NULL: a new, empty one
 *
 * errors  what fld_open says; the journal is closed then
 */
enum err help_fld_open(struct help_fld *h, struct jrn *j,
    const struct fld_rules *rules, struct failure *why);
void help_fld_close(struct help_fld *h);

/*
 * help_fld_begin - a transaction; its view
 * help_fld_end - close it
 * help_fld_commit - close it, and commit the batch; both must succeed
 */
const struct fld_view *help_fld_begin(struct help_fld *h);
enum err help_fld_end(struct help_fld *h, struct failure *why);
void help_fld_commit(struct help_fld *h);

/*
 * help_fld_ref - ref number n, far from that of n + 1
 */
struct idl_ref help_fld_ref(uint64_t n);

/*
 * help_fld_vm - in the transaction: a new VM number n with a uuid of its own
 *
 * returns NULL: out of memory
 */
struct idl_vm *help_fld_vm(struct help_fld *h, uint64_t n, const char *name);

/*
 * help_fld_edit - in the transaction: VM number n; NULL: there is none
 */
struct idl_vm *help_fld_edit(struct help_fld *h, uint64_t n);

/*
 * help_fld_get - VM number n of a view; NULL: there is none
 */
const struct idl_vm *help_fld_get(const struct fld_view *v, uint64_t n);

/*
 * help_fld_audit - counts, order, every index entry of an image
 *
 * returns NULL when all is well, else what is not
 */
const char *help_fld_audit(const struct fld_view *v);

#endif
