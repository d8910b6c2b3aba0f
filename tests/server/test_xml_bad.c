/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xml_bad - what is no XML-RPC call
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/xml.h"
#include "tests/server/help_rpc_check.h"

#define CALL(s) "<methodCall>" s "</methodCall>"
#define NAME "<methodName>t.call</methodName>"
#define P(s) "<param>" s "</param>"
#define PS(s) CALL(NAME "<params>" s "</params>")
#define V(s) "<value>" s "</value>"

Test(xml_bad, documents)
{
	static const struct help_rpc_bad rows[] = {
	    {"nothing", "", 0, "no element"},
	    {"spaces", "  \n", 0, "no element"},
	    {"no XML", "hello", 0, "syntax error"},
	    {"JSON", "{\"id\":1}", 0, "not well-formed"},
	    {"cut short", "<methodCall><methodName>t.ca", 0, "no element"},
	    {"cut in a tag", "<methodCall><method", 0, "unclosed"},
	    {"tags that do not match", "<methodCall></methodcall>", 0,
		"mismatched"},
	    {"two documents", CALL(NAME) CALL(NAME), 0, "junk after"},
	    {"an ampersand", CALL("<methodName>&</methodName>"), 0,
		"not well-formed"},
	    {"an unknown entity", CALL("<methodName>&x;</methodName>"), 0,
		"undefined entity"},
	    {"broken UTF-8", PS(P(V("\xff"))), 0, "not well-formed"},
	    {"overlong UTF-8", PS(P(V("\xc0\xaf"))), 0, "not well-formed"},
	    {"half a character", PS(P(V("\xe2\x82"))), 0, "not well-formed"},
	    {"a surrogate", PS(P(V("\xed\xa0\x80"))), 0, "not well-formed"},
	    {"a NUL", CALL(NAME "\0"), 0 + sizeof CALL(NAME "\0"),
		"not well-formed"},
	    {"a control character", PS(P(V("\x01"))), 0, "not well-formed"},
	    {"a reference to one", PS(P(V("&#1;"))), 0,
		"invalid character number"},
	    {"DOCTYPE", "<!DOCTYPE x>" CALL(NAME), 0, "DOCTYPE"},
	    {"an entity bomb",
		"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>"
		"<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>" PS(
		    P(V("&b;"))),
		0, "DOCTYPE"},
	    {"an external entity",
		"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" PS(
		    P(V("&a;"))),
		0, "DOCTYPE"},
	    {"Latin 1",
		"<?xml version='1.0' encoding='ISO-8859-1'?>" CALL(NAME), 0,
		"not UTF-8"},
	    {"UTF-16 as declared",
		"<?xml version='1.0' encoding='UTF-16'?>" CALL(NAME), 0,
		"not UTF-8"},
	    {"an encoding of nobody",
		"<?xml version='1.0' encoding='x'?>" CALL(NAME), 0,
		"not UTF-8"},
	    {"UTF-16 with its mark", "\xff\xfe<\0m\0", 6, "not UTF-8"},
	    {"the other UTF-16", "\xfe\xff\0<\0m", 6, "not UTF-8"},
	    {"UTF-16 without mark", "<\0m\0", 4, "not UTF-8"},
	    {"the other without mark", "\0<\0m", 4, "not UTF-8"},
	    {"8-bit bytes in US-ASCII",
		"<?xml version='1.0' encoding='US-ASCII'?>" PS(
		    P(V("\xc3\xa9"))),
		0, "not well-formed"},
	};

	help_rpc_check_bad(
	    HELP_RPC_XML, NULL, rows, sizeof rows / sizeof *rows);
}

#define M(n, v) "<member><name>" n "</name>" v "</member>"
#define IN(s) PS(P(V("s")) P(V(s)))

Test(xml_bad, grammar)
{
	static const struct help_rpc_bad rows[] = {
	    {"not a call", "<methodResponse/>", 0, "not a methodCall"},
	    {"HTML", "<html><body>x</body></html>", 0, "not a methodCall"},
	    {"a name in capitals", "<METHODCALL/>", 0, "not a methodCall"},
	    {"an empty call", CALL(""), 0, "without content"},
	    {"params first", CALL("<params/>" NAME), 0, "out of place"},
	    {"two method names", CALL(NAME NAME), 0, "out of place"},
	    {"two params", CALL(NAME "<params/><params/>"), 0, "out of place"},
	    {"param outside of params", CALL(NAME P(V(""))), 0, "out of place"},
	    {"value outside of param", PS(V("")), 0, "out of place"},
	    {"an empty param", PS("<param/>"), 0, "without content"},
	    {"two values in a param", PS(P(V("") V(""))), 0, "out of place"},
	    {"two types in a value", IN("<int>1</int><int>2</int>"), 0,
		"out of place"},
	    {"an unknown type", IN("<i1>1</i1>"), 0, "out of place"},
	    {"an element in a scalar", IN("<int><int>1</int></int>"), 0,
		"out of place"},
	    {"an element in the method name",
		CALL("<methodName><b/></methodName>"), 0, "out of place"},
	    {"text in a call", CALL("x" NAME), 0, "outside of a value"},
	    {"text in params", PS("x"), 0, "outside of a value"},
	    {"text before a type", IN("x<string>y</string>"), 0,
		"beside an element"},
	    {"text after a type", IN("<string>y</string>x"), 0,
		"outside of a value"},
	    {"text in a struct", IN("<struct>x</struct>"), 0,
		"outside of a value"},
	    {"text in an array", IN("<array>x<data/></array>"), 0,
		"outside of a value"},
	    {"an array without data", IN("<array/>"), 0, "without data"},
	    {"two data", IN("<array><data/><data/></array>"), 0,
		"out of place"},
	    {"a value outside of data", IN("<array>" V("") "</array>"), 0,
		"out of place"},
	    {"a member outside of a struct", IN(M("a", V(""))), 0,
		"out of place"},
	    {"an empty member", IN("<struct><member/></struct>"), 0,
		"without value"},
	    {"a member without value",
		IN("<struct><member><name>a</name></member></struct>"), 0,
		"without value"},
	    {"a member without name",
		IN("<struct><member>" V("") "</member></struct>"), 0,
		"out of place"},
	    {"a value before its name",
		IN("<struct><member>" V("") "<name/></member></struct>"), 0,
		"out of place"},
	    {"a member with two values",
		IN("<struct>" M("a", V("") V("")) "</struct>"), 0,
		"out of place"},
	};
	static const struct idl_type *const types[] = {
	    NULL, &help_value_map, &help_value_strings, &help_value_vm};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		help_rpc_check_bad(
		    HELP_RPC_XML, types[i], rows, sizeof rows / sizeof *rows);
}

#define HEAD "<methodCall>" NAME "<params>" P(V("s")) "<param><value>"
#define TAIL "</value></param></params></methodCall>"

Test(xml_bad, many_equal_keys_take_no_quadratic_time)
{
	struct help_rpc_call h;
	size_t n;
	char *body;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_map, (size_t)64 << 20);
	body = help_rpc_repeat(HEAD "<struct>", M("a", "<value/>"),
	    XML_MEMBERS_MAX - 2, "</struct>" TAIL, &n);
	help_rpc_read(&h, body, n);
	free(body);
	cr_expect_str_eq(help_rpc_outcome(&h),
	    "<value><struct>" M("a", V("")) "</struct></value>");
	help_rpc_close(&h);
}
