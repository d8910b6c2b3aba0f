/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Random worlds whose daemon is killed, between two steps or in a commit of
 * its own: whatever was promised is still promised, to one, and nothing more.
 *
 * Every commit is watched: what may become of a reservation, and when.
 * API_WORLDS in the environment says how many worlds; TEST_SEED repeats a run.
 */

/* System */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/reserve.h"

/* Own */
#include "tests/api/help_play.h"

#define WORLDS 1500
#define STEPS 80
#define VMS 6
#define PROMISES 400 /* more than there are ever in a world */

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define HELD IDL_MEMORY_RESERVATION_STATE_HELD
#define TRANSFERRED IDL_MEMORY_RESERVATION_STATE_TRANSFERRED

/* What somebody was told, and nobody has ended yet. */
struct promise {
	struct idl_ref ref;
	bool is_over;
};

static struct play play;
static struct promise promises[PROMISES];
static size_t npromises;
static bool is_dropping;  /* a call that ends reservations is sent */
static int64_t passed_ms; /* by the last step */

/* What came of all worlds. */
static struct {
	uint64_t worlds, kills, dooms, reboots;
	uint64_t told, expired, taken, returned;
} sum;

static uint64_t
below(uint64_t n)
{
	return help_random_below(&play.r, n);
}

static int64_t
wall_s(void)
{
	return play.w.env.wall_s(play.w.env.ctx);
}

/* ---- what may become of a reservation ---- */

/* is_at - is a VM on a host, or on the way there? */
static bool
is_at(const struct fld_view *v, const struct idl_ref *ref,
    const struct idl_ref *host)
{
	const struct idl_vm *vm = fld_get(v, IDL_CLASS_VM, ref);

	return vm != NULL &&
	       (idl_ref_equal(&vm->resident_on, host) ||
		   idl_ref_equal(&vm->scheduled_to_be_resident_on, host));
}

/* over - somebody's promise has ended, for a good reason */
static void
over(const struct idl_ref *ref)
{
	for (size_t i = 0; i < npromises; i++)
		if (idl_ref_equal(&promises[i].ref, ref))
			promises[i].is_over = true;
}

/* check_gone - there was a reason */
static void
check_gone(const struct fld_view *v, const struct idl_memory_reservation *was)
{
	over(&was->h.ref);
	if (was->state == TRANSFERRED) {
		cr_assert(!is_at(v, &was->VM, &was->host),
		    "its VM is there, after %s", play.said);
		return;
	}
	if (was->granted == 0 || is_dropping)
		return; /* nobody was told of it; or somebody has ended it */
	if (!idl_ref_is_null(&was->VM) &&
	    fld_get(v, IDL_CLASS_VM, &was->VM) == NULL)
		return;
	sum.expired++;
	cr_assert_geq(wall_s(), was->expires, "too soon");
}

/* check_held - granted once, for good */
static void
check_held(const struct idl_memory_reservation *was,
    const struct idl_memory_reservation *now)
{
	cr_assert_eq(now->amount, was->amount);
	cr_assert(idl_ref_equal(&now->VM, &was->VM));
	if (was->granted == 0)
		return;
	cr_assert(now->granted >= now->amount && now->granted <= was->granted);
	cr_assert_leq(now->expires, was->expires);
	cr_assert_geq(now->expires, was->expires - 1);
}

/* check_changed - from state to state as it may be */
static void
check_changed(const struct fld_view *v,
    const struct idl_memory_reservation *was,
    const struct idl_memory_reservation *now)
{
	bool there = is_at(v, &now->VM, &now->host);

	cr_assert(idl_ref_equal(&now->host, &was->host));
	cr_assert_str_eq(now->owner, was->owner);
	if (was->state == HELD && now->state == HELD) {
		check_held(was, now);
	} else if (now->state == TRANSFERRED) {
		sum.taken += was->state == HELD;
		cr_assert(there, "to a VM that is not there");
	} else {
		sum.returned++;
		cr_assert(!there, "its VM is there, and counts as well");
		cr_assert(now->amount > 0 && now->amount <= was->amount);
		cr_assert(now->granted > 0 && now->granted <= was->granted);
	}
}

