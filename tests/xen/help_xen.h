/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_XEN_HELP_XEN_H
#define TESTS_XEN_HELP_XEN_H

/*
 * help_xen - hv_xen on a hypervisor and a xenstore that are tables
 *
 * The tables are the test's to change; what hv_xen does to them is written
 * down in order, what it says is kept.  Time passes only in help_xen_pass.
 *
 * DIAGNOSTICS fails the test.  BUGS none known.
 */

#include "xen/hv_xen.h"

#define HELP_XEN_DOMAINS 100
#define HELP_XEN_KEYS 512
#define HELP_XEN_UUID 0x1111000000000000ull /* .hi of a domain; .lo its id */

struct help_xen_key {
	char path[HV_XS_PATH_BYTES];
	char value[HV_NAME_BYTES];
	bool bad; /* longer than there is room for */
};

struct help_xen {
	struct hv_xen *x;
	struct hv_xen_conf conf;

	/* Xen */
	struct hv_xc_host host;
	struct hv_xc_domain dom[HELP_XEN_DOMAINS]; /* by domid */
	uint64_t shadow_kib[HELP_XEN_DOMAINS];
	uint32_t ndoms;
	uint32_t logs_dirty;  /* domain in log-dirty mode; 0: none */
	uint64_t dirty_pages; /* written in each interval */
	uint64_t ever_pages;  /* since the log is on, if that is more */
	bool has_no_log;      /* Xen is built without */
	int xc_error;	      /* what HOST and DOMAINS answer */
	int xc_fail_what;     /* this is answered with xc_fail_error, or EIO */
	int xc_fail_error;

	/* xenstore */
	struct help_xen_key key[HELP_XEN_KEYS];
	uint32_t nkeys;
	struct help_xen_key watch[HELP_XEN_KEYS]; /* value: the token */
	uint32_t nwatches;
	char fired[HV_XS_OPS_MAX][16];
	uint32_t nfired;
	int xs_error;	     /* what every batch answers, OPEN too */
	unsigned xs_answers; /* ... after so many that are answered */
	bool silent;	     /* the descriptor for watches is never readable */
	unsigned reads;	     /* batches that read a domain's keys */
	unsigned texts;	     /* longer values that were read */
	const char *rival;

	char trace[4096]; /* "maxmem 1 101376; begin; ...; end; " */
	struct hv_msg *log;
	size_t n, room;
	uint64_t last_id;
};

/*
 * help_xen_init - 8 GiB, dom0 with 1 GiB in it; nothing is opened yet
 * help_xen_open - the first look, an HV_SYNC; the log begins with its answer
 * help_xen_close - all of it
 */
void help_xen_init(struct help_xen *h);
void help_xen_open(struct help_xen *h);
void help_xen_close(struct help_xen *h);

/*
 * help_xen_add - a PVH domain of so many KiB, with xl's keys and a balloon
 * driver; it is visible from the next look on
 * help_xen_remove - it has gone, and its keys
 * help_xen_dom - Xen's side of one
 */
void help_xen_add(struct help_xen *h, uint32_t domid, uint64_t kib);
void help_xen_remove(struct help_xen *h, uint32_t domid);
struct hv_xc_domain *help_xen_dom(struct help_xen *h, uint32_t domid);

/*
 * help_xen_set - a key, as another writer would; NULL: removed.  Watches fire
 * help_xen_get - a key's value; NULL: there is none
 * help_xen_mem - a domain's memory/KEY
 */
void help_xen_set(struct help_xen *h, const char *path, const char *value);
const char *help_xen_get(struct help_xen *h, const char *path);
void help_xen_mem(
    struct help_xen *h, uint32_t domid, const char *key, const char *value);

/*
 * help_xen_pass - ms pass as the process's own loop would let them
 */
void help_xen_pass(struct help_xen *h, uint64_t ms);

/*
 * help_xen_said - a domain as last reported; NULL: never, or it has gone
 * help_xen_host - the host as last reported
 * help_xen_count - messages of a type in the log
 * help_xen_health - what was last said of it
 */
const struct hv_domain *help_xen_said(struct help_xen *h, uint32_t domid);
const struct hv_host *help_xen_host(struct help_xen *h);
size_t help_xen_count(struct help_xen *h, uint32_t type);
const char *help_xen_health(struct help_xen *h);

/*
 * help_xen_command - a command about a domain
 * help_xen_send - send it; the trace begins with it; returns its id
 * help_xen_do - the same for one that is answered at once
 */
struct hv_command help_xen_command(enum hv_verb verb, uint32_t domid);
uint64_t help_xen_send(struct help_xen *h, const struct hv_command *c);
struct hv_result help_xen_do(struct help_xen *h, const struct hv_command *c);

#endif
