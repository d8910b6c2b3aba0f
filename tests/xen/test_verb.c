/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "tests/xen/help_sim.h"

/* The small guest of help_command, with its overhead. */
#define GUEST_KIB ((128 + 16) * MIB)

static struct hv_sim_host
host_of(const char *name, uint64_t memory_kib)
{
	struct hv_sim_host c;

	hv_sim_host_init(&c);
	(void)snprintf(c.name, sizeof c.name, "%s", name);
	c.memory_kib = memory_kib;
	return c;
}

static uint64_t
free_kib(struct help_sim *h, size_t host)
{
	return help_host(h, host)->free_kib;
}

static void
expect_refused(struct help_sim *h, const struct hv_msg *m, int32_t status,
    const char *text)
{
	struct hv_result r = help_do(h, m);

	cr_expect_eq(r.status, status, "status %d %s", r.status, r.text);
	cr_expect_str_eq(r.text, text);
}

Test(hv_verb, sync_reports_the_default_host_and_dom0)
{
	struct help_sim h;
	const struct hv_host *host;
	const struct hv_domain *dom0;

	help_open(&h, NULL, 0);
	cr_assert_eq(h.n, 4);
	cr_expect_str_eq(h.log[0].u.hello.backend, "sim");
	cr_expect_eq(h.log[0].u.hello.protocol, HV_PROTOCOL);
	cr_assert_eq(h.log[1].type, HV_HOST);
	host = &h.log[1].u.host;
	cr_expect_str_eq(host->name, "sim");
	cr_expect_eq(host->total_kib, 64 * GIB);
	cr_expect_eq(host->boot_free_kib, 64 * GIB - 512 * MIB - 32 * MIB);
	cr_expect_eq(host->free_kib, host->boot_free_kib - 1 * GIB);
	cr_expect_eq(host->scrub_kib, 0);
	cr_expect_eq(host->cpus, 16);
	cr_expect_eq(host->flags, HV_H_HVM | HV_H_SAMPLED);
	cr_assert_eq(h.log[2].type, HV_DOMAIN);
	dom0 = &h.log[2].u.domain;
	cr_expect_eq(dom0->domid, 0);
	cr_expect_eq(dom0->flags, HV_D_RUNNING | HV_D_CONTROL);
	cr_expect_eq(dom0->actual_kib, 1 * GIB);
	cr_expect_eq(dom0->vcpus, 4);
	cr_expect_str_eq(dom0->domain_type, "pv");
	help_close(&h);
}

Test(hv_verb, build_takes_memory_and_shutdown_gives_it_back)
{
	struct help_sim h;
	const struct hv_domain *d;
	uint64_t before;

	help_open(&h, NULL, 0);
	before = free_kib(&h, 0);
	help_build(&h, 1, "");
	cr_expect_eq(free_kib(&h, 0), before - GUEST_KIB);
	d = help_domain(&h, 1);
	cr_assert_not_null(d);
	cr_expect_eq(d->domid, 1);
	cr_expect_eq(d->flags, HELP_UP);
	cr_expect_eq(d->actual_kib, 128 * MIB);
	cr_expect_eq(d->target_kib, 128 * MIB);
	cr_expect_eq(d->maxmem_kib, 128 * MIB);
	cr_expect_eq(d->shadow_kib, 4 * MIB);
	cr_expect_eq(d->static_max_kib, 256 * MIB);
	cr_expect_str_eq(d->name, "guest");
	help_ok(&h, HV_SHUTDOWN, 1);
	cr_expect_null(help_domain(&h, 1));
	cr_expect_eq(free_kib(&h, 0), before);
	help_build(&h, 1, "");
	cr_expect_eq(help_domain(&h, 1)->domid, 2, "an id is not used again");
	help_ok(&h, HV_DESTROY, 1);
	cr_expect_eq(free_kib(&h, 0), before);
	help_close(&h);
}

Test(hv_verb, build_is_refused_when_memory_is_short)
{
	struct hv_sim_host c = host_of("a", 2 * GIB);
	struct help_sim h;
	struct hv_msg m;
	struct hv_result r;
	uint64_t before;

	help_open(&h, &c, 1);
	before = free_kib(&h, 0);
	m = help_command(&h, HV_BUILD, 1);
	m.u.command.static_max_kib = 4 * GIB;
	m.u.command.target_kib = before - 16 * MIB + 1;
	r = help_do(&h, &m);
	cr_expect_eq(r.status, HV_NO_MEMORY);
	cr_expect_eq(r.needed_kib, before + 4, "a KiB more is a page more");
	cr_expect_eq(r.free_kib, before);
	cr_expect_eq(free_kib(&h, 0), before);
	cr_expect_null(help_domain(&h, 1));
	m.u.command.target_kib = before - 16 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK, "it fits to the page");
	cr_expect_eq(free_kib(&h, 0), 0);
	help_close(&h);
}

