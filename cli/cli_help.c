/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_help - help: the list of commands, and what one of them takes
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

/* %s is what the program is called. */
#define USAGE                                                                  \
	"Usage: %s <command> [-s server] [-pw passwd] [-p port] [-u user] "    \
	"[-pwf password-file]\n  [command specific arguments]\n\n"             \
	"To get help on a specific command: %s help <command>\n"
#define SHORT                                                                  \
	USAGE "To get a full listing of commands: %s help --all\n\n"           \
	      "Common command list\n-------------------"
#define FULL USAGE "\nFull command list\n-----------------"

#define VM_WORDS                                                               \
	" VMs are chosen by filters: 'power-state=halted' means only those "   \
	"VMs whose field power-state is halted, 'uuid=<uuid>' one of them; "   \
	"'vm=<name or uuid>' matches either. To do it to more than one VM, "   \
	"add '--multiple'. '%s vm-list params=all' shows all fields. Without " \
	"a filter all VMs are meant."
#define HOST_WORDS                                                             \
	" A host is chosen by filters: 'enabled=true' means only those hosts " \
	"whose field enabled is true, 'uuid=<uuid>' one of them; "             \
	"'host=<name or uuid>' matches hostname, name-label or uuid. '%s "     \
	"host-list params=all' shows all fields. Without a filter all hosts "  \
	"are meant."

/* spaced - "a,b" as "a, b" */
static const char *
spaced(struct cli_run *r, const char *names, const char *more)
{
	char *text =
	    cli_pool_get(r->pool, 2 * (strlen(names) + strlen(more)) + 4);
	char *at = text;
	const char *p;

	if (text == NULL)
		return NULL;
	for (p = names; *p != '\0'; p++) {
		*at++ = *p;
		if (*p == ',')
			*at++ = ' ';
	}
	if (*names != '\0' && *more != '\0')
		at = stpcpy(at, ", ");
	(void)stpcpy(at, more); /* the buffer was measured above */
	return text;
}

/* field_names - names of the fields of a class that can be set, or of all */
static const char *
field_names(struct cli_run *r, const struct cli_cmd *c)
{
	bool all = c->run == cli_do_list;
	size_t i, room = 1;
	char *text, *at;

	for (i = 0; i < c->cls->n; i++)
		room += strlen(c->cls->field[i].name) + 3;
	at = text = cli_pool_get(r->pool, room);
	if (text == NULL)
		return NULL;
	for (i = 0; i < c->cls->n; i++) {
		const struct cli_field *f = &c->cls->field[i];

		if ((f->flags & CLI_F_HIDDEN) ||
		    (!all && f->access != CLI_RW && f->access != CLI_MRW))
			continue;
		at = stpcpy(at, at == text ? "" : ", ");
		at = stpcpy(stpcpy(at, f->name),
		    !all && f->access == CLI_MRW ? ":" : "");
	}
	return text;
}

/* more_optional - optional words that the table does not spell out */
static const char *
more_optional(struct cli_run *r, const struct cli_cmd *c)
{
	if (c->flags & CLI_C_VMS)
		return "<vm-selectors>";
	if (c->flags & CLI_C_HOSTS)
		return "<host-selectors>";
	if (c->run == cli_do_list || c->run == cli_do_param_set)
		return field_names(r, c);
	return "";
}

/* about - one command */
static bool
about(struct cli_run *r, const char *name)
{
	static const char *const label[] = {"command name        ",
	    "reqd params     ", "optional params ", "description     "};
	const struct cli_cmd *c = cli_command(name);
	const char *value[4], *line, *more, *words = "";

	if (c == NULL) {
		line = cli_pool_printf(r->pool, "Unknown command '%s'", name);
		return line != NULL ? cli_print_list(r, &line, 1)
				    : cli_fail_memory(r);
	}
	value[0] = c->name;
	value[1] = spaced(r, c->required, "");
	more = more_optional(r, c);
	value[2] = more != NULL ? spaced(r, c->optional, more) : NULL;
	if (c->flags & CLI_C_VMS)
		words = cli_pool_printf(r->pool, VM_WORDS, cli_program(r));
	else if (c->flags & CLI_C_HOSTS)
		words = cli_pool_printf(r->pool, HOST_WORDS, cli_program(r));
	if (words == NULL)
		return cli_fail_memory(r);
	value[3] = cli_pool_printf(r->pool, "%s%s", c->help, words);
	if (value[1] == NULL || value[2] == NULL || value[3] == NULL)
		return cli_fail_memory(r);
	return cli_print_table(r, label, value, 4);
}

/* fold - names as lines of some 75 columns */
static bool
fold(struct cli_run *r, const char *const *name, size_t n)
{
	char line[160];
	size_t i, used;
	const char *p = line;

	used = (size_t)snprintf(
	    line, sizeof(line), "    %s", n > 0 ? name[0] : "");
	for (i = 1; i < n; i++) {
		if (used + strlen(name[i]) > 74) {
			if (!cli_print_list(r, &p, 1))
				return false;
			used = (size_t)snprintf(
			    line, sizeof(line), "    %s", name[i]);
			continue;
		}
		used += (size_t)snprintf(
		    line + used, sizeof(line) - used, ", %s", name[i]);
	}
	return cli_print_list(r, &p, 1);
}

/* group - 0: host-, 1: vm-, 2: the others */
static int
group(const char *name)
{
	if (strncmp(name, "host-", 5) == 0)
		return 0;
	return strncmp(name, "vm-", 3) == 0 ? 1 : 2;
}

/* list - names that have a flag and are of a group (-1: any) */
static size_t
list(const char **name_out, unsigned flag, int g)
{
	size_t i, n = 0;

	for (i = 0; i < cli_ncommands; i++) {
		const struct cli_cmd *c = &cli_commands[i];

		if (!(c->flags & CLI_C_HIDDEN) &&
		    (flag == 0 || (c->flags & flag)) &&
		    (g < 0 || group(c->name) == g))
			name_out[n++] = c->name;
	}
	return n;
}

bool
cli_do_help(struct cli_run *r)
{
	bool all = cli_arg_true(r, "all"), asked = false;
	const char **name =
	    cli_pool_array(r->pool, cli_ncommands, sizeof(*name));
	const char *xe = cli_program(r), *head;
	size_t i, n;
	int g;

	if (name == NULL)
		return cli_fail_memory(r);
	for (i = 0; i < r->nparams; i++) {
		if (cli_names_has("server,username,password,port,minimal,all",
			r->param[i].key))
			continue;
		asked = true;
		if (!about(r, r->param[i].key))
			return false;
	}
	if (asked)
		return true;
	n = list(name, all ? 0 : CLI_C_STANDARD, -1);
	if (r->minimal)
		return cli_print_list(r, name, n);
	head = all ? cli_pool_printf(r->pool, FULL, xe, xe)
		   : cli_pool_printf(r->pool, SHORT, xe, xe, xe);
	if (head == NULL)
		return cli_fail_memory(r);
	if (!cli_print_list(r, &head, 1))
		return false;
	if (!all)
		return fold(r, name, n);
	for (g = 0; g < 3; g++) {
		n = list(name, 0, g);
		if (!fold(r, name, n) || (g < 2 && !fold(r, NULL, 0)))
			return false;
	}
	return true;
}
