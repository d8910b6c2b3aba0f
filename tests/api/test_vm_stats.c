/* SPDX-License-Identifier: BSD-2-Clause */

/* What guests know of their memory: through the door, with the simulator. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* own */
#include "api/vm_priv.h"
#include "tests/api/help_suite.h"

PLAIN_SUITE(stats);

/* guest - a running VM of 1 GiB */
static struct idl_ref
guest(const char *name, const char *sim)
{
	struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, 1024, 1024, 1024, 1024, 2, 1.0, sim};
	struct idl_ref vm = world_new_vm(&w, &s);

	works("VM.start", &vm, 0, 0);
	return vm;
}

/* poll - VM.set_memory_stats_polling_interval, which must succeed */
static void
poll(const struct idl_ref *vm, int64_t seconds)
{
	cr_assert_eq(
	    world_call(&w, "VM.set_memory_stats_polling_interval", vm, seconds),
	    ERR_NONE, "%s", world_why(&w));
}

/* stat - one tag of get_memory_stats; -2: it is not there */
static int64_t
stat(const struct idl_ref *vm, const char *tag)
{
	return suite_member(&w, "VM.get_memory_stats", vm, tag);
}

/* stats_all - how many tags get_memory_stats gives back */
static uint32_t
stats_all(const struct idl_ref *vm)
{
	struct world_call p;
	const struct idl_map *map;
	uint32_t n;

	world_begin(&w, &p, "VM.get_memory_stats", vm);
	cr_assert(p.ended);
	memcpy(&map, p.c.result, sizeof map);
	n = map->n;
	cr_assert_eq(world_end(&p), ERR_NONE);
	return n;
}

/* stat_count - how many tags get_memory_stats_of gives back */
static uint32_t
stat_count(const struct idl_ref *vm, const struct idl_set *tags)
{
	struct world_call p;
	const struct idl_map *map;
	uint32_t n;

	world_begin(&w, &p, "VM.get_memory_stats_of", vm, tags);
	cr_assert(p.ended);
	cr_assert_eq(p.c.err, ERR_NONE);
	memcpy(&map, p.c.result, sizeof map);
	n = map->n;
	(void)world_end(&p);
	return n;
}

/* Every tag there is, and the number it is given below; 0: the host's own. */
static const struct {
	const char *tag;
	enum hv_stat stat;
	int64_t value;
} all_tags[] = {
    {"swap_in", HV_STAT_SWAP_IN, 11},
    {"swap_out", HV_STAT_SWAP_OUT, 12},
    {"major_faults", HV_STAT_MAJOR_FAULTS, 13},
    {"minor_faults", HV_STAT_MINOR_FAULTS, 14},
    {"free", HV_STAT_FREE, 15},
    {"total", HV_STAT_TOTAL, 16},
    {"available", HV_STAT_AVAILABLE, 17},
    {"disk_caches", HV_STAT_DISK_CACHES, 18},
    {"hugetlb_pgalloc", HV_STAT_HUGETLB_PGALLOC, 19},
    {"hugetlb_pgfail", HV_STAT_HUGETLB_PGFAIL, 20},
    {"balloon_actual", HV_STATS_GUEST, 0},
    {"resident", HV_STATS_GUEST, 0},
    {"last_update", HV_STATS_GUEST, 0},
    {"ignored", HV_STATS_GUEST, 0},
};
#define NALL (sizeof all_tags / sizeof *all_tags)

/* hear - a reading of a VM with every tag but one */
static void
hear(const struct idl_ref *vm, int without)
{
	struct hv_msg m;
	struct hv_reading *r = &m.u.stats.reading[0];

	hv_msg_init(&m, HV_STATS);
	m.u.stats.n = 1;
	cr_assert(api_vm_hv_uuid(world_vm(&w, vm)->uuid, &r->uuid));
	r->read_s = 1600000000;
	r->ignored = 21;
	for (size_t i = 0; i < NALL; i++)
		if (all_tags[i].stat < HV_STATS_GUEST)
			r->value[all_tags[i].stat] =
			    (int)i == without ? -1 : all_tags[i].value;
	world_fact(&w, &m);
}

