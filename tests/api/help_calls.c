/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * help_calls - any message with any arguments, and what must hold after it
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "api/op.h"
#include "tests/api/help_calls.h"

#define MIB 1048576LL
#define VMS_MANY 40 /* no more are made */
#define MEMBERS 3   /* of a random set or map, at most */

/* ---- which message ---- */

/* What is called nine times in ten. */
static const char *const lively[] = {
    "VM.create",
    "VM.create",
    "VM.clone",
    "VM.destroy",
    "VM.start",
    "VM.start",
    "VM.start",
    "VM.start_on",
    "VM.start_on",
    "VM.pause",
    "VM.unpause",
    "VM.clean_shutdown",
    "VM.clean_shutdown",
    "VM.hard_shutdown",
    "VM.hard_shutdown",
    "VM.clean_reboot",
    "VM.hard_reboot",
    "VM.suspend",
    "VM.suspend",
    "VM.resume",
    "VM.resume_on",
    "VM.pool_migrate",
    "VM.pool_migrate",
    "VM.set_memory",
    "VM.set_memory_limits",
    "VM.set_memory_static_range",
    "VM.set_memory_static_max",
    "VM.set_memory_static_min",
    "VM.set_memory_dynamic_range",
    "VM.set_memory_dynamic_range",
    "VM.set_memory_dynamic_range",
    "VM.set_memory_dynamic_max",
    "VM.set_memory_dynamic_min",
    "VM.set_memory_dynamic_min",
    "VM.set_memory_target_live",
    "VM.wait_memory_target_live",
    "VM.set_HVM_shadow_multiplier",
    "VM.set_shadow_multiplier_live",
    "VM.set_shadow_multiplier_live",
    "VM.set_VCPUs_max",
    "VM.set_VCPUs_at_startup",
    "VM.set_VCPUs_number_live",
    "VM.set_is_a_template",
    "VM.assert_can_boot_here",
    "VM.get_possible_hosts",
    "VM.maximise_memory",
    "VM.compute_memory_overhead",
    "VM.get_cooperative",
    "VM.get_record",
    "VM.get_all_records",
    "host.get_resident_VMs",
    "host.compute_free_memory",
    "memory_reservation.create",
    "memory_reservation.create",
    "memory_reservation.create_for_VM",
    "memory_reservation.create_for_VM",
    "memory_reservation.create_for_VM",
    "memory_reservation.create_for_VM",
    "memory_reservation.transfer",
    "memory_reservation.transfer",
    "memory_reservation.destroy",
    "memory_reservation.destroy",
    "memory_reservation.reset_owner",
};

/*
 * is_callable - by a caller without session and worker pool?
 *
 * Tasks of calls under way are left alone: a law is about them.
 */
static bool
is_callable(const struct idl_msg *m)
{
	if (strcmp(m->name, "task.set_status") == 0 ||
	    strcmp(m->name, "task.destroy") == 0)
		return false;
	return m->run != IDL_RUN_WORK && m->cls >= 0;
}

/* is_growing - does the message make one VM more? */
static bool
is_growing(const struct idl_msg *m)
{
	return strcmp(m->name, "VM.create") == 0 ||
	       strcmp(m->name, "VM.clone") == 0;
}

const struct idl_msg *
calls_pick(struct help_random *r, const struct fld_view *v)
{
	const struct idl_msg *m;

	for (;;) {
		const char *name = lively[help_random_below(
		    r, sizeof(lively) / sizeof(*lively))];

		m = help_random_below(r, 10) != 0
			? api_msg_find(name, strlen(name))
			: api_msgs[help_random_below(r, (uint64_t)api_nmsgs)];
		if (m == NULL || !is_callable(m))
			continue;
		if (is_growing(m) && fld_count(v, IDL_CLASS_VM) > VMS_MANY)
			continue;
		return m;
	}
}

bool
calls_prepare(struct api_call *c, struct api_env *env, const struct idl_msg *m)
{
	api_call_init(c, env, CALLS_ARENA_BYTES);
	c->origin = API_INTERNAL;
	c->method = m->name;
	c->msg = m;
	c->received = (unsigned)m->nparams + 1;
	c->args = arena_alloc(&c->arena, m->args_bytes + 1u);
	return c->args != NULL;
}

