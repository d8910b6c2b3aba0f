/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_TIMED_H
#define XEN_HV_TIMED_H

/*
 * hv_timed - calls that may hang, with a time limit
 *
 * A thread does the call, the caller waits for it no longer than it wants to.
 * A call that takes longer is given up: its result is thrown away when it
 * comes, and until then every further call fails at once, so one that hangs
 * costs the caller its patience once and no second thread.
 *
 * Time in which the whole process, or the machine, stood still is not the
 * call's: however long that was, it takes a part of a second from the limit.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hv_timed;

/*
 * hv_timed_f - what is done in the thread
 *
 * in      ctx  as given; touched by nobody else while a call is on its way
 *         arg  a copy; given back to the caller if that still waits
 */
typedef void hv_timed_f(void *ctx, void *arg);

/*
 * hv_timed_open - a thread for calls that may hang
 *
 * returns 0, or an errno: no memory, no thread
 */
int hv_timed_open(struct hv_timed **t_out);

/*
 * hv_timed_call - do f(ctx, arg) in the thread
 *
 * in      arg, bytes  a plain struct, no pointers into the caller's memory
 *         limit_ms    how long to wait
 * out     arg  what f made of it; untouched when false
 * returns false: it took too long, or one before it still does, or no memory
 */
bool hv_timed_call(struct hv_timed *t, hv_timed_f *f, void *ctx, void *arg,
    size_t bytes, unsigned limit_ms);

/*
 * hv_timed_is_late - is a call that was given up still on its way?
 */
bool hv_timed_is_late(struct hv_timed *t);

/*
 * hv_timed_is_unwanted - asked by f: has the caller given up?
 *
 * returns false in any other thread
 * note    what f has begun it is to undo then: the caller was told it failed
 */
bool hv_timed_is_unwanted(void);

/*
 * hv_timed_close - end the thread; one that hangs is left behind
 */
void hv_timed_close(struct hv_timed **tp);

#endif
