/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_rows - api_handlers.h and api_rows.c
 *
 * A message with a handler of its own gets a typed prototype and a thunk of
 * the type that a row holds; a generic one points at its api_generic_*.
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

const char *
idlc_args_name(const struct idlc_message *m)
{
	const char *name = "idl_args";
	const struct idlc_param *p;

	if (m->generic == NULL)
		return idlc_text("idl_%s_args", m->c_name);
	/* Generic ones of the same layout share a struct. */
	for (p = m->params; p != NULL; p = p->next)
		name = idlc_text("%s_%s%s", name, p->name,
		    p->type->kind == IDLC_T_REF
			? ""
			: idlc_lower(idlc_type_kind(p->type) + 3));
	return name;
}

static void
emit_prototype(const struct idlc_message *m, FILE *f)
{
	/* One shape for all: without parameters the struct has no body. */
	if (m->params == NULL)
		fprintf(f, "struct %s;\n", idlc_args_name(m));
	fprintf(f,
	    "enum err api_%s(struct api_call *c,\n"
	    "    const struct %s *a",
	    m->c_name, idlc_args_name(m));
	if (m->result->kind != IDLC_T_VOID)
		fprintf(f, ", %s*result_out", idlc_type_c(m->result));
	fprintf(f, ", struct failure *why);\n");
}

void
idlc_emit_handlers_h(const struct idlc_tree *t, FILE *f)
{
	int i;

	fprintf(f, "#ifndef API_HANDLERS_H\n#define API_HANDLERS_H\n\n"
		   "#include \"api/api.h\"\n#include \"idl_types.h\"\n\n");
	for (i = 0; i < t->nsorted; i++)
		if (t->sorted[i]->generic == NULL)
			emit_prototype(t->sorted[i], f);
	fprintf(f, "\n#endif\n");
}

static void
emit_thunk(const struct idlc_message *m, FILE *f)
{
	fprintf(f,
	    "static enum err\nrun_%s(struct api_call *c, const void *args,\n"
	    "    void *result, struct failure *why)\n{\n",
	    m->c_name);
	if (m->result->kind == IDLC_T_VOID)
		fprintf(f, "\t(void)result;\n");
	fprintf(f, "\treturn api_%s(c, args%s, why);\n}\n\n", m->c_name,
	    m->result->kind != IDLC_T_VOID ? ", result" : "");
}

static void
emit_params(const struct idlc_message *m, FILE *f)
{
	const struct idlc_param *p;

	if (m->params == NULL)
		return;
	for (p = m->params; p != NULL; p = p->next)
		if (p->initial.c_init != NULL)
			fprintf(f, "static %sconst default_%s_%s = %s;\n",
			    idlc_type_c(p->type), m->c_name, p->name,
			    p->initial.c_init);
	fprintf(
	    f, "static const struct idl_param params_%s[] = {\n", m->c_name);
	for (p = m->params; p != NULL; p = p->next) {
		fprintf(f,
		    "\t{ \"%s\", &idl_type_%s,\n"
		    "\t    offsetof(struct %s, %s), ",
		    p->name, p->type->c_name, idlc_args_name(m), p->name);
		if (p->initial.c_init != NULL)
			fprintf(f, "&default_%s_%s, ", m->c_name, p->name);
		else
			fprintf(f, "NULL, ");
		fprintf(f, "%s },\n", p->nullable ? "true" : "false");
	}
	fprintf(f, "};\n");
}

static void
emit_flags(const struct idlc_message *m, FILE *f)
{
	fprintf(f, "0");
	idlc_emit_flag(m->async, "IDL_M_ASYNC", f);
	idlc_emit_flag(m->nosession, "IDL_M_NOSESSION", f);
	idlc_emit_flag(m->bare, "IDL_M_BARE", f);
	idlc_emit_flag(m->extension, "IDL_M_EXTENSION", f);
	idlc_emit_flag(m->deprecated, "IDL_M_DEPRECATED", f);
	idlc_emit_flag(m->surplus, "IDL_M_SURPLUS", f);
}

static void
emit_row(const struct idlc_message *m, FILE *f)
{
	const struct idlc_param *p;
	int n = 0, required = 0;

	for (p = m->params; p != NULL; p = p->next) {
		n++;
		if (p->initial.c_init == NULL)
			required++;
	}
	fprintf(f, "static const struct idl_msg row_%s = {\n\t\"%s\", %d, ",
	    m->c_name, m->name, m->cls != NULL ? m->cls->index : -1);
	if (n > 0)
		fprintf(f, "params_%s, %d, %d, sizeof(struct %s),\n", m->c_name,
		    n, required, idlc_args_name(m));
	else
		fprintf(f, "NULL, 0, 0, 0,\n");
	fprintf(f, "\t&idl_type_%s, IDL_RUN_%s, ", m->result->c_name,
	    idlc_upper(m->run));
	emit_flags(m, f);
	fprintf(f, ",\n\t%d, %d, %d, ", m->role_index,
	    m->op != NULL ? m->op->index : -1,
	    m->field != NULL ? m->field->index : -1);
	if (m->generic != NULL)
		fprintf(f, "%s,\n", m->generic);
	else
		fprintf(f, "run_%s,\n", m->c_name);
	fprintf(f, "\t%s\n};\n\n", idlc_quoted(m->doc));
}

void
idlc_emit_rows_c(const struct idlc_tree *t, FILE *f)
{
	int i;

	fprintf(f, "#include \"api_handlers.h\"\n\n");
	for (i = 0; i < t->nsorted; i++) {
		if (t->sorted[i]->generic == NULL)
			emit_thunk(t->sorted[i], f);
		emit_params(t->sorted[i], f);
		emit_row(t->sorted[i], f);
	}
	fprintf(f, "const struct idl_msg *const api_msgs[] = {\n");
	for (i = 0; i < t->nsorted; i++)
		fprintf(f, "\t&row_%s,\n", t->sorted[i]->c_name);
	if (t->nsorted == 0)
		fprintf(f, "\tNULL,\n");
	fprintf(f, "};\nconst int api_nmsgs = %d;\n", t->nsorted);
}
