/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* OpenSSL */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* Own */
#include <criterion/criterion.h>

#include "certs/cert_make.h"
#include "server/tls.h"
#include "tests/server/help_dir.h"
#include "tests/server/help_http.h"

static char why[500];

/* make_dir - a folder with certificates */
static void
make_dir(void)
{
	int made = -1;

	help_dir_make();
	cr_assert_eq(cert_make_self_signed(
			 help_dir, "192.0.2.7", &made, why, sizeof(why)),
	    0, "%s", why);
	cr_assert_eq(made, 2);
}

TestSuite(tls, .init = make_dir, .fini = help_dir_remove);

/* spoil - put a text in the place of a file */
static void
spoil(const char *name, const char *text)
{
	int fd = open(help_dir_path(name), O_WRONLY | O_TRUNC);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

/* A TLS client of one connection. */
struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

/* dial - handshake with one version and one kind of signature */
static bool
dial(struct client *c, const struct help_http *h, int version, char *sigalgs)
{
	struct timeval patience = {.tv_sec = 20};

	c->ctx = SSL_CTX_new(TLS_client_method());
	cr_assert_not_null(c->ctx);
	cr_assert_eq(SSL_CTX_set_min_proto_version(c->ctx, version), 1);
	cr_assert_eq(SSL_CTX_set_max_proto_version(c->ctx, version), 1);
	if (sigalgs != NULL)
		cr_assert_eq(SSL_CTX_set1_sigalgs_list(c->ctx, sigalgs), 1);
	c->fd = help_http_dial(h);
	(void)setsockopt(
	    c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	c->ssl = SSL_new(c->ctx);
	cr_assert_not_null(c->ssl);
	cr_assert_eq(SSL_set_fd(c->ssl, c->fd), 1);
	return SSL_connect(c->ssl) == 1;
}

static void
hang_up(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	(void)close(c->fd);
}

/* call - one POST and its answer; body must be shorter than 100 */
static bool
call(struct client *c, const char *body)
{
	char text[4096];
	int n = snprintf(text, sizeof(text),
	    "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
	    body);

	if (SSL_write(c->ssl, text, n) != n)
		return false;
	n = SSL_read(c->ssl, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strncmp(text, "HTTP/1.1 200", 12) == 0;
}

Test(tls, both_versions_take_both_certificates)
{
	static struct {
		const char *must;
		int version;
		char sigalgs[16];
		int key;
	} rows[] = {
	    {"1.2 with P-256", TLS1_2_VERSION, "ECDSA+SHA256", EVP_PKEY_EC},
	    {"1.2 with RSA", TLS1_2_VERSION, "RSA+SHA256", EVP_PKEY_RSA},
	    {"1.3 with P-256", TLS1_3_VERSION, "ECDSA+SHA256", EVP_PKEY_EC},
	    {"1.3 with RSA", TLS1_3_VERSION, "RSA-PSS+SHA256", EVP_PKEY_RSA},
	};
	struct help_http h;

	help_http_start(&h, NULL, help_dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client c;
		X509 *x;

		cr_assert(dial(&c, &h, rows[i].version, rows[i].sigalgs), "%s",
		    rows[i].must);
		x = SSL_get1_peer_certificate(c.ssl);
		cr_expect_eq(EVP_PKEY_get_base_id(X509_get0_pubkey(x)),
		    rows[i].key, "%s", rows[i].must);
		X509_free(x);
		cr_expect(call(&c, "hello"), "%s", rows[i].must);
		cr_expect(call(&c, "later"), "%s: keep-alive", rows[i].must);
		hang_up(&c);
	}
	help_http_stop(&h);
}

Test(tls, older_versions_are_refused)
{
	struct help_http h;
	struct client c;

	help_http_start(&h, NULL, help_dir);
	cr_expect(!dial(&c, &h, TLS1_1_VERSION, NULL));
	hang_up(&c);
	help_http_stop(&h);
}

Test(tls, plain_http_and_silence_on_the_tls_port_end)
{
	struct http_limits limits = help_http_limits();
	struct help_http h;
	int plain, silent;

	limits.handshake_ms = 60;
	help_http_start(&h, &limits, help_dir);
	plain = help_http_dial(&h);
	silent = help_http_dial(&h);
	help_http_say(plain, "GET /healthz HTTP/1.1\r\n\r\n");
	while (!help_http_at_end(plain))
		; /* perhaps an alert first */
	cr_expect(help_http_at_end(silent), "after handshake_ms");
	(void)close(plain);
	(void)close(silent);
	help_http_stop(&h);
}

Test(tls, reload_is_for_new_connections_and_a_failed_one_changes_nothing)
{
	struct help_http h;
	struct client old, fresh;
	X509 *a, *b;
	int made;

	help_http_start(&h, NULL, help_dir);
	cr_assert(dial(&old, &h, TLS1_3_VERSION, NULL));
	a = SSL_get1_peer_certificate(old.ssl);

	spoil("tls-rsa.pem", "not a certificate");
	cr_expect_eq(tls_conf_reload(h.tls, why, sizeof(why)), -1);
	cr_expect_not_null(strstr(why, "tls-rsa.pem"), "%s", why);
	cr_assert(dial(&fresh, &h, TLS1_3_VERSION, NULL));
	b = SSL_get1_peer_certificate(fresh.ssl);
	cr_expect_eq(X509_cmp(a, b), 0, "still the old one");
	X509_free(b);
	hang_up(&fresh);

	(void)unlink(help_dir_path("tls-rsa.pem"));
	(void)unlink(help_dir_path("tls-ec.pem"));
	cr_assert_eq(
	    cert_make_self_signed(help_dir, NULL, &made, why, sizeof(why)), 0);
	cr_assert_eq(made, 2);
	cr_expect_eq(tls_conf_reload(h.tls, why, sizeof(why)), 0, "%s", why);
	cr_assert(dial(&fresh, &h, TLS1_3_VERSION, NULL));
	b = SSL_get1_peer_certificate(fresh.ssl);
	cr_expect_neq(X509_cmp(a, b), 0, "a new one");
	cr_expect(call(&old, "hello"), "who was there goes on");
	X509_free(a);
	X509_free(b);
	hang_up(&fresh);
	hang_up(&old);
	help_http_stop(&h);
}

Test(tls, key_that_does_not_fit_is_refused)
{
	struct tls_conf *t;

	cr_assert_eq(unlink(help_dir_path("tls-ec.key")), 0);
	cr_assert_null(tls_conf_new(help_dir, "", why, sizeof(why)));
	cr_expect_not_null(strstr(why, "tls-ec.key"), "%s", why);
	spoil("tls-rsa.key", "");
	t = tls_conf_new(help_dir, "", why, sizeof(why));
	cr_expect_null(t);
}

Test(tls, big_reply_and_pipelining_work_over_tls)
{
	static const char two[] =
	    "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nbig 3000000"
	    "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nlater";
	static char text[16384];
	struct help_http h;
	struct client c;
	size_t n = 0;
	int r;

	help_http_start(&h, NULL, help_dir);
	cr_assert(dial(&c, &h, TLS1_3_VERSION, NULL));
	cr_assert_eq(
	    SSL_write(c.ssl, two, sizeof(two) - 1), (int)sizeof(two) - 1);
	do {
		r = SSL_read(c.ssl, text, sizeof(text) - 1);
		cr_assert(r > 0);
		n += (size_t)r;
		text[r] = '\0';
	} while (strstr(text, "later it is") == NULL);
	cr_expect_gt(n, 3000000);
	hang_up(&c);
	help_http_stop(&h);
}

Test(cert, self_signed_certificates_say_where_they_are_valid)
{
	char ip6[] = "::1";
	int made = 5;
	BIO *bio;
	X509 *x;

	make_dir();
	bio = BIO_new_file(help_dir_path("tls-ec.pem"), "r");
	cr_assert_not_null(bio);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	cr_assert_not_null(x);
	cr_expect_eq(X509_check_host(x, "localhost", 0, 0, NULL), 1);
	cr_expect_eq(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	cr_expect_eq(X509_check_ip_asc(x, ip6, 0), 1);
	cr_expect_eq(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
	cr_expect_eq(X509_check_ip_asc(x, "192.0.2.8", 0), 0);
	X509_free(x);
	BIO_free(bio);
	cr_expect_eq(
	    cert_make_self_signed(help_dir, NULL, &made, why, sizeof(why)), 0);
	cr_expect_eq(made, 0, "what is there is kept");
	(void)unlink(help_dir_path("tls-ec.key"));
	cr_expect_eq(
	    cert_make_self_signed(help_dir, NULL, &made, why, sizeof(why)), -1);
	cr_expect_not_null(strstr(why, "tls-ec.key"), "%s", why);
	help_dir_remove();
}

Test(cert, private_keys_are_private)
{
	static const char *const names[] = {"tls-ec.key", "tls-rsa.key"};
	struct stat st;

	make_dir();
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(stat(help_dir_path(names[i]), &st), 0);
		cr_expect_eq(st.st_mode & 0777, 0600);
	}
	help_dir_remove();
}

Test(cert, a_test_ca_signs_its_leaves)
{
	struct cert *ca =
	    cert_new(CERT_P256, CERT_CA, "ca", NULL, NULL, why, sizeof(why));
	struct cert *leaf;

	cr_assert_not_null(ca, "%s", why);
	leaf = cert_new(CERT_RSA2048, CERT_SERVER, "leaf", "DNS:localhost", ca,
	    why, sizeof(why));
	cr_expect_not_null(leaf, "%s", why);
	cert_free(&leaf);
	cr_expect_null(cert_new(
	    CERT_P256, CERT_SERVER, "leaf", "nonsense", ca, why, sizeof(why)));
	cr_expect(why[0] != '\0');
	cert_free(&ca);
	cert_free(&ca);
}
