/* SPDX-License-Identifier: BSD-2-Clause */
/* Reservations and the VMs they are for: who counts, in every order. */

/* System */
#include <criterion/criterion.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "tests/model/help_random.h"
#include "tests/model/help_world.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define GIB ((int64_t)1 << 30)
#define MIB ((int64_t)1 << 20)

enum { HOST = 1, OTHER = 2, VM = 100, RES = 500 };
enum { VMS = 6, RESERVATIONS = 8, STEPS = 20000 };

#define HELD IDL_MEMORY_RESERVATION_STATE_HELD
#define TRANSFERRED IDL_MEMORY_RESERVATION_STATE_TRANSFERRED

static const struct idl_ref none;

/* sound - every sum and count is a recount's */
static void
sound(struct help_world *w, const char *when)
{
	const struct fld_view *v = fld_pin(w->reader);
	struct failure why = {0};

	cr_assert_eq(
	    mem_rules.verify(v, &why), ERR_NONE, "%s: %s", when, why.param[0]);
	fld_unpin(w->reader, v);
}

/* open_world - two hosts and some halted VMs of 1 GiB */
static void
open_world(struct help_world *w)
{
	cr_assert_eq(help_world_open(w, NULL, 0, NULL), ERR_NONE);
	help_begin(w);
	help_host(w, HOST, 16 * GIB, 0);
	help_host(w, OTHER, 8 * GIB, 0);
	for (uint64_t i = 0; i < VMS; i++)
		help_vm(w, VM + i, IDL_DOMAIN_TYPE_HVM, GIB, 4 * GIB, 2);
	cr_assert_eq(help_end(w, NULL), ERR_NONE);
}

/* reserve - in a transaction: number n for a VM, or none with vm 0 */
static struct idl_memory_reservation *
reserve(struct help_world *w, uint64_t n, uint64_t vm, uint64_t host,
    int64_t amount)
{
	struct idl_ref ref = help_ref(RES + n);
	struct idl_memory_reservation *r =
	    fld_tx_create(w->tx, IDL_CLASS_MEMORY_RESERVATION, &ref);

	cr_assert_not_null(r);
	r->uuid = arena_printf(&w->arena, "r%d", (int)n);
	r->owner = n % 2 ? "odd" : "even";
	r->host = help_ref(host);
	if (vm != 0)
		r->VM = help_ref(vm);
	r->amount = amount;
	r->granted = amount;
	return r;
}

/* of - a reservation as committed: its state; -1: gone */
static int
of(struct help_world *w, uint64_t n)
{
	const struct fld_view *v = fld_pin(w->reader);
	struct idl_ref ref = help_ref(RES + n);
	const struct idl_memory_reservation *r =
	    fld_get(v, IDL_CLASS_MEMORY_RESERVATION, &ref);
	int state = r == NULL ? -1 : (int)r->state;

	fld_unpin(w->reader, v);
	return state;
}

/* put - a VM runs on one host and is scheduled for another; 0: on none */
static void
put(struct help_world *w, uint64_t vm, uint64_t on, uint64_t to)
{
	struct idl_vm *v;

	help_begin(w);
	v = help_vm_edit(w, vm);
	v->resident_on = on != 0 ? help_ref(on) : none;
	v->scheduled_to_be_resident_on = to != 0 ? help_ref(to) : none;
	cr_assert_eq(help_end(w, NULL), ERR_NONE);
	sound(w, "a VM was put");
}

Test(reserve, who_counts_follows_from_where_the_vm_is)
{
	static const struct {
		const char *sentence;
		uint64_t on, to;
		int state;
		int64_t here; /* GiB that HOST has promised */
	} rows[] = {
	    {"held: the reservation counts", 0, 0, HELD, 2},
	    {"scheduled elsewhere: as before", 0, OTHER, HELD, 2},
	    {"not there after all", 0, 0, HELD, 2},
	    {"scheduled: the VM counts alone", 0, HOST, TRANSFERRED, 1},
	    {"it failed: held again, but no more than was kept", 0, 0, HELD, 1},
	    {"scheduled again", 0, HOST, TRANSFERRED, 1},
	    {"it runs", HOST, 0, TRANSFERRED, 1},
	    {"it migrates", HOST, OTHER, TRANSFERRED, 1},
	    {"it has moved: its reservation was of that host", OTHER, 0, -1, 0},
	};
	struct help_world w;
	int64_t overhead, free_bytes;
	struct failure why;
	struct idl_vm *vm;

	open_world(&w);
	help_begin(&w);
	vm = help_vm_edit(&w, VM);
	cr_assert_eq(mem_overhead(vm, &overhead, &why), ERR_NONE);
	(void)reserve(&w, 0, VM, HOST, 2 * GIB + 2 * overhead);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	for (size_t i = 0; i < N(rows); i++) {
		put(&w, VM, rows[i].on, rows[i].to);
		cr_expect_eq(of(&w, 0), rows[i].state, "%s", rows[i].sentence);
		free_bytes = 16 * GIB - rows[i].here * (GIB + overhead);
		cr_expect_eq(
		    help_free(&w, HOST), free_bytes, "%s", rows[i].sentence);
	}
	help_world_close(&w);
}

