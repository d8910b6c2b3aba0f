/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_API_H
#define API_API_H

/*
 * api - what a call is, from decoded arguments to result or failure
 *
 * A protocol (XML-RPC, JSON-RPC) fills a struct api_call: the
 * message row, typed arguments, how many parameters came, the first type
 * failure.  api_dispatch does the rest, the same for every protocol: row,
 * parameter count, types, session, role, object, power state, handler.
 *
 *   read   runs at once in the calling thread, against a pinned image
 *   work   is queued to the worker pool (may block), may go on as a write
 *   write  is queued to the writer; runs in a transaction; its reply is sent
 *          after the change is durable
 *
 * A write may have stages: the handler sets c->then (and c->command to have
 * the hypervisor do something first).  After the commit the command is sent;
 * with its result the next stage runs as another write.  The reply goes out
 * when a stage ends without setting c->then.  In place of a command a stage
 * may ask for memory on a host (c->ask; api/bal.h).
 *
 * A message that is called as Async.<name> answers with a task at once; a
 * second call, of which the protocol knows nothing, goes on in the background
 * and ends by writing its outcome to the task (api/task.h).
 *
 * A handler that cannot go on yet calls api_park and returns what that
 * returns; it is run again from its start when one of the records changes.  The
 * wait of a write can be seen and cancelled as a task.  A read sets c->parked,
 * c->stage and waits outside the writer (api/evt.h).
 *
 * Threads: a call belongs to the thread that runs it: net thread, then writer
 * or worker, then whoever runs c->done (handed back to the net thread there).
 *
 * DIAGNOSTICS none here.  BUGS none known.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "idl_types.h"
#include "model/arena.h"
#include "model/err.h"
#include "model/fld.h"
#include "model/idl.h"
#include "model/wrq.h"
#include "xen/bal_loop.h"
#include "xen/hv.h"

struct api_call;

/* Who has logged in, and may do what. */
struct api_user {
	int role;    /* enum idl_role */
	bool listed; /* account_role knows him */
};

/* How many sessions, and how many calls that wait or work; 0: any number. */
struct api_limits {
	unsigned sessions_per_user, sessions_per_originator;
	unsigned sessions_anonymous, sessions_pool;
	unsigned calls_per_session, calls_per_address;
	unsigned event_waits_per_session;
};

/* Everything a daemon has one of; constant once calls are taken. */
struct api_env {
	struct fld_store *store;
	struct wrq *writer;
	void *ctx; /* given to each function below */
	/* Queue a call to the worker pool; false: queue full. */
	bool (*work)(void *ctx, struct api_call *c);
	/* Send a command; the result comes back through api_hv_result. */
	bool (*command)(void *ctx, const struct hv_command *cmd);
	int64_t (*now_ms)(void *ctx); /* monotonic */
	int64_t (*wall_s)(void *ctx); /* seconds since the epoch */
	void (*random)(void *ctx, void *buf, size_t n);
	/* Blocking; in a worker. */
	enum err (*login)(void *ctx, const char *user, const char *password,
	    const char *peer, struct api_user *user_out, struct failure *why);
	/* Likewise, by the pool's secret; name: for the failure. */
	enum err (*pool_login)(void *ctx, const char *secret, const char *name,
	    const char *peer, struct failure *why);
	/* Any thread: the role of a listed user now; -1: listed no more. */
	int (*account_role)(void *ctx, const char *user);
	enum err (*change_password)(void *ctx, const char *user,
	    const char *old_password, const char *new_password,
	    struct failure *why);
	/* Text of a native value for task.result; in the arena; NULL: full.
	 * NULL: nobody writes results. */
	const char *(*result_text)(void *ctx, struct arena *a,
	    const struct idl_type *t, const void *native);
	int64_t lock_wait_ms;	/* design 8.7: 2000 */
	int64_t target_wait_ms; /* spec B.3: 256000 */
	int64_t command_ms; /* for the answer to a command; 0: any time */
	unsigned sessions_max;
	struct api_limits limits;
	const char *master; /* the pool's coordinator, if not we; NULL: we */
	/* Have everything reported anew, a little later; in the writer.  Set
	 * by api_boot_new; NULL: nobody listens. */
	void (*resync)(void *resync_ctx, const char *reason);
	void *resync_ctx;
	struct api_ops *ops;	 /* calls in flight; made by api_env_init */
	struct api_evt *evt;	 /* log of changes; made by api_env_init */
	bool evt_stepped;	 /* tests: no thread, api_evt_step is called */
	atomic_bool is_stopping; /* api_timers_stop */
	int64_t task_gc_s;	 /* writer: when tasks were looked through */
	uint64_t task_gc_generation; /* writer: as of then */
	struct api_flights *flights; /* how many of whom; likewise */
	struct api_bal *bal;	     /* writer: made by api_boot_new; or NULL */
	struct api_stats *stats;     /* made by api_env_init */
	bool by_need; /* what guests say they use counts in balancing */
	enum bal_loop_mode balance; /* is memory moved without being asked? */
	atomic_uint world;	    /* HV_W_*, as the hypervisor process says */
	struct api_reserve *reserve; /* writer: made when all is known */
	unsigned op_waiters; /* writer: calls that wait for an operation */
	atomic_uint touches; /* sessions whose last_active is being moved */
};

