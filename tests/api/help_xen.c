/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* own */
#include "tests/api/help_xen.h"

struct hv_uuid
xen_uuid(uint64_t n)
{
	return (struct hv_uuid){0xd0d0000000004000ull, n};
}

const char *
xen_uuid_text(uint64_t n)
{
	static char text[IDL_UUID_TEXT];
	struct hv_uuid u = xen_uuid(n);
	struct idl_ref ref = {u.hi, u.lo};

	idl_uuid_write(&ref, text);
	return text;
}

void
xen_feed(struct world *w)
{
	w->fed = true;
}

/* parse - a uuid of the records */
static struct hv_uuid
parse(const char *text)
{
	struct idl_ref r;

	cr_assert(idl_uuid_parse(text, strlen(text), &r), "%s", text);
	return (struct hv_uuid){r.hi, r.lo};
}

/* host - the record of the only host */
static const struct idl_host *
host(struct world *w)
{
	struct idl_ref ref = world_first_host(w);

	return world_host(w, &ref);
}

void
xen_hello(struct world *w, uint32_t flags)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_HELLO);
	m.u.hello.protocol = HV_PROTOCOL;
	m.u.hello.flags = flags;
	m.u.hello.epoch = parse(host(w)->boot_epoch);
	(void)snprintf(m.u.hello.backend, sizeof(m.u.hello.backend), "xen");
	world_fact(w, &m);
}

void
xen_synced(struct world *w)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_SYNCED);
	world_fact(w, &m);
}

struct hv_msg
xen_host(struct world *w)
{
	const struct idl_host *now = host(w);
	struct hv_msg m;

	hv_msg_init(&m, HV_HOST);
	m.u.host.uuid = parse(now->uuid);
	(void)snprintf(
	    m.u.host.name, sizeof(m.u.host.name), "%s", now->name_label);
	m.u.host.total_kib = (uint64_t)now->boot_total_bytes / 1024;
	m.u.host.boot_free_kib = (uint64_t)now->boot_free_bytes / 1024;
	m.u.host.free_kib = m.u.host.boot_free_kib / 2;
	m.u.host.cpus = 4;
	m.u.host.flags = HV_H_HVM | HV_H_SAMPLED;
	return m;
}

struct hv_msg
xen_domain(struct world *w, uint64_t n, int32_t domid, const char *name)
{
	struct hv_msg m;
	struct hv_domain *d = &m.u.domain;

	hv_msg_init(&m, HV_DOMAIN);
	d->host = parse(host(w)->uuid);
	d->uuid = xen_uuid(n);
	d->domid = domid;
	d->flags = HV_D_RUNNING | HV_D_BALLOON;
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	(void)snprintf(d->domain_type, sizeof(d->domain_type), "pvh");
	d->vcpus = 2;
	d->actual_kib = 256 * 1024;
	d->maxmem_kib = 512 * 1024;
	d->target_kib = 256 * 1024;
	d->dynamic_min_kib = 256 * 1024;
	d->dynamic_max_kib = 256 * 1024;
	d->static_max_kib = 512 * 1024;
	return m;
}

struct hv_msg
xen_gone(struct world *w, uint64_t n, int32_t domid)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_GONE);
	m.u.gone.host = parse(host(w)->uuid);
	m.u.gone.uuid = xen_uuid(n);
	m.u.gone.domid = domid;
	m.u.gone.end = HV_END_HALTED;
	return m;
}

void
xen_report(
    struct world *w, uint32_t flags, const struct hv_msg *domains, size_t n)
{
	struct idl_ref dom0 = host(w)->control_domain;
	struct hv_msg m = xen_host(w);

	xen_hello(w, flags);
	world_fact(w, &m);
	m = xen_domain(w, 0, 0, "Domain-0");
	m.u.domain.flags = HV_D_RUNNING | HV_D_CONTROL;
	m.u.domain.uuid = parse(world_vm(w, &dom0)->uuid);
	m.u.domain.actual_kib =
	    (uint64_t)world_vm(w, &dom0)->memory_static_max / 1024;
	world_fact(w, &m);
	for (size_t i = 0; i < n; i++)
		world_fact(w, &domains[i]);
	xen_synced(w);
}
