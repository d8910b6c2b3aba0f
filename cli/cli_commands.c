/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_commands - every command: what it takes, what it does
 *
 * Sorted by name.  To add one: a row here, and a function if no other fits.
 * Help, completion and the manual page come from this table.
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/cli_do.h"
#include "cli/cli_priv.h"

/* ---- what every class has for its parameters ---- */

#define ADD                                                                    \
	"Adds to a set or map parameter. If the parameter is a set, "          \
	"use param-key=<key to add>. If the parameter is a map, "              \
	"pass the values to add as 'key=value' pairs."
#define CLEAR "Clears the specified parameter."
#define GET                                                                    \
	"Gets the parameter specified of the object. If the "                  \
	"parameter is a map of key=value pairs, use "                          \
	"'param-key=<key>' to get the value associated with a "                \
	"particular key."
#define LIST "Lists all the parameters of the object specified by the uuid."
#define REMOVE                                                                 \
	"Removes a member or a key,value pair from a set/map respectively."
#define SET                                                                    \
	"Sets the parameter specified. If param-value is not given, "          \
	"the parameter is set to a null value. To set a (key,value) "          \
	"pair in a map parameter, use the syntax "                             \
	"'map-param:key=value'."

#define PARAM(name, verb, required, optional, doc)                             \
	{                                                                      \
#name "-param-" #verb, required, optional, doc,                \
		    cli_do_param_##verb, 0, &cli_class_##name, NULL            \
	}
#define PARAMS(name)                                                           \
	PARAM(name, add, "uuid,param-name", "param-key", ADD),                 \
	    PARAM(name, clear, "uuid,param-name", "", CLEAR),                  \
	    PARAM(name, get, "uuid,param-name", "param-key,database:", GET),   \
	    PARAM(name, list, "uuid", "database:", LIST),                      \
	    PARAM(name, remove, "uuid,param-name,param-key", "", REMOVE),      \
	    PARAM(name, set, "uuid", "", SET)

