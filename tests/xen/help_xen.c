/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* Own */
#include "model/units.h"
#include "tests/xen/help_xen.h"

static void trace(struct help_xen *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
trace(struct help_xen *h, const char *fmt, ...)
{
	size_t n = strlen(h->trace);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->trace + n, sizeof h->trace - n, fmt, ap);
	va_end(ap);
}

/* ---- Xen ---- */

struct hv_xc_domain *
help_xen_dom(struct help_xen *h, uint32_t domid)
{
	for (uint32_t i = 0; i < h->ndoms; i++)
		if (h->dom[i].domid == domid)
			return &h->dom[i];
	return NULL;
}

static void
list(struct help_xen *h, struct hv_xc_call *c)
{
	c->n = 0;
	for (uint32_t i = 0; i < h->ndoms && c->n < HV_XC_DOMAINS_MAX; i++)
		if (h->dom[i].domid >= c->domid)
			c->domain[c->n++] = h->dom[i];
}

static void
ask_xen(void *ctx, void *arg)
{
	struct help_xen *h = ctx;
	struct hv_xc_call *c = arg;
	struct hv_xc_domain *d = help_xen_dom(h, c->domid);

	c->error = c->what != h->xc_fail_what ? 0
		   : h->xc_fail_error != 0    ? h->xc_fail_error
					      : EIO;
	if (c->what == HV_XC_HOST || c->what == HV_XC_DOMAINS) {
		c->error = h->xc_error;
		c->host = h->host;
		if (c->what == HV_XC_DOMAINS)
			list(h, c);
		return;
	}
	if (d == NULL) {
		if (c->what == HV_XC_DIRTY_OFF) /* its pages are forgotten */
			h->logs_dirty = 0;
		c->error = ESRCH;
		return;
	}
	switch (c->what) {
	case HV_XC_SHADOW:
		c->amount = h->shadow_kib[d - h->dom];
		return;
	case HV_XC_SET_SHADOW:
		trace(h, "shadow %u %llu; ", c->domid,
		    (unsigned long long)c->amount);
		/* like Xen, which takes what there is before it fails */
		h->shadow_kib[d - h->dom] = c->amount * MIB_KIB;
		return;
	case HV_XC_SET_MAXMEM:
		trace(h, "maxmem %u %llu; ", c->domid,
		    (unsigned long long)c->amount);
		if (c->error == 0)
			d->max_pages = c->amount / PAGE_KIB;
		return;
	case HV_XC_CLAIM:
		trace(h, "claim %u %llu; ", c->domid,
		    (unsigned long long)c->amount);
		return;
	case HV_XC_PAUSE:
		trace(h, "pause %u; ", c->domid);
		d->flags |= HV_XC_D_PAUSED;
		return;
	case HV_XC_UNPAUSE:
		trace(h, "unpause %u; ", c->domid);
		d->flags &= ~HV_XC_D_PAUSED;
		return;
	case HV_XC_DIRTY_ON:
		if (h->has_no_log)
			c->error = EOPNOTSUPP;
		else if (h->logs_dirty == c->domid)
			c->error = EINVAL;
		else
			h->logs_dirty = c->domid;
		return;
	case HV_XC_DIRTY_COUNT:
		if (h->logs_dirty != c->domid)
			return;
		c->amount = h->dirty_pages;
		if (h->ever_pages < h->dirty_pages)
			h->ever_pages = h->dirty_pages;
		c->ever = h->ever_pages;
		return;
	case HV_XC_DIRTY_OFF:
		trace(h, "log off %u; ", c->domid);
		h->ever_pages = 0;
		if (c->error != ETIMEDOUT)
			h->logs_dirty = 0;
		return;
	default:
		cr_assert_fail("Xen is asked %d", c->what);
	}
}

/* ---- xenstore ---- */

static struct help_xen_key *
find(struct help_xen *h, const char *path)
{
	for (uint32_t i = 0; i < h->nkeys; i++)
		if (strcmp(h->key[i].path, path) == 0)
			return &h->key[i];
	return NULL;
}

