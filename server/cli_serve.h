/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_CLI_SERVE_H
#define SERVER_CLI_SERVE_H

/*
 * cli_serve - POST /cli: commands of the unmodified xe
 *
 * A request is kept until the client has greeted, then its command runs in one
 * of a few threads of ours, straight on: each call goes through api_dispatch
 * and is waited for.  Its output is gathered and sent in one go, so a client
 * that takes it slowly holds no thread.
 *
 * They are not the threads in which passwords are checked: a command waits for
 * those.  Commands that may wait for minutes have some of the threads only.
 * When a client goes away its command ends at its next call, or right now if it
 * is waiting for one; so does every command when the daemon ends.
 *
 * DIAGNOSTICS none.
 * BUGS a client that only closes its sending side is taken to have gone.
 */

#include "api/api.h"
#include "server/http.h"

struct thin;

/*
 * thin_new - threads for commands
 *
 * in      env             borrowed
 *         call_max_bytes  arena of a call
 * errors  NULL: out of memory or threads
 */
struct thin *thin_new(struct api_env *env, size_t call_max_bytes);

/*
 * thin_serve - a POST to /cli, in its loop's thread
 */
void thin_serve(struct thin *t, const struct http_request *rq);

/*
 * thin_running - commands that have not been answered yet
 */
unsigned thin_running(const struct thin *t);

/*
 * thin_stop - end all commands and the threads; requests must not come any more
 */
void thin_stop(struct thin *t);

/*
 * thin_free - when stopped, the writer too, and all connections gone
 */
void thin_free(struct thin **t);

#endif
