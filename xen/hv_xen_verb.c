/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/units.h"

/* Own */
#include "xen/hv_xen_count.h"
#include "xen/hv_xen_stats.h"

#define VCPUS_MAX 8192 /* Xen's MAX_VIRT_CPUS */

/* ---- refusals ---- */

/* refuse - with a sentence */
static void
refuse(struct hv_result *r, const char *text)
{
	r->status = HV_REFUSED;
	(void)snprintf(r->text, sizeof r->text, "%s", text);
}

bool
hv_xen_settle(struct hv_result *r, int e, const char *what)
{
	switch (e) {
	case 0:
		return true;
	case ENOENT: /* its keys are gone */
	case ESRCH:  /* ... and it is */
		r->status = HV_NO_DOMAIN;
		return false;
	default:
		r->status = HV_REFUSED;
		(void)snprintf(r->text, sizeof r->text, "%s: %s", what,
		    e == ETIMEDOUT    ? "no answer in time"
		    : e == ECONNRESET ? "there is no connection"
				      : strerrordesc_np(e));
		return false;
	}
}

/* ---- Xen ---- */

/* tell_xen - one call about a domain */
static bool
tell_xen(struct hv_xen *x, const struct hv_xen_dom *d, int what,
    uint64_t amount, const char *name, struct hv_result *r)
{
	struct hv_xc_call c;

	memset(&c, 0, sizeof c);
	c.what = what;
	c.domid = d->xen.domid;
	c.amount = amount;
	return hv_xen_settle(r, hv_xen_xc(x, &c), name);
}

/* set_maxmem - so much, beside Xen's own extra */
static bool
set_maxmem(struct hv_xen *x, const struct hv_xen_dom *d, uint64_t kib,
    struct hv_result *r)
{
	return tell_xen(
	    x, d, HV_XC_SET_MAXMEM, kib + XEN_EXTRA_KIB, "setmaxmem", r);
}

/* ---- xenstore ---- */

/* begin - changes of a domain's keys, all or none, while it is there */
static void
begin(struct hv_xs_batch *b, const struct hv_xen_dom *d)
{
	memset(b, 0, sizeof *b);
	b->what = HV_XS_TOGETHER;
	(void)hv_xs_add(b, HV_XS_NEED, "/local/domain/%u", d->xen.domid);
}

/* put - one of its memory keys is to be this */
static void
put(struct hv_xs_batch *b, const struct hv_xen_dom *d, const char *key,
    int64_t kib)
{
	struct hv_xs_op *op = hv_xs_add(
	    b, HV_XS_SET, "/local/domain/%u/memory/%s", d->xen.domid, key);

	if (op != NULL)
		(void)snprintf(
		    op->value, sizeof op->value, "%lld", (long long)kib);
}

/* commit - do it; the keys are read again */
static bool
commit(struct hv_xen *x, struct hv_xen_dom *d, struct hv_xs_batch *b,
    struct hv_result *r)
{
	d->dirty = true;
	d->gap_ms = 0; /* at once: it was not the guest */
	return hv_xen_settle(r, hv_xen_xs(x, b), "xenstore");
}

/* ---- sizes ---- */

/* limit_for - the maxmem that goes with a target */
static uint64_t
limit_for(const struct hv_xen_dom *d, uint64_t target_kib)
{
	int64_t offset = d->keys.has_offset ? d->keys.offset_kib : 0;

	if (offset < 0 && (uint64_t)-offset > target_kib)
		return 0;
	return offset < 0 ? target_kib - (uint64_t)-offset
			  : target_kib + (uint64_t)offset;
}

/*
 * resize - write the keys, with maxmem in the safe order (spec E.3)
 *
 * Raising, Xen must allow the memory before the guest is told to take it;
 * lowering, the guest is told before the limit falls.  Without a balloon
 * driver there is nobody to obey: the limit never falls.
 */
static void
resize(struct hv_xen *x, struct hv_xen_dom *d, struct hv_xs_batch *b,
    uint64_t target_kib, struct hv_result *r)
{
	uint64_t now = hv_xen_maxmem(d), limit = limit_for(d, target_kib);

	if (limit > now && !set_maxmem(x, d, limit, r))
		return;
	if (!commit(x, d, b, r))
		return;
	if (limit < now && d->keys.balloon)
		(void)set_maxmem(x, d, limit, r);
}

/* bad_size - why it cannot be given such a target, or NULL */
static const char *
bad_size(const struct hv_xen_dom *d, uint64_t target_kib)
{
	if (target_kib == 0)
		return "the target is nothing";
	if (d->keys.has_static_max && target_kib > d->keys.static_max_kib)
		return "the target is above static_max";
	return NULL;
}

