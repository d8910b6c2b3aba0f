/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_JRN_H
#define MODEL_JRN_H

/*
 * jrn - the interface of the durable backends of the field store
 *
 * A journal keeps the newest persistent fields of every record, and the
 * generation of the last batch.  Backends live in model/journal/, each ending
 * in one const struct jrn_ops; jrn_memory for tests, jrn_sqlite by default.
 *
 * DIAGNOSTICS none; reasons are returned as text.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/idl.h"

enum jrn_result {
	JRN_COMMITTED,
	JRN_REFUSED, /* nothing was changed */
	JRN_UNKNOWN, /* may or may not be on disk: ask ->resolve */
	JRN_FATAL,   /* cannot even find out */
};

/* One record's new persistent state. */
struct jrn_change {
	int cls;
	struct idl_ref ref;
	const void *was; /* record struct before; NULL: created */
	const void *now; /* record struct; NULL: deleted */
};

struct jrn {
	const struct jrn_ops *ops;
	/* the backend's own struct goes on from here */
};

/*
 * Called for each record found; rec is valid for the call only.
 * Anything but ERR_NONE ends the load with that failure.
 */
typedef enum err jrn_load_f(
    void *ctx, int cls, const void *rec, struct failure *why);

struct jrn_ops {
	const char *name;
	/*
	 * Reads everything: every persistent record once, in any order.
	 * Must not alter a damaged or newer store.
	 */
	enum err (*load)(struct jrn *j, jrn_load_f *each, void *ctx,
	    uint64_t *generation_out, struct failure *why);
	/* One atomic, durable batch; reason gets a text unless committed. */
	enum jrn_result (*commit)(struct jrn *j, uint64_t generation,
	    const struct jrn_change *changes, size_t n, char *reason,
	    size_t reason_bytes);
	/* After UNKNOWN: reads back; COMMITTED, REFUSED or FATAL. */
	enum jrn_result (*resolve)(struct jrn *j, uint64_t generation,
	    char *reason, size_t reason_bytes);
	void (*close)(struct jrn **j);
};

#endif
