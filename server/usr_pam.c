/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Own */
#include "server/log.h"
#include "server/usr_pam.h"

#define ANSWER_MAX 65536
#define GLANCE_MS 200 /* between looks whether the daemon ends */
#define REAP_TRIES 500
#define REAP_MS 2

/* A check under way. */
struct check {
	pid_t pid;
	int to, from; /* our ends */
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* spawn - the helper on two pipes, in a group and with signals of its own */
static int
spawn(const struct usr_pam *p, int in, int out, pid_t *pid_out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char name[] = "xenapi-memory-pam";
	char *env[] = {path, NULL};
	char service[CONF_PATH], confdir[CONF_PATH];
	char *argv[] = {name, service, confdir, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	(void)snprintf(service, sizeof(service), "%s", p->service);
	(void)snprintf(confdir, sizeof(confdir), "%s", p->confdir);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return -1;
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return -1;
	}
	r = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(
		    &files, out, STDOUT_FILENO);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						  POSIX_SPAWN_SETSIGDEF |
						  POSIX_SPAWN_SETPGROUP);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	if (r == 0)
		r = posix_spawn(pid_out, p->program, &files, &attr, argv, env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	errno = r;
	return r == 0 ? 0 : -1;
}

/* start - pipes and process; false with errno */
static bool
start(const struct usr_pam *p, struct check *k)
{
	int in[2], out[2], r, saved;

	if (pipe2(in, O_CLOEXEC) != 0)
		return false;
	if (pipe2(out, O_CLOEXEC) != 0) {
		saved = errno;
		(void)close(in[0]); /* never used */
		(void)close(in[1]);
		errno = saved;
		return false;
	}
	r = spawn(p, in[0], out[1], &k->pid);
	saved = errno;
	(void)close(in[0]); /* the helper's ends */
	(void)close(out[1]);
	k->to = in[1];
	k->from = out[0];
	if (r != 0) {
		(void)close(k->to); /* never used */
		(void)close(k->from);
	}
	errno = saved;
	return r == 0;
}

/* ask - what is to be checked; a pipe holds it all, so it does not block */
static bool
ask(struct check *k, const char *address, const char *name,
    const char *password)
{
	const char *words[] = {address, name, password};
	bool ok = true;

	for (int i = 0; i < 3 && ok; i++) {
		size_t n = strlen(words[i]) + 1;

		ok = write(k->to, words[i], n) == (ssize_t)n;
	}
	(void)close(k->to); /* a pipe */
	return ok;
}

/* hear - the whole answer, or false when the time is over first */
static bool
hear(const struct usr_pam *p, struct check *k, char *text, int64_t until_ms)
{
	size_t n = 0;

	while (n < ANSWER_MAX - 1) {
		struct pollfd fd = {.fd = k->from, .events = POLLIN};
		int64_t left_ms = until_ms - now_ms();
		ssize_t r;

		if (left_ms <= 0 || atomic_load(&p->ending))
			return false;
		if (poll(&fd, 1,
			left_ms < GLANCE_MS ? (int)left_ms : GLANCE_MS) <= 0)
			continue; /* the clock decides */
		r = read(k->from, text + n, ANSWER_MAX - 1 - n);
		if (r <= 0)
			return false;
		n += (size_t)r;
		text[n] = '\0';
		if (n >= 4 && strcmp(text + n - 4, "end\n") == 0 &&
		    (n == 4 || text[n - 5] == '\n'))
			return true;
	}
	return false;
}

/* reap - has the helper ended, soon? */
static bool
reap(const struct check *k)
{
	const struct timespec pause = {0, REAP_MS * 1000000};

	for (int i = 0; i < REAP_TRIES; i++) {
		if (waitpid(k->pid, NULL, WNOHANG) != 0)
			return true;	       /* or SIGCHLD is ignored */
		(void)nanosleep(&pause, NULL); /* shorter is fine */
	}
	return false;
}

/* finish - the helper and all that it started are ended */
static void
finish(struct check *k)
{
	(void)close(k->from); /* a pipe */
	/* Not waited for yet: the number still means this process. */
	(void)kill(k->pid, SIGTERM); /* it ends what it started */
	if (reap(k))
		return;
	(void)kill(-k->pid, SIGKILL); /* maybe it has ended by now */
	if (!reap(k))
		log_warnx("pam: pid %d cannot be killed", (int)k->pid);
}

/* role_of - the strongest role of the groups in an answer; -1: none */
static int
role_of(const struct usr_pam *p, char *text)
{
	char *save, *line = strtok_r(text, "\n", &save);
	int role = -1;

	for (; line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "group ", 6) != 0)
			continue;
		for (size_t i = 0; i < p->ngroups; i++) {
			const struct conf_group *g = &p->groups[i];

			if (strcmp(g->name, line + 6) == 0 &&
			    (role < 0 || g->role < role))
				role = g->role;
		}
	}
	return role;
}

/* host_of - a peer without port and brackets, as PAM knows hosts */
static void
host_of(const char *peer, char *host, size_t n)
{
	const char *colon = strrchr(peer, ':');
	int len = colon != NULL ? (int)(colon - peer) : (int)strlen(peer);

	if (peer[0] == '[' && len > 1) {
		peer++;
		len -= 2;
	}
	(void)snprintf(host, n, "%.*s", len, peer);
}

/* judge - what an answer means */
static enum usr_pam_result
judge(const struct usr_pam *p, const char *name, char *text, int *role_out)
{
	int role;

	if (strncmp(text, "denied\n", 7) == 0)
		return USR_PAM_DENIED;
	if (strncmp(text, "accepted\n", 9) != 0) {
		text[strcspn(text, "\n")] = '\0';
		log_warnx("pam: account=%s: %s", name, text);
		return USR_PAM_FAILED;
	}
	role = role_of(p, text);
	if (role < 0)
		return USR_PAM_NO_ROLE;
	*role_out = role;
	return USR_PAM_ACCEPTED;
}

/* check - one, in a process of its own */
static enum usr_pam_result
check(struct usr_pam *p, const char *name, const char *password,
    const char *peer, int *role_out)
{
	int64_t until_ms = now_ms() + p->limit_ms;
	enum usr_pam_result r = USR_PAM_FAILED;
	char text[ANSWER_MAX] = "", host[64];
	struct check k;

	host_of(peer, host, sizeof(host));
	if (!start(p, &k)) {
		log_warn("pam: %s cannot be started", p->program);
		return USR_PAM_FAILED;
	}
	if (ask(&k, host, name, password) && hear(p, &k, text, until_ms))
		r = judge(p, name, text, role_out);
	else
		log_warnx("pam: account=%s: no answer from service %s", name,
		    p->service);
	finish(&k);
	return r;
}

enum usr_pam_result
usr_pam_check(struct usr_pam *p, const char *name, const char *password,
    const char *peer, int *role_out)
{
	enum usr_pam_result r = USR_PAM_BUSY;

	if (name[0] == '\0' || strlen(name) > USR_PAM_NAME_MAX ||
	    strlen(password) > 512)
		return USR_PAM_DENIED;
	if (atomic_fetch_add(&p->checks, 1) < p->checks_max)
		r = check(p, name, password, peer, role_out);
	else
		log_warnx("pam: account=%s: too many checks at a time", name);
	atomic_fetch_sub(&p->checks, 1);
	return r;
}
