/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_CLI_PRIV_H
#define SERVER_CLI_PRIV_H

/*
 * cli_priv - what the files of /cli share
 *
 * cli_serve.c: the connection's side, in its loop's thread.  cli_work.c: the
 * command's side, in a thread of the pool.  cli_call.c: calls of a command.
 * cli_value.c: values between the command layer and the api.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "api/val.h"
#include "cli/cli.h"
#include "server/cli_serve.h"
#include "server/cli_wire.h"
#include "server/pool.h"

#define THIN_PEER_BYTES 64

struct thin {
	struct api_env *env;
	size_t call_max_bytes;
	struct pool *pool;
	atomic_uint held;    /* requests there are */
	atomic_uint running; /* of them in the pool's hands */
	atomic_uint slow;    /* commands and calls that wait for minutes */
	pthread_mutex_t lock;
	pthread_cond_t change; /* a call is done, a client gone, ending */
	bool ending;	       /* under lock */
};

/* One request; the loop's, and from push to post the pool thread's. */
struct thin_run {
	struct http_raw raw;   /* first: the connection's handle */
	struct http_post post; /* back to the loop */
	struct thin *thin;
	struct http_conn *conn; /* loop only; NULL: gone */
	struct http_loop *loop;
	size_t hello_bytes; /* of hello that have come */
	char hello[THIN_HELLO_BYTES];
	bool local, kept;
	bool working;	/* loop only: the pool has it */
	bool cancelled; /* under thin->lock: nobody listens any more */
	bool slow;	/* is one of thin->slow */
	struct thin_request rq;
	char peer[THIN_PEER_BYTES];

	/* The pool thread's. */
	struct fld_reader *store;
	const char *session; /* "": none */
	int64_t pause_ms;
	struct http_buf out;
};

/* ---- cli_work.c ---- */

/*
 * thin_work - item: a struct thin_run; run its command, post it back
 */
void thin_work(void *item);

/* ---- cli_call.c ---- */

/*
 * thin_call - struct cli_ops's call; ctx: the struct thin_run
 *
 * note    once the client is gone only calls that tidy up are made; a call that
 *         runs then is left behind, unless it makes what must be tidied up
 */
enum cli_status thin_call(void *ctx, struct cli_pool *pool, const char *method,
    const struct cli_val *args, size_t n, struct cli_val *value_out,
    struct cli_failure *why);

/*
 * thin_pause - wait so long, or until the client is gone; false: it is
 */
bool thin_pause(struct thin_run *r, int64_t ms);

/* ---- cli_value.c ---- */

/*
 * thin_value_read - a value of the command layer to where a parameter goes
 *
 * returns false when the call's arena is full
 */
bool thin_value_read(
    struct api_call *c, const struct api_slot *to, const struct cli_val *v);

/*
 * thin_value_make - a native value to one of the command layer
 * thin_value_rows - the same for a result that is a whole class
 *
 * returns false when the pool is full
 */
bool thin_value_make(struct cli_pool *pool, const struct idl_type *t,
    const void *native, struct cli_val *v_out);
bool thin_value_rows(
    struct cli_pool *pool, const struct api_call *c, struct cli_val *v_out);

#endif
