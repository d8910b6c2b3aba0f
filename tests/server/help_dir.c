/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

/* Own */
#include <criterion/criterion.h>

#include "tests/server/help_dir.h"

char help_dir[64];

void
help_dir_make(void)
{
	(void)snprintf(
	    help_dir, sizeof(help_dir), "/tmp/xenapi-memory-test.XXXXXX");
	cr_assert_not_null(mkdtemp(help_dir));
}

/* remove_one - for nftw */
static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

void
help_dir_remove(void)
{
	(void)nftw(help_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
help_dir_path(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", help_dir, name);
	return path;
}
