/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULT_HELP_JRN_H
#define TESTS_FAULT_HELP_JRN_H

/*
 * help_jrn - records of any class, and what a journal gives back of them
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "idl_types.h" /* generated */
#include "model/arena.h"
#include "model/jrn.h"

/* Copies of all records that a load gave. */
struct help_held {
	void **rec; /* packed */
	size_t n, room;
	uint64_t generation;
};

/*
 * help_ref - the ref number n; 0 is the null ref
 */
struct idl_ref help_ref(uint64_t n);

/*
 * help_fill - a record whose every persistent field has an awkward value
 *
 * in      seed  which value; every kind has some ten of them
 * out     rec   its parts in the arena; live fields at their default
 */
void help_fill(
    const struct idl_class *c, void *rec, struct arena *a, uint64_t seed);

/*
 * help_same - are all that a journal keeps of two records equal?
 */
bool help_same(const struct idl_class *c, const void *a, const void *b);

/*
 * help_load - everything that the journal holds
 *
 * out     held  dropped with help_held_drop, also after a failure
 */
enum err help_load(struct jrn *j, struct help_held *held, struct failure *why);
void help_held_drop(struct help_held *held);

/*
 * help_find - the held record of a ref; NULL: none
 */
const void *help_find(
    const struct help_held *held, int cls, const struct idl_ref *ref);

/*
 * help_commit_one - commit one record as a batch of its own; asserts success
 */
void help_commit_one(struct jrn *j, uint64_t generation, const void *rec);

/* The bytes of a file, to see whether anything touched it. */
struct help_bytes {
	unsigned char *p; /* NULL: there is no such file */
	size_t n;
};

/*
 * help_bytes_read - a whole file; help_bytes_drop - free it
 * help_bytes_same - equal content, or both absent
 */
struct help_bytes help_bytes_read(const char *path);
void help_bytes_write(const char *path, const struct help_bytes *b);
void help_bytes_drop(struct help_bytes *b);
bool help_bytes_same(const struct help_bytes *a, const struct help_bytes *b);

/*
 * help_folder - a new folder; the path of a database in it
 * help_folder_drop - remove both
 */
char *help_folder(void);
void help_folder_drop(char **path);

#endif
