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
 *   int       decimal text, '-' allowed, 64 bit: untagged, string, int, i4, i8
 *   float     double, int or string holding a finite decimal number
 *   bool      <boolean> 0 or 1, nothing else
 *   datetime  dateTime.iso8601 or string: YYYYMMDDTHH:MM:SS, dashes, a fraction
 *             and a final Z allowed; UTC
 *   ref       string; "" is the null ref; HANDLE_INVALID when no ref of ours
 *   enum      string; INVALID_VALUE when it is none of the values
 *   map       struct; of members with the same name the last one counts
 *   record    struct; fields a constructor takes, other members are ignored,
 *             of members with the same name the last one counts
 *
 * Anything else in a parameter's place, <nil/> and <base64> included, is
 * FIELD_TYPE_ERROR with the name of the parameter, or of the record's field.
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
 * xml_write_reply - the whole reply of a finished call, rows included
 *
 * returns false when out has failed (too long, or out of memory)
 */
bool xml_write_reply(const struct api_call *c, struct http_buf *out);

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
 * xml_rows - a reply whose result is a whole class, made piece by piece
 *
 * For calls with c->err == ERR_NONE and c->rows != API_ROWS_NONE.  Two runs
 * over the same call give the same bytes: the first may count, the second send.
 */
struct xml_rows {
	const struct api_call *call;
	struct arena scratch; /* one record as the wire shows it */
	struct idl_ref last;  /* of the row written last */
	int phase;	      /* head, rows, done */
};

/*
 * xml_rows_init, xml_rows_fini - the call, with its view, must outlive the rows
 */
void xml_rows_init(struct xml_rows *r, const struct api_call *c);
void xml_rows_fini(struct xml_rows *r);

/*
 * xml_rows_more - append at least so many bytes, or all the rest
 *
 * returns false when the reply is complete or out->failed; a piece may be
 *         longer than at_least by one record
 */
bool xml_rows_more(struct xml_rows *r, struct http_buf *out, size_t at_least);

#endif
