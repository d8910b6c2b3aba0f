/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_history - batches whose outcome can be told from the generation alone
 */

/* System */
#include <stdlib.h>
#include <string.h>

/* Own */
#include "tests/fault/help_history.h"

#define RECORDS 12
#define TEXT_MAX_BYTES 6000

enum deed { DEED_NONE, DEED_PUT, DEED_DELETE };

/* mix - an arbitrary number that g and i decide (splitmix64) */
static uint64_t
mix(uint64_t g, uint64_t i)
{
	uint64_t z = (g * RECORDS + i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* deed_of - what batch g does to record i; something always to record g */
static enum deed
deed_of(uint64_t g, uint64_t i)
{
	if (g % RECORDS == i)
		return DEED_PUT;
	switch (mix(g, i) % 8) {
	case 0:
		return DEED_DELETE;
	case 1:
	case 2:
		return DEED_PUT;
	}
	return DEED_NONE;
}

/* A record with room for what it points to. */
struct entry {
	struct idl_vm vm;
	const char *key, *value;
	struct idl_map map;
	char text[TEXT_MAX_BYTES + 1];
};

/* entry_fill - record i as batch g leaves it */
static void
entry_fill(struct entry *e, uint64_t g, uint64_t i)
{
	uint64_t r = mix(g, i);
	size_t n = r % 4 == 0 ? (r >> 8) % TEXT_MAX_BYTES : (r >> 8) % 300;

	idl_record_init(idl_classes[IDL_CLASS_VM], &e->vm);
	e->vm.h.ref = help_ref(i + 1);
	e->vm.h.created = i;
	e->vm.h.modified = g;
	e->vm.memory_target = (int64_t)r;
	memset(e->text, 'a' + (int)(r % 26), n);
	e->text[n] = '\0';
	e->key = "text";
	e->value = e->text;
	e->map = (struct idl_map){1, &e->key, &e->value};
	e->vm.other_config = &e->map;
}

enum jrn_result
help_history_commit(
    struct jrn *j, uint64_t g, char *reason, size_t reason_bytes)
{
	static struct entry entries[RECORDS];
	struct jrn_change changes[RECORDS];
	enum deed deed;
	size_t n = 0;
	uint64_t i;

	for (i = 0; i < RECORDS; i++) {
		deed = deed_of(g, i);
		if (deed == DEED_NONE)
			continue;
		entry_fill(&entries[i], g, i);
		changes[n++] =
		    (struct jrn_change){IDL_CLASS_VM, help_ref(i + 1), NULL,
			deed == DEED_PUT ? &entries[i].vm : NULL};
	}
	return j->ops->commit(j, g, changes, n, reason, reason_bytes);
}

const char *
help_history_check(const struct help_held *held)
{
	static struct entry e;
	const struct idl_class *c = idl_classes[IDL_CLASS_VM];
	struct idl_ref ref;
	const void *got;
	size_t there = 0;
	uint64_t i, g;

	for (i = 0; i < RECORDS; i++) {
		ref = help_ref(i + 1);
		got = help_find(held, IDL_CLASS_VM, &ref);
		for (g = held->generation; g > 0; g--)
			if (deed_of(g, i) != DEED_NONE)
				break;
		if (g == 0 || deed_of(g, i) == DEED_DELETE) {
			if (got != NULL)
				return "a record is there that was deleted";
			continue;
		}
		there++;
		entry_fill(&e, g, i);
		if (got == NULL)
			return "a record is missing";
		if (!help_same(c, &e.vm, got))
			return "a record is not of this generation";
	}
	return there == held->n ? NULL : "there are strange records";
}