/* check_host - sums by hand; what was granted is really free */
static void
check_host(const struct fld_view *v, const struct idl_host *host)
{
	const struct idl_host_account *a =
	    fld_get(v, IDL_CLASS_HOST_ACCOUNT, &host->h.ref);
	const struct idl_memory_reservation *r = NULL;
	int64_t amount = 0;

	while ((r = fld_find(v, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_HOST, &host->h.ref,
		    r != NULL ? &r->h.ref : NULL)) != NULL)
		if (r->state == HELD)
			amount += r->amount;
	cr_assert_eq(a->reserved_bytes, amount);
}

/* watch - a commit, before anybody hears of it */
static void
watch(void *ctx, const struct fld_change *change, size_t n)
{
	struct play *p = ctx;
	const struct fld_view *v = fld_pin(p->w.reader);
	const struct idl_host *host = NULL;
	char text[300];

	cr_assert_not_null(v);
	for (size_t i = 0; i < n; i++) {
		if (change[i].cls != IDL_CLASS_MEMORY_RESERVATION ||
		    change[i].was == NULL)
			continue;
		if (change[i].now == NULL)
			check_gone(v, change[i].was);
		else
			check_changed(v, change[i].was, change[i].now);
	}
	cr_assert(calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)),
	    "%s after %s", text, p->said);
	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL)
		check_host(v, host);
	fld_unpin(p->w.reader, v);
}

/* ---- what was told ---- */

/* heard - a call was answered: is it a promise? */
static void
heard(struct play *p, const struct api_call *c)
{
	const struct idl_memory_reservation *r;
	const struct fld_view *v;
	struct promise *one;

	if (c->err != ERR_NONE || p->w.is_dead ||
	    strncmp(c->method, "memory_reservation.create", 25) != 0)
		return;
	cr_assert_lt(npromises, PROMISES);
	one = &promises[npromises++];
	memcpy(&one->ref, c->result, sizeof(one->ref));
	v = fld_pin(p->w.reader);
	cr_assert_not_null(v);
	r = fld_get(v, IDL_CLASS_MEMORY_RESERVATION, &one->ref);
	/* If it is gone already, there was a reason: every commit is watched */
	one->is_over = r == NULL;
	cr_assert(r == NULL || r->state == TRANSFERRED || r->granted > 0,
	    "not granted");
	fld_unpin(p->w.reader, v);
	sum.told++;
}

/* check_promises - every one that is not over is there; none stays for ever */
static void
check_promises(const struct fld_view *v)
{
	const struct idl_memory_reservation *r = NULL;

	for (size_t i = 0; i < npromises; i++)
		cr_assert(promises[i].is_over ||
			      fld_get(v, IDL_CLASS_MEMORY_RESERVATION,
				  &promises[i].ref) != NULL,
		    "lost after %s", play.said);
	while ((r = fld_next(v, IDL_CLASS_MEMORY_RESERVATION,
		    r != NULL ? &r->h.ref : NULL)) != NULL)
		cr_assert(r->state == TRANSFERRED ||
			      (r->expires - wall_s()) * 1000 >=
				  -(passed_ms + 2 * RESERVE_LOOK_MS),
		    "kept after its time");
}

/* check_free - what was granted, and is nobody's yet, is free in Xen */
static void
check_free(const struct fld_view *v)
{
	const struct idl_host *host = NULL;
	const struct idl_host_metrics *m;
	const struct idl_memory_reservation *r;
	int64_t granted;

	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		granted = 0;
		r = NULL;
		while ((r = fld_find(v, IDL_CLASS_MEMORY_RESERVATION,
			    IDL_MEMORY_RESERVATION_F_HOST, &host->h.ref,
			    r != NULL ? &r->h.ref : NULL)) != NULL)
			if (r->state == HELD)
				granted += r->granted;
		m = fld_get(v, IDL_CLASS_HOST_METRICS, &host->metrics);
		cr_assert_geq(m->memory_free,
		    granted + (int64_t)MEM_RESERVED_BYTES,
		    "%" PRId64 " granted, %" PRId64 " free after %s", granted,
		    m->memory_free, play.said);
	}
}

