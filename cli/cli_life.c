/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_life - VMs come, go and move
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_do.h"
#include "cli/cli_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *
vm_name(const struct cli_run *r)
{
	return cli_val_str(cli_val_member(r->at->record, "name_label"));
}

/* host_named - the ref of a host by uuid or name */
static bool
host_named(struct cli_run *r, const char *name, const char **ref_out)
{
	struct cli_val arg = cli_val_text("true"), all;
	size_t i;

	if (!cli_call(r, "host.get_all_records_where", &arg, 1, &all))
		return false;
	for (i = 0; i < all.n && all.kind == CLI_STRUCT; i++) {
		const struct cli_val *h = &all.item[i];

		if (strcmp(cli_val_str(cli_val_member(h, "uuid")), name) != 0 &&
		    strcmp(cli_val_str(cli_val_member(h, "name_label")),
			name) != 0)
			continue;
		*ref_out = all.name[i];
		return true;
	}
	return cli_fail_local(r, "Host %s not found", name);
}

/* why_not - a line for each host: why the VM cannot start there */
static bool
why_not(struct cli_run *r, const char *ref)
{
	static const char *const head[] = {
	    "There are no suitable hosts to start this VM on.",
	    ("The following table provides per-host reasons for why the VM "
	     "could not be started:"),
	    ""};
	struct cli_val all, none;
	const char **name, **reason;
	size_t i;

	if (!cli_call(r, "host.get_all_records", NULL, 0, &all) ||
	    all.kind != CLI_STRUCT || !cli_print_list(r, head, 3))
		return false;
	name = cli_pool_array(r->pool, all.n, sizeof(*name));
	reason = cli_pool_array(r->pool, all.n, sizeof(*reason));
	if (name == NULL || reason == NULL)
		return cli_fail_memory(r);
	for (i = 0; i < all.n; i++) {
		struct cli_val args[2] = {
		    cli_val_text(ref), cli_val_text(all.name[i])};

		name[i] =
		    cli_val_str(cli_val_member(&all.item[i], "name_label"));
		reason[i] = "OK";
		if (cli_call(r, "VM.assert_can_boot_here", args, 2, &none))
			continue;
		if (r->trouble != CLI_T_CALL || r->status != CLI_FAILED)
			return false;
		r->trouble = CLI_FINE;
		reason[i] = r->why.code;
	}
	return cli_print_table(r, name, reason, all.n);
}

static bool
start_one(struct cli_run *r, const char *ref, const void *arg)
{
	const char *host = arg;
	struct cli_val args[4] = {cli_val_text(ref)}, none;
	struct cli_failure why;
	size_t n = 1;
	bool ok;

	if (host != NULL)
		args[n++] = cli_val_text(host);
	args[n++] = cli_val_bool(cli_arg_true(r, "paused"));
	args[n++] = cli_val_bool(cli_arg_true(r, "force"));
	ok = cli_call_slow(r, host != NULL ? "VM.start_on" : "VM.start",
	    vm_name(r), args, n, &none);
	if (ok || r->trouble != CLI_T_CALL || r->status != CLI_FAILED ||
	    strcmp(r->why.code, "NO_HOSTS_AVAILABLE") != 0)
		return ok;
	why = r->why;
	r->trouble = CLI_FINE;
	if (!why_not(r, ref) && r->trouble == CLI_T_MEMORY)
		return false;
	r->trouble = CLI_T_CALL;
	r->status = CLI_FAILED;
	r->why = why;
	return false;
}

static bool
resume_one(struct cli_run *r, const char *ref, const void *arg)
{
	const char *host = arg;
	struct cli_val args[4] = {cli_val_text(ref)}, none;
	size_t n = 1;

	if (host != NULL)
		args[n++] = cli_val_text(host);
	args[n++] = cli_val_bool(false);
	args[n++] = cli_val_bool(cli_arg_true(r, "force"));
	return cli_call_slow(r, host != NULL ? "VM.resume_on" : "VM.resume",
	    vm_name(r), args, n, &none);
}

/* on_host - an operation that may be told where, with on= */
static bool
on_host(struct cli_run *r, cli_do_f *op)
{
	const char *on = cli_arg(r, "on"), *host = NULL;

	if (on != NULL && !host_named(r, on, &host))
		return false;
	return cli_do_each_vm(r, "on,paused,progress", CLI_SOME, op, host);
}

bool
cli_do_vm_start(struct cli_run *r)
{
	return on_host(r, start_one);
}

bool
cli_do_vm_resume(struct cli_run *r)
{
	return on_host(r, resume_one);
}

static bool
end_one(struct cli_run *r, const char *ref, const void *arg)
{
	struct cli_val v = cli_val_text(ref), none;

	return cli_call_slow(r, arg, vm_name(r), &v, 1, &none);
}

bool
cli_do_vm_end(struct cli_run *r)
{
	const char *method = cli_pool_printf(r->pool, "VM.%s_%s",
	    cli_arg_true(r, "force") ? "hard" : "clean", r->cmd->method);

	if (method == NULL)
		return cli_fail_memory(r);
	return cli_do_each_vm(r, "progress", CLI_SOME, end_one, method);
}

static bool
migrate_one(struct cli_run *r, const char *ref, const void *arg)
{
	static const char *const option[] = {
	    "force", "live", "copy", "encrypt", "compress"};
	struct cli_val args[3] = {cli_val_text(ref), cli_val_text(arg)};
	struct cli_val value[COUNT(option)], none;
	const char *name[COUNT(option)];
	size_t i, n = 0;

	for (i = 0; i < COUNT(option); i++) {
		const char *given = cli_arg(r, option[i]);

		if (given == NULL)
			continue;
		name[n] = option[i];
		value[n++] = cli_val_text(given);
	}
	args[2] = (struct cli_val){
	    .kind = CLI_STRUCT, .n = n, .item = value, .name = name};
	return cli_call_slow(r, "VM.pool_migrate", vm_name(r), args, 3, &none);
}

