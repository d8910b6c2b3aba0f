/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * val_call - method, session and parameters of a call while it is decoded
 */

/* System */
#include <string.h>

/* Api */
#include "api/val.h"

const struct idl_type api_val_session_type = {.kind = IDL_STRING, .cls = -1};

/* A value that goes nowhere. */
static const struct api_slot skip = {NULL, NULL, ""};

void
api_val_call(struct api_call *c)
{
	c->method = "";
	c->msg = NULL;
	c->session_text = "";
	c->session_ref = (struct idl_ref){0, 0};
	c->received = 0;
	c->args = NULL;
	c->bad.code = ERR_NONE;
}

/* set_default - the IDL's default of a parameter, or an empty value */
static void
set_default(const struct idl_param *param, char *args)
{
	const void *empty = NULL;
	void *to = args + param->offset;

	if (param->initial != NULL) {
		memcpy(to, param->initial, idl_native_bytes(param->type));
		return;
	}
	if (param->type->kind == IDL_STRING)
		empty = "";
	else if (param->type->kind == IDL_SET)
		empty = &idl_set_none;
	else if (param->type->kind == IDL_MAP)
		empty = &idl_map_none;
	else
		return; /* arguments start as zeros */
	memcpy(to, &empty, sizeof empty);
}

bool
api_val_method(struct api_call *c, api_find_f *find, const char *name, size_t n)
{
	c->method = arena_strndup(&c->arena, name, n);
	if (c->method == NULL) {
		c->method = "";
		return false;
	}
	c->msg = find(c->method, n);
	if (c->msg == NULL)
		return true;
	c->args = arena_alloc(&c->arena, c->msg->args_bytes);
	if (c->args == NULL)
		return false;
	for (int i = 0; i < c->msg->nparams; i++)
		set_default(&c->msg->params[i], c->args);
	return true;
}

struct api_slot
api_val_param(struct api_call *c)
{
	unsigned lead =
	    c->msg != NULL && (c->msg->flags & IDL_M_NOSESSION) ? 0 : 1;
	const struct idl_param *param;
	unsigned i = c->received++;

	if (i < lead)
		return (struct api_slot){&api_val_session_type, NULL, ""};
	i -= lead;
	if (c->msg == NULL || i >= (unsigned)c->msg->nparams)
		return skip;
	param = &c->msg->params[i];
	return (struct api_slot){
	    param->type, (char *)c->args + param->offset, param->name};
}

bool
api_val_session(struct api_call *c, const char *text, size_t n)
{
	c->session_text = arena_strndup(&c->arena, text, n);
	if (c->session_text == NULL) {
		c->session_text = "";
		return false;
	}
	/* No ref of ours: stays null, which is no session. */
	(void)idl_ref_parse(text, n, &c->session_ref);
	return true;
}
