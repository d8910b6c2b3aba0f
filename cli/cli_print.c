/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_print - lists, messages and tables, as xe lays them out
 *
 * With --minimal nothing is printed before the end: lists and the first fields
 * of records are joined with commas, messages are dropped, and whatever was
 * printed later comes first, as xe does.
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

static bool
hold(struct cli_run *r, const char *line)
{
	r->held = r->held == NULL
		      ? line
		      : cli_pool_printf(r->pool, "%s,%s", line, r->held);
	return r->held != NULL ? true : cli_fail_memory(r);
}

/* escaped_joined - commas and backslashes escaped, commas between */
static const char *
escaped_joined(struct cli_run *r, const char *const *part, size_t n)
{
	size_t i, room = 1;
	const char *s;
	char *text, *at;

	for (i = 0; i < n; i++)
		room += 2 * strlen(part[i]) + 1;
	at = text = cli_pool_get(r->pool, room);
	if (text == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ',';
		for (s = part[i]; *s != '\0'; s++) {
			if (*s == ',' || *s == '\\')
				*at++ = '\\';
			*at++ = *s;
		}
	}
	return text;
}

bool
cli_print_firsts(struct cli_run *r, const char *const *value, size_t n)
{
	const char *line;

	if (n == 0)
		return true;
	line = escaped_joined(r, value, n);
	return line != NULL ? hold(r, line) : cli_fail_memory(r);
}

bool
cli_print_list(struct cli_run *r, const char *const *line, size_t n)
{
	const char *joined;
	size_t i;

	if (r->minimal) {
		joined = escaped_joined(r, line, n);
		return joined != NULL ? hold(r, joined) : cli_fail_memory(r);
	}
	for (i = 0; i < n; i++)
		r->env->ops->print(r->env->ctx, line[i]);
	return true;
}

bool
cli_print_message(struct cli_run *r, const char *line)
{
	if (!r->minimal)
		r->env->ops->print(r->env->ctx, line);
	return true;
}

bool
cli_print_table(struct cli_run *r, const char *const *label,
    const char *const *value, size_t n)
{
	size_t i, width = 0, room = 3;
	char *text, *at;

	if (r->minimal)
		return cli_print_firsts(r, value, n > 0 ? 1 : 0);
	for (i = 0; i < n; i++)
		if (strlen(label[i]) > width)
			width = strlen(label[i]);
	width += 4;
	for (i = 0; i < n; i++)
		room += width + 3 + strlen(value[i]);
	at = text = cli_pool_get(r->pool, room);
	if (text == NULL)
		return cli_fail_memory(r);
	for (i = 0; i < n; i++) {
		size_t pad = width - strlen(label[i]);

		if (i == 0) {
			at = stpcpy(at, label[i]);
			memset(at, ' ', pad);
			at += pad;
		} else {
			memset(at, ' ', pad);
			at = stpcpy(at + pad, label[i]);
		}
		at = stpcpy(
		    stpcpy(stpcpy(at, ": "), value[i]), i + 1 < n ? "\n" : "");
	}
	/* The record ends in a newline, and the printer adds another one. */
	(void)stpcpy(at, "\n\n");
	r->env->ops->print(r->env->ctx, text);
	return true;
}

void
cli_print_flush(struct cli_run *r)
{
	if (r->minimal)
		r->env->ops->print(r->env->ctx, r->held != NULL ? r->held : "");
}

const char *
cli_print_human(struct cli_pool *pool, int64_t bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes;
	size_t i = 0;
	char text[32];
	size_t n;

	while ((v >= 1024 || v <= -1024) && i < 4) {
		v /= 1024;
		i++;
	}
	if (i == 0)
		return cli_pool_printf(pool, "%" PRId64 " B", bytes);
	(void)snprintf(text, sizeof(text), "%.2f", v); /* fits: v < 10^8 */
	n = strlen(text);
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	return cli_pool_printf(pool, "%.*s %s", (int)n, text, unit[i]);
}
