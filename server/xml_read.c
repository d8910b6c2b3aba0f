/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml_read - a methodCall from expat's callbacks to typed arguments
 *
 *   methodCall = methodName [ params ]      params = { param }
 *   param = value                           value = text | scalar | struct |
 * array struct = { member }                     member = name value array =
 * data                            data = { value }
 *
 * One frame for each open element.  The frame of a value knows where its native
 * value goes before anything of it has been read; a value that goes nowhere
 * (surplus, unknown method, wrong type) is checked for its grammar and skipped.
 * Attributes, comments and processing instructions mean nothing.
 */

/* System */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* Own */
#include "server/xml_priv.h"

#define TEXT_FIRST_BYTES ((size_t)256)
#define TEXT_KEEP_BYTES ((size_t)65536) /* of text, between calls */

void
xml_bad(struct xml_parser *p, const char *why)
{
	if (p->bad != NULL)
		return;
	p->bad = why;
	(void)XML_StopParser(p->expat, XML_FALSE); /* p->bad says it too */
}

/* must - a step of the call's builder was taken, or the call is too large */
static void
must(struct xml_parser *p, bool taken)
{
	if (!taken)
		xml_bad(p, "call too large");
}

/* ---- text ---- */

/* only_white - is it all white space? */
static bool
only_white(const char *s, size_t n)
{
	for (; n > 0; n--, s++)
		if (*s != ' ' && *s != '\n' && *s != '\t' && *s != '\r')
			return false;
	return true;
}

/* text_room - room for n more bytes and a NUL */
static bool
text_room(struct xml_parser *p, size_t n)
{
	size_t cap = p->text_cap;
	char *text;

	if (n < cap - p->text_len)
		return true;
	while (n >= cap - p->text_len)
		cap *= 2;
	text = realloc(p->text, cap);
	if (text == NULL) {
		xml_bad(p, "out of memory");
		return false;
	}
	p->text = text;
	p->text_cap = cap;
	return true;
}

/* on_text - expat: a piece of character data */
static void XMLCALL
on_text(void *ctx, const XML_Char *s, int len)
{
	struct xml_parser *p = ctx;
	size_t n = (size_t)len;

	if (p->bad != NULL)
		return;
	if (p->mode == XML_TEXT_DROP) {
		p->ink = p->ink || !only_white(s, n);
		return;
	}
	if (p->mode == XML_TEXT_NONE) {
		if (!only_white(s, n))
			xml_bad(p, "text outside of a value");
		return;
	}
	if (!text_room(p, n))
		return;
	memcpy(p->text + p->text_len, s, n);
	p->text_len += n;
}

/* ---- elements ---- */

static const struct {
	const char *name;
	enum xml_el el;
} elements[] = {
    /* the most frequent first */
    {"value", XML_EL_VALUE},
    {"param", XML_EL_PARAM},
    {"string", XML_EL_STRING},
    {"member", XML_EL_MEMBER},
    {"name", XML_EL_NAME},
    {"params", XML_EL_PARAMS},
    {"methodName", XML_EL_METHOD_NAME},
    {"methodCall", XML_EL_CALL},
    {"int", XML_EL_INT},
    {"i4", XML_EL_INT},
    {"i8", XML_EL_INT},
    {"boolean", XML_EL_BOOLEAN},
    {"double", XML_EL_DOUBLE},
    {"struct", XML_EL_STRUCT},
    {"array", XML_EL_ARRAY},
    {"data", XML_EL_DATA},
    {"dateTime.iso8601", XML_EL_DATETIME},
    {"base64", XML_EL_BASE64},
    {"nil", XML_EL_NIL},
};

/* element_find - which element a tag names; XML_EL_NONE: none of XML-RPC */
static enum xml_el
element_find(const char *name)
{
	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
		if (*elements[i].name == *name &&
		    strcmp(elements[i].name, name) == 0)
			return elements[i].el;
	return XML_EL_NONE;
}

/* may_contain - may an element come in another as its nth child? */
static bool
may_contain(enum xml_el parent, unsigned nth, enum xml_el el)
{
	switch (parent) {
	case XML_EL_NONE:
		return el == XML_EL_CALL;
	case XML_EL_CALL:
		return (nth == 0 && el == XML_EL_METHOD_NAME) ||
		       (nth == 1 && el == XML_EL_PARAMS);
	case XML_EL_PARAMS:
		return el == XML_EL_PARAM;
	case XML_EL_PARAM:
		return nth == 0 && el == XML_EL_VALUE;
	case XML_EL_VALUE:
		return nth == 0 &&
		       (el >= XML_EL_STRING || el == XML_EL_STRUCT ||
			   el == XML_EL_ARRAY);
	case XML_EL_STRUCT:
		return el == XML_EL_MEMBER;
	case XML_EL_MEMBER:
		return (nth == 0 && el == XML_EL_NAME) ||
		       (nth == 1 && el == XML_EL_VALUE);
	case XML_EL_ARRAY:
		return nth == 0 && el == XML_EL_DATA;
	case XML_EL_DATA:
		return el == XML_EL_VALUE;
	default:
		return false;
	}
}

