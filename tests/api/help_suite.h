/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_API_HELP_SUITE_H
#define TESTS_API_HELP_SUITE_H

/*
 * help_suite - what suites over a world `w` share
 *
 * A world is open before each test, and after it every law holds.
 */

/* System */
#include <criterion/criterion.h>

/* own */
#include "tests/api/help_world.h"

/*
 * suite_open - world_open, and it must be ready; suite_close - all laws hold,
 *         and it is gone
 */
void suite_open(struct world *w, const struct hv_sim_host *hosts, size_t n);
void suite_close(struct world *w);

/*
 * suite_two - two hosts, with uuids and names of their own
 * suite_find_two - their refs, in the order of the store
 */
void suite_two(struct hv_sim_host hosts[2]);
void suite_find_two(
    struct world *w, struct idl_ref *host_out, struct idl_ref *other_out);

/*
 * suite_member - one number of the map that a message about a VM answers with;
 *         -2: it is not there
 */
int64_t suite_member(struct world *w, const char *method,
    const struct idl_ref *vm, const char *key);

/* A suite in which each test has a world of one host, the default one. */
#define PLAIN_SUITE(name)                                                      \
	static struct world w;                                                 \
                                                                               \
	static void open_world(void)                                           \
	{                                                                      \
		suite_open(&w, NULL, 0);                                       \
	}                                                                      \
                                                                               \
	static void close_world(void)                                          \
	{                                                                      \
		suite_close(&w);                                               \
	}                                                                      \
                                                                               \
	TestSuite(name, .init = open_world, .fini = close_world)

/* A call must work; or fail, with exactly this. */
#define works(...)                                                             \
	cr_assert_eq(world_call(&w, __VA_ARGS__), ERR_NONE, "%s", world_why(&w))
#define refused(text, ...)                                                     \
	do {                                                                   \
		cr_expect_neq(world_call(&w, __VA_ARGS__), ERR_NONE);          \
		cr_expect_str_eq(world_why(&w), text);                         \
	} while (0)

#endif
