/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* OpenSSL */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* Own */
#include "certs/cert_make.h"

#define CERT_DAYS 3650
#define CERT_PATH 4096
#define CERT_SAN 640

struct cert {
	EVP_PKEY *key;
	X509 *x509;
};

/* say - a text for the caller, with OpenSSL's reason; always -1 */
static int
say(char *why, size_t why_bytes, const char *what)
{
	char reason[160] = "";
	unsigned long code = ERR_get_error();

	if (code != 0)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	(void)snprintf(why, why_bytes, "%s%s%s", what,
	    reason[0] != '\0' ? ": " : "", reason); /* cut short is fine */
	return -1;
}

/* say_errno - the same with errno */
static int
say_errno(char *why, size_t why_bytes, const char *what)
{
	char reason[128];

	(void)snprintf(why, why_bytes, "%s: %s", what,
	    strerror_r(errno, reason, sizeof(reason)));
	return -1;
}

static EVP_PKEY *
new_key(enum cert_kind kind)
{
	switch (kind) {
	case CERT_P256:
		return EVP_EC_gen("P-256");
	case CERT_RSA2048:
		return EVP_RSA_gen(2048);
	}
	return NULL;
}

/* add_extension - one X.509v3 extension in OpenSSL's text form */
static bool
add_extension(X509 *x, X509 *issuer, int nid, const char *text)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
	if (e == NULL)
		return false;
	ok = X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool
add_uses(X509 *x, X509 *issuer, enum cert_use use)
{
	bool ca = use == CERT_CA;

	return add_extension(x, issuer, NID_basic_constraints,
		   ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	       add_extension(x, issuer, NID_key_usage,
		   ca ? "critical,keyCertSign,cRLSign"
		      : "critical,digitalSignature,keyEncipherment") &&
	       (ca || add_extension(x, issuer, NID_ext_key_usage,
			  use == CERT_CLIENT ? "clientAuth" : "serverAuth")) &&
	       add_extension(x, issuer, NID_subject_key_identifier, "hash");
}

/* set_serial - 127 random bits */
static bool
set_serial(X509 *x)
{
	unsigned char raw[16];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return false;
	raw[0] &= 0x7f;
	n = BN_bin2bn(raw, sizeof(raw), NULL);
	ok = n != NULL &&
	     BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static bool
set_name(X509 *x, const char *name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
		   MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1;
}

static X509 *
new_x509(EVP_PKEY *key, enum cert_use use, const char *name, const char *san,
    const struct cert *issuer)
{
	X509 *x = X509_new();
	X509 *by = issuer != NULL ? issuer->x509 : x;

	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    set_serial(x) &&
	    /* An hour back: the client's clock need not agree to the second. */
	    X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(x), CERT_DAYS, 0, NULL) !=
		NULL &&
	    X509_set_pubkey(x, key) == 1 && set_name(x, name) &&
	    X509_set_issuer_name(x, X509_get_subject_name(by)) == 1 &&
	    add_uses(x, by, use) &&
	    (san == NULL || add_extension(x, by, NID_subject_alt_name, san)) &&
	    X509_sign(x, issuer != NULL ? issuer->key : key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

struct cert *
cert_new(enum cert_kind kind, enum cert_use use, const char *name,
    const char *san, const struct cert *issuer, char *why, size_t why_bytes)
{
	struct cert *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)say(why, why_bytes, "out of memory");
		return NULL;
	}
	c->key = new_key(kind);
	if (c->key != NULL)
		c->x509 = new_x509(c->key, use, name, san, issuer);
	if (c->x509 == NULL) {
		(void)say(why, why_bytes, "cannot make a certificate");
		cert_free(&c);
	}
	return c;
}

void
cert_free(struct cert **c)
{
	if (*c == NULL)
		return;
	EVP_PKEY_free((*c)->key);
	X509_free((*c)->x509);
	free(*c);
	*c = NULL;
}

/* sync_dir - make the names in a folder durable */
static int
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -1;
	r = fsync(fd);
	(void)close(fd); /* read-only descriptor */
	return r;
}

/* write_bytes - a whole file under a temporary name, then in its place */
static int
write_bytes(const char *path, mode_t mode, const char *p, size_t n)
{
	char tmp[CERT_PATH + 8];
	int fd;
	bool ok;

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	(void)unlink(tmp); /* left by a crash, or not there */
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	ok = fchmod(fd, mode) == 0 && write(fd, p, n) == (ssize_t)n &&
	     fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (ok && rename(tmp, path) == 0)
		return 0;
	(void)unlink(tmp); /* errno of the cause may be lost; the path is not */
	return -1;
}

