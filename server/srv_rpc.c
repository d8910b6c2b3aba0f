/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/task.h"

/* Own */
#include "server/jsn.h"
#include "server/srv_rpc.h"
#include "server/xml.h"

#define KEEP_CALLS 32			   /* per thread */
#define KEEP_ARENA_BYTES 65536		   /* a bigger arena is not kept */
#define COUNT_BYTES (256 * 1024)	   /* counted at a time */
#define ROWS_MAX_BYTES ((uint64_t)4 << 30) /* longest reply by rows */

/* Which protocol a path speaks: the longest that the path begins with. */
static const struct {
	const char *path;
	const struct rpc_codec *codec;
} routes[] = {
    {"/jsonrpc", &jsn_codec}, {"/json", &jsn_codec}, /* of old */
    {"", &xml_codec}, /* any other: /, /RPC2, /xmlrpc */
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* What a net thread has. */
struct thread {
	struct srv_rpc *rpc;
	struct http_loop *loop;
	void *reader[ROUTES]; /* of the route's codec */
	struct fld_reader *store;
	struct rpc *spare; /* by next */
	unsigned nspare;
	struct rpc *dispatching; /* its done() may come at once */
	bool done_at_once;
};

/* A call on its way. */
struct rpc {
	struct api_call call; /* first */
	struct http_post post;
	struct http_stream stream;
	struct http_conn *conn;
	struct thread *thread;
	struct rpc *next;
	const struct rpc_codec *codec;
	struct rpc_rows rows;
	uint64_t counted_bytes;
};

/* Which thread runs this; NULL in all but net threads. */
static _Thread_local struct thread *here;

static void
free_spare(struct thread *t)
{
	while (t->spare != NULL) {
		struct rpc *r = t->spare;

		t->spare = r->next;
		arena_fini(&r->call.arena);
		free(r);
	}
	t->nspare = 0;
}

/* readers_new - a reader for each route */
static bool
readers_new(struct thread *t)
{
	for (size_t i = 0; i < ROUTES; i++) {
		t->reader[i] = routes[i].codec->reader_new();
		if (t->reader[i] == NULL)
			return false;
	}
	return true;
}

void *
srv_rpc_thread_new(struct srv_rpc *rpc, struct http_loop *l)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->rpc = rpc;
	t->loop = l;
	t->store = fld_reader_new(rpc->env->store);
	if (t->store == NULL || !readers_new(t)) {
		srv_rpc_thread_free(t);
		return NULL;
	}
	here = t;
	return t;
}

void
srv_rpc_thread_free(void *thread)
{
	struct thread *t = thread;

	free_spare(t);
	for (size_t i = 0; i < ROUTES; i++)
		routes[i].codec->reader_free(t->reader[i]);
	fld_reader_free(&t->store);
	free(t);
	here = NULL;
}

/* ---- calls are kept, with a block of their arena ---- */

static struct rpc *
obtain(struct thread *t)
{
	struct rpc *r = t->spare;
	struct arena kept;

	if (r != NULL) {
		t->spare = r->next;
		t->nspare--;
		kept = r->call.arena;
	} else {
		r = malloc(sizeof(*r));
		if (r == NULL)
			return NULL;
		arena_init(&kept, 0);
	}
	api_call_init(&r->call, t->rpc->env, t->rpc->call_max_bytes);
	kept.limit_bytes = t->rpc->call_max_bytes;
	r->call.arena = kept;
	r->thread = t;
	atomic_fetch_add(&t->rpc->running, 1);
	return r;
}

/* wipe_texts - the arguments of logins are passwords: leave no copy */
static void
wipe_texts(const struct api_call *c)
{
	for (int i = 0; i < c->msg->nparams; i++) {
		const struct idl_param *p = &c->msg->params[i];
		const void *at = (const char *)c->args + p->offset;
		char *text;

		if (p->type->kind != IDL_STRING)
			continue;
		memcpy(&text, at, sizeof(text));
		/* NULL: never decoded.  Defaults are literals. */
		if (text != NULL &&
		    (p->initial == NULL ||
			memcmp(p->initial, at, sizeof(text)) != 0))
			explicit_bzero(text, strlen(text));
	}
}

