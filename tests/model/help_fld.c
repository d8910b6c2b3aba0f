/* SPDX-License-Identifier: BSD-2-Clause */
/* help_fld - a field store on a journal in memory, and an audit */

/* System */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Model */
#include "model/fld_priv.h"

/* Own */
#include "tests/model/help_fld.h"

#define ARENA_BYTES ((size_t)256 << 20)

const struct fld_rules help_fld_lax = {NULL, NULL, NULL};

enum err
help_fld_open(struct help_fld *h, struct jrn *j, const struct fld_rules *rules,
    struct failure *why)
{
	enum err rc;

	memset(h, 0, sizeof *h);
	h->j = j != NULL ? j : jrn_memory_new();
	if (h->j == NULL)
		return err_internal(why, "out of memory");
	rc = fld_open(&h->s, h->j, rules, why);
	if (rc != ERR_NONE) {
		h->j->ops->close(&h->j);
		return rc;
	}
	arena_init(&h->a, ARENA_BYTES);
	h->r = fld_reader_new(h->s);
	if (h->r == NULL) {
		help_fld_close(h);
		return err_internal(why, "out of memory");
	}
	return ERR_NONE;
}

void
help_fld_close(struct help_fld *h)
{
	fld_reader_free(&h->r);
	fld_close(&h->s);
	arena_fini(&h->a);
}

const struct fld_view *
help_fld_begin(struct help_fld *h)
{
	arena_reset(&h->a);
	h->tx = fld_tx_begin(h->s, &h->a);
	return h->tx == NULL ? NULL : fld_tx_view(h->tx);
}

enum err
help_fld_end(struct help_fld *h, struct failure *why)
{
	return fld_tx_close(&h->tx, why);
}

void
help_fld_commit(struct help_fld *h)
{
	struct failure why;

	if (h->tx != NULL && help_fld_end(h, &why) != ERR_NONE)
		abort();
	if (fld_batch_commit(h->s, &why) != FLD_COMMITTED)
		abort();
}

struct idl_ref
help_fld_ref(uint64_t n)
{
	return (struct idl_ref){
	    (n + 1) * 0x9e3779b97f4a7c15u, (n + 1) * 0xc2b2ae3d27d4eb4fu};
}

struct idl_vm *
help_fld_vm(struct help_fld *h, uint64_t n, const char *name)
{
	struct idl_ref ref = help_fld_ref(n), uuid = help_fld_ref(~n);
	struct idl_vm *vm = fld_tx_create(h->tx, IDL_CLASS_VM, &ref);
	char *text = arena_alloc(&h->a, IDL_UUID_TEXT);

	if (vm == NULL || text == NULL)
		return NULL;
	idl_uuid_write(&uuid, text);
	vm->uuid = text;
	vm->name_label = arena_strndup(&h->a, name, strlen(name));
	if (vm->name_label == NULL)
		vm->name_label = "";
	return vm;
}

struct idl_vm *
help_fld_edit(struct help_fld *h, uint64_t n)
{
	struct idl_ref ref = help_fld_ref(n);

	return fld_tx_edit(h->tx, IDL_CLASS_VM, &ref);
}

const struct idl_vm *
help_fld_get(const struct fld_view *v, uint64_t n)
{
	struct idl_ref ref = help_fld_ref(n);

	return fld_get(v, IDL_CLASS_VM, &ref);
}

/* is_value - is the field's value one that is indexed? */
static bool
is_value(const struct idl_field *f, const void *value)
{
	if (f->type->kind == IDL_REF)
		return !idl_ref_is_null(value);
	return (f->flags & IDL_F_UNIQUE) == 0 ||
	       **(const char *const *)value != '\0';
}

/* audit_record - found by ref, and once by each of its indexed values */
static const char *
audit_record(const struct fld_view *v, const struct fld_class *k,
    const struct idl_hdr *h, uint64_t *entered)
{
	const struct fld_index *ix;
	const void *value;
	struct idl_ref before;

	if (fld_get(v, h->cls, &h->ref) != (const void *)h)
		return "fld_get and fld_next disagree";
	if (h->cls != k->c->id || h->modified < h->created)
		return "a header is wrong";
	for (ix = k->index; ix < k->index + k->nindexes; ix++) {
		value = (const char *)h + ix->field->offset;
		if (!is_value(ix->field, value))
			continue;
		entered[ix - k->index]++;
		before = h->ref;
		before.hi--;
		if (h->ref.hi > 0 &&
		    fld_find(v, h->cls, (int)(ix->field - k->c->fields), value,
			&before) != (const void *)h)
			return "an index does not find a record";
	}
	return NULL;
}

/* audit_class - every record, and no index entry too many */
static const char *
audit_class(const struct fld_view *v, const struct fld_class *k)
{
	const struct idl_hdr *h = NULL;
	uint64_t entered[16] = {0}, n = 0;
	const char *wrong;
	int i;

	assert(k->nindexes <= 16);
	while (
	    (h = fld_next(v, k->c->id, h == NULL ? NULL : &h->ref)) != NULL) {
		wrong = audit_record(v, k, h, entered);
		if (wrong != NULL)
			return wrong;
		n++;
	}
	if (n != fld_count(v, k->c->id))
		return "fld_count and fld_next disagree";
	for (i = 0; i < k->nindexes; i++)
		if (v->image->root[k->index[i].root].n != entered[i])
			return "an index has an entry too many";
	return NULL;
}

const char *
help_fld_audit(const struct fld_view *v)
{
	const char *wrong = NULL;
	int i;

	for (i = 0; i < idl_nclasses && wrong == NULL; i++)
		wrong = audit_class(v, &v->store->cls[i]);
	return wrong;
}
