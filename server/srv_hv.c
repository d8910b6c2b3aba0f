/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include "server/log.h"
#include "server/srv_hv.h"

#define RETRY_FIRST_MS 250
#define RETRY_LAST_MS 30000

/* The id of the command that asks whether anybody is there. */
#define PING_ID UINT64_MAX

/* one_less - a command has ended; on_lost may have counted it already */
static void
one_less(struct srv_hv *h)
{
	unsigned n = atomic_load(&h->commands);

	while (n > 0 && !atomic_compare_exchange_weak(&h->commands, &n, n - 1))
		;
}

/* lose - from now on there is no process, as far as anybody is concerned */
static void
lose(struct srv_hv *h)
{
	atomic_store(&h->missed, true);
	atomic_store(&h->greeted, false);
	atomic_store(&h->lost, true);
	atomic_store(&h->commands, 0);
	api_boot_lost(h->boot);
	h->wake(h->ctx);
}

/* is_foreign - does an earlier daemon's process answer, of another kind? */
static bool
is_foreign(const struct srv_hv *h, const struct hv_hello *hello)
{
	return strncmp(hello->backend, h->backend, sizeof(hello->backend)) !=
		   0 ||
	       (h->takes_over && (hello->flags & HV_W_OBSERVES));
}

/* meet - the process says what it is; false: we want another */
static bool
meet(struct srv_hv *h, const struct hv_hello *hello)
{
	bool observes = (hello->flags & HV_W_OBSERVES) != 0;

	if (is_foreign(h, hello)) {
		log_warnx("hypervisor: the process that an earlier daemon "
			  "left is of another kind; ending it");
		atomic_store(&h->foreign, true);
		lose(h);
		return false;
	}
	if (observes && !atomic_load(&h->observes))
		log_warnx("hypervisor: another service manages this host's "
			  "memory: it is observed, nothing is changed");
	atomic_store(&h->observes, observes);
	if (atomic_exchange(&h->missed, false))
		log_info("hypervisor: connected again");
	atomic_store(&h->greeted, true);
	return true;
}

/* note_health - what the process lacks; said when that changes */
static void
note_health(struct srv_hv *h, const char *text)
{
	bool changed;

	pthread_mutex_lock(&h->lock);
	changed = strcmp(h->ill, text) != 0;
	(void)snprintf(h->ill, sizeof(h->ill), "%s", text);
	pthread_mutex_unlock(&h->lock);
	if (!changed)
		return;
	if (text[0] != '\0')
		log_warnx("hypervisor: %s", text);
	else
		log_info("hypervisor: well again");
}

static void
on_up(void *ctx, const struct hv_msg *m)
{
	struct srv_hv *h = ctx;

	if (atomic_load(&h->foreign))
		return;
	if (m->type == HV_HELLO && !meet(h, &m->u.hello))
		return;
	atomic_fetch_add(&h->messages, 1);
	if (m->type == HV_HEALTH)
		note_health(h, m->u.health.text);
	if (m->type == HV_RESULT && m->u.result.id == PING_ID)
		return;
	if (m->type == HV_RESULT)
		one_less(h);
	api_boot_up(h->boot, m);
}

static void
on_lost(void *ctx, const char *text)
{
	struct srv_hv *h = ctx;

	log_warnx("hypervisor: lost: %s", text);
	lose(h);
}

/* send_msg - one message; false: no process */
static bool
send_msg(struct srv_hv *h, const struct hv_msg *m)
{
	bool ok;

	pthread_mutex_lock(&h->lock);
	ok = h->link != NULL && hv_link_send(h->link, m);
	pthread_mutex_unlock(&h->lock);
	return ok;
}

/* attach - start or find the process, have everything reported */
static int
attach(struct srv_hv *h, int64_t now_ms, char *why, size_t why_bytes)
{
	const struct hv_link_calls calls = {
	    .ctx = h, .up = on_up, .lost = on_lost};
	struct hv_link *link;

	atomic_store(&h->foreign, false);
	atomic_store(&h->lost, false);
	if (hv_link_spawn(
		&link, h->state_dir, h->argv, &calls, why, why_bytes) != 0) {
		atomic_store(&h->lost, true);
		return -1;
	}
	pthread_mutex_lock(&h->lock);
	h->link = link;
	pthread_mutex_unlock(&h->lock);
	h->pinged = false;
	h->life_ms = now_ms;
	srv_hv_sync(h);
	return 0;
}

int
srv_hv_start(struct srv_hv *h, int64_t now_ms, char *why, size_t why_bytes)
{
	(void)pthread_mutex_init(&h->lock, NULL); /* cannot fail here */
	h->retry_ms = RETRY_FIRST_MS;
	h->attached_ms = now_ms;
	return attach(h, now_ms, why, why_bytes);
}

