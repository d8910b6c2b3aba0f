/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_json_write - the exact bytes of values and replies of JSON-RPC
 */

/* System */
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/jsn.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)

/* written - a value as this protocol writes it */
static const char *
written(const struct idl_type *t, const void *native)
{
	return help_rpc_text(HELP_RPC_JSON, t, native);
}

Test(json_write, strings)
{
	static const struct {
		const char *sentence, *native, *want;
	} rows[] = {
	    {"empty", "", "\"\""},
	    {"plain", "abc", "\"abc\""},
	    {"quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\""},
	    {"a slash is itself", "</script>", "\"</script>\""},
	    {"those with a letter", "\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\""},
	    {"other control characters", "\001\013\037",
		"\"\\u0001\\u000b\\u001f\""},
	    {"delete is no control character of JSON", "\177", "\"\177\""},
	    {"two bytes", "\xc3\xa9", "\"\xc3\xa9\""},
	    {"four bytes", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
	    {"broken UTF-8",
		"a\xff"
		"b",
		"\"a\xef\xbf\xbd"
		"b\""},
	    {"overlong", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"half at the end", "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"a surrogate", "\xed\xa0\x80",
		"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"no characters of XML, but of JSON", "\xef\xbf\xbe",
		"\"\xef\xbf\xbe\""},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_str_eq(written(&help_value_string, &rows[i].native),
		    rows[i].want, "%s", rows[i].sentence);
}

Test(json_write, ints)
{
	static const struct {
		int64_t native;
		const char *want;
	} rows[] = {
	    {0, "0"},
	    {-1, "-1"},
	    {INT64_MAX, "9223372036854775807"},
	    {INT64_MIN, "-9223372036854775808"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_str_eq(
		    written(&help_value_int, &rows[i].native), rows[i].want);
}

Test(json_write, floats)
{
	static const struct {
		const char *sentence;
		double native;
		const char *want;
	} rows[] = {
	    {"whole numbers have a point", 1, "1.0"},
	    {"zero", 0, "0.0"},
	    {"as short as can be", 0.1, "0.1"},
	    {"as long as must be", 0.1 + 0.2, "0.30000000000000004"},
	    {"great", 1e300, "1e+300"},
	    {"small", -2.5e-7, "-2.5e-07"},
	    {"NaN is not JSON", NAN, "0.0"},
	    {"nor is infinity", -INFINITY, "0.0"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_str_eq(written(&help_value_float, &rows[i].native),
		    rows[i].want, "%s", rows[i].sentence);
}

Test(json_write, other_scalars)
{
	bool yes = true, no = false;
	int64_t date = 1787277623;
	struct idl_ref null = {0, 0};
	int32_t odd = 2;

	cr_expect_str_eq(written(&help_value_bool, &yes), "true");
	cr_expect_str_eq(written(&help_value_bool, &no), "false");
	cr_expect_str_eq(
	    written(&help_value_datetime, &date), "\"20260821T02:00:23Z\"");
	cr_expect_str_eq(written(&help_value_ref, &null), "\"OpaqueRef:NULL\"");
	cr_expect_str_eq(written(&help_value_enum, &odd), "\"<&>\"");
	cr_expect_str_eq(written(&help_value_void, NULL), "\"\"");
}

/* ---- replies ---- */

/* ask - a request of a version and an id */
static void
ask(struct help_rpc_call *h, const char *version, const char *id)
{
	char body[300];
	int n = snprintf(body, sizeof body,
	    "{%s\"method\":\"t.call\",\"params\":[\"s\",42],\"id\":%s}",
	    version, id);

	help_rpc_read(h, body, (size_t)n);
	cr_assert(h->ok, "%s", h->text);
	h->call.result = h->call.args;
}

#define V2 "\"jsonrpc\":\"2.0\","

Test(json_write, replies)
{
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_int, ARENA);
	ask(&h, "", "1");
	cr_expect_str_eq(
	    help_rpc_reply(&h), "{\"result\":42,\"error\":null,\"id\":1}");
	ask(&h, V2, "0");
	cr_expect_str_eq(help_rpc_reply(&h), "{" V2 "\"result\":42,\"id\":0}");
	h.msg.flags = IDL_M_BARE;
	cr_expect_str_eq(help_rpc_reply(&h), "{" V2 "\"result\":42,\"id\":0}",
	    "a bare result is bare in XML-RPC only");
	help_rpc_close(&h);
}

Test(json_write, failures)
{
	struct help_rpc_call h;

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_int, ARENA);
	ask(&h, "", "1");
	h.call.err =
	    err_fail(&h.call.why, ERR_HANDLE_INVALID, "ss", "VM", "a\"b");
	cr_expect_str_eq(help_rpc_reply(&h),
	    "{\"result\":null,\"error\":[\"HANDLE_INVALID\",\"VM\","
	    "\"a\\\"b\"],\"id\":1}");
	ask(&h, V2, "1");
	h.call.err =
	    err_fail(&h.call.why, ERR_HANDLE_INVALID, "ss", "VM", "a\"b");
	cr_expect_str_eq(help_rpc_reply(&h),
	    "{" V2 "\"error\":{\"code\":1,\"message\":\"HANDLE_INVALID\","
	    "\"data\":[\"VM\",\"a\\\"b\"]},\"id\":1}");
	h.call.err = err_fail(&h.call.why, ERR_TOO_MANY_PENDING_TASKS, "");
	h.call.msg = NULL;
	cr_expect_str_eq(help_rpc_reply(&h),
	    "{" V2 "\"error\":{\"code\":1,\"message\":"
	    "\"TOO_MANY_PENDING_TASKS\",\"data\":[]},\"id\":1}",
	    "data is there without parameters, a message need not be");
	ask(&h, "", "1");
	h.call.err = err_fail(&h.call.why, ERR_TOO_MANY_PENDING_TASKS, "");
	cr_expect_str_eq(help_rpc_reply(&h),
	    "{\"result\":null,\"error\":[\"TOO_MANY_PENDING_TASKS\"],"
	    "\"id\":1}");
	help_rpc_close(&h);
}

Test(json_write, the_id_comes_back_as_it_was)
{
	static const struct {
		const char *id, *want;
	} rows[] = {
	    {"0", "0"},
	    {"-7", "-7"},
	    {"9223372036854775807", "9223372036854775807"},
	    {"\"\"", "\"\""},
	    {"\"0\"", "\"0\""},
	    {"\"a\\u0009\\\"\\u20ac\"", "\"a\\t\\\"\xe2\x82\xac\""},
	};
	struct help_rpc_call h;
	char want[100];

	help_rpc_open(&h, HELP_RPC_JSON, &help_value_int, ARENA);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask(&h, V2, rows[i].id);
		(void)snprintf(want, sizeof want,
		    "{" V2 "\"result\":42,\"id\":%s}", rows[i].want);
		cr_expect_str_eq(help_rpc_reply(&h), want);
	}
	help_rpc_close(&h);
}