/* write_pem - the key or the certificate as a PEM file */
static int
write_pem(const struct cert *c, const char *path, bool private_key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *p = NULL;
	long n = 0;
	int r = -1;
	bool ok = bio != NULL;

	if (ok && private_key)
		ok = PEM_write_bio_PrivateKey(
			 bio, c->key, NULL, NULL, 0, NULL, NULL) == 1;
	else if (ok)
		ok = PEM_write_bio_X509(bio, c->x509) == 1;
	if (ok)
		n = BIO_get_mem_data(bio, &p);
	if (n > 0)
		r = write_bytes(path, private_key ? 0600 : 0644, p, (size_t)n);
	BIO_free(bio);
	return r;
}

int
cert_write(const struct cert *c, const char *dir, const char *base, char *why,
    size_t why_bytes)
{
	char path[CERT_PATH];

	if (strlen(dir) + strlen(base) + 16 > sizeof(path))
		return say(why, why_bytes, "folder name too long");
	/* The key first: a certificate without its key is of no use. */
	(void)snprintf(path, sizeof(path), "%s/%s.key", dir, base);
	if (write_pem(c, path, true) != 0)
		return say_errno(why, why_bytes, path);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, base);
	if (write_pem(c, path, false) != 0)
		return say_errno(why, why_bytes, path);
	if (sync_dir(dir) != 0)
		return say_errno(why, why_bytes, dir);
	return 0;
}

/* is_dns_name - may it stand in a subject alternative name unquoted? */
static bool
is_dns_name(const char *s)
{
	return s[0] != '\0' && strlen(s) <= 253 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789.-") == strlen(s);
}

/* own_san - localhost, the host's name, and the address it listens on */
static void
own_san(char *san, const char *host, const char *listen)
{
	struct in6_addr six;
	struct in_addr four;
	size_t n;

	n = (size_t)snprintf(
	    san, CERT_SAN, "DNS:localhost,IP:127.0.0.1,IP:::1");
	if (is_dns_name(host) && strcmp(host, "localhost") != 0)
		n += (size_t)snprintf(san + n, CERT_SAN - n, ",DNS:%s", host);
	if (listen == NULL || strcmp(listen, "127.0.0.1") == 0 ||
	    strcmp(listen, "::1") == 0)
		return;
	if ((inet_pton(AF_INET, listen, &four) == 1 &&
		four.s_addr != htonl(INADDR_ANY)) ||
	    (inet_pton(AF_INET6, listen, &six) == 1 &&
		!IN6_IS_ADDR_UNSPECIFIED(&six)))
		(void)snprintf(san + n, CERT_SAN - n, ",IP:%s", listen);
}

/* make_pair - DIR/base.pem and .key unless both are there */
static int
make_pair(const char *dir, const char *base, enum cert_kind kind,
    const char *listen, bool *made, char *why, size_t why_bytes)
{
	char pem[CERT_PATH], key[CERT_PATH], san[CERT_SAN], host[256] = "";
	struct cert *c;
	int r;

	if (strlen(dir) + strlen(base) + 16 > sizeof(pem))
		return say(why, why_bytes, "folder name too long");
	(void)snprintf(pem, sizeof(pem), "%s/%s.pem", dir, base);
	(void)snprintf(key, sizeof(key), "%s/%s.key", dir, base);
	*made = false;
	if (access(pem, F_OK) == 0) {
		if (access(key, F_OK) == 0)
			return 0;
		(void)snprintf(why, why_bytes,
		    "%s is there but %s is not; put it back or remove both",
		    pem, key);
		return -1;
	}
	/*
	 * A key alone is what a crash between the two files leaves: nobody
	 * has seen a certificate for it, so it is replaced.
	 */
	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	own_san(san, host, listen);
	c = cert_new(kind, CERT_SELF_SIGNED,
	    is_dns_name(host) && strlen(host) <= 64 ? host : "localhost", san,
	    NULL, why, why_bytes);
	if (c == NULL)
		return -1;
	r = cert_write(c, dir, base, why, why_bytes);
	cert_free(&c);
	*made = r == 0;
	return r;
}

int
cert_make_self_signed(const char *dir, const char *listen, int *made_out,
    char *why, size_t why_bytes)
{
	bool ec, rsa;

	if (make_pair(dir, "tls-ec", CERT_P256, listen, &ec, why, why_bytes) !=
		0 ||
	    make_pair(dir, "tls-rsa", CERT_RSA2048, listen, &rsa, why,
		why_bytes) != 0)
		return -1;
	*made_out = ec + rsa;
	return 0;
}