/* set_target - the target alone */
static void
set_target(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	const char *bad = bad_size(d, c->target_kib);
	struct hv_xs_batch b;

	if (bad != NULL) {
		refuse(r, bad);
		return;
	}
	begin(&b, d);
	if (d->keys.balloon)
		put(&b, d, "target", (int64_t)c->target_kib);
	resize(x, d, &b, c->target_kib, r);
}

/* bad_range - why such bounds cannot be, or NULL */
static const char *
bad_range(const struct hv_xen_dom *d, const struct hv_command *c)
{
	if (c->dynamic_min_kib > c->dynamic_max_kib)
		return "dynamic_min is above dynamic_max";
	if (d->keys.has_static_max &&
	    c->dynamic_max_kib > d->keys.static_max_kib)
		return "dynamic_max is above static_max";
	return NULL;
}

/*
 * put_offset - what it holds above its target, if nobody has said it yet
 *
 * It is to be known before the first target of ours: afterwards what is still
 * to be given back would look like an offset.
 */
static void
put_offset(struct hv_xs_batch *b, const struct hv_xen_dom *d)
{
	uint64_t target_kib = hv_xen_target(d);

	if (!d->keys.has_offset)
		put(b, d, "memory-offset",
		    hv_offset_kib(d->xen.pages * PAGE_KIB, target_kib));
}

/* set_range - the bounds, and a target that lies between them */
static void
set_range(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	uint64_t target_kib = c->target_kib;
	const char *bad = bad_range(d, c);
	struct hv_xs_batch b;

	if (target_kib == 0) {
		target_kib = hv_xen_target(d);
		if (target_kib > c->dynamic_max_kib)
			target_kib = c->dynamic_max_kib;
	}
	if (bad == NULL)
		bad = bad_size(d, target_kib);
	if (bad != NULL) {
		refuse(r, bad);
		return;
	}
	begin(&b, d);
	put(&b, d, "dynamic-min", (int64_t)c->dynamic_min_kib);
	put(&b, d, "dynamic-max", (int64_t)c->dynamic_max_kib);
	if (d->keys.balloon) {
		put_offset(&b, d);
		put(&b, d, "target", (int64_t)target_kib);
	}
	resize(x, d, &b, target_kib, r);
}

/* set_limit - maxmem alone */
static void
set_limit(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	(void)set_maxmem(x, d, c->maxmem_kib, r);
}

/* set_offset - what it holds above its target when it obeys */
static void
set_offset(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	struct hv_xs_batch b;

	begin(&b, d);
	put(&b, d, "memory-offset", c->offset_kib);
	(void)commit(x, d, &b, r);
}

/* mark - it is uncooperative, or not */
static void
mark(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	struct hv_xs_batch b;

	begin(&b, d);
	(void)hv_xs_add(&b, c->flag != 0 ? HV_XS_SET : HV_XS_DROP,
	    "/local/domain/%u/memory/uncooperative", d->xen.domid);
	(void)commit(x, d, &b, r);
}

/* short_of - so much more is not there */
static void
short_of(struct hv_xen *x, uint64_t more_kib, struct hv_result *r)
{
	memset(r->text, 0, sizeof r->text);
	r->status = HV_NO_MEMORY;
	r->needed_kib = more_kib;
	r->free_kib = (x->host.free_pages + x->host.scrub_pages) * PAGE_KIB;
}

/*
 * set_shadow - its pool for page tables, whole MiB
 *
 * Xen takes what there is before it says that there is not enough: that is
 * given back.
 */
static void
set_shadow(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	uint64_t was_mib = mib_of_kib_used(d->shadow_kib);
	uint64_t mib = mib_of_kib_used(c->shadow_kib);
	uint64_t more_kib = 0;
	struct hv_result back;

	if ((d->xen.flags & HV_XC_D_HVM) == 0) {
		refuse(r, "a pv domain has no shadow memory");
		return;
	}
	if (mib * MIB_KIB > d->shadow_kib)
		more_kib = mib * MIB_KIB - d->shadow_kib;
	(void)hv_xen_see_host(x); /* its free memory now */
	if (more_kib / PAGE_KIB > x->host.free_pages + x->host.scrub_pages) {
		short_of(x, more_kib, r);
		return;
	}
	d->shadow_ms = 0; /* read again at once */
	if (tell_xen(x, d, HV_XC_SET_SHADOW, mib, "shadow allocation", r) ||
	    r->status != HV_REFUSED || more_kib == 0)
		return;
	memset(&back, 0, sizeof back);
	(void)tell_xen(x, d, HV_XC_SET_SHADOW, was_mib, "", &back);
	(void)hv_xen_see_host(x);
	short_of(x, more_kib, r);
}

