/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_HTTP_PARSE_H
#define SERVER_HTTP_PARSE_H

/*
 * http_parse - one HTTP request out of bytes that come in pieces
 *
 * http-parser does the framing; on top of it we refuse what is ambiguous or
 * unbounded: a body without exactly one Content-Length, any Transfer-Encoding,
 * header floods, white space in header names.  Small and flat, because every
 * idle connection holds one.
 *
 * DIAGNOSTICS none; the status and the text of the answer are in the struct.
 * BUGS header values we do not use are not looked at.
 */

#include <http_parser.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/http.h"

#define HTTP_PATH_BYTES 32  /* longer paths are none that we know */
#define HTTP_FIELD_BYTES 32 /* longer header names likewise */
#define HTTP_ASKED_BYTES 192
#define HTTP_NOTES_BYTES 1024 /* of headers that are noted, in all */

/* What all connections together hold of bodies that come in pieces. */
struct http_budget {
	atomic_size_t used_bytes;
};

enum http_parse_step {
	HTTP_PARSE_MORE,     /* all bytes used, request not complete */
	HTTP_PARSE_CONTINUE, /* the same, and the peer waits for 100 Continue */
	HTTP_PARSE_DONE,     /* request complete; bytes may be left */
	HTTP_PARSE_BAD,	     /* answer status and text, then close */
};

enum http_field {
	HTTP_FIELD_OTHER,
	HTTP_FIELD_LENGTH,   /* Content-Length */
	HTTP_FIELD_ENCODING, /* Transfer-Encoding */
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_ASKED, /* Access-Control-Request-Headers */
	HTTP_FIELD_NOTE,  /* one that is noted */
};

struct http_parse {
	http_parser p;
	const struct http_limits *limits;
	struct http_budget *budget;
	int status;	 /* 0: nothing wrong so far */
	char text[96];	 /* why, with status */
	bool in_headers; /* the request line or headers go on */
	bool done;	 /* request complete */
	bool keep_alive; /* with done */
	bool expect;	 /* Expect: 100-continue, not answered yet */
	bool in_value;	 /* last header piece was of a value */
	bool has_length, has_encoding, bad_expect, bad_note;
	unsigned headers;
	size_t header_bytes;
	enum http_field field; /* whose value comes */
	size_t field_len, path_len, asked_len, expect_len;
	char field_name[HTTP_FIELD_BYTES]; /* lower case */
	char path[HTTP_PATH_BYTES];	   /* without the query; NUL */
	char asked[HTTP_ASKED_BYTES];	   /* NUL; "" when none or unsound */
	struct http_buf notes;		   /* see struct http_request */
	size_t note_at;			   /* where the last one begins */
	struct http_buf body; /* a body that came in several pieces */
	const char *body_at;  /* with done */
	size_t body_bytes;
};

/*
 * http_parse_init - ready for the first request
 *
 * in      limits, budget  borrowed
 */
void http_parse_init(struct http_parse *hp, const struct http_limits *limits,
    struct http_budget *budget);

/*
 * http_parse_fini - free what it holds
 */
void http_parse_fini(struct http_parse *hp);

/*
 * http_parse_feed - take n bytes, n > 0
 *
 * out     used_out  bytes taken
 * note    after DONE: body_at may point into p; call http_parse_next before
 *         the next feed.  After BAD: feed no more.
 */
enum http_parse_step http_parse_feed(
    struct http_parse *hp, const char *p, size_t n, size_t *used_out);

/*
 * http_parse_next - forget the request that is done, keep no memory
 */
void http_parse_next(struct http_parse *hp);

#endif
