/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_API_HELP_RIG_H
#define TESTS_API_HELP_RIG_H

/*
 * help_rig - the service as it runs: a writer thread, a clock, any callers
 *
 * The simulated world is in this process; its clock is stepped by a thread.
 * Nothing here knows Criterion: what cannot go on ends the program.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "api/api.h"
#include "api/boot.h"
#include "server/writer.h"
#include "xen/hv_link.h"
#include "xen/hv_sim.h"

struct rig {
	struct jrn *journal; /* the store's */
	struct fld_store *store;
	struct wrq *writer;
	struct api_env env;
	struct api_boot *boot;
	struct hv_sim *sim;
	struct hv_link *link;
	pthread_t clock;
	atomic_bool is_ready, is_over;
};

/*
 * rig_open - a service over a journal and a world of these hosts, ready
 */
void rig_open(struct rig *r, struct jrn *journal,
    const struct hv_sim_host *hosts, size_t n);

/*
 * rig_close - everything ends; nobody may be calling any more
 *
 * out     copy_out  what a restart finds, if the journal is jrn_memory; or NULL
 */
void rig_close(struct rig *r, struct jrn **copy_out);

/*
 * rig_call - dispatch a call and wait until it is answered
 */
void rig_call(struct api_call *c, struct fld_reader *rd);

/*
 * rig_vm - call a message whose first parameter is a VM; the others are zero
 *
 * returns the code
 */
enum err rig_vm(struct rig *r, struct fld_reader *rd, const char *method,
    const struct idl_ref *vm);

/*
 * rig_in_writer - have the writer's thread do something, and wait for it
 */
void rig_in_writer(
    struct rig *r, void (*what)(struct rig *r, void *arg), void *arg);

/*
 * rig_sync - have everything reported again
 */
void rig_sync(struct rig *r);

/*
 * rig_nap - a millisecond, for who polls
 */
void rig_nap(void);

/*
 * rig_die - say what is wrong and end the program with 1
 */
_Noreturn void rig_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
