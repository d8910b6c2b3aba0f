/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_CLI_HELP_FAKE_H
#define TESTS_CLI_HELP_FAKE_H

/*
 * help_fake - a server made of a table: calls as text in, values as text out
 *
 * A call is "VM.set_memory(OpaqueRef:web, 1024)"; a value is written as JSON
 * with int, float, bool, text, array and object; a failure is "!CODE p1 p2",
 * a lost connection "?why".  Calls that are in no table succeed with "".
 *
 * DIAGNOSTICS none.  BUGS no escapes in texts.
 */

#include "cli/cli.h"

struct fake_row {
	const char *call, *answer;
};

struct fake {
	const struct fake_row *row; /* row[0..n), ahead of the common ones */
	size_t n;
	char out[65536], err[65536], calls[65536];
	int waits;    /* how often wait was called */
	int patience; /* wait says no after this many; 0: never */
};

/*
 * fake_run - run a command line; words are separated by single blanks, "~" in
 *         a word stands for a blank
 *
 * out     f  out, err, calls: one call a line, without the reads
 * returns the exit status
 */
enum fake_mode { FAKE_PLAIN, FAKE_HUMAN, FAKE_TASKS };
int fake_run(struct fake *f, const char *line, enum fake_mode mode);

/*
 * fake_run_in - the same in a pool of so many bytes
 */
int fake_run_in(
    struct fake *f, const char *line, enum fake_mode mode, size_t max_bytes);

/*
 * fake_value - the value that a text stands for, in the pool
 */
bool fake_value(struct cli_pool *pool, const char *text, struct cli_val *v_out);

#endif
