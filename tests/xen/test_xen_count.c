/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* Own */
#include "tests/xen/help_xen.h"

#define MIB 1024u /* KiB */
#define MARK "/tool/xenapi-memory/log-dirty/1"

/* open_one - a host with one guest */
static void
open_one(struct help_xen *h)
{
	help_xen_init(h);
	help_xen_add(h, 1, 200 * MIB);
	help_xen_open(h);
}

/* count - HV_DIRTY; its id */
static uint64_t
count(struct help_xen *h, uint32_t seconds, uint32_t interval_s)
{
	struct hv_command c = help_xen_command(HV_DIRTY, 1);

	c.seconds = seconds;
	c.interval_s = interval_s;
	return help_xen_send(h, &c);
}

/* status - the answer to a command */
static int32_t
status(const struct help_xen *h, uint64_t id)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->log[i].type == HV_RESULT && h->log[i].u.result.id == id)
			return h->log[i].u.result.status;
	cr_assert_fail("no answer");
	return -1;
}

/* said - what was said last of a count; n_out: how often */
static const struct hv_dirtied *
said(const struct help_xen *h, uint64_t id, size_t *n_out)
{
	const struct hv_dirtied *last = NULL;

	*n_out = 0;
	for (size_t i = 0; i < h->n; i++)
		if (h->log[i].type == HV_DIRTIED &&
		    h->log[i].u.dirtied.id == id) {
			last = &h->log[i].u.dirtied;
			++*n_out;
		}
	cr_assert_not_null(last);
	return last;
}

/* expect_off - Xen logs nothing, and no mark is left */
static void
expect_off(struct help_xen *h)
{
	cr_expect_eq(h->logs_dirty, 0);
	cr_expect_null(help_xen_get(h, MARK));
}

Test(hv_xen_count, writes_are_counted_and_the_log_is_off_again)
{
	const struct hv_dirtied *d;
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	h.dirty_pages = 1000;
	id = count(&h, 10, 10);
	cr_expect_eq(status(&h, id), HV_OK);
	d = said(&h, id, &n);
	cr_expect_eq(n, 1);
	cr_expect_eq(d->n, 0);
	cr_expect(d->is_on);
	cr_expect_eq(h.logs_dirty, 1);
	cr_expect_not_null(help_xen_get(&h, MARK));
	cr_expect_eq(status(&h, count(&h, 1, 1)), HV_BUSY, "one at a time");
	help_xen_pass(&h, 9500);
	(void)said(&h, id, &n);
	cr_expect_eq(n, 1, "not before its time");
	help_xen_pass(&h, 1000);
	d = said(&h, id, &n);
	cr_expect_eq(n, 2);
	cr_expect_eq(d->n, 1);
	cr_expect_not(d->is_on);
	cr_expect_eq(d->status, HV_OK);
	cr_expect_eq(d->ever_kib, 4000);
	expect_off(&h);
	help_xen_close(&h);
}

Test(hv_xen_count, intervals)
{
	const struct hv_dirtied *d;
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	h.dirty_pages = 1000;
	id = count(&h, 5, 2);
	help_xen_pass(&h, 2200);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 1);
	cr_expect_eq(d->written_kib, 4000);
	h.dirty_pages = 10;
	h.ever_pages = 1005;
	help_xen_pass(&h, 2000);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 2);
	cr_expect_eq(d->written_kib, 40);
	cr_expect_eq(d->ever_kib, 4020);
	cr_expect(d->is_on);
	help_xen_pass(&h, 900);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 3, "the last one is shorter");
	cr_expect_not(d->is_on);
	cr_expect_eq(d->ever_kib, 4020, "and new is nothing of it");
	help_xen_pass(&h, 10000);
	(void)said(&h, id, &n);
	cr_expect_eq(n, 4, "no more is said");
	help_xen_close(&h);
}

Test(hv_xen_count, it_can_be_ended_and_begun_again)
{
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	id = count(&h, 60, 1);
	help_xen_pass(&h, 1500);
	cr_expect_eq(status(&h, count(&h, 0, 0)), HV_OK);
	cr_expect_not(said(&h, id, &n)->is_on);
	expect_off(&h);
	cr_expect_eq(status(&h, count(&h, 0, 0)), HV_OK, "none is no harm");
	cr_expect_eq(status(&h, count(&h, 1, 1)), HV_OK);
	help_xen_close(&h);
}

static const struct {
	const char *sentence;
	bool has_no_log, is_migrated;
	int32_t status;
} refused_cases[] = {
    {"another user of the log is left alone", false, true, HV_BUSY},
    {"where Xen has no log it is unsupported", true, false, HV_UNSUPPORTED},
};

Test(hv_xen_count, refused)
{
	for (size_t i = 0; i < sizeof refused_cases / sizeof *refused_cases;
	     i++) {
		const char *s = refused_cases[i].sentence;
		uint32_t was = refused_cases[i].is_migrated ? 1 : 0;
		struct help_xen h;

		open_one(&h);
		h.has_no_log = refused_cases[i].has_no_log;
		h.logs_dirty = was;
		cr_expect_eq(status(&h, count(&h, 10, 10)),
		    refused_cases[i].status, "%s", s);
		help_xen_pass(&h, 5000);
		cr_expect_eq(h.logs_dirty, was, "%s", s);
		cr_expect_null(help_xen_get(&h, MARK), "%s", s);
		help_xen_close(&h);
	}
}

