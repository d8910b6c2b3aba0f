/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_VAL_H
#define CLI_VAL_H

/*
 * cli_val - values as the command layer sees them, and the memory they are in
 *
 * A command knows the XenAPI by method names and values only; whether the
 * values came over XML-RPC or from the dispatch of the same process is the
 * caller's business.  A value is a tree without types beyond those of the wire:
 * refs, enums, uuids and datetimes are text, and an int may come as text, too
 * (the wire of the reference has no tag for it): cli_val_int takes both.
 *
 * Everything a command makes or receives lives in its pool, and goes with it.
 * A pool is bounded; when it is full, or the machine is, pool functions return
 * NULL and the pool remembers (cli_pool_failed), so the layer reports it once.
 *
 * DIAGNOSTICS none.  BUGS a text cannot hold NUL.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_POOL_MAX_BYTES (256u << 20)

struct cli_pool;

enum cli_kind {
	CLI_TEXT,  /* text: strings, refs, enums, datetimes, untagged ints */
	CLI_INT,   /* i */
	CLI_BOOL,  /* i, 0 or 1 */
	CLI_FLOAT, /* f */
	CLI_ARRAY, /* item[0..n) */
	CLI_STRUCT /* item[0..n) with their names name[0..n) */
};

struct cli_val {
	enum cli_kind kind;
	const char *text;	    /* never NULL in a CLI_TEXT */
	int64_t i;		    /* CLI_INT, CLI_BOOL */
	double f;		    /* CLI_FLOAT */
	size_t n;		    /* items */
	const struct cli_val *item; /* CLI_ARRAY, CLI_STRUCT */
	const char *const *name;    /* CLI_STRUCT */
};

/*
 * cli_pool_new - an empty pool that never holds more than max_bytes
 *
 * errors  NULL when out of memory
 */
struct cli_pool *cli_pool_new(size_t max_bytes);

/*
 * cli_pool_free - free it with all that is in it, set to NULL; NULL is fine
 */
void cli_pool_free(struct cli_pool **pool);

/*
 * cli_pool_get - n zeroed bytes, aligned for anything; NULL when full
 * cli_pool_array - the same for count things of size bytes, overflow checked
 */
void *cli_pool_get(struct cli_pool *pool, size_t n);
void *cli_pool_array(struct cli_pool *pool, size_t count, size_t size);

/*
 * cli_pool_text - a copy of s[0..n) with a NUL behind it; NULL when full
 * cli_pool_printf - a formatted text; NULL when full
 */
const char *cli_pool_text(struct cli_pool *pool, const char *s, size_t n);
const char *cli_pool_printf(struct cli_pool *pool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * cli_pool_failed - whether anything that was asked for could not be had
 */
bool cli_pool_failed(const struct cli_pool *pool);

/*
 * cli_val_text, cli_val_number, cli_val_bool, cli_val_float - a scalar
 *
 * note    the text is borrowed
 */
struct cli_val cli_val_text(const char *s);
struct cli_val cli_val_number(int64_t i);
struct cli_val cli_val_bool(bool b);
struct cli_val cli_val_float(double f);

/*
 * cli_val_member - the member of that name; NULL if v is no struct or has none
 */
const struct cli_val *cli_val_member(const struct cli_val *v, const char *name);

/*
 * cli_val_str - the text of a CLI_TEXT; "" for NULL and other kinds
 */
const char *cli_val_str(const struct cli_val *v);

/*
 * cli_val_int - read an int, or a text that is one
 *
 * out     i_out  untouched when false
 */
bool cli_val_int(const struct cli_val *v, int64_t *i_out);

/*
 * cli_val_true - a CLI_BOOL that is set
 */
bool cli_val_true(const struct cli_val *v);

#endif
