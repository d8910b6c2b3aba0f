/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_sqlite_schema - tables and columns, derived from the IDL's descriptors
 *
 * Tables are STRICT and all columns NOT NULL: what an administrator gets wrong
 * with the sqlite3 command is refused on the spot.  Columns that a newer IDL
 * added carry their IDL default, so that adding one touches no row.
 */

/* System */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_json.h"
#include "model/journal/jrn_sqlite_priv.h"

#define PROGRAM "xenapi-memoryd"

static const char *const fixed_columns[JRN_FIXED_COLUMNS] = {
    JRN_REF, JRN_CREATED, JRN_MODIFIED};

/* ---- what the IDL wants ---- */

/* is_persistent - does the field have a column? */
static bool
is_persistent(const struct idl_field *f)
{
	if ((f->flags & (IDL_F_LIVE | IDL_F_INVERSE)) != 0)
		return false;
	assert(f->type->kind != IDL_VOID && f->type->kind != IDL_RECORD);
	return true;
}

/* table_init - the table of a class; false: out of memory */
static bool
table_init(struct jrn_table *t, const struct idl_class *c)
{
	int i;

	t->fields = calloc((size_t)c->nfields + 1, sizeof(void *));
	t->has = calloc((size_t)c->nfields + 1, sizeof *t->has);
	t->bound = calloc((size_t)c->nfields + 1, sizeof *t->bound);
	if (t->fields == NULL || t->has == NULL || t->bound == NULL)
		return false;
	for (i = 0; i < c->nfields; i++)
		if (is_persistent(&c->fields[i]))
			t->fields[t->nfields++] = &c->fields[i];
	t->c = c;
	return true;
}

struct jrn_table *
jrn_tables_new(void)
{
	struct jrn_table *tables =
	    calloc((size_t)idl_nclasses + 1, sizeof *tables);
	int i;

	if (tables == NULL)
		return NULL;
	for (i = 0; i < idl_nclasses; i++) {
		if ((idl_classes[i]->flags & IDL_C_LIVE) != 0)
			continue;
		if (!table_init(&tables[i], idl_classes[i])) {
			jrn_tables_free(&tables);
			return NULL;
		}
	}
	return tables;
}

void
jrn_tables_free(struct jrn_table **tables)
{
	int i;

	if (*tables == NULL)
		return;
	for (i = 0; i < idl_nclasses; i++) {
		free((*tables)[i].fields);
		free((*tables)[i].has);
		free((*tables)[i].bound);
	}
	free(*tables);
	*tables = NULL;
}

/* ---- SQL text ---- */

/* column_type - the column type of a field */
static const char *
column_type(const struct idl_type *t)
{
	switch (t->kind) {
	case IDL_INT:
	case IDL_DATETIME:
	case IDL_BOOL:
		return "INTEGER";
	case IDL_FLOAT:
		return "REAL";
	default:
		return "TEXT";
	}
}

/* append_json - the literal of a set or map */
static void
append_json(sqlite3_str *s, const struct idl_type *t, const void *value)
{
	size_t n = jrn_json_bytes(t, value);
	char *text = sqlite3_malloc64(n + 1);

	if (text == NULL) {
		sqlite3_str_appendf(s, "NULL"); /* the statement then fails */
		return;
	}
	jrn_json_write(t, value, text);
	text[n] = '\0';
	sqlite3_str_appendf(s, "%Q", text);
	sqlite3_free(text);
}

/* append_default - the literal of a field's IDL default */
static void
append_default(sqlite3_str *s, const struct idl_field *f)
{
	const struct idl_type *t = f->type;
	char ref[IDL_REF_TEXT] = "";

	switch (t->kind) {
	case IDL_STRING:
		sqlite3_str_appendf(s, "%Q", *(const char *const *)f->initial);
		return;
	case IDL_INT:
	case IDL_DATETIME:
		sqlite3_str_appendf(
		    s, "%lld", (long long)*(const int64_t *)f->initial);
		return;
	case IDL_FLOAT:
		sqlite3_str_appendf(s, "%!.17g", *(const double *)f->initial);
		return;
	case IDL_BOOL:
		sqlite3_str_appendf(s, "%d", *(const bool *)f->initial);
		return;
	case IDL_REF:
		if (!idl_ref_is_null(f->initial))
			idl_ref_write(f->initial, ref);
		sqlite3_str_appendf(s, "%Q", ref);
		return;
	case IDL_ENUM:
		sqlite3_str_appendf(
		    s, "%Q", t->en->values[*(const int32_t *)f->initial]);
		return;
	default:
		append_json(s, t, f->initial);
	}
}

