/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

/*
 * pool - a few threads for what takes milliseconds or may block
 *
 * DIAGNOSTICS none.
 * BUGS first come, first served: a slow item delays those behind it.
 */

#include <stdbool.h>
#include <stddef.h>

struct pool;

/*
 * pool_new - threads that call run(item) for each item pushed
 *
 * in      queue_max  items that may wait
 * errors  NULL: out of memory or threads
 */
struct pool *pool_new(
    unsigned threads, size_t queue_max, void (*run)(void *item));

/*
 * pool_push - have an item run; false: the queue is full
 */
bool pool_push(struct pool *p, void *item);

/*
 * pool_free - run what waits, then end the threads; nobody may push any more
 */
void pool_free(struct pool **p);

#endif