Test(hv_verb, builds_that_cannot_be)
{
	struct hv_sim_host c = host_of("a", 8 * GIB);
	struct help_sim h;
	struct hv_msg good, m;

	c.flags = 0;
	help_open(&h, &c, 1);
	good = help_command(&h, HV_BUILD, 1);
	expect_refused(
	    &h, &good, HV_REFUSED, "this host has no hardware virtualisation");
	memcpy(good.u.command.domain_type, "pv", sizeof "pv");
	m = good;
	m.u.command.uuid.lo = m.u.command.uuid.hi = 0;
	expect_refused(&h, &m, HV_REFUSED, "the domain has no uuid");
	m = good;
	m.u.command.host.lo++;
	expect_refused(&h, &m, HV_NO_HOST, "");
	m = good;
	m.u.command.target_kib = 0;
	expect_refused(&h, &m, HV_REFUSED, "the domain has no memory");
	m = good;
	m.u.command.vcpus = 0;
	expect_refused(&h, &m, HV_REFUSED, "vcpus is not in 1..8192");
	m = good;
	m.u.command.overhead_kib = 1;
	expect_refused(
	    &h, &m, HV_REFUSED, "overhead is less than shadow alone");
	m = good;
	m.u.command.dynamic_min_kib = m.u.command.dynamic_max_kib + 1;
	expect_refused(&h, &m, HV_REFUSED, "dynamic_min is above dynamic_max");
	m = good;
	m.u.command.dynamic_max_kib = m.u.command.static_max_kib + 1;
	expect_refused(&h, &m, HV_REFUSED, "dynamic_max is above static_max");
	m = good;
	m.u.command.target_kib = m.u.command.static_max_kib + 1;
	expect_refused(&h, &m, HV_REFUSED, "the target is above static_max");
	cr_expect_eq(help_do(&h, &good).status, HV_OK);
	expect_refused(&h, &good, HV_REFUSED, "the VM has a domain already");
	help_close(&h);
}

Test(hv_verb, verbs_about_no_domain_and_about_dom0)
{
	static const enum hv_verb verbs[] = {HV_SHUTDOWN, HV_DESTROY,
	    HV_CLEAN_REBOOT, HV_HARD_REBOOT, HV_PAUSE, HV_UNPAUSE, HV_SUSPEND,
	    HV_MIGRATE, HV_SET_SHADOW, HV_SET_VCPUS};
	struct help_sim h;
	struct hv_msg m;

	help_open(&h, NULL, 0);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		m = help_command(&h, verbs[i], 1);
		expect_refused(&h, &m, HV_NO_DOMAIN, "");
		m.u.command.uuid = h.log[2].u.domain.uuid;
		expect_refused(&h, &m, HV_REFUSED,
		    "this cannot be done to the control domain");
	}
	m = help_command(&h, HV_SET_RANGE, 1);
	expect_refused(&h, &m, HV_NO_DOMAIN, "");
	cr_expect_eq(help_count(&h, HV_GONE), 0);
	help_close(&h);
}

Test(hv_verb, reboot_keeps_the_memory_and_changes_the_id)
{
	static const enum hv_verb verbs[] = {HV_CLEAN_REBOOT, HV_HARD_REBOOT};
	struct help_sim h;
	uint64_t before;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	before = free_kib(&h, 0);
	for (int i = 0; i < 2; i++) {
		help_ok(&h, verbs[i], 1);
		cr_expect_eq(help_domain(&h, 1)->domid, 2 + i);
		cr_expect_eq(help_actual(&h, 1), 128 * MIB);
		cr_expect_eq(free_kib(&h, 0), before);
	}
	cr_expect_eq(help_count(&h, HV_GONE), 0, "it never went away");
	help_close(&h);
}

Test(hv_verb, pause_and_unpause)
{
	struct help_sim h;
	struct hv_msg m;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	help_ok(&h, HV_PAUSE, 1);
	cr_expect_eq(help_domain(&h, 1)->flags, HELP_UP & ~HV_D_RUNNING);
	help_ok(&h, HV_PAUSE, 1);
	m = help_command(&h, HV_SHUTDOWN, 1);
	expect_refused(&h, &m, HV_REFUSED, "the domain is paused");
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB, "it cannot balloon now");
	help_ok(&h, HV_UNPAUSE, 1);
	cr_expect_eq(help_domain(&h, 1)->flags, HELP_UP);
	cr_expect_eq(help_actual(&h, 1), 64 * MIB);
	m = help_command(&h, HV_BUILD, 2);
	m.u.command.paused = 1;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_domain(&h, 2)->flags, HELP_MADE, "not even booted");
	help_ok(&h, HV_UNPAUSE, 2);
	cr_expect_eq(help_domain(&h, 2)->flags, HELP_UP);
	help_close(&h);
}

