/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_facts - what the hypervisor reports becomes what the records say
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/arena.h"
#include "model/units.h"

/* Xen */
#include "xen/hv_facts_priv.h"

/* One transaction goes through records until it needs so much memory. */
#define WALK_BYTES ((size_t)4 << 20)

struct hv_facts *
hv_facts_new(struct idl_ref (*new_ref)(void *ctx), void *ctx,
    enum hv_facts_target target)
{
	struct hv_facts *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->new_ref = new_ref;
	f->ctx = ctx;
	f->target = target;
	return f;
}

void
hv_facts_free(struct hv_facts **fp)
{
	struct hv_facts *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	free(f->ranges);
	free(f->hosts.items);
	free(f->domains.items);
	free(f);
}

/* ---- shared ---- */

enum err
hv_facts_oom(struct failure *why)
{
	return err_internal(why, "out of memory");
}

/* ref_of - the protocol's uuid in our layout */
static struct idl_ref
ref_of(const struct hv_uuid *uuid)
{
	return (struct idl_ref){.hi = uuid->hi, .lo = uuid->lo};
}

const char *
hv_facts_uuid(struct fld_tx *tx, const struct hv_uuid *uuid)
{
	struct idl_ref ref = ref_of(uuid);
	char *text = arena_alloc(fld_tx_arena(tx), IDL_UUID_TEXT);

	if (text != NULL)
		idl_uuid_write(&ref, text);
	return text;
}

const void *
hv_facts_find(
    const struct fld_view *v, int cls, int field, const struct hv_uuid *uuid)
{
	struct idl_ref ref = ref_of(uuid);
	char buf[IDL_UUID_TEXT];
	const char *text = buf;

	idl_uuid_write(&ref, buf);
	return fld_find(v, cls, field, &text, NULL);
}

int64_t
hv_facts_bytes(uint64_t kib)
{
	uint64_t bytes;

	return bytes_of_kib(kib, &bytes) ? (int64_t)bytes : INT64_MAX;
}

/* ---- what was reported ---- */

/* note - remember a uuid until the next HV_HELLO */
static void
note(struct hv_facts *f, struct hv_seen *s, const struct hv_uuid *uuid)
{
	if (!f->syncing)
		return;
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 64 : s->room * 2;
		void *items = realloc(s->items, room * sizeof(*s->items));

		if (items == NULL) {
			f->incomplete = true; /* nobody is declared dead */
			return;
		}
		s->items = items;
		s->room = room;
	}
	s->items[s->n++] = ref_of(uuid);
	s->sorted = false;
}

static int
compare(const void *a, const void *b)
{
	const struct idl_ref *x = a, *y = b;

	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return 0;
}

/* was_seen - was the uuid reported? an unreadable one was not */
static bool
was_seen(struct hv_seen *s, const char *text)
{
	struct idl_ref uuid;

	if (s->n == 0 || !idl_uuid_parse(text, strlen(text), &uuid))
		return false;
	if (!s->sorted)
		qsort(s->items, s->n, sizeof(*s->items), compare);
	s->sorted = true;
	return bsearch(&uuid, s->items, s->n, sizeof(*s->items), compare) !=
	       NULL;
}

/* ---- domains end ---- */

enum err
hv_facts_halt(struct fld_tx *tx, const struct idl_ref *ref, struct failure *why)
{
	struct idl_vm *vm = fld_tx_edit(tx, IDL_CLASS_VM, ref);
	struct idl_vm_metrics *m;
	static const struct idl_ref none;

	if (vm == NULL)
		return hv_facts_oom(why);
	vm->power_state = IDL_VM_POWER_STATE_HALTED;
	vm->resident_on = none;
	vm->scheduled_to_be_resident_on = none;
	vm->domid = -1;
	vm->uncooperative = false;
	vm->memory_offset = 0;
	vm->requires_reboot = false;
	if (fld_get(fld_tx_view(tx), IDL_CLASS_VM_METRICS, &vm->metrics) ==
	    NULL)
		return ERR_NONE;
	m = fld_tx_edit(tx, IDL_CLASS_VM_METRICS, &vm->metrics);
	if (m == NULL)
		return hv_facts_oom(why);
	m->memory_actual = 0;
	m->VCPUs_number = vm->VCPUs_at_startup;
	return ERR_NONE;
}

enum err
hv_facts_suspend(struct fld_tx *tx, const struct idl_vm *was,
    int64_t held_bytes, struct failure *why)
{
	struct idl_ref ref = was->h.ref;
	struct idl_vm *vm;
	enum err rc;

	if (was->power_state != IDL_VM_POWER_STATE_SUSPENDED) {
		rc = hv_facts_halt(tx, &ref, why);
		if (rc != ERR_NONE)
			return rc;
	}
	vm = fld_tx_edit(tx, IDL_CLASS_VM, &ref);
	if (vm == NULL)
		return hv_facts_oom(why);
	vm->power_state = IDL_VM_POWER_STATE_SUSPENDED;
	vm->suspended_bytes = held_bytes;
	return ERR_NONE;
}

