/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XE_CURL_H
#define XE_CURL_H

/*
 * xe_curl - a transport for xmlrpc-c's client, over libcurl
 *
 * xmlrpc-c's own transport over libcurl knows no Unix sockets, and keeps the
 * options that this program sets to itself.
 *
 * DIAGNOSTICS faults with a sentence.  BUGS synchronous calls only.
 */

#include <xmlrpc-c/base.h>
#include <xmlrpc-c/client.h>
#include <xmlrpc-c/transport.h>

#include "cli/xe.h"

extern const struct xmlrpc_client_transport_ops xe_curl_ops;

/*
 * xe_curl_new - a transport that goes where the configuration says
 *
 * in      c  must outlive the transport; url  of the server
 * errors  NULL when out of memory
 */
struct xmlrpc_client_transport *xe_curl_new(
    const struct xe_conf *c, const char *url);

/*
 * xe_curl_free - and set to NULL; NULL is fine
 */
void xe_curl_free(struct xmlrpc_client_transport **t);

#endif
