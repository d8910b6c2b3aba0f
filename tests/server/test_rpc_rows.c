/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rpc_rows - a whole class, in pieces of any size, is the same reply
 */

/* System */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/journal/jrn_memory.h"

/* Own */
#include <criterion/criterion.h>

#include "tests/model/help_alloc.h"
#include "api/evt_priv.h"
#include "api_handlers.h"
#include "server/jsn.h"
#include "server/xml.h"
#include "tests/server/help_rpc.h"

#define ARENA ((size_t)1 << 20)
#define OUT_MAX ((size_t)1 << 24)
#define VMS 100
#define REPLY                                                                  \
	"<?xml version=\"1.0\"?><methodResponse><params><param><value>"        \
	"<struct><member><name>Status</name><value>Success</value></member>"   \
	"<member><name>Value</name>"
#define REPLY_END "</member></struct></value></param></params></methodResponse>"

/* ---- a store with one host and its VMs, and a call that lists a class ---- */

struct list {
	struct fld_store *store;
	struct fld_reader *reader;
	struct idl_msg msg;
	struct api_call call;
};

static struct jsn_envelope envelope = {.v2 = true, .id = 7};

static struct api_env env; /* of a world that nothing is known of */

static const struct fld_rules rules = {NULL, NULL, NULL};

static void
fill(struct fld_store *s)
{
	struct idl_ref ref = {1, 1};
	struct failure why;
	struct arena a;
	struct fld_tx *tx;
	struct idl_host *host;
	struct idl_vm *vm;
	char uuid[IDL_UUID_TEXT];

	arena_init(&a, ARENA);
	tx = fld_tx_begin(s, &a);
	host = fld_tx_create(tx, IDL_CLASS_HOST, &ref);
	host->uuid = "host";
	for (uint64_t i = 0; i < VMS; i++) {
		ref = (struct idl_ref){i * 7919 % VMS + 1, i};
		vm = fld_tx_create(tx, IDL_CLASS_VM, &ref);
		idl_uuid_write(&ref, uuid);
		vm->uuid = arena_strndup(&a, uuid, strlen(uuid));
		vm->name_label = "<a name>";
		vm->resident_on = (struct idl_ref){1, 1};
	}
	cr_assert_eq(fld_tx_close(&tx, &why), ERR_NONE);
	cr_assert_eq(fld_batch_commit(s, &why), FLD_COMMITTED);
	arena_fini(&a);
}

static void
list_open(struct list *l, bool filled)
{
	struct failure why;

	memset(l, 0, sizeof *l);
	cr_assert_eq(
	    fld_open(&l->store, jrn_memory_new(), &rules, &why), ERR_NONE);
	if (filled)
		fill(l->store);
	l->reader = fld_reader_new(l->store);
	cr_assert_not_null(l->reader);
	l->call.env = &env;
	l->call.msg = &l->msg;
	l->call.owner = &envelope;
	l->call.view = fld_pin(l->reader);
}

static void
list_close(struct list *l)
{
	fld_unpin(l->reader, l->call.view);
	fld_reader_free(&l->reader);
	fld_close(&l->store);
}

static void
ask(struct list *l, int cls, enum api_rows rows)
{
	l->msg.cls = cls;
	l->call.rows = rows;
}

/* ---- tests ---- */

static const struct {
	int cls;
	enum api_rows rows;
} asked[] = {
    {IDL_CLASS_VM, API_ROWS_REFS},
    {IDL_CLASS_VM, API_ROWS_RECORDS},
    {IDL_CLASS_HOST, API_ROWS_RECORDS},
    {IDL_CLASS_POOL, API_ROWS_RECORDS},
};
#define NASKED (sizeof asked / sizeof *asked)

/* count - how often a text occurs in another */
static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

