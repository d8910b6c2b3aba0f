/* SPDX-License-Identifier: BSD-2-Clause */
/* The persistent map, against a plain sorted array. */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/trie.h"

/* Own */
#include "tests/model/help_alloc.h"
#include "tests/model/help_random.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define FULL UINT64_MAX

#define PLAIN_MAX 3000

/* The reference: leaves in key order. */
struct plain {
	struct trie_leaf leaf[PLAIN_MAX];
	size_t n;
};

static int
key_cmp(struct trie_key a, struct trie_key b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

/* plain_at - index of the first leaf not below the key */
static size_t
plain_at(const struct plain *p, struct trie_key key)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (key_cmp(p->leaf[i].key, key) >= 0)
			break;
	return i;
}

static void
plain_put(struct plain *p, struct trie_key key, uint64_t word)
{
	size_t i = plain_at(p, key);

	if (i == p->n || key_cmp(p->leaf[i].key, key) != 0) {
		cr_assert_lt(p->n, (size_t)PLAIN_MAX);
		memmove(&p->leaf[i + 1], &p->leaf[i],
		    (p->n - i) * sizeof p->leaf[0]);
		p->n++;
	}
	p->leaf[i] = (struct trie_leaf){key, {.word = word}};
}

static void
plain_del(struct plain *p, struct trie_key key)
{
	size_t i = plain_at(p, key);

	if (i == p->n || key_cmp(p->leaf[i].key, key) != 0)
		return;
	p->n--;
	memmove(&p->leaf[i], &p->leaf[i + 1], (p->n - i) * sizeof p->leaf[0]);
}

/* expect_equal - the trie holds what the array holds, in order */
static void
expect_equal(const struct trie_node *root, const struct plain *p)
{
	struct trie_key key = {0, 0};
	const struct trie_leaf *l;
	size_t i;

	for (i = 0; i < p->n; i++) {
		l = trie_seek(root, key);
		cr_assert_not_null(l, "leaf %zu of %zu", i, p->n);
		cr_assert_eq(key_cmp(l->key, p->leaf[i].key), 0);
		cr_assert_eq(l->v.word, p->leaf[i].v.word);
		cr_assert_eq(trie_get(root, l->key), l);
		key = l->key;
		if (!trie_key_next(&key))
			cr_assert_eq(i + 1, p->n);
	}
	if (i == 0 || key.hi != 0 || key.lo != 0)
		cr_assert_null(trie_seek(root, key));
}

/* forget - free what gone has and kept has not */
static size_t
forget(struct trie_node *gone, const struct trie_node *kept, uint64_t edit)
{
	struct trie_waste waste = {NULL, 0};
	size_t bytes;

	trie_diff(gone, kept, edit, &waste);
	bytes = waste.bytes;
	trie_free(&waste);
	return bytes;
}

Test(trie, one_key_at_a_time)
{
	static const struct {
		const char *sentence;
		struct trie_key in[4];
		size_t n;
		struct trie_key seek;
		int found; /* index into in; -1: none */
	} rows[] = {
	    {"nothing is found in an empty map", {{0, 0}}, 0, {0, 0}, -1},
	    {"the smallest key", {{0, 0}}, 1, {0, 0}, 0},
	    {"the greatest key", {{FULL, FULL}}, 1, {FULL, FULL}, 0},
	    {"a greater key is sought", {{5, 5}}, 1, {5, 4}, 0},
	    {"no greater key is there", {{5, 5}}, 1, {5, 6}, -1},
	    {"keys that part in the last bit", {{5, 6}, {5, 7}}, 2, {5, 7}, 1},
	    {"from between two", {{1, 0}, {3, 0}}, 2, {2, FULL}, 1},
	    {"up again out of a deep chain", {{5, 6}, {5, 7}, {FULL, 0}}, 3,
		{5, 8}, 2},
	    {"down into a deep chain", {{1, 1}, {FULL, 1}, {FULL, 2}}, 3,
		{1, 2}, 1},
	    {"the top half alone parts them", {{1, 9}, {2, 1}, {4, 0}}, 3,
		{1, 10}, 1},
	};
	const struct trie_leaf *l;
	struct trie_node *root;
	size_t i, k;

	for (i = 0; i < N(rows); i++) {
		root = NULL;
		for (k = 0; k < rows[i].n; k++)
			cr_assert(trie_put(&root, 1, rows[i].in[k],
			    (union trie_value){.word = k}));
		l = trie_seek(root, rows[i].seek);
		if (rows[i].found < 0)
			cr_expect_null(l, "%s", rows[i].sentence);
		else
			cr_expect(
			    l != NULL && l->v.word == (uint64_t)rows[i].found,
			    "%s", rows[i].sentence);
		for (k = 0; k < rows[i].n; k++)
			cr_assert(trie_del(&root, 1, rows[i].in[k]));
		cr_expect_null(root, "%s: empty again", rows[i].sentence);
	}
}

