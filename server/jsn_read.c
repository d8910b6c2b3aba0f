/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsn_read - a JSON-RPC request through jansson to typed arguments
 *
 * Jansson 2.14 reads beyond its buffer when it cannot grow it in the middle of
 * a string, so it must never run out of memory.  Before it sees a body we count
 * brackets and commas, which bounds what it can need, and reserve all of that
 * in one piece.  What is too deep or too much is refused there, for nothing.
 */

/* System */
#include <assert.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/jsn.h"

#define TREE_KEEP_BYTES ((size_t)65536) /* between calls */

/*
 * What jansson needs at most: for each value its node, a first table, a pair
 * with its share of all bigger tables (384 bytes); for each byte its share of
 * the text being read, doubling (4), of a string (1) and of a key's copy (1).
 */
#define TREE_FIRST_BYTES ((size_t)1024)
#define TREE_VALUE_BYTES ((size_t)512)
#define TREE_TEXT_FACTOR 8

/* ---- jansson's memory ---- */

/* Whose memory jansson uses in this thread; NULL: the heap, as others do. */
static _Thread_local struct jsn_reader *reading;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* tree_alloc - for jansson */
static void *
tree_alloc(size_t n)
{
	const size_t align = _Alignof(max_align_t);
	char *p;

	if (reading == NULL)
		return malloc(n);
	/* Not a peer's doing: our bound is wrong, and jansson would not stop.
	 */
	assert(n <= reading->tree_cap_bytes - reading->tree_used_bytes);
	p = reading->tree + reading->tree_used_bytes;
	n = (n + align - 1) / align * align;
	if (n > reading->tree_cap_bytes - reading->tree_used_bytes)
		n = reading->tree_cap_bytes - reading->tree_used_bytes;
	reading->tree_used_bytes += n;
	return p;
}

/* tree_free - for jansson; its tree goes in one piece */
static void
tree_free(void *p)
{
	if (reading == NULL)
		free(p);
}

/* set_up - once in a process, before the first reader */
static void
set_up(void)
{
	json_set_alloc_funcs(tree_alloc, tree_free);
	json_object_seed(0); /* now, not in the first call */
}

/* tree_reserve - at least so many bytes; false: out of memory */
static bool
tree_reserve(struct jsn_reader *r, size_t bytes)
{
	r->tree_used_bytes = 0;
	if (bytes <= r->tree_cap_bytes)
		return true;
	free(r->tree);
	r->tree_cap_bytes = 0;
	r->tree = malloc(bytes);
	if (r->tree == NULL)
		return false;
	r->tree_cap_bytes = bytes;
	return true;
}

/* tree_drop - the call is read; keep a little for the next one, no passwords */
static void
tree_drop(struct jsn_reader *r)
{
	if (r->tree != NULL)
		explicit_bzero(r->tree, r->tree_used_bytes);
	r->tree_used_bytes = 0;
	if (r->tree_cap_bytes <= TREE_KEEP_BYTES)
		return;
	free(r->tree);
	r->tree = NULL;
	r->tree_cap_bytes = 0;
}

/* ---- before jansson ---- */

/* What scan knows at a byte. */
struct scan {
	unsigned depth;
	unsigned values; /* a bound: separators and opened brackets */
	bool in_text, escaped;
};

/* scan_text - one byte inside of a string */
static void
scan_text(struct scan *s, char ch)
{
	if (s->escaped)
		s->escaped = false;
	else if (ch == '\\')
		s->escaped = true;
	else if (ch == '"')
		s->in_text = false;
}

/*
 * scan - why a body is too much to be parsed; NULL: it is not
 *
 * out     tree_bytes_out  what jansson will need at most
 */