/* start_value - where the value goes, as its parent says */
static void
start_value(struct xml_parser *p, struct xml_frame *f)
{
	struct xml_frame *parent = f - 1;

	if (parent->el == XML_EL_PARAM)
		f->val.slot = api_val_param(p->call);
	else if (parent->el == XML_EL_DATA) /* of the array */
		must(p, api_val_item(p->call, &parent[-1].val, &f->val.slot));
	else
		f->val.slot = parent->val.slot;
}

/* start_element - what the new innermost frame needs */
static void
start_element(struct xml_parser *p, struct xml_frame *f)
{
	struct xml_frame *parent = f - 1;
	enum xml_text keep = XML_TEXT_KEEP;

	p->mode = XML_TEXT_NONE;
	p->text_len = 0;
	p->ink = false;
	if (f->el == XML_EL_METHOD_NAME || f->el == XML_EL_NAME)
		p->mode = keep;
	if (f->el < XML_EL_VALUE || f->el == XML_EL_NAME)
		return;
	if (f->el == XML_EL_VALUE)
		start_value(p, f);
	else
		f->val.slot = parent->val.slot;
	if (f->val.slot.type == NULL)
		keep = XML_TEXT_DROP;
	if (f->el == XML_EL_VALUE || f->el >= XML_EL_STRING) {
		p->mode = keep;
		return;
	}
	if (f->val.slot.type == &api_val_session_type)
		f->val.slot.type = NULL;
	if (f->el == XML_EL_STRUCT)
		must(p, api_val_open_object(p->call, &f->val));
	else if (f->el == XML_EL_ARRAY)
		must(p, api_val_open_array(p->call, &f->val));
}

/* on_start - expat: a start tag */
static void XMLCALL
on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct xml_parser *p = ctx;
	struct xml_frame *parent = &p->frames[p->depth], *f = parent + 1;
	enum xml_el el;

	(void)attributes; /* XML-RPC has none */
	if (p->bad != NULL)
		return;
	if (p->depth == XML_DEPTH_MAX) {
		xml_bad(p, "elements nested too deeply");
		return;
	}
	el = element_find(name);
	if (!may_contain(parent->el, parent->children, el)) {
		xml_bad(p, p->depth == 0 ? "not a methodCall"
					 : "element out of place");
		return;
	}
	if (parent->el == XML_EL_VALUE &&
	    (p->ink || !only_white(p->text, p->text_len))) {
		xml_bad(p, "text beside an element");
		return;
	}
	if ((el == XML_EL_MEMBER || el == XML_EL_PARAM ||
		parent->el == XML_EL_DATA) &&
	    ++p->members > XML_MEMBERS_MAX) {
		xml_bad(p, "too many values");
		return;
	}
	parent->children++;
	p->depth++;
	f->el = el;
	f->children = 0;
	start_element(p, f);
}

/* form_of - what an element says that its text is */
static enum api_val_form
form_of(enum xml_el el)
{
	switch (el) {
	case XML_EL_STRING:
		return API_VAL_TEXT;
	case XML_EL_INT:
		return API_VAL_INT;
	case XML_EL_DOUBLE:
		return API_VAL_FLOAT;
	case XML_EL_BOOLEAN:
		return API_VAL_BOOL;
	case XML_EL_DATETIME:
		return API_VAL_DATETIME;
	default:
		return API_VAL_ALIEN;
	}
}

/* end_scalar - text to the place of its value */
static void
end_scalar(struct xml_parser *p, const struct xml_frame *f, enum xml_el el)
{
	const struct api_slot *to = &f->val.slot;

	if (to->type == &api_val_session_type)
		must(p, api_val_session(p->call, p->text, p->text_len));
	else if (to->type != NULL)
		must(p, api_val_scalar(
			    p->call, to, form_of(el), p->text, p->text_len));
}

/* end_name - </name>: where the value of the member goes */
static void
end_name(struct xml_parser *p, struct xml_frame *f)
{
	struct xml_frame *member = f - 1;

	must(p, api_val_member(p->call, &member[-1].val, p->text, p->text_len,
		    &member->val.slot));
}

/* end_element - what the innermost frame leaves behind */
static void
end_element(struct xml_parser *p, struct xml_frame *f)
{
	switch (f->el) {
	case XML_EL_METHOD_NAME:
		must(p, api_val_method(p->call, p->find, p->text, p->text_len));
		break;
	case XML_EL_NAME: /* in a member, in a struct */
		end_name(p, f);
		break;
	case XML_EL_VALUE:
		if (f->children == 0)
			end_scalar(p, f, XML_EL_STRING);
		break;
	case XML_EL_STRUCT:
		must(p, api_val_close_object(p->call, &f->val));
		break;
	case XML_EL_ARRAY:
		if (f->children == 0)
			xml_bad(p, "array without data");
		must(p, api_val_close_array(p->call, &f->val));
		break;
	case XML_EL_CALL:
	case XML_EL_PARAM:
		if (f->children == 0)
			xml_bad(p, "element without content");
		break;
	case XML_EL_MEMBER:
		if (f->children != 2)
			xml_bad(p, "member without value");
		break;
	case XML_EL_PARAMS:
	case XML_EL_DATA:
		break;
	default:
		end_scalar(p, f, f->el);
	}
}

