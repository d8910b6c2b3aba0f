/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_FIELD_H
#define CLI_FIELD_H

/*
 * cli_field - the fields of objects as xe names and prints them
 *
 * A class of commands (vm, template, host, task, pool) has a table of fields,
 * in the order in which they are printed.  Most show a member of the record;
 * some a member of its metrics records, or the result of a call (expensive).
 * A member that the server does not send is a field that is not there.
 *
 * DIAGNOSTICS none.  BUGS fields of storage and networks are not in the tables.
 */

#include "cli/cli_val.h"

struct cli_run;

enum cli_from {
	CLI_OWN,     /* a member of the record */
	CLI_METRICS, /* of the record that its "metrics" points to */
	CLI_GUEST,   /* of the record that its "guest_metrics" points to */
	CLI_ASK	     /* the result of class.member(ref) */
};

enum cli_shape {
	CLI_PLAIN,  /* text and numbers as they are, true and false */
	CLI_BYTES,  /* a number; --human prints 1.5 GiB */
	CLI_FIXED,  /* a float with three decimals */
	CLI_STATE,  /* first letter in lower case */
	CLI_REF,    /* the uuid of the object */
	CLI_REFS,   /* uuids */
	CLI_SET,    /* texts with "; " between */
	CLI_COMMAS, /* texts with ", " between */
	CLI_MAP,    /* "key: value; key: value" */
	CLI_VALUES, /* the values of a map, with "; " between */
	CLI_QUOTED  /* text in single quotes */
};

/* What can be done with it: the sign behind its name. */
enum cli_access { CLI_RO, CLI_RW, CLI_SRO, CLI_SRW, CLI_MRO, CLI_MRW };

#define CLI_F_EXPENSIVE 1u
#define CLI_F_HIDDEN 2u
#define CLI_F_DEPRECATED 4u
#define CLI_F_INT 8u   /* set with an int */
#define CLI_F_BOOL 16u /* set with a bool */
#define CLI_F_FLOAT 32u
#define CLI_F_CLEAR 64u /* cleared in one step, by set_<member>({}) */

struct cli_field {
	const char *name;
	const char *member;
	enum cli_from from;
	enum cli_shape shape;
	enum cli_access access;
	unsigned flags;
	const char *refs;   /* CLI_REF, CLI_REFS: class, NULL: none is served */
	const char *absent; /* printed when there is no such metrics record */
};

struct cli_class {
	const char *name;    /* "vm": of the commands */
	const char *plural;  /* "vms": in help */
	const char *api;     /* "VM": of messages */
	const char *metrics; /* "VM_metrics"; NULL: none */
	const char *guest;
	const struct cli_field *field; /* field[0..n) */
	size_t n;
	const char *filter; /* implied: "is-a-template=false"; "" for none */
	const char *listed; /* fields of *-list when params= says nothing */
};

extern const struct cli_class cli_class_vm, cli_class_template, cli_class_host,
    cli_class_pool, cli_class_task, cli_class_reservation;

/* An object with what was read of it so far. */
struct cli_object {
	const struct cli_class *cls;
	const char *ref;
	const struct cli_val *record;
	bool metrics_known, guest_known;
	const struct cli_val *metrics, *guest; /* NULL: there is none */
};

/*
 * cli_field_find - the field of that name, or NULL
 */
const struct cli_field *cli_field_find(
    const struct cli_class *c, const char *name);

/*
 * cli_field_value - the value behind a field; calls messages if it must
 *
 * out     v_out  NULL when the server has no such field, or no such record
 * errors  false: the run says why
 */
bool cli_field_value(struct cli_run *r, struct cli_object *o,
    const struct cli_field *f, const struct cli_val **v_out);

/*
 * cli_field_text - how it is printed
 *
 * in      cheap  print a placeholder for what is expensive
 * out     text_out  NULL when the server has no such field
 */
enum cli_effort { CLI_CHEAP, CLI_FULL };
bool cli_field_text(struct cli_run *r, struct cli_object *o,
    const struct cli_field *f, enum cli_effort effort, const char **text_out);

/*
 * cli_field_shape - print a value in a shape
 *
 * errors  NULL: the run says why
 */
const char *cli_field_shape(
    struct cli_run *r, const struct cli_field *f, const struct cli_val *v);

/*
 * cli_objects - objects of a class that all filters of the command line match
 *
 * in      filters  the class's own, with commas; then those of the words that
 *         are neither standard nor in ignore (names with commas)
 *         nickname  "vm" or "host": the key that matches names and uuids;
 *         NULL for none
 * out     o_out[0..n_out)  in the pool
 */
bool cli_objects(struct cli_run *r, const struct cli_class *c,
    const char *filters, const char *ignore, const char *nickname,
    struct cli_object **o_out, size_t *n_out);

/*
 * cli_object_by_uuid - the one with this uuid
 */
bool cli_object_by_uuid(struct cli_run *r, const struct cli_class *c,
    const char *uuid, struct cli_object *o_out);

/*
 * cli_cache_uuid - the uuid of an object by ref, name_out NULL or its name;
 *         NULL when the server does not know it
 * cli_cache_record - a record by ref, all of the class read at once; NULL when
 *         there is none
 *
 * errors  false: out of memory; whatever the server says is "not there"
 */
bool cli_cache_uuid(
    struct cli_run *r, const char *cls, const char *ref, const char **uuid_out);
bool cli_cache_record(struct cli_run *r, const char *cls, const char *ref,
    const struct cli_val **record_out);

#endif
