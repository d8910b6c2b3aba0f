/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * session - logins, and who may ask what about a session
 *
 * A session is a live record: it is in the image, so that net threads check it
 * without a lock, but never in the journal.  Its ref is the secret that
 * authorises calls; session.* answers only about the caller's own.
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/call.h"
#include "api_handlers.h"

#define SESSION_IDLE_S 86400
#define TOUCHES_MAX 64 /* queued; a slow disk must not let them pile up */

bool
api_session_owns(const struct api_call *c, int cls, const struct idl_ref *ref)
{
	if (!(idl_classes[cls]->flags & IDL_C_PRIVATE))
		return true;
	return c->origin == API_INTERNAL || idl_ref_equal(ref, &c->session_ref);
}

/* A session's last_active moves forward: a write nobody waits for. */
struct touch {
	struct wrq_job job;
	struct api_env *env;
	struct idl_ref session;
};

static enum wrq_verdict
touch_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct touch *t = (struct touch *)(void *)job;
	struct idl_session *s = fld_tx_edit(tx, IDL_CLASS_SESSION, &t->session);

	if (s == NULL)
		return WRQ_ABORT;
	s->last_active = t->env->wall_s(t->env->ctx);
	return WRQ_COMMIT;
}

static void
touch_done(struct wrq_job *job)
{
	struct touch *t = (struct touch *)(void *)job;

	atomic_fetch_sub(&t->env->touches, 1);
	free(t);
}

static void
touch_failed(struct wrq_job *job, const struct failure *why)
{
	(void)why; /* the next call tries again */
	touch_done(job);
}

void
api_session_touch(struct api_env *env, const struct idl_ref *session)
{
	struct touch *t = NULL;

	if (atomic_fetch_add(&env->touches, 1) < TOUCHES_MAX)
		t = calloc(1, sizeof(*t));
	if (t == NULL) {
		atomic_fetch_sub(&env->touches, 1);
		return; /* the next call tries again */
	}
	t->job.run = touch_run;
	t->job.done = touch_done;
	t->job.failed = touch_failed;
	t->env = env;
	t->session = *session;
	wrq_push(env->writer, &t->job);
}

/* make_room - drop sessions idle for too long, and the idlest if still full */
static void
make_room(struct api_call *c, int64_t now)
{
	const struct fld_view *v = fld_tx_view(c->tx);
	const struct idl_session *s = NULL, *idlest;
	uint64_t n = fld_count(v, IDL_CLASS_SESSION);

	/* Looked through only when full, or every 64th login. */
	if (n < c->env->sessions_max && n % 64 != 63)
		return;
	idlest = NULL;
	while ((s = fld_next(v, IDL_CLASS_SESSION,
		    s != NULL ? &s->h.ref : NULL)) != NULL) {
		if (now - s->last_active > SESSION_IDLE_S) {
			fld_tx_delete(c->tx, IDL_CLASS_SESSION, &s->h.ref);
			n--;
		} else if (idlest == NULL ||
			   s->last_active < idlest->last_active) {
			idlest = s;
		}
	}
	if (n >= c->env->sessions_max && idlest != NULL)
		fld_tx_delete(c->tx, IDL_CLASS_SESSION, &idlest->h.ref);
}

/* new_session - second stage of a login: the password was right */
static enum err
new_session(struct api_call *c, void *result, struct failure *why)
{
	const struct idl_session_login_with_password_args *a = c->args;
	int64_t now = c->env->wall_s(c->env->ctx);
	struct idl_ref ref = api_new_ref(c->env), uuid = api_new_ref(c->env);
	const struct idl_pool *pool =
	    fld_next(fld_tx_view(c->tx), IDL_CLASS_POOL, NULL);
	char *text = arena_alloc(&c->arena, IDL_UUID_TEXT);
	struct idl_session *s;

	make_room(c, now);
	s = fld_tx_create(c->tx, IDL_CLASS_SESSION, &ref);
	if (s == NULL || text == NULL)
		return err_internal(why, "out of memory");
	idl_uuid_write(&uuid, text);
	s->uuid = text;
	s->auth_user_name = a->uname;
	s->last_active = now;
	s->validation_time = now;
	s->is_local_superuser = c->role == IDL_ROLE_POOL_ADMIN;
	s->role = c->role;
	if (c->msg->nparams > 3)
		s->originator = a->originator;
	if (pool != NULL)
		s->this_host = pool->master;
	memcpy(result, &ref, sizeof(ref));
	return ERR_NONE;
}

/* login - first stage, in a worker: is the password right? */
static enum err
login(
    struct api_call *c, const char *uname, const char *pwd, struct failure *why)
{
	enum err rc = ERR_NONE;

	if (c->origin == API_LOCAL_ROOT || c->origin == API_INTERNAL)
		c->role = IDL_ROLE_POOL_ADMIN;
	else
		rc = c->env->login(
		    c->env->ctx, uname, pwd, c->peer, &c->role, why);
	if (rc == ERR_NONE)
		c->then = new_session;
	return rc;
}

enum err
api_session_login_with_password(struct api_call *c,
    const struct idl_session_login_with_password_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	(void)result_out; /* new_session sets it */
	return login(c, a->uname, a->pwd, why);
}

enum err
api_session_slave_local_login_with_password(struct api_call *c,
    const struct idl_session_slave_local_login_with_password_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	/* new_session reads the two parameters the rows have in common. */
	_Static_assert(
	    offsetof(struct idl_session_login_with_password_args, uname) ==
		offsetof(
		    struct idl_session_slave_local_login_with_password_args,
		    uname),
	    "both logins start with uname");
	(void)result_out; /* new_session sets it */
	return login(c, a->uname, a->pwd, why);
}

enum err
api_session_logout(struct api_call *c, const struct idl_session_logout_args *a,
    struct failure *why)
{
	(void)a;   /* none */
	(void)why; /* cannot fail */
	fld_tx_delete(c->tx, IDL_CLASS_SESSION, &c->session_ref);
	return ERR_NONE;
}

enum err
api_session_local_logout(struct api_call *c,
    const struct idl_session_local_logout_args *a, struct failure *why)
{
	(void)a; /* none */
	return api_session_logout(c, NULL, why);
}

enum err
api_session_get_all_subject_identifiers(struct api_call *c,
    const struct idl_session_get_all_subject_identifiers_args *a,
    const struct idl_set **result_out, struct failure *why)
{
	(void)c;
	(void)a;
	(void)why; /* cannot fail: there are no external subjects */
	*result_out = &idl_set_none;
	return ERR_NONE;
}

enum err
api_session_change_password(struct api_call *c,
    const struct idl_session_change_password_args *a, struct failure *why)
{
	return c->env->change_password(
	    c->env->ctx, c->user, a->old_pwd, a->new_pwd, why);
}