static void
release(struct rpc *r)
{
	struct thread *t = r->thread;
	const struct idl_msg *msg = r->call.msg;
	struct arena kept;
	bool keep;

	if (msg != NULL && msg->run == IDL_RUN_WORK && r->call.args != NULL)
		wipe_texts(&r->call);
	kept = r->call.arena;
	keep = t->nspare < KEEP_CALLS && kept.used_bytes <= KEEP_ARENA_BYTES;
	arena_init(&r->call.arena, 0);
	api_call_fini(&r->call);
	atomic_fetch_sub(&t->rpc->running, 1);
	if (!keep) {
		arena_fini(&kept);
		free(r);
		return;
	}
	arena_reset(&kept);
	r->call.arena = kept;
	r->next = t->spare;
	t->spare = r;
	t->nspare++;
}

/* ---- replies ---- */

/* answer_failure - the call comes to nothing after all */
static void
answer_failure(struct rpc *r, const char *text)
{
	struct api_call *c = &r->call;

	c->rows = API_ROWS_NONE;
	c->err = err_internal(&c->why, "%s", text);
	(void)rpc_write_reply(r->codec, c,
	    http_answer_begin(r->conn, r->thread->rpc->reply_max_bytes));
	http_answer_end(r->conn, 200, r->codec->type);
}

/* answer - the reply of a finished call, in one buffer */
static void
answer(struct rpc *r)
{
	struct http_buf *out =
	    http_answer_begin(r->conn, r->thread->rpc->reply_max_bytes);

	if (rpc_write_reply(r->codec, &r->call, out))
		http_answer_end(r->conn, 200, r->codec->type);
	else
		answer_failure(r,
		    "the reply is longer than the daemon's limit reply_bytes");
	release(r);
}

static bool
rows_next(struct http_stream *s, struct http_buf *out, size_t room)
{
	struct rpc *r =
	    (struct rpc *)(void *)((char *)s - offsetof(struct rpc, stream));

	(void)rpc_rows_more(&r->rows, out, room); /* the length says the end */
	return !out->failed;
}

static void
rows_end(struct http_stream *s)
{
	struct rpc *r =
	    (struct rpc *)(void *)((char *)s - offsetof(struct rpc, stream));

	rpc_rows_fini(&r->rows);
	release(r);
}

/* rows_counted - the length is known: send */
static void
rows_counted(struct rpc *r)
{
	rpc_rows_fini(&r->rows);
	rpc_rows_init(&r->rows, r->codec, &r->call);
	r->stream = (struct http_stream){.next = rows_next, .end = rows_end};
	http_answer_stream(
	    r->conn, r->counted_bytes, r->codec->type, &r->stream);
}

/* rows_count - a slice of the counting; others have their turn in between */
static void
rows_count(struct http_post *p)
{
	struct rpc *r =
	    (struct rpc *)(void *)((char *)p - offsetof(struct rpc, post));
	struct http_buf scratch;
	bool more, failed;

	http_buf_init(&scratch, ROWS_MAX_BYTES);
	more = rpc_rows_more(&r->rows, &scratch, COUNT_BYTES);
	r->counted_bytes += scratch.len;
	failed = scratch.failed || r->counted_bytes > ROWS_MAX_BYTES;
	http_buf_fini(&scratch); /* first: r may be gone after what follows */
	if (failed) {
		rpc_rows_fini(&r->rows);
		answer_failure(r, "out of memory for the reply");
		release(r);
	} else if (more) {
		http_loop_post(r->thread->loop, &r->post);
	} else {
		rows_counted(r);
	}
}

/* reply - in the call's own net thread: it is finished */
static void
reply(struct rpc *r)
{
	struct api_call *c = &r->call;

	if (c->err != ERR_NONE || c->rows == API_ROWS_NONE) {
		answer(r);
		return;
	}
	r->counted_bytes = 0;
	r->post.run = rows_count;
	rpc_rows_init(&r->rows, r->codec, c);
	rows_count(&r->post);
}

