/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated tables: sound in themselves, and as the API is written. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/idl.h"

/* Api */
#include "api/api.h"
#include "idl_types.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* row - a message by its exact name; NULL: none */
static const struct idl_msg *
row(const char *name)
{
	int i;

	for (i = 0; i < api_nmsgs; i++)
		if (strcmp(api_msgs[i]->name, name) == 0)
			return api_msgs[i];
	return NULL;
}

/* row_of - the message <class>.<prefix><field> */
static const struct idl_msg *
row_of(const struct idl_class *c, const char *prefix, const char *field)
{
	char name[128];

	snprintf(name, sizeof(name), "%s.%s%s", c->name, prefix, field);
	return row(name);
}

Test(tables, messages_are_sorted_and_each_is_there_once)
{
	int i;

	cr_assert_gt(api_nmsgs, 300);
	for (i = 1; i < api_nmsgs; i++)
		cr_expect_lt(strcmp(api_msgs[i - 1]->name, api_msgs[i]->name),
		    0, "%s", api_msgs[i]->name);
}

Test(tables, every_message_is_complete)
{
	const struct idl_msg *m;
	int i;

	for (i = 0; i < api_nmsgs; i++) {
		m = api_msgs[i];
		cr_expect_not_null(m->handler, "%s", m->name);
		cr_expect_not_null(m->result, "%s", m->name);
		cr_expect_not_null(m->doc, "%s", m->name);
		cr_expect(m->role >= 0 && m->role < idl_nroles, "%s", m->name);
		cr_expect(m->cls >= -1 && m->cls < idl_nclasses);
		cr_expect(m->operation >= -1 && m->operation < idl_noperations);
		cr_expect_leq(m->nrequired, m->nparams, "%s", m->name);
		if (m->field >= 0)
			cr_expect_lt(m->field, idl_classes[m->cls]->nfields);
		if (m->operation >= 0)
			cr_expect_eq(m->params[0].type->cls, m->cls);
	}
}

Test(tables, parameters_lie_in_their_struct_one_after_the_other)
{
	const struct idl_param *p;
	const struct idl_msg *m;
	size_t end;
	int i, k;

	for (i = 0; i < api_nmsgs; i++) {
		m = api_msgs[i];
		for (end = 0, k = 0; k < m->nparams; k++) {
			p = &m->params[k];
			cr_expect_geq(p->offset, end, "%s", m->name);
			cr_expect_eq(p->initial == NULL, k < m->nrequired,
			    "%s %s", m->name, p->name);
			end = p->offset + idl_native_bytes(p->type);
		}
		cr_expect_leq(end, m->args_bytes, "%s", m->name);
	}
}

/* overlap - do two fields of a class share a byte? */
static bool
overlap(const struct idl_field *a, const struct idl_field *b)
{
	return a->offset < b->offset + idl_native_bytes(b->type) &&
	       b->offset < a->offset + idl_native_bytes(a->type);
}

Test(tables, fields_lie_in_their_struct_and_do_not_overlap)
{
	const struct idl_class *c;
	const struct idl_field *f;
	int i, k, n;

	for (i = 0; i < idl_nclasses; i++) {
		c = idl_classes[i];
		cr_expect_eq(c->id, i);
		for (k = 0; k < c->nfields; k++) {
			f = &c->fields[k];
			cr_expect_not_null(f->initial, "%s", f->name);
			cr_expect_geq(f->offset, sizeof(struct idl_hdr));
			cr_expect_leq(f->offset + idl_native_bytes(f->type),
			    c->struct_bytes, "%s.%s", c->name, f->name);
			for (n = 0; n < k; n++)
				cr_expect_not(overlap(f, &c->fields[n]),
				    "%s.%s", c->name, f->name);
		}
	}
	cr_expect_leq(sizeof(struct idl_vm), 800, "a VM record stays small");
}

Test(tables, an_inverse_reads_an_indexed_ref_to_its_class)
{
	const struct idl_field *f, *from;
	int i, k, n = 0;

	for (i = 0; i < idl_nclasses; i++) {
		for (k = 0; k < idl_classes[i]->nfields; k++) {
			f = &idl_classes[i]->fields[k];
			if (!(f->flags & IDL_F_INVERSE))
				continue;
			n++;
			from = &idl_classes[f->inverse_cls]
				    ->fields[f->inverse_field];
			cr_expect(from->flags & IDL_F_INDEXED, "%s", f->name);
			cr_expect_eq(from->type->kind, IDL_REF);
			cr_expect_eq(from->type->cls, i);
		}
	}
	cr_expect_geq(n, 1);
}

