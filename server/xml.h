/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_XML_H
#define SERVER_XML_H

/*
 * xml - the XML-RPC codec: request bytes to a typed call, result to reply bytes
 *
 * Reading: system expat calls back, and each value goes straight to its typed
 * place in the arguments of the call; no tree is built.  What is not a
 * methodCall at all is XML_BAD and gets a fault (xml_write_fault).  A call
 * whose parameters have the wrong type is XML_OK: the first failure is in
 * c->bad and dispatch reports it in its turn.
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
 * keeps at most a few times the size of the longest body it has seen.
 *
 * DIAGNOSTICS none.  BUGS 17-digit doubles are written with 16, as the
 * reference does.
 */

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "server/http_buf.h"
#include "server/rpc.h"

#define XML_DEPTH_MAX 64
#define XML_MEMBERS_MAX 100000

struct xml_parser;

enum xml_status { XML_OK, XML_BAD };

/*
 * xml_parser_new - a parser, for one thread, reused for any number of calls
 *
 * errors  NULL when out of memory
 */
struct xml_parser *xml_parser_new(void);

/*
 * xml_parser_free - and set to NULL; NULL is accepted
 */
void xml_parser_free(struct xml_parser **parser);

/*
 * xml_read_call - decode a request body into a call
 *
 * in      body[0..n)
 *         c  after api_call_init
 * out     c  method, msg, received, session_ref, session_text, args, bad
 *         text  when XML_BAD: one line why, NUL-terminated
 */
enum xml_status xml_read_call(struct xml_parser *p, const char *body, size_t n,
    struct api_call *c, char *text, size_t text_bytes);

/*
 * xml_write_value - <value>...</value> of a native value
 *
 * note    inverse fields of records must have been filled in (api_record_view)
 */
void xml_write_value(
    struct http_buf *out, const struct idl_type *t, const void *native);

/*
 * xml_write_fault - a reply that is an XML-RPC fault
 *
 * returns false when out has failed
 */
bool xml_write_fault(struct http_buf *out, int code, const char *text);

/*
 * xml_codec - all of it, as the server takes it
 */
extern const struct rpc_codec xml_codec;

#endif
