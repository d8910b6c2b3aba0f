/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_PLACE_H
#define API_PLACE_H

/*
 * place - on which host should this VM start?
 *
 * The categories of the reference (spec D.8), without its dice: hosts where a
 * reservation is held for the VM, then affinity, then
 * hosts where every guest could have its static_max, then those where every
 * guest could have its dynamic_max, then those where compression is needed,
 * least first.  A host counts only when the VM passes the full boot check
 * there, memory included (design 8.11).
 *
 * DIAGNOSTICS none.
 * BUGS with more than one candidate the guests of each are walked.
 */

#include "api/api.h"

/* Hosts that it has been tried on already. */
#define API_PLACE_TRIED_MAX 16
struct api_place_tried {
	struct idl_ref host[API_PLACE_TRIED_MAX];
	size_t n;
};

/*
 * api_place_find - the best host for a VM
 *
 * in      floor_bytes  guest memory it has for certain
 *         tried        not one of these
 * errors  NO_HOSTS_AVAILABLE []
 */
enum err api_place_find(const struct fld_view *v, const struct idl_vm *vm,
    int64_t floor_bytes, const struct api_place_tried *tried,
    struct idl_ref *host_out, struct failure *why);

#endif
