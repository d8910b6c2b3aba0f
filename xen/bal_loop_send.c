/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bal_loop_send - commands, and what became of them
 *
 * A domain has one command on its way at most: what it should be told next is
 * found again at the next look, from facts that came before the answer.  Who
 * fails is left alone for a while, which doubles each time, and counts as a
 * domain that cannot be moved until then.
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include "xen/bal_loop_priv.h"

#define ANSWER_MS 10000 /* no answer by then is a failure */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS 60000

/* Targets for one domain: so many at once, then one in so long. */
#define TELL_BURST 8
#define TELL_MS 250

#define STILL_MS 1000 /* so long, to show its offset */

/* ---- failures ---- */

/* reason - what a status means, for the log */
static const char *
reason(int32_t status)
{
	switch ((enum hv_status)status) {
	case HV_NO_MEMORY:
		return "no memory";
	case HV_NO_DOMAIN:
		return "no such domain";
	case HV_NO_HOST:
		return "no such host";
	case HV_REFUSED:
		return "refused";
	case HV_UNSUPPORTED:
		return "not supported";
	case HV_BUSY:
		return "busy";
	case HV_OK:
	case HV_LOST:
		break;
	}
	return "no answer";
}

/* fail - a command did not do what it says; text may be empty */
static void
fail(struct bal_loop *l, struct bal_loop_dom *d, const char *why,
    const char *text, int64_t now_ms)
{
	int64_t wait_ms = RETRY_FIRST_MS;
	char line[2 * HV_TEXT_BYTES];

	for (unsigned i = 0; i < d->failures && wait_ms < RETRY_LAST_MS; i++)
		wait_ms *= 2;
	if (wait_ms > RETRY_LAST_MS)
		wait_ms = RETRY_LAST_MS;
	d->retry_ms = now_ms + wait_ms;
	if (d->failures++ > 0)
		return; /* it is in the log */
	(void)snprintf(line, sizeof(line),
	    "balancing: domain %d (%.64s): %s%s%.200s; tried again later",
	    (int)d->fact.domid, d->fact.name, why, text[0] != '\0' ? ": " : "",
	    text);
	l->calls.warn(l->calls.ctx, line);
}

/* find_command - whose it was; NULL: nobody's any more */
static struct bal_loop_dom *
find_command(
    const struct bal_loop *l, uint64_t id, struct bal_loop_host **host_out)
{
	for (size_t i = 0; i < l->nhosts; i++)
		for (size_t k = 0; k < l->hosts[i]->n; k++)
			if (l->hosts[i]->doms[k]->command_id == id) {
				*host_out = l->hosts[i];
				return l->hosts[i]->doms[k];
			}
	return NULL;
}

void
bal_loop_result(struct bal_loop *l, const struct hv_result *r, int64_t now_ms)
{
	struct bal_loop_host *h;
	struct bal_loop_dom *d = r->id != 0 ? find_command(l, r->id, &h) : NULL;

	if (d == NULL)
		return;
	d->command_id = 0;
	bal_loop_due(h, now_ms);
	if (r->status != HV_OK) {
		fail(l, d, reason(r->status), r->text, now_ms);
		return;
	}
	d->failures = 0;
	d->retry_ms = 0;
}

/* ---- commands ---- */

/* send - one command to a domain; false: there is nobody to send it to */
static bool
send(struct bal_loop *l, const struct bal_loop_host *h, struct bal_loop_dom *d,
    struct hv_command *c, int64_t now_ms)
{
	c->id = l->next_id++;
	c->host = h->uuid;
	c->uuid = d->fact.uuid;
	c->domid = d->fact.domid;
	d->command_id = c->id; /* the answer may come before this returns */
	d->sent_ms = now_ms;
	if (l->calls.command(l->calls.ctx, c))
		return true;
	d->command_id = 0;
	return false;
}

/*
 * send_offset - it has booted, and nobody has said yet what its offset is
 *
 * It is seen when the domain stands still: one that grows would seem to be
 * where it is going, and take the rest unseen; one that is paused has not even
 * heard where it is to go.
 */
