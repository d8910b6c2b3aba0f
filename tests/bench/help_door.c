/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* own */
#include "tests/bench/help_door.h"

#define CALL_ARENA_BYTES (64 * 1024)

double
help_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int64_t
now_ms(void *ctx)
{
	(void)ctx;
	return (int64_t)(help_now_s() * 1000);
}

static int64_t
wall_s(void *ctx)
{
	(void)ctx;
	return time(NULL);
}

static void
fill_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	if (getrandom(buf, n, 0) != (ssize_t)n)
		abort();
}

static bool
no_command(void *ctx, const struct hv_command *cmd)
{
	(void)ctx;
	(void)cmd;
	return false;
}

void
help_env(struct api_env *env, struct fld_store *store)
{
	memset(env, 0, sizeof(*env));
	env->store = store;
	env->now_ms = now_ms;
	env->wall_s = wall_s;
	env->random = fill_random;
	env->command = no_command;
	env->lock_wait_ms = 2000;
	env->target_wait_ms = 256000;
	env->sessions_max = 100;
	if (api_env_init(env) != 0)
		abort();
}

/* fill - the parts of a call that do not depend on the message */
static void
fill(struct api_call *c, struct api_env *env, const char *method,
    unsigned params, size_t args_bytes)
{
	api_call_init(c, env, CALL_ARENA_BYTES);
	c->origin = API_INTERNAL;
	c->method = method;
	c->msg = api_msg_find(method, strlen(method));
	c->received = params + 1;
	c->args = arena_alloc(&c->arena, args_bytes);
}

void
help_range_call(struct api_call *c, struct api_env *env, struct idl_ref vm,
    int64_t min, int64_t max)
{
	struct idl_vm_set_memory_dynamic_range_args *a;

	fill(c, env, "VM.set_memory_dynamic_range", 3, sizeof(*a));
	a = c->args;
	a->self = vm;
	a->min = min;
	a->max = max;
}

void
help_boot_call(struct api_call *c, struct api_env *env, struct idl_ref vm,
    struct idl_ref host)
{
	struct idl_vm_assert_can_boot_here_args *a;

	fill(c, env, "VM.assert_can_boot_here", 2, sizeof(*a));
	a = c->args;
	a->self = vm;
	a->host = host;
}

void
help_reserve_call(struct api_call *c, struct api_env *env, struct idl_ref vm,
    struct idl_ref host)
{
	struct idl_memory_reservation_create_for_vm_args *a;

	fill(c, env, "memory_reservation.create_for_VM", 4, sizeof(*a));
	a = c->args;
	a->vm = vm;
	a->host = host;
	a->operation = IDL_MEMORY_RESERVATION_OPERATION_START;
	a->ttl = 3600;
}

void
help_reset_call(struct api_call *c, struct api_env *env)
{
	struct idl_memory_reservation_reset_owner_args *a;

	fill(c, env, "memory_reservation.reset_owner", 1, sizeof(*a));
	a = c->args;
	a->owner = "";
}
