/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xml_read - what each type takes, and what is no call at all
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/xml.h"
#include "tests/server/help_rpc_check.h"

#define ARENA ((size_t)1 << 20)
#define UUID "12345678-9abc-def0-0123-456789abcdef"

#define CHECK(rows)                                                            \
	help_rpc_check_values(                                                 \
	    HELP_RPC_XML, (rows), sizeof(rows) / sizeof *(rows))

#define V(s) "<value>" s "</value>"
#define TYPE_ERROR "FIELD_TYPE_ERROR p"

Test(xml_read, ints)
{
	static const struct help_rpc_value rows[] = {
	    {"untagged text is an int", &help_value_int, V("123"), V("123")},
	    {"a string is an int", &help_value_int, V("<string>-5</string>"),
		V("-5")},
	    {"int", &help_value_int, V("<int>7</int>"), V("7")},
	    {"i4", &help_value_int, V("<i4>7</i4>"), V("7")},
	    {"i8", &help_value_int, V("<i8>7</i8>"), V("7")},
	    {"white space around the tag means nothing", &help_value_int,
		"\n" V(" \t<int>7</int>\n"), V("7")},
	    {"CDATA is text", &help_value_int, V("<![CDATA[12]]>3"), V("123")},
	    {"a comment inside is not", &help_value_int, V("1<!-- 9 -->2"),
		V("12")},
	    {"the greatest", &help_value_int, V("9223372036854775807"),
		V("9223372036854775807")},
	    {"the least", &help_value_int, V("-9223372036854775808"),
		V("-9223372036854775808")},
	    {"leading zeros", &help_value_int, V("007"), V("7")},
	    {"minus zero is zero", &help_value_int, V("-0"), V("0")},
	    {"a set of ints", &help_value_ints,
		V("<array><data>" V("1") V("<i4>2</i4>") "</data></array>"),
		V("<array><data>" V("1") V("2") "</data></array>")},
	    {"one too great", &help_value_int, V("9223372036854775808"),
		TYPE_ERROR},
	    {"one too small", &help_value_int, V("-9223372036854775809"),
		TYPE_ERROR},
	    {"far too great", &help_value_int,
		V("<i8>99999999999999999999999999</i8>"), TYPE_ERROR},
	    {"no digits", &help_value_int, V("<i8>abc</i8>"), TYPE_ERROR},
	    {"nothing", &help_value_int, V(""), TYPE_ERROR},
	    {"an empty element", &help_value_int, "<value/>", TYPE_ERROR},
	    {"a sign alone", &help_value_int, V("-"), TYPE_ERROR},
	    {"plus", &help_value_int, V("+1"), TYPE_ERROR},
	    {"hexadecimal", &help_value_int, V("0x10"), TYPE_ERROR},
	    {"spaces", &help_value_int, V("<int> 1</int>"), TYPE_ERROR},
	    {"a space after", &help_value_int, V("1 "), TYPE_ERROR},
	    {"a fraction", &help_value_int, V("1.0"), TYPE_ERROR},
	    {"an exponent", &help_value_int, V("1e3"), TYPE_ERROR},
	    {"separators", &help_value_int, V("1_000"), TYPE_ERROR},
	    {"a double", &help_value_int, V("<double>1</double>"), TYPE_ERROR},
	    {"a boolean", &help_value_int, V("<boolean>1</boolean>"),
		TYPE_ERROR},
	    {"an array", &help_value_int, V("<array><data/></array>"),
		TYPE_ERROR},
	    {"a struct", &help_value_int, V("<struct/>"), TYPE_ERROR},
	    {"nil", &help_value_int, V("<nil/>"), TYPE_ERROR},
	    {"base64", &help_value_int, V("<base64>MQ==</base64>"), TYPE_ERROR},
	};

	CHECK(rows);
}

#define D(s) V("<double>" s "</double>")

