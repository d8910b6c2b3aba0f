/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MODEL_IDL_H
#define MODEL_IDL_H

/*
 * idl - what the generated tables say, and how a typed value lies in memory
 *
 * api/idlc compiles xenapi-memory.idl into tables of these structs.  Store,
 * codecs, getters, persistence and the manual all walk them; nothing else
 * knows a field by name twice.
 *
 * Native layout of a value of each kind ("native" below):
 *   STRING    const char *            never NULL, UTF-8, NUL-terminated
 *   INT       int64_t                 (also bytes, kib, seconds: see unit)
 *   FLOAT     double
 *   BOOL      bool
 *   DATETIME  int64_t                 seconds since the epoch, UTC
 *   REF       struct idl_ref          all zero = OpaqueRef:NULL
 *   ENUM      int32_t                 index into type->en->values
 *   SET       const struct idl_set *  never NULL; &idl_set_none when empty
 *   MAP       const struct idl_map *  never NULL; &idl_map_none when empty
 *   RECORD    const void *            struct idl_<class>; NULL is not a value;
 *                                     of "record any" the header says the
 *                                     class, and NULL leaves the field out
 *   VOID      nothing
 *
 * A record struct (struct idl_vm, ...) starts with struct idl_hdr and holds
 * one member for each field, named as in the IDL.
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/err.h"

struct arena;

enum idl_kind {
	IDL_VOID,
	IDL_STRING,
	IDL_INT,
	IDL_FLOAT,
	IDL_BOOL,
	IDL_DATETIME,
	IDL_REF,
	IDL_ENUM,
	IDL_SET,
	IDL_MAP,
	IDL_RECORD,
};

enum idl_unit {
	IDL_UNIT_NONE,
	IDL_UNIT_BYTES,
	IDL_UNIT_KIB,
	IDL_UNIT_SECONDS,
	IDL_UNIT_INT32, /* fits 32 bits, and the wire shows it (<i4>) */
};

struct idl_ref {
	uint64_t hi, lo; /* the 128 bits of the uuid in OpaqueRef:<uuid> */
};

struct idl_set {
	uint32_t n;
	const void *items; /* n native values of the element type */
};

struct idl_map {
	uint32_t n;
	const void *keys;   /* n native keys */
	const void *values; /* n native values */
};

extern const struct idl_set idl_set_none;
extern const struct idl_map idl_map_none;

struct idl_enum {
	const char *name;
	const char *const *values; /* wire spelling */
	int n;
};

struct idl_type {
	enum idl_kind kind;
	enum idl_unit unit;
	const struct idl_type *key;  /* MAP only */
	const struct idl_type *elem; /* SET element, MAP value */
	const struct idl_enum *en;   /* ENUM only */
	int cls; /* REF, RECORD: enum idl_class_id; any, others: -1 */
};

/* The first member of every record struct. */
struct idl_hdr {
	struct idl_ref ref;
	uint64_t created;  /* store generation that made the record */
	uint64_t modified; /* generation of this version */
	uint32_t bytes;	   /* size of this packed version, all told */
	int32_t cls;	   /* enum idl_class_id */
};

enum idl_qualifier { IDL_RW, IDL_SRO, IDL_DRO };

#define IDL_F_LIVE 0x01u      /* not persisted */
#define IDL_F_INTERNAL 0x02u  /* never on the wire */
#define IDL_F_REQUIRED 0x04u  /* the constructor record must have it */
#define IDL_F_UNIQUE 0x08u    /* indexed, get_by_<field> -> ref */
#define IDL_F_LOOKUP 0x10u    /* indexed, get_by_<field> -> set(ref) */
#define IDL_F_INVERSE 0x20u   /* computed: refs of records that point here */
#define IDL_F_EXTENSION 0x40u /* not in the XenAPI */
#define IDL_F_DEPRECATED 0x80u
#define IDL_F_CREATE 0x100u  /* taken from the constructor record */
#define IDL_F_INDEXED 0x200u /* REF field that an INVERSE field reads */

struct idl_field {
	const char *name;
	const struct idl_type *type;
	uint32_t offset; /* of the member in the record struct */
	uint32_t flags;
	enum idl_qualifier qualifier;
	int writer;	     /* enum idl_role: least role of its setter */
	const void *initial; /* native default; never NULL */
	int inverse_cls;     /* INVERSE: class whose REF field points here */
	int inverse_field;   /* index of that field */
	const char *doc;
};

#define IDL_C_INTERNAL 0x01u /* never on the wire, no messages */
#define IDL_C_PRIVATE 0x02u  /* get_* answers only about the caller's own */
#define IDL_C_LIVE 0x04u     /* no record of it is persisted */
#define IDL_C_LISTED 0x08u   /* get_all, get_all_records, ... exist */
#define IDL_C_EXTENSION 0x10u

struct idl_class {
	const char *name; /* wire name: "VM", "host_metrics" */
	int id;		  /* enum idl_class_id */
	uint32_t flags;
	uint32_t struct_bytes;
	const struct idl_field *fields; /* in IDL order = wire order */
	int nfields;
	const char *doc;
};

struct idl_param {
	const char *name;
	const struct idl_type *type;
	uint32_t offset;     /* in the args struct */
	const void *initial; /* native default; NULL = must be given */
	bool nullable;	     /* REF: null or dangling is let through */
};

enum idl_run {
	IDL_RUN_READ,  /* on a net thread, against the committed image */
	IDL_RUN_WRITE, /* on the writer thread, in a transaction */
	IDL_RUN_WORK,  /* on the worker pool; may go on as a write */
};

