/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Own */
#include "xen/hv_link_priv.h"

/* A peer that reads nothing for so long is as good as gone. */
#define SEND_WAIT_MS 2000

/* How long a process that was told to quit may take to be gone. */
#define QUIT_WAIT_S 5

struct remote {
	struct hv_link link; /* first */
	int fd;
	pthread_t thread;
	struct hv_link_calls calls;
	pthread_mutex_t lock;
	pthread_cond_t ended; /* the reader is at its end */
	bool closing, over;
};

/* is_closing - were we told to close? */
static bool
is_closing(struct remote *r)
{
	bool yes;

	(void)pthread_mutex_lock(&r->lock); /* plain and ours: cannot fail */
	yes = r->closing;
	(void)pthread_mutex_unlock(&r->lock);
	return yes;
}

/* read_one - one packet up; text says why there is none any more */
static bool
read_one(struct remote *r, char *text, size_t bytes)
{
	struct hv_msg m;
	ssize_t n;

	do {
		n = recv(r->fd, &m, sizeof m, MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		(void)snprintf(text, bytes, "hypervisor process: %s",
		    strerrordesc_np(errno));
		return false;
	}
	if (n == 0) {
		(void)snprintf(text, bytes, "hypervisor process has ended");
		return false;
	}
	if ((size_t)n > sizeof m || !hv_msg_check(&m, (size_t)n) ||
	    m.type >= HV_SYNC) {
		(void)snprintf(text, bytes,
		    "hypervisor process: a malformed packet of %zd bytes", n);
		return false;
	}
	if (!is_closing(r))
		r->calls.up(r->calls.ctx, &m);
	return true;
}

static void *
reader(void *arg)
{
	struct remote *r = arg;
	char text[160];
	bool closing;

	while (read_one(r, text, sizeof text))
		;
	(void)shutdown(r->fd, SHUT_RDWR); /* senders shall fail from now on */
	(void)pthread_mutex_lock(&r->lock);
	closing = r->closing;
	r->over = true;
	(void)pthread_cond_broadcast(&r->ended);
	(void)pthread_mutex_unlock(&r->lock);
	if (!closing)
		r->calls.lost(r->calls.ctx, text);
	return NULL;
}

static bool
send_remote(struct hv_link *link, const struct hv_msg *m)
{
	struct remote *r = (struct remote *)(void *)link;
	struct pollfd p = {.fd = r->fd, .events = POLLOUT};

	for (;;) {
		if (send(r->fd, m, m->bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			break;
		if (poll(&p, 1, SEND_WAIT_MS) == 0)
			break;
	}
	(void)shutdown(r->fd, SHUT_RDWR); /* the reader tells */
	return false;
}

/* wait_end - until the peer has gone, but not for ever */
static void
wait_end(struct remote *r)
{
	struct timespec until;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += QUIT_WAIT_S;
	(void)pthread_mutex_lock(&r->lock);
	while (!r->over && rc == 0)
		rc = pthread_cond_clockwait(
		    &r->ended, &r->lock, CLOCK_MONOTONIC, &until);
	(void)pthread_mutex_unlock(&r->lock);
}

static void
close_remote(struct hv_link *link, enum hv_close how)
{
	struct remote *r = (struct remote *)(void *)link;
	struct hv_msg quit;

	(void)pthread_mutex_lock(&r->lock);
	r->closing = true;
	(void)pthread_mutex_unlock(&r->lock);
	if (how == HV_TELL_QUIT) {
		hv_msg_init(&quit, HV_QUIT);
		if (send_remote(link, &quit))
			wait_end(r);
	}
	(void)shutdown(r->fd, SHUT_RDWR); /* ends the reader */
	(void)pthread_join(r->thread, NULL);
	(void)close(r->fd);
	(void)pthread_cond_destroy(&r->ended); /* ours and free, both */
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

/* thread_start - the reader, with no signal of the process's in it */
static int
thread_start(struct remote *r)
{
	sigset_t all, was;
	int rc;

	(void)sigfillset(&all);
	rc = pthread_sigmask(SIG_SETMASK, &all, &was);
	if (rc != 0)
		return rc;
	rc = pthread_create(&r->thread, NULL, reader, r);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL); /* worked before */
	return rc;
}

int
hv_link_spawn(struct hv_link **link_out, const char *state_dir,
    char *const argv[], const struct hv_link_calls *calls, char *why,
    size_t why_bytes)
{
	struct remote *r = calloc(1, sizeof *r);
	int rc;

	if (r == NULL) {
		(void)snprintf(why, why_bytes, "out of memory");
		return -1;
	}
	r->fd = -1;
	r->link.send = send_remote;
	r->link.close = close_remote;
	r->calls = *calls;
	if (hv_link_start(&r->fd, state_dir, argv, why, why_bytes) != 0) {
		free(r);
		return -1;
	}
	rc = pthread_mutex_init(&r->lock, NULL);
	if (rc == 0)
		rc = pthread_cond_init(&r->ended, NULL);
	if (rc == 0)
		rc = thread_start(r);
	if (rc != 0) {
		(void)snprintf(
		    why, why_bytes, "hypervisor link: %s", strerrordesc_np(rc));
		(void)close(r->fd);
		free(r);
		return -1;
	}
	*link_out = &r->link;
	return 0;
}

bool
hv_link_send(struct hv_link *l, const struct hv_msg *m)
{
	return l->send(l, m);
}

void
hv_link_close(struct hv_link **l, enum hv_close how)
{
	if (*l == NULL)
		return;
	(*l)->close(*l, how);
	*l = NULL;
}