/* fire_one - a watch's token waits to be heard, as long as there is room */
static void
fire_one(struct help_xen *h, const char *token)
{
	if (h->nfired < HV_XS_OPS_MAX)
		memcpy(h->fired[h->nfired++], token, sizeof h->fired[0]);
}

static void
fire(struct help_xen *h, const char *path)
{
	size_t n;

	for (uint32_t i = 0; i < h->nwatches; i++) {
		n = strlen(h->watch[i].path);
		if (strncmp(h->watch[i].path, path, n) == 0 &&
		    (path[n] == '\0' || path[n] == '/'))
			fire_one(h, h->watch[i].value);
	}
}

void
help_xen_set(struct help_xen *h, const char *path, const char *value)
{
	struct help_xen_key *k = find(h, path);

	if (value == NULL) {
		if (k != NULL)
			*k = h->key[--h->nkeys];
	} else {
		if (k == NULL) {
			cr_assert_lt(h->nkeys, HELP_XEN_KEYS);
			k = &h->key[h->nkeys++];
			(void)snprintf(k->path, sizeof k->path, "%s", path);
		}
		k->bad = strlen(value) >= sizeof k->value;
		(void)snprintf(k->value, sizeof k->value, "%s", value);
	}
	fire(h, path);
}

const char *
help_xen_get(struct help_xen *h, const char *path)
{
	const struct help_xen_key *k = find(h, path);

	return k != NULL ? k->value : NULL;
}

/* exists - a key, or a folder of keys */
static bool
exists(struct help_xen *h, const char *path)
{
	size_t n = strlen(path);

	for (uint32_t i = 0; i < h->nkeys; i++)
		if (strncmp(h->key[i].path, path, n) == 0 &&
		    (h->key[i].path[n] == '\0' || h->key[i].path[n] == '/'))
			return true;
	return false;
}

static int
do_op(struct help_xen *h, struct hv_xs_batch *b, struct hv_xs_op *op)
{
	const struct help_xen_key *k = find(h, op->path);
	const char *last = strrchr(op->path, '/');

	switch (op->kind) {
	case HV_XS_GET:
		op->status = k == NULL ? HV_XS_MISSING
			     : k->bad  ? HV_XS_BAD
				       : HV_XS_OK;
		if (op->status == HV_XS_OK)
			memcpy(op->value, k->value, sizeof op->value);
		return 0;
	case HV_XS_GET_TEXT:
		h->texts++;
		op->status = k == NULL ? HV_XS_MISSING
			     : k->bad  ? HV_XS_BAD
				       : HV_XS_OK;
		if (op->status == HV_XS_OK)
			(void)snprintf(b->text, sizeof b->text, "%s", k->value);
		return 0;
	case HV_XS_NEED:
		return exists(h, op->path) ? 0 : ENOENT;
	case HV_XS_SET:
		trace(h, "%s=%s; ", last + 1, op->value);
		help_xen_set(h, op->path, op->value);
		return 0;
	case HV_XS_DROP:
		trace(h, "drop %s; ", last + 1);
		help_xen_set(h, op->path, NULL);
		return 0;
	case HV_XS_WATCH:
		cr_assert_lt(h->nwatches, HELP_XEN_KEYS);
		memcpy(h->watch[h->nwatches].path, op->path, sizeof op->path);
		memcpy(
		    h->watch[h->nwatches++].value, op->value, sizeof op->value);
		fire_one(h, op->value);
		return 0;
	case HV_XS_UNWATCH:
		for (uint32_t i = 0; i < h->nwatches; i++)
			if (strcmp(h->watch[i].path, op->path) == 0) {
				h->watch[i] = h->watch[--h->nwatches];
				break;
			}
		return 0;
	default:
		cr_assert_fail("xenstore is asked %d", op->kind);
	}
	return EIO;
}

