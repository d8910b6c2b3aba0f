/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_cache - records of other objects, for what one object shows of another
 *
 * A class is read with get_all_records the second time one of its records is
 * asked for, and with get_record the first time: a command about one VM costs
 * one small call, a list of thousands costs one large one.
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

struct entry {
	const char *ref;
	const struct cli_val *record;
};

struct cli_cache {
	struct cli_cache *next;
	const char *cls;
	bool whole;
	struct entry first;  /* what the first question was about */
	struct entry *entry; /* entry[0..n), sorted by ref */
	size_t n;
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->ref, y->ref);
}

static struct cli_cache *
cache_of(struct cli_run *r, const char *cls)
{
	struct cli_cache *c;

	for (c = r->cache; c != NULL; c = c->next)
		if (strcmp(c->cls, cls) == 0)
			return c;
	c = cli_pool_get(r->pool, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->cls = cls;
	c->next = r->cache;
	r->cache = c;
	return c;
}

/* quietly - a call whose failure only means that nothing is there */
static bool
quietly(struct cli_run *r, const char *cls, const char *message,
    const char *ref, const struct cli_val **v_out)
{
	const char *method = cli_pool_printf(r->pool, "%s.%s", cls, message);
	struct cli_val *v = cli_pool_get(r->pool, sizeof(*v));
	bool ok;

	if (method == NULL || v == NULL)
		return cli_fail_memory(r);
	ok = ref != NULL ? cli_call_ref(r, method, ref, v)
			 : cli_call(r, method, NULL, 0, v);
	if (!ok && r->trouble == CLI_T_CALL && r->status == CLI_FAILED) {
		r->trouble = CLI_FINE;
		*v_out = NULL;
		return true;
	}
	*v_out = v;
	return ok;
}

static bool
read_whole(struct cli_run *r, struct cli_cache *c)
{
	const struct cli_val *all;
	size_t i;

	if (!quietly(r, c->cls, "get_all_records", NULL, &all))
		return false;
	c->whole = true;
	if (all == NULL || all->kind != CLI_STRUCT)
		return true;
	c->entry = cli_pool_array(r->pool, all->n, sizeof(*c->entry));
	if (c->entry == NULL)
		return cli_fail_memory(r);
	for (i = 0; i < all->n; i++) {
		c->entry[i].ref = all->name[i];
		c->entry[i].record = &all->item[i];
	}
	c->n = all->n;
	qsort(c->entry, c->n, sizeof(*c->entry), compare);
	return true;
}

bool
cli_cache_record(struct cli_run *r, const char *cls, const char *ref,
    const struct cli_val **record_out)
{
	struct cli_cache *c = cache_of(r, cls);
	struct entry key = {.ref = ref}, *found;

	if (c == NULL)
		return cli_fail_memory(r);
	if (!c->whole && c->first.ref == NULL) {
		if (!quietly(r, cls, "get_record", ref, &c->first.record))
			return false;
		c->first.ref = ref;
	}
	if (c->first.ref != NULL && strcmp(c->first.ref, ref) == 0) {
		*record_out = c->first.record;
		return true;
	}
	if (!c->whole && !read_whole(r, c))
		return false;
	found = c->n == 0
		    ? NULL
		    : bsearch(&key, c->entry, c->n, sizeof(*c->entry), compare);
	*record_out = found != NULL ? found->record : NULL;
	return true;
}

bool
cli_cache_uuid(
    struct cli_run *r, const char *cls, const char *ref, const char **uuid_out)
{
	const struct cli_val *record, *uuid;

	if (!cli_cache_record(r, cls, ref, &record))
		return false;
	uuid = cli_val_member(record, "uuid");
	*uuid_out = uuid != NULL ? cli_val_str(uuid) : NULL;
	return true;
}
