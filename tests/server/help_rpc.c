/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/jsn.h"
#include "server/xml_priv.h"
#include "tests/server/help_rpc.h"

#define OUT_MAX ((size_t)1 << 24)
#define KEEP_MAX_BYTES 65536

/* ---- the protocols ---- */

static api_find_f **
xml_find(void *reader)
{
	return &((struct xml_parser *)reader)->find;
}

static size_t
xml_kept_bytes(const void *reader)
{
	return ((const struct xml_parser *)reader)->text_cap;
}

static api_find_f **
json_find(void *reader)
{
	return &((struct jsn_reader *)reader)->find;
}

static size_t
json_kept_bytes(const void *reader)
{
	return ((const struct jsn_reader *)reader)->tree_cap_bytes;
}

const struct help_rpc_protocol help_rpc_protocols[HELP_RPC_N] = {
    [HELP_RPC_XML] = {.name = "XML-RPC",
	.codec = &xml_codec,
	.open = "<methodCall><methodName>",
	.params = "</methodName><params>",
	.close = "</params></methodCall>",
	.param_open = "<param>",
	.param_between = "",
	.param_close = "</param>",
	.least = "<methodCall><methodName>t.call</methodName></methodCall>",
	.nothing = "<value><nil/></value>",
	.find = xml_find,
	.kept_bytes = xml_kept_bytes},
    [HELP_RPC_JSON] = {.name = "JSON-RPC",
	.codec = &jsn_codec,
	.open = "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"",
	.params = "\",\"params\":[",
	.close = "]}",
	.param_open = "",
	.param_between = ",",
	.param_close = "",
	.least = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.call\"}",
	.nothing = "null",
	.find = json_find,
	.kept_bytes = json_kept_bytes},
};

/* ---- a message, and calls of it ---- */

/* What find says; a reader's hook takes no context. */
static const struct idl_msg *msg_now;

/* find_now - stands for api_msg_find: the message opened last */
static const struct idl_msg *
find_now(const char *name, size_t n)
{
	(void)name; /* whatever it is called */
	(void)n;
	return msg_now;
}

void *
help_rpc_reader(const struct help_rpc_protocol *p)
{
	void *reader = p->codec->reader_new();

	if (reader != NULL)
		*p->find(reader) = find_now;
	return reader;
}

void
help_rpc_open(struct help_rpc_call *h, enum help_rpc protocol,
    const struct idl_type *t, size_t limit_bytes)
{
	int n = t == NULL || t->kind == IDL_VOID ? 0 : 1;

	memset(h, 0, sizeof *h);
	h->protocol = &help_rpc_protocols[protocol];
	h->reader = help_rpc_reader(h->protocol);
	assert(h->reader != NULL);
	http_buf_init(&h->body, OUT_MAX);
	http_buf_init(&h->out, OUT_MAX);
	arena_init(&h->call.arena, limit_bytes);
	h->param = (struct idl_param){.name = "p", .type = t};
	h->msg = (struct idl_msg){.name = "t.call",
	    .cls = -1,
	    .params = &h->param,
	    .nparams = n,
	    .nrequired = n,
	    .args_bytes = 16,
	    .result = t};
	msg_now = t == NULL ? NULL : &h->msg;
}

void
help_rpc_close(struct help_rpc_call *h)
{
	arena_fini(&h->call.arena);
	http_buf_fini(&h->out);
	http_buf_fini(&h->body);
	h->protocol->codec->reader_free(h->reader);
}

void
help_rpc_read(struct help_rpc_call *h, const char *body, size_t n)
{
	struct arena keep;

	arena_reset(&h->call.arena);
	keep = h->call.arena;
	memset(&h->call, 0, sizeof h->call);
	h->call.arena = keep;
	h->text[0] = '\0';
	h->ok = h->protocol->codec->read(
	    h->reader, body, n, &h->call, h->text, sizeof h->text);
	assert(h->ok || strncmp(h->text, "line ", 5) == 0);
	assert(h->protocol->kept_bytes(h->reader) <= KEEP_MAX_BYTES);
}

/* ended - what is in a buffer, as a string */
static const char *
ended(struct http_buf *b)
{
	http_buf_add(b, "", 1);
	assert(!b->failed);
	return b->p;
}

void
help_rpc_read_value(struct help_rpc_call *h, const char *value)
{
	const struct help_rpc_protocol *p = h->protocol;
	static const char *const session = "session";
	struct http_buf *b = &h->body;

	http_buf_reset(b, OUT_MAX);
	http_buf_printf(b, "%st.call%s%s", p->open, p->params, p->param_open);
	rpc_walk_value(p->codec->marks, b, &help_value_string, &session);
	http_buf_printf(
	    b, "%s%s%s", p->param_close, p->param_between, p->param_open);
	http_buf_text(b, value);
	http_buf_printf(b, "%s%s", p->param_close, p->close);
	(void)ended(b); /* where it is */
	help_rpc_read(h, b->p, b->len - 1);
}

const char *
help_rpc_write(
    struct help_rpc_call *h, const struct idl_type *t, const void *native)
{
	http_buf_reset(&h->out, OUT_MAX);
	rpc_walk_value(h->protocol->codec->marks, &h->out, t, native);
	return ended(&h->out);
}

const char *
help_rpc_text(
    enum help_rpc protocol, const struct idl_type *t, const void *native)
{
	static struct http_buf out; /* kept */

	http_buf_fini(&out);
	http_buf_init(&out, OUT_MAX);
	rpc_walk_value(
	    help_rpc_protocols[protocol].codec->marks, &out, t, native);
	return ended(&out);
}

const char *
help_rpc_reply(struct help_rpc_call *h)
{
	bool ok;

	http_buf_reset(&h->out, OUT_MAX);
	ok = rpc_write_reply(h->protocol->codec, &h->call, &h->out);
	assert(ok);
	(void)ok; /* assert is on */
	return ended(&h->out);
}

const char *
help_rpc_outcome(struct help_rpc_call *h)
{
	const struct failure *bad = &h->call.bad;

	http_buf_reset(&h->out, OUT_MAX);
	if (!h->ok) {
		http_buf_printf(&h->out, "BAD %s", h->text);
	} else if (bad->code != ERR_NONE) {
		http_buf_text(&h->out, idl_errors[bad->code].code);
		for (unsigned i = 0; i < bad->n; i++)
			http_buf_printf(&h->out, " %s", bad->param[i]);
	} else if (h->call.msg == NULL || h->call.msg->nparams == 0) {
		http_buf_printf(
		    &h->out, "%s %u", h->call.method, h->call.received);
	} else {
		return help_rpc_write(h, h->param.type, h->call.args);
	}
	return ended(&h->out);
}

char *
help_rpc_repeat(const char *head, const char *middle, size_t n,
    const char *tail, size_t *len_out)
{
	size_t h = strlen(head), m = strlen(middle), t = strlen(tail);
	char *body = malloc(h + n * m + t + 1), *p = body;

	assert(body != NULL);
	p = (char *)memcpy(p, head, h) + h;
	for (; n > 0; n--, p += m)
		memcpy(p, middle, m);
	memcpy(p, tail, t + 1);
	*len_out = (size_t)(p - body) + t;
	return body;
}
