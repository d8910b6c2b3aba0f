/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SERVER_HELP_DIR_H
#define TESTS_SERVER_HELP_DIR_H

/*
 * help_dir - a folder for a test, empty when it begins and gone when it ends
 */

extern char help_dir[64];

/*
 * help_dir_make, help_dir_remove - before and after; with all that is in it
 */
void help_dir_make(void);
void help_dir_remove(void);

/*
 * help_dir_path - of a name in the folder; valid until the next
 */
const char *help_dir_path(const char *name);

#endif
