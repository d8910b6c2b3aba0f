/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml_write - values, replies and faults of XML-RPC
 *
 * No white space between tags.  Ints are untagged, as the reference writes
 * them: old clients know no <i8>.
 */

/* System */
#include <assert.h>
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

/* write_scalar - the text of a scalar, without its tags */
static void
write_scalar(struct http_buf *out, const struct idl_type *t, const void *native)
{
	char text[IDL_REF_TEXT];
	int r;

	switch (t->kind) {
	case IDL_STRING:
		write_text(out, *(const char *const *)native);
		break;
	case IDL_INT:
		http_buf_add(out, text,
		    api_val_int_text(*(const int64_t *)native, text));
		break;
	case IDL_FLOAT:
		r = snprintf(
		    text, sizeof text, "%.16g", *(const double *)native);
		http_buf_add(out, text, (size_t)r); /* 23 at most */
		break;
	case IDL_BOOL:
		http_buf_add(out, *(const bool *)native ? "1" : "0", 1);
		break;
	case IDL_DATETIME:
		http_buf_add(out, text,
		    api_val_datetime_text(*(const int64_t *)native, text));
		break;
	case IDL_REF:
		idl_ref_write(native, text);
		http_buf_text(out, text);
		break;
	case IDL_ENUM:
		write_text(out, t->en->values[*(const int32_t *)native]);
		break;
	case IDL_VOID:
	case IDL_SET:
	case IDL_MAP:
	case IDL_RECORD:
		assert(0 && "not a scalar");
	}
}

/* write_tagged - a scalar in the tags of its type */
static void
write_tagged(struct http_buf *out, const struct idl_type *t, const void *native)
{
	switch (t->kind) {
	case IDL_VOID:
		LIT(out, "<value></value>");
		return;
	case IDL_BOOL:
		LIT(out, "<value><boolean>");
		write_scalar(out, t, native);
		LIT(out, "</boolean></value>");
		return;
	case IDL_FLOAT:
		LIT(out, "<value><double>");
		write_scalar(out, t, native);
		LIT(out, "</double></value>");
		return;
	case IDL_DATETIME:
		LIT(out, "<value><dateTime.iso8601>");
		write_scalar(out, t, native);
		LIT(out, "</dateTime.iso8601></value>");
		return;
	case IDL_INT:
		if (t->unit != IDL_UNIT_INT32)
			break;
		LIT(out, "<value><i4>");
		write_scalar(out, t, native);
		LIT(out, "</i4></value>");
		return;
	default:
		break;
	}
	LIT(out, "<value>");
	write_scalar(out, t, native);
	LIT(out, "</value>");
}

/* ---- marks ---- */

static const struct rpc_marks xml_marks = {
    .set_open = RPC_MARK("<value><array><data>"),
    .set_close = RPC_MARK("</data></array></value>"),
    .map_open = RPC_MARK("<value><struct>"),
    .map_close = RPC_MARK("</struct></value>"),
    .name_open = RPC_MARK("<member><name>"),
    .name_close = RPC_MARK("</name>"),
    .member_close = RPC_MARK("</member>"),
    .key = write_scalar,
    .scalar = write_tagged,
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
