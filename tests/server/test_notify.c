/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Own */
#include <criterion/criterion.h>

#include "server/srv_notify.h"

/* listen_at - a datagram socket of an address; '@': abstract */
static int
listen_at(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, name, strlen(name));
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	cr_assert_eq(bind(fd, (const struct sockaddr *)&a,
			 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     strlen(name))),
	    0);
	return fd;
}

static void
expect_told(const char *name)
{
	char text[64];
	int fd = listen_at(name);
	ssize_t n;

	cr_assert_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	cr_expect(srv_notify("READY=1"), "%s", name);
	n = recv(fd, text, sizeof(text), 0);
	cr_assert_eq(n, 7, "%s", name);
	cr_expect_eq(memcmp(text, "READY=1", 7), 0);
	close(fd);
	cr_expect_not(srv_notify("READY=1"), "nobody listens any more");
}

Test(notify, whoever_started_us_is_told)
{
	char folder[] = "/tmp/xenapi-memory-notify.XXXXXX", path[64];
	char abstract[64];

	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/s", folder);
	(void)snprintf(abstract, sizeof(abstract), "@%s", folder);
	expect_told(path);
	expect_told(abstract);
	(void)unlink(path);
	(void)rmdir(folder);
}

Test(notify, nobody_else_is)
{
	static const char *const names[] = {"", "/", "@", "relative", "-1"};
	char longest[200];

	cr_expect_not(srv_notify("READY=1"), "nobody asked");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cr_assert_eq(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		cr_expect_not(srv_notify("READY=1"), "%s", names[i]);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '@';
	longest[sizeof(longest) - 1] = '\0';
	cr_assert_eq(setenv("NOTIFY_SOCKET", longest, 1), 0);
	cr_expect_not(srv_notify("READY=1"), "longer than an address is");
}

Test(notify, how_often_a_watchdog_wants_to_be_told)
{
	static const struct {
		const char *must, *usec, *pid;
		int64_t ms;
	} rows[] = {
	    {"nobody watches", NULL, NULL, 0},
	    {"twice in the time", "60000000", NULL, 30000},
	    {"somebody else is watched", "60000000", "1", 0},
	    {"never faster than it can be", "3", NULL, 1},
	    {"no time at all is none", "0", NULL, 0},
	    {"no number", "soon", NULL, 0},
	    {"a part of one", "60s", NULL, 0},
	    {"below nothing", "-5", NULL, 0},
	    {"more than there is", "99999999999999999999", NULL, 0},
	};
	char pid[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		(void)unsetenv("WATCHDOG_USEC");
		(void)unsetenv("WATCHDOG_PID");
		if (rows[i].usec != NULL)
			(void)setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (rows[i].pid != NULL)
			(void)setenv("WATCHDOG_PID", rows[i].pid, 1);
		cr_expect_eq(
		    srv_notify_watchdog_ms(), rows[i].ms, "%s", rows[i].must);
	}
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("WATCHDOG_USEC", "60000000", 1);
	(void)setenv("WATCHDOG_PID", pid, 1);
	cr_expect_eq(srv_notify_watchdog_ms(), 30000, "we are watched");
}