/* check - all of it, when nothing is happening */
static void
check(void)
{
	const struct fld_view *v = fld_pin(play.w.reader);
	char text[300];

	cr_assert_not_null(v);
	check_promises(v);
	check_free(v);
	cr_assert(hv_sim_conserves(play.w.sim, text, sizeof(text)), "%s", text);
	fld_unpin(play.w.reader, v);
}

/* ---- what happens ---- */

/*
 * pass - some time; now and then enough for things to expire, as it goes by or
 * at once, when the machine has stood still
 */
static void
pass(void)
{
	int64_t left_ms = (int64_t)below(below(8) == 0 ? 10000 : 300);
	int64_t part_ms = below(2) == 0 ? left_ms : 500;

	passed_ms = left_ms;
	do {
		world_pass(&play.w, left_ms < part_ms ? left_ms : part_ms);
		left_ms -= part_ms;
	} while (left_ms > 0);
}

/* begin - a random call, by who is free */
static void
begin(void)
{
	struct play_call *s = &play.call[below(PLAY_CALLS)];
	const struct fld_view *v;

	if (s->busy) {
		pass();
		return;
	}
	v = fld_pin(play.w.reader);
	cr_assert_not_null(v);
	is_dropping = true;
	play_begin(&play, s, v);
	fld_unpin(play.w.reader, v);
	play_say(&play, &s->c);
}

/*
 * check_doomed - what the commit in which the daemon died has left
 *
 * Nobody heard of it, so nobody has watched it: what is in the journal is
 * looked at against what was known.
 */
static void
check_doomed(void)
{
	const struct fld_view *known = fld_pin(play.w.reader), *found;
	const struct idl_memory_reservation *was = NULL, *now;
	struct jrn *copy = jrn_memory_copy(play.w.journal);
	struct fld_reader *reader;
	struct fld_store *store;
	struct failure why;

	cr_assert(known != NULL && copy != NULL);
	cr_assert_eq(fld_open(&store, copy, &mem_rules, &why), ERR_NONE, "%s",
	    why.param[0]);
	reader = fld_reader_new(store);
	cr_assert_not_null(reader);
	found = fld_pin(reader);
	cr_assert_not_null(found);
	while ((was = fld_next(known, IDL_CLASS_MEMORY_RESERVATION,
		    was != NULL ? &was->h.ref : NULL)) != NULL) {
		now = fld_get(found, IDL_CLASS_MEMORY_RESERVATION, &was->h.ref);
		if (now == NULL)
			check_gone(found, was);
		else
			check_changed(found, was, now);
	}
	fld_unpin(reader, found);
	fld_unpin(play.w.reader, known);
	fld_reader_free(&reader);
	fld_close(&store);
}

/* kill_it - and start it again; now and then the machine as well */
static void
kill_it(void)
{
	enum world_reboot how = below(6) == 0 ? WORLD_REBOOTS : WORLD_GOES_ON;

	sum.kills++;
	sum.dooms += play.w.is_dead;
	sum.reboots += how == WORLD_REBOOTS;
	(void)snprintf(play.said, sizeof(play.said), "a kill");
	if (play.w.is_dead)
		check_doomed();
	is_dropping = false;
	play_kill(&play, how);
	cr_assert(play.w.ready, "%s", play.w.text);
}

static void
step(void)
{
	uint64_t what = below(100);

	passed_ms = 0;
	is_dropping = false;
	if (what < 3)
		kill_it();
	else if (what < 8)
		world_doom(&play.w, 1 + below(5),
		    below(2) ? WORLD_BATCH_KEPT : WORLD_BATCH_LOST);
	else if (what < 30)
		pass();
	else
		begin();
	if (play.w.is_dead)
		kill_it();
	play_reap(&play);
	check();
}

