/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_run - one command line: parsed, checked, run, reported
 */

/* System */
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

/* switch_key - what a switch with one dash stands for; NULL: unknown */
static const char *
switch_key(const char *word)
{
	static const char *const sw[][2] = {{"-s", "server"},
	    {"-u", "username"}, {"-pw", "password"}, {"-p", "port"},
	    {"-h", "server"}};
	size_t i;

	for (i = 0; i < sizeof(sw) / sizeof(sw[0]); i++)
		if (strcmp(sw[i][0], word) == 0)
			return sw[i][1];
	return NULL;
}

/* parse - words behind the command as keys and values */
static bool
parse(struct cli_run *r, const char *const *word, size_t n)
{
	struct cli_param *p = cli_pool_array(r->pool, n + 1, sizeof(*p));
	size_t i, k;

	if (p == NULL)
		return cli_fail_memory(r);
	r->param = p;
	for (i = 0; i < n; i++) {
		const char *w = word[i];

		if (strncmp(w, "--", 2) == 0) {
			*p = (struct cli_param){w + 2, "true"};
		} else if (w[0] == '-') {
			p->key = switch_key(w);
			if (p->key == NULL || ++i == n)
				return cli_fail_usage(r, "Syntax error: ");
			p->value = word[i];
		} else {
			k = strcspn(w, "=");
			p->key = cli_pool_text(r->pool, w, k);
			p->value = w[k] == '=' ? w + k + 1 : "";
		}
		if (p->key == NULL)
			return cli_fail_memory(r);
		p++;
		r->nparams++;
	}
	return true;
}

/* check - that the command exists and has what it needs */
static bool
check(struct cli_run *r, const char *name)
{
	const char *p;

	r->cmd = cli_command(name);
	if (r->cmd == NULL)
		return cli_fail_usage(r, "Unknown command: %s", name);
	for (p = r->cmd->required; *p != '\0';) {
		size_t n = strcspn(p, ",");
		const char *key = cli_pool_text(r->pool, p, n);

		if (key == NULL)
			return cli_fail_memory(r);
		if (cli_arg(r, key) == NULL)
			return cli_fail_usage(
			    r, "Required parameter not found: %s", key);
		p += n;
		p += *p == ',';
	}
	return true;
}

int
cli_run(const struct cli_env *env, struct cli_pool *pool,
    const char *const *words, size_t n)
{
	struct cli_run r = {.env = env, .pool = pool, .human = env->human};
	bool ok;

	if (n == 0 || strchr(words[0], '=') != NULL)
		ok = cli_fail_usage(&r, "Syntax error: ");
	else
		ok = parse(&r, words + 1, n - 1) && check(&r, words[0]);
	if (ok) {
		r.minimal = cli_arg_true(&r, "minimal");
		ok = r.cmd->run(&r);
	}
	if (ok) {
		cli_print_flush(&r);
		return 0;
	}
	cli_report_trouble(&r);
	return 1;
}

/* given - whether one of the words gives a value to a key */
static bool
given(const char *const *words, size_t n, const char *key, size_t len)
{
	size_t i;

	for (i = 1; i < n; i++) {
		const char *w = words[i];

		w += strncmp(w, "--", 2) == 0 ? 2 : 0;
		if (strncmp(w, key, len) == 0 &&
		    (w[len] == '=' || w[len] == '\0'))
			return true;
	}
	return false;
}

bool
cli_needs_session(const char *const *words, size_t n)
{
	const struct cli_cmd *c = n > 0 ? cli_command(words[0]) : NULL;
	const char *p;

	if (c == NULL || (c->flags & CLI_C_LOCAL))
		return false;
	for (p = c->required; *p != '\0'; p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (!given(words, n, p, len))
			return false;
		p += len;
	}
	return true;
}
