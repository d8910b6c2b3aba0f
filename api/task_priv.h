/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_TASK_PRIV_H
#define API_TASK_PRIV_H

/*
 * task_priv - what the files of task share
 *
 * task.c      Async calls, and calls that wait
 * task_msg.c  the messages of class task
 * task_gc.c   old tasks go
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "api/task.h"

/*
 * task_is_pending - has it not ended yet?
 * task_is_marked - is an operation in current_operations?
 */
bool task_is_pending(const struct idl_task *task);
bool task_is_marked(const struct idl_task *task, int operation);

/*
 * task_make_room - there is going to be one more; in a transaction
 *
 * returns false when there are too many, even without those that may go
 */
bool task_make_room(struct api_env *env, struct fld_tx *tx);

#endif
