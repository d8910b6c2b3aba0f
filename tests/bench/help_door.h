/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_HELP_DOOR_H
#define TESTS_BENCH_HELP_DOOR_H

/* help_door - calls through api_dispatch without a network, and a clock */

#include "api/api.h"

/*
 * help_now_s - seconds of the monotonic clock
 */
double help_now_s(void);

/*
 * help_env - an env over a store: no hypervisor, no workers
 */
void help_env(struct api_env *env, struct fld_store *store);

/*
 * help_range_call - VM.set_memory_dynamic_range, ready to dispatch
 */
void help_range_call(struct api_call *c, struct api_env *env, struct idl_ref vm,
    int64_t min, int64_t max);

/*
 * help_boot_call - VM.assert_can_boot_here, ready to dispatch
 */
void help_boot_call(struct api_call *c, struct api_env *env, struct idl_ref vm,
    struct idl_ref host);

/*
 * help_reserve_call - memory_reservation.create_for_VM to start, for an hour
 * help_reset_call - memory_reservation.reset_owner of who makes those
 */
void help_reserve_call(struct api_call *c, struct api_env *env,
    struct idl_ref vm, struct idl_ref host);
void help_reset_call(struct api_call *c, struct api_env *env);

#endif
