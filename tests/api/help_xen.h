/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_API_HELP_XEN_H
#define TESTS_API_HELP_XEN_H

/*
 * help_xen - what a process on a Xen host would report, said by the test
 *
 * The world's own simulator stays in the background: its host is the one that
 * is spoken of, so that commands to it are answered.
 *
 * DIAGNOSTICS fails the test.  BUGS none known.
 */

#include "tests/api/help_world.h"

/*
 * xen_uuid - the same uuid for the same number, never nil
 */
struct hv_uuid xen_uuid(uint64_t n);

/*
 * xen_uuid_text - it as a record has it; static memory, for one at a time
 */
const char *xen_uuid_text(uint64_t n);

/*
 * xen_feed - from now on only the test reports; commands find no domain
 */
void xen_feed(struct world *w);

/*
 * xen_hello - the process says what it is; a sync begins
 * xen_synced - ... and ends
 *
 * in      flags  HV_W_*
 */
void xen_hello(struct world *w, uint32_t flags);
void xen_synced(struct world *w);

/*
 * xen_host - the host as it is, as a report
 */
struct hv_msg xen_host(struct world *w);

/*
 * xen_domain - a running pvh domain: 256 MiB of 512, no range of its own
 *
 * in      n  its uuid
 */
struct hv_msg xen_domain(
    struct world *w, uint64_t n, int32_t domid, const char *name);

/*
 * xen_gone - it has ended
 */
struct hv_msg xen_gone(struct world *w, uint64_t n, int32_t domid);

/*
 * xen_report - a whole sync: hello, the host, these domains, synced
 */
void xen_report(
    struct world *w, uint32_t flags, const struct hv_msg *domains, size_t n);

#endif