/* ---- a world ---- */

/* open_world - one host or two, that soon are full */
static void
open_world(void)
{
	struct hv_sim_host hosts[2];
	size_t n = 1 + below(2);

	for (size_t i = 0; i < n; i++) {
		hv_sim_host_init(&hosts[i]);
		(void)snprintf(hosts[i].name, sizeof(hosts[i].name), "h%zu", i);
		hosts[i].memory_kib = (3 + below(4)) << 20;
	}
	memset(promises, 0, sizeof(promises));
	npromises = 0;
	if (below(4) == 0)
		world_open(&play.w, hosts, n, NULL);
	else
		world_open_balanced(&play.w, hosts, n);
	cr_assert(play.w.ready, "%s", play.w.text);
	play.w.random = help_random_next(&play.r);
	play.w.watch = watch;
	play.w.watch_ctx = &play;
	play.heard = heard;
}

/* start - a VM, if it fits; others may have to shrink first */
static void
start(const struct idl_ref *vm)
{
	struct world_call call;

	world_begin(&play.w, &call, "VM.start", vm, 0, 0);
	for (int i = 0; i < 1000 && !call.ended; i++)
		world_pass(&play.w, 100);
	(void)world_end(&call);
}

/* people - guests of all manners, of which some run */
static void
people(void)
{
	static const char *const manners[] = {NULL, NULL, NULL,
	    "rate_kib_s=262144", "rate_kib_s=16384", "stuck",
	    "limit_kib=300000", "no_balloon", "boot_ms=3000", "lying",
	    "growing", "stuck_ms=300/1000", "vanish_ms=20000"};

	for (uint64_t i = 0; i < VMS; i++) {
		int64_t min = 64 + 64 * (int64_t)below(6);
		int64_t max = min + 256 * (int64_t)below(8);
		struct world_shape s = {"r", (int32_t)below(4), 64, min, max,
		    max, 1 + (int64_t)below(4), 1.0,
		    manners[below(N(manners))]};
		struct idl_ref vm = world_new_vm(&play.w, &s);

		if (below(3) != 0)
			start(&vm);
	}
}

/* run_world - from an empty host to an empty host */
static void
run_world(void)
{
	int64_t free_bytes;

	open_world();
	free_bytes = play_free_bytes(&play);
	people();
	for (int i = 0; i < STEPS; i++)
		step();
	if (play.w.is_doomed) /* it would die while all is cleared away */
		kill_it();
	play_end_all(&play);
	is_dropping = true;
	play_clear(&play);
	is_dropping = false;
	cr_assert_eq(play_free_bytes(&play), free_bytes, "not all came back");
	world_check(&play.w);
	world_close(&play.w);
}

Test(killed, what_was_promised_is_kept_in_all_worlds)
{
	const char *number = getenv("API_WORLDS");

	help_random_init(&play.r, "test_killed");
	sum.worlds = number != NULL ? strtoull(number, NULL, 10) : WORLDS;
	for (uint64_t i = 0; i < sum.worlds; i++)
		run_world();
	(void)fprintf(stderr,
	    "%" PRIu64 " worlds: %" PRIu64 " kills, %" PRIu64
	    " of them in a commit, %" PRIu64 " reboots; %" PRIu64
	    " calls worked, %" PRIu64 " failed; %" PRIu64
	    " reservations told of, %" PRIu64 " expired, %" PRIu64
	    " taken, %" PRIu64 " returned\n",
	    sum.worlds, sum.kills, sum.dooms, sum.reboots, play.good, play.bad,
	    sum.told, sum.expired, sum.taken, sum.returned);
	cr_expect(sum.worlds < 100 ||
		  (sum.told > 0 && sum.expired > 0 && sum.taken > 0 &&
		      sum.returned > 0 && sum.dooms > 0));
}
