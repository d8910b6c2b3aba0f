/* SPDX-License-Identifier: BSD-2-Clause */
/* The SQLite journal keeps every type, migrates, and gets on with readers. */

/* System */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Own */
#include "model/journal/jrn_sqlite.h"
#include "tests/fault/help_jrn.h"

#define VARIANTS 32

static char *path;
static struct failure why;

static void
setup(void)
{
	path = help_folder();
}

static void
teardown(void)
{
	help_folder_drop(&path);
}

/* open_it - the journal; asserts that it opens */
static struct jrn *
open_it(void)
{
	struct jrn *j = NULL;

	cr_assert_eq(jrn_sqlite_open(&j, path, NULL, &why), ERR_NONE, "%s",
	    why.param[0]);
	return j;
}

/* load_it - all that it holds; asserts that it loads */
static struct help_held
load_it(struct jrn *j)
{
	struct help_held held;

	cr_assert_eq(help_load(j, &held, &why), ERR_NONE, "%s", why.param[0]);
	return held;
}

/* sql - run SQL on the database as an administrator might */
static void
sql(const char *text)
{
	char *error = NULL;
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, &error), SQLITE_OK,
	    "%s: %s", text, error);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* exists - is there such a file beside the database? */
static bool
exists(const char *suffix)
{
	struct help_bytes b;
	char name[300];

	(void)snprintf(name, sizeof name, "%s%s", path, suffix);
	b = help_bytes_read(name);
	help_bytes_drop(&b);
	return b.n > 0 || b.p != NULL;
}

/* round_trip - variants of a class, committed, loaded, deleted */
static void
round_trip(const struct idl_class *c)
{
	struct jrn_change changes[VARIANTS];
	void *recs[VARIANTS];
	struct help_held held;
	struct jrn *j = open_it();
	struct arena a;
	char reason[300];
	size_t i;

	arena_init(&a, (size_t)64 << 20);
	for (i = 0; i < VARIANTS; i++) {
		recs[i] = arena_alloc(&a, c->struct_bytes);
		help_fill(c, recs[i], &a, i);
		changes[i] = (struct jrn_change){
		    c->id, ((struct idl_hdr *)recs[i])->ref, NULL, recs[i]};
	}
	cr_assert_eq(
	    j->ops->commit(j, 7, changes, VARIANTS, reason, sizeof reason),
	    JRN_COMMITTED, "%s: %s", c->name, reason);
	held = load_it(j);
	cr_expect_eq(held.n, VARIANTS);
	cr_expect_eq(held.generation, 7);
	for (i = 0; i < VARIANTS; i++) {
		const void *got = help_find(&held, c->id, &changes[i].ref);

		cr_expect_not_null(got, "%s %zu", c->name, i);
		cr_expect(got != NULL && help_same(c, recs[i], got),
		    "%s %zu comes back as it was", c->name, i);
		changes[i].now = NULL;
	}
	help_held_drop(&held);
	cr_assert_eq(
	    j->ops->commit(j, 8, changes, VARIANTS, reason, sizeof reason),
	    JRN_COMMITTED, "%s", reason);
	held = load_it(j);
	cr_expect_eq(held.n, 0);
	help_held_drop(&held);
	j->ops->close(&j);
	arena_fini(&a);
	sql("UPDATE meta SET value = 0 WHERE key = 'generation'");
}

Test(jrn_sqlite, every_class_and_type, .init = setup, .fini = teardown)
{
	int i;

	for (i = 0; i < idl_nclasses; i++)
		if ((idl_classes[i]->flags & IDL_C_LIVE) == 0)
			round_trip(idl_classes[i]);
}

Test(jrn_sqlite, live_things_are_not_kept, .init = setup, .fini = teardown)
{
	struct jrn *j = open_it();
	struct idl_session session;
	struct help_held held;
	struct idl_vm vm;

	idl_record_init(idl_classes[IDL_CLASS_SESSION], &session);
	session.h.ref = help_ref(1);
	help_commit_one(j, 1, &session);
	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = help_ref(2);
	vm.domid = 77;
	help_commit_one(j, 2, &vm);
	held = load_it(j);
	cr_assert_eq(held.n, 1, "a live class has no rows");
	cr_expect_eq(((const struct idl_vm *)held.rec[0])->domid, -1,
	    "a live field loads as its default");
	help_held_drop(&held);
	j->ops->close(&j);
}

