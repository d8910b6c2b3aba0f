/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_TRIE_H
#define MODEL_TRIE_H

/*
 * trie - a persistent map from 128-bit keys, in key order
 *
 * A hash-array-mapped trie: each level takes five bits of the key, most
 * significant first, and a node holds only the slots that are in use.  Changing
 * a trie copies the nodes on the way from the root and shares the rest, so an
 * old root goes on showing the old map, without a lock, while the next one is
 * made.  The keys are expected to be random or hashed; any others cost depth
 * (26 levels at most), never correctness.
 *
 * Every change is made under an edit number.  Nodes made under that number
 * belong to the change alone and are altered in place; older nodes are never
 * touched.  The caller counts edit numbers upwards and says with trie_diff
 * when nodes of a root have no further use.
 *
 * Threads: any number may read a root; one changes it, under a number greater
 * than that of every root that others can see.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trie_key {
	uint64_t hi, lo; /* compared as one 128-bit number */
};

union trie_value {
	const void *ptr;
	uint64_t word;
};

struct trie_leaf {
	struct trie_key key;
	union trie_value v;
};

struct trie_node; /* an empty trie is a NULL root */

/* Nodes that a root held and that have no further use. */
struct trie_waste {
	struct trie_node *first;
	size_t bytes;
};

/*
 * trie_get - the leaf with this key; NULL: none
 *
 * note    the leaf lives as long as the version that root belongs to
 */
const struct trie_leaf *trie_get(
    const struct trie_node *root, struct trie_key key);

/*
 * trie_seek - the leaf with the smallest key that is not below this one
 */
const struct trie_leaf *trie_seek(
    const struct trie_node *root, struct trie_key key);

/*
 * trie_key_next - the key plus one; false: there is none greater
 */
bool trie_key_next(struct trie_key *key);

/*
 * trie_put - add a leaf, or give the one with this key another value
 *
 * in      edit  number of this change, never 0
 * errors  false: out of memory; the map holds what it held before
 */
bool trie_put(struct trie_node **root, uint64_t edit, struct trie_key key,
    union trie_value v);

/*
 * trie_del - remove the leaf with this key; no error when there is none
 *
 * errors  false: out of memory; the map holds what it held before
 */
bool trie_del(struct trie_node **root, uint64_t edit, struct trie_key key);

/*
 * trie_sort - leaves into the order of their keys
 *
 * in      room  space for n leaves, contents lost
 */
void trie_sort(struct trie_leaf *leaf, size_t n, struct trie_leaf *room);

/*
 * trie_build - a map of many leaves at once, much faster than one by one
 *
 * in      leaf[0..n)  sorted, no two with one key; n > 0
 * returns the root; NULL: out of memory
 */
struct trie_node *trie_build(
    const struct trie_leaf *leaf, size_t n, uint64_t edit);

/*
 * trie_diff - collect the nodes that one root has and another has not
 *
 * in      gone  root about to be forgotten
 *         kept  root that stays; NULL: nothing stays
 *         edit  only nodes made under this number or a later one are taken
 * out     waste  the nodes are added; readers may go on reading them
 * note    costs no more than the difference; cannot fail
 */
void trie_diff(struct trie_node *gone, const struct trie_node *kept,
    uint64_t edit, struct trie_waste *waste);

/*
 * trie_free - free what was collected; the list is empty afterwards
 */
void trie_free(struct trie_waste *waste);

#endif
