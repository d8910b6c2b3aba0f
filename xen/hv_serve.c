/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Own */
#include "xen/hv_serve.h"

#define FD_LISTEN 3
#define FD_LOG 4

/* Unread by the peer: above the first we read no more commands from it, above
 * the second we give it up. */
#define QUEUE_FULL_BYTES (1u << 20)
#define QUEUE_MAX_BYTES (64u << 20)

#define PACKETS_AT_ONCE 64

struct queue {
	char *p;
	size_t head, len, cap; /* packets lie in p[head .. head + len) */
};

struct hv_serve {
	const struct hv_serve_world *world;
	int epoll, signals;
	int peer;	 /* -1: no daemon is connected */
	const char *bad; /* the peer is to be dropped, and why */
	bool quit;
	uint32_t events; /* that we wait for from the peer */
	struct queue q;
	uint64_t clock_ms; /* the world has been brought up to here */
	uint64_t alone_ms; /* nobody is connected since */
	uint64_t linger_ms;
};

static uint64_t
clock_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- what goes to the daemon ---- */

/* room - for n bytes more at the end; false: it is too much */
static bool
room(struct queue *q, size_t n)
{
	size_t cap = q->cap == 0 ? 65536 : q->cap;
	char *p;

	if (q->len + n > QUEUE_MAX_BYTES)
		return false;
	if (q->head > 0 && q->head + q->len + n > q->cap) {
		memmove(q->p, q->p + q->head, q->len);
		q->head = 0;
	}
	while (cap < q->len + n)
		cap *= 2;
	if (cap == q->cap)
		return true;
	p = realloc(q->p, cap);
	if (p == NULL)
		return false;
	q->p = p;
	q->cap = cap;
	return true;
}

/* push - send a packet, or keep it: 1 sent, 0 later, -1 the peer is gone */
static int
push(int fd, const void *p, size_t n)
{
	ssize_t r;

	do {
		r = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return 1;
	return errno == EAGAIN ? 0 : -1;
}

void
hv_serve_up(struct hv_serve *s, const struct hv_msg *m)
{
	int r = 0;

	if (s->peer < 0 || s->bad != NULL)
		return;
	if (s->q.len == 0)
		r = push(s->peer, m, m->bytes);
	if (r > 0)
		return;
	if (r < 0) {
		s->bad = "cannot be written to";
	} else if (!room(&s->q, m->bytes)) {
		s->bad = "reads too slowly";
	} else {
		memcpy(s->q.p + s->q.head + s->q.len, m, m->bytes);
		s->q.len += m->bytes;
	}
}

/* drain - send what is queued, as far as it goes */
static void
drain(struct hv_serve *s)
{
	uint32_t bytes;
	int r;

	while (s->q.len > 0) {
		const char *p = s->q.p + s->q.head;
		memcpy(
		    &bytes, p + offsetof(struct hv_msg, bytes), sizeof bytes);
		r = push(s->peer, p, bytes);
		if (r < 0)
			s->bad = "cannot be written to";
		if (r <= 0)
			return;
		s->q.head += bytes;
		s->q.len -= bytes;
	}
	s->q.head = 0;
}

/* ---- the daemon comes and goes ---- */

/* drop - the daemon is gone, or to go */
static void
drop(struct hv_serve *s)
{
	if (s->peer < 0)
		return;
	s->world->attach(s->world->ctx, NULL);
	(void)close(s->peer);
	s->peer = -1;
	free(s->q.p);
	memset(&s->q, 0, sizeof s->q);
	s->alone_ms = clock_now_ms();
}

/* is_ours - may this peer command us? */
static bool
is_ours(int fd)
{
	struct ucred c;
	socklen_t n = sizeof c;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 &&
	       (c.uid == 0 || c.uid == geteuid());
}

/* welcome - a daemon connects; the one before is dropped */
static void
welcome(struct hv_serve *s)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = accept4(FD_LISTEN, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return; /* gone again, or no memory: it will try again */
	ev.data.fd = fd;
	if (!is_ours(fd) || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		(void)fprintf(
		    stderr, "%s: a peer was turned away\n", s->world->name);
		(void)close(fd);
		return;
	}
	drop(s);
	s->peer = fd;
	s->bad = NULL;
	s->events = EPOLLIN;
	s->world->attach(s->world->ctx, s);
}

/* listen_to - read what the daemon says; false: nothing more there now */
static bool
listen_to(struct hv_serve *s)
{
	struct hv_msg m;
	ssize_t n = recv(s->peer, &m, sizeof m, MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		s->bad = "has gone";
	} else if ((size_t)n > sizeof m || !hv_msg_check(&m, (size_t)n) ||
		   m.type < HV_SYNC) {
		s->bad = "sent a malformed packet";
	} else if (m.type == HV_QUIT) {
		s->quit = true;
	} else {
		s->world->take(s->world->ctx, &m);
	}
	return s->bad == NULL && !s->quit;
}

/* attend - the daemon's socket is ready */
static void
attend(struct hv_serve *s, uint32_t events)
{
	if (events & EPOLLOUT)
		drain(s);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (int i = 0; i < PACKETS_AT_ONCE; i++)
			if (s->q.len > QUEUE_FULL_BYTES || !listen_to(s))
				break;
}

/* rearm - wait for what can be of use */
static void
rearm(struct hv_serve *s)
{
	struct epoll_event ev = {.events = 0};

	if (s->peer >= 0 && s->bad != NULL) {
		(void)fprintf(
		    stderr, "%s: the daemon %s\n", s->world->name, s->bad);
		drop(s);
	}
	if (s->peer < 0)
		return;
	if (s->q.len <= QUEUE_FULL_BYTES)
		ev.events |= EPOLLIN;
	if (s->q.len > 0)
		ev.events |= EPOLLOUT;
	if (ev.events == s->events)
		return;
	ev.data.fd = s->peer;
	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->peer, &ev) != 0)
		drop(s);
	s->events = ev.events;
}

