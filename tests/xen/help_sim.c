/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Own */
#include "tests/xen/help_sim.h"

#define WAIT_S 20 /* for a process; only a broken one takes it */

static struct hv_uuid
uuid_of(uint64_t vm)
{
	return (struct hv_uuid){.hi = 0x4d65, .lo = vm};
}

static void
on_up(void *ctx, const struct hv_msg *m)
{
	struct help_sim *h = ctx;

	cr_assert(hv_msg_check(m, m->bytes), "type %u", m->type);
	pthread_mutex_lock(&h->lock);
	if (h->n == h->room) {
		h->room = h->room == 0 ? 64 : h->room * 2;
		h->log = realloc(h->log, h->room * sizeof *h->log);
		cr_assert_not_null(h->log);
	}
	h->log[h->n++] = *m;
	pthread_cond_broadcast(&h->news);
	pthread_mutex_unlock(&h->lock);
}

static void
on_lost(void *ctx, const char *text)
{
	struct help_sim *h = ctx;

	pthread_mutex_lock(&h->lock);
	h->lost = true;
	strncpy(h->lost_text, text, sizeof h->lost_text - 1);
	pthread_cond_broadcast(&h->news);
	pthread_mutex_unlock(&h->lock);
}

struct hv_link_calls
help_listen(struct help_sim *h)
{
	memset(h, 0, sizeof *h);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->news, NULL);
	return (struct hv_link_calls){.ctx = h, .up = on_up, .lost = on_lost};
}

void
help_open(struct help_sim *h, const struct hv_sim_host *hosts, size_t n)
{
	struct hv_link_calls calls = help_listen(h);

	h->world = hv_sim_new(hosts, n);
	cr_assert_not_null(h->world);
	h->link = hv_sim_link(h->world, &calls);
	cr_assert_not_null(h->link);
	help_sync(h);
}

void
help_close(struct help_sim *h)
{
	hv_link_close(&h->link, HV_TELL_QUIT);
	hv_sim_free(&h->world);
	free(h->log);
	h->log = NULL;
}

/* wait_news - with the lock held, until something comes */
static void
wait_news(struct help_sim *h)
{
	struct timespec t;

	cr_assert_null(h->world, "in one process everything has come up");
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += WAIT_S;
	cr_assert_eq(
	    pthread_cond_clockwait(&h->news, &h->lock, CLOCK_MONOTONIC, &t), 0,
	    "the process does not answer");
}

void
help_sync(struct help_sim *h)
{
	struct hv_msg m;

	hv_msg_init(&m, HV_SYNC);
	h->n = 0;
	cr_assert(hv_link_send(h->link, &m));
	pthread_mutex_lock(&h->lock);
	while (h->n == 0 || h->log[h->n - 1].type != HV_SYNCED) {
		cr_assert(!h->lost, "%s", h->lost_text);
		wait_news(h);
	}
	pthread_mutex_unlock(&h->lock);
	cr_assert_eq(h->log[0].type, HV_HELLO);
}

const struct hv_host *
help_host(struct help_sim *h, size_t n)
{
	const struct hv_host *found = NULL;
	struct hv_uuid uuid = {0, 0};
	size_t seen = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct hv_host *u = &h->log[i].u.host;
		if (h->log[i].type != HV_HOST)
			continue;
		if (found == NULL && seen++ == n)
			uuid = u->uuid;
		else if (found == NULL || u->uuid.lo != uuid.lo)
			continue;
		found = u;
	}
	cr_assert_not_null(found);
	return found;
}

const struct hv_domain *
help_domain(struct help_sim *h, uint64_t vm)
{
	const struct hv_domain *found = NULL;
	struct hv_uuid uuid = uuid_of(vm);

	for (size_t i = 0; i < h->n; i++) {
		const struct hv_msg *m = &h->log[i];
		if (m->type == HV_DOMAIN && m->u.domain.uuid.hi == uuid.hi &&
		    m->u.domain.uuid.lo == uuid.lo)
			found = &m->u.domain;
		if (m->type == HV_GONE && m->u.gone.uuid.lo == uuid.lo &&
		    found != NULL && m->u.gone.domid == found->domid &&
		    m->u.gone.host.lo == found->host.lo)
			found = NULL;
	}
	return found;
}

