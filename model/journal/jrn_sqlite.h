/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_JRN_SQLITE_H
#define MODEL_JRN_SQLITE_H

/*
 * jrn_sqlite - the journal in one SQLite file that people can read
 *
 * One table per persistent class, named as the class; one row per record:
 *   ref                   "OpaqueRef:<uuid>", the primary key
 *   created_generation    } store generations that made the record and
 *   modified_generation   } this version of it
 *   <field>               as in the IDL: INTEGER (also bool 0 and 1, datetime),
 *                         REAL, or TEXT: strings, enum values, refs ("" = no
 *                         ref), sets and maps as JSON ("" = empty)
 * and a table meta (key, value): schema_version, generation, program.
 * No live field, no inverse field.  All of it is derived from idl_classes[].
 *
 * What is promised:
 * - A batch is one transaction in write-ahead mode, flushed before commit
 *   returns.  The database appears under its name only when it is complete.
 * - Loading opens the file read-only: a database that is damaged, foreign or
 *   from a newer version is refused, and neither it nor its -wal file changes.
 *   Only the first commit opens it for writing, and adds the tables and
 *   columns that a newer IDL has.
 * - Others may read with the sqlite3 command while the daemon runs: locks are
 *   held for the length of a commit only.  (Exclusive locking was measured and
 *   gains nothing that stands out; a commit is all flush.)  A program that
 *   writes a batch of its own is noticed, and all further commits refused.
 *
 * Rows are written whole: replacing a row was measured as fast as or faster
 * than updating its changed columns (SQLite rewrites the row either way), and
 * gives 0.9 to 1.1 times the commits of SQLite used by hand.
 *
 * Threads: one at a time.
 * DIAGNOSTICS none; failures carry the file, table, ref and column.
 * BUGS a flipped bit that leaves a row well-formed is not noticed here.  A
 * damaged -wal frame ends the -wal, as after a torn write.  A reader that never
 * ends its transaction keeps the -wal file from being reused.
 */

#include "model/jrn.h"

/* Raised only when older programs could no longer read what we write. */
#define JRN_SQLITE_SCHEMA_VERSION 1

/* PRAGMA application_id: "XMEM" */
#define JRN_SQLITE_APPLICATION_ID 0x584d454d

enum jrn_sqlite_sync {
	JRN_SQLITE_SYNC_FULL, /* every commit is flushed */
	JRN_SQLITE_SYNC_OFF,  /* for tests: a power cut loses commits */
};

struct jrn_sqlite_options {
	const char *vfs; /* SQLite VFS; NULL: the default one */
	enum jrn_sqlite_sync sync;
	/* -wal pages at which they are copied to the database; 0: 1000 */
	int checkpoint_pages;
	/*
	 * Gives a complete, closed database its final name, durably; 0, or -1
	 * with errno.  NULL: chmod 0600, rename(2), fsync of the folder.
	 */
	int (*publish)(const char *from, const char *to);
};

/*
 * jrn_sqlite_open - the journal in a database file, made when there is none
 *
 * in      file  path; SQLite keeps <file>-wal and <file>-shm beside it
 *         opt   NULL: the system's file system, every commit flushed
 * out     out   closed with (*out)->ops->close
 * errors  INTERNAL_ERROR [what could not be made, or out of memory].  An
 *         existing file is looked at by ops->load, not here.
 */
enum err jrn_sqlite_open(struct jrn **out, const char *file,
    const struct jrn_sqlite_options *opt, struct failure *why);

#endif