/* expect_field_messages - what a field of a class must and must not have */
static void
expect_field_messages(const struct idl_class *c, const struct idl_field *f)
{
	bool served = (c->flags & (IDL_C_LISTED | IDL_C_PRIVATE)) != 0 &&
		      !(f->flags & IDL_F_INTERNAL);
	bool listed = served && (c->flags & IDL_C_LISTED) != 0;
	bool rw = served && f->qualifier == IDL_RW;
	const struct idl_msg *get = row_of(c, "get_", f->name);

	cr_expect_eq(get != NULL, served, "%s.%s", c->name, f->name);
	if (get != NULL)
		cr_expect_eq(get->result, f->type);
	if (rw)
		cr_expect_eq(row_of(c, "set_", f->name)->role, f->writer,
		    "%s.%s", c->name, f->name);
	cr_expect_eq(row_of(c, "add_to_", f->name) != NULL,
	    rw && f->type->kind == IDL_MAP, "%s.%s", c->name, f->name);
	cr_expect_eq(row_of(c, "remove_", f->name) != NULL,
	    rw && f->type->kind == IDL_SET, "%s.%s", c->name, f->name);
	cr_expect_eq(row_of(c, "get_by_", f->name) != NULL,
	    listed && (f->flags & (IDL_F_UNIQUE | IDL_F_LOOKUP)) != 0, "%s.%s",
	    c->name, f->name);
}

Test(tables, fields_have_the_messages_they_imply_and_no_other)
{
	int i, k;

	for (i = 0; i < idl_nclasses; i++)
		for (k = 0; k < idl_classes[i]->nfields; k++)
			expect_field_messages(
			    idl_classes[i], &idl_classes[i]->fields[k]);
}

Test(tables, sessions_and_events_cannot_be_listed_or_looked_up)
{
	static const char *const names[] = {"session.get_all",
	    "session.get_all_records", "session.get_by_uuid", "event.get_all",
	    "event.get_record", "event.get_by_uuid", "host_account.get_all",
	    "host_account.get_record", "VM.get_suspended_bytes",
	    "session.get_role", "task.get_session"};
	size_t i;

	for (i = 0; i < N(names); i++)
		cr_expect_null(row(names[i]), "%s is served", names[i]);
	cr_expect_not_null(row("session.get_this_host"));
	cr_expect_not_null(row("session.get_record"));
}

