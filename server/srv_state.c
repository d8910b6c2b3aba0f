/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Own */
#include "server/srv_state.h"

/* note_pid - who holds the lock, for people and for the message below */
static void
note_pid(int fd)
{
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%ld\n", (long)getpid());
}

static int
lock(int d, const char *dir, char *why, size_t why_bytes)
{
	int fd = openat(d, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char pid[24] = "";

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		note_pid(fd);
		return fd;
	}
	if (fd >= 0 && errno == EWOULDBLOCK) {
		if (read(fd, pid, sizeof(pid) - 1) <= 0)
			(void)snprintf(pid, sizeof(pid), "?");
		pid[strcspn(pid, "\n")] = '\0';
		(void)snprintf(why, why_bytes,
		    "%s is in use by another xenapi-memoryd, pid %s; stop it "
		    "or choose another --state",
		    dir, pid);
	} else {
		(void)snprintf(
		    why, why_bytes, "%s/lock: %s", dir, strerror(errno));
	}
	if (fd >= 0)
		(void)close(fd); /* nothing written */
	return -1;
}

/* is_private - may nobody but us change what is in the folder? */
static int
is_private(int d, const char *dir, char *why, size_t why_bytes)
{
	struct stat st;

	if (fstat(d, &st) != 0) {
		(void)snprintf(
		    why, why_bytes, "--state %s: %s", dir, strerror(errno));
		return 0;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 1;
	/* Who can put a file there makes himself an account. */
	(void)snprintf(why, why_bytes,
	    "--state %s: others may write there (mode %03o); "
	    "chmod go-w it, or choose another folder",
	    dir, (unsigned)(st.st_mode & 0777));
	return 0;
}

int
srv_state_take(const char *dir, char *why, size_t why_bytes)
{
	int d, fd;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		(void)snprintf(
		    why, why_bytes, "--state %s: %s", dir, strerror(errno));
		return -1;
	}
	d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d < 0) {
		(void)snprintf(
		    why, why_bytes, "--state %s: %s", dir, strerror(errno));
		return -1;
	}
	fd = is_private(d, dir, why, why_bytes) ? lock(d, dir, why, why_bytes)
						: -1;
	(void)close(d); /* read-only */
	return fd;
}
