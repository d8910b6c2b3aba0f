/* SPDX-License-Identifier: BSD-2-Clause */

/* task - Async calls, and calls that wait */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/call.h"
#include "api/task.h"
#include "api/task_priv.h"

static const int32_t cancel_only[] = {IDL_TASK_ALLOWED_OPERATIONS_CANCEL};
static const struct idl_set cancellable = {1, cancel_only};

/* The call behind a task, and the write that ends both. */
struct background {
	struct api_call call; /* first */
	struct wrq_job end;
	const char *text; /* of the result */
};

/* The task of a call that waits: comes, and goes again. */
struct task_shown {
	struct wrq_job show, hide;
	struct api_env *env;
	struct api_call *call; /* ends when the task has gone */
	struct idl_ref task, session;
	bool is_kept; /* it is an Async call's: not ours to remove */
	const char *method, *user;
	const struct idl_map *notes; /* or NULL */
	struct arena arena;	     /* all these; the call may end first */
};

/* A wait has come further. */
struct progress {
	struct wrq_job job;
	struct idl_ref task;
	double value;
};

/* ---- records ---- */

struct idl_task *
api_task_new(struct api_env *env, struct fld_tx *tx, const struct idl_ref *ref,
    const char *label, const struct idl_ref *session, const char *user)
{
	struct arena *a = fld_tx_arena(tx);
	const struct idl_pool *pool =
	    fld_next(fld_tx_view(tx), IDL_CLASS_POOL, NULL);
	struct idl_ref uuid = api_new_ref(env);
	char *text = arena_alloc(a, IDL_UUID_TEXT);
	struct idl_task *task = fld_tx_create(tx, IDL_CLASS_TASK, ref);

	if (task == NULL || text == NULL)
		return NULL;
	idl_uuid_write(&uuid, text);
	task->uuid = text;
	task->name_label = label;
	task->created = env->wall_s(env->ctx);
	task->status = IDL_TASK_STATUS_TYPE_PENDING;
	task->session = *session;
	task->user = user;
	if (pool != NULL)
		task->resident_on = pool->master;
	return task;
}

bool
task_is_pending(const struct idl_task *task)
{
	return task->status == IDL_TASK_STATUS_TYPE_PENDING ||
	       task->status == IDL_TASK_STATUS_TYPE_CANCELLING;
}

bool
task_is_marked(const struct idl_task *task, int operation)
{
	const struct idl_map *m = task->current_operations;
	const int32_t *ops = m->values;

	for (uint32_t i = 0; i < m->n; i++)
		if (ops[i] == operation)
			return true;
	return false;
}

/* ---- notes ---- */

/* has_key - is a text among the first n? */
static bool
has_key(const char *const *key, uint32_t n, const char *text)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(key[i], text) == 0)
			return true;
	return false;
}

bool
api_task_note(struct api_call *c, const char *notes, size_t n)
{
	struct idl_map *map = arena_alloc(&c->arena, sizeof(*map));
	const char **key, **value, *at = notes;
	size_t room = 0;

	for (size_t i = 0; i < n; i++)
		room += notes[i] == '\0'; /* twice what is needed */
	key = arena_alloc(&c->arena, (room + 1) * sizeof(*key));
	value = arena_alloc(&c->arena, (room + 1) * sizeof(*value));
	if (map == NULL || key == NULL || value == NULL)
		return false;
	while (at < notes + n) {
		const char *name = arena_printf(&c->arena, "http:%s", at);

		at += strlen(at) + 1;
		value[map->n] = arena_strndup(&c->arena, at, strlen(at));
		if (name == NULL || value[map->n] == NULL)
			return false;
		at += strlen(at) + 1;
		if (!has_key(key, map->n, name))
			key[map->n++] = name;
	}
	map->keys = key;
	map->values = value;
	c->notes = map;
	return true;
}

