/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_cli - cli_errors.c: the error table for cli/, which sees no model
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

#include <string.h>

/* kind - class of a ref, "bytes" for an amount, "" for all else */
static const char *
kind(const struct idlc_type *ty)
{
	if (ty->kind == IDLC_T_REF)
		return ty->name;
	return strcmp(ty->shown, "bytes") == 0 ? "bytes" : "";
}

static void
emit_params(const struct idlc_error *e, FILE *f)
{
	const struct idlc_param *p;

	fprintf(f, "static const char *const params_%s[] = {", e->code);
	for (p = e->params; p != NULL; p = p->next)
		fprintf(f, "%s\"%s\"", p == e->params ? "" : ", ", p->name);
	fprintf(f, "};\nstatic const char *const kinds_%s[] = {", e->code);
	for (p = e->params; p != NULL; p = p->next)
		fprintf(
		    f, "%s\"%s\"", p == e->params ? "" : ", ", kind(p->type));
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
		fprintf(f, "\t{ \"%s\",\n\t    %s,\n\t    ", e->printed,
		    idlc_quoted(e->sentence));
		if (e->params != NULL)
			fprintf(f, "params_%s, kinds_%s, ", e->code, e->code);
		else
			fprintf(f, "NULL, NULL, ");
		fprintf(f, "%d, %s },\n", e->nparams,
		    e->variadic ? "true" : "false");
	}
	fprintf(f, "};\nconst size_t cli_nerrors =\n"
		   "    sizeof(cli_errors) / sizeof(cli_errors[0]);\n");
}
