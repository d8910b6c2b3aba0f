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
 * A message may be applied again after its transaction was lost: applying one
 * twice changes nothing.
 *
 * Threads: the writer alone.
 * DIAGNOSTICS none; what cannot be applied is returned with its reason.
 * BUGS an unsampled host (no HV_H_SAMPLED) keeps memory_overhead 0.
 */

#include "model/fld.h"
#include "xen/hv.h"

struct hv_facts;

/*
 * hv_facts_new - nothing reported yet
 *
 * in      new_ref  makes refs for records of new hosts and domains
 * errors  NULL: out of memory
 */
struct hv_facts *hv_facts_new(struct idl_ref (*new_ref)(void *ctx), void *ctx);

/*
 * hv_facts_free - the records stay
 */
void hv_facts_free(struct hv_facts **f);

/*
 * hv_facts_apply - one message from the hypervisor
 *
 * in      m  checked by hv_msg_check; HV_RESULT and commands are ignored
 * out     the transaction
 * errors  INTERNAL_ERROR [text]: out of memory; a domain on an unknown host;
 *         a hypervisor of another protocol
 */
enum err hv_facts_apply(struct hv_facts *f, struct fld_tx *tx,
    const struct hv_msg *m, struct failure *why);

#endif
