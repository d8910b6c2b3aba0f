/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What commands call, print and refuse, to the letter.
 */

/* System */
#include <criterion/criterion.h>
#include <string.h>

/* Own */
#include "cli/cli_priv.h"
#include "tests/cli/help_fake.h"

#define HINT "For usage run: 'xe help'\n"
#define ORDER                                                                  \
	"The dynamic memory range violates constraint static_min <= "          \
	"dynamic_min <= dynamic_max <= static_max.\n"

struct row {
	const char *says, *line, *out, *err, *calls;
	int rc;
};

static const struct row plain[] = {
    {"a range is two sizes", "vm-memory-dynamic-range-set vm=web min=1 max=2",
	"", "", "VM.set_memory_dynamic_range(OpaqueRef:web, 1, 2)\n", 0},
    {"suffixes are powers of 1024",
	"vm-memory-static-range-set uuid=u-web min=1KiB max=2m", "", "",
	"VM.set_memory_static_range(OpaqueRef:web, 1024, 2097152)\n", 0},
    {"limits go in the order of the message",
	"vm-memory-limits-set vm=web static-min=1 static-max=4 dynamic-min=2 "
	"dynamic-max=3",
	"", "", "VM.set_memory_limits(OpaqueRef:web, 1, 4, 2, 3)\n", 0},
    {"blanks may stand before a suffix", "vm-memory-set vm=web memory=1~GB", "",
	"", "VM.set_memory(OpaqueRef:web, 1073741824)\n", 0},
    {"a target is a range of one point", "vm-memory-target-set vm=web target=5",
	"", "", "VM.set_memory_dynamic_range(OpaqueRef:web, 5, 5)\n", 0},
    {"balloon is the same", "vm-memory-balloon vm=web target=5", "", "",
	"VM.set_memory_dynamic_range(OpaqueRef:web, 5, 5)\n", 0},
    {"what is written is counted by the second",
	"vm-memory-touched-track vm=web seconds=9", "\n\n\n", "",
	"VM.track_touched_memory(OpaqueRef:web, 9, 1)\n", 0},
    {"or in longer intervals",
	"vm-memory-touched-track vm=web seconds=9 interval=3", "\n\n\n", "",
	"VM.track_touched_memory(OpaqueRef:web, 9, 3)\n", 0},
    {"an interval is a number",
	"vm-memory-touched-track vm=web seconds=9 interval=x", "",
	"Error: Failed to parse parameter 'interval': expecting an integer\n",
	"", 1},
    {"waiting is a call", "vm-memory-target-wait vm=web", "", "",
	"VM.wait_memory_target_live(OpaqueRef:web)\n", 0},
    {"nan is no multiplier",
	"vm-memory-shadow-multiplier-set vm=web multiplier=nan", "",
	"Error: Failed to parse parameter 'multiplier': expecting a "
	"floating-point number\n",
	"", 1},
    {"a multiplier is a float",
	"vm-memory-shadow-multiplier-set vm=web multiplier=1.5", "", "",
	"VM.set_shadow_multiplier_live(OpaqueRef:web, 1.5)\n", 0},
    {"a vm is chosen by uuid too", "vm-memory-set vm=u-web memory=1", "", "",
	"VM.set_memory(OpaqueRef:web, 1)\n", 0},
    {"control domains have limits", "vm-memory-set vm=dom0 memory=1", "", "",
	"VM.set_memory(OpaqueRef:dom0, 1)\n", 0},
    {"templates have limits", "vm-memory-set vm=gold memory=1", "", "",
	"VM.set_memory(OpaqueRef:gold, 1)\n", 0},
    {"templates have no targets", "vm-memory-target-set vm=gold target=1", "",
	"Error: No matching VMs found\n", "", 1},
    {"control domains have no shadow",
	"vm-memory-shadow-multiplier-set vm=dom0 multiplier=1", "",
	"Error: No matching VMs found\n", "", 1},
    {"nothing matches", "vm-memory-set vm=x memory=1", "",
	"Error: No matching VMs found\n", "", 1},
    {"a filter is a field", "vm-memory-set memory=1 name-label=db", "", "",
	"VM.set_memory(OpaqueRef:db, 1)\n", 0},
    {"a filter may be a pair of a map",
	"vm-memory-set memory=1 other-config:k=v", "", "",
	"VM.set_memory(OpaqueRef:web, 1)\n", 0},
    {"with a dash as well", "vm-memory-set memory=1 other-config-k=v", "", "",
	"VM.set_memory(OpaqueRef:web, 1)\n", 0},
    {"a filter may be a member of a set",
	"vm-memory-set memory=1 tags:contains=b", "", "",
	"VM.set_memory(OpaqueRef:web, 1)\n", 0},
    {"a set has no other filter", "vm-memory-set memory=1 tags:x=b", "",
	"Error: Invalid syntax for set filtering (should be "
	"set-param:contains=key)\n",
	"", 1},
    {"a filter must be a field", "vm-memory-set memory=1 colour=red", "",
	"Error: Unknown field 'colour'\n", "", 1},
    {"more than one needs a word", "vm-memory-set memory=1", "",
	"Error: Multiple matches VMs found. --multiple required to complete "
	"the operation\n",
	"", 1},
    {"and with it all are done", "vm-memory-target-set target=1 --multiple", "",
	"",
	"VM.set_memory_dynamic_range(OpaqueRef:web, 1, 1)\n"
	"VM.set_memory_dynamic_range(OpaqueRef:db, 1, 1)\n"
	"VM.set_memory_dynamic_range(OpaqueRef:dom0, 1, 1)\n",
	0},
    {"fractions are no sizes", "vm-memory-set vm=web memory=1.5GiB", "",
	"Error: Failed to parse field 'memory': expecting an integer (possibly "
	"with suffix KiB, MiB, GiB, TiB), got '1.5GiB'\n",
	"", 1},
    {"nor are negative numbers", "vm-memory-set vm=web memory=-1", "",
	"Error: Failed to parse field 'memory': expecting an integer (possibly "
	"with suffix KiB, MiB, GiB, TiB), got '-1'\n",
	"", 1},
    {"nor what is too much", "vm-memory-set vm=web memory=9000000TiB", "",
	"Error: Failed to parse field 'memory': expecting an integer (possibly "
	"with suffix KiB, MiB, GiB, TiB), got '9000000TiB'\n",
	"", 1},
    {"a word is missing", "vm-memory-set vm=web", "",
	"Required parameter not found: memory\n" HINT, "", 1},
    {"no such command", "vm-frobnicate", "",
	"Unknown command: vm-frobnicate\n" HINT, "", 1},
    {"no command", "a=b", "", "Syntax error: \n" HINT, "", 1},
    {"an unknown switch", "vm-list -q x", "", "Syntax error: \n" HINT, "", 1},
    {"an overhead is a message", "vm-compute-memory-overhead vm=web", "1536\n",
	"", "VM.compute_memory_overhead(OpaqueRef:web)\n", 0},
    {"which --minimal drops", "vm-compute-memory-overhead vm=web --minimal",
	"\n", "", "VM.compute_memory_overhead(OpaqueRef:web)\n", 0},
    {"free memory is a message", "host-compute-free-memory", "42\n", "",
	"host.compute_free_memory(OpaqueRef:lab)\n", 0},
    {"a host is chosen by its hostname", "host-compute-free-memory host=lab.x",
	"42\n", "", "host.compute_free_memory(OpaqueRef:lab)\n", 0},
    {"no host", "host-compute-free-memory host=x", "",
	"Error: No matching hosts found\n", "", 1},
    {"memory is reserved on the host",
	"memory-reservation-create min=1KiB ttl=60", "u-r\n", "",
	"memory_reservation.create(OpaqueRef:lab, 1024, 1024, 60, )\n", 0},
    {"up to a maximum, for somebody, on the host that is named",
	"memory-reservation-create host=lab min=1KiB max=2KiB ttl=60 owner=me",
	"u-r\n", "",
	"memory_reservation.create(OpaqueRef:lab, 1024, 2048, 60, me)\n", 0},
    {"a ttl is a number", "memory-reservation-create min=1KiB ttl=1h", "",
	"Error: Failed to parse parameter 'ttl': expecting an integer\n", "",
	1},
    {"not on a host that is not there",
	"memory-reservation-create host=x min=1KiB ttl=60", "",
	"Error: No matching hosts found\n", "", 1},
    {"what a VM needs is reserved",
	"memory-reservation-create-for-vm vm-uuid=u-web operation=start ttl=60",
	"u-r\n", "",
	"memory_reservation.create_for_VM(OpaqueRef:web, OpaqueRef:lab, start, "
	"60)\n",
	0},
    {"for a VM that there is",
	"memory-reservation-create-for-vm vm-uuid=x operation=start ttl=60", "",
	"The uuid you supplied was invalid.\ntype: VM\nuuid: x\n", "", 1},
    {"a reservation is handed over",
	"memory-reservation-transfer uuid=u-r vm-uuid=u-web", "", "",
	"memory_reservation.transfer(OpaqueRef:r, OpaqueRef:web)\n", 0},
    {"if there is one", "memory-reservation-transfer uuid=x vm-uuid=u-web", "",
	"The uuid you supplied was invalid.\ntype: memory_reservation\n"
	"uuid: x\n",
	"", 1},
    {"an owner gives all up", "memory-reservation-reset-owner owner=me", "", "",
	"memory_reservation.reset_owner(me)\n", 0},
    {"a plan says where VMs would go",
	"pool-plan-placement vm-uuids=u-web,u-db", "web: lab\ndb: lab\n", "",
	"pool.plan_placement([OpaqueRef:web, OpaqueRef:db], {})\n", 0},
    {"or which has no room, and why",
	"pool-plan-placement vm-uuids=u-web policy=pack", "",
	"There is no host for this VM beside the others. The reason is the "
	"failure of the host that came nearest.\n"
	"vm: u-web (web)\nreason: HOST_NOT_ENOUGH_FREE_MEMORY\n"
	"reason: 2\nreason: 1\n",
	"pool.plan_placement([OpaqueRef:web], {policy: pack})\n", 1},
    {"shutdown is clean", "vm-shutdown vm=web", "", "",
	"VM.clean_shutdown(OpaqueRef:web)\n", 0},
    {"or hard", "vm-shutdown vm=web --force", "", "",
	"VM.hard_shutdown(OpaqueRef:web)\n", 0},
    {"start is on the best host", "vm-start vm=web", "", "",
	"VM.start(OpaqueRef:web, false, false)\n", 0},
    {"or on one", "vm-start vm=web on=lab paused=true", "", "",
	"VM.start_on(OpaqueRef:web, OpaqueRef:lab, true, false)\n", 0},
    {"which must be there", "vm-start vm=web on=moon", "",
	"Error: Host moon not found\n", "", 1},
    {"migration has options", "vm-migrate vm=web host=lab live=true", "", "",
	"VM.pool_migrate(OpaqueRef:web, OpaqueRef:lab, {live: true})\n", 0},
    {"and a destination", "vm-migrate vm=web", "",
	"Error: No destination host specified\n", "", 1},
    {"a control domain stays", "vm-destroy uuid=u-dom0", "",
	"The operation is not allowed on this object.\n"
	"reason: You cannot destroy a control domain via the CLI\n",
	"", 1},
    {"others go", "vm-destroy uuid=u-web", "", "",
	"VM.destroy(OpaqueRef:web)\n", 0},
    {"a list of VMs leaves templates out", "vm-list name-label=web",
	"uuid ( RO)           : u-web\n"
	"     name-label ( RW): web\n"
	"    power-state ( RO): running\n\n\n",
	"", "", 0},
    {"the order is the record's",
	"vm-list name-label=web params=power-state,uuid",
	"uuid ( RO)           : u-web\n"
	"    power-state ( RO): running\n\n\n",
	"", "", 0},
    {"--minimal joins first fields", "vm-list --minimal", "u-web,u-db,u-dom0\n",
	"", "", 0},
    {"commas are escaped", "vm-list params=name-description --minimal",
	"shop\\, front,,\n", "", "", 0},
    {"an empty list is an empty line", "vm-list name-label=x --minimal", "\n",
	"", "", 0},
    {"a metrics record may be missing",
	"vm-list params=name-label,memory-actual,memory-target",
	"name-label ( RW)       : web\n"
	"    memory-actual ( RO): 3072\n"
	"    memory-target ( RO): <expensive field>\n\n\n"
	"name-label ( RW)       : db\n"
	"    memory-actual ( RO): <not in database>\n"
	"    memory-target ( RO): <expensive field>\n\n\n"
	"name-label ( RW)       : dom0\n"
	"    memory-actual ( RO): <not in database>\n"
	"    memory-target ( RO): <expensive field>\n\n\n",
	"", "", 0},
    {"sets, maps and age have signs",
	"vm-list name-label=web params=tags,other-config,ha-always-run",
	"other-config (MRW)                  : k: v; l: w\n"
	"    ha-always-run ( RW) [DEPRECATED]: false\n"
	"                          tags (SRW): a, b\n\n\n",
	"", "", 0},
    {"templates have their own list", "template-list --minimal", "u-gold\n", "",
	"", 0},
    {"hosts have one", "host-list",
	"uuid ( RO)                : u-lab\n"
	"          name-label ( RW): lab\n"
	"    name-description ( RW): \n\n\n",
	"", "", 0},
};

