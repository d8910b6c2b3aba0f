/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines, as anybody may send them to /cli, against a server made of a
 * table.  The first byte says how: plain, for people, as tasks, or in a pool
 * that is too small.  Every run ends with a status, and with a reason on
 * standard error or output unless all went well.
 */

/* System */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/cli/help_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct fake f;
	enum fake_mode mode;
	size_t room = CLI_POOL_MAX_BYTES;
	char *line;
	int rc;

	if (n < 2)
		return 0;
	mode = (enum fake_mode)(data[0] % 3);
	if (data[0] >= 128)
		room = (size_t)data[1] * 512;
	line = calloc(1, n);
	if (line == NULL)
		return 0;
	memcpy(line, data + 1, n - 1);
	rc = fake_run_in(&f, line, mode, room);
	assert(rc == 0 || rc == 1);
	assert(rc == 0 || f.err[0] != '\0' || f.out[0] != '\0');
	free(line);
	return 0;
}