Test(xml_read, floats)
{
	static const struct help_rpc_value rows[] = {
	    {"a double", &help_value_float, D("1.5"), D("1.5")},
	    {"an int", &help_value_float, V("<i4>-3</i4>"), D("-3")},
	    {"a string", &help_value_float, V("2.25"), D("2.25")},
	    {"an exponent", &help_value_float, D("1e3"), D("1000")},
	    {"as the C SDK prints it", &help_value_float, D("1.000000"),
		D("1")},
	    {"correctly rounded", &help_value_float, D("0.1"), D("0.1")},
	    {"no digits before the point", &help_value_float, D(".5"),
		D("0.5")},
	    {"not a number", &help_value_float, D("nan"), TYPE_ERROR},
	    {"infinite", &help_value_float, D("inf"), TYPE_ERROR},
	    {"too great", &help_value_float, D("1e999"), TYPE_ERROR},
	    {"hexadecimal", &help_value_float, D("0x1p3"), TYPE_ERROR},
	    {"spaces", &help_value_float, D(" 1"), TYPE_ERROR},
	    {"two points", &help_value_float, D("1.2.3"), TYPE_ERROR},
	    {"nothing", &help_value_float, D(""), TYPE_ERROR},
	    {"a comma", &help_value_float, D("1,5"), TYPE_ERROR},
	    {"a boolean", &help_value_float, V("<boolean>1</boolean>"),
		TYPE_ERROR},
	};

	CHECK(rows);
}

#define B(s) V("<boolean>" s "</boolean>")
#define T(s) V("<dateTime.iso8601>" s "</dateTime.iso8601>")

Test(xml_read, bools_and_dates)
{
	static const struct help_rpc_value rows[] = {
	    {"true", &help_value_bool, B("1"), B("1")},
	    {"false", &help_value_bool, B("0"), B("0")},
	    {"the word", &help_value_bool, B("true"), TYPE_ERROR},
	    {"another number", &help_value_bool, B("2"), TYPE_ERROR},
	    {"a string", &help_value_bool, V("1"), TYPE_ERROR},
	    {"an int", &help_value_bool, V("<int>1</int>"), TYPE_ERROR},
	    {"as we write it", &help_value_datetime, T("20261121T10:20:30Z"),
		T("20261121T10:20:30Z")},
	    {"without Z", &help_value_datetime, T("20261121T10:20:30"),
		T("20261121T10:20:30Z")},
	    {"with dashes", &help_value_datetime, V("2026-11-21T10:20:30Z"),
		T("20261121T10:20:30Z")},
	    {"without colons", &help_value_datetime, V("20261121T102030Z"),
		T("20261121T10:20:30Z")},
	    {"a fraction is dropped", &help_value_datetime,
		V("20261121T10:20:30.999Z"), T("20261121T10:20:30Z")},
	    {"a leap day", &help_value_datetime, T("20240229T00:00:00"),
		T("20240229T00:00:00Z")},
	    {"the year 0", &help_value_datetime, T("00000101T00:00:00"),
		T("00000101T00:00:00Z")},
	    {"the last second", &help_value_datetime, T("99991231T23:59:59"),
		T("99991231T23:59:59Z")},
	    {"before 1970", &help_value_datetime, T("19691231T23:59:59"),
		T("19691231T23:59:59Z")},
	    {"no leap day", &help_value_datetime, T("20260229T00:00:00"),
		TYPE_ERROR},
	    {"31 April", &help_value_datetime, T("20260431T00:00:00"),
		TYPE_ERROR},
	    {"month 13", &help_value_datetime, T("20261301T00:00:00"),
		TYPE_ERROR},
	    {"24 o'clock", &help_value_datetime, T("20260101T24:00:00"),
		TYPE_ERROR},
	    {"second 60", &help_value_datetime, T("20260101T23:59:60"),
		TYPE_ERROR},
	    {"a date alone", &help_value_datetime, T("20260101"), TYPE_ERROR},
	    {"a zone", &help_value_datetime, T("20260101T00:00:00+01:00"),
		TYPE_ERROR},
	    {"something after it", &help_value_datetime,
		T("20260101T00:00:00Zx"), TYPE_ERROR},
	    {"an int", &help_value_datetime, V("<int>1</int>"), TYPE_ERROR},
	    {"nothing", &help_value_datetime, T(""), TYPE_ERROR},
	};

	CHECK(rows);
}

