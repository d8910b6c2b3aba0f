/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rpc_bad - refusing what is no call costs no memory, and the limits are
 * where they are said to be; each property over every protocol
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/jsn.h"
#include "server/xml.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)
#define MANY ((size_t)1000000)
#define N(rows) (sizeof(rows) / sizeof *(rows))

#define XML_CALL "<methodCall><methodName>t.call</methodName><params>"
#define XML_HEAD XML_CALL "<param><value>s</value></param><param><value>"
#define XML_TAIL "</value></param></params></methodCall>"
#define XML_SET XML_HEAD "<array><data>"
#define XML_SET_END "</data></array>" XML_TAIL

#define JSON_HEAD "{\"method\":\"t.call\",\"id\":1,\"params\":[\"s\","
#define JSON_TAIL "]}"
#define JSON_SET JSON_HEAD "["
#define JSON_SET_END "]" JSON_TAIL

/* ---- too much ---- */

struct flood {
	const char *sentence;
	const struct idl_type *type;
	const char *head, *middle, *tail, *want;
	size_t n; /* of the middle */
};

static const struct flood xml_floods[] = {
    {"arrays in arrays", &help_value_sets, XML_HEAD, "<array><data><value>", "",
	"too deeply", 10000},
    {"arrays in arrays nobody wants", NULL, XML_HEAD, "<array><data><value>",
	"", "too deeply", 10000},
    {"structs in structs", &help_value_vm, XML_HEAD,
	"<struct><member><name>other_config</name><value>", "", "too deeply",
	10000},
    {"any element in itself", NULL, "", "<methodCall>", "", "out of place",
	10000},
    {"a million elements", &help_value_strings, XML_SET, "<value/>",
	XML_SET_END, "too", MANY},
    {"a million that nobody wants", NULL, XML_SET, "<value/>", XML_SET_END,
	"too many values", MANY},
    {"a million members", &help_value_map, XML_HEAD "<struct>",
	"<member><name>a</name><value/></member>", "</struct>" XML_TAIL, "too",
	MANY},
    {"a million parameters", &help_value_void, XML_CALL,
	"<param><value/></param>", "</params></methodCall>", "too many values",
	MANY},
    {"ten million letters", &help_value_string, XML_HEAD, "0123456789",
	XML_TAIL, "call too large", MANY},
    {"ten million letters of a name", NULL, "<methodCall><methodName>",
	"0123456789", "</methodName></methodCall>", "call too large", MANY},
    {"ten million letters of a session", NULL, XML_CALL "<param><value>",
	"0123456789", XML_TAIL, "call too large", MANY},
};

static const struct flood json_floods[] = {
    {"arrays in arrays", &help_value_sets, JSON_HEAD, "[", "", "too deeply",
	10000},
    {"arrays in arrays nobody wants", NULL, JSON_HEAD, "[", "", "too deeply",
	10000},
    {"arrays from the start", NULL, "", "[", "", "too deeply", MANY},
    {"objects in objects", &help_value_vm, JSON_HEAD, "{\"other_config\":", "",
	"too deeply", 10000},
    {"a million values", &help_value_strings, JSON_SET, "\"\",",
	"\"\"" JSON_SET_END, "too large", MANY},
    {"a million objects", &help_value_strings, JSON_SET, "{},",
	"{}" JSON_SET_END, "too large", MANY},
    {"a million parameters", &help_value_void, JSON_HEAD, "1,", "1" JSON_TAIL,
	"too many values", MANY},
    {"fifty thousand objects are too much for the tree", &help_value_string,
	JSON_SET, "{\"aaaaaaaaaaaa\":{}},", "1" JSON_SET_END, "too many values",
	50000},
    {"ten million letters", &help_value_string, JSON_HEAD "\"", "0123456789",
	"\"" JSON_TAIL, "too large", MANY},
    {"ten million letters of an id", NULL,
	"{\"method\":\"a\",\"params\":[],\"id\":\"", "0123456789", "\"}",
	"too large", MANY},
    {"a million letters of a method", NULL,
	"{\"id\":1,\"params\":[],\"method\":\"", "0123456789", "\"}",
	"too large", 200000},
    {"a million letters of a session", NULL,
	"{\"id\":1,\"method\":\"a\",\"params\":[\"", "0123456789", "\"]}",
	"too large", 200000},
    {"a number of a million digits", &help_value_int, JSON_HEAD, "1234567890",
	JSON_TAIL, "too big", 100000},
};

/* check_floods - each is refused, and the arena is not overdrawn */
static void
check_floods(enum help_rpc p, const struct flood *rows, size_t nrows)
{
	struct help_rpc_call h;
	size_t n;
	char *body;

	for (const struct flood *f = rows; f < rows + nrows; f++) {
		help_rpc_open(&h, p, f->type, ARENA);
		body = help_rpc_repeat(f->head, f->middle, f->n, f->tail, &n);
		help_rpc_read(&h, body, n);
		free(body);
		cr_expect(!h.ok, "%s", f->sentence);
		cr_expect(strstr(h.text, f->want) != NULL, "%s: %s",
		    f->sentence, h.text);
		cr_expect(h.call.arena.used_bytes <= ARENA);
		help_rpc_close(&h);
	}
}

