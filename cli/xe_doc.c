/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_doc - manual page and usage, from the table of commands
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"
#include "cli/xe.h"

const struct xe_option xe_options[] = {
    {"-s", "SERVER", "Server, by name or address; HOST:PORT works, too."},
    {"-p", "PORT", "Port of the server; 443 if not given."},
    {"-u", "USER", "User name; root if not given."},
    {"-pw", "PASSWORD", "Password. Others can see it: -pwf is better."},
    {"-pwf", "FILE", "File whose first line is the password."},
    {"--cacert", "FILE",
	"Certificates to trust, instead of those of the system."},
    {"--insecure", "", "Trust any certificate."},
    {"--socket", "PATH",
	"Unix socket of a server on this host: root needs no password."},
    {"--human", "", "Print sizes as 1.5 GiB, and accept fractions of a unit."},
    {"--debug", "", "Say on standard error how the connection is made."},
};
const size_t xe_noptions = sizeof(xe_options) / sizeof(xe_options[0]);

void
xe_usage(void)
{
	size_t i;

	puts("usage: xe-memory [option ...] command [key=value ...]\n"
	     "       xe-memory [option ...] top\n"
	     "       xe-memory help [--all | command]\n"
	     "       xe-memory --print-man | --print-completion\n");
	for (i = 0; i < xe_noptions; i++)
		printf("  %-10s %-9s %s\n", xe_options[i].option,
		    xe_options[i].value, xe_options[i].text);
}

/* roff - a text with what roff would misread escaped */
static void
roff(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

/* words - names with commas, each printed with a format */
static void
words(const char *names, const char *before, const char *after)
{
	while (*names != '\0') {
		size_t n = strcspn(names, ",");

		printf("%s%.*s%s", before, (int)n, names, after);
		names += n;
		names += *names == ',';
	}
}

static void
man_command(const struct cli_cmd *c)
{
	fputs(".TP\n.B ", stdout);
	roff(c->name);
	words(c->required, " ", "=VALUE");
	words(c->optional, " [", "]");
	if (c->flags & CLI_C_VMS)
		fputs(" [vm=NAME|FIELD=VALUE ...]", stdout);
	if (c->flags & CLI_C_HOSTS)
		fputs(" [host=NAME|FIELD=VALUE ...]", stdout);
	putchar('\n');
	roff(c->help);
	putchar('\n');
}

void
xe_print_man(void)
{
	size_t i;

	puts(".TH XE-MEMORY 1\n.SH NAME\n"
	     "xe\\-memory \\- memory of virtual machines over the XenAPI\n"
	     ".SH SYNOPSIS\n.B xe\\-memory\n[option ...] command "
	     "[key=value ...]\n.SH DESCRIPTION\n"
	     "Runs a command against a XenAPI server, with the words, the "
	     "output and the\nexit status of xe. Without a server it talks "
	     "to this host, through its Unix\nsocket if there is one.\n"
	     ".PP\nThe command top shows hosts and VMs until q is pressed.\n"
	     ".SH OPTIONS");
	for (i = 0; i < xe_noptions; i++) {
		fputs(".TP\n.B ", stdout);
		roff(xe_options[i].option);
		printf(" %s\n", xe_options[i].value);
		roff(xe_options[i].text);
		putchar('\n');
	}
	puts(".SH COMMANDS");
	for (i = 0; i < cli_ncommands; i++)
		man_command(&cli_commands[i]);
	puts(".SH FILES\n.TP\n.B ~/.xe\nLines key=value: server, port, "
	     "username, password, passwordfile, socket,\ncacert, insecure, "
	     "human.\n.TP\n.B /var/lib/xcp/xapi\nThe socket that is used "
	     "when no server is named.\n.SH ENVIRONMENT\n.TP\n"
	     ".B XE_EXTRA_ARGS\nThe same pairs as in ~/.xe, with commas "
	     "between.\n.TP\n.B XE_MEMORY_SOCKET\nUnix socket of this host's "
	     "server.\n.SH EXIT STATUS\n0 when all went well, 1 "
	     "otherwise.");
}
