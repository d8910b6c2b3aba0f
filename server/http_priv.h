/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_HTTP_PRIV_H
#define SERVER_HTTP_PRIV_H

/*
 * http_priv - what the http_*.c files share: connection, loop, server
 *
 * http_listen.c accepts, http_server.c starts and ends threads, http_loop.c
 * runs events, posts and deadlines, http_conn.c brings bytes in and routes
 * requests, http_answer.c brings replies out, http_head.c writes reply headers,
 * http_raw.c lets connections leave HTTP, http_peers.c counts connections per
 * address.
 */

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "server/http.h"
#include "server/http_parse.h"

#define HTTP_READ_BYTES 16384  /* one TLS record */
#define HTTP_HEAD_ROOM 512     /* for the headers before a body */
#define HTTP_KEEP_BYTES 65536  /* output buffer kept between replies */
#define HTTP_PIECE_BYTES 65536 /* of a streamed reply at a time */
#define HTTP_TURN_PIECES 4     /* then other connections have a turn */
#define HTTP_TURN_READS 8      /* likewise */
#define HTTP_PEER_TEXT 64
#define HTTP_KEEP_IDLE_S 120 /* a silent peer is asked whether it is there */
#define HTTP_KEEP_NEXT_S 30
#define HTTP_KEEP_TRIES 4

/* What a connection is doing; each has a list in deadline order. */
enum http_phase {
	HTTP_HANDSHAKE,
	HTTP_IDLE,
	HTTP_HEADER,
	HTTP_BODY,
	HTTP_CALL,     /* no deadline: the call has its own */
	HTTP_WRITE,    /* the peer does not take what we send */
	HTTP_LINGER,   /* all said; waiting for the peer to close */
	HTTP_RAW,      /* has left HTTP; input goes to its http_raw */
	HTTP_RAW_WORK, /* likewise, and nothing more may come; no deadline */
	HTTP_PHASES,
};

/* Who is counted in the table of addresses. */
struct http_addr {
	unsigned char bytes[16]; /* IPv4 mapped; IPv6: the /64 */
};

TAILQ_HEAD(http_conns, http_conn);

struct http_conn {
	struct http_post post; /* first: arrival in its loop */
	struct http_loop *loop;
	SSL *ssl; /* NULL: plain */
	int fd;	  /* -1: closed, a call is still running */
	enum http_phase phase;
	enum http_phase listed; /* whose list it is in */
	bool local;
	unsigned held;	     /* entry points on the stack: do not free */
	bool feeding;	     /* input is being parsed */
	bool reading;	     /* ev_read is added */
	bool write_on_read;  /* TLS wants input before it can write */
	bool close_after;    /* this reply is the last */
	bool dead;	     /* freed when its call is answered */
	bool again;	     /* in loop->again */
	int64_t deadline_ms; /* of the phase */
	int64_t reply_end_ms;
	TAILQ_ENTRY(http_conn) link;
	TAILQ_ENTRY(http_conn) again_link;
	struct event ev_read, ev_write;
	struct http_parse parse;
	char *stash; /* input that waits for the running call */
	size_t stash_bytes;
	struct http_buf out; /* what the socket did not take at once */
	size_t out_at;
	struct http_stream *stream;
	uint64_t stream_left_bytes;
	struct http_raw *raw; /* NULL: speaks HTTP */
	struct http_addr addr;
	char peer[HTTP_PEER_TEXT];
	char *subject; /* of a verified client certificate; NULL: none */
};

struct http_loop {
	struct http_server *server;
	unsigned index;
	pthread_t thread;
	bool started;
	struct event_base *base;
	int wake_fd; /* eventfd */
	struct event ev_wake, ev_tick, ev_again;
	_Atomic(struct http_post *) posts; /* newest first */
	void *own;			   /* of ops->thread_new */
	bool draining, ending;
	struct http_post drain_post, end_post, cut_post;
	struct http_conns lists[HTTP_PHASES];
	struct http_conns agains;
	unsigned conns, dead; /* connections here; dead ones besides */
	struct http_buf out;
	char in[HTTP_READ_BYTES];
};

struct http_listener {
	struct http_server *server;
	int fd; /* -1: none */
	bool local;
	struct event ev, ev_retry;
	int64_t warn_at_ms; /* earliest next warning */
};

