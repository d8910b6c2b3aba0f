/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_HEALTH_H
#define SERVER_SRV_HEALTH_H

/*
 * srv_health - what GET /healthz says
 *
 * One line of JSON.  status is "ok" or "degraded"; hypervisor is "ok", "lost"
 * or what the hypervisor process lacks, in its own words; memory is "managed"
 * or "observed"; store is "ok" or "refuses writes"; event_waits is how many
 * calls of event.from and event.next wait.  The HTTP status is 200 all the
 * same: reads are served.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>

#include "server/http.h"
#include "xen/hv_command.h"

struct srv_health {
	bool is_lost;	     /* there is no hypervisor process */
	bool observes;	     /* it changes nothing: another service does */
	bool refuses_writes; /* the store does */
	unsigned event_waits;
	char ill[HV_TEXT_BYTES];
};

/*
 * srv_health_write - the line, to the reply's body
 */
void srv_health_write(const struct srv_health *now, struct http_buf *out);

#endif
