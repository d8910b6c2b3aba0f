/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_load - from the journal's records to the first image
 *
 * The leaves of each trie are piled up, sorted and built at once: that is
 * several times faster than one by one, and what is in there twice lies side
 * by side.
 */

/* System */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

#define PILE_FIRST 64

/* The leaves of one trie to be. */
struct pile {
	struct trie_leaf *leaf;
	size_t n, room;
};

/* A load in progress. */
struct load {
	struct fld_store *s;
	char *scratch;	   /* room for the largest record struct */
	struct pile *pile; /* as the roots of an image */
};

/* largest - bytes of the largest record struct */
static size_t
largest(void)
{
	size_t bytes = sizeof(struct idl_hdr);
	int i;

	for (i = 0; i < idl_nclasses; i++)
		if (idl_classes[i]->struct_bytes > bytes)
			bytes = idl_classes[i]->struct_bytes;
	return bytes;
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

/* pile_add - one leaf more; false: out of memory */
static bool
pile_add(struct pile *p, struct trie_key key, union trie_value v)
{
	size_t room = p->room > 0 ? p->room * 2 : PILE_FIRST;
	struct trie_leaf *leaf;

	if (p->n == p->room) {
		leaf = realloc(p->leaf, room * sizeof *leaf);
		if (leaf == NULL)
			return false;
		p->leaf = leaf;
		p->room = room;
	}
	p->leaf[p->n++] = (struct trie_leaf){key, v};
	return true;
}

/* pile_indexes - a record's leaves for its indexes; false: out of memory */
static bool
pile_indexes(const struct load *load, const struct fld_class *k,
    const struct idl_hdr *rec)
{
	const struct fld_index *ix;
	struct trie_key key;

	for (ix = k->index; ix < k->index + k->nindexes; ix++)
		if (fld_index_key(load->s, ix, rec, &key) &&
		    !pile_add(&load->pile[ix->root], key,
			(union trie_value){.word = rec->ref.lo}))
			return false;
	return true;
}

/* load_one - the journal found a record */
static enum err
load_one(void *ctx, int cls, const void *rec, struct failure *why)
{
	const struct load *load = ctx;
	const struct idl_hdr *h = rec;
	const struct idl_class *c;
	struct idl_hdr *packed;

	assert(cls >= 0 && cls < idl_nclasses);
	c = load->s->cls[cls].c;
	if (idl_ref_is_null(&h->ref))
		return wrong(c, &h->ref, "a record without a ref", why);
	memcpy(load->scratch, rec, c->struct_bytes);
	defaults(c, load->scratch);
	packed = idl_record_pack(c, load->scratch);
	if (packed == NULL)
		return err_internal(why, "out of memory");
	packed->cls = cls;
	if (!pile_add(&load->pile[cls], fld_key(&h->ref),
		(union trie_value){.ptr = packed})) {
		free(packed);
		return err_internal(why, "out of memory");
	}
	if (!pile_indexes(load, &load->s->cls[cls], packed))
		return err_internal(why, "out of memory");
	return ERR_NONE;
}

/* pile_sort - in order of key; false: out of memory */
static bool
pile_sort(struct pile *p)
{
	struct trie_leaf *room = malloc(p->n * sizeof *room);

	if (room == NULL)
		return false;
	trie_sort(p->leaf, p->n, room);
	free(room);
	return true;
}

/* is_twice - do two neighbours in a pile have one key? */
static bool
is_twice(const struct trie_leaf *l)
{
	return l[0].key.hi == l[1].key.hi && l[0].key.lo == l[1].key.lo;
}

/* build_class - the trie of a class from its pile */
static enum err
build_class(const struct load *load, struct fld_image *image, int cls,
    struct failure *why)
{
	struct pile *p = &load->pile[cls];
	const struct idl_hdr *h;
	size_t i;

	if (p->n == 0)
		return ERR_NONE;
	if (!pile_sort(p))
		return err_internal(why, "out of memory");
	for (i = 0; i + 1 < p->n; i++) {
		h = p->leaf[i].v.ptr;
		if (is_twice(&p->leaf[i]))
			return wrong(load->s->cls[cls].c, &h->ref,
			    "there are two of it", why);
	}
	image->root[cls].node = trie_build(p->leaf, p->n, load->s->edit);
	if (image->root[cls].node == NULL)
		return err_internal(why, "out of memory");
	image->root[cls].n = p->n;
	return ERR_NONE;
}

/* check_pair - may these two be in one index? */
static enum err
check_pair(const struct fld_image *image, const struct idl_class *c,
    const struct idl_field *f, const struct trie_leaf *a,
    const struct trie_leaf *b, struct failure *why)
{
	struct idl_ref ra = {a->key.lo, a->v.word};
	struct idl_ref rb = {b->key.lo, b->v.word};
	const char *one = fld_record(image, c->id, &ra);
	const char *two = fld_record(image, c->id, &rb);

	if (ra.hi != rb.hi &&
	    ((f->flags & IDL_F_UNIQUE) == 0 ||
		!idl_equal(f->type, one + f->offset, two + f->offset)))
		return ERR_NONE;
	return fld_index_clash(c, f, two, &ra, why);
}

/*
 * check_pile - no two in a sorted index pile that cannot be there both
 *
 * Those with one hash lie side by side.  In a unique index each is compared
 * with each: they are at most as many as values that share a hash.
 */
static enum err
check_pile(const struct fld_image *image, const struct idl_class *c,
    const struct idl_field *f, const struct pile *p, struct failure *why)
{
	bool all = (f->flags & IDL_F_UNIQUE) != 0;
	enum err rc = ERR_NONE;
	size_t i, k;

	for (i = 1; i < p->n && rc == ERR_NONE; i++) {
		k = i;
		do {
			k--;
			if (p->leaf[k].key.hi != p->leaf[i].key.hi)
				break;
			rc = check_pair(
			    image, c, f, &p->leaf[k], &p->leaf[i], why);
		} while (all && k > 0 && rc == ERR_NONE);
	}
	return rc;
}

/* build_index - the trie of an indexed field from its pile */
static enum err
build_index(const struct load *load, struct fld_image *image,
    const struct idl_class *c, const struct fld_index *ix, struct failure *why)
{
	struct fld_root *root = &image->root[ix->root];
	struct pile *p = &load->pile[ix->root];
	enum err rc;

	if (p->n == 0)
		return ERR_NONE;
	if (!pile_sort(p))
		return err_internal(why, "out of memory");
	rc = check_pile(image, c, ix->field, p, why);
	if (rc != ERR_NONE)
		return rc;
	root->node = trie_build(p->leaf, p->n, load->s->edit);
	if (root->node == NULL)
		return err_internal(why, "out of memory");
	root->n = p->n;
	return ERR_NONE;
}

/* build_all - every trie of the image, classes first */
static enum err
build_all(const struct load *load, struct fld_image *image, struct failure *why)
{
	const struct fld_class *k;
	enum err rc = ERR_NONE;
	int i, n;

	for (i = 0; i < idl_nclasses && rc == ERR_NONE; i++)
		rc = build_class(load, image, i, why);
	for (i = 0; i < idl_nclasses; i++) {
		k = &load->s->cls[i];
		for (n = 0; n < k->nindexes && rc == ERR_NONE; n++)
			rc = build_index(load, image, k->c, &k->index[n], why);
	}
	return rc;
}

/* load_fini - free the piles, and records that came into no image */
static void
load_fini(struct load *load, const struct fld_image *image)
{
	struct pile *p;
	size_t k;
	int i;

	for (i = 0; load->pile != NULL && i < load->s->nroots; i++) {
		p = &load->pile[i];
		if (i < idl_nclasses && image->root[i].node == NULL)
			for (k = 0; k < p->n; k++)
				fld_free_record(p->leaf[k].v.ptr);
		free(p->leaf);
	}
	free(load->pile);
	free(load->scratch);
}

/* load_run - read, then build */
static enum err
load_run(struct load *load, struct fld_image *image, struct failure *why)
{
	struct jrn *j = load->s->journal;
	enum err rc;

	load->pile = calloc((size_t)load->s->nroots, sizeof *load->pile);
	load->scratch = malloc(largest());
	if (load->pile == NULL || load->scratch == NULL)
		return err_internal(why, "out of memory");
	rc = j->ops->load(j, load_one, load, &image->generation, why);
	if (rc != ERR_NONE)
		return rc;
	return build_all(load, image, why);
}

enum err
fld_load(struct fld_store *s, struct fld_image *image, struct failure *why)
{
	struct load load = {s, NULL, NULL};
	enum err rc = load_run(&load, image, why);

	load_fini(&load, image);
	return rc;
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

enum err
fld_load_check(
    struct fld_store *s, const struct fld_image *image, struct failure *why)
{
	struct fld_view v = {s, image, NULL};
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
