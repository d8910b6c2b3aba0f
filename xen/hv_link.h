/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_LINK_H
#define XEN_HV_LINK_H

/*
 * hv_link - the daemon's end of the connection to its hypervisor process
 *
 * Two peers behind one interface: a process reached by socket (hv_link_spawn)
 * and the simulator linked into this process for unit tests (hv_sim_link,
 * in hv_sim.h).  Messages that come up are handed to one callback, on the
 * link's own thread (socket) or inside hv_link_send and the clock step (local).
 *
 * DIAGNOSTICS lost connections and spawned processes are logged by the caller
 * through the callbacks.
 */

#include "xen/hv.h"

struct hv_link;

struct hv_link_calls {
	void *ctx;
	/* A checked message came up.  Any thread; one at a time. */
	void (*up)(void *ctx, const struct hv_msg *m);
	/* The peer is gone (text says how); no further up() follows. */
	void (*lost)(void *ctx, const char *text);
};

/*
 * hv_link_spawn - connect to the process on DIR/hv.sock, starting it if needed
 *
 * in      state_dir  DIR
 *         argv       program and arguments of the process, NULL-terminated;
 *                    started with the listening socket as descriptor 3 when
 *                    nobody answers on DIR/hv.sock
 * out     link_out   running; up() may be called before this returns
 *         why, why_bytes  text when it fails
 * returns 0, or -1 with the text set
 */
int hv_link_spawn(struct hv_link **link_out, const char *state_dir,
    char *const argv[], const struct hv_link_calls *calls, char *why,
    size_t why_bytes);

/*
 * hv_link_send - send one message; returns false when the peer is gone
 */
bool hv_link_send(struct hv_link *l, const struct hv_msg *m);

/*
 * hv_link_close - stop the link; with quit the process is told to end
 */
enum hv_close { HV_LEAVE_RUNNING, HV_TELL_QUIT };
void hv_link_close(struct hv_link **l, enum hv_close how);

#endif
