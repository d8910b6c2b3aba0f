/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_JSN_H
#define SERVER_JSN_H

/*
 * jsn - the JSON-RPC codec: request bytes to a typed call, result to bytes
 *
 * Versions 1.0 and 2.0, told apart by each request: no member `jsonrpc` is 1.0,
 * "2.0" is 2.0, anything else is no call.  `id` is an int or a string and comes
 * back as it was.  `params` is an array; in 2.0 it may be absent or null (no
 * parameters) or an object (one parameter).  Other members are ignored.
 *
 *   1.0  {"result":V,"error":null,"id":N}
 *        {"result":null,"error":["CODE","p1",...],"id":N}
 *   2.0  {"jsonrpc":"2.0","result":V,"id":N}
 *        {"jsonrpc":"2.0","error":{"code":1,"message":"CODE",
 *         "data":["p1",...]},"id":N}
 *
 * What a value means for a parameter is in api/val.h: ints are numbers without
 * fraction and exponent, or text; floats any number or text; bools true and
 * false; null fits nowhere.  Replies have no white space; ints are numbers of
 * full 64 bits, floats have a point or an exponent and all their digits,
 * datetimes and void are strings.
 *
 * What is no call gets HTTP status 400: JSON that jansson refuses (control
 * characters, broken UTF-8, lone surrogates, NUL, numbers out of range, equal
 * keys in one object), nesting beyond JSN_DEPTH_MAX, more than JSN_VALUES_MAX
 * values.
 *
 * Memory: values are in the call's arena.  Jansson works in one piece of memory
 * of the reader, at most JSN_TREE_BYTES, gone before the call is dispatched.
 *
 * DIAGNOSTICS none.  BUGS a batch of calls (2.0) is no call.
 */

#include "api/val.h"
#include "server/rpc.h"

#define JSN_DEPTH_MAX 64
#define JSN_VALUES_MAX 20000
#define JSN_TREE_BYTES ((size_t)16 << 20)

/* Decodes calls, for one thread. */
struct jsn_reader {
	api_find_f *find; /* api_msg_find, or a test's own */
	char *tree;	  /* jansson's memory while a call is read */
	size_t tree_cap_bytes;
	size_t tree_used_bytes;
};

/* What a reply repeats of its request; in the call's arena, at c->owner. */
struct jsn_envelope {
	bool v2;
	const char *id_text; /* NULL: id is a number */
	int64_t id;
};

/*
 * jsn_reader_new, jsn_reader_free, jsn_reader_read - as struct rpc_codec has
 *         them; the reader is a struct jsn_reader
 */
void *jsn_reader_new(void);
void jsn_reader_free(void *reader);
bool jsn_reader_read(void *reader, const char *body, size_t n,
    struct api_call *c, char *text, size_t text_bytes);

/*
 * jsn_codec - all of it, as the server takes it
 */
extern const struct rpc_codec jsn_codec;

#endif
