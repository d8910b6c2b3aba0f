/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_value - values between the command layer and the api
 *
 * To the api they go as a protocol's would (api/val.h).  What comes back is
 * copied into the pool as a whole: the view that it points into is given back
 * at once, and commands look at their values as long as they run.
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "server/cli_priv.h"

#define ROW_BYTES ((size_t)64 << 20) /* one record as the wire shows it */

/* ---- to the api ---- */

/* read_text - a scalar as text */
static bool
read_text(struct api_call *c, const struct api_slot *to, enum api_val_form form,
    const char *text)
{
	return api_val_scalar(c, to, form, text, strlen(text));
}

/* read_number - a scalar that is no text */
static bool
read_number(
    struct api_call *c, const struct api_slot *to, const struct cli_val *v)
{
	char text[API_VAL_NUMBER_BYTES];
	size_t n;

	if (v->kind == CLI_BOOL)
		return read_text(c, to, API_VAL_BOOL, v->i != 0 ? "1" : "0");
	if (v->kind == CLI_INT) {
		n = api_val_int_text(v->i, text);
		text[n] = '\0';
		return read_text(c, to, API_VAL_INT, text);
	}
	(void)snprintf(text, sizeof text, "%.17g", v->f); /* 24 at most */
	return read_text(c, to, API_VAL_FLOAT, text);
}

/* read_array - a set */
static bool
read_array(
    struct api_call *c, const struct api_slot *to, const struct cli_val *v)
{
	struct api_gather g = {.slot = *to};
	struct api_slot item;

	if (!api_val_open_array(c, &g))
		return false;
	for (size_t i = 0; i < v->n; i++)
		if (!api_val_item(c, &g, &item) ||
		    !thin_value_read(c, &item, &v->item[i]))
			return false;
	return api_val_close_array(c, &g);
}

/* read_struct - a map or a record */
static bool
read_struct(
    struct api_call *c, const struct api_slot *to, const struct cli_val *v)
{
	struct api_gather g = {.slot = *to};
	struct api_slot member;

	if (!api_val_open_object(c, &g))
		return false;
	for (size_t i = 0; i < v->n; i++)
		if (!api_val_member(
			c, &g, v->name[i], strlen(v->name[i]), &member) ||
		    !thin_value_read(c, &member, &v->item[i]))
			return false;
	return api_val_close_object(c, &g);
}

bool
thin_value_read(
    struct api_call *c, const struct api_slot *to, const struct cli_val *v)
{
	if (to->type == NULL)
		return true;
	switch (v->kind) {
	case CLI_TEXT:
		return read_text(c, to, API_VAL_TEXT, v->text);
	case CLI_ARRAY:
		return read_array(c, to, v);
	case CLI_STRUCT:
		return read_struct(c, to, v);
	default:
		return read_number(c, to, v);
	}
}

/* ---- from the api ---- */

/* make_text - a text in the pool */
static bool
make_text(struct cli_pool *pool, const char *s, struct cli_val *v_out)
{
	const char *copy = cli_pool_text(pool, s, strlen(s));

	if (copy == NULL)
		return false;
	*v_out = cli_val_text(copy);
	return true;
}

/* make_scalar - anything but set, map and record */
static bool
make_scalar(struct cli_pool *pool, const struct idl_type *t, const void *native,
    struct cli_val *v_out)
{
	char text[IDL_REF_TEXT];

	switch (t->kind) {
	case IDL_STRING:
		return make_text(pool, *(const char *const *)native, v_out);
	case IDL_INT:
		*v_out = cli_val_number(*(const int64_t *)native);
		return true;
	case IDL_FLOAT:
		*v_out = cli_val_float(*(const double *)native);
		return true;
	case IDL_BOOL:
		*v_out = cli_val_bool(*(const bool *)native);
		return true;
	case IDL_DATETIME:
		text[api_val_datetime_text(*(const int64_t *)native, text)] =
		    '\0';
		return make_text(pool, text, v_out);
	case IDL_REF:
		idl_ref_write(native, text);
		return make_text(pool, text, v_out);
	case IDL_ENUM:
		*v_out = cli_val_text(t->en->values[*(const int32_t *)native]);
		return true;
	default:
		*v_out = cli_val_text("");
		return true;
	}
}

/* make_items - n native values that lie one behind the other */
static struct cli_val *
make_items(struct cli_pool *pool, const struct idl_type *t, const char *native,
    uint32_t n)
{
	struct cli_val *item = cli_pool_array(pool, n, sizeof *item);
	size_t step = idl_native_bytes(t);

	for (uint32_t i = 0; item != NULL && i < n; i++)
		if (!thin_value_make(pool, t, native + i * step, &item[i]))
			return NULL;
	return item;
}

/* make_set - an array */
static bool
make_set(struct cli_pool *pool, const struct idl_type *t,
    const struct idl_set *set, struct cli_val *v_out)
{
	*v_out = (struct cli_val){.kind = CLI_ARRAY, .n = set->n};
	if (set->n > 0)
		v_out->item = make_items(pool, t->elem, set->items, set->n);
	return set->n == 0 || v_out->item != NULL;
}

