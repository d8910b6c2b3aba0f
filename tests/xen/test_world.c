/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Own */
#include "tests/xen/help_sim.h"

#define HOSTS 3
#define VMS 12
#define STEPS 6000

/* What a listener knows of the world must be what the world would say. */
static void
expect_in_step(struct help_sim *h)
{
	struct help_sim now;
	struct hv_domain kept[VMS + 1];
	bool there[VMS + 1];
	struct hv_host hosts[HOSTS];

	for (uint64_t vm = 1; vm <= VMS; vm++) {
		const struct hv_domain *d = help_domain(h, vm);
		there[vm] = d != NULL;
		if (d != NULL)
			kept[vm] = *d;
	}
	for (size_t i = 0; i < HOSTS; i++)
		hosts[i] = *help_host(h, i);
	help_sync(h);
	now = *h;
	for (uint64_t vm = 1; vm <= VMS; vm++) {
		const struct hv_domain *d = help_domain(&now, vm);
		cr_assert_eq(there[vm], d != NULL, "vm %d", (int)vm);
		if (d != NULL)
			cr_assert_eq(memcmp(&kept[vm], d, sizeof *d), 0,
			    "vm %d", (int)vm);
	}
	for (size_t i = 0; i < HOSTS; i++)
		cr_assert_eq(
		    memcmp(&hosts[i], help_host(&now, i), sizeof hosts[i]), 0,
		    "host %zu", i);
}

/* The sums as a listener sees them: it knows all but the overheads. */
static void
expect_plausible(struct help_sim *h)
{
	for (size_t i = 0; i < HOSTS; i++) {
		const struct hv_host *u = help_host(h, i);
		cr_assert_leq(u->free_kib + u->scrub_kib, u->boot_free_kib);
	}
}

static unsigned
pick(unsigned *seed, unsigned n)
{
	return (unsigned)rand_r(seed) / 7 % n;
}

static void
random_command(struct help_sim *h, unsigned *seed)
{
	static const char *const manners[] = {"", "", "boot_ms=300",
	    "rate_kib_s=50000", "limit_kib=200000", "stuck",
	    "stuck_ms=70/200 rate_kib_s=900000", "vanish_ms=900",
	    "shutdown_ms=400 deaf", "shutdown_ms=250", "no_balloon", "wrong"};
	static const char *const types[] = {"hvm", "pv", "pvh", "pv_in_pvh"};
	enum hv_verb verb = (enum hv_verb)(1 + pick(seed, HV_FORGET));
	struct hv_msg m = help_command(h, verb, 1 + pick(seed, VMS));
	struct hv_command *c = &m.u.command;

	c->host = help_host(h, pick(seed, HOSTS))->uuid;
	c->dest = help_host(h, pick(seed, HOSTS))->uuid;
	(void)snprintf(
	    c->behaviour, sizeof c->behaviour, "%s", manners[pick(seed, 12)]);
	(void)snprintf(
	    c->domain_type, sizeof c->domain_type, "%s", types[pick(seed, 4)]);
	c->vcpus = pick(seed, 5);
	c->paused = pick(seed, 2);
	c->static_max_kib = 1 + pick(seed, 1 << 20);
	c->dynamic_min_kib = pick(seed, 1 << 19);
	c->dynamic_max_kib = c->dynamic_min_kib + pick(seed, 1 << 18);
	c->target_kib = c->dynamic_min_kib + pick(seed, 1 << 18);
	c->shadow_kib = pick(seed, 1 << 15);
	c->overhead_kib = c->shadow_kib + pick(seed, 1 << 15);
	(void)help_send(h, &m);
}

Test(hv_world, pages_are_conserved_whatever_happens)
{
	struct hv_sim_host c[HOSTS];
	struct help_sim h;
	unsigned seed;
	char text[200] = "";

	cr_assert_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
	cr_log_info("seed %u", seed);
	for (size_t i = 0; i < HOSTS; i++) {
		hv_sim_host_init(&c[i]);
		(void)snprintf(c[i].name, sizeof c[i].name, "h%zu", i);
		c[i].memory_kib = 2 * GIB + i * GIB / 2 + i;
		c[i].scrub_kib_s = i * 300000;
	}
	help_open(&h, c, HOSTS);
	for (int i = 0; i < STEPS; i++) {
		if (pick(&seed, 3) != 0)
			random_command(&h, &seed);
		else
			hv_sim_step(h.world, pick(&seed, 400));
		cr_assert(hv_sim_conserves(h.world, text, sizeof text),
		    "seed %u, step %d: %s", seed, i, text);
		if (i % 50 == 0) {
			expect_plausible(&h);
			expect_in_step(&h);
		}
	}
	hv_sim_step(h.world, 3600000);
	for (size_t i = 0; i < HOSTS; i++)
		cr_expect_eq(help_host(&h, i)->scrub_kib, 0, "all is clean");
	help_close(&h);
}

