/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_RPC_H
#define SERVER_RPC_H

/*
 * rpc - what a protocol is: bytes to a typed call, and its result to bytes
 *
 * A protocol is one struct rpc_codec; which paths speak it is a row of a table
 * in srv_rpc.c.  The codec knows its grammar only: what a value means for a
 * parameter is api/val.h, what a reply consists of is here.
 *
 * A whole class is written row by row: the view is immutable, so a row is found
 * again by the ref of the one before, and nothing but that ref is kept between
 * pieces.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "server/http_buf.h"
#include "server/rpc_walk.h"

struct rpc_codec {
	const char *type; /* content type, no charset: a client compares it */

	/* A reader is for one thread, reused for any number of calls. */
	void *(*reader_new)(void); /* NULL: out of memory */
	void (*reader_free)(void *reader);
	/*
	 * Fills method, msg, received, session_*, args and bad of a call after
	 * api_call_init; owner is the codec's until the reply is written.
	 * false: it is no call; text says why in one line.
	 */
	bool (*read)(void *reader, const char *body, size_t n,
	    struct api_call *c, char *text, size_t text_bytes);
	/* The reply to what is no call; NULL: HTTP status 400, plain text. */
	void (*bad)(struct http_buf *out, const char *text);

	/*
	 * A reply is head, value, tail; or failure alone.  A value, and a
	 * result by rows, is walked with the marks (rpc_walk.h).
	 */
	const struct rpc_marks *marks;
	void (*head)(const struct api_call *c, struct http_buf *out);
	void (*tail)(const struct api_call *c, struct http_buf *out);
	void (*failure)(const struct api_call *c, struct http_buf *out);
};

/*
 * rpc_rows - a reply whose result is a whole class, made piece by piece
 *
 * For calls with c->err == ERR_NONE and c->rows != API_ROWS_NONE.  Two runs
 * over the same call give the same bytes: the first may count, the second send.
 */
struct rpc_rows {
	const struct rpc_codec *codec;
	const struct api_call *call;
	struct arena scratch; /* one record as the wire shows it */
	struct idl_ref last;  /* of the row written last */
	size_t at;	      /* rows written */
	int phase;	      /* head, rows, done */
};

/*
 * rpc_rows_init, rpc_rows_fini - the call, with its view, must outlive the rows
 */
void rpc_rows_init(struct rpc_rows *r, const struct rpc_codec *codec,
    const struct api_call *c);
void rpc_rows_fini(struct rpc_rows *r);

/*
 * rpc_rows_more - append at least so many bytes, or all the rest
 *
 * returns false when the reply is complete or out->failed; a piece may be
 *         longer than at_least by one record
 */
bool rpc_rows_more(struct rpc_rows *r, struct http_buf *out, size_t at_least);

/*
 * rpc_write_reply - the whole reply of a finished call, rows included
 *
 * returns false when out has failed (too long, or out of memory)
 */
bool rpc_write_reply(const struct rpc_codec *codec, const struct api_call *c,
    struct http_buf *out);

#endif