Test(hv_verb, suspend_restore_forget)
{
	struct help_sim h;
	struct hv_msg m;
	const struct hv_domain *d;
	uint64_t before;

	help_open(&h, NULL, 0);
	before = free_kib(&h, 0);
	m = help_command(&h, HV_RESTORE, 1);
	expect_refused(
	    &h, &m, HV_REFUSED, "there is no suspend image of the VM");
	help_build(&h, 1, "");
	help_ok(&h, HV_SUSPEND, 1);
	cr_expect_eq(free_kib(&h, 0), before);
	d = help_domain(&h, 1);
	cr_assert_not_null(d);
	cr_expect_eq(d->flags, HV_D_SUSPENDED);
	cr_expect_eq(d->domid, -1);
	cr_expect_eq(d->actual_kib, 128 * MIB);
	help_sync(&h);
	cr_expect_eq(help_domain(&h, 1)->flags, HV_D_SUSPENDED);
	m = help_command(&h, HV_RESTORE, 1);
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB);
	cr_expect_eq(free_kib(&h, 0), before - GUEST_KIB);
	expect_refused(&h, &m, HV_REFUSED, "the VM has a domain already");
	help_ok(&h, HV_FORGET, 1);
	cr_expect_not_null(help_domain(&h, 1), "a domain is not forgotten");
	help_ok(&h, HV_SUSPEND, 1);
	help_ok(&h, HV_FORGET, 1);
	cr_expect_null(help_domain(&h, 1));
	help_ok(&h, HV_FORGET, 1);
	help_sync(&h);
	cr_expect_null(help_domain(&h, 1));
	help_close(&h);
}

Test(hv_verb, a_build_replaces_a_suspend_image)
{
	struct help_sim h;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	help_ok(&h, HV_SUSPEND, 1);
	help_build(&h, 1, "");
	help_sync(&h);
	cr_expect_eq(help_count(&h, HV_DOMAIN), 2, "dom0 and the guest");
	cr_expect_eq(help_domain(&h, 1)->domid, 2);
	help_close(&h);
}

Test(hv_verb, migrate_to_another_host)
{
	struct hv_sim_host c[3] = {host_of("a", 8 * GIB), host_of("b", 4 * GIB),
	    host_of("c", 1100 * MIB)};
	struct help_sim h;
	struct hv_msg m;
	struct hv_result r;
	uint64_t before[2];
	size_t n;

	c[2].dom0_kib = 1024 * MIB;
	help_open(&h, c, 3);
	before[0] = free_kib(&h, 0);
	before[1] = free_kib(&h, 1);
	help_build(&h, 1, "");
	m = help_command(&h, HV_MIGRATE, 1);
	expect_refused(&h, &m, HV_NO_HOST, "");
	m.u.command.dest = help_host(&h, 2)->uuid;
	r = help_do(&h, &m);
	cr_expect_eq(r.status, HV_NO_MEMORY);
	cr_expect_eq(r.needed_kib, GUEST_KIB);
	cr_expect_eq(r.free_kib, free_kib(&h, 2));
	m.u.command.dest = help_host(&h, 1)->uuid;
	n = h.n;
	r = help_do(&h, &m);
	cr_assert_eq(r.status, HV_OK);
	cr_expect_eq(r.domid, 1);
	cr_expect_eq(free_kib(&h, 0), before[0]);
	cr_expect_eq(free_kib(&h, 1), before[1] - GUEST_KIB);
	cr_assert_eq(h.n, n + 5);
	cr_expect_eq(h.log[n].type, HV_DOMAIN, "first it is there");
	cr_expect_eq(h.log[n].u.domain.host.lo, m.u.command.dest.lo);
	cr_expect_eq(h.log[n + 3].type, HV_GONE, "then it is gone here");
	cr_expect_eq(h.log[n + 3].u.gone.end, HV_END_MIGRATED);
	cr_expect_eq(h.log[n + 3].u.gone.host.lo, help_host(&h, 0)->uuid.lo);
	cr_expect_eq(h.log[n + 4].type, HV_RESULT);
	r = help_do(&h, &m);
	cr_expect_eq(r.status, HV_OK, "to where it is");
	cr_expect_eq(r.domid, 2);
	cr_expect_eq(free_kib(&h, 1), before[1] - GUEST_KIB);
	help_close(&h);
}

