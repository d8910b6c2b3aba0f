/* SPDX-License-Identifier: BSD-2-Clause */

/* Events: what a caller is told, and when. */

/* System */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Api */
#include "api/evt_priv.h"
#include "api_handlers.h"

/* own */
#include "tests/api/help_world.h"

#define TEXT_BYTES 2000

static struct world w;
static struct idl_ref a; /* a halted VM */
static char token[EVT_TOKEN_BYTES];

static const char *const vm_only[] = {"vm"};
static const struct idl_set vms = {1, vm_only};
static const char *const star[] = {"*"};
static const struct idl_set all = {1, star};

static struct idl_ref
make(const char *name)
{
	const struct world_shape s = {
	    name, IDL_DOMAIN_TYPE_HVM, 64, 64, 128, 128, 1, 1.0, NULL};

	return world_new_vm(&w, &s);
}

static void
open_world(void)
{
	world_open(&w, NULL, 0, NULL);
	a = make("a");
	token[0] = '\0';
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(evt, .init = open_world, .fini = close_world);

/* tell - the events of an answer: "add vm a, del vm"; keeps its token */
static const char *
tell(struct world_call *p)
{
	static char text[TEXT_BYTES];
	const struct idl_event_batch *b;
	size_t n = 0;

	text[0] = '\0';
	if (!p->ended)
		return "waits";
	if (p->c.err != ERR_NONE) {
		w.why.code = p->c.err;
		err_copy(&w.why, &p->c.why);
		(void)world_end(p);
		return world_why(&w);
	}
	memcpy(&b, p->c.result, sizeof(b));
	for (uint32_t i = 0; i < b->events->n; i++) {
		const struct idl_event *e =
		    ((const struct idl_event *const *)b->events->items)[i];
		const struct idl_vm *vm = e->snapshot;
		const char *name = "";

		if (vm != NULL && vm->h.cls == IDL_CLASS_VM)
			name = vm->name_label;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s%s%s",
		    n > 0 ? ", " : "",
		    (const char *const[]){"add", "del", "mod"}[e->operation],
		    e->class, *name != '\0' ? " " : "", name);
	}
	(void)snprintf(token, sizeof(token), "%s", b->token);
	(void)world_end(p);
	return text;
}

/* now - what an event.from that does not wait says */
static const char *
now(const struct idl_set *classes)
{
	struct world_call p;

	world_begin(&w, &p, "event.from", classes, token, 0.0);
	return tell(&p);
}

static void
rename_to(const struct idl_ref *vm, const char *name)
{
	cr_assert_eq(world_call(&w, "VM.set_name_label", vm, name), ERR_NONE);
}

static void
destroy(const struct idl_ref *vm)
{
	cr_assert_eq(world_call(&w, "VM.destroy", vm), ERR_NONE);
}

Test(evt, everything_that_exists_is_added)
{
	struct world_call p;
	const struct idl_event_batch *b;
	const char *const *keys;
	const int64_t *counts;

	world_begin(&w, &p, "event.from", &all, "", 0.0);
	memcpy(&b, p.c.result, sizeof(b));
	keys = b->valid_ref_counts->keys;
	counts = b->valid_ref_counts->values;
	cr_expect_eq(b->valid_ref_counts->n, 8);
	for (uint32_t i = 0; i < b->valid_ref_counts->n; i++) {
		uint32_t n = 0;

		for (uint32_t k = 0; k < b->events->n; k++) {
			const struct idl_event *e =
			    ((const struct idl_event *const *)
				    b->events->items)[k];

			cr_expect_eq(e->operation, IDL_EVENT_OPERATION_ADD);
			n += strcmp(e->class, keys[i]) == 0;
		}
		cr_expect_eq(n, (uint32_t)counts[i], "%s", keys[i]);
	}
	(void)tell(&p);
	cr_expect_str_eq(now(&all), "");
}

Test(evt, many_changes_of_one_object_are_one)
{
	(void)now(&vms);
	rename_to(&a, "b");
	rename_to(&a, "c");
	cr_expect_str_eq(now(&vms), "mod vm c");
	cr_expect_str_eq(now(&vms), "");
}

Test(evt, what_came_and_went_is_not_told)
{
	struct idl_ref b;

	(void)now(&vms);
	b = make("b");
	rename_to(&b, "c");
	destroy(&b);
	cr_expect_str_eq(now(&vms), "");
}

