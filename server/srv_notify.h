/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_NOTIFY_H
#define SERVER_SRV_NOTIFY_H

/*
 * srv_notify - tell whoever started us how we are (systemd, Type=notify)
 *
 * One datagram of "NAME=value" lines to the socket that NOTIFY_SOCKET names, a
 * path or an abstract address (@...).  The protocol is short and documented
 * (sd_notify(3)): no library is needed for it.
 *
 * DIAGNOSTICS none: nobody may be listening.  BUGS none known.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * srv_notify - send a state, say "READY=1"
 *
 * returns false: nobody asked to be told, or cannot be told
 */
bool srv_notify(const char *state);

/*
 * srv_notify_watchdog_ms - how often "WATCHDOG=1" is to be sent
 *
 * returns half of what WATCHDOG_USEC allows; 0: nobody watches
 */
int64_t srv_notify_watchdog_ms(void);

#endif
