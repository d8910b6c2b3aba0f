/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_FACTS_H
#define XEN_HV_FACTS_H

/*
 * hv_facts - what the hypervisor reports becomes what the records say
 *
 * Each message is applied in a transaction of its own.  Facts are facts: they
 * are never refused because they do not fit a promise; the accounts simply
 * show it.  power_state, resident_on and domid of a VM are written here and
 * nowhere else, so the records are right again after any crash once
 * everything has been reported (HV_HELLO .. HV_SYNCED).
 *
 * Domains that others make (a world without HV_W_BUILDS) are found: a record is
 * made for each, and forgotten with it, unless somebody has changed it.  Such a
 * one stays, and is the VM's again when it is started: its domain has the same
 * uuid, or the same name and no other VM has that (xl makes a new uuid at each
 * create).  The record keeps its ref, which is what clients hold, and takes
 * the uuid, by which Xen, xenstore and xl know the domain: so hv, records and
 * the toolstack never speak of one thing by two uuids.  Whoever wants that to
 * stay gives the domain one in its configuration.
 *
 * Such a VM's own range is what the record says, as far as the domain's
 * static_max allows: hv_facts_take_ranges tells what has to be set.
 *
 * A message may be applied again after its transaction was lost: applying one
 * twice changes nothing.
 *
 * Threads: the writer alone.
 * DIAGNOSTICS none; what cannot be applied is returned with its reason.
 * BUGS an unsampled host (no HV_H_SAMPLED) keeps memory_overhead 0.
 */

#include <stddef.h>

#include "model/fld.h"
#include "xen/hv.h"

struct hv_facts;

/*
 * How far a message has been applied: HV_SYNCED of very many VMs takes several
 * transactions.  All zero: not at all.
 */
enum hv_facts_phase { HV_FACTS_SETTLE, HV_FACTS_ADOPT, HV_FACTS_DONE };
struct hv_facts_at {
	enum hv_facts_phase phase;
	struct idl_ref after; /* records up to here are done */
};

/* A domain that has started with another range than its record's. */
struct hv_facts_range {
	struct hv_uuid host;
	struct hv_uuid uuid;
	int32_t domid;
	int32_t pad;
	uint64_t min_kib;
	uint64_t max_kib;
	uint64_t target_kib; /* 0: as it is, or max_kib */
	uint64_t static_max_kib;
};

/* Who brings a target up that is below its VM's dynamic_min? */
enum hv_facts_target {
	HV_FACTS_RAISES, /* it goes along with the range */
	HV_FACTS_LEAVES, /* another, when there is memory for it */
};

/*
 * hv_facts_new - nothing reported yet
 *
 * in      new_ref  makes refs for records of new hosts and domains
 * errors  NULL: out of memory
 */
struct hv_facts *hv_facts_new(struct idl_ref (*new_ref)(void *ctx), void *ctx,
    enum hv_facts_target target);

/*
 * hv_facts_free - the records stay
 */
void hv_facts_free(struct hv_facts **f);

/*
 * hv_facts_apply - one message from the hypervisor
 *
 * in      m  checked by hv_msg_check; HV_RESULT and commands are ignored
 *         now_s  seconds since the epoch
 *         at  how far earlier transactions came, those that are durable
 * out     the transaction
 *         at  how far this one comes; until HV_FACTS_DONE, to be applied again
 * errors  INTERNAL_ERROR [text]: out of memory; a domain on an unknown host;
 *         a hypervisor of another protocol
 */
enum err hv_facts_apply(struct hv_facts *f, struct fld_tx *tx,
    const struct hv_msg *m, int64_t now_s, struct hv_facts_at *at,
    struct failure *why);

/*
 * hv_facts_take_ranges - what the message applied last wants to have set
 *
 * out     n_out  how many
 * returns an array that is the caller's to free; NULL: none
 * note    to be sent once the transaction is durable
 */
struct hv_facts_range *hv_facts_take_ranges(struct hv_facts *f, size_t *n_out);

#endif
