/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_RESERVATION_H
#define API_RESERVATION_H

/*
 * reservation - how much of them there may be
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#define RESERVATION_OWNED_MAX 1000 /* held by one owner */
#define RESERVATION_ALL_MAX 10000  /* held by all owners */
#define RESERVATION_OWNER_MAX 255  /* bytes of an owner's name */

#endif
