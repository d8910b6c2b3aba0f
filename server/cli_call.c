/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_call - a command's calls: through dispatch, and waited for
 *
 * A command whose client has gone does not wait: it leaves its call behind, and
 * whoever ends the call frees it.
 */

/* System */
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Own */
#include "server/cli_priv.h"

struct call {
	struct api_call api; /* first */
	struct thin *thin;
	bool finished; /* under thin->lock, as what follows */
	bool left;     /* nobody waits: free it when finished */
	bool slow;     /* counts in thin->slow when left */
};

static void
call_free(struct call *k)
{
	api_call_fini(&k->api);
	if (k->slow)
		atomic_fetch_sub(&k->thin->slow, 1);
	free(k);
}

/* done - the call has ended, in whatever thread */
static void
done(struct api_call *c)
{
	struct call *k = (struct call *)(void *)c;
	struct thin *t = k->thin;
	bool left;

	pthread_mutex_lock(&t->lock);
	k->finished = true;
	left = k->left;
	pthread_cond_broadcast(&t->change);
	pthread_mutex_unlock(&t->lock);
	if (left)
		call_free(k);
}

/* starts - does the method's name begin so? */
static bool
starts(const char *method, const char *so)
{
	return strncmp(method, so, strlen(so)) == 0;
}

/* gone - is there nobody to whom a call matters? Under the lock */
static bool
gone(const struct thin_run *r, const char *method)
{
	/* What tidies up is called all the same. */
	return r->thin->ending || (r->cancelled && !starts(method, "task.") &&
				      !starts(method, "session.logout"));
}

/* impatient - is a call that runs to be left behind? Under the lock */
static bool
impatient(const struct thin_run *r, const char *method)
{
	/* What makes something that must be tidied up is waited for. */
	return gone(r, method) &&
	       (r->thin->ending ||
		   (!starts(method, "Async.") && !starts(method, "session.")));
}

/* await - until the call has ended; false: it is left behind */
static bool
await(struct thin_run *r, struct call *k)
{
	struct thin *t = r->thin;

	pthread_mutex_lock(&t->lock);
	while (!k->finished && !impatient(r, k->api.method))
		(void)pthread_cond_wait(&t->change, &t->lock);
	k->left = !k->finished;
	if (k->left) {
		k->slow = r->slow;
		r->slow = false;
	}
	pthread_mutex_unlock(&t->lock);
	return !k->left;
}

/* ---- what goes in ---- */

/* fill - the call's message and parameters; false: the arena is full */
static bool
fill(struct api_call *c, const struct thin_run *r, const char *method,
    const struct cli_val *args, size_t n)
{
	struct api_slot to;

	api_val_call(c);
	c->peer = arena_strndup(&c->arena, r->peer, strlen(r->peer));
	if (c->peer == NULL ||
	    !api_val_method(c, api_msg_find, method, strlen(method)))
		return false;
	if (c->msg == NULL || !(c->msg->flags & IDL_M_NOSESSION)) {
		(void)api_val_param(c); /* the session's */
		if (!api_val_session(c, r->session, strlen(r->session)))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		to = api_val_param(c);
		if (!thin_value_read(c, &to, &args[i]))
			return false;
	}
	return true;
}

/* call_new - a call that can be dispatched; NULL: too large or no memory */
static struct call *
call_new(const struct thin_run *r, const char *method,
    const struct cli_val *args, size_t n)
{
	struct call *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	api_call_init(&k->api, r->thin->env, r->thin->call_max_bytes);
	k->thin = r->thin;
	k->api.origin = r->local ? API_LOCAL_ROOT : API_NETWORK;
	k->api.done = done;
	if (fill(&k->api, r, method, args, n))
		return k;
	call_free(k);
	return NULL;
}

/* ---- what comes out ---- */

/* take_failure - code and parameters; without code when the pool is full */
static enum cli_status
take_failure(
    struct cli_pool *pool, const struct failure *from, struct cli_failure *why)
{
	const char **param = cli_pool_array(pool, from->n + 1, sizeof *param);

	*why = (struct cli_failure){.code = NULL};
	if (param == NULL)
		return CLI_FAILED;
	for (unsigned i = 0; i < from->n; i++) {
		param[i] =
		    cli_pool_text(pool, from->param[i], strlen(from->param[i]));
		if (param[i] == NULL)
			return CLI_FAILED;
	}
	*why =
	    (struct cli_failure){idl_errors[from->code].code, param, from->n};
	return CLI_FAILED;
}

/* take - the outcome of a call that has ended */
static enum cli_status
take(struct cli_pool *pool, const struct api_call *c, struct cli_val *value_out,
    struct cli_failure *why)
{
	bool ok;

	if (c->err != ERR_NONE)
		return take_failure(pool, &c->why, why);
	ok = c->rows != API_ROWS_NONE
		 ? thin_value_rows(pool, c, value_out)
		 : thin_value_make(pool, c->msg->result, c->result, value_out);
	if (ok)
		return CLI_OK;
	*why = (struct cli_failure){.code = NULL}; /* the pool is full */
	return CLI_FAILED;
}

enum cli_status
thin_call(void *ctx, struct cli_pool *pool, const char *method,
    const struct cli_val *args, size_t n, struct cli_val *value_out,
    struct cli_failure *why)
{
	struct thin_run *r = ctx;
	enum cli_status status;
	struct call *k;
	bool stop;

	*why = (struct cli_failure){.code = ""};
	pthread_mutex_lock(&r->thin->lock);
	stop = gone(r, method);
	pthread_mutex_unlock(&r->thin->lock);
	if (stop)
		return CLI_CANCELLED;
	k = call_new(r, method, args, n);
	if (k == NULL) {
		why->code = "the call is too large";
		return CLI_LOST;
	}
	api_dispatch(&k->api, r->store);
	if (!await(r, k))
		return CLI_CANCELLED;
	status = take(pool, &k->api, value_out, why);
	call_free(k);
	return status;
}

bool
thin_pause(struct thin_run *r, int64_t ms)
{
	struct thin *t = r->thin;
	struct timespec until;
	bool over;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&t->lock);
	over = r->cancelled;
	while (rc == 0 && r->cancelled == over && !t->ending)
		rc = pthread_cond_timedwait(&t->change, &t->lock, &until);
	over = r->cancelled || t->ending;
	pthread_mutex_unlock(&t->lock);
	return !over;
}
