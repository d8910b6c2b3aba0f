/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_RPC_WALK_H
#define SERVER_RPC_WALK_H

/*
 * rpc_walk - a native value as a protocol writes it
 *
 * Values have the same parts in every protocol; only the marks around and
 * between them differ, and how texts and floats are spelt.  Those are a
 * protocol's struct rpc_marks; the walk over a value, and over a reply by rows,
 * is here.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stddef.h>

#include "api/api.h"
#include "server/http_buf.h"

/* A short text; all of p is copied, which needs no loop, and n of it count. */
struct rpc_mark {
	char p[32];
	size_t n;
};
#define RPC_MARK(s)                                                            \
	{                                                                      \
		.p = (s), .n = sizeof(s) - 1                                   \
	}

/* Kinds of scalars: those of the IDL, and ints of 32 bits. */
enum { RPC_INT32 = IDL_SET, RPC_SCALARS };

struct rpc_marks {
	struct rpc_mark set_open, set_close;
	struct rpc_mark map_open, map_close; /* records too */
	struct rpc_mark between;	     /* two items, two members */
	/* A member is its name, between two marks, and a value. */
	struct rpc_mark name_open, name_close, member_close;
	/* A scalar is its text between two marks; that of void is empty. */
	struct {
		struct rpc_mark open, close;
	} scalar[RPC_SCALARS];
	const char *yes, *no;
	/* A text as it may stand between any marks. */
	void (*text)(struct http_buf *out, const char *text);
	void (*floating)(struct http_buf *out, double v);
};

/*
 * rpc_walk_value - a whole value
 *
 * note    inverse fields of records must have been filled in (api_record_view)
 */
void rpc_walk_value(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_type *t, const void *native);

/*
 * rpc_walk_open, rpc_walk_row, rpc_walk_close - a result by rows (enum
 *         api_rows); a row has a ref, or a record, or both
 */
void rpc_walk_open(
    const struct rpc_marks *m, const struct api_call *c, struct http_buf *out);
void rpc_walk_row(const struct rpc_marks *m, struct http_buf *out, bool first,
    const char *ref, const struct idl_type *t, const void *record);
void rpc_walk_close(
    const struct rpc_marks *m, const struct api_call *c, struct http_buf *out);

#endif
