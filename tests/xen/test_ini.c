/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "tests/xen/help_sim.h"
#include "xen/hv_sim_ini.h"

#define BIG "[vm aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"
#define TEN "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* read_text - the world that a file of this text describes; why: no file name
 */
static int
read_text(const char *text, struct hv_sim **w, char *why, size_t bytes)
{
	char path[] = "/tmp/test_ini.XXXXXX", full[1200] = "";
	int fd = mkstemp(path), rc;
	size_t n = strlen(text);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
	rc = hv_sim_read(w, path, full, sizeof full);
	unlink(path);
	why[0] = '\0';
	if (rc != 0) {
		cr_expect_eq(strncmp(full, path, strlen(path)), 0, "%s", full);
		(void)snprintf(why, bytes, "%s", full + strlen(path) + 1);
	}
	return rc;
}

static const struct {
	const char *text, *why;
} wrongs[] = {
    {"[host a]\nmemory = 64\n",
	"2: memory is not a size, such as 512MiB or 64GiB"},
    {"[host a]\nmemory = -1GiB\n",
	"2: memory is not a size, such as 512MiB or 64GiB"},
    {"[host a]\n\n# more\nmemory = 64GB\n",
	"4: memory is not a size, such as 512MiB or 64GiB"},
    {"[host a]\nmemory = 9999999999999999TiB\n",
	"2: memory is not a size, such as 512MiB or 64GiB"},
    {"[host a]\nmemory = 0GiB\n", "2: memory is nothing"},
    {"[host a]\nmemory=1GiB\n", "1: host a: memory is too small for Xen "
				"and dom0"},
    {"[host a]\n[host b]\ndom0 = 64GiB\n",
	"2: host b: memory is too small for Xen and dom0"},
    {"[host a]\ncpus = 0\n", "2: cpus is not a number from 1 to 8192"},
    {"[host a]\ncpus = +4\n", "2: cpus is not a number from 1 to 8192"},
    {"[host a]\ncpus = 4x\n", "2: cpus is not a number from 1 to 8192"},
    {"[host a]\ndom0_vcpus = 99999999999999999999\n",
	"2: dom0_vcpus is not a number from 1 to 8192"},
    {"[host a]\nhvm = maybe\n", "2: hvm is neither yes nor no"},
    {"[host a]\nuuid = 12\n", "2: uuid is not a uuid"},
    {"[host a]\nuuid = 00000000-0000-0000-0000-000000000000\n",
	"2: uuid is not a uuid"},
    {"[host a]\nscrub_rate = 9999TiB\n", "2: scrub_rate is above 1024TiB"},
    {"[host a]\naddress = " HUNDRED "\n", "2: address is too long"},
    {"[host a]\nspeed = 4\n", "2: speed is no key of a host"},
    {"[host a]\ncpus = 4\ncpus = 4\n", "3: cpus is given twice"},
    {"[host a]\n[vm x]\n[host a]\n", "3: there is a host of this name already"},
    {"[host a]\nuuid = 11111111-2222-3333-4444-555555555555\n[host b]\n"
     "uuid = 11111111-2222-3333-4444-555555555555\n",
	"3: host b: another host has this uuid"},
    {"[host]\n", "1: unknown section, neither [host NAME] nor [vm NAME]"},
    {"[host ]\n", "1: unknown section, neither [host NAME] nor [vm NAME]"},
    {"[hosts a]\n", "1: unknown section, neither [host NAME] nor [vm NAME]"},
    {"[host " HUNDRED HUNDRED "]\n", "1: the line is too long"},
    {"cpus = 4\n", "1: a key before the first section"},
    {"[host a]\ncpus\n", "2: neither [section] nor key = value"},
    {"[host a\n", "1: neither [section] nor key = value"},
    {"[host a]\ncpus = 4 ; four\n  = 5\nhvm\n", "3: cpus is given twice"},
    {"[host \xff]\n", "1: the section's name is not UTF-8"},
    {"[host a]\naddress = \xff\n", "2: not UTF-8"},
    {"[host a]\naddress = " HUNDRED HUNDRED "\n", "2: the line is too long"},
};

Test(hv_ini, what_is_wrong_is_said_with_its_line)
{
	for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
		struct hv_sim *w = NULL;
		char why[1200];
		int rc = read_text(wrongs[i].text, &w, why, sizeof why);

		cr_expect_eq(rc, -1, "case %zu", i);
		cr_expect_null(w);
		cr_expect_str_eq(why, wrongs[i].why, "case %zu: %s", i, why);
	}
}

