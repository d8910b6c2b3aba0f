/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "server/http_priv.h"
#include "server/log.h"

#define LISTEN_WARN_MS 10000 /* no more than one line in this time */
#define LISTEN_TURN 64	     /* accepted at a time, then others have a turn */

/* addr_of - who is counted, and the address as text */
static void
addr_of(const struct sockaddr_storage *from, struct http_addr *addr, char *text)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	unsigned port = 0;

	memset(addr, 0, sizeof(*addr));
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;

		addr->bytes[10] = addr->bytes[11] = 0xff;
		memcpy(addr->bytes + 12, &in->sin_addr, 4);
		(void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
		port = ntohs(in->sin_port);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)from;
		bool v4 = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		/* One customer gets a /64: count that. */
		memcpy(addr->bytes, &in6->sin6_addr, v4 ? 16 : 8);
		(void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
		port = ntohs(in6->sin6_port);
	}
	(void)snprintf(text, HTTP_PEER_TEXT,
	    from->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip, port);
}

/* peer_is_trusted - is it root or our own user at the other end? */
static bool
peer_is_trusted(int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return false;
	if (who.uid == 0 || who.uid == geteuid())
		return true;
	log_warnx("socket: refused: uid=%u pid=%d is neither root nor our "
		  "own user",
	    who.uid, (int)who.pid);
	return false;
}

/* admit_local - may one more come in through the Unix socket? */
static bool
admit_local(struct http_server *s, int fd)
{
	if (!peer_is_trusted(fd))
		return false;
	if (atomic_fetch_add(&s->local_conns, 1) <
	    s->limits.local_connections_max)
		return true;
	atomic_fetch_sub(&s->local_conns, 1);
	return false;
}

/* admit_tcp - may one more come in from this address? */
static bool
admit_tcp(struct http_server *s, const struct http_addr *addr)
{
	if (atomic_fetch_add(&s->conns, 1) < s->limits.connections_max &&
	    http_peers_enter(
		s->peers, addr, s->limits.connections_per_address_max))
		return true;
	atomic_fetch_sub(&s->conns, 1);
	return false;
}

/*
 * tune - small replies at once; a peer whose machine is gone is found out
 *
 * Who waits for an event may do so for a day.  An option that cannot be set is
 * one that the kernel has not.
 */
static void
tune(int fd)
{
	static const struct {
		int level, name, value;
	} option[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1}, /* do not wait for an ACK */
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, HTTP_KEEP_IDLE_S},
	    {IPPROTO_TCP, TCP_KEEPINTVL, HTTP_KEEP_NEXT_S},
	    {IPPROTO_TCP, TCP_KEEPCNT, HTTP_KEEP_TRIES},
	};

	for (size_t i = 0; i < sizeof(option) / sizeof(*option); i++)
		(void)setsockopt(fd, option[i].level, option[i].name,
		    &option[i].value, sizeof(option[i].value));
}

/* admit - make a connection of a socket, or close it */
static void
admit(struct http_listener *at, int fd, const struct sockaddr_storage *from)
{
	struct http_server *s = at->server;
	struct http_loop *l = &s->loops[s->next_loop++ % s->nloops];
	struct http_conn *c = http_conn_new(l, fd, at->local);
	bool ok = false;

	if (c != NULL && at->local) {
		(void)snprintf(c->peer, sizeof(c->peer), "local");
		ok = admit_local(s, fd);
	} else if (c != NULL) {
		addr_of(from, &c->addr, c->peer);
		ok = admit_tcp(s, &c->addr);
		if (!ok)
			log_debug(
			    "http: %s: refused: too many connections", c->peer);
		tune(fd);
	}
	if (ok) {
		http_loop_post(l, &c->post);
		return;
	}
	free(c);
	(void)close(fd); /* nothing was said */
}

/* rest - stop accepting for a moment: descriptors or memory are out */
static void
rest(struct http_listener *at)
{
	static const struct timeval moment = {0, 100000};
	int64_t now_ms = http_now_ms();

	if (now_ms >= at->warn_at_ms) {
		log_warn("http: cannot accept");
		at->warn_at_ms = now_ms + LISTEN_WARN_MS;
	}
	(void)event_del(&at->ev);
	(void)event_add(&at->ev_retry, &moment);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct http_listener *at = arg;

	(void)fd;
	(void)what;
	(void)event_add(&at->ev, NULL); /* it was added before */
}

static void
on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct http_listener *at = arg;

	(void)what;
	for (int i = 0; i < LISTEN_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t n = sizeof(from);
		int fd;

		memset(&from, 0, sizeof(from));
		fd = accept4(listen_fd, (struct sockaddr *)(void *)&from, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(at, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			rest(at);
		/* All else is about the one connection, or EAGAIN. */
		return;
	}
}

static bool
start_one(struct http_listener *at, struct http_loop *l)
{
	if (at->fd < 0)
		return true;
	return event_assign(&at->ev, l->base, at->fd, EV_READ | EV_PERSIST,
		   on_accept, at) == 0 &&
	       event_assign(&at->ev_retry, l->base, -1, 0, on_retry, at) == 0 &&
	       event_add(&at->ev, NULL) == 0;
}

bool
http_listen_start(struct http_server *s, struct http_loop *l)
{
	return start_one(&s->tcp, l) && start_one(&s->local, l) &&
	       start_one(&s->local_too, l);
}

static void
stop_one(struct http_listener *at)
{
	if (at->fd < 0)
		return;
	(void)event_del(&at->ev);
	(void)event_del(&at->ev_retry);
	(void)close(at->fd); /* who is in its queue is refused by the kernel */
	at->fd = -1;
}

void
http_listen_stop(struct http_server *s)
{
	stop_one(&s->tcp);
	stop_one(&s->local);
	stop_one(&s->local_too);
}
