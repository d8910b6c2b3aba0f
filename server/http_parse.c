/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "server/http_parse.h"

/* Headers that are noted (struct http_request says why these). */
static const char *const noted[] = {
    "baggage", "originator", "traceparent", "tracestate", "x-request-id"};

/* refuse - remember the first thing wrong; returns 1 to stop the parser */
__attribute__((format(printf, 3, 4))) static int
refuse(struct http_parse *hp, int status, const char *fmt, ...)
{
	va_list ap;

	if (hp->status != 0)
		return 1;
	hp->status = status;
	va_start(ap, fmt);
	(void)vsnprintf(hp->text, sizeof(hp->text), fmt, ap); /* may be cut */
	va_end(ap);
	return 1;
}

/* count - n more bytes of request line and headers */
static int
count(struct http_parse *hp, size_t n)
{
	hp->header_bytes += n;
	if (hp->header_bytes > hp->limits->header_max_bytes)
		return refuse(hp, 431, "headers longer than %zu bytes",
		    hp->limits->header_max_bytes);
	return 0;
}

static int
on_url(http_parser *p, const char *at, size_t n)
{
	struct http_parse *hp = p->data;

	/* The parser hands in pieces; a query ends what we look at. */
	for (size_t i = 0; i < n && hp->path_len < sizeof(hp->path); i++)
		hp->path[hp->path_len++] = at[i];
	return count(hp, n);
}

/* end_path - NUL-terminate the path, without query; "" when too long */
static void
end_path(struct http_parse *hp)
{
	size_t n = hp->path_len;

	if (n == sizeof(hp->path)) {
		/* A known path with a long query still counts as known. */
		const char *q = memchr(hp->path, '?', n);

		n = q != NULL ? (size_t)(q - hp->path) : 0;
	}
	hp->path[n] = '\0';
	hp->path[strcspn(hp->path, "?#")] = '\0';
}

/* name_is - is the header name collected so far this one? */
static bool
name_is(const struct http_parse *hp, const char *name)
{
	return hp->field_len == strlen(name) &&
	       memcmp(hp->field_name, name, hp->field_len) == 0;
}

/* ---- notes ---- */

/* is_noted - is the header name collected so far one that is noted? */
static bool
is_noted(const struct http_parse *hp)
{
	for (size_t i = 0; i < sizeof(noted) / sizeof(*noted); i++)
		if (name_is(hp, noted[i]))
			return true;
	return false;
}

/* note_begin - the name; the value follows */
static void
note_begin(struct http_parse *hp)
{
	hp->field = HTTP_FIELD_NOTE;
	hp->bad_note = false;
	hp->note_at = hp->notes.len;
	http_buf_add(&hp->notes, hp->field_name, hp->field_len);
	http_buf_add(&hp->notes, "", 1);
}

/* note_value - a piece of the value */
static void
note_value(struct http_parse *hp, const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] < ' ' || at[i] > '~')
			hp->bad_note = true;
	http_buf_add(&hp->notes, at, n);
}

/* note_end - the header is over: keep it, or leave it out */
static void
note_end(struct http_parse *hp)
{
	if (hp->field != HTTP_FIELD_NOTE)
		return;
	hp->field = HTTP_FIELD_OTHER;
	http_buf_add(&hp->notes, "", 1);
	if (!hp->bad_note && !hp->notes.failed)
		return;
	hp->notes.len = hp->note_at;
	hp->notes.failed = false; /* too long, or no memory: others may fit */
}

/* ---- headers ---- */

static int
on_field(http_parser *p, const char *at, size_t n)
{
	struct http_parse *hp = p->data;

	if (hp->in_value || hp->headers == 0) {
		note_end(hp);
		hp->in_value = false;
		hp->field_len = 0;
		hp->headers++;
		if (hp->headers > hp->limits->headers_max)
			return refuse(hp, 431, "more than %u headers",
			    hp->limits->headers_max);
	}
	if (memchr(at, ' ', n) != NULL || memchr(at, '\t', n) != NULL)
		return refuse(hp, 400, "white space in a header name");
	for (size_t i = 0; i < n; i++) {
		/* One past the end means: too long to be one of ours. */
		if (hp->field_len == sizeof(hp->field_name))
			break;
		hp->field_name[hp->field_len++] =
		    (char)tolower((unsigned char)at[i]);
	}
	return count(hp, n);
}

