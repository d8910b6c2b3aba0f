/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ask - memory that a call needs to be free on a host, in the API's terms
 */

/* System */
#include <string.h>

/* Model */
#include "model/mem.h"
#include "model/units.h"

/* Api */
#include "api/ask.h"
#include "api/bal.h"
#include "api/task.h"
#include "api/vm_priv.h"

enum err
api_ask_for(struct api_call *c, const struct idl_ref *host_ref,
    const struct idl_vm *vm, int64_t min_bytes, int64_t max_bytes,
    api_stage_f *then, bool *at_once_out, struct failure *why)
{
	const struct idl_host *host =
	    fld_get(c->view, IDL_CLASS_HOST, host_ref);

	memset(&c->ask, 0, sizeof(c->ask));
	if (host == NULL || !api_vm_hv_uuid(host->uuid, &c->ask.host))
		return err_internal(why, "the host is not known");
	if (vm != NULL && !api_vm_hv_uuid(vm->uuid, &c->ask.vm))
		return err_internal(why, "the VM's uuid is not one");
	c->ask.min_kib = kib_of_bytes_used((uint64_t)min_bytes);
	c->ask.max_kib = kib_of_bytes_used((uint64_t)max_bytes);
	*at_once_out = api_bal_take(c);
	if (*at_once_out)
		return ERR_NONE;
	c->ask.max_kib = kib_of_bytes_free((uint64_t)max_bytes);
	if (c->ask.max_kib < c->ask.min_kib)
		c->ask.max_kib = c->ask.min_kib;
	c->has_ask = true;
	c->then = then;
	return ERR_NONE;
}

/* ---- answers ---- */

/* excess - what held reservations of a host were granted above their amount */
static int64_t
excess(const struct fld_view *v, const struct idl_ref *host)
{
	const struct idl_memory_reservation *r = NULL;
	int64_t bytes = 0;

	while ((r = fld_find(v, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_HOST, host,
		    r != NULL ? &r->h.ref : NULL)) != NULL)
		if (r->state == IDL_MEMORY_RESERVATION_STATE_HELD &&
		    r->granted > r->amount)
			bytes += r->granted - r->amount;
	return bytes;
}

/* trim - have them give that up */
static bool
trim(struct api_call *c, const struct idl_ref *host)
{
	const struct idl_memory_reservation *r = NULL;
	struct idl_memory_reservation *now;
	struct idl_ref at;

	while ((r = fld_find(c->view, IDL_CLASS_MEMORY_RESERVATION,
		    IDL_MEMORY_RESERVATION_F_HOST, host,
		    r != NULL ? &at : NULL)) != NULL) {
		at = r->h.ref;
		if (r->state != IDL_MEMORY_RESERVATION_STATE_HELD ||
		    r->granted <= r->amount)
			continue;
		now = fld_tx_edit(c->tx, IDL_CLASS_MEMORY_RESERVATION, &at);
		if (now == NULL)
			return false;
		now->granted = now->amount;
		r = now;
	}
	return true;
}

bool
api_ask_again(struct api_call *c, const struct idl_ref *host, api_stage_f *then)
{
	int64_t bytes;

	if (c->ask.status != BAL_ASK_NO_MEMORY)
		return false;
	bytes = excess(c->view, host);
	if (bytes <= 0 || c->ask.needed_kib - c->ask.free_kib >
			      kib_of_bytes_free((uint64_t)bytes))
		return false;
	if (!trim(c, host))
		return false;
	c->has_ask = true;
	c->then = then;
	return true;
}

/* refused - the failure that names the VMs that did not give back */
static enum err
refused(const struct api_call *c, struct failure *why)
{
	static const char kinds[] = "rrrrrrrr";
	struct idl_ref ref[ERR_PARAMS_MAX] = {{0, 0}};
	size_t n = 0;

	_Static_assert(ERR_PARAMS_MAX == 8, "kinds and the call below");
	for (unsigned i = 0; i < c->ask.nrefused && n < ERR_PARAMS_MAX; i++) {
		struct idl_ref uuid = {
		    c->ask.refused[i].hi, c->ask.refused[i].lo};
		char buf[IDL_UUID_TEXT];
		const char *text = buf;
		const struct idl_vm *vm;

		idl_uuid_write(&uuid, buf);
		vm =
		    fld_find(c->view, IDL_CLASS_VM, IDL_VM_F_UUID, &text, NULL);
		if (vm != NULL)
			ref[n++] = vm->h.ref;
	}
	return err_fail(why, ERR_VMS_FAILED_TO_COOPERATE,
	    kinds + ERR_PARAMS_MAX - n, &ref[0], &ref[1], &ref[2], &ref[3],
	    &ref[4], &ref[5], &ref[6], &ref[7]);
}

enum err
api_ask_failure(const struct api_call *c, struct failure *why)
{
	switch (c->ask.status) {
	case BAL_ASK_GRANTED:
		return ERR_NONE;
	case BAL_ASK_NO_MEMORY:
		return err_fail(why, ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "dd",
		    api_vm_hv_bytes(c->ask.needed_kib),
		    api_vm_hv_bytes(c->ask.free_kib));
	case BAL_ASK_REFUSED:
		return refused(c, why);
	case BAL_ASK_PENDING:
	case BAL_ASK_CANCELLED:
		break;
	}
	if (api_task_is_cancelled(c))
		return err_fail(why, ERR_TASK_CANCELLED, "r", &c->task);
	return err_internal(why,
	    "memory is waited for no longer: the hypervisor process is lost, "
	    "or the service ends");
}

int64_t
api_ask_granted(const struct api_call *c)
{
	return api_vm_hv_bytes(c->ask.granted_kib);
}
