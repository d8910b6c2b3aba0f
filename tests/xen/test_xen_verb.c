/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Own */
#include "tests/xen/help_xen.h"

#define MIB 1024u /* KiB */
#define NO_BALLOON 0x1u
#define OFFSET_8 0x2u
#define NEGATIVE 0x4u
#define PV 0x8u
#define RIVAL 0x10u
#define DEAD_KEYS 0x20u
#define DOM0 0x40u
#define MAXMEM_FAILS 0x80u
#define DOWN 0x100u
#define ABOVE_TARGET 0x400u

/* A guest at 200 MiB with static_max 400 MiB and maxmem 200 MiB. */
static const struct {
	const char *sentence;
	unsigned how;
	struct hv_command c; /* verb and what it needs */
	int32_t status;
	const char *text;  /* of the answer */
	const char *trace; /* what is done, in order */
} cases[] = {
    {"raising a target, Xen's limit is raised first", 0,
	{.verb = HV_SET_TARGET, .target_kib = 300 * MIB}, HV_OK, "",
	"maxmem 1 308224; begin; target=307200; end; "},
    {"lowering a target, the guest is told first", 0,
	{.verb = HV_SET_TARGET, .target_kib = 100 * MIB}, HV_OK, "",
	"begin; target=102400; end; maxmem 1 103424; "},
    {"a target that is there already is written, no limit touched", 0,
	{.verb = HV_SET_TARGET, .target_kib = 200 * MIB}, HV_OK, "",
	"begin; target=204800; end; "},
    {"the calibrated offset goes on top of the limit, not of the target",
	OFFSET_8, {.verb = HV_SET_TARGET, .target_kib = 300 * MIB}, HV_OK, "",
	"maxmem 1 308232; begin; target=307200; end; "},
    {"a negative offset lowers the limit", NEGATIVE,
	{.verb = HV_SET_TARGET, .target_kib = 300 * MIB}, HV_OK, "",
	"maxmem 1 308216; begin; target=307200; end; "},
    {"without a balloon driver the limit rises and no target is written",
	NO_BALLOON, {.verb = HV_SET_TARGET, .target_kib = 300 * MIB}, HV_OK, "",
	"maxmem 1 308224; begin; end; "},
    {"... and never falls", NO_BALLOON,
	{.verb = HV_SET_TARGET, .target_kib = 100 * MIB}, HV_OK, "",
	"begin; end; "},
    {"a target above static_max is refused", 0,
	{.verb = HV_SET_TARGET, .target_kib = 401 * MIB}, HV_REFUSED,
	"the target is above static_max", ""},
    {"a target of nothing is refused", 0, {.verb = HV_SET_TARGET}, HV_REFUSED,
	"the target is nothing", ""},
    {"a limit that Xen does not raise leaves the target as it is", MAXMEM_FAILS,
	{.verb = HV_SET_TARGET, .target_kib = 300 * MIB}, HV_REFUSED,
	"setmaxmem: Input/output error", "maxmem 1 308224; "},
    {"bounds and target are written together", 0,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 100 * MIB,
	    .dynamic_max_kib = 300 * MIB,
	    .target_kib = 150 * MIB},
	HV_OK, "",
	"begin; dynamic-min=102400; dynamic-max=307200; memory-offset=0; "
	"target=153600; end; maxmem 1 154624; "},
    {"what it held above its target is noted before there is a new one",
	ABOVE_TARGET,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 100 * MIB,
	    .dynamic_max_kib = 150 * MIB},
	HV_OK, "",
	"begin; dynamic-min=102400; dynamic-max=153600; memory-offset=68; "
	"target=153600; end; maxmem 1 154624; "},
    {"an offset that is known is left alone", OFFSET_8,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 100 * MIB,
	    .dynamic_max_kib = 150 * MIB},
	HV_OK, "",
	"begin; dynamic-min=102400; dynamic-max=153600; target=153600; end; "
	"maxmem 1 154632; "},
    {"no target given: the one it has is left where it is", 0,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 250 * MIB,
	    .dynamic_max_kib = 300 * MIB},
	HV_OK, "",
	"begin; dynamic-min=256000; dynamic-max=307200; memory-offset=0; "
	"target=204800; end; "},
    {"no target given: the one it has goes down with the range", 0,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 50 * MIB,
	    .dynamic_max_kib = 100 * MIB},
	HV_OK, "",
	"begin; dynamic-min=51200; dynamic-max=102400; memory-offset=0; "
	"target=102400; end; maxmem 1 103424; "},
    {"bounds of a guest without balloon are noted, its target is not",
	NO_BALLOON,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 100 * MIB,
	    .dynamic_max_kib = 150 * MIB},
	HV_OK, "", "begin; dynamic-min=102400; dynamic-max=153600; end; "},
    {"crossed bounds are refused", 0,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 300 * MIB,
	    .dynamic_max_kib = 100 * MIB},
	HV_REFUSED, "dynamic_min is above dynamic_max", ""},
    {"bounds above static_max are refused", 0,
	{.verb = HV_SET_RANGE,
	    .dynamic_min_kib = 100 * MIB,
	    .dynamic_max_kib = 500 * MIB},
	HV_REFUSED, "dynamic_max is above static_max", ""},
    {"maxmem alone, with Xen's own extra", 0,
	{.verb = HV_SET_MAXMEM, .maxmem_kib = 250 * MIB}, HV_OK, "",
	"maxmem 1 257024; "},
    {"an offset may be negative", 0, {.verb = HV_SET_OFFSET, .offset_kib = -8},
	HV_OK, "", "begin; memory-offset=-8; end; "},
    {"uncooperative is an empty key", 0, {.verb = HV_MARK, .flag = 1}, HV_OK,
	"", "begin; uncooperative=; end; "},
    {"... that goes when it obeys", 0, {.verb = HV_MARK}, HV_OK, "",
	"begin; drop uncooperative; end; "},
    {"a claim is in pages, rounded up", 0,
	{.verb = HV_CLAIM, .claim_kib = 4097}, HV_OK, "", "claim 1 1025; "},
    {"shadow memory is in MiB, rounded up", 0,
	{.verb = HV_SET_SHADOW, .shadow_kib = 4097}, HV_OK, "", "shadow 1 5; "},
    {"shadow memory that is not there is not even asked for", 0,
	{.verb = HV_SET_SHADOW, .shadow_kib = 8192 * MIB}, HV_NO_MEMORY, "",
	""},
    {"shadow memory that Xen cannot give after all is given back", 0x200u,
	{.verb = HV_SET_SHADOW, .shadow_kib = 4096}, HV_NO_MEMORY, "",
	"shadow 1 4; shadow 1 2; "},
    {"a pv domain has no shadow memory", PV,
	{.verb = HV_SET_SHADOW, .shadow_kib = 4096}, HV_REFUSED,
	"a pv domain has no shadow memory", ""},
    {"processors go online and offline in one step", 0,
	{.verb = HV_SET_VCPUS, .vcpus = 1}, HV_OK, "",
	"begin; availability=online; availability=offline; end; "},
    {"more processors than it has are refused", 0,
	{.verb = HV_SET_VCPUS, .vcpus = 3}, HV_REFUSED,
	"so many virtual processors it does not have", ""},
    {"it is paused", 0, {.verb = HV_PAUSE}, HV_OK, "", "pause 1; "},
    {"what runs is not unpaused: Xen counts", 0, {.verb = HV_UNPAUSE}, HV_OK,
	"", ""},
    {"the toolstack builds domains, we do not", 0,
	{.verb = HV_BUILD, .uuid = {1, 1}}, HV_UNSUPPORTED, "", ""},
    {"... nor destroy them", 0, {.verb = HV_DESTROY}, HV_UNSUPPORTED, "", ""},
    {"who only observes changes nothing", RIVAL,
	{.verb = HV_SET_TARGET, .target_kib = 100 * MIB}, HV_REFUSED,
	"squeezed manages the memory of this host", ""},
    {"keys of a domain that has just died are not brought back", DEAD_KEYS,
	{.verb = HV_SET_TARGET, .target_kib = 100 * MIB}, HV_NO_DOMAIN, "",
	"begin; abort; "},
    {"the control domain's memory is not ours to move", DOM0,
	{.verb = HV_SET_TARGET, .target_kib = 100 * MIB}, HV_REFUSED,
	"this cannot be done to the control domain", ""},
    {"without xenstored a target is refused", DOWN,
	{.verb = HV_SET_TARGET, .target_kib = 100 * MIB}, HV_REFUSED,
	"xenstore: there is no connection", ""},
};

