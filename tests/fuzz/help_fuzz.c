/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <expat.h>
#include <math.h>
#include <string.h>

/* Own */
#include "tests/fuzz/help_fuzz.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define OUT_BYTES ((size_t)16 << 20)

void
help_fuzz_well_formed(const struct http_buf *out)
{
	XML_Parser p = XML_ParserCreate(NULL);

	CHECK(p != NULL && !out->failed);
	CHECK(XML_Parse(p, out->p, (int)out->len, 1) == XML_STATUS_OK);
	XML_ParserFree(p);
}

/* ---- what went there and came back ---- */

static bool same(const struct help_fuzz *f, const struct idl_type *t,
    const void *a, const void *b);

/* same_items - n values side by side */
static bool
same_items(const struct help_fuzz *f, const struct idl_type *t, uint32_t n,
    const char *a, const char *b)
{
	size_t step = idl_native_bytes(t);

	for (uint32_t i = 0; i < n; i++)
		if (!same(f, t, a + i * step, b + i * step))
			return false;
	return true;
}

/* same_record - field by field */
static bool
same_record(const struct help_fuzz *f, const struct idl_class *c, const char *a,
    const char *b)
{
	for (int i = 0; i < c->nfields; i++)
		if (!same(f, c->fields[i].type, a + c->fields[i].offset,
			b + c->fields[i].offset))
			return false;
	return true;
}

/* same - equal, but for what a double may lose */
static bool
same(const struct help_fuzz *f, const struct idl_type *t, const void *a,
    const void *b)
{
	const struct idl_set *sa, *sb;
	const struct idl_map *ma, *mb;
	double da, db;

	switch (t->kind) {
	case IDL_FLOAT:
		da = *(const double *)a;
		db = *(const double *)b;
		return fabs(da - db) <= f->inexact * fabs(da);
	case IDL_SET:
		sa = *(const struct idl_set *const *)a;
		sb = *(const struct idl_set *const *)b;
		return sa->n == sb->n &&
		       same_items(f, t->elem, sa->n, sa->items, sb->items);
	case IDL_MAP:
		ma = *(const struct idl_map *const *)a;
		mb = *(const struct idl_map *const *)b;
		return ma->n == mb->n &&
		       same_items(f, t->key, ma->n, ma->keys, mb->keys) &&
		       same_items(f, t->elem, ma->n, ma->values, mb->values);
	case IDL_RECORD:
		return same_record(f, idl_classes[t->cls],
		    *(const char *const *)a, *(const char *const *)b);
	default:
		return idl_equal(t, a, b);
	}
}

/* write_call - the call as decoded, written as a call again */
static void
write_call(const struct help_rpc_protocol *p, const struct api_call *c,
    struct http_buf *out)
{
	const struct idl_msg *m = c->msg;
	static const char *const session = "";
	int lead = m->flags & IDL_M_NOSESSION ? 0 : 1;

	http_buf_printf(out, "%s%s%s", p->open, m->name, p->params);
	for (int i = -lead; i < m->nparams; i++) {
		http_buf_text(out, i > -lead ? p->param_between : "");
		http_buf_text(out, p->param_open);
		if (i < 0)
			rpc_walk_value(
			    p->codec->marks, out, &help_value_string, &session);
		else
			rpc_walk_value(p->codec->marks, out, m->params[i].type,
			    (const char *)c->args + m->params[i].offset);
		http_buf_text(out, p->param_close);
	}
	http_buf_text(out, p->close);
}

/* check_again - decode what was decoded once more */
static void
check_again(const struct help_fuzz *f, const struct api_call *c)
{
	const struct help_rpc_protocol *p = &help_rpc_protocols[f->protocol];
	const struct idl_msg *m = c->msg;
	struct http_buf out;
	struct api_call again;
	char text[200];

	http_buf_init(&out, OUT_BYTES);
	write_call(p, c, &out);
	CHECK(!out.failed);
	api_call_init(&again, NULL, 4 * ARENA_BYTES);
	CHECK(p->codec->read(
	    f->reader, out.p, out.len, &again, text, sizeof text));
	CHECK(again.msg == m && again.bad.code == ERR_NONE);
	for (int i = 0; i < m->nparams; i++)
		CHECK(same(f, m->params[i].type,
		    (const char *)c->args + m->params[i].offset,
		    (const char *)again.args + m->params[i].offset));
	arena_fini(&again.arena);
	http_buf_fini(&out);
}

/* ---- a body ---- */

/* is_complete - did all parameters come?  (a record has no default) */
static bool
is_complete(const struct api_call *c)
{
	unsigned lead = c->msg->flags & IDL_M_NOSESSION ? 0 : 1;

	return c->received >= lead + (unsigned)c->msg->nparams;
}

/* check_call - what a decoded call must be, and its reply */
static void
check_call(const struct help_fuzz *f, struct api_call *c, struct http_buf *out)
{
	CHECK(strlen(c->session_text) <= c->arena.used_bytes);
	if (c->msg != NULL && c->bad.code == ERR_NONE && is_complete(c))
		check_again(f, c);
	if (c->bad.code != ERR_NONE)
		err_copy(&c->why, &c->bad);
	else
		(void)err_fail(&c->why, ERR_MESSAGE_METHOD_UNKNOWN, "s",
		    c->method); /* kept in the call */
	c->err = c->why.code;
	CHECK(rpc_write_reply(help_rpc_protocols[f->protocol].codec, c, out));
	f->check_reply(c, out);
}

void
help_fuzz_body(struct help_fuzz *f, const char *body, size_t n)
{
	const struct rpc_codec *codec = help_rpc_protocols[f->protocol].codec;
	/* A copy of its own, so that reading past its end is seen. */
	char *copy = malloc(n > 0 ? n : 1);
	struct http_buf out;
	struct api_call c;
	char text[200] = "";

	if (f->reader == NULL)
		f->reader = codec->reader_new();
	CHECK(f->reader != NULL && copy != NULL);
	if (n > 0)
		memcpy(copy, body, n);
	http_buf_init(&out, OUT_BYTES);
	api_call_init(&c, NULL, ARENA_BYTES);
	if (codec->read(f->reader, copy, n, &c, text, sizeof text)) {
		check_call(f, &c, &out);
	} else {
		CHECK(strncmp(text, "line ", 5) == 0);
		if (codec->bad != NULL) {
			codec->bad(&out, text);
			f->check_reply(&c, &out);
		}
	}
	CHECK(c.arena.used_bytes <= ARENA_BYTES);
	arena_fini(&c.arena);
	http_buf_fini(&out);
	free(copy);
}
