/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml_write - values, replies and faults of XML-RPC
 *
 * No white space between tags.  Ints are untagged, as the reference writes
 * them: old clients know no <i8>.
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include "server/rpc_walk.h"
#include "server/xml_priv.h"

#define LIT(out, s) http_buf_add((out), (s), sizeof(s) - 1)

#define REPLY_OPEN "<?xml version=\"1.0\"?><methodResponse>"
#define STATUS_OPEN                                                            \
	REPLY_OPEN "<params><param><value><struct>"                            \
		   "<member><name>Status</name><value>"
#define STATUS_CLOSE                                                           \
	"</member></struct></value></param></params></methodResponse>"

/* Classes of bytes in text. */
enum { PLAIN, END, DROP, AMP, LT, GT, QUOT, CR, MULTI };

static const unsigned char byte_class[256] = {
    [0] = END,
    [1 ... 8] = DROP,
    ['\t'] = PLAIN,
    ['\n'] = PLAIN,
    [11 ... 12] = DROP,
    ['\r'] = CR,
    [14 ... 31] = DROP,
    ['&'] = AMP,
    ['<'] = LT,
    ['>'] = GT,
    ['"'] = QUOT,
    [0x80 ... 0xff] = MULTI,
};

/* write_multi - one character that is not ASCII; returns bytes consumed */
static size_t
write_multi(struct http_buf *out, const unsigned char *s)
{
	size_t n = api_val_utf8_bytes(s);

	if (n == 0) {
		LIT(out, "\xef\xbf\xbd"); /* U+FFFD */
		return 1;
	}
	/* U+FFFE and U+FFFF are no XML characters. */
	if (s[0] != 0xef || s[1] != 0xbf || s[2] < 0xbe)
		http_buf_add(out, s, n);
	return n;
}

/* write_text - character data, escaped and made well-formed */
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
		switch (byte_class[*s]) {
		case END:
			return;
		case AMP:
			LIT(out, "&amp;");
			break;
		case LT:
			LIT(out, "&lt;");
			break;
		case GT:
			LIT(out, "&gt;");
			break;
		case QUOT:
			LIT(out, "&quot;");
			break;
		case CR:
			LIT(out, "&#13;");
			break;
		case MULTI:
			s += write_multi(out, s) - 1;
			break;
		default:
			break; /* DROP */
		}
		s++;
	}
}

/* write_float - at most 16 digits, as the reference does */
static void
write_float(struct http_buf *out, double v)
{
	char text[API_VAL_NUMBER_BYTES];
	int r = snprintf(text, sizeof text, "%.16g", v);

	http_buf_add(out, text, (size_t)r); /* 23 at most */
}

/* ---- marks ---- */

#define TAGGED(open, close)                                                    \
	{                                                                      \
		RPC_MARK("<value>" open), RPC_MARK(close "</value>")           \
	}

static const struct rpc_marks xml_marks = {
    .set_open = RPC_MARK("<value><array><data>"),
    .set_close = RPC_MARK("</data></array></value>"),
    .map_open = RPC_MARK("<value><struct>"),
    .map_close = RPC_MARK("</struct></value>"),
    .name_open = RPC_MARK("<member><name>"),
    .name_close = RPC_MARK("</name>"),
    .member_close = RPC_MARK("</member>"),
    .scalar = {[IDL_VOID] = TAGGED("", ""),
	[IDL_STRING] = TAGGED("", ""),
	[IDL_INT] = TAGGED("", ""),
	[IDL_FLOAT] = TAGGED("<double>", "</double>"),
	[IDL_BOOL] = TAGGED("<boolean>", "</boolean>"),
	[IDL_DATETIME] = TAGGED("<dateTime.iso8601>", "</dateTime.iso8601>"),
	[IDL_REF] = TAGGED("", ""),
	[IDL_ENUM] = TAGGED("", ""),
	[RPC_INT32] = TAGGED("<i4>", "</i4>")},
    .yes = "1",
    .no = "0",
    .text = write_text,
    .floating = write_float,
};

const char *
xml_result_text(
    void *ctx, struct arena *a, const struct idl_type *t, const void *native)
{
	const char *text = NULL;
	struct http_buf out;

	(void)ctx; /* nobody's */
	http_buf_init(&out, XML_RESULT_BYTES);
	rpc_walk_value(&xml_marks, &out, t, native);
	if (!out.failed)
		text = arena_strndup(a, out.p, out.len);
	http_buf_fini(&out);
	return text;
}

/* ---- replies ---- */

/* write_head - what stands before a successful result */
static void
write_head(const struct api_call *c, struct http_buf *out)
{
	if (c->msg->flags & IDL_M_BARE)
		LIT(out, REPLY_OPEN "<params><param>");
	else
		LIT(out, STATUS_OPEN "Success</value></member>"
				     "<member><name>Value</name>");
}

/* write_tail - what stands after it */
static void
write_tail(const struct api_call *c, struct http_buf *out)
{
	if (c->msg->flags & IDL_M_BARE)
		LIT(out, "</param></params></methodResponse>");
	else
		LIT(out, STATUS_CLOSE);
}

/* write_failure - Status and ErrorDescription, never a fault */
static void
write_failure(const struct api_call *c, struct http_buf *out)
{
	const struct failure *why = &c->why;

	LIT(out, STATUS_OPEN "Failure</value></member>"
			     "<member><name>ErrorDescription</name>"
			     "<value><array><data><value>");
	write_text(out, idl_errors[why->code].code);
	LIT(out, "</value>");
	for (unsigned i = 0; i < why->n; i++) {
		LIT(out, "<value>");
		write_text(out, why->param[i]);
		LIT(out, "</value>");
	}
	LIT(out, "</data></array></value>" STATUS_CLOSE);
}

/* write_bad - the fault for what is no methodCall */
static void
write_bad(struct http_buf *out, const char *text)
{
	LIT(out, REPLY_OPEN "<fault><value><struct>"
			    "<member><name>faultCode</name>"
			    "<value><int>1</int></value></member>"
			    "<member><name>faultString</name><value><string>");
	write_text(out, text);
	LIT(out, "</string></value></member></struct></value></fault>"
		 "</methodResponse>");
}

/* ---- the codec ---- */

const struct rpc_codec xml_codec = {
    .type = "text/xml",
    .reader_new = xml_parser_new,
    .reader_free = xml_parser_free,
    .read = xml_parser_read,
    .bad = write_bad,
    .marks = &xml_marks,
    .head = write_head,
    .tail = write_tail,
    .failure = write_failure,
};
