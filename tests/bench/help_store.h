/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_HELP_STORE_H
#define TESTS_BENCH_HELP_STORE_H

/* help_store - a store full of VMs on a database file, for measurements */

#include "model/fld.h"

/*
 * help_die - say what failed and exit
 */
void help_die(const char *what, const struct failure *why);

/*
 * help_store_open - the store of a database file, made when there is none
 */
struct fld_store *help_store_open(const char *path);

/*
 * help_store_fill - a host of 1 PiB (once) and n more halted VMs of 1 GiB
 *
 * note    the refs count up from 1, so that they are known: help_vm_ref(i)
 */
void help_store_fill(struct fld_store *s, uint64_t n);
struct idl_ref help_vm_ref(uint64_t i);
struct idl_ref help_host_ref(void);

#endif