Test(xml_read, strings_refs_enums)
{
	static const struct help_rpc_value rows[] = {
	    {"untagged", &help_value_string, V("abc"), V("abc")},
	    {"tagged", &help_value_string, V("<string>abc</string>"), V("abc")},
	    {"empty", &help_value_string, V(""), V("")},
	    {"empty and tagged", &help_value_string, V("<string/>"), V("")},
	    {"white space is kept", &help_value_string, V(" a\n "), V(" a\n ")},
	    {"the five entities", &help_value_string,
		V("&lt;&gt;&amp;&quot;&apos;"), V("&lt;&gt;&amp;&quot;'")},
	    {"character references", &help_value_string, V("&#65;&#x20AC;"),
		V("A\xe2\x82\xac")},
	    {"UTF-8", &help_value_string, V("\xf0\x9f\x98\x80"),
		V("\xf0\x9f\x98\x80")},
	    {"an int", &help_value_string, V("<int>1</int>"), TYPE_ERROR},
	    {"a boolean", &help_value_string, B("1"), TYPE_ERROR},
	    {"nil", &help_value_string, V("<nil/>"), TYPE_ERROR},
	    {"an array", &help_value_string, V("<array><data/></array>"),
		TYPE_ERROR},
	    {"a ref", &help_value_ref, V("OpaqueRef:" UUID),
		V("OpaqueRef:" UUID)},
	    {"the null ref", &help_value_ref, V("OpaqueRef:NULL"),
		V("OpaqueRef:NULL")},
	    {"nothing is the null ref", &help_value_ref, V(""),
		V("OpaqueRef:NULL")},
	    {"a uuid is no ref", &help_value_ref, V(UUID),
		"HANDLE_INVALID VM " UUID},
	    {"anything else is no ref", &help_value_ref, V("x&lt;"),
		"HANDLE_INVALID VM x<"},
	    {"a ref of no class", &help_value_any, V("x"), TYPE_ERROR},
	    {"an int is no string", &help_value_ref, V("<int>1</int>"),
		TYPE_ERROR},
	    {"an enum", &help_value_enum, V("green"), V("green")},
	    {"an enum that needs escapes", &help_value_enum, V("&lt;&amp;&gt;"),
		V("&lt;&amp;&gt;")},
	    {"another spelling", &help_value_enum, V("Green"),
		"INVALID_VALUE p Green"},
	    {"no value at all", &help_value_enum, V(""), "INVALID_VALUE p "},
	    {"not even a string", &help_value_enum, V("<int>0</int>"),
		TYPE_ERROR},
	};

	CHECK(rows);
}

#define A(s) V("<array><data>" s "</data></array>")
#define S(s) V("<struct>" s "</struct>")
#define M(n, v) "<member><name>" n "</name>" v "</member>"

