/* SPDX-License-Identifier: BSD-2-Clause */
/* A failure says what it was told, or as much as fits. */

/* System */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Model */
#include "model/err.h"
#include "model/idl.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct idl_ref some_ref = {0x0123456789abcdef, 0xfedcba9876543210};

/* is_utf8_end - does the text end with a whole character? */
static bool
is_utf8_end(const char *s)
{
	size_t n = strlen(s), tail = 0;
	unsigned char c;

	while (n > 0 && ((unsigned char)s[n - 1] & 0xc0) == 0x80) {
		n--;
		tail++;
	}
	if (n == 0)
		return tail == 0;
	c = (unsigned char)s[n - 1];
	return tail == (c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3);
}

Test(err, parameters_are_printed_by_their_kind)
{
	struct failure why;

	cr_expect_eq(
	    err_fail(&why, ERR_INVALID_VALUE, "sd", "total", INT64_MIN),
	    ERR_INVALID_VALUE);
	cr_expect_eq(why.code, ERR_INVALID_VALUE);
	cr_expect_eq(why.n, 2);
	cr_expect_str_eq(why.param[0], "total");
	cr_expect_str_eq(why.param[1], "-9223372036854775808");
	err_fail(&why, ERR_HANDLE_INVALID, "sr", "VM", &some_ref);
	cr_expect_str_eq(
	    why.param[1], "OpaqueRef:01234567-89ab-cdef-fedc-ba9876543210");
	err_fail(&why, ERR_HANDLE_INVALID, "sr", "VM", &(struct idl_ref){0, 0});
	cr_expect_str_eq(why.param[1], "OpaqueRef:NULL");
	err_fail(&why, ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER, "");
	cr_expect_eq(why.n, 0);
}

Test(err, doubles_have_at_most_16_digits)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
	    {0.5, "0.5"},
	    {1.0, "1"},
	    {0.1, "0.1"},
	    {-0.0, "-0"},
	    {1.0 / 3, "0.3333333333333333"},
	    {1e300, "1e+300"},
	    {-1.7976931348623157e308, "-1.797693134862316e+308"},
	    {NAN, "nan"},
	    {INFINITY, "inf"},
	};
	struct failure why;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		err_fail(
		    &why, ERR_INVALID_VALUE, "sf", "multiplier", rows[i].value);
		cr_expect_str_eq(why.param[1], rows[i].text);
	}
}

Test(err, nobody_need_listen)
{
	cr_expect_eq(err_fail(NULL, ERR_INVALID_VALUE, "ss", "a", "b"),
	    ERR_INVALID_VALUE);
	cr_expect_eq(err_internal(NULL, "%d", 1), ERR_INTERNAL_ERROR);
}

Test(err, a_long_parameter_is_cut_and_leaves_room_for_the_next)
{
	char big[5000];
	const char *name = "name";
	struct failure why;
	size_t lead;

	for (lead = 0; lead < 4; lead++) {
		/* four-byte characters, moved by 0 to 3 places */
		memset(big, 'x', sizeof big);
		for (size_t i = lead; i + 4 < sizeof big; i += 4)
			memcpy(big + i, "\xf0\x9f\x90\xa7", 4);
		big[lead + 4 * 1000] = '\0';
		err_fail(&why, ERR_INVALID_VALUE, "sd", big, INT64_MIN);
		cr_expect_gt(strlen(why.param[0]), 900);
		cr_expect_eq(
		    strncmp(why.param[0], big, strlen(why.param[0])), 0);
		cr_expect(is_utf8_end(why.param[0]));
		cr_expect_str_eq(why.param[1], "-9223372036854775808");
		err_fail(&why, ERR_INVALID_VALUE, "ss", big, big);
		cr_expect(is_utf8_end(why.param[0]));
		cr_expect(is_utf8_end(why.param[1]));
		cr_expect_leq(why.used, ERR_TEXT_BYTES);
		err_fail(&why, ERR_INVALID_VALUE, "ss", name, big);
		cr_expect_str_eq(why.param[0], name);
		cr_expect_gt(strlen(why.param[1]), 980);
		err_internal(&why, "%s", big);
		cr_expect_gt(strlen(why.param[0]), 990);
		cr_expect(is_utf8_end(why.param[0]));
	}
}

Test(err, text_that_is_not_utf8_is_cut_where_it_must)
{
	char big[3000];
	struct failure why;

	memset(big, 0x80, sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_internal(&why, "%s", big);
	cr_expect_eq(strlen(why.param[0]), ERR_TEXT_BYTES - 1);
}

Test(err, internal_is_one_text)
{
	struct failure why;

	cr_expect_eq(err_internal(&why, "not stored: %s (%d)", "disk full", 28),
	    ERR_INTERNAL_ERROR);
	cr_expect_eq(why.n, 1);
	cr_expect_str_eq(why.param[0], "not stored: disk full (28)");
}

Test(err, a_failure_may_wrap_itself)
{
	struct failure why;

	err_internal(&why, "disk full");
	err_internal(&why, "not stored: %s", why.param[0]);
	cr_expect_str_eq(why.param[0], "not stored: disk full");
	err_fail(&why, ERR_INVALID_VALUE, "ss", "field", why.param[0]);
	cr_expect_str_eq(why.param[1], "not stored: disk full");
}

Test(err, a_copy_does_not_look_into_its_source)
{
	struct failure src, dst;

	err_fail(&src, ERR_INVALID_VALUE, "sd", "total", (int64_t)-1);
	err_copy(&dst, &src);
	memset(&src, 0x55, sizeof src);
	cr_expect_eq(dst.code, ERR_INVALID_VALUE);
	cr_expect_eq(dst.n, 2);
	cr_expect_str_eq(dst.param[0], "total");
	cr_expect_str_eq(dst.param[1], "-1");
	err_copy(&dst, &dst);
	cr_expect_str_eq(dst.param[1], "-1");
}

Test(err, every_code_of_the_idl_has_a_name_and_a_sentence)
{
	cr_expect_str_eq(idl_errors[ERR_INTERNAL_ERROR].code, "INTERNAL_ERROR");
	cr_expect_eq(idl_errors[ERR_HOST_NOT_ENOUGH_FREE_MEMORY].nparams, 2);
	cr_expect_gt(strlen(idl_errors[ERR_INVALID_VALUE].sentence), 0);
}
