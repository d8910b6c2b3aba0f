/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <pthread.h>
#include <stdlib.h>

/* Own */
#include "server/pool.h"

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more; /* an item, or the end */
	void (*run)(void *item);
	bool ending;
	size_t first, n, max; /* ring */
	void **items;	      /* max */
	unsigned nthreads;
	pthread_t *threads;
};

/* take - the next item; NULL: the end */
static void *
take(struct pool *p)
{
	void *item = NULL;

	pthread_mutex_lock(&p->lock);
	while (p->n == 0 && !p->ending)
		pthread_cond_wait(&p->more, &p->lock);
	if (p->n > 0) {
		item = p->items[p->first];
		p->first = (p->first + 1) % p->max;
		p->n--;
	}
	pthread_mutex_unlock(&p->lock);
	return item;
}

static void *
work(void *arg)
{
	struct pool *p = arg;
	void *item;

	while ((item = take(p)) != NULL)
		p->run(item);
	return NULL;
}

struct pool *
pool_new(unsigned threads, size_t queue_max, void (*run)(void *item))
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->run = run;
	p->max = queue_max;
	(void)pthread_mutex_init(&p->lock, NULL); /* cannot fail here */
	(void)pthread_cond_init(&p->more, NULL);  /* likewise */
	p->items = calloc(queue_max, sizeof(*p->items));
	p->threads = calloc(threads, sizeof(*p->threads));
	while (p->items != NULL && p->threads != NULL &&
	       p->nthreads < threads &&
	       pthread_create(&p->threads[p->nthreads], NULL, work, p) == 0)
		p->nthreads++;
	if (p->nthreads < threads)
		pool_free(&p);
	return p;
}

bool
pool_push(struct pool *p, void *item)
{
	bool ok;

	pthread_mutex_lock(&p->lock);
	ok = p->n < p->max;
	if (ok) {
		p->items[(p->first + p->n) % p->max] = item;
		p->n++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nthreads; i++)
		(void)pthread_join(p->threads[i], NULL);
	(void)pthread_cond_destroy(&p->more);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p->items);
	free(p);
	*pp = NULL;
}
