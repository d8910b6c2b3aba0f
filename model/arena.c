/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena - all the memory of one request, bounded, freed in one go
 *
 * A list of malloc'd blocks.  Small requests are cut from the newest block;
 * a big one gets a block of its own behind it, so that what is left of the
 * newest is not wasted.
 */

/* System */
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/arena.h"

#define ALIGN _Alignof(max_align_t)
#define BLOCK_FIRST_BYTES ((size_t)1024) /* of a parked call: all it has */
#define BLOCK_MAX_BYTES ((size_t)65536)

struct arena_block {
	struct arena_block *next;
	size_t bytes; /* of data[] */
	_Alignas(max_align_t) char data[];
};

/* block_new - a block not yet in any list; NULL: out of memory */
static struct arena_block *
block_new(size_t bytes)
{
	struct arena_block *b;

	if (bytes > SIZE_MAX - sizeof *b)
		return NULL;
	b = malloc(sizeof *b + bytes);
	if (b == NULL)
		return NULL;
	b->next = NULL;
	b->bytes = bytes;
	return b;
}

/* block_own - room for one big request, behind the newest block */
static void *
block_own(struct arena *a, size_t n)
{
	struct arena_block *b = block_new(n);

	if (b == NULL)
		return NULL;
	if (a->blocks == NULL) {
		a->blocks = b;
		a->at = b->data + n;
		a->left = 0;
		return b->data;
	}
	b->next = a->blocks->next;
	a->blocks->next = b;
	return b->data;
}

/* block_push - a new newest block with room for n bytes */
static bool
block_push(struct arena *a, size_t n)
{
	struct arena_block *b;
	size_t bytes = BLOCK_FIRST_BYTES - sizeof *b;

	if (a->blocks != NULL)
		bytes = a->blocks->bytes * 2 + sizeof *b;
	if (bytes > BLOCK_MAX_BYTES - sizeof *b)
		bytes = BLOCK_MAX_BYTES - sizeof *b;
	if (bytes < n)
		bytes = n;
	b = block_new(bytes);
	if (b == NULL)
		return false;
	b->next = a->blocks;
	a->blocks = b;
	a->at = b->data;
	a->left = bytes;
	return true;
}

/* take - n bytes, not zeroed; align is 1 or ALIGN */
static void *
take(struct arena *a, size_t n, size_t align)
{
	size_t pad = (size_t)(-(uintptr_t)a->at & (align - 1));
	char *p;

	assert(a->used_bytes <= a->limit_bytes);
	if (n > a->limit_bytes - a->used_bytes)
		return NULL;
	if (pad > a->left || n > a->left - pad) {
		if (n >= BLOCK_MAX_BYTES / 4) {
			p = block_own(a, n);
			if (p != NULL)
				a->used_bytes += n;
			return p;
		}
		if (!block_push(a, n))
			return NULL;
		pad = 0;
	}
	p = a->at + pad;
	a->at = p + n;
	a->left -= pad + n;
	a->used_bytes += n;
	return p;
}

void
arena_init(struct arena *a, size_t limit_bytes)
{
	*a = (struct arena){.limit_bytes = limit_bytes};
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n == 0 ? 1 : n, ALIGN);

	return p == NULL ? NULL : memset(p, 0, n);
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p;

	if (n == SIZE_MAX)
		return NULL;
	p = take(a, n + 1, 1);
	if (p == NULL)
		return NULL;
	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = take(a, (size_t)n + 1, 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap); /* n is its length */
	va_end(ap);
	return p;
}

/* free_list - a list of blocks */
static void
free_list(struct arena_block *b)
{
	struct arena_block *next;

	for (; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

void
arena_reset(struct arena *a)
{
	struct arena_block *keep = a->blocks;

	if (keep != NULL && keep->bytes > BLOCK_MAX_BYTES) {
		arena_fini(a);
		return;
	}
	a->used_bytes = 0;
	if (keep == NULL)
		return;
	free_list(keep->next);
	keep->next = NULL;
	a->at = keep->data;
	a->left = keep->bytes;
}

void
arena_fini(struct arena *a)
{
	free_list(a->blocks);
	arena_init(a, a->limit_bytes);
}
