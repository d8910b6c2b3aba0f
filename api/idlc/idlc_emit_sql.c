/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_sql - schema.sql: what the SQLite journal's tables look like
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

void
idlc_emit_schema_sql(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_class *c;
	const struct idlc_field *fl;

	for (c = t->classes; c != NULL; c = c->next) {
		if (c->live)
			continue;
		fprintf(f, "CREATE TABLE \"%s\" (\n\t\"ref\" TEXT PRIMARY KEY",
		    c->name);
		for (fl = c->fields; fl != NULL; fl = fl->next)
			if (!fl->live && fl->inverse_cls == NULL)
				fprintf(f, ",\n\t\"%s\" %s", fl->name,
				    sql_type(fl->type));
		fprintf(f, "\n) WITHOUT ROWID;\n");
	}
}
