/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_type - types: how they are written, one object each, what C says
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_emit.h"
#include "api/idlc/idlc_pass.h"

#include <string.h>

static const struct {
	const char *word;
	enum idlc_kind kind;
	const char *unit;
} plain[] = {
    {"void", IDLC_T_VOID, "IDL_UNIT_NONE"},
    {"string", IDLC_T_STRING, "IDL_UNIT_NONE"},
    {"int", IDLC_T_INT, "IDL_UNIT_NONE"},
    {"int32", IDLC_T_INT, "IDL_UNIT_INT32"},
    {"bytes", IDLC_T_INT, "IDL_UNIT_BYTES"},
    {"kib", IDLC_T_INT, "IDL_UNIT_KIB"},
    {"seconds", IDLC_T_INT, "IDL_UNIT_SECONDS"},
    {"float", IDLC_T_FLOAT, "IDL_UNIT_NONE"},
    {"bool", IDLC_T_BOOL, "IDL_UNIT_NONE"},
    {"datetime", IDLC_T_DATETIME, "IDL_UNIT_NONE"},
};

static const char *const kind_names[] = {
    [IDLC_T_VOID] = "IDL_VOID",
    [IDLC_T_STRING] = "IDL_STRING",
    [IDLC_T_INT] = "IDL_INT",
    [IDLC_T_FLOAT] = "IDL_FLOAT",
    [IDLC_T_BOOL] = "IDL_BOOL",
    [IDLC_T_DATETIME] = "IDL_DATETIME",
    [IDLC_T_REF] = "IDL_REF",
    [IDLC_T_ENUM] = "IDL_ENUM",
    [IDLC_T_SET] = "IDL_SET",
    [IDLC_T_MAP] = "IDL_MAP",
    [IDLC_T_RECORD] = "IDL_RECORD",
};

/* intern - the one object of a type; made when it is seen first */
static struct idlc_type *
intern(struct idlc_tree *t, const struct idlc_type *want)
{
	struct idlc_type *ty;

	for (ty = t->types; ty != NULL; ty = ty->next)
		if (strcmp(ty->shown, want->shown) == 0)
			return ty;
	ty = idlc_alloc(sizeof(*ty));
	*ty = *want;
	idlc_append(&t->types, ty);
	return ty;
}

struct idlc_type *
idlc_type_plain(struct idlc_tree *t, const char *word)
{
	struct idlc_type ty = {.shown = word, .c_name = word};
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(plain[i].word, word) != 0)
			continue;
		ty.kind = plain[i].kind;
		ty.unit = plain[i].unit;
		return intern(t, &ty);
	}
	return NULL;
}

struct idlc_type *
idlc_type_class(
    struct idlc_tree *t, enum idlc_kind kind, const char *cls, int line)
{
	const char *word = kind == IDLC_T_REF ? "ref" : "record";
	struct idlc_type ty = {
	    .line = line,
	    .kind = kind,
	    .unit = "IDL_UNIT_NONE",
	    .shown = idlc_text("%s %s", word, cls),
	    .c_name = idlc_text("%s_%s", word, idlc_lower(cls)),
	    .name = cls,
	};

	return intern(t, &ty);
}

struct idlc_type *
idlc_type_set(struct idlc_tree *t, struct idlc_type *elem)
{
	struct idlc_type ty = {
	    .line = elem->line,
	    .kind = IDLC_T_SET,
	    .unit = "IDL_UNIT_NONE",
	    .shown = idlc_text("set(%s)", elem->shown),
	    .c_name = idlc_text("set_%s", elem->c_name),
	    .elem = elem,
	};

	return intern(t, &ty);
}

struct idlc_type *
idlc_type_map(
    struct idlc_tree *t, struct idlc_type *key, struct idlc_type *elem)
{
	struct idlc_type ty = {
	    .line = elem->line,
	    .kind = IDLC_T_MAP,
	    .unit = "IDL_UNIT_NONE",
	    .shown = idlc_text("map(%s, %s)", key->shown, elem->shown),
	    .c_name = idlc_text("map_%s_%s", key->c_name, elem->c_name),
	    .key = key,
	    .elem = elem,
	};

	return intern(t, &ty);
}

/* parse_inner - a type inside a set or map: all but void */
static struct idlc_type *
parse_inner(struct idlc_tree *t)
{
	int line = idlc_lex_peek()->line;
	struct idlc_type *ty = idlc_type_parse(t);

	if (ty->kind == IDLC_T_VOID)
		idlc_die(line, "void is only a result");
	return ty;
}

/* parse_map - "map" has been taken */
static struct idlc_type *
parse_map(struct idlc_tree *t)
{
	int line = idlc_lex_peek()->line;
	struct idlc_type *key, *elem;

	idlc_lex_expect("(");
	key = parse_inner(t);
	if (key->kind != IDLC_T_STRING && key->kind != IDLC_T_INT &&
	    key->kind != IDLC_T_REF && key->kind != IDLC_T_ENUM)
		idlc_die(line, "%s cannot be the key of a map", key->shown);
	idlc_lex_expect(",");
	elem = parse_inner(t);
	idlc_lex_expect(")");
	return idlc_type_map(t, key, elem);
}

struct idlc_type *
idlc_type_parse(struct idlc_tree *t)
{
	struct idlc_type en = {.kind = IDLC_T_ENUM, .unit = "IDL_UNIT_NONE"};
	struct idlc_type *ty;
	int line = idlc_lex_peek()->line;
	const char *word = idlc_lex_word("a type");

	if (strcmp(word, "ref") == 0)
		return idlc_type_class(
		    t, IDLC_T_REF, idlc_lex_word("a class"), line);
	if (strcmp(word, "record") == 0)
		return idlc_type_class(
		    t, IDLC_T_RECORD, idlc_lex_word("a class"), line);
	if (strcmp(word, "map") == 0)
		return parse_map(t);
	if (strcmp(word, "set") == 0) {
		idlc_lex_expect("(");
		ty = parse_inner(t);
		idlc_lex_expect(")");
		return idlc_type_set(t, ty);
	}
	ty = idlc_type_plain(t, word);
	if (ty != NULL)
		return ty;
	en.line = line;
	en.shown = en.name = word;
	en.c_name = idlc_text("enum_%s", idlc_lower(word));
	return intern(t, &en);
}

const char *
idlc_type_c(const struct idlc_type *ty)
{
	switch (ty->kind) {
	case IDLC_T_STRING:
		return "const char *";
	case IDLC_T_INT:
	case IDLC_T_DATETIME:
		return "int64_t ";
	case IDLC_T_FLOAT:
		return "double ";
	case IDLC_T_BOOL:
		return "bool ";
	case IDLC_T_REF:
		return "struct idl_ref ";
	case IDLC_T_ENUM:
		return "int32_t ";
	case IDLC_T_SET:
		return "const struct idl_set *";
	case IDLC_T_MAP:
		return "const struct idl_map *";
	case IDLC_T_RECORD:
		if (ty->cls == NULL)
			return "const void *";
		return idlc_text("const struct idl_%s *", ty->cls->c_name);
	case IDLC_T_VOID:
		break;
	}
	return "void ";
}

const char *
idlc_type_kind(const struct idlc_type *ty)
{
	return kind_names[ty->kind];
}
