/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_PRIV_H
#define XEN_HV_XEN_PRIV_H

/*
 * hv_xen_priv - what the files of the real host share
 *
 * hv_xen.c       opening, messages, time
 * hv_xen_link.c  the connections to Xen and xenstored, and their health
 * hv_xen_look.c  the picture of the domains
 * hv_xen_say.c   what is reported of it
 * hv_xen_boot.c  memory there was before any guest ran
 * hv_xen_verb.c  commands
 * hv_xen_stats.c statistics (hv_xen_stats.h)
 * hv_xen_count.c what guests write (hv_xen_count.h)
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <sys/queue.h>

#include "xen/gst.h"
#include "xen/hv_dirty.h"
#include "xen/hv_xen.h"
#include "xen/hv_xen_keys.h"

/* Xen's own extra above a guest's memory that maxmem allows, as xl has it. */
#define XEN_EXTRA_KIB 1024u

/* Pauses between two looks: while something moves, and when all is quiet. */
#define XEN_LOOK_FAST_MS 50
#define XEN_LOOK_SLOW_MS 1000

struct hv_xen_dom {
	TAILQ_ENTRY(hv_xen_dom) link; /* by domid */
	struct hv_xc_domain xen;
	struct hv_xen_keys keys;
	struct hv_uuid uuid;
	uint64_t shadow_kib;
	uint64_t grown_ms;  /* its memory changed, or it came */
	uint64_t shadow_ms; /* shadow was read */
	uint64_t read_ms;   /* its keys were read */
	uint64_t gap_ms;    /* ... and are not read again before that */
	bool dirty;	    /* its keys are to be read */
	bool watched;
	bool seen; /* in the look that is under way */
	bool told; /* said is what the daemon knows */
	/* statistics */
	uint64_t request;  /* not answered; 0: none */
	uint64_t stats_ms; /* its answer was looked at */
	bool polled, stats_watched, stats_fired;
	bool stats_echo;       /* a firing is to come that is no answer's */
	struct hv_dirty count; /* of HV_DIRTY */
	uint64_t count_ms;     /* Xen was asked for it last */
	bool counted;	       /* ... since the last step */
	bool logs;	       /* log-dirty is on, or may be */
	uint64_t log_off_ms;   /* when to try again to end it */
	struct hv_domain said;
};
TAILQ_HEAD(hv_xen_doms, hv_xen_dom);

/* Free, scrub and dom0's memory before any guest ran (spec D.7). */
struct hv_xen_boot {
	bool done;
	bool estimated;
	bool begun;
	unsigned steady;     /* readings that agreed */
	uint64_t kib;	     /* the result; before that the last reading */
	uint64_t first_kib;  /* that steady ones are compared with */
	uint64_t since_ms;   /* the first reading */
	uint64_t reading_ms; /* the last one */
};

struct hv_xen {
	struct hv_xen_conf conf;
	hv_xen_up_f *up;
	void *up_ctx;
	bool synced; /* the daemon wants to hear of changes */
	bool runs;   /* time passes: what happens is logged */

	uint64_t now_ms;
	uint64_t look_ms; /* when to look again */
	uint64_t pause_ms;

	/* xenstore's watches */
	int epoll;
	int watch_fd;	   /* -1: not connected */
	bool armed;	   /* epoll waits for watch_fd */
	uint64_t drain_ms; /* not before */
	bool fired;	   /* something is to be read */

	/* connections */
	bool xs_up;
	bool xs_is_missing; /* nobody listens there */
	uint64_t xs_retry_ms;
	uint64_t xs_asked_ms;	/* when the last request was made */
	const char *xs_trouble; /* NULL: none */
	const char *xc_trouble;
	struct hv_health health_said;

	const char *rival; /* who else manages memory */
	uint64_t rival_ms; /* when to look for one again */

	struct hv_xc_host host;
	uint64_t all_pages;  /* of all domains, dying ones too */
	uint64_t dom0_pages; /* of the control domain */
	bool has_guests;     /* dying ones too */
	struct hv_xen_boot boot;
	bool host_told;
	struct hv_host host_said;
	struct hv_xen_doms doms;
	struct gst_poll *poll;
	struct hv_msg stats; /* readings that gather */
};

