/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * dispatch - the one way every call takes, whatever protocol brought it
 *
 * Order (spec G.2, design 8.5): method, parameter count, parameter types,
 * session, role, objects, operation, handler.  Reads run here and now; writes
 * and blocking calls are queued.
 */

/* System */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Api */
#include "api/api.h"
#include "api/bal.h"
#include "api/call.h"
#include "api/evt.h"
#include "api/flight.h"
#include "api/op.h"
#include "api/task.h"

#define SESSION_TOUCH_S 600

/* An operation is let go of again so often, after so long. */
#define RELEASES_MAX 100
#define RELEASE_WAIT_MS 200

/* permission - "vm.set_memory": the lower-cased method name, in the arena */
static const char *
permission(struct api_call *c)
{
	char *p = arena_strndup(&c->arena, c->msg->name, strlen(c->msg->name));

	if (p == NULL)
		return "";
	for (char *s = p; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return p;
}

/* check_unknown - a method that is not served; the session still counts */
static enum err
check_unknown(struct api_call *c, const struct fld_view *v)
{
	if (c->received > 0 &&
	    fld_get(v, IDL_CLASS_SESSION, &c->session_ref) == NULL)
		return err_fail(
		    &c->why, ERR_SESSION_INVALID, "s", c->session_text);
	return err_fail(&c->why, ERR_MESSAGE_METHOD_UNKNOWN, "s", c->method);
}

/* check_count - as many parameters as the row says, the session not counted */
static enum err
check_count(struct api_call *c)
{
	const struct idl_msg *m = c->msg;
	unsigned lead = (m->flags & IDL_M_NOSESSION) ? 0 : 1;
	unsigned n = c->received > lead ? c->received - lead : 0;

	if (n >= (unsigned)m->nrequired &&
	    (n <= (unsigned)m->nparams || (m->flags & IDL_M_SURPLUS)))
		return ERR_NONE;
	return err_fail(&c->why, ERR_MESSAGE_PARAMETER_COUNT_MISMATCH, "sdd",
	    m->name, (int64_t)m->nrequired, (int64_t)n);
}

/* check_session - a live session, remembered in the call with its role */
static enum err
check_session(struct api_call *c, const struct fld_view *v)
{
	const struct idl_session *s;
	int64_t now = c->env->wall_s(c->env->ctx);

	if (c->origin == API_INTERNAL || (c->msg->flags & IDL_M_NOSESSION)) {
		c->role = IDL_ROLE_POOL_ADMIN;
		return ERR_NONE;
	}
	s = fld_get(v, IDL_CLASS_SESSION, &c->session_ref);
	if (s == NULL || api_session_is_over(v, s, now))
		return err_fail(
		    &c->why, ERR_SESSION_INVALID, "s", c->session_text);
	if (c->env->master != NULL && !s->pool && !s->local)
		return err_fail(
		    &c->why, ERR_HOST_IS_SLAVE, "s", c->env->master);
	c->session = s;
	c->role = (int)s->role;
	if (now - s->last_active > SESSION_TOUCH_S)
		api_session_touch(c->env, &c->session_ref);
	return ERR_NONE;
}

/* check_async - can the message be called as it was? (spec G.2 number 7) */
static enum err
check_async(struct api_call *c)
{
	char text[200];

	if (!api_task_is_async(c) || (c->msg->flags & IDL_M_ASYNC))
		return ERR_NONE;
	(void)snprintf(text, sizeof(text),
	    "%s is not there: %s cannot be called asynchronously", c->method,
	    c->msg->name);
	return err_fail(&c->why, ERR_FAULT, "s", text);
}

/* check_role - the row's least role, or better */
static enum err
check_role(struct api_call *c)
{
	char text[200] = "No role has it";
	size_t n = 0;

	if (c->role <= c->msg->role)
		return ERR_NONE;
	for (int i = 0; i <= c->msg->role && n < sizeof(text) - 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i == 0 ? "Roles that may: " : ", ", idl_roles[i]);
	return err_fail(
	    &c->why, ERR_RBAC_PERMISSION_DENIED, "ss", permission(c), text);
}

/* check_objects - every ref parameter names a record; self is the first */
static enum err
check_objects(struct api_call *c)
{
	const struct idl_msg *m = c->msg;

	c->self = NULL;
	for (int i = 0; i < m->nparams; i++) {
		const struct idl_param *p = &m->params[i];
		const struct idl_ref *ref;
		const void *rec;

		if (p->type->kind != IDL_REF || p->type->cls < 0 || p->nullable)
			continue;
		ref = (const void *)((const char *)c->args + p->offset);
		rec = fld_get(c->view, p->type->cls, ref);
		if (rec == NULL || !api_session_owns(c, p->type->cls, ref))
			return err_fail(&c->why, ERR_HANDLE_INVALID, "sr",
			    idl_classes[p->type->cls]->name, ref);
		if (c->self == NULL)
			c->self = rec;
	}
	return ERR_NONE;
}

/* check_call - all that can be said before the handler's thread is reached */
static enum err
check_call(struct api_call *c, const struct fld_view *v)
{
	enum err rc;

	if (c->msg == NULL)
		return check_unknown(c, v);
	rc = check_count(c);
	if (rc != ERR_NONE)
		return rc;
	if (c->bad.code != ERR_NONE && c->bad.code != ERR_HANDLE_INVALID) {
		err_copy(&c->why, &c->bad);
		return c->bad.code;
	}
	rc = check_session(c, v);
	if (rc != ERR_NONE)
		return rc;
	rc = check_async(c);
	if (rc == ERR_NONE)
		rc = check_role(c);
	if (rc != ERR_NONE || api_task_is_async(c))
		return rc; /* a malformed handle shows in the task */
	/* A malformed handle says so only to those who may ask. */
	err_copy(&c->why, &c->bad);
	return c->bad.code;
}

/* result_room - zeroed space for the native result */
static bool
result_room(struct api_call *c)
{
	size_t n = idl_native_bytes(c->msg->result);

	c->result = arena_alloc(&c->arena, n > 0 ? n : 1);
	return c->result != NULL;
}

void
api_call_finish(struct api_call *c, enum err rc)
{
	if (api_task_hide(c, rc))
		return; /* it comes back when nobody sees the task any more */
	api_bal_release(c);
	api_op_leave(c); /* what it waited for may be no more */
	if (rc != ERR_NONE)
		api_task_forget(c);
	else if (c->next_call != NULL)
		api_task_begin(c);
	c->err = rc;
	assert(rc == ERR_NONE || c->why.code == rc);
	c->tx = NULL;
	api_flight_leave(c);
	c->done(c);
}

/* run_handler - objects, operation, handler, what follows; in its thread */
static enum err
run_handler(struct api_call *c)
{
	enum err rc;

	if (c->bad.code != ERR_NONE) { /* of a call in the background */
		err_copy(&c->why, &c->bad);
		return c->bad.code;
	}
	rc = check_objects(c);
	if (rc == ERR_NONE && c->msg->operation >= 0 &&
	    c->msg->run == IDL_RUN_WRITE)
		rc = api_op_enter(c, &c->why);
	if (rc != ERR_NONE || c->parked)
		return rc;
	rc = c->msg->handler(c, c->args, c->result, &c->why);
	return rc == ERR_NONE && c->tx != NULL && !c->parked
		   ? api_op_keep(c, &c->why)
		   : rc;
}

/* ---- writes: struct wrq_job's three entries ---- */

/* run_stage - the handler or the stage that is next */
static enum err
run_stage(struct api_call *c)
{
	enum err rc =
	    c->stage != NULL ? c->stage(c, c->result, &c->why) : run_handler(c);

	if (rc == ERR_NONE && c->parked && c->stage == NULL &&
	    !api_task_wait(c, &c->why)) {
		api_op_leave(c);
		c->parked = false;
		rc = c->why.code;
	}
	if (rc == ERR_NONE && c->is_background && !c->parked && c->then == NULL)
		rc = api_task_keep(c, &c->why);
	return rc;
}

static enum wrq_verdict
write_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct api_call *c = (struct api_call *)(void *)job;
	enum err rc;

	c->tx = tx;
	c->view = fld_tx_view(tx);
	c->then = NULL;
	c->has_command = false;
	c->has_ask = false;
	c->holds_ask = false;
	c->commit_failure = false;
	c->parked = false;
	c->why.code = ERR_NONE;
	if (c->asking && api_bal_waits(c))
		return WRQ_PARK;
	rc = run_stage(c);
	c->tx = NULL;
	c->view = NULL;
	c->err = rc;
	if (rc == ERR_NONE && c->parked)
		return WRQ_PARK;
	assert(rc == ERR_NONE || c->why.code == rc);
	return rc != ERR_NONE && !c->commit_failure ? WRQ_ABORT : WRQ_COMMIT;
}

