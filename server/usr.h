/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_USR_H
#define SERVER_USR_H

/*
 * usr - who may log in: the accounts of DIR/users (usr_file.h), then PAM's
 *
 * The file is made at first start with the account root and a random password,
 * which is also in DIR/initial-password (0600) until somebody changes it; with
 * PAM no file is needed, and none is made.
 *
 * Guessing is slow: after some failures an account takes logins from an
 * address only after a gap that grows; failures from everywhere make a small
 * gap for addresses that have not logged in lately, and so do one address's
 * failures with any accounts.  Inside a gap a login is
 * refused at once, without looking at the password.  An unknown account costs
 * what a known one costs.
 *
 * Threads: everything may be called from any thread; a login takes
 * milliseconds and belongs in a worker.
 *
 * DIAGNOSTICS failed logins are logged with account and address.
 * BUGS what is known about failures is forgotten at exit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/err.h"

#define USR_PASSWORD_MIN 8
#define USR_PASSWORD_MAX 512 /* what crypt(3) takes */

struct usr_db;
struct usr_pam;

/* Who has logged in. */
struct usr_user {
	int role;    /* enum idl_role */
	bool listed; /* an account of DIR/users, not of the system */
};

/*
 * usr_open - read DIR/users; make it if it is not there
 *
 * in      pam  checks names that are not in the file, then no first account
 *              is made; NULL: none
 * out     why  text, when it fails
 * returns NULL on failure
 */
struct usr_db *usr_open(
    const char *dir, struct usr_pam *pam, char *why, size_t why_bytes);

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
 * errors  SESSION_AUTHENTICATION_FAILED [name, text]
 *         SESSION_AUTHORIZATION_FAILED [name, text]: right, but has no role
 */
enum err usr_login(struct usr_db *db, const char *name, const char *password,
    const char *peer, int64_t now_ms, struct usr_user *user_out,
    struct failure *why);

/*
 * usr_pool_login - is this the pool's secret?
 *
 * in      path  the file that holds it; "": nobody has it
 *         name  whom the failure is to name
 * errors  SESSION_AUTHENTICATION_FAILED [name, text]
 */
enum err usr_pool_login(struct usr_db *db, const char *path, const char *secret,
    const char *name, const char *peer, int64_t now_ms, struct failure *why);

/*
 * usr_role - the role of an account of DIR/users now; -1: it is not there
 */
int usr_role(struct usr_db *db, const char *name);

/*
 * usr_change_password - a new password for an account, durable on return
 *
 * errors  SESSION_AUTHENTICATION_FAILED [name, text]: old is wrong
 *         INVALID_VALUE ["new_pwd", "..."]: too short, too long
 *         OPERATION_NOT_ALLOWED [text]: not an account of DIR/users
 *         INTERNAL_ERROR: not stored
 */
enum err usr_change_password(struct usr_db *db, const char *name,
    const char *old_password, const char *new_password, int64_t now_ms,
    struct failure *why);

/*
 * usr_forget_initial - an account has a new password: if it is the first one,
 *         DIR/initial-password goes
 */
void usr_forget_initial(const char *dir, const char *name);

#endif
