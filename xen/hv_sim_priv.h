/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_SIM_PRIV_H
#define XEN_HV_SIM_PRIV_H

/*
 * hv_sim_priv - what the files of the simulated world share
 *
 * hv_sim.c        the world, its hosts and pages, what is reported
 * hv_sim_clock.c  the passing of time: booting, ballooning, scrubbing, dying
 * hv_sim_guest.c  behaviours
 * hv_sim_verb.c   commands
 *
 * Everything here runs with the world locked.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <pthread.h>
#include <sys/queue.h>

#include "model/units.h"
#include "xen/gst.h"
#include "xen/hv_dirty.h"
#include "xen/hv_sim.h"

#define SIM_DOMID_END 0x7ff0 /* first id that Xen keeps for itself */
#define SIM_TICK_MS 20	     /* while something moves at a rate */
#define SIM_NEVER UINT64_MAX

/* hv_command.behaviour, read */
struct hv_sim_manner {
	uint64_t boot_ms;
	uint64_t rate_kib_s; /* 0: at once */
	uint64_t limit_kib;
	uint64_t stuck_ms; /* of every stuck_of_ms */
	uint64_t stuck_of_ms;
	uint64_t vanish_ms; /* 0: never */
	uint64_t shutdown_ms;
	uint64_t offset_kib;
	bool stuck;
	uint64_t used_kib;   /* its programs need so much */
	uint64_t wss_kib;    /* ... and write so much, over and over */
	uint64_t walk_kib_s; /* ... which moves through its memory */
	bool growing;
	bool lying;
	bool no_balloon;
	bool deaf;
	bool silent, lies; /* asked for statistics */
};

/* A request that the guest has not yet done as it was asked. */
struct hv_sim_ask {
	int verb;      /* HV_SHUTDOWN, HV_CLEAN_REBOOT; 0: none */
	bool answered; /* who asked is gone: no result */
	uint64_t id;
	uint64_t left_ms;
};

struct hv_sim_dom {
	TAILQ_ENTRY(hv_sim_dom) on_host;  /* host->doms or world->images */
	TAILQ_ENTRY(hv_sim_dom) on_busy;  /* world->busy */
	TAILQ_ENTRY(hv_sim_dom) on_dirty; /* world->dirty */
	struct hv_sim_dom *next;	  /* same hash bucket */
	struct hv_sim_machine *host;	  /* image: where it was suspended */
	struct hv_uuid uuid;
	int32_t domid; /* -1: a suspend image */
	uint32_t vcpus;
	char name[HV_NAME_BYTES];
	char type[16];
	uint64_t pages, overhead_pages; /* image: pages it had, none held */
	uint64_t shadow_kib, overhead_kib;
	uint64_t target_kib, dynamic_min_kib, dynamic_max_kib, static_max_kib;
	uint64_t maxmem_kib;  /* net of the offset */
	uint64_t heard_pages; /* lying: had so many when its target was set */
	int64_t offset_kib;   /* as it was told (HV_SET_OFFSET) */
	uint64_t age_ms;      /* not paused; up to since_ms */
	uint64_t since_ms;    /* running: not in age_ms yet */
	uint64_t rate_carry;  /* KiB * ms / s moved beyond whole pages */
	struct hv_sim_manner manner;
	struct hv_sim_ask ask;
	uint64_t request;      /* for statistics, not answered; 0: none */
	uint64_t swapped_kib;  /* it had in its swap at most */
	struct hv_dirty count; /* of HV_DIRTY */
	uint64_t count_age_ms; /* its age when this interval began */
	bool control, running, booted, uncooperative, has_offset;
	bool busy, dirty; /* on these lists */
};

TAILQ_HEAD(hv_sim_doms, hv_sim_dom);

struct hv_sim_machine {
	struct hv_sim_host conf;
	struct hv_uuid dom0_uuid;
	uint64_t total_pages, xen_pages, free_pages, scrub_pages;
	uint64_t boot_free_pages;
	uint64_t scrub_carry;
	int32_t domid_last;
	bool dirty;
	struct hv_sim_doms doms;
};

struct hv_sim_bucket {
	struct hv_sim_dom *first;
};

struct hv_sim {
	pthread_mutex_t lock;
	pthread_cond_t quiet;	 /* flushing is 0 */
	unsigned flushing;	 /* threads in a peer's flush */
	struct hv_sim_peer peer; /* up == NULL: nobody */
	bool synced;		 /* the peer hears facts */
	struct hv_uuid epoch;
	uint64_t now_ms;
	size_t nhosts;
	struct hv_sim_machine *hosts;
	struct hv_sim_doms images;    /* suspend images */
	struct hv_sim_doms busy;      /* domains that time may change */
	struct hv_sim_doms dirty;     /* domains to report */
	struct hv_sim_bucket *bucket; /* by uuid, images too */
	size_t nbuckets, ndoms;
	struct gst_poll *poll;
	struct hv_msg *stats; /* readings that gather */
};

/* ---- hv_sim.c ---- */

/*
 * hv_sim_find_host, hv_sim_find - by uuid; NULL: none such
 */
struct hv_sim_machine *hv_sim_find_host(
    struct hv_sim *w, const struct hv_uuid *uuid);
struct hv_sim_dom *hv_sim_find(struct hv_sim *w, const struct hv_uuid *uuid);

/*
 * hv_sim_pages_of_kib - pages that hold so much: rounded up
 */
uint64_t hv_sim_pages_of_kib(uint64_t kib);

