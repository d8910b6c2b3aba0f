/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own */
#include "model/idl.h"
#include "xen/hv_sim_ini.h"
#include "xen/hv_uuid.h"

#define NUMBER_MAX 8192 /* of cpus */

enum kind { SIZE, SPEED, NUMBER, YES_NO, ADDRESS, UUID };

struct row {
	const char *key;
	enum kind kind;
	size_t offset; /* in struct hv_sim_host, where the kind needs it */
};

#define AT(member) offsetof(struct hv_sim_host, member)

static const struct row rows[] = {
    {"memory", SIZE, AT(memory_kib)},
    {"dom0", SIZE, AT(dom0_kib)},
    {"xen", SIZE, AT(xen_kib)},
    {"scrub_rate", SPEED, AT(scrub_kib_s)},
    {"cpus", NUMBER, AT(cpus)},
    {"dom0_vcpus", NUMBER, AT(dom0_vcpus)},
    {"hvm", YES_NO, AT(flags)},
    {"address", ADDRESS, AT(address)},
    {"uuid", UUID, AT(uuid)},
};
#define NROWS (sizeof rows / sizeof rows[0])

struct hosts {
	struct hv_sim_host *v;
	unsigned *line; /* of the section of each */
	size_t n;
	bool in_host;	  /* the section we are in is that of v[n - 1] */
	bool seen[NROWS]; /* keys of this section */
	char text[200];	  /* a sentence being returned */
};

/* known - the uuid that a host will have */
static struct hv_uuid
known(const struct hv_sim_host *h)
{
	if (h->uuid.hi != 0 || h->uuid.lo != 0)
		return h->uuid;
	return hv_uuid_of_name("host", h->name);
}

/* ---- sections ---- */

static const char *
add_host(struct hosts *hs, const char *name, unsigned line)
{
	struct hv_sim_host *v;
	unsigned *lines;

	if (name[0] == '\0')
		return "a host needs a name: [host NAME]";
	if (strlen(name) >= sizeof hs->v->name)
		return "the host's name is too long";
	for (size_t i = 0; i < hs->n; i++)
		if (strcmp(hs->v[i].name, name) == 0)
			return "there is a host of this name already";
	v = realloc(hs->v, (hs->n + 1) * sizeof *v);
	if (v == NULL)
		return "out of memory";
	hs->v = v;
	lines = realloc(hs->line, (hs->n + 1) * sizeof *lines);
	if (lines == NULL)
		return "out of memory";
	hs->line = lines;
	hv_sim_host_init(&v[hs->n]);
	memset(v[hs->n].name, 0, sizeof v->name);
	memcpy(v[hs->n].name, name, strlen(name));
	lines[hs->n] = line;
	hs->n++;
	hs->in_host = true;
	memset(hs->seen, 0, sizeof hs->seen);
	return NULL;
}

static const char *
on_section(void *ctx, const char *section, unsigned line)
{
	struct hosts *hs = ctx;

	hs->in_host = false;
	if (strncmp(section, "host ", 5) == 0)
		return add_host(
		    hs, section + 5 + strspn(section + 5, " "), line);
	if (strncmp(section, "vm ", 3) == 0)
		return NULL;
	(void)snprintf(hs->text, sizeof hs->text,
	    "unknown section, neither [host NAME] nor [vm NAME]");
	return hs->text;
}

/* ---- keys ---- */

static const char *
set_number(unsigned char *at, const char *value)
{
	unsigned long v;
	uint32_t n;
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return "is not a number from 1 to 8192";
	v = strtoul(value, &end, 10);
	if (*end != '\0' || v == 0 || v > NUMBER_MAX)
		return "is not a number from 1 to 8192";
	n = (uint32_t)v;
	memcpy(at, &n, sizeof n);
	return NULL;
}

static const char *
set_yes_no(struct hv_sim_host *h, const char *value)
{
	if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0)
		h->flags |= HV_H_HVM;
	else if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0)
		h->flags &= ~HV_H_HVM;
	else
		return "is neither yes nor no";
	return NULL;
}

