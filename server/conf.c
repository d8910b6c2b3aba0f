/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "server/conf_priv.h"

static int64_t *
value_of(struct conf *c, const struct conf_row *r)
{
	return (int64_t *)(void *)((char *)c + r->offset);
}

/* say - the reason of CONF_BAD */
__attribute__((format(printf, 3, 4))) static enum conf_result
say(char *why, size_t why_bytes, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, why_bytes, fmt, ap); /* cut short is fine */
	va_end(ap);
	return CONF_BAD;
}

/* ---- the file ---- */

struct file {
	struct conf *c;
	FILE *f;
	int line; /* being read */
	int bad;  /* line of the first thing wrong; 0: none */
	char text[256];
};

/* next_line - fgets that counts */
static char *
next_line(char *text, int n, void *stream)
{
	struct file *f = stream;
	char *r = fgets(text, n, f->f);

	if (r != NULL)
		f->line++;
	return r;
}

/* wrong - what is wrong with a line; always false */
__attribute__((format(printf, 2, 3))) static bool
wrong(struct file *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap); /* cut is fine */
	va_end(ap);
	return false;
}

/* set_number - one limit from its text */
static bool
set_number(struct file *f, const struct conf_row *r, const char *text)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || v < r->min ||
	    v > r->max)
		return wrong(f, "%s = %s: a number from %lld to %lld is needed",
		    r->name, text, (long long)r->min, (long long)r->max);
	*value_of(f->c, r) = v;
	return true;
}

/* set_text - one text */
static bool
set_text(struct file *f, const struct conf_text *t, const char *text)
{
	char *to = (char *)f->c + t->offset;

	if (text[0] == '\0' || strlen(text) >= CONF_PATH)
		return wrong(
		    f, "%s: 1 to %d bytes are needed", t->name, CONF_PATH - 1);
	(void)snprintf(to, CONF_PATH, "%s", text);
	return true;
}

/* set - a limit or a text; what is wrong goes to f->text */
static bool
set(struct file *f, bool any, const char *name, const char *text)
{
	for (size_t i = 0; i < conf_nrows; i++)
		if (strcmp(conf_rows[i].name, name) == 0)
			return set_number(f, &conf_rows[i], text);
	for (size_t i = 0; i < conf_ntexts; i++)
		if (strcmp(conf_texts[i].name, name) == 0)
			return any ? set_text(f, &conf_texts[i], text)
				   : wrong(f, "%s belongs before any section",
					 name);
	return wrong(f, "unknown key %s; --help lists them all", name);
}

int
conf_role(const char *name)
{
	for (int i = 0; i < idl_nroles; i++)
		if (strcmp(idl_roles[i], name) == 0 &&
		    i != IDL_ROLE_CLIENT_CERT)
			return i;
	return -1;
}

/* set_group - a line of [roles] */
static bool
set_group(struct file *f, const char *name, const char *role)
{
	struct conf_group *g = &f->c->groups[f->c->ngroups];

	if (f->c->ngroups == CONF_GROUPS)
		return wrong(f, "more than %d groups", CONF_GROUPS);
	if (strlen(name) >= sizeof(g->name))
		return wrong(f, "the name of the group is too long");
	g->role = conf_role(role);
	if (g->role < 0)
		return wrong(
		    f, "%s = %s: no such role; --help lists them", name, role);
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	f->c->ngroups++;
	return true;
}

static int
on_key(void *user, const char *section, const char *name, const char *value)
{
	struct file *f = user;
	bool ok;

	if (f->bad != 0)
		return 0;
	if (section[0] == '\0' || strcmp(section, "limits") == 0)
		ok = set(f, section[0] == '\0', name, value);
	else if (strcmp(section, "roles") == 0)
		ok = set_group(f, name, value);
	else
		ok = wrong(f,
		    "unknown section [%s]; there are [limits] and [roles]",
		    section);
	if (ok)
		return 1;
	f->bad = f->line;
	return 0;
}

static enum conf_result
read_file(struct conf *c, const char *path, char *why, size_t why_bytes)
{
	struct file f = {.c = c, .f = fopen(path, "re")};
	bool broken;
	int r;

	if (f.f == NULL)
		return say(why, why_bytes, "%s: %s", path, strerror(errno));
	r = ini_parse_stream(next_line, &f, on_key, &f);
	broken = ferror(f.f) != 0; /* a folder, for one */
	(void)fclose(f.f);	   /* read-only */
	if (broken)
		return say(why, why_bytes, "%s: cannot be read", path);
	if (f.bad != 0 && (r <= 0 || f.bad <= r))
		return say(why, why_bytes, "%s:%d: %s", path, f.bad, f.text);
	if (r != 0)
		return say(why, why_bytes,
		    "%s:%d: not [section] or key = value", path, r);
	return CONF_RUN;
}

