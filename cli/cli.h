/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/*
 * cli - the commands of xe, over "call a message, get a value"
 *
 * One implementation, used twice: by the program xe-memory, which calls a
 * server over XML-RPC, and by the server itself behind /cli, which calls its
 * own dispatch.  A command parses its words, finds the objects meant, calls
 * messages, prints; selectors, tables and texts are those of xe.
 *
 * The user of the layer opens the session (and closes it), and hands in:
 * struct cli_ops  how to call and where output goes
 * struct cli_env  who is asking
 *
 *	pool = cli_pool_new(CLI_POOL_MAX_BYTES);
 *	status = cli_run(&env, pool, words, nwords);
 *	cli_pool_free(&pool);
 *
 * The layer keeps no state between runs and has no global that changes: runs
 * in several threads do not know of each other.
 *
 * DIAGNOSTICS all through print_err and error.
 * BUGS commands about storage, networks and patches are unknown.
 */

#include "cli/cli_val.h"

/* How a call ended. */
enum cli_status {
	CLI_OK,
	CLI_FAILED,   /* the server said no: why->code and params */
	CLI_LOST,     /* no answer: why->code is a sentence for people */
	CLI_CANCELLED /* the user gave up */
};

/* Why a call did not succeed; the texts are in the pool. */
struct cli_failure {
	const char *code;
	const char *const *param; /* param[0..n) */
	size_t n;
};

struct cli_ops {
	/*
	 * Call a message with args[0..n); the session parameter is not among
	 * them, the callee puts it first (system.* and Async.* included where
	 * they want one).  Value and failure go into the pool.
	 * SESSION_INVALID is the callee's to mend, or a failure like others.
	 */
	enum cli_status (*call)(void *ctx, struct cli_pool *pool,
	    const char *method, const struct cli_val *args, size_t n,
	    struct cli_val *value_out, struct cli_failure *why);
	/* a line for standard output; the receiver adds the line end */
	void (*print)(void *ctx, const char *line);
	/* text for standard error, with line ends as it wants them */
	void (*print_err)(void *ctx, const char *text);
	/* a failure whose code the layer does not know (thin CLI: Error) */
	void (*error)(
	    void *ctx, const char *code, const char *const *param, size_t n);
	/*
	 * NULL, or: commands that wait run as tasks; show how far (0.0 to 1.0),
	 * pause a little, return false when the user wants to give up.
	 */
	bool (*wait)(void *ctx, const char *label, double fraction);
};

struct cli_env {
	const struct cli_ops *ops;
	void *ctx;	     /* for the ops */
	const char *user;    /* who is logged in: the caller's to use */
	const char *program; /* what help calls it; NULL: xe */
	bool human;	     /* print sizes as 1.5 GiB in tables and results */
	bool explain;	     /* order violations name the values that clash */
};

/*
 * cli_run - run one command
 *
 * in      words[0..n)  as typed, without the options that are the client's own
 *         (-s, -u, username=, password= ...); --minimal and the like included
 * out     everything through env->ops
 * returns the exit status: 0, or 1 when anything was wrong
 * source  xe; clients.md 3a
 */
int cli_run(const struct cli_env *env, struct cli_pool *pool,
    const char *const *words, size_t n);

/*
 * cli_report - print why a call failed, as xe does; for failed logins, too
 *
 * note    SESSION_AUTHENTICATION_FAILED is "Authentication failed" with the
 *         hint of how to get help; everything else is sentence and parameters
 */
void cli_report(const struct cli_env *env, struct cli_pool *pool,
    enum cli_status status, const struct cli_failure *why);

/*
 * cli_needs_session - false for help, and for what will be refused unseen:
 *         unknown commands, words that are missing
 *
 * note    run it all the same, to have it reported
 */
bool cli_needs_session(const char *const *words, size_t n);

#endif
