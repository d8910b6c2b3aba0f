/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets and maps as JSON text: what is written, what is read, what is not. */

/* System */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_json.h"
#include "tests/fault/help_jrn.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char *const colour_values[] = {"red", "dark blue"};
static const struct idl_enum colour = {"colour", colour_values, 2};

static const struct idl_type string_type = {.kind = IDL_STRING, .cls = -1};
static const struct idl_type int_type = {.kind = IDL_INT, .cls = -1};
static const struct idl_type float_type = {.kind = IDL_FLOAT, .cls = -1};
static const struct idl_type bool_type = {.kind = IDL_BOOL, .cls = -1};
static const struct idl_type ref_type = {.kind = IDL_REF, .cls = -1};
static const struct idl_type enum_type = {
    .kind = IDL_ENUM, .en = &colour, .cls = -1};
static const struct idl_type strings_type = {
    .kind = IDL_SET, .elem = &string_type, .cls = -1};
static const struct idl_type ints_type = {
    .kind = IDL_SET, .elem = &int_type, .cls = -1};
static const struct idl_type floats_type = {
    .kind = IDL_SET, .elem = &float_type, .cls = -1};
static const struct idl_type bools_type = {
    .kind = IDL_SET, .elem = &bool_type, .cls = -1};
static const struct idl_type refs_type = {
    .kind = IDL_SET, .elem = &ref_type, .cls = -1};
static const struct idl_type words_type = {
    .kind = IDL_MAP, .key = &string_type, .elem = &string_type, .cls = -1};
static const struct idl_type by_int_type = {
    .kind = IDL_MAP, .key = &int_type, .elem = &enum_type, .cls = -1};
static const struct idl_type by_enum_type = {
    .kind = IDL_MAP, .key = &enum_type, .elem = &ints_type, .cls = -1};
static const struct idl_type nested_type = {
    .kind = IDL_SET, .elem = &words_type, .cls = -1};

static struct arena arena;

static void
setup(void)
{
	arena_init(&arena, (size_t)1 << 20);
}

static void
teardown(void)
{
	arena_fini(&arena);
}

/* text_of - the JSON of a value, in the arena */
static const char *
text_of(const struct idl_type *t, const void *v)
{
	size_t n = jrn_json_bytes(t, v);
	char *text = arena_alloc(&arena, n + 2);

	text[n] = '#';
	jrn_json_write(t, v, text);
	cr_assert_eq(text[n], '#', "wrote more than was said");
	text[n] = '\0';
	return text;
}

/* Texts that are read, and what is written for them again. */
static const struct {
	const char *that;
	const struct idl_type *type;
	const char *text, *again; /* again NULL: the same */
} good[] = {
    {"the empty text is the empty set", &strings_type, "", NULL},
    {"the empty text is the empty map", &words_type, "", NULL},
    {"empty brackets too", &strings_type, "[]", ""},
    {"and empty braces, spaced", &words_type, " { } ", ""},
    {"strings in order", &strings_type, "[\"b\",\"a\",\"b\"]", NULL},
    {"white space is skipped", &strings_type, "[ \"a\" ,\n\t\"b\" ]\r\n",
	"[\"a\",\"b\"]"},
    {"quotes and backslashes", &strings_type, "[\"\\\"\\\\\"]", NULL},
    {"control characters", &strings_type, "[\"\\u0001\\n\\t\"]",
	"[\"\\u0001\\n\\u0009\"]"},
    {"all escapes", &strings_type, "[\"\\/\\b\\f\\r\\u00e9\\u20AC\"]",
	"[\"/\\u0008\\u000c\\u000d\xc3\xa9\xe2\x82\xac\"]"},
    {"a surrogate pair", &strings_type, "[\"\\ud83d\\udc18\"]",
	"[\"\xf0\x9f\x90\x98\"]"},
    {"the longest ints", &ints_type,
	"[-9223372036854775808,9223372036854775807,0,-0]",
	"[-9223372036854775808,9223372036854775807,0,0]"},
    {"floats to the last bit", &floats_type,
	"[0.10000000000000001,-1e-300,5E-324,1e999,-1e999]",
	"[0.10000000000000001,-1e-300,4.9406564584124654e-324,1e999,-1e999]"},
    {"booleans", &bools_type, "[true,false]", NULL},
    {"references", &refs_type,
	"[\"OpaqueRef:01234567-89ab-cdef-0123-456789abcdef\",\"\"]", NULL},
    {"a map keeps its order", &words_type, "{\"z\":\"1\",\"a\":\"\"}", NULL},
    {"the empty key is a key", &words_type, "{\"\":\"x\"}", NULL},
    {"int keys are strings, enum values their names", &by_int_type,
	"{\"-1\":\"red\",\"9223372036854775807\":\"dark blue\"}", NULL},
    {"sets as map values", &by_enum_type, "{\"red\":[],\"dark blue\":[1,2]}",
	NULL},
    {"maps in sets", &nested_type, "[{},{\"a\":\"b\"}]", NULL},
};

