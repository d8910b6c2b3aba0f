/* SPDX-License-Identifier: BSD-2-Clause */
/* Conversions round to the side that their name says. */

/* System */
#include <criterion/criterion.h>

/* Model */
#include "model/units.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

Test(units, used_rounds_up_and_free_rounds_down)
{
	static const struct {
		const char *sentence;
		uint64_t bytes, mib_used, mib_free, kib_used, kib_free;
	} rows[] = {
	    {"nothing is nothing", 0, 0, 0, 0, 0},
	    {"one byte takes a whole unit", 1, 1, 0, 1, 0},
	    {"a KiB is exact", 1024, 1, 0, 1, 1},
	    {"a byte over a KiB", 1025, 1, 0, 2, 1},
	    {"a byte under a MiB", 1048575, 1, 0, 1024, 1023},
	    {"a MiB is exact", 1048576, 1, 1, 1024, 1024},
	    {"a byte over a MiB", 1048577, 2, 1, 1025, 1024},
	    {"the largest amount", BYTES_MAX, 8796093022208, 8796093022207,
		9007199254740992, 9007199254740991},
	};
	size_t i;

	for (i = 0; i < N(rows); i++) {
		cr_expect_eq(mib_of_bytes_used(rows[i].bytes), rows[i].mib_used,
		    "%s", rows[i].sentence);
		cr_expect_eq(mib_of_bytes_free(rows[i].bytes), rows[i].mib_free,
		    "%s", rows[i].sentence);
		cr_expect_eq(kib_of_bytes_used(rows[i].bytes), rows[i].kib_used,
		    "%s", rows[i].sentence);
		cr_expect_eq(kib_of_bytes_free(rows[i].bytes), rows[i].kib_free,
		    "%s", rows[i].sentence);
	}
}

Test(units, small_units_round_the_same_way)
{
	cr_expect_eq(mib_of_kib_used(0), 0);
	cr_expect_eq(mib_of_kib_used(1), 1);
	cr_expect_eq(mib_of_kib_used(1024), 1);
	cr_expect_eq(mib_of_kib_used(UINT64_MAX), UINT64_MAX / 1024 + 1);
	cr_expect_eq(mib_of_kib_free(1023), 0);
	cr_expect_eq(mib_of_kib_free(1024), 1);
	cr_expect_eq(mib_of_pages_used(0), 0);
	cr_expect_eq(mib_of_pages_used(256), 1);
	cr_expect_eq(mib_of_pages_used(257), 2);
	cr_expect_eq(mib_of_pages_used(UINT64_MAX), UINT64_MAX / 256 + 1);
}

Test(units, widening_reports_what_does_not_fit)
{
	uint64_t out = 42;

	cr_expect_not(bytes_of_mib(8796093022208, &out));
	cr_expect_not(bytes_of_mib(UINT64_MAX, &out));
	cr_expect_not(bytes_of_kib(9007199254740992, &out));
	cr_expect_not(bytes_of_kib(UINT64_MAX, &out));
	cr_expect_eq(out, 42, "and leaves the result alone");
	cr_expect(bytes_of_mib(8796093022207, &out));
	cr_expect_eq(out, BYTES_MAX - 1048575);
	cr_expect(bytes_of_kib(9007199254740991, &out));
	cr_expect_eq(out, BYTES_MAX - 1023);
	cr_expect(bytes_of_mib(0, &out));
	cr_expect_eq(out, 0);
}
