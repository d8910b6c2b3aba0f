/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XS_H
#define XEN_HV_XS_H

/*
 * hv_xs - what we ask of xenstore, libxenstore kept behind it
 *
 * Requests go in batches, answered by one function: the library (hv_xs_lib.c,
 * in the product), or a table of keys (in tests).  A batch is plain data, so
 * that a thread can do it with a time limit (hv_timed.h).
 *
 * Values come from guests: whatever is longer than the room here, or holds a
 * NUL, is HV_XS_BAD and not a byte of it is passed on.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "xen/hv.h"

#define HV_XS_OPS_MAX 24
#define HV_XS_PATH_BYTES 96
#define HV_XS_TEXT_BYTES 1025 /* longest answer of a guest, and a NUL */

enum hv_xs_what {
	HV_XS_OPEN = 1, /* connect, anew if need be -> fd */
	HV_XS_DO,	/* op[0..n), one after the other */
	HV_XS_TOGETHER, /* op[0..n), all or none: NEED, SET and DROP */
	HV_XS_EVENTS,	/* -> op[0..n): the tokens of watches that fired */
};

enum hv_xs_kind {
	HV_XS_GET = 1,	/* path -> value, or it is missing */
	HV_XS_GET_TEXT, /* path -> the batch's text; one in a batch */
	HV_XS_NEED,	/* path: without it nothing more is done, ENOENT */
	HV_XS_SET,	/* path, value */
	HV_XS_DROP,	/* path: it, and what is under it, if it is there */
	HV_XS_WATCH,	/* path, value: the token */
	HV_XS_UNWATCH,	/* the same */
};

enum hv_xs_status { HV_XS_OK, HV_XS_MISSING, HV_XS_BAD };

struct hv_xs_op {
	int32_t kind;	/* enum hv_xs_kind */
	int32_t status; /* out: enum hv_xs_status */
	char path[HV_XS_PATH_BYTES];
	char value[HV_NAME_BYTES];
};

struct hv_xs_batch {
	int32_t what;  /* enum hv_xs_what */
	int32_t error; /* out: 0 or an errno; ECONNRESET: no connection */
	int32_t fd;    /* out, OPEN: readable when watches fired; caller's */
	uint32_t n;
	struct hv_xs_op op[HV_XS_OPS_MAX];
	char text[HV_XS_TEXT_BYTES]; /* out, GET_TEXT */
};

/* Who answers. */
struct hv_xs {
	/* ctx is the first argument, a struct hv_xs_batch * the second. */
	void (*call)(void *ctx, void *batch);
	void *ctx;
};

/*
 * hv_xs_lib_new - xenstore through libxenstore; nothing is connected yet
 *
 * out     xs_out  for one thread at a time; lives as long as the process
 * returns 0, or an errno: no memory
 * note    only ever by the daemon's socket: the kernel's device, which the
 *         library would fall back on, hangs for ever when xenstored is dead.
 *         Changes the environment: no other thread may run yet
 */
int hv_xs_lib_new(struct hv_xs *xs_out);

#endif
