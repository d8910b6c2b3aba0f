/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Xen */
#include "xen/hv_facts.h"

/* Api */
#include "api/bal.h"
#include "api/boot.h"
#include "api/reserve.h"
#include "api/seed.h"
#include "api/stats.h"

/* What could not be stored is asked for again after this, then less often. */
#define RESYNC_FIRST_MS 500
#define RESYNC_LAST_MS 30000

/* The call arena of a seeded guest's start. */
#define START_ARENA_BYTES (256 * 1024)

/* Id of commands whose answer nobody waits for; no call gets so far. */
#define BIND_ID (API_BAL_ID - 1)

/* A job without a message: resync, seed. */
struct step {
	struct wrq_job job;
	struct api_boot *b;
	bool waited;
};

struct api_boot {
	struct api_env *env;
	const char *seed_path;
	struct api_boot_calls calls;
	struct hv_facts *facts; /* writer thread */
	uint64_t said;		/* link: messages since HV_HELLO, it too */
	uint64_t heard;		/* writer: how many of them it saw, no gap */
	bool told_estimate;	/* writer: once is enough */
	bool booted;		/* writer: the first HV_SYNCED was handled */
	atomic_bool resyncing;	/* again is under way */
	struct step again;	/* needs no memory when there is none */
	int64_t resync_ms;	/* writer: until it asks again */
	struct api_seed seed;	/* writer: guests to start */
	size_t starting;	/* writer: starts that have not ended */
	char text[300];
};

/* A message from the hypervisor on its way through the writer. */
struct fact {
	struct wrq_job job;
	struct api_boot *b;
	uint64_t number; /* since HV_HELLO, which is 0 */
	bool refused;	 /* not applied: b->text */
	int64_t poll_s;	 /* a domain: how often its VM is to be polled */
	struct hv_facts_at at, next; /* of earlier transactions, of this one */
	struct hv_facts_range *ranges; /* to be set when it is durable */
	size_t nranges;
	struct hv_msg msg;
};

/* ---- asking again ---- */

static enum wrq_verdict
resync_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct step *s = (struct step *)(void *)job;
	struct api_boot *b = s->b;

	(void)tx; /* only waits */
	if (s->waited)
		return WRQ_ABORT;
	s->waited = true;
	memset(job->wait, 0, sizeof(job->wait));
	job->deadline_ms = b->env->now_ms(b->env->ctx) + b->resync_ms;
	return WRQ_PARK;
}

static void
resync_done(struct wrq_job *job)
{
	struct api_boot *b = ((struct step *)(void *)job)->b;

	b->resync_ms = b->resync_ms < RESYNC_LAST_MS / 2 ? b->resync_ms * 2
							 : RESYNC_LAST_MS;
	atomic_store(&b->resyncing, false); /* the job may be pushed again */
	b->calls.sync(b->calls.ctx);
}

static void
resync_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* stores nothing: cannot be refused; asks all the same */
	resync_done(job);
}

/* resync - have everything reported anew, a little later; any thread */
static void
resync(struct api_boot *b, const char *reason)
{
	if (atomic_exchange(&b->resyncing, true))
		return;
	b->calls.warn(b->calls.ctx, reason);
	b->again.job.run = resync_run;
	b->again.job.done = resync_done;
	b->again.job.failed = resync_failed;
	b->again.b = b;
	b->again.waited = false;
	wrq_push(b->env->writer, &b->again.job);
}

/* resync_from - the same, for api_env.resync */
static void
resync_from(void *ctx, const char *reason)
{
	resync(ctx, reason);
}

/* ---- seeding and starting ---- */

static void
start_next(struct api_boot *b)
{
	if (b->starting > 0)
		return;
	api_seed_free(&b->seed);
	b->calls.ready(b->calls.ctx);
}

/* started - one seeded guest's start has ended */
static void
started(struct api_call *c)
{
	struct api_boot *b = c->owner;
	char text[400];

	if (c->err != ERR_NONE) {
		(void)snprintf(text, sizeof(text),
		    "seed: a guest did not start: %s %s",
		    idl_errors[c->err].code,
		    c->why.n > 0 ? c->why.param[0] : "");
		b->calls.warn(b->calls.ctx, text);
	}
	api_call_fini(c);
	free(c);
	b->starting--;
	start_next(b);
}

