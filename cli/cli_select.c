/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_select - which objects a command line means
 *
 * A filter is "field=value", "map:key=value" (or "map-key=value"), or
 * "set:contains=value"; all of them must match.  Where a uuid or a name says
 * it, only those objects are read, and the whole class otherwise.
 */

/* System */
#include <string.h>

/* Cli */
#include "cli/cli_priv.h"

#define MAX_FILTERS 256

/* A filter of the class or of the command line. */
struct filter {
	const char *key, *value;
	const struct cli_field *field; /* NULL: there is no such field */
	const char *rest;	       /* of the key, behind a map or set */
};

struct selection {
	const struct cli_class *cls;
	struct filter filter[MAX_FILTERS];
	size_t nfilters;
	const char *nick; /* value of vm= or host= */
	struct cli_object *o;
	size_t n, room;
};

static bool
is_set(const struct cli_field *f)
{
	return f->access == CLI_SRO || f->access == CLI_SRW;
}

static bool
is_map(const struct cli_field *f)
{
	return f->access == CLI_MRO || f->access == CLI_MRW;
}

/* field_of_key - the field a key starts with; rest_out: behind ':' or '-' */
static const struct cli_field *
field_of_key(const struct cli_class *c, const char *key, const char **rest_out)
{
	const struct cli_field *f = cli_field_find(c, key), *best = NULL;
	size_t i, n, best_n = 0;
	int kind;

	*rest_out = NULL;
	if (f != NULL)
		return f;
	for (kind = 0; kind < 2 && best == NULL; kind++)
		for (i = 0; i < c->n; i++) {
			f = &c->field[i];
			n = strlen(f->name);
			if ((kind == 0 ? is_map(f) : is_set(f)) && n > best_n &&
			    strncmp(key, f->name, n) == 0 &&
			    (key[n] == ':' || key[n] == '-')) {
				best = f;
				best_n = n;
			}
		}
	if (best != NULL)
		*rest_out = key + best_n + 1;
	return best;
}

/* holds - whether a set has a member, or a map a pair */
static bool
holds(struct cli_run *r, const struct cli_field *f, const struct cli_val *v,
    const struct filter *want, const char *rest, bool *yes_out)
{
	struct cli_field one = *f;
	const char *text;
	size_t i;

	one.shape = f->shape == CLI_REFS ? CLI_REF : CLI_PLAIN;
	*yes_out = false;
	if (v == NULL || (v->kind != CLI_ARRAY && v->kind != CLI_STRUCT))
		return true;
	for (i = 0; i < v->n && !*yes_out; i++) {
		if (is_map(f) &&
		    (v->kind != CLI_STRUCT || strcmp(v->name[i], rest) != 0))
			continue;
		text = cli_field_shape(r, &one, &v->item[i]);
		if (text == NULL)
			return false;
		*yes_out = strcmp(text, want->value) == 0;
	}
	return true;
}

static bool
matches(struct cli_run *r, struct cli_object *o, const struct filter *want,
    bool *yes_out)
{
	const struct cli_field *f = want->field;
	const char *rest = want->rest, *text;
	const struct cli_val *v;

	if (f == NULL)
		return cli_fail_local(r, "Unknown field '%s'", want->key);
	if (rest != NULL) {
		if (is_set(f) && strcmp(rest, "contains") != 0)
			return cli_fail_local(r,
			    "Invalid syntax for set filtering (should be "
			    "set-param:contains=key)");
		return cli_field_value(r, o, f, &v) &&
		       holds(r, f, v, want, rest, yes_out);
	}
	if (!cli_field_text(r, o, f, CLI_FULL, &text))
		return false;
	*yes_out = text != NULL && strcmp(text, want->value) == 0;
	return true;
}

static bool
nick_matches(const struct selection *s, const struct cli_val *record)
{
	static const char *const member[] = {"uuid", "name_label", "hostname"};
	size_t i, n = strcmp(s->cls->name, "host") == 0 ? 3 : 2;

	for (i = 0; i < n; i++)
		if (strcmp(cli_val_str(cli_val_member(record, member[i])),
			s->nick) == 0)
			return true;
	return false;
}

/* add - one object, unless it is there or a filter does not match */
static bool
add(struct cli_run *r, struct selection *s, const char *ref,
    const struct cli_val *record)
{
	struct cli_object *o = &s->o[s->n];
	size_t i;
	bool yes = true;

	if (s->nick != NULL && !nick_matches(s, record))
		return true;
	for (i = 0; i < s->n; i++)
		if (s->nick != NULL && strcmp(s->o[i].ref, ref) == 0)
			return true;
	*o = (struct cli_object){.cls = s->cls, .ref = ref, .record = record};
	for (i = 0; i < s->nfilters && yes; i++)
		if (!matches(r, o, &s->filter[i], &yes))
			return false;
	if (yes)
		s->n++;
	return true;
}

/* add_ref - the same for an object whose record is still to be read */
static bool
add_ref(struct cli_run *r, struct selection *s, const char *ref)
{
	const char *method =
	    cli_pool_printf(r->pool, "%s.get_record", s->cls->api);
	struct cli_val *record = cli_pool_get(r->pool, sizeof(*record));

	if (method == NULL || record == NULL)
		return cli_fail_memory(r);
	return cli_call_ref(r, method, ref, record) && add(r, s, ref, record);
}

/* room_for - place for n more objects */
static bool
room_for(struct cli_run *r, struct selection *s, size_t n)
{
	s->o = cli_pool_array(r->pool, n + 1, sizeof(*s->o));
	return s->o != NULL ? true : cli_fail_memory(r);
}

