/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_API_HELP_PLAY_H
#define TESTS_API_HELP_PLAY_H

/*
 * help_play - random calls of a world, several of them under way at a time
 *
 * DIAGNOSTICS Criterion's.  BUGS none known.
 */

#include "tests/api/help_calls.h"
#include "tests/api/help_world.h"

#define PLAY_CALLS 6	/* under way at a time */
#define PLAY_VMS_MAX 80 /* more than there are ever */

/* A call that was sent. */
struct play_call {
	struct api_call c;
	bool busy, ended;
};

/* A world, what runs in it, and how much came of it. */
struct play {
	struct world w;
	struct help_random r;
	struct play_call call[PLAY_CALLS];
	uint64_t good, bad; /* calls that worked, that failed */
	char said[200];	    /* the last call, for whoever reads a failure */
	/* If set: a call was answered. */
	void (*heard)(struct play *p, const struct api_call *c);
};

/*
 * play_begin - send a random call; it may end at once
 *
 * in      s  not busy
 *         v  what the caller knows
 */
void play_begin(struct play *p, struct play_call *s, const struct fld_view *v);

/*
 * play_say - remember a call in words
 */
void play_say(struct play *p, const struct api_call *c);

/*
 * play_reap - calls that were answered go
 *
 * note    asserts that nothing went wrong inside, but what the hypervisor
 *         refused
 */
void play_reap(struct play *p);

/*
 * play_kill - the daemon dies with all its calls, and is started again
 */
void play_kill(struct play *p, enum world_reboot reboot);

/*
 * play_end_all - let everything under way end; asserts that it does
 * play_clear - end and delete every VM, and let every reservation expire;
 *         asserts that it is possible, whatever was
 */
void play_end_all(struct play *p);
void play_clear(struct play *p);

/*
 * play_free_bytes - what all hosts could still promise
 */
int64_t play_free_bytes(struct play *p);

#endif
