/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_HTTP_H
#define TESTS_SERVER_HELP_HTTP_H

/*
 * help_http - an HTTP server in this process, and a client that says bytes
 *
 * The server's calls answer by what the body says:
 *   "later..."    from another thread's push
 *   "stuck..."    when help_http_unstick is called
 *   "big N"       N bytes, piece by piece
 *   "fail N"      the loop's Nth allocation from here on fails
 *   "whole"       "no" if one has failed, else "yes"; none fails any more
 *   "notes"       what was noted of the headers, "name=value;" each
 *   else          the body itself
 */

#include <stdbool.h>
#include <stddef.h>

#include "server/http.h"

struct help_http {
	struct http_server *server;
	struct tls_conf *tls;
	int port;
	struct http_limits limits;
};

/*
 * help_http_limits - generous ones, two threads
 */
struct http_limits help_http_limits(void);

/*
 * help_http_start - a plain server on a free port of 127.0.0.1, TLS when
 *         cert_dir is not NULL
 */
void help_http_start(struct help_http *h, const struct http_limits *limits,
    const char *cert_dir);
void help_http_stop(struct help_http *h);

/*
 * help_http_unstick - answer all calls that are stuck; returns how many
 */
unsigned help_http_unstick(void);

/*
 * help_http_await_stuck - wait until so many calls are stuck
 */
void help_http_await_stuck(unsigned n);

/*
 * help_http_dial - a connection; reads on it fail after 20 s
 */
int help_http_dial(const struct help_http *h);

/*
 * help_http_say - send a text, or n bytes
 */
void help_http_say(int fd, const char *text);
bool help_http_say_bytes(int fd, const void *p, size_t n);

/*
 * help_http_hear - one whole response; returns its status, 0: none came
 *
 * out     text  headers and body, NUL-terminated
 */
int help_http_hear(int fd, char *text, size_t bytes);

/*
 * help_http_try - one request on a connection of its own: its status, or 0
 *
 * out     body  of the reply, NUL-terminated
 */
int help_http_try(
    const struct help_http *h, const char *say, char *body, size_t bytes);

/*
 * help_http_at_end - does the server close the connection without a word?
 */
bool help_http_at_end(int fd);

#endif
