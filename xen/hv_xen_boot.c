/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_xen_boot - memory there was before any guest ran
 *
 * Read once a second until ten readings agree, or it has taken too long; only
 * while there is no guest.  Where guests run already it is estimated from what
 * all domains have.  Either way it is kept in a file for this boot of Xen, and
 * never made again.
 */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Model */
#include "model/idl.h"
#include "model/units.h"

/* Own */
#include "xen/hv_uuid.h"
#include "xen/hv_xen_priv.h"

#define FILE_NAME "boot-memory"

/* spec D.7 */
#define READING_MS 1000
#define STEADY_READINGS 10
#define STEADY_KIB MIB_KIB
#define WAIT_MS 60000

/* path_of - a file of ours; false: there is no state directory */
static bool
path_of(const struct hv_xen *x, const char *suffix, char *path, size_t bytes)
{
	int n;

	if (x->conf.state_dir == NULL)
		return false;
	n = snprintf(
	    path, bytes, "%s/" FILE_NAME "%s", x->conf.state_dir, suffix);
	return n > 0 && (size_t)n < bytes;
}

/* recall - what was found out earlier in this boot of Xen */
static bool
recall(struct hv_xen *x)
{
	char path[4096], uuid[64], how[16], kib[32];
	struct hv_uuid epoch;
	FILE *f;
	int n;

	if (!path_of(x, "", path, sizeof path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	n = fscanf(f, "%63s %31s %15s", uuid, kib, how);
	(void)fclose(f);
	if (n != 3 || !hv_uuid_parse(uuid, &epoch) ||
	    !hv_uuid_equal(&epoch, &x->conf.names.epoch) ||
	    !hv_xen_kib_parse(kib, &x->boot.kib))
		return false;
	x->boot.estimated = strcmp(how, "sampled") != 0;
	x->boot.done = true;
	return true;
}

/* keep - for the next process of this boot of Xen */
static void
keep(const struct hv_xen *x)
{
	const struct hv_uuid *e = &x->conf.names.epoch;
	const struct idl_ref ref = {.hi = e->hi, .lo = e->lo};
	char path[4096], part[4096], uuid[IDL_UUID_TEXT];
	bool ok;
	FILE *f;

	if (!path_of(x, "", path, sizeof path) ||
	    !path_of(x, ".part", part, sizeof part))
		return;
	idl_uuid_write(&ref, uuid);
	f = fopen(part, "we");
	if (f != NULL) {
		ok = fprintf(f, "%s %llu %s\n", uuid,
			 (unsigned long long)x->boot.kib,
			 x->boot.estimated ? "estimated" : "sampled") > 0;
		if (fclose(f) == 0 && ok && rename(part, path) == 0)
			return;
	}
	(void)fprintf(stderr, "hv-xen: %s: %s\n", path, strerrordesc_np(errno));
}

/* settle - this is it */
static void
settle(struct hv_xen *x, uint64_t kib, bool estimated)
{
	x->boot.kib = kib;
	x->boot.estimated = estimated;
	x->boot.done = true;
	keep(x);
}

/* estimate - guests run: what they have is what was free */
static uint64_t
estimate(const struct hv_xen *x)
{
	const struct hv_xen_dom *d;
	uint64_t kib =
	    (x->host.free_pages + x->host.scrub_pages + x->all_pages) *
	    PAGE_KIB;

	TAILQ_FOREACH(d, &x->doms, link)
	kib += d->shadow_kib;
	return kib;
}

/* reading - one more while no guest runs */
static void
reading(struct hv_xen *x, uint64_t kib)
{
	struct hv_xen_boot *b = &x->boot;
	uint64_t off =
	    kib > b->first_kib ? kib - b->first_kib : b->first_kib - kib;

	if (b->steady == 0 || off > STEADY_KIB) {
		b->steady = 0;
		b->first_kib = kib;
	}
	b->steady++;
	b->kib = kib;
	b->reading_ms = x->now_ms;
	if (b->steady >= STEADY_READINGS || x->now_ms - b->since_ms > WAIT_MS)
		settle(x, kib, false);
}

void
hv_xen_boot_look(struct hv_xen *x)
{
	struct hv_xen_boot *b = &x->boot;

	if (b->done)
		return;
	if (!b->begun) {
		b->begun = true;
		b->since_ms = x->now_ms;
		if (recall(x))
			return;
	} else if (x->now_ms - b->reading_ms < READING_MS) {
		return;
	}
	if (!x->has_guests)
		reading(x,
		    (x->host.free_pages + x->host.scrub_pages + x->dom0_pages) *
			PAGE_KIB);
	else if (b->steady > 0)
		settle(x, b->kib, true); /* the last one before they came */
	else
		settle(x, estimate(x), true);
}
