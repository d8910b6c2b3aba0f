/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_complete - completion for bash, from the table of commands
 *
 * The script asks the server for names and values with the options that stand
 * on the line.  Readline breaks words at '=' and ':' and replaces only what
 * follows; a value is therefore offered without its key, and a ':' in it with
 * a backslash.
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"
#include "cli/xe.h"

/* What the script knows about lines of this program. */
static const char line_text[] =
    "# completion of xe-memory for bash, made by\n"
    "# xe-memory --print-completion\n"
    "\n"
    "# offer BEFORE TYPED: those lines of stdin that start with TYPED\n"
    "_xe_memory_offer()\n"
    "{\n"
    "\tlocal line\n"
    "\twhile IFS= read -r line; do\n"
    "\t\t[[ -n $line && $line == \"$2\"* ]] || continue\n"
    "\t\tprintf -v line %q \"$line\"\n"
    "\t\tline=${line//:/\\\\:}\n"
    "\t\tCOMPREPLY+=(\"$1${line//=/\\\\=}\")\n"
    "\tdone\n"
    "}\n"
    "\n"
    "# ask CLASSES FIELD: what the objects have there, a line each\n"
    "_xe_memory_ask()\n"
    "{\n"
    "\tlocal class\n"
    "\tfor class in $1; do\n"
    "\t\t\"${call[@]}\" \"$class-list\" params=\"$2\" --minimal \\\n"
    "\t\t    2>/dev/null </dev/null\n"
    "\tdone | sed 's/\\\\\\\\/\\x01/g; s/\\\\,/\\x02/g; s/,/\\n/g; '\\\n"
    "'s/\\x02/,/g; s/\\x01/\\\\/g' | sort -u\n"
    "}\n"
    "\n"
    "# lines WORD...: a line each\n"
    "_xe_memory_lines()\n"
    "{\n"
    "\t[ $# = 0 ] || printf '%s\\n' \"$@\"\n"
    "}\n"
    "\n"
    "# value KEY TYPED BEFORE: values of one key of the command\n"
    "_xe_memory_value()\n"
    "{\n"
    "\tlocal fields\n"
    "\tfields=$(_xe_memory_fields \"${classes%% *}\")\n"
    "\tcase $1 in\n"
    "\thost-uuid) _xe_memory_ask host uuid;;\n"
    "\thost|on) _xe_memory_ask host name-label;;\n"
    "\tvm-uuid|vm-uuids) _xe_memory_ask vm uuid;;\n"
    "\toperation) _xe_memory_lines start resume migrate;;\n"
    "\tpolicy) _xe_memory_lines spread pack;;\n"
    "\tvm) _xe_memory_ask \"$classes\" name-label;;\n"
    "\tparam-name|params) _xe_memory_lines $fields;;\n"
    "\t*) case \" $fields \" in\n"
    "\t\t*\" $1 \"*) _xe_memory_ask \"$classes\" \"$1\";;\n"
    "\t\tesac;;\n"
    "\tesac\n"
    "}\n"
    "\n";

static const char main_text[] =
    "_xe_memory()\n"
    "{\n"
    "\tlocal line cur cmd=\"\" classes words before typed w i\n"
    "\tlocal -a all call\n"
    "\tline=${COMP_LINE:0:COMP_POINT}\n"
    "\tline=${line//\\\\ /$'\\1'}\n"
    "\tcur=${line##*[ \t]}\n"
    "\tread -ra all <<<\"${line%\"$cur\"}\"\n"
    "\tcur=${cur//$'\\1'/\\\\ }\n"
    "\tcall=(\"${1/#\\~/$HOME}\")\n"
    "\tCOMPREPLY=()\n"
    "\tfor ((i = 1; i < ${#all[@]}; i++)); do\n"
    "\t\tw=${all[i]//$'\\1'/ }\n"
    "\t\tcase $w in\n"
    "\t\t-s|-p|-u|-pw|-pwf|--cacert|--socket)\n"
    "\t\t\tif ((i + 1 == ${#all[@]})); then\n"
    "\t\t\t\t[[ $w == --* || $w == -pwf ]] && compopt -o default\n"
    "\t\t\t\treturn\n"
    "\t\t\tfi\n"
    "\t\t\ti=$((i + 1))\n"
    "\t\t\tcall+=(\"$w\" \"${all[i]/#\\~/$HOME}\");;\n"
    "\t\t--insecure) call+=(\"$w\");;\n"
    "\t\t-*) ;;\n"
    "\t\t*) [ -n \"$cmd\" ] || cmd=$w;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tif [ -z \"$cmd\" ]; then\n"
    "\t\twords=\"$_xe_memory_commands $_xe_memory_options\"\n"
    "\telse\n"
    "\t\t_xe_memory_words \"$cmd\"\n"
    "\tfi\n"
    "\tif [[ $cur == *=* ]]; then\n"
    "\t\tbefore=${cur%%=*}=\n"
    "\t\ttyped=$(sed 's/\\\\\\(.\\)/\\1/g' <<<\"${cur#*=}\")\n"
    "\t\t[[ $COMP_WORDBREAKS == *=* ]] && before=\n"
    "\t\tif [[ $cur == params=* ]]; then\n"
    "\t\t\tcompopt -o nospace\n"
    "\t\t\tw=${typed##*,}\n"
    "\t\t\tbefore+=${typed%\"$w\"}\n"
    "\t\t\ttyped=$w\n"
    "\t\tfi\n"
    "\t\t_xe_memory_offer \"$before\" \"$typed\" \\\n"
    "\t\t    < <(_xe_memory_value \"${cur%%=*}\")\n"
    "\t\treturn\n"
    "\tfi\n"
    "\t[[ $cur == *:* ]] && return\n"
    "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
    "\t[[ ${#COMPREPLY[@]} == 1 && $COMPREPLY == *[=:] ]] &&\n"
    "\t    compopt -o nospace\n"
    "}\n"
    "\n";

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

