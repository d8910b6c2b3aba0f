/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged, foreign or newer database is refused, named, and left as it is. */

/* System */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/journal/jrn_sqlite.h"
#include "tests/fault/help_jrn.h"
#include "tests/model/help_random.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_BYTES ((size_t)4096)
#define RECORDS 24

static char *path;
static char wal[300];
static struct help_bytes sound; /* a database with some of everything */

/* make_sound - that database, closed, and its bytes */
static void
make_sound(void)
{
	struct jrn *j = NULL;
	struct failure why;
	struct idl_vm vm;
	struct idl_host host;
	struct arena a;
	uint64_t i;

	arena_init(&a, (size_t)64 << 20);
	cr_assert_eq(jrn_sqlite_open(&j, path, NULL, &why), ERR_NONE);
	for (i = 0; i < RECORDS; i++) {
		help_fill(idl_classes[IDL_CLASS_VM], &vm, &a, i);
		help_commit_one(j, i + 1, &vm);
	}
	help_fill(idl_classes[IDL_CLASS_HOST], &host, &a, 1);
	help_commit_one(j, i + 1, &host);
	j->ops->close(&j);
	arena_fini(&a);
	sound = help_bytes_read(path);
}

static void
setup(void)
{
	path = help_folder();
	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	make_sound();
}

static void
teardown(void)
{
	help_bytes_drop(&sound);
	help_folder_drop(&path);
}

/* sql - change the database; keep_wal: leave the change in the -wal file */
static void
sql(const char *text, bool keep_wal)
{
	char *error = NULL;
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_db_config(
			 db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_wal, NULL),
	    SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, &error), SQLITE_OK,
	    "%s: %s", text, error);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* loosen - let the tables take values of any type, and NULL */
static void
loosen(void)
{
	sql("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = "
	    "replace(replace(sql, 'STRICT, ', ''), ' NOT NULL', '')",
	    false);
}

/* restore - the sound database again, alone */
static void
restore(void)
{
	char shm[300];

	(void)snprintf(shm, sizeof shm, "%s-shm", path);
	(void)remove(wal); /* may not be there */
	(void)remove(shm);
	help_bytes_write(path, &sound);
}

/* load - try to load; true if it worked; untouched either way */
static bool
load(const char *that, char *text, size_t text_bytes)
{
	struct help_bytes was[2], is[2];
	struct help_held held = {0};
	struct jrn *j = NULL;
	struct failure why = {0};
	enum err rc;

	was[0] = help_bytes_read(path);
	was[1] = help_bytes_read(wal);
	rc = jrn_sqlite_open(&j, path, NULL, &why);
	if (rc == ERR_NONE) {
		rc = help_load(j, &held, &why);
		help_held_drop(&held);
		j->ops->close(&j);
	}
	(void)snprintf(
	    text, text_bytes, "%s", rc == ERR_NONE ? "" : why.param[0]);
	is[0] = help_bytes_read(path);
	is[1] = help_bytes_read(wal);
	cr_expect(help_bytes_same(&was[0], &is[0]), "%s: untouched", that);
	cr_expect(help_bytes_same(&was[1], &is[1]), "%s: -wal as well", that);
	help_bytes_drop(&was[0]);
	help_bytes_drop(&was[1]);
	help_bytes_drop(&is[0]);
	help_bytes_drop(&is[1]);
	return rc == ERR_NONE;
}

/* expect_refused - and the text names the file and says this */
static void
expect_refused(const char *that, const char *says)
{
	char text[ERR_TEXT_BYTES];

	cr_expect(!load(that, text, sizeof text), "%s: refused", that);
	cr_expect_not_null(strstr(text, path), "%s: %s", that, text);
	cr_expect_not_null(strstr(text, says), "%s: %s", that, text);
}

/* One row in the middle, as SQL. */
#define ONE " WHERE ref = (SELECT ref FROM VM ORDER BY ref LIMIT 1 OFFSET 12)"

