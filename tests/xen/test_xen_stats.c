/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "tests/xen/help_xen.h"

#define MIB 1024u /* KiB */
#define REQUEST "/local/domain/1/control/memory-stats-request"
#define ANSWER "/local/domain/1/data/memory-stats"

/* open_one - a host with one guest, which is polled every second */
static void
open_one(struct help_xen *h, const char *key, const char *value)
{
	struct hv_command c = help_xen_command(HV_POLL, 1);

	help_xen_init(h);
	help_xen_add(h, 1, 200 * MIB);
	if (key != NULL)
		help_xen_set(h, key, value);
	help_xen_open(h);
	c.seconds = 1;
	cr_assert_eq(help_xen_do(h, &c).status, HV_OK);
	help_xen_pass(h, 200);
}

/* answer - the guest's agent answers what it was asked */
static void
answer(struct help_xen *h, const char *values)
{
	const char *asked = help_xen_get(h, REQUEST);
	char text[HV_NAME_BYTES];

	cr_assert_not_null(asked);
	(void)snprintf(text, sizeof text, "%s request=%s", values, asked);
	help_xen_set(h, ANSWER, text);
	help_xen_pass(h, 300);
}

/* readings - how many came up; *last_out: the last */
static size_t
readings(const struct help_xen *h, struct hv_reading *last_out)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		if (h->log[i].type == HV_STATS) {
			n += h->log[i].u.stats.n;
			*last_out =
			    h->log[i].u.stats.reading[h->log[i].u.stats.n - 1];
		}
	return n;
}

Test(hv_xen_stats, our_agent_is_asked_and_answers)
{
	struct hv_reading r;
	struct help_xen h;
	char first[HV_NAME_BYTES];

	open_one(&h, NULL, NULL);
	(void)snprintf(first, sizeof first, "%s", help_xen_get(&h, REQUEST));
	help_xen_pass(&h, 60000);
	cr_expect_str_eq(help_xen_get(&h, REQUEST), first,
	    "it is not asked again before it has answered");
	cr_expect_eq(readings(&h, &r), 0);
	answer(&h, "free=5 total=9");
	cr_expect_eq(readings(&h, &r), 1);
	cr_expect_eq(r.value[HV_STAT_FREE], 5);
	cr_expect_eq(r.value[HV_STAT_AVAILABLE], -1);
	help_xen_pass(&h, 1500);
	cr_expect_str_neq(help_xen_get(&h, REQUEST), first, "then it is");
	answer(&h, "free=6");
	cr_expect_eq(readings(&h, &r), 2);
	cr_expect_eq(r.value[HV_STAT_FREE], 6);
	help_xen_close(&h);
}

Test(hv_xen_stats, a_domain_that_has_just_died_is_not_asked)
{
	struct hv_command c = help_xen_command(HV_POLL, 1);
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	h.nkeys = 0; /* Xen lists it for a moment more */
	c.seconds = 1;
	cr_assert_eq(help_xen_do(&h, &c).status, HV_OK);
	help_xen_pass(&h, 200);
	cr_expect_null(help_xen_get(&h, REQUEST), "its keys stay gone");
	help_xen_close(&h);
}

static const struct {
	const char *sentence;
	const char *key, *value;
	int64_t total, free_bytes, available;
	size_t readings;
} other_cases[] = {
    {"another agent's total is taken", "/local/domain/1/data/meminfo_total",
	"1000", 1024000, -1, -1, 1},
    {"another agent's free is taken", "/local/domain/1/data/meminfo_free", "10",
	-1, 10240, -1, 1},
    {"used without a total tells nothing but that it is there",
	"/local/domain/1/memory/meminfo", "10", -1, -1, -1, 1},
    {"a value that is no number is none", "/local/domain/1/data/meminfo_total",
	"-5", 0, 0, 0, 0},
    {"a huge one is none", "/local/domain/1/data/meminfo_total",
	"1000000000000000000000000000000", 0, 0, 0, 0},
};

