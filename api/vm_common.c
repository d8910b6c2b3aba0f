/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_common - what the files of VM handlers share
 */

/* System */
#include <assert.h>
#include <string.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Api */
#include "api/op.h"
#include "api/vm_priv.h"

enum err
api_vm_edit(struct api_call *c, const struct idl_ref *self,
    struct idl_vm **vm_out, struct failure *why)
{
	struct idl_vm *vm = fld_tx_edit(c->tx, IDL_CLASS_VM, self);

	if (vm == NULL)
		return err_internal(why, "out of memory");
	*vm_out = vm;
	return ERR_NONE;
}

const struct idl_vm *
api_vm_held(const struct api_call *c)
{
	return fld_get(c->view, IDL_CLASS_VM, &c->op_vm);
}

/* ---- commands ---- */

/* hv_name - text cut to a name of the protocol, at a UTF-8 boundary */
static void
hv_name(char *to, size_t room, const char *text)
{
	size_t n = strnlen(text, room);

	if (n == room)
		for (n--; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	memcpy(to, text, n);
	memset(to + n, 0, room - n);
}

bool
api_vm_hv_uuid(const char *text, struct hv_uuid *uuid_out)
{
	struct idl_ref uuid;

	if (!idl_uuid_parse(text, strlen(text), &uuid))
		return false;
	uuid_out->hi = uuid.hi;
	uuid_out->lo = uuid.lo;
	return true;
}

/* fill_amounts - the record's memory, as a domain of it is told (spec D.10) */
static enum err
fill_amounts(
    struct hv_command *cmd, const struct idl_vm *vm, struct failure *why)
{
	struct mem_footprint fp;
	enum err rc;

	rc = mem_footprint(vm->domain_type, (uint64_t)vm->memory_static_max,
	    (uint64_t)vm->memory_dynamic_min, (uint64_t)vm->VCPUs_max,
	    vm->HVM_shadow_multiplier, &fp, why);
	if (rc != ERR_NONE)
		return rc;
	cmd->static_max_kib =
	    mib_of_bytes_used((uint64_t)vm->memory_static_max) * MIB_KIB;
	cmd->dynamic_min_kib =
	    kib_of_bytes_free((uint64_t)vm->memory_dynamic_min);
	cmd->dynamic_max_kib =
	    kib_of_bytes_free((uint64_t)vm->memory_dynamic_max);
	cmd->target_kib = cmd->dynamic_min_kib; /* the loop gives it more */
	cmd->shadow_kib = fp.shadow_mib * MIB_KIB;
	cmd->overhead_kib = fp.overhead_mib * MIB_KIB;
	return ERR_NONE;
}

/* vcpus - a number of virtual CPUs as the protocol has it */
static uint32_t
vcpus(int64_t n)
{
	return n > INT32_MAX ? INT32_MAX : n < 0 ? 0 : (uint32_t)n;
}

enum err
api_vm_check_world(
    const struct api_call *c, enum hv_verb verb, struct failure *why)
{
	uint32_t world = atomic_load(&c->env->world);

	if ((world & HV_W_OBSERVES) && verb != HV_FORGET && verb != HV_POLL)
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "Another service manages the memory of this host; "
		    "xenapi-memoryd only observes it, unless it is started "
		    "with --take-over");
	if (!api_op_is_of(world, c->msg->operation))
		return err_fail(why, ERR_NOT_IMPLEMENTED, "s", c->msg->name);
	return ERR_NONE;
}

enum err
api_vm_command(struct api_call *c, const struct idl_vm *vm,
    const struct idl_ref *host_ref, enum hv_verb verb, struct failure *why)
{
	struct hv_command *cmd = &c->command;
	const struct idl_host *host =
	    fld_get(c->view, IDL_CLASS_HOST, host_ref);
	const char *sim = api_vm_map_get(vm->other_config, "sim");
	enum err rc = api_vm_check_world(c, verb, why);

	if (rc != ERR_NONE)
		return rc;
	memset(cmd, 0, sizeof(*cmd));
	cmd->verb = (int32_t)verb;
	cmd->domid =
	    vm->domid < 0 || vm->domid > INT32_MAX ? -1 : (int32_t)vm->domid;
	/* A suspend image is on no host; its uuid is enough. */
	if (host != NULL ? !api_vm_hv_uuid(host->uuid, &cmd->host)
			 : !idl_ref_is_null(host_ref))
		return err_internal(why, "the VM's host is not known");
	if (!api_vm_hv_uuid(vm->uuid, &cmd->uuid))
		return err_internal(why, "the VM's uuid is not one");
	hv_name(cmd->name, sizeof(cmd->name), vm->name_label);
	if (sim != NULL)
		hv_name(cmd->behaviour, sizeof(cmd->behaviour), sim);
	hv_name(cmd->domain_type, sizeof(cmd->domain_type),
	    idl_type_enum_domain_type.en->values[vm->domain_type]);
	cmd->vcpus = vcpus(vm->VCPUs_at_startup);
	rc = fill_amounts(cmd, vm, why);
	if (rc == ERR_NONE)
		c->has_command = true;
	return rc;
}

