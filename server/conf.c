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
#include "server/conf.h"

#define CONF_THREADS_MAX 64

/* One limit of section [limits]. */
struct row {
	const char *name;
	size_t offset;
	int64_t initial, min, max;
	const char *doc;
};

#define ROW(field, initial, min, max, doc)                                     \
	{                                                                      \
#field, offsetof(struct conf, field), initial, min, max, doc   \
	}

static const struct row rows[] = {
    ROW(threads, 0, 0, CONF_THREADS_MAX,
	"event loops; 0: as many as there are processors"),
    ROW(connections, 10000, 1, 1000000, "TLS connections, all told"),
    ROW(connections_per_address, 1000, 1, 1000000,
	"TLS connections of one address (IPv6: of one /64)"),
    ROW(local_connections, 100, 1, 100000, "connections on DIR/socket"),
    ROW(body_bytes, 307200, 1024, 16777216, "longest body of a request"),
    ROW(bodies_bytes, 67108864, 1048576, INT64_C(1) << 40,
	"bodies that come in several pieces, all connections together"),
    ROW(header_bytes, 16384, 1024, 65536, "request line and headers"),
    ROW(headers, 100, 8, 1000, "headers of a request"),
    ROW(handshake_ms, 10000, 10, 600000, "time for the TLS handshake"),
    ROW(idle_ms, 300000, 10, 86400000, "time between two requests"),
    ROW(header_ms, 10000, 10, 600000,
	"time from a request's first byte to the end of its headers"),
    ROW(body_ms, 30000, 10, 600000,
	"time from the end of the headers to the end of the body"),
    ROW(write_ms, 30000, 10, 600000,
	"time in which a peer must take something of a reply"),
    ROW(reply_ms, 300000, 10, 86400000, "time for a whole reply"),
    ROW(linger_ms, 2000, 10, 60000,
	"time a peer has to close after our last byte"),
    ROW(call_bytes, 16777216, 65536, 1073741824,
	"memory of one call: arguments, result, failure"),
    ROW(reply_bytes, 33554432, 65536, 1073741824,
	"longest reply that is not a whole class of records"),
    ROW(sessions, 1000, 1, 100000,
	"sessions at a time; the idlest makes room for a new one"),
    ROW(sessions_per_user, 500, 1, 100000, "of them, of one user"),
    ROW(sessions_per_originator, 500, 1, 100000,
	"of them, of clients that call themselves the same"),
    ROW(sessions_anonymous, 400, 1, 100000,
	"of them, with neither user nor originator"),
    ROW(sessions_pool, 400, 1, 100000, "of them, of members of the pool"),
    ROW(calls_per_session, 1000, 1, 1000000,
	"calls of one session that wait or work"),
    ROW(calls_per_address, 1000, 1, 1000000,
	"calls of one address that wait or work"),
    ROW(login_queue, 64, 1, 10000, "logins that wait for their check"),
    ROW(pam_ms, 20000, 100, 600000, "time for PAM to check a password"),
    ROW(stop_ms, 10000, 0, 600000,
	"time for running calls after SIGTERM, then they are cut off"),
};

/* One text, before any section. */
struct text {
	const char *name;
	size_t offset;
	const char *doc;
};

#define TEXT(field, doc)                                                       \
	{                                                                      \
#field, offsetof(struct conf, field), doc                      \
	}

static const struct text texts[] = {
    TEXT(pam_service,
	"PAM service that checks users who are not in DIR/users; their role\n"
	"is that of their Unix groups, see [roles]; no first account is made"),
    TEXT(pam_confdir, "folder of its file, instead of /etc/pam.d"),
    TEXT(pool_secret_file,
	"holds the secret for session.slave_login; mode 0600, read at each\n"
	"login"),
    TEXT(client_ca_file,
	"PEM; a client certificate that it signed allows\n"
	"session.login_with_password with user and password both empty, for\n"
	"the role client-cert.  A certificate alone authorises no call, and\n"
	"with a name the password counts as ever"),
    TEXT(master,
	"address of the pool's coordinator: we are not it.  Who logs in or\n"
	"calls is told so (HOST_IS_SLAVE), but for local root and the pool"),
    TEXT(local_socket,
	"one more Unix socket for local root, say /var/lib/xcp/xapi"),
};

