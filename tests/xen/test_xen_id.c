/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Own */
#include "xen/hv_uuid.h"
#include "xen/hv_xen_id.h"

static char root[64];

/* put - a file under root, its folders too; path is written to and restored */
static void
put(const char *path, const char *text)
{
	char full[300];
	FILE *f;

	(void)snprintf(full, sizeof full, "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL;
	     p++) {
		*p = '\0';
		(void)mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "w");
	cr_assert_not_null(f);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
}

static void
begin(void)
{
	(void)snprintf(root, sizeof root, "%s", "/tmp/hv-xen-id.XXXXXX");
	cr_assert_not_null(mkdtemp(root));
}

static void
finish(void)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", root);
	cr_expect_eq(system(cmd), 0);
}

TestSuite(hv_xen_id, .init = begin, .fini = finish);

#define INVENTORY                                                              \
	"PRODUCT_BRAND='XCP-ng'\n"                                             \
	"INSTALLATION_UUID='11111111-2222-3333-4444-555555555555'\n"           \
	"CONTROL_DOMAIN_UUID='66666666-7777-8888-9999-aaaaaaaaaaaa'\n"
#define MACHINE "0123456789abcdef0123456789abcdef\n"

Test(hv_xen_id, the_hosts_uuid_has_an_order_of_sources)
{
	struct hv_xen_names name, product, machine, toolstack;

	hv_xen_names_read(&name, root);
	put("/sys/class/dmi/id/product_uuid",
	    "03000200-0400-0500-0006-000700080009\n");
	hv_xen_names_read(&product, root);
	put("/etc/machine-id", MACHINE);
	hv_xen_names_read(&machine, root);
	put("/etc/xensource-inventory", INVENTORY);
	hv_xen_names_read(&toolstack, root);

	cr_expect_not(hv_uuid_equal(&name.host, &product.host));
	cr_expect_not(hv_uuid_equal(&product.host, &machine.host));
	cr_expect_eq(toolstack.host.hi, 0x1111111122223333ull);
	cr_expect_eq(toolstack.host.lo, 0x4444555555555555ull);
	cr_expect_eq(toolstack.dom0.hi, 0x6666666677778888ull);
}

Test(hv_xen_id, the_same_machine_is_the_same_host)
{
	struct hv_xen_names a, b;

	put("/etc/machine-id", MACHINE);
	hv_xen_names_read(&a, root);
	hv_xen_names_read(&b, root);
	cr_expect(hv_uuid_equal(&a.host, &b.host));
	cr_expect(hv_uuid_equal(&a.dom0, &b.dom0));
	cr_expect_not(hv_uuid_equal(&a.host, &a.dom0));
	cr_expect_neq(a.host.hi, 0x0123456789abcdefull, "it is not shown");
	cr_expect_neq(a.name[0], '\0');
}

static const struct {
	const char *sentence, *text;
} not_yet[] = {
    {"an empty machine-id is none", ""},
    {"... nor is an empty line", "\n"},
    {"systemd's word for none is none", "uninitialized\n"},
};

Test(hv_xen_id, a_machine_id_that_is_none)
{
	struct hv_xen_names without, with;

	hv_xen_names_read(&without, root);
	for (size_t i = 0; i < sizeof not_yet / sizeof not_yet[0]; i++) {
		put("/etc/machine-id", not_yet[i].text);
		hv_xen_names_read(&with, root);
		cr_expect(hv_uuid_equal(&without.host, &with.host), "%s",
		    not_yet[i].sentence);
	}
}

Test(hv_xen_id, an_inventory_without_uuid_is_passed_over)
{
	struct hv_xen_names without, with;

	put("/etc/machine-id", MACHINE);
	hv_xen_names_read(&without, root);
	put("/etc/xensource-inventory", "INSTALLATION_UUID='x'\n");
	hv_xen_names_read(&with, root);
	cr_expect(hv_uuid_equal(&without.host, &with.host));
}

Test(hv_xen_id, a_boot_is_recognised)
{
	struct hv_xen_names a, b, c;

	put("/proc/sys/kernel/random/boot_id",
	    "4011bb18-5a5e-4c03-918b-06b9556253ff\n");
	hv_xen_names_read(&a, root);
	cr_expect_eq(a.epoch.hi, 0x4011bb185a5e4c03ull);
	put("/proc/sys/kernel/random/boot_id", "\n");
	put("/proc/stat", "cpu 1 2 3\nbtime 1000\nprocesses 5\n");
	hv_xen_names_read(&b, root);
	put("/proc/stat", "cpu 1 2 3\nbtime 1001\nprocesses 5\n");
	hv_xen_names_read(&c, root);
	cr_expect_not(hv_uuid_equal(&b.epoch, &c.epoch));
	cr_expect_not(hv_uuid_is_null(&b.epoch));
}

Test(hv_xen_id, who_else_manages_memory)
{
	put("/1/comm", "systemd\n");
	put("/22/comm", "squeezed-not\n");
	put("/self/comm", "squeezed\n");
	cr_expect_null(hv_xen_rival_find(root));
	put("/333/comm", "squeezed\n");
	cr_expect_str_eq(hv_xen_rival_find(root), "squeezed");
	put("/333/comm", "xenopsd-xc\n");
	cr_expect_str_eq(hv_xen_rival_find(root), "xenopsd-xc");
}

Test(hv_xen_id, no_processes_to_be_seen_are_no_rivals)
{
	static char nowhere[] = "/nowhere/at/all";

	cr_expect_null(hv_xen_rival_find(nowhere));
}