/* ---- random values by type ---- */

/* Where values come from and where they go. */
struct maker {
	struct help_random *r;
	const struct fld_view *v;
	const struct idl_msg *msg;
	struct arena *a;
};

static bool make(const struct maker *k, const struct idl_type *t,
    const char *name, void *to);

/* one_in - true once in n times */
static bool
one_in(const struct maker *k, uint64_t n)
{
	return help_random_below(k->r, n) == 0;
}

/* bytes - an amount of memory: mostly one that could be */
static int64_t
bytes(const struct maker *k)
{
	switch (help_random_below(k->r, 16)) {
	case 0:
		return -help_random_bytes(k->r);
	case 1:
		return INT64_MAX - (int64_t)help_random_below(k->r, 3);
	case 2:
		return help_random_bytes(k->r);
	case 3:
		return INT64_MIN;
	case 4:
		return (int64_t)help_random_below(k->r, 4ull << 30);
	default:
		return MIB * 64 * (int64_t)help_random_below(k->r, 48);
	}
}

/* number - any other integer: mostly a small one */
static int64_t
number(const struct maker *k)
{
	if (one_in(k, 12))
		return one_in(k, 2) ? bytes(k) : -1;
	return 1 + (int64_t)help_random_below(k->r, 8);
}

static double
fraction(const struct maker *k)
{
	static const double odd[] = {
	    0, -1, 0.999999, 1000, 1000.001, 1e300, -1e300, 5e-324};

	if (one_in(k, 6))
		return odd[help_random_below(k->r, sizeof(odd) / sizeof(*odd))];
	return 1 + (double)help_random_below(k->r, 900) / 100;
}

/* text - by the name of what it is for, where that matters */
static const char *
text(const struct maker *k, const char *name)
{
	static const char *const any[] = {"", "a", "true", "1", "nested-virt",
	    "sim", "vcpu-unrestricted", "Gerät-π", "<x/>", "OpaqueRef:NULL",
	    "weight", "a much longer text than all the others, for all that"};
	static const char *const manners[] = {"", "boot_ms=30",
	    "rate_kib_s=4000000", "limit_kib=300000", "stuck", "no_balloon",
	    "stuck_ms=20/50", "vanish_ms=400", "shutdown_ms=30", "deaf",
	    "shutdown_ms=9000", "nonsense"};

	if (strcmp(name, "sim") == 0)
		return manners[help_random_below(
		    k->r, sizeof(manners) / sizeof(*manners))];
	if (strcmp(name, "HVM_boot_policy") == 0)
		return "BIOS order";
	return any[help_random_below(k->r, sizeof(any) / sizeof(*any))];
}

/* is_unadmitted - a message that a control domain obeys without admission */
static bool
is_unadmitted(const struct idl_msg *m)
{
	return m->operation == IDL_OP_CHANGING_MEMORY_LIMITS ||
	       m->operation == IDL_OP_CHANGING_STATIC_RANGE ||
	       m->operation == IDL_OP_CHANGING_VCPUS;
}

/* at_or_after - a record from a random place on; NULL: the class is empty */
static const void *
at_or_after(const struct maker *k, int cls)
{
	struct idl_ref at = {help_random_next(k->r), help_random_next(k->r)};
	const void *rec = fld_next(k->v, cls, &at);

	return rec != NULL ? rec : fld_next(k->v, cls, NULL);
}

/* a_vm - mostly one that the message could be about; NULL: none */
static const struct idl_vm *
a_vm(const struct maker *k)
{
	const struct idl_vm *vm = NULL;
	int op = k->msg->operation;

	for (uint64_t i = help_random_below(k->r, 8); i < 8; i++) {
		vm = at_or_after(k, IDL_CLASS_VM);
		if (vm == NULL || op < 0 ||
		    api_op_check(k->v, vm, op, NULL) == ERR_NONE)
			break;
	}
	if (vm != NULL && vm->is_control_domain &&
	    (is_unadmitted(k->msg) || one_in(k, 2)))
		return NULL;
	return vm;
}

