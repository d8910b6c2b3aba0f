/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory that a call needs and does not find at once: it is looked for on
 * another host, or taken from reservations that have more than they reserved;
 * and what is promised meanwhile is counted once, whatever dies.
 */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/reserve.h"

/* own */
#include "tests/api/help_world.h"

static struct world w;
static struct idl_ref host, other;

/* open_hosts - two that share their memory out; KiB, 1 GiB of each dom0's */
static void
open_hosts(uint64_t kib, uint64_t other_kib)
{
	const uint64_t size_kib[] = {kib, other_kib};
	struct hv_sim_host hosts[2];
	const struct idl_hdr *next;

	for (size_t i = 0; i < 2; i++) {
		hv_sim_host_init(&hosts[i]);
		hosts[i].uuid.hi = 1;
		hosts[i].uuid.lo = i + 1;
		hosts[i].memory_kib = size_kib[i];
		(void)snprintf(hosts[i].name, sizeof(hosts[i].name), "h%zu", i);
	}
	world_open_balanced(&w, hosts, 2);
	cr_assert(w.ready, "%s", w.text);
	host = world_first_host(&w);
	next = fld_next(w.pin, IDL_CLASS_HOST, &host);
	cr_assert_not_null(next);
	other = next->ref;
	if (strcmp(world_host(&w, &host)->name_label, "h0") == 0)
		return;
	other = host;
	host = next->ref;
}

static void
close_world(void)
{
	world_check(&w);
	world_close(&w);
}

TestSuite(promise, .fini = close_world);

#define GIB_KIB (1024ull * 1024)
#define works(...)                                                             \
	cr_assert_eq(world_call(&w, __VA_ARGS__), ERR_NONE, "%s", world_why(&w))

/* guest - a halted VM that likes the first host best */
static struct idl_ref
guest(const char *name, int64_t min_mib, int64_t max_mib, const char *sim)
{
	struct world_shape s = {name, IDL_DOMAIN_TYPE_HVM, 64, min_mib, max_mib,
	    max_mib, 1, 1.0, sim};
	struct idl_vm rec;

	world_record(&rec, &s);
	rec.affinity = host;
	works("VM.create", &rec);
	return w.result.ref;
}

/*
 * miser - a running VM of so much on the first host, that may be promised to
 * others and does not come back
 */
static struct idl_ref
miser(int64_t mib, const char *sim)
{
	struct idl_ref vm = guest("miser", mib, mib, sim);
	struct world_call p;

	works("VM.start_on", &vm, &host, 0, 0);
	world_begin(
	    &w, &p, "VM.set_memory_dynamic_range", &vm, 128 * MIB, mib * MIB);
	world_pass(&w, 30000);
	cr_assert_eq(world_end(&p), ERR_NONE, "%s", world_why(&w));
	return vm;
}

/* ended_in - what becomes of a call; time passes until then */
static enum err
ended_in(struct world_call *p, int64_t most_ms)
{
	for (int64_t ms = 0; ms < most_ms && !p->ended; ms += 100)
		world_pass(&w, 100);
	return world_end(p);
}

static const struct idl_memory_reservation *
of(const struct idl_ref *ref)
{
	(void)world_host(&w, &host); /* pins what is newest */
	return fld_get(w.pin, IDL_CLASS_MEMORY_RESERVATION, ref);
}

static int64_t
needed(const struct idl_ref *vm)
{
	struct failure why;
	int64_t bytes;

	cr_assert_eq(
	    mem_needed(world_vm(&w, vm), MEM_POLICY_DYNAMIC_MIN, &bytes, &why),
	    ERR_NONE);
	return bytes;
}

/* ---- on another host ---- */

/*
 * The first host has room by the accounts, for all that its miser could give;
 * he does not, or cannot.
 */
