/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

/*
 * http - HTTP/1.0 and 1.1 over TLS and over a Unix socket
 *
 * One event loop per thread.  A connection belongs to the loop it was given to
 * when accepted.  Every POST becomes one call of ops->call, which answers at
 * once or later, from the same thread; one call per connection at a time, what
 * was sent ahead waits.  Everything a peer can make us hold is bounded by
 * struct http_limits, in bytes and in time.
 *
 * An idle connection holds no buffer of ours: input is read into one buffer
 * per thread, and copied only when a request is spread over several reads.
 *
 * What it does not do: uploads without Content-Length, HTTP/2, files.
 *
 * DIAGNOSTICS refused and broken connections at debug level, one line each.
 * BUGS the peer's death is noticed at the next read or write only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http_buf.h"

struct http_server;
struct http_loop;
struct http_conn;
struct tls_conf;

struct http_limits {
	unsigned threads;
	unsigned connections_max;	      /* over TLS, all told */
	unsigned connections_per_address_max; /* IPv6: per /64 */
	unsigned local_connections_max;	      /* on the Unix socket */
	size_t body_max_bytes;
	size_t bodies_max_bytes; /* buffered for all connections together */
	size_t header_max_bytes; /* request line and headers */
	unsigned headers_max;
	int64_t handshake_ms; /* accept to end of the TLS handshake */
	int64_t idle_ms;      /* between requests */
	int64_t header_ms;    /* first byte to end of the headers */
	int64_t body_ms;      /* end of the headers to end of the body */
	int64_t write_ms;     /* without the peer taking anything */
	int64_t reply_ms;     /* whole reply, however fast it trickles */
	int64_t linger_ms;    /* from our last byte to the peer's */
};

/* Work for a loop, from any thread; embedded in what it works on. */
struct http_post {
	struct http_post *next;
	void (*run)(struct http_post *p);
};

/* One POST; everything valid for the call only, but conn until answered. */
struct http_request {
	struct http_conn *conn;
	const char *path; /* without query; cut when too long to be known */
	const char *body;
	size_t body_bytes;
	const char *peer; /* text of the caller's address; lives as conn */
	bool local;	  /* Unix socket, peer checked */
	/* Of a client certificate that was verified, or NULL; lives as conn. */
	const char *subject;
	/* Headers by which clients follow a call: originator, traceparent,
	 * tracestate, baggage, x-request-id; no others, those may be secrets.
	 * Name and value in turn, each with its NUL; the values are printable
	 * ASCII.  What does not fit into 1 KiB is left out. */
	const char *notes;
	size_t notes_bytes;
};

/* A reply made piece by piece, when its length is known beforehand. */
struct http_stream {
	/* Append about room bytes, at least one; false: cannot go on. */
	bool (*next)(struct http_stream *s, struct http_buf *out, size_t room);
	/* Once; sent, or the connection is gone. */
	void (*end)(struct http_stream *s);
};

/* What becomes of a connection that leaves HTTP; in its loop's thread. */
struct http_raw {
	/* What came, n > 0; false: no good, the connection closes. */
	bool (*input)(struct http_raw *r, const char *p, size_t n);
	/* Once; all is sent, or the connection is gone. */
	void (*end)(struct http_raw *r);
};

struct http_ops {
	void *ctx;
	/* In each loop's thread before and after all else. NULL: failed. */
	void *(*thread_new)(void *ctx, struct http_loop *l);
	void (*thread_free)(void *ctx, void *thread);
	/*
	 * A POST. Leads to exactly one http_answer_*, http_raw_begin or
	 * http_raw_refuse, in the same thread.
	 */
	void (*call)(void *ctx, void *thread, const struct http_request *rq);
	/* GET /healthz: one JSON object; returns the HTTP status. */
	int (*health)(void *ctx, struct http_buf *out);
};

/*
 * http_server_new - loops on listening sockets; nothing runs yet
 *
 * in      limits, ops  copied
 *         tls          borrowed for the server's life; NULL: listen_fd is
 *                      plain (tests)
 *         listen_fd    listening TCP socket, ours from success on; -1: none
 *         local_fd     listening Unix socket, likewise
 * errors  NULL: out of memory or descriptors
 */
struct http_server *http_server_new(const struct http_limits *limits,
    const struct http_ops *ops, struct tls_conf *tls, int listen_fd,
    int local_fd);

/*
 * http_server_add_local - one more listening Unix socket, before start; ours
 *         from then on
 */
void http_server_add_local(struct http_server *s, int fd);

/*
 * http_server_start - accept connections and run the loops
 *
 * returns false when a thread or thread_new failed; then only free it
 */
bool http_server_start(struct http_server *s);

/*
 * http_server_drain - take no more connections and requests
 *
 * note    on return no new ops->call begins; those that run go on
 */
void http_server_drain(struct http_server *s);

/*
 * http_server_stop - let answers go out, then end the threads
 *
 * in      wait_ms  after which what is left is cut off
 * returns false when something had to be cut off; a call that is not answered
 *         by then must not be answered any more
 */
bool http_server_stop(struct http_server *s, int64_t wait_ms);

/*
 * http_server_free - after stop, or never started
 */
void http_server_free(struct http_server **s);

/*
 * http_server_connections - connections there are now
 */
unsigned http_server_connections(const struct http_server *s);

/*
 * http_server_body_bytes - what connections hold of bodies that are under way
 */
size_t http_server_body_bytes(const struct http_server *s);

/*
 * http_loop_post - have p->run(p) called in the loop's thread; never blocks
 */
void http_loop_post(struct http_loop *l, struct http_post *p);

/*
 * http_conn_loop - the loop that a connection lives in
 */
struct http_loop *http_conn_loop(const struct http_conn *c);

/*
 * http_answer_begin - where the body of a reply goes
 *
 * in      max_bytes  the body's bound
 * returns the loop's output buffer; append, then http_answer_end at once.
 *         If it failed meanwhile: http_answer_begin again, or answer_text
 */
struct http_buf *http_answer_begin(struct http_conn *c, size_t max_bytes);

/*
 * http_answer_end - send status and what was appended
 *
 * in      type  content type
 */
void http_answer_end(struct http_conn *c, int status, const char *type);

/*
 * http_answer_text - send a one-line text, without its newline
 *
 * note    a status of 400 and above ends the connection after the reply
 */
void http_answer_text(struct http_conn *c, int status, const char *text);

/*
 * http_answer_stream - send a reply of exactly bytes bytes, piece by piece
 *
 * in      s  its end is called when it is no longer needed, maybe at once
 */
void http_answer_stream(struct http_conn *c, uint64_t bytes, const char *type,
    struct http_stream *s);

/*
 * http_raw_begin - answer by leaving HTTP for good
 *
 * in      r         its end is called once, maybe at once
 *         greeting  n bytes, a few; sent without a status before them
 * note    input goes to r->input, until http_raw_work or http_raw_finish; there
 *         are header_ms for that
 */
void http_raw_begin(
    struct http_conn *c, struct http_raw *r, const void *greeting, size_t n);

/*
 * http_raw_refuse - answer by closing, without a word
 */
void http_raw_refuse(struct http_conn *c);

/*
 * http_raw_work - all has come that is to come: whatever comes now, or the
 *         peer's end, ends the connection; no deadline until http_raw_finish
 */
void http_raw_work(struct http_conn *c);

/*
 * http_raw_finish - send out and close
 *
 * in      out  taken over; is empty afterwards
 * note    the limits of a reply hold
 */
void http_raw_finish(struct http_conn *c, struct http_buf *out);

#endif
