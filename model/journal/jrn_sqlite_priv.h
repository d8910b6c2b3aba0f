/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_JRN_SQLITE_PRIV_H
#define MODEL_JRN_SQLITE_PRIV_H

/*
 * jrn_sqlite_priv - what the files of the SQLite journal share
 *
 * jrn_sqlite.c commits and resolves, _file.c opens and makes the file,
 * _schema.c knows tables and columns, _row.c moves one row in or out.
 */

#include <stdbool.h>

#include <sqlite3.h>

#include "model/arena.h"
#include "model/journal/jrn_sqlite.h"

#define JRN_META "meta"
#define JRN_REF "ref"
#define JRN_CREATED "created_generation"
#define JRN_MODIFIED "modified_generation"
#define JRN_FIXED_COLUMNS 3 /* the three above */

/* Measured: 8192 gives up to a fifth fewer commits. */
#define JRN_PAGE_BYTES 4096

/* Most memory that the decoded sets and maps of one row may take. */
#define JRN_ROW_ARENA_BYTES ((size_t)1 << 30)

/* One persistent class and its table. */
/* What a parameter of a put statement still holds from the row before. */
struct jrn_bound {
	bool is_settled; /* a number, or something empty: lives on its own */
	uint64_t bits;	 /* of the number; 0 for what is empty */
};

struct jrn_table {
	const struct idl_class *c;
	const struct idl_field **fields; /* the persistent ones, IDL order */
	int nfields;
	bool exists;	   /* in the database, as last looked at */
	bool *has;	   /* [nfields] columns likewise */
	sqlite3_stmt *put; /* of the writing connection; made when needed */
	struct jrn_bound *bound; /* [nfields] parameters of put */
	sqlite3_stmt *del;
};

struct jrn_sqlite {
	struct jrn jrn; /* first: what callers hold */
	char *file;
	struct jrn_sqlite_options opt;
	struct jrn_table *tables; /* by class id; c is NULL for live classes */
	struct arena arena;	  /* of one row */
	sqlite3 *db;		  /* writing connection; NULL: not yet */
	sqlite3_stmt *begin, *commit, *rollback, *mark;
	bool power_safe;     /* writes never harm bytes beside them */
	bool known;	     /* generation is known */
	uint64_t generation; /* of the last committed batch */
	bool unsettled;	     /* a batch's outcome is unknown */
};

/* ---- jrn_sqlite_schema.c ---- */

/*
 * jrn_tables_new - the tables that the IDL wants; NULL: out of memory
 * jrn_tables_free - free them; statements must be finalised
 */
struct jrn_table *jrn_tables_new(void);
void jrn_tables_free(struct jrn_table **tables);

/*
 * jrn_schema_make - all tables, meta rows and identity, in an empty database
 *
 * note    inside the caller's transaction
 */
enum err jrn_schema_make(
    struct jrn_sqlite *j, sqlite3 *db, struct failure *why);

/*
 * jrn_schema_check - is this a database of ours that we know all of?
 *
 * out     tables[].exists, .has; generation_out
 * errors  INTERNAL_ERROR [file: foreign, newer, damaged: how]
 */
enum err jrn_schema_check(struct jrn_sqlite *j, sqlite3 *db,
    uint64_t *generation_out, struct failure *why);

/*
 * jrn_schema_migrate - add what jrn_schema_check found lacking, if anything
 */
enum err jrn_schema_migrate(
    struct jrn_sqlite *j, sqlite3 *db, struct failure *why);

/*
 * jrn_sql_select - SELECT of every column the database has; NULL: no memory
 * jrn_sql_put - INSERT OR REPLACE of a whole row
 *
 * note    freed with sqlite3_free; columns: the fixed three, then the fields
 */
char *jrn_sql_select(const struct jrn_table *t);
char *jrn_sql_put(const struct jrn_table *t);

/* ---- jrn_sqlite_row.c ---- */

/*
 * jrn_row_bind - bind a record to the parameters of t->put
 *
 * in      t  put has just been made and bound[] cleared, or it was bound here
 * out     problem  static text when it cannot be stored; column: which
 * returns SQLite code; what is bound lives until the arena is reset
 */
int jrn_row_bind(struct jrn_table *t, const void *rec, struct arena *a,
    const char **column, const char **problem);

/*
 * jrn_table_load - read a whole table, checking every value
 *
 * errors  INTERNAL_ERROR [file, table, ref, column: what]; what each says
 */
enum err jrn_table_load(struct jrn_sqlite *j, sqlite3 *db,
    const struct jrn_table *t, jrn_load_f *each, void *ctx,
    struct failure *why);

/* ---- jrn_sqlite_file.c ---- */

/*
 * jrn_file_exists - is there anything under the name (file plus suffix)?
 */
bool jrn_file_exists(const struct jrn_sqlite *j, const char *suffix);

/*
 * jrn_file_make - a complete, empty database under the journal's file name
 */
enum err jrn_file_make(struct jrn_sqlite *j, struct failure *why);

/*
 * jrn_file_open_ro - a connection that cannot alter anything
 * jrn_file_open_rw - one that commits durably
 *
 * out     db_out  closed with sqlite3_close
 */
enum err jrn_file_open_ro(
    struct jrn_sqlite *j, sqlite3 **db_out, struct failure *why);
enum err jrn_file_open_rw(
    struct jrn_sqlite *j, sqlite3 **db_out, struct failure *why);

/*
 * jrn_exec - run SQL without results
 */
enum err jrn_exec(
    struct jrn_sqlite *j, sqlite3 *db, const char *sql, struct failure *why);

/*
 * jrn_fail - INTERNAL_ERROR [file: what: SQLite's words, the system's words]
 *
 * in      db  NULL: out of memory
 */
enum err jrn_fail(
    struct jrn_sqlite *j, sqlite3 *db, const char *what, struct failure *why);

/*
 * jrn_text_of - SQLite's and the system's words for a connection's last error
 */
void jrn_text_of(sqlite3 *db, char *text, size_t n);

#endif
