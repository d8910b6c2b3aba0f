/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Xen */
#include "xen/hv_facts.h"

/* Server */
#include "server/xml.h"

/* Api */
#include "api/bal.h"
#include "api/evt.h"
#include "api/reserve.h"
#include "api/timer.h"

/* own */
#include "tests/api/help_world.h"

#define CALL_ARENA_BYTES (256 * 1024)

/* ---- what the daemon has ---- */

static int64_t
now_ms(void *ctx)
{
	return ((struct world *)ctx)->now_ms;
}

static int64_t
wall_s(void *ctx)
{
	const struct world *w = ctx;

	return 1700000000 + w->wall_s + w->now_ms / 1000;
}

/* fill_random - splitmix64: the same in every run */
static void
fill_random(void *ctx, void *buf, size_t n)
{
	struct world *w = ctx;
	unsigned char *p = buf;

	for (size_t i = 0; i < n; i++) {
		uint64_t z = (w->random += 0x9e3779b97f4a7c15ull);

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
		p[i] = (unsigned char)(z >> 24);
	}
}

static bool
send_command(void *ctx, const struct hv_command *cmd)
{
	struct world *w = ctx;
	struct hv_msg m;

	if (cmd->id < API_BAL_ID) {
		w->commands++;
		w->last = *cmd;
	}
	if (w->deaf || w->hangs || w->link == NULL)
		return w->hangs;
	hv_msg_init(&m, HV_COMMAND);
	m.u.command = *cmd;
	cr_assert(hv_msg_check(&m, m.bytes), "a command that is none");
	return hv_link_send(w->link, &m);
}

static void
up(void *ctx, const struct hv_msg *m)
{
	struct world *w = ctx;

	if (!w->mute || m->type != HV_DIRTIED)
		api_boot_up(w->boot, m);
}

static void
on_ready(void *ctx)
{
	((struct world *)ctx)->ready = true;
}

static void
on_text(void *ctx, const char *text)
{
	struct world *w = ctx;

	(void)snprintf(w->text, sizeof(w->text), "%s", text);
}

static void
on_fatal(void *ctx, const struct failure *why)
{
	struct world *w = ctx;

	cr_assert(w->is_doomed, "the writer gave up: %s", why->param[0]);
	w->is_dead = true;
}

static void
sync_up(void *ctx)
{
	struct world *w = ctx;
	struct hv_msg m;

	if (w->link == NULL || w->fed)
		return; /* closing, or somebody else reports */
	hv_msg_init(&m, HV_SYNC);
	cr_assert(hv_link_send(w->link, &m));
}

static void
on_committed(void *ctx, const struct fld_change *change, size_t n)
{
	struct world *w = ctx;

	if (w->watch != NULL)
		w->watch(w->watch_ctx, change, n);
	api_evt_note(&w->env, change, n);
	api_bal_note(&w->env, change, n);
	api_reserve_note(&w->env, change, n);
}

/* pump - everything that can happen without time going by */
static void
pump(struct world *w)
{
	while (wrq_run_once(w->writer))
		;
}

/* ---- opening and closing ---- */

/* start - a daemon over w->journal and w->sim */
static void
start(struct world *w, const char *ini)
{
	static const struct hv_link_calls none;
	struct hv_link_calls calls = none;
	struct api_boot_calls boot = {.ctx = w,
	    .ready = on_ready,
	    .hopeless = on_text,
	    .warn = on_text,
	    .sync = sync_up};
	struct wrq_config q = {.now_ms = now_ms,
	    .fatal = on_fatal,
	    .committed = on_committed,
	    .ctx = w};

	w->ready = false;
	w->text[0] = '\0';
	cr_assert_eq(fld_open(&w->store, w->journal, &mem_rules, &w->why),
	    ERR_NONE, "%s", w->why.param[0]);
	q.store = w->store;
	w->writer = wrq_new(&q);
	w->reader = fld_reader_new(w->store);
	cr_assert(w->writer != NULL && w->reader != NULL);
	memset(&w->env, 0, sizeof(w->env));
	w->env.store = w->store;
	w->env.writer = w->writer;
	w->env.ctx = w;
	w->env.command = send_command;
	w->env.now_ms = now_ms;
	w->env.wall_s = wall_s;
	w->env.random = fill_random;
	w->env.result_text = xml_result_text;
	w->env.evt_stepped = true;
	w->env.balance = w->balance;
	w->env.lock_wait_ms = 2000;
	w->env.target_wait_ms = 256000;
	w->env.sessions_max = 10;
	cr_assert_eq(api_env_init(&w->env), 0);
	w->boot = api_boot_new(&w->env, ini, &boot);
	calls.ctx = w;
	calls.up = up;
	w->link = hv_sim_link(w->sim, &calls);
	cr_assert(w->boot != NULL && w->link != NULL);
	sync_up(w);
	pump(w);
}

