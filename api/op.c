/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * op - may this VM do that now?  And the locks of operations under way
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/api.h"
#include "api/op.h"
#include "api/task.h"

/* Room for "{op1,op2,...}" and as many tasks. */
#define LIST_BYTES 400

/* Operations that may run beside each other (spec B.2 number 3). */
static const struct compatible {
	int now;  /* under way */
	int next; /* may start meanwhile */
} compatible[] = {
    {IDL_OP_CLONE, IDL_OP_CLONE},
    {IDL_OP_CLONE, IDL_OP_COPY},
    {IDL_OP_CLONE, IDL_OP_EXPORT},
    {IDL_OP_COPY, IDL_OP_CLONE},
    {IDL_OP_COPY, IDL_OP_COPY},
    {IDL_OP_COPY, IDL_OP_EXPORT},
    {IDL_OP_EXPORT, IDL_OP_CLONE},
    {IDL_OP_EXPORT, IDL_OP_COPY},
    {IDL_OP_EXPORT, IDL_OP_EXPORT},
    {IDL_OP_SNAPSHOT, IDL_OP_SNAPSHOT},
    {IDL_OP_SNAPSHOT, IDL_OP_CHECKPOINT},
    {IDL_OP_CHECKPOINT, IDL_OP_SNAPSHOT},
    {IDL_OP_CHECKPOINT, IDL_OP_CHECKPOINT},
    {IDL_OP_SNAPSHOT_WITH_QUIESCE, IDL_OP_SNAPSHOT},
    {IDL_OP_GET_BOOT_RECORD, IDL_OP_GET_BOOT_RECORD},
    {IDL_OP_MIGRATE_SEND, IDL_OP_METADATA_EXPORT},
    {IDL_OP_MIGRATE_SEND, IDL_OP_CLEAN_SHUTDOWN},
    {IDL_OP_MIGRATE_SEND, IDL_OP_CLEAN_REBOOT},
};

/* is_compatible - may next start while now is under way? */
static bool
is_compatible(int now, int next)
{
	if (next == IDL_OP_HARD_SHUTDOWN)
		return now != IDL_OP_HARD_SHUTDOWN;
	if (next == IDL_OP_HARD_REBOOT)
		return now != IDL_OP_HARD_SHUTDOWN && now != IDL_OP_HARD_REBOOT;
	for (size_t i = 0; i < sizeof(compatible) / sizeof(*compatible); i++)
		if (compatible[i].now == now && compatible[i].next == next)
			return true;
	return false;
}

/* A text that grows up to its room and then stays as it is. */
struct list {
	char text[LIST_BYTES];
	size_t n;
};

/* list_add - one more piece, when there is room for it whole */
static void
list_add(struct list *l, const char *piece)
{
	size_t n = strlen(piece);

	if (n >= sizeof(l->text) - l->n)
		return;
	memcpy(l->text + l->n, piece, n + 1);
	l->n += n;
}

/* refuse_conflict - the failure that names what is under way */
static enum err
refuse_conflict(const struct idl_vm *vm, struct failure *why)
{
	const struct idl_map *m = vm->current_operations;
	const struct idl_ref *tasks = m->keys;
	const int32_t *ops = m->values;
	struct list names = {.n = 0}, refs = {.n = 0};
	char text[IDL_REF_TEXT];

	if (why == NULL)
		return ERR_OTHER_OPERATION_IN_PROGRESS;
	for (uint32_t i = 0; i < m->n; i++) {
		const char *lead = i > 0 ? "," : m->n > 1 ? "{" : "";

		idl_ref_write(&tasks[i], text);
		list_add(&names, lead);
		list_add(&names, idl_operations[ops[i]].printed);
		list_add(&refs, lead);
		list_add(&refs, text);
	}
	list_add(&names, m->n > 1 ? "}" : "");
	list_add(&refs, m->n > 1 ? "}" : "");
	return err_fail(why, ERR_OTHER_OPERATION_IN_PROGRESS, "srss", "VM",
	    &vm->h.ref, names.text, refs.text);
}