static const struct {
	const char *that;
	const char *sql;
	const char *says;
} values[] = {
    {"a string that is NULL", "UPDATE VM SET name_label = NULL" ONE,
	"column name_label: is NULL"},
    {"a string that is a blob", "UPDATE VM SET name_label = x'61'" ONE,
	"column name_label: is not text"},
    {"a string that is not UTF-8",
	"UPDATE VM SET name_label = CAST(x'61ff' AS TEXT)" ONE,
	"column name_label: is not UTF-8"},
    {"a string with a NUL in it",
	"UPDATE VM SET name_label = 'a' || char(0) || 'b'" ONE,
	"column name_label: is not UTF-8 text without NUL"},
    {"an int that is text", "UPDATE VM SET memory_target = 'much'" ONE,
	"column memory_target: is not an integer"},
    {"an int that is a fraction", "UPDATE VM SET memory_target = 1.5" ONE,
	"column memory_target: is not an integer"},
    {"an int beyond 64 bits",
	"UPDATE VM SET memory_target = 9223372036854775808" ONE,
	"column memory_target: is not an integer"},
    {"a bool that is 2", "UPDATE VM SET is_a_template = 2" ONE,
	"column is_a_template: is neither 0 nor 1"},
    {"a float that is text", "UPDATE VM SET HVM_shadow_multiplier = 'one'" ONE,
	"column HVM_shadow_multiplier: is not a floating point number"},
    {"an unknown enum value", "UPDATE VM SET power_state = 'Flying'" ONE,
	"column power_state: is not a value of its enum"},
    {"an enum value in capitals", "UPDATE VM SET power_state = 'HALTED'" ONE,
	"column power_state: is not a value of its enum"},
    {"an enum value that is empty", "UPDATE VM SET power_state = ''" ONE,
	"column power_state: is not a value of its enum"},
    {"a reference to a name", "UPDATE VM SET resident_on = 'host1'" ONE,
	"column resident_on: is not a reference"},
    {"a reference in capitals",
	"UPDATE VM SET resident_on = "
	"'OpaqueRef:0123ABCD-0000-0000-0000-000000000000'" ONE,
	"column resident_on: is not a reference"},
    {"a map that is no JSON", "UPDATE VM SET other_config = 'a=b'" ONE,
	"column other_config: is not JSON"},
    {"a map with a key twice",
	"UPDATE VM SET other_config = '{\"a\":\"1\",\"a\":\"2\"}'" ONE,
	"column other_config: has a key twice"},
    {"a map that is a set", "UPDATE VM SET other_config = '[\"a\"]'" ONE,
	"column other_config: is not JSON of its type"},
    {"a set with a number", "UPDATE VM SET tags = '[1]'" ONE,
	"column tags: is not JSON of its type"},
    {"a set with an unknown operation",
	"UPDATE VM SET blocked_operations = '{\"fly\":\"\"}'" ONE,
	"column blocked_operations: holds what is no value of its enum"},
    {"a ref that is garbage", "UPDATE VM SET ref = 'VM1'" ONE,
	"column ref: is not a reference"},
    {"a ref that is empty", "UPDATE VM SET ref = ''" ONE,
	"column ref: is null"},
    {"a ref that is NULL",
	"INSERT INTO host SELECT * FROM host LIMIT 0;"
	"UPDATE VM SET ref = x'00'" ONE,
	"column ref: is not text"},
    {"a negative generation", "UPDATE VM SET modified_generation = -1" ONE,
	"column modified_generation: is negative"},
    {"a generation that is text",
	"UPDATE VM SET created_generation = 'then'" ONE,
	"column created_generation: is not an integer"},
};

Test(jrn_damage, values, .init = setup, .fini = teardown)
{
	size_t i;

	for (i = 0; i < N(values); i++) {
		restore();
		loosen();
		sql(values[i].sql, i % 2 == 1);
		expect_refused(values[i].that, values[i].says);
		expect_refused(values[i].that, "table VM");
		expect_refused(values[i].that, "OpaqueRef:");
	}
}

