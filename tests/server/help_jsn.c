/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/server/help_jsn.h"

#define OUT_MAX ((size_t)1 << 24)

/* What find says; the reader's hook takes no context. */
static const struct idl_msg *msg_now;

const struct idl_msg *
help_jsn_find(const char *name, size_t n)
{
	(void)name; /* whatever it is called */
	(void)n;
	return msg_now;
}

void
help_jsn_open(struct help_jsn *h, const struct idl_type *t, size_t limit_bytes)
{
	int n = t == NULL || t->kind == IDL_VOID ? 0 : 1;

	memset(h, 0, sizeof *h);
	h->reader = jsn_reader_new();
	assert(h->reader != NULL);
	h->reader->find = help_jsn_find;
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
help_jsn_close(struct help_jsn *h)
{
	arena_fini(&h->call.arena);
	http_buf_fini(&h->out);
	jsn_reader_free(&h->reader);
}

void
help_jsn_read(struct help_jsn *h, const char *body, size_t n)
{
	struct arena keep;

	arena_reset(&h->call.arena);
	keep = h->call.arena;
	memset(&h->call, 0, sizeof h->call);
	h->call.arena = keep;
	h->text[0] = '\0';
	h->ok = jsn_read_call(
	    h->reader, body, n, &h->call, h->text, sizeof h->text);
	assert(h->reader->tree_cap_bytes <= 65536);
}

void
help_jsn_read_value(struct help_jsn *h, const char *value)
{
	char *body;
	int n;

	n = asprintf(&body,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"t.call\","
	    "\"params\":[\"session\",%s],\"id\":0}",
	    value);
	assert(n > 0);
	help_jsn_read(h, body, (size_t)n);
	free(body);
}

/* ended - what is in the buffer, as a string */
static const char *
ended(struct help_jsn *h)
{
	http_buf_add(&h->out, "", 1);
	assert(!h->out.failed);
	return h->out.p;
}

const char *
help_jsn_write(struct help_jsn *h, const struct idl_type *t, const void *native)
{
	http_buf_reset(&h->out, OUT_MAX);
	jsn_write_value(&h->out, t, native);
	return ended(h);
}

const char *
help_jsn_reply(struct help_jsn *h)
{
	bool ok;

	http_buf_reset(&h->out, OUT_MAX);
	ok = rpc_write_reply(&jsn_codec, &h->call, &h->out);
	assert(ok);
	(void)ok; /* assert is on */
	return ended(h);
}

const char *
help_jsn_outcome(struct help_jsn *h)
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
		return help_jsn_write(h, h->param.type, h->call.args);
	}
	return ended(h);
}
