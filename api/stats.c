/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Xen */
#include "xen/gst_map.h"

/* Api */
#include "api/stats.h"

/* Places that nobody needs are looked for when there are so many more. */
#define PLACES_SPARE 64

struct place {
	struct gst_node node; /* first */
	int32_t domid;	      /* that the process was told to poll; -1 */
	struct hv_reading last;
	struct api_touched *touched; /* NULL: its writes are never counted */
};

struct api_stats {
	pthread_mutex_t lock; /* all of it */
	struct gst_map map;
	uint64_t commands;
	struct wrq_job wake;
	struct api_env *env; /* of wake */
	bool is_waking;	     /* wake is in the writer */
};

/* Nobody has it: who waits for a count parks on it. */
static const struct idl_ref waits = {0x746f756368656400ull, 1};

/* empty - nothing has been read of a VM */
static void
empty(struct hv_reading *r, const struct hv_uuid *uuid)
{
	memset(r, 0, sizeof(*r));
	r->uuid = *uuid;
	for (int i = 0; i < HV_STATS_GUEST; i++)
		r->value[i] = -1;
}

/* find - the place of a VM; locked */
static struct place *
find(struct api_stats *s, const struct hv_uuid *uuid)
{
	return (struct place *)(void *)gst_map_find(&s->map, uuid);
}

/* place_free - a place that is in no map */
static void
place_free(struct gst_node *n)
{
	free(((struct place *)(void *)n)->touched);
	free(n);
}

struct api_stats *
api_stats_new(void)
{
	struct api_stats *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	if (!gst_map_init(&s->map)) {
		free(s);
		return NULL;
	}
	(void)pthread_mutex_init(&s->lock, NULL); /* cannot fail here */
	return s;
}

void
api_stats_free(struct api_stats **sp)
{
	struct api_stats *s = *sp;
	struct gst_node *n;

	*sp = NULL;
	if (s == NULL)
		return;
	while ((n = gst_map_next(&s->map, NULL)) != NULL) {
		gst_map_remove(&s->map, n);
		place_free(n);
	}
	gst_map_fini(&s->map);
	(void)pthread_mutex_destroy(&s->lock); /* ours and free */
	free(s);
}

/* sweep - give up places of VMs that are no more; locked */
static void
sweep(struct api_stats *s, const struct fld_view *v)
{
	char text[IDL_UUID_TEXT];
	const char *uuid = text;
	struct gst_node *n, *next;

	for (n = gst_map_next(&s->map, NULL); n != NULL; n = next) {
		struct idl_ref ref = {n->uuid.hi, n->uuid.lo};

		next = gst_map_next(&s->map, n);
		idl_uuid_write(&ref, text);
		if (fld_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &uuid, NULL) !=
		    NULL)
			continue;
		gst_map_remove(&s->map, n);
		place_free(n);
	}
}

/* ensure - the place of a VM, made if it has none; NULL: no memory; locked */
static struct place *
ensure(struct api_stats *s, const struct hv_uuid *uuid)
{
	struct place *p = find(s, uuid);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->node.uuid = *uuid;
	p->domid = -1;
	empty(&p->last, uuid);
	gst_map_add(&s->map, &p->node);
	return p;
}

/* place_for - the place of a VM, and no more places than are needed; locked */
static struct place *
place_for(
    struct api_stats *s, const struct fld_view *v, const struct hv_uuid *uuid)
{
	if (s->map.n > PLACES_SPARE + fld_count(v, IDL_CLASS_VM))
		sweep(s, v);
	return ensure(s, uuid);
}

bool
api_stats_set(struct api_stats *s, const struct fld_view *v,
    const struct hv_uuid *uuid, int32_t domid)
{
	struct place *p;

	pthread_mutex_lock(&s->lock);
	p = place_for(s, v, uuid);
	if (p != NULL)
		p->domid = domid;
	pthread_mutex_unlock(&s->lock);
	return p != NULL;
}