static const char *
scan(const char *body, size_t n, size_t *tree_bytes_out)
{
	struct scan s = {.depth = 0};

	if (n > JSN_TREE_BYTES / TREE_TEXT_FACTOR)
		return "call too large";
	for (size_t i = 0; i < n; i++) {
		char ch = body[i];

		if (s.in_text) {
			scan_text(&s, ch);
		} else if (ch == '"') {
			s.in_text = true;
		} else if (ch == '[' || ch == '{') {
			s.values++;
			if (++s.depth > JSN_DEPTH_MAX)
				return "nested too deeply";
		} else if (ch == ']' || ch == '}') {
			if (s.depth == 0)
				return "a bracket closes that was not opened";
			s.depth--;
		} else if (ch == ',') {
			s.values++;
		}
		if (s.values > JSN_VALUES_MAX)
			return "too many values";
	}
	*tree_bytes_out = TREE_FIRST_BYTES + n * TREE_TEXT_FACTOR +
			  (s.values + 1) * TREE_VALUE_BYTES;
	return *tree_bytes_out <= JSN_TREE_BYTES ? NULL : "call too large";
}

/* ---- values ---- */

static bool read_value(
    struct api_call *c, const struct api_slot *to, const json_t *v);

/* read_object - a map or a record */
static bool
read_object(struct api_call *c, const struct api_slot *to, const json_t *v)
{
	struct api_gather g = {.slot = *to};
	struct api_slot member;
	void *at;

	if (!api_val_open_object(c, &g))
		return false;
	/* jansson's iterators want an object that they may change. */
	for (at = json_object_iter((json_t *)(uintptr_t)v); at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		if (!api_val_member(c, &g, json_object_iter_key(at),
			json_object_iter_key_len(at), &member) ||
		    !read_value(c, &member, json_object_iter_value(at)))
			return false;
	}
	return api_val_close_object(c, &g);
}

/* read_array - a set */
static bool
read_array(struct api_call *c, const struct api_slot *to, const json_t *v)
{
	struct api_gather g = {.slot = *to};
	struct api_slot item;

	if (!api_val_open_array(c, &g))
		return false;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!api_val_item(c, &g, &item) ||
		    !read_value(c, &item, json_array_get(v, i)))
			return false;
	return api_val_close_array(c, &g);
}

/* read_int - a number without fraction and exponent */
static bool
read_int(struct api_call *c, const struct api_slot *to, int64_t v)
{
	char text[API_VAL_NUMBER_BYTES];
	size_t n = api_val_int_text(v, text);

	text[n] = '\0';
	return api_val_scalar(c, to, API_VAL_INT, text, n);
}

/* read_real - any other number */
static bool
read_real(struct api_call *c, const struct api_slot *to, double v)
{
	char text[API_VAL_NUMBER_BYTES];
	int n = snprintf(text, sizeof text, "%.17g", v); /* 24 at most */

	return api_val_scalar(c, to, API_VAL_FLOAT, text, (size_t)n);
}

/* read_value - any value to its slot; not deeper than the slot's type */
static bool
read_value(struct api_call *c, const struct api_slot *to, const json_t *v)
{
	if (to->type == NULL)
		return true;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return read_object(c, to, v);
	case JSON_ARRAY:
		return read_array(c, to, v);
	case JSON_STRING:
		return api_val_scalar(c, to, API_VAL_TEXT, json_string_value(v),
		    json_string_length(v));
	case JSON_INTEGER:
		return read_int(c, to, json_integer_value(v));
	case JSON_REAL:
		return read_real(c, to, json_real_value(v));
	case JSON_TRUE:
		return api_val_scalar(c, to, API_VAL_BOOL, "1", 1);
	case JSON_FALSE:
		return api_val_scalar(c, to, API_VAL_BOOL, "0", 1);
	case JSON_NULL:
		break;
	}
	return api_val_scalar(c, to, API_VAL_ALIEN, "", 0);
}

/* read_param - the next parameter; text is the only session there is */
static bool
read_param(struct api_call *c, const json_t *v)
{
	struct api_slot to = api_val_param(c);

	if (to.type != &api_val_session_type)
		return read_value(c, &to, v);
	return !json_is_string(v) ||
	       api_val_session(c, json_string_value(v), json_string_length(v));
}

/* ---- the request ---- */

