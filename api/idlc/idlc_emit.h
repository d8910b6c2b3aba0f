/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDLC_EMIT_H
#define IDLC_EMIT_H

/*
 * idlc_emit - the output files, each printed from a checked, expanded tree
 *
 * Write errors are left to the caller, who asks ferror().
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stdio.h>

#include "api/idlc/idlc_tree.h"

/*
 * idlc_emit_errors_h, idlc_emit_types_h, idlc_emit_tables_c,
 * idlc_emit_handlers_h, idlc_emit_rows_c, idlc_emit_schema_sql,
 * idlc_emit_manual_md, idlc_emit_cli_errors_c - a whole file, but for its
 *         first line
 */
void idlc_emit_errors_h(const struct idlc_tree *t, FILE *f);
void idlc_emit_types_h(const struct idlc_tree *t, FILE *f);
void idlc_emit_tables_c(const struct idlc_tree *t, FILE *f);
void idlc_emit_handlers_h(const struct idlc_tree *t, FILE *f);
void idlc_emit_rows_c(const struct idlc_tree *t, FILE *f);
void idlc_emit_schema_sql(const struct idlc_tree *t, FILE *f);
void idlc_emit_manual_md(const struct idlc_tree *t, FILE *f);
void idlc_emit_cli_errors_c(const struct idlc_tree *t, FILE *f);

/*
 * idlc_emit_classes - the part of idl_tables.c about classes and fields
 * idlc_emit_manual_class - the part of manual.md about one class
 * idlc_emit_manual_message - the part of manual.md about one message
 */
void idlc_emit_classes(const struct idlc_tree *t, FILE *f);
void idlc_emit_manual_class(
    const struct idlc_tree *t, const struct idlc_class *c, FILE *f);
void idlc_emit_manual_message(
    const struct idlc_tree *t, const struct idlc_message *m, FILE *f);

/*
 * idlc_emit_flag - one flag of a mask that has begun, if it is set
 */
void idlc_emit_flag(bool set, const char *flag, FILE *f);

/*
 * idlc_type_c - C type of a value, with a blank after it unless it ends in '*'
 * idlc_type_kind - its enum idl_kind by name
 * idlc_args_name - the struct that holds the arguments of a message
 */
const char *idlc_type_c(const struct idlc_type *ty);
const char *idlc_type_kind(const struct idlc_type *ty);
const char *idlc_args_name(const struct idlc_message *m);

#endif
