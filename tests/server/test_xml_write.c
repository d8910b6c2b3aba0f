/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xml_write - the exact bytes of values, replies and faults
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/xml.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)
#define REPLY "<?xml version=\"1.0\"?><methodResponse>"
#define V(s) "<value>" s "</value>"

/* written - a value as this protocol writes it */
static const char *
written(const struct idl_type *t, const void *native)
{
	return help_rpc_text(HELP_RPC_XML, t, native);
}

Test(xml_write, strings)
{
	static const struct {
		const char *sentence, *native, *want;
	} rows[] = {
	    {"empty", "", V("")},
	    {"plain", "abc", V("abc")},
	    {"the four that must be escaped", "a&b<c>d\"e",
		V("a&amp;b&lt;c&gt;d&quot;e")},
	    {"one at each end", "<a>", V("&lt;a&gt;")},
	    {"the apostrophe needs none", "'", V("'")},
	    {"TAB and LF stay", "\t\n", V("\t\n")},
	    {"CR would be read as LF", "\r\n", V("&#13;\n")},
	    {"control characters go",
		"a\x01\x02\x08\x0b\x0c\x0e\x1f"
		"b\x1f",
		V("ab")},
	    {"DEL is a character", "\x7f", V("\x7f")},
	    {"UTF-8 stays", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		V("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")},
	    {"the least of each length", "\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80",
		V("\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80")},
	    {"the greatest", "\xf4\x8f\xbf\xbf", V("\xf4\x8f\xbf\xbf")},
	    {"the one before U+FFFE", "\xef\xbf\xbd", V("\xef\xbf\xbd")},
	    {"U+FFFE and U+FFFF go",
		"a\xef\xbf\xbe\xef\xbf\xbf"
		"b",
		V("ab")},
	    {"a byte alone",
		"a\xff"
		"b",
		V("a\xef\xbf\xbd"
		  "b")},
	    {"a tail without head", "\x80", V("\xef\xbf\xbd")},
	    {"a head without tail", "\xe2\x82", V("\xef\xbf\xbd\xef\xbf\xbd")},
	    {"a head before a letter", "\xc3(", V("\xef\xbf\xbd(")},
	    {"overlong", "\xc0\xaf", V("\xef\xbf\xbd\xef\xbf\xbd")},
	    {"overlong of three", "\xe0\x80\xaf",
		V("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
	    {"a surrogate", "\xed\xa0\x80",
		V("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
	    {"beyond Unicode", "\xf5", V("\xef\xbf\xbd")},
	};
	const char *got;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		got = written(&help_value_string, &rows[i].native);
		cr_expect_str_eq(
		    got, rows[i].want, "%s: %s", rows[i].sentence, got);
	}
}

Test(xml_write, ints_and_dates)
{
	static const struct {
		int64_t native;
		const char *as_int, *as_date;
	} rows[] = {
	    {0, "0", "19700101T00:00:00Z"},
	    {-1, "-1", "19691231T23:59:59Z"},
	    {1787277623, "1787277623", "20260821T02:00:23Z"},
	    {951782400, "951782400", "20000229T00:00:00Z"},
	    {INT64_MAX, "9223372036854775807", "99991231T23:59:59Z"},
	    {INT64_MIN, "-9223372036854775808", "00000101T00:00:00Z"},
	};
	char want[100];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)snprintf(want, sizeof want, V("%s"), rows[i].as_int);
		cr_expect_str_eq(
		    written(&help_value_int, &rows[i].native), want);
		(void)snprintf(want, sizeof want,
		    V("<dateTime.iso8601>%s</dateTime.iso8601>"),
		    rows[i].as_date);
		cr_expect_str_eq(
		    written(&help_value_datetime, &rows[i].native), want);
	}
}

Test(xml_write, other_scalars)
{
	const double doubles[] = {1, 0.1, -2.5e-300, 1e300, 1.0 / 3};
	static const char *const want[] = {
	    "1", "0.1", "-2.5e-300", "1e+300", "0.3333333333333333"};
	const bool yes = true, no = false;
	const struct idl_type int32 = {
	    .kind = IDL_INT, .unit = IDL_UNIT_INT32, .cls = -1};
	const int64_t number = 7;
	const struct idl_ref null = {0, 0}, ref = {1, 0xabc};
	const int32_t last = 2;
	char text[100];

	for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
		(void)snprintf(
		    text, sizeof text, V("<double>%s</double>"), want[i]);
		cr_expect_str_eq(written(&help_value_float, &doubles[i]), text);
	}
	cr_expect_str_eq(
	    written(&help_value_bool, &yes), V("<boolean>1</boolean>"));
	cr_expect_str_eq(
	    written(&help_value_bool, &no), V("<boolean>0</boolean>"));
	cr_expect_str_eq(written(&int32, &number), V("<i4>7</i4>"));
	cr_expect_str_eq(written(&help_value_ref, &null), V("OpaqueRef:NULL"));
	cr_expect_str_eq(written(&help_value_ref, &ref),
	    V("OpaqueRef:00000000-0000-0001-0000-000000000abc"));
	cr_expect_str_eq(written(&help_value_enum, &last), V("&lt;&amp;&gt;"));
	cr_expect_str_eq(written(&help_value_void, ""), V(""));
}

