/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_vm - the memory of VMs
 */

/* System */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/cli_do.h"
#include "cli/cli_priv.h"

/* The parameters behind the ref. */
struct more {
	struct cli_val v[4];
	size_t n;
};

/* call_more - the command's message, with the VM in front */
static bool
call_more(struct cli_run *r, const char *ref, const void *arg)
{
	const struct more *m = arg;
	struct cli_val args[5] = {cli_val_text(ref)}, none;

	memcpy(args + 1, m->v, m->n * sizeof(m->v[0]));
	if (r->cmd->flags & CLI_C_WAITS)
		return cli_call_slow(r, r->cmd->method,
		    cli_val_str(cli_val_member(r->at->record, "name_label")),
		    args, m->n + 1, &none);
	return cli_call(r, r->cmd->method, args, m->n + 1, &none);
}

/* set_bytes - words that are sizes, as parameters in this order */
static bool
set_bytes(
    struct cli_run *r, const char *const *word, size_t n, const char *ignore)
{
	struct more m = {.n = n};
	int64_t bytes;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!cli_arg_bytes(r, word[i], &bytes))
			return false;
		m.v[i] = cli_val_number(bytes);
	}
	return cli_do_each_vm(r, ignore, CLI_SOME, call_more, &m);
}

bool
cli_do_vm_range(struct cli_run *r)
{
	static const char *const word[] = {"min", "max"};

	return set_bytes(r, word, 2, "min,max");
}

bool
cli_do_vm_limits(struct cli_run *r)
{
	static const char *const word[] = {
	    "static-min", "static-max", "dynamic-min", "dynamic-max"};

	return set_bytes(
	    r, word, 4, "static-min,static-max,dynamic-min,dynamic-max");
}

bool
cli_do_vm_memory(struct cli_run *r)
{
	static const char *const word[] = {"memory"};

	return set_bytes(r, word, 1, "memory");
}

bool
cli_do_vm_target(struct cli_run *r)
{
	static const char *const word[] = {"target", "target"};

	return set_bytes(r, word, 2, "target");
}

bool
cli_do_vm_plain(struct cli_run *r)
{
	struct more m = {.n = 0};

	return cli_do_each_vm(r, "progress", CLI_SOME, call_more, &m);
}

bool
cli_do_vm_multiplier(struct cli_run *r)
{
	const char *text = cli_arg(r, "multiplier");
	struct more m = {.n = 1};
	char *end;
	double multiplier = strtod(text, &end);

	m.v[0] = cli_val_float(multiplier);
	if (*text == '\0' || *end != '\0' || !isfinite(multiplier))
		return cli_fail_local(r,
		    "Failed to parse parameter 'multiplier': expecting a "
		    "floating-point number");
	return cli_do_each_vm(r, "multiplier", CLI_SOME, call_more, &m);
}

bool
cli_do_vm_vcpus(struct cli_run *r)
{
	struct more m = {.n = 1};
	int64_t n;

	if (!cli_arg_int(r, "new-vcpus", &n))
		return false;
	m.v[0] = cli_val_number(n);
	return cli_do_each_vm(r, "new-vcpus", CLI_SOME, call_more, &m);
}

/* number - the result of a call as text */
static const char *
number(struct cli_run *r, const struct cli_val *v)
{
	int64_t bytes;
	const char *text;

	if (!cli_val_int(v, &bytes)) {
		cli_say_local(r, "The server did not send a number");
		return NULL;
	}
	text = r->human ? cli_print_human(r->pool, bytes)
			: cli_pool_printf(r->pool, "%" PRId64, bytes);
	if (text == NULL)
		cli_say_memory(r);
	return text;
}

static bool
print_overhead(struct cli_run *r, const char *ref, const void *arg)
{
	struct cli_val v;
	const char *text;

	(void)arg; /* there is none */
	if (!cli_call_ref(r, r->cmd->method, ref, &v))
		return false;
	text = number(r, &v);
	return text != NULL && cli_print_message(r, text);
}

bool
cli_do_vm_overhead(struct cli_run *r)
{
	return cli_do_each_vm(r, "", CLI_SOME, print_overhead, NULL);
}

