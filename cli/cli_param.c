/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_param - CLASS-list and CLASS-param-*
 */

/* System */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

#define NULL_REF "OpaqueRef:NULL"

/* label - name, access and age of a field, as tables show them */
static const char *
label(struct cli_run *r, const struct cli_field *f)
{
	static const char *const sign[] = {
	    " ( RO)", " ( RW)", " (SRO)", " (SRW)", " (MRO)", " (MRW)"};

	return cli_pool_printf(r->pool, "%s%s%s", f->name, sign[f->access],
	    f->flags & CLI_F_DEPRECATED ? " [DEPRECATED]" : "");
}

/* print_record - the fields that are wanted (NULL: all) and not hidden */
static bool
print_record(struct cli_run *r, struct cli_object *o, const char *wanted,
    enum cli_effort effort)
{
	const struct cli_class *c = o->cls;
	const char **name = cli_pool_array(r->pool, c->n, sizeof(*name));
	const char **value = cli_pool_array(r->pool, c->n, sizeof(*value));
	size_t i, n = 0;

	if (name == NULL || value == NULL)
		return cli_fail_memory(r);
	for (i = 0; i < c->n; i++) {
		const struct cli_field *f = &c->field[i];

		if ((f->flags & CLI_F_HIDDEN) ||
		    (wanted != NULL && !cli_names_has(wanted, f->name)))
			continue;
		if (!cli_field_text(r, o, f, effort, &value[n]))
			return false;
		if (value[n] == NULL)
			continue;
		name[n] = label(r, f);
		if (name[n] == NULL)
			return cli_fail_memory(r);
		n++;
	}
	return n == 0 ? true : cli_print_table(r, name, value, n);
}

/* print_firsts - --minimal: the first wanted field of each object */
static bool
print_firsts(
    struct cli_run *r, struct cli_object *o, size_t n, const char *wanted)
{
	const struct cli_class *c = r->cmd->cls;
	const char **value = cli_pool_array(r->pool, n + 1, sizeof(*value));
	size_t i, k, nvalues = 0;

	if (value == NULL)
		return cli_fail_memory(r);
	for (k = 0; k < n; k++)
		for (i = 0; i < c->n; i++) {
			const struct cli_field *f = &c->field[i];

			if ((f->flags & CLI_F_HIDDEN) ||
			    (wanted != NULL && !cli_names_has(wanted, f->name)))
				continue;
			if (!cli_field_text(
				r, &o[k], f, CLI_CHEAP, &value[nvalues]))
				return false;
			if (value[nvalues] == NULL)
				continue;
			nvalues++;
			break;
		}
	return cli_print_firsts(r, value, nvalues);
}

bool
cli_do_list(struct cli_run *r)
{
	const char *wanted = cli_arg(r, "params");
	struct cli_object *o;
	size_t i, n;

	if (!cli_objects(
		r, r->cmd->cls, r->cmd->cls->filter, "params", NULL, &o, &n))
		return false;
	if (wanted == NULL)
		wanted = r->cmd->cls->listed;
	else if (strcmp(wanted, "all") == 0)
		wanted = NULL;
	if (r->minimal)
		return print_firsts(r, o, n, wanted);
	for (i = 0; i < n; i++)
		if (!print_record(r, &o[i], wanted, CLI_CHEAP))
			return false;
	return true;
}

/* object - the one that uuid= names */
static bool
object(struct cli_run *r, struct cli_object *o_out)
{
	struct cli_object *at = cli_pool_get(r->pool, sizeof(*at));

	if (at == NULL)
		return cli_fail_memory(r);
	if (!cli_object_by_uuid(r, r->cmd->cls, cli_arg(r, "uuid"), at))
		return false;
	r->at = at;
	*o_out = *at;
	return true;
}

/* object_field - the same with the field that param-name= names */
static bool
object_field(
    struct cli_run *r, struct cli_object *o_out, const struct cli_field **f_out)
{
	const char *name = cli_arg(r, "param-name");

	if (!object(r, o_out))
		return false;
	*f_out = cli_field_find(r->cmd->cls, name);
	return *f_out != NULL ? true : cli_fail_param(r, name);
}

bool
cli_do_param_list(struct cli_run *r)
{
	struct cli_object o;

	return object(r, &o) && print_record(r, &o, NULL, CLI_FULL);
}

bool
cli_do_param_get(struct cli_run *r)
{
	const char *key = cli_arg(r, "param-key"), *text;
	const struct cli_val *v, *one;
	const struct cli_field *f;
	struct cli_object o;

	if (!object_field(r, &o, &f))
		return false;
	if (key == NULL || (f->access != CLI_MRO && f->access != CLI_MRW)) {
		if (!cli_field_text(r, &o, f, CLI_FULL, &text))
			return false;
		if (text == NULL)
			return cli_fail_param(r, f->name);
		return cli_print_list(r, &text, 1);
	}
	if (!cli_field_value(r, &o, f, &v))
		return false;
	one = cli_val_member(v, key);
	if (one == NULL)
		return cli_fail_local(r, "Key %s not found in map", key);
	text = cli_field_shape(r, f, one);
	return text != NULL && cli_print_list(r, &text, 1);
}