Test(xml_write, sets_and_maps)
{
	const int64_t ints[] = {-1, 2};
	const double doubles[] = {0.5, 1};
	const struct idl_set set = {2, ints};
	const struct idl_map map = {2, ints, doubles};
	const struct idl_set *s = &set, *none = &idl_set_none;
	const struct idl_map *m = &map, *empty = &idl_map_none;

	cr_expect_str_eq(written(&help_value_ints, &s),
	    V("<array><data>" V("-1") V("2") "</data></array>"));
	cr_expect_str_eq(written(&help_value_ints, &none),
	    V("<array><data></data></array>"));
	cr_expect_str_eq(
	    written(&help_value_map, &empty), V("<struct></struct>"));
	cr_expect_str_eq(written(&help_value_int_map, &m),
	    V("<struct><member><name>-1</name>" V(
		"<double>0.5</double>") ""
					"</member><member><name>2</name>" V(
					    "<double>1</double>") ""
								  "</member></"
								  "struct>"));
}

Test(xml_write, replies)
{
	int64_t result = 42;
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_int, ARENA);
	h.call.msg = &h.msg;
	h.call.result = &result;
	cr_expect_str_eq(help_rpc_reply(&h),
	    REPLY "<params><param><value><struct>"
		  "<member><name>Status</name>" V(
		      "Success") "</member>"
				 "<member><name>Value</name>" V(
				     "42") "</member>"
					   "</struct></value></param></"
					   "params></methodResponse>");
	h.msg.flags = IDL_M_BARE;
	cr_expect_str_eq(help_rpc_reply(&h),
	    REPLY "<params><param>" V("42") "</param></params>"
					    "</methodResponse>");
	h.call.err =
	    err_fail(&h.call.why, ERR_HANDLE_INVALID, "ss", "VM", "a<b");
	cr_expect_str_eq(help_rpc_reply(&h),
	    REPLY
	    "<params><param><value><struct>"
	    "<member><name>Status</name>" V(
		"Failure") "</member>"
			   "<member><name>ErrorDescription</name><value><array>"
			   "<data>" V("HANDLE_INVALID") V("VM")
			       V("a&lt;b") "</data>"
					   "</array></value></member></"
					   "struct></value></param>"
					   "</params></methodResponse>",
	    "failures have their envelope, bare or not");
	h.call.msg = NULL;
	cr_expect_str_neq(help_rpc_reply(&h), "",
	    "a failure needs no message: there may be none");
	help_rpc_close(&h);
}

Test(xml_write, faults)
{
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_XML, NULL, ARENA);
	xml_codec.bad(&h.out, "line 1: <");
	http_buf_add(&h.out, "", 1);
	cr_expect_str_eq(h.out.p,
	    REPLY "<fault><value><struct><member><name>faultCode</name>"
		  "<value><int>1</int></value></member>"
		  "<member><name>faultString</name>"
		  "<value><string>line 1: &lt;</string></value></member>"
		  "</struct></value></fault></methodResponse>");
	help_rpc_close(&h);
}