static const struct {
	const char *that;
	const char *sql;
	const char *says;
} shapes[] = {
    {"a newer version by its pragma", "PRAGMA user_version = 2",
	"newer version of this program: its schema version is 2, ours is 1"},
    {"a newer version by its meta table",
	"UPDATE meta SET value = 3 WHERE key = 'schema_version'",
	"newer version of this program: its schema version is 3, ours is 1"},
    {"a column of the future", "ALTER TABLE VM ADD COLUMN colour TEXT",
	"newer version of this program: this one does not know column colour "
	"of table VM"},
    {"a table of the future", "CREATE TABLE \"later_extension\" (a)",
	"this one does not know later_extension"},
    {"an index", "CREATE INDEX fast ON VM(name_label)",
	"this one does not know fast"},
    {"a view", "CREATE VIEW halted AS SELECT * FROM VM",
	"this one does not know halted"},
    {"a trigger",
	"CREATE TRIGGER t AFTER DELETE ON VM BEGIN DELETE FROM host; END",
	"this one does not know t"},
    {"a version of nought",
	"PRAGMA user_version = 0; UPDATE meta SET value = 0 WHERE key = "
	"'schema_version'",
	"damaged: schema_version is 0"},
    {"versions that disagree", "PRAGMA user_version = 0",
	"damaged: schema_version is 1 but user_version is 0"},
    {"a version that is text",
	"UPDATE meta SET value = 'two' WHERE key = 'schema_version'",
	"damaged: no integer"},
    {"no generation", "DELETE FROM meta WHERE key = 'generation'",
	"damaged: nothing comes from"},
    {"a negative generation",
	"UPDATE meta SET value = -5 WHERE key = 'generation'",
	"generation is negative"},
    {"no meta table", "DROP TABLE meta", "no such table: meta"},
    {"somebody else's database", "PRAGMA application_id = 7",
	"not a database of this program: its application_id is 7"},
    {"a table of another shape",
	"DROP TABLE pool; CREATE TABLE pool (uuid TEXT)",
	"table pool lacks a column of ref"},
};

Test(jrn_damage, shapes, .init = setup, .fini = teardown)
{
	size_t i;

	for (i = 0; i < N(shapes); i++) {
		restore();
		sql(shapes[i].sql, false);
		expect_refused(shapes[i].that, shapes[i].says);
		restore();
		sql(shapes[i].sql, true);
		expect_refused(shapes[i].that, shapes[i].says);
	}
}

Test(jrn_damage, not_written_either, .init = setup, .fini = teardown)
{
	struct help_bytes was, is;
	struct jrn *j = NULL;
	struct failure why;
	struct idl_vm vm;
	struct jrn_change change = {IDL_CLASS_VM, help_ref(1), NULL, &vm};
	char reason[300];

	sql("ALTER TABLE VM ADD COLUMN colour TEXT", false);
	was = help_bytes_read(path);
	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = change.ref;
	cr_assert_eq(jrn_sqlite_open(&j, path, NULL, &why), ERR_NONE);
	cr_expect_eq(j->ops->commit(j, 99, &change, 1, reason, sizeof reason),
	    JRN_REFUSED, "a commit without a load looks first as well");
	cr_expect_not_null(strstr(reason, "colour"), "%s", reason);
	j->ops->close(&j);
	is = help_bytes_read(path);
	cr_expect(help_bytes_same(&was, &is));
	help_bytes_drop(&was);
	help_bytes_drop(&is);
}

Test(jrn_damage, cut_files, .init = setup, .fini = teardown)
{
	struct help_bytes part = sound;
	size_t lengths[] = {0, 1, 15, 16, 99, 100, 512, 1024, PAGE_BYTES - 1,
	    PAGE_BYTES, PAGE_BYTES + 1, 2 * PAGE_BYTES, sound.n / 2,
	    sound.n - PAGE_BYTES, sound.n - 1};
	char that[60];
	size_t i;

	for (i = 0; i < N(lengths); i++) {
		restore();
		part.n = lengths[i];
		help_bytes_write(path, &part);
		(void)snprintf(that, sizeof that, "cut to %zu bytes", part.n);
		expect_refused(that, "damaged");
	}
}

