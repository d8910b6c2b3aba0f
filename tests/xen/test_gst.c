/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sys/random.h>

/* Own */
#include "xen/gst.h"

/* ---- what a guest says ---- */

static const struct {
	const char *sentence;
	const char *line;
	int64_t free, total;
	uint64_t request, ignored;
} parse_cases[] = {
    {"a whole answer is read", "total=100 free=7 request=3", 7, 100, 3, 0},
    {"the order does not matter", "request=3 free=7 total=100", 7, 100, 3, 0},
    {"what is not said is -1", "free=7 request=1", 7, -1, 1, 0},
    {"0 is a value", "free=0 total=0 request=1", 0, 0, 1, 0},
    {"2^63-1 is a value", "free=9223372036854775807 request=1", INT64_MAX, -1,
	1, 0},
    {"2^63 is not, and counts", "free=9223372036854775808 request=1", -1, -1, 1,
	1},
    {"10^30 is not", "free=1000000000000000000000000000000 request=1", -1, -1,
	1, 1},
    {"a negative one is not", "free=-1 total=5 request=1", -1, 5, 1, 1},
    {"text is not", "free=lots total=5 request=1", -1, 5, 1, 1},
    {"nothing is not", "free= total=5 request=1", -1, 5, 1, 1},
    {"a tag alone is not", "free total=5 request=1", -1, 5, 1, 1},
    {"unknown tags are thrown away", "spam=1 eggs=2 free=3 request=1", 3, -1, 1,
	2},
    {"a tag is not found inside another", "xfree=1 freex=2 request=1", -1, -1,
	1, 2},
    {"the last of two wins", "free=1 free=2 request=1", 2, -1, 1, 0},
    {"blanks in numbers do no harm", "  free=3   request=1  ", 3, -1, 1, 0},
    {"an answer without a number is to none", "free=3", 3, -1, 0, 0},
    {"the empty answer is to none", "", -1, -1, 0, 0},
};

Test(gst, answers)
{
	for (size_t i = 0; i < sizeof parse_cases / sizeof *parse_cases; i++) {
		struct hv_reading r = {.ignored = 0};
		uint64_t request = 77;
		const char *s = parse_cases[i].sentence;

		cr_expect(gst_parse(parse_cases[i].line,
			      strlen(parse_cases[i].line), &r, &request),
		    "%s", s);
		cr_expect_eq(
		    r.value[HV_STAT_FREE], parse_cases[i].free, "%s", s);
		cr_expect_eq(
		    r.value[HV_STAT_TOTAL], parse_cases[i].total, "%s", s);
		cr_expect_eq(request, parse_cases[i].request, "%s", s);
		cr_expect_eq(r.ignored, parse_cases[i].ignored, "%s", s);
	}
}

Test(gst, every_tag_is_read_back)
{
	for (int tag = 0; tag < HV_STATS_GUEST; tag++) {
		char line[100];
		struct hv_reading r = {.ignored = 0};
		uint64_t request;

		int n = snprintf(line, sizeof line, "%s=%d request=1",
		    gst_tag_name((enum hv_stat)tag), tag + 5);
		cr_assert(gst_parse(line, (size_t)n, &r, &request));
		for (int other = 0; other < HV_STATS_GUEST; other++)
			cr_expect_eq(r.value[other],
			    other == tag ? tag + 5 : -1, "%s", line);
	}
}

Test(gst, an_answer_of_any_bytes_is_bounded)
{
	static char line[GST_LINE_BYTES + 1];
	struct hv_reading r = {.ignored = 0};
	uint64_t request;
	unsigned seed;

	memset(line, 'x', sizeof line);
	cr_expect_not(gst_parse(line, sizeof line, &r, &request));
	cr_expect_eq(r.ignored, 1, "a line that is too long is not looked at");
	cr_assert_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
	cr_log_info("seed %u", seed);
	for (int round = 0; round < 5000; round++) {
		for (size_t i = 0; i < sizeof line; i++)
			line[i] = (char)(rand_r(&seed) >> 7);
		if (!gst_parse(line, sizeof line - 1, &r, &request))
			cr_assert_fail("not too long");
		for (int tag = 0; tag < HV_STATS_GUEST; tag++)
			cr_assert_geq(r.value[tag], -1);
	}
}