/* stop - the daemon ends */
static void
stop(struct world *w)
{
	if (w->pin != NULL)
		fld_unpin(w->reader, w->pin);
	w->pin = NULL;
	if (w->link != NULL)
		hv_link_close(&w->link, HV_LEAVE_RUNNING);
	api_evt_stop(&w->env);
	api_timers_stop(&w->env);
	if (w->boot != NULL)
		api_boot_lost(w->boot); /* what waits for its answer ends */
	wrq_stop(&w->writer);
	api_boot_free(&w->boot);
	api_env_fini(&w->env);
	fld_reader_free(&w->reader);
	fld_close(&w->store);
}

/* open_mode - a service that balances, or lets guests be */
static void
open_mode(struct world *w, const struct hv_sim_host *hosts, size_t n,
    const char *ini, enum bal_loop_mode balance)
{
	memset(w, 0, sizeof(*w));
	w->balance = balance;
	w->now_ms = 1000;
	cr_assert_leq(n, WORLD_HOSTS_MAX);
	if (n > 0)
		memcpy(w->hosts, hosts, n * sizeof(*hosts));
	w->nhosts = n;
	w->journal = jrn_memory_new();
	w->sim = hv_sim_new(hosts, n);
	cr_assert(w->journal != NULL && w->sim != NULL);
	start(w, ini);
}

void
world_open(
    struct world *w, const struct hv_sim_host *hosts, size_t n, const char *ini)
{
	open_mode(w, hosts, n, ini, BAL_LOOP_RESTS);
}

void
world_open_balanced(struct world *w, const struct hv_sim_host *hosts, size_t n)
{
	open_mode(w, hosts, n, NULL, BAL_LOOP_SHARES);
}

void
world_close(struct world *w)
{
	stop(w);
	hv_sim_free(&w->sim);
}

void
world_restart(struct world *w, enum world_reboot reboot)
{
	struct jrn *journal = jrn_memory_copy(w->journal);
	void (*watch)(void *, const struct fld_change *, size_t) = w->watch;

	cr_assert_not_null(journal);
	w->watch = NULL; /* what a dead daemon still does was never done */
	stop(w);
	w->watch = watch;
	w->journal = journal;
	w->is_doomed = w->is_dead = false;
	if (reboot == WORLD_REBOOTS) {
		hv_sim_free(&w->sim);
		w->sim = hv_sim_new(w->hosts, w->nhosts);
		cr_assert_not_null(w->sim);
	}
	start(w, NULL);
}

void
world_doom(struct world *w, size_t commits, enum world_batch batch)
{
	w->is_doomed = true;
	jrn_memory_doom(w->journal, commits, batch == WORLD_BATCH_KEPT);
}

void
world_reboot(struct world *w)
{
	static const struct hv_link_calls none;
	struct hv_link_calls calls = none;

	hv_link_close(&w->link, HV_LEAVE_RUNNING);
	api_boot_lost(w->boot);
	pump(w);
	hv_sim_free(&w->sim);
	w->sim = hv_sim_new(w->hosts, w->nhosts);
	cr_assert_not_null(w->sim);
	calls.ctx = w;
	calls.up = up;
	w->link = hv_sim_link(w->sim, &calls);
	cr_assert_not_null(w->link);
	sync_up(w);
	pump(w);
}

