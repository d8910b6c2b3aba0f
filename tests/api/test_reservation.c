/* SPDX-License-Identifier: BSD-2-Clause */

/* Reservations through the dispatch door: what they promise, and what refuses
 * them. */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/reservation.h"
#include "api/reserve.h"
#include "api/vm_priv.h"

/* own */
#include "tests/api/help_suite.h"

#define START IDL_MEMORY_RESERVATION_OPERATION_START
#define RESUME IDL_MEMORY_RESERVATION_OPERATION_RESUME
#define MIGRATE IDL_MEMORY_RESERVATION_OPERATION_MIGRATE

static struct world w;
static struct idl_ref host, other;

static void
open_world(void)
{
	struct hv_sim_host hosts[2];

	suite_two(hosts);
	suite_open(&w, hosts, 2);
	suite_find_two(&w, &host, &other);
}

static void
close_world(void)
{
	suite_close(&w);
}

TestSuite(reservation, .init = open_world, .fini = close_world);

/* ranged - a VM that may shrink to a quarter */
static struct idl_ref
ranged(const char *name, int64_t mib)
{
	struct world_shape s = {name, IDL_DOMAIN_TYPE_HVM, mib / 8, mib / 4,
	    mib, mib, 2, 1.0, NULL};

	return world_new_vm(&w, &s);
}

/* said - a failure with a ref in it: "CODE ref rest" */
static const char *
said(const char *code, const struct idl_ref *ref, const char *rest)
{
	static char text[300];
	char r[IDL_REF_TEXT];

	idl_ref_write(ref, r);
	(void)snprintf(text, sizeof(text), "%s %s%s", code, r, rest);
	return text;
}

/* of - a reservation as readers see it; NULL: gone */
static const struct idl_memory_reservation *
of(const struct idl_ref *ref)
{
	(void)world_host(&w, &host); /* pins what is newest */
	return fld_get(w.pin, IDL_CLASS_MEMORY_RESERVATION, ref);
}

/* create - memory_reservation.create, which must work */
static struct idl_ref
create(int64_t min, int64_t max, int64_t ttl, const char *owner)
{
	works("memory_reservation.create", &host, min, max, ttl, owner);
	return w.result.ref;
}

/* create_for - memory_reservation.create_for_VM, which must work */
static struct idl_ref
create_for(const struct idl_ref *vm, const struct idl_ref *on, int operation)
{
	works(
	    "memory_reservation.create_for_VM", vm, on, operation, (int64_t)60);
	return w.result.ref;
}

Test(reservation, is_counted_from_the_grant_to_the_end)
{
	int64_t before = world_free(&w, &host);
	struct idl_ref r = create(GIB, 2 * GIB, 60, "tester");

	cr_expect_eq(world_free(&w, &host), before - GIB);
	cr_expect_eq(of(&r)->amount, GIB);
	cr_expect_eq(of(&r)->granted, 2 * GIB);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD);
	cr_expect_str_eq(of(&r)->owner, "tester");
	cr_expect_eq(of(&r)->expires - of(&r)->created, 60);
	cr_expect(idl_ref_equal(&of(&r)->host, &host));
	works("memory_reservation.destroy", &r);
	cr_expect_null(of(&r));
	cr_expect_eq(world_free(&w, &host), before);
}

