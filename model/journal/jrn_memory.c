/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jrn_memory - a journal that keeps everything in memory, for tests
 *
 * A plain list of packed records, searched from end to end: slow and obvious.
 * (Bulk tests load many records and commit few.)  A commit packs everything it
 * will need before it alters anything, so it is atomic under failing memory.
 */

/* System */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/journal/jrn_memory.h"

#define MEMORY_EXHAUSTED "out of memory"

struct memory {
	struct jrn j; /* first: the handle */
	void **rec;   /* packed; live fields as they were: load resets them */
	size_t n, room;
	uint64_t generation;
	struct jrn_memory_fault fault;
	size_t also;  /* a second commit that fails the same way */
	bool is_kept; /* what fails for good is stored all the same */
	size_t commits;
	size_t changes;
};

static const struct jrn_ops jrn_memory;

/* memory_of - the backend's own struct */
static struct memory *
memory_of(struct jrn *j)
{
	return (struct memory *)(void *)j;
}

static const struct memory *
memory_read(const struct jrn *j)
{
	return (const struct memory *)(const void *)j;
}

/* reserve - room for n more records; false: out of memory */
static bool
reserve(struct memory *m, size_t n)
{
	size_t room = m->room > 0 ? m->room : 16;
	void **rec;

	while (room < m->n + n)
		room *= 2;
	if (room == m->room)
		return true;
	rec = realloc(m->rec, room * sizeof *rec);
	if (rec == NULL)
		return false;
	m->rec = rec;
	m->room = room;
	return true;
}

/* find - index of a record; m->n: none */
static size_t
find(const struct memory *m, int cls, const struct idl_ref *ref)
{
	const struct idl_hdr *h;
	size_t i;

	for (i = 0; i < m->n; i++) {
		h = m->rec[i];
		if (h->cls == cls && idl_ref_equal(&h->ref, ref))
			break;
	}
	return i;
}

/* enter - one record's new state; packed is ours from now on, NULL: deleted */
static void
enter(struct memory *m, const struct jrn_change *c, void *packed)
{
	/* New refs are random: nothing to look for. */
	size_t i = c->was == NULL ? m->n : find(m, c->cls, &c->ref);

	if (packed == NULL) {
		if (i < m->n) {
			free(m->rec[i]);
			m->rec[i] = m->rec[--m->n];
		}
		return;
	}
	if (i < m->n)
		free(m->rec[i]);
	else
		m->n++;
	m->rec[i] = packed;
}

/* apply - all of a batch or nothing; false: out of memory */
static bool
apply(struct memory *m, const struct jrn_change *c, size_t n)
{
	void **packed = calloc(n + 1, sizeof *packed);
	bool ok = packed != NULL && reserve(m, n);
	size_t i;

	for (i = 0; i < n && ok; i++) {
		if (c[i].now == NULL)
			continue;
		packed[i] = idl_record_pack(idl_classes[c[i].cls], c[i].now);
		ok = packed[i] != NULL;
	}
	for (i = 0; i < n && packed != NULL; i++) {
		if (ok)
			enter(m, &c[i], packed[i]);
		else
			free(packed[i]);
	}
	free(packed);
	return ok;
}

static enum err
memory_load(struct jrn *j, jrn_load_f *each, void *ctx,
    uint64_t *generation_out, struct failure *why)
{
	struct memory *m = memory_of(j);
	const struct idl_hdr *h;
	enum err rc;
	size_t i;

	for (i = 0; i < m->n; i++) {
		h = m->rec[i];
		rc = each(ctx, h->cls, h, why);
		if (rc != ERR_NONE)
			return rc;
	}
	*generation_out = m->generation;
	return ERR_NONE;
}