/* start_value - the header name is complete: which is it? */
static int
start_value(struct http_parse *hp)
{
	hp->in_value = true;
	hp->field = HTTP_FIELD_OTHER;
	if (name_is(hp, "content-length")) {
		if (hp->has_length)
			return refuse(hp, 400, "two Content-Length headers");
		hp->has_length = true;
		hp->field = HTTP_FIELD_LENGTH;
	} else if (name_is(hp, "transfer-encoding")) {
		hp->has_encoding = true;
		hp->field = HTTP_FIELD_ENCODING;
	} else if (name_is(hp, "expect")) {
		hp->field = HTTP_FIELD_EXPECT;
		hp->expect_len = 0;
	} else if (name_is(hp, "access-control-request-headers")) {
		hp->field = HTTP_FIELD_ASKED;
		hp->asked_len = 0;
	} else if (is_noted(hp)) {
		note_begin(hp);
	}
	return 0;
}

/* expect_value - the value must be 100-continue, in any case */
static void
expect_value(struct http_parse *hp, const char *at, size_t n)
{
	static const char want[] = "100-continue";

	for (size_t i = 0; i < n; i++) {
		if (hp->expect_len >= sizeof(want) - 1 ||
		    tolower((unsigned char)at[i]) != want[hp->expect_len])
			hp->bad_expect = true;
		hp->expect_len++;
	}
	hp->expect = !hp->bad_expect && hp->expect_len == sizeof(want) - 1;
}

/* asked_value - keep the list of header names, if it is nothing but that */
static void
asked_value(struct http_parse *hp, const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool sound = isalnum((unsigned char)at[i]) ||
			     strchr("-_, ", at[i]) != NULL;

		if (!sound || hp->asked_len + 1 >= sizeof(hp->asked))
			hp->asked_len = sizeof(hp->asked);
		else
			hp->asked[hp->asked_len++] = at[i];
	}
}

static int
on_value(http_parser *p, const char *at, size_t n)
{
	struct http_parse *hp = p->data;

	if (!hp->in_value && start_value(hp) != 0)
		return 1;
	if (hp->field == HTTP_FIELD_EXPECT)
		expect_value(hp, at, n);
	else if (hp->field == HTTP_FIELD_ASKED)
		asked_value(hp, at, n);
	else if (hp->field == HTTP_FIELD_NOTE)
		note_value(hp, at, n);
	return count(hp, n);
}

/* check_body - may a body come, and how long is it? */
static int
check_body(struct http_parse *hp)
{
	const http_parser *p = &hp->p;

	if (hp->has_encoding)
		return refuse(hp, 411,
		    "Transfer-Encoding is not accepted; send Content-Length");
	if (p->method == HTTP_POST && !hp->has_length)
		return refuse(hp, 411, "Content-Length is required");
	if (hp->has_length && p->content_length == UINT64_MAX)
		return refuse(hp, 400, "Content-Length is empty");
	if (hp->has_length && p->content_length > hp->limits->body_max_bytes)
		return refuse(hp, 413, "body longer than %zu bytes",
		    hp->limits->body_max_bytes);
	return 0;
}

static int
on_headers_complete(http_parser *p)
{
	struct http_parse *hp = p->data;

	hp->in_headers = false;
	note_end(hp);
	end_path(hp);
	hp->asked[hp->asked_len < sizeof(hp->asked) ? hp->asked_len : 0] = '\0';
	hp->keep_alive = http_should_keep_alive(p) != 0;
	if (p->http_major != 1 || p->http_minor > 1)
		return refuse(hp, 505, "HTTP/1.0 and HTTP/1.1 are spoken here");
	if (hp->bad_expect || (hp->expect_len != 0 && !hp->expect))
		return refuse(hp, 417, "only Expect: 100-continue is known");
	if (check_body(hp) != 0)
		return 1;
	/* HTTP/1.0 knows no 100 Continue; no body, nothing to wait for. */
	if (p->http_minor == 0 || !hp->has_length || p->content_length == 0)
		hp->expect = false;
	/* We upgrade to nothing: CONNECT and Upgrade are read as requests. */
	p->upgrade = 0;
	return 0;
}

