/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Own */
#include "server/http_priv.h"

#define NEVER_MS (INT64_MAX / 4)

int64_t
http_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* phase_ms - how long a connection may stay in a phase */
static int64_t
phase_ms(const struct http_limits *m, enum http_phase phase)
{
	switch (phase) {
	case HTTP_HANDSHAKE:
		return m->handshake_ms;
	case HTTP_IDLE:
		return m->idle_ms;
	case HTTP_HEADER:
		return m->header_ms;
	case HTTP_BODY:
		return m->body_ms;
	case HTTP_WRITE:
		return m->write_ms;
	case HTTP_LINGER:
		return m->linger_ms;
	case HTTP_RAW:
		return m->header_ms;
	case HTTP_RAW_WORK:
		return NEVER_MS;
	default:
		return 0;
	}
}

void
http_loop_settle(struct http_conn *c)
{
	struct http_loop *l = c->loop;

	if (c->dead)
		return;
	/* Within a list all waits are equally long: append keeps it sorted. */
	TAILQ_REMOVE(&l->lists[c->listed], c, link);
	c->listed = c->phase;
	c->deadline_ms = http_now_ms() + phase_ms(&l->server->limits, c->phase);
	TAILQ_INSERT_TAIL(&l->lists[c->listed], c, link);
}

void
http_loop_again(struct http_conn *c)
{
	static const struct timeval now = {0, 0};

	if (c->again || c->dead)
		return;
	c->again = true;
	TAILQ_INSERT_TAIL(&c->loop->agains, c, again_link);
	(void)event_add(&c->loop->ev_again, &now); /* its timer heap is grown */
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct http_loop *l = arg;
	struct http_conn *c, *last = TAILQ_LAST(&l->agains, http_conns);

	(void)fd;
	(void)what;
	/* Those that come back meanwhile wait for the next round. */
	while ((c = TAILQ_FIRST(&l->agains)) != NULL) {
		bool end = c == last;

		TAILQ_REMOVE(&l->agains, c, again_link);
		c->again = false;
		http_conn_again(c);
		if (end)
			break;
	}
	if (!TAILQ_EMPTY(&l->agains))
		(void)event_add(&l->ev_again, &(struct timeval){0, 0});
}

/* ---- posts ---- */

void
http_loop_post(struct http_loop *l, struct http_post *p)
{
	static const uint64_t one = 1;
	struct http_post *first = atomic_load(&l->posts);

	do
		p->next = first;
	while (!atomic_compare_exchange_weak(&l->posts, &first, p));
	/* Only the first of a bunch needs to wake the loop. */
	if (first == NULL)
		(void)!write(l->wake_fd, &one, sizeof(one));
}

/* take_posts - all that have gathered, oldest first */
static struct http_post *
take_posts(struct http_loop *l)
{
	struct http_post *newest = atomic_exchange(&l->posts, NULL);
	struct http_post *list = NULL;

	while (newest != NULL) {
		struct http_post *next = newest->next;

		newest->next = list;
		list = newest;
		newest = next;
	}
	return list;
}

static void
run_posts(struct http_loop *l)
{
	struct http_post *p = take_posts(l);

	while (p != NULL) {
		struct http_post *next = p->next; /* run may free p */

		p->run(p);
		p = next;
	}
}

/* ---- the end ---- */

/* check_end - leave the loop when nothing is left to answer */
static void
check_end(struct http_loop *l)
{
	if (l->ending && l->dead == 0 && TAILQ_EMPTY(&l->lists[HTTP_CALL]) &&
	    TAILQ_EMPTY(&l->lists[HTTP_RAW_WORK]) &&
	    TAILQ_EMPTY(&l->lists[HTTP_WRITE]) &&
	    TAILQ_EMPTY(&l->lists[HTTP_LINGER]))
		(void)event_base_loopbreak(l->base);
}

static void
kill_list(struct http_loop *l, enum http_phase phase)
{
	struct http_conn *c;

	while ((c = TAILQ_FIRST(&l->lists[phase])) != NULL) {
		http_conn_hold(c);
		http_conn_kill(c);
		http_conn_let_go(c);
	}
}

