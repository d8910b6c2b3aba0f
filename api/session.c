/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * session - the life of a session after its login, and who may ask about it
 *
 * A session is a live record: it is in the image, so that net threads check it
 * without a lock, but never in the journal.  Its ref is the secret that
 * authorises calls; session.* answers only about the caller's own.
 */

/* System */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/call.h"
#include "api_handlers.h"

#define SESSION_IDLE_S 86400
#define PARENTS_MAX 16
#define RECHECK_TRIES 3
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

/* has_pending - does a task of the session still run? */
static bool
has_pending(const struct fld_view *v, const struct idl_ref *session)
{
	const struct idl_task *t = NULL;

	while ((t = fld_find(v, IDL_CLASS_TASK, IDL_TASK_F_SESSION, session,
		    t != NULL ? &t->h.ref : NULL)) != NULL)
		if (t->status == IDL_TASK_STATUS_TYPE_PENDING)
			return true;
	return false;
}

bool
api_session_is_over(
    const struct fld_view *v, const struct idl_session *s, int64_t now_s)
{
	if (now_s - s->last_active <= SESSION_IDLE_S)
		return false;
	/* Its ancestors' tasks keep it too; chains are short. */
	for (int i = 0; s != NULL && i < PARENTS_MAX; i++) {
		if (has_pending(v, &s->h.ref))
			return false;
		s = fld_get(v, IDL_CLASS_SESSION, &s->parent);
	}
	return true;
}

/* ---- accounts that change while their users are logged in ---- */

struct recheck {
	struct wrq_job job;
	struct api_env *env;
	int tries;
};

static enum wrq_verdict
recheck_run(struct wrq_job *job, struct fld_tx *tx)
{
	struct api_env *env = ((struct recheck *)(void *)job)->env;
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_session *s = NULL;
	struct idl_session *mine;
	struct idl_ref ref;
	int role;

	while ((s = fld_next(v, IDL_CLASS_SESSION, s != NULL ? &ref : NULL)) !=
	       NULL) {
		ref = s->h.ref;
		if (!s->listed)
			continue;
		role = env->account_role(env->ctx, s->auth_user_name);
		if (role == s->role)
			continue;
		if (role < 0) {
			fld_tx_delete(tx, IDL_CLASS_SESSION, &ref);
			continue;
		}
		mine = fld_tx_edit(tx, IDL_CLASS_SESSION, &ref);
		if (mine == NULL)
			return WRQ_COMMIT; /* which fails, and says so */
		mine->role = role;
		mine->is_local_superuser = role == IDL_ROLE_POOL_ADMIN;
		mine->auth_user_sid =
		    mine->is_local_superuser ? "" : mine->auth_user_name;
		mine->validation_time = env->wall_s(env->ctx);
	}
	return WRQ_COMMIT;
}

static void
recheck_done(struct wrq_job *job)
{
	free(job);
}

static void
recheck_failed(struct wrq_job *job, const struct failure *why)
{
	struct recheck *r = (struct recheck *)(void *)job;

	(void)why; /* out of memory, or the writer ends */
	if (++r->tries < RECHECK_TRIES)
		wrq_push(r->env->writer, job);
	else
		free(r);
}

void
api_sessions_check(struct api_env *env)
{
	struct recheck *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return; /* the account's next change, or login, tries again */
	r->job.run = recheck_run;
	r->job.done = recheck_done;
	r->job.failed = recheck_failed;
	r->env = env;
	wrq_push(env->writer, &r->job);
}

/* ---- messages ---- */

const struct idl_set *
api_session_permissions(
    const struct fld_view *v, const void *rec, struct arena *a)
{
	const struct idl_session *s = rec;
	const char **names = NULL;
	struct idl_set *set;
	uint32_t n = 0;

	(void)v;
	if (s->is_local_superuser)
		return &idl_set_none;
	set = arena_alloc(a, sizeof(*set));
	names = arena_alloc(a, (size_t)api_nmsgs * sizeof(*names));
	if (set == NULL || names == NULL)
		return NULL;
	for (int i = 0; i < api_nmsgs; i++) {
		const struct idl_msg *m = api_msgs[i];
		char *name;

		if (s->role > m->role || (m->flags & IDL_M_NOSESSION))
			continue;
		name = arena_strndup(a, m->name, strlen(m->name));
		if (name == NULL)
			return NULL;
		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		names[n++] = name;
	}
	set->n = n;
	set->items = names;
	return set;
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

static int
by_text(const void *a, const void *b)
{
	const char *x, *y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return strcmp(x, y);
}

enum err
api_session_get_all_subject_identifiers(struct api_call *c,
    const struct idl_session_get_all_subject_identifiers_args *a,
    const struct idl_set **result_out, struct failure *why)
{
	size_t max = fld_count(c->view, IDL_CLASS_SESSION), n = 0, kept = 0;
	const char **sids = arena_alloc(&c->arena, (max + 1) * sizeof(*sids));
	struct idl_set *set = arena_alloc(&c->arena, sizeof(*set));
	const struct idl_session *s = NULL;

	(void)a; /* none */
	if (sids == NULL || set == NULL)
		return err_internal(why, "out of memory");
	while (n < max && (s = fld_next(c->view, IDL_CLASS_SESSION,
			       s != NULL ? &s->h.ref : NULL)) != NULL)
		if (s->auth_user_sid[0] != '\0')
			sids[n++] = s->auth_user_sid;
	qsort(sids, n, sizeof(*sids), by_text);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(sids[kept - 1], sids[i]) != 0)
			sids[kept++] = sids[i];
	set->n = (uint32_t)kept;
	set->items = sids;
	*result_out = set;
	return ERR_NONE;
}

enum err
api_session_logout_subject_identifier(struct api_call *c,
    const struct idl_session_logout_subject_identifier_args *a,
    struct failure *why)
{
	const struct fld_view *v = fld_tx_view(c->tx);
	const struct idl_session *s = NULL;
	struct idl_ref ref;

	(void)why; /* cannot fail: nobody by that name is nobody left */
	while ((s = fld_next(v, IDL_CLASS_SESSION, s != NULL ? &ref : NULL)) !=
	       NULL) {
		ref = s->h.ref;
		if (s->auth_user_sid[0] != '\0' &&
		    strcmp(s->auth_user_sid, a->subject_identifier) == 0 &&
		    !idl_ref_equal(&ref, &c->session_ref))
			fld_tx_delete(c->tx, IDL_CLASS_SESSION, &ref);
	}
	return ERR_NONE;
}

enum err
api_session_change_password(struct api_call *c,
    const struct idl_session_change_password_args *a, struct failure *why)
{
	/* On the Unix socket nobody needs a name: it is root. */
	const char *user = c->user[0] != '\0' ? c->user : "root";

	return c->env->change_password(
	    c->env->ctx, user, a->old_pwd, a->new_pwd, why);
}
