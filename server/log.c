/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Own */
#include "server/log.h"

#define LOG_TEXT 1024
#define LOG_LINE (LOG_TEXT * 4 + 64)

static atomic_bool log_debugging;

/* escape - copy text, control characters as \xNN; returns the length */
static size_t
escape(char *to, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (const char *s = text; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch >= 0x20 && ch != 0x7f) {
			to[n++] = *s;
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = hex[ch >> 4];
		to[n++] = hex[ch & 15];
	}
	return n;
}

/* emit - one line; err 0: without the text of an errno */
__attribute__((format(printf, 3, 0))) static void
emit(const char *level, int err, const char *fmt, va_list ap)
{
	char text[LOG_TEXT], line[LOG_LINE], why[128];
	size_t n;
	int r;

	r = vsnprintf(text, sizeof(text), fmt, ap);
	if (r < 0)
		text[0] = '\0';
	if (err != 0 && r >= 0 && (size_t)r < sizeof(text))
		(void)snprintf(text + r, sizeof(text) - (size_t)r, ": %s",
		    strerror_r(err, why, sizeof(why))); /* cut short is fine */
	n = (size_t)snprintf(line, sizeof(line), "xenapi-memoryd: %s", level);
	n += escape(line + n, text);
	line[n++] = '\n';
	/* Nobody to tell when standard error is gone. */
	(void)!write(STDERR_FILENO, line, n);
}

void
log_verbose(void)
{
	atomic_store(&log_debugging, true);
}

void
log_warn(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	emit("warning: ", err, fmt, ap);
	va_end(ap);
	errno = err;
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit("warning: ", 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit("", 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!atomic_load_explicit(&log_debugging, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	emit("debug: ", 0, fmt, ap);
	va_end(ap);
}

_Noreturn void
log_fatal(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	emit("", err, fmt, ap);
	va_end(ap);
	_exit(1);
}

_Noreturn void
log_fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit("", 0, fmt, ap);
	va_end(ap);
	_exit(1);
}