static bool
send_offset(struct bal_loop *l, struct bal_loop_host *h, struct bal_loop_dom *d,
    int64_t now_ms)
{
	struct hv_command c = {.verb = HV_SET_OFFSET};

	if (bal_loop_is_off(d) && !(d->fact.flags & HV_D_RUNNING))
		return true;
	if (bal_loop_is_off(d) && now_ms - d->moved_ms < STILL_MS) {
		bal_loop_due(h, d->moved_ms + STILL_MS);
		return true;
	}
	c.offset_kib = hv_offset_kib(d->fact.actual_kib, d->fact.target_kib);
	return send(l, h, d, &c, now_ms);
}

/* send_mark - is it uncooperative, or no longer? */
static bool
send_mark(struct bal_loop *l, const struct bal_loop_host *h,
    struct bal_loop_dom *d, bool is_uncooperative, int64_t now_ms)
{
	struct hv_command c = {.verb = HV_MARK, .flag = is_uncooperative};

	return send(l, h, d, &c, now_ms);
}

/* send_target - where the plan wants it */
static bool
send_target(struct bal_loop *l, const struct bal_loop_host *h,
    struct bal_loop_dom *d, uint64_t target_kib, int64_t now_ms)
{
	struct hv_command c = {.verb = HV_SET_TARGET, .target_kib = target_kib};

	return send(l, h, d, &c, now_ms);
}

/*
 * may_send - a domain is told a new target so often, and no more
 *
 * A plan may change with every page that somebody gives who was not counted
 * on; nobody is helped by hearing of each.
 */
static bool
may_send(struct bal_loop_host *h, struct bal_loop_dom *d, int64_t now_ms)
{
	int64_t more = (now_ms - d->told_ms) / TELL_MS;

	if (d->told > more) {
		d->told -= (int32_t)more;
		d->told_ms += more * TELL_MS;
	} else {
		d->told = 0;
		d->told_ms = now_ms;
	}
	if (d->told < TELL_BURST) {
		d->told++;
		return true;
	}
	bal_loop_due(h, d->told_ms + TELL_MS);
	return false;
}

/* stops - is it told to take less of what it is about to take? */
static bool
stops(const struct bal_domain *p)
{
	return p->actual_kib < p->target_kib && p->new_kib < p->target_kib;
}

/* is_uncooperative - off its target, and for too long (spec E.5) */
static bool
is_uncooperative(const struct bal_loop_dom *d, int64_t now_ms)
{
	return d->off_ms != 0 && now_ms - d->off_ms > BAL_LOOP_UNCOOP_MS;
}

/* tell - what a domain is to be told now; false: nobody to send it to */
static bool
tell(struct bal_loop *l, struct bal_loop_host *h, struct bal_loop_dom *d,
    const struct bal_domain *p, int64_t now_ms)
{
	bool marked = (d->fact.flags & HV_D_UNCOOPERATIVE) != 0;

	if (bal_loop_can_obey(d) && !(d->fact.flags & HV_D_OFFSET))
		return send_offset(l, h, d, now_ms);
	if (p->selected && (stops(p) || may_send(h, d, now_ms)))
		return send_target(l, h, d, p->new_kib, now_ms);
	if (is_uncooperative(d, now_ms) != marked)
		return send_mark(l, h, d, !marked, now_ms);
	return true;
}

void
bal_loop_send(struct bal_loop *l, struct bal_loop_host *h, int64_t now_ms)
{
	if (l->flags & HV_W_OBSERVES)
		return; /* another owns this memory */
	for (size_t i = 0; i < h->n; i++) {
		struct bal_loop_dom *d = h->doms[i];

		if (d->fact.flags & HV_D_CONTROL)
			continue;
		if (d->command_id != 0 && d->sent_ms + ANSWER_MS <= now_ms) {
			d->command_id = 0;
			fail(l, d, reason(HV_LOST), "", now_ms);
		}
		if (d->command_id != 0)
			bal_loop_due(h, d->sent_ms + ANSWER_MS);
		else if (d->retry_ms > now_ms)
			bal_loop_due(h, d->retry_ms);
		else if (!tell(l, h, d, &h->plan[i], now_ms))
			return; /* HV_HELLO comes with the next process */
	}
}
