/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_xen_keys.h"

#define KIB_MAX (1ull << 53) /* as hv_msg_check has it */
#define KIB_DIGITS 16
#define DOMID_END 0x7ff0 /* first id that Xen keeps for itself */

/* The requests of a domain's batch, in order. */
enum key {
	NAME,
	TYPE,
	XL_TYPE,
	TARGET,
	STATIC_MAX,
	DYNAMIC_MIN,
	DYNAMIC_MAX,
	OFFSET,
	UNCOOPERATIVE,
	BALLOON,
	KERNEL,
	AGENT,
	KEYS
};

static const char *const paths[KEYS] = {
    [NAME] = "/local/domain/%u/name",
    [TYPE] = "/local/domain/%u/domain-type",
    [XL_TYPE] = "/libxl/%u/type",
    [TARGET] = "/local/domain/%u/memory/target",
    [STATIC_MAX] = "/local/domain/%u/memory/static-max",
    [DYNAMIC_MIN] = "/local/domain/%u/memory/dynamic-min",
    [DYNAMIC_MAX] = "/local/domain/%u/memory/dynamic-max",
    [OFFSET] = "/local/domain/%u/memory/memory-offset",
    [UNCOOPERATIVE] = "/local/domain/%u/memory/uncooperative",
    [BALLOON] = "/local/domain/%u/control/feature-balloon",
    [KERNEL] = "/local/domain/%u/control/feature-poweroff",
    [AGENT] = "/local/domain/%u/data/updated",
};

/* A watch for each part that changes; the whole of memory with one. */
static const char *const watched[] = {
    "/local/domain/%u/memory",
    "/local/domain/%u/name",
    "/local/domain/%u/control/feature-balloon",
    "/local/domain/%u/control/feature-poweroff",
    "/local/domain/%u/data/updated",
};
#define WATCHES (sizeof watched / sizeof watched[0])

void
hv_xs_begin(struct hv_xs_batch *b, enum hv_xs_what what)
{
	memset(b, 0, sizeof *b);
	b->what = (int32_t)what;
}

struct hv_xs_op *
hv_xs_add(struct hv_xs_batch *b, enum hv_xs_kind kind, const char *fmt, ...)
{
	struct hv_xs_op *op;
	va_list ap;
	int n;

	if (b->n == HV_XS_OPS_MAX)
		return NULL;
	op = &b->op[b->n];
	memset(op, 0, sizeof *op);
	op->kind = (int32_t)kind;
	va_start(ap, fmt);
	n = vsnprintf(op->path, sizeof op->path, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof op->path)
		return NULL;
	b->n++;
	return op;
}

/* ---- values ---- */

bool
hv_xen_kib_parse(const char *text, uint64_t *kib_out)
{
	size_t n = strlen(text);
	uint64_t kib = 0;

	if (n == 0 || n > KIB_DIGITS)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		kib = kib * 10 + (uint64_t)(text[i] - '0');
	}
	if (kib > KIB_MAX)
		return false;
	*kib_out = kib;
	return true;
}

/* number - an answered request as KiB */
static bool
number(const struct hv_xs_op *op, uint64_t *kib_out)
{
	return op->status == HV_XS_OK && hv_xen_kib_parse(op->value, kib_out);
}

/* offset - the same, with a sign */
static bool
offset(const struct hv_xs_op *op, int64_t *kib_out)
{
	bool minus = op->status == HV_XS_OK && op->value[0] == '-';
	uint64_t kib;

	if (op->status != HV_XS_OK ||
	    !hv_xen_kib_parse(op->value + (minus ? 1 : 0), &kib))
		return false;
	*kib_out = minus ? -(int64_t)kib : (int64_t)kib;
	return true;
}

/* copy_name - if people and logs can bear it: no control characters */
static void
copy_name(struct hv_xen_keys *k, const struct hv_xs_op *op)
{
	size_t n = strlen(op->value);

	if (op->status != HV_XS_OK || !hv_utf8_ok(op->value, n))
		return;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)op->value[i] < 0x20 || op->value[i] == 0x7f)
			return;
	memcpy(k->name, op->value, n + 1);
}

/* copy_type - as the IDL spells it, if it is one we know */
static void
copy_type(struct hv_xen_keys *k, const struct hv_xs_op *op)
{
	static const char *const types[][2] = {{"hvm", "hvm"}, {"pv", "pv"},
	    {"pvh", "pvh"}, {"pv-in-pvh", "pv_in_pvh"}};

	if (op->status != HV_XS_OK)
		return;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(op->value, types[i][0]) == 0)
			(void)snprintf(
			    k->type, sizeof k->type, "%s", types[i][1]);
}

/*
 * has_balloon - is its balloon driver there?
 *
 * xl lets no guest write feature-balloon, so that its absence says nothing.
 * What xl does let it write is feature-poweroff, and a Linux kernel does when
 * its Xen drivers are up: the balloon driver is one of them.
 */
static bool
has_balloon(const struct hv_xs_op *op)
{
	return op[BALLOON].status != HV_XS_MISSING ||
	       (op[XL_TYPE].status == HV_XS_OK &&
		   op[KERNEL].status == HV_XS_OK &&
		   strcmp(op[KERNEL].value, "1") == 0);
}

/* ---- batches ---- */

void
hv_xen_keys_ask(struct hv_xs_batch *b, uint32_t domid)
{
	hv_xs_begin(b, HV_XS_DO);
	for (size_t i = 0; i < KEYS; i++)
		(void)hv_xs_add(b, HV_XS_GET, paths[i], domid);
}

bool
hv_xen_keys_read(struct hv_xen_keys *k, const struct hv_xs_batch *b)
{
	const struct hv_xs_op *op = b->op;
	bool known = false;

	memset(k, 0, sizeof *k);
	for (size_t i = 0; i < KEYS; i++)
		known = known || op[i].status != HV_XS_MISSING;
	copy_name(k, &op[NAME]);
	copy_type(k, &op[XL_TYPE]);
	copy_type(k, &op[TYPE]);
	k->has_target = number(&op[TARGET], &k->target_kib);
	k->has_static_max = number(&op[STATIC_MAX], &k->static_max_kib);
	k->has_min = number(&op[DYNAMIC_MIN], &k->min_kib);
	k->has_max = number(&op[DYNAMIC_MAX], &k->max_kib);
	k->has_offset = offset(&op[OFFSET], &k->offset_kib);
	k->uncooperative = op[UNCOOPERATIVE].status != HV_XS_MISSING;
	k->balloon = has_balloon(op);
	k->agent = op[AGENT].status != HV_XS_MISSING;
	return known;
}

/* each_watch - all of a domain's watches in a batch */
static void
each_watch(struct hv_xs_batch *b, uint32_t domid, enum hv_xs_kind kind)
{
	struct hv_xs_op *op;

	hv_xs_begin(b, HV_XS_DO);
	for (size_t i = 0; i < WATCHES; i++) {
		op = hv_xs_add(b, kind, watched[i], domid);
		if (op != NULL)
			(void)snprintf(
			    op->value, sizeof op->value, "%u", domid);
	}
}

void
hv_xen_keys_watch(struct hv_xs_batch *b, uint32_t domid)
{
	each_watch(b, domid, HV_XS_WATCH);
}

void
hv_xen_keys_unwatch(struct hv_xs_batch *b, uint32_t domid)
{
	each_watch(b, domid, HV_XS_UNWATCH);
}

int32_t
hv_xen_keys_token(const char *token)
{
	uint64_t id;

	return hv_xen_kib_parse(token, &id) && id < DOMID_END ? (int32_t)id
							      : -1;
}
