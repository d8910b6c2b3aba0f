/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_WATCH_H
#define SERVER_SRV_WATCH_H

/*
 * srv_watch - accounts that are changed while the daemon runs count at once
 *
 * Threads: the main thread.
 * DIAGNOSTICS each time that accounts were read again, one line.
 * BUGS none known.
 */

#include "api/api.h"
#include "server/usr.h"

/*
 * srv_watch_open - a descriptor that can be read when a file in dir changed
 *
 * returns -1, with a line in the log, when there is none to be had
 */
int srv_watch_open(const char *dir);

/*
 * srv_watch_reload - the accounts anew; who has none any more is out
 */
void srv_watch_reload(struct usr_db *users, struct api_env *env);

/*
 * srv_watch_take - has somebody changed the accounts?  Then reload them
 */
void srv_watch_take(int fd, struct usr_db *users, struct api_env *env);

#endif
