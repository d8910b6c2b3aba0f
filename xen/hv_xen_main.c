/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * xenapi-memory-hv-xen - a real Xen host as a process of its own
 *
 *   xenapi-memory-hv-xen [--state DIR] [--take-over] [--linger-ms N]
 *
 * Started by the daemon with its descriptors in place (hv_serve.h), as root in
 * the control domain.  In DIR it keeps what memory there was before any guest
 * ran.  Where xenopsd or squeezed run it only observes, unless --take-over.
 *
 * What is missing at the start is one sentence on standard error, exit 1.
 *
 * DIAGNOSTICS as hv_serve and hv_xen.
 * BUGS as hv_serve and hv_xen.
 */

/* System */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "xen/hv_serve.h"
#include "xen/hv_xen.h"
#include "xen/hv_xen_id.h"

struct args {
	const char *state_dir;
	bool takes_over;
	uint64_t linger_ms;
};

/* ---- the host, as hv_serve wants it ---- */

/* up - the host has something to say */
static void
up(void *ctx, const struct hv_msg *m)
{
	hv_serve_up(ctx, m);
}

/* attach - a daemon listens, or none */
static void
attach(void *ctx, struct hv_serve *s)
{
	hv_xen_attach(ctx, s != NULL ? up : NULL, s);
}

/* take - a message for the host */
static void
take(void *ctx, const struct hv_msg *m)
{
	hv_xen_take(ctx, m);
}

/* step - time passes */
static void
step(void *ctx, uint64_t ms)
{
	hv_xen_step(ctx, ms);
}

/* next_ms - until it is to be looked at */
static int64_t
next_ms(void *ctx)
{
	return hv_xen_next_ms(ctx);
}

/* ---- the program ---- */

/* usage - the arguments; -1: they are wrong */
static int
usage(struct args *a, int argc, char *const argv[])
{
	char *end;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--take-over") == 0) {
			a->takes_over = true;
			continue;
		}
		if (i + 1 < argc && strcmp(argv[i], "--state") == 0) {
			a->state_dir = argv[++i];
			continue;
		}
		if (i + 1 < argc && strcmp(argv[i], "--linger-ms") == 0) {
			a->linger_ms = strtoull(argv[++i], &end, 10);
			if (*end == '\0' && end != argv[i])
				continue;
		}
		(void)fprintf(stderr,
		    "usage: %s [--state DIR] [--take-over] [--linger-ms N]\n",
		    argv[0]);
		return -1;
	}
	return 0;
}

/* open_host - everything that can be missing; 0 or -1 with the text set */
static int
open_host(
    struct hv_xen **x_out, const struct args *a, char *why, size_t why_bytes)
{
	static char proc[] = "/proc";
	struct hv_xen_conf conf;
	int e;

	memset(&conf, 0, sizeof conf);
	if (hv_xc_lib_open(&conf.xc, why, why_bytes) != 0)
		return -1;
	e = hv_xs_lib_new(&conf.xs);
	if (e == 0)
		e = hv_timed_open(&conf.xc_thread);
	if (e == 0)
		e = hv_timed_open(&conf.xs_thread);
	if (e != 0) {
		(void)snprintf(
		    why, why_bytes, "cannot start: %s", strerrordesc_np(e));
		return -1;
	}
	hv_xen_names_read(&conf.names, "");
	conf.state_dir = a->state_dir;
	if (!a->takes_over)
		conf.rival = hv_xen_rival_find;
	conf.rival_ctx = proc;
	return hv_xen_open(x_out, &conf, why, why_bytes);
}

int
main(int argc, char *argv[])
{
	struct args a = {.linger_ms = HV_SERVE_LINGER_MS};
	struct hv_serve_world world = {.name = "hv-xen",
	    .attach = attach,
	    .take = take,
	    .step = step,
	    .next_ms = next_ms};
	struct hv_serve *s = NULL;
	struct hv_xen *x = NULL;
	char why[512];
	int rc = 1;

	if (usage(&a, argc, argv) != 0)
		return 1;
	/* libxenstore writes to a socket whose other end may be dead */
	(void)signal(SIGPIPE, SIG_IGN);
	/* before the threads, which are to have our signals blocked */
	if (hv_serve_open(&s, a.linger_ms) != 0)
		return 1;
	if (open_host(&x, &a, why, sizeof why) != 0) {
		(void)fprintf(stderr, "%s\n", why);
	} else {
		world.ctx = x;
		world.fd = hv_xen_fd(x);
		rc = hv_serve_run(s, &world);
	}
	hv_xen_close(&x);
	hv_serve_close(&s);
	return rc; /* what still hangs in a library ends with the process */
}