Test(hv_world, freed_pages_are_scrubbed_at_the_hosts_rate)
{
	struct hv_sim_host c;
	struct help_sim h;
	const struct hv_host *u;
	uint64_t before, all = (128 + 16) * MIB;
	struct hv_msg m;

	hv_sim_host_init(&c);
	c.memory_kib = 2 * GIB;
	c.scrub_kib_s = 16 * MIB;
	help_open(&h, &c, 1);
	before = help_host(&h, 0)->free_kib;
	help_build(&h, 1, "");
	help_ok(&h, HV_DESTROY, 1);
	u = help_host(&h, 0);
	cr_expect_eq(u->free_kib, before - all);
	cr_expect_eq(u->scrub_kib, all);
	hv_sim_step(h.world, 1000);
	u = help_host(&h, 0);
	cr_expect_eq(u->free_kib, before - all + 16 * MIB);
	cr_expect_eq(u->scrub_kib, all - 16 * MIB);
	m = help_command(&h, HV_BUILD, 1);
	m.u.command.static_max_kib = 2 * GIB;
	m.u.command.target_kib = before - 32 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK, "dirty pages can be used");
	cr_expect_eq(help_host(&h, 0)->free_kib, 0, "but last");
	cr_expect_eq(help_host(&h, 0)->scrub_kib, 16 * MIB);
	hv_sim_step(h.world, 1001);
	cr_expect_eq(help_host(&h, 0)->free_kib, 16 * MIB);
	cr_expect_eq(hv_sim_next_ms(h.world), -1);
	help_close(&h);
}

Test(hv_world, an_idle_world_says_nothing_and_wants_no_clock)
{
	struct help_sim h;
	size_t n;

	help_open(&h, NULL, 0);
	for (uint64_t vm = 1; vm <= 100; vm++)
		help_build(&h, vm, "");
	n = h.n;
	cr_expect_eq(hv_sim_next_ms(h.world), -1);
	hv_sim_step(h.world, UINT64_MAX / 4);
	cr_expect_eq(h.n, n);
	cr_expect_eq(hv_sim_now_ms(h.world), UINT64_MAX / 4);
	help_close(&h);
}

Test(hv_world, the_same_names_mean_the_same_uuids_but_another_epoch)
{
	struct help_sim a, b;

	help_open(&a, NULL, 0);
	help_open(&b, NULL, 0);
	cr_expect_eq(a.log[1].u.host.uuid.hi, b.log[1].u.host.uuid.hi);
	cr_expect_eq(a.log[1].u.host.uuid.lo, b.log[1].u.host.uuid.lo);
	cr_expect_eq(a.log[2].u.domain.uuid.lo, b.log[2].u.domain.uuid.lo);
	cr_expect_neq(a.log[1].u.host.uuid.lo, a.log[2].u.domain.uuid.lo);
	cr_expect_neq(a.log[0].u.hello.epoch.lo, b.log[0].u.hello.epoch.lo);
	help_close(&a);
	help_close(&b);
}

Test(hv_world, two_hosts_with_one_uuid_cannot_be)
{
	struct hv_sim_host c[2];

	hv_sim_host_init(&c[0]);
	hv_sim_host_init(&c[1]);
	cr_expect_null(hv_sim_new(c, 2));
}

static const struct {
	const char *sentence;
	uint64_t memory_kib, dom0_kib, xen_kib;
	uint32_t cpus;
	bool ok;
} sizes[] = {
    {"Xen and dom0 may take everything", 1024, 512, 512, 1, true},
    {"but not a page more", 1024, 512, 516, 1, false},
    {"rounding up counts", 1024, 512, 513, 1, false},
    {"dom0 needs memory", 1024, 0, 512, 1, false},
    {"dom0 cannot be beyond reason", 1024, UINT64_MAX, 512, 1, false},
    {"Xen cannot be beyond reason", 1024, 4, UINT64_MAX, 1, false},
    {"16 PiB is the end", (1ull << 44) + 1, 4, 4, 1, false},
    {"a host needs a cpu", 1024, 512, 512, 0, false},
};

Test(hv_world, host_sizes)
{
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct hv_sim_host c;
		struct hv_sim *w;
		char text[400];

		hv_sim_host_init(&c);
		c.memory_kib = sizes[i].memory_kib;
		c.dom0_kib = sizes[i].dom0_kib;
		c.xen_kib = sizes[i].xen_kib;
		c.cpus = sizes[i].cpus;
		cr_expect_eq(hv_sim_host_check(&c, text, sizeof text),
		    sizes[i].ok, "%s", sizes[i].sentence);
		if (!sizes[i].ok)
			continue;
		w = hv_sim_new(&c, 1);
		cr_expect_not_null(w);
		cr_expect(hv_sim_conserves(w, text, sizeof text), "%s", text);
		hv_sim_free(&w);
	}
}
