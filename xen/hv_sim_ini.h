/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_SIM_INI_H
#define XEN_HV_SIM_INI_H

/*
 * hv_sim_ini - the file that describes a simulated world
 *
 *   [host lab1]            ; one section for each host
 *   memory = 64GiB         ; the machine's; default 64GiB
 *   dom0 = 1GiB            ; RAM of dom0; default 1GiB
 *   dom0_vcpus = 4
 *   xen = 96MiB            ; Xen's own; default 32MiB + memory / 128
 *   cpus = 16
 *   hvm = yes              ; or no
 *   address = 192.0.2.1
 *   uuid = ...             ; default: made from the name
 *   scrub_rate = 4GiB      ; in a second; default: at once
 *
 *   [vm NAME]              ; guests: the daemon's business, not read here
 *
 * A file without a host section means the default host.  "#" and ";" begin
 * comments; ";" after a value too.
 *
 * DIAGNOSTICS one sentence, FILE:LINE: what is wrong.  BUGS none known.
 */

#include "xen/hv_sim.h"

/*
 * hv_parse_size - "64GiB" and the like, in KiB
 *
 * in      text  a whole number and KiB, MiB, GiB or TiB, a space between them
 *               if you like
 * out     kib_out  up to 2^53; untouched when false
 * returns false when it is nothing of the kind
 */
bool hv_parse_size(const char *text, uint64_t *kib_out);

/*
 * hv_ini_read - any INI file of ours, line by line
 *
 * in      path
 *         section  called at each [section] line; may be NULL
 *         key      called at each key = value, with its section ("": none yet)
 *                  both return NULL, or a sentence: what is wrong
 * out     why      FILE:LINE: the first thing wrong
 * returns 0, or -1 with why set
 */
struct hv_ini_calls {
	void *ctx;
	const char *(*section)(void *ctx, const char *section, unsigned line);
	const char *(*key)(void *ctx, const char *section, const char *key,
	    const char *value, unsigned line);
};
int hv_ini_read(const char *path, const struct hv_ini_calls *calls, char *why,
    size_t why_bytes);

/*
 * hv_sim_read - the world that a file describes
 *
 * in      path  NULL: no file, the default host
 * out     w_out
 *         why   FILE:LINE: what is wrong
 * returns 0, or -1 with why set
 */
int hv_sim_read(
    struct hv_sim **w_out, const char *path, char *why, size_t why_bytes);

#endif
