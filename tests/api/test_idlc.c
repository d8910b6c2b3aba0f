/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDL compiler as a program: a wrong IDL gives file:line: what is wrong,
 * exit 1 and no output; a right one gives every file, the same each time.
 *
 * The program is $IDLC, else build/idlc.
 */

/* System */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char dir[] = "/tmp/test_idlc_XXXXXX";
static char said[8192]; /* standard error of the last run */

static void
set_up(void)
{
	char out[64];

	cr_assert_not_null(mkdtemp(dir));
	snprintf(out, sizeof(out), "%s/out", dir);
	cr_assert_eq(mkdir(out, 0700), 0);
}

static void
tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_expect_eq(system(command), 0);
}

/* compile - run idlc on a text; its exit status */
static int
compile(const char *text, const char *out)
{
	const char *idlc = getenv("IDLC");
	char command[512], path[64];
	size_t n;
	FILE *f;
	int status;

	snprintf(path, sizeof(path), "%s/x.idl", dir);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	cr_assert_eq(fclose(f), 0);
	snprintf(command, sizeof(command), "'%s' '%s' '%s/%s' 2>&1",
	    idlc != NULL ? idlc : "build/idlc", path, dir, out);
	f = popen(command, "r");
	cr_assert_not_null(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* count_files - files in the output folder */
static int
count_files(void)
{
	const struct dirent *e;
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/out", dir);
	d = opendir(path);
	cr_assert_not_null(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			n++;
	closedir(d);
	return n;
}

/* slurp - an output file as a string the caller frees */
static char *
slurp(const char *name)
{
	char *text = calloc(1, 1 << 20);
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/out/%s", dir, name);
	f = fopen(path, "r");
	cr_assert_not_null(f, "%s is missing", name);
	cr_assert_not_null(text);
	(void)!fread(text, 1, (1 << 20) - 1, f); /* empty shows in the test */
	fclose(f);
	return text;
}

static const struct wrong {
	const char *sentence, *text, *message;
} syntax[] = {
    {"a word that starts nothing", "role r \"d\"\nfoo\n", ":2: role, enum,"},
    {"a character that is no sign", "role r \"d\"\n\n  ;", ":3: unexpected"},
    {"a control character", "\001", ":1: unexpected byte 0x01"},
    {"a string without an end", "role r \"d\n", ":1: unterminated string"},
    {"a string cut by the end of file", "role r \"d", ":1: unterminated"},
    {"an escape that is none", "role r \"\\n\"", ":1: \\n is no escape"},
    {"a role without doc", "role r\nrole s \"d\"", ":2: the doc of the role"},
    {"an empty doc", "role r \"\"\n", "the doc of the role is empty"},
    {"an enum without doc", "enum e { a }", ":1: the doc of the enum"},
    {"an enum without values", "enum e \"d\" { }", ":1: a value expected"},
    {"an enum that does not end", "enum e \"d\" { a", "the end of the file"},
    {"an error without sentence", "error E(a: int)\n", "the sentence"},
    {"an error parameter without type", "error E(a)", "\":\" expected"},
    {"a repeated parameter that is not last",
	"error E(a: int ..., b: int) \"d\"", "\")\" expected"},
    {"an operation without doc", "operation o { states A }",
	"the doc of the operation"},
    {"an unknown attribute of an operation",
	"operation o { states A print \"p\" loud \"d\" }", "loud"},
    {"operations given twice",
	"operations a of b \"d\"\noperations c of b \"d\"", ":2: operations"},
    {"a class without doc", "class C { }", ":1: the doc of class C"},
    {"an unknown attribute of a class", "class C\nshiny \"d\" { }",
	":2: unknown attribute \"shiny\""},
    {"a class that does not end", "class C \"d\" {\n", "expected"},
    {"a field without qualifier", "class C \"d\" {\nfield f: int \"d\" }",
	":2: RW, SRO or DRO"},
    {"an unknown attribute of a field",
	"class C \"d\" {\nfield f: int DRO loud \"d\" }",
	":2: unknown attribute \"loud\" of field f"},
    {"a field without doc", "class C \"d\" { field f: int DRO\n}",
	":2: the doc of field f"},
    {"a default given twice",
	"class C \"d\" { field f: int DRO default 1 default 2 \"d\" }",
	"default is given twice"},
    {"a sign as default", "class C \"d\" { field f: int DRO default : \"d\" }",
	"\":\" is no value"},
    {"a filled set as default",
	"class C \"d\" { field f: set(int) DRO default {1} \"d\" }",
	"\"}\" expected"},
    {"void inside a set", "class C \"d\" { field f: set(void) DRO \"d\" }",
	":1: void is only a result"},
    {"a float as key", "class C \"d\" { field f: map(float, int) DRO \"d\" }",
	":1: float cannot be the key of a map"},
    {"a message without result",
	"class C \"d\" { message m() { run read \"d\" } }", "\"->\" expected"},
    {"a message without doc",
	"class C \"d\" { message m() -> void {\nrun read } }",
	":2: the doc of message C.m"},
    {"an unknown attribute of a message",
	"class C \"d\" { message m() -> void { fast \"d\" } }",
	"unknown attribute \"fast\" of message C.m"},
    {"a role given twice",
	"class C \"d\" { message m() -> void { role a role b \"d\" } }",
	"role is given twice"},
    {"a message of no class without a dot",
	"message m() -> void { run read \"d\" }", "\".\" expected"},
};

/* Put before each text below; it ends line 5. */
#define HEAD                                                                   \
	"role top \"d\"\nrole low \"d\"\n"                                     \
	"enum state \"d\" { Off On }\n"                                        \
	"operations ops of state \"d\"\noperation go { states On \"d\" }\n"
#define CLASS(rows) HEAD "class C listed \"d\" {\n" rows "}\n"
#define FIELD(rest) CLASS("field f: " rest " \"d\"\n")
#define MESSAGE(rest) CLASS("field f: int DRO \"d\"\nmessage " rest "\n")

static const struct wrong meaning[] = {
    {"a role twice", "role a \"d\"\nrole a \"d\"\n", ":2: role a is there"},
    {"no roles at all", "enum e \"d\" { a }\n", ":1: there are no roles"},
    {"an enum twice", HEAD "enum state \"d\" { a }", ":6: enum state is"},
    {"an enum named as a type", HEAD "enum bytes \"d\" { a }", ":6: bytes is"},
    {"a value twice", HEAD "enum e \"d\" { a\na }", ":7: enum e has the value"},
    {"values alike in C", HEAD "enum e \"d\" { a_b\na-b }", ":7: enum e has"},
    {"an operation twice", HEAD "operation go { states On \"d\" }",
	":6: enum ops has the value go already"},
    {"an operation without states", HEAD "operation x { \"d\" }",
	":6: operation x has no states"},
    {"an unknown state", HEAD "operation x { states\nIn \"d\" }",
	":7: x: enum state has no value In"},
    {"an unknown control state",
	HEAD "operation x { states On control In"
	     " \"d\" }",
	":6: x: enum state has no value In"},
    {"operations of an unknown enum",
	"role r \"d\"\noperations o of s \"d\"\n"
	"operation x { states A \"d\" }",
	":2: unknown enum s"},
    {"operations that are no enum",
	"role r \"d\"\noperation x { states A \"d\""
	" }",
	":2: \"operations ENUM of STATES\" is missing"},
    {"an error twice", HEAD "error E() \"d\"\nerror E() \"d\"", ":7: error E"},
    {"an error in small letters", HEAD "error e() \"d\"", ":6: error code e"},
    {"the error NONE", HEAD "error NONE() \"d\"", ":6: the error code NONE"},
    {"an error parameter twice", HEAD "error E(a: int,\na: int) \"d\"",
	":7: parameter a is there already"},
    {"an error parameter of unknown type", HEAD "error E(a: foo) \"d\"",
	":6: unknown type foo"},
    {"a class twice",
	CLASS("field f: int DRO \"d\"\n") "class c \"d\" { field f: int DRO "
					  "\"d\" }",
	":9: class c is there"},
    {"a class named any", HEAD "class any \"d\" { field f: int DRO \"d\" }",
	":6: no class can be named any"},
    {"a class without fields", CLASS(""), ":6: class C has no fields"},
    {"a class both private and listed",
	HEAD "class C private listed \"d\" {"
	     " field f: int DRO \"d\" }",
	":6: class C: only one of"},
    {"an internal class with messages",
	HEAD
	"class C internal \"d\" {\n"
	"field f: int DRO \"d\"\nmessage m() -> void { role low run read \"d\""
	" } }",
	":8: class C is internal"},
    {"a field twice", CLASS("field f: int DRO \"d\"\nfield F: int DRO \"d\"\n"),
	":8: class C has a field F already"},
    {"a field named by a word of C", CLASS("field static: int DRO \"d\"\n"),
	":7: static cannot be a name in C"},
    {"a field named h", CLASS("field h: int DRO \"d\"\n"), ":7: h is the"},
    {"a field of unknown type", FIELD("sting DRO"), ":7: unknown type sting"},
    {"a field of type void", FIELD("void DRO"), ":7: field f cannot be of"},
    {"a field that is a record", FIELD("record C DRO"), "cannot be of type"},
    {"a set of records", FIELD("set(record C) DRO"), "cannot be of type"},
    {"a ref of an unknown class", FIELD("ref D DRO"), ":7: unknown class D"},
    {"a record of any", FIELD("record any DRO"),
	":7: field f cannot be of type record any"},
    {"RW without a writer", FIELD("int RW"), ":7: field f: the writer is"},
    {"an unknown writer", FIELD("int RW writer boss"), ":7: unknown role boss"},
    {"a writer of a DRO field", FIELD("int DRO writer top"), "only a RW field"},
    {"a setter of a SRO field", FIELD("int SRO setter"), "only a RW field has"},
    {"a required field with a default", FIELD("int SRO required default 1"),
	":7: field f: a required field has no default"},
    {"a unique int", FIELD("int DRO unique"), "only a string can be unique"},
    {"a lookup ref", FIELD("ref C DRO lookup"), "only a string can be unique"},
    {"an indexed string", FIELD("string DRO indexed"), "only a ref can be"},
    {"a word as int", FIELD("int DRO default many"), "\"many\" is no value"},
    {"a fraction as int", FIELD("int DRO default 1.5"), "\"1.5\" is no value"},
    {"an int past 63 bits", FIELD("int DRO default 9223372036854775808"),
	":7: \"9223372036854775808\" is no value of type int"},
    {"negative bytes", FIELD("bytes DRO default -1"), "of type bytes"},
    {"a string as float", FIELD("float DRO default \"1\""), "of type float"},
    {"an endless float", FIELD("float DRO default 1e999"), "of type float"},
    {"a number as bool", FIELD("bool DRO default 1"), "of type bool"},
    {"a word as string", FIELD("string DRO default on"), "of type string"},
    {"a value the enum has not", FIELD("state DRO default Up"), "type state"},
    {"a string as ref", FIELD("ref C DRO default \"\""), "of type ref C"},
    {"a number as set", FIELD("set(int) DRO default 1"), "of type set(int)"},
    {"an inverse of an unknown class", FIELD("set(ref C) DRO inverse D.g"),
	":7: unknown class D"},
    {"an inverse of an unknown field", FIELD("set(ref C) DRO inverse C.g"),
	":7: class C has no field g"},
    {"an inverse that is no set",
	CLASS("field g: ref C DRO \"d\"\n"
	      "field f: ref C DRO inverse C.g \"d\"\n"),
	":8: field f: an inverse"},
    {"an inverse of a string",
	CLASS("field g: string DRO \"d\"\n"
	      "field f: set(ref C) DRO inverse C.g \"d\"\n"),
	":8: field f: an inv"},
    {"an inverse that can be set",
	CLASS("field g: ref C DRO \"d\"\n"
	      "field f: set(ref C) SRO inverse C.g \"d\"\n"),
	"an inverse is DRO"},
    {"a message without a role", MESSAGE("m() -> void { run read \"d\" }"),
	":8: C.m: the role is missing"},
    {"a message without run", MESSAGE("m() -> void { role low \"d\" }"),
	":8: C.m: run read, write or work is missing"},
    {"an unknown role", MESSAGE("m() -> void { role boss run read \"d\" }"),
	":8: C.m: unknown role boss"},
    {"an unknown run", MESSAGE("m() -> void { role low run fast \"d\" }"),
	":8: C.m: run is read, write or work, not fast"},
    {"an unknown operation",
	MESSAGE("m(self: ref C) -> void { role low"
		" run write operation fly \"d\" }"),
	":8: C.m: unknown operation fly"},
    {"an operation on nothing",
	MESSAGE("m() -> void { role low run write"
		" operation go \"d\" }"),
	":8: C.m: the first parameter of an"},
    {"an unknown error",
	MESSAGE("m() -> void { role low run read errors\n"
		"E_GONE \"d\" }"),
	":9: C.m: unknown error E_GONE"},
    {"a parameter twice",
	MESSAGE("m(a: int, a: int) -> void { role low"
		" run read \"d\" }"),
	":8: C.m: parameter a is there already"},
    {"a parameter of type void",
	MESSAGE("m(a: void) -> void { role low"
		" run read \"d\" }"),
	":8: void is only a result"},
    {"a parameter that is a record of any",
	MESSAGE("m(a: record any) -> void { role low run read \"d\" }"),
	":8: a record of any class is only a result"},
    {"a parameter named by a word of C",
	MESSAGE("m(register: int) -> void { role low run read \"d\" }"),
	":8: register cannot be a name in C"},
    {"an enum that C cannot name", HEAD "enum a-b \"d\" { a }",
	":6: a-b cannot be a name in C"},
    {"a nullable int",
	MESSAGE("m(a: nullable int) -> void { role low"
		" run read \"d\" }"),
	":8: parameter a: only a ref is nullable"},
    {"a bad default of a parameter",
	MESSAGE("m(a: int = x) -> void {"
		" role low run read \"d\" }"),
	":8: \"x\" is no value of type int"},
    {"a default before a required parameter",
	MESSAGE("m(a: int = 1, b: int)"
		" -> void { role low run read \"d\" }"),
	":8: C.m: parameter b has no"},
    {"async without a session",
	MESSAGE("m() -> void { nosession async"
		" run read \"d\" }"),
	":8: C.m: without a session"},
    {"a message twice",
	MESSAGE("m() -> void { role low run read \"d\" }\n"
		"message m() -> void { role low run read \"d\" }"),
	":9: message C.m is there already"},
    {"messages alike in C",
	MESSAGE("m() -> void { role low run read \"d\" }\n"
		"message M() -> void { role low run read \"d\" }"),
	":9: message C.m is there already"},
    {"a message that a field implies",
	MESSAGE("get_f() -> void { role low"
		" run read \"d\" }"),
	":8: message C.get_f is there already"},
};

static void
expect_wrong(const struct wrong *w, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		cr_expect_eq(compile(w[i].text, "out"), 1, "%s: exit status",
		    w[i].sentence);
		cr_expect_not_null(strstr(said, w[i].message),
		    "%s: said \"%s\"", w[i].sentence, said);
		cr_expect_not_null(
		    strstr(said, "/x.idl:"), "%s: no file", w[i].sentence);
		cr_expect_eq(count_files(), 0, "%s: output", w[i].sentence);
	}
}

Test(idlc, wrong_syntax_is_named_with_its_line, .init = set_up,
    .fini = tear_down)
{
	expect_wrong(syntax, N(syntax));
}

Test(idlc, wrong_meaning_is_named_with_its_line, .init = set_up,
    .fini = tear_down)
{
	expect_wrong(meaning, N(meaning));
}

Test(idlc, all_errors_of_meaning_are_listed, .init = set_up, .fini = tear_down)
{
	cr_expect_eq(compile(CLASS("field f: foo DRO \"d\"\n"
				   "field g: int RW \"d\"\n"),
			 "out"),
	    1);
	cr_expect_not_null(strstr(said, ":7: unknown type foo"));
	cr_expect_not_null(strstr(said, ":8: field g: the writer"));
}

static const char right[] = CLASS(
    "writer low\n"
    "field uuid: string DRO unique \"d\"\n"
    "field label: string RW lookup default \"say \\\"hi\\\" \\\\\" \"d\"\n"
    "field words: set(string) RW \"d\"\n"
    "field pairs: map(int, set(float)) RW writer top default {} \"d\"\n"
    "field state: state SRO create default On \"d\"\n"
    "field least: int DRO default -9223372036854775808 \"d\"\n"
    "field half: float DRO default 0.5 \"d\"\n"
    "field yes: bool DRO default true \"d\"\n"
    "field over: ref C DRO default null \"d\"\n"
    "field under: set(ref C) DRO inverse C.over \"d\"\n"
    "field own: int RW setter \"d\"\n"
    "field hidden: bytes DRO internal live \"d\"\n"
    "message go(self: ref C, other: nullable ref any, n: int = 5,\n"
    "    s: string = \"x\") -> set(ref C) { role top run write async\n"
    "    operation go \"first\" \"second\" }\n") "message x.y() -> set(string)"
						 " { nosession run read \"d\" "
						 "}";

Test(idlc, a_right_idl_gives_every_file_and_no_other, .init = set_up,
    .fini = tear_down)
{
	static const char *const names[] = {"idl_errors.h", "idl_types.h",
	    "idl_tables.c", "api_handlers.h", "api_rows.c", "schema.sql",
	    "cli_errors.c", "manual.md"};
	char *text;
	size_t i;

	cr_assert_eq(compile(right, "out"), 0, "%s", said);
	cr_expect_str_eq(said, "");
	cr_expect_eq(count_files(), (int)N(names));
	for (i = 0; i < N(names); i++) {
		text = slurp(names[i]);
		cr_expect_not_null(
		    strstr(text, "generated from x.idl, do not edit"), "%s",
		    names[i]);
		free(text);
	}
}

Test(
    idlc, the_output_holds_what_the_idl_says, .init = set_up, .fini = tear_down)
{
	static const struct {
		const char *sentence, *file, *part;
	} rows[] = {
	    {"a string default keeps its quotes", "idl_tables.c",
		"\"say \\\"hi\\\" \\\\\""},
	    {"the least int has a literal", "idl_tables.c",
		"default_c_least = INT64_MIN;"},
	    {"an inverse makes the ref indexed", "idl_tables.c",
		"IDL_F_INDEXED"},
	    {"an inverse names class and field", "idl_tables.c",
		"&default_c_under, 0, 8,"},
	    {"adjacent docs are joined", "api_rows.c", "\"first second\""},
	    {"defaulted parameters let surplus in", "api_rows.c",
		"IDL_M_ASYNC | IDL_M_SURPLUS"},
	    {"a handler of its own has a prototype", "api_handlers.h",
		"api_c_go(struct api_call *c,"},
	    {"so has a setter that asks for one", "api_handlers.h",
		"api_c_set_own("},
	    {"a message of no class too", "api_handlers.h", "api_x_y("},
	    {"a set has add and remove", "api_rows.c", "\"C.add_words\""},
	    {"a map has add_to and remove_from", "api_rows.c",
		"\"C.remove_from_pairs\""},
	    {"a lookup answers with a set", "api_rows.c",
		"api_generic_get_by_lookup"},
	    {"the schema has persistent fields", "schema.sql", "\"over\" TEXT"},
	    {"the manual has the signature", "manual.md",
		"`C.go(self: ref C, other: nullable ref any, n: int = 5, s: "
		"string = "
		"\"x\") -> set(ref C)`"},
	};
	char *text;
	size_t i;

	cr_assert_eq(compile(right, "out"), 0, "%s", said);
	for (i = 0; i < N(rows); i++) {
		text = slurp(rows[i].file);
		cr_expect_not_null(
		    strstr(text, rows[i].part), "%s", rows[i].sentence);
		free(text);
	}
	text = slurp("schema.sql");
	cr_expect_null(strstr(text, "\"hidden\""), "live is not persisted");
	cr_expect_null(strstr(text, "\"under\""), "an inverse is computed");
	free(text);
	text = slurp("api_rows.c");
	cr_expect_null(strstr(text, "hidden"), "internal has no messages");
	free(text);
}

Test(idlc, a_failed_run_leaves_earlier_output_alone, .init = set_up,
    .fini = tear_down)
{
	char *before, *after;

	cr_assert_eq(compile(right, "out"), 0);
	before = slurp("api_rows.c");
	cr_expect_eq(compile("role", "out"), 1);
	after = slurp("api_rows.c");
	cr_expect_str_eq(before, after);
	free(before);
	free(after);
	cr_expect_eq(count_files(), 8);
}

Test(idlc, output_that_cannot_be_written_is_an_error, .init = set_up,
    .fini = tear_down)
{
	cr_expect_eq(compile(right, "not_there"), 1);
	cr_expect_not_null(strstr(said, "not_there"), "%s", said);
	cr_expect_eq(compile(right, "x.idl"), 1);
}
