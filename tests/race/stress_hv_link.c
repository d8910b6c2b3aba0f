/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * stress_hv_link - both kinds of link under many senders, for TSan
 *
 * Threads send commands while the clock is stepped, syncs are asked for and
 * links come and go.  Checked besides: one message at a time, every command
 * that was taken is answered, pages are conserved.
 */

/* System */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "xen/hv_link.h"
#include "xen/hv_sim.h"
#include "xen/hv_uuid.h"

#define SENDERS 4
#define COMMANDS 10000
#define LINKS 30
#define SYNC_EVERY 100

struct crowd {
	struct hv_link *link;
	atomic_int inside, crowded;
	atomic_long sent, answered;
	atomic_bool lost, stop;
	struct hv_uuid host;
	struct hv_sim *world;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "stress_hv_link: %s\n", what);
	exit(1);
}

static void
on_up(void *ctx, const struct hv_msg *m)
{
	struct crowd *c = ctx;

	if (atomic_fetch_add(&c->inside, 1) != 0)
		atomic_store(&c->crowded, 1);
	if (m->type == HV_RESULT)
		(void)atomic_fetch_add(&c->answered, 1);
	(void)atomic_fetch_sub(&c->inside, 1);
}

static void
on_lost(void *ctx, const char *text)
{
	struct crowd *c = ctx;

	(void)text;
	atomic_store(&c->lost, true);
}

/* command - one of many, about one of a few guests */
static void
command(struct hv_msg *m, const struct crowd *c, unsigned *seed)
{
	static const enum hv_verb verbs[] = {HV_BUILD, HV_DESTROY, HV_SUSPEND,
	    HV_RESTORE, HV_PAUSE, HV_UNPAUSE, HV_SHUTDOWN, HV_FORGET};
	struct hv_command *cmd = &m->u.command;

	hv_msg_init(m, HV_COMMAND);
	cmd->verb = (int32_t)verbs[(unsigned)rand_r(seed) / 3 % 8];
	cmd->uuid.lo = 1 + (unsigned)rand_r(seed) / 3 % 8;
	cmd->host = c->host;
	cmd->vcpus = 1;
	cmd->static_max_kib = cmd->dynamic_max_kib = 65536;
	cmd->target_kib = 65536;
}

static void *
sender(void *arg)
{
	struct crowd *c = arg;
	unsigned seed = (unsigned)(uintptr_t)pthread_self();
	struct hv_msg m;

	for (int i = 0; i < COMMANDS && !atomic_load(&c->stop); i++) {
		command(&m, c, &seed);
		if (i % SYNC_EVERY == 0)
			hv_msg_init(&m, HV_SYNC);
		if (!hv_link_send(c->link, &m))
			break;
		if (m.type == HV_COMMAND)
			(void)atomic_fetch_add(&c->sent, 1);
	}
	return NULL;
}

static void *
clock_hand(void *arg)
{
	struct crowd *c = arg;
	char text[200];

	while (!atomic_load(&c->stop)) {
		hv_sim_step(c->world, 10);
		if (!hv_sim_conserves(c->world, text, sizeof text))
			die(text);
	}
	return NULL;
}

/* crowd_run - all senders, to their end */
static void
crowd_run(struct crowd *c)
{
	pthread_t t[SENDERS];

	for (int i = 0; i < SENDERS; i++)
		if (pthread_create(&t[i], NULL, sender, c) != 0)
			die("no thread");
	for (int i = 0; i < SENDERS; i++)
		(void)pthread_join(t[i], NULL);
	if (atomic_load(&c->sent) !=
	    SENDERS * (COMMANDS - COMMANDS / SYNC_EVERY))
		die("a command was not taken");
}

static void
local_run(void)
{
	struct crowd c = {.link = NULL};
	struct hv_link_calls calls = {.ctx = &c, .up = on_up, .lost = on_lost};
	struct hv_link *extra;
	pthread_t t;

	c.world = hv_sim_new(NULL, 0);
	c.host = hv_uuid_of_name("host", "sim");
	if (c.world == NULL || (c.link = hv_sim_link(c.world, &calls)) == NULL)
		die("out of memory");
	if (pthread_create(&t, NULL, clock_hand, &c) != 0)
		die("no thread");
	crowd_run(&c);
	if (atomic_load(&c.sent) !=
	    SENDERS * (COMMANDS - COMMANDS / SYNC_EVERY))
		die("a command was not taken");
	if (atomic_load(&c.sent) != atomic_load(&c.answered))
		die("a command without an answer");
	for (int i = 0; i < LINKS; i++) { /* while the clock goes on */
		extra = hv_sim_link(c.world, &calls);
		if (extra == NULL)
			die("out of memory");
		hv_link_close(&extra, HV_LEAVE_RUNNING);
	}
	atomic_store(&c.stop, true);
	(void)pthread_join(t, NULL);
	if (atomic_load(&c.crowded) != 0 || !atomic_load(&c.lost))
		die("two messages at a time, or a loss not told");
	hv_link_close(&c.link, HV_LEAVE_RUNNING);
	hv_sim_free(&c.world);
}

static void
process_run(const char *dir, const char *program)
{
	char *copy = strdup(program);
	char *argv[] = {copy, NULL};
	char why[300];

	for (int i = 0; i < 3; i++) {
		struct crowd c = {.link = NULL};
		struct hv_link_calls calls = {
		    .ctx = &c, .up = on_up, .lost = on_lost};
		c.host = hv_uuid_of_name("host", "sim");
		if (hv_link_spawn(
			&c.link, dir, argv, &calls, why, sizeof why) != 0)
			die(why);
		crowd_run(&c);
		hv_link_close(&c.link, i < 2 ? HV_LEAVE_RUNNING : HV_TELL_QUIT);
		if (atomic_load(&c.crowded) != 0 || atomic_load(&c.lost))
			die("two messages at a time, or a loss");
	}
	free(copy);
}

int
main(void)
{
	const char *program = getenv("HV_SIM");
	char dir[] = "/tmp/stress_hv.XXXXXX", path[64];

	if (mkdtemp(dir) == NULL)
		die("no folder");
	local_run();
	process_run(
	    dir, program != NULL ? program : "build/xenapi-memory-hv-sim");
	(void)snprintf(path, sizeof path, "%s/hv.sock", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/hv.log", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	return 0;
}
