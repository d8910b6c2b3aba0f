/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

/* Xen */
#include <xenctrl.h>

/* Model */
#include "model/units.h"

/* Own */
#include "xen/hv_dirty.h"
#include "xen/hv_xc.h"

#define PRIVCMD "/dev/xen/privcmd"

/* ---- one question each ---- */

/* ask_host - the machine's memory and what it can do */
static int
ask_host(xc_interface *x, struct hv_xc_host *h)
{
	const uint32_t paging =
	    XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_shadow;
	xc_physinfo_t p;

	memset(&p, 0, sizeof p);
	if (xc_physinfo(x, &p) != 0)
		return errno;
	h->total_pages = p.total_pages;
	h->free_pages = p.free_pages;
	h->scrub_pages = p.scrub_pages;
	h->claimed_pages = p.outstanding_pages;
	h->cpus = p.nr_cpus;
	/* guests of that kind need one way of paging besides */
	if ((p.capabilities & XEN_SYSCTL_PHYSCAP_hvm) != 0 &&
	    (p.capabilities & paging) != 0)
		h->flags = HV_XC_H_HVM;
	return 0;
}

/* handle - a domain's uuid: sixteen bytes, the first counts most */
static struct hv_uuid
handle(const uint8_t *bytes)
{
	struct hv_uuid u = {0, 0};

	for (int i = 0; i < 8; i++) {
		u.hi = u.hi << 8 | bytes[i];
		u.lo = u.lo << 8 | bytes[8 + i];
	}
	return u;
}

/* flags_of - what Xen says of a domain, in our bits */
static uint32_t
flags_of(const xc_domaininfo_t *d)
{
	uint32_t flags = 0;

	if ((d->flags & XEN_DOMINF_hvm_guest) != 0)
		flags |= HV_XC_D_HVM;
	/* PVH has a local APIC at most */
	if ((d->arch_config.emulation_flags & ~XEN_X86_EMU_LAPIC) != 0)
		flags |= HV_XC_D_DEVICES;
	if ((d->flags & XEN_DOMINF_paused) != 0)
		flags |= HV_XC_D_PAUSED;
	if ((d->flags & XEN_DOMINF_dying) != 0)
		flags |= HV_XC_D_DYING;
	if ((d->flags & XEN_DOMINF_shutdown) != 0)
		flags |= HV_XC_D_SHUTDOWN;
	return flags;
}

/* ask_domains - the domains from an id on */
static int
ask_domains(xc_interface *x, struct hv_xc_call *c)
{
	xc_domaininfo_t info[HV_XC_DOMAINS_MAX];
	int n = xc_domain_getinfolist(x, c->domid, HV_XC_DOMAINS_MAX, info);

	if (n < 0)
		return errno;
	for (int i = 0; i < n && i < HV_XC_DOMAINS_MAX; i++) {
		struct hv_xc_domain *d = &c->domain[c->n++];
		d->domid = info[i].domain;
		d->flags = flags_of(&info[i]);
		d->uuid = handle(info[i].handle);
		d->pages = info[i].tot_pages;
		d->max_pages = info[i].max_pages;
		d->vcpus = info[i].nr_online_vcpus;
		d->vcpus_max = 0;
		if (info[i].max_vcpu_id != XEN_INVALID_MAX_VCPU_ID)
			d->vcpus_max = info[i].max_vcpu_id + 1;
	}
	return 0;
}

/* ask_shadow - a domain's pool for page tables */
static int
ask_shadow(xc_interface *x, struct hv_xc_call *c)
{
	uint64_t bytes = 0;

	if (xc_get_paging_mempool_size(x, c->domid, &bytes) != 0)
		return errno;
	c->amount = kib_of_bytes_used(bytes);
	return 0;
}

/* set_shadow - the same, MiB */
static int
set_shadow(xc_interface *x, const struct hv_xc_call *c)
{
	uint64_t bytes;

	if (!bytes_of_mib(c->amount, &bytes))
		return ERANGE;
	return xc_set_paging_mempool_size(x, c->domid, bytes) != 0 ? errno : 0;
}

/* log_mode - log-dirty on or off; 0 or errno */
static int
log_mode(xc_interface *x, uint32_t domid, unsigned op)
{
	return xc_shadow_control(x, domid, op, NULL, 0) < 0 ? errno : 0;
}

/* A domain that is in log-dirty mode through us. */
struct dirty_log {
	LIST_ENTRY(dirty_log) link;
	uint32_t domid;
	struct hv_dirty_map map;
};

