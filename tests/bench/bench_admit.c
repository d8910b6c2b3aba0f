/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bench_admit N CALLS - VM.assert_can_boot_here with N VMs in the store,
 * CALLS times; run under callgrind, which counts from arguments to answer
 */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

/* own */
#include "tests/bench/help_door.h"
#include "tests/bench/help_store.h"

static unsigned answers;

static void
on_done(struct api_call *c)
{
	if (c->err != ERR_NONE)
		help_die("assert_can_boot_here", &c->why);
	answers++;
}

int
main(int argc, char **argv)
{
	char path[] = "/tmp/bench-admit-XXXXXX.db";
	uint64_t n;
	unsigned calls;
	struct fld_store *s;
	struct fld_reader *rd;
	struct api_env env;
	struct api_call c;

	if (argc != 3)
		return 2;
	n = strtoull(argv[1], NULL, 10);
	calls = (unsigned)strtoul(argv[2], NULL, 10);
	if (mkstemps(path, 3) < 0 || unlink(path) != 0)
		return 1;
	s = help_store_open(path);
	help_store_fill(s, n);
	help_env(&env, s);
	rd = fld_reader_new(s);
	for (unsigned i = 0; i < calls; i++) {
		help_boot_call(&c, &env, help_vm_ref(i * 7919 % n),
		    help_host_ref());
		c.done = on_done;
		CALLGRIND_TOGGLE_COLLECT;
		api_dispatch(&c, rd);
		CALLGRIND_TOGGLE_COLLECT;
		api_call_fini(&c);
	}
	fld_reader_free(&rd);
	api_env_fini(&env);
	fld_close(&s);
	(void)unlink(path);
	printf("%u answers with %llu VMs\n", answers, (unsigned long long)n);
	return answers == calls ? 0 : 1;
}