struct http_server {
	struct http_limits limits;
	struct http_ops ops;
	struct tls_conf *tls;
	struct http_listener tcp, local, local_too; /* run by loop 0 */
	struct http_peers *peers;
	struct http_budget budget;
	atomic_uint conns, local_conns;
	unsigned next_loop;
	struct http_post listen_post;
	sem_t up; /* a loop's thread has come up, or failed to */
	atomic_bool failed;
	sem_t drained;
	bool drain_asked;
	unsigned nloops;
	struct http_loop *loops; /* nloops */
};

/* ---- http_listen.c ---- */

/*
 * http_listen_start, http_listen_stop - in loop 0: begin and end accepting
 */
bool http_listen_start(struct http_server *s, struct http_loop *l);
void http_listen_stop(struct http_server *s);

/* ---- http_peers.c ---- */

struct http_peers;

/*
 * http_peers_new, http_peers_free - how many connections each address has
 */
struct http_peers *http_peers_new(void);
void http_peers_free(struct http_peers **p);

/*
 * http_peers_enter - one more connection from an address
 *
 * returns false when it has max already, or memory is out
 */
bool http_peers_enter(
    struct http_peers *p, const struct http_addr *addr, unsigned max);

/*
 * http_peers_leave - one less
 */
void http_peers_leave(struct http_peers *p, const struct http_addr *addr);

/* ---- http_loop.c ---- */

/*
 * http_now_ms - monotonic, a few ms coarse
 */
int64_t http_now_ms(void);

/*
 * http_loop_init, http_loop_fini - a loop that http_loop_main can run
 */
bool http_loop_init(struct http_loop *l, struct http_server *s, unsigned index);
void http_loop_fini(struct http_loop *l);

/*
 * http_loop_main - body of a loop's thread; arg: the loop
 */
void *http_loop_main(void *arg);

/*
 * http_loop_settle - put a connection in the list of its phase, with a new
 *         deadline
 */
void http_loop_settle(struct http_conn *c);

/*
 * http_loop_again - have http_conn_again called after others had a turn
 */
void http_loop_again(struct http_conn *c);

/* ---- http_conn.c ---- */

/*
 * http_conn_new - a connection for an accepted socket, to be started in its
 *         loop by posting c->post
 *
 * errors  NULL: out of memory; the socket stays the caller's
 */
struct http_conn *http_conn_new(struct http_loop *l, int fd, bool local);

/*
 * http_conn_hold, http_conn_let_go - around whatever may end a connection;
 *         the last let_go frees a dead one unless its call is running
 */
void http_conn_hold(struct http_conn *c);
void http_conn_let_go(struct http_conn *c);

/*
 * http_conn_again - go on where http_loop_again interrupted
 */
void http_conn_again(struct http_conn *c);

/*
 * http_conn_resume - a reply is out: take the next request
 */
void http_conn_resume(struct http_conn *c);

/*
 * http_conn_expire - its deadline has passed
 */
void http_conn_expire(struct http_conn *c);

/*
 * http_conn_kill - end it now; freed by the last http_conn_let_go
 */
void http_conn_kill(struct http_conn *c);

/*
 * http_conn_read_on - be told of input again
 */
void http_conn_read_on(struct http_conn *c);

/*
 * http_conn_linger - all is said: close our side, wait for the peer's
 */
void http_conn_linger(struct http_conn *c);

/* ---- http_answer.c ---- */

/*
 * http_answer_bad - answer what http_parse refused
 */
void http_answer_bad(struct http_conn *c);

/*
 * http_answer_options - answer OPTIONS (cross-origin preflight)
 */
void http_answer_options(struct http_conn *c);

/*
 * http_answer_send - write what is pending; on completion the connection goes
 *         on or lingers
 */
void http_answer_send(struct http_conn *c);

/*
 * http_answer_continue - send 100 Continue; false: the connection is broken
 */
bool http_answer_continue(struct http_conn *c);

/* ---- http_raw.c ---- */

/*
 * http_raw_input - what came on a connection that has left HTTP
 */
void http_raw_input(struct http_conn *c, const char *p, size_t n);

/*
 * http_raw_end - the connection needs its http_raw no longer, if it has one
 */
void http_raw_end(struct http_conn *c);

/* ---- http_head.c ---- */

/*
 * http_head_write - status line and headers, ending right before body
 *
 * in      body  at least HTTP_HEAD_ROOM writable bytes lie before it
 *         more  further header lines, "" for none; at most 300 bytes
 * returns bytes written, body - result is where they start
 */
size_t http_head_write(char *body, const struct http_conn *c, int status,
    const char *type, uint64_t bytes, const char *more);

#endif
