/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * vm_stats - the messages about what guests know of their own memory
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Xen */
#include "xen/gst.h"

/* Api */
#include "api/op.h"
#include "api/stats.h"
#include "api/vm_priv.h"
#include "api_handlers.h"

/* Tags beside those of guests; in the order of tag_value. */
enum own_tag { BALLOON_ACTUAL, RESIDENT, LAST_UPDATE, IGNORED, OWN_TAGS };
static const char *const own_names[OWN_TAGS] = {
    [BALLOON_ACTUAL] = "balloon_actual",
    [RESIDENT] = "resident",
    [LAST_UPDATE] = "last_update",
    [IGNORED] = "ignored",
};

#define TAGS (HV_STATS_GUEST + OWN_TAGS)

/* A reading and what the host itself knows, of one VM at one time. */
struct known {
	struct hv_reading r;
	int64_t actual_bytes;	/* -1: no domain */
	int64_t resident_bytes; /* likewise */
};

/* tag_name - a tag by its number among all */
static const char *
tag_name(int tag)
{
	return tag < HV_STATS_GUEST ? gst_tag_name((enum hv_stat)tag)
				    : own_names[tag - HV_STATS_GUEST];
}

/* tag_value - its value; -1: not known */
static int64_t
tag_value(const struct known *k, int tag)
{
	if (tag < HV_STATS_GUEST)
		return k->r.value[tag];
	switch ((enum own_tag)(tag - HV_STATS_GUEST)) {
	case BALLOON_ACTUAL:
		return k->actual_bytes;
	case RESIDENT:
		return k->resident_bytes;
	case LAST_UPDATE:
		return k->r.read_s;
	case IGNORED:
		return k->r.ignored > INT64_MAX ? INT64_MAX
						: (int64_t)k->r.ignored;
	case OWN_TAGS:
		break;
	}
	return -1;
}

/* resident - what a domain holds of its host, shadow memory included */
static int64_t
resident(const struct idl_vm *vm, int64_t actual_bytes)
{
	struct mem_footprint fp;

	if (vm->domain_type == IDL_DOMAIN_TYPE_PV || vm->is_control_domain ||
	    mem_footprint(vm->domain_type, (uint64_t)vm->memory_static_max, 0,
		(uint64_t)vm->VCPUs_max, vm->HVM_shadow_multiplier, &fp,
		NULL) != ERR_NONE)
		return actual_bytes;
	return actual_bytes + (int64_t)(fp.shadow_mib * MIB_BYTES);
}

/* learn - all that is known of a VM */
static void
learn(struct api_call *c, const struct idl_vm *vm, struct known *k)
{
	const struct idl_vm_metrics *m =
	    fld_get(c->view, IDL_CLASS_VM_METRICS, &vm->metrics);
	bool lives = vm->power_state == IDL_VM_POWER_STATE_RUNNING ||
		     vm->power_state == IDL_VM_POWER_STATE_PAUSED;

	api_stats_read(c->env->stats, vm->uuid, &k->r);
	k->actual_bytes = lives && m != NULL ? m->memory_actual : -1;
	k->resident_bytes =
	    k->actual_bytes < 0 ? -1 : resident(vm, k->actual_bytes);
}

/* answer - a map with room for so many tags; NULL: arena full */
static struct idl_map *
answer(
    struct arena *a, size_t room, const char ***keys_out, int64_t **values_out)
{
	struct idl_map *map = arena_alloc(a, sizeof(*map));

	*keys_out = arena_alloc(a, (room + 1) * sizeof(const char *));
	*values_out = arena_alloc(a, (room + 1) * sizeof(int64_t));
	if (map == NULL || *keys_out == NULL || *values_out == NULL)
		return NULL;
	map->keys = *keys_out;
	map->values = *values_out;
	return map;
}

enum err
api_vm_get_memory_stats(struct api_call *c,
    const struct idl_vm_get_memory_stats_args *a,
    const struct idl_map **result_out, struct failure *why)
{
	const char **keys;
	int64_t *values;
	struct idl_map *map = answer(&c->arena, TAGS, &keys, &values);
	struct known k;

	(void)a; /* c->self is its record */
	if (map == NULL)
		return err_internal(why, "out of memory");
	learn(c, c->self, &k);
	for (int tag = 0; tag < TAGS; tag++) {
		keys[tag] = tag_name(tag);
		values[tag] = tag_value(&k, tag);
	}
	map->n = TAGS;
	*result_out = map;
	return ERR_NONE;
}

