/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_call - calls, and calls that are waited for as tasks
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

#define POLL_POOL_BYTES (1u << 20)

bool
cli_call(struct cli_run *r, const char *method, const struct cli_val *args,
    size_t n, struct cli_val *value_out)
{
	const struct cli_ops *ops = r->env->ops;

	r->status = ops->call(
	    r->env->ctx, r->pool, method, args, n, value_out, &r->why);
	if (r->status == CLI_OK)
		return true;
	r->trouble = CLI_T_CALL;
	if (r->status == CLI_FAILED && r->why.code == NULL)
		r->trouble = CLI_T_MEMORY;
	return false;
}

bool
cli_call_ref(struct cli_run *r, const char *method, const char *ref,
    struct cli_val *value_out)
{
	struct cli_val arg = cli_val_text(ref);

	return cli_call(r, method, &arg, 1, value_out);
}

/* poll - how far the task is; in a pool of its own, as there may be many */
static bool
poll_task(struct cli_run *r, const char *task, bool *pending_out,
    double *progress_out)
{
	struct cli_pool *mine = r->pool;
	struct cli_val v;
	bool ok;

	r->pool = cli_pool_new(POLL_POOL_BYTES);
	if (r->pool == NULL) {
		r->pool = mine;
		return cli_fail_memory(r);
	}
	ok = cli_call_ref(r, "task.get_status", task, &v);
	if (ok)
		*pending_out = strcmp(cli_val_str(&v), "pending") == 0 ||
			       strcmp(cli_val_str(&v), "cancelling") == 0;
	if (ok && *pending_out &&
	    cli_call_ref(r, "task.get_progress", task, &v))
		*progress_out = v.kind == CLI_FLOAT ? v.f : 0;
	if (!ok) /* the reason must outlive the pool */
		r->why = (struct cli_failure){
		    cli_pool_text(mine, r->why.code, strlen(r->why.code)), NULL,
		    0};
	if (r->why.code == NULL)
		r->trouble = CLI_T_MEMORY;
	cli_pool_free(&r->pool);
	r->pool = mine;
	return ok;
}

/* result - what a task that succeeded returned: text inside of one element */
static bool
result(struct cli_run *r, const char *task, struct cli_val *value_out)
{
	const char *text, *end;
	struct cli_val v;

	if (!cli_call_ref(r, "task.get_result", task, &v))
		return false;
	text = cli_val_str(&v);
	end = strstr(text, "</value>");
	if (strncmp(text, "<value>", strlen("<value>")) != 0 || end == NULL)
		end = text += strlen(text); /* there is none */
	else
		text += strlen("<value>");
	text = cli_pool_text(r->pool, text, (size_t)(end - text));
	if (text == NULL)
		return cli_fail_memory(r);
	*value_out = cli_val_text(text);
	return true;
}

/* outcome - what a finished task came to */
static bool
outcome(struct cli_run *r, const char *task, struct cli_val *value_out)
{
	struct cli_val v;
	const char **param;
	size_t i;

	if (!cli_call_ref(r, "task.get_status", task, &v))
		return false;
	if (strcmp(cli_val_str(&v), "success") == 0)
		return result(r, task, value_out);
	r->trouble = CLI_T_CALL;
	r->status = CLI_CANCELLED;
	if (strcmp(cli_val_str(&v), "failure") != 0)
		return false;
	if (!cli_call_ref(r, "task.get_error_info", task, &v))
		return false;
	r->trouble = CLI_T_CALL;
	r->status = CLI_FAILED;
	r->why = (struct cli_failure){"INTERNAL_ERROR", NULL, 0};
	if (v.kind != CLI_ARRAY || v.n == 0)
		return false;
	param = cli_pool_array(r->pool, v.n, sizeof(*param));
	if (param == NULL)
		return cli_fail_memory(r);
	for (i = 1; i < v.n; i++)
		param[i - 1] = cli_val_str(&v.item[i]);
	r->why = (struct cli_failure){cli_val_str(&v.item[0]), param, v.n - 1};
	return false;
}

/* follow - until the task has ended, telling the user how far it is */
static bool
follow(struct cli_run *r, const char *task, const char *label,
    struct cli_val *value_out)
{
	const struct cli_env *env = r->env;
	bool pending = true, asked = false;
	double progress = 0;
	struct cli_val none;

	for (;;) {
		if (!poll_task(r, task, &pending, &progress))
			return false;
		if (!pending)
			break;
		if (!env->ops->wait(env->ctx, label, progress) && !asked) {
			asked = true;
			if (!cli_call_ref(r, "task.cancel", task, &none))
				return false;
		}
	}
	(void)env->ops->wait(env->ctx, NULL, 1.0); /* clears the line */
	return outcome(r, task, value_out);
}

bool
cli_call_slow(struct cli_run *r, const char *method, const char *label,
    const struct cli_val *args, size_t n, struct cli_val *value_out)
{
	struct cli_val task, none;
	enum cli_trouble trouble;
	struct cli_failure why;
	enum cli_status status;
	const char *async;
	bool ok;

	if (r->env->ops->wait == NULL)
		return cli_call(r, method, args, n, value_out);
	async = cli_pool_printf(r->pool, "Async.%s", method);
	if (async == NULL)
		return cli_fail_memory(r);
	if (!cli_call(r, async, args, n, &task)) {
		if (r->status != CLI_FAILED || r->trouble == CLI_T_MEMORY ||
		    strcmp(r->why.code, "MESSAGE_METHOD_UNKNOWN") != 0)
			return false;
		r->trouble = CLI_FINE; /* a server without tasks */
		return cli_call(r, method, args, n, value_out);
	}
	ok = follow(r, cli_val_str(&task), label, value_out);
	trouble = r->trouble;
	status = r->status;
	why = r->why;
	/* The task's own outcome counts, not that of tidying up. */
	(void)cli_call_ref(r, "task.destroy", cli_val_str(&task), &none);
	r->trouble = trouble;
	r->status = status;
	r->why = why;
	return ok;
}
