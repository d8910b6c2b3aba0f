/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_work - a command from login to exit status, in a thread of the pool
 */

/* System */
#include <string.h>

/* Own */
#include "server/cli_priv.h"

#define POOL_BYTES ((size_t)128 << 20) /* values of a command */
#define OUT_BYTES ((size_t)64 << 20)
#define API_VERSION "2.21"
#define ORIGINATOR "cli"
#define PAUSE_MS 20 /* between looks at a task, growing to */
#define PAUSE_MAX_MS 500

/* ---- struct cli_ops; ctx is the struct thin_run ---- */

static void
print(void *ctx, const char *line)
{
	struct thin_run *r = ctx;

	thin_put_print(&r->out, line);
}

static void
print_err(void *ctx, const char *text)
{
	struct thin_run *r = ctx;

	thin_put_print_err(&r->out, text);
}

static void
put_error(void *ctx, const char *code, const char *const *param, size_t n)
{
	struct thin_run *r = ctx;

	thin_put_error(&r->out, code, param, n);
}

/* wait - between two looks at a task; the client sees no progress */
static bool
wait(void *ctx, const char *label, double fraction)
{
	struct thin_run *r = ctx;

	(void)fraction;
	if (label == NULL) {
		r->pause_ms = PAUSE_MS;
		return true;
	}
	if (r->pause_ms * 2 <= PAUSE_MAX_MS)
		r->pause_ms *= 2;
	return thin_pause(r, r->pause_ms);
}

static const struct cli_ops ops = {
    .call = thin_call,
    .print = print,
    .print_err = print_err,
    .error = put_error,
    .wait = wait,
};

/* ---- the command ---- */

/* login - a session of the command's own; false: said why not */
static bool
login(struct thin_run *r, const struct cli_env *env, struct cli_pool *pool)
{
	const struct cli_val args[] = {
	    cli_val_text(env->user),
	    cli_val_text(r->rq.password),
	    cli_val_text(API_VERSION),
	    cli_val_text(ORIGINATOR),
	};
	struct cli_failure why;
	struct cli_val session;
	enum cli_status status =
	    thin_call(r, pool, "session.login_with_password", args,
		sizeof args / sizeof *args, &session, &why);

	if (status != CLI_OK) {
		cli_report(env, pool, status, &why);
		return false;
	}
	r->session = cli_val_str(&session);
	return true;
}

/* logout - end the session that login made; it goes by itself if it cannot */
static void
logout(struct thin_run *r, struct cli_pool *pool)
{
	struct cli_failure why;
	struct cli_val none;

	(void)thin_call(r, pool, "session.logout", NULL, 0, &none, &why);
}

/* command - returns the exit status */
static int
command(struct thin_run *r, struct cli_pool *pool)
{
	const struct thin_request *rq = &r->rq;
	const char *user = r->local && rq->user[0] == '\0' ? "root" : rq->user;
	const struct cli_env env = {.ops = &ops, .ctx = r, .user = user};
	int status;

	if (rq->session != NULL) {
		r->session = rq->session;
		return cli_run(&env, pool, rq->word, rq->n);
	}
	if (!cli_needs_session(rq->word, rq->n))
		return cli_run(&env, pool, rq->word, rq->n);
	if (!login(r, &env, pool))
		return 1;
	status = cli_run(&env, pool, rq->word, rq->n);
	logout(r, pool);
	return status;
}

/* say_only - instead of all that was said */
static void
say_only(struct thin_run *r, const char *text)
{
	http_buf_reset(&r->out, 0);
	thin_put_print_err(&r->out, text);
}

void
thin_work(void *item)
{
	struct thin_run *r = item;
	struct cli_pool *pool = cli_pool_new(POOL_BYTES);
	int status = 1;

	http_buf_init(&r->out, OUT_BYTES);
	r->session = "";
	r->pause_ms = PAUSE_MS;
	r->store = fld_reader_new(r->thin->env->store);
	if (pool == NULL || r->store == NULL)
		say_only(r, "Error: out of memory\n");
	else
		status = command(r, pool);
	cli_pool_free(&pool);
	if (r->store != NULL)
		fld_reader_free(&r->store);
	if (r->out.failed) {
		say_only(r, "Error: the output is too long\n");
		status = 1;
	}
	thin_put_exit(&r->out, status);
	thin_request_free(&r->rq);
	http_loop_post(r->loop, &r->post); /* r is the loop's again */
}