Test(xml_read, sets_and_maps)
{
	static const struct help_rpc_value rows[] = {
	    {"an empty set", &help_value_strings, V("<array><data/></array>"),
		A("")},
	    {"order is kept", &help_value_strings, A(V("b") V("a") V("b")),
		A(V("b") V("a") V("b"))},
	    {"white space between", &help_value_strings,
		V(" <array> <data> " V("b") "\n" V("a") " </data> </array> "),
		A(V("b") V("a"))},
	    {"sets of sets", &help_value_sets, A(A(V("a")) A("") A(V("b"))),
		A(A(V("a")) A("") A(V("b")))},
	    {"more than the first array holds", &help_value_ints,
		A(V("1") V("2") V("3") V("4") V("5") V("6") V("7") V("8")
			V("9")),
		A(V("1") V("2") V("3") V("4") V("5") V("6") V("7") V("8")
			V("9"))},
	    {"an empty map", &help_value_map, V("<struct/>"), S("")},
	    {"a map", &help_value_map, S(M("b", V("1")) M("a", V("2"))),
		S(M("b", V("1")) M("a", V("2")))},
	    {"a key that needs escapes", &help_value_map, S(M("&lt;", V("1"))),
		S(M("&lt;", V("1")))},
	    {"an empty key", &help_value_map, S(M("", V("1"))),
		S(M("", V("1")))},
	    {"of equal keys the last counts", &help_value_map,
		S(M("a", V("1")) M("b", V("2")) M("a", V("3")) M("c", V("4"))
			M("a", V("5"))),
		S(M("b", V("2")) M("c", V("4")) M("a", V("5")))},
	    {"int keys", &help_value_int_map, S(M("-1", V("2"))),
		S(M("-1", D("2")))},
	    {"equal int keys", &help_value_int_map,
		S(M("1", V("2")) M("01", V("3"))), S(M("1", D("3")))},
	    {"ref keys and enum values", &help_value_ref_map,
		S(M("OpaqueRef:" UUID, V("red"))),
		S(M("OpaqueRef:" UUID, V("red")))},
	    {"a wrong element", &help_value_ints, A(V("1") V("x") V("3")),
		TYPE_ERROR},
	    {"a wrong value", &help_value_map, S(M("a", V("<int>1</int>"))),
		TYPE_ERROR},
	    {"a wrong key", &help_value_int_map, S(M("a", V("1"))), TYPE_ERROR},
	    {"a wrong ref key", &help_value_ref_map, S(M("a", V("red"))),
		"HANDLE_INVALID VM a"},
	    {"a wrong enum value", &help_value_ref_map, S(M("", V("blue"))),
		"INVALID_VALUE p blue"},
	    {"the first failure counts", &help_value_ref_map,
		S(M("", V("blue")) M("a", V("red"))), "INVALID_VALUE p blue"},
	    {"a map is no set", &help_value_strings, V("<struct/>"),
		TYPE_ERROR},
	    {"a set is no map", &help_value_map, A(""), TYPE_ERROR},
	    {"text is no set", &help_value_strings, V(""), TYPE_ERROR},
	    {"an array that is too deep", &help_value_strings, A(A("")),
		TYPE_ERROR},
	};

	CHECK(rows);
}

Test(xml_read, records)
{
	static const struct help_rpc_value rows[] = {
	    {"a wrong member is named by its field", &help_value_vm,
		S(M("VCPUs_max", V("x"))), "FIELD_TYPE_ERROR VCPUs_max"},
	    {"inside of a map too", &help_value_vm,
		S(M("other_config", S(M("a", V("<int>1</int>"))))),
		"FIELD_TYPE_ERROR other_config"},
	    {"text is no record", &help_value_vm, V("x"), TYPE_ERROR},
	    {"nor is an array", &help_value_vm, V("<array><data/></array>"),
		TYPE_ERROR},
	};

	CHECK(rows);
}

Test(xml_read, of_equal_members_the_last_counts)
{
	const struct idl_vm *vm;
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_vm, ARENA);
	help_rpc_read_value(
	    &h, S(M("VCPUs_max", V("1")) M("VCPUs_max", V("2"))));
	vm = *(const struct idl_vm *const *)h.call.args;
	cr_expect_eq(vm->VCPUs_max, 2);
	help_rpc_close(&h);
}

#define CALL(s) "<methodCall>" s "</methodCall>"
#define NAME "<methodName>t.call</methodName>"
#define P(s) "<param>" s "</param>"
#define PS(s) CALL(NAME "<params>" s "</params>")