/* check_blocked - has somebody forbidden the operation on this VM? */
static enum err
check_blocked(const struct idl_vm *vm, int operation, struct failure *why)
{
	const struct idl_map *m = vm->blocked_operations;
	const int32_t *ops = m->keys;
	const char *const *codes = m->values;

	for (uint32_t i = 0; i < m->n; i++)
		if (ops[i] == operation)
			return err_fail(why, ERR_OPERATION_BLOCKED, "rs",
			    &vm->h.ref, codes[i]);
	return ERR_NONE;
}

const char *
api_op_state(const struct idl_vm *vm)
{
	static const char *const lower[] = {
	    [IDL_VM_POWER_STATE_HALTED] = "halted",
	    [IDL_VM_POWER_STATE_PAUSED] = "paused",
	    [IDL_VM_POWER_STATE_RUNNING] = "running",
	    [IDL_VM_POWER_STATE_SUSPENDED] = "suspended",
	};

	return lower[vm->power_state];
}

enum err
api_op_bad_state(
    const struct idl_vm *vm, const char *expected, struct failure *why)
{
	return err_fail(why, ERR_VM_BAD_POWER_STATE, "rss", &vm->h.ref,
	    expected, api_op_state(vm));
}

/* check_state - is the power state one of the row's? */
static enum err
check_state(
    const struct idl_vm *vm, const struct idl_operation *o, struct failure *why)
{
	uint32_t states = o->states;
	const char *expected = o->expected;

	if (vm->is_control_domain) {
		states |= o->control_states;
		expected = o->control_expected;
	}
	if (states & (1u << vm->power_state))
		return ERR_NONE;
	return api_op_bad_state(vm, expected, why);
}

/* check_conflict - is everything under way compatible? */
static enum err
check_conflict(const struct idl_vm *vm, int operation, struct failure *why)
{
	const struct idl_map *m = vm->current_operations;
	const int32_t *ops = m->values;

	for (uint32_t i = 0; i < m->n; i++)
		if (!is_compatible(ops[i], operation))
			return refuse_conflict(vm, why);
	return ERR_NONE;
}

/* check_kind - templates and snapshots do little */
static enum err
check_kind(const struct idl_vm *vm, int operation,
    const struct idl_operation *o, struct failure *why)
{
	bool keep =
	    vm->is_default_template &&
	    (operation == IDL_OP_DESTROY || operation == IDL_OP_MIGRATE_SEND);

	if (vm->is_a_snapshot)
		return o->flags & IDL_O_SNAPSHOT
			   ? ERR_NONE
			   : err_fail(why, ERR_VM_IS_SNAPSHOT, "rs", &vm->h.ref,
				 o->printed);
	if (vm->is_a_template && (keep || !(o->flags & IDL_O_TEMPLATE)))
		return err_fail(
		    why, ERR_VM_IS_TEMPLATE, "rs", &vm->h.ref, o->printed);
	return ERR_NONE;
}

/* check_nested - what nested virtualisation and nomigrate forbid */
static enum err
check_nested(const struct fld_view *v, const struct idl_vm *vm, int operation,
    struct failure *why)
{
	const struct idl_vm_metrics *metrics;

	switch (operation) {
	case IDL_OP_SUSPEND:
	case IDL_OP_CHECKPOINT:
	case IDL_OP_POOL_MIGRATE:
	case IDL_OP_MIGRATE_SEND:
		metrics = fld_get(v, IDL_CLASS_VM_METRICS, &vm->metrics);
		if (mem_is_nested(v, vm) == MEM_NESTED ||
		    (metrics != NULL && metrics->nomigrate))
			return err_fail(
			    why, ERR_VM_IS_IMMOBILE, "r", &vm->h.ref);
		return ERR_NONE;
	case IDL_OP_CHANGING_DYNAMIC_RANGE:
		if (mem_is_nested(v, vm) == MEM_NESTED)
			return err_fail(
			    why, ERR_VM_IS_USING_NESTED_VIRT, "r", &vm->h.ref);
		return ERR_NONE;
	default:
		return ERR_NONE;
	}
}