static void
on_reply(struct http_post *p)
{
	reply((struct rpc *)(void *)((char *)p - offsetof(struct rpc, post)));
}

/* note_write - for /healthz: does the store take writes? */
static void
note_write(const struct api_call *c)
{
	const struct rpc *r = (const struct rpc *)(const void *)c;
	atomic_bool *now = &r->thread->rpc->refused;
	bool refused = c->err == ERR_INTERNAL_ERROR && c->why.n > 0 &&
		       strncmp(c->why.param[0], "not stored", 10) == 0;

	if (c->msg == NULL || c->msg->run != IDL_RUN_WRITE)
		return;
	if (c->err != ERR_NONE && !refused)
		return;
	/* Written seldom, so that it stays in every processor's cache. */
	if (atomic_load_explicit(now, memory_order_relaxed) != refused)
		atomic_store(now, refused);
}

/* done - the call has ended, in whatever thread */
static void
done(struct api_call *c)
{
	struct rpc *r = (struct rpc *)(void *)c;

	note_write(c);
	if (here != NULL && here->dispatching == r) {
		here->done_at_once = true; /* srv_rpc_call replies */
		return;
	}
	r->post.run = on_reply;
	http_loop_post(r->thread->loop, &r->post);
}

/* on_resume - in the call's own net thread: a wait is over, look again */
static void
on_resume(struct http_post *p)
{
	struct rpc *r =
	    (struct rpc *)(void *)((char *)p - offsetof(struct rpc, post));
	struct thread *t = r->thread;

	t->dispatching = r;
	t->done_at_once = false;
	api_resume(&r->call, t->store);
	t->dispatching = NULL;
	if (t->done_at_once)
		reply(r);
}

/* resume - a call that waited is to go on, in whatever thread */
static void
resume(struct api_call *c)
{
	struct rpc *r = (struct rpc *)(void *)c;

	r->post.run = on_resume;
	http_loop_post(r->thread->loop, &r->post);
}

/* ---- calls ---- */

/* refuse - what came is no call */
static void
refuse(struct rpc *r, const char *text)
{
	struct http_buf *out;

	if (r->codec->bad == NULL) {
		http_answer_text(r->conn, 400, text);
		release(r);
		return;
	}
	out = http_answer_begin(r->conn, 4096);
	r->codec->bad(out, text);
	if (out->failed)
		http_answer_text(r->conn, 500, "out of memory");
	else
		http_answer_end(r->conn, 200, r->codec->type);
	release(r);
}

/* route_find - the route of a path */
static size_t
route_find(const char *path)
{
	size_t i = 0;

	while (strncmp(path, routes[i].path, strlen(routes[i].path)) != 0)
		i++; /* the last one takes all */
	return i;
}

void
srv_rpc_call(void *thread, const struct http_request *rq)
{
	struct thread *t = thread;
	struct rpc *r = obtain(t);
	size_t route = route_find(rq->path);
	struct api_call *c;
	char text[200];

	if (r == NULL) {
		http_answer_text(rq->conn, 503, "out of memory");
		return;
	}
	r->conn = rq->conn;
	r->codec = routes[route].codec;
	c = &r->call;
	c->origin = rq->local ? API_LOCAL_ROOT : API_NETWORK;
	c->peer = rq->peer;
	c->subject = rq->subject;
	c->done = done;
	c->resume = resume;
	if (rq->notes_bytes > 0) /* without memory there is no call either */
		(void)api_task_note(c, rq->notes, rq->notes_bytes);
	if (!r->codec->read(t->reader[route], rq->body, rq->body_bytes, c, text,
		sizeof(text))) {
		refuse(r, text);
		return;
	}
	t->dispatching = r;
	t->done_at_once = false;
	api_dispatch(c, t->store);
	t->dispatching = NULL;
	if (t->done_at_once)
		reply(r);
}
