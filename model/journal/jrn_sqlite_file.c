/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_sqlite_file - making and opening the database file
 *
 * A new database is built beside its place, as <file>.new, closed, and only
 * then given its name: whatever has the name is complete, so that an empty or
 * cut-off file is known to be damaged and never taken for a fresh start.
 *
 * Looking at a database must not alter it.  Without a -wal beside it, it is
 * opened as immutable: no lock, no file made.  With one, read-only: SQLite
 * then rebuilds the -shm index, but can write neither the file nor the -wal.
 */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Own */
#include "model/journal/jrn_sqlite_priv.h"

#define TEXT_BYTES 400
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

/* How long a commit waits for another program's lock. */
#define BUSY_MS 1000

void
jrn_text_of(sqlite3 *db, char *text, size_t n)
{
	int code = sqlite3_errcode(db) & 0xff;
	int no = sqlite3_system_errno(db);
	char words[100];

	if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && no != 0)
		snprintf(text, n, "%s: %s", sqlite3_errmsg(db),
		    strerror_r(no, words, sizeof words));
	else
		snprintf(text, n, "%s", sqlite3_errmsg(db));
}

enum err
jrn_fail(
    struct jrn_sqlite *j, sqlite3 *db, const char *what, struct failure *why)
{
	char text[TEXT_BYTES] = "out of memory";
	int code = SQLITE_NOMEM;

	if (db != NULL) {
		code = sqlite3_errcode(db) & 0xff;
		jrn_text_of(db, text, sizeof text);
	}
	return err_internal(why, "%s: %s: %s%s", j->file, what,
	    code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? "damaged: " : "",
	    text);
}

enum err
jrn_exec(
    struct jrn_sqlite *j, sqlite3 *db, const char *sql, struct failure *why)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return jrn_fail(j, db, "cannot be opened", why);
	return ERR_NONE;
}

bool
jrn_file_exists(const struct jrn_sqlite *j, const char *suffix)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(j->opt.vfs);
	char *name = sqlite3_mprintf("%s%s", j->file, suffix);
	int filled = 0, there = 0;

	if (name == NULL)
		return true; /* the careful answer: look closer, make nothing */
	/* the first is blind to empty files, the second to unreadable ones */
	if (vfs->xAccess(vfs, name, SQLITE_ACCESS_EXISTS, &filled) !=
		SQLITE_OK ||
	    vfs->xAccess(vfs, name, SQLITE_ACCESS_READWRITE, &there) !=
		SQLITE_OK)
		there = 1;
	sqlite3_free(name);
	return filled || there;
}

/* publish_file - what options.publish does on a real file system */
static int
publish_file(const char *from, const char *to)
{
	char *dir = strdup(to), *slash;
	int fd = -1, r = -1;

	if (dir == NULL)
		return -1;
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (chmod(from, 0600) == 0 && rename(from, to) == 0)
		fd = open(slash == NULL ? "." : dir,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		r = fsync(fd);
		(void)close(fd); /* nothing was written through it */
	}
	free(dir);
	return r;
}

/* delete_leftovers - what a start that was cut short has left of <file>.new */
static void
delete_leftovers(const struct jrn_sqlite *j, const char *name)
{
	static const char *const suffixes[] = {"-wal", "-journal", "-shm", ""};
	sqlite3_vfs *vfs = sqlite3_vfs_find(j->opt.vfs);
	char *path;
	size_t i;

	for (i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		path = sqlite3_mprintf("%s%s", name, suffixes[i]);
		if (path != NULL)
			(void)vfs->xDelete(vfs, path, 0); /* mostly not there */
		sqlite3_free(path);
	}
}

