/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/server/help_http.h"

#define POST(version, headers, body)                                           \
	"POST / HTTP/" version "\r\nHost: x\r\n" headers "\r\n" body

#define TWENTY "01234567890123456789"
#define HUNDRED TWENTY TWENTY TWENTY TWENTY TWENTY

struct row {
	const char *must; /* a sentence that must hold */
	const char *say;
	int status;
	bool open;	  /* the connection stays open */
	const char *text; /* in the reply; NULL: anything */
};

static const struct row rows[] = {
    {"a POST is a call and its reply has the reference's headers",
	POST("1.1", "Content-Length: 5\r\n", "hello"), 200, true,
	"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n"
	"cache-control: no-cache, no-store\r\ncontent-type: text/xml\r\n"
	"content-length: 5\r\nAccess-Control-Allow-Origin: *\r\n"
	"Access-Control-Allow-Headers: X-Requested-With\r\n\r\nhello"},
    {"any path is XML-RPC",
	"POST /some/xmlrpc?x=y HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", 200,
	true, "\r\n\r\nhi"},
    {"HTTP/1.0 gets HTTP/1.0 and is closed",
	POST("1.0", "Content-Length: 2\r\n", "hi"), 200, false,
	"HTTP/1.0 200 OK\r\nconnection: close\r\n"},
    {"HTTP/1.0 stays open when it asks for that",
	POST("1.0", "Connection: keep-alive\r\nContent-Length: 2\r\n", "hi"),
	200, true, "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n"},
    {"HTTP/1.1 is closed when it asks for that",
	POST("1.1", "Connection: close\r\nContent-Length: 2\r\n", "hi"), 200,
	false, "HTTP/1.1 200 OK\r\nconnection: close\r\n"},
    {"a reply may come later, from another thread",
	POST("1.1", "Content-Length: 5\r\n", "later"), 200, true,
	"\r\n\r\nlater it is"},
    {"an empty body is a body", POST("1.1", "Content-Length: 0\r\n", ""), 200,
	true, "content-length: 0\r\n"},
    {"a body without Content-Length is refused", POST("1.1", "", ""), 411,
	false, "Content-Length is required"},
    {"two Content-Lengths are refused",
	POST("1.1", "Content-Length: 2\r\nContent-Length: 2\r\n", "hi"), 400,
	false, "Content-Length"},
    {"contradicting Content-Lengths are refused",
	POST("1.1", "Content-Length: 2\r\nContent-Length: 3\r\n", "hi"), 400,
	false, NULL},
    {"a list of Content-Lengths is refused",
	POST("1.1", "Content-Length: 2, 2\r\n", "hi"), 400, false, NULL},
    {"a negative Content-Length is refused",
	POST("1.1", "Content-Length: -1\r\n", ""), 400, false, NULL},
    {"a signed Content-Length is refused",
	POST("1.1", "Content-Length: +2\r\n", "hi"), 400, false, NULL},
    {"an empty Content-Length is refused",
	POST("1.1", "Content-Length:\r\n", ""), 400, false, NULL},
    {"a Content-Length beyond 64 bits is refused",
	POST("1.1", "Content-Length: 99999999999999999999\r\n", ""), 400, false,
	NULL},
    {"a hexadecimal Content-Length is refused",
	POST("1.1", "Content-Length: 0x2\r\n", "hi"), 400, false, NULL},
    {"a body above the limit is refused before it is sent",
	POST("1.1", "Content-Length: 307201\r\n", ""), 413, false,
	"body longer than 307200 bytes"},
    {"chunked is refused",
	POST("1.1", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 411, false,
	"Transfer-Encoding is not accepted"},
    {"chunked beside Content-Length is refused",
	POST(
	    "1.1", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "hi"),
	400, false, NULL},
    {"Transfer-Encoding beside Content-Length is refused",
	POST("1.1", "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n", "hi"),
	400, false, NULL},
    {"any other Transfer-Encoding is refused",
	POST("1.1", "Transfer-Encoding: gzip\r\n", "hi"), 411, false, NULL},
    {"an empty Transfer-Encoding is refused",
	POST("1.1", "Transfer-Encoding:\r\n", ""), 411, false, NULL},
    {"white space before the colon is refused",
	POST("1.1", "Content-Length : 2\r\n", "hi"), 400, false, NULL},
    {"an unknown expectation is refused",
	POST("1.1", "Expect: tea\r\nContent-Length: 2\r\n", "hi"), 417, false,
	NULL},
    {"HTTP/1.0 gets no 100 Continue",
	POST("1.0", "Expect: 100-continue\r\nContent-Length: 2\r\n", "hi"), 200,
	false, "HTTP/1.0 200 OK"},
    {"HTTP/2.0 is refused", POST("2.0", "Content-Length: 2\r\n", "hi"), 505,
	false, NULL},
    {"an upgrade is not taken up",
	POST("1.1",
	    "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n",
	    "hi"),
	200, true, "\r\n\r\nhi"},
    {"garbage is refused", "\x16\x03\x01\x02garbage\r\n\r\n", 400, false,
	"not HTTP"},
    {"the HTTP/2 preface is refused", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400,
	false, NULL},
    {"a request line without version is refused", "POST /\r\n\r\n", 505, false,
	NULL},
    {"GET /healthz tells how we are", "GET /healthz HTTP/1.1\r\n\r\n", 200,
	true, "content-type: application/json\r\n"},
    {"GET /healthz takes a query",
	"GET /healthz?verbose=0123456789abcdef "
	"HTTP/1.1\r\n\r\n",
	200, true, "\"ok\""},
    {"HEAD is GET without the body",
	"HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 200, false,
	"content-length: 16\r\n"},
    {"another page is not there", "GET / HTTP/1.1\r\n\r\n", 404, false,
	"no such page"},
    {"a long path is not there",
	"GET /healthz/0123456789012345678901234567890123456789 "
	"HTTP/1.1\r\n\r\n",
	404, false, NULL},
    {"other methods are not served", "DELETE / HTTP/1.1\r\n\r\n", 405, false,
	"only POST"},
    {"CONNECT is not served", "CONNECT a:1 HTTP/1.1\r\n\r\n", 405, false, NULL},
    {"headers by which clients follow a call are noted",
	POST("1.1",
	    "TraceParent: 00-ab-cd-01\r\nX-Request-Id: a b\r\n"
	    "originator:\r\nContent-Length: 5\r\n",
	    "notes"),
	200, true,
	"notes:traceparent=00-ab-cd-01;x-request-id=a b;originator=;."},
    {"secrets are not noted, nor anything else",
	POST("1.1",
	    "Authorization: Basic cm9vdDo=\r\nCookie: session_id=x\r\n"
	    "X-Api-Key: k\r\nUser-Agent: ua\r\nbaggages: no\r\n"
	    "Content-Length: 5\r\n",
	    "notes"),
	200, true, "notes:."},
    {"a value that is not printable ASCII is not noted, others are",
	POST("1.1",
	    "baggage: a\xc3\xa9\r\ntracestate: b\tc\r\noriginator: me\r\n"
	    "Content-Length: 5\r\n",
	    "notes"),
	200, true, "notes:originator=me;."},
    {"a value that is too long is not noted, others are",
	POST("1.1",
	    "originator: me\r\nbaggage: " HUNDRED HUNDRED HUNDRED HUNDRED
		HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
	    "\r\ntraceparent: 00\r\nContent-Length: 5\r\n",
	    "notes"),
	200, true, "notes:originator=me;traceparent=00;."},
    {"OPTIONS gets what a browser asks before a cross-origin call",
	"OPTIONS / HTTP/1.1\r\nAccess-Control-Request-Headers: "
	"content-type\r\n\r\n",
	200, true,
	"content-length: 0\r\nAccess-Control-Allow-Origin: *\r\n"
	"Access-Control-Allow-Headers: content-type, X-Requested-With\r\n"
	"Access-Control-Allow-Methods: PUT\r\n\r\n"},
    {"OPTIONS echoes nothing but header names",
	"OPTIONS /jsonrpc HTTP/1.1\r\nAccess-Control-Request-Headers: "
	"<script>\r\n\r\n",
	200, true, "Access-Control-Allow-Headers: X-Requested-With\r\n"},
};

Test(http, table_of_requests)
{
	struct help_http h;
	char text[4096];

	help_http_start(&h, NULL, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		int fd = help_http_dial(&h), status;

		help_http_say(fd, r->say);
		status = help_http_hear(fd, text, sizeof(text));
		cr_expect_eq(status, r->status, "%s: %d, not %d", r->must,
		    status, r->status);
		cr_expect(r->text == NULL || strstr(text, r->text) != NULL,
		    "%s: got: %s", r->must, text);
		if (r->open) {
			help_http_say(
			    fd, POST("1.1", "Content-Length: 4\r\n", "more"));
			cr_expect_eq(help_http_hear(fd, text, sizeof(text)),
			    200, "%s: stays open", r->must);
			cr_expect_str_eq(text + strlen(text) - 4, "more");
		} else {
			cr_expect(help_http_at_end(fd), "%s: is closed: %s",
			    r->must, text);
		}
		(void)close(fd);
	}
	help_http_stop(&h);
}

Test(http, header_flood_is_refused)
{
	struct help_http h;
	char text[4096];
	int fd;

	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	help_http_say(fd, "POST / HTTP/1.1\r\n");
	for (int i = 0; i < 101; i++)
		help_http_say(fd, "A: b\r\n");
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 431);
	cr_expect_not_null(strstr(text, "more than 100 headers"));
	(void)close(fd);

	fd = help_http_dial(&h);
	help_http_say(fd, "POST / HTTP/1.1\r\nA: ");
	for (int i = 0; i < 1700; i++)
		help_http_say(fd, "0123456789");
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 431);
	cr_expect_not_null(strstr(text, "headers longer than 16384 bytes"));
	(void)close(fd);

	fd = help_http_dial(&h);
	help_http_say(fd, "POST /");
	for (int i = 0; i < 1700; i++)
		help_http_say(fd, "0123456789");
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 431);
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, endless_body_gets_its_answer_before_the_end)
{
	static char mib[1 << 20];
	struct help_http h;
	char text[4096];
	int fd;

	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	help_http_say(
	    fd, "POST / HTTP/1.1\r\nContent-Length: 10485760\r\n\r\n");
	memset(mib, 'x', sizeof(mib));
	for (int i = 0; i < 10; i++)
		if (!help_http_say_bytes(fd, mib, sizeof(mib)))
			break;
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 413);
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, pieces_of_any_size_make_the_same_request)
{
	static const char say[] = POST(
	    "1.1", "X: y\r\nContent-Length: 11\r\nExpect:100-Continue\r\n", "");
	static const char notes[] =
	    POST("1.1", "baggage: a b\r\nContent-Length: 5\r\n", "notes");
	struct help_http h;
	char text[4096];
	int fd;

	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	for (size_t i = 0; i < sizeof(say) - 1; i++)
		cr_assert(help_http_say_bytes(fd, say + i, 1));
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 100);
	cr_expect_str_eq(text, "HTTP/1.1 100 Continue\r\n\r\n");
	for (size_t i = 0; i < 11; i++)
		cr_assert(help_http_say_bytes(fd, &"hello world"[i], 1));
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 200);
	cr_expect_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\nhello world");
	for (size_t i = 0; i < sizeof(notes) - 1; i++)
		cr_assert(help_http_say_bytes(fd, notes + i, 1));
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 200);
	cr_expect_str_eq(
	    strstr(text, "\r\n\r\n"), "\r\n\r\nnotes:baggage=a b;.");
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, pipelined_requests_are_answered_in_order)
{
	static const char *const bodies[] = {
	    "later", "one  ", "later", "two  ", "three", "later", "later"};
	struct help_http h;
	char text[4096], all[4096] = "";
	size_t n = 0;
	int fd;

	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	for (int i = 0; i < 7; i++) {
		/* The empty line after a body is what old clients send. */
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s\r\n",
		    POST("1.1", "Content-Length: 5\r\n", ""), bodies[i]);
	}
	help_http_say(fd, all);
	for (int i = 0; i < 7; i++) {
		cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 200);
		cr_expect_not_null(strstr(
		    text, bodies[i][0] == 'l' ? "later it is" : bodies[i]));
	}
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, many_pipelined_requests_do_not_deepen_the_stack)
{
	static const char one[] = POST("1.1", "Content-Length: 1\r\n", "x");
	struct help_http h;
	char text[4096], *all = malloc(300 * sizeof(one));
	int fd;

	cr_assert_not_null(all);
	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	for (int i = 0; i < 300; i++)
		memcpy(all + (size_t)i * (sizeof(one) - 1), one, sizeof(one));
	for (int turn = 0; turn < 20; turn++) {
		help_http_say(fd, all);
		for (int i = 0; i < 300; i++)
			cr_assert_eq(
			    help_http_hear(fd, text, sizeof(text)), 200);
	}
	free(all);
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, half_closed_peers_get_their_answer)
{
	struct help_http h;
	char text[4096];
	int fd;

	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	help_http_say(fd, POST("1.1", "Content-Length: 5\r\n", "stuck"));
	cr_assert_eq(shutdown(fd, SHUT_WR), 0);
	help_http_await_stuck(1);
	cr_assert_eq(help_http_unstick(), 1);
	cr_expect_eq(help_http_hear(fd, text, sizeof(text)), 200);
	cr_expect(help_http_at_end(fd));
	(void)close(fd);

	fd = help_http_dial(&h);
	help_http_say(fd, "POST / HTTP/1.1\r\nContent-");
	cr_assert_eq(shutdown(fd, SHUT_WR), 0);
	cr_expect(help_http_at_end(fd), "half a request is no request");
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, connection_that_dies_during_its_call_leaves_nothing)
{
	struct linger reset = {.l_onoff = 1};
	struct help_http h;

	help_http_start(&h, NULL, NULL);
	for (int i = 0; i < 20; i++) {
		int fd = help_http_dial(&h);

		help_http_say(
		    fd, POST("1.1", "Content-Length: 5\r\n", "stuck"));
		help_http_await_stuck((unsigned)i + 1);
		if (i % 2 == 0) /* an RST instead of a FIN */
			cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER,
					 &reset, sizeof(reset)),
			    0);
		(void)close(fd);
	}
	cr_assert_eq(help_http_unstick(), 20);
	help_http_stop(&h);
}