/* ref - of a record of the class; now and then of none */
static struct idl_ref
ref(const struct maker *k, int cls)
{
	struct idl_ref at = {help_random_next(k->r), help_random_next(k->r)};
	const struct idl_hdr *h;
	const struct idl_vm *vm;

	if (cls < 0 || one_in(k, 30))
		return one_in(k, 2) ? (struct idl_ref){0, 0} : at;
	if (cls == IDL_CLASS_VM) {
		vm = a_vm(k);
		return vm != NULL ? vm->h.ref : at;
	}
	h = at_or_after(k, cls);
	return h != NULL ? h->ref : at;
}

/* set - up to MEMBERS values */
static const struct idl_set *
set(const struct maker *k, const struct idl_type *t)
{
	size_t step = idl_native_bytes(t->elem);
	struct idl_set *s = arena_alloc(k->a, sizeof(*s));
	char *items = arena_alloc(k->a, MEMBERS * step);

	if (s == NULL || items == NULL)
		return NULL;
	s->n = (uint32_t)help_random_below(k->r, MEMBERS + 1);
	s->items = items;
	for (uint32_t i = 0; i < s->n; i++)
		if (!make(k, t->elem, "", items + i * step))
			return NULL;
	return s;
}

/* key_text - the text of a map's key, when it is one */
static const char *
key_text(const struct idl_type *t, const void *key)
{
	const char *s = "";

	if (t->kind == IDL_STRING)
		memcpy(&s, key, sizeof(s));
	return s;
}

/* map - up to MEMBERS pairs; a key that was there is left out */
static const struct idl_map *
map(const struct maker *k, const struct idl_type *t)
{
	size_t kstep = idl_native_bytes(t->key);
	size_t vstep = idl_native_bytes(t->elem);
	struct idl_map *m = arena_alloc(k->a, sizeof(*m));
	char *keys = arena_alloc(k->a, MEMBERS * kstep);
	char *values = arena_alloc(k->a, MEMBERS * vstep);
	uint32_t n = (uint32_t)help_random_below(k->r, MEMBERS + 1), j;

	if (m == NULL || keys == NULL || values == NULL)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		char *key = keys + m->n * kstep;

		if (!make(k, t->key, "", key))
			return NULL;
		for (j = 0; j < m->n; j++)
			if (idl_equal(t->key, keys + j * kstep, key))
				break;
		if (j == m->n && !make(k, t->elem, key_text(t->key, key),
				     values + m->n++ * vstep))
			return NULL;
	}
	m->keys = keys;
	m->values = values;
	return m;
}

/* manner - other_config of a guest that is not like the others */
static const struct idl_map *
manner(const struct maker *k)
{
	static const char *const key[] = {"sim"};
	struct idl_map *m = arena_alloc(k->a, sizeof(*m));
	const char **value = arena_alloc(k->a, sizeof(*value));

	if (m == NULL || value == NULL)
		return &idl_map_none;
	*value = text(k, *key);
	m->n = 1;
	m->keys = key;
	m->values = value;
	return m;
}

/* order - make the four limits of a proposal agree, as a caller would */
static void
order(const struct maker *k, struct idl_vm *vm)
{
	int64_t at = 0,
		*limit[] = {&vm->memory_static_min, &vm->memory_dynamic_min,
		    &vm->memory_dynamic_max, &vm->memory_static_max};

	for (int i = 0; i < 4; i++) {
		at += MIB * 64 * (int64_t)help_random_below(k->r, 10);
		*limit[i] = at;
	}
	vm->VCPUs_at_startup = 1;
	vm->VCPUs_max = 1 + (int64_t)help_random_below(k->r, 8);
	vm->HVM_shadow_multiplier =
	    1 + (double)help_random_below(k->r, 300) / 100;
	vm->power_state = IDL_VM_POWER_STATE_HALTED;
	vm->is_a_template = one_in(k, 10);
	if (one_in(k, 2))
		vm->other_config = manner(k);
}

/* record - what a constructor may say */
static void *
record(const struct maker *k, int cls)
{
	const struct idl_class *c = idl_classes[cls];
	char *rec = arena_alloc(k->a, c->struct_bytes);

	if (rec == NULL)
		return NULL;
	idl_record_init(c, rec);
	for (int i = 0; i < c->nfields; i++) {
		const struct idl_field *f = &c->fields[i];

		if ((f->flags & (IDL_F_CREATE | IDL_F_REQUIRED)) &&
		    !make(k, f->type, f->name, rec + f->offset))
			return NULL;
	}
	if (cls == IDL_CLASS_VM && !one_in(k, 4))
		order(k, (struct idl_vm *)(void *)rec);
	return rec;
}

