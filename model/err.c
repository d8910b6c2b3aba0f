/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err - a XenAPI failure: an error code of the IDL and its wire parameters
 */

/* System */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/err.h"
#include "model/idl.h"

/* Kept back for each parameter still to come: a ref or a number fits. */
#define RESERVE_BYTES IDL_REF_TEXT

/* arity_fits - may an error of this code have n parameters? */
static bool
arity_fits(enum err code, size_t n)
{
	const struct idl_error *e = &idl_errors[code];

	if (e->variadic)
		return n + 1 >= (size_t)e->nparams;
	return n == (size_t)e->nparams;
}

/* cut_utf8 - of the first n bytes of UTF-8, those that make whole characters */
static size_t
cut_utf8(const char *s, size_t n)
{
	size_t lead = n, want;
	unsigned char c;

	while (lead > 0 && ((unsigned char)s[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return n; /* not UTF-8: nothing to keep together */
	c = (unsigned char)s[--lead];
	want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return n - lead < want ? lead : n;
}

/* put - append a parameter, cut short so that `after` more still fit */
static void
put(struct failure *why, const char *s, size_t after)
{
	size_t room = ERR_TEXT_BYTES - why->used;
	size_t n = strlen(s);

	if (room <= after * RESERVE_BYTES + 1) {
		why->param[why->n++] = "";
		return;
	}
	room -= after * RESERVE_BYTES + 1;
	if (n > room)
		n = cut_utf8(s, room);
	why->param[why->n++] = why->text + why->used;
	memcpy(why->text + why->used, s, n);
	why->text[why->used + n] = '\0';
	why->used += n + 1;
}

/* start - a failure without parameters yet */
static void
start(struct failure *why, enum err code)
{
	why->code = code;
	why->n = 0;
	why->used = 0;
}

/* put_next - one parameter of err_fail; text is scratch for numbers */
static void
put_next(struct failure *why, char kind, va_list *ap, size_t after)
{
	char text[IDL_REF_TEXT];
	const char *s = text;

	switch (kind) {
	case 's':
		s = va_arg(*ap, const char *);
		break;
	case 'd':
		(void)snprintf(text, sizeof text, "%" PRId64,
		    va_arg(*ap, int64_t)); /* 20 characters at most */
		break;
	case 'f':
		(void)snprintf(text, sizeof text, "%.16g",
		    va_arg(*ap, double)); /* 24 characters at most */
		break;
	case 'r':
		idl_ref_write(va_arg(*ap, const struct idl_ref *), text);
		break;
	default:
		assert(0 && "a kind is one of s, d, f, r");
	}
	put(why, s, after);
}

enum err
err_fail(struct failure *why, enum err code, const char *kinds, ...)
{
	size_t i, n = strlen(kinds);
	struct failure f; /* parameters may point into *why */
	va_list ap;

	assert(n <= ERR_PARAMS_MAX);
	assert(arity_fits(code, n));
	if (why == NULL)
		return code;
	start(&f, code);
	va_start(ap, kinds);
	for (i = 0; i < n; i++)
		put_next(&f, kinds[i], &ap, n - i - 1);
	va_end(ap);
	err_copy(why, &f);
	return code;
}

enum err
err_internal(struct failure *why, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES]; /* parameters may point into *why */
	va_list ap;
	int r;

	if (why == NULL)
		return ERR_INTERNAL_ERROR;
	va_start(ap, fmt);
	r = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (r < 0)
		text[0] = '\0';
	else if ((size_t)r >= sizeof text)
		text[cut_utf8(text, sizeof text - 1)] = '\0';
	start(why, ERR_INTERNAL_ERROR);
	put(why, text, 0);
	return ERR_INTERNAL_ERROR;
}

void
err_copy(struct failure *dst, const struct failure *src)
{
	unsigned i;

	if (dst == src)
		return;
	start(dst, src->code);
	for (i = 0; i < src->n; i++)
		put(dst, src->param[i], 0);
}
