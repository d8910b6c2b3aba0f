/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Xen */
#include <xenstore.h>
#include <xenstore_lib.h>

/* Own */
#include "xen/hv_timed.h"
#include "xen/hv_xs.h"

/* A transaction that another writer crossed is done again so often. */
#define TRIES 8

/* Watches taken out in one batch: what comes faster waits for the next. */
#define EVENTS_AT_ONCE 4096

struct lib {
	struct xs_handle *xs; /* NULL: not connected */
};

/* is_lost - does this errno mean that the connection is of no more use? */
static bool
is_lost(int e)
{
	switch (e) {
	case ENOENT:
	case EACCES:
	case EINVAL:
	case EEXIST:
	case EISDIR:
	case ENOMEM:
	case ENOSPC:
	case E2BIG:
	case EROFS:
	case EBUSY:
	case EAGAIN:
	case ENOTEMPTY:
	case EPERM:
	case ECANCELED:
		return false;
	default:
		return true;
	}
}

/* hang_up - let go of the connection; what errno says to the caller */
static int
hang_up(struct lib *l)
{
	if (l->xs != NULL)
		xs_close(l->xs);
	l->xs = NULL;
	return ECONNRESET;
}

/* settle - the errno of a request that failed */
static int
settle(struct lib *l, int e)
{
	return is_lost(e) ? hang_up(l) : e;
}

/* is_alive - does xenstored still answer on this connection? */
static bool
is_alive(struct lib *l)
{
	unsigned n;
	void *v = xs_read(l->xs, XBT_NULL, "/", &n);

	free(v);
	return v != NULL;
}

/* ---- requests ---- */

/* get - a value that fits, is whole and is there */
static int
get(struct lib *l, struct hv_xs_op *op, char *value, size_t room)
{
	unsigned n = 0;
	char *v = xs_read(l->xs, XBT_NULL, op->path, &n);

	if (v == NULL) {
		op->status = HV_XS_MISSING;
		/* not our business is as good as not there */
		return errno == ENOENT || errno == EACCES ? 0 : errno;
	}
	op->status = HV_XS_BAD;
	value[0] = '\0';
	if (n < room && memchr(v, '\0', n) == NULL) {
		memcpy(value, v, n);
		value[n] = '\0';
		op->status = HV_XS_OK;
	}
	free(v);
	return 0;
}

/* need - is the path there? ENOENT: it is not */
static int
need(struct lib *l, xs_transaction_t t, const char *path)
{
	unsigned n;
	void *v = xs_read(l->xs, t, path, &n);

	free(v);
	return v != NULL ? 0 : errno;
}

/* change - NEED, SET or DROP, in a transaction or not */
static int
change(struct lib *l, xs_transaction_t t, const struct hv_xs_op *op)
{
	bool ok;

	if (op->kind == HV_XS_NEED)
		return need(l, t, op->path);
	if (op->kind == HV_XS_SET)
		ok = xs_write(
		    l->xs, t, op->path, op->value, (unsigned)strlen(op->value));
	else
		ok = xs_rm(l->xs, t, op->path) || errno == ENOENT;
	return ok ? 0 : errno;
}

/* one - a request outside a transaction; 0 or errno */
static int
one(struct lib *l, struct hv_xs_batch *b, struct hv_xs_op *op)
{
	switch (op->kind) {
	case HV_XS_GET:
		return get(l, op, op->value, sizeof op->value);
	case HV_XS_GET_TEXT:
		return get(l, op, b->text, sizeof b->text);
	case HV_XS_NEED:
	case HV_XS_SET:
	case HV_XS_DROP:
		return change(l, XBT_NULL, op);
	case HV_XS_WATCH:
		return xs_watch(l->xs, op->path, op->value) || errno == EEXIST
			   ? 0
			   : errno;
	case HV_XS_UNWATCH:
		return xs_unwatch(l->xs, op->path, op->value) || errno == ENOENT
			   ? 0
			   : errno;
	default:
		return ENOSYS;
	}
}

/* each - all of them, up to the first that fails */
static int
each(struct lib *l, struct hv_xs_batch *b)
{
	int e = 0;

	for (uint32_t i = 0; i < b->n && e == 0; i++)
		e = hv_timed_is_unwanted() ? ECANCELED : one(l, b, &b->op[i]);
	return e;
}

