/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power goes at any moment: every acknowledged batch is there, none is
 * half there.  And with flushing switched off the same test notices a loss,
 * which shows that it would.
 */

/* System */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

/* Own */
#include "model/journal/jrn_sqlite.h"
#include "tests/fault/help_history.h"
#include "tests/fault/help_jrn.h"
#include "tests/fault/vfs_powercut.h"
#include "tests/model/help_random.h"

#define DB "/memory.db"
#define ROUNDS_PER_DISK 25
#define REASON_BYTES 300

struct trial {
	struct help_random random;
	struct jrn_sqlite_options opt;
	uint64_t acked; /* must be there */
	uint64_t maybe; /* may be there */
	char lost[200]; /* what was wrong; "" when nothing was */
};

/* judge - is what a load gave what it must be?  False: something was lost */
static bool
judge(struct trial *t, const struct help_held *held)
{
	const char *problem = help_history_check(held);

	if (problem == NULL && held->generation >= t->acked &&
	    held->generation <= t->maybe) {
		t->acked = t->maybe = held->generation;
		return true;
	}
	(void)snprintf(t->lost, sizeof t->lost,
	    "generation %" PRIu64 ", expected %" PRIu64 "..%" PRIu64 ": %s",
	    held->generation, t->acked, t->maybe,
	    problem == NULL ? "sound" : problem);
	return false;
}

/* begin - open and load; NULL: the power went, or something was lost */
static struct jrn *
begin(struct trial *t)
{
	struct help_held held = {0};
	struct jrn *j = NULL;
	struct failure why;
	enum err rc;

	rc = jrn_sqlite_open(&j, DB, &t->opt, &why);
	if (rc == ERR_NONE)
		rc = help_load(j, &held, &why);
	if (rc == ERR_NONE) {
		if (!judge(t, &held))
			j->ops->close(&j);
	} else {
		if (j != NULL)
			j->ops->close(&j);
		if (!vfs_powercut_is_off())
			(void)snprintf(
			    t->lost, sizeof t->lost, "%s", why.param[0]);
	}
	help_held_drop(&held);
	return j;
}

/* run - one life, until the power goes or a clean end */
static void
run(struct trial *t)
{
	char reason[REASON_BYTES];
	enum jrn_result r = JRN_COMMITTED;
	struct jrn *j = begin(t);
	uint64_t n;

	if (j == NULL)
		return;
	n = help_random_below(&t->random, 60);
	for (; r == JRN_COMMITTED && n > 0; n--) {
		r = help_history_commit(j, t->acked + 1, reason, sizeof reason);
		if (r == JRN_COMMITTED)
			t->maybe = ++t->acked;
		else if (r == JRN_UNKNOWN)
			t->maybe = t->acked + 1;
	}
	cr_assert(r == JRN_COMMITTED || vfs_powercut_is_off(), "%s", reason);
	j->ops->close(&j);
}

/* trial - rounds of life and power cut; returns how often something was lost */
static int
trial(struct trial *t, int rounds)
{
	int losses = 0, i;

	for (i = 0; i < rounds; i++) {
		if (i % ROUNDS_PER_DISK == 0 || t->lost[0] != '\0') {
			if (i > 0)
				vfs_powercut_stop();
			vfs_powercut_start(help_random_next(&t->random));
			t->acked = t->maybe = 0;
			t->lost[0] = '\0';
		}
		vfs_powercut_cut_at(
		    1 + help_random_below(&t->random, i % 2 == 0 ? 120 : 1200));
		run(t);
		vfs_powercut_reboot();
		if (t->lost[0] != '\0')
			losses++;
		if (t->lost[0] != '\0' && t->opt.sync == JRN_SQLITE_SYNC_FULL)
			cr_assert_fail("round %d: %s", i, t->lost);
	}
	vfs_powercut_stop();
	return losses;
}

Test(jrn_powercut, nothing_acknowledged_is_lost)
{
	struct trial t = {.opt = {.vfs = VFS_POWERCUT_NAME,
			      .sync = JRN_SQLITE_SYNC_FULL,
			      .checkpoint_pages = 30,
			      .publish = vfs_powercut_publish}};

	help_random_init(&t.random, "nothing_acknowledged_is_lost");
	cr_assert_eq(trial(&t, 1000), 0);
}

Test(jrn_powercut, without_flushing_losses_are_noticed)
{
	struct trial t = {.opt = {.vfs = VFS_POWERCUT_NAME,
			      .sync = JRN_SQLITE_SYNC_OFF,
			      .checkpoint_pages = 30,
			      .publish = vfs_powercut_publish}};
	int losses;

	help_random_init(&t.random, "without_flushing_losses_are_noticed");
	losses = trial(&t, 200);
	cr_assert_gt(losses, 50, "%d of 200 rounds", losses);
}