static const struct row params[] = {
    {"one field", "vm-param-get uuid=u-web param-name=power-state", "running\n",
	"", "", 0},
    {"three decimals",
	"vm-param-get uuid=u-web param-name=HVM-shadow-multiplier", "1.500\n",
	"", "", 0},
    {"another object is its uuid",
	"vm-param-get uuid=u-web param-name=resident-on", "u-lab\n", "", "", 0},
    {"one key", "vm-param-get uuid=u-web param-name=other-config param-key=k",
	"v\n", "", "", 0},
    {"a key that is not there",
	"vm-param-get uuid=u-web param-name=other-config param-key=z", "",
	"Error: Key z not found in map\n", "", 1},
    {"a field that is not there", "vm-param-get uuid=u-web param-name=z", "",
	"ERROR Missing parameter z\n", "", 1},
    {"a VM that is not there", "vm-param-get uuid=x param-name=z", "",
	"The uuid you supplied was invalid.\ntype: VM\nuuid: x\n", "", 1},
    {"a size is set in bytes", "vm-param-set uuid=u-web memory-static-max=1GiB",
	"", "", "VM.set_memory_static_max(OpaqueRef:web, 1073741824)\n", 0},
    {"or is none", "vm-param-set uuid=u-web memory-static-max=lots", "",
	"Error: Failed to parse field 'memory-static-max': expecting an "
	"integer (possibly with suffix KiB, MiB, GiB, TiB), got 'lots'\n",
	"", 1},
    {"text", "vm-param-set uuid=u-web name-label=a=b", "", "",
	"VM.set_name_label(OpaqueRef:web, a=b)\n", 0},
    {"an int", "vm-param-set uuid=u-web order=7", "", "",
	"VM.set_order(OpaqueRef:web, 7)\n", 0},
    {"no int", "vm-param-set uuid=u-web order=first", "",
	"Error: Failed to parse parameter 'order': expecting an integer\n", "",
	1},
    {"a bool", "vm-param-set uuid=u-web is-a-template=true", "", "",
	"VM.set_is_a_template(OpaqueRef:web, true)\n", 0},
    {"no bool", "vm-param-set uuid=u-web is-a-template=1", "",
	"Error: Failed to parse parameter 'is-a-template': expecting a boolean "
	"(true or false)\n",
	"", 1},
    {"not any float", "vm-param-set uuid=u-web HVM-shadow-multiplier=inf", "",
	"Error: Parameter HVM-shadow-multiplier must be a floating-point "
	"number\n",
	"", 1},
    {"no float", "vm-param-set uuid=u-web HVM-shadow-multiplier=big", "",
	"Error: Parameter HVM-shadow-multiplier must be a floating-point "
	"number\n",
	"", 1},
    {"another object by uuid", "vm-param-set uuid=u-web affinity=u-lab", "", "",
	"VM.set_affinity(OpaqueRef:web, OpaqueRef:lab)\n", 0},
    {"or none", "vm-param-set uuid=u-web affinity=", "", "",
	"VM.set_affinity(OpaqueRef:web, OpaqueRef:NULL)\n", 0},
    {"a pair that was there goes first",
	"vm-param-set uuid=u-web other-config:k=x", "", "",
	"VM.remove_from_other_config(OpaqueRef:web, k)\n"
	"VM.add_to_other_config(OpaqueRef:web, k, x)\n",
	0},
    {"a map is no text", "vm-param-set uuid=u-web other-config=x", "",
	"Error: Field 'other-config' is a map or set. use the "
	"'name:key=value' syntax.\n",
	"", 1},
    {"a set cannot be set", "vm-param-set uuid=u-web tags:a=x", "",
	"Error: Cannot param-set on set fields\n", "", 1},
    {"read-only", "vm-param-set uuid=u-web power-state=halted", "",
	"Error: Field 'power-state' is read-only.\n", "", 1},
    {"unknown", "vm-param-set uuid=u-web colour=red", "",
	"Error: Unknown field 'colour'\n", "", 1},
    {"add to a set", "vm-param-add uuid=u-web param-name=tags param-key=new",
	"", "", "VM.add_tags(OpaqueRef:web, new)\n", 0},
    {"a member is needed", "vm-param-add uuid=u-web param-name=tags", "",
	"Error: When adding a key to a set, use the syntax: *-param-add "
	"param-name=<name> param-key=<key>\n",
	"", 1},
    {"add to a map", "vm-param-add uuid=u-web param-name=other-config a=b", "",
	"", "VM.add_to_other_config(OpaqueRef:web, a, b)\n", 0},
    {"not to a text", "vm-param-add uuid=u-web param-name=name-label a=b", "",
	"Error: Can only add to parameters of type Set or Map\n", "", 1},
    {"not to what is read-only",
	"vm-param-add uuid=u-web param-name=networks a=b", "",
	"Error: Parameter is read-only\n", "", 1},
    {"remove from a set",
	"vm-param-remove uuid=u-web param-name=tags param-key=a", "", "",
	"VM.remove_tags(OpaqueRef:web, a)\n", 0},
    {"what is not there",
	"vm-param-remove uuid=u-web param-name=tags param-key=z", "",
	"Error: Key z is not in the set\n", "", 1},
    {"remove from a map",
	"vm-param-remove uuid=u-web param-name=other-config param-key=k", "",
	"", "VM.remove_from_other_config(OpaqueRef:web, k)\n", 0},
    {"what is not there",
	"vm-param-remove uuid=u-web param-name=other-config param-key=z", "",
	"Error: Key z is not in map\n", "", 1},
    {"clear a set", "vm-param-clear uuid=u-web param-name=tags", "", "",
	"VM.remove_tags(OpaqueRef:web, a)\nVM.remove_tags(OpaqueRef:web, b)\n",
	0},
    {"clear a map", "vm-param-clear uuid=u-web param-name=other-config", "", "",
	"VM.remove_from_other_config(OpaqueRef:web, k)\n"
	"VM.remove_from_other_config(OpaqueRef:web, l)\n",
	0},
    {"in one step", "vm-param-clear uuid=u-web param-name=xenstore-data", "",
	"", "VM.set_xenstore_data(OpaqueRef:web, {})\n", 0},
    {"clear a text", "vm-param-clear uuid=u-web param-name=name-label", "", "",
	"VM.set_name_label(OpaqueRef:web, )\n", 0},
    {"not a number", "vm-param-clear uuid=u-web param-name=order", "",
	"Error: Cannot clear this parameter\n", "", 1},
    {"not what is read-only",
	"vm-param-clear uuid=u-web param-name=power-state", "",
	"Error: Can only clear RW parameters\n", "", 1},
};