/* copy_notes - into another arena; false: it is full */
static bool
copy_notes(
    const struct idl_map *from, const struct idl_map **to, struct arena *a)
{
	const struct idl_type *t =
	    idl_classes[IDL_CLASS_TASK]->fields[IDL_TASK_F_OTHER_CONFIG].type;

	return from == NULL || idl_copy(t, &from, to, a);
}

/* ---- Async ---- */

bool
api_task_is_async(const struct api_call *c)
{
	return strncmp(c->method, "Async.", 6) == 0 ||
	       strncmp(c->method, "InternalAsync.", 14) == 0;
}

/* error_info - code and parameters as a set; NULL: out of memory */
static const struct idl_set *
error_info(const struct failure *why, struct arena *a)
{
	struct idl_set *set = arena_alloc(a, sizeof(*set));
	const char **items = arena_alloc(a, (why->n + 1) * sizeof(*items));

	if (set == NULL || items == NULL)
		return NULL;
	items[0] = idl_errors[why->code].code;
	for (unsigned i = 0; i < why->n; i++)
		items[i + 1] = why->param[i];
	set->n = why->n + 1;
	set->items = items;
	return set;
}

/* fail - the outcome of a call that did not do it */
static bool
fail(struct idl_task *task, const struct failure *why, struct arena *a)
{
	task->status = why->code == ERR_TASK_CANCELLED
			   ? IDL_TASK_STATUS_TYPE_CANCELLED
			   : IDL_TASK_STATUS_TYPE_FAILURE;
	if (why->code == ERR_TASK_CANCELLED)
		return true;
	task->error_info = error_info(why, a);
	return task->error_info != NULL;
}

/* end_run - write the outcome */
static enum wrq_verdict
end_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct background *b =
	    (struct background *)(void *)((char *)job -
					  offsetof(struct background, end));
	struct api_call *c = &b->call;
	struct idl_task *task = fld_tx_edit(tx, IDL_CLASS_TASK, &c->task);

	if (task == NULL || !task_is_pending(task))
		return WRQ_ABORT; /* gone, or ended by its owner */
	if (task_is_marked(task, IDL_TASK_ALLOWED_OPERATIONS_DESTROY)) {
		fld_tx_delete(tx, IDL_CLASS_TASK, &c->task);
		return WRQ_COMMIT;
	}
	task->allowed_operations = &idl_set_none;
	task->finished = c->env->wall_s(c->env->ctx);
	task->progress = 1.0;
	if (c->err == ERR_NONE) {
		task->result = b->text;
		task->status = IDL_TASK_STATUS_TYPE_SUCCESS;
	} else if (!fail(task, &c->why, fld_tx_arena(tx))) {
		task->error_info = &idl_set_none; /* better than no end */
	}
	return WRQ_COMMIT;
}

static void
end_done(struct wrq_job *job)
{
	struct background *b =
	    (struct background *)(void *)((char *)job -
					  offsetof(struct background, end));

	api_call_fini(&b->call);
	free(b);
}

static void
end_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* out of memory: the task stays pending until it is old */
	end_done(job);
}

/* ended - the background call has: any thread */
static void
ended(struct api_call *c)
{
	struct background *b = (struct background *)(void *)c;

	b->end.run = end_run;
	b->end.done = end_done;
	b->end.failed = end_failed;
	wrq_push(c->env->writer, &b->end);
}

/* copy_args - the arguments into the arena of another call */
static bool
copy_args(const struct api_call *from, struct api_call *to)
{
	const struct idl_msg *m = from->msg;
	char *args = arena_alloc(&to->arena, m->args_bytes + 1u);

	if (args == NULL)
		return false;
	for (int i = 0; i < m->nparams; i++) {
		const struct idl_param *p = &m->params[i];

		if (!idl_copy(p->type, (const char *)from->args + p->offset,
			args + p->offset, &to->arena))
			return false;
	}
	to->args = args;
	return true;
}

/* dup - a text in the arena of another call; NULL: it is full */
static const char *
dup(struct api_call *to, const char *text)
{
	return arena_strndup(&to->arena, text, strlen(text));
}