Test(reservation, bad_input_is_refused)
{
	static const struct {
		int64_t min, max, ttl;
		const char *text;
	} rows[] = {
	    {2, 1, 60, "INVALID_VALUE max 1"},
	    {-1, 1, 60, "INVALID_VALUE min -1"},
	    {0, 1, 60, "INVALID_VALUE min 0"},
	    {1, -1, 60, "INVALID_VALUE max -1"},
	    {1, 1, 0, "INVALID_VALUE ttl 0"},
	    {1, 1, -5, "INVALID_VALUE ttl -5"},
	    {1, 1, 86401, "INVALID_VALUE ttl 86401"},
	    {1, 1, 3155760000, "INVALID_VALUE ttl 3155760000"},
	};
	struct idl_ref nobody = {7, 7}, vm = ranged("a", 1024);
	int64_t before = world_free(&w, &host);
	char text[100], name[RESERVATION_OWNER_MAX + 2];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		refused(rows[i].text, "memory_reservation.create", &host,
		    rows[i].min, rows[i].max, rows[i].ttl, "x");
	(void)snprintf(text, sizeof(text),
	    "HOST_NOT_ENOUGH_FREE_MEMORY %lld %lld", (long long)(before + 1),
	    (long long)before);
	refused(text, "memory_reservation.create", &host, before + 1,
	    before + 1, (int64_t)60, "x");
	refused(said("HANDLE_INVALID host", &nobody, ""),
	    "memory_reservation.create", &nobody, (int64_t)1, (int64_t)1,
	    (int64_t)60, "x");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	cr_expect_eq(world_call(&w, "memory_reservation.create", &host,
			 (int64_t)1, (int64_t)1, (int64_t)60, name),
	    ERR_INVALID_VALUE);
	refused(said("HANDLE_INVALID VM", &nobody, ""),
	    "memory_reservation.create_for_VM", &nobody, &host, START,
	    (int64_t)60);
	refused(said("HANDLE_INVALID host", &nobody, ""),
	    "memory_reservation.create_for_VM", &vm, &nobody, START,
	    (int64_t)60);
	refused("INVALID_VALUE ttl 0", "memory_reservation.create_for_VM", &vm,
	    &host, START, (int64_t)0);
	refused(said("VM_BAD_POWER_STATE", &vm, " suspended halted"),
	    "memory_reservation.create_for_VM", &vm, &host, RESUME,
	    (int64_t)60);
	refused(said("VM_BAD_POWER_STATE", &vm, " running halted"),
	    "memory_reservation.create_for_VM", &vm, &host, MIGRATE,
	    (int64_t)60);
	cr_expect_eq(world_free(&w, &host), before, "nothing was promised");
}

/* Amounts that are more than the host has, however much more. */
Test(reservation, more_than_the_host_is_refused)
{
	static const int64_t amounts[] = {
	    1LL << 40, 1LL << 62, INT64_MAX - 1, INT64_MAX};
	struct idl_ref small, huge = ranged("a", 100LL * 1024);
	int64_t before = world_free(&w, &host);
	char text[100];

	for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++) {
		(void)snprintf(text, sizeof(text),
		    "HOST_NOT_ENOUGH_FREE_MEMORY %lld %lld",
		    (long long)amounts[i], (long long)before);
		refused(text, "memory_reservation.create", &host, amounts[i],
		    amounts[i], (int64_t)60, "x");
		/* What is needed is there: at most all that is free comes. */
		small = create(MIB, amounts[i], 60, "x");
		cr_expect_eq(of(&small)->amount, MIB);
		cr_expect_lt(of(&small)->granted, 64 * GIB);
		works("memory_reservation.destroy", &small);
		cr_expect_eq(world_free(&w, &host), before);
	}
	works("VM.set_memory_limits", &huge, (int64_t)0, 100 * GIB, 100 * GIB,
	    100 * GIB);
	cr_expect_eq(world_call(&w, "memory_reservation.create_for_VM", &huge,
			 &host, START, (int64_t)60),
	    ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(reservation, what_is_not_there_is_refused)
{
	struct idl_ref nobody = {7, 7}, vm = ranged("a", 1024), r;
	static const int64_t one = 1;

	works("VM.start_on", &vm, &host, 0, 0);
	r = create(one, one, 60, "x");
	refused(said("HANDLE_INVALID memory_reservation", &nobody, ""),
	    "memory_reservation.transfer", &nobody, &vm);
	refused(said("HANDLE_INVALID memory_reservation", &nobody, ""),
	    "memory_reservation.destroy", &nobody);
	refused(said("HANDLE_INVALID VM", &nobody, ""),
	    "memory_reservation.transfer", &r, &nobody);
	works("memory_reservation.reset_owner", "who is that?");
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD);
	works("memory_reservation.destroy", &r);
	refused(said("HANDLE_INVALID memory_reservation", &r, ""),
	    "memory_reservation.destroy", &r);
}

