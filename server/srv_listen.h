/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_LISTEN_H
#define SERVER_SRV_LISTEN_H

/*
 * srv_listen - the sockets the daemon is reached by
 *
 * Bound early, so that a second daemon is told at once; listening only when
 * calls can be answered.  No SO_REUSEPORT: two daemons on a port would share
 * the callers.
 *
 * DIAGNOSTICS none; reasons are returned as text.  BUGS none known.
 */

#include <stddef.h>

/*
 * srv_listen_bind - a TCP socket bound to host and port, not listening yet
 *
 * out     port_out  the real port, when port is "0"
 * returns the descriptor (non-blocking), or -1 with the text set
 */
int srv_listen_bind(const char *host, const char *port, int *port_out,
    char *why, size_t why_bytes);

/*
 * srv_listen_bind_local - DIR/socket, 0600 from birth, not listening yet
 *
 * note    only for the holder of DIR/lock: an old socket is removed
 */
int srv_listen_bind_local(const char *dir, char *why, size_t why_bytes);

/*
 * srv_listen_bind_path - a Unix socket anywhere, 0600 from birth, not listening
 *         yet
 *
 * note    what is left of a process that is gone is removed; a socket that
 *         somebody listens on, and what is no socket, stays
 */
int srv_listen_bind_path(const char *path, char *why, size_t why_bytes);

/*
 * srv_listen_open - start to listen
 *
 * returns 0, or -1 with the text set
 */
int srv_listen_open(int fd, char *why, size_t why_bytes);

#endif