/* arrange - the world of a case, before it is opened */
static void
arrange(struct help_xen *h, unsigned how)
{
	help_xen_init(h);
	help_xen_add(h, 1, 200 * MIB);
	if (how & NO_BALLOON)
		help_xen_set(
		    h, "/local/domain/1/control/feature-balloon", NULL);
	if (how & (OFFSET_8 | NEGATIVE))
		help_xen_mem(
		    h, 1, "memory-offset", how & NEGATIVE ? "-8" : "8");
	if (how & ABOVE_TARGET)
		help_xen_dom(h, 1)->pages += 17;
	if (how & PV)
		help_xen_dom(h, 1)->flags = 0;
	if (how & RIVAL)
		h->rival = "squeezed";
	if (how & MAXMEM_FAILS)
		h->xc_fail_what = HV_XC_SET_MAXMEM;
	if (how & 0x200u)
		h->xc_fail_what = HV_XC_SET_SHADOW;
}

Test(hv_xen_verb, does_what_it_says_in_order)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *say = cases[i].sentence;
		struct hv_command c = cases[i].c;
		struct help_xen h;
		struct hv_result r;

		arrange(&h, cases[i].how);
		help_xen_open(&h);
		c.domid = 1;
		if (c.uuid.hi == 0)
			c.uuid = (struct hv_uuid){HELP_XEN_UUID, 1};
		if (cases[i].how & DOM0)
			c.uuid = h.conf.names.dom0;
		if (cases[i].how & DEAD_KEYS)
			while (h.nkeys > 0)
				h.key[--h.nkeys].path[0] = '\0';
		if (cases[i].how & DOWN)
			h.xs_error = ECONNRESET;
		r = help_xen_do(&h, &c);
		cr_expect_eq(r.status, cases[i].status, "%s: %d %s", say,
		    r.status, r.text);
		cr_expect_str_eq(r.text, cases[i].text, "%s: %s", say, r.text);
		cr_expect_str_eq(
		    h.trace, cases[i].trace, "%s: %s", say, h.trace);
		help_xen_close(&h);
	}
}

