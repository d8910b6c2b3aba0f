/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XE_H
#define XE_H

/*
 * xe - the program xe-memory: the command layer over XML-RPC
 *
 * A client of any XenAPI server: HTTPS with certificates checked, or a Unix
 * socket.  xmlrpc-c encodes and decodes; bytes go through libcurl, which knows
 * Unix sockets.
 *
 * DIAGNOSTICS on standard error, as xe.  BUGS xmlrpc-c takes time that grows
 * with the square of the members of a struct: lists of many thousand VMs are
 * slow.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

#define XE_REPLY_MAX_BYTES (256u << 20)

/* What the options, the environment and ~/.xe say. */
struct xe_conf {
	char *server;	       /* NULL: this host */
	char *port;	       /* NULL: 443 */
	char *user, *password; /* NULL: not given */
	char *password_file;
	char *cacert; /* file of certificates to trust; NULL: the system's */
	char *socket; /* NULL: none */
	bool insecure, human, debug;
	bool (*stop)(void); /* asked while waiting: give up? NULL: never */
	const char **word;  /* word[0..n): the command */
	size_t n;
};

struct xe_link;

/*
 * xe_conf_read - read ~/.xe, XE_EXTRA_ARGS and the command line, in this order
 *
 * out     c_out  even when false: to be freed
 *         text_out  one line why, in static memory, when false
 */
bool xe_conf_read(
    struct xe_conf *c_out, int argc, char **argv, const char **text_out);

/*
 * xe_conf_free - what xe_conf_read allocated; secrets are wiped
 */
void xe_conf_free(struct xe_conf *c);

/*
 * xe_conf_password - the password, asked for on the terminal if need be
 *
 * errors  false: there is none, text_out says why
 */
bool xe_conf_password(struct xe_conf *c, const char **text_out);

/*
 * xe_link_new - a way to the server; connects with the first call
 *
 * errors  NULL: text_out says why
 */
struct xe_link *xe_link_new(const struct xe_conf *c, const char **text_out);

/*
 * xe_link_free - log out if logged in, free, set to NULL; NULL is fine
 */
void xe_link_free(struct xe_link **link);

/*
 * xe_link_login - open a session
 */
enum cli_status xe_link_login(
    struct xe_link *link, struct cli_pool *pool, struct cli_failure *why);

/*
 * xe_link_call - the call of struct cli_ops; ctx is a struct xe_link
 */
enum cli_status xe_link_call(void *ctx, struct cli_pool *pool,
    const char *method, const struct cli_val *args, size_t n,
    struct cli_val *value_out, struct cli_failure *why);

/*
 * xe_wait - the wait of struct cli_ops: a bar on the terminal; SIGINT makes it
 *         return false, a second one ends the program
 * xe_wait_catch - catch SIGINT once
 * xe_wait_stopped - whether there was one
 */
bool xe_wait(void *ctx, const char *label, double fraction);
void xe_wait_catch(void);
bool xe_wait_stopped(void);

/*
 * xe_top - show hosts and VMs until q is pressed
 * xe_top_stop - whether q was pressed while the server had not answered; for
 *         stop of struct xe_conf
 *
 * returns the exit status
 */
int xe_top(const struct cli_env *env);
bool xe_top_stop(void);

/* An option of the program itself; value "" when it takes none. */
struct xe_option {
	const char *option, *value, *text;
};

/*
 * xe_options - all of them; xe_noptions
 */
extern const struct xe_option xe_options[];
extern const size_t xe_noptions;

/*
 * xe_print_man - the manual page, in roff
 * xe_print_completion - the completion script of bash
 * xe_usage - the short help of the program itself
 */
void xe_print_man(void);
void xe_print_completion(void);
void xe_usage(void);

#endif