/* start - VM.start of one guest, as anybody would call it */
static bool
start(struct api_boot *b, const struct api_seed_guest *g, struct fld_reader *rd)
{
	struct idl_vm_start_args *a;
	struct api_call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	api_call_init(c, b->env, START_ARENA_BYTES);
	a = arena_alloc(&c->arena, sizeof(*a));
	if (a == NULL) {
		api_call_fini(c);
		free(c);
		return false;
	}
	a->vm = g->vm;
	a->start_paused = g->paused;
	c->origin = API_INTERNAL;
	c->msg = api_msg_find("VM.start", strlen("VM.start"));
	c->method = c->msg->name;
	c->received = 4;
	c->args = a;
	c->done = started;
	c->owner = b;
	b->starting++;
	api_dispatch(c, rd);
	return true;
}

/* start_all - every guest that the seed says runs */
static void
start_all(struct api_boot *b)
{
	struct fld_reader *rd = fld_reader_new(b->env->store);

	b->starting = 1; /* so that a start that ends at once is not the last */
	for (size_t i = 0; rd != NULL && i < b->seed.n; i++)
		if (!start(b, &b->seed.guests[i], rd))
			b->calls.warn(b->calls.ctx, "seed: out of memory");
	fld_reader_free(&rd);
	b->starting--;
	start_next(b);
}

/* is_empty - no VM but control domains in the store */
static bool
is_empty(const struct fld_view *v)
{
	const struct idl_vm *vm = NULL;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		if (!vm->is_control_domain)
			return false;
	return true;
}

static enum wrq_verdict
seed_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct api_boot *b = ((struct step *)(void *)job)->b;

	b->text[0] = '\0';
	api_seed_free(&b->seed);
	if (b->seed_path == NULL || !is_empty(fld_tx_view(tx)))
		return WRQ_ABORT;
	if (api_seed_load(b->seed_path, tx, b->env, &b->seed, b->text,
		sizeof(b->text)) != ERR_NONE)
		return WRQ_ABORT;
	return WRQ_COMMIT;
}

static void
seed_done(struct wrq_job *job)
{
	struct api_boot *b = ((struct step *)(void *)job)->b;

	free(job);
	if (b->text[0] != '\0')
		b->calls.hopeless(b->calls.ctx, b->text);
	else
		start_all(b);
}

static void
seed_failed(struct wrq_job *job, const struct failure *why)
{
	struct api_boot *b = ((struct step *)(void *)job)->b;

	free(job);
	b->calls.hopeless(
	    b->calls.ctx, why->n > 0 ? why->param[0] : "seed not stored");
}

/* ---- facts ---- */

/* ensure_pool - the pool record, made before the first host */
static enum err
ensure_pool(struct api_env *env, struct fld_tx *tx, struct failure *why)
{
	/* Clients look here whether dynamic memory control is on. */
	static const char *const key = "restrict_dmc", *const value = "false";
	static const struct idl_map restrictions = {1, &key, &value};
	struct idl_ref ref = api_new_ref(env), uuid = api_new_ref(env);
	struct idl_pool *pool;
	char text[IDL_UUID_TEXT];

	if (fld_count(fld_tx_view(tx), IDL_CLASS_POOL) > 0)
		return ERR_NONE;
	pool = fld_tx_create(tx, IDL_CLASS_POOL, &ref);
	if (pool == NULL)
		return err_internal(why, "out of memory");
	idl_uuid_write(&uuid, text);
	pool->uuid = arena_strndup(fld_tx_arena(tx), text, strlen(text));
	pool->restrictions = &restrictions;
	return pool->uuid != NULL ? ERR_NONE
				  : err_internal(why, "out of memory");
}

/*
 * hear - count a message; false: others before it were never run
 *
 * Memory was short when they came, or when they were to be run.  Running one
 * again counts it once.
 */
static bool
hear(struct api_boot *b, const struct fact *f)
{
	if (f->number == 0)
		b->heard = 0;
	if (f->number == b->heard)
		b->heard++;
	return f->number < b->heard;
}

