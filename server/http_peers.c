/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/http_priv.h"

#define PEERS_BUCKETS 1024

/* There are never more of these than connections. */
struct peer {
	struct peer *next;
	struct http_addr addr;
	unsigned n;
};

struct http_peers {
	pthread_mutex_t lock;
	struct peer *buckets[PEERS_BUCKETS];
};

/* bucket - FNV-1a; a caller who makes addresses collide owns a /52 or so */
static struct peer **
bucket(struct http_peers *p, const struct http_addr *addr)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		h = (h ^ addr->bytes[i]) * 16777619u;
	return &p->buckets[h % PEERS_BUCKETS];
}

struct http_peers *
http_peers_new(void)
{
	struct http_peers *p = calloc(1, sizeof(*p));

	if (p != NULL && pthread_mutex_init(&p->lock, NULL) != 0) {
		free(p);
		p = NULL;
	}
	return p;
}

void
http_peers_free(struct http_peers **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < PEERS_BUCKETS; i++)
		while ((*p)->buckets[i] != NULL) {
			struct peer *gone = (*p)->buckets[i];

			(*p)->buckets[i] = gone->next;
			free(gone);
		}
	pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

/* find - where the pointer to an address's entry is, or would be */
static struct peer **
find(struct http_peers *p, const struct http_addr *addr)
{
	struct peer **at = bucket(p, addr);

	while (*at != NULL && memcmp(&(*at)->addr, addr, sizeof(*addr)) != 0)
		at = &(*at)->next;
	return at;
}

bool
http_peers_enter(
    struct http_peers *p, const struct http_addr *addr, unsigned max)
{
	struct peer **at;
	bool ok = false;

	pthread_mutex_lock(&p->lock);
	at = find(p, addr);
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at != NULL)
			(*at)->addr = *addr;
	}
	if (*at != NULL && (*at)->n < max) {
		(*at)->n++;
		ok = true;
	}
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void
http_peers_leave(struct http_peers *p, const struct http_addr *addr)
{
	struct peer **at, *gone;

	pthread_mutex_lock(&p->lock);
	at = find(p, addr);
	gone = *at;
	if (gone != NULL && --gone->n == 0) {
		*at = gone->next;
		free(gone);
	}
	pthread_mutex_unlock(&p->lock);
}
