/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_XEN_HELP_SIM_H
#define TESTS_XEN_HELP_SIM_H

/*
 * help_sim - a listener at a link: remembers what came up, sends commands
 *
 * DIAGNOSTICS fails the test.  BUGS none known.
 */

#include <pthread.h>

#include "xen/hv_link.h"
#include "xen/hv_sim.h"

#define GIB (1024ull * 1024ull) /* KiB */
#define MIB 1024ull

/* Flags of a guest: one that waits to be unpaused, and one that is up. */
#define HELP_MADE HV_D_RANGE
#define HELP_UP (HV_D_RUNNING | HV_D_BALLOON | HV_D_AGENT | HV_D_RANGE)

struct help_sim {
	struct hv_sim *world; /* NULL: behind a process */
	struct hv_link *link;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t news;
	struct hv_msg *log; /* all that came up */
	size_t n, room;
	bool lost;
	char lost_text[160];
	uint64_t last_id;
};

/*
 * help_open - a world of n hosts, a link to it, everything synced
 * help_listen - only the listener; its calls are for hv_link_spawn
 * help_close - all of it
 */
void help_open(struct help_sim *h, const struct hv_sim_host *hosts, size_t n);
struct hv_link_calls help_listen(struct help_sim *h);
void help_close(struct help_sim *h);

/*
 * help_sync - send HV_SYNC, wait for HV_SYNCED; the log begins with its answer
 */
void help_sync(struct help_sim *h);

/*
 * help_host - the n-th host that was reported, as last reported
 * help_domain - a domain or image as last reported; NULL: none, or gone
 * help_count - messages of a type in the log
 */
const struct hv_host *help_host(struct help_sim *h, size_t n);
const struct hv_domain *help_domain(struct help_sim *h, uint64_t vm);
size_t help_count(struct help_sim *h, uint32_t type);

/*
 * help_command - a command about a VM (a number that stands for its uuid)
 *
 * For HV_BUILD and HV_RESTORE a small guest on the first host: hvm, 2 vcpus,
 * 256 MiB at 128 MiB, 16 MiB of overhead of which 4 are shadow.
 */
struct hv_msg help_command(struct help_sim *h, enum hv_verb verb, uint64_t vm);

/*
 * help_send - send it, not waiting; returns its id
 * help_answer - the result of a command, if it came; waits when by process
 * help_do - both: sends it and returns the result
 * help_ok - help_do of a plain command, which must succeed
 * help_build - build a small guest with a behaviour, which must succeed
 */
uint64_t help_send(struct help_sim *h, const struct hv_msg *m);
const struct hv_result *help_answer(struct help_sim *h, uint64_t id);
struct hv_result help_do(struct help_sim *h, const struct hv_msg *m);
void help_ok(struct help_sim *h, enum hv_verb verb, uint64_t vm);
void help_build(struct help_sim *h, uint64_t vm, const char *behaviour);

/*
 * help_target - HV_SET_RANGE to target..target, which must succeed
 */
void help_target(struct help_sim *h, uint64_t vm, uint64_t target_kib);

/*
 * help_actual - RAM that a VM holds as last reported, KiB; 0: none
 */
uint64_t help_actual(struct help_sim *h, uint64_t vm);

#endif
