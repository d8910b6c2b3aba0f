/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_conf - options, environment and ~/.xe
 *
 * ~/.xe has lines "key=value": server, port, username, password, passwordfile,
 * socket, cacert, insecure, human.  XE_EXTRA_ARGS has the same with commas
 * between.  What comes later wins: ~/.xe, XE_EXTRA_ARGS, the command line.
 */

/* System */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Cli */
#include "cli/xe.h"

#define USUAL_SOCKET "/var/lib/xcp/xapi"

static char reason[600];

static bool
fail(const char **text_out, const char *what, const char *name)
{
	(void)snprintf(reason, sizeof(reason), "%s%s%s", what,
	    name[0] != '\0' ? " " : "", name); /* long names are cut */
	*text_out = reason;
	return false;
}

/* put - replace a string by a copy of another */
static bool
put(char **at, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return false;
	if (*at != NULL)
		explicit_bzero(*at, strlen(*at));
	free(*at);
	*at = copy;
	return true;
}

/* set - one key; -1: no such key, 0: out of memory */
static int
set(struct xe_conf *c, const char *key, const char *value)
{
	const struct {
		const char *key;
		char **at;
		bool *flag;
	} row[] = {{"server", &c->server, NULL}, {"port", &c->port, NULL},
	    {"username", &c->user, NULL}, {"password", &c->password, NULL},
	    {"passwordfile", &c->password_file, NULL},
	    {"cacert", &c->cacert, NULL}, {"socket", &c->socket, NULL},
	    {"insecure", NULL, &c->insecure}, {"human", NULL, &c->human},
	    {"debug", NULL, &c->debug}, {"debugonfail", NULL, NULL},
	    {"nossl", NULL, NULL}};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (strcmp(row[i].key, key) != 0)
			continue;
		if (row[i].flag != NULL)
			*row[i].flag = strcmp(value, "false") != 0 &&
				       strcmp(value, "0") != 0;
		return row[i].at == NULL || put(row[i].at, value);
	}
	return -1;
}

/* set_pair - "key=value", or "key" alone; unknown ones are passed over */
static bool
set_pair(struct xe_conf *c, char *pair)
{
	char *eq = strchr(pair, '=');

	if (eq != NULL)
		*eq = '\0';
	return set(c, pair, eq != NULL ? eq + 1 : "true") != 0;
}

static bool
read_rc(struct xe_conf *c, const char **text_out)
{
	const char *home = getenv("HOME");
	char path[512], line[1024];
	bool ok = true;
	FILE *f;

	if (home == NULL ||
	    snprintf(path, sizeof(path), "%s/.xe", home) >= (int)sizeof(path))
		return true;
	f = fopen(path, "re");
	if (f == NULL)
		return true; /* most people have none */
	while (ok && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#')
			ok = set_pair(c, line);
	}
	explicit_bzero(line, sizeof(line));
	(void)fclose(f); /* only read */
	return ok ? true : fail(text_out, "out of memory", "");
}

static bool
read_env(struct xe_conf *c, const char **text_out)
{
	const char *extra = getenv("XE_EXTRA_ARGS");
	char *copy, *p, *word;
	bool ok = true;

	if (extra == NULL)
		return true;
	copy = p = strdup(extra);
	if (copy == NULL)
		return fail(text_out, "out of memory", "");
	while (ok && (word = strsep(&p, ",")) != NULL)
		ok = set_pair(c, word);
	explicit_bzero(copy, strlen(copy));
	free(copy);
	return ok ? true : fail(text_out, "out of memory", "");
}

/* option_key - the key of an option; needs_out: it is followed by a value */
static const char *
option_key(const char *word, bool *needs_out)
{
	static const struct {
		const char *word, *key;
		bool needs;
	} row[] = {{"-s", "server", true}, {"-h", "server", true},
	    {"-p", "port", true}, {"-u", "username", true},
	    {"-pw", "password", true}, {"-pwf", "passwordfile", true},
	    {"--cacert", "cacert", true}, {"--socket", "socket", true},
	    {"--insecure", "insecure", false}, {"--human", "human", false},
	    {"--debug", "debug", false}};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (strcmp(row[i].word, word) == 0) {
			*needs_out = row[i].needs;
			return row[i].key;
		}
	return NULL;
}

