/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "model/units.h"
#include "tests/xen/help_xen.h"

#define MIB 1024u /* KiB */
#define DIR_BYTES 64

/* free, scrub and dom0 of help_xen_init */
#define BOOT_KIB ((1800000ull + 262144) * PAGE_KIB)

/* file_in - the path of what is kept */
static const char *
file_in(const char *dir)
{
	static char path[200];

	(void)snprintf(path, sizeof path, "%s/boot-memory", dir);
	return path;
}

/* put_file - what an earlier process left */
static void
put_file(const char *dir, const char *text)
{
	FILE *f = fopen(file_in(dir), "w");

	cr_assert_not_null(f);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
}

/* begin - a host whose files are in a folder of the test's own */
static void
begin(struct help_xen *h, char *dir)
{
	(void)snprintf(dir, DIR_BYTES, "%s", "/tmp/hv-xen-boot.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	help_xen_init(h);
	h->conf.state_dir = dir;
}

static void
finish(struct help_xen *h, const char *dir)
{
	help_xen_close(h);
	(void)unlink(file_in(dir));
	cr_expect_eq(rmdir(dir), 0, "nothing else is left in it");
}

Test(hv_xen_boot, ten_readings_that_agree)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	help_xen_open(&h);
	cr_expect_eq(help_xen_count(&h, HV_SYNCED), 1, "it is not waited for");
	cr_expect_eq(help_xen_host(&h)->flags,
	    HV_H_HVM | HV_H_SAMPLED | HV_H_ESTIMATED | HV_H_SAMPLING);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB,
	    "what was read so far is better than nothing");
	help_xen_pass(&h, 7000);
	cr_expect(help_xen_host(&h)->flags & HV_H_ESTIMATED);
	help_xen_pass(&h, 5000);
	cr_expect_eq(help_xen_host(&h)->flags, HV_H_HVM | HV_H_SAMPLED);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_pass(&h, 30000);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB, "for good");
	finish(&h, dir);
}

Test(hv_xen_boot, scrub_counts_and_dom0_may_balloon_meanwhile)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	h.host.free_pages -= 500000;
	h.host.scrub_pages += 500000;
	help_xen_open(&h);
	help_xen_pass(&h, 5000);
	h.dom[0].pages -= 25600;
	h.host.scrub_pages += 25600;
	help_xen_pass(&h, 7000);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB);
	cr_expect_eq(help_xen_host(&h)->flags & HV_H_ESTIMATED, 0);
	finish(&h, dir);
}

Test(hv_xen_boot, a_reading_that_differs_begins_again)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	help_xen_open(&h);
	help_xen_pass(&h, 7000);
	h.host.free_pages -= 512; /* 2 MiB */
	help_xen_pass(&h, 7000);
	cr_expect(help_xen_host(&h)->flags & HV_H_ESTIMATED);
	help_xen_pass(&h, 6000);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB - 2 * MIB);
	finish(&h, dir);
}

Test(hv_xen_boot, one_that_never_settles_is_taken_in_the_end)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	help_xen_open(&h);
	for (unsigned s = 0; s < 70; s++) {
		h.host.free_pages -= 512;
		help_xen_pass(&h, 1000);
	}
	cr_expect_eq(help_xen_host(&h)->flags & (HV_H_SAMPLED | HV_H_ESTIMATED),
	    HV_H_SAMPLED);
	finish(&h, dir);
}

Test(hv_xen_boot, guests_that_run_already_make_it_an_estimate)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	help_xen_add(&h, 1, 200 * MIB);
	h.host.free_pages -= 512 + 256; /* its shadow, and Xen's own for it */
	help_xen_open(&h);
	cr_expect_eq(
	    help_xen_host(&h)->flags, HV_H_HVM | HV_H_SAMPLED | HV_H_ESTIMATED);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB - 1 * MIB,
	    "what Xen took besides is not seen");
	finish(&h, dir);
}

Test(hv_xen_boot, a_guest_that_comes_too_early_ends_it)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	help_xen_open(&h);
	help_xen_pass(&h, 4000);
	help_xen_add(&h, 1, 200 * MIB);
	h.host.free_pages -= 5120; /* more than is its own */
	help_xen_pass(&h, 3000);
	cr_expect(help_xen_host(&h)->flags & HV_H_ESTIMATED);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB,
	    "the last reading before it");
	finish(&h, dir);
}

Test(hv_xen_boot, the_next_process_of_this_boot_takes_it_over)
{
	struct help_xen h;
	char dir[DIR_BYTES];

	begin(&h, dir);
	help_xen_open(&h);
	help_xen_pass(&h, 12000);
	hv_xen_close(&h.x);
	help_xen_add(&h, 1, 200 * MIB);
	h.n = 0;
	help_xen_open(&h);
	cr_expect_eq(help_xen_host(&h)->flags, HV_H_HVM | HV_H_SAMPLED);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB);
	hv_xen_close(&h.x);
	h.conf.names.epoch.lo++; /* Xen has booted */
	h.n = 0;
	help_xen_open(&h);
	cr_expect(help_xen_host(&h)->flags & HV_H_ESTIMATED, "not in the next");
	finish(&h, dir);
}

static const struct {
	const char *sentence, *text;
} broken[] = {
    {"an empty file", ""},
    {"half a line", "00000000-0000-0001-0000-000000000002 82"},
    {"no number", "00000000-0000-0001-0000-000000000002 -5 sampled\n"},
    {"another boot's", "00000000-0000-0001-0000-000000000003 99 sampled\n"},
    {"no uuid", "x 99 sampled\n"},
};

Test(hv_xen_boot, a_file_that_is_none_is_made_anew)
{
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		struct help_xen h;
		char dir[DIR_BYTES];

		begin(&h, dir);
		put_file(dir, broken[i].text);
		help_xen_open(&h);
		cr_expect(help_xen_host(&h)->flags & HV_H_ESTIMATED, "%s",
		    broken[i].sentence);
		help_xen_pass(&h, 12000);
		cr_expect_not(help_xen_host(&h)->flags & HV_H_ESTIMATED, "%s",
		    broken[i].sentence);
		cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB, "%s",
		    broken[i].sentence);
		finish(&h, dir);
	}
}

Test(hv_xen_boot, a_folder_that_cannot_be_written_costs_nothing)
{
	struct help_xen h;

	help_xen_init(&h);
	h.conf.state_dir = "/nowhere/at/all";
	help_xen_open(&h);
	help_xen_pass(&h, 12000);
	cr_expect_eq(help_xen_host(&h)->boot_free_kib, BOOT_KIB);
	help_xen_close(&h);
}
