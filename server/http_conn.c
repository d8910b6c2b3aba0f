/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "server/http_io.h"
#include "server/http_priv.h"
#include "server/log.h"
#include "server/tls.h"

/* takes_input - may bytes be parsed now? */
static bool
takes_input(const struct http_conn *c)
{
	return !c->dead && (c->phase == HTTP_IDLE || c->phase == HTTP_HEADER ||
			       c->phase == HTTP_BODY || c->phase == HTTP_RAW ||
			       c->phase == HTTP_RAW_WORK);
}

void
http_conn_hold(struct http_conn *c)
{
	c->held++;
}

void
http_conn_let_go(struct http_conn *c)
{
	if (--c->held != 0 || !c->dead || c->phase == HTTP_CALL)
		return;
	c->loop->dead--;
	free(c->subject);
	free(c);
}

/* forget - free all that an ended connection holds but itself */
static void
forget(struct http_conn *c)
{
	struct http_server *s = c->loop->server;

	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		(void)close(c->fd); /* a socket: nothing to lose */
	c->fd = -1;
	free(c->stash);
	c->stash = NULL;
	if (c->stream != NULL)
		c->stream->end(c->stream);
	c->stream = NULL;
	http_raw_end(c);
	http_buf_fini(&c->out);
	http_parse_fini(&c->parse);
	if (c->local) {
		atomic_fetch_sub(&s->local_conns, 1);
	} else {
		atomic_fetch_sub(&s->conns, 1);
		http_peers_leave(s->peers, &c->addr);
	}
}

void
http_conn_kill(struct http_conn *c)
{
	struct http_loop *l = c->loop;

	if (c->dead)
		return;
	c->dead = true;
	(void)event_del(&c->ev_read);
	(void)event_del(&c->ev_write);
	if (c->again)
		TAILQ_REMOVE(&l->agains, c, again_link);
	c->again = false;
	TAILQ_REMOVE(&l->lists[c->listed], c, link);
	l->conns--;
	l->dead++;
	forget(c);
}

void
http_conn_read_on(struct http_conn *c)
{
	if (c->reading)
		return;
	if (event_add(&c->ev_read, NULL) == 0)
		c->reading = true;
	else
		http_conn_kill(c);
}

static void
read_off(struct http_conn *c)
{
	(void)event_del(&c->ev_read);
	c->reading = false;
}

