/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_EVT_PRIV_H
#define API_EVT_PRIV_H

/*
 * evt_priv - what the files of evt share
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "api/evt.h"

#define EVT_LOG_MAX 65536u	 /* changes that are remembered */
#define EVT_SUBS_MAX 1000u	 /* subscriptions of one caller */
#define EVT_ROWS_MIN 64		 /* more events than this are written by rows */
#define EVT_BATCH_MS 50		 /* more may come */
#define EVT_TICK_MS 100		 /* deadlines are rounded up to this */
#define EVT_WAIT_MAX_MS 86400000 /* a day; nonsense means that too */
#define EVT_BUCKETS 1024
#define EVT_CLASSES_MAX 32
#define EVT_TOKEN_BYTES 64

/* One object that somebody asks about. */
struct evt_one {
	int32_t cls;
	struct idl_ref ref;
};

/* What a caller wants to know of. */
struct evt_subs {
	uint32_t classes; /* bit for each; "*" is all of them */
	uint32_t n;
	struct evt_one *one; /* sorted */
};

/* What happened to one object. */
struct evt_entry {
	uint64_t generation;
	uint64_t created; /* of a deleted one; 0: it was not deleted */
	struct idl_ref ref;
	int32_t cls;
	int32_t operation; /* enum idl_event_operation; set by evt_classify */
};

/* What a caller is told, before it is written. */
struct evt_rows {
	const char *timestamp; /* of each event; in the call's arena */
	size_t n;
	struct evt_entry entry[];
};

struct evt_log {
	uint64_t newest; /* everything up to this generation is in it */
	uint64_t floor;	 /* what was before this one is forgotten */
	size_t first, n;
	struct evt_entry *entry; /* EVT_LOG_MAX */
};

/* A place in the list of a class or in the bucket of a ref. */
struct evt_watch {
	LIST_ENTRY(evt_watch) link;
	struct evt_waiter *owner;
	struct evt_one of; /* null ref: the whole class */
};
LIST_HEAD(evt_watches, evt_watch);

enum evt_state {
	EVT_RUNNING, /* in its thread, or on its way there */
	EVT_WAITING,
	EVT_DUE, /* something came; a little later it is resumed */
};

/* A call of event.from or event.next; in its arena, c->keep. */
struct evt_waiter {
	TAILQ_ENTRY(evt_waiter) link;
	struct api_call *call;
	enum evt_state state;
	bool is_all;	     /* everything that exists is wanted first */
	bool is_next;	     /* event.next */
	bool is_refused;     /* too many wait */
	uint64_t since;	     /* known up to here */
	int64_t deadline_ms; /* answer then, whatever there is */
	int64_t resume_ms;   /* DUE: when */
	struct evt_subs subs;
	size_t nwatches;
	struct evt_watch *watch;
};
TAILQ_HEAD(evt_waiters, evt_waiter);

/* What a session registered for (event.register). */
struct evt_reg {
	LIST_ENTRY(evt_reg) link;
	struct idl_ref session;
	uint64_t since;
	struct evt_subs subs; /* one: malloc */
};

struct api_evt {
	struct api_env *env;
	uint64_t epoch;
	uint32_t listed;      /* classes that have events */
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t cond;
	struct evt_log log;
	struct evt_waiters waiting, due; /* due: in order of resume_ms */
	struct evt_watches class_list[EVT_CLASSES_MAX];
	struct evt_watches bucket[EVT_BUCKETS];
	LIST_HEAD(evt_regs, evt_reg) regs;
	unsigned nregs, nparked;
	int64_t next_ms; /* no deadline of waiting is before this */
	bool is_stopping, has_thread, is_ending;
	pthread_t thread;
};

/* ---- evt_subs.c ---- */

/*
 * evt_subs_parse - what a set of texts asks for
 *
 * errors  EVENT_SUBSCRIPTION_PARSE_FAILURE [text]; INTERNAL_ERROR
 */
enum err evt_subs_parse(const struct api_evt *e, const struct idl_set *texts,
    struct arena *a, struct evt_subs *subs_out, struct failure *why);

/*
 * evt_subs_want - is an object asked for?
 */
bool evt_subs_want(
    const struct evt_subs *s, int cls, const struct idl_ref *ref);

/*
 * evt_one_order - for qsort and bsearch over struct evt_one
 */
int evt_one_order(const void *a, const void *b);

/* ---- evt_log.c; under e->lock ---- */

/*
 * evt_log_add - one more change, of generation e->log.newest
 */
void evt_log_add(struct api_evt *e, int cls, const struct idl_ref *ref,
    uint64_t deleted_created);

/*
 * evt_log_has - is there a change after since that is asked for?
 */
bool evt_log_has(
    const struct api_evt *e, const struct evt_subs *s, uint64_t since);

/*
 * evt_log_copy - the changes in (since, upto] that are asked for
 *
 * out     n_out
 *         list_out  malloc; NULL when there are none
 * returns false: out of memory
 */
bool evt_log_copy(const struct api_evt *e, const struct evt_subs *s,
    uint64_t since, uint64_t upto, struct evt_entry **list_out, size_t *n_out);

/* ---- evt_batch.c ---- */

/*
 * evt_batch_collect - what there is to say to a caller, once for each object
 *
 * in      w  since; is_all
 * out     list_out  malloc, adds before mods before dels
 *         upto_out  everything up to here is in it
 * errors  EVENTS_LOST; INTERNAL_ERROR
 */
enum err evt_batch_collect(struct api_evt *e, const struct evt_waiter *w,
    const struct fld_view *v, struct evt_entry **list_out, size_t *n_out,
    uint64_t *upto_out, struct failure *why);

/*
 * evt_batch_events - the same as a set of event records, in the call's arena
 *
 * in      timestamp  text of each event, in the arena or a literal
 * out     c  rows, events: when there are many the set is empty and they are
 *         written one by one
 * errors  INTERNAL_ERROR
 */
enum err evt_batch_events(struct api_call *c, const struct evt_entry *list,
    size_t n, const char *timestamp, const struct idl_set **set_out,
    struct failure *why);

/*
 * evt_batch_counts - valid_ref_counts, in the call's arena
 *
 * errors  NULL: arena full
 */
const struct idl_map *evt_batch_counts(struct api_call *c);

/*
 * evt_token_write - text of a token
 * evt_token_read - its generation; "" is 0, everything
 *
 * errors  EVENT_FROM_TOKEN_PARSE_FAILURE [token]; EVENTS_LOST
 */
void evt_token_write(const struct api_evt *e, uint64_t generation, char *text);
enum err evt_token_read(const struct api_evt *e, const char *text,
    uint64_t *generation_out, struct failure *why);

/* ---- evt_wait.c; under e->lock ---- */

/*
 * evt_wait_wake - all who wait for a class or an object are due
 */
void evt_wait_wake(struct api_evt *e, int cls, const struct idl_ref *ref);

#endif