static bool
print_maximum(struct cli_run *r, const char *ref, const void *arg)
{
	const int64_t *total_bytes = arg;
	struct cli_val args[3] = {cli_val_text(ref),
	    cli_val_number(*total_bytes),
	    cli_val_bool(cli_arg_true(r, "approximate"))};
	struct cli_val v;
	const char *text;

	if (!cli_call(r, r->cmd->method, args, 3, &v))
		return false;
	text = number(r, &v);
	return text != NULL && cli_print_list(r, &text, 1);
}

bool
cli_do_vm_maximum(struct cli_run *r)
{
	int64_t total_bytes;

	return cli_arg_bytes(r, "total", &total_bytes) &&
	       cli_do_each_vm(r, "total,approximate", CLI_SOME, print_maximum,
		   &total_bytes);
}

/* ---- what guests know of it ---- */

/* stat_text - a value of the statistics, for people if they are asked for */
static const char *
stat_text(struct cli_run *r, const char *tag, const struct cli_val *v)
{
	static const char *const counts[] = {"major_faults", "minor_faults",
	    "hugetlb_pgalloc", "hugetlb_pgfail", "ignored", "last_update",
	    "is_on", "started", "seconds", "interval", "intervals"};
	int64_t n;

	if (!cli_val_int(v, &n))
		return cli_val_str(v);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (strcmp(counts[i], tag) == 0)
			return cli_pool_printf(r->pool, "%" PRId64, n);
	return r->human && n >= 0 ? cli_print_human(r->pool, n)
				  : cli_pool_printf(r->pool, "%" PRId64, n);
}

/* print_map - what a message tells of a VM, a line each */
static bool
print_map(struct cli_run *r, const char *ref, const char *method)
{
	struct cli_val stats;
	const char **label, **value;

	if (!cli_call_ref(r, method, ref, &stats))
		return false;
	label = cli_pool_array(r->pool, stats.n + 1, sizeof(*label));
	value = cli_pool_array(r->pool, stats.n + 1, sizeof(*value));
	if (label == NULL || value == NULL)
		return cli_fail_memory(r);
	for (size_t i = 0; i < stats.n; i++) {
		label[i] = cli_pool_printf(r->pool, "%s", stats.name[i]);
		value[i] = stat_text(r, stats.name[i], &stats.item[i]);
		if (label[i] == NULL || value[i] == NULL)
			return cli_fail_memory(r);
	}
	return cli_print_table(r, label, value, stats.n);
}

static bool
print_stats(struct cli_run *r, const char *ref, const void *arg)
{
	(void)arg; /* there is none */
	return print_map(r, ref, r->cmd->method);
}

bool
cli_do_vm_stats(struct cli_run *r)
{
	return cli_do_each_vm(r, "", CLI_SOME, print_stats, NULL);
}

bool
cli_do_vm_seconds(struct cli_run *r)
{
	struct more m = {.n = 1};
	int64_t n;

	if (!cli_arg_int(r, "seconds", &n))
		return false;
	m.v[0] = cli_val_number(n);
	return cli_do_each_vm(r, "seconds", CLI_SOME, call_more, &m);
}

static bool
print_working_set(struct cli_run *r, const char *ref, const void *arg)
{
	const int64_t *n = arg;
	struct cli_val args[2] = {cli_val_text(ref), cli_val_number(*n)}, v;
	const char *text;

	if (!cli_call_slow(r, r->cmd->method,
		cli_val_str(cli_val_member(r->at->record, "name_label")), args,
		2, &v))
		return false;
	text = number(r, &v);
	return text != NULL && cli_print_list(r, &text, 1);
}

bool
cli_do_vm_working_set(struct cli_run *r)
{
	int64_t n;

	return cli_arg_int(r, "seconds", &n) &&
	       cli_do_each_vm(r, "seconds", CLI_SOME, print_working_set, &n);
}

/* track_one - the command's message, then how it went */
static bool
track_one(struct cli_run *r, const char *ref, const void *arg)
{
	return call_more(r, ref, arg) &&
	       print_map(r, ref, "VM.get_touched_memory");
}

bool
cli_do_vm_track(struct cli_run *r)
{
	struct more m = {.n = 2};
	int64_t n, interval = 1;

	if (!cli_arg_int(r, "seconds", &n) ||
	    (cli_arg(r, "interval") != NULL &&
		!cli_arg_int(r, "interval", &interval)))
		return false;
	m.v[0] = cli_val_number(n);
	m.v[1] = cli_val_number(interval);
	return cli_do_each_vm(r, "seconds,interval", CLI_SOME, track_one, &m);
}
