/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_dirty.h"

#define WORD_BITS 64

/* ---- when ---- */

void
hv_dirty_begin(struct hv_dirty *d, const struct hv_command *c, int32_t domid,
    uint64_t now_ms)
{
	memset(d, 0, sizeof *d);
	d->said.uuid = c->uuid;
	d->said.id = c->id;
	d->said.domid = domid;
	d->said.is_on = 1;
	d->said.seconds = c->seconds;
	d->said.interval_s = c->interval_s;
	d->next_ms = now_ms + (uint64_t)c->interval_s * 1000;
	d->end_ms = now_ms + (uint64_t)c->seconds * 1000;
}

uint64_t
hv_dirty_left_ms(const struct hv_dirty *d, uint64_t now_ms)
{
	if (!d->said.is_on)
		return UINT64_MAX;
	return d->next_ms > now_ms ? d->next_ms - now_ms : 0;
}

void
hv_dirty_note(struct hv_dirty *d, uint64_t now_ms, uint64_t written_kib,
    uint64_t ever_kib)
{
	struct hv_dirtied *s = &d->said;
	uint64_t next_ms = d->next_ms + (uint64_t)s->interval_s * 1000;
	uint64_t late_ms = now_ms - d->next_ms;

	s->n++;
	s->written_kib = written_kib;
	if (ever_kib > s->ever_kib)
		s->ever_kib = ever_kib;
	s->is_on = d->next_ms < d->end_ms;
	if (next_ms > d->end_ms)
		next_ms = d->end_ms;
	d->next_ms = next_ms;
	if (s->is_on && next_ms <= now_ms)
		hv_dirty_shift(d, late_ms);
}

void
hv_dirty_shift(struct hv_dirty *d, uint64_t ms)
{
	d->next_ms += ms;
	d->end_ms += ms;
}

void
hv_dirty_end(struct hv_dirty *d, enum hv_status status)
{
	d->said.is_on = 0;
	d->said.status = (int32_t)status;
}

/* ---- what ---- */

bool
hv_dirty_map_init(struct hv_dirty_map *m, uint64_t pages)
{
	memset(m, 0, sizeof *m);
	m->words = (size_t)((pages + WORD_BITS - 1) / WORD_BITS);
	m->ever = calloc(m->words, sizeof *m->ever);
	return m->ever != NULL;
}

void
hv_dirty_map_fini(struct hv_dirty_map *m)
{
	free(m->ever);
	memset(m, 0, sizeof *m);
}

uint64_t
hv_dirty_map_add(struct hv_dirty_map *m, const uint64_t *written)
{
	uint64_t pages = 0, fresh;

	for (size_t i = 0; i < m->words; i++) {
		fresh = written[i] & ~m->ever[i];
		pages += (uint64_t)__builtin_popcountll(written[i]);
		m->ever_pages += (uint64_t)__builtin_popcountll(fresh);
		m->ever[i] |= fresh;
	}
	return pages;
}
