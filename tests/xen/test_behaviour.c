/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/xen/help_sim.h"
#include "xen/hv_sim_priv.h"

static void
expect_conserved(struct help_sim *h)
{
	char text[200] = "";

	cr_expect(hv_sim_conserves(h->world, text, sizeof text), "%s", text);
}

static void
step(struct help_sim *h, uint64_t ms)
{
	hv_sim_step(h->world, ms);
	expect_conserved(h);
}

static uint32_t
flags(struct help_sim *h, uint64_t vm)
{
	const struct hv_domain *d = help_domain(h, vm);

	cr_assert_not_null(d);
	return d->flags;
}

/* begin - a world with one guest, which behaves like this */
static void
begin(struct help_sim *h, const char *behaviour)
{
	help_open(h, NULL, 0);
	help_build(h, 1, behaviour);
}

static const struct {
	const char *sentence, *behaviour, *text;
} words[] = {
    {"nothing is fine", "", NULL},
    {"spaces are fine", "   ", NULL},
    {"every word at once",
	" boot_ms=1 rate_kib_s=2  limit_kib=3 stuck stuck_ms=1/2 no_balloon "
	"vanish_ms=4 shutdown_ms=5 deaf offset_kib=6 growing lying",
	NULL},
    {"the largest number", "boot_ms=1099511627776", NULL},
    {"one more", "boot_ms=1099511627777", "bad value of behaviour 'boot_ms'"},
    {"an unknown word", "stuck slow", "unknown behaviour 'slow'"},
    {"an unknown key", "speed=3", "unknown behaviour 'speed'"},
    {"a flag with a value", "stuck=1", "unknown behaviour 'stuck'"},
    {"a longer word", "stuckness", "unknown behaviour 'stuckness'"},
    {"a key alone", "boot_ms", "unknown behaviour 'boot_ms'"},
    {"no value", "boot_ms=", "bad value of behaviour 'boot_ms'"},
    {"a negative value", "boot_ms=-1", "bad value of behaviour 'boot_ms'"},
    {"a letter behind", "boot_ms=1s", "bad value of behaviour 'boot_ms'"},
    {"a rate of nothing", "rate_kib_s=0",
	"bad value of behaviour 'rate_kib_s'"},
    {"death at once", "vanish_ms=0", "bad value of behaviour 'vanish_ms'"},
    {"half a share", "stuck_ms=1", "bad value of behaviour 'stuck_ms'"},
    {"a share of nothing", "stuck_ms=0/0", "bad value of behaviour 'stuck_ms'"},
    {"more than all", "stuck_ms=3/2", "bad value of behaviour 'stuck_ms'"},
    {"all of it", "stuck_ms=2/2", "bad value of behaviour 'stuck_ms'"},
    {"a tab is no space", "stuck\tdeaf", "unknown behaviour 'stuck\tdeaf'"},
};

Test(hv_behaviour, words)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct hv_sim_manner m;
		char text[HV_TEXT_BYTES] = "";
		bool ok = hv_sim_manner_read(
		    words[i].behaviour, &m, text, sizeof text);

		cr_expect_eq(
		    ok, words[i].text == NULL, "%s", words[i].sentence);
		cr_expect_str_eq(text,
		    words[i].text == NULL ? "" : words[i].text, "%s: %s",
		    words[i].sentence, text);
	}
}

Test(hv_behaviour, an_unknown_word_refuses_the_build)
{
	struct help_sim h;
	struct hv_msg m;
	struct hv_result r;

	help_open(&h, NULL, 0);
	m = help_command(&h, HV_BUILD, 1);
	memcpy(m.u.command.behaviour, "lazy", sizeof "lazy");
	r = help_do(&h, &m);
	cr_expect_eq(r.status, HV_REFUSED);
	cr_expect_str_eq(r.text, "unknown behaviour 'lazy'");
	cr_expect_null(help_domain(&h, 1));
	help_close(&h);
}