/* read_args - options wherever they stand; all else is the command */
static bool
read_args(struct xe_conf *c, int argc, char **argv, const char **text_out)
{
	bool needs;
	int i;

	for (i = 1; i < argc; i++) {
		const char *key = option_key(argv[i], &needs);

		if (key != NULL) {
			if (needs && i + 1 == argc)
				return fail(text_out,
				    "a value is missing after", argv[i]);
			if (set(c, key, needs ? argv[++i] : "true") == 0)
				return fail(text_out, "out of memory", "");
			if (strcmp(key, "password") == 0) /* not for ps */
				memset(argv[i], 'x', strlen(argv[i]));
			continue;
		}
		if (strncmp(argv[i], "username=", 9) == 0 ||
		    strncmp(argv[i], "password=", 9) == 0) {
			if (!set_pair(c, argv[i]))
				return fail(text_out, "out of memory", "");
			continue;
		}
		c->word[c->n++] = argv[i];
	}
	return true;
}

/* choose_socket - the Unix socket of this host, unless a server was named */
static bool
choose_socket(struct xe_conf *c, const char *given, const char **text_out)
{
	const char *env = getenv("XE_MEMORY_SOCKET");

	if (c->server != NULL || c->port != NULL) {
		if (given == NULL) {
			free(c->socket);
			c->socket = NULL;
		}
		return true;
	}
	if (given != NULL || (c->socket != NULL && env == NULL))
		return true;
	if (env == NULL && access(USUAL_SOCKET, F_OK) == 0)
		env = USUAL_SOCKET;
	if (env != NULL && !put(&c->socket, env))
		return fail(text_out, "out of memory", "");
	return true;
}

bool
xe_conf_read(struct xe_conf *c, int argc, char **argv, const char **text_out)
{
	const char *given = NULL;
	int i;

	memset(c, 0, sizeof(*c));
	c->word = calloc((size_t)argc + 1, sizeof(*c->word));
	if (c->word == NULL)
		return fail(text_out, "out of memory", "");
	for (i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--socket") == 0)
			given = argv[i + 1];
	return read_rc(c, text_out) && read_env(c, text_out) &&
	       read_args(c, argc, argv, text_out) &&
	       choose_socket(c, given, text_out);
}

void
xe_conf_free(struct xe_conf *c)
{
	char **each[] = {&c->server, &c->port, &c->user, &c->password,
	    &c->password_file, &c->cacert, &c->socket};
	size_t i;

	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		if (*each[i] != NULL)
			explicit_bzero(*each[i], strlen(*each[i]));
		free(*each[i]);
		*each[i] = NULL;
	}
	free(c->word);
	c->word = NULL;
}

/* ask - a line from the terminal, without echo */
static bool
ask(struct xe_conf *c)
{
	struct termios old, quiet;
	char line[512];
	bool ok;

	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return false;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fputs("Password: ", stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet); /* else it is seen */
	ok = fgets(line, sizeof(line), stdin) != NULL;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old); /* nothing to do */
	fputc('\n', stderr);
	if (ok) {
		line[strcspn(line, "\r\n")] = '\0';
		ok = put(&c->password, line);
	}
	explicit_bzero(line, sizeof(line));
	return ok;
}

bool
xe_conf_password(struct xe_conf *c, const char **text_out)
{
	char line[512] = "";
	FILE *f;

	if (c->password != NULL || c->socket != NULL)
		return true;
	if (c->password_file != NULL) {
		f = fopen(c->password_file, "re");
		if (f == NULL) {
			(void)snprintf(reason, sizeof(reason),
			    "cannot read %s: %s", c->password_file,
			    strerror(errno)); /* long names are cut */
			*text_out = reason;
			return false;
		}
		if (fgets(line, sizeof(line), f) != NULL)
			line[strcspn(line, "\r\n")] = '\0';
		(void)fclose(f); /* only read */
		if (!put(&c->password, line))
			return fail(text_out, "out of memory", "");
		explicit_bzero(line, sizeof(line));
		return true;
	}
	if (isatty(STDIN_FILENO) && ask(c))
		return true;
	return fail(text_out, "Username/password must be specified", "");
}