Test(rpc_bad, xml_floods)
{
	check_floods(HELP_RPC_XML, xml_floods, N(xml_floods));
}

Test(rpc_bad, json_floods)
{
	check_floods(HELP_RPC_JSON, json_floods, N(json_floods));
}

/* ---- exactly so much ---- */

/* repeated - read a body with so many middles, and so many closing ones */
static void
repeated(struct help_rpc_call *h, const char *head, const char *middle,
    const char *closing, const char *tail, size_t times)
{
	size_t n;
	char *open = help_rpc_repeat(head, middle, times, "", &n);
	char *body = help_rpc_repeat(open, closing, times, tail, &n);

	help_rpc_read(h, body, n);
	free(body);
	free(open);
}

Test(rpc_bad, limits_are_exact)
{
	static const struct {
		enum help_rpc protocol;
		const char *head, *middle, *tail;
		size_t most; /* of the middle */
		uint32_t items;
	} rows[] = {
	    /* The parameters themselves count: two of them. */
	    {HELP_RPC_XML, XML_SET, "<value>1</value>", XML_SET_END,
		XML_MEMBERS_MAX - 2, XML_MEMBERS_MAX - 2},
	    /* Separators and opening brackets are counted; six not ours. */
	    {HELP_RPC_JSON, JSON_SET, "1,", "1" JSON_SET_END,
		JSN_VALUES_MAX - 6, JSN_VALUES_MAX - 5},
	};
	const struct idl_set *set;
	struct help_rpc_call h;

	for (size_t i = 0; i < N(rows); i++) {
		help_rpc_open(
		    &h, rows[i].protocol, &help_value_ints, (size_t)64 << 20);
		repeated(&h, rows[i].head, rows[i].middle, "", rows[i].tail,
		    rows[i].most);
		cr_assert(h.ok, "%s", h.text);
		set = *(const struct idl_set *const *)h.call.args;
		cr_expect_eq(set->n, rows[i].items);
		repeated(&h, rows[i].head, rows[i].middle, "", rows[i].tail,
		    rows[i].most + 1);
		cr_expect(!h.ok, "%s", h.protocol->name);
		help_rpc_close(&h);
	}
}

Test(rpc_bad, depth_is_exact)
{
	static const struct {
		enum help_rpc protocol;
		const char *head, *middle, *closing, *tail;
		size_t most;
	} rows[] = {
	    /* Four elements are open, and the innermost has a value. */
	    {HELP_RPC_XML, XML_HEAD, "<array><data><value>",
		"</value></data></array>", XML_TAIL, (XML_DEPTH_MAX - 4) / 3},
	    /* The call and its parameters. */
	    {HELP_RPC_JSON, JSON_HEAD, "[", "]", JSON_TAIL, JSN_DEPTH_MAX - 2},
	};
	struct help_rpc_call h;

	for (size_t i = 0; i < N(rows); i++) {
		help_rpc_open(&h, rows[i].protocol, NULL, ARENA);
		for (size_t deep = 1; deep <= rows[i].most + 1; deep++) {
			repeated(&h, rows[i].head, rows[i].middle,
			    rows[i].closing, rows[i].tail, deep);
			cr_expect_eq(h.ok, deep <= rows[i].most, "%s: %zu: %s",
			    h.protocol->name, deep, h.text);
		}
		help_rpc_close(&h);
	}
}

/* ---- nearly a call ---- */

/* cut_and_flipped - every prefix is refused, every wrong byte survived */
static void
cut_and_flipped(enum help_rpc p, const char *whole)
{
	const size_t n = strlen(whole);
	char *body = strdup(whole);
	struct help_rpc_call h;

	cr_assert_not_null(body);
	help_rpc_open(&h, p, &help_value_map, ARENA);
	for (size_t i = 0; i < n; i++) {
		help_rpc_read(&h, whole, i);
		cr_expect(!h.ok, "cut at %zu", i);
	}
	for (size_t i = 0; i < n * 256; i++) {
		memcpy(body, whole, n);
		body[i / 256] = (char)i;
		help_rpc_read(&h, body, n);
		(void)help_rpc_outcome(&h); /* either is right */
	}
	help_rpc_close(&h);
	free(body);
}

Test(rpc_bad, every_cut_and_every_flipped_byte_is_survived)
{
	cut_and_flipped(HELP_RPC_XML,
	    "<?xml version='1.0'?>" XML_HEAD "<struct>"
	    "<member><name>a</name><value>1</value></member>"
	    "<member><name>b</name><value>2</value></member>"
	    "</struct>" XML_TAIL);
	cut_and_flipped(HELP_RPC_JSON,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"t.call\",\"id\":\"\\u00e9\","
	    "\"params\":[\"s\",{\"a\":\"1\",\"b\":\"\\ud83d\\ude00\"}]}");
}