enum err
api_vm_command_dest(
    struct api_call *c, const struct idl_ref *host_ref, struct failure *why)
{
	const struct idl_host *host =
	    fld_get(c->view, IDL_CLASS_HOST, host_ref);

	if (host == NULL || !api_vm_hv_uuid(host->uuid, &c->command.dest))
		return err_internal(why, "the VM's new host is not known");
	return ERR_NONE;
}

enum err
api_vm_ended(struct api_call *c, void *result, struct failure *why)
{
	(void)result; /* void */
	if (!api_op_release(c))
		return err_internal(why, "out of memory");
	c->commit_failure = true;
	return api_vm_hv_failure(c, why);
}

enum err
api_vm_begin(struct api_call *c, const struct idl_ref *host, enum hv_verb verb,
    api_stage_f *then, struct failure *why)
{
	enum err rc = api_vm_command(c, c->self, host, verb, why);

	if (rc != ERR_NONE)
		return rc;
	c->then = then;
	return api_op_hold(c, why);
}

int64_t
api_vm_hv_bytes(uint64_t kib)
{
	uint64_t bytes;

	return bytes_of_kib(kib, &bytes) ? (int64_t)bytes : INT64_MAX;
}

const struct idl_ref *
api_vm_about(const struct api_call *c)
{
	return (const void *)((const char *)c->args + c->msg->params[0].offset);
}

enum err
api_vm_gone(const struct api_call *c, struct failure *why)
{
	const struct idl_ref *vm = api_vm_about(c);

	if (fld_get(c->view, IDL_CLASS_VM, vm) == NULL)
		return err_fail(why, ERR_HANDLE_INVALID, "sr", "VM", vm);
	return err_fail(
	    why, ERR_VM_BAD_POWER_STATE, "rss", vm, "running", "halted");
}

enum err
api_vm_hv_failure(struct api_call *c, struct failure *why)
{
	const struct hv_result *r = &c->hv;

	switch ((enum hv_status)r->status) {
	case HV_OK:
		return ERR_NONE;
	case HV_NO_MEMORY:
		return err_fail(why, ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "dd",
		    api_vm_hv_bytes(r->needed_kib),
		    api_vm_hv_bytes(r->free_kib));
	case HV_UNSUPPORTED:
		return err_fail(why, ERR_NOT_IMPLEMENTED, "s", c->msg->name);
	case HV_NO_DOMAIN:
		return api_vm_gone(c, why);
	case HV_NO_HOST:
		return err_internal(why, "the hypervisor has no such host");
	case HV_REFUSED:
		return err_internal(why, "%s", r->text);
	case HV_BUSY:
		return err_internal(why, "the hypervisor is busy with the VM");
	case HV_LOST:
		break;
	}
	if (r->text[0] != '\0') /* it is there: api_hv_late */
		return err_internal(why, "%s", r->text);
	return err_internal(why, "hypervisor process lost");
}

/* ---- checks ---- */

enum err
api_vm_check_vcpus(
    int64_t at_startup, int64_t max, int64_t given, struct failure *why)
{
	if (at_startup >= 1 && at_startup <= max && max <= INT32_MAX)
		return ERR_NONE;
	return err_fail(why, ERR_INVALID_VALUE, "sd",
	    "VCPU values must satisfy: 0 < VCPUs_at_startup <= VCPUs_max",
	    given);
}

enum err
api_vm_check_multiplier(
    const char *field, double multiplier, struct failure *why)
{
	/* Written so that NaN is refused too. */
	if (multiplier >= 1.0 && multiplier <= MEM_MULTIPLIER_MAX)
		return ERR_NONE;
	return err_fail(why, ERR_INVALID_VALUE, "sf", field, multiplier);
}

/* ---- maps ---- */

const char *
api_vm_map_get(const struct idl_map *m, const char *key)
{
	const char *const *keys = m->keys;
	const char *const *values = m->values;

	for (uint32_t i = 0; i < m->n; i++)
		if (strcmp(keys[i], key) == 0)
			return values[i];
	return NULL;
}

const struct idl_map *
api_vm_map_put(const struct idl_map *m, const char *key, const char *value,
    struct arena *a)
{
	const char *const *from_keys = m->keys;
	const char *const *from_values = m->values;
	struct idl_map *to = arena_alloc(a, sizeof(*to));
	const char **keys = arena_alloc(a, (m->n + 1) * sizeof(*keys));
	const char **values = arena_alloc(a, (m->n + 1) * sizeof(*values));

	if (to == NULL || keys == NULL || values == NULL)
		return NULL;
	for (uint32_t i = 0; i < m->n; i++) {
		if (strcmp(from_keys[i], key) == 0)
			continue;
		keys[to->n] = from_keys[i];
		values[to->n++] = from_values[i];
	}
	keys[to->n] = key;
	values[to->n++] = value;
	to->keys = keys;
	to->values = values;
	return to;
}
