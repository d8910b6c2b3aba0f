/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_LINK_PRIV_H
#define XEN_HV_LINK_PRIV_H

/*
 * hv_link_priv - what stands behind a link: first member of each kind of link
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "xen/hv_link.h"

struct hv_link {
	bool (*send)(struct hv_link *l, const struct hv_msg *m);
	void (*close)(struct hv_link *l, enum hv_close how); /* frees it */
};

/*
 * hv_link_start - the socket of DIR/hv.sock, connected; the process started
 *
 * out     fd_out  a connected SOCK_SEQPACKET socket, caller's
 * returns 0, or -1 with text in why
 */
int hv_link_start(int *fd_out, const char *state_dir, char *const argv[],
    char *why, size_t why_bytes);

#endif
