/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What people read when a call fails, how tasks are followed, and what happens
 * when memory is short.
 */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "tests/cli/help_fake.h"

#define SET "VM.set_memory(OpaqueRef:web, 1)"

static const struct {
	const char *says, *answer, *err;
} row[] = {
    {"a sentence and its parameters", "!HOST_NOT_ENOUGH_FREE_MEMORY 10 5",
	"Not enough server memory is available to perform this operation.\n"
	"needed: 10\navailable: 5\n"},
    {"what is missing is unknown", "!HOST_NOT_ENOUGH_FREE_MEMORY 10",
	"Not enough server memory is available to perform this operation.\n"
	"needed: 10\navailable: <unknown>\n"},
    {"what is too much is extra", "!HOST_NOT_ENOUGH_FREE_MEMORY 1 2 3",
	"Not enough server memory is available to perform this operation.\n"
	"needed: 1\navailable: 2\n<extra>: 3\n"},
    {"refs are uuids and names",
	"!VM_BAD_POWER_STATE OpaqueRef:web halted running",
	"The VM is not in a power state that allows this operation.\n"
	"vm: u-web (web)\nexpected: halted\nactual: running\n"},
    {"refs of any class, too",
	"!OTHER_OPERATION_IN_PROGRESS VM OpaqueRef:web start OpaqueRef:x",
	"Another operation is using the object. Try again when it has ended.\n"
	"class: VM\nobject: u-web (web)\noperation_type: start\n"
	"operation_ref: OpaqueRef:x\n"},
    {"each VM of many", "!VMS_FAILED_TO_COOPERATE OpaqueRef:web OpaqueRef:db",
	"These VMs did not give back memory when they were asked to.\n"
	"VM: u-web (web)\nVM: u-db (db)\n"},
    {"the reason of a pin", "!MEMORY_CONSTRAINT_VIOLATION_MAXPIN DMC~disabled",
	"The dynamic memory range violates constraint static_min = "
	"dynamic_min = dynamic_max = static_max.\nreason: DMC~disabled\n"},
    {"a code nobody knows", "!FROBNICATED a b", "ERROR FROBNICATED a b\n"},
    {"a wrong password", "!SESSION_AUTHENTICATION_FAILED root x",
	"Authentication failed\nFor usage run: 'xe help'\n"},
    {"a lost connection", "?the line is dead", "Error: the line is dead\n"},
};

Test(failures, are_sentences)
{
	static struct fake f;
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_row no = {SET, row[i].answer};

		f.row = &no;
		f.n = 1;
		cr_expect_eq(
		    fake_run(&f, "vm-memory-set vm=web memory=1", FAKE_PLAIN),
		    1);
		cr_expect_str_eq(f.err, row[i].err, "%s", row[i].says);
	}
}

Test(failures, of_many_are_lines_of_output)
{
	static const struct fake_row no[] = {
	    {"VM.set_memory_dynamic_range(OpaqueRef:web, 1, 1)",
		"!MEMORY_CONSTRAINT_VIOLATION_ORDER"},
	    {"VM.set_memory_dynamic_range(OpaqueRef:dom0, 1, 1)",
		"!UNHEARD a b"}};
	static struct fake f = {.row = no, .n = 2};

	cr_expect_eq(fake_run(&f, "vm-memory-target-set target=1 --multiple",
			 FAKE_PLAIN),
	    1);
	cr_expect_str_eq(f.out,
	    "operation failed on u-dom0: UNHEARD: [ a; b ]\n"
	    "operation failed on u-web: The dynamic memory range violates "
	    "constraint static_min <= dynamic_min <= dynamic_max <= "
	    "static_max.\n\n");
	cr_expect_str_eq(f.err, "");
}

Test(failures, name_the_field_as_it_was_typed)
{
	static const struct fake_row no[] = {
	    {"VM.set_actions_after_crash(OpaqueRef:web, zork)",
		"!INVALID_VALUE value zork"}};
	static struct fake f = {.row = no, .n = 1};

	cr_expect_eq(
	    fake_run(&f, "vm-param-set uuid=u-web actions-after-crash=zork",
		FAKE_PLAIN),
	    1);
	cr_expect_str_eq(f.err,
	    "The value of this field or parameter is not valid.\n"
	    "field: actions-after-crash\nvalue: zork\n");
}

