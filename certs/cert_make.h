/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CERTS_CERT_MAKE_H
#define CERTS_CERT_MAKE_H

/*
 * cert_make - keys and X.509 certificates, written so that a crash leaves
 *         either nothing or the whole file
 *
 * The daemon makes a self-signed pair (P-256 and RSA-2048) at its first start;
 * `make certs` makes a test CA with server and client certificates.  Private
 * keys are 0600 from birth.  Nothing secret is ever committed.
 *
 * DIAGNOSTICS none; reasons are returned as text.
 * BUGS certificates are not renewed; replace the files and send SIGHUP.
 */

#include <stddef.h>

enum cert_kind { CERT_P256, CERT_RSA2048 };
enum cert_use { CERT_CA, CERT_SERVER, CERT_CLIENT, CERT_SELF_SIGNED };

struct cert; /* a key and its certificate */

/*
 * cert_new - a fresh key with a certificate
 *
 * in      kind    of the key
 *         use     what the certificate says it may be used for
 *         name    common name
 *         san     subject alternative names as OpenSSL writes them
 *                 ("DNS:localhost,IP:127.0.0.1"), or NULL
 *         issuer  a CERT_CA; NULL: signed with its own key
 * out     why     text when it fails
 * returns NULL on failure
 */
struct cert *cert_new(enum cert_kind kind, enum cert_use use, const char *name,
    const char *san, const struct cert *issuer, char *why, size_t why_bytes);

/*
 * cert_free - forget key and certificate
 */
void cert_free(struct cert **c);

/*
 * cert_write - DIR/base.pem (0644) and DIR/base.key (0600), both durable
 *
 * returns 0, or -1 with the text set
 */
int cert_write(const struct cert *c, const char *dir, const char *base,
    char *why, size_t why_bytes);

/*
 * cert_make_self_signed - the daemon's own pair, where it is not there yet
 *
 * in      dir     tls-ec.pem, tls-ec.key, tls-rsa.pem, tls-rsa.key live here
 *         listen  address clients use, besides localhost and the host name;
 *                 a wildcard or NULL adds nothing
 * out     made_out  number of pairs made; untouched on failure
 * returns 0, or -1 with the text set
 * note    a certificate without its key is an error, not a reason to replace
 *         it; a key without a certificate (a crash in between) is replaced
 */
int cert_make_self_signed(const char *dir, const char *listen, int *made_out,
    char *why, size_t why_bytes);

#endif
