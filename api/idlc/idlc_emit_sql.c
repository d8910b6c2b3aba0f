/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_sql - schema.sql: what the SQLite journal's tables look like
 *
 * tests/api/test_schema.c holds it against the tables that the journal makes.
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

/* sql_type - column type of a field */
static const char *
sql_type(const struct idlc_type *ty)
{
	switch (ty->kind) {
	case IDLC_T_INT:
	case IDLC_T_DATETIME:
	case IDLC_T_BOOL:
		return "INTEGER";
	case IDLC_T_FLOAT:
		return "REAL";
	default:
		return "TEXT";
	}
}

static void
emit_table(const struct idlc_class *c, FILE *f)
{
	const struct idlc_field *fl;

	fprintf(f,
	    "\n-- %s\nCREATE TABLE \"%s\" (\n"
	    "\tref TEXT NOT NULL PRIMARY KEY,\n"
	    "\tcreated_generation INTEGER NOT NULL,\n"
	    "\tmodified_generation INTEGER NOT NULL",
	    c->doc, c->name);
	for (fl = c->fields; fl != NULL; fl = fl->next)
		if (!fl->live && fl->inverse_cls == NULL)
			fprintf(f, ",\n\t-- %s: %s\n\t\"%s\" %s NOT NULL",
			    fl->type->shown, fl->doc, fl->name,
			    sql_type(fl->type));
	fprintf(f, "\n) STRICT, WITHOUT ROWID;\n");
}

void
idlc_emit_schema_sql(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_class *c;

	fprintf(f,
	    "--\n-- The tables of the SQLite journal, for people who read it: "
	    "the journal makes\n-- them itself from the same description, "
	    "with the defaults of the fields.\n"
	    "-- A ref is \"OpaqueRef:<uuid>\", or \"\" for none; a bool is "
	    "0 or 1; a datetime is in\n-- seconds since 1970, UTC; sets and "
	    "maps are JSON, or \"\" when empty.\n");
	for (c = t->classes; c != NULL; c = c->next)
		if (!c->live)
			emit_table(c, f);
}
