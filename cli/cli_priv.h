/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_PRIV_H
#define CLI_PRIV_H

/*
 * cli_priv - what the files of the command layer share
 *
 * One struct cli_run is one command being run.  A function that may fail
 * returns false and leaves the reason in the run (cli_fail_*, cli_call);
 * cli_run reports it once, at the end.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "cli/cli.h"
#include "cli/cli_field.h"

/* One word of the command line: "key=value", or "--key" (value "true"). */
struct cli_param {
	const char *key, *value;
};

enum cli_trouble {
	CLI_FINE,
	CLI_T_CALL,  /* status and why */
	CLI_T_LOCAL, /* text, after "Error: " */
	CLI_T_USAGE, /* text, with the hint of how to get help */
	CLI_T_MANY,  /* --multiple: printed already */
	CLI_T_MEMORY
};

struct cli_cache;

struct cli_run {
	const struct cli_env *env;
	struct cli_pool *pool;
	const struct cli_cmd *cmd;
	const struct cli_param *param; /* param[0..nparams) */
	size_t nparams;
	bool minimal, human;
	const char *held;	     /* --minimal: what was printed so far */
	struct cli_cache *cache;     /* records by class; see cli_cache.h */
	const struct cli_object *at; /* the object that is being worked on */
	enum cli_trouble trouble;
	enum cli_status status;
	struct cli_failure why;
	const char *text;
};

#define CLI_C_HIDDEN 1u	  /* not in help */
#define CLI_C_STANDARD 2u /* in the short help */
#define CLI_C_VMS 4u	  /* takes VM selectors */
#define CLI_C_HOSTS 8u	  /* takes host selectors */
#define CLI_C_LOCAL 16u	  /* needs no session */
#define CLI_C_CONTROL 32u /* selects control domains, too */
#define CLI_C_TEMPLATES 64u
#define CLI_C_WAITS 128u /* runs as a task where progress can be shown */
#define CLI_C_DEPRECATED 256u

/* A row of the command table. */
struct cli_cmd {
	const char *name;
	const char *required; /* names with commas */
	const char *optional;
	const char *help;
	bool (*run)(struct cli_run *r);
	unsigned flags;
	const struct cli_class *cls;
	const char *method; /* for rows that share a function */
};

/*
 * cli_commands - all commands, sorted by name; cli_ncommands of them
 * cli_command - the row of that name, or NULL
 */
extern const struct cli_cmd cli_commands[];
extern const size_t cli_ncommands;
const struct cli_cmd *cli_command(const char *name);

/*
 * cli_say_local - "Error: ...": the wish made no sense
 * cli_say_usage - the words made no sense
 * cli_say_param - a field that the class has not
 * cli_say_memory - the pool is full
 *
 * note    cli_fail_... does the same and is false, so that callers return it
 */
void cli_say_local(struct cli_run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void cli_say_usage(struct cli_run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void cli_say_param(struct cli_run *r, const char *name);
void cli_say_memory(struct cli_run *r);
#define cli_fail_local(r, ...) (cli_say_local(r, __VA_ARGS__), false)
#define cli_fail_usage(r, ...) (cli_say_usage(r, __VA_ARGS__), false)
#define cli_fail_param(r, name) (cli_say_param(r, name), false)
#define cli_fail_memory(r) (cli_say_memory(r), false)

/*
 * cli_call - call a message with args[0..n)
 * cli_call_ref - the same with a ref as the only argument
 * cli_call_slow - the same as a task with progress, where env can show it; what
 *         it returns is a text then
 */
bool cli_call(struct cli_run *r, const char *method, const struct cli_val *args,
    size_t n, struct cli_val *value_out);
bool cli_call_ref(struct cli_run *r, const char *method, const char *ref,
    struct cli_val *value_out);
bool cli_call_slow(struct cli_run *r, const char *method, const char *label,
    const struct cli_val *args, size_t n, struct cli_val *value_out);

/*
 * cli_arg - the value of a word of the command line; NULL when not there
 * cli_arg_true - whether it is there and says true
 * cli_arg_is_standard - a word that is never a filter: --multiple, params=, ...
 * cli_arg_bytes - a word that is a size, required by the table
 * cli_arg_int - a word that is a number, likewise
 * cli_parse_bytes - a size as people write it, with or without a suffix
 */
const char *cli_arg(const struct cli_run *r, const char *key);
bool cli_arg_true(const struct cli_run *r, const char *key);
bool cli_arg_is_standard(const char *key);
bool cli_arg_bytes(struct cli_run *r, const char *key, int64_t *bytes_out);
bool cli_arg_int(struct cli_run *r, const char *key, int64_t *n_out);
bool cli_parse_bytes(
    struct cli_run *r, const char *key, const char *text, int64_t *bytes_out);

/*
 * cli_names_has - whether a list of names with commas holds a name
 */
bool cli_names_has(const char *names, const char *name);

/*
 * cli_print_list - lines of their own; with --minimal joined by commas
 * cli_print_message - a line; dropped with --minimal
 * cli_print_table - a record: label and value pairs
 * cli_print_firsts - for --minimal: a value of each record
 * cli_print_flush - what --minimal held back
 * cli_print_human - bytes as people read them: 1.5 GiB
 */
bool cli_print_list(struct cli_run *r, const char *const *line, size_t n);
bool cli_print_message(struct cli_run *r, const char *line);
bool cli_print_table(struct cli_run *r, const char *const *label,
    const char *const *value, size_t n);
bool cli_print_firsts(struct cli_run *r, const char *const *value, size_t n);
void cli_print_flush(struct cli_run *r);
const char *cli_print_human(struct cli_pool *pool, int64_t bytes);

/*
 * cli_program - what the program is called
 * cli_explain - lines that name the clash behind MEMORY_CONSTRAINT_VIOLATION_-
 *         ORDER on the object at hand; "" when env does not want them
 * cli_failure_text - sentence and parameters with line ends between, or NULL
 *         when the code is not known
 * cli_report_trouble - say why the command failed
 */
const char *cli_program(const struct cli_run *r);
const char *cli_explain(struct cli_run *r);
const char *cli_failure_text(struct cli_run *r, const struct cli_failure *why);
void cli_report_trouble(struct cli_run *r);

/*
 * cli_do_list, cli_do_param_list, cli_do_param_get, cli_do_param_set,
 * cli_do_param_add, cli_do_param_remove, cli_do_param_clear - the commands that
 *         every class has
 * cli_do_help - help
 */
bool cli_do_list(struct cli_run *r);
bool cli_do_param_list(struct cli_run *r);
bool cli_do_param_get(struct cli_run *r);
bool cli_do_param_set(struct cli_run *r);
bool cli_do_param_add(struct cli_run *r);
bool cli_do_param_remove(struct cli_run *r);
bool cli_do_param_clear(struct cli_run *r);
bool cli_do_help(struct cli_run *r);

#endif
