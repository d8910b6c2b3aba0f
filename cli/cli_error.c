/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_error - why a command failed, in words
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"
#include "cli/cli_table.h"

const char *
cli_program(const struct cli_run *r)
{
	return r->env->program != NULL ? r->env->program : "xe";
}

/* print_hint - how to get help */
static void
print_hint(struct cli_run *r)
{
	const char *text = cli_pool_printf(
	    r->pool, "For usage run: '%s help'\n", cli_program(r));

	if (text != NULL) /* the reason has been printed */
		r->env->ops->print_err(r->env->ctx, text);
}

/* say - what is wrong, for people; longer texts are cut */
static void
say(struct cli_run *r, enum cli_trouble trouble, const char *fmt, va_list ap)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	r->text = cli_pool_text(r->pool, text, strlen(text));
	r->trouble = r->text != NULL ? trouble : CLI_T_MEMORY;
}

void
cli_say_local(struct cli_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, CLI_T_LOCAL, fmt, ap);
	va_end(ap);
}

void
cli_say_usage(struct cli_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, CLI_T_USAGE, fmt, ap);
	va_end(ap);
}

void
cli_say_param(struct cli_run *r, const char *name)
{
	const char **param = cli_pool_get(r->pool, sizeof(*param));

	if (param == NULL) {
		cli_say_memory(r);
		return;
	}
	param[0] = name;
	r->trouble = CLI_T_CALL;
	r->status = CLI_FAILED;
	r->why = (struct cli_failure){"Missing parameter", param, 1};
}

void
cli_say_memory(struct cli_run *r)
{
	r->trouble = CLI_T_MEMORY;
}

static const struct cli_error *
error_row(const char *code)
{
	size_t i;

	for (i = 0; i < cli_nerrors; i++)
		if (strcmp(cli_errors[i].code, code) == 0)
			return &cli_errors[i];
	return NULL;
}

/* sized - bytes as people read them, with --human */
static const char *
sized(struct cli_run *r, const char *param)
{
	struct cli_val v = cli_val_text(param);
	const char *text = NULL;
	int64_t bytes;

	if (r->human && cli_val_int(&v, &bytes))
		text = cli_print_human(r->pool, bytes);
	return text != NULL ? text : param;
}

/* named - a ref as "uuid (name)", anything else as it is */
static const char *
named(struct cli_run *r, const char *cls, const char *param)
{
	static const char *const guess[] = {"VM", "host", "task"};
	const struct cli_val *record = NULL, *name;
	const char *uuid;
	size_t i;

	if (strcmp(cls, "bytes") == 0)
		return sized(r, param);
	if (strncmp(param, "OpaqueRef:", 10) != 0)
		return param;
	if (cls[0] != '\0' && strcmp(cls, "any") != 0) {
		if (!cli_cache_record(r, cls, param, &record))
			return param;
	} else {
		for (i = 0; i < 3 && record == NULL; i++)
			if (!cli_cache_record(r, guess[i], param, &record))
				return param;
	}
	if (cli_val_member(record, "uuid") == NULL)
		return param;
	uuid = cli_val_str(cli_val_member(record, "uuid"));
	name = cli_val_member(record, "name_label");
	uuid = name == NULL ? uuid
			    : cli_pool_printf(
				  r->pool, "%s (%s)", uuid, cli_val_str(name));
	return uuid != NULL ? uuid : param;
}

/* named_all - the parameters of a failure, refs replaced; in the pool */
static const char *const *
named_all(
    struct cli_run *r, const struct cli_failure *why, const struct cli_error *e)
{
	const char **p = cli_pool_array(r->pool, why->n + 1, sizeof(*p));
	bool dead = strcmp(why->code, "SESSION_INVALID") == 0 ||
		    strcmp(why->code, "HANDLE_INVALID") == 0;
	size_t i, at;

	if (p == NULL)
		return why->param;
	for (i = 0; i < why->n; i++) {
		at = e != NULL && e->variadic && i >= e->n ? e->n - 1 : i;
		p[i] = dead
			   ? why->param[i]
			   : named(r, e != NULL && at < e->n ? e->kind[at] : "",
				 why->param[i]);
	}
	return p;
}

/* param_name - what parameter i of an error is called */
static const char *
param_name(const struct cli_error *e, size_t i)
{
	if (strcmp(e->code, "VMS_FAILED_TO_COOPERATE") == 0)
		return "VM";
	if (i < e->n)
		return e->param[i];
	return e->variadic && e->n > 0 ? e->param[e->n - 1] : "<extra>";
}

const char *
cli_failure_text(struct cli_run *r, const struct cli_failure *why)
{
	const struct cli_error *e = error_row(why->code);
	const char *const *param;
	const char *text;
	size_t i, n;

	if (e == NULL)
		return NULL;
	param = named_all(r, why, e);
	text = e->sentence;
	n = why->n > e->n || e->variadic ? why->n : e->n;
	for (i = 0; i < n && text != NULL; i++)
		text = cli_pool_printf(r->pool, "%s\n%s: %s", text,
		    param_name(e, i), i < why->n ? param[i] : "<unknown>");
	return text;
}

