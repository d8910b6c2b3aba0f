/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_MODEL_HELP_ALLOC_H
#define TESTS_MODEL_HELP_ALLOC_H

/*
 * help_alloc - make the Nth allocation fail, to see what the code does then
 *
 * Linked into a test program, this takes the place of malloc, calloc, realloc
 * and posix_memalign for the whole program, libraries too; the sanitizers
 * still see every call.  Counting and failing are per thread, and off until
 * asked for.  The loop that every suite runs:
 *
 *	for (n = 1;; n++) {
 *		help_alloc_fail_nth(n);
 *		ok = work();
 *		if (!help_alloc_stop())
 *			break;		all allocations of work() have had
 *		check what must hold	their turn: this run was undisturbed
 *	}
 *
 * BUGS clang's own sanitizer runtime is not supported, gcc's is.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * help_alloc_fail_nth - this thread's nth allocation from now on fails, once
 * help_alloc_fail_from - the nth and all later ones fail
 *
 * in      n  counts from 1
 */
void help_alloc_fail_nth(size_t n);
void help_alloc_fail_from(size_t n);

/*
 * help_alloc_stop - no allocation fails any more
 *
 * returns whether one did since help_alloc_fail_*
 */
bool help_alloc_stop(void);

/*
 * help_alloc_hold - no allocation fails or counts for now: not ours to test
 * help_alloc_go_on - as before
 */
void help_alloc_hold(void);
void help_alloc_go_on(void);

#endif
