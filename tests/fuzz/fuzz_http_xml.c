/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_http_xml - libFuzzer: bytes of a peer through HTTP and XML-RPC
 *
 * The first byte says how the rest is taken: 0 is a body for the XML-RPC
 * decoder; anything else is a connection's bytes, which come in pieces of that
 * length.  What must hold:
 *   - of a body, what help_fuzz says;
 *   - the pieces do not change what the HTTP parser understands;
 *   - every reply and every fault is well-formed XML.
 */

/* System */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/http_parse.h"
#include "tests/fuzz/help_fuzz.h"

#define REQUESTS_MAX 16

static const struct http_limits limits = {
    .body_max_bytes = 300 * 1024,
    .bodies_max_bytes = (size_t)1 << 20,
    .header_max_bytes = 4096,
    .headers_max = 32,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- XML-RPC ---- */

/* check_reply - replies and faults alike */
static void
check_reply(const struct api_call *c, const struct http_buf *out)
{
	(void)c; /* whatever it was */
	help_fuzz_well_formed(out);
}

/* Doubles are written with 16 digits. */
static struct help_fuzz xml = {
    .protocol = HELP_RPC_XML, .inexact = 1e-14, .check_reply = check_reply};

/* ---- HTTP ---- */

/* What one way of cutting the bytes into pieces led to. */
struct story {
	unsigned requests;
	bool refused; /* which of several reasons was met first may differ */
	size_t body_bytes[REQUESTS_MAX];
};

/* note_request - a complete request: remember it, decode its body */
static void
note_request(struct story *s, const struct http_parse *hp)
{
	s->body_bytes[s->requests] = hp->body_bytes;
	s->requests++;
	help_fuzz_body(&xml, hp->body_at, hp->body_bytes);
}

/* tell - feed pieces of so many bytes until the end or until refused */
static void
tell(struct story *s, const uint8_t *data, size_t size, size_t piece)
{
	struct http_budget budget = {0};
	struct http_parse hp;
	size_t n, used;
	char *copy;
	enum http_parse_step step = HTTP_PARSE_MORE;

	memset(s, 0, sizeof *s);
	http_parse_init(&hp, &limits, &budget);
	while (
	    size > 0 && step != HTTP_PARSE_BAD && s->requests < REQUESTS_MAX) {
		n = size < piece ? size : piece;
		copy = malloc(n);
		CHECK(copy != NULL);
		memcpy(copy, data, n);
		step = http_parse_feed(&hp, copy, n, &used);
		CHECK(used <= n);
		CHECK(step == HTTP_PARSE_BAD || step == HTTP_PARSE_DONE ||
		      used == n);
		CHECK(
		    atomic_load(&budget.used_bytes) <= limits.bodies_max_bytes);
		if (step == HTTP_PARSE_DONE) {
			note_request(s, &hp);
			http_parse_next(&hp);
		}
		free(copy);
		data += used;
		size -= used;
	}
	s->refused = step == HTTP_PARSE_BAD;
	CHECK(!s->refused || hp.status >= 400);
	http_parse_fini(&hp);
	CHECK(atomic_load(&budget.used_bytes) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story whole, pieces;

	if (size == 0)
		return 0;
	if (data[0] == 0) {
		help_fuzz_body(&xml, (const char *)data + 1, size - 1);
		return 0;
	}
	tell(&whole, data + 1, size - 1, size);
	tell(&pieces, data + 1, size - 1, data[0]);
	CHECK(memcmp(&whole, &pieces, sizeof whole) == 0);
	return 0;
}
