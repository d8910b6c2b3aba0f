/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_SRV_FILE_H
#define SERVER_SRV_FILE_H

/*
 * srv_file - small files of the state folder, whole or not at all
 *
 * DIAGNOSTICS none; errno says why.  BUGS none known.
 */

#include <stddef.h>

/*
 * srv_file_write - DIR/name, mode 0600, replaced in one step, durable on return
 *
 * note    root writes files that belong to the folder's owner
 * returns 0, or -1 with errno; then the old file is still there
 */
int srv_file_write(const char *dir, const char *name, const void *p, size_t n);

/*
 * srv_file_read - the whole of a file
 *
 * in      max  refuse longer files (EFBIG)
 * out     n_out  its length; the text is NUL-terminated besides
 * returns malloc'd memory, or NULL with errno
 */
char *srv_file_read(
    const char *dir, const char *name, size_t max, size_t *n_out);

/*
 * srv_file_secret - the whole of a file anywhere, which nobody but its owner
 *         (we or root) may read
 *
 * returns malloc'd memory, or NULL with errno; EPERM: others may read it
 */
char *srv_file_secret(const char *path, size_t max, size_t *n_out);

/*
 * srv_file_remove - DIR/name goes, durably; not there is fine
 *
 * returns 0, or -1 with errno
 */
int srv_file_remove(const char *dir, const char *name);

#endif
