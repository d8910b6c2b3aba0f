/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

/*
 * log - one line per event on standard error, for operators and machines
 *
 * Form: "what: object: why key=value", values with units, no secrets, no
 * session refs.  Control characters of whatever came from outside are shown
 * as \xNN, so that nobody can forge a line.  A line is written in one go, so
 * lines of several threads never mix.
 *
 * DIAGNOSTICS this is where they come out.
 * BUGS lines are cut at about 1,000 bytes.
 */

/*
 * log_verbose - show log_debug lines from now on
 */
void log_verbose(void);

/*
 * log_warn - something went wrong; appends the text of errno
 * log_warnx - the same without errno
 * log_info - something an operator wants to know happened
 * log_debug - only with log_verbose
 */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * log_fatal, log_fatalx - log and exit with status 1; at start-up, or when
 *         going on could lose data
 */
_Noreturn void log_fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
_Noreturn void log_fatalx(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
