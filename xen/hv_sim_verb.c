/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_sim_priv.h"

#define VCPUS_MAX 8192 /* Xen's MAX_VIRT_CPUS */

/* A verb fills the result; LATER: the answer comes when the guest is done. */
enum answer { NOW, LATER };

/* ---- refusals ---- */

static enum answer
refuse(struct hv_result *r, const char *text)
{
	r->status = HV_REFUSED;
	(void)snprintf(r->text, sizeof r->text, "%s", text);
	return NOW;
}

static enum answer
short_of(struct hv_result *r, uint64_t pages, const struct hv_sim_machine *h)
{
	r->status = HV_NO_MEMORY;
	r->needed_kib = pages * PAGE_KIB;
	r->free_kib = hv_sim_avail(h) * PAGE_KIB;
	return NOW;
}

/* domain_of - the living domain a command is about; NULL: r says so */
static struct hv_sim_dom *
domain_of(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = hv_sim_find(w, &c->uuid);

	if (d != NULL && d->domid >= 0) {
		r->domid = d->domid;
		return d;
	}
	r->status = HV_NO_DOMAIN;
	return NULL;
}

/* guest_of - the same, but not dom0 */
static struct hv_sim_dom *
guest_of(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = domain_of(w, c, r);

	if (d == NULL || !d->control)
		return d;
	(void)refuse(r, "this cannot be done to the control domain");
	return NULL;
}

/* ---- ends and restarts ---- */

/* answer_ask - what was asked of a guest is decided, if anything was */
static void
answer_ask(
    struct hv_sim *w, struct hv_sim_ask *ask, int32_t status, int32_t domid)
{
	struct hv_result r;
	bool wanted = ask->verb != 0 && !ask->answered;

	ask->verb = 0;
	if (!wanted)
		return;
	hv_sim_report(w);
	memset(&r, 0, sizeof r);
	r.id = ask->id;
	r.status = status;
	r.domid = domid;
	hv_sim_say_result(w, &r);
}

void
hv_sim_end(struct hv_sim *w, struct hv_sim_dom *d, enum hv_end end)
{
	struct hv_sim_ask ask = d->ask;
	int32_t domid = d->domid;

	hv_sim_say_gone(w, d->host, &d->uuid, domid, end);
	hv_sim_count_end(w, d, HV_NO_DOMAIN);
	hv_sim_drop(w, d);
	answer_ask(w, &ask, HV_NO_DOMAIN, domid);
}

/*
 * keep_size - as a toolstack builds it anew: with what it has
 *
 * What it may lack to its dynamic_min is nobody's to give but the loop's.
 */
static void
keep_size(struct hv_sim_dom *d)
{
	uint64_t kib = d->pages * PAGE_KIB;

	kib = kib > d->manner.offset_kib ? kib - d->manner.offset_kib : 0;
	if (kib > d->dynamic_max_kib)
		kib = d->dynamic_max_kib;
	d->target_kib = d->maxmem_kib = kib;
}

/* reboot - the domain begins again in its own memory; false: no id is left */
static bool
reboot(struct hv_sim *w, struct hv_sim_dom *d)
{
	int32_t domid = hv_sim_new_domid(d->host);

	if (domid < 0)
		return false;
	hv_sim_count_end(w, d, HV_NO_DOMAIN);
	keep_size(d);
	d->domid = domid;
	d->running = true;
	d->booted = false;
	d->uncooperative = false;
	d->has_offset = false;
	d->offset_kib = 0;
	d->age_ms = 0;
	d->since_ms = w->now_ms;
	hv_sim_dirty(w, d);
	return true;
}

void
hv_sim_ask_done(struct hv_sim *w, struct hv_sim_dom *d)
{
	struct hv_sim_ask ask = d->ask;
	int32_t domid = d->domid;

	d->ask.verb = 0;
	if (ask.verb == HV_SHUTDOWN) {
		hv_sim_end(w, d, HV_END_HALTED);
		answer_ask(w, &ask, HV_OK, domid);
		return;
	}
	if (reboot(w, d))
		answer_ask(w, &ask, HV_OK, d->domid);
	else
		answer_ask(w, &ask, HV_REFUSED, d->domid);
}

/* ---- building ---- */

/* bad_range - why such bounds cannot be, or NULL */
static const char *
bad_range(const struct hv_command *c, uint64_t static_max_kib)
{
	if (c->dynamic_min_kib > c->dynamic_max_kib)
		return "dynamic_min is above dynamic_max";
	if (c->dynamic_max_kib > static_max_kib)
		return "dynamic_max is above static_max";
	if (c->target_kib > static_max_kib)
		return "the target is above static_max";
	return NULL;
}

