/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_doc - manual page, completion and usage, from the table of commands
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"
#include "cli/xe.h"

static const struct {
	const char *option, *value, *text;
} options[] = {
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

void
xe_usage(void)
{
	size_t i;

	puts("usage: xe-memory [option ...] command [key=value ...]\n"
	     "       xe-memory [option ...] top\n"
	     "       xe-memory help [--all | command]\n"
	     "       xe-memory --print-man | --print-completion\n");
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		printf("  %-10s %-9s %s\n", options[i].option, options[i].value,
		    options[i].text);
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
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		fputs(".TP\n.B ", stdout);
		roff(options[i].option);
		printf(" %s\n", options[i].value);
		roff(options[i].text);
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

/* fields - names of the fields that a command takes as words */
static void
fields(const struct cli_class *c, bool settable)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		const struct cli_field *f = &c->field[i];

		if (f->flags & CLI_F_HIDDEN)
			continue;
		if (settable && f->access == CLI_MRW)
			printf(" %s:", f->name);
		else if (!settable || f->access == CLI_RW)
			printf(" %s=", f->name);
	}
}

void
xe_print_completion(void)
{
	size_t i;

	puts("# completion of xe-memory for bash, made by\n"
	     "# xe-memory --print-completion\n_xe_memory()\n{\n"
	     "\tlocal cur cmd words w class\n"
	     "\tcur=${COMP_LINE:0:COMP_POINT}\n\tcur=${cur##* }\n"
	     "\tCOMPREPLY=()\n\tcmd=\n"
	     "\tfor w in \"${COMP_WORDS[@]:1}\"; do\n"
	     "\t\tcase \" $_xe_memory_commands \" in *\" $w \"*) cmd=$w; "
	     "break;; esac\n\tdone\n"
	     "\tif [ -z \"$cmd\" ] || [ \"$cmd\" = \"$cur\" ]; then\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$_xe_memory_commands "
	     "$_xe_memory_options\" -- \"$cur\"))\n\t\treturn\n\tfi\n"
	     "\tcase $cur in\n"
	     "\tuuid=*|host-uuid=*)\n\t\tclass=${cmd%%-*}\n"
	     "\t\t[ \"${cur%%=*}\" = host-uuid ] && class=host\n"
	     "\t\twords=$(xe-memory \"$class-list\" params=uuid --minimal "
	     "2>/dev/null </dev/null | tr , ' ')\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$words\" -- "
	     "\"${cur#*=}\"))\n\t\treturn;;\n"
	     "\tesac\n\tcase $cmd in");
	for (i = 0; i < cli_ncommands; i++) {
		const struct cli_cmd *c = &cli_commands[i];

		printf("\t%s) words=\"", c->name);
		words(c->required, " ", "=");
		words(c->optional, " ", "=");
		if (c->flags & CLI_C_VMS)
			fputs(" vm= uuid= --multiple", stdout);
		if (c->flags & CLI_C_HOSTS)
			fputs(" host= uuid=", stdout);
		if (c->run == cli_do_list || c->run == cli_do_param_set)
			fields(c->cls, c->run == cli_do_param_set);
		puts(" --minimal\";;");
	}
	puts("\tesac\n\tcompopt -o nospace 2>/dev/null\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}");
	printf("_xe_memory_commands=\"top");
	for (i = 0; i < cli_ncommands; i++)
		printf(" %s", cli_commands[i].name);
	printf("\"\n_xe_memory_options=\"");
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		printf("%s%s", i > 0 ? " " : "", options[i].option);
	puts("\"\ncomplete -F _xe_memory xe-memory");
}
