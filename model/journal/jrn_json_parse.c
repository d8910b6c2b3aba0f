/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_json_parse - the native values that JSON text means
 *
 * Recursive descent along the type, whose depth the IDL fixes; every value
 * goes straight to its native place.
 */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_json.h"

#define GROW_FIRST 4u
#define FEW_KEYS 8u

static const char no_memory[] = "needs more memory than there is";
static const char not_json[] = "is not JSON of its type";

struct in {
	const char *at, *end; /* *end is NUL */
	struct arena *a;
	const char *problem; /* NULL: fine so far */
};

static bool in_value(struct in *p, const struct idl_type *t, void *out);

/* in_bad - what is read is wrong; always false */
static bool
in_bad(struct in *p, const char *problem)
{
	if (p->problem == NULL)
		p->problem = problem;
	return false;
}

/* in_space - skip white space */
static void
in_space(struct in *p)
{
	while (
	    *p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
		p->at++;
}

/* in_char - the next character after white space, if it is c */
static bool
in_char(struct in *p, char c)
{
	in_space(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

/* in_hex4 - four hex digits; -1: they are none */
static int
in_hex4(const char *s)
{
	int v = 0, i;

	for (i = 0; i < 4; i++) {
		v <<= 4;
		if (s[i] >= '0' && s[i] <= '9')
			v += s[i] - '0';
		else if (s[i] >= 'a' && s[i] <= 'f')
			v += s[i] - 'a' + 10;
		else if (s[i] >= 'A' && s[i] <= 'F')
			v += s[i] - 'A' + 10;
		else
			return -1; /* also at the NUL that ends the text */
	}
	return v;
}

/* utf8_put - a code point as UTF-8; returns the end */
static char *
utf8_put(char *q, int c)
{
	if (c < 0x80) {
		*q++ = (char)c;
		return q;
	}
	if (c < 0x800) {
		*q++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*q++ = (char)(0xe0 | c >> 12);
		} else {
			*q++ = (char)(0xf0 | c >> 18);
			*q++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*q++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*q++ = (char)(0x80 | (c & 0x3f));
	return q;
}

/* in_escape_u - what follows \u; returns the code point, -1: none */
static int
in_escape_u(struct in *p)
{
	int c, low;

	c = in_hex4(p->at);
	if (c <= 0 || (c >= 0xdc00 && c < 0xe000))
		return -1;
	p->at += 4;
	if (c < 0xd800 || c >= 0xe000)
		return c;
	if (p->at[0] != '\\' || p->at[1] != 'u')
		return -1;
	low = in_hex4(p->at + 2);
	if (low < 0xdc00 || low >= 0xe000)
		return -1;
	p->at += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* in_escape - what follows a backslash, to *q */
static bool
in_escape(struct in *p, char **q)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *f;
	int c;

	if (*p->at == 'u') {
		p->at++;
		c = in_escape_u(p);
		if (c < 0)
			return in_bad(p, not_json);
		*q = utf8_put(*q, c);
		return true;
	}
	f = *p->at == '\0' ? NULL : strchr(from, *p->at);
	if (f == NULL)
		return in_bad(p, not_json);
	p->at++;
	*(*q)++ = to[f - from];
	return true;
}

/* in_string - a string in quotes, into the arena */
static bool
in_string(struct in *p, const char **s_out, size_t *n_out)
{
	const char *s;
	char *text, *q;

	if (!in_char(p, '"'))
		return in_bad(p, not_json);
	for (s = p->at; s < p->end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < p->end)
			s++;
	if (s == p->end)
		return in_bad(p, not_json);
	/* never longer than its escaped form */
	text = q = arena_alloc(p->a, (size_t)(s - p->at) + 1);
	if (text == NULL)
		return in_bad(p, no_memory);
	while (p->at < s) {
		if ((unsigned char)*p->at < 0x20)
			return in_bad(p, not_json);
		if (*p->at != '\\') {
			*q++ = *p->at++;
			continue;
		}
		p->at++;
		if (!in_escape(p, &q))
			return false;
	}
	p->at = s + 1;
	*q = '\0';
	*s_out = text;
	*n_out = (size_t)(q - text);
	return true;
}

/* in_digits - one or more digits */
static bool
in_digits(struct in *p)
{
	const char *from = p->at;

	while (*p->at >= '0' && *p->at <= '9')
		p->at++;
	return p->at > from;
}

/* in_int - an integer that fits */
static bool
in_int(struct in *p, int64_t *v_out)
{
	const char *first, *digits;
	int64_t v = 0;

	in_space(p);
	first = digits = p->at;
	if (*first == '-')
		digits = ++p->at;
	if (!in_digits(p) || (*digits == '0' && p->at > digits + 1))
		return in_bad(p, not_json);
	if (*p->at == '.' || *p->at == 'e' || *p->at == 'E')
		return in_bad(p, not_json);
	for (; digits < p->at; digits++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, *digits - '0', &v))
			return in_bad(p, not_json);
	if (*first != '-' && __builtin_sub_overflow(0, v, &v))
		return in_bad(p, not_json);
	*v_out = v;
	return true;
}

/* in_float - a number */
static bool
in_float(struct in *p, double *v_out)
{
	const char *first, *digits;

	in_space(p);
	first = digits = p->at;
	if (*first == '-')
		digits = ++p->at;
	if (!in_digits(p) || (*digits == '0' && p->at > digits + 1))
		return in_bad(p, not_json);
	if (*p->at == '.') {
		p->at++;
		if (!in_digits(p))
			return in_bad(p, not_json);
	}
	if (*p->at == 'e' || *p->at == 'E') {
		p->at++;
		if (*p->at == '+' || *p->at == '-')
			p->at++;
		if (!in_digits(p))
			return in_bad(p, not_json);
	}
	*v_out = strtod(first, NULL);
	return true;
}

/* in_bool - true or false */
static bool
in_bool(struct in *p, bool *v_out)
{
	bool v;

	in_space(p);
	v = *p->at == 't';
	if (strncmp(p->at, v ? "true" : "false", v ? 4 : 5) != 0)
		return in_bad(p, not_json);
	p->at += v ? 4 : 5;
	*v_out = v;
	return true;
}

/* in_named - a string that means a ref or an enum value */
static bool
in_named(struct in *p, const struct idl_type *t, void *out)
{
	const char *s;
	int32_t index;
	size_t n;

	if (!in_string(p, &s, &n))
		return false;
	if (t->kind == IDL_REF)
		return jrn_ref_parse(s, n, out) ||
		       in_bad(p, "holds what is no reference");
	index = idl_enum_index(t->en, s, n);
	if (index < 0)
		return in_bad(p, "holds what is no value of its enum");
	memcpy(out, &index, sizeof index);
	return true;
}

/* An array that grows in the arena. */
struct grow {
	char *items;
	size_t step;
	uint32_t n, room;
};

/* grow_next - the place of one more value; NULL: out of memory */
static void *
grow_next(struct in *p, struct grow *g)
{
	uint32_t room;
	char *more;

	if (g->n == g->room) {
		room = g->room == 0 ? GROW_FIRST : g->room * 2;
		more =
		    room <= g->room ? NULL : arena_alloc(p->a, room * g->step);
		if (more == NULL) {
			(void)in_bad(p, no_memory); /* remembered in p */
			return NULL;
		}
		if (g->n > 0)
			memcpy(more, g->items, g->n * g->step);
		g->items = more;
		g->room = room;
	}
	return g->items + g->n++ * g->step;
}

/* in_array - a set */
static bool
in_array(struct in *p, const struct idl_type *t, const struct idl_set **out)
{
	struct grow g = {NULL, idl_native_bytes(t->elem), 0, 0};
	struct idl_set *set;
	void *item;

	if (!in_char(p, '['))
		return in_bad(p, not_json);
	*out = &idl_set_none;
	if (in_char(p, ']'))
		return true;
	do {
		item = grow_next(p, &g);
		if (item == NULL || !in_value(p, t->elem, item))
			return false;
	} while (in_char(p, ','));
	if (!in_char(p, ']'))
		return in_bad(p, not_json);
	set = arena_alloc(p->a, sizeof *set);
	if (set == NULL)
		return in_bad(p, no_memory);
	*set = (struct idl_set){g.n, g.items};
	*out = set;
	return true;
}

/* in_key - the key of a map member, of any scalar type, in quotes */
static bool
in_key(struct in *p, const struct idl_type *t, void *out)
{
	struct in k = {NULL, NULL, p->a, NULL};
	size_t n = 0;

	if (t->kind == IDL_STRING || t->kind == IDL_REF || t->kind == IDL_ENUM)
		return in_value(p, t, out);
	if (!in_string(p, &k.at, &n))
		return false;
	k.end = k.at + n;
	if (n == 0 || *k.at == ' ' || !in_value(&k, t, out) || k.at != k.end)
		return in_bad(p, not_json);
	return true;
}

/* key_order - for qsort_r: strings by text, all else by its bytes */
static int
key_order(const void *a, const void *b, void *type)
{
	const struct idl_type *t = type;

	if (t->kind == IDL_STRING)
		return strcmp(*(const char *const *)a, *(const char *const *)b);
	return memcmp(a, b, idl_native_bytes(t));
}

/* keys_differ - is no key there twice? */
static bool
keys_differ(struct in *p, const struct idl_type *t, const struct grow *keys)
{
	struct idl_type of = *t;
	char *sorted = keys->items;
	uint32_t i, j;

	if (keys->n <= FEW_KEYS) {
		for (i = 0; i < keys->n; i++)
			for (j = 0; j < i; j++)
				if (key_order(sorted + i * keys->step,
					sorted + j * keys->step, &of) == 0)
					return in_bad(p, "has a key twice");
		return true;
	}
	sorted = arena_alloc(p->a, keys->n * keys->step);
	if (sorted == NULL)
		return in_bad(p, no_memory);
	memcpy(sorted, keys->items, keys->n * keys->step);
	qsort_r(sorted, keys->n, keys->step, key_order, &of);
	for (i = 1; i < keys->n; i++)
		if (key_order(sorted + i * keys->step,
			sorted + (i - 1) * keys->step, &of) == 0)
			return in_bad(p, "has a key twice");
	return true;
}

/* in_object - a map */
static bool
in_object(struct in *p, const struct idl_type *t, const struct idl_map **out)
{
	struct grow keys = {NULL, idl_native_bytes(t->key), 0, 0};
	struct grow items = {NULL, idl_native_bytes(t->elem), 0, 0};
	struct idl_map *map;
	void *key, *item;

	if (!in_char(p, '{'))
		return in_bad(p, not_json);
	*out = &idl_map_none;
	if (in_char(p, '}'))
		return true;
	do {
		key = grow_next(p, &keys);
		if (key == NULL || !in_key(p, t->key, key))
			return false;
		if (!in_char(p, ':'))
			return in_bad(p, not_json);
		item = grow_next(p, &items);
		if (item == NULL || !in_value(p, t->elem, item))
			return false;
	} while (in_char(p, ','));
	if (!in_char(p, '}'))
		return in_bad(p, not_json);
	map = arena_alloc(p->a, sizeof *map);
	if (map == NULL)
		return in_bad(p, no_memory);
	*map = (struct idl_map){keys.n, keys.items, items.items};
	*out = map;
	return keys_differ(p, t->key, &keys);
}

/* in_value - a value of any type, to its native place */
static bool
in_value(struct in *p, const struct idl_type *t, void *out)
{
	size_t n;

	switch (t->kind) {
	case IDL_STRING:
		return in_string(p, out, &n);
	case IDL_INT:
	case IDL_DATETIME:
		return in_int(p, out);
	case IDL_FLOAT:
		return in_float(p, out);
	case IDL_BOOL:
		return in_bool(p, out);
	case IDL_REF:
	case IDL_ENUM:
		return in_named(p, t, out);
	case IDL_SET:
		return in_array(p, t, out);
	case IDL_MAP:
		return in_object(p, t, out);
	case IDL_VOID:
	case IDL_RECORD:
		break;
	}
	assert(t->kind == IDL_SET); /* other types are never persisted */
	return false;
}

const char *
jrn_json_parse(const struct idl_type *t, const char *text, size_t n,
    void *value_out, struct arena *a)
{
	struct in p = {text, text + n, a, NULL};
	union {
		int64_t i;
		double f;
		struct idl_ref ref;
		const void *p;
	} v;

	if (n == 0 && t->kind == IDL_SET) {
		v.p = &idl_set_none;
	} else if (n == 0 && t->kind == IDL_MAP) {
		v.p = &idl_map_none;
	} else {
		if (!in_value(&p, t, &v))
			return p.problem;
		in_space(&p);
		if (p.at != p.end)
			return not_json;
	}
	memcpy(value_out, &v, idl_native_bytes(t));
	return NULL;
}