#define NTEXTS (sizeof(texts) / sizeof(texts[0]))
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static int64_t *
value_of(struct conf *c, const struct row *r)
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
set_number(struct file *f, const struct row *r, const char *text)
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
set_text(struct file *f, const struct text *t, const char *text)
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
	for (size_t i = 0; i < NROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return set_number(f, &rows[i], text);
	for (size_t i = 0; i < NTEXTS; i++)
		if (strcmp(texts[i].name, name) == 0)
			return any ? set_text(f, &texts[i], text)
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

struct words {
	const char *state, *listen, *backend, *sim, *config;
};

static const char usage[] =
    "usage: xenapi-memoryd --state DIR --listen ADDR:PORT --backend sim\n"
    "                      [--sim FILE] [--config FILE] [--verbose]\n"
    "       xenapi-memoryd --state DIR --add-user NAME ROLE\n"
    "       xenapi-memoryd --state DIR --del-user NAME\n"
    "       xenapi-memoryd --state DIR --list-users\n";

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

/* read_words - options into words; returns CONF_RUN, _HELP or _BAD */
static enum conf_result
read_words(struct conf *c, struct words *w, int argc, char *const argv[],
    char *why, size_t why_bytes)
{
	static const struct option options[] = {
	    {"state", required_argument, NULL, 's'},
	    {"listen", required_argument, NULL, 'l'},
	    {"backend", required_argument, NULL, 'b'},
	    {"sim", required_argument, NULL, 'f'},
	    {"config", required_argument, NULL, 'c'},
	    {"add-user", required_argument, NULL, 'a'},
	    {"del-user", required_argument, NULL, 'd'},
	    {"list-users", no_argument, NULL, 'u'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int o;

	optind = 0;
	opterr = 0;
	while ((o = getopt_long(argc, argv, "+:", options, NULL)) != -1)
		switch (o) {
		case 's':
			w->state = optarg;
			break;
		case 'l':
			w->listen = optarg;
			break;
		case 'b':
			w->backend = optarg;
			break;
		case 'f':
			w->sim = optarg;
			break;
		case 'c':
			w->config = optarg;
			break;
		case 'a':
			c->user = CONF_USER_ADD;
			c->user_name = optarg;
			if (optind == argc)
				return say(why, why_bytes,
				    "--add-user needs NAME and ROLE\n%s",
				    usage);
			c->user_role = argv[optind++];
			break;
		case 'd':
			c->user = CONF_USER_DEL;
			c->user_name = optarg;
			break;
		case 'u':
			c->user = CONF_USER_LIST;
			break;
		case 'v':
			c->verbose = 1;
			break;
		case 'h':
			return CONF_HELP;
		case ':':
			return say(why, why_bytes, "%s needs a value\n%s",
			    argv[optind - 1], usage);
		default:
			return say(why, why_bytes, "unknown option %s\n%s",
			    argv[optind - 1], usage);
		}
	if (optind < argc)
		return say(
		    why, why_bytes, "unknown word %s\n%s", argv[optind], usage);
	return CONF_RUN;
}

/* check_words - is everything there, and does it make sense together? */
static enum conf_result
check_words(struct conf *c, const struct words *w, char *why, size_t why_bytes)
{
	c->state_dir = w->state;
	if (w->state != NULL && c->user != CONF_USER_NONE)
		return CONF_TOOL;
	if (w->state == NULL || w->listen == NULL || w->backend == NULL)
		return say(why, why_bytes, "%s is missing\n%s",
		    w->state == NULL	? "--state DIR"
		    : w->listen == NULL ? "--listen ADDR:PORT"
					: "--backend sim",
		    usage);
	if (strcmp(w->backend, "xen") == 0)
		return say(why, why_bytes,
		    "--backend xen is not in this build yet; "
		    "use --backend sim, the simulated host");
	if (strcmp(w->backend, "sim") != 0)
		return say(why, why_bytes,
		    "unknown backend %s; use --backend sim", w->backend);
	if (w->sim != NULL && access(w->sim, R_OK) != 0)
		return say(
		    why, why_bytes, "--sim %s: %s", w->sim, strerror(errno));
	if (conf_host_port(w->listen, c->host, sizeof(c->host), c->port,
		sizeof(c->port)) != 0)
		return say(why, why_bytes,
		    "--listen %s: not ADDR:PORT; try 127.0.0.1:8443 or "
		    "[::1]:8443 (port 0: any that is free)",
		    w->listen);
	c->sim = w->sim;
	return CONF_RUN;
}

enum conf_result
conf_parse(
    struct conf *c, int argc, char *const argv[], char *why, size_t why_bytes)
{
	struct words w = {0};
	enum conf_result r;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < NROWS; i++)
		*value_of(c, &rows[i]) = rows[i].initial;
	r = read_words(c, &w, argc, argv, why, why_bytes);
	if (r == CONF_RUN)
		r = check_words(c, &w, why, why_bytes);
	if (r == CONF_RUN && w.config != NULL)
		r = read_file(c, w.config, why, why_bytes);
	if (r == CONF_RUN && c->threads == 0) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);

		c->threads = cpus < 1		       ? 1
			     : cpus > CONF_THREADS_MAX ? CONF_THREADS_MAX
						       : cpus;
	}
	return r;
}