Test(reserve, found_where_it_was_not_scheduled_it_has_it_too)
{
	struct help_world w;

	open_world(&w);
	help_begin(&w);
	(void)reserve(&w, 0, VM, HOST, GIB);
	(void)reserve(&w, 1, VM, OTHER, GIB);
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	put(&w, VM, HOST, 0);
	cr_expect_eq(of(&w, 0), TRANSFERRED);
	cr_expect_eq(of(&w, 1), HELD, "of another host");
	put(&w, VM, 0, 0);
	cr_expect_eq(of(&w, 0), -1, "gone with its domain");
	cr_expect_eq(of(&w, 1), HELD);
	help_begin(&w);
	fld_tx_delete(w.tx, IDL_CLASS_VM,
	    &(struct idl_ref){help_ref(VM).hi, help_ref(VM).lo});
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_eq(of(&w, 1), -1, "gone with its VM");
	sound(&w, "all is gone");
	cr_expect_eq(help_free(&w, HOST), 16 * GIB);
	help_world_close(&w);
}

Test(reserve, a_vm_counts_with_what_it_came_with)
{
	struct help_world w;
	struct idl_memory_reservation *r;
	struct idl_vm *vm;
	int64_t needed = 0, held = 0;
	struct failure why;

	open_world(&w);
	help_begin(&w);
	vm = help_vm_edit(&w, VM);
	cr_assert_eq(
	    mem_needed(vm, MEM_POLICY_DYNAMIC_MIN, &needed, &why), ERR_NONE);
	cr_assert_eq(mem_counted(vm, 3 * GIB, &held, &why), ERR_NONE);
	r = reserve(&w, 0, VM, HOST, held);
	r->guest_bytes = 3 * GIB;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_eq(help_free(&w, HOST), 16 * GIB - held);
	put(&w, VM, 0, HOST);
	cr_expect_eq(help_free(&w, HOST), 16 * GIB - held, "on its way");
	put(&w, VM, HOST, 0);
	cr_expect_eq(help_free(&w, HOST), 16 * GIB - held, "there");
	help_begin(&w);
	help_vm_edit(&w, VM)->held_bytes = 0;
	cr_assert_eq(help_end(&w, NULL), ERR_NONE);
	cr_expect_eq(help_free(&w, HOST), 16 * GIB - needed, "ballooned");
	sound(&w, "in the end");
	help_world_close(&w);
}

/* ---- any order ---- */

/* a_host - one of them, or none */
static uint64_t
a_host(struct help_random *r)
{
	return help_random_below(r, 3); /* 0, HOST, OTHER */
}

/* step - something happens to a VM or a reservation, if it is admitted */
static void
step(struct help_world *w, struct help_random *rnd)
{
	uint64_t n = help_random_below(rnd, RESERVATIONS);
	uint64_t host = 1 + help_random_below(rnd, 2), to;
	struct idl_ref ref = help_ref(RES + n), at = help_ref(host);
	const struct fld_view *v = help_begin(w);
	struct idl_vm *vm = help_vm_edit(w, VM + help_random_below(rnd, VMS));
	const struct idl_memory_reservation *r =
	    fld_get(v, IDL_CLASS_MEMORY_RESERVATION, &ref);

	switch (help_random_below(rnd, 5)) {
	case 0:
	case 1:
		to = a_host(rnd);
		at = to != 0 ? help_ref(to) : none;
		if (to == 0 || mem_admit(v, vm, &at, 0, NULL) == ERR_NONE)
			vm->scheduled_to_be_resident_on = at;
		break;
	case 2: /* it arrives, or ends */
		vm->resident_on = vm->scheduled_to_be_resident_on;
		vm->scheduled_to_be_resident_on = none;
		break;
	case 3:
		if (r == NULL &&
		    mem_admit_bytes(v, &at, GIB + 40 * MIB, NULL) == ERR_NONE)
			(void)reserve(w, n,
			    help_random_below(rnd, 4) == 0
				? 0
				: VM + help_random_below(rnd, VMS),
			    host, GIB + 40 * MIB);
		break;
	default:
		if (r != NULL && r->state == HELD)
			fld_tx_delete(
			    w->tx, IDL_CLASS_MEMORY_RESERVATION, &ref);
		break;
	}
	cr_assert_eq(help_end(w, NULL), ERR_NONE);
}

/* fits - no host has promised more than it has */
static void
fits(struct help_world *w)
{
	const struct fld_view *v = fld_pin(w->reader);
	int64_t sums[MEM_SUMS];

	for (uint64_t h = HOST; h <= OTHER; h++) {
		struct idl_ref ref = help_ref(h);

		cr_assert_eq(mem_recount(v, &ref, sums, NULL), ERR_NONE);
		cr_assert_leq(sums[MEM_RESIDENT] + sums[MEM_SCHEDULED] +
				  sums[MEM_RESERVED],
		    (h == HOST ? 16 : 8) * GIB);
	}
	fld_unpin(w->reader, v);
}

Test(reserve, the_law_holds_over_vm_plus_reservation)
{
	struct help_world w;
	struct help_random rnd;

	help_random_init(&rnd, "reserve");
	open_world(&w);
	for (int i = 0; i < STEPS; i++) {
		step(&w, &rnd);
		fits(&w);
		if (i % 16 == 0)
			sound(&w, "at random");
	}
	for (uint64_t i = 0; i < VMS; i++)
		put(&w, VM + i, 0, 0);
	help_world_close(&w);
}
