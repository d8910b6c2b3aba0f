/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_link - calls of the command layer over xmlrpc-c's client
 */

/* System */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/xe.h"
#include "cli/xe_curl.h"
#include "cli/xe_value.h"

struct xe_link {
	const struct xe_conf *conf;
	char url[600];
	struct xmlrpc_client_transport *transport;
	xmlrpc_client *client;
	xmlrpc_server_info *server;
	char session[128]; /* "" while not logged in */
};

/* set_url - https://server:port/, or any URL for a socket */
static bool
set_url(struct xe_link *l, const char *server)
{
	const char *port = l->conf->port != NULL ? l->conf->port : "443";
	bool v6 =
	    strchr(server, ':') != strrchr(server, ':') && server[0] != '[';
	bool own_port = !v6 && server[0] != '[' && strchr(server, ':') != NULL;
	int n;

	if (l->conf->socket != NULL)
		n = snprintf(l->url, sizeof(l->url), "http://localhost/");
	else if (own_port)
		n = snprintf(l->url, sizeof(l->url), "https://%s/", server);
	else
		n = snprintf(l->url, sizeof(l->url), "https://%s%s%s:%s/",
		    v6 ? "[" : "", server, v6 ? "]" : "", port);
	return n > 0 && (size_t)n < sizeof(l->url);
}

/* connect_to - a client that talks to this server; nothing is sent yet */
static bool
connect_to(struct xe_link *l, const char *server)
{
	struct xmlrpc_clientparms parms = {
	    .transportOpsP = &xe_curl_ops, .transportP = NULL};
	xmlrpc_env env;
	bool ok;

	if (!set_url(l, server))
		return false;
	if (l->client != NULL)
		xmlrpc_client_destroy(l->client);
	l->client = NULL;
	if (l->server != NULL)
		xmlrpc_server_info_free(l->server);
	l->server = NULL;
	xe_curl_free(&l->transport);
	l->transport = xe_curl_new(l->conf, l->url);
	if (l->transport == NULL)
		return false;
	parms.transportP = l->transport;
	xmlrpc_env_init(&env);
	xmlrpc_client_create(
	    &env, 0, "xe-memory", "1.0", &parms, sizeof(parms), &l->client);
	if (!env.fault_occurred)
		l->server = xmlrpc_server_info_new(&env, l->url);
	ok = !env.fault_occurred;
	xmlrpc_env_clean(&env);
	return ok;
}

struct xe_link *
xe_link_new(const struct xe_conf *c, const char **text_out)
{
	struct xe_link *l = calloc(1, sizeof(*l));
	xmlrpc_env env;

	*text_out = "out of memory";
	if (l == NULL)
		return NULL;
	l->conf = c;
	xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, XE_REPLY_MAX_BYTES);
	xmlrpc_env_init(&env);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		xmlrpc_client_setup_global_const(&env);
	if (env.fault_occurred ||
	    !connect_to(l, c->server != NULL ? c->server : "localhost")) {
		*text_out = "cannot set up the connection";
		xe_link_free(&l);
	}
	xmlrpc_env_clean(&env);
	return l;
}

/* fail_text - no answer, and why; out of memory if not even that */
static enum cli_status
fail_text(struct cli_pool *pool, const char *text, struct cli_failure *why)
{
	const char *copy = cli_pool_text(pool, text, strlen(text));

	*why = (struct cli_failure){
	    copy != NULL ? copy : "out of memory", NULL, 0};
	return CLI_LOST;
}

/* api_failure - code and parameters of an ErrorDescription */
static enum cli_status
api_failure(
    struct cli_pool *pool, const struct cli_val *error, struct cli_failure *why)
{
	const char **param;
	size_t i;

	if (error == NULL || error->kind != CLI_ARRAY || error->n == 0)
		return fail_text(pool, "the server's answer is no answer", why);
	param = cli_pool_array(pool, error->n, sizeof(*param));
	if (param == NULL)
		return fail_text(pool, "out of memory", why);
	for (i = 1; i < error->n; i++)
		param[i - 1] = cli_val_str(&error->item[i]);
	*why = (struct cli_failure){
	    cli_val_str(&error->item[0]), param, error->n - 1};
	return CLI_FAILED;
}

/* result - what an envelope holds: a value or a failure */
static enum cli_status
result(struct cli_pool *pool, const struct cli_val *envelope,
    struct cli_val *value_out, struct cli_failure *why)
{
	const struct cli_val *v;

