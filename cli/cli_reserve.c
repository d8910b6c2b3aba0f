/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_reserve - promises of memory, and plans of where VMs would go
 */

/* System */
#include <string.h>

/* Cli */
#include "cli/cli_do.h"
#include "cli/cli_priv.h"

/* by_uuid - the ref of an object of a class */
static bool
by_uuid(
    struct cli_run *r, const char *method, const char *uuid, const char **ref)
{
	struct cli_val arg = cli_val_text(uuid), v;

	if (!cli_call(r, method, &arg, 1, &v))
		return false;
	*ref = cli_val_str(&v);
	return true;
}

/* print_uuid - of a new reservation */
static bool
print_uuid(struct cli_run *r, const char *ref)
{
	struct cli_val v;
	const char *text;

	if (!cli_call_ref(r, "memory_reservation.get_uuid", ref, &v))
		return false;
	text = cli_val_str(&v);
	return cli_print_list(r, &text, 1);
}

bool
cli_do_reservation_create(struct cli_run *r)
{
	const char *owner = cli_arg(r, "owner"), *host;
	int64_t min, max, ttl;
	struct cli_val args[5], ref;

	if (!cli_arg_bytes(r, "min", &min) || !cli_arg_int(r, "ttl", &ttl))
		return false;
	max = min;
	if (cli_arg(r, "max") != NULL && !cli_arg_bytes(r, "max", &max))
		return false;
	if (!cli_the_host(r, "min,max,ttl,owner", &host))
		return false;
	args[0] = cli_val_text(host);
	args[1] = cli_val_number(min);
	args[2] = cli_val_number(max);
	args[3] = cli_val_number(ttl);
	args[4] = cli_val_text(owner != NULL ? owner : "");
	return cli_call_slow(r, r->cmd->method, "memory", args, 5, &ref) &&
	       print_uuid(r, cli_val_str(&ref));
}

bool
cli_do_reservation_create_for(struct cli_run *r)
{
	struct cli_val args[4], ref;
	const char *host, *vm;
	int64_t ttl;

	if (!cli_arg_int(r, "ttl", &ttl) ||
	    !cli_the_host(r, "vm-uuid,operation,ttl", &host) ||
	    !by_uuid(r, "VM.get_by_uuid", cli_arg(r, "vm-uuid"), &vm))
		return false;
	args[0] = cli_val_text(vm);
	args[1] = cli_val_text(host);
	args[2] = cli_val_text(cli_arg(r, "operation"));
	args[3] = cli_val_number(ttl);
	return cli_call_slow(r, r->cmd->method, "memory", args, 4, &ref) &&
	       print_uuid(r, cli_val_str(&ref));
}

/* the_reservation - the ref of the one whose uuid is given */
static bool
the_reservation(struct cli_run *r, const char **ref_out)
{
	return by_uuid(
	    r, "memory_reservation.get_by_uuid", cli_arg(r, "uuid"), ref_out);
}

bool
cli_do_reservation_transfer(struct cli_run *r)
{
	struct cli_val args[2], none;
	const char *ref, *vm;

	if (!the_reservation(r, &ref) ||
	    !by_uuid(r, "VM.get_by_uuid", cli_arg(r, "vm-uuid"), &vm))
		return false;
	args[0] = cli_val_text(ref);
	args[1] = cli_val_text(vm);
	return cli_call(r, r->cmd->method, args, 2, &none);
}

bool
cli_do_reservation_destroy(struct cli_run *r)
{
	struct cli_val none;
	const char *ref;

	return the_reservation(r, &ref) &&
	       cli_call_ref(r, r->cmd->method, ref, &none);
}

bool
cli_do_reservation_reset(struct cli_run *r)
{
	struct cli_val owner = cli_val_text(cli_arg(r, "owner")), none;

	return cli_call(r, r->cmd->method, &owner, 1, &none);
}

/* ---- plans ---- */

/* read_vms - a list of uuids with commas, as refs */
static bool
read_vms(struct cli_run *r, const char *list, struct cli_val *set_out)
{
	struct cli_val *item =
	    cli_pool_array(r->pool, strlen(list) + 1, sizeof(*item));
	const char *at = list, *uuid, *ref;
	size_t n = 0, len;

	if (item == NULL)
		return cli_fail_memory(r);
	while (*at != '\0') {
		len = strcspn(at, ",");
		uuid = cli_pool_text(r->pool, at, len);
		if (uuid == NULL)
			return cli_fail_memory(r);
		if (!by_uuid(r, "VM.get_by_uuid", uuid, &ref))
			return false;
		item[n++] = cli_val_text(ref);
		at += len;
		at += *at == ',';
	}
	*set_out = (struct cli_val){.kind = CLI_ARRAY, .n = n, .item = item};
	return true;
}

/* name_of - the name of an object, told by its ref; NULL: failed, and said */
static const char *
name_of(struct cli_run *r, const char *method, const char *ref)
{
	struct cli_val v;

	return cli_call_ref(r, method, ref, &v) ? cli_val_str(&v) : NULL;
}

/* print_plan - which VM goes where, a line each */
static bool
print_plan(struct cli_run *r, const struct cli_val *map)
{
	const char **line = cli_pool_array(r->pool, map->n + 1, sizeof(*line));
	const char *vm, *host;

	if (line == NULL)
		return cli_fail_memory(r);
	for (size_t i = 0; i < map->n; i++) {
		vm = name_of(r, "VM.get_name_label", map->name[i]);
		if (vm == NULL)
			return false;
		host = name_of(
		    r, "host.get_name_label", cli_val_str(&map->item[i]));
		if (host == NULL)
			return false;
		line[i] = cli_pool_printf(r->pool, "%s: %s", vm, host);
		if (line[i] == NULL)
			return cli_fail_memory(r);
	}
	return cli_print_list(r, line, map->n);
}

bool
cli_do_pool_plan(struct cli_run *r)
{
	static const char *const name = "policy";
	struct cli_val policy, args[2], map;

	if (!read_vms(r, cli_arg(r, "vm-uuids"), &args[0]))
		return false;
	policy = cli_val_text(cli_arg(r, name));
	args[1] = (struct cli_val){.kind = CLI_STRUCT,
	    .n = cli_arg(r, name) != NULL,
	    .item = &policy,
	    .name = &name};
	return cli_call(r, r->cmd->method, args, 2, &map) &&
	       print_plan(r, &map);
}
