/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_UUID_H
#define XEN_HV_UUID_H

/*
 * hv_uuid - uuids that are made and compared, not read from a wire
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "xen/hv_command.h"

#include <stdbool.h>

/*
 * hv_uuid_of_name - a uuid that is always the same for a kind and a name
 *
 * returns version 8 (RFC 9562): the name cannot be read back from it
 */
struct hv_uuid hv_uuid_of_name(const char *kind, const char *name);

/*
 * hv_uuid_parse - the uuid that a text means
 *
 * out     u_out  untouched when false
 * returns false: it is none, or the null uuid
 */
bool hv_uuid_parse(const char *text, struct hv_uuid *u_out);

static inline bool
hv_uuid_equal(const struct hv_uuid *a, const struct hv_uuid *b)
{
	return a->hi == b->hi && a->lo == b->lo;
}

static inline bool
hv_uuid_is_null(const struct hv_uuid *u)
{
	return u->hi == 0 && u->lo == 0;
}

#endif
