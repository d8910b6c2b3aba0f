/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Own */
#include "xen/hv_link_priv.h"

#define SOCK_NAME "hv.sock"
#define LOG_NAME "hv.log"
#define LISTEN_BACKLOG 4

/* How long a process may take to say that it started. */
#define START_WAIT_MS 20000

/* Descriptors of the new process. */
enum { FD_STATUS = 2, FD_LISTEN = 3, FD_LOG = 4, FD_FIRST_FREE = 5 };

static int fail(char *why, size_t why_bytes, int e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* fail - a sentence, with what errno e means behind it; always -1 */
static int
fail(char *why, size_t why_bytes, int e, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	(void)vsnprintf(why, why_bytes, fmt, ap);
	va_end(ap);
	n = strnlen(why, why_bytes);
	if (e != 0)
		(void)snprintf(
		    why + n, why_bytes - n, ": %s", strerrordesc_np(e));
	return -1;
}

/* address - the socket's, through its folder's descriptor: paths are short */
static void
address(struct sockaddr_un *a, int dir)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	(void)snprintf(a->sun_path, sizeof a->sun_path,
	    "/proc/self/fd/%d/" SOCK_NAME, dir);
}

/* dial - a connected socket, never waiting; -1: errno says why not */
static int
dial(int dir)
{
	struct sockaddr_un a;
	int fd, e;

	address(&a, dir);
	/* A process that accepts nobody any more must not hold us up. */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
	    fcntl(fd, F_SETFL, 0) == 0)
		return fd;
	e = errno;
	(void)close(fd);
	errno = e;
	return -1;
}

/* listen_new - a listening socket in the place of a stale one */
static int
listen_new(int dir)
{
	struct sockaddr_un a;
	int fd, e;

	address(&a, dir);
	if (unlinkat(dir, SOCK_NAME, 0) != 0 && errno != ENOENT)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* fchmod before bind: the socket file is never open to others */
	if (fchmod(fd, 0600) == 0 &&
	    bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
	    listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	e = errno;
	(void)close(fd);
	errno = e;
	return -1;
}

/* clear_signals - as a process expects them that knows nothing of ours */
static void
clear_signals(void)
{
	struct sigaction usual;
	sigset_t none;

	memset(&usual, 0, sizeof usual);
	usual.sa_handler = SIG_DFL;
	for (int s = 1; s < SIGRTMIN; s++)
		(void)sigaction(s, &usual, NULL); /* not all can be set */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* tell - a word to a descriptor, as far as it goes */
static void
tell(int fd, const char *word)
{
	ssize_t n = write(fd, word, strlen(word));

	(void)n; /* nobody is left to be told */
}

/*
 * become - in the new process: descriptors in place, then the program
 *
 * Only what is async-signal-safe: the process we come from has threads.  The
 * descriptors are first moved out of the way of each other.
 */
static _Noreturn void
become(char *const argv[], int null, int status, int sock, int log)
{
	const char *what;
	int e;

	clear_signals();
	null = fcntl(null, F_DUPFD, FD_FIRST_FREE);
	status = fcntl(status, F_DUPFD_CLOEXEC, FD_FIRST_FREE);
	sock = fcntl(sock, F_DUPFD, FD_FIRST_FREE);
	log = fcntl(log, F_DUPFD, FD_FIRST_FREE);
	if (null >= 0 && status >= 0 && sock >= 0 && log >= 0 &&
	    dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
	    dup2(status, FD_STATUS) == FD_STATUS &&
	    dup2(sock, FD_LISTEN) == FD_LISTEN && dup2(log, FD_LOG) == FD_LOG &&
	    close_range(FD_FIRST_FREE, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		(void)execv(argv[0], argv);
	e = errno;
	what = strerrordesc_np(e);
	tell(status, "cannot run ");
	tell(status, argv[0]);
	tell(status, ": ");
	tell(status, what != NULL ? what : "unknown error");
	_exit(127);
}

/* launch - fork twice, so that nobody has to wait for it; 0 or errno */
static int
launch(char *const argv[], int null, int status, int sock, int log)
{
	pid_t pid = fork(), r;
	int code = 0;

	if (pid < 0)
		return errno;
	if (pid == 0) {
		if (setsid() < 0)
			_exit(1);
		pid = fork();
		if (pid == 0)
			become(argv, null, status, sock, log);
		_exit(pid < 0 ? 1 : 0);
	}
	do {
		r = waitpid(pid, &code, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0) /* SIGCHLD is ignored: the kernel has waited */
		return errno == ECHILD ? 0 : errno;
	return code == 0 ? 0 : EAGAIN;
}

/*
 * hear - what the new process has to say before it is ready
 *
 * It writes a sentence when it cannot start, and closes its standard error
 * when it has started.  0: it has.
 */
static int
hear(int fd, char *why, size_t why_bytes)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;
	ssize_t got;
	int r;

	for (;;) {
		r = poll(&p, 1, START_WAIT_MS);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return fail(why, why_bytes, 0,
			    "the hypervisor process does not start");
		got = read(fd, why + n, why_bytes - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (n == why_bytes - 1)
			break;
	}
	why[n] = '\0';
	if (n > 0 && why[n - 1] == '\n')
		why[n - 1] = '\0';
	return n == 0 ? 0 : -1;
}

/* spawn - a process that listens on DIR/hv.sock */
static int
spawn(int dir, char *const argv[], char *why, size_t why_bytes)
{
	int null = -1, sock = -1, log = -1, status[2] = {-1, -1}, rc = -1, e;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log = openat(dir, LOG_NAME,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (null < 0 || log < 0 || pipe2(status, O_CLOEXEC) != 0) {
		(void)fail(why, why_bytes, errno, "hypervisor process");
		goto out;
	}
	sock = listen_new(dir);
	if (sock < 0) {
		(void)fail(why, why_bytes, errno, SOCK_NAME);
		goto out;
	}
	e = launch(argv, null, status[1], sock, log);
	if (e != 0) {
		(void)fail(why, why_bytes, e, "starting %s", argv[0]);
		goto out;
	}
	(void)close(status[1]);
	status[1] = -1;
	rc = hear(status[0], why, why_bytes);
out:
	for (int i = 0; i < 2; i++)
		if (status[i] >= 0)
			(void)close(status[i]);
	if (sock >= 0)
		(void)close(sock);
	if (log >= 0)
		(void)close(log);
	if (null >= 0)
		(void)close(null);
	return rc;
}

int
hv_link_start(int *fd_out, const char *state_dir, char *const argv[], char *why,
    size_t why_bytes)
{
	int dir, fd;

	dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(why, why_bytes, errno, "%s", state_dir);
	fd = dial(dir);
	if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
		if (spawn(dir, argv, why, why_bytes) != 0) {
			(void)close(dir);
			return -1;
		}
		fd = dial(dir);
	}
	if (fd < 0 && errno == EAGAIN)
		(void)fail(why, why_bytes, 0,
		    "the hypervisor process accepts no connections");
	else if (fd < 0)
		(void)fail(why, why_bytes, errno, "%s/" SOCK_NAME, state_dir);
	(void)close(dir);
	if (fd < 0)
		return -1;
	*fd_out = fd;
	return 0;
}