static void
on_drain(struct http_post *p)
{
	struct http_loop *l =
	    (struct http_loop *)(void *)((char *)p - offsetof(struct http_loop,
							 drain_post));
	struct http_conn *c;

	l->draining = true;
	if (l->index == 0)
		http_listen_stop(l->server);
	kill_list(l, HTTP_HANDSHAKE);
	kill_list(l, HTTP_IDLE);
	kill_list(l, HTTP_RAW);
	for (int i = 0; i < 2; i++)
		while ((c = TAILQ_FIRST(&l->lists[HTTP_HEADER + i])) != NULL) {
			http_conn_hold(c);
			http_answer_text(c, 503, "shutting down");
			http_conn_let_go(c);
		}
	(void)sem_post(&l->server->drained);
}

static void
on_end(struct http_post *p)
{
	struct http_loop *l =
	    (struct http_loop *)(void *)((char *)p -
					 offsetof(struct http_loop, end_post));

	l->ending = true;
	check_end(l);
}

static void
on_cut(struct http_post *p)
{
	struct http_loop *l =
	    (struct http_loop *)(void *)((char *)p -
					 offsetof(struct http_loop, cut_post));

	for (int i = 0; i < HTTP_PHASES; i++)
		kill_list(l, (enum http_phase)i);
	(void)event_base_loopbreak(l->base);
}

/* ---- events of the loop itself ---- */

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct http_loop *l = arg;
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof(n)); /* posts say what to do */
	run_posts(l);
	check_end(l);
}

/* on_tick - end what has waited too long */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct http_loop *l = arg;
	int64_t now = http_now_ms();
	struct http_conn *c;

	(void)fd;
	(void)what;
	for (int i = 0; i < HTTP_PHASES; i++) {
		if (i == HTTP_CALL)
			continue;
		while ((c = TAILQ_FIRST(&l->lists[i])) != NULL &&
		       c->deadline_ms <= now)
			http_conn_expire(c);
	}
	check_end(l);
}

/* tick - how often deadlines are looked at: a quarter of the shortest */
static struct timeval
tick(const struct http_limits *m)
{
	int64_t ms = 4000;

	for (int i = 0; i < HTTP_PHASES; i++) {
		int64_t p = phase_ms(m, (enum http_phase)i);

		if (i != HTTP_CALL && p < ms)
			ms = p;
	}
	ms = ms / 4 < 10 ? 10 : ms / 4;
	return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

void *
http_loop_main(void *arg)
{
	struct http_loop *l = arg;
	struct http_server *s = l->server;

	l->own = s->ops.thread_new(s->ops.ctx, l);
	if (l->own == NULL)
		atomic_store(&s->failed, true);
	(void)sem_post(&s->up);
	(void)event_base_dispatch(l->base);
	for (int i = 0; i < HTTP_PHASES; i++)
		kill_list(l, (enum http_phase)i);
	/* Answers to dead connections, and what these post in turn. */
	while (atomic_load(&l->posts) != NULL)
		run_posts(l);
	if (l->own != NULL)
		s->ops.thread_free(s->ops.ctx, l->own);
	l->own = NULL;
	return NULL;
}

/* ---- making and ending loops ---- */

bool
http_loop_init(struct http_loop *l, struct http_server *s, unsigned index)
{
	struct event_config *config = event_config_new();
	struct timeval every = tick(&s->limits);

	l->server = s;
	l->index = index;
	l->drain_post.run = on_drain;
	l->end_post.run = on_end;
	l->cut_post.run = on_cut;
	for (int i = 0; i < HTTP_PHASES; i++)
		TAILQ_INIT(&l->lists[i]);
	TAILQ_INIT(&l->agains);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (config != NULL) {
		/* A base is touched by its own thread alone. */
		(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		l->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	return l->base != NULL && l->wake_fd >= 0 &&
	       event_assign(&l->ev_wake, l->base, l->wake_fd,
		   EV_READ | EV_PERSIST, on_wake, l) == 0 &&
	       event_assign(&l->ev_tick, l->base, -1, EV_PERSIST, on_tick, l) ==
		   0 &&
	       event_assign(&l->ev_again, l->base, -1, 0, on_again, l) == 0 &&
	       event_add(&l->ev_wake, NULL) == 0 &&
	       event_add(&l->ev_tick, &every) == 0;
}

void
http_loop_fini(struct http_loop *l)
{
	http_buf_fini(&l->out);
	if (l->base != NULL)
		event_base_free(l->base);
	if (l->wake_fd >= 0)
		(void)close(l->wake_fd); /* eventfd */
}

struct http_loop *
http_conn_loop(const struct http_conn *c)
{
	return c->loop;
}
