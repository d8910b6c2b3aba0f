/* SPDX-License-Identifier: BSD-2-Clause */

/* task_gc - old tasks go (spec H.2) */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/task_priv.h"
#include "api/timer.h"

#define ENDED_S 3900   /* so long an ended task can be looked at */
#define STUCK_S 86400  /* so long one may be without progress */
#define LOOK_S 300     /* between two looks through all */
#define LOOK_MS 300000 /* of the timer */

/* is_old - may a task go, whether there is room or not? */
static bool
is_old(const struct api_env *env, const struct idl_task *t, int64_t now)
{
	if (!task_is_pending(t))
		return now - t->finished > ENDED_S;
	return now - t->created > STUCK_S && env->task_gc_generation > 0 &&
	       t->h.modified <= env->task_gc_generation;
}

/* An ended task that may have to go. */
struct ended {
	struct idl_ref ref;
	int64_t finished;
};

static int
by_end(const void *a, const void *b)
{
	const struct ended *x = a, *y = b;

	if (x->finished != y->finished)
		return x->finished < y->finished ? -1 : 1;
	return 0;
}

/* sweep - what is old goes, then the oldest; returns how many are left */
static uint64_t
sweep(struct api_env *env, struct fld_tx *tx, int64_t now)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_task *t = NULL;
	uint64_t left = fld_count(v, IDL_CLASS_TASK);
	struct ended *list =
	    arena_alloc(fld_tx_arena(tx), ((size_t)left + 1) * sizeof(*list));
	size_t n = 0;

	while ((t = fld_next(
		    v, IDL_CLASS_TASK, t != NULL ? &t->h.ref : NULL)) != NULL) {
		if (is_old(env, t, now)) {
			fld_tx_delete(tx, IDL_CLASS_TASK, &t->h.ref);
			left--;
		} else if (list != NULL && !task_is_pending(t)) {
			list[n++] = (struct ended){t->h.ref, t->finished};
		}
	}
	if (left <= TASK_KEEP || n == 0)
		return left;
	qsort(list, n, sizeof(*list), by_end);
	for (size_t i = 0; i < n && left > TASK_KEEP; i++, left--)
		fld_tx_delete(tx, IDL_CLASS_TASK, &list[i].ref);
	return left;
}

bool
task_make_room(struct api_env *env, struct fld_tx *tx)
{
	const struct fld_view *v = fld_tx_view(tx);
	uint64_t n = fld_count(v, IDL_CLASS_TASK);
	int64_t now = env->wall_s(env->ctx);

	if (n < TASK_KEEP && now - env->task_gc_s < LOOK_S)
		return true;
	n = sweep(env, tx, now);
	if (now - env->task_gc_s >= LOOK_S) {
		env->task_gc_s = now;
		env->task_gc_generation = fld_generation(v);
	}
	return n < TASK_MAX;
}

/* tidy - now and then */
static void
tidy(struct api_env *env, struct fld_tx *tx)
{
	(void)task_make_room(env, tx); /* nobody asks for room here */
}

void
api_task_start(struct api_env *env)
{
	/* Without memory old tasks go when new ones come. */
	(void)api_timer_start(env, LOOK_MS, tidy);
}
