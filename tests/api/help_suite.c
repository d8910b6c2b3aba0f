/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <string.h>

/* own */
#include "tests/api/help_suite.h"

void
suite_open(struct world *w, const struct hv_sim_host *hosts, size_t n)
{
	world_open(w, hosts, n, NULL);
	cr_assert(w->ready, "%s", w->text);
}

void
suite_close(struct world *w)
{
	world_check(w);
	world_close(w);
}

void
suite_two(struct hv_sim_host hosts[2])
{
	for (size_t i = 0; i < 2; i++) {
		hv_sim_host_init(&hosts[i]);
		hosts[i].uuid.hi = 1;
		hosts[i].uuid.lo = i + 1;
		(void)snprintf(hosts[i].name, sizeof(hosts[i].name), "h%zu", i);
	}
}

void
suite_find_two(
    struct world *w, struct idl_ref *host_out, struct idl_ref *other_out)
{
	const struct idl_hdr *next;

	*host_out = world_first_host(w);
	next = fld_next(w->pin, IDL_CLASS_HOST, host_out);
	cr_assert_not_null(next);
	*other_out = next->ref;
}

int64_t
suite_member(struct world *w, const char *method, const struct idl_ref *vm,
    const char *key)
{
	const struct idl_map *map;
	struct world_call p;
	int64_t value = -2;

	world_begin(w, &p, method, vm);
	cr_assert(p.ended);
	cr_assert_eq(p.c.err, ERR_NONE);
	memcpy(&map, p.c.result, sizeof(map));
	for (uint32_t i = 0; i < map->n; i++)
		if (strcmp(((const char *const *)map->keys)[i], key) == 0)
			value = ((const int64_t *)map->values)[i];
	(void)world_end(&p);
	return value;
}
