/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <string.h>

/* Own */
#include "server/log.h"
#include "server/srv_hv.h"

#define RETRY_FIRST_MS 250
#define RETRY_LAST_MS 30000

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
	if (m->type == HV_HEALTH)
		note_health(h, m->u.health.text);
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
attach(struct srv_hv *h, char *why, size_t why_bytes)
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
	atomic_store(&h->connected, true);
	srv_hv_sync(h);
	return 0;
}

int
srv_hv_start(struct srv_hv *h, int64_t now_ms, char *why, size_t why_bytes)
{
	(void)pthread_mutex_init(&h->lock, NULL); /* cannot fail here */
	h->retry_ms = RETRY_FIRST_MS;
	h->attached_ms = now_ms;
	return attach(h, why, why_bytes);
}

/* take_link - nobody sends on it any more */
static struct hv_link *
take_link(struct srv_hv *h)
{
	struct hv_link *link;

	atomic_store(&h->connected, false);
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

	memset(&m, 0, sizeof(m));
	m.type = HV_COMMAND;
	m.bytes = (uint32_t)hv_msg_bytes(HV_COMMAND);
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

	memset(&m, 0, sizeof(m));
	m.type = HV_SYNC;
	m.bytes = (uint32_t)hv_msg_bytes(HV_SYNC);
	/* If it fails the process is lost, and found again it is synced. */
	(void)send_msg(h, &m);
}

int64_t
srv_hv_mend(struct srv_hv *h, int64_t now_ms)
{
	struct hv_link *link;
	char why[300];

	if (!atomic_load(&h->lost)) {
		h->retry_at_ms = 0;
		return -1;
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
	if (attach(h, why, sizeof(why)) == 0) {
		h->attached_ms = now_ms;
		log_info("hypervisor: connected again");
		return -1;
	}
	log_warnx(
	    "hypervisor: %s; next try in %lld ms", why, (long long)h->retry_ms);
	h->retry_at_ms = now_ms + h->retry_ms;
	return h->retry_ms;
}

bool
srv_hv_is_lost(const struct srv_hv *h)
{
	/* While a process is being started it is not lost, and not there. */
	return atomic_load(&h->lost) || !atomic_load(&h->connected);
}

void
srv_hv_ill(struct srv_hv *h, char text[HV_TEXT_BYTES])
{
	pthread_mutex_lock(&h->lock);
	memcpy(text, h->ill, HV_TEXT_BYTES);
	pthread_mutex_unlock(&h->lock);
}
