/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "server/http_buf.h"
#include "server/srv_file.h"
#include "server/usr_file.h"

#define USR_LOCK "users.lock"
#define USR_FILE_MAX (1 << 20)

/* ---- hashing ---- */

char *
usr_file_hash(const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	char *salt = crypt_gensalt_ra("$y$", 0, NULL, 0);
	char *h = NULL;

	if (data != NULL && salt != NULL) {
		const char *r = crypt_r(password, salt, data);

		if (r != NULL && r[0] != '*')
			h = strdup(r);
	}
	if (data != NULL)
		explicit_bzero(data, sizeof(*data));
	free(data);
	free(salt);
	return h;
}

/* In time that tells nothing more. */
bool
usr_file_matches(const char *password, const char *hashed)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	unsigned char differ = 1;
	const char *r;

	if (data == NULL)
		return false;
	r = crypt_r(password, hashed, data);
	if (r != NULL && r[0] != '*' && strlen(r) == strlen(hashed)) {
		differ = 0;
		for (size_t i = 0; r[i] != '\0'; i++)
			differ |= (unsigned char)(r[i] ^ hashed[i]);
	}
	explicit_bzero(data, sizeof(*data));
	free(data);
	return differ == 0;
}

/* ---- the file ---- */

void
usr_file_fini(struct usr_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		explicit_bzero(l->lines[i].text, strlen(l->lines[i].text));
		free(l->lines[i].text);
	}
	free(l->lines);
	*l = (struct usr_list){0};
}

struct usr_line *
usr_file_find(const struct usr_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->lines[i].name != NULL &&
		    strcmp(l->lines[i].name, name) == 0)
			return &l->lines[i];
	return NULL;
}

/* role_of - any role: who writes the file by hand may give client-cert */
static int
role_of(const char *name)
{
	for (int i = 0; i < idl_nroles; i++)
		if (strcmp(idl_roles[i], name) == 0)
			return i;
	return -1;
}

/* split - name, hash and role of an account's line; text says what is wrong */
static const char *
split(struct usr_line *line)
{
	char *h = strchr(line->text, ':');
	char *role = h != NULL ? strchr(h + 1, ':') : NULL;

	if (role == NULL || h == line->text)
		return "not name:hash:role";
	*h++ = '\0';
	*role++ = '\0';
	line->role = role_of(role);
	if (line->role < 0)
		return "no such role";
	if (h[0] == '\0')
		return "empty hash";
	line->name = line->text;
	line->hash = h;
	return NULL;
}

/* add_line - parse one line; returns what is wrong with it, or NULL */
static const char *
add_line(struct usr_list *l, const char *at, size_t n)
{
	struct usr_line *more =
	    realloc(l->lines, (l->n + 1) * sizeof(*l->lines));
	struct usr_line *line;

	if (more == NULL)
		return "out of memory";
	l->lines = more;
	line = &more[l->n];
	*line = (struct usr_line){.text = strndup(at, n), .role = -1};
	if (line->text == NULL)
		return "out of memory";
	l->n++;
	if (line->text[0] == '#' || line->text[0] == '\0')
		return NULL;
	return split(line);
}

/* parse - the whole file; on failure list_out is untouched */
static int
parse(const char *dir, const char *text, struct usr_list *list_out, char *why,
    size_t why_bytes)
{
	struct usr_list l = {0};
	const char *wrong = NULL;
	unsigned number = 0;

	while (*text != '\0' && wrong == NULL) {
		size_t n = strcspn(text, "\n");

		number++;
		wrong = add_line(&l, text, n);
		if (wrong == NULL && l.lines[l.n - 1].name != NULL &&
		    usr_file_find(&l, l.lines[l.n - 1].name) !=
			&l.lines[l.n - 1])
			wrong = "account is there twice";
		text += n + (text[n] == '\n');
	}
	if (wrong != NULL) {
		(void)snprintf(why, why_bytes, "%s/" USR_FILE ":%u: %s", dir,
		    number, wrong);
		usr_file_fini(&l);
		return -1;
	}
	*list_out = l;
	return 0;
}

