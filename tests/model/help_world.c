/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_world - a field store with the rules of the memory model, hosts, VMs
 */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>

/* Model */
#include "model/fld.h"
#include "model/jrn.h"

/* Own */
#include "tests/model/help_world.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define METRICS_OFFSET 1000000 /* of a host's metrics: its number and this */

struct help_jrn {
	struct jrn base;
	const void *const *rec;
	size_t n;
};

static enum err
load(struct jrn *j, jrn_load_f *each, void *ctx, uint64_t *generation_out,
    struct failure *why)
{
	struct help_jrn *h = (struct help_jrn *)j;
	const struct idl_hdr *hdr;
	enum err rc;
	size_t i;

	for (i = 0; i < h->n; i++) {
		hdr = h->rec[i];
		rc = each(ctx, hdr->cls, hdr, why);
		if (rc != ERR_NONE)
			return rc;
	}
	*generation_out = 1;
	return ERR_NONE;
}

static enum jrn_result
commit(struct jrn *j, uint64_t generation, const struct jrn_change *changes,
    size_t n, char *reason, size_t reason_bytes)
{
	(void)j, (void)generation, (void)changes, (void)n;
	(void)reason, (void)reason_bytes;
	return JRN_COMMITTED;
}

static enum jrn_result
resolve(struct jrn *j, uint64_t generation, char *reason, size_t reason_bytes)
{
	(void)j, (void)generation, (void)reason, (void)reason_bytes;
	return JRN_COMMITTED;
}

static void
close_jrn(struct jrn **j)
{
	free(*j);
	*j = NULL;
}

static const struct jrn_ops ops = {
    .name = "help",
    .load = load,
    .commit = commit,
    .resolve = resolve,
    .close = close_jrn,
};

enum err
help_world_open(
    struct help_world *w, const void *const *rec, size_t n, struct failure *why)
{
	struct help_jrn *h = calloc(1, sizeof *h);
	struct jrn *j;
	enum err rc;

	cr_assert_not_null(h);
	h->base.ops = &ops;
	h->rec = rec;
	h->n = n;
	j = &h->base;
	*w = (struct help_world){0};
	arena_init(&w->arena, ARENA_BYTES);
	rc = fld_open(&w->store, j, &mem_rules, why);
	if (rc != ERR_NONE) {
		free(h);
		return rc;
	}
	w->reader = fld_reader_new(w->store);
	cr_assert_not_null(w->reader);
	return ERR_NONE;
}

void
help_world_close(struct help_world *w)
{
	if (w->tx != NULL)
		fld_tx_abort(&w->tx);
	fld_reader_free(&w->reader);
	fld_close(&w->store);
	arena_fini(&w->arena);
}

const struct fld_view *
help_begin(struct help_world *w)
{
	w->tx = fld_tx_begin(w->store, &w->arena);
	cr_assert_not_null(w->tx);
	return fld_tx_view(w->tx);
}

enum err
help_end(struct help_world *w, struct failure *why)
{
	struct failure commit_why;
	enum err rc = fld_tx_close(&w->tx, why);

	if (rc == ERR_NONE)
		cr_assert_eq(fld_batch_commit(w->store, &commit_why),
		    FLD_COMMITTED, "%s", commit_why.param[0]);
	arena_reset(&w->arena);
	return rc;
}

struct idl_ref
help_ref(uint64_t n)
{
	return (struct idl_ref){n, 0x8000000000000000 | n};
}

struct idl_host *
help_host(struct help_world *w, uint64_t n, int64_t memory_total,
    int64_t memory_overhead)
{
	struct idl_ref ref = help_ref(n);
	struct idl_ref metrics_ref = help_ref(n + METRICS_OFFSET);
	struct idl_host_metrics *metrics =
	    fld_tx_create(w->tx, IDL_CLASS_HOST_METRICS, &metrics_ref);
	struct idl_host *host = fld_tx_create(w->tx, IDL_CLASS_HOST, &ref);
	char *uuid = arena_alloc(&w->arena, IDL_UUID_TEXT);
	char *metrics_uuid = arena_alloc(&w->arena, IDL_UUID_TEXT);

	cr_assert(host != NULL && metrics != NULL);
	cr_assert(uuid != NULL && metrics_uuid != NULL);
	idl_uuid_write(&ref, uuid);
	idl_uuid_write(&metrics_ref, metrics_uuid);
	metrics->uuid = metrics_uuid;
	metrics->memory_total = memory_total;
	host->uuid = uuid;
	host->metrics = metrics_ref;
	host->memory_overhead = memory_overhead;
	return host;
}

struct idl_vm *
help_vm(struct help_world *w, uint64_t n, int32_t type, int64_t dynamic_min,
    int64_t static_max, int64_t vcpus)
{
	struct idl_ref ref = help_ref(n);
	struct idl_vm *vm = fld_tx_create(w->tx, IDL_CLASS_VM, &ref);
	char *uuid = arena_alloc(&w->arena, IDL_UUID_TEXT);

	cr_assert(vm != NULL && uuid != NULL);
	idl_uuid_write(&ref, uuid);
	vm->uuid = uuid;
	vm->domain_type = type;
	vm->memory_static_min = dynamic_min;
	vm->memory_dynamic_min = dynamic_min;
	vm->memory_dynamic_max = static_max;
	vm->memory_static_max = static_max;
	vm->VCPUs_max = vcpus;
	vm->VCPUs_at_startup = vcpus;
	vm->HVM_shadow_multiplier = 1.0;
	return vm;
}

struct idl_vm *
help_vm_edit(struct help_world *w, uint64_t n)
{
	struct idl_ref ref = help_ref(n);
	struct idl_vm *vm = fld_tx_edit(w->tx, IDL_CLASS_VM, &ref);

	cr_assert_not_null(vm);
	return vm;
}

int64_t
help_free(struct help_world *w, uint64_t host)
{
	const struct fld_view *v = fld_pin(w->reader);
	struct idl_ref ref = help_ref(host);
	int64_t bytes = -1;

	cr_assert_not_null(v);
	cr_assert_eq(mem_free(v, &ref, NULL, &bytes, NULL), ERR_NONE);
	fld_unpin(w->reader, v);
	return bytes;
}