Test(jrn_sqlite, what_cannot_be_kept, .init = setup, .fini = teardown)
{
	struct jrn *j = open_it();
	struct jrn_change change;
	struct help_held held;
	struct idl_vm vm;
	char reason[300];

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = help_ref(1);
	change = (struct jrn_change){IDL_CLASS_VM, vm.h.ref, NULL, &vm};
	vm.name_label = "\xff";
	cr_assert_eq(j->ops->commit(j, 1, &change, 1, reason, sizeof reason),
	    JRN_REFUSED);
	cr_expect_str_eq(reason, "table VM, column name_label: is not UTF-8");
	vm.name_label = "";
	vm.HVM_shadow_multiplier = __builtin_nan("");
	cr_assert_eq(j->ops->commit(j, 1, &change, 1, reason, sizeof reason),
	    JRN_REFUSED);
	cr_expect_not_null(strstr(reason, "HVM_shadow_multiplier"));
	vm.HVM_shadow_multiplier = 2;
	help_commit_one(j, 1, &vm);
	held = load_it(j);
	cr_expect_eq(held.n, 1);
	help_held_drop(&held);
	j->ops->close(&j);
}

Test(jrn_sqlite, files, .init = setup, .fini = teardown)
{
	struct jrn *j = open_it();
	struct help_held held;
	struct stat st;
	char wal[300];
	struct idl_vm vm;
	uint64_t g;

	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_expect(!exists(".new") && !exists("-wal"));
	held = load_it(j);
	cr_expect_eq(held.n, 0);
	cr_expect_eq(held.generation, 0);
	help_held_drop(&held);
	cr_expect(!exists("-wal") && !exists("-shm"), "a look makes no file");
	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	for (g = 1; g <= 2500; g++) {
		vm.h.ref = help_ref(g % 100 + 1);
		vm.h.modified = g;
		help_commit_one(j, g, &vm);
	}
	cr_assert_eq(stat(wal, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_expect_lt(st.st_size, 6 << 20, "the log is used again: %ld",
	    (long)st.st_size);
	j->ops->close(&j);
	cr_expect(!exists("-wal") && !exists("-shm"), "one file at the end");
}

Test(jrn_sqlite, readable_while_in_use, .init = setup, .fini = teardown)
{
	struct jrn *j = open_it();
	sqlite3_stmt *st;
	struct idl_vm vm;
	sqlite3 *db;

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = help_ref(1);
	vm.h.ref.hi = 0x0123456789abcdef;
	vm.power_state = IDL_VM_POWER_STATE_RUNNING;
	help_commit_one(j, 1, &vm);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db,
			 "SELECT ref, power_state, is_a_template, tags, value "
			 "FROM VM, meta WHERE key = 'program'",
			 -1, &st, NULL),
	    SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	cr_expect_not_null(strstr((const char *)sqlite3_column_text(st, 0),
	    "OpaqueRef:01234567-89ab-cdef-"));
	cr_expect_str_eq((const char *)sqlite3_column_text(st, 1), "Running");
	cr_expect_eq(sqlite3_column_type(st, 2), SQLITE_INTEGER);
	cr_expect_str_eq((const char *)sqlite3_column_text(st, 3), "");
	cr_expect_str_eq(
	    (const char *)sqlite3_column_text(st, 4), "xenapi-memoryd");
	vm.power_state = IDL_VM_POWER_STATE_HALTED;
	help_commit_one(j, 2, &vm); /* while the reader still reads */
	cr_expect_eq(sqlite3_step(st), SQLITE_DONE);
	cr_assert_eq(sqlite3_finalize(st), SQLITE_OK);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	help_commit_one(j, 3, &vm);
	j->ops->close(&j);
}

Test(jrn_sqlite, another_writer_is_noticed, .init = setup, .fini = teardown)
{
	struct jrn *j = open_it();
	struct jrn_change change;
	struct help_held held;
	struct idl_vm vm;
	char reason[300];

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = help_ref(1);
	change = (struct jrn_change){IDL_CLASS_VM, vm.h.ref, NULL, &vm};
	held = load_it(j);
	help_held_drop(&held);
	sql("UPDATE meta SET value = 5 WHERE key = 'generation'");
	cr_expect_eq(j->ops->commit(j, 1, &change, 1, reason, sizeof reason),
	    JRN_REFUSED);
	cr_expect_not_null(strstr(reason, "another program"), "%s", reason);
	sql("UPDATE meta SET value = 0 WHERE key = 'generation'");
	help_commit_one(j, 1, &vm);
	sql("UPDATE meta SET value = 5 WHERE key = 'generation'");
	cr_expect_eq(j->ops->commit(j, 2, &change, 1, reason, sizeof reason),
	    JRN_REFUSED);
	cr_expect_not_null(strstr(reason, "another program"), "%s", reason);
	j->ops->close(&j);
}

Test(jrn_sqlite, waits_for_a_lock, .init = setup, .fini = teardown)
{
	struct jrn *j = open_it();
	struct jrn_change change;
	struct idl_vm vm;
	char reason[300];
	sqlite3 *db;

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	vm.h.ref = help_ref(1);
	change = (struct jrn_change){IDL_CLASS_VM, vm.h.ref, NULL, &vm};
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_expect_eq(j->ops->commit(j, 1, &change, 1, reason, sizeof reason),
	    JRN_REFUSED);
	cr_expect_str_eq(reason, "database is locked");
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	help_commit_one(j, 1, &vm);
	j->ops->close(&j);
}

/* filled - two classes' records in a closed database */
static void
filled(struct idl_vm *vm, struct arena *a)
{
	struct jrn *j = open_it();
	struct idl_pool pool;

	help_fill(idl_classes[IDL_CLASS_VM], vm, a, 8);
	help_commit_one(j, 1, vm);
	help_fill(idl_classes[IDL_CLASS_POOL], &pool, a, 3);
	help_commit_one(j, 2, &pool);
	j->ops->close(&j);
}

Test(jrn_sqlite, grows_columns_and_tables, .init = setup, .fini = teardown)
{
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	struct help_bytes before, after;
	const struct idl_vm *got;
	struct help_held held;
	struct idl_vm vm, first;
	struct jrn *j;
	struct arena a;

	arena_init(&a, (size_t)1 << 20);
	filled(&vm, &a);
	first = vm;
	sql("ALTER TABLE VM DROP COLUMN tags;"
	    "ALTER TABLE VM DROP COLUMN HVM_shadow_multiplier;"
	    "ALTER TABLE VM DROP COLUMN name_label;"
	    "ALTER TABLE VM DROP COLUMN memory_target;"
	    "DROP TABLE pool");
	before = help_bytes_read(path);
	j = open_it();
	held = load_it(j);
	after = help_bytes_read(path);
	cr_expect(help_bytes_same(&before, &after), "a load migrates nothing");
	help_bytes_drop(&before);
	help_bytes_drop(&after);
	cr_assert_eq(held.n, 1);
	got = held.rec[0];
	first.tags = &idl_set_none;
	first.HVM_shadow_multiplier = 1.0;
	first.name_label = "";
	first.memory_target = 0;
	cr_expect(help_same(c, &first, got), "what lacks is the IDL's default");
	help_held_drop(&held);
	vm.h.ref = help_ref(99);
	help_commit_one(j, 3, &vm);
	held = load_it(j);
	cr_assert_eq(held.n, 2);
	got = help_find(&held, IDL_CLASS_VM, &first.h.ref);
	cr_expect(got != NULL && help_same(c, &first, got));
	got = help_find(&held, IDL_CLASS_VM, &vm.h.ref);
	cr_expect(got != NULL && help_same(c, &vm, got));
	help_held_drop(&held);
	j->ops->close(&j);
	sql("SELECT tags, name_label FROM VM; SELECT * FROM pool");
	arena_fini(&a);
}

Test(jrn_sqlite, leftovers_of_a_cut_start, .init = setup, .fini = teardown)
{
	struct help_bytes junk = {(unsigned char[]){'j', 'u', 'n', 'k'}, 4};
	struct jrn *j = NULL;
	char name[300];

	(void)snprintf(name, sizeof name, "%s.new", path);
	help_bytes_write(name, &junk);
	j = open_it();
	cr_expect(!exists(".new"));
	j->ops->close(&j);
}

Test(jrn_sqlite, a_log_without_its_database, .init = setup, .fini = teardown)
{
	struct help_bytes junk = {(unsigned char[]){'j', 'u', 'n', 'k'}, 4};
	struct help_bytes after;
	struct jrn *j = NULL;
	char name[300];

	(void)snprintf(name, sizeof name, "%s-wal", path);
	help_bytes_write(name, &junk);
	cr_assert_eq(jrn_sqlite_open(&j, path, NULL, &why), ERR_INTERNAL_ERROR);
	cr_expect_not_null(strstr(why.param[0], "is missing"));
	after = help_bytes_read(name);
	cr_expect(help_bytes_same(&junk, &after));
	help_bytes_drop(&after);
	cr_expect(!exists(""));
}

Test(jrn_sqlite, odd_file_names)
{
	static const char *const names[] = {
	    "/tmp/unit-fault-a%20b?c#d.db", "/tmp/unit-fault-\xc3\xa9 '\".db"};
	struct jrn *j = NULL;
	struct help_held held;
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++) {
		(void)remove(names[i]); /* of an earlier run */
		cr_assert_eq(jrn_sqlite_open(&j, names[i], NULL, &why),
		    ERR_NONE, "%s", why.param[0]);
		held = load_it(j);
		help_held_drop(&held);
		j->ops->close(&j);
		cr_expect_eq(remove(names[i]), 0);
	}
	cr_assert_eq(jrn_sqlite_open(&j, "/nowhere/at/all.db", NULL, &why),
	    ERR_INTERNAL_ERROR);
	cr_expect_not_null(
	    strstr(why.param[0], "/nowhere/at/all.db"), "%s", why.param[0]);
}
