/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * xenapi-memory-agent - tells the host what this guest knows of its memory
 *
 * Sleeps in xenstore until the host asks, reads /proc once, answers with one
 * write.  Nothing is kept: after a suspend, a migration or a lost connection
 * the watch fires anew, and a request that was not answered is.
 */

/* System */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

/* Own */
#include "xen/agent/agt.h"

#define REQUEST_PATH "control/memory-stats-request"
#define ANSWER_PATH "data/memory-stats"
#define PROC_BYTES (64 * 1024)
#define RETRY_LAST_S 32

/* slurp - a file of /proc as text; "" if it cannot be read */
static void
slurp(const char *path, char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t r = 1;

	while (fd >= 0 && used < PROC_BYTES - 1 && r > 0) {
		r = read(fd, text + used, PROC_BYTES - 1 - used);
		if (r > 0)
			used += (size_t)r;
	}
	text[r < 0 ? 0 : used] = '\0';
	if (fd >= 0)
		(void)close(fd); /* only read from */
}

/* measure - the line for a request */
static size_t
measure(uint64_t request, char *line)
{
	static char meminfo[PROC_BYTES], vmstat[PROC_BYTES];

	slurp("/proc/meminfo", meminfo);
	slurp("/proc/vmstat", vmstat);
	return agt_line_write(
	    line, meminfo, vmstat, (uint64_t)sysconf(_SC_PAGESIZE), request);
}

/* answer - if the host has asked anew; false: the connection is of no use */
static bool
answer(struct xs_handle *xs, uint64_t *answered)
{
	char line[AGT_LINE_BYTES];
	unsigned n = 0;
	uint64_t request;
	char *text = xs_read(xs, XBT_NULL, REQUEST_PATH, &n);
	size_t bytes;

	if (text == NULL)
		return errno == ENOENT || errno == EACCES;
	request = agt_request_parse(text, n);
	free(text);
	if (request == 0 || request == *answered)
		return true;
	bytes = measure(request, line);
	if (!xs_write(xs, XBT_NULL, ANSWER_PATH, line, (unsigned)bytes))
		return false;
	*answered = request;
	return true;
}

/* serve - until the connection ends; true: it was good for something */
static bool
serve(struct xs_handle *xs, uint64_t *answered)
{
	bool served = false;
	unsigned n;
	char **event;

	if (!xs_watch(xs, REQUEST_PATH, "request"))
		return false;
	/* A watch fires once when it is set, so an old request is seen. */
	while ((event = xs_read_watch(xs, &n)) != NULL) {
		free(event);
		if (!answer(xs, answered))
			break;
		served = true;
	}
	return served;
}

/* run - serve for ever, over as many connections as it takes */
static void
run(void)
{
	uint64_t answered = 0;
	unsigned wait_s = 1;

	for (;;) {
		struct xs_handle *xs = xs_open(0);

		if (xs == NULL)
			warn("no connection to xenstore; next try in %u s",
			    wait_s);
		else if (serve(xs, &answered))
			wait_s = 1;
		if (xs != NULL)
			xs_close(xs);
		(void)sleep(wait_s); /* a signal only shortens it */
		wait_s = wait_s < RETRY_LAST_S ? wait_s * 2 : RETRY_LAST_S;
	}
}

int
main(int argc, char **argv)
{
	char line[AGT_LINE_BYTES];

	if (argc == 2 && strcmp(argv[1], "--once") == 0) {
		(void)measure(0, line);
		return puts(line) < 0 || fflush(stdout) != 0;
	}
	if (argc != 1)
		errx(2, "usage: xenapi-memory-agent [--once]\n"
			"  answers the host's requests for memory statistics "
			"(" ANSWER_PATH " in xenstore)\n"
			"  --once  print what would be answered, and end");
	run();
	return 0;
}
