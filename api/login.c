/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * login - who gets a session, and whose makes room for it
 *
 * A login has two stages: a worker finds out who the caller is, then the
 * writer makes the session, whose ref is the secret that authorises calls.
 */

/* System */
#include <string.h>

/* Api */
#include "api/call.h"
#include "api_handlers.h"

/* Who has got in, from the first stage to the second. */
struct entrant {
	const char *user, *originator;
	struct idl_ref host; /* a member of the pool; null: not said */
	bool pool, local, listed, certified;
};

/* Sessions that share a limit. */
enum group { OF_ALL, OF_POOL, OF_USER, OF_ORIGINATOR, OF_NOBODY, GROUPS };

struct tally {
	unsigned n, max; /* max 0: any number */
	const struct idl_session *oldest;
};

/* is_in - does a session count in one of the groups that the entrant is in? */
static bool
is_in(enum group g, const struct entrant *e, const struct idl_session *s)
{
	bool named = e->user[0] != '\0' || e->originator[0] != '\0';

	if (g == OF_ALL)
		return true;
	if (e->pool || s->pool)
		return g == OF_POOL && e->pool && s->pool;
	if (g == OF_USER)
		return e->user[0] != '\0' &&
		       strcmp(e->user, s->auth_user_name) == 0;
	if (g == OF_ORIGINATOR)
		return e->originator[0] != '\0' &&
		       strcmp(e->originator, s->originator) == 0;
	return g == OF_NOBODY && !named && s->auth_user_name[0] == '\0' &&
	       s->originator[0] == '\0';
}

/* is_older - has one been idle for longer, or else is it older? */
static bool
is_older(const struct idl_session *a, const struct idl_session *b)
{
	return a->last_active != b->last_active
		   ? a->last_active < b->last_active
		   : a->h.created < b->h.created;
}

/* count - all sessions into the groups; those that are over go */
static void
count(struct api_call *c, const struct entrant *e, int64_t now,
    struct tally tallies[GROUPS])
{
	const struct fld_view *v = fld_tx_view(c->tx);
	const struct idl_session *s = NULL;
	struct idl_ref ref;

	while ((s = fld_next(v, IDL_CLASS_SESSION, s != NULL ? &ref : NULL)) !=
	       NULL) {
		ref = s->h.ref;
		if (api_session_is_over(v, s, now)) {
			fld_tx_delete(c->tx, IDL_CLASS_SESSION, &ref);
			continue;
		}
		for (enum group g = OF_ALL; g < GROUPS; g++) {
			struct tally *t = &tallies[g];

			if (!is_in(g, e, s))
				continue;
			t->n++;
			if (t->oldest == NULL || is_older(s, t->oldest))
				t->oldest = s;
		}
	}
}

/* smallest - of the limits: below it nobody need be counted */
static unsigned
smallest(const struct tally tallies[GROUPS])
{
	unsigned least = UINT32_MAX;

	for (int g = 0; g < GROUPS; g++)
		if (tallies[g].max != 0 && tallies[g].max < least)
			least = tallies[g].max;
	return least;
}

/* make_room - the oldest session of each group that is full goes */
static void
make_room(struct api_call *c, const struct entrant *e, int64_t now)
{
	const struct api_limits *l = &c->env->limits;
	struct tally tallies[GROUPS] = {
	    [OF_ALL].max = c->env->sessions_max,
	    [OF_POOL].max = l->sessions_pool,
	    [OF_USER].max = l->sessions_per_user,
	    [OF_ORIGINATOR].max = l->sessions_per_originator,
	    [OF_NOBODY].max = l->sessions_anonymous,
	};
	uint64_t n = fld_count(fld_tx_view(c->tx), IDL_CLASS_SESSION);

	/* The idle ones are looked for at every 64th login. */
	if (n < smallest(tallies) && n % 64 != 63)
		return;
	count(c, e, now, tallies);
	/* The small groups first: who goes there makes room for all. */
	for (int g = GROUPS - 1; g >= 0; g--) {
		const struct tally *t = &tallies[g];
		struct idl_ref ref;

		if (t->max == 0 || t->n < t->max || t->oldest == NULL)
			continue;
		for (int i = 0; i < g; i++)
			if (is_in((enum group)i, e, t->oldest))
				tallies[i].n--;
		ref = t->oldest->h.ref;
		fld_tx_delete(c->tx, IDL_CLASS_SESSION, &ref);
	}
}

/* this_host - where the entrant is: what he says, or here */
static struct idl_ref
this_host(const struct fld_view *v, const struct entrant *e)
{
	const struct idl_pool *pool = fld_next(v, IDL_CLASS_POOL, NULL);
	struct idl_ref none = {0, 0};

	if (fld_get(v, IDL_CLASS_HOST, &e->host) != NULL)
		return e->host;
	return pool != NULL ? pool->master : none;
}

