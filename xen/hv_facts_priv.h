/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_FACTS_PRIV_H
#define XEN_HV_FACTS_PRIV_H

/*
 * hv_facts_priv - what the files of hv_facts share
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "idl_types.h"
#include "model/fld.h"
#include "xen/hv_facts.h"

/* uuids that were reported; sorted when they are looked up */
struct hv_seen {
	struct idl_ref *items;
	size_t n, room;
	bool sorted;
};

struct hv_facts {
	struct idl_ref (*new_ref)(void *ctx);
	void *ctx;
	enum hv_facts_target target;
	char epoch[IDL_UUID_TEXT]; /* of HV_HELLO */
	char backend[16];
	struct hv_seen hosts, domains; /* since HV_HELLO */
	bool syncing;	 /* since HV_HELLO, until who was not reported ended */
	bool incomplete; /* something reported was not noted */
	uint32_t world;	 /* HV_W_* of HV_HELLO */
	int64_t now_s;
	struct hv_facts_range *ranges; /* hv_facts_take_ranges */
	size_t nranges, ranges_room;
};

/*
 * hv_facts_oom - INTERNAL_ERROR [out of memory]
 */
enum err hv_facts_oom(struct failure *why);

/*
 * hv_facts_uuid - a uuid as text in the transaction's arena; NULL: full
 */
const char *hv_facts_uuid(struct fld_tx *tx, const struct hv_uuid *uuid);

/*
 * hv_facts_find - the record of a class with a uuid; NULL: none
 *
 * in      field  index of the class's uuid field
 */
const void *hv_facts_find(
    const struct fld_view *v, int cls, int field, const struct hv_uuid *uuid);

/*
 * hv_facts_bytes - an amount of KiB as the API has it
 */
int64_t hv_facts_bytes(uint64_t kib);

/*
 * hv_facts_host - a HV_HOST message
 */
enum err hv_facts_host(struct hv_facts *f, struct fld_tx *tx,
    const struct hv_host *h, struct failure *why);

/*
 * hv_facts_domain - a HV_DOMAIN message
 */
enum err hv_facts_domain(struct hv_facts *f, struct fld_tx *tx,
    const struct hv_domain *d, struct failure *why);

/*
 * hv_facts_halt - the VM has no domain any more
 */
enum err hv_facts_halt(
    struct fld_tx *tx, const struct idl_ref *vm, struct failure *why);

/*
 * hv_facts_suspend - nor does this one: so much of its memory is in an image
 */
enum err hv_facts_suspend(struct fld_tx *tx, const struct idl_vm *was,
    int64_t held_bytes, struct failure *why);

/*
 * hv_facts_forget - the VM's records go
 */
void hv_facts_forget(struct fld_tx *tx, const struct idl_vm *vm);

/*
 * hv_facts_end - the same as halt; a record that nobody has changed goes
 */
enum err hv_facts_end(
    struct fld_tx *tx, const struct idl_vm *vm, struct failure *why);

/*
 * hv_facts_is_live - does the VM have a domain, as far as its record knows?
 */
bool hv_facts_is_live(const struct idl_vm *vm);

/*
 * hv_facts_adopt - if the found VM is one that we know by name, it is that
 *
 * in      found  a live VM's record
 */
enum err hv_facts_adopt(struct hv_facts *f, struct fld_tx *tx,
    const struct idl_vm *found, struct failure *why);

/*
 * hv_facts_bind - have a domain's range set to its record's, if it is not
 *
 * in      vm    the record
 *         from  the range that the domain has, its static_max and target;
 *               and whether it has a balloon driver to follow that
 */
struct hv_facts_bounds {
	uint64_t min_kib, max_kib, static_max_kib, target_kib;
	bool has_balloon;
};
enum err hv_facts_bind(struct hv_facts *f, const struct fld_view *v,
    const struct idl_vm *vm, const struct hv_facts_bounds *from,
    struct failure *why);

#endif