Test(hv_xen_stats, agents_of_others)
{
	for (size_t i = 0; i < sizeof other_cases / sizeof *other_cases; i++) {
		const char *s = other_cases[i].sentence;
		struct hv_reading r;
		struct help_xen h;

		open_one(&h, other_cases[i].key, other_cases[i].value);
		cr_expect_eq(
		    readings(&h, &r), other_cases[i].readings, "%s", s);
		if (other_cases[i].readings > 0) {
			cr_expect_eq(r.value[HV_STAT_TOTAL],
			    other_cases[i].total, "%s", s);
			cr_expect_eq(r.value[HV_STAT_FREE],
			    other_cases[i].free_bytes, "%s", s);
			cr_expect_eq(r.value[HV_STAT_AVAILABLE],
			    other_cases[i].available, "%s", s);
		}
		help_xen_close(&h);
	}
}

Test(hv_xen_stats, what_others_use_is_not_available)
{
	struct hv_reading r;
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_close(&h);
	open_one(&h, "/local/domain/1/data/meminfo_total", "1000");
	help_xen_set(&h, "/local/domain/1/memory/meminfo", "400");
	help_xen_pass(&h, 1500);
	cr_expect_eq(readings(&h, &r), 2);
	cr_expect_eq(r.value[HV_STAT_AVAILABLE], 600 * 1024);
	help_xen_close(&h);
}

Test(hv_xen_stats, a_flood_is_counted_and_not_read)
{
	struct hv_reading r;
	struct help_xen h;
	unsigned texts;

	open_one(&h, NULL, NULL);
	for (int i = 0; i < 1000; i++) {
		help_xen_set(&h, ANSWER, "free=1 request=1");
		help_xen_pass(&h, 1);
	}
	cr_expect_leq(h.texts, 20, "%u", h.texts);
	answer(&h, "free=5");
	cr_expect_eq(readings(&h, &r), 1);
	cr_expect_eq(r.value[HV_STAT_FREE], 5);
	cr_expect_gt(r.ignored, 0);
	texts = h.texts;
	for (int i = 0; i < 500; i++) {
		help_xen_set(&h, ANSWER, "free=1 request=1");
		help_xen_pass(&h, 1);
	}
	cr_expect_eq(h.texts, texts, "what was not asked for is not read");
	help_xen_close(&h);
}

/* A watch fires when it is set, and nobody has said anything. */
Test(hv_xen_stats, what_is_left_of_an_earlier_question_is_no_noise)
{
	struct hv_reading r;
	struct help_xen h;

	open_one(&h, ANSWER, "free=1 request=7");
	answer(&h, "free=5");
	cr_expect_eq(readings(&h, &r), 1);
	cr_expect_eq(r.ignored, 0);
	help_xen_close(&h);
}

Test(hv_xen_stats, an_answer_that_is_read_early_is_no_noise)
{
	struct hv_command c = help_xen_command(HV_POLL, 1);
	struct hv_reading r;
	struct help_xen h;
	char text[HV_NAME_BYTES];

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	help_xen_pass(&h, 200);
	c.seconds = 1;
	cr_assert_eq(help_xen_do(&h, &c).status, HV_OK);
	help_xen_pass(&h, 1);
	cr_assert_eq(h.nfired, 1, "the new watch");
	(void)snprintf(
	    text, sizeof text, "free=5 request=%s", help_xen_get(&h, REQUEST));
	help_xen_set(&h, ANSWER, text);
	h.nfired = 1; /* its own firing is late */
	help_xen_pass(&h, 200);
	cr_assert_eq(readings(&h, &r), 1);
	help_xen_set(&h, ANSWER, text); /* here it is */
	help_xen_pass(&h, 1500);
	answer(&h, "free=6");
	cr_expect_eq(readings(&h, &r), 2);
	cr_expect_eq(r.ignored, 0);
	help_xen_close(&h);
}

Test(hv_xen_stats, what_is_too_long_is_counted)
{
	char huge[HV_NAME_BYTES + 1];
	struct hv_reading r;
	struct help_xen h;

	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	open_one(&h, NULL, NULL);
	help_xen_set(&h, ANSWER, huge);
	help_xen_pass(&h, 300);
	answer(&h, "free=5");
	cr_expect_eq(readings(&h, &r), 1);
	cr_expect_eq(r.ignored, 1);
	help_xen_close(&h);
}

