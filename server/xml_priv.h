/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_XML_PRIV_H
#define SERVER_XML_PRIV_H

/*
 * xml_priv - what the files of the XML-RPC codec share
 *
 * xml_read.c     expat's callbacks, the grammar of a methodCall, parameters
 * xml_write.c    values, replies, faults
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

/* System */
#include <expat.h>

/* Api */
#include "api/val.h"

/* Own */
#include "server/xml.h"

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

/* One open element. */
struct xml_frame {
	enum xml_el el;
	unsigned children; /* elements inside it so far */
	/* VALUE and what is in it: its place, then what has been gathered;
	   MEMBER: what <name> named. */
	struct api_gather val;
};

enum xml_text { XML_TEXT_NONE, XML_TEXT_DROP, XML_TEXT_KEEP };

struct xml_parser {
	XML_Parser expat;
	unsigned long salt; /* expat's hash salt: ask the kernel once */
	api_find_f *find;
	struct api_call *call;
	struct xml_frame frames[XML_DEPTH_MAX + 1];
	unsigned depth;	  /* frames[depth] is the innermost open element */
	unsigned members; /* of structs and arrays, in the whole call */
	enum xml_text mode;
	bool ink;   /* DROP: something else than white space came */
	char *text; /* of the element being read; NUL-terminated when asked */
	size_t text_len, text_cap;
	const char *bad; /* why the call is none; NULL: fine so far */
};

/*
 * xml_parser_new, xml_parser_free, xml_parser_read - as struct rpc_codec has
 *         them; the reader is a struct xml_parser
 */
void *xml_parser_new(void);
void xml_parser_free(void *reader);
bool xml_parser_read(void *reader, const char *body, size_t n,
    struct api_call *c, char *text, size_t text_bytes);

/*
 * xml_bad - the call is none: remember the first reason, stop expat
 */
void xml_bad(struct xml_parser *p, const char *why);

#endif
