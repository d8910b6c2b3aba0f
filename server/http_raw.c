/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_raw - connections that leave HTTP
 *
 * A request, a greeting, some input, then one output and the end: what a
 * protocol needs that starts as a POST and goes on as its own.
 */

/* System */
#include <assert.h>

/* Own */
#include "server/http_io.h"
#include "server/http_priv.h"
#include "server/log.h"

void
http_raw_end(struct http_conn *c)
{
	struct http_raw *r = c->raw;

	c->raw = NULL;
	if (r != NULL)
		r->end(r);
}

void
http_raw_begin(
    struct http_conn *c, struct http_raw *r, const void *greeting, size_t n)
{
	size_t put;

	assert(c->phase == HTTP_CALL && !c->dead && c->raw == NULL);
	c->raw = r;
	c->phase = HTTP_RAW; /* who feeds settles */
	http_parse_next(&c->parse);
	/* Nothing else is under way: room for this, or a peer up to no good. */
	if (http_io_write(c->fd, c->ssl, greeting, n, &put) != HTTP_IO_OK ||
	    put != n)
		http_conn_kill(c);
}

void
http_raw_refuse(struct http_conn *c)
{
	assert(c->phase == HTTP_CALL && !c->dead);
	log_debug("http: %s: refused: no such protocol", c->peer);
	http_conn_linger(c);
}

void
http_raw_input(struct http_conn *c, const char *p, size_t n)
{
	if (c->phase == HTTP_RAW_WORK) {
		http_conn_kill(c);
		return;
	}
	assert(c->phase == HTTP_RAW);
	if (!c->raw->input(c->raw, p, n) && !c->dead)
		http_conn_linger(c);
}

void
http_raw_work(struct http_conn *c)
{
	assert(c->phase == HTTP_RAW && c->feeding);
	c->phase = HTTP_RAW_WORK; /* who feeds settles */
}

void
http_raw_finish(struct http_conn *c, struct http_buf *out)
{
	assert(c->raw != NULL && !c->dead);
	http_conn_hold(c);
	http_buf_fini(&c->out);
	c->out = *out;
	c->out_at = 0;
	http_buf_init(out, 0);
	c->phase = HTTP_WRITE;
	c->close_after = true;
	c->reply_end_ms = http_now_ms() + c->loop->server->limits.reply_ms;
	if (c->out.failed || c->out.len == 0) {
		log_warnx("http: %s: no reply: out of memory", c->peer);
		http_conn_kill(c);
	} else {
		http_answer_send(c);
	}
	http_conn_let_go(c);
}