static const struct {
	const char *sentence, *miser;
	uint64_t other_gib;
	bool is_named;	    /* start_on: that host, and no other */
	bool starts;	    /* then it is on the other one */
	const char *answer; /* else */
} elsewhere[] = {
    {"who does not give makes it start on another host", "stuck", 6, false,
	true, ""},
    {"so does who cannot give", "no_balloon", 6, false, true, ""},
    {"no other has room: who did not give is named", "stuck", 2, false, false,
	"VMS_FAILED_TO_COOPERATE "},
    {"no other has room, and nobody could give: it fits nowhere", "no_balloon",
	2, false, false, "NO_HOSTS_AVAILABLE"},
    {"the host was named: who did not give is, too", "stuck", 6, true, false,
	"VMS_FAILED_TO_COOPERATE "},
    {"the host was named: it has not got so much", "no_balloon", 6, true, false,
	"HOST_NOT_ENOUGH_FREE_MEMORY "},
};

/* start_elsewhere - one row */
static void
start_elsewhere(size_t i)
{
	const char *say = elsewhere[i].sentence;
	int64_t before, other_before;
	struct idl_ref vm, m;
	struct world_call p;
	char expected[100], name[IDL_REF_TEXT], text[300];
	enum err rc;

	open_hosts(8 * GIB_KIB, elsewhere[i].other_gib * GIB_KIB);
	m = miser(4096, elsewhere[i].miser);
	vm = guest("a", 3072, 3072, NULL);
	before = world_free(&w, &host);
	other_before = world_free(&w, &other);
	if (elsewhere[i].is_named)
		world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	else
		world_begin(&w, &p, "VM.start", &vm, 0, 0);
	if (!p.ended) /* counted where it is to go, and nowhere else */
		cr_expect_eq(
		    world_free(&w, &host), before - needed(&vm), "%s", say);
	rc = ended_in(&p, 30000);
	(void)snprintf(text, sizeof(text), "%s", world_why(&w));
	cr_expect_eq(
	    rc == ERR_NONE, elsewhere[i].starts, "%s: %s", say, world_why(&w));
	cr_expect_eq(world_free(&w, &host), before, "%s", say);
	cr_expect_eq(other_before - world_free(&w, &other),
	    elsewhere[i].starts ? needed(&vm) : 0, "%s", say);
	if (elsewhere[i].starts) {
		cr_expect(
		    idl_ref_equal(&world_vm(&w, &vm)->resident_on, &other),
		    "%s", say);
		return;
	}
	idl_ref_write(&m, name);
	(void)snprintf(expected, sizeof(expected), "%s%s", elsewhere[i].answer,
	    rc == ERR_VMS_FAILED_TO_COOPERATE ? name : "");
	cr_expect_eq(
	    strncmp(text, expected, strlen(expected)), 0, "%s: %s", say, text);
	cr_expect_eq(world_vm(&w, &vm)->grant_bytes, 0, "%s", say);
}

Test(promise, who_is_not_given_to_looks_elsewhere)
{
	size_t n = sizeof(elsewhere) / sizeof(*elsewhere);

	for (size_t i = 0; i < n; i++) {
		start_elsewhere(i);
		if (i + 1 < n)
			close_world();
	}
}

Test(promise, shadow_memory_that_is_not_given_is_counted_no_more)
{
	char text[IDL_REF_TEXT + 40], name[IDL_REF_TEXT];
	struct idl_ref vm, m;
	struct world_call p;
	int64_t before;

	open_hosts(8 * GIB_KIB, 2 * GIB_KIB);
	m = miser(4096, "stuck");
	vm = guest("a", 512, 512, NULL);
	works("VM.start_on", &vm, &host, 0, 0);
	before = world_free(&w, &host);
	world_begin(&w, &p, "VM.set_shadow_multiplier_live", &vm, 600.0);
	cr_assert(!p.ended, "%s", world_why(&w));
	cr_expect_lt(world_free(&w, &host), before - 2 * GIB);
	cr_expect_eq(ended_in(&p, 30000), ERR_VMS_FAILED_TO_COOPERATE);
	idl_ref_write(&m, name);
	(void)snprintf(text, sizeof(text), "VMS_FAILED_TO_COOPERATE %s", name);
	cr_expect_str_eq(world_why(&w), text);
	cr_expect_eq(world_free(&w, &host), before);
	cr_expect_eq(world_vm(&w, &vm)->HVM_shadow_multiplier, 1.0);
	cr_expect_eq(world_vm(&w, &vm)->current_operations->n, 0);
}

