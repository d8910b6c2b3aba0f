/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <string.h>

/* Model */
#include "model/idl.h"

/* Own */
#include "xen/hv_uuid.h"

/* mix - FNV-1a, then a finalizer so that every bit counts */
static uint64_t
mix(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

struct hv_uuid
hv_uuid_of_name(const char *kind, const char *name)
{
	struct hv_uuid u;
	uint64_t seed = mix(0xcbf29ce484222325ull, kind);

	u.hi = mix(seed, name);
	u.lo = mix(seed ^ 0x9e3779b97f4a7c15ull, name);
	/* RFC 9562: version 8 (our own making), variant 10 */
	u.hi = (u.hi & ~0xf000ull) | 0x8000ull;
	u.lo = (u.lo & ~(3ull << 62)) | (2ull << 62);
	return u;
}

bool
hv_uuid_parse(const char *text, struct hv_uuid *u_out)
{
	struct idl_ref ref;

	if (!idl_uuid_parse(text, strlen(text), &ref) || idl_ref_is_null(&ref))
		return false;
	u_out->hi = ref.hi;
	u_out->lo = ref.lo;
	return true;
}
