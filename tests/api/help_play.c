/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * help_play - random calls of a world, several of them under way at a time
 */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/mem.h"

/* Api */
#include "api/reserve.h"

/* Own */
#include "tests/api/help_play.h"

#define END_MS 1000
#define END_STEPS 10000

/* ---- one call ---- */

static void
done(struct api_call *c)
{
	((struct play_call *)c->owner)->ended = true;
}

void
play_say(struct play *p, const struct api_call *c)
{
	char why[120] = "works";

	if (c->err != ERR_NONE)
		calls_why(&c->why, why, sizeof(why));
	(void)snprintf(p->said, sizeof(p->said), "%s -> %s", c->method, why);
}

/* check_internal - nothing goes wrong inside but what the hypervisor refused */
static void
check_internal(const struct play *p, const struct api_call *c)
{
	if (c->err == ERR_INTERNAL_ERROR)
		cr_assert(
		    c->stage != NULL && c->hv.status != HV_OK, "%s", p->said);
}

/* finish - an ended call goes */
static void
finish(struct play *p, struct play_call *s)
{
	play_say(p, &s->c);
	check_internal(p, &s->c);
	if (s->c.err == ERR_NONE)
		p->good++;
	else
		p->bad++;
	if (p->heard != NULL)
		p->heard(p, &s->c);
	api_call_fini(&s->c);
	s->busy = false;
}

void
play_begin(struct play *p, struct play_call *s, const struct fld_view *v)
{
	memset(s, 0, sizeof(*s));
	s->busy = true;
	cr_assert(calls_prepare(&s->c, &p->w.env, calls_pick(&p->r, v)));
	cr_assert(calls_fill(&s->c, v, &p->r));
	s->c.done = done;
	s->c.owner = s;
	api_dispatch(&s->c, p->w.reader);
	world_pass(&p->w, 0);
}

void
play_reap(struct play *p)
{
	for (int i = 0; i < PLAY_CALLS; i++)
		if (p->call[i].busy && p->call[i].ended)
			finish(p, &p->call[i]);
}

void
play_kill(struct play *p, enum world_reboot reboot)
{
	world_restart(&p->w, reboot);
	for (int i = 0; i < PLAY_CALLS; i++) {
		if (!p->call[i].busy)
			continue;
		cr_assert(p->call[i].ended, "%s", p->call[i].c.method);
		api_call_fini(&p->call[i].c);
		p->call[i].busy = false;
	}
}

/* ---- the end of a play ---- */

/* is_busy - is anything under way? */
static bool
is_busy(const struct play *p)
{
	for (int i = 0; i < PLAY_CALLS; i++)
		if (p->call[i].busy)
			return true;
	return false;
}

void
play_end_all(struct play *p)
{
	for (int i = 0; i < END_STEPS && is_busy(p); i++) {
		world_pass(&p->w, END_MS);
		play_reap(p);
	}
	cr_assert(!is_busy(p), "a call is never answered");
	cr_assert_eq(wrq_parked(p->w.writer), 0);
	cr_assert_eq(p->w.env.op_waiters, 0);
}

/* others - VMs that are no control domains, in list; how many */
static size_t
others(struct play *p, struct idl_ref *list)
{
	const struct fld_view *v = fld_pin(p->w.reader);
	const struct idl_vm *vm = NULL;
	size_t n = 0;

	cr_assert_not_null(v);
	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm != NULL ? &vm->h.ref : NULL)) != NULL)
		if (!vm->is_control_domain && n < PLAY_VMS_MAX)
			list[n++] = vm->h.ref;
	fld_unpin(p->w.reader, v);
	return n;
}

/* remove_vm - whatever it does */
static void
remove_vm(struct play *p, const struct idl_ref *ref)
{
	const struct idl_vm *vm = world_vm(&p->w, ref);
	enum err rc = ERR_NONE;

	/* A suspended one is deleted as it is: it may be a template. */
	if (vm->power_state == IDL_VM_POWER_STATE_RUNNING ||
	    vm->power_state == IDL_VM_POWER_STATE_PAUSED)
		rc = world_call(&p->w, "VM.hard_shutdown", ref);
	cr_assert_eq(rc, ERR_NONE, "%s", world_why(&p->w));
	rc = world_call(&p->w, "VM.destroy", ref);
	cr_assert_eq(rc, ERR_NONE, "%s", world_why(&p->w));
}

/* count - records of a class */
static uint64_t
count(struct play *p, int cls)
{
	const struct fld_view *v = fld_pin(p->w.reader);
	uint64_t n;

	cr_assert_not_null(v);
	n = fld_count(v, cls);
	fld_unpin(p->w.reader, v);
	return n;
}

void
play_clear(struct play *p)
{
	struct idl_ref list[PLAY_VMS_MAX];
	size_t n = others(p, list);

	for (size_t i = 0; i < n; i++)
		remove_vm(p, &list[i]);
	/* Nothing is held for ever. */
	world_pass(&p->w, (int64_t)RESERVE_TTL_MAX_S * 1000);
	world_pass(&p->w, RESERVE_LOOK_MS);
	cr_assert_eq(count(p, IDL_CLASS_MEMORY_RESERVATION), 0);
	cr_assert_eq(count(p, IDL_CLASS_RESERVATION_COUNT), 0);
}

int64_t
play_free_bytes(struct play *p)
{
	const struct fld_view *v = fld_pin(p->w.reader);
	const struct idl_host *host = NULL;
	int64_t sum = 0, one = 0;
	struct failure why;

	cr_assert_not_null(v);
	while ((host = fld_next(v, IDL_CLASS_HOST,
		    host != NULL ? &host->h.ref : NULL)) != NULL) {
		cr_assert_eq(mem_free(v, &host->h.ref, NULL, &one, &why), 0);
		sum += one;
	}
	fld_unpin(p->w.reader, v);
	return sum;
}
