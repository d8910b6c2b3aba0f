/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_fake - a server made of a table
 */

/* System */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/cli/help_fake.h"

#define MAX_ITEMS 64
#define MAX_WORDS 64

#define WEB                                                                    \
	"{\"uuid\":\"u-web\",\"name_label\":\"web\","                          \
	"\"name_description\":\"shop, front\",\"power_state\":\"Running\","    \
	"\"is_a_template\":false,\"is_control_domain\":false,"                 \
	"\"memory_static_min\":\"1024\",\"memory_dynamic_min\":\"2048\","      \
	"\"memory_dynamic_max\":\"4096\",\"memory_static_max\":\"8192\","      \
	"\"HVM_shadow_multiplier\":1.5,\"tags\":[\"a\",\"b\"],"                \
	"\"other_config\":{\"k\":\"v\",\"l\":\"w\"},"                          \
	"\"xenstore_data\":{\"x\":\"y\"},"                                     \
	"\"metrics\":\"OpaqueRef:m\",\"guest_metrics\":\"OpaqueRef:NULL\","    \
	"\"ha_always_run\":false,\"resident_on\":\"OpaqueRef:lab\","           \
	"\"memory_target\":\"2048\",\"order\":\"3\"}"
#define DB                                                                     \
	"{\"uuid\":\"u-db\",\"name_label\":\"db\","                            \
	"\"name_description\":\"\",\"power_state\":\"Halted\","                \
	"\"is_a_template\":false,\"is_control_domain\":false,"                 \
	"\"memory_static_min\":\"1\",\"memory_dynamic_min\":\"1\","            \
	"\"memory_dynamic_max\":\"1\",\"memory_static_max\":\"1\","            \
	"\"tags\":[],\"other_config\":{},\"metrics\":\"OpaqueRef:gone\"}"
#define DOM0                                                                   \
	"{\"uuid\":\"u-dom0\",\"name_label\":\"dom0\","                        \
	"\"name_description\":\"\",\"power_state\":\"Running\","               \
	"\"is_a_template\":false,\"is_control_domain\":true}"
#define GOLD                                                                   \
	"{\"uuid\":\"u-gold\",\"name_label\":\"gold\","                        \
	"\"name_description\":\"\",\"power_state\":\"Halted\","                \
	"\"is_a_template\":true,\"is_a_snapshot\":false,"                      \
	"\"is_control_domain\":false}"
#define LAB                                                                    \
	"{\"uuid\":\"u-lab\",\"name_label\":\"lab\",\"hostname\":\"lab.x\","   \
	"\"name_description\":\"\",\"enabled\":true,"                          \
	"\"memory_overhead\":\"7\",\"metrics\":\"OpaqueRef:hm\"}"

static const struct fake_row common[] = {
    {"VM.get_all_records_where(true)",
	"{\"OpaqueRef:web\":" WEB ",\"OpaqueRef:db\":" DB
	",\"OpaqueRef:dom0\":" DOM0 ",\"OpaqueRef:gold\":" GOLD "}"},
    {"VM.get_all_records()",
	"{\"OpaqueRef:web\":" WEB ",\"OpaqueRef:db\":" DB "}"},
    {"VM.get_by_uuid(u-web)", "\"OpaqueRef:web\""},
    {"VM.get_by_uuid(u-dom0)", "\"OpaqueRef:dom0\""},
    {"VM.get_by_uuid(u-db)", "\"OpaqueRef:db\""},
    {"VM.get_by_uuid(web)", "!UUID_INVALID VM web"},
    {"VM.get_by_uuid(dom0)", "!UUID_INVALID VM dom0"},
    {"VM.get_by_uuid(gold)", "!UUID_INVALID VM gold"},
    {"VM.get_by_uuid(x)", "!UUID_INVALID VM x"},
    {"VM.get_by_name_label(web)", "[\"OpaqueRef:web\"]"},
    {"VM.get_by_name_label(dom0)", "[\"OpaqueRef:dom0\"]"},
    {"VM.get_by_name_label(gold)", "[\"OpaqueRef:gold\"]"},
    {"VM.get_by_name_label(x)", "[]"},
    {"VM.get_by_name_label(u-web)", "[]"},
    {"VM.get_record(OpaqueRef:web)", WEB},
    {"VM.get_record(OpaqueRef:db)", DB},
    {"VM.get_record(OpaqueRef:dom0)", DOM0},
    {"VM.get_record(OpaqueRef:gold)", GOLD},
    {"VM_metrics.get_record(OpaqueRef:m)", "{\"memory_actual\":\"3072\"}"},
    {"VM_metrics.get_record(OpaqueRef:gone)", "!HANDLE_INVALID VM_metrics x"},
    {"VM_metrics.get_all_records()",
	"{\"OpaqueRef:m\":{\"memory_actual\":\"3072\"}}"},
    {"host.get_all_records_where(true)", "{\"OpaqueRef:lab\":" LAB "}"},
    {"host.get_all_records()", "{\"OpaqueRef:lab\":" LAB "}"},
    {"host.get_by_uuid(u-lab)", "\"OpaqueRef:lab\""},
    {"host.get_record(OpaqueRef:lab)", LAB},
    {"host_metrics.get_record(OpaqueRef:hm)",
	"{\"memory_total\":\"100\",\"memory_free\":\"50\"}"},
    {"host.compute_free_memory(OpaqueRef:lab)", "\"42\""},
    {"memory_reservation.create(OpaqueRef:lab, 1024, 1024, 60, )",
	"\"OpaqueRef:r\""},
    {"memory_reservation.create(OpaqueRef:lab, 1024, 2048, 60, me)",
	"\"OpaqueRef:r\""},
    {"memory_reservation.create_for_VM(OpaqueRef:web, OpaqueRef:lab, start, "
     "60)",
	"\"OpaqueRef:r\""},
    {"memory_reservation.get_uuid(OpaqueRef:r)", "\"u-r\""},
    {"memory_reservation.get_by_uuid(u-r)", "\"OpaqueRef:r\""},
    {"memory_reservation.get_by_uuid(x)", "!UUID_INVALID memory_reservation x"},
    {"pool.plan_placement([OpaqueRef:web, OpaqueRef:db], {})",
	"{\"OpaqueRef:web\":\"OpaqueRef:lab\","
	"\"OpaqueRef:db\":\"OpaqueRef:lab\"}"},
    {"pool.plan_placement([OpaqueRef:web], {policy: pack})",
	"!VM_CANNOT_BE_PLACED OpaqueRef:web HOST_NOT_ENOUGH_FREE_MEMORY 2 1"},
    {"VM.get_name_label(OpaqueRef:web)", "\"web\""},
    {"VM.get_name_label(OpaqueRef:db)", "\"db\""},
    {"host.get_name_label(OpaqueRef:lab)", "\"lab\""},
    {"VM.compute_memory_overhead(OpaqueRef:web)", "\"1536\""},
    {"VM.query_data_source(OpaqueRef:web, memory_target)",
	"!MESSAGE_METHOD_UNKNOWN VM.query_data_source"},
};