/* name_field - a setter's only argument is "value" to the server: name it */
static void
name_field(struct cli_run *r, const struct cli_field *f)
{
	const char **param;

	if (r->trouble != CLI_T_CALL || r->status != CLI_FAILED ||
	    r->why.n == 0 || strcmp(r->why.param[0], "value") != 0 ||
	    (strcmp(r->why.code, "INVALID_VALUE") != 0 &&
		strcmp(r->why.code, "FIELD_TYPE_ERROR") != 0))
		return;
	param = cli_pool_array(r->pool, r->why.n, sizeof(*param));
	if (param == NULL)
		return; /* the server's word is worse, but not wrong */
	memcpy(param, r->why.param, r->why.n * sizeof(*param));
	param[0] = f->name;
	r->why.param = param;
}

/* change - call class.<verb><member>(ref, args...) */
static bool
change(struct cli_run *r, const struct cli_object *o, const char *verb,
    const struct cli_field *f, const struct cli_val *more, size_t n)
{
	const char *method =
	    cli_pool_printf(r->pool, "%s.%s%s", o->cls->api, verb, f->member);
	struct cli_val args[3] = {cli_val_text(o->ref)}, none;

	if (method == NULL)
		return cli_fail_memory(r);
	memcpy(args + 1, more, n * sizeof(*more));
	if (cli_call(r, method, args, n + 1, &none))
		return true;
	name_field(r, f);
	return false;
}

/* ref_value - the ref that a uuid names; none for an empty one */
static bool
ref_value(struct cli_run *r, const struct cli_field *f, const char *uuid,
    struct cli_val *v_out)
{
	struct cli_val arg = cli_val_text(uuid);
	const char *method;

	*v_out = cli_val_text(NULL_REF);
	if (uuid[0] == '\0')
		return true;
	method = cli_pool_printf(r->pool, "%s.get_by_uuid", f->refs);
	if (method == NULL)
		return cli_fail_memory(r);
	return cli_call(r, method, &arg, 1, v_out);
}

/* read_value - the text of a word as the value that a setter takes */
static bool
read_value(struct cli_run *r, const struct cli_field *f, const char *text,
    struct cli_val *v_out)
{
	struct cli_val as_text = cli_val_text(text);
	int64_t i;
	double d;
	char *end;

	if (f->shape == CLI_BYTES) {
		if (!cli_parse_bytes(r, f->name, text, &i))
			return false;
		*v_out = cli_val_number(i);
	} else if (f->flags & CLI_F_INT) {
		if (!cli_val_int(&as_text, &i))
			return cli_fail_local(r,
			    "Failed to parse parameter '%s': expecting an "
			    "integer",
			    f->name);
		*v_out = cli_val_number(i);
	} else if (f->flags & CLI_F_BOOL) {
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return cli_fail_local(r,
			    "Failed to parse parameter '%s': expecting a "
			    "boolean (true or false)",
			    f->name);
		*v_out = cli_val_bool(text[0] == 't');
	} else if (f->flags & CLI_F_FLOAT) {
		d = strtod(text, &end);
		if (*text == '\0' || *end != '\0' || !isfinite(d))
			return cli_fail_local(r,
			    "Parameter %s must be a floating-point number",
			    f->name);
		*v_out = cli_val_float(d);
	} else if (f->shape == CLI_REF && f->refs != NULL) {
		return ref_value(r, f, text, v_out);
	} else {
		*v_out = as_text;
	}
	return true;
}

/* set_pair - one pair of a map: the old one goes first */
static bool
set_pair(struct cli_run *r, struct cli_object *o, const struct cli_field *f,
    const char *key, const char *text)
{
	struct cli_val pair[2] = {cli_val_text(key), cli_val_text(text)};
	const struct cli_val *map;

	if (f->access != CLI_MRW)
		return cli_fail_local(
		    r, "Map field '%s' is read-only.", f->name);
	if (!cli_field_value(r, o, f, &map))
		return false;
	if (cli_val_member(map, key) != NULL &&
	    !change(r, o, "remove_from_", f, pair, 1))
		return false;
	return change(r, o, "add_to_", f, pair, 2);
}

/* map_of - the map or set whose name a key starts with; rest_out: the rest */
static const struct cli_field *
map_of(const struct cli_class *c, const char *key, const char **rest_out)
{
	const struct cli_field *best = NULL;
	size_t i, n, most = 0;

	for (i = 0; i < c->n; i++) {
		const struct cli_field *f = &c->field[i];

		n = strlen(f->name);
		if (f->access < CLI_SRO || n <= most ||
		    strncmp(key, f->name, n) != 0 ||
		    (key[n] != ':' && key[n] != '-'))
			continue;
		best = f;
		most = n;
		*rest_out = key + n + 1;
	}
	return best;
}

static bool
set_one(
    struct cli_run *r, struct cli_object *o, const char *key, const char *text)
{
	const struct cli_field *f = cli_field_find(o->cls, key);
	struct cli_val v;
	const char *rest;