/* ---- the command line ---- */

/* Options that are looked at when all is read; NULL: not given. */
struct words {
	const char *value[CONF_NOPTIONS]; /* "" where nothing follows */
};

const char conf_usage[] =
    "usage: xenapi-memoryd --state DIR --listen ADDR:PORT\n"
    "                      [--backend xen|sim] [--take-over] [--sim FILE]\n"
    "                      [--balance-by proportional|available]\n"
    "                      [--config FILE] [--verbose]\n"
    "       xenapi-memoryd --state DIR --add-user NAME ROLE\n"
    "       xenapi-memoryd --state DIR --del-user NAME\n"
    "       xenapi-memoryd --state DIR --list-users\n"
    "       xenapi-memoryd --print-man | --print-config\n";

int
conf_host_port(const char *text, char *host, size_t host_bytes, char *port,
    size_t port_bytes)
{
	const char *colon = strrchr(text, ':');
	const char *from = text, *to = colon;
	long number;
	char *end;

	if (colon == NULL || strlen(colon + 1) >= port_bytes)
		return -1;
	number = strtol(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || number > 65535)
		return -1;
	if (text[0] == '[') {
		if (colon[-1] != ']')
			return -1;
		from++;
		to--;
	} else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
		return -1; /* IPv6 without brackets: which colon is it? */
	}
	if (from >= to || (size_t)(to - from) >= host_bytes)
		return -1;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	(void)snprintf(port, port_bytes, "%ld", number);
	return 0;
}

/* read_words - options into words; returns CONF_RUN or _BAD */
static enum conf_result
read_words(struct words *w, const char **role_out, int argc, char *const argv[],
    char *why, size_t why_bytes)
{
	struct option options[CONF_NOPTIONS + 1] = {0};
	int o;

	for (int i = 0; i < CONF_NOPTIONS; i++)
		options[i] = (struct option){conf_options[i].name,
		    conf_options[i].arg != NULL ? required_argument
						: no_argument,
		    NULL, i};
	optind = 0;
	opterr = 0;
	while ((o = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (o == ':')
			return say(why, why_bytes, "%s needs a value\n%s",
			    argv[optind - 1], conf_usage);
		if (o < 0 || o >= CONF_NOPTIONS)
			return say(why, why_bytes, "unknown option %s\n%s",
			    argv[optind - 1], conf_usage);
		w->value[o] = optarg != NULL ? optarg : "";
		if (o != CONF_ADD_USER)
			continue;
		if (optind == argc)
			return say(why, why_bytes,
			    "--add-user needs NAME and ROLE\n%s", conf_usage);
		*role_out = argv[optind++];
	}
	if (optind < argc)
		return say(why, why_bytes, "unknown word %s\n%s", argv[optind],
		    conf_usage);
	return CONF_RUN;
}

/* instead_of - what else than serving is asked for; CONF_RUN: nothing */
static enum conf_result
instead_of(struct conf *c, const struct words *w)
{
	const char *const *v = w->value;

	if (v[CONF_HELP_ME] != NULL)
		return CONF_HELP;
	if (v[CONF_PRINT_MAN] != NULL)
		return CONF_MAN;
	if (v[CONF_PRINT_CONFIG] != NULL)
		return CONF_DEFAULTS;
	if (v[CONF_ADD_USER] != NULL)
		c->user = CONF_USER_ADD;
	else if (v[CONF_DEL_USER] != NULL)
		c->user = CONF_USER_DEL;
	else if (v[CONF_LIST_USERS] != NULL)
		c->user = CONF_USER_LIST;
	c->user_name =
	    v[CONF_ADD_USER] != NULL ? v[CONF_ADD_USER] : v[CONF_DEL_USER];
	return c->user != CONF_USER_NONE && c->state_dir != NULL ? CONF_TOOL
								 : CONF_RUN;
}

/* settle - a word of the command line counts more than the file's */
static void
settle(char text[CONF_PATH], const char *word)
{
	if (word != NULL)
		(void)snprintf(text, CONF_PATH, "%s", word);
}

enum conf_result
conf_backend(const char *word, const char *privcmd, enum conf_world *world_out,
    char *why, size_t why_bytes)
{
	if (strcmp(word, "sim") == 0) {
		*world_out = CONF_SIMULATED;
		return CONF_RUN;
	}
	/* What may only not be looked at is no reason to speak of sim. */
	if (word[0] == '\0' && access(privcmd, F_OK) != 0 &&
	    (errno == ENOENT || errno == ENOTDIR))
		return say(why, why_bytes,
		    "there is no Xen here (%s: %s); use --backend sim (in the "
		    "configuration file: backend = sim) for a simulated host",
		    privcmd, strerror(errno));
	if (word[0] != '\0' && strcmp(word, "xen") != 0)
		return say(why, why_bytes,
		    "unknown backend %s; use --backend xen or --backend sim",
		    word);
	*world_out = CONF_XEN;
	return CONF_RUN;
}

/* A text that says one of two things. */
struct choice {
	const char *name;
	size_t text;   /* of CONF_PATH bytes in struct conf; "": not said */
	size_t chosen; /* of a bool in struct conf */
	bool initial;
	const char *yes, *no;
};

#define CHOICE(text, chosen, ...)                                              \
	{                                                                      \
#text, offsetof(struct conf, text),                            \
		    offsetof(struct conf, chosen), __VA_ARGS__                 \
	}

static const struct choice choices[] = {
    CHOICE(take_over, takes_over, false, "yes", "no"),
    CHOICE(balance, balances, true, "yes", "no"),
    CHOICE(balance_by, by_need, false, "available", "proportional"),
};

/* read_choices - what each of them says */
static enum conf_result
read_choices(struct conf *c, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct choice *ch = &choices[i];
		const char *text = (const char *)c + ch->text;
		bool *chosen = (bool *)(void *)((char *)c + ch->chosen);

		*chosen =
		    text[0] == '\0' ? ch->initial : strcmp(text, ch->yes) == 0;
		if (text[0] != '\0' && !*chosen && strcmp(text, ch->no) != 0)
			return say(why, why_bytes, "%s = %s: %s or %s",
			    ch->name, text, ch->yes, ch->no);
	}
	return CONF_RUN;
}

