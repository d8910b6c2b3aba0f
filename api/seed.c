/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * seed - guests of a new simulated world, from its INI file
 */

/* System */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Xen */
#include "xen/hv_sim_ini.h"

/* Api */
#include "api/seed.h"
#include "api/vm_priv.h"

#define COUNT_MAX 10000
#define UNSET (-1)

enum state { HALTED, RUNNING, PAUSED };

/* The section being read, and where it all goes. */
struct reading {
	struct fld_tx *tx;
	struct api_env *env;
	struct api_seed *out;
	bool in_vm;    /* the section is a guest's */
	unsigned line; /* of the section */
	uint32_t seen; /* keys of the section, a bit for each row */
	const char *name;
	struct idl_vm vm;     /* the proposal */
	int64_t memory_bytes; /* UNSET, or all four limits */
	const char *sim;
	enum state state;
	int64_t count;	  /* 0: one, with the plain name */
	char text[300];	  /* a sentence being returned */
	bool failed;	  /* a key was wrong: the rest does not matter */
	const char *late; /* what was wrong with a section as a whole */
};

/* ---- a guest is complete ---- */

/* order_limits - what was not said follows from what was */
static void
order_limits(struct reading *rd)
{
	struct idl_vm *vm = &rd->vm;

	if (vm->memory_static_max == UNSET)
		vm->memory_static_max = rd->memory_bytes;
	if (vm->memory_dynamic_max == UNSET)
		vm->memory_dynamic_max = vm->memory_static_max;
	if (vm->memory_dynamic_min == UNSET)
		vm->memory_dynamic_min = vm->memory_dynamic_max;
	if (vm->memory_static_min == UNSET)
		vm->memory_static_min = vm->memory_dynamic_min;
}

/* list_guest - remember a guest that shall run */
static const char *
list_guest(struct reading *rd, const struct idl_ref *ref)
{
	struct api_seed *s = rd->out;

	if (rd->state == HALTED)
		return NULL;
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 16 : s->room * 2;
		void *guests = realloc(s->guests, room * sizeof(*s->guests));

		if (guests == NULL)
			return "out of memory";
		s->guests = guests;
		s->room = room;
	}
	s->guests[s->n].vm = *ref;
	s->guests[s->n].paused = rd->state == PAUSED;
	s->n++;
	return NULL;
}

/* explain - what was wrong with a guest's record, in words */
static const char *
explain(struct reading *rd, const struct failure *why)
{
	if (why->code == ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER)
		mem_explain_limits(&rd->vm, rd->text, sizeof(rd->text));
	else
		(void)snprintf(rd->text, sizeof(rd->text), "%s %s %s",
		    idl_errors[why->code].code, why->n > 0 ? why->param[0] : "",
		    why->n > 1 ? why->param[1] : "");
	return rd->text;
}

/* make_one - one guest of the section */
static const char *
make_one(struct reading *rd, const char *name)
{
	struct failure why = {.code = ERR_NONE};
	struct idl_ref ref;

	rd->vm.name_label = name;
	if (api_vm_make(rd->env, rd->tx, &rd->vm, NULL, &ref, &why) != ERR_NONE)
		return explain(rd, &why);
	return list_guest(rd, &ref);
}

/* end_vm - the section is complete: make what it says */
static const char *
end_vm(struct reading *rd)
{
	struct arena *a = fld_tx_arena(rd->tx);
	const char *wrong = NULL;

	if (!rd->in_vm)
		return NULL;
	rd->in_vm = false;
	order_limits(rd);
	if (rd->vm.memory_static_max == UNSET)
		return "a guest needs memory, or static_max";
	if (rd->state != HALTED && rd->vm.is_a_template)
		return "a template cannot run";
	if (rd->count > 0 && rd->vm.uuid[0] != '\0')
		return "several guests cannot have one uuid";
	if (rd->sim != NULL)
		rd->vm.other_config =
		    api_vm_map_put(rd->vm.other_config, "sim", rd->sim, a);
	if (rd->vm.other_config == NULL)
		return "out of memory";
	if (rd->count == 0)
		return make_one(rd, rd->name);
	for (int64_t i = 1; wrong == NULL && i <= rd->count; i++) {
		const char *name =
		    arena_printf(a, "%s-%lld", rd->name, (long long)i);

		wrong = name == NULL ? "out of memory" : make_one(rd, name);
	}
	return wrong;
}

/* ---- keys ---- */

