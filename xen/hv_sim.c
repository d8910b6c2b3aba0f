/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Own */
#include "model/idl.h"
#include "xen/hv_sim_priv.h"
#include "xen/hv_uuid.h"

#define GIB_KIB (1024ull * MIB_KIB)
#define MEMORY_MAX_KIB (1ull << 44) /* 16 PiB: sums stay far below 2^53 */
#define BUCKETS_MIN 64

/* ---- names and uuids ---- */

/* dom0_uuid - dom0 is always the same for a host */
static struct hv_uuid
dom0_uuid(const struct hv_uuid *host)
{
	struct idl_ref ref = {.hi = host->hi, .lo = host->lo};
	char text[IDL_UUID_TEXT];

	idl_uuid_write(&ref, text);
	return hv_uuid_of_name("dom0", text);
}

/* ---- finding ---- */

struct hv_sim_machine *
hv_sim_find_host(struct hv_sim *w, const struct hv_uuid *uuid)
{
	for (size_t i = 0; i < w->nhosts; i++)
		if (hv_uuid_equal(&w->hosts[i].conf.uuid, uuid))
			return &w->hosts[i];
	return NULL;
}

static struct hv_sim_dom **
bucket_of(const struct hv_sim *w, const struct hv_uuid *uuid)
{
	return &w->bucket[(uuid->lo ^ uuid->hi) & (w->nbuckets - 1)].first;
}

struct hv_sim_dom *
hv_sim_find(struct hv_sim *w, const struct hv_uuid *uuid)
{
	struct hv_sim_dom *d;

	for (d = *bucket_of(w, uuid); d != NULL; d = d->next)
		if (hv_uuid_equal(&d->uuid, uuid))
			return d;
	return NULL;
}

/* grow - room in the table for one more; false: out of memory */
static bool
grow(struct hv_sim *w)
{
	size_t n, was = w->nbuckets;
	struct hv_sim_bucket *old = w->bucket, *fresh;
	struct hv_sim_dom *d, **at;

	if (w->ndoms < was)
		return true;
	n = was == 0 ? BUCKETS_MIN : was * 2;
	fresh = calloc(n, sizeof *fresh);
	if (fresh == NULL)
		return false;
	w->bucket = fresh;
	w->nbuckets = n;
	for (size_t i = 0; i < was; i++)
		while ((d = old[i].first) != NULL) {
			old[i].first = d->next;
			at = bucket_of(w, &d->uuid);
			d->next = *at;
			*at = d;
		}
	free(old);
	return true;
}

/* ---- pages ---- */

uint64_t
hv_sim_pages_of_kib(uint64_t kib)
{
	return kib / PAGE_KIB + (kib % PAGE_KIB != 0);
}

uint64_t
hv_sim_avail(const struct hv_sim_machine *h)
{
	return h->free_pages + h->scrub_pages;
}

void
hv_sim_take_pages(struct hv_sim_machine *h, uint64_t pages)
{
	uint64_t clean = pages < h->free_pages ? pages : h->free_pages;

	assert(pages <= hv_sim_avail(h));
	h->free_pages -= clean;
	h->scrub_pages -= pages - clean;
	h->dirty = true;
}

void
hv_sim_give_pages(struct hv_sim_machine *h, uint64_t pages)
{
	if (h->conf.scrub_kib_s == 0)
		h->free_pages += pages;
	else
		h->scrub_pages += pages;
	h->dirty = true;
}

int32_t
hv_sim_new_domid(struct hv_sim_machine *h)
{
	struct hv_sim_dom *d;
	int32_t id = h->domid_last;

	for (int32_t tries = 1; tries < SIM_DOMID_END; tries++) {
		id = id + 1 < SIM_DOMID_END ? id + 1 : 1;
		TAILQ_FOREACH(d, &h->doms, on_host)
		if (d->domid == id)
			break;
		if (d == NULL) {
			h->domid_last = id;
			return id;
		}
	}
	return -1;
}