/* skip - past what is between tokens */
static const char *
skip(const char *p)
{
	while (*p == ' ' || *p == ',' || *p == ':')
		p++;
	return p;
}

static const char *read_value(
    struct cli_pool *pool, const char *p, struct cli_val *v);

/* read_text - a quoted text; NULL when the pool is full */
static const char *
read_text(struct cli_pool *pool, const char *p, const char **text_out)
{
	size_t n = strcspn(p + 1, "\"");

	*text_out = cli_pool_text(pool, p + 1, n);
	return *text_out != NULL ? p + n + 2 : NULL;
}

static const char *
read_many(struct cli_pool *pool, const char *p, struct cli_val *v)
{
	struct cli_val *item = cli_pool_array(pool, MAX_ITEMS, sizeof(*item));
	const char **name = cli_pool_array(pool, MAX_ITEMS, sizeof(*name));
	char end = *p == '{' ? '}' : ']';
	size_t n = 0;

	if (item == NULL || name == NULL)
		return NULL;
	for (p = skip(p + 1); *p != end; p = skip(p)) {
		if (end == '}') {
			p = read_text(pool, p, &name[n]);
			if (p == NULL)
				return NULL;
			p = skip(p);
		}
		p = read_value(pool, p, &item[n]);
		if (p == NULL || ++n == MAX_ITEMS)
			return NULL;
	}
	*v = (struct cli_val){.kind = end == '}' ? CLI_STRUCT : CLI_ARRAY,
	    .n = n,
	    .item = item,
	    .name = name};
	return p + 1;
}

static const char *
read_value(struct cli_pool *pool, const char *p, struct cli_val *v)
{
	const char *text;
	char *end;

	if (*p == '{' || *p == '[')
		return read_many(pool, p, v);
	if (*p == '"') {
		p = read_text(pool, p, &text);
		if (p != NULL)
			*v = cli_val_text(text);
		return p;
	}
	if (*p == 't' || *p == 'f') {
		*v = cli_val_bool(*p == 't');
		return p + (*p == 't' ? 4 : 5);
	}
	if (p[strspn(p, "-0123456789")] == '.')
		*v = cli_val_float(strtod(p, &end));
	else
		*v = cli_val_number(strtoll(p, &end, 10));
	return end;
}

bool
fake_value(struct cli_pool *pool, const char *text, struct cli_val *v_out)
{
	return read_value(pool, text, v_out) != NULL;
}

/* add - append to one of the logs; what does not fit is cut */
static void
add(char *log, const char *text, const char *end)
{
	size_t n = strlen(log);

	(void)snprintf(log + n, 65536 - n, "%s%s", text, end); /* cut */
}

static void
add_value(char *log, const struct cli_val *v)
{
	char text[64] = "";
	size_t i;

	switch (v->kind) {
	case CLI_INT:
		(void)snprintf(text, sizeof(text), "%" PRId64, v->i);
		break;
	case CLI_BOOL:
		add(log, v->i ? "true" : "false", "");
		break;
	case CLI_FLOAT:
		(void)snprintf(text, sizeof(text), "%g", v->f);
		break;
	case CLI_TEXT:
		add(log, v->text, "");
		break;
	default:
		add(log, v->kind == CLI_STRUCT ? "{" : "[", "");
		for (i = 0; i < v->n; i++) {
			add(log, i > 0 ? ", " : "", "");
			if (v->kind == CLI_STRUCT)
				add(log, v->name[i], ": ");
			add_value(log, &v->item[i]);
		}
		add(log, v->kind == CLI_STRUCT ? "}" : "]", "");
	}
	add(log, text, "");
}