/* new_session - second stage: in the writer */
static enum err
new_session(struct api_call *c, void *result, struct failure *why)
{
	const struct entrant *e = c->keep;
	int64_t now = c->env->wall_s(c->env->ctx);
	struct idl_ref ref = api_new_ref(c->env), uuid = api_new_ref(c->env);
	char *text = arena_alloc(&c->arena, IDL_UUID_TEXT);
	struct idl_session *s;

	make_room(c, e, now);
	s = fld_tx_create(c->tx, IDL_CLASS_SESSION, &ref);
	if (s == NULL || text == NULL)
		return err_internal(why, "out of memory");
	idl_uuid_write(&uuid, text);
	s->uuid = text;
	s->auth_user_name = e->user;
	s->originator = e->originator;
	s->last_active = now;
	s->validation_time = now;
	s->role = c->role;
	s->is_local_superuser = c->role == IDL_ROLE_POOL_ADMIN;
	if (!s->is_local_superuser)
		s->auth_user_sid = e->user;
	s->pool = e->pool;
	s->local = e->local;
	s->listed = e->listed;
	s->client_certificate = e->certified;
	s->this_host = this_host(fld_tx_view(c->tx), e);
	memcpy(result, &ref, sizeof(ref));
	return ERR_NONE;
}

/* enter - the caller is who he says: go on with the second stage */
static enum err
enter(
    struct api_call *c, const struct entrant *e, int role, struct failure *why)
{
	struct entrant *kept = arena_alloc(&c->arena, sizeof(*kept));

	if (kept == NULL)
		return err_internal(why, "out of memory");
	*kept = *e;
	c->role = role;
	c->keep = kept;
	c->then = new_session;
	return ERR_NONE;
}

/* is_trusted - root on the Unix socket, or ourselves */
static bool
is_trusted(const struct api_call *c)
{
	return c->origin != API_NETWORK;
}

/* login - by name and password, or by what needs none */
static enum err
login(
    struct api_call *c, struct entrant *e, const char *pwd, struct failure *why)
{
	struct api_user user = {IDL_ROLE_POOL_ADMIN, false};
	enum err rc = ERR_NONE;

	if (is_trusted(c)) {
		e->local = true;
	} else if (c->subject != NULL && e->user[0] == '\0' && pwd[0] == '\0') {
		e->user = c->subject;
		e->certified = true;
		user.role = IDL_ROLE_CLIENT_CERT;
	} else {
		rc = c->env->login(
		    c->env->ctx, e->user, pwd, c->peer, &user, why);
	}
	e->listed = user.listed;
	return rc != ERR_NONE ? rc : enter(c, e, user.role, why);
}

enum err
api_session_login_with_password(struct api_call *c,
    const struct idl_session_login_with_password_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	struct entrant e = {.user = a->uname, .originator = a->originator};

	(void)result_out; /* new_session sets it */
	if (c->env->master != NULL && !is_trusted(c))
		return err_fail(why, ERR_HOST_IS_SLAVE, "s", c->env->master);
	return login(c, &e, a->pwd, why);
}

enum err
api_session_slave_local_login_with_password(struct api_call *c,
    const struct idl_session_slave_local_login_with_password_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	struct entrant e = {.user = a->uname, .originator = "", .local = true};

	(void)result_out; /* new_session sets it */
	return login(c, &e, a->pwd, why);
}

/* pool_login - by the pool's secret, which root here could read anyway */
static enum err
pool_login(struct api_call *c, const struct entrant *e, const char *secret,
    struct failure *why)
{
	char name[IDL_REF_TEXT];
	enum err rc;

	idl_ref_write(&e->host, name);
	rc = c->env->pool_login(c->env->ctx, secret, name, c->peer, why);
	return rc != ERR_NONE ? rc : enter(c, e, IDL_ROLE_POOL_ADMIN, why);
}

enum err
api_session_slave_login(struct api_call *c,
    const struct idl_session_slave_login_args *a, struct idl_ref *result_out,
    struct failure *why)
{
	struct entrant e = {
	    .user = "", .originator = "", .host = a->host, .pool = true};

	(void)result_out; /* new_session sets it */
	return pool_login(c, &e, a->psecret, why);
}

enum err
api_session_slave_local_login(struct api_call *c,
    const struct idl_session_slave_local_login_args *a,
    struct idl_ref *result_out, struct failure *why)
{
	struct entrant e = {.user = "", .originator = "", .local = true};

	(void)result_out; /* new_session sets it */
	return pool_login(c, &e, a->psecret, why);
}
