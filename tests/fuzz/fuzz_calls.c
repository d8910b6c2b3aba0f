/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_calls - libFuzzer: a sequence of XML-RPC calls to the whole service
 *
 * One input is a small history: bodies separated by bytes 0xff, each decoded,
 * dispatched and answered over a fresh world with a simulated host; an empty
 * body lets ten seconds go by.  Two spellings save the fuzzer from guessing:
 * any session is the session that is logged in, unless it is empty, and
 * OpaqueRef:00000000-0000-0000-0000-0000000000NN means the record NN of the
 * class in question.  FUZZ_SHOW in the environment prints every reply.  What
 * must hold:
 *   - every reply is well-formed XML;
 *   - every call ends, however late;
 *   - afterwards every invariant, sum and admission law is intact.
 */

/* System */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/xml.h"
#include "tests/api/help_world.h"
#include "tests/fuzz/help_fuzz.h"

#define SEPARATOR 0xff
#define CALLS_MAX 16
#define ARENA_BYTES ((size_t)1 << 20)
#define OUT_BYTES ((size_t)16 << 20)
#define STEP_MS 10000
#define STEPS_MAX 200 /* longer than any wait of the service */

/* A history on its way. */
struct history {
	struct world w;
	void *parser;
	struct idl_ref session;
	struct world_call calls[CALLS_MAX];
	unsigned ncalls;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* ---- what the world lacks: workers and users ---- */

static bool
work(void *ctx, struct api_call *c)
{
	(void)ctx;
	api_work_run(c);
	return true;
}

static enum err
login(void *ctx, const char *user, const char *password, const char *peer,
    struct api_user *user_out, struct failure *why)
{
	(void)ctx; /* one account, one password */
	(void)peer;
	if (strcmp(user, "root") != 0 || strcmp(password, "pw") != 0)
		return err_fail(
		    why, ERR_SESSION_AUTHENTICATION_FAILED, "ss", user, "no");
	*user_out = (struct api_user){.role = IDL_ROLE_POOL_ADMIN};
	return ERR_NONE;
}

static enum err
change_password(void *ctx, const char *user, const char *old_password,
    const char *new_password, struct failure *why)
{
	(void)ctx; /* nothing is kept */
	(void)user;
	(void)old_password;
	(void)new_password;
	(void)why;
	return ERR_NONE;
}

/* ---- one call ---- */

/* next_oldest - the oldest record younger than one (NULL: the oldest of all) */
static const struct idl_hdr *
next_oldest(const struct fld_view *v, int cls, const struct idl_hdr *than)
{
	const struct idl_hdr *h, *best = NULL;

	for (h = fld_next(v, cls, NULL); h != NULL;
	     h = fld_next(v, cls, &h->ref))
		if ((than == NULL || h->created > than->created) &&
		    (best == NULL || h->created < best->created))
			best = h;
	return best;
}

/* nth_record - the ref of record n of a class, 1 the oldest; or as it was */
static void
nth_record(struct world *w, int cls, struct idl_ref *ref)
{
	const struct fld_view *v = fld_pin(w->reader);
	const struct idl_hdr *h = NULL;

	CHECK(v != NULL);
	for (uint64_t i = 0; i < ref->lo; i++) {
		h = next_oldest(v, cls, h);
		if (h == NULL)
			break;
	}
	if (h != NULL)
		*ref = h->ref;
	fld_unpin(w->reader, v);
}

/* fill_in - what the spellings stand for */
static void
fill_in(struct history *y, struct api_call *c)
{
	struct idl_ref *ref;
	int cls;

	if (*c->session_text != '\0')
		c->session_ref = y->session;
	for (int i = 0; c->msg != NULL && i < c->msg->nparams; i++) {
		cls = c->msg->params[i].type->cls;
		if (c->msg->params[i].type->kind != IDL_REF || cls < 0)
			continue;
		ref = (struct idl_ref *)(void *)((char *)c->args +
						 c->msg->params[i].offset);
		if (ref->hi == 0 && ref->lo > 0 && ref->lo < 256)
			nth_record(&y->w, cls, ref);
	}
}

/* check_reply - is it written, and is it XML? */
static void
check_reply(const struct api_call *c)
{
	struct http_buf out;

	http_buf_init(&out, OUT_BYTES);
	CHECK(rpc_write_reply(&xml_codec, c, &out));
	if (getenv("FUZZ_SHOW") != NULL)
		fprintf(stderr, "%s: %.*s\n", c->method, (int)out.len, out.p);
	help_fuzz_well_formed(&out);
	http_buf_fini(&out);
}

static void
done(struct api_call *c)
{
	struct world_call *p = c->owner;

	CHECK(!p->ended);
	p->ended = true;
	check_reply(c);
}

/* settle - let the writer do all it can without time going by */
static void
settle(struct history *y)
{
	world_pass(&y->w, 0);
}

/* one_call - decode, dispatch; it may go on parked */
static void
one_call(struct history *y, const char *body, size_t n)
{
	struct world_call *p = &y->calls[y->ncalls];
	struct api_call *c = &p->c;
	char text[200];

	memset(p, 0, sizeof *p);
	p->w = &y->w;
	api_call_init(c, &y->w.env, ARENA_BYTES);
	c->origin = API_NETWORK;
	c->peer = "fuzz";
	if (!xml_codec.read(y->parser, body, n, c, text, sizeof text)) {
		api_call_fini(c);
		return;
	}
	fill_in(y, c);
	c->done = done;
	c->owner = p;
	y->ncalls++;
	api_dispatch(c, y->w.reader);
	settle(y);
}

/* ---- a history ---- */

/* begin - a fresh world, logged in */
static void
begin(struct history *y)
{
	world_open(&y->w, NULL, 0, NULL);
	y->w.env.work = work;
	y->w.env.login = login;
	y->w.env.change_password = change_password;
	y->parser = xml_codec.reader_new();
	CHECK(y->parser != NULL);
	CHECK(world_call(&y->w, "session.login_with_password", "root", "pw", "",
		  "") == ERR_NONE);
	y->session = y->w.result.ref;
	y->ncalls = 0;
}

/* end - every call ends; then all must add up */
static void
end(struct history *y)
{
	for (unsigned i = 0; i < y->ncalls; i++) {
		for (int k = 0; k < STEPS_MAX && !y->calls[i].ended; k++)
			world_pass(&y->w, STEP_MS);
		CHECK(y->calls[i].ended);
	}
	for (unsigned i = 0; i < y->ncalls; i++)
		api_call_fini(&y->calls[i].c);
	world_check(&y->w);
	xml_codec.reader_free(y->parser);
	world_close(&y->w);
}

/* ---- mutations that keep the XML whole ---- */

/* replace - bytes [at, at + n) by others; returns the new size, or size */
static size_t
replace(uint8_t *data, size_t size, size_t max_size, size_t at, size_t n,
    const void *by, size_t by_n)
{
	if (size - n + by_n > max_size)
		return size;
	memmove(data + at + by_n, data + at + n, size - at - n);
	memcpy(data + at, by, by_n);
	return size - n + by_n;
}

/* other_number - another amount, or the last digit of a ref, in some body */
static size_t
other_number(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const char *const numbers[] = {"0", "1", "2", "3", "-1",
	    "1048576", "1073741824", "1610612736", "2147483648", "4294967296",
	    "8589934592", "34359738368", "64424509440", "68719476736",
	    "1099511627776", "9223372036854775807", "1073741825"};
	const char *by = numbers[seed % (sizeof numbers / sizeof *numbers)];
	size_t at = seed / 32 % size, n = 0;

	while (at < size && (data[at] < '0' || data[at] > '9'))
		at++;
	while (at + n < size && data[at + n] >= '0' && data[at + n] <= '9')
		n++;
	if (n == 0)
		return size;
	return replace(data, size, max_size, at, n, by, strlen(by));
}

/* again - one body once more, somewhere; or a while passes */
static size_t
again(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const uint8_t later[] = {SEPARATOR, SEPARATOR};
	uint8_t body[4096];
	size_t from = seed % size, at = seed / 64 % size, n = 1;

	while (from > 0 && data[from] != SEPARATOR)
		from--;
	while (at < size && data[at] != SEPARATOR)
		at++;
	if (seed % 8 == 0)
		return replace(
		    data, size, max_size, at, 0, later, sizeof later);
	while (from + n < size && n < sizeof body - 1 &&
	       data[from + n] != SEPARATOR)
		n++;
	body[0] = SEPARATOR;
	memcpy(body + 1, data + from, n);
	return replace(data, size, max_size, at, 0, body, n + 1);
}

/* Called by libFuzzer; seldom plain bytes, as they seldom stay a call. */
size_t
LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	if (size == 0 || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (seed % 8 < 5)
		return other_number(data, size, max_size, seed / 8);
	return again(data, size, max_size, seed / 8);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct history y;
	const uint8_t *stop;
	size_t n;

	begin(&y);
	while (size > 0 && y.ncalls < CALLS_MAX) {
		stop = memchr(data, SEPARATOR, size);
		n = stop == NULL ? size : (size_t)(stop - data);
		if (n == 0)
			world_pass(&y.w, STEP_MS);
		else
			one_call(&y, (const char *)data, n);
		n += stop == NULL ? 0 : 1;
		data += n;
		size -= n;
	}
	end(&y);
	return 0;
}