enum api_origin {
	API_NETWORK,
	API_LOCAL_ROOT, /* Unix socket, peer checked: trusted as root */
	API_INTERNAL,	/* the daemon's own calls and tests: no session */
};

/* How a call counts against its session's limits. */
enum api_counted { API_UNCOUNTED, API_COUNTED, API_COUNTED_WAIT };

/* A result of any length, written row by row. */
enum api_rows {
	API_ROWS_NONE,
	API_ROWS_REFS,	  /* set(ref): get_all */
	API_ROWS_RECORDS, /* map(ref, record): get_all_records */
	/* set(record): events, which api_evt_row makes.  The result is that
	 * set, or a record whose first field it is and that has the others. */
	API_ROWS_EVENTS,
};

typedef enum err api_stage_f(
    struct api_call *c, void *result, struct failure *why);

struct api_call {
	struct wrq_job job; /* first: the writer's handle */
	struct api_env *env;

	/* The protocol fills these. */
	enum api_origin origin;
	const char *peer;    /* text of the caller's address */
	const char *subject; /* of a verified client certificate, or NULL */
	const char *method;  /* as called; in the arena */
	const struct idl_msg *msg; /* NULL: no such message */
	struct idl_ref session_ref;
	const char *session_text; /* first parameter as it came; "" if none */
	unsigned received;	  /* parameters, session included */
	void *args;		  /* msg->args_bytes, decoded */
	struct failure bad;	  /* first parameter that would not decode */
	const struct idl_map *notes; /* for its task, or NULL: api_task_note */
	struct arena arena;	     /* everything of the call */
	void (*done)(struct api_call *c); /* once; any thread */
	/* Have api_resume called in a thread with a reader; any thread.  NULL:
	 * reads of this caller never wait. */
	void (*resume)(struct api_call *c);
	void *owner; /* the protocol's own */

	/* Dispatch fills these. */
	const struct fld_view *view;	   /* what the handler reads */
	struct fld_reader *reader;	   /* read calls: pin to give back */
	const struct idl_session *session; /* NULL: message without one */
	int role;			   /* of the session, enum idl_role */
	const char *user;  /* queued calls: the session's user, or "" */
	const void *self;  /* record of the first ref parameter, if any */
	struct fld_tx *tx; /* writes only */

	/* The answer. */
	void *result;		 /* native value of msg->result */
	enum api_rows rows;	 /* instead of result */
	struct evt_rows *events; /* API_ROWS_EVENTS; malloc, or NULL */
	enum err err;
	struct failure why;

