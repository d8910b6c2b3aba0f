/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_manual - manual.md: the reference for people
 */

#include "api/idlc/idlc.h"

void
idlc_emit_manual_md(const struct idlc_tree *t, FILE *f)
{
	(void)t;
	fprintf(f, "\n# Reference\n");
}
