/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_XML_H
#define TESTS_SERVER_HELP_XML_H

/*
 * help_xml - one parameter of any type through the XML-RPC codec, as text
 *
 * The message is made up: "t.call" with a session and one parameter "p" (or
 * none); it answers with a value of the same type.  No row of the IDL is
 * needed, so every type can be tried, also those no message has.
 */

#include <stdint.h>

#include "server/xml_priv.h"

struct help_xml {
	struct xml_parser *parser;
	struct api_call call;
	struct idl_param param;
	struct idl_msg msg;
	enum xml_status status;
	char text[200]; /* of XML_BAD */
	struct http_buf out;
};

extern const struct idl_type help_xml_string, help_xml_int, help_xml_float,
    help_xml_bool, help_xml_datetime, help_xml_ref, help_xml_any, help_xml_enum,
    help_xml_strings, help_xml_ints, help_xml_sets, help_xml_map,
    help_xml_int_map, help_xml_ref_map, help_xml_void, help_xml_vm;

/*
 * help_xml_open, help_xml_close - a message with a parameter of a type
 *
 * in      t  NULL: no such message
 *         limit_bytes  of the call's arena
 */
void help_xml_open(
    struct help_xml *h, const struct idl_type *t, size_t limit_bytes);
void help_xml_close(struct help_xml *h);

/*
 * help_xml_find - stands for api_msg_find: the message opened last
 */
const struct idl_msg *help_xml_find(const char *name, size_t n);

/*
 * help_xml_read - a body through xml_read_call, with a fresh call
 * help_xml_read_value - a <value> as the parameter, after a session
 */
void help_xml_read(struct help_xml *h, const char *body, size_t n);
void help_xml_read_value(struct help_xml *h, const char *value);

/*
 * help_xml_outcome - what the last read gave: "BAD why", "CODE param param",
 *         or the argument written as a <value>; valid until the next
 */
const char *help_xml_outcome(struct help_xml *h);

/*
 * help_xml_write - a native value of the type, written; NUL-terminated
 */
const char *help_xml_write(
    struct help_xml *h, const struct idl_type *t, const void *native);

/*
 * help_xml_random - a random native value of a type, in an arena
 *
 * in      seed  changed; never 0
 *         help_xml_plain  no CR, nothing beyond U+FFFF
 *         to  idl_native_bytes(t)
 */
extern bool help_xml_plain;
void help_xml_random(
    const struct idl_type *t, void *to, struct arena *a, uint64_t *seed);

/*
 * help_xml_equal - the same, as far as a call can carry it: of a record, the
 *         fields that a constructor takes
 */
bool help_xml_equal(const struct idl_type *t, const void *a, const void *b);

/*
 * help_xml_each_type - every distinct type that the IDL's fields, parameters
 *         and results have
 */
void help_xml_each_type(void (*each)(const struct idl_type *t));

#endif
