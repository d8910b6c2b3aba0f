/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_JSN_H
#define TESTS_SERVER_HELP_JSN_H

/*
 * help_jsn - one parameter of any type through the JSON-RPC codec, as text
 *
 * As help_xml, whose types and random values it uses: the message "t.call" has
 * a session and one parameter "p" (or none) and answers with the same type.
 */

#include "server/jsn.h"
#include "tests/server/help_xml.h"

struct help_jsn {
	struct jsn_reader *reader;
	struct api_call call;
	struct idl_param param;
	struct idl_msg msg;
	bool ok;	/* of the last read */
	char text[200]; /* why not */
	struct http_buf out;
};

/*
 * help_jsn_open, help_jsn_close - a message with a parameter of a type
 *
 * in      t  NULL: no such message
 *         limit_bytes  of the call's arena
 */
void help_jsn_open(
    struct help_jsn *h, const struct idl_type *t, size_t limit_bytes);
void help_jsn_close(struct help_jsn *h);

/*
 * help_jsn_find - stands for api_msg_find: the message opened last
 */
const struct idl_msg *help_jsn_find(const char *name, size_t n);

/*
 * help_jsn_read - a body through jsn_read_call, with a fresh call
 * help_jsn_read_value - a value as the parameter, after a session
 */
void help_jsn_read(struct help_jsn *h, const char *body, size_t n);
void help_jsn_read_value(struct help_jsn *h, const char *value);

/*
 * help_jsn_outcome - what the last read gave: "BAD why", "CODE param param",
 *         or the argument written as JSON; valid until the next
 */
const char *help_jsn_outcome(struct help_jsn *h);

/*
 * help_jsn_write - a native value of the type, written; NUL-terminated
 */
const char *help_jsn_write(
    struct help_jsn *h, const struct idl_type *t, const void *native);

/*
 * help_jsn_reply - the reply to h->call as it is; NUL-terminated
 */
const char *help_jsn_reply(struct help_jsn *h);

#endif