Test(hv_behaviour, boot_ms)
{
	struct help_sim h;
	struct hv_msg m;
	uint64_t id;

	begin(&h, "boot_ms=1000");
	cr_expect_eq(flags(&h, 1), HELP_MADE | HV_D_RUNNING);
	cr_expect_eq(hv_sim_next_ms(h.world), 1000);
	help_target(&h, 1, 64 * MIB);
	step(&h, 999);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB, "no driver yet");
	m = help_command(&h, HV_CLEAN_REBOOT, 1);
	id = help_send(&h, &m);
	cr_expect_null(help_answer(&h, id), "it does not hear yet");
	help_ok(&h, HV_PAUSE, 1);
	step(&h, 5000);
	cr_expect_eq(flags(&h, 1), HELP_MADE, "paused: its time stands still");
	help_ok(&h, HV_UNPAUSE, 1);
	cr_expect_eq(flags(&h, 1), HELP_MADE | HV_D_RUNNING);
	step(&h, 1);
	cr_assert_not_null(help_answer(&h, id));
	cr_expect_eq(help_answer(&h, id)->status, HV_OK);
	cr_expect_eq(help_answer(&h, id)->domid, 2);
	cr_expect_eq(flags(&h, 1), HELP_MADE | HV_D_RUNNING, "it boots again");
	step(&h, 1000);
	cr_expect_eq(flags(&h, 1), HELP_UP);
	cr_expect_eq(help_actual(&h, 1), 64 * MIB, "built within its range");
	cr_expect_eq(hv_sim_next_ms(h.world), -1, "all is quiet");
	help_close(&h);
}

Test(hv_behaviour, rate_kib_s)
{
	struct help_sim h;
	uint64_t before;

	begin(&h, "rate_kib_s=10240");
	before = help_host(&h, 0)->free_kib;
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB);
	cr_expect_eq(hv_sim_next_ms(h.world), SIM_TICK_MS);
	step(&h, 1000);
	cr_expect_eq(help_actual(&h, 1), 118 * MIB);
	for (int i = 0; i < 1000; i++)
		step(&h, 1);
	cr_expect_eq(
	    help_actual(&h, 1), 108 * MIB, "nothing is lost in small steps");
	step(&h, 4400);
	cr_expect_eq(help_actual(&h, 1), 64 * MIB);
	cr_expect_eq(help_host(&h, 0)->free_kib, before + 64 * MIB);
	cr_expect_eq(hv_sim_next_ms(h.world), -1);
	help_target(&h, 1, 74 * MIB);
	step(&h, 500);
	cr_expect_eq(help_actual(&h, 1), 69 * MIB);
	help_target(&h, 1, 60 * MIB);
	step(&h, 60000);
	cr_expect_eq(help_actual(&h, 1), 60 * MIB, "it turned round");
	help_close(&h);
}

Test(hv_behaviour, limit_kib)
{
	struct help_sim h;

	begin(&h, "limit_kib=102400");
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(help_actual(&h, 1), 100 * MIB);
	help_target(&h, 1, 256 * MIB);
	cr_expect_eq(help_actual(&h, 1), 256 * MIB, "upwards it goes");
	help_close(&h);
}

Test(hv_behaviour, stuck_and_uncooperative_when_it_is_marked)
{
	struct help_sim h;
	struct hv_msg m;

	begin(&h, "stuck");
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(hv_sim_next_ms(h.world), -1, "no time will help");
	step(&h, 60000);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB);
	cr_expect_eq(flags(&h, 1), HELP_UP, "who says so is not the world");
	m = help_command(&h, HV_MARK, 1);
	m.u.command.flag = 1;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(flags(&h, 1), HELP_UP | HV_D_UNCOOPERATIVE);
	m.u.command.flag = 0;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(flags(&h, 1), HELP_UP);
	help_close(&h);
}

