/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/units.h"

/* Own */
#include "xen/hv_uuid.h"
#include "xen/hv_xen_priv.h"

#define KIB_MAX (1ull << 53) /* as hv_msg_check has it */

/* A domain that is being built has no keys yet; one that no longer grows is
 * reported all the same after so long. */
#define BUILD_MS 30000

/* What xl calls a domain that it receives, until it is whole. */
#define INCOMING "--incoming"

/* kib_of - pages as the messages want them, whatever Xen says */
static uint64_t
kib_of(uint64_t pages)
{
	return pages > KIB_MAX / PAGE_KIB ? KIB_MAX : pages * PAGE_KIB;
}

void
hv_xen_say(struct hv_xen *x, const struct hv_msg *m)
{
	if (x->up != NULL)
		x->up(x->up_ctx, m);
}

/* ---- the host ---- */

/* describe_host - as it is now */
static void
describe_host(const struct hv_xen *x, struct hv_host *h)
{
	h->uuid = x->conf.names.host;
	memcpy(h->name, x->conf.names.name, sizeof h->name);
	h->total_kib = kib_of(x->host.total_pages);
	h->free_kib = kib_of(x->host.free_pages);
	h->scrub_kib = kib_of(x->host.scrub_pages);
	h->claimed_kib = kib_of(x->host.claimed_pages);
	h->cpus = x->host.cpus;
	if ((x->host.flags & HV_XC_H_HVM) != 0)
		h->flags |= HV_H_HVM;
	if (!x->boot.done && x->boot.steady == 0)
		return;
	/* until it is settled the last reading: nothing would promise more */
	h->boot_free_kib = x->boot.kib < KIB_MAX ? x->boot.kib : KIB_MAX;
	h->flags |= HV_H_SAMPLED;
	if (!x->boot.done)
		h->flags |= HV_H_ESTIMATED | HV_H_SAMPLING;
	else if (x->boot.estimated)
		h->flags |= HV_H_ESTIMATED;
}

/* say_host - if it is new or has changed */
static bool
say_host(struct hv_xen *x)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_HOST);
	describe_host(x, &m.u.host);
	if (x->host_told &&
	    memcmp(&m.u.host, &x->host_said, sizeof m.u.host) == 0)
		return false;
	x->host_said = m.u.host;
	x->host_told = true;
	hv_xen_say(x, &m);
	return true;
}

/* ---- domains ---- */

uint64_t
hv_xen_target(const struct hv_xen_dom *d)
{
	return d->keys.has_target ? d->keys.target_kib : kib_of(d->xen.pages);
}

uint64_t
hv_xen_maxmem(const struct hv_xen_dom *d)
{
	uint64_t kib = kib_of(d->xen.max_pages);

	return kib > XEN_EXTRA_KIB ? kib - XEN_EXTRA_KIB : 0;
}

/* type_of - what the toolstack says, if Xen does not contradict */
static const char *
type_of(const struct hv_xen_dom *d)
{
	bool is_hvm = (d->xen.flags & HV_XC_D_HVM) != 0;

	if (!is_hvm)
		return "pv";
	if (d->keys.type[0] != '\0' && strcmp(d->keys.type, "pv") != 0)
		return d->keys.type;
	return (d->xen.flags & HV_XC_D_DEVICES) != 0 ? "hvm" : "pvh";
}

/* name_of - its own, or one that says which it is */
static void
name_of(const struct hv_xen_dom *d, char *name, size_t bytes)
{
	if (d->keys.name[0] != '\0')
		(void)snprintf(name, bytes, "%s", d->keys.name);
	else
		(void)snprintf(name, bytes, "Domain-%u", d->xen.domid);
}

/* flags_of - HV_D_* */
static uint32_t
flags_of(const struct hv_xen_dom *d)
{
	const struct hv_xen_keys *k = &d->keys;
	uint32_t flags = 0;

	if ((d->xen.flags & (HV_XC_D_PAUSED | HV_XC_D_SHUTDOWN)) == 0)
		flags |= HV_D_RUNNING;
	if (d->xen.domid == 0)
		flags |= HV_D_CONTROL;
	if (k->balloon)
		flags |= HV_D_BALLOON;
	if (k->agent)
		flags |= HV_D_AGENT;
	if (k->uncooperative)
		flags |= HV_D_UNCOOPERATIVE;
	if (k->has_min && k->has_max && k->min_kib <= k->max_kib)
		flags |= HV_D_RANGE;
	if (k->has_offset)
		flags |= HV_D_OFFSET;
	return flags;
}