/* keep_body - copy a piece of the body, within everybody's budget */
static bool
keep_body(struct http_parse *hp, const char *at, size_t n)
{
	size_t before = hp->body.cap, grown, used;

	http_buf_add(&hp->body, at, n);
	grown = hp->body.cap - before;
	if (grown == 0)
		return !hp->body.failed;
	used = atomic_fetch_add(&hp->budget->used_bytes, grown) + grown;
	return !hp->body.failed && used <= hp->limits->bodies_max_bytes;
}

static int
on_body(http_parser *p, const char *at, size_t n)
{
	struct http_parse *hp = p->data;

	/* content_length counts down: 0 left and nothing before = whole. */
	if (hp->body.len == 0 && p->content_length == 0) {
		hp->body_at = at;
		hp->body_bytes = n;
		return 0;
	}
	if (!keep_body(hp, at, n))
		return refuse(hp, 503, "too many bodies under way; try again");
	hp->body_at = hp->body.p;
	hp->body_bytes = hp->body.len;
	return 0;
}

static int
on_message_complete(http_parser *p)
{
	struct http_parse *hp = p->data;

	hp->done = true;
	http_parser_pause(p, 1); /* what follows is the next request */
	return 0;
}

static const http_parser_settings http_settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void
http_parse_init(struct http_parse *hp, const struct http_limits *limits,
    struct http_budget *budget)
{
	memset(hp, 0, sizeof(*hp));
	hp->limits = limits;
	hp->budget = budget;
	http_buf_init(&hp->notes, HTTP_NOTES_BYTES);
	http_buf_init(&hp->body, limits->body_max_bytes);
	http_parser_init(&hp->p, HTTP_REQUEST);
	hp->p.data = hp;
	hp->in_headers = true;
}

void
http_parse_fini(struct http_parse *hp)
{
	if (hp->body.cap != 0)
		atomic_fetch_sub(&hp->budget->used_bytes, hp->body.cap);
	http_buf_fini(&hp->body);
	http_buf_fini(&hp->notes);
}

void
http_parse_next(struct http_parse *hp)
{
	http_parse_fini(hp);
	http_parse_init(hp, hp->limits, hp->budget);
}

/* parser_refused - the parser found something itself: which status is it? */
static void
parser_refused(struct http_parse *hp)
{
	enum http_errno e = HTTP_PARSER_ERRNO(&hp->p);

	if (e == HPE_HEADER_OVERFLOW)
		(void)refuse(hp, 431, "headers too long");
	else if (e == HPE_UNEXPECTED_CONTENT_LENGTH && hp->has_length)
		(void)refuse(hp, 400, "Content-Length is not clear");
	else
		(void)refuse(
		    hp, 400, "not HTTP: %s", http_errno_description(e));
}

enum http_parse_step
http_parse_feed(
    struct http_parse *hp, const char *p, size_t n, size_t *used_out)
{
	*used_out = http_parser_execute(&hp->p, &http_settings, p, n);
	if (hp->status != 0)
		return HTTP_PARSE_BAD;
	if (hp->done)
		return HTTP_PARSE_DONE;
	if (HTTP_PARSER_ERRNO(&hp->p) != HPE_OK || *used_out != n) {
		parser_refused(hp);
		return HTTP_PARSE_BAD;
	}
	if (!hp->in_headers && hp->expect && hp->body.len == 0) {
		hp->expect = false;
		return HTTP_PARSE_CONTINUE;
	}
	return HTTP_PARSE_MORE;
}
