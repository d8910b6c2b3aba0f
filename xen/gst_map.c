/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/gst_map.h"

#define FIRST_BUCKETS 16

/* place_of - the bucket of a uuid among so many */
static size_t
place_of(const struct hv_uuid *uuid, size_t nbuckets)
{
	uint64_t h = (uuid->hi ^ uuid->lo) * 0x9e3779b97f4a7c15ull;

	return (size_t)(h >> 32) & (nbuckets - 1);
}

bool
gst_map_init(struct gst_map *m)
{
	m->n = 0;
	m->nbuckets = FIRST_BUCKETS;
	m->bucket = calloc(m->nbuckets, sizeof(struct gst_node *));
	return m->bucket != NULL;
}

void
gst_map_fini(struct gst_map *m)
{
	free(m->bucket);
	memset(m, 0, sizeof(*m));
}

struct gst_node *
gst_map_find(const struct gst_map *m, const struct hv_uuid *uuid)
{
	struct gst_node *n = m->bucket[place_of(uuid, m->nbuckets)];

	while (n != NULL && (n->uuid.hi != uuid->hi || n->uuid.lo != uuid->lo))
		n = n->next;
	return n;
}

/* link_in - into its bucket */
static void
link_in(struct gst_node **bucket, size_t nbuckets, struct gst_node *n)
{
	struct gst_node **at = &bucket[place_of(&n->uuid, nbuckets)];

	n->next = *at;
	*at = n;
}

/* grow - twice the buckets; without memory the lists only become longer */
static void
grow(struct gst_map *m)
{
	size_t nbuckets = m->nbuckets * 2;
	struct gst_node **bucket = calloc(nbuckets, sizeof(struct gst_node *));
	struct gst_node *n;

	if (bucket == NULL)
		return;
	for (size_t i = 0; i < m->nbuckets; i++)
		while ((n = m->bucket[i]) != NULL) {
			m->bucket[i] = n->next;
			link_in(bucket, nbuckets, n);
		}
	free(m->bucket);
	m->bucket = bucket;
	m->nbuckets = nbuckets;
}

void
gst_map_add(struct gst_map *m, struct gst_node *n)
{
	if (m->n >= m->nbuckets)
		grow(m);
	link_in(m->bucket, m->nbuckets, n);
	m->n++;
}

void
gst_map_remove(struct gst_map *m, struct gst_node *n)
{
	struct gst_node **at = &m->bucket[place_of(&n->uuid, m->nbuckets)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	m->n--;
}

struct gst_node *
gst_map_next(const struct gst_map *m, const struct gst_node *n)
{
	size_t i = 0;

	if (n != NULL) {
		if (n->next != NULL)
			return n->next;
		i = place_of(&n->uuid, m->nbuckets) + 1;
	}
	for (; i < m->nbuckets; i++)
		if (m->bucket[i] != NULL)
			return m->bucket[i];
	return NULL;
}