void
http_conn_linger(struct http_conn *c)
{
	http_raw_end(c);
	http_io_finish(c->fd, c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	free(c->stash);
	c->stash = NULL;
	http_parse_fini(&c->parse);
	c->phase = HTTP_LINGER;
	http_loop_settle(c);
	http_conn_read_on(c);
}

/* ---- requests ---- */

/* call - hand a POST to whoever answers them */
static void
call(struct http_conn *c)
{
	const struct http_ops *ops = &c->loop->server->ops;
	struct http_request rq = {
	    .conn = c,
	    .path = c->parse.path,
	    .body = c->parse.body_bytes != 0 ? c->parse.body_at : "",
	    .body_bytes = c->parse.body_bytes,
	    .peer = c->peer,
	    .local = c->local,
	    .subject = c->subject,
	    .notes = c->parse.notes.p,
	    .notes_bytes = c->parse.notes.len,
	};

	c->phase = HTTP_CALL;
	ops->call(ops->ctx, c->loop->own, &rq);
}

/* health - answer GET /healthz */
static void
health(struct http_conn *c)
{
	const struct http_ops *ops = &c->loop->server->ops;
	struct http_buf *out = http_answer_begin(c, 4096);
	int status = ops->health(ops->ctx, out);

	http_answer_end(c, status, "application/json");
}

/* route - a request is complete */
static void
route(struct http_conn *c)
{
	if (c->loop->draining) {
		http_answer_text(c, 503, "shutting down");
		return;
	}
	switch (c->parse.p.method) {
	case HTTP_POST:
		call(c);
		return;
	case HTTP_OPTIONS:
		http_answer_options(c);
		return;
	case HTTP_GET:
	case HTTP_HEAD:
		if (strcmp(c->parse.path, "/healthz") == 0)
			health(c);
		else
			http_answer_text(c, 404,
			    "no such page; POST XML-RPC calls to /, or "
			    "GET /healthz");
		return;
	default:
		http_answer_text(
		    c, 405, "only POST, GET, HEAD and OPTIONS are served");
		return;
	}
}

/* stash - keep input that waits for the running call */
static void
stash(struct http_conn *c, const char *p, size_t n)
{
	c->stash = malloc(n);
	if (c->stash == NULL) {
		http_conn_kill(c);
		return;
	}
	memcpy(c->stash, p, n);
	c->stash_bytes = n;
}

/* step - parse some bytes and act on it; returns how many were used */
static size_t
step(struct http_conn *c, const char *p, size_t n)
{
	size_t used;

	if (c->raw != NULL) {
		http_raw_input(c, p, n);
		return n;
	}
	/* Old clients send an empty line after a body. */
	if (c->phase == HTTP_IDLE && (*p == '\r' || *p == '\n'))
		return 1;
	if (c->phase == HTTP_IDLE)
		c->phase = HTTP_HEADER;
	switch (http_parse_feed(&c->parse, p, n, &used)) {
	case HTTP_PARSE_CONTINUE:
		c->phase = HTTP_BODY;
		if (!http_answer_continue(c))
			http_conn_kill(c);
		break;
	case HTTP_PARSE_MORE:
		if (!c->parse.in_headers)
			c->phase = HTTP_BODY;
		break;
	case HTTP_PARSE_DONE:
		route(c);
		break;
	case HTTP_PARSE_BAD:
		log_debug("http: %s: refused: %s", c->peer, c->parse.text);
		http_answer_bad(c);
		break;
	}
	return used;
}

/* feed - parse input as long as nothing has to wait */
static void
feed(struct http_conn *c, const char *p, size_t n)
{
	bool answered = false;

	c->feeding = true;
	while (n > 0 && takes_input(c)) {
		bool was_idle = c->phase == HTTP_IDLE;
		size_t used = step(c, p, n);

		p += used;
		n -= used;
		if (c->phase == HTTP_IDLE && (!was_idle || used > 1))
			answered = true;
	}
	c->feeding = false;
	if (c->dead)
		return;
	/* A new deadline even if the phase is the one it was before. */
	if (c->phase != c->listed || answered)
		http_loop_settle(c);
	if (n > 0 && c->phase != HTTP_LINGER && !c->close_after)
		stash(c, p, n);
}

/* fill - read and parse what is there */
static void
fill(struct http_conn *c)
{
	struct http_loop *l = c->loop;
	size_t got;

	for (int turn = 0; takes_input(c); turn++) {
		if (turn == HTTP_TURN_READS) {
			http_loop_again(c);
			return;
		}
		switch (
		    http_io_read(c->fd, c->ssl, l->in, sizeof(l->in), &got)) {
		case HTTP_IO_OK:
			break;
		case HTTP_IO_WANT_READ:
			return;
		case HTTP_IO_WANT_WRITE:
			(void)event_add(&c->ev_write, NULL);
			return;
		case HTTP_IO_END:
		case HTTP_IO_ERROR:
			http_conn_kill(c);
			return;
		}
		feed(c, l->in, got);
		if (!takes_input(c) || !http_io_pending(c->ssl))
			return;
	}
}

void
http_conn_resume(struct http_conn *c)
{
	char *p = c->stash;

	c->stash = NULL;
	http_conn_read_on(c);
	if (p != NULL && !c->dead)
		feed(c, p, c->stash_bytes);
	free(p);
	if (takes_input(c) && http_io_pending(c->ssl))
		fill(c);
}

/* ---- events ---- */

/* handshake - one step of it */
static void
handshake(struct http_conn *c)
{
	switch (http_io_handshake(c->ssl)) {
	case HTTP_IO_OK:
		c->phase = HTTP_IDLE;
		c->subject = tls_subject(c->ssl);
		http_loop_settle(c);
		if (http_io_pending(c->ssl))
			fill(c);
		return;
	case HTTP_IO_WANT_READ:
		return;
	case HTTP_IO_WANT_WRITE:
		(void)event_add(&c->ev_write, NULL);
		return;
	case HTTP_IO_END:
	case HTTP_IO_ERROR:
		log_debug("tls: %s: handshake failed", c->peer);
		http_conn_kill(c);
		return;
	}
}

/* look_ahead - input while busy: a next request, or the peer's end */
static void
look_ahead(struct http_conn *c)
{
	char byte;
	ssize_t r = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (r < 0 && errno != EAGAIN && errno != EINTR)
		http_conn_kill(c);
	else
		read_off(c); /* until the reply is out */
}

/* discard - whatever still comes after our last byte */
static void
discard(struct http_conn *c)
{
	ssize_t r = recv(c->fd, c->loop->in, sizeof(c->loop->in), 0);

	if (r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR))
		http_conn_kill(c);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	http_conn_hold(c);
	switch (c->phase) {
	case HTTP_HANDSHAKE:
		handshake(c);
		break;
	case HTTP_IDLE:
	case HTTP_HEADER:
	case HTTP_BODY:
	case HTTP_RAW:
	case HTTP_RAW_WORK:
		fill(c);
		break;
	case HTTP_WRITE:
		if (c->write_on_read) {
			http_answer_send(c);
			break;
		}
		look_ahead(c);
		break;
	case HTTP_CALL:
		look_ahead(c);
		break;
	case HTTP_LINGER:
		discard(c);
		break;
	case HTTP_PHASES:
		break;
	}
	http_conn_let_go(c);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	http_conn_hold(c);
	if (c->phase == HTTP_HANDSHAKE)
		handshake(c);
	else if (c->phase == HTTP_WRITE)
		http_answer_send(c);
	else if (takes_input(c))
		fill(c);
	http_conn_let_go(c);
}