/* read_envelope - version and id, into the arena; returns why not, or NULL */
static const char *
read_envelope(struct api_call *c, const json_t *root)
{
	const json_t *version = json_object_get(root, "jsonrpc");
	const json_t *id = json_object_get(root, "id");
	struct jsn_envelope *e = arena_alloc(&c->arena, sizeof *e);

	if (e == NULL)
		return "call too large";
	if (!json_is_object(root))
		return "not an object";
	if (version != NULL &&
	    (!json_is_string(version) ||
		strcmp(json_string_value(version), "2.0") != 0))
		return "jsonrpc is neither absent nor \"2.0\"";
	e->v2 = version != NULL;
	if (json_is_string(id)) {
		e->id_text = arena_strndup(
		    &c->arena, json_string_value(id), json_string_length(id));
		if (e->id_text == NULL)
			return "call too large";
	} else if (json_is_integer(id)) {
		e->id = json_integer_value(id);
	} else {
		return "id is neither an int nor a string";
	}
	c->owner = e;
	return NULL;
}

/* read_params - the parameters in their order; returns why not, or NULL */
static const char *
read_params(struct api_call *c, const json_t *params)
{
	const struct jsn_envelope *e = c->owner;

	if (json_is_array(params)) {
		for (size_t i = 0; i < json_array_size(params); i++)
			if (!read_param(c, json_array_get(params, i)))
				return "call too large";
		return NULL;
	}
	if (!e->v2)
		return "params is not an array";
	if (params == NULL || json_is_null(params))
		return NULL;
	if (!json_is_object(params))
		return "params is neither an array nor an object";
	return read_param(c, params) ? NULL : "call too large";
}

/* read_request - a call from the tree; returns why not, or NULL */
static const char *
read_request(struct jsn_reader *r, struct api_call *c, const json_t *root)
{
	const json_t *method = json_object_get(root, "method");
	const char *bad = read_envelope(c, root);

	if (bad != NULL)
		return bad;
	if (!json_is_string(method))
		return "method is not a string";
	if (!api_val_method(c, r->find, json_string_value(method),
		json_string_length(method)))
		return "call too large";
	return read_params(c, json_object_get(root, "params"));
}

/* parse - a call from a body that scan let through; returns why not, or NULL
 */
static const char *
parse(struct jsn_reader *r, const char *body, size_t n, struct api_call *c,
    json_error_t *e)
{
	const char *bad = e->text;
	const json_t *root;
	char *near;

	reading = r;
	root = json_loadb(body, n, JSON_REJECT_DUPLICATES, e);
	if (root != NULL)
		bad = read_request(r, c, root);
	reading = NULL;
	/* jansson's reason, without what it quotes of the body */
	near = root == NULL ? strstr(e->text, " near ") : NULL;
	if (near != NULL)
		*near = '\0';
	return bad;
}

bool
jsn_reader_read(void *reader, const char *body, size_t n, struct api_call *c,
    char *text, size_t text_bytes)
{
	struct jsn_reader *r = reader;
	size_t tree_bytes;
	const char *bad = scan(body, n, &tree_bytes);
	json_error_t e = {.line = 1};

	api_val_call(c);
	c->owner = NULL;
	if (bad == NULL && !tree_reserve(r, tree_bytes))
		bad = "out of memory";
	if (bad == NULL)
		bad = parse(r, body, n, c, &e);
	tree_drop(r);
	if (bad == NULL)
		return true;
	(void)snprintf(text, text_bytes, "line %d: %s", /* may be cut */
	    e.line > 0 ? e.line : 1, bad);
	return false;
}

/* ---- the reader ---- */

void *
jsn_reader_new(void)
{
	struct jsn_reader *r;

	if (pthread_once(&once, set_up) != 0)
		return NULL;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	r->find = api_msg_find;
	return r;
}

void
jsn_reader_free(void *reader)
{
	struct jsn_reader *r = reader;

	if (r == NULL)
		return;
	free(r->tree);
	free(r);
}
