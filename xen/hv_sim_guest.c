/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include "xen/hv_sim_priv.h"

#define NUMBER_MAX (1ull << 40)
#define SIM_LIE_PAGES 256 /* what a liar gives up at most */

/* ---- reading ---- */

/* number - a decimal number up to NUMBER_MAX at *s; false: none there */
static bool
number(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > NUMBER_MAX)
			return false;
	}
	*s = p;
	*out = v;
	return true;
}

enum kind { FLAG, AMOUNT, AMOUNT_NOT_ZERO, SHARE };

struct word {
	const char *key; /* with its '=' */
	enum kind kind;
	size_t offset; /* of a bool or a uint64_t */
};

#define AT(member) offsetof(struct hv_sim_manner, member)

static const struct word words[] = {
    {"boot_ms=", AMOUNT, AT(boot_ms)},
    {"rate_kib_s=", AMOUNT_NOT_ZERO, AT(rate_kib_s)},
    {"limit_kib=", AMOUNT, AT(limit_kib)},
    {"offset_kib=", AMOUNT, AT(offset_kib)},
    {"stuck", FLAG, AT(stuck)},
    {"stuck_ms=", SHARE, AT(stuck_ms)},
    {"growing", FLAG, AT(growing)},
    {"lying", FLAG, AT(lying)},
    {"no_balloon", FLAG, AT(no_balloon)},
    {"vanish_ms=", AMOUNT_NOT_ZERO, AT(vanish_ms)},
    {"shutdown_ms=", AMOUNT, AT(shutdown_ms)},
    {"deaf", FLAG, AT(deaf)},
    {"used_kib=", AMOUNT, AT(used_kib)},
    {"wss_kib=", AMOUNT, AT(wss_kib)},
    {"walk_kib_s=", AMOUNT, AT(walk_kib_s)},
    {"silent", FLAG, AT(silent)},
    {"lies", FLAG, AT(lies)},
};

/* word_of - the row of a word of n bytes; value_out: behind its '=' */
static const struct word *
word_of(const char *s, size_t n, const char **value_out)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		const struct word *k = &words[i];
		size_t len = strlen(k->key);
		if (n < len || memcmp(s, k->key, len) != 0)
			continue;
		if (k->kind == FLAG && n != len)
			continue;
		*value_out = s + len;
		return k;
	}
	return NULL;
}

/* value - read what follows; true when it ends where the word does */
static bool
value(const struct word *k, const char *s, const char *end,
    struct hv_sim_manner *m)
{
	unsigned char *at = (unsigned char *)m + k->offset;
	uint64_t v = 0, of = 0;
	bool yes = true;

	if (k->kind == FLAG) {
		memcpy(at, &yes, sizeof yes);
		return true;
	}
	if (!number(&s, &v))
		return false;
	if (k->kind == AMOUNT_NOT_ZERO && v == 0)
		return false;
	memcpy(at, &v, sizeof v);
	if (k->kind != SHARE)
		return s == end;
	if (*s++ != '/' || !number(&s, &of) || of == 0 || v >= of)
		return false;
	m->stuck_of_ms = of;
	return s == end;
}

bool
hv_sim_manner_read(const char *behaviour, struct hv_sim_manner *m_out,
    char *text, size_t bytes)
{
	struct hv_sim_manner m;
	const char *s = behaviour;

	memset(&m, 0, sizeof m);
	while (*(s += strspn(s, " ")) != '\0') {
		size_t n = strcspn(s, " ");
		const char *at = NULL;
		const struct word *k = word_of(s, n, &at);
		if (k == NULL || !value(k, at, s + n, &m)) {
			size_t shown = strcspn(s, "= ");
			if (shown > 64 || !hv_utf8_ok(s, shown))
				shown = 0;
			(void)snprintf(text, bytes,
			    k == NULL ? "unknown behaviour '%.*s'"
				      : "bad value of behaviour '%.*s'",
			    (int)shown, s);
			return false;
		}
		s += n;
	}
	*m_out = m;
	return true;
}

/* ---- acting ---- */

bool
hv_sim_can_balloon(const struct hv_sim_dom *d)
{
	return d->booted && !d->control && !d->manner.no_balloon;
}

/* least_pages - how far down it is willing to go; it has more now */
static uint64_t
least_pages(const struct hv_sim_dom *d)
{
	uint64_t limit = hv_sim_pages_of_kib(d->manner.limit_kib), kept;

	if (!d->manner.lying)
		return limit;
	kept =
	    d->heard_pages > SIM_LIE_PAGES ? d->heard_pages - SIM_LIE_PAGES : 0;
	return kept > limit ? kept : limit;
}

uint64_t
hv_sim_goal_pages(const struct hv_sim_dom *d)
{
	uint64_t kib = d->target_kib, goal, least;

	if (kib > d->maxmem_kib || d->manner.growing)
		kib = d->maxmem_kib;
	goal = hv_sim_pages_of_kib(kib + d->manner.offset_kib);
	if (goal >= d->pages)
		return goal;
	if (d->manner.growing)
		return d->pages;
	least = least_pages(d);
	if (goal >= least)
		return goal;
	return least < d->pages ? least : d->pages;
}

bool
hv_sim_hears(const struct hv_sim_dom *d)
{
	return d->running && d->booted && !d->manner.deaf;
}

uint64_t
hv_sim_age_ms(const struct hv_sim_dom *d, uint64_t now_ms)
{
	return d->age_ms + (d->running ? now_ms - d->since_ms : 0);
}

bool
hv_sim_stuck(
    const struct hv_sim_dom *d, uint64_t now_ms, uint64_t *until_ms_out)
{
	const struct hv_sim_manner *m = &d->manner;
	uint64_t at;

	*until_ms_out = SIM_NEVER;
	if (m->stuck)
		return true;
	if (m->stuck_ms == 0)
		return false;
	at = hv_sim_age_ms(d, now_ms) % m->stuck_of_ms;
	if (at < m->stuck_ms) {
		*until_ms_out = m->stuck_ms - at;
		return true;
	}
	*until_ms_out = m->stuck_of_ms - at;
	return false;
}
