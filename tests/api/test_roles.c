/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may call what, who gets a session, and for how long: at the door. */

/* System */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/api.h"
#include "api/flight.h"
#include "tests/api/help_world.h"

#define DAY_MS 86400000LL
#define SECRET "the secret of the pool"
#define ARENA_BYTES 1048576u

static struct world w;
static int bob_role; /* of the listed account bob now; -1: gone */

/* A call of somebody over the network. */
struct net_call {
	struct api_call c;
	bool ended;
};

/* ---- what the daemon would do ---- */

/* login - a name that is a role's has that role; bob is listed */
static enum err
login(void *ctx, const char *user, const char *password, const char *peer,
    struct api_user *user_out, struct failure *why)
{
	(void)ctx;
	(void)peer;
	if (strcmp(password, "right") != 0)
		return err_fail(
		    why, ERR_SESSION_AUTHENTICATION_FAILED, "ss", user, "no");
	user_out->listed = strcmp(user, "bob") == 0;
	user_out->role = user_out->listed ? bob_role : IDL_ROLE_VM_ADMIN;
	for (int i = 0; i < idl_nroles; i++)
		if (strcmp(user, idl_roles[i]) == 0)
			user_out->role = i;
	return ERR_NONE;
}

static enum err
pool_login(void *ctx, const char *secret, const char *name, const char *peer,
    struct failure *why)
{
	(void)ctx;
	(void)peer;
	return strcmp(secret, SECRET) == 0
		   ? ERR_NONE
		   : err_fail(why, ERR_SESSION_AUTHENTICATION_FAILED, "ss",
			 name, "no");
}

static int
account_role(void *ctx, const char *user)
{
	(void)ctx;
	(void)user;
	return bob_role;
}

static bool
work(void *ctx, struct api_call *c)
{
	(void)ctx;
	api_work_run(c);
	return true;
}

static void
open_world(void)
{
	world_open(&w, NULL, 0, NULL);
	w.env.login = login;
	w.env.pool_login = pool_login;
	w.env.account_role = account_role;
	w.env.work = work;
	w.env.sessions_max = 100;
	bob_role = IDL_ROLE_READ_ONLY;
}

static void
close_world(void)
{
	world_close(&w);
}

TestSuite(roles, .init = open_world, .fini = close_world);

/* ---- calls over the network ---- */

static void
done(struct api_call *c)
{
	((struct net_call *)c->owner)->ended = true;
}

/* prepare - a call of a row; its arguments are at their defaults, or zero */
static void
prepare(
    struct net_call *n, const struct idl_msg *m, const struct idl_ref *session)
{
	struct api_call *c = &n->c;

	n->ended = false;
	api_call_init(c, &w.env, ARENA_BYTES);
	c->origin = API_NETWORK;
	c->peer = "192.0.2.1:1000";
	c->method = m->name;
	c->msg = m;
	c->session_text = "OpaqueRef:x";
	if (session != NULL)
		c->session_ref = *session;
	c->received =
	    (unsigned)m->nparams + ((m->flags & IDL_M_NOSESSION) ? 0 : 1);
	c->args = arena_alloc(&c->arena, m->args_bytes + 1u);
	cr_assert_not_null(c->args);
	memset(c->args, 0, m->args_bytes);
	for (int i = 0; i < m->nparams; i++)
		if (m->params[i].initial != NULL)
			memcpy((char *)c->args + m->params[i].offset,
			    m->params[i].initial,
			    idl_native_bytes(m->params[i].type));
	c->done = done;
	c->owner = n;
}

static enum err
finish(struct net_call *n)
{
	api_dispatch(&n->c, w.reader);
	world_pass(&w, 0);
	cr_assert(n->ended, "%s", n->c.method);
	return n->c.err;
}

/* text_arg - one parameter that is a text */
static void
text_arg(struct net_call *n, int i, const char *text)
{
	memcpy((char *)n->c.args + n->c.msg->params[i].offset, &text,
	    sizeof(text));
}

static const struct idl_msg *
row(const char *name)
{
	const struct idl_msg *m = api_msg_find(name, strlen(name));

	cr_assert_not_null(m, "%s", name);
	return m;
}