Test(reservation, transfer_twice_and_destroy_after_are_refused)
{
	struct idl_ref vm = ranged("a", 1024), r;
	int64_t before;

	works("VM.start_on", &vm, &host, 0, 0);
	before = world_free(&w, &host);
	r = create(GIB, GIB, 60, "x");
	works("memory_reservation.transfer", &r, &vm);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	cr_expect_eq(
	    world_free(&w, &host), before, "the VM is counted, nothing else");
	refused(said("RESERVATION_NOT_HELD", &r, " transferred"),
	    "memory_reservation.transfer", &r, &vm);
	refused(said("RESERVATION_NOT_HELD", &r, " transferred"),
	    "memory_reservation.destroy", &r);
	world_pass(&w, 100000);
	cr_expect_not_null(of(&r), "it does not expire");
	works("memory_reservation.reset_owner", "x");
	cr_expect_not_null(of(&r), "nor is it the owner's any more");
	works("VM.hard_shutdown", &vm);
	cr_expect_null(of(&r), "it goes with the domain");
}

Test(reservation, who_has_no_domain_there_gets_nothing)
{
	struct idl_ref halted = ranged("a", 1024), there = ranged("b", 1024);
	struct idl_ref r = create(GIB, GIB, 60, "x"), own;

	works("VM.start_on", &there, &other, 0, 0);
	refused(said("VM_BAD_POWER_STATE", &halted, " running, paused halted"),
	    "memory_reservation.transfer", &r, &halted);
	refused("OPERATION_NOT_ALLOWED The VM is not on the host of the "
		"reservation",
	    "memory_reservation.transfer", &r, &there);
	own = create_for(&halted, &other, START);
	refused("OPERATION_NOT_ALLOWED The reservation is for another VM",
	    "memory_reservation.transfer", &own, &there);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD);
}

Test(reservation, one_owner_and_all_owners_have_a_limit)
{
	struct idl_ref r = {0, 0}, last;
	char text[100], owner[20];

	for (int i = 0; i < RESERVATION_OWNED_MAX; i++)
		r = create(1, 1, 60, "many");
	(void)snprintf(text, sizeof(text), "TOO_MANY_RESERVATIONS %d",
	    RESERVATION_OWNED_MAX);
	refused(text, "memory_reservation.create", &host, (int64_t)1,
	    (int64_t)1, (int64_t)60, "many");
	works("memory_reservation.destroy", &r);
	(void)create(1, 1, 60, "many");
	for (int i = RESERVATION_OWNED_MAX; i < RESERVATION_ALL_MAX; i++) {
		(void)snprintf(owner, sizeof(owner), "owner%d", i % 100);
		last = create(1, 1, 60, owner);
	}
	(void)snprintf(text, sizeof(text), "TOO_MANY_RESERVATIONS %d",
	    RESERVATION_ALL_MAX);
	refused(text, "memory_reservation.create", &host, (int64_t)1,
	    (int64_t)1, (int64_t)60, "another");
	works("memory_reservation.reset_owner", "many");
	cr_expect_not_null(of(&last), "the others' stay");
	(void)create(1, 1, 60, "another");
	world_pass(&w, 62000);
	cr_expect_null(of(&last), "all have expired");
	cr_expect_eq(mem_held_count(w.pin, NULL), 0);
}

Test(reservation, expires_and_gives_back)
{
	int64_t before = world_free(&w, &host);
	struct idl_ref late = create(GIB, GIB, 86400, "x");
	struct idl_ref soon = create(GIB, GIB, 5, "x");

	world_pass(&w, 4000);
	cr_expect_not_null(of(&soon));
	world_pass(&w, 1000 + RESERVE_LOOK_MS);
	cr_expect_null(of(&soon));
	cr_expect_not_null(of(&late));
	cr_expect_eq(world_free(&w, &host), before - GIB);
	world_pass(&w, 86400000);
	cr_expect_null(of(&late));
	cr_expect_eq(world_free(&w, &host), before);
}

/* build - a domain of a VM, as another toolstack makes it */
static void
build(const struct idl_ref *vm)
{
	struct hv_msg m;
	struct hv_command *cmd;

	hv_msg_init(&m, HV_COMMAND);
	cmd = &m.u.command;
	cmd->verb = HV_BUILD;
	cr_assert(api_vm_hv_uuid(world_host(&w, &host)->uuid, &cmd->host));
	cr_assert(api_vm_hv_uuid(world_vm(&w, vm)->uuid, &cmd->uuid));
	memcpy(cmd->name, "a", sizeof("a"));
	memcpy(cmd->domain_type, "hvm", sizeof("hvm"));
	cmd->vcpus = 1;
	cmd->static_max_kib = cmd->dynamic_max_kib = MIB;
	cmd->target_kib = cmd->dynamic_min_kib = MIB / 4;
	cr_assert(hv_msg_check(&m, m.bytes));
	cr_assert(hv_link_send(w.link, &m));
	world_pass(&w, 0);
}

