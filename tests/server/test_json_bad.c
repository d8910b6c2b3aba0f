/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_json_bad - what is no JSON-RPC call, and what jansson may need to say so
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/jsn.h"
#include "tests/server/help_rpc_check.h"

#define ARENA ((size_t)1 << 20)
#define PARAM(s) "{\"method\":\"t.call\",\"params\":[\"s\"," s "],\"id\":1}"
#define GOOD PARAM("\"x\"")
#define CHECK(rows)                                                            \
	help_rpc_check_bad(HELP_RPC_JSON, &help_value_string, (rows),          \
	    sizeof(rows) / sizeof *(rows))

Test(json_bad, json)
{
	static const struct help_rpc_bad rows[] = {
	    {"nothing", "", 0, "'[' or '{' expected"},
	    {"spaces", "  \n", 0, "'[' or '{' expected"},
	    {"no JSON", "hello", 0, "'[' or '{' expected"},
	    {"XML", "<methodCall/>", 0, "'[' or '{' expected"},
	    {"a scalar", "1", 0, "'[' or '{' expected"},
	    {"text", "\"a\"", 0, "'[' or '{' expected"},
	    {"cut short", "{\"method\":\"t.c", 0, "premature end"},
	    {"cut before the end", "{\"id\":1", 0, "expected"},
	    {"brackets that do not match", "{\"id\":1]", 0, "expected"},
	    {"a bracket too many", GOOD "}", 0, "was not opened"},
	    {"two documents", GOOD GOOD, 0, "end of file expected"},
	    {"a comma too many in an array", PARAM("[1,]"), 0, "unexpected"},
	    {"a comma too many in an object", PARAM("{\"a\":1,}"), 0, "string"},
	    {"a comma too few", PARAM("[1 2]"), 0, "expected"},
	    {"only a comma", PARAM("[,]"), 0, "unexpected"},
	    {"a name without quotes", PARAM("{a:1}"), 0, "expected"},
	    {"single quotes", PARAM("'a'"), 0, "invalid token"},
	    {"a member without value", PARAM("{\"a\"}"), 0, "':' expected"},
	    {"equal keys", PARAM("{\"a\":1,\"a\":2}"), 0, "duplicate"},
	    {"equal keys, one escaped", PARAM("{\"a\":1,\"\\u0061\":2}"), 0,
		"duplicate"},
	    {"two ids",
		"{\"id\":1,\"id\":1,\"method\":\"t.call\","
		"\"params\":[]}",
		0, "duplicate"},
	    {"a comment", PARAM("/**/ 1"), 0, "invalid token"},
	    {"NaN", PARAM("NaN"), 0, "invalid token"},
	    {"Infinity", PARAM("-Infinity"), 0, "invalid token"},
	    {"1e999", PARAM("1e999"), 0, "overflow"},
	    {"an int beyond 64 bit", PARAM("9223372036854775808"), 0,
		"too big"},
	    {"one below", PARAM("-9223372036854775809"), 0, "too big"},
	    {"leading zeros", PARAM("01"), 0, "invalid token"},
	    {"plus", PARAM("+1"), 0, "invalid token"},
	    {"a point without digits", PARAM("1."), 0, "invalid token"},
	    {"an exponent without digits", PARAM("1e"), 0, "invalid token"},
	    {"hexadecimal", PARAM("0x1"), 0, "expected"},
	    {"True", PARAM("True"), 0, "invalid token"},
	    {"a control character", PARAM("\"a\001b\""), 0,
		"control character"},
	    {"a tab in text", PARAM("\"a\tb\""), 0, "control character"},
	    {"a newline in text", PARAM("\"a\nb\""), 0, "newline"},
	    {"a NUL", GOOD "\0", sizeof GOOD "\0" - 1, "end of file"},
	    {"an escaped NUL", PARAM("\"\\u0000\""), 0, "\\u0000"},
	    {"an escaped NUL in a key", PARAM("{\"a\\u0000\":1}"), 0, "NUL"},
	    {"an unknown escape", PARAM("\"\\x\""), 0, "invalid escape"},
	    {"half an escape", PARAM("\"\\u12\""), 0, "invalid escape"},
	    {"the first surrogate alone", PARAM("\"\\ud83d\""), 0, "Unicode"},
	    {"the second surrogate alone", PARAM("\"\\ude00\""), 0, "Unicode"},
	    {"surrogates turned round", PARAM("\"\\ude00\\ud83d\""), 0,
		"Unicode"},
	    {"a surrogate and a letter", PARAM("\"\\ud83d\\u0041\""), 0,
		"Unicode"},
	    {"broken UTF-8", PARAM("\"\xff\""), 0, "unable to decode"},
	    {"overlong UTF-8", PARAM("\"\xc0\xaf\""), 0, "unable to decode"},
	    {"half a character", PARAM("\"\xe2\x82\""), 0, "unable to decode"},
	    {"a surrogate in UTF-8", PARAM("\"\xed\xa0\x80\""), 0,
		"unable to decode"},
	    {"a byte order mark", "\xef\xbb\xbf" GOOD, 0, "expected"},
	    {"UTF-16", "{\0\"\0", 4, "expected"},
	};

	CHECK(rows);
}

