/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_KEYS_H
#define XEN_HV_XEN_KEYS_H

/*
 * hv_xen_keys - what xenstore says of a domain
 *
 * The keys of spec E.4, the domain's name, and what kind of domain the
 * toolstack made (its own key, else xl's).  Whatever is no plain decimal
 * number of KiB in range is as good as missing.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "xen/hv_xs.h"

struct hv_xen_keys {
	char name[HV_NAME_BYTES]; /* clean UTF-8; "": none */
	char type[16];		  /* IDL spelling; "": not said */
	/* KiB; missing where the has_ is false */
	bool has_target, has_min, has_max, has_static_max, has_offset;
	uint64_t target_kib;
	uint64_t min_kib;
	uint64_t max_kib;
	uint64_t static_max_kib;
	int64_t offset_kib;
	bool uncooperative; /* memory/uncooperative */
	bool balloon;	    /* control/feature-balloon, or as good as that */
	bool agent;	    /* data/updated */
};

/*
 * hv_xen_keys_ask - the batch that reads all of a domain's keys
 */
void hv_xen_keys_ask(struct hv_xs_batch *b, uint32_t domid);

/*
 * hv_xen_keys_read - what the answer to that batch means
 *
 * returns false: xenstore does not know the domain at all
 */
bool hv_xen_keys_read(struct hv_xen_keys *k, const struct hv_xs_batch *b);

/*
 * hv_xen_keys_watch - the batch that watches them
 *
 * note    the token is the domain id, as hv_xen_keys_token reads it
 */
void hv_xen_keys_watch(struct hv_xs_batch *b, uint32_t domid);

/*
 * hv_xen_keys_unwatch - the batch that no longer does
 */
void hv_xen_keys_unwatch(struct hv_xs_batch *b, uint32_t domid);

/*
 * hv_xen_keys_token - the domain whose watch fired; -1: it is not one of those
 */
int32_t hv_xen_keys_token(const char *token);

/*
 * hv_xen_kib_parse - a number of KiB: digits only, at most 2^53
 *
 * out     kib_out  untouched when false
 */
bool hv_xen_kib_parse(const char *text, uint64_t *kib_out);

/*
 * hv_xs_begin - an empty batch
 */
void hv_xs_begin(struct hv_xs_batch *b, enum hv_xs_what what);

/*
 * hv_xs_add - one more request of a batch, its path by format
 *
 * returns the request, or NULL: the batch is full, or the path too long
 */
struct hv_xs_op *hv_xs_add(struct hv_xs_batch *b, enum hv_xs_kind kind,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