/* append_column - a column of a table that is made or altered */
static void
append_column(sqlite3_str *s, const struct idl_field *f)
{
	sqlite3_str_appendf(
	    s, "\"%w\" %s NOT NULL DEFAULT ", f->name, column_type(f->type));
	append_default(s, f);
}

/* sql_create - CREATE TABLE of a class; NULL: out of memory */
static char *
sql_create(const struct jrn_table *t)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	int i;

	sqlite3_str_appendf(s,
	    "CREATE TABLE \"%w\" (\n"
	    "\t" JRN_REF " TEXT NOT NULL PRIMARY KEY,\n"
	    "\t" JRN_CREATED " INTEGER NOT NULL,\n"
	    "\t" JRN_MODIFIED " INTEGER NOT NULL",
	    t->c->name);
	for (i = 0; i < t->nfields; i++) {
		sqlite3_str_appendall(s, ",\n\t");
		append_column(s, t->fields[i]);
	}
	sqlite3_str_appendall(s, "\n) STRICT, WITHOUT ROWID");
	return sqlite3_str_finish(s);
}

/* append_names - the fixed columns and those the database has (or all) */
static void
append_names(sqlite3_str *s, const struct jrn_table *t, bool all)
{
	int i;

	sqlite3_str_appendall(s, JRN_REF ", " JRN_CREATED ", " JRN_MODIFIED);
	for (i = 0; i < t->nfields; i++)
		if (all || t->has[i])
			sqlite3_str_appendf(s, ", \"%w\"", t->fields[i]->name);
}

char *
jrn_sql_select(const struct jrn_table *t)
{
	sqlite3_str *s = sqlite3_str_new(NULL);

	sqlite3_str_appendall(s, "SELECT ");
	append_names(s, t, false);
	sqlite3_str_appendf(s, " FROM \"%w\" ORDER BY " JRN_REF, t->c->name);
	return sqlite3_str_finish(s);
}

char *
jrn_sql_put(const struct jrn_table *t)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	int i;

	sqlite3_str_appendf(s, "INSERT OR REPLACE INTO \"%w\" (", t->c->name);
	append_names(s, t, true);
	sqlite3_str_appendall(s, ") VALUES (?");
	for (i = 1; i < JRN_FIXED_COLUMNS + t->nfields; i++)
		sqlite3_str_appendall(s, ", ?");
	sqlite3_str_appendchar(s, 1, ')');
	return sqlite3_str_finish(s);
}

/* exec_free - run a statement made for once; NULL: it did not fit in memory */
static enum err
exec_free(struct jrn_sqlite *j, sqlite3 *db, char *sql, struct failure *why)
{
	enum err rc;

	if (sql == NULL)
		return jrn_fail(j, NULL, "cannot be made", why);
	rc = jrn_exec(j, db, sql, why);
	sqlite3_free(sql);
	return rc;
}

enum err
jrn_schema_make(struct jrn_sqlite *j, sqlite3 *db, struct failure *why)
{
	enum err rc;
	int i;

	rc = exec_free(j, db,
	    sqlite3_mprintf("PRAGMA application_id=%d; PRAGMA user_version=%d; "
			    "CREATE TABLE " JRN_META " (\n"
			    "\tkey TEXT NOT NULL PRIMARY KEY,\n"
			    "\tvalue ANY NOT NULL\n) STRICT, WITHOUT ROWID; "
			    "INSERT INTO " JRN_META " VALUES "
			    "('schema_version', %d), ('generation', 0), "
			    "('program', '" PROGRAM "')",
		JRN_SQLITE_APPLICATION_ID, JRN_SQLITE_SCHEMA_VERSION,
		JRN_SQLITE_SCHEMA_VERSION),
	    why);
	for (i = 0; rc == ERR_NONE && i < idl_nclasses; i++)
		if (j->tables[i].c != NULL)
			rc = exec_free(j, db, sql_create(&j->tables[i]), why);
	return rc;
}

/* ---- what the database has ---- */