void
http_conn_again(struct http_conn *c)
{
	http_conn_hold(c);
	if (c->phase == HTTP_WRITE)
		http_answer_send(c);
	else if (takes_input(c))
		fill(c);
	http_conn_let_go(c);
}

void
http_conn_expire(struct http_conn *c)
{
	http_conn_hold(c);
	switch (c->phase) {
	case HTTP_HEADER:
		http_answer_text(c, 408, "request headers came too slowly");
		break;
	case HTTP_BODY:
		http_answer_text(c, 408, "request body came too slowly");
		break;
	case HTTP_IDLE:
		http_io_finish(c->fd, c->ssl);
		http_conn_kill(c);
		break;
	default:
		http_conn_kill(c);
		break;
	}
	http_conn_let_go(c);
}

/* ---- arrival ---- */

/* arrive - the accepted socket is in its loop now */
static void
arrive(struct http_post *p)
{
	struct http_conn *c = (struct http_conn *)(void *)p;
	struct http_loop *l = c->loop;
	struct tls_conf *tls = c->local ? NULL : l->server->tls;

	c->phase = tls != NULL ? HTTP_HANDSHAKE : HTTP_IDLE;
	c->listed = c->phase;
	TAILQ_INSERT_TAIL(&l->lists[c->listed], c, link);
	l->conns++;
	http_conn_hold(c);
	(void)event_assign(
	    &c->ev_read, l->base, c->fd, EV_READ | EV_PERSIST, on_read, c);
	(void)event_assign(&c->ev_write, l->base, c->fd, EV_WRITE, on_write, c);
	if (tls != NULL)
		c->ssl = tls_accept(tls, c->fd);
	if (l->draining || (tls != NULL && c->ssl == NULL)) {
		http_conn_kill(c);
	} else {
		http_loop_settle(c);
		http_conn_read_on(c);
	}
	http_conn_let_go(c);
}

struct http_conn *
http_conn_new(struct http_loop *l, int fd, bool local)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = l;
	c->fd = fd;
	c->local = local;
	c->post.run = arrive;
	http_parse_init(&c->parse, &l->server->limits, &l->server->budget);
	http_buf_init(&c->out, 0);
	return c;
}