Test(hv_ini, no_such_file)
{
	struct hv_sim *w = NULL;
	char why[200];

	cr_expect_eq(hv_sim_read(&w, "/nonexistent/x", why, sizeof why), -1);
	cr_expect_str_eq(why, "/nonexistent/x: No such file or directory");
	cr_expect_eq(hv_sim_read(&w, "/tmp", why, sizeof why), -1);
	cr_expect_str_eq(why, "/tmp: cannot be read");
}

Test(hv_ini, a_whole_file)
{
	static const char text[] =
	    "\xef\xbb\xbf; two hosts\n"
	    "[host lab1]\n"
	    "memory = 8 GiB\n"
	    "dom0=512MiB ; small\n"
	    "dom0_vcpus = 2\n"
	    "xen = 100MiB\n"
	    "cpus = 8\n"
	    "hvm = no\n"
	    "address = 192.0.2.1\n"
	    "uuid = 11111111-2222-3333-4444-555555555555\n"
	    "scrub_rate = 1GiB\n"
	    "# guests are not read here\n"
	    "[vm a]\n"
	    "whatever = it says\n" BIG "memory = 3 apples\n"
	    "[host \u00fcber lab]\n";
	struct help_sim h;
	struct hv_link_calls calls = help_listen(&h);
	char why[1200];
	const struct hv_host *u;

	cr_assert_eq(read_text(text, &h.world, why, sizeof why), 0, "%s", why);
	h.link = hv_sim_link(h.world, &calls);
	cr_assert_not_null(h.link);
	help_sync(&h);
	cr_assert_eq(help_count(&h, HV_HOST), 2);
	u = help_host(&h, 0);
	cr_expect_str_eq(u->name, "lab1");
	cr_expect_str_eq(u->address, "192.0.2.1");
	cr_expect_eq(u->uuid.hi, 0x1111111122223333);
	cr_expect_eq(u->uuid.lo, 0x4444555555555555);
	cr_expect_eq(u->total_kib, 8 * GIB);
	cr_expect_eq(u->boot_free_kib, 8 * GIB - 100 * MIB);
	cr_expect_eq(u->free_kib, 8 * GIB - 612 * MIB);
	cr_expect_eq(u->cpus, 8);
	cr_expect_eq(u->flags, HV_H_SAMPLED);
	cr_expect_eq(h.log[3].u.domain.vcpus, 2);
	cr_expect_str_eq(help_host(&h, 1)->name, "\u00fcber lab");
	cr_expect_eq(help_host(&h, 1)->total_kib, 64 * GIB);
	help_close(&h);
}

Test(hv_ini, a_file_without_hosts_means_the_default_host)
{
	struct help_sim h;
	struct hv_link_calls calls = help_listen(&h);
	char why[1200];

	cr_assert_eq(read_text("[vm a]\n", &h.world, why, sizeof why), 0);
	h.link = hv_sim_link(h.world, &calls);
	cr_assert_not_null(h.link);
	help_sync(&h);
	cr_expect_str_eq(help_host(&h, 0)->name, "sim");
	help_close(&h);
}

static const struct {
	const char *text;
	bool ok;
	uint64_t kib;
} sizes[] = {
    {"1KiB", true, 1},
    {"512MiB", true, 524288},
    {"64 GiB", true, 67108864},
    {"2TiB", true, 2147483648},
    {"0KiB", true, 0},
    {"9007199254740992KiB", true, 1ull << 53},
    {"9007199254740993KiB", false, 0},
    {"8388608TiB", true, 1ull << 53},
    {"8388609TiB", false, 0},
    {"18446744073709551617KiB", false, 0},
    {"", false, 0},
    {"GiB", false, 0},
    {"64", false, 0},
    {"64G", false, 0},
    {"64gib", false, 0},
    {"1.5GiB", false, 0},
    {" 1GiB", false, 0},
    {"1GiB ", false, 0},
    {"+1GiB", false, 0},
    {"0x10GiB", false, 0},
};

Test(hv_ini, sizes)
{
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t kib = 77;
		bool ok = hv_parse_size(sizes[i].text, &kib);

		cr_expect_eq(ok, sizes[i].ok, "'%s'", sizes[i].text);
		cr_expect_eq(
		    kib, ok ? sizes[i].kib : 77, "'%s'", sizes[i].text);
	}
}