Test(http, slow_senders_are_told_and_cut_off)
{
	struct http_limits limits = help_http_limits();
	struct help_http h;
	char text[4096];
	int idle, header, body;

	limits.idle_ms = limits.header_ms = limits.body_ms = 60;
	help_http_start(&h, &limits, NULL);
	idle = help_http_dial(&h);
	header = help_http_dial(&h);
	body = help_http_dial(&h);
	help_http_say(header, "POST / HTT");
	help_http_say(body, POST("1.1", "Content-Length: 5\r\n", "hel"));
	cr_expect(help_http_at_end(idle), "idle: closed without a word");
	cr_expect_eq(help_http_hear(header, text, sizeof(text)), 408);
	cr_expect(help_http_at_end(header));
	cr_expect_eq(help_http_hear(body, text, sizeof(text)), 408);
	cr_expect(help_http_at_end(body));
	(void)close(idle);
	(void)close(header);
	(void)close(body);
	help_http_stop(&h);
}

Test(http, peer_that_does_not_read_is_cut_off)
{
	struct http_limits limits = help_http_limits();
	struct help_http h;
	int fd, stalled = 0;

	limits.write_ms = 60;
	help_http_start(&h, &limits, NULL);
	fd = help_http_dial(&h);
	help_http_say(
	    fd, POST("1.1", "Content-Length: 14\r\n", "big 1000000000"));
	/* Reads nothing; the server gives up and resets or closes. */
	while (http_server_connections(h.server) != 0 && stalled < 2000) {
		(void)usleep(10000);
		stalled++;
	}
	cr_expect_eq(http_server_connections(h.server), 0);
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, big_reply_arrives_piece_by_piece_and_whole)
{
	struct help_http h;
	char *text = malloc(5 << 20), *body;
	int fd;

	cr_assert_not_null(text);
	help_http_start(&h, NULL, NULL);
	fd = help_http_dial(&h);
	help_http_say(fd, POST("1.1", "Content-Length: 11\r\n", "big 4000000")
			      POST("1.1", "Content-Length: 4\r\n", "next"));
	cr_expect_eq(help_http_hear(fd, text, 5 << 20), 200);
	body = strstr(text, "\r\n\r\n") + 4;
	cr_expect_eq(strlen(body), 4000000);
	for (size_t i = 0; i < 4000000; i += 997)
		cr_assert_eq(body[i], (char)('a' + i % 26));
	cr_expect_eq(help_http_hear(fd, text, 5 << 20), 200);
	cr_expect_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\nnext");
	free(text);
	(void)close(fd);
	help_http_stop(&h);
}

