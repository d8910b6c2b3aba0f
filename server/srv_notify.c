/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Own */
#include "server/srv_notify.h"

bool
srv_notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = name != NULL ? strlen(name) : 0;
	socklen_t bytes;
	ssize_t sent;
	int fd;

	if (n < 2 || n >= sizeof(a.sun_path) ||
	    (name[0] != '/' && name[0] != '@'))
		return false;
	memcpy(a.sun_path, name, n);
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (const struct sockaddr *)&a, bytes);
	(void)close(fd); /* what was sent is sent */
	return sent == (ssize_t)strlen(state);
}

int64_t
srv_notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	long long n;
	char *end;

	if (usec == NULL || usec[0] < '0' || usec[0] > '9' ||
	    (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	errno = 0;
	n = strtoll(usec, &end, 10);
	if (*end != '\0' || errno != 0)
		return 0;
	return n / 2000 > 0 || n == 0 ? n / 2000 : 1;
}