Test(failures, of_many_name_the_clash_of_each)
{
	static const struct fake_row no[] = {
	    {"VM.set_memory_dynamic_range(OpaqueRef:web, 1, 1)",
		"!MEMORY_CONSTRAINT_VIOLATION_ORDER"}};
	static struct fake f = {.row = no, .n = 1};

	cr_expect_eq(fake_run(&f, "vm-memory-target-set target=1 --multiple",
			 FAKE_HUMAN),
	    1);
	cr_expect_str_eq(f.out,
	    "operation failed on u-web: The dynamic memory range violates "
	    "constraint static_min <= dynamic_min <= dynamic_max <= "
	    "static_max.\nstatic_min would be 1024 (1 KiB), above dynamic_min, "
	    "1 (1 B)\n\n");
	cr_expect_str_eq(f.err, "");
}

Test(failures, of_starting_say_why_for_each_host)
{
	static const struct fake_row no[] = {
	    {"VM.start(OpaqueRef:web, false, false)", "!NO_HOSTS_AVAILABLE"},
	    {"VM.assert_can_boot_here(OpaqueRef:web, OpaqueRef:lab)",
		"!HOST_NOT_ENOUGH_FREE_MEMORY 9 1"}};
	static struct fake f = {.row = no, .n = 2};

	cr_expect_eq(fake_run(&f, "vm-start vm=web", FAKE_PLAIN), 1);
	cr_expect_str_eq(f.out,
	    "There are no suitable hosts to start this VM on.\n"
	    "The following table provides per-host reasons for why the VM "
	    "could not be started:\n\n"
	    "lab    : HOST_NOT_ENOUGH_FREE_MEMORY\n\n\n");
	cr_expect_str_eq(f.err, "There is no host that could run the VM.\n");
}

#define WAIT "vm-memory-target-wait vm=web"
#define ASYNC "Async.VM.wait_memory_target_live(OpaqueRef:web)"

Test(tasks, are_followed_and_destroyed)
{
	static const struct fake_row yes[] = {{ASYNC, "\"OpaqueRef:t\""},
	    {"task.get_status(OpaqueRef:t)", "\"success\""}};
	static struct fake f = {.row = yes, .n = 2};

	cr_expect_eq(fake_run(&f, WAIT, FAKE_TASKS), 0);
	cr_expect_str_eq(f.calls, ASYNC "\ntask.destroy(OpaqueRef:t)\n");
}

Test(tasks, tell_why_they_failed)
{
	static const struct fake_row no[] = {{ASYNC, "\"OpaqueRef:t\""},
	    {"task.get_status(OpaqueRef:t)", "\"failure\""},
	    {"task.get_error_info(OpaqueRef:t)",
		"[\"VM_MEMORY_TARGET_WAIT_TIMEOUT\",\"OpaqueRef:x\"]"}};
	static struct fake f = {.row = no, .n = 3};

	cr_expect_eq(fake_run(&f, WAIT, FAKE_TASKS), 1);
	cr_expect_str_eq(f.err,
	    "The VM did not reach its memory target in the time allowed.\n"
	    "task: OpaqueRef:x\n");
}

#define COUNT "Async.VM.estimate_working_set(OpaqueRef:web, 3)"

static const struct {
	const char *sentence, *result, *out;
} result_cases[] = {
    {"a number", "\"<value>10485760</value>\"", "10485760\n"},
    {"one without its element is none", "\"10485760\"", ""},
    {"nothing is no number", "\"\"", ""},
    {"an element that does not end is none", "\"<value>1\"", ""},
};

