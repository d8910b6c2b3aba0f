/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_HTTP_IO_H
#define SERVER_HTTP_IO_H

/*
 * http_io - bytes of a connection, with TLS or without, never blocking
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

enum http_io_result {
	HTTP_IO_OK,
	HTTP_IO_WANT_READ,  /* go on when the socket is readable */
	HTTP_IO_WANT_WRITE, /* go on when it is writable */
	HTTP_IO_END,	    /* the peer sends no more */
	HTTP_IO_ERROR,	    /* the connection is broken */
};

/*
 * http_io_handshake - one step of the TLS handshake
 */
enum http_io_result http_io_handshake(SSL *ssl);

/*
 * http_io_read - at most n bytes; ssl NULL: plain
 *
 * out     got_out  bytes read, with HTTP_IO_OK
 */
enum http_io_result http_io_read(
    int fd, SSL *ssl, void *p, size_t n, size_t *got_out);

/*
 * http_io_write - at most n bytes
 *
 * note    after WANT_* the same bytes must be offered again
 * out     put_out  bytes taken, with HTTP_IO_OK
 */
enum http_io_result http_io_write(
    int fd, SSL *ssl, const void *p, size_t n, size_t *put_out);

/*
 * http_io_pending - is there input that the socket no longer tells of?
 */
bool http_io_pending(const SSL *ssl);

/*
 * http_io_finish - tell the peer that nothing more comes
 */
void http_io_finish(int fd, SSL *ssl);

#endif
