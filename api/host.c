/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * host - what a host has left, and what it keeps for itself
 */

/* Model */
#include "model/mem.h"

/* Api */
#include "api_handlers.h"

enum err
api_host_compute_free_memory(struct api_call *c,
    const struct idl_host_compute_free_memory_args *a, int64_t *result_out,
    struct failure *why)
{
	return mem_free(c->view, &a->host, NULL, result_out, why);
}

enum err
api_host_compute_memory_overhead(struct api_call *c,
    const struct idl_host_compute_memory_overhead_args *a, int64_t *result_out,
    struct failure *why)
{
	const struct idl_host *host = c->self;

	(void)a;   /* c->self is its record */
	(void)why; /* cannot fail */
	*result_out = host->memory_overhead;
	return ERR_NONE;
}
