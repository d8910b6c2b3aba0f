/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_RPC_CHECK_H
#define TESTS_SERVER_HELP_RPC_CHECK_H

/*
 * help_rpc_check - tables of what a protocol takes and what it refuses
 */

#include "tests/server/help_rpc.h"

/* What a type takes. */
struct help_rpc_value {
	const char *sentence;
	const struct idl_type *type;
	const char *value; /* as a client sends it */
	const char *want;  /* help_rpc_outcome */
};

/* What is no call. */
struct help_rpc_bad {
	const char *sentence;
	const char *body;
	size_t n;	  /* 0: strlen */
	const char *want; /* what the text must say */
};

/*
 * help_rpc_check_values - each value as the parameter of a call
 */
void help_rpc_check_values(
    enum help_rpc protocol, const struct help_rpc_value *rows, size_t n);

/*
 * help_rpc_check_bad - each body is refused, and the reader goes on
 *
 * in      t  of the parameter that is expected; NULL: no such message
 */
void help_rpc_check_bad(enum help_rpc protocol, const struct idl_type *t,
    const struct help_rpc_bad *rows, size_t n);

#endif
