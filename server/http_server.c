/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Own */
#include "server/http_priv.h"

/* on_listen - every loop is there: let connections in */
static void
on_listen(struct http_post *p)
{
	struct http_server *s =
	    (struct http_server *)(void *)((char *)p -
					   offsetof(struct http_server,
					       listen_post));

	if (!http_listen_start(s, &s->loops[0]))
		atomic_store(&s->failed, true);
	(void)sem_post(&s->up);
}

static void
await(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		assert(errno == EINTR);
}

struct http_server *
http_server_new(const struct http_limits *limits, const struct http_ops *ops,
    struct tls_conf *tls, int listen_fd, int local_fd)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->limits = *limits;
	s->ops = *ops;
	s->tls = tls;
	s->listen_post.run = on_listen;
	s->tcp = (struct http_listener){.server = s, .fd = -1};
	s->local = (struct http_listener){.server = s, .fd = -1};
	s->local_too = s->local;
	(void)sem_init(&s->up, 0, 0);
	(void)sem_init(&s->drained, 0, 0);
	s->peers = http_peers_new();
	s->loops = calloc(limits->threads, sizeof(*s->loops));
	for (; s->loops != NULL && s->nloops < limits->threads; s->nloops++)
		if (!http_loop_init(&s->loops[s->nloops], s, s->nloops)) {
			s->nloops++; /* half made: freed with the rest */
			break;
		}
	if (s->peers == NULL || s->loops == NULL ||
	    s->nloops < limits->threads ||
	    s->loops[s->nloops - 1].base == NULL) {
		http_server_free(&s);
		return NULL;
	}
	s->tcp.fd = listen_fd;
	s->local.fd = local_fd;
	s->local.local = true;
	return s;
}

void
http_server_add_local(struct http_server *s, int fd)
{
	s->local_too.fd = fd;
	s->local_too.local = true;
}

bool
http_server_start(struct http_server *s)
{
	for (unsigned i = 0; i < s->nloops; i++) {
		struct http_loop *l = &s->loops[i];

		if (pthread_create(&l->thread, NULL, http_loop_main, l) != 0) {
			atomic_store(&s->failed, true);
			break;
		}
		l->started = true;
		await(&s->up);
	}
	if (!atomic_load(&s->failed)) {
		http_loop_post(&s->loops[0], &s->listen_post);
		await(&s->up);
	}
	if (!atomic_load(&s->failed))
		return true;
	(void)http_server_stop(s, 0); /* nothing came in yet */
	return false;
}

void
http_server_drain(struct http_server *s)
{
	if (s->drain_asked)
		return;
	s->drain_asked = true;
	for (unsigned i = 0; i < s->nloops; i++)
		if (s->loops[i].started)
			http_loop_post(&s->loops[i], &s->loops[i].drain_post);
	for (unsigned i = 0; i < s->nloops; i++)
		while (s->loops[i].started && sem_wait(&s->drained) != 0 &&
		       errno == EINTR)
			;
}

/* deadline - a point in time for pthread_timedjoin_np */
static struct timespec
deadline(int64_t wait_ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail */
	t.tv_sec += wait_ms / 1000;
	t.tv_nsec += wait_ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

bool
http_server_stop(struct http_server *s, int64_t wait_ms)
{
	struct timespec until = deadline(wait_ms);
	bool whole = true;

	http_server_drain(s);
	for (unsigned i = 0; i < s->nloops; i++)
		if (s->loops[i].started)
			http_loop_post(&s->loops[i], &s->loops[i].end_post);
	for (unsigned i = 0; i < s->nloops; i++) {
		struct http_loop *l = &s->loops[i];

		if (!l->started)
			continue;
		if (pthread_timedjoin_np(l->thread, NULL, &until) != 0) {
			whole = false;
			http_loop_post(l, &l->cut_post);
			(void)pthread_join(l->thread, NULL);
		}
		l->started = false;
	}
	return whole;
}

void
http_server_free(struct http_server **sp)
{
	struct http_server *s = *sp;

	if (s == NULL)
		return;
	for (unsigned i = 0; s->loops != NULL && i < s->nloops; i++)
		http_loop_fini(&s->loops[i]);
	free(s->loops);
	if (s->tcp.fd >= 0)
		(void)close(s->tcp.fd); /* listening socket */
	if (s->local.fd >= 0)
		(void)close(s->local.fd); /* likewise */
	if (s->local_too.fd >= 0)
		(void)close(s->local_too.fd); /* likewise */
	http_peers_free(&s->peers);
	(void)sem_destroy(&s->up);
	(void)sem_destroy(&s->drained);
	free(s);
	*sp = NULL;
}

unsigned
http_server_connections(const struct http_server *s)
{
	return atomic_load(&s->conns) + atomic_load(&s->local_conns);
}

size_t
http_server_body_bytes(const struct http_server *s)
{
	return atomic_load(&s->budget.used_bytes);
}