int
usr_file_load(
    const char *dir, struct usr_list *list_out, char *why, size_t why_bytes)
{
	size_t n;
	char *text = srv_file_read(dir, USR_FILE, USR_FILE_MAX, &n);
	int r;

	if (text == NULL) {
		(void)snprintf(why, why_bytes, "%s/" USR_FILE ": %s", dir,
		    strerror(errno));
		return -1;
	}
	r = parse(dir, text, list_out, why, why_bytes);
	explicit_bzero(text, n);
	free(text);
	return r;
}

/* store - write the list; errno on -1 */
static int
store(const char *dir, const struct usr_list *l)
{
	struct http_buf b;
	int r = -1;

	http_buf_init(&b, USR_FILE_MAX);
	for (size_t i = 0; i < l->n; i++) {
		const struct usr_line *line = &l->lines[i];

		if (line->gone)
			continue;
		if (line->name == NULL)
			http_buf_printf(&b, "%s\n", line->text);
		else
			http_buf_printf(&b, "%s:%s:%s\n", line->name,
			    line->hash, idl_roles[line->role]);
	}
	errno = ENOMEM;
	if (!b.failed)
		r = srv_file_write(dir, USR_FILE, b.p, b.len);
	http_buf_fini(&b);
	return r;
}

/* ---- changing it, one at a time: daemon and tool ---- */

/* lock - nobody else changes the file until the descriptor is closed */
static int
lock(const char *dir)
{
	int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1, r = -1;

	if (d < 0)
		return -1;
	fd = openat(
	    d, USR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	(void)close(d); /* a path only */
	if (fd < 0)
		return -1;
	do
		r = flock(fd, LOCK_EX);
	while (r != 0 && errno == EINTR);
	if (r == 0)
		return fd;
	(void)close(fd); /* nothing in it */
	return -1;
}

/* append - an account that was not there */
static const char *
append(struct usr_list *l, const struct usr_change *c)
{
	char text[1024];
	int n;

	if (c->hash == NULL || c->role < 0)
		return "there is no such account";
	n = snprintf(text, sizeof(text), "%s:%s:%s", c->name, c->hash,
	    idl_roles[c->role]);
	return n >= (int)sizeof(text) ? "the name is too long"
				      : add_line(l, text, (size_t)n);
}

/* apply - one change to a list; returns what is wrong, or NULL */
static const char *
apply(struct usr_list *l, const struct usr_change *c)
{
	struct usr_line *line = usr_file_find(l, c->name);

	if (line == NULL)
		return append(l, c);
	line->gone = c->remove;
	if (c->hash != NULL)
		line->hash = c->hash;
	if (c->role >= 0)
		line->role = c->role;
	return NULL;
}

int
usr_file_change(
    const char *dir, const struct usr_change *c, char *why, size_t why_bytes)
{
	struct usr_list l = {0};
	const char *wrong;
	int fd = lock(dir), r = -1;

	if (fd < 0) {
		(void)snprintf(why, why_bytes, "%s/" USR_LOCK ": %s", dir,
		    strerror(errno));
		return -1;
	}
	/* From the file, so that what an operator edited is kept. */
	if (!usr_file_exists(dir) ||
	    usr_file_load(dir, &l, why, why_bytes) == 0) {
		wrong = apply(&l, c);
		r = wrong == NULL ? store(dir, &l) : -1;
		if (r != 0)
			(void)snprintf(why, why_bytes, "%s/" USR_FILE ": %s",
			    dir, wrong != NULL ? wrong : strerror(errno));
		usr_file_fini(&l);
	}
	(void)close(fd); /* nothing in it; gives up the lock */
	return r;
}

bool
usr_file_exists(const char *dir)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/" USR_FILE, dir) >=
	    (int)sizeof(path))
		return false;
	return access(path, F_OK) == 0 || errno != ENOENT;
}
