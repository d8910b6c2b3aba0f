/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_CONF_H
#define SERVER_CONF_H

/*
 * conf - what the daemon is told: command line, and limits from an INI file
 *
 *   xenapi-memoryd --state DIR --listen ADDR:PORT --backend sim [--sim FILE]
 *                  [--config FILE] [--verbose]
 *   xenapi-memoryd --state DIR --add-user NAME ROLE | --del-user NAME |
 *                  --list-users
 *
 * Every limit and time-out is a row of the table in conf.c, with its default,
 * bounds and one line of documentation; so is every text.  --help prints them
 * all.
 *
 * DIAGNOSTICS none; reasons are returned as text.  BUGS none known.
 */

#include <stddef.h>
#include <stdint.h>

#define CONF_PATH 200 /* longest text of the config file, NUL included */
#define CONF_GROUPS 64

/* A line of section [roles]: who is in the Unix group has the role. */
struct conf_group {
	char name[64];
	int role; /* enum idl_role */
};

/* What to do with the accounts, instead of serving. */
enum conf_user { CONF_USER_NONE, CONF_USER_ADD, CONF_USER_DEL, CONF_USER_LIST };

struct conf {
	/* Command line; point into argv or into memory of their own. */
	const char *state_dir;
	char host[256];	 /* of --listen, without brackets */
	char port[8];	 /* decimal */
	const char *sim; /* NULL: the simulator's own default */
	int verbose;
	enum conf_user user; /* CONF_TOOL */
	const char *user_name, *user_role;

	/* Texts of the config file; "" when not given. */
	char pam_service[CONF_PATH], pam_confdir[CONF_PATH];
	char pool_secret_file[CONF_PATH];
	char client_ca_file[CONF_PATH];
	char master[CONF_PATH];
	char local_socket[CONF_PATH];
	struct conf_group groups[CONF_GROUPS];
	size_t ngroups;

	/* Limits; see conf.c. */
	int64_t threads;
	int64_t connections, connections_per_address, local_connections;
	int64_t body_bytes, bodies_bytes, header_bytes, headers;
	int64_t handshake_ms, idle_ms, header_ms, body_ms, write_ms, reply_ms;
	int64_t linger_ms;
	int64_t call_bytes, reply_bytes;
	int64_t sessions, sessions_per_user, sessions_per_originator;
	int64_t sessions_anonymous, sessions_pool;
	int64_t calls_per_session, calls_per_address;
	int64_t login_queue, pam_ms;
	int64_t stop_ms;
};

enum conf_result {
	CONF_RUN,  /* all is well */
	CONF_TOOL, /* work on the accounts: usr_tool_run */
	CONF_HELP, /* --help was asked for: print conf_help, exit 0 */
	CONF_BAD,  /* print the text, exit 1 */
};

/*
 * conf_parse - defaults, then the config file, then the command line
 *
 * out     c    filled for CONF_RUN
 *         why  for CONF_BAD: one or two lines, what is wrong and what to do
 */
enum conf_result conf_parse(
    struct conf *c, int argc, char *const argv[], char *why, size_t why_bytes);

/*
 * conf_help - usage and all limits, on standard output
 */
void conf_help(void);

/*
 * conf_role - a role that a user can have, by name; -1: there is none
 */
int conf_role(const char *name);

/*
 * conf_host_port - ADDR:PORT or [ADDR6]:PORT in its two halves
 *
 * returns 0, or -1 when it is neither
 */
int conf_host_port(const char *text, char *host, size_t host_bytes, char *port,
    size_t port_bytes);

#endif