Test(trie, key_next_counts_128_bits)
{
	struct trie_key key = {7, FULL};

	cr_assert(trie_key_next(&key));
	cr_assert(key.hi == 8 && key.lo == 0);
	key = (struct trie_key){FULL, FULL};
	cr_assert_not(trie_key_next(&key));
}

/* random_key - from few to all bits in use, so that prefixes are shared */
static struct trie_key
random_key(struct help_random *r, unsigned kind)
{
	uint64_t hi = help_random_next(r), lo = help_random_next(r);

	switch (kind % 4) {
	case 0:
		return (struct trie_key){hi, lo};
	case 1: /* one name, many refs */
		return (struct trie_key){hi % 3 * 0x5555555555555555u, lo};
	case 2: /* neighbours */
		return (struct trie_key){0, lo % 2000};
	default: /* few bits set, anywhere */
		return (struct trie_key){hi % 2 << hi % 61, lo % 8 << lo % 59};
	}
}

/* One step of a random history: the trie and the array alike. */
static void
random_step(struct help_random *r, unsigned kind, struct trie_node **root,
    uint64_t edit, struct plain *p)
{
	struct trie_key key = random_key(r, kind);
	uint64_t word = help_random_next(r);

	if (p->n > 0 && help_random_below(r, 5) < 2) {
		key = p->leaf[help_random_below(r, p->n)].key;
		cr_assert(trie_del(root, edit, key));
		plain_del(p, key);
		return;
	}
	if (p->n > 0 && help_random_below(r, 8) == 0)
		key = p->leaf[help_random_below(r, p->n)].key;
	cr_assert(trie_put(root, edit, key, (union trie_value){.word = word}));
	plain_put(p, key, word);
}

Test(trie, random_histories_agree_with_a_sorted_array)
{
	static struct plain now, before;
	struct trie_node *root, *old;
	struct help_random r;
	unsigned kind, batch;
	uint64_t edit;
	size_t i;

	help_random_init(&r, "trie histories");
	for (kind = 0; kind < 8; kind++) {
		root = NULL;
		now.n = 0;
		for (edit = 1, batch = 0; batch < 60; batch++, edit++) {
			old = root;
			before = now;
			for (i = help_random_below(&r, 90); i > 0; i--)
				random_step(&r, kind, &root, edit, &now);
			expect_equal(root, &now);
			expect_equal(old, &before); /* as if nothing had been */
			if (help_random_below(&r, 3) == 0) {
				(void)forget(root, old, edit); /* roll back */
				root = old;
				now = before;
			} else {
				(void)forget(old, root, 0);
			}
		}
		old = root;
		while (now.n > 0) {
			cr_assert(trie_del(&root, edit, now.leaf[0].key));
			plain_del(&now, now.leaf[0].key);
		}
		cr_assert_null(root);
		(void)forget(old, NULL, 0); /* and all is freed: no leak */
	}
}

