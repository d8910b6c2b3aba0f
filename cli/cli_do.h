/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_DO_H
#define CLI_DO_H

/*
 * cli_do - what commands on VMs, hosts and tasks do
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>

struct cli_run;

/*
 * cli_do_vm_range - set_memory_dynamic_range and the like: min and max
 * cli_do_vm_limits - all four limits
 * cli_do_vm_memory - one fixed amount
 * cli_do_vm_target - dynamic range of one point
 * cli_do_vm_plain - a message with no other parameter
 * cli_do_vm_multiplier - the shadow multiplier of a running VM
 * cli_do_vm_overhead, cli_do_vm_maximum - print a number
 * cli_do_vm_stats - print what is known of it, a line each
 * cli_do_vm_seconds - a message with a number of seconds
 * cli_do_vm_working_set - the same, and print the number it returns
 * cli_do_vm_track - count what it writes to, and print how that went
 */
bool cli_do_vm_range(struct cli_run *r);
bool cli_do_vm_limits(struct cli_run *r);
bool cli_do_vm_memory(struct cli_run *r);
bool cli_do_vm_target(struct cli_run *r);
bool cli_do_vm_plain(struct cli_run *r);
bool cli_do_vm_multiplier(struct cli_run *r);
bool cli_do_vm_overhead(struct cli_run *r);
bool cli_do_vm_maximum(struct cli_run *r);
bool cli_do_vm_stats(struct cli_run *r);
bool cli_do_vm_seconds(struct cli_run *r);
bool cli_do_vm_working_set(struct cli_run *r);
bool cli_do_vm_track(struct cli_run *r);

/*
 * cli_do_vm_start, cli_do_vm_resume - on the best host, or with on= on one
 * cli_do_vm_end - shutdown and reboot: clean, or with force hard
 * cli_do_vm_migrate, cli_do_vm_clone, cli_do_vm_create, cli_do_vm_destroy
 * cli_do_vm_vcpus - virtual CPUs of a running VM
 */
bool cli_do_vm_start(struct cli_run *r);
bool cli_do_vm_resume(struct cli_run *r);
bool cli_do_vm_end(struct cli_run *r);
bool cli_do_vm_migrate(struct cli_run *r);
bool cli_do_vm_clone(struct cli_run *r);
bool cli_do_vm_create(struct cli_run *r);
bool cli_do_vm_destroy(struct cli_run *r);
bool cli_do_vm_vcpus(struct cli_run *r);

/*
 * cli_do_host_number - a message of a host that returns bytes
 * cli_do_host_explain - where the memory of a host is
 * cli_do_task_cancel - cancel the task of a uuid
 */
bool cli_do_host_number(struct cli_run *r);
bool cli_do_host_explain(struct cli_run *r);
bool cli_do_task_cancel(struct cli_run *r);

/*
 * cli_do_reservation_create - so much on a host, for nobody in particular
 * cli_do_reservation_create_for - what a VM needs there
 * cli_do_reservation_transfer, cli_do_reservation_destroy - by uuid
 * cli_do_reservation_reset - give up all of an owner
 * cli_do_pool_plan - where would these VMs go?
 */
bool cli_do_reservation_create(struct cli_run *r);
bool cli_do_reservation_create_for(struct cli_run *r);
bool cli_do_reservation_transfer(struct cli_run *r);
bool cli_do_reservation_destroy(struct cli_run *r);
bool cli_do_reservation_reset(struct cli_run *r);
bool cli_do_pool_plan(struct cli_run *r);

/*
 * cli_the_host - the one host that the command line means
 *
 * in      ignore  words that are the command's own, with commas
 */
bool cli_the_host(struct cli_run *r, const char *ignore, const char **ref_out);

/*
 * cli_do_each_vm - do something to every VM that the command line means
 *
 * in      ignore  words that are the command's own, with commas
 *         op  does it to r->at
 *         many  whether --multiple lets it be more than one
 */
typedef bool cli_do_f(struct cli_run *r, const char *ref, const void *arg);
enum cli_many { CLI_ONE, CLI_SOME };
bool cli_do_each_vm(struct cli_run *r, const char *ignore, enum cli_many many,
    cli_do_f *op, const void *arg);

#endif
