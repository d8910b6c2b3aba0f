/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "tests/xen/help_xen.h"

#define MIB 1024u /* KiB */

Test(hv_xen_look, sync_tells_everything_in_order)
{
	struct help_xen h;
	const struct hv_host *host;
	const struct hv_domain *d;

	help_xen_init(&h);
	help_xen_add(&h, 7, 200 * MIB);
	h.host.scrub_pages = 100;
	help_xen_open(&h);
	cr_assert_eq(h.n, 5);
	cr_expect_eq(h.log[0].type, HV_HELLO);
	cr_expect_str_eq(h.log[0].u.hello.backend, "xen");
	cr_expect_eq(h.log[0].u.hello.flags, 0);
	cr_expect_eq(h.log[0].u.hello.epoch.lo, 2);
	cr_expect_eq(h.log[1].type, HV_HOST);
	host = &h.log[1].u.host;
	cr_expect_str_eq(host->name, "box");
	cr_expect_eq(host->total_kib, 2097152u * 4);
	cr_expect_eq(host->free_kib, (1800000u - 51200) * 4);
	cr_expect_eq(host->scrub_kib, 400);
	cr_expect_eq(host->cpus, 4);
	cr_expect(host->flags & HV_H_HVM);
	d = &h.log[2].u.domain;
	cr_expect_eq(d->domid, 0);
	cr_expect_eq(d->flags, HV_D_RUNNING | HV_D_CONTROL);
	cr_expect_eq(d->uuid.hi, 5);
	cr_expect_eq(d->actual_kib, 1024 * MIB);
	d = &h.log[3].u.domain;
	cr_expect_eq(d->domid, 7);
	cr_expect_str_eq(d->name, "guest7");
	cr_expect_eq(d->actual_kib, 200 * MIB);
	cr_expect_eq(d->maxmem_kib, 200 * MIB);
	cr_expect_eq(d->static_max_kib, 400 * MIB);
	cr_expect_eq(d->shadow_kib, 2048);
	cr_expect_eq(d->vcpus, 1);
	cr_expect_eq(d->vcpus_max, 2);
	cr_expect_eq(h.log[4].type, HV_SYNCED);
	help_xen_close(&h);
}

Test(hv_xen_look, quiet_is_quiet)
{
	struct help_xen h;
	size_t n;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	help_xen_pass(&h, 2000);
	n = h.n;
	h.reads = 0;
	help_xen_pass(&h, 60000);
	cr_expect_eq(h.n, n, "nothing is said when nothing changes");
	cr_expect_eq(h.reads, 0, "and no key is read");
	cr_expect_eq(hv_xen_next_ms(h.x) > 0, true);
	help_xen_close(&h);
}

Test(hv_xen_look, what_moves_is_followed)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	help_xen_pass(&h, 30000);
	help_xen_dom(&h, 1)->pages -= 256;
	h.host.free_pages += 256;
	for (unsigned ms = 0; help_xen_said(&h, 1)->actual_kib != 199 * MIB;
	     ms += 10) {
		cr_assert_lt(ms, 1000, "seen within a second of quiet");
		help_xen_pass(&h, 10);
	}
	for (unsigned i = 0; i < 20; i++) {
		help_xen_dom(&h, 1)->pages -= 256;
		help_xen_pass(&h, 150);
		cr_expect_eq(help_xen_said(&h, 1)->actual_kib,
		    (uint64_t)(198 - i) * MIB, "at once while it moves");
	}
	help_xen_close(&h);
}

Test(hv_xen_look, a_watch_is_heard_at_once)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	help_xen_pass(&h, 30100);
	help_xen_mem(&h, 1, "target", "102400");
	help_xen_pass(&h, 30);
	cr_expect_eq(help_xen_said(&h, 1)->target_kib, 102400);
	help_xen_close(&h);
}

Test(hv_xen_look, a_guest_that_writes_all_the_time_is_read_now_and_then)
{
	struct help_xen h;
	char text[16];

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_add(&h, 2, 200 * MIB);
	help_xen_open(&h);
	help_xen_pass(&h, 10000);
	h.reads = 0;
	for (unsigned i = 0; i < 6000; i++) {
		(void)snprintf(text, sizeof text, "%u", 102400 + i * 4);
		help_xen_mem(&h, 1, "target", text);
		help_xen_pass(&h, 10);
	}
	cr_expect_lt(
	    h.reads, 60000 / 500 + 10, "%u reads in a minute", h.reads);
	cr_expect_gt(h.reads, 60000 / 1000, "but it is read: %u", h.reads);
	help_xen_pass(&h, 1000);
	cr_expect_eq(
	    help_xen_said(&h, 1)->target_kib, 102400 + 5999 * 4, "the last");
	/* the one who keeps still is read at once all the same */
	help_xen_mem(&h, 1, "target", "1");
	help_xen_mem(&h, 2, "target", "102400");
	help_xen_pass(&h, 50);
	cr_expect_eq(help_xen_said(&h, 2)->target_kib, 102400);
	help_xen_close(&h);
}

