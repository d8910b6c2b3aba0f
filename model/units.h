/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_UNITS_H
#define MODEL_UNITS_H

/*
 * units - the only place where an amount changes its unit
 *
 * The rounding is in the name: "_used" rounds up (what a guest takes from the
 * host is never under-counted), "_free" rounds down (what the host has is never
 * over-counted).  Amounts are 0 .. 2^63-1 bytes.  Widening conversions report
 * overflow instead of wrapping.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stdint.h>

#define KIB_BYTES 1024ull
#define MIB_BYTES 1048576ull
#define MIB_KIB 1024ull
#define PAGE_BYTES 4096ull
#define PAGE_KIB 4ull
#define MIB_PAGES 256ull
#define BYTES_MAX ((uint64_t)INT64_MAX)

static inline uint64_t
mib_of_bytes_used(uint64_t bytes)
{
	return bytes / MIB_BYTES + (bytes % MIB_BYTES != 0);
}

static inline uint64_t
mib_of_bytes_free(uint64_t bytes)
{
	return bytes / MIB_BYTES;
}

static inline uint64_t
kib_of_bytes_used(uint64_t bytes)
{
	return bytes / KIB_BYTES + (bytes % KIB_BYTES != 0);
}

static inline uint64_t
kib_of_bytes_free(uint64_t bytes)
{
	return bytes / KIB_BYTES;
}

static inline uint64_t
mib_of_kib_used(uint64_t kib)
{
	return kib / MIB_KIB + (kib % MIB_KIB != 0);
}

static inline uint64_t
mib_of_kib_free(uint64_t kib)
{
	return kib / MIB_KIB;
}

static inline uint64_t
mib_of_pages_used(uint64_t pages)
{
	return pages / MIB_PAGES + (pages % MIB_PAGES != 0);
}

/* Each of these returns false, *out untouched, when the result is over
 * BYTES_MAX. */
static inline bool
bytes_of_mib(uint64_t mib, uint64_t *out)
{
	if (mib > BYTES_MAX / MIB_BYTES)
		return false;
	*out = mib * MIB_BYTES;
	return true;
}

static inline bool
bytes_of_kib(uint64_t kib, uint64_t *out)
{
	if (kib > BYTES_MAX / KIB_BYTES)
		return false;
	*out = kib * KIB_BYTES;
	return true;
}

#endif