/* make_as - the complete database under a temporary name */
static enum err
make_as(struct jrn_sqlite *j, const char *name, struct failure *why)
{
	int flags =
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	enum err rc;

	if (sqlite3_open_v2(name, &db, flags, j->opt.vfs) != SQLITE_OK) {
		rc = jrn_fail(j, db, "cannot be made", why);
		goto out;
	}
	rc = jrn_exec(j, db,
	    j->opt.sync == JRN_SQLITE_SYNC_OFF ? "PRAGMA synchronous=OFF"
					       : "PRAGMA synchronous=FULL",
	    why);
	/* no rollback journal: a failure here drops the whole file */
	if (rc == ERR_NONE)
		rc = jrn_exec(j, db,
		    "PRAGMA page_size=" TEXT(
			JRN_PAGE_BYTES) "; "
					"PRAGMA journal_mode=OFF; BEGIN",
		    why);
	if (rc == ERR_NONE)
		rc = jrn_schema_make(j, db, why);
	if (rc == ERR_NONE)
		rc = jrn_exec(j, db, "COMMIT; PRAGMA journal_mode=WAL", why);
out:
	(void)sqlite3_close(db); /* no statement is left to keep it open */
	return rc;
}

enum err
jrn_file_make(struct jrn_sqlite *j, struct failure *why)
{
	char *name = sqlite3_mprintf("%s.new", j->file);
	enum err rc;

	if (name == NULL)
		return jrn_fail(j, NULL, "cannot be made", why);
	delete_leftovers(j, name);
	rc = make_as(j, name, why);
	if (rc == ERR_NONE &&
	    (j->opt.publish != NULL ? j->opt.publish : publish_file)(
		name, j->file) != 0)
		rc = err_internal(
		    why, "%s: cannot be made: %s", j->file, strerror(errno));
	if (rc != ERR_NONE)
		delete_leftovers(j, name);
	sqlite3_free(name);
	return rc;
}

/* uri_new - file: URI of a path; NULL: out of memory */
static char *
uri_new(const char *path, const char *query)
{
	sqlite3_str *s = sqlite3_str_new(NULL);

	sqlite3_str_appendall(s, *path == '/' ? "file://" : "file:");
	for (; *path != '\0'; path++) {
		if (strchr("%?#", *path) != NULL)
			sqlite3_str_appendf(
			    s, "%%%02x", (unsigned)(unsigned char)*path);
		else
			sqlite3_str_appendchar(s, 1, *path);
	}
	sqlite3_str_appendall(s, query);
	return sqlite3_str_finish(s);
}

/* open_with - a connection with our settings */
static enum err
open_with(struct jrn_sqlite *j, const char *name, int flags, const char *pragma,
    sqlite3 **db_out, struct failure *why)
{
	sqlite3 *db = NULL;
	enum err rc;

	if (sqlite3_open_v2(name, &db, flags | SQLITE_OPEN_NOMUTEX,
		j->opt.vfs) != SQLITE_OK) {
		rc = jrn_fail(j, db, "cannot be opened", why);
		goto out;
	}
	(void)sqlite3_busy_timeout(db, BUSY_MS); /* cannot fail on a handle */
	rc = jrn_exec(
	    j, db, "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF", why);
	if (rc == ERR_NONE)
		rc = jrn_exec(j, db, pragma, why);
	if (rc == ERR_NONE) {
		*db_out = db;
		return ERR_NONE;
	}
out:
	(void)sqlite3_close(db); /* no statement is left to keep it open */
	return rc;
}

enum err
jrn_file_open_ro(struct jrn_sqlite *j, sqlite3 **db_out, struct failure *why)
{
	bool still =
	    !jrn_file_exists(j, "-wal") && !jrn_file_exists(j, "-journal");
	char *uri = uri_new(j->file, still ? "?immutable=1" : "?mode=ro");
	enum err rc;

	if (uri == NULL)
		return jrn_fail(j, NULL, "cannot be opened", why);
	rc = open_with(j, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, "BEGIN",
	    db_out, why);
	sqlite3_free(uri);
	/* belt and braces: it could not write anyway */
	if (rc == ERR_NONE)
		(void)sqlite3_db_config(
		    *db_out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return rc;
}

enum err
jrn_file_open_rw(struct jrn_sqlite *j, sqlite3 **db_out, struct failure *why)
{
	return open_with(j, j->file, SQLITE_OPEN_READWRITE,
	    j->opt.sync == JRN_SQLITE_SYNC_OFF
		? "PRAGMA synchronous=OFF; PRAGMA cache_size=-8192"
		: "PRAGMA synchronous=FULL; PRAGMA cache_size=-8192",
	    db_out, why);
}
