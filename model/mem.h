/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_MEM_H
#define MODEL_MEM_H

/*
 * mem - what memory means: footprints, constraints, accounts, admission
 *
 * Pure functions on integers and records.  All results are bytes, 0..2^63-1;
 * whatever would exceed that is INVALID_VALUE [field, value] (design 8.13).
 *
 * One accounting (design 8.2): what is admitted is what is counted.  needed()
 * of a VM is the footprint of its guest memory as the policy chooses it,
 * rounded up to a MiB, plus overhead, with multiplier 1.0 for pv.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "idl_types.h" /* generated: struct idl_vm, enum idl_domain_type */
#include "model/fld.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_RESERVED_BYTES 75497472ull /* 72 MiB never given away; spec D.7 */
#define MEM_MULTIPLIER_MAX 1000.0

/* Which bound of a VM admission believes in (design 5). */
enum mem_policy {
	MEM_POLICY_DYNAMIC_MIN, /* default */
	MEM_POLICY_DYNAMIC_MAX,
	MEM_POLICY_STATIC_MAX,
};

/* The parts of a footprint, MiB (spec D.1). */
struct mem_footprint {
	uint64_t shadow_mib;
	uint64_t vcpu_extra_mib;
	uint64_t shim_mib;	  /* for the guest size asked about */
	uint64_t shim_static_mib; /* at static_max: the part of overhead */
	uint64_t overhead_mib;	  /* beside the guest's own memory */
	uint64_t total_mib;	  /* guest memory + overhead */
	uint64_t build_max_mib;	  /* the domain's pages at static_max */
	uint64_t build_start_mib; /* the domain's pages at the guest size */
	uint64_t xen_max_mib;	  /* Xen's ceiling for the domain (maxmem) */
};

/*
 * mem_footprint - what a guest of a given size takes from its host
 *
 * in      type  enum idl_domain_type
 *         static_max_bytes, guest_bytes  0 .. 2^63-1
 *         vcpus_max
 *         multiplier  1.0 .. MEM_MULTIPLIER_MAX; counts as 1.0 for pv
 * out     fp_out  MiB; total_mib as bytes is at most 2^63-1
 * errors  INVALID_VALUE [HVM_shadow_multiplier, value] out of range;
 *         INVALID_VALUE [VCPUs_max, value] or [memory_static_max, value] when
 *         the total would be over 2^63-1 bytes;
 *         INTERNAL_ERROR for domain type "unspecified"
 * source  spec D.1
 */
enum err mem_footprint(int32_t type, uint64_t static_max_bytes,
    uint64_t guest_bytes, uint64_t vcpus_max, double multiplier,
    struct mem_footprint *fp_out, struct failure *why);

/*
 * mem_multiplier_of_shadow - the multiplier that means so much shadow memory
 *
 * in      vm  its type, static_max and VCPUs count
 * returns 1.0 to 1000; mem_footprint with it gives shadow_mib back, where the
 *         bounds allow that
 * source  spec B.3 set_shadow_multiplier_live
 */
double mem_multiplier_of_shadow(const struct idl_vm *vm, uint64_t shadow_mib);

/*
 * mem_overhead - VM.memory_overhead for the record as it is now, bytes
 *
 * errors  as mem_footprint; INVALID_VALUE [field, value] for a negative field
 * source  spec D.2; design 8.4
 */
enum err mem_overhead(
    const struct idl_vm *vm, int64_t *bytes_out, struct failure *why);

/*
 * mem_needed - bytes that a VM is admitted with and counted as, by policy
 *
 * errors  as mem_overhead
 * note    pv_in_pvh is always taken at static_max (spec D.5)
 * source  spec D.3; design 8.2
 */
enum err mem_needed(const struct idl_vm *vm, enum mem_policy policy,
    int64_t *bytes_out, struct failure *why);

/*
 * mem_needed_for - the same for an explicit guest size (resume, migrate)
 *
 * errors  as mem_overhead; INVALID_VALUE [memory_actual, value] if negative
 */
