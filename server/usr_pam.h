/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_USR_PAM_H
#define SERVER_USR_PAM_H

/*
 * usr_pam - passwords that PAM checks, in a process of its own
 *
 * A PAM module is other people's code in our address space, may block for as
 * long as it likes and may crash.  So each check is a new process,
 * xenapi-memory-pam, killed with all that it started when its time is over.
 * It gets "address NUL user NUL password NUL" on its standard input, and says
 * on its standard output
 *
 *   accepted | denied | failed TEXT
 *   group NAME        (after accepted; any number)
 *   end
 *
 * What does not end in "end" counts as failed.
 *
 * Threads: everything may be called from any thread; a check blocks.
 *
 * DIAGNOSTICS what failed is logged, without passwords.
 * BUGS a helper that cannot be killed (it hangs in the kernel) is left behind.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "server/conf.h"

#define USR_PAM_NAME_MAX 255 /* bytes of a user's name */

struct usr_pam {
	const char *program; /* path of xenapi-memory-pam */
	const char *service;
	const char *confdir; /* "": where the system has them */
	const struct conf_group *groups;
	size_t ngroups;
	int64_t limit_ms;
	unsigned checks_max; /* at a time; more are refused */
	atomic_uint checks;
	atomic_bool ending; /* set it: what hangs is given up */
};

enum usr_pam_result {
	USR_PAM_ACCEPTED, /* and a role is known */
	USR_PAM_NO_ROLE,  /* accepted, but no group of [roles] */
	USR_PAM_DENIED,
	USR_PAM_BUSY,	/* too many checks at a time: not even begun */
	USR_PAM_FAILED, /* nobody knows: hung, crashed, misconfigured */
};

/*
 * usr_pam_check - is this the password of that user, and what may he do?
 *
 * in      peer  "address:port" of the caller, for PAM's own rules and logs
 * out     role_out  for USR_PAM_ACCEPTED: enum idl_role, strongest of all
 */
enum usr_pam_result usr_pam_check(struct usr_pam *p, const char *name,
    const char *password, const char *peer, int *role_out);

#endif
