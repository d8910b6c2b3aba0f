/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_store - a store comes and goes
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

#define INDEXED (IDL_F_UNIQUE | IDL_F_LOOKUP | IDL_F_INDEXED)
#define EDIT_LOAD 1 /* the edit number that loading uses */

/* image_new - an image without records; NULL: out of memory */
static struct fld_image *
image_new(const struct fld_store *s)
{
	return calloc(1, s->image_bytes);
}

/* lay_out - which trie is which; false: out of memory */
static bool
lay_out(struct fld_store *s)
{
	const struct idl_class *c;
	struct fld_index *ix;
	int i, k, n = 0;

	for (i = 0; i < idl_nclasses; i++)
		for (k = 0; k < idl_classes[i]->nfields; k++)
			n += (idl_classes[i]->fields[k].flags & INDEXED) != 0;
	s->cls = calloc((size_t)idl_nclasses, sizeof *s->cls);
	s->index = calloc((size_t)n + 1, sizeof *s->index);
	if (s->cls == NULL || s->index == NULL)
		return false;
	ix = s->index;
	for (i = 0; i < idl_nclasses; i++) {
		c = idl_classes[i];
		s->cls[i] = (struct fld_class){c, ix, 0};
		for (k = 0; k < c->nfields; k++) {
			if ((c->fields[k].flags & INDEXED) == 0)
				continue;
			ix->field = &c->fields[k];
			ix->root = idl_nclasses + (int)(ix - s->index);
			ix++;
			s->cls[i].nindexes++;
		}
	}
	s->nroots = idl_nclasses + n;
	s->image_bytes = sizeof(struct fld_image) +
			 (size_t)s->nroots * sizeof(struct fld_root);
	return true;
}

/*
 * store_new - an empty store; NULL: out of memory
 *
 * The hash key is where this process happens to lie in memory: no randomness
 * comes in here, and nobody outside can tell.
 */
static struct fld_store *
store_new(struct jrn *journal, const struct fld_rules *rules)
{
	struct fld_store *s = aligned_alloc(FLD_LINE_BYTES, sizeof *s);
	int i;

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof *s);
	for (i = 0; i < FLD_READERS_MAX; i++)
		atomic_init(&s->place[i].lowest, FLD_READER_IDLE);
	s->journal = journal;
	s->rules = rules;
	s->newest = &s->oldest;
	s->edit = EDIT_LOAD;
	s->batch.edit = EDIT_LOAD + 1;
	s->hash_key[0] = (uintptr_t)s;
	s->hash_key[1] = (uintptr_t)&i;
	if (lay_out(s)) {
		s->work = image_new(s);
		s->trial = image_new(s);
		atomic_init(&s->image, image_new(s));
	}
	return s;
}

/* store_free - everything but the journal; half-built ones too */
static void
store_free(struct fld_store *s)
{
	if (s->batch.n > 0)
		fld_batch_drop(s);
	fld_batch_fini(s);
	fld_collect_all(s);
	if (fld_image_of(s) != NULL)
		fld_free_all(s, fld_image_of(s));
	free(s->work);
	free(s->trial);
	free(s->index);
	free(s->cls);
	free(s);
}

/* first_image - what the journal holds, as the image to begin with */
static enum err
first_image(struct fld_store *s, struct failure *why)
{
	struct fld_image *image = fld_image_of(s);
	enum err rc;

	if (s->work == NULL || s->trial == NULL || image == NULL)
		return err_internal(why, "out of memory");
	rc = fld_load(s, image, why);
	if (rc != ERR_NONE)
		return rc;
	atomic_init(&s->generation, image->generation);
	memcpy(s->work, image, s->image_bytes);
	s->work->generation++;
	return fld_load_check(s, image, why);
}

enum err
fld_open(struct fld_store **store_out, struct jrn *journal,
    const struct fld_rules *rules, struct failure *why)
{
	struct fld_store *s = store_new(journal, rules);
	enum err rc;

	if (s == NULL)
		return err_internal(why, "out of memory");
	rc = first_image(s, why);
	if (rc != ERR_NONE) {
		store_free(s);
		return rc;
	}
	*store_out = s;
	return ERR_NONE;
}

void
fld_close(struct fld_store **store)
{
	struct fld_store *s = *store;
	struct jrn *journal;
	int i;

	if (s == NULL)
		return;
	for (i = 0; i < FLD_READERS_MAX; i++)
		assert(!atomic_load(&s->place[i].taken));
	journal = s->journal;
	store_free(s);
	journal->ops->close(&journal);
	*store = NULL;
}
