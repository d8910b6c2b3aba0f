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
cli_do_host_number(struct cli_run *r)
{
	struct cli_object *o;
	struct cli_val v;
	int64_t bytes;
	const char *text;
	size_t n;

	if (!cli_objects(r, &cli_class_host, "", "", "host", &o, &n))
		return false;
	if (n == 0)
		return cli_fail_local(r, "No matching hosts found");
	if (n > 1)
		return cli_fail_local(r,
		    "Multiple matching hosts found. Operation can only be "
		    "performed on one host at a time");
	if (!cli_call_ref(r, r->cmd->method, o[0].ref, &v))
		return false;
	if (!cli_val_int(&v, &bytes))
		return cli_fail_local(r, "The server did not send a number");
	text = r->human ? cli_print_human(r->pool, bytes)
			: cli_pool_printf(r->pool, "%" PRId64, bytes);
	return text != NULL ? cli_print_message(r, text) : cli_fail_memory(r);
}

bool
cli_do_task_cancel(struct cli_run *r)
{
	struct cli_val arg = cli_val_text(cli_arg(r, "uuid")), ref, none;

	return cli_call(r, "task.get_by_uuid", &arg, 1, &ref) &&
	       cli_call_ref(r, "task.cancel", cli_val_str(&ref), &none);
}
