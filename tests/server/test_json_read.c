/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_json_read - what each type takes from JSON, and which request is a call
 */

/* System */
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/jsn.h"
#include "tests/server/help_rpc_check.h"

#define ARENA ((size_t)1 << 20)
#define UUID "12345678-9abc-def0-0123-456789abcdef"
#define REF "\"OpaqueRef:" UUID "\""
#define TYPE_ERROR "FIELD_TYPE_ERROR p"

#define CHECK(rows)                                                            \
	help_rpc_check_values(                                                 \
	    HELP_RPC_JSON, (rows), sizeof(rows) / sizeof *(rows))

Test(json_read, ints)
{
	static const struct help_rpc_value rows[] = {
	    {"a number is an int", &help_value_int, "123", "123"},
	    {"a string is an int", &help_value_int, "\"-5\"", "-5"},
	    {"the greatest", &help_value_int, "9223372036854775807",
		"9223372036854775807"},
	    {"the least", &help_value_int, "-9223372036854775808",
		"-9223372036854775808"},
	    {"the greatest as text", &help_value_int, "\"9223372036854775807\"",
		"9223372036854775807"},
	    {"beyond what a double holds", &help_value_int, "9007199254740993",
		"9007199254740993"},
	    {"minus zero is zero", &help_value_int, "-0", "0"},
	    {"leading zeros in text", &help_value_int, "\"007\"", "7"},
	    {"an escaped digit", &help_value_int, "\"\\u0031\"", "1"},
	    {"a set of both", &help_value_ints, "[1, \"2\"]", "[1,2]"},
	    {"an empty set", &help_value_ints, "[]", "[]"},
	    {"text beyond 64 bit", &help_value_int, "\"9223372036854775808\"",
		TYPE_ERROR},
	    {"no digits", &help_value_int, "\"m\"", TYPE_ERROR},
	    {"no text", &help_value_int, "\"\"", TYPE_ERROR},
	    {"plus", &help_value_int, "\"+1\"", TYPE_ERROR},
	    {"a space", &help_value_int, "\" 1\"", TYPE_ERROR},
	    {"a fraction", &help_value_int, "1.0", TYPE_ERROR},
	    {"an exponent", &help_value_int, "1e3", TYPE_ERROR},
	    {"true", &help_value_int, "true", TYPE_ERROR},
	    {"null", &help_value_int, "null", TYPE_ERROR},
	    {"an array", &help_value_int, "[1]", TYPE_ERROR},
	    {"an object", &help_value_int, "{}", TYPE_ERROR},
	    {"a null in a set", &help_value_ints, "[1,null]", TYPE_ERROR},
	};

	CHECK(rows);
}

Test(json_read, floats)
{
	static const struct help_rpc_value rows[] = {
	    {"a number", &help_value_float, "1.5", "1.5"},
	    {"an int", &help_value_float, "2", "2.0"},
	    {"text", &help_value_float, "\"0.25\"", "0.25"},
	    {"an exponent", &help_value_float, "1E3", "1000.0"},
	    {"all digits count", &help_value_float, "0.1", "0.1"},
	    {"17 of them", &help_value_float, "0.30000000000000004",
		"0.30000000000000004"},
	    {"the greatest", &help_value_float, "1.7976931348623157e308",
		"1.7976931348623157e+308"},
	    {"a very small one", &help_value_float, "5e-324",
		"4.94065645841247e-324"},
	    {"minus zero", &help_value_float, "-0.0", "-0.0"},
	    {"NaN", &help_value_float, "\"NaN\"", TYPE_ERROR},
	    {"infinity", &help_value_float, "\"inf\"", TYPE_ERROR},
	    {"too great as text", &help_value_float, "\"1e999\"", TYPE_ERROR},
	    {"hexadecimal", &help_value_float, "\"0x1\"", TYPE_ERROR},
	    {"false", &help_value_float, "false", TYPE_ERROR},
	    {"null", &help_value_float, "null", TYPE_ERROR},
	};

	CHECK(rows);
}