/* apply - a message becomes what the records say */
static enum err
apply(struct fact *f, struct fld_tx *tx, struct failure *why)
{
	struct api_boot *b = f->b;
	enum err rc = ERR_NONE;

	/* Who was not reported has ended: not so if one was not heard. */
	if (!hear(b, f) && f->msg.type == HV_SYNCED)
		return err_internal(why, "not all reports were heard");
	if (f->msg.type == HV_HELLO)
		rc = ensure_pool(b->env, tx, why);
	if (rc == ERR_NONE)
		rc = hv_facts_apply(b->facts, tx, &f->msg,
		    b->env->wall_s(b->env->ctx), &f->next, why);
	if (f->msg.type != HV_HELLO)
		return rc;
	if (rc == ERR_NONE)
		atomic_store(&b->env->world, f->msg.u.hello.flags);
	else
		b->heard = 0; /* no report has begun */
	return rc;
}

/* polling - how often the VM of a reported domain is to be polled */
static int64_t
polling(const struct hv_msg *m, const struct fld_view *v)
{
	const struct idl_ref ref = {m->u.domain.uuid.hi, m->u.domain.uuid.lo};
	char text[IDL_UUID_TEXT];
	const char *uuid = text;
	const struct idl_vm *vm;

	if (m->type != HV_DOMAIN)
		return 0;
	idl_uuid_write(&ref, text);
	vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_UUID, &uuid, NULL);
	return vm != NULL ? vm->memory_stats_polling_interval : 0;
}

static enum wrq_verdict
fact_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct fact *f = (struct fact *)(void *)job;
	struct failure why;
	enum err rc;

	f->next = f->at; /* it may run again, as if for the first time */
	free(f->ranges);
	rc = apply(f, tx, &why);
	f->ranges = hv_facts_take_ranges(f->b->facts, &f->nranges);
	f->refused = rc != ERR_NONE;
	f->poll_s = f->refused ? 0 : polling(&f->msg, fld_tx_view(tx));
	if (f->msg.type == HV_RESULT)
		return WRQ_ABORT; /* of the loop's: no record says it */
	if (!f->refused)
		return WRQ_COMMIT;
	(void)snprintf(f->b->text, sizeof(f->b->text),
	    "hypervisor fact refused: %s %s", idl_errors[rc].code,
	    why.n > 0 ? why.param[0] : "");
	return WRQ_ABORT;
}

/* begin_seed - the world is known for the first time */
static void
begin_seed(struct api_boot *b)
{
	struct step *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		b->calls.hopeless(b->calls.ctx, "out of memory");
		return;
	}
	s->job.run = seed_run;
	s->job.done = seed_done;
	s->job.failed = seed_failed;
	s->b = b;
	wrq_push(b->env->writer, &s->job);
}

/* bind - domains that have started get their records' ranges */
static void
bind(const struct fact *f)
{
	struct api_env *env = f->b->env;

	for (size_t i = 0; i < f->nranges; i++) {
		const struct hv_facts_range *r = &f->ranges[i];
		struct hv_command cmd = {
		    .id = BIND_ID,
		    .verb = HV_SET_RANGE,
		    .domid = r->domid,
		    .host = r->host,
		    .uuid = r->uuid,
		    .dynamic_min_kib = r->min_kib,
		    .dynamic_max_kib = r->max_kib,
		    .target_kib = r->target_kib,
		    .static_max_kib = r->static_max_kib,
		};

		/* Lost with its process: with that one back it is tried anew.
		 */
		(void)env->command(env->ctx, &cmd);
	}
}

/* tell - what whoever runs this should know of a host */
static void
tell(struct api_boot *b, const struct hv_host *h)
{
	char text[HV_NAME_BYTES + 200];

	if (!(h->flags & HV_H_ESTIMATED) || (h->flags & HV_H_SAMPLING) ||
	    b->told_estimate)
		return;
	b->told_estimate = true;
	(void)snprintf(text, sizeof(text),
	    "host %s: what the hypervisor keeps for itself is an estimate, "
	    "until the host is booted: guests were running when it was looked "
	    "at first",
	    h->name);
	b->calls.warn(b->calls.ctx, text);
}

/* fact_free - with what hangs on it */
static void
fact_free(struct fact *f)
{
	free(f->ranges);
	free(f);
}

