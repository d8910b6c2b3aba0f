/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Own */
#include "tests/xen/help_sim.h"

/* A folder whose path is longer than a socket address can hold. */
#define LONG_NAME "a-state-folder-with-a-name-that-no-socket-address-can-hold"

struct place {
	char top[64];
	char dir[300];
	char log[320];
	char sock[320];
	char *argv[6];
};

static void
place_new(struct place *p, const char *linger_ms)
{
	const char *program = getenv("HV_SIM");

	memset(p, 0, sizeof *p);
	memcpy(p->top, "/tmp/hv_test.XXXXXX", sizeof "/tmp/hv_test.XXXXXX");
	cr_assert_not_null(mkdtemp(p->top));
	(void)snprintf(
	    p->dir, sizeof p->dir, "%s/" LONG_NAME "/" LONG_NAME, p->top);
	(void)snprintf(p->sock, sizeof p->sock, "%s/" LONG_NAME, p->top);
	cr_assert_eq(mkdir(p->sock, 0700), 0);
	cr_assert_eq(mkdir(p->dir, 0700), 0);
	(void)snprintf(p->sock, sizeof p->sock, "%s/hv.sock", p->dir);
	(void)snprintf(p->log, sizeof p->log, "%s/hv.log", p->dir);
	p->argv[0] =
	    strdup(program != NULL ? program : "build/xenapi-memory-hv-sim");
	p->argv[1] = strdup("--linger-ms");
	p->argv[2] = strdup(linger_ms);
}

static void
place_free(struct place *p)
{
	char path[320];

	unlink(p->sock);
	unlink(p->log);
	rmdir(p->dir);
	(void)snprintf(path, sizeof path, "%s/" LONG_NAME, p->top);
	rmdir(path);
	rmdir(p->top);
	for (int i = 0; i < 6; i++)
		free(p->argv[i]);
}

/* adopt - processes that nobody waits for become ours: reap waits for them */
static void
adopt(void)
{
	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

static void
expect_reaped(int code)
{
	int status = 0;

	cr_assert_gt(waitpid(-1, &status, 0), 0);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == code,
	    "status %#x", status);
	cr_expect_eq(waitpid(-1, &status, 0), -1, "it was the only one");
}

