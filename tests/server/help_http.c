/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Own */
#include <criterion/criterion.h>

#include "server/tls.h"
#include "tests/model/help_alloc.h"
#include "tests/server/help_http.h"

struct later {
	struct http_post post;
	struct http_conn *conn;
	struct http_loop *loop;
	struct later *next_stuck;
};

struct big {
	struct http_stream s;
	uint64_t at, bytes;
};

static pthread_mutex_t stuck_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stuck_more = PTHREAD_COND_INITIALIZER;
static struct later *stuck;
static unsigned nstuck;

static void
answer_later(struct http_post *p)
{
	struct later *l = (struct later *)(void *)p;

	http_buf_text(http_answer_begin(l->conn, 100), "later it is");
	http_answer_end(l->conn, 200, "text/xml");
	free(l);
}

static void *
push_later(void *arg)
{
	struct later *l = arg;

	http_loop_post(l->loop, &l->post);
	return NULL;
}

static void
start_later(struct later *l)
{
	pthread_t t;

	if (pthread_create(&t, NULL, push_later, l) == 0)
		(void)pthread_detach(t);
	else
		(void)push_later(l); /* memory is short: from here, then */
}

static void
get_stuck(struct later *l)
{
	pthread_mutex_lock(&stuck_lock);
	l->next_stuck = stuck;
	stuck = l;
	nstuck++;
	pthread_cond_broadcast(&stuck_more);
	pthread_mutex_unlock(&stuck_lock);
}

unsigned
help_http_unstick(void)
{
	unsigned n = 0;

	pthread_mutex_lock(&stuck_lock);
	while (stuck != NULL) {
		struct later *l = stuck;

		stuck = l->next_stuck;
		http_loop_post(l->loop, &l->post);
		n++;
	}
	nstuck = 0;
	pthread_mutex_unlock(&stuck_lock);
	return n;
}

void
help_http_await_stuck(unsigned n)
{
	pthread_mutex_lock(&stuck_lock);
	while (nstuck < n)
		pthread_cond_wait(&stuck_more, &stuck_lock);
	pthread_mutex_unlock(&stuck_lock);
}

static bool
big_next(struct http_stream *s, struct http_buf *out, size_t room)
{
	struct big *b = (struct big *)(void *)s;

	for (size_t i = 0; i < room && b->at < b->bytes; i++, b->at++) {
		char ch = (char)('a' + b->at % 26);

		http_buf_add(out, &ch, 1);
	}
	return !out->failed;
}

static void
big_end(struct http_stream *s)
{
	free(s);
}

/* answer - with a text, at once */
static void
answer(struct http_conn *c, const char *text)
{
	http_buf_text(http_answer_begin(c, 100), text);
	http_answer_end(c, 200, "text/xml");
}

/* answer_notes - with what was noted: "name=value;" each */
static void
answer_notes(const struct http_request *rq)
{
	struct http_buf *out = http_answer_begin(rq->conn, 4096);
	bool is_name = true;

	http_buf_text(out, "notes:");
	for (size_t i = 0; i < rq->notes_bytes; i++) {
		if (rq->notes[i] != '\0') {
			http_buf_add(out, &rq->notes[i], 1);
			continue;
		}
		http_buf_text(out, is_name ? "=" : ";");
		is_name = !is_name;
	}
	http_buf_text(out, ".");
	http_answer_end(rq->conn, 200, "text/xml");
}

/* number_of - the number that ends a body, from one of its bytes on */
static size_t
number_of(const struct http_request *rq, size_t from)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%.*s",
	    (int)(rq->body_bytes - from), rq->body + from);
	return strtoul(digits, NULL, 10);
}

static void
on_call(void *ctx, void *thread, const struct http_request *rq)
{
	struct later *l;
	struct big *b;

	(void)ctx;
	(void)thread;
	if (rq->body_bytes >= 5 && (memcmp(rq->body, "later", 5) == 0 ||
				       memcmp(rq->body, "stuck", 5) == 0)) {
		l = calloc(1, sizeof(*l));
		if (l == NULL) {
			http_answer_text(rq->conn, 503, "out of memory");
			return;
		}
		l->post.run = answer_later;
		l->conn = rq->conn;
		l->loop = http_conn_loop(rq->conn);
		if (rq->body[0] == 'l')
			start_later(l);
		else
			get_stuck(l);
		return;
	}
	if (rq->body_bytes > 4 && memcmp(rq->body, "big ", 4) == 0) {
		b = calloc(1, sizeof(*b));
		if (b == NULL) {
			http_answer_text(rq->conn, 503, "out of memory");
			return;
		}
		b->bytes = number_of(rq, 4);
		b->s = (struct http_stream){.next = big_next, .end = big_end};
		http_answer_stream(rq->conn, b->bytes, "text/xml", &b->s);
		return;
	}
	if (rq->body_bytes > 5 && memcmp(rq->body, "fail ", 5) == 0) {
		answer(rq->conn, "armed");
		help_alloc_fail_nth(number_of(rq, 5));
		return;
	}
	if (rq->body_bytes == 5 && memcmp(rq->body, "notes", 5) == 0) {
		answer_notes(rq);
		return;
	}
	if (rq->body_bytes == 5 && memcmp(rq->body, "whole", 5) == 0) {
		answer(rq->conn, help_alloc_stop() ? "no" : "yes");
		return;
	}
	http_buf_add(
	    http_answer_begin(rq->conn, 1 << 20), rq->body, rq->body_bytes);
	http_answer_end(rq->conn, 200, "text/xml");
}

