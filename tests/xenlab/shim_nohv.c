/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * shim_nohv - LD_PRELOAD: Debian's xenstored, and our hypervisor process, with
 * no hypervisor below
 *
 * What the two ask of Xen is answered from a folder, $LAB_WORLD:
 *   dom/N   domain N exists while this file does; its words: paused, dying,
 *           shutdown, hvm, pages=, vcpus=, uuid= (32 hex digits)
 *   host    words: total=, free=, scrub= (pages)
 *   set/N   max_kib= of domain N, written here by setmaxmem
 *   set/N.paging  bytes= of its pool for page tables
 *   done    a line for each change asked for, appended
 * dom0 always exists.  xenstored's event channel is an inotify descriptor on
 * dom/, so that making, changing or removing a file there raises VIRQ_DOM_EXC,
 * and xenstored fires @releaseDomain as it does on real Xen.
 *
 * DIAGNOSTICS none: a file that is not there is an empty one.
 * BUGS Xen 4.17's library interface, whatever else is installed.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#define WORDS 512
#define FIRST_INVALID_DOMID 0x7ff0u
#define PAGE 4096

static char handle[64]; /* what every open call gives */
static int events = -1;

/* path_of - a file in the folder */
static void
path_of(char *path, size_t n, const char *name)
{
	const char *world = getenv("LAB_WORLD");

	(void)snprintf(path, n, "%s/%s", world ? world : "/nonexistent", name);
}

/* words_of - a file's text; false: there is no such file */
static bool
words_of(const char *name, char words[WORDS])
{
	char path[512];
	ssize_t n;
	int fd;

	path_of(path, sizeof(path), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, words, WORDS - 1);
	(void)close(fd);
	words[n > 0 ? n : 0] = '\0';
	return true;
}

/* number - the value of "name=" in words, or what is given */
static uint64_t
number(const char *words, const char *name, uint64_t other)
{
	const char *at = strstr(words, name);

	return at ? strtoull(at + strlen(name), NULL, 0) : other;
}

/* done - note a change, and keep its value in a file where asked to */
static int
done(const char *name, const char *kept, const char *text)
{
	char path[512];
	FILE *f;

	path_of(path, sizeof(path), "done");
	f = fopen(path, "ae");
	if (f == NULL)
		return -1;
	(void)fprintf(f, "%s %s\n", name, text);
	(void)fclose(f);
	if (kept == NULL)
		return 0;
	path_of(path, sizeof(path), kept);
	f = fopen(path, "we");
	if (f == NULL)
		return -1;
	(void)fputs(text, f);
	return fclose(f);
}

/* hex_of - a uuid's bytes from "uuid=" in words; zeros where there is none */
static void
hex_of(const char *words, uint8_t uuid[16])
{
	const char *at = strstr(words, "uuid=");
	unsigned byte;
	int i;

	memset(uuid, 0, 16);
	for (i = 0; at != NULL && i < 16; i++) {
		if (sscanf(at + 5 + 2 * i, "%2x", &byte) != 1)
			return;
		uuid[i] = (uint8_t)byte;
	}
}

/* domain - one domain as the folder says; false: there is none */
static bool
domain(uint32_t id, xc_domaininfo_t *d)
{
	char name[32], words[WORDS] = "vcpus=1 pages=131072", set[WORDS] = "";

	(void)snprintf(name, sizeof(name), "dom/%u", id);
	if (!words_of(name, words) && id != 0)
		return false;
	(void)snprintf(name, sizeof(name), "set/%u", id);
	(void)words_of(name, set);
	memset(d, 0, sizeof(*d));
	d->domain = (domid_t)id;
	d->flags =
	    strstr(words, "paused") ? XEN_DOMINF_paused : XEN_DOMINF_running;
	if (strstr(words, "dying"))
		d->flags |= XEN_DOMINF_dying;
	if (strstr(words, "shutdown"))
		d->flags |= XEN_DOMINF_shutdown;
	if (strstr(words, "hvm"))
		d->flags |= XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
	d->tot_pages = number(words, "pages=", 1024);
	d->max_pages = number(set, "max_kib=", d->tot_pages * 4 + 1024) / 4;
	d->nr_online_vcpus = (uint32_t)number(words, "vcpus=", 1);
	d->max_vcpu_id = d->nr_online_vcpus - 1;
	hex_of(words, d->handle);
	return true;
}

