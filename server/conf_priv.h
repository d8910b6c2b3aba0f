/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_CONF_PRIV_H
#define SERVER_CONF_PRIV_H

/*
 * conf_priv - the tables of what the daemon can be told
 *
 * Parser, --help, manual page and default configuration file all come from
 * them: what is not in a table cannot be said.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "server/conf.h"

#define CONF_THREADS_MAX 64

/* Where this is, there is a Xen to talk to. */
#define CONF_PRIVCMD "/dev/xen/privcmd"

/* An option of the command line; the value is getopt's. */
enum conf_option_id {
	CONF_STATE,
	CONF_LISTEN,
	CONF_BACKEND,
	CONF_TAKE_OVER,
	CONF_BALANCE_BY,
	CONF_SIM,
	CONF_CONFIG,
	CONF_VERBOSE,
	CONF_ADD_USER,
	CONF_DEL_USER,
	CONF_LIST_USERS,
	CONF_PRINT_MAN,
	CONF_PRINT_CONFIG,
	CONF_HELP_ME,
	CONF_NOPTIONS,
};

struct conf_option {
	const char *name;
	const char *arg; /* what follows it; NULL: nothing */
	const char *doc;
};

/* One limit of section [limits]. */
struct conf_row {
	const char *name;
	size_t offset; /* of an int64_t in struct conf */
	int64_t initial, min, max;
	const char *doc;
};

/* One text, before any section. */
struct conf_text {
	const char *name;
	size_t offset;	   /* of CONF_PATH bytes in struct conf */
	const char *given; /* in the default file; NULL: not there */
	const char *doc;
};

extern const struct conf_option conf_options[CONF_NOPTIONS];
extern const struct conf_row conf_rows[];
extern const size_t conf_nrows;
extern const struct conf_text conf_texts[];
extern const size_t conf_ntexts;
extern const char conf_usage[];

#endif