enum {
	RO = IDL_ROLE_READ_ONLY,
	VMOP = IDL_ROLE_VM_OPERATOR,
	VMA = IDL_ROLE_VM_ADMIN,
	VMPA = IDL_ROLE_VM_POWER_ADMIN,
	PA = IDL_ROLE_POOL_ADMIN
};
static const struct {
	const char *name;
	int nparams, role;
	bool async;
	int operation;
	const char *expected; /* power states; control domains */
	const char *control;
} summary[] = {
    {"VM.assert_can_boot_here", 2, RO, true, -1, "", ""},
    {"VM.compute_memory_overhead", 1, RO, true, -1, "", ""},
    {"VM.get_cooperative", 1, RO, true, -1, "", ""},
    {"VM.maximise_memory", 3, RO, true, -1, "", ""},
    {"VM.set_memory", 2, VMPA, true, IDL_OP_CHANGING_MEMORY_LIMITS, "halted",
	"halted, running"},
    {"VM.set_memory_limits", 5, VMPA, true, IDL_OP_CHANGING_MEMORY_LIMITS,
	"halted", "halted, running"},
    {"VM.set_memory_static_range", 3, VMPA, true, IDL_OP_CHANGING_STATIC_RANGE,
	"halted", "halted, running"},
    {"VM.set_memory_static_max", 2, VMPA, false, IDL_OP_CHANGING_STATIC_RANGE,
	"halted", "halted, running"},
    {"VM.set_memory_static_min", 2, VMPA, false, IDL_OP_CHANGING_STATIC_RANGE,
	"halted", "halted, running"},
    {"VM.set_memory_dynamic_range", 3, VMPA, true,
	IDL_OP_CHANGING_DYNAMIC_RANGE, "halted, running", "halted, running"},
    {"VM.set_memory_dynamic_max", 2, VMPA, false, IDL_OP_CHANGING_DYNAMIC_RANGE,
	"halted, running", "halted, running"},
    {"VM.set_memory_dynamic_min", 2, VMPA, false, IDL_OP_CHANGING_DYNAMIC_RANGE,
	"halted, running", "halted, running"},
    {"VM.set_memory_target_live", 2, VMPA, true, IDL_OP_CHANGING_MEMORY_LIVE,
	"running", "running"},
    {"VM.wait_memory_target_live", 1, RO, true, IDL_OP_AWAITING_MEMORY_LIVE,
	"running", "running"},
    {"host.compute_free_memory", 1, RO, true, -1, "", ""},
    {"host.compute_memory_overhead", 1, RO, true, -1, "", ""},
    {"VM.set_HVM_shadow_multiplier", 2, VMPA, false,
	IDL_OP_CHANGING_SHADOW_MEMORY, "halted", "halted"},
    {"VM.set_shadow_multiplier_live", 2, VMPA, true,
	IDL_OP_CHANGING_SHADOW_MEMORY_LIVE, "running", "running"},
    {"VM.set_VCPUs_max", 2, VMA, false, IDL_OP_CHANGING_VCPUS, "halted",
	"halted, running"},
    {"VM.set_VCPUs_at_startup", 2, VMA, false, -1, "", ""},
    {"VM.set_VCPUs_number_live", 2, VMA, true, IDL_OP_CHANGING_VCPUS_LIVE,
	"running", "running"},
    {"VM.get_possible_hosts", 1, RO, true, -1, "", ""},
    {"VM.create", 1, VMA, true, -1, "", ""},
    {"VM.destroy", 1, VMA, true, IDL_OP_DESTROY, "halted, suspended",
	"halted, suspended"},
    {"VM.clone", 2, VMA, true, IDL_OP_CLONE, "halted", "halted"},
    {"VM.start", 3, VMOP, true, IDL_OP_START, "halted", "halted"},
    {"VM.start_on", 4, VMPA, true, IDL_OP_START_ON, "halted", "halted"},
    {"VM.suspend", 1, VMOP, true, IDL_OP_SUSPEND, "running", "running"},
    {"VM.resume", 3, VMOP, true, IDL_OP_RESUME, "suspended", "suspended"},
    {"VM.resume_on", 4, VMPA, true, IDL_OP_RESUME_ON, "suspended", "suspended"},
    {"VM.pool_migrate", 3, VMPA, true, IDL_OP_POOL_MIGRATE, "running",
	"running"},
    {"VM.pause", 1, VMOP, true, IDL_OP_PAUSE, "running", "running"},
    {"VM.unpause", 1, VMOP, true, IDL_OP_UNPAUSE, "paused", "paused"},
    {"VM.clean_shutdown", 1, VMOP, true, IDL_OP_CLEAN_SHUTDOWN, "running",
	"running"},
    {"VM.hard_shutdown", 1, VMOP, true, IDL_OP_HARD_SHUTDOWN,
	"paused, suspended, running", "paused, suspended, running"},
    {"VM.clean_reboot", 1, VMOP, true, IDL_OP_CLEAN_REBOOT, "running",
	"running"},
    {"VM.hard_reboot", 1, VMOP, true, IDL_OP_HARD_REBOOT, "paused, running",
	"paused, running"},
    {"VM.assert_operation_valid", 2, RO, true, -1, "", ""},
    {"VM.update_allowed_operations", 1, PA, true, -1, "", ""},
};

Test(tables, memory_messages_are_as_in_the_summary_table)
{
	const struct idl_operation *o;
	const struct idl_msg *m;
	size_t i;

	for (i = 0; i < N(summary); i++) {
		m = row(summary[i].name);
		cr_assert_not_null(m, "%s", summary[i].name);
		cr_expect_eq(m->nparams, summary[i].nparams, "%s", m->name);
		cr_expect_eq(m->nrequired, m->nparams, "%s", m->name);
		cr_expect_eq(m->role, summary[i].role, "%s", m->name);
		cr_expect_eq((m->flags & IDL_M_ASYNC) != 0, summary[i].async,
		    "%s", m->name);
		cr_expect_eq(m->operation, summary[i].operation, "%s", m->name);
		if (m->operation < 0)
			continue;
		o = &idl_operations[m->operation];
		cr_expect_str_eq(
		    o->expected, summary[i].expected, "%s", m->name);
		cr_expect_str_eq(
		    o->control_expected, summary[i].control, "%s", m->name);
	}
}

Test(tables, a_ref_field_can_be_emptied_but_self_must_exist)
{
	const struct idl_msg *m = row("VM.set_affinity");

	cr_assert_not_null(m);
	cr_expect_not(m->params[0].nullable);
	cr_expect(m->params[1].nullable);
	m = row("VM.assert_can_boot_here");
	cr_expect_not(m->params[0].nullable);
	cr_expect(m->params[1].nullable, "a bad host is HOST_NOT_LIVE");
}