/* help_lines - a doc of several lines, the further ones indented */
static void
help_lines(const char *name, const char *doc)
{
	for (size_t n; *doc != '\0'; doc += n + (doc[n] == '\n')) {
		n = strcspn(doc, "\n");
		printf("  %-24s %.*s\n", name, (int)n, doc);
		name = "";
	}
}

void
conf_help(void)
{
	printf("%s\n"
	       "  --state DIR         database, certificates, accounts, "
	       "socket; made if not there\n"
	       "  --listen ADDR:PORT  where to serve HTTPS; port 0: any that "
	       "is free\n"
	       "  --backend sim       a simulated host\n"
	       "  --sim FILE          its hosts and guests (INI)\n"
	       "  --config FILE       limits and time-outs (INI)\n"
	       "  --verbose           log more\n"
	       "  --add-user NAME ROLE  make an account, or give one a new "
	       "password and role;\n"
	       "                      the password is read from the terminal "
	       "or standard input\n"
	       "  --del-user NAME     remove an account, and end its sessions\n"
	       "  --list-users        names and roles\n\n"
	       "SIGHUP reads certificates and accounts again; SIGTERM ends it."
	       "\nA changed DIR/users is read again by itself."
	       "\n\nThe config file (name = value), before any section:\n",
	    usage);
	for (size_t i = 0; i < NTEXTS; i++)
		help_lines(texts[i].name, texts[i].doc);
	printf("\nIn section [roles], for users whom PAM has checked: "
	       "UNIX-GROUP = ROLE, where\nROLE is one of");
	for (int i = 0; i < idl_nroles; i++)
		if (i != IDL_ROLE_CLIENT_CERT)
			printf(" %s", idl_roles[i]);
	printf(";\nthe strongest counts.\n\n"
	       "In section [limits] or before any:\n");
	for (size_t i = 0; i < NROWS; i++)
		printf("  %-24s %s\n%27s%lld; %lld to %lld\n", rows[i].name,
		    rows[i].doc, "", (long long)rows[i].initial,
		    (long long)rows[i].min, (long long)rows[i].max);
}