/* try - a login; its code, and the session */
static enum err
try_login(const char *user, const char *password, const char *originator,
    const char *subject, struct idl_ref *ref_out)
{
	struct net_call n;
	enum err rc;

	prepare(&n, row("session.login_with_password"), NULL);
	text_arg(&n, 0, user);
	text_arg(&n, 1, password);
	text_arg(&n, 3, originator);
	n.c.subject = subject;
	rc = finish(&n);
	if (rc == ERR_NONE)
		memcpy(ref_out, n.c.result, sizeof(*ref_out));
	api_call_fini(&n.c);
	return rc;
}

static struct idl_ref
enter(const char *user, const char *originator)
{
	struct idl_ref ref = {0, 0};

	cr_assert_eq(try_login(user, "right", originator, NULL, &ref), ERR_NONE,
	    "%s", user);
	return ref;
}

/* call - a message without parameters */
static enum err
call(const char *name, const struct idl_ref *session)
{
	struct net_call n;
	enum err rc;

	prepare(&n, row(name), session);
	rc = finish(&n);
	api_call_fini(&n.c);
	return rc;
}

static bool
is_in(const struct idl_ref *session)
{
	return call("pool.get_all", session) == ERR_NONE;
}

/* ---- roles ---- */

/* knock - what a message says at the door, before its handler is reached */
static void
knock(const struct idl_msg *m, int role, const struct idl_ref *session)
{
	struct net_call n;
	char permission[128];
	enum err rc;
	size_t i;

	prepare(&n, m, session);
	/* Told only to those who may call it: nothing is run. */
	(void)err_fail(&n.c.bad, ERR_HANDLE_INVALID, "ss", "VM", "x");
	rc = finish(&n);
	cr_expect_eq(rc,
	    role <= m->role ? ERR_HANDLE_INVALID : ERR_RBAC_PERMISSION_DENIED,
	    "%s as %s", m->name, idl_roles[role]);
	if (rc == ERR_RBAC_PERMISSION_DENIED) {
		for (i = 0; m->name[i] != '\0'; i++)
			permission[i] =
			    (char)tolower((unsigned char)m->name[i]);
		permission[i] = '\0';
		cr_expect_eq(n.c.why.n, 2);
		cr_expect_str_eq(n.c.why.param[0], permission);
		cr_expect_not_null(
		    strstr(n.c.why.param[1], idl_roles[m->role]));
	}
	api_call_fini(&n.c);
}

Test(roles, every_message_asks_for_its_role)
{
	struct idl_ref session;

	for (int role = 0; role < idl_nroles; role++) {
		session = enter(idl_roles[role], "");
		for (int i = 0; i < api_nmsgs; i++)
			if (!(api_msgs[i]->flags & IDL_M_NOSESSION))
				knock(api_msgs[i], role, &session);
	}
}

Test(roles, a_changed_account_counts_at_once)
{
	struct idl_ref bob = enter("bob", ""), other = enter("x", "");

	cr_expect_eq(
	    call("session.get_all_subject_identifiers", &bob), ERR_NONE);
	knock(row("VM.destroy"), IDL_ROLE_READ_ONLY, &bob);
	bob_role = IDL_ROLE_VM_ADMIN;
	api_sessions_check(&w.env);
	world_pass(&w, 0);
	knock(row("VM.destroy"), IDL_ROLE_VM_ADMIN, &bob);
	bob_role = -1;
	api_sessions_check(&w.env);
	world_pass(&w, 0);
	cr_expect_not(is_in(&bob), "who has no account any more is out");
	cr_expect(is_in(&other), "PAM's users are not asked for");
}

/* ---- logins ---- */

Test(roles, certificates_need_no_password_but_do_not_replace_one)
{
	static const struct {
		const char *must, *subject, *user, *password;
		enum err rc;
		int role;
	} rows[] = {
	    {"a certificate alone", "peer", "", "", ERR_NONE,
		IDL_ROLE_CLIENT_CERT},
	    {"a name and a password", "peer", "read-only", "right", ERR_NONE,
		IDL_ROLE_READ_ONLY},
	    {"a name needs its password", "peer", "read-only", "",
		ERR_SESSION_AUTHENTICATION_FAILED, 0},
	    {"a password needs a name", "peer", "", "wrong",
		ERR_SESSION_AUTHENTICATION_FAILED, 0},
	    {"nothing at all", NULL, "", "", ERR_SESSION_AUTHENTICATION_FAILED,
		0},
	};
	struct idl_ref ref;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum err rc = try_login(
		    rows[i].user, rows[i].password, "", rows[i].subject, &ref);

		cr_expect_eq(rc, rows[i].rc, "%s", rows[i].must);
		if (rc == ERR_NONE)
			knock(row("VM.start"), rows[i].role, &ref);
	}
}

