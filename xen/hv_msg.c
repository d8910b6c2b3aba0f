/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

/* Own */
#include "xen/hv.h"

#define AMOUNT_MAX_KIB (1ull << 53)
#define DOMID_MAX 0x7fff

/* Video memory and the like; and a sixteenth of its size. */
#define OFFSET_MOST_KIB (64 * 1024)

#define BYTES_WITH(member)                                                     \
	(offsetof(struct hv_msg, u) + sizeof(((struct hv_msg *)0)->u.member))

size_t
hv_msg_bytes(uint32_t type)
{
	switch (type) {
	case HV_HELLO:
		return BYTES_WITH(hello);
	case HV_HOST:
		return BYTES_WITH(host);
	case HV_DOMAIN:
		return BYTES_WITH(domain);
	case HV_GONE:
		return BYTES_WITH(gone);
	case HV_COMMAND:
		return BYTES_WITH(command);
	case HV_RESULT:
		return BYTES_WITH(result);
	case HV_HEALTH:
		return BYTES_WITH(health);
	case HV_STATS:
		return BYTES_WITH(stats);
	case HV_DIRTIED:
		return BYTES_WITH(dirtied);
	case HV_SYNCED:
	case HV_SYNC:
	case HV_QUIT:
		return offsetof(struct hv_msg, u);
	default:
		return 0;
	}
}

/* tail_bytes - bytes that must follow a lead byte; 0 for a bad one */
static size_t
tail_bytes(unsigned char lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef)
		return 2;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 3;
	return 0;
}

