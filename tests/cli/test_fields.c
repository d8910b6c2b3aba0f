/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of fields against the IDL: nothing is misspelt, nothing forgotten.
 */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Model */
#include "idl_types.h"

/* Own */
#include "cli/cli_field.h"
#include "cli/cli_table.h"

/* Members that only other servers send. */
static const char elsewhere[] =
    ",transportable_snapshot_id,snapshot_schedule,is_vmss_snapshot,"
    "pending_guidances,display,https_only,ha_statefiles,ha_network_peers,"
    "external_auth_type,external_auth_service_name,"
    "external_auth_configuration,local_cache_sr,ssl_legacy,"
    "updates_requiring_reboot,iscsi_iqn,multipathing,";

/* Members that xe does not show, or under no name of their own. */
static const char unshown[] =
    ",scheduled_to_be_resident_on,memory_target,metrics,guest_metrics,VIFs,"
    "VUSBs,VGPUs,attached_PCIs,crash_dumps,actions_after_softreboot,PCI_bus,"
    "domarch,sched_policy,cpu_configuration,PIFs,crashdumps,PBDs,host_CPUs,"
    "license_params,"
    "bios_strings,PCIs,PGPUs,PUSBs,metadata_VDIs,backtrace,";

static bool
among(const char *names, const char *name)
{
	char key[80];

	(void)snprintf(key, sizeof(key), ",%s,", name); /* names are short */
	return strstr(names, key) != NULL;
}

static const struct idl_class *
class_named(const char *name)
{
	int i;

	for (i = 0; i < idl_nclasses; i++)
		if (strcmp(idl_classes[i]->name, name) == 0)
			return idl_classes[i];
	return NULL;
}

static const struct idl_field *
field_named(const struct idl_class *c, const char *name)
{
	int i;

	for (i = 0; i < c->nfields; i++)
		if (strcmp(c->fields[i].name, name) == 0)
			return &c->fields[i];
	return NULL;
}

static const struct cli_class *const classes[] = {
    &cli_class_vm, &cli_class_host, &cli_class_pool, &cli_class_task};

Test(fields, are_members_of_the_class_they_say)
{
	size_t k, i;

	for (k = 0; k < sizeof(classes) / sizeof(classes[0]); k++)
		for (i = 0; i < classes[k]->n; i++) {
			const struct cli_field *f = &classes[k]->field[i];
			const char *cls =
			    f->from == CLI_METRICS ? classes[k]->metrics
			    : f->from == CLI_GUEST ? classes[k]->guest
						   : classes[k]->api;

			if (f->from == CLI_ASK || among(elsewhere, f->member))
				continue;
			cr_expect(
			    field_named(class_named(cls), f->member) != NULL,
			    "%s has no %s (%s)", cls, f->member, f->name);
		}
}

Test(fields, show_every_member_but_some)
{
	size_t k, i;
	int m;

	for (k = 0; k < sizeof(classes) / sizeof(classes[0]); k++) {
		const struct idl_class *c = class_named(classes[k]->api);

		for (m = 0; m < c->nfields; m++) {
			bool shown = (c->fields[m].flags &
					 (IDL_F_INTERNAL | IDL_F_EXTENSION)) ||
				     among(unshown, c->fields[m].name);

			for (i = 0; i < classes[k]->n && !shown; i++)
				shown = strcmp(classes[k]->field[i].member,
					    c->fields[m].name) == 0;
			cr_expect(shown, "%s.%s is not shown", c->name,
			    c->fields[m].name);
		}
	}
}

Test(fields, of_a_class_have_names_of_their_own)
{
	size_t k, i;

	for (k = 0; k < sizeof(classes) / sizeof(classes[0]); k++)
		for (i = 0; i < classes[k]->n; i++)
			cr_expect(cli_field_find(
				      classes[k], classes[k]->field[i].name) ==
				      &classes[k]->field[i],
			    "%s stands twice", classes[k]->field[i].name);
}

Test(errors, are_those_of_the_model)
{
	size_t i;
	int p;

	for (i = 0; i < cli_nerrors; i++) {
		const struct cli_error *e = &cli_errors[i];
		const struct idl_error *m = &idl_errors[i + 1];

		cr_expect_str_eq(e->code, m->code);
		cr_expect_str_eq(e->sentence, m->sentence);
		cr_assert_eq((int)e->n, m->nparams);
		for (p = 0; p < m->nparams; p++)
			cr_expect_str_eq(e->param[p], m->params[p]);
	}
}
