/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_XML_H
#define SERVER_XML_H

/*
 * xml - the XML-RPC codec: request bytes to a typed call, result to reply bytes
 *
 * Reading: system expat calls back, and each value goes straight to its typed
 * place in the arguments of the call; no tree is built.  What is not a
 * methodCall at all gets a fault.  A call whose parameters have the wrong type
 * is one: the first failure is in c->bad and dispatch reports it in its turn.
 *
 * What a value means for a parameter is in api/val.h.  Ints come untagged, as
 * string, int, i4 or i8; floats as double too; bools as boolean; datetimes as
 * dateTime.iso8601 or string; objects as struct.  <nil/> and <base64> fit
 * nowhere.
 *
 * Refused while parsing: DOCTYPE (so no entities), encodings other than UTF-8
 * and US-ASCII, more than XML_DEPTH_MAX open elements, more than
 * XML_MEMBERS_MAX struct members and array elements.
 *
 * Writing: never any white space between tags (a real client needs it), output
 * always well-formed: control characters are dropped, broken UTF-8 becomes
 * U+FFFD, a carriage return becomes a character reference.
 *
 * Memory: values are in the call's arena and bounded by it; the parser itself
 * keeps at most 64 KiB of text between calls.
 *
 * DIAGNOSTICS none.  BUGS 17-digit doubles are written with 16, as the
 * reference does.
 */

#include "server/rpc.h"

#define XML_DEPTH_MAX 64
#define XML_MEMBERS_MAX 100000
#define XML_RESULT_BYTES ((size_t)1 << 20)

/*
 * xml_result_text - result_text of struct api_env: Async calls leave XML in
 *         their tasks
 *
 * in      ctx  nobody's
 * returns NULL when it is longer than XML_RESULT_BYTES, or memory is out
 */
const char *xml_result_text(
    void *ctx, struct arena *a, const struct idl_type *t, const void *native);

/*
 * xml_codec - all of it, as the server takes it
 */
extern const struct rpc_codec xml_codec;

#endif