Test(jrn_json, good, .init = setup, .fini = teardown)
{
	const char *problem, *text;
	const void *v;
	size_t i;

	for (i = 0; i < N(good); i++) {
		problem = jrn_json_parse(good[i].type, good[i].text,
		    strlen(good[i].text), &v, &arena);
		cr_expect_null(problem, "%s: %s", good[i].that, problem);
		if (problem != NULL)
			continue;
		text = text_of(good[i].type, &v);
		cr_expect_str_eq(text,
		    good[i].again != NULL ? good[i].again : good[i].text,
		    "%s: %s", good[i].that, text);
	}
}

static const struct {
	const char *that;
	const struct idl_type *type;
	const char *text;
} bad[] = {
    {"a bare word", &strings_type, "a"},
    {"a string alone", &strings_type, "\"a\""},
    {"a map for a set", &strings_type, "{}"},
    {"a set for a map", &words_type, "[]"},
    {"null", &strings_type, "null"},
    {"an unclosed set", &strings_type, "[\"a\""},
    {"an unclosed string", &strings_type, "[\"a]"},
    {"a string that ends in a backslash", &strings_type, "[\"a\\"},
    {"a comma too many", &strings_type, "[\"a\",]"},
    {"a comma too few", &strings_type, "[\"a\" \"b\"]"},
    {"something after the end", &strings_type, "[\"a\"] x"},
    {"two values", &strings_type, "[][]"},
    {"a number among strings", &strings_type, "[1]"},
    {"a string among ints", &ints_type, "[\"1\"]"},
    {"a raw line feed in a string", &strings_type, "[\"a\nb\"]"},
    {"an unknown escape", &strings_type, "[\"\\x41\"]"},
    {"U+0000", &strings_type, "[\"\\u0000\"]"},
    {"half a surrogate pair", &strings_type, "[\"\\ud83d\"]"},
    {"half a pair, then another escape", &strings_type, "[\"\\ud83d\\n\"]"},
    {"the other half first", &strings_type, "[\"\\udc18\\ud83d\"]"},
    {"short hex", &strings_type, "[\"\\u12\"]"},
    {"an int too great", &ints_type, "[9223372036854775808]"},
    {"an int too small", &ints_type, "[-9223372036854775809]"},
    {"a fraction for an int", &ints_type, "[1.0]"},
    {"an exponent for an int", &ints_type, "[1e3]"},
    {"a leading zero", &ints_type, "[01]"},
    {"a plus sign", &ints_type, "[+1]"},
    {"a minus sign alone", &ints_type, "[-]"},
    {"a hexadecimal float", &floats_type, "[0x10]"},
    {"a float without digits after the point", &floats_type, "[1.]"},
    {"NaN", &floats_type, "[nan]"},
    {"a boolean in capitals", &bools_type, "[True]"},
    {"a reference in capitals", &refs_type,
	"[\"OpaqueRef:01234567-89AB-cdef-0123-456789abcdef\"]"},
    {"a bare uuid", &refs_type, "[\"01234567-89ab-cdef-0123-456789abcdef\"]"},
    {"a dash out of place", &refs_type,
	"[\"OpaqueRef:012345678-9ab-cdef-0123-456789abcdef\"]"},
    {"a key twice", &words_type, "{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}"},
    {"a key twice among many", &words_type,
	"{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\","
	"\"g\":\"\",\"h\":\"\",\"i\":\"\",\"\\u0061\":\"\"}"},
    {"a key that is no string", &words_type, "{1:\"a\"}"},
    {"a key without a value", &words_type, "{\"a\"}"},
    {"a key of the wrong type", &by_int_type, "{\"one\":\"red\"}"},
    {"a key with a space before it", &by_int_type, "{\" 1\":\"red\"}"},
    {"an empty key for an int", &by_int_type, "{\"\":\"red\"}"},
    {"an unknown enum value", &by_int_type, "{\"1\":\"green\"}"},
    {"an unknown enum key", &by_enum_type, "{\"green\":[]}"},
};

