/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include <criterion/criterion.h>

#include "server/conf.h"

#define ARGS_MAX 16

/* parse - a command line as a shell would split it */
static enum conf_result
parse(struct conf *c, const char *line, char *why)
{
	static char text[1000];
	char *argv[ARGS_MAX], *save;
	int argc = 0;

	(void)snprintf(text, sizeof(text), "xenapi-memoryd %s", line);
	for (char *w = strtok_r(text, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return conf_parse(c, argc, argv, why, 500);
}

Test(conf, command_lines)
{
	static const struct {
		const char *must, *line;
		enum conf_result result;
		const char *why;
	} rows[] = {
	    {"the contract", "--state d --listen 127.0.0.1:8443 --backend sim",
		CONF_RUN, NULL},
	    {"help needs nothing else", "--help", CONF_HELP, NULL},
	    {"nothing names the first thing missing", "", CONF_BAD,
		"--state DIR is missing\nusage:"},
	    {"no listen", "--state d --backend sim", CONF_BAD,
		"--listen ADDR:PORT is missing"},
	    {"xen can be asked for",
		"--state d --listen 1.2.3.4:5 --backend xen", CONF_RUN, NULL},
	    {"unknown backend", "--state d --listen 1.2.3.4:5 --backend kvm",
		CONF_BAD,
		"unknown backend kvm; use --backend xen or --backend sim"},
	    {"memory of Xen is taken over",
		"--state d --listen 1.2.3.4:5 --backend xen --take-over",
		CONF_RUN, NULL},
	    {"of nobody else",
		"--state d --listen 1.2.3.4:5 --backend sim --take-over",
		CONF_BAD, "--take-over is for --backend xen"},
	    {"a simulator file is for the simulator",
		"--state d --listen 1.2.3.4:5 --backend xen --sim /etc/passwd",
		CONF_BAD, "--sim FILE is for --backend sim"},
	    {"the manual page needs nothing else", "--print-man", CONF_MAN,
		NULL},
	    {"nor does the configuration", "--print-config", CONF_DEFAULTS,
		NULL},
	    {"unknown option", "--stat", CONF_BAD, "needs a value"},
	    {"unknown option", "--nonsense", CONF_BAD,
		"unknown option --nonsense"},
	    {"stray word", "--state d sim", CONF_BAD, "unknown word sim"},
	    {"option without value", "--state", CONF_BAD,
		"--state needs a value"},
	    {"a simulator file that is not there",
		"--state d --listen 1.2.3.4:5 --backend sim --sim /nowhere",
		CONF_BAD, "--sim /nowhere: No such file"},
	    {"a listen address without port",
		"--state d --listen localhost --backend sim", CONF_BAD,
		"try 127.0.0.1:8443"},
	    {"accounts need nothing but the folder",
		"--state d --add-user ann vm-admin", CONF_TOOL, NULL},
	    {"they do need that", "--del-user ann", CONF_BAD,
		"--state DIR is missing"},
	    {"an account has a role", "--state d --add-user ann", CONF_BAD,
		"--add-user needs NAME and ROLE"},
	    {"a config file that is not there",
		"--state d --listen 1.2.3.4:5 --backend sim --config /nowhere",
		CONF_BAD, "/nowhere: No such file"},
	    {"a config file that is a folder",
		"--state d --listen 1.2.3.4:5 --backend sim --config /",
		CONF_BAD, "/: cannot be read"},
	};
	struct conf c;
	char why[500];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		why[0] = '\0';
		cr_expect_eq(parse(&c, rows[i].line, why), rows[i].result,
		    "%s: %s", rows[i].must, why);
		if (rows[i].why != NULL)
			cr_expect_not_null(strstr(why, rows[i].why), "%s: %s",
			    rows[i].must, why);
	}
}

/* a name of 256 bytes: not ENOENT, but ENAMETOOLONG */
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

Test(conf, backends)
{
	static const struct {
		const char *must, *word, *privcmd;
		enum conf_result result;
		int world;
		const char *why;
	} rows[] = {
	    {"Xen where it is", "", "/dev/null", CONF_RUN, CONF_XEN, NULL},
	    {"where it is not, nothing is made up", "", "/nowhere/privcmd",
		CONF_BAD, -1,
		"no Xen here (/nowhere/privcmd: No such file or directory); "
		"use --backend sim"},
	    {"whoever asks for Xen is told by its process what is missing",
		"xen", "/nowhere/privcmd", CONF_RUN, CONF_XEN, NULL},
	    {"nor is a device missing that may only not be looked at", "",
		"/" X64 X64 X64 X64, CONF_RUN, CONF_XEN, NULL},
	    {"a simulated host is asked for", "sim", "/dev/null", CONF_RUN,
		CONF_SIMULATED, NULL},
	    {"nothing else", "Xen", "/dev/null", CONF_BAD, -1,
		"unknown backend Xen"},
	};
	char why[500];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum conf_world world = CONF_SIMULATED;

		why[0] = '\0';
		cr_expect_eq(conf_backend(rows[i].word, rows[i].privcmd, &world,
				 why, sizeof(why)),
		    rows[i].result, "%s: %s", rows[i].must, why);
		if (rows[i].world >= 0)
			cr_expect_eq(
			    (int)world, rows[i].world, "%s", rows[i].must);
		if (rows[i].why != NULL)
			cr_expect_not_null(strstr(why, rows[i].why), "%s: %s",
			    rows[i].must, why);
	}
}