Test(jrn_damage, garbage, .init = setup, .fini = teardown)
{
	struct help_bytes text = {(unsigned char[6000]){0}, 6000};

	memset(text.p, 'x', text.n);
	help_bytes_write(path, &text);
	expect_refused("a file of text", "damaged");
	memset(text.p, 0, text.n);
	help_bytes_write(path, &text);
	expect_refused("a file of zeros", "damaged");
}

Test(jrn_damage, lost_pages, .init = setup, .fini = teardown)
{
	struct help_bytes bad = {malloc(sound.n), sound.n};
	char that[60];
	size_t at;

	for (at = 0; at < sound.n; at += PAGE_BYTES) {
		memcpy(bad.p, sound.p, sound.n);
		memset(bad.p + at, 0, PAGE_BYTES);
		help_bytes_write(path, &bad);
		(void)snprintf(that, sizeof that, "page %zu is all zeros",
		    at / PAGE_BYTES + 1);
		expect_refused(that, "");
		memset(bad.p + at, 0xa5, PAGE_BYTES);
		help_bytes_write(path, &bad);
		(void)snprintf(that, sizeof that, "page %zu is all A5",
		    at / PAGE_BYTES + 1);
		expect_refused(that, "");
		if (at == 0 || memcmp(sound.p + at, sound.p + at - PAGE_BYTES,
				   PAGE_BYTES) == 0)
			continue;
		memcpy(bad.p + at, sound.p + at - PAGE_BYTES, PAGE_BYTES);
		help_bytes_write(path, &bad);
		(void)snprintf(that, sizeof that, "page %zu is the one before",
		    at / PAGE_BYTES + 1);
		expect_refused(that, "");
	}
	help_bytes_drop(&bad);
}

/* A flipped bit may leave a well-formed file; then it loads. */
Test(jrn_damage, flipped_bits, .init = setup, .fini = teardown)
{
	struct help_bytes bad = {malloc(sound.n), sound.n};
	struct help_random random;
	char text[ERR_TEXT_BYTES];
	int i, refused = 0;
	size_t at;

	help_random_init(&random, "flipped_bits");
	for (i = 0; i < 600; i++) {
		memcpy(bad.p, sound.p, sound.n);
		at = i < 200 ? (size_t)help_random_below(&random, 100)
			     : (size_t)help_random_below(&random, sound.n);
		bad.p[at] ^=
		    (unsigned char)(1u << help_random_below(&random, 8));
		help_bytes_write(path, &bad);
		if (!load("a flipped bit", text, sizeof text))
			refused++;
	}
	cr_expect_gt(refused, 100, "%d of %d are noticed", refused, i);
	help_bytes_drop(&bad);
}

Test(jrn_damage, a_hot_rollback_journal, .init = setup, .fini = teardown)
{
	static const unsigned char head[28] = {0xd9, 0xd5, 0x05, 0xf9, 0x20,
	    0xa1, 0x63, 0xd7, 0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 0, 2, 0, 0, 2, 0, 0,
	    0, 0x10, 0};
	struct help_bytes journal = {(unsigned char[5000]){0}, 5000}, after;
	char name[300], text[ERR_TEXT_BYTES];

	memcpy(journal.p, head, sizeof head);
	(void)snprintf(name, sizeof name, "%s-journal", path);
	help_bytes_write(name, &journal);
	cr_expect(!load("a hot journal", text, sizeof text),
	    "what another program left half done is not undone by a load");
	after = help_bytes_read(name);
	cr_expect(help_bytes_same(&journal, &after));
	help_bytes_drop(&after);
}
