/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL */
#include <openssl/err.h>

/* Own */
#include "server/tls.h"

#define TLS_PATH 4096

struct tls_conf {
	pthread_mutex_t lock; /* for now */
	SSL_CTX *now;	      /* what new connections get */
	char dir[TLS_PATH - 32];
	char client_ca[TLS_PATH - 32]; /* "": clients are not asked */
};

/* The one protocol we speak, as ALPN writes it. */
static const unsigned char tls_alpn[] = "\x08http/1.1";

/* choose_protocol - http/1.1 when the client offers it; else leave it out */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, tls_alpn,
		sizeof(tls_alpn) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* say - path and OpenSSL's reason; always false */
static bool
say(char *why, size_t why_bytes, const char *path)
{
	char reason[160] = "unusable";
	unsigned long code = ERR_peek_last_error();

	if (code != 0)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	(void)snprintf(why, why_bytes, "%s: %s", path, reason);
	return false;
}

/* load_pair - one certificate chain and its key */
static bool
load_pair(SSL_CTX *ctx, const char *dir, const char *base, char *why,
    size_t why_bytes)
{
	char path[TLS_PATH];

	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, base);
	if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1)
		return say(why, why_bytes, path);
	(void)snprintf(path, sizeof(path), "%s/%s.key", dir, base);
	if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return say(why, why_bytes, path);
	return true;
}

static bool
set_up(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
				     SSL_OP_NO_COMPRESSION |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	       SSL_CTX_set_session_id_context(
		   ctx, (const unsigned char *)"xenapi-memory", 13) == 1;
}

/* ask_clients - for certificates that one of these has signed */
static bool
ask_clients(SSL_CTX *ctx, const char *path, char *why, size_t why_bytes)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

	if (names == NULL || SSL_CTX_load_verify_file(ctx, path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return say(why, why_bytes, path);
	}
	SSL_CTX_set_client_CA_list(ctx, names); /* its own from here on */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return true;
}

static SSL_CTX *
load(const char *dir, const char *client_ca, char *why, size_t why_bytes)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || !set_up(ctx)) {
		(void)say(why, why_bytes, "TLS");
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (!load_pair(ctx, dir, "tls-ec", why, why_bytes) ||
	    !load_pair(ctx, dir, "tls-rsa", why, why_bytes) ||
	    (client_ca[0] != '\0' &&
		!ask_clients(ctx, client_ca, why, why_bytes))) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

struct tls_conf *
tls_conf_new(
    const char *dir, const char *client_ca, char *why, size_t why_bytes)
{
	struct tls_conf *t = calloc(1, sizeof(*t));

	if (t == NULL || strlen(dir) >= sizeof(t->dir) ||
	    strlen(client_ca) >= sizeof(t->client_ca)) {
		(void)snprintf(why, why_bytes, "%s",
		    t == NULL ? "out of memory" : "name too long");
		free(t);
		return NULL;
	}
	(void)snprintf(t->dir, sizeof(t->dir), "%s", dir);
	(void)snprintf(t->client_ca, sizeof(t->client_ca), "%s", client_ca);
	t->now = load(dir, client_ca, why, why_bytes);
	if (t->now == NULL || pthread_mutex_init(&t->lock, NULL) != 0) {
		SSL_CTX_free(t->now);
		free(t);
		return NULL;
	}
	return t;
}

int
tls_conf_reload(struct tls_conf *t, char *why, size_t why_bytes)
{
	SSL_CTX *fresh = load(t->dir, t->client_ca, why, why_bytes);
	SSL_CTX *old;

	if (fresh == NULL)
		return -1;
	pthread_mutex_lock(&t->lock);
	old = t->now;
	t->now = fresh;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old); /* connections hold references of their own */
	return 0;
}

void
tls_conf_free(struct tls_conf **t)
{
	if (*t == NULL)
		return;
	SSL_CTX_free((*t)->now);
	pthread_mutex_destroy(&(*t)->lock);
	free(*t);
	*t = NULL;
}

SSL *
tls_accept(struct tls_conf *t, int fd)
{
	SSL *ssl;

	pthread_mutex_lock(&t->lock);
	ssl = SSL_new(t->now);
	pthread_mutex_unlock(&t->lock);
	if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ssl = NULL;
	}
	if (ssl == NULL) {
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}

/* is_plain - printable ASCII: fit for a session's user name */
static bool
is_plain(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return text[0] != '\0';
}

char *
tls_subject(SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	X509_NAME *name;
	char text[256];
	int n;

	if (cert == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
		return NULL;
	name = X509_get_subject_name(cert);
	n = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof(text));
	if (n > 0 && strlen(text) == (size_t)n && is_plain(text))
		return strdup(text);
	if (X509_NAME_oneline(name, text, sizeof(text)) == NULL ||
	    !is_plain(text)) {
		ERR_clear_error();
		return NULL;
	}
	return strdup(text);
}
