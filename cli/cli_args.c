/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_args - words of the command line, and sizes among them
 */

/* System */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Cli */
#include "cli/cli_priv.h"

bool
cli_names_has(const char *names, const char *name)
{
	size_t n = strlen(name);
	const char *p = names;

	while (*p != '\0') {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len;
		p += *p == ',';
	}
	return false;
}

const char *
cli_arg(const struct cli_run *r, const char *key)
{
	size_t i;

	for (i = 0; i < r->nparams; i++)
		if (strcmp(r->param[i].key, key) == 0)
			return r->param[i].value;
	return NULL;
}

bool
cli_arg_true(const struct cli_run *r, const char *key)
{
	static const char *const yes[] = {"true", "t", "yes", "y", "1"};
	const char *v = cli_arg(r, key);
	size_t i;

	for (i = 0; v != NULL && i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(v, yes[i]) == 0)
			return true;
	return false;
}

bool
cli_arg_is_standard(const char *key)
{
	return cli_names_has("server,password,port,username,minimal,force,"
			     "multiple,all,message-priority,trace",
	    key);
}

/* shift_of - the power of two that a suffix stands for; -1: none */
static int
shift_of(const char *s)
{
	static const struct {
		const char *names;
		int shift;
	} suffix[] = {{",b,bytes", 0}, {"k,kb,kib", 10}, {"m,mb,mib", 20},
	    {"g,gb,gib", 30}, {"t,tb,tib", 40}};
	char low[8];
	size_t i, n = strlen(s);

	if (n == 0)
		return 0;
	if (n >= sizeof(low))
		return -1;
	for (i = 0; i <= n; i++)
		low[i] = (char)tolower((unsigned char)s[i]);
	for (i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++)
		if (cli_names_has(suffix[i].names, low))
			return suffix[i].shift;
	return -1;
}

/* human_bytes - "1.5 GiB", for --human: digits, a point, digits, a suffix */
static bool
human_bytes(const char *text, int64_t *bytes_out)
{
	const char *p = text;
	unsigned __int128 n = 0, scale = 1;
	bool point = false, any = false;
	int shift;

	for (; isdigit((unsigned char)*p) || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		any = true;
		n = n * 10 + (unsigned)(*p - '0');
		scale *= point ? 10u : 1u;
		if (n > INT64_MAX || scale > INT64_MAX / 10)
			return false;
	}
	while (*p == ' ')
		p++;
	shift = shift_of(p);
	if (!any || shift < 0 || (n << shift) / scale > INT64_MAX)
		return false;
	*bytes_out = (int64_t)((n << shift) / scale);
	return true;
}

bool
cli_parse_bytes(
    struct cli_run *r, const char *key, const char *text, int64_t *bytes_out)
{
	const char *p = text;
	uint64_t n = 0;
	int shift;

	while (*p == ' ' || *p == '\t')
		p++;
	if (r->human && human_bytes(p, bytes_out))
		return true;
	if (!isdigit((unsigned char)*p))
		goto out;
	for (; isdigit((unsigned char)*p); p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > INT64_MAX)
			goto out;
	}
	while (*p == ' ' || *p == '\t')
		p++;
	shift = shift_of(p);
	if (shift < 0 || n > (uint64_t)INT64_MAX >> shift)
		goto out;
	*bytes_out = (int64_t)(n << shift);
	return true;
out:
	return cli_fail_local(r,
	    "Failed to parse field '%s': expecting an integer (possibly with "
	    "suffix KiB, MiB, GiB, TiB), got '%s'",
	    key, text);
}

bool
cli_arg_bytes(struct cli_run *r, const char *key, int64_t *bytes_out)
{
	const char *text = cli_arg(r, key);

	return cli_parse_bytes(r, key, text != NULL ? text : "", bytes_out);
}

bool
cli_arg_int(struct cli_run *r, const char *key, int64_t *n_out)
{
	const char *word = cli_arg(r, key);
	struct cli_val text = cli_val_text(word != NULL ? word : "");

	return cli_val_int(&text, n_out) ||
	       cli_fail_local(r,
		   "Failed to parse parameter '%s': expecting an integer", key);
}