	/* Stages of a write. */
	api_stage_f *then;   /* set by a stage: what comes next */
	bool has_command;    /* command goes out before then */
	bool has_ask;	     /* ask is answered before then; not both */
	bool holds_ask;	     /* what was granted is kept from the others until
				the answer to command is stored, too */
	bool asking;	     /* the dispatcher's: ask is being answered */
	bool commit_failure; /* keep the changes although err is set */
	struct hv_command command;
	struct hv_result hv;	/* answer, for the next stage */
	struct bal_ask ask;	/* a stage's, and its answer; api/bal.h */
	struct bal_ask asked;	/* the loop's, while asking */
	struct idl_ref ask_ref; /* wakes who waits for it */
	void *keep;		/* a stage's own, for the next; in the arena */
	struct idl_ref task;	/* task of a call that parked; or null */
	enum api_counted counted; /* in env->flights */
	int64_t started_ms;
	int64_t deadline_ms;	    /* of the current wait; 0: none set */
	bool parked;		    /* set by api_park for the dispatcher */
	api_stage_f *stage;	    /* running now; NULL: the handler itself */
	struct idl_ref op_vm;	    /* VM whose operation lock is held */
	unsigned releases;	    /* times that letting go of it failed */
	bool op_waiting;	    /* parked because of another operation */
	struct api_call *ops_next;  /* env->ops: commands in flight */
	int64_t answer_ms;	    /* ... until then; 0: for ever */
	bool is_background;	    /* of an Async call: ends in its task */
	struct api_call *next_call; /* Async: to be begun after this one */
	struct task_shown *shown;   /* task of a call that waits; or NULL */
};

/*
 * api_msg_find - the row of a message by wire name ("VM.start", "VM_start",
 *         "Async.VM.start")
 *
 * returns NULL when it is not served
 */
const struct idl_msg *api_msg_find(const char *name, size_t n);

/*
 * api_call_init - an empty call; the arena is bounded by limit_bytes
 * api_call_fini - free what it holds (also unpins)
 */
void api_call_init(struct api_call *c, struct api_env *env, size_t limit_bytes);
void api_call_fini(struct api_call *c);

/*
 * api_dispatch - check and run a call
 *
 * in      c   filled by the protocol
 *         rd  the calling thread's reader
 * note    c->done may have been called before this returns.  In done, read
 *         results point into c->view; encode, then api_call_fini.
 */
void api_dispatch(struct api_call *c, struct fld_reader *rd);

/*
 * api_resume - a read that waited goes on, in a thread with a reader
 */
void api_resume(struct api_call *c, struct fld_reader *rd);

/*
 * api_work_run - run a call's blocking part; called by a worker
 */
void api_work_run(struct api_call *c);

/*
 * api_hv_result - a command's answer came up (any thread)
 * api_hv_lost - the hypervisor process is gone: every command in flight
 *         gets HV_LOST
 * api_hv_late - to be called now and then, in any thread: a command that was
 *         not answered in its time gets HV_LOST with a text; an answer that
 *         comes after all is nobody's.  What it did is told as facts
 */
void api_hv_result(struct api_env *env, const struct hv_result *r);
void api_hv_lost(struct api_env *env);
void api_hv_late(struct api_env *env);

/*
 * api_sessions_check - accounts have changed: end the sessions of listed users
 *         who are no more, give the others their role of now; any thread
 */
void api_sessions_check(struct api_env *env);

/*
 * api_env_init, api_env_fini - the state behind env->ops and env->flights
 */
int api_env_init(struct api_env *env);
void api_env_fini(struct api_env *env);

/* ---- for handlers ---- */

/*
 * api_park - wait until one of two records changes, or until a deadline
 *
 * in      a, b  refs to wait for; b may be NULL
 *         wait_ms  from the first park of this call on
 * returns false when the deadline has passed: the handler fails with its own
 *         error; true: return ERR_NONE at once, the handler runs again later
 */
bool api_park(struct api_call *c, const struct idl_ref *a,
    const struct idl_ref *b, int64_t wait_ms);

/*
 * api_new_ref - a fresh random ref
 */
struct idl_ref api_new_ref(struct api_env *env);

/*
 * api_record_view - a record as the wire shows it: inverse and computed fields
 *         filled in
 *
 * in      rec  record of class cls in view v
 * returns rec itself when nothing is computed; else a copy in the arena;
 *         NULL: arena full
 */
const void *api_record_view(struct api_env *env, const struct fld_view *v,
    int cls, const void *rec, struct arena *a);

/*
 * Handlers of generic messages; rows name them, c->msg says which field.
 */
idl_handler_f api_generic_get_field, api_generic_set_field,
    api_generic_add_to_map, api_generic_remove_from_map, api_generic_add_to_set,
    api_generic_remove_from_set, api_generic_get_all,
    api_generic_get_all_records, api_generic_get_all_records_where,
    api_generic_get_record, api_generic_get_by_unique,
    api_generic_get_by_lookup;

extern const struct idl_msg *const api_msgs[]; /* generated, sorted by name */
extern const int api_nmsgs;

#endif
