/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* OpenSSL */
#include <openssl/crypto.h>
#include <openssl/sha.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "server/conf.h"
#include "server/log.h"
#include "server/srv_file.h"
#include "server/usr.h"
#include "server/usr_file.h"
#include "server/usr_gap.h"
#include "server/usr_pam.h"

#define USR_INITIAL "initial-password"
#define USR_FIRST "root"
#define USR_PEER 64
#define USR_POOL                                                               \
	"pool member" /* whom failures with the secret are counted for */
#define USR_SECRET_MAX 1024

struct usr_db {
	pthread_mutex_t lock;	 /* list and gap, held for moments */
	pthread_cond_t left;	 /* a try is over, others may begin */
	pthread_mutex_t writing; /* one change of a password at a time */
	char *dir;
	struct usr_pam *pam; /* NULL: none */
	struct usr_list list;
	char *dummy_hash; /* what an unknown account is checked against */
	struct usr_gap gap;
};

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
		h = usr_file_hash(password);
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

struct usr_db *
usr_open(const char *dir, struct usr_pam *pam, char *why, size_t why_bytes)
{
	struct usr_db *db = calloc(1, sizeof(*db));
	char dummy[24] = "";

	(void)snprintf(why, why_bytes, "out of memory");
	if (db == NULL)
		return NULL;
	(void)pthread_mutex_init(&db->lock, NULL);    /* cannot fail here */
	(void)pthread_cond_init(&db->left, NULL);     /* likewise */
	(void)pthread_mutex_init(&db->writing, NULL); /* likewise */
	db->dir = strdup(dir);
	db->pam = pam;
	if (random_password(dummy, 20) &&
	    getrandom(&db->gap.seed, sizeof(db->gap.seed), 0) ==
		sizeof(db->gap.seed))
		db->dummy_hash = usr_file_hash(dummy);
	if (db->dir == NULL || db->dummy_hash == NULL) {
		usr_close(&db);
		return NULL;
	}
	if (!usr_file_exists(dir) && pam != NULL)
		return db; /* the system's accounts are enough */
	if (!usr_file_exists(dir) && make_first(dir) != 0) {
		(void)snprintf(why, why_bytes,
		    "%s: cannot make account root: "
		    "%s",
		    dir, strerror(errno));
		usr_close(&db);
	} else if (usr_file_load(dir, &db->list, why, why_bytes) != 0) {
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
	usr_file_fini(&db->list);
	free(db->dummy_hash);
	free(db->dir);
	(void)pthread_cond_destroy(&db->left);
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
	usr_file_fini(&old);
}

int
usr_reload(struct usr_db *db, char *why, size_t why_bytes)
{
	struct usr_list fresh;
	int r;

	pthread_mutex_lock(&db->writing);
	r = usr_file_load(db->dir, &fresh, why, why_bytes);
	if (r == 0)
		swap(db, &fresh);
	else if (db->pam != NULL && !usr_file_exists(db->dir))
		r = 0; /* there need not be one */
	pthread_mutex_unlock(&db->writing);
	return r;
}

int
usr_role(struct usr_db *db, const char *name)
{
	const struct usr_line *line;
	int role;

	pthread_mutex_lock(&db->lock);
	line = usr_file_find(&db->list, name);
	role = line != NULL ? line->role : -1;
	pthread_mutex_unlock(&db->lock);
	return role;
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
	const struct usr_line *line = usr_file_find(&db->list, name);

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

/* A try at a password, from entering the gap to leaving it. */
struct attempt {
	struct usr_db *db;
	const char *name, *peer; /* as they came */
	struct usr_gap_who who;
	char address[USR_PEER];
	int64_t now_ms;
};

/* leave - the try is over; returns why's code, or ERR_NONE */
static enum err
leave(const struct attempt *t, enum usr_gap_outcome outcome,
    struct failure *why, const char *text)
{
	pthread_mutex_lock(&t->db->lock);
	usr_gap_leave(&t->db->gap, &t->who, t->now_ms, outcome);
	(void)pthread_cond_broadcast(&t->db->left); /* cannot fail */
	pthread_mutex_unlock(&t->db->lock);
	if (outcome == USR_GAP_SUCCESS)
		return ERR_NONE;
	log_info("login: %s: failed: account=%s", t->peer, t->name);
	return refuse(why, t->name, text);
}

/* login_pam - a name that is not in the file */
static enum err
login_pam(const struct attempt *t, const char *password,
    struct usr_user *user_out, struct failure *why)
{
	int role = -1;
	enum usr_pam_result r =
	    usr_pam_check(t->db->pam, t->name, password, t->peer, &role);

	if (r == USR_PAM_BUSY)
		return leave(t, USR_GAP_UNTRIED, why,
		    "too many logins at a time; try again");
	/* It may be nobody's fault, but who makes PAM hang has to wait. */
	if (r == USR_PAM_FAILED)
		return leave(
		    t, USR_GAP_FAILURE, why, "the check came to nothing");
	if (r == USR_PAM_DENIED)
		return leave(t, USR_GAP_FAILURE, why, "wrong name or password");
	(void)leave(t, USR_GAP_SUCCESS, why, ""); /* the password was right */
	if (r == USR_PAM_NO_ROLE) {
		log_info("login: %s: no role: account=%s", t->peer, t->name);
		return err_fail(why, ERR_SESSION_AUTHORIZATION_FAILED, "ss",
		    t->name, "no group of the user has a role here");
	}
	*user_out = (struct usr_user){.role = role, .listed = false};
	return ERR_NONE;
}

/* await_turn - until no other try of the pair is under way; under the lock */
static void
await_turn(struct attempt *t)
{
	struct timespec from, to;

	(void)clock_gettime(CLOCK_MONOTONIC, &from); /* cannot fail */
	(void)pthread_cond_wait(&t->db->left, &t->db->lock);
	(void)clock_gettime(CLOCK_MONOTONIC, &to); /* likewise */
	t->now_ms += (int64_t)(to.tv_sec - from.tv_sec) * 1000 +
		     (to.tv_nsec - from.tv_nsec) / 1000000;
}

/*
 * begin - fill an attempt and enter the gap
 *
 * Who waits here holds a worker, as his try would have; each try before his
 * has its own time limit.
 */
static enum err
begin(struct attempt *t, struct failure *why)
{
	int64_t wait_ms;

	address_of(t->peer, t->address);
	t->who.address = t->address;
	pthread_mutex_lock(&t->db->lock);
	while ((wait_ms = usr_gap_enter(&t->db->gap, &t->who, t->now_ms)) ==
	       USR_GAP_BUSY)
		await_turn(t);
	pthread_mutex_unlock(&t->db->lock);
	return wait_ms > 0 ? refuse_wait(why, t->name, t->peer, wait_ms)
			   : ERR_NONE;
}

enum err
usr_login(struct usr_db *db, const char *name, const char *password,
    const char *peer, int64_t now_ms, struct usr_user *user_out,
    struct failure *why)
{
	struct attempt t = {
	    .db = db, .name = name, .peer = peer, .now_ms = now_ms};
	bool ok;
	enum err rc;
	char *h;
	int role;

	pthread_mutex_lock(&db->lock);
	h = look_up(db, name, &role, &t.who.known);
	pthread_mutex_unlock(&db->lock);
	t.who.account = name;
	rc = begin(&t, why);
	if (rc == ERR_NONE && !t.who.known && db->pam != NULL) {
		free(h);
		return login_pam(&t, password, user_out, why);
	}
	if (rc == ERR_NONE) {
		ok = h != NULL && strlen(password) <= USR_PASSWORD_MAX &&
		     usr_file_matches(password, h) && t.who.known;
		rc = leave(&t, ok ? USR_GAP_SUCCESS : USR_GAP_FAILURE, why,
		    "wrong name or password");
	}
	free(h);
	if (rc == ERR_NONE)
		*user_out = (struct usr_user){.role = role, .listed = true};
	return rc;
}

/* ---- the secret of a pool ---- */

/* secret_matches - is it what the file holds? */
static bool
secret_matches(const char *path, const char *secret)
{
	unsigned char a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];
	size_t n = 0;
	char *text = srv_file_secret(path, USR_SECRET_MAX, &n);
	bool same = false;

	if (text == NULL) {
		log_warn("pool secret: %s cannot be used", path);
		return false;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n < USR_PASSWORD_MIN)
		log_warnx("pool secret: %s holds less than %d bytes", path,
		    USR_PASSWORD_MIN);
	else if (SHA256((const unsigned char *)text, n, a) != NULL &&
		 SHA256((const unsigned char *)secret, strlen(secret), b) !=
		     NULL)
		same = CRYPTO_memcmp(a, b, sizeof(a)) == 0;
	explicit_bzero(text, n);
	free(text);
	return same;
}

enum err
usr_pool_login(struct usr_db *db, const char *path, const char *secret,
    const char *name, const char *peer, int64_t now_ms, struct failure *why)
{
	struct attempt t = {
	    .db = db, .name = name, .peer = peer, .now_ms = now_ms};
	enum err rc;
	bool ok;

	t.who = (struct usr_gap_who){.account = USR_POOL, .known = true};
	rc = begin(&t, why);
	if (rc != ERR_NONE)
		return rc;
	ok = path[0] != '\0' && secret_matches(path, secret);
	return leave(&t, ok ? USR_GAP_SUCCESS : USR_GAP_FAILURE, why,
	    "this is not the pool's secret");
}

/* ---- changing a password ---- */

/* replace - the new hash on disk, then in memory; under db->writing */
static enum err
replace(struct usr_db *db, const char *name, const char *new_hash,
    struct failure *why)
{
	const struct usr_change change = {
	    .name = name, .hash = new_hash, .role = -1};
	struct usr_list fresh;
	char text[300];

	if (usr_file_change(db->dir, &change, text, sizeof(text)) != 0)
		return err_internal(why, "not stored: %s", text);
	if (usr_file_load(db->dir, &fresh, text, sizeof(text)) != 0)
		return err_internal(why, "not read back: %s", text);
	swap(db, &fresh);
	usr_forget_initial(db->dir, name);
	log_info("users: password changed: account=%s", name);
	return ERR_NONE;
}

void
usr_forget_initial(const char *dir, const char *name)
{
	if (strcmp(name, USR_FIRST) == 0 &&
	    srv_file_remove(dir, USR_INITIAL) != 0)
		log_warn("users: cannot remove %s/" USR_INITIAL, dir);
}

enum err
usr_change_password(struct usr_db *db, const char *name,
    const char *old_password, const char *new_password, int64_t now_ms,
    struct failure *why)
{
	size_t n = strlen(new_password);
	char peer[USR_PEER + 16];
	struct usr_user user;
	enum err rc;
	char *h;

	if (usr_role(db, name) < 0)
		return err_fail(why, ERR_OPERATION_NOT_ALLOWED, "s",
		    "the password of this user is not kept here");
	/* Failures of one user's are no concern of another's. */
	(void)snprintf(peer, sizeof(peer), "change %.*s:", USR_PEER, name);
	rc = usr_login(db, name, old_password, peer, now_ms, &user, why);
	if (rc != ERR_NONE)
		return rc;
	if (n < USR_PASSWORD_MIN || n > USR_PASSWORD_MAX)
		return err_fail(why, ERR_INVALID_VALUE, "ss", "new_pwd",
		    "8 to 512 bytes are needed");
	h = usr_file_hash(new_password);
	if (h == NULL)
		return err_internal(why, "out of memory");
	pthread_mutex_lock(&db->writing);
	rc = replace(db, name, h, why);
	pthread_mutex_unlock(&db->writing);
	free(h);
	return rc;
}