Test(tables, login_takes_two_to_four_parameters_and_more)
{
	const struct idl_msg *m = row("session.login_with_password");

	cr_assert_not_null(m);
	cr_expect_eq(m->nrequired, 2);
	cr_expect_eq(m->nparams, 4);
	cr_expect_eq(m->flags, IDL_M_NOSESSION | IDL_M_SURPLUS);
	cr_expect_eq(m->run, IDL_RUN_WORK);
}

Test(tables, operations_print_as_the_reference_prints_them)
{
	static const struct {
		int op;
		const char *name, *printed;
	} rows[] = {
	    {IDL_OP_CHANGING_MEMORY_LIMITS, "changing_memory_limits",
		"(unknown operation)"},
	    {IDL_OP_CHANGING_VCPUS, "changing_VCPUs", "(unknown operation)"},
	    {IDL_OP_QUERY_SERVICES, "query_services", "(unknown operation)"},
	    {IDL_OP_CREATE_TEMPLATE, "create_template", "(unknown operation)"},
	    {IDL_OP_DATA_SOURCE_OP, "data_source_op", "data_sources_op"},
	    {IDL_OP_ASSERT_OPERATION_VALID, "assert_operation_valid",
		"assertoperationvalid"},
	    {IDL_OP_CHANGING_DYNAMIC_RANGE, "changing_dynamic_range",
		"changing_dynamic_range"},
	    {IDL_OP_START, "start", "start"},
	};
	const struct idl_enum *en = idl_type_enum_vm_operations.en;
	size_t i;

	cr_expect_eq(en->n, idl_noperations);
	for (i = 0; i < N(rows); i++) {
		cr_expect_str_eq(idl_operations[rows[i].op].name, rows[i].name);
		cr_expect_str_eq(
		    idl_operations[rows[i].op].printed, rows[i].printed);
		cr_expect_str_eq(en->values[rows[i].op], rows[i].name);
	}
}

/* expect_flag - exactly these operations have a flag */
static void
expect_flag(uint32_t flag, const int *ops, size_t n, const char *sentence)
{
	bool want;
	size_t k;
	int i;

	for (i = 0; i < idl_noperations; i++) {
		for (want = false, k = 0; k < n; k++)
			want = want || ops[k] == i;
		cr_expect_eq((idl_operations[i].flags & flag) != 0, want,
		    "%s: %s", sentence, idl_operations[i].name);
	}
}

Test(tables, operations_are_allowed_where_the_specification_says)
{
	static const int template[] = {IDL_OP_CHANGING_DYNAMIC_RANGE,
	    IDL_OP_CHANGING_STATIC_RANGE, IDL_OP_CHANGING_MEMORY_LIMITS,
	    IDL_OP_CHANGING_SHADOW_MEMORY, IDL_OP_CHANGING_VCPUS,
	    IDL_OP_CHANGING_NVRAM, IDL_OP_CLONE, IDL_OP_COPY, IDL_OP_EXPORT,
	    IDL_OP_METADATA_EXPORT, IDL_OP_PROVISION, IDL_OP_DESTROY,
	    IDL_OP_MIGRATE_SEND};
	static const int snapshot[] = {IDL_OP_REVERT, IDL_OP_CLONE, IDL_OP_COPY,
	    IDL_OP_EXPORT, IDL_OP_DESTROY, IDL_OP_HARD_SHUTDOWN,
	    IDL_OP_METADATA_EXPORT};
	static const int control[] = {IDL_OP_DATA_SOURCE_OP,
	    IDL_OP_CHANGING_MEMORY_LIVE, IDL_OP_AWAITING_MEMORY_LIVE,
	    IDL_OP_METADATA_EXPORT, IDL_OP_CHANGING_DYNAMIC_RANGE,
	    IDL_OP_CHANGING_MEMORY_LIMITS, IDL_OP_CHANGING_STATIC_RANGE,
	    IDL_OP_START, IDL_OP_START_ON, IDL_OP_CHANGING_VCPUS,
	    IDL_OP_DESTROY};
	static const int unlisted[] = {IDL_OP_CHANGING_MEMORY_LIVE,
	    IDL_OP_AWAITING_MEMORY_LIVE, IDL_OP_CHANGING_MEMORY_LIMITS,
	    IDL_OP_CHANGING_SHADOW_MEMORY_LIVE, IDL_OP_CHANGING_VCPUS,
	    IDL_OP_GET_BOOT_RECORD, IDL_OP_CSVM, IDL_OP_SEND_SYSRQ,
	    IDL_OP_SEND_TRIGGER, IDL_OP_CALL_PLUGIN, IDL_OP_DATA_SOURCE_OP,
	    IDL_OP_CREATE_TEMPLATE, IDL_OP_POWER_STATE_RESET,
	    IDL_OP_QUERY_SERVICES, IDL_OP_SHUTDOWN,
	    IDL_OP_ASSERT_OPERATION_VALID, IDL_OP_UPDATE_ALLOWED_OPERATIONS,
	    IDL_OP_IMPORT, IDL_OP_REVERTING};
	size_t k;

	expect_flag(IDL_O_TEMPLATE, template, N(template), "on templates");
	expect_flag(IDL_O_SNAPSHOT, snapshot, N(snapshot), "on snapshots");
	expect_flag(IDL_O_CONTROL, control, N(control), "on control domains");
	for (k = 0; k < N(unlisted); k++)
		cr_expect_not(idl_operations[unlisted[k]].flags & IDL_O_LISTED);
}

