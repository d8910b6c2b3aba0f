/* SPDX-License-Identifier: BSD-2-Clause */
/* help_bal - see help_bal.h */

/* Own */
#include "tests/model/help_bal.h"

/* minus - a - b, or 0 */
static uint64_t
minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

double
help_bal_double(const struct bal_domain *d, size_t n, uint64_t free_kib,
    uint64_t want_kib, uint64_t *new_out)
{
	uint64_t max_free = free_kib, range = 0, surplus;
	double part;
	size_t i;

	for (i = 0; i < n; i++) {
		if (d[i].state != BAL_ACTIVE)
			continue;
		max_free += minus(
		    d[i].actual_kib, d[i].min_kib + 2 * d[i].inaccuracy_kib);
		range += minus(d[i].max_kib, d[i].min_kib);
	}
	surplus = minus(max_free, want_kib);
	if (range == 0)
		part = surplus == 0 ? 0 : 1;
	else
		part = (double)surplus / (double)range;
	if (part > 1)
		part = 1;
	for (i = 0; i < n; i++) {
		new_out[i] = d[i].target_kib;
		if (d[i].state == BAL_ACTIVE)
			new_out[i] =
			    d[i].min_kib +
			    (uint64_t)(part * (double)minus(
						  d[i].max_kib, d[i].min_kib));
	}
	return part;
}

uint64_t
help_bal_world(
    struct help_random *r, struct bal_domain *d, size_t n, unsigned states)
{
	static const enum bal_state state[] = {
	    BAL_FIXED, BAL_ACTIVE, BAL_INACTIVE, BAL_DOUBTFUL};
	size_t i;

	for (i = 0; i < n; i++) {
		d[i] = (struct bal_domain){
		    .min_kib = help_random_below(r, 1 << 22),
		    .inaccuracy_kib = 4,
		    .state = help_random_below(r, 4) != 0
				 ? BAL_ACTIVE
				 : state[help_random_below(r, states)]};
		d[i].max_kib = d[i].min_kib + help_random_below(r, 1 << 24);
		if (help_random_below(r, 8) == 0)
			d[i].max_kib = d[i].min_kib;
		d[i].target_kib =
		    d[i].min_kib +
		    help_random_below(r, d[i].max_kib - d[i].min_kib + 1);
		d[i].actual_kib = d[i].target_kib;
		if (help_random_below(r, 2) == 0)
			d[i].actual_kib =
			    d[i].min_kib + help_random_below(r,
					       d[i].max_kib - d[i].min_kib + 1);
		if (d[i].state == BAL_FIXED)
			d[i].actual_kib = d[i].target_kib;
	}
	return BAL_RESERVED_KIB + help_random_below(r, 1 << 23);
}

bool
help_bal_obey(
    struct bal_domain *d, size_t n, uint64_t *free_kib, uint64_t floor_kib)
{
	uint64_t grow = 0, shrink = 0, aim;
	size_t i;

	for (i = 0; i < n; i++) {
		if (d[i].selected)
			d[i].target_kib = d[i].new_kib;
		if (d[i].state == BAL_FIXED)
			continue;
		aim = d[i].target_kib;
		if (aim > d[i].actual_kib)
			grow += aim - d[i].actual_kib;
		else
			shrink += d[i].actual_kib - aim;
		d[i].actual_kib = aim;
	}
	if (grow != 0 && *free_kib < grow + floor_kib)
		return false;
	*free_kib = *free_kib - grow + shrink;
	return true;
}
