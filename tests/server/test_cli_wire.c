/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cli_wire - requests, greetings and messages of the thin CLI protocol
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include <criterion/criterion.h>

#include "server/cli_wire.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MAGIC "XenSource thin CLI protocol"

/* ---- requests ---- */

/* say - a request as text: session|user|password|word word... */
static const char *
say(const struct thin_request *rq)
{
	static char text[1000];
	size_t n;

	n = (size_t)snprintf(text, sizeof text, "%s|%s|%s|",
	    rq->session != NULL ? rq->session : "-", rq->user, rq->password);
	for (size_t i = 0; i < rq->n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s",
		    i > 0 ? " " : "", rq->word[i]);
	return text;
}

Test(cli_wire, requests)
{
	static const struct {
		const char *sentence, *body, *want;
	} rows[] = {
	    {"nothing at all", "", "-|||"},
	    {"words and credentials", "a\nb=c\nusername=u\npassword=p",
		"-|u|p|a b=c"},
	    {"a line end behind the last", "a\nusername=u\npassword=p\n",
		"-|u|p|a"},
	    {"CRLF", "a\r\n--minimal\r\nusername=u\r\npassword=p\r\n",
		"-|u|p|a --minimal"},
	    {"a CR within a line is part of it", "a\rb\n", "-|||a\rb"},
	    {"empty lines are none", "\n\na\n\nb\n", "-|||a b"},
	    {"a password may have = in it", "a\npassword=p=q", "-||p=q|a"},
	    {"a password may be empty", "a\npassword=", "-|||a"},
	    {"what the client adds counts", "a\nusername=x\nusername=u",
		"-|u||a"},
	    {"a session comes first", "session_id=OpaqueRef:1\na",
		"OpaqueRef:1|||a"},
	    {"a session that does not is a word", "a\nsession_id=x",
		"-|||a session_id=x"},
	    {"a longer key is a word", "a\nusernames=x", "-|||a usernames=x"},
	    {"UTF-8 is kept", "a\nname=\xc3\xbc", "-|||a name=\xc3\xbc"},
	};
	struct thin_request rq;

	for (size_t i = 0; i < COUNT(rows); i++) {
		cr_assert(
		    thin_request_read(&rq, rows[i].body, strlen(rows[i].body)));
		cr_expect_str_eq(say(&rq), rows[i].want, "%s: %s, not %s",
		    rows[i].sentence, say(&rq), rows[i].want);
		thin_request_free(&rq);
		thin_request_free(&rq);
	}
}

Test(cli_wire, no_requests)
{
	static const struct {
		const char *sentence, *body;
		size_t n;
	} rows[] = {
	    {"NUL in it", "a\0b", 3},
	    {"NUL at its end", "a\0", 2},
	    {"a byte that is no UTF-8", "a\xff", 2},
	    {"a character cut short", "a\xc3", 2},
	    {"an overlong character", "\xc0\x80", 2},
	    {"a surrogate", "\xed\xa0\x80", 3},
	};
	struct thin_request rq;

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_expect_not(thin_request_read(&rq, rows[i].body, rows[i].n),
		    "%s", rows[i].sentence);
}

Test(cli_wire, long_requests)
{
	const size_t n = THIN_REQUEST_MAX_BYTES;
	char *body = malloc(n + 1);
	struct thin_request rq;

	cr_assert(body != NULL);
	memset(body, 'a', n + 1);
	cr_expect(thin_request_read(&rq, body, n), "as long as may be");
	cr_expect_eq(strlen(rq.word[0]), n);
	thin_request_free(&rq);
	cr_expect_not(thin_request_read(&rq, body, n + 1), "a byte too long");
	for (size_t i = 1; i < n; i += 2)
		body[i] = '\n';
	cr_expect(thin_request_read(&rq, body, 2 * THIN_WORDS_MAX - 1),
	    "as many words as may be");
	cr_expect_eq(rq.n, THIN_WORDS_MAX);
	thin_request_free(&rq);
	cr_expect_not(thin_request_read(&rq, body, 2 * THIN_WORDS_MAX),
	    "a line too many");
	free(body);
}

/* ---- greetings ---- */

Test(cli_wire, greetings)
{
	static const struct {
		const char *sentence, *hello;
		bool want;
	} rows[] = {
	    {"ours", MAGIC "\0\0\0\0\2\0\0\0", true},
	    {"a newer minor version", MAGIC "\0\0\0\0\7\0\0\0", true},
	    {"an older one", MAGIC "\0\0\0\0\0\0\0\0", true},
	    {"another major version", MAGIC "\1\0\0\0\2\0\0\0", false},
	    {"one in the other byte order", MAGIC "\0\0\0\1\2\0\0\0", false},
	    {"another magic", "XenSource thin CLI protokoll\0\0\0\2\0\0\0",
		false},
	};
	char hello[THIN_HELLO_BYTES];

	thin_hello_write(hello);
	cr_expect_arr_eq(hello, rows[0].hello, THIN_HELLO_BYTES);
	for (size_t i = 0; i < COUNT(rows); i++)
		cr_expect_eq(thin_hello_good(rows[i].hello), rows[i].want, "%s",
		    rows[i].sentence);
}

/* ---- messages ---- */

/* check - what is in a buffer, which is emptied */
static void
check(struct http_buf *out, const char *want, size_t n)
{
	cr_expect_not(out->failed);
	cr_expect_eq(out->len, n, "%zu bytes, not %zu", out->len, n);
	cr_expect(out->len == n && memcmp(out->p, want, n) == 0);
	http_buf_reset(out, 4096);
}
#define CHECK(out, want) check((out), (want), sizeof(want) - 1)

Test(cli_wire, messages)
{
	static const char *const params[] = {"p", "\xc3\xbc", ""};
	struct http_buf out;

	http_buf_init(&out, 4096);
	thin_put_print(&out, "line");
	CHECK(&out, "\x10\0\0\0\x09\0\0\0\0\0\0\0\4\0\0\0line");
	thin_put_print(&out, "");
	CHECK(&out, "\x0c\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0");
	thin_put_print_err(&out, "no\n");
	CHECK(&out, "\x0f\0\0\0\x09\0\0\0\x10\0\0\0\3\0\0\0no\n");
	thin_put_error(&out, "E", NULL, 0);
	CHECK(&out, "\x11\0\0\0\x09\0\0\0\x0e\0\0\0\1\0\0\0E\0\0\0\0");
	thin_put_error(&out, "E", params, 3);
	CHECK(&out, "\x20\0\0\0\x09\0\0\0\x0e\0\0\0\1\0\0\0E\3\0\0\0"
		    "\1\0\0\0p\2\0\0\0\xc3\xbc\0\0\0\0");
	thin_put_exit(&out, 0);
	CHECK(&out, "\x0c\0\0\0\x09\0\0\0\4\0\0\0\0\0\0\0");
	thin_put_exit(&out, 1);
	CHECK(&out, "\x0c\0\0\0\x09\0\0\0\4\0\0\0\1\0\0\0");
	http_buf_fini(&out);
}

Test(cli_wire, a_full_buffer)
{
	struct http_buf out;

	for (size_t max = 0; max < 20; max++) {
		http_buf_init(&out, max);
		thin_put_print(&out, "line");
		cr_expect(out.failed, "20 bytes into %zu", max);
		thin_put_exit(&out, 0);
		cr_expect(out.failed && out.len <= max);
		http_buf_fini(&out);
	}
}
