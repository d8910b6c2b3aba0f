/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_CONF_H
#define SERVER_CONF_H

/*
 * conf - what the daemon is told: command line, and limits from an INI file
 *
 *   xenapi-memoryd --state DIR --listen ADDR:PORT [--backend xen|sim]
 *                  [--take-over] [--sim FILE] [--config FILE] [--verbose]
 *   xenapi-memoryd --state DIR --add-user NAME ROLE | --del-user NAME |
 *                  --list-users
 *   xenapi-memoryd --print-man | --print-config
 *
 * Every option, text and limit is a row of the tables in conf_table.c, with its
 * default, bounds and documentation.  --help, the manual page and the default
 * configuration file are made from them.
 *
 * DIAGNOSTICS none; reasons are returned as text.  BUGS none known.
 */

#include <stdbool.h>
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
/* What is behind the hypervisor process. */
enum conf_world { CONF_SIMULATED, CONF_XEN };

enum conf_user { CONF_USER_NONE, CONF_USER_ADD, CONF_USER_DEL, CONF_USER_LIST };

struct conf {
	/* Command line; point into argv or into memory of their own. */
	const char *state_dir;
	char host[256];	 /* of --listen, without brackets */
	char port[8];	 /* decimal */
	const char *sim; /* NULL: the simulator's own default */
	int verbose;
	enum conf_world world;
	bool takes_over;     /* of CONF_XEN */
	bool balances;	     /* moves memory by itself */
	bool by_need;	     /* ... as guests say they need it */
	enum conf_user user; /* CONF_TOOL */
	const char *user_name, *user_role;

	/* Texts of the config file; "" when not given. */
	char listen[CONF_PATH], backend[CONF_PATH], take_over[CONF_PATH];
	char balance[CONF_PATH], balance_by[CONF_PATH];
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
	int64_t event_waits_per_session;
	int64_t login_queue, pam_ms;
	int64_t hv_ms, command_ms;
	int64_t stop_ms;
};

enum conf_result {
	CONF_RUN,  /* all is well */
	CONF_TOOL, /* work on the accounts: usr_tool_run */
	/* Print that, exit 0: */
	CONF_HELP,     /* conf_help */
	CONF_MAN,      /* conf_man */
	CONF_DEFAULTS, /* conf_defaults */
	CONF_BAD,      /* print the text, exit EX_CONFIG */
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
 * conf_backend - which world is meant
 *
 * in      word     "xen", "sim"; "": Xen, unless privcmd is missing
 *         privcmd  path of Xen's device
 * errors  CONF_BAD with the text set
 */
enum conf_result conf_backend(const char *word, const char *privcmd,
    enum conf_world *world_out, char *why, size_t why_bytes);

/*
 * conf_help - usage, all options and limits, on standard output
 * conf_man - the manual page, in roff
 * conf_defaults - a configuration file that changes nothing
 */
void conf_help(void);
void conf_man(void);
void conf_defaults(void);

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