bool
api_op_is_dom0(const struct fld_view *v, const struct idl_vm *vm)
{
	const struct idl_host *host;

	if (!vm->is_control_domain)
		return false;
	host = fld_get(v, IDL_CLASS_HOST, &vm->resident_on);
	return host != NULL && idl_ref_equal(&host->control_domain, &vm->h.ref);
}

/* check_control - control domains are not ordinary VMs */
static enum err
check_control(const struct fld_view *v, const struct idl_vm *vm, int operation,
    const struct idl_operation *o, struct failure *why)
{
	if (!vm->is_control_domain)
		return ERR_NONE;
	if ((operation == IDL_OP_CHANGING_VCPUS ||
		operation == IDL_OP_DESTROY) &&
	    api_op_is_dom0(v, vm))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "This operation is not allowed on dom0");
	if (!(o->flags & IDL_O_CONTROL))
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "This operation is not allowed on a control domain");
	return ERR_NONE;
}

enum err
api_op_check(const struct fld_view *v, const struct idl_vm *vm, int operation,
    struct failure *why)
{
	const struct idl_operation *o = &idl_operations[operation];
	enum err rc;

	rc = check_blocked(vm, operation, why);
	if (rc != ERR_NONE)
		return rc;
	rc = check_state(vm, o, why);
	if (rc != ERR_NONE)
		return rc;
	rc = check_conflict(vm, operation, why);
	if (rc != ERR_NONE)
		return rc;
	rc = check_kind(vm, operation, o, why);
	if (rc != ERR_NONE)
		return rc;
	rc = check_nested(v, vm, operation, why);
	if (rc != ERR_NONE)
		return rc;
	return check_control(v, vm, operation, o, why);
}

bool
api_op_is_of(uint32_t world, int operation)
{
	return (world & HV_W_BUILDS) != 0 || operation < 0 ||
	       (idl_operations[operation].flags & IDL_O_BUILDER) == 0;
}

const struct idl_set *
api_op_allowed(uint32_t world, const struct fld_view *v,
    const struct idl_vm *vm, struct arena *a)
{
	struct idl_set *set = arena_alloc(a, sizeof(*set));
	int32_t *items =
	    arena_alloc(a, (size_t)idl_noperations * sizeof(*items));

	if (set == NULL || items == NULL)
		return NULL;
	set->items = items;
	for (int i = 0; i < idl_noperations; i++)
		if ((idl_operations[i].flags & IDL_O_LISTED) &&
		    api_op_is_of(world, i) &&
		    api_op_check(v, vm, i, NULL) == ERR_NONE)
			items[set->n++] = i;
	return set;
}

/* ---- entering, holding, releasing ---- */

void
api_op_leave(struct api_call *c)
{
	if (!c->op_waiting)
		return;
	c->op_waiting = false;
	c->env->op_waiters--;
	/* Whatever the handler waits for has a time of its own. */
	c->deadline_ms = 0;
	c->job.expired = false;
}

enum err
api_op_enter(struct api_call *c, struct failure *why)
{
	const struct idl_vm *vm = c->self;
	enum err rc;

	if (c->deadline_ms != 0 && !c->op_waiting)
		return ERR_NONE; /* entered before, and parked by itself */
	rc = api_op_check(c->view, vm, c->msg->operation, why);
	if (rc != ERR_OTHER_OPERATION_IN_PROGRESS) {
		api_op_leave(c);
		return rc;
	}
	if (!c->op_waiting && c->env->op_waiters >= API_OP_WAITERS_MAX)
		return err_fail(why, ERR_TOO_MANY_PENDING_TASKS, "");
	if (!api_park(c, &vm->h.ref, NULL, c->env->lock_wait_ms)) {
		api_op_leave(c);
		return rc;
	}
	if (!c->op_waiting)
		c->env->op_waiters++;
	c->op_waiting = true;
	return ERR_NONE;
}

/* make_task - the record that current_operations names */
static enum err
make_task(struct api_call *c, struct failure *why)
{
	struct idl_task *task;

	if (idl_ref_is_null(&c->task))
		c->task = api_new_ref(c->env);
	task = fld_tx_edit(c->tx, IDL_CLASS_TASK, &c->task);
	if (task != NULL) {
		/* It may have waited before; now nobody looks. */
		task->allowed_operations = &idl_set_none;
		return ERR_NONE;
	}
	if (api_task_new(c->env, c->tx, &c->task, c->method, &c->session_ref,
		c->user) == NULL)
		return err_internal(why, "out of memory");
	return ERR_NONE;
}