Test(hv_xen_verb, the_facts_it_caused_come_before_the_answer)
{
	struct hv_command c = help_xen_command(HV_SET_TARGET, 1);
	struct help_xen h;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_open(&h);
	c.target_kib = 100 * MIB;
	(void)help_xen_do(&h, &c);
	cr_expect_eq(help_xen_said(&h, 1)->target_kib, 100 * MIB);
	cr_expect_eq(help_xen_said(&h, 1)->maxmem_kib, 100 * MIB);
	help_xen_close(&h);
}

Test(hv_xen_verb, nobody_is_nobody)
{
	struct hv_command c = help_xen_command(HV_MARK, 7);
	struct help_xen h;
	struct hv_result r;

	help_xen_init(&h);
	help_xen_open(&h);
	r = help_xen_do(&h, &c);
	cr_expect_eq(r.status, HV_NO_DOMAIN);
	cr_expect_str_eq(h.trace, "");
	help_xen_close(&h);
}

Test(hv_xen_verb, many_processors_take_several_steps)
{
	struct hv_command c = help_xen_command(HV_SET_VCPUS, 1);
	struct help_xen h;
	struct hv_result r;

	help_xen_init(&h);
	help_xen_add(&h, 1, 200 * MIB);
	help_xen_dom(&h, 1)->vcpus_max = 60;
	help_xen_open(&h);
	c.vcpus = 31;
	r = help_xen_do(&h, &c);
	cr_expect_eq(r.status, HV_OK);
	cr_expect_str_eq(
	    help_xen_get(&h, "/local/domain/1/cpu/30/availability"), "online");
	cr_expect_str_eq(
	    help_xen_get(&h, "/local/domain/1/cpu/31/availability"), "offline");
	cr_expect_str_eq(
	    help_xen_get(&h, "/local/domain/1/cpu/59/availability"), "offline");
	help_xen_close(&h);
}
