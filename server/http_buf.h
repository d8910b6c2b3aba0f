/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_HTTP_BUF_H
#define SERVER_HTTP_BUF_H

/*
 * http_buf - bytes on their way out: a growing buffer with a sticky failure
 *
 * Writers append without looking; when the bound is reached or memory is out
 * the buffer fails for good, later writes do nothing, and one check before
 * sending finds out.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>

struct http_buf {
	char *p;    /* the bytes; NULL while nothing was written */
	size_t len; /* bytes written */
	size_t cap; /* bytes allocated */
	size_t max; /* bound on len */
	bool failed;
};

/*
 * http_buf_init - an empty buffer that never holds more than max bytes
 */
void http_buf_init(struct http_buf *b, size_t max);

/*
 * http_buf_fini - free it; usable again after http_buf_init
 */
void http_buf_fini(struct http_buf *b);

/*
 * http_buf_reset - empty and not failed any more; keeps its memory, but not
 *         more than keep bytes of it
 */
void http_buf_reset(struct http_buf *b, size_t keep);

/*
 * http_buf_reserve - room for n more bytes
 *
 * returns where to write them (then add what was written to len); NULL: the
 *         buffer has failed
 */
char *http_buf_reserve(struct http_buf *b, size_t n);

/*
 * http_buf_add - append n bytes
 * http_buf_text - append a NUL-terminated text
 */
void http_buf_add(struct http_buf *b, const void *p, size_t n);
void http_buf_text(struct http_buf *b, const char *s);

/*
 * http_buf_printf - append formatted text
 */
void http_buf_printf(struct http_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
