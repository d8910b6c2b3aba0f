/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_API_HELP_CALLS_H
#define TESTS_API_HELP_CALLS_H

/*
 * help_calls - any message with any arguments, and what must hold after it
 *
 * Arguments are made by type from the message's row, so a new message is
 * called without a word here.  Knows neither Criterion nor threads.
 */

#include "api/api.h"
#include "tests/model/help_random.h"

/* Bytes of the arena that a random call and its answer need at most. */
#define CALLS_ARENA_BYTES ((size_t)1 << 20)

/*
 * calls_pick - a message: mostly one that moves memory, now and then any
 *
 * in      v  with many VMs in it, none is made any more
 * note    never one that blocks (login), nor system.*
 */
const struct idl_msg *calls_pick(
    struct help_random *r, const struct fld_view *v);

/*
 * calls_prepare - an internal call of a message, without arguments
 *
 * returns false: out of memory; the call is to be finished all the same
 */
bool calls_prepare(
    struct api_call *c, struct api_env *env, const struct idl_msg *m);

/*
 * calls_fill - random arguments for a prepared call: sensible ones, hostile
 * ones, and refs of what is in v
 *
 * note    control domains are spared the messages that raise static limits:
 *         for them these are not admitted
 * returns false: arena full
 */
bool calls_fill(
    struct api_call *c, const struct fld_view *v, struct help_random *r);

/*
 * May hosts have promised more than they have?  Admission never does that;
 * only facts can, when those before them were lost.
 */
enum calls_ceiling { CALLS_CEILING_HOLDS, CALLS_CEILING_MAY_BREAK };

/*
 * calls_laws - what holds in every image that can be seen
 *
 * Of each VM: static_min <= dynamic_min <= dynamic_max <= static_max, an
 * overhead that is its record's, metrics of its own, a host if and only if it
 * runs.  Of each host: sums that are a recount's and below the ceiling, free
 * memory that is the rest, resident_VMs that are those who say so.  As many
 * tasks as operations under way.
 *
 * out     text  what does not hold
 */
bool calls_laws(const struct fld_view *v, enum calls_ceiling ceiling,
    char *text, size_t bytes);

/*
 * calls_ops - operations under way, over all VMs
 */
unsigned calls_ops(const struct fld_view *v);

/*
 * calls_record_equal - do two versions of a record say the same?
 */
bool calls_record_equal(int cls, const void *a, const void *b);

/*
 * calls_why - a failure as one text: "CODE p1 p2"
 */
void calls_why(const struct failure *why, char *text, size_t bytes);

#endif
