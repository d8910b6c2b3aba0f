/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * val_scalar - text to native scalars and back
 *
 * Numbers are decimal text and nothing else (design 8.13): no 0x, no spaces,
 * no plus sign before an int.
 */

/* System */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Api */
#include "api/val.h"

/* A double with more characters than this is no honest number. */
#define FLOAT_TEXT_MAX 400

/* Why a text is not a value of a type. */
enum outcome {
	FITS,
	BAD_TYPE,  /* FIELD_TYPE_ERROR */
	BAD_VALUE, /* INVALID_VALUE: no such enum value */
	BAD_REF,   /* HANDLE_INVALID */
	NO_ROOM,
};

#define DAY_S INT64_C(86400)
#define DAYS_TO_1970 INT64_C(719468) /* from 0000-03-01 */
#define ERA_DAYS INT64_C(146097)     /* in 400 years */

/* ---- numbers ---- */

/* read_int - all of the text must be a 64-bit decimal number */
static enum outcome
read_int(const char *text, size_t n, int64_t *out)
{
	bool minus = n > 0 && text[0] == '-';
	size_t i = minus ? 1 : 0;
	uint64_t v = 0, most = (uint64_t)INT64_MAX + (minus ? 1 : 0);
	unsigned digit;

	if (i == n)
		return BAD_TYPE;
	for (; i < n; i++) {
		digit = (unsigned)(unsigned char)text[i] - '0';
		if (digit > 9 || v > (most - digit) / 10)
			return BAD_TYPE;
		v = v * 10 + digit;
	}
	*out = minus && v > 0 ? -(int64_t)(v - 1) - 1 : (int64_t)v;
	return FITS;
}

/* read_float - all of the text must be a finite decimal number */
static enum outcome
read_float(const char *text, size_t n, double *out)
{
	double v;
	char *end;

	if (n == 0 || n > FLOAT_TEXT_MAX ||
	    strspn(text, "0123456789+-.eE") != n)
		return BAD_TYPE;
	v = strtod(text, &end);
	if (end != text + n || !isfinite(v))
		return BAD_TYPE;
	*out = v;
	return FITS;
}

size_t
api_val_int_text(int64_t v, char *text)
{
	char digits[API_VAL_NUMBER_BYTES];
	char *p = digits + sizeof digits;
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	size_t n;

	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (v < 0)
		*--p = '-';
	n = (size_t)(digits + sizeof digits - p);
	memcpy(text, p, n);
	return n;
}

/* ---- dates: Gregorian, UTC ---- */

/* days_of_date - days since 1970-01-01 (year 0 to 9999) */
static int64_t
days_of_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year; /* years begin in March */
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

	return era * ERA_DAYS + day_of_era - DAYS_TO_1970;
}

/* date_of_days - the inverse of days_of_date */
static void
date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + DAYS_TO_1970;
	int64_t era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS;
	int64_t doe = z - era * ERA_DAYS;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

/* take_digits - a number of exactly n digits, moving past it; -1: there is none
 */
static int64_t
take_digits(const char **text, unsigned n)
{
	int64_t v = 0;

	for (; n > 0; n--, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		v = v * 10 + (**text - '0');
	}
	return v;
}

/* take_char - move past an optional separator */
static void
take_char(const char **text, char c)
{
	if (**text == c)
		(*text)++;
}

/* read_datetime - YYYYMMDDTHH:MM:SS, with or without dashes, colons, Z */
static enum outcome
read_datetime(const char *text, size_t n, int64_t *out)
{
	const char *s = text;
	int64_t year, month, day, hour, minute, second, days, y, m, d;

	year = take_digits(&s, 4);
	take_char(&s, '-');
	month = take_digits(&s, 2);
	take_char(&s, '-');
	day = take_digits(&s, 2);
	if (*s++ != 'T')
		return BAD_TYPE;
	hour = take_digits(&s, 2);
	take_char(&s, ':');
	minute = take_digits(&s, 2);
	take_char(&s, ':');
	second = take_digits(&s, 2);
	if (*s == '.' && s[1] >= '0' && s[1] <= '9')
		s += 1 + strspn(s + 1, "0123456789");
	take_char(&s, 'Z');
	if (s != text + n || year < 0 || month < 1 || month > 12 || day < 1 ||
	    hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 59)
		return BAD_TYPE;
	days = days_of_date(year, month, day);
	date_of_days(days, &y, &m, &d);
	if (m != month || d != day)
		return BAD_TYPE; /* 31 February and the like */
	*out = days * DAY_S + hour * 3600 + minute * 60 + second;
	return FITS;
}

