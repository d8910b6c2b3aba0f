/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_value - between the values of the command layer and those of xmlrpc-c
 */

/* System */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/xe_value.h"

static xmlrpc_value *make(xmlrpc_env *env, const struct cli_val *v);

static xmlrpc_value *
make_number(xmlrpc_env *env, int64_t i)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, i); /* it fits */
	return xmlrpc_string_new(env, text);
}

/* make_text - a string; control characters cannot stand in XML */
static xmlrpc_value *
make_text(xmlrpc_env *env, const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && strchr("\t\n\r", *p) == NULL) {
			xmlrpc_faultf(env,
			    "a text with the control character 0x%02x cannot "
			    "be sent",
			    (unsigned)*p);
			return NULL;
		}
	return xmlrpc_string_new(env, text);
}

static xmlrpc_value *
make_struct(xmlrpc_env *env, const struct cli_val *v)
{
	xmlrpc_value *s = xmlrpc_struct_new(env), *one;
	size_t i;

	for (i = 0; i < v->n && !env->fault_occurred; i++) {
		one = make(env, &v->item[i]);
		if (env->fault_occurred)
			break;
		xmlrpc_struct_set_value(env, s, v->name[i], one);
		xmlrpc_DECREF(one);
	}
	if (!env->fault_occurred)
		return s;
	if (s != NULL)
		xmlrpc_DECREF(s);
	return NULL;
}

static xmlrpc_value *
make_array(
    xmlrpc_env *env, const char *first, const struct cli_val *item, size_t n)
{
	xmlrpc_value *a = xmlrpc_array_new(env), *one;
	size_t i;

	if (first != NULL && !env->fault_occurred) {
		one = xmlrpc_string_new(env, first);
		if (!env->fault_occurred) {
			xmlrpc_array_append_item(env, a, one);
			xmlrpc_DECREF(one);
		}
	}
	for (i = 0; i < n && !env->fault_occurred; i++) {
		one = make(env, &item[i]);
		if (env->fault_occurred)
			break;
		xmlrpc_array_append_item(env, a, one);
		xmlrpc_DECREF(one);
	}
	if (!env->fault_occurred)
		return a;
	if (a != NULL)
		xmlrpc_DECREF(a);
	return NULL;
}

static xmlrpc_value *
make(xmlrpc_env *env, const struct cli_val *v)
{
	switch (v->kind) {
	case CLI_INT:
		return make_number(env, v->i);
	case CLI_BOOL:
		return xmlrpc_bool_new(env, v->i != 0);
	case CLI_FLOAT:
		return xmlrpc_double_new(env, v->f);
	case CLI_ARRAY:
		return make_array(env, NULL, v->item, v->n);
	case CLI_STRUCT:
		return make_struct(env, v);
	default:
		return make_text(env, v->text);
	}
}

xmlrpc_value *
xe_value_params(
    xmlrpc_env *env, const char *session, const struct cli_val *args, size_t n)
{
	return make_array(env, session, args, n);
}

static void
no_memory(xmlrpc_env *env)
{
	xmlrpc_faultf(env, "out of memory");
}

/* release - free a string that xmlrpc-c has allocated for us */
static void
release(const char *s)
{
	void *p;

	memcpy(&p, &s, sizeof(p)); /* it is ours, whatever its type says */
	free(p);
}

static void
read_text(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v)
{
	const char *s;
	size_t n;

	xmlrpc_read_string_lp(env, value, &n, &s);
	if (env->fault_occurred)
		return;
	*v = cli_val_text(cli_pool_text(pool, s, n));
	release(s);
	if (v->text == NULL)
		no_memory(env);
}

static void
read_array(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v)
{
	int i, n = xmlrpc_array_size(env, value);
	struct cli_val *item;
	xmlrpc_value *one;

	if (env->fault_occurred)
		return;
	item = cli_pool_array(pool, (size_t)n, sizeof(*item));
	if (item == NULL) {
		no_memory(env);
		return;
	}
	for (i = 0; i < n && !env->fault_occurred; i++) {
		xmlrpc_array_read_item(env, value, (unsigned int)i, &one);
		if (env->fault_occurred)
			break;
		xe_value_read(env, pool, one, &item[i]);
		xmlrpc_DECREF(one);
	}
	*v = (struct cli_val){.kind = CLI_ARRAY, .n = (size_t)n, .item = item};
}

static void
read_struct(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v)
{
	int i, n = xmlrpc_struct_size(env, value);
	xmlrpc_value *key, *one;
	struct cli_val *item, text;
	const char **name;

	if (env->fault_occurred)
		return;
	item = cli_pool_array(pool, (size_t)n, sizeof(*item));
	name = cli_pool_array(pool, (size_t)n, sizeof(*name));
	if (item == NULL || name == NULL) {
		no_memory(env);
		return;
	}
	for (i = 0; i < n && !env->fault_occurred; i++) {
		xmlrpc_struct_read_member(
		    env, value, (unsigned int)i, &key, &one);
		if (env->fault_occurred)
			break;
		read_text(env, pool, key, &text);
		if (!env->fault_occurred) {
			name[i] = text.text;
			xe_value_read(env, pool, one, &item[i]);
		}
		xmlrpc_DECREF(key);
		xmlrpc_DECREF(one);
	}
	*v = (struct cli_val){
	    .kind = CLI_STRUCT, .n = (size_t)n, .item = item, .name = name};
}

/* read_time - as the server prints it: 20260821T02:00:23Z */
static void
read_time(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v)
{
	xmlrpc_datetime t;

	xmlrpc_read_datetime(env, value, &t);
	if (env->fault_occurred)
		return;
	*v = cli_val_text(cli_pool_printf(pool, "%04u%02u%02uT%02u:%02u:%02uZ",
	    t.Y, t.M, t.D, t.h, t.m, t.s));
	if (v->text == NULL)
		no_memory(env);
}

static void
read_scalar(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v)
{
	xmlrpc_bool b;
	long long i8;
	int i4;
	double d;

	switch (xmlrpc_value_type(value)) {
	case XMLRPC_TYPE_INT:
		xmlrpc_read_int(env, value, &i4);
		if (!env->fault_occurred)
			*v = cli_val_number(i4);
		break;
	case XMLRPC_TYPE_I8:
		xmlrpc_read_i8(env, value, &i8);
		if (!env->fault_occurred)
			*v = cli_val_number(i8);
		break;
	case XMLRPC_TYPE_BOOL:
		xmlrpc_read_bool(env, value, &b);
		if (!env->fault_occurred)
			*v = cli_val_bool(b != 0);
		break;
	case XMLRPC_TYPE_DOUBLE:
		xmlrpc_read_double(env, value, &d);
		if (!env->fault_occurred)
			*v = cli_val_float(d);
		break;
	case XMLRPC_TYPE_DATETIME:
		read_time(env, pool, value, v);
		break;
	case XMLRPC_TYPE_STRING:
		read_text(env, pool, value, v);
		break;
	default:
		*v = cli_val_text("");
	}
}

void
xe_value_read(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v_out)
{
	struct cli_val v = {.kind = CLI_TEXT, .text = ""};

	switch (xmlrpc_value_type(value)) {
	case XMLRPC_TYPE_ARRAY:
		read_array(env, pool, value, &v);
		break;
	case XMLRPC_TYPE_STRUCT:
		read_struct(env, pool, value, &v);
		break;
	default:
		read_scalar(env, pool, value, &v);
	}
	if (!env->fault_occurred)
		*v_out = v;
}