/* read_uuid - the object of a uuid; none is no error */
static bool
read_uuid(struct cli_run *r, struct selection *s, const char *uuid)
{
	const char *method =
	    cli_pool_printf(r->pool, "%s.get_by_uuid", s->cls->api);
	struct cli_val arg = cli_val_text(uuid), ref;

	if (method == NULL)
		return cli_fail_memory(r);
	if (cli_call(r, method, &arg, 1, &ref))
		return add_ref(r, s, cli_val_str(&ref));
	if (r->trouble != CLI_T_CALL || r->status != CLI_FAILED ||
	    strcmp(r->why.code, "UUID_INVALID") != 0)
		return false;
	r->trouble = CLI_FINE;
	return true;
}

/* read_name - the objects of a name, which may be a uuid as well */
static bool
read_name(struct cli_run *r, struct selection *s)
{
	const char *method =
	    cli_pool_printf(r->pool, "%s.get_by_name_label", s->cls->api);
	struct cli_val arg = cli_val_text(s->nick), refs;
	size_t i;

	if (method == NULL)
		return cli_fail_memory(r);
	if (!cli_call(r, method, &arg, 1, &refs) || !room_for(r, s, refs.n + 1))
		return false;
	for (i = 0; i < refs.n && refs.kind == CLI_ARRAY; i++)
		if (!add_ref(r, s, cli_val_str(&refs.item[i])))
			return false;
	return read_uuid(r, s, s->nick);
}

static bool
read_all(struct cli_run *r, struct selection *s)
{
	const char *method =
	    cli_pool_printf(r->pool, "%s.get_all_records_where", s->cls->api);
	struct cli_val arg = cli_val_text("true"), all;
	size_t i;

	if (method == NULL)
		return cli_fail_memory(r);
	if (!cli_call(r, method, &arg, 1, &all) || !room_for(r, s, all.n))
		return false;
	for (i = 0; i < all.n && all.kind == CLI_STRUCT; i++)
		if (!add(r, s, all.name[i], &all.item[i]))
			return false;
	return true;
}

static bool
add_filter(
    struct cli_run *r, struct selection *s, const char *key, const char *value)
{
	struct filter *f;

	if (s->nfilters == MAX_FILTERS)
		return cli_fail_local(r, "Too many filters");
	f = &s->filter[s->nfilters++];
	f->key = key;
	f->value = value;
	f->field = field_of_key(s->cls, key, &f->rest);
	return true;
}

/* implied - filters "a=b,c=d" of the class */
static bool
implied(struct cli_run *r, struct selection *s, const char *filters)
{
	while (*filters != '\0') {
		size_t n = strcspn(filters, ","), k = strcspn(filters, "=");
		const char *key = cli_pool_text(r->pool, filters, k);
		const char *value =
		    cli_pool_text(r->pool, filters + k + 1, n - k - 1);

		if (key == NULL || value == NULL)
			return cli_fail_memory(r);
		if (!add_filter(r, s, key, value))
			return false;
		filters += n;
		filters += *filters == ',';
	}
	return true;
}

/* is_filter - a word that is neither standard nor the command's own */
static bool
is_filter(struct cli_run *r, const char *key, const char *ignore)
{
	const char *stem = cli_pool_text(r->pool, key, strcspn(key, ":"));

	return stem != NULL && !cli_arg_is_standard(stem) &&
	       strcmp(stem, "database") != 0 && !cli_names_has(ignore, stem);
}

bool
cli_objects(struct cli_run *r, const struct cli_class *c, const char *filters,
    const char *ignore, const char *nickname, struct cli_object **o_out,
    size_t *n_out)
{
	struct selection *s = cli_pool_get(r->pool, sizeof(*s));
	const char *uuid = NULL;
	bool human = r->human, ok = true;
	size_t i;

	if (s == NULL)
		return cli_fail_memory(r);
	s->cls = c;
	ok = implied(r, s, filters);
	for (i = 0; i < r->nparams && ok; i++) {
		const struct cli_param *p = &r->param[i];

		if (nickname != NULL && strcmp(p->key, nickname) == 0) {
			s->nick = s->nick == NULL ? p->value : s->nick;
		} else if (is_filter(r, p->key, ignore)) {
			ok = add_filter(r, s, p->key, p->value);
			if (strcmp(p->key, "uuid") == 0)
				uuid = p->value;
		}
	}
	r->human = false; /* filters compare what scripts see */
	if (!ok)
		return false;
	if (uuid != NULL)
		ok = room_for(r, s, 1) && read_uuid(r, s, uuid);
	else if (s->nick != NULL && strcmp(c->api, "VM") == 0)
		ok = read_name(r, s);
	else
		ok = read_all(r, s);
	r->human = human;
	*o_out = s->o;
	*n_out = s->n;
	return ok;
}

bool
cli_object_by_uuid(struct cli_run *r, const struct cli_class *c,
    const char *uuid, struct cli_object *o_out)
{
	const char *by = cli_pool_printf(r->pool, "%s.get_by_uuid", c->api);
	const char *get = cli_pool_printf(r->pool, "%s.get_record", c->api);
	struct cli_val arg = cli_val_text(uuid), ref;
	struct cli_val *record = cli_pool_get(r->pool, sizeof(*record));

	if (by == NULL || get == NULL || record == NULL)
		return cli_fail_memory(r);
	if (!cli_call(r, by, &arg, 1, &ref) ||
	    !cli_call_ref(r, get, cli_val_str(&ref), record))
		return false;
	*o_out = (struct cli_object){
	    .cls = c, .ref = cli_val_str(&ref), .record = record};
	return true;
}
