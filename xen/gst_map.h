/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_GST_MAP_H
#define XEN_GST_MAP_H

/*
 * gst_map - things found by the uuid of a domain
 *
 * Intrusive: each begins with a struct gst_node and is the caller's to make
 * and to free.
 *
 * Threads: one at a time.
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>

#include "xen/hv_command.h"

struct gst_node {
	struct gst_node *next; /* same bucket */
	struct hv_uuid uuid;
};

struct gst_map {
	struct gst_node **bucket; /* a power of two of them */
	size_t nbuckets, n;
};

/*
 * gst_map_init - an empty map; false: out of memory
 * gst_map_fini - free the map, not what is in it; zeroed is fine
 */
bool gst_map_init(struct gst_map *m);
void gst_map_fini(struct gst_map *m);

/*
 * gst_map_find - the thing with a uuid; NULL: none
 */
struct gst_node *gst_map_find(
    const struct gst_map *m, const struct hv_uuid *uuid);

/*
 * gst_map_add - a thing whose uuid is set and not in the map
 * gst_map_remove - a thing that is in it; not freed
 */
void gst_map_add(struct gst_map *m, struct gst_node *n);
void gst_map_remove(struct gst_map *m, struct gst_node *n);

/*
 * gst_map_next - each thing in turn, in no order
 *
 * in      n  NULL: the first; the one before may have been removed only if
 *         next was asked for first
 * returns NULL: there are no more
 */
struct gst_node *gst_map_next(
    const struct gst_map *m, const struct gst_node *n);

#endif
