/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_HV_H
#define SERVER_SRV_HV_H

/*
 * srv_hv - keep a hypervisor process connected
 *
 * Starts (or finds) the process, hands what comes up to the boot module, sends
 * commands down.  When the process is lost, commands fail at once, and the
 * main thread tries again with growing pauses; after that everything is
 * reported anew.
 *
 * A process that is there but says nothing is lost as well: calls that wait
 * for it fail, what it answers later is ignored, and the link is made anew
 * until it says what it is.  It is not killed: what it has begun with Xen is
 * for it to end, and the simulated world would go with it.
 *
 * Threads: srv_hv_command and srv_hv_sync from anywhere; the rest from the
 * main thread.
 *
 * DIAGNOSTICS losing and regaining the process, one line each.
 * BUGS none known.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "api/boot.h"
#include "xen/hv_link.h"

#define SRV_HV_ARGS 5

struct srv_hv {
	pthread_mutex_t lock; /* link, sending on it, ill */
	struct hv_link *link; /* NULL: not connected */
	const char *state_dir;
	char *argv[SRV_HV_ARGS]; /* the process; NULL-terminated */
	const char *backend;	 /* what it calls itself */
	bool takes_over;	 /* it is to manage memory, whoever else does */
	struct api_boot *boot;
	atomic_bool lost; /* the link has ended; the main thread restarts it */
	atomic_bool missed;	 /* it was lost; said when it is back */
	atomic_bool greeted;	 /* it has said what it is: commands may go */
	atomic_uint messages;	 /* that came up */
	unsigned heard;		 /* of them, when last looked at */
	bool pinged;		 /* asked for a sign of life since then */
	int64_t life_ms;	 /* when there was one, or it was asked for */
	int64_t patience_ms;	 /* for one */
	atomic_bool foreign;	 /* it is not the one that argv would make */
	atomic_bool observes;	 /* it changes nothing */
	char ill[HV_TEXT_BYTES]; /* what it lacks; "": nothing */
	atomic_uint commands;	 /* sent, not answered */
	int64_t attached_ms;	 /* when the link came up */
	int64_t retry_ms;	 /* pause before the next try */
	int64_t retry_at_ms;
	/* Wake the main thread, so that it calls srv_hv_mend. Any thread. */
	void (*wake)(void *ctx);
	void *ctx;
};

/*
 * srv_hv_start - connect for the first time
 *
 * in      h  argv, backend, takes_over, state_dir, patience_ms, boot, wake,
 *            ctx set, the rest zero
 * returns 0, or -1 with the text set
 */
int srv_hv_start(struct srv_hv *h, int64_t now_ms, char *why, size_t why_bytes);

/*
 * srv_hv_stop - tell the process to quit, let go of it; commands fail from now
 */
void srv_hv_stop(struct srv_hv *h);

/*
 * srv_hv_command - send a command; false: no process
 * srv_hv_sync - ask for everything to be reported anew
 */
bool srv_hv_command(struct srv_hv *h, const struct hv_command *cmd);
void srv_hv_sync(struct srv_hv *h);

/*
 * srv_hv_mend - ask for a sign of life; if the process is lost, and it is
 *         time, start it again
 *
 * returns ms until it wants to be called again
 */
int64_t srv_hv_mend(struct srv_hv *h, int64_t now_ms);

/*
 * srv_hv_is_lost - is there no hypervisor process now?
 */
bool srv_hv_is_lost(const struct srv_hv *h);

/*
 * srv_hv_ill - what the process says that it lacks; "": nothing
 */
void srv_hv_ill(struct srv_hv *h, char text[HV_TEXT_BYTES]);

#endif