/* pool_enter - a login by secret; the session */
static enum err
pool_enter(const char *method, const char *secret, struct idl_ref *ref_out)
{
	struct net_call n;
	enum err rc;

	prepare(&n, row(method), NULL);
	text_arg(&n, n.c.msg->nparams - 1, secret);
	rc = finish(&n);
	if (rc == ERR_NONE)
		memcpy(ref_out, n.c.result, sizeof(*ref_out));
	api_call_fini(&n.c);
	return rc;
}

Test(roles, a_member_sends_its_callers_to_the_coordinator)
{
	struct idl_ref ordinary = enter("x", ""), pool, local;
	struct idl_ref ref = {0, 0};

	w.env.master = "192.0.2.7";
	cr_expect_eq(call("pool.get_all", &ordinary), ERR_HOST_IS_SLAVE);
	cr_expect_eq(
	    try_login("x", "right", "", NULL, &ref), ERR_HOST_IS_SLAVE);
	cr_expect_eq(try_login("x", "wrong", "", NULL, &ref), ERR_HOST_IS_SLAVE,
	    "which tells nothing of passwords");
	cr_expect_eq(pool_enter("session.slave_login", "guess", &ref),
	    ERR_SESSION_AUTHENTICATION_FAILED);
	cr_assert_eq(
	    pool_enter("session.slave_login", SECRET, &pool), ERR_NONE);
	cr_assert_eq(
	    pool_enter("session.slave_local_login", SECRET, &local), ERR_NONE);
	cr_expect(is_in(&pool));
	cr_expect(is_in(&local));
	cr_expect_eq(call("session.local_logout", &local), ERR_NONE);
	cr_expect_not(is_in(&local));
}

/* ---- how long, and how many ---- */

Test(roles, each_group_has_its_limit_and_the_oldest_goes)
{
	static const struct {
		const char *must, *user, *originator;
		unsigned limit;
	} rows[] = {
	    {"of a user", "ann", "", 3},
	    {"of an originator", "", "tool", 4},
	    {"of nobody", "", "", 2},
	};
	struct idl_ref refs[8], bystander = enter("bystander", "other");

	w.env.limits = (struct api_limits){.sessions_per_user = 3,
	    .sessions_per_originator = 4,
	    .sessions_anonymous = 2};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (size_t k = 0; k < 8; k++) {
			refs[k] = enter(rows[i].user, rows[i].originator);
			world_pass(&w, 1000);
		}
		for (size_t k = 0; k < 8; k++)
			cr_expect_eq(is_in(&refs[k]), k + rows[i].limit >= 8,
			    "%s: session %zu", rows[i].must, k);
	}
	cr_expect(is_in(&bystander), "others keep theirs");
	/* The limit of all, at last. */
	w.env.sessions_max = 5;
	for (size_t k = 0; k < 8; k++)
		refs[k] = enter("ann", "");
	cr_expect(is_in(&refs[7]));
}

/* tasks - one of a session, pending or not */
struct pending {
	struct wrq_job job;
	struct idl_ref task, session;
	enum idl_task_status_type status;
};

static enum wrq_verdict
set_task(struct wrq_job *job, struct fld_tx *tx)
{
	struct pending *p = (struct pending *)(void *)job;
	struct idl_task *t = fld_tx_edit(tx, IDL_CLASS_TASK, &p->task);

	if (t == NULL)
		t = fld_tx_create(tx, IDL_CLASS_TASK, &p->task);
	cr_assert_not_null(t);
	t->uuid = "d2f1b1a4-0000-4000-8000-000000000001";
	t->session = p->session;
	t->status = (int32_t)p->status;
	return WRQ_COMMIT;
}

static void
task_set(struct wrq_job *job)
{
	(void)job;
}

static void
task_failed(struct wrq_job *job, const struct failure *why)
{
	(void)job;
	cr_assert_fail("%s", why->param[0]);
}