static const char *
set_uuid(struct hv_sim_host *h, const char *value)
{
	struct idl_ref ref;

	if (!idl_uuid_parse(value, strlen(value), &ref) ||
	    idl_ref_is_null(&ref))
		return "is not a uuid";
	h->uuid.hi = ref.hi;
	h->uuid.lo = ref.lo;
	return NULL;
}

static const char *
set_address(struct hv_sim_host *h, const char *value)
{
	if (strlen(value) >= sizeof h->address)
		return "is too long";
	memset(h->address, 0, sizeof h->address);
	memcpy(h->address, value, strlen(value));
	return NULL;
}

/* set - a value by its row; the end of a sentence when it is wrong */
static const char *
set(struct hv_sim_host *h, const struct row *row, const char *value)
{
	unsigned char *at = (unsigned char *)h + row->offset;
	uint64_t kib;

	switch (row->kind) {
	case NUMBER:
		return set_number(at, value);
	case YES_NO:
		return set_yes_no(h, value);
	case ADDRESS:
		return set_address(h, value);
	case UUID:
		return set_uuid(h, value);
	case SIZE:
	case SPEED:
		break;
	}
	if (!hv_parse_size(value, &kib))
		return "is not a size, such as 512MiB or 64GiB";
	if (kib == 0)
		return "is nothing";
	if (row->kind == SPEED && kib > 1ull << 40)
		return "is above 1024TiB";
	memcpy(at, &kib, sizeof kib);
	return NULL;
}

static const char *
on_key(void *ctx, const char *section, const char *key, const char *value,
    unsigned line)
{
	struct hosts *hs = ctx;
	const char *what = "is no key of a host";

	(void)line;
	if (section[0] == '\0')
		return "a key before the first section";
	if (!hs->in_host)
		return NULL;
	for (size_t i = 0; i < NROWS; i++) {
		if (strcmp(rows[i].key, key) != 0)
			continue;
		what = hs->seen[i] ? "is given twice"
				   : set(&hs->v[hs->n - 1], &rows[i], value);
		hs->seen[i] = true;
		break;
	}
	if (what == NULL)
		return NULL;
	(void)snprintf(hs->text, sizeof hs->text, "%.40s %s",
	    hv_utf8_ok(key, strnlen(key, 40)) ? key : "this key", what);
	return hs->text;
}

/* ---- the whole ---- */

/* check - what only the whole file shows */
static int
check(const struct hosts *hs, const char *path, char *why, size_t why_bytes)
{
	char text[HV_TEXT_BYTES + HV_NAME_BYTES];
	struct hv_uuid a, b;

	for (size_t i = 0; i < hs->n; i++) {
		if (!hv_sim_host_check(&hs->v[i], text, sizeof text)) {
			(void)snprintf(why, why_bytes, "%s:%u: %s", path,
			    hs->line[i], text);
			return -1;
		}
		a = known(&hs->v[i]);
		for (size_t j = 0; j < i; j++) {
			b = known(&hs->v[j]);
			if (a.hi != b.hi || a.lo != b.lo)
				continue;
			(void)snprintf(why, why_bytes,
			    "%s:%u: host %s: another host has this uuid", path,
			    hs->line[i], hs->v[i].name);
			return -1;
		}
	}
	return 0;
}

int
hv_sim_read(
    struct hv_sim **w_out, const char *path, char *why, size_t why_bytes)
{
	struct hosts hs;
	struct hv_ini_calls calls = {
	    .ctx = &hs, .section = on_section, .key = on_key};
	struct hv_sim *w = NULL;
	int rc = 0;

	memset(&hs, 0, sizeof hs);
	if (path != NULL)
		rc = hv_ini_read(path, &calls, why, why_bytes);
	if (rc == 0)
		rc = check(&hs, path, why, why_bytes);
	if (rc == 0) {
		w = hv_sim_new(hs.v, hs.n);
		if (w == NULL) {
			(void)snprintf(why, why_bytes, "out of memory");
			rc = -1;
		}
	}
	free(hs.v);
	free(hs.line);
	if (rc == 0)
		*w_out = w;
	return rc;
}