Test(json_read, other_scalars)
{
	static const struct help_rpc_value rows[] = {
	    {"true", &help_value_bool, "true", "true"},
	    {"false", &help_value_bool, "false", "false"},
	    {"1 is no bool", &help_value_bool, "1", TYPE_ERROR},
	    {"nor is text", &help_value_bool, "\"true\"", TYPE_ERROR},
	    {"nor is null", &help_value_bool, "null", TYPE_ERROR},
	    {"text", &help_value_string, "\"a\\\"b\\\\\\n\\u00e9\\/\"",
		"\"a\\\"b\\\\\\n\xc3\xa9/\""},
	    {"a pair of surrogates", &help_value_string, "\"\\ud83d\\ude00\"",
		"\"\xf0\x9f\x98\x80\""},
	    {"no text", &help_value_string, "\"\"", "\"\""},
	    {"a number is no text", &help_value_string, "1", TYPE_ERROR},
	    {"nor is true", &help_value_string, "true", TYPE_ERROR},
	    {"nor is null", &help_value_string, "null", TYPE_ERROR},
	    {"a datetime", &help_value_datetime, "\"20260821T02:00:23Z\"",
		"\"20260821T02:00:23Z\""},
	    {"with dashes", &help_value_datetime, "\"2026-08-21T02:00:23Z\"",
		"\"20260821T02:00:23Z\""},
	    {"no such day", &help_value_datetime, "\"20260231T00:00:00Z\"",
		TYPE_ERROR},
	    {"seconds are no datetime", &help_value_datetime, "0", TYPE_ERROR},
	    {"a ref", &help_value_ref, REF, REF},
	    {"the null ref", &help_value_ref, "\"OpaqueRef:NULL\"",
		"\"OpaqueRef:NULL\""},
	    {"of old the null ref", &help_value_ref, "\"\"",
		"\"OpaqueRef:NULL\""},
	    {"no ref", &help_value_ref, "\"x\"", "HANDLE_INVALID VM x"},
	    {"a number is no ref", &help_value_ref, "1", TYPE_ERROR},
	    {"an enum", &help_value_enum, "\"green\"", "\"green\""},
	    {"no such value", &help_value_enum, "\"blue\"",
		"INVALID_VALUE p blue"},
	    {"a number is no enum", &help_value_enum, "0", TYPE_ERROR},
	};

	CHECK(rows);
}

Test(json_read, sets_and_maps)
{
	static const struct help_rpc_value rows[] = {
	    {"a set of text", &help_value_strings, "[\"a\",\"b\",\"a\"]",
		"[\"a\",\"b\",\"a\"]"},
	    {"sets of sets", &help_value_sets, "[[\"a\"],[]]", "[[\"a\"],[]]"},
	    {"many", &help_value_ints,
		"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,"
		"17]",
		"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"},
	    {"a map", &help_value_map, "{\"a\":\"b\",\"\":\"\"}",
		"{\"a\":\"b\",\"\":\"\"}"},
	    {"an empty map", &help_value_map, "{}", "{}"},
	    {"keys that are ints", &help_value_int_map, "{\"-1\":2,\"7\":0.5}",
		"{\"-1\":2.0,\"7\":0.5}"},
	    {"keys that are the same int", &help_value_int_map,
		"{\"1\":1,\"01\":2}", "{\"1\":2.0}"},
	    {"keys that are refs", &help_value_ref_map, "{" REF ":\"red\"}",
		"{" REF ":\"red\"}"},
	    {"a key of the wrong type", &help_value_int_map, "{\"x\":1}",
		TYPE_ERROR},
	    {"a key that is no ref", &help_value_ref_map, "{\"x\":\"red\"}",
		"HANDLE_INVALID VM x"},
	    {"a value of the wrong type", &help_value_map, "{\"a\":1}",
		TYPE_ERROR},
	    {"a set is no map", &help_value_map, "[]", TYPE_ERROR},
	    {"a map is no set", &help_value_strings, "{}", TYPE_ERROR},
	    {"text is no set", &help_value_strings, "\"a\"", TYPE_ERROR},
	    {"a wrong member is named by its field", &help_value_vm,
		"{\"VCPUs_max\":\"x\"}", "FIELD_TYPE_ERROR VCPUs_max"},
	    {"text is no record", &help_value_vm, "\"x\"", TYPE_ERROR},
	};

	CHECK(rows);
}

