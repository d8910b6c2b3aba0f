/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "server/http_io.h"
#include "server/http_priv.h"
#include "server/log.h"

/* reply_done - everything is out: what now? */
static void
reply_done(struct http_conn *c)
{
	struct http_loop *l = c->loop;

	/* Connections hold no buffers while they are idle. */
	if (l->out.p == NULL && c->out.cap <= HTTP_KEEP_BYTES)
		l->out = c->out;
	else
		http_buf_fini(&c->out);
	http_buf_init(&c->out, 0);
	c->out_at = 0;
	c->write_on_read = false;
	if (c->close_after) {
		http_conn_linger(c);
		return;
	}
	http_parse_next(&c->parse);
	c->phase = HTTP_IDLE;
	if (c->feeding)
		return; /* who feeds goes on and settles */
	http_loop_settle(c);
	http_conn_resume(c);
}

/* wait_to_write - the peer does not take more now */
static void
wait_to_write(struct http_conn *c, bool on_read)
{
	c->phase = HTTP_WRITE;
	http_loop_settle(c);
	c->write_on_read = on_read;
	if (on_read)
		http_conn_read_on(c);
	else if (event_add(&c->ev_write, NULL) != 0)
		http_conn_kill(c);
}

/* push - write what is in c->out; returns true when all of it is gone */
static bool
push(struct http_conn *c)
{
	size_t put;

	while (c->out_at < c->out.len) {
		switch (http_io_write(c->fd, c->ssl, c->out.p + c->out_at,
		    c->out.len - c->out_at, &put)) {
		case HTTP_IO_OK:
			c->out_at += put;
			break;
		case HTTP_IO_WANT_WRITE:
			wait_to_write(c, false);
			return false;
		case HTTP_IO_WANT_READ:
			wait_to_write(c, true);
			return false;
		case HTTP_IO_END:
		case HTTP_IO_ERROR:
			http_conn_kill(c);
			return false;
		}
	}
	return true;
}

/* piece - the next piece of a streamed reply into c->out */
static bool
piece(struct http_conn *c)
{
	c->out_at = 0;
	c->out.max = SIZE_MAX / 2; /* the stream bounds its pieces */
	http_buf_reset(&c->out, c->out.cap);
	if (c->stream->next(c->stream, &c->out, HTTP_PIECE_BYTES) &&
	    !c->out.failed && c->out.len != 0 &&
	    c->out.len <= c->stream_left_bytes) {
		c->stream_left_bytes -= c->out.len;
		return true;
	}
	log_warnx("http: %s: reply broken off: out of memory", c->peer);
	return false;
}

void
http_answer_send(struct http_conn *c)
{
	if (c->reply_end_ms < http_now_ms()) {
		log_debug("http: %s: reply taken too slowly", c->peer);
		http_conn_kill(c);
		return;
	}
	for (int turn = 0; push(c); turn++) {
		if (c->stream != NULL && c->stream_left_bytes == 0) {
			c->stream->end(c->stream);
			c->stream = NULL;
		}
		if (c->stream == NULL) {
			reply_done(c);
			return;
		}
		if (turn == HTTP_TURN_PIECES) {
			c->phase = HTTP_WRITE;
			http_loop_settle(c);
			http_loop_again(c);
			return;
		}
		if (!piece(c)) {
			http_conn_kill(c);
			return;
		}
	}
}

/* finish - put the headers before what l->out holds, and send */
static void
finish(struct http_conn *c, int status, const char *type, const char *more,
    uint64_t body_bytes)
{
	struct http_loop *l = c->loop;
	size_t head;

	c->phase = HTTP_WRITE; /* its call is over, whatever becomes of this */
	c->close_after = !c->parse.keep_alive || l->draining || status >= 400;
	if (l->out.failed) {
		log_warnx("http: %s: no reply: out of memory", c->peer);
		http_buf_fini(&l->out);
		http_conn_kill(c);
		return;
	}
	head = http_head_write(
	    l->out.p + HTTP_HEAD_ROOM, c, status, type, body_bytes, more);
	if (c->parse.p.method == HTTP_HEAD && c->parse.done)
		l->out.len = HTTP_HEAD_ROOM;
	http_buf_fini(&c->out);
	c->out = l->out;
	c->out_at = HTTP_HEAD_ROOM - head;
	http_buf_init(&l->out, 0);
	c->reply_end_ms = http_now_ms() + l->server->limits.reply_ms;
	http_answer_send(c);
}

/* enter - hold the connection; false: it is dead, the answer goes nowhere */
static bool
enter(struct http_conn *c)
{
	http_conn_hold(c);
	if (!c->dead)
		return true;
	c->phase = HTTP_IDLE; /* its call is over */
	http_conn_let_go(c);
	return false;
}

struct http_buf *
http_answer_begin(struct http_conn *c, size_t max_bytes)
{
	struct http_buf *out = &c->loop->out;

	http_buf_reset(out, HTTP_KEEP_BYTES);
	out->max = HTTP_HEAD_ROOM + max_bytes;
	if (http_buf_reserve(out, HTTP_HEAD_ROOM) != NULL)
		out->len = HTTP_HEAD_ROOM;
	return out;
}

void
http_answer_end(struct http_conn *c, int status, const char *type)
{
	if (!enter(c))
		return;
	finish(c, status, type, "", c->loop->out.len - HTTP_HEAD_ROOM);
	http_conn_let_go(c);
}

void
http_answer_text(struct http_conn *c, int status, const char *text)
{
	struct http_buf *out = http_answer_begin(c, 1024);

	http_buf_text(out, text);
	http_buf_text(out, "\n");
	http_answer_end(c, status, "text/plain");
}

void
http_answer_stream(struct http_conn *c, uint64_t bytes, const char *type,
    struct http_stream *s)
{
	if (!enter(c)) {
		s->end(s);
		return;
	}
	assert(bytes > 0);
	(void)http_answer_begin(c, 0);
	c->stream = s;
	c->stream_left_bytes = bytes;
	finish(c, 200, type, "", bytes);
	http_conn_let_go(c);
}

void
http_answer_bad(struct http_conn *c)
{
	http_answer_text(c, c->parse.status, c->parse.text);
}

void
http_answer_options(struct http_conn *c)
{
	char more[HTTP_ASKED_BYTES + 128];

	(void)snprintf(more, sizeof(more),
	    "Access-Control-Allow-Headers: %s%sX-Requested-With\r\n"
	    "Access-Control-Allow-Methods: PUT\r\n",
	    c->parse.asked, c->parse.asked[0] != '\0' ? ", " : "");
	(void)http_answer_begin(c, 0);
	http_conn_hold(c);
	finish(c, 200, NULL, more, 0);
	http_conn_let_go(c);
}

bool
http_answer_continue(struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t put;

	/* Nothing else is under way: room for this, or a peer up to no good. */
	return http_io_write(c->fd, c->ssl, text, sizeof(text) - 1, &put) ==
		   HTTP_IO_OK &&
	       put == sizeof(text) - 1;
}