Test(hv_xen_look, coming_and_going)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_open(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_pass(&h, 1000);
	cr_expect_not_null(help_xen_said(&h, 1));
	cr_expect_gt(h.nwatches, 2);
	help_xen_dom(&h, 1)->flags |= HV_XC_D_DYING;
	help_xen_pass(&h, 1000);
	cr_expect_null(help_xen_said(&h, 1), "who is dying has gone");
	cr_expect_eq(help_xen_count(&h, HV_GONE), 1);
	cr_expect_eq(h.log[h.n - 1].u.gone.end, HV_END_HALTED);
	help_xen_remove(&h, 1);
	help_xen_pass(&h, 1000);
	cr_expect_eq(help_xen_count(&h, HV_GONE), 1, "once");
	for (uint32_t i = 0; i < h.nwatches; i++)
		cr_expect_null(strstr(h.watch[i].path, "/domain/1/"),
		    "%s is watched no more", h.watch[i].path);
	help_xen_close(&h);
}

Test(hv_xen_look, more_domains_than_one_answer_holds)
{
	struct help_xen h;

	help_xen_init(&h);
	for (uint32_t i = 1; i < HV_XC_DOMAINS_MAX + 20; i++)
		help_xen_add(&h, i, 8 * MIB);
	help_xen_open(&h);
	cr_expect_eq(help_xen_count(&h, HV_DOMAIN), HV_XC_DOMAINS_MAX + 20);
	help_xen_remove(&h, 3);
	help_xen_remove(&h, HV_XC_DOMAINS_MAX + 3);
	help_xen_pass(&h, 1000);
	cr_expect_eq(help_xen_count(&h, HV_GONE), 2);
	help_xen_close(&h);
}

Test(hv_xen_look, a_domain_under_construction_is_told_when_it_is_built)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_open(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_add(&h, 2, 200 * MIB);
	for (uint32_t id = 1; id <= 2; id++) {
		help_xen_mem(&h, id, "target", NULL);
		help_xen_mem(&h, id, "static-max", NULL);
		help_xen_dom(&h, id)->flags |= HV_XC_D_PAUSED;
	}
	for (unsigned s = 0; s < 60; s++) {
		help_xen_dom(&h, 1)->pages += 256;
		help_xen_dom(&h, 2)->pages += 256;
		help_xen_pass(&h, 1000);
	}
	cr_expect_null(help_xen_said(&h, 1), "its size is not known yet");
	help_xen_mem(&h, 1, "static-max", "409600");
	help_xen_mem(&h, 1, "target", "204800");
	help_xen_pass(&h, 100);
	cr_expect_eq(help_xen_said(&h, 1)->static_max_kib, 409600);
	cr_expect_not(help_xen_said(&h, 1)->flags & HV_D_RUNNING);
	help_xen_pass(&h, 25000);
	cr_expect_null(help_xen_said(&h, 2));
	help_xen_pass(&h, 10000);
	cr_expect_not_null(
	    help_xen_said(&h, 2), "one that is never finished is told too");
	help_xen_close(&h);
}

Test(hv_xen_look, a_domain_that_arrives_is_told_by_its_own_name)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_open(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_set(&h, "/local/domain/1/name", "web--incoming");
	help_xen_dom(&h, 1)->flags |= HV_XC_D_PAUSED;
	help_xen_pass(&h, 20000);
	cr_expect_null(help_xen_said(&h, 1), "xl renames it when it is whole");
	help_xen_set(&h, "/local/domain/1/name", "web");
	help_xen_pass(&h, 100);
	cr_assert_not_null(help_xen_said(&h, 1));
	cr_expect_str_eq(help_xen_said(&h, 1)->name, "web");
	help_xen_close(&h);
}

Test(hv_xen_look, two_of_one_uuid_are_one_vm)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	help_xen_add(&h, 2, 200 * MIB); /* a migration to the same host */
	help_xen_dom(&h, 2)->uuid.lo = 1;
	help_xen_pass(&h, 2000);
	cr_expect_null(help_xen_said(&h, 2), "it waits");
	help_xen_remove(&h, 1);
	help_xen_pass(&h, 2000);
	cr_expect_eq(help_xen_count(&h, HV_GONE), 0, "the VM lives on");
	cr_assert_not_null(help_xen_said(&h, 2));
	cr_expect_eq(help_xen_said(&h, 2)->uuid.lo, 1);
	help_xen_close(&h);
}