	if (envelope->kind == CLI_ARRAY) { /* system.listMethods is bare */
		*value_out = *envelope;
		return CLI_OK;
	}
	if (strcmp(cli_val_str(cli_val_member(envelope, "Status")),
		"Success") != 0)
		return api_failure(
		    pool, cli_val_member(envelope, "ErrorDescription"), why);
	v = cli_val_member(envelope, "Value");
	if (v == NULL)
		return fail_text(pool, "the server's answer is no answer", why);
	*value_out = *v;
	return CLI_OK;
}

/* send_call - one call, the session (NULL: none) as its first parameter */
static enum cli_status
send_call(struct xe_link *l, struct cli_pool *pool, const char *method,
    const char *session, const struct cli_val *args, size_t n,
    struct cli_val *value_out, struct cli_failure *why)
{
	xmlrpc_value *params = NULL, *answer = NULL;
	struct cli_val envelope;
	enum cli_status status;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	params = xe_value_params(&env, session, args, n);
	if (!env.fault_occurred)
		xmlrpc_client_call2(
		    &env, l->client, l->server, method, params, &answer);
	if (!env.fault_occurred)
		xe_value_read(&env, pool, answer, &envelope);
	if (env.fault_occurred)
		status = fail_text(pool, env.fault_string, why);
	else
		status = result(pool, &envelope, value_out, why);
	if (answer != NULL)
		xmlrpc_DECREF(answer);
	if (params != NULL)
		xmlrpc_DECREF(params);
	xmlrpc_env_clean(&env);
	return status;
}

enum cli_status
xe_link_login(struct xe_link *l, struct cli_pool *pool, struct cli_failure *why)
{
	const struct xe_conf *c = l->conf;
	struct cli_val args[4] = {
	    cli_val_text(c->user != NULL ? c->user : "root"),
	    cli_val_text(c->password != NULL ? c->password : ""),
	    cli_val_text("1.0"), cli_val_text("cli")};
	struct cli_val ref;
	enum cli_status status;

	l->session[0] = '\0';
	status = send_call(
	    l, pool, "session.login_with_password", NULL, args, 4, &ref, why);
	if (status == CLI_FAILED && strcmp(why->code, "HOST_IS_SLAVE") == 0 &&
	    why->n > 0 && c->socket == NULL) {
		if (!connect_to(l, why->param[0]))
			return fail_text(pool, "cannot reach the master", why);
		status = send_call(l, pool, "session.login_with_password", NULL,
		    args, 4, &ref, why);
	}
	if (status != CLI_OK)
		return status;
	if (strlen(cli_val_str(&ref)) >= sizeof(l->session))
		return fail_text(pool, "the server's session is no ref", why);
	(void)snprintf(l->session, sizeof(l->session), "%s",
	    cli_val_str(&ref)); /* fits: checked above */
	return CLI_OK;
}

enum cli_status
xe_link_call(void *ctx, struct cli_pool *pool, const char *method,
    const struct cli_val *args, size_t n, struct cli_val *value_out,
    struct cli_failure *why)
{
	struct xe_link *l = ctx;
	enum cli_status status =
	    send_call(l, pool, method, l->session, args, n, value_out, why);

	if (status != CLI_FAILED || strcmp(why->code, "SESSION_INVALID") != 0)
		return status;
	status = xe_link_login(l, pool, why);
	if (status == CLI_OK)
		status = send_call(
		    l, pool, method, l->session, args, n, value_out, why);
	return status;
}

void
xe_link_free(struct xe_link **link)
{
	struct xe_link *l = *link;
	struct cli_failure why;
	struct cli_pool *pool;
	struct cli_val none;

	if (l == NULL)
		return;
	if (l->session[0] != '\0') {
		pool = cli_pool_new(1u << 16);
		if (pool != NULL) /* a session that stays behind expires */
			(void)send_call(l, pool, "session.logout", l->session,
			    NULL, 0, &none, &why);
		cli_pool_free(&pool);
	}
	if (l->server != NULL)
		xmlrpc_server_info_free(l->server);
	if (l->client != NULL)
		xmlrpc_client_destroy(l->client);
	xe_curl_free(&l->transport);
	explicit_bzero(l->session, sizeof(l->session));
	free(l);
	*link = NULL;
}
