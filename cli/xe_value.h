/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XE_VALUE_H
#define XE_VALUE_H

/*
 * xe_value - values of the command layer as values of xmlrpc-c, and back
 *
 * An int is sent as a string, as every server of the XenAPI takes it.
 *
 * DIAGNOSTICS faults.  BUGS none known.
 */

#include <xmlrpc-c/base.h>

#include "cli/cli_val.h"

/*
 * xe_value_params - the parameters of a call, the session first unless NULL
 *
 * errors  a fault, and NULL
 */
xmlrpc_value *xe_value_params(
    xmlrpc_env *env, const char *session, const struct cli_val *args, size_t n);

/*
 * xe_value_read - a copy in the pool
 *
 * errors  a fault; v_out is untouched
 */
void xe_value_read(xmlrpc_env *env, struct cli_pool *pool, xmlrpc_value *value,
    struct cli_val *v_out);

#endif
