/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_XML_PRIV_H
#define SERVER_XML_PRIV_H

/*
 * xml_priv - what the files of the XML-RPC codec share
 *
 * xml_read.c     expat's callbacks, the grammar of a methodCall, parameters
 * xml_gather.c   sets, maps and records while their elements arrive
 * xml_scalar.c   text to native scalars and back
 * xml_write.c    values, replies, faults
 * xml_rows.c     replies made piece by piece
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

/* System */
#include <expat.h>

/* Own */
#include "server/xml.h"

#define XML_NUMBER_BYTES 32 /* text of any int, double or datetime, and NUL */

/* Which element a scalar came in; untagged text counts as string. */
enum xml_el {
	XML_EL_NONE, /* below the root: nothing is open */
	XML_EL_CALL,
	XML_EL_METHOD_NAME,
	XML_EL_PARAMS,
	XML_EL_PARAM,
	XML_EL_VALUE,
	XML_EL_STRUCT,
	XML_EL_MEMBER,
	XML_EL_NAME,
	XML_EL_ARRAY,
	XML_EL_DATA,
	XML_EL_STRING, /* from here on: scalars, only text inside */
	XML_EL_INT,
	XML_EL_DOUBLE,
	XML_EL_BOOLEAN,
	XML_EL_DATETIME,
	XML_EL_BASE64,
	XML_EL_NIL,
};

/* Why a text is not a value of a type. */
enum xml_scalar {
	XML_SCALAR_OK,
	XML_SCALAR_TYPE,  /* FIELD_TYPE_ERROR */
	XML_SCALAR_VALUE, /* INVALID_VALUE: no such enum value */
	XML_SCALAR_REF,	  /* HANDLE_INVALID */
	XML_SCALAR_NOMEM,
};

/* Where a value goes. */
struct xml_slot {
	const struct idl_type *type; /* NULL: nowhere, the value is skipped */
	void *dest;		     /* place for the native value */
	const char *where;	     /* parameter or field, for failures */
};

/* One open element. */
struct xml_frame {
	enum xml_el el;
	unsigned children; /* elements inside it so far */
	/* VALUE and what is in it: its place; MEMBER: what <name> named. */
	struct xml_slot slot;
	/* STRUCT, ARRAY: what has been gathered. */
	uint32_t n, cap;
	char *keys;  /* MAP: cap native keys */
	char *items; /* MAP: cap values; SET: cap elements; RECORD: struct */
	bool *given; /* RECORD: by field */
};

enum xml_text { XML_TEXT_NONE, XML_TEXT_DROP, XML_TEXT_KEEP };

struct xml_parser {
	XML_Parser expat;
	unsigned long salt; /* expat's hash salt: ask the kernel once */
	const struct idl_msg *(*find)(const char *name, size_t n);
	struct api_call *call;
	struct xml_frame frames[XML_DEPTH_MAX + 1];
	unsigned depth;	  /* frames[depth] is the innermost open element */
	unsigned members; /* of structs and arrays, in the whole call */
	enum xml_text mode;
	bool ink; /* DROP: something else than white space came */
	char *text; /* of the element being read; NUL-terminated when asked */
	size_t text_len, text_cap;
	const char *bad; /* why the call is none; NULL: fine so far */
};

/*
 * xml_bad - the call is none: remember the first reason, stop expat
 */
void xml_bad(struct xml_parser *p, const char *why);

/*
 * xml_open_struct, xml_open_array - start to gather what f->slot.type says
 * xml_close_struct, xml_close_array - all elements came: store at f->slot.dest
 *
 * note    a value that cannot be had is skipped from there on; the reason is
 *         in the call or in the parser
 */
void xml_open_struct(struct xml_parser *p, struct xml_frame *f);
void xml_open_array(struct xml_parser *p, struct xml_frame *f);
void xml_close_struct(struct xml_parser *p, struct xml_frame *f);
void xml_close_array(struct xml_parser *p, struct xml_frame *f);

/*
 * xml_next_item - place for one more element of an array
 * xml_next_member - place for the value of the member that a name names
 *
 * in      f  frame of the array or struct
 */
struct xml_slot xml_next_item(struct xml_parser *p, struct xml_frame *f);
struct xml_slot xml_next_member(
    struct xml_parser *p, struct xml_frame *f, const char *name, size_t n);

/*
 * xml_fail_type - record FIELD_TYPE_ERROR unless something failed before
 * xml_fail_scalar - the same for any reason a text gave
 */
void xml_fail_type(struct xml_parser *p, const char *where);
void xml_fail_scalar(struct xml_parser *p, enum xml_scalar reason,
    const struct idl_type *t, const char *where, const char *text);

/*
 * xml_read_scalar - a native value from its text
 *
 * in      el  the element it came in; text[0..n), text[n] is NUL
 * out     dest  untouched unless OK
 */
enum xml_scalar xml_read_scalar(const struct idl_type *t, enum xml_el el,
    const char *text, size_t n, void *dest, struct arena *a);

/*
 * xml_write_int, xml_write_datetime - text of a number
 *
 * out     text  XML_NUMBER_BYTES
 * returns its length
 */
size_t xml_write_int(int64_t v, char *text);
size_t xml_write_datetime(int64_t v, char *text);

/*
 * xml_write_head, xml_write_tail - what stands around a successful result
 */
void xml_write_head(const struct api_call *c, struct http_buf *out);
void xml_write_tail(const struct api_call *c, struct http_buf *out);

/*
 * xml_write_name - <member><name>...</name>; the value comes next
 */
void xml_write_name(struct http_buf *out, const char *name, size_t n);

#endif