/* ---- hv_xen_link.c ---- */

/*
 * hv_xen_xc - ask Xen, no longer than its time limit
 *
 * returns 0 or an errno; ETIMEDOUT: Xen does not answer
 */
int hv_xen_xc(struct hv_xen *x, struct hv_xc_call *c);

/*
 * hv_xen_xc_is_well - Xen told all (e is 0), or it did not: its health
 */
void hv_xen_xc_is_well(struct hv_xen *x, int e);

/*
 * hv_xen_xs - ask xenstore, no longer than its time limit
 *
 * returns 0 or an errno; ETIMEDOUT, ECONNRESET: there is no xenstore now
 */
int hv_xen_xs(struct hv_xen *x, struct hv_xs_batch *b);

/*
 * hv_xen_xs_open - connect, or try again when it is time to
 *
 * note    with a new connection every domain is to be watched and read
 */
void hv_xen_xs_open(struct hv_xen *x);

/*
 * hv_xen_xs_events - hear which watches fired, if it is time to
 */
void hv_xen_xs_events(struct hv_xen *x);

/*
 * hv_xen_health - say what is wrong, if that has changed
 */
void hv_xen_health(struct hv_xen *x);

/* ---- hv_xen_look.c ---- */

/*
 * hv_xen_look - see what is there now, and say what changed
 *
 * returns 0 or an errno: Xen does not answer, no memory
 */
int hv_xen_look(struct hv_xen *x);

/*
 * hv_xen_see_host - the machine's own figures, alone: no domain comes or goes
 *
 * returns 0 or an errno: Xen does not answer
 */
int hv_xen_see_host(struct hv_xen *x);

/*
 * hv_xen_soon - look at once, and often from now on
 */
void hv_xen_soon(struct hv_xen *x);

/*
 * hv_xen_find - the domain a command is about; NULL: there is none
 *
 * in      domid  decides between two of the same uuid (a migration)
 */
struct hv_xen_dom *hv_xen_find(
    struct hv_xen *x, const struct hv_uuid *uuid, int32_t domid);

/*
 * hv_xen_drop - forget a domain, and its watches
 */
void hv_xen_drop(struct hv_xen *x, struct hv_xen_dom *d);

/* ---- hv_xen_say.c ---- */

/*
 * hv_xen_say - send a message, if a daemon listens
 */
void hv_xen_say(struct hv_xen *x, const struct hv_msg *m);

/*
 * hv_xen_say_all - HELLO, everything, SYNCED
 */
void hv_xen_say_all(struct hv_xen *x);

/*
 * hv_xen_say_news - what has changed since it was last said
 *
 * returns did anything change?
 */
bool hv_xen_say_news(struct hv_xen *x);

/*
 * hv_xen_say_gone - a domain that the daemon knows has ended
 *
 * note    not if another of the same uuid takes its place
 */
void hv_xen_say_gone(struct hv_xen *x, struct hv_xen_dom *d);

/*
 * hv_xen_target - what its balloon driver is to reach, KiB
 */
uint64_t hv_xen_target(const struct hv_xen_dom *d);

/*
 * hv_xen_maxmem - what Xen allows it without the extra, KiB
 */
uint64_t hv_xen_maxmem(const struct hv_xen_dom *d);

/* ---- hv_xen_boot.c, hv_xen_verb.c ---- */

/*
 * hv_xen_boot_look - a reading of boot memory, if one is due
 */
void hv_xen_boot_look(struct hv_xen *x);

/*
 * hv_xen_command - do it, say what changed, answer
 */
void hv_xen_command(struct hv_xen *x, const struct hv_command *c);

/*
 * hv_xen_settle - what the errno of a call means as an answer
 *
 * in      what   what was asked for, in a word
 * out     r_out  status, text; HV_NO_DOMAIN of one that has gone meanwhile
 * returns is all well?  Then r_out is as it was
 */
bool hv_xen_settle(struct hv_result *r_out, int e, const char *what);

#endif
