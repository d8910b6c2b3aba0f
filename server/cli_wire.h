/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_CLI_WIRE_H
#define SERVER_CLI_WIRE_H

/*
 * cli_wire - the bytes of the thin CLI protocol
 *
 * A request is the body of POST /cli: the words of a command, one a line, with
 * username= and password=, or session_id= on the first line.  Then both sides
 * say magic and version, and the server sends messages: a length, what kind of
 * message it is, and texts and numbers.  All numbers are 32 bit, little-endian.
 *
 * Only what memory commands need: the server tells, the client is never asked.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http_buf.h"

#define THIN_HELLO_BYTES 35
#define THIN_REQUEST_MAX_BYTES (200 * 1024)
#define THIN_WORDS_MAX 4096

struct thin_request {
	char *text; /* the body, cut into lines */
	size_t text_bytes;
	const char **word; /* word[0..n), credentials not among them */
	size_t n;
	const char *session;  /* NULL: log in */
	const char *user;     /* "" when none came */
	const char *password; /* likewise */
};

/*
 * thin_request_read - a request from n bytes of body
 *
 * out     rq  to be freed when true
 * returns false when it is too long, has NUL in it, is no UTF-8, has too many
 *         words, or memory is out
 */
bool thin_request_read(struct thin_request *rq, const char *body, size_t n);

/*
 * thin_request_free - forget it, and the password before all; twice is fine
 */
void thin_request_free(struct thin_request *rq);

/*
 * thin_hello_write - magic and our version
 *
 * out     hello  THIN_HELLO_BYTES
 */
void thin_hello_write(char *hello);

/*
 * thin_hello_good - is this a client of our major version?
 *
 * in      hello  THIN_HELLO_BYTES
 */
bool thin_hello_good(const char *hello);

/*
 * thin_put_print - a line for standard output, without its end
 * thin_put_print_err - text for standard error, as it is
 * thin_put_error - a failure for the client to word
 * thin_put_exit - the last message
 */
void thin_put_print(struct http_buf *out, const char *line);
void thin_put_print_err(struct http_buf *out, const char *text);
void thin_put_error(
    struct http_buf *out, const char *code, const char *const *param, size_t n);
void thin_put_exit(struct http_buf *out, int status);

#endif
