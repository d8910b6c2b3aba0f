/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_HELP_FUZZ_H
#define TESTS_FUZZ_HELP_FUZZ_H

/*
 * help_fuzz - what a body of any protocol must lead to
 *
 *   - nothing crashes, leaks or goes beyond its bounds;
 *   - what is no call has a line and a reason;
 *   - arguments that were decoded, written and decoded again are equal;
 *   - every reply is as the protocol has it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "tests/server/help_rpc.h"

#define CHECK(x)                                                               \
	do {                                                                   \
		if (!(x)) {                                                    \
			fprintf(                                               \
			    stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);    \
			abort();                                               \
		}                                                              \
	} while (0)

struct help_fuzz {
	enum help_rpc protocol;
	double inexact; /* a double may come back so much of itself away */
	/* A whole reply; c is what was no call, when the codec answers that. */
	void (*check_reply)(
	    const struct api_call *c, const struct http_buf *out);
	void *reader; /* made when needed, kept */
};

/*
 * help_fuzz_body - a body, as the server takes it
 */
void help_fuzz_body(struct help_fuzz *f, const char *body, size_t n);

/*
 * help_fuzz_well_formed - a plain XML parser takes it
 */
void help_fuzz_well_formed(const struct http_buf *out);

#endif
