/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_cli - cli_errors.c: the error table for cli/, which sees no model
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

static void
emit_params(const struct idlc_error *e, FILE *f)
{
	const struct idlc_param *p;

	fprintf(f, "static const char *const params_%s[] = {", e->code);
	for (p = e->params; p != NULL; p = p->next)
		fprintf(f, "%s\"%s\"", p == e->params ? "" : ", ", p->name);
	fprintf(f, "};\nstatic const char *const refs_%s[] = {", e->code);
	for (p = e->params; p != NULL; p = p->next)
		fprintf(f, "%s\"%s\"", p == e->params ? "" : ", ",
		    p->type->kind == IDLC_T_REF ? p->type->name : "");
	fprintf(f, "};\n");
}

void
idlc_emit_cli_errors_c(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_error *e;

	fprintf(f, "#include \"cli/cli_table.h\"\n\n");
	for (e = t->errors; e != NULL; e = e->next)
		if (e->params != NULL)
			emit_params(e, f);
	fprintf(f, "\nconst struct cli_error cli_errors[] = {\n");
	for (e = t->errors; e != NULL; e = e->next) {
		fprintf(f, "\t{ \"%s\",\n\t    %s,\n\t    ", e->code,
		    idlc_quoted(e->sentence));
		if (e->params != NULL)
			fprintf(f, "params_%s, refs_%s, ", e->code, e->code);
		else
			fprintf(f, "NULL, NULL, ");
		fprintf(f, "%d, %s },\n", e->nparams,
		    e->variadic ? "true" : "false");
	}
	fprintf(f, "};\nconst size_t cli_nerrors =\n"
		   "    sizeof(cli_errors) / sizeof(cli_errors[0]);\n");
}
