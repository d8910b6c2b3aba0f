/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Own */
#include <criterion/criterion.h>

#include "idl_types.h"
#include "server/srv_file.h"
#include "server/usr.h"
#include "server/usr_gap.h"
#include "tests/server/help_dir.h"

static char why_text[300];

TestSuite(usr, .init = help_dir_make, .fini = help_dir_remove);

/* first_password - what the first start wrote down */
static char *
first_password(void)
{
	size_t n;
	char *p = srv_file_read(help_dir, "initial-password", 100, &n);

	cr_assert_not_null(p);
	cr_assert_eq(n, 21);
	p[20] = '\0';
	return p;
}

static void
write_users(const char *text)
{
	cr_assert_eq(srv_file_write(help_dir, "users", text, strlen(text)), 0);
}

static unsigned
mode_of(const char *name)
{
	struct stat st;

	return stat(help_dir_path(name), &st) == 0 ? st.st_mode & 0777 : 0;
}

Test(usr, first_start_makes_root_with_a_random_password)
{
	struct usr_db *db =
	    usr_open(help_dir, NULL, why_text, sizeof(why_text));
	struct failure why;
	char *password;
	struct usr_user user = {-1, false};

	cr_assert_not_null(db, "%s", why_text);
	cr_expect_eq(mode_of("users"), 0600);
	cr_expect_eq(mode_of("initial-password"), 0600);
	password = first_password();
	cr_expect_eq(
	    usr_login(db, "root", password, "1.2.3.4:5", 0, &user, &why),
	    ERR_NONE);
	cr_expect_eq(user.role, IDL_ROLE_POOL_ADMIN);
	usr_close(&db);
	/* The second start changes nothing. */
	db = usr_open(help_dir, NULL, why_text, sizeof(why_text));
	cr_assert_not_null(db);
	cr_expect_eq(
	    usr_login(db, "root", password, "1.2.3.4:5", 0, &user, &why),
	    ERR_NONE);
	free(password);
	usr_close(&db);
}

Test(usr, wrong_name_and_wrong_password_look_the_same)
{
	struct usr_db *db =
	    usr_open(help_dir, NULL, why_text, sizeof(why_text));
	struct failure a, b;
	struct usr_user user = {77, false};

	cr_assert_not_null(db);
	cr_expect_eq(usr_login(db, "root", "guess", "[::1]:9", 0, &user, &a),
	    ERR_SESSION_AUTHENTICATION_FAILED);
	cr_expect_eq(usr_login(db, "nobody", "guess", "[::1]:9", 0, &user, &b),
	    ERR_SESSION_AUTHENTICATION_FAILED);
	cr_expect_eq(user.role, 77, "outputs are untouched");
	cr_expect_str_eq(a.param[0], "root");
	cr_expect_str_eq(a.param[1], b.param[1]);
	usr_close(&db);
}

Test(usr, changed_password_is_stored_and_the_first_one_forgotten)
{
	struct usr_db *db =
	    usr_open(help_dir, NULL, why_text, sizeof(why_text));
	char *password = first_password();
	struct failure why;
	struct usr_user user;

	cr_assert_not_null(db);
	cr_expect_eq(
	    usr_change_password(db, "root", "wrong", "long enough", 0, &why),
	    ERR_SESSION_AUTHENTICATION_FAILED);
	cr_expect_eq(
	    usr_change_password(db, "root", password, "short", 0, &why),
	    ERR_INVALID_VALUE);
	cr_expect_eq(mode_of("initial-password"), 0600, "still there");
	cr_expect_eq(
	    usr_change_password(db, "root", password, "long enough", 0, &why),
	    ERR_NONE);
	cr_expect_eq(mode_of("initial-password"), 0, "gone");
	usr_close(&db);
	db = usr_open(help_dir, NULL, why_text, sizeof(why_text));
	cr_assert_not_null(db);
	cr_expect_eq(usr_login(db, "root", password, "a:1", 0, &user, &why),
	    ERR_SESSION_AUTHENTICATION_FAILED);
	cr_expect_eq(
	    usr_login(db, "root", "long enough", "a:1", 0, &user, &why),
	    ERR_NONE);
	free(password);
	usr_close(&db);
}