bool
cli_do_vm_migrate(struct cli_run *r)
{
	const char *host = cli_arg(r, "host-uuid"), *ref;
	struct cli_val arg, v;

	if (host != NULL) {
		arg = cli_val_text(host);
		if (!cli_call(r, "host.get_by_uuid", &arg, 1, &v))
			return false;
		ref = cli_val_str(&v);
	} else {
		host = cli_arg(r, "host");
		if (host == NULL)
			host = cli_arg(r, "host-name");
		if (host == NULL)
			return cli_fail_local(
			    r, "No destination host specified");
		if (!host_named(r, host, &ref))
			return false;
	}
	return cli_do_each_vm(r,
	    "host,host-uuid,host-name,live,copy,encrypt,compress,progress",
	    CLI_ONE, migrate_one, ref);
}

/* print_uuid - the uuid of a VM that was just made */
static bool
print_uuid(struct cli_run *r, const char *ref)
{
	struct cli_val v;
	const char *uuid;

	if (!cli_call_ref(r, "VM.get_uuid", ref, &v))
		return false;
	uuid = cli_val_str(&v);
	return cli_print_list(r, &uuid, 1);
}

static bool
clone_one(struct cli_run *r, const char *ref, const void *arg)
{
	const char *notes = cli_arg(r, "new-name-description");
	struct cli_val args[2] = {cli_val_text(ref), cli_val_text(arg)};
	struct cli_val made, none;

	if (!cli_call(r, "VM.clone", args, 2, &made))
		return false;
	args[0] = made;
	args[1] = cli_val_text(notes != NULL ? notes : "");
	if (notes != NULL &&
	    !cli_call(r, "VM.set_name_description", args, 2, &none))
		return false;
	return print_uuid(r, cli_val_str(&made));
}

bool
cli_do_vm_clone(struct cli_run *r)
{
	return cli_do_each_vm(r, "new-name-label,new-name-description", CLI_ONE,
	    clone_one, cli_arg(r, "new-name-label"));
}

bool
cli_do_vm_create(struct cli_run *r)
{
	static const struct {
		const char *name;
		enum cli_kind kind;
		const char *text;
		int64_t i;
	} row[] = {
	    {"name_label", CLI_TEXT, "", 0},
	    {"name_description", CLI_TEXT, "", 0},
	    {"user_version", CLI_INT, NULL, 0},
	    {"is_a_template", CLI_BOOL, NULL, 0},
	    {"affinity", CLI_TEXT, "OpaqueRef:NULL", 0},
	    {"memory_target", CLI_INT, NULL, 256 << 20},
	    {"memory_static_max", CLI_INT, NULL, 256 << 20},
	    {"memory_dynamic_max", CLI_INT, NULL, 256 << 20},
	    {"memory_dynamic_min", CLI_INT, NULL, 128 << 20},
	    {"memory_static_min", CLI_INT, NULL, 128 << 20},
	    {"VCPUs_params", CLI_STRUCT, NULL, 0},
	    {"VCPUs_max", CLI_INT, NULL, 1},
	    {"VCPUs_at_startup", CLI_INT, NULL, 1},
	    {"actions_after_shutdown", CLI_TEXT, "destroy", 0},
	    {"actions_after_reboot", CLI_TEXT, "restart", 0},
	    {"actions_after_crash", CLI_TEXT, "destroy", 0},
	    {"PV_bootloader", CLI_TEXT, "", 0},
	    {"PV_kernel", CLI_TEXT, "", 0},
	    {"PV_ramdisk", CLI_TEXT, "", 0},
	    {"PV_args", CLI_TEXT, "", 0},
	    {"PV_bootloader_args", CLI_TEXT, "", 0},
	    {"PV_legacy_args", CLI_TEXT, "", 0},
	    {"HVM_boot_policy", CLI_TEXT, "", 0},
	    {"HVM_boot_params", CLI_STRUCT, NULL, 0},
	    {"platform", CLI_STRUCT, NULL, 0},
	    {"PCI_bus", CLI_TEXT, "", 0},
	    {"other_config", CLI_STRUCT, NULL, 0},
	    {"recommendations", CLI_TEXT, "", 0},
	};
	const char *notes = cli_arg(r, "name-description");
	struct cli_val item[COUNT(row)], record, made;
	const char *name[COUNT(row)];
	size_t i;

	for (i = 0; i < COUNT(row); i++) {
		name[i] = row[i].name;
		item[i] = (struct cli_val){
		    .kind = row[i].kind, .text = row[i].text, .i = row[i].i};
	}
	item[0].text = cli_arg(r, "name-label");
	item[1].text = notes != NULL ? notes : "";
	record = (struct cli_val){
	    .kind = CLI_STRUCT, .n = COUNT(row), .item = item, .name = name};
	return cli_call(r, "VM.create", &record, 1, &made) &&
	       print_uuid(r, cli_val_str(&made));
}

bool
cli_do_vm_destroy(struct cli_run *r)
{
	static const char *const reason[] = {
	    "You cannot destroy a control domain via the CLI"};
	struct cli_object o;
	struct cli_val none;

	if (!cli_object_by_uuid(r, &cli_class_vm, cli_arg(r, "uuid"), &o))
		return false;
	if (cli_val_true(cli_val_member(o.record, "is_control_domain"))) {
		r->trouble = CLI_T_CALL;
		r->status = CLI_FAILED;
		r->why =
		    (struct cli_failure){"OPERATION_NOT_ALLOWED", reason, 1};
		return false;
	}
	return cli_call_ref(r, "VM.destroy", o.ref, &none);
}