Test(trie, built_at_once_is_the_same_as_one_by_one)
{
	static struct trie_leaf leaf[2500], room[2500];
	static struct plain p;
	struct trie_node *one, *all;
	struct help_random r;
	unsigned kind;
	size_t i, n;

	help_random_init(&r, "trie build");
	for (kind = 0; kind < 24; kind++) {
		one = NULL;
		p.n = 0;
		for (i = 1 + help_random_below(&r, kind < 8 ? 40 : 2400); i > 0;
		     i--)
			plain_put(&p, random_key(&r, kind), i);
		n = p.n;
		memcpy(leaf, p.leaf, n * sizeof leaf[0]);
		for (i = 0; i < n; i++) { /* shuffled */
			size_t k = help_random_below(&r, n);
			struct trie_leaf l = leaf[i];

			leaf[i] = leaf[k];
			leaf[k] = l;
		}
		for (i = 0; i < n; i++)
			cr_assert(trie_put(&one, 1, leaf[i].key, leaf[i].v));
		trie_sort(leaf, n, room);
		cr_assert_eq(memcmp(leaf, p.leaf, n * sizeof leaf[0]), 0);
		all = trie_build(leaf, n, 1);
		expect_equal(all, &p);
		cr_assert_eq(
		    forget(all, NULL, 0), forget(one, NULL, 0), "in shape too");
	}
}

Test(trie, difference_costs_only_what_changed)
{
	struct trie_node *root = NULL, *old;
	struct trie_key key = {0, 0};
	struct help_random r;
	size_t all, some;
	int i;

	help_random_init(&r, "trie difference");
	for (i = 0; i < 20000; i++) {
		key = random_key(&r, 0);
		cr_assert(trie_put(&root, 1, key, (union trie_value){NULL}));
	}
	old = root;
	cr_assert(trie_put(&root, 2, key, (union trie_value){.word = 1}));
	cr_assert_eq(trie_get(old, key)->v.word, 0);
	cr_assert_eq(trie_get(root, key)->v.word, 1);
	some = forget(old, root, 0);
	all = forget(root, NULL, 0);
	cr_assert_lt(some, all / 100);
	cr_assert_lt(all, 20000 * 48, "%zu bytes for 20,000 keys", all);
}

/* history - a fixed one that meets every kind of change; false: no memory */
static bool
history(struct trie_node **root, uint64_t edit)
{
	static const struct trie_key put[] = {
	    {1, 1}, {2, 1}, {1, 2}, {1, 3}, {9, 9}, {FULL, 7}, {FULL, 8}};
	static const struct trie_key del[] = {{2, 1}, {1, 2}, {FULL, 7}};
	size_t i;

	for (i = 0; i < N(put); i++)
		if (!trie_put(
			root, edit, put[i], (union trie_value){.word = edit}))
			return false;
	for (i = 0; i < N(del); i++)
		if (!trie_del(root, edit, del[i]))
			return false;
	return true;
}

Test(trie, failing_allocations_lose_nothing)
{
	struct trie_node *old = NULL, *root;
	static struct plain before;
	struct trie_key key;
	struct help_random r;
	size_t n;
	bool ok;

	help_random_init(&r, "trie allocation");
	for (n = 0; n < 40; n++) {
		key = n < 20 ? random_key(&r, 0) : (struct trie_key){1, n};
		cr_assert(
		    trie_put(&old, 1, key, (union trie_value){.word = n}));
		plain_put(&before, key, n);
	}
	for (n = 1;; n++) {
		root = old;
		help_alloc_fail_nth(n);
		ok = history(&root, 2);
		if (!help_alloc_stop())
			break;
		cr_assert_not(ok, "failed allocation %zu went unnoticed", n);
		expect_equal(old, &before);
		(void)forget(root, old, 2);
		expect_equal(old, &before);
	}
	cr_assert(ok);
	cr_assert_gt(n, 10);
	(void)forget(old, root, 0);
	(void)forget(root, NULL, 0);
	for (n = 1;; n++) {
		help_alloc_fail_nth(n);
		root = trie_build(before.leaf, before.n, 1);
		if (!help_alloc_stop())
			break;
		cr_assert_null(root);
	}
	expect_equal(root, &before);
	(void)forget(root, NULL, 0);
}