/* report_call - a message that failed */
static void
report_call(struct cli_run *r)
{
	const struct cli_ops *ops = r->env->ops;
	struct cli_failure why = r->why;
	const char *text;

	if (strcmp(why.code, "SESSION_AUTHENTICATION_FAILED") == 0) {
		ops->print_err(
		    r->env->ctx, why.n > 0 && why.param[0][0] == '\0'
				     ? "Username/password must be specified\n"
				     : "Authentication failed\n");
		print_hint(r);
		return;
	}
	text = cli_failure_text(r, &why);
	if (text != NULL)
		text = cli_pool_printf(r->pool, "%s\n%s", text, cli_explain(r));
	if (text != NULL)
		ops->print_err(r->env->ctx, text);
	else
		ops->error(
		    r->env->ctx, why.code, named_all(r, &why, NULL), why.n);
}

void
cli_report_trouble(struct cli_run *r)
{
	const struct cli_ops *ops = r->env->ops;
	const char *text = NULL;

	switch (r->trouble) {
	case CLI_T_CALL:
		if (r->status == CLI_FAILED)
			report_call(r);
		else if (r->status == CLI_LOST)
			text = cli_pool_printf(
			    r->pool, "Error: %s\n", r->why.code);
		else
			ops->print_err(r->env->ctx, "Cancelled\n");
		break;
	case CLI_T_LOCAL:
		text = cli_pool_printf(r->pool, "Error: %s\n", r->text);
		break;
	case CLI_T_USAGE:
		text = cli_pool_printf(r->pool, "%s\n", r->text);
		if (text == NULL)
			break;
		ops->print_err(r->env->ctx, text);
		print_hint(r);
		return;
	default:
		break;
	}
	if (text != NULL)
		ops->print_err(r->env->ctx, text);
	if (r->trouble == CLI_T_MEMORY ||
	    (text == NULL && cli_pool_failed(r->pool)))
		ops->print_err(r->env->ctx, "Error: out of memory\n");
}

void
cli_report(const struct cli_env *env, struct cli_pool *pool,
    enum cli_status status, const struct cli_failure *why)
{
	struct cli_run r = {.env = env,
	    .pool = pool,
	    .human = env->human,
	    .trouble = CLI_T_CALL,
	    .status = status,
	    .why = *why};

	cli_report_trouble(&r);
}

/* limit - a limit as the command would set it, or as the record has it */
static bool
limit(struct cli_run *r, const char *bound, int64_t *bytes_out)
{
	static const struct {
		const char *command, *word, *bound;
	} words[] = {
	    {"vm-memory-dynamic-range-set", "min", "dynamic_min"},
	    {"vm-memory-dynamic-range-set", "max", "dynamic_max"},
	    {"vm-memory-static-range-set", "min", "static_min"},
	    {"vm-memory-static-range-set", "max", "static_max"},
	    {"vm-memory-limits-set", "static-min", "static_min"},
	    {"vm-memory-limits-set", "static-max", "static_max"},
	    {"vm-memory-limits-set", "dynamic-min", "dynamic_min"},
	    {"vm-memory-limits-set", "dynamic-max", "dynamic_max"},
	    {"vm-memory-set", "memory", "dynamic_min"},
	    {"vm-memory-set", "memory", "dynamic_max"},
	    {"vm-memory-set", "memory", "static_max"},
	    {"vm-memory-target-set", "target", "dynamic_min"},
	    {"vm-memory-target-set", "target", "dynamic_max"},
	    {"vm-memory-balloon", "target", "dynamic_min"},
	    {"vm-memory-balloon", "target", "dynamic_max"},
	    {"vm-param-set", "memory-static-min", "static_min"},
	    {"vm-param-set", "memory-static-max", "static_max"},
	    {"vm-param-set", "memory-dynamic-min", "dynamic_min"},
	    {"vm-param-set", "memory-dynamic-max", "dynamic_max"},
	};
	const char *member;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].command, r->cmd->name) == 0 &&
		    strcmp(words[i].bound, bound) == 0 &&
		    cli_arg(r, words[i].word) != NULL)
			return cli_arg_bytes(r, words[i].word, bytes_out);
	member = cli_pool_printf(r->pool, "memory_%s", bound);
	return member != NULL &&
	       cli_val_int(cli_val_member(r->at->record, member), bytes_out);
}

const char *
cli_explain(struct cli_run *r)
{
	static const char *const bound[] = {
	    "static_min", "dynamic_min", "dynamic_max", "static_max"};
	const char *text = "", *more;
	int64_t low, high;
	size_t i;

	if (!r->env->explain || r->at == NULL || r->cmd == NULL ||
	    strcmp(r->why.code, "MEMORY_CONSTRAINT_VIOLATION_ORDER") != 0)
		return "";
	for (i = 0; i < 3; i++) {
		if (!limit(r, bound[i], &low) || !limit(r, bound[i + 1], &high))
			return "";
		if (low <= high)
			continue;
		more = cli_pool_printf(r->pool,
		    "%s%s would be %" PRId64 " (%s), above %s, %" PRId64
		    " (%s)\n",
		    text, bound[i], low, cli_print_human(r->pool, low),
		    bound[i + 1], high, cli_print_human(r->pool, high));
		if (more != NULL)
			text = more;
	}
	return text;
}