/* What hv_xc.ctx is. */
struct lib {
	xc_interface *x;
	LIST_HEAD(, dirty_log) logs;
};

/* log_find - the log of a domain; NULL: none is on */
static struct dirty_log *
log_find(struct lib *lib, uint32_t domid)
{
	struct dirty_log *l;

	LIST_FOREACH(l, &lib->logs, link)
	if (l->domid == domid)
		return l;
	return NULL;
}

/* log_free - what was logged of a domain is forgotten */
static void
log_free(struct lib *lib, uint32_t domid)
{
	struct dirty_log *l = log_find(lib, domid);

	if (l == NULL)
		return;
	LIST_REMOVE(l, link);
	hv_dirty_map_fini(&l->map);
	free(l);
}

/* log_new - a log of so many pages of a domain at most; 0 or errno */
static int
log_new(struct lib *lib, uint32_t domid, uint64_t pages_max)
{
	struct dirty_log *l;
	xen_pfn_t last = 0;
	uint64_t pages;

	if (xc_domain_maximum_gpfn(lib->x, domid, &last) < 0)
		return errno;
	pages = last < pages_max ? last + 1 : pages_max;
	log_free(lib, domid); /* of one that was never ended */
	l = calloc(1, sizeof *l);
	if (l == NULL || !hv_dirty_map_init(&l->map, pages)) {
		free(l);
		return ENOMEM;
	}
	l->domid = domid;
	LIST_INSERT_HEAD(&lib->logs, l, link);
	return 0;
}

/* dirty_off - no log any more; 0 or errno */
static int
dirty_off(struct lib *lib, uint32_t domid)
{
	log_free(lib, domid);
	return log_mode(lib->x, domid, XEN_DOMCTL_SHADOW_OP_OFF);
}

/* dirty_count - the pages that were written, and the log at nothing again */
static int
dirty_count(struct lib *lib, struct hv_xc_call *c)
{
	struct dirty_log *l = log_find(lib, c->domid);
	DECLARE_HYPERCALL_BUFFER(uint64_t, written);
	size_t bytes;
	int e = 0;

	if (l == NULL)
		return ESRCH;
	bytes = l->map.words * sizeof *written;
	written = xc_hypercall_buffer_alloc(lib->x, written, bytes);
	if (written == NULL)
		return ENOMEM;
	memset(written, 0, bytes); /* Xen says nothing of one that dies */
	if (xc_logdirty_control(lib->x, c->domid, XEN_DOMCTL_SHADOW_OP_CLEAN,
		HYPERCALL_BUFFER(written), l->map.words * 64, 0, NULL) < 0)
		e = errno;
	else
		c->amount = hv_dirty_map_add(&l->map, written);
	c->ever = l->map.ever_pages;
	xc_hypercall_buffer_free(lib->x, written);
	return e;
}

/* dirty_on - log-dirty mode begins, with nothing written */
static int
dirty_on(struct lib *lib, struct hv_xc_call *c)
{
	int e =
	    log_mode(lib->x, c->domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);

	if (e != 0)
		return e;
	e = log_new(lib, c->domid, c->amount);
	if (e != 0)
		(void)dirty_off(lib, c->domid);
	return e;
}

/* ask - whatever is asked; 0 or errno */
static int
ask(struct lib *lib, struct hv_xc_call *c)
{
	xc_interface *x = lib->x;
	int r;

	errno = 0;
	switch (c->what) {
	case HV_XC_HOST:
		return ask_host(x, &c->host);
	case HV_XC_DOMAINS:
		return ask_domains(x, c);
	case HV_XC_SHADOW:
		return ask_shadow(x, c);
	case HV_XC_SET_SHADOW:
		return set_shadow(x, c);
	case HV_XC_SET_MAXMEM:
		r = xc_domain_setmaxmem(x, c->domid, c->amount);
		break;
	case HV_XC_CLAIM:
		r = xc_domain_claim_pages(x, c->domid, c->amount);
		break;
	case HV_XC_PAUSE:
		r = xc_domain_pause(x, c->domid);
		break;
	case HV_XC_UNPAUSE:
		r = xc_domain_unpause(x, c->domid);
		break;
	case HV_XC_DIRTY_ON:
		return dirty_on(lib, c);
	case HV_XC_DIRTY_COUNT:
		return dirty_count(lib, c);
	case HV_XC_DIRTY_OFF:
		return dirty_off(lib, c->domid);
	default:
		return ENOSYS;
	}
	return r == 0 ? 0 : errno != 0 ? errno : EIO;
}

