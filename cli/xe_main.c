/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_main - xe-memory: runs one command against a XenAPI server
 */

/* System */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Cli */
#include "cli/xe.h"

static void
print_line(void *ctx, const char *line)
{
	(void)ctx; /* there is one standard output */
	puts(line);
}

static void
print_err(void *ctx, const char *text)
{
	(void)ctx; /* there is one standard error */
	fflush(stdout);
	fputs(text, stderr);
}

static void
print_error(void *ctx, const char *code, const char *const *param, size_t n)
{
	size_t i;

	(void)ctx; /* there is one standard error */
	fflush(stdout);
	fprintf(stderr, "Error code: %s\nError parameters: ", code);
	for (i = 0; i < n; i++)
		fprintf(stderr, "%s%s", i > 0 ? ", " : "", param[i]);
	fputc('\n', stderr);
}

/* run - log in if the command needs it, run it */
static int
run(struct xe_conf *c, struct cli_env *env, struct cli_pool *pool)
{
	bool top = c->n > 0 && strcmp(c->word[0], "top") == 0;
	struct cli_failure why;
	struct xe_link *link;
	enum cli_status status;
	const char *text;
	int rc = 1;

	if (!top && !cli_needs_session(c->word, c->n))
		return cli_run(env, pool, c->word, c->n);
	c->stop = top ? xe_top_stop : NULL;
	if (!xe_conf_password(c, &text) ||
	    (link = xe_link_new(c, &text)) == NULL) {
		fprintf(stderr, "Error: %s\n", text);
		return 1;
	}
	env->ctx = link;
	status = xe_link_login(link, pool, &why);
	if (status != CLI_OK)
		cli_report(env, pool, status, &why);
	else if (top)
		rc = xe_top(env);
	else
		rc = cli_run(env, pool, c->word, c->n);
	xe_link_free(&link);
	return rc;
}

/* alone - words that need no server; -1: none of these */
static int
alone(const struct xe_conf *c)
{
	if (c->n == 0) {
		xe_usage();
		return 0;
	}
	if (strcmp(c->word[0], "--print-man") == 0) {
		xe_print_man();
		return 0;
	}
	if (strcmp(c->word[0], "--print-completion") == 0) {
		xe_print_completion();
		return 0;
	}
	if (strcmp(c->word[0], "--help") == 0) {
		xe_usage();
		return 0;
	}
	if (c->word[0][0] == '-') {
		fprintf(stderr,
		    "Error: unknown option %s; xe-memory --help lists them\n",
		    c->word[0]);
		return 1;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct cli_ops ops = {.call = xe_link_call,
	    .print = print_line,
	    .print_err = print_err,
	    .error = print_error};
	struct cli_env env = {
	    .ops = &ops, .explain = true, .program = "xe-memory"};
	struct cli_pool *pool = cli_pool_new(CLI_POOL_MAX_BYTES);
	struct xe_conf conf;
	const char *text;
	int rc = 1;

	(void)setlocale(LC_CTYPE, ""); /* for names on the screen of top */
	if (!xe_conf_read(&conf, argc, argv, &text) || pool == NULL) {
		fprintf(stderr, "Error: %s\n",
		    pool == NULL ? "out of memory" : text);
	} else {
		env.human = conf.human;
		env.user = conf.user != NULL ? conf.user : "root";
		if (isatty(STDERR_FILENO))
			ops.wait = xe_wait;
		rc = alone(&conf);
		if (rc < 0)
			rc = run(&conf, &env, pool);
	}
	cli_pool_free(&pool);
	xe_conf_free(&conf);
	if (fflush(stdout) != 0 || ferror(stdout))
		rc = 1;
	return rc;
}