/* check_world - does what is said of the backend make sense together? */
static enum conf_result
check_world(struct conf *c, const char *sim, char *why, size_t why_bytes)
{
	enum conf_result r =
	    conf_backend(c->backend, CONF_PRIVCMD, &c->world, why, why_bytes);

	if (r != CONF_RUN)
		return r;
	r = read_choices(c, why, why_bytes);
	if (r != CONF_RUN)
		return r;
	if (c->takes_over && c->world != CONF_XEN)
		return say(why, why_bytes,
		    "--take-over is for --backend xen: nobody else manages a "
		    "simulated host");
	if (sim != NULL && c->world != CONF_SIMULATED)
		return say(why, why_bytes, "--sim FILE is for --backend sim");
	if (sim != NULL && access(sim, R_OK) != 0)
		return say(
		    why, why_bytes, "--sim %s: %s", sim, strerror(errno));
	c->sim = sim;
	return CONF_RUN;
}

/* check_words - is everything there, and does it make sense together? */
static enum conf_result
check_words(struct conf *c, const struct words *w, char *why, size_t why_bytes)
{
	const char *const *v = w->value;

	settle(c->listen, v[CONF_LISTEN]);
	settle(c->backend, v[CONF_BACKEND]);
	settle(c->take_over, v[CONF_TAKE_OVER] != NULL ? "yes" : NULL);
	settle(c->balance_by, v[CONF_BALANCE_BY]);
	if (c->listen[0] == '\0')
		return say(why, why_bytes, "--listen ADDR:PORT is missing\n%s",
		    conf_usage);
	if (conf_host_port(c->listen, c->host, sizeof(c->host), c->port,
		sizeof(c->port)) != 0)
		return say(why, why_bytes,
		    "--listen %s: not ADDR:PORT; try 127.0.0.1:8443 or "
		    "[::1]:8443 (port 0: any that is free)",
		    c->listen);
	return check_world(c, v[CONF_SIM], why, why_bytes);
}

/* count_threads - as many loops as processors, unless told otherwise */
static void
count_threads(struct conf *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->threads == 0)
		c->threads = cpus < 1		       ? 1
			     : cpus > CONF_THREADS_MAX ? CONF_THREADS_MAX
						       : cpus;
}

enum conf_result
conf_parse(
    struct conf *c, int argc, char *const argv[], char *why, size_t why_bytes)
{
	struct words w = {0};
	enum conf_result r;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < conf_nrows; i++)
		*value_of(c, &conf_rows[i]) = conf_rows[i].initial;
	r = read_words(&w, &c->user_role, argc, argv, why, why_bytes);
	if (r != CONF_RUN)
		return r;
	c->state_dir = w.value[CONF_STATE];
	c->verbose = w.value[CONF_VERBOSE] != NULL;
	r = instead_of(c, &w);
	if (r != CONF_RUN)
		return r;
	if (c->state_dir == NULL)
		return say(
		    why, why_bytes, "--state DIR is missing\n%s", conf_usage);
	if (w.value[CONF_CONFIG] != NULL)
		r = read_file(c, w.value[CONF_CONFIG], why, why_bytes);
	if (r == CONF_RUN)
		r = check_words(c, &w, why, why_bytes);
	count_threads(c);
	return r;
}
