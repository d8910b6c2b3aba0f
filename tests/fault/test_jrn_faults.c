/* SPDX-License-Identifier: BSD-2-Clause */
/* Every answer of a commit is true: disk full, I/O errors, no memory. */

/* System */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_sqlite.h"
#include "tests/fault/help_history.h"
#include "tests/fault/help_jrn.h"
#include "tests/fault/vfs_powercut.h"
#include "tests/model/help_alloc.h"

#define DB "/memory.db"
#define REASON_BYTES 300

static const struct jrn_sqlite_options options = {
    .vfs = VFS_POWERCUT_NAME,
    .checkpoint_pages = 8,
    .publish = vfs_powercut_publish,
};

/* expect_generation - what a fresh look at the disk finds */
static void
expect_generation(const char *file, const struct jrn_sqlite_options *opt,
    uint64_t least, uint64_t most, const char *when)
{
	struct help_held held;
	struct failure why;
	struct jrn *j = NULL;
	const char *problem;

	cr_assert_eq(jrn_sqlite_open(&j, file, opt, &why), ERR_NONE, "%s: %s",
	    when, why.param[0]);
	cr_assert_eq(
	    help_load(j, &held, &why), ERR_NONE, "%s: %s", when, why.param[0]);
	cr_assert(held.generation >= least && held.generation <= most,
	    "%s: generation is %" PRIu64 ", not %" PRIu64 "..%" PRIu64, when,
	    held.generation, least, most);
	problem = help_history_check(&held);
	cr_assert_null(problem, "%s: %s", when, problem);
	help_held_drop(&held);
	j->ops->close(&j);
}

/* ---- disk full ---- */

Test(jrn_faults, disk_full_at_commit)
{
	struct jrn *j = NULL;
	struct failure why;
	char reason[REASON_BYTES];
	enum jrn_result r;
	uint64_t g = 0;
	int64_t room;
	int refused = 0;

	vfs_powercut_start(1);
	cr_assert_eq(jrn_sqlite_open(&j, DB, &options, &why), ERR_NONE);
	cr_assert_eq(
	    help_history_commit(j, ++g, reason, sizeof reason), JRN_COMMITTED);
	for (room = 0; room < 60000; room += 1 + room / 37) {
		vfs_powercut_room(room);
		r = help_history_commit(j, g + 1, reason, sizeof reason);
		vfs_powercut_room(-1);
		if (r == JRN_COMMITTED) {
			g++;
			continue;
		}
		refused++;
		cr_assert_eq(r, JRN_REFUSED, "never unknown");
		cr_assert_str_eq(reason, "database or disk is full");
		if (refused % 2 == 0) {
			j->ops->close(&j);
			expect_generation(DB, &options, g, g, "after full");
			cr_assert_eq(
			    jrn_sqlite_open(&j, DB, &options, &why), ERR_NONE);
		}
		r = help_history_commit(j, ++g, reason, sizeof reason);
		cr_assert_eq(r, JRN_COMMITTED, "with room again: %s", reason);
	}
	j->ops->close(&j);
	expect_generation(DB, &options, g, g, "in the end");
	cr_expect_gt(refused, 40, "%d", refused);
	vfs_powercut_stop();
}

Test(jrn_faults, disk_stays_full)
{
	struct jrn *j = NULL;
	struct failure why;
	char reason[REASON_BYTES];
	enum jrn_result r = JRN_COMMITTED;
	uint64_t g, i;

	vfs_powercut_start(2);
	cr_assert_eq(jrn_sqlite_open(&j, DB, &options, &why), ERR_NONE);
	vfs_powercut_room(50000);
	for (g = 0; r == JRN_COMMITTED; g++) {
		cr_assert_lt(g, 1000);
		r = help_history_commit(j, g + 1, reason, sizeof reason);
	}
	g--;
	cr_assert_eq(r, JRN_REFUSED);
	for (i = 0; i < 30; i++) {
		r = help_history_commit(j, g + 1, reason, sizeof reason);
		if (r == JRN_COMMITTED)
			g++; /* a checkpoint found room in the -wal */
		cr_assert_neq(r, JRN_UNKNOWN);
	}
	j->ops->close(&j);
	expect_generation(DB, &options, g, g, "still full");
	vfs_powercut_stop();
}

Test(jrn_faults, disk_full_at_the_start)
{
	struct jrn *j = NULL;
	struct failure why;
	char reason[REASON_BYTES];
	int64_t room;

	for (room = 0; j == NULL; room += 1777) {
		cr_assert_lt(room, 1000000);
		vfs_powercut_start(3);
		vfs_powercut_room(room);
		if (jrn_sqlite_open(&j, DB, &options, &why) != ERR_NONE) {
			cr_assert_null(j);
			cr_assert_lt(vfs_powercut_bytes(DB), 0,
			    "no half database gets the name");
			cr_assert_lt(vfs_powercut_bytes(DB ".new"), 0);
			vfs_powercut_room(-1);
			expect_generation(DB, &options, 0, 0, "with room");
		}
		if (j == NULL)
			vfs_powercut_stop();
	}
	for (room = 0;
	     help_history_commit(j, 1, reason, sizeof reason) != JRN_COMMITTED;
	     room += 1777) {
		cr_assert_lt(room, 1000000);
		vfs_powercut_room(room);
	}
	j->ops->close(&j);
	vfs_powercut_room(-1);
	expect_generation(DB, &options, 1, 1, "in the end");
	vfs_powercut_stop();
}

/* ---- I/O errors ---- */

/* How a life of the journal under faults ended. */
struct life {
	uint64_t committed; /* last generation that must be there */
	uint64_t maybe;	    /* last that may be there */
	int unknown;	    /* answers that had to be resolved */
};