static const struct row human[] = {
    {"the way to help can be typed", "frob", "",
	"Unknown command: frob\nFor usage run: 'xe-memory help'\n", "", 1},
    {"sizes are read by people", "vm-compute-memory-overhead vm=web",
	"1.5 KiB\n", "", "VM.compute_memory_overhead(OpaqueRef:web)\n", 0},
    {"and may be fractions", "vm-memory-set vm=web memory=1.5GiB", "", "",
	"VM.set_memory(OpaqueRef:web, 1610612736)\n", 0},
    {"in tables as well", "vm-param-get uuid=u-web param-name=memory-actual",
	"3 KiB\n", "", "", 0},
    {"filters compare what scripts see", "vm-list memory-actual=3072 --minimal",
	"u-web\n", "", "", 0},
};

static void
check(const struct row *row, size_t n, enum fake_mode mode)
{
	static struct fake f;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		rc = fake_run(&f, row[i].line, mode);
		cr_expect_str_eq(f.out, row[i].out, "%s: %s\n%s", row[i].says,
		    row[i].line, f.out);
		cr_expect_str_eq(f.err, row[i].err, "%s: %s\n%s", row[i].says,
		    row[i].line, f.err);
		cr_expect_str_eq(
		    f.calls, row[i].calls, "%s: %s", row[i].says, row[i].line);
		cr_expect_eq(rc, row[i].rc, "%s: %s", row[i].says, row[i].line);
	}
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

