/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "tests/xen/help_xen.h"
#include "xen/hv_xen_keys.h"

#define MIB 1024u /* KiB */

static const struct {
	const char *sentence;
	const char *text;
	bool ok;
	uint64_t kib;
} numbers[] = {
    {"a plain number", "262144", true, 262144},
    {"nothing at all", "0", true, 0},
    {"zeros before it", "000000000000042", true, 42},
    {"the most that there can be", "9007199254740992", true, 1ull << 53},
    {"one more than that", "9007199254740993", false, 0},
    {"10^30", "1000000000000000000000000000000", false, 0},
    {"twenty digits that wrap to a small number", "18446744073709551617", false,
	0},
    {"no digits", "", false, 0},
    {"a sign", "-1", false, 0},
    {"another sign", "+1", false, 0},
    {"a blank before it", " 1", false, 0},
    {"a newline after it", "1\n", false, 0},
    {"hexadecimal", "0x10", false, 0},
    {"a fraction", "1.5", false, 0},
    {"a unit", "1024k", false, 0},
    {"words", "lots", false, 0},
    {"digits that are not ASCII", "\xd9\xa1", false, 0},
};

Test(hv_xen_keys, a_number_is_digits_and_nothing_else)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		uint64_t kib = 7;
		bool ok = hv_xen_kib_parse(numbers[i].text, &kib);

		cr_expect_eq(ok, numbers[i].ok, "%s", numbers[i].sentence);
		cr_expect_eq(
		    kib, ok ? numbers[i].kib : 7, "%s", numbers[i].sentence);
	}
}

/* What a guest of 200 MiB, static_max 400 MiB is said to be when one key is
 * this. */
static const struct {
	const char *sentence;
	const char *key, *value; /* value NULL: missing */
	uint64_t target_kib, min_kib, max_kib, static_max_kib;
	uint32_t flags; /* beside RUNNING and BALLOON */
	int64_t offset_kib;
} hostile[] = {
    {"a target that is no number is what it holds", "memory/target", "junk",
	200 * MIB, 200 * MIB, 200 * MIB, 400 * MIB, 0, 0},
    {"a target of 10^30 is what it holds", "memory/target",
	"1000000000000000000000000000000", 200 * MIB, 200 * MIB, 200 * MIB,
	400 * MIB, 0, 0},
    {"a negative target is what it holds", "memory/target", "-4096", 200 * MIB,
	200 * MIB, 200 * MIB, 400 * MIB, 0, 0},
    {"a missing target is what it holds", "memory/target", NULL, 200 * MIB,
	200 * MIB, 200 * MIB, 400 * MIB, 0, 0},
    {"a static_max that is no number is none", "memory/static-max", "all",
	200 * MIB, 200 * MIB, 200 * MIB, 0, 0, 0},
    {"half a range is none", "memory/dynamic-min", "1024", 200 * MIB, 200 * MIB,
	200 * MIB, 400 * MIB, 0, 0},
    {"an offset is signed", "memory/memory-offset", "-64", 200 * MIB, 200 * MIB,
	200 * MIB, 400 * MIB, HV_D_OFFSET, -64},
    {"an offset of two signs is none", "memory/memory-offset", "--64",
	200 * MIB, 200 * MIB, 200 * MIB, 400 * MIB, 0, 0},
    {"uncooperative needs no value", "memory/uncooperative", "", 200 * MIB,
	200 * MIB, 200 * MIB, 400 * MIB, HV_D_UNCOOPERATIVE, 0},
    {"an agent is there whatever it writes", "data/updated", "\x01\xff",
	200 * MIB, 200 * MIB, 200 * MIB, 400 * MIB, HV_D_AGENT, 0},
};

Test(hv_xen_keys, what_a_guest_writes_changes_no_more_than_it_says)
{
	for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
		const char *say = hostile[i].sentence;
		const struct hv_domain *d;
		char path[HV_XS_PATH_BYTES];
		struct help_xen h;

		help_xen_init(&h);
		help_xen_add(&h, 1, 200 * MIB);
		(void)snprintf(
		    path, sizeof path, "/local/domain/1/%s", hostile[i].key);
		help_xen_set(&h, path, hostile[i].value);
		help_xen_open(&h);
		d = help_xen_said(&h, 1);
		cr_assert_not_null(d, "%s", say);
		cr_expect_eq(d->target_kib, hostile[i].target_kib, "%s", say);
		cr_expect_eq(d->dynamic_min_kib, hostile[i].min_kib, "%s", say);
		cr_expect_eq(d->dynamic_max_kib, hostile[i].max_kib, "%s", say);
		cr_expect_eq(
		    d->static_max_kib, hostile[i].static_max_kib, "%s", say);
		cr_expect_eq(d->flags,
		    hostile[i].flags | HV_D_RUNNING | HV_D_BALLOON, "%s", say);
		cr_expect_eq(d->offset_kib, hostile[i].offset_kib, "%s", say);
		help_xen_close(&h);
	}
}

Test(hv_xen_keys, a_range_is_one_if_it_is_in_order)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_add(&h, 2, 200 * MIB);
	help_xen_mem(&h, 1, "dynamic-min", "102400");
	help_xen_mem(&h, 1, "dynamic-max", "307200");
	help_xen_mem(&h, 2, "dynamic-min", "307200");
	help_xen_mem(&h, 2, "dynamic-max", "102400");
	help_xen_open(&h);
	cr_expect_eq(help_xen_said(&h, 1)->dynamic_min_kib, 102400);
	cr_expect_eq(help_xen_said(&h, 1)->dynamic_max_kib, 307200);
	cr_expect(help_xen_said(&h, 1)->flags & HV_D_RANGE);
	cr_expect_eq(help_xen_said(&h, 2)->dynamic_min_kib, 200 * MIB);
	cr_expect_not(help_xen_said(&h, 2)->flags & HV_D_RANGE);
	help_xen_close(&h);
}

