/* SPDX-License-Identifier: BSD-2-Clause */
/* schema.sql is what the SQLite journal really makes. */

/* System */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Model */
#include "model/idl.h"
#include "model/journal/jrn_sqlite.h"

/* table_text - "name type notnull pk" of every column, one a line */
static char *
table_text(sqlite3 *db, const char *table)
{
	sqlite3_stmt *st = NULL;
	char *text = NULL;
	char *sql = sqlite3_mprintf(
	    "SELECT group_concat(name || ' ' || type || ' ' || "
	    "\"notnull\" || ' ' || pk, char(10)) FROM "
	    "(SELECT * FROM pragma_table_info(%Q) ORDER BY cid)",
	    table);

	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	if (sqlite3_column_type(st, 0) != SQLITE_NULL)
		text = strdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_free(sql);
	return text;
}

/* schema_open - a database in memory with the tables of schema.sql */
static sqlite3 *
schema_open(void)
{
	char *sql = calloc(1, 1 << 20);
	char *error = NULL;
	sqlite3 *db;
	FILE *f = fopen("build/gen/schema.sql", "r");

	cr_assert_not_null(f, "build/gen/schema.sql is missing");
	cr_assert_not_null(sql);
	cr_assert_gt(fread(sql, 1, (1 << 20) - 1, f), 0);
	fclose(f);
	cr_assert_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	cr_assert_eq(
	    sqlite3_exec(db, sql, NULL, NULL, &error), SQLITE_OK, "%s", error);
	free(sql);
	return db;
}

Test(schema, tables_are_those_that_the_journal_makes)
{
	char dir[] = "/tmp/test_schema_XXXXXX";
	char path[64], *made, *said;
	struct failure why = {0};
	struct jrn *journal;
	sqlite3 *db, *schema;
	int i;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/db", dir);
	cr_assert_eq(jrn_sqlite_open(&journal, path, NULL, &why), ERR_NONE,
	    "%s", why.n > 0 ? why.param[0] : "");
	journal->ops->close(&journal);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	schema = schema_open();
	for (i = 0; i < idl_nclasses; i++) {
		made = table_text(db, idl_classes[i]->name);
		said = table_text(schema, idl_classes[i]->name);
		if (idl_classes[i]->flags & IDL_C_LIVE) {
			cr_expect_null(said, "%s", idl_classes[i]->name);
			cr_expect_null(made, "%s", idl_classes[i]->name);
		} else {
			cr_expect_str_eq(
			    said, made, "%s", idl_classes[i]->name);
		}
		free(made);
		free(said);
	}
	sqlite3_close(schema);
	sqlite3_close(db);
	(void)unlink(path); /* what stays is in the temporary folder */
	(void)rmdir(dir);
}
