/* SPDX-License-Identifier: BSD-2-Clause */

/* Random calls from several callers at a time, daemons that die in between:
 * after every step all invariants hold and every sum is right. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* own */
#include "tests/api/help_world.h"

#define VMS 8
#define CALLERS 4
#define STEPS 4000

static struct world w;
static struct idl_ref vms[VMS];
static struct world_call calls[CALLERS];
static bool busy[CALLERS];
static uint64_t state;
static unsigned ended[2]; /* calls that failed, that worked */

/* below - a random number in [0, n) */
static uint64_t
below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state * 0x2545f4914f6cdd1dull >> 16) % n;
}

/* amount - bytes that often fit, often meet another, and seldom make sense */
static int64_t
amount(void)
{
	switch (below(12)) {
	case 0:
		return -(int64_t)below(1000);
	case 1:
		return INT64_MAX - (int64_t)below(3);
	case 2:
		return (int64_t)below(1000);
	default:
		return (int64_t)below(24) * 128 * MIB + (int64_t)below(2);
	}
}

static struct idl_ref
make(uint64_t i)
{
	static const char *const manners[] = {NULL, "rate_kib_s=50000", "stuck",
	    "shutdown_ms=3000", "vanish_ms=30000", "limit_kib=900000"};
	struct world_shape s = {"r", (int32_t)below(4), 128, 256, 1024, 1024,
	    1 + (int64_t)below(4), 1.0 + (double)below(3),
	    manners[below(sizeof(manners) / sizeof(*manners))]};

	(void)i;
	return world_new_vm(&w, &s);
}

/* some_host - one of them */
static struct idl_ref
some_host(void)
{
	struct idl_ref ref = world_first_host(&w);
	const struct idl_host *next = fld_next(w.pin, IDL_CLASS_HOST, &ref);

	return next != NULL && below(2) ? next->h.ref : ref;
}

/* one - a random call by one caller */
static void
one(struct world_call *p, struct idl_ref *vm)
{
	struct idl_ref host = some_host();
	int64_t a = amount(), b = amount();
	int64_t sum = (int64_t)((uint64_t)a + (uint64_t)b);

	switch (below(27)) {
	case 0:
		world_begin(&w, p, "VM.set_memory", vm, a);
		break;
	case 1:
		world_begin(
		    &w, p, "VM.set_memory_limits", vm, 0LL, sum, a, sum);
		break;
	case 2:
		world_begin(&w, p, "VM.set_memory_static_range", vm, a, b);
		break;
	case 3:
	case 4:
	case 5:
		world_begin(&w, p, "VM.set_memory_dynamic_range", vm,
		    a < b ? a : b, a < b ? b : a);
		break;
	case 6:
		world_begin(&w, p, "VM.set_memory_dynamic_min", vm, a);
		break;
	case 7:
		world_begin(&w, p, "VM.set_memory_dynamic_max", vm, a);
		break;
	case 8:
		world_begin(&w, p, "VM.set_memory_target_live", vm, a);
		break;
	case 9:
		world_begin(&w, p, "VM.set_HVM_shadow_multiplier", vm,
		    (double)below(5));
		break;
	case 10:
		world_begin(&w, p, "VM.set_shadow_multiplier_live", vm,
		    1.0 + (double)below(50) / 10);
		break;
	case 11:
		world_begin(&w, p, "VM.set_VCPUs_max", vm, (int64_t)below(6));
		break;
	case 12:
		world_begin(
		    &w, p, "VM.set_VCPUs_number_live", vm, (int64_t)below(4));
		break;
	case 13:
	case 14:
		world_begin(&w, p, "VM.start", vm, (int)below(2), 0);
		break;
	case 15:
		world_begin(&w, p, "VM.start_on", vm, &host, 0, 1);
		break;
	case 16:
		world_begin(&w, p, "VM.clean_shutdown", vm);
		break;
	case 17:
		world_begin(&w, p, "VM.hard_shutdown", vm);
		break;
	case 18:
		world_begin(
		    &w, p, below(2) ? "VM.clean_reboot" : "VM.hard_reboot", vm);
		break;
	case 19:
		world_begin(&w, p, below(2) ? "VM.pause" : "VM.unpause", vm);
		break;
	case 20:
		world_begin(&w, p, "VM.suspend", vm);
		break;
	case 21:
		world_begin(&w, p, "VM.resume", vm, 0, 0);
		break;
	case 22:
	case 23:
		world_begin(&w, p, "VM.pool_migrate", vm, &host, &idl_map_none);
		break;
	case 24:
		world_begin(&w, p, "VM.start", vm, 0, 0);
		break;
	case 25:
		world_begin(&w, p, "VM.wait_memory_target_live", vm);
		break;
	default:
		world_begin(&w, p, "VM.assert_can_boot_here", vm, &host);
		break;
	}
}