/* read_int - the one INTEGER that a query gives */
static enum err
read_int(struct jrn_sqlite *j, sqlite3 *db, const char *sql, int64_t *v_out,
    struct failure *why)
{
	sqlite3_stmt *st = NULL;
	enum err rc = ERR_NONE;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return jrn_fail(j, db, "cannot be read", why);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		if (sqlite3_column_type(st, 0) == SQLITE_INTEGER)
			*v_out = sqlite3_column_int64(st, 0);
		else
			rc = err_internal(why,
			    "%s: damaged: no integer comes from: %s", j->file,
			    sql);
		break;
	case SQLITE_DONE:
		rc = err_internal(
		    why, "%s: damaged: nothing comes from: %s", j->file, sql);
		break;
	default:
		rc = jrn_fail(j, db, "cannot be read", why);
	}
	(void)sqlite3_finalize(st); /* its error has been told */
	return rc;
}

/* newer - the refusal of a database that holds what we do not know */
static enum err
newer(struct jrn_sqlite *j, int64_t version, const char *what, const char *name,
    struct failure *why)
{
	return err_internal(why,
	    "%s: written by a newer version of this program: %s%s%sits schema "
	    "version is %" PRId64 ", ours is %d; nothing was changed",
	    j->file, what, name, *what == '\0' ? "" : "; ", version,
	    JRN_SQLITE_SCHEMA_VERSION);
}

/* check_identity - is it ours, and of a version that we know? */
static enum err
check_identity(struct jrn_sqlite *j, sqlite3 *db, uint64_t *generation_out,
    struct failure *why)
{
	int64_t id = 0, version = 0, meta = 0, generation = 0;
	enum err rc;

	rc = read_int(j, db, "PRAGMA application_id", &id, why);
	if (rc == ERR_NONE)
		rc = read_int(j, db, "PRAGMA user_version", &version, why);
	if (rc != ERR_NONE)
		return rc;
	if (id != JRN_SQLITE_APPLICATION_ID)
		return err_internal(why,
		    "%s: damaged, or not a database of this program: its "
		    "application_id is %" PRId64 ", ours is %d",
		    j->file, id, JRN_SQLITE_APPLICATION_ID);
	if (version > JRN_SQLITE_SCHEMA_VERSION)
		return newer(j, version, "", "", why);
	rc = read_int(j, db,
	    "SELECT value FROM " JRN_META " WHERE key='schema_version'", &meta,
	    why);
	if (rc == ERR_NONE && meta > JRN_SQLITE_SCHEMA_VERSION)
		return newer(j, meta, "", "", why);
	if (rc == ERR_NONE && (meta < 1 || meta != version))
		rc = err_internal(why,
		    "%s: damaged: schema_version is %" PRId64
		    " but user_version is %" PRId64,
		    j->file, meta, version);
	if (rc == ERR_NONE)
		rc = read_int(j, db,
		    "SELECT value FROM " JRN_META " WHERE key='generation'",
		    &generation, why);
	if (rc == ERR_NONE && generation < 0)
		rc = err_internal(
		    why, "%s: damaged: the generation is negative", j->file);
	if (rc == ERR_NONE)
		*generation_out = (uint64_t)generation;
	return rc;
}

/* table_find - the table of that name; NULL: no class has it */
static struct jrn_table *
table_find(struct jrn_sqlite *j, const char *name)
{
	int i;

	for (i = 0; i < idl_nclasses; i++)
		if (j->tables[i].c != NULL &&
		    strcmp(j->tables[i].c->name, name) == 0)
			return &j->tables[i];
	return NULL;
}

/* check_tables - which tables are there; any that we do not know? */
static enum err
check_tables(struct jrn_sqlite *j, sqlite3 *db, struct failure *why)
{
	static const char sql[] =
	    "SELECT type, name FROM sqlite_schema WHERE name NOT GLOB "
	    "'sqlite_*' AND name <> '" JRN_META "'";
	sqlite3_stmt *st = NULL;
	struct jrn_table *t;
	const char *name;
	enum err rc = ERR_NONE;
	int i, r;

	for (i = 0; i < idl_nclasses; i++)
		j->tables[i].exists = false;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return jrn_fail(j, db, "cannot be read", why);
	while (rc == ERR_NONE && (r = sqlite3_step(st)) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(st, 1);
		t = name == NULL ? NULL : table_find(j, name);
		if (t != NULL &&
		    sqlite3_stricmp(
			"table", (const char *)sqlite3_column_text(st, 0)) == 0)
			t->exists = true;
		else
			rc = newer(j, JRN_SQLITE_SCHEMA_VERSION,
			    "this one does not know ",
			    name == NULL ? "a table" : name, why);
	}
	if (rc == ERR_NONE && r != SQLITE_DONE)
		rc = jrn_fail(j, db, "cannot be read", why);
	(void)sqlite3_finalize(st); /* its error has been told */
	return rc;
}

