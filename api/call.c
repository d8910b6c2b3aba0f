/* SPDX-License-Identifier: BSD-2-Clause */

/* call - the life of a call, and the commands it has in flight */

/* System */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/api.h"
#include "api/bal.h"
#include "api/call.h"
#include "api/evt.h"
#include "api/flight.h"
#include "api/stats.h"

/* What a guest is asked to do takes as long as it likes, but not for ever. */
#define GUEST_MS 1200000

/* Calls that wait for the hypervisor; any thread, under the lock. */
struct api_ops {
	pthread_mutex_t lock;
	struct api_call *waiting; /* by ops_next */
	uint64_t next_id;
};

int
api_env_init(struct api_env *env)
{
	struct api_ops *ops = calloc(1, sizeof(*ops));

	if (ops == NULL)
		return -1;
	if (pthread_mutex_init(&ops->lock, NULL) != 0) {
		free(ops);
		return -1;
	}
	/* Ids of an earlier daemon may still be answered: start elsewhere. */
	env->random(env->ctx, &ops->next_id, sizeof(ops->next_id));
	ops->next_id &= API_BAL_ID / 2 - 1; /* far below the loop's */
	env->ops = ops;
	env->flights = api_flights_new();
	env->stats = api_stats_new();
	if (env->flights != NULL && env->stats != NULL &&
	    api_evt_init(env) == 0)
		return 0;
	api_env_fini(env);
	return -1;
}

void
api_env_fini(struct api_env *env)
{
	api_evt_fini(env);
	if (env->ops == NULL)
		return;
	(void)pthread_mutex_destroy(&env->ops->lock); /* nobody holds it */
	free(env->ops);
	env->ops = NULL;
	api_flights_free(&env->flights);
	api_stats_free(&env->stats);
}

void
api_call_init(struct api_call *c, struct api_env *env, size_t limit_bytes)
{
	memset(c, 0, sizeof(*c));
	c->env = env;
	c->method = "";
	c->peer = "";
	c->session_text = "";
	c->user = "";
	arena_init(&c->arena, limit_bytes);
}

void
api_call_fini(struct api_call *c)
{
	if (c->reader != NULL && c->view != NULL)
		fld_unpin(c->reader, c->view);
	c->reader = NULL;
	c->view = NULL;
	free(c->events);
	c->events = NULL;
	arena_fini(&c->arena);
}

/* take - the waiting call with an id leaves the list; NULL: nobody's */
static struct api_call *
take(struct api_ops *ops, uint64_t id)
{
	struct api_call **at, *c = NULL;

	pthread_mutex_lock(&ops->lock);
	for (at = &ops->waiting; *at != NULL; at = &(*at)->ops_next) {
		if ((*at)->command.id != id)
			continue;
		c = *at;
		*at = c->ops_next;
		break;
	}
	pthread_mutex_unlock(&ops->lock);
	return c;
}

/* patience_ms - how long a command may be without answer; 0: for ever */
static int64_t
patience_ms(const struct api_env *env, const struct hv_command *cmd)
{
	if (env->command_ms == 0)
		return 0;
	switch ((enum hv_verb)cmd->verb) {
	case HV_SHUTDOWN:
	case HV_CLEAN_REBOOT:
	case HV_SUSPEND:
	case HV_RESTORE:
	case HV_MIGRATE:
		return env->command_ms + GUEST_MS;
	default:
		return env->command_ms;
	}
}

void
api_ops_send(struct api_call *c)
{
	struct api_ops *ops = c->env->ops;
	int64_t ms = patience_ms(c->env, &c->command);
	uint64_t id;
	struct hv_command cmd;

	pthread_mutex_lock(&ops->lock);
	id = ops->next_id++;
	c->command.id = id;
	c->answer_ms = ms == 0 ? 0 : c->env->now_ms(c->env->ctx) + ms;
	cmd = c->command;
	c->ops_next = ops->waiting;
	ops->waiting = c;
	pthread_mutex_unlock(&ops->lock);
	/* From here on the call may go on in another thread. */
	if (c->env->command(c->env->ctx, &cmd))
		return;
	struct hv_result lost = {.id = id, .status = HV_LOST};
	api_hv_result(c->env, &lost);
}

void
api_hv_result(struct api_env *env, const struct hv_result *r)
{
	struct api_call *c = take(env->ops, r->id);

	if (c == NULL)
		return;
	c->hv = *r;
	api_call_push(c);
}

void
api_hv_lost(struct api_env *env)
{
	struct api_ops *ops = env->ops;
	struct api_call *c, *next;

	pthread_mutex_lock(&ops->lock);
	c = ops->waiting;
	ops->waiting = NULL;
	pthread_mutex_unlock(&ops->lock);
	for (; c != NULL; c = next) {
		next = c->ops_next;
		memset(&c->hv, 0, sizeof(c->hv));
		c->hv.status = HV_LOST;
		api_call_push(c);
	}
}

void
api_hv_late(struct api_env *env)
{
	int64_t now_ms = env->now_ms(env->ctx);
	struct api_ops *ops = env->ops;
	struct api_call **at, *c, *late = NULL;

	pthread_mutex_lock(&ops->lock);
	for (at = &ops->waiting; (c = *at) != NULL;) {
		if (c->answer_ms == 0 || now_ms < c->answer_ms) {
			at = &c->ops_next;
			continue;
		}
		*at = c->ops_next;
		c->ops_next = late;
		late = c;
	}
	pthread_mutex_unlock(&ops->lock);
	while ((c = late) != NULL) {
		late = c->ops_next;
		memset(&c->hv, 0, sizeof(c->hv));
		c->hv.status = HV_LOST;
		(void)snprintf(c->hv.text, sizeof(c->hv.text),
		    "the hypervisor process does not answer");
		api_call_push(c);
	}
}

struct idl_ref
api_new_ref(struct api_env *env)
{
	struct idl_ref r;

	/* A version 4 uuid: never null. */
	env->random(env->ctx, &r, sizeof(r));
	r.hi = (r.hi & ~0xf000ull) | 0x4000ull;
	r.lo = (r.lo & ~(3ull << 62)) | (2ull << 62);
	return r;
}
