/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_sqlite - the journal in one SQLite file that people can read
 *
 * What a failed commit means.  Before COMMIT nothing of the batch can be read
 * back: refused.  COMMIT itself writes the -wal from front to back, the frame
 * that makes it count last, then flushes.  When it ends with "full", that last
 * frame is not whole (given writes that harm nothing beside them, as SQLite
 * says of the file systems it knows): refused.  With any other failure the
 * last frame may be whole, in the file or only in the page cache: unknown.
 * Resolving closes the connection, opens a new one, which recovers from the
 * files, and reads the generation.  If the batch is there, a checkpoint writes
 * it once more, into the database itself, because a flush that failed cannot
 * be trusted when repeated.
 */

/* System */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_sqlite_priv.h"

/* Pages in the -wal at which SQLite copies them to the database: 4 MiB. */
#define CHECKPOINT_PAGES 1000

/* A -wal that a long reader let grow is cut back to this. */
#define WAL_LIMIT_BYTES "67108864"

/* ---- load ---- */

/* quick_check - SQLite's own look at the file's structure */
static enum err
quick_check(struct jrn_sqlite *j, sqlite3 *db, struct failure *why)
{
	sqlite3_stmt *st = NULL;
	const char *text;
	enum err rc = ERR_NONE;

	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) !=
		SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		rc = jrn_fail(j, db, "cannot be checked", why);
	else {
		text = (const char *)sqlite3_column_text(st, 0);
		if (text == NULL || strcmp(text, "ok") != 0)
			rc = err_internal(why, "%s: damaged: %s", j->file,
			    text == NULL ? "out of memory" : text);
	}
	(void)sqlite3_finalize(st); /* its error has been told */
	return rc;
}

