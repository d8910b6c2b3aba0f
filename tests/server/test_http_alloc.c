/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The loop's Nth allocation fails, for N = 1, 2, ...: connections may be
 * dropped, the next one works.
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* OpenSSL */
#include <openssl/ssl.h>

/* Own */
#include <criterion/criterion.h>

#include "certs/cert_make.h"
#include "tests/server/help_dir.h"
#include "tests/server/help_http.h"

#define TRIES 20

/* say_pieces - a request in two pieces, one sent ahead, and a big reply */
static void
say_pieces(int fd)
{
	static char piece[20000];
	char text[4096];

	memset(piece, 'x', sizeof(piece));
	help_http_say(fd, "POST / HTTP/1.1\r\nContent-Length: 40000\r\n\r\n");
	(void)help_http_say_bytes(fd, piece, sizeof(piece));
	(void)help_http_say_bytes(fd, piece, sizeof(piece));
	help_http_say(fd,
	    "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nlater"
	    "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nbig 300000");
	(void)shutdown(fd, SHUT_WR);
	while (recv(fd, text, sizeof(text), 0) > 0)
		;
}

/* A way to make one request. */
typedef int try_f(
    const struct help_http *h, const char *say, char *body, size_t bytes);

/* tls_dial - a TLS connection; NULL when the handshake fails */
static SSL *
tls_dial(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	cr_assert_not_null(ssl);
	cr_assert_eq(SSL_set_fd(ssl, fd), 1);
	if (SSL_connect(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

/* tls_try - help_http_try over TLS */
static int
tls_try(const struct help_http *h, const char *say, char *body, size_t bytes)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = help_http_dial(h), n, status = 0;
	SSL *ssl = tls_dial(ctx, fd);
	char text[4096] = "";
	const char *at;

	if (ssl != NULL) {
		n = snprintf(text, sizeof(text),
		    "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s",
		    strlen(say), say);
		(void)SSL_write(ssl, text, n);
		n = SSL_read(ssl, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		(void)sscanf(text, "HTTP/1.1 %d", &status);
	}
	at = strstr(text, "\r\n\r\n");
	(void)snprintf(body, bytes, "%s", at != NULL ? at + 4 : "");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	(void)close(fd);
	return status;
}

/* undisturbed - did no allocation fail since "fail N"?  None does from now */
static bool
undisturbed(const struct help_http *h, try_f *try)
{
	char body[100];

	for (int i = 0; i < TRIES; i++)
		if (try(h, "whole", body, sizeof(body)) == 200)
			return strcmp(body, "yes") == 0;
	cr_assert(false, "out of memory once is out of service for ever");
	return false;
}

/* each_fails - run a client with every allocation of the loop failing once */
static void
each_fails(void (*client)(const struct help_http *h), try_f *try,
    const struct help_http *h)
{
	char body[100], fail[32];
	int n = 1;

	/* A handshake has a thousand of them: further on not each one. */
	for (;; n += 1 + n / 20) {
		(void)snprintf(fail, sizeof(fail), "fail %d", n);
		cr_assert_eq(try(h, fail, body, sizeof(body)), 200);
		client(h);
		if (undisturbed(h, try))
			break;
		cr_assert_eq(try(h, "hello", body, sizeof(body)), 200);
		cr_assert_str_eq(body, "hello");
	}
	cr_expect_gt(n, 5, "allocations were there to fail");
}

static void
plain(const struct help_http *h)
{
	int fd = help_http_dial(h);

	say_pieces(fd);
	(void)close(fd);
}

Test(http_alloc, plain_connections)
{
	struct http_limits limits = help_http_limits();
	struct help_http h;

	limits.threads = 1;
	help_http_start(&h, &limits, NULL);
	each_fails(plain, help_http_try, &h);
	help_http_stop(&h);
}

/* tls - a big reply and a second request over one TLS connection */
static void
tls(const struct help_http *h)
{
	static const char say[] =
	    "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nbig 100000"
	    "POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: close"
	    "\r\n\r\nlater";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = help_http_dial(h);
	SSL *ssl = tls_dial(ctx, fd);
	char text[4096];

	if (ssl != NULL) {
		(void)SSL_write(ssl, say, sizeof(say) - 1);
		while (SSL_read(ssl, text, sizeof(text)) > 0)
			;
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	(void)close(fd);
}

Test(http_alloc, tls_connections)
{
	char why[300];
	struct http_limits limits = help_http_limits();
	struct help_http h;
	int made;

	help_dir_make();
	cr_assert_eq(
	    cert_make_self_signed(help_dir, NULL, &made, why, sizeof(why)), 0);
	limits.threads = 1;
	help_http_start(&h, &limits, help_dir);
	each_fails(tls, tls_try, &h);
	help_http_stop(&h);
	help_dir_remove();
}