static void
ask_xenstore(void *ctx, void *arg)
{
	struct help_xen *h = ctx;
	struct hv_xs_batch *b = arg;

	b->fd = -1;
	if (h->xs_error != 0 && h->xs_answers > 0) {
		h->xs_answers--;
	} else {
		b->error = h->xs_error;
		if (b->error != 0)
			return;
	}
	if (b->what == HV_XS_OPEN) {
		h->nwatches = h->nfired = 0;
		if (h->silent)
			b->fd = eventfd(0, EFD_CLOEXEC); /* hv_xen's */
		return;
	}
	if (b->what == HV_XS_EVENTS) {
		for (b->n = 0; b->n < h->nfired; b->n++)
			(void)snprintf(b->op[b->n].value, sizeof b->op[0].value,
			    "%s", h->fired[b->n]);
		h->nfired = 0;
		return;
	}
	/* "/" is asked for a sign of life: no domain's */
	if (b->n > 0 && b->op[0].kind == HV_XS_GET &&
	    strcmp(b->op[0].path, "/") != 0)
		h->reads++;
	if (b->what == HV_XS_TOGETHER)
		trace(h, "begin; ");
	for (uint32_t i = 0; i < b->n && b->error == 0; i++)
		b->error = do_op(h, b, &b->op[i]);
	if (b->what == HV_XS_TOGETHER)
		trace(h, b->error == 0 ? "end; " : "abort; ");
}

/* ---- the test's side ---- */

void
help_xen_mem(
    struct help_xen *h, uint32_t domid, const char *key, const char *value)
{
	char path[HV_XS_PATH_BYTES];

	(void)snprintf(
	    path, sizeof path, "/local/domain/%u/memory/%s", domid, key);
	help_xen_set(h, path, value);
}

void
help_xen_add(struct help_xen *h, uint32_t domid, uint64_t kib)
{
	struct hv_xc_domain *d = &h->dom[h->ndoms++];
	char path[HV_XS_PATH_BYTES], text[32];

	cr_assert_leq(h->ndoms, HELP_XEN_DOMAINS);
	memset(d, 0, sizeof *d);
	d->domid = domid;
	d->flags = HV_XC_D_HVM;
	d->uuid = (struct hv_uuid){HELP_XEN_UUID, domid};
	d->pages = kib / PAGE_KIB;
	d->max_pages = (kib + 1024) / PAGE_KIB;
	d->vcpus = 1;
	d->vcpus_max = 2;
	h->shadow_kib[d - h->dom] = 2048;
	h->host.free_pages -= d->pages;
	(void)snprintf(path, sizeof path, "/local/domain/%u/name", domid);
	(void)snprintf(text, sizeof text, "guest%u", domid);
	help_xen_set(h, path, text);
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)kib);
	help_xen_mem(h, domid, "target", text);
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)kib * 2);
	help_xen_mem(h, domid, "static-max", text);
	(void)snprintf(path, sizeof path,
	    "/local/domain/%u/control/feature-balloon", domid);
	help_xen_set(h, path, "1");
}

void
help_xen_remove(struct help_xen *h, uint32_t domid)
{
	struct hv_xc_domain *d = help_xen_dom(h, domid);
	char path[HV_XS_PATH_BYTES];
	size_t n;

	cr_assert_not_null(d);
	h->host.free_pages += d->pages;
	memmove(d, d + 1, (size_t)(&h->dom[h->ndoms] - (d + 1)) * sizeof *d);
	h->ndoms--;
	(void)snprintf(path, sizeof path, "/local/domain/%u/", domid);
	n = strlen(path);
	for (uint32_t i = h->nkeys; i-- > 0;)
		if (strncmp(h->key[i].path, path, n) == 0)
			h->key[i] = h->key[--h->nkeys];
}

static void
up(void *ctx, const struct hv_msg *m)
{
	struct help_xen *h = ctx;

	cr_expect(hv_msg_check(m, m->bytes), "type %u may be sent", m->type);
	if (h->n == h->room) {
		h->room = h->room == 0 ? 64 : h->room * 2;
		h->log = realloc(h->log, h->room * sizeof *h->log);
		cr_assert_not_null(h->log);
	}
	memset(&h->log[h->n], 0, sizeof *m);
	memcpy(&h->log[h->n++], m, m->bytes);
}

static const char *
rival(void *ctx)
{
	return ((struct help_xen *)ctx)->rival;
}