/* note_column - mark a column as there; false: nobody knows it */
static bool
note_column(struct jrn_table *t, const char *name, int *n_fixed)
{
	int i;

	for (i = 0; i < JRN_FIXED_COLUMNS; i++)
		if (strcmp(name, fixed_columns[i]) == 0) {
			(*n_fixed)++;
			return true;
		}
	for (i = 0; i < t->nfields; i++)
		if (strcmp(name, t->fields[i]->name) == 0) {
			t->has[i] = true;
			return true;
		}
	return false;
}

/* check_columns - which columns a table has; any that we do not know? */
static enum err
check_columns(
    struct jrn_sqlite *j, sqlite3 *db, struct jrn_table *t, struct failure *why)
{
	sqlite3_stmt *st = NULL;
	char place[200];
	const char *name;
	enum err rc = ERR_NONE;
	int n_fixed = 0, r;

	memset(t->has, 0, (size_t)t->nfields);
	if (sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_xinfo(?1)",
		-1, &st, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(st, 1, t->c->name, -1, SQLITE_STATIC) !=
		SQLITE_OK) {
		rc = jrn_fail(j, db, "cannot be read", why);
		r = SQLITE_DONE;
	}
	while (rc == ERR_NONE && (r = sqlite3_step(st)) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(st, 0);
		if (name != NULL && note_column(t, name, &n_fixed))
			continue;
		(void)sqlite3_snprintf(sizeof place, place, "%s of table %s",
		    name == NULL ? "" : name, t->c->name);
		rc = newer(j, JRN_SQLITE_SCHEMA_VERSION,
		    "this one does not know column ", place, why);
	}
	if (rc == ERR_NONE && r != SQLITE_DONE)
		rc = jrn_fail(j, db, "cannot be read", why);
	if (rc == ERR_NONE && n_fixed != JRN_FIXED_COLUMNS)
		rc = err_internal(why,
		    "%s: damaged: table %s lacks a column of " JRN_REF
		    ", " JRN_CREATED ", " JRN_MODIFIED,
		    j->file, t->c->name);
	(void)sqlite3_finalize(st); /* its error has been told */
	return rc;
}

enum err
jrn_schema_check(struct jrn_sqlite *j, sqlite3 *db, uint64_t *generation_out,
    struct failure *why)
{
	uint64_t generation = 0;
	enum err rc;
	int i;

	rc = check_identity(j, db, &generation, why);
	if (rc == ERR_NONE)
		rc = check_tables(j, db, why);
	for (i = 0; rc == ERR_NONE && i < idl_nclasses; i++)
		if (j->tables[i].exists)
			rc = check_columns(j, db, &j->tables[i], why);
	if (rc == ERR_NONE)
		*generation_out = generation;
	return rc;
}

/* ---- making up the difference ---- */

/* table_migrate - make the table, or add the columns it lacks */
static enum err
table_migrate(
    struct jrn_sqlite *j, sqlite3 *db, struct jrn_table *t, struct failure *why)
{
	sqlite3_str *s;
	enum err rc = ERR_NONE;
	int i;

	if (!t->exists)
		return exec_free(j, db, sql_create(t), why);
	for (i = 0; rc == ERR_NONE && i < t->nfields; i++) {
		if (t->has[i])
			continue;
		s = sqlite3_str_new(NULL);
		sqlite3_str_appendf(
		    s, "ALTER TABLE \"%w\" ADD COLUMN ", t->c->name);
		append_column(s, t->fields[i]);
		rc = exec_free(j, db, sqlite3_str_finish(s), why);
	}
	return rc;
}

/* is_complete - does the database have all of the table? */
static bool
is_complete(const struct jrn_table *t)
{
	int i;

	for (i = 0; t->exists && i < t->nfields; i++)
		if (!t->has[i])
			return false;
	return t->exists;
}

enum err
jrn_schema_migrate(struct jrn_sqlite *j, sqlite3 *db, struct failure *why)
{
	enum err rc;
	int i;

	for (i = 0; i < idl_nclasses; i++)
		if (j->tables[i].c != NULL && !is_complete(&j->tables[i]))
			break;
	if (i == idl_nclasses)
		return ERR_NONE;
	rc = jrn_exec(j, db, "BEGIN IMMEDIATE", why);
	for (i = 0; rc == ERR_NONE && i < idl_nclasses; i++)
		if (j->tables[i].c != NULL)
			rc = table_migrate(j, db, &j->tables[i], why);
	if (rc == ERR_NONE)
		rc = jrn_exec(j, db, "COMMIT", why);
	return rc;
}