/* copy_call - what the background call has of the one that came */
static bool
copy_call(const struct api_call *from, struct api_call *to)
{
	to->origin = from->origin;
	to->msg = from->msg;
	to->session_ref = from->session_ref;
	to->received = from->received;
	to->role = from->role;
	to->is_background = true;
	to->done = ended;
	if (from->bad.code != ERR_NONE)
		err_copy(&to->bad, &from->bad);
	to->method = dup(to, from->method);
	to->session_text = dup(to, from->session_text);
	if (from->session != NULL)
		to->user = dup(to, from->session->auth_user_name);
	to->result =
	    arena_alloc(&to->arena, idl_native_bytes(from->msg->result) + 1);
	return to->method != NULL && to->session_text != NULL &&
	       to->user != NULL && to->result != NULL && copy_args(from, to) &&
	       copy_notes(from->notes, &to->notes, &to->arena);
}

/* make - the stage that answers: the task is there */
static enum err
make(struct api_call *c, void *result, struct failure *why)
{
	struct api_call *next = c->next_call;
	struct idl_task *task;

	if (!task_make_room(c->env, c->tx))
		return err_fail(why, ERR_TOO_MANY_PENDING_TASKS, "");
	task = api_task_new(c->env, c->tx, &next->task, next->method,
	    &c->session_ref, next->user);
	if (task == NULL)
		return err_internal(why, "out of memory");
	if (next->notes != NULL)
		task->other_config = next->notes;
	memcpy(result, &next->task, sizeof(next->task));
	return ERR_NONE;
}

enum err
api_task_async(struct api_call *c, struct failure *why)
{
	struct background *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_internal(why, "out of memory");
	api_call_init(&b->call, c->env, c->arena.limit_bytes);
	c->next_call = &b->call;
	if (!copy_call(c, &b->call)) {
		api_task_forget(c);
		return err_internal(why, "out of memory");
	}
	b->text = "";
	b->call.task = api_new_ref(c->env);
	c->msg = api_msg_find("task.create", strlen("task.create"));
	c->stage = make;
	return ERR_NONE;
}

void
api_task_begin(struct api_call *c)
{
	struct api_call *next = c->next_call;

	c->next_call = NULL;
	if (next->msg->run != IDL_RUN_WORK)
		api_call_push(next); /* reads as well: they have a view there */
	else if (!next->env->work(next->env->ctx, next))
		api_call_finish(
		    next, err_fail(&next->why, ERR_TOO_MANY_PENDING_TASKS, ""));
}

void
api_task_forget(struct api_call *c)
{
	if (c->next_call == NULL)
		return;
	api_call_fini(c->next_call);
	free(c->next_call);
	c->next_call = NULL;
}

enum err
api_task_keep(struct api_call *c, struct failure *why)
{
	struct background *b = (struct background *)(void *)c;

	if (c->env->result_text == NULL)
		return ERR_NONE;
	b->text = c->env->result_text(
	    c->env->ctx, &c->arena, c->msg->result, c->result);
	if (b->text != NULL)
		return ERR_NONE;
	b->text = "";
	return err_internal(why, "the result is too long for a task");
}

/* ---- calls that wait ---- */

static void
free_shown(struct task_shown *s)
{
	arena_fini(&s->arena);
	free(s);
}

static enum wrq_verdict
show_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct task_shown *s = (struct task_shown *)(void *)job;
	struct idl_task *task = fld_tx_edit(tx, IDL_CLASS_TASK, &s->task);

	bool is_new = task == NULL && !s->is_kept;

	if (is_new)
		task = api_task_new(
		    s->env, tx, &s->task, s->method, &s->session, s->user);
	else if (!s->is_kept)
		return WRQ_ABORT; /* the wait is over, and it holds a VM */
	if (task == NULL)
		return WRQ_ABORT; /* it waits all the same */
	if (is_new && s->notes != NULL)
		task->other_config = s->notes;
	task->allowed_operations = &cancellable;
	return WRQ_COMMIT;
}

