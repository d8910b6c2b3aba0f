/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_main - reads the IDL, runs the passes, writes all files or none
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"
#include "api/idlc/idlc_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int idlc_errors;

static const char *source_file = "idlc";

static const struct output {
	const char *name;
	const char *comment; /* printf format of its first line */
	void (*emit)(const struct idlc_tree *t, FILE *f);
} outputs[] = {
    {"idl_errors.h", "/* generated from %s, do not edit */\n",
	idlc_emit_errors_h},
    {"idl_types.h", "/* generated from %s, do not edit */\n",
	idlc_emit_types_h},
    {"idl_tables.c", "/* generated from %s, do not edit */\n",
	idlc_emit_tables_c},
    {"api_handlers.h", "/* generated from %s, do not edit */\n",
	idlc_emit_handlers_h},
    {"api_rows.c", "/* generated from %s, do not edit */\n", idlc_emit_rows_c},
    {"schema.sql", "-- generated from %s, do not edit\n", idlc_emit_schema_sql},
    {"cli_errors.c", "/* generated from %s, do not edit */\n",
	idlc_emit_cli_errors_c},
    {"manual.md", "<!-- generated from %s, do not edit -->\n",
	idlc_emit_manual_md},
};
#define NOUTPUTS (sizeof(outputs) / sizeof(outputs[0]))

static void
report(int line, const char *fmt, va_list ap)
{
	fprintf(stderr, "%s:%d: ", source_file, line);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	idlc_errors++;
}

void
idlc_die(int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(line, fmt, ap);
	va_end(ap);
	exit(1);
}

void
idlc_complain(int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(line, fmt, ap);
	va_end(ap);
}

/* fatal - the world is wrong: say so and end */
static _Noreturn void
fatal(const char *what, const char *name)
{
	fprintf(stderr, "idlc: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

void *
idlc_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (p == NULL)
		fatal("allocate", "memory");
	return p;
}

char *
idlc_text(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		fatal("allocate", "memory");
	va_end(ap);
	return s;
}

/* recase - a copy with letters of one case and '_' for all other signs */
static const char *
recase(const char *s, char from, int shift)
{
	char *copy = idlc_text("%s", s);
	char *p;

	for (p = copy; *p != '\0'; p++) {
		if (*p >= from && *p <= from + 25)
			*p = (char)(*p + shift);
		else if (!(*p >= 'a' && *p <= 'z') &&
			 !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9'))
			*p = '_';
	}
	return copy;
}

const char *
idlc_lower(const char *s)
{
	return recase(s, 'A', 'a' - 'A');
}

const char *
idlc_upper(const char *s)
{
	return recase(s, 'a', 'A' - 'a');
}

const char *
idlc_quoted(const char *s)
{
	char *q = idlc_alloc(2 * strlen(s) + 3);
	char *out = q;

	*out++ = '"';
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			*out++ = '\\';
		*out++ = *s;
	}
	*out = '"';
	return q;
}

void
idlc_append(void *list, void *item)
{
	/* Every listed struct starts with its next pointer. */
	struct link {
		struct link *next;
	} *l = item, **at = list;

	while (*at != NULL)
		at = &(*at)->next;
	*at = l;
}

/* read_file - the whole text of a file; a NUL in it is an error */
static const char *
read_file(const char *name)
{
	size_t used = 0, room = 65536;
	char *text = idlc_alloc(room);
	FILE *f = fopen(name, "r");
	size_t n;

	if (f == NULL)
		fatal("open", name);
	while ((n = fread(text + used, 1, room - used - 1, f)) > 0) {
		used += n;
		if (room - used > 1)
			continue;
		room *= 2;
		text = realloc(text, room);
		if (text == NULL)
			fatal("allocate", "memory");
	}
	if (ferror(f))
		fatal("read", name);
	fclose(f);
	text[used] = '\0';
	if (strlen(text) != used)
		idlc_die(1, "the file holds a NUL byte");
	return text;
}

/* write_temp - one output under a name of its own; false: errno says why */
static bool
write_temp(const struct idlc_tree *t, const struct output *o, const char *name)
{
	FILE *f = fopen(name, "w");
	bool ok;

	if (f == NULL)
		return false;
	fprintf(f, o->comment, t->file);
	o->emit(t, f);
	ok = !ferror(f);
	return fclose(f) == 0 && ok;
}

/* write_all - every output complete, or none of them touched */
static void
write_all(const struct idlc_tree *t, const char *dir)
{
	const char *temp[NOUTPUTS];
	size_t n, i;

	for (n = 0; n < NOUTPUTS; n++) {
		temp[n] = idlc_text("%s/%s.tmp", dir, outputs[n].name);
		if (write_temp(t, &outputs[n], temp[n]))
			continue;
		for (i = 0; i <= n; i++)
			(void)unlink(temp[i]); /* the first error counts */
		fatal("write", temp[n]);
	}
	for (n = 0; n < NOUTPUTS; n++)
		if (rename(temp[n], idlc_text("%s/%s", dir, outputs[n].name)) !=
		    0)
			fatal("rename", temp[n]);
}

int
main(int argc, char **argv)
{
	struct idlc_tree tree = {0};
	const char *text, *slash;

	if (argc != 3) {
		fprintf(stderr, "usage: idlc FILE.idl DIR\n");
		return 2;
	}
	source_file = argv[1];
	slash = strrchr(argv[1], '/');
	tree.file = slash != NULL ? slash + 1 : argv[1];
	text = read_file(argv[1]);
	idlc_parse(&tree, text);
	idlc_check(&tree);
	if (idlc_errors > 0)
		return 1;
	idlc_expand(&tree);
	if (idlc_errors > 0)
		return 1;
	write_all(&tree, argv[2]);
	return 0;
}
