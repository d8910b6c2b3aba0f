/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "server/http_buf.h"
#include "server/log.h"
#include "server/srv_file.h"
#include "server/usr.h"
#include "server/usr_gap.h"

#define USR_FILE "users"
#define USR_INITIAL "initial-password"
#define USR_FIRST "root"
#define USR_FILE_MAX (1 << 20)
#define USR_PEER 64

/* A line of the file: an account, or a comment (name NULL). */
struct usr_line {
	char *text; /* owned; name and hash point into it */
	const char *name;
	const char *hash;
	int role;
};

struct usr_list {
	struct usr_line *lines;
	size_t n;
};

struct usr_db {
	pthread_mutex_t lock;	 /* list and gap, held for moments */
	pthread_mutex_t writing; /* one change of a password at a time */
	char *dir;
	struct usr_list list;
	char *dummy_hash; /* what an unknown account is checked against */
	struct usr_gap gap;
};

/* ---- hashing ---- */

/* hash - a fresh yescrypt hash; NULL: out of memory */
static char *
hash(const char *password)
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

/* matches - is it the password of a hash?  In time that tells nothing more */
static bool
matches(const char *password, const char *hashed)
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

static void
list_fini(struct usr_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		explicit_bzero(l->lines[i].text, strlen(l->lines[i].text));
		free(l->lines[i].text);
	}
	free(l->lines);
	*l = (struct usr_list){0};
}

static struct usr_line *
list_find(const struct usr_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->lines[i].name != NULL &&
		    strcmp(l->lines[i].name, name) == 0)
			return &l->lines[i];
	return NULL;
}

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
		    list_find(&l, l.lines[l.n - 1].name) != &l.lines[l.n - 1])
			wrong = "account is there twice";
		text += n + (text[n] == '\n');
	}
	if (wrong != NULL) {
		(void)snprintf(why, why_bytes, "%s/" USR_FILE ":%u: %s", dir,
		    number, wrong);
		list_fini(&l);
		return -1;
	}
	*list_out = l;
	return 0;
}

static int
load(const char *dir, struct usr_list *list_out, char *why, size_t why_bytes)
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

/* store - write the list, with one account's hash replaced; errno on -1 */
static int
store(const char *dir, const struct usr_list *l, const char *name,
    const char *new_hash)
{
	struct http_buf b;
	int r = -1;

	http_buf_init(&b, USR_FILE_MAX);
	for (size_t i = 0; i < l->n; i++) {
		const struct usr_line *line = &l->lines[i];

		if (line->name == NULL)
			http_buf_printf(&b, "%s\n", line->text);
		else
			http_buf_printf(&b, "%s:%s:%s\n", line->name,
			    strcmp(line->name, name) == 0 ? new_hash
							  : line->hash,
			    idl_roles[line->role]);
	}
	errno = ENOMEM;
	if (!b.failed)
		r = srv_file_write(dir, USR_FILE, b.p, b.len);
	http_buf_fini(&b);
	return r;
}

/* ---- first start ---- */

/* random_password - 100 bits, nothing that looks like something else */
static bool
random_password(char *text, size_t n)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char raw[32];

	if (n > sizeof(raw) || getrandom(raw, n, 0) != (ssize_t)n)
		return false;
	for (size_t i = 0; i < n; i++)
		text[i] = letters[raw[i] % 32];
	text[n] = '\0';
	explicit_bzero(raw, sizeof(raw));
	return true;
}

/* tell - where the password is; the password itself to a person only */
static void
tell(const char *dir, const char *password)
{
	log_info("users: made account root, its password is in %s/" USR_INITIAL,
	    dir);
	if (isatty(STDERR_FILENO))
		(void)dprintf(
		    STDERR_FILENO, "The password of root is: %s\n", password);
}