xc_interface *
xc_interface_open(xentoollog_logger *a, xentoollog_logger *b, unsigned flags)
{
	(void)a, (void)b, (void)flags;
	return (void *)handle;
}

int
xc_interface_close(xc_interface *xc)
{
	(void)xc;
	return 0;
}

int
xc_version(xc_interface *xc, int what, void *out)
{
	(void)xc;
	if (what == XENVER_version)
		return (4 << 16) | 17;
	if (what == XENVER_extraversion)
		(void)snprintf(out, sizeof(xen_extraversion_t), ".7");
	return 0;
}

int
xc_domain_getinfolist(
    xc_interface *xc, uint32_t first, unsigned max, xc_domaininfo_t *info)
{
	uint32_t id;
	unsigned n = 0;

	(void)xc;
	for (id = first; id < FIRST_INVALID_DOMID && n < max; id++)
		if (domain(id, &info[n]))
			n++;
	return (int)n;
}

int
xc_domain_getinfo(
    xc_interface *xc, uint32_t first, unsigned max, xc_dominfo_t *info)
{
	xc_domaininfo_t d;

	if (max == 0 || xc_domain_getinfolist(xc, first, 1, &d) != 1) {
		errno = ESRCH;
		return 0;
	}
	memset(info, 0, sizeof(*info));
	info->domid = d.domain;
	info->running = (d.flags & XEN_DOMINF_running) != 0;
	info->dying = (d.flags & XEN_DOMINF_dying) != 0;
	info->shutdown = (d.flags & XEN_DOMINF_shutdown) != 0;
	return 1;
}

int
xc_physinfo(xc_interface *xc, xc_physinfo_t *p)
{
	char words[WORDS] = "";

	(void)xc;
	(void)words_of("host", words);
	memset(p, 0, sizeof(*p));
	p->total_pages = number(words, "total=", 1 << 20);
	p->free_pages = number(words, "free=", 1 << 19);
	p->scrub_pages = number(words, "scrub=", 0);
	p->nr_cpus = 1;
	p->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_hvm |
			  XEN_SYSCTL_PHYSCAP_hap;
	return 0;
}

/* exists - errno says ESRCH where a domain is not there */
static bool
exists(uint32_t id)
{
	xc_domaininfo_t d;

	if (domain(id, &d))
		return true;
	errno = ESRCH;
	return false;
}

int
xc_domain_setmaxmem(xc_interface *xc, uint32_t id, uint64_t max_kib)
{
	char kept[32], text[64];

	(void)xc;
	if (!exists(id))
		return -1;
	(void)snprintf(kept, sizeof(kept), "set/%u", id);
	(void)snprintf(text, sizeof(text), "%u max_kib=%llu", id,
	    (unsigned long long)max_kib);
	return done("setmaxmem", kept, text);
}

int
xc_get_paging_mempool_size(xc_interface *xc, uint32_t id, uint64_t *bytes)
{
	char kept[32], words[WORDS] = "";

	(void)xc;
	if (!exists(id))
		return -1;
	(void)snprintf(kept, sizeof(kept), "set/%u.paging", id);
	(void)words_of(kept, words);
	*bytes = number(words, "bytes=", 2 << 20);
	return 0;
}

int
xc_set_paging_mempool_size(xc_interface *xc, uint32_t id, uint64_t bytes)
{
	char kept[32], text[64];

	(void)xc;
	if (!exists(id))
		return -1;
	(void)snprintf(kept, sizeof(kept), "set/%u.paging", id);
	(void)snprintf(
	    text, sizeof(text), "%u bytes=%llu", id, (unsigned long long)bytes);
	return done("paging", kept, text);
}

