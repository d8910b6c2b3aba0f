/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_ASK_H
#define API_ASK_H

/*
 * ask - memory that a call needs to be free on a host, in the API's terms
 *
 * The balancing loop (api/bal.h) is asked, in KiB; handlers think in bytes and
 * records, and fail with the errors of the API.
 *
 * Threads: the writer's.
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "api/api.h"

/*
 * api_ask_for - so much memory is to be free on a host
 *
 * in      vm  for whom; NULL: nobody in particular
 *         min_bytes, max_bytes  1 .. 2^63-1
 *         then  the stage that gets the answer, if it does not come at once
 * out     c   has_ask, ask, then
 *         at_once_out  all of max is free and granted; there is no next stage
 * note    what is granted is to be in the records when the transaction ends
 * errors  INTERNAL_ERROR when the host record is gone
 */
enum err api_ask_for(struct api_call *c, const struct idl_ref *host,
    const struct idl_vm *vm, int64_t min_bytes, int64_t max_bytes,
    api_stage_f *then, bool *at_once_out, struct failure *why);

/*
 * api_ask_again - no memory, but reservations were granted more than they
 * reserved: they are to give that up, and the loop is asked once more
 *
 * in      c  a stage with the answer to an ask
 * out     c  has_ask, then
 * returns false: there is nothing to be had that way
 */
bool api_ask_again(
    struct api_call *c, const struct idl_ref *host, api_stage_f *then);

/*
 * api_ask_failure - the answer to the call's ask as a XenAPI failure
 *
 * errors  HOST_NOT_ENOUGH_FREE_MEMORY [needed, available], bytes;
 *         VMS_FAILED_TO_COOPERATE [vms]; TASK_CANCELLED [task];
 *         INTERNAL_ERROR [text]: nobody can say; a grant is ERR_NONE
 */
enum err api_ask_failure(const struct api_call *c, struct failure *why);

/*
 * api_ask_granted - bytes that the loop has granted
 */
int64_t api_ask_granted(const struct api_call *c);

#endif
