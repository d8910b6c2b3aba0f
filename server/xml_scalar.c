/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml_scalar - text of XML-RPC scalars to native values and back
 *
 * Numbers are decimal text and nothing else (design 8.13): no 0x, no spaces,
 * no plus sign before an int.
 */

/* System */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "server/xml_priv.h"

/* A double with more characters than this is no honest number. */
#define FLOAT_TEXT_MAX 400

#define DAY_S INT64_C(86400)
#define DAYS_TO_1970 INT64_C(719468) /* from 0000-03-01 */
#define ERA_DAYS INT64_C(146097)     /* in 400 years */

/* ---- numbers ---- */

/* read_int - all of the text must be a 64-bit decimal number */
static enum xml_scalar
read_int(const char *text, size_t n, int64_t *out)
{
	bool minus = n > 0 && text[0] == '-';
	size_t i = minus ? 1 : 0;
	uint64_t v = 0, most = (uint64_t)INT64_MAX + (minus ? 1 : 0);
	unsigned digit;

	if (i == n)
		return XML_SCALAR_TYPE;
	for (; i < n; i++) {
		digit = (unsigned)(unsigned char)text[i] - '0';
		if (digit > 9 || v > (most - digit) / 10)
			return XML_SCALAR_TYPE;
		v = v * 10 + digit;
	}
	*out = minus && v > 0 ? -(int64_t)(v - 1) - 1 : (int64_t)v;
	return XML_SCALAR_OK;
}

/* read_float - all of the text must be a finite decimal number */
static enum xml_scalar
read_float(const char *text, size_t n, double *out)
{
	double v;
	char *end;

	if (n == 0 || n > FLOAT_TEXT_MAX ||
	    strspn(text, "0123456789+-.eE") != n)
		return XML_SCALAR_TYPE;
	v = strtod(text, &end);
	if (end != text + n || !isfinite(v))
		return XML_SCALAR_TYPE;
	*out = v;
	return XML_SCALAR_OK;
}

size_t
xml_write_int(int64_t v, char *text)
{
	char digits[XML_NUMBER_BYTES];
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
static enum xml_scalar
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
		return XML_SCALAR_TYPE;
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
		return XML_SCALAR_TYPE;
	days = days_of_date(year, month, day);
	date_of_days(days, &y, &m, &d);
	if (m != month || d != day)
		return XML_SCALAR_TYPE; /* 31 February and the like */
	*out = days * DAY_S + hour * 3600 + minute * 60 + second;
	return XML_SCALAR_OK;
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
xml_write_datetime(int64_t v, char *text)
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

/* read_bool - only <boolean>0</boolean> and <boolean>1</boolean> */
static enum xml_scalar
read_bool(enum xml_el el, const char *text, size_t n, bool *out)
{
	if (el != XML_EL_BOOLEAN || n != 1 || (*text != '0' && *text != '1'))
		return XML_SCALAR_TYPE;
	*out = *text == '1';
	return XML_SCALAR_OK;
}

/* read_string - into the arena */
static enum xml_scalar
read_string(const char *text, size_t n, const char **out, struct arena *a)
{
	const char *s = n == 0 ? "" : arena_strndup(a, text, n);

	if (s == NULL)
		return XML_SCALAR_NOMEM;
	*out = s;
	return XML_SCALAR_OK;
}

/* read_enum - one of the spellings */
static enum xml_scalar
read_enum(const struct idl_enum *en, const char *text, size_t n, int32_t *out)
{
	int i = idl_enum_index(en, text, n);

	if (i < 0)
		return XML_SCALAR_VALUE;
	*out = i;
	return XML_SCALAR_OK;
}

/* element_fits - may a type come in this element? */
static bool
element_fits(enum idl_kind kind, enum xml_el el)
{
	switch (el) {
	case XML_EL_STRING:
		return kind != IDL_BOOL;
	case XML_EL_INT:
		return kind == IDL_INT || kind == IDL_FLOAT;
	case XML_EL_DOUBLE:
		return kind == IDL_FLOAT;
	case XML_EL_BOOLEAN:
		return kind == IDL_BOOL;
	case XML_EL_DATETIME:
		return kind == IDL_DATETIME;
	default:
		return false;
	}
}

enum xml_scalar
xml_read_scalar(const struct idl_type *t, enum xml_el el, const char *text,
    size_t n, void *dest, struct arena *a)
{
	if (!element_fits(t->kind, el))
		return XML_SCALAR_TYPE;
	switch (t->kind) {
	case IDL_STRING:
		return read_string(text, n, dest, a);
	case IDL_INT:
		return read_int(text, n, dest);
	case IDL_FLOAT:
		return read_float(text, n, dest);
	case IDL_BOOL:
		return read_bool(el, text, n, dest);
	case IDL_DATETIME:
		return read_datetime(text, n, dest);
	case IDL_REF:
		return idl_ref_parse(text, n, dest) ? XML_SCALAR_OK
						    : XML_SCALAR_REF;
	case IDL_ENUM:
		return read_enum(t->en, text, n, dest);
	case IDL_VOID:
	case IDL_SET:
	case IDL_MAP:
	case IDL_RECORD:
		break;
	}
	return XML_SCALAR_TYPE;
}
