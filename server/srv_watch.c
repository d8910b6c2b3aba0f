/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Own */
#include "server/log.h"
#include "server/srv_watch.h"
#include "server/usr_file.h"

int
srv_watch_open(const char *dir)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 ||
	    inotify_add_watch(fd, dir, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
		log_warn("users: a changed file is read at SIGHUP only");
	return fd;
}

void
srv_watch_reload(struct usr_db *users, struct api_env *env)
{
	char why[500];

	if (usr_reload(users, why, sizeof(why)) == 0) {
		log_info("users: read again");
		api_sessions_check(env);
	} else {
		log_warnx("users: kept the old ones: %s", why);
	}
}

void
srv_watch_take(int fd, struct usr_db *users, struct api_env *env)
{
	union {
		struct inotify_event event;
		char bytes[4096];
	} buf;
	bool changed = false;
	ssize_t n;

	while ((n = read(fd, &buf, sizeof(buf))) > 0)
		for (char *p = buf.bytes; p < buf.bytes + n;) {
			const struct inotify_event *e = (const void *)p;

			if (e->len > 0 && strcmp(e->name, USR_FILE) == 0)
				changed = true;
			p += sizeof(*e) + e->len;
		}
	if (changed)
		srv_watch_reload(users, env);
}