void
api_stats_note(struct api_stats *s, const struct hv_stats *readings)
{
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < readings->n; i++) {
		const struct hv_reading *r = &readings->reading[i];
		struct place *p = find(s, &r->uuid);

		if (p != NULL)
			p->last = *r;
	}
	pthread_mutex_unlock(&s->lock);
}

/* forget_domids - a process that knows nothing; locked */
static void
forget_domids(struct api_stats *s)
{
	struct gst_node *n = NULL;

	while ((n = gst_map_next(&s->map, n)) != NULL)
		((struct place *)(void *)n)->domid = -1;
}

/* claim - is a domain one that the process must be told to poll? locked */
static bool
claim(struct api_stats *s, const struct hv_domain *d)
{
	struct place *p = ensure(s, &d->uuid);

	if (p == NULL || p->domid == d->domid)
		return false;
	p->domid = d->domid;
	return true;
}

/* tell - have a domain polled */
static void
tell(struct api_env *env, const struct hv_domain *d, int64_t interval_s)
{
	struct hv_command cmd;

	memset(&cmd, 0, sizeof(cmd));
	pthread_mutex_lock(&env->stats->lock);
	cmd.id = API_STATS_ID + env->stats->commands++;
	pthread_mutex_unlock(&env->stats->lock);
	cmd.verb = HV_POLL;
	cmd.host = d->host;
	cmd.uuid = d->uuid;
	cmd.domid = d->domid;
	cmd.seconds = (uint32_t)interval_s;
	/* If it fails the process is lost, and all is reported anew. */
	(void)env->command(env->ctx, &cmd);
}

void
api_stats_hear(struct api_env *env, const struct hv_msg *m, int64_t interval_s)
{
	const struct hv_domain *d = &m->u.domain;
	struct api_stats *s = env->stats;
	bool new = false;

	if (m->type != HV_HELLO && (m->type != HV_DOMAIN || interval_s <= 0 ||
				       (d->flags & HV_D_SUSPENDED)))
		return;
	pthread_mutex_lock(&s->lock);
	if (m->type == HV_HELLO)
		forget_domids(s);
	else
		new = claim(s, d);
	pthread_mutex_unlock(&s->lock);
	if (new)
		tell(env, d, interval_s);
}

void
api_stats_read(struct api_stats *s, const char *uuid, struct hv_reading *r_out)
{
	struct idl_ref ref = {0, 0};
	struct hv_uuid key;
	struct place *p;

	(void)idl_uuid_parse(uuid, strlen(uuid), &ref); /* if not: no place */
	key = (struct hv_uuid){ref.hi, ref.lo};
	empty(r_out, &key);
	pthread_mutex_lock(&s->lock);
	p = find(s, &key);
	if (p != NULL)
		*r_out = p->last;
	pthread_mutex_unlock(&s->lock);
}

const void *
api_stats_memory(struct api_env *env, const struct fld_view *v, const void *rec,
    struct arena *a)
{
	static const char *const names[] = {"free", "total", "used"};
	const struct idl_vm_guest_metrics *gm = rec;
	const struct idl_vm *vm =
	    fld_find(v, IDL_CLASS_VM, IDL_VM_F_GUEST_METRICS, &gm->h.ref, NULL);
	struct idl_map *map = arena_alloc(a, sizeof(*map));
	const char **keys = arena_alloc(a, sizeof(names));
	const char **values = arena_alloc(a, sizeof(names));
	struct hv_reading r;
	int64_t bytes[3];

	if (map == NULL || keys == NULL || values == NULL)
		return NULL;
	if (vm == NULL)
		return &idl_map_none;
	api_stats_read(env->stats, vm->uuid, &r);
	bytes[0] = r.value[HV_STAT_FREE];
	bytes[1] = r.value[HV_STAT_TOTAL];
	bytes[2] =
	    bytes[0] >= 0 && bytes[1] >= bytes[0] ? bytes[1] - bytes[0] : -1;
	for (size_t i = 0; i < 3; i++) {
		if (bytes[i] < 0)
			continue;
		keys[map->n] = names[i];
		values[map->n] = arena_printf(a, "%" PRId64, bytes[i]);
		if (values[map->n++] == NULL)
			return NULL;
	}
	map->keys = keys;
	map->values = values;
	return map;
}