bool
hv_sim_add(struct hv_sim *w, struct hv_sim_machine *h, struct hv_sim_dom *d)
{
	struct hv_sim_dom **at;

	if (!grow(w))
		return false;
	at = bucket_of(w, &d->uuid);
	d->next = *at;
	*at = d;
	w->ndoms++;
	d->host = h;
	TAILQ_INSERT_TAIL(&h->doms, d, on_host);
	return true;
}

void
hv_sim_drop(struct hv_sim *w, struct hv_sim_dom *d)
{
	struct hv_sim_dom **at = bucket_of(w, &d->uuid);

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	w->ndoms--;
	hv_sim_stats_drop(w, d);
	hv_sim_rest(w, d);
	if (d->dirty)
		TAILQ_REMOVE(&w->dirty, d, on_dirty);
	if (d->domid < 0) {
		TAILQ_REMOVE(&w->images, d, on_host);
	} else {
		TAILQ_REMOVE(&d->host->doms, d, on_host);
		hv_sim_give_pages(d->host, d->pages + d->overhead_pages);
	}
	free(d);
}

/* ---- what goes up ---- */

void
hv_sim_say(struct hv_sim *w, const struct hv_msg *m)
{
	if (w->peer.up != NULL)
		w->peer.up(w->peer.ctx, m);
}

static void
say_host(struct hv_sim *w, const struct hv_sim_machine *h)
{
	struct hv_msg m;
	struct hv_host *u = &m.u.host;

	hv_msg_init(&m, HV_HOST);
	u->uuid = h->conf.uuid;
	memcpy(u->name, h->conf.name, sizeof u->name);
	memcpy(u->address, h->conf.address, sizeof u->address);
	u->total_kib = h->total_pages * PAGE_KIB;
	u->free_kib = h->free_pages * PAGE_KIB;
	u->scrub_kib = h->scrub_pages * PAGE_KIB;
	u->boot_free_kib = h->boot_free_pages * PAGE_KIB;
	u->cpus = h->conf.cpus;
	u->flags = h->conf.flags | HV_H_SAMPLED;
	hv_sim_say(w, &m);
}

static uint32_t
flags_of(const struct hv_sim_dom *d)
{
	uint32_t flags = 0;

	if (d->domid < 0)
		return HV_D_SUSPENDED;
	if (d->running)
		flags |= HV_D_RUNNING;
	if (d->control)
		flags |= HV_D_CONTROL;
	if (hv_sim_can_balloon(d))
		flags |= HV_D_BALLOON;
	if (d->booted && !d->control)
		flags |= HV_D_AGENT;
	if (!d->control)
		flags |= HV_D_RANGE;
	if (d->has_offset)
		flags |= HV_D_OFFSET;
	if (d->uncooperative)
		flags |= HV_D_UNCOOPERATIVE;
	return flags;
}

static void
say_domain(struct hv_sim *w, const struct hv_sim_dom *d)
{
	struct hv_msg m;
	struct hv_domain *u = &m.u.domain;

	hv_msg_init(&m, HV_DOMAIN);
	u->host = d->host->conf.uuid;
	u->uuid = d->uuid;
	u->domid = d->domid;
	u->flags = flags_of(d);
	memcpy(u->name, d->name, sizeof u->name);
	memcpy(u->domain_type, d->type, sizeof u->domain_type);
	u->vcpus = d->vcpus;
	u->actual_kib = d->pages * PAGE_KIB;
	u->maxmem_kib = d->maxmem_kib;
	u->offset_kib = d->offset_kib;
	u->target_kib = d->target_kib;
	u->dynamic_min_kib = d->dynamic_min_kib;
	u->dynamic_max_kib = d->dynamic_max_kib;
	u->static_max_kib = d->static_max_kib;
	u->shadow_kib = d->shadow_kib;
	hv_sim_say(w, &m);
}

void
hv_sim_say_gone(struct hv_sim *w, const struct hv_sim_machine *h,
    const struct hv_uuid *uuid, int32_t domid, enum hv_end end)
{
	struct hv_msg m;

	if (!w->synced)
		return;
	hv_msg_init(&m, HV_GONE);
	m.u.gone.host = h->conf.uuid;
	m.u.gone.uuid = *uuid;
	m.u.gone.domid = domid;
	m.u.gone.end = (int32_t)end;
	hv_sim_say(w, &m);
}