static void
fact_done(struct wrq_job *job)
{
	struct fact *f = (struct fact *)(void *)job;
	struct api_boot *b = f->b;
	bool synced = f->msg.type == HV_SYNCED, refused = f->refused;
	bool is_reserve = f->msg.type == HV_RESULT &&
			  f->msg.u.result.id == API_RESERVE_ID &&
			  f->msg.u.result.status != HV_LOST;
	bool heard;

	if (!refused) {
		bind(f);
		f->at = f->next;
	}
	if (!refused && f->msg.type == HV_HOST)
		tell(b, &f->msg.u.host);
	if (!refused && synced && f->at.phase != HV_FACTS_DONE) {
		wrq_push(b->env->writer, &f->job);
		return;
	}
	heard = refused || api_bal_hear(b->env->bal, &f->msg);
	if (!refused)
		api_stats_hear(b->env, &f->msg, f->poll_s);
	if (is_reserve)
		api_reserve_heard(b->env);
	fact_free(f);
	if (refused || !heard) {
		resync(b, refused ? b->text : "balancing: out of memory");
		return;
	}
	if (!synced)
		return;
	b->resync_ms = RESYNC_FIRST_MS;
	if (b->booted)
		return;
	b->booted = true;
	if (api_reserve_start(b->env))
		begin_seed(b);
	else
		b->calls.hopeless(b->calls.ctx, "out of memory");
}

static void
fact_failed(struct wrq_job *job, const struct failure *why)
{
	struct fact *f = (struct fact *)(void *)job;
	struct api_boot *b = f->b;

	fact_free(f);
	resync(b, why->n > 0 ? why->param[0] : "fact not stored");
}

void
api_boot_up(struct api_boot *b, const struct hv_msg *m)
{
	struct fact *f;
	uint64_t number;

	if (m->type == HV_RESULT && m->u.result.id == BIND_ID) {
		if (m->u.result.status != HV_OK)
			b->calls.warn(b->calls.ctx,
			    "a domain could not be given its VM's limits");
		return;
	}
	if (m->type == HV_RESULT && m->u.result.id < API_BAL_ID) {
		api_hv_result(b->env, &m->u.result);
		return;
	}
	if (m->type == HV_STATS) {
		api_stats_note(b->env->stats, &m->u.stats);
		return;
	}
	if (m->type == HV_DIRTIED) {
		api_stats_dirtied(b->env, &m->u.dirtied);
		return;
	}
	if (m->type == HV_HELLO)
		b->said = 0;
	number = b->said++;
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		resync(b, "hypervisor fact lost: out of memory");
		return;
	}
	f->job.run = fact_run;
	f->job.done = fact_done;
	f->job.failed = fact_failed;
	f->b = b;
	f->number = number;
	f->msg = *m;
	wrq_push(b->env->writer, &f->job);
}

void
api_boot_lost(struct api_boot *b)
{
	api_hv_lost(b->env);
	api_bal_lost(b->env->bal);
	api_stats_lost(b->env);
}

/* new_ref - hv_facts' way to a fresh ref */
static struct idl_ref
new_ref(void *ctx)
{
	return api_new_ref(ctx);
}

struct api_boot *
api_boot_new(struct api_env *env, const char *seed_path,
    const struct api_boot_calls *calls)
{
	struct api_boot *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->env = env;
	b->seed_path = seed_path;
	b->calls = *calls;
	b->resync_ms = RESYNC_FIRST_MS;
	b->facts = hv_facts_new(new_ref, env,
	    env->balance == BAL_LOOP_SHARES ? HV_FACTS_LEAVES
					    : HV_FACTS_RAISES);
	env->bal = api_bal_new(env, calls->warn, calls->ctx);
	if (b->facts == NULL || env->bal == NULL) {
		api_bal_free(&env->bal);
		hv_facts_free(&b->facts);
		free(b);
		return NULL;
	}
	env->resync = resync_from;
	env->resync_ctx = b;
	return b;
}

void
api_boot_free(struct api_boot **bp)
{
	struct api_boot *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	b->env->resync = NULL;
	api_reserve_stop(b->env);
	api_bal_free(&b->env->bal);
	hv_facts_free(&b->facts);
	api_seed_free(&b->seed);
	free(b);
}
