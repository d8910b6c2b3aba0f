/* SPDX-License-Identifier: BSD-2-Clause */

/* task_msg - the messages of class task */

/* System */
#include <stdio.h>
#include <string.h>

/* Api */
#include "api/task_priv.h"
#include "api_handlers.h"

/* is_own - was the task made by the caller? */
static bool
is_own(const struct api_call *c, const struct idl_task *t)
{
	if (idl_ref_equal(&t->session, &c->session_ref))
		return true;
	return c->user[0] != '\0' && strcmp(t->user, c->user) == 0;
}

/* check_owner - one's own task, or the role for anybody's */
static enum err
check_owner(const struct api_call *c, struct failure *why)
{
	char text[100];

	if (c->role <= IDL_ROLE_POOL_OPERATOR || is_own(c, c->self))
		return ERR_NONE;
	(void)snprintf(text, sizeof(text), "%s/any", c->msg->name);
	return err_fail(why, ERR_RBAC_PERMISSION_DENIED, "ss", text,
	    "Roles that may: pool-admin, pool-operator");
}

/* edit - the task itself, if the caller may change it */
static enum err
edit(struct api_call *c, struct idl_task **task_out, struct failure *why)
{
	enum err rc = check_owner(c, why);

	if (rc != ERR_NONE)
		return rc;
	*task_out = fld_tx_edit(
	    c->tx, IDL_CLASS_TASK, &((const struct idl_hdr *)c->self)->ref);
	return *task_out != NULL ? ERR_NONE
				 : err_internal(why, "out of memory");
}

/* mark - note in current_operations what is wanted of a task */
static enum err
mark(struct api_call *c, struct idl_task *task, int32_t operation,
    struct failure *why)
{
	const struct idl_map *was = task->current_operations;
	struct idl_map *m = arena_alloc(&c->arena, sizeof(*m));
	struct idl_ref *keys =
	    arena_alloc(&c->arena, (was->n + 1) * sizeof(*keys));
	int32_t *values =
	    arena_alloc(&c->arena, (was->n + 1) * sizeof(*values));

	if (task_is_marked(task, operation))
		return ERR_NONE;
	if (m == NULL || keys == NULL || values == NULL)
		return err_internal(why, "out of memory");
	if (was->n > 0) {
		memcpy(keys, was->keys, was->n * sizeof(*keys));
		memcpy(values, was->values, was->n * sizeof(*values));
	}
	keys[was->n] = c->is_background ? c->task : api_new_ref(c->env);
	values[was->n] = operation;
	m->n = was->n + 1;
	m->keys = keys;
	m->values = values;
	task->current_operations = m;
	return ERR_NONE;
}

enum err
api_task_create(struct api_call *c, const struct idl_task_create_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	struct idl_ref ref = api_new_ref(c->env);
	struct idl_task *task;

	if (!task_make_room(c->env, c->tx))
		return err_fail(why, ERR_TOO_MANY_PENDING_TASKS, "");
	task = api_task_new(
	    c->env, c->tx, &ref, a->label, &c->session_ref, c->user);
	if (task == NULL)
		return err_internal(why, "out of memory");
	task->name_description = a->description;
	*result_out = ref;
	return ERR_NONE;
}

enum err
api_task_destroy(struct api_call *c, const struct idl_task_destroy_args *a,
    struct failure *why)
{
	struct idl_task *task;
	enum err rc = edit(c, &task, why);

	if (rc != ERR_NONE)
		return rc;
	if (task_is_pending(task))
		return mark(c, task, IDL_TASK_ALLOWED_OPERATIONS_DESTROY, why);
	fld_tx_delete(c->tx, IDL_CLASS_TASK, &a->self);
	return ERR_NONE;
}

enum err
api_task_cancel(struct api_call *c, const struct idl_task_cancel_args *a,
    struct failure *why)
{
	struct idl_task *task;
	enum err rc = edit(c, &task, why);

	(void)a; /* c->self is its record */
	if (rc != ERR_NONE || !task_is_pending(task))
		return rc;
	return mark(c, task, IDL_TASK_ALLOWED_OPERATIONS_CANCEL, why);
}

enum err
api_task_set_status(struct api_call *c,
    const struct idl_task_set_status_args *a, struct failure *why)
{
	struct idl_task *task;
	enum err rc = edit(c, &task, why);

	if (rc != ERR_NONE || !task_is_pending(task))
		return rc; /* only a pending task changes state */
	task->status = a->value;
	if (task_is_pending(task))
		return ERR_NONE;
	task->finished = c->env->wall_s(c->env->ctx);
	task->allowed_operations = &idl_set_none;
	if (task_is_marked(task, IDL_TASK_ALLOWED_OPERATIONS_DESTROY))
		fld_tx_delete(c->tx, IDL_CLASS_TASK, &a->self);
	return ERR_NONE;
}

enum err
api_task_set_progress(struct api_call *c,
    const struct idl_task_set_progress_args *a, struct failure *why)
{
	char text[40];
	struct idl_task *task;
	enum err rc = edit(c, &task, why);

	if (rc != ERR_NONE)
		return rc;
	if (!(a->value >= 0.0 && a->value <= 1.0)) {
		(void)snprintf(text, sizeof(text), "%.16g", a->value);
		return err_fail(why, ERR_INVALID_VALUE, "ss", "progress", text);
	}
	task->progress = a->value;
	return ERR_NONE;
}

enum err
api_task_set_result(struct api_call *c,
    const struct idl_task_set_result_args *a, struct failure *why)
{
	struct idl_task *task;
	enum err rc = edit(c, &task, why);

	if (rc == ERR_NONE)
		task->result = a->value;
	return rc;
}

enum err
api_task_set_error_info(struct api_call *c,
    const struct idl_task_set_error_info_args *a, struct failure *why)
{
	struct idl_task *task;
	enum err rc = edit(c, &task, why);

	if (rc == ERR_NONE)
		task->error_info = a->value;
	return rc;
}
