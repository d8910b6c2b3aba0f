/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fld_index - records by ref, and by the value of an indexed field
 *
 * The hash is SipHash-1-3 (Aumasson, Bernstein): fast on short texts, and
 * without its key nobody can look for names that meet.
 */

/* System */
#include <assert.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

struct sip {
	uint64_t v[4];
};

static uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* sip_round - SipRound of the paper */
static void
sip_round(struct sip *s)
{
	s->v[0] += s->v[1];
	s->v[2] += s->v[3];
	s->v[1] = rotate(s->v[1], 13) ^ s->v[0];
	s->v[3] = rotate(s->v[3], 16) ^ s->v[2];
	s->v[0] = rotate(s->v[0], 32);
	s->v[2] += s->v[1];
	s->v[0] += s->v[3];
	s->v[1] = rotate(s->v[1], 17) ^ s->v[2];
	s->v[3] = rotate(s->v[3], 21) ^ s->v[0];
	s->v[2] = rotate(s->v[2], 32);
}

/* sip_word - take in eight bytes */
static void
sip_word(struct sip *s, uint64_t m)
{
	s->v[3] ^= m;
	sip_round(s);
	s->v[0] ^= m;
}

/* sip_hash - n bytes under a key */
static uint64_t
sip_hash(const uint64_t key[2], const void *data, size_t n)
{
	struct sip s = {
	    {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u}};
	const char *p = data;
	uint64_t m, length = (uint64_t)n << 56;

	for (; n >= sizeof m; n -= sizeof m, p += sizeof m) {
		memcpy(&m, p, sizeof m);
		sip_word(&s, m);
	}
	m = 0;
	memcpy(&m, p, n);
	sip_word(&s, m | length);
	s.v[2] ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

/* hash_of - of a native value; equal values, equal hashes */
static uint64_t
hash_of(const struct fld_store *s, const struct idl_type *t, const void *value)
{
	const char *text;

	if (t->kind == IDL_STRING) {
		text = *(const char *const *)value;
		return sip_hash(s->hash_key, text, strlen(text));
	}
	assert(t->kind == IDL_REF || t->kind == IDL_INT ||
	       t->kind == IDL_DATETIME || t->kind == IDL_ENUM ||
	       t->kind == IDL_BOOL);
	return sip_hash(s->hash_key, value, idl_native_bytes(t));
}

/* field_of - where a record keeps a field */
static const void *
field_of(const struct idl_field *f, const void *rec)
{
	return (const char *)rec + f->offset;
}

/* is_entered - a null ref is no place to look up; "" is not yet unique */
static bool
is_entered(const struct idl_field *f, const void *rec)
{
	const void *value = field_of(f, rec);

	if (f->type->kind == IDL_REF)
		return !idl_ref_is_null(value);
	if (f->type->kind == IDL_STRING && (f->flags & IDL_F_UNIQUE) != 0)
		return **(const char *const *)value != '\0';
	return true;
}

struct trie_key
fld_key(const struct idl_ref *ref)
{
	return (struct trie_key){ref->hi, ref->lo};
}

const void *
fld_record(const struct fld_image *image, int cls, const struct idl_ref *ref)
{
	const struct trie_leaf *l =
	    trie_get(image->root[cls].node, fld_key(ref));

	return l == NULL ? NULL : l->v.ptr;
}

const struct fld_index *
fld_index_of(const struct fld_store *s, int cls, int field)
{
	const struct fld_class *k = &s->cls[cls];
	const struct fld_index *ix;

	for (ix = k->index; ix < k->index + k->nindexes; ix++)
		if (ix->field == &k->c->fields[field])
			break;
	assert(ix < k->index + k->nindexes);
	return ix;
}

const struct trie_leaf *
fld_index_seek(const struct fld_store *s, const struct fld_image *image,
    const struct fld_index *ix, const void *value, uint64_t from_hi)
{
	struct trie_key key = {hash_of(s, ix->field->type, value), from_hi};
	const struct trie_leaf *l = trie_seek(image->root[ix->root].node, key);

	return l != NULL && l->key.hi == key.hi ? l : NULL;
}

/* key_of - a record's key in an index */
static struct trie_key
key_of(const struct fld_store *s, const struct fld_index *ix, const void *rec)
{
	const struct idl_hdr *h = rec;

	return (struct trie_key){
	    hash_of(s, ix->field->type, field_of(ix->field, rec)), h->ref.hi};
}

bool
fld_index_key(const struct fld_store *s, const struct fld_index *ix,
    const void *rec, struct trie_key *key_out)
{
	if (!is_entered(ix->field, rec))
		return false;
	*key_out = key_of(s, ix, rec);
	return true;
}

/* is_kept - do both versions have the same entry in an index? */
static bool
is_kept(const struct idl_field *f, const void *was, const void *now)
{
	return was != NULL && now != NULL &&
	       idl_equal(f->type, field_of(f, was), field_of(f, now));
}

enum err
fld_index_drop(struct fld_store *s, struct fld_image *image, int cls,
    const void *was, const void *now, struct failure *why)
{
	const struct fld_class *k = &s->cls[cls];
	const struct fld_index *ix;
	struct fld_root *root;

	if (was == NULL)
		return ERR_NONE;
	for (ix = k->index; ix < k->index + k->nindexes; ix++) {
		if (!is_entered(ix->field, was) || is_kept(ix->field, was, now))
			continue;
		root = &image->root[ix->root];
		if (!trie_del(&root->node, s->edit, key_of(s, ix, was)))
			return err_internal(why, "out of memory");
		root->n--;
	}
	return ERR_NONE;
}

enum err
fld_index_clash(const struct idl_class *c, const struct idl_field *f,
    const void *rec, const struct idl_ref *other, struct failure *why)
{
	const struct idl_hdr *h = rec;
	char ref[IDL_REF_TEXT], taken[IDL_REF_TEXT];

	idl_ref_write(&h->ref, ref);
	idl_ref_write(other, taken);
	return err_internal(
	    why, "%s %s: %s: %s already has it", c->name, ref, f->name, taken);
}

/* check_unique - no other record of the image has the value */
static enum err
check_unique(const struct fld_store *s, const struct fld_image *image,
    const struct idl_class *c, const struct fld_index *ix, const void *rec,
    struct failure *why)
{
	const struct idl_field *f = ix->field;
	const struct trie_leaf *l;
	struct idl_ref other;
	const void *found;

	for (l = fld_index_seek(s, image, ix, field_of(f, rec), 0); l != NULL;
	     l = fld_index_seek(
		 s, image, ix, field_of(f, rec), l->key.lo + 1)) {
		other = (struct idl_ref){l->key.lo, l->v.word};
		found = fld_record(image, c->id, &other);
		if (found != NULL &&
		    idl_equal(f->type, field_of(f, found), field_of(f, rec)))
			return fld_index_clash(c, f, rec, &other, why);
		if (l->key.lo == UINT64_MAX)
			break;
	}
	return ERR_NONE;
}

/* add_one - enter a record in one index */
static enum err
add_one(struct fld_store *s, struct fld_image *image, const struct idl_class *c,
    const struct fld_index *ix, const void *rec, struct failure *why)
{
	struct fld_root *root = &image->root[ix->root];
	struct trie_key key = key_of(s, ix, rec);
	const struct idl_hdr *h = rec;
	const struct trie_leaf *there = trie_get(root->node, key);
	enum err rc;

	if ((ix->field->flags & IDL_F_UNIQUE) != 0) {
		rc = check_unique(s, image, c, ix, rec, why);
		if (rc != ERR_NONE)
			return rc;
	}
	if (there != NULL) /* same upper half of the ref, same hash */
		return fld_index_clash(c, ix->field, rec,
		    &(struct idl_ref){key.lo, there->v.word}, why);
	if (!trie_put(&root->node, s->edit, key,
		(union trie_value){.word = h->ref.lo}))
		return err_internal(why, "out of memory");
	root->n++;
	return ERR_NONE;
}

enum err
fld_index_add(struct fld_store *s, struct fld_image *image, int cls,
    const void *was, const void *now, struct failure *why)
{
	const struct fld_class *k = &s->cls[cls];
	const struct fld_index *ix;
	enum err rc = ERR_NONE;

	if (now == NULL)
		return ERR_NONE;
	for (ix = k->index; ix < k->index + k->nindexes; ix++) {
		if (!is_entered(ix->field, now) || is_kept(ix->field, was, now))
			continue;
		rc = add_one(s, image, k->c, ix, now, why);
		if (rc != ERR_NONE)
			break;
	}
	return rc;
}
