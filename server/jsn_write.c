/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsn_write - values and replies of JSON-RPC
 *
 * Always well-formed JSON in UTF-8: what is no UTF-8 becomes U+FFFD, and a
 * float that JSON cannot say becomes 0.
 */

/* System */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/jsn.h"
#include "server/rpc_walk.h"

#define LIT(out, s) http_buf_add((out), (s), sizeof(s) - 1)

/* Classes of bytes in text. */
enum { PLAIN, END, SHORT, LONG, MULTI };

static const unsigned char byte_class[256] = {
    [0] = END,
    [1 ... 7] = LONG,
    ['\b'] = SHORT,
    ['\t'] = SHORT,
    ['\n'] = SHORT,
    ['\f'] = SHORT,
    ['\r'] = SHORT,
    [11] = LONG,
    [14 ... 31] = LONG,
    ['"'] = SHORT,
    ['\\'] = SHORT,
    [0x80 ... 0xff] = MULTI,
};

/* The letter after the backslash of a SHORT byte. */
static const char letter[] = {
    ['\b'] = 'b',
    ['\t'] = 't',
    ['\n'] = 'n',
    ['\f'] = 'f',
    ['\r'] = 'r',
    ['"'] = '"',
    ['\\'] = '\\',
};

/* write_special - a character that is not PLAIN; returns bytes consumed */
static size_t
write_special(struct http_buf *out, const unsigned char *s)
{
	const char escape[2] = {
	    '\\', byte_class[*s] == SHORT ? letter[*s] : 'u'};
	size_t n;

	switch (byte_class[*s]) {
	case SHORT:
		http_buf_add(out, escape, sizeof escape);
		return 1;
	case LONG:
		http_buf_printf(out, "\\u%04x", *s);
		return 1;
	default:
		break;
	}
	n = api_val_utf8_bytes(s);
	if (n == 0) {
		LIT(out, "\xef\xbf\xbd"); /* U+FFFD */
		return 1;
	}
	http_buf_add(out, s, n);
	return n;
}

/* write_text - a text without its quotes */
static void
write_text(struct http_buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	const unsigned char *from;

	for (;;) {
		for (from = s; byte_class[*s] == PLAIN; s++)
			;
		if (s != from)
			http_buf_add(out, from, (size_t)(s - from));
		if (byte_class[*s] == END)
			break;
		s += write_special(out, s);
	}
}

/* write_string - a text in quotes */
static void
write_string(struct http_buf *out, const char *text)
{
	LIT(out, "\"");
	write_text(out, text);
	LIT(out, "\"");
}

/* write_int - a number without fraction */
static void
write_int(struct http_buf *out, int64_t v)
{
	char text[API_VAL_NUMBER_BYTES];

	http_buf_add(out, text, api_val_int_text(v, text));
}

/* write_float - the shortest of 15 to 17 digits that reads back the same */
static void
write_float(struct http_buf *out, double v)
{
	char text[API_VAL_NUMBER_BYTES];
	int digits = 15;

	if (!isfinite(v))
		v = 0;
	do
		(void)snprintf(text, sizeof text, "%.*g", digits, v);
	while (digits++ < 17 && strtod(text, NULL) != v);
	http_buf_text(out, text);
	if (strpbrk(text, ".e") == NULL)
		LIT(out, ".0");
}

/* ---- marks ---- */

#define QUOTED                                                                 \
	{                                                                      \
		RPC_MARK("\""), RPC_MARK("\"")                                 \
	}

static const struct rpc_marks jsn_marks = {
    .set_open = RPC_MARK("["),
    .set_close = RPC_MARK("]"),
    .map_open = RPC_MARK("{"),
    .map_close = RPC_MARK("}"),
    .between = RPC_MARK(","),
    .name_open = RPC_MARK("\""),
    .name_close = RPC_MARK("\":"),
    .scalar = {[IDL_VOID] = QUOTED,
	[IDL_STRING] = QUOTED,
	[IDL_DATETIME] = QUOTED,
	[IDL_REF] = QUOTED,
	[IDL_ENUM] = QUOTED},
    .yes = "true",
    .no = "false",
    .text = write_text,
    .floating = write_float,
};

/* ---- replies ---- */

/* write_id - the last member, and the end */
static void
write_id(const struct jsn_envelope *e, struct http_buf *out)
{
	LIT(out, ",\"id\":");
	if (e->id_text != NULL)
		write_string(out, e->id_text);
	else
		write_int(out, e->id);
	LIT(out, "}");
}

/* write_head - what stands before a result */
static void
write_head(const struct api_call *c, struct http_buf *out)
{
	const struct jsn_envelope *e = c->owner;

	http_buf_text(
	    out, e->v2 ? "{\"jsonrpc\":\"2.0\",\"result\":" : "{\"result\":");
}

/* write_tail - what stands after it */
static void
write_tail(const struct api_call *c, struct http_buf *out)
{
	const struct jsn_envelope *e = c->owner;

	if (!e->v2)
		LIT(out, ",\"error\":null");
	write_id(e, out);
}

/* write_failure - the error's code and parameters */
static void
write_failure(const struct api_call *c, struct http_buf *out)
{
	const struct jsn_envelope *e = c->owner;
	const struct failure *why = &c->why;
	const char *between = "";

	http_buf_text(out,
	    e->v2 ? "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":"
		  : "{\"result\":null,\"error\":[");
	write_string(out, idl_errors[why->code].code);
	if (e->v2)
		LIT(out, ",\"data\":[");
	else
		between = ",";
	for (unsigned i = 0; i < why->n; i++) {
		http_buf_text(out, between);
		write_string(out, why->param[i]);
		between = ",";
	}
	http_buf_text(out, e->v2 ? "]}" : "]");
	write_id(e, out);
}

/* ---- the codec ---- */

const struct rpc_codec jsn_codec = {
    .type = "application/json",
    .reader_new = jsn_reader_new,
    .reader_free = jsn_reader_free,
    .read = jsn_reader_read,
    .bad = NULL,
    .marks = &jsn_marks,
    .head = write_head,
    .tail = write_tail,
    .failure = write_failure,
};