Test(hv_xen_count, one_that_was_killed_is_ended_by_the_next_process)
{
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_set(&h, MARK, "on");
	h.logs_dirty = 1;
	help_xen_open(&h);
	expect_off(&h);
	help_xen_close(&h);
}

Test(hv_xen_count, a_guest_that_vanishes_ends_it)
{
	const struct hv_dirtied *d;
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	id = count(&h, 10, 1);
	help_xen_remove(&h, 1);
	help_xen_pass(&h, 2000);
	d = said(&h, id, &n);
	cr_expect_not(d->is_on);
	cr_expect_eq(d->status, HV_NO_DOMAIN);
	cr_expect_null(help_xen_get(&h, MARK));
	help_xen_close(&h);
}

Test(hv_xen_count, no_daemon_no_count)
{
	struct help_xen h;

	open_one(&h);
	(void)count(&h, 60, 1);
	hv_xen_attach(h.x, NULL, NULL); /* it was killed */
	expect_off(&h);
	help_xen_close(&h);
}

Test(hv_xen_count, the_end_of_the_process_ends_it)
{
	struct help_xen h;

	open_one(&h);
	(void)count(&h, 60, 1);
	help_xen_close(&h);
	expect_off(&h);
}

Test(hv_xen_count, xen_that_does_not_answer_is_asked_again_to_end_it)
{
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	id = count(&h, 1, 1);
	h.xc_fail_what = HV_XC_DIRTY_OFF;
	h.xc_fail_error = ETIMEDOUT;
	help_xen_pass(&h, 3000);
	cr_expect_not(said(&h, id, &n)->is_on);
	cr_expect_eq(h.logs_dirty, 1);
	cr_expect_not_null(help_xen_get(&h, MARK), "if we are killed now");
	cr_expect_eq(status(&h, count(&h, 1, 1)), HV_BUSY);
	h.xc_fail_what = 0;
	help_xen_pass(&h, 2000);
	expect_off(&h);
	help_xen_close(&h);
}

Test(hv_xen_count, one_that_vanishes_before_its_log_is_off_is_forgotten)
{
	struct help_xen h;

	open_one(&h);
	(void)count(&h, 1, 1);
	h.xc_fail_what = HV_XC_DIRTY_OFF;
	h.xc_fail_error = ETIMEDOUT;
	help_xen_pass(&h, 1500);
	cr_assert_eq(h.logs_dirty, 1);
	h.xc_fail_what = 0;
	help_xen_remove(&h, 1);
	help_xen_pass(&h, 500); /* less than until it is tried again */
	expect_off(&h);
	help_xen_close(&h);
}

/* Time that a call to Xen took shows in the step after it. */
Test(hv_xen_count, an_interval_begins_when_xen_has_answered)
{
	const struct hv_dirtied *d;
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	id = count(&h, 8, 4);
	hv_xen_step(h.x, 6000);
	help_xen_pass(&h, 3900);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 0, "4 s from when it is on");
	help_xen_pass(&h, 110); /* Xen is asked in the last 10 of them */
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 1);
	help_xen_pass(&h, 4100);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 2);
	cr_expect_not(d->is_on);
	id = count(&h, 8, 4);
	help_xen_pass(&h, 3999);
	hv_xen_step(h.x, 2);
	d = said(&h, id, &n);
	cr_assert_eq(d->n, 1, "it has just been asked");
	hv_xen_step(h.x, 6000);
	help_xen_pass(&h, 3900);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 1);
	help_xen_pass(&h, 200);
	d = said(&h, id, &n);
	cr_expect_eq(d->n, 2);
	help_xen_close(&h);
}

Test(hv_xen_count, one_that_vanishes_before_its_log_is_on_is_no_more)
{
	struct help_xen h;

	open_one(&h);
	help_xen_remove(&h, 1); /* not seen yet */
	cr_expect_eq(status(&h, count(&h, 1, 1)), HV_NO_DOMAIN);
	expect_off(&h);
	help_xen_close(&h);
}

Test(hv_xen_count, a_beginning_that_is_given_up_is_undone)
{
	struct help_xen h;

	open_one(&h);
	h.xc_fail_what = HV_XC_DIRTY_ON; /* it is on all the same, later */
	h.xc_fail_error = ETIMEDOUT;
	cr_expect_eq(status(&h, count(&h, 1, 1)), HV_REFUSED);
	cr_expect_eq(h.logs_dirty, 1);
	help_xen_pass(&h, 2000);
	expect_off(&h);
	help_xen_close(&h);
}

Test(hv_xen_count, a_count_that_cannot_be_read_ends)
{
	const struct hv_dirtied *d;
	struct help_xen h;
	uint64_t id;
	size_t n;

	open_one(&h);
	id = count(&h, 10, 1);
	h.xc_fail_what = HV_XC_DIRTY_COUNT;
	help_xen_pass(&h, 2000);
	d = said(&h, id, &n);
	cr_expect_not(d->is_on);
	cr_expect_eq(d->status, HV_REFUSED);
	expect_off(&h);
	help_xen_close(&h);
}
