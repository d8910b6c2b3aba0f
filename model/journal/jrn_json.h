/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_JRN_JSON_H
#define MODEL_JRN_JSON_H

/*
 * jrn_json - sets and maps as JSON text, for columns that people read
 *
 * A set is an array, a map an object in its own order; strings, enum values
 * and refs are strings ("OpaqueRef:<uuid>", "" for no ref), ints and floats
 * numbers; map keys are strings whatever their type.  The empty set or map as
 * a whole is the empty text.  Reading is strict: one value of exactly the
 * type, nothing after it, no key twice, no U+0000, white space allowed.
 *
 * Own code instead of a JSON library: the type is known beforehand, so values
 * go straight to their native place, and a start-up reads a hundred thousand.
 *
 * DIAGNOSTICS none.
 * BUGS floats assume the C locale's decimal point; NaN is read back as
 * infinity.
 */

#include <stdbool.h>
#include <stddef.h>

#include "model/arena.h"
#include "model/idl.h"

/*
 * jrn_json_bytes - length of the text of a native value, without NUL
 * jrn_json_write - write it: exactly that many bytes, no NUL
 *
 * in      t  any type but RECORD and VOID; map keys neither SET nor MAP
 */
size_t jrn_json_bytes(const struct idl_type *t, const void *value);
void jrn_json_write(const struct idl_type *t, const void *value, char *text);

/*
 * jrn_json_parse - the native value that a text means
 *
 * in      text  n bytes of UTF-8, and a NUL after them
 * out     value_out  its parts in the arena; untouched on failure
 * returns NULL, or what is wrong: a static text
 */
const char *jrn_json_parse(const struct idl_type *t, const char *text, size_t n,
    void *value_out, struct arena *a);

/*
 * jrn_ref_parse - strictly what we write: OpaqueRef:<lower case>, or "" for
 * none
 */
bool jrn_ref_parse(const char *text, size_t n, struct idl_ref *ref_out);

/*
 * jrn_utf8_ok - well-formed UTF-8 without U+0000, surrogates and overlong forms
 */
bool jrn_utf8_ok(const char *s, size_t n);

#endif
