/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Own */
#include "xen/hv.h"

static void
fill(char *at, size_t room, const char *text)
{
	memset(at, 'x', room);
	memcpy(at, text, strlen(text) < room ? strlen(text) + 1 : room);
}

/* What is done to a good message, by case. */
enum twist {
	NONE,
	SHORT,
	LONG,
	BYTES_LIE,
	TYPE_0,
	TYPE_UNKNOWN,
	NAME_OPEN,
	NAME_FULL,
	NAME_LATIN1,
	NAME_OVERLONG,
	NAME_SURROGATE,
	NAME_CUT,
	NAME_UTF8,
	VERB_0,
	VERB_HIGH,
	VERB_NEGATIVE,
	PAUSED_2,
	DOMID_LOW,
	DOMID_HIGH,
	DOMTYPE_ODD,
	DOMTYPE_OPEN,
	KIB_MAX,
	KIB_OVER,
	BEHAVIOUR_OPEN,
	DIRTY_STOP,
	DIRTY_LONG,
	DIRTY_NO_INTERVAL,
	DIRTY_LONG_INTERVAL,
};

static const struct {
	const char *sentence;
	enum twist twist;
	bool ok;
} command_cases[] = {
    {"a good command may be read", NONE, true},
    {"a byte less than the type has is refused", SHORT, false},
    {"a byte more is refused", LONG, false},
    {"a length field that disagrees is refused", BYTES_LIE, false},
    {"type 0 is refused", TYPE_0, false},
    {"an unknown type is refused", TYPE_UNKNOWN, false},
    {"a name without NUL is refused", NAME_OPEN, false},
    {"a name of 255 bytes may be read", NAME_FULL, true},
    {"a Latin-1 name is refused", NAME_LATIN1, false},
    {"an overlong form is refused", NAME_OVERLONG, false},
    {"a surrogate is refused", NAME_SURROGATE, false},
    {"a character cut by the NUL is refused", NAME_CUT, false},
    {"characters of 2, 3 and 4 bytes may be read", NAME_UTF8, true},
    {"verb 0 is refused", VERB_0, false},
    {"a verb beyond the last is refused", VERB_HIGH, false},
    {"a negative verb is refused", VERB_NEGATIVE, false},
    {"a bool of 2 is refused", PAUSED_2, false},
    {"domid -2 is refused", DOMID_LOW, false},
    {"domid 32768 is refused", DOMID_HIGH, false},
    {"an unknown domain type is refused", DOMTYPE_ODD, false},
    {"a domain type without NUL is refused", DOMTYPE_OPEN, false},
    {"2^53 KiB may be read", KIB_MAX, true},
    {"2^53 + 1 KiB is refused", KIB_OVER, false},
    {"a behaviour without NUL is refused", BEHAVIOUR_OPEN, false},
    {"a count may be ended", DIRTY_STOP, true},
    {"one of more than a minute is refused", DIRTY_LONG, false},
    {"one without intervals is refused", DIRTY_NO_INTERVAL, false},
    {"one with an interval longer than itself", DIRTY_LONG_INTERVAL, false},
};

static size_t
apply(struct hv_msg *m, enum twist t)
{
	struct hv_command *c = &m->u.command;
	size_t n = m->bytes;

	switch (t) {
	case NONE:
		break;
	case SHORT:
		return n - 1;
	case LONG:
		return n + 1;
	case BYTES_LIE:
		m->bytes++;
		break;
	case TYPE_0:
		m->type = 0;
		break;
	case TYPE_UNKNOWN:
		m->type = 7;
		break;
	case NAME_OPEN:
		memset(c->name, 'a', sizeof c->name);
		break;
	case NAME_FULL:
		memset(c->name, 'a', sizeof c->name - 1);
		c->name[sizeof c->name - 1] = '\0';
		break;
	case NAME_LATIN1:
		fill(c->name, sizeof c->name, "caf\xe9");
		break;
	case NAME_OVERLONG:
		fill(c->name, sizeof c->name, "\xc0\xaf");
		break;
	case NAME_SURROGATE:
		fill(c->name, sizeof c->name, "\xed\xa0\x80");
		break;
	case NAME_CUT:
		fill(c->name, sizeof c->name, "\xe2\x82");
		break;
	case NAME_UTF8:
		fill(c->name, sizeof c->name, "\u00e9\u20ac\U0001f40c");
		break;
	case VERB_0:
		c->verb = 0;
		break;
	case VERB_HIGH:
		c->verb = HV_DIRTY + 1;
		break;
	case VERB_NEGATIVE:
		c->verb = -1;
		break;
	case PAUSED_2:
		c->paused = 2;
		break;
	case DOMID_LOW:
		c->domid = -2;
		break;
	case DOMID_HIGH:
		c->domid = 32768;
		break;
	case DOMTYPE_ODD:
		fill(c->domain_type, sizeof c->domain_type, "HVM");
		break;
	case DOMTYPE_OPEN:
		memset(c->domain_type, 'a', sizeof c->domain_type);
		break;
	case KIB_MAX:
		c->static_max_kib = 1ull << 53;
		break;
	case KIB_OVER:
		c->overhead_kib = (1ull << 53) + 1;
		break;
	case BEHAVIOUR_OPEN:
		memset(c->behaviour, ' ', sizeof c->behaviour);
		break;
	case DIRTY_STOP:
		c->verb = HV_DIRTY;
		break;
	case DIRTY_LONG:
		c->verb = HV_DIRTY;
		c->seconds = HV_DIRTY_MAX_S + 1;
		c->interval_s = 1;
		break;
	case DIRTY_NO_INTERVAL:
		c->verb = HV_DIRTY;
		c->seconds = 1;
		break;
	case DIRTY_LONG_INTERVAL:
		c->verb = HV_DIRTY;
		c->seconds = 1;
		c->interval_s = 2;
		break;
	}
	return n;
}