void
hv_sim_say_result(struct hv_sim *w, const struct hv_result *r)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_RESULT);
	m.u.result = *r;
	hv_sim_say(w, &m);
}

void
hv_sim_dirty(struct hv_sim *w, struct hv_sim_dom *d)
{
	if (!d->dirty) {
		d->dirty = true;
		TAILQ_INSERT_TAIL(&w->dirty, d, on_dirty);
	}
	if (!d->busy && d->domid > 0) {
		d->busy = true;
		TAILQ_INSERT_TAIL(&w->busy, d, on_busy);
	}
}

void
hv_sim_rest(struct hv_sim *w, struct hv_sim_dom *d)
{
	if (d->busy)
		TAILQ_REMOVE(&w->busy, d, on_busy);
	d->busy = false;
}

void
hv_sim_report(struct hv_sim *w)
{
	struct hv_sim_dom *d;

	while ((d = TAILQ_FIRST(&w->dirty)) != NULL) {
		TAILQ_REMOVE(&w->dirty, d, on_dirty);
		d->dirty = false;
		if (w->synced)
			say_domain(w, d);
	}
	for (size_t i = 0; i < w->nhosts; i++) {
		if (w->hosts[i].dirty && w->synced)
			say_host(w, &w->hosts[i]);
		w->hosts[i].dirty = false;
	}
}

/* sync - everything, to a peer that may know nothing */
static void
sync_peer(struct hv_sim *w)
{
	struct hv_msg m;
	struct hv_sim_dom *d;

	hv_sim_report(w);
	w->synced = true;
	hv_msg_init(&m, HV_HELLO);
	m.u.hello.protocol = HV_PROTOCOL;
	m.u.hello.flags = HV_W_BUILDS;
	memcpy(m.u.hello.backend, "sim", sizeof "sim");
	m.u.hello.epoch = w->epoch;
	hv_sim_say(w, &m);
	for (size_t i = 0; i < w->nhosts; i++)
		say_host(w, &w->hosts[i]);
	for (size_t i = 0; i < w->nhosts; i++)
		TAILQ_FOREACH(d, &w->hosts[i].doms, on_host)
	say_domain(w, d);
	TAILQ_FOREACH(d, &w->images, on_host)
	say_domain(w, d);
	hv_msg_init(&m, HV_SYNCED);
	hv_sim_say(w, &m);
}

/* ---- the world ---- */

void
hv_sim_host_init(struct hv_sim_host *h)
{
	memset(h, 0, sizeof *h);
	memcpy(h->name, "sim", sizeof "sim");
	memcpy(h->address, "127.0.0.1", sizeof "127.0.0.1");
	h->memory_kib = 64 * GIB_KIB;
	h->dom0_kib = 1 * GIB_KIB;
	h->cpus = 16;
	h->dom0_vcpus = 4;
	h->flags = HV_H_HVM;
}

/* xen_kib - what Xen keeps: page tables of its own, and the frame table */
static uint64_t
xen_kib(const struct hv_sim_host *h)
{
	return h->xen_kib != 0 ? h->xen_kib
			       : 32 * MIB_KIB + h->memory_kib / 128;
}

bool
hv_sim_host_check(const struct hv_sim_host *h, char *text, size_t bytes)
{
	const char *bad = NULL;

	if (h->name[0] == '\0')
		bad = "it has no name";
	else if (h->memory_kib > MEMORY_MAX_KIB)
		bad = "memory is above 16 PiB";
	else if (h->dom0_kib == 0)
		bad = "dom0 has no memory";
	else if (h->dom0_kib > h->memory_kib || xen_kib(h) > h->memory_kib ||
		 hv_sim_pages_of_kib(h->dom0_kib) +
			 hv_sim_pages_of_kib(xen_kib(h)) >
		     h->memory_kib / PAGE_KIB)
		bad = "memory is too small for Xen and dom0";
	else if (h->cpus == 0 || h->dom0_vcpus == 0)
		bad = "it has no cpus";
	if (bad != NULL)
		(void)snprintf(text, bytes, "host %s: %s", h->name, bad);
	return bad == NULL;
}