enum kind {
	TYPE,
	VCPUS,
	SIZE,
	MEMORY,
	MULTIPLIER,
	STATE,
	SIM,
	DESCRIPTION,
	TEMPLATE,
	UUID,
	COUNT
};

static const struct row {
	const char *key;
	enum kind kind;
	size_t offset; /* SIZE: of the limit in struct idl_vm */
} rows[] = {
    {"type", TYPE, 0},
    {"vcpus", VCPUS, 0},
    {"memory", MEMORY, 0},
    {"static_min", SIZE, offsetof(struct idl_vm, memory_static_min)},
    {"dynamic_min", SIZE, offsetof(struct idl_vm, memory_dynamic_min)},
    {"dynamic_max", SIZE, offsetof(struct idl_vm, memory_dynamic_max)},
    {"static_max", SIZE, offsetof(struct idl_vm, memory_static_max)},
    {"multiplier", MULTIPLIER, 0},
    {"state", STATE, 0},
    {"sim", SIM, 0},
    {"description", DESCRIPTION, 0},
    {"template", TEMPLATE, 0},
    {"uuid", UUID, 0},
    {"count", COUNT, 0},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static const char *
set_size(const char *value, int64_t *bytes_out)
{
	uint64_t kib, bytes;

	if (!hv_parse_size(value, &kib) || !bytes_of_kib(kib, &bytes))
		return "is not an amount like 512MiB";
	*bytes_out = (int64_t)bytes;
	return NULL;
}

static const char *
set_number(const char *value, int64_t most, int64_t *n_out)
{
	char *end;
	long long n = strtoll(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end != '\0' || n < 1 ||
	    n > most)
		return "is not a whole number in range";
	*n_out = n;
	return NULL;
}

static const char *
set_type(struct idl_vm *vm, const char *value)
{
	int type =
	    idl_enum_index(idl_type_enum_domain_type.en, value, strlen(value));

	if (type < 0 || type == IDL_DOMAIN_TYPE_UNSPECIFIED)
		return "is none of hvm, pv, pvh, pv_in_pvh";
	vm->domain_type = type;
	vm->HVM_boot_policy = type == IDL_DOMAIN_TYPE_HVM ? "BIOS order" : "";
	return NULL;
}

static const char *
set_multiplier(struct idl_vm *vm, const char *value)
{
	char *end;
	double m = strtod(value, &end);

	if (end == value || *end != '\0' ||
	    !(m >= 1.0 && m <= MEM_MULTIPLIER_MAX))
		return "is not a number from 1.0 to 1000";
	vm->HVM_shadow_multiplier = m;
	return NULL;
}

static const char *
set_state(struct reading *rd, const char *value)
{
	static const char *const states[] = {"halted", "running", "paused"};

	for (int i = 0; i < 3; i++)
		if (strcmp(value, states[i]) == 0) {
			rd->state = (enum state)i;
			return NULL;
		}
	return "is none of halted, running, paused";
}

static const char *
set_yes_no(const char *value, bool *yes_out)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return "is neither yes nor no";
	*yes_out = strcmp(value, "yes") == 0;
	return NULL;
}

static const char *
set_uuid(struct reading *rd, const char *value)
{
	struct idl_ref uuid;
	char *text = arena_alloc(fld_tx_arena(rd->tx), IDL_UUID_TEXT);

	if (text == NULL)
		return "is too much: out of memory";
	if (!idl_uuid_parse(value, strlen(value), &uuid) ||
	    idl_ref_is_null(&uuid))
		return "is not a uuid";
	idl_uuid_write(&uuid, text);
	value = text;
	if (fld_find(fld_tx_view(rd->tx), IDL_CLASS_VM, IDL_VM_F_UUID, &value,
		NULL) != NULL)
		return "belongs to another VM";
	rd->vm.uuid = text;
	return NULL;
}

static const char *
set_text(struct reading *rd, const char *value, const char **text_out)
{
	const char *text =
	    arena_strndup(fld_tx_arena(rd->tx), value, strlen(value));

	if (text == NULL)
		return "is too much: out of memory";
	*text_out = text;
	return NULL;
}

