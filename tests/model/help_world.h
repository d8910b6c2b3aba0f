/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_MODEL_HELP_WORLD_H
#define TESTS_MODEL_HELP_WORLD_H

/*
 * help_world - a field store with the rules of the memory model, hosts, VMs
 *
 * The journal behind it remembers nothing: it loads the records it is given
 * and says "committed" to everything.
 */

#include "idl_types.h"
#include "model/arena.h"
#include "model/mem.h"

struct help_world {
	struct fld_store *store;
	struct fld_reader *reader;
	struct fld_tx *tx; /* open since help_begin */
	struct arena arena;
};

/*
 * help_world_open - a store that finds rec[0..n) in its journal
 *
 * errors  what fld_open says; then there is nothing to close
 */
enum err help_world_open(struct help_world *w, const void *const *rec, size_t n,
    struct failure *why);
void help_world_close(struct help_world *w);

/*
 * help_begin - open a transaction; its view
 * help_end - close it and, if that succeeds, commit the batch
 */
const struct fld_view *help_begin(struct help_world *w);
enum err help_end(struct help_world *w, struct failure *why);

/*
 * help_ref - the ref number n; never null
 */
struct idl_ref help_ref(uint64_t n);

/*
 * help_host - in a transaction: host number n and its metrics
 */
struct idl_host *help_host(struct help_world *w, uint64_t n,
    int64_t memory_total, int64_t memory_overhead);

/*
 * help_vm - in a transaction: VM number n, Halted, with these limits
 */
struct idl_vm *help_vm(struct help_world *w, uint64_t n, int32_t type,
    int64_t dynamic_min, int64_t static_max, int64_t vcpus);

/*
 * help_vm_edit - in a transaction: VM number n to change
 */
struct idl_vm *help_vm_edit(struct help_world *w, uint64_t n);

/*
 * help_free - free memory of host n as the committed image says
 */
int64_t help_free(struct help_world *w, uint64_t host);

#endif