/* claim - pages for a domain that is being built */
static void
claim(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	uint64_t pages = (c->claim_kib + PAGE_KIB - 1) / PAGE_KIB;

	(void)tell_xen(x, d, HV_XC_CLAIM, pages, "claim", r);
}

/* ---- virtual processors ---- */

/* set_vcpus - the guest is told which of its processors it may use */
static void
set_vcpus(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	uint32_t all = d->xen.vcpus_max;
	struct hv_xs_batch b;
	struct hv_xs_op *op;

	if (c->vcpus == 0 || c->vcpus > all || all > VCPUS_MAX) {
		refuse(r, "so many virtual processors it does not have");
		return;
	}
	for (uint32_t i = 0; i < all;) {
		begin(&b, d);
		for (; i < all && b.n < HV_XS_OPS_MAX; i++) {
			op = hv_xs_add(&b, HV_XS_SET,
			    "/local/domain/%u/cpu/%u/availability",
			    d->xen.domid, i);
			if (op != NULL)
				(void)snprintf(op->value, sizeof op->value,
				    "%s", i < c->vcpus ? "online" : "offline");
		}
		if (!commit(x, d, &b, r))
			return;
	}
}

/* ---- stopping and going on ---- */

/* pause_it - its processors stop */
static void
pause_it(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	(void)c;
	if ((d->xen.flags & HV_XC_D_PAUSED) == 0)
		(void)tell_xen(x, d, HV_XC_PAUSE, 0, "pause", r);
}

/* unpause - they go on */
static void
unpause(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	(void)c;
	if ((d->xen.flags & HV_XC_D_PAUSED) != 0)
		(void)tell_xen(x, d, HV_XC_UNPAUSE, 0, "unpause", r);
}

/* ---- what it can tell ---- */

/* poll_it - ask its guest for statistics from now on, or no more */
static void
poll_it(struct hv_xen *x, struct hv_xen_dom *d, const struct hv_command *c,
    struct hv_result *r)
{
	r->status = hv_xen_stats_poll(x, d, c->seconds);
}

/* ---- by verb ---- */

typedef void verb_f(struct hv_xen *x, struct hv_xen_dom *d,
    const struct hv_command *c, struct hv_result *r);

#define GUESTS 0x1u  /* not for the control domain */
#define WATCHES 0x2u /* also where another manages memory */

/* What is not here needs a domain builder: the toolstack's. */
static const struct {
	verb_f *f;
	unsigned how; /* GUESTS, WATCHES */
} verbs[] = {
    [HV_PAUSE] = {pause_it, GUESTS},
    [HV_UNPAUSE] = {unpause, GUESTS},
    [HV_SET_RANGE] = {set_range, GUESTS},
    [HV_SET_SHADOW] = {set_shadow, GUESTS},
    [HV_SET_VCPUS] = {set_vcpus, GUESTS},
    [HV_SET_TARGET] = {set_target, GUESTS},
    [HV_SET_MAXMEM] = {set_limit, GUESTS},
    [HV_SET_OFFSET] = {set_offset, 0},
    [HV_MARK] = {mark, 0},
    [HV_CLAIM] = {claim, GUESTS},
    [HV_POLL] = {poll_it, WATCHES},
    [HV_DIRTY] = {hv_xen_count, GUESTS},
};

/* run - do it, or say why not */
static void
run(struct hv_xen *x, const struct hv_command *c, struct hv_result *r)
{
	struct hv_xen_dom *d;

	if ((size_t)c->verb >= sizeof verbs / sizeof *verbs ||
	    verbs[c->verb].f == NULL) {
		r->status = HV_UNSUPPORTED;
		return;
	}
	if (x->rival != NULL && (verbs[c->verb].how & WATCHES) == 0) {
		r->status = HV_REFUSED;
		(void)snprintf(r->text, sizeof r->text,
		    "%s manages the memory of this host", x->rival);
		return;
	}
	d = hv_xen_find(x, &c->uuid, c->domid);
	if (d == NULL) {
		r->status = HV_NO_DOMAIN;
		return;
	}
	r->domid = (int32_t)d->xen.domid;
	if (d->xen.domid == 0 && (verbs[c->verb].how & GUESTS) != 0) {
		refuse(r, "this cannot be done to the control domain");
		return;
	}
	verbs[c->verb].f(x, d, c, r);
}

void
hv_xen_command(struct hv_xen *x, const struct hv_command *c)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_RESULT);
	m.u.result.id = c->id;
	m.u.result.domid = -1;
	run(x, c, &m.u.result);
	/* the facts that it caused come first */
	(void)hv_xen_look(x);
	hv_xen_soon(x);
	hv_xen_say(x, &m);
}
