/* SPDX-License-Identifier: BSD-2-Clause */

/* Guests from the simulator's file. */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* own */
#include "tests/api/help_world.h"

static struct world w;
static char path[] = "/tmp/seed-XXXXXX";

/* write_file - a file with a text; its name is in path */
static void
write_file(const char *text)
{
	int fd;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/tmp/seed-XXXXXX");
	fd = mkstemp(path);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	cr_assert_not_null(f);
	(void)fputs(text, f);
	cr_assert_eq(fclose(f), 0);
}

/* open_with - a world seeded with a text */
static void
open_with(const char *text)
{
	write_file(text);
	world_open(&w, NULL, 0, path);
	(void)unlink(path);
}

Test(seed, guests_are_made_and_run_as_the_file_says)
{
	struct idl_ref vm;

	open_with("[vm one]\nmemory = 1GiB\nstate = running\n"
		  "[vm two words]\ntype = pv\nvcpus = 3\nstatic_max = 2GiB\n"
		  "dynamic_min = 512MiB\nmultiplier = 1.5\n"
		  "description = some text\nsim = rate_kib_s=5\n"
		  "[vm three]\nmemory = 64MiB\ncount = 2\nstate = paused\n"
		  "[vm four]\nmemory = 64MiB\ntemplate = yes\n"
		  "uuid = 01234567-89ab-4def-8123-456789abcdef\n");
	cr_assert(w.ready, "%s", w.text);
	vm = world_find_vm(&w, "one");
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	cr_expect_eq(world_vm(&w, &vm)->memory_static_min, 1 * GIB);
	vm = world_find_vm(&w, "two words");
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	cr_expect_eq(world_vm(&w, &vm)->domain_type, IDL_DOMAIN_TYPE_PV);
	cr_expect_eq(world_vm(&w, &vm)->VCPUs_max, 3);
	cr_expect_eq(world_vm(&w, &vm)->VCPUs_at_startup, 3);
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_max, 2 * GIB);
	cr_expect_eq(world_vm(&w, &vm)->memory_dynamic_min, 512 * MIB);
	cr_expect_eq(world_vm(&w, &vm)->memory_static_min, 512 * MIB);
	cr_expect_str_eq(world_vm(&w, &vm)->name_description, "some text");
	cr_expect_eq(world_vm(&w, &vm)->other_config->n, 2);
	vm = world_find_vm(&w, "three-2");
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_PAUSED);
	vm = world_find_vm(&w, "four");
	cr_expect(world_vm(&w, &vm)->is_a_template);
	cr_expect_str_eq(
	    world_vm(&w, &vm)->uuid, "01234567-89ab-4def-8123-456789abcdef");
	world_check(&w);
	world_close(&w);
}

Test(seed, only_an_empty_store_is_seeded)
{
	uint64_t n;

	open_with("[vm one]\nmemory = 1GiB\ncount = 3\n");
	(void)world_first_host(&w);
	n = fld_count(w.pin, IDL_CLASS_VM);
	cr_expect_eq(n, 4, "dom0 too");
	world_restart(&w, WORLD_GOES_ON);
	(void)world_first_host(&w);
	cr_expect_eq(fld_count(w.pin, IDL_CLASS_VM), n);
	world_close(&w);
}

Test(seed, a_guest_that_does_not_fit_stays_halted)
{
	struct idl_ref vm;

	open_with("[vm big]\nmemory = 100GiB\nstate = running\n"
		  "[vm small]\nmemory = 1GiB\nstate = running\n");
	cr_assert(w.ready);
	cr_expect_neq(strstr(w.text, "NO_HOSTS_AVAILABLE"), NULL, "%s", w.text);
	vm = world_find_vm(&w, "big");
	cr_expect_eq(world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_HALTED);
	vm = world_find_vm(&w, "small");
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	world_close(&w);
}

Test(seed, a_wrong_file_is_said_to_be_wrong_where_it_is)
{
	static const struct {
		const char *what, *text, *failure;
	} rows[] = {
	    {"no memory", "[vm a]\nvcpus = 1\n",
		":1: a guest needs memory, or static_max"},
	    {"no memory, and more follows",
		"\n[vm a]\nvcpus = 1\n[vm b]\nmemory = 1GiB\n",
		":2: a guest needs memory, or static_max"},
	    {"an unknown key", "[vm a]\nmemory = 1GiB\ncolour = red\n",
		":3: a guest has no key colour"},
	    {"a wrong amount", "[vm a]\nmemory = much\n[vm b]\n",
		":2: memory is not an amount like 512MiB"},
	    {"a wrong state", "[vm a]\nmemory = 1GiB\nstate = on\n",
		":3: state is none of halted, running, paused"},
	    {"a wrong type", "[vm a]\ntype = unspecified\n",
		":2: type is none of hvm, pv, pvh, pv_in_pvh"},
	    {"a wrong count", "[vm a]\ncount = 0\n",
		":2: count is not a whole number in range"},
	    {"a key twice", "[vm a]\nvcpus = 1\nvcpus = 2\n",
		":3: vcpus is given twice"},
	    {"limits out of order",
		"[vm a]\nstatic_max = 1GiB\ndynamic_min = 2GiB\n",
		":1: memory_dynamic_min 2147483648 is above "
		"memory_dynamic_max 1073741824"},
	    {"a running template",
		"[vm a]\nmemory = 1GiB\ntemplate = yes\nstate = running\n",
		":1: a template cannot run"},
	    {"several with one uuid",
		"[vm a]\nmemory = 1GiB\ncount = 2\n"
		"uuid = 01234567-89ab-4def-8123-456789abcdef\n",
		":1: several guests cannot have one uuid"},
	    {"no name", "[vm ]\nmemory = 1GiB\n",
		":1: a guest needs a name: [vm NAME]"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_with(rows[i].text);
		cr_expect_not(w.ready, "%s", rows[i].what);
		cr_expect_eq(
		    strncmp(w.text, path, strlen(path)), 0, "%s", rows[i].what);
		if (strlen(w.text) > strlen(path))
			cr_expect_str_eq(w.text + strlen(path), rows[i].failure,
			    "%s", rows[i].what);
		world_close(&w);
	}
}

Test(seed, two_guests_cannot_have_one_uuid)
{
	open_with("[vm a]\nmemory = 1GiB\n"
		  "uuid = 01234567-89ab-4def-8123-456789abcdef\n"
		  "[vm b]\nmemory = 1GiB\n"
		  "uuid = 01234567-89ab-4def-8123-456789abcdef\n");
	cr_expect_not(w.ready);
	world_close(&w);
}

Test(seed, the_demo_file_is_right)
{
	struct idl_ref vm;

	world_open(&w, NULL, 0, "xen/demo.ini");
	cr_assert(w.ready, "%s", w.text);
	cr_expect_str_eq(w.text, "", "every guest starts: %s", w.text);
	vm = world_find_vm(&w, "worker-3");
	cr_expect_eq(
	    world_vm(&w, &vm)->power_state, IDL_VM_POWER_STATE_RUNNING);
	world_check(&w);
	world_close(&w);
}