Test(hv_msg, commands)
{
	for (size_t i = 0; i < sizeof command_cases / sizeof *command_cases;
	     i++) {
		struct hv_msg m;
		size_t n;

		hv_msg_init(&m, HV_COMMAND);
		m.u.command.verb = HV_BUILD;
		fill(m.u.command.name, HV_NAME_BYTES, "guest");
		fill(m.u.command.domain_type, 16, "pv_in_pvh");
		n = apply(&m, command_cases[i].twist);
		cr_expect_eq(hv_msg_check(&m, n), command_cases[i].ok, "%s",
		    command_cases[i].sentence);
	}
}

Test(hv_msg, every_type_has_its_own_check)
{
	static const uint32_t types[] = {HV_HELLO, HV_HOST, HV_DOMAIN, HV_GONE,
	    HV_SYNCED, HV_RESULT, HV_HEALTH, HV_DIRTIED, HV_SYNC, HV_QUIT};
	struct hv_msg m;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		hv_msg_init(&m, types[i]);
		cr_expect(
		    hv_msg_check(&m, m.bytes), "empty, type %u", types[i]);
		cr_expect(!hv_msg_check(&m, 7), "cut, type %u", types[i]);
	}
	hv_msg_init(&m, HV_HELLO);
	memset(m.u.hello.backend, 'a', sizeof m.u.hello.backend);
	cr_expect(!hv_msg_check(&m, m.bytes), "backend without NUL");
	hv_msg_init(&m, HV_HELLO);
	m.u.hello.flags = 4;
	cr_expect(!hv_msg_check(&m, m.bytes), "unknown flag of a world");
	hv_msg_init(&m, HV_HOST);
	m.u.host.flags = 0x10;
	cr_expect(!hv_msg_check(&m, m.bytes), "unknown host flag");
	m.u.host.flags = 0;
	m.u.host.free_kib = UINT64_MAX;
	cr_expect(!hv_msg_check(&m, m.bytes), "host with too much free");
	hv_msg_init(&m, HV_DOMAIN);
	m.u.domain.flags = 0x100;
	cr_expect(!hv_msg_check(&m, m.bytes), "unknown domain flag");
	m.u.domain.flags = 0;
	m.u.domain.shadow_kib = UINT64_MAX;
	cr_expect(!hv_msg_check(&m, m.bytes), "domain with too much shadow");
	m.u.domain.shadow_kib = 0;
	m.u.domain.offset_kib = INT64_MIN;
	cr_expect(!hv_msg_check(&m, m.bytes), "domain with a mad offset");
	hv_msg_init(&m, HV_HEALTH);
	memset(m.u.health.text, 'a', sizeof m.u.health.text);
	cr_expect(!hv_msg_check(&m, m.bytes), "health without NUL");
	hv_msg_init(&m, HV_GONE);
	m.u.gone.end = 3;
	cr_expect(!hv_msg_check(&m, m.bytes), "unknown end");
	hv_msg_init(&m, HV_RESULT);
	m.u.result.status = HV_LOST + 1;
	cr_expect(!hv_msg_check(&m, m.bytes), "unknown status");
	m.u.result.status = -1;
	cr_expect(!hv_msg_check(&m, m.bytes), "negative status");
	hv_msg_init(&m, HV_DIRTIED);
	m.u.dirtied.n = HV_DIRTY_MAX_S + 1;
	cr_expect(!hv_msg_check(&m, m.bytes), "too many intervals");
	m.u.dirtied.n = 1;
	m.u.dirtied.written_kib = 1;
	cr_expect(!hv_msg_check(&m, m.bytes), "more written than ever was");
	m.u.dirtied.ever_kib = 1;
	cr_expect(hv_msg_check(&m, m.bytes), "as much");
	m.u.dirtied.is_on = 1;
	cr_expect(!hv_msg_check(&m, m.bytes), "a count of no seconds");
	m.u.dirtied.seconds = 1;
	cr_expect(hv_msg_check(&m, m.bytes), "a count");
	m.u.dirtied.is_on = 2;
	cr_expect(!hv_msg_check(&m, m.bytes), "a bool of 2");
}

Test(hv_msg, random_bytes_are_looked_at_without_harm)
{
	unsigned seed;
	struct hv_msg m;

	cr_assert_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
	cr_log_info("seed %u", seed);
	for (int round = 0; round < 20000; round++) {
		unsigned char *p = (unsigned char *)&m;
		for (size_t i = 0; i < sizeof m; i++)
			p[i] = (unsigned char)(rand_r(&seed) >> 8);
		if (round % 2 == 0) { /* get past the first test */
			m.type = (uint32_t)rand_r(&seed) % 70;
			m.bytes = (uint32_t)hv_msg_bytes(m.type);
		}
		(void)hv_msg_check(&m, m.bytes);
	}
}