Test(hv_behaviour, offset_kib)
{
	struct help_sim h;
	struct hv_msg m;

	begin(&h, "offset_kib=2048");
	cr_expect_eq(help_actual(&h, 1), 130 * MIB);
	cr_expect_eq(flags(&h, 1), HELP_UP, "nobody has found it out yet");
	help_target(&h, 1, 100 * MIB);
	cr_expect_eq(help_actual(&h, 1), 102 * MIB);
	m = help_command(&h, HV_SET_OFFSET, 1);
	m.u.command.offset_kib = 2048;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(flags(&h, 1), HELP_UP | HV_D_OFFSET);
	cr_expect_eq(help_domain(&h, 1)->offset_kib, 2048);
	help_ok(&h, HV_HARD_REBOOT, 1);
	cr_expect_eq(flags(&h, 1), HELP_UP, "the next domain's is its own");
	help_close(&h);
}

Test(hv_behaviour, growing)
{
	struct help_sim h;
	struct hv_msg m;

	begin(&h, "growing");
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB, "it gives nothing back");
	m = help_command(&h, HV_SET_MAXMEM, 1);
	m.u.command.maxmem_kib = 140 * MIB;
	cr_expect_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(help_actual(&h, 1), 140 * MIB, "it takes what it can");
	cr_expect_eq(help_domain(&h, 1)->target_kib, 64 * MIB);
	help_close(&h);
}

Test(hv_behaviour, lying)
{
	struct help_sim h;

	begin(&h, "lying");
	help_target(&h, 1, 64 * MIB);
	step(&h, 60000);
	cr_expect_eq(help_actual(&h, 1), 127 * MIB, "it only began");
	help_target(&h, 1, 65 * MIB);
	cr_expect_eq(help_actual(&h, 1), 126 * MIB, "and begins again");
	help_target(&h, 1, 128 * MIB);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB, "upwards it goes");
	help_close(&h);
}

Test(hv_behaviour, stuck_now_and_then)
{
	struct help_sim h;

	begin(&h, "stuck_ms=300/1000");
	help_target(&h, 1, 100 * MIB);
	cr_expect_eq(hv_sim_next_ms(h.world), 300);
	step(&h, 299);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB);
	step(&h, 1);
	cr_expect_eq(help_actual(&h, 1), 100 * MIB);
	cr_expect_eq(hv_sim_next_ms(h.world), -1, "nothing to be stuck with");
	step(&h, 700);
	help_target(&h, 1, 90 * MIB);
	cr_expect_eq(help_actual(&h, 1), 100 * MIB, "stuck again");
	step(&h, 5300);
	cr_expect_eq(help_actual(&h, 1), 90 * MIB);
	help_close(&h);
}

Test(hv_behaviour, stuck_now_and_then_at_a_rate)
{
	struct help_sim h;

	begin(&h, "stuck_ms=500/1000 rate_kib_s=10240");
	help_target(&h, 1, 64 * MIB);
	step(&h, 4000);
	cr_expect_eq(help_actual(&h, 1), 108 * MIB, "half of the time");
	help_close(&h);
}

Test(hv_behaviour, no_balloon)
{
	struct help_sim h;

	begin(&h, "no_balloon");
	help_target(&h, 1, 64 * MIB);
	step(&h, 60000);
	cr_expect_eq(flags(&h, 1), HV_D_RUNNING | HV_D_AGENT | HV_D_RANGE);
	cr_expect_eq(help_actual(&h, 1), 128 * MIB);
	help_ok(&h, HV_SHUTDOWN, 1);
	help_close(&h);
}

Test(hv_behaviour, vanish_ms)
{
	struct help_sim h;
	uint64_t before;
	size_t n;

	help_open(&h, NULL, 0);
	before = help_host(&h, 0)->free_kib;
	help_build(&h, 1, "vanish_ms=2000");
	step(&h, 1500);
	help_ok(&h, HV_HARD_REBOOT, 1);
	n = h.n;
	step(&h, 1999);
	cr_expect_eq(h.n, n, "nothing to tell");
	step(&h, 1);
	cr_assert_eq(h.n, n + 2);
	cr_expect_eq(h.log[n].type, HV_GONE);
	cr_expect_eq(h.log[n].u.gone.end, HV_END_HALTED);
	cr_expect_eq(help_host(&h, 0)->free_kib, before);
	help_close(&h);
}