Test(usr, comments_and_other_accounts_survive_a_change)
{
	struct usr_db *db;
	struct failure why;
	char *text, *first, all[1000];
	size_t n;
	struct usr_user user;

	db = usr_open(help_dir, NULL, why_text, sizeof(why_text));
	usr_close(&db);
	first = first_password();
	text = srv_file_read(help_dir, "users", 1000, &n);
	cr_assert_not_null(text);
	(void)snprintf(all, sizeof(all),
	    "%s# for the monitoring\nmon:$y$x:read-only\n", text);
	write_users(all);
	free(text);
	db = usr_open(help_dir, NULL, why_text, sizeof(why_text));
	cr_assert_not_null(db, "%s", why_text);
	cr_expect_eq(
	    usr_change_password(db, "root", first, "long enough", 0, &why),
	    ERR_NONE);
	text = srv_file_read(help_dir, "users", 1000, &n);
	cr_expect_not_null(
	    strstr(text, "# for the monitoring\nmon:$y$x:read-only\n"));
	free(text);
	cr_expect_eq(usr_login(db, "mon", "", "a:1", 0, &user, &why),
	    ERR_SESSION_AUTHENTICATION_FAILED, "a broken hash lets nobody in");
	free(first);
	usr_close(&db);
}

Test(usr, damaged_files_are_refused_with_file_and_line)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"root\n", "users:1: not name:hash:role"},
	    {"# x\n\nroot:$y$x:emperor\n", "users:3: no such role"},
	    {":$y$x:pool-admin\n", "users:1: not name:hash:role"},
	    {"root::pool-admin\n", "users:1: empty hash"},
	    {"a:$y$x:pool-admin\na:$y$y:pool-admin\n",
		"users:2: account is there twice"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		write_users(rows[i].text);
		cr_expect_null(
		    usr_open(help_dir, NULL, why_text, sizeof(why_text)));
		cr_expect_not_null(
		    strstr(why_text, rows[i].why), "%s", why_text);
	}
}

Test(usr, guesser_waits_and_an_address_that_logged_in_does_not)
{
	struct usr_db *db =
	    usr_open(help_dir, NULL, why_text, sizeof(why_text));
	char *password = first_password();
	struct failure why;
	struct usr_user user;

	cr_assert_not_null(db);
	cr_expect_eq(usr_login(db, "root", password, "good:1", 0, &user, &why),
	    ERR_NONE);
	for (int i = 0; i < 3; i++)
		(void)usr_login(db, "root", "guess", "bad:1", 0, &user, &why);
	cr_expect_eq(usr_login(db, "root", password, "bad:2", 999, &user, &why),
	    ERR_SESSION_AUTHENTICATION_FAILED, "even with the right one");
	cr_expect_str_eq(
	    why.param[1], "too many failed logins; try again in 1 s");
	cr_expect_eq(
	    usr_login(db, "root", password, "good:2", 999, &user, &why),
	    ERR_NONE);
	cr_expect_eq(
	    usr_login(db, "root", password, "bad:3", 1000, &user, &why),
	    ERR_NONE, "after the gap");
	free(password);
	usr_close(&db);
}

#define CROWD 8

/* Many who log in at the same time. */
struct crowd {
	struct usr_db *db;
	const char *password;
	pthread_barrier_t start;
	enum err rc[CROWD];
	struct failure why[CROWD];
	unsigned next;
	pthread_mutex_t lock;
};

static void *
one_of_many(void *arg)
{
	struct crowd *c = arg;
	struct usr_user user;
	unsigned i;

	pthread_mutex_lock(&c->lock);
	i = c->next++;
	pthread_mutex_unlock(&c->lock);
	(void)pthread_barrier_wait(&c->start);
	c->rc[i] = usr_login(
	    c->db, "root", c->password, "1.2.3.4:5", 0, &user, &c->why[i]);
	return NULL;
}

