/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Own */
#include "server/srv_file.h"

#define FILE_NAME 64 /* longest name, ".tmp" included */

/* write_all - n bytes, durable */
static bool
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return fsync(fd) == 0;
}

static int
open_dir(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* give - what root makes in another's folder is for that other */
static bool
give(int fd, int d)
{
	struct stat st;

	if (geteuid() != 0 || fstat(d, &st) != 0 || st.st_uid == 0)
		return true;
	return fchown(fd, st.st_uid, st.st_gid) == 0;
}

int
srv_file_write(const char *dir, const char *name, const void *p, size_t n)
{
	char tmp[FILE_NAME];
	int d, fd, rc = -1, saved;

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", name);
	d = open_dir(dir);
	if (d < 0)
		return -1;
	(void)unlinkat(d, tmp, 0); /* left by a crash, or not there */
	fd = openat(
	    d, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		goto out;
	if (give(fd, d) && write_all(fd, p, n) &&
	    renameat(d, tmp, d, name) == 0)
		rc = fsync(d);
out:
	saved = errno;
	if (fd >= 0)
		(void)close(fd); /* synced already */
	if (rc != 0)
		(void)unlinkat(d, tmp, 0); /* may have been renamed */
	(void)close(d);			   /* read-only */
	errno = saved;
	return rc;
}

/* read_all - exactly n bytes and a NUL, or NULL */
static char *
read_all(int fd, size_t n)
{
	char *p = malloc(n + 1);
	size_t got = 0;

	if (p == NULL)
		return NULL;
	while (got < n) {
		ssize_t r = read(fd, p + got, n - got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			errno = r == 0 ? EIO : errno;
			free(p);
			return NULL;
		}
		got += (size_t)r;
	}
	p[n] = '\0';
	return p;
}

char *
srv_file_read(const char *dir, const char *name, size_t max, size_t *n_out)
{
	struct stat st;
	char *p = NULL;
	int d, fd, saved;

	d = open_dir(dir);
	if (d < 0)
		return NULL;
	fd = openat(d, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		goto out;
	if (fstat(fd, &st) != 0)
		goto out;
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size > max) {
		errno = EFBIG;
		goto out;
	}
	p = read_all(fd, (size_t)st.st_size);
	if (p != NULL)
		*n_out = (size_t)st.st_size;
out:
	saved = errno;
	if (fd >= 0)
		(void)close(fd); /* read-only */
	(void)close(d);		 /* read-only */
	errno = saved;
	return p;
}

char *
srv_file_secret(const char *path, size_t max, size_t *n_out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved;
	struct stat st;
	char *p = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0) {
		/* errno says why */
	} else if (!S_ISREG(st.st_mode) || (size_t)st.st_size > max) {
		errno = EFBIG;
	} else if ((st.st_mode & 077) != 0 ||
		   (st.st_uid != 0 && st.st_uid != geteuid())) {
		errno = EPERM;
	} else {
		p = read_all(fd, (size_t)st.st_size);
		*n_out = (size_t)st.st_size;
	}
	saved = errno;
	(void)close(fd); /* read-only */
	errno = saved;
	return p;
}

int
srv_file_remove(const char *dir, const char *name)
{
	int d = open_dir(dir), rc;

	if (d < 0)
		return -1;
	rc = unlinkat(d, name, 0);
	if (rc != 0 && errno == ENOENT)
		rc = 0;
	if (rc == 0)
		rc = fsync(d);
	(void)close(d); /* read-only */
	return rc;
}