Test(stats, every_tag_is_there_under_its_name)
{
	struct idl_ref vm = guest("a", "silent");
	const char *names[NALL];
	struct idl_set set = {NALL, names};

	poll(&vm, 5);
	hear(&vm, -1);
	for (size_t i = 0; i < NALL; i++) {
		names[i] = all_tags[i].tag;
		if (all_tags[i].value > 0)
			cr_expect_eq(stat(&vm, all_tags[i].tag),
			    all_tags[i].value, "%s", all_tags[i].tag);
	}
	cr_expect_eq(stat(&vm, "balloon_actual"), 1024 * MIB);
	cr_expect_geq(stat(&vm, "resident"), 1024 * MIB);
	cr_expect_eq(stat(&vm, "last_update"), 1600000000);
	cr_expect_eq(stat(&vm, "ignored"), 21);
	cr_expect_eq(stat_count(&vm, &set), NALL, "and there is no other one");
	cr_expect_eq(stats_all(&vm), NALL);
}

Test(stats, what_is_not_told_this_time_is_minus_1_and_stays_in_the_map)
{
	struct idl_ref vm = guest("a", "silent");

	poll(&vm, 5);
	for (int without = 0; without < HV_STATS_GUEST; without++) {
		hear(&vm, -1);
		hear(&vm, without);
		for (int i = 0; i < HV_STATS_GUEST; i++)
			cr_expect_eq(stat(&vm, all_tags[i].tag),
			    i == without ? -1 : all_tags[i].value, "%s",
			    all_tags[i].tag);
		cr_expect_eq(stats_all(&vm), NALL);
	}
}

Test(stats, without_agent_and_balloon_driver_the_host_still_knows)
{
	struct idl_ref vm = guest("a", "silent no_balloon");

	poll(&vm, 1);
	world_pass(&w, 10000);
	for (int i = 0; i < HV_STATS_GUEST; i++)
		cr_expect_eq(
		    stat(&vm, all_tags[i].tag), -1, "%s", all_tags[i].tag);
	cr_expect_eq(stat(&vm, "last_update"), 0);
	cr_expect_eq(stat(&vm, "balloon_actual"), 1024 * MIB);
	cr_expect_geq(stat(&vm, "resident"), 1024 * MIB);
}

Test(stats, nothing_is_read_until_it_is_polled)
{
	struct idl_ref vm = guest("a", "");

	world_pass(&w, 60000);
	for (int i = 0; i < HV_STATS_GUEST; i++)
		cr_expect_eq(
		    stat(&vm, all_tags[i].tag), -1, "%s", all_tags[i].tag);
	cr_expect_eq(stat(&vm, "last_update"), 0);
	cr_expect_eq(stat(&vm, "balloon_actual"), 1024 * MIB,
	    "what the host knows is there all the same");
	cr_expect_geq(stat(&vm, "resident"), 1024 * MIB);
	cr_expect_eq(stat(&vm, "no_such_tag"), -2);
}

Test(stats, a_reading_comes_and_stays)
{
	struct idl_ref vm = guest("a", "used_kib=524288");

	poll(&vm, 5);
	world_pass(&w, 200);
	cr_expect_eq(stat(&vm, "total"), 1024 * MIB);
	cr_expect_eq(stat(&vm, "free"), 512 * MIB);
	cr_expect_eq(stat(&vm, "hugetlb_pgfail"), -1, "the guest has not said");
	cr_expect_gt(stat(&vm, "last_update"), 1500000000);
	poll(&vm, 0);
	world_pass(&w, 60000);
	cr_expect_eq(stat(&vm, "free"), 512 * MIB, "the last one stays");
	cr_expect_eq(world_call(&w, "VM.hard_shutdown", &vm), ERR_NONE);
	cr_expect_eq(stat(&vm, "balloon_actual"), -1, "no domain, no balloon");
}

