/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_AGENT_AGT_H
#define XEN_AGENT_AGT_H

/*
 * agt - what a Linux guest knows about its own memory, as one line
 *
 * The guest's side of the statistics: the host writes a growing number to
 * control/memory-stats-request, the agent answers in data/memory-stats with
 * "tag=value" pairs and "request=<n>", in one write, so that a reading is never
 * torn.  Amounts are bytes, faults and huge pages are counts.  A tag whose
 * source this kernel does not have is left out; the host shows it as -1.
 *
 * Depends on libc alone, so that the agent stays small and can be static.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stddef.h>
#include <stdint.h>

#define AGT_LINE_BYTES 512 /* every tag at its longest, and some room */

/*
 * agt_line_write - the line that answers a request
 *
 * in      meminfo, vmstat  text of /proc/meminfo and /proc/vmstat; "" if they
 *         could not be read
 *         page_bytes       what vmstat's pages are
 *         request          number that is answered
 * out     line  AGT_LINE_BYTES, NUL-terminated
 * returns its length
 */
size_t agt_line_write(char *line, const char *meminfo, const char *vmstat,
    uint64_t page_bytes, uint64_t request);

/*
 * agt_request_parse - the number in control/memory-stats-request
 *
 * in      text, n  as xenstore has it
 * returns the number; 0 for anything that is not a decimal number from 1 to
 *         2^63-1
 */
uint64_t agt_request_parse(const char *text, size_t n);

#endif