Test(http, too_many_connections_are_closed)
{
	struct http_limits limits = help_http_limits();
	struct help_http h;
	char text[4096];
	int fd[4], last;

	limits.connections_per_address_max = 3;
	help_http_start(&h, &limits, NULL);
	for (int i = 0; i < 3; i++) {
		fd[i] = help_http_dial(&h);
		help_http_say(fd[i], "GET /healthz HTTP/1.1\r\n\r\n");
		cr_expect_eq(help_http_hear(fd[i], text, sizeof(text)), 200);
	}
	fd[3] = help_http_dial(&h);
	cr_expect(help_http_at_end(fd[3]), "the fourth is closed");
	(void)close(fd[0]);
	while (http_server_connections(h.server) > 2)
		(void)usleep(1000);
	last = help_http_dial(&h);
	help_http_say(last, "GET /healthz HTTP/1.1\r\n\r\n");
	cr_expect_eq(help_http_hear(last, text, sizeof(text)), 200,
	    "when one goes another may come");
	for (int i = 1; i < 4; i++)
		(void)close(fd[i]);
	(void)close(last);
	help_http_stop(&h);
}

Test(http, bodies_under_way_share_a_budget)
{
	struct http_limits limits = help_http_limits();
	static char piece[60000];
	struct help_http h;
	char text[4096];
	int fd[3];

	limits.bodies_max_bytes = 150000;
	memset(piece, 'x', sizeof(piece));
	help_http_start(&h, &limits, NULL);
	for (int i = 0; i < 3; i++) {
		fd[i] = help_http_dial(&h);
		help_http_say(fd[i], POST("1.1",
					 "Content-Length: 70000\r\n"
					 "Expect: 100-continue\r\n",
					 ""));
		cr_expect_eq(help_http_hear(fd[i], text, sizeof(text)), 100);
		(void)help_http_say_bytes(fd[i], piece, sizeof(piece));
		/* Who is read last is the one too many. */
		while (i < 2 && http_server_body_bytes(h.server) <
				    (size_t)(i + 1) * sizeof(piece))
			(void)usleep(1000);
	}
	cr_expect_eq(help_http_hear(fd[2], text, sizeof(text)), 503);
	/* What is given back can be used again. */
	(void)close(fd[0]);
	while (http_server_body_bytes(h.server) > limits.bodies_max_bytes / 2)
		(void)usleep(1000);
	cr_expect(help_http_say_bytes(fd[1], piece, 10000));
	cr_expect_eq(help_http_hear(fd[1], text, sizeof(text)), 200);
	(void)close(fd[1]);
	(void)close(fd[2]);
	help_http_stop(&h);
}