Test(commands, call_print_and_refuse)
{
	check(plain, COUNT(plain), FAKE_PLAIN);
}

Test(commands, parameters)
{
	check(params, COUNT(params), FAKE_PLAIN);
}

Test(commands, for_people)
{
	check(human, COUNT(human), FAKE_HUMAN);
}

Test(commands, the_table_is_sorted_and_complete)
{
	size_t i;

	for (i = 0; i < cli_ncommands; i++) {
		cr_expect(cli_commands[i].run != NULL);
		cr_expect(
		    cli_command(cli_commands[i].name) == &cli_commands[i]);
		if (i > 0)
			cr_expect(strcmp(cli_commands[i - 1].name,
				      cli_commands[i].name) < 0,
			    "%s stands wrong", cli_commands[i].name);
	}
}

Test(commands, help_lists_what_there_is)
{
	static struct fake f;

	cr_expect_eq(fake_run(&f, "help --all", FAKE_PLAIN), 0);
	cr_expect(strstr(f.out, "    host-compute-free-memory, ") != NULL);
	cr_expect(strstr(f.out, "vm-memory-limits-set") != NULL);
	cr_expect(strstr(f.out, "vm-memory-balloon") == NULL,
	    "hidden commands are not listed");
	cr_expect_eq(fake_run(&f, "help vm-memory-set", FAKE_PLAIN), 0);
	cr_expect(strstr(f.out, "reqd params     : memory\n") != NULL);
	cr_expect_eq(fake_run(&f, "help x", FAKE_PLAIN), 0);
	cr_expect_str_eq(f.out, "Unknown command 'x'\n");
}