Test(rpc_rows, an_empty_class)
{
	struct http_buf out;
	struct list l;

	list_open(&l, false);
	http_buf_init(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_REFS);
	cr_assert(rpc_write_reply(&xml_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_str_eq(out.p,
	    REPLY "<value><array><data></data></array></value>" REPLY_END);
	http_buf_reset(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_RECORDS);
	cr_assert(rpc_write_reply(&xml_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_str_eq(
	    out.p, REPLY "<value><struct></struct></value>" REPLY_END);
	http_buf_fini(&out);
	list_close(&l);
}

Test(rpc_rows, every_record_once_with_its_inverse_fields)
{
	struct http_buf out;
	struct list l;
	const char *at;

	list_open(&l, true);
	http_buf_init(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_REFS);
	cr_assert(rpc_write_reply(&xml_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_eq(count(out.p, "<value>OpaqueRef:"), VMS);
	http_buf_reset(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_RECORDS);
	cr_assert(rpc_write_reply(&xml_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_eq(count(out.p, "<member><name>OpaqueRef:"), VMS);
	cr_expect_eq(count(out.p, "<value>&lt;a name&gt;</value>"), VMS);
	http_buf_reset(&out, OUT_MAX);
	ask(&l, IDL_CLASS_HOST, API_ROWS_RECORDS);
	cr_assert(rpc_write_reply(&xml_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	at = strstr(out.p, "<name>resident_VMs</name>");
	cr_assert_not_null(at);
	cr_expect_eq(count(at, "<value>OpaqueRef:00"), VMS);
	http_buf_fini(&out);
	list_close(&l);
}

Test(rpc_rows, json_has_a_comma_between_rows_only)
{
	struct http_buf out;
	struct list l;

	list_open(&l, false);
	http_buf_init(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_REFS);
	cr_assert(rpc_write_reply(&jsn_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_str_eq(out.p, "{\"jsonrpc\":\"2.0\",\"result\":[],\"id\":7}");
	http_buf_reset(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_RECORDS);
	cr_assert(rpc_write_reply(&jsn_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_str_eq(out.p, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":7}");
	list_close(&l);
	list_open(&l, true);
	http_buf_reset(&out, OUT_MAX);
	ask(&l, IDL_CLASS_VM, API_ROWS_REFS);
	cr_assert(rpc_write_reply(&jsn_codec, &l.call, &out));
	http_buf_add(&out, "", 1);
	cr_expect_eq(count(out.p, "\"OpaqueRef:"), VMS);
	cr_expect_eq(count(out.p, "\",\"OpaqueRef:"), VMS - 1);
	http_buf_fini(&out);
	list_close(&l);
}

/* check_json - is it JSON with so many rows in it? */
static void
check_json(const struct http_buf *out, const struct list *l)
{
	json_t *root = json_loadb(out->p, out->len, 0, NULL);
	const json_t *result = json_object_get(root, "result");
	size_t want = l->msg.cls == IDL_CLASS_VM ? VMS : 0;

	cr_assert_not_null(root);
	if (l->call.rows == API_ROWS_EVENTS && json_is_object(result))
		result = json_object_get(result, "events");
	if (l->call.rows == API_ROWS_EVENTS)
		cr_expect_eq(json_array_size(result), VMS + 1);
	if (l->call.rows == API_ROWS_REFS)
		cr_expect_eq(json_array_size(result), want);
	else if (want > 0)
		cr_expect_eq(json_object_size(result), want);
	json_decref(root);
}

/* check_pieces - a reply in pieces of some sizes, and whole */
static void
check_pieces(const struct rpc_codec *codec, const struct list *l)
{
	static const size_t sizes[] = {1, 100, 1000, 4096, 65536, OUT_MAX};
	struct http_buf whole, out;
	struct rpc_rows r;
	size_t before;

	http_buf_init(&whole, OUT_MAX);
	http_buf_init(&out, OUT_MAX);
	cr_assert(rpc_write_reply(codec, &l->call, &whole));
	if (codec == &jsn_codec)
		check_json(&whole, l);
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		http_buf_reset(&out, OUT_MAX);
		rpc_rows_init(&r, codec, &l->call);
		do
			before = out.len;
		while (rpc_rows_more(&r, &out, sizes[k]) &&
		       out.len >= before + sizes[k]);
		rpc_rows_fini(&r);
		cr_expect_eq(out.len, whole.len);
		cr_expect_arr_eq(out.p, whole.p, whole.len);
	}
	http_buf_fini(&whole);
	http_buf_fini(&out);
}

Test(rpc_rows, pieces_of_any_size_make_the_same_reply)
{
	struct list l;

	list_open(&l, true);
	for (size_t i = 0; i < NASKED; i++) {
		ask(&l, asked[i].cls, asked[i].rows);
		for (enum help_rpc k = 0; k < HELP_RPC_N; k++)
			check_pieces(help_rpc_protocols[k].codec, &l);
	}
	list_close(&l);
}

Test(rpc_rows, a_buffer_between_pieces_need_hold_one_piece_only)
{
	struct http_buf out;
	struct rpc_rows r;
	struct list l;
	size_t most = 0;
	bool more;

	list_open(&l, true);
	ask(&l, IDL_CLASS_VM, API_ROWS_RECORDS);
	http_buf_init(&out, OUT_MAX);
	rpc_rows_init(&r, &xml_codec, &l.call);
	do {
		http_buf_reset(&out, OUT_MAX);
		more = rpc_rows_more(&r, &out, 1000);
		most = out.len > most ? out.len : most;
	} while (more);
	rpc_rows_fini(&r);
	cr_expect(most < 32768, "%zu", most);
	http_buf_fini(&out);
	list_close(&l);
}

Test(rpc_rows, each_allocation_may_fail)
{
	struct http_buf out;
	struct list l;
	bool ok = false, failed;
	size_t n;

	list_open(&l, true);
	ask(&l, IDL_CLASS_HOST, API_ROWS_RECORDS);
	for (enum help_rpc k = 0; k < HELP_RPC_N; k++) {
		failed = true;
		for (n = 1; failed && n < 1000; n++) {
			http_buf_init(&out, OUT_MAX);
			help_alloc_fail_nth(n);
			ok = rpc_write_reply(
			    help_rpc_protocols[k].codec, &l.call, &out);
			failed = help_alloc_stop();
			cr_assert(ok != failed && ok == !out.failed);
			http_buf_fini(&out);
		}
		cr_assert(ok && n > 3);
	}
	list_close(&l);
}

/* ---- events: the rows of a set, alone or first in a record ---- */

/* take_events - every VM added, one gone */
static void
take_events(struct list *l)
{
	const struct idl_hdr *rec = NULL;
	struct evt_rows *rows =
	    malloc(sizeof(*rows) + (VMS + 1) * sizeof(*rows->entry));

	cr_assert_not_null(rows);
	memset(rows, 0, sizeof(*rows));
	rows->timestamp = "0.0";
	while ((rec = fld_next(l->call.view, IDL_CLASS_VM,
		    rec != NULL ? &rec->ref : NULL)) != NULL)
		rows->entry[rows->n++] = (struct evt_entry){
		    .generation = rec->modified,
		    .ref = rec->ref,
		    .cls = rec->cls,
		    .operation = IDL_EVENT_OPERATION_ADD,
		};
	rows->entry[rows->n++] = (struct evt_entry){.generation = 9,
	    .ref = {9, 9},
	    .cls = IDL_CLASS_VM,
	    .operation = IDL_EVENT_OPERATION_DEL};
	l->call.events = rows;
	l->call.rows = API_ROWS_EVENTS;
}

/* set_of_rows - the same events as one value */
static const struct idl_set *
set_of_rows(const struct list *l, struct arena *a)
{
	size_t n = api_evt_rows(&l->call);
	struct idl_set *set = arena_alloc(a, sizeof(*set));
	const void **items = arena_alloc(a, n * sizeof(*items));

	cr_assert(set != NULL && items != NULL);
	for (size_t i = 0; i < n; i++)
		cr_assert_not_null(items[i] = api_evt_row(&l->call, i, a));
	set->n = (uint32_t)n;
	set->items = items;
	return set;
}

/* check_same - by rows, in pieces, it is what it is in one piece */
static void
check_same(
    const struct rpc_codec *codec, struct list *l, void *whole, void *without)
{
	struct http_buf one, rows;

	http_buf_init(&one, OUT_MAX);
	http_buf_init(&rows, OUT_MAX);
	l->call.rows = API_ROWS_NONE;
	l->call.result = whole;
	cr_assert(rpc_write_reply(codec, &l->call, &one));
	l->call.rows = API_ROWS_EVENTS;
	l->call.result = without;
	cr_assert(rpc_write_reply(codec, &l->call, &rows));
	cr_expect_eq(rows.len, one.len);
	cr_expect_arr_eq(rows.p, one.p, one.len);
	check_pieces(codec, l);
	http_buf_fini(&one);
	http_buf_fini(&rows);
}

Test(rpc_rows, events_by_rows_are_the_events)
{
	const char *keys[] = {"vm", "host"};
	const int64_t values[] = {VMS, 1};
	const struct idl_map counts = {2, keys, values};
	struct idl_event_batch b = {
	    .valid_ref_counts = &counts, .token = "1,2"};
	struct idl_event_batch hollow;
	const struct idl_event_batch *full = &b, *empty = &hollow;
	const struct idl_set *none = &idl_set_none;
	struct arena a;
	struct list l;

	list_open(&l, true);
	arena_init(&a, OUT_MAX);
	take_events(&l);
	b.h.cls = IDL_CLASS_EVENT_BATCH;
	b.events = set_of_rows(&l, &a);
	hollow = b;
	hollow.events = none;
	for (enum help_rpc k = 0; k < HELP_RPC_N; k++) {
		l.msg = *api_msg_find("event.from", strlen("event.from"));
		check_same(help_rpc_protocols[k].codec, &l, &full, &empty);
		l.msg = *api_msg_find("event.next", strlen("event.next"));
		check_same(help_rpc_protocols[k].codec, &l, &b.events, &none);
	}
	free(l.call.events);
	arena_fini(&a);
	list_close(&l);
}