/* all_at_once - how many of the crowd get in */
static unsigned
all_at_once(struct crowd *c, const char *password)
{
	pthread_t t[CROWD];
	unsigned in = 0;

	c->password = password;
	c->next = 0;
	for (int i = 0; i < CROWD; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, one_of_many, c), 0);
	for (int i = 0; i < CROWD; i++)
		cr_assert_eq(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < CROWD; i++)
		in += c->rc[i] == ERR_NONE;
	return in;
}

Test(usr, after_a_typo_many_at_once_wait_for_each_other)
{
	struct crowd c = {
	    .db = usr_open(help_dir, NULL, why_text, sizeof(why_text))};
	char *password = first_password();
	unsigned looked_at = 0;
	struct failure why;
	struct usr_user user;

	cr_assert_not_null(c.db);
	cr_assert_eq(pthread_barrier_init(&c.start, NULL, CROWD), 0);
	(void)pthread_mutex_init(&c.lock, NULL);
	cr_expect_eq(
	    usr_login(c.db, "root", "typo", "1.2.3.4:5", 0, &user, &why),
	    ERR_SESSION_AUTHENTICATION_FAILED);
	cr_expect_eq(all_at_once(&c, password), CROWD);
	/* Guesses at once are no more guesses than one after the other. */
	cr_expect_eq(all_at_once(&c, "guess"), 0);
	cr_expect_eq(all_at_once(&c, "guess"), 0);
	for (int i = 0; i < CROWD; i++)
		looked_at +=
		    strcmp(c.why[i].param[1], "wrong name or password") == 0;
	cr_expect_leq(looked_at, 1);
	(void)pthread_barrier_destroy(&c.start);
	(void)pthread_mutex_destroy(&c.lock);
	free(password);
	usr_close(&c.db);
}

static struct usr_gap g;

/* enter, leave - a try of root from an address */
static int64_t
enter(const char *address, int64_t now_ms)
{
	const struct usr_gap_who who = {"root", true, address};

	return usr_gap_enter(&g, &who, now_ms);
}

static void
leave(const char *address, int64_t now_ms, enum usr_gap_outcome outcome)
{
	const struct usr_gap_who who = {"root", true, address};

	usr_gap_leave(&g, &who, now_ms, outcome);
}

/* gap_after - how long a pair waits right after so many failures */
static int64_t
gap_after(unsigned failures)
{
	memset(&g, 0, sizeof(g));
	int64_t now_ms = 0, wait_ms;

	memset(&g, 0, sizeof(g));
	for (unsigned i = 0; i < failures; i++) {
		while ((wait_ms = enter("a", now_ms)) > 0)
			now_ms += wait_ms;
		leave("a", now_ms, USR_GAP_FAILURE);
	}
	return enter("a", now_ms);
}

