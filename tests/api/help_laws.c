/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * help_laws - what must hold in every image that can be seen
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "tests/api/help_calls.h"

/* broken - say which law; always false */
static bool
broken(char *text, size_t bytes, const char *law, const char *of)
{
	(void)snprintf(text, bytes, "%s: %s", of, law); /* cut short is fine */
	return false;
}

/* vm_laws - of one VM */
static bool
vm_laws(
    const struct fld_view *v, const struct idl_vm *vm, char *text, size_t bytes)
{
	bool runs = vm->power_state == IDL_VM_POWER_STATE_RUNNING ||
		    vm->power_state == IDL_VM_POWER_STATE_PAUSED;
	const struct idl_ref *m = &vm->metrics;
	struct failure why;
	int64_t overhead;

	if (mem_rules.check(v, IDL_CLASS_VM, vm, &why) != ERR_NONE ||
	    vm->memory_static_min < 0 ||
	    vm->memory_static_min > vm->memory_dynamic_min ||
	    vm->memory_dynamic_min > vm->memory_dynamic_max ||
	    vm->memory_dynamic_max > vm->memory_static_max)
		return broken(text, bytes, "its limits", vm->uuid);
	if (mem_overhead(vm, &overhead, &why) != ERR_NONE ||
	    overhead != vm->memory_overhead)
		return broken(text, bytes, "its overhead", vm->uuid);
	if (runs != !idl_ref_is_null(&vm->resident_on))
		return broken(text, bytes, "it runs, or it does not", vm->uuid);
	if (runs != (vm->domid >= 0))
		return broken(text, bytes, "its domid", vm->uuid);
	if (fld_get(v, IDL_CLASS_VM_METRICS, m) == NULL)
		return broken(text, bytes, "its metrics", vm->uuid);
	return true;
}

/* count_on - VMs that say that they run on a host, one by one */
static uint32_t
count_on(const struct fld_view *v, const struct idl_ref *host)
{
	const struct idl_vm *vm = NULL;
	uint32_t n = 0;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		n += idl_ref_equal(&vm->resident_on, host);
	return n;
}

/* inverse_law - resident_VMs names those VMs and no other */
static bool
inverse_law(const struct fld_view *v, const struct idl_host *host)
{
	const struct idl_host *shown;
	const struct idl_ref *refs;
	const struct idl_vm *vm;
	struct arena a;
	bool ok;

	arena_init(&a, CALLS_ARENA_BYTES);
	shown = api_record_view(NULL, v, IDL_CLASS_HOST, host, &a);
	ok = shown != NULL &&
	     shown->resident_VMs->n == count_on(v, &host->h.ref);
	refs = ok ? shown->resident_VMs->items : NULL;
	for (uint32_t i = 0; ok && i < shown->resident_VMs->n; i++) {
		vm = fld_get(v, IDL_CLASS_VM, &refs[i]);
		ok = vm != NULL &&
		     idl_ref_equal(&vm->resident_on, &host->h.ref) &&
		     (i == 0 || !idl_ref_equal(&refs[i], &refs[i - 1]));
	}
	arena_fini(&a);
	return ok;
}

/* host_laws - of one host */
static bool
host_laws(const struct fld_view *v, const struct idl_host *host,
    enum calls_ceiling ceiling, char *text, size_t bytes)
{
	const struct idl_host_account *a =
	    fld_get(v, IDL_CLASS_HOST_ACCOUNT, &host->h.ref);
	const struct idl_host_metrics *m =
	    fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics);
	int64_t sums[MEM_SUMS], free_bytes, rest;
	struct failure why;

	if (a == NULL || m == NULL)
		return broken(text, bytes, "its records", host->uuid);
	if (mem_recount(v, &host->h.ref, sums, &why) != ERR_NONE ||
	    sums[MEM_RESIDENT] != a->resident_bytes ||
	    sums[MEM_SCHEDULED] != a->scheduled_bytes ||
	    sums[MEM_RESERVED] != a->reserved_bytes ||
	    sums[MEM_GRANTED] != a->granted_bytes)
		return broken(text, bytes, "its account", host->uuid);
	rest = m->memory_total - host->memory_overhead - a->resident_bytes -
	       a->scheduled_bytes - a->reserved_bytes;
	if (rest < 0 && ceiling == CALLS_CEILING_HOLDS)
		return broken(text, bytes, "its ceiling", host->uuid);
	rest = rest < 0 ? 0 : rest;
	if (mem_free(v, &host->h.ref, NULL, &free_bytes, &why) != ERR_NONE ||
	    free_bytes != rest)
		return broken(text, bytes, "its free memory", host->uuid);
	if (!inverse_law(v, host))
		return broken(text, bytes, "its resident_VMs", host->uuid);
	return true;
}

unsigned
calls_ops(const struct fld_view *v)
{
	const struct idl_vm *vm = NULL;
	unsigned n = 0;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		n += vm->current_operations->n;
	return n;
}

/* working - tasks of messages that hold an operation, or should */
static unsigned
working(const struct fld_view *v)
{
	const struct idl_task *t = NULL;
	const struct idl_msg *m;
	unsigned n = 0;

	while ((t = fld_next(
		    v, IDL_CLASS_TASK, t != NULL ? &t->h.ref : NULL)) != NULL) {
		m = api_msg_find(t->name_label, strlen(t->name_label));
		if (m != NULL && m->operation >= 0 &&
		    t->status == IDL_TASK_STATUS_TYPE_PENDING &&
		    t->allowed_operations->n == 0)
			n++;
	}
	return n;
}

bool
calls_laws(const struct fld_view *v, enum calls_ceiling ceiling, char *text,
    size_t bytes)
{
	const struct idl_host *host = NULL;
	const struct idl_vm *vm = NULL;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		if (!vm_laws(v, vm, text, bytes))
			return false;
	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL)
		if (!host_laws(v, host, ceiling, text, bytes))
			return false;
	if (fld_count(v, IDL_CLASS_VM_METRICS) != fld_count(v, IDL_CLASS_VM))
		return broken(text, bytes, "one for each VM", "VM_metrics");
	if (working(v) != calls_ops(v))
		return broken(text, bytes, "one for each operation", "task");
	return true;
}

bool
calls_record_equal(int cls, const void *a, const void *b)
{
	const struct idl_class *k = idl_classes[cls];

	for (int i = 0; i < k->nfields; i++)
		if (!idl_equal(k->fields[i].type,
			(const char *)a + k->fields[i].offset,
			(const char *)b + k->fields[i].offset))
			return false;
	return true;
}

void
calls_why(const struct failure *why, char *text, size_t bytes)
{
	size_t n =
	    (size_t)snprintf(text, bytes, "%s", idl_errors[why->code].code);

	for (unsigned i = 0; i < why->n && n < bytes; i++)
		n +=
		    (size_t)snprintf(text + n, bytes - n, " %s", why->param[i]);
}
