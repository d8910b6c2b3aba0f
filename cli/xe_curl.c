/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_curl - requests of xmlrpc-c's client through libcurl
 */

/* System */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/xe_curl.h"

#define CONNECT_S 20L
#define UNTRUSTED "SSL certificate problem" /* not: the name is another */

struct xmlrpc_client_transport {
	CURL *curl;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	xmlrpc_mem_block *reply;
	const struct xe_conf *conf;
	bool too_long;
};

/* stopped - whether to give the transfer up: libcurl asks at least each second
 */
static int
stopped(void *ctx, curl_off_t in_all, curl_off_t in, curl_off_t out_all,
    curl_off_t out)
{
	const struct xmlrpc_client_transport *t = ctx;

	(void)in_all; /* the bytes do not matter */
	(void)in;
	(void)out_all;
	(void)out;
	return t->conf->stop != NULL && t->conf->stop();
}

/* take - bytes of the reply; fewer than n_bytes taken ends the transfer */
static size_t
take(char *bytes, size_t one, size_t n_bytes, void *ctx)
{
	struct xmlrpc_client_transport *t = ctx;
	xmlrpc_env env;
	bool ok;

	(void)one; /* always 1 */
	if (n_bytes >
	    XE_REPLY_MAX_BYTES - XMLRPC_MEMBLOCK_SIZE(char, t->reply)) {
		t->too_long = true;
		return 0;
	}
	xmlrpc_env_init(&env);
	XMLRPC_MEMBLOCK_APPEND(char, &env, t->reply, bytes, n_bytes);
	ok = !env.fault_occurred;
	xmlrpc_env_clean(&env);
	return ok ? n_bytes : 0;
}

/* set_place - where to, and whom to trust */
static bool
set_place(CURL *curl, const struct xe_conf *c)
{
	CURLcode rc = CURLE_OK;

	if (c->socket != NULL)
		return curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH,
			   c->socket) == CURLE_OK;
	if (c->insecure) {
		rc = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	} else if (c->cacert != NULL) {
		rc = curl_easy_setopt(curl, CURLOPT_CAINFO, c->cacert);
	}
	return rc == CURLE_OK;
}

static bool
set_options(struct xmlrpc_client_transport *t, const struct xe_conf *c)
{
	CURL *h = t->curl;

	return curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S) ==
		   CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") ==
		   CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_SSLVERSION,
		   (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers) ==
		   CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_VERBOSE, (long)c->debug) ==
		   CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, stopped) ==
		   CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_XFERINFODATA, t) == CURLE_OK &&
	       curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       set_place(h, c);
}

struct xmlrpc_client_transport *
xe_curl_new(const struct xe_conf *c, const char *url)
{
	struct xmlrpc_client_transport *t = calloc(1, sizeof(*t));
	struct curl_slist *more;

	if (t == NULL)
		return NULL;
	t->conf = c;
	t->curl = curl_easy_init();
	t->headers = curl_slist_append(NULL, "Content-Type: text/xml");
	/* No "Expect: 100-continue": it costs a round trip. */
	more = t->headers == NULL ? NULL
				  : curl_slist_append(t->headers, "Expect:");
	if (t->curl == NULL || more == NULL || !set_options(t, c) ||
	    curl_easy_setopt(t->curl, CURLOPT_URL, url) != CURLE_OK)
		xe_curl_free(&t);
	return t;
}

void
xe_curl_free(struct xmlrpc_client_transport **t)
{
	if (*t == NULL)
		return;
	curl_easy_cleanup((*t)->curl);
	curl_slist_free_all((*t)->headers);
	free(*t);
	*t = NULL;
}

/* connect_error - why the connection could not be made */
static const char *
connect_error(CURL *curl)
{
	long number = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number); /* else 0 */
	return number != 0 ? strerror((int)number) : "no answer";
}

/* perform - one request; the reply grows in t->reply */
static void
perform(xmlrpc_env *env, struct xmlrpc_client_transport *t,
    const xmlrpc_mem_block *xml)
{
	long status = 0;
	CURLcode rc;

	t->error[0] = '\0';
	t->too_long = false;
	if (curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS,
		XMLRPC_MEMBLOCK_CONTENTS(char, xml)) != CURLE_OK ||
	    curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE,
		(curl_off_t)XMLRPC_MEMBLOCK_SIZE(char, xml)) != CURLE_OK) {
		xmlrpc_faultf(env, "cannot set up the request");
		return;
	}
	rc = curl_easy_perform(t->curl);
	if (t->too_long)
		xmlrpc_faultf(env, "the reply is longer than %u MiB",
		    XE_REPLY_MAX_BYTES >> 20);
	else if (rc == CURLE_COULDNT_CONNECT && t->conf->socket != NULL)
		/* libcurl would name a host and a port that are made up */
		xmlrpc_faultf(env, "cannot connect to %s: %s", t->conf->socket,
		    connect_error(t->curl));
	else if (strncmp(t->error, UNTRUSTED, strlen(UNTRUSTED)) == 0)
		xmlrpc_faultf(
		    env, "%s; --cacert FILE says whom to trust", t->error);
	else if (rc != CURLE_OK)
		xmlrpc_faultf(env, "%s",
		    t->error[0] != '\0' ? t->error : curl_easy_strerror(rc));
	else if (curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status) !=
		     CURLE_OK ||
		 status != 200)
		xmlrpc_faultf(
		    env, "the server answered with HTTP status %ld", status);
}

/* call - the synchronous call of the transport interface */
static void
call(xmlrpc_env *const env, struct xmlrpc_client_transport *const t,
    const xmlrpc_server_info *const server, xmlrpc_mem_block *const xml,
    xmlrpc_mem_block **const reply_out)
{
	(void)server; /* its URL cannot be read; the transport has its own */
	t->reply = XMLRPC_MEMBLOCK_NEW(char, env, 0);
	if (!env->fault_occurred) {
		perform(env, t, xml);
		if (env->fault_occurred)
			XMLRPC_MEMBLOCK_FREE(char, t->reply);
		else
			*reply_out = t->reply;
	}
	t->reply = NULL;
}

const struct xmlrpc_client_transport_ops xe_curl_ops = {.call = call};