Test(evt, adds_then_mods_then_dels)
{
	struct idl_ref b = make("b");

	(void)now(&vms);
	destroy(&b);
	rename_to(&a, "z");
	(void)make("c");
	cr_expect_str_eq(now(&vms), "add vm c, mod vm z, del vm");
}

Test(evt, subscriptions)
{
	char one[60] = "Vm/";
	static const struct {
		const char *text, *said;
	} rows[] = {
	    {"blob", ""},
	    {"session", ""},
	    {"event", ""},
	    {"host_account", ""},
	    {"vm/OpaqueRef:x", ""},
	    {"vm/a/b", ""},
	    {"", "EVENT_SUBSCRIPTION_PARSE_FAILURE "},
	    {"/", "EVENT_SUBSCRIPTION_PARSE_FAILURE /"},
	    {"vm/", "EVENT_SUBSCRIPTION_PARSE_FAILURE vm/"},
	};
	struct idl_set set = {1, NULL};
	const char *p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set.items = &rows[i].text;
		token[0] = '\0';
		cr_expect_str_eq(now(&set), rows[i].said, "%s", rows[i].text);
	}
	idl_ref_write(&a, one + 3);
	p = one;
	set.items = &p;
	token[0] = '\0';
	cr_expect_str_eq(now(&set), "add vm a");
	rename_to(&a, "b");
	(void)make("c");
	cr_expect_str_eq(now(&set), "mod vm b");
}

Test(evt, tokens)
{
	static const char *const bad[] = {"x", "1", "1,", ",1", "1,2,3", "-1,1",
	    "1, 2", "111111111111111111111,1", "99999999999999999999,1"};
	char want[100];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(token, sizeof(token), "%s", bad[i]);
		(void)snprintf(want, sizeof(want),
		    "EVENT_FROM_TOKEN_PARSE_FAILURE %s", bad[i]);
		cr_expect_str_eq(now(&vms), want);
	}
	(void)snprintf(token, sizeof(token), "%020d,%020d", 3, 4);
	cr_expect_str_eq(now(&vms), "EVENTS_LOST");
	(void)snprintf(token, sizeof(token), "%020d,%020d", 0, 0);
	cr_expect_neq(strstr(now(&vms), "add vm a"), NULL);
	cr_expect_eq(strlen(token), 41);
}

Test(evt, a_token_of_another_run_is_lost)
{
	(void)now(&vms);
	world_restart(&w, WORLD_GOES_ON);
	cr_expect_str_eq(now(&vms), "EVENTS_LOST");
}

Test(evt, a_token_older_than_the_log_is_lost)
{
	struct fld_change change = {.cls = IDL_CLASS_VM, .ref = a};
	char old[EVT_TOKEN_BYTES];

	(void)now(&vms);
	(void)snprintf(old, sizeof(old), "%s", token);
	rename_to(&a, "b");
	change.was = change.now = world_vm(&w, &a);
	for (unsigned i = 1; i < EVT_LOG_MAX; i++)
		api_evt_note(&w.env, &change, 1);
	cr_expect_str_eq(now(&vms), "mod vm b");
	api_evt_note(&w.env, &change, 1);
	(void)snprintf(token, sizeof(token), "%s", old);
	cr_expect_str_eq(now(&vms), "EVENTS_LOST");
}

Test(evt, a_caller_waits_and_is_told_a_little_later)
{
	struct world_call p, q;

	(void)now(&vms);
	world_begin(&w, &p, "event.from", &vms, token, 30.0);
	world_begin(&w, &q, "event.from", &vms, token, 1.0);
	cr_expect_eq(api_evt_parked(&w.env), 2);
	(void)world_call(
	    &w, "pool.set_name_label", &(struct idl_ref){0, 0}, "nobody asked");
	world_pass(&w, 1100);
	cr_expect_str_eq(tell(&q), "", "its time is over");
	cr_expect_str_eq(tell(&p), "waits");
	rename_to(&a, "b");
	cr_expect_str_eq(tell(&p), "waits");
	rename_to(&a, "c");
	world_pass(&w, EVT_BATCH_MS);
	cr_expect_str_eq(tell(&p), "mod vm c");
	cr_expect_eq(api_evt_parked(&w.env), 0);
}

