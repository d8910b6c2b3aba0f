/* SPDX-License-Identifier: BSD-2-Clause */

/* evt_subs - subscriptions: "*", "vm", "vm/OpaqueRef:..." */

/* System */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Api */
#include "api/evt_priv.h"

int
evt_one_order(const void *a, const void *b)
{
	const struct evt_one *x = a, *y = b;

	if (x->cls != y->cls)
		return x->cls < y->cls ? -1 : 1;
	if (x->ref.hi != y->ref.hi)
		return x->ref.hi < y->ref.hi ? -1 : 1;
	if (x->ref.lo != y->ref.lo)
		return x->ref.lo < y->ref.lo ? -1 : 1;
	return 0;
}

/* find_class - the class of a name in any case; -1: none that has events */
static int
find_class(const struct api_evt *e, const char *name, size_t n)
{
	for (int i = 0; i < idl_nclasses; i++)
		if ((e->listed & (1u << i)) &&
		    strncasecmp(idl_classes[i]->name, name, n) == 0 &&
		    idl_classes[i]->name[n] == '\0')
			return i;
	return -1;
}

/* parse_one - a text more; false: it is no subscription */
static bool
parse_one(const struct api_evt *e, const char *text, struct evt_subs *s)
{
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct idl_ref ref;
	int cls;

	if (n == 0 || (slash != NULL && slash[1] == '\0'))
		return false;
	if (strcmp(text, "*") == 0) {
		s->classes = e->listed;
		return true;
	}
	cls = find_class(e, text, n);
	if (cls < 0)
		return true; /* nothing ever happens to those */
	if (slash == NULL)
		s->classes |= 1u << cls;
	else if (idl_ref_parse(slash + 1, strlen(slash + 1), &ref) &&
		 !idl_ref_is_null(&ref))
		s->one[s->n++] = (struct evt_one){cls, ref};
	return true;
}

enum err
evt_subs_parse(const struct api_evt *e, const struct idl_set *texts,
    struct arena *a, struct evt_subs *subs_out, struct failure *why)
{
	const char *const *text = texts->items;

	*subs_out = (struct evt_subs){0};
	if (texts->n > EVT_SUBS_MAX)
		return err_fail(why, ERR_EVENT_SUBSCRIPTION_PARSE_FAILURE, "s",
		    text[EVT_SUBS_MAX]);
	subs_out->one = arena_alloc(a, (texts->n + 1) * sizeof(struct evt_one));
	if (subs_out->one == NULL)
		return err_internal(why, "out of memory");
	for (uint32_t i = 0; i < texts->n; i++)
		if (!parse_one(e, text[i], subs_out))
			return err_fail(why,
			    ERR_EVENT_SUBSCRIPTION_PARSE_FAILURE, "s", text[i]);
	qsort(
	    subs_out->one, subs_out->n, sizeof(*subs_out->one), evt_one_order);
	return ERR_NONE;
}

bool
evt_subs_want(const struct evt_subs *s, int cls, const struct idl_ref *ref)
{
	const struct evt_one key = {cls, *ref};

	if (s->classes & (1u << cls))
		return true;
	return s->n > 0 &&
	       bsearch(&key, s->one, s->n, sizeof(key), evt_one_order) != NULL;
}
