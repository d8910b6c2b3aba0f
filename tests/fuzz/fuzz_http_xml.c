/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_http_xml - libFuzzer: bytes of a peer through HTTP and XML-RPC
 *
 * The first byte says how the rest is taken: 0 is a body for the XML-RPC
 * decoder; anything else is a connection's bytes, which come in pieces of that
 * length.  What must hold:
 *   - nothing crashes, leaks or goes beyond its bounds;
 *   - the pieces do not change what the HTTP parser understands;
 *   - arguments that were decoded, written and decoded again are equal;
 *   - every reply and every fault is well-formed XML.
 */

/* System */
#include <expat.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/http_parse.h"
#include "server/xml_priv.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define OUT_BYTES ((size_t)16 << 20)
#define REQUESTS_MAX 16

#define CHECK(x)                                                               \
	do {                                                                   \
		if (!(x)) {                                                    \
			fprintf(                                               \
			    stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);    \
			abort();                                               \
		}                                                              \
	} while (0)

static const struct http_limits limits = {
    .body_max_bytes = 300 * 1024,
    .bodies_max_bytes = (size_t)1 << 20,
    .header_max_bytes = 4096,
    .headers_max = 32,
};

static struct xml_parser *parser;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- XML-RPC ---- */

/* check_well_formed - a plain XML parser takes it */
static void
check_well_formed(const struct http_buf *out)
{
	XML_Parser p = XML_ParserCreate(NULL);

	CHECK(p != NULL && !out->failed);
	CHECK(XML_Parse(p, out->p, (int)out->len, 1) == XML_STATUS_OK);
	XML_ParserFree(p);
}

static bool same(const struct idl_type *t, const void *a, const void *b);

/* same_items - n values side by side */
static bool
same_items(const struct idl_type *t, uint32_t n, const char *a, const char *b)
{
	size_t step = idl_native_bytes(t);

	for (uint32_t i = 0; i < n; i++)
		if (!same(t, a + i * step, b + i * step))
			return false;
	return true;
}

/* same_record - field by field */
static bool
same_record(const struct idl_class *c, const char *a, const char *b)
{
	const struct idl_field *f;

	for (f = c->fields; f < c->fields + c->nfields; f++)
		if (!same(f->type, a + f->offset, b + f->offset))
			return false;
	return true;
}

/* same - equal, but for the 17th digit of a double */
static bool
same(const struct idl_type *t, const void *a, const void *b)
{
	const struct idl_set *sa, *sb;
	const struct idl_map *ma, *mb;
	double da, db;

	switch (t->kind) {
	case IDL_FLOAT:
		da = *(const double *)a;
		db = *(const double *)b;
		return fabs(da - db) <= 1e-14 * fabs(da);
	case IDL_SET:
		sa = *(const struct idl_set *const *)a;
		sb = *(const struct idl_set *const *)b;
		return sa->n == sb->n &&
		       same_items(t->elem, sa->n, sa->items, sb->items);
	case IDL_MAP:
		ma = *(const struct idl_map *const *)a;
		mb = *(const struct idl_map *const *)b;
		return ma->n == mb->n &&
		       same_items(t->key, ma->n, ma->keys, mb->keys) &&
		       same_items(t->elem, ma->n, ma->values, mb->values);
	case IDL_RECORD:
		return same_record(idl_classes[t->cls], *(const char *const *)a,
		    *(const char *const *)b);
	default:
		return idl_equal(t, a, b);
	}
}