static const struct {
	const char *sentence;
	const char *name; /* NULL: 4096 bytes of x */
	const char *said;
} names[] = {
    {"a name is its name", "web 1", "web 1"},
    {"in any script", "\xd0\xb2\xd0\xb5\xd0\xb1", "\xd0\xb2\xd0\xb5\xd0\xb1"},
    {"a newline would break a log: the id is the name", "a\nb", "Domain-1"},
    {"so would an escape", "\x1b[2J", "Domain-1"},
    {"what is not UTF-8 is no name", "\xff\xfe", "Domain-1"},
    {"4 KiB are no name", NULL, "Domain-1"},
    {"nothing is no name", "", "Domain-1"},
};

Test(hv_xen_keys, a_name_is_fit_to_be_shown)
{
	char longest[4097];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct help_xen h;

		help_xen_init(&h);
		help_xen_add(&h, 1, 200 * MIB);
		help_xen_set(&h, "/local/domain/1/name",
		    names[i].name != NULL ? names[i].name : longest);
		help_xen_open(&h);
		cr_expect_str_eq(help_xen_said(&h, 1)->name, names[i].said,
		    "%s", names[i].sentence);
		help_xen_close(&h);
	}
}

#define DEVICES (HV_XC_D_HVM | HV_XC_D_DEVICES)
static const struct {
	const char *sentence;
	uint32_t flags;
	const char *xl, *own; /* NULL: not said */
	const char *type;
} types[] = {
    {"pv, by Xen", 0, NULL, NULL, "pv"},
    {"pvh, by Xen", HV_XC_D_HVM, NULL, NULL, "pvh"},
    {"hvm, by Xen", DEVICES, NULL, NULL, "hvm"},
    {"what xl says", HV_XC_D_HVM, "hvm", NULL, "hvm"},
    {"what the toolstack's own key says counts more", HV_XC_D_HVM, "pvh",
	"pv-in-pvh", "pv_in_pvh"},
    {"nobody makes a pv domain of another kind", 0, "hvm", "pvh", "pv"},
    {"... nor another a pv domain", DEVICES, NULL, "pv", "hvm"},
    {"what it cannot be is not heard", DEVICES, NULL, "vax", "hvm"},
};

Test(hv_xen_keys, the_kind_of_domain)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct help_xen h;

		help_xen_init(&h);
		help_xen_add(&h, 1, 200 * MIB);
		help_xen_dom(&h, 1)->flags = types[i].flags;
		help_xen_set(&h, "/libxl/1/type", types[i].xl);
		help_xen_set(&h, "/local/domain/1/domain-type", types[i].own);
		help_xen_open(&h);
		cr_expect_str_eq(help_xen_said(&h, 1)->domain_type,
		    types[i].type, "%s", types[i].sentence);
		help_xen_close(&h);
	}
}

static const struct {
	const char *sentence;
	const char *xl, *balloon, *poweroff; /* NULL: missing */
	bool has;
} drivers[] = {
    {"a driver that is announced is there", NULL, "1", NULL, true},
    {"... whatever the key holds", NULL, "", NULL, true},
    {"none is announced: there is none", NULL, NULL, NULL, false},
    {"another toolstack's guest could have announced it", NULL, NULL, "1",
	false},
    {"a guest of xl cannot: its kernel's Xen drivers are up", "pvh", NULL, "1",
	true},
    {"... and are not before they say so", "pvh", NULL, "", false},
    {"... nor if they never do", "pvh", NULL, NULL, false},
};

Test(hv_xen_keys, a_balloon_driver)
{
	for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
		const struct hv_domain *d;
		struct help_xen h;

		help_xen_init(&h);
		help_xen_add(&h, 1, 200 * MIB);
		help_xen_set(&h, "/libxl/1/type", drivers[i].xl);
		help_xen_set(&h, "/local/domain/1/control/feature-balloon",
		    drivers[i].balloon);
		help_xen_open(&h);
		help_xen_set(&h, "/local/domain/1/control/feature-poweroff",
		    drivers[i].poweroff);
		help_xen_pass(&h, 200);
		d = help_xen_said(&h, 1);
		cr_expect_eq((d->flags & HV_D_BALLOON) != 0, drivers[i].has,
		    "%s", drivers[i].sentence);
		help_xen_close(&h);
	}
}

Test(hv_xen_keys, a_token_is_a_domain_or_none)
{
	cr_expect_eq(hv_xen_keys_token("0"), 0);
	cr_expect_eq(hv_xen_keys_token("32751"), 32751);
	cr_expect_eq(hv_xen_keys_token("32752"), -1);
	cr_expect_eq(hv_xen_keys_token("domains"), -1);
	cr_expect_eq(hv_xen_keys_token(""), -1);
}

Test(hv_xen_keys, a_batch_takes_what_fits)
{
	struct hv_xs_batch b;
	char wide[200];

	memset(&b, 0, sizeof b);
	memset(wide, 'p', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	cr_expect_null(hv_xs_add(&b, HV_XS_GET, "/%s", wide));
	for (uint32_t i = 0; i < HV_XS_OPS_MAX; i++)
		cr_expect_not_null(hv_xs_add(&b, HV_XS_GET, "/%u", i));
	cr_expect_null(hv_xs_add(&b, HV_XS_GET, "/more"));
	cr_expect_eq(b.n, HV_XS_OPS_MAX);
}
