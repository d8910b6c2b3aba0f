/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "xen/hv_sim_ini.h"

#define SECTION_BYTES 300
#define BOM "\xef\xbb\xbf"
#define SIZE_MAX_KIB (1ull << 53)

/* inih knows neither line numbers in its callback nor empty sections: both
 * come from the function that reads lines for it. */
struct reading {
	FILE *file;
	const char *path;
	const struct hv_ini_calls *calls;
	unsigned line;
	bool cut; /* the last piece had no end of line */
	char section[SECTION_BYTES];
	char *why; /* empty: nothing is wrong so far */
	size_t why_bytes;
};

/* wrong - remember the first thing that is wrong */
static void
wrong(struct reading *rd, unsigned line, const char *what)
{
	if (rd->why[0] == '\0')
		(void)snprintf(
		    rd->why, rd->why_bytes, "%s:%u: %s", rd->path, line, what);
}

/* begin - a line that begins a section, at its '[' */
static void
begin(struct reading *rd, const char *s)
{
	const char *end = strchr(s, ']'), *what;
	size_t n;

	if (end == NULL)
		return; /* inih complains */
	for (s++; *s == ' '; s++)
		;
	n = (size_t)(end - s);
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (n >= sizeof rd->section) {
		wrong(rd, rd->line, "the section's name is too long");
		return;
	}
	memcpy(rd->section, s, n);
	rd->section[n] = '\0';
	if (!hv_utf8_ok(rd->section, n)) {
		wrong(rd, rd->line, "the section's name is not UTF-8");
		return;
	}
	if (rd->calls->section == NULL)
		return;
	what = rd->calls->section(rd->calls->ctx, rd->section, rd->line);
	if (what != NULL)
		wrong(rd, rd->line, what);
}

/* next_line - inih's way to a line, as fgets */
static char *
next_line(char *s, int room, void *ctx)
{
	struct reading *rd = ctx;
	const char *p;
	size_t n;
	int c;

	if (fgets(s, room, rd->file) == NULL)
		return NULL;
	n = strlen(s);
	rd->line++;
	if (n + 1 >= (size_t)room && s[n - 1] != '\n') {
		wrong(rd, rd->line, "the line is too long");
		do {
			c = getc(rd->file);
		} while (c != '\n' && c != EOF);
	}
	p = rd->line == 1 && strncmp(s, BOM, strlen(BOM)) == 0 ? s + strlen(BOM)
							       : s;
	for (; isspace((unsigned char)*p); p++)
		;
	if (*p == '[')
		begin(rd, p);
	return s;
}

static int
one_key(void *ctx, const char *section, const char *key, const char *value)
{
	struct reading *rd = ctx;
	const char *what = NULL;

	(void)section; /* cut at 49 bytes: ours is whole */
	if (rd->why[0] != '\0')
		return 1;
	if (!hv_utf8_ok(key, strlen(key)) || !hv_utf8_ok(value, strlen(value)))
		what = "not UTF-8";
	else
		what = rd->calls->key(
		    rd->calls->ctx, rd->section, key, value, rd->line);
	if (what != NULL)
		wrong(rd, rd->line, what);
	return 1;
}

int
hv_ini_read(const char *path, const struct hv_ini_calls *calls, char *why,
    size_t why_bytes)
{
	struct reading rd = {
	    .path = path, .calls = calls, .why = why, .why_bytes = why_bytes};
	int r;

	why[0] = '\0';
	rd.file = fopen(path, "re");
	if (rd.file == NULL) {
		(void)snprintf(
		    why, why_bytes, "%s: %s", path, strerrordesc_np(errno));
		return -1;
	}
	r = ini_parse_stream(next_line, &rd, one_key, &rd);
	if (ferror(rd.file))
		(void)snprintf(why, why_bytes, "%s: cannot be read", path);
	(void)fclose(rd.file); /* only read */
	if (r > 0)
		wrong(&rd, (unsigned)r, "neither [section] nor key = value");
	else if (r < 0)
		wrong(&rd, rd.line, "out of memory");
	return why[0] == '\0' ? 0 : -1;
}

bool
hv_parse_size(const char *text, uint64_t *kib_out)
{
	static const struct {
		const char *unit;
		unsigned shift;
	} units[] = {{"KiB", 0}, {"MiB", 10}, {"GiB", 20}, {"TiB", 30}};
	uint64_t v = 0;
	const char *p = text;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > SIZE_MAX_KIB)
			return false;
	}
	while (*p == ' ')
		p++;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcmp(p, units[i].unit) != 0)
			continue;
		if (v > SIZE_MAX_KIB >> units[i].shift)
			return false;
		*kib_out = v << units[i].shift;
		return true;
	}
	return false;
}