/* reap - callers whose calls have ended are free again */
static void
reap(void)
{
	for (int i = 0; i < CALLERS; i++) {
		if (!busy[i] || !calls[i].ended)
			continue;
		ended[world_end(&calls[i]) == ERR_NONE]++;
		busy[i] = false;
	}
}

/* die - the daemon is killed, with its calls */
static void
die(enum world_reboot reboot)
{
	world_restart(&w, reboot);
	for (int i = 0; i < CALLERS; i++)
		if (busy[i]) {
			api_call_fini(&calls[i].c);
			busy[i] = false;
		}
}

/* check_law - what is promised never exceeds what there is */
static void
check_law(void)
{
	const struct idl_host *host = NULL;

	(void)world_first_host(&w);
	while ((host = fld_next(w.pin, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		const struct idl_host_metrics *m =
		    fld_get(w.pin, IDL_CLASS_HOST_METRICS, &host->metrics);
		const struct idl_host_account *a =
		    fld_get(w.pin, IDL_CLASS_HOST_ACCOUNT, &host->h.ref);

		cr_assert_leq(a->resident_bytes + a->scheduled_bytes,
		    m->memory_total - host->memory_overhead);
	}
}

static void
step(void)
{
	uint64_t what = below(100), i = below(CALLERS), vm = below(VMS);

	if (what < 1)
		die(below(4) == 0 ? WORLD_REBOOTS : WORLD_GOES_ON);
	else if (what < 3)
		w.deaf = what == 1 && below(3) == 0;
	else if (what < 4 && !busy[0] && !busy[1] && !busy[2] && !busy[3]) {
		if (world_call(&w, "VM.destroy", &vms[vm]) == ERR_NONE)
			vms[vm] = make(vm);
	} else if (what < 15) {
		world_pass(&w, (int64_t)below(3000));
	} else if (!busy[i]) {
		busy[i] = true;
		one(&calls[i], &vms[vm]);
	}
	reap();
	world_check(&w);
	check_law();
}

/* run - a history that a number decides, on one host or two */
static void
run(uint64_t seed, size_t n)
{
	struct hv_sim_host hosts[2];

	state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (size_t i = 0; i < n; i++) {
		hv_sim_host_init(&hosts[i]);
		(void)snprintf(hosts[i].name, sizeof(hosts[i].name), "h%zu", i);
		hosts[i].memory_kib = 4ull * 1024 * 1024; /* contended */
	}
	world_open(&w, hosts, n, NULL);
	cr_assert(w.ready, "%s", w.text);
	for (uint64_t i = 0; i < VMS; i++)
		vms[i] = make(i);
	for (int i = 0; i < STEPS; i++)
		step();
	die(WORLD_REBOOTS);
	world_check(&w);
	world_close(&w);
}

/* seed_of - the number of the history: RANDOM_SEED, or the default */
static uint64_t
seed_of(uint64_t def)
{
	const char *text = getenv("RANDOM_SEED");

	return text != NULL ? strtoull(text, NULL, 10) : def;
}

Test(random, invariants_hold_on_one_host)
{
	run(seed_of(1), 1);
	cr_expect_gt(ended[0], 100);
	cr_expect_gt(ended[1], 100);
}

Test(random, invariants_hold_on_two_hosts)
{
	run(seed_of(2), 2);
}
