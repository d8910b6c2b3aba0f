/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_VM_PRIV_H
#define API_VM_PRIV_H

/*
 * vm_priv - what the files of VM handlers share
 *
 * A handler proposes a record, has it checked, stores it, and where a domain
 * is concerned leaves a command to be sent after the commit.  What a domain
 * does (power_state, resident_on, domid) is written by the facts that come
 * back, never by a handler: so a daemon that dies in between finds the truth
 * again when it next hears the hypervisor.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "api/api.h"

/*
 * api_vm_edit - the call's VM, to be changed
 *
 * errors  INTERNAL_ERROR [out of memory]
 */
enum err api_vm_edit(struct api_call *c, const struct idl_ref *self,
    struct idl_vm **vm_out, struct failure *why);

/*
 * api_vm_check_world - can the hypervisor process be told this at all?
 *
 * A process that builds no domains, or only observes them, is not asked: what
 * it would refuse is refused before anything is stored or promised.
 *
 * errors  OPERATION_NOT_ALLOWED [reason]: another service manages this host;
 *         NOT_IMPLEMENTED [method]: domains are built by others
 */
enum err api_vm_check_world(
    const struct api_call *c, enum hv_verb verb, struct failure *why);

/*
 * api_vm_hv_uuid - the uuid of a record as the hypervisor has it
 *
 * returns false: it is none
 */
bool api_vm_hv_uuid(const char *text, struct hv_uuid *uuid_out);

/*
 * api_vm_hv_bytes - an amount of the hypervisor, as the API has it
 */
int64_t api_vm_hv_bytes(uint64_t kib);

/*
 * api_vm_command - leave a command about a VM, sent after this commit
 *
 * in      vm    as it will be stored; all amounts are taken from it
 *         host  where its domain is or will be
 * out     c     has_command, command
 * errors  as api_vm_check_world; INTERNAL_ERROR when the host record is gone
 */
enum err api_vm_command(struct api_call *c, const struct idl_vm *vm,
    const struct idl_ref *host, enum hv_verb verb, struct failure *why);

/*
 * api_vm_command_dest - the host that the command moves the VM to
 *
 * errors  INTERNAL_ERROR when the host record is gone
 */
enum err api_vm_command_dest(
    struct api_call *c, const struct idl_ref *host, struct failure *why);

/*
 * api_vm_begin - hold the call's operation and leave a command about self
 *
 * in      then  the stage that gets the answer; it must release
 */
enum err api_vm_begin(struct api_call *c, const struct idl_ref *host,
    enum hv_verb verb, api_stage_f *then, struct failure *why);

/*
 * api_vm_ended - the usual last stage: let go, and say how the command went
 *
 * errors  as api_vm_hv_failure; INTERNAL_ERROR [out of memory]
 */
enum err api_vm_ended(struct api_call *c, void *result, struct failure *why);

/*
 * api_vm_awaits_fact - the domain is there, but that could not be stored
 *
 * The fact comes before the answer and turns the promise into residence.  If
 * the journal refused it, everything is reported anew; until then the
 * operation is held, or a VM that runs could be destroyed as a halted one.
 *
 * out     c  parked, when that returns true
 */
bool api_vm_awaits_fact(struct api_call *c);

/*
 * api_vm_came - the VM has come where it was scheduled, or with rc it will not
 *
 * returns the VM to edit; NULL: it is no more, or out of memory
 */
struct idl_vm *api_vm_came(struct api_call *c, enum err rc);

/*
 * api_vm_not_coming - the last stage of a VM that will not come: let go
 *
 * returns rc, or INTERNAL_ERROR [out of memory]
 */
enum err api_vm_not_coming(
    struct api_call *c, enum err rc, struct failure *why);

/*
 * api_vm_about - the VM that a message is about: its first parameter
 */
const struct idl_ref *api_vm_about(const struct api_call *c);

/*
 * api_vm_gone - its domain has gone before a later stage; its record may have,
 *         too
 *
 * errors  VM_BAD_POWER_STATE [vm, running, halted]; HANDLE_INVALID [VM, vm]
 */
enum err api_vm_gone(const struct api_call *c, struct failure *why);

/*
 * api_vm_hv_failure - c->hv as a XenAPI failure; HV_OK is ERR_NONE
 *
 * in      c  of a message about a VM
 * errors  HOST_NOT_ENOUGH_FREE_MEMORY [needed, free], bytes;
 *         those of api_vm_gone;
 *         NOT_IMPLEMENTED [method]; INTERNAL_ERROR [text]
 */
enum err api_vm_hv_failure(struct api_call *c, struct failure *why);

/*
 * api_vm_held - the VM of a later stage; NULL when it was destroyed meanwhile
 */
const struct idl_vm *api_vm_held(const struct api_call *c);

/*
 * api_vm_check_vcpus - 0 < at_startup <= max
 *
 * errors  INVALID_VALUE [rule, value], value being the one that was given
 */
enum err api_vm_check_vcpus(
    int64_t at_startup, int64_t max, int64_t given, struct failure *why);

/*
 * api_vm_check_multiplier - 1.0 to 1000, not NaN
 *
 * errors  INVALID_VALUE [field, value]
 */
enum err api_vm_check_multiplier(
    const char *field, double multiplier, struct failure *why);

/*
 * api_vm_check_boot - could the VM run on that host?
 *
 * in      host  a ref, of a host or not
 *         floor_bytes  guest memory it has for certain (a suspend image)
 * errors  the first of spec B.3 assert_can_boot_here's, as far as modelled
 */
enum err api_vm_check_boot(const struct fld_view *v, const struct idl_vm *vm,
    const struct idl_ref *host, int64_t floor_bytes, struct failure *why);

/*
 * api_vm_floor - guest memory that a VM certainly has when it starts again
 *
 * returns bytes; 0 unless it is Suspended
 */
int64_t api_vm_floor(const struct idl_vm *vm);

/*
 * api_vm_map_get - a value of a map(string, string); NULL: no such key
 */
const char *api_vm_map_get(const struct idl_map *m, const char *key);

/*
 * api_vm_map_put - the map with one key set
 *
 * returns a map in the arena; NULL: arena full
 */
const struct idl_map *api_vm_map_put(const struct idl_map *m, const char *key,
    const char *value, struct arena *a);

/*
 * api_vm_make - a halted VM's record and its metrics, from a proposal
 *
 * in      from  fields to take over, all of them; an empty uuid or a missing
 *               mac_seed is made up
 *         like  metrics to copy, or NULL
 * out     ref_out
 * errors  as VM.create's checks of limits, VCPUs and multiplier
 */
enum err api_vm_make(struct api_env *env, struct fld_tx *tx,
    const struct idl_vm *from, const struct idl_vm_metrics *like,
    struct idl_ref *ref_out, struct failure *why);

#endif