/* set_key - a value into the proposal; NULL, or what is wrong with it */
static const char *
set_key(struct reading *rd, const struct row *row, const char *value)
{
	switch (row->kind) {
	case TYPE:
		return set_type(&rd->vm, value);
	case VCPUS:
		rd->vm.VCPUs_at_startup = 0;
		return set_number(value, INT32_MAX, &rd->vm.VCPUs_max);
	case SIZE:
		return set_size(
		    value, (int64_t *)(void *)((char *)&rd->vm + row->offset));
	case MEMORY:
		return set_size(value, &rd->memory_bytes);
	case MULTIPLIER:
		return set_multiplier(&rd->vm, value);
	case STATE:
		return set_state(rd, value);
	case SIM:
		return set_text(rd, value, &rd->sim);
	case DESCRIPTION:
		return set_text(rd, value, &rd->vm.name_description);
	case TEMPLATE:
		return set_yes_no(value, &rd->vm.is_a_template);
	case UUID:
		return set_uuid(rd, value);
	case COUNT:
		return set_number(value, COUNT_MAX, &rd->count);
	}
	return "is not known";
}

static const char *
on_key(void *ctx, const char *section, const char *key, const char *value,
    unsigned line)
{
	struct reading *rd = ctx;
	const char *wrong;

	(void)section; /* on_section knows */
	(void)line;    /* the reader says which */
	if (!rd->in_vm || rd->failed)
		return NULL; /* a host's: the simulator reads it */
	for (uint32_t i = 0; i < NROWS; i++) {
		if (strcmp(rows[i].key, key) != 0)
			continue;
		if (rd->seen & (1u << i))
			wrong = "is given twice";
		else
			wrong = set_key(rd, &rows[i], value);
		rd->seen |= 1u << i;
		if (rd->vm.VCPUs_at_startup == 0)
			rd->vm.VCPUs_at_startup = rd->vm.VCPUs_max;
		if (wrong == NULL)
			return NULL;
		rd->failed = true;
		(void)snprintf(rd->text, sizeof(rd->text), "%s %s", key, wrong);
		return rd->text;
	}
	rd->failed = true;
	(void)snprintf(
	    rd->text, sizeof(rd->text), "a guest has no key %s", key);
	return rd->text;
}

/* ---- sections ---- */

/* begin_vm - an empty proposal */
static const char *
begin_vm(struct reading *rd, const char *name, unsigned line)
{
	struct idl_vm *vm = &rd->vm;

	if (name[0] == '\0')
		return "a guest needs a name: [vm NAME]";
	idl_record_init(idl_classes[IDL_CLASS_VM], vm);
	vm->memory_static_min = UNSET;
	vm->memory_dynamic_min = UNSET;
	vm->memory_dynamic_max = UNSET;
	vm->memory_static_max = UNSET;
	vm->VCPUs_max = 1;
	vm->VCPUs_at_startup = 1;
	vm->domain_type = IDL_DOMAIN_TYPE_HVM;
	vm->HVM_boot_policy = "BIOS order";
	vm->actions_after_reboot = IDL_ON_NORMAL_EXIT_RESTART;
	rd->in_vm = true;
	rd->line = line;
	rd->seen = 0;
	rd->memory_bytes = UNSET;
	rd->sim = NULL;
	rd->state = HALTED;
	rd->count = 0;
	return set_text(rd, name, &rd->name);
}

static const char *
on_section(void *ctx, const char *section, unsigned line)
{
	struct reading *rd = ctx;

	if (rd->failed || rd->late != NULL)
		return NULL;
	rd->late = end_vm(rd);
	if (rd->late != NULL)
		return rd->late; /* of the section before: said again below */
	if (strncmp(section, "vm", 2) != 0 ||
	    (section[2] != '\0' && section[2] != ' '))
		return NULL; /* a host, or the simulator says what is wrong */
	return begin_vm(rd, section + 2 + strspn(section + 2, " "), line);
}

enum err
api_seed_load(const char *path, struct fld_tx *tx, struct api_env *env,
    struct api_seed *out, char *text, size_t n)
{
	struct reading rd = {.tx = tx, .env = env, .out = out};
	const struct hv_ini_calls calls = {
	    .ctx = &rd, .section = on_section, .key = on_key};

	if (hv_ini_read(path, &calls, text, n) == 0)
		rd.late = end_vm(&rd);
	if (rd.late != NULL)
		(void)snprintf(text, n, "%s:%u: %s", path, rd.line, rd.late);
	return text[0] == '\0' ? ERR_NONE : err_internal(NULL, "%s", text);
}

void
api_seed_free(struct api_seed *s)
{
	free(s->guests);
	s->guests = NULL;
	s->n = 0;
	s->room = 0;
}
