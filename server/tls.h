/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

/*
 * tls - the daemon's certificates and the server side of TLS
 *
 * TLS 1.2 and 1.3, a P-256 and an RSA certificate side by side (some clients
 * offer ECDHE_RSA only).  Settings that make a connection cheap: read ahead,
 * buffers released while idle, partial writes.  A reload makes new connections
 * use new certificates; those that exist keep theirs until they end.
 *
 * Threads: everything may be called from any thread.
 *
 * DIAGNOSTICS none; reasons are returned as text.
 * BUGS a reload forgets session tickets: clients do one full handshake more.
 */

#include <openssl/ssl.h>
#include <stddef.h>

struct tls_conf;

/*
 * tls_conf_new - load DIR/tls-ec.{pem,key} and DIR/tls-rsa.{pem,key}
 *
 * in      client_ca  PEM file; clients are asked for a certificate, and one
 *                    that they show must be signed by these; "": not asked
 * returns NULL on failure
 */
struct tls_conf *tls_conf_new(
    const char *dir, const char *client_ca, char *why, size_t why_bytes);

/*
 * tls_conf_reload - read the files again; on failure nothing changes
 *
 * returns 0, or -1 with the text set
 */
int tls_conf_reload(struct tls_conf *t, char *why, size_t why_bytes);

/*
 * tls_conf_free - forget them; connections that exist live on
 */
void tls_conf_free(struct tls_conf **t);

/*
 * tls_accept - the server side of TLS on a socket, handshake not begun
 *
 * returns NULL when memory is out; the socket stays the caller's
 */
SSL *tls_accept(struct tls_conf *t, int fd);

/*
 * tls_subject - whom a verified client certificate names; handshake done
 *
 * returns malloc'd text (its common name, or else the whole subject); NULL:
 *         none was shown, or out of memory
 */
char *tls_subject(SSL *ssl);

#endif
