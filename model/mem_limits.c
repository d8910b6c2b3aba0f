/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_limits - the constraints between the bounds of a VM's memory
 */

/* System */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Model */
#include "model/err.h"
#include "model/mem.h"

/* The bounds in the order that INV-1 asks for. */
static const struct bound {
	const char *name;
	size_t offset;
} bounds[] = {
    {"memory_static_min", offsetof(struct idl_vm, memory_static_min)},
    {"memory_dynamic_min", offsetof(struct idl_vm, memory_dynamic_min)},
    {"memory_dynamic_max", offsetof(struct idl_vm, memory_dynamic_max)},
    {"memory_static_max", offsetof(struct idl_vm, memory_static_max)},
};
#define NBOUNDS (sizeof bounds / sizeof bounds[0])

/* bound_of - the value of bounds[i] */
static int64_t
bound_of(const struct idl_vm *vm, size_t i)
{
	int64_t bytes;

	memcpy(&bytes, (const char *)vm + bounds[i].offset, sizeof bytes);
	return bytes;
}

/* is_ordered - static_min <= dynamic_min <= dynamic_max <= static_max */
static bool
is_ordered(const struct idl_vm *vm)
{
	return vm->memory_static_min <= vm->memory_dynamic_min &&
	       vm->memory_dynamic_min <= vm->memory_dynamic_max &&
	       vm->memory_dynamic_max <= vm->memory_static_max;
}

/* is_pinned - valid, and pinned at static_max */
static bool
is_pinned(const struct idl_vm *vm)
{
	return vm->memory_static_min <= vm->memory_dynamic_min &&
	       vm->memory_dynamic_min == vm->memory_dynamic_max &&
	       vm->memory_dynamic_max == vm->memory_static_max;
}

/* check_signs - no bound is negative */
static enum err
check_signs(const struct idl_vm *vm, struct failure *why)
{
	size_t i;

	for (i = 0; i < NBOUNDS; i++)
		if (bound_of(vm, i) < 0)
			return err_fail(why, ERR_INVALID_VALUE, "sd",
			    bounds[i].name, bound_of(vm, i));
	return ERR_NONE;
}

enum err
mem_check_order(const struct idl_vm *vm, struct failure *why)
{
	enum err rc = check_signs(vm, why);

	if (rc != ERR_NONE)
		return rc;
	if (!is_ordered(vm))
		return err_fail(why, ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER, "");
	return ERR_NONE;
}

enum err
mem_check_limits(const struct idl_vm *vm, enum mem_dmc dmc,
    enum mem_nested nested, struct failure *why)
{
	const char *reason = NULL;
	enum err rc;

	if (dmc == MEM_DMC_OFF)
		reason = "DMC disabled";
	else if (vm->is_control_domain)
		reason = "control domain";
	else if (nested == MEM_NESTED)
		reason = "nested virt";
	if (reason == NULL)
		return mem_check_order(vm, why);
	rc = check_signs(vm, why);
	if (rc != ERR_NONE)
		return rc;
	if (!is_pinned(vm))
		return err_fail(
		    why, ERR_MEMORY_CONSTRAINT_VIOLATION_MAXPIN, "s", reason);
	return ERR_NONE;
}

void
mem_explain_limits(const struct idl_vm *vm, char *text, size_t bytes)
{
	size_t i;

	if (bytes == 0)
		return;
	text[0] = '\0';
	for (i = 0; i + 1 < NBOUNDS; i++) {
		if (bound_of(vm, i) <= bound_of(vm, i + 1))
			continue;
		(void)snprintf(text, bytes, "%s %lld is above %s %lld",
		    bounds[i].name, (long long)bound_of(vm, i),
		    bounds[i + 1].name,
		    (long long)bound_of(vm, i + 1)); /* cut short is fine */
		return;
	}
}

/* clamp - x, or the end of [lo, hi] that it lies beyond */
static int64_t
clamp(int64_t x, int64_t lo, int64_t hi)
{
	if (x < lo)
		return lo;
	return x > hi ? hi : x;
}

bool
mem_transform(struct idl_vm *vm)
{
	if (vm->memory_static_max < vm->memory_static_min ||
	    vm->memory_dynamic_max < vm->memory_dynamic_min)
		return false;
	vm->memory_dynamic_min = clamp(vm->memory_dynamic_min,
	    vm->memory_static_min, vm->memory_static_max);
	vm->memory_dynamic_max = clamp(vm->memory_dynamic_max,
	    vm->memory_static_min, vm->memory_static_max);
	vm->memory_target = clamp(
	    vm->memory_target, vm->memory_dynamic_min, vm->memory_dynamic_max);
	return true;
}

/* is_true - do clients mean "yes"? */
static bool
is_true(const char *text)
{
	return strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0;
}

enum mem_nested
mem_is_nested(const struct fld_view *v, const struct idl_vm *vm)
{
	const struct idl_vm_metrics *metrics;
	const char *const *keys = vm->platform->keys;
	const char *const *values = vm->platform->values;
	uint32_t i;

	metrics = fld_get(v, IDL_CLASS_VM_METRICS, &vm->metrics);
	if (metrics != NULL)
		return metrics->nested_virt ? MEM_NESTED : MEM_NOT_NESTED;
	for (i = 0; i < vm->platform->n; i++)
		if (strcmp(keys[i], "nested-virt") == 0)
			return is_true(values[i]) ? MEM_NESTED : MEM_NOT_NESTED;
	return MEM_NOT_NESTED;
}
