/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef API_CALL_H
#define API_CALL_H

/*
 * call - what the files of api/ share about a call in flight
 *
 * DIAGNOSTICS none.  BUGS none known.
 */

#include "api/api.h"

/*
 * api_call_finish - the answer is known: err and result or why are set
 *
 * in      rc  ERR_NONE, or the code that c->why holds
 */
void api_call_finish(struct api_call *c, enum err rc);

/*
 * api_call_push - queue a call (its handler, or c->stage) to the writer
 */
void api_call_push(struct api_call *c);

/*
 * api_ops_send - send c->command; the call goes on with its result
 */
void api_ops_send(struct api_call *c);

/*
 * api_session_owns - may this call ask about that record?
 *
 * returns false for a record of a private class that is not the caller's own
 */
bool api_session_owns(
    const struct api_call *c, int cls, const struct idl_ref *ref);

/*
 * api_session_is_over - has it been idle for a day, with nothing pending?
 */
bool api_session_is_over(
    const struct fld_view *v, const struct idl_session *s, int64_t now_s);

/*
 * api_session_permissions - the field rbac_permissions of a session
 *
 * returns NULL: arena full
 */
const struct idl_set *api_session_permissions(
    const struct fld_view *v, const void *rec, struct arena *a);

/*
 * api_session_touch - note that a session is in use (a write of its own)
 */
void api_session_touch(struct api_env *env, const struct idl_ref *session);

/*
 * api_inverse - the refs of the records that point at one, as a set
 *
 * in      f  an IDL_F_INVERSE field
 * returns NULL: arena full
 */
const struct idl_set *api_inverse(const struct fld_view *v,
    const struct idl_field *f, const struct idl_ref *ref, struct arena *a);

#endif