/* bad_build - why such a domain cannot be built, or NULL */
static const char *
bad_build(const struct hv_command *c, const struct hv_sim_machine *h)
{
	bool plain =
	    c->domain_type[0] == '\0' || strcmp(c->domain_type, "pv") == 0;

	if (c->uuid.hi == 0 && c->uuid.lo == 0)
		return "the domain has no uuid";
	if (c->target_kib == 0)
		return "the domain has no memory";
	if (c->vcpus == 0 || c->vcpus > VCPUS_MAX)
		return "vcpus is not in 1..8192";
	if (c->overhead_kib < c->shadow_kib)
		return "overhead is less than shadow alone";
	if (!plain && (h->conf.flags & HV_H_HVM) == 0)
		return "this host has no hardware virtualisation";
	return bad_range(c, c->static_max_kib);
}

/* make - a domain as the command describes it, not yet anywhere */
static struct hv_sim_dom *
make(const struct hv_sim *w, const struct hv_command *c,
    const struct hv_sim_manner *manner)
{
	struct hv_sim_dom *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->uuid = c->uuid;
	memcpy(d->name, c->name, sizeof d->name);
	memcpy(d->type, c->domain_type, sizeof d->type);
	d->vcpus = c->vcpus;
	d->manner = *manner;
	d->pages = hv_sim_pages_of_kib(c->target_kib + manner->offset_kib);
	d->heard_pages = d->pages;
	d->overhead_pages = hv_sim_pages_of_kib(c->overhead_kib);
	d->shadow_kib = c->shadow_kib;
	d->overhead_kib = c->overhead_kib;
	d->target_kib = d->maxmem_kib = c->target_kib;
	d->dynamic_min_kib = c->dynamic_min_kib;
	d->dynamic_max_kib = c->dynamic_max_kib;
	d->static_max_kib = c->static_max_kib;
	d->since_ms = w->now_ms;
	d->running = c->paused == 0;
	return d;
}

/* place - the new domain d takes its pages; an image of it is used up */
static enum answer
place(struct hv_sim *w, struct hv_sim_machine *h, struct hv_sim_dom *d,
    struct hv_result *r)
{
	struct hv_sim_dom *image = hv_sim_find(w, &d->uuid);
	int32_t domid = hv_sim_new_domid(h);

	if (domid < 0) {
		free(d);
		return refuse(r, "the host has no domain id left");
	}
	if (image != NULL)
		hv_sim_drop(w, image);
	if (!hv_sim_add(w, h, d)) {
		free(d); /* no image was dropped: then there is room */
		return refuse(r, "out of memory");
	}
	d->domid = domid;
	hv_sim_take_pages(h, d->pages + d->overhead_pages);
	hv_sim_dirty(w, d);
	r->domid = domid;
	return NOW;
}

static enum answer
build(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_machine *h = hv_sim_find_host(w, &c->host);
	struct hv_sim_dom *d, *was = hv_sim_find(w, &c->uuid);
	struct hv_sim_manner manner;
	const char *bad;

	if (h == NULL) {
		r->status = HV_NO_HOST;
		return NOW;
	}
	if (was != NULL && was->domid >= 0)
		return refuse(r, "the VM has a domain already");
	if (c->verb == HV_RESTORE && was == NULL)
		return refuse(r, "there is no suspend image of the VM");
	if ((bad = bad_build(c, h)) != NULL)
		return refuse(r, bad);
	r->status = HV_REFUSED;
	if (!hv_sim_manner_read(c->behaviour, &manner, r->text, sizeof r->text))
		return NOW;
	r->status = HV_OK;
	d = make(w, c, &manner);
	if (d == NULL)
		return refuse(r, "out of memory");
	if (d->pages + d->overhead_pages > hv_sim_avail(h)) {
		(void)short_of(r, d->pages + d->overhead_pages, h);
		free(d);
		return NOW;
	}
	d->booted = c->verb == HV_RESTORE; /* it was when it was suspended */
	return place(w, h, d, r);
}

/* ---- ending ---- */

/* ask - the guest is to shut down or reboot by itself */
static enum answer
ask(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	if (!d->running)
		return refuse(r, "the domain is paused");
	if (d->ask.verb != 0)
		return refuse(r, "the guest is shutting down already");
	if (d->manner.deaf)
		return refuse(r, "the guest does not answer");
	d->ask.verb = c->verb;
	d->ask.id = c->id;
	d->ask.answered = false;
	d->ask.left_ms = d->manner.shutdown_ms;
	hv_sim_dirty(w, d);
	return LATER;
}

