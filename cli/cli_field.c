/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_field - what a field holds, and how it is printed
 */

/* System */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

#define NULL_REF "OpaqueRef:NULL"
#define NOT_THERE "<not in database>"

const struct cli_field *
cli_field_find(const struct cli_class *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->field[i].name, name) == 0)
			return &c->field[i];
	return NULL;
}

/* related - the metrics record that a member of the object's points to */
static bool
related(struct cli_run *r, struct cli_object *o, const char *cls,
    const char *member, const struct cli_val **v_out)
{
	const char *ref = cli_val_str(cli_val_member(o->record, member));

	*v_out = NULL;
	if (cls == NULL || ref[0] == '\0' || strcmp(ref, NULL_REF) == 0)
		return true;
	return cli_cache_record(r, cls, ref, v_out);
}

/* last_target - the balloon target where there are no data sources */
static struct cli_val
last_target(struct cli_run *r, struct cli_object *o)
{
	const struct cli_val *target =
	    cli_val_member(o->record, "memory_target");
	const char *state =
	    cli_val_str(cli_val_member(o->record, "power_state"));

	if (strcmp(r->why.code, "VM_BAD_POWER_STATE") == 0)
		return cli_val_number(0);
	if (strcmp(r->why.code, "MESSAGE_METHOD_UNKNOWN") != 0 ||
	    target == NULL)
		return cli_val_text("<unknown>");
	return strcmp(state, "Running") == 0 ? *target : cli_val_number(0);
}

/* ask - the result of a call; what the server refuses is not there */
static bool
ask(struct cli_run *r, struct cli_object *o, const struct cli_field *f,
    const struct cli_val **v_out)
{
	struct cli_val args[2] = {
	    cli_val_text(o->ref), cli_val_text("memory_target")};
	bool target = strcmp(f->member, "query_data_source") == 0;
	const char *method =
	    cli_pool_printf(r->pool, "%s.%s", o->cls->api, f->member);
	struct cli_val *v = cli_pool_get(r->pool, sizeof(*v));

	if (method == NULL || v == NULL)
		return cli_fail_memory(r);
	if (cli_call(r, method, args, target ? 2 : 1, v)) {
		if (v->kind == CLI_FLOAT && target)
			*v = cli_val_number((int64_t)v->f);
		*v_out = v;
		return true;
	}
	if (r->trouble != CLI_T_CALL || r->status != CLI_FAILED)
		return false;
	if (!target && strcmp(f->member, "get_cooperative") != 0)
		return false;
	r->trouble = CLI_FINE;
	*v = target ? last_target(r, o) : cli_val_bool(true);
	*v_out = v;
	return true;
}

bool
cli_field_value(struct cli_run *r, struct cli_object *o,
    const struct cli_field *f, const struct cli_val **v_out)
{
	switch (f->from) {
	case CLI_METRICS:
		if (!o->metrics_known &&
		    !related(r, o, o->cls->metrics, "metrics", &o->metrics))
			return false;
		o->metrics_known = true;
		*v_out = cli_val_member(o->metrics, f->member);
		return true;
	case CLI_GUEST:
		if (!o->guest_known &&
		    !related(r, o, o->cls->guest, "guest_metrics", &o->guest))
			return false;
		o->guest_known = true;
		*v_out = cli_val_member(o->guest, f->member);
		return true;
	case CLI_ASK:
		return ask(r, o, f, v_out);
	default:
		*v_out = cli_val_member(o->record, f->member);
		return true;
	}
}

/* one - a scalar as text, refs as uuids */
static const char *
one(struct cli_run *r, const struct cli_field *f, const struct cli_val *v)
{
	const char *uuid = NULL;

	switch (v->kind) {
	case CLI_INT:
		return cli_pool_printf(r->pool, "%" PRId64, v->i);
	case CLI_BOOL:
		return v->i ? "true" : "false";
	case CLI_FLOAT:
		return cli_pool_printf(r->pool, "%.3f", v->f);
	case CLI_TEXT:
		break;
	default:
		return "";
	}
	if (f->shape != CLI_REF && f->shape != CLI_REFS)
		return v->text;
	if (f->refs == NULL || strcmp(v->text, NULL_REF) == 0)
		return NOT_THERE;
	if (!cli_cache_uuid(r, f->refs, v->text, &uuid))
		return NULL;
	return uuid != NULL ? uuid : NOT_THERE;
}

/* joined - the parts of a set or map, in linear time */
static const char *
joined(struct cli_run *r, const struct cli_field *f, const struct cli_val *v)
{
	const char *sep = f->shape == CLI_COMMAS ? ", " : "; ";
	bool keys = v->kind == CLI_STRUCT && f->shape == CLI_MAP;
	const char **part = cli_pool_array(r->pool, v->n + 1, sizeof(*part));
	size_t i, n = 1;
	char *text, *at;

	if (part == NULL)
		return NULL;
	for (i = 0; i < v->n; i++) {
		part[i] = one(r, f, &v->item[i]);
		if (part[i] == NULL)
			return NULL;
		n += strlen(part[i]) + 2 + (keys ? strlen(v->name[i]) + 2 : 0);
	}
	at = text = cli_pool_get(r->pool, n);
	if (text == NULL)
		return NULL;
	for (i = 0; i < v->n; i++) {
		at = stpcpy(at, i > 0 ? sep : "");
		if (keys)
			at = stpcpy(stpcpy(at, v->name[i]), ": ");
		at = stpcpy(at, part[i]);
	}
	return text;
}

const char *
cli_field_shape(
    struct cli_run *r, const struct cli_field *f, const struct cli_val *v)
{
	const char *text;
	int64_t bytes;

	if (v->kind == CLI_ARRAY || v->kind == CLI_STRUCT)
		text = joined(r, f, v);
	else if (f->shape == CLI_BYTES && r->human && cli_val_int(v, &bytes))
		text = cli_print_human(r->pool, bytes);
	else
		text = one(r, f, v);
	if (text != NULL && f->shape == CLI_QUOTED)
		text = cli_pool_printf(r->pool, "'%s'", text);
	if (text != NULL && f->shape == CLI_STATE && text[0] != '\0')
		text = cli_pool_printf(
		    r->pool, "%c%s", tolower((unsigned char)text[0]), text + 1);
	if (text == NULL && r->trouble == CLI_FINE)
		cli_say_memory(r);
	return text;
}

bool
cli_field_text(struct cli_run *r, struct cli_object *o,
    const struct cli_field *f, enum cli_effort effort, const char **text_out)
{
	const struct cli_val *v;

	if ((f->flags & CLI_F_EXPENSIVE) && effort == CLI_CHEAP) {
		*text_out = "<expensive field>";
		return true;
	}
	if (!cli_field_value(r, o, f, &v))
		return false;
	if (v == NULL) {
		*text_out = f->absent;
		return true;
	}
	*text_out = cli_field_shape(r, f, v);
	return *text_out != NULL;
}