/* ---- what a reservation has more than it reserved ---- */

/* What asks, on a host whose memory a reservation has all but for a GiB. */
enum asker { START, START_ON, RESERVE, RESERVE_FOR, MIGRATE, SHADOW };
static const struct {
	const char *sentence;
	enum asker asker;
} askers[] = {
    {"a start", START},
    {"a start on a host", START_ON},
    {"another reservation", RESERVE},
    {"a reservation for a VM", RESERVE_FOR},
    {"a migration", MIGRATE},
    {"shadow memory", SHADOW},
};

/* begin_asker - a call that needs 3 GiB there, or a VM that was there before */
static void
begin_asker(struct world_call *p, enum asker asker, struct idl_ref *vm)
{
	switch (asker) {
	case START:
		world_begin(&w, p, "VM.start", vm, 0, 0);
		break;
	case START_ON:
		world_begin(&w, p, "VM.start_on", vm, &host, 0, 0);
		break;
	case RESERVE:
		world_begin(&w, p, "memory_reservation.create", &host, 3 * GIB,
		    3 * GIB, (int64_t)60, "y");
		break;
	case RESERVE_FOR:
		world_begin(&w, p, "memory_reservation.create_for_VM", vm,
		    &host, IDL_MEMORY_RESERVATION_OPERATION_START, (int64_t)60);
		break;
	case MIGRATE:
		world_begin(&w, p, "VM.pool_migrate", vm, &host, &idl_map_none);
		break;
	case SHADOW:
		world_begin(&w, p, "VM.set_shadow_multiplier_live", vm, 400.0);
		break;
	}
}

/* give_up - one row: the reservation has 5 GiB, of which it needs one */
static void
give_up(size_t i)
{
	enum asker asker = askers[i].asker;
	const char *say = askers[i].sentence;
	struct idl_ref vm, r;
	struct world_call p;

	open_hosts(8 * GIB_KIB, 8 * GIB_KIB);
	vm = guest("a", asker == SHADOW ? 512 : 3072,
	    asker == SHADOW ? 512 : 3072, NULL);
	if (asker == MIGRATE || asker == SHADOW)
		works(
		    "VM.start_on", &vm, asker == SHADOW ? &host : &other, 0, 0);
	works("memory_reservation.create", &host, GIB, 5 * GIB, (int64_t)600,
	    "x");
	r = w.result.ref;
	cr_assert_eq(of(&r)->granted, 5 * GIB, "%s", say);
	begin_asker(&p, asker, &vm);
	cr_expect_eq(
	    ended_in(&p, 30000), ERR_NONE, "%s: %s", say, world_why(&w));
	cr_assert_not_null(of(&r), "%s", say);
	cr_expect_eq(of(&r)->amount, GIB, "%s", say);
	cr_expect_eq(of(&r)->granted, GIB, "%s: it has %lld", say,
	    (long long)of(&r)->granted);
	cr_expect_eq(
	    of(&r)->state, IDL_MEMORY_RESERVATION_STATE_HELD, "%s", say);
}

Test(promise, who_needs_it_gets_what_others_have_beyond_theirs)
{
	size_t n = sizeof(askers) / sizeof(*askers);

	for (size_t i = 0; i < n; i++) {
		give_up(i);
		if (i + 1 < n)
			close_world();
	}
}

Test(promise, what_would_not_help_is_not_given_up)
{
	struct idl_ref r, vm;
	struct world_call p;

	open_hosts(8 * GIB_KIB, 2 * GIB_KIB);
	(void)miser(2048, "no_balloon");
	works("memory_reservation.create", &host, GIB, 3 * GIB, (int64_t)600,
	    "x");
	r = w.result.ref;
	cr_assert_eq(of(&r)->granted, 3 * GIB);
	vm = guest("a", 4096, 4096, NULL); /* the miser counts as 128 MiB */
	world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(ended_in(&p, 30000), ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "%s",
	    world_why(&w));
	cr_expect_eq(of(&r)->granted, 3 * GIB, "it would be too little");
}

