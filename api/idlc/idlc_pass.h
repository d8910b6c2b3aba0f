/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDLC_PASS_H
#define IDLC_PASS_H

/*
 * idlc_pass - what the files of parser and check share with each other
 *
 * DIAGNOSTICS through idlc_die and idlc_complain.  BUGS none known.
 */

#include "api/idlc/idlc_tree.h"

/*
 * idlc_parse_class - "class" has been taken: the rest of it
 * idlc_parse_message - "message" has been taken; cls NULL: of no class
 * idlc_parse_params - "(" has been taken: parameters up to ")"
 * idlc_parse_value - a literal
 */
void idlc_parse_class(struct idlc_tree *t);
void idlc_parse_message(struct idlc_tree *t, struct idlc_class *cls);
struct idlc_param *idlc_parse_params(struct idlc_tree *t);
struct idlc_value idlc_parse_value(void);

/*
 * idlc_type_parse - a type as written; one object for each distinct type
 * idlc_type_plain - a type that is one word; NULL when the word is none
 * idlc_type_set, idlc_type_map - the container of given types
 * idlc_type_class - the ref or record of a class
 */
struct idlc_type *idlc_type_parse(struct idlc_tree *t);
struct idlc_type *idlc_type_plain(struct idlc_tree *t, const char *word);
struct idlc_type *idlc_type_set(struct idlc_tree *t, struct idlc_type *elem);
struct idlc_type *idlc_type_map(
    struct idlc_tree *t, struct idlc_type *key, struct idlc_type *elem);
struct idlc_type *idlc_type_class(
    struct idlc_tree *t, enum idlc_kind kind, const char *cls, int line);

/*
 * idlc_check_name - complain about a name that C cannot have
 * idlc_check_value - judge a literal against its type; fills in c_init
 * idlc_check_class, idlc_check_message - parts of idlc_check
 */
void idlc_check_name(const char *name, int line);
void idlc_check_value(struct idlc_value *v, const struct idlc_type *ty);
void idlc_check_class(struct idlc_tree *t, struct idlc_class *c);
void idlc_check_message(struct idlc_tree *t, struct idlc_message *m);

/*
 * idlc_role_find, idlc_enum_find, idlc_class_find - by name; NULL: none
 * idlc_enum_value - index of a value; -1: none
 */
struct idlc_role *idlc_role_find(struct idlc_tree *t, const char *name);
struct idlc_enum *idlc_enum_find(struct idlc_tree *t, const char *name);
struct idlc_class *idlc_class_find(struct idlc_tree *t, const char *name);
int idlc_enum_value(const struct idlc_enum *e, const char *value);

#endif
