/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_ERR_H
#define MODEL_ERR_H

/*
 * err - a XenAPI failure: an error code of the IDL and its wire parameters
 *
 * enum err, and the table of codes and parameter names, are generated from
 * xenapi-memory.idl.  A struct failure is filled where the cause is known and
 * read by dispatch alone, which turns it into ErrorDescription.
 *
 * DIAGNOSTICS none.
 * BUGS parameters beyond the buffer are cut short (at a UTF-8 boundary), so
 * that a failure needs no allocation and can report that memory is out.
 */

#include "idl_errors.h" /* generated: enum err */

#include <stddef.h>

#define ERR_PARAMS_MAX 8
#define ERR_TEXT_BYTES 1000

struct failure {
	enum err code;			   /* ERR_NONE: nothing failed */
	unsigned n;			   /* parameters set */
	const char *param[ERR_PARAMS_MAX]; /* NUL-terminated, into text */
	size_t used;			   /* bytes of text in use */
	char text[ERR_TEXT_BYTES];
};

/*
 * err_fail - record a failure and return its code
 *
 * in      code; kinds: one letter for each parameter that follows:
 *         s const char *, d int64_t, f double, r const struct idl_ref *
 * out     why  overwritten; may be NULL
 * note    asserts that the number of letters is what the IDL's row says
 */
enum err err_fail(struct failure *why, enum err code, const char *kinds, ...);

/*
 * err_internal - ERR_INTERNAL_ERROR with a printf-formatted text
 */
enum err err_internal(struct failure *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * err_copy - dst becomes an equal of src that does not point into src
 */
void err_copy(struct failure *dst, const struct failure *src);

#endif