/* on_end - expat: an end tag */
static void XMLCALL
on_end(void *ctx, const XML_Char *name)
{
	struct xml_parser *p = ctx;

	(void)name; /* expat has matched it with its start */
	if (p->bad != NULL)
		return;
	assert(p->depth > 0);
	p->text[p->text_len] = '\0';
	end_element(p, &p->frames[p->depth]);
	p->depth--;
	p->mode = XML_TEXT_NONE;
}

/* on_doctype - expat: <!DOCTYPE, the door of all entities */
static void XMLCALL
on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int has_internal_subset)
{
	(void)name; /* refused whatever it says */
	(void)sysid;
	(void)pubid;
	(void)has_internal_subset;
	xml_bad(ctx, "DOCTYPE is not accepted");
}

/* on_declaration - expat: <?xml version encoding ?> */
static void XMLCALL
on_declaration(void *ctx, const XML_Char *version, const XML_Char *encoding,
    int standalone)
{
	(void)version; /* expat knows 1.0 only */
	(void)standalone;
	if (encoding != NULL && strcasecmp(encoding, "UTF-8") != 0 &&
	    strcasecmp(encoding, "US-ASCII") != 0)
		xml_bad(ctx, "encoding is not UTF-8");
}

/* ---- the parser ---- */

void
xml_parser_free(void *reader)
{
	struct xml_parser *p = reader;

	if (p == NULL)
		return;
	if (p->expat != NULL)
		XML_ParserFree(p->expat);
	free(p->text);
	free(p);
}

void *
xml_parser_new(void)
{
	struct xml_parser *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->find = api_msg_find;
	p->text = malloc(TEXT_FIRST_BYTES);
	p->text_cap = TEXT_FIRST_BYTES;
	p->expat = XML_ParserCreate(NULL);
	/* Expat would ask for a salt at each call; 0 would make it do so. */
	if (getrandom(&p->salt, sizeof p->salt, 0) != sizeof p->salt ||
	    p->text == NULL || p->expat == NULL) {
		xml_parser_free(p);
		return NULL;
	}
	if (p->salt == 0)
		p->salt = 1;
	return p;
}

/* prepare - parser and call as before the first byte */
static void
prepare(struct xml_parser *p, struct api_call *c)
{
	(void)XML_ParserReset(p->expat, NULL); /* fails for child parsers */
	XML_SetHashSalt(p->expat, p->salt);
	XML_SetUserData(p->expat, p);
	XML_SetElementHandler(p->expat, on_start, on_end);
	XML_SetCharacterDataHandler(p->expat, on_text);
	XML_SetStartDoctypeDeclHandler(p->expat, on_doctype);
	XML_SetXmlDeclHandler(p->expat, on_declaration);
	p->call = c;
	p->frames[0] = (struct xml_frame){.el = XML_EL_NONE};
	p->depth = 0;
	p->members = 0;
	p->mode = XML_TEXT_NONE;
	p->text_len = 0;
	p->ink = false;
	p->bad = NULL;
	api_val_call(c);
}

/* is_utf16 - expat would read UTF-16 unasked; its first bytes give it away */
static bool
is_utf16(const char *body, size_t n)
{
	return n >= 2 && (body[0] == '\0' || body[1] == '\0' ||
			     (unsigned char)body[0] >= 0xfe);
}

/* trim - do not keep the memory of one long text for ever */
static void
trim(struct xml_parser *p)
{
	char *text;

	if (p->text_cap <= TEXT_KEEP_BYTES)
		return;
	text = realloc(p->text, TEXT_KEEP_BYTES);
	if (text == NULL)
		return;
	p->text = text;
	p->text_cap = TEXT_KEEP_BYTES;
}

bool
xml_parser_read(void *reader, const char *body, size_t n, struct api_call *c,
    char *text, size_t text_bytes)
{
	struct xml_parser *p = reader;
	enum XML_Status rc = XML_STATUS_ERROR;

	prepare(p, c);
	if (is_utf16(body, n))
		xml_bad(p, "encoding is not UTF-8");
	else if (n > INT_MAX)
		xml_bad(p, "call too large");
	else
		rc = XML_Parse(p->expat, body, (int)n, 1);
	trim(p);
	p->call = NULL;
	if (rc == XML_STATUS_OK && p->bad == NULL)
		return true;
	if (p->bad == NULL)
		p->bad = XML_ErrorString(XML_GetErrorCode(p->expat));
	(void)snprintf(text, text_bytes, "line %lu: %s", /* may be cut */
	    (unsigned long)XML_GetCurrentLineNumber(p->expat), p->bad);
	return false;
}
