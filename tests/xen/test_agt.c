/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

#include <criterion/criterion.h>

/* Own */
#include "xen/agent/agt.h"

static const char meminfo[] = "MemTotal:        2048000 kB\n"
			      "MemFree:          512000 kB\n"
			      "MemAvailable:    1024000 kB\n"
			      "HugePages_Total:       0\n";
static const char vmstat[] = "nr_free_pages 128000\n"
			     "nr_file_pages 1000\n"
			     "pswpin 3\n"
			     "pswpout 5\n"
			     "pgfault 1000\n"
			     "pgmajfault 40\n"
			     "htlb_buddy_alloc_success 7\n"
			     "htlb_buddy_alloc_fail 2\n";

static const struct {
	const char *sentence;
	const char *meminfo, *vmstat;
	uint64_t page_bytes;
	const char *line;
} line_cases[] = {
    {"every tag comes in bytes or as a count", meminfo, vmstat, 4096,
	"total=2097152000 free=524288000 available=1048576000 "
	"disk_caches=4096000 swap_in=12288 swap_out=20480 major_faults=40 "
	"minor_faults=960 hugetlb_pgalloc=7 hugetlb_pgfail=2 request=9"},
    {"pages are as large as the kernel says", "", "pswpin 1\n", 65536,
	"swap_in=65536 request=9"},
    {"what the kernel does not have is left out",
	"MemTotal: 10 kB\nMemFree: 4 kB\n", "", 4096,
	"total=10240 free=4096 request=9"},
    {"nothing readable still answers", "", "", 4096, "request=9"},
    {"a name is not found inside another", "XMemTotal: 1 kB\nMemTotalX: 2 kB\n",
	"npswpin 4\npswpinn 4\n", 4096, "request=9"},
    {"a last row without a newline counts", "MemFree: 4 kB", "", 4096,
	"free=4096 request=9"},
    {"a value that is no number is left out", "MemTotal: ten kB\n",
	"pswpin -3\n", 4096, "request=9"},
    {"a value that does not fit is left out",
	"MemTotal: 9223372036854775807 kB\nMemFree: 18446744073709551616 kB\n",
	"pswpin 9223372036854775807\n", 4096, "request=9"},
    {"fewer faults in all than major ones are left out", "",
	"pgfault 1\npgmajfault 2\n", 4096, "major_faults=2 request=9"},
};

Test(agt, lines)
{
	for (size_t i = 0; i < sizeof line_cases / sizeof *line_cases; i++) {
		char line[AGT_LINE_BYTES];
		size_t n = agt_line_write(line, line_cases[i].meminfo,
		    line_cases[i].vmstat, line_cases[i].page_bytes, 9);

		cr_expect_str_eq(
		    line, line_cases[i].line, "%s", line_cases[i].sentence);
		cr_expect_eq(n, strlen(line), "%s", line_cases[i].sentence);
	}
}

Test(agt, the_longest_line_fits)
{
	static const char text[] =
	    "nr_file_pages 9223372036854775807\n"
	    "pswpin 9223372036854775807\n"
	    "pswpout 9223372036854775807\n"
	    "pgfault 9223372036854775807\n"
	    "pgmajfault 1000000000000000000\n"
	    "htlb_buddy_alloc_success 9223372036854775807\n"
	    "htlb_buddy_alloc_fail 9223372036854775807\n";
	char line[AGT_LINE_BYTES];

	cr_expect_lt(agt_line_write(line,
			 "MemTotal: 9007199254740991 kB\n"
			 "MemFree: 9007199254740991 kB\n"
			 "MemAvailable: 9007199254740991 kB\n",
			 text, 1, UINT64_MAX),
	    sizeof line - 64);
}

static const struct {
	const char *sentence;
	const char *text;
	size_t n;
	uint64_t request;
} request_cases[] = {
    {"a number is itself", "17", 2, 17},
    {"the largest is itself", "9223372036854775807", 19, INT64_MAX},
    {"one more is no request", "9223372036854775808", 19, 0},
    {"nothing is no request", "", 0, 0},
    {"0 is no request", "0", 1, 0},
    {"a sign is no request", "-1", 2, 0},
    {"text after the number is no request", "17x", 3, 0},
    {"a NUL inside is no request", "1\0007", 3, 0},
    {"very many digits are no request", "0000000000000000000000000001", 28, 0},
};

Test(agt, requests)
{
	for (size_t i = 0; i < sizeof request_cases / sizeof *request_cases;
	     i++)
		cr_expect_eq(agt_request_parse(
				 request_cases[i].text, request_cases[i].n),
		    request_cases[i].request, "%s", request_cases[i].sentence);
}
