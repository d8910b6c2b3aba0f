/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trie - a persistent map from 128-bit keys, in key order
 *
 * A node is two bitmaps of 32 slots and two packed arrays: leaves, then kids.
 * A slot is empty, a leaf or a kid.  The form is canonical: a node other than
 * the root never holds one leaf alone (it then sits in its parent's slot), so
 * the shape depends on the keys only and never on how they came and went.
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/trie.h"

#define DIGIT_BITS 5
#define HIGH_DIGITS 12 /* that lie in key.hi alone */
#define LEVELS 26      /* 25 x 5 bits, then the last 3 */
#define SLOTS 32
#define FEW 16 /* so many are sorted by insertion */

struct trie_node {
	uint32_t leaves; /* bit d: slot d is a leaf */
	uint32_t kids;	 /* bit d: slot d is a node */
	union {
		uint64_t edit;		/* the change that made the node */
		struct trie_node *next; /* in a waste list */
	} w;				/* only ever seen by the writer */
	struct trie_leaf leaf[];	/* by slot; the kids follow */
};

/* digit - the slot that a key takes at a level */
static unsigned
digit(struct trie_key key, int level)
{
	int shift = 128 - DIGIT_BITS * (level + 1);
	unsigned __int128 k = (unsigned __int128)key.hi << 64 | key.lo;

	assert(level < LEVELS);
	return (unsigned)(shift < 0 ? k << -shift : k >> shift) & 31u;
}

/* key_cmp - below, equal or above: -1, 0, 1 */
static int
key_cmp(struct trie_key a, struct trie_key b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	if (a.lo != b.lo)
		return a.lo < b.lo ? -1 : 1;
	return 0;
}

/* count - slots in a bitmap; the compiler's own would be a call to libgcc */
static size_t
count(uint32_t map)
{
	map -= map >> 1 & 0x55555555u;
	map = (map & 0x33333333u) + (map >> 2 & 0x33333333u);
	map = (map + (map >> 4)) & 0x0f0f0f0fu;
	return map * 0x01010101u >> 24;
}

/* place - index in the packed array of the slot with this bit */
static size_t
place(uint32_t map, uint32_t bit)
{
	return count(map & (bit - 1));
}

/* kids_of - the packed array of kids */
static struct trie_node **
kids_of(struct trie_node *n)
{
	return (struct trie_node **)(void *)(n->leaf + count(n->leaves));
}

/* kid_of - the kid in a slot that has one, for reading */
static const struct trie_node *
kid_of(const struct trie_node *n, uint32_t bit)
{
	const struct trie_node *const *kids =
	    (const void *)(n->leaf + count(n->leaves));

	return kids[place(n->kids, bit)];
}

/* node_bytes - room that a node with such bitmaps takes */
static size_t
node_bytes(uint32_t leaves, uint32_t kids)
{
	return sizeof(struct trie_node) +
	       count(leaves) * sizeof(struct trie_leaf) +
	       count(kids) * sizeof(struct trie_node *);
}

/* node_new - a node with unset slots; NULL: out of memory */
static struct trie_node *
node_new(uint32_t leaves, uint32_t kids, uint64_t edit)
{
	struct trie_node *n = malloc(node_bytes(leaves, kids));

	if (n == NULL)
		return NULL;
	n->leaves = leaves;
	n->kids = kids;
	n->w.edit = edit;
	return n;
}

/* array_copy - a packed array; the bitmaps differ in one slot at most */
static void
array_copy(char *to, uint32_t to_map, const char *from, uint32_t from_map,
    size_t item_bytes)
{
	uint32_t bit = to_map ^ from_map;
	size_t before = place(from_map, bit) * item_bytes;
	size_t all = count(from_map) * item_bytes;

	assert((bit & (bit - 1)) == 0);
	if (bit == 0) {
		memcpy(to, from, all);
		return;
	}
	memcpy(to, from, before);
	if ((to_map & bit) != 0)
		memcpy(to + before + item_bytes, from + before, all - before);
	else
		memcpy(to + before, from + before + item_bytes,
		    all - before - item_bytes);
}

/*
 * node_copy - a copy with other bitmaps, each of which may have one slot more
 * (left unset) or one less; NULL: out of memory
 */
static struct trie_node *
node_copy(struct trie_node *from, uint32_t leaves, uint32_t kids, uint64_t edit)
{
	struct trie_node *n = node_new(leaves, kids, edit);

	if (n == NULL)
		return NULL;
	array_copy((char *)n->leaf, leaves, (const char *)from->leaf,
	    from->leaves, sizeof(struct trie_leaf));
	array_copy((char *)kids_of(n), kids, (const char *)kids_of(from),
	    from->kids, sizeof(struct trie_node *));
	return n;
}

/* replace - a slot's node by its successor; ours is freed at once */
static void
replace(struct trie_node **slot, struct trie_node *fresh, uint64_t edit)
{
	struct trie_node *old = *slot;

	*slot = fresh;
	if (old->w.edit == edit)
		free(old);
}

/* own - make the node in a slot belong to this change; false: no memory */
static bool
own(struct trie_node **slot, uint64_t edit)
{
	struct trie_node *n = *slot, *fresh;

	if (n->w.edit == edit)
		return true;
	fresh = node_copy(n, n->leaves, n->kids, edit);
	if (fresh == NULL)
		return false;
	*slot = fresh;
	return true;
}

/* ---- reading ---- */

const struct trie_leaf *
trie_get(const struct trie_node *root, struct trie_key key)
{
	const struct trie_node *n;
	const struct trie_leaf *l;
	uint64_t bits = key.hi; /* its next digit is on top */
	uint32_t bit;
	int level = 0;

	/* The first digits are shifted out of one word: this is the hot path
	 * of every call, and tries are a few levels deep. */
	for (n = root; n != NULL; n = kid_of(n, bit), bits <<= DIGIT_BITS) {
		bit = 1u << (level < HIGH_DIGITS ? bits >> (64 - DIGIT_BITS)
						 : digit(key, level));
		level++;
		if ((n->leaves & bit) != 0) {
			l = &n->leaf[place(n->leaves, bit)];
			return key_cmp(l->key, key) == 0 ? l : NULL;
		}
		if ((n->kids & bit) == 0)
			return NULL;
	}
	return NULL;
}

/* smallest - the first leaf at or below the slot with this bit */
static const struct trie_leaf *
smallest(const struct trie_node *n, uint32_t bit)
{
	uint32_t all;

	while ((n->leaves & bit) == 0) {
		n = kid_of(n, bit);
		all = n->leaves | n->kids;
		bit = all & -all;
	}
	return &n->leaf[place(n->leaves, bit)];
}

const struct trie_leaf *
trie_seek(const struct trie_node *root, struct trie_key key)
{
	const struct trie_node *n, *greater = NULL;
	const struct trie_leaf *l;
	uint32_t bit, above, greater_bit = 0;
	int level = 0;

	for (n = root; n != NULL; n = kid_of(n, bit)) {
		bit = 1u << digit(key, level++);
		if ((n->leaves & bit) != 0) {
			l = &n->leaf[place(n->leaves, bit)];
			if (key_cmp(l->key, key) >= 0)
				return l;
		}
		above = (n->leaves | n->kids) & ~(bit | (bit - 1));
		if (above != 0) {
			greater = n;
			greater_bit = above & -above;
		}
		if ((n->kids & bit) == 0)
			break;
	}
	return greater == NULL ? NULL : smallest(greater, greater_bit);
}

bool
trie_key_next(struct trie_key *key)
{
	if (++key->lo != 0)
		return true;
	return ++key->hi != 0;
}

/* ---- adding ---- */

/* chain_free - a chain that branch made */
static void
chain_free(struct trie_node *n)
{
	struct trie_node *next;

	for (; n != NULL; n = next) {
		next = n->kids != 0 ? *kids_of(n) : NULL;
		free(n);
	}
}

/*
 * branch - the node that holds two leaves from a level on: a chain down to
 * where their keys part; NULL: out of memory
 */
static struct trie_node *
branch(const struct trie_leaf *a, const struct trie_leaf *b, int level,
    uint64_t edit)
{
	struct trie_node *n, *up;
	unsigned da, db;
	int deep = level;

	while ((da = digit(a->key, deep)) == (db = digit(b->key, deep)))
		deep++;
	n = node_new(1u << da | 1u << db, 0, edit);
	if (n == NULL)
		return NULL;
	n->leaf[da > db] = *a;
	n->leaf[da < db] = *b;
	while (deep-- > level) {
		up = node_new(0, 1u << digit(a->key, deep), edit);
		if (up == NULL) {
			chain_free(n);
			return NULL;
		}
		*kids_of(up) = n;
		n = up;
	}
	return n;
}

/* put_split - a slot whose leaf has another key becomes a kid with both */
static bool
put_split(struct trie_node **slot, uint64_t edit, uint32_t bit, int level,
    const struct trie_leaf *leaf)
{
	struct trie_node *n = *slot, *kid, *fresh;

	kid = branch(&n->leaf[place(n->leaves, bit)], leaf, level + 1, edit);
	if (kid == NULL)
		return false;
	fresh = node_copy(n, n->leaves & ~bit, n->kids | bit, edit);
	if (fresh == NULL) {
		chain_free(kid);
		return false;
	}
	kids_of(fresh)[place(fresh->kids, bit)] = kid;
	replace(slot, fresh, edit);
	return true;
}

/* put_here - the leaf goes into this node, in a slot that has no kid */
static bool
put_here(struct trie_node **slot, uint64_t edit, uint32_t bit, int level,
    const struct trie_leaf *leaf)
{
	struct trie_node *n = *slot, *fresh;
	size_t at = place(n->leaves, bit);

	if ((n->leaves & bit) == 0) {
		fresh = node_copy(n, n->leaves | bit, n->kids, edit);
		if (fresh == NULL)
			return false;
		fresh->leaf[at] = *leaf;
		replace(slot, fresh, edit);
		return true;
	}
	if (key_cmp(n->leaf[at].key, leaf->key) != 0)
		return put_split(slot, edit, bit, level, leaf);
	if (!own(slot, edit))
		return false;
	(*slot)->leaf[at].v = leaf->v;
	return true;
}

bool
trie_put(struct trie_node **root, uint64_t edit, struct trie_key key,
    union trie_value v)
{
	struct trie_leaf leaf = {key, v};
	struct trie_node **slot = root;
	uint32_t bit;
	int level;

	assert(edit != 0);
	if (*root == NULL) {
		*root = node_new(1u << digit(key, 0), 0, edit);
		if (*root != NULL)
			(*root)->leaf[0] = leaf;
		return *root != NULL;
	}
	for (level = 0;; level++) {
		bit = 1u << digit(key, level);
		if (((*slot)->kids & bit) == 0)
			return put_here(slot, edit, bit, level, &leaf);
		if (!own(slot, edit))
			return false;
		slot = &kids_of(*slot)[place((*slot)->kids, bit)];
	}
}

/* ---- building ---- */

/* sort_few - by insertion */
static void
sort_few(struct trie_leaf *leaf, size_t n)
{
	struct trie_leaf l;
	size_t i, k;

	for (i = 1; i < n; i++) {
		l = leaf[i];
		for (k = i; k > 0 && key_cmp(leaf[k - 1].key, l.key) > 0; k--)
			leaf[k] = leaf[k - 1];
		leaf[k] = l;
	}
}

/* sort_from - leaves that agree above a level: by its digit, then on */
static void
sort_from(struct trie_leaf *leaf, size_t n, struct trie_leaf *room, int level)
{
	size_t at[SLOTS + 1] = {0}, i, k;
	unsigned d;

	if (n < FEW || level == LEVELS) {
		sort_few(leaf, n);
		return;
	}
	for (i = 0; i < n; i++)
		at[digit(leaf[i].key, level) + 1]++;
	for (d = 0; d < SLOTS; d++)
		at[d + 1] += at[d];
	memcpy(room, leaf, n * sizeof *leaf);
	for (i = 0; i < n; i++)
		leaf[at[digit(room[i].key, level)]++] = room[i];
	for (i = 0, d = 0; d < SLOTS; d++, i = k) {
		k = at[d]; /* where its leaves end */
		sort_from(leaf + i, k - i, room, level + 1);
	}
}

void
trie_sort(struct trie_leaf *leaf, size_t n, struct trie_leaf *room)
{
	sort_from(leaf, n, room, 0);
}

/* run_of - how many leaves share the first one's digit */
static size_t
run_of(const struct trie_leaf *leaf, size_t n, int level)
{
	unsigned d = digit(leaf->key, level);
	size_t run = 1;

	while (run < n && digit(leaf[run].key, level) == d)
		run++;
	return run;
}

/* build - the node of sorted leaves that agree above a level */
static struct trie_node *
build(const struct trie_leaf *leaf, size_t n, int level, uint64_t edit)
{
	uint32_t leaves = 0, kids = 0, bit;
	struct trie_waste waste = {NULL, 0};
	struct trie_node *node, *kid;
	size_t i, run;

	for (i = 0; i < n; i += run) {
		run = run_of(leaf + i, n - i, level);
		bit = 1u << digit(leaf[i].key, level);
		*(run == 1 ? &leaves : &kids) |= bit;
	}
	node = node_new(leaves, kids, edit);
	if (node == NULL)
		return NULL;
	node->kids = 0; /* those that are there so far */
	for (i = 0; i < n; i += run) {
		run = run_of(leaf + i, n - i, level);
		bit = 1u << digit(leaf[i].key, level);
		if (run == 1) {
			node->leaf[place(leaves, bit)] = leaf[i];
			continue;
		}
		kid = build(leaf + i, run, level + 1, edit);
		if (kid == NULL) {
			trie_diff(node, NULL, 0, &waste);
			trie_free(&waste);
			return NULL;
		}
		kids_of(node)[place(kids, bit)] = kid;
		node->kids |= bit;
	}
	return node;
}

struct trie_node *
trie_build(const struct trie_leaf *leaf, size_t n, uint64_t edit)
{
	assert(n > 0 && edit != 0);
	return build(leaf, n, 0, edit);
}

/* ---- removing ---- */

/* The way from the root to a leaf. */
struct way {
	struct trie_node *node[LEVELS];
	uint32_t bit[LEVELS];
	int deep; /* node[deep] holds the leaf */
};

/* way_find - the nodes on the way to a key; false: it is not there */
static bool
way_find(struct way *w, struct trie_node *root, struct trie_key key)
{
	struct trie_node *n = root;
	int level = 0;

	if (trie_get(root, key) == NULL)
		return false;
	for (;; level++) {
		w->node[level] = n;
		w->bit[level] = 1u << digit(key, level);
		if ((n->leaves & w->bit[level]) != 0)
			break;
		n = kids_of(n)[place(n->kids, w->bit[level])];
	}
	w->deep = level;
	return true;
}

/* way_own - own all above a level; returns the slot at it; NULL: no memory */
static struct trie_node **
way_own(const struct way *w, struct trie_node **root, int level, uint64_t edit)
{
	struct trie_node **slot = root;
	int i;

	for (i = 0; i < level; i++) {
		if (!own(slot, edit))
			return NULL;
		slot = &kids_of(*slot)[place((*slot)->kids, w->bit[i])];
	}
	return slot;
}

/* del_here - the node stays, without the leaf */
static bool
del_here(struct way *w, struct trie_node **root, uint64_t edit)
{
	struct trie_node *n = w->node[w->deep], *fresh;
	struct trie_node **slot = way_own(w, root, w->deep, edit);

	if (slot == NULL)
		return false;
	fresh = node_copy(n, n->leaves & ~w->bit[w->deep], n->kids, edit);
	if (fresh == NULL)
		return false;
	replace(slot, fresh, edit);
	return true;
}

/*
 * del_lift - one leaf would be left alone: it moves up to the first node that
 * holds anything else, and the chain between goes
 */
static bool
del_lift(struct way *w, struct trie_node **root, uint64_t edit)
{
	struct trie_node *n = w->node[w->deep], *top, *fresh, **slot;
	struct trie_leaf last;
	int up = w->deep - 1, i;

	last = n->leaf[(n->leaves & (w->bit[w->deep] - 1)) == 0];
	while (
	    up > 0 && w->node[up]->leaves == 0 && count(w->node[up]->kids) == 1)
		up--;
	slot = way_own(w, root, up, edit);
	if (slot == NULL)
		return false;
	top = *slot;
	fresh = node_copy(
	    top, top->leaves | w->bit[up], top->kids & ~w->bit[up], edit);
	if (fresh == NULL)
		return false;
	fresh->leaf[place(fresh->leaves, w->bit[up])] = last;
	replace(slot, fresh, edit);
	for (i = up + 1; i <= w->deep; i++)
		if (w->node[i]->w.edit == edit)
			free(w->node[i]);
	return true;
}

bool
trie_del(struct trie_node **root, uint64_t edit, struct trie_key key)
{
	struct way w;
	const struct trie_node *n;

	assert(edit != 0);
	if (!way_find(&w, *root, key))
		return true;
	n = w.node[w.deep];
	if (w.deep > 0 && n->kids == 0 && count(n->leaves) == 2)
		return del_lift(&w, root, edit);
	if (w.deep == 0 && n->kids == 0 && count(n->leaves) == 1) {
		replace(root, NULL, edit);
		return true;
	}
	return del_here(&w, root, edit);
}

/* ---- forgetting ---- */

void
trie_diff(struct trie_node *gone, const struct trie_node *kept, uint64_t edit,
    struct trie_waste *waste)
{
	const struct trie_node *other;
	struct trie_node **kids;
	uint32_t left, bit;

	if (gone == NULL || gone == kept || gone->w.edit < edit)
		return;
	kids = kids_of(gone);
	for (left = gone->kids; left != 0; left &= ~bit) {
		bit = left & -left;
		other = kept != NULL && (kept->kids & bit) != 0
			    ? kid_of(kept, bit)
			    : NULL;
		trie_diff(*kids++, other, edit, waste);
	}
	waste->bytes += node_bytes(gone->leaves, gone->kids);
	gone->w.next = waste->first;
	waste->first = gone;
}

void
trie_free(struct trie_waste *waste)
{
	struct trie_node *n, *next;

	for (n = waste->first; n != NULL; n = next) {
		next = n->w.next;
		free(n);
	}
	*waste = (struct trie_waste){NULL, 0};
}
