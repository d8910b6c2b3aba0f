/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <string.h>

/* Api */
#include "api/evt.h"
#include "idl_types.h"

/* Own */
#include "server/rpc.h"

/* One record as the wire shows it; a host may list 100,000 VMs. */
#define SCRATCH_BYTES ((size_t)64 << 20)

enum { HEAD, ROWS, DONE };

void
rpc_rows_init(
    struct rpc_rows *r, const struct rpc_codec *codec, const struct api_call *c)
{
	assert(c->err == ERR_NONE && c->rows != API_ROWS_NONE);
	memset(r, 0, sizeof *r);
	r->codec = codec;
	r->call = c;
	r->phase = HEAD;
	arena_init(&r->scratch, SCRATCH_BYTES);
}

void
rpc_rows_fini(struct rpc_rows *r)
{
	arena_fini(&r->scratch);
	r->phase = DONE;
}

/* write_row - one record, as ref or as member of the map */
static void
write_row(struct rpc_rows *r, const struct idl_hdr *rec, struct http_buf *out)
{
	const struct idl_type type = {.kind = IDL_RECORD, .cls = rec->cls};
	bool first = r->at == 0;
	const void *shown;
	char ref[IDL_REF_TEXT];

	idl_ref_write(&rec->ref, ref);
	if (r->call->rows == API_ROWS_REFS) {
		rpc_walk_row(r->codec->marks, out, first, ref, &type, NULL);
		return;
	}
	arena_reset(&r->scratch);
	shown = api_record_view(
	    r->call->env, r->call->view, rec->cls, rec, &r->scratch);
	if (shown == NULL)
		out->failed = true;
	else
		rpc_walk_row(r->codec->marks, out, first, ref, &type, shown);
}

/* next_row - the record after the last one; NULL: there is none */
static const struct idl_hdr *
next_row(const struct rpc_rows *r)
{
	const struct api_call *c = r->call;

	/* No record has the null ref: it stands for "none yet". */
	return fld_next(
	    c->view, c->msg->cls, idl_ref_is_null(&r->last) ? NULL : &r->last);
}

/* next_record - write one more of a class; false: there is none */
static bool
next_record(struct rpc_rows *r, struct http_buf *out)
{
	const struct idl_hdr *rec = next_row(r);

	if (rec == NULL)
		return false;
	write_row(r, rec, out);
	r->last = rec->ref;
	r->at++;
	return true;
}

/* next_event - write one more; false: there is none */
static bool
next_event(struct rpc_rows *r, struct http_buf *out)
{
	const struct idl_type type = {
	    .kind = IDL_RECORD, .cls = IDL_CLASS_EVENT};
	const struct idl_event *ev;

	if (r->at == api_evt_rows(r->call))
		return false;
	arena_reset(&r->scratch);
	ev = api_evt_row(r->call, r->at, &r->scratch);
	if (ev == NULL)
		out->failed = true;
	else
		rpc_walk_row(r->codec->marks, out, r->at == 0, NULL, &type, ev);
	r->at++;
	return true;
}

/* step - write the head, a row or the tail */
static void
step(struct rpc_rows *r, struct http_buf *out)
{
	bool more;

	if (r->phase == HEAD) {
		r->codec->head(r->call, out);
		rpc_walk_open(r->codec->marks, r->call, out);
		r->phase = ROWS;
		return;
	}
	more = r->call->rows == API_ROWS_EVENTS ? next_event(r, out)
						: next_record(r, out);
	if (more)
		return;
	rpc_walk_close(r->codec->marks, r->call, out);
	r->codec->tail(r->call, out);
	r->phase = DONE;
}

bool
rpc_rows_more(struct rpc_rows *r, struct http_buf *out, size_t at_least)
{
	size_t start = out->len;

	while (r->phase != DONE && !out->failed) {
		step(r, out);
		if (out->len - start >= at_least)
			break;
	}
	return r->phase != DONE && !out->failed;
}

/* write_rows - a whole class in one go */
static void
write_rows(const struct rpc_codec *codec, const struct api_call *c,
    struct http_buf *out)
{
	struct rpc_rows r;

	rpc_rows_init(&r, codec, c);
	while (rpc_rows_more(&r, out, SIZE_MAX))
		;
	rpc_rows_fini(&r);
}

bool
rpc_write_reply(const struct rpc_codec *codec, const struct api_call *c,
    struct http_buf *out)
{
	if (c->err != ERR_NONE) {
		codec->failure(c, out);
	} else if (c->rows != API_ROWS_NONE) {
		write_rows(codec, c, out);
	} else {
		codec->head(c, out);
		rpc_walk_value(codec->marks, out, c->msg->result, c->result);
		codec->tail(c, out);
	}
	return !out->failed;
}