Test(xml_read, whole_calls)
{
	static const struct help_rpc_value rows[] = {
	    {"no params at all", NULL, CALL(NAME), "t.call 0"},
	    {"empty params", NULL, PS(""), "t.call 0"},
	    {"parameters are counted", NULL, PS(P(V("1")) P(V("2"))),
		"t.call 2"},
	    {"and skipped when nobody wants them", NULL,
		PS(P(V("<nil/>")) P(A(V("<i8>x</i8>") S(M("a", V("")))))),
		"t.call 2"},
	    {"surplus ones too", &help_value_void, PS(P(V("")) P(B("x"))),
		"t.call 2"},
	    {"a declaration", NULL,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" CALL(NAME),
		"t.call 0"},
	    {"US-ASCII", NULL,
		"<?xml version='1.0' encoding='US-ASCII'?>" CALL(NAME),
		"t.call 0"},
	    {"a byte order mark", NULL, "\xef\xbb\xbf" CALL(NAME), "t.call 0"},
	    {"comments and instructions", NULL,
		"<!--x--><?y?>" CALL("<!--x-->" NAME "<?y?>"), "t.call 0"},
	    {"attributes mean nothing", NULL,
		"<methodCall a='b'>" NAME "</methodCall>", "t.call 0"},
	    {"white space everywhere", NULL,
		" \n<methodCall>\n" NAME
		"\n<params>\n<param>\n" V("") "\n</param>\n</params>\n"
					      "</methodCall>\n",
		"t.call 1"},
	};
	struct help_rpc_call h;
	const char *got;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		help_rpc_open(&h, HELP_RPC_XML, rows[i].type, ARENA);
		help_rpc_read(&h, rows[i].value, strlen(rows[i].value));
		got = help_rpc_outcome(&h);
		cr_expect_str_eq(
		    got, rows[i].want, "%s: %s", rows[i].sentence, got);
		help_rpc_close(&h);
	}
}

Test(xml_read, sessions)
{
	static const struct {
		const char *sentence, *first, *text;
		bool ref;
	} rows[] = {
	    {"a ref of ours", V("OpaqueRef:" UUID), "OpaqueRef:" UUID, true},
	    {"any text", V("<string>x</string>"), "x", false},
	    {"a number", V("<int>5</int>"), "5", false},
	    {"nothing", V(""), "", false},
	    {"a struct", S(M("a", V("b"))), "", false},
	    {"an array", A(V("b")), "", false},
	    {"nil", V("<nil/>"), "", false},
	};
	const struct idl_type *types[] = {&help_value_void, NULL};
	struct help_rpc_call h;
	char body[300];

	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		help_rpc_open(&h, HELP_RPC_XML, types[i % 2], ARENA);
		(void)snprintf(
		    body, sizeof body, PS(P("%s")), rows[i / 2].first);
		help_rpc_read(&h, body, strlen(body));
		cr_expect(h.ok);
		cr_expect_eq(h.call.bad.code, ERR_NONE);
		cr_expect_str_eq(h.call.session_text, rows[i / 2].text, "%s",
		    rows[i / 2].sentence);
		cr_expect_eq(!idl_ref_is_null(&h.call.session_ref),
		    rows[i / 2].ref, "%s", rows[i / 2].sentence);
		help_rpc_close(&h);
	}
}

Test(xml_read, message_without_session_takes_the_first_parameter)
{
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_string, ARENA);
	h.msg.flags = IDL_M_NOSESSION;
	help_rpc_read(&h, PS(P(V("a"))), strlen(PS(P(V("a")))));
	cr_expect_str_eq(help_rpc_outcome(&h), V("a"));
	cr_expect_str_eq(h.call.session_text, "");
	help_rpc_close(&h);
}

Test(xml_read, omitted_parameters_have_their_default)
{
	static const char *const initial = "by default";
	const struct idl_type *empty[] = {&help_value_string,
	    &help_value_strings, &help_value_map, &help_value_int,
	    &help_value_ref};
	static const char *const want[] = {
	    V(""), A(""), S(""), V("0"), V("OpaqueRef:NULL")};
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_string, ARENA);
	h.param.initial = &initial;
	help_rpc_read(&h, PS(P(V("s"))), strlen(PS(P(V("s")))));
	cr_expect_str_eq(help_rpc_outcome(&h), V("by default"));
	help_rpc_close(&h);
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		help_rpc_open(&h, HELP_RPC_XML, empty[i], ARENA);
		help_rpc_read(&h, CALL(NAME), strlen(CALL(NAME)));
		cr_expect_str_eq(help_rpc_outcome(&h), want[i]);
		help_rpc_close(&h);
	}
}
