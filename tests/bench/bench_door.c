/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bench_door DIR - durable VM.set_memory_dynamic_range through the dispatch
 * door, at 1 and 64 callers, against plain SQLite that replaces rows of the
 * same table at batch 1 and 64.  Runs alternate; the ratio is of medians.
 */

/* System */
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Server */
#include "server/writer.h"

/* own */
#include "tests/bench/help_door.h"
#include "tests/bench/help_store.h"

#define VMS 64
#define ROUNDS 5
#define WRITES_ONE 3000
#define WRITES_MANY 40000
#define MIB (1ll << 20)

/* Calls that are answered, from the writer to the driver, who is awake. */
struct finished {
	_Atomic(struct api_call *) list; /* by ops_next, newest first */
};

static void
on_done(struct api_call *c)
{
	struct finished *f = c->owner;

	c->ops_next = atomic_load(&f->list);
	while (!atomic_compare_exchange_weak(&f->list, &c->ops_next, c))
		;
}

/* take - all calls that have been answered; waits for the first */
static struct api_call *
take(struct finished *f)
{
	struct api_call *list;

	while ((list = atomic_exchange(&f->list, NULL)) == NULL)
		(void)sched_yield(); /* sleeping would measure wake-ups */
	return list;
}

/* submit - caller i's next write */
static void
submit(struct api_call *c, struct api_env *env, struct fld_reader *rd,
    struct finished *f, unsigned i, uint64_t round)
{
	help_range_call(c, env, help_vm_ref(i), MIB * (int64_t)(round % 500),
	    MIB * 1024);
	c->done = on_done;
	c->owner = f;
	api_dispatch(c, rd);
}

/* ours - writes a second with so many callers at once */
static double
ours(struct api_env *env, unsigned callers, unsigned writes)
{
	static struct api_call call[VMS];
	static uint64_t round;
	struct finished f = {NULL};
	struct fld_reader *rd = fld_reader_new(env->store);
	struct api_call *c, *next;
	unsigned sent = 0, done = 0;
	double begin = help_now_s();

	for (; sent < callers; sent++)
		submit(&call[sent], env, rd, &f, sent, round++);
	while (done < writes) {
		for (c = take(&f); c != NULL; c = next) {
			next = c->ops_next;
			if (c->err != ERR_NONE)
				help_die("call", &c->why);
			api_call_fini(c);
			done++;
			if (sent++ < writes)
				submit(c, env, rd, &f,
				    (unsigned)(c - call), round++);
		}
	}
	begin = help_now_s() - begin;
	fld_reader_free(&rd);
	return writes / begin;
}

/* check - SQLite did as told */
static void
check(sqlite3 *db, int r)
{
	if (r == SQLITE_OK || r == SQLITE_DONE || r == SQLITE_ROW)
		return;
	fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
	exit(1);
}

/* replace_row - a statement that replaces row i with itself, one value new */
static sqlite3_stmt *
replace_prepare(sqlite3 *db, sqlite3_stmt *from)
{
	char sql[8192] = "REPLACE INTO VM VALUES(?";
	sqlite3_stmt *st;
	size_t n = strlen(sql);

	for (int i = 1; i < sqlite3_column_count(from); i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, ",?");
	(void)snprintf(sql + n, sizeof(sql) - n, ")");
	check(db, sqlite3_prepare_v2(db, sql, -1, &st, NULL));
	return st;
}

/* plain - rows a second, so many in a transaction */
static double
plain(const char *path, unsigned batch, unsigned writes)
{
	sqlite3 *db;
	sqlite3_stmt *rows, *put[VMS];
	unsigned n = 0, done;
	int field = -1;
	double begin;

	check(NULL, sqlite3_open(path, &db));
	check(db,
	    sqlite3_exec(db,
		"PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL", NULL, NULL,
		NULL));
	check(db,
	    sqlite3_prepare_v2(db, "SELECT * FROM VM", -1, &rows, NULL));
	for (; n < VMS && sqlite3_step(rows) == SQLITE_ROW; n++) {
		put[n] = replace_prepare(db, rows);
		for (int i = 0; i < sqlite3_column_count(rows); i++) {
			check(db,
			    sqlite3_bind_value(
				put[n], i + 1, sqlite3_column_value(rows, i)));
			if (strcmp(sqlite3_column_name(rows, i),
				"memory_dynamic_min") == 0)
				field = i + 1;
		}
	}
	sqlite3_finalize(rows);
	begin = help_now_s();
	for (done = 0; done < writes; done++) {
		sqlite3_stmt *st = put[done % n];

		if (done % batch == 0)
			check(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
		check(db, sqlite3_bind_int64(st, field, done));
		check(db, sqlite3_step(st));
		sqlite3_reset(st);
		if (done % batch == batch - 1)
			check(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	}
	if (writes % batch != 0)
		check(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	begin = help_now_s() - begin;
	for (unsigned i = 0; i < n; i++)
		sqlite3_finalize(put[i]);
	check(db, sqlite3_close(db));
	return writes / begin;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* median - of ROUNDS values, which are sorted */
static double
median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static void
compare(struct api_env *env, const char *path, unsigned callers,
    unsigned writes)
{
	double a[ROUNDS], b[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		a[i] = ours(env, callers, writes);
		b[i] = plain(path, callers, writes);
	}
	printf("%2u callers: %.0f durable calls/s; plain SQLite at batch %u: "
	       "%.0f rows/s; ratio %.2f (budget 0.7)\n",
	    callers, median(a), callers, median(b), median(a) / median(b));
}

int
main(int argc, char **argv)
{
	char path[4096], other[4096];
	struct api_env env;
	struct fld_store *s;
	struct failure why;
	struct wrq_config config = {0};

	if (argc != 2)
		return 2;
	(void)snprintf(path, sizeof(path), "%s/ours.db", argv[1]);
	(void)snprintf(other, sizeof(other), "%s/plain.db", argv[1]);
	s = help_store_open(other);
	help_store_fill(s, VMS);
	fld_close(&s);
	s = help_store_open(path);
	help_store_fill(s, VMS);
	help_env(&env, s);
	config.store = s;
	config.now_ms = env.now_ms;
	if (wrq_start(&env.writer, &config, &why) != ERR_NONE)
		help_die("writer", &why);
	compare(&env, other, 1, WRITES_ONE);
	compare(&env, other, 64, WRITES_MANY);
	wrq_stop(&env.writer);
	api_env_fini(&env);
	fld_close(&s);
	return 0;
}
