/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_USR_TOOL_H
#define SERVER_USR_TOOL_H

/*
 * usr_tool - what xenapi-memoryd does for --add-user and its like
 *
 * Works whether or not a daemon runs on the folder: that one notices.
 *
 * DIAGNOSTICS on standard error.  BUGS none known.
 */

#include "server/conf.h"

/*
 * usr_tool_run - change or list DIR/users
 *
 * returns the exit status
 */
int usr_tool_run(const struct conf *c);

#endif
