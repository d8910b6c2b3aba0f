/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * hv_facts_host - a machine as the hypervisor reports it
 *
 * The host record is edited only when something about the machine changed; its
 * free memory, which changes all the time, is in the metrics and live.
 */

/* System */
#include <stdio.h>
#include <string.h>

/* Model */
#include "model/arena.h"
#include "model/mem.h"
#include "model/units.h"

/* Xen */
#include "xen/hv_facts_priv.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(*(a))))

/* What clients look for before they talk on (spec clients 4). */
static const char *const version_keys[] = {"product_brand", "product_name",
    "product_version", "product_version_text", "product_version_text_short",
    "platform_name", "platform_version", "build_number", "xapi", "xapi_build"};
static const char *const version_values[] = {"xenapi-memory", "xenapi-memory",
    "8.3.0", "8.3", "8.3", "xenapi-memory", "3.4.0", "1", "2.23", "2.23"};
static const struct idl_map version = {
    COUNT(version_keys), version_keys, version_values};

static const char *const license_keys[] = {"restrict_dmc"};
static const char *const license_values[] = {"false"};
static const struct idl_map license = {
    COUNT(license_keys), license_keys, license_values};

static const char *const pv_items[] = {"xen-3.0-x86_64"};
static const struct idl_set pv_only = {COUNT(pv_items), pv_items};
static const char *const hvm_items[] = {
    "xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64"};
static const struct idl_set with_hvm = {COUNT(hvm_items), hvm_items};

static const int64_t platform_items[] = {0, 1, 2};
static const struct idl_set platforms = {COUNT(platform_items), platform_items};

/* cpu_info - cpu_count and what goes with it; NULL: arena full */
static const struct idl_map *
cpu_info(struct arena *a, uint32_t cpus)
{
	static const char *const keys[] = {"cpu_count", "socket_count"};
	struct idl_map *m = arena_alloc(a, sizeof(*m));
	const char **values = arena_alloc(a, sizeof(keys));
	const char *count = arena_printf(a, "%u", (unsigned)cpus);

	if (m == NULL || values == NULL || count == NULL)
		return NULL;
	values[0] = count;
	values[1] = "1";
	m->n = COUNT(keys);
	m->keys = keys;
	m->values = values;
	return m;
}

/* create - records of a host that was never seen */
static enum err
create(struct hv_facts *f, struct fld_tx *tx, const struct hv_host *h,
    struct idl_host **host_out, struct idl_host_metrics **metrics_out,
    struct failure *why)
{
	struct idl_ref ref = f->new_ref(f->ctx), mref = f->new_ref(f->ctx);
	struct idl_ref muuid = f->new_ref(f->ctx);
	struct arena *a = fld_tx_arena(tx);
	struct hv_uuid uuid = {muuid.hi, muuid.lo};
	struct idl_host *host = fld_tx_create(tx, IDL_CLASS_HOST, &ref);
	struct idl_host_metrics *m =
	    fld_tx_create(tx, IDL_CLASS_HOST_METRICS, &mref);

	if (host == NULL || m == NULL)
		return hv_facts_oom(why);
	m->uuid = hv_facts_uuid(tx, &uuid);
	host->uuid = hv_facts_uuid(tx, &h->uuid);
	host->name_label = arena_strndup(a, h->name, strlen(h->name));
	host->boot_epoch = arena_strndup(a, f->epoch, strlen(f->epoch));
	if (m->uuid == NULL || host->uuid == NULL || host->name_label == NULL ||
	    host->boot_epoch == NULL)
		return hv_facts_oom(why);
	host->hostname = host->name_label;
	host->metrics = mref;
	*host_out = host;
	*metrics_out = m;
	return ERR_NONE;
}

/* is_better - is there a sample where there was none, or only an estimate? */
static bool
is_better(const struct idl_host *host, const struct hv_host *h)
{
	if (!(h->flags & HV_H_SAMPLED))
		return false;
	return host->boot_total_bytes == 0 ||
	       (host->overhead_estimated && !(h->flags & HV_H_ESTIMATED));
}

/* sample - what the hypervisor keeps for itself, once for each boot */
static void
sample(struct idl_host *host, const struct hv_host *h)
{
	if (!is_better(host, h))
		return;
	host->boot_total_bytes = hv_facts_bytes(h->total_kib);
	host->boot_free_bytes = hv_facts_bytes(h->boot_free_kib);
	host->overhead_estimated = (h->flags & HV_H_ESTIMATED) != 0;
	host->memory_overhead =
	    mem_host_overhead(h->total_kib, h->boot_free_kib);
}