/* make_scalar - a value that lies in place */
static void
make_scalar(
    const struct maker *k, const struct idl_type *t, const char *name, void *to)
{
	int64_t n = t->unit == IDL_UNIT_BYTES ? bytes(k) : number(k);
	const char *s = text(k, name);
	struct idl_ref at = ref(k, t->cls);
	double d = fraction(k);
	int32_t e;

	switch (t->kind) {
	case IDL_INT:
	case IDL_DATETIME:
		memcpy(to, &n, sizeof(n));
		break;
	case IDL_FLOAT:
		memcpy(to, &d, sizeof(d));
		break;
	case IDL_BOOL:
		*(bool *)to = one_in(k, 6);
		break;
	case IDL_ENUM:
		e = (int32_t)help_random_below(k->r, (uint64_t)t->en->n);
		memcpy(to, &e, sizeof(e));
		break;
	case IDL_REF:
		memcpy(to, &at, sizeof(at));
		break;
	default:
		memcpy(to, &s, sizeof(s));
		break;
	}
}

/* make - a random value of any type; false: arena full */
static bool
make(
    const struct maker *k, const struct idl_type *t, const char *name, void *to)
{
	const void *p;

	switch (t->kind) {
	case IDL_VOID:
		return true;
	case IDL_SET:
		p = set(k, t);
		break;
	case IDL_MAP:
		p = map(k, t);
		break;
	case IDL_RECORD:
		p = record(k, t->cls);
		break;
	default:
		make_scalar(k, t, name, to);
		return true;
	}
	memcpy(to, &p, sizeof(p));
	return p != NULL;
}

/* among - an amount from one limit of a VM to another, both likely */
static int64_t
among(const struct maker *k, int64_t from, int64_t to)
{
	int64_t steps = (to - from) / (MIB * 16);

	if (one_in(k, 6))
		return one_in(k, 2) ? from : to;
	return from + MIB * 16 *
			  (int64_t)help_random_below(
			      k->r, (uint64_t)(steps > 0 ? steps : 0) + 1);
}

/* fit - make amounts of memory such that the VM can have them, mostly */
static void
fit(const struct maker *k, const struct idl_vm *vm, void *args)
{
	int64_t middle =
		    among(k, vm->memory_dynamic_min, vm->memory_dynamic_max),
		n;

	for (int i = 0; i < k->msg->nparams; i++) {
		const struct idl_param *p = &k->msg->params[i];

		if (p->type->unit != IDL_UNIT_BYTES)
			continue;
		if (strstr(p->name, "static_max") != NULL)
			n = vm->memory_static_max;
		else if (strstr(p->name, "static_min") != NULL)
			n = vm->memory_static_min;
		else if (strstr(p->name, "min") != NULL)
			n = among(k, vm->memory_static_min, middle);
		else if (strstr(p->name, "max") != NULL)
			n = among(k, middle, vm->memory_static_max);
		else
			n = among(
			    k, vm->memory_static_min, vm->memory_static_max);
		memcpy((char *)args + p->offset, &n, sizeof(n));
	}
}

/* subject - the VM that the call is about, if it is */
static const struct idl_vm *
subject(const struct maker *k, const void *args)
{
	if (k->msg->cls != IDL_CLASS_VM || k->msg->nparams == 0 ||
	    k->msg->params[0].type->cls != IDL_CLASS_VM ||
	    k->msg->params[0].type->kind != IDL_REF)
		return NULL;
	return fld_get(k->v, IDL_CLASS_VM, args);
}

bool
calls_fill(struct api_call *c, const struct fld_view *v, struct help_random *r)
{
	const struct maker k = {r, v, c->msg, &c->arena};
	const struct idl_vm *vm;

	for (int i = 0; i < c->msg->nparams; i++) {
		const struct idl_param *p = &c->msg->params[i];

		if (!make(&k, p->type, p->name, (char *)c->args + p->offset))
			return false;
	}
	vm = subject(&k, c->args);
	if (vm != NULL && !one_in(&k, 3))
		fit(&k, vm, c->args);
	return true;
}
