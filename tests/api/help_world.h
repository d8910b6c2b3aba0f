/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_API_HELP_WORLD_H
#define TESTS_API_HELP_WORLD_H

/*
 * help_world - the whole service in one thread: store, writer, simulator
 *
 * Calls go through the dispatch door as a protocol's would.  Time stands
 * still unless world_pass lets it go on, for the daemon and its guests alike.
 */

#include "api/api.h"
#include "api/boot.h"
#include "model/journal/jrn_memory.h"
#include "server/writer.h"
#include "xen/hv_link.h"
#include "xen/hv_sim.h"

#define GIB (1024LL * 1024 * 1024)
#define MIB (1024LL * 1024)

#define WORLD_HOSTS_MAX 65

struct world {
	struct hv_sim_host hosts[WORLD_HOSTS_MAX]; /* for a reboot */
	size_t nhosts;
	enum bal_loop_mode balance;
	struct jrn *journal; /* the store's */
	struct fld_store *store;
	struct wrq *writer;
	struct fld_reader *reader;
	const struct fld_view *pin; /* what world_vm and the like show */
	struct api_env env;
	struct api_boot *boot;
	struct hv_sim *sim;
	struct hv_link *link;
	int64_t now_ms;
	int64_t wall_s; /* added to what the wall clock says */
	uint64_t random;
	bool ready;
	bool deaf;	   /* commands are lost, as when the process is gone */
	bool hangs;	   /* commands are sent, and never answered */
	bool mute;	   /* how a count of writes goes on is not reported */
	bool fed;	   /* the test says what is reported: help_xen */
	bool is_doomed;	   /* world_doom was called */
	bool is_dead;	   /* the daemon died in a commit: start another */
	unsigned commands; /* sent so far */
	struct hv_command last;
	/* If set: hears of every commit, before anybody else. */
	void (*watch)(void *ctx, const struct fld_change *change, size_t n);
	void *watch_ctx;
	char text[400];	    /* what boot warned of last */
	struct failure why; /* of the last world_call */
	union {
		int64_t number;
		bool yes;
		struct idl_ref ref;
	} result;	  /* of the last world_call */
	uint32_t members; /* of its result, when that is a set */
};

/* A call that has not ended yet. */
struct world_call {
	struct api_call c;
	struct world *w;
	bool ended;
};

/*
 * world_open - a running service over a simulated world
 *
 * in      hosts[0..n)  n == 0: the default host
 *         ini          seed file, or NULL
 */
void world_open(struct world *w, const struct hv_sim_host *hosts, size_t n,
    const char *ini);
void world_close(struct world *w);

/*
 * world_open_balanced - the same, and the loop shares out what is free
 *
 * note    with world_open guests stay where they are put
 */
void world_open_balanced(
    struct world *w, const struct hv_sim_host *hosts, size_t n);

/*
 * world_restart - kill the daemon and start it again; the hypervisor goes on
 *
 * note    what is in the journal at this moment is all that is left; calls that
 *         were under way may be answered, but nobody is there to hear that
 * in      reboot  the hypervisor did not go on: a new world, a new epoch
 */
enum world_reboot { WORLD_GOES_ON, WORLD_REBOOTS };
void world_restart(struct world *w, enum world_reboot reboot);

/*
 * world_doom - the daemon is killed in a commit of its own
 *
 * in      commits  in the so manieth from now on; 1: the next
 *         batch    is it on disk by then?  Nobody is told, either way
 * out     w  is_dead once that has happened: all that is left to do is
 *         world_restart
 */
enum world_batch { WORLD_BATCH_LOST, WORLD_BATCH_KEPT };
void world_doom(struct world *w, size_t commits, enum world_batch batch);

/*
 * world_reboot - the hypervisor begins anew under the running daemon
 */
void world_reboot(struct world *w);

/*
 * world_call - make a call and wait for its end (never for time to pass)
 *
 * in      method and its parameters, by type: const struct idl_ref *,
 *         int64_t, double, int for bool and enum, const char *,
 *         const struct idl_map *, const void * for a record
 * returns the code; w->why, w->result and w->members say more
 */
enum err world_call(struct world *w, const char *method, ...);

/*
 * world_begin - the same for a call that may park
 * world_end - what became of it; asserts that it has ended
 */
void world_begin(
    struct world *w, struct world_call *p, const char *method, ...);
enum err world_end(struct world_call *p);

/*
 * world_pass - let ms go by, for daemon and guests
 *
 * note    at once: if that is much longer than the daemon wanted to wait, it
 *         takes it for a machine that stood still, and calls nobody stuck
 */
void world_pass(struct world *w, int64_t ms);

/*
 * world_fact - let the daemon hear something
 */
void world_fact(struct world *w, const struct hv_msg *m);

/*
 * world_vm, world_metrics, world_host - records as readers see them now
 */
const struct idl_vm *world_vm(struct world *w, const struct idl_ref *ref);
const struct idl_vm_metrics *world_metrics(
    struct world *w, const struct idl_ref *vm);
const struct idl_host *world_host(struct world *w, const struct idl_ref *ref);

/*
 * world_find_vm - the VM of a name; asserts that there is one
 * world_first_host - the host with the least ref
 */
struct idl_ref world_find_vm(struct world *w, const char *name);
struct idl_ref world_first_host(struct world *w);

/*
 * world_free - host.compute_free_memory
 */
int64_t world_free(struct world *w, const struct idl_ref *host);

/*
 * world_new_vm - VM.create; limits in MiB
 */
struct world_shape {
	const char *name;
	int32_t type;
	int64_t static_min, dynamic_min, dynamic_max, static_max;
	int64_t vcpus;
	double multiplier;
	const char *sim; /* behaviour, or NULL */
};
void world_record(struct idl_vm *rec, const struct world_shape *s);
struct idl_ref world_new_vm(struct world *w, const struct world_shape *s);

/*
 * world_check - every invariant, the law of conservation, a recount
 */
void world_check(struct world *w);

/*
 * world_why - the last failure as one text: "CODE p1 p2"
 */
const char *world_why(struct world *w);

#endif