/* make_first - root with a random password, the password's file first */
static int
make_first(const char *dir)
{
	char password[24], line[512];
	char *h = NULL;
	int n, r = -1;

	errno = ENOMEM;
	if (random_password(password, 20))
		h = hash(password);
	password[20] = '\n';
	if (h != NULL)
		r = srv_file_write(dir, USR_INITIAL, password, 21);
	password[20] = '\0';
	if (r == 0) {
		n = snprintf(line, sizeof(line), USR_FIRST ":%s:%s\n", h,
		    idl_roles[IDL_ROLE_POOL_ADMIN]);
		r = srv_file_write(dir, USR_FILE, line, (size_t)n);
	}
	if (r == 0)
		tell(dir, password);
	explicit_bzero(password, sizeof(password));
	free(h);
	return r;
}

/* exists - is DIR/users there? */
static bool
exists(const char *dir)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/" USR_FILE, dir) >=
	    (int)sizeof(path))
		return false;
	return access(path, F_OK) == 0 || errno != ENOENT;
}

struct usr_db *
usr_open(const char *dir, char *why, size_t why_bytes)
{
	struct usr_db *db = calloc(1, sizeof(*db));
	char dummy[24] = "";

	(void)snprintf(why, why_bytes, "out of memory");
	if (db == NULL)
		return NULL;
	(void)pthread_mutex_init(&db->lock, NULL);    /* cannot fail here */
	(void)pthread_mutex_init(&db->writing, NULL); /* likewise */
	db->dir = strdup(dir);
	if (random_password(dummy, 20) &&
	    getrandom(&db->gap.seed, sizeof(db->gap.seed), 0) ==
		sizeof(db->gap.seed))
		db->dummy_hash = hash(dummy);
	if (db->dir == NULL || db->dummy_hash == NULL) {
		usr_close(&db);
		return NULL;
	}
	if (!exists(dir) && make_first(dir) != 0) {
		(void)snprintf(why, why_bytes,
		    "%s: cannot make account root: "
		    "%s",
		    dir, strerror(errno));
		usr_close(&db);
	} else if (load(dir, &db->list, why, why_bytes) != 0) {
		usr_close(&db);
	}
	return db;
}

void
usr_close(struct usr_db **dbp)
{
	struct usr_db *db = *dbp;

	if (db == NULL)
		return;
	list_fini(&db->list);
	free(db->dummy_hash);
	free(db->dir);
	(void)pthread_mutex_destroy(&db->lock);
	(void)pthread_mutex_destroy(&db->writing);
	free(db);
	*dbp = NULL;
}

/* swap - a fresh list takes the place of the old one */
static void
swap(struct usr_db *db, const struct usr_list *fresh)
{
	struct usr_list old;

	pthread_mutex_lock(&db->lock);
	old = db->list;
	db->list = *fresh;
	pthread_mutex_unlock(&db->lock);
	list_fini(&old);
}

int
usr_reload(struct usr_db *db, char *why, size_t why_bytes)
{
	struct usr_list fresh;
	int r;

	pthread_mutex_lock(&db->writing);
	r = load(db->dir, &fresh, why, why_bytes);
	if (r == 0)
		swap(db, &fresh);
	pthread_mutex_unlock(&db->writing);
	return r;
}

/* ---- logging in ---- */

/* net_of - of an IPv6 address its /64: one customer has all of that */
static void
net_of(char *address)
{
	char inner[USR_PEER];
	struct in6_addr in6;
	size_t n = strlen(address);

	if (address[0] != '[' || n < 3)
		return;
	memcpy(inner, address + 1, n - 2);
	inner[n - 2] = '\0';
	if (inet_pton(AF_INET6, inner, &in6) != 1 || IN6_IS_ADDR_V4MAPPED(&in6))
		return;
	memset(in6.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &in6, inner, sizeof(inner)) != NULL)
		(void)snprintf(address, USR_PEER, "%s", inner);
}

/* address_of - a peer without its port, as far as it is counted as one */
static void
address_of(const char *peer, char *address)
{
	const char *colon = strrchr(peer, ':');
	size_t n = colon != NULL ? (size_t)(colon - peer) : strlen(peer);

	if (n >= USR_PEER)
		n = USR_PEER - 1;
	memcpy(address, peer, n);
	address[n] = '\0';
	net_of(address);
}