Test(hv_xen_look, an_id_that_is_used_again_is_another_vm)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	help_xen_dom(&h, 1)->uuid.lo = 99;
	help_xen_pass(&h, 2000);
	cr_expect_eq(help_xen_count(&h, HV_GONE), 1);
	cr_expect_eq(help_xen_said(&h, 1)->uuid.lo, 99);
	help_xen_close(&h);
}

Test(hv_xen_look, a_domain_without_uuid_gets_one_that_stays)
{
	struct help_xen h;
	struct hv_uuid first;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_dom(&h, 1)->uuid = (struct hv_uuid){0, 0};
	help_xen_open(&h);
	first = help_xen_said(&h, 1)->uuid;
	cr_expect_neq(first.hi, 0);
	hv_xen_close(&h.x);
	help_xen_open(&h);
	cr_expect_eq(help_xen_said(&h, 1)->uuid.hi, first.hi);
	cr_expect_eq(help_xen_said(&h, 1)->uuid.lo, first.lo);
	help_xen_close(&h);
}

Test(hv_xen_look, a_crashed_or_paused_domain_does_not_run)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_add(&h, 2, 200 * MIB);
	help_xen_open(&h);
	cr_expect(help_xen_said(&h, 1)->flags & HV_D_RUNNING);
	help_xen_dom(&h, 1)->flags |= HV_XC_D_SHUTDOWN;
	help_xen_dom(&h, 2)->flags |= HV_XC_D_PAUSED;
	help_xen_pass(&h, 2000);
	cr_expect_not(help_xen_said(&h, 1)->flags & HV_D_RUNNING);
	cr_expect_not(help_xen_said(&h, 2)->flags & HV_D_RUNNING);
	help_xen_close(&h);
}

Test(hv_xen_look, figures_without_end_are_cut)
{
	struct help_xen h;

	help_xen_init(&h);
	h.dom[0].max_pages = UINT64_MAX;
	help_xen_open(&h); /* hv_msg_check of every message is in there */
	cr_expect_eq(help_xen_said(&h, 0)->maxmem_kib, (1ull << 53) - 1024);
	help_xen_close(&h);
}

/* ---- trouble ---- */

Test(hv_xen_look, without_xenstored_xen_is_followed_all_the_same)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	cr_expect_str_eq(help_xen_health(&h), "");
	h.xs_error = ECONNRESET;
	help_xen_mem(&h, 1, "target", "1");
	help_xen_dom(&h, 1)->pages -= 256;
	help_xen_pass(&h, 2000);
	cr_expect_str_eq(help_xen_health(&h), "xenstored is not running");
	cr_expect_eq(help_xen_said(&h, 1)->actual_kib, 199 * MIB);
	cr_expect_eq(help_xen_said(&h, 1)->target_kib, 200 * MIB, "as it was");
	h.xs_error = 0;
	help_xen_mem(&h, 1, "target", "102400");
	help_xen_pass(&h, 1000);
	cr_expect_str_eq(help_xen_health(&h), "");
	cr_expect_eq(help_xen_said(&h, 1)->target_kib, 102400, "read again");
	help_xen_mem(&h, 1, "target", "112640");
	help_xen_pass(&h, 600);
	cr_expect_eq(
	    help_xen_said(&h, 1)->target_kib, 112640, "and watched again");
	help_xen_close(&h);
}

Test(hv_xen_look, a_xenstored_that_dies_is_noticed_when_all_is_quiet)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	h.silent = true;
	help_xen_open(&h);
	help_xen_pass(&h, 60000);
	h.xs_error = ECONNRESET;
	help_xen_pass(&h, 3000);
	cr_expect_str_eq(help_xen_health(&h), "xenstored is not running");
	help_xen_close(&h);
}

Test(hv_xen_look, a_xenstored_that_forgot_everything_changes_nothing)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	h.xs_error = ECONNRESET;
	help_xen_mem(&h, 1, "target", "1");
	help_xen_pass(&h, 2000);
	h.xs_error = 0;
	h.nkeys = 0;
	help_xen_pass(&h, 2000);
	cr_expect_str_eq(help_xen_health(&h), "");
	cr_expect_str_eq(help_xen_said(&h, 1)->name, "guest1");
	cr_expect_eq(help_xen_said(&h, 1)->target_kib, 200 * MIB);
	cr_expect(help_xen_said(&h, 1)->flags & HV_D_BALLOON);
	help_xen_close(&h);
}

