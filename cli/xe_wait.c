/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_wait - a progress bar on standard error, and a pause
 */

/* System */
#include <signal.h>
#include <stdio.h>
#include <time.h>

/* Cli */
#include "cli/xe.h"

#define PAUSE_NS 200000000L
#define BAR_COLUMNS 40

static volatile sig_atomic_t interrupted;
static bool catching; /* between the first step and the last */

static void
on_interrupt(int number)
{
	(void)number; /* only one is caught */
	interrupted = 1;
}

void
xe_wait_catch(void)
{
	/* The second one ends the program, whatever the server does. */
	struct sigaction a = {
	    .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

	(void)sigaction(SIGINT, &a, NULL); /* cannot fail for SIGINT */
}

bool
xe_wait_stopped(void)
{
	return interrupted != 0;
}

bool
xe_wait(void *ctx, const char *label, double fraction)
{
	struct timespec pause = {0, PAUSE_NS};
	int full = (int)(fraction * BAR_COLUMNS), i;
	char bar[BAR_COLUMNS + 1];

	(void)ctx; /* there is one terminal */
	if (label == NULL) {
		fputs("\r\033[K", stderr);
		(void)signal(SIGINT, SIG_DFL); /* cannot fail for SIGINT */
		catching = false;
		return true;
	}
	if (!catching)
		xe_wait_catch();
	catching = true;
	for (i = 0; i < BAR_COLUMNS; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_COLUMNS] = '\0';
	fprintf(stderr, "\r%-20.20s [%s] %3d%%\033[K", label, bar,
	    (int)(fraction * 100));
	fflush(stderr);
	(void)nanosleep(&pause, NULL); /* shorter when interrupted */
	return !interrupted;
}
