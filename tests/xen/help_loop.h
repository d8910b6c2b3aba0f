/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_XEN_HELP_LOOP_H
#define TESTS_XEN_HELP_LOOP_H

/*
 * help_loop - a balancing loop over a simulated host, and one clock for both
 *
 * What must hold at every step is looked at after each: targets within their
 * ranges, no guest shrinks below its dynamic_min or grows above its maxmem,
 * free memory never below floor_kib, which a test raises to what it relies on.
 *
 * DIAGNOSTICS on standard error.  BUGS none known.
 */

#include "model/bal.h"
#include "xen/bal_loop.h"
#include "xen/hv_sim.h"

#define GIB (1024ull * 1024ull) /* KiB */
#define MIB 1024ull

#define LOOP_ENDED_MAX 64
#define LOOP_SAID_MAX 16
#define LOOP_UNSHARED_KIB 512 /* at most: everybody's inaccuracy */

struct help_loop {
	struct hv_sim *sim;
	struct hv_link *link;
	struct bal_loop *loop;
	struct hv_uuid host;
	int64_t now_ms;
	uint64_t next_id;
	int64_t wait_ms;      /* what the loop said last */
	uint64_t held_kib;    /* for the loop's question */
	uint64_t claimed_kib; /* what Xen says that others build with */
	unsigned steps, commands[HV_DIRTY + 1], warnings, ended;
	bool deaf;	 /* commands are not sent */
	int32_t refuses; /* a verb whose commands are refused, or 0 */
	char text[300];	 /* last warning */
	struct hv_result result;
	struct hv_msg *log; /* hosts and domains, as reported last */
	size_t n, room;
	uint64_t floor_kib; /* must be free at every step */
	bool believes;	    /* what guests say of their memory counts */
	struct hv_reading said[LOOP_SAID_MAX]; /* by guest; read_s 0: nothing */
};

/*
 * loop_open - a host of so much memory (1 GiB of it dom0's), a loop
 * loop_close - all of it
 * loop_restart - the loop is killed; another begins from the facts
 */
void loop_open(struct help_loop *h, uint64_t memory_kib);
void loop_close(struct help_loop *h);
void loop_restart(struct help_loop *h);

/*
 * loop_build - a guest without overhead, at target_kib; as a toolstack does it:
 *         the loop is asked for the memory first
 * loop_make - the same without asking: its memory is known to be there
 *
 * in      vm  a number that stands for its uuid
 */
void loop_build(struct help_loop *h, uint64_t vm, uint64_t min_kib,
    uint64_t max_kib, uint64_t target_kib, const char *behaviour);
void loop_make(struct help_loop *h, uint64_t vm, uint64_t min_kib,
    uint64_t max_kib, uint64_t target_kib, const char *behaviour);

/*
 * loop_verb - a plain command to a guest, as a toolstack would give it
 * loop_range - HV_SET_RANGE; the target follows only where it has to
 */
void loop_verb(struct help_loop *h, enum hv_verb verb, uint64_t vm);
void loop_range(
    struct help_loop *h, uint64_t vm, uint64_t min_kib, uint64_t max_kib);

/*
 * loop_poll - a guest (below LOOP_SAID_MAX) is asked every second from now on
 */
void loop_poll(struct help_loop *h, uint64_t vm);

/*
 * loop_pass - so much time goes by; the loop is stepped when it wants to be
 * loop_until - the same until the ask has ended; returns ms that it took
 */
void loop_pass(struct help_loop *h, int64_t ms);
int64_t loop_until(
    struct help_loop *h, const struct bal_ask *ask, int64_t most_ms);

/*
 * loop_ask - an ask joins
 */
void loop_ask(struct help_loop *h, struct bal_ask *ask, uint64_t min_kib,
    uint64_t max_kib, uint64_t vm);

/*
 * loop_dom - a guest as last reported; loop_free - what Xen could give
 */
const struct hv_domain *loop_dom(const struct help_loop *h, uint64_t vm);
uint64_t loop_free(const struct help_loop *h);

/*
 * loop_is_full - the host is used up to the reserve, and that is not touched
 *
 * in      held_kib  of others, beyond the reserve
 */
bool loop_is_full(const struct help_loop *h, uint64_t held_kib);

#endif
