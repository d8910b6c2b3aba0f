/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_json - libFuzzer: bytes of a peer through JSON-RPC
 *
 * The input is a body.  What must hold is in help_fuzz, jansson included; and
 * a whole JSON reader agrees that every reply is JSON, with the id that came
 * and with exactly the members of its version.
 */

/* System */
#include <jansson.h>
#include <stdint.h>
#include <string.h>

/* Own */
#include "server/jsn.h"
#include "tests/fuzz/help_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* check_reply - JSON, and the envelope is as it should be */
static void
check_reply(const struct api_call *c, const struct http_buf *out)
{
	const struct jsn_envelope *e = c->owner;
	json_t *root = json_loadb(out->p, out->len, JSON_REJECT_DUPLICATES, 0);
	const json_t *id = json_object_get(root, "id");
	const json_t *error = json_object_get(root, "error");

	CHECK(root != NULL && !out->failed);
	if (e->id_text != NULL)
		CHECK(strcmp(json_string_value(id), e->id_text) == 0);
	else
		CHECK(json_is_integer(id) && json_integer_value(id) == e->id);
	CHECK(json_object_size(root) == 3);
	CHECK((json_object_get(root, "jsonrpc") != NULL) == e->v2);
	if (e->v2)
		CHECK(json_is_array(json_object_get(error, "data")));
	else
		CHECK(json_is_array(error) && json_array_size(error) > 0);
	json_decref(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct help_fuzz json = {
	    .protocol = HELP_RPC_JSON, .check_reply = check_reply};

	help_fuzz_body(&json, (const char *)data, size);
	return 0;
}