Test(hv_xen_look, when_xen_does_not_answer_nobody_is_declared_dead)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	h.xc_error = EIO;
	h.ndoms = 0;
	help_xen_pass(&h, 5000);
	cr_expect_eq(help_xen_count(&h, HV_GONE), 0);
	cr_expect_str_eq(help_xen_health(&h), "Xen does not list its domains");
	h.xc_error = 0;
	h.ndoms = 2;
	help_xen_pass(&h, 2000);
	cr_expect_eq(help_xen_count(&h, HV_GONE), 0);
	cr_expect_str_eq(help_xen_health(&h), "");
	help_xen_close(&h);
}

static const struct {
	const char *sentence;
	int xs_error, xc_error;
	const char *why;
} refusals[] = {
    {"xenstored is not there", ENOENT, 0,
	"xenstored is not running: on Debian, install xen-utils-common and "
	"start it (systemctl start xen)"},
    {"nobody listens any more", ECONNREFUSED, 0,
	"xenstored is not running: on Debian, install xen-utils-common and "
	"start it (systemctl start xen)"},
    {"it hangs", ETIMEDOUT, 0, "xenstored does not answer"},
    {"we may not connect to it", EACCES, 0, "no right to connect to xenstored"},
    {"Xen does not list", 0, EPERM,
	"Xen does not list its domains: Operation not permitted"},
};

Test(hv_xen_look, what_is_missing_at_the_start_is_said)
{
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		struct help_xen h;
		char why[500] = "";

		help_xen_init(&h);
		h.xs_error = refusals[i].xs_error;
		h.xc_error = refusals[i].xc_error;
		cr_expect_eq(hv_xen_open(&h.x, &h.conf, why, sizeof why), -1);
		cr_expect_str_eq(
		    why, refusals[i].why, "%s: %s", refusals[i].sentence, why);
	}
}

Test(hv_xen_look, somebody_else_comes_and_goes)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_open(&h);
	h.rival = "squeezed";
	help_xen_pass(&h, 11000);
	cr_expect_eq(help_xen_count(&h, HV_HELLO), 2, "all is said anew");
	cr_expect_eq(help_xen_count(&h, HV_SYNCED), 2);
	h.n = 0;
	h.rival = NULL;
	help_xen_pass(&h, 11000);
	cr_assert_eq(h.log[0].type, HV_HELLO);
	cr_expect_eq(h.log[0].u.hello.flags, 0);
	help_xen_close(&h);
}

/* ---- a library that hangs ---- */

static int gate[2] = {-1, -1};

/* stuck - xenstored stops: whoever asks waits for a byte */
static void
stuck(void *ctx, void *arg)
{
	struct help_xen *h = ctx;
	char c;

	if (gate[0] >= 0)
		cr_assert_eq(read(gate[0], &c, 1), 1);
	h->conf.names.epoch.hi++; /* how often it was asked */
	((struct hv_xs_batch *)arg)->fd = -1;
	((struct hv_xs_batch *)arg)->error = 0;
}

Test(hv_xen_look, a_call_that_hangs_costs_its_limit_once, .timeout = 60)
{
	struct help_xen h;
	struct hv_timed *thread;
	int at_first[2];

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	hv_xen_close(&h.x);
	cr_assert_eq(hv_timed_open(&thread), 0);
	h.conf.xs = (struct hv_xs){stuck, &h};
	h.conf.xs_thread = thread;
	help_xen_open(&h);
	cr_assert_eq(pipe(at_first), 0);
	gate[0] = at_first[0];
	gate[1] = at_first[1];
	help_xen_pass(&h, 1000); /* waits the limit, for real */
	cr_expect_str_eq(help_xen_health(&h), "xenstored does not answer");
	cr_expect(hv_timed_is_late(thread));
	help_xen_dom(&h, 1)->pages -= 256;
	help_xen_pass(&h, 100000); /* does not: or the test times out */
	cr_expect_eq(help_xen_said(&h, 1)->actual_kib, 199 * MIB);
	gate[0] = -1;
	cr_assert_eq(write(gate[1], "x", 1), 1);
	while (hv_timed_is_late(thread))
		(void)usleep(1000);
	help_xen_pass(&h, 1000);
	cr_expect_str_eq(help_xen_health(&h), "");
	help_xen_close(&h);
	hv_timed_close(&thread);
}