/* class_of - the class that a command is about: NAME of NAME-list */
static int
class_of(const struct cli_cmd *c, const char **name_out)
{
	size_t best = strcspn(c->name, "-"), n;

	*name_out = c->name;
	if (c->flags & CLI_C_HOSTS) {
		*name_out = "host";
		return (int)strlen(*name_out);
	}
	for (size_t i = 0; i < cli_ncommands; i++) {
		const struct cli_cmd *list = &cli_commands[i];

		if (list->run != cli_do_list)
			continue;
		n = strlen(list->name) - strlen("-list");
		if (n > best && strncmp(c->name, list->name, n) == 0 &&
		    c->name[n] == '-')
			best = n;
	}
	return (int)best;
}

/* class_fields - the fields of each class, for the script */
static void
class_fields(void)
{
	size_t i, k;

	puts("# fields CLASS: their names\n_xe_memory_fields()\n{\n"
	     "\tcase $1 in");
	for (i = 0; i < cli_ncommands; i++) {
		const struct cli_cmd *c = &cli_commands[i];
		const char *cls;
		int n;

		if (c->run != cli_do_list)
			continue;
		n = class_of(c, &cls);
		printf("\t%.*s) echo", n, cls);
		for (k = 0; k < c->cls->n; k++)
			if (!(c->cls->field[k].flags & CLI_F_HIDDEN))
				printf(" %s", c->cls->field[k].name);
		puts(";;");
	}
	puts("\tesac\n}\n");
}

/* command_words - what may follow a command, and the classes it is about */
static void
command_words(const struct cli_cmd *c)
{
	bool templates = strncmp(c->name, "vm-", 3) == 0 &&
			 ((c->flags & CLI_C_TEMPLATES) || c->cls != NULL) &&
			 c->run != cli_do_list;
	const char *p, *cls;
	int len = class_of(c, &cls);

	printf("\t%s) classes=\"%.*s%s\" words=\"", c->name, len, cls,
	    templates ? " template" : "");
	if (c->run == cli_do_help)
		fputs("$_xe_memory_commands --all", stdout);
	for (p = c->required; *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ",");

		printf(" %.*s=", (int)n, p);
		p += n;
	}
	for (p = c->optional; *p != '\0' && c->run != cli_do_help;
	     p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n == 5 && strncmp(p, "force", n) == 0)
			fputs(" --force", stdout);
		else if (p[n - 1] != ':')
			printf(" %.*s=", (int)n, p);
		p += n;
	}
	if (c->flags & CLI_C_VMS)
		fputs(" vm= uuid= --multiple", stdout);
	if (c->flags & CLI_C_HOSTS)
		fputs(" host= uuid=", stdout);
	if (c->run == cli_do_list || c->run == cli_do_param_set)
		fields(c->cls, c->run == cli_do_param_set);
	puts(" --minimal\";;");
}

void
xe_print_completion(void)
{
	size_t i;

	fputs(line_text, stdout);
	class_fields();
	puts("# words COMMAND: sets words and classes\n"
	     "_xe_memory_words()\n{\n\tclasses= words=\n\tcase $1 in");
	for (i = 0; i < cli_ncommands; i++)
		command_words(&cli_commands[i]);
	puts("\tesac\n}\n");
	fputs(main_text, stdout);
	fputs("_xe_memory_commands=\"top", stdout);
	for (i = 0; i < cli_ncommands; i++)
		printf(" %s", cli_commands[i].name);
	fputs("\"\n_xe_memory_options=\"", stdout);
	for (i = 0; i < xe_noptions; i++)
		printf("%s%s", i > 0 ? " " : "", xe_options[i].option);
	puts("\"\ncomplete -F _xe_memory xe-memory");
}