static enum answer
destroy(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d != NULL)
		hv_sim_end(w, d, HV_END_HALTED);
	return NOW;
}

static enum answer
hard_reboot(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);
	int32_t was;

	if (d == NULL)
		return NOW;
	was = d->domid;
	if (!reboot(w, d))
		return refuse(r, "the host has no domain id left");
	r->domid = d->domid;
	answer_ask(w, &d->ask, HV_NO_DOMAIN, was);
	return NOW;
}

static enum answer
suspend(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	if (d->ask.verb != 0)
		return refuse(r, "the guest is shutting down already");
	if (!hv_sim_hears(d))
		return refuse(r, "the guest does not answer");
	hv_sim_say_gone(w, d->host, &d->uuid, d->domid, HV_END_SUSPENDED);
	hv_sim_count_end(w, d, HV_NO_DOMAIN);
	hv_sim_stats_drop(w, d);
	TAILQ_REMOVE(&d->host->doms, d, on_host);
	hv_sim_give_pages(d->host, d->pages + d->overhead_pages);
	hv_sim_rest(w, d);
	d->overhead_pages = 0;
	d->domid = -1;
	d->running = false;
	TAILQ_INSERT_TAIL(&w->images, d, on_host);
	hv_sim_dirty(w, d);
	return NOW;
}

static enum answer
forget(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = hv_sim_find(w, &c->uuid);

	r->domid = -1;
	if (d != NULL && d->domid < 0)
		hv_sim_end(w, d, HV_END_HALTED);
	return NOW;
}

/* ---- living ---- */

static enum answer
pause_it(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	d->age_ms = hv_sim_age_ms(d, w->now_ms);
	d->running = false;
	hv_sim_dirty(w, d);
	return NOW;
}

static enum answer
unpause(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	d->age_ms = hv_sim_age_ms(d, w->now_ms);
	d->since_ms = w->now_ms;
	d->running = true;
	hv_sim_dirty(w, d);
	return NOW;
}

/* migrate - both copies are in memory at once, for an instant */
static enum answer
migrate(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_machine *to = hv_sim_find_host(w, &c->dest), *from;
	struct hv_sim_dom *d = guest_of(w, c, r);
	int32_t was, domid;
	uint64_t pages;

	if (d == NULL)
		return NOW;
	if (to == NULL) {
		r->status = HV_NO_HOST;
		return NOW;
	}
	pages = d->pages + d->overhead_pages;
	if (pages > hv_sim_avail(to))
		return short_of(r, pages, to);
	if (d->type[0] != '\0' && strcmp(d->type, "pv") != 0 &&
	    (to->conf.flags & HV_H_HVM) == 0)
		return refuse(r, "that host has no hardware virtualisation");
	domid = hv_sim_new_domid(to);
	if (domid < 0)
		return refuse(r, "the host has no domain id left");
	hv_sim_count_end(w, d, HV_NO_DOMAIN);
	from = d->host;
	was = d->domid;
	hv_sim_take_pages(to, pages);
	hv_sim_give_pages(from, pages);
	TAILQ_REMOVE(&from->doms, d, on_host);
	TAILQ_INSERT_TAIL(&to->doms, d, on_host);
	d->host = to;
	d->domid = domid;
	r->domid = domid;
	hv_sim_dirty(w, d);
	hv_sim_report(w);
	hv_sim_say_gone(w, from, &d->uuid, was, HV_END_MIGRATED);
	return NOW;
}

/* ---- sizes ---- */

/*
 * move_target - maxmem goes with it; without a driver it only rises, and there
 * is nobody to read a target
 */
static void
move_target(struct hv_sim *w, struct hv_sim_dom *d, uint64_t target_kib)
{
	bool can = hv_sim_can_balloon(d);

	if (can || d->maxmem_kib < target_kib)
		d->maxmem_kib = target_kib;
	if (can)
		d->target_kib = target_kib;
	d->heard_pages = d->pages;
	hv_sim_dirty(w, d);
}

static enum answer
set_range(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = domain_of(w, c, r);
	const char *bad;
	uint64_t target_kib;

	if (d == NULL)
		return NOW;
	bad = bad_range(c, d->static_max_kib);
	if (bad != NULL)
		return refuse(r, bad);
	target_kib = c->target_kib != 0 ? c->target_kib : d->target_kib;
	if (c->target_kib == 0 && target_kib > c->dynamic_max_kib)
		target_kib = c->dynamic_max_kib;
	d->dynamic_min_kib = c->dynamic_min_kib;
	d->dynamic_max_kib = c->dynamic_max_kib;
	move_target(w, d, target_kib);
	return NOW;
}