/* key_text - a map's key as text; NULL: the pool is full */
static const char *
key_text(struct cli_pool *pool, const struct idl_type *t, const void *native)
{
	struct cli_val v;

	if (!make_scalar(pool, t, native, &v))
		return NULL;
	if (v.kind == CLI_TEXT)
		return v.text;
	return v.kind == CLI_FLOAT ? cli_pool_printf(pool, "%.17g", v.f)
				   : cli_pool_printf(pool, "%" PRId64, v.i);
}

/* make_map - a struct, its names the texts of the keys */
static bool
make_map(struct cli_pool *pool, const struct idl_type *t,
    const struct idl_map *map, struct cli_val *v_out)
{
	const char **name = cli_pool_array(pool, map->n + 1, sizeof *name);
	size_t step = idl_native_bytes(t->key);

	if (name == NULL)
		return false;
	for (uint32_t i = 0; i < map->n; i++) {
		name[i] =
		    key_text(pool, t->key, (const char *)map->keys + i * step);
		if (name[i] == NULL)
			return false;
	}
	*v_out =
	    (struct cli_val){.kind = CLI_STRUCT, .n = map->n, .name = name};
	if (map->n > 0)
		v_out->item = make_items(pool, t->elem, map->values, map->n);
	return map->n == 0 || v_out->item != NULL;
}

/* field_names - the names of a record's members; NULL: the pool is full */
static const char *const *
field_names(struct cli_pool *pool, const struct idl_class *c, size_t *n_out)
{
	const char **name =
	    cli_pool_array(pool, (size_t)c->nfields + 1, sizeof *name);

	*n_out = 0;
	for (int i = 0; name != NULL && i < c->nfields; i++)
		if (!(c->fields[i].flags & IDL_F_INTERNAL))
			name[(*n_out)++] = c->fields[i].name;
	return name;
}

/* make_record - a struct of n members, their names made before */
static bool
make_record(struct cli_pool *pool, const struct idl_class *c, const char *rec,
    const char *const *name, size_t n, struct cli_val *v_out)
{
	struct cli_val *item = cli_pool_array(pool, n + 1, sizeof *item);
	size_t at = 0;

	if (item == NULL || name == NULL)
		return false;
	for (int i = 0; i < c->nfields; i++) {
		const struct idl_field *f = &c->fields[i];

		if (!(f->flags & IDL_F_INTERNAL) &&
		    !thin_value_make(
			pool, f->type, rec + f->offset, &item[at++]))
			return false;
	}
	*v_out = (struct cli_val){
	    .kind = CLI_STRUCT, .n = n, .item = item, .name = name};
	return true;
}

bool
thin_value_make(struct cli_pool *pool, const struct idl_type *t,
    const void *native, struct cli_val *v_out)
{
	const char *const *name;
	size_t n;

	switch (t->kind) {
	case IDL_SET:
		return make_set(
		    pool, t, *(const struct idl_set *const *)native, v_out);
	case IDL_MAP:
		return make_map(
		    pool, t, *(const struct idl_map *const *)native, v_out);
	case IDL_RECORD:
		name = field_names(pool, idl_classes[t->cls], &n);
		return make_record(pool, idl_classes[t->cls],
		    *(const char *const *)native, name, n, v_out);
	default:
		return make_scalar(pool, t, native, v_out);
	}
}

/* ---- whole classes ---- */

/* What make_row needs of them. */
struct rows {
	struct cli_pool *pool;
	const struct api_call *call;
	struct arena scratch;
	const char *const *field; /* names of a record's members */
	size_t nfields;
	const char **name; /* refs, of records */
	struct cli_val *item;
};

/* make_row - the record as row i */
static bool
make_row(struct rows *r, const struct idl_hdr *rec, size_t i)
{
	const struct api_call *c = r->call;
	struct cli_val ref;
	char text[IDL_REF_TEXT];
	const void *shown;

	idl_ref_write(&rec->ref, text);
	if (!make_text(r->pool, text, &ref))
		return false;
	if (c->rows == API_ROWS_REFS) {
		r->item[i] = ref;
		return true;
	}
	r->name[i] = ref.text;
	arena_reset(&r->scratch);
	shown = api_record_view(c->env, c->view, rec->cls, rec, &r->scratch);
	return shown != NULL && make_record(r->pool, idl_classes[rec->cls],
				    shown, r->field, r->nfields, &r->item[i]);
}

bool
thin_value_rows(
    struct cli_pool *pool, const struct api_call *c, struct cli_val *v_out)
{
	struct rows r = {.pool = pool, .call = c};
	const struct idl_hdr *rec = NULL;
	size_t n = fld_count(c->view, c->msg->cls), i = 0;
	bool ok;

	r.field = field_names(pool, idl_classes[c->msg->cls], &r.nfields);
	r.name = cli_pool_array(pool, n + 1, sizeof *r.name);
	r.item = cli_pool_array(pool, n + 1, sizeof *r.item);
	arena_init(&r.scratch, ROW_BYTES);
	ok = r.field != NULL && r.name != NULL && r.item != NULL;
	while (ok && i < n &&
	       (rec = fld_next(c->view, c->msg->cls,
		    rec != NULL ? &rec->ref : NULL)) != NULL)
		ok = make_row(&r, rec, i++);
	arena_fini(&r.scratch);
	*v_out = (struct cli_val){
	    .kind = c->rows == API_ROWS_REFS ? CLI_ARRAY : CLI_STRUCT,
	    .n = i,
	    .item = r.item,
	    .name = r.name,
	};
	return ok;
}