static void
show_done(struct wrq_job *job)
{
	(void)job; /* hide comes after it, and frees */
}

static void
show_failed(struct wrq_job *job, const struct failure *why)
{
	(void)job;
	(void)why; /* it waits all the same */
}

static enum wrq_verdict
hide_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct task_shown *s =
	    (struct task_shown *)(void *)((char *)job -
					  offsetof(struct task_shown, hide));

	if (s->is_kept)
		return WRQ_ABORT;
	fld_tx_delete(tx, IDL_CLASS_TASK, &s->task);
	return WRQ_COMMIT;
}

/* hide_done - the task has gone: nothing is left of it, the call may end */
static void
hide_done(struct wrq_job *job)
{
	struct task_shown *s =
	    (struct task_shown *)(void *)((char *)job -
					  offsetof(struct task_shown, hide));
	struct api_call *c = s->call;

	free_shown(s);
	api_call_finish(c, c->err);
}

static void
hide_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* out of memory: it goes when it is old */
	hide_done(job);
}

/* show - have the task made; without memory nobody sees the wait */
static void
show(struct api_call *c)
{
	struct task_shown *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return;
	arena_init(&s->arena, c->arena.limit_bytes);
	s->method = arena_strndup(&s->arena, c->method, strlen(c->method));
	s->user = arena_strndup(&s->arena, c->user, strlen(c->user));
	s->hide.run = hide_run;
	s->hide.done = hide_done;
	s->hide.failed = hide_failed;
	if (s->method == NULL || s->user == NULL ||
	    !copy_notes(c->notes, &s->notes, &s->arena)) {
		free_shown(s);
		return;
	}
	s->show.run = show_run;
	s->show.done = show_done;
	s->show.failed = show_failed;
	s->env = c->env;
	s->task = c->task;
	s->session = c->session_ref;
	s->is_kept = c->is_background;
	c->shown = s;
	wrq_push(c->env->writer, &s->show);
}

bool
api_task_is_cancelled(const struct api_call *c)
{
	const struct idl_task *task =
	    fld_get(c->view, IDL_CLASS_TASK, &c->task);

	return task != NULL &&
	       task_is_marked(task, IDL_TASK_ALLOWED_OPERATIONS_CANCEL);
}

bool
api_task_wait(struct api_call *c, struct failure *why)
{
	if (idl_ref_is_null(&c->task))
		c->task = api_new_ref(c->env);
	if (api_task_is_cancelled(c)) {
		(void)err_fail(why, ERR_TASK_CANCELLED, "r", &c->task);
		return false;
	}
	c->job.wait[WRQ_WAITS - 1] = c->task;
	if (c->shown == NULL)
		show(c);
	return true;
}

bool
api_task_hide(struct api_call *c, enum err rc)
{
	struct task_shown *s = c->shown;

	if (s == NULL)
		return false;
	c->shown = NULL;
	c->err = rc;
	s->call = c;
	wrq_push(c->env->writer, &s->hide);
	return true;
}

static enum wrq_verdict
progress_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct progress *p = (struct progress *)(void *)job;
	struct idl_task *task = fld_tx_edit(tx, IDL_CLASS_TASK, &p->task);

	if (task == NULL || !task_is_pending(task))
		return WRQ_ABORT;
	task->progress = p->value;
	return WRQ_COMMIT;
}

static void
progress_done(struct wrq_job *job)
{
	free(job);
}

static void
progress_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* the next one says more */
	free(job);
}

void
api_task_progress(struct api_call *c, double progress)
{
	struct progress *p;

	if (c->shown == NULL)
		return;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return; /* the next one says more */
	p->job.run = progress_run;
	p->job.done = progress_done;
	p->job.failed = progress_failed;
	p->task = c->task;
	p->value = progress;
	wrq_push(c->env->writer, &p->job);
}
