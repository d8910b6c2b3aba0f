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
#include "xen/hv_facts.h"
#include "xen/hv_facts_priv.h"

struct hv_facts *
hv_facts_new(struct idl_ref (*new_ref)(void *ctx), void *ctx)
{
	struct hv_facts *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->new_ref = new_ref;
	f->ctx = ctx;
	return f;
}

void
hv_facts_free(struct hv_facts **fp)
{
	struct hv_facts *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
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

/* suspend - the domain's memory is in an image now; HV_DOMAIN says how much */
static enum err
suspend(struct fld_tx *tx, const struct idl_vm *was, struct failure *why)
{
	const struct idl_vm_metrics *m =
	    fld_get(fld_tx_view(tx), IDL_CLASS_VM_METRICS, &was->metrics);
	int64_t held_bytes = m != NULL ? m->memory_actual : 0;
	struct idl_ref ref = was->h.ref;
	struct idl_vm *vm;
	enum err rc = hv_facts_halt(tx, &ref, why);

	if (rc != ERR_NONE)
		return rc;
	vm = fld_tx_edit(tx, IDL_CLASS_VM, &ref);
	if (vm == NULL)
		return hv_facts_oom(why);
	vm->power_state = IDL_VM_POWER_STATE_SUSPENDED;
	vm->suspended_bytes = held_bytes;
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
	return hv_facts_halt(tx, &vm->h.ref, why);
}

/* ---- a world begins, and has been told ---- */

/* halt_all - the domains of a host went with its boot */
static enum err
halt_all(struct fld_tx *tx, const struct idl_ref *host, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_vm *vm = NULL;
	struct idl_ref *refs;
	size_t n = 0;
	enum err rc;

	/* First who, then what: the edits change what is being walked. */
	while ((vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_RESIDENT_ON, host,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		n++;
	refs = arena_alloc(fld_tx_arena(tx), (n + 1) * sizeof(*refs));
	if (refs == NULL)
		return hv_facts_oom(why);
	n = 0;
	while ((vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_RESIDENT_ON, host,
		    vm != NULL ? &vm->h.ref : NULL)) != NULL)
		refs[n++] = vm->h.ref;
	for (size_t i = 0; i < n; i++) {
		rc = hv_facts_halt(tx, &refs[i], why);
		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

/* reboot - a host in a new epoch: no domains, samples to be taken anew */
static enum err
reboot(struct hv_facts *f, struct fld_tx *tx, const struct idl_ref *ref,
    struct failure *why)
{
	struct idl_host *host;
	enum err rc = halt_all(tx, ref, why);

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

/* settle_vm - a VM's record against the list of what was reported */
static enum err
settle_vm(struct hv_facts *f, struct fld_tx *tx, const struct idl_vm *vm,
    struct failure *why)
{
	bool on = vm->power_state == IDL_VM_POWER_STATE_RUNNING ||
		  vm->power_state == IDL_VM_POWER_STATE_PAUSED;
	struct idl_vm *now;

	if (on && !was_seen(&f->domains, vm->uuid))
		return hv_facts_halt(tx, &vm->h.ref, why);
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

static enum err
synced(struct hv_facts *f, struct fld_tx *tx, struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_host *host = NULL;
	const struct idl_vm *vm = NULL;
	struct idl_ref ref;
	enum err rc = ERR_NONE;

	f->syncing = false;
	if (f->incomplete)
		return err_internal(why, "not all that runs could be noted");
	while (rc == ERR_NONE && (host = fld_next(v, IDL_CLASS_HOST,
				      host != NULL ? &ref : NULL)) != NULL) {
		ref = host->h.ref;
		if (!was_seen(&f->hosts, host->uuid))
			rc = lose_host(tx, host, why);
	}
	while (rc == ERR_NONE && (vm = fld_next(v, IDL_CLASS_VM,
				      vm != NULL ? &ref : NULL)) != NULL) {
		ref = vm->h.ref;
		rc = settle_vm(f, tx, vm, why);
	}
	return rc;
}

enum err
hv_facts_apply(struct hv_facts *f, struct fld_tx *tx, const struct hv_msg *m,
    struct failure *why)
{
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
		return synced(f, tx, why);
	default:
		return ERR_NONE;
	}
}
