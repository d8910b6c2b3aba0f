/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_MEM_PRIV_H
#define MODEL_MEM_PRIV_H

/*
 * mem_priv - what the files of the accounts share
 *
 * A share is what one record, a VM or a reservation, contributes to the sums
 * of hosts.  It is a function of that record alone, so a change of the record
 * moves the sums by the difference of two shares, and a recount adds them up.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "model/mem.h"

/* What a record adds to one sum of one host; a null host: to none. */
struct mem_part {
	struct idl_ref host;
	int64_t bytes; /* >= 0 */
};

struct mem_share {
	struct mem_part part[MEM_SUMS];
};

/*
 * mem_share_of_vm, mem_share_of_reservation - what a record contributes
 *
 * in      vm, r  NULL: nothing
 * errors  as mem_counted
 */
enum err mem_share_of_vm(
    const struct idl_vm *vm, struct mem_share *share_out, struct failure *why);
void mem_share_of_reservation(
    const struct idl_memory_reservation *r, struct mem_share *share_out);

/*
 * mem_share_move - the sums of hosts follow a record from one share to another
 *
 * errors  HANDLE_INVALID [host, ref]; INTERNAL_ERROR when a sum would leave
 *         0..2^63-1
 */
enum err mem_share_move(struct fld_tx *tx, const struct mem_share *from,
    const struct mem_share *to, struct failure *why);

/*
 * mem_sum_of - the field of an account that is that sum
 */
int64_t *mem_sum_of(struct idl_host_account *account, enum mem_sum sum);

/*
 * mem_arrive - a VM changes: reservations for it pass to it, or come back
 *
 * in      was  NULL: it is new
 * inout   now  NULL: it goes; arriving_bytes, held_bytes, grant_bytes follow
 * errors  INTERNAL_ERROR [out of memory], and as mem_counted
 */
enum err mem_arrive(struct fld_tx *tx, const struct idl_vm *was,
    struct idl_vm *now, struct failure *why);

/*
 * mem_derive_reservation - a reservation changes: sums and counts follow
 *
 * errors  as mem_share_move
 */
enum err mem_derive_reservation(struct fld_tx *tx,
    const struct idl_memory_reservation *was,
    const struct idl_memory_reservation *now, struct failure *why);

/*
 * mem_verify_counts - every reservation_count against a recount
 *
 * errors  INTERNAL_ERROR [which is wrong]
 */
enum err mem_verify_counts(const struct fld_view *v, struct failure *why);

/*
 * mem_verify_accounts - every host_account against a recount
 *
 * errors  INTERNAL_ERROR [which is wrong]; HANDLE_INVALID [host, ref]
 */
enum err mem_verify_accounts(const struct fld_view *v, struct failure *why);

#endif