	if (f == NULL) {
		f = map_of(o->cls, key, &rest);
		if (f == NULL)
			return cli_fail_local(r, "Unknown field '%s'", key);
		if (f->access == CLI_SRO || f->access == CLI_SRW)
			return cli_fail_local(
			    r, "Cannot param-set on set fields");
		return set_pair(r, o, f, rest, text);
	}
	if (f->access == CLI_MRW)
		return cli_fail_local(r,
		    "Field '%s' is a map or set. use the 'name:key=value' "
		    "syntax.",
		    key);
	if (f->access != CLI_RW)
		return cli_fail_local(r, "Field '%s' is read-only.", key);
	return read_value(r, f, text, &v) && change(r, o, "set_", f, &v, 1);
}

bool
cli_do_param_set(struct cli_run *r)
{
	struct cli_object o;
	size_t i;

	if (!object(r, &o))
		return false;
	for (i = 0; i < r->nparams; i++) {
		const struct cli_param *p = &r->param[i];

		if (strcmp(p->key, "uuid") != 0 &&
		    !cli_arg_is_standard(p->key) &&
		    !set_one(r, &o, p->key, p->value))
			return false;
	}
	return true;
}

bool
cli_do_param_add(struct cli_run *r)
{
	const char *key = cli_arg(r, "param-key");
	const struct cli_field *f;
	struct cli_object o;
	size_t i;

	if (!object_field(r, &o, &f))
		return false;
	if (f->access == CLI_SRW) {
		struct cli_val v = cli_val_text(key != NULL ? key : "");

		if (key == NULL)
			return cli_fail_local(r,
			    "When adding a key to a set, use the syntax: "
			    "*-param-add param-name=<name> param-key=<key>");
		return change(r, &o, "add_", f, &v, 1);
	}
	if (f->access == CLI_SRO || f->access == CLI_MRO)
		return cli_fail_local(r, "Parameter is read-only");
	if (f->access != CLI_MRW)
		return cli_fail_local(
		    r, "Can only add to parameters of type Set or Map");
	for (i = 0; i < r->nparams; i++) {
		const struct cli_param *p = &r->param[i];
		struct cli_val pair[2] = {
		    cli_val_text(p->key), cli_val_text(p->value)};

		if (!cli_names_has("uuid,param-name,param-key", p->key) &&
		    !cli_arg_is_standard(p->key) &&
		    !change(r, &o, "add_to_", f, pair, 2))
			return false;
	}
	return true;
}

static bool
set_has(const struct cli_val *set, const char *text)
{
	size_t i;

	for (i = 0; set != NULL && set->kind == CLI_ARRAY && i < set->n; i++)
		if (strcmp(cli_val_str(&set->item[i]), text) == 0)
			return true;
	return false;
}

bool
cli_do_param_remove(struct cli_run *r)
{
	const char *key = cli_arg(r, "param-key");
	struct cli_val v = cli_val_text(key);
	const struct cli_val *all;
	const struct cli_field *f;
	struct cli_object o;

	if (!object_field(r, &o, &f))
		return false;
	if (f->access == CLI_SRO || f->access == CLI_MRO)
		return cli_fail_local(
		    r, "Cannot remove parameters from read-only map");
	if (f->access != CLI_SRW && f->access != CLI_MRW)
		return cli_fail_local(
		    r, "Can only remove from parameters of type Set or Map");
	if (!cli_field_value(r, &o, f, &all))
		return false;
	if (f->access == CLI_SRW)
		return set_has(all, key)
			   ? change(r, &o, "remove_", f, &v, 1)
			   : cli_fail_local(r, "Key %s is not in the set", key);
	return cli_val_member(all, key) != NULL
		   ? change(r, &o, "remove_from_", f, &v, 1)
		   : cli_fail_local(r, "Key %s is not in map", key);
}

/* clear_all - every member of a set or pair of a map, one by one */
static bool
clear_all(struct cli_run *r, struct cli_object *o, const struct cli_field *f)
{
	const struct cli_val *all;
	size_t i;

	if (!cli_field_value(r, o, f, &all))
		return false;
	for (i = 0; all != NULL && i < all->n; i++) {
		bool set = f->access == CLI_SRW;
		struct cli_val v =
		    set ? all->item[i] : cli_val_text(all->name[i]);

		if (!change(r, o, set ? "remove_" : "remove_from_", f, &v, 1))
			return false;
	}
	return true;
}

bool
cli_do_param_clear(struct cli_run *r)
{
	struct cli_val v = {.kind = CLI_STRUCT};
	const struct cli_field *f;
	struct cli_object o;

	if (!object_field(r, &o, &f))
		return false;
	if (f->flags & CLI_F_CLEAR)
		return change(r, &o, "set_", f, &v, 1);
	if (f->access == CLI_SRW || f->access == CLI_MRW)
		return clear_all(r, &o, f);
	if (f->access != CLI_RW)
		return cli_fail_local(r, "Can only clear RW parameters");
	if (!read_value(r, f, "", &v) || !change(r, &o, "set_", f, &v, 1))
		return cli_fail_local(r, "Cannot clear this parameter");
	return true;
}
