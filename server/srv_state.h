/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_STATE_H
#define SERVER_SRV_STATE_H

/*
 * srv_state - the state folder: made, and taken by one daemon at a time
 *
 * DIAGNOSTICS none; reasons are returned as text.
 * BUGS flock does not reach over NFS from every kernel.
 */

#include <stddef.h>

/*
 * srv_state_take - make DIR (0700) if it is not there, lock DIR/lock
 *
 * note    a folder that group or others may write to is refused
 * returns a descriptor that holds the lock until it is closed, or -1 with the
 *         text set
 */
int srv_state_take(const char *dir, char *why, size_t why_bytes);

#endif