/* without - the map of operations less one task, with room for one more */
static struct idl_map *
without(const struct idl_map *m, const struct idl_ref *task, struct arena *a)
{
	struct idl_map *to = arena_alloc(a, sizeof(*to));
	struct idl_ref *keys = arena_alloc(a, (m->n + 1) * sizeof(*keys));
	int32_t *values = arena_alloc(a, (m->n + 1) * sizeof(*values));

	if (to == NULL || keys == NULL || values == NULL)
		return NULL;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct idl_ref *key =
		    &((const struct idl_ref *)m->keys)[i];

		if (idl_ref_equal(key, task))
			continue;
		keys[to->n] = *key;
		values[to->n++] = ((const int32_t *)m->values)[i];
	}
	to->keys = keys;
	to->values = values;
	return to;
}

enum err
api_op_hold(struct api_call *c, struct failure *why)
{
	struct idl_vm *vm;
	struct idl_map *m;
	enum err rc;

	c->op_vm = ((const struct idl_hdr *)c->self)->ref;
	rc = make_task(c, why);
	if (rc != ERR_NONE)
		return rc;
	vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
	if (vm == NULL)
		return err_internal(why, "out of memory");
	m = without(vm->current_operations, &c->task, &c->arena);
	if (m == NULL)
		return err_internal(why, "out of memory");
	memcpy((char *)(uintptr_t)m->keys + m->n * sizeof(c->task), &c->task,
	    sizeof(c->task));
	memcpy((char *)(uintptr_t)m->values + m->n * sizeof(int32_t),
	    &(int32_t){c->msg->operation}, sizeof(int32_t));
	m->n++;
	vm->current_operations = m;
	return ERR_NONE;
}

bool
api_op_release(struct api_call *c)
{
	struct idl_vm *vm;
	const struct idl_map *m;

	if (!c->is_background) /* Async: written when all is done */
		fld_tx_delete(c->tx, IDL_CLASS_TASK, &c->task);
	if (fld_get(c->view, IDL_CLASS_VM, &c->op_vm) == NULL)
		return true; /* destroyed meanwhile */
	vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &c->op_vm);
	if (vm == NULL)
		return false;
	m = &idl_map_none; /* needs no memory */
	if (vm->current_operations->n > 1)
		m = without(
		    vm->current_operations, &c->task, fld_tx_arena(c->tx));
	if (m == NULL)
		return false;
	vm->current_operations = m;
	return true;
}

/* is_changed - does a field differ that clients can give a value? */
static bool
is_changed(const struct idl_vm *was, const struct idl_vm *now)
{
	const struct idl_class *k = idl_classes[IDL_CLASS_VM];

	for (int i = 0; i < k->nfields; i++) {
		const struct idl_field *f = &k->fields[i];

		if (f->qualifier != IDL_DRO &&
		    !idl_equal(f->type, (const char *)was + f->offset,
			(const char *)now + f->offset))
			return true;
	}
	return false;
}

enum err
api_op_keep(struct api_call *c, struct failure *why)
{
	const struct idl_vm *was = c->self, *now;
	bool is_live_change =
	    c->has_command && (c->command.verb == HV_SET_SHADOW ||
				  c->command.verb == HV_SET_VCPUS);
	struct idl_vm *vm;

	if (was == NULL || was->h.cls != IDL_CLASS_VM || !was->discovered)
		return ERR_NONE;
	now = fld_get(c->view, IDL_CLASS_VM, &was->h.ref);
	if (now == NULL || (!is_live_change && !is_changed(was, now)))
		return ERR_NONE;
	vm = fld_tx_edit(c->tx, IDL_CLASS_VM, &was->h.ref);
	if (vm == NULL)
		return err_internal(why, "out of memory");
	vm->discovered = false;
	return ERR_NONE;
}
