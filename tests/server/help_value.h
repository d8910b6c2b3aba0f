/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_VALUE_H
#define TESTS_SERVER_HELP_VALUE_H

/*
 * help_value - types to try a protocol with, and values of them
 *
 * Not only the types the IDL has today: those here too.
 */

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"

extern const struct idl_type help_value_string, help_value_int,
    help_value_float, help_value_bool, help_value_datetime, help_value_ref,
    help_value_any, help_value_enum, help_value_strings, help_value_ints,
    help_value_sets, help_value_map, help_value_int_map, help_value_ref_map,
    help_value_void, help_value_vm;

/*
 * help_value_random - a random native value of a type, in an arena
 *
 * in      seed  changed; never 0
 *         help_value_plain  no CR, nothing beyond U+FFFF
 *         to  idl_native_bytes(t)
 */
extern bool help_value_plain;
void help_value_random(
    const struct idl_type *t, void *to, struct arena *a, uint64_t *seed);

/*
 * help_value_equal - the same, as far as a call can carry it: of a record, the
 *         fields that a constructor takes
 */
bool help_value_equal(const struct idl_type *t, const void *a, const void *b);

/*
 * help_value_each_type - every distinct type that the IDL's fields, parameters
 *         and results have
 */
void help_value_each_type(void (*each)(const struct idl_type *t));

#endif
