/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDLC_H
#define IDLC_H

/*
 * idlc - compiles xenapi-memory.idl into C tables, a schema and a manual
 *
 *   idlc FILE.idl DIR
 *
 * Four passes: idlc_parse*.c build a tree (idlc_tree.h) from tokens
 * (idlc_lex.h), idlc_check*.c resolve names and judge it, idlc_expand.c adds
 * the messages that fields imply (getters, setters, ...), idlc_emit_*.c print
 * it.  Nothing here knows a class, field or message by name: everything it
 * must know stands in the IDL.
 *
 * Whatever is allocated lives until exit and is never freed: the program runs
 * for some milliseconds.
 *
 * DIAGNOSTICS "file:line: what is wrong" on standard error, exit 1, no output.
 * A syntax error ends the run; errors of meaning are all listed.
 * BUGS one input file; sets and maps have only the empty default.
 */

#include <stddef.h>

struct idlc_tree;

/*
 * idlc_die - report an error of the IDL and exit; nothing was written yet
 * idlc_complain - report one and go on; idlc_errors counts them
 */
_Noreturn void idlc_die(int line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void idlc_complain(int line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
extern int idlc_errors;

/*
 * idlc_alloc - n zeroed bytes, or exit
 * idlc_text - a printf-formatted string in memory of its own, or exit
 * idlc_lower, idlc_upper - the same text as part of a C name: other case,
 *         whatever is no letter or digit as '_'
 */
void *idlc_alloc(size_t n);
char *idlc_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *idlc_lower(const char *s);
const char *idlc_upper(const char *s);

/*
 * idlc_quoted - a string as a C literal
 */
const char *idlc_quoted(const char *s);

/*
 * idlc_append - put an item (whose first member is its next) last in a list
 */
void idlc_append(void *list, void *item);

/*
 * idlc_parse - fill a tree from an IDL text, which must outlive it
 * idlc_check - resolve names, fill in what is implied, complain
 * idlc_expand - add the generic messages, sort all of them by name
 */
void idlc_parse(struct idlc_tree *t, const char *text);
void idlc_check(struct idlc_tree *t);
void idlc_expand(struct idlc_tree *t);

#endif