/* ---- time ---- */

/* catch_up - the world's clock follows the real one */
static void
catch_up(struct hv_serve *s)
{
	uint64_t now = clock_now_ms();

	s->world->step(s->world->ctx, now - s->clock_ms);
	s->clock_ms = now;
}

/* patience_ms - how long we may sleep; -1: until somebody calls */
static int
patience_ms(struct hv_serve *s)
{
	int64_t ms = s->world->next_ms(s->world->ctx), left;
	uint64_t alone;

	if (s->peer < 0) {
		alone = clock_now_ms() - s->alone_ms;
		left =
		    alone < s->linger_ms ? (int64_t)(s->linger_ms - alone) : 0;
		if (ms < 0 || left < ms)
			ms = left;
	}
	return ms > 1000000 ? 1000000 : (int)ms;
}

/* is_over - has nobody called for too long? */
static bool
is_over(struct hv_serve *s)
{
	if (s->peer >= 0 || clock_now_ms() - s->alone_ms < s->linger_ms)
		return false;
	welcome(s); /* at the last moment */
	return s->peer < 0;
}

/* ---- the process ---- */

/* loop - until somebody ends it: the exit status */
static int
loop(struct hv_serve *s)
{
	struct epoll_event ev[8];
	int n;

	while (!s->quit) {
		rearm(s);
		if (is_over(s))
			break;
		n = epoll_wait(s->epoll, ev, 8, patience_ms(s));
		if (n < 0 && errno != EINTR) {
			(void)fprintf(stderr, "%s: cannot wait: %s\n",
			    s->world->name, strerror(errno));
			return 1;
		}
		catch_up(s);
		for (int i = 0; i < n && !s->quit; i++) {
			if (ev[i].data.fd == s->signals)
				s->quit = true;
			else if (ev[i].data.fd == FD_LISTEN)
				welcome(s);
			else if (ev[i].data.fd == s->peer && s->bad == NULL)
				attend(s, ev[i].events);
		}
	}
	/* first the door, then the peer: who sees us go finds nobody */
	(void)close(FD_LISTEN);
	drop(s);
	return 0;
}

/* watch - wake up when fd is readable */
static int
watch(struct hv_serve *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data = {.fd = fd}};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* prepare - descriptors and signals */
static int
prepare(struct hv_serve *s)
{
	sigset_t set;
	int yes = 0, flags = fcntl(FD_LISTEN, F_GETFL);
	socklen_t n = sizeof yes;

	if (getsockopt(FD_LISTEN, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) != 0 ||
	    !yes || fcntl(FD_LISTEN, F_SETFL, flags | O_NONBLOCK) != 0) {
		(void)fprintf(stderr,
		    "descriptor 3 is not a listening socket: this program is "
		    "started by xenapi-memoryd\n");
		return -1;
	}
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    (s->signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0 ||
	    (s->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
	    watch(s, s->signals) != 0 || watch(s, FD_LISTEN) != 0) {
		perror("cannot wait for a daemon");
		return -1;
	}
	return 0;
}

int
hv_serve_open(struct hv_serve **s_out, uint64_t linger_ms)
{
	struct hv_serve *s = calloc(1, sizeof *s);

	if (s == NULL) {
		perror("cannot start");
		return -1;
	}
	s->peer = s->epoll = s->signals = -1;
	s->linger_ms = linger_ms;
	if (prepare(s) != 0) {
		hv_serve_close(&s);
		return -1;
	}
	*s_out = s;
	return 0;
}

int
hv_serve_run(struct hv_serve *s, const struct hv_serve_world *world)
{
	s->world = world;
	if (world->fd >= 0 && watch(s, world->fd) != 0) {
		perror("cannot wait for the world");
		return 1;
	}
	if (fcntl(FD_LOG, F_GETFD) >= 0 && dup2(FD_LOG, 2) == 2)
		(void)close(FD_LOG);
	s->clock_ms = s->alone_ms = clock_now_ms();
	return loop(s);
}

void
hv_serve_close(struct hv_serve **s)
{
	if (*s == NULL)
		return;
	free((*s)->q.p);
	if ((*s)->epoll >= 0)
		(void)close((*s)->epoll);
	if ((*s)->signals >= 0)
		(void)close((*s)->signals);
	free(*s);
	*s = NULL;
}