/* add_dom0 - the control domain, with what it holds taken from free */
static bool
add_dom0(struct hv_sim *w, struct hv_sim_machine *h)
{
	struct hv_sim_dom *d = calloc(1, sizeof *d);

	if (d == NULL)
		return false;
	d->uuid = h->dom0_uuid;
	if (hv_sim_find(w, &d->uuid) != NULL || !hv_sim_add(w, h, d)) {
		free(d);
		return false;
	}
	(void)snprintf(d->name, sizeof d->name,
	    "Control domain on host: %.200s", h->conf.name);
	if (!hv_utf8_ok(d->name, strlen(d->name)))
		memcpy(d->name, "Domain-0", sizeof "Domain-0");
	memcpy(d->type, "pv", sizeof "pv");
	d->vcpus = h->conf.dom0_vcpus;
	d->pages = hv_sim_pages_of_kib(h->conf.dom0_kib);
	d->target_kib = d->pages * PAGE_KIB;
	d->dynamic_min_kib = d->dynamic_max_kib = d->target_kib;
	d->static_max_kib = d->maxmem_kib = d->target_kib;
	d->control = d->running = d->booted = true;
	hv_sim_take_pages(h, d->pages);
	return true;
}

/* boot - a host begins to exist */
static bool
boot(struct hv_sim *w, struct hv_sim_machine *h, const struct hv_sim_host *conf)
{
	char text[HV_TEXT_BYTES];

	assert(hv_sim_host_check(conf, text, sizeof text));
	TAILQ_INIT(&h->doms);
	h->conf = *conf;
	h->conf.flags &= HV_H_HVM;
	if (hv_uuid_is_null(&h->conf.uuid))
		h->conf.uuid = hv_uuid_of_name("host", h->conf.name);
	if (hv_sim_find_host(w, &h->conf.uuid) != NULL)
		return false;
	w->nhosts++;
	h->dom0_uuid = dom0_uuid(&h->conf.uuid);
	h->total_pages = conf->memory_kib / PAGE_KIB;
	h->xen_pages = hv_sim_pages_of_kib(xen_kib(conf));
	h->free_pages = h->total_pages - h->xen_pages;
	h->boot_free_pages = h->free_pages;
	return add_dom0(w, h);
}

struct hv_sim *
hv_sim_new(const struct hv_sim_host *hosts, size_t n)
{
	struct hv_sim_host usual;
	struct hv_sim *w = calloc(1, sizeof *w);
	bool ok;

	if (w == NULL)
		return NULL;
	if (pthread_mutex_init(&w->lock, NULL) != 0) {
		free(w);
		return NULL;
	}
	if (pthread_cond_init(&w->quiet, NULL) != 0) {
		(void)pthread_mutex_destroy(&w->lock); /* ours and free */
		free(w);
		return NULL;
	}
	TAILQ_INIT(&w->images);
	TAILQ_INIT(&w->busy);
	TAILQ_INIT(&w->dirty);
	if (n == 0) {
		hv_sim_host_init(&usual);
		hosts = &usual;
		n = 1;
	}
	w->hosts = calloc(n, sizeof *w->hosts);
	ok = w->hosts != NULL && grow(w) && hv_sim_stats_init(w) &&
	     getrandom(&w->epoch, sizeof w->epoch, 0) == sizeof w->epoch;
	for (size_t i = 0; ok && i < n; i++)
		ok = boot(w, &w->hosts[i], &hosts[i]);
	if (!ok)
		hv_sim_free(&w);
	return w;
}

static void
enter(struct hv_sim *w)
{
	int r = pthread_mutex_lock(&w->lock);

	assert(r == 0);
}

static void
leave(struct hv_sim *w)
{
	int r = pthread_mutex_unlock(&w->lock);

	assert(r == 0);
}