/* ---- calls ---- */

/* take_arg - one parameter of the variable list, into the arguments */
static void
take_arg(const struct idl_param *p, void *args, va_list ap)
{
	char *to = (char *)args + p->offset;
	const void *ptr;
	int64_t n;
	double d;
	int i;

	switch (p->type->kind) {
	case IDL_INT:
	case IDL_DATETIME:
		n = va_arg(ap, int64_t);
		memcpy(to, &n, sizeof(n));
		break;
	case IDL_FLOAT:
		d = va_arg(ap, double);
		memcpy(to, &d, sizeof(d));
		break;
	case IDL_BOOL:
		*(bool *)to = va_arg(ap, int) != 0;
		break;
	case IDL_ENUM:
		i = va_arg(ap, int);
		memcpy(to, &i, sizeof(i));
		break;
	case IDL_REF:
		ptr = va_arg(ap, const void *);
		memcpy(to, ptr, sizeof(struct idl_ref));
		break;
	default: /* pointers */
		ptr = va_arg(ap, const void *);
		memcpy(to, &ptr, sizeof(ptr));
		break;
	}
}

static void
done(struct api_call *c)
{
	struct world_call *p = c->owner;
	struct world *w = p->w;
	const struct idl_set *set;

	p->ended = true;
	if (c->err != ERR_NONE)
		return;
	switch (c->msg->result->kind) {
	case IDL_INT:
		memcpy(&w->result.number, c->result, sizeof(int64_t));
		break;
	case IDL_BOOL:
		memcpy(&w->result.yes, c->result, sizeof(bool));
		break;
	case IDL_REF:
		memcpy(&w->result.ref, c->result, sizeof(struct idl_ref));
		break;
	case IDL_SET:
		if (c->rows != API_ROWS_NONE)
			break;
		memcpy(&set, c->result, sizeof(set));
		w->members = set->n;
		break;
	default:
		break;
	}
}

/* resume - in the daemon: posted to the call's thread; here all are one */
static void
resume(struct api_call *c)
{
	api_resume(c, ((struct world_call *)c->owner)->w->reader);
}

static void
begin(struct world *w, struct world_call *p, const char *method, va_list ap)
{
	struct api_call *c = &p->c;

	memset(p, 0, sizeof(*p));
	p->w = w;
	api_call_init(c, &w->env, CALL_ARENA_BYTES);
	c->origin = API_INTERNAL;
	c->method = method;
	c->msg = api_msg_find(method, strlen(method));
	cr_assert_not_null(c->msg, "%s is not served", method);
	c->args = arena_alloc(&c->arena, c->msg->args_bytes + 1);
	cr_assert_not_null(c->args);
	for (int i = 0; i < c->msg->nparams; i++)
		take_arg(&c->msg->params[i], c->args, ap);
	c->received = (unsigned)c->msg->nparams + 1;
	c->done = done;
	c->resume = resume;
	c->owner = p;
	api_dispatch(c, w->reader);
	pump(w);
}

void
world_begin(struct world *w, struct world_call *p, const char *method, ...)
{
	va_list ap;

	va_start(ap, method);
	begin(w, p, method, ap);
	va_end(ap);
}

enum err
world_end(struct world_call *p)
{
	struct world *w = p->w;
	enum err rc;

	cr_assert(p->ended, "%s has not ended", p->c.method);
	rc = p->c.err;
	err_copy(&w->why, &p->c.why);
	w->why.code = rc;
	api_call_fini(&p->c);
	return rc;
}

enum err
world_call(struct world *w, const char *method, ...)
{
	struct world_call p;
	va_list ap;

	va_start(ap, method);
	begin(w, &p, method, ap);
	va_end(ap);
	return world_end(&p);
}

void
world_pass(struct world *w, int64_t ms)
{
	w->now_ms += ms;
	hv_sim_step(w->sim, (uint64_t)ms);
	pump(w);
	(void)api_evt_step(&w->env, w->now_ms);
}

void
world_fact(struct world *w, const struct hv_msg *m)
{
	cr_assert(hv_msg_check(m, m->bytes));
	api_boot_up(w->boot, m);
	pump(w);
}