Test(hv_behaviour, shutdown_ms)
{
	struct help_sim h;
	struct hv_msg m;
	uint64_t id;
	size_t n;

	begin(&h, "shutdown_ms=700");
	m = help_command(&h, HV_SHUTDOWN, 1);
	id = help_send(&h, &m);
	step(&h, 699);
	cr_expect_null(help_answer(&h, id));
	cr_expect_eq(help_do(&h, &m).status, HV_REFUSED, "asked twice");
	n = h.n;
	step(&h, 1);
	cr_assert_not_null(help_answer(&h, id));
	cr_expect_eq(help_answer(&h, id)->status, HV_OK);
	cr_expect_eq(h.log[n].type, HV_GONE);
	cr_expect_eq(h.log[h.n - 1].type, HV_RESULT, "facts come before");

	help_build(&h, 1, "shutdown_ms=700");
	id = help_send(&h, &m);
	help_ok(&h, HV_DESTROY, 1);
	cr_assert_not_null(help_answer(&h, id), "not left without an answer");
	cr_expect_eq(help_answer(&h, id)->status, HV_NO_DOMAIN);
	help_close(&h);
}

Test(hv_behaviour, an_answer_goes_only_to_who_asked)
{
	struct help_sim h;
	struct hv_msg m;
	struct hv_link_calls calls;
	struct hv_sim *world;

	begin(&h, "shutdown_ms=700");
	m = help_command(&h, HV_SHUTDOWN, 1);
	(void)help_send(&h, &m);
	hv_link_close(&h.link, HV_LEAVE_RUNNING);
	free(h.log);
	world = h.world;
	calls = help_listen(&h);
	h.world = world;
	h.link = hv_sim_link(h.world, &calls);
	cr_assert_not_null(h.link);
	help_sync(&h);
	cr_expect_not_null(help_domain(&h, 1));
	step(&h, 700);
	cr_expect_null(help_domain(&h, 1), "it shut down all the same");
	cr_expect_eq(help_count(&h, HV_RESULT), 0);
	help_close(&h);
}

Test(hv_behaviour, deaf)
{
	struct help_sim h;
	static const enum hv_verb verbs[] = {
	    HV_SHUTDOWN, HV_CLEAN_REBOOT, HV_SUSPEND};

	begin(&h, "deaf");
	for (size_t i = 0; i < 3; i++) {
		struct hv_msg m = help_command(&h, verbs[i], 1);
		struct hv_result r = help_do(&h, &m);
		cr_expect_eq(r.status, HV_REFUSED);
		cr_expect_str_eq(r.text, "the guest does not answer");
	}
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(help_actual(&h, 1), 64 * MIB, "its driver is not");
	help_ok(&h, HV_HARD_REBOOT, 1);
	help_ok(&h, HV_DESTROY, 1);
	help_close(&h);
}

Test(hv_behaviour, it_survives_suspend_and_migration)
{
	struct hv_sim_host c[2];
	struct help_sim h;
	struct hv_msg m;

	hv_sim_host_init(&c[0]);
	c[1] = c[0];
	c[1].name[0] = 'x';
	help_open(&h, c, 2);
	help_build(&h, 1, "limit_kib=102400");
	m = help_command(&h, HV_MIGRATE, 1);
	m.u.command.dest = help_host(&h, 1)->uuid;
	cr_assert_eq(help_do(&h, &m).status, HV_OK);
	help_target(&h, 1, 64 * MIB);
	cr_expect_eq(help_actual(&h, 1), 100 * MIB);
	help_ok(&h, HV_SUSPEND, 1);
	m = help_command(&h, HV_RESTORE, 1);
	m.u.command.target_kib = 100 * MIB;
	memcpy(m.u.command.behaviour, "boot_ms=9000", sizeof "boot_ms=9000");
	cr_assert_eq(help_do(&h, &m).status, HV_OK);
	cr_expect_eq(
	    flags(&h, 1), HELP_UP, "it has booted, before it was suspended");
	help_close(&h);
}
