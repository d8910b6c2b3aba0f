/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDLC_LEX_H
#define IDLC_LEX_H

/*
 * idlc_lex - the IDL as a row of tokens, of which one is looked at ahead
 *
 * One text at a time; the state is static, as the program has one input.
 *
 * DIAGNOSTICS what cannot be a token, or is not the one expected, ends the
 * program through idlc_die.
 * BUGS none known.
 */

#include <stdbool.h>

enum idlc_token_kind {
	IDLC_EOF,
	IDLC_WORD,   /* vm_power_state, read-only */
	IDLC_NUMBER, /* 12, -1, 1.0 */
	IDLC_STRING, /* the text without its quotes, escapes done */
	IDLC_PUNCT,  /* one of { } ( ) : , = . or -> or ... */
};

struct idlc_token {
	enum idlc_token_kind kind;
	const char *text;
	int line;
};

/*
 * idlc_lex_open - start on a text; it must outlive the run
 * idlc_lex_peek - the token ahead
 * idlc_lex_next - take the token ahead
 */
void idlc_lex_open(const char *text);
const struct idlc_token *idlc_lex_peek(void);
struct idlc_token idlc_lex_next(void);

/*
 * idlc_lex_accept - take the token ahead if it is this word or sign
 * idlc_lex_expect - the same, but anything else is a syntax error
 * idlc_lex_word, idlc_lex_doc - take a word; take adjacent strings as one,
 *         joined with a space; what says in the error what was wanted
 */
bool idlc_lex_accept(const char *text);
void idlc_lex_expect(const char *text);
const char *idlc_lex_word(const char *what);
const char *idlc_lex_doc(const char *what);

#endif