void
help_xen_init(struct help_xen *h)
{
	memset(h, 0, sizeof *h);
	h->host.total_pages = 2097152;
	h->host.free_pages = 1800000;
	h->host.cpus = 4;
	h->host.flags = HV_XC_H_HVM;
	h->dom[0].pages = h->dom[0].max_pages = 262144;
	h->dom[0].vcpus = h->dom[0].vcpus_max = 4;
	h->ndoms = 1;
	help_xen_set(h, "/local/domain/0/name", "Domain-0");
	h->conf.xc = (struct hv_xc){ask_xen, h};
	h->conf.xs = (struct hv_xs){ask_xenstore, h};
	h->conf.names.epoch = (struct hv_uuid){1, 2};
	h->conf.names.host = (struct hv_uuid){3, 4};
	h->conf.names.dom0 = (struct hv_uuid){5, 6};
	(void)snprintf(h->conf.names.name, HV_NAME_BYTES, "box");
	h->conf.rival = rival;
	h->conf.rival_ctx = h;
}

void
help_xen_open(struct help_xen *h)
{
	char why[500] = "";
	struct hv_msg m;

	cr_assert_eq(
	    hv_xen_open(&h->x, &h->conf, why, sizeof why), 0, "%s", why);
	hv_xen_attach(h->x, up, h);
	hv_msg_init(&m, HV_SYNC);
	hv_xen_take(h->x, &m);
}

void
help_xen_close(struct help_xen *h)
{
	hv_xen_close(&h->x);
	free(h->log);
}

void
help_xen_pass(struct help_xen *h, uint64_t ms)
{
	int64_t next;
	uint64_t step;

	do {
		next = hv_xen_next_ms(h->x);
		step = next >= 0 && (uint64_t)next < ms ? (uint64_t)next : ms;
		/* watches wake it at once */
		if (h->nfired > 0 || (step == 0 && ms > 0))
			step = 1;
		hv_xen_step(h->x, step);
		ms -= step;
	} while (ms > 0);
}

const struct hv_domain *
help_xen_said(struct help_xen *h, uint32_t domid)
{
	for (size_t i = h->n; i-- > 0;) {
		const struct hv_msg *m = &h->log[i];
		if (m->type == HV_GONE && m->u.gone.domid == (int32_t)domid)
			return NULL;
		if (m->type == HV_DOMAIN && m->u.domain.domid == (int32_t)domid)
			return &m->u.domain;
	}
	return NULL;
}

/* latest - the last message of a type */
static const struct hv_msg *
latest(struct help_xen *h, uint32_t type)
{
	for (size_t i = h->n; i-- > 0;)
		if (h->log[i].type == type)
			return &h->log[i];
	return NULL;
}

const struct hv_host *
help_xen_host(struct help_xen *h)
{
	const struct hv_msg *m = latest(h, HV_HOST);

	cr_assert_not_null(m);
	return &m->u.host;
}

size_t
help_xen_count(struct help_xen *h, uint32_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += h->log[i].type == type;
	return n;
}

const char *
help_xen_health(struct help_xen *h)
{
	const struct hv_msg *m = latest(h, HV_HEALTH);

	return m != NULL ? m->u.health.text : "";
}

struct hv_command
help_xen_command(enum hv_verb verb, uint32_t domid)
{
	struct hv_command c;

	memset(&c, 0, sizeof c);
	c.verb = (int32_t)verb;
	c.domid = (int32_t)domid;
	c.uuid = (struct hv_uuid){HELP_XEN_UUID, domid};
	return c;
}

uint64_t
help_xen_send(struct help_xen *h, const struct hv_command *c)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command = *c;
	m.u.command.id = ++h->last_id;
	cr_assert(hv_msg_check(&m, m.bytes));
	h->trace[0] = '\0';
	hv_xen_take(h->x, &m);
	return h->last_id;
}

struct hv_result
help_xen_do(struct help_xen *h, const struct hv_command *c)
{
	uint64_t id = help_xen_send(h, c);

	cr_assert_eq(h->log[h->n - 1].type, HV_RESULT, "the answer comes last");
	cr_assert_eq(h->log[h->n - 1].u.result.id, id);
	return h->log[h->n - 1].u.result;
}