/* suspend - the domain's memory is in an image now; HV_DOMAIN says how much */
static enum err
suspend(struct fld_tx *tx, const struct idl_vm *was, struct failure *why)
{
	const struct idl_vm_metrics *m =
	    fld_get(fld_tx_view(tx), IDL_CLASS_VM_METRICS, &was->metrics);

	return hv_facts_suspend(tx, was, m != NULL ? m->memory_actual : 0, why);
}

void
hv_facts_forget(struct fld_tx *tx, const struct idl_vm *vm)
{
	const struct idl_ref ref = vm->h.ref, metrics = vm->metrics;
	const struct idl_ref guest_metrics = vm->guest_metrics;

	fld_tx_delete(tx, IDL_CLASS_VM_METRICS, &metrics);
	fld_tx_delete(tx, IDL_CLASS_VM_GUEST_METRICS, &guest_metrics);
	fld_tx_delete(tx, IDL_CLASS_VM, &ref);
}

enum err
hv_facts_end(struct fld_tx *tx, const struct idl_vm *vm, struct failure *why)
{
	struct idl_ref ref = vm->h.ref;

	if (!vm->discovered)
		return hv_facts_halt(tx, &ref, why);
	hv_facts_forget(tx, vm);
	return ERR_NONE;
}

static enum err
gone(struct fld_tx *tx, const struct hv_gone *g, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_vm *vm =
	    hv_facts_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &g->uuid);
	const struct idl_host *host =
	    hv_facts_find(v, IDL_CLASS_HOST, IDL_HOST_F_UUID, &g->host);

	if (vm == NULL || host == NULL ||
	    !idl_ref_equal(&vm->resident_on, &host->h.ref))
		return ERR_NONE;
	if (vm->domid >= 0 && vm->domid != g->domid)
		return ERR_NONE; /* an earlier domain of the same VM */
	if (g->end == HV_END_MIGRATED)
		return ERR_NONE; /* its new domain's fact moves it */
	if (g->end == HV_END_SUSPENDED)
		return suspend(tx, vm, why);
	return hv_facts_end(tx, vm, why);
}

/* ---- a world begins, and has been told ---- */

/*
 * end_control - the control domains of a host went with its boot
 *
 * So did all others; they end when it is known who runs now (settle): there can
 * be more of them than one transaction has room for.
 */
static enum err
end_control(struct fld_tx *tx, const struct idl_ref *host, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_vm *vm = NULL;
	struct idl_ref ref;
	enum err rc = ERR_NONE;

	while (rc == ERR_NONE &&
	       (vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_RESIDENT_ON, host,
		    vm != NULL ? &ref : NULL)) != NULL) {
		ref = vm->h.ref;
		if (vm->is_control_domain)
			rc = hv_facts_halt(tx, &ref, why);
	}
	return rc;
}

/* reboot - a host in a new epoch: no domains, samples to be taken anew */
static enum err
reboot(struct hv_facts *f, struct fld_tx *tx, const struct idl_ref *ref,
    struct failure *why)
{
	struct idl_host *host;
	enum err rc = end_control(tx, ref, why);

	if (rc != ERR_NONE)
		return rc;
	host = fld_tx_edit(tx, IDL_CLASS_HOST, ref);
	if (host == NULL)
		return hv_facts_oom(why);
	host->boot_epoch =
	    arena_strndup(fld_tx_arena(tx), f->epoch, strlen(f->epoch));
	if (host->boot_epoch == NULL)
		return hv_facts_oom(why);
	host->boot_total_bytes = 0;
	host->boot_free_bytes = 0;
	return ERR_NONE;
}