Test(tables, errors_have_the_arity_that_clients_know)
{
	static const struct {
		enum err err;
		const char *code;
		int nparams;
	} rows[] = {
	    {ERR_NONE, "", 0},
	    {ERR_SESSION_INVALID, "SESSION_INVALID", 1},
	    {ERR_SESSION_AUTHENTICATION_FAILED, "SESSION_AUTHENTICATION_FAILED",
		2},
	    {ERR_MESSAGE_METHOD_UNKNOWN, "MESSAGE_METHOD_UNKNOWN", 1},
	    {ERR_MESSAGE_PARAMETER_COUNT_MISMATCH,
		"MESSAGE_PARAMETER_COUNT_MISMATCH", 3},
	    {ERR_FIELD_TYPE_ERROR, "FIELD_TYPE_ERROR", 1},
	    {ERR_INVALID_VALUE, "INVALID_VALUE", 2},
	    {ERR_HANDLE_INVALID, "HANDLE_INVALID", 2},
	    {ERR_UUID_INVALID, "UUID_INVALID", 2},
	    {ERR_MAP_DUPLICATE_KEY, "MAP_DUPLICATE_KEY", 4},
	    {ERR_OTHER_OPERATION_IN_PROGRESS, "OTHER_OPERATION_IN_PROGRESS", 4},
	    {ERR_VM_BAD_POWER_STATE, "VM_BAD_POWER_STATE", 3},
	    {ERR_HOST_NOT_ENOUGH_FREE_MEMORY, "HOST_NOT_ENOUGH_FREE_MEMORY", 2},
	    {ERR_MEMORY_CONSTRAINT_VIOLATION_ORDER,
		"MEMORY_CONSTRAINT_VIOLATION_ORDER", 0},
	    {ERR_MEMORY_CONSTRAINT_VIOLATION_MAXPIN,
		"MEMORY_CONSTRAINT_VIOLATION_MAXPIN", 1},
	    {ERR_NO_HOSTS_AVAILABLE, "NO_HOSTS_AVAILABLE", 0},
	};
	size_t i;

	for (i = 0; i < N(rows); i++) {
		cr_expect_str_eq(idl_errors[rows[i].err].code, rows[i].code);
		cr_expect_eq(idl_errors[rows[i].err].nparams, rows[i].nparams,
		    "%s", rows[i].code);
	}
	cr_expect(idl_errors[ERR_VMS_FAILED_TO_COOPERATE].variadic);
}

Test(tables, defaults_are_those_of_the_specification)
{
	struct idl_vm vm;
	struct idl_host host;

	idl_record_init(idl_classes[IDL_CLASS_VM], &vm);
	cr_expect_eq(vm.power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(vm.domain_type, IDL_DOMAIN_TYPE_UNSPECIFIED);
	cr_expect_float_eq(vm.HVM_shadow_multiplier, 1.0, 0.0);
	cr_expect_eq(vm.domid, -1);
	cr_expect_eq(vm.memory_target, 0);
	cr_expect_str_eq(vm.name_label, "");
	cr_expect_eq(vm.other_config, &idl_map_none);
	cr_expect(idl_ref_is_null(&vm.resident_on));
	idl_record_init(idl_classes[IDL_CLASS_HOST], &host);
	cr_expect_eq(host.API_version_major, 2);
	cr_expect_eq(host.API_version_minor, 23);
	cr_expect_not(host.enabled);
}