Test(evt, what_happened_already_is_told_without_being_woken)
{
	struct world_call p;

	(void)now(&vms);
	rename_to(&a, "b");
	world_begin(&w, &p, "event.from", &vms, token, 30.0);
	cr_expect_str_eq(tell(&p), "waits");
	world_pass(&w, EVT_BATCH_MS);
	cr_expect_str_eq(tell(&p), "mod vm b");
}

Test(evt, those_who_wait_are_answered_when_the_daemon_ends)
{
	struct world_call p;

	(void)now(&vms);
	world_begin(&w, &p, "event.from", &vms, token, 30.0);
	api_evt_stop(&w.env);
	cr_expect_str_eq(tell(&p), "");
	world_begin(&w, &p, "event.from", &vms, token, 30.0);
	cr_expect_str_eq(tell(&p), "", "nobody waits any more");
}

Test(evt, a_host_shows_its_vms)
{
	static const char *const names[] = {"host"};
	static const struct idl_set hosts = {1, names};

	(void)now(&hosts);
	cr_expect_eq(world_call(&w, "VM.start", &a, 0, 0), ERR_NONE);
	cr_expect_str_eq(now(&hosts), "mod host");
}

Test(evt, inject)
{
	char ref[IDL_REF_TEXT];

	idl_ref_write(&a, ref);
	(void)now(&vms);
	cr_expect_eq(world_call(&w, "event.inject", "VM", ref), ERR_NONE);
	cr_expect_str_eq(now(&vms), "mod vm a");
	cr_expect_eq(
	    world_call(&w, "event.inject", "vm", ref), ERR_HANDLE_INVALID);
	cr_expect_eq(world_call(&w, "event.inject", "VM", "nothing"),
	    ERR_HANDLE_INVALID);
}

Test(evt, no_wait_is_longer_than_a_day)
{
	static const double long_s[] = {-1.0, (double)NAN, 1e300, 86400.0};
	struct world_call p[4];

	(void)now(&vms);
	for (size_t i = 0; i < 4; i++)
		world_begin(&w, &p[i], "event.from", &vms, token, long_s[i]);
	world_pass(&w, 86400 * 1000LL - 1);
	for (size_t i = 0; i < 4; i++)
		cr_expect_str_eq(tell(&p[i]), "waits", "%g", long_s[i]);
	world_pass(&w, 1 + EVT_TICK_MS); /* rounded up */
	for (size_t i = 0; i < 4; i++)
		cr_expect_str_eq(tell(&p[i]), "", "%g", long_s[i]);
}

Test(evt, the_heart_beats)
{
	static const char *const names[] = {"pool"};
	static const struct idl_set pools = {1, names};
	struct world_call p;

	api_evt_start(&w.env);
	(void)now(&pools);
	jrn_memory_fail(w.journal, (struct jrn_memory_fault){0});
	for (int64_t i = 0, spent_ms = 0; i < 3; i++, spent_ms = EVT_BATCH_MS) {
		world_begin(&w, &p, "event.from", &pools, token, 60.0);
		world_pass(&w, EVT_BEAT_MS - spent_ms - 1);
		cr_expect_str_eq(tell(&p), "waits");
		world_pass(&w, 1);
		world_pass(&w, EVT_BATCH_MS);
		cr_expect_str_eq(tell(&p), "mod pool");
		cr_expect_str_eq(now(&vms), "", "nobody else hears it");
	}
	cr_expect_eq(jrn_memory_commits(w.journal), 0, "nothing is stored");
}

Test(evt, register_and_next)
{
	struct world_call p;

	cr_expect_eq(world_call(&w, "event.next"), ERR_SESSION_NOT_REGISTERED);
	cr_expect_eq(world_call(&w, "event.register", &vms), ERR_NONE);
	rename_to(&a, "b");
	world_begin(&w, &p, "event.next");
	world_pass(&w, EVT_BATCH_MS);
	cr_expect_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(w.members, 1);
	world_begin(&w, &p, "event.next");
	world_pass(&w, EVT_BATCH_MS);
	cr_expect(!p.ended);
	rename_to(&a, "c");
	world_pass(&w, EVT_BATCH_MS);
	cr_expect_eq(world_end(&p), ERR_NONE);
	cr_expect_eq(world_call(&w, "event.unregister", &all), ERR_NONE);
	cr_expect_eq(world_call(&w, "event.next"), ERR_SESSION_NOT_REGISTERED);
}
