/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml_rows - replies whose result is a whole class, piece by piece
 *
 * The view is immutable, so a row is found again by the ref of the one before:
 * nothing but that ref is kept between pieces.
 */

/* System */
#include <assert.h>
#include <string.h>

/* Own */
#include "server/xml_priv.h"

/* One record as the wire shows it; a host may list 100,000 VMs. */
#define SCRATCH_BYTES ((size_t)64 << 20)

#define LIT(out, s) http_buf_add((out), (s), sizeof(s) - 1)

enum { HEAD, ROWS, DONE };

void
xml_rows_init(struct xml_rows *r, const struct api_call *c)
{
	assert(c->err == ERR_NONE && c->rows != API_ROWS_NONE);
	memset(r, 0, sizeof *r);
	r->call = c;
	r->phase = HEAD;
	arena_init(&r->scratch, SCRATCH_BYTES);
}

void
xml_rows_fini(struct xml_rows *r)
{
	arena_fini(&r->scratch);
	r->phase = DONE;
}

/* write_row - one record, as ref or as member of the map */
static void
write_row(struct xml_rows *r, const struct idl_hdr *rec, struct http_buf *out)
{
	const struct idl_type type = {.kind = IDL_RECORD, .cls = rec->cls};
	const void *shown;
	char ref[IDL_REF_TEXT];

	idl_ref_write(&rec->ref, ref);
	if (r->call->rows == API_ROWS_REFS) {
		LIT(out, "<value>");
		http_buf_text(out, ref);
		LIT(out, "</value>");
		return;
	}
	arena_reset(&r->scratch);
	shown = api_record_view(r->call->view, rec->cls, rec, &r->scratch);
	if (shown == NULL) {
		out->failed = true;
		return;
	}
	xml_write_name(out, ref, strlen(ref));
	xml_write_value(out, &type, &shown);
	LIT(out, "</member>");
}

/* next_row - the record after the last one; NULL: there is none */
static const struct idl_hdr *
next_row(const struct xml_rows *r)
{
	const struct api_call *c = r->call;

	/* No record has the null ref: it stands for "none yet". */
	return fld_next(
	    c->view, c->msg->cls, idl_ref_is_null(&r->last) ? NULL : &r->last);
}

/* step - write the head, a row or the tail */
static void
step(struct xml_rows *r, struct http_buf *out)
{
	bool refs = r->call->rows == API_ROWS_REFS;
	const struct idl_hdr *rec;

	if (r->phase == HEAD) {
		xml_write_head(r->call, out);
		http_buf_text(
		    out, refs ? "<value><array><data>" : "<value><struct>");
		r->phase = ROWS;
		return;
	}
	rec = next_row(r);
	if (rec != NULL) {
		write_row(r, rec, out);
		r->last = rec->ref;
		return;
	}
	http_buf_text(
	    out, refs ? "</data></array></value>" : "</struct></value>");
	xml_write_tail(r->call, out);
	r->phase = DONE;
}

bool
xml_rows_more(struct xml_rows *r, struct http_buf *out, size_t at_least)
{
	size_t start = out->len;

	while (r->phase != DONE && !out->failed) {
		step(r, out);
		if (out->len - start >= at_least)
			break;
	}
	return r->phase != DONE && !out->failed;
}
