/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_SERVE_H
#define XEN_HV_SERVE_H

/*
 * hv_serve - the socket half of every hypervisor process
 *
 * Such a process is started by the daemon with a listening SOCK_SEQPACKET
 * socket as descriptor 3 (hv_link_spawn).  It serves one daemon at a time, a
 * newer one replaces an older one; the peer must be of our user, or root.
 * With no daemon for linger_ms it ends; HV_QUIT, SIGTERM and SIGINT end it at
 * once.  What it serves is a world behind struct hv_serve_world.
 *
 * DIAGNOSTICS dropped peers, one line each, on standard error.
 * BUGS a daemon that connects in the instant in which the process ends for
 * want of one is cut off.
 */

#include "xen/hv.h"

#define HV_SERVE_LINGER_MS 60000

struct hv_serve;

/* What is served.  All calls come from one thread. */
struct hv_serve_world {
	const char *name; /* begins every line that is logged */
	void *ctx;
	/* A daemon is there: say all to hv_serve_up(s); NULL: nobody is. */
	void (*attach)(void *ctx, struct hv_serve *s);
	/* A checked message came down; never HV_QUIT. */
	void (*take)(void *ctx, const struct hv_msg *m);
	/* So much time has passed since the last call of it. */
	void (*step)(void *ctx, uint64_t ms);
	/* ms until the world needs a step; -1: never by itself. */
	int64_t (*next_ms)(void *ctx);
	int fd; /* the world's own: readable, it wants a step now; -1: none */
};

/*
 * hv_serve_up - send a message to the daemon, or keep it until that reads
 */
void hv_serve_up(struct hv_serve *s, const struct hv_msg *m);

/*
 * hv_serve_open - take over the descriptors and signals of this process
 *
 * out     s_out  to be run
 * returns 0, or -1: a sentence on standard error says why not
 * note    threads made after this have SIGTERM and SIGINT blocked
 */
int hv_serve_open(struct hv_serve **s_out, uint64_t linger_ms);

/*
 * hv_serve_run - serve a world until somebody ends it
 *
 * Standard error becomes descriptor 4, if there is one (DIR/hv.log): the
 * daemon waits for its end to know that we have started.
 *
 * returns the exit status of the process
 */
int hv_serve_run(struct hv_serve *s, const struct hv_serve_world *world);

/*
 * hv_serve_close - free it; NULL is fine
 */
void hv_serve_close(struct hv_serve **s);

#endif
