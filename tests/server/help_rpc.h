/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_RPC_H
#define TESTS_SERVER_HELP_RPC_H

/*
 * help_rpc - one parameter of any type through any protocol, as text
 *
 * The message is made up: "t.call" with a session and one parameter "p" (or
 * none); it answers with a value of the same type.  No row of the IDL is
 * needed, so every type can be tried, also those no message has.
 *
 * Every read checks what holds for every protocol: what is no call has a line
 * and a reason, and the reader keeps little of it.
 */

#include "api/val.h"
#include "server/rpc.h"
#include "tests/server/help_value.h"

/* What a call looks like in a protocol, and its reader's hooks. */
struct help_rpc_protocol {
	const char *name; /* for messages */
	const struct rpc_codec *codec;
	/* A call: open, its name, params, the parameters, close. */
	const char *open, *params, *close;
	const char *param_open, *param_between, *param_close;
	const char *least;   /* a call without parameters */
	const char *nothing; /* a value that fits nowhere */
	/* What it finds messages with: api_msg_find, or a test's own. */
	api_find_f **(*find)(void *reader);
	size_t (*kept_bytes)(const void *reader); /* between calls */
};

enum help_rpc { HELP_RPC_XML, HELP_RPC_JSON, HELP_RPC_N };

extern const struct help_rpc_protocol help_rpc_protocols[HELP_RPC_N];

struct help_rpc_call {
	const struct help_rpc_protocol *protocol;
	void *reader;
	struct api_call call;
	struct idl_param param;
	struct idl_msg msg;
	bool ok;	/* of the last read */
	char text[200]; /* why not */
	struct http_buf body, out;
};

/*
 * help_rpc_open, help_rpc_close - a message with a parameter of a type
 *
 * in      t  NULL: no such message
 *         limit_bytes  of the call's arena
 */
void help_rpc_open(struct help_rpc_call *h, enum help_rpc protocol,
    const struct idl_type *t, size_t limit_bytes);
void help_rpc_close(struct help_rpc_call *h);

/*
 * help_rpc_reader - a reader that knows the message opened last, and no other
 *
 * errors  NULL when out of memory
 */
void *help_rpc_reader(const struct help_rpc_protocol *p);

/*
 * help_rpc_read - a body through the codec, with a fresh call
 * help_rpc_read_value - a value as the parameter, after a session
 */
void help_rpc_read(struct help_rpc_call *h, const char *body, size_t n);
void help_rpc_read_value(struct help_rpc_call *h, const char *value);

/*
 * help_rpc_outcome - what the last read gave: "BAD why", "CODE param param",
 *         or the argument written again; valid until the next
 */
const char *help_rpc_outcome(struct help_rpc_call *h);

/*
 * help_rpc_write - a native value of the type, written; NUL-terminated
 */
const char *help_rpc_write(
    struct help_rpc_call *h, const struct idl_type *t, const void *native);

/*
 * help_rpc_text - the same without a call; valid until the next
 */
const char *help_rpc_text(
    enum help_rpc protocol, const struct idl_type *t, const void *native);

/*
 * help_rpc_reply - the reply to h->call as it is; NUL-terminated
 */
const char *help_rpc_reply(struct help_rpc_call *h);

/*
 * help_rpc_repeat - head, n times the middle, tail; freed by the caller
 */
char *help_rpc_repeat(const char *head, const char *middle, size_t n,
    const char *tail, size_t *len_out);

#endif
