/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_alloc - make the Nth allocation fail, to see what the code does then
 */

/* System */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/model/help_alloc.h"

/* Runs before the sanitizers are ready: their own start allocates. */
#define BARE                                                                   \
	__attribute__((no_sanitize("address"), no_sanitize("undefined"),       \
	    no_sanitize("thread")))

enum when { NEVER, ONCE, FROM };

static _Thread_local enum when when;
static _Thread_local size_t until; /* allocations that still succeed */
static _Thread_local bool failed;
static _Thread_local bool held;

void
help_alloc_fail_nth(size_t n)
{
	failed = false;
	until = n - 1;
	when = ONCE;
}

void
help_alloc_fail_from(size_t n)
{
	failed = false;
	until = n - 1;
	when = FROM;
}

bool
help_alloc_stop(void)
{
	bool r = failed;

	when = NEVER;
	failed = false;
	return r;
}

void
help_alloc_hold(void)
{
	held = true;
}

void
help_alloc_go_on(void)
{
	held = false;
}

/* must_fail - count one allocation */
static BARE bool
must_fail(void)
{
	if (when == NEVER || held)
		return false;
	if (until > 0) {
		until--;
		return false;
	}
	if (when == ONCE)
		when = NEVER;
	failed = true;
	errno = ENOMEM;
	return true;
}

/* next_symbol - the function that ours stands before */
static BARE void
next_symbol(const char *name, void *f_out, size_t bytes)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (p == NULL)
		abort();
	memcpy(f_out, &p, bytes); /* ISO C has no cast to a function */
}

BARE void *
malloc(size_t n)
{
	static void *(*real)(size_t);

	if (must_fail())
		return NULL;
	if (real == NULL)
		next_symbol("malloc", &real, sizeof real);
	return real(n);
}

BARE void *
calloc(size_t n, size_t size)
{
	static void *(*real)(size_t, size_t);

	if (must_fail())
		return NULL;
	if (real == NULL)
		next_symbol("calloc", &real, sizeof real);
	return real(n, size);
}

BARE void *
realloc(void *p, size_t n)
{
	static void *(*real)(void *, size_t);

	if (must_fail())
		return NULL;
	if (real == NULL)
		next_symbol("realloc", &real, sizeof real);
	return real(p, n);
}

BARE int
posix_memalign(void **p, size_t alignment, size_t n)
{
	static int (*real)(void **, size_t, size_t);

	if (must_fail())
		return ENOMEM;
	if (real == NULL)
		next_symbol("posix_memalign", &real, sizeof real);
	return real(p, alignment, n);
}