Test(hv_verb, set_range_moves_the_guest_at_once)
{
	struct help_sim h;
	struct hv_msg m;
	const struct hv_domain *d;
	uint64_t was_kib;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	was_kib = help_actual(&h, 1);
	m = help_command(&h, HV_SET_RANGE, 1);
	m.u.command.dynamic_min_kib = 200 * MIB;
	m.u.command.dynamic_max_kib = 256 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	d = help_domain(&h, 1);
	cr_expect_eq(d->target_kib, was_kib, "no target: it is left alone");
	cr_expect_eq(d->actual_kib, was_kib);
	cr_expect_eq(d->maxmem_kib, was_kib);
	m.u.command.target_kib = 240 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_actual(&h, 1), 240 * MIB);
	m.u.command.target_kib = 0;
	m.u.command.dynamic_max_kib = 220 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_actual(&h, 1), 220 * MIB, "no target: not above");
	m.u.command.dynamic_max_kib = 256 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	m.u.command.dynamic_max_kib = 257 * MIB;
	expect_refused(&h, &m, HV_REFUSED, "dynamic_max is above static_max");
	m.u.command.dynamic_max_kib = 1;
	expect_refused(&h, &m, HV_REFUSED, "dynamic_min is above dynamic_max");
	cr_expect_eq(help_domain(&h, 1)->dynamic_max_kib, 256 * MIB);
	help_close(&h);
}

Test(hv_verb, set_range_of_dom0_is_remembered_but_not_followed)
{
	struct help_sim h;
	struct hv_msg m;

	help_open(&h, NULL, 0);
	m = help_command(&h, HV_SET_RANGE, 1);
	m.u.command.uuid = h.log[2].u.domain.uuid;
	m.u.command.dynamic_min_kib = m.u.command.dynamic_max_kib = 512 * MIB;
	h.n = 2; /* the host remains in the log */
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_assert_eq(h.log[2].type, HV_DOMAIN);
	cr_expect_eq(h.log[2].u.domain.dynamic_max_kib, 512 * MIB);
	cr_expect_eq(
	    h.log[2].u.domain.target_kib, 1 * GIB, "no driver reads it");
	cr_expect_eq(h.log[2].u.domain.actual_kib, 1 * GIB);
	help_close(&h);
}

Test(hv_verb, set_shadow_changes_the_overhead)
{
	struct hv_sim_host c = host_of("a", 2 * GIB);
	struct help_sim h;
	struct hv_msg m;
	struct hv_result r;
	uint64_t before;

	help_open(&h, &c, 1);
	help_build(&h, 1, "");
	before = free_kib(&h, 0);
	m = help_command(&h, HV_SET_SHADOW, 1);
	m.u.command.shadow_kib = 10 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_domain(&h, 1)->shadow_kib, 10 * MIB);
	cr_expect_eq(free_kib(&h, 0), before - 6 * MIB);
	m.u.command.shadow_kib = 10 * MIB + before;
	r = help_do(&h, &m);
	cr_expect_eq(r.status, HV_NO_MEMORY);
	cr_expect_eq(r.needed_kib, before);
	cr_expect_eq(r.free_kib, before - 6 * MIB);
	m.u.command.shadow_kib = 0;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(free_kib(&h, 0), before + 4 * MIB);
	help_ok(&h, HV_DESTROY, 1);
	cr_expect_eq(free_kib(&h, 0), before + GUEST_KIB);
	help_close(&h);
}

Test(hv_verb, set_vcpus)
{
	struct help_sim h;
	struct hv_msg m;

	help_open(&h, NULL, 0);
	help_build(&h, 1, "");
	m = help_command(&h, HV_SET_VCPUS, 1);
	expect_refused(&h, &m, HV_REFUSED, "vcpus is not in 1..8192");
	m.u.command.vcpus = 7;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_domain(&h, 1)->vcpus, 7);
	help_close(&h);
}

Test(hv_verb, a_guest_grows_as_soon_as_another_gives)
{
	struct hv_sim_host c = host_of("a", 2 * GIB);
	struct help_sim h;
	struct hv_msg m;
	uint64_t rest;

	help_open(&h, &c, 1);
	rest = free_kib(&h, 0);
	for (uint64_t vm = 1; vm <= 2; vm++) {
		m = help_command(&h, HV_BUILD, vm);
		m.u.command.static_max_kib = 1 * GIB;
		m.u.command.target_kib = rest / 2 - 16 * MIB;
		cr_assert_eq(help_do(&h, &m).status, HV_OK);
	}
	cr_assert_lt(free_kib(&h, 0), 8);
	help_target(&h, 1, rest / 2);
	cr_expect_lt(help_actual(&h, 1), rest / 2, "nothing to grow into");
	help_target(&h, 2, 64 * MIB);
	cr_expect_geq(help_actual(&h, 1), rest / 2);
	cr_expect_eq(help_actual(&h, 2), 64 * MIB);
	help_close(&h);
}