Test(tasks, give_what_they_returned)
{
	for (size_t i = 0; i < sizeof(result_cases) / sizeof(*result_cases);
	     i++) {
		const char *out = result_cases[i].out;
		struct fake_row yes[] = {{COUNT, "\"OpaqueRef:t\""},
		    {"task.get_status(OpaqueRef:t)", "\"success\""},
		    {"task.get_result(OpaqueRef:t)", result_cases[i].result}};
		static struct fake f;

		f = (struct fake){.row = yes, .n = 3};
		cr_expect_eq(fake_run(&f,
				 "vm-memory-working-set vm=web "
				 "seconds=3",
				 FAKE_TASKS),
		    *out == '\0', "%s", result_cases[i].sentence);
		cr_expect_str_eq(f.out, out, "%s", result_cases[i].sentence);
	}
}

Test(tasks, are_cancelled_when_the_user_gives_up)
{
	static const struct fake_row slow[] = {{ASYNC, "\"OpaqueRef:t\""},
	    {"task.get_status(OpaqueRef:t)", "\"pending\""},
	    {"task.get_progress(OpaqueRef:t)", "0.5"}};
	static struct fake f = {.row = slow, .n = 3, .patience = 3};

	cr_expect_eq(fake_run(&f, WAIT, FAKE_TASKS), 1);
	cr_expect_eq(f.waits, 3);
	cr_expect_str_eq(f.err, "Cancelled\n");
	cr_expect_str_eq(f.calls,
	    ASYNC "\ntask.cancel(OpaqueRef:t)\ntask.destroy(OpaqueRef:t)\n");
}

Test(failures, are_read_by_people)
{
	static const struct fake_row no[] = {
	    {SET, "!HOST_NOT_ENOUGH_FREE_MEMORY 2147483648 1610612736"}};
	static struct fake f = {.row = no, .n = 1};

	cr_expect_eq(
	    fake_run(&f, "vm-memory-set vm=web memory=1", FAKE_HUMAN), 1);
	cr_expect_str_eq(f.err,
	    "Not enough server memory is available to perform this "
	    "operation.\nneeded: 2 GiB\navailable: 1.5 GiB\n");
}

static const struct {
	const char *says;
	const char *word[3];
	size_t n;
	bool needs;
} session[] = {
    {"help needs none", {"help", "--all"}, 2, false},
    {"nor does nothing at all", {NULL}, 0, false},
    {"nor an unknown command", {"frob", "a=b"}, 2, false},
    {"nor one that lacks a word", {"vm-memory-set", "vm=a"}, 2, false},
    {"others do", {"vm-memory-set", "vm=a", "memory=1"}, 3, true},
};

Test(session, is_opened_when_something_will_be_called)
{
	size_t i;

	for (i = 0; i < sizeof(session) / sizeof(session[0]); i++)
		cr_expect_eq(cli_needs_session(session[i].word, session[i].n),
		    session[i].needs, "%s", session[i].says);
}

Test(tasks, are_not_needed)
{
	static const struct fake_row no[] = {
	    {ASYNC, "!MESSAGE_METHOD_UNKNOWN x"}};
	static struct fake f = {.row = no, .n = 1};

	cr_expect_eq(fake_run(&f, WAIT, FAKE_TASKS), 0);
	cr_expect_str_eq(
	    f.calls, ASYNC "\nVM.wait_memory_target_live(OpaqueRef:web)\n");
}

/* Every size of pool: an answer or a refusal, never more, never a crash. */
Test(memory, may_end_anywhere)
{
	static const char *const line[] = {"vm-list params=all",
	    "vm-param-list uuid=u-web", "vm-memory-set vm=web memory=1",
	    "help --all", "vm-list --minimal", "vm-start vm=web on=lab",
	    "vm-memory-target-set target=1 --multiple",
	    "vm-param-set uuid=u-web other-config:k=x"};
	static struct fake f;
	size_t i, n;
	int rc;

	for (i = 0; i < sizeof(line) / sizeof(line[0]); i++)
		for (n = 0, rc = 1; rc != 0 && n < 4000000; n += 1 + n / 8) {
			rc = fake_run_in(&f, line[i], FAKE_PLAIN, n);
			cr_expect(rc == 0 || strstr(f.err, "memory") != NULL,
			    "%s in %zu bytes says %s", line[i], n, f.err);
		}
	cr_expect_eq(rc, 0);
}
