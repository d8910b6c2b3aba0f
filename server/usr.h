/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_USR_H
#define SERVER_USR_H

/*
 * usr - the accounts of a stand-alone daemon: DIR/users
 *
 * Lines of name:hash:role, hashes by crypt(3), new ones yescrypt; lines that
 * start with # are kept.  Made at first start with the account root and a
 * random password, which is also in DIR/initial-password (0600) until somebody
 * changes it.
 *
 * Guessing is slow: after some failures an account takes logins from an
 * address only after a gap that grows; failures from everywhere make a small
 * gap for addresses that have not logged in lately.  Inside a gap a login is
 * refused at once, without looking at the password.  An unknown account costs
 * what a known one costs.
 *
 * Threads: everything may be called from any thread; a login takes
 * milliseconds and belongs in a worker.
 *
 * DIAGNOSTICS failed logins are logged with account and address.
 * BUGS what is known about failures is forgotten at exit.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/err.h"

#define USR_PASSWORD_MIN 8
#define USR_PASSWORD_MAX 512 /* what crypt(3) takes */

struct usr_db;

/*
 * usr_open - read DIR/users; make it if it is not there
 *
 * out     why  text, when it fails
 * returns NULL on failure
 */
struct usr_db *usr_open(const char *dir, char *why, size_t why_bytes);

/*
 * usr_close - forget them
 */
void usr_close(struct usr_db **db);

/*
 * usr_reload - read DIR/users again; on failure nothing changes
 *
 * returns 0, or -1 with the text set
 */
int usr_reload(struct usr_db *db, char *why, size_t why_bytes);

/*
 * usr_login - is this the password of that account?
 *
 * in      peer    "address:port" or "local"; the port does not count
 *         now_ms  any clock that does not go back
 * out     role_out  enum idl_role
 * errors  SESSION_AUTHENTICATION_FAILED [name, text]
 */
enum err usr_login(struct usr_db *db, const char *name, const char *password,
    const char *peer, int64_t now_ms, int *role_out, struct failure *why);

/*
 * usr_change_password - a new password for an account, durable on return
 *
 * errors  SESSION_AUTHENTICATION_FAILED [name, text]: old is wrong
 *         INVALID_VALUE ["new_pwd", "..."]: too short, too long
 *         INTERNAL_ERROR: not stored
 */
enum err usr_change_password(struct usr_db *db, const char *name,
    const char *old_password, const char *new_password, int64_t now_ms,
    struct failure *why);

#endif