static void *
on_thread_new(void *ctx, struct http_loop *l)
{
	(void)ctx;
	return l;
}

static void
on_thread_free(void *ctx, void *thread)
{
	(void)ctx;
	(void)thread;
}

static int
on_health(void *ctx, struct http_buf *out)
{
	(void)ctx;
	http_buf_text(out, "{\"status\":\"ok\"}\n");
	return 200;
}

struct http_limits
help_http_limits(void)
{
	return (struct http_limits){
	    .threads = 2,
	    .connections_max = 100,
	    .connections_per_address_max = 50,
	    .local_connections_max = 10,
	    .body_max_bytes = 300 * 1024,
	    .bodies_max_bytes = 10 << 20,
	    .header_max_bytes = 16 * 1024,
	    .headers_max = 100,
	    .handshake_ms = 20000,
	    .idle_ms = 20000,
	    .header_ms = 20000,
	    .body_ms = 20000,
	    .write_ms = 20000,
	    .reply_ms = 60000,
	    .linger_ms = 20000,
	};
}

void
help_http_start(
    struct help_http *h, const struct http_limits *limits, const char *cert_dir)
{
	static const struct http_ops ops = {
	    .thread_new = on_thread_new,
	    .thread_free = on_thread_free,
	    .call = on_call,
	    .health = on_health,
	};
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char why[300] = "";

	(void)signal(SIGPIPE, SIG_IGN);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)(void *)&a, n) == 0 &&
		  listen(fd, 100) == 0 &&
		  getsockname(fd, (struct sockaddr *)(void *)&a, &n) == 0);
	h->port = ntohs(a.sin_port);
	h->limits = limits != NULL ? *limits : help_http_limits();
	h->tls = NULL;
	if (cert_dir != NULL) {
		h->tls = tls_conf_new(cert_dir, "", why, sizeof(why));
		cr_assert_not_null(h->tls, "%s", why);
	}
	h->server = http_server_new(&h->limits, &ops, h->tls, fd, -1);
	cr_assert_not_null(h->server);
	cr_assert(http_server_start(h->server));
}

void
help_http_stop(struct help_http *h)
{
	cr_assert(http_server_stop(h->server, 20000), "nothing is cut off");
	cr_assert_eq(http_server_connections(h->server), 0);
	http_server_free(&h->server);
	tls_conf_free(&h->tls);
}

int
help_http_dial(const struct help_http *h)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)h->port)};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(fd >= 0);
	cr_assert(connect(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0);
	cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		      sizeof(patience)) == 0);
	cr_assert(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		      sizeof(patience)) == 0);
	return fd;
}

bool
help_http_say_bytes(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t r = send(fd, at, n, MSG_NOSIGNAL);

		if (r <= 0)
			return false;
		at += r;
		n -= (size_t)r;
	}
	return true;
}

void
help_http_say(int fd, const char *text)
{
	/* The server may have refused and closed already. */
	(void)help_http_say_bytes(fd, text, strlen(text));
}

/* body_bytes - what the headers promise */
static size_t
body_bytes(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");

	return at != NULL ? strtoul(at + 17, NULL, 10) : 0;
}

int
help_http_hear(int fd, char *text, size_t bytes)
{
	size_t n = 0, want = bytes - 1;
	const char *end = NULL;
	int status;

	memset(text, 0, bytes);
	while (n < want) {
		/* Byte by byte up to the body: the next reply may follow. */
		ssize_t r = recv(fd, text + n, end == NULL ? 1 : want - n, 0);

		if (r <= 0)
			break;
		n += (size_t)r;
		if (end != NULL)
			continue;
		end = strstr(text, "\r\n\r\n");
		if (end == NULL)
			continue;
		want = (size_t)(end + 4 - text);
		if (strncmp(text, "HTTP/1.1 100", 12) != 0)
			want += body_bytes(text);
		if (want > bytes - 1)
			want = bytes - 1;
	}
	if (sscanf(text, "HTTP/1.%*d %d", &status) != 1)
		return 0;
	return status;
}

bool
help_http_at_end(int fd)
{
	char byte;
	ssize_t r = recv(fd, &byte, 1, 0);

	return r == 0 || (r < 0 && errno == ECONNRESET);
}

int
help_http_try(
    const struct help_http *h, const char *say, char *body, size_t bytes)
{
	char text[4096], request[4096];
	int fd = help_http_dial(h), status;
	const char *at;

	(void)snprintf(request, sizeof(request),
	    "POST / HTTP/1.1\r\nContent-Length: %zu\r\nConnection: close\r\n"
	    "\r\n%s",
	    strlen(say), say);
	help_http_say(fd, request);
	status = help_http_hear(fd, text, sizeof(text));
	at = strstr(text, "\r\n\r\n");
	(void)snprintf(body, bytes, "%s", at != NULL ? at + 4 : "");
	(void)close(fd);
	return status;
}
