/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * lab_probe - what Xen itself says, in pages: the tests' own second opinion
 *
 * Runs in dom0 of the Xen tests and shares no code with the daemon.
 *   lab-probe host        total, free, scrub, claimed pages of the machine
 *   lab-probe dom ID      one domain
 *   lab-probe shadow ID   its shadow (or HAP) allocation in MiB
 *   lab-probe dirty ID    are its writes logged?
 *   lab-probe watch       a line every 50 ms, for ever: ms, free (scrub
 *                         included), then domain=pages for each guest
 * One line of "name=value" words; exit status 1 where Xen refuses.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>

/* host - the machine's pages */
static int
host(xc_interface *xc)
{
	xc_physinfo_t p;

	memset(&p, 0, sizeof(p));
	if (xc_physinfo(xc, &p) != 0)
		return 1;
	printf("total=%llu free=%llu scrub=%llu claimed=%llu hap=%d\n",
	    (unsigned long long)p.total_pages, (unsigned long long)p.free_pages,
	    (unsigned long long)p.scrub_pages,
	    (unsigned long long)p.outstanding_pages,
	    (p.capabilities & XEN_SYSCTL_PHYSCAP_hap) != 0);
	return 0;
}

/* dom - one domain */
static int
dom(xc_interface *xc, uint32_t id)
{
	xc_dominfo_t d;

	if (xc_domain_getinfo(xc, id, 1, &d) != 1 || d.domid != id)
		return 1;
	printf("pages=%lu max_kib=%lu paused=%d dying=%d hvm=%d vcpus=%u\n",
	    d.nr_pages, d.max_memkb, d.paused, d.dying, d.hvm,
	    d.nr_online_vcpus);
	return 0;
}

/* shadow - MiB that Xen set aside for a domain's page tables */
static int
shadow(xc_interface *xc, uint32_t id)
{
	unsigned mib = 0;

	if (xc_shadow_control(
		xc, id, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, &mib, 0) != 0)
		return 1;
	printf("mib=%u\n", mib);
	return 0;
}

/* dirty - are a domain's writes logged? Only a log that is off can begin */
static int
dirty(xc_interface *xc, uint32_t id)
{
	int r = xc_shadow_control(
	    xc, id, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0);

	if (r != 0 && errno != EINVAL)
		return 1;
	printf("on=%d\n", r != 0);
	if (r == 0) /* Xen 4.17 answers EINVAL for PVH, and does it */
		(void)xc_shadow_control(
		    xc, id, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
	return 0;
}

/* watch - free and guests' pages as time goes by */
static int
watch(xc_interface *xc)
{
	static xc_domaininfo_t d[64];
	struct timespec t;
	xc_physinfo_t p;
	int i, n;

	for (;;) {
		memset(&p, 0, sizeof(p));
		n = xc_domain_getinfolist(xc, 1, 64, d);
		if (n < 0 || xc_physinfo(xc, &p) != 0)
			return 1;
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		printf("ms=%lld free=%llu",
		    t.tv_sec * 1000LL + t.tv_nsec / 1000000,
		    (unsigned long long)(p.free_pages + p.scrub_pages));
		for (i = 0; i < n; i++)
			printf(" %u=%llu", d[i].domain,
			    (unsigned long long)d[i].tot_pages);
		printf("\n");
		(void)fflush(stdout);
		(void)usleep(50000);
	}
}

int
main(int argc, char **argv)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	const char *what = argc > 1 ? argv[1] : "host";
	uint32_t id = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	int rc = 1;

	if (xc == NULL) {
		fprintf(stderr, "xc_interface_open: %s\n", strerror(errno));
		return 1;
	}
	if (strcmp(what, "host") == 0)
		rc = host(xc);
	else if (strcmp(what, "dom") == 0)
		rc = dom(xc, id);
	else if (strcmp(what, "shadow") == 0)
		rc = shadow(xc, id);
	else if (strcmp(what, "dirty") == 0)
		rc = dirty(xc, id);
	else if (strcmp(what, "watch") == 0)
		rc = watch(xc);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
	xc_interface_close(xc);
	return rc;
}
