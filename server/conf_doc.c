/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * conf_doc - help, manual page and default configuration, from the tables
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "server/conf_priv.h"

/* ---- --help ---- */

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

/* role_names - those that a user can have, each after a space */
static void
role_names(void)
{
	for (int i = 0; i < idl_nroles; i++)
		if (i != IDL_ROLE_CLIENT_CERT)
			printf(" %s", idl_roles[i]);
}

void
conf_help(void)
{
	char name[64];

	printf("%s\n", conf_usage);
	for (int i = 0; i < CONF_NOPTIONS; i++) {
		const struct conf_option *o = &conf_options[i];

		(void)snprintf(name, sizeof(name), "--%s %s", o->name,
		    o->arg != NULL ? o->arg : "");
		help_lines(name, o->doc);
	}
	printf("\nSIGHUP reads certificates and accounts again; SIGTERM ends "
	       "it.\nA changed DIR/users is read again by itself."
	       "\n\nThe config file (name = value), before any section:\n");
	for (size_t i = 0; i < conf_ntexts; i++)
		help_lines(conf_texts[i].name, conf_texts[i].doc);
	printf("\nIn section [roles], for users whom PAM has checked: "
	       "UNIX-GROUP = ROLE, where\nROLE is one of");
	role_names();
	printf(";\nthe strongest counts.\n\n"
	       "In section [limits] or before any:\n");
	for (size_t i = 0; i < conf_nrows; i++) {
		const struct conf_row *r = &conf_rows[i];

		help_lines(r->name, r->doc);
		printf("%27s%lld; %lld to %lld\n", "", (long long)r->initial,
		    (long long)r->min, (long long)r->max);
	}
}

/* ---- the manual page ---- */

/* roff - text with what roff would take for its own marked as ours */
static void
roff(const char *text)
{
	for (const char *s = text; *s != '\0'; s++) {
		if ((*s == '.' || *s == '\'') && (s == text || s[-1] == '\n'))
			printf("\\&");
		if (*s == '\\')
			printf("\\e");
		else if (*s == '-')
			printf("\\-");
		else
			putchar(*s);
	}
}

/* man_row - a tagged paragraph */
static void
man_row(const char *lead, const char *name, const char *arg, const char *doc)
{
	printf(".TP\n\\fB");
	roff(lead);
	roff(name);
	printf("\\fR");
	if (arg != NULL) {
		printf(" \\fI");
		roff(arg);
		printf("\\fR");
	}
	putchar('\n');
	roff(doc);
	putchar('\n');
}

/* man_usage - without the lead, and the other lines' room for it */
static void
man_usage(void)
{
	static const char lead[] = "usage: ";
	char line[100];
	size_t n;

	for (const char *s = conf_usage; *s != '\0'; s += n + 1) {
		n = strcspn(s, "\n");
		(void)snprintf(line, sizeof(line), "%.*s\n",
		    (int)(n + 1 - sizeof(lead)), s + sizeof(lead) - 1);
		roff(line);
	}
}

/* man_files - where things are when the packaged unit runs it */
static void
man_files(void)
{
	printf(".SH FILES\n");
	man_row("", "DIR/socket", NULL,
	    "Unix socket; root and the daemon's own user are trusted");
	man_row("", "DIR/xenapi-memory.db", NULL,
	    "the database (SQLite); copy it with .backup");
	man_row("", "DIR/users", NULL, "accounts and their roles");
	man_row("", "DIR/initial-password", NULL,
	    "password of the first account, root; removed when it is changed");
	man_row(
	    "", "DIR/hv.log", NULL, "what the hypervisor process has to say");
	man_row("", "/etc/xenapi-memory.conf", NULL,
	    "configuration that the systemd unit names");
}

void
conf_man(void)
{
	printf(".\\\" made by xenapi-memoryd --print-man\n"
	       ".TH XENAPI\\-MEMORYD 8\n.SH NAME\n"
	       "xenapi\\-memoryd \\- memory management of Xen hosts over "
	       "XenAPI\n.SH SYNOPSIS\n.nf\n");
	man_usage();
	printf(".fi\n.SH DESCRIPTION\n"
	       "Serves the memory part of XenAPI over HTTPS for the domains "
	       "of a Xen host, whoever made them, or for a simulated host. It "
	       "runs in the foreground and prints\n.B ready https://ADDR:PORT\n"
	       "when it takes calls; started by systemd, it tells it as well. "
	       "What concerns Xen is done by a process of its own, which the "
	       "daemon starts and watches.\n.SH OPTIONS\n");
	for (int i = 0; i < CONF_NOPTIONS; i++)
		man_row("--", conf_options[i].name, conf_options[i].arg,
		    conf_options[i].doc);
	printf(".SH SIGNALS\nSIGHUP reads certificates and accounts again. "
	       "SIGTERM ends it: running calls are answered first.\n"
	       ".SH CONFIGURATION FILE\nLines of\n.B name = value\n"
	       "before any section:\n");
	for (size_t i = 0; i < conf_ntexts; i++)
		man_row("", conf_texts[i].name, NULL, conf_texts[i].doc);
	printf(".PP\nIn section [roles], for users whom PAM has checked,\n"
	       ".B UNIX\\-GROUP = ROLE\nwhere ROLE is one of");
	role_names();
	printf("; the strongest counts.\n.PP\n"
	       "In section [limits], or before any:\n");
	for (size_t i = 0; i < conf_nrows; i++) {
		man_row("", conf_rows[i].name, NULL, conf_rows[i].doc);
		printf("(%lld; %lld to %lld)\n",
		    (long long)conf_rows[i].initial,
		    (long long)conf_rows[i].min, (long long)conf_rows[i].max);
	}
	man_files();
	printf(".SH EXIT STATUS\n0 after SIGTERM; 1 when it could not start, "
	       "or not go on; 78 when it never will: a command line or a "
	       "configuration file that is wrong, or no Xen where none was "
	       "told to do without.  But for 0, a sentence on standard error "
	       "says why.\n.SH SEE ALSO\n.BR xe\\-memory (1),\n.BR xl (1)\n");
}

/* ---- the default configuration file ---- */

/* comment - a doc as lines of comment */
static void
comment(const char *doc)
{
	for (size_t n; *doc != '\0'; doc += n + (doc[n] == '\n')) {
		n = strcspn(doc, "\n");
		printf("; %.*s\n", (int)n, doc);
	}
}

void
conf_defaults(void)
{
	printf("; xenapi-memoryd(8).  Every line that is commented out shows "
	       "the default.\n");
	for (size_t i = 0; i < conf_ntexts; i++) {
		const struct conf_text *t = &conf_texts[i];

		putchar('\n');
		comment(t->doc);
		if (t->given != NULL)
			printf("%s = %s\n", t->name, t->given);
		else
			printf(";%s =\n", t->name);
	}
	printf("\n; Roles of Unix groups, for users whom PAM has checked:\n"
	       ";");
	role_names();
	printf("\n;[roles]\n;wheel = pool-admin\n\n[limits]\n");
	for (size_t i = 0; i < conf_nrows; i++) {
		putchar('\n');
		comment(conf_rows[i].doc);
		printf(";%s = %lld\n", conf_rows[i].name,
		    (long long)conf_rows[i].initial);
	}
}