Test(reservation, who_builds_in_time_wins_though_it_is_heard_of_late)
{
	struct idl_ref vm = ranged("a", 1024), r, unused;

	r = create_for(&vm, &host, START); /* for 60 s */
	unused = create(GIB, GIB, 60, "x");
	w.hangs = true; /* nobody says what was built, or that nothing was */
	world_pass(&w, 120000);
	cr_assert_not_null(of(&r), "it might be in use");
	cr_expect_not_null(of(&unused), "so might this");
	build(&vm);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	w.hangs = false;
	world_pass(&w, RESERVE_LOOK_MS);
	cr_expect_null(of(&unused));
	cr_expect_not_null(of(&r));
}

Test(reservation, a_restart_goes_on_with_what_is_left)
{
	struct idl_ref r = create(GIB, 2 * GIB, 100, "x");
	int64_t before = world_free(&w, &host);

	world_pass(&w, 40000);
	world_restart(&w, WORLD_GOES_ON);
	cr_assert_not_null(of(&r));
	cr_expect_eq(of(&r)->granted, 2 * GIB);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD);
	cr_expect_eq(world_free(&w, &host), before);
	world_pass(&w, 55000);
	cr_expect_not_null(of(&r));
	world_pass(&w, 7000);
	cr_expect_null(of(&r), "100 s after it was made, not after the start");
}

Test(reservation, the_clock_set_back_keeps_nothing_for_ever)
{
	struct idl_ref r = create(GIB, GIB, 100, "x");
	struct idl_ref live = create(GIB, GIB, 50, "x");

	w.wall_s -= 100000;
	world_pass(&w, 52000);
	cr_expect_null(of(&live), "while the daemon runs its own clock tells");
	world_restart(&w, WORLD_GOES_ON);
	cr_assert_not_null(of(&r));
	world_pass(&w, 102000);
	cr_expect_null(of(&r), "after a restart no more than its ttl is left");
}

Test(reservation, the_clock_set_forward_ends_it)
{
	struct idl_ref r = create(GIB, GIB, 100, "x");

	w.wall_s += 101;
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_null(of(&r));
}

