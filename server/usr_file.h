/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_USR_FILE_H
#define SERVER_USR_FILE_H

/*
 * usr_file - DIR/users as lines, and how it is changed
 *
 * Lines of name:hash:role, hashes by crypt(3), new ones yescrypt; lines that
 * start with # are kept.  The file is replaced in one step; who changes it
 * holds a lock on DIR/users.lock, so daemon and tool may both do it.
 *
 * DIAGNOSTICS none; reasons are returned as text.  BUGS none known.
 */

#include <stdbool.h>
#include <stddef.h>

#define USR_FILE "users"

/* A line of the file: an account, or a comment (name NULL). */
struct usr_line {
	char *text; /* owned; name and hash point into it */
	const char *name;
	const char *hash;
	int role;
	bool gone; /* not to be written any more */
};

struct usr_list {
	struct usr_line *lines;
	size_t n;
};

/* What is to become of one account; made if it has hash and role. */
struct usr_change {
	const char *name;
	const char *hash; /* NULL: as it is */
	int role;	  /* -1: as it is */
	bool remove;
};

/*
 * usr_file_hash - a fresh yescrypt hash; NULL: out of memory
 * usr_file_matches - is it the password of a hash?
 */
char *usr_file_hash(const char *password);
bool usr_file_matches(const char *password, const char *hashed);

/*
 * usr_file_exists - is there a DIR/users?
 */
bool usr_file_exists(const char *dir);

/*
 * usr_file_load - the accounts; on failure list_out is untouched
 *
 * returns 0, or -1 with the text set
 */
int usr_file_load(
    const char *dir, struct usr_list *list_out, char *why, size_t why_bytes);

/*
 * usr_file_fini - forget them
 */
void usr_file_fini(struct usr_list *l);

/*
 * usr_file_find - an account by name; NULL: there is none
 */
struct usr_line *usr_file_find(const struct usr_list *l, const char *name);

/*
 * usr_file_change - change the file, durable on return
 *
 * returns 0, or -1 with the text set; then the old file is still there
 */
int usr_file_change(
    const char *dir, const struct usr_change *c, char *why, size_t why_bytes);

#endif
