/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_RPC_H
#define SERVER_SRV_RPC_H

/*
 * srv_rpc - from the body of a POST to a call, and from its result to a reply
 *
 * Each net thread has a parser, a reader of the store and a few calls kept for
 * reuse.  A call that ends in its own thread is answered at once; one that
 * ends elsewhere is posted back to its loop.
 *
 * DIAGNOSTICS none.
 * BUGS the length of a whole-class reply is found by making it once for
 * nothing, in slices.
 */

#include <stdatomic.h>

#include "api/api.h"
#include "server/http.h"

struct srv_rpc {
	struct api_env *env;
	size_t call_max_bytes;	/* arena of a call */
	size_t reply_max_bytes; /* of a reply that is not made in pieces */
	atomic_uint running;	/* calls not answered yet */
	atomic_bool refused;	/* the last write could not be stored */
};

/*
 * srv_rpc_thread_new, srv_rpc_thread_free, srv_rpc_call - for struct http_ops;
 *         ctx is the struct srv_rpc
 */
void *srv_rpc_thread_new(struct srv_rpc *rpc, struct http_loop *l);
void srv_rpc_thread_free(void *thread);
void srv_rpc_call(void *thread, const struct http_request *rq);

#endif