Test(roles, an_idle_session_ends_unless_something_pends)
{
	struct idl_ref busy = enter("ann", ""), idle = enter("ann", "");
	struct pending p = {
	    .job = {.run = set_task, .done = task_set, .failed = task_failed},
	    .task = api_new_ref(&w.env),
	    .session = busy,
	    .status = IDL_TASK_STATUS_TYPE_PENDING};
	struct idl_ref used = enter("ann", "");

	wrq_push(w.writer, &p.job);
	world_pass(&w, DAY_MS / 2);
	cr_expect(is_in(&used));
	world_pass(&w, DAY_MS / 2 + 1000);
	cr_expect_not(is_in(&idle));
	cr_expect(is_in(&used), "it was used half a day ago");
	/* The look itself is a use: ask once the task has ended. */
	world_pass(&w, 2 * DAY_MS);
	p.status = IDL_TASK_STATUS_TYPE_SUCCESS;
	wrq_push(w.writer, &p.job);
	world_pass(&w, 0);
	cr_expect_not(is_in(&busy), "nothing pends any more");
	cr_expect_not(is_in(&used));
}

Test(roles, a_pending_task_keeps_its_session)
{
	struct idl_ref busy = enter("ann", "");
	struct pending p = {
	    .job = {.run = set_task, .done = task_set, .failed = task_failed},
	    .task = api_new_ref(&w.env),
	    .session = busy,
	    .status = IDL_TASK_STATUS_TYPE_PENDING};

	wrq_push(w.writer, &p.job);
	world_pass(&w, 3 * DAY_MS);
	cr_expect(is_in(&busy));
}

Test(roles, calls_that_wait_are_counted_and_let_go)
{
	static const struct {
		const char *must;
		unsigned per_session, per_address, fit;
	} rows[] = {
	    {"no limit", 0, 0, 10},
	    {"of a session", 3, 0, 3},
	    {"of an address", 0, 4, 4},
	    {"of both", 5, 2, 2},
	};
	struct idl_ref session = enter("ann", "");
	struct net_call n[10];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned in = 0;

		w.env.limits = (struct api_limits){
		    .calls_per_session = rows[i].per_session,
		    .calls_per_address = rows[i].per_address};
		for (int round = 0; round < 2; round++) {
			in = 0;
			for (int k = 0; k < 10; k++) {
				prepare(&n[k], row("VM.get_all"), &session);
				in += api_flight_enter(&n[k].c) ? 1 : 0;
			}
			for (int k = 0; k < 10; k++) {
				api_flight_leave(&n[k].c);
				api_call_fini(&n[k].c);
			}
			cr_expect_eq(in, rows[i].fit, "%s", rows[i].must);
		}
	}
}

Test(roles, who_waits_too_often_is_told_so)
{
	struct world_shape shape = {.name = "slow",
	    .static_max = 256,
	    .dynamic_max = 256,
	    .dynamic_min = 256,
	    .vcpus = 1,
	    .multiplier = 1.0,
	    .sim = "shutdown_ms=5000"};
	struct idl_ref session = enter("pool-admin", ""), vm;
	struct net_call wait, more;

	vm = world_new_vm(&w, &shape);
	cr_assert_eq(world_call(&w, "VM.start", &vm, 0, 0), ERR_NONE);
	w.env.limits.calls_per_session = 1;
	prepare(&wait, row("VM.clean_shutdown"), &session);
	memcpy(wait.c.args, &vm, sizeof(vm));
	api_dispatch(&wait.c, w.reader);
	world_pass(&w, 0);
	cr_assert_not(wait.ended);
	cr_expect(is_in(&session), "reads are answered");
	prepare(&more, row("session.logout_subject_identifier"), &session);
	text_arg(&more, 0, "x");
	cr_expect_eq(finish(&more), ERR_TOO_MANY_PENDING_TASKS);
	api_call_fini(&more.c);
	world_pass(&w, 3000);
	world_pass(&w, 3000);
	cr_assert(wait.ended);
	cr_expect_eq(wait.c.err, ERR_NONE);
	api_call_fini(&wait.c);
	prepare(&more, row("session.logout_subject_identifier"), &session);
	text_arg(&more, 0, "x");
	cr_expect_eq(finish(&more), ERR_NONE, "its turn has come");
	api_call_fini(&more.c);
}