#define IDL_M_ASYNC 0x01u     /* Async.<name> exists */
#define IDL_M_NOSESSION 0x02u /* no session parameter */
#define IDL_M_BARE 0x04u      /* XML-RPC reply is the bare value */
#define IDL_M_EXTENSION 0x08u
#define IDL_M_DEPRECATED 0x10u
#define IDL_M_SURPLUS 0x20u /* extra trailing parameters are ignored */

struct api_call;

/* Runs one message: args and result are the generated native structs. */
typedef enum err idl_handler_f(
    struct api_call *c, const void *args, void *result, struct failure *why);

struct idl_msg {
	const char *name; /* "VM.set_memory" */
	int cls;
	const struct idl_param *params; /* without the session */
	int nparams;
	int nrequired; /* params without default */
	uint32_t args_bytes;
	const struct idl_type *result;
	enum idl_run run;
	uint32_t flags;
	int role;      /* enum idl_role: least role */
	int operation; /* enum idl_operation_id, or -1 */
	int field;     /* generic messages: index of the field, or -1 */
	idl_handler_f *handler;
	const char *doc;
};

/* A row of the operation table: what "may this VM do that now?" reads. */
#define IDL_O_TEMPLATE 0x01u /* allowed on templates */
#define IDL_O_SNAPSHOT 0x02u /* allowed on snapshots */
#define IDL_O_CONTROL 0x04u  /* allowed on control domains */
#define IDL_O_LISTED 0x08u   /* may appear in allowed_operations */
#define IDL_O_BUILDER 0x10u  /* a domain is made or ended: a toolstack's */

struct idl_operation {
	const char *name;	 /* enum value */
	const char *printed;	 /* as error parameters print it */
	uint32_t states;	 /* bit per VM power state (enum index) */
	uint32_t control_states; /* more states for a control domain */
	uint32_t flags;
	const char *expected; /* "halted, running": lower case, joined */
	const char *control_expected;
};

struct idl_error {
	const char *code;
	const char *const *params;
	int nparams;
	bool variadic; /* the last parameter may repeat */
	const char *sentence;
};

extern const struct idl_class *const idl_classes[]; /* by enum idl_class_id */
extern const int idl_nclasses;
extern const struct idl_error idl_errors[]; /* by enum err */
extern const char *const idl_roles[];	    /* by enum idl_role, strongest 0 */
extern const int idl_nroles;
extern const struct idl_operation idl_operations[];
extern const int idl_noperations;

#define IDL_REF_TEXT 48 /* "OpaqueRef:" + 36 + NUL, rounded up */
#define IDL_UUID_TEXT 37

/*
 * idl_ref_write, idl_uuid_write - text of a ref or of its bare uuid
 *
 * out     text  at least IDL_REF_TEXT or IDL_UUID_TEXT bytes
 */
void idl_ref_write(const struct idl_ref *ref, char *text);
void idl_uuid_write(const struct idl_ref *ref, char *text);

/*
 * idl_ref_parse, idl_uuid_parse - the ref that a text means
 *
 * in      text  n bytes; "" and OpaqueRef:NULL are the null ref
 * out     ref_out  untouched when the text is no ref
 * returns false when the text cannot be a ref of ours
 */
bool idl_ref_parse(const char *text, size_t n, struct idl_ref *ref_out);
bool idl_uuid_parse(const char *text, size_t n, struct idl_ref *uuid_out);

static inline bool
idl_ref_is_null(const struct idl_ref *r)
{
	return r->hi == 0 && r->lo == 0;
}

static inline bool
idl_ref_equal(const struct idl_ref *a, const struct idl_ref *b)
{
	return a->hi == b->hi && a->lo == b->lo;
}

/*
 * idl_native_bytes - room that a native value of the type takes in a struct
 */
size_t idl_native_bytes(const struct idl_type *t);

/*
 * idl_equal - are two native values of one type the same?
 */
bool idl_equal(const struct idl_type *t, const void *a, const void *b);

/*
 * idl_copy - deep copy of a native value, everything it points to in an arena
 *
 * in      from  native value
 * out     to    idl_native_bytes(t) bytes, written last
 * returns false when the arena is full; to untouched
 */
bool idl_copy(
    const struct idl_type *t, const void *from, void *to, struct arena *a);

/*
 * idl_record_init - a record struct with every field at its IDL default
 */
void idl_record_init(const struct idl_class *c, void *rec);

/*
 * idl_record_pack - one malloc'd block that holds a record and all it points to
 *
 * in      rec  record struct; pointers may lead anywhere
 * returns the block (free with free()), hdr.bytes set; NULL: out of memory
 */
void *idl_record_pack(const struct idl_class *c, const void *rec);

/*
 * idl_enum_index - index of a wire spelling; -1 when it is none of them
 */
int idl_enum_index(const struct idl_enum *e, const char *text, size_t n);

/*
 * idl_field_is_absent - a RECORD field without a record is left out of replies
 *
 * in      rec  record struct that has the field
 */
bool idl_field_is_absent(const struct idl_field *f, const void *rec);

/*
 * idl_record_class - of which class a value of a RECORD type is; not of NULL
 */
const struct idl_class *idl_record_class(
    const struct idl_type *t, const void *rec);

/*
 * idl_field_find - a field of a class by name; NULL when it has none
 */
const struct idl_field *idl_field_find(
    const struct idl_class *c, const char *name);

#endif
