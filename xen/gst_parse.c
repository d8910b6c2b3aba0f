/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

/* Own */
#include "xen/gst.h"

static const char *const names[HV_STATS_GUEST] = {
    [HV_STAT_SWAP_IN] = "swap_in",
    [HV_STAT_SWAP_OUT] = "swap_out",
    [HV_STAT_MAJOR_FAULTS] = "major_faults",
    [HV_STAT_MINOR_FAULTS] = "minor_faults",
    [HV_STAT_FREE] = "free",
    [HV_STAT_TOTAL] = "total",
    [HV_STAT_AVAILABLE] = "available",
    [HV_STAT_DISK_CACHES] = "disk_caches",
    [HV_STAT_HUGETLB_PGALLOC] = "hugetlb_pgalloc",
    [HV_STAT_HUGETLB_PGFAIL] = "hugetlb_pgfail",
};

const char *
gst_tag_name(enum hv_stat tag)
{
	return names[tag];
}

/* number - all n bytes are one decimal number up to 2^63-1; -1: they are not */
static int64_t
number(const char *s, size_t n)
{
	int64_t v = 0;

	if (n == 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int digit = s[i] - '0';

		if (digit < 0 || digit > 9 || v > (INT64_MAX - digit) / 10)
			return -1;
		v = v * 10 + digit;
	}
	return v;
}

/* tag_of - the tag that n bytes name; HV_STATS_GUEST: none */
static enum hv_stat
tag_of(const char *s, size_t n)
{
	for (int i = 0; i < HV_STATS_GUEST; i++)
		if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0)
			return (enum hv_stat)i;
	return HV_STATS_GUEST;
}

/* take - one word of the answer */
static void
take(const char *s, size_t n, struct hv_reading *r, uint64_t *request)
{
	static const char asked[] = "request";
	const char *eq = memchr(s, '=', n);
	size_t key = eq == NULL ? n : (size_t)(eq - s);
	int64_t v = eq == NULL ? -1 : number(eq + 1, n - key - 1);
	enum hv_stat tag = tag_of(s, key);

	if (v >= 0 && tag != HV_STATS_GUEST)
		r->value[tag] = v;
	else if (v >= 0 && key == strlen(asked) && memcmp(s, asked, key) == 0)
		*request = (uint64_t)v;
	else
		r->ignored++;
}

bool
gst_parse(
    const char *line, size_t n, struct hv_reading *r, uint64_t *request_out)
{
	const char *end = line + n;

	*request_out = 0;
	if (n > GST_LINE_BYTES) {
		r->ignored++;
		return false;
	}
	for (int i = 0; i < HV_STATS_GUEST; i++)
		r->value[i] = -1;
	while (line < end) {
		const char *blank = memchr(line, ' ', (size_t)(end - line));
		size_t word = (size_t)((blank == NULL ? end : blank) - line);

		if (word > 0)
			take(line, word, r, request_out);
		line += word + (blank == NULL ? 0 : 1);
	}
	return true;
}

int64_t
gst_used_kib(const struct hv_reading *r)
{
	int64_t total = r->value[HV_STAT_TOTAL];
	int64_t available = r->value[HV_STAT_AVAILABLE];

	if (total < 0 || available < 0 || available > total)
		return -1;
	return (total - available) / 1024;
}