/* call - struct hv_xc.call */
static void
call(void *ctx, void *arg)
{
	struct hv_xc_call *c = arg;

	c->n = 0;
	c->error = ask(ctx, c);
}

/* ---- opening ---- */

/* release_of_lib - which Xen the library that we run with belongs to */
static const char *
release_of_lib(char *text, size_t bytes)
{
	const char *so, *v;
	Dl_info where;

	/* through a union: a function's address as dladdr wants it */
	union {
		xc_interface *(*f)(
		    xentoollog_logger *, xentoollog_logger *, unsigned);
		const void *p;
	} at = {.f = xc_interface_open};

	(void)snprintf(text, bytes, "another release");
	if (dladdr(at.p, &where) == 0 || where.dli_fname == NULL)
		return text;
	so = strrchr(where.dli_fname, '/');
	v = strstr(so != NULL ? so : where.dli_fname, ".so.");
	if (v != NULL)
		(void)snprintf(text, bytes, "Xen %s", v + strlen(".so."));
	return text;
}

/* refuse_device - there is no way to the hypervisor, e says why; -1 */
static int
refuse_device(int e, char *why, size_t why_bytes)
{
	switch (e) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		(void)snprintf(why, why_bytes,
		    PRIVCMD " is missing: this is not the control domain of a "
			    "Xen host, or the module xen_privcmd is not "
			    "loaded (modprobe xen-privcmd); without Xen, use "
			    "--backend sim");
		break;
	case EACCES:
	case EPERM:
		(void)snprintf(why, why_bytes,
		    "no right to open " PRIVCMD ": start it as root (under "
		    "systemd, with DeviceAllow=" PRIVCMD " rw)");
		break;
	default:
		(void)snprintf(
		    why, why_bytes, PRIVCMD ": %s", strerrordesc_np(e));
	}
	return -1;
}

/* refuse_version - Xen does not take our questions, e says why; -1 */
static int
refuse_version(xc_interface *x, int e, char *why, size_t why_bytes)
{
	int v = xc_version(x, XENVER_version, NULL);
	char release[64];

	if (v > 0 && e == EACCES)
		(void)snprintf(why, why_bytes,
		    "the hypervisor is Xen %d.%d but libxenctrl is of %s: "
		    "install the build of this program for Xen %d.%d",
		    v >> 16, v & 0xffff,
		    release_of_lib(release, sizeof release), v >> 16,
		    v & 0xffff);
	else if (e == EPERM)
		(void)snprintf(why, why_bytes,
		    "Xen lets only its control domain read the host's memory, "
		    "and this is another domain: run it in dom0");
	else
		(void)snprintf(why, why_bytes,
		    "Xen does not tell the host's memory: %s",
		    strerrordesc_np(e));
	return -1;
}

/* connect_xen - to the hypervisor, which must answer; 0 or -1 and why */
static int
connect_xen(xc_interface **x_out, char *why, size_t why_bytes)
{
	struct hv_xc_host host = {0};
	xentoollog_logger *quiet;
	xc_interface *x;
	int e, fd = open(PRIVCMD, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return refuse_device(errno, why, why_bytes);
	(void)close(fd);
	/* what fails is ours to log: not the library's, in its own words */
	quiet = (xentoollog_logger *)xtl_createlogger_stdiostream(
	    stderr, XTL_CRITICAL, 0);
	x = xc_interface_open(quiet, quiet, 0);
	if (x == NULL) {
		e = errno;
		xtl_logger_destroy(quiet);
		return refuse_device(e, why, why_bytes);
	}
	e = ask_host(x, &host);
	if (e != 0) {
		(void)refuse_version(x, e, why, why_bytes);
		(void)xc_interface_close(x);
		xtl_logger_destroy(quiet);
		return -1;
	}
	*x_out = x;
	return 0;
}

int
hv_xc_lib_open(struct hv_xc *xc_out, char *why, size_t why_bytes)
{
	struct lib *lib = calloc(1, sizeof *lib);

	if (lib == NULL) {
		(void)snprintf(why, why_bytes, "out of memory");
		return -1;
	}
	if (connect_xen(&lib->x, why, why_bytes) != 0) {
		free(lib);
		return -1;
	}
	LIST_INIT(&lib->logs);
	xc_out->call = call;
	xc_out->ctx = lib;
	return 0;
}