/* ---- what guests write to ---- */

const struct idl_ref *
api_stats_wakes(const struct api_stats *s)
{
	(void)s; /* one for all of them */
	return &waits;
}

/* wake_run - nothing is stored */
static enum wrq_verdict
wake_run(struct wrq_job *job, struct fld_tx *tx)
{
	(void)job;
	(void)tx;
	return WRQ_ABORT;
}

/* wake_done - who waits runs again, and sees all that was said before this */
static void
wake_done(struct wrq_job *job)
{
	struct api_stats *s =
	    (struct api_stats *)(void *)((char *)job -
					 offsetof(struct api_stats, wake));

	pthread_mutex_lock(&s->lock);
	s->is_waking = false;
	pthread_mutex_unlock(&s->lock);
	wrq_wake(s->env->writer, &waits);
}

/* wake_failed - out of memory: who waits looks by itself as well */
static void
wake_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why;
	wake_done(job);
}

/* wake - have all who wait for a count look; unlocks */
static void
wake_and_unlock(struct api_env *env)
{
	struct api_stats *s = env->stats;
	bool first = !s->is_waking;

	s->is_waking = true;
	s->env = env;
	pthread_mutex_unlock(&s->lock);
	if (!first)
		return;
	s->wake.run = wake_run;
	s->wake.done = wake_done;
	s->wake.failed = wake_failed;
	wrq_push(env->writer, &s->wake);
}

bool
api_stats_track(
    struct api_stats *s, const struct fld_view *v, const struct hv_uuid *uuid)
{
	struct place *p;
	bool ok;

	pthread_mutex_lock(&s->lock);
	p = place_for(s, v, uuid);
	if (p != NULL && p->touched == NULL)
		p->touched = calloc(1, sizeof(*p->touched));
	ok = p != NULL && p->touched != NULL;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void
api_stats_dirtied(struct api_env *env, const struct hv_dirtied *d)
{
	struct api_stats *s = env->stats;
	struct api_touched *t;
	struct place *p;

	pthread_mutex_lock(&s->lock);
	p = find(s, &d->uuid);
	t = p != NULL ? p->touched : NULL;
	if (t != NULL && d->is_on && d->n == 0) {
		memset(t, 0, sizeof(*t));
		t->started_s = env->wall_s(env->ctx);
	} else if (t != NULL && t->said.id != d->id) {
		t = NULL; /* not of a count that we know */
	}
	if (t != NULL) {
		/* The end may repeat n. */
		if (d->n == t->said.n + 1)
			t->written_kib[t->said.n] = d->written_kib;
		t->said = *d;
	}
	wake_and_unlock(env);
}

void
api_stats_lost(struct api_env *env)
{
	struct api_stats *s = env->stats;
	struct gst_node *n = NULL;

	pthread_mutex_lock(&s->lock);
	while ((n = gst_map_next(&s->map, n)) != NULL) {
		struct api_touched *t = ((struct place *)(void *)n)->touched;

		if (t == NULL || !t->said.is_on)
			continue;
		t->said.is_on = 0;
		t->said.status = HV_LOST;
	}
	wake_and_unlock(env);
}

void
api_stats_touched(
    struct api_stats *s, const struct hv_uuid *uuid, struct api_touched *t_out)
{
	struct place *p;

	memset(t_out, 0, sizeof(*t_out));
	pthread_mutex_lock(&s->lock);
	p = find(s, uuid);
	if (p != NULL && p->touched != NULL)
		*t_out = *p->touched;
	pthread_mutex_unlock(&s->lock);
}
