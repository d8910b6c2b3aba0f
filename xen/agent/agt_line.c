/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "xen/agent/agt.h"

#define VALUE_MAX ((uint64_t)INT64_MAX)

enum source { MEMINFO, VMSTAT };
enum unit { COUNT, KIB, PAGES };

/* Where each tag comes from; less: a second row that is subtracted. */
static const struct tag {
	const char *tag;
	const char *row;
	const char *less;
	enum source source;
	enum unit unit;
} tags[] = {
    {"total", "MemTotal:", NULL, MEMINFO, KIB},
    {"free", "MemFree:", NULL, MEMINFO, KIB},
    {"available", "MemAvailable:", NULL, MEMINFO, KIB},
    {"disk_caches", "nr_file_pages", NULL, VMSTAT, PAGES},
    {"swap_in", "pswpin", NULL, VMSTAT, PAGES},
    {"swap_out", "pswpout", NULL, VMSTAT, PAGES},
    {"major_faults", "pgmajfault", NULL, VMSTAT, COUNT},
    {"minor_faults", "pgfault", "pgmajfault", VMSTAT, COUNT},
    {"hugetlb_pgalloc", "htlb_buddy_alloc_success", NULL, VMSTAT, COUNT},
    {"hugetlb_pgfail", "htlb_buddy_alloc_fail", NULL, VMSTAT, COUNT},
};

/* number - decimal digits at *s; false: none, or above 2^63-1 */
static bool
number(const char **s, uint64_t *value_out)
{
	const char *p = *s;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (v > (VALUE_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*s = p;
	*value_out = v;
	return true;
}

/* find - the number in the row of a text that begins with a name */
static bool
find(const char *text, const char *row, uint64_t *value_out)
{
	size_t n = strlen(row);

	for (const char *p = text; p != NULL && *p != '\0';) {
		if (strncmp(p, row, n) == 0 && p[n] == ' ') {
			p += n;
			p += strspn(p, " ");
			return number(&p, value_out);
		}
		p = strchr(p, '\n');
		p = p == NULL ? NULL : p + 1;
	}
	return false;
}

/* value_of - a tag's value in its own unit; false: this kernel has it not */
static bool
value_of(const struct tag *t, const char *text, uint64_t page_bytes,
    uint64_t *value_out)
{
	uint64_t per = t->unit == KIB	  ? 1024
		       : t->unit == PAGES ? page_bytes
					  : 1;
	uint64_t v, less = 0;

	if (!find(text, t->row, &v))
		return false;
	if (t->less != NULL && !find(text, t->less, &less))
		return false;
	if (less > v || (v - less) > VALUE_MAX / per)
		return false;
	*value_out = (v - less) * per;
	return true;
}

size_t
agt_line_write(char *line, const char *meminfo, const char *vmstat,
    uint64_t page_bytes, uint64_t request)
{
	size_t used = 0;

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		const struct tag *t = &tags[i];
		uint64_t v;

		if (!value_of(t, t->source == MEMINFO ? meminfo : vmstat,
			page_bytes, &v))
			continue;
		used += (size_t)snprintf(line + used, AGT_LINE_BYTES - used,
		    "%s=%llu ", t->tag, (unsigned long long)v);
	}
	used += (size_t)snprintf(line + used, AGT_LINE_BYTES - used,
	    "request=%llu", (unsigned long long)request);
	return used;
}

uint64_t
agt_request_parse(const char *text, size_t n)
{
	char digits[24];
	const char *p = digits;
	uint64_t v;

	if (n == 0 || n >= sizeof(digits) || memchr(text, '\0', n) != NULL)
		return 0;
	memcpy(digits, text, n);
	digits[n] = '\0';
	return number(&p, &v) && *p == '\0' ? v : 0;
}