Test(conf, host_and_port)
{
	static const struct {
		const char *text, *host, *port; /* host NULL: refused */
	} rows[] = {
	    {"127.0.0.1:8443", "127.0.0.1", "8443"},
	    {"localhost:0", "localhost", "0"},
	    {"[::1]:8443", "::1", "8443"},
	    {"[::]:65535", "::", "65535"},
	    {"::1:8443", NULL, NULL},
	    {"[::1]", NULL, NULL},
	    {"[::1]8443", NULL, NULL},
	    {"1.2.3.4", NULL, NULL},
	    {"1.2.3.4:", NULL, NULL},
	    {":8443", NULL, NULL},
	    {"[]:8443", NULL, NULL},
	    {"1.2.3.4:65536", NULL, NULL},
	    {"1.2.3.4:-1", NULL, NULL},
	    {"1.2.3.4:http", NULL, NULL},
	    {"", NULL, NULL},
	};
	char host[64], port[8];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int r = conf_host_port(
		    rows[i].text, host, sizeof(host), port, sizeof(port));

		cr_expect_eq(
		    r, rows[i].host != NULL ? 0 : -1, "%s", rows[i].text);
		if (r != 0)
			continue;
		cr_expect_str_eq(host, rows[i].host);
		cr_expect_str_eq(port, rows[i].port);
	}
}

Test(conf, files)
{
	static const struct {
		const char *must, *text;
		const char *why; /* NULL: taken */
	} rows[] = {
	    {"an empty file changes nothing", "", NULL},
	    {"limits are set", "; x\n[limits]\nheaders = 20\n", NULL},
	    {"unknown keys are refused with their line",
		"[limits]\n\nheader = 20\n",
		":3: unknown key header; --help lists them all"},
	    {"so are unknown sections", "[limit]\nheaders = 20\n",
		":2: unknown section [limit]"},
	    {"no number", "[limits]\nheaders = many\n",
		":2: headers = many: a number from 8 to 1000 is needed"},
	    {"out of bounds", "[limits]\nheaders = 1001\n", ":2: headers"},
	    {"more than 64 bits", "[limits]\nheaders = 99999999999999999999\n",
		":2: headers"},
	    {"not INI", "[limits]\nheaders\n", ":2: not [section]"},
	    {"texts come before any section",
		"master = 192.0.2.1\nheaders = 20\n", NULL},
	    {"and not in one", "[limits]\nmaster = 192.0.2.1\n",
		":2: master belongs before any section"},
	    {"the backend can be said there; the command line counts more",
		"backend = xen\nheaders = 20\n", NULL},
	    {"so can the address", "listen = 192.0.2.1:443\nheaders = 20\n",
		NULL},
	    {"a simulated host is not taken over", "take_over = yes\n",
		"--take-over is for --backend xen"},
	    {"to balance or not", "balance = perhaps\n",
		"balance = perhaps: yes or no"},
	    {"who gives first can be said",
		"balance_by = available\n"
		"headers = 20\n",
		NULL},
	    {"of two ways", "balance_by = luck\n",
		"balance_by = luck: available or proportional"},
	    {"yes or no", "take_over = perhaps\n",
		"take_over = perhaps: yes or no"},
	    {"they say something", "master =\n", ":1: master: 1 to 199"},
	    {"groups have roles",
		"[limits]\nheaders = 20\n[roles]\nwheel = pool-admin\n", NULL},
	    {"roles that there are", "[roles]\nwheel = emperor\n",
		":2: wheel = emperor: no such role"},
	    {"and that a user can have", "[roles]\nwheel = client-cert\n",
		":2: wheel = client-cert: no such role"},
	    {"the first thing wrong is told", "[limits]\nheaders\nheader = 1\n",
		":2: not [section]"},
	};
	struct conf c;
	char why[500], line[300], path[] = "/tmp/xenapi-memory-conf.XXXXXX";
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	(void)snprintf(line, sizeof(line),
	    "--state d --listen [::1]:0 --backend sim --config %s", path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = strlen(rows[i].text);

		cr_assert_eq(ftruncate(fd, 0), 0);
		cr_assert_eq(pwrite(fd, rows[i].text, n, 0), (ssize_t)n);
		why[0] = '\0';
		cr_expect_eq(parse(&c, line, why),
		    rows[i].why != NULL ? CONF_BAD : CONF_RUN, "%s: %s",
		    rows[i].must, why);
		if (rows[i].why != NULL)
			cr_expect_not_null(strstr(why, rows[i].why), "%s: %s",
			    rows[i].must, why);
		else
			cr_expect_eq(c.headers, n == 0 ? 100 : 20);
	}
	(void)close(fd);
	(void)unlink(path);
}
