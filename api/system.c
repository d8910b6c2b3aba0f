/* SPDX-License-Identifier: BSD-2-Clause */

/* system - which messages there are */

/* System */
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api_handlers.h"

/* by_name - bsearch order of a name against a row */
static int
by_name(const void *key, const void *row)
{
	const struct idl_msg *const *m = row;

	return strcmp(key, (*m)->name);
}

/* find - the row of exactly that name */
static const struct idl_msg *
find(const char *name)
{
	const struct idl_msg *const *row = bsearch(
	    name, api_msgs, (size_t)api_nmsgs, sizeof(api_msgs[0]), by_name);

	return row != NULL ? *row : NULL;
}

/* plain - take off what says how it is called; was there anything? */
static bool
plain(const char **name, size_t *n)
{
	static const char *const prefix[] = {"Async.", "InternalAsync."};

	for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++) {
		size_t len = strlen(prefix[i]);

		if (*n > len && memcmp(*name, prefix[i], len) == 0) {
			*name += len;
			*n -= len;
			return true;
		}
	}
	return false;
}

const struct idl_msg *
api_msg_find(const char *name, size_t n)
{
	char text[128];
	const struct idl_msg *m;

	if (plain(&name, &n) && memchr(name, '.', n) == NULL)
		return NULL;
	if (n >= sizeof(text) || memchr(name, '\0', n) != NULL)
		return NULL;
	memcpy(text, name, n);
	text[n] = '\0';
	if (memchr(text, '.', n) != NULL)
		return find(text);
	/* Class_message: class names have underscores too, so try each. */
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '_')
			continue;
		text[i] = '.';
		m = find(text);
		if (m != NULL)
			return m;
		text[i] = '_';
	}
	return NULL;
}

enum err
api_system_listmethods(struct api_call *c,
    const struct idl_system_listmethods_args *a,
    const struct idl_set **result_out, struct failure *why)
{
	struct idl_set *set = arena_alloc(&c->arena, sizeof(*set));
	const char **names =
	    arena_alloc(&c->arena, (size_t)api_nmsgs * sizeof(*names));

	(void)a; /* none */
	if (set == NULL || names == NULL)
		return err_internal(why, "out of memory");
	for (int i = 0; i < api_nmsgs; i++)
		names[i] = api_msgs[i]->name;
	set->n = (uint32_t)api_nmsgs;
	set->items = names;
	*result_out = set;
	return ERR_NONE;
}
