/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_serve - /cli as its connection sees it: greet, run, send, close
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/cli_priv.h"

#define THREADS 8
#define SLOW_MAX 6 /* of the threads, for what waits for minutes */
#define QUEUE_MAX 64
#define HELD_MAX 256 /* requests whose words are kept */
#define BUSY "Error: the server runs too many commands, try again later\n"

/* Commands that may take as long as a guest likes. */
static const char *const slow_commands[] = {
    "vm-memory-target-wait",
};

/* ---- the requests there are ---- */

static bool
is_slow(const struct thin_request *rq)
{
	size_t n = sizeof slow_commands / sizeof *slow_commands;

	for (size_t i = 0; rq->n > 0 && i < n; i++)
		if (strcmp(rq->word[0], slow_commands[i]) == 0)
			return true;
	return false;
}

/* claim - one more, if there are fewer than max */
static bool
claim(atomic_uint *count, unsigned max)
{
	if (atomic_fetch_add(count, 1) < max)
		return true;
	atomic_fetch_sub(count, 1);
	return false;
}

static void
run_free(struct thin_run *r)
{
	if (r->kept)
		atomic_fetch_sub(&r->thin->held, 1);
	if (r->slow)
		atomic_fetch_sub(&r->thin->slow, 1);
	thin_request_free(&r->rq);
	http_buf_fini(&r->out);
	free(r);
}

/* ---- from greeting to exit status ---- */

/* on_post - back from the pool: send what the command said */
static void
on_post(struct http_post *p)
{
	struct thin_run *r =
	    (struct thin_run *)(void *)((char *)p -
					offsetof(struct thin_run, post));

	r->working = false;
	atomic_fetch_sub(&r->thin->running, 1);
	if (r->slow)
		atomic_fetch_sub(&r->thin->slow, 1);
	r->slow = false;
	if (r->conn == NULL)
		run_free(r);
	else
		http_raw_finish(r->conn, &r->out); /* may have freed r */
}

/* refuse - no thread for it; may free r */
static void
refuse(struct thin_run *r)
{
	http_buf_init(&r->out, 4096);
	thin_put_print_err(&r->out, BUSY);
	thin_put_exit(&r->out, 1);
	http_raw_finish(r->conn, &r->out);
}

/* start - the client has greeted: hand the command to the pool */
static void
start(struct thin_run *r)
{
	struct thin *t = r->thin;

	if (!r->kept) {
		refuse(r);
		return;
	}
	r->slow = is_slow(&r->rq) && claim(&t->slow, SLOW_MAX);
	if (is_slow(&r->rq) && !r->slow) {
		refuse(r);
		return;
	}
	atomic_fetch_add(&t->running, 1);
	r->working = true;
	http_raw_work(r->conn);
	if (pool_push(t->pool, r))
		return;
	r->working = false;
	atomic_fetch_sub(&t->running, 1);
	refuse(r);
}

static bool
on_input(struct http_raw *raw, const char *p, size_t n)
{
	struct thin_run *r = (struct thin_run *)(void *)raw;

	if (n > THIN_HELLO_BYTES - r->hello_bytes)
		return false;
	memcpy(r->hello + r->hello_bytes, p, n);
	r->hello_bytes += n;
	if (r->hello_bytes < THIN_HELLO_BYTES)
		return true;
	if (!thin_hello_good(r->hello))
		return false;
	start(r);
	return true;
}

/* on_end - the connection has gone, before its time or after */
static void
on_end(struct http_raw *raw)
{
	struct thin_run *r = (struct thin_run *)(void *)raw;
	struct thin *t = r->thin;

	r->conn = NULL;
	if (!r->working) {
		run_free(r);
		return;
	}
	pthread_mutex_lock(&t->lock);
	r->cancelled = true;
	pthread_cond_broadcast(&t->change);
	pthread_mutex_unlock(&t->lock);
}

/* run_new - what there is to a request but its words; NULL: no memory */
static struct thin_run *
run_new(struct thin *t, const struct http_request *rq)
{
	struct thin_run *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->raw.input = on_input;
	r->raw.end = on_end;
	r->post.run = on_post;
	r->thin = t;
	r->conn = rq->conn;
	r->loop = http_conn_loop(rq->conn);
	r->local = rq->local;
	(void)snprintf(r->peer, sizeof r->peer, "%s", rq->peer); /* fits */
	http_buf_init(&r->out, 0);
	return r;
}

void
thin_serve(struct thin *t, const struct http_request *rq)
{
	struct thin_run *r = run_new(t, rq);
	char hello[THIN_HELLO_BYTES];

	if (r == NULL) {
		http_raw_refuse(rq->conn);
		return;
	}
	/* Those beyond are greeted, too, so that they can be told. */
	r->kept = claim(&t->held, HELD_MAX);
	if (r->kept && !thin_request_read(&r->rq, rq->body, rq->body_bytes)) {
		run_free(r);
		http_raw_refuse(rq->conn);
		return;
	}
	thin_hello_write(hello);
	http_raw_begin(rq->conn, &r->raw, hello, sizeof hello);
}

/* ---- beginning and end ---- */

struct thin *
thin_new(struct api_env *env, size_t call_max_bytes)
{
	struct thin *t = calloc(1, sizeof *t);
	pthread_condattr_t monotonic;

	if (t == NULL)
		return NULL;
	t->env = env;
	t->call_max_bytes = call_max_bytes;
	(void)pthread_mutex_init(&t->lock, NULL); /* cannot fail here */
	(void)pthread_condattr_init(&monotonic);  /* likewise */
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->change, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	t->pool = pool_new(THREADS, QUEUE_MAX, thin_work);
	if (t->pool == NULL)
		thin_free(&t);
	return t;
}

unsigned
thin_running(const struct thin *t)
{
	return atomic_load(&t->running);
}

void
thin_stop(struct thin *t)
{
	pthread_mutex_lock(&t->lock);
	t->ending = true;
	pthread_cond_broadcast(&t->change);
	pthread_mutex_unlock(&t->lock);
	pool_free(&t->pool);
}

void
thin_free(struct thin **tp)
{
	struct thin *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	(void)pthread_cond_destroy(&t->change);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}
