/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Own */
#include "xen/hv_timed.h"

#define LONG_MS 60000 /* never reached */

/* What the calls share with the test. */
struct bed {
	sem_t go; /* one call may end */
	unsigned calls;
	bool unwanted; /* as the last call saw it, at its end */
};

struct sum {
	int a, b, result;
};

static void
add(void *ctx, void *arg)
{
	struct bed *bed = ctx;
	struct sum *s = arg;

	bed->calls++;
	s->result = s->a + s->b;
}

/* wait_then_add - a call that hangs until the test lets it go */
static void
wait_then_add(void *ctx, void *arg)
{
	struct bed *bed = ctx;

	(void)sem_wait(&bed->go);
	bed->unwanted = hv_timed_is_unwanted();
	add(ctx, arg);
}

static void
open_both(struct bed *bed, struct hv_timed **t)
{
	memset(bed, 0, sizeof *bed);
	cr_assert_eq(sem_init(&bed->go, 0, 0), 0);
	cr_assert_eq(hv_timed_open(t), 0);
}

/* come_back - the call that hangs ends, for good */
static void
come_back(struct bed *bed, struct hv_timed *t)
{
	(void)sem_post(&bed->go);
	while (hv_timed_is_late(t))
		(void)usleep(1000);
}

Test(hv_timed, what_comes_in_time_is_handed_back, .timeout = 30)
{
	struct sum s = {.a = 1, .b = 2};
	struct hv_timed *t;
	struct bed bed;

	open_both(&bed, &t);
	for (int i = 0; i < 1000; i++) {
		s.a = i;
		cr_assert(hv_timed_call(t, add, &bed, &s, sizeof s, LONG_MS));
		cr_assert_eq(s.result, i + 2);
	}
	cr_expect_eq(bed.calls, 1000);
	cr_expect_not(hv_timed_is_late(t));
	hv_timed_close(&t);
	cr_expect_null(t);
}

Test(hv_timed, what_takes_too_long_is_given_up, .timeout = 30)
{
	struct sum s = {.a = 1, .b = 2};
	struct hv_timed *t;
	struct bed bed;

	open_both(&bed, &t);
	cr_expect_not(hv_timed_call(t, wait_then_add, &bed, &s, sizeof s, 20));
	cr_expect_eq(s.result, 0, "untouched");
	cr_expect(hv_timed_is_late(t));
	for (int i = 0; i < 1000; i++)
		cr_assert_not(
		    hv_timed_call(t, add, &bed, &s, sizeof s, LONG_MS),
		    "nothing else is begun meanwhile");
	come_back(&bed, t);
	cr_expect(bed.unwanted, "it was told that nobody waits");
	cr_expect_eq(bed.calls, 1);
	cr_expect_eq(s.result, 0, "its result is thrown away");
	cr_expect(hv_timed_call(t, add, &bed, &s, sizeof s, LONG_MS));
	cr_expect_eq(s.result, 3);
	hv_timed_close(&t);
}

/* stop_then_add - the whole process stands still, and a little is left to do */
static void
stop_then_add(void *ctx, void *arg)
{
	(void)raise(SIGSTOP);
	(void)usleep(10000);
	add(ctx, arg);
}

Test(hv_timed, a_machine_that_stands_still_takes_no_time, .timeout = 30)
{
	pid_t child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (child == 0) {
		struct sum s = {.a = 1, .b = 2};
		struct hv_timed *t;
		struct bed bed;

		open_both(&bed, &t);
		_exit(
		    hv_timed_call(t, stop_then_add, &bed, &s, sizeof s, 1000) &&
			    s.result == 3
			? 0
			: 1);
	}
	cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
	cr_assert(WIFSTOPPED(status));
	(void)usleep(1200 * 1000); /* longer than the limit */
	cr_assert_eq(kill(child, SIGCONT), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(hv_timed, who_is_waited_for_is_wanted, .timeout = 30)
{
	struct sum s = {.a = 1, .b = 2};
	struct hv_timed *t;
	struct bed bed;

	open_both(&bed, &t);
	bed.unwanted = true;
	(void)sem_post(&bed.go);
	cr_expect(hv_timed_call(t, wait_then_add, &bed, &s, sizeof s, LONG_MS));
	cr_expect_not(bed.unwanted);
	cr_expect_not(hv_timed_is_unwanted(), "nor is anybody else");
	hv_timed_close(&t);
}

Test(hv_timed, one_that_hangs_does_not_keep_the_end_back, .timeout = 30)
{
	static struct bed bed; /* the thread may use it for ever */
	struct sum s = {.a = 1, .b = 2};
	struct hv_timed *t;

	open_both(&bed, &t);
	cr_expect_not(hv_timed_call(t, wait_then_add, &bed, &s, sizeof s, 20));
	hv_timed_close(&t);
	cr_expect_null(t);
	hv_timed_close(&t); /* twice does nothing */
	(void)sem_post(&bed.go);
}
