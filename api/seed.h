/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_SEED_H
#define API_SEED_H

/*
 * seed - guests of a new simulated world, from its INI file
 *
 *   [vm NAME]              ; or a template; the name may hold spaces
 *   type = hvm             ; hvm pv pvh pv_in_pvh; default hvm
 *   vcpus = 2              ; default 1
 *   memory = 2GiB          ; all four limits; or each by itself:
 *   static_min = 512MiB    ; default: dynamic_min
 *   dynamic_min = 1GiB     ; default: dynamic_max
 *   dynamic_max = 2GiB     ; default: static_max
 *   static_max = 2GiB
 *   multiplier = 1.5       ; shadow multiplier, default 1.0
 *   state = running        ; or halted (the default), paused
 *   sim = rate_kib_s=10240 ; how it behaves, see hv_sim.h
 *   description = text
 *   template = yes         ; default no
 *   uuid = ...             ; default: a new one
 *   count = 3              ; makes NAME-1, NAME-2, NAME-3
 *
 * Records are made here, as VM.create would; starting those that shall run is
 * left to whoever can call VM.start.
 *
 * DIAGNOSTICS one sentence, FILE:LINE: what is wrong.
 * BUGS none known.
 */

#include "api/api.h"

struct api_seed_guest {
	struct idl_ref vm;
	bool paused; /* start it so */
};

/* Guests to start. */
struct api_seed {
	struct api_seed_guest *guests;
	size_t n;
	size_t room;
};

/*
 * api_seed_load - make the records that a file describes
 *
 * in      path
 * out     tx    the records
 *         out   an empty one before; free it in any case
 *         text, n  what is wrong; empty when nothing is
 * errors  INTERNAL_ERROR [text]
 */
enum err api_seed_load(const char *path, struct fld_tx *tx, struct api_env *env,
    struct api_seed *out, char *text, size_t n);

/*
 * api_seed_free - forget the list; the records stay
 */
void api_seed_free(struct api_seed *s);

#endif