/* attempt - all of them in one transaction, once */
static int
attempt(struct lib *l, const struct hv_xs_batch *b)
{
	xs_transaction_t t = xs_transaction_start(l->xs);
	int e = 0;

	if (t == XBT_NULL)
		return errno;
	for (uint32_t i = 0; i < b->n && e == 0; i++)
		e = change(l, t, &b->op[i]);
	/* a xenstored that hung and goes on now: it was given up long ago */
	if (e == 0 && hv_timed_is_unwanted())
		e = ECANCELED;
	if (e != 0) {
		/* the first reason counts, whatever the end says */
		(void)xs_transaction_end(l->xs, t, true);
		return e;
	}
	return xs_transaction_end(l->xs, t, false) ? 0 : errno;
}

/* together - attempts until nobody crosses one */
static int
together(struct lib *l, const struct hv_xs_batch *b)
{
	int e = EAGAIN;

	for (int i = 0; i < TRIES && e == EAGAIN; i++)
		e = attempt(l, b);
	return e;
}

/* ---- watches ---- */

/* note - a token that fired, once; false: no room, the next batch has it */
static bool
note(struct hv_xs_batch *b, const char *token)
{
	struct hv_xs_op *op;

	for (uint32_t i = 0; i < b->n; i++)
		if (strcmp(b->op[i].value, token) == 0)
			return true;
	op = &b->op[b->n++];
	op->kind = HV_XS_WATCH;
	/* our own token: it fits */
	(void)strncpy(op->value, token, sizeof op->value - 1);
	return b->n < HV_XS_OPS_MAX;
}

/* events - which watches fired; many of one kind count once */
static int
events(struct lib *l, struct hv_xs_batch *b)
{
	bool more = true;
	char **w;

	memset(b->op, 0, sizeof b->op);
	b->n = 0;
	for (int i = 0; i < EVENTS_AT_ONCE && more; i++) {
		errno = 0;
		w = xs_check_watch(l->xs);
		if (w == NULL)
			return errno == 0 || errno == EAGAIN || is_alive(l)
				   ? 0
				   : ECONNRESET;
		more = note(b, w[XS_WATCH_TOKEN]);
		free(w);
	}
	return 0;
}

/* ---- the connection ---- */

/* connect_anew - a new connection; its descriptor for watches goes out */
static int
connect_anew(struct lib *l, struct hv_xs_batch *b)
{
	int e;

	(void)hang_up(l);
	l->xs = xs_open(XS_OPEN_SOCKETONLY);
	if (l->xs == NULL)
		return errno != 0 ? errno : ENOENT;
	if (!is_alive(l)) {
		e = errno;
		(void)hang_up(l);
		return e != 0 ? e : ECONNRESET;
	}
	b->fd = fcntl(xs_fileno(l->xs), F_DUPFD_CLOEXEC, 0);
	if (b->fd >= 0)
		return 0;
	e = errno;
	(void)hang_up(l);
	return e;
}

/* request - struct hv_xs.call, connected; 0 or errno */
static int
request(struct lib *l, struct hv_xs_batch *b)
{
	switch (b->what) {
	case HV_XS_DO:
		return each(l, b);
	case HV_XS_TOGETHER:
		return together(l, b);
	case HV_XS_EVENTS:
		return events(l, b);
	default:
		return ENOSYS;
	}
}

/* call - struct hv_xs.call */
static void
call(void *ctx, void *arg)
{
	struct hv_xs_batch *b = arg;
	struct lib *l = ctx;

	b->fd = -1;
	errno = 0;
	if (b->what == HV_XS_OPEN) {
		b->error = connect_anew(l, b);
		if (b->fd >= 0 && hv_timed_is_unwanted())
			(void)close(b->fd); /* nobody takes it */
		return;
	}
	if (l->xs == NULL) {
		b->error = ECONNRESET;
		return;
	}
	b->error = request(l, b);
	if (b->error != 0)
		b->error = settle(l, b->error);
	/* the library's word for a dead connection is EINVAL too */
	if (b->error == EINVAL && !is_alive(l))
		b->error = hang_up(l);
}

/*
 * only_socket - never the kernel's device, which hangs for ever without a
 * xenstored; 0 or errno
 *
 * The library falls back on it when nobody answers on the socket; that of Xen
 * 4.17 does so even with XS_OPEN_SOCKETONLY.  This variable names the path of
 * both.
 */
static int
only_socket(void)
{
	const char *path = xs_daemon_socket();

	if (path == NULL)
		return ENOENT;
	return setenv("XENSTORED_PATH", path, 0) == 0 ? 0 : errno;
}

int
hv_xs_lib_new(struct hv_xs *xs_out)
{
	struct lib *l;
	int e = only_socket();

	if (e != 0)
		return e;
	l = calloc(1, sizeof *l);
	if (l == NULL)
		return ENOMEM;
	xs_out->call = call;
	xs_out->ctx = l;
	return 0;
}
