/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/http_buf.h"

#define HTTP_BUF_FIRST 1024

void
http_buf_init(struct http_buf *b, size_t max)
{
	*b = (struct http_buf){.max = max};
}

void
http_buf_fini(struct http_buf *b)
{
	free(b->p);
	*b = (struct http_buf){.max = b->max};
}

void
http_buf_reset(struct http_buf *b, size_t keep)
{
	b->len = 0;
	b->failed = false;
	if (b->cap > keep) {
		free(b->p);
		b->p = NULL;
		b->cap = 0;
	}
}

/* grow - make cap at least need, which is <= max */
static bool
grow(struct http_buf *b, size_t need)
{
	size_t cap = b->cap != 0 ? b->cap : HTTP_BUF_FIRST;
	char *p;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

char *
http_buf_reserve(struct http_buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->max - b->len ||
	    ((b->p == NULL || b->cap - b->len < n) && !grow(b, b->len + n))) {
		b->failed = true;
		return NULL;
	}
	return b->p + b->len;
}

void
http_buf_add(struct http_buf *b, const void *p, size_t n)
{
	char *to = http_buf_reserve(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void
http_buf_text(struct http_buf *b, const char *s)
{
	http_buf_add(b, s, strlen(s));
}

void
http_buf_printf(struct http_buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int r;

	va_start(ap, fmt);
	r = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (r < 0) {
		b->failed = true;
		return;
	}
	/* One more for the NUL that vsnprintf insists on; not counted. */
	to = http_buf_reserve(b, (size_t)r + 1);
	if (to == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(to, (size_t)r + 1, fmt, ap); /* length known */
	va_end(ap);
	b->len += (size_t)r;
}