/*
 * release_stage - the changes of a stage were not stored: only let go
 *
 * Letting go takes a little memory.  When there is none, there may be some
 * later; nobody can do anything with the VM before.
 */
static enum err
release_stage(struct api_call *c, void *result, struct failure *why)
{
	(void)result; /* void */
	if (c->releases > 0 && api_park(c, &c->op_vm, NULL, RELEASE_WAIT_MS))
		return ERR_NONE;
	if (!api_op_release(c))
		return err_internal(why, "out of memory");
	c->commit_failure = true;
	err_copy(why, &c->bad);
	return c->bad.code;
}

/* is_held - did a stage fail that was to let go of its operation? */
static bool
is_held(const struct api_call *c)
{
	return !idl_ref_is_null(&c->op_vm) && c->stage != NULL &&
	       c->releases < RELEASES_MAX;
}

/* release - have the operation let go, after a stage that could not */
static void
release(struct api_call *c, const struct failure *why)
{
	if (c->stage == release_stage) {
		c->releases++;
	} else {
		/* Operation locks are live: dropping one needs no disk. */
		if (c->env->resync != NULL) /* tidies up what stays */
			c->env->resync(c->env->resync_ctx,
			    why->n > 0 ? why->param[0] : "not stored");
		err_copy(&c->bad, why);
		c->stage = release_stage;
	}
	c->deadline_ms = 0;
	wrq_push(c->env->writer, &c->job);
}