/* ---- looking ---- */

/* look - the newest image */
static const struct fld_view *
look(struct world *w)
{
	const struct fld_view *v = fld_pin(w->reader);

	cr_assert_not_null(v);
	if (w->pin != NULL)
		fld_unpin(w->reader, w->pin);
	w->pin = v;
	return v;
}

const struct idl_vm *
world_vm(struct world *w, const struct idl_ref *ref)
{
	const struct idl_vm *vm = fld_get(look(w), IDL_CLASS_VM, ref);

	cr_assert_not_null(vm);
	return vm;
}

const struct idl_vm_metrics *
world_metrics(struct world *w, const struct idl_ref *ref)
{
	const struct idl_vm *vm = world_vm(w, ref);
	const struct idl_vm_metrics *m =
	    fld_get(w->pin, IDL_CLASS_VM_METRICS, &vm->metrics);

	cr_assert_not_null(m);
	return m;
}

const struct idl_host *
world_host(struct world *w, const struct idl_ref *ref)
{
	const struct idl_host *host = fld_get(look(w), IDL_CLASS_HOST, ref);

	cr_assert_not_null(host);
	return host;
}

struct idl_ref
world_find_vm(struct world *w, const char *name)
{
	const struct idl_vm *vm =
	    fld_find(look(w), IDL_CLASS_VM, IDL_VM_F_NAME_LABEL, &name, NULL);

	cr_assert_not_null(vm, "no VM %s", name);
	return vm->h.ref;
}

struct idl_ref
world_first_host(struct world *w)
{
	const struct idl_host *host = fld_next(look(w), IDL_CLASS_HOST, NULL);

	cr_assert_not_null(host, "no host");
	return host->h.ref;
}

int64_t
world_free(struct world *w, const struct idl_ref *host)
{
	cr_assert_eq(world_call(w, "host.compute_free_memory", host), ERR_NONE);
	return w->result.number;
}

void
world_record(struct idl_vm *rec, const struct world_shape *s)
{
	static const char *const keys[] = {"sim"};
	static const char *values[1];
	static const struct idl_map sim = {1, keys, values};

	idl_record_init(idl_classes[IDL_CLASS_VM], rec);
	rec->name_label = s->name;
	rec->domain_type = s->type;
	rec->HVM_boot_policy = s->type == IDL_DOMAIN_TYPE_HVM ? "x" : "";
	rec->memory_static_min = s->static_min * MIB;
	rec->memory_dynamic_min = s->dynamic_min * MIB;
	rec->memory_dynamic_max = s->dynamic_max * MIB;
	rec->memory_static_max = s->static_max * MIB;
	rec->VCPUs_max = s->vcpus;
	rec->VCPUs_at_startup = s->vcpus;
	rec->HVM_shadow_multiplier = s->multiplier;
	if (s->sim == NULL)
		return;
	values[0] = s->sim;
	rec->other_config = &sim;
}

struct idl_ref
world_new_vm(struct world *w, const struct world_shape *s)
{
	struct idl_vm rec;

	world_record(&rec, s);
	cr_assert_eq(
	    world_call(w, "VM.create", &rec), ERR_NONE, "%s", world_why(w));
	return w->result.ref;
}

const char *
world_why(struct world *w)
{
	static char text[600];
	size_t n = (size_t)snprintf(
	    text, sizeof(text), "%s", idl_errors[w->why.code].code);

	for (unsigned i = 0; i < w->why.n && n < sizeof(text); i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, " %s", w->why.param[i]);
	return text;
}

void
world_check(struct world *w)
{
	const struct fld_view *v = look(w);
	const struct idl_vm *vm = NULL;
	struct failure why;
	char text[300];

	cr_assert_eq(mem_rules.verify(v, &why), ERR_NONE, "%s", why.param[0]);
	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		cr_assert_eq(mem_rules.check(v, IDL_CLASS_VM, vm, &why),
		    ERR_NONE, "%s", vm->name_label);
	cr_assert(hv_sim_conserves(w->sim, text, sizeof(text)), "%s", text);
}