enum err mem_needed_for(const struct idl_vm *vm, int64_t guest_bytes,
    int64_t *bytes_out, struct failure *why);

/*
 * mem_counted - what a VM is counted as: by the policy in force, or by guest
 * memory that it certainly has, when that is more
 *
 * in      floor_bytes  such guest memory; 0: none
 * errors  as mem_needed, mem_needed_for
 */
enum err mem_counted(const struct idl_vm *vm, int64_t floor_bytes,
    int64_t *bytes_out, struct failure *why);

/*
 * mem_maximise - largest static_max that fits in total bytes
 *
 * in      approximate  leave room for 64 vCPUs, whatever VCPUs_max is
 * out     bytes_out  whole MiB; 0 when nothing fits
 * errors  INVALID_VALUE [total, value] when negative; else as mem_overhead
 * source  spec D.9
 */
enum err mem_maximise(const struct idl_vm *vm, int64_t total_bytes,
    bool approximate, int64_t *bytes_out, struct failure *why);

/* Is dynamic memory control on?  Does nested virtualisation pin a VM? */
enum mem_dmc { MEM_DMC_ON, MEM_DMC_OFF };
enum mem_nested { MEM_NOT_NESTED, MEM_NESTED };

/*
 * mem_check_order - INV-1 alone, which holds for every VM record there is
 *
 * errors  INVALID_VALUE [field, value] for a negative bound;
 *         MEMORY_CONSTRAINT_VIOLATION_ORDER []
 * keeps   INV-1: 0 <= static_min <= dynamic_min <= dynamic_max <= static_max
 */
enum err mem_check_order(const struct idl_vm *vm, struct failure *why);

/*
 * mem_check_limits - the constraint check that every setter runs
 *
 * in      vm  the record as proposed
 *         nested  what mem_is_nested says
 * errors  as mem_check_order;
 *         MEMORY_CONSTRAINT_VIOLATION_MAXPIN [reason]
 * keeps   INV-1
 * source  spec C.3
 */
enum err mem_check_limits(const struct idl_vm *vm, enum mem_dmc dmc,
    enum mem_nested nested, struct failure *why);

/*
 * mem_explain_limits - the sentence that names the value and the bound it broke
 *
 * out     text  "memory_dynamic_min 5 is above memory_dynamic_max 4"; empty
 *         when the order holds
 */
void mem_explain_limits(const struct idl_vm *vm, char *text, size_t bytes);

/*
 * mem_transform - clamp the dynamic range into the static one, and the target
 * into the dynamic one (spec C.1)
 *
 * returns false when static_max < static_min or dynamic_max < dynamic_min; vm
 *         untouched
 */
bool mem_transform(struct idl_vm *vm);

/*
 * mem_is_nested - is nested virtualisation effective for the VM? (spec C.4)
 */
enum mem_nested mem_is_nested(
    const struct fld_view *v, const struct idl_vm *vm);

/* ---- accounts and admission (mem_account.c, mem_admit.c) ---- */

/*
 * The rules of the field store.
 *
 * derive  At each change of a VM: domain_type "unspecified" becomes pv or hvm
 *         (spec A.1), memory_overhead is what the record says now, and the sums
 *         of host_account follow resident_on and scheduled_to_be_resident_on.
 *         A host_account comes and goes with its host, which cannot go while
 *         VMs or reservations count on it (take them away first, or before it
 *         in the same transaction).
 *         A held reservation passes to its VM when that is scheduled for its
 *         host, or is found there; back when the VM is no longer scheduled but
 *         did not arrive; and it goes when the VM's domain has gone from the
 *         host, or the VM itself.  So who takes a VM to a host or away does
 *         not touch its reservations in the same transaction.
 *         HANDLE_INVALID [host, ref] when a VM is put on a host that is not.
 * check   Every VM: INV-1, and INVALID_VALUE [field, value] for what would need
 *         more than 2^63-1 bytes under any policy.  Templates and snapshots
 *         too.
 * verify  Every host's sums against a recount; every VM's hosts exist.
 *
 * The accounting policy is that of mem_set_policy.
 */