/* write_call - the call as decoded, written as a call again */
static void
write_call(const struct api_call *c, struct http_buf *out)
{
	const struct idl_msg *m = c->msg;

	http_buf_text(out, "<methodCall><methodName>");
	http_buf_text(out, m->name);
	http_buf_text(out, "</methodName><params>");
	if (!(m->flags & IDL_M_NOSESSION))
		http_buf_text(out, "<param><value/></param>");
	for (int i = 0; i < m->nparams; i++) {
		http_buf_text(out, "<param>");
		xml_write_value(out, m->params[i].type,
		    (const char *)c->args + m->params[i].offset);
		http_buf_text(out, "</param>");
	}
	http_buf_text(out, "</params></methodCall>");
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
	CHECK(xml_read_call(
		  parser, out.p, out.len, &again, text, sizeof text) == XML_OK);
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
check_call(struct api_call *c, struct http_buf *out)
{
	CHECK(strlen(c->session_text) <= c->arena.used_bytes);
	if (c->msg != NULL && c->bad.code == ERR_NONE && is_complete(c))
		check_again(c);
	if (c->bad.code != ERR_NONE)
		err_copy(&c->why, &c->bad);
	else
		(void)err_fail(&c->why, ERR_MESSAGE_METHOD_UNKNOWN, "s",
		    c->method); /* kept in the call */
	c->err = c->why.code;
	CHECK(rpc_write_reply(&xml_codec, c, out));
}

/* one_body - a body, as the server takes it */
static void
one_body(const char *body, size_t n)
{
	/* A copy of its own, so that reading past its end is seen. */
	char *copy = malloc(n > 0 ? n : 1);
	struct http_buf out;
	struct api_call c;
	char text[200];

	CHECK(copy != NULL);
	if (n > 0)
		memcpy(copy, body, n);
	http_buf_init(&out, OUT_BYTES);
	api_call_init(&c, NULL, ARENA_BYTES);
	if (xml_read_call(parser, copy, n, &c, text, sizeof text) == XML_OK)
		check_call(&c, &out);
	else
		CHECK(xml_write_fault(&out, -32700, text));
	CHECK(c.arena.used_bytes <= ARENA_BYTES);
	check_well_formed(&out);
	arena_fini(&c.arena);
	http_buf_fini(&out);
	free(copy);
}

/* ---- HTTP ---- */

/* What one way of cutting the bytes into pieces led to. */
struct story {
	unsigned requests;
	bool refused; /* which of several reasons was met first may differ */
	size_t body_bytes[REQUESTS_MAX];
};

/* note_request - a complete request: remember it, decode its body */
static void
note_request(struct story *s, const struct http_parse *hp)
{
	s->body_bytes[s->requests] = hp->body_bytes;
	s->requests++;
	one_body(hp->body_at, hp->body_bytes);
}

/* tell - feed pieces of so many bytes until the end or until refused */
static void
tell(struct story *s, const uint8_t *data, size_t size, size_t piece)
{
	struct http_budget budget = {0};
	struct http_parse hp;
	size_t n, used;
	char *copy;
	enum http_parse_step step = HTTP_PARSE_MORE;

	memset(s, 0, sizeof *s);
	http_parse_init(&hp, &limits, &budget);
	while (
	    size > 0 && step != HTTP_PARSE_BAD && s->requests < REQUESTS_MAX) {
		n = size < piece ? size : piece;
		copy = malloc(n);
		CHECK(copy != NULL);
		memcpy(copy, data, n);
		step = http_parse_feed(&hp, copy, n, &used);
		CHECK(used <= n);
		CHECK(step == HTTP_PARSE_BAD || step == HTTP_PARSE_DONE ||
		      used == n);
		CHECK(
		    atomic_load(&budget.used_bytes) <= limits.bodies_max_bytes);
		if (step == HTTP_PARSE_DONE) {
			note_request(s, &hp);
			http_parse_next(&hp);
		}
		free(copy);
		data += used;
		size -= used;
	}
	s->refused = step == HTTP_PARSE_BAD;
	CHECK(!s->refused || hp.status >= 400);
	http_parse_fini(&hp);
	CHECK(atomic_load(&budget.used_bytes) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story whole, pieces;

	if (parser == NULL)
		parser = xml_parser_new();
	CHECK(parser != NULL);
	if (size == 0)
		return 0;
	if (data[0] == 0) {
		one_body((const char *)data + 1, size - 1);
		return 0;
	}
	tell(&whole, data + 1, size - 1, size);
	tell(&pieces, data + 1, size - 1, data[0]);
	CHECK(memcmp(&whole, &pieces, sizeof whole) == 0);
	return 0;
}
