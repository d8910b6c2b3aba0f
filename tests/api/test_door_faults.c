/* SPDX-License-Identifier: BSD-2-Clause */

/* The journal refuses, the outcome is unknown, memory is short: at every
 * commit and at every allocation of a call, one after the other. */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Own */
#include "tests/api/help_calls.h"
#include "tests/api/help_suite.h"
#include "tests/model/help_alloc.h"

/* Longer than a refused fact waits until all is asked for again. */
#define RESYNC_MS 600

static struct world w;

static void
open_world(void)
{
	suite_open(&w, NULL, 0);
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(door_faults, .init = open_world, .fini = close_world);

/* check - all laws, and nothing under way */
static void
check(const char *what)
{
	const struct fld_view *v = fld_pin(w.reader);
	char text[300];

	cr_assert_not_null(v);
	cr_assert(calls_laws(v, CALLS_CEILING_HOLDS, text, sizeof(text)),
	    "%s: %s", what, text);
	cr_assert_eq(calls_ops(v), 0, "%s: an operation is held", what);
	cr_assert_eq(wrq_parked(w.writer), 0, "%s: a call waits", what);
	cr_assert_eq(w.env.op_waiters, 0);
	cr_assert(hv_sim_conserves(w.sim, text, sizeof(text)), "%s", text);
	fld_unpin(w.reader, v);
}

/* ended - the end of a call, which may need some time when facts are lost */
static enum err
ended(struct world_call *call)
{
	if (!call->ended)
		world_pass(&w, RESYNC_MS);
	if (!call->ended)
		world_pass(&w, RESYNC_MS);
	return world_end(call);
}

/* ---- a story, told again with one fault further on each time ---- */

enum chapter {
	CREATE,
	LIMITS,
	START,
	BALLOON,
	SHADOW,
	PAUSE,
	UNPAUSE,
	SUSPEND,
	RESUME,
	REBOOT,
	SHUTDOWN,
	DESTROY,
	END,
};

/* What has been reached, as readers see it. */
struct story {
	struct idl_ref vm;
	bool made;
};

static enum err
create(struct story *s)
{
	struct world_shape shape = {
	    "story", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 512, 2, 1.0, NULL};
	struct idl_vm rec;
	enum err rc;

	world_record(&rec, &shape);
	rc = world_call(&w, "VM.create", &rec);
	s->made = rc == ERR_NONE;
	if (s->made)
		s->vm = w.result.ref;
	return rc;
}

/* tell - the call of a chapter */
static enum err
tell(struct story *s, enum chapter at)
{
	struct world_call call;

	switch (at) {
	case CREATE:
		return create(s);
	case LIMITS:
		world_begin(&w, &call, "VM.set_memory_limits", &s->vm,
		    128 * MIB, 1024 * MIB, 256 * MIB, 1024 * MIB);
		break;
	case START:
		world_begin(&w, &call, "VM.start", &s->vm, 0, 0);
		break;
	case BALLOON:
		world_begin(&w, &call, "VM.set_memory_dynamic_range", &s->vm,
		    512 * MIB, 768 * MIB);
		break;
	case SHADOW:
		world_begin(
		    &w, &call, "VM.set_shadow_multiplier_live", &s->vm, 4.0);
		break;
	case PAUSE:
		world_begin(&w, &call, "VM.pause", &s->vm);
		break;
	case UNPAUSE:
		world_begin(&w, &call, "VM.unpause", &s->vm);
		break;
	case SUSPEND:
		world_begin(&w, &call, "VM.suspend", &s->vm);
		break;
	case RESUME:
		world_begin(&w, &call, "VM.resume", &s->vm, 0, 0);
		break;
	case REBOOT:
		world_begin(&w, &call, "VM.clean_reboot", &s->vm);
		break;
	case SHUTDOWN:
		world_begin(&w, &call, "VM.hard_shutdown", &s->vm);
		break;
	default:
		world_begin(&w, &call, "VM.destroy", &s->vm);
		break;
	}
	return ended(&call);
}

/* has_come_true - does the record show it? otherwise: it would not */
static bool
has_come_true(const struct story *s, enum chapter at, bool otherwise)
{
	static const int32_t state[] = {
	    [START] = IDL_VM_POWER_STATE_RUNNING,
	    [PAUSE] = IDL_VM_POWER_STATE_PAUSED,
	    [UNPAUSE] = IDL_VM_POWER_STATE_RUNNING,
	    [SUSPEND] = IDL_VM_POWER_STATE_SUSPENDED,
	    [RESUME] = IDL_VM_POWER_STATE_RUNNING,
	    [SHUTDOWN] = IDL_VM_POWER_STATE_HALTED,
	};

	switch (at) {
	case START:
	case PAUSE:
	case UNPAUSE:
	case SUSPEND:
	case RESUME:
	case SHUTDOWN:
		return world_vm(&w, &s->vm)->power_state == state[at];
	default:
		return otherwise;
	}
}

/* is_one_stage - a chapter that changes nothing unless its call succeeds */
static bool
is_one_stage(enum chapter at)
{
	return at == CREATE || at == LIMITS || at == DESTROY;
}

/* has_failed - a call failed: it says why, and did nothing if that is certain
 */
static void
has_failed(const struct fld_view *was, enum chapter at)
{
	const struct fld_view *now = fld_pin(w.reader);

	cr_assert_not_null(now);
	cr_assert_eq(w.why.code, ERR_INTERNAL_ERROR, "%s", world_why(&w));
	cr_assert_eq(strncmp(w.why.param[0], "not stored: ", 12), 0, "%s",
	    world_why(&w));
	if (is_one_stage(at))
		cr_assert_eq(fld_generation(was), fld_generation(now));
	fld_unpin(w.reader, now);
}

/* mend - let what was refused be asked for again, and be told */
static void
mend(void)
{
	world_pass(&w, RESYNC_MS);
	world_pass(&w, RESYNC_MS);
	check("after a refusal");
}

/* chapter - tell it until it has come true; how often it was refused */
static unsigned
chapter(struct story *s, enum chapter at)
{
	const struct fld_view *was;
	unsigned n = 0;
	enum err rc;

	for (;; n++) {
		cr_assert_lt(n, 3, "chapter %d does not end", (int)at);
		if (n > 0 && has_come_true(s, at, false))
			return n;
		was = fld_pin(w.reader);
		cr_assert_not_null(was);
		rc = tell(s, at);
		if (rc != ERR_NONE)
			has_failed(was, at);
		fld_unpin(w.reader, was);
		if (rc == ERR_NONE && has_come_true(s, at, true))
			return n;
		/* Refused; or done, and what became of it could not be stored
		 */
		mend();
		if (rc == ERR_NONE) {
			cr_assert(has_come_true(s, at, true));
			return n;
		}
	}
}

/* told - the whole story with fault n; false: it had no nth commit */
static bool
told(struct jrn_memory_fault fault, bool twice)
{
	struct idl_ref host = world_first_host(&w);
	int64_t free_bytes = world_free(&w, &host);
	unsigned failures = 0;
	struct story s = {.made = false};
	size_t commits;

	jrn_memory_fail(w.journal, fault);
	if (twice)
		jrn_memory_fail_also(w.journal, fault.nth + 1);
	for (enum chapter at = CREATE; at < END; at++)
		failures += chapter(&s, at);
	commits = jrn_memory_commits(w.journal);
	mend();
	cr_assert_eq(world_free(&w, &host), free_bytes);
	if (fault.answer == JRN_UNKNOWN && fault.resolve == JRN_COMMITTED)
		cr_assert_eq(failures, 0, "what was stored was not told");
	jrn_memory_fail(w.journal, (struct jrn_memory_fault){.nth = 0});
	return commits >= fault.nth;
}

/* tell_all - one fault further on each time, then a daemon that finds it */
static void
tell_all(enum jrn_result answer, enum jrn_result resolve, bool twice)
{
	struct jrn_memory_fault fault = {1, answer, resolve};
	bool more;

	for (more = true; more; fault.nth++) {
		cr_assert_lt(fault.nth, 200);
		more = told(fault, twice);
	}
	cr_assert_gt(fault.nth, 12, "the story is short");
	world_restart(&w, WORLD_GOES_ON);
	check("after a restart");
}

Test(door_faults, any_commit_is_refused)
{
	tell_all(JRN_REFUSED, JRN_REFUSED, false);
}

Test(door_faults, any_two_commits_are_refused)
{
	tell_all(JRN_REFUSED, JRN_REFUSED, true);
}

Test(door_faults, any_commit_is_unknown_and_was_done)
{
	tell_all(JRN_UNKNOWN, JRN_COMMITTED, false);
}

Test(door_faults, any_commit_is_unknown_and_was_not_done)
{
	tell_all(JRN_UNKNOWN, JRN_REFUSED, true);
}

/* ---- what the stories do not come across ---- */

Test(door_faults, a_promise_that_cannot_be_taken_back_is_not_kept)
{
	struct world_shape s = {
	    "v", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 512, 2, 1.0, "nonsense"};
	struct idl_ref vm = world_new_vm(&w, &s);
	struct idl_ref host = world_first_host(&w);
	int64_t free_bytes = world_free(&w, &host);

	/* The start is stored; the hypervisor refuses; that is not. */
	jrn_memory_fail(
	    w.journal, (struct jrn_memory_fault){2, JRN_REFUSED, JRN_REFUSED});
	cr_expect_neq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	world_pass(&w, RESYNC_MS);
	check("after a start in vain");
	cr_expect_eq(world_free(&w, &host), free_bytes);
}

Test(door_faults, who_waited_for_an_operation_may_wait_for_the_balloon)
{
	struct world_shape s = {"v", IDL_DOMAIN_TYPE_HVM, 128, 512, 512, 512, 2,
	    1.0, "shutdown_ms=2000 stuck"};
	struct world_call reboot, wait;
	struct idl_ref vm = world_new_vm(&w, &s);

	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	cr_assert_eq(world_call(&w, "VM.set_memory_dynamic_range", &vm,
			 256 * MIB, 256 * MIB),
	    ERR_NONE);
	world_begin(&w, &reboot, "VM.clean_reboot", &vm);
	world_begin(&w, &wait, "VM.wait_memory_target_live", &vm);
	/* The reboot ends in the moment in which the wait's patience does. */
	world_pass(&w, 2000);
	cr_assert_eq(world_end(&reboot), ERR_NONE, "%s", world_why(&w));
	cr_expect(!wait.ended);
	world_pass(&w, 256000);
	cr_assert_eq(world_end(&wait), ERR_VM_MEMORY_TARGET_WAIT_TIMEOUT, "%s",
	    world_why(&w));
	check("after both");
}

Test(door_faults, a_start_ends_when_it_shows)
{
	struct world_shape s = {
	    "v", IDL_DOMAIN_TYPE_HVM, 128, 256, 512, 512, 2, 1.0, NULL};
	struct world_call start, destroy;
	struct idl_ref vm = world_new_vm(&w, &s);

	/* Neither in its batch nor alone can the domain be noted. */
	jrn_memory_fail(
	    w.journal, (struct jrn_memory_fault){2, JRN_REFUSED, JRN_REFUSED});
	jrn_memory_fail_also(w.journal, 3);
	world_begin(&w, &start, "VM.start", &vm, 0, 0);
	cr_assert(!start.ended);
	world_begin(&w, &destroy, "VM.destroy", &vm);
	cr_assert(!destroy.ended, "a VM that runs can be destroyed");
	world_pass(&w, RESYNC_MS);
	cr_assert_eq(world_end(&start), ERR_NONE, "%s", world_why(&w));
	cr_assert_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_assert_eq(world_end(&destroy), ERR_VM_BAD_POWER_STATE);
	check("after the start");
}
