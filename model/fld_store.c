/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_store - a store comes and goes: layout, load, verification
 */

/* System */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

#define INDEXED (IDL_F_UNIQUE | IDL_F_LOOKUP | IDL_F_INDEXED)
#define EDIT_LOAD 1 /* the edit number that loading uses */

/* A load in progress. */
struct load {
	struct fld_store *s;
	char *scratch; /* room for the largest record struct */
};

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

/* largest - bytes of the largest record struct */
static size_t
largest(void)
{
	size_t bytes = 0;
	int i;

	for (i = 0; i < idl_nclasses; i++)
		if (idl_classes[i]->struct_bytes > bytes)
			bytes = idl_classes[i]->struct_bytes;
	return bytes;
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

/* wrong - what is wrong with which record */
static enum err
wrong(const struct idl_class *c, const struct idl_ref *r, const char *what,
    struct failure *why)
{
	char ref[IDL_REF_TEXT];

	idl_ref_write(r, ref);
	return err_internal(why, "%s %s: %s", c->name, ref, what);
}

/* defaults - what the journal does not keep is as if newly made */
static void
defaults(const struct idl_class *c, char *rec)
{
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if ((f->flags & (IDL_F_LIVE | IDL_F_INVERSE)) != 0)
			memcpy(rec + f->offset, f->initial,
			    idl_native_bytes(f->type));
}

/* load_one - the journal found a record */
static enum err
load_one(void *ctx, int cls, const void *rec, struct failure *why)
{
	struct load *load = ctx;
	struct fld_store *s = load->s;
	struct fld_image *image = fld_image_of(s);
	const struct idl_hdr *h = rec;
	const struct idl_class *c;
	struct idl_hdr *packed;

	assert(cls >= 0 && cls < idl_nclasses);
	c = s->cls[cls].c;
	if (idl_ref_is_null(&h->ref))
		return wrong(c, &h->ref, "a record without a ref", why);
	if (fld_record(image, cls, &h->ref) != NULL)
		return wrong(c, &h->ref, "there are two of it", why);
	memcpy(load->scratch, rec, c->struct_bytes);
	defaults(c, load->scratch);
	packed = idl_record_pack(c, load->scratch);
	if (packed == NULL)
		return err_internal(why, "out of memory");
	packed->cls = cls;
	if (!trie_put(&image->root[cls].node, s->edit, fld_key(&h->ref),
		(union trie_value){.ptr = packed})) {
		free(packed);
		return err_internal(why, "out of memory");
	}
	image->root[cls].n++;
	return fld_index_add(s, image, cls, NULL, packed, why);
}

/* told - a rule's failure as one text about a record (NULL: about all) */
static enum err
told(const struct idl_class *c, const struct idl_ref *ref,
    const struct failure *said, struct failure *why)
{
	char text[ERR_TEXT_BYTES];
	size_t at = 0;
	unsigned i;
	int r;

	r = snprintf(text, sizeof text, "%s", idl_errors[said->code].code);
	for (i = 0; r > 0 && i < said->n; i++) {
		at += (size_t)r;
		if (at >= sizeof text)
			break;
		r = snprintf(text + at, sizeof text - at, "%s%s",
		    i == 0 ? ": " : ", ", said->param[i]);
	}
	if (ref == NULL)
		return err_internal(why, "the records disagree: %s", text);
	return wrong(c, ref, text, why);
}

/* check_class - every record of a class against the rules */
static enum err
check_class(const struct fld_view *v, int cls, struct failure *why)
{
	const struct fld_rules *rules = v->store->rules;
	const struct idl_hdr *rec = NULL;
	struct failure said;

	while ((rec = fld_next(v, cls, rec == NULL ? NULL : &rec->ref)) != NULL)
		if (rules->check(v, cls, rec, &said) != ERR_NONE)
			return told(
			    v->store->cls[cls].c, &rec->ref, &said, why);
	return ERR_NONE;
}

/* check_all - is what was loaded sound, and does it add up? */
static enum err
check_all(struct fld_store *s, struct failure *why)
{
	struct fld_view v = {s, fld_image_of(s), NULL};
	enum err rc = ERR_NONE;
	struct failure said;
	int i;

	if (s->rules->check != NULL)
		for (i = 0; i < idl_nclasses && rc == ERR_NONE; i++)
			rc = check_class(&v, i, why);
	if (rc == ERR_NONE && s->rules->verify != NULL &&
	    s->rules->verify(&v, &said) != ERR_NONE)
		rc = told(NULL, NULL, &said, why);
	return rc;
}

/* load_all - every record of the journal, as the first image */
static enum err
load_all(struct fld_store *s, struct failure *why)
{
	struct fld_image *image = fld_image_of(s);
	struct load load = {s, NULL};
	enum err rc;

	if (s->work == NULL || s->trial == NULL || image == NULL)
		return err_internal(why, "out of memory");
	load.scratch = malloc(largest());
	if (load.scratch == NULL)
		return err_internal(why, "out of memory");
	rc = s->journal->ops->load(
	    s->journal, load_one, &load, &image->generation, why);
	free(load.scratch);
	if (rc != ERR_NONE)
		return rc;
	atomic_init(&s->generation, image->generation);
	memcpy(s->work, image, s->image_bytes);
	s->work->generation++;
	return check_all(s, why);
}

enum err
fld_open(struct fld_store **store_out, struct jrn *journal,
    const struct fld_rules *rules, struct failure *why)
{
	struct fld_store *s = store_new(journal, rules);
	enum err rc;

	if (s == NULL)
		return err_internal(why, "out of memory");
	rc = load_all(s, why);
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