const struct cli_cmd cli_commands[] = {
    {"help", "", "<command>,--all",
	"Lists commands, or says what one of them takes.", cli_do_help,
	CLI_C_LOCAL | CLI_C_STANDARD, NULL, NULL},
    {"host-compute-free-memory", "", "",
	"Prints the memory that a host could still give to VMs, in "
	"bytes.",
	cli_do_host_number, CLI_C_HOSTS, NULL, "host.compute_free_memory"},
    {"host-compute-memory-overhead", "", "",
	"Prints the memory that the hypervisor of a host keeps, in "
	"bytes.",
	cli_do_host_number, CLI_C_HOSTS, NULL, "host.compute_memory_overhead"},
    {"host-list", "", "params,database:",
	"Lists all the hosts, filtering on the optional arguments. "
	"To filter on map parameters, use the syntax "
	"'map-param:key=value'",
	cli_do_list, 0, &cli_class_host, NULL},
    {"host-memory-explain", "", "",
	"Prints where the memory of a host is: a line for the hypervisor, each "
	"VM and reservation, and what is free, with what is counted as "
	"promised to it, what it has, and what is kept free for it.",
	cli_do_host_explain, CLI_C_HOSTS, NULL, "host.explain_memory"},
    PARAMS(host),
    {"memory-reservation-create", "min,ttl", "max,owner",
	"Reserves memory on a host for so many seconds and prints the uuid of "
	"the reservation, when the memory is free: guests shrink for it.",
	cli_do_reservation_create, CLI_C_HOSTS, NULL,
	"memory_reservation.create"},
    {"memory-reservation-create-for-vm", "vm-uuid,operation,ttl", "",
	"Reserves exactly what a VM needs to start, resume or migrate on a "
	"host; it passes to the VM when that does so.",
	cli_do_reservation_create_for, CLI_C_HOSTS, NULL,
	"memory_reservation.create_for_VM"},
    {"memory-reservation-destroy", "uuid", "", "Gives a memory reservation up.",
	cli_do_reservation_destroy, 0, NULL, "memory_reservation.destroy"},
    {"memory-reservation-list", "", "params,database:",
	"Lists all the memory reservations, filtering on the optional "
	"arguments.",
	cli_do_list, 0, &cli_class_reservation, NULL},
    {"memory-reservation-reset-owner", "owner", "",
	"Gives up every memory reservation that an owner still holds.",
	cli_do_reservation_reset, 0, NULL, "memory_reservation.reset_owner"},
    {"memory-reservation-transfer", "uuid,vm-uuid", "",
	"Hands a memory reservation over to a VM on its host.",
	cli_do_reservation_transfer, 0, NULL, "memory_reservation.transfer"},
    {"pool-list", "", "params,database:",
	"Lists all the pools, filtering on the optional arguments. "
	"To filter on map parameters, use the syntax "
	"'map-param:key=value'",
	cli_do_list, 0, &cli_class_pool, NULL},
    PARAMS(pool),
    {"pool-plan-placement", "vm-uuids", "policy",
	"Prints a host for each of these VMs, such that all of them could be "
	"started together, or which one finds no room, and why; changes "
	"nothing. The policy is spread or pack.",
	cli_do_pool_plan, 0, NULL, "pool.plan_placement"},
    {"task-cancel", "uuid", "", "Cancels a task.", cli_do_task_cancel, 0, NULL,
	NULL},
    {"task-list", "", "params,database:",
	"Lists all the tasks, filtering on the optional arguments. "
	"To filter on map parameters, use the syntax "
	"'map-param:key=value'",
	cli_do_list, 0, &cli_class_task, NULL},
    PARAMS(task),
    {"template-list", "", "params,database:",
	"Lists all the templates, filtering on the optional "
	"arguments. To filter on map parameters, use the syntax "
	"'map-param:key=value'",
	cli_do_list, 0, &cli_class_template, NULL},
    PARAMS(template),
    {"vm-clone", "new-name-label", "new-name-description",
	"Makes a halted copy of a VM under a new name, and prints "
	"its uuid.",
	cli_do_vm_clone, CLI_C_VMS | CLI_C_STANDARD | CLI_C_TEMPLATES, NULL,
	NULL},
    {"vm-compute-maximum-memory", "total", "approximate",
	"Prints the largest amount of memory with which a VM fits "
	"into a total, its overhead included.",
	cli_do_vm_maximum, CLI_C_VMS, NULL, "VM.maximise_memory"},
    {"vm-compute-memory-overhead", "", "",
	"Prints what a VM takes from a host beside its own memory, "
	"in bytes.",
	cli_do_vm_overhead, CLI_C_VMS | CLI_C_CONTROL, NULL,
	"VM.compute_memory_overhead"},
    {"vm-create", "name-label", "name-description",
	"Makes a VM with default limits, and prints its uuid.",
	cli_do_vm_create, 0, NULL, NULL},
    {"vm-destroy", "uuid", "", "Deletes a VM.", cli_do_vm_destroy, 0, NULL,
	NULL},
    {"vm-list", "", "params,database:",
	"Lists all the vms, filtering on the optional arguments. To "
	"filter on map parameters, use the syntax "
	"'map-param:key=value'",
	cli_do_list, CLI_C_STANDARD, &cli_class_vm, NULL},
    {"vm-memory-balloon", "target", "", "The same as vm-memory-target-set.",
	cli_do_vm_target,
	CLI_C_VMS | CLI_C_CONTROL | CLI_C_WAITS | CLI_C_HIDDEN |
	    CLI_C_DEPRECATED,
	NULL, "VM.set_memory_dynamic_range"},
    {"vm-memory-dynamic-range-set", "min,max", "",
	"Sets the dynamic memory range of a VM: what its balloon "
	"may move in.",
	cli_do_vm_range,
	CLI_C_VMS | CLI_C_CONTROL | CLI_C_TEMPLATES | CLI_C_WAITS, NULL,
	"VM.set_memory_dynamic_range"},
    {"vm-memory-limits-set", "static-min,static-max,dynamic-min,dynamic-max",
	"", "Sets all four memory limits of a VM in one step.",
	cli_do_vm_limits, CLI_C_VMS | CLI_C_CONTROL | CLI_C_TEMPLATES, NULL,
	"VM.set_memory_limits"},
    {"vm-memory-set", "memory", "", "Gives a VM a fixed amount of memory.",
	cli_do_vm_memory, CLI_C_VMS | CLI_C_CONTROL | CLI_C_TEMPLATES, NULL,
	"VM.set_memory"},
    {"vm-memory-shadow-multiplier-set", "multiplier", "",
	"Sets the shadow memory multiplier of a running VM.",
	cli_do_vm_multiplier, CLI_C_VMS, NULL, "VM.set_shadow_multiplier_live"},
    {"vm-memory-static-range-set", "min,max", "",
	"Sets the static memory range of a halted VM: what its "
	"dynamic range must stay in.",
	cli_do_vm_range, CLI_C_VMS | CLI_C_CONTROL | CLI_C_TEMPLATES, NULL,
	"VM.set_memory_static_range"},
    {"vm-memory-stats", "", "",
	"Prints what is known of a VM's memory: what its guest told last, "
	"-1 for what it did not.",
	cli_do_vm_stats, CLI_C_VMS | CLI_C_CONTROL, NULL,
	"VM.get_memory_stats"},
    {"vm-memory-stats-interval-set", "seconds", "",
	"Sets how often the guest of a VM is asked about its memory; 0 "
	"for never.",
	cli_do_vm_seconds, CLI_C_VMS | CLI_C_CONTROL, NULL,
	"VM.set_memory_stats_polling_interval"},
    {"vm-memory-target-set", "target", "",
	"Sets both ends of the dynamic memory range of a VM.", cli_do_vm_target,
	CLI_C_VMS | CLI_C_CONTROL | CLI_C_WAITS, NULL,
	"VM.set_memory_dynamic_range"},
    {"vm-memory-target-wait", "", "",
	"Waits until a running VM has the memory it was told to "
	"have.",
	cli_do_vm_plain, CLI_C_VMS | CLI_C_CONTROL | CLI_C_WAITS | CLI_C_HIDDEN,
	NULL, "VM.wait_memory_target_live"},
    {"vm-memory-touched", "", "",
	"Prints what a VM wrote to when that was counted last, or writes to "
	"while it is counted: in each interval, and since it was switched on.",
	cli_do_vm_stats, CLI_C_VMS, NULL, "VM.get_touched_memory"},
    {"vm-memory-touched-track", "seconds", "interval",
	"Counts for so many seconds, 1 to 60, what a running VM writes to, in "
	"intervals (of 1 second), and prints that. The VM is slower meanwhile. "
	"A Xen without shadow paging, as Debian's is, cannot count what pv "
	"guests write.",
	cli_do_vm_track, CLI_C_VMS | CLI_C_WAITS, NULL,
	"VM.track_touched_memory"},
    {"vm-memory-working-set", "seconds", "",
	"Prints how many bytes of its memory a running VM writes to within "
	"so many seconds, 1 to 60: vm-memory-touched-track in one interval.",
	cli_do_vm_working_set, CLI_C_VMS, NULL, "VM.estimate_working_set"},
    {"vm-migrate", "", "live,host,host-uuid,force,copy,compress",
	"Moves a VM to another host of the pool.", cli_do_vm_migrate,
	CLI_C_VMS | CLI_C_STANDARD, NULL, NULL},
    PARAMS(vm),
    {"vm-pause", "", "", "Stops the virtual CPUs of VMs.", cli_do_vm_plain,
	CLI_C_VMS, NULL, "VM.pause"},
    {"vm-reboot", "", "force",
	"Reboots VMs; with --force without asking the guest.", cli_do_vm_end,
	CLI_C_VMS | CLI_C_STANDARD, NULL, "reboot"},
    {"vm-resume", "", "force,on,progress",
	"Resumes suspended VMs; with on=<host> there and nowhere "
	"else.",
	cli_do_vm_resume, CLI_C_VMS | CLI_C_STANDARD, NULL, NULL},
    {"vm-shutdown", "", "force",
	"Shuts VMs down; with --force without asking the guest.", cli_do_vm_end,
	CLI_C_VMS | CLI_C_STANDARD | CLI_C_CONTROL, NULL, "shutdown"},
    {"vm-start", "", "force,on,paused",
	"Starts VMs; with on=<host> there and nowhere else.", cli_do_vm_start,
	CLI_C_VMS | CLI_C_STANDARD | CLI_C_CONTROL, NULL, NULL},
    {"vm-suspend", "", "progress", "Suspends VMs.", cli_do_vm_plain,
	CLI_C_VMS | CLI_C_STANDARD | CLI_C_WAITS, NULL, "VM.suspend"},
    {"vm-unpause", "", "", "Lets the virtual CPUs of VMs go on.",
	cli_do_vm_plain, CLI_C_VMS, NULL, "VM.unpause"},
    {"vm-vcpu-hotplug", "new-vcpus", "",
	"Sets the number of virtual CPUs of a running VM.", cli_do_vm_vcpus,
	CLI_C_VMS, NULL, "VM.set_VCPUs_number_live"},
};
const size_t cli_ncommands = sizeof(cli_commands) / sizeof(cli_commands[0]);

static int
compare(const void *key, const void *row)
{
	const struct cli_cmd *c = row;

	return strcmp(key, c->name);
}

const struct cli_cmd *
cli_command(const char *name)
{
	return bsearch(name, cli_commands, cli_ncommands,
	    sizeof(cli_commands[0]), compare);
}