int
xc_domain_pause(xc_interface *xc, uint32_t id)
{
	(void)xc;
	return exists(id) ? done("pause", NULL, "") : -1;
}

int
xc_domain_unpause(xc_interface *xc, uint32_t id)
{
	(void)xc;
	return exists(id) ? done("unpause", NULL, "") : -1;
}

int
xc_domain_claim_pages(xc_interface *xc, uint32_t id, unsigned long pages)
{
	char text[64];

	(void)xc;
	if (!exists(id))
		return -1;
	(void)snprintf(text, sizeof(text), "%u pages=%lu", id, pages);
	return done("claim", NULL, text);
}

/* ---- the rest is for xenstored alone ---- */

xengnttab_handle *
xengnttab_open(xentoollog_logger *log, unsigned flags)
{
	(void)log, (void)flags;
	return (void *)handle;
}

int
xengnttab_close(xengnttab_handle *h)
{
	(void)h;
	return 0;
}

int
xengnttab_set_max_grants(xengnttab_handle *h, uint32_t n)
{
	(void)h, (void)n;
	return 0;
}

void *
xengnttab_map_grant_ref(
    xengnttab_handle *h, uint32_t id, uint32_t ref, int prot)
{
	void *p;

	(void)h, (void)id, (void)ref, (void)prot;
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int
xengnttab_unmap(xengnttab_handle *h, void *at, uint32_t pages)
{
	(void)h;
	return munmap(at, (size_t)pages * PAGE);
}

xenevtchn_handle *
xenevtchn_open(xentoollog_logger *log, unsigned flags)
{
	char path[512];

	(void)log, (void)flags;
	path_of(path, sizeof(path), "dom");
	events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	(void)inotify_add_watch(events, path,
	    IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVED_FROM |
		IN_MOVED_TO);
	return (void *)handle;
}

xenevtchn_handle *
xenevtchn_fdopen(xentoollog_logger *log, int fd, unsigned flags)
{
	(void)fd;
	return xenevtchn_open(log, flags);
}

int
xenevtchn_close(xenevtchn_handle *h)
{
	(void)h;
	return close(events);
}

int
xenevtchn_fd(xenevtchn_handle *h)
{
	(void)h;
	return events;
}

xenevtchn_port_or_error_t
xenevtchn_bind_virq(xenevtchn_handle *h, unsigned virq)
{
	(void)h, (void)virq;
	return 1;
}

xenevtchn_port_or_error_t
xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t id, evtchn_port_t port)
{
	static int next = 2;

	(void)h, (void)id, (void)port;
	return next++;
}

xenevtchn_port_or_error_t
xenevtchn_pending(xenevtchn_handle *h)
{
	char drop[4096];

	(void)h;
	while (read(events, drop, sizeof(drop)) > 0)
		;
	return 1;
}

int
xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h, (void)port;
	return 0;
}

int
xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h, (void)port;
	return 0;
}

int
xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h, (void)port;
	return 0;
}

/* store_file - /proc/xen/xsd_port or xsd_kva: a port's number, or a page */
static int
store_file(const char *path)
{
	int fd = memfd_create("shim", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (strstr(path, "port") != NULL) {
		if (write(fd, "1\n", 2) == 2 && lseek(fd, 0, SEEK_SET) == 0)
			return fd;
	} else if (ftruncate(fd, PAGE) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int
open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	mode_t mode = 0;
	va_list ap;

	if (real == NULL)
		real =
		    (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (strcmp(path, "/proc/xen/xsd_port") == 0 ||
	    strcmp(path, "/proc/xen/xsd_kva") == 0)
		return store_file(path);
	if (strcmp(path, "/dev/xen/privcmd") == 0)
		path = "/dev/null";
	return real(path, flags, mode);
}
