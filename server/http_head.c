/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <assert.h>
#include <string.h>

/* Own */
#include "server/http_priv.h"

struct head {
	char text[HTTP_HEAD_ROOM];
	size_t n;
};

static const struct {
	int status;
	const char *reason;
} reasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Payload Too Large"},
    {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

static void
add(struct head *h, const char *s, size_t n)
{
	assert(h->n + n <= sizeof(h->text));
	memcpy(h->text + h->n, s, n);
	h->n += n;
}

static void
add_text(struct head *h, const char *s)
{
	add(h, s, strlen(s));
}

static void
add_number(struct head *h, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	add(h, digits + n, sizeof(digits) - n);
}

/* Names and their spelling are what the reference sends; see http.h. */
size_t
http_head_write(char *body, const struct http_conn *c, int status,
    const char *type, uint64_t bytes, const char *more)
{
	const http_parser *p = &c->parse.p;
	struct head h;

	h.n = 0;
	/* The version of the request; 1.1 when it could not be read. */
	add_text(&h, p->http_major == 1 && p->http_minor == 0 ? "HTTP/1.0 "
							      : "HTTP/1.1 ");
	add_number(&h, (uint64_t)status);
	add(&h, " ", 1);
	add_text(&h, reason_of(status));
	add_text(&h, c->close_after ? "\r\nconnection: close"
				    : "\r\nconnection: keep-alive");
	add_text(&h, "\r\ncache-control: no-cache, no-store");
	if (type != NULL) {
		add_text(&h, "\r\ncontent-type: ");
		add_text(&h, type);
	}
	add_text(&h, "\r\ncontent-length: ");
	add_number(&h, bytes);
	add_text(&h, "\r\nAccess-Control-Allow-Origin: *\r\n");
	if (more[0] != '\0')
		add_text(&h, more);
	else
		add_text(
		    &h, "Access-Control-Allow-Headers: X-Requested-With\r\n");
	add(&h, "\r\n", 2);
	memcpy(body - h.n, h.text, h.n);
	return h.n;
}