/* truly - what happens to a batch, faults or not */
static enum jrn_result
truly(struct memory *m, uint64_t generation, const struct jrn_change *changes,
    size_t n, char *reason, size_t reason_bytes)
{
	if (!apply(m, changes, n)) {
		(void)snprintf(reason, reason_bytes, MEMORY_EXHAUSTED);
		return JRN_REFUSED;
	}
	m->generation = generation;
	return JRN_COMMITTED;
}

static enum jrn_result
memory_commit(struct jrn *j, uint64_t generation,
    const struct jrn_change *changes, size_t n, char *reason,
    size_t reason_bytes)
{
	struct memory *m = memory_of(j);
	const struct jrn_memory_fault *f = &m->fault;

	m->changes = n;
	m->commits++;
	if ((m->commits != f->nth && m->commits != m->also) ||
	    f->answer == JRN_COMMITTED)
		return truly(m, generation, changes, n, reason, reason_bytes);
	if (f->answer == JRN_UNKNOWN &&
	    (f->resolve == JRN_COMMITTED || m->is_kept) &&
	    truly(m, generation, changes, n, reason, reason_bytes) !=
		JRN_COMMITTED)
		return JRN_REFUSED;
	(void)snprintf(reason, reason_bytes, "fault %zu", m->commits);
	return f->answer;
}

static enum jrn_result
memory_resolve(
    struct jrn *j, uint64_t generation, char *reason, size_t reason_bytes)
{
	struct memory *m = memory_of(j);

	(void)generation; /* it knows what it did */
	(void)snprintf(
	    reason, reason_bytes, "fault %zu, read back", m->commits);
	return m->fault.resolve;
}

static void
memory_close(struct jrn **j)
{
	struct memory *m;
	size_t i;

	if (*j == NULL)
		return;
	m = memory_of(*j);
	for (i = 0; i < m->n; i++)
		free(m->rec[i]);
	free(m->rec);
	free(m);
	*j = NULL;
}

struct jrn *
jrn_memory_new(void)
{
	struct memory *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->j.ops = &jrn_memory;
	return &m->j;
}

struct jrn *
jrn_memory_copy(const struct jrn *j)
{
	const struct memory *from = memory_read(j);
	struct jrn *to = jrn_memory_new();
	size_t i;

	if (to == NULL)
		return NULL;
	memory_of(to)->generation = from->generation;
	for (i = 0; i < from->n; i++) {
		if (jrn_memory_put(to, from->rec[i]) != 0) {
			memory_close(&to);
			return NULL;
		}
	}
	return to;
}

void
jrn_memory_fail(struct jrn *j, struct jrn_memory_fault fault)
{
	struct memory *m = memory_of(j);

	m->fault = fault;
	m->also = 0;
	m->is_kept = false;
	m->commits = 0;
}

void
jrn_memory_doom(struct jrn *j, size_t nth, bool is_kept)
{
	jrn_memory_fail(
	    j, (struct jrn_memory_fault){nth, JRN_UNKNOWN, JRN_FATAL});
	memory_of(j)->is_kept = is_kept;
}

void
jrn_memory_fail_also(struct jrn *j, size_t nth)
{
	memory_of(j)->also = nth;
}

int
jrn_memory_put(struct jrn *j, const void *rec)
{
	struct memory *m = memory_of(j);
	const struct idl_hdr *h = rec;

	if (!reserve(m, 1))
		return -1;
	m->rec[m->n] = idl_record_pack(idl_classes[h->cls], rec);
	if (m->rec[m->n] == NULL)
		return -1;
	m->n++;
	return 0;
}

size_t
jrn_memory_commits(const struct jrn *j)
{
	return memory_read(j)->commits;
}

size_t
jrn_memory_changes(const struct jrn *j)
{
	return memory_read(j)->changes;
}

size_t
jrn_memory_records(const struct jrn *j)
{
	return memory_read(j)->n;
}

static const struct jrn_ops jrn_memory = {
    .name = "memory",
    .load = memory_load,
    .commit = memory_commit,
    .resolve = memory_resolve,
    .close = memory_close,
};