static void
write_failed(struct wrq_job *job, const struct failure *why)
{
	struct api_call *c = (struct api_call *)(void *)job;

	if (is_held(c)) {
		release(c, why);
		return;
	}
	err_copy(&c->why, why);
	api_call_finish(c, why->code);
}

static void
write_done(struct wrq_job *job)
{
	struct api_call *c = (struct api_call *)(void *)job;

	if (c->err != ERR_NONE && !c->commit_failure && is_held(c)) {
		release(c, &c->why);
		return;
	}
	if (c->err != ERR_NONE || c->then == NULL) {
		api_call_finish(c, c->err);
		return;
	}
	if (!c->holds_ask)
		api_bal_release(c); /* the records show by now who has it */
	c->stage = c->then;
	c->deadline_ms = 0;
	if (c->has_ask)
		api_bal_ask(c);
	if (c->has_command)
		api_ops_send(c);
	else
		wrq_push(c->env->writer, &c->job);
}

void
api_call_push(struct api_call *c)
{
	c->job.run = write_run;
	c->job.done = write_done;
	c->job.failed = write_failed;
	wrq_push(c->env->writer, &c->job);
}

bool
api_park(struct api_call *c, const struct idl_ref *a, const struct idl_ref *b,
    int64_t wait_ms)
{
	if (c->deadline_ms == 0) {
		c->deadline_ms = c->env->now_ms(c->env->ctx) + wait_ms;
		c->job.expired = false; /* it was an earlier wait's */
	} else if (c->job.expired) {
		return false;
	}
	memset(c->job.wait, 0, sizeof(c->job.wait));
	c->job.wait[0] = *a;
	if (b != NULL)
		c->job.wait[1] = *b;
	c->job.deadline_ms = c->deadline_ms;
	c->parked = true;
	return true;
}