/* whole_pages - is a file that nobody writes to cut in the middle of a page? */
static enum err
whole_pages(struct jrn_sqlite *j, sqlite3 *db, struct failure *why)
{
	sqlite3_int64 bytes = 0, page_bytes;
	unsigned char size[2] = {0, 0}; /* of a page, big-endian; 1: 64 KiB */
	sqlite3_file *file = NULL;

	if (jrn_file_exists(j, "-wal"))
		return ERR_NONE; /* a cut page may be in there, whole */
	if (sqlite3_file_control(
		db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    file->pMethods->xFileSize(file, &bytes) != SQLITE_OK ||
	    file->pMethods->xRead(file, size, sizeof size, 16) != SQLITE_OK)
		return err_internal(why, "%s: cannot be read", j->file);
	page_bytes = size[0] << 8 | size[1];
	if (page_bytes == 1)
		page_bytes = 65536;
	if (page_bytes == 0 || bytes % page_bytes != 0)
		return err_internal(why,
		    "%s: damaged: its end is missing (it has %lld bytes)",
		    j->file, (long long)bytes);
	return ERR_NONE;
}

static enum err
sqlite_load(struct jrn *jrn, jrn_load_f *each, void *ctx,
    uint64_t *generation_out, struct failure *why)
{
	struct jrn_sqlite *j = (struct jrn_sqlite *)jrn;
	uint64_t generation;
	sqlite3 *db = NULL;
	enum err rc;
	int i;

	rc = jrn_file_open_ro(j, &db, why);
	if (rc == ERR_NONE)
		rc = jrn_schema_check(j, db, &generation, why);
	if (rc == ERR_NONE)
		rc = whole_pages(j, db, why);
	for (i = 0; rc == ERR_NONE && i < idl_nclasses; i++)
		if (j->tables[i].exists)
			rc = jrn_table_load(
			    j, db, &j->tables[i], each, ctx, why);
	if (rc == ERR_NONE)
		rc = quick_check(j, db, why);
	(void)sqlite3_close(db); /* it has only read */
	if (rc != ERR_NONE)
		return rc;
	j->known = true;
	j->generation = generation;
	*generation_out = generation;
	return ERR_NONE;
}

/* ---- the writing connection ---- */

/* finalize - drop a statement; its last error has been told */
static void
finalize(sqlite3_stmt **st)
{
	(void)sqlite3_finalize(*st);
	*st = NULL;
}

/* disconnect - close the writing connection, which may checkpoint */
static void
disconnect(struct jrn_sqlite *j)
{
	int i;

	for (i = 0; i < idl_nclasses; i++) {
		finalize(&j->tables[i].put);
		finalize(&j->tables[i].del);
	}
	finalize(&j->begin);
	finalize(&j->commit);
	finalize(&j->rollback);
	finalize(&j->mark);
	(void)sqlite3_close(j->db); /* the -wal stays if that fails */
	j->db = NULL;
}

/* prepare - a statement that lives as long as the connection */
static int
prepare(struct jrn_sqlite *j, const char *sql, sqlite3_stmt **st)
{
	if (*st != NULL)
		return SQLITE_OK;
	if (sql == NULL)
		return SQLITE_NOMEM;
	return sqlite3_prepare_v3(
	    j->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
}

/* write_ahead - that mode, which the promises above rest on */
static enum err
write_ahead(struct jrn_sqlite *j, struct failure *why)
{
	sqlite3_stmt *st = NULL;
	enum err rc = ERR_NONE;
	const char *mode;

	if (prepare(j, "PRAGMA journal_mode=WAL", &st) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW) {
		rc = jrn_fail(j, j->db, "cannot be opened", why);
	} else {
		mode = (const char *)sqlite3_column_text(st, 0);
		if (mode == NULL || strcmp(mode, "wal") != 0)
			rc = err_internal(why,
			    "%s: cannot be opened: SQLite cannot keep a "
			    "write-ahead log there",
			    j->file);
	}
	finalize(&st);
	if (rc == ERR_NONE)
		rc = jrn_exec(j, j->db,
		    "PRAGMA journal_size_limit=" WAL_LIMIT_BYTES, why);
	return rc;
}

/* connect_finish - write-ahead mode and the statements of every commit */
static enum err
connect_finish(struct jrn_sqlite *j, struct failure *why)
{
	int psow = -1;
	enum err rc;

	rc = write_ahead(j, why);
	if (rc == ERR_NONE)
		rc = jrn_schema_migrate(j, j->db, why);
	if (rc != ERR_NONE)
		return rc;
	(void)sqlite3_wal_autocheckpoint(j->db, /* only sets a number */
	    j->opt.checkpoint_pages > 0 ? j->opt.checkpoint_pages
					: CHECKPOINT_PAGES);
	if (prepare(j, "BEGIN IMMEDIATE", &j->begin) != SQLITE_OK ||
	    prepare(j, "COMMIT", &j->commit) != SQLITE_OK ||
	    prepare(j, "ROLLBACK", &j->rollback) != SQLITE_OK ||
	    prepare(j,
		"UPDATE " JRN_META " SET value = ?1 "
		"WHERE key = 'generation' AND value = ?2",
		&j->mark) != SQLITE_OK)
		return jrn_fail(j, j->db, "cannot be opened", why);
	if (sqlite3_file_control(j->db, "main",
		SQLITE_FCNTL_POWERSAFE_OVERWRITE, &psow) != SQLITE_OK)
		psow = 0;
	j->power_safe = psow == 1;
	return ERR_NONE;
}

/* connect_rw - the writing connection; generation_out: what the file holds */
static enum err
connect_rw(struct jrn_sqlite *j, uint64_t *generation_out, struct failure *why)
{
	enum err rc;

	assert(j->db == NULL);
	rc = jrn_file_open_rw(j, &j->db, why);
	if (rc == ERR_NONE)
		rc = jrn_schema_check(j, j->db, generation_out, why);
	if (rc == ERR_NONE)
		rc = connect_finish(j, why);
	if (rc != ERR_NONE)
		disconnect(j);
	return rc;
}

/* connect_first - connect before a commit; the file must be as we left it */
static enum err
connect_first(struct jrn_sqlite *j, struct failure *why)
{
	uint64_t generation;
	enum err rc;

	rc = connect_rw(j, &generation, why);
	if (rc != ERR_NONE)
		return rc;
	if (j->known && j->generation != generation) {
		disconnect(j);
		return err_internal(
		    why, "%s: another program has written to it", j->file);
	}
	j->known = true;
	j->generation = generation;
	return ERR_NONE;
}

/* ---- commit ---- */

/* run - step a statement that gives no rows */
static int
run(sqlite3_stmt *st)
{
	int r = sqlite3_step(st);

	(void)sqlite3_reset(st); /* repeats what step said */
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

/* put - write one record's row */
static int
put(struct jrn_sqlite *j, struct jrn_table *t, const void *rec, char *reason,
    size_t reason_bytes)
{
	const char *column = JRN_REF, *problem = NULL;
	char *sql = NULL;
	int r;

	if (t->put == NULL) {
		sql = jrn_sql_put(t);
		memset(t->bound, 0, (size_t)t->nfields * sizeof *t->bound);
	}
	r = prepare(j, sql, &t->put);
	sqlite3_free(sql);
	if (r != SQLITE_OK)
		return r;
	arena_reset(&j->arena);
	r = jrn_row_bind(t, rec, &j->arena, &column, &problem);
	if (problem != NULL)
		snprintf(reason, reason_bytes, "table %s, column %s: %s",
		    t->c->name, column, problem);
	return r == SQLITE_OK ? run(t->put) : r;
}

/* del - delete one record's row */
static int
del(struct jrn_sqlite *j, struct jrn_table *t, const struct idl_ref *ref)
{
	char text[IDL_REF_TEXT];
	char *sql = NULL;
	int r;

	if (t->del == NULL)
		sql = sqlite3_mprintf(
		    "DELETE FROM \"%w\" WHERE " JRN_REF " = ?1", t->c->name);
	r = prepare(j, sql, &t->del);
	sqlite3_free(sql);
	if (r != SQLITE_OK)
		return r;
	idl_ref_write(ref, text);
	r = sqlite3_bind_text(t->del, 1, text, -1, SQLITE_TRANSIENT);
	return r == SQLITE_OK ? run(t->del) : r;
}

/* mark - move the generation on; a foreign one means another writer */
static int
mark(struct jrn_sqlite *j, uint64_t generation, char *reason,
    size_t reason_bytes)
{
	int r;

	r = sqlite3_bind_int64(j->mark, 1, (int64_t)generation);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(j->mark, 2, (int64_t)j->generation);
	if (r == SQLITE_OK)
		r = run(j->mark);
	if (r != SQLITE_OK || sqlite3_changes(j->db) == 1)
		return r;
	snprintf(
	    reason, reason_bytes, "another program has written to %s", j->file);
	return SQLITE_MISMATCH;
}

/* write_batch - everything between BEGIN and COMMIT */
static int
write_batch(struct jrn_sqlite *j, uint64_t generation,
    const struct jrn_change *changes, size_t n, char *reason,
    size_t reason_bytes)
{
	struct jrn_table *t;
	size_t i;
	int r;

	r = run(j->begin);
	for (i = 0; r == SQLITE_OK && i < n; i++) {
		t = &j->tables[changes[i].cls];
		if (t->c == NULL)
			continue; /* a live class has no rows */
		r = changes[i].now == NULL
			? del(j, t, &changes[i].ref)
			: put(j, t, changes[i].now, reason, reason_bytes);
	}
	if (r == SQLITE_OK)
		r = mark(j, generation, reason, reason_bytes);
	return r;
}

/* give_up - roll back; the connection stays when it is as good as new */
static void
give_up(struct jrn_sqlite *j, int r)
{
	int code = r & 0xff;

	if (!sqlite3_get_autocommit(j->db))
		(void)run(j->rollback); /* looked at below */
	if (!sqlite3_get_autocommit(j->db) ||
	    (code != SQLITE_FULL && code != SQLITE_BUSY &&
		code != SQLITE_MISMATCH && code != SQLITE_CONSTRAINT))
		disconnect(j);
}

static enum jrn_result
sqlite_commit(struct jrn *jrn, uint64_t generation,
    const struct jrn_change *changes, size_t n, char *reason,
    size_t reason_bytes)
{
	struct jrn_sqlite *j = (struct jrn_sqlite *)jrn;
	struct failure why;
	int r;

	assert(!j->unsettled && generation <= INT64_MAX);
	reason[0] = '\0';
	if (j->db == NULL && connect_first(j, &why) != ERR_NONE) {
		snprintf(reason, reason_bytes, "%s", why.param[0]);
		return JRN_REFUSED;
	}
	r = write_batch(j, generation, changes, n, reason, reason_bytes);
	if (r != SQLITE_OK) {
		if (r == SQLITE_NOMEM)
			snprintf(reason, reason_bytes, "out of memory");
		else if (reason[0] == '\0')
			jrn_text_of(j->db, reason, reason_bytes);
		give_up(j, r);
		return JRN_REFUSED;
	}
	r = run(j->commit);
	if (r == SQLITE_OK) {
		j->generation = generation;
		return JRN_COMMITTED;
	}
	jrn_text_of(j->db, reason, reason_bytes);
	if ((r & 0xff) == SQLITE_BUSY ||
	    ((r & 0xff) == SQLITE_FULL && j->power_safe)) {
		give_up(j, r);
		return JRN_REFUSED;
	}
	j->unsettled = true;
	return JRN_UNKNOWN;
}

static enum jrn_result
sqlite_resolve(
    struct jrn *jrn, uint64_t generation, char *reason, size_t reason_bytes)
{
	struct jrn_sqlite *j = (struct jrn_sqlite *)jrn;
	struct failure why;
	uint64_t found;

	assert(j->unsettled);
	disconnect(j);
	if (connect_rw(j, &found, &why) != ERR_NONE) {
		snprintf(reason, reason_bytes, "%s", why.param[0]);
		return JRN_FATAL;
	}
	if (found == j->generation) {
		j->unsettled = false;
		snprintf(
		    reason, reason_bytes, "the batch is not in %s", j->file);
		return JRN_REFUSED;
	}
	if (found != generation) {
		snprintf(reason, reason_bytes,
		    "%s holds a generation that nobody asked for", j->file);
		return JRN_FATAL;
	}
	if (sqlite3_wal_checkpoint_v2(j->db, "main", SQLITE_CHECKPOINT_TRUNCATE,
		NULL, NULL) != SQLITE_OK) {
		jrn_text_of(j->db, reason, reason_bytes);
		return JRN_FATAL;
	}
	j->unsettled = false;
	j->generation = generation;
	reason[0] = '\0';
	return JRN_COMMITTED;
}

/* ---- open and close ---- */

static void
sqlite_close(struct jrn **jrn)
{
	struct jrn_sqlite *j = (struct jrn_sqlite *)*jrn;

	if (j == NULL)
		return;
	if (j->tables != NULL)
		disconnect(j);
	jrn_tables_free(&j->tables);
	arena_fini(&j->arena);
	free(j->file);
	free(j);
	*jrn = NULL;
}

static const struct jrn_ops sqlite_ops;

/* full_path - the file's absolute path as SQLite sees it; NULL: none */
static char *
full_path(const char *file, sqlite3_vfs *vfs)
{
	size_t n = (size_t)vfs->mxPathname + 1;
	char *path = malloc(n);

	if (path == NULL)
		return NULL;
	if ((vfs->xFullPathname(vfs, file, (int)n, path) & 0xff) != SQLITE_OK) {
		free(path);
		return NULL;
	}
	return path;
}

/* journal_new - the object, no file touched; NULL: out of memory or name */
static struct jrn_sqlite *
journal_new(const char *file, const struct jrn_sqlite_options *opt)
{
	struct jrn_sqlite *j = calloc(1, sizeof *j);
	sqlite3_vfs *vfs;
	struct jrn *jrn;

	if (j == NULL)
		return NULL;
	jrn = &j->jrn;
	j->jrn.ops = &sqlite_ops;
	arena_init(&j->arena, JRN_ROW_ARENA_BYTES);
	if (opt != NULL)
		j->opt = *opt;
	vfs = sqlite3_vfs_find(j->opt.vfs);
	if (vfs != NULL)
		j->file = full_path(file, vfs);
	j->tables = jrn_tables_new();
	if (j->file == NULL || j->tables == NULL)
		sqlite_close(&jrn);
	return (struct jrn_sqlite *)jrn;
}

enum err
jrn_sqlite_open(struct jrn **out, const char *file,
    const struct jrn_sqlite_options *opt, struct failure *why)
{
	struct jrn_sqlite *j = journal_new(file, opt);
	struct jrn *jrn;
	enum err rc = ERR_NONE;

	if (j == NULL)
		return err_internal(why,
		    "%s: cannot be opened: out of memory, or no such path",
		    file);
	if (!jrn_file_exists(j, "")) {
		if (jrn_file_exists(j, "-wal"))
			rc = err_internal(why,
			    "%s: is missing, but %s-wal is there: put the two "
			    "together again, or move the second away",
			    j->file, j->file);
		else
			rc = jrn_file_make(j, why);
	}
	jrn = &j->jrn;
	if (rc != ERR_NONE) {
		sqlite_close(&jrn);
		return rc;
	}
	*out = jrn;
	return ERR_NONE;
}

static const struct jrn_ops sqlite_ops = {
    .name = "sqlite",
    .load = sqlite_load,
    .commit = sqlite_commit,
    .resolve = sqlite_resolve,
    .close = sqlite_close,
};