#define REQUEST(s) "{\"method\":\"t.call\"," s "}"
#define V2 "\"jsonrpc\":\"2.0\","

Test(json_bad, requests)
{
	static const struct help_rpc_bad rows[] = {
	    {"an array", "[]", 0, "not an object"},
	    {"a batch", "[" GOOD "]", 0, "not an object"},
	    {"an empty object", "{}", 0, "id is neither"},
	    {"no id", REQUEST("\"params\":[]"), 0, "id is neither"},
	    {"a null id", REQUEST("\"params\":[],\"id\":null"), 0,
		"id is neither"},
	    {"an id that is a float", REQUEST("\"params\":[],\"id\":1.0"), 0,
		"id is neither"},
	    {"an id that is an array", REQUEST("\"params\":[],\"id\":[1]"), 0,
		"id is neither"},
	    {"an id that is true", REQUEST("\"params\":[],\"id\":true"), 0,
		"id is neither"},
	    {"an id beyond 64 bit",
		REQUEST("\"params\":[],\"id\":99999999999999999999"), 0,
		"too big"},
	    {"2.0 without id", REQUEST(V2 "\"params\":[]"), 0, "id is neither"},
	    {"another version",
		REQUEST("\"jsonrpc\":\"1.0\",\"params\":[],\"id\":1"), 0,
		"jsonrpc is neither"},
	    {"a version that is a number",
		REQUEST("\"jsonrpc\":2.0,\"params\":[],\"id\":1"), 0,
		"jsonrpc is neither"},
	    {"a null version",
		REQUEST("\"jsonrpc\":null,\"params\":[],\"id\":1"), 0,
		"jsonrpc is neither"},
	    {"no method", "{\"params\":[],\"id\":1}", 0, "method is not"},
	    {"a method that is a number",
		"{\"method\":1,\"params\":[],\"id\":1}", 0, "method is not"},
	    {"1.0 without params", REQUEST("\"id\":1"), 0, "not an array"},
	    {"1.0 with null", REQUEST("\"params\":null,\"id\":1"), 0,
		"not an array"},
	    {"1.0 with an object", REQUEST("\"params\":{},\"id\":1"), 0,
		"not an array"},
	    {"2.0 with text", REQUEST(V2 "\"params\":\"a\",\"id\":1"), 0,
		"neither an array nor an object"},
	};

	CHECK(rows);
}

#define HEAD "{\"method\":\"t.call\",\"id\":1,\"params\":[\"s\","
#define TAIL "]}"

/* Jansson aborts in us when it needs more than was reserved. */
Test(json_bad, what_jansson_needs_is_reserved)
{
	static const struct {
		const char *sentence, *head, *middle, *tail;
	} rows[] = {
	    {"empty objects", HEAD "[", "{},", "{}]" TAIL},
	    {"empty arrays", HEAD "[", "[],", "[]]" TAIL},
	    {"empty strings", HEAD "[", "\"\",", "\"\"]" TAIL},
	    {"numbers", HEAD "[", "1,", "1]" TAIL},
	    {"parameters", HEAD, "1.5,", "1" TAIL},
	    {"objects of one member", HEAD "[", "{\"\":{}},", "1]" TAIL},
	    {"objects of equal members", HEAD "[", "{\"\":1,\"\":1},",
		"1]" TAIL},
	    {"a long string", HEAD "\"", "a", "\"" TAIL},
	    {"a long string of escapes", HEAD "\"", "\\ud83d\\ude00",
		"\"" TAIL},
	    {"a long name", HEAD "{\"", "a", "\":1}" TAIL},
	    {"a long number", HEAD, "1", TAIL},
	    {"a long token", HEAD, "a", TAIL},
	    {"a string without end", HEAD "\"", "a", ""},
	    {"strings and no commas", HEAD, "\"\"", TAIL},
	};
	struct help_rpc_call h;
	size_t n;
	char *body;

	help_rpc_open(&h, HELP_RPC_JSON, NULL, (size_t)8 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t k = 0; k < JSN_VALUES_MAX; k += 1 + k * 3 / 4) {
			body = help_rpc_repeat(
			    rows[i].head, rows[i].middle, k, rows[i].tail, &n);
			help_rpc_read(&h, body, n);
			free(body);
		}
	help_rpc_close(&h);
}

Test(json_bad, many_different_members_are_reserved_for)
{
	struct help_rpc_call h;
	struct http_buf body;

	help_rpc_open(&h, HELP_RPC_JSON, NULL, ARENA);
	for (unsigned k = 1; k < JSN_VALUES_MAX - 10; k += 1 + k / 2) {
		http_buf_init(&body, (size_t)1 << 20);
		http_buf_text(&body, HEAD "{");
		for (unsigned i = 0; i < k; i++)
			http_buf_printf(&body, "\"%x\":1,", i);
		http_buf_text(&body, "\"\":1}" TAIL);
		help_rpc_read(&h, body.p, body.len);
		cr_expect(h.ok, "%u: %s", k, h.text);
		http_buf_fini(&body);
	}
	help_rpc_close(&h);
}
