/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* OpenSSL */
#include <openssl/err.h>

/* Own */
#include "server/http_io.h"

/* tls_result - what OpenSSL's return value means */
static enum http_io_result
tls_result(SSL *ssl, int r)
{
	int why = SSL_get_error(ssl, r);

	switch (why) {
	case SSL_ERROR_NONE:
		return HTTP_IO_OK;
	case SSL_ERROR_WANT_READ:
		return HTTP_IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return HTTP_IO_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return HTTP_IO_END;
	default:
		/* The queue is per thread: leave nothing for the next one. */
		ERR_clear_error();
		return HTTP_IO_ERROR;
	}
}

/* plain_result - the same for errno */
static enum http_io_result
plain_result(enum http_io_result want)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return want;
	return HTTP_IO_ERROR;
}

enum http_io_result
http_io_handshake(SSL *ssl)
{
	return tls_result(ssl, SSL_do_handshake(ssl));
}

enum http_io_result
http_io_read(int fd, SSL *ssl, void *p, size_t n, size_t *got_out)
{
	ssize_t r;

	if (ssl != NULL)
		return tls_result(ssl, SSL_read_ex(ssl, p, n, got_out));
	r = recv(fd, p, n, 0);
	if (r < 0)
		return plain_result(HTTP_IO_WANT_READ);
	if (r == 0)
		return HTTP_IO_END;
	*got_out = (size_t)r;
	return HTTP_IO_OK;
}

enum http_io_result
http_io_write(int fd, SSL *ssl, const void *p, size_t n, size_t *put_out)
{
	ssize_t r;

	if (ssl != NULL)
		return tls_result(ssl, SSL_write_ex(ssl, p, n, put_out));
	r = send(fd, p, n, MSG_NOSIGNAL);
	if (r < 0)
		return plain_result(HTTP_IO_WANT_WRITE);
	*put_out = (size_t)r;
	return HTTP_IO_OK;
}

bool
http_io_pending(const SSL *ssl)
{
	return ssl != NULL && SSL_has_pending(ssl) == 1;
}

void
http_io_finish(int fd, SSL *ssl)
{
	/* Best effort: the peer may be gone already. */
	if (ssl != NULL && SSL_is_init_finished(ssl)) {
		(void)SSL_shutdown(ssl);
		ERR_clear_error();
	}
	(void)shutdown(fd, SHUT_WR);
}