/* leave_to - unlock, then let a peer hand on what it was told */
static void
leave_to(struct hv_sim *w, struct hv_sim_peer peer)
{
	if (peer.flush == NULL) {
		leave(w);
		return;
	}
	w->flushing++;
	leave(w);
	peer.flush(peer.ctx);
	enter(w);
	if (--w->flushing == 0)
		(void)pthread_cond_broadcast(&w->quiet); /* cannot fail */
	leave(w);
}

/* forget_asker - results of what was asked before are for nobody now */
static void
forget_asker(struct hv_sim *w)
{
	struct hv_sim_dom *d;

	w->synced = false;
	TAILQ_FOREACH(d, &w->busy, on_busy)
	{
		d->ask.answered = true;
		hv_dirty_end(&d->count, HV_LOST); /* nobody waits for it */
	}
}

/* replace - another peer, or nobody, hears from now on */
static void
replace(struct hv_sim *w, const struct hv_sim_peer *peer, enum hv_sim_loss how)
{
	static const struct hv_sim_peer nobody;
	struct hv_sim_peer was;

	enter(w);
	was = w->peer;
	w->peer = peer != NULL ? *peer : nobody;
	forget_asker(w);
	if (was.lost != NULL)
		was.lost(was.ctx, how);
	leave_to(w, was);
}

void
hv_sim_attach(struct hv_sim *w, const struct hv_sim_peer *peer)
{
	replace(w, peer, HV_SIM_REPLACED);
}

/* free_all - of a list that ends with the world */
static void
free_all(struct hv_sim_doms *list)
{
	struct hv_sim_dom *d = TAILQ_FIRST(list), *next;

	for (; d != NULL; d = next) {
		next = TAILQ_NEXT(d, on_host);
		free(d);
	}
}

void
hv_sim_free(struct hv_sim **wp)
{
	struct hv_sim *w = *wp;

	if (w == NULL)
		return;
	replace(w, NULL, HV_SIM_ENDED);
	for (size_t i = 0; i < w->nhosts; i++)
		free_all(&w->hosts[i].doms);
	free_all(&w->images);
	hv_sim_stats_fini(w);
	(void)pthread_cond_destroy(&w->quiet); /* ours and free */
	(void)pthread_mutex_destroy(&w->lock);
	free(w->hosts);
	free(w->bucket);
	free(w);
	*wp = NULL;
}

void
hv_sim_detach(struct hv_sim *w, const void *ctx)
{
	static const struct hv_sim_peer nobody;

	enter(w);
	if (w->peer.ctx == ctx) {
		w->peer = nobody;
		forget_asker(w);
	}
	while (w->flushing > 0)
		(void)pthread_cond_wait(&w->quiet, &w->lock);
	leave(w);
}

void
hv_sim_take(struct hv_sim *w, const struct hv_msg *m)
{
	enter(w);
	if (m->type == HV_SYNC)
		sync_peer(w);
	else if (m->type == HV_COMMAND)
		hv_sim_command(w, &m->u.command);
	leave_to(w, w->peer);
}

void
hv_sim_step(struct hv_sim *w, uint64_t ms)
{
	enter(w);
	hv_sim_run(w, ms);
	hv_sim_stats_run(w);
	hv_sim_report(w);
	leave_to(w, w->peer);
}

uint64_t
hv_sim_now_ms(struct hv_sim *w)
{
	uint64_t ms;

	enter(w);
	ms = w->now_ms;
	leave(w);
	return ms;
}

bool
hv_sim_conserves(struct hv_sim *w, char *text, size_t bytes)
{
	struct hv_sim_dom *d;
	uint64_t sum = 0;
	bool ok = true;

	enter(w);
	for (size_t i = 0; ok && i < w->nhosts; i++) {
		struct hv_sim_machine *h = &w->hosts[i];
		sum = h->xen_pages + h->free_pages + h->scrub_pages;
		TAILQ_FOREACH(d, &h->doms, on_host)
		sum += d->pages + d->overhead_pages;
		ok = sum == h->total_pages;
		if (!ok)
			(void)snprintf(text, bytes,
			    "host %.64s: %llu pages, but %llu in all",
			    h->conf.name, (unsigned long long)h->total_pages,
			    (unsigned long long)sum);
	}
	leave(w);
	return ok;
}