static enum err
hello(struct hv_facts *f, struct fld_tx *tx, const struct hv_hello *h,
    struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_host *host = NULL;
	struct idl_ref epoch = ref_of(&h->epoch), ref;
	enum err rc;

	if (h->protocol != HV_PROTOCOL)
		return err_internal(why,
		    "the hypervisor process speaks protocol %u, not %u",
		    (unsigned)h->protocol, HV_PROTOCOL);
	idl_uuid_write(&epoch, f->epoch);
	memcpy(f->backend, h->backend, sizeof(f->backend));
	f->hosts.n = 0;
	f->domains.n = 0;
	f->syncing = true;
	f->incomplete = false;
	f->world = h->flags;
	while ((host = fld_next(
		    v, IDL_CLASS_HOST, host != NULL ? &ref : NULL)) != NULL) {
		ref = host->h.ref;
		if (strcmp(host->boot_epoch, f->epoch) == 0)
			continue;
		rc = reboot(f, tx, &ref, why);
		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

/* lose_host - a host that was not reported */
static enum err
lose_host(struct fld_tx *tx, const struct idl_host *was, struct failure *why)
{
	const struct idl_ref metrics = was->metrics;
	struct idl_host *host = fld_tx_edit(tx, IDL_CLASS_HOST, &was->h.ref);
	struct idl_host_metrics *m;

	if (host == NULL)
		return hv_facts_oom(why);
	host->enabled = false;
	if (fld_get(fld_tx_view(tx), IDL_CLASS_HOST_METRICS, &metrics) == NULL)
		return ERR_NONE;
	m = fld_tx_edit(tx, IDL_CLASS_HOST_METRICS, &metrics);
	if (m == NULL)
		return hv_facts_oom(why);
	m->live = false;
	return ERR_NONE;
}

/* ---- everything has been told ---- */

bool
hv_facts_is_live(const struct idl_vm *vm)
{
	return vm->power_state == IDL_VM_POWER_STATE_RUNNING ||
	       vm->power_state == IDL_VM_POWER_STATE_PAUSED;
}

/* settle - a VM's record against the list of what was reported */
static enum err
settle(struct hv_facts *f, struct fld_tx *tx, const struct idl_vm *vm,
    struct failure *why)
{
	struct idl_vm *now;

	if (hv_facts_is_live(vm) && !was_seen(&f->domains, vm->uuid))
		return hv_facts_end(tx, vm, why);
	if (idl_ref_is_null(&vm->scheduled_to_be_resident_on) ||
	    vm->current_operations->n > 0)
		return ERR_NONE;
	/* A promise whose call died with an earlier daemon. */
	now = fld_tx_edit(tx, IDL_CLASS_VM, &vm->h.ref);
	if (now == NULL)
		return hv_facts_oom(why);
	memset(&now->scheduled_to_be_resident_on, 0,
	    sizeof(now->scheduled_to_be_resident_on));
	return ERR_NONE;
}

/* settle_hosts - hosts that were not reported */
static enum err
settle_hosts(struct hv_facts *f, struct fld_tx *tx, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_host *host = NULL;
	struct idl_ref ref;
	enum err rc = ERR_NONE;

	while (rc == ERR_NONE && (host = fld_next(v, IDL_CLASS_HOST,
				      host != NULL ? &ref : NULL)) != NULL) {
		ref = host->h.ref;
		if (!was_seen(&f->hosts, host->uuid))
			rc = lose_host(tx, host, why);
	}
	return rc;
}

/*
 * walk - the VMs after at->after, until the transaction has done its share
 *
 * out     at  when none is left, the next phase
 */
static enum err
walk(struct hv_facts *f, struct fld_tx *tx, struct hv_facts_at *at,
    struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct arena *a = fld_tx_arena(tx);
	const struct idl_vm *vm;
	enum err rc;

	while ((vm = fld_next(v, IDL_CLASS_VM,
		    idl_ref_is_null(&at->after) ? NULL : &at->after)) != NULL) {
		if (a->used_bytes > WALK_BYTES)
			return ERR_NONE;
		at->after = vm->h.ref;
		rc = at->phase == HV_FACTS_SETTLE
			 ? settle(f, tx, vm, why)
			 : hv_facts_adopt(f, tx, vm, why);
		if (rc != ERR_NONE)
			return rc;
	}
	memset(&at->after, 0, sizeof(at->after));
	/* Where we build, nobody is looked for by name. */
	at->phase = f->world & HV_W_BUILDS ? HV_FACTS_DONE : at->phase + 1;
	return ERR_NONE;
}

/*
 * synced - who was not reported has ended; then, who was found is matched
 *
 * In this order, and not while it is being reported: a domain that was made
 * anew while nobody looked has the name of one that seems to run.
 */
static enum err
synced(struct hv_facts *f, struct fld_tx *tx, struct hv_facts_at *at,
    struct failure *why)
{
	enum err rc = ERR_NONE;

	if (f->incomplete)
		return err_internal(why, "not all that runs could be noted");
	if (at->phase == HV_FACTS_SETTLE && idl_ref_is_null(&at->after))
		rc = settle_hosts(f, tx, why);
	if (rc == ERR_NONE)
		rc = walk(f, tx, at, why);
	f->syncing = at->phase == HV_FACTS_SETTLE;
	return rc;
}

struct hv_facts_range *
hv_facts_take_ranges(struct hv_facts *f, size_t *n_out)
{
	struct hv_facts_range *ranges = f->ranges;

	*n_out = f->nranges;
	f->ranges = NULL;
	f->nranges = 0;
	f->ranges_room = 0;
	return ranges;
}

enum err
hv_facts_apply(struct hv_facts *f, struct fld_tx *tx, const struct hv_msg *m,
    int64_t now_s, struct hv_facts_at *at, struct failure *why)
{
	if (m->type != HV_SYNCED)
		at->phase = HV_FACTS_DONE;
	f->now_s = now_s;
	f->nranges = 0;
	switch (m->type) {
	case HV_HELLO:
		return hello(f, tx, &m->u.hello, why);
	case HV_HOST:
		note(f, &f->hosts, &m->u.host.uuid);
		return hv_facts_host(f, tx, &m->u.host, why);
	case HV_DOMAIN:
		if (!(m->u.domain.flags & HV_D_SUSPENDED))
			note(f, &f->domains, &m->u.domain.uuid);
		return hv_facts_domain(f, tx, &m->u.domain, why);
	case HV_GONE:
		return gone(tx, &m->u.gone, why);
	case HV_SYNCED:
		return synced(f, tx, at, why);
	default:
		return ERR_NONE;
	}
}