Test(stats, silent_and_lying_guests_say_nothing)
{
	struct idl_ref silent = guest("a", "silent");
	struct idl_ref liar = guest("b", "lies");

	poll(&silent, 1);
	poll(&liar, 1);
	world_pass(&w, 10000);
	cr_expect_eq(stat(&silent, "last_update"), 0);
	cr_expect_eq(stat(&silent, "free"), -1);
	cr_expect_gt(stat(&liar, "last_update"), 0);
	cr_expect_eq(stat(&liar, "free"), -1);
	cr_expect_eq(stat(&liar, "total"), -1);
	cr_expect_gt(stat(&liar, "ignored"), 0, "lies are counted");
}

Test(stats, polling_goes_on_in_the_next_domain_and_daemon)
{
	struct idl_ref vm = guest("a", "");

	poll(&vm, 1);
	world_pass(&w, 200);
	cr_expect_eq(world_call(&w, "VM.hard_reboot", &vm), ERR_NONE);
	cr_expect_eq(w.last.verb, HV_POLL, "the new domain is polled");
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_eq(stat(&vm, "last_update"), 0, "readings are not kept");
	world_pass(&w, 2000);
	cr_expect_gt(stat(&vm, "last_update"), 0, "but come by themselves");
	cr_expect_eq(world_vm(&w, &vm)->memory_stats_polling_interval, 1);
}

Test(stats, a_halted_vm_is_polled_when_it_runs)
{
	struct world_shape s = {
	    "a", IDL_DOMAIN_TYPE_PV, 64, 64, 64, 64, 1, 1.0, ""};
	struct idl_ref vm = world_new_vm(&w, &s);
	unsigned before = w.commands;

	poll(&vm, 5);
	cr_expect_eq(w.commands, before, "nobody needs to be told");
	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	world_pass(&w, 200);
	cr_expect_eq(stat(&vm, "total"), 64 * MIB);
}

Test(stats, dom0_may_be_polled_and_says_nothing)
{
	struct idl_ref host = world_first_host(&w);
	struct idl_ref dom0 = world_host(&w, &host)->control_domain;

	poll(&dom0, 5);
	world_pass(&w, 1000);
	cr_expect_eq(stat(&dom0, "free"), -1);
	cr_expect_gt(stat(&dom0, "balloon_actual"), 0);
}

Test(stats, some_tags)
{
	struct idl_ref vm = guest("a", "");
	const char *names[] = {"free", "total", "free"};
	const char *wrong[] = {"free", "beer"};
	struct idl_set set = {3, names}, none = {0, NULL}, bad = {2, wrong};

	cr_expect_eq(stat_count(&vm, &set), 2, "each once");
	cr_expect_eq(stat_count(&vm, &none), 0);
	refused("INVALID_VALUE tags beer", "VM.get_memory_stats_of", &vm, &bad);
}

Test(stats, intervals)
{
	struct idl_ref vm = guest("a", "");

	refused("INVALID_VALUE memory_stats_polling_interval -1",
	    "VM.set_memory_stats_polling_interval", &vm, (int64_t)-1);
	refused("INVALID_VALUE memory_stats_polling_interval 86401",
	    "VM.set_memory_stats_polling_interval", &vm, (int64_t)86401);
	poll(&vm, 86400);
	poll(&vm, 0);
}

Test(stats, guest_metrics_show_memory_while_polled)
{
	struct idl_ref vm = guest("a", "used_kib=262144"), gm;
	const struct idl_map *map;
	struct world_call p;

	cr_expect(idl_ref_is_null(&world_vm(&w, &vm)->guest_metrics));
	poll(&vm, 5);
	world_pass(&w, 200);
	gm = world_vm(&w, &vm)->guest_metrics;
	world_begin(&w, &p, "VM_guest_metrics.get_memory", &gm);
	cr_assert(p.ended);
	cr_assert_eq(p.c.err, ERR_NONE);
	memcpy(&map, p.c.result, sizeof map);
	cr_assert_eq(map->n, 3);
	cr_expect_str_eq(((const char *const *)map->keys)[0], "free");
	cr_expect_str_eq(((const char *const *)map->values)[0], "805306368");
	cr_expect_str_eq(((const char *const *)map->values)[2], "268435456");
	(void)world_end(&p);
	poll(&vm, 0);
	poll(&vm, 7);
	cr_expect(idl_ref_equal(&gm, &world_vm(&w, &vm)->guest_metrics),
	    "it is made once");
}
