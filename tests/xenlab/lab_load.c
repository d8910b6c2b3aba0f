/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * lab-load - a guest's memory under load
 *
 * usage: lab-load hold MIB    touch so much, twice over, and keep it
 *        lab-load dirty MIB   write to each page of so much, over and over
 *        lab-load read MIB    write to each once, then read it over and over
 * Prints one line when every page was written once.  All bytes of a page are
 * the same, so that swapping it to zram costs the guest next to nothing.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define MIB_BYTES (1024 * 1024)
#define PASSES 2

/* go_through - write a value to each page, or with 0 look for one; found? */
static int
go_through(char *memory, size_t bytes, int value)
{
	int found = 0;

	for (size_t at = 0; at < bytes; at += PAGE_BYTES)
		if (value != 0)
			memset(memory + at, value, PAGE_BYTES);
		else
			found += memchr(memory + at, 0, PAGE_BYTES) != NULL;
	return found;
}

int
main(int argc, char **argv)
{
	size_t bytes = argc == 3 ? strtoul(argv[2], NULL, 10) * MIB_BYTES : 0;
	int reads = argc == 3 && strcmp(argv[1], "read") == 0;
	int again = reads || (argc == 3 && strcmp(argv[1], "dirty") == 0);
	char *memory;

	if (bytes == 0) {
		fprintf(stderr, "usage: lab-load hold|dirty|read MIB\n");
		return 2;
	}
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (int pass = 0; again || pass < PASSES; pass++) {
		if (go_through(memory, bytes, reads && pass > 0 ? 0 : 1) > 0)
			return 1; /* something else wrote to it */
		if (pass == 0 && (puts("written") < 0 || fflush(stdout) != 0))
			return 1;
	}
	for (;;)
		(void)pause();
}