/* put_digits - n digits of v, leading zeros included; returns the end */
static char *
put_digits(char *p, int64_t v, unsigned n)
{
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

size_t
api_val_datetime_text(int64_t v, char *text)
{
	const int64_t least = days_of_date(0, 1, 1) * DAY_S;
	const int64_t most = days_of_date(9999, 12, 31) * DAY_S + DAY_S - 1;
	int64_t days, s, year, month, day;
	char *p = text;

	v = v < least ? least : v > most ? most : v;
	days = (v >= 0 ? v : v - (DAY_S - 1)) / DAY_S;
	s = v - days * DAY_S;
	date_of_days(days, &year, &month, &day);
	p = put_digits(p, year, 4);
	p = put_digits(p, month, 2);
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, s / 3600, 2);
	*p++ = ':';
	p = put_digits(p, s / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, s % 60, 2);
	*p++ = 'Z';
	return (size_t)(p - text);
}

/* ---- any scalar ---- */

/* read_bool - only what the protocol calls a bool */
static enum outcome
read_bool(const char *text, size_t n, bool *out)
{
	if (n != 1 || (*text != '0' && *text != '1'))
		return BAD_TYPE;
	*out = *text == '1';
	return FITS;
}

/* read_string - into the arena */
static enum outcome
read_string(const char *text, size_t n, const char **out, struct arena *a)
{
	const char *s = n == 0 ? "" : arena_strndup(a, text, n);

	if (s == NULL)
		return NO_ROOM;
	*out = s;
	return FITS;
}

/* read_enum - one of the spellings */
static enum outcome
read_enum(const struct idl_enum *en, const char *text, size_t n, int32_t *out)
{
	int i = idl_enum_index(en, text, n);

	if (i < 0)
		return BAD_VALUE;
	*out = i;
	return FITS;
}

/* form_fits - may a type come in this form? */
static bool
form_fits(enum idl_kind kind, enum api_val_form form)
{
	switch (form) {
	case API_VAL_TEXT:
		return kind != IDL_BOOL;
	case API_VAL_INT:
		return kind == IDL_INT || kind == IDL_FLOAT;
	case API_VAL_FLOAT:
		return kind == IDL_FLOAT;
	case API_VAL_BOOL:
		return kind == IDL_BOOL;
	case API_VAL_DATETIME:
		return kind == IDL_DATETIME;
	case API_VAL_ALIEN:
		break;
	}
	return false;
}

/* read_scalar - a native value; dest is untouched unless it FITS */
static enum outcome
read_scalar(const struct idl_type *t, enum api_val_form form, const char *text,
    size_t n, void *dest, struct arena *a)
{
	if (!form_fits(t->kind, form))
		return BAD_TYPE;
	switch (t->kind) {
	case IDL_STRING:
		return read_string(text, n, dest, a);
	case IDL_INT:
		return read_int(text, n, dest);
	case IDL_FLOAT:
		return read_float(text, n, dest);
	case IDL_BOOL:
		return read_bool(text, n, dest);
	case IDL_DATETIME:
		return read_datetime(text, n, dest);
	case IDL_REF:
		return idl_ref_parse(text, n, dest) ? FITS : BAD_REF;
	case IDL_ENUM:
		return read_enum(t->en, text, n, dest);
	case IDL_VOID:
	case IDL_SET:
	case IDL_MAP:
	case IDL_RECORD:
		break;
	}
	return BAD_TYPE;
}

void
api_val_fail_type(struct api_call *c, const char *where)
{
	if (c->bad.code == ERR_NONE)
		(void)err_fail(/* kept in the call */
		    &c->bad, ERR_FIELD_TYPE_ERROR, "s", where);
}

bool
api_val_scalar(struct api_call *c, const struct api_slot *to,
    enum api_val_form form, const char *text, size_t n)
{
	enum outcome got =
	    read_scalar(to->type, form, text, n, to->dest, &c->arena);

	if (got == FITS || got == NO_ROOM)
		return got == FITS;
	if (c->bad.code != ERR_NONE)
		return true;
	/* dispatch reads the failure from the call */
	if (got == BAD_VALUE)
		(void)err_fail(
		    &c->bad, ERR_INVALID_VALUE, "ss", to->where, text);
	else if (got == BAD_REF && to->type->cls >= 0)
		(void)err_fail(&c->bad, ERR_HANDLE_INVALID, "ss",
		    idl_classes[to->type->cls]->name, text);
	else
		api_val_fail_type(c, to->where);
	return true;
}

size_t
api_val_utf8_bytes(const unsigned char *s)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t v;
	size_t i, n;

	if (s[0] < 0x80)
		return s[0] != 0;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	v = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3fu);
	}
	if (v < least[n] || (v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff)
		return 0;
	return n;
}