size_t
help_count(struct help_sim *h, uint32_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += h->log[i].type == type;
	return n;
}

struct hv_msg
help_command(struct help_sim *h, enum hv_verb verb, uint64_t vm)
{
	struct hv_msg m;
	struct hv_command *c = &m.u.command;

	hv_msg_init(&m, HV_COMMAND);
	c->verb = (int32_t)verb;
	c->uuid = uuid_of(vm);
	c->domid = -1;
	c->host = help_host(h, 0)->uuid;
	if (verb != HV_BUILD && verb != HV_RESTORE)
		return m;
	memcpy(c->name, "guest", sizeof "guest");
	memcpy(c->domain_type, "hvm", sizeof "hvm");
	c->vcpus = 2;
	c->static_max_kib = 256 * MIB;
	c->dynamic_min_kib = 64 * MIB;
	c->dynamic_max_kib = 256 * MIB;
	c->target_kib = 128 * MIB;
	c->shadow_kib = 4 * MIB;
	c->overhead_kib = 16 * MIB;
	return m;
}

uint64_t
help_send(struct help_sim *h, const struct hv_msg *m)
{
	struct hv_msg copy = *m;

	copy.u.command.id = ++h->last_id;
	cr_assert(hv_msg_check(&copy, copy.bytes));
	cr_assert(hv_link_send(h->link, &copy));
	return h->last_id;
}

/* find_answer - with the lock held */
static const struct hv_result *
find_answer(struct help_sim *h, uint64_t id)
{
	for (size_t i = h->n; i > 0; i--)
		if (h->log[i - 1].type == HV_RESULT &&
		    h->log[i - 1].u.result.id == id)
			return &h->log[i - 1].u.result;
	return NULL;
}

const struct hv_result *
help_answer(struct help_sim *h, uint64_t id)
{
	const struct hv_result *r;

	pthread_mutex_lock(&h->lock);
	while ((r = find_answer(h, id)) == NULL && h->world == NULL)
		wait_news(h);
	pthread_mutex_unlock(&h->lock);
	return r;
}

struct hv_result
help_do(struct help_sim *h, const struct hv_msg *m)
{
	const struct hv_result *r = help_answer(h, help_send(h, m));

	cr_assert_not_null(r);
	return *r;
}

void
help_ok(struct help_sim *h, enum hv_verb verb, uint64_t vm)
{
	struct hv_msg m = help_command(h, verb, vm);
	struct hv_result r = help_do(h, &m);

	cr_assert_eq(r.status, HV_OK, "verb %d: status %d %s", (int)verb,
	    r.status, r.text);
}

void
help_build(struct help_sim *h, uint64_t vm, const char *behaviour)
{
	struct hv_msg m = help_command(h, HV_BUILD, vm);
	struct hv_result r;

	strncpy(m.u.command.behaviour, behaviour, HV_BEHAVIOUR_BYTES - 1);
	r = help_do(h, &m);
	cr_assert_eq(r.status, HV_OK, "status %d %s", r.status, r.text);
}

void
help_target(struct help_sim *h, uint64_t vm, uint64_t target_kib)
{
	struct hv_msg m = help_command(h, HV_SET_RANGE, vm);
	struct hv_result r;

	m.u.command.dynamic_min_kib = target_kib;
	m.u.command.dynamic_max_kib = target_kib;
	m.u.command.target_kib = target_kib;
	r = help_do(h, &m);
	cr_assert_eq(r.status, HV_OK, "status %d %s", r.status, r.text);
}

uint64_t
help_actual(struct help_sim *h, uint64_t vm)
{
	const struct hv_domain *d = help_domain(h, vm);

	return d == NULL ? 0 : d->actual_kib;
}
