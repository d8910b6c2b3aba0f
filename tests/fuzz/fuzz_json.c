/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_json - libFuzzer: bytes of a peer through JSON-RPC
 *
 * The input is a body.  What must hold:
 *   - nothing crashes, leaks or goes beyond its bounds, jansson included;
 *   - arguments that were decoded, written and decoded again are equal;
 *   - a whole JSON reader agrees that every reply is JSON, with the id that
 *     came and with exactly the members of its version.
 */

/* System */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/jsn.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define OUT_BYTES ((size_t)16 << 20)

#define CHECK(x)                                                               \
	do {                                                                   \
		if (!(x)) {                                                    \
			fprintf(                                               \
			    stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);    \
			abort();                                               \
		}                                                              \
	} while (0)

static struct jsn_reader *reader;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* check_reply - JSON, and the envelope is as it should be */
static void
check_reply(const struct api_call *c, const struct http_buf *out)
{
	const struct jsn_envelope *e = c->owner;
	json_t *root = json_loadb(out->p, out->len, JSON_REJECT_DUPLICATES, 0);
	const json_t *id = json_object_get(root, "id");
	const json_t *error = json_object_get(root, "error");

	CHECK(root != NULL && !out->failed);
	if (e->id_text != NULL)
		CHECK(strcmp(json_string_value(id), e->id_text) == 0);
	else
		CHECK(json_is_integer(id) && json_integer_value(id) == e->id);
	CHECK(json_object_size(root) == 3);
	CHECK((json_object_get(root, "jsonrpc") != NULL) == e->v2);
	if (e->v2)
		CHECK(json_is_array(json_object_get(error, "data")));
	else
		CHECK(json_is_array(error) && json_array_size(error) > 0);
	json_decref(root);
}

/* write_call - the call as decoded, written as a call again */
static void
write_call(const struct api_call *c, struct http_buf *out)
{
	const struct idl_msg *m = c->msg;
	bool lead = !(m->flags & IDL_M_NOSESSION);

	http_buf_printf(out, "{\"method\":\"%s\",\"id\":1,\"params\":[%s",
	    m->name, lead ? "\"\"" : "");
	for (int i = 0; i < m->nparams; i++) {
		if (i > 0 || lead)
			http_buf_text(out, ",");
		jsn_write_value(out, m->params[i].type,
		    (const char *)c->args + m->params[i].offset);
	}
	http_buf_text(out, "]}");
}

/* same - what a call can carry: of a record, what a constructor takes */
static bool
same(const struct idl_type *t, const void *a, const void *b)
{
	const struct idl_class *c;
	const struct idl_field *f;
	const char *ra, *rb;

	if (t->kind != IDL_RECORD)
		return idl_equal(t, a, b);
	c = idl_classes[t->cls];
	ra = *(const char *const *)a;
	rb = *(const char *const *)b;
	for (f = c->fields; f < c->fields + c->nfields; f++)
		if ((f->flags & (IDL_F_CREATE | IDL_F_REQUIRED)) &&
		    !(f->flags & IDL_F_INTERNAL) &&
		    !idl_equal(f->type, ra + f->offset, rb + f->offset))
			return false;
	return true;
}

/* check_again - decode what was decoded once more */
static void
check_again(const struct api_call *c)
{
	const struct idl_msg *m = c->msg;
	struct http_buf out;
	struct api_call again;
	char text[200];

	http_buf_init(&out, OUT_BYTES);
	write_call(c, &out);
	CHECK(!out.failed);
	api_call_init(&again, NULL, 4 * ARENA_BYTES);
	CHECK(jsn_read_call(reader, out.p, out.len, &again, text, sizeof text));
	CHECK(again.msg == m && again.bad.code == ERR_NONE);
	for (int i = 0; i < m->nparams; i++)
		CHECK(same(m->params[i].type,
		    (const char *)c->args + m->params[i].offset,
		    (const char *)again.args + m->params[i].offset));
	arena_fini(&again.arena);
	http_buf_fini(&out);
}

/* is_complete - did all parameters come?  (a record has no default) */
static bool
is_complete(const struct api_call *c)
{
	unsigned lead = c->msg->flags & IDL_M_NOSESSION ? 0 : 1;

	return c->received >= lead + (unsigned)c->msg->nparams;
}

/* check_call - what a decoded call must be, and its reply */
static void
check_call(struct api_call *c)
{
	struct http_buf out;

	if (c->msg != NULL && c->bad.code == ERR_NONE && is_complete(c))
		check_again(c);
	if (c->bad.code != ERR_NONE)
		err_copy(&c->why, &c->bad);
	else
		(void)err_fail(&c->why, ERR_MESSAGE_METHOD_UNKNOWN, "s",
		    c->method); /* kept in the call */
	c->err = c->why.code;
	http_buf_init(&out, OUT_BYTES);
	CHECK(rpc_write_reply(&jsn_codec, c, &out));
	check_reply(c, &out);
	http_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own, so that reading past its end is seen. */
	char *body = malloc(size > 0 ? size : 1);
	struct api_call c;
	char text[200] = "";

	if (reader == NULL)
		reader = jsn_reader_new();
	CHECK(reader != NULL && body != NULL);
	if (size > 0)
		memcpy(body, data, size);
	api_call_init(&c, NULL, ARENA_BYTES);
	if (jsn_read_call(reader, body, size, &c, text, sizeof text))
		check_call(&c);
	else
		CHECK(strncmp(text, "line ", 5) == 0);
	CHECK(c.arena.used_bytes <= ARENA_BYTES);
	arena_fini(&c.arena);
	free(body);
	return 0;
}