Test(reservation, a_start_takes_it_and_needs_no_second_room)
{
	int64_t before = world_free(&w, &host), needed;
	struct idl_ref vm = ranged("a", 1024), r, rest;
	struct failure why;

	cr_assert_eq(mem_needed(world_vm(&w, &vm), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	r = create_for(&vm, &host, START);
	cr_expect_eq(of(&r)->amount, needed);
	cr_expect_eq(world_free(&w, &host), before - needed);
	/* Nothing but the reservation is left for the VM. */
	rest = create(before - needed, before - needed, 60, "x");
	cr_expect_eq(world_free(&w, &host), 0);
	works("VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	cr_expect_eq(world_free(&w, &host), 0);
	works("memory_reservation.destroy", &rest);
	cr_expect_eq(world_free(&w, &host), before - needed);
	works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_free(&w, &host), before);
	cr_expect_null(of(&r));
}

Test(reservation, a_start_anywhere_goes_where_it_is_reserved)
{
	for (int i = 0; i < 2; i++) {
		const struct idl_ref *on = i == 0 ? &other : &host;
		struct idl_ref vm = ranged(i == 0 ? "a" : "b", 1024), r;

		r = create_for(&vm, on, START);
		works("VM.start", &vm, 0, 0);
		cr_expect(idl_ref_equal(&world_vm(&w, &vm)->resident_on, on));
		cr_expect_eq(
		    of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	}
}

Test(reservation, a_start_that_fails_gives_it_back_to_who_held_it)
{
	struct idl_ref vm = ranged("a", 1024);
	struct idl_ref r = create_for(&vm, &host, START);
	int64_t before = world_free(&w, &host);

	w.deaf = true;
	cr_expect_eq(world_call(&w, "VM.start_on", &vm, &host, 0, 0),
	    ERR_INTERNAL_ERROR);
	w.deaf = false;
	cr_assert_not_null(of(&r));
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD);
	cr_expect_gt(of(&r)->granted, 0);
	cr_expect_eq(world_free(&w, &host), before);
	cr_expect_eq(world_vm(&w, &vm)->grant_bytes, 0);
	works("VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
}

Test(reservation, a_daemon_killed_while_it_starts_a_vm_keeps_the_promise)
{
	struct idl_ref vm = ranged("a", 1024);
	struct idl_ref r = create_for(&vm, &host, START);
	int64_t before = world_free(&w, &host);
	struct world_call p;

	w.hangs = true;
	world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	cr_expect_eq(world_free(&w, &host), before);
	w.hangs = false;
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&p.c);
	api_call_fini(&p.c); /* it died with its daemon */
	cr_assert_not_null(of(&r));
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD);
	cr_expect_eq(world_free(&w, &host), before);
	world_pass(&w, 62000);
	cr_expect_null(of(&r), "and not for ever");
}

Test(reservation, what_comes_back_after_its_time_goes)
{
	struct idl_ref vm = ranged("a", 1024);
	int64_t before = world_free(&w, &host);
	struct idl_ref r = create_for(&vm, &host, START); /* for 60 s */
	struct world_call p;

	w.hangs = true;
	world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	world_pass(&w, 100000);
	cr_expect_not_null(of(&r), "it is the VM's");
	w.hangs = false;
	api_hv_lost(&w.env); /* nobody has built it */
	world_pass(&w, 0);
	cr_expect_neq(world_end(&p), ERR_NONE);
	world_pass(&w, 2 * RESERVE_LOOK_MS);
	cr_expect_null(of(&r));
	cr_expect_eq(world_free(&w, &host), before);
}

Test(reservation, a_resume_is_admitted_with_what_was_suspended)
{
	struct world_shape s = {"a", IDL_DOMAIN_TYPE_HVM, 256, 256, 4096, 4096,
	    2, 1.0, "no_balloon"};
	struct idl_ref vm = world_new_vm(&w, &s), r;
	int64_t before, needed, held;
	struct failure why;

	works("VM.start_on", &vm, &host, 0, 0);
	works("VM.suspend", &vm);
	before = world_free(&w, &host);
	cr_assert_eq(mem_needed_for(world_vm(&w, &vm),
			 world_vm(&w, &vm)->suspended_bytes, &held, &why),
	    ERR_NONE);
	r = create_for(&vm, &host, RESUME);
	cr_expect_eq(of(&r)->amount, held);
	works("VM.resume_on", &vm, &host, 0, 0);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	cr_assert_eq(mem_needed(world_vm(&w, &vm), MEM_POLICY_DYNAMIC_MIN,
			 &needed, &why),
	    ERR_NONE);
	cr_expect_eq(
	    before - world_free(&w, &host), held > needed ? held : needed);
}

/* move - VM.pool_migrate, which must work */
static void
move(const struct idl_ref *vm, const struct idl_ref *to)
{
	struct world_call p;

	world_begin(&w, &p, "VM.pool_migrate", vm, to, &idl_map_none);
	world_pass(&w, 100);
	cr_assert_eq(world_end(&p), ERR_NONE, "%s", world_why(&w));
}

Test(reservation, a_migration_takes_what_was_reserved_for_it)
{
	struct idl_ref vm = ranged("a", 1024), r;
	int64_t before = world_free(&w, &other), here;

	works("VM.start_on", &vm, &host, 0, 0);
	here = world_free(&w, &host);
	refused("OPERATION_NOT_ALLOWED The VM runs on this host already",
	    "memory_reservation.create_for_VM", &vm, &host, MIGRATE,
	    (int64_t)60);
	r = create_for(&vm, &other, MIGRATE);
	move(&vm, &other);
	cr_expect_eq(of(&r)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	cr_expect(idl_ref_equal(&world_vm(&w, &vm)->resident_on, &other));
	cr_expect_eq(before - world_free(&w, &other), of(&r)->amount);
	cr_expect_gt(world_free(&w, &host), here);
	cr_expect_not(world_vm(&w, &vm)->is_shrunk);
	move(&vm, &host);
	cr_expect_null(of(&r), "its domain is elsewhere");
	cr_expect_eq(world_free(&w, &other), before);
}

Test(reservation, a_vm_that_is_destroyed_takes_its_reservations_along)
{
	int64_t before = world_free(&w, &host);
	struct idl_ref vm = ranged("a", 1024);
	struct idl_ref r = create_for(&vm, &host, START);

	works("VM.destroy", &vm);
	cr_expect_null(of(&r));
	cr_expect_eq(world_free(&w, &host), before);
}

Test(reservation, two_for_one_vm_are_both_counted)
{
	int64_t before = world_free(&w, &host);
	struct idl_ref vm = ranged("a", 1024), first, second;
	int64_t amount;

	first = create_for(&vm, &host, START);
	second = create_for(&vm, &host, START);
	amount = of(&first)->amount;
	cr_expect_eq(world_free(&w, &host), before - 2 * amount);
	works("VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(
	    of(&second)->state, IDL_MEMORY_RESERVATION_STATE_TRANSFERRED);
	cr_expect_eq(world_free(&w, &host), before - amount);
}

Test(reservation, answers_about_memory_count_it)
{
	struct idl_ref vm = ranged("a", 1024), r;
	int64_t all = world_free(&w, &host);

	r = create(all, all, 60, "x");
	cr_expect_eq(world_call(&w, "VM.assert_can_boot_here", &vm, &host),
	    ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	works("VM.get_possible_hosts", &vm);
	cr_expect_eq(w.members, 1);
	works("memory_reservation.destroy", &r);
	works("VM.assert_can_boot_here", &vm, &host);
	works("VM.get_possible_hosts", &vm);
	cr_expect_eq(w.members, 2);
}

/* spare - what is free on the host in Xen, above what is promised; bytes */
static int64_t
spare(int64_t granted)
{
	const struct idl_host *h = world_host(&w, &host);
	const struct idl_host_metrics *m =
	    fld_get(w.pin, IDL_CLASS_HOST_METRICS, &h->metrics);

	return m->memory_free - granted - (int64_t)MEM_RESERVED_BYTES;
}

/* What a domain is about to take is nobody else's until it has it. */
Test(reservation, shadow_memory_on_its_way_is_not_granted)
{
	struct idl_ref vm = ranged("a", 1024), r;
	struct world_call raise;
	int64_t overhead, rise, before;

	works("VM.start_on", &vm, &host, 0, 0);
	overhead = world_vm(&w, &vm)->memory_overhead;
	before = spare(0);
	w.env.command_ms = 1000;
	w.hangs = true;
	world_begin(&w, &raise, "VM.set_shadow_multiplier_live", &vm, 9.0);
	cr_assert(!raise.ended);
	rise = world_vm(&w, &vm)->memory_overhead - overhead;
	cr_assert_geq(rise, 8 * MIB);
	r = create(MIB, before, 60, "x");
	cr_expect_leq(of(&r)->granted, before - rise);
	w.now_ms += 1000;
	api_hv_late(&w.env);
	world_pass(&w, 0);
	cr_expect_eq(world_end(&raise), ERR_INTERNAL_ERROR);
}

/*
 * Nobody moves memory here, so a raised range asks for what the guest lacks; it
 * waits a moment, since a domain is new.  Meanwhile the guest is told to give
 * up more, and then lacks more than it has asked for.
 */
Test(reservation, who_gives_back_while_he_waits_takes_nothing_promised)
{
	struct idl_ref vm = ranged("a", 1024), r;
	struct world_call raise;
	int64_t granted;

	works("VM.start_on", &vm, &host, 0, 0);
	r = create(MIB, spare(0) - 700 * MIB, 60, "x");
	granted = of(&r)->granted;
	cr_assert_eq(spare(granted), 700 * MIB);
	world_begin(&w, &raise, "VM.set_memory_dynamic_range", &vm, 1024 * MIB,
	    1024 * MIB);
	cr_assert(!raise.ended);
	works("VM.set_memory_dynamic_min", &vm, 128 * MIB);
	cr_expect_geq(spare(granted), 0);
	world_pass(&w, 2000);
	cr_expect_eq(world_end(&raise), ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	cr_expect_eq(spare(granted), 828 * MIB);
}