Test(usr_gap, table)
{
	static const struct {
		const char *must;
		unsigned failures;
		int64_t wait_ms;
	} rows[] = {
	    {"a typo or two cost nothing", 2, 0},
	    {"the third failure costs a second", 3, 1000},
	    {"then it doubles", 4, 2000},
	    {"and doubles", 6, 8000},
	    {"up to a minute", 9, 60000},
	    {"and no more", 20, 60000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_eq(gap_after(rows[i].failures), rows[i].wait_ms, "%s",
		    rows[i].must);
}

Test(usr_gap, one_try_at_a_time)
{
	memset(&g, 0, sizeof(g));

	cr_expect_eq(enter("a", 0), 0);
	cr_expect_eq(enter("a", 0), USR_GAP_BUSY);
	leave("a", 0, USR_GAP_FAILURE);
	cr_expect_eq(enter("a", 0), 0);
	cr_expect_eq(enter("a", 0), USR_GAP_BUSY);
	cr_expect_eq(enter("b", 0), 0, "others are not concerned");
	leave("a", 0, USR_GAP_SUCCESS);
	cr_expect_eq(enter("a", 0), 0);
	cr_expect_eq(enter("a", 0), 0, "no guesser");
	leave("a", 0, USR_GAP_FAILURE);
	cr_expect_eq(enter("a", 0), USR_GAP_BUSY, "or is it?");
	leave("a", 0, USR_GAP_SUCCESS);
	cr_expect_eq(enter("a", 0), 0);
}

Test(usr_gap, guesses_from_everywhere_make_a_small_gap_for_strangers)
{
	memset(&g, 0, sizeof(g));
	char address[16];

	cr_expect_eq(enter("friend", 0), 0);
	leave("friend", 0, USR_GAP_SUCCESS);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "a%d", i);
		leave(address, 0, USR_GAP_FAILURE);
	}
	cr_expect_eq(enter("stranger", 0), 2000);
	cr_expect_eq(enter("friend", 0), 0);
	cr_expect_eq(enter("stranger", 2000), 0);
}

Test(usr_gap, a_flood_of_addresses_cannot_grow_the_table)
{
	memset(&g, 0, sizeof(g));
	char address[16];

	for (int i = 0; i < 20000; i++) {
		(void)snprintf(address, sizeof(address), "a%d", i);
		if (enter(address, i * 10000) == 0)
			leave(address, i * 10000, USR_GAP_FAILURE);
	}
	cr_expect_eq(enter("a19999", 19999 * 10000 + 5000), 0);
}

Test(usr_gap, names_that_are_no_account_wait_like_those_that_are)
{
	int64_t wait_ms[2][6];

	for (int known = 0; known < 2; known++) {
		const struct usr_gap_who who = {"alice", known, "a"};
		const struct usr_gap_who other = {"nobody", false, "a"};

		memset(&g, 0, sizeof(g));
		for (int i = 0; i < 3; i++)
			usr_gap_leave(&g, &other, 0, USR_GAP_FAILURE);
		for (int i = 0; i < 6; i++) {
			wait_ms[known][i] = usr_gap_enter(&g, &who, 0);
			usr_gap_leave(&g, &who, 0, USR_GAP_FAILURE);
		}
	}
	cr_expect_arr_eq(wait_ms[0], wait_ms[1], sizeof(wait_ms[0]));
}

Test(usr_gap, who_tries_many_names_waits_for_every_name)
{
	char name[16];
	struct usr_gap_who who = {name, false, "a"};

	memset(&g, 0, sizeof(g));
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		usr_gap_leave(&g, &who, 0, USR_GAP_FAILURE);
	}
	(void)snprintf(name, sizeof(name), "new");
	cr_expect_eq(usr_gap_enter(&g, &who, 0), 2000);
	cr_expect_eq(enter("a", 0), 2000, "root, too");
	cr_expect_eq(enter("b", 0), 0, "but from elsewhere");
}

Test(usr, addresses_of_an_ipv6_network_count_as_one)
{
	static const struct {
		const char *peer;
		bool waits;
	} rows[] = {
	    {"[2001:db8:1:2:3:4:5:6]:1", true},
	    {"[2001:db8:1:2::]:2", true},
	    {"[2001:db8:1:3:3:4:5:6]:1", false},
	    {"[::ffff:1.2.3.4]:1", false},
	};
	struct usr_db *db =
	    usr_open(help_dir, NULL, why_text, sizeof(why_text));
	char *password = first_password();
	struct failure why;
	struct usr_user user;

	cr_assert_not_null(db);
	for (int i = 0; i < 3; i++)
		(void)usr_login(
		    db, "root", "guess", "[2001:db8:1:2::7]:1", 0, &user, &why);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_eq(usr_login(db, "root", password, rows[i].peer, 0,
				 &user, &why) != ERR_NONE,
		    rows[i].waits, "%s", rows[i].peer);
	free(password);
	usr_close(&db);
}
