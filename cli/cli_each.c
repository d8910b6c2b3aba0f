/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_each - one command on all the objects that it means
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_do.h"
#include "cli/cli_priv.h"

/* failed_text - why the last object failed, for a line of its own */
static const char *
failed_text(struct cli_run *r)
{
	const char *text;
	size_t i;

	if (r->trouble != CLI_T_CALL)
		return r->text;
	text = cli_failure_text(r, &r->why);
	if (text != NULL) /* without parameters, a line end stays behind */
		return strchr(text, '\n') != NULL
			   ? text
			   : cli_pool_printf(
				 r->pool, "%s\n%s", text, cli_explain(r));
	text = cli_pool_printf(r->pool, "%s: [ ", r->why.code);
	for (i = 0; i < r->why.n && text != NULL; i++)
		text = cli_pool_printf(r->pool, "%s%s%s", text,
		    i > 0 ? "; " : "", r->why.param[i]);
	return text != NULL ? cli_pool_printf(r->pool, "%s ]", text) : NULL;
}

/* do_all - every object has its turn; failures are printed, last one first */
static bool
do_all(struct cli_run *r, struct cli_object *o, size_t n, cli_do_f *op,
    const void *arg)
{
	const char **line = cli_pool_array(r->pool, n, sizeof(*line));
	size_t i, bad = 0;

	if (line == NULL)
		return cli_fail_memory(r);
	for (i = 0; i < n; i++) {
		const char *text;

		r->at = &o[i];
		if (op(r, o[i].ref, arg))
			continue;
		if (r->trouble == CLI_T_MEMORY ||
		    (r->trouble == CLI_T_CALL && r->status != CLI_FAILED))
			return false;
		text = failed_text(r);
		r->trouble = CLI_FINE;
		line[bad] =
		    text == NULL
			? NULL
			: cli_pool_printf(r->pool, "operation failed on %s: %s",
			      cli_val_str(cli_val_member(o[i].record, "uuid")),
			      text);
		if (line[bad++] == NULL)
			return cli_fail_memory(r);
	}
	if (bad == 0)
		return true;
	r->trouble = CLI_T_MANY;
	while (bad > 0)
		r->env->ops->print(r->env->ctx, line[--bad]);
	return false;
}

/* excluded - kinds of VMs that this command leaves alone */
static const char *
excluded(const struct cli_cmd *c)
{
	bool control = c->flags & CLI_C_CONTROL;
	bool templates = c->flags & CLI_C_TEMPLATES;

	if (control)
		return templates ? "" : "is-a-template=false";
	return templates ? "is-control-domain=false"
			 : "is-a-template=false,is-control-domain=false";
}

bool
cli_do_each_vm(struct cli_run *r, const char *ignore, enum cli_many many,
    cli_do_f *op, const void *arg)
{
	struct cli_object *o;
	size_t n;

	if (!cli_objects(
		r, &cli_class_vm, excluded(r->cmd), ignore, "vm", &o, &n))
		return false;
	if (n == 0)
		return cli_fail_local(r, "No matching VMs found");
	if (n == 1) {
		r->at = &o[0];
		return op(r, o[0].ref, arg);
	}
	if (many == CLI_ONE)
		return cli_fail_local(r,
		    "Multiple matches VMs found. Operation can only be "
		    "performed on one VM at a time");
	if (!cli_arg_true(r, "multiple"))
		return cli_fail_local(r,
		    "Multiple matches VMs found. --multiple required to "
		    "complete the operation");
	return do_all(r, o, n, op, arg);
}

bool
cli_the_host(struct cli_run *r, const char *ignore, const char **ref_out)
{
	struct cli_object *o;
	size_t n;

	if (!cli_objects(r, &cli_class_host, "", ignore, "host", &o, &n))
		return false;
	if (n == 0)
		return cli_fail_local(r, "No matching hosts found");
	if (n > 1)
		return cli_fail_local(r,
		    "Multiple matching hosts found. Operation can only be "
		    "performed on one host at a time");
	*ref_out = o[0].ref;
	return true;
}

/* call_host - the command's message of the one host that is meant */
static bool
call_host(struct cli_run *r, struct cli_val *v)
{
	const char *ref;

	return cli_the_host(r, "", &ref) &&
	       cli_call_ref(r, r->cmd->method, ref, v);
}

bool
cli_do_host_number(struct cli_run *r)
{
	struct cli_val v;
	int64_t bytes;
	const char *text;

	if (!call_host(r, &v))
		return false;
	if (!cli_val_int(&v, &bytes))
		return cli_fail_local(r, "The server did not send a number");
	text = r->human ? cli_print_human(r->pool, bytes)
			: cli_pool_printf(r->pool, "%" PRId64, bytes);
	return text != NULL ? cli_print_message(r, text) : cli_fail_memory(r);
}

/* column - an amount of a row; 0 when the server sent none */
static int64_t
column(const struct cli_val *row, const char *name)
{
	const struct cli_val *v = cli_val_member(row, name);
	int64_t bytes = 0;

	return v != NULL && cli_val_int(v, &bytes) ? bytes : 0;
}

/* explain - a row of the table, sizes in MiB; NULL: out of memory */
static const char *
explain(struct cli_run *r, const struct cli_val *row)
{
	static const int64_t mib = 1 << 20;

	return cli_pool_printf(r->pool,
	    "%-15s %10" PRId64 " %10" PRId64 " %10" PRId64 "  %s",
	    cli_val_str(cli_val_member(row, "kind")),
	    column(row, "needed") / mib, column(row, "actual") / mib,
	    column(row, "kept") / mib,
	    cli_val_str(cli_val_member(row, "name")));
}

bool
cli_do_host_explain(struct cli_run *r)
{
	const char **line;
	struct cli_val v;

	if (!call_host(r, &v))
		return false;
	line = cli_pool_array(r->pool, v.n + 1, sizeof(*line));
	if (line == NULL)
		return cli_fail_memory(r);
	line[0] = cli_pool_printf(r->pool, "%-15s %10s %10s %10s  %s", "MiB",
	    "promised", "has", "kept", "name");
	for (size_t i = 0; i < v.n; i++)
		line[i + 1] = explain(r, &v.item[i]);
	for (size_t i = 0; i <= v.n; i++)
		if (line[i] == NULL)
			return cli_fail_memory(r);
	return cli_print_list(r, line, v.n + 1);
}

bool
cli_do_task_cancel(struct cli_run *r)
{
	struct cli_val arg = cli_val_text(cli_arg(r, "uuid")), ref, none;

	return cli_call(r, "task.get_by_uuid", &arg, 1, &ref) &&
	       cli_call_ref(r, "task.cancel", cli_val_str(&ref), &none);
}