/* look_up - hash and role of an account, the dummy's when unknown */
static char *
look_up(struct usr_db *db, const char *name, int *role_out, bool *known_out)
{
	const struct usr_line *line = list_find(&db->list, name);

	*known_out = line != NULL;
	*role_out = line != NULL ? line->role : -1;
	return strdup(line != NULL ? line->hash : db->dummy_hash);
}

static enum err
refuse(struct failure *why, const char *name, const char *text)
{
	return err_fail(
	    why, ERR_SESSION_AUTHENTICATION_FAILED, "ss", name, text);
}

/* refuse_wait - inside a gap */
static enum err
refuse_wait(
    struct failure *why, const char *name, const char *peer, int64_t wait_ms)
{
	char text[96];

	(void)snprintf(text, sizeof(text),
	    "too many failed logins; try again in %lld s",
	    (long long)((wait_ms + 999) / 1000));
	log_debug("login: %s: refused for %lld ms: account=%s", peer,
	    (long long)wait_ms, name);
	return refuse(why, name, text);
}

enum err
usr_login(struct usr_db *db, const char *name, const char *password,
    const char *peer, int64_t now_ms, int *role_out, struct failure *why)
{
	char address[USR_PEER];
	struct usr_gap_who who = {.account = name, .address = address};
	int64_t wait_ms;
	bool ok;
	char *h;
	int role;

	address_of(peer, address);
	pthread_mutex_lock(&db->lock);
	h = look_up(db, name, &role, &who.known);
	wait_ms = usr_gap_enter(&db->gap, &who, now_ms);
	pthread_mutex_unlock(&db->lock);
	if (wait_ms > 0) {
		free(h);
		return refuse_wait(why, name, peer, wait_ms);
	}
	ok = h != NULL && strlen(password) <= USR_PASSWORD_MAX &&
	     matches(password, h) && who.known;
	free(h);
	pthread_mutex_lock(&db->lock);
	usr_gap_leave(
	    &db->gap, &who, now_ms, ok ? USR_GAP_SUCCESS : USR_GAP_FAILURE);
	pthread_mutex_unlock(&db->lock);
	if (!ok) {
		log_info("login: %s: failed: account=%s", peer, name);
		return refuse(why, name, "wrong name or password");
	}
	*role_out = role;
	return ERR_NONE;
}

/* ---- changing a password ---- */

/* replace - the new hash on disk, then in memory; under db->writing */
static enum err
replace(struct usr_db *db, const char *name, const char *new_hash,
    struct failure *why)
{
	struct usr_list fresh;
	char text[300];

	/* From the file, so that what an operator edited is kept. */
	if (load(db->dir, &fresh, text, sizeof(text)) != 0)
		return err_internal(why, "not stored: %s", text);
	if (store(db->dir, &fresh, name, new_hash) != 0) {
		list_fini(&fresh);
		return err_internal(why, "not stored: %s", strerror(errno));
	}
	list_fini(&fresh);
	if (load(db->dir, &fresh, text, sizeof(text)) != 0)
		return err_internal(why, "not read back: %s", text);
	swap(db, &fresh);
	/* The file held the password that root had at first. */
	if (strcmp(name, USR_FIRST) == 0 &&
	    srv_file_remove(db->dir, USR_INITIAL) != 0)
		log_warn("users: cannot remove %s/" USR_INITIAL, db->dir);
	log_info("users: password changed: account=%s", name);
	return ERR_NONE;
}

enum err
usr_change_password(struct usr_db *db, const char *name,
    const char *old_password, const char *new_password, int64_t now_ms,
    struct failure *why)
{
	size_t n = strlen(new_password);
	enum err rc;
	char *h;
	int role;

	rc = usr_login(
	    db, name, old_password, "change_password", now_ms, &role, why);
	if (rc != ERR_NONE)
		return rc;
	if (n < USR_PASSWORD_MIN || n > USR_PASSWORD_MAX)
		return err_fail(why, ERR_INVALID_VALUE, "ss", "new_pwd",
		    "8 to 512 bytes are needed");
	h = hash(new_password);
	if (h == NULL)
		return err_internal(why, "out of memory");
	pthread_mutex_lock(&db->writing);
	rc = replace(db, name, h, why);
	pthread_mutex_unlock(&db->writing);
	free(h);
	return rc;
}