/* child - the process that we adopted */
static pid_t
child(void)
{
	char path[64];
	FILE *f;
	int pid = 0;

	(void)snprintf(
	    path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

/* raw - a connection of our own to a place's process */
static int
raw(const struct place *p)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int dir = open(p->dir, O_PATH | O_CLOEXEC), e;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(
	    a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/hv.sock", dir);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		e = errno;
		close(fd);
		fd = -1;
		errno = e;
	}
	close(dir);
	return fd;
}

/* wait_lost - until the link's end has been told */
static void
wait_lost(struct help_sim *h)
{
	pthread_mutex_lock(&h->lock);
	while (!h->lost)
		pthread_cond_wait(&h->news, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

/* join - a link to the process of a place, which may have to be started */
static void
join(struct place *p, struct help_sim *h)
{
	struct hv_link_calls calls = help_listen(h);
	char why[300] = "";

	cr_assert_eq(
	    hv_link_spawn(&h->link, p->dir, p->argv, &calls, why, sizeof why),
	    0, "%s", why);
	help_sync(h);
}

static bool
same(struct hv_uuid a, struct hv_uuid b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static struct hv_uuid
epoch(const struct help_sim *h)
{
	return h->log[0].u.hello.epoch;
}

static bool
log_has(const struct place *p, const char *text)
{
	char buf[2000];
	FILE *f = fopen(p->log, "r");
	size_t n;

	cr_assert_not_null(f);
	n = fread(buf, 1, sizeof buf - 1, f);
	buf[n] = '\0';
	fclose(f);
	return strstr(buf, text) != NULL;
}

Test(hv_process, the_world_outlives_its_daemon, .timeout = 60)
{
	struct place p;
	struct help_sim h;
	struct hv_uuid was;

	adopt();
	place_new(&p, "60000");
	join(&p, &h);
	was = epoch(&h);
	help_build(&h, 1, "");
	help_build(&h, 2, "");
	help_ok(&h, HV_SUSPEND, 2);
	hv_link_close(&h.link, HV_LEAVE_RUNNING);
	cr_expect(!h.lost, "who closes is not told");
	free(h.log);
	join(&p, &h);
	cr_expect(same(epoch(&h), was), "the same world");
	cr_assert_not_null(help_domain(&h, 1));
	cr_expect_eq(help_domain(&h, 1)->flags, HELP_UP);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB);
	cr_assert_not_null(help_domain(&h, 2));
	cr_expect_eq(help_domain(&h, 2)->flags, HV_D_SUSPENDED);
	help_close(&h);
	expect_reaped(0);
	cr_expect_eq(raw(&p), -1);
	cr_expect_eq(errno, ECONNREFUSED);
	join(&p, &h);
	cr_expect(!same(epoch(&h), was), "another world, on a stale socket");
	cr_expect_null(help_domain(&h, 1));
	help_close(&h);
	expect_reaped(0);
	place_free(&p);
}

Test(hv_process, it_follows_the_real_clock, .timeout = 60)
{
	struct place p;
	struct help_sim h;

	adopt();
	place_new(&p, "60000");
	join(&p, &h);
	help_build(&h, 1, "vanish_ms=30");
	pthread_mutex_lock(&h.lock);
	while (help_count(&h, HV_GONE) == 0)
		pthread_cond_wait(&h.news, &h.lock);
	pthread_mutex_unlock(&h.lock);
	help_close(&h);
	expect_reaped(0);
	place_free(&p);
}

Test(hv_process, alone_it_ends_by_itself, .timeout = 60)
{
	struct place p;
	struct help_sim h;

	adopt();
	place_new(&p, "10");
	join(&p, &h);
	help_build(&h, 1, "");
	hv_link_close(&h.link, HV_LEAVE_RUNNING);
	free(h.log);
	expect_reaped(0);
	place_free(&p);
}

Test(hv_process, sigterm_ends_it_and_the_link_is_told, .timeout = 60)
{
	struct place p;
	struct help_sim h;
	struct hv_msg m;

	adopt();
	place_new(&p, "60000");
	join(&p, &h);
	cr_assert_eq(kill(child(), SIGTERM), 0);
	expect_reaped(0);
	wait_lost(&h);
	cr_expect_str_eq(h.lost_text, "hypervisor process has ended");
	hv_msg_init(&m, HV_SYNC);
	cr_expect(!hv_link_send(h.link, &m));
	help_close(&h);
	place_free(&p);
}

Test(hv_process, a_newer_daemon_replaces_the_older, .timeout = 60)
{
	struct place p;
	struct help_sim a, b;

	adopt();
	place_new(&p, "60000");
	join(&p, &a);
	join(&p, &b);
	wait_lost(&a);
	cr_expect(same(epoch(&a), epoch(&b)));
	hv_link_close(&a.link, HV_TELL_QUIT);
	free(a.log);
	help_build(&b, 1, "");
	help_close(&b);
	expect_reaped(0);
	place_free(&p);
}

Test(hv_process, who_does_not_read_is_left_behind, .timeout = 60)
{
	struct place p;
	struct help_sim h;
	struct hv_msg m;
	int fd, sent = 0;

	adopt();
	place_new(&p, "60000");
	join(&p, &h);
	hv_link_close(&h.link, HV_LEAVE_RUNNING);
	free(h.log);
	fd = raw(&p);
	cr_assert_geq(fd, 0);
	hv_msg_init(&m, HV_SYNC);
	while (send(fd, &m, m.bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		sent++;
	cr_expect_gt(sent, 0);
	join(&p, &h);
	help_build(&h, 1, "");
	help_close(&h);
	close(fd);
	expect_reaped(0);
	place_free(&p);
}

static const struct {
	const char *sentence;
	size_t bytes;
	unsigned char fill;
	uint32_t type; /* 0: all filled */
} packets[] = {
    {"a single byte", 1, 0, 0},
    {"zeroes", 64, 0, 0},
    {"ones", 64, 0xff, 0},
    {"more than any message", 4096, 1, 0},
    {"what only goes up", 0, 0, HV_SYNCED},
    {"a command cut short", 20, 0, HV_COMMAND},
};

Test(hv_process, a_malformed_packet_ends_its_sender_only, .timeout = 60)
{
	struct place p;
	struct help_sim h;

	adopt();
	place_new(&p, "60000");
	for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
		unsigned char buf[4096];
		struct hv_msg m;
		size_t n = packets[i].bytes;
		int fd;

		join(&p, &h);
		hv_link_close(&h.link, HV_LEAVE_RUNNING);
		free(h.log);
		memset(buf, packets[i].fill, sizeof buf);
		if (packets[i].type != 0) {
			hv_msg_init(&m, packets[i].type);
			memcpy(buf, &m, offsetof(struct hv_msg, u));
			n = n != 0 ? n : m.bytes;
		}
		fd = raw(&p);
		cr_assert_geq(fd, 0);
		cr_assert_eq(send(fd, buf, n, 0), (ssize_t)n);
		cr_expect_leq(
		    recv(fd, buf, sizeof buf, 0), 0, "%s", packets[i].sentence);
		close(fd);
	}
	cr_expect(log_has(&p, "hv-sim: the daemon sent a malformed packet\n"));
	join(&p, &h);
	help_close(&h);
	expect_reaped(0);
	place_free(&p);
}

Test(hv_process, why_it_does_not_start_is_said, .timeout = 60)
{
	struct place p;
	struct help_sim h;
	struct hv_link *link = NULL;
	struct hv_link_calls calls = help_listen(&h);
	char why[400], ini[400], expected[500];
	FILE *f;

	adopt();
	place_new(&p, "60000");
	(void)snprintf(ini, sizeof ini, "%s/world.ini", p.top);
	f = fopen(ini, "w");
	cr_assert_not_null(f);
	fputs("[host a]\ncpus = none\n", f);
	fclose(f);
	p.argv[3] = strdup("--sim");
	p.argv[4] = strdup(ini);
	cr_expect_eq(
	    hv_link_spawn(&link, p.dir, p.argv, &calls, why, sizeof why), -1);
	(void)snprintf(expected, sizeof expected,
	    "%s:2: cpus is not a number from 1 to 8192", ini);
	cr_expect_str_eq(why, expected);
	expect_reaped(1);
	unlink(ini);

	free(p.argv[0]);
	p.argv[0] = strdup("/nonexistent/hv");
	cr_expect_eq(
	    hv_link_spawn(&link, p.dir, p.argv, &calls, why, sizeof why), -1);
	cr_expect_str_eq(
	    why, "cannot run /nonexistent/hv: No such file or directory");
	expect_reaped(127);

	cr_expect_eq(hv_link_spawn(&link, "/nonexistent/dir", p.argv, &calls,
			 why, sizeof why),
	    -1);
	cr_expect_str_eq(why, "/nonexistent/dir: No such file or directory");
	cr_expect_null(link);
	place_free(&p);
}

Test(hv_process, one_that_accepts_nobody_holds_nobody_up, .timeout = 60)
{
	struct place p;
	struct help_sim h;
	struct hv_link *link[10] = {NULL};
	struct hv_link_calls calls = help_listen(&h);
	char why[400] = "";
	pid_t pid;
	int n = 0, r = 0;

	adopt();
	place_new(&p, "60000");
	cr_assert_eq(
	    hv_link_spawn(&link[n++], p.dir, p.argv, &calls, why, sizeof why),
	    0, "%s", why);
	pid = child();
	cr_assert_eq(kill(pid, SIGSTOP), 0);
	while (r == 0 && n < 10)
		r = hv_link_spawn(
		    &link[n++], p.dir, p.argv, &calls, why, sizeof why);
	cr_expect_eq(r, -1);
	cr_expect_str_eq(why, "the hypervisor process accepts no connections");
	cr_assert_eq(kill(pid, SIGCONT), 0);
	for (int i = 0; i < n; i++)
		hv_link_close(&link[i], HV_LEAVE_RUNNING);
	cr_assert_eq(kill(pid, SIGTERM), 0);
	expect_reaped(0);
	free(h.log);
	place_free(&p);
}

Test(hv_process, it_inherits_nothing_of_ours, .timeout = 60)
{
	struct place p;
	struct help_sim h;
	struct stat st;
	int fd[2];
	char c;

	adopt();
	cr_assert_eq(pipe(fd), 0);
	place_new(&p, "60000");
	join(&p, &h);
	close(fd[1]);
	cr_expect_eq(read(fd[0], &c, 1), 0, "nobody else has its other end");
	close(fd[0]);
	cr_assert_eq(stat(p.sock, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(stat(p.log, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	help_close(&h);
	expect_reaped(0);
	place_free(&p);
}