Test(hv_xen_stats, polling_survives_a_restart_of_xenstored)
{
	struct hv_reading r;
	struct help_xen h;

	open_one(&h, NULL, NULL);
	h.xs_error = ECONNRESET;
	help_xen_pass(&h, 2000);
	h.xs_error = 0;
	help_xen_pass(&h, 2000);
	answer(&h, "free=5");
	cr_expect_eq(readings(&h, &r), 1, "its answers are watched again");
	help_xen_close(&h);
}

/*
 * A connection may be lost with any request, the first of a guest's or one of
 * those that a new connection begins with.
 */
Test(hv_xen_stats, whatever_the_connection_is_lost_with_polling_goes_on)
{
	struct hv_command c = help_xen_command(HV_POLL, 1);
	struct hv_reading r;

	c.seconds = 1;
	for (unsigned answers = 0; answers < 20; answers++) {
		struct help_xen h;

		help_xen_init(&h);
		help_xen_add(&h, 1, 200 * MIB);
		help_xen_open(&h);
		help_xen_pass(&h, 200);
		for (int again = 0; again < 2; again++) {
			h.xs_error = ECONNRESET;
			h.xs_answers = answers;
			if (again == 0)
				cr_assert_eq(help_xen_do(&h, &c).status, HV_OK);
			help_xen_pass(&h, 400); /* too soon to try again */
			h.xs_answers = answers;
			help_xen_pass(&h, 400);
			if (h.xs_answers == 0)
				cr_expect_str_neq(help_xen_health(&h), "",
				    "%u: lost, and it says so", answers);
		}
		h.xs_error = 0;
		help_xen_pass(&h, 2000);
		answer(&h, "free=5");
		cr_expect_eq(readings(&h, &r), 1, "%u", answers);
		help_xen_close(&h);
	}
}

Test(hv_xen_stats, a_question_lost_with_the_connection_is_put_again)
{
	struct hv_reading r;
	struct help_xen h;
	char first[HV_NAME_BYTES];

	open_one(&h, NULL, NULL);
	(void)snprintf(first, sizeof first, "%s", help_xen_get(&h, REQUEST));
	answer(&h, "free=5");
	h.xs_error = ECONNRESET; /* the next question finds it lost */
	help_xen_pass(&h, 2000);
	cr_expect_str_eq(help_xen_get(&h, REQUEST), first);
	h.xs_error = 0;
	help_xen_pass(&h, 2000);
	cr_expect_str_neq(help_xen_get(&h, REQUEST), first);
	answer(&h, "free=6");
	cr_expect_eq(readings(&h, &r), 2);
	cr_expect_eq(r.value[HV_STAT_FREE], 6);
	help_xen_close(&h);
}

Test(hv_xen_stats, an_empty_store_is_left_empty)
{
	struct help_xen h;

	open_one(&h, NULL, NULL);
	h.xs_error = ECONNRESET;
	help_xen_pass(&h, 2000);
	h.nkeys = 0;
	h.xs_error = 0;
	help_xen_pass(&h, 2000);
	cr_expect_null(help_xen_get(&h, REQUEST));
	help_xen_close(&h);
}

Test(hv_xen_stats, a_restarted_guest_is_asked_not_what_is_left_of_it)
{
	struct hv_command c = help_xen_command(HV_POLL, 1);
	struct help_xen h;

	open_one(&h, NULL, NULL);
	help_xen_add(&h, 2, 200 * MIB);
	help_xen_dom(&h, 2)->uuid = help_xen_dom(&h, 1)->uuid;
	help_xen_pass(&h, 1500);
	c.domid = 2;
	c.seconds = 1;
	cr_assert_eq(help_xen_do(&h, &c).status, HV_OK);
	help_xen_pass(&h, 200);
	cr_expect_not_null(
	    help_xen_get(&h, "/local/domain/2/control/memory-stats-request"));
	help_xen_close(&h);
}

Test(hv_xen_stats, who_goes_is_asked_no_more)
{
	struct help_xen h;
	size_t watches;

	open_one(&h, NULL, NULL);
	watches = h.nwatches;
	help_xen_remove(&h, 1);
	help_xen_pass(&h, 5000);
	cr_expect_lt(h.nwatches, watches);
	cr_expect_null(help_xen_get(&h, REQUEST));
	help_xen_close(&h);
}
