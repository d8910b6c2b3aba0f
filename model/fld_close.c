/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_close - a transaction becomes part of the working image, or does not
 *
 * Steps in order: derive, check, pack, stage on the trial image, adopt.  The
 * last cannot fail; what fails before is undone by forgetting the trial image
 * and the packed versions.
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

/* is_void - made and deleted again within the transaction? */
static bool
is_void(const struct fld_edit *e)
{
	return e->was == NULL && e->now == NULL;
}

/* derive_all - the rules' say on each record; those it adds come after */
static enum err
derive_all(struct fld_tx *tx, struct failure *why)
{
	const struct fld_rules *rules = tx->view.store->rules;
	const struct fld_class *cls = tx->view.store->cls;
	struct fld_edit *e;
	enum err rc;

	if (rules->derive == NULL)
		return ERR_NONE;
	tx->is_deriving = true;
	for (e = tx->first; e != NULL; e = e->next) {
		if (is_void(e) || (e->is_derived && (cls[e->cls].c->flags &
							IDL_C_INTERNAL) != 0))
			continue;
		rc = rules->derive(tx, e->cls, e->was, e->now, why);
		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

/* check_all - is every record sound that stays? */
static enum err
check_all(struct fld_tx *tx, struct failure *why)
{
	const struct fld_rules *rules = tx->view.store->rules;
	struct fld_edit *e;
	enum err rc;

	if (rules->check == NULL)
		return ERR_NONE;
	for (e = tx->first; e != NULL; e = e->next) {
		if (e->now == NULL)
			continue;
		rc = rules->check(&tx->view, e->cls, e->now, why);
		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

/* check_whole - did the handler get everything it asked for? */
static enum err
check_whole(const struct fld_tx *tx, struct failure *why)
{
	char ref[IDL_REF_TEXT];

	if (tx->is_starved)
		return err_internal(why, "out of memory");
	if (!tx->is_twice)
		return ERR_NONE;
	idl_ref_write(&tx->twice, ref);
	return err_internal(why, "%s %s exists already",
	    tx->view.store->cls[tx->twice_cls].c->name, ref);
}

/* is_same - are two versions equal in every field? */
static bool
is_same(const struct idl_class *c, const char *was, const char *now)
{
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (!idl_equal(f->type, was + f->offset, now + f->offset))
			return false;
	return true;
}

/* pack - one record's new version, if it has one; false: out of memory */
static bool
pack(const struct fld_store *s, struct fld_edit *e)
{
	const struct idl_class *c = s->cls[e->cls].c;
	const struct idl_hdr *was = e->was;
	struct idl_hdr *now = e->now;

	if (now == NULL ||
	    (was != NULL && !e->is_touched && is_same(c, e->was, e->now)))
		return true;
	now->ref = e->ref;
	now->cls = e->cls;
	now->modified = s->work->generation;
	now->created = was != NULL ? was->created : now->modified;
	e->packed = idl_record_pack(c, now);
	return e->packed != NULL;
}

/* is_change - is there something to store? */
static bool
is_change(const struct fld_edit *e)
{
	return e->packed != NULL || (e->now == NULL && e->was != NULL);
}

/* put_record - replace, add or remove one record in the trial image */
static bool
put_record(struct fld_store *s, const struct fld_edit *e)
{
	struct fld_root *root = &s->trial->root[e->cls];
	struct trie_key key = fld_key(&e->ref);

	if (e->packed == NULL) {
		if (!trie_del(&root->node, s->edit, key))
			return false;
		root->n--;
		return true;
	}
	if (!trie_put(&root->node, s->edit, key,
		(union trie_value){.ptr = e->packed}))
		return false;
	root->n += e->was == NULL;
	return true;
}

/* stage - all changes into the trial image; old index values first */
static enum err
stage(struct fld_tx *tx, struct failure *why)
{
	struct fld_store *s = tx->view.store;
	struct fld_edit *e;
	enum err rc;

	memcpy(s->trial, s->work, s->image_bytes);
	s->edit++;
	for (e = tx->first; e != NULL; e = e->next) {
		if (!is_change(e))
			continue;
		rc =
		    fld_index_drop(s, s->trial, e->cls, e->was, e->packed, why);
		if (rc != ERR_NONE)
			return rc;
		if (!put_record(s, e))
			return err_internal(why, "out of memory");
	}
	for (e = tx->first; e != NULL; e = e->next) {
		if (!is_change(e))
			continue;
		rc = fld_index_add(s, s->trial, e->cls, e->was, e->packed, why);
		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

/* forget - free the nodes of one image that another lacks, from an edit on */
static void
forget(const struct fld_store *s, struct fld_image *gone,
    const struct fld_image *kept, uint64_t edit)
{
	struct trie_waste waste = {NULL, 0};
	int i;

	for (i = 0; i < s->nroots; i++)
		trie_diff(gone->root[i].node, kept->root[i].node, edit, &waste);
	trie_free(&waste);
}

/* adopt - the trial image is the working one; replaced drafts are freed */
static void
adopt(struct fld_tx *tx)
{
	struct fld_store *s = tx->view.store;
	struct fld_image *old = s->work;
	struct fld_edit *e;

	forget(s, old, s->trial, s->batch.edit);
	s->work = s->trial;
	s->trial = old;
	for (e = tx->first; e != NULL; e = e->next)
		if (is_change(e))
			fld_batch_note(s, e->cls, &e->ref, e->was, e->packed);
}

/* pack_all - new versions, and room to note them */
static enum err
pack_all(struct fld_tx *tx, size_t *n_out, struct failure *why)
{
	struct fld_store *s = tx->view.store;
	struct fld_edit *e;
	size_t n = 0;

	for (e = tx->first; e != NULL; e = e->next) {
		if (!pack(s, e))
			return err_internal(why, "out of memory");
		n += is_change(e);
	}
	if (!fld_batch_reserve(s, n))
		return err_internal(why, "out of memory");
	*n_out = n;
	return ERR_NONE;
}

/* store - from private copies to the working image, or to nothing */
static enum err
store(struct fld_tx *tx, struct failure *why)
{
	struct fld_store *s = tx->view.store;
	struct fld_edit *e;
	size_t n = 0;
	enum err rc;

	rc = pack_all(tx, &n, why);
	if (rc == ERR_NONE && n == 0)
		return ERR_NONE;
	if (rc == ERR_NONE) {
		rc = stage(tx, why);
		if (rc == ERR_NONE) {
			adopt(tx);
			return ERR_NONE;
		}
		forget(s, s->trial, s->work, s->edit);
	}
	for (e = tx->first; e != NULL; e = e->next)
		fld_free_record(e->packed);
	return rc;
}

enum err
fld_tx_close(struct fld_tx **txp, struct failure *why)
{
	struct fld_tx *tx = *txp;
	enum err rc;

	*txp = NULL;
	rc = check_whole(tx, why);
	if (rc == ERR_NONE)
		rc = derive_all(tx, why);
	if (rc == ERR_NONE)
		rc = check_whole(tx, why);
	if (rc == ERR_NONE)
		rc = check_all(tx, why);
	if (rc == ERR_NONE)
		rc = store(tx, why);
	return rc;
}