Test(http, drain_answers_what_runs_and_refuses_the_rest)
{
	struct help_http h;
	char text[4096];
	int running, half, idle;

	help_http_start(&h, NULL, NULL);
	idle = help_http_dial(&h);
	running = help_http_dial(&h);
	half = help_http_dial(&h);
	help_http_say(idle, "GET /healthz HTTP/1.1\r\n\r\n");
	cr_expect_eq(help_http_hear(idle, text, sizeof(text)), 200);
	help_http_say(half, POST("1.1",
				"Expect: 100-continue\r\n"
				"Content-Length: 5\r\n",
				""));
	cr_expect_eq(help_http_hear(half, text, sizeof(text)), 100);
	help_http_say(running, POST("1.1", "Content-Length: 5\r\n", "stuck"));
	help_http_await_stuck(1);
	http_server_drain(h.server);
	cr_expect(help_http_at_end(idle));
	cr_expect_eq(help_http_hear(half, text, sizeof(text)), 503);
	(void)close(half);
	cr_expect_eq(help_http_unstick(), 1);
	cr_expect_eq(help_http_hear(running, text, sizeof(text)), 200);
	cr_expect_not_null(strstr(text, "connection: close"));
	cr_expect(help_http_at_end(running));
	(void)close(idle);
	(void)close(running);
	help_http_stop(&h);
}

Test(http, reset_that_only_the_answer_notices_leaves_nothing)
{
	struct linger reset = {.l_onoff = 1};
	struct help_http h;
	char text[4096];
	int fd[4], other;

	help_http_start(&h, NULL, NULL);
	for (int i = 0; i < 4; i++) {
		fd[i] = help_http_dial(&h);
		help_http_say(
		    fd[i], POST("1.1", "Content-Length: 5\r\n", "stuck"));
		help_http_await_stuck((unsigned)i + 1);
		/* Input while busy: the loop stops to listen to it. */
		help_http_say(fd[i], "POST");
	}
	for (int i = 0; i < 8; i++) {
		/* Both loops have had their turn after this. */
		other = help_http_dial(&h);
		help_http_say(other, "GET /healthz HTTP/1.1\r\n\r\n");
		cr_expect_eq(help_http_hear(other, text, sizeof(text)), 200);
		(void)close(other);
	}
	for (int i = 0; i < 4; i++) {
		(void)setsockopt(
		    fd[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		(void)close(fd[i]);
	}
	cr_assert_eq(help_http_unstick(), 4);
	help_http_stop(&h);
}
