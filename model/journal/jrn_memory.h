/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_JOURNAL_JRN_MEMORY_H
#define MODEL_JOURNAL_JRN_MEMORY_H

/*
 * jrn_memory - a journal that keeps everything in memory, for tests
 *
 * Behaves like a durable one, to the point of failing when told to.  What a
 * restart would find is got with jrn_memory_copy before the store is closed.
 *
 * DIAGNOSTICS none.
 * BUGS nothing survives the process; that is its purpose.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/jrn.h"

/* How one commit is to fail. */
struct jrn_memory_fault {
	size_t nth;		 /* commit, counted from 1; 0: none fails */
	enum jrn_result answer;	 /* what commit says; COMMITTED: no fault */
	enum jrn_result resolve; /* after UNKNOWN: the truth, or FATAL */
};

/*
 * jrn_memory_new - an empty journal; NULL: out of memory
 */
struct jrn *jrn_memory_new(void);

/*
 * jrn_memory_copy - another journal with the same records, and no faults
 *
 * returns NULL: out of memory
 */
struct jrn *jrn_memory_copy(const struct jrn *j);

/*
 * jrn_memory_fail - let a commit fail; counting starts again
 */
void jrn_memory_fail(struct jrn *j, struct jrn_memory_fault fault);

/*
 * jrn_memory_fail_also - let another commit fail likewise, counted from the
 * same start
 */
void jrn_memory_fail_also(struct jrn *j, size_t nth);

/*
 * jrn_memory_doom - a commit ends in JRN_FATAL, as when the process is killed
 * in it; counted as with jrn_memory_fail
 *
 * in      is_kept  it is stored all the same
 */
void jrn_memory_doom(struct jrn *j, size_t nth, bool is_kept);

/*
 * jrn_memory_put - enter a record behind everybody's back, as an attacker or
 * an older version may have left it; several with one ref are possible
 *
 * returns 0, or -1: out of memory
 */
int jrn_memory_put(struct jrn *j, const void *rec);

/*
 * jrn_memory_commits - commits that have been asked for since jrn_memory_fail
 * jrn_memory_changes - changes in the last of them
 */
size_t jrn_memory_commits(const struct jrn *j);
size_t jrn_memory_changes(const struct jrn *j);

/*
 * jrn_memory_records - records held
 */
size_t jrn_memory_records(const struct jrn *j);

#endif
