/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_BOOT_H
#define API_BOOT_H

/*
 * boot - from a store and a hypervisor link to a service that may take calls
 *
 * What the hypervisor says becomes writer jobs here, in the order it came.
 * The first time everything has been reported (HV_SYNCED): an empty store is
 * seeded from the simulator's file, its guests are started, and the service is
 * ready.  A fact that cannot be stored (full disk) is asked for again.
 *
 * Threads: api_boot_up and api_boot_lost from the link's thread; callbacks
 * from there or from the writer.
 *
 * DIAGNOSTICS through calls->warn, one line each.
 * BUGS none known.
 */

#include "api/api.h"

struct api_boot;

struct api_boot_calls {
	void *ctx;
	/* The service may take calls. Once. */
	void (*ready)(void *ctx);
	/* It never will: text says what is wrong (the seed file). Once. */
	void (*hopeless)(void *ctx, const char *text);
	/* One line for the log. */
	void (*warn)(void *ctx, const char *text);
	/* Ask the hypervisor to report everything (HV_SYNC). */
	void (*sync)(void *ctx);
};

/*
 * api_boot_new - nothing happens until api_boot_up hears the first message
 *
 * in      seed_path  INI of the simulator, or NULL; outlives the boot
 * errors  NULL: out of memory
 */
struct api_boot *api_boot_new(struct api_env *env, const char *seed_path,
    const struct api_boot_calls *calls);

/*
 * api_boot_free - the writer has been stopped, the link closed
 */
void api_boot_free(struct api_boot **b);

/*
 * api_boot_up - a checked message came up from the hypervisor
 */
void api_boot_up(struct api_boot *b, const struct hv_msg *m);

/*
 * api_boot_lost - the hypervisor process is gone: commands fail, facts stay
 */
void api_boot_lost(struct api_boot *b);

#endif
