/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stddef.h>
#include <string.h>

/* Own */
#include "server/usr_gap.h"

#define FORGET_MS (15 * 60 * 1000) /* failures older than this are forgiven */
#define TRUST_MS (60 * 60 * 1000)  /* a success counts for this long */
#define EVERYWHERE "*"

/* How gaps grow: free failures, first gap, last gap. */
struct rule {
	unsigned free;
	int64_t first_ms, last_ms;
};

static const struct rule pair_rule = {3, 1000, 60000};
static const struct rule many_rule = {10, 100, 2000};

/* An entry's name. */
struct key {
	enum usr_gap_part part;
	const char *account, *address;
};

/* of_pair, of_account, of_address - the three entries that a try touches */
static struct key
of_pair(const struct usr_gap_who *who)
{
	return (struct key){who->known ? USR_GAP_KNOWN : USR_GAP_UNKNOWN,
	    who->account, who->address};
}

static struct key
of_account(const struct usr_gap_who *who)
{
	return (struct key){who->known ? USR_GAP_KNOWN : USR_GAP_UNKNOWN,
	    who->account, EVERYWHERE};
}

static struct key
of_address(const struct usr_gap_who *who)
{
	return (struct key){USR_GAP_ADDRESS, "", who->address};
}

/* set_of - the set an entry lives in */
static struct usr_gap_entry *
set_of(struct usr_gap *g, const struct key *k)
{
	const char *account = k->account, *address = k->address;
	uint64_t h = g->seed;

	for (size_t i = 0; i < USR_GAP_KEY - 1 && account[i] != '\0'; i++)
		h = (h ^ (unsigned char)account[i]) * 0x9e3779b97f4a7c15u;
	h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
	for (size_t i = 0; i < USR_GAP_KEY - 1 && address[i] != '\0'; i++)
		h = (h ^ (unsigned char)address[i]) * 0x9e3779b97f4a7c15u;
	h ^= h >> 32;
	return g->entries[k->part][h % USR_GAP_SETS];
}

static bool
is(const struct usr_gap_entry *e, const struct key *k)
{
	return e->address[0] != '\0' &&
	       strncmp(e->account, k->account, USR_GAP_KEY - 1) == 0 &&
	       strncmp(e->address, k->address, USR_GAP_KEY - 1) == 0;
}

/* find - an entry; NULL when nothing is known of it */
static struct usr_gap_entry *
find(struct usr_gap *g, struct key k, int64_t now_ms)
{
	struct usr_gap_entry *set = set_of(g, &k);

	for (int i = 0; i < USR_GAP_WAYS; i++) {
		struct usr_gap_entry *e = &set[i];

		if (!is(e, &k))
			continue;
		if (now_ms - e->touched_ms > FORGET_MS)
			e->failures = 0;
		return e;
	}
	return NULL;
}

/* obtain - an entry, in the place of the oldest if need be */
static struct usr_gap_entry *
obtain(struct usr_gap *g, struct key k, int64_t now_ms)
{
	struct usr_gap_entry *e = find(g, k, now_ms);
	struct usr_gap_entry *set = set_of(g, &k);

	if (e != NULL)
		return e;
	e = &set[0];
	for (int i = 1; i < USR_GAP_WAYS && e->address[0] != '\0'; i++)
		if (set[i].address[0] == '\0' ||
		    set[i].touched_ms < e->touched_ms)
			e = &set[i];
	memset(e, 0, sizeof(*e));
	strncpy(e->account, k.account, USR_GAP_KEY - 1);
	strncpy(e->address, k.address, USR_GAP_KEY - 1);
	e->next_ms = e->success_ms = INT64_MIN;
	e->touched_ms = now_ms;
	return e;
}

/* fail - one more failure by a rule */
static void
fail(struct usr_gap_entry *e, const struct rule *r, int64_t now_ms)
{
	int64_t gap_ms = r->first_ms;

	e->failures++;
	e->touched_ms = now_ms;
	if (e->failures < r->free)
		return;
	for (unsigned i = r->free; i < e->failures && gap_ms < r->last_ms; i++)
		gap_ms *= 2;
	if (gap_ms > r->last_ms)
		gap_ms = r->last_ms;
	e->next_ms = now_ms + gap_ms;
}

/* rest_ms - how long an entry's gap still is */
static int64_t
rest_ms(const struct usr_gap_entry *e, int64_t now_ms)
{
	return e != NULL && e->next_ms > now_ms ? e->next_ms - now_ms : 0;
}

int64_t
usr_gap_enter(struct usr_gap *g, const struct usr_gap_who *who, int64_t now_ms)
{
	struct usr_gap_entry *pair = find(g, of_pair(who), now_ms);
	bool trusted = pair != NULL && pair->success_ms != INT64_MIN &&
		       now_ms - pair->success_ms < TRUST_MS;
	int64_t account_ms, address_ms;

	if (rest_ms(pair, now_ms) > 0)
		return rest_ms(pair, now_ms);
	/* Only who is known not to guess has several tries at a time. */
	if (pair != NULL && pair->busy > 0 && (!trusted || pair->failures > 0))
		return USR_GAP_BUSY;
	if (!trusted) {
		account_ms = rest_ms(find(g, of_account(who), now_ms), now_ms);
		address_ms = rest_ms(find(g, of_address(who), now_ms), now_ms);
		if (account_ms > 0 || address_ms > 0)
			return account_ms > address_ms ? account_ms
						       : address_ms;
	}
	pair = obtain(g, of_pair(who), now_ms);
	pair->busy++;
	pair->touched_ms = now_ms;
	return 0;
}

void
usr_gap_leave(struct usr_gap *g, const struct usr_gap_who *who, int64_t now_ms,
    enum usr_gap_outcome outcome)
{
	struct usr_gap_entry *pair = obtain(g, of_pair(who), now_ms);

	if (pair->busy > 0)
		pair->busy--;
	if (outcome == USR_GAP_UNTRIED)
		return;
	if (outcome == USR_GAP_SUCCESS) {
		pair->failures = 0;
		pair->next_ms = INT64_MIN;
		pair->success_ms = pair->touched_ms = now_ms;
		return;
	}
	fail(pair, &pair_rule, now_ms);
	fail(obtain(g, of_account(who), now_ms), &many_rule, now_ms);
	fail(obtain(g, of_address(who), now_ms), &many_rule, now_ms);
}