extern const struct fld_rules mem_rules;

/*
 * mem_set_policy - the admission policy, before fld_open; default DYNAMIC_MIN
 * mem_get_policy - the one in force
 */
void mem_set_policy(enum mem_policy policy);
enum mem_policy mem_get_policy(void);

/*
 * mem_free - host.compute_free_memory: bytes that can still be promised
 *
 * in      ignore  VM whose scheduling on this host does not count, nor a
 *         reservation held for it there, or NULL; as the accounts know it: in
 *         a transaction, ask before editing it
 * out     bytes_out  max(0, ceiling - sums)
 * errors  HANDLE_INVALID [host, ref]
 * source  spec D.4
 */
enum err mem_free(const struct fld_view *v, const struct idl_ref *host,
    const struct idl_vm *ignore, int64_t *bytes_out, struct failure *why);

/*
 * mem_admit - may this VM come to this host, with what it needs by policy?
 *
 * in      vm  as for mem_free's ignore
 *         floor_bytes  a guest size it certainly has (resume, migrate); 0: none
 * errors  HOST_NOT_ENOUGH_FREE_MEMORY [needed, available], bytes
 * source  spec D.5
 */
enum err mem_admit(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host, int64_t floor_bytes, struct failure *why);

/*
 * mem_admit_bytes - can a host promise so much to nobody in particular?
 *
 * errors  as mem_admit
 */
enum err mem_admit_bytes(const struct fld_view *v, const struct idl_ref *host,
    int64_t needed_bytes, struct failure *why);

/*
 * mem_admit_rise - may a running VM's record change from was to now?
 *
 * note    what it needs less, or as much, is always admitted, even on a host
 *         that is overcommitted; a VM on no host too
 * errors  HOST_NOT_ENOUGH_FREE_MEMORY [rise, free], bytes (design 8.12)
 * source  spec D.6
 */
enum err mem_admit_rise(const struct fld_view *v, const struct idl_vm *was,
    const struct idl_vm *now, struct failure *why);

/* The sums of a host_account. */
enum mem_sum {
	MEM_RESIDENT,  /* needed by VMs that are there */
	MEM_SCHEDULED, /* needed by VMs on their way there */
	MEM_RESERVED,  /* amounts of reservations that are held */
	MEM_GRANTED,   /* free memory kept for reservations, VMs on their way;
			* the control loop counts it, admission does not */
	MEM_SUMS,
};

/*
 * mem_recount - the sums of a host counted anew from every record
 *
 * out     sums_out[0..MEM_SUMS)  bytes, by enum mem_sum
 */
enum err mem_recount(const struct fld_view *v, const struct idl_ref *host,
    int64_t *sums_out, struct failure *why);

/*
 * mem_own_reservation - a held reservation of a VM on a host
 *
 * returns NULL: none; of several any
 */
const struct idl_memory_reservation *mem_own_reservation(
    const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host);

/*
 * mem_transfer - a held reservation becomes a VM's, which is on its host or on
 * the way there
 *
 * errors  INTERNAL_ERROR [out of memory]
 */
enum err mem_transfer(struct fld_tx *tx, const struct idl_memory_reservation *r,
    const struct idl_ref *vm, struct failure *why);

/*
 * mem_held_count - reservations that are held, of an owner or in all
 *
 * in      owner  NULL: in all
 */
int64_t mem_held_count(const struct fld_view *v, const char *owner);

/*
 * mem_host_overhead - host.memory_overhead from the boot sample, bytes
 *
 * in      total_kib, boot_free_kib  as hv.h reports them; any value
 * source  spec D.7, worked examples I.5
 */
int64_t mem_host_overhead(uint64_t total_kib, uint64_t boot_free_kib);

#endif
