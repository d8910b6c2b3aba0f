/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_touched - the messages about what guests write to
 *
 * The hypervisor process counts by itself, and says how it goes on; a call
 * that began a count is parked until it hears of the end, and has the count
 * ended if it does not want to wait any more.
 */

/* System */
#include <string.h>

/* Api */
#include "api/op.h"
#include "api/stats.h"
#include "api/task.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* Progress is shown so often. */
#define TICK_MS 1000

/* What a call keeps from stage to stage. */
struct wait {
	uint32_t n;	    /* intervals that it has heard of */
	int64_t heard_ms;   /* of the last, or that it began */
	struct failure why; /* of a count that it has ended itself */
};

/* ---- how it goes ---- */

/* failed - a count that did not begin, or has ended early */
static enum err
failed(struct api_call *c, int32_t status, struct failure *why)
{
	if (status == HV_BUSY)
		return err_fail(why, ERR_OTHER_OPERATION_IN_PROGRESS, "srss",
		    "VM", api_vm_about(c), "track_touched_memory", "");
	if (status == HV_REFUSED && c->hv.status == HV_OK)
		return err_internal(why, "the hypervisor counts no more");
	c->hv.status = status;
	return api_vm_hv_failure(c, why);
}

/* stopped - the count was ended for us, and the guest is as fast as before */
static enum err
stopped(struct api_call *c, void *result, struct failure *why)
{
	const struct wait *w = c->keep;

	(void)result; /* there is none */
	err_copy(why, &w->why);
	return w->why.code;
}

/* stop - have the count ended, for a reason */
static enum err
stop(struct api_call *c, const struct failure *reason)
{
	struct wait *w = c->keep;

	err_copy(&w->why, reason);
	c->parked = false;
	c->command.seconds = 0;
	c->has_command = true;
	c->then = stopped;
	return ERR_NONE;
}

/* park - until the count goes on or a little later; false: not any more */
static bool
park(struct api_call *c, struct failure *why)
{
	const struct idl_ref *wakes = api_stats_wakes(c->env->stats);

	if (c->deadline_ms != 0 && c->job.expired) {
		if (c->env->now_ms(c->env->ctx) < c->deadline_ms) {
			/* The daemon ends, or too many wait. */
			(void)err_fail(why, ERR_TOO_MANY_PENDING_TASKS, "");
			return false;
		}
		c->deadline_ms = 0; /* another one */
	}
	return api_park(c, wakes, NULL, TICK_MS) && api_task_wait(c, why);
}

/* least - of two times */
static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* gone_on - so long since the last interval was heard of, ms */
static int64_t
gone_on(const struct api_call *c, const struct hv_dirtied *said)
{
	struct wait *w = c->keep;
	int64_t now_ms = c->env->now_ms(c->env->ctx);

	if (said->n != w->n)
		w->heard_ms = now_ms;
	w->n = said->n;
	return now_ms - w->heard_ms;
}

/* is_overdue - should the next have been heard of long ago? */
static bool
is_overdue(const struct api_call *c, const struct hv_dirtied *said, int64_t ms)
{
	const int64_t more_ms = c->env->command_ms;

	return more_ms != 0 && ms > said->interval_s * (int64_t)1000 + more_ms;
}

/* share - of a count that is over, however long its intervals take */
static double
share(const struct hv_dirtied *said, int64_t ms)
{
	int64_t each_ms = said->interval_s * (int64_t)1000;
	int64_t all_ms = said->seconds * (int64_t)1000;

	return (double)least(said->n * each_ms + least(ms, each_ms), all_ms) /
	       (double)all_ms;
}

/* tracked - the count has begun, goes on, or has ended */
static enum err
tracked(struct api_call *c, void *result, struct failure *why)
{
	struct api_touched t;
	struct failure reason;
	int64_t ms;

	if (c->hv.status != HV_OK)
		return failed(c, c->hv.status, why);
	api_stats_touched(c->env->stats, &c->command.uuid, &t);
	if (t.said.id != c->command.id) /* its process has gone */
		return failed(c, HV_LOST, why);
	if (!t.said.is_on && t.said.status != HV_OK)
		return failed(c, t.said.status, why);
	if (!t.said.is_on) {
		*(int64_t *)result = api_vm_hv_bytes(t.said.ever_kib);
		return ERR_NONE;
	}
	ms = gone_on(c, &t.said);
	if (is_overdue(c, &t.said, ms)) {
		(void)err_internal(&reason,
		    "the hypervisor process says no more of the count");
		return stop(c, &reason);
	}
	if (!park(c, &reason))
		return stop(c, &reason);
	api_task_progress(c, share(&t.said, ms));
	return ERR_NONE;
}

