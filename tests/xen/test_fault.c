/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "tests/model/help_alloc.h"
#include "tests/xen/help_sim.h"
#include "xen/hv_sim_ini.h"

#define ROOM 4096

/* open_roomy - a world whose listener needs no allocation any more */
static void
open_roomy(struct help_sim *h)
{
	help_open(h, NULL, 0);
	h->log = realloc(h->log, ROOM * sizeof *h->log);
	cr_assert_not_null(h->log);
	h->room = ROOM;
}

Test(hv_fault, a_world_is_made_whole_or_not_at_all)
{
	struct hv_sim_host c[3];
	struct hv_sim *w;
	size_t n;

	for (int i = 0; i < 3; i++) {
		hv_sim_host_init(&c[i]);
		c[i].name[0] = (char)('a' + i);
	}
	for (n = 1;; n++) {
		help_alloc_fail_nth(n);
		w = hv_sim_new(c, 3);
		if (!help_alloc_stop())
			break;
		cr_expect_null(w, "allocation %zu", n);
	}
	cr_expect_not_null(w);
	cr_expect_gt(n, 5);
	hv_sim_free(&w);
}

Test(hv_fault, a_command_is_done_or_refused_or_the_link_is_lost)
{
	struct help_sim h;
	struct hv_msg m;
	const struct hv_result *r;
	char text[200] = "";
	bool disturbed = true;
	uint64_t before;

	for (size_t n = 1; disturbed; n++) {
		open_roomy(&h);
		before = help_host(&h, 0)->free_kib;
		m = help_command(&h, HV_BUILD, 1);
		help_alloc_fail_nth(n);
		r = help_answer(&h, help_send(&h, &m));
		disturbed = help_alloc_stop();
		cr_assert(h.lost || r != NULL, "allocation %zu", n);
		if (!h.lost && r->status != HV_OK) {
			cr_expect_eq(r->status, HV_REFUSED);
			cr_expect_str_eq(r->text, "out of memory");
			cr_expect_null(help_domain(&h, 1));
			cr_expect_eq(help_host(&h, 0)->free_kib, before);
		}
		if (!disturbed)
			cr_expect(!h.lost && r->status == HV_OK);
		cr_expect(
		    hv_sim_conserves(h.world, text, sizeof text), "%s", text);
		help_close(&h);
	}
}

Test(hv_fault, a_table_that_cannot_grow_refuses_the_build)
{
	struct help_sim h;
	struct hv_msg m;
	size_t refused = 0;

	open_roomy(&h);
	for (uint64_t vm = 1; vm <= 300; vm++) {
		const struct hv_result *r;
		m = help_command(&h, HV_BUILD, vm);
		help_alloc_fail_nth(2); /* the first is the domain's own */
		r = help_answer(&h, help_send(&h, &m));
		(void)help_alloc_stop();
		if (h.lost) /* it was the message that found no room */
			break;
		cr_assert_not_null(r);
		if (r->status != HV_OK)
			refused++;
	}
	cr_expect(h.lost || refused > 0);
	help_close(&h);
}

Test(hv_fault, a_link_is_made_or_not)
{
	struct help_sim h;
	struct hv_link_calls calls = help_listen(&h);
	char *argv[] = {NULL};
	char why[100];

	h.world = hv_sim_new(NULL, 0);
	cr_assert_not_null(h.world);
	help_alloc_fail_nth(1);
	cr_expect_null(hv_sim_link(h.world, &calls));
	cr_expect(help_alloc_stop());
	help_alloc_fail_nth(1);
	cr_expect_eq(
	    hv_link_spawn(&h.link, "/tmp", argv, &calls, why, sizeof why), -1);
	cr_expect(help_alloc_stop());
	cr_expect_str_eq(why, "out of memory");
	cr_expect_null(h.link);
	help_close(&h);
}

Test(hv_fault, a_file_is_read_or_refused)
{
	static const char text[] =
	    "[host a]\ncpus = 2\n[vm x]\n[host b]\n[host c]\nhvm = no\n";
	char path[] = "/tmp/test_fault.XXXXXX", why[300];
	int fd = mkstemp(path), rc;
	struct hv_sim *w = NULL;
	size_t n;

	cr_assert_geq(fd, 0);
	cr_assert_eq(
	    write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
	close(fd);
	for (n = 1;; n++) {
		help_alloc_fail_nth(n);
		rc = hv_sim_read(&w, path, why, sizeof why);
		if (!help_alloc_stop())
			break;
		if (rc == 0) { /* stdio can do without its buffer */
			hv_sim_free(&w);
			continue;
		}
		cr_expect_null(w, "allocation %zu", n);
		cr_expect_neq(why[0], '\0');
	}
	cr_expect_eq(rc, 0, "%s", why);
	cr_expect_gt(n, 8);
	hv_sim_free(&w);
	unlink(path);
}
