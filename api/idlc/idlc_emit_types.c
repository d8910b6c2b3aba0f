/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_types - idl_errors.h and idl_types.h
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

#include <string.h>

void
idlc_emit_errors_h(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_error *e;

	fprintf(f, "#ifndef IDL_ERRORS_H\n#define IDL_ERRORS_H\n\n"
		   "enum err {\n\tERR_NONE = 0,\n");
	for (e = t->errors; e != NULL; e = e->next)
		fprintf(f, "\tERR_%s,\n", e->code);
	fprintf(f, "};\n\n#endif\n");
}

static void
emit_ids(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_class *c;
	const struct idlc_role *r;
	const struct idlc_operation *o;

	fprintf(f, "enum idl_class_id {\n");
	for (c = t->classes; c != NULL; c = c->next)
		fprintf(f, "\tIDL_CLASS_%s,\n", idlc_upper(c->name));
	fprintf(f, "\tIDL_CLASSES\n};\n\nenum idl_role {\n");
	for (r = t->roles; r != NULL; r = r->next)
		fprintf(f, "\tIDL_ROLE_%s,\n", idlc_upper(r->name));
	fprintf(f, "};\n\n");
	if (t->operations == NULL)
		return;
	fprintf(f, "enum idl_operation_id {\n");
	for (o = t->operations; o != NULL; o = o->next)
		fprintf(f, "\tIDL_OP_%s,\n", idlc_upper(o->name));
	fprintf(f, "};\n\n");
}

static void
emit_enums(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_enum *e;
	const struct idlc_name *v;

	for (e = t->enums; e != NULL; e = e->next) {
		fprintf(f, "enum idl_%s {\n", e->name);
		for (v = e->values; v != NULL; v = v->next)
			fprintf(f, "\tIDL_%s_%s,\n", idlc_upper(e->name),
			    idlc_upper(v->text));
		fprintf(f, "};\n\n");
	}
}

/* width - members are laid out widest first, so that there are no gaps */
static int
width(const struct idlc_field *fl)
{
	if (fl->type->kind == IDLC_T_ENUM)
		return 4;
	return fl->type->kind == IDLC_T_BOOL ? 1 : 8;
}

static void
emit_record(const struct idlc_class *c, FILE *f)
{
	static const int widths[] = {8, 4, 1};
	const struct idlc_field *fl;
	size_t i;

	fprintf(f, "/* %s: members by width; the tables have IDL order */\n",
	    c->name);
	fprintf(f, "struct idl_%s {\n\tstruct idl_hdr h;\n", c->c_name);
	for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		for (fl = c->fields; fl != NULL; fl = fl->next)
			if (width(fl) == widths[i])
				fprintf(f, "\t%s%s; /* %s */\n",
				    idlc_type_c(fl->type), fl->name,
				    fl->type->shown);
	fprintf(f, "};\n\nenum idl_%s_field {\n", c->c_name);
	for (fl = c->fields; fl != NULL; fl = fl->next)
		fprintf(f, "\tIDL_%s_F_%s,\n", idlc_upper(c->name),
		    idlc_upper(fl->name));
	fprintf(f, "\tIDL_%s_NFIELDS\n};\n\n", idlc_upper(c->name));
}

/* emit_args - the argument struct of a message, unless it stands there */
static void
emit_args(const struct idlc_tree *t, int index, FILE *f)
{
	const struct idlc_message *m = t->sorted[index];
	const struct idlc_param *p;
	int i;

	if (m->params == NULL)
		return;
	for (i = 0; i < index; i++)
		if (t->sorted[i]->params != NULL &&
		    strcmp(idlc_args_name(t->sorted[i]), idlc_args_name(m)) ==
			0)
			return;
	fprintf(f, "struct %s {\n", idlc_args_name(m));
	for (p = m->params; p != NULL; p = p->next)
		fprintf(f, "\t%s%s;\n", idlc_type_c(p->type), p->name);
	fprintf(f, "};\n\n");
}

void
idlc_emit_types_h(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_class *c;
	const struct idlc_type *ty;
	int i;

	fprintf(f, "#ifndef IDL_TYPES_H\n#define IDL_TYPES_H\n\n"
		   "#include \"model/idl.h\"\n\n");
	emit_ids(t, f);
	emit_enums(t, f);
	for (c = t->classes; c != NULL; c = c->next)
		emit_record(c, f);
	for (i = 0; i < t->nsorted; i++)
		emit_args(t, i, f);
	fprintf(f, "/* every type that is used */\n");
	for (ty = t->types; ty != NULL; ty = ty->next)
		fprintf(f, "extern const struct idl_type idl_type_%s;\n",
		    ty->c_name);
	fprintf(f, "extern const struct idl_type *const idl_types[];\n"
		   "extern const int idl_ntypes;\n"
		   "extern const int idl_nerrors; /* ERR_NONE included */\n"
		   "\n#endif\n");
}
