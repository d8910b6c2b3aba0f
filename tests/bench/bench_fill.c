/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * bench_fill FILE N - a database with a host and N VMs, for start.py
 */

/* System */
#include <stdlib.h>

/* own */
#include "tests/bench/help_store.h"

int
main(int argc, char **argv)
{
	struct fld_store *s;

	if (argc != 3)
		return 2;
	s = help_store_open(argv[1]);
	help_store_fill(s, strtoull(argv[2], NULL, 10));
	fld_close(&s);
	return 0;
}
