/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

/*
 * cli_table - the error table, as the IDL compiler prints it for cli/
 *
 * The same rows as idl_errors[] of the model, which cli/ may not see.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>

struct cli_error {
	const char *code;
	const char *sentence;
	const char *const *param; /* param[0..n): names */
	/* kind[0..n): class of a ref, "bytes" of an amount, "" of all else */
	const char *const *kind;
	size_t n;
	bool variadic; /* the last parameter may repeat */
};

extern const struct cli_error cli_errors[];
extern const size_t cli_nerrors;

#endif