static const char *
answer(const struct fake *f, const char *call)
{
	size_t i;

	if (strcmp(call, "task.get_status(OpaqueRef:t)") == 0 &&
	    strstr(f->calls, "task.cancel(OpaqueRef:t)") != NULL)
		return "\"cancelled\"";
	for (i = 0; i < f->n; i++)
		if (strcmp(f->row[i].call, call) == 0)
			return f->row[i].answer;
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(common[i].call, call) == 0)
			return common[i].answer;
	return "\"\"";
}

/* failure - "!CODE p1 p2" */
static enum cli_status
failure(struct cli_pool *pool, const char *text, struct cli_failure *why)
{
	const char **part = cli_pool_array(pool, MAX_WORDS, sizeof(*part));
	size_t n = 0, len;

	*why = (struct cli_failure){"out of memory", NULL, 0};
	if (part == NULL)
		return CLI_LOST;
	for (text++; *text != '\0'; text += text[len] == ' ' ? len + 1 : len) {
		len = strcspn(text, " ");
		part[n] = cli_pool_text(pool, text, len);
		if (part[n++] == NULL)
			return CLI_LOST;
	}
	*why = (struct cli_failure){part[0], part + 1, n - 1};
	return CLI_FAILED;
}

static bool
is_read(const char *method)
{
	const char *dot = strchr(method, '.');

	return strncmp(dot, ".get_", 5) == 0 ||
	       strstr(method, "query_data_source") != NULL;
}

static enum cli_status
call(void *ctx, struct cli_pool *pool, const char *method,
    const struct cli_val *args, size_t n, struct cli_val *value_out,
    struct cli_failure *why)
{
	struct fake *f = ctx;
	static char text[65536];
	const char *a;
	size_t i;

	text[0] = '\0';
	add(text, method, "(");
	for (i = 0; i < n; i++) {
		add(text, i > 0 ? ", " : "", "");
		add_value(text, &args[i]);
	}
	add(text, ")", "");
	if (!is_read(method))
		add(f->calls, text, "\n");
	a = answer(f, text);
	if (*a == '!')
		return failure(pool, a, why);
	*why = (struct cli_failure){"out of memory", NULL, 0};
	if (*a == '?')
		why->code = cli_pool_text(pool, a + 1, strlen(a + 1));
	if (*a == '?' || !fake_value(pool, a, value_out))
		return CLI_LOST;
	return CLI_OK;
}

static void
print(void *ctx, const char *line)
{
	struct fake *f = ctx;

	add(f->out, line, "\n");
}

static void
print_err(void *ctx, const char *text)
{
	struct fake *f = ctx;

	add(f->err, text, "");
}

static void
error(void *ctx, const char *code, const char *const *param, size_t n)
{
	struct fake *f = ctx;
	size_t i;

	add(f->err, "ERROR ", code);
	for (i = 0; i < n; i++)
		add(f->err, " ", param[i]);
	add(f->err, "\n", "");
}

static bool
wait_op(void *ctx, const char *label, double fraction)
{
	struct fake *f = ctx;

	if (label == NULL)
		return true;
	(void)fraction; /* the number of steps is what counts */
	f->waits++;
	return f->patience == 0 || f->waits < f->patience;
}

int
fake_run_in(
    struct fake *f, const char *line, enum fake_mode mode, size_t max_bytes)
{
	struct cli_ops ops = {.call = call,
	    .print = print,
	    .print_err = print_err,
	    .error = error,
	    .wait = mode == FAKE_TASKS ? wait_op : NULL};
	struct cli_env env = {.ops = &ops,
	    .ctx = f,
	    .human = mode == FAKE_HUMAN,
	    .explain = mode == FAKE_HUMAN,
	    .program = mode == FAKE_HUMAN ? "xe-memory" : NULL};
	struct cli_pool *pool = cli_pool_new(max_bytes);
	const char *word[MAX_WORDS];
	char copy[1024], *p = copy, *w;
	size_t n = 0;
	int rc;

	f->out[0] = f->err[0] = f->calls[0] = '\0';
	f->waits = 0;
	(void)snprintf(copy, sizeof(copy), "%s", line); /* tests are short */
	while (
	    *line != '\0' && n < MAX_WORDS && (w = strsep(&p, " ")) != NULL) {
		word[n++] = w;
		for (; *w != '\0'; w++)
			*w = *w == '~' ? ' ' : *w;
	}
	rc = cli_run(&env, pool, word, n);
	cli_pool_free(&pool);
	return rc;
}

int
fake_run(struct fake *f, const char *line, enum fake_mode mode)
{
	return fake_run_in(f, line, mode, CLI_POOL_MAX_BYTES);
}
