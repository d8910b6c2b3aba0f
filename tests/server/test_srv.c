/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Own */
#include <criterion/criterion.h>

#include "server/log.h"
#include "server/pool.h"
#include "server/srv_file.h"
#include "server/srv_listen.h"
#include "server/srv_state.h"
#include "tests/server/help_dir.h"

static char why[500];

TestSuite(srv, .init = help_dir_make, .fini = help_dir_remove);

/* ---- the state folder ---- */

Test(srv, folder_is_made_private_and_taken_once)
{
	struct stat st;
	int a, b;

	a = srv_state_take(help_dir_path("new"), why, sizeof(why));
	cr_assert(a >= 0, "%s", why);
	cr_assert_eq(stat(help_dir_path("new"), &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0700);
	b = srv_state_take(help_dir_path("new"), why, sizeof(why));
	cr_expect_eq(b, -1);
	cr_expect_not_null(strstr(why, "is in use by another"), "%s", why);
	(void)close(a);
	b = srv_state_take(help_dir_path("new"), why, sizeof(why));
	cr_expect(b >= 0, "free again when its holder is gone: %s", why);
	(void)close(b);
}

Test(srv, folder_that_cannot_be_made_is_named)
{
	cr_expect_eq(
	    srv_state_take(help_dir_path("no/where"), why, sizeof(why)), -1);
	cr_expect_not_null(strstr(why, "no/where: No such file"), "%s", why);
}

Test(srv, folder_that_others_may_write_to_is_refused)
{
	static const struct {
		mode_t mode;
		bool is_taken;
	} rows[] = {
	    {0700, true},
	    {0755, true},
	    {0770, false},
	    {0702, false},
	    {01777, false},
	};

	cr_assert_eq(mkdir(help_dir_path("open"), 0700), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd;

		cr_assert_eq(chmod(help_dir_path("open"), rows[i].mode), 0);
		fd = srv_state_take(help_dir_path("open"), why, sizeof(why));
		cr_expect_eq(
		    fd >= 0, rows[i].is_taken, "%o", (unsigned)rows[i].mode);
		if (fd >= 0)
			(void)close(fd);
		else
			cr_expect_not_null(
			    strstr(why, "chmod go-w"), "%s", why);
	}
}

/* ---- sockets ---- */

Test(srv, port_in_use_is_refused)
{
	int port, other, a, b;
	char text[8];

	a = srv_listen_bind("127.0.0.1", "0", &port, why, sizeof(why));
	cr_assert(a >= 0, "%s", why);
	cr_assert_eq(srv_listen_open(a, why, sizeof(why)), 0);
	(void)snprintf(text, sizeof(text), "%d", port);
	b = srv_listen_bind("127.0.0.1", text, &other, why, sizeof(why));
	cr_expect_eq(b, -1);
	cr_expect_not_null(strstr(why, "Address already in use"), "%s", why);
	(void)close(a);
}

Test(srv, address_of_somebody_else_is_refused)
{
	int port;

	cr_expect_eq(
	    srv_listen_bind("192.0.2.1", "0", &port, why, sizeof(why)), -1);
	cr_expect_not_null(strstr(why, "192.0.2.1"), "%s", why);
}

Test(srv, local_socket_is_private_from_birth_and_replaces_an_old_one)
{
	struct stat st;
	int a, b;

	(void)umask(0);
	a = srv_listen_bind_local(help_dir, why, sizeof(why));
	cr_assert(a >= 0, "%s", why);
	cr_assert_eq(stat(help_dir_path("socket"), &st), 0);
	cr_expect(S_ISSOCK(st.st_mode));
	cr_expect_eq(st.st_mode & 0777, 0600);
	/* As after a crash: nobody listens, the name is there. */
	b = srv_listen_bind_local(help_dir, why, sizeof(why));
	cr_expect(b >= 0, "%s", why);
	(void)close(a);
	(void)close(b);
}

Test(srv, local_socket_works_in_a_folder_with_a_long_name)
{
	char name[300];
	int fd;

	(void)snprintf(name, sizeof(name), "%s/%0150d", help_dir, 7);
	cr_assert_eq(mkdir(name, 0700), 0);
	fd = srv_listen_bind_local(name, why, sizeof(why));
	cr_expect(fd >= 0, "%s", why);
	(void)close(fd);
}

Test(srv, local_socket_elsewhere_takes_nothing_from_anybody)
{
	char path[150];
	struct stat st;
	int a, b;

	(void)umask(0);
	(void)snprintf(path, sizeof(path), "%s", help_dir_path("xapi"));
	a = srv_listen_bind_path(path, why, sizeof(why));
	cr_assert(a >= 0, "%s", why);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(srv_listen_open(a, why, sizeof(why)), 0);
	cr_expect_eq(srv_listen_bind_path(path, why, sizeof(why)), -1);
	cr_expect_not_null(strstr(why, "in use"), "%s", why);
	(void)close(a);
	b = srv_listen_bind_path(path, why, sizeof(why));
	cr_expect(b >= 0, "what is left behind is replaced: %s", why);
	(void)close(b);
	/* What is no socket stays. */
	cr_assert_eq(srv_file_write(help_dir, "f", "mine", 4), 0);
	cr_expect_eq(
	    srv_listen_bind_path(help_dir_path("f"), why, sizeof(why)), -1);
	cr_assert_eq(stat(help_dir_path("f"), &st), 0);
	cr_expect_eq(st.st_size, 4);
	cr_expect_eq(
	    srv_listen_bind_path(help_dir_path("no/folder"), why, sizeof(why)),
	    -1);
	cr_expect_not_null(strstr(why, "local_socket = "), "%s", why);
}

/* ---- files ---- */

Test(srv, secrets_are_for_their_owner_alone)
{
	size_t n = 0;
	char *text;

	cr_assert_eq(srv_file_write(help_dir, "s", "secret", 6), 0);
	text = srv_file_secret(help_dir_path("s"), 100, &n);
	cr_assert_not_null(text);
	cr_expect_str_eq(text, "secret");
	cr_expect_eq(n, 6);
	free(text);
	cr_expect_null(srv_file_secret(help_dir_path("s"), 5, &n), "too long");
	cr_assert_eq(chmod(help_dir_path("s"), 0640), 0);
	cr_expect_null(srv_file_secret(help_dir_path("s"), 100, &n));
	cr_expect_null(srv_file_secret(help_dir_path("none"), 100, &n));
	cr_expect_null(srv_file_secret(help_dir, 100, &n), "a folder");
}

Test(srv, files_are_replaced_whole)
{
	struct stat st;
	char *text;
	size_t n = 0;

	cr_assert_eq(srv_file_write(help_dir, "f", "first", 5), 0);
	cr_assert_eq(srv_file_write(help_dir, "f", "2nd", 3), 0);
	text = srv_file_read(help_dir, "f", 10, &n);
	cr_assert_not_null(text);
	cr_expect_str_eq(text, "2nd");
	cr_expect_eq(n, 3);
	free(text);
	cr_assert_eq(stat(help_dir_path("f"), &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_expect_null(
	    srv_file_read(help_dir, "f", 2, &n), "longer than allowed");
	cr_expect_neq(access(help_dir_path("f.tmp"), F_OK), 0);
	cr_expect_eq(srv_file_remove(help_dir, "f"), 0);
	cr_expect_eq(srv_file_remove(help_dir, "f"), 0, "not there is fine");
	cr_expect_null(srv_file_read(help_dir, "f", 2, &n));
	cr_expect_eq(srv_file_write("/nowhere", "f", "x", 1), -1);
}

/* ---- the pool ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int ran;

static void
pass_gate(void *item)
{
	(void)item;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	atomic_fetch_add(&ran, 1);
}

Test(pool, what_was_taken_is_run_and_what_is_too_much_is_refused)
{
	struct pool *p = pool_new(2, 4, pass_gate);
	int taken = 0, item = 0;

	cr_assert_not_null(p);
	pthread_mutex_lock(&gate);
	/* At most two are at the gate and four wait. */
	for (int i = 0; i < 10; i++)
		taken += pool_push(p, &item);
	cr_expect_geq(taken, 4);
	cr_expect_leq(taken, 6);
	pthread_mutex_unlock(&gate);
	pool_free(&p);
	cr_expect_null(p);
	cr_expect_eq(atomic_load(&ran), taken);
}

/* ---- the log ---- */

Test(log, a_line_cannot_be_forged)
{
	char text[2000] = "", longer[3000];
	int pipes[2];
	ssize_t n;

	cr_assert_eq(pipe(pipes), 0);
	cr_assert(dup2(pipes[1], STDERR_FILENO) >= 0);
	log_info("login: %s: failed", "x\n\x1b[31mroot\x7f");
	n = read(pipes[0], text, sizeof(text) - 1);
	cr_assert(n > 0);
	cr_expect_str_eq(
	    text, "xenapi-memoryd: login: x\\x0a\\x1b[31mroot\\x7f: failed\n");

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_warnx("%s", longer);
	n = read(pipes[0], text, sizeof(text) - 1);
	cr_expect(n > 1000 && text[n - 1] == '\n', "cut, but a line");
	log_debug("not shown");
	log_verbose();
	log_debug("shown");
	n = read(pipes[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	cr_expect_str_eq(text, "xenapi-memoryd: debug: shown\n");
}
