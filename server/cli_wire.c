/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_wire - requests, greetings and messages of the thin CLI protocol
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include "api/val.h"
#include "server/cli_wire.h"

#define MAGIC "XenSource thin CLI protocol"
#define MAGIC_BYTES (sizeof(MAGIC) - 1)
#define MAJOR 0
#define MINOR 2
#define INT_BYTES 4

_Static_assert(MAGIC_BYTES + 2 * INT_BYTES == THIN_HELLO_BYTES, "greeting");

/* Tags of messages and commands. */
enum {
	TAG_PRINT = 0,
	TAG_EXIT = 4,
	TAG_COMMAND = 9,
	TAG_ERROR = 14,
	TAG_PRINT_ERR = 16,
};

/* ---- requests ---- */

/* is_text - UTF-8 without NUL? */
static bool
is_text(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	const unsigned char *end = s + n;

	while (s < end) {
		size_t bytes = *s == 0 ? 0 : api_val_utf8_bytes(s);

		if (bytes == 0)
			return false;
		s += bytes;
	}
	return true;
}

/* count_lines - words that there are at most */
static size_t
count_lines(const char *text, size_t n)
{
	size_t lines = 1;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

/* value_of - what follows key= in a line; NULL: it is another line */
static const char *
value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1
							    : NULL;
}

/* take_line - a word, or something for us; of credentials the last count */
static void
take_line(struct thin_request *rq, const char *line, bool first)
{
	const char *value;

	if (line[0] == '\0')
		return;
	if (first && (value = value_of(line, "session_id")) != NULL)
		rq->session = value;
	else if ((value = value_of(line, "username")) != NULL)
		rq->user = value;
	else if ((value = value_of(line, "password")) != NULL)
		rq->password = value;
	else
		rq->word[rq->n++] = line;
}

/* cut - lines end in LF or CRLF */
static void
cut(struct thin_request *rq)
{
	char *end, *line;
	bool first = true;

	for (line = rq->text; line != NULL; line = end) {
		size_t n = strcspn(line, "\n");

		end = line[n] == '\n' ? line + n + 1 : NULL;
		line[n] = '\0';
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		take_line(rq, line, first);
		first = false;
	}
}

bool
thin_request_read(struct thin_request *rq, const char *body, size_t n)
{
	size_t lines;

	*rq = (struct thin_request){.user = "", .password = ""};
	if (n > THIN_REQUEST_MAX_BYTES)
		return false;
	lines = count_lines(body, n);
	if (lines > THIN_WORDS_MAX)
		return false;
	rq->text_bytes = n;
	rq->text = malloc(n + 1);
	rq->word = calloc(lines, sizeof *rq->word);
	if (rq->text != NULL) {
		memcpy(rq->text, body, n);
		rq->text[n] = '\0';
	}
	if (rq->text == NULL || rq->word == NULL || !is_text(rq->text, n)) {
		thin_request_free(rq);
		return false;
	}
	cut(rq);
	return true;
}

void
thin_request_free(struct thin_request *rq)
{
	if (rq->text != NULL)
		explicit_bzero(rq->text, rq->text_bytes);
	free(rq->text);
	free(rq->word);
	*rq = (struct thin_request){.user = "", .password = ""};
}

/* ---- greetings ---- */

/* write_int - 32 bit, little-endian */
static void
write_int(char *to, uint32_t v)
{
	for (int i = 0; i < INT_BYTES; i++)
		to[i] = (char)(unsigned char)(v >> (8 * i) & 0xff);
}

void
thin_hello_write(char *hello)
{
	memcpy(hello, MAGIC, MAGIC_BYTES);
	write_int(hello + MAGIC_BYTES, MAJOR);
	write_int(hello + MAGIC_BYTES + INT_BYTES, MINOR);
}

bool
thin_hello_good(const char *hello)
{
	char ours[THIN_HELLO_BYTES];

	/* Minor versions understand each other. */
	thin_hello_write(ours);
	return memcmp(hello, ours, MAGIC_BYTES + INT_BYTES) == 0;
}

/* ---- messages ---- */

static void
put_int(struct http_buf *out, size_t v)
{
	char *to = http_buf_reserve(out, INT_BYTES);

	if (v > INT32_MAX)
		out->failed = true;
	if (to == NULL || out->failed)
		return;
	write_int(to, (uint32_t)v);
	out->len += INT_BYTES;
}

static void
put_text(struct http_buf *out, const char *s)
{
	size_t n = strlen(s);

	put_int(out, n);
	http_buf_add(out, s, n);
}

/* put_command - length and tags of a message; bytes of what follows */
static void
put_command(struct http_buf *out, size_t tag, size_t bytes)
{
	put_int(out, 2 * INT_BYTES + bytes);
	put_int(out, TAG_COMMAND);
	put_int(out, tag);
}

void
thin_put_print(struct http_buf *out, const char *line)
{
	put_command(out, TAG_PRINT, INT_BYTES + strlen(line));
	put_text(out, line);
}

void
thin_put_print_err(struct http_buf *out, const char *text)
{
	put_command(out, TAG_PRINT_ERR, INT_BYTES + strlen(text));
	put_text(out, text);
}

void
thin_put_error(
    struct http_buf *out, const char *code, const char *const *param, size_t n)
{
	size_t bytes = 2 * INT_BYTES + strlen(code);

	for (size_t i = 0; i < n; i++)
		bytes += INT_BYTES + strlen(param[i]);
	put_command(out, TAG_ERROR, bytes);
	put_text(out, code);
	put_int(out, n);
	for (size_t i = 0; i < n; i++)
		put_text(out, param[i]);
}

void
thin_put_exit(struct http_buf *out, int status)
{
	put_command(out, TAG_EXIT, INT_BYTES);
	put_int(out, (size_t)status);
}
