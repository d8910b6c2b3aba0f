/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Own */
#include "server/srv_listen.h"

#define LISTEN_BACKLOG 1024
#define LISTEN_LOCAL "socket"

/* port_of - of a bound socket */
static int
port_of(int fd)
{
	struct sockaddr_in6 a = {0}; /* IPv4 has its port at the same place */
	socklen_t n = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)(void *)&a, &n) != 0)
		return -1;
	return ntohs(a.sin6_port);
}

/* bind_one - a socket for one address; -1 with errno */
static int
bind_one(const struct addrinfo *ai)
{
	int fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, saved;

	if (fd < 0)
		return -1;
	/* Lets a restart take a port whose old connections linger. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	saved = errno;
	(void)close(fd); /* never used */
	errno = saved;
	return -1;
}

int
srv_listen_bind(const char *host, const char *port, int *port_out, char *why,
    size_t why_bytes)
{
	const struct addrinfo hints = {
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;
	int r = getaddrinfo(host, port, &hints, &list), fd = -1, saved = 0;

	if (r != 0) {
		(void)snprintf(why, why_bytes, "--listen %s:%s: %s", host, port,
		    gai_strerror(r));
		return -1;
	}
	/* A name may mean addresses that this machine has not. */
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		fd = bind_one(ai);
		saved = errno;
		if (fd >= 0 ||
		    (saved != EADDRNOTAVAIL && saved != EAFNOSUPPORT))
			break;
	}
	freeaddrinfo(list);
	if (fd < 0) {
		(void)snprintf(why, why_bytes, "--listen %s:%s: %s%s", host,
		    port, strerror(saved),
		    saved == EADDRINUSE ? "; choose another port, or port 0"
					: "");
		return -1;
	}
	*port_out = port_of(fd);
	return fd;
}

/* bind_private - to a path that only its owner may use; -1 with errno */
static int
bind_private(int fd, const struct sockaddr_un *a)
{
	/* The mode of the socket is that of its name when it is bound. */
	if (fchmod(fd, 0600) != 0)
		return -1;
	return bind(fd, (const struct sockaddr *)(const void *)a, sizeof(*a));
}

/* bound_or_closed - what a binder returns: the socket, or -1 */
static int
bound_or_closed(int fd, int rc)
{
	if (rc == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd); /* never used */
	return -1;
}

int
srv_listen_bind_local(const char *dir, char *why, size_t why_bytes)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc = -1;

	if (d < 0 || fd < 0)
		goto out;
	/* The folder's own name may be longer than an address can hold. */
	(void)snprintf(a.sun_path, sizeof(a.sun_path),
	    "/proc/self/fd/%d/" LISTEN_LOCAL, d);
	if (unlinkat(d, LISTEN_LOCAL, 0) != 0 && errno != ENOENT)
		goto out;
	rc = bind_private(fd, &a);
out:
	if (rc != 0)
		(void)snprintf(why, why_bytes, "%s/" LISTEN_LOCAL ": %s", dir,
		    strerror(errno));
	if (d >= 0)
		(void)close(d); /* a path only */
	return bound_or_closed(fd, rc);
}

/* clear - make way for a socket; false with errno */
static bool
clear(int fd, const struct sockaddr_un *a)
{
	struct stat st;

	if (lstat(a->sun_path, &st) != 0)
		return errno == ENOENT;
	errno = EEXIST;
	if (!S_ISSOCK(st.st_mode))
		return false;
	if (connect(fd, (const void *)a, sizeof(*a)) == 0 || errno == EAGAIN) {
		errno = EADDRINUSE;
		return false;
	}
	/* Nobody listens: left behind. */
	return errno == ECONNREFUSED && unlink(a->sun_path) == 0;
}

int
srv_listen_bind_path(const char *path, char *why, size_t why_bytes)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = -1, probe = -1, rc = -1;

	errno = ENAMETOOLONG;
	if (strlen(path) >= sizeof(a.sun_path))
		goto out;
	memcpy(a.sun_path, path, strlen(path) + 1);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0 || fd < 0 || !clear(probe, &a))
		goto out;
	rc = bind_private(fd, &a);
out:
	if (rc != 0)
		(void)snprintf(why, why_bytes, "local_socket = %s: %s", path,
		    strerror(errno));
	if (probe >= 0)
		(void)close(probe); /* nothing was said */
	return bound_or_closed(fd, rc);
}

int
srv_listen_open(int fd, char *why, size_t why_bytes)
{
	if (listen(fd, LISTEN_BACKLOG) == 0)
		return 0;
	(void)snprintf(why, why_bytes, "listen: %s%s", strerror(errno),
	    errno == EADDRINUSE ? "; another process took the port meanwhile"
				: "");
	return -1;
}