Test(jrn_json, bad, .init = setup, .fini = teardown)
{
	const void *v = &arena; /* anything, to see it untouched */
	size_t i;

	for (i = 0; i < N(bad); i++) {
		cr_expect_not_null(jrn_json_parse(bad[i].type, bad[i].text,
				       strlen(bad[i].text), &v, &arena),
		    "%s is refused: %s", bad[i].that, bad[i].text);
		cr_expect_eq(v, &arena, "%s: untouched", bad[i].that);
	}
}

Test(jrn_json, cut_off, .init = setup, .fini = teardown)
{
	char text[300];
	const void *v;
	size_t i, n;

	for (i = 0; i < N(good); i++) {
		for (n = 1; n < strlen(good[i].text); n++) {
			memcpy(text, good[i].text, n);
			text[n] = '\0';
			if (jrn_json_parse(good[i].type, text, n, &v, &arena) ==
			    NULL)
				cr_expect(strspn(good[i].text + n, " \r\n") ==
					      strlen(good[i].text + n),
				    "%s: cut at %zu is refused", good[i].that,
				    n);
		}
	}
}

Test(jrn_json, out_of_arena)
{
	struct arena tight;
	const char *text = "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\"}";
	const char *problem = "";
	size_t room;
	const void *v;

	for (room = 0; problem != NULL; room += 16) {
		cr_assert_lt(room, 4096);
		arena_init(&tight, room);
		problem =
		    jrn_json_parse(&words_type, text, strlen(text), &v, &tight);
		cr_expect(problem == NULL || strstr(problem, "memory") != NULL);
		arena_fini(&tight);
	}
}

static const struct {
	const char *that;
	const char *text;
	size_t n;
	bool ok;
} utf8[] = {
    {"nothing", "", 0, true},
    {"ASCII", "abcdefghijklmnop\x01\x7f", 18, true},
    {"a NUL", "a\0b", 3, false},
    {"a NUL among eight", "abcd\0fghi", 9, false},
    {"a NUL after eight", "abcdefgh\0", 9, false},
    {"two bytes, least and most", "\xc2\x80\xdf\xbf", 4, true},
    {"three bytes, least and most", "\xe0\xa0\x80\xef\xbf\xbf", 6, true},
    {"four bytes, least and most", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, true},
    {"around the surrogates", "\xed\x9f\xbf\xee\x80\x80", 6, true},
    {"a surrogate", "\xed\xa0\x80", 3, false},
    {"two bytes, overlong", "\xc1\xbf", 2, false},
    {"three bytes, overlong", "\xe0\x9f\xbf", 3, false},
    {"four bytes, overlong", "\xf0\x8f\xbf\xbf", 4, false},
    {"past U+10FFFF", "\xf4\x90\x80\x80", 4, false},
    {"a byte that never leads", "\xf5\x80\x80\x80", 4, false},
    {"a continuation alone", "abcdefg\x80", 8, false},
    {"cut short at the end", "abc\xe2\x82", 5, false},
    {"cut short by ASCII", "\xe2\x82z", 3, false},
};

Test(jrn_json, utf8)
{
	size_t i;

	for (i = 0; i < N(utf8); i++)
		cr_expect_eq(jrn_utf8_ok(utf8[i].text, utf8[i].n), utf8[i].ok,
		    "%s", utf8[i].that);
}