/* take_link - nobody sends on it any more */
static struct hv_link *
take_link(struct srv_hv *h)
{
	struct hv_link *link;

	pthread_mutex_lock(&h->lock);
	link = h->link;
	h->link = NULL;
	h->ill[0] = '\0'; /* it says so again, if it is so */
	pthread_mutex_unlock(&h->lock);
	return link;
}

void
srv_hv_stop(struct srv_hv *h)
{
	struct hv_link *link = take_link(h);

	if (link != NULL)
		hv_link_close(&link, HV_TELL_QUIT);
	atomic_store(&h->lost, true);
}

bool
srv_hv_command(struct srv_hv *h, const struct hv_command *cmd)
{
	struct hv_msg m;

	/* One that has yet to say what it is may never answer. */
	if (!atomic_load(&h->greeted))
		return false;
	hv_msg_init(&m, HV_COMMAND);
	m.u.command = *cmd;
	atomic_fetch_add(&h->commands, 1);
	if (send_msg(h, &m))
		return true;
	one_less(h);
	return false;
}

void
srv_hv_sync(struct srv_hv *h)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_SYNC);
	/* If it fails the process is lost, and found again it is synced. */
	(void)send_msg(h, &m);
}

/* ping - ask for something that every process has an answer to: no domain */
static void
ping(struct srv_hv *h)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_COMMAND);
	m.u.command.id = PING_ID;
	m.u.command.verb = HV_MARK;
	m.u.command.domid = -1;
	(void)send_msg(h, &m); /* a lost process is noticed elsewhere */
}

/*
 * listen_for - is there life on a link that is up?
 *
 * Whatever comes is a sign of it.  After half of the time without one it is
 * asked for; after the other half the process counts as lost, so that calls
 * that wait for it end, and the link is made anew.
 *
 * returns ms until it is time to look again; 0: it was lost just now
 */
static int64_t
listen_for(struct srv_hv *h, int64_t now_ms)
{
	unsigned n = atomic_load(&h->messages);
	int64_t half_ms = h->patience_ms / 2;

	if (n != h->heard) {
		h->heard = n;
		h->life_ms = now_ms;
		h->pinged = false;
	}
	if (now_ms - h->life_ms < half_ms)
		return h->life_ms + half_ms - now_ms;
	h->life_ms = now_ms;
	if (!h->pinged) {
		ping(h);
		h->pinged = true;
		return half_ms;
	}
	if (atomic_load(&h->greeted)) /* once */
		log_warnx("hypervisor: lost: its process has said nothing for "
			  "%lld ms",
		    (long long)h->patience_ms);
	lose(h);
	return 0;
}

int64_t
srv_hv_mend(struct srv_hv *h, int64_t now_ms)
{
	struct hv_link *link;
	char why[300];
	int64_t wait_ms;

	if (!atomic_load(&h->lost)) {
		wait_ms = listen_for(h, now_ms);
		if (wait_ms > 0) {
			h->retry_at_ms = 0;
			return wait_ms;
		}
	}
	link = take_link(h);
	if (link != NULL) {
		hv_link_close(&link,
		    atomic_load(&h->foreign) ? HV_TELL_QUIT : HV_LEAVE_RUNNING);
		if (now_ms - h->attached_ms > RETRY_LAST_MS)
			h->retry_ms = RETRY_FIRST_MS;
	}
	if (h->retry_at_ms == 0)
		h->retry_at_ms = now_ms + h->retry_ms;
	if (now_ms < h->retry_at_ms)
		return h->retry_at_ms - now_ms;
	h->retry_at_ms = 0;
	h->retry_ms =
	    h->retry_ms * 2 < RETRY_LAST_MS ? h->retry_ms * 2 : RETRY_LAST_MS;
	if (attach(h, now_ms, why, sizeof(why)) == 0) {
		h->attached_ms = now_ms;
		return h->patience_ms / 2;
	}
	log_warnx(
	    "hypervisor: %s; next try in %lld ms", why, (long long)h->retry_ms);
	h->retry_at_ms = now_ms + h->retry_ms;
	return h->retry_ms;
}

bool
srv_hv_is_lost(const struct srv_hv *h)
{
	/* Not yet greeted: it is being started, or says nothing. */
	return atomic_load(&h->lost) || !atomic_load(&h->greeted);
}

void
srv_hv_ill(struct srv_hv *h, char text[HV_TEXT_BYTES])
{
	pthread_mutex_lock(&h->lock);
	memcpy(text, h->ill, HV_TEXT_BYTES);
	pthread_mutex_unlock(&h->lock);
}
