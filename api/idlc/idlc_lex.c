/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idlc_lex - tokens of the IDL
 *
 * word    letter or _, then letters, digits, _ ; - between two of these
 * number  digits, - before, one . and an exponent inside
 * string  "..." on one line, with \" and \\ inside
 * sign    { } ( ) : , = . -> ...
 * comment # to the end of the line
 */

#include "api/idlc/idlc.h"
#include "api/idlc/idlc_lex.h"

#include <ctype.h>
#include <string.h>

static const char *at;
static int line;
static struct idlc_token ahead;

static bool
is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void
skip_blanks(void)
{
	for (;; at++) {
		if (*at == '#')
			at += strcspn(at, "\n");
		if (*at == '\0' || !isspace((unsigned char)*at))
			return;
		if (*at == '\n')
			line++;
	}
}

/* cut - the token of n bytes at the cursor */
static struct idlc_token
cut(enum idlc_token_kind kind, size_t n)
{
	struct idlc_token tok = {kind, idlc_text("%.*s", (int)n, at), line};

	at += n;
	return tok;
}

static struct idlc_token
cut_string(void)
{
	struct idlc_token tok = {IDLC_STRING, NULL, line};
	char *out = idlc_alloc(strcspn(at, "\n") + 1);

	tok.text = out;
	for (at++; *at != '"'; at++) {
		if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		else if (*at == '\\')
			idlc_die(line, "\\%c is no escape: only \\\" and \\\\",
			    at[1]);
		if (*at == '\0' || *at == '\n')
			idlc_die(line, "unterminated string");
		*out++ = *at;
	}
	at++;
	return tok;
}

static size_t
word_length(void)
{
	size_t n = 1;

	while (is_word_char(at[n]) || (at[n] == '-' && is_word_char(at[n + 1])))
		n++;
	return n;
}

static size_t
number_length(void)
{
	size_t n = 1;

	while (isdigit((unsigned char)at[n]) || at[n] == '.')
		n++;
	if (at[n] == 'e')
		n += 1 + strspn(at + n + 1, "+-0123456789");
	return n;
}

static struct idlc_token
cut_token(void)
{
	skip_blanks();
	if (*at == '\0')
		return cut(IDLC_EOF, 0);
	if (*at == '"')
		return cut_string();
	if (isalpha((unsigned char)*at) || *at == '_')
		return cut(IDLC_WORD, word_length());
	if (isdigit((unsigned char)*at) ||
	    (*at == '-' && isdigit((unsigned char)at[1])))
		return cut(IDLC_NUMBER, number_length());
	if (strncmp(at, "...", 3) == 0)
		return cut(IDLC_PUNCT, 3);
	if (strncmp(at, "->", 2) == 0)
		return cut(IDLC_PUNCT, 2);
	if (strchr("{}():,=.", *at) != NULL)
		return cut(IDLC_PUNCT, 1);
	if (isprint((unsigned char)*at))
		idlc_die(line, "unexpected character '%c'", *at);
	idlc_die(line, "unexpected byte 0x%02x", (unsigned char)*at);
}

void
idlc_lex_open(const char *text)
{
	at = text;
	line = 1;
	ahead = cut_token();
}

const struct idlc_token *
idlc_lex_peek(void)
{
	return &ahead;
}

struct idlc_token
idlc_lex_next(void)
{
	struct idlc_token tok = ahead;

	if (tok.kind != IDLC_EOF)
		ahead = cut_token();
	return tok;
}

/* shown - the token ahead, for an error message */
static const char *
shown(void)
{
	if (ahead.kind == IDLC_EOF)
		return "the end of the file";
	if (ahead.kind == IDLC_STRING)
		return "a string";
	return idlc_text("\"%s\"", ahead.text);
}

bool
idlc_lex_accept(const char *text)
{
	if ((ahead.kind != IDLC_WORD && ahead.kind != IDLC_PUNCT) ||
	    strcmp(ahead.text, text) != 0)
		return false;
	(void)idlc_lex_next(); /* known: it is text */
	return true;
}

void
idlc_lex_expect(const char *text)
{
	if (!idlc_lex_accept(text))
		idlc_die(ahead.line, "\"%s\" expected, not %s", text, shown());
}

const char *
idlc_lex_word(const char *what)
{
	if (ahead.kind != IDLC_WORD)
		idlc_die(ahead.line, "%s expected, not %s", what, shown());
	return idlc_lex_next().text;
}

const char *
idlc_lex_doc(const char *what)
{
	const char *doc;

	if (ahead.kind != IDLC_STRING)
		idlc_die(ahead.line, "%s expected, not %s", what, shown());
	doc = idlc_lex_next().text;
	while (ahead.kind == IDLC_STRING)
		doc = idlc_text("%s %s", doc, idlc_lex_next().text);
	if (*doc == '\0')
		idlc_die(ahead.line, "%s is empty", what);
	return doc;
}
