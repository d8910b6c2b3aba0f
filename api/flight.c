/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/flight.h"

#define BUCKETS 1024
#define KEY_MAX 48 /* an address without its port */

/* Somebody with calls in flight; there are never more of these than calls. */
struct flyer {
	struct flyer *next;
	unsigned n;
	size_t bytes;
	char key[KEY_MAX];
};

struct api_flights {
	pthread_mutex_t lock;
	struct flyer *buckets[BUCKETS];
};

/* Whose calls are counted. */
struct key {
	size_t bytes; /* 0: nobody's */
	char text[KEY_MAX];
};

struct api_flights *
api_flights_new(void)
{
	struct api_flights *f = calloc(1, sizeof(*f));

	if (f != NULL && pthread_mutex_init(&f->lock, NULL) != 0) {
		free(f);
		f = NULL;
	}
	return f;
}

void
api_flights_free(struct api_flights **fp)
{
	struct api_flights *f = *fp;

	if (f == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (f->buckets[i] != NULL) {
			struct flyer *gone = f->buckets[i];

			f->buckets[i] = gone->next;
			free(gone);
		}
	(void)pthread_mutex_destroy(&f->lock); /* nobody holds it */
	free(f);
	*fp = NULL;
}

/* session_key - refs are random: no two lengths of key are the same */
static struct key
session_key(const struct api_call *c)
{
	struct key k = {.bytes = 0};

	if (c->origin == API_INTERNAL || idl_ref_is_null(&c->session_ref) ||
	    c->msg == NULL || (c->msg->flags & IDL_M_NOSESSION))
		return k;
	k.text[0] = 's';
	memcpy(k.text + 1, &c->session_ref, sizeof(c->session_ref));
	k.bytes = 1 + sizeof(c->session_ref);
	return k;
}

/* address_key - who is on the Unix socket is bounded there */
static struct key
address_key(const struct api_call *c)
{
	const char *colon = strrchr(c->peer, ':');
	struct key k = {.bytes = 0};

	if (c->origin != API_NETWORK || colon == NULL)
		return k;
	k.bytes = (size_t)(colon - c->peer);
	if (k.bytes > KEY_MAX - 1)
		k.bytes = KEY_MAX - 1;
	k.text[0] = 'a';
	memcpy(k.text + 1, c->peer, k.bytes);
	k.bytes++;
	return k;
}

/* find - where the flyer with a key is, or is to be; under the lock */
static struct flyer **
find(struct api_flights *f, const struct key *k)
{
	uint32_t h = 2166136261u;
	struct flyer **at;

	for (size_t i = 0; i < k->bytes; i++)
		h = (h ^ (unsigned char)k->text[i]) * 16777619u;
	at = &f->buckets[h % BUCKETS];
	while (*at != NULL && ((*at)->bytes != k->bytes ||
				  memcmp((*at)->key, k->text, k->bytes) != 0))
		at = &(*at)->next;
	return at;
}

/* more - one more of a key; false: too many, or out of memory */
static bool
more(struct api_flights *f, const struct key *k, unsigned max)
{
	struct flyer **at;

	if (k->bytes == 0 || max == 0)
		return true;
	at = find(f, k);
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return false;
		(*at)->bytes = k->bytes;
		memcpy((*at)->key, k->text, k->bytes);
	}
	if ((*at)->n >= max)
		return false;
	(*at)->n++;
	return true;
}

/* less - one less of a key */
static void
less(struct api_flights *f, const struct key *k, unsigned max)
{
	struct flyer **at, *gone;

	if (k->bytes == 0 || max == 0)
		return;
	at = find(f, k);
	gone = *at;
	if (gone == NULL || --gone->n > 0)
		return;
	*at = gone->next;
	free(gone);
}

/* wait_key - waits are counted apart from calls that work */
static struct key
wait_key(const struct api_call *c)
{
	struct key k = session_key(c);

	k.text[0] = 'w';
	return k;
}

bool
api_flight_enter(struct api_call *c)
{
	const struct api_limits *l = &c->env->limits;
	struct key session = session_key(c), address = address_key(c);
	struct api_flights *f = c->env->flights;
	bool ok;

	if (f == NULL)
		return true;
	pthread_mutex_lock(&f->lock);
	ok = more(f, &session, l->calls_per_session);
	if (ok && !more(f, &address, l->calls_per_address)) {
		less(f, &session, l->calls_per_session);
		ok = false;
	}
	pthread_mutex_unlock(&f->lock);
	c->counted = ok ? API_COUNTED : API_UNCOUNTED;
	return ok;
}

bool
api_flight_wait(struct api_call *c)
{
	struct key session = wait_key(c);
	struct api_flights *f = c->env->flights;
	bool ok;

	if (f == NULL || c->counted != API_UNCOUNTED)
		return true;
	pthread_mutex_lock(&f->lock);
	ok = more(f, &session, c->env->limits.event_waits_per_session);
	pthread_mutex_unlock(&f->lock);
	if (ok)
		c->counted = API_COUNTED_WAIT;
	return ok;
}

void
api_flight_leave(struct api_call *c)
{
	const struct api_limits *l = &c->env->limits;
	struct key session = session_key(c), address = address_key(c);
	struct key wait = wait_key(c);
	struct api_flights *f = c->env->flights;

	if (c->counted == API_UNCOUNTED)
		return;
	pthread_mutex_lock(&f->lock);
	if (c->counted == API_COUNTED_WAIT) {
		less(f, &wait, l->event_waits_per_session);
	} else {
		less(f, &session, l->calls_per_session);
		less(f, &address, l->calls_per_address);
	}
	pthread_mutex_unlock(&f->lock);
	c->counted = API_UNCOUNTED;
}
