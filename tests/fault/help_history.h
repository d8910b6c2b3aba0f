/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULT_HELP_HISTORY_H
#define TESTS_FAULT_HELP_HISTORY_H

/*
 * help_history - batches whose outcome can be told from the generation alone
 *
 * Batch g changes, makes or deletes an arbitrary part of a dozen VMs, of row
 * sizes from a few hundred bytes to several pages.  What must be there after
 * batch g is a function of g, so a journal that was cut at any point can be
 * judged by what it says it holds.
 */

#include <stdint.h>

#include "model/jrn.h"
#include "tests/fault/help_jrn.h"

/*
 * help_history_commit - commit batch g
 */
enum jrn_result help_history_commit(
    struct jrn *j, uint64_t g, char *reason, size_t reason_bytes);

/*
 * help_history_check - is what is held the state after held->generation?
 *
 * returns NULL, or what is wrong: a static text
 */
const char *help_history_check(const struct help_held *held);

#endif