/* describe - a domain as it is now */
static void
describe(
    const struct hv_xen *x, const struct hv_xen_dom *d, struct hv_domain *m)
{
	const struct hv_xen_keys *k = &d->keys;

	m->host = x->conf.names.host;
	m->uuid = d->uuid;
	m->domid = (int32_t)d->xen.domid;
	m->flags = flags_of(d);
	name_of(d, m->name, sizeof m->name);
	(void)snprintf(m->domain_type, sizeof m->domain_type, "%s", type_of(d));
	m->vcpus = d->xen.vcpus > 0 ? d->xen.vcpus : d->xen.vcpus_max;
	m->vcpus_max = d->xen.vcpus_max;
	m->actual_kib = kib_of(d->xen.pages);
	m->maxmem_kib = hv_xen_maxmem(d);
	m->target_kib = hv_xen_target(d);
	m->dynamic_min_kib = m->dynamic_max_kib = m->target_kib;
	if ((m->flags & HV_D_RANGE) != 0) {
		m->dynamic_min_kib = k->min_kib;
		m->dynamic_max_kib = k->max_kib;
	}
	m->static_max_kib = k->has_static_max ? k->static_max_kib : 0;
	m->shadow_kib = d->shadow_kib < KIB_MAX ? d->shadow_kib : KIB_MAX;
	m->offset_kib = k->has_offset ? k->offset_kib : 0;
}

/* is_built - is it whole, or for long enough not?  Only what runs surely is. */
static bool
is_built(const struct hv_xen *x, const struct hv_xen_dom *d)
{
	size_t n = strlen(d->keys.name), end = strlen(INCOMING);
	bool is_incoming =
	    n > end && strcmp(d->keys.name + n - end, INCOMING) == 0;

	return (d->xen.flags & HV_XC_D_PAUSED) == 0 ||
	       (d->keys.has_target && !is_incoming) ||
	       x->now_ms - d->grown_ms >= BUILD_MS;
}

/* is_ready - is there something to say of it yet? */
static bool
is_ready(const struct hv_xen *x, const struct hv_xen_dom *d)
{
	const struct hv_xen_dom *other;

	if (d->told || d->xen.domid == 0)
		return true;
	/* two of one uuid: who comes second waits until the first has gone */
	TAILQ_FOREACH(other, &x->doms, link)
	if (other->told && hv_uuid_equal(&other->uuid, &d->uuid))
		return false;
	return is_built(x, d);
}

/* say_domain - if it is new or has changed */
static bool
say_domain(struct hv_xen *x, struct hv_xen_dom *d)
{
	struct hv_msg m;

	if (!is_ready(x, d))
		return false;
	hv_msg_init(&m, HV_DOMAIN);
	describe(x, d, &m.u.domain);
	if (d->told && memcmp(&m.u.domain, &d->said, sizeof d->said) == 0)
		return false;
	d->said = m.u.domain;
	d->told = true;
	hv_xen_say(x, &m);
	return true;
}

void
hv_xen_say_gone(struct hv_xen *x, struct hv_xen_dom *d)
{
	const struct hv_xen_dom *other;
	struct hv_msg m;

	if (!d->told)
		return;
	d->told = false;
	TAILQ_FOREACH(other, &x->doms, link)
	if (other != d && hv_uuid_equal(&other->uuid, &d->said.uuid))
		return;
	hv_msg_init(&m, HV_GONE);
	m.u.gone.host = x->conf.names.host;
	m.u.gone.uuid = d->said.uuid;
	m.u.gone.domid = d->said.domid;
	m.u.gone.end = HV_END_HALTED;
	hv_xen_say(x, &m);
}

/* ---- all of it ---- */

bool
hv_xen_say_news(struct hv_xen *x)
{
	struct hv_xen_dom *d;
	bool any;

	if (!x->synced)
		return false;
	any = !x->host_told && say_host(x);
	TAILQ_FOREACH(d, &x->doms, link)
	any = say_domain(x, d) || any;
	return say_host(x) || any;
}

void
hv_xen_say_all(struct hv_xen *x)
{
	struct hv_xen_dom *d;
	struct hv_msg m;

	hv_msg_init(&m, HV_HELLO);
	m.u.hello.protocol = HV_PROTOCOL;
	m.u.hello.flags = x->rival != NULL ? HV_W_OBSERVES : 0;
	(void)snprintf(m.u.hello.backend, sizeof m.u.hello.backend, "xen");
	m.u.hello.epoch = x->conf.names.epoch;
	hv_xen_say(x, &m);
	x->synced = true;
	x->host_told = false;
	TAILQ_FOREACH(d, &x->doms, link)
	d->told = false;
	(void)hv_xen_say_news(x);
	hv_msg_init(&m, HV_SYNCED);
	hv_xen_say(x, &m);
	memset(&x->health_said, 0, sizeof x->health_said);
	hv_xen_health(x);
}
