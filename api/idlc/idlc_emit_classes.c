/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_emit_classes - defaults, field descriptors and class descriptors
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"

static void
emit_default(const struct idlc_class *c, const struct idlc_field *fl, FILE *f)
{
	fprintf(f, "static %sconst default_%s_%s = %s;\n",
	    idlc_type_c(fl->type), c->c_name, fl->name, fl->initial.c_init);
}

void
idlc_emit_flag(bool set, const char *flag, FILE *f)
{
	if (set)
		fprintf(f, " | %s", flag);
}

static void
emit_flags(const struct idlc_field *fl, FILE *f)
{
	fprintf(f, "\t    0");
	idlc_emit_flag(fl->live, "IDL_F_LIVE", f);
	idlc_emit_flag(fl->internal, "IDL_F_INTERNAL", f);
	idlc_emit_flag(fl->required, "IDL_F_REQUIRED", f);
	idlc_emit_flag(fl->unique, "IDL_F_UNIQUE", f);
	idlc_emit_flag(fl->lookup, "IDL_F_LOOKUP", f);
	idlc_emit_flag(fl->inverse_cls != NULL, "IDL_F_INVERSE", f);
	idlc_emit_flag(fl->extension, "IDL_F_EXTENSION", f);
	idlc_emit_flag(fl->deprecated, "IDL_F_DEPRECATED", f);
	idlc_emit_flag(fl->create, "IDL_F_CREATE", f);
	idlc_emit_flag(fl->indexed, "IDL_F_INDEXED", f);
	fprintf(f, ",\n");
}

static void
emit_field(const struct idlc_class *c, const struct idlc_field *fl, FILE *f)
{
	static const char *const qualifiers[] = {
	    "IDL_RW", "IDL_SRO", "IDL_DRO"};

	fprintf(f,
	    "\t{ \"%s\", &idl_type_%s,\n"
	    "\t    offsetof(struct idl_%s, %s),\n",
	    fl->name, fl->type->c_name, c->c_name, fl->name);
	emit_flags(fl, f);
	fprintf(f, "\t    %s, %d, &default_%s_%s, ", qualifiers[fl->qualifier],
	    fl->writer_index, c->c_name, fl->name);
	if (fl->inverse_cls != NULL)
		fprintf(f, "%d, %d,\n", fl->inverse_cls->index,
		    fl->inverse_fld->index);
	else
		fprintf(f, "-1, -1,\n");
	fprintf(f, "\t    %s },\n", idlc_quoted(fl->doc));
}

static void
emit_class(const struct idlc_class *c, FILE *f)
{
	const struct idlc_field *fl;
	int n = 0;

	for (fl = c->fields; fl != NULL; fl = fl->next, n++)
		emit_default(c, fl, f);
	fprintf(
	    f, "\nstatic const struct idl_field fields_%s[] = {\n", c->c_name);
	for (fl = c->fields; fl != NULL; fl = fl->next)
		emit_field(c, fl, f);
	fprintf(f,
	    "};\n\nstatic const struct idl_class class_%s = {\n"
	    "\t\"%s\", IDL_CLASS_%s, 0",
	    c->c_name, c->name, idlc_upper(c->name));
	idlc_emit_flag(c->internal, "IDL_C_INTERNAL", f);
	idlc_emit_flag(c->is_private, "IDL_C_PRIVATE", f);
	idlc_emit_flag(c->live, "IDL_C_LIVE", f);
	idlc_emit_flag(c->listed, "IDL_C_LISTED", f);
	idlc_emit_flag(c->extension, "IDL_C_EXTENSION", f);
	fprintf(f, ",\n\tsizeof(struct idl_%s), fields_%s, %d,\n\t%s\n};\n\n",
	    c->c_name, c->c_name, n, idlc_quoted(c->doc));
}

void
idlc_emit_classes(const struct idlc_tree *t, FILE *f)
{
	const struct idlc_class *c;

	for (c = t->classes; c != NULL; c = c->next)
		emit_class(c, f);
	fprintf(f, "const struct idl_class *const idl_classes[] = {\n");
	for (c = t->classes; c != NULL; c = c->next)
		fprintf(f, "\t&class_%s,\n", c->c_name);
	if (t->classes == NULL)
		fprintf(f, "\tNULL,\n");
	fprintf(f, "};\nconst int idl_nclasses = IDL_CLASSES;\n\n");
}