/* describe - what is said of a host when it becomes live */
static enum err
describe(struct fld_tx *tx, struct idl_host *host, const struct hv_host *h,
    struct failure *why)
{
	struct arena *a = fld_tx_arena(tx);

	host->software_version = &version;
	host->license_params = &license;
	host->virtual_hardware_platform_versions = &platforms;
	host->capabilities = h->flags & HV_H_HVM ? &with_hvm : &pv_only;
	host->cpu_info = cpu_info(a, h->cpus);
	if (host->address[0] == '\0')
		host->address =
		    arena_strndup(a, h->address, strlen(h->address));
	if (host->cpu_info == NULL || host->address == NULL)
		return hv_facts_oom(why);
	host->enabled = true;
	sample(host, h);
	return ERR_NONE;
}

/* lead - the first host leads the pool */
static enum err
lead(struct fld_tx *tx, const struct idl_ref *host, struct failure *why)
{
	const struct idl_pool *was =
	    fld_next(fld_tx_view(tx), IDL_CLASS_POOL, NULL);
	struct idl_pool *pool;

	if (was == NULL || !idl_ref_is_null(&was->master))
		return ERR_NONE;
	pool = fld_tx_edit(tx, IDL_CLASS_POOL, &was->h.ref);
	if (pool == NULL)
		return hv_facts_oom(why);
	pool->master = *host;
	pool->restrictions = &license;
	return ERR_NONE;
}

/* total_bytes - as it is shown: whole MiB (spec D.7) */
static int64_t
total_bytes(const struct hv_host *h)
{
	return hv_facts_bytes(h->total_kib / MIB_KIB * MIB_KIB);
}

/* is_measured - does a report say nothing new? */
static bool
is_measured(const struct idl_host_metrics *m, const struct hv_host *h)
{
	return m->memory_total == total_bytes(h) &&
	       m->memory_free == hv_facts_bytes(h->free_kib) &&
	       m->memory_scrub == hv_facts_bytes(h->scrub_kib) && m->live;
}

/* measure - what changes all the time */
static void
measure(struct idl_host_metrics *m, const struct hv_host *h, int64_t now_s)
{
	m->memory_total = total_bytes(h);
	m->memory_free = hv_facts_bytes(h->free_kib);
	m->memory_scrub = hv_facts_bytes(h->scrub_kib);
	m->live = true;
	m->last_updated = now_s;
}

/* admit - a host that is new, or was not live until now */
static enum err
admit(struct hv_facts *f, struct fld_tx *tx, const struct idl_host *was,
    const struct hv_host *h, struct failure *why)
{
	struct idl_host_metrics *m = NULL;
	struct idl_host *host = NULL;
	enum err rc;

	if (was == NULL) {
		rc = create(f, tx, h, &host, &m, why);
		if (rc != ERR_NONE)
			return rc;
	} else {
		struct idl_ref metrics = was->metrics;

		host = fld_tx_edit(tx, IDL_CLASS_HOST, &was->h.ref);
		m = fld_tx_edit(tx, IDL_CLASS_HOST_METRICS, &metrics);
	}
	if (host == NULL || m == NULL)
		return hv_facts_oom(why);
	measure(m, h, f->now_s);
	rc = describe(tx, host, h, why);
	return rc == ERR_NONE ? lead(tx, &host->h.ref, why) : rc;
}

enum err
hv_facts_host(struct hv_facts *f, struct fld_tx *tx, const struct hv_host *h,
    struct failure *why)
{
	const struct fld_view *v = fld_tx_view(tx);
	const struct idl_host *was =
	    hv_facts_find(v, IDL_CLASS_HOST, IDL_HOST_F_UUID, &h->uuid);
	const struct idl_host_metrics *m =
	    was == NULL ? NULL
			: fld_get(v, IDL_CLASS_HOST_METRICS, &was->metrics);
	struct idl_host_metrics *now;

	if (was != NULL && m == NULL)
		return err_internal(why, "host %s has no metrics", was->uuid);
	if (m == NULL || !m->live || is_better(was, h))
		return admit(f, tx, was, h, why);
	if (is_measured(m, h))
		return ERR_NONE;
	now = fld_tx_edit(tx, IDL_CLASS_HOST_METRICS, &m->h.ref);
	if (now == NULL)
		return hv_facts_oom(why);
	measure(now, h, f->now_s);
	return ERR_NONE;
}