/* second_ok - no overlong form, no surrogate, nothing above U+10FFFF */
static bool
second_ok(unsigned char lead, unsigned char second)
{
	switch (lead) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

int64_t
hv_offset_kib(uint64_t actual_kib, uint64_t target_kib)
{
	int64_t kib = (int64_t)actual_kib - (int64_t)target_kib;
	int64_t most = OFFSET_MOST_KIB + (int64_t)(target_kib / 16);

	return kib > most || kib < -most ? 0 : kib;
}

bool
hv_utf8_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char lead = (unsigned char)s[i];
		if (lead < 0x80)
			continue;
		size_t tail = tail_bytes(lead);
		if (tail == 0 || tail >= n - i)
			return false;
		if (!second_ok(lead, (unsigned char)s[i + 1]))
			return false;
		for (; tail > 0; tail--)
			if (((unsigned char)s[++i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* text_ok - a NUL inside the room, valid UTF-8 before it */
static bool
text_ok(const char *s, size_t room)
{
	size_t n = strnlen(s, room);

	return n < room && hv_utf8_ok(s, n);
}

/* type_ok - a domain type as the IDL spells it, or none */
static bool
type_ok(const char *s, size_t room)
{
	static const char *const types[] = {
	    "", "hvm", "pv", "pv_in_pvh", "pvh", "unspecified"};

	if (strnlen(s, room) == room)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(s, types[i]) == 0)
			return true;
	return false;
}

static bool
domid_ok(int32_t domid)
{
	return domid >= -1 && domid <= DOMID_MAX;
}

static bool
offset_ok(int64_t kib)
{
	return kib <= (int64_t)AMOUNT_MAX_KIB &&
	       kib >= -(int64_t)AMOUNT_MAX_KIB;
}

static bool
host_ok(const struct hv_host *h)
{
	return text_ok(h->name, sizeof h->name) &&
	       text_ok(h->address, sizeof h->address) &&
	       h->total_kib <= AMOUNT_MAX_KIB &&
	       h->free_kib <= AMOUNT_MAX_KIB &&
	       h->scrub_kib <= AMOUNT_MAX_KIB &&
	       h->claimed_kib <= AMOUNT_MAX_KIB &&
	       h->boot_free_kib <= AMOUNT_MAX_KIB &&
	       (h->flags & ~(HV_H_HVM | HV_H_SAMPLED | HV_H_ESTIMATED |
			       HV_H_SAMPLING)) == 0;
}

static bool
domain_ok(const struct hv_domain *d)
{
	const uint32_t known = HV_D_RUNNING | HV_D_CONTROL | HV_D_BALLOON |
			       HV_D_SUSPENDED | HV_D_UNCOOPERATIVE |
			       HV_D_AGENT | HV_D_RANGE | HV_D_OFFSET;

	return domid_ok(d->domid) && (d->flags & ~known) == 0 &&
	       text_ok(d->name, sizeof d->name) &&
	       type_ok(d->domain_type, sizeof d->domain_type) &&
	       d->actual_kib <= AMOUNT_MAX_KIB &&
	       d->maxmem_kib <= AMOUNT_MAX_KIB &&
	       d->target_kib <= AMOUNT_MAX_KIB &&
	       d->dynamic_min_kib <= AMOUNT_MAX_KIB &&
	       d->dynamic_max_kib <= AMOUNT_MAX_KIB &&
	       d->static_max_kib <= AMOUNT_MAX_KIB &&
	       d->shadow_kib <= AMOUNT_MAX_KIB && offset_ok(d->offset_kib);
}

static bool
gone_ok(const struct hv_gone *g)
{
	return domid_ok(g->domid) && g->end >= HV_END_HALTED &&
	       g->end <= HV_END_MIGRATED;
}

static bool
command_ok(const struct hv_command *c)
{
	return c->verb >= HV_BUILD && c->verb <= HV_DIRTY &&
	       domid_ok(c->domid) && text_ok(c->name, sizeof c->name) &&
	       text_ok(c->behaviour, sizeof c->behaviour) &&
	       type_ok(c->domain_type, sizeof c->domain_type) &&
	       c->paused <= 1 && c->static_max_kib <= AMOUNT_MAX_KIB &&
	       c->dynamic_min_kib <= AMOUNT_MAX_KIB &&
	       c->dynamic_max_kib <= AMOUNT_MAX_KIB &&
	       c->target_kib <= AMOUNT_MAX_KIB &&
	       c->shadow_kib <= AMOUNT_MAX_KIB &&
	       c->overhead_kib <= AMOUNT_MAX_KIB &&
	       c->maxmem_kib <= AMOUNT_MAX_KIB &&
	       c->claim_kib <= AMOUNT_MAX_KIB && offset_ok(c->offset_kib) &&
	       c->flag <= 1 && c->seconds <= HV_SECONDS_MAX &&
	       (c->verb != HV_DIRTY || c->seconds == 0 ||
		   (c->seconds <= HV_DIRTY_MAX_S && c->interval_s >= 1 &&
		       c->interval_s <= c->seconds));
}

static bool
result_ok(const struct hv_result *r)
{
	return r->status >= HV_OK && r->status <= HV_LOST &&
	       domid_ok(r->domid) && r->needed_kib <= AMOUNT_MAX_KIB &&
	       r->free_kib <= AMOUNT_MAX_KIB &&
	       text_ok(r->text, sizeof r->text);
}

static bool
stats_ok(const struct hv_stats *s)
{
	if (s->n < 1 || s->n > HV_READINGS)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		for (int tag = 0; tag < HV_STATS_GUEST; tag++)
			if (s->reading[i].value[tag] < -1)
				return false;
	return true;
}

static bool
dirtied_ok(const struct hv_dirtied *d)
{
	return d->status >= HV_OK && d->status <= HV_LOST &&
	       domid_ok(d->domid) && d->is_on <= 1 &&
	       (!d->is_on || d->seconds > 0) && d->n <= HV_DIRTY_MAX_S &&
	       d->seconds <= HV_DIRTY_MAX_S && d->interval_s <= d->seconds &&
	       d->written_kib <= d->ever_kib && d->ever_kib <= AMOUNT_MAX_KIB;
}

bool
hv_msg_check(const struct hv_msg *m, size_t n)
{
	if (n < offsetof(struct hv_msg, u) || m->bytes != n ||
	    hv_msg_bytes(m->type) != n)
		return false;
	switch (m->type) {
	case HV_HELLO:
		return text_ok(m->u.hello.backend, sizeof m->u.hello.backend) &&
		       (m->u.hello.flags & ~(HV_W_BUILDS | HV_W_OBSERVES)) == 0;
	case HV_HOST:
		return host_ok(&m->u.host);
	case HV_DOMAIN:
		return domain_ok(&m->u.domain);
	case HV_GONE:
		return gone_ok(&m->u.gone);
	case HV_COMMAND:
		return command_ok(&m->u.command);
	case HV_RESULT:
		return result_ok(&m->u.result);
	case HV_STATS:
		return stats_ok(&m->u.stats);
	case HV_DIRTIED:
		return dirtied_ok(&m->u.dirtied);
	case HV_HEALTH:
		return text_ok(m->u.health.text, sizeof m->u.health.text);
	default:
		return true; /* no body */
	}
}

void
hv_msg_init(struct hv_msg *m, uint32_t type)
{
	memset(m, 0, sizeof *m);
	m->type = type;
	m->bytes = (uint32_t)hv_msg_bytes(type);
}
