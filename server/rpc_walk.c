/* SPDX-License-Identifier: BSD-2-Clause */

/* rpc_walk - a native value as a protocol writes it */

/* System */
#include <assert.h>
#include <string.h>

/* Api */
#include "api/val.h"

/* Own */
#include "server/rpc_walk.h"

/* put - one mark; many are empty */
static void
put(struct http_buf *out, const struct rpc_mark *mark)
{
	char *p;

	if (mark->n == 0)
		return;
	p = http_buf_reserve(out, sizeof(mark->p));
	if (p == NULL)
		return;
	memcpy(p, mark->p, sizeof(mark->p));
	out->len += mark->n;
}

/* put_name - a member begins; its name needs no escapes, its value is next */
static void
put_name(
    const struct rpc_marks *m, struct http_buf *out, const char *name, size_t n)
{
	const struct rpc_mark *open = &m->name_open, *close = &m->name_close;
	char *p = http_buf_reserve(out, sizeof(open->p) + n + sizeof(close->p));

	if (p == NULL)
		return;
	memcpy(p, open->p, sizeof(open->p));
	memcpy(p + open->n, name, n);
	memcpy(p + open->n + n, close->p, sizeof(close->p));
	out->len += open->n + n + close->n;
}

/* put_text - the text of a scalar, or of a map's key */
static void
put_text(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_type *t, const void *native)
{
	char text[IDL_REF_TEXT];

	switch (t->kind) {
	case IDL_VOID:
		break;
	case IDL_STRING:
		m->text(out, *(const char *const *)native);
		break;
	case IDL_INT:
		http_buf_add(out, text,
		    api_val_int_text(*(const int64_t *)native, text));
		break;
	case IDL_FLOAT:
		m->floating(out, *(const double *)native);
		break;
	case IDL_BOOL:
		http_buf_text(out, *(const bool *)native ? m->yes : m->no);
		break;
	case IDL_DATETIME:
		http_buf_add(out, text,
		    api_val_datetime_text(*(const int64_t *)native, text));
		break;
	case IDL_REF:
		idl_ref_write(native, text);
		http_buf_text(out, text);
		break;
	case IDL_ENUM:
		m->text(out, t->en->values[*(const int32_t *)native]);
		break;
	case IDL_SET:
	case IDL_MAP:
	case IDL_RECORD:
		assert(0 && "not a scalar");
	}
}

/* put_scalar - the same between the marks of its kind */
static void
put_scalar(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_type *t, const void *native)
{
	unsigned kind = t->kind;

	if (t->kind == IDL_INT && t->unit == IDL_UNIT_INT32)
		kind = RPC_INT32;
	put(out, &m->scalar[kind].open);
	put_text(m, out, t, native);
	put(out, &m->scalar[kind].close);
}

/* put_set - its items */
static void
put_set(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_type *t, const struct idl_set *set)
{
	size_t step = idl_native_bytes(t->elem);
	const char *item = set->items;

	put(out, &m->set_open);
	for (uint32_t i = 0; i < set->n && !out->failed; i++) {
		if (i > 0)
			put(out, &m->between);
		rpc_walk_value(m, out, t->elem, item + i * step);
	}
	put(out, &m->set_close);
}

/* put_map - its pairs, the names are the texts of the keys */
static void
put_map(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_type *t, const struct idl_map *map)
{
	size_t key_step = idl_native_bytes(t->key);
	size_t step = idl_native_bytes(t->elem);
	const char *key = map->keys, *item = map->values;

	put(out, &m->map_open);
	for (uint32_t i = 0; i < map->n && !out->failed; i++) {
		if (i > 0)
			put(out, &m->between);
		put(out, &m->name_open);
		put_text(m, out, t->key, key + i * key_step);
		put(out, &m->name_close);
		rpc_walk_value(m, out, t->elem, item + i * step);
		put(out, &m->member_close);
	}
	put(out, &m->map_close);
}

/* put_fields - members for the fields from one on, in the IDL's order */
static void
put_fields(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_class *c, int from, const char *rec)
{
	const struct idl_field *f;
	bool first = from == 0;

	for (f = c->fields + from; f < c->fields + c->nfields; f++) {
		if ((f->flags & IDL_F_INTERNAL) || idl_field_is_absent(f, rec))
			continue;
		if (!first)
			put(out, &m->between);
		first = false;
		put_name(m, out, f->name, strlen(f->name));
		rpc_walk_value(m, out, f->type, rec + f->offset);
		put(out, &m->member_close);
	}
}

void
rpc_walk_value(const struct rpc_marks *m, struct http_buf *out,
    const struct idl_type *t, const void *native)
{
	const char *rec;

	switch (t->kind) {
	case IDL_SET:
		put_set(m, out, t, *(const struct idl_set *const *)native);
		return;
	case IDL_MAP:
		put_map(m, out, t, *(const struct idl_map *const *)native);
		return;
	case IDL_RECORD:
		rec = *(const char *const *)native;
		put(out, &m->map_open);
		put_fields(m, out, idl_record_class(t, rec), 0, rec);
		put(out, &m->map_close);
		return;
	default:
		put_scalar(m, out, t, native);
	}
}

/* ---- rows ---- */

/* around - the record whose first field the rows are; NULL: they are all */
static const char *
around(const struct api_call *c)
{
	if (c->rows != API_ROWS_EVENTS || c->msg->result->kind != IDL_RECORD)
		return NULL;
	return *(const char *const *)c->result;
}

void
rpc_walk_open(
    const struct rpc_marks *m, const struct api_call *c, struct http_buf *out)
{
	const char *name;

	if (around(c) != NULL) {
		name = idl_classes[c->msg->result->cls]->fields[0].name;
		put(out, &m->map_open);
		put_name(m, out, name, strlen(name));
	}
	put(out, c->rows == API_ROWS_RECORDS ? &m->map_open : &m->set_open);
}

void
rpc_walk_row(const struct rpc_marks *m, struct http_buf *out, bool first,
    const char *ref, const struct idl_type *t, const void *record)
{
	static const struct idl_type text = {.kind = IDL_STRING, .cls = -1};

	if (!first)
		put(out, &m->between);
	if (record == NULL) {
		put_scalar(m, out, &text, &ref);
		return;
	}
	if (ref != NULL)
		put_name(m, out, ref, strlen(ref));
	rpc_walk_value(m, out, t, &record);
	if (ref != NULL)
		put(out, &m->member_close);
}

void
rpc_walk_close(
    const struct rpc_marks *m, const struct api_call *c, struct http_buf *out)
{
	put(out, c->rows == API_ROWS_RECORDS ? &m->map_close : &m->set_close);
	if (around(c) == NULL)
		return;
	put(out, &m->member_close);
	put_fields(m, out, idl_classes[c->msg->result->cls], 1, around(c));
	put(out, &m->map_close);
}
