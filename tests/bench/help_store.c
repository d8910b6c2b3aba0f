/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/arena.h"
#include "model/journal/jrn_sqlite.h"
#include "model/mem.h"

/* own */
#include "tests/bench/help_store.h"

#define GIB (1ll << 30)
#define BATCH 1000

void
help_die(const char *what, const struct failure *why)
{
	fprintf(stderr, "%s: %s %s\n", what, idl_errors[why->code].code,
	    why->n > 0 ? why->param[0] : "");
	exit(1);
}

struct fld_store *
help_store_open(const char *path)
{
	struct jrn *j;
	struct fld_store *s;
	struct failure why;

	if (jrn_sqlite_open(&j, path, NULL, &why) != ERR_NONE)
		help_die("open", &why);
	if (fld_open(&s, j, &mem_rules, &why) != ERR_NONE)
		help_die("load", &why);
	return s;
}

/* mix - well spread bits of a number (the finaliser of splitmix64) */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

struct idl_ref
help_vm_ref(uint64_t i)
{
	return (struct idl_ref){mix(i + 1), mix(~i)};
}

struct idl_ref
help_host_ref(void)
{
	return (struct idl_ref){mix(77), mix(78)};
}

/* uuid_of - text of a uuid that follows from a ref; in the arena */
static const char *
uuid_of(struct arena *a, struct idl_ref ref)
{
	char *text = arena_alloc(a, IDL_UUID_TEXT);

	ref.lo = mix(ref.lo);
	idl_uuid_write(&ref, text);
	return text;
}

/* add_host - a host with its metrics, large enough for all VMs */
static void
add_host(struct fld_tx *tx, struct arena *a)
{
	static const char *const hvm = "hvm-3.0-x86_64";
	static const struct idl_set capabilities = {1, &hvm};
	static const char *const cpus[] = {"cpu_count", "16"};
	static const struct idl_map cpu_info = {1, &cpus[0], &cpus[1]};
	struct idl_ref ref = help_host_ref();
	struct idl_host *h = fld_tx_create(tx, IDL_CLASS_HOST, &ref);
	struct idl_host_metrics *m =
	    fld_tx_create(tx, IDL_CLASS_HOST_METRICS, &ref);

	h->uuid = uuid_of(a, ref);
	h->name_label = "bench";
	h->metrics = ref;
	h->enabled = true;
	h->capabilities = &capabilities;
	h->cpu_info = &cpu_info;
	m->uuid = uuid_of(a, (struct idl_ref){ref.lo, ref.hi});
	m->memory_total = 1ll << 50;
	m->live = true;
}

/* add_vm - number i, halted, fixed at 1 GiB, with the maps a client gives */
static void
add_vm(struct fld_tx *tx, struct arena *a, uint64_t i)
{
	struct idl_ref ref = help_vm_ref(i);
	struct idl_vm *vm = fld_tx_create(tx, IDL_CLASS_VM, &ref);
	struct idl_vm_metrics *m =
	    fld_tx_create(tx, IDL_CLASS_VM_METRICS, &ref);
	struct idl_map *map = arena_alloc(a, sizeof(*map));
	const char **kv = arena_alloc(a, 2 * sizeof(*kv));

	kv[0] = "mac_seed";
	kv[1] = uuid_of(a, (struct idl_ref){ref.lo, ref.lo});
	*map = (struct idl_map){1, &kv[0], &kv[1]};
	vm->uuid = uuid_of(a, ref);
	vm->name_label = arena_printf(a, "vm-%" PRIu64, i);
	vm->HVM_boot_policy = "BIOS order";
	vm->domain_type = IDL_DOMAIN_TYPE_HVM;
	vm->actions_after_shutdown = 0;
	vm->memory_static_max = GIB;
	vm->memory_dynamic_max = GIB;
	vm->memory_dynamic_min = GIB;
	vm->VCPUs_max = 2;
	vm->VCPUs_at_startup = 2;
	vm->other_config = map;
	vm->metrics = ref;
	m->uuid = uuid_of(a, (struct idl_ref){ref.hi, ref.hi});
}

void
help_store_fill(struct fld_store *s, uint64_t n)
{
	struct failure why;
	struct arena a;
	struct fld_tx *tx;
	uint64_t i = 0;

	arena_init(&a, 1u << 28);
	do {
		tx = fld_tx_begin(s, &a);
		if (fld_count(fld_tx_view(tx), IDL_CLASS_HOST) == 0)
			add_host(tx, &a);
		for (int k = 0; k < BATCH && i < n; k++, i++)
			add_vm(tx, &a, i);
		if (fld_tx_close(&tx, &why) != ERR_NONE)
			help_die("close", &why);
		if (fld_batch_commit(s, &why) != FLD_COMMITTED)
			help_die("commit", &why);
		arena_reset(&a);
	} while (i < n);
	arena_fini(&a);
}
