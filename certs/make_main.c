/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * make-certs DIR - a CA for tests, with a server and a client certificate
 *
 * Writes DIR/ca.pem, server.pem, server-rsa.pem, client.pem and their .key
 * files.  The CA's key is kept beside them: never use this CA for anything
 * but tests.
 */

/* System */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Own */
#include "certs/cert_make.h"

#define MAIN_SAN "DNS:localhost,IP:127.0.0.1,IP:::1"

struct leaf {
	const char *base, *name, *san;
	enum cert_kind kind;
	enum cert_use use;
};

static const struct leaf leaves[] = {
    {"server", "localhost", MAIN_SAN, CERT_P256, CERT_SERVER},
    {"server-rsa", "localhost", MAIN_SAN, CERT_RSA2048, CERT_SERVER},
    {"client", "xenapi-memory test client", NULL, CERT_P256, CERT_CLIENT},
};

/* make_leaf - one certificate signed by the CA */
static int
make_leaf(const struct leaf *l, const struct cert *ca, const char *dir,
    char *why, size_t why_bytes)
{
	struct cert *c;
	int r;

	c = cert_new(l->kind, l->use, l->name, l->san, ca, why, why_bytes);
	if (c == NULL)
		return -1;
	r = cert_write(c, dir, l->base, why, why_bytes);
	cert_free(&c);
	return r;
}

int
main(int argc, char **argv)
{
	char why[512];
	struct cert *ca;
	int r;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: make-certs DIR\n"
				"writes a test CA, server and client "
				"certificates into DIR\n");
		return 2;
	}
	if (mkdir(argv[1], 0700) != 0 && errno != EEXIST) {
		fprintf(
		    stderr, "make-certs: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	ca = cert_new(CERT_P256, CERT_CA, "xenapi-memory test CA", NULL, NULL,
	    why, sizeof(why));
	r = ca == NULL ? -1 : cert_write(ca, argv[1], "ca", why, sizeof(why));
	for (size_t i = 0; r == 0 && i < sizeof(leaves) / sizeof(*leaves); i++)
		r = make_leaf(&leaves[i], ca, argv[1], why, sizeof(why));
	cert_free(&ca);
	if (r != 0)
		fprintf(stderr, "make-certs: %s\n", why);
	return r == 0 ? 0 : 1;
}