/* ---- a start is a promise, too ---- */

/* What the hypervisor has done by the time the daemon is killed. */
enum deed { NOTHING, BUILT };

/* kill_start - a start whose daemon dies when the memory is granted, or later
 */
static void
kill_start(enum deed deed, bool is_reserved)
{
	struct idl_ref vm, r = {0, 0};
	struct world_call p;
	int64_t before;

	open_hosts(8 * GIB_KIB, 2 * GIB_KIB);
	vm = guest("a", 1024, 2048, NULL);
	before = world_free(&w, &host);
	if (is_reserved) {
		works("memory_reservation.create_for_VM", &vm, &host,
		    IDL_MEMORY_RESERVATION_OPERATION_START, (int64_t)60);
		r = w.result.ref;
	}
	if (deed == NOTHING)
		w.hangs = true; /* granted, sent, and never heard of */
	else
		world_doom(&w, 2, WORLD_BATCH_LOST); /* it is there: unheard */
	world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	cr_assert(deed == BUILT ? w.is_dead : !p.ended);
	if (deed == NOTHING)
		cr_expect_eq(world_free(&w, &host), before - needed(&vm),
		    "it counts from the grant on");
	w.hangs = false;
	world_restart(&w, WORLD_GOES_ON);
	api_call_fini(&p.c); /* it died with its daemon */
	world_pass(&w, 100);
	cr_expect_eq(world_vm(&w, &vm)->power_state,
	    deed == BUILT ? IDL_VM_POWER_STATE_RUNNING
			  : IDL_VM_POWER_STATE_HALTED);
	/* Built, or still reserved: counted once; else not at all. */
	cr_expect_eq(before - world_free(&w, &host),
	    deed == BUILT || is_reserved ? needed(&vm) : 0);
	cr_expect_eq(world_vm(&w, &vm)->grant_bytes, 0);
	if (is_reserved)
		cr_expect_eq(of(&r)->state,
		    deed == BUILT ? IDL_MEMORY_RESERVATION_STATE_TRANSFERRED
				  : IDL_MEMORY_RESERVATION_STATE_HELD);
	world_pass(&w, 60000 + 2 * RESERVE_LOOK_MS);
	if (deed == NOTHING)
		cr_expect_eq(world_free(&w, &host), before, "nor for ever");
	else
		works("VM.hard_shutdown", &vm);
	cr_expect_eq(world_free(&w, &host), before);
}

Test(promise, a_start_that_is_killed_before_it_builds_leaves_nothing)
{
	kill_start(NOTHING, false);
}

Test(promise, a_start_that_is_killed_when_it_has_built_is_counted_once)
{
	kill_start(BUILT, false);
}

Test(promise, what_was_reserved_for_a_start_outlives_its_daemon)
{
	kill_start(NOTHING, true);
}

Test(promise, what_was_reserved_for_a_start_is_the_domains)
{
	kill_start(BUILT, true);
}

Test(promise, what_is_granted_to_a_start_is_nobody_elses)
{
	struct idl_ref vm, next;
	struct world_call p;

	open_hosts(4 * GIB_KIB, 2 * GIB_KIB);
	vm = guest("a", 2048, 2048, NULL);
	next = guest("b", 512, 512, NULL);
	w.hangs = true;
	world_begin(&w, &p, "VM.start_on", &vm, &host, 0, 0);
	cr_expect_eq(world_call(&w, "memory_reservation.create", &host, GIB,
			 GIB, (int64_t)60, "x"),
	    ERR_HOST_NOT_ENOUGH_FREE_MEMORY);
	cr_expect_eq(world_call(&w, "VM.assert_can_boot_here", &next, &host),
	    ERR_NONE, "%s", world_why(&w));
	w.hangs = false;
	api_hv_lost(&w.env);
	world_pass(&w, 0);
	cr_expect_neq(world_end(&p), ERR_NONE);
	works("memory_reservation.create", &host, GIB, GIB, (int64_t)60, "x");
}
