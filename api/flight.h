/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_FLIGHT_H
#define API_FLIGHT_H

/*
 * flight - how many calls of a session, and of an address, wait or work
 *
 * Reads that end in their own thread are not counted: there is one of them at
 * a time per connection.
 *
 * Threads: everything may be called from any thread.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "api/api.h"

/*
 * api_flights_new, api_flights_free - the counts; NULL: out of memory
 */
struct api_flights *api_flights_new(void);
void api_flights_free(struct api_flights **f);

/*
 * api_flight_enter - one more call of c's session and of c's address
 *
 * returns false when there are too many already, or memory is out
 */
bool api_flight_enter(struct api_call *c);

/*
 * api_flight_wait - one more call of c's session that waits for events, unless
 *         it is counted already
 *
 * returns false likewise
 */
bool api_flight_wait(struct api_call *c);

/*
 * api_flight_leave - one less, if c is counted
 */
void api_flight_leave(struct api_call *c);

#endif