/* ---- who is asked when ---- */

static const struct hv_uuid one = {1, 1}, two = {2, 2};

/* reply - the domain answers a request at a time; was it one? */
static bool
reply(struct gst_poll *p, const struct hv_uuid *uuid, uint64_t request,
    int64_t now_ms, struct hv_reading *r)
{
	char line[64];
	int n = snprintf(line, sizeof line, "free=5 request=%llu",
	    (unsigned long long)request);

	return gst_poll_answer(
	    p, uuid, line, (size_t)n, now_ms, now_ms / 1000 + 1000, r);
}

Test(gst, polling_rules)
{
	struct gst_poll *p = gst_poll_new(40);
	struct hv_reading r;
	struct gst_due due;

	cr_expect_eq(gst_poll_next_ms(p, 0), -1, "nobody is asked at first");
	cr_assert(gst_poll_set(p, &one, 5, 1000));
	cr_expect_eq(gst_poll_next_ms(p, 1000), 0, "enabling asks at once");
	cr_assert(gst_poll_due(p, 1000, &due));
	cr_expect_eq(due.request, 41, "numbers go on where they were");
	cr_expect_not(gst_poll_due(p, 1000000, &due),
	    "who has not answered is never asked again");
	cr_expect_eq(gst_poll_next_ms(p, 1000000), -1, "and costs nothing");
	cr_expect_not(reply(p, &one, 40, 2000, &r), "another answer is none");
	cr_expect_not(reply(p, &two, 41, 2000, &r), "nor another's answer");
	cr_assert(reply(p, &one, 41, 2000, &r), "late answers count");
	cr_expect_eq(r.read_s, 1002, "the host's clock stamps a reading");
	cr_expect_eq(r.value[HV_STAT_FREE], 5);
	cr_expect_eq(r.ignored, 1, "what was ignored is counted");
	cr_expect_not(reply(p, &one, 41, 2000, &r), "twice is once too often");
	cr_expect_eq(gst_poll_next_ms(p, 2000), 5000,
	    "the timer is armed by the answer");
	cr_assert(gst_poll_set(p, &one, 60, 2000));
	cr_assert(gst_poll_due(p, 2000, &due), "setting anew asks anew");
	cr_assert(reply(p, &one, due.request, 2000, &r));
	cr_expect_eq(gst_poll_next_ms(p, 2000), 60000, "with the new interval");
	cr_assert(gst_poll_set(p, &one, 0, 2000));
	cr_expect_eq(gst_poll_next_ms(p, 2000), -1, "0 disables");
	cr_expect_not(reply(p, &one, due.request, 2000, &r),
	    "and what is said then is not read");
	gst_poll_free(&p);
	cr_expect_null(p);
}

Test(gst, many_are_asked_in_their_order)
{
	enum { MANY = 1000 };
	struct gst_poll *p = gst_poll_new(0);
	struct hv_reading r;
	struct gst_due due;
	int64_t now_ms = 0;
	size_t asked = 0, gone = 0;
	unsigned seed;

	cr_assert_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
	cr_log_info("seed %u", seed);
	for (uint64_t i = 1; i <= MANY; i++)
		cr_assert(gst_poll_set(p, &(struct hv_uuid){i, ~i},
		    1 + (uint32_t)rand_r(&seed) % 9, now_ms));
	for (; now_ms < 20000; now_ms += 100) {
		while (gst_poll_due(p, now_ms, &due)) {
			asked++;
			if (rand_r(&seed) % 50 == 0) { /* goes */
				gone++;
				cr_assert(gst_poll_set(p, &due.uuid, 0, 0));
				continue;
			}
			cr_assert(reply(p, &due.uuid, due.request, now_ms, &r));
		}
		cr_assert(gst_poll_next_ms(p, now_ms) != 0,
		    "all that was due was handed out");
	}
	cr_expect_gt(asked, 2 * MANY);
	cr_expect_gt(gone, 0);
	gst_poll_free(&p);
}