static enum answer
set_target(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	if (c->target_kib > d->static_max_kib)
		return refuse(r, "the target is above static_max");
	move_target(w, d, c->target_kib);
	return NOW;
}

static enum answer
set_maxmem(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	d->maxmem_kib = c->maxmem_kib;
	hv_sim_dirty(w, d);
	return NOW;
}

static enum answer
set_offset(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	d->offset_kib = c->offset_kib;
	d->has_offset = true;
	hv_sim_dirty(w, d);
	return NOW;
}

static enum answer
mark(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	d->uncooperative = c->flag != 0;
	hv_sim_dirty(w, d);
	return NOW;
}

/* claim - building takes no time here: nothing has to be kept for it */
static enum answer
claim(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);
	uint64_t pages;

	if (d == NULL)
		return NOW;
	pages = hv_sim_pages_of_kib(c->claim_kib);
	if (pages > d->pages && pages - d->pages > hv_sim_avail(d->host))
		return short_of(r, pages - d->pages, d->host);
	return NOW;
}

static enum answer
set_shadow(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);
	uint64_t kib, pages;

	if (d == NULL)
		return NOW;
	kib = d->overhead_kib - d->shadow_kib + c->shadow_kib;
	pages = hv_sim_pages_of_kib(kib);
	if (pages > d->overhead_pages) {
		uint64_t more = pages - d->overhead_pages;
		if (more > hv_sim_avail(d->host))
			return short_of(r, more, d->host);
		hv_sim_take_pages(d->host, more);
	} else if (pages < d->overhead_pages) {
		hv_sim_give_pages(d->host, d->overhead_pages - pages);
	}
	d->overhead_pages = pages;
	d->overhead_kib = kib;
	d->shadow_kib = c->shadow_kib;
	hv_sim_dirty(w, d);
	return NOW;
}

static enum answer
set_vcpus(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d == NULL)
		return NOW;
	if (c->vcpus == 0 || c->vcpus > VCPUS_MAX)
		return refuse(r, "vcpus is not in 1..8192");
	d->vcpus = c->vcpus;
	hv_sim_dirty(w, d);
	return NOW;
}

/* ---- what it can tell ---- */

static enum answer
poll_it(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = domain_of(w, c, r);

	if (d != NULL)
		r->status = hv_sim_stats_poll(w, d, c->seconds);
	return NOW;
}

static enum answer
count(struct hv_sim *w, const struct hv_command *c, struct hv_result *r)
{
	struct hv_sim_dom *d = guest_of(w, c, r);

	if (d != NULL)
		r->status = hv_sim_count(w, d, c);
	return NOW;
}

/* ---- by verb ---- */

typedef enum answer verb_f(
    struct hv_sim *w, const struct hv_command *c, struct hv_result *r);

static verb_f *const verbs[] = {
    [HV_BUILD] = build,
    [HV_RESTORE] = build,
    [HV_SHUTDOWN] = ask,
    [HV_DESTROY] = destroy,
    [HV_CLEAN_REBOOT] = ask,
    [HV_HARD_REBOOT] = hard_reboot,
    [HV_PAUSE] = pause_it,
    [HV_UNPAUSE] = unpause,
    [HV_SUSPEND] = suspend,
    [HV_MIGRATE] = migrate,
    [HV_SET_RANGE] = set_range,
    [HV_SET_SHADOW] = set_shadow,
    [HV_SET_VCPUS] = set_vcpus,
    [HV_FORGET] = forget,
    [HV_SET_TARGET] = set_target,
    [HV_SET_MAXMEM] = set_maxmem,
    [HV_SET_OFFSET] = set_offset,
    [HV_MARK] = mark,
    [HV_CLAIM] = claim,
    [HV_POLL] = poll_it,
    [HV_DIRTY] = count,
};

void
hv_sim_command(struct hv_sim *w, const struct hv_command *c)
{
	struct hv_result r;
	enum answer answer;

	memset(&r, 0, sizeof r);
	r.id = c->id;
	r.domid = -1;
	answer = verbs[c->verb](w, c, &r);
	hv_sim_run(w, 0);
	hv_sim_report(w);
	if (answer == NOW)
		hv_sim_say_result(w, &r);
}
