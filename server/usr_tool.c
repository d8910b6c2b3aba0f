/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "server/usr.h"
#include "server/usr_file.h"
#include "server/usr_tool.h"

static int
say(const char *text)
{
	(void)fprintf(stderr, "xenapi-memoryd: %s\n", text);
	return 1;
}

/* read_line - one line of standard input without its end */
static bool
read_line(char *text, size_t n)
{
	size_t len;

	if (fgets(text, (int)n, stdin) == NULL)
		return false;
	len = strcspn(text, "\n");
	if (text[len] == '\0' && len == n - 1)
		return false; /* longer than any password */
	text[len] = '\0';
	return true;
}

/* ask - a password that a person types unseen, twice */
static bool
ask(char *text, size_t n)
{
	char again[USR_PASSWORD_MAX + 2] = "";
	struct termios was, now;
	bool ok;

	if (tcgetattr(STDIN_FILENO, &was) != 0)
		return false;
	now = was;
	now.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
	(void)fprintf(stderr, "Password: ");
	ok = read_line(text, n);
	(void)fprintf(stderr, "\nThe same again: ");
	ok = ok && read_line(again, sizeof(again));
	(void)fprintf(stderr, "\n");
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	if (ok && strcmp(text, again) != 0)
		ok = false;
	explicit_bzero(again, sizeof(again));
	return ok;
}

/* name_is_fine - can it be an account? */
static bool
name_is_fine(const char *name)
{
	if (name[0] == '\0' || name[0] == '#' || strlen(name) > 255)
		return false;
	for (const char *s = name; *s != '\0'; s++)
		if (*s == ':' || *s == '*' || (unsigned char)*s < ' ')
			return false;
	return true;
}

static int
change(const struct conf *c, const struct usr_change *what)
{
	char why[500];

	if (usr_file_change(c->state_dir, what, why, sizeof(why)) != 0)
		return say(why);
	usr_forget_initial(c->state_dir, what->name);
	return 0;
}

static int
add(const struct conf *c)
{
	char password[USR_PASSWORD_MAX + 2] = "", text[400];
	struct usr_change what = {.name = c->user_name};
	char *h;
	int r;

	what.role = conf_role(c->user_role);
	if (what.role < 0) {
		(void)snprintf(text, sizeof(text),
		    "%s: no such role; --help lists them", c->user_role);
		return say(text);
	}
	if (!name_is_fine(c->user_name))
		return say("a name has 1 to 255 bytes, no ':', '*' or control "
			   "character, and does not start with '#'");
	if (!(isatty(STDIN_FILENO) ? ask(password, sizeof(password))
				   : read_line(password, sizeof(password))))
		return say("no password was given, or not the same twice");
	if (strlen(password) < USR_PASSWORD_MIN ||
	    strlen(password) > USR_PASSWORD_MAX)
		return say("a password has 8 to 512 bytes");
	h = usr_file_hash(password);
	explicit_bzero(password, sizeof(password));
	if (h == NULL)
		return say("out of memory");
	what.hash = h;
	r = change(c, &what);
	free(h);
	return r;
}

static int
del(const struct conf *c)
{
	struct usr_change what = {
	    .name = c->user_name, .role = -1, .remove = true};

	return change(c, &what);
}

static int
list(const struct conf *c)
{
	struct usr_list l;
	char why[500];

	if (usr_file_load(c->state_dir, &l, why, sizeof(why)) != 0)
		return say(why);
	for (size_t i = 0; i < l.n; i++)
		if (l.lines[i].name != NULL)
			printf("%-32s %s\n", l.lines[i].name,
			    idl_roles[l.lines[i].role]);
	usr_file_fini(&l);
	return fflush(stdout) == 0 ? 0 : say("standard output");
}

int
usr_tool_run(const struct conf *c)
{
	(void)umask(077);
	switch (c->user) {
	case CONF_USER_ADD:
		return add(c);
	case CONF_USER_DEL:
		return del(c);
	case CONF_USER_LIST:
		return list(c);
	case CONF_USER_NONE:
	default:
		return say("nothing to do");
	}
}