/* let_go - what was pinned belongs to this thread */
static void
let_go(struct api_call *c)
{
	fld_unpin(c->reader, c->view);
	c->view = NULL;
	c->reader = NULL;
	c->session = NULL;
}

/* run_read - the whole call, here; the pin stays until api_call_fini */
static void
run_read(struct api_call *c)
{
	enum err rc =
	    c->stage != NULL ? c->stage(c, c->result, &c->why) : run_handler(c);

	if (rc != ERR_NONE || !c->parked) {
		api_call_finish(c, rc);
		return;
	}
	let_go(c);
	api_evt_wait(c);
}

void
api_resume(struct api_call *c, struct fld_reader *rd)
{
	c->parked = false;
	c->why.code = ERR_NONE;
	c->view = fld_pin(rd);
	c->reader = c->view != NULL ? rd : NULL;
	if (c->view == NULL)
		api_call_finish(c, err_internal(&c->why, "out of memory"));
	else if (c->origin != API_INTERNAL &&
		 fld_get(c->view, IDL_CLASS_SESSION, &c->session_ref) == NULL)
		api_call_finish(c, err_fail(&c->why, ERR_SESSION_INVALID, "s",
				       c->session_text));
	else
		run_read(c);
}

void
api_work_run(struct api_call *c)
{
	enum err rc = c->msg->handler(c, c->args, c->result, &c->why);

	if (rc != ERR_NONE || c->then == NULL) {
		api_call_finish(c, rc);
		return;
	}
	c->stage = c->then;
	api_call_push(c);
}

/* keep_user - who calls, for a thread that does not see the session */
static bool
keep_user(struct api_call *c)
{
	if (c->session == NULL)
		return true;
	c->user = arena_strndup(&c->arena, c->session->auth_user_name,
	    strlen(c->session->auth_user_name));
	return c->user != NULL;
}

/* run_queued - hand a write or a blocking call to its thread */
static void
run_queued(struct api_call *c)
{
	if (!keep_user(c)) {
		api_call_finish(c, err_internal(&c->why, "out of memory"));
		return;
	}
	if (!api_flight_enter(c)) {
		api_call_finish(
		    c, err_fail(&c->why, ERR_TOO_MANY_PENDING_TASKS, ""));
		return;
	}
	let_go(c);
	if (c->msg->run == IDL_RUN_WRITE)
		api_call_push(c);
	else if (!c->env->work(c->env->ctx, c))
		api_call_finish(
		    c, err_fail(&c->why, ERR_TOO_MANY_PENDING_TASKS, ""));
}

void
api_dispatch(struct api_call *c, struct fld_reader *rd)
{
	enum err rc;

	c->started_ms = c->env->now_ms(c->env->ctx);
	c->view = fld_pin(rd);
	if (c->view == NULL) {
		api_call_finish(c, err_internal(&c->why, "out of memory"));
		return;
	}
	c->reader = rd;
	rc = check_call(c, c->view);
	if (rc == ERR_NONE && api_task_is_async(c))
		rc = api_task_async(c, &c->why);
	if (rc == ERR_NONE && !result_room(c))
		rc = err_internal(&c->why, "out of memory");
	if (rc != ERR_NONE)
		api_call_finish(c, rc);
	else if (c->msg->run == IDL_RUN_READ)
		run_read(c);
	else
		run_queued(c);
}
