/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_sqlite_row - one record to one row and back
 *
 * On the way out strings are bound where they lie, and what has to be made
 * (refs, JSON) lives in the row's arena.  On the way in strings stay SQLite's;
 * the record is valid until the next row.  Every value is checked: the file is
 * input like any other.
 */

/* System */
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_json.h"
#include "model/journal/jrn_sqlite_priv.h"

/* ---- record to row ---- */

/* bind_utf8 - a text; not UTF-8 would be refused at the next start */
static int
bind_utf8(sqlite3_stmt *st, int i, const char *s, const char **problem)
{
	size_t n = strlen(s);

	if (!jrn_utf8_ok(s, n)) {
		*problem = "is not UTF-8";
		return SQLITE_MISMATCH;
	}
	return sqlite3_bind_text64(st, i, s, n, SQLITE_STATIC, SQLITE_UTF8);
}

/* bind_ref - the text of a ref, made in the arena; "" for none */
static int
bind_ref(sqlite3_stmt *st, int i, const struct idl_ref *ref, struct arena *a)
{
	char *text;

	if (idl_ref_is_null(ref))
		return sqlite3_bind_text(st, i, "", 0, SQLITE_STATIC);
	text = arena_alloc(a, IDL_REF_TEXT);
	if (text == NULL)
		return SQLITE_NOMEM;
	idl_ref_write(ref, text);
	return sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

/* bind_json - the text of a set or map, made in the arena */
static int
bind_json(sqlite3_stmt *st, int i, const struct idl_type *t, const void *value,
    struct arena *a, const char **problem)
{
	size_t n = jrn_json_bytes(t, value);
	char *text;

	if (n == 0)
		return sqlite3_bind_text(st, i, "", 0, SQLITE_STATIC);
	text = arena_alloc(a, n + 1);
	if (text == NULL)
		return SQLITE_NOMEM;
	jrn_json_write(t, value, text);
	return bind_utf8(st, i, text, problem);
}

/* bind_value - a native value of any persistent type */
static int
bind_value(sqlite3_stmt *st, int i, const struct idl_type *t, const void *value,
    struct arena *a, const char **problem)
{
	switch (t->kind) {
	case IDL_STRING:
		return bind_utf8(st, i, *(const char *const *)value, problem);
	case IDL_INT:
	case IDL_DATETIME:
		return sqlite3_bind_int64(st, i, *(const int64_t *)value);
	case IDL_BOOL:
		return sqlite3_bind_int(st, i, *(const bool *)value);
	case IDL_FLOAT:
		if (!isnan(*(const double *)value))
			return sqlite3_bind_double(
			    st, i, *(const double *)value);
		*problem = "is not a number";
		return SQLITE_MISMATCH;
	case IDL_REF:
		return bind_ref(st, i, value, a);
	case IDL_ENUM:
		return sqlite3_bind_text(st, i,
		    t->en->values[*(const int32_t *)value], -1, SQLITE_STATIC);
	default:
		return bind_json(st, i, t, value, a, problem);
	}
}

/* settled - does a value need nothing of the record once bound?  Its bits. */
static bool
settled(const struct idl_type *t, const void *value, uint64_t *bits_out)
{
	*bits_out = 0;
	switch (t->kind) {
	case IDL_INT:
	case IDL_DATETIME:
		memcpy(bits_out, value, sizeof *bits_out);
		return true;
	case IDL_BOOL:
		*bits_out = *(const bool *)value;
		return true;
	case IDL_ENUM: /* its text is static */
		*bits_out = (uint64_t) * (const int32_t *)value;
		return true;
	case IDL_REF:
		return idl_ref_is_null(value);
	case IDL_STRING:
		return **(const char *const *)value == '\0';
	case IDL_SET:
		return (*(const struct idl_set *const *)value)->n == 0;
	case IDL_MAP:
		return (*(const struct idl_map *const *)value)->n == 0;
	default:
		return false;
	}
}

int
jrn_row_bind(struct jrn_table *t, const void *rec, struct arena *a,
    const char **column, const char **problem)
{
	const struct idl_hdr *h = rec;
	const struct idl_field *f;
	struct jrn_bound now, *was;
	const void *value;
	int i, r;

	r = bind_ref(t->put, 1, &h->ref, a);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(t->put, 2, (int64_t)h->created);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(t->put, 3, (int64_t)h->modified);
	for (i = 0; r == SQLITE_OK && i < t->nfields; i++) {
		f = t->fields[i];
		value = (const char *)rec + f->offset;
		was = &t->bound[i];
		now.is_settled = settled(f->type, value, &now.bits);
		/* Most fields of most rows are at rest: bound already. */
		if (now.is_settled && was->is_settled && now.bits == was->bits)
			continue;
		*column = f->name;
		was->is_settled = false;
		r = bind_value(t->put, JRN_FIXED_COLUMNS + i + 1, f->type,
		    value, a, problem);
		if (r == SQLITE_OK)
			*was = now;
	}
	return r;
}

/* ---- row to record ---- */

/*
 * Columns are read through sqlite3_column_value, a third faster than asking
 * the statement for type, text and length.  That is safe on one thread alone,
 * which is what a journal has.
 */

/* read_text - the text of a column, checked; returns the problem or NULL */
static const char *
read_text(sqlite3_value *column, const char **s_out, size_t *n_out)
{
	const char *s = (const char *)sqlite3_value_text(column);
	size_t n = (size_t)sqlite3_value_bytes(column);

	if (s == NULL)
		return "needs more memory than there is";
	if (!jrn_utf8_ok(s, n))
		return "is not UTF-8 text without NUL";
	*s_out = s;
	*n_out = n;
	return NULL;
}

/* read_typed_text - a column whose text has a meaning */
static const char *
read_typed_text(
    sqlite3_value *column, const struct idl_type *t, void *out, struct arena *a)
{
	const char *s, *problem;
	int32_t index;
	size_t n;

	problem = read_text(column, &s, &n);
	if (problem != NULL)
		return problem;
	switch (t->kind) {
	case IDL_STRING:
		memcpy(out, &s, sizeof s);
		return NULL;
	case IDL_REF:
		return jrn_ref_parse(s, n, out) ? NULL : "is not a reference";
	case IDL_ENUM:
		index = idl_enum_index(t->en, s, n);
		if (index < 0)
			return "is not a value of its enum";
		memcpy(out, &index, sizeof index);
		return NULL;
	default:
		return jrn_json_parse(t, s, n, out, a);
	}
}

/* read_value - a column of any type to its native place; problem or NULL */
static const char *
read_value(
    sqlite3_value *column, const struct idl_type *t, void *out, struct arena *a)
{
	int type = sqlite3_value_type(column);
	int64_t v;

	if (type == SQLITE_NULL)
		return "is NULL";
	switch (t->kind) {
	case IDL_INT:
	case IDL_DATETIME:
	case IDL_BOOL:
		if (type != SQLITE_INTEGER)
			return "is not an integer";
		v = sqlite3_value_int64(column);
		if (t->kind != IDL_BOOL)
			*(int64_t *)out = v;
		else if (v == 0 || v == 1)
			*(bool *)out = v == 1;
		else
			return "is neither 0 nor 1";
		return NULL;
	case IDL_FLOAT:
		if (type != SQLITE_FLOAT)
			return "is not a floating point number";
		*(double *)out = sqlite3_value_double(column);
		return NULL;
	default:
		if (type != SQLITE_TEXT)
			return "is not text";
		return read_typed_text(column, t, out, a);
	}
}

/* row_fail - refusal of a row, saying where and what */
static enum err
row_fail(struct jrn_sqlite *j, const struct jrn_table *t,
    const struct idl_ref *ref, const char *column, const char *problem,
    struct failure *why)
{
	char text[IDL_REF_TEXT];

	idl_ref_write(ref, text);
	return err_internal(why, "%s: damaged: table %s, ref %s, column %s: %s",
	    j->file, t->c->name, text, column, problem);
}

/* read_generation - a generation column; problem or NULL */
static const char *
read_generation(sqlite3_stmt *st, int i, uint64_t *out)
{
	int64_t v;

	if (sqlite3_column_type(st, i) != SQLITE_INTEGER)
		return "is not an integer";
	v = sqlite3_column_int64(st, i);
	if (v < 0)
		return "is negative";
	*out = (uint64_t)v;
	return NULL;
}

/* ref_less - is a before b, as their texts are? */
static bool
ref_less(const struct idl_ref *a, const struct idl_ref *b)
{
	return a->hi < b->hi || (a->hi == b->hi && a->lo < b->lo);
}

/* read_fixed - ref and generations; refs come in order, each once */
static enum err
read_fixed(struct jrn_sqlite *j, sqlite3_stmt *st, const struct jrn_table *t,
    struct idl_hdr *h, struct failure *why)
{
	static const struct idl_type ref_type = {.kind = IDL_REF, .cls = -1};
	struct idl_ref before = h->ref;
	char text[IDL_REF_TEXT];
	const char *problem;

	problem =
	    read_value(sqlite3_column_value(st, 0), &ref_type, &h->ref, NULL);
	if (problem != NULL) {
		idl_ref_write(&before, text);
		return err_internal(why,
		    "%s: damaged: table %s, row after %s, column " JRN_REF
		    ": %s",
		    j->file, t->c->name, text, problem);
	}
	if (!ref_less(&before, &h->ref))
		return row_fail(
		    j, t, &h->ref, JRN_REF, "is null or out of order", why);
	problem = read_generation(st, 1, &h->created);
	if (problem != NULL)
		return row_fail(j, t, &h->ref, JRN_CREATED, problem, why);
	problem = read_generation(st, 2, &h->modified);
	if (problem != NULL)
		return row_fail(j, t, &h->ref, JRN_MODIFIED, problem, why);
	return ERR_NONE;
}

/* read_row - the whole row into rec, whose other fields keep their values */
static enum err
read_row(struct jrn_sqlite *j, sqlite3_stmt *st, const struct jrn_table *t,
    void *rec, struct failure *why)
{
	struct idl_hdr *h = rec;
	const struct idl_field *f;
	const char *problem;
	int column = JRN_FIXED_COLUMNS;
	enum err rc;
	int i;

	rc = read_fixed(j, st, t, h, why);
	if (rc != ERR_NONE)
		return rc;
	for (i = 0; i < t->nfields; i++) {
		f = t->fields[i];
		if (!t->has[i])
			continue; /* keeps its IDL default */
		problem = read_value(sqlite3_column_value(st, column++),
		    f->type, (char *)rec + f->offset, &j->arena);
		if (problem != NULL)
			return row_fail(j, t, &h->ref, f->name, problem, why);
	}
	return ERR_NONE;
}

/* prepare_select - the statement that reads all of a table */
static enum err
prepare_select(struct jrn_sqlite *j, sqlite3 *db, const struct jrn_table *t,
    sqlite3_stmt **st_out, struct failure *why)
{
	char *sql = jrn_sql_select(t);
	enum err rc = ERR_NONE;

	if (sql == NULL)
		return jrn_fail(j, NULL, "cannot be read", why);
	if (sqlite3_prepare_v2(db, sql, -1, st_out, NULL) != SQLITE_OK)
		rc = jrn_fail(j, db, t->c->name, why);
	sqlite3_free(sql);
	return rc;
}

enum err
jrn_table_load(struct jrn_sqlite *j, sqlite3 *db, const struct jrn_table *t,
    jrn_load_f *each, void *ctx, struct failure *why)
{
	struct idl_hdr *rec = malloc(t->c->struct_bytes);
	sqlite3_stmt *st = NULL;
	char after[IDL_REF_TEXT + 20];
	char text[IDL_REF_TEXT];
	int r = SQLITE_DONE;
	enum err rc;

	if (rec == NULL)
		return jrn_fail(j, NULL, "cannot be read", why);
	idl_record_init(t->c, rec);
	rc = prepare_select(j, db, t, &st, why);
	while (rc == ERR_NONE && (r = sqlite3_step(st)) == SQLITE_ROW) {
		arena_reset(&j->arena);
		rc = read_row(j, st, t, rec, why);
		if (rc == ERR_NONE)
			rc = each(ctx, t->c->id, rec, why);
	}
	if (rc == ERR_NONE && r != SQLITE_DONE) {
		idl_ref_write(&rec->ref, text);
		(void)sqlite3_snprintf(
		    sizeof after, after, "%s after %s", t->c->name, text);
		rc = jrn_fail(j, db, after, why);
	}
	(void)sqlite3_finalize(st); /* its error has been told */
	arena_reset(&j->arena);
	free(rec);
	return rc;
}
