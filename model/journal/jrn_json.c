/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_json - sets and maps as JSON text, for columns that people read
 *
 * Writing runs twice over the same code, to measure and to fill, so that the
 * text is allocated once.  jrn_json_parse.c is the way back.
 */

/* System */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_json.h"

#define NUMBER_TEXT 40
#define REF_BYTES ((size_t)46) /* of "OpaqueRef:<uuid>" */
/* ---- text ---- */

/* utf8_more - bytes that must follow a lead byte; -1: it cannot lead */
static int
utf8_more(unsigned char lead)
{
	if (lead < 0x80)
		return lead == 0 ? -1 : 0;
	if (lead < 0xc2 || lead > 0xf4)
		return -1;
	return lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
}

/* utf8_second_ok - no overlong form, no surrogate, nothing past U+10FFFF */
static bool
utf8_second_ok(unsigned char lead, unsigned char second)
{
	switch (lead) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second < 0xa0;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second < 0x90;
	}
	return true;
}

bool
jrn_utf8_ok(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;
	const uint64_t ones = 0x0101010101010101u;
	uint64_t w;
	int more;

	while (p < end) {
		if (end - p >= 8) {
			memcpy(&w, p, sizeof w);
			/* the top bit of a byte: not ASCII, or was zero */
			if (((w | (w - ones)) & (ones << 7)) == 0) {
				p += 8;
				continue;
			}
		}
		more = utf8_more(*p);
		if (more < 0 || end - p <= more)
			return false;
		if (more > 0 && !utf8_second_ok(p[0], p[1]))
			return false;
		for (p++; more > 0; more--, p++)
			if ((*p & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Lower case hex digits: 0x10 + value; all else 0. */
static const unsigned char hex_digits[256] = {
    ['0'] = 0x10,
    ['1'] = 0x11,
    ['2'] = 0x12,
    ['3'] = 0x13,
    ['4'] = 0x14,
    ['5'] = 0x15,
    ['6'] = 0x16,
    ['7'] = 0x17,
    ['8'] = 0x18,
    ['9'] = 0x19,
    ['a'] = 0x1a,
    ['b'] = 0x1b,
    ['c'] = 0x1c,
    ['d'] = 0x1d,
    ['e'] = 0x1e,
    ['f'] = 0x1f,
};

/* hex_lower - n lower case digits; false: they are none */
static bool
hex_lower(const char *s, int n, uint64_t *v)
{
	unsigned digit, all = 0x10;
	uint64_t value = *v;

	/* no way out of the loop: a start-up reads half a million refs */
	for (; n > 0; n--) {
		digit = hex_digits[(unsigned char)*s++];
		all &= digit;
		value = value << 4 | (digit & 0xf);
	}
	*v = value;
	return all != 0;
}

bool
jrn_ref_parse(const char *text, size_t n, struct idl_ref *ref_out)
{
	static const char prefix[] = "OpaqueRef:";
	const char *s = text + sizeof prefix - 1;
	struct idl_ref ref = {0, 0};

	if (n == 0) {
		*ref_out = ref;
		return true;
	}
	if (n != REF_BYTES || memcmp(text, prefix, sizeof prefix - 1) != 0 ||
	    s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-')
		return false;
	if (!hex_lower(s, 8, &ref.hi) || !hex_lower(s + 9, 4, &ref.hi) ||
	    !hex_lower(s + 14, 4, &ref.hi) || !hex_lower(s + 19, 4, &ref.lo) ||
	    !hex_lower(s + 24, 12, &ref.lo))
		return false;
	*ref_out = ref;
	return true;
}

/* ---- writing ---- */

struct out {
	char *text; /* NULL: measuring */
	size_t n;
};

static void out_value(struct out *o, const struct idl_type *t, const void *v);

/* out_put - n bytes as they are */
static void
out_put(struct out *o, const char *s, size_t n)
{
	if (o->text != NULL)
		memcpy(o->text + o->n, s, n);
	o->n += n;
}

/* out_string - a string in quotes */
static void
out_string(struct out *o, const char *s)
{
	char esc[7];
	size_t n;

	out_put(o, "\"", 1);
	while (*s != '\0') {
		for (n = 0;
		     (unsigned char)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\';
		     n++)
			;
		out_put(o, s, n);
		s += n;
		if (*s == '\0')
			break;
		if (*s == '"' || *s == '\\')
			snprintf(esc, sizeof esc, "\\%c", *s);
		else if (*s == '\n')
			snprintf(esc, sizeof esc, "\\n");
		else
			snprintf(esc, sizeof esc, "\\u%04x",
			    (unsigned)(unsigned char)*s);
		out_put(o, esc, strlen(esc));
		s++;
	}
	out_put(o, "\"", 1);
}

/* out_number - an int, float or bool */
static void
out_number(struct out *o, const struct idl_type *t, const void *v)
{
	char text[NUMBER_TEXT];
	int n;

	if (t->kind == IDL_BOOL)
		n = snprintf(text, sizeof text, "%s",
		    *(const bool *)v ? "true" : "false");
	else if (t->kind == IDL_FLOAT &&
		 *(const double *)v - *(const double *)v != 0)
		n = snprintf(text, sizeof text, "%s1e999",
		    *(const double *)v < 0 ? "-" : "");
	else if (t->kind == IDL_FLOAT)
		n = snprintf(text, sizeof text, "%.17g", *(const double *)v);
	else
		n = snprintf(
		    text, sizeof text, "%" PRId64, *(const int64_t *)v);
	out_put(o, text, (size_t)n);
}

/* out_array - a set in brackets */
static void
out_array(struct out *o, const struct idl_type *t, const struct idl_set *s)
{
	size_t step = idl_native_bytes(t->elem);
	const char *item = s->items;
	uint32_t i;

	out_put(o, "[", 1);
	for (i = 0; i < s->n; i++) {
		if (i > 0)
			out_put(o, ",", 1);
		out_value(o, t->elem, item + i * step);
	}
	out_put(o, "]", 1);
}

/* out_object - a map in braces; keys are always strings */
static void
out_object(struct out *o, const struct idl_type *t, const struct idl_map *m)
{
	size_t key_step = idl_native_bytes(t->key);
	size_t step = idl_native_bytes(t->elem);
	const char *key = m->keys, *item = m->values;
	bool bare = t->key->kind == IDL_INT || t->key->kind == IDL_FLOAT ||
		    t->key->kind == IDL_BOOL || t->key->kind == IDL_DATETIME;
	uint32_t i;

	assert(t->key->kind != IDL_SET && t->key->kind != IDL_MAP);
	out_put(o, "{", 1);
	for (i = 0; i < m->n; i++) {
		if (i > 0)
			out_put(o, ",", 1);
		if (bare)
			out_put(o, "\"", 1);
		out_value(o, t->key, key + i * key_step);
		out_put(o, "\":", bare ? 2 : 0);
		if (!bare)
			out_put(o, ":", 1);
		out_value(o, t->elem, item + i * step);
	}
	out_put(o, "}", 1);
}

/* out_value - a value of any type */
static void
out_value(struct out *o, const struct idl_type *t, const void *v)
{
	char ref[IDL_REF_TEXT] = "";

	switch (t->kind) {
	case IDL_STRING:
		out_string(o, *(const char *const *)v);
		return;
	case IDL_INT:
	case IDL_DATETIME:
	case IDL_FLOAT:
	case IDL_BOOL:
		out_number(o, t, v);
		return;
	case IDL_REF:
		if (!idl_ref_is_null(v))
			idl_ref_write(v, ref);
		out_string(o, ref);
		return;
	case IDL_ENUM:
		assert(
		    *(const int32_t *)v >= 0 && *(const int32_t *)v < t->en->n);
		out_string(o, t->en->values[*(const int32_t *)v]);
		return;
	case IDL_SET:
		out_array(o, t, *(const struct idl_set *const *)v);
		return;
	case IDL_MAP:
		out_object(o, t, *(const struct idl_map *const *)v);
		return;
	case IDL_VOID:
	case IDL_RECORD:
		break;
	}
	assert(t->kind == IDL_SET); /* other types are never persisted */
}

/* is_empty - the empty set or map, whose text is empty */
static bool
is_empty(const struct idl_type *t, const void *v)
{
	if (t->kind == IDL_SET)
		return (*(const struct idl_set *const *)v)->n == 0;
	return t->kind == IDL_MAP &&
	       (*(const struct idl_map *const *)v)->n == 0;
}

size_t
jrn_json_bytes(const struct idl_type *t, const void *value)
{
	struct out o = {NULL, 0};

	if (!is_empty(t, value))
		out_value(&o, t, value);
	return o.n;
}

void
jrn_json_write(const struct idl_type *t, const void *value, char *text)
{
	struct out o = {text, 0};

	if (!is_empty(t, value))
		out_value(&o, t, value);
}
