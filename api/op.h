/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_OP_H
#define API_OP_H

/*
 * op - may this VM do that now?  And the locks of operations under way
 *
 * The rows of idl_operations say in which states an operation is possible and
 * on what kind of VM.  An operation that takes several stages (a command to
 * the hypervisor between two writes) is held meanwhile: its task stands in
 * VM.current_operations, and other operations wait a little, then are refused.
 * Single-stage writes need no lock: the writer runs one at a time.
 *
 * current_operations is live: a daemon that was killed holds nothing.
 * allowed_operations is never stored: it is a function of the record, and is
 * computed where a record is shown (api_op_allowed).
 *
 * Threads: api_op_check and api_op_allowed anywhere; the rest in the writer.
 * DIAGNOSTICS none.
 * BUGS nothing of devices and guest features is modelled: VM_LACKS_FEATURE and
 * VM_HAS_PCI_ATTACHED are never raised.
 */

#include "api/api.h"

/* At most this many calls wait for an operation to end. */
#define API_OP_WAITERS_MAX 100

/*
 * api_op_check - may the VM do this operation now?
 *
 * in      operation  enum idl_operation_id
 * errors  OPERATION_BLOCKED [vm, code]; VM_BAD_POWER_STATE [vm, expected,
 *         actual]; OTHER_OPERATION_IN_PROGRESS [VM, vm, op(s), task(s)];
 *         VM_IS_TEMPLATE, VM_IS_SNAPSHOT [vm, op]; VM_IS_IMMOBILE [vm];
 *         VM_IS_USING_NESTED_VIRT [vm]; OPERATION_NOT_ALLOWED [reason]
 * source  spec B.2, in that order
 */
enum err api_op_check(const struct fld_view *v, const struct idl_vm *vm,
    int operation, struct failure *why);

/*
 * api_op_bad_state - VM_BAD_POWER_STATE [vm, expected, actual]
 *
 * in      expected  "running, paused": lower case, joined
 */
enum err api_op_bad_state(
    const struct idl_vm *vm, const char *expected, struct failure *why);

/*
 * api_op_is_of - has a world what an operation needs?
 *
 * in      world      HV_W_* of it; without a builder of domains none is made
 *         operation  -1: none
 */
bool api_op_is_of(uint32_t world, int operation);

/*
 * api_op_allowed - the listed operations of a world whose check passes
 *
 * returns set(vm_operations) in the arena; NULL: arena full
 */
const struct idl_set *api_op_allowed(uint32_t world, const struct fld_view *v,
    const struct idl_vm *vm, struct arena *a);

/*
 * api_op_is_dom0 - is the VM the control domain of the host it runs on?
 */
bool api_op_is_dom0(const struct fld_view *v, const struct idl_vm *vm);

/*
 * api_op_enter - the check of a write whose row names an operation
 *
 * in      c  self is the VM
 * out     c  parked when a conflicting operation is waited for
 * errors  as api_op_check; OTHER_OPERATION_IN_PROGRESS only after
 *         env->lock_wait_ms; TOO_MANY_PENDING_TASKS []
 * note    a handler that has parked by itself is not checked again: it looks
 *         at its VM anew each time
 * source  spec B.2 acquisition; design 8.7
 */
enum err api_op_enter(struct api_call *c, struct failure *why);

/*
 * api_op_leave - the call waits for nobody's operation any more
 */
void api_op_leave(struct api_call *c);

/*
 * api_op_hold - keep other operations away until api_op_release
 *
 * in      c  self is the VM; the row's operation is held
 * out     c  op_vm, task
 *         the transaction: a task, an entry in current_operations
 */
enum err api_op_hold(struct api_call *c, struct failure *why);

/*
 * api_op_release - the operation has ended, well or not; in its last stage
 *
 * returns false: out of memory; the stage is to fail, and is run again
 * note    leaves c->op_vm alone: a stage may run again
 */
bool api_op_release(struct api_call *c);

/*
 * api_op_keep - a VM that was only found is worth keeping once it is changed
 *
 * in      c  its handler has run; self may be anything
 * errors  INTERNAL_ERROR [out of memory]
 * note    ending or pausing its domain changes nothing of the VM
 */
enum err api_op_keep(struct api_call *c, struct failure *why);

/*
 * api_op_state - a power state as VM_BAD_POWER_STATE spells it
 */
const char *api_op_state(const struct idl_vm *vm);

#endif
