/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * xenapi-memory-hv-sim - the simulated world as a process of its own
 *
 *   xenapi-memory-hv-sim [--sim FILE] [--linger-ms N]
 *
 * Started by the daemon with its descriptors in place (hv_serve.h).  What is
 * wrong at the start is one sentence on standard error, exit 1.
 *
 * DIAGNOSTICS as hv_serve.
 * BUGS as hv_serve.
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_serve.h"
#include "xen/hv_sim.h"
#include "xen/hv_sim_ini.h"

struct args {
	const char *path;
	uint64_t linger_ms;
};

/* ---- the world, as hv_serve wants it ---- */

/* up - the world has something to say */
static void
up(void *ctx, const struct hv_msg *m)
{
	hv_serve_up(ctx, m);
}

/* attach - a daemon listens, or none */
static void
attach(void *ctx, struct hv_serve *s)
{
	const struct hv_sim_peer peer = {.ctx = s, .up = up};

	hv_sim_attach(ctx, s != NULL ? &peer : NULL);
}

/* take - a message for the world */
static void
take(void *ctx, const struct hv_msg *m)
{
	hv_sim_take(ctx, m);
}

/* step - time passes */
static void
step(void *ctx, uint64_t ms)
{
	hv_sim_step(ctx, ms);
}

/* next_ms - until something happens by itself */
static int64_t
next_ms(void *ctx)
{
	return hv_sim_next_ms(ctx);
}

/* ---- the program ---- */

/* usage - the arguments; -1: they are wrong */
static int
usage(struct args *a, int argc, char *const argv[])
{
	char *end = NULL;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			end = NULL;
		else if (strcmp(argv[i], "--sim") == 0)
			a->path = end = argv[i + 1];
		else if (strcmp(argv[i], "--linger-ms") == 0)
			a->linger_ms = strtoull(argv[i + 1], &end, 10);
		else
			end = NULL;
		if (end == NULL || (*end != '\0' && end != a->path)) {
			(void)fprintf(stderr,
			    "usage: %s [--sim FILE] "
			    "[--linger-ms N]\n",
			    argv[0]);
			return -1;
		}
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	struct args a = {.linger_ms = HV_SERVE_LINGER_MS};
	struct hv_serve_world world = {.name = "hv-sim",
	    .attach = attach,
	    .take = take,
	    .step = step,
	    .next_ms = next_ms,
	    .fd = -1};
	struct hv_serve *s = NULL;
	struct hv_sim *sim;
	char why[1024];
	int rc = 1;

	if (usage(&a, argc, argv) != 0)
		return 1;
	if (hv_sim_read(&sim, a.path, why, sizeof why) != 0) {
		(void)fprintf(stderr, "%s\n", why);
		return 1;
	}
	world.ctx = sim;
	if (hv_serve_open(&s, a.linger_ms) == 0)
		rc = hv_serve_run(s, &world);
	hv_serve_close(&s);
	hv_sim_free(&sim);
	return rc;
}
