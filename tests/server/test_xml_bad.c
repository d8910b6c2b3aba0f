/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xml_bad - what is no call, and that refusing it costs no memory
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/xml.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)
#define MANY ((size_t)1000000)

#define CALL(s) "<methodCall>" s "</methodCall>"
#define NAME "<methodName>t.call</methodName>"
#define P(s) "<param>" s "</param>"
#define PS(s) CALL(NAME "<params>" s "</params>")
#define V(s) "<value>" s "</value>"

struct row {
	const char *sentence;
	const char *body;
	size_t n;	  /* 0: strlen */
	const char *want; /* what the text must say */
};

static void
check_rows(const struct row *rows, size_t n, const struct idl_type *t)
{
	struct help_rpc_call h;
	size_t len;

	help_rpc_open(&h, HELP_RPC_XML, t, ARENA);
	for (size_t i = 0; i < n; i++) {
		len = rows[i].n > 0 ? rows[i].n : strlen(rows[i].body);
		help_rpc_read(&h, rows[i].body, len);
		cr_expect(!h.ok, "%s", rows[i].sentence);
		cr_expect(strstr(h.text, rows[i].want) != NULL, "%s: %s",
		    rows[i].sentence, h.text);
		/* The same reader goes on. */
		help_rpc_read(&h, CALL(NAME), strlen(CALL(NAME)));
		cr_expect(h.ok, "after %s", rows[i].sentence);
	}
	help_rpc_close(&h);
}
#define CHECK(rows, t) check_rows((rows), sizeof(rows) / sizeof *(rows), (t))

Test(xml_bad, documents)
{
	static const struct row rows[] = {
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

	CHECK(rows, NULL);
}

#define M(n, v) "<member><name>" n "</name>" v "</member>"
#define IN(s) PS(P(V("s")) P(V(s)))

Test(xml_bad, grammar)
{
	static const struct row rows[] = {
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
		check_rows(rows, sizeof rows / sizeof *rows, types[i]);
}

#define HEAD "<methodCall>" NAME "<params>" P(V("s")) "<param><value>"
#define TAIL "</value></param></params></methodCall>"

Test(xml_bad, floods)
{
	static const struct {
		const char *sentence;
		const struct idl_type *type;
		const char *head, *middle, *tail, *want;
		size_t n;
	} rows[] = {
	    {"arrays in arrays", &help_value_sets, HEAD, "<array><data><value>",
		"", "too deeply", 10000},
	    {"arrays in arrays nobody wants", NULL, HEAD,
		"<array><data><value>", "", "too deeply", 10000},
	    {"structs in structs", &help_value_vm, HEAD,
		"<struct><member><name>other_config</name><value>", "",
		"too deeply", 10000},
	    {"any element in itself", NULL, "", "<methodCall>", "",
		"out of place", 10000},
	    {"a million elements", &help_value_strings, HEAD "<array><data>",
		"<value/>", "</data></array>" TAIL, "too", MANY},
	    {"a million that nobody wants", NULL, HEAD "<array><data>",
		"<value/>", "</data></array>" TAIL, "too many values", MANY},
	    {"a million members", &help_value_map, HEAD "<struct>",
		M("a", "<value/>"), "</struct>" TAIL, "too", MANY},
	    {"a million parameters", &help_value_void,
		"<methodCall>" NAME "<params>", P("<value/>"),
		"</params></methodCall>", "too many values", MANY},
	    {"ten million letters", &help_value_string, HEAD, "0123456789",
		TAIL, "call too large", MANY},
	    {"ten million letters of a name", NULL, "<methodCall><methodName>",
		"0123456789", "</methodName></methodCall>", "call too large",
		MANY},
	    {"ten million letters of a session", NULL,
		"<methodCall>" NAME "<params><param><value>", "0123456789",
		TAIL, "call too large", MANY},
	};
	struct help_rpc_call h;
	size_t n;
	char *body;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		help_rpc_open(&h, HELP_RPC_XML, rows[i].type, ARENA);
		body = help_rpc_repeat(
		    rows[i].head, rows[i].middle, rows[i].n, rows[i].tail, &n);
		help_rpc_read(&h, body, n);
		free(body);
		cr_expect(!h.ok, "%s", rows[i].sentence);
		cr_expect(strstr(h.text, rows[i].want) != NULL, "%s: %s",
		    rows[i].sentence, h.text);
		cr_expect(h.call.arena.used_bytes <= ARENA);
		help_rpc_close(&h);
	}
}

Test(xml_bad, limits_are_exact)
{
	struct help_rpc_call h;
	size_t n;
	char *body;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_strings, (size_t)64 << 20);
	/* The parameters themselves count: two of them. */
	body = help_rpc_repeat(HEAD "<array><data>", "<value/>",
	    XML_MEMBERS_MAX - 2, "</data></array>" TAIL, &n);
	help_rpc_read(&h, body, n);
	free(body);
	cr_expect(h.ok);
	cr_expect_eq((*(const struct idl_set *const *)h.call.args)->n, 99998);
	body = help_rpc_repeat(HEAD "<array><data>", "<value/>",
	    XML_MEMBERS_MAX - 1, "</data></array>" TAIL, &n);
	help_rpc_read(&h, body, n);
	free(body);
	cr_expect(!h.ok);
	help_rpc_close(&h);
}

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

Test(xml_bad, every_cut_and_every_flipped_byte_is_survived)
{
	static const char whole[] = "<?xml version='1.0'?>" PS(P(V("s"))
		P(V("<struct>" M("a", V("1")) M("b", V("2")) "</struct>")));
	const size_t n = sizeof whole - 1;
	char body[sizeof whole];
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_XML, &help_value_map, ARENA);
	for (size_t i = 0; i < n; i++) {
		help_rpc_read(&h, whole, i);
		cr_expect(!h.ok, "cut at %zu", i);
	}
	for (size_t i = 0; i < n * 256; i++) {
		memcpy(body, whole, sizeof whole);
		body[i / 256] = (char)i;
		help_rpc_read(&h, body, n);
		(void)help_rpc_outcome(&h);
	}
	help_rpc_close(&h);
}