/* live - open, load, commit, close, some times over; stops at FATAL */
static struct life
live(const char *file, const struct jrn_sqlite_options *opt)
{
	struct life life = {0, 0, 0};
	char reason[REASON_BYTES];
	struct help_held held;
	struct failure why;
	struct jrn *j = NULL;
	enum jrn_result r;
	int i;

	for (i = 0; i < 14; i++) {
		if (i == 6 && j != NULL)
			j->ops->close(&j);
		if (j == NULL &&
		    jrn_sqlite_open(&j, file, opt, &why) != ERR_NONE)
			continue;
		if (i == 0 || i == 6) {
			(void)help_load(j, &held, &why); /* may well fail */
			help_held_drop(&held);
		}
		r = help_history_commit(
		    j, life.committed + 1, reason, sizeof reason);
		cr_assert(r == JRN_COMMITTED || reason[0] != '\0',
		    "a reason is given");
		if (r == JRN_UNKNOWN) {
			life.unknown++;
			r = j->ops->resolve(
			    j, life.committed + 1, reason, sizeof reason);
		}
		if (r == JRN_COMMITTED)
			life.committed++;
		life.maybe = life.committed;
		if (r == JRN_FATAL) {
			life.maybe++;
			break;
		}
	}
	if (j != NULL)
		j->ops->close(&j);
	return life;
}

/* every_call - let each disk call fail in turn, and for how long */
static void
every_call(uint64_t length)
{
	struct life life;
	uint64_t n = 0;
	int unknown = 0;
	bool failed;
	char when[60];

	do {
		n++;
		vfs_powercut_start(n);
		vfs_powercut_fail_at(
		    n, length == UINT64_MAX ? length : n + length - 1);
		life = live(DB, &options);
		failed = vfs_powercut_failed();
		unknown += life.unknown;
		(void)snprintf(when, sizeof when, "call %" PRIu64 " failed", n);
		cr_assert(length > 1 || life.maybe == life.committed,
		    "%s: one fault is never fatal", when);
		vfs_powercut_reboot(); /* nothing unsynced is relied on */
		expect_generation(
		    DB, &options, life.committed, life.maybe, when);
		vfs_powercut_stop();
		cr_assert_lt(n, 5000);
	} while (failed);
	cr_expect_gt(n, 100, "%" PRIu64, n);
	cr_expect_gt(unknown, 0, "unknown outcomes occurred");
}

Test(jrn_faults, one_call_fails)
{
	every_call(1);
}

Test(jrn_faults, some_calls_fail)
{
	every_call(4);
}

Test(jrn_faults, all_calls_fail_from_some_time_on)
{
	every_call(UINT64_MAX);
}

/* cut_after_fault - calls fail around one commit, then the power goes */
static bool
cut_after_fault(uint64_t n, uint64_t length, int *resolved_there)
{
	char reason[REASON_BYTES], when[80];
	struct jrn *j = NULL;
	struct failure why;
	enum jrn_result r;
	uint64_t g;
	bool failed;

	vfs_powercut_start(n * 100 + length);
	cr_assert_eq(jrn_sqlite_open(&j, DB, &options, &why), ERR_NONE);
	for (g = 1; g <= 3; g++)
		cr_assert_eq(help_history_commit(j, g, reason, sizeof reason),
		    JRN_COMMITTED);
	vfs_powercut_fail_at(n, n + length - 1);
	r = help_history_commit(j, g, reason, sizeof reason);
	failed = vfs_powercut_failed();
	if (r == JRN_UNKNOWN) {
		r = j->ops->resolve(j, g, reason, sizeof reason);
		if (r == JRN_COMMITTED)
			(*resolved_there)++;
	}
	vfs_powercut_cut();
	j->ops->close(&j);
	vfs_powercut_reboot();
	(void)snprintf(when, sizeof when,
	    "calls %" PRIu64 "..%" PRIu64 " failed, then the power", n,
	    n + length - 1);
	expect_generation(DB, &options, r == JRN_COMMITTED ? g : g - 1,
	    r == JRN_REFUSED ? g - 1 : g, when);
	vfs_powercut_stop();
	return failed;
}

/* A flush that failed is not made good by a flush that then succeeds. */
Test(jrn_faults, resolved_is_durable)
{
	int resolved_there = 0;
	uint64_t n, length;

	for (length = 1; length <= 40; length++)
		for (n = 1; cut_after_fault(n, length, &resolved_there); n++)
			cr_assert_lt(n, 500);
	cr_expect_gt(resolved_there, 0, "some unknown batch was found there");
}

/* ---- no memory ---- */

/* alloc_life - live, with the nth allocation failing, on a real disk */
static bool
alloc_life(size_t n, const char *file)
{
	struct life life;
	bool failed;
	char when[60];

	help_alloc_fail_nth(n);
	life = live(file, NULL);
	failed = help_alloc_stop();
	(void)snprintf(when, sizeof when, "allocation %zu failed", n);
	expect_generation(file, NULL, life.committed, life.maybe, when);
	cr_assert_eq(life.committed, life.maybe, "%s", when);
	return failed;
}

Test(jrn_faults, every_allocation)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char *path = help_folder();
	char name[300];
	size_t n, i;

	/* thousands of them: the first all, later ones with a growing stride */
	for (n = 1; alloc_life(n, path); n += 1 + n / 40) {
		for (i = 0; i < 3; i++) {
			(void)snprintf(
			    name, sizeof name, "%s%s", path, suffixes[i]);
			(void)remove(name); /* may not be there */
		}
	}
	cr_expect_gt(n, 200, "%zu", n);
	help_folder_drop(&path);
}