/* track - both messages: count for so long, in such intervals */
static enum err
track(
    struct api_call *c, int64_t seconds, int64_t interval, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	struct wait *w = arena_alloc(&c->arena, sizeof(*w));
	struct api_touched t;
	enum err rc;

	if (w == NULL)
		return err_internal(why, "out of memory");
	if (seconds < 1 || seconds > HV_DIRTY_MAX_S)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", "seconds", seconds);
	if (interval < 1 || interval > seconds)
		return err_fail(
		    why, ERR_INVALID_VALUE, "sd", "interval", interval);
	if (vm->is_control_domain)
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "This operation is not allowed on a control domain");
	if (vm->power_state != IDL_VM_POWER_STATE_RUNNING)
		return err_fail(why, ERR_VM_BAD_POWER_STATE, "rss", &vm->h.ref,
		    "running", api_op_state(vm));
	rc = api_vm_command(c, vm, &vm->resident_on, HV_DIRTY, why);
	if (rc != ERR_NONE)
		return rc;
	/* Who ends its count must not end that of the next. */
	api_stats_touched(c->env->stats, &c->command.uuid, &t);
	if (t.said.is_on)
		return failed(c, HV_BUSY, why);
	if (!api_stats_track(c->env->stats, c->view, &c->command.uuid))
		return err_internal(why, "out of memory");
	w->n = 0;
	w->heard_ms = c->env->now_ms(c->env->ctx);
	c->keep = w;
	c->command.seconds = (uint32_t)seconds;
	c->command.interval_s = (uint32_t)interval;
	c->then = tracked;
	return ERR_NONE;
}

enum err
api_vm_estimate_working_set(struct api_call *c,
    const struct idl_vm_estimate_working_set_args *a, int64_t *result_out,
    struct failure *why)
{
	(void)result_out; /* tracked writes it */
	return track(c, a->seconds, a->seconds, why);
}

enum err
api_vm_track_touched_memory(struct api_call *c,
    const struct idl_vm_track_touched_memory_args *a, int64_t *result_out,
    struct failure *why)
{
	(void)result_out; /* tracked writes it */
	return track(c, a->seconds, a->interval, why);
}

/* ---- how it went ---- */

/* What is told in any case; then the intervals follow. */
enum touched_tag { EVER, IS_ON, STARTED, SECONDS, INTERVAL, INTERVALS, TAGS };
static const char *const tags[TAGS] = {
    [EVER] = "ever_written",
    [IS_ON] = "is_on",
    [STARTED] = "started",
    [SECONDS] = "seconds",
    [INTERVAL] = "interval",
    [INTERVALS] = "intervals",
};

/* tell - the values of the tags */
static void
tell(const struct api_touched *t, int64_t *values)
{
	values[EVER] =
	    t->started_s == 0 ? -1 : api_vm_hv_bytes(t->said.ever_kib);
	values[IS_ON] = t->said.is_on;
	values[STARTED] = t->started_s;
	values[SECONDS] = t->said.seconds;
	values[INTERVAL] = t->said.interval_s;
	values[INTERVALS] = t->said.n;
}

enum err
api_vm_get_touched_memory(struct api_call *c,
    const struct idl_vm_get_touched_memory_args *a,
    const struct idl_map **result_out, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	struct idl_map *map = arena_alloc(&c->arena, sizeof(*map));
	const char **keys;
	int64_t *values;
	struct api_touched t;
	struct hv_uuid uuid;

	(void)a; /* c->self is its record */
	if (!api_vm_hv_uuid(vm->uuid, &uuid))
		return err_internal(why, "the VM's uuid is not one");
	api_stats_touched(c->env->stats, &uuid, &t);
	keys = arena_alloc(&c->arena, (TAGS + t.said.n) * sizeof(*keys));
	values = arena_alloc(&c->arena, (TAGS + t.said.n) * sizeof(*values));
	if (map == NULL || keys == NULL || values == NULL)
		return err_internal(why, "out of memory");
	memcpy(keys, tags, sizeof(tags));
	tell(&t, values);
	for (uint32_t i = 0; i < t.said.n; i++) {
		keys[TAGS + i] = arena_printf(&c->arena, "written_%u", i + 1);
		if (keys[TAGS + i] == NULL)
			return err_internal(why, "out of memory");
		values[TAGS + i] = api_vm_hv_bytes(t.written_kib[i]);
	}
	map->n = TAGS + t.said.n;
	map->keys = keys;
	map->values = values;
	*result_out = map;
	return ERR_NONE;
}