Test(commands, an_order_violation_names_the_clash)
{
	static const struct fake_row no[] = {
	    {"VM.set_memory_dynamic_range(OpaqueRef:web, 3072, 2048)",
		"!MEMORY_CONSTRAINT_VIOLATION_ORDER"},
	    {"VM.set_memory_static_max(OpaqueRef:web, 2048)",
		"!MEMORY_CONSTRAINT_VIOLATION_ORDER"}};
	static struct fake f = {.row = no, .n = 2};

	cr_expect_eq(
	    fake_run(&f, "vm-memory-dynamic-range-set vm=web min=3072 max=2048",
		FAKE_PLAIN),
	    1);
	cr_expect_str_eq(f.err, ORDER, "xe itself says no more");
	cr_expect_eq(
	    fake_run(&f, "vm-memory-dynamic-range-set vm=web min=3072 max=2048",
		FAKE_HUMAN),
	    1);
	cr_expect_str_eq(f.err,
	    ORDER "dynamic_min would be 3072 (3 KiB), above dynamic_max, 2048 "
		  "(2 KiB)\n");
	cr_expect_eq(
	    fake_run(&f, "vm-param-set uuid=u-web memory-static-max=2KiB",
		FAKE_HUMAN),
	    1);
	cr_expect_str_eq(f.err,
	    ORDER "dynamic_max would be 4096 (4 KiB), above static_max, 2048 "
		  "(2 KiB)\n");
}
