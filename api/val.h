/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_VAL_H
#define API_VAL_H

/*
 * val - from what a protocol brings to typed arguments, the same for all
 *
 * A decoder knows its grammar; what a text, an array or an object means for a
 * parameter is said here.  Every value has a slot: its type, the place of the
 * native value and the name that a failure carries.  A slot without a type
 * takes nothing: the decoder skips the value.
 *
 *   int       decimal text, '-' allowed, 64 bit: an int or text
 *   float     a finite decimal number: a float, an int or text
 *   bool      a bool, nothing else
 *   datetime  YYYYMMDDTHH:MM:SS, dashes, a fraction and a final Z allowed; UTC
 *   ref       text; "" is the null ref; HANDLE_INVALID when no ref of ours
 *   enum      text; INVALID_VALUE when it is none of the values
 *   map       an object; of members with the same name the last one counts
 *   record    an object; fields a constructor takes, other members are
 *             ignored, of members with the same name the last one counts
 *
 * Anything else is FIELD_TYPE_ERROR with the slot's name.  The first failure
 * is kept in c->bad, where dispatch finds it in its turn.
 *
 * All functions that return bool return false for one reason: the call's arena
 * is full, and the decoder must give up.
 *
 * val_call.c    method, session and parameters
 * val_gather.c  sets, maps and records while their elements arrive
 * val_scalar.c  text to native scalars and back
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"

#define API_VAL_NUMBER_BYTES 32 /* text of any number or datetime, and NUL */

/* What the protocol says that a scalar is. */
enum api_val_form {
	API_VAL_TEXT,
	API_VAL_INT,
	API_VAL_FLOAT,
	API_VAL_BOOL, /* "0" or "1" */
	API_VAL_DATETIME,
	API_VAL_ALIEN, /* none that any parameter takes: nil, base64 */
};

/* Where a value goes. */
struct api_slot {
	const struct idl_type *type; /* NULL: nowhere, skip the value */
	void *dest;		     /* place for the native value */
	const char *where;	     /* parameter or field, for failures */
};

/* What has come of a set, map or record. */
struct api_gather {
	struct api_slot slot;
	uint32_t n, cap;
	char *keys;  /* MAP: cap native keys */
	char *items; /* MAP: cap values; SET: cap elements; RECORD: struct */
	bool *given; /* RECORD: by field */
};

typedef const struct idl_msg *api_find_f(const char *name, size_t n);

/* The type of the session parameter's slot: any scalar, then api_val_session.
 */
extern const struct idl_type api_val_session_type;

/*
 * api_val_call - what the protocol fills of a call is as before its first byte
 * api_val_method - which message, and room for its arguments with defaults
 *
 * in      find  api_msg_find, or a test's own
 *         name  n bytes
 */
void api_val_call(struct api_call *c);
bool api_val_method(
    struct api_call *c, api_find_f *find, const char *name, size_t n);

/*
 * api_val_param - count one more parameter; where does its value go?
 */
struct api_slot api_val_param(struct api_call *c);

/*
 * api_val_session - the session parameter's text; whether it lives is not ours
 */
bool api_val_session(struct api_call *c, const char *text, size_t n);

/*
 * api_val_scalar - a scalar for a slot that has a type
 *
 * in      text[0..n), text[n] is NUL
 */
bool api_val_scalar(struct api_call *c, const struct api_slot *to,
    enum api_val_form form, const char *text, size_t n);

/*
 * api_val_fail_type - FIELD_TYPE_ERROR unless something failed before
 */
void api_val_fail_type(struct api_call *c, const char *where);

/*
 * api_val_open_object, api_val_open_array - start to gather for g->slot
 * api_val_close_object, api_val_close_array - all came: store at g->slot.dest
 *
 * note    g->slot.type is NULL afterwards when the value does not fit
 */
bool api_val_open_object(struct api_call *c, struct api_gather *g);
bool api_val_open_array(struct api_call *c, struct api_gather *g);
bool api_val_close_object(struct api_call *c, struct api_gather *g);
bool api_val_close_array(struct api_call *c, struct api_gather *g);

/*
 * api_val_item - place for one more element of an array
 * api_val_member - place for the value of the member that a name names
 *
 * in      name[0..n), name[n] is NUL
 */
bool api_val_item(
    struct api_call *c, struct api_gather *g, struct api_slot *slot_out);
bool api_val_member(struct api_call *c, struct api_gather *g, const char *name,
    size_t n, struct api_slot *slot_out);

/*
 * api_val_int_text, api_val_datetime_text - text of a number
 *
 * out     text  API_VAL_NUMBER_BYTES
 * returns its length; no NUL is written
 */
size_t api_val_int_text(int64_t v, char *text);
size_t api_val_datetime_text(int64_t v, char *text);

/*
 * api_val_utf8_bytes - length of the character that starts at s
 *
 * in      s  NUL-terminated
 * returns 0 when it is broken, overlong, a surrogate or beyond U+10FFFF
 */
size_t api_val_utf8_bytes(const unsigned char *s);

#endif
