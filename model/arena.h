/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_ARENA_H
#define MODEL_ARENA_H

/*
 * arena - all the memory of one request, bounded, freed in one go
 *
 * Every call that comes in has one arena: typed arguments, failure texts and
 * results live in it.  Handlers never free.  The bound is what makes memory
 * per caller finite: past it, allocation fails as if memory had run out.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	char *at;		    /* next free byte of the newest block */
	size_t left;		    /* bytes left in the newest block */
	size_t used_bytes;	    /* handed out in all */
	size_t limit_bytes;	    /* never hands out more than this */
};

/*
 * arena_init - an empty arena; allocates nothing yet
 *
 * in      limit_bytes  most it will ever hand out
 */
void arena_init(struct arena *a, size_t limit_bytes);

/*
 * arena_alloc - n zeroed bytes, aligned for any type; lives until reset or fini
 *
 * errors  NULL when the limit is reached or memory is out
 */
void *arena_alloc(struct arena *a, size_t n);

/*
 * arena_strndup, arena_printf - a NUL-terminated string in the arena
 *
 * errors  NULL as arena_alloc
 */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * arena_reset - forget everything handed out, keep one block for reuse
 */
void arena_reset(struct arena *a);

/*
 * arena_fini - free all; the arena may be used again after arena_init
 */
void arena_fini(struct arena *a);

#endif