/* ---- requests ---- */

#define V2 "\"jsonrpc\":\"2.0\","
#define CALL "\"method\":\"t.call\","

Test(json_read, requests)
{
	static const struct {
		const char *sentence, *body, *want, *session;
	} rows[] = {
	    {"1.0", "{" CALL "\"params\":[],\"id\":1}", "t.call 0", ""},
	    {"2.0", "{" V2 CALL "\"params\":[],\"id\":1}", "t.call 0", ""},
	    {"members in any order, with space",
		" {\n\"id\" : 1 ,\"params\":[] ,\t\"method\":\"t.call\"}\r\n",
		"t.call 0", ""},
	    {"members we do not know",
		"{\"x\":[{}]," CALL "\"params\":[],\"id\":1}", "t.call 0", ""},
	    {"2.0 without params", "{" V2 CALL "\"id\":1}", "t.call 0", ""},
	    {"2.0 with null", "{" V2 CALL "\"params\":null,\"id\":1}",
		"t.call 0", ""},
	    {"2.0 with an object: one parameter",
		"{" V2 CALL "\"params\":{\"a\":1,\"b\":2},\"id\":1}",
		"t.call 1", ""},
	    {"a session", "{" CALL "\"params\":[\"s\"],\"id\":1}", "t.call 1",
		"s"},
	    {"a session that is none", "{" CALL "\"params\":[5],\"id\":1}",
		"t.call 1", ""},
	    {"surplus parameters are counted",
		"{" CALL "\"params\":[\"s\",1,{\"a\":[]},null],\"id\":1}",
		"t.call 4", "s"},
	    {"an id that is text", "{" CALL "\"params\":[],\"id\":\"\\u0001\"}",
		"t.call 0", ""},
	    {"brackets in text are none",
		"{" CALL "\"params\":[\"[[[{{\\\"[\"],\"id\":1}", "t.call 1",
		"[[[{{\"["},
	};
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_void, ARENA);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		help_rpc_read(&h, rows[i].body, strlen(rows[i].body));
		cr_expect_str_eq(
		    help_rpc_outcome(&h), rows[i].want, "%s", rows[i].sentence);
		cr_expect_str_eq(h.call.session_text, rows[i].session, "%s",
		    rows[i].sentence);
	}
	help_rpc_close(&h);
}

Test(json_read, a_message_nobody_knows_is_a_call)
{
	struct help_rpc_call h;
	const char *body = "{" CALL "\"params\":[\"s\",[1,{}]],\"id\":1}";

	help_rpc_open(&h, HELP_RPC_JSON, NULL, ARENA);
	help_rpc_read(&h, body, strlen(body));
	cr_expect_null(h.call.msg);
	cr_expect_str_eq(help_rpc_outcome(&h), "t.call 2");
	cr_expect_str_eq(h.call.session_text, "s");
	help_rpc_close(&h);
}

Test(json_read, a_message_without_session)
{
	struct help_rpc_call h;
	const char *body = "{" CALL "\"params\":[\"7\"],\"id\":1}";

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_int, ARENA);
	h.msg.flags = IDL_M_NOSESSION;
	help_rpc_read(&h, body, strlen(body));
	cr_expect_str_eq(help_rpc_outcome(&h), "7");
	cr_expect_str_eq(h.call.session_text, "");
	help_rpc_close(&h);
}