/* tag_find - the number of a tag; -1: there is no such tag */
static int
tag_find(const char *name)
{
	for (int tag = 0; tag < TAGS; tag++)
		if (strcmp(tag_name(tag), name) == 0)
			return tag;
	return -1;
}

enum err
api_vm_get_memory_stats_of(struct api_call *c,
    const struct idl_vm_get_memory_stats_of_args *a,
    const struct idl_map **result_out, struct failure *why)
{
	const char *const *names = a->tags->items;
	const char **keys;
	int64_t *values;
	struct idl_map *map = answer(&c->arena, TAGS, &keys, &values);
	bool taken[TAGS] = {false};
	struct known k;

	if (map == NULL)
		return err_internal(why, "out of memory");
	learn(c, c->self, &k);
	for (uint32_t i = 0; i < a->tags->n; i++) {
		int tag = tag_find(names[i]);

		if (tag < 0)
			return err_fail(
			    why, ERR_INVALID_VALUE, "ss", "tags", names[i]);
		if (taken[tag])
			continue;
		taken[tag] = true;
		keys[map->n] = tag_name(tag);
		values[map->n++] = tag_value(&k, tag);
	}
	*result_out = map;
	return ERR_NONE;
}

/* ---- polling ---- */

/* told - the hypervisor process was told; whatever it said, the record holds */
static enum err
told(struct api_call *c, void *result, struct failure *why)
{
	int32_t domid = c->hv.status == HV_OK ? c->command.domid : -1;

	(void)result; /* void */
	(void)why;    /* cannot fail */
	/* Out of memory: its readings go nowhere, as if it were silent. */
	(void)api_stats_set(c->env->stats, c->view, &c->command.uuid,
	    c->command.seconds == 0 ? -1 : domid);
	return ERR_NONE;
}

/* report_to - a VM that is polled has a record of what it says */
static enum err
report_to(struct api_call *c, struct idl_vm *vm, struct failure *why)
{
	struct idl_ref ref = api_new_ref(c->env), uuid = api_new_ref(c->env);
	struct idl_vm_guest_metrics *gm;
	char text[IDL_UUID_TEXT];

	if (fld_get(c->view, IDL_CLASS_VM_GUEST_METRICS, &vm->guest_metrics) !=
	    NULL)
		return ERR_NONE;
	gm = fld_tx_create(c->tx, IDL_CLASS_VM_GUEST_METRICS, &ref);
	if (gm == NULL)
		return err_internal(why, "out of memory");
	idl_uuid_write(&uuid, text);
	gm->uuid = arena_strndup(fld_tx_arena(c->tx), text, strlen(text));
	if (gm->uuid == NULL)
		return err_internal(why, "out of memory");
	vm->guest_metrics = ref;
	return ERR_NONE;
}

enum err
api_vm_set_memory_stats_polling_interval(struct api_call *c,
    const struct idl_vm_set_memory_stats_polling_interval_args *a,
    struct failure *why)
{
	const struct idl_vm *was = c->self;
	const struct idl_ref host = was->resident_on;
	struct idl_vm *vm;
	enum err rc;

	if (a->value < 0 || a->value > HV_SECONDS_MAX)
		return err_fail(why, ERR_INVALID_VALUE, "sd",
		    "memory_stats_polling_interval", a->value);
	rc = api_vm_edit(c, &was->h.ref, &vm, why);
	if (rc != ERR_NONE)
		return rc;
	vm->memory_stats_polling_interval = a->value;
	if (a->value > 0)
		rc = report_to(c, vm, why);
	if (rc != ERR_NONE || vm->domid < 0)
		return rc; /* it is polled when it has a domain */
	c->then = told;
	rc = api_vm_command(c, vm, &host, HV_POLL, why);
	c->command.seconds = (uint32_t)a->value;
	return rc;
}
