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

/* optional - words that a command may do without */
static void
optional(const char *names)
{
	while (*names != '\0') {
		size_t n = strcspn(names, ",");

		if (n == 5 && strncmp(names, "force", n) == 0)
			fputs(" [\\-\\-force]", stdout);
		else if (names[0] == '<' || names[0] == '-')
			printf(" [%.*s]", (int)n, names);
		else if (names[n - 1] !=
			 ':') /* "database:" is not for people */
			printf(" [%.*s=VALUE]", (int)n, names);
		names += n;
		names += *names == ',';
	}
}

static void
man_command(const struct cli_cmd *c)
{
	const char *p;

	fputs(".TP\n.B ", stdout);
	roff(c->name);
	for (p = c->required; *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ",");

		printf(" %.*s=VALUE", (int)n, p);
		p += n;
	}
	optional(c->optional);
	if (c->run == cli_do_list)
		fputs(" [FIELD=VALUE ...]", stdout);
	if (c->run == cli_do_param_set)
		fputs(" FIELD=VALUE ...", stdout);
	if (c->flags & CLI_C_VMS)
		fputs(" [vm=NAME|FIELD=VALUE ...] [\\-\\-multiple]", stdout);
	if (c->flags & CLI_C_HOSTS)
		fputs(" [host=NAME|FIELD=VALUE ...]", stdout);
	putchar('\n');
	roff(c->help);
	putchar('\n');
}

/* man_examples - what people come for */
static void
man_examples(void)
{
	puts(".SH EXAMPLES\n.nf\n"
	     "xe\\-memory \\-\\-human vm\\-list "
	     "params=name\\-label,memory\\-actual\n"
	     "xe\\-memory vm\\-memory\\-dynamic\\-range\\-set vm=web "
	     "min=2GiB max=4GiB\n"
	     "xe\\-memory vm\\-memory\\-target\\-wait vm=web\n"
	     "xe\\-memory vm\\-start power\\-state=halted "
	     "\\-\\-multiple\n"
	     "xe\\-memory \\-s host7 \\-pwf password \\-\\-cacert ca.pem "
	     "host\\-compute\\-free\\-memory\n.fi");
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
	     ".PP\nSizes are whole numbers of bytes, or of KiB, MiB, GiB or "
	     "TiB when such a\nsuffix follows. While a command waits on a "
	     "terminal, a bar shows how far it is,\nand Ctrl\\-C cancels "
	     "what it waits for.\n"
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
	man_examples();
	puts(".SH FILES\n.TP\n.B ~/.xe\nLines key=value: server, port, "
	     "username, password, passwordfile, socket,\ncacert, insecure, "
	     "human.\n.TP\n.B /var/lib/xcp/xapi\nThe socket that is used "
	     "when no server is named.\n.SH ENVIRONMENT\n.TP\n"
	     ".B XE_EXTRA_ARGS\nThe same pairs as in ~/.xe, with commas "
	     "between.\n.TP\n.B XE_MEMORY_SOCKET\nUnix socket of this host's "
	     "server.\n.SH EXIT STATUS\n0 when all went well, 1 "
	     "otherwise.");
}