/*
 * hv_sim_avail - pages of a host that can be had
 * hv_sim_take_pages, hv_sim_give_pages - a domain has them, or no longer
 */
uint64_t hv_sim_avail(const struct hv_sim_machine *h);
void hv_sim_take_pages(struct hv_sim_machine *h, uint64_t pages);
void hv_sim_give_pages(struct hv_sim_machine *h, uint64_t pages);

/*
 * hv_sim_new_domid - an id that no domain of the host has; -1: all taken
 */
int32_t hv_sim_new_domid(struct hv_sim_machine *h);

/*
 * hv_sim_add - a zeroed domain of a host becomes known, by uuid and host
 * hv_sim_drop - it and its pages leave the host; freed
 *
 * returns false: out of memory
 */
bool hv_sim_add(
    struct hv_sim *w, struct hv_sim_machine *h, struct hv_sim_dom *d);
void hv_sim_drop(struct hv_sim *w, struct hv_sim_dom *d);

/*
 * hv_sim_dirty - a domain is to be reported, and looked at by the clock
 */
void hv_sim_dirty(struct hv_sim *w, struct hv_sim_dom *d);

/*
 * hv_sim_rest - the clock need not look at a domain until it is dirty again
 */
void hv_sim_rest(struct hv_sim *w, struct hv_sim_dom *d);

/*
 * hv_sim_report - everything dirty goes up
 * hv_sim_say - one message goes up, if anybody listens
 * hv_sim_say_gone - a domain's end goes up
 * hv_sim_say_result - a command's answer goes up
 */
void hv_sim_report(struct hv_sim *w);
void hv_sim_say(struct hv_sim *w, const struct hv_msg *m);
void hv_sim_say_gone(struct hv_sim *w, const struct hv_sim_machine *h,
    const struct hv_uuid *uuid, int32_t domid, enum hv_end end);
void hv_sim_say_result(struct hv_sim *w, const struct hv_result *r);

/* ---- hv_sim_guest.c ---- */

/*
 * hv_sim_manner_read - understand a behaviour
 *
 * returns false, with a sentence in text, for a word it does not know
 */
bool hv_sim_manner_read(const char *behaviour, struct hv_sim_manner *m_out,
    char *text, size_t bytes);

/*
 * hv_sim_can_balloon - has it a driver that answers now?
 * hv_sim_goal_pages - where the guest goes, as far as it is willing
 * hv_sim_hears - does it hear a request to shut down now?
 */
bool hv_sim_can_balloon(const struct hv_sim_dom *d);
uint64_t hv_sim_goal_pages(const struct hv_sim_dom *d);
bool hv_sim_hears(const struct hv_sim_dom *d);

/*
 * hv_sim_age_ms - the guest's own time: since it was built, pauses left out
 */
uint64_t hv_sim_age_ms(const struct hv_sim_dom *d, uint64_t now_ms);

/*
 * hv_sim_stuck - is it stuck now, and when does that change?
 *
 * out     until_ms_out  ms until the other state begins; SIM_NEVER
 */
bool hv_sim_stuck(
    const struct hv_sim_dom *d, uint64_t now_ms, uint64_t *until_ms_out);

/* ---- hv_sim_clock.c ---- */

/*
 * hv_sim_run - let ms pass; 0: settle what goes at once
 */
void hv_sim_run(struct hv_sim *w, uint64_t ms);

/* ---- hv_sim_verb.c ---- */

/*
 * hv_sim_command - do it; the result goes up now or when the guest has done it
 */
void hv_sim_command(struct hv_sim *w, const struct hv_command *c);

/*
 * hv_sim_ask_done - the guest does what it was asked to
 */
void hv_sim_ask_done(struct hv_sim *w, struct hv_sim_dom *d);

/*
 * hv_sim_end - a domain ends: what was asked of it is answered, it goes
 */
void hv_sim_end(struct hv_sim *w, struct hv_sim_dom *d, enum hv_end end);

/* ---- hv_sim_stats.c ---- */

/*
 * hv_sim_stats_init, hv_sim_stats_fini - polling, of a world; false: no memory
 * hv_sim_stats_drop - a domain goes
 */
bool hv_sim_stats_init(struct hv_sim *w);
void hv_sim_stats_fini(struct hv_sim *w);
void hv_sim_stats_drop(struct hv_sim *w, const struct hv_sim_dom *d);

/*
 * hv_sim_stats_run - ask whoever is due; all readings go up
 * hv_sim_stats_next_ms - ms until somebody is due; SIM_NEVER
 * hv_sim_stats_answer - a guest answers what it was asked, if it can now
 */
void hv_sim_stats_run(struct hv_sim *w);
uint64_t hv_sim_stats_next_ms(const struct hv_sim *w);
void hv_sim_stats_answer(struct hv_sim *w, struct hv_sim_dom *d);

/*
 * hv_sim_stats_poll - HV_POLL; an enum hv_status
 * hv_sim_count - HV_DIRTY; likewise
 * hv_sim_count_step - the interval that has ended, if one has, is told
 * hv_sim_count_end - the count ends early, if there is one
 */
int32_t hv_sim_stats_poll(
    struct hv_sim *w, struct hv_sim_dom *d, uint32_t interval_s);
int32_t hv_sim_count(
    struct hv_sim *w, struct hv_sim_dom *d, const struct hv_command *c);
void hv_sim_count_step(struct hv_sim *w, struct hv_sim_dom *d);
void hv_sim_count_end(
    struct hv_sim *w, struct hv_sim_dom *d, enum hv_status status);

#endif
